//! Agreement with the reference's answers on labelled cases, in status, score and the name of the first error.
//!
//! `tests/conformance/fn_calling.jsonl` is a sample of the cases that were made for this project: those whose SHA-256 of
//! the id starts with a byte below 176.

use crate::verify::Verdict;
use crate::verify::cases::Domain;
use crate::verify::cases::conformance::{Shares, compare, from_outside, of_this_repository};
use serde_json::Value;

/// Cases that are not disputed and may disagree, by category.
const MAY_DISAGREE: &[(&str, usize)] = &[];

fn run(path: &std::path::Path) -> Shares {
    let category = |row: &Value| row["category"].as_str().unwrap_or_default().to_owned();
    let same_error = |row: &Value, verdict: &Verdict| match row["error_type"].as_str() {
        Some(error) => verdict.detail.as_deref() == Some(error),
        None => true,
    };
    compare(Domain::FnCalling, path, category, |_| true, same_error)
}

#[test]
fn agrees_with_the_reference() {
    run(&of_this_repository("fn_calling.jsonl")).hold(300, MAY_DISAGREE);
}

#[test]
fn agrees_with_the_reference_on_the_leaderboards_own_cases() {
    if let Some(path) = from_outside("fn_calling.jsonl") {
        run(&path).hold(1_845, MAY_DISAGREE);
    }
}
