//! Forward and backward pass of a shard on the CPU, written out over the kernels.
//!
//! There is no recorded graph here: the order of operations is that of the file, and every parameter is written to.
//! The buffers of a lane are used again for each of its shards. Shapes: `T` rows of the pack, `R` rows that predict a
//! response token; the last layer works on `R` rows after its attention, since nobody reads the others.

use super::gradient::ShardLayout;
use super::host::{HostWeights, Layer, Matrix};
use super::layout::{LayerLayout, Linear};
use crate::kernels::logprob::{self, RowStatistics};
use crate::kernels::matmul::{Left, Panels, product};
use crate::kernels::{attention, gated, norm};

/// Rows of logits that exist at one time.
pub(crate) const LOGIT_ROWS: usize = 128;

/// What the backward pass of a layer needs; norms and the gated unit are computed again.
#[derive(Default)]
struct Activations {
    /// Input, (T, width).
    x: Vec<f32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// Output of attention, (T, heads * head_width); (R, …) in the last layer.
    mixed: Vec<f32>,
    /// Input of the second norm, (T, width); (R, width) in the last layer.
    y: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
}

/// Buffers of one lane.
pub(crate) struct Workspace {
    layers: Vec<Activations>,
    /// Hidden states before the last norm, (R, width).
    last: Vec<f32>,
    normed: Vec<f32>,
    wide: Vec<f32>,
    normed_q: Vec<f32>,
    normed_k: Vec<f32>,
    all_mixed: Vec<f32>,
    logits: Vec<f32>,
    said: Vec<RowStatistics>,
    panels: Panels,
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

impl Workspace {
    pub(crate) fn new() -> Self {
        Self {
            layers: Vec::new(),
            last: Vec::new(),
            normed: Vec::new(),
            wide: Vec::new(),
            normed_q: Vec::new(),
            normed_k: Vec::new(),
            all_mixed: Vec::new(),
            logits: Vec::new(),
            said: Vec::new(),
            panels: Panels::empty(),
            d_x: Vec::new(),
            d_y: Vec::new(),
            d_normed: Vec::new(),
            d_mixed: Vec::new(),
            d_gate: Vec::new(),
            d_up: Vec::new(),
            d_q: Vec::new(),
            d_k: Vec::new(),
            d_v: Vec::new(),
        }
    }
}

/// `out = x · weight^T + bias`, resized.
fn linear(x: &[f32], rows: usize, weight: &Matrix, out: &mut Vec<f32>) {
    out.resize(rows * weight.forward.columns(), 0.0);
    weight.apply(x, rows, out, false);
}

/// Copies rows of heads and normalises each head of them.
fn normed_heads(heads: &[f32], weight: &[f32], eps: f32, out: &mut Vec<f32>) {
    out.resize(heads.len(), 0.0);
    norm::forward(heads, weight, eps, out);
}

/// `dx = dy · weight`, resized, or added to what is there.
fn linear_back(dy: &[f32], rows: usize, weight: &Matrix, dx: &mut Vec<f32>, accumulate: bool) {
    dx.resize(rows * weight.backward.columns(), 0.0);
    product(Left::Rows(dy), rows, &weight.backward, dx, accumulate);
}

/// `out = rows of from`.
fn gather(from: &[f32], rows: &[u32], width: usize, out: &mut Vec<f32>) {
    out.clear();
    for row in rows {
        out.extend_from_slice(&from[*row as usize * width..][..width]);
    }
}

/// The reverse of [`gather`]; other rows are 0.
fn scatter(from: &[f32], rows: &[u32], width: usize, all: usize, out: &mut Vec<f32>) {
    out.clear();
    out.resize(all * width, 0.0);
    for (row, from) in rows.iter().zip(from.chunks_exact(width)) {
        out[*row as usize * width..][..width].copy_from_slice(from);
    }
}

/// `weight gradient += dy^T · x`, x being packed in `panels`.
fn weight_gradient(dy: &[f32], panels: &Panels, gradient: &mut [f32]) {
    let out = dy.len() / panels.inner().max(1);
    product(Left::Transposed(dy), out, panels, gradient, true);
}

/// [`weight_gradient`] of a projection, and `bias gradient += sum of the rows of dy`, row after row.
fn linear_gradient(dy: &[f32], panels: &Panels, at: Linear, gradients: &mut [Vec<f32>]) {
    weight_gradient(dy, panels, &mut gradients[at.weight]);
    if let Some(bias) = at.bias {
        let gradient = &mut gradients[bias];
        for row in dy.chunks_exact(gradient.len()) {
            for (sum, dy) in gradient.iter_mut().zip(row) {
                *sum += dy;
            }
        }
    }
}

impl HostWeights {
    /// Log-probabilities and entropies, (R, 2), of the response tokens of a shard.
    pub(crate) fn forward(&self, layout: &ShardLayout, space: &mut Workspace) -> Vec<[f32; 2]> {
        let (all, rows) = (layout.pack.tokens.len(), layout.rows.len());
        space.layers.resize_with(self.layers.len(), Activations::default);
        self.embed(&layout.pack.tokens, &mut space.last);
        for (idx, (layer, kept)) in self.layers.iter().zip(&mut space.layers).enumerate() {
            std::mem::swap(&mut kept.x, &mut space.last);
            space.normed.resize(all * self.width, 0.0);
            norm::forward(&kept.x, &layer.first_norm, self.eps, &mut space.normed);
            linear(&space.normed, all, &layer.q, &mut kept.q);
            linear(&space.normed, all, &layer.k, &mut kept.k);
            linear(&space.normed, all, &layer.v, &mut kept.v);
            kept.mixed.resize(all * self.heads.query_width(), 0.0);
            let segments = &layout.pack.segments;
            let (mut q, mut k) = (&kept.q, &kept.k);
            if let Some([of_q, of_k]) = &layer.head_norms {
                normed_heads(q, of_q, self.eps, &mut space.normed_q);
                normed_heads(k, of_k, self.eps, &mut space.normed_k);
                (q, k) = (&space.normed_q, &space.normed_k);
            }
            let (heads, window) = (self.heads, layer.window);
            attention::forward(q, k, &kept.v, segments, heads, window, &self.rotary, &mut kept.mixed);
            let mut n = all;
            if idx + 1 == self.layers.len() {
                n = rows;
                std::mem::swap(&mut kept.mixed, &mut space.all_mixed);
                gather(&space.all_mixed, &layout.rows, self.heads.query_width(), &mut kept.mixed);
                gather(&kept.x, &layout.rows, self.width, &mut kept.y);
            } else {
                kept.y.clear();
                kept.y.extend_from_slice(&kept.x);
            }
            layer.o.apply(&kept.mixed, n, &mut kept.y, true);
            space.normed.resize(n * self.width, 0.0);
            norm::forward(&kept.y, &layer.second_norm, self.eps, &mut space.normed);
            linear(&space.normed, n, &layer.gate, &mut kept.gate);
            linear(&space.normed, n, &layer.up, &mut kept.up);
            space.wide.resize(n * self.hidden, 0.0);
            gated::forward(&kept.gate, &kept.up, &mut space.wide);
            space.last.clear();
            space.last.extend_from_slice(&kept.y);
            layer.down.apply(&space.wide, n, &mut space.last, true);
        }
        let mut out = Vec::with_capacity(rows);
        for (hidden, tokens) in space.last.chunks(LOGIT_ROWS * self.width).zip(layout.targets.chunks(LOGIT_ROWS)) {
            self.logits(hidden, &mut space.normed, &mut space.logits);
            space.said.resize(tokens.len(), RowStatistics { logp: 0.0, entropy: 0.0 });
            logprob::statistics(&mut space.logits, self.vocab(), layout.temperature, tokens, &mut space.said);
            out.extend(space.said.iter().map(|said| [said.logp, said.entropy]));
        }
        out
    }

