//! What flows through a step: draws, rollouts and groups.

use crate::data::Problem;
use crate::generate::StopReason;
use crate::verify::{Status, Verdict};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A group to be sampled: which problem of which domain, under which number.
#[derive(Debug, Clone)]
pub struct Draw {
    /// Number of the group within its stage, in the order in which the sampler draws.
    pub number: u64,
    /// Position of the domain in the plan's list.
    pub domain: usize,
    /// The problem.
    pub problem: Problem,
    /// Its prompt in tokens.
    pub prompt: Arc<[u32]>,
}

/// One sampled response with its numbers.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// Position in its group.
    pub idx: usize,
    /// The response in tokens, the end token included when it came.
    pub tokens: Vec<u32>,
    /// Log-probability of each token under the weights that sampled it, at the sampling temperature, before top-p and its like.
    pub logp_behavior: Vec<f32>,
    /// Log-probability of each token in the distribution that it was drawn from.
    pub logp_sampled: Vec<f32>,
    /// The weight version (optimizer steps of the stage) that sampled it.
    pub version: u64,
    /// Why it ended.
    pub stop: StopReason,
    /// True when the cap cut it.
    pub truncated: bool,
    /// The response as text, without the end token.
    pub text: String,
    /// Tokens before the answer part.
    pub reasoning_tokens: usize,
    /// Tokens of the answer part.
    pub answer_tokens: usize,
    /// What the verifier says.
    pub verdict: Option<Verdict>,
    /// In its group, but not trained (`unfinished = masked`).
    pub masked: bool,
    /// Computed signals by name (`reference_probability`).
    pub signals: BTreeMap<&'static str, f64>,
    /// Every part of the reward by name, bindings (`difficulty_aware.scale`) included.
    pub terms: BTreeMap<String, f64>,
    /// What is trained on.
    pub total_reward: f64,
    /// Reward minus baseline.
    pub advantage: f64,
}

impl Rollout {
    /// Number of generated tokens, the end token included.
    pub fn length(&self) -> usize {
        self.tokens.len()
    }

    /// Whether the verdict is `correct`.
    pub fn correct(&self) -> bool {
        self.status() == Some(Status::Correct)
    }

    /// The status of the verdict.
    pub fn status(&self) -> Option<Status> {
        self.verdict.as_ref().map(|verdict| verdict.status)
    }
}

/// The rollouts of one problem.
#[derive(Debug, Clone)]
pub struct Group {
    /// What was drawn.
    pub draw: Draw,
    /// Its rollouts; one whose verifier failed twice has left.
    pub rollouts: Vec<Rollout>,
    /// Rollouts judged correct over rollouts judged; not a number where nobody judges.
    pub solve_rate: f64,
}

impl Group {
    /// How many rollouts were judged correct.
    pub fn solved(&self) -> usize {
        self.rollouts.iter().filter(|rollout| rollout.correct()).count()
    }
}
