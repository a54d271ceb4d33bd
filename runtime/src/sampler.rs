//! Which domain the next group comes from: the recipe's weight formula over what was counted so far (arXiv 2604.02007, adaptive
//! domain sampling, when the recipe states the paper's formula).

pub mod deficit;
pub mod history;

use crate::counters::Counters;
use crate::error::RunError;
use crate::rng::{Purpose, Stream};
use recipec_compiler::formula::{Program, Scratch};
use recipec_compiler::settings::{Count, CountPoint, MixStrategy};
use recipec_compiler::vocabulary::signals::PRESENT;

/// What the sampler is told about one domain.
#[derive(Debug, Clone)]
pub struct DomainState<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its target share.
    pub ratio: f64,
}

/// The sampler of a stage.
pub struct Sampler<'a> {
    /// Domains with their target shares.
    pub domains: Vec<DomainState<'a>>,
    /// What is counted.
    pub count: Count,
    /// No adjustment before so many.
    pub warmup: u64,
    /// The weights are computed anew every so many optimizer steps; 0 means at every draw.
    pub every_steps: u64,
    /// How the next domain is chosen.
    pub strategy: MixStrategy,
    /// Rollouts of a group.
    pub group_size: u64,
    /// The weight formula; rows are the domains.
    pub weight: &'a Program,
}

impl Sampler<'_> {
    /// The probability of each domain at this moment.
    pub fn probabilities(&self, counters: &Counters, progress: f64) -> Result<Vec<f64>, RunError> {
        let counted: Vec<u64> = self.domains.iter().map(|d| counters.counted(d.name, self.count)).collect();
        let total: u64 = counted.iter().sum();
        let ratios: Vec<f64> = self.domains.iter().map(|d| d.ratio).collect();
        let weights = if total < self.warmup {
            ratios
        } else {
            let columns = self.columns(counters, progress, &vec![0.0; self.domains.len()])?;
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let mut scratch = Scratch::new();
            scratch.restore_states(counters.mix.averages.clone());
            self.weight.evaluate(self.domains.len(), &columns, &mut scratch);
            scratch.output(0).to_vec()
        };
        normalised(weights)
            .ok_or_else(|| RunError::BadWeights { domains: self.domains.iter().map(|d| d.name.to_string()).collect() })
    }

    /// The domain of the next group, a position in [`Sampler::domains`]; `waiting` are groups that were kept and not yet counted as
    /// trained, `address` is (seed, stage, number of the draw).
    pub fn next(
        &self,
        counters: &mut Counters,
        waiting: &deficit::Waiting<'_>,
        progress: f64,
        address: (u64, u32, u64),
    ) -> Result<usize, RunError> {
        match self.strategy {
            MixStrategy::Weight => {
                let (seed, stage, draw) = address;
                Ok(Self::domain(&self.in_force(counters, progress)?, seed, stage, draw))
            }
            MixStrategy::Deficit => {
                let targets: Vec<(&str, f64)> = self.domains.iter().map(|d| (d.name, d.ratio)).collect();
                Ok(deficit::furthest_behind(&targets, self.count, self.group_size, counters, waiting))
            }
        }
    }

    /// The domain of a draw at random, a position in [`Sampler::domains`].
    pub fn domain(probabilities: &[f64], seed: u64, stage: u32, draw: u64) -> usize {
        let mut left = Stream::new(seed, Purpose::Domain, stage, draw as u32, 0).uniform(0);
        let last = probabilities.iter().rposition(|p| *p > 0.0).unwrap_or(0);
        for (idx, probability) in probabilities.iter().enumerate() {
            if left < *probability {
                return idx;
            }
            left -= probability;
        }
        last
    }

    /// The inputs of the weight formula, a row per domain each; `present` is 1 for a domain of the batch that is taken in.
    fn columns(&self, counters: &Counters, progress: f64, present: &[f64]) -> Result<Vec<Vec<f64>>, RunError> {
        let column = |name: &String| self.column(name, counters, progress, present);
        self.weight.inputs().iter().map(column).collect()
    }

    /// The values of one domain signal, a row per domain.
    fn column(&self, name: &str, counters: &Counters, progress: f64, present: &[f64]) -> Result<Vec<f64>, RunError> {
        let counted: Vec<u64> = self.domains.iter().map(|d| counters.counted(d.name, self.count)).collect();
        let total: u64 = counted.iter().sum();
        let rollouts = |point| {
            let count = Count { at: point, of: recipec_compiler::settings::CountUnit::Rollouts };
            self.domains.iter().map(|d| counters.counted(d.name, count) as f64).collect::<Vec<_>>()
        };
        Ok(match name {
            "ratio" => self.domains.iter().map(|d| d.ratio).collect(),
            "achieved" => counted.iter().map(|n| if total == 0 { 0.0 } else { *n as f64 / total as f64 }).collect(),
            "sampled" => rollouts(CountPoint::Sampled),
            "completed" => rollouts(CountPoint::Completed),
            "trained" => rollouts(CountPoint::Trained),
            // Rollouts and training take turns: when a domain is drawn, everything drawn before has returned, but for this batch.
            "in_flight" => {
                let counts = |d: &DomainState<'_>| counters.domains.get(d.name).copied().unwrap_or_default();
                let groups = |d| counts(d).sampled.groups.saturating_sub(counts(d).completed.groups);
                self.domains.iter().map(|d| (groups(d) * self.group_size) as f64).collect()
            }
            "yield" => {
                let (completed, trained) = (rollouts(CountPoint::Completed), rollouts(CountPoint::Trained));
                completed.iter().zip(&trained).map(|(c, t)| if *c == 0.0 { 1.0 } else { t / c }).collect()
            }
            "step" => vec![counters.step as f64; self.domains.len()],
            "progress" => vec![progress; self.domains.len()],
            PRESENT => present.to_vec(),
            _ => counters
                .mix
                .column(name, self.domains.iter().map(|d| d.name))
                .ok_or_else(|| RunError::MissingSignal { node: "sampler".into(), signal: name.into() })?,
        })
    }

    /// Whether every input of the weight formula can be given: asked before the first step.
    pub fn check(&self) -> Result<(), RunError> {
        self.columns(&Counters::default(), 0.0, &vec![0.0; self.domains.len()]).map(|_| ())
    }
}

/// Weights to probabilities; none when they are negative, not finite or all zero.
fn normalised(mut weights: Vec<f64>) -> Option<Vec<f64>> {
    let total: f64 = weights.iter().sum();
    if !total.is_finite() || total <= 0.0 || weights.iter().any(|w| *w < 0.0) {
        return None;
    }
    for weight in &mut weights {
        *weight /= total;
    }
    Some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_are_no_weights_are_refused() {
        assert_eq!(normalised(vec![1.0, 3.0]), Some(vec![0.25, 0.75]));
        assert_eq!(normalised(vec![0.0, 0.0]), None);
        assert_eq!(normalised(vec![1.0, -0.5]), None);
        assert_eq!(normalised(vec![f64::NAN, 1.0]), None);
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let probabilities = [0.4, 0.25, 0.15, 0.1, 0.1];
        let mut seen = [0u32; 5];
        for draw in 0..20_000 {
            seen[Sampler::domain(&probabilities, 7, 0, draw)] += 1;
        }
        for (count, probability) in seen.iter().zip(probabilities) {
            // Four standard errors of a share of 20,000 draws are below 0.014.
            assert!((f64::from(*count) / 20_000.0 - probability).abs() < 0.014, "{seen:?}");
        }
    }
}
