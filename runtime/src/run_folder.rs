//! The run folder `runs/<recipe>-<id>/`: what each file holds, and how to read it back.
//!
//! Files: `metrics.jsonl` (one object per optimizer step), `timing.jsonl` (all that depends on the clock),
//! `evaluations.jsonl` (one object per evaluation), `summary.json` (written when a run ends) and `rollouts.jsonl.gz`
//! (sampled rollouts). A run that was killed may leave its last line unfinished: such a line is left out and said in
//! [`RunFolder::notes`]. Anything else that cannot be read is an error with file and line. Unknown keys are passed over, so
//! that a newer writer of the same schema stays readable.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::health::{Finding, Health};
use crate::origin::{ORIGIN, Origin};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

mod examples;
mod schema;

pub use examples::{DomainExamples, Examples};
pub use schema::*;

/// Name of the file with one object per optimizer step.
pub const METRICS: &str = "metrics.jsonl";
/// Name of the file with seconds and rates.
pub const TIMING: &str = "timing.jsonl";
/// Name of the file with one object per evaluation.
pub const EVALUATIONS: &str = "evaluations.jsonl";
/// Name of the file that closes a run.
pub const SUMMARY: &str = "summary.json";
/// Name of the file with sampled rollouts.
pub const ROLLOUTS: &str = "rollouts.jsonl.gz";

/// The version of the schema that is written and read.
pub const SCHEMA: u32 = 1;

/// No line of a run folder is longer; a damaged or hostile file must not fill the memory.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// Why a run folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RunFolderError {
    /// There is no such folder.
    #[error("there is no run folder {path}")]
    Missing {
        /// The folder asked for.
        path: PathBuf,
    },
    /// None of the files of a run is there.
    #[error("{path} is not a run folder: it has neither {METRICS} nor {EVALUATIONS} nor {SUMMARY}")]
    NotARun {
        /// The folder asked for.
        path: PathBuf,
    },
    /// The system refused to read or write a file.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not what the schema says.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// A run folder in memory. Rollouts are not held: only a few examples of each domain are.
#[derive(Debug, Clone)]
pub struct RunFolder {
    /// Where it was read from.
    pub path: PathBuf,
    /// `metrics.jsonl`, in order.
    pub metrics: Vec<StepMetrics>,
    /// `timing.jsonl`, in order.
    pub timing: Vec<StepTiming>,
    /// `evaluations.jsonl`, in order.
    pub evaluations: Vec<Evaluation>,
    /// `summary.json`; absent while a run goes on and after one was killed.
    pub summary: Option<Summary>,
    /// `origin.json`: recipe, inputs, program, device and command; absent in a folder of before.
    pub origin: Option<Origin>,
    /// A few early and late rollouts of each domain.
    pub examples: Examples,
    /// What was missing or cut short, in plain sentences.
    pub notes: Vec<String>,
}

impl RunFolder {
    /// Reads a run folder.
    pub fn read(path: &Path) -> Result<Self, RunFolderError> {
        if !path.is_dir() {
            return Err(RunFolderError::Missing { path: path.to_owned() });
        }
        if ![METRICS, EVALUATIONS, SUMMARY].iter().any(|name| path.join(name).is_file()) {
            return Err(RunFolderError::NotARun { path: path.to_owned() });
        }
        let mut notes = Vec::new();
        let metrics: Vec<StepMetrics> = read_lines(path, METRICS, &mut notes)?;
        let timing = read_lines(path, TIMING, &mut notes)?;
        let evaluations: Vec<Evaluation> = read_lines(path, EVALUATIONS, &mut notes)?;
        let summary = read_summary(path, &mut notes)?;
        let examples = read_examples(path, &mut notes)?;
        let origin = read_origin(path)?;
        Ok(Self { path: path.to_owned(), metrics, timing, evaluations, summary, origin, examples, notes })
    }

    /// The known sicknesses that were seen while it ran.
    pub fn findings(&self) -> Vec<Finding> {
        let mut health = Health::default();
        health.aim(self.summary.as_ref().map(|summary| summary.ratios.clone()).unwrap_or_default());
        health.replay(&self.metrics, &self.evaluations)
    }

    /// The stages that learn by reinforcement, in the order in which they ran.
    pub fn reinforce_stages(&self) -> Vec<&str> {
        let mut stages: Vec<&str> = Vec::new();
        for line in &self.metrics {
            if line.kind == StepKind::Reinforce && !stages.contains(&line.stage.as_str()) {
                stages.push(&line.stage);
            }
        }
        stages
    }

    /// The evaluation before the first step of reinforcement.
    pub fn base(&self) -> Option<&Evaluation> {
        self.reinforced().find(|evaluation| evaluation.step == 0 || evaluation.when == When::Start)
    }

    /// The last evaluation that was made because the run had ended.
    pub fn last(&self) -> Option<&Evaluation> {
        self.reinforced().filter(|evaluation| evaluation.when == When::End).last()
    }

    /// The last evaluation after a step, at the end or on the way; what a report shows of a run that did not end.
    pub fn latest(&self) -> Option<&Evaluation> {
        self.last().or_else(|| self.reinforced().filter(|evaluation| evaluation.step > 0).last())
    }

    /// Evaluations of reinforcement stages. Where no step was made (a budget of 0, a killed run) the only thing to go by is
    /// the stage of the last evaluation.
    fn reinforced(&self) -> impl Iterator<Item = &Evaluation> {
        let mut stages = self.reinforce_stages();
        if stages.is_empty() {
            stages.extend(self.evaluations.last().map(|evaluation| evaluation.stage.as_str()));
        }
        self.evaluations.iter().filter(move |evaluation| stages.contains(&evaluation.stage.as_str()))
    }

