//! What the language says of domains, rows, the mix and checkpoints is what a run does.

mod common;

use common::{TINY, TestWorld, digest, plan, read, resume_in, run_in, steps};
use recipec_runtime::checkpoint::{BEST, Best, CHECKPOINTS};
use std::collections::BTreeMap;
use std::path::Path;

/// The tiny recipe with its one reinforcement stage, and some edits; each must apply exactly once.
fn tiny(edits: &[(&str, &str)]) -> String {
    let mut text = TINY.split("stage warm_start").next().expect("the part before the stages").to_string();
    for (from, to) in edits {
        assert_eq!(text.matches(from).count(), 1, "`{from}` is not there exactly once");
        text = text.replacen(from, to, 1);
    }
    text
}

fn done(text: &str) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut world = TestWorld::new(folder.path());
    run_in(&plan(text, None), &mut world, 2).expect("the run ends well");
    (folder, world.warnings)
}

const TWO_STEPS: (&str, &str) = ("  steps      = 6 steps", "  steps      = 2 steps");

#[test]
fn a_domain_may_have_a_reward_and_a_cap_of_its_own() {
    let text = tiny(&[
        TWO_STEPS,
        ("verify = constraints() }", "verify = constraints()  reward = 0.25 - outcome }"),
        ("format = json) }", "format = json)  output = 5 tokens }"),
    ]);
    let (folder, _) = done(&text);
    let folder = read(folder.path());
    let mut seen = 0;
    for line in &folder.metrics {
        let own = &line.domains["instruct"];
        if let (Some(reward), Some(solved)) = (own.reward, own.solve_rate) {
            assert!((reward - (0.25 - solved)).abs() < 1e-9, "{own:?}");
            seen += 1;
        }
        // The others keep the reward of the recipe: the outcome and a penalty that is never above 0.
        let other = &line.domains["math"];
        assert!(other.reward.is_none() || other.reward <= other.solve_rate, "{other:?}");
        assert!(line.domains["tools"].mean_tokens.is_none_or(|mean| mean <= 5.0), "{:?}", line.domains["tools"]);
    }
    assert!(seen > 0, "no step drew the domain, or this test shows nothing");
    assert!(steps(&folder, "main").iter().any(|line| line.domains["math"].mean_tokens > Some(5.0)));
}

/// A penalty that only some domains read is 0 in the others, and never asks them for what they do not have.
#[test]
fn a_domain_without_a_verifier_has_no_verdicts() {
    let text = tiny(&[
        TWO_STEPS,
        ("verify = constraints() }", "signals = answer_probability  reward = -length / budget.output }"),
        ("  drop      = no_advantage", "  drop      = never"),
        (
            "checkpoint {",
            "allow recipe::names::unused because \"the signal itself is not what is tested\"\ncheckpoint {",
        ),
    ]);
    let (folder, warnings) = done(&text);
    let folder = read(folder.path());
    let mut seen = 0;
    for line in &folder.metrics {
        let own = &line.domains["instruct"];
        assert_eq!(own.solve_rate, None, "nobody judges");
        if let Some(mean) = own.mean_tokens {
            assert!((own.reward.expect("a reward") + mean / 32.0).abs() < 1e-9, "{own:?}");
            seen += 1;
        }
        assert_eq!(line.verifier_errors, 0);
    }
    assert!(seen > 0, "no step drew the domain, or this test shows nothing");
    assert!(warnings.iter().all(|w| !w.contains("verdicts failed")), "{warnings:?}");
}

