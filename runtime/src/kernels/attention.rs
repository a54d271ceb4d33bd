//! Causal attention with rotary positions and grouped heads, over sequences of different lengths laid end to end.
//!
//! Keys are kept transposed in blocks of [`BLOCK`] positions, `(block, head_width, BLOCK)`, so that the scores of
//! neighbouring positions are computed side by side. Decoding appends to the same blocks, and a row goes through the
//! same three steps in both: `scores`, `softmax`, `mix`.

pub mod tiled;

use super::exp::exp;
use super::{dot, max, sum, vectorised, vectors};
use pulp::Simd;

/// Positions of a block of keys.
pub const BLOCK: usize = super::LANES;

/// Sizes of an attention layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head, even.
    pub head_width: usize,
}

impl Heads {
    /// Width of a row of queries.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_width
    }

    /// Width of a row of keys or of values.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_width
    }

    fn shared(&self) -> usize {
        self.heads / self.kv_heads.max(1)
    }

    /// What scores are multiplied with.
    pub fn scale(&self) -> f32 {
        (1.0 / libm::sqrt(self.head_width as f64)) as f32
    }
}

/// Cosines and sines of the rotary positions (Su et al. 2021), `(position, head_width / 2)` each. The pairs that are
/// turned are `(i, i + head_width / 2)`, as in Hugging Face's Llama.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotary {
    half: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Rotary {
    /// For positions `0..positions`, with the base of the frequencies.
    pub fn new(head_width: usize, theta: f64, positions: usize) -> Self {
        let half = head_width / 2;
        let rates: Vec<f64> = (0..half).map(|i| 1.0 / libm::pow(theta, 2.0 * i as f64 / head_width as f64)).collect();
        Self::from_rates(&rates, 1.0, positions)
    }

    /// For positions `0..positions`, from the angle per position of each pair, in radians. Cosines and sines are
    /// multiplied with `factor`. Computed in f64 and rounded once.
    pub fn from_rates(rates: &[f64], factor: f64, positions: usize) -> Self {
        let angles = || (0..positions).flat_map(|at| rates.iter().map(move |rate| at as f64 * rate));
        Self {
            half: rates.len(),
            cosines: angles().map(|angle| (factor * libm::cos(angle)) as f32).collect(),
            sines: angles().map(|angle| (factor * libm::sin(angle)) as f32).collect(),
        }
    }

    /// Number of positions.
    pub fn positions(&self) -> usize {
        self.cosines.len() / self.half.max(1)
    }

    /// Cosines by row.
    pub fn cosines(&self) -> &[f32] {
        &self.cosines
    }

    /// Sines by row.
    pub fn sines(&self) -> &[f32] {
        &self.sines
    }

    /// Turns one head `from` at `position` into `to`.
    #[inline(always)]
    pub fn turn(&self, from: &[f32], position: usize, to: &mut [f32]) {
        let row = position * self.half..(position + 1) * self.half;
        let (cosines, sines) = (&self.cosines[row.clone()], &self.sines[row]);
        let (first, second) = from.split_at(self.half);
        let (to_first, to_second) = to.split_at_mut(self.half);
        for i in 0..self.half {
            to_first[i] = first[i] * cosines[i] - second[i] * sines[i];
            to_second[i] = second[i] * cosines[i] + first[i] * sines[i];
        }
    }

    /// Turns a gradient back, in place.
    #[inline(always)]
    fn turn_back(&self, head: &mut [f32], position: usize) {
        let row = position * self.half..(position + 1) * self.half;
        let (cosines, sines) = (&self.cosines[row.clone()], &self.sines[row]);
        let (first, second) = head.split_at_mut(self.half);
        for i in 0..self.half {
            let (a, b) = (first[i], second[i]);
            first[i] = a * cosines[i] + b * sines[i];
            second[i] = b * cosines[i] - a * sines[i];
        }
    }
}

/// Puts a row of numbers at `position` of transposed blocks, which grow as needed.
#[inline(always)]
pub fn push_transposed(blocks: &mut Vec<f32>, position: usize, row: &[f32]) {
    let base = position / BLOCK * BLOCK * row.len();
    if blocks.len() < base + BLOCK * row.len() {
        blocks.resize(base + BLOCK * row.len(), 0.0);
    }
    for (slot, value) in blocks[base + position % BLOCK..].iter_mut().step_by(BLOCK).zip(row) {
        *slot = *value;
    }
}

