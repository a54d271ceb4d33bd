//! The value of a tree: exact where it is a fraction, else a ball of complex numbers.

mod range;

use super::ball::Ball;
use super::matrix::determinant;
use super::tree::{Expr, Range};
use super::value::Rational;
use super::wide::Wide;
use std::cmp::Ordering;

/// Work for one comparison: nodes that are evaluated, large numbers counted by their size.
const MOST_WORK: usize = 40_000;

/// Largest argument of a factorial that is calculated.
const LARGEST_FACTORIAL: i64 = 400;

/// What is left of the work that may be done.
#[derive(Debug)]
pub struct Work {
    left: usize,
    /// True when a limit was met.
    pub limited: bool,
}

impl Default for Work {
    fn default() -> Self {
        Self { left: MOST_WORK, limited: false }
    }
}

impl Work {
    /// Does a piece of work; none when there is no more to be done.
    pub fn spend(&mut self, amount: usize) -> Option<()> {
        match self.left.checked_sub(amount) {
            Some(left) => {
                self.left = left;
                Some(())
            }
            None => {
                self.left = 0;
                self.limited = true;
                None
            }
        }
    }

    fn too_large<T>(&mut self, value: Option<T>) -> Option<T> {
        self.limited |= value.is_none();
        value
    }
}

/// An exact value.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    /// The number.
    pub value: Rational,
    /// True when a number in it was written as a decimal.
    pub decimal: bool,
}

/// The exact value of a tree; none where it holds a name, a root, a function, or is undefined or too large.
pub fn exact(expr: &Expr, work: &mut Work) -> Option<Exact> {
    exact_at(expr, &mut Vec::new(), work)
}

fn exact_at(expr: &Expr, bound: &mut Vec<(String, Rational)>, work: &mut Work) -> Option<Exact> {
    work.spend(1)?;
    let plain = |value: Rational| Exact { value, decimal: false };
    match expr {
        Expr::Number { value, decimal } => Some(Exact { value: value.clone(), decimal: *decimal }),
        Expr::Symbol(name) => {
            bound.iter().rev().find(|(bound, _)| bound == name).map(|(_, value)| plain(value.clone()))
        }
        Expr::Negative(a) => {
            let inner = exact_at(a, bound, work)?;
            Some(Exact { value: inner.value.negated(), ..inner })
        }
        Expr::Percent(a) => {
            let inner = exact_at(a, bound, work)?;
            Some(Exact { value: inner.value.over(&Rational::integer(100))?, ..inner })
        }
        Expr::Sum(parts) => fold(parts, Rational::integer(0), Rational::plus, bound, work),
        Expr::Product(parts) => fold(parts, Rational::integer(1), Rational::times, bound, work),
        Expr::Quotient(a, b) => {
            let (a, b) = (exact_at(a, bound, work)?, exact_at(b, bound, work)?);
            if b.value.is_zero() {
                return None;
            }
            charge(&a.value, &b.value, work)?;
            let value = work.too_large(a.value.over(&b.value))?;
            Some(Exact { value, decimal: a.decimal || b.decimal })
        }
        Expr::Power(a, b) => {
            let (base, exponent) = (exact_at(a, bound, work)?, exact_at(b, bound, work)?);
            let value = exact_power(&base.value, &exponent.value, work)?;
            Some(Exact { value, decimal: base.decimal || exponent.decimal })
        }
        Expr::Call(name, arguments) => {
            let values = arguments.iter().map(|part| exact_at(part, bound, work)).collect::<Option<Vec<_>>>()?;
            let decimal = values.iter().any(|value| value.decimal);
            let values: Vec<&Rational> = values.iter().map(|value| &value.value).collect();
            Some(Exact { value: exact_call(name, &values, work)?, decimal })
        }
        Expr::Over(range @ (Range::Sum | Range::Product), body, variable, bounds) => {
            let [from, to] = bounds.as_slice() else { return None };
            let from = exact_at(from, bound, work)?.value.to_i64()?;
            let to = exact_at(to, bound, work)?.value.to_i64()?;
            let sum = *range == Range::Sum;
            let mut total = plain(Rational::integer(if sum { 0 } else { 1 }));
            for at in from..=to {
                bound.push((variable.clone(), Rational::integer(at)));
                let term = exact_at(body, bound, work);
                bound.pop();
                let term = term?;
                charge(&total.value, &term.value, work)?;
                let next = if sum { total.value.plus(&term.value) } else { total.value.times(&term.value) };
                total = Exact { value: work.too_large(next)?, decimal: total.decimal || term.decimal };
            }
            Some(total)
        }
        _ => None,
    }
}

