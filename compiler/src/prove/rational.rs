//! Exact rational numbers of bounded size, and their rounding outwards where the size does not suffice.

use std::cmp::Ordering;

/// A rational number `numerator / denominator`, reduced, with a positive denominator; or an infinity, with denominator 0.
///
/// Sums and products are exact or `None`: there is no silent rounding. [`Rational::floor_to_size`] and
/// [`Rational::ceil_to_size`] round to numbers whose sums and products always fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rational {
    numerator: i128,
    denominator: i128,
}

/// Numerators and denominators of interval bounds stay below it, so that a product of two fits into 128 bits.
const SIZE: i128 = 1 << 62;

impl Rational {
    /// 0
    pub const ZERO: Self = Self::whole(0);
    /// 1
    pub const ONE: Self = Self::whole(1);
    /// Larger than every number.
    pub const INFINITY: Self = Self { numerator: 1, denominator: 0 };
    /// Smaller than every number.
    pub const NEG_INFINITY: Self = Self { numerator: -1, denominator: 0 };

    /// A whole number.
    pub const fn whole(value: i64) -> Self {
        Self { numerator: value as i128, denominator: 1 }
    }

    /// `numerator / denominator`; none when the denominator is 0.
    pub fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if denominator == 0 || denominator == i128::MIN || numerator == i128::MIN {
            return None;
        }
        let common = gcd(numerator.unsigned_abs(), denominator.unsigned_abs()) as i128;
        let sign = denominator.signum();
        Some(Self { numerator: sign * over(numerator, common), denominator: sign * over(denominator, common) })
    }

    /// The number that a person means by a float: its shortest decimal. None for what is not finite, and for numbers with more
    /// digits than fit.
    pub fn from_decimal(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        if value == libm::trunc(value) && libm::fabs(value) < 9.0e15 {
            return Some(Self::whole(value as i64));
        }
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e')?;
        let exponent: i32 = exponent.parse().ok()?;
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let mantissa: i128 = format!("{whole}{part}").parse().ok()?;
        let places = i32::try_from(part.len()).ok()? - exponent;
        let power = 10_i128.checked_pow(places.unsigned_abs())?;
        if places >= 0 { Self::new(mantissa, power) } else { Self::new(mantissa.checked_mul(power)?, 1) }
    }

    /// The largest number of bounded size that is not above a float; for a lower bound.
    pub fn below_float(value: f64) -> Self {
        if value.is_nan() || value <= -2.0e18 {
            return Self::NEG_INFINITY;
        }
        if value >= 2.0e18 {
            return Self::whole(2_000_000_000_000_000_000);
        }
        let (mut scaled, mut shift) = (value, 0);
        while shift < 60 && scaled != libm::floor(scaled) && libm::fabs(scaled) < 1.0e18 {
            scaled *= 2.0;
            shift += 1;
        }
        Self::new(libm::floor(scaled) as i128, 1 << shift).unwrap_or(Self::NEG_INFINITY)
    }

    /// The smallest number of bounded size that is not below a float; for an upper bound.
    pub fn above_float(value: f64) -> Self {
        Self::below_float(-value).negate()
    }

    /// Whether it is a number, and not an infinity.
    pub fn is_finite(self) -> bool {
        self.denominator != 0
    }

    /// -1, 0 or 1.
    pub fn sign(self) -> i32 {
        self.numerator.signum() as i32
    }

    /// Whether it is a whole number.
    pub fn is_whole(self) -> bool {
        self.denominator == 1
    }

    /// Whether it is so short that a few of its powers fit.
    pub fn is_short(self) -> bool {
        self.numerator.unsigned_abs() < 1 << 32 && self.denominator < 1 << 32
    }

    /// The whole number that it is, if it is a small one.
    pub fn as_small(self) -> Option<i32> {
        if self.is_whole() { i32::try_from(self.numerator).ok() } else { None }
    }

    /// Numerator and denominator.
    pub fn parts(self) -> (i128, i128) {
        (self.numerator, self.denominator)
    }

    /// `-x`
    pub fn negate(self) -> Self {
        Self { numerator: -self.numerator, denominator: self.denominator }
    }

    /// `x + y`, exact; none when it does not fit or is not defined.
    pub fn plus(self, other: Self) -> Option<Self> {
        if !self.is_finite() || !other.is_finite() {
            return None;
        }
        if self.denominator == 1 && other.denominator == 1 {
            return Some(Self { numerator: self.numerator.checked_add(other.numerator)?, denominator: 1 });
        }
        // Knuth, TAOCP 4.5.1: one small common divisor before, one after.
        let common = gcd(self.denominator as u128, other.denominator as u128) as i128;
        let (left, right) = (over(self.denominator, common), over(other.denominator, common));
        let sum = self.numerator.checked_mul(right)?.checked_add(other.numerator.checked_mul(left)?)?;
        let rest = if common == 1 { 1 } else { gcd(sum.unsigned_abs() % common as u128, common as u128) as i128 };
        Some(Self { numerator: over(sum, rest), denominator: left.checked_mul(over(other.denominator, rest))? })
    }

    /// `x - y`
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(other.negate())
    }

    /// `x * y`, exact; none when it does not fit or is not defined.
    pub fn times(self, other: Self) -> Option<Self> {
        if !self.is_finite() || !other.is_finite() {
            return None;
        }
        let one = gcd(self.numerator.unsigned_abs(), other.denominator as u128) as i128;
        let two = gcd(other.numerator.unsigned_abs(), self.denominator as u128) as i128;
        Some(Self {
            numerator: over(self.numerator, one).checked_mul(over(other.numerator, two))?,
            denominator: over(self.denominator, two).checked_mul(over(other.denominator, one))?,
        })
    }

    /// `1 / x`; none for 0 and for infinities.
    pub fn inverse(self) -> Option<Self> {
        if self.is_finite() { Self::new(self.denominator, self.numerator) } else { None }
    }

    /// `x` to a whole power that is not negative.
    pub fn power(self, exponent: u32) -> Option<Self> {
        (0..exponent).try_fold(Self::ONE, |product, _| product.times(self))
    }

    /// The square root, where it is rational.
    pub fn exact_root(self) -> Option<Self> {
        let root = |value: i128| {
            let guess = libm::round(libm::sqrt(value as f64)) as i128;
            (guess.checked_mul(guess) == Some(value)).then_some(guess)
        };
        if self.is_finite() && self.numerator >= 0 {
            Self::new(root(self.numerator)?, root(self.denominator)?)
        } else {
            None
        }
    }

    /// The largest whole number that is not above it.
    pub fn floor(self) -> Self {
        if !self.is_finite() {
            return self;
        }
        Self { numerator: self.numerator.div_euclid(self.denominator), denominator: 1 }
    }

    /// The smallest whole number that is not below it.
    pub fn ceil(self) -> Self {
        self.negate().floor().negate()
    }

    /// The middle of two numbers, or a number between when one of them is an infinity.
    pub fn middle(self, other: Self) -> Self {
        let half = Self { numerator: 1, denominator: 2 };
        match (self.is_finite(), other.is_finite()) {
            (true, true) => {
                self.plus(other).and_then(|sum| sum.times(half)).map_or(self, |middle| middle.floor_to_size())
            }
            (true, false) => {
                let far = Self::whole(1024);
                let doubled = self.plus(self).unwrap_or(self);
                if doubled.plus(far).is_some_and(|sum| sum.sign() > 0) { doubled.plus(far).unwrap_or(far) } else { far }
            }
            (false, true) => other.negate().middle(Self::INFINITY).negate(),
            (false, false) => Self::ZERO,
        }
    }

    /// A float near it.
    pub fn to_float(self) -> f64 {
        if self.denominator == 0 {
            return if self.numerator > 0 { f64::INFINITY } else { f64::NEG_INFINITY };
        }
        // Both are exact below 2^53, and then the quotient is the nearest float.
        self.numerator as f64 / self.denominator as f64
    }

    /// A number of bounded size that is not above it.
    pub fn floor_to_size(self) -> Self {
        let (n, d) = (self.numerator, self.denominator);
        if (n.abs() < SIZE && d < SIZE) || d == 0 {
            return self;
        }
        let bits = |value: i128| 128 - value.unsigned_abs().leading_zeros();
        let shift = bits(n).max(bits(d)).saturating_sub(61);
        if shift >= 127 {
            return Self::NEG_INFINITY;
        }
        // A shift to the right is a division that rounds down.
        let (down, up) = (|value: i128| value >> shift, |value: i128| -((-value) >> shift));
        // A smaller value has a larger divisor above 0 and a smaller one below it.
        let denominator = if n >= 0 { up(d) } else { down(d) };
        if denominator == 0 {
            return Self::NEG_INFINITY;
        }
        Self::new(down(n), denominator).unwrap_or(Self::NEG_INFINITY)
    }

    /// A number of bounded size that is not below it.
    pub fn ceil_to_size(self) -> Self {
        self.negate().floor_to_size().negate()
    }
}

