//! The tests of a problem, in the forms of the data sets.
//!
//! | form | script | call of a function |
//! | --- | --- | --- |
//! | APPS, TACO: `{"inputs": […], "outputs": […], "fn_name"?}` | a text, or a list of lines | a list of arguments; the output in a list of one, or bare |
//! | with `"call_type": "std" \| "fn"` | the same | arguments as above, or a text with one JSON value a line; the output as JSON text |
//! | LiveCodeBench: `[{"input": …, "output": …}]` | texts | with `"fn_name"` in each: as with `call_type` |
//!
//! The whole may be JSON, or a text that holds JSON.

use super::value::{self, Value};
use crate::sandbox::Task;
use serde_json::Value as Json;

/// The tests of a problem.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Suite {
    pub cases: Vec<Case>,
}

/// A test.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    given: Given,
    pub expected: Expected,
}

#[derive(Debug, Clone, PartialEq)]
enum Given {
    Input(String),
    Call { name: String, arguments: Vec<String> },
}

/// What must come out.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expected {
    /// This text on the standard output.
    Output(String),
    /// One of these values, returned.
    Value(Vec<Value>),
}

impl Case {
    /// What to run.
    pub fn task(&self) -> Task<'_> {
        match &self.given {
            Given::Input(input) => Task::Script { input },
            Given::Call { name, arguments } => Task::Call { name, arguments },
        }
    }
}

impl Suite {
    /// Reads a column.
    pub fn read(column: &Json) -> Result<Self, String> {
        match column {
            Json::String(text) => match serde_json::from_str(text) {
                Ok(Json::String(_)) | Err(_) => Err("the tests are a text that holds no JSON".into()),
                Ok(inner) => Self::read(&inner),
            },
            Json::Object(object) => {
                let list = |name: &str| match object.get(name) {
                    Some(Json::Array(items)) => Ok(items.as_slice()),
                    _ => Err(format!("the tests have no list `{name}`")),
                };
                let function = function(column)?;
                // Inputs without an output are not tests.
                let pairs = list("inputs")?.iter().zip(list("outputs")?);
                let cases = pairs.map(|(input, output)| case(function, input, output)).collect::<Result<_, _>>()?;
                Ok(Self { cases })
            }
            Json::Array(tests) => {
                let one = |test: &Json| match (test.get("input"), test.get("output")) {
                    (Some(input), Some(output)) => case(function(test)?, input, output),
                    _ => Err("a test is not `{\"input\": …, \"output\": …}`".into()),
                };
                Ok(Self { cases: tests.iter().map(one).collect::<Result<_, _>>()? })
            }
            _ => Err("the tests are neither an object nor a list".into()),
        }
    }
}

/// The function that is called; none for scripts.
fn function(object: &Json) -> Result<Option<&str>, String> {
    let name = object.get("fn_name").and_then(Json::as_str).filter(|name| !name.is_empty());
    match (object.get("call_type").and_then(Json::as_str), name) {
        (Some("std"), _) | (None, None) => Ok(None),
        (Some("fn") | None, Some(name)) => Ok(Some(name)),
        (Some("fn"), None) => Err("the tests call a function and have no `fn_name`".into()),
        (Some(other), _) => Err(format!("`call_type` is `{other}`, neither `std` nor `fn`")),
    }
}

fn case(function: Option<&str>, input: &Json, output: &Json) -> Result<Case, String> {
    let Some(name) = function else {
        return Ok(Case { given: Given::Input(lines(input)), expected: Expected::Output(lines(output)) });
    };
    let arguments = match input {
        Json::String(text) => {
            let arguments: Vec<String> = text.trim_end_matches('\n').split('\n').map(str::to_owned).collect();
            let arguments = if text.is_empty() { Vec::new() } else { arguments };
            if let Some(bad) = arguments.iter().find(|text| value::from_text(text).is_none()) {
                let bad: String = bad.chars().take(40).collect();
                return Err(format!("an argument of a test is no JSON: `{bad}`"));
            }
            arguments
        }
        Json::Array(items) => items.iter().map(Json::to_string).collect(),
        one => vec![one.to_string()],
    };
    // Older data sets put the result into a list of one.
    let expected = match output {
        Json::String(text) => {
            let plain = Value::Text(text.clone());
            match value::from_text(text) {
                // Where arguments are JSON text, so is the result; else a text may be meant as it stands.
                Some(read) if input.is_string() => vec![read],
                Some(read) => vec![read, plain],
                None => vec![plain],
            }
        }
        Json::Array(items) => match items.as_slice() {
            [one] => vec![value::from_json(output), value::from_json(one)],
            _ => vec![value::from_json(output)],
        },
        one => vec![value::from_json(one)],
    };
    Ok(Case { given: Given::Call { name: name.to_owned(), arguments }, expected: Expected::Value(expected) })
}

/// A text, or a list of lines; anything else as JSON writes it.
fn lines(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(lines).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forms_of_the_data_sets() {
        let read = |json: Json| Suite::read(&json).map(|suite| suite.cases);
        let taco = read(json!("{\"inputs\": [\"1\\n\", [\"a\", \"b\"]], \"outputs\": [\"2\", [\"c\"], \"surplus\"]}"))
            .unwrap();
        assert_eq!(taco.len(), 2);
        assert_eq!(taco[1].task(), Task::Script { input: "a\nb" });
        assert_eq!(taco[1].expected, Expected::Output("c".into()));
        let apps = read(json!({"fn_name": "f", "inputs": [[1, "x"]], "outputs": [[3]]})).unwrap();
        assert_eq!(apps[0].task(), Task::Call { name: "f", arguments: &["1".into(), "\"x\"".into()] });
        let Expected::Value(values) = &apps[0].expected else { panic!("a value") };
        assert_eq!(values.len(), 2);
        let calls =
            read(json!({"call_type": "fn", "fn_name": "f", "inputs": ["[1]\n2\n"], "outputs": ["[3]"]})).unwrap();
        assert_eq!(calls[0].task(), Task::Call { name: "f", arguments: &["[1]".into(), "2".into()] });
        let live = read(json!([{"input": "1", "output": "2", "testtype": "stdin"}])).unwrap();
        assert_eq!(live[0].task(), Task::Script { input: "1" });
    }

    #[test]
    fn bad_data_is_told() {
        for (json, why) in [
            (json!(1), "neither an object nor a list"),
            (json!("x"), "holds no JSON"),
            (json!({"inputs": []}), "no list `outputs`"),
            (json!({"inputs": [], "outputs": [], "call_type": "fn"}), "no `fn_name`"),
            (json!({"inputs": [], "outputs": [], "call_type": "x"}), "neither `std` nor `fn`"),
            (json!({"inputs": ["x"], "outputs": ["1"], "fn_name": "f"}), "is no JSON: `x`"),
            (json!([{"input": "1"}]), "a test is not"),
        ] {
            let told = Suite::read(&json).expect_err("bad");
            assert!(told.contains(why), "{told}");
        }
    }
}
