//! Literals of Java and JavaScript inside texts: there every argument is a text that holds a literal. What is no literal
//! of the wanted type stays a text, and then fails the type check or stands for a variable.
//!
//! The leaderboard reads them with regular expressions, whose corner cases count: a comma inside of quotes ends an item,
//! and a Java text keeps its quotes.

use super::checker::{Fail, Language};
use crate::verify::pattern::{Groups, OutOfSteps, Pattern, Subject};
use crate::verify::python::Value;
use crate::verify::text::strip;
use std::sync::LazyLock;

impl From<OutOfSteps> for Fail {
    fn from(_: OutOfSteps) -> Self {
        Fail::Limit
    }
}

/// Deepest nesting of lists in lists.
const DEEPEST: usize = 20;

/// Reads a literal of a type; `items` is the type of the items of a list.
pub fn read(language: Language, type_name: &str, items: Option<&str>, text: &str) -> Result<Value, Fail> {
    match language {
        Language::JavaScript => script(type_name, items, text, 0),
        _ => java(type_name, items, text, 0),
    }
}

/// A value, or the text where there is none.
fn or_text(value: Option<Value>, text: &str) -> Value {
    value.unwrap_or_else(|| Value::Text(text.to_owned()))
}

fn truth(text: &str) -> Option<Value> {
    match text {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// Digits with a minus before them, and the end of a line behind them at most.
fn whole(text: &str) -> Option<Value> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| Value::whole(text)).flatten()
}

/// Digits, maybe with a point and digits behind it, maybe with an exponent.
fn real(text: &str, exponent: bool) -> Option<Value> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, power) = match text.find(['e', 'E']).filter(|_| exponent) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)),
        None => (text, None),
    };
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let mantissa_fits = match unsigned.split_once('.') {
        Some((before, after)) => digits(before) && digits(after),
        None => digits(unsigned),
    };
    let power_fits = power.is_none_or(|power| digits(power.strip_prefix(['+', '-']).unwrap_or(power)));
    (mantissa_fits && power_fits).then(|| text.parse().ok().map(Value::Float)).flatten()
}

/// A number as Python's `int` and then `float` read it.
fn number(text: &str) -> Option<Value> {
    let text = strip(text);
    let joined = |text: &str| {
        let bytes = text.as_bytes();
        let fits = bytes.iter().enumerate().all(|(at, byte)| {
            let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
            *byte != b'_' || digit(at.checked_sub(1)) && digit(Some(at + 1))
        });
        fits.then(|| text.replace('_', ""))
    };
    let text = joined(text)?;
    let unsigned = text.strip_prefix('+').unwrap_or(&text);
    if let Some(int) = whole(unsigned).filter(|_| !unsigned.ends_with('\n')) {
        return Some(int);
    }
    let lower = text.to_ascii_lowercase();
    let word = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
    let plain = lower.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'+' | b'-'));
    (plain || matches!(word, "inf" | "infinity" | "nan")).then(|| lower.parse().ok().map(Value::Float)).flatten()
}

/// A text without its first and last character, whatever they are.
fn inside(text: &str) -> String {
    let mut characters = text.chars();
    characters.next();
    characters.next_back();
    characters.collect()
}

fn is_quoted(text: &str, mark: char) -> bool {
    text.starts_with(mark) && text.ends_with(mark)
}

/// A group of a match as text.
fn group(subject: &Subject, groups: &Groups, number: usize) -> Option<String> {
    groups.get(number).copied().flatten().map(|range| subject.part(range))
}

fn compiled(text: &str) -> Option<Pattern> {
    Pattern::new(text)
}

/// A pattern of this file; one that does not compile would be found by the tests.
type Fixed = LazyLock<Option<Pattern>>;

fn first(pattern: &Fixed, subject: &Subject) -> Result<Option<Groups>, Fail> {
    match pattern.as_ref() {
        Some(pattern) => Ok(pattern.first(subject)?),
        None => Ok(None),
    }
}

fn all(pattern: &Fixed, subject: &Subject) -> Result<Vec<Groups>, Fail> {
    match pattern.as_ref() {
        Some(pattern) => Ok(pattern.all(subject)?),
        None => Ok(Vec::new()),
    }
}

