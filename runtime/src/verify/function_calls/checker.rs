//! One call against its description and the values that are allowed. Types are exact: `true` is no number, and `5.0` no
//! whole number; only a whole number for a `float` parameter is converted.

use super::literals;
use serde_json::{Map, Value as Json};

/// Why a call does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fail {
    /// It differs; the leaderboard's name of the error.
    Mismatch(&'static str),
    /// The description, the expected call or their combination makes no sense.
    Unreadable,
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

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Null,
    Bool,
    Int,
    Float,
    Text,
    List,
    Dict,
}

fn kind(value: &Json) -> Kind {
    match value {
        Json::Null => Kind::Null,
        Json::Bool(_) => Kind::Bool,
        Json::Number(number) if number.is_f64() => Kind::Float,
        Json::Number(_) => Kind::Int,
        Json::String(_) => Kind::Text,
        Json::Array(_) => Kind::List,
        Json::Object(_) => Kind::Dict,
    }
}

/// Checks a call.
pub fn call(language: Language, description: &Json, call: &(String, Map<String, Json>), expected: &Json) -> Checked {
    let name = description.get("name").and_then(Json::as_str).ok_or(Fail::Unreadable)?;
    let parameters = description.get("parameters").ok_or(Fail::Unreadable)?;
    let known = parameters.get("properties").and_then(Json::as_object).ok_or(Fail::Unreadable)?;
    let allowed = expected.as_object().and_then(|call| call.values().next()).and_then(Json::as_object);
    let allowed = allowed.ok_or(Fail::Unreadable)?;
    let given = &call.1;
    if name.replace('.', "_") != call.0 {
        return mismatch("simple_function_checker:wrong_func_name");
    }
    for required in parameters.get("required").and_then(Json::as_array).map_or(&[][..], Vec::as_slice) {
        if required.as_str().is_none_or(|required| !given.contains_key(required)) {
            return mismatch("simple_function_checker:missing_required");
        }
    }
    for (parameter, value) in given {
        let (Some(details), Some(values)) = (known.get(parameter), allowed.get(parameter)) else {
            return mismatch("simple_function_checker:unexpected_param");
        };
        argument(language, details, value, values.as_array().ok_or(Fail::Unreadable)?)?;
    }
    for (parameter, values) in allowed {
        let optional = values.as_array().is_some_and(|values| values.iter().any(is_blank));
        if !given.contains_key(parameter) && !optional {
            return mismatch("simple_function_checker:missing_optional");
        }
    }
    Ok(())
}

fn is_blank(value: &Json) -> bool {
    value.as_str() == Some("")
}

fn argument(language: Language, details: &Json, value: &Json, allowed: &[Json]) -> Checked {
    let type_name = details.get("type").and_then(Json::as_str).ok_or(Fail::Unreadable)?;
    let expected = language.kind(type_name).ok_or(Fail::Unreadable)?;
    let mut items = None;
    let mut items_name = "";
    if language.has_items(type_name) {
        items_name =
            details.get("items").and_then(|items| items.get("type")).and_then(Json::as_str).ok_or(Fail::Unreadable)?;
        items = Some(language.kind(items_name).ok_or(Fail::Unreadable)?);
    }
    let converted = match (language, value) {
        (Language::Python, Json::Number(number)) if expected == Kind::Float && !number.is_f64() => {
            number.as_f64().map_or(Json::Null, Json::from)
        }
        (Language::Python, other) => other.clone(),
        (_, Json::String(text)) => literals::read(language, type_name, items_name, text),
        (Language::Java, _) => return mismatch("type_error:java"),
        (Language::JavaScript, _) => return mismatch("type_error:js"),
    };
    let value = &converted;
    if typed(value, allowed, expected, items)? {
        // The name of a variable stands for the value: it is compared as it is.
        return equal_to_one(value, allowed);
    }
    match (expected, items, value) {
        (Kind::Dict, _, Json::Object(dict)) => dictionary(dict, allowed),
        (Kind::List, Some(Kind::Dict), Json::Array(list)) => dictionaries(list, allowed),
        (Kind::Text, _, Json::String(text)) => {
            let text = normal(text);
            let found = allowed.iter().filter_map(Json::as_str).any(|allowed| normal(allowed) == text);
            if found { Ok(()) } else { mismatch("value_error:string") }
        }
        (Kind::List, _, Json::Array(list)) => list_of_values(list, allowed),
        _ => equal_to_one(value, allowed),
    }
}

fn equal_to_one(value: &Json, allowed: &[Json]) -> Checked {
    if allowed.iter().any(|allowed| equal(value, allowed)) { Ok(()) } else { mismatch("value_error:others") }
}

