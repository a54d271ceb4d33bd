//! A run stops at the budget that is used up first, and says which.

mod common;

use common::{TINY, TestWorld, plan, read, run_in};
use recipec_runtime::train::StoppedBy;

/// Runs the fixture with other budgets; each look at the clock takes `tick` seconds.
fn stopped(budgets: &str, tick: f64) -> (StoppedBy, tempfile::TempDir) {
    let text = TINY.replacen("  steps      = 6 steps", budgets, 1);
    assert_ne!(text, TINY);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = TestWorld::new(folder.path());
    world.tick = tick;
    let done = run_in(&plan(&text, None), &mut world, 2).expect("a run");
    (done.stopped, folder)
}

#[test]
fn steps_stop_at_their_number() {
    let (why, folder) = stopped("  steps = 3 steps  tokens = 1G tokens  time = 1 h", 0.0);
    assert_eq!(why, StoppedBy::Steps);
    let run = read(folder.path());
    assert_eq!(run.metrics.iter().filter(|line| line.stage == "reinforce").count(), 3);
    assert_eq!(run.summary.expect("a summary").stopped_by, "steps");
}

/// The batch in which the budget is used up is the last one.
#[test]
fn tokens_stop_the_run() {
    let (why, folder) = stopped("  steps = 1000 steps  tokens = 3K tokens  time = 1 h", 0.0);
    assert_eq!(why, StoppedBy::Tokens);
    let run = read(folder.path());
    let totals: Vec<u64> = run.metrics.iter().map(|line| line.tokens.total_generated).collect();
    let (last, before) = (totals[totals.len() - 1], totals[totals.len() - 2]);
    assert!(last >= 3000 && before < 3000, "{totals:?}");
    assert_eq!(run.summary.as_ref().expect("a summary").stopped_by, "tokens");
    assert!(run.last().is_some(), "the end is evaluated all the same");
}

#[test]
fn time_stops_the_run() {
    let (why, folder) = stopped("  steps = 1000 steps  tokens = 1G tokens  time = 10 min", 10.0);
    assert_eq!(why, StoppedBy::Time);
    assert_eq!(read(folder.path()).summary.expect("a summary").stopped_by, "time");
}
