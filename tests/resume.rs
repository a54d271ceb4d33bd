//! A run that is stopped and resumed ends with the same bits as one that is not.

mod common;

use common::{TINY, TestWorld, digest, plan, resume_in, run, run_in};
use recipec_runtime::train::StoppedBy;
use std::path::Path;

fn file(folder: &Path, name: &str) -> String {
    String::from_utf8(std::fs::read(folder.join(name)).unwrap_or_default()).expect("text")
}

fn same(a: &Path, b: &Path) {
    assert_eq!(digest(a), digest(b), "weights");
    assert_eq!(file(a, "metrics.jsonl"), file(b, "metrics.jsonl"));
    assert_eq!(file(a, "evaluations.jsonl"), file(b, "evaluations.jsonl"));
}

#[test]
fn a_stopped_run_ends_with_the_same_bits() {
    for variant in [None, Some("with_kl"), Some("two_updates")] {
        let plan = plan(TINY, variant);
        let whole = tempfile::tempdir().expect("a folder");
        run(&plan, whole.path());
        for (stage, step) in [("warm_start", 1), ("warm_start", 4), ("reinforce", 2), ("reinforce", 4)] {
            let folder = tempfile::tempdir().expect("a folder");
            let stopped = run_in(&plan, &mut TestWorld::stopping_at(folder.path(), stage, step), 2).expect("a run");
            assert_eq!(stopped.stopped, StoppedBy::Interrupt, "{variant:?} {stage} {step}");
            let resumed = resume_in(&mut TestWorld::new(folder.path())).expect("a resumed run");
            assert_eq!(resumed.stopped, StoppedBy::Steps);
            same(folder.path(), whole.path());
        }
    }
}

#[test]
fn what_was_written_after_the_checkpoint_is_cut_off() {
    let plan = plan(TINY, None);
    let whole = tempfile::tempdir().expect("a folder");
    run(&plan, whole.path());
    let folder = tempfile::tempdir().expect("a folder");
    run_in(&plan, &mut TestWorld::stopping_at(folder.path(), "reinforce", 3), 2).expect("a run");
    // What a killed process leaves: lines after the checkpoint, and half a line.
    let path = folder.path().join("metrics.jsonl");
    let mut text = std::fs::read(&path).expect("metrics");
    text.extend_from_slice(b"{\"schema\":1,\"stage\":\"reinforce\",\"step\":9");
    std::fs::write(&path, text).expect("a write");
    std::fs::create_dir(folder.path().join("checkpoints/.draft-99")).expect("half a checkpoint");
    resume_in(&mut TestWorld::new(folder.path())).expect("a resumed run");
    same(folder.path(), whole.path());
}

#[test]
fn the_same_recipe_gives_the_same_bits_with_any_number_of_threads() {
    let plan = plan(TINY, None);
    let folders: Vec<_> = [1, 2, 3]
        .map(|threads| {
            let folder = tempfile::tempdir().expect("a folder");
            run_in(&plan, &mut TestWorld::new(folder.path()), threads).expect("a run");
            folder
        })
        .into();
    same(folders[0].path(), folders[1].path());
    same(folders[0].path(), folders[2].path());
}

#[test]
fn nothing_left_to_do_is_said() {
    let plan = plan(TINY, None);
    let folder = tempfile::tempdir().expect("a folder");
    run(&plan, folder.path());
    let before = file(folder.path(), "metrics.jsonl");
    let again = resume_in(&mut TestWorld::new(folder.path())).expect("a resumed run");
    assert!(again.nothing_left);
    assert_eq!(file(folder.path(), "metrics.jsonl"), before);
}

#[test]
fn a_damaged_checkpoint_is_refused_and_nothing_is_lost() {
    let plan = plan(TINY, None);
    let folder = tempfile::tempdir().expect("a folder");
    run_in(&plan, &mut TestWorld::stopping_at(folder.path(), "reinforce", 3), 2).expect("a run");
    let before = file(folder.path(), "metrics.jsonl");
    let weights = folder.path().join("checkpoints/step-7/model.safetensors");
    let mut bytes = std::fs::read(&weights).expect("weights");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&weights, bytes).expect("a write");
    let why = resume_in(&mut TestWorld::new(folder.path())).expect_err("a refusal");
    assert_eq!(why.code(), "recipe::run::damaged_file");
    assert!(why.to_string().contains("model.safetensors"), "{why}");
    assert_eq!(file(folder.path(), "metrics.jsonl"), before);
    // The way out that the message names: without the damaged one, the checkpoint before it is used.
    std::fs::remove_dir_all(folder.path().join("checkpoints/step-7")).expect("a removal");
    let whole = tempfile::tempdir().expect("a folder");
    run(&plan, whole.path());
    resume_in(&mut TestWorld::new(folder.path())).expect("a resumed run");
    same(folder.path(), whole.path());
}

#[test]
fn another_plan_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    run_in(&plan(TINY, None), &mut TestWorld::stopping_at(folder.path(), "reinforce", 3), 2).expect("a run");
    let other = serde_json::to_vec(&plan(TINY, Some("with_kl"))).expect("a plan");
    std::fs::write(folder.path().join("plan.json"), other).expect("a write");
    let why = resume_in(&mut TestWorld::new(folder.path())).expect_err("a refusal");
    assert_eq!(why.code(), "recipe::run::other_plan");
}

/// A checkpoint is in Hugging Face layout and is the base of another run: it begins where the first one ended.
#[test]
fn a_checkpoint_is_a_base() {
    let first = tempfile::tempdir().expect("a folder");
    run(&plan(TINY, None), first.path());
    let checkpoint = first.path().join("checkpoints/step-10");
    for name in ["model.safetensors", "config.json", "tokenizer.json"] {
        assert!(checkpoint.join(name).is_file(), "{name}");
    }
    let fresh = TINY.lines().find(|line| line.contains("source    = fresh")).expect("a source");
    let source = format!("  source    = folder(\"{}\")", checkpoint.display());
    let text = TINY.split("stage warm_start").next().expect("the part before the stages").replacen(fresh, &source, 1);
    let second = tempfile::tempdir().expect("a folder");
    run(&plan(&text, None), second.path());
    let (ended, begun) = (common::read(first.path()), common::read(second.path()));
    let (ended, begun) = (ended.last().expect("an end"), begun.base().expect("a base"));
    assert_eq!(begun.suites, ended.suites, "the same weights give the same answers");
}
