//! Intervals with rational bounds: exact while the numbers fit, rounded outwards where they do not or where the operation is not
//! rational.

use super::rational::Rational;
use crate::range::Interval;

/// The closed interval `low..high`; a bound may be infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Not above any value.
    pub low: Rational,
    /// Not below any value.
    pub high: Rational,
}

impl Span {
    /// Every number.
    pub const ALL: Self = Self { low: Rational::NEG_INFINITY, high: Rational::INFINITY };
    /// 0 and 1, and what lies between.
    pub const UNIT: Self = Self { low: Rational::ZERO, high: Rational::ONE };
    /// Only 0.
    pub const ZERO: Self = Self { low: Rational::ZERO, high: Rational::ZERO };
    /// Numbers from 0.
    pub const POSITIVE: Self = Self { low: Rational::ZERO, high: Rational::INFINITY };
    /// Numbers up to 0.
    pub const NEGATIVE: Self = Self { low: Rational::NEG_INFINITY, high: Rational::ZERO };

    /// An interval between two bounds.
    pub fn new(low: Rational, high: Rational) -> Self {
        Self { low, high }
    }

    /// A single number, rounded outwards when it is too large.
    pub fn point(value: Rational) -> Self {
        Self { low: value.floor_to_size(), high: value.ceil_to_size() }
    }

    /// The interval around floats.
    pub fn around(low: f64, high: f64) -> Self {
        Self { low: Rational::below_float(low), high: Rational::above_float(high) }
    }

    /// The one number that it holds.
    pub fn as_point(self) -> Option<Rational> {
        (self.low == self.high && self.low.is_finite()).then_some(self.low)
    }

    /// Whether it holds no number.
    pub fn is_empty(self) -> bool {
        self.low > self.high
    }

    /// Whether it holds 0.
    pub fn holds_zero(self) -> bool {
        self.low.sign() <= 0 && self.high.sign() >= 0
    }

    /// How wide it is; infinite when one of its bounds is.
    pub fn width(self) -> Rational {
        self.high.minus(self.low).unwrap_or(Rational::INFINITY)
    }

