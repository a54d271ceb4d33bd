//! Mathematics for a small policy: sums, differences, products and equations whose steps are written digit by digit.
//!
//! | level | prompt | steps | answer |
//! | --- | --- | --- | --- |
//! | 1 | `7+58=?` | `7+8=15,0+5+1=6` | `65` |
//! | 2 | `612-345=?` | `12-5=7,11-4-1=6,6-3-1=2` | `267` |
//! | 3 | four digits, as level 2 | | |
//! | 4 | `7*345=?` | `7*5=35,7*4+3=31,7*3+3=24` | `2415` |
//! | 5 | `3x+4=19,x=?` | `19-4=15,15/3=5` | `5` |
//!
//! Digits come from the right, each with its carry or borrow, so that no step needs more than one digit of memory.

use crate::data::builtin::{Generator, Task};
use crate::rng::Draws;
use serde_json::Value;
use std::collections::BTreeMap;

/// The generator `arithmetic`. Column `answer` holds the number as text.
pub struct Arithmetic;

impl Generator for Arithmetic {
    fn name(&self) -> &'static str {
        "arithmetic"
    }

    fn levels(&self) -> u32 {
        5
    }

    fn sample(&self, level: u32, draws: &mut Draws) -> Task {
        match level {
            1 => {
                let (a, b) = (one_or_two_digits(draws), one_or_two_digits(draws));
                sum_or_difference(level, a, b, draws)
            }
            2 => {
                let (a, b) = (draws.between(100, 999), draws.between(100, 999));
                sum_or_difference(level, a, b, draws)
            }
            3 => {
                let (a, b) = (draws.between(1000, 9999), draws.between(1000, 9999));
                sum_or_difference(level, a, b, draws)
            }
            4 => product(level, draws),
            _ => equation(level, draws),
        }
    }
}

/// One digit and two digits are equally likely.
fn one_or_two_digits(draws: &mut Draws) -> i64 {
    if draws.below(2) == 0 { draws.between(1, 9) } else { draws.between(10, 99) }
}

fn task(level: u32, prompt: String, key: String, steps: String, answer: i64) -> Task {
    let answer = answer.to_string();
    let columns = BTreeMap::from([("answer".to_owned(), Value::String(answer.clone()))]);
    Task { level, prompt, key, columns, steps, answer }
}

fn sum_or_difference(level: u32, a: i64, b: i64, draws: &mut Draws) -> Task {
    let (low, high) = (a.min(b), a.max(b));
    if draws.below(2) == 0 {
        task(level, format!("{a}+{b}=?"), format!("{low}+{high}"), sum_steps(a, b), a + b)
    } else {
        task(level, format!("{high}-{low}=?"), format!("{high}-{low}"), difference_steps(high, low), high - low)
    }
}

/// Column sums from the right; a carry is a third number.
fn sum_steps(mut a: i64, mut b: i64) -> String {
    let (mut steps, mut carry) = (Vec::new(), 0);
    while a > 0 || b > 0 {
        let column = a % 10 + b % 10 + carry;
        let carried = if carry > 0 { "+1" } else { "" };
        steps.push(format!("{}+{}{carried}={column}", a % 10, b % 10));
        carry = column / 10;
        (a, b) = (a / 10, b / 10);
    }
    steps.join(",")
}

/// Column differences from the right; a borrow makes the upper digit ten more and takes one from the next column.
fn difference_steps(mut high: i64, mut low: i64) -> String {
    let (mut steps, mut borrow) = (Vec::new(), 0);
    while high > 0 || low > 0 {
        let lack = high % 10 < low % 10 + borrow;
        let upper = high % 10 + if lack { 10 } else { 0 };
        let taken = if borrow > 0 { "-1" } else { "" };
        steps.push(format!("{upper}-{}{taken}={}", low % 10, upper - low % 10 - borrow));
        borrow = i64::from(lack);
        (high, low) = (high / 10, low / 10);
    }
    steps.join(",")
}

/// One digit times three digits, in either order.
fn product(level: u32, draws: &mut Draws) -> Task {
    let (digit, number) = (draws.between(2, 9), draws.between(100, 999));
    let prompt = if draws.below(2) == 0 { format!("{digit}*{number}=?") } else { format!("{number}*{digit}=?") };
    let (mut steps, mut carry, mut rest) = (Vec::new(), 0, number);
    while rest > 0 {
        let column = digit * (rest % 10) + carry;
        let carried = if carry > 0 { format!("+{carry}") } else { String::new() };
        steps.push(format!("{digit}*{}{carried}={column}", rest % 10));
        carry = column / 10;
        rest /= 10;
    }
    task(level, prompt, format!("{digit}*{number}"), steps.join(","), digit * number)
}

/// `ax+b=c` or `ax-b=c` with a solution from 2 to 12.
fn equation(level: u32, draws: &mut Draws) -> Task {
    let (factor, solution, offset) = (draws.between(2, 9), draws.between(2, 12), draws.between(1, 30));
    let multiple = factor * solution;
    let (left, inverse, right) = if draws.below(2) == 0 || multiple <= offset {
        (format!("{factor}x+{offset}"), '-', multiple + offset)
    } else {
        (format!("{factor}x-{offset}"), '+', multiple - offset)
    };
    let steps = format!("{right}{inverse}{offset}={multiple},{multiple}/{factor}={solution}");
    task(level, format!("{left}={right},x=?"), format!("{left}={right}"), steps, solution)
}
