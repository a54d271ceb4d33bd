//! Cases a second of `math_answer` under the rule for boxes, on one core.
//!
//!     cargo bench -p recipec-runtime --bench math [-- cases.jsonl]
//!
//! Every line of the file has `gold` and `prediction`. The last line that is printed is JSON, for scripts.

use recipec_runtime::verify::math_answer::judge_boxed;
use serde_json::Value;
use std::time::Instant;

/// Rounds over all cases; the best one counts.
const ROUNDS: usize = 5;

fn main() {
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let path = given.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/conformance/math.jsonl").into());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"));
    let mut cases = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        if let ("boxed", Some(gold), Some(prediction)) =
            (case["mode"].as_str().unwrap_or("boxed"), case["gold"].as_str(), case["prediction"].as_str())
        {
            cases.push((gold.to_owned(), prediction.to_owned()));
        }
    }
    let (mut best, mut slowest, mut correct) = (f64::INFINITY, 0.0f64, 0);
    for _ in 0..ROUNDS {
        correct = 0;
        let started = Instant::now();
        for (gold, prediction) in &cases {
            let one = Instant::now();
            correct += usize::from(judge_boxed(gold, prediction, true).score == 1.0);
            slowest = slowest.max(one.elapsed().as_secs_f64());
        }
        best = best.min(started.elapsed().as_secs_f64());
    }
    let rate = cases.len() as f64 / best;
    println!("{} cases, {correct} correct, {rate:.0} a second, slowest {:.2} ms", cases.len(), slowest * 1e3);
    println!(
        "{{\"cases\": {}, \"correct\": {correct}, \"per_second\": {rate:.1}, \"slowest_ms\": {:.3}}}",
        cases.len(),
        slowest * 1e3
    );
}
