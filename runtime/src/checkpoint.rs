//! Checkpoints: everything needed to go on exactly. One is written under another name, synced and renamed, so that whenever the
//! process ends, the checkpoint before or the new one is there as a whole. Weights are in Hugging Face layout.
//!
//! Names that begin with a point are work in progress: `.draft-step-N` is being written, `.old-step-N` is being replaced, and
//! `.gone-step-N` is being removed. [`settle`] tidies up what a kill left of them.

mod best;
mod state;
#[cfg(test)]
mod tests;

pub use best::{BEST, Best};
pub use state::{STATE, State};

use crate::counters::Counters;
use crate::disk;
use crate::error::RunError;
use crate::optimizer::Optimizer;
use crate::origin::Origin;
use crate::policy::{Policy, PolicyError};
use crate::tokenizer::Tokenizer;
use crate::train::optimizer_settings;
use recipec_compiler::Plan;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Folder of the checkpoints in a run folder.
pub const CHECKPOINTS: &str = "checkpoints";
/// The checkpoint that a forked run begins with, in its run folder.
pub const START: &str = "start";
const OPTIMIZER: &str = "optimizer.safetensors";
const REFERENCE: &str = "reference";
const PLAN: &str = "plan.json";

/// What goes into a checkpoint.
pub struct Contents<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// Its tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// The optimizer, if the stage has one.
    pub optimizer: Option<&'a Optimizer>,
    /// The policy at the start of the stage, if it is needed.
    pub reference: Option<&'a Policy>,
    /// Where the run is.
    pub counters: &'a Counters,
    /// Length of each growing file.
    pub lengths: BTreeMap<String, u64>,
    /// The plan.
    pub plan: &'a Plan,
    /// Its fingerprint.
    pub fingerprint: &'a str,
    /// Where the run came from, where that is known.
    pub origin: Option<&'a Origin>,
}

/// Writes `checkpoints/step-N` and removes the oldest ones beyond `keep`, but never the best one.
pub fn save(run: &Path, contents: &Contents<'_>, keep: u64) -> Result<PathBuf, RunError> {
    let folder = run.join(CHECKPOINTS);
    fs::create_dir_all(&folder).map_err(RunError::io("cannot make", &folder))?;
    settle(run)?;
    let place = folder.join(format!("step-{}", contents.counters.total_steps()));
    let best = contents.counters.best.as_ref();
    // A run that is resumed at its end, or interrupted at once, has it already.
    if !holds(&place, contents) {
        write(&place, contents)?;
    }
    if let Some(best) = best {
        best::write(run, best)?;
    }
    let old = list(run)?.into_iter().rev().skip(keep.max(1) as usize);
    for (_, old) in old.filter(|(number, _)| best.is_none_or(|best| best.step != *number)) {
        disk::remove_folder(&old).map_err(RunError::io("cannot remove", &old))?;
    }
    Ok(place)
}

/// Writes a checkpoint into a folder, in whose place another one may be.
pub fn write(place: &Path, contents: &Contents<'_>) -> Result<State, RunError> {
    let draft = disk::hidden(place, ".draft-");
    if draft.exists() {
        disk::remove_pieces(&draft).map_err(RunError::io("cannot remove", &draft))?;
    }
    let written = write_files(&draft, contents).and_then(|state| {
        put(&draft, place)?;
        Ok(state)
    });
    if written.is_err() && draft.exists() {
        // Its space may be what is missing; that it cannot be removed is not the failure to tell of.
        disk::remove_pieces(&draft).ok();
    }
    written
}

fn write_files(draft: &Path, contents: &Contents<'_>) -> Result<State, RunError> {
    disk::make_folder(draft).map_err(RunError::io("cannot make", draft))?;
    contents.policy.save(draft).map_err(file_error)?;
    contents.tokenizer.save(draft).map_err(file_error)?;
    if let Some(optimizer) = contents.optimizer {
        let path = draft.join(OPTIMIZER);
        disk::write_with(&path, |path| {
            let moments = optimizer.state(contents.policy);
            safetensors::serialize_to_file(moments, None, path).map_err(io_error)
        })
        .map_err(RunError::io("cannot write", &path))?;
    }
    if let Some(reference) = contents.reference {
        let path = draft.join(REFERENCE);
        disk::make_folder(&path).map_err(RunError::io("cannot make", &path))?;
        reference.save(&path).map_err(file_error)?;
    }
    let path = draft.join(PLAN);
    let text = serde_json::to_vec_pretty(contents.plan)
        .map_err(|why| RunError::Damaged { path: path.clone(), why: why.to_string() })?;
    disk::write_whole(&path, &text).map_err(RunError::io("cannot write", &path))?;
    let state = State {
        origin: contents.origin.cloned(),
        optimizer_steps: contents.optimizer.map(Optimizer::steps),
        has_reference: contents.reference.is_some(),
        lengths: contents.lengths.clone(),
        ..State::new(contents.fingerprint, contents.counters.clone())
    };
    let state = state.write(draft)?;
    disk::sync_folder(draft).map_err(RunError::io("cannot write", draft))?;
    Ok(state)
}

