//! The data of a puzzle: `question`, `answer` and `metadata`, as the field's data sets have them.

use super::text;
use super::value::{Fault, Py, Read};
use serde_json::{Map, Value};

/// Most cells of a row or a column of a puzzle.
pub(super) const LONGEST_SIDE: usize = 500;

/// The data of a puzzle.
pub(super) struct Game<'a> {
    question: &'a Value,
    answer: &'a Value,
    metadata: Option<&'a Value>,
}

impl<'a> Game<'a> {
    /// Data without a question or an answer is broken, null ones are not.
    pub fn of(data: &'a Map<String, Value>) -> Option<Self> {
        Some(Self { question: data.get("question")?, answer: data.get("answer")?, metadata: data.get("metadata") })
    }

    /// The question, a text.
    pub fn question(&self) -> Read<&'a str> {
        self.question.as_str().ok_or(Fault::Unusable)
    }

    /// The answer, a text.
    pub fn answer(&self) -> Read<&'a str> {
        self.answer.as_str().ok_or(Fault::Unusable)
    }

    /// The answer, whatever it is.
    pub fn answer_value(&self) -> Py {
        Py::of(self.answer)
    }

    /// The answer as Python's `int` reads it: a text or a number.
    pub fn answer_int(&self) -> Read<i128> {
        as_int(&self.answer_value())
    }

    /// An entry of the metadata.
    pub fn value(&self, key: &str) -> Read<&'a Value> {
        self.metadata.and_then(|data| data.get(key)).ok_or(Fault::Unusable)
    }

    /// An entry of the metadata.
    pub fn get(&self, key: &str) -> Read<Py> {
        self.value(key).map(Py::of)
    }

    /// A text of the metadata.
    pub fn text(&self, key: &str) -> Read<&'a str> {
        self.value(key)?.as_str().ok_or(Fault::Unusable)
    }

    /// Rows of cells.
    pub fn rows(&self, key: &str) -> Read<Vec<Vec<Py>>> {
        let rows = self.get(key)?.rows()?;
        let fits = rows.len() <= LONGEST_SIDE && rows.iter().all(|row| row.len() <= LONGEST_SIDE);
        if fits { Ok(rows) } else { Err(Fault::Limit) }
    }

    /// A list.
    pub fn list(&self, key: &str) -> Read<Vec<Py>> {
        self.get(key)?.items()
    }

    /// The number of rows or columns.
    pub fn side(&self, key: &str) -> Read<usize> {
        let number = self.get(key)?.int().and_then(|number| usize::try_from(number).ok()).ok_or(Fault::Unusable)?;
        if number <= LONGEST_SIDE { Ok(number) } else { Err(Fault::Limit) }
    }
}

/// A value as Python's `int` reads it.
pub(super) fn as_int(value: &Py) -> Read<i128> {
    let number = match value {
        Py::Str(text) => text::int(text),
        Py::Float(number) if number.is_finite() => Some(number.trunc() as i128),
        other => other.int(),
    };
    number.ok_or(Fault::Unusable)
}