/// Checks the type. True: the value is of another type than described, but of that of the allowed values.
fn typed(value: &Json, allowed: &[Json], expected: Kind, items: Option<Kind>) -> Result<bool, Fail> {
    let other = allowed.iter().find(|allowed| !is_blank(allowed)).map(kind);
    let by_variable = other.is_some_and(|other| other != expected);
    if kind(value) == expected {
        let Some(items) = items else {
            return Ok(by_variable);
        };
        let list = value.as_array().map_or(&[][..], Vec::as_slice);
        let fits = |allowed: &Json| match allowed {
            Json::Array(allowed) => list.iter().all(|item| typed(item, allowed, items, None).is_ok()),
            _ => true,
        };
        return if allowed.iter().any(fits) { Ok(by_variable) } else { mismatch("type_error:nested") };
    }
    if other == Some(kind(value)) { Ok(true) } else { mismatch("type_error:simple") }
}

/// Texts are equal without blanks, some marks, case and the kind of quotes.
fn normal(text: &str) -> String {
    let kept: String = text.chars().filter(|letter| !" ,./-_*^".contains(*letter)).collect();
    kept.to_lowercase().replace('\'', "\"")
}

fn normal_value(value: &Json) -> Json {
    value.as_str().map_or_else(|| value.clone(), |text| Json::String(normal(text)))
}

fn list_of_values(list: &[Json], allowed: &[Json]) -> Checked {
    let list: Vec<Json> = list.iter().map(normal_value).collect();
    for allowed in allowed {
        let same = match allowed {
            Json::Array(allowed) => {
                allowed.len() == list.len() && allowed.iter().zip(&list).all(|(a, b)| equal(&normal_value(a), b))
            }
            // A text counts as the list of its letters, so `""` allows the empty list.
            Json::String(letters) => {
                letters.chars().count() == list.len()
                    && letters
                        .chars()
                        .zip(&list)
                        .all(|(letter, item)| item.as_str() == Some(&normal(letter.encode_utf8(&mut [0; 4]))))
            }
            _ => return Err(Fail::Unreadable),
        };
        if same {
            return Ok(());
        }
    }
    mismatch("value_error:list/tuple")
}

fn dictionary(dict: &Map<String, Json>, allowed: &[Json]) -> Checked {
    let mut result = mismatch("dict_checker:unclear");
    for allowed in allowed.iter().filter(|allowed| !is_blank(allowed)) {
        result = dictionary_is(dict, allowed.as_object().ok_or(Fail::Unreadable)?);
        if matches!(result, Ok(()) | Err(Fail::Unreadable)) {
            return result;
        }
    }
    result
}

fn dictionary_is(dict: &Map<String, Json>, allowed: &Map<String, Json>) -> Checked {
    for (key, value) in dict {
        let Some(values) = allowed.get(key) else {
            return mismatch("value_error:dict_key");
        };
        let values = values.as_array().ok_or(Fail::Unreadable)?;
        let value = normal_value(value);
        if !values.iter().any(|allowed| equal(&normal_value(allowed), &value)) {
            return mismatch("value_error:dict_value");
        }
    }
    let absent = |(key, values): (&String, &Json)| {
        !dict.contains_key(key) && !values.as_array().is_some_and(|values| values.iter().any(is_blank))
    };
    if allowed.iter().any(absent) { mismatch("value_error:dict_key") } else { Ok(()) }
}

fn dictionaries(list: &[Json], allowed: &[Json]) -> Checked {
    let mut result = mismatch("list_dict_checker:unclear");
    for allowed in allowed {
        let allowed = match allowed {
            Json::Array(allowed) => allowed.as_slice(),
            Json::String(text) if text.is_empty() => &[],
            _ => return Err(Fail::Unreadable),
        };
        if list.len() != allowed.len() {
            result = mismatch("value_error:list_dict_count");
            continue;
        }
        result = list.iter().zip(allowed).try_for_each(|(dict, allowed)| {
            dictionary(dict.as_object().ok_or(Fail::Unreadable)?, std::slice::from_ref(allowed))
        });
        if matches!(result, Ok(()) | Err(Fail::Unreadable)) {
            return result;
        }
    }
    result
}

/// Python equality: 1, true and 1.0 are equal.
fn equal(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => match (number(left), number(right)) {
            (Some(Number::Whole(left)), Some(Number::Whole(right))) => left == right,
            (Some(Number::Real(left)), Some(Number::Real(right))) => left == right,
            (Some(Number::Whole(whole)), Some(Number::Real(real)))
            | (Some(Number::Real(real)), Some(Number::Whole(whole))) => real == whole as f64 && real as i128 == whole,
            _ => left == right,
        },
    }
}

enum Number {
    Whole(i128),
    Real(f64),
}

fn number(value: &Json) -> Option<Number> {
    match value {
        Json::Bool(truth) => Some(Number::Whole(i128::from(*truth))),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Some(Number::Whole(i128::from(int))),
            (None, Some(int)) => Some(Number::Whole(i128::from(int))),
            (None, None) => number.as_f64().map(Number::Real),
        },
        _ => None,
    }
}
