//! Whether two trees have the same value. The gold one comes first: the comparison is not symmetric.

mod collections;
mod relations;
mod scalars;

use super::evaluate::Work;
use super::line::Line;
use super::tree::{Expr, Relation};
use collections::collections;
use relations::relations;
use scalars::{scalars, symbols};

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

/// How to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// Decimals to which two numbers are rounded where one of them is a decimal.
    pub places: u32,
    /// Names count; without it they are matched in their order where there are equally many.
    pub strict: bool,
    /// A relation in the prediction may stand for its solution set.
    pub relations_as_sets: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { places: 6, strict: true, relations_as_sets: false }
    }
}

/// Compares a prediction with the gold answer.
pub fn compare(gold: &Expr, prediction: &Expr, manner: Manner, work: &mut Work) -> Comparison {
    if !manner.strict {
        let (names, others) = (gold.names(), prediction.names());
        if names.len() == others.len() {
            let renamed = prediction.replaced(&|part| match part {
                Expr::Symbol(name) => {
                    let at = others.iter().position(|other| other == name)?;
                    names.get(at).map(|name| Expr::Symbol(name.clone()))
                }
                _ => None,
            });
            return equal(gold, &renamed, manner, work);
        }
    }
    equal(gold, prediction, manner, work)
}

/// `x = …`, and chains of `=` that begin so.
fn is_assignment(expr: &Expr) -> bool {
    match expr {
        Expr::Chain(_, sides) => is_equation(expr) && sides.first().is_some_and(Expr::is_of_names),
        _ => false,
    }
}

fn is_equation(expr: &Expr) -> bool {
    matches!(expr, Expr::Chain(relations, _) if relations.iter().all(|relation| *relation == Relation::Equal))
}

/// An assignment by a chain counts by its first and its last side.
fn shortened(expr: &Expr) -> Expr {
    match expr {
        Expr::Chain(_, sides) if is_assignment(expr) => match (sides.first(), sides.last()) {
            (Some(first), Some(last)) => Expr::Chain(vec![Relation::Equal], vec![first.clone(), last.clone()]),
            _ => expr.clone(),
        },
        other => other.clone(),
    }
}

fn last_side(expr: &Expr) -> Expr {
    match expr {
        Expr::Chain(_, sides) => sides.last().unwrap_or(expr).clone(),
        other => other.clone(),
    }
}

fn equal(gold: &Expr, prediction: &Expr, manner: Manner, work: &mut Work) -> Comparison {
    if work.spend(1).is_none() {
        return Comparison::Undecided;
    }
    let (mut gold, mut prediction) = (shortened(gold), shortened(prediction));
    if is_equation(&prediction) && !is_equation(&gold) {
        prediction = last_side(&prediction);
    } else if is_assignment(&gold) && !is_equation(&prediction) {
        gold = last_side(&gold);
    }
    if gold == prediction {
        return Comparison::Same;
    }
    let is_chain = |expr: &Expr| matches!(expr, Expr::Chain(..));
    let as_solutions =
        is_chain(&gold) && prediction.is_set() || manner.relations_as_sets && is_chain(&prediction) && gold.is_set();
    if as_solutions
        && let Some(a) = Line::of(&gold, work)
        && let Some(b) = Line::of(&prediction, work)
    {
        return a.same(&b, &mut |x, y| equal(x, y, manner, work) == Comparison::Same);
    }
    match (&gold, &prediction) {
        (Expr::Chain(..), Expr::Chain(..)) => relations(&gold, &prediction, manner, work),
        (Expr::Chain(..), Expr::Set(_)) | (Expr::Set(_), Expr::Chain(..)) => {
            collections(&gold, &prediction, manner, work)
        }
        (Expr::Chain(..), _) | (_, Expr::Chain(..)) => Comparison::Different,
        _ if !gold.is_scalar() || !prediction.is_scalar() => collections(&gold, &prediction, manner, work),
        (Expr::Symbol(_), _) | (_, Expr::Symbol(_)) => symbols(&gold, &prediction),
        _ => scalars(&gold, &prediction, manner, work),
    }
}

#[cfg(test)]
mod tests;
