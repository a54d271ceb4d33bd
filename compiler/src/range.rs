//! Interval arithmetic: which values an expression can take.
//!
//! Sums, differences, products, quotients and square roots round monotonically, so their end points, computed with the very
//! operation that runs later, hold every computed value exactly. `exp`, `log` and `^` are not correctly rounded; their end
//! points are moved outwards by a few units in the last place, except where the result is known exactly.

/// The closed range `low..high` of a number; an end may be infinite.
///
/// [`Interval::UNKNOWN`] stands behind a mistake that has been reported: everything computed from it is unknown too,
/// and no check complains of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
}

/// How many representable numbers a bound of `exp`, `log` or `^` moves outwards.
const SLACK_ULPS: u32 = 4;

impl Interval {
    /// Every number.
    pub const ALL: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };
    /// Truth values, and shares.
    pub const UNIT: Self = Self { low: 0.0, high: 1.0 };
    /// The range behind a mistake that has been reported.
    pub const UNKNOWN: Self = Self { low: f64::NAN, high: f64::NAN };

    /// The range between two numbers, in either order.
    pub fn new(one: f64, other: f64) -> Self {
        if one.is_nan() || other.is_nan() {
            return Self::UNKNOWN;
        }
        if other < one { Self { low: other, high: one } } else { Self { low: one, high: other } }
    }

    /// A single value.
    pub fn point(value: f64) -> Self {
        Self { low: value, high: value }
    }

    /// Whether it stands behind a reported mistake.
    pub fn is_unknown(self) -> bool {
        self.low.is_nan() || self.high.is_nan()
    }

    /// The only value, if there is one.
    pub fn as_point(self) -> Option<f64> {
        (self.low == self.high && self.low.is_finite()).then_some(self.low)
    }

    /// The only value, if it is one and a whole number.
    pub fn as_integer(self) -> Option<f64> {
        self.as_point().filter(|value| libm::floor(*value) == *value)
    }

    /// Whether a value lies in it.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Whether every value of `other` lies in it; an unknown range lies everywhere.
    pub fn covers(self, other: Self) -> bool {
        other.is_unknown() || (self.low <= other.low && other.high <= self.high)
    }

    /// The smallest range that holds both.
    pub fn hull(self, other: Self) -> Self {
        if self.is_unknown() || other.is_unknown() {
            return Self::UNKNOWN;
        }
        Self { low: lesser(self.low, other.low), high: greater(self.high, other.high) }
    }

    /// What lies in both; the range itself when nothing does (a branch that is never taken).
    pub fn narrowed(self, other: Self) -> Self {
        let low = greater(self.low, other.low);
        let high = lesser(self.high, other.high);
        if low <= high { Self { low, high } } else { self }
    }

    /// `-x`
    pub fn negate(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }

    /// `x + y`
    pub fn plus(self, other: Self) -> Self {
        if self.is_unknown() || other.is_unknown() {
            return Self::UNKNOWN;
        }
        // Infinity minus infinity can be anything.
        let low = self.low + other.low;
        let high = self.high + other.high;
        Self {
            low: if low.is_nan() { f64::NEG_INFINITY } else { low },
            high: if high.is_nan() { f64::INFINITY } else { high },
        }
    }

    /// `x - y`
    pub fn minus(self, other: Self) -> Self {
        self.plus(other.negate())
    }

    /// `x * y`
    pub fn times(self, other: Self) -> Self {
        // An infinite end stands for arbitrarily large numbers, and zero times such a number is zero.
        self.corners(other, |x, y| if x == 0.0 || y == 0.0 { 0.0 } else { x * y })
    }

    /// `x / y`, for a divisor that is never 0.
    pub fn over(self, other: Self) -> Self {
        if other.contains(0.0) {
            return Self::ALL;
        }
        self.corners(other, |x, y| if y.is_infinite() { 0.0 } else { x / y })
    }

    /// `x ^ y`, where it is defined: no negative base under an exponent that is not one whole number, and no 0 under a
    /// negative exponent.
    pub fn power(self, exponent: Self) -> Self {
        if self.is_unknown() || exponent.is_unknown() {
            return Self::UNKNOWN;
        }
        let mut range = self.corners(exponent, libm::pow);
        if let Some(whole) = exponent.as_integer() {
            if whole > 0.0 && whole % 2.0 == 0.0 && self.contains(0.0) {
                range = range.hull(Self::point(0.0));
            }
            if whole == 0.0 || whole == 1.0 {
                return range;
            }
        }
        let exact = |value: f64| value == 0.0 || value == 1.0;
        let mut wide = Self {
            low: if exact(range.low) { range.low } else { down(range.low) },
            high: if exact(range.high) { range.high } else { up(range.high) },
        };
        if self.low >= 0.0 {
            wide.low = greater(wide.low, 0.0);
        }
        wide
    }

    /// `min(x, y)`
    pub fn min(self, other: Self) -> Self {
        if self.is_unknown() || other.is_unknown() {
            return Self::UNKNOWN;
        }
        Self { low: lesser(self.low, other.low), high: lesser(self.high, other.high) }
    }

    /// `max(x, y)`
    pub fn max(self, other: Self) -> Self {
        if self.is_unknown() || other.is_unknown() {
            return Self::UNKNOWN;
        }
        Self { low: greater(self.low, other.low), high: greater(self.high, other.high) }
    }

    /// `abs(x)`
    pub fn abs(self) -> Self {
        if self.is_unknown() || self.low >= 0.0 {
            self
        } else if self.high <= 0.0 {
            self.negate()
        } else {
            Self { low: 0.0, high: greater(-self.low, self.high) }
        }
    }

    /// `exp(x)`
    pub fn exp(self) -> Self {
        self.rising(libm::exp, |x| x == 0.0).max(Self::point(0.0))
    }

    /// `log(x)`, for positive numbers.
    pub fn log(self) -> Self {
        self.rising(libm::log, |x| x == 1.0)
    }

    /// `sqrt(x)`, for numbers from 0.
    pub fn sqrt(self) -> Self {
        Self { low: libm::sqrt(self.low), high: libm::sqrt(self.high) }
    }

    /// `floor(x)`
    pub fn floor(self) -> Self {
        Self { low: libm::floor(self.low), high: libm::floor(self.high) }
    }

    /// Only numbers greater than `bound`'s smallest.
    pub fn above(bound: f64) -> Self {
        Self { low: bound.next_up(), high: f64::INFINITY }
    }

    /// Only numbers less than `bound`.
    pub fn below(bound: f64) -> Self {
        Self { low: f64::NEG_INFINITY, high: bound.next_down() }
    }

    /// Numbers from `bound` on.
    pub fn from(bound: f64) -> Self {
        Self { low: bound, high: f64::INFINITY }
    }

    /// Numbers up to `bound`.
    pub fn up_to(bound: f64) -> Self {
        Self { low: f64::NEG_INFINITY, high: bound }
    }

    /// The hull of an operation that is monotone in each operand.
    fn corners(self, other: Self, op: impl Fn(f64, f64) -> f64) -> Self {
        if self.is_unknown() || other.is_unknown() {
            return Self::UNKNOWN;
        }
        let mut range: Option<Self> = None;
        for x in [self.low, self.high] {
            for y in [other.low, other.high] {
                let corner = op(x, y);
                if corner.is_nan() {
                    return Self::ALL;
                }
                range = Some(range.map_or(Self::point(corner), |r| r.hull(Self::point(corner))));
            }
        }
        range.unwrap_or(Self::ALL)
    }

    fn rising(self, op: impl Fn(f64) -> f64, exact: impl Fn(f64) -> bool) -> Self {
        if self.is_unknown() {
            return self;
        }
        let (low, high) = (op(self.low), op(self.high));
        Self {
            low: if exact(self.low) { low } else { down(low) },
            high: if exact(self.high) { high } else { up(high) },
        }
    }
}

