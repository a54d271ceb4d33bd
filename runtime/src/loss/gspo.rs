//! GSPO (arXiv 2507.18071): one importance ratio per sequence, the exponential of the mean difference of log-probabilities.
//!
//! `L = -(1/B) · Σ_i w_i · min(r_i A_i, clip(r_i, 1 - low, 1 + high) A_i)` with `w_i = 1` (equal) or `|y_i|` (length: the code base of
//! arXiv 2604.02007; not divided by the batch's tokens).

use super::{SequenceResult, SequenceTerms};
use crate::policy::gradient::SequenceLoss;
use recipec_compiler::settings::SequenceWeight;

/// How much a sequence of `n` tokens weighs.
pub fn sequence_weight(weight: SequenceWeight, n: f64) -> f64 {
    match weight {
        SequenceWeight::Equal => 1.0,
        SequenceWeight::Length => n,
    }
}

/// Loss of one sequence, and its derivative by every log-probability.
pub fn sequence(
    terms: &SequenceTerms<'_>,
    clip_low: f64,
    clip_high: f64,
    weight: SequenceWeight,
    batch_rollouts: f64,
) -> SequenceResult {
    let n = terms.logp.len() as f64;
    let differences = terms.logp.iter().zip(terms.logp_behavior).map(|(new, old)| f64::from(*new) - f64::from(*old));
    let ratio = libm::exp(differences.sum::<f64>() / n.max(1.0));
    let free = ratio * terms.advantage;
    let held = ratio.clamp(1.0 - clip_low, 1.0 + clip_high) * terms.advantage;
    // The minimum takes the clipped branch only where it is strictly smaller; there the ratio has no slope.
    let clipped = held < free;
    let share = sequence_weight(weight, n) / batch_rollouts;
    let slope = if clipped { 0.0 } else { -share * terms.advantage * ratio / n.max(1.0) };
    SequenceResult {
        loss: SequenceLoss {
            loss: -share * free.min(held),
            d_logp: vec![slope as f32; terms.logp.len()],
            d_entropy: Vec::new(),
        },
        importance_ratio: ratio,
        clipped,
        kl: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms<'a>(logp: &'a [f32], old: &'a [f32], advantage: f64) -> SequenceTerms<'a> {
        SequenceTerms { logp, entropy: &[], logp_behavior: old, logp_reference: None, advantage }
    }

    /// By hand: differences 0.1 and 0.3, mean 0.2, ratio e^0.2 = 1.221402758; A = 2, B = 4, no clipping at 0.5.
    /// equal: loss = -(1/4)·2·1.2214 = -0.610701; slope = -(1/4)·2·1.2214/2 = -0.305351. length: twice that.
    #[test]
    fn by_hand() {
        let (new, old) = ([-1.0, -0.5], [-1.1, -0.8]);
        let equal = sequence(&terms(&new, &old, 2.0), 0.5, 0.5, SequenceWeight::Equal, 4.0);
        assert!((equal.loss.loss + 0.610_701_4).abs() < 1e-6, "{}", equal.loss.loss);
        assert!((f64::from(equal.loss.d_logp[0]) + 0.305_350_7).abs() < 1e-6);
        let length = sequence(&terms(&new, &old, 2.0), 0.5, 0.5, SequenceWeight::Length, 4.0);
        assert!((length.loss.loss - 2.0 * equal.loss.loss).abs() < 1e-12);
    }

    /// A ratio above the range with a positive advantage is held back; with a negative one it is not (and the other way round below).
    #[test]
    fn clipping_is_pessimistic() {
        let (high, low, old) = ([0.0f32], [-2.0f32], [-1.0f32]);
        let clipped = |new, advantage| sequence(&terms(new, &old, advantage), 0.2, 0.28, SequenceWeight::Equal, 1.0);
        assert!(clipped(&high, 1.0).clipped && clipped(&high, 1.0).loss.d_logp[0] == 0.0);
        assert!((clipped(&high, 1.0).loss.loss + 1.28).abs() < 1e-12);
        assert!(!clipped(&high, -1.0).clipped);
        assert!(clipped(&low, -1.0).clipped);
        assert!(!clipped(&low, 1.0).clipped);
    }

    /// The derivative agrees with central differences of the loss.
    #[test]
    fn derivative_agrees_with_differences() {
        let old = [-1.1f32, -0.8, -2.0];
        let new = [-1.0f32, -0.9, -1.5];
        let result = sequence(&terms(&new, &old, -0.7), 0.5, 0.5, SequenceWeight::Length, 3.0);
        for at in 0..3 {
            let shifted = |by: f32| {
                let mut moved = new;
                moved[at] += by;
                sequence(&terms(&moved, &old, -0.7), 0.5, 0.5, SequenceWeight::Length, 3.0).loss.loss
            };
            let slope = (shifted(1e-3) - shifted(-1e-3)) / 2e-3;
            assert!((slope - f64::from(result.loss.d_logp[at])).abs() < 1e-3, "{slope} {:?}", result.loss.d_logp);
        }
    }

    /// On policy the ratio is exactly 1 and the gradient is that of REINFORCE.
    #[test]
    fn on_policy_is_reinforce() {
        let logp = [-0.3f32, -1.7];
        let result = sequence(&terms(&logp, &logp, 0.5), 3e-4, 4e-4, SequenceWeight::Length, 1.0);
        assert_eq!(result.importance_ratio, 1.0);
        assert!(!result.clipped);
        assert_eq!(result.loss.d_logp, vec![-0.5, -0.5]);
    }
}
