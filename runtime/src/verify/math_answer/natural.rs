//! Natural numbers of bounded size: limbs of 32 bits, least significant first, without leading zeros.
//!
//! Every operation that could pass the bound returns none instead, so that no text can make the work large.

use super::wide::Wide;
use std::cmp::Ordering;

/// Largest number of bits.
pub const MOST_BITS: usize = 4096;

const MOST_LIMBS: usize = MOST_BITS / 32;

/// A natural number below 2^[`MOST_BITS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Natural(Vec<u32>);

impl Natural {
    /// A small number.
    pub fn new(number: u64) -> Self {
        Self(vec![number as u32, (number >> 32) as u32]).trimmed()
    }

    /// Reads decimal digits; none when there are none, another character, or too many.
    pub fn parse(digits: &str) -> Option<Self> {
        if digits.is_empty() || digits.len() > 2 * MOST_BITS {
            return None;
        }
        digits.chars().try_fold(Self::new(0), |number, digit| number.scaled(10, digit.to_digit(10)?))
    }

    /// `10^exponent`
    pub fn ten_to(exponent: u32) -> Option<Self> {
        Self::new(10).power(u64::from(exponent))
    }

    /// True for 0.
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// True for 1.
    pub fn is_one(&self) -> bool {
        self.0 == [1]
    }

    /// True for 0, 2, 4, …
    pub fn is_even(&self) -> bool {
        self.0.first().is_none_or(|low| low % 2 == 0)
    }

    /// The number, where it fits.
    pub fn to_u64(&self) -> Option<u64> {
        match *self.0.as_slice() {
            [] => Some(0),
            [low] => Some(u64::from(low)),
            [low, high] => Some(u64::from(high) << 32 | u64::from(low)),
            _ => None,
        }
    }

    /// Bits without leading zeros.
    pub fn bits(&self) -> usize {
        self.0.last().map_or(0, |high| self.0.len() * 32 - high.leading_zeros() as usize)
    }

    /// The number as `mantissa * 2^exponent`, the mantissa from the highest 64 bits.
    pub fn to_float(&self) -> (f64, i32) {
        let mut mantissa = 0.0;
        for limb in self.0.iter().rev().take(3) {
            mantissa = mantissa * 4_294_967_296.0 + f64::from(*limb);
        }
        (mantissa, 32 * self.0.len().saturating_sub(3) as i32)
    }

    /// The number as `mantissa * 2^exponent`, the mantissa from the highest 128 bits or more.
    pub fn to_wide(&self) -> (Wide, i32) {
        let mut mantissa = Wide::ZERO;
        for limb in self.0.iter().rev().take(5) {
            mantissa = mantissa.scaled(32) + Wide::new(f64::from(*limb));
        }
        (mantissa, 32 * self.0.len().saturating_sub(5) as i32)
    }