static AS_LIST: Fixed = LazyLock::new(|| compiled(r"new\s+ArrayList<\w*>\(Arrays\.asList\((.+?)\)\)"));
static ADDED: Fixed = LazyLock::new(|| compiled(r"(?s)new\s+ArrayList<\w*>\(\)\s*\{\{\s*(.+?)\s*\}\}"));
static ADD: Fixed = LazyLock::new(|| compiled(r"add\((.+?)\)"));
static EMPTY_LIST: Fixed = LazyLock::new(|| compiled(r"new\s+ArrayList<\w*>\(\)"));
static ARRAY: Fixed = LazyLock::new(|| compiled(r"new\s+\w+\[\]\s*\{(.*?)\}"));
static MAP: Fixed = LazyLock::new(|| compiled(r"(?s)new\s+HashMap<.*?>\s*\(\)\s*\{\s*\{?\s*(.*?)\s*\}?\s*\}"));
static PUT: Fixed = LazyLock::new(|| compiled("put\\(\"(.*?)\",\\s*(.*?)\\)"));
static EMPTY_MAP: Fixed = LazyLock::new(|| compiled(r"(?s)new\s+HashMap<.*?>\s*\(\)"));

fn java(type_name: &str, items: Option<&str>, text: &str, depth: usize) -> Result<Value, Fail> {
    if depth > DEEPEST {
        return Err(Fail::Limit);
    }
    let suffixed = |marks: [char; 2]| text.strip_suffix('\n').unwrap_or(text).strip_suffix(marks);
    Ok(match type_name {
        "byte" | "short" | "integer" => or_text(whole(text), text),
        "long" => or_text(suffixed(['l', 'L']).and_then(whole), text),
        "float" => or_text(suffixed(['f', 'F']).and_then(|digits| real(digits, true)), text),
        "double" => or_text(real(text, true), text),
        "boolean" => or_text(truth(text), text),
        "char" | "String" | "any" => Value::Text(text.to_owned()),
        "Array" => java_array(items, text, depth)?,
        "ArrayList" => java_list(items, text, depth)?,
        "HashMap" => java_map(text)?,
        // The leaderboard cannot read sets, queues and tables.
        _ => return Err(Fail::Unreadable),
    })
}

fn java_array(items: Option<&str>, text: &str, depth: usize) -> Result<Value, Fail> {
    let subject = Subject::new(text);
    let Some(inner) = first(&ARRAY, &subject)?.and_then(|groups| group(&subject, &groups, 1)) else {
        return Ok(Value::Text(text.to_owned()));
    };
    let parts = inner.split(',').map(strip).filter(|part| !part.is_empty());
    let item = |part: &str| match items {
        Some(items) => java(items, None, part, depth + 1),
        None => Ok(java_value(part)),
    };
    Ok(Value::List(parts.map(item).collect::<Result<_, Fail>>()?))
}

fn java_list(items: Option<&str>, text: &str, depth: usize) -> Result<Value, Fail> {
    let subject = Subject::new(text);
    let item = |part: &str| match items {
        Some("char" | "String") => Ok(Value::Text(inside(part))),
        Some(items) => java(items, None, part, depth + 1),
        None => Ok(java_value(part)),
    };
    if let Some(inner) = first(&AS_LIST, &subject)?.and_then(|groups| group(&subject, &groups, 1)) {
        return Ok(Value::List(inner.split(',').map(|part| item(strip(part))).collect::<Result<_, Fail>>()?));
    }
    if let Some(inner) = first(&ADDED, &subject)?.and_then(|groups| group(&subject, &groups, 1)) {
        let inner = Subject::new(&inner);
        let added = all(&ADD, &inner)?;
        let added = added.iter().filter_map(|groups| group(&inner, groups, 1));
        return Ok(Value::List(added.map(|part| item(strip(&part))).collect::<Result<_, Fail>>()?));
    }
    Ok(match first(&EMPTY_LIST, &subject)? {
        Some(_) => Value::List(Vec::new()),
        None => Value::Text(text.to_owned()),
    })
}

fn java_map(text: &str) -> Result<Value, Fail> {
    let subject = Subject::new(text);
    if let Some(inner) = first(&MAP, &subject)?.and_then(|groups| group(&subject, &groups, 1)) {
        let inner = Subject::new(&inner);
        let mut entries = Vec::new();
        for groups in all(&PUT, &inner)? {
            if let (Some(key), Some(value)) = (group(&inner, &groups, 1), group(&inner, &groups, 2)) {
                Value::insert(&mut entries, Value::Text(key), java_value(strip(&value)));
            }
        }
        return Ok(Value::Dict(entries));
    }
    Ok(match first(&EMPTY_MAP, &subject)? {
        Some(_) => Value::Dict(Vec::new()),
        None => Value::Text(text.to_owned()),
    })
}

