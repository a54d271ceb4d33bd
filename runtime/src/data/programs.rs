//! Programs for a small policy: a function of `x` shown by three pairs of input and output.
//!
//! The prompt `2>8 3>11 4>14:` asks for an expression such as `x*3+2`. Inputs follow each other, so the differences of
//! the outputs tell the family and its first number; the second number is what the first output lacks:
//!
//! | level | families | steps for the example |
//! | --- | --- | --- |
//! | 1 | `x+a`, `x-a`, `x*a` | of `x+5`: `8-7=1,9-8=1;7-2=5` |
//! | 2 | `x*a+b` | `11-8=3,14-11=3;3*2=6;8-6=2` |
//! | 3 | `x*a-b`, `x*x+b`, `x*x-b` | of `x*x+1`: `10-5=5,17-10=7;2*2=4;5-4=1` |
//! | 4 | `max(x,a)+b`, `min(x,a)+b`, `x%a+b` | of `x%5+2`: `6-5=1,2-6=-4;5>2`, where it turns |
//!
//! The numbers are small on purpose: outputs stay below 80 and second numbers below 11. With outputs up to 99 a policy of
//! 0.34M parameters, warm-started on 28,800 demonstrations, writes differences that are off by one and solves 16% of what
//! is held out; with these it solves 43% to 53% (two seeds).
//! No two programs that differ on a hidden input share a prompt.

use crate::data::builtin::{Generator, Task};
use crate::rng::Draws;
use serde_json::json;
use std::collections::BTreeMap;

/// Hidden tests have the inputs 0 to 12.
const HIDDEN_INPUTS: i64 = 13;

/// The generator `programs`. Column: `tests`, for `program_tests`.
pub struct Programs;

/// A family of functions of `x`, with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// `x*a+b`; `a` is from 1, `b` may be below 0.
    Line { a: i64, b: i64 },
    /// `x*x+b`
    Square { b: i64 },
    /// `max(x,a)+b`
    Max { a: i64, b: i64 },
    /// `min(x,a)+b`
    Min { a: i64, b: i64 },
    /// `x%a+b`
    Modulo { a: i64, b: i64 },
}

impl Family {
    fn value(self, x: i64) -> i64 {
        match self {
            Self::Line { a, b } => x * a + b,
            Self::Square { b } => x * x + b,
            Self::Max { a, b } => x.max(a) + b,
            Self::Min { a, b } => x.min(a) + b,
            Self::Modulo { a, b } => x.rem_euclid(a) + b,
        }
    }

    fn program(self) -> String {
        let (start, b) = match self {
            Self::Line { a: 1, b } => ("x".to_owned(), b),
            Self::Line { a, b } => (format!("x*{a}"), b),
            Self::Square { b } => ("x*x".to_owned(), b),
            Self::Max { a, b } => (format!("max(x,{a})"), b),
            Self::Min { a, b } => (format!("min(x,{a})"), b),
            Self::Modulo { a, b } => (format!("x%{a}"), b),
        };
        match b {
            0 => start,
            1.. => format!("{start}+{b}"),
            _ => format!("{start}{b}"),
        }
    }

    /// The way from the pairs to the program: differences, then what is left (the larger number first).
    fn steps(self, [(x, first), (middle, second), (last, third)]: [(i64, i64); 3]) -> String {
        let left = |start: i64| {
            if first >= start {
                format!("{first}-{start}={}", first - start)
            } else {
                format!("{start}-{first}={}", start - first)
            }
        };
        let rest = match self {
            Self::Line { a: 1, .. } => left(x),
            Self::Line { a, .. } => format!("{a}*{x}={};{}", a * x, left(a * x)),
            Self::Square { .. } => format!("{x}*{x}={};{}", x * x, left(x * x)),
            Self::Max { a, b } | Self::Min { a, b } => format!("{second}-{a}={b}"),
            Self::Modulo { .. } if third < second => format!("{last}>{third}"),
            Self::Modulo { .. } => format!("{middle}>{second}"),
        };
        format!("{second}-{first}={},{third}-{second}={};{rest}", second - first, third - second)
    }
}

