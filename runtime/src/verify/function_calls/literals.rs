//! Literals of Java and JavaScript inside texts: there every argument is a text that holds a literal. What is no literal
//! of the wanted type stays a text, and then fails the type check or stands for a variable.

use super::checker::Language;
use serde_json::Value as Json;

/// Reads a literal of a type.
pub fn read(language: Language, type_name: &str, items: &str, text: &str) -> Json {
    let value = match (language, type_name) {
        (Language::Java, "byte" | "short" | "integer") | (Language::JavaScript, "integer") => whole(text),
        (Language::Java, "long") => text.strip_suffix(['l', 'L']).and_then(whole),
        (Language::JavaScript, "Bigint") => text.strip_suffix('n').and_then(whole),
        (Language::Java, "float") => text.strip_suffix(['f', 'F']).and_then(|digits| real(digits, true)),
        (Language::Java, "double") => real(text, true),
        (Language::JavaScript, "float") => real(text, false),
        (_, "boolean" | "Boolean") => match text {
            "true" => Some(Json::Bool(true)),
            "false" => Some(Json::Bool(false)),
            _ => None,
        },
        (Language::Java, "char") => quoted(text, &['\'']),
        (Language::Java, "String") => quoted(text, &['"']),
        (Language::JavaScript, "String") => quoted(text, &['"', '\'']),
        (_, "Array" | "ArrayList" | "array" | "Queue" | "Stack" | "Set") => list(language, items, text),
        (Language::JavaScript, "dict") => serde_json::from_str(text).ok().filter(Json::is_object),
        _ => None,
    };
    value.unwrap_or_else(|| Json::String(text.to_owned()))
}

fn whole(text: &str) -> Option<Json> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse::<i64>().ok().map(Json::from)
}

/// A number with a point; in Java the point must be there, with digits on both sides.
fn real(text: &str, needs_point: bool) -> Option<Json> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (before, after) = match unsigned.split_once('.') {
        Some((before, after)) => (before, Some(after)),
        None => (unsigned, None),
    };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let good = !before.is_empty()
        && digits(before)
        && after.is_none_or(digits)
        && !(needs_point && after.is_none_or(str::is_empty))
        && !exponent.is_empty()
        && digits(exponent);
    if !good {
        return None;
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Json::from)
}

fn quoted(text: &str, marks: &[char]) -> Option<Json> {
    let inside = |mark: &char| text.strip_prefix(*mark).and_then(|rest| rest.strip_suffix(*mark));
    marks.iter().find_map(inside).map(|inside| Json::String(inside.to_owned()))
}

/// The items of `[a, b]`, `{a, b}`, `new T[]{a, b}`, `Arrays.asList(a, b)` or `List.of(a, b)`.
fn list(language: Language, items: &str, text: &str) -> Option<Json> {
    let text = text.trim();
    let inside = match language {
        Language::JavaScript => text.strip_prefix('[')?.strip_suffix(']')?,
        _ => {
            let brace = text.find('{').map(|at| (at, '}'));
            let call = ["asList(", "List.of(", "Set.of("]
                .iter()
                .find_map(|call| text.find(call).map(|at| (at + call.len() - 1, ')')));
            let (open, close) = brace.or(call)?;
            let rest = text.get(open + 1..)?;
            rest.get(..rest.find(close)?)?
        }
    };
    let item = |text: &str| {
        let text = text.trim();
        match items {
            "" | "any" => {
                quoted(text, &['"', '\'']).or_else(|| whole(text)).unwrap_or_else(|| Json::String(text.to_owned()))
            }
            items => read(language, items, "", text),
        }
    };
    Some(Json::Array(split(inside).into_iter().map(item).collect()))
}

/// Parts between commas that stand outside of quotes and brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0usize, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..).filter(|last| !last.trim().is_empty() || !parts.is_empty()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn literals_of_both_languages() {
        let check = |language, name, items, text, expected: Json| {
            assert_eq!(read(language, name, items, text), expected, "{name} {text}");
        };
        let (java, script) = (Language::Java, Language::JavaScript);
        check(java, "integer", "", "-12", json!(-12));
        check(java, "integer", "", "12.0", json!("12.0"));
        check(java, "long", "", "12L", json!(12));
        check(java, "double", "", "1.5e3", json!(1500.0));
        check(java, "double", "", "1", json!("1"));
        check(java, "float", "", "1.5f", json!(1.5));
        check(java, "boolean", "", "true", json!(true));
        check(java, "String", "", "\"a b\"", json!("a b"));
        check(java, "Array", "integer", "new int[]{1, 2}", json!([1, 2]));
        check(java, "ArrayList", "String", "new ArrayList<>(Arrays.asList(\"a,b\", \"c\"))", json!(["a,b", "c"]));
        check(script, "float", "", "4", json!(4.0));
        check(script, "float", "", "nan", json!("nan"));
        check(script, "array", "integer", "[1, 2]", json!([1, 2]));
        check(script, "array", "String", "[]", json!([]));
        check(script, "dict", "", "{\"a\": 1}", json!({"a": 1}));
        check(script, "Bigint", "", "7n", json!(7));
    }
}
