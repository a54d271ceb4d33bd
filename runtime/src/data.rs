//! Problems, and where they come from: seeded generators of the runtime ([`builtin`]) and files with one JSON object a
//! line ([`lines`]).
//!
//! Every source splits its problems in two by a hash of what is asked, so that an evaluation never meets a problem that
//! was trained on, whatever the seed.

pub mod arithmetic;
pub mod builtin;
pub mod calls;
pub mod instructions;
pub mod lines;
pub mod ordering;
pub mod programs;
mod puzzles;
pub mod rows;
pub mod shuffle;

use recipec_compiler::settings::{DataSource, RowRules};
use rows::RowCounts;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

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

impl Split {
    /// The side of what is asked: one in eight is held out, by the first byte of the BLAKE3 digest of `key`.
    pub fn of(key: &str) -> Split {
        match blake3::hash(key.as_bytes()).as_bytes() {
            [first, ..] if first.is_multiple_of(8) => Split::HeldOut,
            _ => Split::Train,
        }
    }
}

/// A name for what is asked: the first 128 bits of its BLAKE3 digest, in hexadecimal.
pub(crate) fn identity(key: &str) -> String {
    blake3::hash(key.as_bytes()).to_hex().chars().take(32).collect()
}

/// Problems by number.
pub trait Data: Send + Sync {
    /// How many there are; none for a generator that never ends.
    fn len(&self, split: Split) -> Option<u64>;
    /// The problem with a number. The same number is always the same problem. Numbers beyond [`Data::len`] wrap around.
    fn problem(&self, split: Split, index: u64) -> Problem;
    /// A demonstration for a problem of [`Data::problem`] with the same arguments; none where the data has no such column.
    fn demonstration(&self, split: Split, index: u64, target: &str) -> Option<String>;
    /// What became of the rows that were read; none where problems are made.
    fn rows(&self) -> Option<&RowCounts> {
        None
    }
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
    /// A file that cannot be opened, or a row of it that is not what it should be.
    #[error("{path}: {why}")]
    Unreadable {
        /// The path as it was given.
        path: String,
        /// What is wrong, with the line where one is at fault.
        why: String,
    },
    /// A row without the column that a signal reads.
    #[error(
        "problem `{id}` has no column `{column}`, from which `{signal}` takes the reference answer; read the signal where the domain has one: `if domain == … then … else …`"
    )]
    NoReference {
        /// The problem.
        id: String,
        /// The column.
        column: String,
        /// The signal.
        signal: &'static str,
    },
    /// A source that this version cannot read.
    #[error("{0}")]
    Unsupported(String),
}

/// Opens data. `seed` makes the problems of a generator; a file is the same for every seed, and is read by `rules`.
///
/// A path is taken as it is: who holds the recipe's folder joins it first. [`DataSource::HeldOut`] names the data of the
/// domains, so who holds the domains opens those and asks them for [`Split::HeldOut`].
pub fn open(source: &DataSource, rules: &RowRules, seed: u64, folder: &Path) -> Result<Box<dyn Data>, DataError> {
    match source {
        DataSource::Builtin { generator, levels } => builtin::open(generator, *levels, seed),
        DataSource::File { path } if path.ends_with(".jsonl") => {
            Ok(Box::new(lines::Lines::open(&folder.join(path).to_string_lossy(), rules)?))
        }
        DataSource::File { path } => Err(DataError::Unsupported(format!(
            "file `{path}` is not `.jsonl`: write one JSON object a line, with the problem in `prompt`, `problem` or `question`"
        ))),
        DataSource::Hub { name, .. } => Err(DataError::Unsupported(format!(
            "data set `{name}` is not downloaded by this version: save its rows as JSON lines and write `file(\"….jsonl\")`"
        ))),
        DataSource::HeldOut => Err(DataError::Unsupported(
            "`held_out` stands for the data of the domains: open a domain's data and ask for its held-out side".into(),
        )),
    }
}
