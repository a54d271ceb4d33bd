//! Forward and backward pass of a large policy on the CPU: all threads work inside each operation, there is one sum of
//! gradients, weights are read where they lie, and of a layer only its input is kept; the rest is computed again when
//! the backward pass comes to it (Chen et al. 2016).
//!
//! The forward pass has the bits of the other one ([`super::backward`]) and of decoding. Shapes: `T` rows of the pack,
//! `R` rows that predict a response token; the last layer works on `R` rows after its attention.

use super::gradient::ShardLayout;
use super::host::with_numbers;
use super::layout::{LayerLayout, Layout, Linear};
use super::lora::Adapters;
use super::{Policy, PolicyError};
use crate::kernels::attention::{Heads, Rotary, tiled};
use crate::kernels::logprob::RowStatistics;
use crate::kernels::matmul::{Into, Left, Right, multiply};
use crate::kernels::pool::Pool;
use crate::kernels::rows;
use candle_core::Tensor;
use std::sync::Arc;

/// Tokens after which a micro-batch of a large policy is full: enough rows that packing weights for a product is a
/// small part of it.
pub(crate) const MICRO_BATCH_TOKENS: usize = 2048;

/// Rows of logits that exist at one time; each block of them reads the whole head.
pub(crate) const LOGIT_ROWS: usize = 512;

/// What the backward pass of a layer needs, while that layer is worked on.
#[derive(Default)]
struct Activations {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// Queries and keys after the norms of heads, where there are any.
    normed_q: Vec<f32>,
    normed_k: Vec<f32>,
    /// Output of attention, (T, heads * head_width); (R, …) in the last layer.
    mixed: Vec<f32>,
    /// Input of the second norm, (T, width); (R, width) in the last layer.
    y: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
}

/// Buffers, kept from micro-batch to micro-batch.
#[derive(Default)]
pub(crate) struct Workspace {
    /// Inputs of the layers, (T, width) each.
    inputs: Vec<Vec<f32>>,
    kept: Activations,
    /// Hidden states before the last norm, (R, width).
    last: Vec<f32>,
    normed: Vec<f32>,
    wide: Vec<f32>,
    logits: Vec<f32>,
    d_x: Vec<f32>,
    d_y: Vec<f32>,
    d_normed: Vec<f32>,
    d_mixed: Vec<f32>,
    d_gate: Vec<f32>,
    d_up: Vec<f32>,
    d_q: Vec<f32>,
    d_k: Vec<f32>,
    d_v: Vec<f32>,
}

/// A large policy at one moment: its weights where they lie.
pub(crate) struct Large<'a> {
    tensors: Vec<Tensor>,
    layout: &'a Layout,
    windows: &'a [Option<usize>],
    heads: Heads,
    width: usize,
    hidden: usize,
    vocab: usize,
    eps: f32,
    rotary: Arc<Rotary>,
    adapters: Option<&'a Adapters>,
    pool: &'a Pool,
}

/// Gradients in the order of what is trained; an empty one stands for zeros, and memory is taken when it is first
/// written.
pub(crate) type Sums = [Vec<f32>];

type Done = candle_core::Result<()>;

fn resized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.resize(length, 0.0);
    buffer
}

fn gather(from: &[f32], rows: &[u32], width: usize, out: &mut Vec<f32>) {
    out.clear();
    for row in rows {
        out.extend_from_slice(&from[*row as usize * width..][..width]);
    }
}

fn scatter(from: &[f32], rows: &[u32], width: usize, all: usize, out: &mut Vec<f32>) {
    out.clear();
    out.resize(all * width, 0.0);
    for (row, from) in rows.iter().zip(from.chunks_exact(width)) {
        out[*row as usize * width..][..width].copy_from_slice(from);
    }
}

impl<'a> Large<'a> {
    /// `positions` is the length of the longest sequence to come.
    pub(crate) fn new(policy: &'a Policy, positions: usize, pool: &'a Pool) -> Self {
        let shape = &policy.shape;
        Self {
            tensors: policy.parameters.iter().map(|(_, var)| var.as_detached_tensor()).collect(),
            layout: policy.layout(),
            windows: &shape.windows,
            heads: policy.heads(),
            width: shape.width,
            hidden: shape.hidden,
            vocab: shape.vocab,
            eps: shape.norm_eps as f32,
            rotary: policy.rotary(positions),
            adapters: policy.adapters(),
            pool,
        }
    }

