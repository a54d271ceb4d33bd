//! Values as Python writes them.

use minijinja::value::ValueKind;
use minijinja::{Error, Output, State, Value};

/// Methods of Python's texts, lists and dictionaries. `title` is Python's own: every run of letters begins with a capital.
pub(super) fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    if let ("title", Some(text), []) = (name, value.as_str(), arguments) {
        let mut titled = String::with_capacity(text.len());
        let mut inside = false;
        for character in text.chars() {
            if inside {
                titled.extend(character.to_lowercase());
            } else {
                titled.extend(character.to_uppercase());
            }
            inside = character.is_alphabetic();
        }
        return Ok(Value::from(titled));
    }
    minijinja_contrib::pycompat::unknown_method_callback(state, value, name, arguments)
}

/// What `{{ value }}` writes: `True`, `False` and `None` with capitals, numbers as Python shows them, the rest as it is.
pub(super) fn format(out: &mut Output<'_>, _state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let written = match value.kind() {
        ValueKind::Undefined => Ok(()),
        ValueKind::String => out.write_str(value.as_str().unwrap_or_default()),
        _ => out.write_str(&repr(value, 0)),
    };
    written.map_err(Error::from)
}

/// Deeper values are cut: no template writes them.
const DEEPEST: usize = 64;

/// Python's `repr`, which is also its `str` for all but strings.
fn repr(value: &Value, depth: usize) -> String {
    if depth > DEEPEST {
        return "…".into();
    }
    let inner = |value: &Value| repr(value, depth + 1);
    match value.kind() {
        ValueKind::None => "None".into(),
        ValueKind::Bool => if value.is_true() { "True" } else { "False" }.into(),
        ValueKind::String => quoted(value.as_str().unwrap_or_default()),
        ValueKind::Number if !value.is_integer() => match f64::try_from(value.clone()) {
            Ok(number) => float(number),
            Err(_) => value.to_string(),
        },
        ValueKind::Seq => match value.try_iter() {
            Ok(items) => format!("[{}]", items.map(|item| inner(&item)).collect::<Vec<_>>().join(", ")),
            Err(_) => value.to_string(),
        },
        ValueKind::Map => match value.try_iter() {
            Ok(keys) => {
                let pairs = keys.map(|key| {
                    let held = value.get_item(&key).unwrap_or_default();
                    format!("{}: {}", inner(&key), inner(&held))
                });
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
            }
            Err(_) => value.to_string(),
        },
        _ => value.to_string(),
    }
}

/// A string in the quotes that Python picks.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other if other == quote => {
                quoted.push('\\');
                quoted.push(other);
            }
            other if other.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(other))),
            other => quoted.push(other),
        }
    }
    quoted.push(quote);
    quoted
}

/// A number as Python's `repr` shows it: shortest digits, an exponent of at least two digits from 1e16 on and below 1e-4.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let text = value.to_string();
    if text.contains('.') { text } else { format!("{text}.0") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python prints for these numbers.
    #[test]
    fn floats() {
        let cases = [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1.5e-5, "1.5e-05"),
            (1e15, "1000000000000000.0"),
            (-0.0, "-0.0"),
            (1e-4, "0.0001"),
            (1e100, "1e+100"),
        ];
        for (value, expected) in cases {
            assert_eq!(float(value), expected);
        }
    }

    #[test]
    fn values() {
        let value: Value = serde_json::from_str(r#"{"b": [1, true, null, "it's"], "a": 2.50}"#).unwrap();
        assert_eq!(repr(&value, 0), r#"{'b': [1, True, None, "it's"], 'a': 2.5}"#);
        assert_eq!(quoted("a'b\"c\n"), "'a\\'b\"c\\n'");
    }
}
