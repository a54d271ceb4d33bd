//! Exact rational numbers of bounded size.

use super::natural::Natural;
use super::wide::Wide;
use std::cmp::Ordering;

/// A fraction in lowest terms, its denominator above 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rational {
    negative: bool,
    top: Natural,
    bottom: Natural,
}

impl Rational {
    /// An integer.
    pub fn integer(number: i64) -> Self {
        Self { negative: number < 0, top: Natural::new(number.unsigned_abs()), bottom: Natural::new(1) }
    }

    /// `top / bottom`; none when `bottom` is 0.
    pub fn new(negative: bool, top: Natural, bottom: Natural) -> Option<Self> {
        if bottom.is_zero() {
            return None;
        }
        let shared = top.common_divisor(&bottom);
        let (top, bottom) =
            if shared.is_one() { (top, bottom) } else { (top.divided(&shared)?.0, bottom.divided(&shared)?.0) };
        Some(Self { negative: negative && !top.is_zero(), top, bottom })
    }

    /// Reads `digits.digits`; either side of the point may be empty, not both.
    pub fn decimal(whole: &str, places: &str) -> Option<Self> {
        let top = Natural::parse(&format!("{whole}{places}"))?;
        Self::new(false, top, Natural::ten_to(u32::try_from(places.len()).ok()?)?)
    }

    /// True for 0.
    pub fn is_zero(&self) -> bool {
        self.top.is_zero()
    }

    /// True for whole numbers.
    pub fn is_integer(&self) -> bool {
        self.bottom.is_one()
    }

    /// True where the denominator is a whole number above 1 and is this one.
    pub fn has_denominator(&self, whole: &Self) -> bool {
        !self.bottom.is_one() && !whole.negative && whole.is_integer() && self.bottom == whole.top
    }

    /// The number, where it is a whole one that fits.
    pub fn to_i64(&self) -> Option<i64> {
        let size = i64::try_from(self.top.to_u64().filter(|_| self.is_integer())?).ok()?;
        Some(if self.negative { -size } else { size })
    }

    /// The nearest float, within a few units in the last place; infinite or 0 where it does not fit.
    pub fn to_float(&self) -> f64 {
        let ((top, high), (bottom, low)) = (self.top.to_float(), self.bottom.to_float());
        let size = libm::ldexp(top / bottom, high - low);
        if self.negative { -size } else { size }
    }

    /// The nearest float of about 32 digits; none where it does not fit.
    pub fn to_wide(&self) -> Option<Wide> {
        let ((top, high), (bottom, low)) = (self.top.to_wide(), self.bottom.to_wide());
        let (size, shift) = (top / bottom, high - low);
        let size = if (-1000..1000).contains(&shift) { size.scaled(shift) } else { return None };
        (size.is_finite() && (self.is_zero() || size.to_float() > 1e-290))
            .then(|| if self.negative { -size } else { size })
    }

    /// True below 0.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Limbs of its larger half, as a measure of what work with it costs.
    pub fn limbs(&self) -> usize {
        self.top.bits().max(self.bottom.bits()) / 32 + 1
    }