impl Default for Rational {
    fn default() -> Self {
        Self::ZERO
    }
}

impl PartialOrd for Rational {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rational {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.denominator == other.denominator && self.denominator != 0 {
            return self.numerator.cmp(&other.numerator);
        }
        let infinite = |x: &Self| if x.is_finite() { 0 } else { x.sign() };
        if !self.is_finite() || !other.is_finite() {
            return infinite(self).cmp(&infinite(other));
        }
        let products = (self.numerator.checked_mul(other.denominator), other.numerator.checked_mul(self.denominator));
        if let (Some(left), Some(right)) = products {
            return left.cmp(&right);
        }
        // Too large for a product: first the whole parts, then what remains, turned over.
        let (mut a, mut b, mut turned) = (*self, *other, false);
        loop {
            let (left, right) = (a.numerator.div_euclid(a.denominator), b.numerator.div_euclid(b.denominator));
            let (left_rest, right_rest) =
                (a.numerator.rem_euclid(a.denominator), b.numerator.rem_euclid(b.denominator));
            let found = left.cmp(&right).then_with(|| match (left_rest, right_rest) {
                (0, 0) => Ordering::Equal,
                (0, _) => Ordering::Less,
                (_, 0) => Ordering::Greater,
                _ => Ordering::Equal,
            });
            if found != Ordering::Equal || left_rest == 0 || right_rest == 0 {
                return if turned { found.reverse() } else { found };
            }
            a = Self { numerator: a.denominator, denominator: left_rest };
            b = Self { numerator: b.denominator, denominator: right_rest };
            turned = !turned;
        }
    }
}

