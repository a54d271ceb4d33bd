//! Sets of real numbers: marks on the line, and which of them and of the stretches between them belong to the set.

use super::compare::Comparison;
use super::evaluate::{Point, Work, order, value};
use super::solve::{boundaries, substituted};
use super::tree::{Expr, Joint, NamedSet, Relation};
use std::cmp::Ordering;

pub use super::solve::numerator;

/// Most marks of one set.
const MOST_MARKS: usize = 100;

/// Work for one comparison of two marks.
const COMPARISON: usize = 50;

/// A set of real numbers.
#[derive(Debug, Clone)]
pub struct Line {
    /// Rising.
    marks: Vec<Expr>,
    /// Whether a mark belongs to the set.
    on: Vec<bool>,
    /// Whether what lies below the first mark, between two, and above the last one belongs to it.
    between: Vec<bool>,
}

impl Line {
    /// The set that a tree stands for, a relation in one name for its solutions; none where it is not a set of real
    /// constants, or cannot be solved.
    pub fn of(expr: &Expr, work: &mut Work) -> Option<Self> {
        work.spend(1)?;
        match expr {
            Expr::Named(NamedSet::Reals) => Some(Self { marks: Vec::new(), on: Vec::new(), between: vec![true] }),
            Expr::Interval { low, high } => {
                let mut line = Self { marks: Vec::new(), on: Vec::new(), between: vec![false] };
                match &*low.0 {
                    Expr::Negative(inner) if **inner == Expr::Infinity => line.between = vec![true],
                    end => line.push(end, !low.1, true)?,
                }
                match &*high.0 {
                    Expr::Infinity => {}
                    end => line.push(end, !high.1, false)?,
                }
                Some(line)
            }
            Expr::Set(items) => {
                let mut line = Self { marks: Vec::new(), on: Vec::new(), between: vec![false] };
                let mut sorted: Vec<&Expr> = Vec::new();
                for item in items.iter().take(MOST_MARKS + 1) {
                    insert(item, &mut sorted, work)?;
                }
                for item in sorted {
                    line.push(item, true, false)?;
                }
                Some(line)
            }
            Expr::Joined(joint, a, b) => {
                let (a, b) = (Self::of(a, work)?, Self::of(b, work)?);
                a.joined(&b, work, |x, y| match joint {
                    Joint::Union => x || y,
                    Joint::Intersection => x && y,
                    Joint::Difference => x && !y,
                })
            }
            Expr::Chain(relations, sides) => {
                // A function of names is a name here: what is asked is which values it takes.
                let plain = |side: &Expr| {
                    side.replaced(&|part| match part {
                        Expr::Apply(name, _) => Some(Expr::Symbol(format!("{name}()"))),
                        _ => None,
                    })
                };
                let sides: Vec<Expr> = sides.iter().map(plain).collect();
                let expr = Expr::Chain(relations.clone(), sides.clone());
                let [name] = <[String; 1]>::try_from(expr.names()).ok()?;
                let mut line = Self { marks: Vec::new(), on: Vec::new(), between: vec![true] };
                for (relation, pair) in relations.iter().zip(sides.windows(2)) {
                    let [left, right] = pair else { return None };
                    let next = Self::solutions(*relation, left, right, &name, work)?;
                    line = line.joined(&next, work, |x, y| x && y)?;
                }
                Some(line)
            }
            _ => None,
        }
    }

    /// Adds a mark above all others.
    fn push(&mut self, mark: &Expr, on: bool, above: bool) -> Option<()> {
        // It must be a real constant.
        order(mark, mark)?;
        self.marks.push(mark.clone());
        self.on.push(on);
        self.between.push(above);
        (self.marks.len() <= MOST_MARKS).then_some(())
    }

    /// Where a relation between two sides holds: it can change only at its boundaries.
    fn solutions(relation: Relation, left: &Expr, right: &Expr, name: &str, work: &mut Work) -> Option<Self> {
        let difference = left.minus(right);
        if !difference.is_scalar() || !left.is_scalar() || !right.is_scalar() {
            return None;
        }
        let found = boundaries(&difference, name, work)?;
        let mut sorted: Vec<&Expr> = Vec::new();
        for mark in &found {
            insert(mark, &mut sorted, work)?;
        }
        let marks: Vec<Expr> = sorted.into_iter().cloned().collect();
        let mut holds = |at: &Expr| {
            let there = substituted(&difference, name, at);
            let Some(found) = value(&there, &mut Point::nowhere(), work).filter(|ball| ball.is_real()) else {
                return false;
            };
            let sign = if found.may_be_zero() { 0.0 } else { found.re.to_float() };
            match relation {
                Relation::Equal => sign == 0.0,
                Relation::NotEqual => sign != 0.0,
                Relation::Less => sign < 0.0,
                Relation::AtMost => sign <= 0.0,
                Relation::More => sign > 0.0,
                Relation::AtLeast => sign >= 0.0,
            }
        };
        let on: Vec<bool> = marks.iter().map(&mut holds).collect();
        let (one, two) = (Expr::integer(1), Expr::integer(2));
        let mut between = Vec::new();
        match (marks.first(), marks.last()) {
            (Some(first), Some(last)) => {
                between.push(holds(&first.minus(&one)));
                for pair in marks.windows(2) {
                    let middle = Expr::Quotient(Box::new(Expr::Sum(pair.to_vec())), Box::new(two.clone()));
                    between.push(holds(&middle));
                }
                between.push(holds(&Expr::Sum(vec![last.clone(), one])));
            }
            _ => between.push(holds(&one)),
        }
        Some(Self { marks, on, between })
    }

