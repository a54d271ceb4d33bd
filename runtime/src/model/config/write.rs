//! `config.json` of a policy, so that other programs read its checkpoints.

use super::Family;
use crate::policy::shape::{AttentionBias, RopeScaling, Shape};
use serde_json::{Map, Value, json};

/// What is written where the longest sequence is not bounded.
const UNBOUNDED: usize = 2048;

/// The configuration of a shape, as the family that has all of its parts writes it. A mixture of parts that no family has (only a
/// damaged or hand-made shape) is an error that names it.
pub fn write(shape: &Shape) -> Result<Value, String> {
    let family = family(shape)?;
    let mut config = json!({
        "architectures": [family.class()],
        "model_type": family.name(),
        "hidden_size": shape.width,
        "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_width,
        "hidden_act": "silu",
        "rms_norm_eps": shape.norm_eps,
        "rope_theta": shape.rope.theta,
        "tie_word_embeddings": shape.tied,
        "max_position_embeddings": if shape.max_positions == usize::MAX { UNBOUNDED } else { shape.max_positions },
        "vocab_size": shape.vocab,
        "torch_dtype": "float32"
    });
    if let Value::Object(map) = &mut config {
        parts(shape, family, map)?;
    }
    Ok(config)
}

fn family(shape: &Shape) -> Result<Family, String> {
    let slides = shape.windows.iter().any(Option::is_some);
    let family = match (shape.qk_norm, shape.attention_bias) {
        (true, AttentionBias::None | AttentionBias::All) => Family::Qwen3,
        (true, AttentionBias::Qkv) => return Err("no family has norms of heads and biases of q, k and v alone".into()),
        (false, AttentionBias::Qkv) => Family::Qwen2,
        (false, AttentionBias::None) if slides => Family::Mistral,
        (false, AttentionBias::All) if slides => {
            return Err("no family has windows and biases of all projections".into());
        }
        (false, _) => Family::Llama,
    };
    if shape.mlp_bias && family != Family::Llama {
        return Err(format!("a {} decoder has no biases in its gated unit", family.name()));
    }
    if family == Family::Qwen2 && shape.head_width * shape.heads != shape.width {
        return Err("heads of a qwen2 decoder are together as wide as the model".into());
    }
    Ok(family)
}

fn parts(shape: &Shape, family: Family, map: &mut Map<String, Value>) -> Result<(), String> {
    let mut set = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    match family {
        Family::Llama => {
            set("attention_bias", (shape.attention_bias == AttentionBias::All).into());
            set("mlp_bias", shape.mlp_bias.into());
        }
        Family::Qwen3 => set("attention_bias", (shape.attention_bias == AttentionBias::All).into()),
        Family::Mistral | Family::Qwen2 => {}
    }
    let windows: Vec<usize> = shape.windows.iter().flatten().copied().collect();
    let same = windows.windows(2).all(|pair| pair.first() == pair.last());
    match (family, windows.first()) {
        (Family::Llama, _) => {}
        (Family::Mistral, None) => set("sliding_window", Value::Null),
        (_, None) => set("use_sliding_window", false.into()),
        (_, Some(_)) if !same => return Err("layers with windows of different lengths cannot be written".into()),
        (family, Some(window)) => {
            set("sliding_window", (*window).into());
            let kind = |window: &Option<usize>| if window.is_some() { "sliding_attention" } else { "full_attention" };
            let types: Vec<&str> = shape.windows.iter().map(kind).collect();
            if family != Family::Mistral {
                set("use_sliding_window", true.into());
            }
            // A Mistral has the same window in all layers; with a list transformers takes it for a Ministral.
            if family != Family::Mistral || windows.len() != shape.layers {
                set("layer_types", json!(types));
            }
        }
    }
    let scaling = match shape.rope.scaling {
        RopeScaling::None => return Ok(()),
        RopeScaling::Linear { factor } => json!({"rope_type": "linear", "factor": factor}),
        RopeScaling::Llama3 { factor, low, high, original } => json!({
            "rope_type": "llama3", "factor": factor, "low_freq_factor": low, "high_freq_factor": high,
            "original_max_position_embeddings": whole(original)
        }),
        RopeScaling::Yarn { factor, slow, fast, original, attention, truncate } => json!({
            "rope_type": "yarn", "factor": factor, "beta_slow": slow, "beta_fast": fast,
            "original_max_position_embeddings": whole(original), "attention_factor": attention, "truncate": truncate
        }),
    };
    set("rope_scaling", scaling);
    Ok(())
}

/// A length as a whole number, which it nearly always is.
fn whole(length: f64) -> Value {
    if length.fract() == 0.0 && (0.0..1e15).contains(&length) { (length as u64).into() } else { length.into() }
}
