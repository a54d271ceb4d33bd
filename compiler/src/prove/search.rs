//! Branch and bound over boxes: symbolic bounds first, splits last, work counted.

use super::Stop;
use super::arena::{Arena, Id, Node, Var};
use super::bounds::{Bounds, free, specialise};
use super::rational::Rational;
use super::span::Span;
use super::state::{SECOND, SHARED, State};
use std::collections::VecDeque;

/// `difference >= 0`, or `> 0`.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// What must not be negative.
    pub difference: Id,
    /// Whether it must be above 0.
    pub strict: bool,
    /// For a claim of falling: the value at a smaller and at a larger value of a signal, whose difference it is.
    pub pair: Option<Pair>,
}

/// `f(x) - f(x')` with `x <= x'`.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// `f(x)`
    pub at_less: Id,
    /// `f(x')`
    pub at_more: Id,
    /// `x`
    pub less: Var,
    /// `x'`
    pub more: Var,
}

/// What the search of one goal gave.
pub enum Found<C> {
    /// It holds in the whole box.
    Proved,
    /// It holds, because nothing is in the box.
    Nothing,
    /// It does not hold.
    Refuted(C),
    /// Part of the box is left open.
    Open(State),
}

/// The most work of one goal: boxes, times the nodes of what is left in them, times the variables of the question.
const MOST_EFFORT: usize = 100_000;
/// Boxes for which a point is tried: all of the first, then one in so many.
const TRY_ALL: usize = 48;
const TRY_EACH: usize = 16;

/// Looks for a proof and for a counterexample. `refutes` is shown a point of the box, as a box in which everything is a single
/// value, and gives a counterexample when the claim really does not hold there.
pub fn search<C>(
    arena: &mut Arena,
    start: &State,
    goal: Goal,
    most_boxes: usize,
    refutes: &mut dyn FnMut(&Arena, &State) -> Option<C>,
) -> Result<Found<C>, Stop> {
    let mut root = start.clone();
    if !root.propagate(arena) {
        return Ok(Found::Nothing);
    }
    let mut open: VecDeque<(State, Goal)> = VecDeque::from([(root, goal)]);
    let mut left: Option<State> = None;
    let (mut boxes, mut effort) = (0, 0);
    while let Some((state, goal)) = open.pop_front() {
        boxes += 1;
        effort += arena.below(goal.difference).len() * state.world().variables.len().max(4);
        if boxes > most_boxes || effort > MOST_EFFORT {
            return Ok(Found::Open(left.unwrap_or(state)));
        }
        let goal = specialised(arena, &state, goal)?;
        let corner = match proved(arena, &state, goal)? {
            None => continue,
            Some(corner) => corner,
        };
        if boxes <= TRY_ALL || boxes % TRY_EACH == 0 {
            for towards in [Some(&corner), None] {
                if let Some(point) = point(arena, &state, goal, towards)
                    && may_be_violated(arena, &point, goal)?
                    && let Some(found) = refutes(arena, &point)
                {
                    return Ok(Found::Refuted(found));
                }
            }
        }
        match split(arena, &state, goal) {
            Some(parts) => {
                for mut part in parts {
                    if part.propagate(arena) {
                        open.push_back((part, goal));
                    }
                }
            }
            None => left = left.or(Some(state)),
        }
    }
    Ok(left.map_or(Found::Proved, Found::Open))
}

fn specialised(arena: &mut Arena, state: &State, goal: Goal) -> Result<Goal, Stop> {
    let pair = match goal.pair {
        None => None,
        Some(pair) => Some(Pair {
            at_less: specialise(arena, state, pair.at_less)?,
            at_more: specialise(arena, state, pair.at_more)?,
            ..pair
        }),
    };
    let difference = match pair {
        Some(pair) => arena.subtract(pair.at_less, pair.at_more)?,
        None => specialise(arena, state, goal.difference)?,
    };
    Ok(Goal { difference, pair, ..goal })
}

fn holds(value: Span, strict: bool) -> bool {
    value.low.sign() > 0 || (!strict && value.low.sign() == 0)
}

/// None when the goal holds in the box; else the corner to which the slopes lead.
fn proved(arena: &mut Arena, state: &State, goal: Goal) -> Result<Option<State>, Stop> {
    let mut corner = state.clone();
    let mut difference = goal.difference;
    if holds(Bounds::new(arena, &corner, difference, None).value(difference), goal.strict) {
        return Ok(None);
    }
    if let Some(pair) = goal.pair
        && !goal.strict
        && falls(arena, state, pair)?
    {
        return Ok(None);
    }
    // A variable in which the difference only rises, or only falls, is put to the end where it is least.
    loop {
        let mut moved = false;
        for var in free(arena, difference).0 {
            let span = corner.span(var);
            if span.as_point().is_some() {
                continue;
            }
            let slope = Bounds::new(arena, &corner, difference, Some(var)).slope(difference);
            let end = if slope.low.sign() >= 0 {
                span.low
            } else if slope.high.sign() <= 0 {
                span.high
            } else {
                continue;
            };
            if end.is_finite() {
                corner.replace(var, Span::point(end));
                moved = true;
            }
        }
        if !moved {
            return Ok(Some(corner));
        }
        difference = specialise(arena, &corner, difference)?;
        if holds(Bounds::new(arena, &corner, difference, None).value(difference), goal.strict) {
            return Ok(None);
        }
    }
}

