//! `puzzle()`: logic puzzles, judged by a program for each task.
//!
//! Column `task` names the program and column `game_data` (an object, or JSON text of one) is what it reads: `question`,
//! `answer` and `metadata`, as SynLogic and i3-logic write them. Where the rules of a puzzle can be checked, every answer that
//! keeps them is right; nothing is compared with a stored solution. Where an answer stands in a response is each task's own rule,
//! which is that of the field's verifiers.
//!
//! A task without a program and data that is no data of a puzzle are [`Status::Unparsable`], as the references say. The task
//! `ordering` is our own; what is wrong with its data is [`Status::Error`].
//!
//! Limits: `LONGEST` bytes of answer, and those of the parsers and of `game`. None is of time.

mod big_bench;
mod brackets;
mod counted;
mod game;
mod grid;
mod json;
mod latin;
mod literal;
mod ordering;
mod placed;
mod sums;
mod tables;
mod text;
mod value;
mod walls;
mod words;

use crate::data::Problem;
use crate::verify::{Status, Verdict, Verifier, VerifierError, only_arguments};
use game::Game;
use recipec_compiler::settings::VerifierSettings;
use serde_json::{Map, Value};
use value::{Fault, Read};

/// Longest answer that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Whether an answer is right. A fault means that it is wrong: the answer, or what the program needs of the data, is not
/// of the shape that it should be.
type Judge = fn(game: &Game<'_>, answer: &str) -> Read<bool>;

/// What a program does with a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Faults {
    /// The answer is wrong, whoever is at fault: the programs of most references catch everything.
    Wrong,
    /// It cannot be judged: this reference catches nothing.
    Unparsable,
}

/// Every task of the references; a new one is a line here and a function.
const TASKS: &[(&str, Judge, Faults)] = &[
    ("arc_agi", tables::arc, Faults::Wrong),
    ("arc_agi_2", tables::arc, Faults::Wrong),
    ("arrow_maze", walls::arrow_maze, Faults::Wrong),
    ("boolean_expressions", words::boolean_expressions, Faults::Wrong),
    ("buggy_tables", tables::buggy_tables, Faults::Wrong),
    ("calcudoko", latin::calcudoko, Faults::Wrong),
    ("campsite", placed::campsite, Faults::Wrong),
    ("cipher", tables::cipher, Faults::Wrong),
    ("cryptarithm", counted::cryptarithm, Faults::Wrong),
    ("dyck_language", brackets::sequence, Faults::Wrong),
    ("dyck_language_errors", brackets::first_error, Faults::Wrong),
    ("dyck_language_reasoning_errors", brackets::wrong_thoughts, Faults::Wrong),
    ("futoshiki", latin::futoshiki, Faults::Unparsable),
    ("goods_exchange", tables::goods_exchange, Faults::Wrong),
    ("gpqa_diamond", big_bench::choice, Faults::Wrong),
    ("kukurasu", sums::kukurasu, Faults::Wrong),
    ("math_path", counted::math_path, Faults::Wrong),
    ("mathador", counted::mathador, Faults::Wrong),
    ("minesweeper", placed::minesweeper, Faults::Wrong),
    ("norinori", placed::norinori, Faults::Wrong),
    ("number_wall", walls::number_wall, Faults::Wrong),
    ("numbrix", sums::numbrix, Faults::Wrong),
    ("object_counting", words::object_counting, Faults::Wrong),
    ("object_properties", words::object_properties, Faults::Wrong),
    ("operation", counted::operation, Faults::Wrong),
    ("skyscraper_puzzle", latin::skyscrapers, Faults::Wrong),
    ("space_reasoning", words::space_reasoning, Faults::Unparsable),
    ("space_reasoning_tree", words::space_reasoning_tree, Faults::Unparsable),
    ("star_placement_puzzle", placed::stars, Faults::Wrong),
    ("sudoku", latin::sudoku, Faults::Wrong),
    ("survo", sums::survo, Faults::Wrong),
    ("time_sequence", tables::time_sequence, Faults::Wrong),
    ("web_of_lies", words::web_of_lies, Faults::Wrong),
    ("word_sorting", words::word_sorting, Faults::Wrong),
    ("word_sorting_mistake", words::word_sorting_mistake, Faults::Wrong),
    ("wordscapes", words::wordscapes, Faults::Wrong),
    ("zebra_puzzle", tables::zebra, Faults::Wrong),
];