    /// `out = x · weight^T + bias`, or that added to `out`.
    fn linear(&self, at: Linear, x: &[f32], rows: usize, out: &mut Vec<f32>, add: bool) -> Done {
        let (columns, inner) = self.tensors[at.weight].dims2()?;
        out.resize(rows * columns, 0.0);
        let into = if add { Into::Add } else { Into::Replace };
        with_numbers(&self.tensors[at.weight], |values| {
            multiply(Some(self.pool), Left::Rows(x), rows, Right::Columns { values, inner, columns }, out, into);
            Ok(())
        })?;
        match at.bias {
            None => Ok(()),
            Some(bias) => with_numbers(&self.tensors[bias], |bias| {
                rows::add_bias(self.pool, bias, out);
                Ok(())
            }),
        }
    }

    /// `dx = dy · weight`, or that added to `dx`.
    fn linear_back(&self, weight: usize, dy: &[f32], rows: usize, dx: &mut Vec<f32>, add: bool) -> Done {
        let (inner, columns) = self.tensors[weight].dims2()?;
        dx.resize(rows * columns, 0.0);
        let into = if add { Into::Continue } else { Into::Replace };
        with_numbers(&self.tensors[weight], |values| {
            multiply(Some(self.pool), Left::Rows(dy), rows, Right::Rows { values, inner, columns }, dx, into);
            Ok(())
        })
    }

    /// Adds `dy^T · x` to the gradient of a weight, and the sum of the rows of `dy` to that of its bias.
    fn linear_gradient(&self, at: Linear, dy: &[f32], x: &[f32], rows: usize, sums: &mut Sums) -> Done {
        if let Some(adapters) = self.adapters {
            return self.adapter_gradient(adapters, at, dy, x, rows, sums);
        }
        let (out, columns) = self.tensors[at.weight].dims2()?;
        let into = if sums[at.weight].is_empty() { Into::Replace } else { Into::Continue };
        let right = Right::Rows { values: x, inner: rows, columns };
        let sum = resized(&mut sums[at.weight], out * columns);
        multiply(Some(self.pool), Left::Transposed(dy), out, right, sum, into);
        if let Some(bias) = at.bias {
            rows::sum_rows(self.pool, dy, resized(&mut sums[bias], out));
        }
        Ok(())
    }

    /// The same for the factors of a projection: with `s` the scale, `dA += (s dy · B)^T · x` and
    /// `dB += dy^T · (s x · A^T)`.
    fn adapter_gradient(
        &self,
        adapters: &Adapters,
        at: Linear,
        dy: &[f32],
        x: &[f32],
        rows: usize,
        sums: &mut Sums,
    ) -> Done {
        let Some(pair) = adapters.index(at.weight) else { return Ok(()) };
        let (out, inner) = self.tensors[at.weight].dims2()?;
        let (rank, scale, pool) = (adapters.rank, adapters.scale() as f32, Some(self.pool));
        let [a, b] = [pair, pair + 1].map(|at| adapters.parameters[at].1.as_detached_tensor());
        let scaled = |values: &mut [f32]| values.iter_mut().for_each(|value| *value *= scale);
        let mut narrow = vec![0f32; rows * rank];
        with_numbers(&b, |b| {
            let right = Right::Rows { values: b, inner: out, columns: rank };
            multiply(pool, Left::Rows(dy), rows, right, &mut narrow, Into::Replace);
            Ok(())
        })?;
        scaled(&mut narrow);
        let right = Right::Rows { values: x, inner: rows, columns: inner };
        let sum = resized(&mut sums[pair], rank * inner);
        multiply(pool, Left::Transposed(&narrow), rank, right, sum, Into::Continue);
        with_numbers(&a, |a| {
            let right = Right::Columns { values: a, inner, columns: rank };
            multiply(pool, Left::Rows(x), rows, right, &mut narrow, Into::Replace);
            Ok(())
        })?;
        scaled(&mut narrow);
        let right = Right::Rows { values: &narrow, inner: rows, columns: rank };
        let sum = resized(&mut sums[pair + 1], out * rank);
        multiply(pool, Left::Transposed(dy), out, right, sum, Into::Continue);
        Ok(())
    }

