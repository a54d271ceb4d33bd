//! Sums, products, integrals and limits in floats.
//!
//! Finite sums and products are added up. The others are estimates, by methods that converge fast on smooth functions;
//! their error is what two estimates differ by, and where they do not agree there is no value.

use super::{Point, Work, value};
use crate::verify::math_answer::ball::Ball;
use crate::verify::math_answer::tree::{Expr, Range};
use crate::verify::math_answer::wide::Wide;

/// Terms of an endless sum that are looked at.
const TERMS: u32 = 44;

/// Two estimates must agree to this share of their size.
const AGREEMENT: f64 = 1e-11;

pub(super) fn over(
    range: Range,
    body: &Expr,
    variable: &str,
    bounds: &[Expr],
    point: &mut Point,
    work: &mut Work,
) -> Option<Ball> {
    let mut body = Body { body, variable, point, work };
    match (range, bounds) {
        (Range::Sum, [from, Expr::Infinity]) => {
            let from = body.whole(from)?;
            body.endless_sum(from)
        }
        (Range::Sum | Range::Product, [from, to]) => {
            let (from, to) = (body.whole(from)?, body.whole(to)?);
            let sum = range == Range::Sum;
            let mut total = Ball::integer(if sum { 0 } else { 1 });
            for at in from..=to {
                let term = body.at(Ball::integer(at))?;
                total = if sum { total.plus(term)? } else { total.times(term)? };
            }
            Some(total)
        }
        (Range::Integral, [from, to]) => body.integral(from, to),
        (Range::Limit, [at]) => body.limit(at),
        _ => None,
    }
}

struct Body<'a> {
    body: &'a Expr,
    variable: &'a str,
    point: &'a mut Point,
    work: &'a mut Work,
}

