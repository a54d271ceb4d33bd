use super::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::Instant;

fn open(arguments: &[(&str, ArgumentValue)]) -> Result<PythonTests, VerifierError> {
    let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    PythonTests::open(&VerifierSettings { name: NAME.into(), arguments })
}

/// A verifier with so many CPU seconds a test. A machine without a sandbox fails here: that is what it is for.
fn verifier(seconds: f64) -> PythonTests {
    open(&[("timeout", ArgumentValue::Number(seconds))]).unwrap_or_else(|why| panic!("{why}"))
}

fn problem(tests: Json) -> Problem {
    let columns = BTreeMap::from([("tests".to_owned(), tests)]);
    Problem { id: String::new(), level: 0, prompt: String::new(), columns }
}

/// The cases of the reference, as they are in the repository.
fn cases() -> Vec<Json> {
    let text = include_str!("../../../../tests/conformance/code.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

fn name(status: Status) -> Json {
    serde_json::to_value(status).expect("a name")
}

#[test]
fn agrees_with_the_reference() {
    let verifier = verifier(2.0);
    let mut seen = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases() {
        if case["hostile"] == true { continue; }
        let begun = Instant::now();
        let verdict = verifier.judge(&problem(case["tests"].clone()), case["completion"].as_str());
        let agrees = name(verdict.status) == case["expected"];
        let row: &mut (u32, u32) = seen.entry((case["disputed"] == true, case["category"].to_string())).or_default();
        row.0 += u32::from(agrees);
        row.1 += 1;
        if !agrees || begun.elapsed().as_secs_f64() > 1.0 { wrong.push(format!("{} {} {} {verdict:?} {} {:?}", agrees, case["id"], case["expected"], case["reason"], begun.elapsed())); }
    }
    println!("{seen:#?}\n{}", wrong.join("\n"));
}
