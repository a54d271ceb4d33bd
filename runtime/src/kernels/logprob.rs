//! Log-probabilities and entropies from logits, by row of the vocabulary.

use super::exp::exp;
use super::{dot, max, sum, vectorised};

/// What one row of logits says about one token, at a temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowStatistics {
    /// Log-probability of the token, in nats.
    pub logp: f32,
    /// Entropy of the whole row, in nats.
    pub entropy: f32,
}

/// Turns a row of logits into `exp(z / temperature - max)` in place; `shifted`, of the same length, gets
/// `z / temperature - max`. Returns the sum of the row. Log-probabilities are `shifted[token] - log_of(sum)`.
#[inline(always)]
fn exponentials<S: pulp::Simd>(simd: S, logits: &mut [f32], shifted: &mut [f32], inverse_temperature: f32) -> f32 {
    for value in logits.iter_mut() {
        *value *= inverse_temperature;
    }
    let largest = max(simd, logits);
    for (value, shifted) in logits.iter_mut().zip(shifted.iter_mut()) {
        *shifted = *value - largest;
        *value = exp(*shifted);
    }
    sum(simd, logits)
}

/// The same for one row, as a call of its own.
pub(crate) fn one_row(logits: &mut [f32], shifted: &mut [f32], inverse_temperature: f32) -> f32 {
    vectorised!('a, simd, { logits: &'a mut [f32], shifted: &'a mut [f32], inverse_temperature: f32 } -> f32, {
        exponentials(simd, logits, shifted, inverse_temperature)
    })
}

/// The logarithm of a sum of exponentials.
#[inline(always)]
pub(crate) fn log_of(total: f32) -> f32 {
    libm::log(f64::from(total)) as f32
}

/// What a row says about `token`, and one over the sum, which makes the row into probabilities.
#[inline(always)]
fn row<S: pulp::Simd>(
    simd: S,
    logits: &mut [f32],
    shifted: &mut [f32],
    inverse_temperature: f32,
    token: usize,
) -> (RowStatistics, f32) {
    let total = exponentials(simd, logits, shifted, inverse_temperature);
    let inverse = 1.0 / total;
    let log_total = log_of(total);
    let mean = dot(simd, logits, shifted) * inverse;
    let logp = shifted.get(token).copied().unwrap_or(f32::NAN) - log_total;
    (RowStatistics { logp, entropy: log_total - mean }, inverse)
}

/// Log-probability of `tokens[i]` and entropy in row `i` of `logits` `(rows, vocab)`; the logits are overwritten by
/// unnormalised probabilities. A token outside the vocabulary gives not-a-number.
pub fn statistics(logits: &mut [f32], vocab: usize, temperature: f64, tokens: &[u32], out: &mut [RowStatistics]) {
    let inverse = (1.0 / temperature) as f32;
    let shifted = &mut vec![0f32; vocab][..];
    vectorised!('a, simd, { logits: &'a mut [f32], vocab: usize, inverse: f32, tokens: &'a [u32], out: &'a mut [RowStatistics], shifted: &'a mut [f32] } -> (), {
        for ((logits, token), out) in logits.chunks_exact_mut(vocab.max(1)).zip(tokens).zip(out)
        {
            *out = row(simd, logits, shifted, inverse, *token as usize).0;
        }
    });
}

/// Replaces `logits` by the derivative of `sum(d_logp * logp + d_entropy * entropy)` with respect to them.
/// `derivatives` holds `(d_logp, d_entropy)` by row.
pub fn backward(logits: &mut [f32], vocab: usize, temperature: f64, tokens: &[u32], derivatives: &[[f32; 2]]) {
    let inverse_temperature = (1.0 / temperature) as f32;
    let shifted = &mut vec![0f32; vocab][..];
    vectorised!('a, simd, { logits: &'a mut [f32], vocab: usize, inverse_temperature: f32, tokens: &'a [u32], derivatives: &'a [[f32; 2]], shifted: &'a mut [f32] } -> (), {
        for ((logits, token), [d_logp, d_entropy]) in logits
            .chunks_exact_mut(vocab.max(1))
            .zip(tokens)
            .zip(derivatives)
        {
            let (said, inverse) =
                row(simd, logits, shifted, inverse_temperature, *token as usize);
            let log_total =
                shifted.get(*token as usize).copied().unwrap_or(f32::NAN) - said.logp;
            // d logp / dz_j = [j = y] - p_j and d H / dz_j = -p_j (log p_j + H), both over the temperature.
            for (value, shifted) in logits.iter_mut().zip(&*shifted) {
                let p = *value * inverse;
                let from_entropy = d_entropy * (shifted - log_total + said.entropy);
                *value = -p * (d_logp + from_entropy) * inverse_temperature;
            }
            if let Some(value) = logits.get_mut(*token as usize) {
                *value += d_logp * inverse_temperature;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_definition() {
        // Oracle, in f64: p = softmax(z / T), logp = ln p_y, H = -sum p ln p.
        let logits = [0.5f32, -1.0, 2.0, 0.0, 3.5];
        let temperature = 0.7;
        let scaled: Vec<f64> = logits.iter().map(|z| f64::from(*z) / temperature).collect();
        let total: f64 = scaled.iter().map(|z| libm::exp(*z)).sum();
        let p: Vec<f64> = scaled.iter().map(|z| libm::exp(*z) / total).collect();
        let entropy: f64 = -p.iter().map(|p| p * libm::log(*p)).sum::<f64>();
        for token in 0..5u32 {
            let mut out = [RowStatistics { logp: 0.0, entropy: 0.0 }];
            statistics(&mut logits.clone(), 5, temperature, &[token], &mut out);
            assert!((f64::from(out[0].logp) - libm::log(p[token as usize])).abs() < 1e-6);
            assert!((f64::from(out[0].entropy) - entropy).abs() < 1e-6);
        }
    }

    #[test]
    fn derivative_agrees_with_differences() {
        let logits = [0.5f32, -1.0, 2.0, 0.0, 1.5];
        let (temperature, weights) = (1.3, [0.8f32, -0.6]);
        let value = |logits: &[f32]| {
            let mut out = [RowStatistics { logp: 0.0, entropy: 0.0 }];
            statistics(&mut logits.to_vec(), 5, temperature, &[3], &mut out);
            f64::from(weights[0] * out[0].logp + weights[1] * out[0].entropy)
        };
        let mut derivative = logits;
        backward(&mut derivative, 5, temperature, &[3], &[weights]);
        for at in 0..5 {
            let (mut up, mut down) = (logits, logits);
            up[at] += 1e-2;
            down[at] -= 1e-2;
            let difference = (value(&up) - value(&down)) / 2e-2;
            assert!((difference - f64::from(derivative[at])).abs() < 2e-4, "{at}: {difference} {}", derivative[at]);
        }
    }
}
