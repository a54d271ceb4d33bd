//! Policies on disk in Hugging Face layout: `model.safetensors` and `config.json`.
//!
//! Invariant: a file is complete or absent. It is written under a temporary name, synced, and renamed.

use super::shape::{AttentionBias, Rope, RopeScaling, Shape};
use super::{Policy, PolicyError};
use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// `config.json` as Hugging Face's Llama reads it.
#[derive(Debug, Serialize, Deserialize)]
struct Config {
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default)]
    model_type: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    #[serde(default = "silu")]
    hidden_act: String,
    #[serde(default = "default_eps")]
    rms_norm_eps: f64,
    #[serde(default = "default_theta")]
    rope_theta: f64,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default = "default_positions")]
    max_position_embeddings: usize,
    vocab_size: usize,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rope_scaling: Option<serde_json::Value>,
    #[serde(default = "float32", alias = "dtype")]
    torch_dtype: String,
}

// What Hugging Face's LlamaConfig assumes where a file is silent.
fn silu() -> String {
    "silu".into()
}
fn default_eps() -> f64 {
    1e-6
}
fn default_theta() -> f64 {
    10_000.0
}
fn default_positions() -> usize {
    2048
}
fn float32() -> String {
    "float32".into()
}

impl Policy {
    /// Writes `model.safetensors` and `config.json` into a folder, which is made when it is missing. The parameters
    /// are laid out in the order of their names, in 32 bits.
    pub fn save(&self, folder: &Path) -> Result<(), PolicyError> {
        fs::create_dir_all(folder).map_err(|source| PolicyError::File { path: folder.to_owned(), source })?;
        let mut bytes = Vec::new();
        for (name, var) in &self.parameters {
            bytes.push((name.as_str(), var.dims().to_vec(), little_endian(var.as_tensor())?));
        }
        bytes.sort_by_key(|(name, ..)| *name);
        let path = folder.join("model.safetensors");
        let broken = |reason: String| PolicyError::Checkpoint { path: path.clone(), reason };
        let mut views = Vec::new();
        for (name, shape, bytes) in &bytes {
            let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
            views.push((*name, view.map_err(|error| broken(error.to_string()))?));
        }
        let metadata = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
        let file = safetensors::serialize(views, Some(metadata)).map_err(|error| broken(error.to_string()))?;
        write_whole(&path, &file)?;

        let path = folder.join("config.json");
        let Shape { width, layers, heads, kv_heads, head_width, hidden, tied, rope, norm_eps, .. } = self.shape;
        let is_llama = !self.shape.qk_norm
            && self.shape.windows.iter().all(Option::is_none)
            && self.shape.attention_bias != AttentionBias::Qkv
            && rope.scaling == RopeScaling::None;
        if !is_llama {
            let reason = "a policy with windows, norms of heads, biases of q, k and v alone or scaled rotary positions \
                          cannot be written as a Llama configuration";
            return Err(PolicyError::Checkpoint { path, reason: reason.into() });
        }
        let config = Config {
            architectures: vec!["LlamaForCausalLM".into()],
            model_type: "llama".into(),
            hidden_size: width,
            intermediate_size: hidden,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: Some(kv_heads),
            head_dim: Some(head_width),
            hidden_act: silu(),
            rms_norm_eps: norm_eps,
            rope_theta: rope.theta,
            tie_word_embeddings: tied,
            max_position_embeddings: match self.shape.max_positions {
                usize::MAX => default_positions(),
                positions => positions,
            },
            vocab_size: self.vocab_size(),
            attention_bias: self.shape.attention_bias == AttentionBias::All,
            mlp_bias: self.shape.mlp_bias,
            rope_scaling: None,
            torch_dtype: float32(),
        };
        let mut text = serde_json::to_string_pretty(&config)
            .map_err(|error| PolicyError::Checkpoint { path: path.clone(), reason: error.to_string() })?;
        text.push('\n');
        write_whole(&path, text.as_bytes())
    }

    /// Reads what [`Policy::save`] wrote, or any Llama checkpoint in one file without scaled rotary
    /// positions. Names and shapes are verified; the numbers are converted to 32 bits.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, PolicyError> {
        let path = folder.join("config.json");
        let text = fs::read(&path).map_err(|source| PolicyError::File { path: path.clone(), source })?;
        let broken = |reason: String| PolicyError::Checkpoint { path: path.clone(), reason };
        let config: Config = serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?;
        if !config.architectures.iter().any(|name| name == "LlamaForCausalLM") {
            return Err(broken(format!("architectures is {:?}; only LlamaForCausalLM is read", config.architectures)));
        }
        if config.hidden_act != "silu" {
            return Err(broken(format!("hidden_act is {:?}; only silu is read", config.hidden_act)));
        }
        if config.rope_scaling.as_ref().is_some_and(|scaling| !scaling.is_null()) {
            return Err(broken("scaled rotary positions are not read".into()));
        }
        let heads = config.num_attention_heads;
        let shape = Shape {
            width: config.hidden_size,
            layers: config.num_hidden_layers,
            heads,
            kv_heads: config.num_key_value_heads.unwrap_or(heads),
            head_width: config.head_dim.unwrap_or(config.hidden_size / heads.max(1)),
            hidden: config.intermediate_size,
            tied: config.tie_word_embeddings,
            vocab: config.vocab_size,
            rope: Rope { theta: config.rope_theta, scaling: RopeScaling::None },
            norm_eps: config.rms_norm_eps,
            attention_bias: if config.attention_bias { AttentionBias::All } else { AttentionBias::None },
            mlp_bias: config.mlp_bias,
            qk_norm: false,
            windows: Vec::new(),
            max_positions: config.max_position_embeddings,
        };
        let path = folder.join("model.safetensors");
        let bytes = fs::read(&path).map_err(|source| PolicyError::File { path: path.clone(), source })?;
        let tensors = candle_core::safetensors::load_buffer(&bytes, device)
            .map_err(|error| PolicyError::Checkpoint { path: path.clone(), reason: error.to_string() })?;
        // Some files repeat a tied head; the embedding is the one that counts.
        let tensors = tensors.into_iter().filter(|(name, _)| !(shape.tied && name == "lm_head.weight"));
        Self::from_tensors(&shape, tensors)
    }
}

/// The numbers of a tensor as 32-bit little-endian bytes.
pub(crate) fn little_endian(tensor: &Tensor) -> Result<Vec<u8>, PolicyError> {
    let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// Writes a file under a temporary name beside it, syncs it, renames it and syncs the folder.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), PolicyError> {
    let failed = |source| PolicyError::File { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let temporary = path.with_file_name(name);
    let mut file = File::create(&temporary).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    drop(file);
    fs::rename(&temporary, path).map_err(failed)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // A folder cannot be opened for syncing everywhere; where it can, the rename is made durable.
        if let Ok(folder) = File::open(folder) {
            folder.sync_all().map_err(failed)?;
        }
    }
    Ok(())
}