/// Whether both ends of a pair are one function that does not rise between them.
fn falls(arena: &mut Arena, state: &State, pair: Pair) -> Result<bool, Stop> {
    let renamed = arena.rebuild(pair.at_more, &mut |arena, id, _| match arena.node(id) {
        Node::Variable(var) if *var == pair.more => arena.variable(pair.less).map(Some),
        _ => Ok(None),
    })?;
    let (less, more) = (state.span(pair.less), state.span(pair.more));
    // Single values have been put in; then the difference says all.
    if renamed != pair.at_less || less.as_point().is_some() || more.as_point().is_some() {
        return Ok(false);
    }
    let mut between = state.clone();
    between.replace(pair.less, less.hull(more));
    let slope = Bounds::new(arena, &between, renamed, Some(pair.less)).slope(renamed);
    Ok(slope.high.sign() <= 0)
}

/// A point of the box, with everything that the rules know; near a corner where one is given.
fn point(arena: &Arena, state: &State, goal: Goal, corner: Option<&State>) -> Option<State> {
    let mut point = state.clone();
    let world = std::rc::Rc::clone(state.world());
    let settle = |point: &State, first: State, second: Option<State>| {
        let mut first = first;
        if first.propagate(arena) {
            return Some(first);
        }
        let mut second = second?;
        let _ = point;
        second.propagate(arena).then_some(second)
    };
    let wanted = free(arena, goal.difference).0;
    let order = wanted.iter().copied().chain(0..world.variables.len() as Var);
    let mut vars: Vec<Var> = Vec::new();
    for var in order {
        if !vars.contains(&var) {
            vars.push(var);
        }
    }
    let set = |point: &State, var: Var| -> Option<State> {
        let span = point.span(var);
        if span.as_point().is_some() {
            return Some(point.clone());
        }
        let at_corner = corner.and_then(|corner| corner.span(var).as_point());
        let middle = {
            let middle = span.low.middle(span.high);
            let variable = world.variables.get(var as usize)?;
            match (variable.whole, variable.grid) {
                (true, _) => middle.floor().max(span.low),
                (_, Some(grid)) => {
                    let grid = Rational::whole(grid);
                    middle.times(grid)?.floor().times(grid.inverse()?)?.max(span.low)
                }
                _ => middle,
            }
        };
        let target = at_corner.unwrap_or(middle);
        let ends = [target, span.low, span.high];
        ends.into_iter().filter(|end| end.is_finite()).find_map(|end| {
            let mut next = point.with(var, Span::point(end));
            next.propagate(arena).then_some(next)
        })
    };
    // What the difference reads comes first, so that the corner is met; the verdict and the rest follow.
    for var in &wanted {
        point = set(&point, *var)?;
    }
    for (flag, info) in world.flags.iter().enumerate() {
        let flag = flag as u32;
        if point.flag(flag).is_none() {
            let usual = info.name != "truncated" && info.name != "correct";
            point = settle(&point, point.with_flag(flag, usual), Some(point.with_flag(flag, !usual)))?;
        }
    }
    for var in vars {
        point = set(&point, var)?;
    }
    if let Some(pair) = goal.pair
        && point.span(pair.less) == point.span(pair.more)
    {
        return None;
    }
    Some(point)
}

/// Whether the goal is not met at a point, as far as exact arithmetic can say.
fn may_be_violated(arena: &mut Arena, point: &State, goal: Goal) -> Result<bool, Stop> {
    let difference = specialise(arena, point, goal.difference)?;
    let value = Bounds::new(arena, point, difference, None).value(difference);
    Ok(value.high.sign() < 0 || (goal.strict && value.high.sign() == 0))
}

/// Two smaller boxes; none when there is nothing left to split.
fn split(arena: &Arena, state: &State, goal: Goal) -> Option<Vec<State>> {
    let mut roots = vec![goal.difference];
    if let Some(pair) = goal.pair {
        roots.extend([pair.at_less, pair.at_more]);
    }
    let mut below: Vec<Id> = roots.iter().flat_map(|root| arena.below(*root)).collect();
    below.sort_unstable();
    below.dedup();
    // The conditions of the formula, the outermost first.
    for id in below.iter().rev() {
        let part = match arena.node(*id) {
            Node::Choice(condition, ..) => *condition,
            _ => continue,
        };
        if let Some(parts) = on_condition(arena, state, part) {
            return Some(parts);
        }
    }
    let (vars, _) = free(arena, goal.difference);
    let world = state.world();
    let reads = |name: &str, side| vars.iter().any(|var| world.all(name, side).contains(var));
    // The verdict binds score and solve rate.
    for side in 0..2 {
        if (reads("score", side) || reads("solve_rate", SHARED))
            && let Some(correct) = world.find_flag("correct", side).filter(|flag| state.flag(*flag).is_none())
        {
            return Some(vec![state.with_flag(correct, true), state.with_flag(correct, false)]);
        }
    }
    for var in &vars {
        let on_grid = world.variables.get(*var as usize).is_some_and(|v| v.grid.is_some());
        if on_grid && let Some(parts) = halves(state, *var) {
            return Some(parts);
        }
    }
    if let Some(parts) = at_kink(arena, state, &below) {
        return Some(parts);
    }
    widest(arena, state, goal.difference, &vars).and_then(|var| halves(state, var))
}

