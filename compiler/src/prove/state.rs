//! What is known of the rollouts that a claim speaks of: a box of signals and params, and the facts that bind them.

use super::arena::{Arena, Flag, Id, Node, Sign, Var};
use super::bounds::Bounds;
use super::polynomial::Polynomial;
use super::rational::Rational;
use super::span::Span;
use crate::settings::Unfinished;
use std::rc::Rc;

/// Stands behind the name of a signal for the second of two values that are compared.
pub const SECOND: char = '\'';

/// Of which rollout a signal is: 0 and 1 are the two sides of a claim.
pub type Side = usize;
/// Signals of the group, of the problem, and params.
pub const SHARED: Side = 2;

/// A variable.
#[derive(Debug, Clone)]
pub struct Variable {
    /// The signal or param, or the text of an aggregate.
    pub name: String,
    /// Of which rollout it is.
    pub side: Side,
    /// Whether it takes whole numbers only.
    pub whole: bool,
    /// The fractions that it takes: `k / grid`.
    pub grid: Option<i64>,
    /// Whether it is a param.
    pub is_param: bool,
}

/// A truth value of a rollout.
#[derive(Debug, Clone)]
pub struct FlagInfo {
    /// `correct`, `truncated`, `answered`, `parsable`.
    pub name: String,
    /// Of which rollout it is.
    pub side: Side,
}

/// `difference >= 0`, when `guard` holds.
#[derive(Debug, Clone, Copy)]
pub struct Axiom {
    /// A condition; none when it always holds.
    pub guard: Option<Id>,
    /// What is not negative.
    pub difference: Id,
}

/// What does not change while a question is decided.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Variables.
    pub variables: Vec<Variable>,
    /// Flags.
    pub flags: Vec<FlagInfo>,
    /// What binds them, beside what [`State::propagate`] knows.
    pub axioms: Vec<Axiom>,
    /// A flag that holds when a condition does: some rollout passes a filter.
    pub implied: Vec<(Id, Flag)>,
    /// The output cap.
    pub cap: Rational,
    /// Rollouts per group.
    pub group: i64,
    /// How many different rollouts of the group the sides are: 1 or 2.
    pub rollouts: usize,
    /// Whether a cut rollout counts as wrong, or does not exist.
    pub unfinished: Option<Unfinished>,
}

impl World {
    /// A variable by its name and side.
    pub fn find(&self, name: &str, side: Side) -> Option<Var> {
        self.variables.iter().position(|v| v.name == name && v.side == side).map(|at| at as Var)
    }

    /// A signal of one side, and its second value where two values of it are compared.
    pub fn all(&self, name: &str, side: Side) -> Vec<Var> {
        let is = |v: &Variable| v.side == side && v.name.trim_end_matches(SECOND) == name;
        self.variables.iter().enumerate().filter(|(_, v)| is(v)).map(|(at, _)| at as Var).collect()
    }

    /// A flag by its name and side.
    pub fn find_flag(&self, name: &str, side: Side) -> Option<Flag> {
        self.flags.iter().position(|f| f.name == name && f.side == side).map(|at| at as Flag)
    }
}

/// A box, and what has been assumed on the way to it.
#[derive(Debug, Clone)]
pub struct State {
    world: Rc<World>,
    spans: Vec<Span>,
    limits: Rc<Vec<Span>>,
    flags: Vec<Option<bool>>,
    assumed: Vec<(Id, bool)>,
}

/// Rounds of narrowing; further ones only make the box a little smaller.
const ROUNDS: usize = 6;

impl State {
    /// The box of everything.
    pub fn new(world: Rc<World>, spans: Vec<Span>) -> Self {
        let flags = vec![None; world.flags.len()];
        Self { world, limits: Rc::new(spans.clone()), spans, flags, assumed: Vec::new() }
    }

    /// The same, with its box as the one that points must lie in.
    pub fn settled(mut self) -> Self {
        self.limits = Rc::new(self.spans.clone());
        self
    }

    /// The box of the question.
    pub fn limits(&self) -> &[Span] {
        &self.limits
    }

    /// What does not change.
    pub fn world(&self) -> &Rc<World> {
        &self.world
    }

    /// The values of a variable.
    pub fn span(&self, var: Var) -> Span {
        self.spans.get(var as usize).copied().unwrap_or(Span::ALL)
    }

