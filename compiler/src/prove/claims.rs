//! Claims to goals, one case for each output cap, and the answers put together.

use super::arena::{Arena, Id, Node};
use super::lower::Lowering;
use super::rational::Rational;
use super::search::{Found, Goal, Pair, plain_name, search};
use super::span::Span;
use super::state::{SECOND, State};
use super::witness::Witness;
use super::{Claim, Decision, Question, Setting, Stop, words};
use crate::formula::Type;
use crate::vocabulary::signals::signal;
use recipec_grammar::tree::BinaryOp;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Decides a question. `boxes` bounds the work for each goal.
pub fn decide(question: &Question, setting: &Setting<'_>, boxes: usize) -> Decision {
    let setting = &with_given_params(question, setting);
    let mut caps = setting.caps.clone();
    caps.sort_by(f64::total_cmp);
    caps.dedup();
    if caps.is_empty() {
        caps.push(setting.budget.get("budget.output").map_or(f64::INFINITY, |(_, value)| *value));
    }
    let (mut nothing, mut why) = (true, None);
    for cap in &caps {
        match of_cap(question, setting, *cap, caps.len() > 1, boxes) {
            Ok(Case::Holds) => nothing = false,
            Ok(Case::Nothing) => {}
            Ok(Case::Refuted(found)) => return Decision::Refuted(found),
            Ok(Case::Open(reason)) => {
                nothing = false;
                why = why.or(Some(reason));
            }
            Err(stop) => {
                nothing = false;
                why = why.or(Some(stop.words()));
            }
        }
    }
    match why {
        Some(why) => Decision::NotDecided { why },
        None if nothing => Decision::NotDecided { why: "no rollout is as the claim says".into() },
        None => Decision::Proved,
    }
}

/// Params that a side gives count with that value, for both sides.
fn with_given_params<'a>(question: &Question, setting: &Setting<'a>) -> Setting<'a> {
    let mut setting = setting.clone();
    for side in question.claim.sides() {
        for (name, value) in side.given.iter().flatten() {
            if signal(name).is_none() && setting.params.contains_key(name) {
                let params = setting.params.to_mut();
                if let Some(param) = params.get_mut(name) {
                    param.value = *value;
                    param.range = None;
                }
            }
        }
    }
    setting
}

enum Case {
    Holds,
    Nothing,
    Refuted(Box<super::Counterexample>),
    Open(String),
}

fn of_cap(question: &Question, setting: &Setting<'_>, cap: f64, differ: bool, boxes: usize) -> Result<Case, Stop> {
    let mut lowering = Lowering::new(setting, cap, &question.for_all);
    let claim = &question.claim;
    if let Claim::Compare { same, .. } = claim {
        // What is truth here may be written as its opposite there.
        let canonical = |name: &str| match name {
            "wrong" => "correct".to_string(),
            "finished" => "truncated".to_string(),
            name => name.to_string(),
        };
        lowering.same = same.iter().map(|name| canonical(name)).collect();
    }
    let two = claim.is_of_two();
    lowering.world.rollouts = if two { 2 } else { 1 };
    lowering.bound_signals(0)?;
    if two {
        lowering.bound_signals(1)?;
    }
    if differ {
        let domain = lowering.signal("domain", 0)?;
        let of_cap: Vec<i64> =
            setting.caps.iter().enumerate().filter(|(_, c)| **c == cap).map(|(at, _)| at as i64).collect();
        if let (Some(first), Some(last)) = (of_cap.first(), of_cap.last()) {
            let span = Span::new(Rational::whole(*first), Rational::whole(*last));
            if let Some(slot) = lowering.spans.get_mut(domain as usize) {
                *slot = span;
            }
        }
    }
    let goals = goals(&mut lowering, claim)?;
    let mut facts: Vec<(String, usize, f64)> = Vec::new();
    for (at, side) in claim.sides().into_iter().enumerate() {
        let of = if two { at } else { 0 };
        facts.extend(side.given.iter().flatten().map(|(name, value)| (name.clone(), of, *value)));
    }
    let mut settled: Vec<(u32, bool)> = Vec::new();
    let mut narrowed: Vec<(u32, Rational)> = Vec::new();
    for (name, side, value) in facts {
        let exact = Rational::from_decimal(value).ok_or(Stop::NotFinite)?;
        match signal(&name) {
            Some(row) if row.ty == Type::Bool => {
                let (of, holds) = match name.as_str() {
                    "wrong" => ("correct", value == 0.0),
                    "finished" => ("truncated", value == 0.0),
                    other => (other, value != 0.0),
                };
                settled.push((lowering.flag(of, side), holds));
            }
            Some(row) if row.name == "group_size" => {}
            Some(_) => narrowed.push((lowering.signal(&name, side)?, exact)),
            // A param that is given is a constant already.
            None => {}
        }
    }
    let Lowering { mut arena, world, spans, .. } = lowering;
    let mut state = State::new(Rc::new(world), spans);
    for (flag, holds) in settled {
        if state.flag(flag).is_some_and(|known| known != holds) {
            return Ok(Case::Nothing);
        }
        state = state.with_flag(flag, holds);
    }
    for (var, value) in narrowed {
        let before = state.span(var);
        state = state.with(var, Span::point(value));
        if value < before.low || value > before.high {
            return Ok(Case::Nothing);
        }
    }
    let state = state.settled();
    let witness = Witness { question, setting, cap };
    let mut all_nothing = true;
    let mut open = None;
    for goal in goals {
        let found =
            search(&mut arena, &state, goal, boxes, &mut |arena, point| witness.check(arena, point, goal.pair))?;
        match found {
            Found::Proved => all_nothing = false,
            Found::Nothing => {}
            Found::Refuted(found) => return Ok(Case::Refuted(Box::new(found))),
            Found::Open(left) => {
                all_nothing = false;
                open = open.or_else(|| Some(why(&arena, &left, goal, boxes)));
            }
        }
    }
    Ok(match open {
        Some(reason) => Case::Open(reason),
        None if all_nothing => Case::Nothing,
        None => Case::Holds,
    })
}

