//! What the sampler remembers of the batches of a stage: means of each domain, running averages, and weights that are kept for
//! `mix.every` steps. It is part of the counters, so a checkpoint holds it and a resumed run goes on with the same bits.

use super::{DomainState, Sampler};
use crate::counters::Counters;
use crate::error::RunError;
use crate::rollout::{Group, Rollout};
use recipec_compiler::formula::{Program, Scratch};
use recipec_compiler::vocabulary::signals::{BATCH_MEANS, PRESENT, batch_mean_column};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The memory of a sampler.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MixHistory {
    /// Means of each domain over the last batch that had rollouts of it.
    pub means: BTreeMap<String, BatchMeans>,
    /// The running averages of the weight formula, in the order of its `ema` calls; a row per domain.
    pub averages: Vec<Vec<f64>>,
    /// The probabilities in force, where `mix.every` keeps them.
    pub kept: Option<KeptProbabilities>,
}

/// What the rollouts of one domain were like in one batch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct BatchMeans {
    /// Mean total reward of the rollouts.
    pub total: f64,
    /// Mean solve rate of the groups.
    pub solve_rate: f64,
    /// Mean length of the rollouts, in tokens.
    pub length: f64,
}

/// Probabilities that hold for a period of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptProbabilities {
    /// Number of the period: optimizer steps of the stage over `mix.every`, rounded down.
    pub period: u64,
    /// One per domain of the sampler.
    pub probabilities: Vec<f64>,
}

impl BatchMeans {
    /// The means over groups of one domain; none when they have no rollouts.
    fn of<'a>(groups: impl Iterator<Item = &'a Group>) -> Option<Self> {
        let (mut n_groups, mut n_rollouts) = (0.0, 0.0);
        let mut sums = Self::default();
        for group in groups.filter(|group| !group.rollouts.is_empty()) {
            n_groups += 1.0;
            n_rollouts += group.rollouts.len() as f64;
            sums.total += group.rollouts.iter().map(|rollout| rollout.total_reward).sum::<f64>();
            // Where nobody judges there is no solve rate, and no formula that reads one.
            sums.solve_rate += if group.solve_rate.is_finite() { group.solve_rate } else { 0.0 };
            sums.length += group.rollouts.iter().map(Rollout::length).sum::<usize>() as f64;
        }
        (n_groups > 0.0).then(|| Self {
            total: sums.total / n_rollouts,
            solve_rate: sums.solve_rate / n_groups,
            length: sums.length / n_rollouts,
        })
    }

    /// The mean with a name of the table [`BATCH_MEANS`].
    fn named(&self, name: &str) -> Option<f64> {
        match name {
            "total" => Some(self.total),
            "solve_rate" => Some(self.solve_rate),
            "length" => Some(self.length),
            _ => None,
        }
    }
}

impl MixHistory {
    /// The column `last_batch.NAME`, a row per domain: 0 before the first batch with rollouts of it. None for another name.
    pub(super) fn column<'d>(&self, column: &str, domains: impl Iterator<Item = &'d str>) -> Option<Vec<f64>> {
        let (name, ..) = BATCH_MEANS.iter().find(|(name, ..)| batch_mean_column(name) == column)?;
        domains.map(|domain| self.means.get(domain).copied().unwrap_or_default().named(name)).collect()
    }
}

/// Whether a weight formula follows what the batches are like.
pub(super) fn reads_batches(weight: &Program) -> bool {
    let of_batch = |column: &str| BATCH_MEANS.iter().any(|(name, ..)| batch_mean_column(name) == column);
    weight.inputs().iter().any(|column| column == PRESENT || of_batch(column))
}

impl Sampler<'_> {
    /// Takes in a batch: the means of the domains that are in it, then the running averages, in which a domain that is absent
    /// keeps its value. `names` are the domains of the plan, to which the groups point.
    pub fn observe(
        &self,
        batch: &[Group],
        names: &[String],
        counters: &mut Counters,
        progress: f64,
    ) -> Result<(), RunError> {
        if !reads_batches(self.weight) {
            return Ok(());
        }
        let mean = |domain: &DomainState<'_>| {
            BatchMeans::of(batch.iter().filter(|group| names.get(group.draw.domain).is_some_and(|n| n == domain.name)))
        };
        self.observe_means(self.domains.iter().map(mean).collect(), counters, progress)
    }

    /// [`Sampler::observe`] for means that are known, a row per domain; none where the batch has no rollouts of it.
    pub(crate) fn observe_means(
        &self,
        means: Vec<Option<BatchMeans>>,
        counters: &mut Counters,
        progress: f64,
    ) -> Result<(), RunError> {
        if !reads_batches(self.weight) {
            return Ok(());
        }
        let mut present = vec![0.0; self.domains.len()];
        for ((domain, present), means) in self.domains.iter().zip(&mut present).zip(means) {
            if let Some(means) = means {
                *present = 1.0;
                counters.mix.means.insert(domain.name.to_string(), means);
            }
        }
        if self.weight.states() > 0 {
            let mut scratch = Scratch::new();
            scratch.restore_states(std::mem::take(&mut counters.mix.averages));
            let columns = self.columns(counters, progress, &present)?;
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            self.weight.observe(self.domains.len(), &columns, &mut scratch);
            counters.mix.averages = scratch.states().to_vec();
        }
        Ok(())
    }

    /// The probabilities for the next draw: computed anew, or those of this period of `mix.every` steps.
    pub fn in_force(&self, counters: &mut Counters, progress: f64) -> Result<Vec<f64>, RunError> {
        if self.every_steps == 0 {
            return self.probabilities(counters, progress);
        }
        let period = counters.step / self.every_steps;
        match &counters.mix.kept {
            Some(kept) if kept.period == period => Ok(kept.probabilities.clone()),
            _ => {
                let probabilities = self.probabilities(counters, progress)?;
                counters.mix.kept = Some(KeptProbabilities { period, probabilities: probabilities.clone() });
                Ok(probabilities)
            }
        }
    }
}

#[cfg(test)]
mod tests;
