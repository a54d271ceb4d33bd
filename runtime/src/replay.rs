//! Trains a run again, from its recorded rollouts or by sampling once more, and compares every line of metrics, every evaluation and
//! the last weights with what the run left, bit for bit.

use crate::checkpoint::{self, START};
use crate::error::RunError;
use crate::journal::Journal;
use crate::origin::{self, Difference, Origin};
use crate::record::Recorded;
use crate::run::{self, Asked};
use crate::run_folder::{EVALUATIONS, METRICS, RunFolder, SUMMARY, Summary};
use crate::train::{Speed, StoppedBy};
use crate::world::{Progress, World};
use candle_core::Device;
use recipec_compiler::Plan;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How a replay went.
#[derive(Debug, Clone)]
pub struct ReplayReport {
    /// Whether rollouts came from the record of the run.
    pub from_record: bool,
    /// Steps whose metrics were compared.
    pub steps: usize,
    /// Evaluations that were compared.
    pub evaluations: usize,
    /// Digest of the weights, where both runs ended at the same step and had the same ones.
    pub weights: Option<String>,
    /// The first difference.
    pub first: Option<FirstDifference>,
    /// Whether somebody asked it to stop.
    pub interrupted: bool,
}

/// The first thing that a replay did otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstDifference {
    /// Optimizer step of the stage.
    pub step: u64,
    /// Name of the stage.
    pub stage: String,
    /// What was compared: `metrics`, `evaluation`, `weights`, or a part of the step.
    pub at: String,
    /// What differs, value by value.
    pub differences: Vec<Difference>,
}

/// Trains the run in `run` again, in the folder that the world names, which must be empty.
pub fn replay(run: &Path, device: &Device, speed: Speed, world: &mut dyn World) -> Result<ReplayReport, RunError> {
    let folder = world.folder().to_path_buf();
    let said = RunFolder::read(run).map_err(|why| RunError::Damaged { path: run.into(), why: why.to_string() })?;
    let plan = run::read_plan(run)?;
    let start = run.join(START);
    run::hold_to_lock(&plan, run, run::which(&plan, start.is_dir()), world)?;
    if let Some(made) = Origin::read(run)? {
        let now = Origin { program: origin::program(), machine: origin::machine(device), ..made.clone() };
        for Difference { what, was, is } in made.differences(&now) {
            world.tell(Progress::Warning(format!(
                "{what} was `{was}` and is `{is}`: bits are promised within one of them"
            )));
        }
    }
    let recorded = Recorded::open(run);
    let from_record = recorded.is_some();
    // The clock decides nothing here, and checkpoints would only cost time.
    let mut bare = Plan { max_wall_clock_seconds: None, ..plan.clone() };
    for stage in &plan.stages {
        bare = bare.without(&stage.name, "checkpoint");
    }
    // A run that its own budgets ended ends by them again; one that something else ended is followed as far as it came.
    let whole = said
        .summary
        .as_ref()
        .is_some_and(|s| [StoppedBy::Steps, StoppedBy::Tokens].iter().any(|by| by.word() == s.stopped_by));
    std::fs::create_dir_all(&folder).map_err(RunError::io("cannot make", &folder))?;
    let mut watched = Watched::new(run, &folder, !whole, world)?;
    let mut trainer = if start.is_dir() {
        let state = checkpoint::state(&start)?;
        Journal::new(&folder).take_over(run, &state.lengths)?;
        watched.skip(&state.lengths);
        run::go_on(&bare, &start, state, device, speed, Asked::default(), &mut watched)?
    } else {
        run::begin(&bare, device, speed, Asked::default(), &mut watched)?
    };
    trainer.replay = recorded;
    let done = trainer.run();
    let stage = bare.stages.get(trainer.counters.stage).map(|stage| stage.name.clone()).unwrap_or_default();
    let (step, steps) = (trainer.counters.step, trainer.counters.total_steps());
    drop(trainer);
    let mut report = ReplayReport {
        from_record,
        steps: watched.metrics.compared,
        evaluations: watched.evaluations.compared,
        weights: None,
        first: watched.first.take(),
        interrupted: watched.world.interrupted(),
    };
    match done {
        Ok(_) => {}
        Err(RunError::Replay { step, phase, what }) => {
            let differences = vec![Difference::new(what, "recorded", "replayed")];
            report.first.get_or_insert(FirstDifference { step, stage, at: phase.into(), differences });
            return Ok(report);
        }
        Err(why) => return Err(why),
    }
    if report.first.is_some() || report.interrupted {
        return Ok(report);
    }
    report.first = watched.rest(&stage, step);
    if report.first.is_none()
        && let Some(was) = weights_of(run, said.summary.as_ref(), steps, device)?
    {
        let is = read_summary(&folder)?.weights_digest;
        match was == is {
            true => report.weights = Some(is),
            false => {
                let differences = vec![Difference::new("digest of the weights", was, is)];
                report.first = Some(FirstDifference { step, stage, at: "weights".into(), differences });
            }
        }
    }
    Ok(report)
}

fn read_summary(folder: &Path) -> Result<Summary, RunError> {
    let path = folder.join(SUMMARY);
    let text = std::fs::read(&path).map_err(RunError::io("cannot read", &path))?;
    serde_json::from_slice(&text).map_err(|why| RunError::Damaged { path, why: why.to_string() })
}

/// The digest of a run's weights after so many steps: from its summary, or from a checkpoint of that step.
fn weights_of(run: &Path, said: Option<&Summary>, steps: u64, device: &Device) -> Result<Option<String>, RunError> {
    if let Some(said) = said.filter(|said| said.steps == steps) {
        return Ok(Some(said.weights_digest.clone()));
    }
    let Some((_, path)) = checkpoint::list(run)?.into_iter().find(|(step, _)| *step == steps) else { return Ok(None) };
    checkpoint::state(&path)?;
    Ok(Some(crate::policy::Policy::load(&path, device)?.digest()?))
}

