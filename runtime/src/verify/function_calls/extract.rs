//! Text -> calls.

use serde_json::{Map, Value as Json};

/// Calls by name, with their arguments.
pub type Calls = Vec<(String, Map<String, Json>)>;

/// A call before its shape is checked: the object with `name` and `arguments`.
pub type Raw = Json;

const OPEN: &str = "<tool_calls>";
const CLOSE: &str = "</tool_calls>";

/// The calls of the last block of a text; of the last one that is not blank, if that is blank.
pub fn tagged(text: &str) -> Vec<Raw> {
    // ASCII lower case keeps the places of all bytes.
    let lower = text.to_ascii_lowercase();
    let mut last = None;
    let mut from = 0;
    while let Some(start) = lower.get(from..).and_then(|rest| rest.find(OPEN)).map(|at| from + at + OPEN.len()) {
        let Some(end) = lower.get(start..).and_then(|rest| rest.find(CLOSE)).map(|at| start + at) else {
            break;
        };
        last = text.get(start..end).filter(|block| !block.trim().is_empty()).or(last);
        from = end + CLOSE.len();
    }
    last.and_then(payload).unwrap_or_default()
}

/// The calls of a JSON text: an object or a list of objects; none where the text is not JSON.
pub fn payload(text: &str) -> Option<Vec<Raw>> {
    let items = match serde_json::from_str(text.trim()).ok()? {
        Json::Array(items) => items,
        one => vec![one],
    };
    let mut calls = Vec::new();
    for item in items {
        let Json::Object(mut item) = item else {
            continue;
        };
        if let Some(function) = item.remove("function") {
            calls.push(function);
        } else if item.contains_key("name") && item.contains_key("arguments") {
            calls.push(Json::Object(item));
        } else {
            calls.extend(
                item.into_iter().map(|(name, arguments)| serde_json::json!({ "name": name, "arguments": arguments })),
            );
        }
    }
    Some(calls)
}

/// Calls with names and arguments; none when one of them has not the shape of a call.
pub fn shaped(calls: &[Raw]) -> Option<Calls> {
    calls
        .iter()
        .map(|call| {
            let call = call.as_object()?;
            let name = call.get("name")?.as_str()?.to_owned();
            let arguments = match call.get("arguments") {
                Some(Json::String(text)) => serde_json::from_str(text).unwrap_or_else(|_| Json::Object(Map::new())),
                Some(other) => other.clone(),
                None => Json::Object(Map::new()),
            };
            match arguments {
                Json::Object(arguments) => Some((name, arguments)),
                _ => None,
            }
        })
        .collect()
}