    /// A truth value, where it is known.
    pub fn flag(&self, flag: Flag) -> Option<bool> {
        self.flags.get(flag as usize).copied().flatten()
    }

    /// What has been assumed of a comparison.
    pub fn assumed(&self, comparison: Id) -> Option<bool> {
        self.assumed.iter().find(|(id, _)| *id == comparison).map(|(_, holds)| *holds)
    }

    /// The box with a variable narrowed.
    pub fn with(&self, var: Var, span: Span) -> Self {
        let mut state = self.clone();
        state.narrow(var, span);
        state
    }

    /// The box with a flag set.
    pub fn with_flag(&self, flag: Flag, value: bool) -> Self {
        let mut state = self.clone();
        state.set(flag, value);
        state
    }

    /// The box where a comparison holds, or does not.
    pub fn assuming(&self, comparison: Id, holds: bool) -> Self {
        let mut state = self.clone();
        state.assumed.push((comparison, holds));
        state
    }

    /// Puts a variable to another interval, whatever it was.
    pub fn replace(&mut self, var: Var, span: Span) {
        if let Some(slot) = self.spans.get_mut(var as usize) {
            *slot = span;
        }
    }

    /// Narrows a variable; true when that changed it. Whole numbers and fractions are moved to the next one inside.
    pub fn narrow(&mut self, var: Var, span: Span) -> bool {
        let Some(variable) = self.world.variables.get(var as usize) else { return false };
        let old = self.span(var);
        let mut new = old.and(span);
        if variable.whole {
            new = Span::new(new.low.ceil(), new.high.floor());
        } else if let Some(grid) = variable.grid {
            let grid = Rational::whole(grid);
            let to_grid = |bound: Rational, round: fn(Rational) -> Rational| {
                let scaled = bound.times(grid).map(round)?;
                scaled.times(grid.inverse()?)
            };
            new.low = to_grid(new.low, Rational::ceil).unwrap_or(new.low);
            new.high = to_grid(new.high, Rational::floor).unwrap_or(new.high);
        }
        self.replace(var, new);
        new != old
    }

    /// Sets a flag; false when it is known to be the opposite.
    fn set(&mut self, flag: Flag, value: bool) -> bool {
        match self.flags.get_mut(flag as usize) {
            Some(slot @ None) => {
                *slot = Some(value);
                true
            }
            Some(Some(known)) => *known == value,
            None => true,
        }
    }

    /// Narrows the box by everything that is known; false when nothing is left of it.
    pub fn propagate(&mut self, arena: &Arena) -> bool {
        let world = Rc::clone(&self.world);
        for _ in 0..ROUNDS {
            let before = (self.spans.clone(), self.flags.clone());
            for side in 0..2 {
                if !self.rollout(&world, side) {
                    return false;
                }
            }
            self.solve_rate(&world);
            for (condition, flag) in &world.implied {
                if Bounds::new(arena, self, *condition, None).truth(*condition) == Some(true) && !self.set(*flag, true)
                {
                    return false;
                }
            }
            let mut binding: Vec<(Id, Rational, bool)> = Vec::new();
            for axiom in &world.axioms {
                let holds =
                    axiom.guard.is_none_or(|guard| Bounds::new(arena, self, guard, None).truth(guard) == Some(true));
                if holds {
                    binding.push((axiom.difference, Rational::ONE, false));
                }
            }
            for (comparison, holds) in &self.assumed {
                binding.extend(bound_by(arena, *comparison, *holds));
            }
            for (comparison, holds) in self.assumed.clone() {
                if !holds && !self.not_zero(arena, comparison) {
                    return false;
                }
            }
            for (difference, sign, strict) in &binding {
                if !self.bound(arena, *difference, *sign, *strict) {
                    return false;
                }
            }
            if contradict(arena, &binding) {
                return false;
            }
            for var in 0..self.spans.len() {
                self.narrow(var as Var, Span::ALL);
            }
            if self.spans.iter().any(|span| span.is_empty()) {
                return false;
            }
            if before.0 == self.spans && before.1 == self.flags {
                return true;
            }
        }
        true
    }

