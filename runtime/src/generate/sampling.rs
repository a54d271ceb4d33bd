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

/// Buffers of a thread that samples, kept between tokens.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    shifted: Vec<f32>,
    keys: Vec<u64>,
    kept: Vec<f32>,
}

/// Below this, logits over the temperature leave the range of 32 bits.
const LEAST_TEMPERATURE: f64 = 1e-6;

/// Why sampling settings cannot be used; none when they can.
pub fn problem(sampling: &Sampling) -> Option<String> {
    let Sampling { temperature, top_p, min_p, .. } = sampling;
    if !(temperature.is_finite() && *temperature >= 0.0) {
        return Some(format!("temperature {temperature} must be finite and not negative"));
    }
    if *temperature > 0.0 && *temperature < LEAST_TEMPERATURE {
        return Some(format!(
            "temperature {temperature} is too small to divide by; 0 takes the most likely token, and else it is at least {LEAST_TEMPERATURE}"
        ));
    }
    if !(*top_p > 0.0 && *top_p <= 1.0) {
        return Some(format!("top_p {top_p} must be above 0 and at most 1"));
    }
    if !(0.0..=1.0).contains(min_p) {
        return Some(format!("min_p {min_p} must be in 0..1"));
    }
    None
}

/// The token at `position` of a response. The logits are overwritten. None when they are not finite.
///
/// The first token in order of ids whose cumulative probability passes `uniform(position)` is taken. Tokens are
/// kept by top-k first, then by top-p among those, then by min-p; of equally likely ones the lower id goes first.
/// Temperature 0 takes the most likely token; its `logp_behavior` is then that at temperature 1, and
/// `logp_sampled` is 0.
pub(crate) fn sample(
    stream: &Stream,
    sampling: &Sampling,
    logits: &mut [f32],
    position: u32,
    scratch: &mut Scratch,
) -> Option<Sampled> {
    let Sampling { temperature, top_p, top_k, min_p } = *sampling;
    let greedy = temperature == 0.0;
    let inverse = if greedy { 1.0 } else { (1.0 / temperature) as f32 };
    let Scratch { shifted, keys, kept } = scratch;
    shifted.resize(logits.len(), 0.0);
    let total = one_row(logits, shifted, inverse);
    if !total.is_finite() {
        return None;
    }
    let weights = &*logits;
    let log_total = log_of(total);
    let sampled = |token: usize, kept: f32| {
        let shifted = shifted.get(token)?;
        let log_kept = if kept == total { log_total } else { log_of(kept) };
        Some(Sampled { token: token as u32, logp_behavior: shifted - log_total, logp_sampled: shifted - log_kept })
    };
    if greedy {
        // Compared before the exponential, where different logits stay different.
        let best = shifted.iter().position(|shifted| *shifted == 0.0)?;
        return sampled(best, total).map(|sampled| Sampled { logp_sampled: 0.0, ..sampled });
    }
    let uniform = stream.uniform(position);
    let by_k = top_k > 0 && (top_k as usize) < weights.len();
    if top_p >= 1.0 && min_p <= 0.0 && !by_k {
        return sampled(draw(weights, uniform)?, total);
    }
    if by_k || top_p < 1.0 {
        most_likely(weights, by_k.then_some(top_k as usize), top_p, keys);
        keys.retain(|key| f64::from(weight_of(*key)) >= min_p);
        // Back into the order of ids.
        for key in keys.iter_mut() {
            *key &= u64::from(u32::MAX);
        }
        keys.sort_unstable();
    } else {
        keys.clear();
        // The most likely token has weight e^0 = 1.
        let likely = weights.iter().enumerate().filter(|(_, weight)| f64::from(**weight) >= min_p);
        keys.extend(likely.map(|(token, _)| token as u64));
    }
    kept.clear();
    kept.extend(keys.iter().filter_map(|token| weights.get(*token as usize)));
    let mass = whole(kept) as f32;
    let token = *keys.get(draw(kept, uniform)?)?;
    sampled(token as usize, mass)
}

/// A number that sorts by falling weight, then by rising id. Weights are not negative, so their bits sort as they do.
fn key(token: usize, weight: f32) -> u64 {
    u64::from(!weight.to_bits()) << 32 | token as u64
}

