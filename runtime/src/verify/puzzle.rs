//! `puzzle()`: logic puzzles, judged by a program for each task.
//!
//! Column `task` names the program and column `game_data` (an object, or JSON text of one) is what it reads. No program
//! compares with a stored solution where the rules of the puzzle can be checked: every answer that keeps them is right.
//! A row whose task or data cannot be used gives [`Status::Error`], which is never a reward.

mod ordering;

use crate::data::Problem;
use crate::verify::{Status, Verdict, Verifier, VerifierError, only_arguments};
use recipec_compiler::settings::VerifierSettings;
use serde_json::{Map, Value};

/// Judges an answer to a puzzle; `Err` says what is wrong with the data of the puzzle.
type Judge = fn(game: &Map<String, Value>, answer: &str) -> Result<Verdict, String>;

/// Every task; a new one is a line here and a file.
const TASKS: &[(&str, Judge)] = &[("ordering", ordering::judge)];

/// The verifier `puzzle`. It has no arguments.
#[derive(Debug, Clone, Copy)]
pub struct Puzzle;

impl Puzzle {
    /// Reads the arguments.
    pub fn open(settings: &VerifierSettings) -> Result<Self, VerifierError> {
        only_arguments(settings, &[])?;
        Ok(Self)
    }
}

impl Verifier for Puzzle {
    fn judge(&self, problem: &Problem, answer: Option<&str>) -> Verdict {
        let Some(answer) = answer.filter(|answer| !answer.trim().is_empty()) else {
            return Verdict::of(Status::NoAnswer, "no answer");
        };
        let Some(task) = problem.columns.get("task").and_then(Value::as_str) else {
            return Verdict::of(Status::Error, "the problem has no text in column `task`");
        };
        let Some((_, judge)) = TASKS.iter().find(|(name, _)| *name == task) else {
            return Verdict::of(Status::Error, format!("no program for task `{task}`"));
        };
        let judged = match problem.columns.get("game_data") {
            Some(Value::Object(game)) => judge(game, answer),
            Some(Value::String(text)) => match serde_json::from_str::<Map<String, Value>>(text) {
                Ok(game) => judge(&game, answer),
                Err(error) => Err(format!("column `game_data` is not an object: {error}")),
            },
            _ => Err("the problem has no object in column `game_data`".into()),
        };
        judged.unwrap_or_else(|why| Verdict::of(Status::Error, why))
    }
}
