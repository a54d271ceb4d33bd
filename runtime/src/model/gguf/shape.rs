//! The shape of a decoder from the metadata and the names of tensors of a GGUF file.

use super::metadata::Metadata;
use crate::model::ModelError;
use crate::model::config::{Family, MOST_LAYERS};
use crate::policy::shape::{AttentionBias, Rope, RopeScaling, Shape};
use std::collections::BTreeMap;

/// Reads the shape. `factors` are those on the rotary frequencies, where the file has them.
pub(super) fn read(
    metadata: &Metadata<'_>,
    tensors: &BTreeMap<String, Vec<usize>>,
    factors: Option<&[f32]>,
) -> Result<(Family, Shape), ModelError> {
    const ARCHITECTURE: &str = "general.architecture";
    let name = metadata.text(ARCHITECTURE)?.ok_or_else(|| metadata.bad(ARCHITECTURE, "it is missing"))?;
    let family = match name {
        "llama" => Family::Llama,
        "qwen2" => Family::Qwen2,
        "qwen3" => Family::Qwen3,
        other => {
            let why = format!("`{other}`: this architecture is not read; known are llama, qwen2, qwen3");
            return Err(metadata.bad(ARCHITECTURE, why));
        }
    };
    let key = |part: &str| format!("{name}.{part}");
    if metadata.whole(&key("expert_count"))?.is_some_and(|experts| experts > 0) {
        return Err(metadata.bad(&key("expert_count"), "mixtures of experts are not read"));
    }
    let width = metadata.size(&key("embedding_length"))?;
    let heads = metadata.size(&key("attention.head_count"))?;
    let kv_heads = if metadata.has(&key("attention.head_count_kv")) {
        metadata.size(&key("attention.head_count_kv"))?
    } else {
        heads
    };
    let head_width = if metadata.has(&key("attention.key_length")) {
        metadata.size(&key("attention.key_length"))?
    } else {
        width / heads
    };
    for (part, what) in [("attention.value_length", "values"), ("rope.dimension_count", "turning parts")] {
        let found = metadata.whole(&key(part))?;
        if let Some(found) = found.filter(|found| *found != head_width as u64) {
            let why = format!("{what} of width {found} in heads of width {head_width} are not read");
            return Err(metadata.bad(&key(part), why));
        }
    }
    let layers = metadata.size(&key("block_count"))?;
    if layers > MOST_LAYERS {
        return Err(metadata.bad(&key("block_count"), format!("{layers} layers are more than any model has")));
    }
    let has = |tensor: &str| tensors.contains_key(tensor);
    let attention_bias = match (has("blk.0.attn_q.bias"), has("blk.0.attn_output.bias")) {
        (false, false) => AttentionBias::None,
        (true, false) => AttentionBias::Qkv,
        (_, true) => AttentionBias::All,
    };
    let max_positions = metadata.size(&key("context_length"))?;
    let norm = key("attention.layer_norm_rms_epsilon");
    let norm_eps = metadata.number(&norm)?.ok_or_else(|| metadata.bad(&norm, "it is missing"))?;
    let embedding = tensors.get("token_embd.weight").and_then(|sizes| sizes.first());
    let vocab = *embedding.ok_or_else(|| ModelError::tensor(metadata.path, "token_embd.weight", "it is missing"))?;
    let theta = metadata.number(&key("rope.freq_base"))?.unwrap_or(10_000.0);
    let scaling = scaling(metadata, name, factors, (head_width, theta, max_positions))?;
    let windows = match metadata.whole(&key("attention.sliding_window"))?.and_then(|w| usize::try_from(w).ok()) {
        Some(window) if window > 0 && family == Family::Llama => vec![Some(window); layers],
        Some(window) if window > 0 => {
            let why = "which of the layers slide is not written in such a file; take the safetensors checkpoint";
            return Err(metadata.bad(&key("attention.sliding_window"), why));
        }
        _ => Vec::new(),
    };
    let shape = Shape {
        width,
        layers,
        heads,
        kv_heads,
        head_width,
        hidden: metadata.size(&key("feed_forward_length"))?,
        vocab,
        tied: !has("output.weight"),
        norm_eps,
        rope: Rope { theta, scaling },
        attention_bias,
        mlp_bias: has("blk.0.ffn_gate.bias"),
        qk_norm: has("blk.0.attn_q_norm.weight"),
        windows,
        max_positions,
    };
    Ok((family, shape))
}