    fn norm(&self, at: usize, x: &[f32], out: &mut Vec<f32>) -> Done {
        with_numbers(&self.tensors[at], |weight| {
            rows::norm(self.pool, x, weight, self.eps, resized(out, x.len()));
            Ok(())
        })
    }

    /// Adds to `dx` and to the gradient of the weight, if that is trained.
    fn norm_back(&self, at: usize, x: &[f32], dy: &[f32], dx: &mut [f32], sums: &mut Sums) -> Done {
        let mut frozen = Vec::new();
        let sum = if self.adapters.is_some() { &mut frozen } else { &mut sums[at] };
        with_numbers(&self.tensors[at], |weight| {
            rows::norm_back(self.pool, x, weight, self.eps, dy, dx, resized(sum, weight.len()));
            Ok(())
        })
    }

    fn plan<'b>(&'b self, layer: usize, layout: &'b ShardLayout) -> tiled::Plan<'b> {
        tiled::Plan {
            segments: &layout.pack.segments,
            heads: self.heads,
            window: self.windows.get(layer).copied().flatten(),
            rotary: &self.rotary,
        }
    }

    fn is_last(&self, layer: usize) -> bool {
        layer + 1 == self.layout.layers.len()
    }

    /// A layer up to the gated unit: from its input `x` to all activations.
    fn first_part(&self, layer: usize, layout: &ShardLayout, x: &[f32], space: &mut Workspace) -> Done {
        let at = &self.layout.layers[layer];
        let Workspace { kept, normed, wide, .. } = space;
        let all = layout.pack.tokens.len();
        self.norm(at.first_norm, x, normed)?;
        self.linear(at.q, normed, all, &mut kept.q, false)?;
        self.linear(at.k, normed, all, &mut kept.k, false)?;
        self.linear(at.v, normed, all, &mut kept.v, false)?;
        let (mut q, mut k) = (&kept.q, &kept.k);
        if let Some([of_q, of_k]) = at.head_norms {
            self.norm(of_q, q, &mut kept.normed_q)?;
            self.norm(of_k, k, &mut kept.normed_k)?;
            (q, k) = (&kept.normed_q, &kept.normed_k);
        }
        let mixed = resized(&mut kept.mixed, all * self.heads.query_width());
        tiled::forward(self.pool, q, k, &kept.v, self.plan(layer, layout), mixed);
        let mut n = all;
        if self.is_last(layer) {
            n = layout.rows.len();
            std::mem::swap(&mut kept.mixed, wide);
            gather(wide, &layout.rows, self.heads.query_width(), &mut kept.mixed);
            gather(x, &layout.rows, self.width, &mut kept.y);
        } else {
            kept.y.clear();
            kept.y.extend_from_slice(x);
        }
        self.linear(at.o, &kept.mixed, n, &mut kept.y, true)?;
        self.norm(at.second_norm, &kept.y, normed)?;
        self.linear(at.gate, normed, n, &mut kept.gate, false)?;
        self.linear(at.up, normed, n, &mut kept.up, false)
    }

    /// `wide = silu(gate) * up`.
    fn gated(&self, space: &mut Workspace) {
        let Workspace { kept, wide, .. } = space;
        rows::gated(self.pool, &kept.gate, &kept.up, self.hidden, resized(wide, kept.gate.len()));
    }

