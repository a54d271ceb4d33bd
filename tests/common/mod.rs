//! Compiles and runs recipes inside a test.
#![allow(dead_code)] // each test file uses its own part of this

pub mod recipes;

use recipec_compiler::diagnostic::Severity;
use recipec_compiler::{FileId, NoFiles, Options, Plan, Source};
use recipec_runtime::error::RunError;
use recipec_runtime::run::{self, RunReport};
use recipec_runtime::run_folder::{RunFolder, StepMetrics};
use recipec_runtime::train::Speed;
use recipec_runtime::world::{Progress, World};
use std::path::{Path, PathBuf};

/// The smallest recipe that walks every kind of node.
pub const TINY: &str = include_str!("../fixtures/tiny.recipe");

/// The plan of a recipe, which must be without errors. Recipes of tests are small, so some of their settings cannot act.
pub fn plan(text: &str, variant: Option<&str>) -> Plan {
    let options = Options { variant: variant.map(str::to_string), ..Options::default() };
    let source = Source::new(FileId(0), "test.recipe", text);
    let checked = recipec_compiler::check(source, &NoFiles, &options);
    let wrong = checked.problems.sorted().into_iter().filter(|d| d.severity == Severity::Error);
    let said: Vec<String> = wrong.map(|d| format!("{}: {}", d.code.name(), d.message)).collect();
    assert!(said.is_empty(), "the recipe has problems: {said:#?}");
    let recipe = checked.recipe.expect("a recipe without problems");
    recipec_compiler::compile(&recipe).expect("a checked recipe compiles").1
}

/// A machine that stops when a stage has made so many steps.
pub struct TestWorld {
    folder: PathBuf,
    /// What paths in the recipe are relative to.
    pub data_folder: PathBuf,
    stop: Option<(String, u64)>,
    stage: String,
    stopped: bool,
    pub warnings: Vec<String>,
    /// Seconds that every look at the clock takes.
    pub tick: f64,
    clock: std::cell::Cell<f64>,
}

impl TestWorld {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            data_folder: PathBuf::new(),
            stop: None,
            stage: String::new(),
            stopped: false,
            warnings: Vec::new(),
            tick: 0.0,
            clock: Default::default(),
        }
    }

    pub fn stopping_at(folder: &Path, stage: &str, step: u64) -> Self {
        Self { stop: Some((stage.to_string(), step)), ..Self::new(folder) }
    }
}

impl World for TestWorld {
    fn folder(&self) -> &Path {
        &self.folder
    }

    fn data_folder(&self) -> &Path {
        &self.data_folder
    }

    fn seconds(&self) -> f64 {
        self.clock.set(self.clock.get() + self.tick);
        self.clock.get()
    }

    fn interrupted(&self) -> bool {
        self.stopped
    }

    fn tell(&mut self, progress: Progress) {
        match progress {
            Progress::Stage { name, .. } => self.stage = name,
            Progress::Step { step, .. } => {
                if self.stop.as_ref().is_some_and(|(stage, at)| *stage == self.stage && *at == step) {
                    self.stopped = true;
                }
            }
            Progress::Warning(text) => self.warnings.push(text),
            Progress::Evaluation { .. } | Progress::Note(_) => {}
        }
    }
}

/// Runs a plan to its end.
pub fn run(plan: &Plan, folder: &Path) -> RunReport {
    run_in(plan, &mut TestWorld::new(folder), 2).expect("the run ends well")
}

pub fn run_in(plan: &Plan, world: &mut TestWorld, threads: usize) -> Result<RunReport, RunError> {
    run::run(plan, &candle_device(), Speed { threads }, world)
}

pub fn resume_in(world: &mut TestWorld) -> Result<RunReport, RunError> {
    run::resume(&candle_device(), Speed { threads: 2 }, world)
}

fn candle_device() -> recipec_runtime::device::Device {
    recipec_runtime::device::Device::Cpu
}

pub fn read(folder: &Path) -> RunFolder {
    RunFolder::read(folder).expect("a readable run folder")
}

pub fn digest(folder: &Path) -> String {
    read(folder).summary.expect("a finished run").weights_digest
}

/// The lines of one stage.
pub fn steps<'a>(folder: &'a RunFolder, stage: &str) -> Vec<&'a StepMetrics> {
    folder.metrics.iter().filter(|line| line.stage == stage).collect()
}
