//! The packed forward pass: sequences of different lengths laid end to end, without padding.

use super::ops::{self, AttentionPlan, PackedWeight};
use super::{LAYER_PARAMETERS, Policy, PolicyError};
use candle_core::{Device, Tensor};
use std::sync::Arc;

/// Sequences laid end to end.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Token ids of all sequences.
    pub tokens: Vec<u32>,
    /// Position of each token in its own sequence.
    pub positions: Vec<u32>,
    /// Start of each sequence in `tokens`, and the end of the last one.
    pub segments: Arc<[usize]>,
}

impl Pack {
    /// Lays sequences end to end.
    pub fn new<'a>(sequences: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let (mut tokens, mut positions, mut segments) = (Vec::new(), Vec::new(), vec![0]);
        for sequence in sequences {
            tokens.extend_from_slice(sequence);
            positions.extend(0..sequence.len() as u32);
            segments.push(tokens.len());
        }
        Self {
            tokens,
            positions,
            segments: segments.into(),
        }
    }

    /// Length of the longest sequence.
    pub fn longest(&self) -> usize {
        self.segments
            .windows(2)
            .map(|span| span[1] - span[0])
            .max()
            .unwrap_or(0)
    }
}

/// The tensors of a policy at one moment, packed for the kernels: what one forward pass reads.
pub struct Weights<'a> {
    policy: &'a Policy,
    tensors: Vec<Tensor>,
    packed: Vec<Option<Arc<PackedWeight>>>,
}

impl<'a> Weights<'a> {
    /// The weights as variables, so that a graph is recorded.
    pub fn tracked(policy: &'a Policy) -> Result<Self, PolicyError> {
        Self::of(
            policy,
            policy
                .parameters
                .iter()
                .map(|(_, var)| var.as_tensor().clone())
                .collect(),
        )
    }

    /// The weights without a graph.
    pub fn detached(policy: &'a Policy) -> Result<Self, PolicyError> {
        Self::of(
            policy,
            policy
                .parameters
                .iter()
                .map(|(_, var)| var.as_detached_tensor())
                .collect(),
        )
    }

    fn of(policy: &'a Policy, tensors: Vec<Tensor>) -> Result<Self, PolicyError> {
        let head = policy.head_index();
        let packed = tensors
            .iter()
            .enumerate()
            // The embedding is looked up, not multiplied, unless it is the head as well.
            .map(|(idx, tensor)| {
                if tensor.rank() == 2 && (idx > 0 || head == 0) {
                    PackedWeight::new(tensor)
                } else {
                    Ok(None)
                }
            })
            .collect::<candle_core::Result<Vec<_>>>()?;
        Ok(Self {
            policy,
            tensors,
            packed,
        })
    }

    fn linear(&self, x: &Tensor, idx: usize) -> candle_core::Result<Tensor> {
        ops::linear(x, &self.tensors[idx], self.packed[idx].as_ref())
    }

    fn device(&self) -> &Device {
        self.tensors[0].device()
    }

    /// Hidden states after the last norm, of the rows `rows` of the pack: `(rows, width)`.
    pub fn hidden(&self, pack: &Pack, rows: &[u32]) -> Result<Tensor, PolicyError> {
        let architecture = &self.policy.architecture;
        self.policy.check_tokens(&pack.tokens)?;
        let plan = AttentionPlan {
            heads: self.policy.heads(),
            segments: pack.segments.clone(),
            rotary: self.policy.rotary(pack.longest()),
        };
        let eps = architecture.norm_eps;
        let tokens = Tensor::from_slice(&pack.tokens, pack.tokens.len(), self.device())?;
        let mut x = self.tensors[0].index_select(&tokens, 0)?;
        let rows = Tensor::from_slice(rows, rows.len(), self.device())?;
        for layer in 0..architecture.layers {
            let at = 1 + layer * LAYER_PARAMETERS;
            let normed = ops::rms_norm(&x, &self.tensors[at], eps)?;
            let (q, k, v) = (
                self.linear(&normed, at + 1)?,
                self.linear(&normed, at + 2)?,
                self.linear(&normed, at + 3)?,
            );
            let mut mixed = ops::attention(&q, &k, &v, &plan)?;
            if layer + 1 == architecture.layers {
                // Rows that nobody reads need no gated unit; what stays is computed as before, row by row.
                (x, mixed) = (x.index_select(&rows, 0)?, mixed.index_select(&rows, 0)?);
            }
            x = (x + self.linear(&mixed, at + 4)?)?;
            let normed = ops::rms_norm(&x, &self.tensors[at + 5], eps)?;
            let gate = self.linear(&normed, at + 6)?;
            let up = self.linear(&normed, at + 7)?;
            x = (x + self.linear(&ops::gated_unit(&gate, &up)?, at + 8)?)?;
        }
        if architecture.layers == 0 {
            x = x.index_select(&rows, 0)?;
        }
        Ok(ops::rms_norm(
            &x,
            &self.tensors[self.policy.norm_index()],
            eps,
        )?)
    }

    /// Log-probability and entropy `(R, 2)` of `targets[i]` after row `rows[i]` of the pack.
    pub fn logp_entropy(
        &self,
        pack: &Pack,
        rows: &[u32],
        targets: Arc<[u32]>,
        temperature: f64,
    ) -> Result<Tensor, PolicyError> {
        self.policy.check_tokens(&targets)?;
        let hidden = self.hidden(pack, rows)?;
        let head = self.policy.head_index();
        Ok(ops::logp_entropy(
            &hidden,
            &self.tensors[head],
            self.packed[head].as_ref(),
            targets,
            temperature,
        )?)
    }
}
