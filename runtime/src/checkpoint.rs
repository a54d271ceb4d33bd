//! Checkpoints: everything needed to go on exactly, written under a temporary name and renamed, so that a checkpoint is there as a
//! whole or not at all. Weights are in Hugging Face layout.

mod best;

pub use best::{BEST, Best};

use crate::counters::Counters;
use crate::error::RunError;
use crate::optimizer::Optimizer;
use crate::policy::{Policy, PolicyError};
use crate::tokenizer::Tokenizer;
use crate::train::optimizer_settings;
use recipec_compiler::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Folder of the checkpoints in a run folder.
pub const CHECKPOINTS: &str = "checkpoints";
const STATE: &str = "state.json";
const OPTIMIZER: &str = "optimizer.safetensors";
const REFERENCE: &str = "reference";
/// Raised when the layout of a checkpoint changes.
const VERSION: u32 = 1;

/// `state.json`: where the run is, and the digests of everything beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of the layout.
    pub version: u32,
    /// Fingerprint of the plan.
    pub plan: String,
    /// Where the run is.
    pub counters: Counters,
    /// Steps of the optimizer itself, if the stage has one.
    pub optimizer_steps: Option<u64>,
    /// Whether the policy of the start of the stage is in `reference/`.
    pub has_reference: bool,
    /// Length of each growing file of the run folder.
    pub lengths: BTreeMap<String, u64>,
    /// BLAKE3 of every file of the checkpoint but this one.
    pub digests: BTreeMap<String, String>,
}

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
    /// Fingerprint of the plan.
    pub plan: &'a str,
}

/// Writes `checkpoints/step-N` and removes the oldest ones beyond `keep`, but never the best one.
pub fn save(run: &Path, contents: Contents<'_>, keep: u64) -> Result<PathBuf, RunError> {
    let folder = run.join(CHECKPOINTS);
    fs::create_dir_all(&folder).map_err(RunError::io("cannot make", &folder))?;
    let number = contents.counters.total_steps();
    let (draft, place) = (folder.join(format!(".draft-{number}")), folder.join(format!("step-{number}")));
    if holds(&place, &contents) {
        return Ok(place);
    }
    let best = contents.counters.best.as_ref();
    if draft.exists() {
        fs::remove_dir_all(&draft).map_err(RunError::io("cannot remove", &draft))?;
    }
    fs::create_dir(&draft).map_err(RunError::io("cannot make", &draft))?;
    contents.policy.save(&draft)?;
    contents.tokenizer.save(&draft)?;
    if let Some(optimizer) = contents.optimizer {
        let path = draft.join(OPTIMIZER);
        safetensors::serialize_to_file(optimizer.state(contents.policy), None, &path)
            .map_err(|why| RunError::io("cannot write", &path)(std::io::Error::other(why.to_string())))?;
    }
    if let Some(reference) = contents.reference {
        let path = draft.join(REFERENCE);
        fs::create_dir(&path).map_err(RunError::io("cannot make", &path))?;
        reference.save(&path)?;
    }
    let mut digests = BTreeMap::new();
    digest_files(&draft, "", &mut digests)?;
    let state = State {
        version: VERSION,
        plan: contents.plan.to_string(),
        counters: contents.counters.clone(),
        optimizer_steps: contents.optimizer.map(Optimizer::steps),
        has_reference: contents.reference.is_some(),
        lengths: contents.lengths,
        digests,
    };
    let path = draft.join(STATE);
    let text = serde_json::to_vec_pretty(&state)
        .map_err(|why| RunError::Damaged { path: path.clone(), why: why.to_string() })?;
    fs::write(&path, text).map_err(RunError::io("cannot write", &path))?;
    sync(&path)?;
    sync(&draft)?;
    if place.exists() {
        // Another state of the same step: an evaluation was made since.
        fs::remove_dir_all(&place).map_err(RunError::io("cannot remove", &place))?;
    }
    fs::rename(&draft, &place).map_err(RunError::io("cannot rename", &draft))?;
    sync(&folder)?;
    if let Some(best) = best {
        best::write(run, best)?;
    }
    let old = list(run)?.into_iter().rev().skip(keep.max(1) as usize);
    for (_, old) in old.filter(|(number, _)| best.is_none_or(|best| best.step != *number)) {
        fs::remove_dir_all(&old).map_err(RunError::io("cannot remove", &old))?;
    }
    Ok(place)
}

/// Whether a checkpoint holds this state already: a run that is resumed at its end, or interrupted at once, writes nothing.
fn holds(place: &Path, contents: &Contents<'_>) -> bool {
    let Ok(found) = state(place) else { return false };
    let now = Counters { seconds: found.counters.seconds, ..contents.counters.clone() };
    found.plan == contents.plan && found.counters == now
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
    let path = checkpoint.join(STATE);
    let text = fs::read(&path).map_err(RunError::io("cannot read", &path))?;
    let state: State =
        serde_json::from_slice(&text).map_err(|why| RunError::Damaged { path: path.clone(), why: why.to_string() })?;
    if state.version != VERSION {
        let why = format!("its layout is version {}, and this program reads version {VERSION}", state.version);
        return Err(RunError::Damaged { path, why });
    }
    let mut found = BTreeMap::new();
    digest_files(checkpoint, "", &mut found)?;
    for (name, digest) in &state.digests {
        match found.get(name) {
            None => return Err(RunError::Damaged { path: checkpoint.join(name), why: "it is missing".into() }),
            Some(other) if other != digest => {
                let why = "its content is not what was written (the digest differs)".to_string();
                return Err(RunError::Damaged { path: checkpoint.join(name), why });
            }
            Some(_) => {}
        }
    }
    Ok(state)
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

fn digest_files(folder: &Path, prefix: &str, digests: &mut BTreeMap<String, String>) -> Result<(), RunError> {
    for entry in fs::read_dir(folder).map_err(RunError::io("cannot read", folder))? {
        let path = entry.map_err(RunError::io("cannot read", folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let full = format!("{prefix}{name}");
        if path.is_dir() {
            digest_files(&path, &format!("{full}/"), digests)?;
        } else if full != STATE {
            let bytes = fs::read(&path).map_err(RunError::io("cannot read", &path))?;
            digests.insert(full, blake3::hash(&bytes).to_hex().to_string());
            sync(&path)?;
        }
    }
    Ok(())
}

fn sync(path: &Path) -> Result<(), RunError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(RunError::io("cannot write", path))
}
