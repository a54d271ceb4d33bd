//! Agreement with the reference's answers on labelled cases. What may disagree is counted by constraint, and only goes down.

use crate::verify::cases::Domain;
use crate::verify::cases::conformance::{compare, of_this_repository};
use serde_json::Value;

/// Cases that are not disputed and may disagree, by constraint.
const MAY_DISAGREE: &[(&str, usize)] = &[];

#[test]
fn agrees_with_the_reference() {
    let category = |row: &Value| row["instruction_id"].as_str().unwrap_or("several").to_owned();
    let path = of_this_repository("ifeval.jsonl");
    let shares = compare(Domain::Ifeval, &path, category, |_| true, |_, _| true);
    shares.hold(1_388, MAY_DISAGREE);
    assert!(shares.plain.len() >= 54, "every constraint has cases");
}