/// `out[j] = scale * sum_d query[d] * key[j][d]`, one chain over d, for the first `out.len()` positions.
#[inline(always)]
pub(crate) fn scores<S: Simd>(simd: S, query: &[f32], blocks: &[f32], scale: f32, out: &mut [f32]) {
    let (rows, _) = blocks.as_chunks::<BLOCK>();
    let mut pairs = rows.chunks_exact(2 * query.len());
    let mut outs = out.chunks_mut(2 * BLOCK);
    // Two blocks at a time, so that one chain does not wait for itself.
    for pair in pairs.by_ref() {
        let Some(out) = outs.next() else { return };
        let (first, second) = pair.split_at(query.len());
        let mut sums = [[simd.splat_f32s(0.0); BLOCK]; 2];
        for ((query, first), second) in query.iter().zip(first).zip(second) {
            let query = simd.splat_f32s(*query);
            let (first, second) = (S::as_simd_f32s(first).0, S::as_simd_f32s(second).0);
            for v in 0..vectors::<S>() {
                sums[0][v] = simd.mul_add_f32s(query, first[v], sums[0][v]);
                sums[1][v] = simd.mul_add_f32s(query, second[v], sums[1][v]);
            }
        }
        let [first, second] = sums;
        let (out_first, out_second) = out.split_at_mut(BLOCK.min(out.len()));
        scaled(simd, first, scale, out_first);
        scaled(simd, second, scale, out_second);
    }
    if let Some(out) = outs.next() {
        let mut sums = [simd.splat_f32s(0.0); BLOCK];
        for (query, row) in query.iter().zip(pairs.remainder()) {
            let query = simd.splat_f32s(*query);
            let row = S::as_simd_f32s(row).0;
            for v in 0..vectors::<S>() {
                sums[v] = simd.mul_add_f32s(query, row[v], sums[v]);
            }
        }
        scaled(simd, sums, scale, out);
    }
}

/// Writes as many of the sums as there is room for.
#[inline(always)]
fn scaled<S: Simd>(simd: S, sums: [S::f32s; BLOCK], scale: f32, out: &mut [f32]) {
    let scale = simd.splat_f32s(scale);
    if out.len() == BLOCK {
        for (out, sum) in S::as_mut_simd_f32s(out).0.iter_mut().zip(sums) {
            *out = simd.mul_f32s(sum, scale);
        }
    } else {
        let mut all = [0f32; BLOCK];
        for (out, sum) in S::as_mut_simd_f32s(&mut all).0.iter_mut().zip(sums) {
            *out = simd.mul_f32s(sum, scale);
        }
        out.copy_from_slice(&all[..out.len()]);
    }
}

/// Turns scores into unnormalised probabilities in place; returns one over their sum.
#[inline(always)]
pub(crate) fn softmax<S: Simd>(simd: S, row: &mut [f32]) -> f32 {
    let largest = max(simd, row);
    for value in row.iter_mut() {
        *value = exp(*value - largest);
    }
    1.0 / sum(simd, row)
}

/// `out[d] += sum_j weights[j] * values[j * stride + d]`, one chain over j for each d.
#[inline(always)]
pub(crate) fn mix<S: Simd>(simd: S, weights: &[f32], values: &[f32], stride: usize, out: &mut [f32]) {
    let mut start = 0;
    let mut left = out;
    while left.len() >= 2 * BLOCK {
        let (now, rest) = left.split_at_mut(2 * BLOCK);
        mix_block::<S, { 2 * BLOCK }>(simd, weights, values.get(start..).unwrap_or_default(), stride, now);
        (left, start) = (rest, start + 2 * BLOCK);
    }
    if left.len() >= BLOCK {
        let (now, rest) = left.split_at_mut(BLOCK);
        mix_block::<S, BLOCK>(simd, weights, values.get(start..).unwrap_or_default(), stride, now);
        (left, start) = (rest, start + BLOCK);
    }
    for (d, out) in left.iter_mut().enumerate() {
        for (j, weight) in weights.iter().enumerate() {
            *out = weight.mul_add(values[j * stride + start + d], *out);
        }
    }
}

