//! Complex numbers with a bound of their error: a ball in the plane in which the value lies.
//!
//! Every operation gives none where the value is undefined, or cannot be told from an undefined one.

use super::wide::{UNIT, Wide};

/// A value and how far off it may be.
#[derive(Debug, Clone, Copy)]
pub struct Ball {
    /// Real part.
    pub re: Wide,
    /// Imaginary part.
    pub im: Wide,
    /// Radius.
    pub error: f64,
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Same {
    /// Equal, as far as 18 digits can tell.
    Yes,
    /// Surely different.
    No,
    /// The errors are too large to say.
    Unknown,
}

impl Ball {
    /// An exact real number.
    pub fn exact(number: Wide) -> Self {
        Self { re: number, im: Wide::ZERO, error: 0.0 }
    }

    /// A real number that was rounded.
    pub fn real(number: Wide) -> Self {
        Self { re: number, im: Wide::ZERO, error: number.size().to_float() * UNIT }
    }

    /// A small whole number.
    pub fn integer(number: i64) -> Self {
        Self::exact(Wide::new(number as f64))
    }

    /// The square root of minus one.
    pub fn imaginary() -> Self {
        Self { re: Wide::ZERO, im: Wide::ONE, error: 0.0 }
    }

    /// Its distance from 0.
    pub fn size(self) -> f64 {
        libm::hypot(self.re.to_float(), self.im.to_float())
    }

    /// True where 0 may be in it.
    pub fn may_be_zero(self) -> bool {
        self.size() <= self.error
    }

    /// True where it may be real.
    pub fn is_real(self) -> bool {
        self.im.size().to_float() <= self.error
    }

    /// The whole number that it may be, where there is one below 2^53.
    pub fn whole(self) -> Option<i64> {
        let near = libm::round(self.re.to_float());
        let off = (self.re - Wide::new(near)).size().to_float();
        let fits = self.is_real() && near.abs() < 9e15 && off <= self.error && self.error < 1e-9;
        fits.then_some(near as i64)
    }

    fn checked(self) -> Option<Self> {
        let fine = self.re.is_finite() && self.im.is_finite() && self.error.is_finite();
        fine.then_some(self)
    }

    fn rounded(re: Wide, im: Wide, error: f64) -> Option<Self> {
        let ball = Self { re, im, error };
        Self { error: error + ball.size() * 8.0 * UNIT, ..ball }.checked()
    }

    /// Sum.
    pub fn plus(self, other: Self) -> Option<Self> {
        // What is lost is small beside the larger one, not beside the sum.
        let lost = (self.size() + other.size()) * 4.0 * UNIT;
        Self { re: self.re + other.re, im: self.im + other.im, error: self.error + other.error + lost }.checked()
    }

    /// `-self`
    pub fn negated(self) -> Self {
        Self { re: -self.re, im: -self.im, error: self.error }
    }

    /// Difference.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(other.negated())
    }

    /// Product.
    pub fn times(self, other: Self) -> Option<Self> {
        let error = self.size() * other.error + other.size() * self.error + self.error * other.error;
        let re = self.re * other.re - self.im * other.im;
        let im = self.re * other.im + self.im * other.re;
        let lost = self.size() * other.size() * 8.0 * UNIT;
        Self { re, im, error: error + lost }.checked()
    }

    /// Quotient.
    pub fn over(self, other: Self) -> Option<Self> {
        let size = other.size();
        if other.may_be_zero() || size < 1e-150 {
            return None;
        }
        let square = other.re * other.re + other.im * other.im;
        let re = (self.re * other.re + self.im * other.im) / square;
        let im = (self.im * other.re - self.re * other.im) / square;
        let error = (self.error + self.size() / size * other.error) / (size - other.error);
        Self::rounded(re, im, error)
    }

