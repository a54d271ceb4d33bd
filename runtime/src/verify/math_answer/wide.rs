//! Floats of about 32 digits, as sums of two machine floats, with exponential, logarithm, sine, cosine and angle.
//!
//! All of it is built from the four operations and square root of IEEE 754 and from `libm`, so that it gives the same
//! bits on every machine.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// `high + low`, where `low` is at most half a unit in the last place of `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wide {
    high: f64,
    low: f64,
}

/// Relative error of one operation, generously.
pub const UNIT: f64 = 1e-31;

/// Largest angle that is still reduced well.
const LARGEST_ANGLE: f64 = 1e9;

const HALF_PI: Wide = Wide { high: std::f64::consts::FRAC_PI_2, low: 6.123_233_995_736_766e-17 };
const LN_2: Wide = Wide { high: std::f64::consts::LN_2, low: 2.319_046_813_846_299_6e-17 };

impl Wide {
    /// 0
    pub const ZERO: Self = Self { high: 0.0, low: 0.0 };
    /// 1
    pub const ONE: Self = Self { high: 1.0, low: 0.0 };
    /// The ratio of a circle's circumference to its diameter.
    pub const PI: Self = Self { high: std::f64::consts::PI, low: 1.224_646_799_147_353_2e-16 };
    /// The base of natural logarithms.
    pub const E: Self = Self { high: std::f64::consts::E, low: 1.445_646_891_729_250_2e-16 };

    /// A machine float.
    pub const fn new(number: f64) -> Self {
        Self { high: number, low: 0.0 }
    }

    /// The nearest machine float.
    pub fn to_float(self) -> f64 {
        self.high
    }

    /// True where it is a number.
    pub fn is_finite(self) -> bool {
        self.high.is_finite() && self.low.is_finite()
    }

    /// Without its sign.
    pub fn size(self) -> Self {
        if self.high < 0.0 { -self } else { self }
    }

    /// `self * 2^exponent`
    pub fn scaled(self, exponent: i32) -> Self {
        Self { high: libm::ldexp(self.high, exponent), low: libm::ldexp(self.low, exponent) }
    }

    /// The largest whole number that is not above it.
    pub fn floor(self) -> Self {
        let high = libm::floor(self.high);
        if high == self.high { Self::joined(high, libm::floor(self.low)) } else { Self::new(high) }
    }

    /// Square root of a number that is not negative.
    pub fn root(self) -> Self {
        if self.high <= 0.0 {
            return Self::ZERO;
        }
        let near = Self::new(libm::sqrt(self.high));
        near + (self - near * near) / (near + near)
    }

    /// `e^self`, infinite where it is too large.
    pub fn exp(self) -> Self {
        if self.high > 709.0 {
            return Self::new(f64::INFINITY);
        }
        if self.high < -740.0 {
            return Self::ZERO;
        }
        let twos = libm::round(self.high / LN_2.high);
        let rest = (self - LN_2 * Self::new(twos)).scaled(-9);
        // e^r - 1 as a series, then squared nine times: (1 + s)^2 - 1 = s (2 + s).
        let (mut sum, mut term) = (rest, rest);
        for n in 2..12 {
            term = term * rest / Self::new(f64::from(n));
            sum = sum + term;
        }
        for _ in 0..9 {
            sum = sum * (sum + Self::new(2.0));
        }
        (sum + Self::ONE).scaled(twos as i32)
    }

    /// Natural logarithm of a positive number.
    pub fn ln(self) -> Self {
        let near = Self::new(libm::log(self.high));
        near + (self * (-near).exp() - Self::ONE)
    }

