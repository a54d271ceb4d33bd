//! A tiny policy learns: better and shorter than its base, on problems that it has not seen, in a fixed number of steps.

mod common;

use common::{plan, read, run};

#[test]
fn a_tiny_policy_becomes_better_and_shorter() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&plan(include_str!("fixtures/learns.recipe"), None), folder.path());
    let run = read(folder.path());
    let (base, last) = (run.base().expect("a base"), run.last().expect("an end"));
    let (before, after) = (base.suites["cap"].macro_average, last.suites["cap"].macro_average);
    println!(
        "pass@1 {:.3} -> {:.3}, tokens {:.1} -> {:.1}",
        before.pass_at_1, after.pass_at_1, before.mean_tokens, after.mean_tokens
    );
    assert!(after.pass_at_1 >= before.pass_at_1 + 0.05, "{} -> {}", before.pass_at_1, after.pass_at_1);
    assert!(after.mean_tokens <= 0.75 * before.mean_tokens, "{} -> {}", before.mean_tokens, after.mean_tokens);
    // On policy with one update a batch: the engine that samples and the trainer are one model, to the last bit.
    for line in run.metrics.iter().filter(|line| line.stage == "reinforce") {
        assert_eq!(line.importance_ratio_deviation, Some(0.0), "step {}", line.step);
        assert_eq!(line.clip_fraction, Some(0.0), "step {}", line.step);
    }
}
