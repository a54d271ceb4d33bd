//! Norms, gated units, biases and log-probabilities on several threads: rows are cut into pieces of a fixed size, so
//! that sums over rows, which are made piece by piece, do not depend on the threads.

use super::logprob::{self, RowStatistics};
use super::pool::Pool;
use super::{gated, norm};
use std::sync::{Mutex, PoisonError};

/// Rows of a piece.
const ROWS: usize = 64;
/// Rows of logits in a piece; they are long.
const LOGIT_ROWS: usize = 8;

/// Calls `work` once for each item, on all threads. The items are pieces of buffers that are written.
fn each<T: Send>(pool: &Pool, items: impl Iterator<Item = T>, work: impl Fn(usize, &mut T) + Sync) {
    let items: Vec<Mutex<T>> = items.map(Mutex::new).collect();
    pool.run(items.len(), &|task| work(task, &mut items[task].lock().unwrap_or_else(PoisonError::into_inner)));
}

/// As [`norm::forward`].
pub fn norm(pool: &Pool, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let length = ROWS * weight.len();
    pool.pieces(out, length, &|idx, out| norm::forward(&x[idx * length..][..out.len()], weight, eps, out));
}

/// As [`norm::backward`]; the gradient of the weight is summed within pieces, then over them.
pub fn norm_back(pool: &Pool, x: &[f32], weight: &[f32], eps: f32, dy: &[f32], dx: &mut [f32], d_weight: &mut [f32]) {
    let width = weight.len().max(1);
    let length = ROWS * width;
    let mut sums = vec![0f32; dx.len().div_ceil(length) * width];
    let pieces = x.chunks(length).zip(dy.chunks(length)).zip(dx.chunks_mut(length)).zip(sums.chunks_exact_mut(width));
    each(pool, pieces, |_, (((x, dy), dx), sums)| norm::backward(x, weight, eps, dy, dx, sums));
    for sums in sums.chunks_exact(width) {
        for (total, sum) in d_weight.iter_mut().zip(sums) {
            *total += sum;
        }
    }
}

/// As [`gated::forward`]; `width` is the length of a row.
pub fn gated(pool: &Pool, gate: &[f32], up: &[f32], width: usize, out: &mut [f32]) {
    let length = ROWS * width;
    pool.pieces(out, length, &|idx, out| {
        let here = idx * length..idx * length + out.len();
        gated::forward(&gate[here.clone()], &up[here], out);
    });
}

/// As [`gated::backward`].
pub fn gated_back(
    pool: &Pool,
    gate: &[f32],
    up: &[f32],
    dy: &[f32],
    width: usize,
    d_gate: &mut [f32],
    d_up: &mut [f32],
) {
    let length = ROWS * width.max(1);
    let inputs = gate.chunks(length).zip(up.chunks(length)).zip(dy.chunks(length));
    let pieces = inputs.zip(d_gate.chunks_mut(length).zip(d_up.chunks_mut(length)));
    each(pool, pieces, |_, (((gate, up), dy), (d_gate, d_up))| gated::backward(gate, up, dy, d_gate, d_up));
}

/// Adds a bias to each row.
pub fn add_bias(pool: &Pool, bias: &[f32], rows: &mut [f32]) {
    pool.pieces(rows, ROWS * bias.len(), &|_, rows| {
        for row in rows.chunks_exact_mut(bias.len()) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value += bias;
            }
        }
    });
}

/// Adds the sum of the rows to `sums`: within pieces, then over them.
pub fn sum_rows(pool: &Pool, rows: &[f32], sums: &mut [f32]) {
    let width = sums.len().max(1);
    let mut parts = vec![0f32; rows.len().div_ceil(ROWS * width) * width];
    each(pool, rows.chunks(ROWS * width).zip(parts.chunks_exact_mut(width)), |_, (rows, part)| {
        for row in rows.chunks_exact(width) {
            for (sum, value) in part.iter_mut().zip(row) {
                *sum += value;
            }
        }
    });
    for part in parts.chunks_exact(width) {
        for (sum, value) in sums.iter_mut().zip(part) {
            *sum += value;
        }
    }
}

/// As [`logprob::statistics`].
pub fn statistics(
    pool: &Pool,
    logits: &mut [f32],
    vocab: usize,
    temperature: f64,
    tokens: &[u32],
    out: &mut [RowStatistics],
) {
    let pieces = logits.chunks_mut(LOGIT_ROWS * vocab.max(1)).zip(tokens.chunks(LOGIT_ROWS));
    each(pool, pieces.zip(out.chunks_mut(LOGIT_ROWS)), |_, ((logits, tokens), out)| {
        logprob::statistics(logits, vocab, temperature, tokens, out);
    });
}

/// As [`logprob::backward`].
pub fn logits_back(
    pool: &Pool,
    logits: &mut [f32],
    vocab: usize,
    temperature: f64,
    tokens: &[u32],
    derivatives: &[[f32; 2]],
) {
    let pieces = logits.chunks_mut(LOGIT_ROWS * vocab.max(1)).zip(tokens.chunks(LOGIT_ROWS));
    each(pool, pieces.zip(derivatives.chunks(LOGIT_ROWS)), |_, ((logits, tokens), derivatives)| {
        logprob::backward(logits, vocab, temperature, tokens, derivatives);
    });
}
