//! Everything that is counted in a run: what checkpoints must hold besides weights and moments.

use crate::checkpoint::Best;
use crate::sampler::history::MixHistory;
use recipec_compiler::settings::{Count, CountPoint, CountUnit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much of one domain passed one point of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Passed {
    /// Rollouts.
    pub rollouts: u64,
    /// Groups.
    pub groups: u64,
    /// Generated tokens.
    pub tokens: u64,
}

/// The three points of the flow at which shares are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DomainCounts {
    /// Drawn by the sampler.
    pub sampled: Passed,
    /// Returned with verdicts, before any drop.
    pub completed: Passed,
    /// Reached the optimizer.
    pub trained: Passed,
    /// The next problem of the domain's data.
    pub next_problem: u64,
    /// Problems left out because their prompt is longer than `budget.prompt`.
    pub too_long: u64,
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Position of the stage in the plan.
    pub stage: usize,
    /// Optimizer steps made in this stage.
    pub step: u64,
    /// Optimizer steps of the stages before this one.
    pub steps_before: u64,
    /// Number of the next draw of this stage.
    pub draw: u64,
    /// Tokens generated for training in the whole run, dropped groups included.
    pub generated_tokens: u64,
    /// Batches in a row from which no group was kept.
    pub empty_batches: u64,
    /// The last step at which this stage was evaluated, and whether that was its last evaluation.
    pub evaluated: Option<(u64, bool)>,
    /// Counts of the stage by domain.
    pub domains: BTreeMap<String, DomainCounts>,
    /// What the sampler of the stage remembers of its batches.
    #[serde(default)]
    pub mix: MixHistory,
    /// The best evaluation so far, where a checkpoint node asks for it.
    #[serde(default)]
    pub best: Option<Best>,
    /// Wall time of the run so far in seconds, interruptions left out. Recorded, never part of a decision but `budget.time`.
    pub seconds: f64,
}

impl Counters {
    /// Optimizer steps of all stages so far.
    pub fn total_steps(&self) -> u64 {
        self.steps_before + self.step
    }

    /// The counts of a domain.
    pub fn domain(&mut self, name: &str) -> &mut DomainCounts {
        self.domains.entry(name.to_string()).or_default()
    }

    /// What `mix.count` counts of a domain.
    pub fn counted(&self, name: &str, count: Count) -> u64 {
        let Some(domain) = self.domains.get(name) else { return 0 };
        let passed = match count.at {
            CountPoint::Sampled => domain.sampled,
            CountPoint::Completed => domain.completed,
            CountPoint::Trained => domain.trained,
        };
        match count.of {
            CountUnit::Rollouts => passed.rollouts,
            CountUnit::Groups => passed.groups,
            CountUnit::Tokens => passed.tokens,
        }
    }

    /// Begins the next stage: its steps, draws and shares are its own; tokens and time are of the whole run.
    pub fn next_stage(&mut self) {
        *self = Self {
            stage: self.stage + 1,
            steps_before: self.total_steps(),
            generated_tokens: self.generated_tokens,
            best: self.best.take(),
            seconds: self.seconds,
            ..Self::default()
        };
    }
}
