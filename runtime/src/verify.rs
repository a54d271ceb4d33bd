//! Verifiers: text in, verdict out. They never panic, never evaluate model text as code outside an interpreter
//! with limits, and their limits count work, not time.

pub mod cases;
pub mod constraints;
pub mod function_calls;
pub mod judge;
pub mod math_answer;
mod pattern;
pub mod program_tests;
pub mod puzzle;
pub mod python;
pub mod python_tests;
mod text;

use crate::data::Problem;
use recipec_compiler::settings::{ArgumentValue, VerifierSettings};
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
        Self { status: Status::Correct, score: 1.0, limited: false, detail: None }
    }

    /// Wrong, with a reason.
    pub fn wrong(detail: impl Into<String>) -> Self {
        Self { status: Status::Wrong, score: 0.0, limited: false, detail: Some(detail.into()) }
    }

    /// Another status with score 0, with a reason.
    pub fn of(status: Status, detail: impl Into<String>) -> Self {
        Self { status, score: 0.0, limited: false, detail: Some(detail.into()) }
    }

    /// `followed` of `total` constraints: correct, partial or wrong.
    pub fn share(followed: usize, total: usize) -> Self {
        let status = match followed {
            n if n == total => Status::Correct,
            0 => Status::Wrong,
            _ => Status::Partial,
        };
        let score = if total == 0 { 1.0 } else { followed as f64 / total as f64 };
        Self { status, score, limited: false, detail: None }
    }
}

/// A verifier with its arguments.
pub trait Verifier: Send + Sync {
    /// Judges an answer (what the model's answer rule cut out of the response; none when there is no answer part).
    fn judge(&self, problem: &Problem, answer: Option<&str>) -> Verdict;

    /// Judges many answers; a verdict for each, in order. A verifier that is quicker with many at a time says how.
    fn judge_all(&self, answers: &[(&Problem, Option<&str>)]) -> Vec<Verdict> {
        answers.iter().map(|(problem, answer)| self.judge(problem, *answer)).collect()
    }

    /// Whether problems like this one can be judged at all: asked before anything is spent.
    fn check(&self, _problem: &Problem) -> Result<(), String> {
        Ok(())
    }
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

type Make = fn(&VerifierSettings) -> Result<Box<dyn Verifier>, VerifierError>;

/// Every verifier of this runtime; a new one is a line here and a module.
const VERIFIERS: &[(&str, Make)] = &[
    ("constraints", |settings| Ok(Box::new(constraints::Constraints::open(settings)?))),
    ("function_calls", |settings| Ok(Box::new(function_calls::FunctionCalls::open(settings)?))),
    ("math_answer", |settings| Ok(Box::new(math_answer::MathAnswer::open(settings)?))),
    ("program_tests", |settings| Ok(Box::new(program_tests::ProgramTests::open(settings)?))),
    ("puzzle", |settings| Ok(Box::new(puzzle::Puzzle::open(settings)?))),
    ("python_tests", |settings| Ok(Box::new(python_tests::PythonTests::open(settings)?))),
];

/// Verifiers of the language that need more than their settings, with what is missing.
const UNAVAILABLE: &[(&str, &str)] = &[("judge", "it asks a model of a recipe, and only a run opens those")];

/// Makes a verifier.
pub fn open(settings: &VerifierSettings) -> Result<Box<dyn Verifier>, VerifierError> {
    let name = settings.name.as_str();
    if let Some((_, make)) = VERIFIERS.iter().find(|(known, _)| *known == name) {
        return make(settings);
    }
    let why = match UNAVAILABLE.iter().find(|(known, _)| *known == name) {
        Some((_, why)) => (*why).to_owned(),
        None => {
            let known = VERIFIERS.iter().map(|(known, _)| format!("`{known}`")).collect::<Vec<_>>().join(", ");
            format!("it is not known; there are {known}")
        }
    };
    Err(VerifierError::Unavailable { name: name.into(), why })
}

/// Fails on an argument that is not among `known`.
pub(crate) fn only_arguments(settings: &VerifierSettings, known: &[&str]) -> Result<(), VerifierError> {
    match settings.arguments.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(VerifierError::BadArgument {
            name: settings.name.clone(),
            why: format!("there is no argument `{name}`; there are {}", list(known)),
        }),
        None => Ok(()),
    }
}

/// An argument that is a word or a text, such as the name of a column; none where it is not given.
pub(crate) fn word_argument<'a>(
    settings: &'a VerifierSettings,
    argument: &str,
) -> Result<Option<&'a str>, VerifierError> {
    match settings.arguments.get(argument) {
        None => Ok(None),
        Some(ArgumentValue::Word(word) | ArgumentValue::Text(word)) => Ok(Some(word)),
        Some(ArgumentValue::Number(_) | ArgumentValue::Bool(_)) => {
            Err(VerifierError::BadArgument { name: settings.name.clone(), why: format!("`{argument}` must be a word") })
        }
    }
}

fn list(names: &[&str]) -> String {
    match names {
        [] => "none".into(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn says_what_is_missing() {
        for (name, part) in
            [("judge", "it asks a model of a recipe"), ("math", "it is not known; there are `constraints`, ")]
        {
            let settings = VerifierSettings { name: name.into(), arguments: BTreeMap::new() };
            let message = open(&settings).map(|_| ()).expect_err("not there").to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn every_verifier_opens_without_arguments_and_refuses_unknown_ones() {
        for (name, _) in VERIFIERS {
            let settings = VerifierSettings { name: (*name).into(), arguments: BTreeMap::new() };
            assert!(open(&settings).is_ok(), "{name}");
            let arguments = BTreeMap::from([("no_such".to_owned(), ArgumentValue::Bool(true))]);
            let opened = open(&VerifierSettings { name: (*name).into(), arguments });
            assert!(matches!(opened, Err(VerifierError::BadArgument { .. })), "{name}");
        }
    }
}
