//! `program_tests`: the answer is a program, and it is right when it passes all tests.
//!
//! The language is a subset of Python: functions, whole numbers, numbers with a point, texts, lists, tuples, `if`, `for`.
//! Starlark's parser reads it. Its evaluator is not used: it looks at its limits once in a thousand loop turns, and one
//! operator may take all memory in between. Ours counts every node, item and byte before it is spent, so a verdict
//! depends on the program and never on the clock, and a hostile program costs at most the limits.
//!
//! Two forms are read: one expression in `x` (`x*3+1` means `def f(x): return x*3+1`), or a module with functions.
//! Results are compared outside of the program, which cannot reach the tests.

mod code;
mod library;
mod lower;
mod machine;
mod operators;
mod value;

#[cfg(test)]
mod hostile_tests;

use self::code::Program;
use self::lower::Refusal;
use self::machine::Machine;
use self::value::{Heap, Number, Run, Stop, Value, compare_numbers, number};
use super::{Status, Verdict, Verifier, VerifierError};
use crate::data::Problem;
use recipec_compiler::settings::{ArgumentValue, VerifierSettings};
use serde_json::Value as Json;
use std::cmp::Ordering;

pub use self::value::Limits;

const NAME: &str = "program_tests";

/// Runs an answer on the tests of a problem.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgramTests {
    /// The column with the tests: a list of `{"input": [arguments], "output": value}`.
    tests: String,
    /// The column with the name of the function; where a problem has none, the function is `f`.
    function: String,
    /// At most this many tests are run; the first ones.
    max_tests: usize,
    limits: Limits,
}

impl ProgramTests {
    /// Reads the arguments: `tests` and `function` name columns; `max_tests`, `max_steps` and `max_memory` (bytes) are
    /// limits, the last two for one test.
    pub fn open(settings: &VerifierSettings) -> Result<Self, VerifierError> {
        let mut made =
            Self { tests: "tests".into(), function: "function".into(), max_tests: 100, limits: Limits::default() };
        for (name, value) in &settings.arguments {
            let bad = |why: String| VerifierError::BadArgument { name: NAME.into(), why };
            let count = |most: f64| match value {
                ArgumentValue::Number(number) if (1.0..=most).contains(number) => Ok(*number as u64),
                _ => Err(bad(format!("`{name}` is a number from 1 to {most}"))),
            };
            match (name.as_str(), value) {
                ("tests", ArgumentValue::Word(column) | ArgumentValue::Text(column)) => made.tests = column.clone(),
                ("function", ArgumentValue::Word(column) | ArgumentValue::Text(column)) => {
                    made.function = column.clone()
                }
                ("tests" | "function", _) => {
                    return Err(bad(format!("`{name}` names a column of the data")));
                }
                ("max_tests", _) => made.max_tests = count(1e4)? as usize,
                ("max_steps", _) => made.limits.steps = count(1e8)?,
                ("max_memory", _) => made.limits.bytes = count(1e8)?,
                (other, _) => return Err(bad(format!("there is no argument `{other}`"))),
            }
        }
        Ok(made)
    }
}

impl Verifier for ProgramTests {
    fn judge(&self, problem: &Problem, answer: Option<&str>) -> Verdict {
        let Some(answer) = answer.filter(|answer| !answer.trim().is_empty()) else {
            return Verdict::of(Status::NoAnswer, "no program");
        };
        let name = problem.columns.get(&self.function).and_then(Json::as_str).unwrap_or("f");
        let Some(Json::Array(tests)) = problem.columns.get(&self.tests) else {
            return Verdict::of(Status::Error, format!("the problem has no column `{}` with tests", self.tests));
        };
        if tests.is_empty() {
            return Verdict::of(Status::Error, "the problem has no tests");
        }
        let program = match lower::program(answer, name) {
            Ok(program) => program,
            Err(Refusal::Unreadable(why)) => return Verdict::of(Status::Unparsable, why),
            Err(Refusal::Limit(why)) => {
                return Verdict { limited: true, ..Verdict::of(Status::Unparsable, why) };
            }
        };
        let total = tests.len().min(self.max_tests);
        let mut passed = 0;
        let mut first_fault = None;
        for test in tests.iter().take(total) {
            let (Some(Json::Array(input)), Some(output)) = (test.get("input"), test.get("output")) else {
                return Verdict::of(Status::Error, "a test is not `{\"input\": [..], \"output\": ..}`");
            };
            match run(&program, name, input, output, self.limits) {
                Ok(Some(true)) => passed += 1,
                Ok(Some(false)) => {}
                Ok(None) => {
                    return Verdict::of(Status::Error, "a test has an input that the language has no value for");
                }
                Err(Stop::Fault(why)) => first_fault = first_fault.or(Some(why)),
                Err(Stop::Limit(why)) => {
                    let score = share(passed, total);
                    return Verdict {
                        score,
                        limited: true,
                        ..Verdict::wrong(format!("{why} after {passed} of {total} tests"))
                    };
                }
            }
        }
        if passed == total {
            return Verdict::correct();
        }
        let why = first_fault.map(|why| format!(": {why}")).unwrap_or_default();
        Verdict { score: share(passed, total), ..Verdict::wrong(format!("{passed} of {total} tests passed{why}")) }
    }
}

