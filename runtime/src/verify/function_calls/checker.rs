//! One call against its description and the values that are allowed. Types are exact: `true` is no number, and `5.0` no
//! whole number; only a whole number for a `float` parameter is converted.

use super::extract::Call;
use super::literals;
use crate::verify::python::{Kind, Value};
use serde_json::Value as Json;

/// Why a call does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fail {
    /// It differs; the leaderboard's name of the error.
    Mismatch(&'static str),
    /// The description, the expected call or their combination makes no sense.
    Unreadable,
    /// A limit ended the work.
    Limit,
}

type Checked = Result<(), Fail>;

fn mismatch<T>(why: &'static str) -> Result<T, Fail> {
    Err(Fail::Mismatch(why))
}

/// Whose literals the arguments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Language {
    Python,
    Java,
    JavaScript,
}

impl Language {
    /// The language of a test category.
    pub fn of(category: &str) -> Self {
        // Most categories have no `j`, which is quicker to see than a word.
        match category.find('j').and_then(|at| category.get(at..)) {
            None => Self::Python,
            Some(rest) if rest.contains("javascript") => Self::JavaScript,
            Some(rest) if rest.contains("java") => Self::Java,
            Some(_) => Self::Python,
        }
    }

    /// The kind of value behind a type name.
    fn kind(self, name: &str) -> Option<Kind> {
        Some(match (self, name) {
            (Self::Python, "string" | "any") => Kind::Text,
            (Self::Python, "integer") => Kind::Int,
            (Self::Python, "float" | "number") => Kind::Float,
            (Self::Python, "boolean") => Kind::Bool,
            (Self::Python, "array" | "tuple") => Kind::List,
            (Self::Python, "dict" | "object") => Kind::Dict,
            (Self::Java, "byte" | "short" | "integer" | "long") => Kind::Int,
            (Self::Java, "float" | "double") => Kind::Float,
            (Self::Java, "boolean") => Kind::Bool,
            (Self::Java, "Array" | "ArrayList" | "Queue" | "Stack" | "Set") => Kind::List,
            (Self::Java, "HashMap" | "Hashtable") => Kind::Dict,
            (Self::Java, "char" | "String" | "any") => Kind::Text,
            (Self::JavaScript, "integer" | "Bigint") => Kind::Int,
            (Self::JavaScript, "float") => Kind::Float,
            (Self::JavaScript, "Boolean") => Kind::Bool,
            (Self::JavaScript, "array") => Kind::List,
            (Self::JavaScript, "dict") => Kind::Dict,
            (Self::JavaScript, "String" | "any") => Kind::Text,
            _ => return None,
        })
    }

    /// Whether the items of a type have a type of their own.
    fn has_items(self, name: &str) -> bool {
        match self {
            Self::Python => matches!(name, "array" | "tuple"),
            Self::Java => matches!(name, "Array" | "ArrayList"),
            Self::JavaScript => name == "array",
        }
    }
}

/// Checks a call.
pub fn call(language: Language, description: &Json, (name, given): &Call, expected: &Json) -> Checked {
    let described = description.get("name").and_then(Json::as_str).ok_or(Fail::Unreadable)?;
    let parameters = description.get("parameters").ok_or(Fail::Unreadable)?;
    let known = parameters.get("properties").and_then(Json::as_object).ok_or(Fail::Unreadable)?;
    let allowed = expected.as_object().and_then(|call| call.values().next()).and_then(Json::as_object);
    let allowed = allowed.ok_or(Fail::Unreadable)?;
    if !described.bytes().map(|byte| if byte == b'.' { b'_' } else { byte }).eq(name.bytes()) {
        return mismatch("simple_function_checker:wrong_func_name");
    }
    let is_given = |wanted: &str| given.iter().any(|(name, _)| name.as_text() == Some(wanted));
    for required in parameters.get("required").and_then(Json::as_array).map_or(&[][..], Vec::as_slice) {
        if required.as_str().is_none_or(|required| !is_given(required)) {
            return mismatch("simple_function_checker:missing_required");
        }
    }
    for (parameter, value) in given {
        let parameter = parameter.as_text().unwrap_or_default();
        let (Some(details), Some(values)) = (known.get(parameter), allowed.get(parameter)) else {
            return mismatch("simple_function_checker:unexpected_param");
        };
        argument(language, details, value, values.as_array().ok_or(Fail::Unreadable)?)?;
    }
    for (parameter, values) in allowed {
        if !is_given(parameter) && !holds_blank(values)? {
            return mismatch("simple_function_checker:missing_optional");
        }
    }
    Ok(())
}

