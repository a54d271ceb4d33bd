//! Numbers, names, functions and matrices.

use super::{Comparison, Manner};
use crate::verify::math_answer::ball::{Ball, Same};
use crate::verify::math_answer::evaluate::{Exact, Point, Work, exact, value};
use crate::verify::math_answer::matrix::rows;
use crate::verify::math_answer::tree::{Expr, Range};
use crate::verify::math_answer::value::Rational;

/// Functions are compared at so many points. Two different ones hardly agree at any.
const POINTS: u32 = 12;

/// So many where a function is put together from pieces, one of which may be small.
const PIECEWISE_POINTS: u32 = 72;

/// Two calculations are the same where they differ by less than this: the fifteen digits of the references.
const FIFTEEN_DIGITS: f64 = 1e-15;

/// How far two decimals may differ by rounding, beside their size.
const ROUNDING: f64 = 4e-15;

/// A name and something else: `e` is Euler's number, and letters side by side are the word that they spell.
pub fn symbols(gold: &Expr, prediction: &Expr) -> Comparison {
    fn spelled(expr: &Expr) -> Option<String> {
        match expr {
            Expr::Symbol(name) => Some(name.clone()),
            Expr::Euler => Some("e".into()),
            Expr::Imaginary => Some("i".into()),
            Expr::Product(parts) => parts.iter().map(spelled).collect(),
            _ => None,
        }
    }
    // A number in \text{…} is the number.
    fn written(expr: &Expr) -> Option<String> {
        match expr {
            Expr::Number { decimal: true, .. } => None,
            other => exact(other, &mut Work::default()).filter(|_| Number::of(other) != Number::None)?.value.to_text(),
        }
    }
    let either = |expr: &Expr| spelled(expr).or_else(|| written(expr));
    match (either(gold), either(prediction)) {
        (Some(a), Some(b)) => Comparison::from(a == b),
        _ => Comparison::Different,
    }
}

/// Compares two trees to calculate with.
pub fn scalars(gold: &Expr, prediction: &Expr, manner: Manner, work: &mut Work) -> Comparison {
    match (rows(gold, work), rows(prediction, work)) {
        (Some(left), Some(right)) => {
            if left.len() != right.len() || left.first().map(Vec::len) != right.first().map(Vec::len) {
                return Comparison::Different;
            }
            let entries = left.iter().flatten().zip(right.iter().flatten());
            return entries.fold(Comparison::Same, |so_far, (a, b)| so_far.and(|| scalars(a, b, manner, work)));
        }
        (None, None) => {}
        _ => return Comparison::Different,
    }
    if let Some(found) = infinite(gold, prediction) {
        return found;
    }
    let (left, right) = (exact(gold, work), exact(prediction, work));
    let (a, b) = (Number::of(gold), Number::of(prediction));
    if a == Number::Whole(true) && b == Number::Whole(false) || a == Number::Whole(false) && b == Number::Whole(true) {
        // 5% is 5, and it is 0.05.
        let bare = |expr: &Expr| match expr {
            Expr::Percent(inner) => (**inner).clone(),
            other => other.clone(),
        };
        if let (Some(x), Some(y)) = (exact(&bare(gold), work), exact(&bare(prediction), work))
            && x.value == y.value
        {
            return Comparison::Same;
        }
    }
    let lone = a != Number::None || b != Number::None;
    let rounded = a == Number::Decimal || b == Number::Decimal;
    match (left, right) {
        (Some(left), Some(right)) => fractions(&left, &right, rounded, lone, manner, work),
        _ => {
            let free = !gold.names().is_empty() || !prediction.names().is_empty();
            if free {
                functions(gold, prediction, work)
            } else {
                constants(gold, prediction, rounded, lone, manner, work)
            }
        }
    }
}

/// What a tree is as a number that was written down, not calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    None,
    /// A whole number; true with a percent sign.
    Whole(bool),
    Fraction,
    Decimal,
}

impl Number {
    fn of(expr: &Expr) -> Self {
        match expr {
            Expr::Number { decimal: true, .. } => Number::Decimal,
            Expr::Number { value, .. } if value.is_integer() => Number::Whole(false),
            Expr::Number { .. } => Number::Fraction,
            Expr::Negative(inner) => match Self::of(inner) {
                Number::Whole(true) => Number::None,
                other => other,
            },
            Expr::Percent(inner) => match Self::of(inner) {
                Number::Whole(false) => Number::Whole(true),
                other => other,
            },
            Expr::Quotient(a, b) => match (Self::of(a), Self::of(b)) {
                (Number::Whole(false), Number::Whole(false)) => Number::Fraction,
                _ => Number::None,
            },
            _ => Number::None,
        }
    }
}

/// What a tree with infinity in it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extended {
    /// Infinity, with its sign.
    Infinite(i32),
    /// A finite number that is not 0, with its sign.
    Finite(i32),
    Zero,
    /// Not told: infinity minus infinity, and the like.
    Unknown,
}