    /// What lies in both; it may be empty.
    pub fn and(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.min(other.high) }
    }

    /// The smallest interval that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// `-x`
    pub fn negate(self) -> Self {
        Self { low: self.high.negate(), high: self.low.negate() }
    }

    /// `x + y`
    pub fn plus(self, other: Self) -> Self {
        Self {
            low: self.low.plus(other.low).map_or(Rational::NEG_INFINITY, Rational::floor_to_size),
            high: self.high.plus(other.high).map_or(Rational::INFINITY, Rational::ceil_to_size),
        }
    }

    /// `x - y`
    pub fn minus(self, other: Self) -> Self {
        self.plus(other.negate())
    }

    /// `x * y`
    pub fn times(self, other: Self) -> Self {
        if self == Self::ZERO || other == Self::ZERO {
            return Self::ZERO;
        }
        // With known signs, two products suffice.
        if self.low.sign() >= 0 && other.low.sign() >= 0 {
            return Self { low: product(self.low, other.low).low, high: product(self.high, other.high).high };
        }
        if self.low.sign() >= 0 && other.high.sign() <= 0 {
            return self.times(other.negate()).negate();
        }
        if self.high.sign() <= 0 {
            return self.negate().times(other).negate();
        }
        let corners = [
            product(self.low, other.low),
            product(self.low, other.high),
            product(self.high, other.low),
            product(self.high, other.high),
        ];
        corners.into_iter().reduce(Self::hull).unwrap_or(Self::ALL)
    }

    /// `1 / x`; every number when 0 lies inside.
    pub fn inverse(self) -> Self {
        let turned = |bound: Rational| if bound.is_finite() { bound.inverse() } else { Some(Rational::ZERO) };
        if self.low.sign() > 0 || (self.low.sign() == 0 && self.high.sign() > 0) {
            Self {
                low: turned(self.high).unwrap_or(Rational::ZERO),
                high: turned(self.low).unwrap_or(Rational::INFINITY),
            }
        } else if self.high.sign() <= 0 && self.low.sign() < 0 {
            self.negate().inverse().negate()
        } else {
            Self::ALL
        }
    }

    /// `x` to a whole power.
    pub fn power(self, exponent: i32) -> Self {
        if exponent < 0 {
            return self.power(-exponent).inverse();
        }
        if exponent % 2 == 0 && self.low.sign() < 0 {
            return self.abs().power(exponent);
        }
        if exponent % 2 == 1 && self.low.sign() < 0 && self.high.sign() > 0 {
            // An odd power rises: its ends are the powers of the ends.
            let below = Self::new(self.low, Rational::ZERO).power(exponent);
            return below.hull(Self::new(Rational::ZERO, self.high).power(exponent));
        }
        (0..exponent).fold(Self::point(Rational::ONE), |power, _| power.times(self))
    }

    /// `min(x, y)`
    pub fn min(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.min(other.high) }
    }

    /// `max(x, y)`
    pub fn max(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.max(other.high) }
    }

    /// `abs(x)`
    pub fn abs(self) -> Self {
        if self.low.sign() >= 0 {
            self
        } else if self.high.sign() <= 0 {
            self.negate()
        } else {
            Self { low: Rational::ZERO, high: self.high.max(self.low.negate()) }
        }
    }

    /// `floor(x)`
    pub fn floor(self) -> Self {
        Self { low: self.low.floor(), high: self.high.floor() }
    }

    /// `exp(x)`
    pub fn exp(self) -> Self {
        if self == Self::ZERO {
            return Self::point(Rational::ONE);
        }
        Self::from_floats(self.floats().exp()).and(Self::POSITIVE)
    }

    /// `log(x)`; every number where the argument may be 0 or less.
    pub fn log(self) -> Self {
        if self.low.sign() <= 0 {
            let high = if self.high.sign() > 0 { self.above_zero().log().high } else { Rational::INFINITY };
            return Self { low: Rational::NEG_INFINITY, high };
        }
        if self == Self::point(Rational::ONE) {
            return Self::ZERO;
        }
        let mut range = Self::from_floats(self.floats().log());
        if self.low >= Rational::ONE {
            range.low = range.low.max(Rational::ZERO);
        }
        if self.high <= Rational::ONE {
            range.high = range.high.min(Rational::ZERO);
        }
        range
    }

    fn above_zero(self) -> Self {
        Self { low: self.high, high: self.high }
    }

    /// `x ^ y` for a base that is not negative; every number where it may be.
    pub fn raised(self, exponent: Self) -> Self {
        if let Some(whole) = exponent.as_point().and_then(Rational::as_small)
            && whole.abs() <= 64
        {
            return self.power(whole);
        }
        if self.low.sign() < 0 {
            return Self::ALL;
        }
        // A power is monotone in its base and in its exponent, so its ends are at the corners; each is exact where it can be.
        let corner = |base: Rational, exponent: Rational| match exact_power(base, exponent) {
            Some(exact) => Self::point(exact),
            None => {
                let (base, exponent) = (Self::point(base), Self::point(exponent));
                Self::from_floats(base.floats().power(exponent.floats())).and(Self::POSITIVE)
            }
        };
        [(self.low, exponent.low), (self.low, exponent.high), (self.high, exponent.low), (self.high, exponent.high)]
            .into_iter()
            .map(|(base, exponent)| corner(base, exponent))
            .reduce(Self::hull)
            .unwrap_or(Self::POSITIVE)
    }

    /// The same interval with float bounds, rounded outwards.
    pub fn floats(self) -> Interval {
        let down = |bound: Rational| {
            let value = bound.to_float();
            let (numerator, denominator) = bound.parts();
            let exact = numerator.unsigned_abs() < 1 << 53 && denominator.unsigned_abs().is_power_of_two();
            if !bound.is_finite() || exact { value } else { value.next_down().next_down() }
        };
        Interval { low: down(self.low), high: -down(self.high.negate()) }
    }

    fn from_floats(range: Interval) -> Self {
        Self::around(range.low, range.high)
    }
}

