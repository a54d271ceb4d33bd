//! Decisions in words: for messages, for `check` and for `explain`.

use super::{Claim, Counterexample, Decision, Question};
use crate::formula::Type;
use crate::vocabulary::signals::signal;
use std::fmt::Write;

/// "proved", "refuted" or "not decided", with the reason.
pub fn decision(decision: &Decision) -> String {
    match decision {
        Decision::Proved => "proved".into(),
        Decision::Refuted(_) => "refuted".into(),
        Decision::NotDecided { why } => format!("not decided: {why}"),
    }
}

/// How many guarantees are proved and how many are not decided: "3 guarantees proved, 1 not decided".
pub fn summary<'d>(decisions: impl Iterator<Item = &'d Decision>) -> String {
    let (mut proved, mut open) = (0, 0);
    for decision in decisions {
        match decision {
            Decision::Proved => proved += 1,
            _ => open += 1,
        }
    }
    let plural = |count: usize| if count == 1 { "1 guarantee".to_string() } else { format!("{count} guarantees") };
    match (proved, open) {
        (proved, 0) => format!("{} proved", plural(proved)),
        (0, open) => format!("{} not decided", plural(open)),
        (proved, open) => format!("{} proved, {open} not decided", plural(proved)),
    }
}

/// A number as short as it can be read back, with fractions of a small group as people write them.
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let size = libm::fabs(value);
    if (1e-3..1e15).contains(&size) {
        let rounded = libm::round(value * 1e6) / 1e6;
        if libm::fabs(rounded - value) <= 1e-9 * size { format!("{rounded}") } else { format!("{value:.6}") }
    } else {
        format!("{value:e}")
    }
}

/// A signal of one side.
pub fn sided(name: &str, side: usize) -> String {
    match side {
        1 => format!("{name} of the right side"),
        _ => name.to_string(),
    }
}

/// A signal or param with its value: `length = 96 tokens`, `correct`, `wrong`.
fn fact(name: &str, value: f64, group: Option<f64>, domains: &[String]) -> String {
    match signal(name).map(|row| row.ty) {
        Some(Type::Bool) => match (name, value != 0.0) {
            (name, true) => name.to_string(),
            ("correct", false) => "wrong".into(),
            ("truncated", false) => "finished".into(),
            (name, false) => format!("not {name}"),
        },
        Some(Type::Domain) => {
            let found = domains.get(value as usize).cloned();
            format!("domain = {}", found.unwrap_or_else(|| number(value)))
        }
        Some(Type::Number(dimension)) if !dimension.is_pure() => {
            let unit = dimension.to_string();
            let unit = if value == 1.0 { unit.trim_end_matches('s') } else { &unit };
            format!("{name} = {} {unit}", number(value))
        }
        _ => match group.filter(|_| name == "solve_rate") {
            Some(size) => format!("{name} = {}/{}", number(libm::round(value * size)), number(size)),
            None => format!("{name} = {}", number(value)),
        },
    }
}

/// The numbers of a counterexample, one line for each rollout and one for what they share.
pub fn lines(found: &Counterexample, question: &Question, group_size: u64, domains: &[String]) -> Vec<String> {
    let size = Some(group_size as f64);
    let list = |facts: &[(String, f64)]| -> String {
        facts.iter().map(|(name, value)| fact(name, *value, size, domains)).collect::<Vec<_>>().join(", ")
    };
    let two = question.claim.is_of_two();
    let mut lines = Vec::new();
    let names: &[&str] = match &question.claim {
        Claim::Compare { .. } => &["left", "right"],
        Claim::Within { .. } => &["value"],
        Claim::Monotone { .. } => &["first", "second"],
    };
    for (at, (rollout, name)) in found.rollouts.iter().zip(names).enumerate() {
        let value = number(rollout.value);
        let signals = list(&rollout.signals);
        let repeats = at == 1 && !two && matches!(question.claim, Claim::Compare { .. });
        lines.push(if repeats || signals.is_empty() {
            format!("{name} {value}")
        } else {
            format!("{name} {value} at {signals}")
        });
    }
    let both: Vec<(String, f64)> = found.shared.iter().chain(&found.params).cloned().collect();
    if !both.is_empty() {
        lines.push(format!("with {}", list(&both)));
    }
    if !found.group.is_empty() {
        let mut text = String::from("in a group of ");
        let _ = write!(text, "{} rollouts", found.group.len());
        for row in found.group.iter().take(8) {
            let _ = write!(text, "; {}", list(row));
        }
        if found.group.len() > 8 {
            text.push_str("; …");
        }
        lines.push(text);
    }
    lines
}

/// What a counterexample says in one line, for a headline.
pub fn headline(found: &Counterexample, question: &Question) -> String {
    let values: Vec<String> = found.rollouts.iter().map(|rollout| number(rollout.value)).collect();
    match (&question.claim, values.as_slice()) {
        (Claim::Within { low, high, .. }, [value, ..]) => {
            format!("{value} is not in {}..{}", number(*low), number(*high))
        }
        (Claim::Compare { op, .. }, [left, right, ..]) => format!("{left} {} {right} is false", op.symbol()),
        (Claim::Monotone { signal, falls, .. }, [less, more, ..]) => {
            let way = if *falls { "rises" } else { "falls" };
            format!("it {way} from {less} to {more} in {signal}")
        }
        _ => "it does not hold".into(),
    }
}
