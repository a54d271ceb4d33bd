//! Attention over products of whole tiles, on several threads: for long sequences, where keys and values of a head do
//! not stay in the nearest cache while row after row reads them.
//!
//! The forward pass has the bits of [`super::forward`]: a score is the same chain over the head, a row goes through the
//! same `softmax`, and values are mixed by the same chain over positions; positions that a row does not see have the
//! weight 0, which changes no sum. In the backward pass, sums over queries run block by block, first within a query
//! head, then over the heads that share keys.

use super::{BLOCK, Heads, Rotary, first_seen, hide, softmax};
use crate::kernels::matmul::{Into, Left, PANEL, Panels, Right, multiply, product_part};
use crate::kernels::pool::Pool;
use crate::kernels::{dot, vectorised};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Queries of a tile: their scores over some thousand positions stay in the second-level cache.
const QUERIES: usize = 48;
/// Rows that one task puts back into their order.
const ROWS: usize = 64;

/// What one call works on.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Starts of the sequences and the end of the last.
    pub segments: &'a [usize],
    /// Sizes.
    pub heads: Heads,
    /// Positions that a query sees, its own included.
    pub window: Option<usize>,
    /// Tables that reach the longest sequence.
    pub rotary: &'a Rotary,
}

/// Keys and values of one head of one sequence.
struct Shared {
    /// `key^T`: (head_width, positions).
    keys: Panels,
    /// (positions, head_width).
    values: Panels,
    /// For the backward pass: `value^T`, and the keys as rows.
    back: Option<(Panels, Panels)>,
}

/// A sequence: its first row and how many there are, at least one.
type Span = (usize, usize);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plan<'_> {
    fn spans(&self) -> Vec<Span> {
        let spans = self.segments.windows(2).map(|span| (span[0], span[1] - span[0]));
        spans.filter(|(_, length)| *length > 0).collect()
    }

    /// The rows of a head: turned when they are queries or keys.
    fn head(&self, x: &[f32], stride: usize, head: usize, span: Span, turned: bool) -> Vec<f32> {
        let width = self.heads.head_width;
        let mut rows = vec![0f32; span.1 * width];
        for (position, row) in rows.chunks_exact_mut(width).enumerate() {
            let from = &x[(span.0 + position) * stride + head * width..][..width];
            if turned {
                self.rotary.turn(from, position, row);
            } else {
                row.copy_from_slice(from);
            }
        }
        rows
    }

    /// Keys and values of every (sequence, head), packed.
    fn shared(&self, pool: &Pool, k: &[f32], v: &[f32], spans: &[Span], back: bool) -> Vec<Shared> {
        let Heads { kv_heads, head_width: width, .. } = self.heads;
        let stride = self.heads.kv_width();
        let places: Vec<Mutex<Option<Shared>>> = (0..spans.len() * kv_heads).map(|_| Mutex::new(None)).collect();
        pool.run(places.len(), &|task| {
            let (span, head) = (spans[task / kv_heads], task % kv_heads);
            let keys = self.head(k, stride, head, span, true);
            let values = self.head(v, stride, head, span, false);
            let both = Panels::from_columns(&keys, width, span.1).zip(Panels::from_rows(&values, span.1, width));
            let back = if back {
                Panels::from_columns(&values, width, span.1).zip(Panels::from_rows(&keys, span.1, width))
            } else {
                None
            };
            *lock(&places[task]) = both.map(|(keys, values)| Shared { keys, values, back });
        });
        places.into_iter().filter_map(|place| place.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// The scores of a block of queries, the first of them at position `first`, and then their unnormalised
    /// probabilities: (queries, columns). `inverse` gets one over the sum of each row.
    fn probabilities(
        &self,
        queries: &[f32],
        first: usize,
        columns: Range<usize>,
        shared: &Shared,
        scores: &mut Vec<f32>,
        inverse: &mut Vec<f32>,
    ) {
        let width = self.heads.head_width;
        let (n, wide) = (queries.len() / width, columns.len());
        scores.resize(n * wide, 0.0);
        inverse.resize(n, 0.0);
        product_part(Left::Rows(queries), n, &shared.keys, 0..width, columns.clone(), scores, Into::Replace);
        let (scale, window, begin) = (self.heads.scale(), self.window, columns.start);
        let (scores, inverse) = (&mut scores[..], &mut inverse[..]);
        vectorised!('a, simd, {
            scores: &'a mut [f32], inverse: &'a mut [f32], wide: usize, first: usize, begin: usize,
            window: Option<usize>, scale: f32,
        } -> (), {
            for (i, (row, inverse)) in scores.chunks_exact_mut(wide).zip(inverse).enumerate() {
                let position = first + i;
                let seen = first_seen(position, window);
                let from = seen / BLOCK * BLOCK;
                let (before, row) = row.split_at_mut(from - begin);
                let (row, after) = row.split_at_mut(position + 1 - from);
                before.fill(0.0);
                after.fill(0.0);
                for score in row.iter_mut() {
                    *score *= scale;
                }
                hide(row, seen - from);
                *inverse = softmax(simd, row);
            }
        });
    }

    /// The columns that `n` queries from `first` on see, from a whole panel on.
    fn columns(&self, first: usize, n: usize) -> Range<usize> {
        first_seen(first, self.window) / PANEL * PANEL..first + n
    }

    /// From one piece for each (sequence, query head) to rows of `out`, in which each head is the sum of `shared` heads.
    fn in_rows(&self, pool: &Pool, by_head: &[f32], spans: &[Span], shared: usize, out: &mut [f32]) {
        let Heads { heads, head_width: width, .. } = self.heads;
        let stride = heads / shared * width;
        pool.pieces(out, ROWS * stride, &|piece, out| {
            for (row, out) in (piece * ROWS..).zip(out.chunks_exact_mut(stride)) {
                let (start, length) = spans[spans.partition_point(|span| span.0 + span.1 <= row)];
                for (head, out) in out.chunks_exact_mut(width).enumerate() {
                    for of in head * shared..(head + 1) * shared {
                        // The spans before this one lie before it, since spans cover the rows in order.
                        let from = (start * heads + of * length + row - start) * width;
                        let from = &by_head[from..from + width];
                        if of == head * shared {
                            out.copy_from_slice(from);
                            continue;
                        }
                        for (sum, value) in out.iter_mut().zip(from) {
                            *sum += value;
                        }
                    }
                }
            }
        });
    }
}

