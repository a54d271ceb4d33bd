//! The policy: a decoder of the Llama architecture (Touvron et al. 2023) that trains. RMSNorm before each part, rotary
//! positions, grouped-query attention, SwiGLU, a tied or untied head.
//!
//! In: an [`Architecture`], weights under Hugging Face names. Out: log-probabilities with gradients
//! ([`gradient`]), rollouts ([`crate::generate`]), checkpoints ([`checkpoint`]).
//!
//! Invariants: parameters have one fixed order; a parameter that gets no gradient is an error that names it; the
//! fused operations of candle-nn are not used, because they have no backward and say nothing about it.

pub(crate) mod backward;
pub mod checkpoint;
pub mod composed;
pub mod forward;
pub mod gradient;
pub(crate) mod host;
pub mod shape;

use crate::kernels::attention::{Heads, Rotary};
use crate::rng::{Purpose, Stream};
use candle_core::{DType, Device, Tensor, Var};
use recipec_compiler::settings::Architecture;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Parameters of one decoder layer.
pub(crate) const LAYER_PARAMETERS: usize = 9;

/// Why a policy could not be made, read or trained.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum PolicyError {
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    #[error("the architecture cannot be built: {0}")]
    Architecture(String),
    #[error("parameter {name} is missing")]
    MissingParameter { name: String },
    #[error("parameter {name} has shape {found:?}, expected {expected:?}")]
    Shape { name: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("parameter {name} is not part of this architecture")]
    UnknownParameter { name: String },
    #[error("parameter {name} got no gradient")]
    MissingGradient { name: String },
    #[error("the gradient of parameter {name} is not finite")]
    NonFiniteGradient { name: String },
    #[error("token {token} is outside the vocabulary of {vocab}")]
    Token { token: u32, vocab: usize },
    #[error("sequence {sequence}: {reason}")]
    Sequence { sequence: usize, reason: String },
    #[error("temperature {0} cannot be used here; it must be finite and above 0")]
    Temperature(f64),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: {reason}", path.display())]
    Checkpoint { path: PathBuf, reason: String },
    #[error("the logits are not finite; the weights are broken")]
    NonFiniteLogits,
    #[error("request {request}: {reason}")]
    Request { request: usize, reason: String },
    #[error("{0}")]
    Stop(String),
    #[error("request {request}: its {needed} bytes of keys and values are more than the cache may hold ({allowed})")]
    CacheTooSmall { request: usize, needed: usize, allowed: usize },
    #[error("a worker thread ended early")]
    Worker,
    #[error("interrupted")]
    Interrupted,
}

/// A decoder with weights that can be trained.
#[derive(Debug)]
pub struct Policy {
    /// Sizes.
    pub architecture: Architecture,
    /// Weights by Hugging Face name, in a fixed order: embedding, layers, last norm, head. Matrices are (out, in).
    pub parameters: Vec<(String, Var)>,
    vocab: usize,
    rotary: Mutex<Arc<Rotary>>,
}

impl Policy {
    /// Random weights: normal with variance 2 / (5 width) ("small init", Nguyen & Salazar 2019), about 0.02 at width
    /// 1024; projections that write into the residual stream are divided by sqrt(2 layers); norms are 1.
    pub fn fresh(
        architecture: &Architecture,
        vocab_size: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Self, PolicyError> {
        let spread = libm::sqrt(2.0 / (5.0 * architecture.width.max(1) as f64));
        let residual = spread / libm::sqrt(2.0 * architecture.layers.max(1) as f64);
        let mut tensors = Vec::new();
        for (idx, (name, shape)) in parameter_shapes(architecture, vocab_size)?.into_iter().enumerate() {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = if shape.len() == 1 {
                vec![1.0; count]
            } else {
                let writes_residual = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
                let spread = if writes_residual { residual } else { spread };
                let stream = Stream::new(seed, Purpose::Weights, idx as u32, 0, 0);
                (0..count).map(|at| (spread * stream.normal(at as u32)) as f32).collect()
            };
            tensors.push((name, Tensor::from_vec(values, shape, device)?));
        }
        Self::from_tensors(architecture, vocab_size, tensors)
    }

    /// A policy from named tensors, in any order. Names and shapes must be those of the architecture, none missing and
    /// none extra; the numbers are copied and held in 32 bits.
    pub fn from_tensors(
        architecture: &Architecture,
        vocab_size: usize,
        tensors: impl IntoIterator<Item = (String, Tensor)>,
    ) -> Result<Self, PolicyError> {
        let mut given: std::collections::BTreeMap<String, Tensor> = tensors.into_iter().collect();
        let mut parameters = Vec::new();
        for (name, expected) in parameter_shapes(architecture, vocab_size)? {
            let Some(tensor) = given.remove(&name) else {
                return Err(PolicyError::MissingParameter { name });
            };
            if tensor.dims() != expected {
                return Err(PolicyError::Shape { name, found: tensor.dims().to_vec(), expected });
            }
            parameters.push((name, Var::from_tensor(&tensor.to_dtype(DType::F32)?.contiguous()?.force_contiguous()?)?));
        }
        if let Some((name, _)) = given.into_iter().next() {
            return Err(PolicyError::UnknownParameter { name });
        }
        let rotary = Mutex::new(Arc::new(Rotary::new(architecture.head_width, architecture.rope_theta, 256)));
        Ok(Self { architecture: architecture.clone(), parameters, vocab: vocab_size, rotary })
    }

    /// A copy that later steps do not change: the reference or the behavior policy.
    pub fn snapshot(&self) -> Result<Self, PolicyError> {
        let tensors = self.parameters.iter().map(|(name, var)| Ok((name.clone(), var.as_detached_tensor().copy()?)));
        Self::from_tensors(&self.architecture, self.vocab, tensors.collect::<Result<Vec<_>, PolicyError>>()?)
    }

    /// Number of token ids.
    pub fn vocab_size(&self) -> usize {
        self.vocab
    }

    /// Number of trained numbers.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.parameters[0].1.device()
    }

