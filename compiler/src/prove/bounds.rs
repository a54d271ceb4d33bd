//! Bounds of expressions over a box, and of their slopes.
//!
//! A slope is the hull of the difference quotients `(f(b) - f(a)) / (b - a)` with everything else held, so it speaks of functions
//! with kinks and jumps too: a jump makes it infinite.

use super::arena::{Arena, Flag, Id, Node, Sign, Var};
use super::polynomial::{Factored, Monomial};
use super::rational::Rational;
use super::span::Span;
use super::{Stop, state::State};
use std::collections::BTreeMap;

/// What is known of a node over a box.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Its values; for truth values that are known, 0 or 1.
    value: Span,
    /// Its slopes in the variable that was asked for.
    slope: Span,
    /// Whether it depends on that variable.
    depends: bool,
}

impl Known {
    fn held(value: Span) -> Self {
        Self { value, slope: Span::ZERO, depends: false }
    }
}

const FALSE: Span = Span::ZERO;
const TRUE: Span = Span { low: Rational::ONE, high: Rational::ONE };

/// Bounds of everything below one node.
pub struct Bounds {
    known: BTreeMap<Id, Known>,
}

impl Bounds {
    /// Computes them over a box; slopes are those in `of`.
    pub fn new(arena: &Arena, state: &State, root: Id, of: Option<Var>) -> Self {
        let mut bounds = Self { known: BTreeMap::new() };
        for id in arena.below(root) {
            let known = bounds.node(arena, state, id, of);
            bounds.known.insert(id, known);
        }
        bounds
    }

    fn get(&self, id: Id) -> Known {
        self.known.get(&id).copied().unwrap_or(Known { value: Span::ALL, slope: Span::ALL, depends: true })
    }

    /// The values of a node.
    pub fn value(&self, id: Id) -> Span {
        self.get(id).value
    }

    /// The slopes of a node.
    pub fn slope(&self, id: Id) -> Span {
        self.get(id).slope
    }

    /// A truth value, where it is known.
    pub fn truth(&self, id: Id) -> Option<bool> {
        match self.get(id).value {
            TRUE => Some(true),
            FALSE => Some(false),
            _ => None,
        }
    }