/// The program of a task.
fn program(task: &str) -> Option<(Judge, Faults)> {
    let own = TASKS.iter().find(|(name, ..)| *name == task).map(|(_, judge, faults)| (*judge, *faults));
    own.or_else(|| big_bench::program(task).map(|judge| (judge, Faults::Wrong)))
}

/// The verifier `puzzle`. It has no arguments.
#[derive(Debug, Clone, Copy)]
pub struct Puzzle;

impl Puzzle {
    /// Reads the arguments.
    pub fn open(settings: &VerifierSettings) -> Result<Self, VerifierError> {
        only_arguments(settings, &[])?;
        Ok(Self)
    }

    /// The tasks that have a program, in alphabetical order.
    pub fn tasks() -> Vec<&'static str> {
        let mut names: Vec<&str> = TASKS.iter().map(|(name, ..)| *name).chain(big_bench::names()).collect();
        names.push(ordering::TASK);
        names.sort_unstable();
        names
    }
}

impl Verifier for Puzzle {
    fn judge(&self, problem: &Problem, answer: Option<&str>) -> Verdict {
        let task = problem.columns.get("task").and_then(Value::as_str).filter(|task| !task.is_empty());
        let data = problem.columns.get("game_data");
        if task == Some(ordering::TASK) {
            return own(data, answer);
        }
        let Some(task) = task else {
            return Verdict::of(Status::Unparsable, "the problem has no text in column `task`");
        };
        let Some(data) = data.filter(|data| !is_nothing(data)) else {
            return Verdict::of(Status::Unparsable, "the problem has nothing in column `game_data`");
        };
        let Some((judge, faults)) = program(task) else {
            return Verdict::of(Status::Unparsable, format!("no program for task `{task}`"));
        };
        let Some(answer) = answer.filter(|answer| !text::trim(answer).is_empty()) else {
            return Verdict::of(Status::NoAnswer, "no answer");
        };
        if answer.len() > LONGEST {
            let verdict = Verdict::of(Status::Unparsable, format!("longer than {LONGEST} bytes"));
            return Verdict { limited: true, ..verdict };
        }
        match with_object(data, |data| Game::of(data).map(|game| judge(&game, answer))) {
            None | Some(None) => {
                Verdict::of(Status::Unparsable, "column `game_data` is no puzzle: no question or no answer")
            }
            Some(Some(Ok(true))) => Verdict::correct(),
            Some(Some(Ok(false))) => Verdict::wrong("it is not a solution"),
            Some(Some(Err(fault))) => {
                let limited = fault == Fault::Limit;
                let why = if limited { "a limit ended the work" } else { "it cannot be read" };
                let verdict = match faults {
                    Faults::Wrong => Verdict::wrong(why),
                    Faults::Unparsable => Verdict::of(Status::Unparsable, why),
                };
                Verdict { limited, ..verdict }
            }
        }
    }
}

/// Data that stands for none.
fn is_nothing(data: &Value) -> bool {
    match data {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// Reads an object, or JSON text of one.
fn with_object<T>(data: &Value, read: impl FnOnce(&Map<String, Value>) -> T) -> Option<T> {
    match data {
        Value::Object(map) => Some(read(map)),
        Value::String(text) => serde_json::from_str::<Map<String, Value>>(text).ok().map(|map| read(&map)),
        _ => None,
    }
}

/// The task `ordering`, whose data has a form of its own.
fn own(data: Option<&Value>, answer: Option<&str>) -> Verdict {
    let Some(answer) = answer.filter(|answer| !answer.trim().is_empty()) else {
        return Verdict::of(Status::NoAnswer, "no answer");
    };
    let judged = data
        .and_then(|data| with_object(data, |game| ordering::judge(game, answer)))
        .unwrap_or_else(|| Err("the problem has no object in column `game_data`".into()));
    judged.unwrap_or_else(|why| Verdict::of(Status::Error, why))
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;
