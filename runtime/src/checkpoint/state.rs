//! `state.json`: where a run is, sealed with its own digest and holding those of every file beside it.

use crate::counters::Counters;
use crate::disk;
use crate::error::RunError;
use crate::origin::Origin;
use crate::report::CARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Name of the file.
pub const STATE: &str = "state.json";

/// Raised when the layout of a checkpoint changes.
const VERSION: u32 = 2;

/// No state is larger: a thousand domains take less than a megabyte.
const LARGEST: u64 = 1 << 28;

/// `state.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Version of the layout.
    pub version: u32,
    /// BLAKE3 of this file with nothing in this place.
    pub seal: String,
    /// Fingerprint of the plan.
    pub plan: String,
    /// Which recipe, inputs, program and device it was made with, where that is known.
    pub origin: Option<Origin>,
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

impl State {
    /// A state with the current version, not sealed yet.
    pub(super) fn new(plan: &str, counters: Counters) -> Self {
        Self {
            version: VERSION,
            seal: String::new(),
            plan: plan.to_string(),
            origin: None,
            counters,
            optimizer_steps: None,
            has_reference: false,
            lengths: BTreeMap::new(),
            digests: BTreeMap::new(),
        }
    }

    /// Takes the digests of the files in a folder, seals the state and writes it there.
    pub(super) fn write(mut self, folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(STATE);
        self.digests = digests(folder)?;
        let damaged = |why: serde_json::Error| RunError::Damaged { path: path.clone(), why: why.to_string() };
        self.seal = self.digest().map_err(damaged)?;
        let text = self.text().map_err(damaged)?;
        disk::write_whole(&path, &text).map_err(RunError::io("cannot write", &path))?;
        Ok(self)
    }

    fn text(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    fn digest(&self) -> serde_json::Result<String> {
        let open = Self { seal: String::new(), ..self.clone() };
        Ok(blake3::hash(&open.text()?).to_hex().to_string())
    }

    /// Reads the state of a checkpoint and compares it with its seal; the files beside it are not looked at.
    pub fn read(checkpoint: &Path) -> Result<Self, RunError> {
        let path = checkpoint.join(STATE);
        let length = fs::metadata(&path).map_err(RunError::io("cannot read", &path))?.len();
        let damaged = |why: String| RunError::Damaged { path: path.clone(), why };
        if length > LARGEST {
            return Err(damaged(format!("it has {length} bytes, more than any state")));
        }
        let text = fs::read(&path).map_err(RunError::io("cannot read", &path))?;
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let found: Versioned = serde_json::from_slice(&text).map_err(|why| damaged(why.to_string()))?;
        if found.version != VERSION {
            let found = found.version;
            return Err(damaged(format!("its layout is version {found}, and this program reads version {VERSION}")));
        }
        let state: Self = serde_json::from_slice(&text).map_err(|why| damaged(why.to_string()))?;
        // The text is compared as well, so that not even a blank can change unseen.
        let intact =
            state.digest().is_ok_and(|digest| digest == state.seal) && state.text().is_ok_and(|own| own == text);
        if !intact {
            return Err(damaged("its content is not what was written (the seal differs)".into()));
        }
        Ok(state)
    }

    /// Compares every file of the checkpoint with its digest: each must be there as it was written, and no other one.
    pub fn verify(&self, checkpoint: &Path) -> Result<(), RunError> {
        let found = digests(checkpoint)?;
        let damaged = |name: &str, why: &str| RunError::Damaged { path: checkpoint.join(name), why: why.into() };
        for (name, digest) in &self.digests {
            match found.get(name) {
                None => return Err(damaged(name, "it is missing")),
                Some(other) if other != digest => {
                    return Err(damaged(name, "its content is not what was written (the digest differs)"));
                }
                Some(_) => {}
            }
        }
        // A file that was put there could be read in place of one that was written.
        match found.keys().find(|name| !self.digests.contains_key(*name)) {
            Some(name) => Err(damaged(name, "it was not there when the checkpoint was written; take it away")),
            None => Ok(()),
        }
    }
}

/// BLAKE3 of every file below a folder by its name, but of the state, of the model card, and of names that begin with a point.
fn digests(folder: &Path) -> Result<BTreeMap<String, String>, RunError> {
    let mut found = BTreeMap::new();
    let mut open: Vec<(PathBuf, String)> = vec![(folder.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(RunError::io("cannot read", &folder))? {
            let path = entry.map_err(RunError::io("cannot read", &folder))?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let full = format!("{prefix}{name}");
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                open.push((path, format!("{full}/")));
            } else if full != STATE && full != CARD {
                let digest = disk::digest(&path, &mut |_| {}).map_err(RunError::io("cannot read", &path))?;
                found.insert(full, digest);
            }
        }
    }
    Ok(found)
}
