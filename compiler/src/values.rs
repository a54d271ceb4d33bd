//! Settings to values: every key of the vocabulary is read by its row, with its default, its unit and its bounds.
//!
//! A value that could not be read is [`Value::Hole`]: it has been reported, and whoever meets it stays silent.

mod literal;
pub mod meaning;
mod read;

pub use literal::literal as parse_literal;
pub use meaning::meaning;
pub(crate) use read::one_line;
pub use read::{Reader, read_param_value};

use crate::draft::presence::Presence;
use crate::formula::{Absences, ParamType, TypedFormula};
use crate::recipe::Origin;
use crate::resolve::settings::is_at_or_below;
use crate::settings::RowFilter;
use crate::units::Dimension;
use recipec_grammar::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// A value that has been read.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number in base units.
    Number(f64),
    /// `true` or `false`
    Truth(bool),
    /// A word: of a closed list, or a column.
    Word(String),
    /// A text.
    Text(String),
    /// `1..4`
    Levels(u32, u32),
    /// A word with arguments. Arguments that are absent and have no default are not there.
    Call {
        /// The word.
        word: String,
        /// Arguments by name.
        arguments: BTreeMap<String, Value>,
    },
    /// New names of columns with the old ones.
    Columns(BTreeMap<String, String>),
    /// A condition over columns.
    RowFilter(RowFilter),
    /// Words and calls of a list, in the order of writing.
    Several(Vec<Value>),
    /// Ratios by domain, with the place of each.
    Shares(Vec<Share>),
    /// A formula over signals.
    Formula(Box<TypedFormula>),
    /// A record without a word; its parts have paths of their own.
    Record,
    /// Reported; nobody should complain again.
    Hole,
}

/// A line of `domains = { math = 40% }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// The domain.
    pub domain: String,
    /// Its share.
    pub ratio: f64,
    /// Where the share was written.
    pub span: Span,
}

/// A value with its history.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The value.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
    /// The value as a recipe writes it.
    pub text: String,
}

/// All values that one stage, or the run as a whole, sees. A copy shares the entries until it is written to.
#[derive(Debug, Clone, Default)]
pub struct Values {
    entries: Arc<BTreeMap<Arc<str>, Arc<Entry>>>,
    /// Params by name.
    pub params: BTreeMap<String, ParamType>,
    /// `budget.*` by full path.
    pub budget: BTreeMap<String, (Dimension, f64)>,
    /// Penalties and terms that could be read, by name; `outcome` and `total` too.
    pub terms: BTreeMap<String, TypedFormula>,
    /// Signals that domains do not have, and the domains that the next formula is about.
    pub absent: Absences,
    /// Which signals each domain lacks, once that has been looked at.
    pub(crate) presence: Option<Presence>,
    /// Paths of settings that name a param or a budget. In a reading that is like another one, those of the first: what was
    /// written since is read again in any case.
    pub(crate) constants: Arc<BTreeSet<Arc<str>>>,
}

impl Values {
    /// No settings yet.
    pub fn with_params(params: BTreeMap<String, ParamType>) -> Self {
        Self { params, ..Self::default() }
    }

    /// The settings that another reading gave, to be read again where they may differ; budgets and terms are always read anew.
    pub fn like(other: &Self, params: BTreeMap<String, ParamType>) -> Self {
        let (entries, constants) = (Arc::clone(&other.entries), Arc::clone(&other.constants));
        Self { entries, constants, params, ..Self::default() }
    }

    /// Whether all settings are those of another reading, because neither changed them.
    pub fn shares_entries(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries)
    }

    /// The entry at a path.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path).map(Arc::as_ref)
    }

    /// All entries in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_ref(), entry.as_ref()))
    }

    /// Whether a path is absent, in contrast to a hole.
    pub fn absent(&self, path: &str) -> bool {
        !self.entries.contains_key(path)
    }

    /// A number in base units; none when absent or a hole.
    pub fn number(&self, path: &str) -> Option<f64> {
        match self.get(path)?.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A whole number that is not negative; none when absent or a hole.
    pub fn count(&self, path: &str) -> Option<u64> {
        let number = self.number(path)?;
        // 2^53: above it not every whole number is a float.
        ((0.0..=9_007_199_254_740_992.0).contains(&number) && number == libm::trunc(number)).then_some(number as u64)
    }

    /// A truth value.
    pub fn truth(&self, path: &str) -> Option<bool> {
        match self.get(path)?.value {
            Value::Truth(truth) => Some(truth),
            _ => None,
        }
    }

    /// A word, also that of a call.
    pub fn word(&self, path: &str) -> Option<&str> {
        match &self.get(path)?.value {
            Value::Word(word) | Value::Call { word, .. } => Some(word),
            _ => None,
        }
    }

    /// A text.
    pub fn text(&self, path: &str) -> Option<&str> {
        match &self.get(path)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A formula.
    pub fn formula(&self, path: &str) -> Option<&TypedFormula> {
        match &self.get(path)?.value {
            Value::Formula(formula) => Some(formula),
            _ => None,
        }
    }

    /// The place of a value, where it was written.
    pub fn span(&self, path: &str) -> Option<Span> {
        self.get(path)?.origin.span()
    }

    pub(crate) fn insert(&mut self, path: &str, entry: Entry) {
        Arc::make_mut(&mut self.entries).insert(path.into(), Arc::new(entry));
    }

    /// Takes out what stands at a path and below it.
    pub(crate) fn remove(&mut self, path: &str) {
        let below = self.entries.range::<str, _>((Bound::Included(path), Bound::Unbounded));
        let gone: Vec<Arc<str>> =
            below.map(|(found, _)| found).take_while(|found| is_at_or_below(found, path)).cloned().collect();
        for path in gone {
            Arc::make_mut(&mut self.entries).remove(&path);
        }
    }
}
