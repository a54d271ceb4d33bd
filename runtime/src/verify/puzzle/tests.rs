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