fn is_blank(value: &Json) -> bool {
    value.as_str() == Some("")
}

/// Whether `""` is in a value, which says that something may be left out.
fn holds_blank(value: &Json) -> Result<bool, Fail> {
    match value {
        Json::Array(items) => Ok(items.iter().any(is_blank)),
        Json::Object(entries) => Ok(entries.contains_key("")),
        Json::String(_) => Ok(true),
        _ => Err(Fail::Unreadable),
    }
}

fn argument(language: Language, details: &Json, value: &Value, allowed: &[Json]) -> Checked {
    let type_name = details.get("type").and_then(Json::as_str).ok_or(Fail::Unreadable)?;
    let expected = language.kind(type_name).ok_or(Fail::Unreadable)?;
    let mut items = None;
    let mut items_name = None;
    if language.has_items(type_name) {
        let name = details.get("items").and_then(|items| items.get("type")).and_then(Json::as_str);
        items_name = Some(name.ok_or(Fail::Unreadable)?);
        items = items_name.and_then(|name| language.kind(name));
        if items.is_none() {
            return Err(Fail::Unreadable);
        }
    }
    let converted;
    let value = match (language, value) {
        (Language::Python, Value::Tuple(items)) if type_name == "tuple" => {
            converted = Value::List(items.clone());
            &converted
        }
        (Language::Python, Value::Int(_) | Value::Long(_)) if expected == Kind::Float => {
            // A number that is too large for a float ends the reference, too.
            converted = Value::Float(value.to_float().ok_or(Fail::Unreadable)?);
            &converted
        }
        (Language::Python, other) => other,
        (_, Value::Text(text)) => {
            converted = literals::read(language, type_name, items_name, text)?;
            &converted
        }
        (Language::Java, _) => return mismatch("type_error:java"),
        (Language::JavaScript, _) => return mismatch("type_error:js"),
    };
    if typed(value, allowed, expected, items)? {
        // The name of a variable stands for the value: it is compared as it is.
        return equal_to_one(value, allowed);
    }
    match (expected, items, value) {
        (Kind::Dict, _, Value::Dict(dict)) => dictionary(dict, allowed),
        (Kind::List, Some(Kind::Dict), Value::List(list)) => dictionaries(list, allowed),
        (Kind::Text, _, Value::Text(text)) => {
            let found = allowed.iter().filter_map(Json::as_str).any(|allowed| same_text(text, allowed));
            if found { Ok(()) } else { mismatch("value_error:string") }
        }
        (Kind::List, _, Value::List(list)) => list_of_values(list, allowed),
        _ => equal_to_one(value, allowed),
    }
}

fn equal_to_one(value: &Value, allowed: &[Json]) -> Checked {
    if allowed.iter().any(|allowed| value.equals_json(allowed)) { Ok(()) } else { mismatch("value_error:others") }
}

/// Checks the type. True: the value is of another type than described, but of that of the allowed values.
fn typed(value: &Value, allowed: &[Json], expected: Kind, items: Option<Kind>) -> Result<bool, Fail> {
    let other = allowed.iter().find(|allowed| !is_blank(allowed)).map(Kind::of);
    let by_variable = other.is_some_and(|other| other != expected);
    let mut nested = false;
    if value.kind() == expected {
        let Some(items) = items else {
            return Ok(by_variable);
        };
        let list = value.as_list().unwrap_or_default();
        let fits = |allowed: &Json| match allowed {
            Json::Array(allowed) => list.iter().all(|item| typed(item, allowed, items, None).is_ok()),
            _ => true,
        };
        if allowed.iter().any(fits) {
            return Ok(by_variable);
        }
        nested = true;
    }
    match (nested, other == Some(value.kind())) {
        (true, true) => mismatch("type_error:nested"),
        (false, true) => Ok(true),
        (_, false) => mismatch("type_error:simple"),
    }
}

/// Whether two texts are the same without blanks, some marks, case and the kind of quotes.
fn same_text(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return normal_bytes(a).eq(normal_bytes(b));
    }
    normal(a) == normal(b)
}

/// Marks that texts are compared without.
const MARKS: &[u8] = b" ,./-_*^";

