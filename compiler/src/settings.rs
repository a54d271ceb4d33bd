//! Plain values that a recipe sets and a plan carries: one meaning, no text, no places.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where problems come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum DataSource {
    /// `builtin("arithmetic", levels = 1..4)`: a seeded generator of the runtime.
    Builtin {
        /// Name of the generator.
        generator: String,
        /// Lowest and highest difficulty level, both drawn; none means all that the generator has.
        levels: Option<(u32, u32)>,
    },
    /// `hf("org/name", split = "train", config = "logic")`
    Hub {
        /// `org/name`
        name: String,
        /// `split = …`
        split: Option<String>,
        /// `config = …`
        config: Option<String>,
    },
    /// `file("problems.jsonl")`, relative to the recipe's folder.
    File {
        /// The path as written.
        path: String,
    },
    /// `held_out`: the evaluation side of every domain's own data.
    HeldOut,
}

/// How rows of a file become problems.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RowRules {
    /// New names of columns with the old ones. A column keeps its name if no new one is given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// Which rows are used; it sees the new names. None means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<RowFilter>,
    /// What happens at a row that cannot be read.
    #[serde(default)]
    pub on_bad_row: BadRow,
}

impl RowRules {
    /// Whether they ask for nothing: the plan then leaves them out.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens at a row that cannot be read, or that lacks a column that is renamed or compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadRow {
    /// The run does not begin.
    #[default]
    Stop,
    /// It is left out and counted.
    Skip,
}

/// A condition over the columns of a row. It always has an answer, or the row is a bad one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFilter {
    /// `level >= 2`
    Compare {
        /// The column.
        column: String,
        /// The comparison.
        op: RowComparison,
        /// What it is compared with. A column of another type is unequal to it, and neither larger nor smaller.
        value: RowValue,
    },
    /// A column that is true or false.
    Holds {
        /// The column.
        column: String,
    },
    /// `not x`
    Not(Box<RowFilter>),
    /// `x and y`
    And(Box<RowFilter>, Box<RowFilter>),
    /// `x or y`
    Or(Box<RowFilter>, Box<RowFilter>),
}

/// A comparison of a column with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RowComparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl RowComparison {
    /// The comparison with its sides exchanged.
    pub fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }
}

/// What a column is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RowValue {
    Text(String),
    Number(f64),
    Bool(bool),
}

/// `math_answer(gold = answer)`: a verifier by name with its arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerifierSettings {
    /// The name in the vocabulary: `math_answer`, `program_tests`, `puzzle`, `constraints`, `function_calls`, …
    pub name: String,
    /// Arguments by name.
    pub arguments: BTreeMap<String, ArgumentValue>,
}

/// What a domain without a verifier is rewarded by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "signal")]
pub enum DomainSignal {
    /// The policy's own probability of the reference answer.
    ReferenceProbability,
    /// The policy's own probability of the answer that it wrote.
    AnswerProbability,
    /// `reward_model(NAME)`
    RewardModel {
        /// The model.
        model: String,
    },
}

/// The value of an argument of a verifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentValue {
    /// A column of the data, or a word such as `boxed`.
    Word(String),
    /// A text in quotes.
    Text(String),
    /// A number in the base unit of its dimension (tokens, seconds, bytes, 1).
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
}

/// A signal of a rollout that costs work of its own, so that it has a node in the plan where a formula reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComputedSignal {
    /// Tokens of the reference answer in the policy's vocabulary.
    ReferenceLength,
    /// Mean probability of the reference answer's tokens after the rollout's reasoning.
    ReferenceProbability,
    /// Mean probability of the tokens of the rollout's own answer.
    AnswerProbability,
}

impl ComputedSignal {
    /// All of them, in the order in which a plan has their nodes.
    pub const ALL: [Self; 3] = [Self::ReferenceLength, Self::ReferenceProbability, Self::AnswerProbability];

    /// The name in formulas, and of the column at run time.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReferenceLength => "reference_length",
            Self::ReferenceProbability => "reference_probability",
            Self::AnswerProbability => "answer_probability",
        }
    }

    /// Whether it is a property of the reference answer in the data.
    pub fn reads_reference(self) -> bool {
        self != Self::AnswerProbability
    }

    /// Whether the policy must score tokens to know it.
    pub fn reads_policy(self) -> bool {
        self != Self::ReferenceLength
    }
}

