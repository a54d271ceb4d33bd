//! Policy objectives as pure functions of one sequence: loss, and its derivative by the log-probability and the entropy of every
//! token. The backward pass through the model starts from these derivatives.
//!
//! Every objective is three parts, each a few lines: what is maximised for a token ([`surrogate`]), what share of the loss a token has
//! ([`shares`]), and the terms that are added with the same shares: KL to a reference ([`kl`]) and entropy. The advantage comes from
//! [`crate::advantage`].
//!
//! `L = -sum_i sum_t share_i · J_it + coef · sum_i sum_t share_i · kl_it - entropy_coef · sum_i sum_t share_i · H_it`

pub mod kl;
pub mod shares;
pub mod surrogate;

#[cfg(test)]
mod fixture_tests;
#[cfg(test)]
mod tests;

use crate::policy::gradient::SequenceLoss;
use recipec_compiler::settings::{Kl, Surrogate};

/// A sequence as an objective sees it.
#[derive(Debug, Clone, Copy)]
pub struct SequenceTerms<'a> {
    /// log-probabilities under the policy being trained. (T)
    pub logp: &'a [f32],
    /// Entropies of the policy's distribution. (T), nat
    pub entropy: &'a [f32],
    /// log-probabilities under the weights that sampled. (T)
    pub logp_behavior: &'a [f32],
    /// log-probabilities under the reference policy, if the recipe asks for KL. (T)
    pub logp_reference: Option<&'a [f32]>,
    /// Advantage of the sequence.
    pub advantage: f64,
    /// What each of its tokens counts in the loss: see [`shares::token_shares`].
    pub share: f64,
}

/// What an objective says of a sequence, with what the metrics want to know.
#[derive(Debug, Clone)]
pub struct SequenceResult {
    /// Loss and derivatives.
    pub loss: SequenceLoss,
    /// Importance ratios.
    pub ratios: Ratios,
    /// Estimated KL to the reference, summed over tokens.
    pub kl: f64,
}

/// Importance ratios of a sequence: one, or one for each token.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ratios {
    /// How many.
    pub count: usize,
    /// How many of them the clip held back.
    pub clipped: usize,
    /// Their distances from 1, summed.
    pub deviation: f64,
}

/// The objective with its constants.
#[derive(Debug, Clone)]
pub struct Objective<'a> {
    /// What is maximised.
    pub surrogate: Surrogate,
    /// Term against a reference.
    pub kl: Option<&'a Kl>,
    /// Weight of the entropy bonus.
    pub entropy_coef: f64,
}

impl Objective<'_> {
    /// Loss and derivatives of one sequence.
    pub fn sequence(&self, terms: &SequenceTerms<'_>) -> SequenceResult {
        let mut result = surrogate::sequence(self.surrogate, terms);
        let share = terms.share;
        if let (Some(kl), Some(reference)) = (self.kl, terms.logp_reference) {
            for ((slot, logp), reference) in result.loss.d_logp.iter_mut().zip(terms.logp).zip(reference) {
                let (value, slope) = kl::estimate(kl.estimator, f64::from(*logp), f64::from(*reference));
                result.kl += value;
                result.loss.loss += kl.coef * share * value;
                *slot += (kl.coef * share * slope) as f32;
            }
        }
        if self.entropy_coef != 0.0 {
            let sum: f64 = terms.entropy.iter().map(|h| f64::from(*h)).sum();
            result.loss.loss -= self.entropy_coef * share * sum;
            result.loss.d_entropy = vec![(-self.entropy_coef * share) as f32; terms.entropy.len()];
        }
        result
    }
}
