//! Decides what a recipe promises: proved, refuted with numbers that refute, or not decided.
//!
//! A [`Question`] is lowered to nodes that occur once each (`arena`), in the normal form of a polynomial over what is not a sum
//! or a product (`polynomial`). A claim becomes goals `difference >= 0` over a box of signals and params. The search
//! (`search`) tries, in this order: the bounds of the factored difference; the bounds at the corner to which slopes of one sign
//! lead; a concrete counterexample; and then a split: on a condition, on the verdict, on the solve rate, at a kink, and at last in
//! the middle. Numbers are exact rationals of bounded size, and are rounded outwards where they are not (`span`).
//!
//! *Invariants*: `Proved` holds for real numbers and all values that signals can take; `Refuted` was seen with the evaluator that
//! runs in training; work is counted, so that an answer never depends on the machine.

mod arena;
mod bounds;
mod claims;
mod jumps;
mod lower;
mod polynomial;
mod rational;
mod search;
mod span;
mod state;
mod witness;
pub mod words;

#[cfg(test)]
mod tests;

use crate::formula::{Kind, ParamType, Source, Type, Typed, TypedFormula};
use crate::range::Interval;
use crate::settings::Unfinished;
use crate::units::Dimension;
use recipec_grammar::source::Span;
use recipec_grammar::tree::BinaryOp;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub use claims::decide;
pub use jumps::{Jump, jump};

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// It holds for all values.
    Proved,
    /// It does not, as these numbers show.
    Refuted(Box<Counterexample>),
    /// Neither was found.
    NotDecided {
        /// Why not, in a few words.
        why: String,
    },
}

/// Rollouts that break a claim, as the evaluator computes them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counterexample {
    /// The two sides, or the one rollout.
    pub rollouts: Vec<Rollout>,
    /// What the rollouts share: signals of the group and of the problem that the formulas read.
    pub shared: Vec<(String, f64)>,
    /// Params that the formulas read.
    pub params: Vec<(String, f64)>,
    /// All rollouts of the group, where the formulas read aggregates over it.
    pub group: Vec<Vec<(String, f64)>>,
}

/// One rollout of a counterexample.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rollout {
    /// The signals that the formulas read.
    pub signals: Vec<(String, f64)>,
    /// The value of its side of the claim.
    pub value: f64,
}

/// What is in force where a claim is decided.
#[derive(Debug, Clone)]
pub struct Setting<'a> {
    /// Penalties and terms, `outcome` and `total`, by name.
    pub terms: &'a BTreeMap<String, TypedFormula>,
    /// Params.
    pub params: Cow<'a, BTreeMap<String, ParamType>>,
    /// Params that are whole numbers.
    pub whole_params: BTreeSet<String>,
    /// `budget.*` in base units.
    pub budget: &'a BTreeMap<String, (Dimension, f64)>,
    /// Names of the domains.
    pub domains: &'a [String],
    /// The output cap of each domain, in tokens.
    pub caps: Vec<f64>,
    /// Rollouts per group.
    pub group_size: u64,
    /// What a cut rollout is worth, where that is known.
    pub unfinished: Option<Unfinished>,
}

impl Setting<'_> {
    /// The terms behind a formula, each behind those that it names.
    fn terms_behind(&self, formula: &TypedFormula) -> Vec<String> {
        // Depth first without recursion: a name is done when it is met the second time.
        let named = |formula: &TypedFormula| {
            let names = formula.names(Source::Term).into_iter();
            names.map(|name| match self.terms.contains_key(&name) {
                true => name,
                // `difficulty_aware.scale` is a part of `difficulty_aware`.
                false => name.split('.').next().unwrap_or_default().to_string(),
            })
        };
        let mut done: Vec<String> = Vec::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<(String, bool)> = named(formula).map(|name| (name, false)).collect();
        while let Some((name, is_left)) = open.pop() {
            if is_left {
                done.push(name);
            } else if seen.insert(name.clone())
                && let Some(term) = self.terms.get(&name)
            {
                open.push((name, true));
                open.extend(named(term).map(|name| (name, false)));
            }
        }
        done
    }
}

/// One side of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// Its value.
    pub formula: TypedFormula,
    /// `given …`: signals and params, in base units; none when nothing is given.
    pub given: Option<BTreeMap<String, f64>>,
}

impl Side {
    /// A formula of which nothing is given.
    pub fn of(formula: &TypedFormula) -> Self {
        Self { formula: formula.clone(), given: None }
    }

    /// A formula of a rollout with this verdict.
    pub fn judged(formula: &TypedFormula, correct: bool) -> Self {
        let given = BTreeMap::from([("correct".to_string(), if correct { 1.0 } else { 0.0 })]);
        Self { formula: formula.clone(), given: Some(given) }
    }

