//! The recipe: resolved, typed and complete. Only [`crate::check`] makes one, and only when there is no error,
//! so a mismatch found later than this is our bug.

use crate::formula::TypedFormula;
use crate::settings::*;
use recipec_grammar::source::Span;
use std::collections::BTreeMap;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// Written in the recipe.
    Written(Span),
    /// The documented default of a key, for example `train.updates`.
    Default(&'static str),
    /// Replaced by a variant, a stage or an extending recipe.
    Overridden {
        /// Where the replacement was written.
        by: Span,
        /// What it replaced.
        was: Box<Origin>,
    },
    /// Given by `--set`.
    CommandLine,
}

impl Origin {
    /// The place to point at, if there is one.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Written(span) | Self::Overridden { by: span, .. } => Some(*span),
            Self::Default(_) | Self::CommandLine => None,
        }
    }
}

/// A value that remembers where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Its origin.
    pub origin: Origin,
}

/// A checked recipe. Its parts are read by [`crate::lower`] and printed by [`crate::explain`].
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The name behind `recipe`.
    pub name: String,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// `edition = 2026`
    pub edition: i64,
    /// The variant that is in force.
    pub variant: Option<String>,
    /// Params in the order in which they were written.
    pub params: Vec<Param>,
    /// `param seed`, or 0 when the recipe has none.
    pub seed: u64,
    /// The settings that are in force: [`Recipe::settings`], [`Recipe::meanings`].
    pub(crate) in_force: crate::in_force::InForce,
    /// Doc comments by kind and name: `param.gamma`, `variant.toy`, `suite.aime`.
    pub docs: BTreeMap<String, String>,
    /// The points of the sweeps: one for each combination of their values.
    pub points: Vec<crate::sweep::Point>,
    /// The model that is trained.
    pub policy: Model,
    /// Other models (judges, references), by name.
    pub models: BTreeMap<String, Model>,
    /// Names of all domains, sorted, because the order of blocks has no meaning: `domain` in formulas is the position in this list.
    pub domains: Vec<String>,
    /// Tokens generated for training in the whole run, dropped groups included.
    pub max_generated_tokens: Option<u64>,
    /// Wall time of the whole run.
    pub max_wall_clock_seconds: Option<f64>,
    /// The stages in the order in which they run; at least one.
    pub stages: Vec<Stage>,
    /// Evaluation, if the recipe has any.
    pub evaluate: Option<Evaluate>,
    /// Checkpoints.
    pub checkpoint: Checkpoint,
    /// What the recipe promises about its formulas.
    pub guarantees: Vec<Guarantee>,
    /// The recipe's own tests.
    pub tests: Vec<Test>,
    /// Diagnostics that the author accepts: code and reason.
    pub allows: Vec<(String, String)>,
    /// Names of the variants.
    pub variants: Vec<String>,
}

/// A param with the value in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type as it was written: `integer`, `number`, `ratio`, `reward` or a unit.
    pub type_name: String,
    /// The declared range, inclusive.
    pub range: Option<(f64, f64)>,
    /// The value in force, in the base unit.
    pub value: Sourced<f64>,
}

/// A model.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its name: `policy` for the one that is trained.
    pub name: String,
    /// Where its weights come from.
    pub source: ModelSource,
    /// Number type of its weights.
    pub precision: Precision,
    /// Which weights are trained.
    pub train: Trainable,
    /// Which part of its response is the answer.
    pub answer: AnswerRule,
    /// Whether prompts go through its chat template; none where the model decides.
    pub chat: Option<bool>,
    /// The longest sequence it reads, if known.
    pub context: Option<Sourced<u64>>,
}

/// A domain as one stage uses it.
#[derive(Debug, Clone)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// Its share in this stage.
    pub ratio: Sourced<f64>,
    /// Where its problems come from.
    pub data: DataSource,
    /// Rows of the data, if the recipe states them (`problems = 129000 problems`).
    pub problems: Option<u64>,
    /// How its rows are read, where they come from a file or the hub.
    pub rows: RowRules,
    /// `prompt = "{problem}\n…"`; none means the data's own prompt.
    pub prompt: Option<String>,
    /// Who judges; none in a domain that is rewarded by `signals`.
    pub verify: Option<VerifierSettings>,
    /// What the reward is made of where nobody judges; empty otherwise.
    pub signals: Vec<DomainSignal>,
    /// The column with the reference answer: as written, else what the verifier calls `gold`, else `answer`.
    pub reference: String,
    /// Its own output cap, where it differs from the budget's.
    pub output: Option<u64>,
}

/// One stage of training.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name; `main` when the recipe names no stage.
    pub name: String,
    /// The stage before it.
    pub after: Option<String>,
    /// Optimizer steps of this stage.
    pub max_steps: Option<Sourced<u64>>,
    /// Whether the moments of the optimizer start anew.
    pub fresh_optimizer: bool,
    /// The domains that it trains, with their shares in this stage.
    pub domains: Vec<Domain>,
    /// Longest prompt; longer ones are left out and counted.
    pub max_prompt_tokens: u64,
    /// What it does.
    pub work: StageWork,
}

/// What a stage does.
#[derive(Debug, Clone)]
pub enum StageWork {
    /// Learns from demonstrations.
    Supervised(Supervised),
    /// Learns from verifiable rewards.
    Reinforce(Box<Reinforce>),
}

/// `supervised { … }`
#[derive(Debug, Clone)]
pub struct Supervised {
    /// The column with the demonstration.
    pub target: String,
    /// Demonstrations per optimizer step.
    pub batch_problems: u64,
    /// The optimizer.
    pub optimizer: AdamW,
    /// The learning rate over the stage.
    pub schedule: Schedule,
}