impl Extended {
    fn of(expr: &Expr) -> Self {
        use Extended::{Finite, Infinite, Unknown, Zero};
        match expr {
            Expr::Infinity => Infinite(1),
            Expr::Number { value, .. } if value.is_zero() => Zero,
            Expr::Number { value, .. } => Finite(if value.is_negative() { -1 } else { 1 }),
            Expr::Pi | Expr::Euler => Finite(1),
            Expr::Negative(inner) => Self::of(inner).times(Finite(-1)),
            Expr::Percent(inner) => Self::of(inner),
            // Something finite beside infinity changes nothing, whatever it is.
            Expr::Sum(terms) => {
                let mut signs = terms.iter().map(Self::of).filter(|term| matches!(term, Infinite(_)));
                match signs.next() {
                    Some(first) if signs.all(|other| other == first) => first,
                    _ => Unknown,
                }
            }
            Expr::Product(factors) => factors.iter().map(Self::of).fold(Finite(1), Self::times),
            Expr::Quotient(a, b) => match (Self::of(a), Self::of(b)) {
                (Zero | Finite(_), Infinite(_)) => Zero,
                (a, b @ Finite(_)) => a.times(b),
                _ => Unknown,
            },
            Expr::Power(base, power) => match (Self::of(base), Self::of(power)) {
                (Infinite(1), Finite(1) | Infinite(1)) => Infinite(1),
                (Infinite(_), Finite(-1)) => Zero,
                (Finite(1), Finite(_)) => Finite(1),
                _ => Unknown,
            },
            _ => Unknown,
        }
    }

    fn times(self, other: Self) -> Self {
        use Extended::{Finite, Infinite, Unknown, Zero};
        match (self, other) {
            (Zero, Zero | Finite(_)) | (Finite(_), Zero) => Zero,
            (Finite(a), Finite(b)) => Finite(a * b),
            (Infinite(a), Finite(b) | Infinite(b)) | (Finite(a), Infinite(b)) => Infinite(a * b),
            _ => Unknown,
        }
    }
}

/// Infinity equals itself with the same sign, whatever finite number is beside it, and nothing else.
fn infinite(gold: &Expr, prediction: &Expr) -> Option<Comparison> {
    fn holds(expr: &Expr) -> bool {
        match expr {
            Expr::Infinity => true,
            // The bounds of sums may be infinite.
            Expr::Over(_, body, ..) => holds(body),
            other => other.children().into_iter().any(holds),
        }
    }
    if !holds(gold) && !holds(prediction) {
        return None;
    }
    let same = match (Extended::of(gold), Extended::of(prediction)) {
        (Extended::Infinite(a), Extended::Infinite(b)) => a == b,
        (a, b) => a == Extended::Zero && b == Extended::Zero,
    };
    Some(Comparison::from(same || gold == prediction))
}

/// Two exact numbers. Where one was written as a decimal both are rounded, unless the other is a whole number.
fn fractions(left: &Exact, right: &Exact, rounded: bool, lone: bool, manner: Manner, work: &mut Work) -> Comparison {
    let (a, b) = (&left.value, &right.value);
    if a == b {
        return Comparison::Same;
    }
    if !left.decimal && !right.decimal {
        return Comparison::from(!lone && near(a, b, FIFTEEN_DIGITS) == Some(true));
    }
    let whole = |number: &Exact| !number.decimal && number.value.is_integer();
    if rounded && !whole(left) && !whole(right) {
        return match (a.rounded(manner.places), b.rounded(manner.places)) {
            (Some(a), Some(b)) => Comparison::from(a == b),
            _ => {
                work.limited = true;
                Comparison::Undecided
            }
        };
    }
    // A calculation with decimals is one of machine floats.
    let size = a.to_float().abs().max(b.to_float().abs());
    let allowed = if rounded { size * 1.2e-16 } else { size * ROUNDING };
    Comparison::from(near(a, b, allowed) == Some(true))
}

fn near(a: &Rational, b: &Rational, allowed: f64) -> Option<bool> {
    Some(a.plus(&b.negated())?.to_float().abs() < allowed)
}

/// True where an estimate is in it: a sum without end, an integral, a limit.
fn is_estimate(expr: &Expr) -> bool {
    expr.any(&|part| match part {
        Expr::Over(Range::Sum | Range::Product, _, _, bounds) => bounds.contains(&Expr::Infinity),
        Expr::Over(..) => true,
        _ => false,
    })
}

fn has_decimal(expr: &Expr) -> bool {
    expr.any(&|part| matches!(part, Expr::Number { decimal: true, .. }))
}

