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
        if category.contains("javascript") {
            Self::JavaScript
        } else if category.contains("java") {
            Self::Java
        } else {
            Self::Python
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
pub fn call(language: Language, description: &Json, (name, given): &Call, expected: &Value) -> Checked {
    let described = description.get("name").and_then(Json::as_str).ok_or(Fail::Unreadable)?;
    let parameters = description.get("parameters").ok_or(Fail::Unreadable)?;
    let known = parameters.get("properties").and_then(Json::as_object).ok_or(Fail::Unreadable)?;
    let allowed = expected.as_dict().and_then(|call| call.first()).map(|(_, allowed)| allowed);
    let allowed = allowed.filter(|allowed| allowed.as_dict().is_some()).ok_or(Fail::Unreadable)?;
    if described.replace('.', "_") != *name {
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
        argument(language, details, value, values.as_list().ok_or(Fail::Unreadable)?)?;
    }
    for (parameter, values) in allowed.as_dict().unwrap_or_default() {
        if !parameter.as_text().is_some_and(is_given) && !holds_blank(values)? {
            return mismatch("simple_function_checker:missing_optional");
        }
    }
    Ok(())
}

fn is_blank(value: &Value) -> bool {
    value.as_text() == Some("")
}

/// Whether `""` is in a value, which says that something may be left out.
fn holds_blank(value: &Value) -> Result<bool, Fail> {
    match value {
        Value::List(items) => Ok(items.iter().any(is_blank)),
        Value::Dict(entries) => Ok(entries.iter().any(|(key, _)| is_blank(key))),
        Value::Text(_) => Ok(true),
        _ => Err(Fail::Unreadable),
    }
}

fn argument(language: Language, details: &Json, value: &Value, allowed: &[Value]) -> Checked {
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
    let converted = match (language, value) {
        (Language::Python, Value::Tuple(items)) if type_name == "tuple" => Value::List(items.clone()),
        (Language::Python, Value::Int(_) | Value::Long(_)) if expected == Kind::Float => {
            // A number that is too large for a float ends the reference, too.
            Value::Float(value.to_float().ok_or(Fail::Unreadable)?)
        }
        (Language::Python, other) => other.clone(),
        (_, Value::Text(text)) => literals::read(language, type_name, items_name, text)?,
        (Language::Java, _) => return mismatch("type_error:java"),
        (Language::JavaScript, _) => return mismatch("type_error:js"),
    };
    let value = &converted;
    if typed(value, allowed, expected, items)? {
        // The name of a variable stands for the value: it is compared as it is.
        return equal_to_one(value, allowed);
    }
    match (expected, items, value) {
        (Kind::Dict, _, Value::Dict(dict)) => dictionary(dict, allowed),
        (Kind::List, Some(Kind::Dict), Value::List(list)) => dictionaries(list, allowed),
        (Kind::Text, _, Value::Text(text)) => {
            let text = normal(text);
            let found = allowed.iter().filter_map(Value::as_text).any(|allowed| normal(allowed) == text);
            if found { Ok(()) } else { mismatch("value_error:string") }
        }
        (Kind::List, _, Value::List(list)) => list_of_values(list, allowed),
        _ => equal_to_one(value, allowed),
    }
}

fn equal_to_one(value: &Value, allowed: &[Value]) -> Checked {
    if allowed.iter().any(|allowed| value.equals(allowed)) { Ok(()) } else { mismatch("value_error:others") }
}

/// Checks the type. True: the value is of another type than described, but of that of the allowed values.
fn typed(value: &Value, allowed: &[Value], expected: Kind, items: Option<Kind>) -> Result<bool, Fail> {
    let other = allowed.iter().find(|allowed| !is_blank(allowed)).map(Value::kind);
    let by_variable = other.is_some_and(|other| other != expected);
    let mut nested = false;
    if value.kind() == expected {
        let Some(items) = items else {
            return Ok(by_variable);
        };
        let list = value.as_list().unwrap_or_default();
        let fits = |allowed: &Value| match allowed {
            Value::List(allowed) => list.iter().all(|item| typed(item, allowed, items, None).is_ok()),
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

/// Texts are equal without blanks, some marks, case and the kind of quotes.
fn normal(text: &str) -> String {
    let kept: String = text.chars().filter(|letter| !" ,./-_*^".contains(*letter)).collect();
    kept.to_lowercase().replace('\'', "\"")
}

fn normal_value(value: &Value) -> Value {
    value.as_text().map_or_else(|| value.clone(), |text| Value::Text(normal(text)))
}

/// The items of a list, or the letters of a text, as they are compared.
fn members(value: &Value) -> Result<Vec<Value>, Fail> {
    match value {
        Value::List(items) => Ok(items.iter().map(normal_value).collect()),
        Value::Text(letters) => {
            Ok(letters.chars().map(|letter| Value::Text(normal(letter.encode_utf8(&mut [0; 4])))).collect())
        }
        Value::Dict(entries) if entries.is_empty() => Ok(Vec::new()),
        _ => Err(Fail::Unreadable),
    }
}

fn list_of_values(list: &[Value], allowed: &[Value]) -> Checked {
    let list = Value::List(list.iter().map(normal_value).collect());
    // All of them are read before any is compared.
    let allowed = allowed.iter().map(members).collect::<Result<Vec<_>, Fail>>()?;
    let found = allowed.into_iter().any(|allowed| list.equals(&Value::List(allowed)));
    if found { Ok(()) } else { mismatch("value_error:list/tuple") }
}

fn dictionary(dict: &[(Value, Value)], allowed: &[Value]) -> Checked {
    let mut result = mismatch("dict_checker:unclear");
    for allowed in allowed.iter().filter(|allowed| !is_blank(allowed)) {
        result = dictionary_is(dict, allowed);
        if !matches!(result, Err(Fail::Mismatch(_))) {
            return result;
        }
    }
    result
}

fn dictionary_is(dict: &[(Value, Value)], allowed: &Value) -> Checked {
    let entries = allowed.as_dict().ok_or(Fail::Unreadable)?;
    let known = |key: &Value| entries.iter().find(|(known, _)| known.equals(key)).map(|(_, values)| values);
    let mut result = Ok(());
    for (key, value) in dict {
        let Some(values) = known(key) else {
            result = mismatch("value_error:dict_key");
            break;
        };
        let value = normal_value(value);
        if !members(values)?.iter().any(|allowed| value.equals(allowed)) {
            result = mismatch("value_error:dict_value");
            break;
        }
    }
    for (key, values) in entries {
        if !dict.iter().any(|(given, _)| given.equals(key)) && !holds_blank(values)? {
            return mismatch("value_error:dict_key");
        }
    }
    result
}

fn dictionaries(list: &[Value], allowed: &[Value]) -> Checked {
    let mut result = mismatch("list_dict_checker:unclear");
    for allowed in allowed {
        let letters;
        let allowed = match allowed {
            Value::List(allowed) => allowed,
            Value::Text(text) => {
                letters = text.chars().map(|letter| Value::Text(letter.into())).collect();
                &letters
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
