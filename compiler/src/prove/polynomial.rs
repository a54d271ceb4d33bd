//! The symbolic normal form: polynomials with rational coefficients over atoms, with common factors taken out for evaluation.
//!
//! An atom is anything that is not a sum or a product: a signal, `min(a, b)`, `x ^ gamma`. Its power may be negative, so that
//! `a / b * b` is `a`.

use super::arena::Id;
use super::rational::Rational;

/// Powers of atoms, sorted by atom; empty for a number.
pub type Monomial = Vec<(Id, i32)>;

/// A sum of monomials with coefficients that are not 0, sorted by monomial.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Polynomial {
    /// Monomials with their coefficients.
    pub terms: Vec<(Monomial, Rational)>,
}

impl Polynomial {
    /// A number.
    pub fn number(value: Rational) -> Self {
        if value == Rational::ZERO { Self::default() } else { Self { terms: vec![(Monomial::new(), value)] } }
    }

    /// One atom.
    pub fn atom(atom: Id) -> Self {
        Self { terms: vec![(vec![(atom, 1)], Rational::ONE)] }
    }

    /// The number that it is, if it is one.
    pub fn as_number(&self) -> Option<Rational> {
        match self.terms.as_slice() {
            [] => Some(Rational::ZERO),
            [(monomial, value)] if monomial.is_empty() => Some(*value),
            _ => None,
        }
    }

    /// The atom that it is, if it is one.
    pub fn as_atom(&self) -> Option<Id> {
        match self.terms.as_slice() {
            [(monomial, value)] if *value == Rational::ONE => match monomial.as_slice() {
                [(atom, 1)] => Some(*atom),
                _ => None,
            },
            _ => None,
        }
    }

    /// `x + factor * y`; none when a coefficient does not fit.
    pub fn plus(&self, other: &Self, factor: Rational) -> Option<Self> {
        let mut terms = Vec::with_capacity(self.terms.len() + other.terms.len());
        let (mut left, mut right) = (self.terms.iter().peekable(), other.terms.iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.cmp(b),
            };
            let (mut monomial, mut sum) = (None, Rational::ZERO);
            if order.is_le()
                && let Some((m, value)) = left.next()
            {
                (monomial, sum) = (Some(m), *value);
            }
            if order.is_ge()
                && let Some((m, value)) = right.next()
            {
                (monomial, sum) = (Some(m), sum.plus(value.times(factor)?)?);
            }
            if let (Some(monomial), true) = (monomial, sum != Rational::ZERO) {
                terms.push((monomial.clone(), sum));
            }
        }
        Some(Self { terms })
    }

    /// `x * y`; none when a coefficient does not fit.
    pub fn times(&self, other: &Self) -> Option<Self> {
        let mut terms: Vec<(Monomial, Rational)> = Vec::with_capacity(self.terms.len() * other.terms.len());
        for (one, a) in &self.terms {
            for (two, b) in &other.terms {
                terms.push((product(one, two), a.times(*b)?));
            }
        }
        terms.sort_by(|a, b| a.0.cmp(&b.0));
        let mut merged: Vec<(Monomial, Rational)> = Vec::with_capacity(terms.len());
        for (monomial, value) in terms {
            match merged.last_mut() {
                Some((last, sum)) if *last == monomial => *sum = sum.plus(value)?,
                _ => merged.push((monomial, value)),
            }
        }
        merged.retain(|(_, value)| *value != Rational::ZERO);
        Some(Self { terms: merged })
    }

    /// The atoms in it, each once, sorted.
    pub fn atoms(&self) -> Vec<Id> {
        let mut atoms: Vec<Id> = self.terms.iter().flat_map(|(monomial, _)| monomial.iter().map(|(a, _)| *a)).collect();
        atoms.sort_unstable();
        atoms.dedup();
        atoms
    }
}

