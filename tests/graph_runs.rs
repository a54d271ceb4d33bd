//! The graph is what runs: a node that is taken out of the plan is work that is not done, and nothing else changes.

mod common;

use common::{TINY, digest, plan, read, run, steps};
use recipec_compiler::Plan;
use recipec_runtime::run_folder::StepMetrics;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn run_new(plan: &Plan) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    run(plan, folder.path());
    folder
}

fn file(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_default()
}

fn work(lines: &[&StepMetrics]) -> BTreeSet<String> {
    lines.iter().flat_map(|line| line.work.keys().cloned()).collect()
}

#[test]
fn a_node_that_is_gone_does_no_work() {
    let whole = plan(TINY, None);
    let folder = run_new(&whole);
    let base = read(folder.path());
    assert_eq!(steps(&base, "warm_start").len(), 4);
    assert_eq!(steps(&base, "reinforce").len(), 6);
    assert_eq!(base.evaluations.len(), 3, "at the start, at step 3 and at the end");

    without_evaluate(&whole, folder.path());
    without_checkpoint(&whole, folder.path());
    without_filter(&whole, folder.path());
    without_penalty(&whole, folder.path());
}

fn without_evaluate(whole: &Plan, base: &Path) {
    let folder = run_new(&whole.without("reinforce", "evaluate"));
    assert!(!folder.path().join("evaluations.jsonl").exists());
    assert_eq!(file(folder.path(), "metrics.jsonl"), file(base, "metrics.jsonl"), "nothing else changes");
    assert_eq!(digest(folder.path()), digest(base));
    assert!(folder.path().join("checkpoints").is_dir());
}

fn without_checkpoint(whole: &Plan, base: &Path) {
    let folder = run_new(&whole.without("reinforce", "checkpoint").without("warm_start", "checkpoint"));
    assert!(!folder.path().join("checkpoints").exists());
    assert_eq!(file(folder.path(), "metrics.jsonl"), file(base, "metrics.jsonl"), "nothing else changes");
    assert_eq!(file(folder.path(), "evaluations.jsonl"), file(base, "evaluations.jsonl"));
    assert_eq!(digest(folder.path()), digest(base));
}

fn without_filter(whole: &Plan, base: &Path) {
    let folder = run_new(&whole.without("reinforce", "filter"));
    let (with, gone) = (read(base), read(folder.path()));
    let dropped = |lines: &[&StepMetrics]| lines.iter().filter_map(|l| l.groups).map(|g| g.dropped).sum::<u64>();
    let (with, gone) = (steps(&with, "reinforce"), steps(&gone, "reinforce"));
    assert_eq!(dropped(&gone), 0);
    assert!(dropped(&with) > 0, "the fixture has groups without advantage, or this test shows nothing");
    let mut expected = work(&with);
    assert!(expected.remove("filter"));
    assert_eq!(work(&gone), expected);
    let trained = |line: &StepMetrics| line.domains.values().map(|d| d.trained).sum::<u64>();
    assert_eq!(trained(gone[5]), 6 * 32, "every rollout reaches the optimizer");
}

fn without_penalty(whole: &Plan, base: &Path) {
    let folder = run_new(&whole.without("reinforce", "penalty:difficulty_aware"));
    let (with, gone) = (read(base), read(folder.path()));
    let (with, gone) = (steps(&with, "reinforce"), steps(&gone, "reinforce"));
    let mut expected = work(&with);
    assert!(expected.remove("penalty:difficulty_aware"));
    assert_eq!(work(&gone), expected);
    for line in gone {
        let reward = line.reward.as_ref().expect("a reward");
        assert_eq!(reward.total, reward.outcome, "the reward is the outcome alone");
        assert!(reward.terms.is_empty() && line.scale_by_solve_rate.iter().all(|row| row.mean.is_empty()));
    }
    let first = with[0].reward.as_ref().expect("a reward");
    assert!(first.terms["difficulty_aware"].expect("a mean") < 0.0);
}

/// A variant without penalty, one with KL and a recipe of one stage have other graphs, and their runs do other work.
#[test]
fn other_graphs_do_other_work() {
    let one_stage = TINY.split("stage warm_start").next().expect("the part before the stages");
    let plans: BTreeMap<&str, Plan> = BTreeMap::from([
        ("two stages", plan(TINY, None)),
        ("no penalty", plan(TINY, Some("no_penalty"))),
        ("kl", plan(TINY, Some("with_kl"))),
        ("one stage", plan(one_stage, None)),
    ]);
    let mut seen = BTreeMap::new();
    for (name, plan) in &plans {
        let folder = run_new(plan);
        let read = read(folder.path());
        let all: Vec<&StepMetrics> = read.metrics.iter().collect();
        let list: BTreeSet<(String, String)> =
            all.iter().flat_map(|l| l.work.keys().map(|node| (l.stage.clone(), node.clone()))).collect();
        let of_plan: BTreeSet<(String, String)> = plan
            .stages
            .iter()
            .flat_map(|stage| stage.nodes.iter().map(|node| (stage.name.clone(), node.id.clone())))
            .filter(|(_, node)| node != "evaluate" && node != "checkpoint")
            .collect();
        assert_eq!(list, of_plan, "`{name}`: what worked is what the plan has");
        seen.insert(list, *name);
    }
    assert_eq!(seen.len(), plans.len(), "all work lists differ: {:?}", seen.values());
}