fn fold(
    parts: &[Expr],
    start: Rational,
    join: fn(&Rational, &Rational) -> Option<Rational>,
    bound: &mut Vec<(String, Rational)>,
    work: &mut Work,
) -> Option<Exact> {
    let mut total = Exact { value: start, decimal: false };
    for part in parts {
        let part = exact_at(part, bound, work)?;
        charge(&total.value, &part.value, work)?;
        let value = work.too_large(join(&total.value, &part.value))?;
        total = Exact { value, decimal: total.decimal || part.decimal };
    }
    Some(total)
}

/// Fractions are brought to lowest terms, which takes the square of their length.
fn charge(a: &Rational, b: &Rational, work: &mut Work) -> Option<()> {
    let limbs = a.limbs() + b.limbs();
    work.spend(limbs * limbs / 16)
}

fn exact_power(base: &Rational, exponent: &Rational, work: &mut Work) -> Option<Rational> {
    if exponent.is_integer() {
        if base.is_zero() && exponent.is_negative() {
            return None;
        }
        work.spend(base.limbs() * base.limbs())?;
        let value = work.too_large(base.power(exponent))?;
        work.spend(value.limbs() * value.limbs() / 16)?;
        return Some(value);
    }
    let (top, bottom) = exponent.parts();
    let root = base.root(u64::try_from(bottom.to_i64()?).ok()?)?;
    exact_power(&root, &top, work)
}

fn exact_call(name: &str, values: &[&Rational], work: &mut Work) -> Option<Rational> {
    let lowest = |keep: Ordering| {
        let mut best: Option<&Rational> = None;
        for value in values {
            best = match best {
                Some(best) if value.compare(best)? != keep => Some(best),
                _ => Some(value),
            };
        }
        best.cloned()
    };
    match (name, values) {
        ("abs", [a]) => Some(if a.is_negative() { a.negated() } else { (*a).clone() }),
        ("floor", [a]) => a.floor(),
        ("ceil", [a]) => Some(a.negated().floor()?.negated()),
        ("factorial", [a]) => {
            let last = a.to_i64().filter(|last| *last >= 0)?;
            if last > LARGEST_FACTORIAL {
                work.limited = true;
                return None;
            }
            work.spend(last as usize * 20)?;
            work.too_large(a.factorial())
        }
        ("binomial", [n, k]) => {
            let k = k.to_i64()?;
            if k < 0 || !n.is_integer() || n.is_negative() && k > LARGEST_FACTORIAL {
                return (k < 0).then(|| Rational::integer(0));
            }
            let fewer = n.to_i64().filter(|n| *n >= k).map_or(k, |n| k.min(n - k));
            if n.to_i64().is_some_and(|n| (0..k).contains(&n)) {
                return Some(Rational::integer(0));
            }
            let mut product = Rational::integer(1);
            for at in 0..fewer {
                charge(&product, n, work)?;
                let factor = n.plus(&Rational::integer(-at))?.over(&Rational::integer(at + 1))?;
                product = work.too_large(product.times(&factor))?;
            }
            Some(product)
        }
        ("max", _) => lowest(Ordering::Greater),
        ("min", _) => lowest(Ordering::Less),
        ("gcd", [first, rest @ ..]) => {
            rest.iter().try_fold((*first).clone(), |sum, next| sum.common_divisor(next)).map(absolute)
        }
        ("lcm", [first, rest @ ..]) => rest
            .iter()
            .try_fold((*first).clone(), |sum, next| {
                if sum.is_zero() || next.is_zero() {
                    return Some(Rational::integer(0));
                }
                sum.times(next)?.over(&sum.common_divisor(next)?)
            })
            .map(absolute),
        ("mod", [a, b]) if !b.is_zero() => a.plus(&a.over(b)?.floor()?.times(b)?.negated()),
        _ => None,
    }
}

