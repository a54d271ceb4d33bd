//! The weights of a policy at one moment, in main memory and packed for the kernels. Decoding, scoring and training
//! on the CPU all read this, which is why they agree to the last bit.

use super::{LAYER_PARAMETERS, Policy, PolicyError};
use crate::kernels::attention::{Heads, Rotary};
use crate::kernels::matmul::{Left, Panels, product};
use crate::kernels::norm;
use candle_core::{Device, Error, Storage, Tensor};
use std::sync::Arc;

/// A weight `(out, in)` packed for `x · weight^T` and, when it is trained, for `dy · weight`.
pub(crate) struct Matrix {
    pub forward: Panels,
    pub backward: Panels,
}

/// Packed weights of one layer.
pub(crate) struct Layer {
    pub first_norm: Vec<f32>,
    pub q: Matrix,
    pub k: Matrix,
    pub v: Matrix,
    pub o: Matrix,
    pub second_norm: Vec<f32>,
    pub gate: Matrix,
    pub up: Matrix,
    pub down: Matrix,
}

/// Packed weights of a policy.
pub(crate) struct HostWeights {
    pub embedding: Vec<f32>,
    pub layers: Vec<Layer>,
    pub last_norm: Vec<f32>,
    pub head: Matrix,
    pub heads: Heads,
    pub width: usize,
    pub hidden: usize,
    pub eps: f32,
    pub rotary: Arc<Rotary>,
}

impl HostWeights {
    /// Packs the weights; `positions` is the length of the longest sequence to come, and `trained` asks for what the
    /// backward pass needs.
    pub(crate) fn new(policy: &Policy, positions: usize, trained: bool) -> Result<Self, PolicyError> {
        let tensors = policy
            .parameters
            .iter()
            .map(|(_, var)| var.as_detached_tensor().to_device(&Device::Cpu))
            .collect::<candle_core::Result<Vec<Tensor>>>()?;
        let numbers = |at: usize| with_numbers(&tensors[at], |values| Ok(values.to_vec()));
        let matrix = |at: usize| {
            let (out, inner) = tensors[at].dims2()?;
            with_numbers(&tensors[at], |values| {
                let backward = if trained { Panels::from_rows(values, out, inner) } else { Some(Panels::empty()) };
                let both = Panels::from_columns(values, inner, out).zip(backward);
                let (forward, backward) = both.ok_or_else(|| Error::msg("a weight has another size than its shape"))?;
                Ok(Matrix { forward, backward })
            })
        };
        let layer = |layer: usize| -> candle_core::Result<Layer> {
            let at = 1 + layer * LAYER_PARAMETERS;
            Ok(Layer {
                first_norm: numbers(at)?,
                q: matrix(at + 1)?,
                k: matrix(at + 2)?,
                v: matrix(at + 3)?,
                o: matrix(at + 4)?,
                second_norm: numbers(at + 5)?,
                gate: matrix(at + 6)?,
                up: matrix(at + 7)?,
                down: matrix(at + 8)?,
            })
        };
        Ok(Self {
            embedding: numbers(0)?,
            layers: (0..policy.architecture.layers).map(layer).collect::<candle_core::Result<_>>()?,
            last_norm: numbers(policy.norm_index())?,
            head: matrix(policy.head_index())?,
            heads: policy.heads(),
            width: policy.architecture.width,
            hidden: policy.architecture.hidden,
            eps: policy.architecture.norm_eps as f32,
            rotary: policy.rotary(positions),
        })
    }

    pub(crate) fn vocab(&self) -> usize {
        self.head.forward.columns()
    }

    /// Embeddings of tokens, which were checked against the vocabulary, into `x`.
    pub(crate) fn embed(&self, tokens: &[u32], x: &mut Vec<f32>) {
        x.clear();
        for token in tokens {
            x.extend_from_slice(&self.embedding[*token as usize * self.width..][..self.width]);
        }
    }

    /// The last norm and the logits of rows of hidden states; `normed` and `logits` are resized.
    pub(crate) fn logits(&self, hidden: &[f32], normed: &mut Vec<f32>, logits: &mut Vec<f32>) {
        let n = hidden.len() / self.width;
        normed.resize(hidden.len(), 0.0);
        logits.resize(n * self.vocab(), 0.0);
        norm::forward(hidden, &self.last_norm, self.eps, normed);
        product(Left::Rows(normed), n, &self.head.forward, logits, false);
    }
}

/// Calls `body` with the 32-bit numbers of a tensor that lies in main memory.
pub(crate) fn with_numbers<R>(
    tensor: &Tensor,
    body: impl FnOnce(&[f32]) -> candle_core::Result<R>,
) -> candle_core::Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(Error::msg("a kernel of the CPU was given a tensor of another device"));
    };
    let numbers = layout.contiguous_offsets().and_then(|(start, end)| storage.as_slice::<f32>().ok()?.get(start..end));
    body(numbers.ok_or_else(|| Error::msg("a kernel needs contiguous 32-bit numbers"))?)
}
