//! The objects in the files of a run folder. Shares and rates are in 0..1, lengths in tokens of the policy.

use super::*;
use crate::statistics::Estimate;

/// A line that knows its schema.
pub(super) trait Line {
    /// The version that the line states, or the current one where lines do not state it.
    fn schema(&self) -> u32 {
        SCHEMA
    }
}

/// How a step learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// From rewards of the policy's own rollouts.
    Reinforce,
    /// From demonstrations.
    Supervised,
}

/// A line of `metrics.jsonl`: one optimizer step. Supervised steps have loss, gradient norm, learning rate, tokens and
/// work only. Numbers that can overflow in a run that diverges are optional: JSON has no NaN, so they are written as null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Version of the schema.
    pub schema: u32,
    /// Name of the stage.
    pub stage: String,
    /// Number of the step in its stage.
    pub step: u64,
    /// How the step learns.
    pub kind: StepKind,
    /// Loss of the step.
    #[serde(default)]
    pub loss: Option<f64>,
    /// Norm of the gradient before clipping.
    #[serde(default)]
    pub grad_norm: Option<f64>,
    /// Learning rate.
    #[serde(default)]
    pub lr: Option<f64>,
    /// Mean entropy of the policy, nat per token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f64>,
    /// Groups of this batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupCounts>,
    /// Tokens of this step and so far.
    #[serde(default)]
    pub tokens: TokenCounts,
    /// Mean reward and its terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward: Option<RewardMeans>,
    /// What correct, finished rollouts paid, by how many of their group were correct.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scale_by_solve_rate: Vec<ScaleAtSolveRate>,
    /// Share of rollouts that were cut by the cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<f64>,
    /// Share of rollouts that end above output - buffer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_zone: Option<f64>,
    /// Share of clipped rollouts or tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_fraction: Option<f64>,
    /// Mean distance of the importance ratio from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance_ratio_deviation: Option<f64>,
    /// KL divergence to the reference policy, nat per token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kl: Option<f64>,
    /// Each domain: counts so far, means of this step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub domains: BTreeMap<String, DomainMetrics>,
    /// Items that each node of the plan worked on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub work: BTreeMap<String, u64>,
    /// Verdicts that ended by a limit of work.
    #[serde(default)]
    pub limited_verdicts: u64,
    /// Verifiers that failed themselves.
    #[serde(default)]
    pub verifier_errors: u64,
}

impl Line for StepMetrics {
    fn schema(&self) -> u32 {
        self.schema
    }
}

/// Groups of one batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCounts {
    /// Groups that were rolled out.
    pub sampled: u64,
    /// Groups that were trained on.
    pub kept: u64,
    /// Groups without signal.
    pub dropped: u64,
}

/// Tokens of one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCounts {
    /// Generated for this step, dropped groups included.
    #[serde(default)]
    pub generated: u64,
    /// Response tokens in the loss.
    #[serde(default)]
    pub trained: u64,
    /// Generated since the run began.
    #[serde(default)]
    pub total_generated: u64,
}

/// Mean reward of a batch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RewardMeans {
    /// What is trained on.
    #[serde(default)]
    pub total: Option<f64>,
    /// Before penalties and terms.
    #[serde(default)]
    pub outcome: Option<f64>,
    /// Each penalty and term.
    #[serde(default)]
    pub terms: BTreeMap<String, Option<f64>>,
}

/// Means over the correct, finished rollouts of groups with `k` correct rollouts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScaleAtSolveRate {
    /// Correct rollouts in the group.
    pub k: u64,
    /// Rollouts counted.
    pub count: u64,
    /// Mean of each binding, by `penalty.binding`.
    #[serde(default)]
    pub mean: BTreeMap<String, Option<f64>>,
}

/// One domain in one step. Counts are of rollouts (or tokens) since the stage began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DomainMetrics {
    /// Rollouts drawn.
    #[serde(default)]
    pub sampled: u64,
    /// Rollouts that came back.
    #[serde(default)]
    pub completed: u64,
    /// Rollouts that were trained on.
    #[serde(default)]
    pub trained: u64,
    /// Response tokens that were trained on.
    #[serde(default)]
    pub trained_tokens: u64,
    /// Share of correct rollouts in this step; null when the domain is absent from it.
    #[serde(default)]
    pub solve_rate: Option<f64>,
    /// Mean length in this step, tokens.
    #[serde(default)]
    pub mean_tokens: Option<f64>,
    /// Mean total reward in this step.
    #[serde(default)]
    pub reward: Option<f64>,
    /// Rows of the domain's file that could not be read and were skipped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bad_rows: u64,
    /// Rows of the domain's file that the recipe's filter leaves out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub filtered_rows: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A line of `timing.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTiming {
    /// Name of the stage.
    pub stage: String,
    /// Number of the step in its stage.
    pub step: u64,
    /// Seconds that the step took.
    pub seconds: f64,
    /// Generated tokens per second.
    #[serde(default)]
    pub tokens_per_second: Option<f64>,
    /// Seconds since the run began.
    #[serde(default)]
    pub elapsed: Option<f64>,
}

impl Line for StepTiming {}

/// Why an evaluation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Before the first step of a stage.
    Start,
    /// On schedule.
    Step,
    /// After the last step.
    End,
}

/// A line of `evaluations.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Version of the schema.
    pub schema: u32,
    /// Name of the stage.
    pub stage: String,
    /// Steps of the stage made before it.
    pub step: u64,
    /// Why it was made.
    pub when: When,
    /// Each suite.
    pub suites: BTreeMap<String, SuiteResults>,
}

