//! Mathematics for a small policy: sums, products and equations whose steps are written digit by digit.
//!
//! | level | prompt | steps | answer |
//! | --- | --- | --- | --- |
//! | 1 | `7+58=?` | `7+8=15,0+5+1=6` | `65` |
//! | 2 | three digits, as level 1 | | |
//! | 3 | four digits, as level 1 | | |
//! | 4 | `7*345=?` | `7*5=35,7*4+3=31,7*3+3=24` | `2415` |
//! | 5 | `x-47=58,x=?` | `8+7=15,5+4+1=10` | `105` |
//!
//! Digits come from the right, each with its carry, so that no step needs more than one digit of memory.

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
            1 => sum(level, one_or_two_digits(draws), one_or_two_digits(draws)),
            2 => sum(level, draws.between(100, 999), draws.between(100, 999)),
            3 => sum(level, draws.between(1000, 9999), draws.between(1000, 9999)),
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

fn sum(level: u32, a: i64, b: i64) -> Task {
    task(level, format!("{a}+{b}=?"), format!("{}+{}", a.min(b), a.max(b)), sum_steps(a, b), a + b)
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

/// `x-b=c`: the way back is a sum.
fn equation(level: u32, draws: &mut Draws) -> Task {
    let (taken, left) = (draws.between(10, 99), draws.between(10, 99));
    task(level, format!("x-{taken}={left},x=?"), format!("x-{taken}={left}"), sum_steps(left, taken), left + taken)
}
