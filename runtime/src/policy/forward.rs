//! The packed forward pass as a graph of candle operations: sequences of different lengths laid end to end, without
//! padding. It runs on every device and records what automatic differentiation needs; on the CPU the same pass over
//! the kernels is used instead.

use super::composed::{self, AttentionPlan};
use super::layout::Linear;
use super::{Policy, PolicyError};
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
    pub fn tracked(policy: &'a Policy) -> candle_core::Result<Self> {
        Ok(Self { policy, tensors: policy.tracked()? })
    }

    /// The weights without a graph.
    pub fn detached(policy: &'a Policy) -> Self {
        Self { policy, tensors: policy.parameters.iter().map(|(_, var)| var.as_detached_tensor()).collect() }
    }

    fn linear(&self, x: &Tensor, at: Linear) -> candle_core::Result<Tensor> {
        let out = x.matmul(&self.tensors[at.weight].t()?)?;
        at.bias.map_or(Ok(out.clone()), |bias| out.broadcast_add(&self.tensors[bias]))
    }

    fn device(&self) -> &Device {
        self.tensors[0].device()
    }

    /// Hidden states after the last norm, of the rows `rows` of the pack: `(rows, width)`.
    pub fn hidden(&self, pack: &Pack, rows: &[u32]) -> Result<Tensor, PolicyError> {
        let shape = &self.policy.shape;
        let layout = self.policy.layout();
        self.policy.check_tokens(&pack.tokens)?;
        let mut plan = AttentionPlan {
            heads: self.policy.heads(),
            window: None,
            segments: pack.segments.clone(),
            rotary: self.policy.rotary(pack.longest()),
        };
        let eps = shape.norm_eps;
        let tokens = Tensor::from_slice(&pack.tokens, pack.tokens.len(), self.device())?;
        let mut x = self.tensors[0].index_select(&tokens, 0)?;
        for (idx, at) in layout.layers.iter().enumerate() {
            let normed = composed::rms_norm(&x, &self.tensors[at.first_norm], eps)?;
            let mut q = self.linear(&normed, at.q)?;
            let mut k = self.linear(&normed, at.k)?;
            let v = self.linear(&normed, at.v)?;
            if let Some([of_q, of_k]) = at.head_norms {
                q = composed::head_norm(&q, &self.tensors[of_q], eps)?;
                k = composed::head_norm(&k, &self.tensors[of_k], eps)?;
            }
            plan.window = shape.windows.get(idx).copied().flatten();
            x = (&x + self.linear(&composed::attention(&q, &k, &v, &plan)?, at.o)?)?;
            let normed = composed::rms_norm(&x, &self.tensors[at.second_norm], eps)?;
            let gated = composed::gated_unit(&self.linear(&normed, at.gate)?, &self.linear(&normed, at.up)?)?;
            x = (x + self.linear(&gated, at.down)?)?;
        }
        let rows = Tensor::from_slice(rows, rows.len(), self.device())?;
        Ok(composed::rms_norm(&x.index_select(&rows, 0)?, &self.tensors[layout.last_norm], eps)?)
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
        Ok(composed::logp_entropy(&hidden, &self.tensors[self.policy.layout().head], targets, temperature)?)
    }
}