/// Tests passed, as a share. The status stays wrong: a program is right or not.
fn share(passed: usize, total: usize) -> f64 {
    passed as f64 / total as f64
}

/// Whether a program passes a test; none where the input has no value in the language. Every test has a fresh state.
fn run(program: &Program, name: &str, input: &[Json], output: &Json, limits: Limits) -> Run<Option<bool>> {
    let mut machine = Machine::start(program, limits)?;
    let mut arguments = Vec::with_capacity(input.len());
    for json in input {
        let Some(value) = machine.heap.of_json(json)? else {
            return Ok(None);
        };
        arguments.push(value);
    }
    let Some(function) = program.function(name).and_then(|number| program.functions.get(number)) else {
        return value::fault(format!("there is no function `{name}`"));
    };
    let result = machine.call(function, &arguments)?;
    equals(&mut machine.heap, result, output, true).map(Some)
}

/// Python equality of a result with expected JSON. A tuple counts as a list at the top only.
fn equals(heap: &mut Heap, value: Value, json: &Json, top: bool) -> Run<bool> {
    heap.work(1)?;
    let expected = match json {
        Json::Bool(truth) => Some(Number::Int(i64::from(*truth))),
        Json::Number(number) if number.is_f64() => number.as_f64().map(Number::Float),
        Json::Number(number) => number.as_i64().map(Number::Int),
        _ => None,
    };
    if let (Some(got), Some(expected)) = (number(value), expected) {
        return Ok(compare_numbers(got, expected) == Some(Ordering::Equal));
    }
    match (value, json) {
        (Value::None, Json::Null) => Ok(true),
        (Value::Text(at), Json::String(text)) => Ok(heap.text_at(at) == text),
        (Value::Tuple(_), _) if !top => Ok(false),
        (Value::List(at) | Value::Tuple(at), Json::Array(items)) => {
            if heap.items_at(at).len() != items.len() {
                return Ok(false);
            }
            for (nth, item) in items.iter().enumerate() {
                let Some(value) = heap.items_at(at).get(nth).copied() else {
                    return Ok(false);
                };
                if !equals(heap, value, item, false)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn verifier() -> ProgramTests {
        ProgramTests::open(&VerifierSettings { name: NAME.into(), arguments: BTreeMap::new() }).unwrap()
    }

    fn judge(answer: &str, tests: Json) -> Verdict {
        let columns = BTreeMap::from([("tests".to_owned(), tests)]);
        let problem = Problem { id: String::new(), level: 0, prompt: String::new(), columns };
        verifier().judge(&problem, Some(answer))
    }

    fn check(answer: &str, input: Json, output: Json, status: Status) {
        let verdict = judge(answer, json!([{ "input": input, "output": output }]));
        assert_eq!(verdict.status, status, "{answer}: {:?}", verdict.detail);
    }

    /// Expected values are those of Python 3.11.
    #[test]
    fn expressions_have_the_meaning_of_python() {
        for (answer, x, output) in [
            ("x*3+1", json!(2), json!(7)),
            (" x * 3 + 1 ", json!(2), json!(7)),
            ("(x)", json!(2), json!(2.0)),
            ("x>3", json!(4), json!(1)),
            ("x if x>3 else 3", json!(1), json!(3)),
            ("max(x,5)+2", json!(7), json!(9)),
            ("min(x, 5, 4)", json!(7), json!(4)),
            ("-x%5", json!(3), json!(2)),
            ("-x//2", json!(3), json!(-2)),
            ("x/2", json!(4), json!(2)),
            ("not x", json!(0), json!(true)),
            ("x and 5 or 6", json!(0), json!(6)),
            ("[i*i for i in range(x) if i%2]", json!(6), json!([1, 9, 25])),
            ("[[x for x in range(x)] for x in range(x)]", json!(3), json!([[], [0], [0, 1]])),
            ("(x, 'a')", json!(1), json!([1, "a"])),
            ("x[::-1]", json!("abc"), json!("cba")),
            ("x[-1]", json!([1, 2]), json!(2)),
            ("x[1:]", json!([1, 2, 3]), json!([2, 3])),
            ("sum(x)", json!([1, 2, 3]), json!(6)),
            ("sorted(x, reverse=True)", json!([2, 3, 1]), json!([3, 2, 1])),
            ("','.join([str(i) for i in x])", json!([2, 3]), json!("2,3")),
            ("str(x)", json!([1, "a", null, [true]]), json!("[1, 'a', None, [True]]")),
            ("'b' in x", json!("abc"), json!(true)),
            ("7 in range(x)", json!(7), json!(false)),
            ("x.replace('a', 'bb').upper()", json!("cat"), json!("CBBT")),
            ("x.split()", json!(" a  b "), json!(["a", "b"])),
            ("list(zip(x, range(9)))[1][0]", json!(["a", "b"]), json!("b")),
            ("pow(x, 3) + abs(-x)", json!(3), json!(30)),
            ("len(x) + int('12')", json!("äb"), json!(14)),
            ("x << 3 | 1", json!(2), json!(17)),
            ("~x", json!(2), json!(-3)),
        ] {
            check(answer, json!([x]), output, Status::Correct);
        }
    }

    #[test]
    fn modules_run_too() {
        let cases = [
            (
                "def f(n):\n    total = 0\n    for i in range(n):\n        if i % 2:\n            continue\n        total += i\n    return total",
                json!([7]),
                json!(12),
            ),
            ("def f(n: int) -> int:\n  return n if n < 2 else f(n-1) + f(n-2)", json!([10]), json!(55)),
            ("k = 3\ndef g(x):\n  return x + k\ndef f(x):\n  return g(g(x))", json!([1]), json!(7)),
            ("def f(a, b):\n  a, b = b, a\n  return [a, b]", json!([1, 2]), json!([2, 1])),
            ("def f(a):\n  b = a\n  b += [1]\n  a[0] += 5\n  a.append(2)\n  return b", json!([[0]]), json!([5, 1, 2])),
            ("def f(a):\n  for i in a:\n    if i == 2:\n      break\n  return i", json!([[1, 2, 3]]), json!(2)),
            ("def f(t):\n  n = 0\n  for c in t:\n    n += ord(c) - ord('a')\n  return n", json!(["abc"]), json!(3)),
            ("def f(x):\n  pass", json!([1]), json!(null)),
        ];
        for (answer, input, output) in cases {
            check(answer, input, output, Status::Correct);
        }
    }

    #[test]
    fn what_is_not_right_is_told_apart() {
        for (answer, status) in [
            ("x+2", Status::Wrong),
            ("y", Status::Wrong),
            ("x/0", Status::Wrong),
            ("[x][5]", Status::Wrong),
            ("x.nothing()", Status::Wrong),
            ("def g(x):\n  return 1", Status::Wrong),
            ("def f():\n  return 1", Status::Wrong),
            ("def f(x):\n  return v\n  v = 1", Status::Wrong),
            ("(1, (2,))", Status::Wrong),
            ("[2", Status::Unparsable),
            ("x**2", Status::Unparsable),
            ("0<x<3", Status::Unparsable),
            ("x;x", Status::Unparsable),
            ("return x", Status::Unparsable),
            ("while x: pass", Status::Unparsable),
            ("lambda x: x", Status::Unparsable),
            ("import os", Status::Unparsable),
            ("load('a', 'b')", Status::Unparsable),
            ("f'{x}'", Status::Unparsable),
            ("print", Status::Unparsable),
            ("x=3", Status::Unparsable),
            ("x) or (x", Status::Unparsable),
            ("", Status::NoAnswer),
            (" \n", Status::NoAnswer),
        ] {
            check(answer, json!([1]), json!(2), status);
        }
        check("(x, (1,))", json!([1]), json!([1, [1]]), Status::Wrong);
        let nothing = verifier().judge(
            &Problem { id: String::new(), level: 0, prompt: String::new(), columns: BTreeMap::new() },
            Some("x"),
        );
        assert_eq!(nothing.status, Status::Error);
    }

    #[test]
    fn the_share_of_passed_tests_is_the_score() {
        let verdict = judge("2", json!([{"input": [1], "output": 2}, {"input": [2], "output": 3}]));
        assert_eq!((verdict.status, verdict.score, verdict.limited), (Status::Wrong, 0.5, false));
    }

    #[test]
    fn arguments_are_checked() {
        let open = |name: &str, value| {
            ProgramTests::open(&VerifierSettings {
                name: NAME.into(),
                arguments: BTreeMap::from([(name.to_owned(), value)]),
            })
        };
        assert!(open("tests", ArgumentValue::Word("cases".into())).is_ok());
        assert!(open("max_steps", ArgumentValue::Number(100.0)).is_ok());
        assert!(open("max_steps", ArgumentValue::Number(0.0)).is_err());
        assert!(open("max_steps", ArgumentValue::Number(f64::NAN)).is_err());
        assert!(open("timeout", ArgumentValue::Number(5.0)).is_err());
        assert!(open("tests", ArgumentValue::Bool(true)).is_err());
    }
}