fn weight_of(key: u64) -> f32 {
    f32::from_bits(!((key >> 32) as u32))
}

/// Leaves in `keys` the tokens that top-k and then top-p keep. Sorting a whole vocabulary for the few tokens that stay would
/// cost more than computing them, so only what is looked at is put into order.
fn most_likely(weights: &[f32], top_k: Option<usize>, top_p: f64, keys: &mut Vec<u64>) {
    keys.clear();
    keys.extend(weights.iter().enumerate().map(|(token, weight)| key(token, *weight)));
    if let Some(top_k) = top_k.filter(|top_k| (1..keys.len()).contains(top_k)) {
        keys.select_nth_unstable(top_k - 1);
        keys.truncate(top_k);
    }
    if top_p >= 1.0 {
        return;
    }
    // The mass of what is left, in the order of ids, so that it does not depend on how the selection moved things about.
    let mass = if keys.len() == weights.len() {
        whole(weights)
    } else {
        keys.sort_unstable();
        keys.iter().map(|key| f64::from(weight_of(*key))).sum()
    };
    let goal = top_p * mass;
    let (mut sum, mut ordered) = (0.0, 0);
    while ordered < keys.len() {
        let next = (8 * ordered).clamp(64, keys.len().max(64)).min(keys.len());
        let rest = &mut keys[ordered..];
        if next - ordered < rest.len() {
            rest.select_nth_unstable(next - ordered - 1);
        }
        rest[..next - ordered].sort_unstable();
        for at in ordered..next {
            sum += f64::from(weight_of(keys[at]));
            if sum >= goal {
                keys.truncate(at + 1);
                return;
            }
        }
        ordered = next;
    }
}

/// Tokens whose sum is taken at once when a token is looked for.
const STRETCH: usize = 256;

/// A sum in f64 in the order of the promise of [`draw`].
fn whole(weights: &[f32]) -> f64 {
    weights.chunks(STRETCH).map(stretch).sum()
}

