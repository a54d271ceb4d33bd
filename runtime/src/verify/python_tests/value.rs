//! Values of Python, as far as JSON and tuples go, and when they are equal.

use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Deepest nesting that is read; what is deeper equals nothing.
const DEEPEST: usize = 220;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    /// Decimal digits without leading zeros, with a minus sign below zero.
    Int(String),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// What has no value of JSON beside it; equals nothing.
    Other,
}

/// Whether a returned value is the expected one: equal in Python, where the outermost tuple counts as a list.
pub(super) fn same_result(got: &Value, expected: &Value) -> bool {
    match (got, expected) {
        (Value::Tuple(got), Value::List(expected)) => all_equal(got, expected),
        _ => equal(got, expected),
    }
}

/// Python's `==`.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::None, Value::None) => true,
        (Value::Text(one), Value::Text(other)) => one == other,
        (Value::List(one), Value::List(other)) | (Value::Tuple(one), Value::Tuple(other)) => all_equal(one, other),
        (Value::Dict(one), Value::Dict(other)) => {
            let (Some(one), Some(other)) = (by_key(one), by_key(other)) else { return false };
            one.len() == other.len()
                && one
                    .iter()
                    .zip(&other)
                    .all(|((key, value), (other_key, other))| key == other_key && equal(value, other))
        }
        _ => matches!((number(one), number(other)), (Some(one), Some(other)) if one == other),
    }
}

fn all_equal(one: &[Value], other: &[Value]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
}

/// A number as a text that equal numbers share: `True`, `1` and `1.0` are `1`. "Not a number" has none.
fn number(value: &Value) -> Option<String> {
    match value {
        Value::Bool(truth) => Some(if *truth { "1" } else { "0" }.into()),
        Value::Int(digits) => Some(digits.clone()),
        Value::Float(float) if float.is_nan() => None,
        // Zero has one sign here, and whole floats are written out to the last digit.
        Value::Float(float) if *float == 0.0 => Some("0".into()),
        Value::Float(float) if float.fract() == 0.0 => Some(format!("{float:.0}")),
        Value::Float(float) => Some(format!("float {}", float.to_bits())),
        _ => None,
    }
}

/// Entries in the order of their keys; none where a key is not one that JSON could have or could be equal to.
fn by_key(entries: &[(Value, Value)]) -> Option<BTreeMap<String, &Value>> {
    entries.iter().map(|(key, value)| Some((key_text(key)?, value))).collect()
}

fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::None => Some("none".into()),
        Value::Text(text) => Some(format!("text {text}")),
        other => number(other),
    }
}

/// An integer from its digits, as Python would write it.
fn integer(text: &str) -> Option<Value> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let short = digits.trim_start_matches('0');
    Some(Value::Int(if short.is_empty() { "0".into() } else { format!("{sign}{short}") }))
}

/// A value of JSON that was read already. Whole numbers beyond 64 bits were floats then.
pub(super) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) if number.is_f64() => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        Json::Number(number) => integer(&number.to_string()).unwrap_or(Value::Other),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
        Json::Object(entries) => {
            Value::Dict(entries.iter().map(|(key, value)| (Value::Text(key.clone()), from_json(value))).collect())
        }
    }
}

/// Reads JSON text as Python's `json` does: whole numbers of any size, and `NaN`, `Infinity`, `-Infinity`; none if it is no JSON.
pub(super) fn from_text(text: &str) -> Option<Value> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.blank();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.rest().starts_with(word);
        self.at += if there { word.len() } else { 0 };
        there
    }

    fn blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        self.blank();
        for (word, value) in [
            ("null", Value::None),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
            ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ] {
            if self.take(word) {
                return Some(value);
            }
        }
        if self.take("[") {
            let mut items = Vec::new();
            self.blank();
            if self.take("]") {
                return Some(Value::List(items));
            }
            loop {
                items.push(self.value(depth + 1)?);
                self.blank();
                if self.take("]") {
                    return Some(Value::List(items));
                }
                self.take(",").then_some(())?;
            }
        }
        if self.take("{") {
            // The last of equal keys counts.
            let mut entries = BTreeMap::new();
            let done = |entries: BTreeMap<String, Value>| {
                Some(Value::Dict(entries.into_iter().map(|(key, value)| (Value::Text(key), value)).collect()))
            };
            self.blank();
            if self.take("}") {
                return done(entries);
            }
            loop {
                self.blank();
                let key = self.string()?;
                self.blank();
                self.take(":").then_some(())?;
                let value = self.value(depth + 1)?;
                entries.insert(key, value);
                self.blank();
                if self.take("}") {
                    return done(entries);
                }
                self.take(",").then_some(())?;
            }
        }
        if self.rest().starts_with('"') {
            return self.string().map(Value::Text);
        }
        self.number()
    }

    /// A string with its quotes. What stands between them is the concern of `serde_json`.
    fn string(&mut self) -> Option<String> {
        let rest = self.rest();
        let mut bytes = rest.bytes().enumerate().skip(1);
        rest.starts_with('"').then_some(())?;
        let end = loop {
            match bytes.next()? {
                (at, b'"') => break at,
                (_, b'\\') => drop(bytes.next()?),
                _ => {}
            }
        };
        let text = serde_json::from_str(rest.get(..=end)?).ok()?;
        self.at += end + 1;
        Some(text)
    }

    fn number(&mut self) -> Option<Value> {
        let rest = self.rest();
        let end = rest.bytes().position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        let word = rest.get(..end.unwrap_or(rest.len()))?;
        let digits = word.strip_prefix('-').unwrap_or(word);
        let well_formed = match digits.as_bytes() {
            [b'0'] => true,
            [b'0', next, ..] => !next.is_ascii_digit(),
            [first, ..] => first.is_ascii_digit(),
            [] => false,
        };
        well_formed.then_some(())?;
        let value = match integer(word) {
            Some(value) => value,
            // Rust reads a float such as `1.` too, which JSON has not.
            None => {
                let part = digits.trim_start_matches(|c: char| c.is_ascii_digit());
                let bad =
                    part.strip_prefix('.').is_some_and(|behind| !behind.starts_with(|c: char| c.is_ascii_digit()));
                (!bad).then(|| word.parse().ok().map(Value::Float)).flatten()?
            }
        };
        self.at += word.len();
        Some(value)
    }
}