    /// Adds the gradients of `sum(d_logp * logp + d_entropy * entropy)` to `gradients`, which are in the order of the
    /// parameters. [`HostWeights::forward`] must have run on the same shard and workspace just before.
    pub(crate) fn backward(
        &self,
        layout: &ShardLayout,
        derivatives: &[[f32; 2]],
        space: &mut Workspace,
        gradients: &mut [Vec<f32>],
    ) {
        let rows = layout.rows.len();
        space.d_x.clear();
        space.d_x.resize(rows * self.width, 0.0);
        let chunk = LOGIT_ROWS * self.width;
        let chunks = space.last.chunks(chunk).zip(space.d_x.chunks_mut(chunk));
        let chunks = chunks.zip(layout.targets.chunks(LOGIT_ROWS).zip(derivatives.chunks(LOGIT_ROWS)));
        for ((hidden, d_hidden), (tokens, derivatives)) in chunks {
            self.logits(hidden, &mut space.normed, &mut space.logits);
            logprob::backward(&mut space.logits, self.vocab(), layout.temperature, tokens, derivatives);
            linear_back(&space.logits, tokens.len(), &self.head, &mut space.d_normed, false);
            space.panels.refill(&space.normed, tokens.len(), self.width);
            weight_gradient(&space.logits, &space.panels, &mut gradients[self.layout.head]);
            let d_norm = &mut gradients[self.layout.last_norm];
            norm::backward(hidden, &self.last_norm, self.eps, &space.d_normed, d_hidden, d_norm);
        }
        for (idx, (layer, at)) in self.layers.iter().zip(&self.layout.layers).enumerate().rev() {
            self.backward_layer(layer, at, idx, layout, space, gradients);
        }
        let embedding = &mut gradients[0];
        for (token, d_x) in layout.pack.tokens.iter().zip(space.d_x.chunks_exact(self.width)) {
            for (sum, d_x) in embedding[*token as usize * self.width..].iter_mut().zip(d_x) {
                *sum += d_x;
            }
        }
    }

