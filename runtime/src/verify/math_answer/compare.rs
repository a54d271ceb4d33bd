//! Whether two trees have the same value. The gold one comes first: the comparison is not symmetric.

use super::evaluate::{Exact, Inexact, exact, float};
use super::parse::Expr;
use super::value::Rational;

/// Most items of a list that is compared without regard to order.
const MOST_ITEMS: usize = 100;

/// Decimals to which floats are compared.
const PLACES: u32 = 6;

/// Values of symbols are drawn so often; an identity of functions holds at all, another hardly at any.
const POINTS: u32 = 8;

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The same value.
    Same,
    /// Not the same.
    Different,
    /// A limit ended it, or there was nothing to compare at.
    Undecided,
}

impl Comparison {
    fn from(same: bool) -> Self {
        if same { Self::Same } else { Self::Different }
    }

    fn and(self, next: impl FnOnce() -> Self) -> Self {
        if self == Self::Same { next() } else { self }
    }

    fn or(self, next: impl FnOnce() -> Self) -> Self {
        if self == Self::Same { self } else { next() }
    }
}

/// Compares a prediction with the gold answer.
pub fn compare(gold: &Expr, prediction: &Expr) -> Comparison {
    if gold == prediction {
        return Comparison::Same;
    }
    match (gold, prediction) {
        (Expr::Relation { relations: a, items: left }, Expr::Relation { relations: b, items: right }) => {
            relations(a, left, b, right)
        }
        (Expr::Relation { relations, items }, _) => match as_interval(relations, items) {
            Some(interval) => compare(&interval, prediction),
            None if is_assignment(relations, items) => last(items, |value| compare(value, prediction)),
            None => Comparison::Different,
        },
        (_, Expr::Relation { relations, items }) if all_equal(relations) => last(items, |value| compare(gold, value)),
        (_, Expr::Relation { .. }) => Comparison::Different,
        (Expr::Sets(..), _) | (_, Expr::Sets(..)) => unions(gold, prediction),
        _ if is_list(gold) || is_list(prediction) => lists(gold, prediction),
        _ => numbers(gold, prediction),
    }
}

fn last(items: &[Expr], compare: impl FnOnce(&Expr) -> Comparison) -> Comparison {
    items.last().map_or(Comparison::Different, compare)
}

fn all_equal(relations: &[&str]) -> bool {
    relations.iter().all(|relation| *relation == "=")
}

/// A name, or a list of names, on the left of `=`.
fn is_assignment(relations: &[&str], items: &[Expr]) -> bool {
    let is_name = |expr: &Expr| match expr {
        Expr::Symbol(_) => true,
        // f(x) reads as a product.
        Expr::Product(f, x) => matches!((&**f, &**x), (Expr::Symbol(_), Expr::Symbol(_))),
        _ => false,
    };
    let left = match items.first() {
        Some(Expr::List { items, .. }) => items.iter().all(is_name),
        Some(expr) => is_name(expr),
        None => false,
    };
    all_equal(relations) && left
}

/// `x > 5`, `5 < x` and `1 < x <= 3` as intervals.
fn as_interval(relations: &[&str], items: &[Expr]) -> Option<Expr> {
    let interval =
        |open, low: &Expr, high: &Expr, close| Some(Expr::List { open, close, items: vec![low.clone(), high.clone()] });
    let minus_infinity = Expr::Negative(Box::new(Expr::Infinity));
    let bracket = |relation: &str, strict, loose| if relation.ends_with('=') { loose } else { strict };
    match (relations, items) {
        ([relation], [Expr::Symbol(_), bound]) if relation.starts_with('<') => {
            interval('(', &minus_infinity, bound, bracket(relation, ')', ']'))
        }
        ([relation], [Expr::Symbol(_), bound]) if relation.starts_with('>') => {
            interval(bracket(relation, '(', '['), bound, &Expr::Infinity, ')')
        }
        ([relation], [bound, name @ Expr::Symbol(_)]) => {
            as_interval(&[flipped(relation)?], &[name.clone(), bound.clone()])
        }
        ([first, second], [low, Expr::Symbol(_), high]) if first.starts_with('<') && second.starts_with('<') => {
            interval(bracket(first, '(', '['), low, high, bracket(second, ')', ']'))
        }
        ([first, second], [high, name @ Expr::Symbol(_), low]) if first.starts_with('>') && second.starts_with('>') => {
            as_interval(&[flipped(second)?, flipped(first)?], &[low.clone(), name.clone(), high.clone()])
        }
        _ => None,
    }
}

fn flipped(relation: &str) -> Option<&'static str> {
    match relation {
        "<" => Some(">"),
        "<=" => Some(">="),
        ">" => Some("<"),
        ">=" => Some("<="),
        _ => None,
    }
}

