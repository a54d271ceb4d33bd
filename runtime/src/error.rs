//! Why a run failed. Every failure leaves what was written before it intact.

use std::path::PathBuf;

/// A failed run: exit code 3.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file could not be written or read.
    #[error("{doing} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `cannot write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A checkpoint, or another file of a run folder, is not what was written.
    #[error("`{}` is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        why: String,
    },
    /// The run folder was made by another plan.
    #[error("this run was made by another recipe or plan: {difference}")]
    OtherPlan {
        /// What differs.
        difference: String,
    },
    /// What the run folder was made with is not what is there now.
    #[error("this run began with something else:{}", crate::origin::listed(differences))]
    OtherInputs {
        /// What differs.
        differences: Vec<crate::origin::Difference>,
    },
    /// The probe before the first step failed.
    #[error("the probe failed at `{phase}`{}: {source}", place.as_ref().map_or(String::new(), |place| format!(" of {place}")))]
    Probe {
        /// Which part of a step: `rollout`, `verify`, `training`, `evaluation`, `checkpoint`.
        phase: &'static str,
        /// Stage, domain or suite.
        place: Option<String>,
        /// What went wrong.
        source: Box<RunError>,
    },
    /// A replay does something else than the run did.
    #[error("step {step}, {phase}: {what}")]
    Replay {
        /// Optimizer step of the run.
        step: u64,
        /// Which part of the step.
        phase: &'static str,
        /// What differs.
        what: String,
    },
    /// A run cannot begin with a checkpoint.
    #[error("this recipe cannot begin with `{}`: {why}", checkpoint.display())]
    Fork {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// Why not.
        why: String,
    },
    /// More memory is needed than there is.
    #[error("{what} needs about {needed} of memory, and {free} is free")]
    Memory {
        /// What.
        what: String,
        /// With its unit.
        needed: String,
        /// With its unit.
        free: String,
    },
    /// A verifier failed on every problem that it was tried with.
    #[error("the verifier failed on {tried} of {tried} answers; the last time: {last}")]
    Unjudged {
        /// How many.
        tried: usize,
        /// The last failure.
        last: String,
    },
    /// Something that the language knows and this version does not run.
    #[error("{what} cannot run in this version: {why}")]
    Unsupported {
        /// The setting.
        what: String,
        /// What to do instead.
        why: String,
    },
    /// A formula reads a signal that this run does not have.
    #[error("node `{node}` reads the signal `{signal}`, which this run cannot give")]
    MissingSignal {
        /// The node.
        node: String,
        /// The signal.
        signal: String,
    },
    /// A formula gave something that is no number.
    #[error("{formula} gave {value} at step {step}, rollout {rollout} of draw {draw}: {values}")]
    NotFinite {
        /// `penalty difficulty_aware`
        formula: String,
        /// NaN or infinity.
        value: f64,
        /// Optimizer step.
        step: u64,
        /// Draw.
        draw: u64,
        /// Rollout in its group.
        rollout: usize,
        /// The inputs with their values.
        values: String,
    },
    /// The mix weights are no weights.
    #[error("`mix.weight` gives no usable weights for {}: negative, not finite or all zero", domains.join(", "))]
    BadWeights {
        /// The domains.
        domains: Vec<String>,
    },
    /// Verifiers fail too often.
    #[error("verifiers failed on {failed} of {judged} responses, more than 5%; the last said: {last}")]
    VerifiersFail {
        /// How many.
        failed: usize,
        /// Of how many.
        judged: usize,
        /// The last failure.
        last: String,
    },
    /// Batch after batch without anything to learn from.
    #[error(
        "{batches} batches in a row had no group with an advantage: there is nothing left to learn from these domains"
    )]
    NoSignal {
        /// How many.
        batches: u64,
    },
    /// A prompt holds what the tokenizer cannot read.
    #[error("domain `{domain}`: {why}")]
    BadPrompt {
        /// The domain.
        domain: String,
        /// What.
        why: String,
    },
    /// Data could not be opened.
    #[error("domain `{domain}`: {source}")]
    Data {
        /// The domain.
        domain: String,
        /// Why.
        source: crate::data::DataError,
    },
    /// A verifier could not be made.
    #[error("domain `{domain}`: {source}")]
    Verifier {
        /// The domain.
        domain: String,
        /// Why.
        source: crate::verify::VerifierError,
    },
    /// The files of a model cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] crate::model::ModelError),
    /// The model failed.
    #[error("the model failed: {0}")]
    Model(#[from] crate::policy::PolicyError),
    /// The plan is not one that this runtime can walk: our bug, unless the plan was edited.
    #[error("the plan cannot be walked: {0}")]
    Plan(String),
}