impl Line for Evaluation {
    fn schema(&self) -> u32 {
        self.schema
    }
}

/// One suite of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuiteResults {
    /// Each domain.
    pub domains: BTreeMap<String, DomainResults>,
    /// The unweighted mean over domains.
    #[serde(rename = "macro")]
    pub macro_average: Results,
}

/// One domain of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DomainResults {
    /// Problems asked.
    pub problems: u64,
    /// Responses to each.
    pub samples: u64,
    /// Verdicts that failed twice: their responses are left out of the results.
    #[serde(default, skip_serializing_if = "none")]
    pub verifier_errors: u64,
    /// The results.
    pub results: Results,
    /// By level of difficulty.
    #[serde(default)]
    pub levels: BTreeMap<String, LevelResults>,
}

fn none(count: &u64) -> bool {
    *count == 0
}

/// Measured means with their 95% intervals (see [`crate::statistics`]).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Chance that a response is right.
    pub pass_at_1: f64,
    /// Its interval.
    #[serde(default)]
    pub pass_at_1_ci: Option<[f64; 2]>,
    /// Mean length of a response, tokens.
    pub mean_tokens: f64,
    /// Its interval.
    #[serde(default)]
    pub mean_tokens_ci: Option<[f64; 2]>,
    /// Share of responses cut by the cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<f64>,
}

impl Results {
    /// The measured means as a pair: pass@1 and tokens.
    pub fn new(pass_at_1: Estimate, mean_tokens: Estimate, truncated: Option<f64>) -> Self {
        Self {
            pass_at_1: pass_at_1.mean,
            pass_at_1_ci: pass_at_1.interval,
            mean_tokens: mean_tokens.mean,
            mean_tokens_ci: mean_tokens.interval,
            truncated,
        }
    }

    /// pass@1 with its interval.
    pub fn pass_at_1(&self) -> Estimate {
        Estimate { mean: self.pass_at_1, interval: self.pass_at_1_ci }
    }

    /// Mean tokens with its interval.
    pub fn mean_tokens(&self) -> Estimate {
        Estimate { mean: self.mean_tokens, interval: self.mean_tokens_ci }
    }
}

/// The problems of one level of difficulty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LevelResults {
    /// Problems asked.
    pub problems: u64,
    /// Chance that a response is right.
    pub pass_at_1: f64,
    /// Mean length of a response, tokens.
    pub mean_tokens: f64,
}

/// `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the recipe.
    pub recipe: String,
    /// Variant that was run.
    #[serde(default)]
    pub variant: Option<String>,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Wall time of the run.
    pub seconds: f64,
    /// The budget that was used up, or what else ended the run.
    pub stopped_by: String,
    /// Digest of the final weights.
    pub weights_digest: String,
    /// Optimizer steps of all stages.
    pub steps: u64,
    /// Tokens generated for training.
    pub generated_tokens: u64,
    /// Target ratio of each domain.
    #[serde(default)]
    pub ratios: BTreeMap<String, f64>,
    /// Target and achieved shares of each domain.
    #[serde(default)]
    pub shares: BTreeMap<String, DomainShares>,
    /// The length penalty as a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty_surface: Option<PenaltySurface>,
}

/// Target and achieved shares of one domain.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DomainShares {
    /// Target.
    pub ratio: f64,
    /// Share of rollouts drawn.
    pub sampled: f64,
    /// Share of rollouts that came back.
    pub completed: f64,
    /// Share of rollouts trained on.
    pub trained: f64,
}

/// A penalty over length and solve rate, for a correct and finished rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PenaltySurface {
    /// Lengths, tokens, rising.
    pub length: Vec<f64>,
    /// Solve rates, rising.
    pub solve_rate: Vec<f64>,
    /// One row per solve rate, one column per length.
    pub value: Vec<Vec<f64>>,
}

impl PenaltySurface {
    /// Why the surface cannot be drawn, if so.
    pub(super) fn fault(&self) -> Option<String> {
        let (lengths, rates) = (self.length.len(), self.solve_rate.len());
        if self.value.len() != rates {
            return Some(format!("penalty_surface has {rates} solve rates and {} rows of values", self.value.len()));
        }
        let short = self.value.iter().find(|row| row.len() != lengths)?;
        Some(format!("penalty_surface has {lengths} lengths and a row of {} values", short.len()))
    }
}

/// A line of `rollouts.jsonl.gz`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampledRollout {
    /// Name of the stage.
    pub stage: String,
    /// Number of the step in its stage.
    pub step: u64,
    /// Name of the domain.
    pub domain: String,
    /// Level of difficulty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u64>,
    /// What the policy was asked.
    pub prompt: String,
    /// What it wrote.
    pub response: String,
    /// `correct`, `partial`, `wrong`, `no_answer`, `unparsable` or `error`.
    pub status: String,
    /// Cut by the cap.
    pub truncated: bool,
    /// Generated tokens, the end token included.
    pub length: u64,
    /// Each penalty and term of the reward.
    #[serde(default)]
    pub terms: BTreeMap<String, f64>,
    /// Total reward; null after a verifier's own failure.
    #[serde(default)]
    pub total: Option<f64>,
    /// Advantage within its group.
    #[serde(default)]
    pub advantage: Option<f64>,
}

impl Line for SampledRollout {}
