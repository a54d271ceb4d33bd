//! What a condition says about the names in it, so that `if achieved > 0 then ratio / achieved else 1` is no division by zero.
//!
//! Conditions on single names are understood, and what the verifier's verdict implies; nothing else. More is the work of
//! guarantees.

use crate::formula::{Kind, Source, Typed};
use crate::range::Interval;
use crate::vocabulary::signals::{SignalLevel, signal};
use recipec_grammar::tree::BinaryOp;

/// A name lies in a range.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    pub source: Source,
    pub name: String,
    pub range: Interval,
}

impl Fact {
    /// Whether it is about the one rollout that is looked at, and not about its group or the recipe.
    pub fn is_of_one_rollout(&self) -> bool {
        match self.source {
            Source::Local | Source::Term => true,
            Source::Signal => signal(&self.name).is_none_or(|s| s.level == SignalLevel::Rollout),
            Source::Param | Source::Budget => false,
        }
    }
}

/// Adds what follows when a condition holds, or does not.
pub(super) fn learn(condition: &Typed, holds: bool, group_size: u64, facts: &mut Vec<Fact>) {
    match &condition.kind {
        Kind::Name(source, name) => {
            let is = |on: bool| Interval::point(if on { 1.0 } else { 0.0 });
            let mut add = |name: &str, range| facts.push(Fact { source: *source, name: name.to_string(), range });
            add(name, is(holds));
            if *source != Source::Signal {
                return;
            }
            match name.as_str() {
                "truncated" => add("finished", is(!holds)),
                "finished" => add("truncated", is(!holds)),
                "correct" | "wrong" => {
                    let correct = (name == "correct") == holds;
                    add(if name == "correct" { "wrong" } else { "correct" }, is(!holds));
                    let size = group_size as f64;
                    if correct {
                        add("score", Interval::point(1.0));
                        add("solve_rate", Interval::from(1.0 / size));
                    } else {
                        add("score", Interval::below(1.0));
                        add("solve_rate", Interval::up_to((size - 1.0) / size));
                    }
                }
                _ => {}
            }
        }
        Kind::Not(inner) => learn(inner, !holds, group_size, facts),
        // Both sides of an `and` that holds, and of an `or` that does not; in the other two cases either side may be at fault.
        Kind::Binary(BinaryOp::And, left, right) | Kind::Binary(BinaryOp::Or, left, right)
            if holds == matches!(condition.kind, Kind::Binary(BinaryOp::And, ..)) =>
        {
            learn(left, holds, group_size, facts);
            learn(right, holds, group_size, facts);
        }
        Kind::Binary(op, left, right) => {
            let Some(op) = (if holds { Some(*op) } else { opposite(*op) }) else { return };
            compare(op, left, right, facts);
            if let Some(mirrored) = mirror(op) {
                compare(mirrored, right, left, facts);
            }
        }
        _ => {}
    }
}

/// Learns about `left` from `left op right`.
fn compare(op: BinaryOp, left: &Typed, right: &Typed, facts: &mut Vec<Fact>) {
    let Kind::Name(source, name) = &left.kind else { return };
    let bound = right.range;
    if bound.is_unknown() {
        return;
    }
    let range = match op {
        BinaryOp::Less => Interval::below(bound.high),
        BinaryOp::LessEqual => Interval::up_to(bound.high),
        BinaryOp::Greater => Interval::above(bound.low),
        BinaryOp::GreaterEqual => Interval::from(bound.low),
        BinaryOp::Equal => bound,
        BinaryOp::NotEqual => match bound.as_point() {
            Some(point) if point == left.range.low => Interval::above(point),
            Some(point) if point == left.range.high => Interval::below(point),
            _ => return,
        },
        _ => return,
    };
    facts.push(Fact { source: *source, name: name.clone(), range });
}

fn opposite(op: BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        BinaryOp::Less => BinaryOp::GreaterEqual,
        BinaryOp::LessEqual => BinaryOp::Greater,
        BinaryOp::Greater => BinaryOp::LessEqual,
        BinaryOp::GreaterEqual => BinaryOp::Less,
        BinaryOp::Equal => BinaryOp::NotEqual,
        BinaryOp::NotEqual => BinaryOp::Equal,
        _ => return None,
    })
}

fn mirror(op: BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        BinaryOp::Equal | BinaryOp::NotEqual => op,
        _ => return None,
    })
}
