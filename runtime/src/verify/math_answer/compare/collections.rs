//! Sets, tuples and intervals.

use super::{Comparison, Manner, equal};
use crate::verify::math_answer::evaluate::{Point, Work, value};
use crate::verify::math_answer::line::Line;
use crate::verify::math_answer::tree::{Expr, Joint};

/// Most items of a set that are matched one with each other; more are matched only where they have an order.
const MOST_UNORDERED: usize = 60;

/// Compares two trees of which one is a set or a tuple. A lone value is a set of one.
pub fn collections(gold: &Expr, prediction: &Expr, manner: Manner, work: &mut Work) -> Comparison {
    let lone = |expr: &Expr| match expr {
        Expr::Chain(..) => Expr::Set(vec![expr.clone()]),
        other if other.is_scalar() => Expr::Set(vec![other.clone()]),
        other => other.clone(),
    };
    let (gold, prediction) = (lone(gold), lone(prediction));
    match (&gold, &prediction) {
        (Expr::Interval { low: a, high: b }, Expr::Interval { low: c, high: d }) => {
            if (a.1, b.1) != (c.1, d.1) {
                return Comparison::Different;
            }
            equal(&a.0, &c.0, manner, work).and(|| equal(&b.0, &d.0, manner, work))
        }
        (Expr::Set(left), Expr::Set(right) | Expr::Tuple(right)) => {
            let left = distinct(left, manner, work);
            let right = match &prediction {
                Expr::Set(_) => distinct(right, manner, work),
                _ => right.clone(),
            };
            in_any_order(&left, &right, manner, work)
        }
        (Expr::Tuple(left), Expr::Set(right) | Expr::Tuple(right)) => pairwise(left, right, manner, work),
        (Expr::Interval { .. }, Expr::Set(_) | Expr::Tuple(_)) => match ends(&gold) {
            Some(ends) => collections(&ends, &prediction, manner, work),
            None => Comparison::Different,
        },
        (Expr::Set(_) | Expr::Tuple(_), Expr::Interval { .. }) => match ends(&prediction) {
            Some(ends) => collections(&gold, &ends, manner, work),
            None => Comparison::Different,
        },
        _ => joined(&gold, &prediction, manner, work),
    }
}

/// The ends of an open interval as a pair.
fn ends(interval: &Expr) -> Option<Expr> {
    match interval {
        Expr::Interval { low, high } if low.1 && high.1 => Some(Expr::Tuple(vec![(*low.0).clone(), (*high.0).clone()])),
        _ => None,
    }
}

/// Unions and the like: as sets of real numbers where they are, else part by part.
fn joined(gold: &Expr, prediction: &Expr, manner: Manner, work: &mut Work) -> Comparison {
    if let Some(a) = Line::of(gold, work)
        && let Some(b) = Line::of(prediction, work)
    {
        return a.same(&b, &mut |x, y| equal(x, y, manner, work) == Comparison::Same);
    }
    match (gold, prediction) {
        (Expr::Joined(joint @ (Joint::Union | Joint::Intersection), ..), Expr::Joined(other, ..)) if joint == other => {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            parts(gold, *joint, &mut left);
            parts(prediction, *joint, &mut right);
            in_any_order(&left, &right, manner, work)
        }
        (Expr::Joined(Joint::Difference, a, b), Expr::Joined(Joint::Difference, c, d)) => {
            equal(a, c, manner, work).and(|| equal(b, d, manner, work))
        }
        _ => Comparison::Different,
    }
}

fn parts(expr: &Expr, joint: Joint, into: &mut Vec<Expr>) {
    match expr {
        Expr::Joined(other, a, b) if *other == joint => {
            parts(a, joint, into);
            parts(b, joint, into);
        }
        other => into.push(other.clone()),
    }
}

fn pairwise(left: &[Expr], right: &[Expr], manner: Manner, work: &mut Work) -> Comparison {
    if left.len() != right.len() {
        return Comparison::Different;
    }
    left.iter().zip(right).fold(Comparison::Same, |so_far, (a, b)| so_far.and(|| equal(a, b, manner, work)))
}

/// Items without those that are written the same as one before.
fn distinct(items: &[Expr], manner: Manner, work: &mut Work) -> Vec<Expr> {
    let mut kept: Vec<Expr> = Vec::new();
    for item in items {
        let small = items.len() <= MOST_UNORDERED;
        let known = kept.iter().any(|other| {
            other == item || small && item.is_scalar() && equal(other, item, manner, work) == Comparison::Same
        });
        if !known {
            kept.push(item.clone());
        }
    }
    kept
}

/// Each item has a partner of its own on the other side.
fn in_any_order(left: &[Expr], right: &[Expr], manner: Manner, work: &mut Work) -> Comparison {
    if left.len() != right.len() {
        return Comparison::Different;
    }
    if let (Some(left), Some(right)) = (sorted(left, work), sorted(right, work))
        && pairwise(&left, &right, manner, work) == Comparison::Same
    {
        return Comparison::Same;
    }
    if left.len() > MOST_UNORDERED {
        work.limited = true;
        return Comparison::Undecided;
    }
    let mut free: Vec<&Expr> = right.iter().collect();
    for item in left {
        match free.iter().position(|other| equal(item, other, manner, work) == Comparison::Same) {
            Some(at) => {
                free.swap_remove(at);
            }
            None if work.limited => return Comparison::Undecided,
            None => return Comparison::Different,
        }
    }
    Comparison::Same
}

/// Items by their values, a named one by the value that it is given; none where one has no real value.
fn sorted(items: &[Expr], work: &mut Work) -> Option<Vec<Expr>> {
    let mut keyed = Vec::new();
    for item in items {
        let of = match item {
            Expr::Chain(_, sides) => sides.last()?,
            other => other,
        };
        let ball = value(of, &mut Point::nowhere(), work).filter(|ball| ball.is_real())?;
        keyed.push((ball.re.to_float(), item.clone()));
    }
    keyed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    Some(keyed.into_iter().map(|(_, item)| item).collect())
}
