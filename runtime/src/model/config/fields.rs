//! Reads the keys of a JSON object with their types; an error names the file and the key.

use crate::model::ModelError;
use serde_json::{Map, Value};
use std::path::Path;

/// An object of a configuration.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: &'a Path,
    prefix: String,
}

/// Sizes above this are no sizes of a model.
const LARGEST: u64 = 1 << 32;

impl<'a> Fields<'a> {
    /// The keys of `map` in the file `path`; `prefix` is put before them in messages.
    pub(crate) fn new(map: &'a Map<String, Value>, path: &'a Path, prefix: &str) -> Self {
        Self { map, path, prefix: prefix.to_owned() }
    }

    /// The object under `key`, which was found in this one.
    pub(crate) fn inner(&self, map: &'a Map<String, Value>, key: &str) -> Self {
        Self { map, path: self.path, prefix: format!("{}{key}.", self.prefix) }
    }

    /// The object itself.
    pub(crate) fn map(&self) -> &'a Map<String, Value> {
        self.map
    }

    /// Something is wrong with a key.
    pub(crate) fn bad(&self, key: &str, why: impl Into<String>) -> ModelError {
        ModelError::Field { path: self.path.to_owned(), field: format!("{}{key}", self.prefix), why: why.into() }
    }

    /// Whether the key is there, even with `null`.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// Whether the key is there with something in it.
    pub(crate) fn has_value(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| !matches!(value, Value::Array(items) if items.is_empty()))
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &self,
        key: &str,
        kind: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(self.bad(key, format!("{} is not {kind}", short(value)))),
            },
        }
    }

    /// A whole number of at least 0.
    pub(crate) fn whole(&self, key: &str) -> Result<Option<usize>, ModelError> {
        let read = |value: &Value| value.as_u64().filter(|n| *n <= LARGEST).and_then(|n| usize::try_from(n).ok());
        self.typed(key, "a whole number of a sensible size", read)
    }

    /// A whole number of at least 1.
    pub(crate) fn size(&self, key: &str) -> Result<Option<usize>, ModelError> {
        match self.whole(key)? {
            Some(0) => Err(self.bad(key, "it is 0")),
            found => Ok(found),
        }
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, ModelError> {
        self.typed(key, "a number", Value::as_f64)
    }

    pub(crate) fn truth(&self, key: &str) -> Result<Option<bool>, ModelError> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, ModelError> {
        self.typed(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    pub(crate) fn object(&self, key: &str) -> Result<Option<&'a Map<String, Value>>, ModelError> {
        self.typed(key, "an object", Value::as_object)
    }

    pub(crate) fn list(&self, key: &str) -> Result<Option<&'a Vec<Value>>, ModelError> {
        self.typed(key, "a list", Value::as_array)
    }

    /// One token id or a list of them.
    pub(crate) fn tokens(&self, key: &str) -> Result<Vec<u32>, ModelError> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let read = |value: &Value| match value {
            Value::Array(items) => items.iter().map(id).collect::<Option<Vec<u32>>>(),
            // -1 is how some files say "none".
            Value::Number(number) if number.as_i64() == Some(-1) => Some(Vec::new()),
            other => id(other).map(|id| vec![id]),
        };
        Ok(self.typed(key, "a token id or a list of them", read)?.unwrap_or_default())
    }
}

/// A value as a message shows it.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