    /// BLAKE3, in hex, over name, shape and little-endian bytes of every parameter in order.
    pub fn digest(&self) -> Result<String, PolicyError> {
        let mut hasher = blake3::Hasher::new();
        for (name, var) in &self.parameters {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hasher.update(&(var.rank() as u64).to_le_bytes());
            for size in var.dims() {
                hasher.update(&(*size as u64).to_le_bytes());
            }
            hasher.update(&checkpoint::little_endian(var.as_tensor())?);
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    pub(crate) fn heads(&self) -> Heads {
        let Architecture { heads, kv_heads, head_width, .. } = self.architecture;
        Heads { heads, kv_heads, head_width }
    }

    pub(crate) fn norm_index(&self) -> usize {
        1 + self.architecture.layers * LAYER_PARAMETERS
    }

    /// Index of the output head: the embedding when it is tied.
    pub(crate) fn head_index(&self) -> usize {
        if self.architecture.tied { 0 } else { self.norm_index() + 1 }
    }

    /// Rotary tables for at least this many positions; they grow by doubling and are kept.
    pub(crate) fn rotary(&self, positions: usize) -> Arc<Rotary> {
        let mut kept = self.rotary.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.positions() < positions {
            let Architecture { head_width, rope_theta, .. } = self.architecture;
            *kept = Arc::new(Rotary::new(head_width, rope_theta, positions.next_power_of_two()));
        }
        kept.clone()
    }

    pub(crate) fn check_tokens(&self, tokens: &[u32]) -> Result<(), PolicyError> {
        match tokens.iter().find(|token| **token as usize >= self.vocab) {
            Some(token) => Err(PolicyError::Token { token: *token, vocab: self.vocab }),
            None => Ok(()),
        }
    }
}

/// Name and shape of every parameter, in the order of [`Policy::parameters`]. An architecture that cannot be built
/// (a size of 0, heads that do not divide, an odd head) is an error.
pub fn parameter_shapes(
    architecture: &Architecture,
    vocab_size: usize,
) -> Result<Vec<(String, Vec<usize>)>, PolicyError> {
    let Architecture { width, layers, heads, kv_heads, head_width, hidden, tied, rope_theta, norm_eps } = *architecture;
    let sizes = [
        ("width", width),
        ("layers", layers),
        ("heads", heads),
        ("kv_heads", kv_heads),
        ("head_width", head_width),
        ("hidden", hidden),
        ("vocabulary", vocab_size),
    ];
    if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
        return Err(PolicyError::Architecture(format!("{name} is 0")));
    }
    if let Some((name, size)) = sizes.iter().find(|(_, size)| *size > 1 << 24) {
        return Err(PolicyError::Architecture(format!("{name} is {size}, more than 2^24")));
    }
    if heads % kv_heads != 0 {
        return Err(PolicyError::Architecture(format!("kv_heads = {kv_heads} does not divide heads = {heads}")));
    }
    if head_width % 2 != 0 {
        return Err(PolicyError::Architecture(format!(
            "head_width = {head_width} is odd; rotary positions turn pairs"
        )));
    }
    if !(rope_theta.is_finite() && rope_theta > 0.0) {
        return Err(PolicyError::Architecture(format!("rope_theta = {rope_theta} must be finite and above 0")));
    }
    if !(norm_eps.is_finite() && norm_eps >= 0.0) {
        return Err(PolicyError::Architecture(format!("norm_eps = {norm_eps} must be finite and not negative")));
    }
    let (query, kv) = (heads * head_width, kv_heads * head_width);
    let mut shapes = vec![("model.embed_tokens.weight".to_owned(), vec![vocab_size, width])];
    for layer in 0..layers {
        let parts: [(&str, Vec<usize>); LAYER_PARAMETERS] = [
            ("input_layernorm", vec![width]),
            ("self_attn.q_proj", vec![query, width]),
            ("self_attn.k_proj", vec![kv, width]),
            ("self_attn.v_proj", vec![kv, width]),
            ("self_attn.o_proj", vec![width, query]),
            ("post_attention_layernorm", vec![width]),
            ("mlp.gate_proj", vec![hidden, width]),
            ("mlp.up_proj", vec![hidden, width]),
            ("mlp.down_proj", vec![width, hidden]),
        ];
        shapes.extend(parts.map(|(part, shape)| (format!("model.layers.{layer}.{part}.weight"), shape)));
    }
    shapes.push(("model.norm.weight".to_owned(), vec![width]));
    if !tied {
        shapes.push(("lm_head.weight".to_owned(), vec![vocab_size, width]));
    }
    Ok(shapes)
}

#[cfg(test)]
pub(crate) mod tests;

#[cfg(test)]
mod definition_tests;