    /// Turns `d_x` from the gradient of the output of a layer into that of its input.
    fn backward_layer(
        &self,
        layer: &Layer,
        at: &LayerLayout,
        idx: usize,
        layout: &ShardLayout,
        space: &mut Workspace,
        gradients: &mut [Vec<f32>],
    ) {
        let Workspace {
            layers,
            normed,
            wide,
            normed_q,
            normed_k,
            panels,
            d_x,
            d_y,
            d_normed,
            d_mixed,
            d_gate,
            d_up,
            d_q,
            d_k,
            d_v,
            ..
        } = space;
        let is_last = idx + 1 == self.layers.len();
        let kept = &layers[idx];
        let all = layout.pack.tokens.len();
        let n = if is_last { layout.rows.len() } else { all };

        // x_next = y + gated(gate, up) · down^T
        wide.resize(n * self.hidden, 0.0);
        gated::forward(&kept.gate, &kept.up, wide);
        panels.refill(wide, n, self.hidden);
        linear_gradient(d_x, panels, at.down, gradients);
        linear_back(d_x, n, &layer.down, wide, false);
        d_gate.resize(n * self.hidden, 0.0);
        d_up.resize(n * self.hidden, 0.0);
        gated::backward(&kept.gate, &kept.up, wide, d_gate, d_up);
        normed.resize(n * self.width, 0.0);
        norm::forward(&kept.y, &layer.second_norm, self.eps, normed);
        panels.refill(normed, n, self.width);
        linear_gradient(d_gate, panels, at.gate, gradients);
        linear_gradient(d_up, panels, at.up, gradients);
        linear_back(d_gate, n, &layer.gate, d_normed, false);
        linear_back(d_up, n, &layer.up, d_normed, true);
        // d_y starts as the residual's share.
        std::mem::swap(d_y, d_x);
        norm::backward(&kept.y, &layer.second_norm, self.eps, d_normed, d_y, &mut gradients[at.second_norm]);

        // y = x + mixed · o^T
        panels.refill(&kept.mixed, n, self.heads.query_width());
        linear_gradient(d_y, panels, at.o, gradients);
        linear_back(d_y, n, &layer.o, d_mixed, false);
        if is_last {
            scatter(d_mixed, &layout.rows, self.heads.query_width(), all, wide);
            std::mem::swap(wide, d_mixed);
            scatter(d_y, &layout.rows, self.width, all, d_x);
        } else {
            std::mem::swap(d_x, d_y);
        }

        // mixed = attention(q, k, v) of the normed input
        d_q.resize(all * self.heads.query_width(), 0.0);
        d_k.resize(all * self.heads.kv_width(), 0.0);
        d_v.resize(all * self.heads.kv_width(), 0.0);
        let segments = &layout.pack.segments;
        let (heads, window, rotary) = (self.heads, layer.window, &self.rotary);
        if let (Some([of_q, of_k]), Some([at_q, at_k])) = (&layer.head_norms, at.head_norms) {
            normed_heads(&kept.q, of_q, self.eps, normed_q);
            normed_heads(&kept.k, of_k, self.eps, normed_k);
            attention::backward(normed_q, normed_k, &kept.v, segments, heads, window, rotary, d_mixed, d_q, d_k, d_v);
            for (raw, weight, d, spare, at) in
                [(&kept.q, of_q, &mut *d_q, normed_q, at_q), (&kept.k, of_k, &mut *d_k, normed_k, at_k)]
            {
                std::mem::swap(d, spare);
                d.clear();
                d.resize(raw.len(), 0.0);
                norm::backward(raw, weight, self.eps, spare, d, &mut gradients[at]);
            }
        } else {
            attention::backward(&kept.q, &kept.k, &kept.v, segments, heads, window, rotary, d_mixed, d_q, d_k, d_v);
        }
        normed.resize(all * self.width, 0.0);
        norm::forward(&kept.x, &layer.first_norm, self.eps, normed);
        panels.refill(normed, all, self.width);
        linear_gradient(d_q, panels, at.q, gradients);
        linear_gradient(d_k, panels, at.k, gradients);
        linear_gradient(d_v, panels, at.v, gradients);
        linear_back(d_q, all, &layer.q, d_normed, false);
        linear_back(d_k, all, &layer.k, d_normed, true);
        linear_back(d_v, all, &layer.v, d_normed, true);
        norm::backward(&kept.x, &layer.first_norm, self.eps, d_normed, d_x, &mut gradients[at.first_norm]);
    }
}
