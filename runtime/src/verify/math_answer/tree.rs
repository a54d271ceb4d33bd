//! What was written, as a tree.

use super::value::Rational;

/// How two sides are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `=`, and membership, which reads as equality with a set.
    Equal,
    /// `\ne`
    NotEqual,
    /// `<`
    Less,
    /// `\le`
    AtMost,
    /// `>`
    More,
    /// `\ge`
    AtLeast,
}

impl Relation {
    /// The same statement with its sides swapped.
    pub fn turned(self) -> Self {
        match self {
            Relation::Less => Relation::More,
            Relation::AtMost => Relation::AtLeast,
            Relation::More => Relation::Less,
            Relation::AtLeast => Relation::AtMost,
            same => same,
        }
    }
}

/// Two sets made into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// `\cup`
    Union,
    /// `\cap`
    Intersection,
    /// `\setminus`
    Difference,
}

/// Sets with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedSet {
    /// 1, 2, 3, …
    Naturals,
    /// Whole numbers.
    Integers,
    /// Fractions.
    Rationals,
    /// The line.
    Reals,
    /// The plane.
    Complexes,
}

/// Operators over a range of one variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// `\sum`
    Sum,
    /// `\prod`
    Product,
    /// `\int`
    Integral,
    /// `\lim`
    Limit,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number; `decimal` when it was written with a point or as a float.
    Number {
        /// Its exact value.
        value: Rational,
        /// How it was written.
        decimal: bool,
    },
    /// A name, in lower case: a letter, a Greek letter or a word, with its index.
    Symbol(String),
    /// `\pi`
    Pi,
    /// `e`
    Euler,
    /// A capital `I`.
    Imaginary,
    /// `\infty`
    Infinity,
    /// `-a`
    Negative(Box<Expr>),
    /// Terms.
    Sum(Vec<Expr>),
    /// Factors, in the order in which they were written.
    Product(Vec<Expr>),
    /// `a / b`
    Quotient(Box<Expr>, Box<Expr>),
    /// `a ^ b`
    Power(Box<Expr>, Box<Expr>),
    /// `a%`
    Percent(Box<Expr>),
    /// A function that is known, by name.
    Call(&'static str, Vec<Expr>),
    /// A function that is not: `f(x)`.
    Apply(String, Vec<Expr>),
    /// `\sum`, `\prod`, `\int`, `\lim`: the body, the variable, and the bounds (one for a limit, none for an
    /// integral without limits).
    Over(Range, Box<Expr>, String, Vec<Expr>),
    /// Rows of entries.
    Matrix(Vec<Vec<Expr>>),
    /// Items in the order in which they were written.
    Set(Vec<Expr>),
    /// Items whose order counts.
    Tuple(Vec<Expr>),
    /// The numbers between two ends.
    Interval {
        /// The lower end and whether it is left out.
        low: (Box<Expr>, bool),
        /// The upper end and whether it is left out.
        high: (Box<Expr>, bool),
    },
    /// A set with a name.
    Named(NamedSet),
    /// Two sets made into one.
    Joined(Joint, Box<Expr>, Box<Expr>),
    /// `a < b < c`: one side more than relations.
    Chain(Vec<Relation>, Vec<Expr>),
}

impl Expr {
    /// A whole number.
    pub fn integer(number: i64) -> Self {
        Expr::Number { value: Rational::integer(number), decimal: false }
    }

    /// `-self`, with numbers kept as numbers.
    pub fn negated(self) -> Self {
        match self {
            Expr::Number { value, decimal } => Expr::Number { value: value.negated(), decimal },
            other => Expr::Negative(Box::new(other)),
        }
    }

    /// `self - other`
    pub fn minus(&self, other: &Expr) -> Self {
        Expr::Sum(vec![self.clone(), other.clone().negated()])
    }

