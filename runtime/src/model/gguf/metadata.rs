//! The metadata of a GGUF file, read with types; an error names the file and the key.

use crate::model::ModelError;
use candle_core::quantized::gguf_file::{Content, Value};
use std::path::Path;

pub(super) struct Metadata<'a> {
    content: &'a Content,
    pub(super) path: &'a Path,
}

impl<'a> Metadata<'a> {
    pub(super) fn new(content: &'a Content, path: &'a Path) -> Self {
        Self { content, path }
    }

    /// Something is wrong with a key.
    pub(super) fn bad(&self, key: &str, why: impl Into<String>) -> ModelError {
        ModelError::Field { path: self.path.to_owned(), field: key.to_owned(), why: why.into() }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.content.metadata.get(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn whole(&self, key: &str) -> Result<Option<u64>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        whole(value).map(Some).ok_or_else(|| self.bad(key, "it is not a whole number of at least 0"))
    }

    /// A whole number of at least 1 that must be there.
    pub(super) fn size(&self, key: &str) -> Result<usize, ModelError> {
        let value = self.whole(key)?.ok_or_else(|| self.bad(key, "it is missing"))?;
        match usize::try_from(value) {
            Ok(size) if size > 0 && value <= 1 << 32 => Ok(size),
            _ => Err(self.bad(key, format!("{value} is no size of a model"))),
        }
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            // Through its shortest decimal form, so that 1e-5 in 32 bits is 1e-5 again.
            Some(Value::F32(value)) => Ok(value.to_string().parse().ok()),
            Some(Value::F64(value)) => Ok(Some(*value)),
            Some(value) => match whole(value) {
                Some(value) => Ok(Some(value as f64)),
                None => Err(self.bad(key, "it is not a number")),
            },
        }
    }

    pub(super) fn truth(&self, key: &str) -> Result<Option<bool>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(self.bad(key, "it is not true or false")),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.bad(key, "it is not a text")),
        }
    }

    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>, ModelError> {
        let Some(items) = self.list(key)? else { return Ok(None) };
        let texts = items.iter().map(|item| match item {
            Value::String(text) => Ok(text.as_str()),
            _ => Err(self.bad(key, "an entry is not a text")),
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn wholes(&self, key: &str) -> Result<Option<Vec<u64>>, ModelError> {
        let Some(items) = self.list(key)? else { return Ok(None) };
        let numbers =
            items.iter().map(|item| whole(item).ok_or_else(|| self.bad(key, "an entry is not a whole number")));
        numbers.collect::<Result<_, _>>().map(Some)
    }

    fn list(&self, key: &str) -> Result<Option<&'a [Value]>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(self.bad(key, "it is not a list")),
        }
    }
}

fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::U8(n) => Some(u64::from(*n)),
        Value::U16(n) => Some(u64::from(*n)),
        Value::U32(n) => Some(u64::from(*n)),
        Value::U64(n) => Some(*n),
        Value::I8(n) => u64::try_from(*n).ok(),
        Value::I16(n) => u64::try_from(*n).ok(),
        Value::I32(n) => u64::try_from(*n).ok(),
        Value::I64(n) => u64::try_from(*n).ok(),
        _ => None,
    }
}