/// Cuts a buffer into one piece for each (sequence, query head).
fn cut<'a>(all: &'a mut [f32], spans: &[Span], heads: Heads) -> Vec<Mutex<&'a mut [f32]>> {
    let mut pieces = Vec::with_capacity(spans.len() * heads.heads);
    let mut rest = all;
    for (_, length) in spans {
        for _ in 0..heads.heads {
            let (piece, after) = rest.split_at_mut(length * heads.head_width);
            pieces.push(Mutex::new(piece));
            rest = after;
        }
    }
    pieces
}

/// As [`super::forward`], on the threads of a pool.
pub fn forward(pool: &Pool, q: &[f32], k: &[f32], v: &[f32], plan: Plan, out: &mut [f32]) {
    let Heads { heads, kv_heads, head_width: width } = plan.heads;
    let (spans, stride) = (plan.spans(), plan.heads.query_width());
    let shared = plan.shared(pool, k, v, &spans, false);
    let mut by_head = vec![0f32; q.len()];
    let pieces = cut(&mut by_head, &spans, plan.heads);
    pool.run(pieces.len(), &|task| {
        let (span, head) = (spans[task / heads], task % heads);
        let shared = &shared[task / heads * kv_heads + head / plan.heads.shared()];
        let queries = plan.head(q, stride, head, span, true);
        let mut out = lock(&pieces[task]);
        let (mut scores, mut inverse) = (Vec::new(), Vec::new());
        let blocks = queries.chunks(QUERIES * width).zip(out.chunks_mut(QUERIES * width));
        for (first, (queries, out)) in (0..).step_by(QUERIES).zip(blocks) {
            let n = queries.len() / width;
            let columns = plan.columns(first, n);
            plan.probabilities(queries, first, columns.clone(), shared, &mut scores, &mut inverse);
            product_part(Left::Rows(&scores), n, &shared.values, columns, 0..width, out, Into::Replace);
            for (row, inverse) in out.chunks_exact_mut(width).zip(&inverse) {
                for out in row {
                    *out *= inverse;
                }
            }
        }
    });
    drop(pieces);
    plan.in_rows(pool, &by_head, &spans, 1, out);
}

