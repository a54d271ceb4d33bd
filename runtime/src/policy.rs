//! The policy: a decoder of the Llama architecture (Touvron et al. 2023) that trains. RMSNorm before each part, rotary
//! positions, grouped-query attention, SwiGLU, a tied or untied head; and what its relatives add (biases, norms of
//! queries and keys, sliding windows, stretched rotary positions), as [`Shape`] says.
//!
//! In: a [`Shape`], weights under Hugging Face names. Out: log-probabilities with gradients
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
pub(crate) mod large;
pub(crate) mod layout;
pub mod lora;
mod rope;
pub mod shape;

pub use layout::parameter_shapes;

use crate::kernels::attention::{Heads, Rotary};
use crate::rng::{Purpose, Stream};
use candle_core::{DType, Device, Tensor, Var};
use layout::Layout;
use recipec_compiler::settings::Architecture;
use shape::Shape;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Parameters from which on a policy is large: 16 MiB of weights, more than the caches that a core has for itself.
pub const LARGE_PARAMETERS: usize = 1 << 22;

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
    /// Sizes, and which parts there are.
    pub shape: Shape,
    /// Weights by Hugging Face name, in a fixed order: embedding, layers, last norm, head. Matrices are (out, in).
    pub parameters: Vec<(String, Var)>,
    layout: Layout,
    adapters: Option<lora::Adapters>,
    bf16: bool,
    rotary: Mutex<Arc<Rotary>>,
}

impl Policy {
    /// Random weights for the sizes that a recipe states; see [`Policy::random`].
    pub fn fresh(
        architecture: &Architecture,
        vocab_size: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Self, PolicyError> {
        Self::random(&Shape::fresh(architecture, vocab_size), seed, device)
    }

    /// Random weights: normal with variance 2 / (5 width) ("small init", Nguyen & Salazar 2019), about 0.02 at width
    /// 1024; projections that write into the residual stream are divided by sqrt(2 layers); norms are 1, biases 0.
    pub fn random(shape: &Shape, seed: u64, device: &Device) -> Result<Self, PolicyError> {
        let spread = libm::sqrt(2.0 / (5.0 * shape.width.max(1) as f64));
        let residual = spread / libm::sqrt(2.0 * shape.layers.max(1) as f64);
        let mut tensors = Vec::new();
        for (idx, (name, sizes)) in parameter_shapes(shape)?.into_iter().enumerate() {
            let count: usize = sizes.iter().product();
            let values: Vec<f32> = if name.ends_with(".bias") {
                vec![0.0; count]
            } else if sizes.len() == 1 {
                vec![1.0; count]
            } else {
                let writes_residual = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
                let spread = if writes_residual { residual } else { spread };
                let stream = Stream::new(seed, Purpose::Weights, idx as u32, 0, 0);
                (0..count).map(|at| (spread * stream.normal(at as u32)) as f32).collect()
            };
            tensors.push((name, Tensor::from_vec(values, sizes, device)?));
        }
        Self::from_tensors(shape, tensors)
    }

    /// A policy from named tensors, in any order. Names and sizes must be those of the shape, none missing and none
    /// extra; the numbers are copied and held in 32 bits.
    pub fn from_tensors(
        shape: &Shape,
        tensors: impl IntoIterator<Item = (String, Tensor)>,
    ) -> Result<Self, PolicyError> {
        let (layout, expected) = Layout::new(shape)?;
        let mut given: std::collections::BTreeMap<String, Tensor> = tensors.into_iter().collect();
        let mut parameters = Vec::new();
        for (name, expected) in expected {
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
        let rotary = Mutex::new(Arc::new(shape.rotary(256)));
        Ok(Self { shape: shape.clone(), parameters, layout, adapters: None, bf16: false, rotary })
    }

    /// A policy from a reader that gives one tensor at a time, so that no more than one of them is held twice. It is asked for
    /// every parameter in order.
    pub fn read_from<E: From<PolicyError>>(shape: &Shape, read: impl Fn(&str) -> Result<Tensor, E>) -> Result<Self, E> {
        let (layout, expected) = Layout::new(shape)?;
        let mut parameters = Vec::with_capacity(expected.len());
        for (name, expected) in expected {
            let tensor = read(&name)?;
            if tensor.dims() != expected {
                return Err(PolicyError::Shape { name, found: tensor.dims().to_vec(), expected }.into());
            }
            let var = tensor.to_dtype(DType::F32).and_then(|tensor| Var::from_tensor(&tensor.force_contiguous()?));
            parameters.push((name, var.map_err(PolicyError::from)?));
        }
        let rotary = Mutex::new(Arc::new(shape.rotary(256)));
        Ok(Self { shape: shape.clone(), parameters, layout, adapters: None, bf16: false, rotary })
    }

    /// A copy that later steps do not change: the reference or the behavior policy.
    pub fn snapshot(&self) -> Result<Self, PolicyError> {
        let tensors = self.parameters.iter().map(|(name, var)| Ok((name.clone(), var.as_detached_tensor().copy()?)));
        Self::from_tensors(&self.shape, tensors.collect::<Result<Vec<_>, PolicyError>>()?)
    }

    /// Number of token ids.
    pub fn vocab_size(&self) -> usize {
        self.shape.vocab
    }

    /// Number of trained numbers.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// Whether threads work inside each operation, with one sum of gradients, rather than on sequences beside each
    /// other. It depends on the sizes alone, so that a machine does not change bits.
    pub fn is_large(&self) -> bool {
        self.parameter_count() >= LARGE_PARAMETERS
    }

    /// Keeps every weight but the output head at values of bfloat16, rounded to the nearest, ties to even; the
    /// [`crate::optimizer::Optimizer`] holds masters in 32 bits. Products are computed in 32 bits from the rounded
    /// values. Adapters are not rounded, nor what they are merged into.
    pub fn in_bf16(mut self) -> Result<Self, PolicyError> {
        self.bf16 = true;
        for (idx, (_, var)) in self.parameters.iter().enumerate() {
            if self.is_rounded(idx) {
                var.set(&var.as_detached_tensor().to_dtype(DType::BF16)?.to_dtype(DType::F32)?)?;
            }
        }
        Ok(self)
    }

    /// Whether a parameter is kept at values of bfloat16.
    pub(crate) fn is_rounded(&self, idx: usize) -> bool {
        self.bf16 && idx != self.layout.head
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

    /// Sizes of attention.
    pub(crate) fn heads(&self) -> Heads {
        let Shape { heads, kv_heads, head_width, .. } = self.shape;
        Heads { heads, kv_heads, head_width }
    }

    /// Where each part stands among the parameters.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Rotary tables for at least this many positions; they grow by doubling and are kept.
    pub(crate) fn rotary(&self, positions: usize) -> Arc<Rotary> {
        let mut kept = self.rotary.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.positions() < positions {
            *kept = Arc::new(self.shape.rotary(positions.next_power_of_two()));
        }
        kept.clone()
    }

    pub(crate) fn check_tokens(&self, tokens: &[u32]) -> Result<(), PolicyError> {
        match tokens.iter().find(|token| **token as usize >= self.shape.vocab) {
            Some(token) => Err(PolicyError::Token { token: *token, vocab: self.shape.vocab }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

#[cfg(test)]
mod definition_tests;

#[cfg(test)]
mod large_tests;