/// Everything that a stage of reinforcement learning needs.
#[derive(Debug, Clone)]
pub struct Reinforce {
    /// Hard cap of one rollout, the end token included.
    pub max_output_tokens: u64,
    /// Soft zone below the cap.
    pub buffer_tokens: u64,
    /// Adaptive domain sampling.
    pub mix: Mix,
    /// Penalties and terms in the order in which they were written.
    pub terms: Vec<Term>,
    /// What a rollout is worth.
    pub reward: Reward,
    /// How the policy learns from it.
    pub train: Train,
    /// How rollouts are made.
    pub rollout: RolloutSettings,
}

/// The domain mix.
#[derive(Debug, Clone)]
pub struct Mix {
    /// What is counted, and where.
    pub count: Count,
    /// No adjustment before so many of them (in the unit of `count`): domains are drawn by `ratio`.
    pub warmup: u64,
    /// The weight of a domain is computed anew every so many optimizer steps; 0 means at every draw.
    pub every_steps: u64,
    /// How the next domain is chosen.
    pub strategy: MixStrategy,
    /// The weight of a domain, a formula over domain signals; not normalised. It is `ratio` under a built-in strategy.
    pub weight: TypedFormula,
}

/// A named part of the reward.
#[derive(Debug, Clone)]
pub struct Term {
    /// Its name.
    pub name: String,
    /// True for `penalty`, which is never above 0.
    pub is_penalty: bool,
    /// Its value, a formula over rollout and group signals.
    pub formula: TypedFormula,
    /// Where it was written.
    pub span: Span,
}

/// `reward { … }`
#[derive(Debug, Clone)]
pub struct Reward {
    /// The reward before shaping, if the recipe names it; read as `outcome` in `total`.
    pub outcome: Option<TypedFormula>,
    /// What is trained on; reads `outcome` and the terms by name.
    pub total: TypedFormula,
    /// `reward` of single domains, in place of the total.
    pub of_domains: BTreeMap<String, TypedFormula>,
    /// What a truncated rollout is worth.
    pub unfinished: Unfinished,
    /// A placebo: totals are permuted within each group.
    pub shuffled: bool,
}

/// `train { … }`
#[derive(Debug, Clone)]
pub struct Train {
    /// The objective with its advantage.
    pub algorithm: Algorithm,
    /// Rollouts per prompt.
    pub group_size: u64,
    /// Kept rollouts per batch.
    pub batch_rollouts: u64,
    /// Optimizer steps made from one batch.
    pub updates: u64,
    /// Which groups leave.
    pub drop: Drop,
    /// At most so many batches are drawn to fill one.
    pub refill: u64,
    /// Term against a reference policy.
    pub kl: Option<Kl>,
    /// Weight of the entropy bonus.
    pub entropy_coef: f64,
    /// The optimizer.
    pub optimizer: AdamW,
    /// The learning rate over the stage.
    pub schedule: Schedule,
    /// How far the oldest token of a trained rollout may be behind, in optimizer steps.
    pub max_lag: u64,
}

/// `rollout { … }`
#[derive(Debug, Clone)]
pub struct RolloutSettings {
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Rollouts decoded at the same time.
    pub slots: u64,
    /// When new weights enter.
    pub update: WeightUpdate,
}

/// `evaluate { … }`
#[derive(Debug, Clone)]
pub struct Evaluate {
    /// Every so many steps of a reinforcement stage, besides its start and the end of the run; none means only there.
    pub every_steps: Option<u64>,
    /// What is measured.
    pub suites: Vec<Suite>,
}

/// `suite NAME { … }`
#[derive(Debug, Clone)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// Where its problems come from.
    pub data: DataSource,
    /// How its rows are read, where it has data of its own.
    pub rows: RowRules,
    /// Who judges; none with `data = held_out`, where each domain's own verifier does.
    pub verify: Option<VerifierSettings>,
    /// Problems, in all or per domain with `data = held_out`; none means all there are.
    pub problems: Option<u64>,
    /// Responses per problem.
    pub samples: u64,
    /// Output cap.
    pub max_output_tokens: u64,
    /// How tokens are drawn.
    pub sampling: Sampling,
}

/// `checkpoint { … }`
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Every so many optimizer steps; none means only at the end of a stage and when interrupted.
    pub every_steps: Option<u64>,
    /// How many are kept.
    pub keep: u64,
    /// The suite by whose accuracy one more is kept.
    pub best: Option<String>,
}

/// A guarantee, with its decision at the values in force.
#[derive(Debug, Clone)]
pub struct Guarantee {
    /// Its name.
    pub name: String,
    /// The claim as it was written.
    pub text: String,
    /// Where.
    pub span: Span,
    /// The claim with its formulas typed.
    pub question: crate::prove::Question,
    /// The decision: of all stages the least good one. None while the recipe has errors.
    pub decision: Option<crate::prove::Decision>,
    /// The stage of that decision, when the recipe has several that learn from rewards and it is not proved.
    pub stage: Option<String>,
}

/// A test of the recipe, checked for types.
#[derive(Debug, Clone)]
pub struct Test {
    /// Its title.
    pub title: String,
    /// Values of signals and params by name.
    pub given: BTreeMap<String, f64>,
    /// What must hold.
    pub expect: Vec<Expectation>,
    /// Where.
    pub span: Span,
}

/// One expectation of a test.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Left side.
    pub left: TypedFormula,
    /// The comparison.
    pub op: recipec_grammar::tree::BinaryOp,
    /// Right side.
    pub right: TypedFormula,
    /// Tolerance.
    pub within: Option<f64>,
    /// The expectation as it was written.
    pub text: String,
    /// Where.
    pub span: Span,
}
