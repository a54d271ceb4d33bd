//! The plan: the graph's nodes in execution order, as plain data. The runtime reads nothing else.

use crate::formula::Program;
use crate::settings::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Raised when a plan of before can no longer be read or no longer means the same.
pub const PLAN_VERSION: u32 = 2;

/// Everything a run needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_VERSION`]
    pub version: u32,
    /// Name of the recipe.
    pub recipe: String,
    /// Variant in force.
    pub variant: Option<String>,
    /// Seed of every random draw.
    pub seed: u64,
    /// The model that is trained.
    pub policy: PolicyPlan,
    /// All domains of the recipe in a fixed order: `domain` in formulas is the position in this list.
    pub domains: Vec<String>,
    /// Tokens generated for training in the whole run.
    pub max_generated_tokens: Option<u64>,
    /// Wall time of the whole run.
    pub max_wall_clock_seconds: Option<f64>,
    /// Stages in order.
    pub stages: Vec<StagePlan>,
}

/// The model that is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyPlan {
    /// Where its weights come from.
    pub source: ModelSource,
    /// Number type of its weights.
    pub precision: Precision,
    /// Which weights are trained.
    pub train: Trainable,
    /// Which part of a response is the answer.
    pub answer: AnswerRule,
    /// Whether prompts go through the chat template; none means where the model has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<bool>,
}

/// One stage: a subgraph, walked once a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StagePlan {
    /// Its name.
    pub name: String,
    /// Optimizer steps; none means until another budget ends.
    pub max_steps: Option<u64>,
    /// Whether the moments of the optimizer start anew.
    pub fresh_optimizer: bool,
    /// Nodes in execution order.
    pub nodes: Vec<Node>,
}

/// A node with its connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Unique within the stage: `sampler`, `verify:math`, `penalty:difficulty_aware`.
    pub id: String,
    /// What it does.
    pub kind: NodeKind,
    /// What it reads.
    pub inputs: Vec<Input>,
}

/// An edge, seen from the node that reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Id of the node that writes.
    pub from: String,
    /// What flows.
    pub flow: Flow,
    /// True for the marked edges that close the loop: weights to rollout, counts to sampler.
    pub feedback: bool,
}

/// What flows along an edge: the type of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Flow {
    Problems,
    Demonstrations,
    Draws,
    Rollouts,
    Verdicts,
    Groups,
    Signals,
    Terms,
    Rewards,
    Advantages,
    KeptGroups,
    Batch,
    ReferenceLogprobs,
    FrozenModel,
    Gradients,
    Weights,
    Counts,
    Measures,
}