fn lesser(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

fn greater(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

fn down(value: f64) -> f64 {
    (0..SLACK_ULPS).fold(value, |v, _| v.next_down())
}

fn up(value: f64) -> f64 {
    (0..SLACK_ULPS).fold(value, |v, _| v.next_up())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(low: f64, high: f64) -> Interval {
        Interval { low, high }
    }

    #[test]
    fn end_points_by_hand() {
        assert_eq!(range(1.0, 2.0).minus(range(0.5, 4.0)), range(-3.0, 1.5));
        assert_eq!(range(-1.0, 2.0).times(range(-3.0, 4.0)), range(-6.0, 8.0));
        assert_eq!(range(1.0, 2.0).over(range(-4.0, -2.0)), range(-1.0, -0.25));
        assert_eq!(Interval::UNIT.over(range(1e-9, f64::INFINITY)), range(0.0, 1.0 / 1e-9));
        assert_eq!(range(-3.0, 2.0).abs(), range(0.0, 3.0));
        assert_eq!(range(-3.0, -2.0).abs(), range(2.0, 3.0));
        assert_eq!(range(-1.5, 2.5).floor(), range(-2.0, 2.0));
        assert_eq!(range(4.0, 9.0).sqrt(), range(2.0, 3.0));
    }

    #[test]
    fn shares_to_a_power_stay_shares() {
        assert_eq!(Interval::UNIT.power(range(0.0, 4.0)), Interval::UNIT);
        assert_eq!(Interval::UNIT.power(range(0.0, f64::INFINITY)), Interval::UNIT);
    }

    #[test]
    fn even_powers_know_their_least_value() {
        let squared = range(-3.0, 2.0).power(Interval::point(2.0));
        assert_eq!(squared.low, 0.0);
        assert!(squared.contains(9.0) && squared.high < 9.000_001);
    }

    #[test]
    fn infinity_is_a_large_number_and_not_a_value() {
        assert_eq!(Interval::from(0.0).times(Interval::point(0.0)), Interval::point(0.0));
        assert_eq!(Interval::ALL.plus(Interval::ALL), Interval::ALL);
        assert_eq!(Interval::from(5.0).over(Interval::from(1.0)), range(0.0, f64::INFINITY));
    }

    #[test]
    fn what_follows_a_mistake_is_unknown() {
        let unknown = Interval::UNKNOWN;
        for result in
            [unknown.plus(Interval::UNIT), Interval::UNIT.max(unknown), unknown.exp(), unknown.abs(), unknown.sqrt()]
        {
            assert!(result.is_unknown());
        }
        assert!(!unknown.contains(0.0));
    }

    #[test]
    fn a_strict_bound_leaves_zero_out() {
        assert!(!Interval::UNIT.narrowed(Interval::above(0.0)).contains(0.0));
        assert!(!Interval::UNIT.narrowed(Interval::below(1.0)).contains(1.0));
    }

    proptest! {
        #[test]
        fn values_lie_in_their_range(a in -50.0..50.0f64, b in -50.0..50.0f64, c in -50.0..50.0f64, d in -50.0..50.0f64, s in 0.0..=1.0f64, t in 0.0..=1.0f64) {
            let (one, other) = (Interval::new(a, b), Interval::new(c, d));
            let x = (a + (b - a) * s).clamp(one.low, one.high);
            let y = (c + (d - c) * t).clamp(other.low, other.high);
            prop_assert!(one.plus(other).contains(x + y));
            prop_assert!(one.minus(other).contains(x - y));
            prop_assert!(one.times(other).contains(x * y));
            if !other.contains(0.0) {
                prop_assert!(one.over(other).contains(x / y));
            }
            prop_assert!(one.exp().contains(libm::exp(x)));
            prop_assert!(one.abs().contains(x.abs()));
            prop_assert!(one.floor().contains(libm::floor(x)));
            let (base, from) = (one.abs(), x.abs());
            if base.low > 0.0 {
                prop_assert!(base.log().contains(libm::log(from)));
                prop_assert!(base.power(other).contains(libm::pow(from, y)));
                prop_assert!(base.sqrt().contains(libm::sqrt(from)));
            }
            for whole in [2.0, 3.0, 4.0] {
                prop_assert!(one.power(Interval::point(whole)).contains(libm::pow(x, whole)));
            }
        }
    }
}