    /// The parts right below.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Number { .. }
            | Expr::Symbol(_)
            | Expr::Pi
            | Expr::Euler
            | Expr::Imaginary
            | Expr::Infinity
            | Expr::Named(_) => Vec::new(),
            Expr::Negative(a) | Expr::Percent(a) => vec![a],
            Expr::Quotient(a, b) | Expr::Power(a, b) | Expr::Joined(_, a, b) => vec![a, b],
            Expr::Sum(parts)
            | Expr::Product(parts)
            | Expr::Call(_, parts)
            | Expr::Apply(_, parts)
            | Expr::Set(parts)
            | Expr::Tuple(parts)
            | Expr::Chain(_, parts) => parts.iter().collect(),
            Expr::Over(_, body, _, bounds) => std::iter::once(&**body).chain(bounds).collect(),
            Expr::Matrix(rows) => rows.iter().flatten().collect(),
            Expr::Interval { low, high } => vec![&low.0, &high.0],
        }
    }

    /// True where a test holds for the tree or any part of it.
    pub fn any(&self, test: &dyn Fn(&Expr) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|part| part.any(test))
    }

    /// The names in it that are not bound by a sum, a product, an integral or a limit, each once, in order.
    pub fn names(&self) -> Vec<String> {
        fn collect(expr: &Expr, bound: &mut Vec<String>, into: &mut Vec<String>) {
            match expr {
                Expr::Symbol(name) if !bound.contains(name) && !into.contains(name) => into.push(name.clone()),
                Expr::Over(_, body, variable, bounds) => {
                    bounds.iter().for_each(|part| collect(part, bound, into));
                    bound.push(variable.clone());
                    collect(body, bound, into);
                    bound.pop();
                }
                _ => expr.children().into_iter().for_each(|part| collect(part, bound, into)),
            }
        }
        let mut names = Vec::new();
        collect(self, &mut Vec::new(), &mut names);
        names.sort();
        names
    }

    /// The tree with another tree in place of every part for which `replace` gives one.
    pub fn replaced(&self, replace: &dyn Fn(&Expr) -> Option<Expr>) -> Expr {
        if let Some(new) = replace(self) {
            return new;
        }
        let of = |part: &Expr| Box::new(part.replaced(replace));
        let all = |parts: &[Expr]| parts.iter().map(|part| part.replaced(replace)).collect::<Vec<_>>();
        match self {
            Expr::Number { .. }
            | Expr::Symbol(_)
            | Expr::Pi
            | Expr::Euler
            | Expr::Imaginary
            | Expr::Infinity
            | Expr::Named(_) => self.clone(),
            Expr::Negative(a) => Expr::Negative(of(a)),
            Expr::Percent(a) => Expr::Percent(of(a)),
            Expr::Quotient(a, b) => Expr::Quotient(of(a), of(b)),
            Expr::Power(a, b) => Expr::Power(of(a), of(b)),
            Expr::Joined(joint, a, b) => Expr::Joined(*joint, of(a), of(b)),
            Expr::Sum(parts) => Expr::Sum(all(parts)),
            Expr::Product(parts) => Expr::Product(all(parts)),
            Expr::Call(name, parts) => Expr::Call(name, all(parts)),
            Expr::Apply(name, parts) => Expr::Apply(name.clone(), all(parts)),
            Expr::Set(parts) => Expr::Set(all(parts)),
            Expr::Tuple(parts) => Expr::Tuple(all(parts)),
            Expr::Chain(relations, parts) => Expr::Chain(relations.clone(), all(parts)),
            Expr::Over(range, body, variable, bounds) => Expr::Over(*range, of(body), variable.clone(), all(bounds)),
            Expr::Matrix(rows) => Expr::Matrix(rows.iter().map(|row| all(row)).collect()),
            Expr::Interval { low, high } => Expr::Interval { low: (of(&low.0), low.1), high: (of(&high.0), high.1) },
        }
    }

    /// True where it can stand in arithmetic: no set, no tuple, no relation.
    pub fn is_scalar(&self) -> bool {
        !matches!(
            self,
            Expr::Set(_) | Expr::Tuple(_) | Expr::Interval { .. } | Expr::Named(_) | Expr::Joined(..) | Expr::Chain(..)
        )
    }

    /// True for a set of any kind.
    pub fn is_set(&self) -> bool {
        matches!(self, Expr::Set(_) | Expr::Interval { .. } | Expr::Named(_) | Expr::Joined(..))
    }

    /// True where only names stand in it: what can be given a value by `=`.
    pub fn is_of_names(&self) -> bool {
        match self {
            Expr::Symbol(_) => true,
            Expr::Product(parts)
            | Expr::Sum(parts)
            | Expr::Apply(_, parts)
            | Expr::Tuple(parts)
            | Expr::Call(_, parts)
            | Expr::Set(parts)
            | Expr::Chain(_, parts) => !parts.is_empty() && parts.iter().all(Expr::is_of_names),
            Expr::Quotient(a, b) | Expr::Power(a, b) => a.is_of_names() && b.is_of_names(),
            _ => false,
        }
    }

    /// True for a number written out, not as a calculation: `12`, `-0.5`, `3/4` in lowest terms, `25%`.
    pub fn is_finished_number(&self) -> bool {
        match self {
            Expr::Number { .. } => true,
            Expr::Negative(inner) => matches!(**inner, Expr::Quotient(..)) && inner.is_finished_number(),
            Expr::Percent(inner) => matches!(**inner, Expr::Number { .. }),
            Expr::Quotient(top, bottom) => match (&**top, &**bottom) {
                (Expr::Number { value: top, decimal: false }, Expr::Number { value: bottom, decimal: false }) => {
                    // The quotient keeps the written denominator exactly when nothing cancels.
                    top.over(bottom).is_some_and(|ratio| ratio.has_denominator(bottom))
                }
                _ => false,
            },
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_sum_are_those_that_it_does_not_bind() {
        let k = Expr::Symbol("k".into());
        let n = Expr::Symbol("n".into());
        let body = Box::new(Expr::Product(vec![k.clone(), n.clone()]));
        let sum = Expr::Over(Range::Sum, body, "k".into(), vec![Expr::integer(1), n]);
        assert_eq!(sum.names(), ["n"]);
        assert_eq!(Expr::Product(vec![k, sum]).names(), ["k", "n"]);
    }

    #[test]
    fn only_names_can_be_given_a_value() {
        let x = || Expr::Symbol("x".into());
        assert!(Expr::Apply("f".into(), vec![x()]).is_of_names());
        assert!(Expr::Quotient(Box::new(x()), Box::new(x())).is_of_names());
        assert!(!Expr::Power(Box::new(x()), Box::new(Expr::integer(2))).is_of_names());
        assert!(!Expr::integer(3).is_of_names());
    }
}
