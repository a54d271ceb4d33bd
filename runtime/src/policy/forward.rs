//! The packed forward pass as a graph of candle operations: sequences of different lengths laid end to end, without
//! padding. It runs on every device and records what automatic differentiation needs; on the CPU the same pass over
//! the kernels is used instead.

use super::composed::{self, AttentionPlan};
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
        Self { tokens, positions, segments: segments.into() }
    }

    /// Length of the longest sequence.
    pub fn longest(&self) -> usize {
        self.segments.windows(2).map(|span| span[1] - span[0]).max().unwrap_or(0)
    }
}

/// The tensors of a policy at one moment: what one forward pass reads.
pub struct Weights<'a> {
    policy: &'a Policy,
    tensors: Vec<Tensor>,
}

impl<'a> Weights<'a> {
    /// The weights as variables, so that a graph is recorded.
    pub fn tracked(policy: &'a Policy) -> Self {
        Self { policy, tensors: policy.parameters.iter().map(|(_, var)| var.as_tensor().clone()).collect() }
    }

    /// The weights without a graph.
    pub fn detached(policy: &'a Policy) -> Self {
        Self { policy, tensors: policy.parameters.iter().map(|(_, var)| var.as_detached_tensor()).collect() }
    }

    fn linear(&self, x: &Tensor, idx: usize) -> candle_core::Result<Tensor> {
        x.matmul(&self.tensors[idx].t()?)
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
        for layer in 0..architecture.layers {
            let at = 1 + layer * LAYER_PARAMETERS;
            let normed = composed::rms_norm(&x, &self.tensors[at], eps)?;
            let q = self.linear(&normed, at + 1)?;
            let k = self.linear(&normed, at + 2)?;
            let v = self.linear(&normed, at + 3)?;
            x = (&x + self.linear(&composed::attention(&q, &k, &v, &plan)?, at + 4)?)?;
            let normed = composed::rms_norm(&x, &self.tensors[at + 5], eps)?;
            let gated = composed::gated_unit(&self.linear(&normed, at + 6)?, &self.linear(&normed, at + 7)?)?;
            x = (x + self.linear(&gated, at + 8)?)?;
        }
        let rows = Tensor::from_slice(rows, rows.len(), self.device())?;
        Ok(composed::rms_norm(&x.index_select(&rows, 0)?, &self.tensors[self.policy.norm_index()], eps)?)
    }

    /// Log-probability and entropy `(R, 2)` of `targets[i]` after row `rows[i]` of the pack.
    pub fn logp_entropy(
        &self,
        pack: &Pack,
        rows: &[u32],
        targets: &[u32],
        temperature: f64,
    ) -> Result<Tensor, PolicyError> {
        self.policy.check_tokens(targets)?;
        let hidden = self.hidden(pack, rows)?;
        Ok(composed::logp_entropy(&hidden, &self.tensors[self.policy.head_index()], targets, temperature)?)
    }
}