fn scaling(
    metadata: &Metadata<'_>,
    name: &str,
    factors: Option<&[f32]>,
    (head_width, theta, max_positions): (usize, f64, usize),
) -> Result<RopeScaling, ModelError> {
    let key = |part: &str| format!("{name}.rope.scaling.{part}");
    let factor = metadata.number(&key("factor"))?.unwrap_or(1.0);
    let original = match metadata.number(&key("original_context_length"))? {
        Some(original) => original,
        None => max_positions as f64,
    };
    let kind = metadata.text(&key("type"))?.unwrap_or(if factor == 1.0 { "none" } else { "linear" });
    let by_key = match kind {
        "none" => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor },
        "yarn" => {
            let number =
                |part: &str, default: f64| Ok::<_, ModelError>(metadata.number(&key(part))?.unwrap_or(default));
            // llama.cpp multiplies the paper's factor by the one that is written.
            let attention =
                number("attn_factor", 1.0)? * if factor > 1.0 { 0.1 * libm::log(factor) + 1.0 } else { 1.0 };
            RopeScaling::Yarn {
                factor,
                slow: number("yarn_beta_slow", 1.0)?,
                fast: number("yarn_beta_fast", 32.0)?,
                original,
                attention,
                truncate: true,
            }
        }
        other => return Err(metadata.bad(&key("type"), format!("`{other}` is not read; known are none, linear, yarn"))),
    };
    let Some(factors) = factors else { return Ok(by_key) };
    if by_key != RopeScaling::None {
        return Err(metadata.bad(&key("type"), format!("`{kind}` together with `{}` is not read", super::ROPE_FACTORS)));
    }
    let found = llama3(factors, head_width, theta);
    found.ok_or_else(|| {
        let why = "its factors are not those of Llama 3.1 to 3.3; take the safetensors checkpoint";
        ModelError::tensor(metadata.path, super::ROPE_FACTORS, why)
    })
}

/// The scaling of Llama 3.1 whose factors these are. A file has the factors and not what they were computed from; all published
/// checkpoints have the same bounds, and the largest factor is the scaling's.
fn llama3(factors: &[f32], head_width: usize, theta: f64) -> Option<RopeScaling> {
    if factors.len() != head_width / 2 {
        return None;
    }
    let factor = factors.iter().copied().fold(1.0f32, f32::max);
    let factor = f64::from(factor);
    let (low, high, original) = (1.0, 4.0, 8192.0);
    let close = factors.iter().enumerate().all(|(pair, given)| {
        let wave = 2.0 * std::f64::consts::PI * libm::pow(theta, 2.0 * pair as f64 / head_width as f64);
        let expected = if wave < original / high {
            1.0
        } else if wave > original / low {
            factor
        } else {
            let smooth = (original / wave - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        };
        (f64::from(*given) - expected).abs() <= 1e-4 * expected
    });
    (factor.is_finite() && close).then_some(RopeScaling::Llama3 { factor, low, high, original })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The factors that llama.cpp's converter writes for Llama 3.2 (factor 32, base 500,000, heads of 64), at a few pairs.
    #[test]
    fn factors_of_llama_3() {
        let (head_width, theta) = (64, 500_000.0);
        let factors: Vec<f32> = (0..32)
            .map(|pair| {
                let wave = 2.0 * std::f64::consts::PI * f64::powf(theta, 2.0 * f64::from(pair) / 64.0);
                match wave {
                    wave if wave < 2048.0 => 1.0,
                    wave if wave > 8192.0 => 32.0,
                    wave => {
                        let smooth = (8192.0 / wave - 1.0) / 3.0;
                        (1.0 / ((1.0 - smooth) / 32.0 + smooth)) as f32
                    }
                }
            })
            .collect();
        assert_eq!(factors[0], 1.0);
        assert_eq!(factors[31], 32.0);
        let expected = RopeScaling::Llama3 { factor: 32.0, low: 1.0, high: 4.0, original: 8192.0 };
        assert_eq!(llama3(&factors, head_width, theta), Some(expected));
        let mut other = factors.clone();
        other[16] *= 1.01;
        assert_eq!(llama3(&other, head_width, theta), None);
        assert_eq!(llama3(&factors[1..], head_width, theta), None);
    }
}
