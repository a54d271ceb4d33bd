//! Signals that cost work of their own, and a mix that follows its history: what a run does with them.

mod common;

use common::{TINY, TestWorld, digest, plan, read, resume_in, run, run_in, steps};
use recipec_compiler::Plan;
use recipec_compiler::plan::NodeKind;
use std::collections::BTreeMap;

/// `tests/fixtures/tiny.recipe` with another total, a mix by history, and no warm start: rollouts of random weights.
fn recipe(total: &str) -> String {
    let mix = "mix {\n  count  = completed(rollouts)\n  every  = 2 steps\n  weight = exp((max(0, 1 - history) + 0.1) / 0.3)\n    \
               where history = ema(mean(total, over = last_batch), keep = 0.5, start = 0)\n}\n";
    let text = TINY.split("stage warm_start").next().expect("the part before the stages");
    let (before, rest) = text.split_once("mix {").expect("a mix");
    let (_, after) = rest.split_once("\n}\n").expect("its end");
    let text = format!("{before}{mix}{after}")
        .replace("total      = outcome + difficulty_aware", &format!("total      = {total}"));
    // Where the total reads more than outcome and penalty, a wrong answer may beat a right one: these tests are not about that.
    let allow = "allow recipe::penalties::can_invert because \"not what is tested\"\n";
    if total.contains("0.1 *") || total.contains("-10") { text + allow } else { text }
}

const ALL: &str = "outcome + difficulty_aware + (if domain == math \
                   then 0.1 * reference_probability - 0.2 * answer_probability - 0.01 * reference_length / 1 token else 0)";

fn run_new(plan: &Plan) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    run(plan, folder.path());
    folder
}

fn work(folder: &std::path::Path) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (node, n) in read(folder).metrics.iter().flat_map(|line| line.work.clone()) {
        *all.entry(node).or_insert(0) += n;
    }
    all
}

#[test]
fn a_signal_is_a_node_and_its_work_is_for_the_domains_that_read_it() {
    let whole = plan(&recipe(ALL), None);
    let ids: Vec<&str> =
        whole.stages[0].nodes.iter().map(|n| n.id.as_str()).filter(|id| id.starts_with("signal:")).collect();
    assert_eq!(ids, ["signal:reference_length", "signal:reference_probability", "signal:answer_probability"]);
    for node in &whole.stages[0].nodes {
        if let NodeKind::Signal { domains, .. } = &node.kind {
            assert_eq!(domains.keys().collect::<Vec<_>>(), ["math"], "other domains do not read it");
        }
    }
    let base = run_new(&whole);
    let done = work(base.path());
    let math = read(base.path()).metrics.last().expect("a step").domains["math"].completed;
    for id in ids {
        assert_eq!(done[id], math, "`{id}` looks at the rollouts of `math`");
    }
    // Without the node its work is not done, and it counts as 0.
    let gone = run_new(&whole.without("main", "signal:reference_length"));
    let mut expected = done.keys().cloned().collect::<Vec<_>>();
    expected.retain(|id| id != "signal:reference_length");
    assert_eq!(work(gone.path()).keys().cloned().collect::<Vec<_>>(), expected);
    // The length of the reference is the same for a whole group, so no advantage reads it; a probability is not.
    assert_eq!(digest(gone.path()), digest(base.path()));
    let gone = run_new(&whole.without("main", "signal:answer_probability"));
    assert!(!work(gone.path()).contains_key("signal:answer_probability"));
    assert_ne!(digest(gone.path()), digest(base.path()));
    // A recipe that reads none has no such node.
    let none = plan(&recipe("outcome + difficulty_aware"), None);
    assert!(!none.stages[0].nodes.iter().any(|node| matches!(node.kind, NodeKind::Signal { .. })));
}

