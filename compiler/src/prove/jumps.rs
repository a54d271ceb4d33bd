//! Jumps: discontinuities in `length`, with all other signals held.
//!
//! A jump can only be where a condition on `length` changes, or under a `floor`. Both places are found in the nodes of the formula;
//! the evaluator then says whether the value really jumps there, against how it moves from token to token on both sides.

use super::arena::{Arena, Id, Node, Var};
use super::bounds::{Bounds, free, specialise};
use super::lower::Lowering;
use super::rational::Rational;
use super::span::Span;
use super::state::{SHARED, State};
use super::witness::Witness;
use super::{Claim, Question, Setting, Side, Stop};
use crate::formula::TypedFormula;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A jump between two neighbouring lengths.
#[derive(Debug, Clone, PartialEq)]
pub struct Jump {
    /// The last length before it, in tokens.
    pub length: f64,
    /// The value there.
    pub before: f64,
    /// The value one token later.
    pub after: f64,
}

/// A jump of a formula in `length`, if one is found.
pub fn jump(formula: &TypedFormula, setting: &Setting<'_>) -> Option<Jump> {
    let cap = setting.caps.iter().copied().fold(f64::NAN, libm::fmax);
    find(formula, setting, cap).ok().flatten()
}

/// A node that may jump, and whether it is under a `floor`.
type Suspect = (Id, bool);

fn find(formula: &TypedFormula, setting: &Setting<'_>, cap: f64) -> Result<Option<Jump>, Stop> {
    let none = BTreeSet::new();
    let mut lowering = Lowering::new(setting, cap, &none);
    lowering.bound_signals(0)?;
    let root = lowering.formula(formula, 0)?;
    let length = lowering.signal("length", 0)?;
    let Lowering { mut arena, world, spans, .. } = lowering;
    let mut suspects: Vec<Suspect> = Vec::new();
    for id in arena.below(root) {
        let (inside, floor) = match arena.node(id) {
            Node::Compare(_, difference) => (*difference, false),
            Node::Floor(x) => (*x, true),
            _ => continue,
        };
        if free(&arena, inside).0.contains(&length) {
            suspects.push((inside, floor));
        }
    }
    if suspects.is_empty() {
        return Ok(None);
    }
    let side = Side { formula: formula.clone(), given: None };
    let claim = Claim::Monotone { value: side, signal: "length".into(), falls: true };
    let question = Question { for_all: none.clone(), claim };
    let witness = Witness { question: &question, setting, cap };
    let start = State::new(Rc::new(world), spans);
    for state in samples(&arena, &start, length) {
        for (inside, floor) in &suspects {
            for at in thresholds(&mut arena, &state, *inside, length, *floor)? {
                if let Some(found) = across(&arena, &state, length, at, &witness, formula) {
                    return Ok(Some(found));
                }
            }
        }
    }
    Ok(None)
}

/// Boxes in which everything but the length is a single value.
fn samples(arena: &Arena, start: &State, length: Var) -> Vec<State> {
    let world = Rc::clone(start.world());
    let mut states = Vec::new();
    let domains = world.find("domain", SHARED).map_or(1, |_| 8);
    for domain in 0..domains {
        for right in [true, false] {
            for place in [0, 1, 2] {
                let mut state = start.clone();
                if let Some(var) = world.find("domain", SHARED) {
                    state.narrow(var, Span::point(Rational::whole(domain)));
                }
                for (flag, info) in world.flags.iter().enumerate() {
                    let value = match info.name.as_str() {
                        "correct" => right,
                        "truncated" => false,
                        _ => true,
                    };
                    state = state.with_flag(flag as u32, value);
                }
                let mut fine = state.propagate(arena);
                for var in (0..world.variables.len() as Var).filter(|var| *var != length) {
                    let span = state.span(var);
                    let value = match place {
                        0 if span.low.is_finite() => span.low,
                        2 if span.high.is_finite() => span.high,
                        _ => span.low.middle(span.high).floor().max(span.low),
                    };
                    state.narrow(var, Span::point(value));
                    fine &= state.propagate(arena);
                }
                if fine {
                    states.push(state);
                }
            }
        }
    }
    states
}

/// Lengths at which a linear expression is 0, or a whole number under a `floor`.
fn thresholds(arena: &mut Arena, state: &State, inside: Id, length: Var, floor: bool) -> Result<Vec<f64>, Stop> {
    let of_length = specialise(arena, state, inside)?;
    let bounds = Bounds::new(arena, state, of_length, Some(length));
    let (range, slope) = (bounds.value(of_length), bounds.slope(of_length));
    let Some(slope) = slope.as_point().filter(|slope| slope.sign() != 0) else { return Ok(Vec::new()) };
    let span = state.span(length);
    let target = if floor {
        // More than one whole number for two tokens is a staircase as fine as the tokens are.
        let per_token = libm::fabs(slope.to_float());
        let middle = range.low.middle(range.high).ceil();
        if per_token > 0.5 || middle <= range.low || middle > range.high {
            return Ok(Vec::new());
        }
        middle
    } else {
        Rational::ZERO
    };
    let lowest = if slope.sign() > 0 { range.low } else { range.high };
    let steps = target.minus(lowest).and_then(|way| way.times(slope.inverse()?));
    let at = steps.and_then(|steps| span.low.plus(steps));
    Ok(at.filter(|at| *at >= span.low && *at <= span.high).map(|at| at.floor().to_float()).into_iter().collect())
}

/// Whether the value jumps near a length, by more than it moves on both sides.
fn across(
    arena: &Arena,
    state: &State,
    length: Var,
    at: f64,
    witness: &Witness<'_>,
    formula: &TypedFormula,
) -> Option<Jump> {
    let value = |tokens: f64| {
        let mut point = state.with(length, Span::point(Rational::from_decimal(tokens)?));
        if !point.propagate(arena) {
            return None;
        }
        witness.one(&point, formula)
    };
    for before in [at - 1.0, at, at + 1.0] {
        let (Some(one), Some(two)) = (value(before), value(before + 1.0)) else { continue };
        let step = libm::fabs(two - one);
        let nearby = [(value(before - 1.0), Some(one)), (Some(two), value(before + 2.0))];
        let usual = nearby.into_iter().filter_map(|(a, b)| Some(libm::fabs(a? - b?))).fold(0.0, libm::fmax);
        if step > 1e-9 && step > 3.0 * usual {
            return Some(Jump { length: before, before: one, after: two });
        }
    }
    None
}
