//! Text -> calls.

use crate::verify::python::json::{Refused, read};
use crate::verify::python::{Value, source};
use crate::verify::text::strip;

/// A call: its name and its arguments by name.
pub type Call = (String, Vec<(Value, Value)>);

/// A call, or none where it has not the shape of one.
pub type Raw = Option<Call>;

const OPEN: &str = "<tool_calls>";
const CLOSE: &str = "</tool_calls>";

/// Why there are no calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The text is not of the format.
    Unreadable,
    /// It is nested too deep, or a number in it is too long.
    Limit,
}

impl From<Refused> for Missing {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Syntax => Self::Unreadable,
            Refused::Limit => Self::Limit,
        }
    }
}

/// The calls of the last block of a text; of the last one that is not blank, if that is blank. Without a block, or where
/// it is no JSON, there are none.
pub fn tagged(text: &str) -> Result<Vec<Raw>, Missing> {
    // ASCII lower case keeps the places of all bytes.
    let lower = text.to_ascii_lowercase();
    let mut last = None;
    let mut from = 0;
    while let Some(start) = lower.get(from..).and_then(|rest| rest.find(OPEN)).map(|at| from + at + OPEN.len()) {
        let Some(end) = lower.get(start..).and_then(|rest| rest.find(CLOSE)).map(|at| start + at) else {
            break;
        };
        last = text.get(start..end).filter(|block| !strip(block).is_empty()).or(last);
        from = end + CLOSE.len();
    }
    match last.map(payload) {
        None | Some(Err(Missing::Unreadable)) => Ok(Vec::new()),
        Some(calls) => calls,
    }
}

/// The calls of a JSON text: an object or a list of objects. Items that are no objects are left out.
pub fn payload(text: &str) -> Result<Vec<Raw>, Missing> {
    let items = match read(strip(text))? {
        Value::List(items) => items,
        one => vec![one],
    };
    let mut calls = Vec::new();
    for item in &items {
        let Some(entries) = item.as_dict() else { continue };
        if let Some(function) = item.get("function") {
            calls.push(wrapped(function));
        } else if let (Some(name), Some(arguments)) = (item.get("name"), item.get("arguments")) {
            calls.push(named(name, arguments));
        } else {
            calls.extend(entries.iter().map(|(name, arguments)| named(name, arguments)));
        }
    }
    Ok(calls)
}

/// The calls of Python source. Dots in names become underscores, as they do in the names of descriptions.
pub fn python(text: &str) -> Result<Vec<Raw>, Missing> {
    let calls = source::calls(text).map_err(|refused| match refused {
        source::Refused::Syntax => Missing::Unreadable,
        source::Refused::Limit => Missing::Limit,
    })?;
    Ok(calls.into_iter().map(|(name, arguments)| Some((name.replace('.', "_"), arguments))).collect())
}

/// `{"name": …, "arguments": …}` inside of `function`: what is neither text nor object stands for no arguments.
fn wrapped(function: &Value) -> Raw {
    function.as_dict()?;
    let name = name(function.get("name").unwrap_or(&Value::Text(String::new())))?;
    match function.get("arguments") {
        None => Some((name, Vec::new())),
        Some(Value::Text(text)) => Some((name, from_text(text)?)),
        Some(Value::Dict(arguments)) => Some((name, arguments.clone())),
        Some(_) => Some((name, Vec::new())),
    }
}

/// A name with its arguments. The reference prints what is no object as Python does and reads it as JSON: what is JSON
/// then is no object, and what is not stands for no arguments.
fn named(called: &Value, arguments: &Value) -> Raw {
    let name = name(called)?;
    match arguments {
        Value::Dict(arguments) => Some((name, arguments.clone())),
        Value::Text(text) => Some((name, from_text(text)?)),
        other if prints_as_json(other) => None,
        _ => Some((name, Vec::new())),
    }
}

/// A name. What is neither a text nor a container names no function, but has the shape of a call.
fn name(value: &Value) -> Option<String> {
    match value {
        Value::Text(name) => Some(name.clone()),
        Value::List(_) | Value::Dict(_) | Value::Tuple(_) => None,
        _ => Some(String::new()),
    }
}

/// Arguments written as JSON text; text that is no JSON stands for none.
fn from_text(text: &str) -> Option<Vec<(Value, Value)>> {
    match read(text) {
        Ok(Value::Dict(arguments)) => Some(arguments),
        Ok(_) | Err(Refused::Limit) => None,
        Err(Refused::Syntax) => Some(Vec::new()),
    }
}

/// Whether Python's text of a value is JSON: not that of names such as `None`, nor of texts, which it puts in single quotes.
fn prints_as_json(value: &Value) -> bool {
    match value {
        Value::Int(_) | Value::Long(_) => true,
        Value::Float(float) => float.is_finite(),
        Value::List(items) => items.iter().all(prints_as_json),
        Value::Dict(entries) => entries.is_empty(),
        _ => false,
    }
}