/// Greatest common divisor; at least 1.
/// `value / divisor` for a divisor above 0. Most numbers are short, and a division of 128 bits is slow.
fn over(value: i128, divisor: i128) -> i128 {
    if divisor == 1 {
        return value;
    }
    match (i64::try_from(value), i64::try_from(divisor)) {
        (Ok(value), Ok(divisor)) => i128::from(value / divisor),
        _ => value / divisor,
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if a == 0 || b == 0 {
        return (a | b).max(1);
    }
    if a == 1 || b == 1 {
        return 1;
    }
    let (mut a, mut b) = (a, b);
    while a > u128::from(u64::MAX) || b > u128::from(u64::MAX) {
        (a, b) = (b, a % b);
        if b == 0 {
            return a;
        }
    }
    let (mut a, mut b) = (a as u64, b as u64);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    u128::from(a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(n: i128, d: i128) -> Rational {
        Rational::new(n, d).unwrap()
    }

    #[test]
    fn a_float_is_the_decimal_that_was_written() {
        assert_eq!(Rational::from_decimal(0.1), Some(of(1, 10)));
        assert_eq!(Rational::from_decimal(3e-4), Some(of(3, 10_000)));
        assert_eq!(Rational::from_decimal(-16384.0), Some(of(-16384, 1)));
        assert_eq!(Rational::from_decimal(1e300), None);
        assert_eq!(Rational::from_decimal(f64::NAN), None);
    }

    #[test]
    fn infinities_are_at_the_ends() {
        let mut all = [Rational::INFINITY, of(-7, 2), Rational::NEG_INFINITY, of(1, 3), Rational::ZERO];
        all.sort();
        assert_eq!(all, [Rational::NEG_INFINITY, of(-7, 2), Rational::ZERO, of(1, 3), Rational::INFINITY]);
        assert_eq!(Rational::INFINITY.plus(Rational::ONE), None);
    }

    #[test]
    fn roots_that_are_rational() {
        assert_eq!(of(1, 4).exact_root(), Some(of(1, 2)));
        assert_eq!(of(1, 8).exact_root(), None);
        assert_eq!(of(-1, 4).exact_root(), None);
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_fractions(a in -1000i128..1000, b in 1i128..1000, c in -1000i128..1000, d in 1i128..1000) {
            let (x, y) = (of(a, b), of(c, d));
            prop_assert_eq!(x.plus(y), Some(of(a * d + c * b, b * d)));
            prop_assert_eq!(x.times(y), Some(of(a * c, b * d)));
            prop_assert_eq!(x.cmp(&y), (a * d).cmp(&(c * b)));
            prop_assert!(x.floor() <= x && x < x.floor().plus(Rational::ONE).unwrap());
        }

        #[test]
        fn rounding_goes_outwards(n in any::<i64>(), m in 1i64..i64::MAX, scale in 1i128..1 << 60) {
            let x = of(i128::from(n) * scale, i128::from(m));
            prop_assert!(x.floor_to_size() <= x && x <= x.ceil_to_size());
            let value = x.to_float();
            prop_assert!(Rational::below_float(value) <= Rational::above_float(value));
            let (low, high) = (Rational::below_float(value), Rational::above_float(value));
            prop_assert!(!low.is_finite() || low.to_float() <= value.next_up());
            prop_assert!(!high.is_finite() || high.to_float() >= value.next_down());
        }

        #[test]
        fn large_ones_compare_as_they_should(n in 1i128..i128::MAX / 2, d in 1i128..i128::MAX / 2) {
            let x = of(n, d);
            prop_assert_eq!(x.cmp(&x), Ordering::Equal);
            prop_assert_eq!(x.cmp(&x.negate()), Ordering::Greater);
            prop_assert_eq!(x.cmp(&Rational::ONE), n.cmp(&d));
        }
    }
}
