//! Arguments of a constraint.

use crate::verify::pattern::{OutOfSteps, Steps, Subject};
use serde_json::{Map, Value};
use std::cell::Cell;

/// Arguments by name, and whether a limit ended the check that reads them.
pub struct Arguments<'a> {
    map: Option<&'a Map<String, Value>>,
    limited: Cell<bool>,
    steps: Steps,
}

impl<'a> Arguments<'a> {
    /// Reads an object, or null for none; none when it holds a name that is not known.
    pub fn read(kwargs: &'a Value, known: &[&str], steps: &Steps) -> Option<Self> {
        let with = |map| Self { map, limited: Cell::new(false), steps: steps.clone() };
        match kwargs {
            Value::Null => Some(with(None)),
            Value::Object(map) => {
                let fits = map.iter().all(|(name, value)| value.is_null() || known.contains(&name.as_str()));
                fits.then_some(with(Some(map)))
            }
            _ => None,
        }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.map?.get(name).filter(|value| !value.is_null())
    }

    /// A text for patterns, whose steps all constraints of the problem share.
    pub fn subject(&self, text: &str) -> Subject {
        Subject::sharing(text, &self.steps)
    }

    /// What was found within the limit of steps; none, and remembered, where the limit ended the search.
    pub fn within<T>(&self, found: Result<T, OutOfSteps>) -> Option<T> {
        self.limited.set(self.limited.get() || found.is_err());
        found.ok()
    }

    /// Whether a limit ended the check.
    pub fn was_limited(&self) -> bool {
        self.limited.get()
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    /// A text, or the first text of a list.
    pub fn first_text(&self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Value::Array(items) => items.first()?.as_str(),
            value => value.as_str(),
        }
    }

    /// Texts.
    pub fn texts(&self, name: &str) -> Option<Vec<&'a str>> {
        self.get(name)?.as_array()?.iter().map(Value::as_str).collect()
    }

    /// A count. A count below 0 is an error of the data.
    pub fn count(&self, name: &str) -> Option<usize> {
        let value = self.get(name)?;
        let whole = value
            .as_u64()
            .or_else(|| value.as_f64().filter(|n| *n >= 0.0 && *n < 1e15 && n.fract() == 0.0).map(|n| n as u64));
        usize::try_from(whole?).ok()
    }

    /// Whether a count stands in the relation that an argument names to the count of another argument.
    pub fn holds(&self, found: usize, relation: &str, count: &str) -> Option<bool> {
        let count = self.count(count)?;
        match self.text(relation)? {
            "less than" => Some(found < count),
            "at least" => Some(found >= count),
            _ => None,
        }
    }
}
