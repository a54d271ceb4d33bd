//! What the runtime asks of the machine: a folder, a clock, a way to be stopped, and somebody to tell.

use crate::run_folder::StepMetrics;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Something worth telling while a run goes on.
#[derive(Debug, Clone)]
pub enum Progress {
    /// A stage begins.
    Stage {
        /// Its name.
        name: String,
        /// Its steps, if they are limited.
        max_steps: Option<u64>,
        /// Where it begins: above 0 after a resume.
        from_step: u64,
        /// Target ratio of each domain.
        ratios: BTreeMap<String, f64>,
    },
    /// A step was made.
    Step {
        /// Steps made in the stage.
        step: u64,
        /// What to show.
        values: Vec<(&'static str, f64)>,
        /// Its line of `metrics.jsonl`, where the plan writes one.
        metrics: Option<Box<StepMetrics>>,
    },
    /// An evaluation was made.
    Evaluation {
        /// At which step.
        step: u64,
        /// Per suite: name, macro pass@1, macro mean tokens.
        suites: Vec<(String, f64, f64)>,
    },
    /// Something that must not go unnoticed: also in `log.txt`.
    Warning(String),
    /// Something to know.
    Note(String),
}

/// The machine, as the runtime sees it.
pub trait World {
    /// The run folder.
    fn folder(&self) -> &Path;
    /// The folder that `file("…")` is relative to: the recipe's.
    fn data_folder(&self) -> &Path;
    /// Seconds since this process began to run.
    fn seconds(&self) -> f64;
    /// Whether somebody asked the run to stop.
    fn interrupted(&self) -> bool;
    /// Bytes of main memory that are free, where that is known.
    fn free_memory(&self) -> Option<u64> {
        None
    }
    /// Tells somebody.
    fn tell(&mut self, progress: Progress);
}

/// A real machine.
pub struct Machine {
    folder: PathBuf,
    data_folder: PathBuf,
    started: Instant,
    interrupted: Arc<AtomicBool>,
    listener: Box<dyn FnMut(&Progress)>,
}

impl Machine {
    /// A run in `folder`, with data below `data_folder`; `interrupted` is set by a signal handler.
    pub fn new(
        folder: PathBuf,
        data_folder: PathBuf,
        interrupted: Arc<AtomicBool>,
        listener: Box<dyn FnMut(&Progress)>,
    ) -> Self {
        Self { folder, data_folder, started: Instant::now(), interrupted, listener }
    }
}

impl World for Machine {
    fn folder(&self) -> &Path {
        &self.folder
    }

    fn data_folder(&self) -> &Path {
        &self.data_folder
    }

    fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    fn free_memory(&self) -> Option<u64> {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    }

    fn tell(&mut self, progress: Progress) {
        (self.listener)(&progress);
    }
}