/// The goals of a claim; all must hold.
fn goals(lowering: &mut Lowering<'_>, claim: &Claim) -> Result<Vec<Goal>, Stop> {
    let plain = |difference: Id, strict: bool| Goal { difference, strict, pair: None };
    match claim {
        Claim::Within { value, low, high } => {
            let value = lowering.formula(&value.formula, 0)?;
            let (low, high) = (lowering.arena.float(*low)?, lowering.arena.float(*high)?);
            let above = lowering.arena.subtract(value, low)?;
            let below = lowering.arena.subtract(high, value)?;
            Ok(vec![plain(above, false), plain(below, false)])
        }
        Claim::Compare { left, op, right, .. } => {
            let right_side = usize::from(claim.is_of_two());
            let left = lowering.formula(&left.formula, 0)?;
            let right = lowering.formula(&right.formula, right_side)?;
            let (more, less) = (lowering.arena.subtract(left, right)?, lowering.arena.subtract(right, left)?);
            Ok(match op {
                BinaryOp::GreaterEqual => vec![plain(more, false)],
                BinaryOp::Greater => vec![plain(more, true)],
                BinaryOp::LessEqual => vec![plain(less, false)],
                BinaryOp::Less => vec![plain(less, true)],
                BinaryOp::Equal => vec![plain(more, false), plain(less, false)],
                BinaryOp::NotEqual => {
                    // Two numbers differ when the square of their difference is above 0.
                    let square = lowering.arena.multiply(more, more)?;
                    vec![plain(square, true)]
                }
                _ => return Err(Stop::Unknown(op.symbol().to_string())),
            })
        }
        Claim::Monotone { value, signal, falls } => {
            let at_less = lowering.formula(&value.formula, 0)?;
            let less = lowering.signal(signal, 0)?;
            let span = lowering.spans.get(less as usize).copied().unwrap_or(Span::ALL);
            let known = lowering.world.variables.get(less as usize).cloned();
            let Some(known) = known else { return Err(Stop::Unknown(signal.clone())) };
            let name = format!("{}{SECOND}", known.name);
            let more = lowering.variable(&name, known.side, known.whole, known.grid, false, span);
            if signal == "reasoning_length" {
                let (length, more) = (lowering.signal("length", 0)?, lowering.arena.variable(more)?);
                let length = lowering.arena.variable(length)?;
                let difference = lowering.arena.subtract(length, more)?;
                lowering.world.axioms.push(super::state::Axiom { guard: None, difference });
            }
            if signal == "length"
                && let Some(reasoning) = lowering.world.find("reasoning_length", 0)
            {
                let (reasoning, more) = (lowering.arena.variable(reasoning)?, lowering.arena.variable(more)?);
                let difference = lowering.arena.subtract(more, reasoning)?;
                lowering.world.axioms.push(super::state::Axiom { guard: None, difference });
            }
            let (less_id, more_id) = (lowering.arena.variable(less)?, lowering.arena.variable(more)?);
            let order = lowering.arena.subtract(more_id, less_id)?;
            lowering.world.axioms.push(super::state::Axiom { guard: None, difference: order });
            let at_more = lowering.arena.rebuild(at_less, &mut |arena: &mut Arena, id, _| match arena.node(id) {
                Node::Variable(var) if *var == less => Ok(Some(more_id)),
                _ => Ok(None),
            })?;
            let (at_less, at_more) = if *falls {
                (at_less, at_more)
            } else {
                (lowering.arena.negate(at_less)?, lowering.arena.negate(at_more)?)
            };
            let difference = lowering.arena.subtract(at_less, at_more)?;
            Ok(vec![Goal { difference, strict: false, pair: Some(Pair { at_less, at_more, less, more }) }])
        }
    }
}

/// Where a search stopped.
fn why(arena: &Arena, left: &State, goal: Goal, boxes: usize) -> String {
    let world = left.world();
    let (vars, _) = super::bounds::free(arena, goal.difference);
    let mut parts: BTreeMap<String, String> = BTreeMap::new();
    for var in vars {
        let Some(variable) = world.variables.get(var as usize) else { continue };
        let span = left.span(var);
        let name = words::sided(plain_name(&variable.name), variable.side);
        let text = match span.as_point() {
            Some(point) => words::number(point.to_float()),
            None => format!("{}..{}", words::number(span.low.to_float()), words::number(span.high.to_float())),
        };
        parts.insert(name, text);
    }
    let place: Vec<String> = parts.into_iter().take(4).map(|(name, text)| format!("{name} = {text}")).collect();
    let place = if place.is_empty() { String::new() } else { format!(", for example at {}", place.join(", ")) };
    format!("the two sides come too close to each other, or {boxes} cases are not enough{place}")
}
