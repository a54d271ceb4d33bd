//! Where a run came from: its recipe, its inputs, the program, the device and the command. Every run folder, checkpoint and report
//! carries it; nothing of it changes what a run does.

use crate::disk;
use crate::error::RunError;
use candle_core::Device;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name of the file in a run folder.
pub const ORIGIN: &str = "origin.json";

/// Name of the file with the canonical form of the recipe, in a run folder: its BLAKE3 is the recipe's hash.
pub const IDENTITY: &str = "identity.txt";

/// Where a run came from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// Name of the recipe.
    pub recipe: String,
    /// Variant in force.
    pub variant: Option<String>,
    /// What `--set` changed, as it was written.
    pub set: Vec<String>,
    /// The file of the recipe; none when it came from standard input.
    pub recipe_file: Option<String>,
    /// The folder that paths in the recipe are relative to.
    pub recipe_folder: String,
    /// The recipe's hash.
    pub recipe_hash: String,
    /// Its edition.
    pub edition: i64,
    /// BLAKE3 of the lock of the inputs, which is beside this file.
    pub lock: String,
    /// Whether the inputs were held to a lock that was there before.
    pub locked: bool,
    /// The program with its version.
    pub program: String,
    /// What kind of machine it was built for and computes on: see [`machine`].
    pub machine: String,
    /// What computes, and why.
    pub device: String,
    /// The vector instructions that the kernels use. They change the time and no bit.
    pub instructions: String,
    /// The command line.
    pub command: Vec<String>,
    /// The checkpoint that the run began with, where it is not the recipe's own model.
    pub forked_from: Option<Fork>,
}

/// The checkpoint that a run began with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fork {
    /// The run folder.
    pub run: String,
    /// Optimizer steps of that run.
    pub step: u64,
    /// Seal of the checkpoint's state.
    pub checkpoint: String,
    /// Digest of its weights.
    pub weights: String,
    /// Hash of the recipe that it was made with; empty where it is not known.
    pub recipe_hash: String,
}

/// The program with its version.
pub fn program() -> String {
    format!("recipec {}", env!("CARGO_PKG_VERSION"))
}

/// The kind of binary and machine that bits are promised within: processor, system, and whether a GPU computes.
pub fn machine(device: &Device) -> String {
    let computes = match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    };
    format!("{}-{}-{computes}", std::env::consts::ARCH, std::env::consts::OS)
}

/// The widest vector instructions of this processor that the kernels use.
pub fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if pulp::x86::V4::try_new().is_some() {
            return "x86-64-v4";
        }
        if pulp::x86::V3::try_new().is_some() {
            return "x86-64-v3";
        }
    }
    "scalar"
}

impl Origin {
    /// The origin of a run folder; none where there is none.
    pub fn read(run: &Path) -> Result<Option<Self>, RunError> {
        let path = run.join(ORIGIN);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(RunError::io("cannot read", &path)(why)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|why| RunError::Damaged { path, why: why.to_string() })
    }

    /// Writes it into a run folder.
    pub fn write(&self, run: &Path) -> Result<(), RunError> {
        let path = run.join(ORIGIN);
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|why| RunError::Damaged { path: path.clone(), why: why.to_string() })?;
        text.push(b'\n');
        disk::write_whole(&path, &text).map_err(RunError::io("cannot write", &path))
    }

    /// What another origin has otherwise that bits depend on: recipe, inputs, program and machine.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let pairs = [
            ("the recipe's hash", &self.recipe_hash, &other.recipe_hash),
            ("the lock of the inputs", &self.lock, &other.lock),
            ("the program", &self.program, &other.program),
            ("the kind of machine", &self.machine, &other.machine),
        ];
        let differ = pairs.into_iter().filter(|(_, a, b)| a != b);
        differ.map(|(what, a, b)| Difference::new(what, a.as_str(), b.as_str())).collect()
    }
}

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What: `data file("a.jsonl")`.
    pub what: String,
    /// As it was.
    pub was: String,
    /// As it is.
    pub is: String,
}

impl Difference {
    /// A difference.
    pub fn new(what: impl Into<String>, was: impl Into<String>, is: impl Into<String>) -> Self {
        Self { what: what.into(), was: was.into(), is: is.into() }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}\n        was {}\n        is  {}", self.what, self.was, self.is)
    }
}

/// Differences one below the other.
pub(crate) fn listed(differences: &[Difference]) -> String {
    differences.iter().map(|difference| format!("\n    {difference}")).collect()
}
