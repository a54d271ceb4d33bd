//! What brackets and lists are.

use super::{Element, Link, Parser, Piece};
use crate::verify::math_answer::evaluate::order;
use crate::verify::math_answer::tree::{Expr, Relation};
use std::cmp::Ordering;

/// Most items of one text.
const MOST_ITEMS: usize = 2_000;

impl Parser<'_> {
    /// The whole text: one thing, or several between commas, maybe with a name and `=` before the first.
    pub(super) fn whole(&mut self) -> Option<Expr> {
        let groups = self.groups()?;
        if let Some((name, groups)) = self.named(&groups) {
            let right = self.collected(groups)?;
            return Some(Expr::Chain(vec![Relation::Equal], vec![name, right]));
        }
        self.collected(groups)
    }

    /// `x = 1, 2`, `(x,y) = (1,2)`, `x \in …`: the name, and the items with the first one's right side in its place.
    fn named(&mut self, groups: &[Vec<Element>]) -> Option<(Expr, Vec<Vec<Element>>)> {
        let first = groups.first()?.first()?;
        let (left, right) = match (first.links.as_slice(), first.sides.as_slice()) {
            ([Link::Is(Relation::Equal) | Link::In], [left, right]) => (left, right),
            _ => return None,
        };
        if groups.iter().flatten().skip(1).any(|element| !element.links.is_empty()) {
            return None;
        }
        let name = self.name_list(left)?;
        let mut groups = groups.to_vec();
        *groups.first_mut()?.first_mut()? = Element { links: Vec::new(), sides: vec![right.clone()] };
        Some((name, groups))
    }

    /// A name, or several in round brackets, with powers if need be.
    fn name_list(&mut self, piece: &Piece) -> Option<Expr> {
        let is_name = |expr: &Expr| match expr {
            Expr::Symbol(_) => true,
            Expr::Power(base, _) => matches!(**base, Expr::Symbol(_)),
            _ => false,
        };
        match piece {
            Piece::Value(expr) => is_name(expr).then(|| expr.clone()),
            Piece::Bracket('(', ')', groups) => {
                let [items] = groups.as_slice() else { return None };
                let mut names = Vec::new();
                for item in items {
                    let ([], [Piece::Value(name)]) = (item.links.as_slice(), item.sides.as_slice()) else {
                        return None;
                    };
                    names.push(is_name(name).then(|| name.clone())?);
                }
                if names.len() == 1 { names.pop() } else { Some(Expr::Tuple(names)) }
            }
            _ => None,
        }
    }

    /// One item is itself, several are a set, groups of several are tuples in a set.
    fn collected(&mut self, groups: Vec<Vec<Element>>) -> Option<Expr> {
        let mut groups = groups.into_iter().map(|group| self.items(group)).collect::<Option<Vec<_>>>()?;
        if groups.len() == 1 {
            let mut items = groups.pop()?;
            return if items.len() == 1 { items.pop() } else { Some(Expr::Set(items)) };
        }
        if groups.iter().all(|group| group.len() == 1) {
            return Some(Expr::Set(groups.into_iter().flatten().collect()));
        }
        Some(Expr::Set(groups.into_iter().map(Expr::Tuple).collect()))
    }

    /// The items of a group; `a \pm b` is two.
    fn items(&mut self, group: Vec<Element>) -> Option<Vec<Expr>> {
        let mut items = Vec::new();
        for mut element in group {
            match (element.links.is_empty(), element.sides.pop()?) {
                (true, Piece::PlusMinus(middle, part)) => items.extend(both(middle, part)),
                (true, piece) => items.push(self.settled(piece)?),
                (false, last) => {
                    element.sides.push(last);
                    items.push(self.chain(element)?);
                }
            }
        }
        (items.len() <= MOST_ITEMS).then_some(items)
    }

    /// Sides and relations, from left to right. `\approx` behind names gives their value; behind anything else it adds
    /// nothing.
    fn chain(&mut self, element: Element) -> Option<Expr> {
        let mut sides = element.sides.into_iter();
        let first = sides.next()?;
        let mut left = match self.name_list(&first) {
            Some(names) => names,
            None => self.settled(first)?,
        };
        for (link, side) in element.links.into_iter().zip(sides) {
            let right = match side {
                Piece::PlusMinus(middle, part) => Expr::Set(both(middle, part)),
                other => self.settled(other)?,
            };
            left = match (link, left) {
                (Link::About, left) if left.is_of_names() => right,
                (Link::About, left) => left,
                (Link::In, left) if !left.is_of_names() || !right.is_set() => return None,
                (link, left) => {
                    let relation = if let Link::Is(relation) = link { relation } else { Relation::Equal };
                    match left {
                        Expr::Chain(mut relations, mut sides) => {
                            relations.push(relation);
                            sides.push(right);
                            Expr::Chain(relations, sides)
                        }
                        left => Expr::Chain(vec![relation], vec![left, right]),
                    }
                }
            };
        }
        Some(left)
    }

    /// What a piece is where nothing else stands beside it.
    pub(super) fn settled(&mut self, piece: Piece) -> Option<Expr> {
        match piece {
            Piece::Value(expr) => Some(expr),
            Piece::PlusMinus(middle, part) => Some(Expr::Set(both(middle, part))),
            Piece::Bracket(open, close, groups) => self.bracket(open, close, groups),
        }
    }

    fn bracket(&mut self, open: char, close: char, groups: Vec<Vec<Element>>) -> Option<Expr> {
        if matches!(open, '(' | '[')
            && let [items] = groups.as_slice()
            && let [low, high] = items.as_slice()
            && let (Some(low), Some(high)) = (self.end(low), self.end(high))
        {
            return Some(interval((low, open == '('), (high, close == ')')));
        }
        match (open, close) {
            ('(', ')') | ('[', ']') => {
                let groups = groups.into_iter().map(|group| self.items(group)).collect::<Option<Vec<_>>>()?;
                let mut items: Vec<Expr> = groups.into_iter().flatten().collect();
                if items.len() == 1 { items.pop() } else { Some(Expr::Tuple(items)) }
            }
            ('{', '}') => {
                let groups = groups.into_iter().map(|group| self.items(group)).collect::<Option<Vec<_>>>()?;
                Some(Expr::Set(groups.into_iter().flatten().collect()))
            }
            _ => None,
        }
    }

    /// An end of an interval: something to calculate with.
    fn end(&mut self, element: &Element) -> Option<Expr> {
        match (element.links.as_slice(), element.sides.as_slice()) {
            ([], [side]) => self.scalar(side.clone()),
            _ => None,
        }
    }

    /// What a piece is in arithmetic: a value, or what stands alone in brackets.
    pub(super) fn scalar(&mut self, piece: Piece) -> Option<Expr> {
        match piece {
            Piece::Value(expr) => expr.is_scalar().then_some(expr),
            Piece::PlusMinus(..) => None,
            Piece::Bracket('(', ')', mut groups)
            | Piece::Bracket('[', ']', mut groups)
            | Piece::Bracket('{', '}', mut groups) => {
                let mut items = groups.pop().filter(|_| groups.is_empty())?;
                let mut element = items.pop().filter(|_| items.is_empty())?;
                let side = element.sides.pop().filter(|_| element.links.is_empty())?;
                self.scalar(side)
            }
            Piece::Bracket(..) => None,
        }
    }
}

