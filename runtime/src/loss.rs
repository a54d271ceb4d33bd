//! Policy objectives as pure functions of one sequence: loss, and its derivative by the log-probability and the entropy of every
//! token. The backward pass through the model starts from these derivatives.

pub mod gspo;
pub mod kl;

use crate::policy::gradient::SequenceLoss;
use recipec_compiler::settings::{Algorithm, Kl};

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
}

/// What an objective says of a sequence, with what the metrics want to know.
#[derive(Debug, Clone)]
pub struct SequenceResult {
    /// Loss and derivatives.
    pub loss: SequenceLoss,
    /// Importance ratio of the sequence.
    pub importance_ratio: f64,
    /// Whether clipping held back its gradient.
    pub clipped: bool,
    /// Estimated KL to the reference, summed over tokens.
    pub kl: f64,
}

/// The objective with its constants.
#[derive(Debug, Clone)]
pub struct Objective<'a> {
    /// Which.
    pub algorithm: &'a Algorithm,
    /// Term against a reference.
    pub kl: Option<&'a Kl>,
    /// Weight of the entropy bonus.
    pub entropy_coef: f64,
    /// Samples per batch that sums are divided by: the size in the recipe, so that a dropped group changes nothing for the others.
    pub batch_rollouts: f64,
}

impl Objective<'_> {
    /// Loss and derivatives of one sequence.
    pub fn sequence(&self, terms: &SequenceTerms<'_>) -> SequenceResult {
        let Algorithm::Gspo { clip_low, clip_high, weight, .. } = self.algorithm;
        let mut result = gspo::sequence(terms, *clip_low, *clip_high, *weight, self.batch_rollouts);
        let n = terms.logp.len() as f64;
        let share = gspo::sequence_weight(*weight, n) / (self.batch_rollouts * n);
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