/// A literal of Java whose type nothing says.
fn java_value(text: &str) -> Value {
    if let Some(truth) = truth(text) {
        return truth;
    }
    if is_quoted(text, '"') {
        return Value::Text(inside(text));
    }
    let suffixed = |marks: [char; 2]| text.strip_suffix(marks);
    let long = suffixed(['l', 'L']).and_then(whole);
    let float = || suffixed(['f', 'F']).and_then(|digits| real(digits, true));
    or_text(long.or_else(float).or_else(|| number(text)), text)
}

static ROWS: Fixed = LazyLock::new(|| {
    compiled(r"\A(?:\[\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\]|\bnew\s+Array\(\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\))")
});
static ROW: Fixed = LazyLock::new(|| compiled(r"\[(.*?)\]"));
static ITEMS: Fixed = LazyLock::new(|| compiled(r"\A(?:\[(.*?)\]|\bnew\s+Array\((.*?)\))"));
static OBJECT: Fixed = LazyLock::new(|| compiled(r"\A\{(.*?)\}"));
static PAIR: Fixed = LazyLock::new(|| compiled(r"([^:]+):\s*(.*?)(?:,\s*(?=[^,]+:)|$)"));

fn script(type_name: &str, items: Option<&str>, text: &str, depth: usize) -> Result<Value, Fail> {
    if depth > DEEPEST {
        return Err(Fail::Limit);
    }
    Ok(match type_name {
        "String" if is_quoted(text, '"') || is_quoted(text, '\'') => Value::Text(inside(text)),
        "String" | "any" => Value::Text(text.to_owned()),
        "integer" => or_text(whole(text), text),
        "Bigint" => or_text(text.strip_suffix('\n').unwrap_or(text).strip_suffix('n').and_then(whole), text),
        "float" => or_text(real(text, false), text),
        "Boolean" => or_text(truth(text), text),
        "array" => script_array(items, strip(text), depth)?,
        "dict" => script_object(strip(text), depth)?,
        _ => return Err(Fail::Unreadable),
    })
}

fn script_array(items: Option<&str>, text: &str, depth: usize) -> Result<Value, Fail> {
    let subject = Subject::new(text);
    if let Some(rows) = first(&ROWS, &subject)?.and_then(|groups| group(&subject, &groups, 0)) {
        let rows = Subject::new(&rows);
        let mut lists = Vec::new();
        for groups in all(&ROW, &rows)? {
            let row = group(&rows, &groups, 1).unwrap_or_default();
            let mut row = strip(&row);
            if lists.is_empty() {
                row = row.strip_prefix('[').unwrap_or(row);
            }
            lists.push(Value::List(row.split(',').map(|item| script_value(strip(item))).collect()));
        }
        return Ok(Value::List(lists));
    }
    let Some(groups) = first(&ITEMS, &subject)? else { return Ok(Value::Text(text.to_owned())) };
    let inner = group(&subject, &groups, 1).or_else(|| group(&subject, &groups, 2)).unwrap_or_default();
    let inner = strip(&inner);
    let parts = inner.split(',').filter(|_| !inner.is_empty()).map(strip);
    let mut values = Vec::new();
    for part in parts {
        values.push(match items {
            Some(items) => match script(items, None, part, depth + 1) {
                // An item of a type that is not known makes the whole a text.
                Err(Fail::Unreadable) => return Ok(Value::Text(text.to_owned())),
                item => item?,
            },
            None => script_value(part),
        });
    }
    Ok(Value::List(values))
}

fn script_object(text: &str, depth: usize) -> Result<Value, Fail> {
    if depth > DEEPEST {
        return Err(Fail::Limit);
    }
    if text == "{}" {
        return Ok(Value::Dict(Vec::new()));
    }
    let subject = Subject::new(text);
    let Some(inner) = first(&OBJECT, &subject)?.and_then(|groups| group(&subject, &groups, 1)) else {
        return Ok(Value::Text(text.to_owned()));
    };
    let inner = Subject::new(&inner);
    let quotes = ['\'', '"'];
    let mut entries = Vec::new();
    for groups in all(&PAIR, &inner)? {
        let (key, value) =
            (group(&inner, &groups, 1).unwrap_or_default(), group(&inner, &groups, 2).unwrap_or_default());
        let key = strip(&key).trim_matches(quotes).to_owned();
        let value = strip(&value);
        let value =
            match (value.starts_with('[') && value.ends_with(']'), value.starts_with('{') && value.ends_with('}')) {
                (true, _) => script_array(None, value, depth + 1)?,
                (_, true) => script_object(value, depth + 1)?,
                _ => script_value(value.trim_matches(quotes)),
            };
        Value::insert(&mut entries, Value::Text(key), value);
    }
    Ok(Value::Dict(entries))
}