/// Two constants, of which one holds a root or a function.
fn constants(gold: &Expr, prediction: &Expr, rounded: bool, lone: bool, manner: Manner, work: &mut Work) -> Comparison {
    let mut at = |expr: &Expr| value(expr, &mut Point::nowhere(), work);
    let (Some(a), Some(b)) = (at(gold), at(prediction)) else { return Comparison::Undecided };
    match a.same(b) {
        Same::Yes => return Comparison::Same,
        Same::Unknown if is_estimate(gold) || is_estimate(prediction) => {
            let error = a.minus(b).map_or(f64::INFINITY, |difference| difference.error);
            return Comparison::from(error < 1e-9 * a.size().max(1e-3));
        }
        Same::Unknown => return Comparison::Undecided,
        Same::No => {}
    }
    let difference = a.minus(b).map_or(f64::INFINITY, Ball::size);
    let is_whole = |expr: &Expr, ball: Ball| !has_decimal(expr) && ball.whole().is_some();
    if rounded && a.is_real() && b.is_real() && !is_whole(gold, a) && !is_whole(prediction, b) {
        let unit = libm::pow(10.0, f64::from(manner.places));
        let at = |ball: Ball| libm::round(ball.re.to_float() * unit);
        return Comparison::from(at(a) == at(b));
    }
    if has_decimal(gold) || has_decimal(prediction) {
        return Comparison::from(difference <= ROUNDING * a.size().max(1.0));
    }
    Comparison::from(!lone && difference < FIFTEEN_DIGITS)
}

/// True where names must stand for whole numbers so that there is a value.
fn wants_whole(expr: &Expr) -> bool {
    let named = |parts: &[Expr]| parts.iter().any(|part| !part.names().is_empty());
    expr.any(&|part| match part {
        Expr::Call("factorial" | "binomial" | "gcd" | "lcm", parts) => named(parts),
        Expr::Over(Range::Sum | Range::Product, _, _, bounds) => named(bounds),
        _ => false,
    })
}

/// True where a function may follow another rule elsewhere: absolute values, roots, whole parts.
fn is_piecewise(expr: &Expr) -> bool {
    let named = |part: &Expr| !part.names().is_empty();
    expr.any(&|part| match part {
        Expr::Call("abs" | "floor" | "ceil" | "max" | "min" | "mod", parts) => parts.iter().any(named),
        Expr::Power(base, exponent) => matches!(**exponent, Expr::Quotient(..)) && named(base),
        _ => false,
    })
}

/// Compares at points that are the same in every run. The same name has the same value on both sides.
fn functions(gold: &Expr, prediction: &Expr, work: &mut Work) -> Comparison {
    let decimal = has_decimal(gold) || has_decimal(prediction);
    let estimate = is_estimate(gold) || is_estimate(prediction);
    let whole = wants_whole(gold) || wants_whole(prediction);
    let pieces = is_piecewise(gold) || is_piecewise(prediction);
    let mut compared = 0;
    for number in 0..if pieces { PIECEWISE_POINTS } else { POINTS } {
        let mut at = |expr: &Expr| value(expr, &mut Point::fixed(number, whole), work);
        match (at(gold), at(prediction)) {
            (Some(a), Some(b)) => match a.same(b) {
                Same::Yes => compared += 1,
                Same::No => {
                    let difference = a.minus(b).map_or(f64::INFINITY, Ball::size);
                    if !decimal || difference > ROUNDING * a.size().max(1.0) {
                        return Comparison::Different;
                    }
                    compared += 1;
                }
                Same::Unknown => {
                    let error = a.minus(b).map_or(f64::INFINITY, |difference| difference.error);
                    compared += u32::from(estimate && error < 1e-9 * a.size().max(1e-3));
                }
            },
            // Where one has a value and the other has none, they may still agree elsewhere.
            _ if work.limited => return Comparison::Undecided,
            _ => {}
        }
    }
    if compared >= 2 { Comparison::Same } else { Comparison::Undecided }
}

/// True where two functions are the same but for a factor that is the same everywhere.
pub fn proportional(one: &Expr, other: &Expr, work: &mut Work) -> Comparison {
    let decimal = has_decimal(one) || has_decimal(other);
    let mut factor: Option<Ball> = None;
    let mut compared = 0;
    for number in 0..POINTS {
        let mut at = |expr: &Expr| value(expr, &mut Point::fixed(number, false), work);
        let Some(ratio) = at(one).zip(at(other)).and_then(|(a, b)| a.over(b)) else { continue };
        match factor {
            None if ratio.may_be_zero() => return Comparison::Different,
            None => factor = Some(ratio),
            Some(first) => match ratio.same(first) {
                Same::Yes => compared += 1,
                Same::No if decimal => {
                    let difference = ratio.minus(first).map_or(f64::INFINITY, Ball::size);
                    if difference > ROUNDING * ratio.size() {
                        return Comparison::Different;
                    }
                    compared += 1;
                }
                Same::No => return Comparison::Different,
                Same::Unknown => {}
            },
        }
    }
    if compared >= 3 { Comparison::Same } else { Comparison::Undecided }
}