/// What a node does, with everything it needs to do it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "node")]
#[allow(missing_docs)]
pub enum NodeKind {
    /// Problems of one domain.
    Data {
        domain: String,
        source: DataSource,
        #[serde(default, skip_serializing_if = "RowRules::is_default")]
        rows: RowRules,
        prompt: Option<String>,
        max_prompt_tokens: u64,
    },
    /// Chooses the domain of the next group.
    Sampler {
        domains: Vec<String>,
        ratios: Vec<f64>,
        count: Count,
        warmup: u64,
        every_steps: u64,
        /// How the next domain is chosen.
        strategy: MixStrategy,
        /// Rows are `domains`; the output `weight` is not normalised.
        weight: Program,
        /// Rollouts of a group.
        group_size: u64,
        /// Groups drawn at once.
        groups: u64,
    },
    /// Samples `group_size` responses per draw.
    Rollout {
        group_size: u64,
        sampling: Sampling,
        slots: u64,
        update: WeightUpdate,
        /// Output cap per domain, in the order of the plan's domains; 0 where the stage does not train the domain.
        max_output_tokens: Vec<u64>,
    },
    /// A frozen model beside the policy: a judge, a reward model or a reference. Verifiers, rewards and losses ask it.
    Model { name: String, source: ModelSource, precision: Precision },
    /// Judges the rollouts of one domain.
    Verify { domain: String, verifier: VerifierSettings, answer: AnswerRule },
    /// Puts verdicts together: solve rate and the other group signals.
    Group {
        unfinished: Unfinished,
        /// A group with fewer judged rollouts is dropped and counted.
        least_rollouts: u64,
        /// Domains without a verifier: their rollouts have no verdict.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unjudged: Vec<String>,
    },
    /// Computes a signal of every rollout that costs work of its own.
    Signal {
        signal: ComputedSignal,
        /// The domains whose rollouts it is computed for, each with the column of the reference answer where the signal reads one.
        domains: BTreeMap<String, Option<String>>,
        /// Where the answer of a rollout begins and ends.
        answer: AnswerRule,
    },
    /// A named part of the reward. Outputs of the program: its name, and `name.binding` for each of its bindings.
    Penalty { name: String, program: Program },
    /// Outputs of the program: `outcome`, if the recipe names it, and `total`. Terms are inputs by name.
    Reward { program: Program },
    /// Permutes the total rewards within each group: a placebo.
    Shuffle,
    /// Reward minus baseline, over all groups that were drawn together.
    Advantage { baseline: Baseline, divide_by_std: Deviation },
    /// Drops groups.
    Filter { drop: Drop },
    /// Collects kept groups until the batch is full, or `refill` batches have been drawn.
    Batch { rollouts: u64, refill: u64 },
    /// Log-probabilities under the policy as it was at the start of the stage.
    Reference { to: String },
    /// The objective, applied to one part of the batch after the other: one part for each of the `updates`.
    Loss {
        surrogate: Surrogate,
        weight: SequenceWeight,
        kl: Option<Kl>,
        entropy_coef: f64,
        temperature: f64,
        updates: u64,
        group_size: u64,
        batch_rollouts: u64,
    },
    /// Demonstrations of the stage's domains, mixed by ratio.
    Demonstrations { domains: Vec<String>, ratios: Vec<f64>, target: String, batch_problems: u64 },
    /// Negative log-likelihood of demonstrations.
    SupervisedLoss { batch_problems: u64 },
    /// Turns gradients into new weights.
    Optimizer { adamw: AdamW, schedule: Schedule },
    /// The policy's weights.
    Weights,
    /// Writes one line per step.
    Metrics {
        /// Output cap minus buffer, in tokens: where a length penalty begins. None in a stage without rollouts.
        soft_zone_start: Option<u64>,
    },
    /// Saves everything needed to go on.
    Checkpoint {
        every_steps: Option<u64>,
        keep: u64,
        /// The suite by whose accuracy one more is kept.
        best: Option<String>,
    },
    /// Measures the policy on held-out problems, at the start of the stage, every so many steps, and at its end.
    Evaluate { every_steps: Option<u64>, suites: Vec<SuitePlan> },
}

/// A suite of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuitePlan {
    /// Its name.
    pub name: String,
    /// Where its problems come from, with verifier: one entry per domain for `held_out`.
    pub parts: Vec<SuitePart>,
    /// Responses per problem.
    pub samples: u64,
    /// Output cap.
    pub max_output_tokens: u64,
    /// How tokens are drawn.
    pub sampling: Sampling,
}

/// The problems of one domain in a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuitePart {
    /// The domain, or the suite's name where it has data of its own.
    pub name: String,
    /// Its problems.
    pub data: DataSource,
    /// How its rows are read.
    #[serde(default, skip_serializing_if = "RowRules::is_default")]
    pub rows: RowRules,
    /// `prompt = "{problem}\n…"`
    pub prompt: Option<String>,
    /// Who judges.
    pub verify: VerifierSettings,
    /// How many problems; none means all.
    pub problems: Option<u64>,
}

impl Plan {
    /// BLAKE3 over the plan: two runs with the same fingerprint do the same work. Checkpoints store it.
    pub fn fingerprint(&self) -> String {
        let text = serde_json::to_vec(self).expect("a plan is plain data");
        blake3::hash(&text).to_hex().to_string()
    }

    /// The plan without one node of one stage: readers of the node read what it read, where the flow is the same kind of thing
    /// (a filter passes groups on); a penalty or a computed signal that is gone counts as 0 in what read it.
    pub fn without(&self, stage: &str, node: &str) -> Plan {
        let mut plan = self.clone();
        for stage in plan.stages.iter_mut().filter(|s| s.name == stage) {
            let Some(at) = stage.nodes.iter().position(|n| n.id == node) else { continue };
            let gone = stage.nodes.remove(at);
            for reader in &mut stage.nodes {
                if !reader.inputs.iter().any(|input| input.from == gone.id) {
                    continue;
                }
                reader.inputs.retain(|input| input.from != gone.id);
                match (&gone.kind, &mut reader.kind) {
                    (NodeKind::Penalty { name, .. }, NodeKind::Reward { program }) => {
                        *program = program.bind(name, 0.0)
                    }
                    (
                        NodeKind::Signal { signal, .. },
                        NodeKind::Penalty { program, .. } | NodeKind::Reward { program },
                    ) => *program = program.bind(signal.name(), 0.0),
                    (NodeKind::Filter { .. }, NodeKind::Batch { .. }) => {
                        reader.inputs.extend(gone.inputs.iter().cloned())
                    }
                    _ => {}
                }
            }
        }
        plan
    }
}
