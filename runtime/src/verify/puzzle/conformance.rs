//! Agreement with the field's verifiers on the cases of `tests/conformance/logic.jsonl`, whose labels are what the references
//! answered. The floors may only rise.

use super::*;
use serde_json::Value;
use std::collections::BTreeMap;

/// Share of undisputed cases of every task that must agree.
const FLOOR: f64 = 1.0;

/// Share of disputed cases, all tasks together: there is no deliberate difference.
const DISPUTED_FLOOR: f64 = 1.0;

struct Case {
    id: String,
    task: String,
    problem: Problem,
    prediction: String,
    expected: String,
    disputed: bool,
}

fn cases() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/conformance/logic.jsonl");
    let text = std::fs::read_to_string(path).expect("the cases are part of the repository");
    let case = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a JSON object a line");
        let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let columns = ["task", "game_data"].map(|key| (key.to_owned(), row[key].clone()));
        Case {
            id: word("id"),
            task: word("task"),
            problem: Problem { id: word("id"), level: 0, prompt: String::new(), columns: BTreeMap::from(columns) },
            prediction: word("prediction"),
            expected: word("expected"),
            disputed: row["disputed"] == true,
        }
    };
    text.lines().map(case).collect()
}

fn status(case: &Case) -> String {
    let verdict = Puzzle.judge(&case.problem, Some(&case.prediction));
    serde_json::to_value(verdict.status).expect("a status").as_str().unwrap_or_default().to_owned()
}

#[test]
fn agrees_with_the_references() {
    let mut shares: BTreeMap<(String, bool), (usize, usize)> = BTreeMap::new();
    for case in cases() {
        let said = status(&case);
        let share = shares.entry((case.task.clone(), case.disputed)).or_default();
        share.1 += 1;
        if said == case.expected {
            share.0 += 1;
        } else {
            let mark = if case.disputed { " (disputed)" } else { "" };
            println!("{} {}{mark}: {said}, not {}: {:?}", case.id, case.task, case.expected, case.prediction);
        }
    }
    assert!(shares.len() > 50, "the file holds every task");
    let mut below = Vec::new();
    for ((task, disputed), (agree, of)) in &shares {
        println!("{task}{}: {agree} of {of}", if *disputed { ", disputed" } else { "" });
        if !disputed && (*agree as f64) < FLOOR * *of as f64 {
            below.push(task.clone());
        }
    }
    let disputed = shares
        .iter()
        .filter(|((_, disputed), _)| *disputed)
        .fold((0, 0), |sum, (_, share)| (sum.0 + share.0, sum.1 + share.1));
    assert!(below.is_empty(), "below the floor: {below:?}");
    assert!(disputed.0 as f64 >= DISPUTED_FLOOR * disputed.1 as f64, "{disputed:?}");
}

/// Answers a second on one core: a measurement, and a floor far below it that a quadratic rule would miss.
#[test]
fn judges_thousands_of_answers_a_second() {
    let cases = cases();
    cases.iter().for_each(|case| drop(status(case)));
    let start = std::time::Instant::now();
    let rounds = 5;
    for _ in 0..rounds {
        cases.iter().for_each(|case| drop(status(case)));
    }
    let rate = (rounds * cases.len()) as f64 / start.elapsed().as_secs_f64();
    println!("puzzle: {rate:.0} answers a second");
    assert!(rate > 1_000.0, "{rate}");
}
