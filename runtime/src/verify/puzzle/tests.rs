//! What holds for the verifier as a whole.

use super::*;
use serde_json::json;
use std::collections::BTreeMap;

fn judged(columns: serde_json::Value, answer: Option<&str>) -> Status {
    let Value::Object(columns) = columns else { panic!("an object") };
    let columns: BTreeMap<String, Value> = columns.into_iter().collect();
    let problem = Problem { id: String::new(), level: 0, prompt: String::new(), columns };
    Puzzle.judge(&problem, answer).status
}

#[test]
fn data_that_is_none_is_unparsable() {
    let good = json!({ "question": "", "answer": "a" });
    for (columns, status) in [
        (json!({ "task": "word_sorting", "game_data": good }), Status::Correct),
        (json!({ "task": "word_sorting", "game_data": good.to_string() }), Status::Correct),
        (json!({ "game_data": good }), Status::Unparsable),
        (json!({ "task": "no_such", "game_data": good }), Status::Unparsable),
        (json!({ "task": "word_sorting" }), Status::Unparsable),
        (json!({ "task": "word_sorting", "game_data": {} }), Status::Unparsable),
        (json!({ "task": "word_sorting", "game_data": "{" }), Status::Unparsable),
        (json!({ "task": "word_sorting", "game_data": { "answer": "a" } }), Status::Unparsable),
        (json!({ "task": "word_sorting", "game_data": { "question": "", "answer": null } }), Status::Wrong),
        (json!({ "task": "space_reasoning", "game_data": { "question": "", "answer": null } }), Status::Unparsable),
        (json!({ "task": "ordering", "game_data": good }), Status::Error),
    ] {
        assert_eq!(judged(columns.clone(), Some("\\boxed{a}")), status, "{columns}");
    }
    assert_eq!(judged(json!({ "task": "word_sorting", "game_data": good }), Some(" \u{1c}\n")), Status::NoAnswer);
    assert_eq!(judged(json!({ "task": "word_sorting", "game_data": good }), None), Status::NoAnswer);
}

/// Data with everything that some task reads, so that no program stops at a missing entry.
fn rich_data() -> Value {
    let grid = json!([["X", "X", "A"], ["X", 1, "X"], ["T", "X", "X"]]);
    json!({
        "question": "List: b a\nCurrent puzzle:\nX 1\n2 X\n", "answer": "12",
        "metadata": {
            "numbers": [1, 2], "operators": ["+", "-", "*", "/"], "result": 3, "query_expr": "? + 2 = 3",
            "original_sudoku": vec![vec![0; 9]; 9], "grid_size": 2, "prefilled_coords": [[0, 1]],
            "constraints": [[[0, 0], [0, 1], "<"]], "n": 3, "m": 3, "k": 1, "grid": grid, "region_grid": grid, "maze": [["1", "X"]],
            "top": [1, 2, 2], "bottom": [1, 2, 2], "left": [1, 2, 2], "right": [1, 2, 2], "original_matrix": [[0, 1], [1, 2]],
            "candidate_numbers": [1], "row_sums": [1], "col_sums": [1], "row_constraints": [1, 0, 0], "col_constraints": [1, 0, 0],
            "regions": [{ "cells": ["(1,1)"], "target": 1, "operator": "+" }], "current_mines": [[0, 0]], "full_sequence": "()",
            "is_valid": false, "first_error_pos": 7777, "error_indices": [1], "records": { "answers": { "answer_maxLen": 1, "answer_nums": 1 } },
            "owns_after": "(('a','b'))", "across_words": ["a"], "down_words": ["b"]
        }
    })
}

fn problem(task: &str, data: &Value) -> Problem {
    let columns = BTreeMap::from([("task".to_owned(), json!(task)), ("game_data".to_owned(), data.clone())]);
    Problem { id: String::new(), level: 0, prompt: String::new(), columns }
}

/// Pieces of which hostile answers are made.
const PIECES: [&str; 40] = [
    "```python\n",
    "\n```",
    "```json\n",
    "```",
    "\\boxed{",
    "}",
    "{",
    "[[",
    "]]",
    "[",
    "]",
    "(",
    ")",
    "((",
    ",",
    " ",
    "\n",
    "1",
    "9",
    "0",
    "-",
    "**",
    "/",
    "%",
    "=",
    "'",
    "\"",
    "\\",
    "\\u12",
    "\\N{",
    "#",
    "\0",
    "é",
    "٣",
    "²",
    "The answer is ",
    "**yes**",
    "not ",
    "X",
    "A",
];

/// Random strings of pieces through every task: a verdict each, with the score of its status.
#[test]
fn random_answers_are_judged_without_a_panic() {
    use crate::rng::{Draws, Purpose, Stream};
    let data = rich_data();
    let problems: Vec<Problem> = Puzzle::tasks().into_iter().map(|task| problem(task, &data)).collect();
    for number in 0..10_000 {
        let mut draws = Draws::new(Stream::new(1, Purpose::Other, 0, number, 0));
        let length = draws.below(40);
        let answer: String = (0..length).map(|_| PIECES[draws.below(PIECES.len() as u64) as usize]).collect();
        let problem = &problems[number as usize % problems.len()];
        let verdict = Puzzle.judge(problem, Some(&answer));
        assert_eq!(verdict.score == 1.0, verdict.status == Status::Correct, "{answer:?}");
    }
}

/// The longest answers that are read, made of what a slow rule would stumble over, take every task well under a second each;
/// longer ones are not read.
#[test]
fn long_answers_take_bounded_work() {
    let data = rich_data();
    let pieces = [
        "[[",
        "[[1,",
        "((1,",
        "1+",
        "9**",
        "{",
        "[(1,1),",
        "```",
        "```[",
        "```python\n[",
        "answer is ",
        "\\boxed{",
        "1 ",
        "-",
        "'",
        "not ",
        "(",
        "yes, ",
        "[\"X\",",
        " ",
        "**a",
    ];
    for task in Puzzle::tasks().into_iter().filter(|task| !task.starts_with("bbeh_") || *task == "bbeh_nycc") {
        let problem = problem(task, &data);
        for piece in pieces {
            let start = std::time::Instant::now();
            let answer = piece.repeat(LONGEST / piece.len());
            let verdict = Puzzle.judge(&problem, Some(&answer));
            let took = start.elapsed().as_secs_f64();
            // The data of `ordering` has another form, which is the one error that a verdict may tell.
            assert!(verdict.status != Status::Error || task == ordering::TASK, "{task} {piece}");
            assert!(took < 1.0, "{task}, {piece:?}: {took} s");
        }
        if task != ordering::TASK {
            let verdict = Puzzle.judge(&problem, Some(&"1".repeat(LONGEST + 1)));
            assert!(verdict.status == Status::Unparsable && verdict.limited, "{task}");
        }
    }
}

/// A limit says so, and is no reward.
#[test]
fn limits_are_told() {
    let data =
        json!({ "question": "", "answer": "", "metadata": { "numbers": [9, 9, 9], "operators": ["*"], "result": 1 } });
    let verdict = Puzzle.judge(&problem("mathador", &data), Some("```python 9**9**9```"));
    assert!(verdict.limited && verdict.status == Status::Wrong, "{verdict:?}");
    let deep = format!("```json\n{}", "[".repeat(10_000));
    let data = json!({ "question": "", "answer": [[1]], "metadata": {} });
    let verdict = Puzzle.judge(&problem("arc_agi", &data), Some(&deep));
    assert!(verdict.limited && verdict.status == Status::Wrong, "{verdict:?}");
}