    /// Log-probabilities and entropies, (R, 2), of the response tokens of a micro-batch. Without `keep` nothing is kept
    /// for a backward pass.
    pub(crate) fn forward(
        &self,
        layout: &ShardLayout,
        space: &mut Workspace,
        keep: bool,
    ) -> Result<Vec<[f32; 2]>, PolicyError> {
        let mut x = Vec::with_capacity(layout.pack.tokens.len() * self.width);
        with_numbers(&self.tensors[0], |embedding| {
            for token in &layout.pack.tokens {
                x.extend_from_slice(&embedding[*token as usize * self.width..][..self.width]);
            }
            Ok(())
        })?;
        space.inputs.clear();
        for (layer, at) in self.layout.layers.iter().enumerate() {
            self.first_part(layer, layout, &x, space)?;
            self.gated(space);
            let mut out = if keep { Vec::new() } else { std::mem::take(&mut x) };
            out.clear();
            out.extend_from_slice(&space.kept.y);
            let n = space.kept.y.len() / self.width;
            self.linear(at.down, &space.wide, n, &mut out, true)?;
            let input = std::mem::replace(&mut x, out);
            if keep {
                space.inputs.push(input);
            }
        }
        space.last = x;
        let mut out = Vec::with_capacity(layout.rows.len());
        let hidden = std::mem::take(&mut space.last);
        for (hidden, tokens) in hidden.chunks(LOGIT_ROWS * self.width).zip(layout.targets.chunks(LOGIT_ROWS)) {
            self.logits(hidden, space)?;
            let mut said = vec![RowStatistics { logp: 0.0, entropy: 0.0 }; tokens.len()];
            rows::statistics(self.pool, &mut space.logits, self.vocab, layout.temperature, tokens, &mut said);
            out.extend(said.iter().map(|said| [said.logp, said.entropy]));
        }
        space.last = hidden;
        Ok(out)
    }

    /// Logits after every row of a micro-batch that is asked for, (R, vocab).
    pub(crate) fn all_logits(&self, layout: &ShardLayout, space: &mut Workspace) -> Result<Vec<f32>, PolicyError> {
        self.forward(layout, space, false)?;
        let hidden = std::mem::take(&mut space.last);
        let mut out = Vec::with_capacity(layout.rows.len() * self.vocab);
        for hidden in hidden.chunks(LOGIT_ROWS * self.width) {
            self.logits(hidden, space)?;
            out.extend_from_slice(&space.logits);
        }
        Ok(out)
    }

    /// The last norm and the logits of rows of hidden states.
    fn logits(&self, hidden: &[f32], space: &mut Workspace) -> Done {
        self.norm(self.layout.last_norm, hidden, &mut space.normed)?;
        let head = Linear { weight: self.layout.head, bias: None };
        self.linear(head, &space.normed, hidden.len() / self.width, &mut space.logits, false)
    }

    /// Adds the gradients of `sum(d_logp * logp + d_entropy * entropy)` to `sums`. [`Large::forward`] must have run on
    /// the same micro-batch and workspace just before, and kept what it needs.
    pub(crate) fn backward(
        &self,
        layout: &ShardLayout,
        derivatives: &[[f32; 2]],
        space: &mut Workspace,
        sums: &mut Sums,
    ) -> Result<(), PolicyError> {
        let rows = layout.rows.len();
        let head = Linear { weight: self.layout.head, bias: None };
        let mut d_x = std::mem::take(&mut space.d_x);
        d_x.clear();
        d_x.resize(rows * self.width, 0.0);
        let hidden = std::mem::take(&mut space.last);
        let chunk = LOGIT_ROWS * self.width;
        let chunks = hidden.chunks(chunk).zip(d_x.chunks_mut(chunk));
        let chunks = chunks.zip(layout.targets.chunks(LOGIT_ROWS).zip(derivatives.chunks(LOGIT_ROWS)));
        for ((hidden, d_hidden), (tokens, derivatives)) in chunks {
            self.logits(hidden, space)?;
            let Workspace { logits, normed, d_normed, .. } = space;
            rows::logits_back(self.pool, logits, self.vocab, layout.temperature, tokens, derivatives);
            self.linear_back(head.weight, logits, tokens.len(), d_normed, false)?;
            self.linear_gradient(head, logits, normed, tokens.len(), sums)?;
            self.norm_back(self.layout.last_norm, hidden, d_normed, d_hidden, sums)?;
        }
        // The logits are the largest buffer, and the gradients of the layers are still to come.
        space.logits = Vec::new();
        space.last = hidden;
        space.d_x = d_x;
        for (layer, at) in self.layout.layers.iter().enumerate().rev() {
            let input = space.inputs.pop().unwrap_or_default();
            // What the forward pass of the last layer left is still there.
            if !self.is_last(layer) {
                self.first_part(layer, layout, &input, space)?;
            }
            self.backward_layer(layer, at, layout, &input, space, sums)?;
        }
        if self.adapters.is_some() {
            return Ok(());
        }
        let embedding = resized(&mut sums[0], self.vocab * self.width);
        for (token, d_x) in layout.pack.tokens.iter().zip(space.d_x.chunks_exact(self.width)) {
            for (sum, d_x) in embedding[*token as usize * self.width..].iter_mut().zip(d_x) {
                *sum += d_x;
            }
        }
        Ok(())
    }

