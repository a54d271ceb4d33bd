//! Signals: what formulas read. One row each; the reference page is made from this table.

use crate::formula::{Level, Type};
use crate::units::Dimension;

/// Of what a signal is a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignalLevel {
    /// One sampled response.
    Rollout,
    /// All responses to one prompt.
    Group,
    /// One domain of the mix.
    Domain,
    /// The whole run.
    Run,
}

impl SignalLevel {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rollout => "rollout",
            Self::Group => "group",
            Self::Domain => "domain",
            Self::Run => "run",
        }
    }
}

/// Which values a signal takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bounds {
    /// True or false.
    Truth,
    /// Between two numbers, in base units.
    Between(f64, f64),
    /// From a number up to a budget, for example `budget.output`.
    UpToBudget(f64, &'static str),
    /// Exactly the number of rollouts in a group.
    GroupSize,
    /// One of the recipe's domains.
    Domains,
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signal {
    /// Its name in formulas, and the name of its column at run time.
    pub name: &'static str,
    /// Of what it is a property.
    pub level: SignalLevel,
    /// Truth value, domain, or a number with its dimension.
    pub ty: Type,
    /// Which values it takes.
    pub bounds: Bounds,
    /// One sentence for the reference page.
    pub doc: &'static str,
}

impl Signal {
    /// Whether formulas of a level see it.
    pub fn is_seen_by(&self, level: Level) -> bool {
        match level {
            Level::Constant => false,
            Level::Rollout => matches!(self.level, SignalLevel::Rollout | SignalLevel::Group),
            Level::Mix => matches!(self.level, SignalLevel::Domain | SignalLevel::Run),
        }
    }
}

const fn truth(name: &'static str, doc: &'static str) -> Signal {
    Signal { name, level: SignalLevel::Rollout, ty: Type::Bool, bounds: Bounds::Truth, doc }
}

const fn share(name: &'static str, level: SignalLevel, doc: &'static str) -> Signal {
    Signal { name, level, ty: Type::Number(Dimension::PURE), bounds: Bounds::Between(0.0, 1.0), doc }
}

const fn tokens(name: &'static str, bounds: Bounds, doc: &'static str) -> Signal {
    Signal { name, level: SignalLevel::Rollout, ty: Type::Number(Dimension::TOKENS), bounds, doc }
}

const fn counted(name: &'static str, doc: &'static str) -> Signal {
    let ty = Type::Number(Dimension::ROLLOUTS);
    Signal { name, level: SignalLevel::Domain, ty, bounds: Bounds::Between(0.0, f64::INFINITY), doc }
}

/// Every signal.
pub const SIGNALS: &[Signal] = &[
    tokens(
        "length",
        Bounds::UpToBudget(1.0, "budget.output"),
        "Generated tokens of the rollout, the end token included.",
    ),
    tokens("reasoning_length", Bounds::UpToBudget(0.0, "budget.output"), "Generated tokens before the answer."),
    tokens("answer_length", Bounds::UpToBudget(0.0, "budget.output"), "Tokens of the answer."),
    tokens(
        "reference_length",
        Bounds::Between(0.0, f64::INFINITY),
        "Tokens of the reference answer in the data, in the policy's vocabulary.",
    ),
    tokens("prompt_length", Bounds::UpToBudget(0.0, "budget.prompt"), "Tokens of the prompt."),
    truth("correct", "The verifier accepts the answer."),
    truth("wrong", "The verifier does not accept the answer."),
    truth("answered", "The response holds an answer where `model.answer` looks for it."),
    truth("parsable", "The verifier could read the answer."),
    truth("truncated", "The rollout was cut by its cap; its length is then the cap."),
    truth("finished", "The rollout ended by itself: not truncated."),
    share("score", SignalLevel::Rollout, "The verifier's partial credit: 1 when correct, below 1 when wrong."),
    share(
        "reference_probability",
        SignalLevel::Rollout,
        "Mean probability of the reference answer's tokens under the policy, after the rollout's reasoning.",
    ),
    share(
        "answer_probability",
        SignalLevel::Rollout,
        "Mean probability of the rollout's own answer tokens under the policy.",
    ),
    share("judge", SignalLevel::Rollout, "The judge model's verdict."),
    Signal {
        name: "domain",
        level: SignalLevel::Rollout,
        ty: Type::Domain,
        bounds: Bounds::Domains,
        doc: "The domain of the problem; only good for `domain == code`.",
    },
    share("solve_rate", SignalLevel::Group, "Share of correct rollouts among those judged, truncated ones included."),
    Signal {
        name: "group_size",
        level: SignalLevel::Group,
        ty: Type::Number(Dimension::ROLLOUTS),
        bounds: Bounds::GroupSize,
        doc: "Rollouts per prompt, as `train.group` says.",
    },
    share("ratio", SignalLevel::Domain, "The domain's share as the recipe states it."),
    share("achieved", SignalLevel::Domain, "The domain's share of what `mix.count` has counted so far."),
    counted("sampled", "Rollouts of the domain that were started."),
    counted("completed", "Rollouts of the domain that were generated to their end."),
    counted("trained", "Rollouts of the domain that entered a batch."),
    counted("in_flight", "Rollouts of the domain that are being generated."),
    share("yield", SignalLevel::Domain, "Share of the domain's completed rollouts that entered a batch."),
    Signal {
        name: "step",
        level: SignalLevel::Run,
        ty: Type::Number(Dimension::STEPS),
        bounds: Bounds::UpToBudget(0.0, "budget.steps"),
        doc: "Optimizer steps made so far in this stage.",
    },
    share(
        "progress",
        SignalLevel::Run,
        "Share of the budget that is used up: of steps, tokens or time, whichever is further.",
    ),
];

/// The row of a signal. The score of every reward model, `reward_model.NAME`, has the same one.
pub fn signal(name: &str) -> Option<&'static Signal> {
    if name.starts_with(REWARD_MODEL_PREFIX) {
        return Some(&REWARD_MODEL);
    }
    SIGNALS.iter().find(|signal| signal.name == name)
}