/// A literal of JavaScript whose type nothing says.
fn script_value(text: &str) -> Value {
    let text = strip(text);
    if let Some(truth) = truth(text) {
        return truth;
    }
    if is_quoted(text, '"') || is_quoted(text, '\'') {
        return Value::Text(inside(text));
    }
    or_text(number(text), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    #[test]
    fn patterns_compile() {
        for pattern in
            [&AS_LIST, &ADDED, &ADD, &EMPTY_LIST, &ARRAY, &MAP, &PUT, &EMPTY_MAP, &ROWS, &ROW, &ITEMS, &OBJECT, &PAIR]
        {
            assert!(pattern.is_some());
        }
    }

    #[test]
    fn literals_of_both_languages() {
        let check = |language, name, items: &str, text, expected: Json| {
            let items = Some(items).filter(|items| !items.is_empty());
            assert_eq!(read(language, name, items, text), Ok(Value::of(&expected)), "{name} {text}");
        };
        let (java, script) = (Language::Java, Language::JavaScript);
        check(java, "integer", "", "-12", json!(-12));
        check(java, "integer", "", "12.0", json!("12.0"));
        check(java, "long", "", "12L", json!(12));
        check(java, "long", "", "12", json!("12"));
        check(java, "double", "", "1.5e3", json!(1500.0));
        check(java, "double", "", "1", json!(1.0));
        check(java, "double", "", "1.", json!("1."));
        check(java, "float", "", "1.5f", json!(1.5));
        check(java, "boolean", "", "true", json!(true));
        check(java, "String", "", "\"a b\"", json!("\"a b\""));
        check(java, "Array", "integer", "new int[]{1, 2}", json!([1, 2]));
        check(java, "Array", "integer", "{1, 2}", json!("{1, 2}"));
        check(java, "ArrayList", "String", "new ArrayList<>(Arrays.asList(\"a,b\", \"c\"))", json!(["", "", "c"]));
        check(java, "ArrayList", "integer", "new ArrayList<Integer>() {{ add(1); add(2); }}", json!([1, 2]));
        check(java, "ArrayList", "integer", "new ArrayList<>()", json!([]));
        check(java, "HashMap", "", "new HashMap<String, Object>() {{ put(\"k\", 1); }}", json!({"k": 1}));
        check(java, "HashMap", "", "new HashMap<>()", json!({}));
        assert_eq!(read(java, "Set", None, "Set.of(1)"), Err(Fail::Unreadable));
        check(script, "float", "", "4", json!(4.0));
        check(script, "float", "", "nan", json!("nan"));
        check(script, "array", "integer", "[1, 2]", json!([1, 2]));
        check(script, "array", "String", "[]", json!([]));
        check(script, "array", "array", "[[1, 2], [3, 4]]", json!([[1, 2], [3, 4]]));
        check(script, "array", "String", "new Array('a', \"b\")", json!(["a", "b"]));
        check(script, "dict", "", "{\"a\": 1, b: [1, 2], 'c': true}", json!({"a": 1, "b": [1, 2], "c": true}));
        check(script, "Bigint", "", "7n", json!(7));
        check(script, "String", "", "'x'", json!("x"));
    }

    #[test]
    fn hostile_literals_end() {
        for text in [
            "[".repeat(100_000),
            "{".repeat(100_000),
            "[a,".repeat(30_000),
            "{a:".repeat(30_000),
            "new ".repeat(30_000),
        ] {
            for (language, name) in [
                (Language::Java, "ArrayList"),
                (Language::Java, "HashMap"),
                (Language::Java, "Array"),
                (Language::JavaScript, "array"),
                (Language::JavaScript, "dict"),
            ] {
                let items = Some(if language == Language::Java { "integer" } else { "array" });
                assert!(matches!(read(language, name, items, &text), Ok(_) | Err(Fail::Limit)));
            }
        }
    }
}