    /// What the verdict, the cap and the lengths of one rollout have to do with each other.
    fn rollout(&mut self, world: &World, side: Side) -> bool {
        let flag = |name: &str| world.find_flag(name, side);
        let (correct, truncated) = (flag("correct"), flag("truncated"));
        let (answered, parsable) = (flag("answered"), flag("parsable"));
        let known = |state: &Self, flag: Option<Flag>| flag.and_then(|flag| state.flag(flag));
        let set = |state: &mut Self, flag: Option<Flag>, value: bool| flag.is_none_or(|flag| state.set(flag, value));
        let mut fine = true;
        let scores = world.all("score", side);
        for score in &scores {
            let span = self.span(*score);
            if span.high < Rational::ONE {
                fine &= set(self, correct, false);
            }
            if span.low >= Rational::ONE {
                fine &= set(self, correct, true);
            }
        }
        if known(self, truncated) == Some(true) {
            match world.unfinished {
                Some(Unfinished::Dropped) => return false,
                Some(Unfinished::Wrong) => {
                    fine &= set(self, correct, false);
                    for score in &scores {
                        self.narrow(*score, Span::ZERO);
                    }
                }
                _ => {}
            }
            for length in world.all("length", side) {
                self.narrow(length, Span::point(world.cap));
            }
        }
        if known(self, answered) == Some(false) {
            fine &= set(self, correct, false) && set(self, parsable, false);
        }
        match known(self, parsable) {
            Some(true) => fine &= set(self, answered, true),
            Some(false) => fine &= set(self, correct, false),
            None => {}
        }
        match known(self, correct) {
            Some(true) => {
                fine &= set(self, answered, true) && set(self, parsable, true);
                for score in &scores {
                    self.narrow(*score, Span::point(Rational::ONE));
                }
            }
            Some(false) => {
                for score in &scores {
                    self.narrow(*score, Span::new(Rational::NEG_INFINITY, below_one()));
                }
            }
            None => {}
        }
        fine
    }

    /// Right rollouts count for the solve rate, wrong ones against it.
    fn solve_rate(&mut self, world: &World) {
        let (mut right, mut wrong) = (0, 0);
        for side in 0..world.rollouts {
            match world.find_flag("correct", side).and_then(|flag| self.flag(flag)) {
                Some(true) => right += 1,
                Some(false) => wrong += 1,
                None => {}
            }
        }
        let share = |count: i64| Rational::new(count.into(), world.group.into()).unwrap_or(Rational::ZERO);
        for rate in world.all("solve_rate", SHARED) {
            self.narrow(rate, Span::new(share(right), share(world.group - wrong)));
        }
    }

    /// Takes the end of a whole variable away where an equation with it must not hold: `domain != code`.
    fn not_zero(&mut self, arena: &Arena, comparison: Id) -> bool {
        let Node::Compare(Sign::Zero, difference) = arena.node(comparison) else { return true };
        if Bounds::new(arena, self, *difference, None).value(*difference) == Span::ZERO {
            return false;
        }
        let sum = arena.polynomial(*difference);
        let (constant, linear) = match sum.terms.as_slice() {
            [(monomial, value)] => (Rational::ZERO, (monomial, value)),
            [(empty, constant), (monomial, value)] if empty.is_empty() => (*constant, (monomial, value)),
            _ => return true,
        };
        let ([(atom, 1)], slope) = (linear.0.as_slice(), linear.1) else { return true };
        let Node::Variable(var) = arena.node(*atom) else { return true };
        let root = slope.inverse().and_then(|turned| constant.negate().times(turned));
        let (Some(root), true) = (root, self.world.variables.get(*var as usize).is_some_and(|v| v.whole)) else {
            return true;
        };
        let span = self.span(*var);
        let next = |step: i64| root.plus(Rational::whole(step)).unwrap_or(root);
        if span.low == root {
            self.narrow(*var, Span::new(next(1), Rational::INFINITY));
        }
        if span.high == root {
            self.narrow(*var, Span::new(Rational::NEG_INFINITY, next(-1)));
        }
        !self.span(*var).is_empty()
    }

