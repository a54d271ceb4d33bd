//! What one walk over the nodes carries along, and the dispatch to one function per kind of node.

use super::Trainer;
use super::setup::StageRuntime;
use crate::error::RunError;
use crate::policy::gradient::Gradients;
use crate::record::Kept;
use crate::rollout::{Draw, Group, Rollout};
use crate::run_folder::StepMetrics;
use recipec_compiler::plan::{Node, NodeKind};
use recipec_compiler::settings::{Baseline, Deviation};
use std::collections::BTreeMap;

/// A demonstration in tokens.
#[derive(Debug, Clone)]
pub(crate) struct Demonstration {
    /// Prompt and response, the end token included.
    pub(crate) tokens: Vec<u32>,
    /// Length of the prompt.
    pub(crate) prompt_len: usize,
}

/// The values on the edges during one step.
#[derive(Default)]
pub(crate) struct Step {
    /// When it began, in seconds of this process.
    pub(crate) began: f64,
    /// Items per node: what each of them worked on.
    pub(crate) work: BTreeMap<String, u64>,
    /// Groups to be sampled.
    pub(crate) draws: Vec<Draw>,
    /// Sampled and not yet judged: one entry per draw.
    pub(crate) sampled: Vec<(Draw, Vec<Rollout>)>,
    /// Judged groups of this wave.
    pub(crate) groups: Vec<Group>,
    /// Groups that are kept, of all waves.
    pub(crate) batch: Vec<Group>,
    /// Groups that were dropped, of all waves: kept for the metrics.
    pub(crate) dropped: Vec<Group>,
    /// How often the sampler has been asked.
    pub(crate) waves: u64,
    /// Demonstrations of a supervised step.
    pub(crate) demonstrations: Vec<Demonstration>,
    /// log-probabilities of the batch under the reference policy, in the order of its rollouts.
    pub(crate) reference: Option<Vec<Vec<f32>>>,
    /// Gradients of the last loss.
    pub(crate) gradients: Option<Gradients>,
    /// Updates made from this batch.
    pub(crate) updates: u64,
    /// What the loss and the optimizer measured, means over the updates.
    pub(crate) measures: Measures,
    /// Rollouts judged, and how many of them the verifier failed on (after a second try).
    pub(crate) judged: u64,
    pub(crate) verifier_errors: u64,
    pub(crate) limited_verdicts: u64,
    pub(crate) generated_tokens: u64,
    pub(crate) trained_tokens: u64,
    pub(crate) last_verifier_error: String,
    /// Problems left out because their prompt is too long.
    pub(crate) too_long: u64,
    /// What is kept of the rollouts, and the step of the run that they were sampled for.
    pub(crate) recorded: Vec<Kept>,
    pub(crate) recorded_for: Option<u64>,
    /// Groups that had fewer than two judged rollouts.
    pub(crate) broken_groups: u64,
    /// The line of `metrics.jsonl`, once it is written.
    pub(crate) line: Option<Box<StepMetrics>>,
}

/// What the loss and the optimizer measured; of a batch with several updates, the means over them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measures {
    /// Updates whose loss is in the means.
    pub(super) losses: u64,
    /// Updates whose gradient is in the mean of the norms.
    pub(super) norms: u64,
    pub(crate) loss: Option<f64>,
    pub(crate) grad_norm: Option<f64>,
    pub(crate) lr: Option<f64>,
    pub(crate) entropy: Option<f64>,
    pub(crate) clip_fraction: Option<f64>,
    pub(crate) importance_ratio_deviation: Option<f64>,
    pub(crate) kl: Option<f64>,
}

impl Measures {
    /// Takes what one update measured into the means.
    pub(super) fn add(&mut self, said: &Self) {
        let into = |mean: &mut Option<f64>, value: Option<f64>, n: u64| {
            if let Some(value) = value {
                let before = mean.unwrap_or(0.0);
                *mean = Some(before + (value - before) / n as f64);
            }
        };
        self.losses += u64::from(said.loss.is_some());
        self.norms += u64::from(said.grad_norm.is_some());
        into(&mut self.loss, said.loss, self.losses);
        into(&mut self.entropy, said.entropy, self.losses);
        into(&mut self.clip_fraction, said.clip_fraction, self.losses);
        into(&mut self.importance_ratio_deviation, said.importance_ratio_deviation, self.losses);
        into(&mut self.kl, said.kl, self.losses);
        into(&mut self.grad_norm, said.grad_norm, self.norms);
    }
}