/// As [`super::backward`], on the threads of a pool: gradients with respect to `q`, `k` and `v`.
#[allow(clippy::too_many_arguments)]
pub fn backward(
    pool: &Pool,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    plan: Plan,
    d_out: &[f32],
    dq: &mut [f32],
    dk: &mut [f32],
    dv: &mut [f32],
) {
    let Heads { heads, kv_heads, head_width: width } = plan.heads;
    let (spans, stride, scale) = (plan.spans(), plan.heads.query_width(), plan.heads.scale());
    let shared = plan.shared(pool, k, v, &spans, true);
    let mut by_head = [0; 3].map(|_| vec![0f32; q.len()]);
    let pieces = by_head.each_mut().map(|all| cut(all, &spans, plan.heads));
    pool.run(pieces[0].len(), &|task| {
        let (span, head) = (spans[task / heads], task % heads);
        let shared = &shared[task / heads * kv_heads + head / plan.heads.shared()];
        let Some((values, keys)) = &shared.back else { return };
        let queries = plan.head(q, stride, head, span, true);
        let d_rows = plan.head(d_out, stride, head, span, false);
        let [mut dq, mut dk, mut dv] = pieces.each_ref().map(|pieces| lock(&pieces[task]));
        let (mut p, mut inverse, mut d) = (Vec::new(), Vec::new(), Vec::new());
        let blocks = queries.chunks(QUERIES * width).zip(d_rows.chunks(QUERIES * width));
        for (first, ((queries, d_out), dq)) in (0..).step_by(QUERIES).zip(blocks.zip(dq.chunks_mut(QUERIES * width))) {
            let n = queries.len() / width;
            let columns = plan.columns(first, n);
            let wide = columns.len();
            plan.probabilities(queries, first, columns.clone(), shared, &mut p, &mut inverse);
            d.resize(n * wide, 0.0);
            product_part(Left::Rows(d_out), n, values, 0..width, columns.clone(), &mut d, Into::Replace);
            let (rows, d_rows, inverse) = (&mut p[..], &mut d[..], &inverse[..]);
            // d score = p * (d p - sum p d p) * scale; p is 0 where a row sees nothing.
            vectorised!('a, simd, {
                rows: &'a mut [f32], d_rows: &'a mut [f32], inverse: &'a [f32], wide: usize, scale: f32,
            } -> (), {
                for ((p, d), inverse) in rows.chunks_exact_mut(wide).zip(d_rows.chunks_exact_mut(wide)).zip(inverse) {
                    for p in p.iter_mut() {
                        *p *= inverse;
                    }
                    let mean = dot(simd, p, d);
                    for (d, p) in d.iter_mut().zip(&*p) {
                        *d = p * (*d - mean) * scale;
                    }
                }
            });
            let rows = |values| Right::Rows { values, inner: n, columns: width };
            let seen = columns.start * width..columns.end * width;
            multiply(None, Left::Transposed(&p), wide, rows(d_out), &mut dv[seen.clone()], Into::Continue);
            multiply(None, Left::Transposed(&d), wide, rows(queries), &mut dk[seen], Into::Continue);
            product_part(Left::Rows(&d), n, keys, columns, 0..width, dq, Into::Replace);
        }
        for rows in [&mut dq, &mut dk] {
            for (position, row) in rows.chunks_exact_mut(width).enumerate() {
                plan.rotary.turn_back(row, position);
            }
        }
    });
    drop(pieces);
    let [of_q, of_k, of_v] = &by_head;
    plan.in_rows(pool, of_q, &spans, 1, dq);
    plan.in_rows(pool, of_k, &spans, plan.heads.shared(), dk);
    plan.in_rows(pool, of_v, &spans, plan.heads.shared(), dv);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::attention;
    use crate::rng::{Purpose, Stream};

    #[test]
    fn tiles_give_what_rows_give() {
        for (heads, kv_heads, width, window) in
            [(1, 1, 8, None), (4, 2, 6, Some(70)), (6, 2, 40, None), (3, 1, 64, Some(17)), (2, 2, 32, Some(1))]
        {
            let heads = Heads { heads, kv_heads, head_width: width };
            let segments = [0, 3, 3, 150, 151, 260];
            let rotary = Rotary::new(width, 1e4, 150);
            let plan = Plan { segments: &segments, heads, window, rotary: &rotary };
            let numbers = |n: usize, stream: u32| -> Vec<f32> {
                let stream = Stream::new(6, Purpose::Other, 0, stream, 0);
                (0..260 * n).map(|at| stream.normal(at as u32) as f32).collect()
            };
            let [q, d_out] = [0, 3].map(|stream| numbers(heads.query_width(), stream));
            let [k, v] = [1, 2].map(|stream| numbers(heads.kv_width(), stream));
            let mut expected = vec![f32::NAN; q.len()];
            attention::forward(&q, &k, &v, &segments, heads, window, &rotary, &mut expected);
            let (mut dq, mut dk, mut dv) = (q.clone(), k.clone(), v.clone());
            let (to_q, to_k, to_v) = (&mut dq, &mut dk, &mut dv);
            attention::backward(&q, &k, &v, &segments, heads, window, &rotary, &d_out, to_q, to_k, to_v);
            let mut first = None;
            for threads in [1, 3] {
                let pool = Pool::new(threads);
                let mut out = vec![f32::NAN; q.len()];
                forward(&pool, &q, &k, &v, plan, &mut out);
                assert!(out == expected, "{heads:?} {window:?}");
                let mut found = [&q, &k, &v].map(|like| vec![f32::NAN; like.len()]);
                let [to_q, to_k, to_v] = &mut found;
                backward(&pool, &q, &k, &v, plan, &d_out, to_q, to_k, to_v);
                for (found, expected) in found.iter().zip([&dq, &dk, &dv]) {
                    for (found, expected) in found.iter().zip(expected) {
                        assert!((found - expected).abs() < 2e-5 * (1.0 + expected.abs()), "{found} {expected}");
                    }
                }
                assert!(*first.get_or_insert_with(|| found.clone()) == found, "threads change bits");
            }
        }
    }
}