    /// Sum.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        let mut limbs = Vec::with_capacity(self.0.len().max(other.0.len()) + 1);
        let mut carry = 0u64;
        for at in 0..self.0.len().max(other.0.len()) {
            carry += self.limb(at) + other.limb(at);
            limbs.push(carry as u32);
            carry >>= 32;
        }
        limbs.push(carry as u32);
        Self(limbs).trimmed().bounded()
    }

    /// Difference; none when it would be negative.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        if self.compare(other) == Ordering::Less {
            return None;
        }
        let mut limbs = Vec::with_capacity(self.0.len());
        let mut borrow = 0u64;
        for at in 0..self.0.len() {
            let taken = other.limb(at) + borrow;
            let (limb, lack) = if self.limb(at) < taken { (self.limb(at) + (1 << 32), 1) } else { (self.limb(at), 0) };
            limbs.push((limb - taken) as u32);
            borrow = lack;
        }
        Some(Self(limbs).trimmed())
    }

    /// Product.
    pub fn times(&self, other: &Self) -> Option<Self> {
        if self.bits() + other.bits() > MOST_BITS + 1 {
            return None;
        }
        let mut limbs = vec![0u32; self.0.len() + other.0.len()];
        for (at, left) in self.0.iter().enumerate() {
            let mut carry = 0u64;
            for (place, limb) in limbs.iter_mut().skip(at).enumerate() {
                carry += u64::from(*limb) + u64::from(*left) * other.limb(place);
                *limb = carry as u32;
                carry >>= 32;
            }
        }
        Self(limbs).trimmed().bounded()
    }

    /// `self^exponent`
    pub fn power(&self, mut exponent: u64) -> Option<Self> {
        if self.is_zero() || self.is_one() {
            return Some(if exponent == 0 { Self::new(1) } else { self.clone() });
        }
        if exponent > MOST_BITS as u64 {
            return None;
        }
        let (mut result, mut square) = (Self::new(1), self.clone());
        loop {
            if exponent % 2 == 1 {
                result = result.times(&square)?;
            }
            exponent /= 2;
            if exponent == 0 {
                return Some(result);
            }
            square = square.times(&square)?;
        }
    }

    /// Quotient and remainder, bit by bit; none when divided by 0.
    pub fn divided(&self, by: &Self) -> Option<(Self, Self)> {
        if by.is_zero() {
            return None;
        }
        if let (Some(a), Some(b)) = (self.to_u64(), by.to_u64()) {
            return Some((Self::new(a / b), Self::new(a % b)));
        }
        let mut quotient = vec![0u32; self.0.len()];
        let mut rest = Self(Vec::new());
        for (at, limb) in self.0.iter().enumerate().rev() {
            for bit in (0..32).rev() {
                rest.shift_in(limb >> bit & 1);
                if rest.compare(by) != Ordering::Less {
                    rest = rest.minus(by)?;
                    if let Some(limb) = quotient.get_mut(at) {
                        *limb |= 1 << bit;
                    }
                }
            }
        }
        Some((Self(quotient).trimmed(), rest))
    }

    /// Greatest common divisor, by halving and subtracting.
    pub fn common_divisor(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.clone(), other.clone());
        if a.is_zero() {
            return b;
        }
        if b.is_zero() {
            return a;
        }
        let twos = a.trailing_zeros().min(b.trailing_zeros());
        a.shift_right(a.trailing_zeros());
        loop {
            b.shift_right(b.trailing_zeros());
            if a.compare(&b) == Ordering::Greater {
                std::mem::swap(&mut a, &mut b);
            }
            match b.minus(&a) {
                Some(rest) if !rest.is_zero() => b = rest,
                _ => break,
            }
        }
        (0..twos).for_each(|_| a.shift_in(0));
        a
    }

    /// Order by size.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    fn limb(&self, at: usize) -> u64 {
        self.0.get(at).copied().map_or(0, u64::from)
    }

    fn scaled(&self, by: u32, plus: u32) -> Option<Self> {
        let mut carry = u64::from(plus);
        let mut limbs = Vec::with_capacity(self.0.len() + 1);
        for limb in &self.0 {
            carry += u64::from(*limb) * u64::from(by);
            limbs.push(carry as u32);
            carry >>= 32;
        }
        limbs.push(carry as u32);
        Self(limbs).trimmed().bounded()
    }

    fn shift_in(&mut self, bit: u32) {
        let mut carry = bit;
        for limb in &mut self.0 {
            let next = *limb >> 31;
            *limb = *limb << 1 | carry;
            carry = next;
        }
        if carry > 0 {
            self.0.push(carry);
        }
    }

    fn shift_right(&mut self, bits: usize) {
        self.0.drain(..(bits / 32).min(self.0.len()));
        let bits = bits % 32;
        if bits > 0 {
            let mut carry = 0;
            for limb in self.0.iter_mut().rev() {
                let next = *limb << (32 - bits);
                *limb = *limb >> bits | carry;
                carry = next;
            }
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn trailing_zeros(&self) -> usize {
        let limbs = self.0.iter().take_while(|limb| **limb == 0).count();
        limbs * 32 + self.0.get(limbs).map_or(0, |limb| limb.trailing_zeros() as usize)
    }

    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    fn bounded(self) -> Option<Self> {
        (self.0.len() <= MOST_LIMBS).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn natural(number: u128) -> Natural {
        Natural::parse(&number.to_string()).expect("it fits")
    }

    proptest! {
        #[test]
        fn agrees_with_machine_numbers(a in 0u128..1 << 100, b in 1u128..1 << 60, c in 1u64..1 << 20) {
            let (x, y) = (natural(a), natural(b));
            prop_assert_eq!(x.plus(&y), Some(natural(a + b)));
            prop_assert_eq!(x.minus(&y), a.checked_sub(b).map(natural));
            prop_assert_eq!(x.divided(&y), Some((natural(a / b), natural(a % b))));
            prop_assert_eq!(y.times(&natural(u128::from(c))), Some(natural(b * u128::from(c))));
            prop_assert_eq!(x.compare(&y), a.cmp(&b));
            let (mut p, mut q) = (a, b);
            while q > 0 { (p, q) = (q, p % q); }
            prop_assert_eq!(x.common_divisor(&y), natural(p));
        }
    }

    #[test]
    fn stays_bounded() {
        assert_eq!(Natural::new(9).power(9_999_999), None);
        assert_eq!(Natural::new(2).power(4096), None);
        assert!(Natural::new(2).power(4095).is_some());
        assert_eq!(Natural::parse(&"9".repeat(1_000_000)), None);
        let big = Natural::new(2).power(4095).expect("it fits");
        assert_eq!((big.plus(&big), big.times(&big)), (None, None));
        assert_eq!(big.divided(&Natural::new(0)), None);
    }
}