    /// Absolute value.
    pub fn absolute(self) -> Option<Self> {
        if self.is_real() {
            return Self { re: self.re.size(), im: Wide::ZERO, error: self.error }.checked();
        }
        Self::rounded((self.re * self.re + self.im * self.im).root(), Wide::ZERO, self.error)
    }

    /// `e^self`
    pub fn exp(self) -> Option<Self> {
        let size = self.re.exp();
        let (sine, cosine) = self.im.sine_and_cosine()?;
        let spread = if self.error > 0.5 { return None } else { 2.0 * self.error };
        let angle = self.im.size().to_float() * UNIT;
        Self::rounded(size * cosine, size * sine, size.to_float() * (spread + angle))
    }

    /// Natural logarithm, the imaginary part above minus pi and at most pi.
    pub fn ln(self) -> Option<Self> {
        let size = self.size();
        if self.may_be_zero() || size < 1e-290 {
            return None;
        }
        let error = self.error / (size - self.error) + UNIT;
        let angle = if self.is_real() {
            // On the line the angle is 0 or pi, whatever the rounding left beside it.
            if self.re.to_float() < 0.0 { Wide::PI } else { Wide::ZERO }
        } else {
            self.im.angle(self.re)
        };
        let length = if self.is_real() {
            self.re.size().ln()
        } else {
            (self.re * self.re + self.im * self.im).ln() / Wide::new(2.0)
        };
        Self::rounded(length, angle, error)
    }

    /// `self^exponent`
    pub fn power(self, exponent: Self) -> Option<Self> {
        if let Some(whole) = exponent.whole().filter(|whole| whole.abs() <= 100_000) {
            return self.whole_power(whole);
        }
        if self.may_be_zero() {
            let positive = exponent.re.to_float() > exponent.error;
            return (positive && self.size() == 0.0 && self.error == 0.0).then_some(self);
        }
        self.ln()?.times(exponent)?.exp()
    }

    fn whole_power(self, exponent: i64) -> Option<Self> {
        if exponent < 0 {
            return Self::integer(1).over(self.whole_power(-exponent)?);
        }
        let (mut result, mut square, mut left) = (Self::integer(1), self, exponent);
        while left > 0 {
            if left % 2 == 1 {
                result = result.times(square)?;
            }
            left /= 2;
            if left > 0 {
                square = square.times(square)?;
            }
        }
        Some(result)
    }

    /// Square root.
    pub fn root(self) -> Option<Self> {
        if self.is_real() && self.re.to_float() > 2.0 * self.error {
            let root = self.re.root();
            return Self::rounded(root, Wide::ZERO, self.error / root.to_float());
        }
        if self.size() == 0.0 && self.error == 0.0 {
            return Some(self);
        }
        self.ln()?.times(Self::exact(Wide::new(0.5)))?.exp()
    }

    /// Sine and cosine.
    pub fn sine_and_cosine(self) -> Option<(Self, Self)> {
        let turned = self.times(Self::imaginary())?;
        let (up, down) = (turned.exp()?, turned.negated().exp()?);
        let two = Self::integer(2);
        let cosine = up.plus(down)?.over(two)?;
        let sine = up.minus(down)?.over(two.times(Self::imaginary())?)?;
        // Of a real angle both are real.
        let real = |ball: Self| if self.is_real() { Self { im: Wide::ZERO, ..ball } } else { ball };
        Some((real(sine), real(cosine)))
    }

    /// Hyperbolic sine and cosine.
    pub fn hyperbolic(self) -> Option<(Self, Self)> {
        let (up, down) = (self.exp()?, self.negated().exp()?);
        let two = Self::integer(2);
        Some((up.minus(down)?.over(two)?, up.plus(down)?.over(two)?))
    }

    /// The angle with this sine: `-i ln(i z + sqrt(1 - z^2))`.
    pub fn arcsine(self) -> Option<Self> {
        let one = Self::integer(1);
        let root = one.minus(self.times(self)?)?.root_or_zero()?;
        let inner = self.times(Self::imaginary())?.plus(root)?;
        let angle = inner.ln()?.times(Self::imaginary())?.negated();
        let inside = self.is_real() && self.re.size().to_float() <= 1.0;
        Some(if inside { Self { im: Wide::ZERO, ..angle } } else { angle })
    }