    /// Narrows the variables that occur once, and linearly, in `sign * difference >= 0`.
    fn bound(&mut self, arena: &Arena, difference: Id, sign: Rational, strict: bool) -> bool {
        let bounds = Bounds::new(arena, self, difference, None);
        let range = bounds.value(difference).times(Span::point(sign));
        if range.high.sign() < 0 || (strict && range.high.sign() == 0) {
            return false;
        }
        let sum = arena.polynomial(difference);
        for (at, (monomial, value)) in sum.terms.iter().enumerate() {
            let [(atom, 1)] = monomial.as_slice() else { continue };
            let Node::Variable(var) = arena.node(*atom) else { continue };
            let elsewhere = sum
                .terms
                .iter()
                .enumerate()
                .any(|(other, (m, _))| other != at && m.iter().any(|(a, _)| arena.below(*a).contains(atom)));
            if elsewhere {
                continue;
            }
            let rest =
                sum.terms.iter().enumerate().filter(|(other, _)| *other != at).fold(Span::ZERO, |sum, (_, (m, c))| {
                    let product =
                        m.iter().fold(Span::point(*c), |p, (a, power)| p.times(bounds.value(*a).power(*power)));
                    sum.plus(product)
                });
            let Some(turned) = value.inverse() else { continue };
            // value * x >= -rest (or <=, with the other sign)
            let limit = rest.negate().times(Span::point(turned));
            let upwards = value.sign() * sign.sign() > 0;
            let whole = self.world.variables.get(*var as usize).is_some_and(|v| v.whole);
            let next = |bound: Rational, step: i64| bound.plus(Rational::whole(step)).unwrap_or(bound);
            let narrowed = match (upwards, strict && whole) {
                (true, false) => Span::new(limit.low, Rational::INFINITY),
                (true, true) => Span::new(next(limit.low.floor(), 1), Rational::INFINITY),
                (false, false) => Span::new(Rational::NEG_INFINITY, limit.high),
                (false, true) => Span::new(Rational::NEG_INFINITY, next(limit.high.ceil(), -1)),
            };
            self.narrow(*var, narrowed);
            if self.span(*var).is_empty() {
                return false;
            }
        }
        true
    }
}

/// What follows from a comparison that holds, or does not: `sign * difference >= 0`, or above 0.
fn bound_by(arena: &Arena, comparison: Id, holds: bool) -> Vec<(Id, Rational, bool)> {
    let Node::Compare(sign, difference) = arena.node(comparison) else { return Vec::new() };
    let minus = Rational::whole(-1);
    match (sign, holds) {
        (Sign::NotNegative, true) => vec![(*difference, Rational::ONE, false)],
        (Sign::Positive, true) => vec![(*difference, Rational::ONE, true)],
        (Sign::Zero, true) => vec![(*difference, Rational::ONE, false), (*difference, minus, false)],
        (Sign::NotNegative, false) => vec![(*difference, minus, true)],
        (Sign::Positive, false) => vec![(*difference, minus, false)],
        (Sign::Zero, false) => Vec::new(),
    }
}

/// Whether two or three of them cannot hold together, because their sum is a number below 0: `a <= b`, `b <= c` and `c < a`.
fn contradict(arena: &Arena, binding: &[(Id, Rational, bool)]) -> bool {
    if binding.len() < 2 {
        return false;
    }
    let signed: Vec<(Polynomial, bool)> = binding
        .iter()
        .take(MOST_JOINED)
        .filter_map(|(difference, sign, strict)| {
            Some((Polynomial::default().plus(&arena.polynomial(*difference), *sign)?, *strict))
        })
        .collect();
    let impossible = |sum: &Polynomial, strict: bool| {
        sum.as_number().is_some_and(|sum| sum.sign() < 0 || (sum.sign() == 0 && strict))
    };
    signed.iter().enumerate().any(|(at, (one, strict))| {
        signed.iter().enumerate().skip(at + 1).any(|(next, (two, also_strict))| {
            let Some(sum) = one.plus(two, Rational::ONE) else { return false };
            let strict = *strict || *also_strict;
            impossible(&sum, strict)
                || signed.iter().skip(next + 1).any(|(three, third_strict)| {
                    let sum = sum.plus(three, Rational::ONE);
                    sum.is_some_and(|sum| impossible(&sum, strict || *third_strict))
                })
        })
    })
}

/// The most inequalities that are set against each other.
const MOST_JOINED: usize = 12;

/// The largest float below 1: what the score of a wrong answer can be at most.
pub fn below_one() -> Rational {
    Rational::new((1 << 53) - 1, 1 << 53).unwrap_or(Rational::ONE)
}
