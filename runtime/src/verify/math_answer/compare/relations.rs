//! Equations and inequalities.

use super::scalars::{proportional, scalars};
use super::{Comparison, Manner, equal};
use crate::verify::math_answer::evaluate::Work;
use crate::verify::math_answer::line::{Line, numerator};
use crate::verify::math_answer::tree::{Expr, Relation};

/// Compares two chains of relations.
pub fn relations(gold: &Expr, prediction: &Expr, manner: Manner, work: &mut Work) -> Comparison {
    let (Expr::Chain(a, left), Expr::Chain(b, right)) = (gold, prediction) else { return Comparison::Different };
    if let ([first], [second]) = (a.as_slice(), b.as_slice()) {
        let ([p, q], [r, s]) = (left.as_slice(), right.as_slice()) else { return Comparison::Different };
        return single((*first, p, q), (*second, r, s), manner, work).or(|| solved(gold, prediction, manner, work));
    }
    if a.len() != b.len() {
        return Comparison::Different;
    }
    let mut links = |b: &[Relation], right: &[Expr]| {
        let pairs = left.windows(2).zip(right.windows(2)).zip(a.iter().zip(b));
        pairs.fold(Comparison::Same, |so_far, ((one, other), (first, second))| {
            so_far.and(|| match (one, other) {
                ([p, q], [r, s]) => single((*first, p, q), (*second, r, s), manner, work),
                _ => Comparison::Different,
            })
        })
    };
    links(b, right).or(|| {
        // Written the other way round.
        let turned: Vec<Relation> = b.iter().rev().map(|relation| relation.turned()).collect();
        let sides: Vec<Expr> = right.iter().rev().cloned().collect();
        links(&turned, &sides)
    })
}

/// One relation with another: the same sides, the same difference of sides, or both turned round.
fn single(
    (first, p, q): (Relation, &Expr, &Expr),
    (second, r, s): (Relation, &Expr, &Expr),
    manner: Manner,
    work: &mut Work,
) -> Comparison {
    let scalar = [p, q, r, s].into_iter().all(Expr::is_scalar);
    let mut straight = || match first == second {
        false => Comparison::Different,
        true if scalar => scalars(&p.minus(q), &r.minus(s), manner, work),
        true => equal(p, r, manner, work).and(|| equal(q, s, manner, work)),
    };
    let found = straight();
    found.or(|| match first == second.turned() {
        true if scalar => scalars(&p.minus(q), &s.minus(r), manner, work),
        true => equal(p, s, manner, work).and(|| equal(q, r, manner, work)),
        false => Comparison::Different,
    })
}

/// The same solutions: equations whose differences of sides are the same but for a factor, and inequalities in one name
/// that hold for the same numbers.
fn solved(gold: &Expr, prediction: &Expr, manner: Manner, work: &mut Work) -> Comparison {
    let (Expr::Chain(a, left), Expr::Chain(b, right)) = (gold, prediction) else { return Comparison::Different };
    let ([p, q], [r, s]) = (left.as_slice(), right.as_slice()) else { return Comparison::Different };
    let names = gold.names();
    if names.is_empty() || names != prediction.names() || ![p, q, r, s].into_iter().all(Expr::is_scalar) {
        return Comparison::Different;
    }
    if let ([Relation::Equal], [Relation::Equal]) = (a.as_slice(), b.as_slice()) {
        return proportional(&numerator(&p.minus(q)), &numerator(&r.minus(s)), work);
    }
    if let ([_], [_], [_]) = (a.as_slice(), b.as_slice(), names.as_slice())
        && let (Some(one), Some(other)) = (Line::of(gold, work), Line::of(prediction, work))
    {
        return one.same(&other, &mut |x, y| equal(x, y, manner, work) == Comparison::Same);
    }
    Comparison::Different
}