    /// A number.
    pub fn number(value: f64) -> Self {
        let (ty, range, span) = (Type::PURE, Interval::point(value), Span::default());
        let body = Typed { kind: Kind::Number(value), ty, range, span };
        Self { formula: TypedFormula { body, bindings: Vec::new(), source: None, span }, given: None }
    }
}

/// What is claimed.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// `left >= right`; with `given` on both sides, or with `same`, of two rollouts of one group.
    Compare {
        /// Left side.
        left: Side,
        /// `==`, `!=`, `<`, `<=`, `>` or `>=`
        op: BinaryOp,
        /// Right side.
        right: Side,
        /// Signals that are equal on both sides.
        same: Vec<String>,
    },
    /// `value in low..high`
    Within {
        /// What.
        value: Side,
        /// The least value.
        low: f64,
        /// The largest value.
        high: f64,
    },
    /// `value falls in signal`: never the other way, with all other signals held.
    Monotone {
        /// What.
        value: Side,
        /// In which signal.
        signal: String,
        /// `falls`; else `rises`.
        falls: bool,
    },
}

impl Claim {
    /// Its sides, left first.
    pub fn sides(&self) -> Vec<&Side> {
        match self {
            Self::Compare { left, right, .. } => vec![left, right],
            Self::Within { value, .. } | Self::Monotone { value, .. } => vec![value],
        }
    }

    /// Whether it speaks of two rollouts of one group, and not of one.
    pub fn is_of_two(&self) -> bool {
        match self {
            Self::Compare { left, right, same, .. } => {
                !same.is_empty() || (left.given.is_some() && right.given.is_some())
            }
            _ => false,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Params that range over their whole declared range.
    pub for_all: BTreeSet<String>,
    /// What is claimed.
    pub claim: Claim,
}

/// Why an answer was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The formula, or a number of its normal form, is too large.
    TooLarge,
    /// A constant of it is not a number.
    NotFinite,
    /// Something in it cannot be reasoned about.
    Unknown(String),
}

impl Stop {
    fn words(&self) -> String {
        match self {
            Self::TooLarge => "the formula, or a number in it, is too large".into(),
            Self::NotFinite => "a constant of the formula is not a number".into(),
            Self::Unknown(name) => format!("nothing is known of `{name}`"),
        }
    }
}

/// Answers that have been found, so that a variant which does not touch a claim costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Memo(Rc<RefCell<BTreeMap<String, Decision>>>);

impl Memo {
    /// Decides a question, or remembers the answer.
    pub fn decide(&self, question: &Question, setting: &Setting<'_>, boxes: usize) -> Decision {
        let key = key(question, setting, boxes);
        if let Some(known) = self.0.borrow().get(&key) {
            return known.clone();
        }
        let decision = decide(question, setting, boxes);
        self.0.borrow_mut().insert(key, decision.clone());
        decision
    }
}

/// Everything that an answer depends on.
fn key(question: &Question, setting: &Setting<'_>, boxes: usize) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let claim = match &question.claim {
        Claim::Compare { op, same, .. } => format!("{} {same:?}", op.symbol()),
        Claim::Within { low, high, .. } => format!("in {low:e}..{high:e}"),
        Claim::Monotone { signal, falls, .. } => format!("{falls} {signal}"),
    };
    let _ = write!(text, "{claim} {boxes} {} {:?} {:?}", setting.group_size, setting.unfinished, question.for_all);
    // A thousand domains mostly have one cap.
    for same in setting.caps.chunk_by(|a, b| a.to_bits() == b.to_bits()) {
        let _ = write!(text, " {}x{:x}", same.len(), same.first().map_or(0, |cap| cap.to_bits()));
    }
    let mut params = BTreeSet::new();
    let mut budgets = BTreeSet::new();
    for side in question.claim.sides() {
        let behind = setting.terms_behind(&side.formula);
        let terms = behind.iter().filter_map(|name| Some((name.as_str(), setting.terms.get(name)?)));
        for (name, formula) in terms.chain([("=", &side.formula)]) {
            let _ = write!(text, "\n{name} {formula}");
            params.extend(formula.names(Source::Param));
            budgets.extend(formula.names(Source::Budget));
        }
        let _ = write!(text, "\n{:?}", side.given);
    }
    for name in params.iter().chain(&question.for_all) {
        if let Some(param) = setting.params.get(name) {
            let _ = write!(text, "\n{name} {:e} {:?}", param.value, param.range);
        }
    }
    for (name, (_, value)) in
        setting.budget.iter().filter(|(name, _)| budgets.contains(*name) || *name == "budget.prompt")
    {
        let _ = write!(text, "\n{name} {value:e}");
    }
    text
}
