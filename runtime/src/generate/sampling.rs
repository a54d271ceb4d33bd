//! One token from a row of logits and a random number by address.

use crate::kernels::logprob::{log_of, one_row};
use crate::rng::Stream;
use recipec_compiler::settings::Sampling;

/// A sampled token with its log-probabilities in nats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampled {
    pub token: u32,
    /// Before top-p, top-k and min-p.
    pub logp_behavior: f32,
    /// After them.
    pub logp_sampled: f32,
}

/// Draws the tokens of one rollout.
#[derive(Debug)]
pub(crate) struct Sampler {
    stream: Stream,
    sampling: Sampling,
    shifted: Vec<f32>,
    order: Vec<u32>,
}

/// Why sampling settings cannot be used; none when they can.
pub(crate) fn problem(sampling: &Sampling) -> Option<String> {
    let Sampling { temperature, top_p, min_p, .. } = sampling;
    if !(temperature.is_finite() && *temperature >= 0.0) {
        return Some(format!("temperature {temperature} must be finite and not negative"));
    }
    if !(*top_p > 0.0 && *top_p <= 1.0) {
        return Some(format!("top_p {top_p} must be above 0 and at most 1"));
    }
    if !(0.0..=1.0).contains(min_p) {
        return Some(format!("min_p {min_p} must be in 0..1"));
    }
    None
}

impl Sampler {
    pub(crate) fn new(stream: Stream, sampling: &Sampling) -> Self {
        Self { stream, sampling: sampling.clone(), shifted: Vec::new(), order: Vec::new() }
    }

    /// The token at `position` of the response. The logits are overwritten. None when they are not finite.
    ///
    /// The first token in order of ids whose cumulative probability passes `uniform(position)` is taken. Tokens are
    /// kept by top-k first, then by top-p among those, then by min-p; of equally likely ones the lower id goes first.
    /// Temperature 0 takes the most likely token; its `logp_behavior` is then that at temperature 1, and
    /// `logp_sampled` is 0.
    pub(crate) fn sample(&mut self, logits: &mut [f32], position: u32) -> Option<Sampled> {
        let Sampling { temperature, top_p, top_k, min_p } = self.sampling;
        let greedy = temperature == 0.0;
        let inverse = if greedy { 1.0 } else { (1.0 / temperature) as f32 };
        self.shifted.resize(logits.len(), 0.0);
        let total = one_row(logits, &mut self.shifted, inverse);
        if !total.is_finite() {
            return None;
        }
        let weights = &*logits;
        let log_total = log_of(total);
        let sampled = |token: usize, kept: f32| {
            let shifted = self.shifted.get(token)?;
            let log_kept = if kept == total { log_total } else { log_of(kept) };
            Some(Sampled { token: token as u32, logp_behavior: shifted - log_total, logp_sampled: shifted - log_kept })
        };
        if greedy {
            // Compared before the exponential, where different logits stay different.
            let best = self.shifted.iter().position(|shifted| *shifted == 0.0)?;
            return sampled(best, total).map(|sampled| Sampled { logp_sampled: 0.0, ..sampled });
        }
        let uniform = self.stream.uniform(position);
        let all = top_p >= 1.0 && min_p <= 0.0 && (top_k == 0 || top_k as usize >= weights.len());
        if all {
            return sampled(draw(weights, uniform)?, total);
        }
        let order = &mut self.order;
        order.clear();
        order.extend(0..weights.len() as u32);
        let weight = |token: u32| weights.get(token as usize).copied().unwrap_or(0.0);
        order.sort_by(|a, b| weight(*b).total_cmp(&weight(*a)).then(a.cmp(b)));
        if top_k > 0 {
            order.truncate(top_k as usize);
        }
        if top_p < 1.0 {
            let goal = top_p * order.iter().map(|token| f64::from(weight(*token))).sum::<f64>();
            let mut sum = 0.0;
            let reached = order.iter().position(|token| {
                sum += f64::from(weight(*token));
                sum >= goal
            });
            order.truncate(reached.map_or(order.len(), |at| at + 1));
        }
        // The most likely token has weight e^0 = 1.
        order.retain(|token| f64::from(weight(*token)) >= min_p);
        order.sort_unstable();
        let kept: Vec<f32> = order.iter().map(|token| weight(*token)).collect();
        let sum = kept.iter().map(|weight| f64::from(*weight)).sum::<f64>() as f32;
        let token = *order.get(draw(&kept, uniform)?)?;
        sampled(token as usize, sum)
    }
}

