//! Logic puzzles, made by number: each has a prompt that says the rules and the form of the answer in one line of ASCII, the
//! data that `puzzle()` reads, and an answer that a solver found.
//!
//! The name of a generator is the task of its verifier. A prompt ends with `@`, as those of `ordering`. Demonstrations have
//! no steps: the answer follows the mark at once. Where a verifier compares with one solution (cryptarithm, minesweeper), the
//! solver has shown that there is no other; futoshiki and sudoku have one too, because puzzles of that kind do.
//!
//! | generator | levels | grows |
//! | --- | --- | --- |
//! | `boolean_expressions` | 3 | expressions and operators |
//! | `calcudoko` | 3 | side 3, 4, 5 |
//! | `campsite` | 3 | side 3, 4, 6 |
//! | `cryptarithm` | 3 | digits of the numbers |
//! | `dyck_language` | 4 | brackets and their kinds |
//! | `dyck_language_errors` | 3 | brackets and their kinds |
//! | `futoshiki` | 3 | side 3, 4, 5 |
//! | `kukurasu` | 3 | side 3, 4, 5 |
//! | `math_path` | 3 | numbers, and digits that are hidden |
//! | `mathador` | 3 | numbers 3, 4, 5 |
//! | `minesweeper` | 3 | side 3, 4, 5 |
//! | `number_wall` | 3 | side 3, 4, 5 |
//! | `numbrix` | 3 | side 3, 4, 5 |
//! | `object_counting` | 4 | things |
//! | `sudoku` | 3 | free cells 20, 36, up to 50 |
//! | `survo` | 3 | side 3, 4, 5 |
//! | `time_sequence` | 3 | numbers |
//! | `web_of_lies` | 4 | people |
//! | `word_sorting` | 4 | words |

mod expressions;
mod latin;
mod lines;
mod placed;
mod sums;
mod words;

use crate::data::builtin::{Generator, Task};
use crate::rng::Draws;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a maker of puzzles makes.
struct Made {
    /// The puzzle and the form of the answer, without the mark.
    prompt: String,
    /// What the verifier reads as the question; the prompt where there is no other.
    question: Option<String>,
    /// What the verifier reads as the answer.
    wanted: Value,
    metadata: Value,
    /// A right answer, as a response writes it.
    gold: String,
}

impl Made {
    /// A puzzle whose rules the verifier checks.
    fn checked(prompt: String, metadata: Value, gold: String) -> Self {
        Self { prompt, question: None, wanted: json!(""), metadata, gold }
    }

    /// A puzzle whose answer the verifier compares.
    fn compared(prompt: String, wanted: impl Into<String>, gold: String) -> Self {
        Self { prompt, question: None, wanted: Value::String(wanted.into()), metadata: json!({}), gold }
    }
}

/// Makes puzzles of one task.
pub(super) struct Puzzles {
    name: &'static str,
    levels: u32,
    make: fn(level: u32, draws: &mut Draws) -> Made,
}

/// Every maker, in alphabetical order; a new one is a line here and a function.
pub(super) const PUZZLES: &[Puzzles] = &[
    Puzzles { name: "boolean_expressions", levels: 3, make: words::boolean_expressions },
    Puzzles { name: "calcudoko", levels: 3, make: latin::calcudoko },
    Puzzles { name: "campsite", levels: 3, make: placed::campsite },
    Puzzles { name: "cryptarithm", levels: 3, make: expressions::cryptarithm },
    Puzzles { name: "dyck_language", levels: 4, make: lines::sequence },
    Puzzles { name: "dyck_language_errors", levels: 3, make: lines::first_error },
    Puzzles { name: "futoshiki", levels: 3, make: latin::futoshiki },
    Puzzles { name: "kukurasu", levels: 3, make: sums::kukurasu },
    Puzzles { name: "math_path", levels: 3, make: expressions::math_path },
    Puzzles { name: "mathador", levels: 3, make: expressions::mathador },
    Puzzles { name: "minesweeper", levels: 3, make: placed::minesweeper },
    Puzzles { name: "number_wall", levels: 3, make: placed::number_wall },
    Puzzles { name: "numbrix", levels: 3, make: sums::numbrix },
    Puzzles { name: "object_counting", levels: 4, make: words::object_counting },
    Puzzles { name: "sudoku", levels: 3, make: latin::sudoku },
    Puzzles { name: "survo", levels: 3, make: sums::survo },
    Puzzles { name: "time_sequence", levels: 3, make: lines::time_sequence },
    Puzzles { name: "web_of_lies", levels: 4, make: words::web_of_lies },
    Puzzles { name: "word_sorting", levels: 4, make: words::word_sorting },
];

/// The maker of a task.
pub(super) fn maker(name: &str) -> Option<Box<dyn Generator>> {
    let row = PUZZLES.iter().find(|row| row.name == name)?;
    Some(Box::new(Puzzles { name: row.name, levels: row.levels, make: row.make }))
}

impl Generator for Puzzles {
    fn name(&self) -> &'static str {
        self.name
    }

    fn levels(&self) -> u32 {
        self.levels
    }

    fn sample(&self, level: u32, draws: &mut Draws) -> Task {
        let made = (self.make)(level, draws);
        let prompt = format!("{}@", made.prompt);
        let game = json!({
            "question": made.question.unwrap_or(made.prompt),
            "answer": made.wanted,
            "difficulty": level,
            "metadata": made.metadata,
        });
        let columns = BTreeMap::from([("task".to_owned(), json!(self.name)), ("game_data".to_owned(), game)]);
        let key = format!("{} {prompt}", self.name);
        Task { level, prompt, key, columns, steps: String::new(), answer: made.gold }
    }
}

/// `[[a,b],[c,d]]` of anything that can be written.
fn bracketed<T: ToString>(rows: &[Vec<T>]) -> String {
    let row = |row: &Vec<T>| format!("[{}]", row.iter().map(T::to_string).collect::<Vec<_>>().join(","));
    format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(","))
}

/// `[[1 2,2 1]]`: rows with commas between them, numbers with blanks.
fn spaced(rows: &[Vec<usize>]) -> String {
    let row = |row: &Vec<usize>| row.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    format!("[[{}]]", rows.iter().map(row).collect::<Vec<_>>().join(","))
}

/// A square of cells that are all alike.
fn square<T: Clone>(side: usize, cell: T) -> Vec<Vec<T>> {
    vec![vec![cell; side]; side]
}

/// All cells of a square, row by row.
fn cells(side: usize) -> Vec<(usize, usize)> {
    (0..side * side).map(|at| (at / side, at % side)).collect()
}

/// Cells around one, with the corners or without.
fn near(cell: (usize, usize), side: usize, corners: bool) -> Vec<(usize, usize)> {
    let far = |a: usize, b: usize| a.abs_diff(b);
    let touches = |(row, column): &(usize, usize)| {
        let (down, across) = (far(*row, cell.0), far(*column, cell.1));
        down.max(across) == 1 && (corners || down + across == 1)
    };
    cells(side).into_iter().filter(touches).collect()
}

#[cfg(test)]
mod tests;