    fn node(&self, arena: &Arena, state: &State, id: Id, of: Option<Var>) -> Known {
        let one = |x: Id, make: &dyn Fn(Known) -> (Span, Span)| {
            let x = self.get(x);
            let (value, slope) = make(x);
            Known { value, slope: if x.depends { slope } else { Span::ZERO }, depends: x.depends }
        };
        let two = |x: Id, y: Id, make: &dyn Fn(Known, Known) -> (Span, Span)| {
            let (x, y) = (self.get(x), self.get(y));
            let (value, slope) = make(x, y);
            let depends = x.depends || y.depends;
            Known { value, slope: if depends { slope } else { Span::ZERO }, depends }
        };
        let truth = |value: Option<bool>, depends| {
            let value = value.map_or(Span::UNIT, |value| if value { TRUE } else { FALSE });
            Known { value, slope: Span::ZERO, depends }
        };
        match arena.node(id) {
            Node::Sum(sum) => match arena.factored(id) {
                Some(factored) => {
                    let mut known = self.factored(factored);
                    let plain = self.sum(&sum.terms);
                    known.value = known.value.and(plain.value);
                    known
                }
                None => self.sum(&sum.terms),
            },
            Node::Variable(var) => {
                let value = state.span(*var);
                if of == Some(*var) { Known { value, slope: TRUE, depends: true } } else { Known::held(value) }
            }
            Node::Inexact(bits) => {
                let value = f64::from_bits(*bits);
                Known::held(Span::around(value, value))
            }
            Node::Product(x, y) => {
                two(*x, *y, &|x, y| (x.value.times(y.value), x.value.times(y.slope).plus(x.slope.times(y.value))))
            }
            Node::Inverse(x) => one(*x, &|x| {
                let value = x.value.inverse();
                if x.value.holds_zero() {
                    return (value, Span::ALL);
                }
                (value, value.power(2).times(x.slope).negate())
            }),
            Node::Min(x, y) => two(*x, *y, &|x, y| (x.value.min(y.value), of_smaller(x, y))),
            Node::Max(x, y) => two(*x, *y, &|x, y| (x.value.max(y.value), of_larger(x, y))),
            Node::Abs(x) => one(*x, &|x| {
                let slope = if x.value.low.sign() >= 0 {
                    x.slope
                } else if x.value.high.sign() <= 0 {
                    x.slope.negate()
                } else {
                    x.slope.hull(x.slope.negate())
                };
                (x.value.abs(), slope)
            }),
            Node::Floor(x) => one(*x, &|x| {
                let value = x.value.floor();
                let slope = if value.as_point().is_some() {
                    Span::ZERO
                } else if x.slope.low.sign() >= 0 {
                    Span::POSITIVE
                } else if x.slope.high.sign() <= 0 {
                    Span::NEGATIVE
                } else {
                    Span::ALL
                };
                (value, slope)
            }),
            Node::Exp(x) => one(*x, &|x| {
                let value = x.value.exp();
                (value, value.times(x.slope))
            }),
            Node::Log(x) => one(*x, &|x| (x.value.log(), x.value.and(Span::POSITIVE).inverse().times(x.slope))),
            Node::Power(x, y) => two(*x, *y, &power),
            Node::Choice(condition, then, otherwise) => {
                let (condition, then, otherwise) = (self.get(*condition), self.get(*then), self.get(*otherwise));
                match condition.value {
                    TRUE => then,
                    FALSE => otherwise,
                    _ => {
                        let depends = condition.depends || then.depends || otherwise.depends;
                        let slope = if condition.depends { Span::ALL } else { then.slope.hull(otherwise.slope) };
                        Known { value: then.value.hull(otherwise.value), slope, depends }
                    }
                }
            }
            Node::Truth(value) => truth(Some(*value), false),
            Node::Flag(flag) => truth(state.flag(*flag), false),
            Node::Not(x) => truth(self.truth(*x).map(|x| !x), self.get(*x).depends),
            Node::And(x, y) => {
                let value = match (self.truth(*x), self.truth(*y)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                };
                truth(value, self.get(*x).depends || self.get(*y).depends)
            }
            Node::Or(x, y) => {
                let value = match (self.truth(*x), self.truth(*y)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                };
                truth(value, self.get(*x).depends || self.get(*y).depends)
            }
            Node::Compare(sign, x) => {
                let assumed = state.assumed(id);
                let x = self.get(*x);
                let found = match sign {
                    Sign::NotNegative if x.value.low.sign() >= 0 => Some(true),
                    Sign::NotNegative if x.value.high.sign() < 0 => Some(false),
                    Sign::Positive if x.value.low.sign() > 0 => Some(true),
                    Sign::Positive if x.value.high.sign() <= 0 => Some(false),
                    Sign::Zero if x.value == Span::ZERO => Some(true),
                    Sign::Zero if !x.value.holds_zero() => Some(false),
                    _ => None,
                };
                truth(assumed.or(found), x.depends)
            }
        }
    }

    fn monomial(&self, monomial: &Monomial, coefficient: Rational) -> Known {
        let mut product = Known::held(Span::point(coefficient));
        for (atom, power) in monomial {
            product = times(product, raised(self.get(*atom), *power));
        }
        product
    }

    fn sum(&self, terms: &[(Monomial, Rational)]) -> Known {
        terms.iter().map(|(monomial, value)| self.monomial(monomial, *value)).fold(Known::held(Span::ZERO), plus)
    }

    fn factored(&self, factored: &Factored) -> Known {
        match factored {
            Factored::Sum(terms) => self.sum(terms),
            Factored::Common { atom, power, inner, rest } => {
                let common = raised(self.get(*atom), *power);
                plus(times(common, self.factored(inner)), self.factored(rest))
            }
        }
    }
}

fn plus(x: Known, y: Known) -> Known {
    Known { value: x.value.plus(y.value), slope: x.slope.plus(y.slope), depends: x.depends || y.depends }
}

fn times(x: Known, y: Known) -> Known {
    let slope = match (x.depends, y.depends) {
        (false, false) => Span::ZERO,
        (true, false) => x.slope.times(y.value),
        (false, true) => x.value.times(y.slope),
        (true, true) => x.value.times(y.slope).plus(x.slope.times(y.value)),
    };
    Known { value: x.value.times(y.value), slope, depends: x.depends || y.depends }
}