/// Which part of a response is the answer that a verifier judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "rule")]
pub enum AnswerRule {
    /// The whole response.
    Whole,
    /// `after("#")`: what follows the last mark; no mark, no answer.
    After {
        /// The mark.
        mark: String,
    },
    /// `between("[BEGIN]", "[END]")`: what stands between the marks.
    Between {
        /// The opening mark.
        open: String,
        /// The closing mark.
        close: String,
    },
}

/// Where a model's weights come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ModelSource {
    /// `fresh { … }`: a decoder with random weights and the built-in character tokenizer.
    Fresh(Architecture),
    /// `folder("path")`: a folder in Hugging Face layout.
    Folder {
        /// The path as written.
        path: String,
    },
    /// `hf("org/name")`
    Hub {
        /// `org/name`
        name: String,
    },
    /// `endpoint("https://host/v1", model = "name")`: a model that another machine serves; it can only judge.
    Endpoint {
        /// The address before `/chat/completions`.
        url: String,
        /// The name of the model there.
        model: String,
        /// The environment variable that holds the key; none where the server asks for none.
        key: Option<String>,
        /// How long one answer may take, in seconds.
        timeout_seconds: f64,
        /// Most requests at a time.
        parallel: u32,
    },
}

/// Sizes of a Llama-architecture decoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// Model width (`hidden_size`).
    pub width: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_width: usize,
    /// Inner width of the gated unit (`intermediate_size`).
    pub hidden: usize,
    /// True when the output head is the embedding.
    pub tied: bool,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Epsilon of RMSNorm.
    pub norm_eps: f64,
}

/// Number type of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Precision {
    F32,
    Bf16,
}

/// Which weights are trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[allow(missing_docs)]
pub enum Trainable {
    Full,
    Frozen,
    Lora { rank: u32, alpha: f64 },
}

/// What the mix counts, before what is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// At which point of the flow.
    pub at: CountPoint,
    /// In which unit.
    pub of: CountUnit,
}

/// Which domain a mix draws next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MixStrategy {
    /// At random, by the weight formula.
    #[default]
    Weight,
    /// The one that is furthest behind its share; the shares are the weight formula, which is `ratio`.
    Deficit,
}

/// At which point of the flow the mix counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountPoint {
    /// When the sampler draws.
    Sampled,
    /// When a group returns, before any drop.
    Completed,
    /// When it reaches the optimizer.
    Trained,
}

/// What the mix counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum CountUnit {
    Rollouts,
    Groups,
    Tokens,
}

/// What a rollout that was cut at the cap is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unfinished {
    /// The verdict counts as it is.
    AsJudged,
    /// Wrong, whatever the verdict.
    Wrong,
    /// In the group (baseline, solve rate), but not trained.
    Masked,
    /// Out of the group.
    Dropped,
}

/// What the terms of the tokens are divided by: how one sequence weighs in the loss.
///
/// With `B` rollouts in an update by the recipe, of which sequence `i` has `n_i` tokens, every token of it gets the share below.
/// `B` is the recipe's number even when groups were dropped, so that a dropped group changes nothing for the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum SequenceWeight {
    /// `1 / (B n_i)`: every sequence alike (GRPO, arXiv 2402.03300 eq. 3; GSPO, arXiv 2507.18071 eq. 5).
    Equal,
    /// `1 / B`: a sequence by its number of tokens (the likelihood of a whole response, arXiv 2402.14740).
    Length,
    /// `1 / sum_j n_j` over the trained tokens of the update (the code of DAPO, arXiv 2503.14476).
    TokenMean,
    /// `1 / (P sum_j n_j)` over the trained tokens of the rollout's group, with `P` prompts in an update (DAPO as eq. 8 writes it).
    GroupTokenMean,
    /// `1 / (B tokens)`: by a constant (Dr. GRPO, arXiv 2503.20783).
    Constant {
        /// The divisor, in tokens.
        tokens: f64,
    },
}