    /// Sine and cosine; none for an angle that is too large to be reduced.
    pub fn sine_and_cosine(self) -> Option<(Self, Self)> {
        if self.size().high > LARGEST_ANGLE || !self.is_finite() {
            return None;
        }
        let quarters = libm::round(self.high / HALF_PI.high);
        let angle = self - HALF_PI * Self::new(quarters);
        let square = angle * angle;
        let series = |first: Self, start: u32| {
            let (mut sum, mut term) = (first, first);
            for n in 0..15 {
                let at = f64::from(start + 2 * n);
                term = -(term * square / Self::new((at + 1.0) * (at + 2.0)));
                sum = sum + term;
            }
            sum
        };
        let (sine, cosine) = (series(angle, 1), series(Self::ONE, 0));
        Some(match (quarters as i64).rem_euclid(4) {
            0 => (sine, cosine),
            1 => (cosine, -sine),
            2 => (-sine, -cosine),
            _ => (-cosine, sine),
        })
    }

    /// The angle of the point (`x`, `self`), above minus pi and at most pi.
    pub fn angle(self, x: Self) -> Self {
        let length = (x * x + self * self).root();
        if length.high == 0.0 {
            return Self::ZERO;
        }
        let near = Self::new(libm::atan2(self.high, x.high));
        match near.sine_and_cosine() {
            // The sine of what is missing is as good as what is missing.
            Some((sine, cosine)) => near + (self * cosine - x * sine) / length,
            None => near,
        }
    }

    fn joined(high: f64, low: f64) -> Self {
        let sum = high + low;
        Self { high: sum, low: low - (sum - high) }
    }
}

/// Sum of two machine floats without loss.
fn exact_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let other = sum - a;
    (sum, (a - (sum - other)) + (b - other))
}

/// Product of two machine floats without loss, by halves.
fn exact_product(a: f64, b: f64) -> (f64, f64) {
    let halves = |x: f64| {
        let shifted = 134_217_729.0 * x;
        let high = shifted - (shifted - x);
        (high, x - high)
    };
    let product = a * b;
    let ((a1, a2), (b1, b2)) = (halves(a), halves(b));
    (product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2)
}

impl Add for Wide {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (high, rest) = exact_sum(self.high, other.high);
        let (low, tail) = exact_sum(self.low, other.low);
        let first = Self::joined(high, rest + low);
        Self::joined(first.high, first.low + tail)
    }
}

impl Neg for Wide {
    type Output = Self;
    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Sub for Wide {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Wide {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let (high, rest) = exact_product(self.high, other.high);
        Self::joined(high, rest + (self.high * other.low + self.low * other.high))
    }
}

impl Div for Wide {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self - other * Self::new(first);
        let second = rest.high / other.high;
        let rest = rest - other * Self::new(second);
        Self::joined(first, second) + Self::new(rest.high / other.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Wide, b: Wide) -> bool {
        (a - b).size().high <= 1e-29 * b.size().high.max(1.0)
    }

    #[test]
    fn holds_thirty_digits() {
        let third = Wide::ONE / Wide::new(3.0);
        assert!(close(third + third + third, Wide::ONE));
        let two = Wide::new(2.0).root();
        assert!(close(two * two, Wide::new(2.0)));
        assert!(close(Wide::ONE.exp(), Wide::E));
        assert!(close(Wide::new(10.0).ln().exp(), Wide::new(10.0)));
        assert!(close(Wide::new(1e-3).ln().exp(), Wide::new(1e-3)));
        assert!(close(Wide::ONE.angle(Wide::ONE), Wide::PI / Wide::new(4.0)));
        assert!(close(Wide::ZERO.angle(-Wide::ONE), Wide::PI));
        for at in [0.1, 1.0, 2.5, -7.0, 100.0] {
            let (sine, cosine) = Wide::new(at).sine_and_cosine().expect("small");
            assert!(close(sine * sine + cosine * cosine, Wide::ONE), "{at}");
            assert!((sine.to_float() - at.sin()).abs() < 1e-15, "{at}");
            assert!((Wide::new(at).exp().to_float() / at.exp() - 1.0).abs() < 1e-15, "{at}");
        }
        assert_eq!(Wide::new(2.7).floor(), Wide::new(2.0));
        assert_eq!((Wide::new(3.0) - Wide::new(1e-20)).floor(), Wide::new(2.0));
        assert_eq!(Wide::new(1e300).sine_and_cosine(), None);
    }
}