impl Body<'_> {
    fn at(&mut self, x: Ball) -> Option<Ball> {
        self.point.bound.push((self.variable.to_owned(), x));
        let found = value(self.body, self.point, self.work);
        self.point.bound.pop();
        found
    }

    fn bound(&mut self, expr: &Expr) -> Option<Ball> {
        value(expr, self.point, self.work)
    }

    fn whole(&mut self, expr: &Expr) -> Option<i64> {
        self.bound(expr)?.whole()
    }

    /// Levin's transformation of the first partial sums, which finds the limit of geometric and of slow sums.
    fn endless_sum(&mut self, from: i64) -> Option<Ball> {
        let (mut sums, mut terms) = (Vec::new(), Vec::new());
        let mut sum = Ball::integer(0);
        for at in 0..TERMS {
            let term = self.at(Ball::integer(from + i64::from(at)))?;
            sum = sum.plus(term)?;
            if term.size() < 1e-30 * sum.size() {
                return Some(Ball { error: sum.error + 1e-28 * sum.size(), ..sum });
            }
            sums.push(sum.re);
            terms.push(term.re);
        }
        // Terms that do not shrink have no sum.
        let last = |back: usize| terms.get(terms.len() - back).map_or(0.0, |term| term.size().to_float());
        if last(1) >= last(terms.len() / 2) {
            return None;
        }
        let levin = |order: usize| {
            let (mut top, mut bottom) = (Wide::ZERO, Wide::ZERO);
            let mut choose = Wide::ONE;
            for (j, (sum, term)) in sums.iter().zip(&terms).take(order + 1).enumerate() {
                let place = Wide::new(j as f64 + 1.0);
                let scale = place / Wide::new(order as f64 + 1.0);
                let powers = (1..order).fold(Wide::ONE, |product, _| product * scale);
                let weight = choose * powers / (*term * place);
                let weight = if j % 2 == 0 { weight } else { -weight };
                top = top + weight * *sum;
                bottom = bottom + weight;
                choose = choose * Wide::new((order - j) as f64) / Wide::new(j as f64 + 1.0);
            }
            top / bottom
        };
        agreed(levin(16), levin(19))
    }

    /// The double exponential rule: points crowd towards both ends, where the function may be steep.
    fn integral(&mut self, from: &Expr, to: &Expr) -> Option<Ball> {
        let minus_infinity = Expr::Infinity.negated();
        let half_line = |expr: &Expr| matches!(expr, Expr::Infinity);
        if *from == minus_infinity && half_line(to) {
            let up = self.half_line(Ball::integer(0), false)?;
            return up.plus(self.half_line(Ball::integer(0), true)?);
        }
        if half_line(to) {
            let from = self.bound(from)?;
            return self.half_line(from, false);
        }
        if *from == minus_infinity {
            let to = self.bound(to)?;
            return self.half_line(to, true);
        }
        let (from, to) = (self.bound(from)?.re, self.bound(to)?.re);
        let (middle, half) = ((from + to).scaled(-1), (to - from).scaled(-1));
        self.quadrature(|t| {
            // x = tanh(pi/2 sinh t), reached from the nearer end so that nothing is lost beside it.
            let turn = (t.exp() - (-t).exp()) * Wide::PI.scaled(-2);
            let rise = (t.exp() + (-t).exp()) * Wide::PI.scaled(-2);
            let size = (turn.size() + turn.size()).exp();
            let gap = Wide::new(2.0) / (size + Wide::ONE);
            let x = if turn.to_float() < 0.0 { from + half * gap } else { to - half * gap };
            let x = if t.to_float() == 0.0 { middle } else { x };
            let slope = rise * gap * (Wide::new(2.0) - gap) * half;
            (x, slope)
        })
    }

    /// From an end upwards, or with `down` downwards, without end.
    fn half_line(&mut self, end: Ball, down: bool) -> Option<Ball> {
        self.quadrature(|t| {
            let turn = (t.exp() - (-t).exp()) * Wide::PI.scaled(-2);
            let rise = (t.exp() + (-t).exp()) * Wide::PI.scaled(-2);
            let step = turn.exp();
            (if down { end.re - step } else { end.re + step }, rise * step)
        })
    }

    fn quadrature(&mut self, place: impl Fn(Wide) -> (Wide, Wide)) -> Option<Ball> {
        let mut estimates = Vec::new();
        for spacing in [0.0625, 0.05] {
            let mut sum = Wide::ZERO;
            for direction in [1.0, -1.0] {
                for at in if direction > 0.0 { 0 } else { 1 }..90 {
                    let (x, slope) = place(Wide::new(direction * spacing * f64::from(at)));
                    if !slope.is_finite() || slope.size().to_float() < 1e-40 || !x.is_finite() {
                        break;
                    }
                    // At the very end the function may have no value; what is lost there is small.
                    let Some(height) = self.at(Ball::exact(x)) else {
                        if self.work.limited || at < 20 {
                            return None;
                        }
                        break;
                    };
                    sum = sum + height.re * slope;
                }
            }
            estimates.push(sum * Wide::new(spacing));
        }
        let [a, b] = estimates.as_slice() else { return None };
        agreed(*a, *b)
    }

    /// Values ever nearer, with what is left of the distance taken out step by step (Richardson).
    fn limit(&mut self, at: &Expr) -> Option<Ball> {
        let down = *at == Expr::Infinity.negated();
        let endless = down || *at == Expr::Infinity;
        let target = if endless { Ball::integer(0) } else { self.bound(at)? };
        if !endless && let Some(found) = self.at(target) {
            return Some(found);
        }
        let mut estimates = Vec::new();
        for start in [1e-3, 1.7e-3] {
            let mut row: Vec<Wide> = Vec::new();
            for level in 0..8 {
                let step = Wide::new(start).scaled(-level);
                let x = match (endless, down) {
                    (true, false) => Wide::ONE / step,
                    (true, true) => -(Wide::ONE / step),
                    _ => target.re + step,
                };
                let mut next = self.at(Ball::exact(x))?.re;
                let mut new_row = vec![next];
                for (order, before) in row.iter().enumerate() {
                    let gain = Wide::new(libm::ldexp(1.0, order as i32 + 1) - 1.0);
                    next = next + (next - *before) / gain;
                    new_row.push(next);
                }
                row = new_row;
            }
            estimates.push(*row.last()?);
        }
        let [a, b] = estimates.as_slice() else { return None };
        agreed(*a, *b)
    }
}

fn agreed(a: Wide, b: Wide) -> Option<Ball> {
    let (error, size) = ((a - b).size().to_float(), b.size().to_float());
    let fine = b.is_finite() && error <= AGREEMENT * size.max(1e-3);
    fine.then_some(Ball { re: b, im: Wide::ZERO, error: error + 1e-14 * size.max(1e-3) })
}