/// `a + b` and `a - b`.
fn both(middle: Option<Expr>, part: Expr) -> Vec<Expr> {
    match middle {
        None => vec![part.clone(), part.negated()],
        Some(middle) => {
            vec![Expr::Sum(vec![middle.clone(), part.clone()]), Expr::Sum(vec![middle, part.negated()])]
        }
    }
}

/// Two ends. Where nothing lies between them, it is no interval: a pair, one point or the empty set.
fn interval(low: (Expr, bool), high: (Expr, bool)) -> Expr {
    let order = order(&low.0, &high.0);
    let infinite = |end: &Expr| matches!(end, Expr::Infinity) || *end == Expr::Infinity.negated();
    match (order, low.1, high.1) {
        (Some(Ordering::Greater | Ordering::Equal), true, true) | (Some(Ordering::Greater), false, false) => {
            Expr::Tuple(vec![low.0, high.0])
        }
        (Some(Ordering::Equal), false, false) => Expr::Set(vec![low.0]),
        (Some(Ordering::Greater | Ordering::Equal), _, _) => Expr::Set(Vec::new()),
        _ => {
            let (low_open, high_open) = (low.1 || infinite(&low.0), high.1 || infinite(&high.0));
            Expr::Interval { low: (Box::new(low.0), low_open), high: (Box::new(high.0), high_open) }
        }
    }
}