/// Where the walk goes on.
pub(super) enum Next {
    /// At the next node.
    Node,
    /// At the first node of a kind before this one.
    Back(BackTo),
}

/// Where a walk can go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BackTo {
    /// To draw more groups.
    Sampler,
    /// To make another update from the same batch.
    Loss,
}

impl Step {
    pub(super) fn begin(seconds: f64) -> Self {
        Self { began: seconds, ..Self::default() }
    }

    /// Adds to what a node worked on.
    pub(super) fn worked(&mut self, node: &Node, items: usize) {
        *self.work.entry(node.id.clone()).or_insert(0) += items as u64;
    }
}

impl Trainer<'_> {
    /// One node: one function. Evaluation and checkpoints happen between steps, see `boundary.rs`.
    pub(super) fn node(&mut self, stage: &StageRuntime<'_>, node: &Node, step: &mut Step) -> Result<Next, RunError> {
        match &node.kind {
            // Opened with the stage: data is read by the sampler and the demonstrations; a model beside the policy is refused there.
            NodeKind::Data { .. } | NodeKind::Model { .. } => {}
            NodeKind::Sampler { groups, .. } => self.draw_groups(stage, node, *groups, step)?,
            NodeKind::Rollout { group_size, sampling, slots, max_output_tokens, .. } => {
                self.roll_out(node, *group_size, sampling, *slots, max_output_tokens, step)?;
            }
            NodeKind::Verify { domain, .. } => self.verify(stage, node, domain, step)?,
            NodeKind::Group { unfinished, least_rollouts, unjudged } => {
                self.make_groups(node, *unfinished, *least_rollouts, unjudged, step)?;
            }
            NodeKind::Signal { signal, domains, answer } => {
                self.compute_signal(node, *signal, domains, answer, step)?;
            }
            NodeKind::Penalty { program, .. } => self.evaluate_program(stage, node, program, step)?,
            NodeKind::Reward { program } => self.reward(stage, node, program, step)?,
            NodeKind::Shuffle => self.shuffle(node, step),
            NodeKind::Advantage { baseline, divide_by_std } => advantage(node, *baseline, *divide_by_std, step),
            NodeKind::Filter { drop } => self.filter(node, *drop, step),
            NodeKind::Batch { rollouts, refill } => return self.batch(stage, node, *rollouts, *refill, step),
            NodeKind::Reference { .. } => self.reference(stage, node, step)?,
            NodeKind::Loss { .. } => self.policy_loss(node, step)?,
            NodeKind::Demonstrations { domains, ratios, target, batch_problems } => {
                self.demonstrations(stage, node, (domains, ratios), target, *batch_problems, step)?;
            }
            NodeKind::SupervisedLoss { .. } => self.supervised_loss(node, step)?,
            NodeKind::Optimizer { schedule, adamw } => return self.optimize(stage, node, schedule, adamw, step),
            NodeKind::Weights => step.worked(node, step.updates as usize),
            NodeKind::Metrics { .. } => self.write_metrics(stage, node, step)?,
            NodeKind::Checkpoint { .. } | NodeKind::Evaluate { .. } => {}
        }
        Ok(Next::Node)
    }
}

fn advantage(node: &Node, baseline: Baseline, divide_by_std: Deviation, step: &mut Step) {
    let rewards: Vec<Vec<f64>> =
        step.groups.iter().map(|group| group.rollouts.iter().map(|rollout| rollout.total_reward).collect()).collect();
    let advantages = crate::advantage::advantages(&rewards, baseline, divide_by_std);
    let rollouts = step.groups.iter_mut().flat_map(|group| &mut group.rollouts);
    let mut n = 0;
    for (rollout, advantage) in rollouts.zip(advantages.into_iter().flatten()) {
        rollout.advantage = advantage;
        n += 1;
    }
    step.worked(node, n);
}