    /// A set made of two by a rule for what is in them.
    fn joined(&self, other: &Self, work: &mut Work, rule: impl Fn(bool, bool) -> bool) -> Option<Self> {
        let mut marks: Vec<&Expr> = Vec::new();
        for mark in self.marks.iter().chain(&other.marks) {
            insert(mark, &mut marks, work)?;
        }
        let mut line = Self { marks: Vec::new(), on: Vec::new(), between: Vec::new() };
        let (mut a, mut b) = (0, 0);
        let at = |flags: &[bool], at: usize| flags.get(at).copied().unwrap_or(false);
        line.between.push(rule(at(&self.between, 0), at(&other.between, 0)));
        for mark in marks {
            let is_next = |line: &Self, at: usize| {
                line.marks.get(at).is_some_and(|next| order(next, mark) == Some(Ordering::Equal))
            };
            let (mine, theirs) = (is_next(self, a), is_next(other, b));
            let x = if mine { at(&self.on, a) } else { at(&self.between, a) };
            let y = if theirs { at(&other.on, b) } else { at(&other.between, b) };
            (a, b) = (a + usize::from(mine), b + usize::from(theirs));
            let above = rule(at(&self.between, a), at(&other.between, b));
            line.push(mark, rule(x, y), above)?;
        }
        Some(line)
    }

    /// Without the marks at which nothing changes.
    fn reduced(&self) -> (Vec<&Expr>, Vec<bool>) {
        let at = |flags: &[bool], at: usize| flags.get(at).copied().unwrap_or(false);
        let (mut marks, mut flags) = (Vec::new(), vec![at(&self.between, 0)]);
        for (place, mark) in self.marks.iter().enumerate() {
            let (below, on, above) = (at(&self.between, place), at(&self.on, place), at(&self.between, place + 1));
            if below != on || on != above {
                marks.push(mark);
                flags.extend([on, above]);
            }
        }
        (marks, flags)
    }

    /// Whether two sets are the same, marks compared by `equal`.
    pub fn same(&self, other: &Self, equal: &mut dyn FnMut(&Expr, &Expr) -> bool) -> Comparison {
        let ((marks, flags), (others, other_flags)) = (self.reduced(), other.reduced());
        let same = flags == other_flags && marks.iter().zip(&others).all(|(a, b)| equal(a, b));
        if same { Comparison::Same } else { Comparison::Different }
    }
}

/// Puts a mark in its place; one that is there already is not put again.
fn insert<'a>(mark: &'a Expr, into: &mut Vec<&'a Expr>, work: &mut Work) -> Option<()> {
    let (mut low, mut high) = (0, into.len());
    while low < high {
        work.spend(COMPARISON)?;
        let middle = usize::midpoint(low, high);
        match order(mark, into.get(middle)?)? {
            Ordering::Equal => return Some(()),
            Ordering::Less => high = middle,
            Ordering::Greater => low = middle + 1,
        }
    }
    into.insert(low, mark);
    (into.len() <= MOST_MARKS).then_some(())
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    fn line(text: &str) -> Option<Line> {
        Line::of(&parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}")), &mut Work::default())
    }

    #[test]
    fn sets_are_compared_by_what_is_in_them() {
        for (a, b) in [
            (r"[0,2]\cup[1,3]", "[0,3]"),
            (r"[0,3]\cap[1,5]", "[1,3]"),
            (r"\mathbb{R}\setminus\{0\}", r"(-\infty,0)\cup(0,\infty)"),
            (r"(0,1)\cup\{0,1\}", "[0,1]"),
            (r"x^2\ge 4", r"(-\infty,-2]\cup[2,\infty)"),
            (r"1\le|z|\le\frac{3}{2}", r"[-\frac{3}{2},-1]\cup[1,\frac{3}{2}]"),
            (r"\frac{1}{x}>0", r"(0,\infty)"),
            (r"\frac{x-1}{x+2}\le 0", "(-2,1]"),
            (r"\sqrt{x}<3", "[0,9)"),
            (r"x^3-x=0", r"\{-1,0,1\}"),
            (r"x^2<2", r"(-\sqrt{2},\sqrt{2})"),
            (r"x\ne 3", r"(-\infty,3)\cup(3,\infty)"),
            (r"x^2+1>0", r"\mathbb{R}"),
        ] {
            let (a, b) = (line(a).unwrap_or_else(|| panic!("{a}")), line(b).unwrap_or_else(|| panic!("{b}")));
            let found = a.same(&b, &mut |x, y| order(x, y) == Some(Ordering::Equal));
            assert_eq!(found, Comparison::Same, "{a:?} {b:?}");
        }
        for text in ["(a,b)", "x<y", r"\{x\}", r"\sin x<1"] {
            assert!(line(text).is_none(), "{text}");
        }
    }
}
