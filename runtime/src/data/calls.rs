//! Function calls for a small policy: a request becomes a call in JSON.
//!
//! | level | request | answer | steps |
//! | --- | --- | --- | --- |
//! | 1 | `set lamp 42!` | `{"set":{"lamp":42}}` | `lamp=42` |
//! | 2 | `set lamp 38+7!` | `{"set":{"lamp":45}}` | `lamp=38+7;8+7=15;30+15=45` |
//! | 3 | `mix tea 9+8 jam 5!` | `{"mix":{"tea":17,"jam":5}}` | `tea=9+8=17;jam=5` |
//! | 4 | `set lamp 3*14!` | `{"set":{"lamp":42}}` | `lamp=3*14;3*4=12;3*10=30;12+30=42` |
//!
//! A call is written in the short form `{name: arguments}`, which `function_calls(format = json)` reads.

use crate::data::builtin::{Generator, Task};
use crate::rng::Draws;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Names of functions.
const VERBS: [&str; 8] = ["set", "put", "mix", "buy", "add", "cut", "run", "get"];

/// Names of parameters.
const THINGS: [&str; 10] = ["lamp", "fan", "tea", "jam", "oven", "door", "tank", "salt", "bell", "rice"];

/// The generator `calls`. Columns: `functions` and `ground_truth`, for `function_calls`.
pub struct Calls;

/// An argument: how the request writes it, its value, its steps, and what it asks whatever the order of its operands.
struct Argument {
    name: &'static str,
    written: String,
    value: i64,
    steps: String,
    key: String,
}

fn literal(name: &'static str, value: i64) -> Argument {
    Argument {
        name,
        written: value.to_string(),
        value,
        steps: format!("{name}={value}"),
        key: format!("{name} {value}"),
    }
}

/// Two numbers of one digit.
fn small_sum(name: &'static str, a: i64, b: i64) -> Argument {
    let steps = format!("{name}={a}+{b}={}", a + b);
    Argument {
        name,
        written: format!("{a}+{b}"),
        value: a + b,
        steps,
        key: format!("{name} {}+{}", a.min(b), a.max(b)),
    }
}

/// A number of two digits and one of one digit, in either order.
fn sum(name: &'static str, long: i64, short: i64, long_first: bool) -> Argument {
    let written = if long_first { format!("{long}+{short}") } else { format!("{short}+{long}") };
    let (tens, ones) = (long - long % 10, long % 10);
    let steps = format!("{name}={written};{ones}+{short}={};{tens}+{}={}", ones + short, ones + short, long + short);
    Argument { name, written, value: long + short, steps, key: format!("{name} {long}+{short}") }
}

/// A number of one digit times one of two digits.
fn product(name: &'static str, digit: i64, long: i64) -> Argument {
    let (tens, ones) = (long - long % 10, long % 10);
    let (low, high) = (digit * ones, digit * tens);
    let steps = format!("{name}={digit}*{long};{digit}*{ones}={low};{digit}*{tens}={high};{low}+{high}={}", low + high);
    let written = format!("{digit}*{long}");
    Argument { name, value: low + high, steps, key: format!("{name} {written}"), written }
}

