//! The `variant toy` of every recipe that has one really runs: two steps in every test, all steps in the slow suite.
//!
//!     cargo test --release --test toys -- --ignored --nocapture --test-threads 1

mod common;

use common::recipes::{Beside, cut, folder as recipes, plan, text, toys};
use common::{TestWorld, read, run_in};
use recipec_compiler::recipe_tests::{Outcome, run_tests};
use recipec_compiler::{FileId, NoFiles, Options, Plan, Source};
use recipec_runtime::run_folder::RunFolder;
use recipec_runtime::train::StoppedBy;
use std::time::Instant;

/// Seconds that a toy may take on two free cores, in a release build.
const MOST_SECONDS: f64 = 60.0;

fn run(plan: &Plan, threads: usize) -> (RunFolder, TestWorld) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = TestWorld::new(folder.path());
    world.data_folder = recipes();
    let done = run_in(plan, &mut world, threads).unwrap_or_else(|why| panic!("{}: {why}", plan.recipe));
    assert_eq!(done.stopped, StoppedBy::Steps, "{}", plan.recipe);
    (read(folder.path()), world)
}

fn digest(folder: &RunFolder) -> String {
    folder.summary.as_ref().expect("a finished run").weights_digest.clone()
}

#[test]
fn every_toy_makes_its_first_steps() {
    for name in toys() {
        let plan = cut(plan(&name, &text(&name), "toy"), 2);
        let (folder, world) = run(&plan, 2);
        assert!(world.warnings.is_empty(), "{name}: {:?}", world.warnings);
        for stage in &plan.stages {
            let last = folder.metrics.iter().rfind(|line| line.stage == stage.name);
            let last = last.unwrap_or_else(|| panic!("{name}: no step of `{}`", stage.name));
            assert!(last.step >= 2 && last.loss.is_some_and(f64::is_finite), "{name}: {last:?}");
            assert!(last.grad_norm.is_some_and(|norm| norm > 0.0), "{name}: {last:?}");
        }
    }
}

/// The recipe's own tests hold at the published values and in the toy.
#[test]
fn every_recipe_with_a_toy_checks_clean_and_passes_its_tests() {
    for name in toys() {
        for variant in [None, Some("toy".to_string())] {
            let options = Options { variant: variant.clone(), ..Options::default() };
            let checked =
                recipec_compiler::check(Source::new(FileId(0), name.as_str(), text(&name)), &Beside, &options);
            let said: Vec<String> = checked.problems.sorted().iter().map(|d| d.message.clone()).collect();
            assert!(said.is_empty(), "{name} {variant:?}: {said:#?}");
            let recipe = checked.recipe.expect("a recipe without problems");
            for (test, outcome) in recipe.tests.iter().zip(run_tests(&recipe)) {
                assert_eq!(outcome, Outcome::Passed, "{name} {variant:?}: {test:?}");
            }
        }
    }
}

/// DAPO's dynamic sampling: every trained group has a right and a wrong answer, and more is drawn until the batch is full.
#[test]
fn dynamic_sampling_fills_the_batch() {
    let (folder, _) = run(&cut(plan("dapo", &text("dapo"), "toy"), 4), 2);
    let mut refilled = 0;
    for line in &folder.metrics {
        let groups = line.groups.as_ref().expect("groups");
        assert_eq!(groups.kept, 16, "step {}: 128 rollouts in groups of 8", line.step);
        assert!(groups.dropped > 0 && groups.sampled == groups.kept + groups.dropped, "step {}", line.step);
        refilled += u64::from(groups.sampled > 16);
        assert_eq!(line.work["filter"], groups.sampled, "step {}: every group goes through the filter", line.step);
    }
    assert!(refilled > 0, "the base policy has groups that are all right or all wrong");
}

/// Several updates cut the batch: every rollout is trained once, and from the second update on the policy is not the one that sampled.
#[test]
fn updates_share_out_the_batch() {
    let of = |updates: u64| {
        let recipe = text("dr_grpo").replace("train.updates          = 2", &format!("train.updates = {updates}"));
        let (folder, _) = run(&cut(plan("dr_grpo", &recipe, "toy"), 4), 2);
        folder.metrics
    };
    for updates in [1, 2, 4] {
        let lines = of(updates);
        assert_eq!(lines.len() as u64, 4 / updates, "a line for each batch");
        for line in &lines {
            assert_eq!(line.work["loss"], 128, "{updates} updates: every rollout once");
            assert_eq!(line.work["optimizer"], updates);
            assert_eq!(line.importance_ratio_deviation == Some(0.0), updates == 1, "{updates}: {line:?}");
        }
    }
}

