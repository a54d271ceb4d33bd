//! The weights of a policy at one moment, in main memory and packed for the kernels. Decoding, scoring and training
//! on the CPU all read this, which is why they agree to the last bit.

use super::layout::{Layout, Linear};
use super::{Policy, PolicyError};
use crate::kernels::attention::{Heads, Rotary};
use crate::kernels::matmul::{Left, Panels, product};
use crate::kernels::norm;
use candle_core::{CpuStorage, Device, Error, InplaceOp1, Layout as Strides, Storage, Tensor};
use std::cell::RefCell;
use std::sync::Arc;

/// A weight `(out, in)` packed for `x · weight^T` and, when it is trained, for `dy · weight`; and its bias.
pub(crate) struct Matrix {
    pub forward: Panels,
    pub backward: Panels,
    pub bias: Option<Vec<f32>>,
}

impl Matrix {
    /// `out = x · weight^T + bias`, or that added to `out`: first the product, then the bias.
    pub(crate) fn apply(&self, x: &[f32], rows: usize, out: &mut [f32], accumulate: bool) {
        product(Left::Rows(x), rows, &self.forward, out, accumulate);
        if let Some(bias) = &self.bias {
            for row in out.chunks_exact_mut(bias.len()) {
                for (out, bias) in row.iter_mut().zip(bias) {
                    *out += bias;
                }
            }
        }
    }
}

/// Packed weights of one layer.
pub(crate) struct Layer {
    pub first_norm: Vec<f32>,
    pub q: Matrix,
    pub k: Matrix,
    pub v: Matrix,
    /// Norms of each head's query and key.
    pub head_norms: Option<[Vec<f32>; 2]>,
    /// Positions that attention sees, the own one included.
    pub window: Option<usize>,
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
    pub layout: Layout,
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
                Ok(Matrix { forward, backward, bias: None })
            })
        };
        let linear = |at: Linear| -> candle_core::Result<Matrix> {
            Ok(Matrix { bias: at.bias.map(numbers).transpose()?, ..matrix(at.weight)? })
        };
        let shape = &policy.shape;
        let layout = policy.layout();
        let layer = |layer: usize| -> candle_core::Result<Layer> {
            let at = &layout.layers[layer];
            Ok(Layer {
                first_norm: numbers(at.first_norm)?,
                q: linear(at.q)?,
                k: linear(at.k)?,
                v: linear(at.v)?,
                head_norms: match at.head_norms {
                    Some([q, k]) => Some([numbers(q)?, numbers(k)?]),
                    None => None,
                },
                window: shape.windows.get(layer).copied().flatten(),
                o: linear(at.o)?,
                second_norm: numbers(at.second_norm)?,
                gate: linear(at.gate)?,
                up: linear(at.up)?,
                down: linear(at.down)?,
            })
        };
        Ok(Self {
            embedding: numbers(0)?,
            layers: (0..shape.layers).map(layer).collect::<candle_core::Result<_>>()?,
            last_norm: numbers(layout.last_norm)?,
            head: matrix(layout.head)?,
            heads: policy.heads(),
            width: shape.width,
            hidden: shape.hidden,
            eps: shape.norm_eps as f32,
            rotary: policy.rotary(positions),
            layout: layout.clone(),
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

/// Calls `body` with the 32-bit numbers of a tensor that lies in main memory, to be changed in place: whoever shares
/// the memory of the tensor sees the change.
pub(crate) fn with_numbers_mut(tensor: &Tensor, body: impl FnOnce(&mut [f32])) -> candle_core::Result<()> {
    struct Change<F>(RefCell<Option<F>>);
    impl<F: FnOnce(&mut [f32])> InplaceOp1 for Change<F> {
        fn name(&self) -> &'static str {
            "change"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Strides) -> candle_core::Result<()> {
            let CpuStorage::F32(values) = storage else {
                return Err(Error::msg("a kernel needs 32-bit numbers"));
            };
            let numbers = layout.contiguous_offsets().and_then(|(start, end)| values.get_mut(start..end));
            let numbers = numbers.ok_or_else(|| Error::msg("a kernel needs contiguous numbers"))?;
            if let Some(body) = self.0.take() {
                body(numbers);
            }
            Ok(())
        }
    }
    tensor.inplace_op1(&Change(RefCell::new(Some(body))))
}