    /// The domains of the run: by falling target ratio, then by name.
    pub fn domains(&self) -> Vec<&str> {
        let mut ratios: BTreeMap<&str, f64> = BTreeMap::new();
        for evaluation in self.base().into_iter().chain(self.latest()) {
            for suite in evaluation.suites.values() {
                ratios.extend(suite.domains.keys().map(|name| (name.as_str(), 0.0)));
            }
        }
        for line in &self.metrics {
            ratios.extend(line.domains.keys().map(|name| (name.as_str(), 0.0)));
        }
        if let Some(summary) = &self.summary {
            ratios.extend(summary.shares.iter().map(|(name, share)| (name.as_str(), share.ratio)));
            ratios.extend(summary.ratios.iter().map(|(name, ratio)| (name.as_str(), *ratio)));
        }
        let mut names: Vec<(&str, f64)> = ratios.into_iter().collect();
        names.sort_by(|(a, ratio_a), (b, ratio_b)| ratio_b.total_cmp(ratio_a).then(a.cmp(b)));
        names.into_iter().map(|(name, _)| name).collect()
    }
}

/// The steps and evaluations that a run has written.
pub fn lines_so_far(folder: &Path) -> Result<(Vec<StepMetrics>, Vec<Evaluation>), RunFolderError> {
    let mut notes = Vec::new();
    Ok((read_lines(folder, METRICS, &mut notes)?, read_lines(folder, EVALUATIONS, &mut notes)?))
}

fn read_lines<T: DeserializeOwned + Line>(
    folder: &Path,
    name: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<T>, RunFolderError> {
    let file = folder.join(name);
    let Some(opened) = open(&file)? else {
        notes.push(format!("{name} is missing."));
        return Ok(Vec::new());
    };
    let mut lines = Vec::new();
    for_each_line(&file, BufReader::new(opened), notes, |line: T| lines.push(line))?;
    Ok(lines)
}

fn read_examples(folder: &Path, notes: &mut Vec<String>) -> Result<Examples, RunFolderError> {
    let file = folder.join(ROLLOUTS);
    let mut examples = Examples::default();
    if let Some(opened) = open(&file)? {
        // A resumed run appends a second gzip member.
        let reader = BufReader::new(flate2::read::MultiGzDecoder::new(BufReader::new(opened)));
        for_each_line(&file, reader, notes, |rollout| examples.see(rollout))?;
    }
    Ok(examples)
}

fn read_origin(folder: &Path) -> Result<Option<Origin>, RunFolderError> {
    let file = folder.join(ORIGIN);
    let Some(opened) = open(&file)? else { return Ok(None) };
    let read = serde_json::from_reader(BufReader::new(opened.take(MAX_LINE_BYTES)));
    read.map(Some).map_err(|error| bad_line(&file, error.line() as u64, &error))
}

fn read_summary(folder: &Path, notes: &mut Vec<String>) -> Result<Option<Summary>, RunFolderError> {
    let file = folder.join(SUMMARY);
    let Some(opened) = open(&file)? else {
        notes.push(format!("{SUMMARY} is missing: the run has not ended."));
        return Ok(None);
    };
    let mut text = String::new();
    let read = opened.take(MAX_LINE_BYTES).read_to_string(&mut text);
    read.map_err(|source| RunFolderError::Io { file: file.clone(), source })?;
    let summary: Summary = serde_json::from_str(&text).map_err(|error| bad_line(&file, error.line() as u64, &error))?;
    if let Some(reason) = summary.penalty_surface.as_ref().and_then(PenaltySurface::fault) {
        return Err(RunFolderError::Line { file, line: 1, reason });
    }
    Ok(Some(summary))
}

fn open(file: &Path) -> Result<Option<File>, RunFolderError> {
    match File::open(file) {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(RunFolderError::Io { file: file.to_owned(), source }),
    }
}

/// Hands every line to `each`. Only the last line may be unfinished: it has no newline, or the compressed stream ends early.
fn for_each_line<T: DeserializeOwned + Line>(
    file: &Path,
    mut reader: impl BufRead,
    notes: &mut Vec<String>,
    mut each: impl FnMut(T),
) -> Result<(), RunFolderError> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut bytes = Vec::new();
    for line in 1u64.. {
        bytes.clear();
        let cut = match reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes) {
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => true,
            Err(error) => return Err(bad_line(file, line, &error)),
        };
        if bytes.is_empty() && !cut {
            return Ok(());
        }
        let whole = bytes.last() == Some(&b'\n');
        if !whole && bytes.len() as u64 == MAX_LINE_BYTES {
            return Err(bad_line(file, line, &format!("the line is longer than {MAX_LINE_BYTES} bytes")));
        }
        if !bytes.trim_ascii().is_empty() {
            match serde_json::from_slice::<T>(&bytes) {
                Ok(value) => {
                    let found = value.schema();
                    if found != SCHEMA {
                        let reason = format!("schema {found} is not known here; this program reads schema {SCHEMA}");
                        return Err(bad_line(file, line, &reason));
                    }
                    each(value);
                }
                Err(_) if !whole => {
                    notes.push(format!(
                        "{name}: line {line} is unfinished and was left out; the run was probably killed."
                    ));
                    return Ok(());
                }
                Err(error) => return Err(bad_line(file, line, &error)),
            }
        }
        if cut {
            notes.push(format!("{name} ends early at line {line}; the run was probably killed."));
            return Ok(());
        }
    }
    Ok(())
}

fn bad_line(file: &Path, line: u64, reason: &dyn std::fmt::Display) -> RunFolderError {
    // serde_json counts lines of the text it was given, which is a single line here: keep its column only.
    let reason = reason.to_string().replace(" at line 1 column", " at column");
    RunFolderError::Line { file: file.to_owned(), line, reason }
}

#[cfg(test)]
mod tests;