/// A power that is rational and small, where that is easy to see.
fn exact_power(base: Rational, exponent: Rational) -> Option<Rational> {
    if exponent.sign() == 0 || base == Rational::ONE {
        return Some(Rational::ONE);
    }
    if base.sign() == 0 {
        return (exponent.sign() > 0).then_some(Rational::ZERO);
    }
    let (numerator, denominator) = exponent.parts();
    let root = match denominator {
        1 => base,
        2 => base.exact_root()?,
        4 => base.exact_root()?.exact_root()?,
        _ => return None,
    };
    let power = u32::try_from(numerator.unsigned_abs()).ok().filter(|n| *n <= 16)?;
    let exact = root.power(power)?;
    let exact = if numerator < 0 { exact.inverse()? } else { exact };
    (exact.floor_to_size() == exact).then_some(exact)
}

/// The product of two bounds: an infinite bound stands for arbitrarily large numbers, and 0 times such a number is 0.
fn product(a: Rational, b: Rational) -> Span {
    if a.sign() == 0 || b.sign() == 0 {
        return Span::ZERO;
    }
    match a.times(b) {
        Some(exact) => Span::point(exact),
        None => {
            let end = if a.sign() == b.sign() { Rational::INFINITY } else { Rational::NEG_INFINITY };
            if a.is_finite() && b.is_finite() { Span::ALL } else { Span { low: end, high: end } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(low: i64, high: i64, unit: i128) -> Span {
        Span::new(Rational::new(low.into(), unit).unwrap(), Rational::new(high.into(), unit).unwrap())
    }

    #[test]
    fn bounds_by_hand() {
        assert_eq!(of(-1, 2, 1).times(of(-3, 4, 1)), of(-6, 8, 1));
        assert_eq!(of(1, 4, 1).inverse(), Span::new(Rational::new(1, 4).unwrap(), Rational::ONE));
        assert_eq!(of(-3, 2, 1).power(2), of(0, 9, 1));
        assert_eq!(of(-3, 2, 1).power(3), of(-27, 8, 1));
        assert_eq!(Span::UNIT.raised(of(0, 4, 1)), Span::UNIT);
        assert_eq!(of(1, 4, 4).raised(Span::point(Rational::new(1, 2).unwrap())), of(2, 4, 4));
        assert_eq!(Span::POSITIVE.times(Span::ZERO), Span::ZERO);
        assert_eq!(Span::new(Rational::ZERO, Rational::ONE).inverse(), Span::new(Rational::ONE, Rational::INFINITY));
    }

    proptest! {
        #[test]
        fn values_lie_inside(a in -400i64..400, b in 0i64..400, c in -400i64..400, d in 0i64..400, s in 0.0..=1.0f64, t in 0.0..=1.0f64, e in 0i32..5) {
            let (one, other) = (of(a, a + b, 8), of(c, c + d, 8));
            let x = a as f64 / 8.0 + libm::floor(s * b as f64) / 8.0;
            let y = c as f64 / 8.0 + libm::floor(t * d as f64) / 8.0;
            let inside = |span: Span, value: f64| {
                let range = span.floats();
                range.low <= value && value <= range.high
            };
            prop_assert!(inside(one.plus(other), x + y));
            prop_assert!(inside(one.times(other), x * y));
            prop_assert!(inside(one.power(e), libm::pow(x, f64::from(e))));
            prop_assert!(inside(one.abs(), x.abs()) && inside(one.floor(), libm::floor(x)));
            prop_assert!(inside(one.min(other), x.min(y)) && inside(one.max(other), x.max(y)));
            prop_assert!(inside(one.exp(), libm::exp(x)));
            if x != 0.0 {
                prop_assert!(inside(one.inverse(), 1.0 / x));
            }
            if x > 0.0 {
                prop_assert!(inside(one.log(), libm::log(x)));
                prop_assert!(inside(one.and(Span::POSITIVE).raised(other), libm::pow(x, y)));
            }
        }
    }
}