/// The first index at which the running sum passes `uniform` times the whole, in f64 and in order.
fn draw(weights: &[f32], uniform: f64) -> Option<usize> {
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let goal = uniform * total;
    let mut sum = 0.0;
    let passed = weights.iter().position(|weight| {
        sum += f64::from(*weight);
        sum > goal
    });
    // The product can round up to the whole; then the last possible token is meant.
    passed.or_else(|| weights.iter().rposition(|weight| *weight > 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    const LOGITS: [f32; 5] = [0.0, 2.0, 1.0, -1.0, 2.0];

    fn counts(sampling: Sampling) -> ([usize; 5], Vec<Sampled>) {
        let mut sampler = Sampler::new(Stream::new(1, Purpose::Other, 0, 0, 0), &sampling);
        let drawn: Vec<Sampled> = (0..4000).map(|at| sampler.sample(&mut LOGITS.clone(), at).unwrap()).collect();
        let mut counts = [0; 5];
        for sampled in &drawn {
            counts[sampled.token as usize] += 1;
        }
        (counts, drawn)
    }

    fn sampling(temperature: f64, top_p: f64, top_k: u32, min_p: f64) -> Sampling {
        Sampling { temperature, top_p, top_k, min_p }
    }

    #[test]
    fn frequencies_follow_the_probabilities() {
        for temperature in [1.0, 0.5, 2.0] {
            let (counts, drawn) = counts(sampling(temperature, 1.0, 0, 0.0));
            let weights = LOGITS.map(|z| libm::exp(f64::from(z) / temperature));
            let total: f64 = weights.iter().sum();
            for (token, count) in counts.into_iter().enumerate() {
                let p = weights[token] / total;
                // Four standard errors of a count of 4000.
                let error = 4.0 * libm::sqrt(4000.0 * p * (1.0 - p));
                assert!((count as f64 - 4000.0 * p).abs() < error, "{token}: {count}, expected {}", 4000.0 * p);
            }
            for sampled in drawn {
                let exact = libm::log(weights[sampled.token as usize] / total);
                assert!((f64::from(sampled.logp_behavior) - exact).abs() < 1e-6);
                assert_eq!(sampled.logp_behavior.to_bits(), sampled.logp_sampled.to_bits());
            }
        }
    }

    #[test]
    fn filters_keep_what_they_promise() {
        // Probabilities at temperature 1: 0.0530, 0.3917, 0.1441, 0.0195, 0.3917 (weights 1, 7.389, 2.718, 0.368, 7.389 over 18.864).
        let kept = |sampling| {
            let (counts, drawn) = counts(sampling);
            let mass: f64 = drawn
                .iter()
                .map(|s| f64::from(s.logp_behavior - s.logp_sampled))
                .fold(0.0, |largest: f64, x| largest.max(libm::exp(x)));
            (counts.map(|count| count > 0), mass)
        };
        let check = |sampling, tokens: [bool; 5], mass: f64| {
            let (found, found_mass) = kept(sampling);
            assert_eq!(found, tokens);
            assert!((found_mass - mass).abs() < 2e-3, "{found_mass}");
        };
        check(sampling(1.0, 1.0, 1, 0.0), [false, true, false, false, false], 0.3917);
        check(sampling(1.0, 1.0, 3, 0.0), [false, true, true, false, true], 0.9275);
        check(sampling(1.0, 0.3, 0, 0.0), [false, true, false, false, false], 0.3917);
        check(sampling(1.0, 0.76, 0, 0.0), [false, true, false, false, true], 0.7834);
        check(sampling(1.0, 1.0, 0, 0.3), [false, true, true, false, true], 0.9275);
    }

    #[test]
    fn temperature_zero_is_greedy() {
        let (counts, drawn) = counts(sampling(0.0, 0.9, 3, 0.1));
        assert_eq!(counts, [0, 4000, 0, 0, 0]);
        assert_eq!(drawn[0].logp_sampled, 0.0);
        assert!((f64::from(drawn[0].logp_behavior) - libm::log(0.39169)).abs() < 1e-4);
    }

    #[test]
    fn broken_logits_and_settings_are_noticed() {
        let mut sampler = Sampler::new(Stream::new(1, Purpose::Other, 0, 0, 0), &sampling(1.0, 1.0, 0, 0.0));
        for bad in [f32::NAN, f32::INFINITY] {
            assert_eq!(sampler.sample(&mut [0.0, bad, 1.0], 0), None);
        }
        for (settings, word) in [
            (sampling(-1.0, 1.0, 0, 0.0), "temperature"),
            (sampling(f64::NAN, 1.0, 0, 0.0), "temperature"),
            (sampling(1.0, 0.0, 0, 0.0), "top_p"),
            (sampling(1.0, 1.0, 0, 2.0), "min_p"),
        ] {
            assert!(problem(&settings).unwrap().contains(word));
        }
        assert_eq!(problem(&sampling(0.0, 1.0, 0, 0.0)), None);
    }

    #[test]
    fn the_ends_of_the_unit_interval_find_a_token() {
        assert_eq!(draw(&[0.0, 1.0, 0.0], 0.0), Some(1));
        assert_eq!(draw(&[0.0, 1.0, 0.0], 1.0), Some(1));
        assert_eq!(draw(&[], 0.5), None);
    }
}