/// Splits on the first part of a condition that is not known.
fn on_condition(arena: &Arena, state: &State, condition: Id) -> Option<Vec<State>> {
    let bounds = Bounds::new(arena, state, condition, None);
    for id in arena.below(condition) {
        if bounds.truth(id).is_some() {
            continue;
        }
        match arena.node(id) {
            Node::Flag(flag) => return Some(vec![state.with_flag(*flag, true), state.with_flag(*flag, false)]),
            Node::Compare(..) => return Some(vec![state.assuming(id, true), state.assuming(id, false)]),
            _ => {}
        }
    }
    None
}

/// Splits a variable where a `min`, `max` or `abs` of a linear expression has its kink.
fn at_kink(arena: &Arena, state: &State, below: &[Id]) -> Option<Vec<State>> {
    for id in below.iter().rev() {
        let difference = match arena.node(*id) {
            Node::Min(x, y) | Node::Max(x, y) => arena.polynomial(*x).plus(&arena.polynomial(*y), Rational::whole(-1)),
            Node::Abs(x) => Some(arena.polynomial(*x)),
            _ => None,
        };
        let Some(difference) = difference else { continue };
        let (mut var, mut slope, mut constant, mut linear) = (None, Rational::ZERO, Rational::ZERO, true);
        for (monomial, value) in &difference.terms {
            match monomial.as_slice() {
                [] => constant = *value,
                [(atom, 1)] if var.is_none() => match arena.node(*atom) {
                    Node::Variable(found) => (var, slope) = (Some(*found), *value),
                    _ => linear = false,
                },
                _ => linear = false,
            }
        }
        let (Some(var), true) = (var, linear) else { continue };
        let Some(kink) = slope.inverse().and_then(|s| constant.negate().times(s)) else { continue };
        let kink = kink.floor_to_size();
        let span = state.span(var);
        if kink > span.low && kink < span.high {
            return parts_at(state, var, kink);
        }
    }
    None
}

fn parts_at(state: &State, var: Var, at: Rational) -> Option<Vec<State>> {
    let span = state.span(var);
    let variable = state.world().variables.get(var as usize)?;
    let (low, high) = if variable.whole {
        (at.floor(), at.floor().plus(Rational::ONE)?)
    } else if let Some(grid) = variable.grid {
        let grid = Rational::whole(grid);
        let below = at.times(grid)?.floor();
        let inverse = grid.inverse()?;
        (below.times(inverse)?, below.plus(Rational::ONE)?.times(inverse)?)
    } else {
        (at, at)
    };
    Some(vec![state.with(var, Span::new(span.low, low)), state.with(var, Span::new(high, span.high))])
}

fn halves(state: &State, var: Var) -> Option<Vec<State>> {
    let span = state.span(var);
    if span.as_point().is_some() {
        return None;
    }
    let middle = span.low.middle(span.high);
    let tiny = Rational::new(1, 1 << 40).unwrap_or(Rational::ZERO);
    let whole = state.world().variables.get(var as usize).is_some_and(|v| v.whole || v.grid.is_some());
    if !whole && (span.width() <= tiny || middle <= span.low || middle >= span.high) {
        return None;
    }
    parts_at(state, var, middle)
}

/// The variable whose width moves the difference most.
fn widest(arena: &Arena, state: &State, difference: Id, vars: &[Var]) -> Option<Var> {
    let mut best: Option<(f64, Var)> = None;
    for var in vars {
        let span = state.span(*var);
        if halves(state, *var).is_none() {
            continue;
        }
        let slope = Bounds::new(arena, state, difference, Some(*var)).slope(difference);
        let steep = libm::fmax(libm::fabs(slope.low.to_float()), libm::fabs(slope.high.to_float()));
        let wide = span.width().to_float();
        let moves = if steep.is_infinite() { 1e18 * libm::fmin(wide, 1e6) } else { steep * libm::fmin(wide, 1e12) };
        if best.is_none_or(|(most, _)| moves > most) {
            best = Some((moves, *var));
        }
    }
    best.map(|(_, var)| var)
}

/// The name of a variable as people write it.
pub fn plain_name(name: &str) -> &str {
    name.trim_end_matches(SECOND)
}