/// A short sum over eight interleaved partial sums, so that one addition does not wait for the one before.
fn stretch(weights: &[f32]) -> f64 {
    let mut partial = [0f64; 8];
    let (blocks, rest) = weights.as_chunks::<8>();
    for block in blocks {
        for (sum, weight) in partial.iter_mut().zip(block) {
            *sum += f64::from(*weight);
        }
    }
    for (sum, weight) in partial.iter_mut().zip(rest) {
        *sum += f64::from(*weight);
    }
    let [a, b, c, d, e, f, g, h] = partial;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// The first index at which the running sum passes `uniform` times the whole, in f64: whole stretches first, then one by one
/// within the stretch that passes.
fn draw(weights: &[f32], uniform: f64) -> Option<usize> {
    let goal = uniform * whole(weights);
    let mut before = 0.0;
    for (number, part) in weights.chunks(STRETCH).enumerate() {
        let after = before + stretch(part);
        if after > goal {
            let mut sum = before;
            let passed = part.iter().position(|weight| {
                sum += f64::from(*weight);
                sum > goal
            });
            // Added one by one the stretch can round below what it is as a whole; then its last possible token is meant.
            let token = passed.or_else(|| part.iter().rposition(|weight| *weight > 0.0))?;
            return Some(number * STRETCH + token);
        }
        before = after;
    }
    // The product can round up to the whole; then the last possible token is meant.
    weights.iter().rposition(|weight| *weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    const LOGITS: [f32; 5] = [0.0, 2.0, 1.0, -1.0, 2.0];

    fn counts(sampling: Sampling) -> ([usize; 5], Vec<Sampled>) {
        let (stream, mut scratch) = (Stream::new(1, Purpose::Other, 0, 0, 0), Scratch::default());
        let mut draw = |at| sample(&stream, &sampling, &mut LOGITS.clone(), at, &mut scratch).unwrap();
        let drawn: Vec<Sampled> = (0..4000).map(&mut draw).collect();
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
        let stream = Stream::new(1, Purpose::Other, 0, 0, 0);
        for bad in [f32::NAN, f32::INFINITY] {
            let (plain, scratch) = (sampling(1.0, 1.0, 0, 0.0), &mut Scratch::default());
            assert_eq!(sample(&stream, &plain, &mut [0.0, bad, 1.0], 0, scratch), None);
        }
        for (settings, word) in [
            (sampling(-1.0, 1.0, 0, 0.0), "temperature"),
            (sampling(f64::NAN, 1.0, 0, 0.0), "temperature"),
            (sampling(1e-300, 1.0, 0, 0.0), "too small"),
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

    /// What top-k, top-p and min-p keep, by sorting everything: the definition that the selection must agree with. (kept ids
    /// in order, their mass)
    fn by_sorting(weights: &[f32], sampling: &Sampling) -> Vec<u64> {
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]).then(a.cmp(b)));
        if sampling.top_k > 0 {
            order.truncate(sampling.top_k as usize);
        }
        let mass: f64 = order.iter().map(|token| f64::from(weights[*token])).sum();
        let mut sum = 0.0;
        let reached = order.iter().position(|token| {
            sum += f64::from(weights[*token]);
            sum >= sampling.top_p * mass
        });
        if sampling.top_p < 1.0 {
            order.truncate(reached.map_or(order.len(), |at| at + 1));
        }
        order.retain(|token| f64::from(weights[*token]) >= sampling.min_p);
        order.sort_unstable();
        order.into_iter().map(|token| token as u64).collect()
    }

    #[test]
    fn large_vocabularies_keep_what_sorting_keeps() {
        let stream = Stream::new(8, Purpose::Other, 0, 0, 0);
        let mut scratch = Scratch::default();
        for (case, vocab) in [3usize, 64, 65, 700, 5_000, 151_936].into_iter().enumerate() {
            for (spread, steps) in [(0.0, 1.0), (0.1, 64.0), (3.0, 64.0), (8.0, 4.0)] {
                // Rounded logits, so that many tokens are equally likely.
                let logits: Vec<f32> = (0..vocab)
                    .map(|at| {
                        let z = spread * stream.normal((case * 1_000_000 + at) as u32);
                        (libm::round(z * steps) / steps) as f32
                    })
                    .collect();
                for sampling in [
                    sampling(1.0, 1.0, 1, 0.0),
                    sampling(1.0, 1.0, 50, 0.0),
                    sampling(0.7, 0.9, 0, 0.0),
                    sampling(1.3, 0.5, 40, 0.01),
                    sampling(1.0, 0.999, vocab as u32, 0.0),
                    sampling(1.0, 1.0, 0, 0.2),
                    sampling(1.0, 1e-9, 0, 0.0),
                ] {
                    let mut row = logits.clone();
                    let drawn = sample(&stream, &sampling, &mut row, 5, &mut scratch).unwrap();
                    let all = sampling.top_k as usize >= vocab && sampling.top_p >= 1.0;
                    if all {
                        assert_eq!(drawn.logp_sampled, drawn.logp_behavior);
                        continue;
                    }
                    assert_eq!(
                        scratch.keys,
                        by_sorting(&row, &sampling),
                        "{vocab} tokens, spread {spread}: {sampling:?}"
                    );
                    let mass: f64 = scratch.keys.iter().map(|token| f64::from(row[*token as usize])).sum();
                    let share = f64::from(row[drawn.token as usize]) / mass;
                    assert!((f64::from(drawn.logp_sampled) - libm::log(share)).abs() < 1e-5);
                    assert!(scratch.keys.contains(&u64::from(drawn.token)));
                }
            }
        }
    }

    #[test]
    fn a_large_vocabulary_is_drawn_by_its_running_sum() {
        let stream = Stream::new(9, Purpose::Other, 0, 0, 0);
        let weights: Vec<f32> = (0..49_152).map(|at| libm::exp(2.0 * stream.normal(at)) as f32).collect();
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        for at in 0..500 {
            let uniform = stream.uniform(1_000_000 + at);
            let token = draw(&weights, uniform).unwrap();
            let before: f64 = weights[..token].iter().map(|weight| f64::from(*weight)).sum();
            let after = before + f64::from(weights[token]);
            assert!(before - 1e-9 * total <= uniform * total && uniform * total <= after + 1e-9 * total);
        }
    }
}