fn absolute(value: Rational) -> Rational {
    if value.is_negative() { value.negated() } else { value }
}

/// Where names have which value.
#[derive(Debug, Clone)]
pub struct Point {
    /// Which of the fixed points; none where a name has no value.
    number: Option<u32>,
    /// True where names stand for whole numbers.
    whole: bool,
    bound: Vec<(String, Ball)>,
}

impl Point {
    /// No name has a value.
    pub fn nowhere() -> Self {
        Self { number: None, whole: false, bound: Vec::new() }
    }

    /// A fixed point; with `whole`, one of small natural numbers.
    pub fn fixed(number: u32, whole: bool) -> Self {
        Self { number: Some(number), whole, bound: Vec::new() }
    }

    /// One name has a value.
    pub fn of(name: &str, value: Ball) -> Self {
        Self { bound: vec![(name.to_owned(), value)], ..Self::nowhere() }
    }

    fn value(&self, name: &str) -> Option<Ball> {
        if let Some((_, value)) = self.bound.iter().rev().find(|(bound, _)| bound == name) {
            return Some(*value);
        }
        let number = self.number?;
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64 ^ u64::from(number), |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mixed = (hash ^ hash >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if self.whole {
            return Some(Ball::integer(2 + (mixed >> 60) as i64 % 11));
        }
        // From 0.25 to 2.25 in steps of 2^-19, doubled at every other point: what changes its sign far from 0 is met too.
        // At the first of every four points all are positive, at the last all negative.
        let size = 0.25 + (mixed >> 44) as f64 / f64::from(1 << 19);
        let size = libm::ldexp(size, number as i32 / 2 % 6);
        let negative = match number % 4 {
            0 => false,
            3 => true,
            _ => mixed >> 43 & 1 == 1,
        };
        Some(Ball::exact(Wide::new(if negative { -size } else { size })))
    }
}

/// The value of a tree at a point; none where it is undefined, not a number, or too much work.
pub fn value(expr: &Expr, point: &mut Point, work: &mut Work) -> Option<Ball> {
    work.spend(1)?;
    match expr {
        Expr::Number { value, .. } => work.too_large(value.to_wide().map(Ball::real)),
        Expr::Symbol(name) => point.value(name),
        Expr::Pi => Some(Ball::real(Wide::PI)),
        Expr::Euler => Some(Ball::real(Wide::E)),
        Expr::Imaginary => Some(Ball::imaginary()),
        Expr::Negative(a) => Some(value(a, point, work)?.negated()),
        Expr::Percent(a) => value(a, point, work)?.over(Ball::integer(100)),
        Expr::Sum(parts) => parts.iter().try_fold(Ball::integer(0), |sum, part| sum.plus(value(part, point, work)?)),
        Expr::Product(parts) => {
            parts.iter().try_fold(Ball::integer(1), |product, part| product.times(value(part, point, work)?))
        }
        Expr::Quotient(a, b) => value(a, point, work)?.over(value(b, point, work)?),
        Expr::Power(a, b) => power(a, b, point, work),
        Expr::Call("det", parts) => {
            let [matrix] = parts.as_slice() else { return None };
            value(&determinant(matrix, work)?, point, work)
        }
        Expr::Call(name, parts) => {
            let values = parts.iter().map(|part| value(part, point, work)).collect::<Option<Vec<_>>>()?;
            work.spend(8)?;
            call(name, &values)
        }
        // An unknown function is a name made of its own name and the values that it is given.
        Expr::Apply(name, parts) => {
            let mut key = name.clone();
            for part in parts {
                let at = value(part, point, work)?;
                key.push_str(&format!(",{:.9e},{:.9e}", at.re.to_float(), at.im.to_float()));
            }
            point.value(&key)
        }
        Expr::Over(range, body, variable, bounds) => range::over(*range, body, variable, bounds, point, work),
        _ => None,
    }
}

fn power(a: &Expr, b: &Expr, point: &mut Point, work: &mut Work) -> Option<Ball> {
    let exponent = value(b, point, work)?;
    if *a == Expr::Euler {
        return exponent.exp();
    }
    let base = value(a, point, work)?;
    work.spend(4)?;
    if let Expr::Quotient(one, two) = b
        && **one == Expr::integer(1)
        && **two == Expr::integer(2)
    {
        return base.root();
    }
    base.power(exponent)
}

fn call(name: &str, values: &[Ball]) -> Option<Ball> {
    let one = Ball::integer(1);
    match (name, values) {
        ("abs", [z]) => z.absolute(),
        ("floor", [z]) => z.floor(),
        ("ceil", [z]) => Some(z.negated().floor()?.negated()),
        ("log", [z, base]) => z.ln()?.over(base.ln()?),
        ("sin", [z]) => Some(z.sine_and_cosine()?.0),
        ("cos", [z]) => Some(z.sine_and_cosine()?.1),
        ("tan", [z]) => z.sine_and_cosine().and_then(|(sine, cosine)| sine.over(cosine)),
        ("cot", [z]) => z.sine_and_cosine().and_then(|(sine, cosine)| cosine.over(sine)),
        ("sec", [z]) => one.over(z.sine_and_cosine()?.1),
        ("csc", [z]) => one.over(z.sine_and_cosine()?.0),
        ("arcsin", [z]) => z.arcsine(),
        ("arccos", [z]) => Ball::real(Wide::PI).over(Ball::integer(2))?.minus(z.arcsine()?),
        ("arctan", [z]) => z.arctangent(),
        ("arccot", [z]) if z.size() == 0.0 => Ball::real(Wide::PI).over(Ball::integer(2)),
        ("arccot", [z]) => one.over(*z)?.arctangent(),
        ("arcsec", [z]) => Ball::real(Wide::PI).over(Ball::integer(2))?.minus(one.over(*z)?.arcsine()?),
        ("arccsc", [z]) => one.over(*z)?.arcsine(),
        ("sinh", [z]) => Some(z.hyperbolic()?.0),
        ("cosh", [z]) => Some(z.hyperbolic()?.1),
        ("tanh", [z]) => z.hyperbolic().and_then(|(sine, cosine)| sine.over(cosine)),
        ("arsinh", [z]) => z.times(*z)?.plus(one)?.root()?.plus(*z)?.ln(),
        ("arcosh", [z]) => z.plus(one)?.root()?.times(z.minus(one)?.root()?)?.plus(*z)?.ln(),
        ("artanh", [z]) => one.plus(*z)?.ln()?.minus(one.minus(*z)?.ln()?)?.over(Ball::integer(2)),
        ("factorial", [z]) => {
            let last = z.whole().filter(|last| (0..=170).contains(last))?;
            (2..=last).try_fold(one, |product, next| product.times(Ball::integer(next)))
        }
        ("binomial", [n, k]) => {
            let k = k.whole().filter(|k| *k <= LARGEST_FACTORIAL)?;
            if k < 0 {
                return Some(Ball::integer(0));
            }
            (0..k).try_fold(one, |product, at| product.times(n.minus(Ball::integer(at))?)?.over(Ball::integer(at + 1)))
        }
        ("max" | "min", [first, rest @ ..]) if values.iter().all(|value| value.is_real()) => {
            Some(rest.iter().fold(*first, |best, next| {
                let above = next.re.to_float() > best.re.to_float();
                if above == (name == "max") { *next } else { best }
            }))
        }
        ("mod", [a, b]) => a.minus(a.over(*b)?.floor()?.times(*b)?),
        ("gcd" | "lcm", _) => {
            let whole = values.iter().map(|value| value.whole()).collect::<Option<Vec<_>>>()?;
            let whole: Vec<Rational> = whole.into_iter().map(Rational::integer).collect();
            let found = exact_call(name, &whole.iter().collect::<Vec<_>>(), &mut Work::default())?;
            Some(Ball::integer(found.to_i64()?))
        }
        _ => None,
    }
}

/// The order of two real constants, infinite ones among them; none where it cannot be told.
pub fn order(a: &Expr, b: &Expr) -> Option<Ordering> {
    let rank = |expr: &Expr| match expr {
        Expr::Infinity => 1,
        Expr::Negative(inner) if **inner == Expr::Infinity => -1,
        _ => 0,
    };
    if rank(a) != 0 || rank(b) != 0 {
        return Some(rank(a).cmp(&rank(b)));
    }
    let mut work = Work::default();
    if let (Some(a), Some(b)) = (exact(a, &mut work), exact(b, &mut work)) {
        return a.value.compare(&b.value);
    }
    let mut at = |expr: &Expr| value(expr, &mut Point::nowhere(), &mut work).filter(|ball| ball.is_real());
    let difference = at(a)?.minus(at(b)?)?;
    if difference.may_be_zero() {
        return (difference.error < 1e-20).then_some(Ordering::Equal);
    }
    difference.re.to_float().partial_cmp(&0.0)
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    fn float(text: &str) -> Option<f64> {
        let expr = parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
        value(&expr, &mut Point::nowhere(), &mut Work::default()).map(|ball| ball.re.to_float())
    }

    fn fraction(text: &str) -> Option<Rational> {
        let expr = parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
        exact(&expr, &mut Work::default()).map(|exact| exact.value)
    }

    #[test]
    fn fractions_are_exact() {
        let ratio = |a, b| Rational::integer(a).over(&Rational::integer(b));
        for (text, a, b) in [
            (r"\frac{1}{2}+\frac{1}{3}", 5, 6),
            (r"\sum_{k=1}^{10}k^2", 385, 1),
            (r"\prod_{k=1}^{5}k", 120, 1),
            (r"\binom{50}{3}", 19600, 1),
            (r"\lfloor -2.5\rfloor", -3, 1),
            (r"\gcd(12,18)+\max(2,7,3)", 13, 1),
            (r"7 \mod 3", 1, 1),
            (r"8^{2/3}", 4, 1),
            (r"2\frac{1}{2}", 5, 2),
        ] {
            assert_eq!(fraction(text), ratio(a, b), "{text}");
        }
        assert_eq!(fraction("1/0"), None);
        assert_eq!(fraction("x"), None);
    }

    #[test]
    fn functions_have_their_values() {
        for (text, expected) in [
            (r"\sin\frac{\pi}{6}", 0.5),
            (r"\log 1000", 3.0),
            (r"\ln e^2", 2.0),
            (r"\arctan 1", std::f64::consts::FRAC_PI_4),
            (r"\sqrt[3]{27}", 3.0),
            (r"\sqrt{3+2\sqrt{2}}-\sqrt{2}", 1.0),
            (r"\int_0^1 x\,dx", 0.5),
            (r"\int_0^{\pi}\sin x\,dx", 2.0),
            (r"\int_0^\infty e^{-x}dx", 1.0),
            (r"\int_0^1 \frac{1}{\sqrt{x}}dx", 2.0),
            (r"\sum_{n=1}^{\infty}\frac{1}{n^2}", 1.644_934_066_848_226_4),
            (r"\sum_{k=0}^{\infty}\frac{1}{2^k}", 2.0),
            (r"\lim_{x\to0}\frac{\sin x}{x}", 1.0),
            (r"\lim_{n\to\infty}\frac{2n+1}{n}", 2.0),
            (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", -2.0),
        ] {
            let found = float(text).unwrap_or(f64::NAN);
            assert!((found - expected).abs() < 1e-10, "{text}: {found}");
        }
        for text in
            [r"\sum_{n=1}^{\infty}n", r"\int_1^\infty 1\,dx", r"\ln 0", r"\frac{1}{\sin 0}", r"e^{e^{e^{e^{9}}}}"]
        {
            assert_eq!(float(text), None, "{text}");
        }
    }

    #[test]
    fn work_is_bounded() {
        for text in ["9^{9^{9}}", "9999!", r"\sum_{k=1}^{999999999}k", r"\binom{9999999}{400}", "9^9^9^9^9"] {
            let mut work = Work::default();
            let expr = parse(text).expect("readable");
            assert_eq!(exact(&expr, &mut work), None, "{text}");
            assert!(work.limited, "{text}");
        }
    }

    #[test]
    fn order_is_that_of_the_line() {
        for (a, b, expected) in [
            ("1", "2", Some(Ordering::Less)),
            (r"\sqrt{2}", "1.5", Some(Ordering::Less)),
            (r"\sqrt{4}", "2", Some(Ordering::Equal)),
            (r"\infty", "9", Some(Ordering::Greater)),
            ("x", "1", None),
        ] {
            let read = |text| parse(text).expect("readable");
            assert_eq!(order(&read(a), &read(b)), expected, "{a} {b}");
        }
    }
}
