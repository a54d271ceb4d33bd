//! Verifiers: text in, verdict out. They never panic, never evaluate model text as code outside an interpreter
//! with limits, and their limits count work, not time.

use crate::data::Problem;
use recipec_compiler::settings::VerifierSettings;
use serde::{Deserialize, Serialize};

/// What a verifier says of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Right.
    Correct,
    /// Some of it is right.
    Partial,
    /// Wrong.
    Wrong,
    /// There is no answer to judge.
    NoAnswer,
    /// There is an answer, and it cannot be read.
    Unparsable,
    /// The verifier itself failed. Never a reward.
    Error,
}

/// A verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What it says.
    pub status: Status,
    /// Partial credit: 1 when correct, below 1 otherwise.
    pub score: f64,
    /// True when a limit ended the work.
    pub limited: bool,
    /// Why, in a few words, for people.
    pub detail: Option<String>,
}

impl Verdict {
    /// Right.
    pub fn correct() -> Self {
        Self {
            status: Status::Correct,
            score: 1.0,
            limited: false,
            detail: None,
        }
    }

    /// Wrong, with a reason.
    pub fn wrong(detail: impl Into<String>) -> Self {
        Self {
            status: Status::Wrong,
            score: 0.0,
            limited: false,
            detail: Some(detail.into()),
        }
    }

    /// Another status with score 0, with a reason.
    pub fn of(status: Status, detail: impl Into<String>) -> Self {
        Self {
            status,
            score: 0.0,
            limited: false,
            detail: Some(detail.into()),
        }
    }

    /// `followed` of `total` constraints: correct, partial or wrong.
    pub fn share(followed: usize, total: usize) -> Self {
        let status = match followed {
            n if n == total => Status::Correct,
            0 => Status::Wrong,
            _ => Status::Partial,
        };
        let score = if total == 0 {
            1.0
        } else {
            followed as f64 / total as f64
        };
        Self {
            status,
            score,
            limited: false,
            detail: None,
        }
    }
}

/// A verifier with its arguments.
pub trait Verifier: Send + Sync {
    /// Judges an answer (what the model's answer rule cut out of the response; none when there is no answer part).
    fn judge(&self, problem: &Problem, answer: Option<&str>) -> Verdict;
}

/// Why a verifier could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifierError {
    /// The name is in the language but not in this runtime.
    #[error("verifier `{name}` cannot run here: {why}")]
    Unavailable {
        /// Which.
        name: String,
        /// What is missing.
        why: String,
    },
    /// An argument is of the wrong kind.
    #[error("verifier `{name}`: {why}")]
    BadArgument {
        /// Which.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// Makes a verifier.
pub fn open(settings: &VerifierSettings) -> Result<Box<dyn Verifier>, VerifierError> {
    Err(VerifierError::Unavailable {
        name: settings.name.clone(),
        why: "CONTRACT: to be written".into(),
    })
}