    /// Turns `d_x` from the gradient of the output of a layer into that of its input `x`.
    fn backward_layer(
        &self,
        layer: usize,
        at: &LayerLayout,
        layout: &ShardLayout,
        x: &[f32],
        space: &mut Workspace,
        sums: &mut Sums,
    ) -> Done {
        let all = layout.pack.tokens.len();
        let n = if self.is_last(layer) { layout.rows.len() } else { all };
        let pool = self.pool;

        // x_next = y + gated(gate, up) · down^T
        self.gated(space);
        let Workspace { kept, normed, wide, d_x, d_y, d_normed, d_mixed, d_gate, d_up, d_q, d_k, d_v, .. } = space;
        self.linear_gradient(at.down, d_x, wide, n, sums)?;
        self.linear_back(at.down.weight, d_x, n, wide, false)?;
        let (to_gate, to_up) = (resized(d_gate, n * self.hidden), resized(d_up, n * self.hidden));
        rows::gated_back(pool, &kept.gate, &kept.up, wide, self.hidden, to_gate, to_up);
        self.norm(at.second_norm, &kept.y, normed)?;
        self.linear_gradient(at.gate, d_gate, normed, n, sums)?;
        self.linear_gradient(at.up, d_up, normed, n, sums)?;
        self.linear_back(at.gate.weight, d_gate, n, d_normed, false)?;
        self.linear_back(at.up.weight, d_up, n, d_normed, true)?;
        // d_y starts as the residual's share.
        std::mem::swap(d_y, d_x);
        self.norm_back(at.second_norm, &kept.y, d_normed, d_y, sums)?;

        // y = x + mixed · o^T
        self.linear_gradient(at.o, d_y, &kept.mixed, n, sums)?;
        self.linear_back(at.o.weight, d_y, n, d_mixed, false)?;
        if self.is_last(layer) {
            scatter(d_mixed, &layout.rows, self.heads.query_width(), all, wide);
            std::mem::swap(wide, d_mixed);
            scatter(d_y, &layout.rows, self.width, all, d_x);
        } else {
            std::mem::swap(d_x, d_y);
        }

        // mixed = attention(q, k, v) of the normed input
        let (of_q, of_kv) = (all * self.heads.query_width(), all * self.heads.kv_width());
        let (to_q, to_k, to_v) = (resized(d_q, of_q), resized(d_k, of_kv), resized(d_v, of_kv));
        let plan = self.plan(layer, layout);
        if let Some([at_q, at_k]) = at.head_norms {
            tiled::backward(pool, &kept.normed_q, &kept.normed_k, &kept.v, plan, d_mixed, to_q, to_k, to_v);
            for (raw, at, d, spare) in
                [(&kept.q, at_q, &mut *d_q, &mut kept.normed_q), (&kept.k, at_k, &mut *d_k, &mut kept.normed_k)]
            {
                std::mem::swap(d, spare);
                d.clear();
                d.resize(raw.len(), 0.0);
                self.norm_back(at, raw, spare, d, sums)?;
            }
        } else {
            tiled::backward(pool, &kept.q, &kept.k, &kept.v, plan, d_mixed, to_q, to_k, to_v);
        }
        self.norm(at.first_norm, x, normed)?;
        for (at, d, add) in [(at.q, &*d_q, false), (at.k, &*d_k, true), (at.v, &*d_v, true)] {
            self.linear_gradient(at, d, normed, all, sums)?;
            self.linear_back(at.weight, d, all, d_normed, add)?;
        }
        self.norm_back(at.first_norm, x, d_normed, d_x, sums)
    }
}
