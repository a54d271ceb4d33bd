//! Runs of a sweep, so many at a time: begun, resumed or skipped; one that fails does not stop the others.

use super::super::run::{Begun, interruption};
use super::members::Planned;
use super::{outcome, write};
use crate::progress;
use recipec_runtime::device::Chosen;
use recipec_runtime::error::RunError;
use recipec_runtime::report;
use recipec_runtime::report::sweep::{Outcome, State, Sweep};
use recipec_runtime::run::{self, Asked, PLAN, RunReport};
use recipec_runtime::train::{Speed, StoppedBy};
use recipec_runtime::world::Machine;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where and how the runs of a sweep are made.
pub struct Work<'a> {
    /// The folder of the sweep.
    pub root: &'a Path,
    pub device: &'a Chosen,
    /// Threads of each run.
    pub threads: usize,
    /// Runs at a time.
    pub jobs: usize,
    pub asked: Asked,
}

/// Makes all runs that have not ended, and gives the report with what they came to; true when somebody interrupted it.
pub fn all(planned: &[Planned], report: Sweep, work: &Work<'_>) -> (Sweep, bool) {
    // Runs of the same hash are one run: a point may be what the recipe says anyway.
    let mut by_hash: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, one) in report.members.iter().enumerate() {
        if matches!(one.state, State::Waiting | State::Begun) {
            by_hash.entry(planned[at].member.hash.as_str()).or_default().push(at);
        }
    }
    let mut jobs: Vec<Vec<usize>> = by_hash.into_values().collect();
    jobs.sort_by_key(|same| same.first().map(|at| (planned[*at].round, *at)));
    let n_jobs = jobs.len();
    let jobs = Mutex::new(jobs.into_iter().enumerate().collect::<VecDeque<_>>());
    let report = Mutex::new(report);
    let interrupted = interruption("all steps that run are finished and saved first");
    std::thread::scope(|scope| {
        for _ in 0..work.jobs.min(n_jobs) {
            scope.spawn(|| {
                while !interrupted.load(Ordering::Relaxed) {
                    let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some((number, same)) = next else { return };
                    let Some(one) = same.first().map(|at| &planned[*at]) else { continue };
                    eprintln!("[{} of {n_jobs}] {}", number + 1, one.member.folder);
                    let (state, outcome) = one_run(one, work, &interrupted);
                    match &state {
                        State::Failed { code, why } => eprintln!("{}: {code}: {why}", one.member.folder),
                        other => eprintln!("{}: {}", one.member.folder, other.word()),
                    }
                    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    for at in same {
                        let member = &mut report.members[at];
                        member.folder.clone_from(&one.member.folder);
                        (member.state, member.outcome) = (state.clone(), outcome.clone());
                    }
                    // The page is there while the sweep goes on; at the end it is written again, and a failure is told.
                    let _ = write(work.root, &report);
                }
            });
        }
    });
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    (report, interrupted.load(Ordering::Relaxed))
}

/// One run to its end, or as far as it comes.
fn one_run(one: &Planned, work: &Work<'_>, interrupted: &Arc<AtomicBool>) -> (State, Option<Outcome>) {
    let folder = work.root.join(&one.member.folder);
    let made = catch_unwind(AssertUnwindSafe(|| train(one, &folder, work, interrupted)));
    let failed = |code: &str, why: String| (State::Failed { code: code.to_string(), why }, None);
    match made {
        Ok(Ok(done)) if done.stopped == StoppedBy::Interrupt => (State::Begun, None),
        Ok(Ok(_)) => match report::write(&folder).map_err(|why| why.to_string()).and_then(|_| outcome(&folder)) {
            Ok(outcome) => (State::Done, outcome),
            Err(why) => failed("recipe::run::io", why),
        },
        Ok(Err(why)) => {
            let help = why.help().map(|help| format!("\n  help: {help}")).unwrap_or_default();
            failed(why.code(), format!("{why}{help}"))
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_string()));
            failed("defect", format!("a defect of the program: {}", text.unwrap_or_default()))
        }
    }
}

fn train(one: &Planned, folder: &Path, work: &Work<'_>, interrupted: &Arc<AtomicBool>) -> Result<RunReport, RunError> {
    let begun = Begun::new(&one.args, &one.recipe, &one.plan, work.device);
    let beside = PathBuf::from(&begun.origin.recipe_folder);
    let listener = progress::lines::listener(format!("{}: ", one.member.folder));
    let mut machine = Machine::new(folder.to_path_buf(), beside, Arc::clone(interrupted), Box::new(listener));
    let speed = Speed { threads: work.threads };
    if folder.join(PLAN).is_file() {
        return run::resume_with(&work.device.device, speed, work.asked, &mut machine);
    }
    // Without a plan it was killed before it was a run, and what is there was written by this program a moment before.
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(RunError::io("cannot remove", folder))?;
    }
    std::fs::create_dir_all(folder).map_err(RunError::io("cannot make", folder))?;
    begun.write(folder, &one.recipe)?;
    run::run_with(&one.plan, &work.device.device, speed, work.asked, &mut machine)
}