/// The lines of a file in two folders, compared as they appear.
struct Lines {
    name: &'static str,
    was: Vec<Vec<u8>>,
    is: PathBuf,
    /// Bytes of the second file that were compared.
    done: usize,
    compared: usize,
    /// Lines that both had before the replay.
    skipped: usize,
}

impl Lines {
    fn new(name: &'static str, run: &Path, folder: &Path) -> Result<Self, RunError> {
        let was = lines(&read_or_empty(&run.join(name))?);
        Ok(Self { name, was, is: folder.join(name), done: 0, compared: 0, skipped: 0 })
    }

    /// Compares the lines that were written since.
    fn next(&mut self) -> Result<Option<(Value, Vec<Difference>)>, RunError> {
        let bytes = read_or_empty(&self.is)?;
        let new = bytes.get(self.done..).unwrap_or_default();
        self.done = bytes.len();
        for line in lines(new) {
            let parsed = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
            let Some(was) = self.was.get(self.skipped + self.compared) else {
                let more = Difference::new(format!("a line of {}", self.name), "none", "one more");
                return Ok(Some((parsed(&line), vec![more])));
            };
            if *was != line {
                let (was, is) = (parsed(was), parsed(&line));
                return Ok(Some((is.clone(), differing(&was, &is))));
            }
            self.compared += 1;
        }
        Ok(None)
    }

    fn missing(&self) -> usize {
        self.was.len().saturating_sub(self.skipped + self.compared)
    }
}

fn read_or_empty(path: &Path) -> Result<Vec<u8>, RunError> {
    match std::fs::read(path) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(RunError::io("cannot read", path)),
    }
}

/// Whole lines; the last one of a killed run may not be whole.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")).map(<[u8]>::to_vec).collect()
}

fn differing(was: &Value, is: &Value) -> Vec<Difference> {
    let flat = |value: &Value| {
        let mut lines = BTreeMap::new();
        run::flatten("", value, &mut lines);
        lines
    };
    let (was, is) = (flat(was), flat(is));
    let nothing = || "nothing".to_string();
    let keys: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let differ = keys.into_iter().filter(|key| was.get(*key) != is.get(*key));
    let value = |lines: &BTreeMap<String, String>, key: &String| lines.get(key).cloned().unwrap_or_else(nothing);
    differ.take(8).map(|key| Difference::new(key, value(&was, key), value(&is, key))).collect()
}

/// The world of a replay: it looks at what is written, and stops at the first difference.
struct Watched<'a> {
    world: &'a mut dyn World,
    metrics: Lines,
    evaluations: Lines,
    /// Whether to stop when every line of metrics was compared.
    stops_with_metrics: bool,
    first: Option<FirstDifference>,
}

impl<'a> Watched<'a> {
    fn new(run: &Path, folder: &Path, stops: bool, world: &'a mut dyn World) -> Result<Self, RunError> {
        let (metrics, evaluations) = (Lines::new(METRICS, run, folder)?, Lines::new(EVALUATIONS, run, folder)?);
        Ok(Self { world, metrics, evaluations, stops_with_metrics: stops, first: None })
    }

    /// Passes over what a fork took over.
    fn skip(&mut self, lengths: &BTreeMap<String, u64>) {
        for lines in [&mut self.metrics, &mut self.evaluations] {
            let length = lengths.get(lines.name).copied().unwrap_or(0) as usize;
            let mut seen = 0;
            lines.done = length;
            lines.skipped = lines
                .was
                .iter()
                .take_while(|line| {
                    seen += line.len();
                    seen <= length
                })
                .count();
        }
    }

    fn look(&mut self, at: &str) {
        if self.first.is_some() {
            return;
        }
        let lines = if at == "metrics" { &mut self.metrics } else { &mut self.evaluations };
        self.first = match lines.next() {
            Ok(None) => None,
            Ok(Some((line, differences))) => Some(FirstDifference {
                step: line["step"].as_u64().unwrap_or(0),
                stage: line["stage"].as_str().unwrap_or_default().to_string(),
                at: at.to_string(),
                differences,
            }),
            Err(why) => Some(FirstDifference {
                step: 0,
                stage: String::new(),
                at: at.to_string(),
                differences: vec![Difference::new(why.to_string(), "readable", "not readable")],
            }),
        };
    }

    /// Lines of the run that the replay did not write, where it was to write all of them.
    fn rest(&self, stage: &str, step: u64) -> Option<FirstDifference> {
        let mut short = vec![&self.metrics];
        if !self.stops_with_metrics {
            short.push(&self.evaluations);
        }
        let lines = short.into_iter().find(|lines| lines.missing() > 0)?;
        let differences = vec![Difference::new(
            format!("lines of {}", lines.name),
            lines.was.len().to_string(),
            (lines.skipped + lines.compared).to_string(),
        )];
        Some(FirstDifference { step, stage: stage.to_string(), at: "end".into(), differences })
    }
}

impl World for Watched<'_> {
    fn folder(&self) -> &Path {
        self.world.folder()
    }

    fn data_folder(&self) -> &Path {
        self.world.data_folder()
    }

    fn seconds(&self) -> f64 {
        self.world.seconds()
    }

    fn interrupted(&self) -> bool {
        let followed = self.stops_with_metrics && self.metrics.missing() == 0;
        self.first.is_some() || followed || self.world.interrupted()
    }

    fn tell(&mut self, progress: Progress) {
        match &progress {
            Progress::Step { .. } => self.look("metrics"),
            Progress::Evaluation { .. } => self.look("evaluation"),
            _ => {}
        }
        self.world.tell(progress);
    }
}