fn normal_bytes(text: &str) -> impl Iterator<Item = u8> {
    let kept = text.bytes().filter(|byte| !MARKS.contains(byte));
    kept.map(|byte| if byte == b'\'' { b'"' } else { byte.to_ascii_lowercase() })
}

fn normal(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !u8::try_from(*c).is_ok_and(|byte| MARKS.contains(&byte))).collect();
    kept.to_lowercase().replace('\'', "\"")
}

/// Equality where texts are compared as texts are.
fn same(value: &Value, allowed: &Json) -> bool {
    match (value, allowed) {
        (Value::Text(text), Json::String(allowed)) => same_text(text, allowed),
        _ => value.equals_json(allowed),
    }
}

/// Equality with a letter.
fn same_letter(value: &Value, letter: char) -> bool {
    value.as_text().is_some_and(|text| same_text(text, letter.encode_utf8(&mut [0; 4])))
}

/// Whether a value is among the items of a list, or the letters of a text.
fn is_among(value: &Value, allowed: &Json) -> Result<bool, Fail> {
    match allowed {
        Json::Array(items) => Ok(items.iter().any(|allowed| same(value, allowed))),
        Json::String(letters) => Ok(letters.chars().any(|letter| same_letter(value, letter))),
        Json::Object(entries) if entries.is_empty() => Ok(false),
        _ => Err(Fail::Unreadable),
    }
}

fn list_of_values(list: &[Value], allowed: &[Json]) -> Checked {
    let is_list = |allowed: &Json| match allowed {
        Json::Array(_) | Json::String(_) => true,
        Json::Object(entries) => entries.is_empty(),
        _ => false,
    };
    // All of them are read before any is compared.
    if !allowed.iter().all(is_list) {
        return Err(Fail::Unreadable);
    }
    let found = allowed.iter().any(|allowed| match allowed {
        Json::Array(items) => {
            items.len() == list.len() && list.iter().zip(items).all(|(value, item)| same(value, item))
        }
        Json::String(letters) => {
            letters.chars().count() == list.len()
                && list.iter().zip(letters.chars()).all(|(value, letter)| same_letter(value, letter))
        }
        _ => list.is_empty(),
    });
    if found { Ok(()) } else { mismatch("value_error:list/tuple") }
}

fn dictionary(dict: &[(Value, Value)], allowed: &[Json]) -> Checked {
    let mut result = mismatch("dict_checker:unclear");
    for allowed in allowed.iter().filter(|allowed| !is_blank(allowed)) {
        result = dictionary_is(dict, allowed);
        if !matches!(result, Err(Fail::Mismatch(_))) {
            return result;
        }
    }
    result
}

fn dictionary_is(dict: &[(Value, Value)], allowed: &Json) -> Checked {
    let entries = allowed.as_object().ok_or(Fail::Unreadable)?;
    let mut result = Ok(());
    for (key, value) in dict {
        let Some(values) = key.as_text().and_then(|key| entries.get(key)) else {
            result = mismatch("value_error:dict_key");
            break;
        };
        if !is_among(value, values)? {
            result = mismatch("value_error:dict_value");
            break;
        }
    }
    for (key, values) in entries {
        if !dict.iter().any(|(given, _)| given.as_text() == Some(key)) && !holds_blank(values)? {
            return mismatch("value_error:dict_key");
        }
    }
    result
}

fn dictionaries(list: &[Value], allowed: &[Json]) -> Checked {
    let mut result = mismatch("list_dict_checker:unclear");
    for allowed in allowed {
        let allowed = match allowed {
            Json::Array(allowed) => allowed.as_slice(),
            // The letters of a text are no dictionaries.
            Json::String(text) if text.is_empty() => &[],
            Json::String(text) if text.chars().count() == list.len() => return Err(Fail::Unreadable),
            Json::String(_) => {
                result = mismatch("value_error:list_dict_count");
                continue;
            }
            _ => return Err(Fail::Unreadable),
        };
        if list.len() != allowed.len() {
            result = mismatch("value_error:list_dict_count");
            continue;
        }
        result = list.iter().zip(allowed).try_for_each(|(dict, allowed)| match (dict, allowed) {
            (_, allowed) if is_blank(allowed) => mismatch("dict_checker:unclear"),
            (Value::Dict(dict), allowed) => dictionary(dict, std::slice::from_ref(allowed)),
            _ => Err(Fail::Unreadable),
        });
        if !matches!(result, Err(Fail::Mismatch(_))) {
            return result;
        }
    }
    result
}