fn product(one: &Monomial, two: &Monomial) -> Monomial {
    let mut merged = Monomial::with_capacity(one.len() + two.len());
    let (mut left, mut right) = (one.iter().peekable(), two.iter().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (None, None) => return merged,
            (Some((a, p)), Some((b, q))) if a == b => {
                if p + q != 0 {
                    merged.push((*a, p + q));
                }
                left.next();
                right.next();
            }
            (Some((a, _)), Some((b, _))) if a < b => merged.extend(left.next()),
            (Some(_), None) => merged.extend(left.next()),
            _ => merged.extend(right.next()),
        }
    }
}

/// A polynomial with its common factors taken out: `1 - score - o + o * p` is `1 - score + o * (p - 1)`.
#[derive(Debug, Clone)]
pub enum Factored {
    /// A sum in which no atom occurs twice.
    Sum(Vec<(Monomial, Rational)>),
    /// `atom ^ power * inner + rest`
    Common {
        /// What is common.
        atom: Id,
        /// Its power, 1 or -1.
        power: i32,
        /// What it is a factor of.
        inner: Box<Factored>,
        /// The terms without it.
        rest: Box<Factored>,
    },
}

impl Factored {
    /// Takes out the factor that most terms share, then those of the parts.
    pub fn of(terms: &[(Monomial, Rational)]) -> Self {
        let mut factors: Vec<(Id, i32)> =
            terms.iter().flat_map(|(m, _)| m.iter().map(|(a, p)| (*a, p.signum()))).collect();
        factors.sort_unstable();
        let most =
            factors.chunk_by(|a, b| a == b).max_by_key(|same| (same.len(), std::cmp::Reverse(same.first().copied())));
        let Some([(atom, power), _, ..]) = most else { return Self::Sum(terms.to_vec()) };
        let (mut inner, mut rest) = (Vec::new(), Vec::new());
        for (monomial, value) in terms {
            match monomial.iter().position(|(a, p)| a == atom && p.signum() == *power) {
                Some(at) => {
                    let mut smaller = monomial.clone();
                    if let Some((_, p)) = smaller.get_mut(at) {
                        *p -= power;
                    }
                    smaller.retain(|(_, p)| *p != 0);
                    inner.push((smaller, *value));
                }
                None => rest.push((monomial.clone(), *value)),
            }
        }
        Self::Common { atom: *atom, power: *power, inner: Box::new(Self::of(&inner)), rest: Box::new(Self::of(&rest)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: i64) -> Polynomial {
        Polynomial::number(Rational::whole(value))
    }

    #[test]
    fn what_is_equal_cancels() {
        let (x, y) = (Polynomial::atom(1), Polynomial::atom(2));
        let sum = x.plus(&y, Rational::ONE).unwrap();
        // (x + y)(x - y) - x² + y² = 0
        let difference = x.plus(&y, Rational::whole(-1)).unwrap();
        let squares = x.times(&x).unwrap().plus(&y.times(&y).unwrap(), Rational::whole(-1)).unwrap();
        let zero = sum.times(&difference).unwrap().plus(&squares, Rational::whole(-1)).unwrap();
        assert_eq!(zero.as_number(), Some(Rational::ZERO));
        let turned = Polynomial { terms: vec![(vec![(1, -1)], Rational::ONE)] };
        assert_eq!(x.times(&turned).unwrap(), number(1));
    }

    #[test]
    fn the_claim_of_the_paper_is_factored() {
        // 1 - score + o * p - o, with score = 1, o = 2, p = 3
        let (score, o, p) = (Polynomial::atom(1), Polynomial::atom(2), Polynomial::atom(3));
        let minus = Rational::whole(-1);
        let claim = number(1).plus(&score, minus).unwrap().plus(&o.times(&p).unwrap(), Rational::ONE).unwrap();
        let claim = claim.plus(&o, minus).unwrap();
        let Factored::Common { atom: 2, power: 1, inner, .. } = Factored::of(&claim.terms) else { panic!() };
        assert!(matches!(*inner, Factored::Sum(ref terms) if terms.len() == 2));
    }
}