/// Answers of the data of `math` are texts of digits: the signal is their number of characters.
#[test]
fn a_reference_length_is_the_length_of_the_reference() {
    let plan =
        plan(&recipe("outcome + difficulty_aware - (if domain == math then reference_length / 1 token else 0)"), None);
    let folder = run_new(&plan);
    let examples = read(folder.path()).examples;
    let math = &examples.domains["math"];
    let mut seen = 0;
    for rollout in math.early.iter().chain(&math.late) {
        let left = rollout.terms["outcome"] + rollout.terms["difficulty_aware"] - rollout.total.expect("a total");
        let digits = answer(&rollout.prompt).to_string().len() as f64;
        assert!((left - digits).abs() < 1e-9, "{}: {left} is not {digits}", rollout.prompt);
        seen += 1;
    }
    assert!(seen > 0);
}

/// The right answer of a prompt of the generator `arithmetic`: `3+4=?`, `7*12=?`, `x-3=4,x=?`.
fn answer(prompt: &str) -> i64 {
    let numbers: Vec<i64> = prompt
        .split(|c: char| !c.is_ascii_digit())
        .filter(|n| !n.is_empty())
        .map(|n| n.parse().expect("digits"))
        .collect();
    let [a, b] = numbers[..] else { panic!("two numbers in {prompt}") };
    if prompt.contains('*') { a * b } else { a + b }
}

#[test]
fn a_domain_without_the_reference_column_is_refused_before_the_first_step() {
    let plan = plan(&recipe("outcome + difficulty_aware - 0.01 * reference_length / 1 token"), None);
    let folder = tempfile::tempdir().expect("a folder");
    let why = run_in(&plan, &mut TestWorld::new(folder.path()), 2).expect_err("a refusal");
    assert_eq!(why.code(), "recipe::run::data");
    let message = why.to_string();
    assert!(message.contains("domain `instruct`") && message.contains("no column `answer`"), "{message}");
    assert!(message.contains("reference_length"), "{message}");
}

/// Averages, kept probabilities and forced answers are the same after an interruption, whatever the number of threads.
#[test]
fn a_history_goes_on_to_the_same_bits() {
    let plan = plan(&recipe(ALL), None);
    let whole = run_new(&plan);
    let averages = read(whole.path()).metrics.len();
    assert_eq!(averages, 6);
    for step in [1, 2, 3, 5] {
        let folder = tempfile::tempdir().expect("a folder");
        run_in(&plan, &mut TestWorld::stopping_at(folder.path(), "main", step), 1).expect("a run");
        resume_in(&mut TestWorld::new(folder.path())).expect("a resumed run");
        assert_eq!(digest(folder.path()), digest(whole.path()), "stopped at {step}");
        let metrics = |path: &std::path::Path| std::fs::read(path.join("metrics.jsonl")).expect("metrics");
        assert_eq!(metrics(folder.path()), metrics(whole.path()), "stopped at {step}");
    }
}

/// The mean reward of a domain in the last batch moves its share: with a sharp weight, the domain that earns less is drawn more.
#[test]
fn the_mix_follows_the_rewards() {
    // Without a filter, so that every group that is drawn is in the batch.
    let text = recipe("difficulty_aware + (if domain == math then -10 else 0)")
        .replace("exp((max(0, 1 - history) + 0.1) / 0.3)", "exp(2 * (1 - history))")
        .replace("drop      = no_advantage", "drop      = never");
    let sharp = run_new(&plan(&text, None));
    let lines = read(sharp.path());
    let lines = steps(&lines, "main");
    let drawn = |at: usize| lines[at].domains.get("math").map_or(0, |d| d.sampled);
    let others =
        |at: usize| lines[at].domains.iter().filter(|(n, _)| *n != "math").map(|(_, d)| d.sampled).sum::<u64>();
    // Two steps are drawn by equal averages of 0; then `math` has an average below -7.5 and more than e^13 times the weight.
    assert!(others(1) > 0, "the first period draws all domains");
    assert_eq!(others(5), others(1), "later periods draw `math` alone");
    assert!(drawn(5) > drawn(1));
}
