//! `checkpoint { best = SUITE }`: the checkpoint with the highest accuracy is kept besides the newest ones.

use super::CHECKPOINTS;
use crate::disk;
use crate::error::RunError;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Names the best checkpoint, beside the checkpoints.
pub const BEST: &str = "best.json";

/// The best evaluation of a run so far. Of two that are equal the earlier one is the best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The suite that it is best by.
    pub suite: String,
    /// Optimizer steps of the whole run at which it was measured: the number of its checkpoint.
    pub step: u64,
    /// Its accuracy: pass@1, the mean over the suite's domains.
    pub accuracy: f64,
}

/// Writes `best.json`, unless it says so already. It is renamed into its place, so it is there as a whole or not at all.
pub(super) fn write(run: &Path, best: &Best) -> Result<(), RunError> {
    let folder = run.join(CHECKPOINTS);
    let place = folder.join(BEST);
    let text = serde_json::to_vec_pretty(best)
        .map_err(|why| RunError::Damaged { path: place.clone(), why: why.to_string() })?;
    if fs::read(&place).is_ok_and(|there| there == text) {
        return Ok(());
    }
    disk::write_whole(&place, &text).map_err(RunError::io("cannot write", &place))
}