/// Puts a whole draft in its place. What was there is renamed first, and removed last.
fn put(draft: &Path, place: &Path) -> Result<(), RunError> {
    let old = disk::hidden(place, ".old-");
    if place.exists() {
        // Another state of the same step: an evaluation was made since.
        if old.exists() {
            disk::remove_folder(&old).map_err(RunError::io("cannot remove", &old))?;
        }
        disk::rename(place, &old).map_err(RunError::io("cannot rename", place))?;
    }
    disk::rename(draft, place).map_err(RunError::io("cannot rename", draft))?;
    if old.exists() {
        disk::remove_folder(&old).map_err(RunError::io("cannot remove", &old))?;
    }
    Ok(())
}

/// Tidies up what a kill left: a checkpoint that was about to be replaced is put back, half of one is removed.
pub fn settle(run: &Path) -> Result<(), RunError> {
    let folder = run.join(CHECKPOINTS);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(RunError::io("cannot read", &folder)(why)),
    };
    let mut names: Vec<String> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(RunError::io("cannot read", &folder))?;
        names.extend(entry.file_name().into_string().ok().filter(|name| name.starts_with('.')));
    }
    names.sort();
    for name in names {
        let path = folder.join(&name);
        if let Some(place) = name.strip_prefix(".old-").map(|name| folder.join(name))
            && !place.exists()
        {
            disk::rename(&path, &place).map_err(RunError::io("cannot rename", &path))?;
        } else if [".old-", ".gone-", ".draft-"].iter().any(|prefix| name.starts_with(prefix)) {
            let removed = if path.is_dir() { disk::remove_pieces(&path) } else { fs::remove_file(&path) };
            removed.map_err(RunError::io("cannot remove", &path))?;
        }
    }
    Ok(())
}

/// Whether a checkpoint holds this state already.
fn holds(place: &Path, contents: &Contents<'_>) -> bool {
    let Ok(found) = state(place) else { return false };
    let now = Counters { seconds: found.counters.seconds, ..contents.counters.clone() };
    found.plan == contents.fingerprint && found.counters == now && found.origin.as_ref() == contents.origin
}

/// The checkpoints of a run with their numbers, oldest first.
pub fn list(run: &Path) -> Result<Vec<(u64, PathBuf)>, RunError> {
    let folder = run.join(CHECKPOINTS);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(RunError::io("cannot read", &folder)(why)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(RunError::io("cannot read", &folder))?.path();
        let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("step-"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// The state of a checkpoint, after every file beside it was compared with its digest.
pub fn state(checkpoint: &Path) -> Result<State, RunError> {
    let state = State::read(checkpoint)?;
    state.verify(checkpoint)?;
    Ok(state)
}

/// The plan of a checkpoint.
pub fn plan(checkpoint: &Path) -> Result<Plan, RunError> {
    let path = checkpoint.join(PLAN);
    let text = fs::read(&path).map_err(RunError::io("cannot read", &path))?;
    serde_json::from_slice(&text).map_err(|why| RunError::Damaged { path, why: why.to_string() })
}

/// The best evaluation of a run so far, where one is kept.
pub fn best(run: &Path) -> Result<Option<Best>, RunError> {
    let path = run.join(CHECKPOINTS).join(BEST);
    match fs::read(&path) {
        Ok(text) => {
            serde_json::from_slice(&text).map(Some).map_err(|why| RunError::Damaged { path, why: why.to_string() })
        }
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(RunError::io("cannot read", &path)(why)),
    }
}

/// The moments of the optimizer in a checkpoint.
pub fn load_optimizer(
    checkpoint: &Path,
    plan: &Plan,
    stage: usize,
    policy: &Policy,
    steps: u64,
) -> Result<Optimizer, RunError> {
    let path = checkpoint.join(OPTIMIZER);
    let settings = plan.stages.get(stage).and_then(optimizer_settings);
    let settings =
        settings.ok_or_else(|| RunError::Plan("a checkpoint with an optimizer, and no node for it".into()))?;
    let bytes = fs::read(&path).map_err(RunError::io("cannot read", &path))?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, policy.device()).map_err(PolicyError::from)?;
    Ok(Optimizer::restore(settings, policy, steps, tensors)?)
}

/// The policy of the start of the stage in a checkpoint.
pub fn load_reference(checkpoint: &Path, device: &candle_core::Device) -> Result<Policy, RunError> {
    Ok(Policy::load(&checkpoint.join(REFERENCE), device)?)
}

/// A file of the policy that cannot be written is a failure of the disk, not of the model.
fn file_error(why: PolicyError) -> RunError {
    match why {
        PolicyError::File { path, source } => RunError::io("cannot write", path)(source),
        other => other.into(),
    }
}

/// The reason inside an error of the file format, where there is one: a full disk stays a full disk.
fn io_error(why: safetensors::SafeTensorError) -> std::io::Error {
    match why {
        safetensors::SafeTensorError::IoError(why) => why,
        other => std::io::Error::other(other.to_string()),
    }
}