const REWARD_MODEL_PREFIX: &str = "reward_model.";

/// What `reward_model(NAME)` gives: any number.
const REWARD_MODEL: Signal = Signal {
    name: "reward_model",
    level: SignalLevel::Rollout,
    ty: Type::Number(Dimension::PURE),
    bounds: Bounds::Between(f64::NEG_INFINITY, f64::INFINITY),
    doc: "The score of a reward model.",
};

/// The name of the column of `reward_model(NAME)`; a test gives it a value under this name.
pub fn reward_model_column(model: &str) -> String {
    format!("{REWARD_MODEL_PREFIX}{model}")
}

/// What `mean(NAME, over = last_batch)` can be taken of: the name, its dimension and one sentence.
pub const BATCH_MEANS: &[(&str, Dimension, &str)] = &[
    (
        "total",
        Dimension::PURE,
        "Mean total reward of the domain's rollouts in the last batch that had any; 0 before the first.",
    ),
    (
        "solve_rate",
        Dimension::PURE,
        "Mean solve rate of the domain's groups in the last batch that had any; 0 before the first.",
    ),
    (
        "length",
        Dimension::TOKENS,
        "Mean length of the domain's rollouts in the last batch that had any; 0 before the first.",
    ),
];

/// The name of the column of `mean(NAME, over = last_batch)`.
pub fn batch_mean_column(name: &str) -> String {
    format!("last_batch.{name}")
}

/// The name of the column that is 1 for a domain with rollouts in the last batch. Programs with `ema` read it.
pub const PRESENT: &str = "present";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = SIGNALS.iter().map(|s| s.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SIGNALS.len());
        assert!(signal(PRESENT).is_none());
    }

    #[test]
    fn each_level_sees_its_own() {
        let seen = |name: &str, level| signal(name).is_some_and(|s| s.is_seen_by(level));
        assert!(seen("length", Level::Rollout) && seen("solve_rate", Level::Rollout));
        assert!(seen("achieved", Level::Mix) && seen("progress", Level::Mix));
        assert!(!seen("length", Level::Mix) && !seen("achieved", Level::Rollout) && !seen("length", Level::Constant));
    }
}