impl RunError {
    /// An error of a file.
    pub fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }

    /// The diagnostic code of this kind of failure.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "recipe::run::io",
            Self::Damaged { .. } => "recipe::run::damaged_file",
            Self::OtherPlan { .. } => "recipe::run::other_plan",
            Self::OtherInputs { .. } => "recipe::run::other_inputs",
            // What failed is the same as it would be later.
            Self::Probe { source, .. } => source.code(),
            Self::Memory { .. } => "recipe::run::memory",
            Self::Replay { .. } => "recipe::run::replay_differs",
            Self::Fork { .. } => "recipe::run::cannot_fork",
            Self::Unjudged { .. } => "recipe::run::verifiers_fail",
            Self::Unsupported { .. } => "recipe::run::not_yet",
            Self::MissingSignal { .. } => "recipe::run::missing_signal",
            Self::NotFinite { .. } => "recipe::run::formula_not_finite",
            Self::BadWeights { .. } => "recipe::run::bad_weights",
            Self::VerifiersFail { .. } => "recipe::run::verifiers_fail",
            Self::NoSignal { .. } => "recipe::run::no_signal",
            Self::BadPrompt { .. } => "recipe::run::bad_prompt",
            Self::Data { .. } => "recipe::run::data",
            Self::Verifier { .. } => "recipe::run::verifier",
            Self::Checkpoint(_) => "recipe::run::checkpoint",
            Self::Model(_) => "recipe::run::model",
            Self::Plan(_) => "recipe::run::plan",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Io { .. } => {
                "free some space or choose another folder with `--runs DIR`; `recipec resume RUN` goes on from the last checkpoint"
            }
            Self::Damaged { path, .. }
                if path.components().any(|part| part.as_os_str() == crate::checkpoint::CHECKPOINTS) =>
            {
                "delete the damaged checkpoint folder and resume: the one before it is used"
            }
            Self::Damaged { .. } => "put the file back from a copy, or begin a new run; nothing was changed",
            Self::OtherPlan { .. } => {
                "put the plan back, or go on in another folder with `recipec fork RUN@STEP`: weights and moments are kept"
            }
            Self::OtherInputs { .. } => {
                "put them back as they were, or go on in another folder with `recipec fork RUN@STEP`: weights and moments are kept"
            }
            Self::Probe { source, .. } => {
                return source.help().or(Some("nothing was trained yet; `--no-probe` leaves the probe out"));
            }
            Self::Memory { .. } => "lower `rollout.slots` or `budget.output`, or take a machine with more memory",
            Self::Replay { .. } => "`recipec whence RUN` says which recipe, inputs, program and machine made the run",
            Self::Fork { .. } => "fork with the recipe of the run and `--set`, or begin with `source = folder(\"…\")`",
            Self::Unjudged { .. } => "give the verifier data that it can judge",
            Self::NotFinite { .. } => "guard the formula, for example `max(x, 1e-9)` under a division or a logarithm",
            Self::BadWeights { .. } => "guard `mix.weight` with `clip(…, low, high)`",
            Self::VerifiersFail { .. } => "a failure is never a reward; give the verifier data that it can judge",
            Self::NoSignal { .. } => "use harder problems (higher `levels`), a larger `group`, or fewer steps",
            Self::Checkpoint(why) => why.help(),
            _ => return None,
        })
    }
}