#[test]
fn rows_are_renamed_filtered_and_counted() {
    let data = tempfile::tempdir().expect("a folder");
    let path = data.path().join("rows.jsonl");
    let row = |at: usize| format!("{{\"question\":\"1 + {at} = ?\",\"result\":\"{}\",\"level\":{}}}\n", at + 1, at % 3);
    let mut text: String = (0..60).map(row).collect();
    text.push_str("{\"question\":\"no result\",\"level\":2}\nnot json\n");
    std::fs::write(&path, text).expect("a file");
    let with = |on_bad_row: &str| {
        let from = "data = builtin(\"arithmetic\")    verify = math_answer(gold = answer, extract = whole) }";
        let to = format!(
            "data = file({path:?})  columns = {{ prompt = question, answer = result }}  filter = level >= 1  \
             on_bad_row = {on_bad_row}  verify = math_answer(gold = answer, extract = whole) }}"
        );
        tiny(&[TWO_STEPS, (from, &to)])
    };
    let (folder, warnings) = done(&with("skip"));
    assert_eq!(
        warnings
            .iter()
            .filter(|w| w.contains("2 of 62 rows are bad and left out; line 61: there is no column `result`"))
            .count(),
        // The domain, and its held-out side in the suite.
        2,
        "{warnings:?}"
    );
    let folder = read(folder.path());
    let math = folder.metrics.last().map(|line| line.domains["math"].clone()).expect("a step");
    assert_eq!((math.bad_rows, math.filtered_rows), (2, 20));

    let folder = tempfile::tempdir().expect("a folder");
    let stopped = run_in(&plan(&with("stop"), None), &mut TestWorld::new(folder.path()), 2);
    let why = stopped.map(|_| ()).expect_err("a bad row").to_string();
    assert!(why.contains("math") || why.contains("line 61"), "{why}");
}

const DEFICIT: [(&str, &str); 2] = [
    ("  warmup = 8 rollouts\n", ""),
    ("  weight = ratio * clip(ratio / max(achieved, 1e-9), 0.1, 10)", "  strategy = deficit"),
];

#[test]
fn the_deficit_rule_holds_the_ratios_within_one_group() {
    let (folder, _) = done(&tiny(&DEFICIT));
    let folder = read(folder.path());
    for line in &folder.metrics {
        let drawn: u64 = line.domains.values().map(|d| d.sampled).sum();
        for (name, ratio) in [("math", 0.5), ("instruct", 0.3), ("tools", 0.2)] {
            let distance = line.domains.get(name).map_or(0.0, |d| d.sampled as f64) - ratio * drawn as f64;
            assert!(distance.abs() <= 4.0, "{name} is {distance} rollouts off after {drawn}: a group has 4");
        }
    }
}

fn best(folder: &Path) -> Best {
    let text = std::fs::read(folder.join(CHECKPOINTS).join(BEST)).expect("a best checkpoint");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn the_best_checkpoint_outlives_the_newest() {
    let text = tiny(&[
        DEFICIT[0],
        DEFICIT[1],
        ("  every = 3 steps", "  every = 1 steps"),
        ("checkpoint { every = 2 steps  keep = 2 }", "checkpoint { every = 2 steps  keep = 1  best = cap }"),
    ]);
    let plan = plan(&text, None);
    let whole = tempfile::tempdir().expect("a folder");
    run_in(&plan, &mut TestWorld::new(whole.path()), 2).expect("a run");
    let found = best(whole.path());
    let run = read(whole.path());
    // By hand from what was measured: the first of the highest.
    let mut accuracies: BTreeMap<u64, f64> = BTreeMap::new();
    for line in &run.evaluations {
        accuracies.entry(line.step).or_insert(line.suites["cap"].macro_average.pass_at_1);
    }
    assert_eq!(accuracies.len(), 7, "the start and six steps");
    let highest = accuracies.values().copied().fold(0.0, f64::max);
    let first = accuracies.iter().find(|(_, accuracy)| **accuracy == highest).expect("one");
    assert_eq!((found.step, found.accuracy, found.suite.as_str()), (*first.0, highest, "cap"));
    let folder = whole.path().join(CHECKPOINTS);
    assert!(folder.join(format!("step-{}", found.step)).is_dir() && folder.join("step-6").is_dir());
    let kept = std::fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(kept, if found.step == 6 { 2 } else { 3 }, "the newest, the best, and its name");

    // Stopped and resumed, the same one is the best, and the weights are the same bits.
    let stopped = tempfile::tempdir().expect("a folder");
    run_in(&plan, &mut TestWorld::stopping_at(stopped.path(), "main", 3), 2).expect("a run");
    resume_in(&mut TestWorld::new(stopped.path())).expect("a resumed run");
    assert_eq!(best(stopped.path()), found);
    assert_eq!(digest(stopped.path()), digest(whole.path()));
}
