//! What is maximised for a token or a sequence: clipped importance ratios, clipped weights that are not differentiated, or the
//! log-likelihood.
//!
//! With `d_t = logp_t - logp_behavior_t`, both at the sampling temperature, and the advantage `A` of the sequence:
//!
//! - one ratio per token, `r_t = exp(d_t)`, `J_t = min(r_t A, clip(r_t, 1 - low, 1 + high) A)`: GRPO (arXiv 2402.03300 eq. 3), Dr. GRPO
//!   (2503.20783), DAPO (2503.14476 eq. 8), REINFORCE++ (2501.03262);
//! - one ratio per sequence, `r = exp(mean_t d_t)`, `J_t = min(r A, clip(r) A)` for each of its tokens: GSPO (2507.18071 eq. 5 and 7);
//! - `J_t = sg(clip(r_t)) A logp_t`, where `sg` is not differentiated: CISPO (2506.13585 eq. 4 and 5);
//! - `J_t = A logp_t`: REINFORCE, of which RLOO (2402.14740) is the one with the leave-one-out baseline.
//!
//! At `logp = logp_behavior` all four have the same derivative `A` by every `logp_t`, up to the order in which a sequence shares it out.

use super::{Ratios, SequenceResult, SequenceTerms};
use crate::policy::gradient::SequenceLoss;
use recipec_compiler::settings::{RatioLevel, Surrogate};

/// Loss of one sequence, and its derivative by every log-probability.
pub fn sequence(surrogate: Surrogate, terms: &SequenceTerms<'_>) -> SequenceResult {
    match surrogate {
        Surrogate::Clipped { ratio: RatioLevel::Sequence, low, high } => sequence_ratio(terms, low, high),
        Surrogate::Clipped { ratio: RatioLevel::Token, low, high } => {
            tokens(terms, |d, _| Token::clipped(d, terms.advantage, low, high))
        }
        Surrogate::ClippedWeight { low, high } => {
            tokens(terms, |d, logp| Token::weighted(d, logp, terms.advantage, low, high))
        }
        Surrogate::LogLikelihood => {
            tokens(terms, |_, logp| Token { value: terms.advantage * logp, slope: terms.advantage, clipped: false })
        }
    }
}

/// What one token says.
struct Token {
    /// `J_t`
    value: f64,
    /// Its derivative by `logp_t`.
    slope: f64,
    clipped: bool,
}

impl Token {
    /// The minimum of the free and the clipped product (PPO, arXiv 1707.06347 eq. 7). It takes the clipped branch only where that is
    /// strictly smaller; there the ratio has no slope.
    fn clipped(difference: f64, advantage: f64, low: f64, high: f64) -> Self {
        let ratio = libm::exp(difference);
        let free = ratio * advantage;
        let held = ratio.clamp(1.0 - low, 1.0 + high) * advantage;
        let clipped = held < free;
        Self { value: free.min(held), slope: if clipped { 0.0 } else { free }, clipped }
    }

    /// A clipped weight on the log-likelihood. Every token keeps a gradient, clipped or not.
    fn weighted(difference: f64, logp: f64, advantage: f64, low: Option<f64>, high: f64) -> Self {
        let ratio = libm::exp(difference);
        let weight = ratio.clamp(low.map_or(0.0, |low| 1.0 - low), 1.0 + high);
        Self { value: weight * advantage * logp, slope: weight * advantage, clipped: weight != ratio }
    }
}

fn tokens(terms: &SequenceTerms<'_>, token: impl Fn(f64, f64) -> Token) -> SequenceResult {
    let mut ratios = Ratios { count: terms.logp.len(), ..Ratios::default() };
    let mut loss = SequenceLoss { d_logp: Vec::with_capacity(terms.logp.len()), ..SequenceLoss::default() };
    for (new, old) in terms.logp.iter().zip(terms.logp_behavior) {
        let (logp, difference) = (f64::from(*new), f64::from(*new) - f64::from(*old));
        let said = token(difference, logp);
        loss.loss -= terms.share * said.value;
        loss.d_logp.push((-terms.share * said.slope) as f32);
        ratios.clipped += usize::from(said.clipped);
        ratios.deviation += libm::fabs(libm::expm1(difference));
    }
    SequenceResult { loss, ratios, kl: 0.0 }
}

/// Each token has the value of its sequence, and a `1/n` of the ratio's slope.
fn sequence_ratio(terms: &SequenceTerms<'_>, low: f64, high: f64) -> SequenceResult {
    let n = terms.logp.len() as f64;
    let differences = terms.logp.iter().zip(terms.logp_behavior).map(|(new, old)| f64::from(*new) - f64::from(*old));
    let mean = differences.sum::<f64>() / n.max(1.0);
    let said = Token::clipped(mean, terms.advantage, low, high);
    SequenceResult {
        loss: SequenceLoss {
            loss: -terms.share * n * said.value,
            d_logp: vec![(-terms.share * said.slope) as f32; terms.logp.len()],
            d_entropy: Vec::new(),
        },
        ratios: Ratios { count: 1, clipped: usize::from(said.clipped), deviation: libm::fabs(libm::expm1(mean)) },
        kl: 0.0,
    }
}
