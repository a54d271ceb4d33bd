//! A sampler without a model: rollouts that take stated times and have stated yields, on a pipeline with slots, batches in draw
//! order and a bounded lag, as a discrete-event simulation (design: groups are drawn in sequence, a batch is the next kept groups in
//! draw order, and a draw waits while too many groups before it are not known to be dropped).
//!
//! In: the domains with what a group of each is like ([`Domain`]), a [`Pipeline`], a [`Rule`]. Out: an [`Outcome`]: the shares that
//! were sampled, completed and trained over time, how soon a shock is made up for, and who waited for whom.
//!
//! *Invariants*: the same seed gives the same outcome; a group's time and yield depend on the seed, its domain and its number
//! within the domain, so two rules that draw the same groups see the same ones; the rules are those that training uses.

mod events;
mod figures;

pub use events::simulate;
pub use figures::{Outcome, Point, RECOVERED, variation};

use crate::sampler::Sampler;
use recipec_compiler::settings::{Count, CountPoint, CountUnit};

/// What groups of one domain are like.
#[derive(Debug, Clone, PartialEq)]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// Its target share.
    pub ratio: f64,
    /// Mean time of a group in seconds, from its draw to its verdicts.
    pub seconds: f64,
    /// Share of the groups that the filter keeps.
    pub kept: f64,
    /// Mean tokens of a rollout.
    pub tokens: f64,
    /// Probability that a rollout is right, for mixes that follow rewards.
    pub solved: f64,
}

/// How rollouts and training are connected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pipeline {
    /// Groups in flight at most.
    pub slots: usize,
    /// Rollouts of a group.
    pub group_size: u64,
    /// Groups of a batch.
    pub batch: u64,
    /// Versions that a group may be behind; none means that draws never wait for the trainer.
    pub max_lag: Option<u64>,
    /// Seconds that training takes for a batch.
    pub train_seconds: f64,
    /// Standard deviation of a group's time over its mean; times are log-normal.
    pub spread: f64,
}

/// One domain becomes slower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shock {
    /// Position of the domain.
    pub domain: usize,
    /// Its times are multiplied by this.
    pub factor: f64,
    /// From this draw on.
    pub at: u64,
}

/// How the domain of the next group is chosen.
#[derive(Clone, Copy)]
pub enum Rule<'a> {
    /// At random by the ratios.
    Ratios,
    /// Adaptive domain sampling as published (arXiv 2604.02007): `w * clip(w / (n / N), 0.1, 10)` over completed rollouts, from the
    /// 50th on.
    Published,
    /// The domain that is furthest behind its share of a count.
    Deficit(Count),
    /// As a recipe states it.
    Recipe(&'a Sampler<'a>),
}

impl Rule<'_> {
    /// The deficit rule over what reaches the optimizer.
    pub const TRAINED_DEFICIT: Rule<'static> =
        Rule::Deficit(Count { at: CountPoint::Trained, of: CountUnit::Rollouts });
}

/// What is simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The domains; their ratios sum to 1.
    pub domains: Vec<Domain>,
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Groups that are drawn.
    pub groups: u64,
    /// What happens on the way.
    pub shock: Option<Shock>,
    /// Which times and yields are drawn.
    pub seed: u64,
}

#[cfg(test)]
mod tests;