/// The same weights for one thread and two, under token ratios, detached weights, refills, KL and several updates.
#[test]
fn threads_change_no_bit() {
    for name in ["grpo", "cispo", "reinforce_plus_plus"] {
        let plan = cut(plan(name, &text(name), "toy"), 2);
        assert_eq!(digest(&run(&plan, 1).0), digest(&run(&plan, 2).0), "{name}");
    }
}

/// REINFORCE++ compares over the batch, so that it learns from one response per prompt.
#[test]
fn one_response_per_prompt() {
    let recipe = text("reinforce_plus_plus")
        .replace("group     = 4 rollouts", "group = 1 rollout")
        // Of one rollout there is no other to be compared with.
        .replace("guarantee right_is_better : total given correct > total given wrong\n", "");
    let (folder, world) = run(&cut(plan("reinforce_plus_plus", &recipe, "toy"), 2), 2);
    assert!(world.warnings.is_empty(), "{:?}", world.warnings);
    let line = folder.metrics.last().expect("a step");
    assert_eq!(line.groups.as_ref().map(|groups| (groups.kept, groups.dropped)), Some((128, 0)));
    assert!(line.grad_norm.is_some_and(|norm| norm > 0.0));
}

/// A batch of which no token is trained has no loss, and the log says why; it is not a loss of 0.
#[test]
fn a_batch_without_tokens_has_no_loss() {
    // A cap of two tokens: every response is cut, and cut responses are masked.
    let recipe = text("grpo")
        .replace("unfinished = as_judged", "unfinished = masked")
        .replace("budget.output          = 96 tokens", "budget.output = 2 tokens");
    let (folder, world) = run(&cut(plan("grpo", &recipe, "toy"), 2), 2);
    let line = folder.metrics.first().expect("a step");
    assert_eq!((line.loss, line.grad_norm, line.tokens.trained), (None, None, 0));
    assert!(world.warnings.iter().any(|said| said.contains("all rollouts of this batch are masked")));
}

/// `folder("base")` is what the paths of a recipe are relative to, and its files are those of the list beside them.
#[test]
fn the_base_policy_is_the_one_that_is_listed() {
    let folder = recipes().join("base");
    let list = std::fs::read_to_string(folder.join("README.md")).expect("the list");
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        assert!(list.contains(&format!("| `{name}` | `")), "{name} is not in the list");
    }
    let policy =
        recipec_runtime::policy::Policy::load(&folder, &recipec_runtime::device::Device::Cpu).expect("a policy");
    let shown = format!("{} parameters", with_commas(policy.parameter_count()));
    assert!(list.contains(&shown), "the list does not say {shown}");
    assert!(list.contains(&policy.digest().expect("a digest")), "{}", policy.digest().expect("a digest"));
}

fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).expect("digits")).collect();
    parts.join(",")
}

/// Nothing outside of its folder is needed by a recipe of one file.
#[test]
fn the_published_recipes_stand_alone() {
    for name in ["grpo", "dr_grpo", "dapo", "rloo", "reinforce_plus_plus", "cispo"] {
        let checked = recipec_compiler::check(Source::new(FileId(0), name, text(name)), &NoFiles, &Options::default());
        assert!(checked.recipe.is_some(), "{name}");
    }
}

#[test]
#[ignore = "a minute of training for each toy: cargo test --release --test toys -- --ignored --nocapture --test-threads 1"]
fn every_toy_runs_to_its_end() {
    let mut late = Vec::new();
    for name in toys() {
        let started = Instant::now();
        let (folder, _) = run(&plan(&name, &text(&name), "toy"), 2);
        let seconds = started.elapsed().as_secs_f64();
        let (base, last) = (folder.base().expect("a base"), folder.last().expect("an end"));
        for (suite, after) in &last.suites {
            let (before, after) = (base.suites[suite].macro_average, after.macro_average);
            println!(
                "{name:>20}: {seconds:4.1} s, pass@1 {:.1}% -> {:.1}%, tokens {:.1} -> {:.1}",
                before.pass_at_1 * 100.0,
                after.pass_at_1 * 100.0,
                before.mean_tokens,
                after.mean_tokens
            );
        }
        if seconds > MOST_SECONDS {
            late.push(format!("{name}: {seconds:.0} s"));
        }
    }
    assert!(late.is_empty(), "more than {MOST_SECONDS} s: {late:?}");
}
