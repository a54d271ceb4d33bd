//! Agreement with the reference on labelled cases: those of this repository, and those of a package that stays outside.
//!
//! The floors are counts of undisputed cases by category that may disagree. They only go down.

use super::super::*;
use crate::verify::Status;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Undisputed cases that may disagree, by category; none in all others.
const ALLOWED: &[(&str, usize)] = &[];

/// What was compared in one category.
#[derive(Default)]
struct Tally {
    agreed: usize,
    total: usize,
    disputed: usize,
    disputed_agreed: usize,
}

fn status(verdict: &Verdict) -> &'static str {
    match verdict.status {
        Status::Correct => "correct",
        Status::Partial => "partial",
        Status::Wrong => "wrong",
        Status::NoAnswer => "no_answer",
        Status::Unparsable => "unparsable",
        Status::Error => "error",
    }
}

fn judged(case: &Value) -> Verdict {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    if text("mode") == "boxed" {
        return judge_boxed(text("gold"), text("prediction"), case["strict"].as_bool().unwrap_or(true));
    }
    let config = &case["config"];
    let target = |name: &str| config["targets"].as_array().is_some_and(|targets| targets.iter().any(|t| t == name));
    let patterns = Patterns {
        latex: target("latex"),
        plain: target("expr"),
        box_rank: u32::try_from(config["boxed_match_priority"].as_u64().unwrap_or(50)).unwrap_or(50),
    };
    let manner = Manner {
        places: u32::try_from(config["float_rounding"].as_u64().unwrap_or(6)).unwrap_or(6),
        strict: config["strict"].as_bool().unwrap_or(true),
        relations_as_sets: config["allow_set_relation_comp"].as_bool().unwrap_or(false),
    };
    judge_pair(text("gold"), text("prediction"), patterns, manner)
}

/// Runs the cases of a file and checks the floors; returns how many undisputed ones agreed, of how many.
fn run(path: &Path, keep: impl Fn(&Value) -> bool) -> (usize, usize) {
    let text = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut shown = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        if !keep(&case) {
            continue;
        }
        let verdict = judged(&case);
        let agreed = case["expected"] == status(&verdict);
        let disputed = case["disputed"].as_bool().unwrap_or(false);
        let category = format!("{}/{}", case["mode"].as_str().unwrap_or(""), case["category"].as_str().unwrap_or(""));
        let tally = tallies.entry(category).or_default();
        if disputed {
            tally.disputed += 1;
            tally.disputed_agreed += usize::from(agreed);
        } else {
            tally.total += 1;
            tally.agreed += usize::from(agreed);
        }
        if !agreed {
            let mark = if disputed { "disputed" } else { "undisputed" };
            shown.push(format!(
                "{mark} {} gold {} prediction {} expected {} found {} {:?}",
                case["id"],
                case["gold"],
                case["prediction"],
                case["expected"],
                status(&verdict),
                verdict.detail
            ));
        }
    }
    shown.sort();
    shown.iter().for_each(|line| println!("{line}"));
    let mut below = Vec::new();
    for (category, tally) in &tallies {
        println!(
            "{category}: {} of {}; disputed {} of {}",
            tally.agreed, tally.total, tally.disputed_agreed, tally.disputed
        );
        let allowed = ALLOWED.iter().find(|(known, _)| known == category).map_or(0, |(_, allowed)| *allowed);
        if tally.agreed + allowed < tally.total {
            below.push(format!("{category}: {} of {}", tally.agreed, tally.total));
        }
    }
    let (agreed, total) = tallies.values().fold((0, 0), |sum, tally| (sum.0 + tally.agreed, sum.1 + tally.total));
    println!("undisputed: {agreed} of {total}");
    assert!(below.is_empty(), "below the floor: {below:#?}");
    (agreed, total)
}

#[test]
fn agrees_on_the_cases_of_this_repository() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance/math.jsonl");
    let (agreed, total) = run(&path, |_| true);
    assert!(total > 1_200 && agreed * 100 >= total * 99);
}

#[test]
fn agrees_on_the_cases_of_the_package() {
    let folder = std::env::var_os("RECIPEC_CONFORMANCE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"), PathBuf::from);
    let path = folder.join("math.jsonl");
    if !path.is_file() {
        println!("not run: {} is not there; set RECIPEC_CONFORMANCE to the folder with the cases", path.display());
        return;
    }
    let (agreed, total) = run(&path, |case| case["source"] != "generated");
    assert!(agreed * 100 >= total * 99);
}
