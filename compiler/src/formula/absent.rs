//! Signals that a domain does not have, and which domains a place in a formula is about.
//!
//! A domain without a verifier has no `correct`. A formula for several domains may read it all the same where the domain is known
//! to have one: `if domain == math then (if correct then 1 else 0) else reference_probability`.

use crate::formula::{Kind, Source, Typed};
use recipec_grammar::source::Span;
use recipec_grammar::tree::BinaryOp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A signal that some domains do not have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Absence {
    /// The domains without it by their positions, each with the place that decides it.
    pub domains: BTreeMap<usize, Option<Span>>,
    /// The end of a sentence that begins with the domain: "has no verifier".
    pub why: String,
}

/// What is absent, and where a formula would notice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Absences {
    /// By the name of the signal.
    pub signals: Arc<BTreeMap<String, Absence>>,
    /// The domains whose rollouts the formula is about.
    pub about: DomainSet,
}

/// Some domains, by their positions: those of the list, or all but those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainSet {
    positions: BTreeSet<usize>,
    listed: bool,
}

impl Default for DomainSet {
    fn default() -> Self {
        Self::ALL
    }
}

impl DomainSet {
    /// Every domain.
    pub const ALL: Self = Self { positions: BTreeSet::new(), listed: false };

    /// These domains and no other.
    pub fn of(positions: impl IntoIterator<Item = usize>) -> Self {
        Self { positions: positions.into_iter().collect(), listed: true }
    }

    /// Whether a domain is among them.
    pub fn contains(&self, position: usize) -> bool {
        self.positions.contains(&position) == self.listed
    }

    /// The others.
    pub fn complement(&self) -> Self {
        Self { positions: self.positions.clone(), listed: !self.listed }
    }

    /// The domains that are in both.
    pub fn and(&self, other: &Self) -> Self {
        let (a, b) = (&self.positions, &other.positions);
        match (self.listed, other.listed) {
            (true, true) => Self::of(a.intersection(b).copied()),
            (true, false) => Self::of(a.difference(b).copied()),
            (false, true) => Self::of(b.difference(a).copied()),
            (false, false) => Self { positions: a.union(b).copied().collect(), listed: false },
        }
    }

    /// The domains that are in one of them, or in both.
    pub fn or(&self, other: &Self) -> Self {
        self.complement().and(&other.complement()).complement()
    }

    /// The domains for which a condition can hold, or can fail. What is not a comparison with a domain can do both.
    pub fn where_it(condition: &Typed, holds: bool) -> Self {
        match &condition.kind {
            Kind::Not(inner) => Self::where_it(inner, !holds),
            Kind::Bool(truth) if *truth != holds => Self::of([]),
            Kind::Binary(op @ (BinaryOp::And | BinaryOp::Or), left, right) => {
                let (left, right) = (Self::where_it(left, holds), Self::where_it(right, holds));
                if (*op == BinaryOp::And) == holds { left.and(&right) } else { left.or(&right) }
            }
            Kind::Binary(op @ (BinaryOp::Equal | BinaryOp::NotEqual), left, right) => {
                let named = match (&left.kind, &right.kind) {
                    (Kind::Name(Source::Signal, name), Kind::Domain(_, at))
                    | (Kind::Domain(_, at), Kind::Name(Source::Signal, name))
                        if name == "domain" =>
                    {
                        Self::of([*at])
                    }
                    _ => return Self::ALL,
                };
                if (*op == BinaryOp::Equal) == holds { named } else { named.complement() }
            }
            _ => Self::ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::testing::{Bench, check_as};
    use crate::formula::{Type, check};
    use crate::problems::Problems;

    /// Every set over three domains, as a mask, behaves as the mask does.
    #[test]
    fn sets_are_sets() {
        let set = |mask: u8| DomainSet::of((0..3).filter(|at| mask & (1 << at) != 0));
        let mask = |set: &DomainSet| (0..3).filter(|at| set.contains(*at)).map(|at| 1u8 << at).sum::<u8>();
        for a in 0..8u8 {
            assert_eq!(mask(&set(a).complement()), !a & 7);
            for b in 0..8u8 {
                for (x, y) in [(set(a), set(b)), (set(!a & 7).complement(), set(b)), (set(a), set(!b & 7).complement())]
                {
                    assert_eq!(mask(&x.and(&y)), a & b);
                    assert_eq!(mask(&x.or(&y)), a | b);
                }
            }
        }
    }

    #[test]
    fn conditions_name_domains() {
        let bench = Bench::paper();
        for (text, holds, fails) in [
            ("domain == math", vec![0], vec![1, 2]),
            ("domain != math", vec![1, 2], vec![0]),
            ("not (domain == math or domain == code)", vec![2], vec![0, 1]),
            ("domain == math and correct", vec![0], vec![0, 1, 2]),
            ("domain == math or correct", vec![0, 1, 2], vec![1, 2]),
            ("correct", vec![0, 1, 2], vec![0, 1, 2]),
        ] {
            let condition = check_as(&bench, text, Type::Bool).body;
            for (holding, expected) in [(true, holds), (false, fails)] {
                let found = DomainSet::where_it(&condition, holding);
                assert_eq!((0..3).filter(|at| found.contains(*at)).collect::<Vec<_>>(), expected, "{text}: {holding}");
            }
        }
    }

    /// Domain `logic` has no verifier: `correct` may be read exactly where the domain cannot be `logic`.
    #[test]
    fn a_guard_is_a_guard() {
        let mut bench = Bench::paper();
        let absence = Absence { domains: BTreeMap::from([(2, None)]), why: "has no verifier".into() };
        bench.absent.signals = Arc::new(BTreeMap::from([("correct".to_string(), absence)]));
        let codes = |bench: &Bench, text: &str| {
            let mut problems = Problems::new();
            check(&crate::formula::testing::read(text), Type::PURE, "it", &bench.scope(), &mut problems);
            problems.sorted().iter().map(|d| d.code.name()).collect::<Vec<_>>()
        };
        let absent = "recipe::names::absent_signal";
        for (text, expected) in [
            ("if correct then 1 else 0", vec![absent]),
            ("if domain == math then (if correct then 1 else 0) else 0", vec![]),
            ("if domain == logic then 0 else if correct then 1 else 0", vec![]),
            ("if domain != logic and correct then 1 else 0", vec![]),
            ("if domain == logic or correct then 1 else 0", vec![]),
            ("if domain == math or correct then 1 else 0", vec![absent]),
            ("if domain == logic then (if correct then 1 else 0) else 0", vec![absent]),
            ("if domain == logic then 0 else group.count(correct) / group_size", vec![]),
            ("group.count(correct) / group_size", vec![absent]),
        ] {
            assert_eq!(codes(&bench, text), expected, "{text}");
        }
        // A formula that is not about the domain needs no guard.
        bench.absent.about = DomainSet::of([0, 1]);
        assert_eq!(codes(&bench, "if correct then 1 else 0"), Vec::<&str>::new());
    }
}