/// Whose importance ratio it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RatioLevel {
    /// `r_t = exp(logp_t - logp_behavior_t)`, one for each token.
    Token,
    /// `r = exp(mean_t(logp_t - logp_behavior_t))`, one for the whole response.
    Sequence,
}

/// What is maximised for one token or one sequence with advantage `A`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Surrogate {
    /// `min(r A, clip(r, 1 - low, 1 + high) A)` (PPO, arXiv 1707.06347 eq. 7).
    Clipped {
        /// Whose ratio.
        ratio: RatioLevel,
        /// Lower clip distance.
        low: f64,
        /// Upper clip distance.
        high: f64,
    },
    /// `sg(clip(r_t, 1 - low, 1 + high)) A logp_t` with a weight that is not differentiated (CISPO, arXiv 2506.13585 eq. 4 and 5).
    ClippedWeight {
        /// Lower clip distance; none means no lower bound.
        low: Option<f64>,
        /// Upper clip distance.
        high: f64,
    },
    /// `A logp_t`: no ratio, so right only for rollouts of the weights that are trained (REINFORCE; RLOO, arXiv 2402.14740).
    LogLikelihood,
}

/// What is taken from a reward to make an advantage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// The mean of the other rollouts of the group.
    LeaveOneOut,
    /// The mean of the group.
    GroupMean,
    /// The mean of all rollouts that were drawn together.
    BatchMean,
    /// Nothing.
    None,
}

impl Baseline {
    /// Whether it compares the rollouts of one group, so that a group needs two of them.
    pub fn of_the_group(self) -> bool {
        matches!(self, Self::LeaveOneOut | Self::GroupMean)
    }
}

/// Which spread advantages are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deviation {
    /// The sample standard deviation of the group's rewards.
    Group,
    /// The sample standard deviation of what is left after the baseline, over all rollouts that were drawn together.
    Batch,
    /// None.
    None,
}

/// The policy objective in its parts. A named algorithm of the language is a choice of these, with the values of its paper where the
/// recipe is silent; two names with the same parts are the same work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Algorithm {
    /// What is maximised.
    pub surrogate: Surrogate,
    /// How sequences weigh.
    pub weight: SequenceWeight,
    /// Baseline of the advantage.
    pub baseline: Baseline,
    /// What advantages are divided by.
    pub divide_by_std: Deviation,
}

/// Which groups leave before the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drop {
    /// All advantages within 1e-9 of zero.
    NoAdvantage,
    /// All verdicts alike (DAPO).
    SameOutcome,
    /// None.
    Never,
}

/// Kullback-Leibler term against a reference policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Kl {
    /// Which estimator.
    pub estimator: KlEstimator,
    /// Its weight in the loss.
    pub coef: f64,
    /// Name of the reference: `base` is the policy at the start of the stage.
    pub to: String,
}

/// Estimators of KL(policy || reference) from sampled tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum KlEstimator {
    K1,
    K2,
    K3,
}

/// `adamw { … }`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// Peak learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay (matrices only; norms are left alone).
    pub weight_decay: f64,
    /// Largest norm of the whole gradient; none means no clipping.
    pub clip_norm: Option<f64>,
}

/// How the learning rate moves over the steps of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Shape after the warm-up.
    pub shape: ScheduleShape,
    /// Steps over which it rises from 0.
    pub warmup: u64,
    /// Share of the peak that is left at the last step.
    pub floor: f64,
}

/// Shape of a schedule after its warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ScheduleShape {
    Constant,
    Linear,
    Cosine,
}

/// `sampling = { temperature = 0.6, top_p = 0.95 }`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Divides the logits; 0 is greedy.
    pub temperature: f64,
    /// Nucleus; 1 keeps all.
    pub top_p: f64,
    /// Keeps the most likely; 0 keeps all.
    pub top_k: u32,
    /// Keeps what is at least this share of the most likely; 0 keeps all.
    pub min_p: f64,
}

/// When new weights enter decoding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum WeightUpdate {
    /// Decoding and training take turns.
    BetweenBatches,
    /// Weights change while rollouts are decoded.
    InFlight {
        /// Decode ticks after a batch is full.
        after: u64,
        /// True: running rollouts keep their cache; false: it is recomputed.
        keep_cache: bool,
    },
}