/// A family of a level and the first of the three inputs.
fn draw(level: u32, draws: &mut Draws) -> (Family, i64) {
    match level {
        1 => match draws.below(3) {
            0 => (Family::Line { a: 1, b: draws.between(1, 9) }, draws.between(0, 34)),
            1 => {
                let b = draws.between(1, 9);
                (Family::Line { a: 1, b: -b }, draws.between(b, b + 29))
            }
            _ => (Family::Line { a: draws.between(2, 9), b: 0 }, draws.between(0, 4)),
        },
        2 => (Family::Line { a: draws.between(2, 5), b: draws.between(1, 10) }, draws.between(0, 11)),
        3 => match draws.below(4) {
            0 | 1 => {
                let (a, b) = (draws.between(2, 5), draws.between(1, 9));
                let lowest = (b + a - 1) / a;
                (Family::Line { a, b: -b }, draws.between(lowest, lowest + 6))
            }
            2 => (Family::Square { b: draws.between(0, 9) }, draws.between(0, 5)),
            _ => {
                let x = draws.between(1, 5);
                (Family::Square { b: -draws.between(1, (x * x).min(9)) }, x)
            }
        },
        _ => {
            let (a, b) = (draws.between(3, 9), draws.between(0, 9));
            match draws.below(4) {
                0 => (Family::Max { a, b }, a - 1),
                1 => (Family::Min { a, b }, a - 1),
                2 => (Family::Modulo { a, b }, a - 1),
                _ => (Family::Modulo { a, b }, a - 2),
            }
        }
    }
}

impl Generator for Programs {
    fn name(&self) -> &'static str {
        "programs"
    }

    fn levels(&self) -> u32 {
        4
    }

    fn sample(&self, level: u32, draws: &mut Draws) -> Task {
        let (family, x) = draw(level, draws);
        let pairs = [x, x + 1, x + 2].map(|x| (x, family.value(x)));
        let prompt = pairs.map(|(x, y)| format!("{x}>{y}")).join(" ") + ":";
        let tests: Vec<_> = (0..HIDDEN_INPUTS).map(|x| json!({ "input": [x], "output": family.value(x) })).collect();
        Task {
            level,
            key: prompt.clone(),
            prompt,
            columns: BTreeMap::from([("tests".to_owned(), json!(tests))]),
            steps: family.steps(pairs),
            answer: family.program(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::builtin::test_tasks;
    use crate::data::{Problem, Split};
    use crate::verify::program_tests::ProgramTests;
    use crate::verify::{Status, Verifier};
    use recipec_compiler::settings::VerifierSettings;

    fn verifier() -> ProgramTests {
        ProgramTests::open(&VerifierSettings { name: "program_tests".into(), arguments: BTreeMap::new() }).unwrap()
    }

    #[test]
    fn answers_are_right_and_short() {
        for level in 1..=4 {
            let sides = test_tasks(&Programs, level, 2_000, |task| {
                let problem =
                    Problem { id: String::new(), level, prompt: task.prompt.clone(), columns: task.columns.clone() };
                assert_eq!(verifier().judge(&problem, Some(&task.answer)).status, Status::Correct, "{task:?}");
                assert_eq!(verifier().judge(&problem, Some("x")).status, Status::Wrong, "{task:?}");
                assert!(task.prompt.ends_with(':') && task.steps.len() <= 35, "{task:?}");
            });
            assert!(sides.contains(&Split::Train) && sides.contains(&Split::HeldOut));
        }
    }

    /// A prompt has one meaning: whoever reads the same pairs finds the same hidden outputs, whatever the level.
    #[test]
    fn three_pairs_tell_the_program() {
        let mut seen = BTreeMap::new();
        for level in 1..=4 {
            test_tasks(&Programs, level, 20_000, |task| {
                let tests = task.columns["tests"].clone();
                assert_eq!(seen.entry(task.prompt.clone()).or_insert_with(|| tests.clone()), &tests, "{}", task.prompt);
            });
        }
        assert!(seen.len() > 1_600, "{} prompts", seen.len());
    }

    #[test]
    fn outputs_are_small() {
        for level in 1..=4 {
            test_tasks(&Programs, level, 2_000, |task| {
                let pairs = task.prompt.trim_end_matches(':').split(' ');
                for (_, y) in pairs.filter_map(|pair| pair.split_once('>')) {
                    assert!((0..80).contains(&y.parse::<i64>().unwrap()), "{}", task.prompt);
                }
            });
        }
    }
}