fn pick<const N: usize>(names: [&'static str; N], draws: &mut Draws) -> &'static str {
    names.get(draws.below(N as u64) as usize).copied().unwrap_or("set")
}

fn arguments(level: u32, draws: &mut Draws) -> Vec<Argument> {
    let name = pick(THINGS, draws);
    match level {
        1 => vec![literal(name, draws.between(1, 99))],
        2 => vec![sum(name, draws.between(11, 89), draws.between(2, 9), draws.below(2) == 0)],
        3 => {
            let others = THINGS.iter().filter(|other| **other != name);
            let second = others.copied().nth(draws.below(THINGS.len() as u64 - 1) as usize).unwrap_or("fan");
            let added = small_sum(name, draws.between(2, 9), draws.between(2, 9));
            let plain = literal(second, draws.between(1, 9));
            if draws.below(2) == 0 { vec![added, plain] } else { vec![plain, added] }
        }
        _ => vec![product(name, draws.between(2, 6), draws.between(11, 29))],
    }
}

impl Generator for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn levels(&self) -> u32 {
        4
    }

    fn sample(&self, level: u32, draws: &mut Draws) -> Task {
        let verb = pick(VERBS, draws);
        let arguments = arguments(level, draws);
        let join =
            |part: fn(&Argument) -> String, between: &str| arguments.iter().map(part).collect::<Vec<_>>().join(between);
        let request = join(|argument| format!("{} {}", argument.name, argument.written), " ");
        let values = join(|argument| format!("\"{}\":{}", argument.name, argument.value), ",");
        let steps = join(|argument| argument.steps.clone(), ";");
        // The order of parameters means nothing in a call.
        let mut keys: Vec<&str> = arguments.iter().map(|argument| argument.key.as_str()).collect();
        keys.sort_unstable();
        let key = format!("{verb} {}", keys.join(" "));
        let (mut properties, mut allowed) = (Map::new(), Map::new());
        for argument in &arguments {
            properties.insert(argument.name.to_owned(), json!({ "type": "integer" }));
            allowed.insert(argument.name.to_owned(), json!([argument.value]));
        }
        let required: Vec<&str> = arguments.iter().map(|argument| argument.name).collect();
        let parameters = json!({ "type": "dict", "properties": properties, "required": required });
        let columns = BTreeMap::from([
            ("functions".to_owned(), json!([{ "name": verb, "parameters": parameters }])),
            ("ground_truth".to_owned(), json!([Map::from_iter([(verb.to_owned(), Value::Object(allowed))])])),
        ]);
        Task {
            level,
            prompt: format!("{verb} {request}!"),
            key,
            columns,
            steps,
            answer: format!("{{\"{verb}\":{{{values}}}}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::builtin::test_tasks;
    use crate::data::{Problem, Split};
    use crate::verify::function_calls::FunctionCalls;
    use crate::verify::{Status, Verifier};
    use recipec_compiler::settings::{ArgumentValue, VerifierSettings};

    #[test]
    fn answers_are_right_and_short() {
        let arguments = BTreeMap::from([("format".to_owned(), ArgumentValue::Word("json".into()))]);
        let verifier = FunctionCalls::open(&VerifierSettings { name: "function_calls".into(), arguments }).unwrap();
        for level in 1..=4 {
            let sides = test_tasks(&Calls, level, 2_000, |task| {
                let problem =
                    Problem { id: String::new(), level, prompt: task.prompt.clone(), columns: task.columns.clone() };
                let status = |answer: &str| verifier.judge(&problem, Some(answer)).status;
                assert_eq!(status(&task.answer), Status::Correct, "{task:?}");
                let digit = task.answer.chars().rfind(char::is_ascii_digit).unwrap();
                let other = if digit == '7' { "3" } else { "7" };
                let at = task.answer.rfind(digit).unwrap();
                let mut wrong = task.answer.clone();
                wrong.replace_range(at..=at, other);
                assert_eq!(status(&wrong), Status::Wrong, "{wrong}");
                assert_eq!(status(&task.prompt), Status::Unparsable);
                assert!(task.prompt.ends_with('!') && task.answer.len() <= 30 && task.steps.len() <= 40, "{task:?}");
            });
            assert!(sides.contains(&Split::Train) && sides.contains(&Split::HeldOut));
        }
    }

    /// Requests that mean the same call by the same work are one problem, so they cannot be on both sides of the split.
    #[test]
    fn keys_do_not_know_the_order() {
        let mut meanings = BTreeMap::new();
        for level in 1..=4 {
            test_tasks(&Calls, level, 5_000, |task| {
                let request = task.prompt.trim_end_matches('!');
                let words: Vec<&str> = request.split(' ').collect();
                let mut arguments = Vec::new();
                for pair in words[1..].chunks(2) {
                    let mut operands: Vec<&str> = pair[1].split('+').collect();
                    operands.sort_unstable();
                    arguments.push((pair[0].to_owned(), operands.join("+")));
                }
                arguments.sort_unstable();
                let meaning = (words[0].to_owned(), arguments);
                assert_eq!(meanings.entry(meaning).or_insert_with(|| task.key.clone()), &task.key);
            });
        }
    }
}