#[inline(always)]
fn mix_block<S: Simd, const WIDTH: usize>(simd: S, weights: &[f32], values: &[f32], stride: usize, out: &mut [f32]) {
    let count = WIDTH / S::F32_LANES;
    let out = S::as_mut_simd_f32s(out).0;
    let mut sums = [simd.splat_f32s(0.0); WIDTH];
    sums[..count].copy_from_slice(&out[..count]);
    for (weight, row) in weights.iter().zip(values.chunks(stride)) {
        let weight = simd.splat_f32s(*weight);
        let row = S::as_simd_f32s(&row[..WIDTH]).0;
        for v in 0..count {
            sums[v] = simd.mul_add_f32s(weight, row[v], sums[v]);
        }
    }
    out[..count].copy_from_slice(&sums[..count]);
}

/// `rows[j * row.len() + d] += weights[j] * row[d]`.
#[inline(always)]
fn add_outer<S: Simd>(simd: S, weights: &[f32], row: &[f32], rows: &mut [f32]) {
    let (row_vectors, row_rest) = S::as_simd_f32s(row);
    for (weight, out) in weights.iter().zip(rows.chunks_exact_mut(row.len())) {
        let (out_vectors, out_rest) = S::as_mut_simd_f32s(out);
        let wide = simd.splat_f32s(*weight);
        for (out, value) in out_vectors.iter_mut().zip(row_vectors) {
            *out = simd.mul_add_f32s(wide, *value, *out);
        }
        for (out, value) in out_rest.iter_mut().zip(row_rest) {
            *out = weight.mul_add(*value, *out);
        }
    }
}

/// The first position that a query at `position` sees through a window that counts its own position.
#[inline(always)]
pub fn first_seen(position: usize, window: Option<usize>) -> usize {
    window.map_or(0, |window| (position + 1).saturating_sub(window))
}

/// Hides the positions before `first`, so that they get no probability: a score of minus infinity, whose exponential
/// is exactly 0. A row may also start at any whole block before `first`: zeros do not change a sum, and the interleaved
/// sums keep their lanes.
#[inline(always)]
pub(crate) fn hide(row: &mut [f32], first: usize) {
    for score in row.iter_mut().take(first) {
        *score = f32::NEG_INFINITY;
    }
}

/// Attention of packed sequences: `q` `(T, heads * head_width)`, `k` and `v` `(T, kv_heads * head_width)`, before the
/// rotation. `segments` are the starts of the sequences and the end of the last one; position 0 is at each start.
/// `rotary` must reach the longest sequence. A `window` bounds how many positions a query sees, its own included.
/// Writes `out`, shaped as `q`.
#[allow(clippy::too_many_arguments)]
pub fn forward(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    segments: &[usize],
    heads: Heads,
    window: Option<usize>,
    rotary: &Rotary,
    out: &mut [f32],
) {
    vectorised!('a, simd, { q: &'a [f32], k: &'a [f32], v: &'a [f32], segments: &'a [usize], heads: Heads, window: Option<usize>, rotary: &'a Rotary, out: &'a mut [f32] } -> (), {
    let Heads {
        head_width: width,
        kv_heads,
        ..
    } = heads;
    let (q_stride, kv_stride, scale) = (heads.query_width(), heads.kv_width(), heads.scale());
    let mut query = vec![0f32; width];
    let mut keys = Vec::new();
    let mut row = Vec::new();

            for span in segments.windows(2) {
                let (start, length) = (span[0], span[1] - span[0]);
                row.resize(length, 0.0);
                for kv_head in 0..kv_heads {
                    transpose_keys(
                        k,
                        start,
                        length,
                        kv_stride,
                        kv_head * width,
                        width,
                        rotary,
                        &mut keys,
                        &mut query,
                    );
                    for head in kv_head * heads.shared()..(kv_head + 1) * heads.shared() {
                        for i in 0..length {
                            let at = (start + i) * q_stride + head * width;
                            rotary.turn(&q[at..at + width], i, &mut query);
                            let seen = first_seen(i, window);
                            let from = seen / BLOCK * BLOCK;
                            let row = &mut row[from..i + 1];
                            scores(simd, &query, &keys[from * width..], scale, row);
                            hide(row, seen - from);
                            let inverse = softmax(simd, row);
                            let out = &mut out[at..at + width];
                            out.fill(0.0);
                            mix(
                                simd, row,
                                &v[(start + from) * kv_stride + kv_head * width..],
                                kv_stride,
                                out,
                            );
                            for out in out {
                                *out *= inverse;
                            }
                        }
                    }
                }
            }
        });
}

