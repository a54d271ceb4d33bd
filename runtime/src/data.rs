//! Problems, and where they come from.

use recipec_compiler::settings::DataSource;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A row of data: what is asked, and what a verifier needs to judge an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Unique within its data: the digest of what is asked.
    pub id: String,
    /// Difficulty, from 1; 0 where the data states none.
    pub level: u32,
    /// The text that the policy reads.
    pub prompt: String,
    /// The columns that verifiers name in their arguments: `answer`, `tests`, `signature`, …
    pub columns: BTreeMap<String, Value>,
}

/// Which side of the data a problem belongs to. The side is decided by a hash of what is asked, so no problem is on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Seven in eight.
    Train,
    /// One in eight.
    HeldOut,
}

/// Problems by number.
pub trait Data: Send + Sync {
    /// How many there are; none for a generator that never ends.
    fn len(&self, split: Split) -> Option<u64>;
    /// The problem with a number. The same number is always the same problem. Numbers beyond [`Data::len`] wrap around.
    fn problem(&self, split: Split, index: u64) -> Problem;
    /// A demonstration for a problem of [`Data::problem`] with the same arguments; none where the data has no such column.
    fn demonstration(&self, split: Split, index: u64, target: &str) -> Option<String>;
}

/// Why data could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// `builtin("…")` names no generator.
    #[error("there is no built-in generator `{name}`; there are {known}")]
    UnknownGenerator {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// `levels = …` outside of what the generator has.
    #[error("generator `{name}` has levels 1 to {has}, not {low} to {high}")]
    NoSuchLevel {
        /// The generator.
        name: String,
        /// Its highest level.
        has: u32,
        /// What was asked for.
        low: u32,
        /// What was asked for.
        high: u32,
    },
    /// A source that this version cannot read.
    #[error("{0}")]
    Unsupported(String),
}

/// Opens data. `seed` makes the problems of a generator.
pub fn open(source: &DataSource, seed: u64) -> Result<Box<dyn Data>, DataError> {
    let _ = (source, seed);
    Err(DataError::Unsupported("CONTRACT: to be written".into()))
}