fn relations(a: &[&'static str], left: &[Expr], b: &[&'static str], right: &[Expr]) -> Comparison {
    // An assignment by a chain counts by its first and its last side.
    if is_assignment(a, left) && is_assignment(b, right) && (a.len() > 1 || b.len() > 1) {
        return match (left.first(), right.first()) {
            (Some(x), Some(y)) => compare(x, y).and(|| last(left, |x| last(right, |y| compare(x, y)))),
            _ => Comparison::Different,
        };
    }
    let rising = |relations: &[&'static str], items: &[Expr]| {
        let turned: Option<Vec<&'static str>> = relations.iter().rev().map(|relation| flipped(relation)).collect();
        match turned {
            Some(turned) if relations.iter().all(|relation| relation.starts_with('>')) => {
                (turned, items.iter().rev().cloned().collect())
            }
            _ => (relations.to_vec(), items.to_vec()),
        }
    };
    let ((a, left), (b, right)) = (rising(a, left), rising(b, right));
    if a != b {
        return Comparison::Different;
    }
    let pairwise = || all(left.iter().zip(&right).map(|(x, y)| compare(x, y)));
    match (a.as_slice(), left.as_slice(), right.as_slice()) {
        ([relation], [p, q], [r, s]) if !is_list(p) && !is_list(r) => {
            let difference =
                |x: &Expr, y: &Expr| Expr::Sum(Box::new(x.clone()), Box::new(Expr::Negative(Box::new(y.clone()))));
            let symmetric = matches!(*relation, "=" | "!=");
            pairwise()
                .or(|| numbers(&difference(p, q), &difference(r, s)))
                .or(|| if symmetric { compare(p, s).and(|| compare(q, r)) } else { Comparison::Different })
                .or(|| if symmetric { numbers(&difference(p, q), &difference(s, r)) } else { Comparison::Different })
        }
        _ => pairwise(),
    }
}

/// Unions with their parts in any order; other set operations as they are written.
fn unions(gold: &Expr, prediction: &Expr) -> Comparison {
    fn parts<'a>(expr: &'a Expr, into: &mut Vec<&'a Expr>) {
        match expr {
            Expr::Sets("cup", a, b) => {
                parts(a, into);
                parts(b, into);
            }
            other => into.push(other),
        }
    }
    if let (Expr::Sets(a, p, q), Expr::Sets(b, r, s)) = (gold, prediction)
        && a == b
        && *a != "cup"
    {
        return compare(p, r).and(|| compare(q, s));
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    parts(gold, &mut left);
    parts(prediction, &mut right);
    if left.len() < 2 || right.len() < 2 { Comparison::Different } else { in_any_order(&left, &right) }
}

fn is_list(expr: &Expr) -> bool {
    matches!(expr, Expr::List { .. } | Expr::PlusMinus(..))
}

/// What a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Set,
    Tuple,
    /// Two ends, with the brackets.
    Ends(char, char),
}

fn lists(gold: &Expr, prediction: &Expr) -> Comparison {
    let ((kind, left), (other, right)) = (items(gold), items(prediction));
    let pairwise = || match left.len() == right.len() {
        true => all(left.iter().zip(&right).map(|(x, y)| compare(x, y))),
        false => Comparison::Different,
    };
    match (kind, other) {
        (Kind::Set, Kind::Set) => in_any_order(&left.iter().collect::<Vec<_>>(), &right.iter().collect::<Vec<_>>()),
        (Kind::Ends(a, b), Kind::Ends(c, d)) if (a, b) != (c, d) => Comparison::Different,
        (Kind::Ends(a, b), Kind::Set) | (Kind::Set, Kind::Ends(a, b)) if (a, b) != ('(', ')') => Comparison::Different,
        _ => pairwise(),
    }
}

/// The items of a list, `a \pm b` as two; a lone value is a set of one. Names before `=` in a set are left out.
fn items(expr: &Expr) -> (Kind, Vec<Expr>) {
    let mut found = Vec::new();
    let kind = match expr {
        Expr::List { open, close, items } => {
            items.iter().for_each(|item| spread(item, &mut found));
            match (open, close) {
                (' ' | '{', _) => Kind::Set,
                _ if items.len() == 2 => Kind::Ends(*open, *close),
                _ => Kind::Tuple,
            }
        }
        lone => {
            spread(lone, &mut found);
            Kind::Set
        }
    };
    // x = -2, 1 is a set whose first item carries the name.
    if kind == Kind::Set && found.len() > 1 {
        let named = found.iter().filter(|item| matches!(item, Expr::Relation { .. })).count();
        if named == 1
            && let Some(Expr::Relation { relations, items }) = found.first()
            && is_assignment(relations, items)
            && let Some(value) = items.last().cloned()
        {
            found.remove(0);
            spread(&value, &mut found);
        }
    }
    (kind, found)
}