/// Rotated and transposed keys of one head of one sequence.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn transpose_keys(
    k: &[f32],
    start: usize,
    length: usize,
    stride: usize,
    offset: usize,
    width: usize,
    rotary: &Rotary,
    keys: &mut Vec<f32>,
    scratch: &mut [f32],
) {
    for j in 0..length {
        let at = (start + j) * stride + offset;
        rotary.turn(&k[at..at + width], j, scratch);
        push_transposed(keys, j, scratch);
    }
}

/// Gradients of [`forward`] with respect to `q`, `k`, `v`. The probabilities are computed again, row by row.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    segments: &[usize],
    heads: Heads,
    window: Option<usize>,
    rotary: &Rotary,
    d_out: &[f32],
    dq: &mut [f32],
    dk: &mut [f32],
    dv: &mut [f32],
) {
    vectorised!('a, simd, { q: &'a [f32], k: &'a [f32], v: &'a [f32], segments: &'a [usize], heads: Heads, window: Option<usize>, rotary: &'a Rotary, d_out: &'a [f32], dq: &'a mut [f32], dk: &'a mut [f32], dv: &'a mut [f32] } -> (), {
    let Heads {
        head_width: width,
        kv_heads,
        ..
    } = heads;
    let (q_stride, kv_stride, scale) = (heads.query_width(), heads.kv_width(), heads.scale());
    let mut query = vec![0f32; width];
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    let (mut key_rows, mut d_key_rows, mut d_value_rows) = (Vec::new(), Vec::new(), Vec::new());
    let (mut row, mut d_row) = (Vec::new(), Vec::new());

            for span in segments.windows(2) {
                let (start, length) = (span[0], span[1] - span[0]);
                row.resize(length, 0f32);
                d_row.resize(length, 0f32);
                key_rows.resize(length * width, 0f32);
                for kv_head in 0..kv_heads {
                    d_key_rows.clear();
                    d_key_rows.resize(length * width, 0f32);
                    d_value_rows.clear();
                    d_value_rows.resize(length * width, 0f32);
                    for j in 0..length {
                        let at = (start + j) * kv_stride + kv_head * width;
                        let key = &mut key_rows[j * width..][..width];
                        rotary.turn(&k[at..at + width], j, key);
                        push_transposed(&mut keys, j, key);
                        push_transposed(&mut values, j, &v[at..at + width]);
                    }
                    for head in kv_head * heads.shared()..(kv_head + 1) * heads.shared() {
                        for i in 0..length {
                            let at = (start + i) * q_stride + head * width;
                            rotary.turn(&q[at..at + width], i, &mut query);
                            let seen = first_seen(i, window);
                            let from = seen / BLOCK * BLOCK;
                            let (row, d_row) = (&mut row[from..i + 1], &mut d_row[from..i + 1]);
                            scores(simd, &query, &keys[from * width..], scale, row);
                            hide(row, seen - from);
                            let inverse = softmax(simd, row);
                            for p in row.iter_mut() {
                                *p *= inverse;
                            }
                            let d_out = &d_out[at..at + width];
                            add_outer(simd, row, d_out, &mut d_value_rows[from * width..]);
                            scores(simd, d_out, &values[from * width..], 1.0, d_row);
                            let mean = dot(simd, row, d_row);
                            for (d, p) in d_row.iter_mut().zip(&*row) {
                                *d = p * (*d - mean) * scale;
                            }
                            add_outer(simd, d_row, &query, &mut d_key_rows[from * width..]);
                            let dq = &mut dq[at..at + width];
                            dq.fill(0.0);
                            mix(simd, d_row, &key_rows[from * width..], width, dq);
                            rotary.turn_back(dq, i);
                        }
                    }
                    for j in 0..length {
                        let at = (start + j) * kv_stride + kv_head * width;
                        let d_key = &mut d_key_rows[j * width..][..width];
                        rotary.turn_back(d_key, j);
                        dk[at..at + width].copy_from_slice(d_key);
                        dv[at..at + width].copy_from_slice(&d_value_rows[j * width..][..width]);
                    }
                }
            }
        });
}