/// Reads a result as `judged.py` writes it; none if it is anything else.
pub(super) fn decode(bytes: &[u8]) -> Option<Value> {
    let mut rest = bytes;
    let value = item(&mut rest, 0)?;
    rest.is_empty().then_some(value)
}

fn item(rest: &mut &[u8], depth: usize) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    let (kind, behind) = rest.split_first()?;
    *rest = behind;
    match kind {
        b'N' => Some(Value::None),
        b'T' => Some(Value::Bool(true)),
        b'F' => Some(Value::Bool(false)),
        b'x' => Some(Value::Other),
        b'i' => integer(until(rest, b';')?),
        b'f' => until(rest, b';')?.parse().ok().map(Value::Float),
        b's' => {
            let length: usize = until(rest, b':')?.parse().ok()?;
            let (text, behind) = rest.split_at_checked(length)?;
            *rest = behind;
            std::str::from_utf8(text).ok().map(|text| Value::Text(text.to_owned()))
        }
        b'l' | b't' => {
            let items = items(rest, 1, depth)?;
            Some(if *kind == b'l' { Value::List(items) } else { Value::Tuple(items) })
        }
        b'd' => {
            let mut items = items(rest, 2, depth)?.into_iter();
            Some(Value::Dict(std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect()))
        }
        _ => None,
    }
}

/// Items behind their count; a count that is a lie costs no more than the bytes that there are.
fn items(rest: &mut &[u8], each: usize, depth: usize) -> Option<Vec<Value>> {
    let count: usize = until(rest, b':')?.parse().ok()?;
    let mut items = Vec::new();
    for _ in 0..count.checked_mul(each)? {
        items.push(item(rest, depth + 1)?);
    }
    Some(items)
}

fn until<'a>(rest: &mut &'a [u8], mark: u8) -> Option<&'a str> {
    let end = rest.iter().position(|byte| *byte == mark)?;
    let (text, behind) = rest.split_at_checked(end)?;
    *rest = behind.get(1..)?;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values are those of Python.
    #[test]
    fn equality_is_that_of_python() {
        for (got, expected, same) in [
            ("i1;", "true", true),
            ("T", "1.0", true),
            ("f1.0;", "1", true),
            ("f0.1;", "0.1", true),
            ("f1e+22;", "10000000000000000000000", true),
            ("f1e+23;", "100000000000000000000000", false),
            ("i100000000000000000000000;", "100000000000000000000000", true),
            ("f-0.0;", "0", true),
            ("fnan;", "NaN", false),
            ("finf;", "Infinity", true),
            ("s1:1", "1", false),
            ("s2:\u{e9}", "\"\\u00e9\"", true),
            ("t2:i1;i2;", "[1, 2]", true),
            ("l1:t2:i1;i2;", "[[1, 2]]", false),
            ("l1:l2:i1;i2;", "[[1, 2]]", true),
            ("d1:s1:ai1;", "{\"a\": 1}", true),
            ("d1:i1;i1;", "{\"1\": 1}", false),
            ("d2:s1:bNs1:aT", "{\"a\": 1, \"b\": null}", true),
            ("d1:s1:ax", "{\"a\": null}", false),
            ("x", "null", false),
            ("N", "null", true),
            ("l0:", "[]", true),
            ("l0:", "{}", false),
        ] {
            let value = decode(got.as_bytes()).unwrap_or_else(|| panic!("{got}"));
            let other = from_text(expected).unwrap_or_else(|| panic!("{expected}"));
            assert_eq!(same_result(&value, &other), same, "{got} {expected}");
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", "01", "1.", "-", "[1,]", "{\"a\" 1}", "'a'", "\"", "nul", "1 2", "+1", "[", "\"\\"] {
            assert_eq!(from_text(text), None, "{text}");
        }
        for bytes in ["", "q", "i", "ix;", "s5:a", "l2:N", "l99999999999999999999:", "d1:N", "NN", "l9999999999:"] {
            assert_eq!(decode(bytes.as_bytes()), None, "{bytes}");
        }
        assert_eq!(from_text(&"[".repeat(1 << 20)), None);
        assert_eq!(decode("l1:".repeat(1 << 20).as_bytes()), None);
        assert_eq!(from_text("-0"), Some(Value::Int("0".into())));
    }
}