fn raised(x: Known, power: i32) -> Known {
    let value = x.value.power(power);
    if !x.depends || power == 1 {
        return Known { value, ..x };
    }
    if power < 0 && x.value.holds_zero() {
        return Known { value, slope: Span::ALL, depends: true };
    }
    let by_base = Span::point(Rational::whole(power.into())).times(x.value.power(power - 1));
    Known { value, slope: by_base.times(x.slope), depends: true }
}

/// The slopes of `min(x, y)`: those of the smaller one, of both where either may be it.
fn of_smaller(x: Known, y: Known) -> Span {
    if x.value.high <= y.value.low {
        x.slope
    } else if y.value.high <= x.value.low {
        y.slope
    } else {
        x.slope.hull(y.slope)
    }
}

/// The slopes of `max(x, y)`.
fn of_larger(x: Known, y: Known) -> Span {
    if x.value.high <= y.value.low {
        y.slope
    } else if y.value.high <= x.value.low {
        x.slope
    } else {
        x.slope.hull(y.slope)
    }
}

/// `x ^ y` with a power that is not whole.
fn power(x: Known, y: Known) -> (Span, Span) {
    let value = x.value.raised(y.value);
    let one = Span::point(Rational::ONE);
    let by_base = if !x.depends {
        Span::ZERO
    } else if x.value.low.sign() < 0 {
        Span::ALL
    } else if x.value.low.sign() > 0 || y.value.low >= Rational::ONE {
        y.value.times(x.value.raised(y.value.minus(one)))
    } else if y.value.low.sign() >= 0 {
        Span::POSITIVE
    } else if y.value.high.sign() <= 0 {
        Span::NEGATIVE
    } else {
        Span::ALL
    };
    let by_exponent = if !y.depends {
        Span::ZERO
    } else if x.value.low.sign() > 0 {
        value.times(x.value.log())
    } else if x.value.low.sign() == 0 && x.value.high <= Rational::ONE {
        Span::NEGATIVE
    } else {
        Span::ALL
    };
    (value, by_base.times(x.slope).plus(by_exponent.times(y.slope)))
}

/// An expression with everything put in that the box decides: conditions, single values, the side of a kink.
pub fn specialise(arena: &mut Arena, state: &State, root: Id) -> Result<Id, Stop> {
    let bounds = Bounds::new(arena, state, root, None);
    let made = arena.rebuild(root, &mut |arena, id, made| {
        let new = |old: Id| made.get(&old).copied().unwrap_or(old);
        Ok(match *arena.shared(id) {
            Node::Variable(var) => match state.span(var).as_point() {
                Some(value) if value.is_short() => Some(arena.number(value)?),
                _ => None,
            },
            Node::Flag(_) | Node::Compare(..) | Node::Not(_) | Node::And(..) | Node::Or(..) => match bounds.truth(id) {
                Some(value) => Some(arena.truth(value)?),
                None => None,
            },
            Node::Choice(condition, then, otherwise) => {
                bounds.truth(condition).map(|holds| if holds { new(then) } else { new(otherwise) })
            }
            Node::Min(x, y) if bounds.value(x).high <= bounds.value(y).low => Some(new(x)),
            Node::Min(x, y) if bounds.value(y).high <= bounds.value(x).low => Some(new(y)),
            Node::Max(x, y) if bounds.value(x).high <= bounds.value(y).low => Some(new(y)),
            Node::Max(x, y) if bounds.value(y).high <= bounds.value(x).low => Some(new(x)),
            Node::Abs(x) if bounds.value(x).low.sign() >= 0 => Some(new(x)),
            Node::Abs(x) if bounds.value(x).high.sign() <= 0 => Some(arena.negate(new(x))?),
            Node::Floor(x) => match bounds.value(x).floor().as_point() {
                Some(value) => Some(arena.number(value)?),
                None => None,
            },
            _ => None,
        })
    });
    match made {
        // Numbers that do not fit into exact fractions stay what they were: bounds know them too.
        Err(Stop::TooLarge) if !arena.is_exhausted() => Ok(root),
        made => made,
    }
}

/// Variables and flags below a node, sorted.
pub fn free(arena: &Arena, root: Id) -> (Vec<Var>, Vec<Flag>) {
    let (mut variables, mut flags) = (Vec::new(), Vec::new());
    for id in arena.below(root) {
        match arena.node(id) {
            Node::Variable(var) => variables.push(*var),
            Node::Flag(flag) => flags.push(*flag),
            _ => {}
        }
    }
    variables.sort_unstable();
    flags.sort_unstable();
    (variables, flags)
}