    /// The angle with this tangent: `i/2 (ln(1 - i z) - ln(1 + i z))`.
    pub fn arctangent(self) -> Option<Self> {
        let (one, turned) = (Self::integer(1), self.times(Self::imaginary())?);
        let difference = one.minus(turned)?.ln()?.minus(one.plus(turned)?.ln()?)?;
        let angle = difference.times(Self::imaginary())?.over(Self::integer(2))?;
        Some(if self.is_real() { Self { im: Wide::ZERO, ..angle } } else { angle })
    }

    /// A root that may be of 0: the error of a root near 0 is the root of the error.
    fn root_or_zero(self) -> Option<Self> {
        if self.may_be_zero() {
            return Some(Self { re: Wide::ZERO, im: Wide::ZERO, error: libm::sqrt(2.0 * self.error) });
        }
        self.root()
    }

    /// The largest whole number not above a real one. What may be whole is taken for whole.
    pub fn floor(self) -> Option<Self> {
        if let Some(whole) = self.whole() {
            return Some(Self::integer(whole));
        }
        (self.is_real() && self.error < 1e-9).then(|| Self::exact(self.re.floor()))
    }

    /// Whether two values are the same.
    pub fn same(self, other: Self) -> Same {
        let Some(difference) = self.minus(other) else { return Same::Unknown };
        if difference.size() > difference.error {
            Same::No
        } else if difference.error <= 1e-18 * self.size().max(1e-6) {
            Same::Yes
        } else {
            Same::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(re: f64, im: f64) -> Ball {
        Ball { re: Wide::new(re), im: Wide::new(im), error: 0.0 }
    }

    #[test]
    fn identities_hold_within_the_error() {
        let two = at(2.0, 0.0);
        assert_eq!(two.root().and_then(|root| root.times(root)).map(|four| four.same(two)), Some(Same::Yes));
        // e^(i pi) = -1, and ln undoes it.
        let turn = Ball::real(Wide::PI).times(Ball::imaginary()).and_then(Ball::exp).expect("defined");
        assert_eq!(turn.same(at(-1.0, 0.0)), Same::Yes);
        for (re, im) in [(0.5, 0.0), (-0.25, 0.0), (0.3, 1.2), (-2.0, 0.5)] {
            let z = at(re, im);
            let (sine, cosine) = z.sine_and_cosine().expect("defined");
            let one = sine.times(sine).zip(cosine.times(cosine)).and_then(|(a, b)| a.plus(b)).expect("defined");
            assert_eq!(one.same(at(1.0, 0.0)), Same::Yes, "{re} {im}");
            let (back, _) = z.arcsine().and_then(Ball::sine_and_cosine).expect("defined");
            assert_eq!(back.same(z), Same::Yes, "{re} {im}");
            let (sine, cosine) = z.arctangent().and_then(Ball::sine_and_cosine).expect("defined");
            assert_eq!(sine.over(cosine).map(|back| back.same(z)), Some(Same::Yes), "{re} {im}");
        }
        assert_eq!(at(-8.0, 0.0).ln().map(|ln| ln.im), Some(Wide::PI));
    }

    #[test]
    fn what_is_undefined_has_no_value() {
        let zero = at(0.0, 0.0);
        assert!(at(1.0, 0.0).over(zero).is_none() && zero.ln().is_none());
        assert!(zero.power(at(-1.0, 0.0)).is_none() && at(1e5, 0.0).exp().is_none());
        assert_eq!(at(1.0, 0.0).same(at(1.0 + 1e-15, 0.0)), Same::No);
        assert_eq!(Ball { error: 1.0, ..at(1.0, 0.0) }.same(at(1.5, 0.0)), Same::Unknown);
    }
}