fn spread(item: &Expr, into: &mut Vec<Expr>) {
    match item {
        Expr::PlusMinus(middle, part) => {
            let negative = Expr::Negative(part.clone());
            match middle {
                None => into.extend([(**part).clone(), negative]),
                Some(middle) => into
                    .extend([Expr::Sum(middle.clone(), part.clone()), Expr::Sum(middle.clone(), Box::new(negative))]),
            }
        }
        Expr::Relation { relations, items } if all_equal(relations) => match items.as_slice() {
            [Expr::Symbol(_), value @ Expr::PlusMinus(..)] => spread(value, into),
            _ => into.push(item.clone()),
        },
        _ => into.push(item.clone()),
    }
}

fn all(comparisons: impl Iterator<Item = Comparison>) -> Comparison {
    comparisons.fold(Comparison::Same, |sum, next| sum.and(|| next))
}

/// Each item has a partner on the other side, and repeats do not count.
fn in_any_order(left: &[&Expr], right: &[&Expr]) -> Comparison {
    if left.len() > MOST_ITEMS || right.len() > MOST_ITEMS {
        return Comparison::Undecided;
    }
    let found = |item: &Expr, among: &[&Expr], swap: bool| {
        among.iter().any(|other| if swap { compare(other, item) } else { compare(item, other) } == Comparison::Same)
    };
    Comparison::from(
        left.iter().all(|item| found(item, right, false)) && right.iter().all(|item| found(item, left, true)),
    )
}

fn numbers(gold: &Expr, prediction: &Expr) -> Comparison {
    // A percentage also equals its number without the sign.
    match (gold, prediction) {
        (Expr::Percent(a), b) if !matches!(b, Expr::Percent(_)) && same_value(a, b) == Comparison::Same => {
            Comparison::Same
        }
        (a, Expr::Percent(b)) if !matches!(a, Expr::Percent(_)) && same_value(a, b) == Comparison::Same => {
            Comparison::Same
        }
        (a, b) => same_value(a, b),
    }
}

fn same_value(gold: &Expr, prediction: &Expr) -> Comparison {
    let infinite = |expr: &Expr| expr.any(&|part| matches!(part, Expr::Infinity));
    if infinite(gold) || infinite(prediction) {
        return Comparison::from(gold == prediction);
    }
    match (exact(gold), exact(prediction)) {
        (Ok(a), Ok(b)) => exactly(&a, &b),
        (Err(Inexact::NoValue), _) | (_, Err(Inexact::NoValue)) => Comparison::Undecided,
        _ => in_floats(gold, prediction),
    }
}

fn exactly(a: &Exact, b: &Exact) -> Comparison {
    // However small a number is, it is not 0.
    if !a.decimal && !b.decimal || a.value.is_zero() != b.value.is_zero() {
        return Comparison::from(a.value == b.value);
    }
    let rounded = |value: &Rational| value.rounded(PLACES);
    match (rounded(&a.value), rounded(&b.value)) {
        (Some(a), Some(b)) => Comparison::from(a == b),
        _ => Comparison::from(a.value == b.value),
    }
}

/// Compares in floats at points that are the same for every run. The names decide the values of the symbols, so the
/// same name has the same value on both sides.
fn in_floats(gold: &Expr, prediction: &Expr) -> Comparison {
    let symbolic = |expr: &Expr| expr.any(&|part| matches!(part, Expr::Symbol(_)));
    let decimal = |expr: &Expr| expr.any(&|part| matches!(part, Expr::Number { decimal: true, .. }));
    let free = symbolic(gold) || symbolic(prediction);
    let rounding = (decimal(gold) || decimal(prediction)) && !free;
    let mut compared = 0;
    for point in 0..if free { POINTS } else { 1 } {
        let symbols = |name: &str| value_of(name, point);
        match (float(gold, &symbols), float(prediction, &symbols)) {
            (Some(a), Some(b)) if close(a, b, rounding) => compared += 1,
            (Some(_), Some(_)) => return Comparison::Different,
            _ => {}
        }
    }
    if compared > 0 { Comparison::Same } else { Comparison::Undecided }
}

fn close(a: f64, b: f64, rounding: bool) -> bool {
    let scale = libm::fabs(a).max(libm::fabs(b));
    let near = libm::fabs(a - b) <= 1e-10 * scale.max(1e-3);
    let unit = libm::pow(10.0, f64::from(PLACES));
    near || rounding && libm::round(a * unit) == libm::round(b * unit)
}

/// A value from 0.25 to 2.25 by name and point (Fowler-Noll-Vo hash, then a multiplicative one).
fn value_of(name: &str, point: u32) -> f64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64 ^ u64::from(point), |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ hash >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    0.25 + 2.0 * ((mixed >> 11) as f64 / (1u64 << 53) as f64)
}
