//! The game of reaching a number: an equation that uses each given number once and has the wanted value.

use super::evaluate::{Work, exact};
use super::parse::parse;
use super::value::Rational;
use crate::verify::{Status, Verdict};

/// Mark of gold answers of this game: `countdown-<target>-<list>`.
const MARK: &str = "countdown";

/// How far from the target is still a hit.
const ALLOWED: f64 = 1e-5;

/// Longest equation, in bytes.
const LONGEST: usize = 1_000;

/// True where a gold answer asks for this game.
pub fn is_countdown(gold: &str) -> bool {
    gold.starts_with(MARK)
}

/// Judges the equation in an answer; what stands behind `=` is not looked at.
pub fn judge(gold: &str, answer: &str) -> Verdict {
    let Some((target, numbers)) = wanted(gold) else {
        return Verdict::of(Status::Error, "the gold answer names no target and no numbers");
    };
    let equation = answer.trim().trim_matches('$').replace(r"\times", "*").replace(r"\cdot", "*").replace(r"\div", "/");
    let equation = equation.split('=').next().unwrap_or_default().trim();
    if equation.is_empty() {
        return Verdict::of(Status::NoAnswer, "no equation");
    }
    let allowed = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-*/().×÷".contains(c);
    if equation.len() > LONGEST || !equation.chars().all(allowed) {
        return Verdict::of(Status::Unparsable, "an equation is made of numbers, + - * / and brackets");
    }
    let mut used: Vec<&str> = equation.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    used.sort_unstable();
    let mut given: Vec<&str> = numbers;
    given.sort_unstable();
    if used != given {
        return Verdict::wrong("it does not use each number once");
    }
    let mut work = Work::default();
    let value = parse(equation).ok().and_then(|expr| exact(&expr, &mut work));
    let Some(value) = value else {
        return Verdict { limited: work.limited, ..Verdict::wrong("the equation has no value") };
    };
    match value.value.plus(&target.negated()) {
        Some(off) if off.to_float().abs() < ALLOWED => Verdict::correct(),
        _ => Verdict::wrong("another value"),
    }
}

/// The target and the numbers of a gold answer.
fn wanted(gold: &str) -> Option<(Rational, Vec<&str>)> {
    let rest = gold.strip_prefix(MARK)?.strip_prefix('-')?;
    let start = rest.find('[')?;
    let target = rest.get(..start)?.trim_end_matches('-').trim();
    let list = rest.get(start..)?.trim().strip_prefix('[')?.strip_suffix(']')?;
    let numbers = list.split(',').map(str::trim).filter(|number| !number.is_empty()).collect();
    let (whole, places) =
        target.trim_start_matches('-').split_once('.').unwrap_or((target.trim_start_matches('-'), ""));
    let value = Rational::decimal(whole, places)?;
    Some((if target.starts_with('-') { value.negated() } else { value }, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_used_once() {
        let gold = "countdown-24-[3, 8, 1]";
        for (answer, expected) in [
            ("3 * 8 * 1", Status::Correct),
            (r"3 \times 8 \times 1 = 24", Status::Correct),
            ("(8/1)*3", Status::Correct),
            ("3 * 8", Status::Wrong),
            ("3 * 8 * 1 * 1", Status::Wrong),
            ("24", Status::Wrong),
            ("38 - 1", Status::Wrong),
            ("3 + 8 + 1", Status::Wrong),
            ("3 / (8 - 8) * 1", Status::Wrong),
            ("3 ** 8 ** 1", Status::Wrong),
            ("import os", Status::Unparsable),
            ("", Status::NoAnswer),
        ] {
            assert_eq!(judge(gold, answer).status, expected, "{answer}");
        }
        assert_eq!(judge("countdown-x", "1").status, Status::Error);
    }
}
