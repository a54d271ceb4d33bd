//! What a decoder of the Llama family looks like: sizes, and the few ways in which its members differ.
//!
//! Covers Llama, SmolLM2, Mistral, Qwen2, Qwen2.5, Qwen3 and the text decoder of Apriel. A shape says everything that a
//! forward pass needs beside the weights; it is read from a model's configuration, or made from the sizes that a recipe states.

use recipec_compiler::settings::Architecture;
use serde::{Deserialize, Serialize};

/// A decoder: RMSNorm before each part, rotary positions, grouped-query attention, SwiGLU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Model width (`hidden_size`).
    pub width: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head, even.
    pub head_width: usize,
    /// Inner width of the gated unit (`intermediate_size`).
    pub hidden: usize,
    /// Token ids that the embedding has rows for.
    pub vocab: usize,
    /// True when the output head is the embedding.
    pub tied: bool,
    /// Epsilon of every RMSNorm.
    pub norm_eps: f64,
    /// Rotary positions.
    pub rope: Rope,
    /// Projections of attention that add a bias.
    pub attention_bias: AttentionBias,
    /// True when the three matrices of the gated unit add a bias.
    pub mlp_bias: bool,
    /// True when queries and keys are normalised per head before they are turned (Qwen3).
    pub qk_norm: bool,
    /// For each layer, how many positions back attention reaches, its own included; none means all. Either empty (no
    /// layer has a window) or as long as `layers`.
    pub windows: Vec<Option<usize>>,
    /// Longest sequence that the model was made for.
    pub max_positions: usize,
}

/// Which projections of attention add a bias.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionBias {
    /// None of them.
    #[default]
    None,
    /// Query, key and value (Qwen2).
    Qkv,
    /// All four (`attention_bias` of Llama).
    All,
}

/// Rotary positions (Su et al. 2021): pair `i` of a head turns by `position * theta^(-2 i / head_width)`, changed by `scaling`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f64,
    /// How frequencies are changed for longer sequences.
    pub scaling: RopeScaling,
}

/// Ways to stretch rotary positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RopeScaling {
    /// As they are.
    #[default]
    None,
    /// Every frequency divided by `factor`.
    Linear {
        /// How much longer.
        factor: f64,
    },
    /// Llama 3.1: low frequencies divided by `factor`, high ones kept, those between interpolated.
    Llama3 {
        /// How much longer.
        factor: f64,
        /// Wavelengths longer than `original / low` are stretched.
        low: f64,
        /// Wavelengths shorter than `original / high` are kept.
        high: f64,
        /// Length of the first training.
        original: f64,
    },
    /// YaRN (Peng et al. 2023): interpolation by a ramp over dimensions, and a factor on cosines and sines.
    Yarn {
        /// How much longer.
        factor: f64,
        /// Turns over the first length below which a frequency is interpolated (`beta_slow`).
        slow: f64,
        /// Turns above which it is kept (`beta_fast`).
        fast: f64,
        /// Length of the first training.
        original: f64,
        /// Multiplied to cosines and sines.
        attention: f64,
        /// Whether the bounds of the ramp are rounded to whole dimensions.
        truncate: bool,
    },
}

impl Shape {
    /// The shape of a `fresh { … }` model.
    pub fn fresh(architecture: &Architecture, vocab: usize) -> Self {
        let Architecture { width, layers, heads, kv_heads, head_width, hidden, tied, rope_theta, norm_eps } =
            *architecture;
        Self {
            width,
            layers,
            heads,
            kv_heads,
            head_width,
            hidden,
            vocab,
            tied,
            norm_eps,
            rope: Rope { theta: rope_theta, scaling: RopeScaling::None },
            attention_bias: AttentionBias::None,
            mlp_bias: false,
            qk_norm: false,
            windows: Vec::new(),
            max_positions: usize::MAX,
        }
    }
}