    /// Order by value; none where the products are too large.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        let rest = self.plus(&other.negated())?;
        Some(match (rest.is_zero(), rest.negative) {
            (true, _) => Ordering::Equal,
            (_, true) => Ordering::Less,
            _ => Ordering::Greater,
        })
    }

    /// The largest whole number that is not above it.
    pub fn floor(&self) -> Option<Self> {
        let (whole, rest) = self.top.divided(&self.bottom)?;
        let whole = if self.negative && !rest.is_zero() { whole.plus(&Natural::new(1))? } else { whole };
        Self::new(self.negative, whole, Natural::new(1))
    }

    /// The greatest common divisor of two whole numbers.
    pub fn common_divisor(&self, other: &Self) -> Option<Self> {
        let whole = self.is_integer() && other.is_integer();
        whole.then(|| Self { negative: false, top: self.top.common_divisor(&other.top), bottom: Natural::new(1) })
    }

    /// The fraction as two whole numbers, the second above 0.
    pub fn parts(&self) -> (Self, Self) {
        let one = || Natural::new(1);
        (
            Self { negative: self.negative, top: self.top.clone(), bottom: one() },
            Self { negative: false, top: self.bottom.clone(), bottom: one() },
        )
    }

    /// The root of a degree, where the number is not negative, small, and the power of a fraction.
    pub fn root(&self, degree: u64) -> Option<Self> {
        if self.negative || degree == 0 || degree > 64 {
            return None;
        }
        let root = |number: &Natural| {
            let small = number.to_u64()?;
            let near = libm::round(libm::pow(small as f64, 1.0 / degree as f64)) as u64;
            let found = Natural::new(near);
            (found.power(degree)?.to_u64()? == small).then_some(found)
        };
        Self::new(false, root(&self.top)?, root(&self.bottom)?)
    }

    /// `-self`
    pub fn negated(&self) -> Self {
        Self { negative: !self.negative && !self.is_zero(), ..self.clone() }
    }

    /// Sum.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        let (a, b) = (self.top.times(&other.bottom)?, other.top.times(&self.bottom)?);
        let bottom = self.bottom.times(&other.bottom)?;
        if self.negative == other.negative {
            return Self::new(self.negative, a.plus(&b)?, bottom);
        }
        match a.minus(&b) {
            Some(rest) => Self::new(self.negative, rest, bottom),
            None => Self::new(other.negative, b.minus(&a)?, bottom),
        }
    }

    /// Product.
    pub fn times(&self, other: &Self) -> Option<Self> {
        Self::new(self.negative != other.negative, self.top.times(&other.top)?, self.bottom.times(&other.bottom)?)
    }

    /// Quotient; none when divided by 0.
    pub fn over(&self, other: &Self) -> Option<Self> {
        Self::new(self.negative != other.negative, self.top.times(&other.bottom)?, self.bottom.times(&other.top)?)
    }

    /// `self^exponent` for whole exponents; none for others, for 0 to a negative one, and for what grows too large.
    pub fn power(&self, exponent: &Self) -> Option<Self> {
        let size = exponent.top.to_u64().filter(|_| exponent.is_integer())?;
        let negative = self.negative && !exponent.top.is_even();
        let (top, bottom) = (self.top.power(size)?, self.bottom.power(size)?);
        if exponent.negative { Self::new(negative, bottom, top) } else { Self::new(negative, top, bottom) }
    }

    /// `self!` for whole numbers from 0 to 400.
    pub fn factorial(&self) -> Option<Self> {
        let last = self.to_i64().filter(|last| (0..=400).contains(last))?;
        (2..=last).try_fold(Self::integer(1), |product, next| product.times(&Self::integer(next)))
    }

    /// Rounded to `places` decimals, halves to the even neighbour, as a whole number of units of the last place.
    pub fn rounded(&self, places: u32) -> Option<Self> {
        let (whole, rest) = self.top.times(&Natural::ten_to(places)?)?.divided(&self.bottom)?;
        let up = match rest.times(&Natural::new(2))?.compare(&self.bottom) {
            Ordering::Less => false,
            Ordering::Equal => !whole.is_even(),
            Ordering::Greater => true,
        };
        let whole = if up { whole.plus(&Natural::new(1))? } else { whole };
        Self::new(self.negative, whole, Natural::new(1))
    }

    /// A whole number or a fraction as text; none for long ones.
    pub fn to_text(&self) -> Option<String> {
        let sign = if self.negative { "-" } else { "" };
        let (top, bottom) = (self.top.to_u64()?, self.bottom.to_u64()?);
        Some(if bottom == 1 { format!("{sign}{top}") } else { format!("{sign}{top}/{bottom}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(top: i64, bottom: i64) -> Rational {
        Rational::integer(top).over(&Rational::integer(bottom)).expect("not over 0")
    }

    #[test]
    fn is_exact() {
        assert_eq!(ratio(1, 3).plus(&ratio(1, 6)), Some(ratio(1, 2)));
        assert_eq!(ratio(1, 3).plus(&ratio(-1, 2)), Some(ratio(-1, 6)));
        assert_eq!(ratio(-2, 3).power(&Rational::integer(-3)), Some(ratio(-27, 8)));
        assert_eq!(Rational::decimal("0", "125"), Some(ratio(1, 8)));
        assert_eq!(ratio(2, 3).rounded(2), Some(Rational::integer(67)));
        assert_eq!(ratio(-1, 2).rounded(0), Some(Rational::integer(0)));
        assert_eq!(ratio(3, 2).rounded(0), Some(Rational::integer(2)));
        assert_eq!(Rational::integer(5).factorial(), Some(Rational::integer(120)));
        assert_eq!(ratio(-7, 2).floor(), Some(Rational::integer(-4)));
        assert_eq!(ratio(16, 81).root(4), Some(ratio(2, 3)));
        assert_eq!(ratio(15, 81).root(4), None);
        assert_eq!(ratio(1, 3).compare(&ratio(1, 2)), Some(Ordering::Less));
        assert_eq!(ratio(-3, 8).to_text().as_deref(), Some("-3/8"));
        assert_eq!(ratio(1, 1).over(&Rational::integer(0)), None);
        assert_eq!(Rational::integer(0).power(&Rational::integer(-1)), None);
        assert!((ratio(1, 3).to_float() - 1.0 / 3.0).abs() < 1e-16);
        let large = Rational::integer(10).power(&Rational::integer(300)).expect("it fits");
        assert!((large.to_float() / 1e300 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn stays_bounded() {
        let nine = Rational::integer(9);
        let tower = nine.power(&nine).and_then(|upper| nine.power(&upper));
        assert_eq!(tower, None);
        assert_eq!(Rational::integer(1000).factorial(), None);
    }
}
