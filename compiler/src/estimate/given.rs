//! What an estimate is told beside the plan: sizes of models, the machine, its rates, and what is assumed about lengths.

use crate::settings::{Architecture, ModelSource, Precision};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Token ids of the built-in character tokenizer, which every `fresh { … }` model has.
pub const BUILT_IN_VOCABULARY: u64 = 96;

/// Tokens after which a micro-batch is full, on the CPU: sequences are added in draw order until it is reached.
pub const MICRO_BATCH_TOKENS: u64 = 512;

/// Lanes that micro-batches are dealt to on the CPU; each keeps sums of gradients of its own.
pub const LANES: u64 = 4;

/// Rows of logits that exist at one time on the CPU.
pub const LOGIT_ROWS: u64 = 128;

/// Parameters from which on a policy counts as large on the CPU: threads then work inside each operation, there is one
/// sum of gradients, and of a layer only its input is kept.
pub const LARGE_PARAMETERS: u64 = 1 << 22;

/// Tokens after which a micro-batch of a large policy is full.
pub const LARGE_MICRO_BATCH_TOKENS: u64 = 2048;

/// Rows of logits of a large policy that exist at one time.
pub const LARGE_LOGIT_ROWS: u64 = 512;

/// Sizes of a model of the Llama family. The names of a Hugging Face `config.json` are understood too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSizes {
    /// Model width.
    #[serde(alias = "hidden_size")]
    pub width: u64,
    /// Decoder layers.
    #[serde(alias = "num_hidden_layers")]
    pub layers: u64,
    /// Query heads.
    #[serde(alias = "num_attention_heads")]
    pub heads: u64,
    /// Key and value heads; as many as query heads where it is not given.
    #[serde(default, alias = "num_key_value_heads")]
    pub kv_heads: Option<u64>,
    /// Width of one head; `width / heads` where it is not given.
    #[serde(default, alias = "head_dim")]
    pub head_width: Option<u64>,
    /// Inner width of the gated unit.
    #[serde(alias = "intermediate_size")]
    pub hidden: u64,
    /// Token ids.
    #[serde(alias = "vocab_size")]
    pub vocab: u64,
    /// True when the output head is the embedding.
    #[serde(default, alias = "tie_word_embeddings")]
    pub tied: bool,
    /// True when the query, key and value projections have a bias (Qwen2).
    #[serde(default, alias = "attention_bias")]
    pub biased: bool,
}

impl ModelSizes {
    /// The sizes of a `fresh { … }` model.
    pub fn fresh(architecture: &Architecture) -> Self {
        Self {
            width: architecture.width as u64,
            layers: architecture.layers as u64,
            heads: architecture.heads as u64,
            kv_heads: Some(architecture.kv_heads as u64),
            head_width: Some(architecture.head_width as u64),
            hidden: architecture.hidden as u64,
            vocab: BUILT_IN_VOCABULARY,
            tied: architecture.tied,
            biased: false,
        }
    }

    /// The sizes of a model, where its source or `given` tells them.
    pub fn of(source: &ModelSource, given: Option<&ModelSizes>) -> Option<Self> {
        match source {
            ModelSource::Fresh(architecture) => Some(Self::fresh(architecture)),
            _ => given.cloned(),
        }
    }

    /// Key and value heads.
    pub fn key_heads(&self) -> u64 {
        self.kv_heads.unwrap_or(self.heads)
    }

    /// Width of one head.
    pub fn width_of_head(&self) -> u64 {
        self.head_width.unwrap_or(self.width / self.heads.max(1))
    }
}

/// On what kind of device the run is thought to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// Numbers of 32 bits, packed copies of the weights, gradients summed in lanes.
    Cpu,
    /// One accelerator: weights in the precision of the recipe, one micro-batch at a time.
    Accelerator,
}

/// How fast the device is. Inputs, never measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    /// Sustained FLOP per second of large products.
    pub compute: f64,
    /// Sustained bytes per second from the memory of the device: what decoding waits for.
    pub bandwidth: f64,
    /// Generated tokens per second over all slots; computed from the two others where it is not given.
    pub generate: Option<f64>,
}

impl Rates {
    /// What is assumed where nothing is given: 400 TFLOP/s and 3.2 TB/s for an accelerator (of the order of 40% and two
    /// thirds of what a data-centre accelerator of 2024 promises), 100 GFLOP/s and 20 GB/s for two CPU cores.
    pub fn assumed(device: Device) -> Self {
        match device {
            Device::Cpu => Self { compute: 1e11, bandwidth: 2e10, generate: None },
            Device::Accelerator => Self { compute: 4e14, bandwidth: 3.2e12, generate: None },
        }
    }
}

/// Everything that an estimate is told beside the plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Given {
    /// Sizes of models that the plan does not know, by the name of the model.
    pub models: BTreeMap<String, ModelSizes>,
    /// The device.
    pub device: Device,
    /// Its rates.
    pub rates: Rates,
    /// Its memory, in bytes.
    pub device_memory: Option<f64>,
    /// What an hour costs, in whatever money.
    pub price_per_hour: Option<f64>,
    /// Mean length of a response as a share of its cap.
    pub output_share: f64,
    /// Mean length of a prompt as a share of the longest.
    pub prompt_share: f64,
    /// Share of the drawn groups that the filter keeps.
    pub kept_share: f64,
}

impl Given {
    /// What is assumed where nothing is said: responses and prompts of half their cap, every group kept.
    pub fn assumed(device: Device) -> Self {
        Self {
            models: BTreeMap::new(),
            device,
            rates: Rates::assumed(device),
            device_memory: None,
            price_per_hour: None,
            output_share: 0.5,
            prompt_share: 0.5,
            kept_share: 1.0,
        }
    }
}

/// Bytes of one number.
pub(super) fn bytes_of(precision: Precision, device: Device) -> f64 {
    match (precision, device) {
        (Precision::Bf16, Device::Accelerator) => 2.0,
        _ => 4.0,
    }
}
