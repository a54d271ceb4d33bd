//! Attention of one position over the pages of its sequence.
//!
//! The query heads that share a key head are computed side by side, so that each key and value is read once for all of
//! them. Every number is made by the steps of [`crate::kernels::attention::forward`] in the same order: a score is one chain over the
//! head, a mixed value one chain over the positions, and the sum of the probabilities has its lanes at whole blocks.

use super::cache::{Held, PAGE, Sizes};
use crate::kernels::attention::{BLOCK, first_seen, hide, softmax};
use crate::kernels::vectors;
use pulp::Simd;

/// Query heads computed side by side at most: as many chains as there are registers for.
const ABREAST: usize = 3;
/// Numbers of a value that are mixed at a time.
const WIDE: usize = 2 * BLOCK;

/// `queries` `(shared, head_width)`, already turned, at `position`; writes `out`, shaped alike. `row` is a buffer.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(crate) fn attend<S: Simd>(
    simd: S,
    queries: &[f32],
    held: &Held,
    sizes: &Sizes,
    kv_head: usize,
    window: Option<usize>,
    position: usize,
    row: &mut Vec<f32>,
    out: &mut [f32],
) {
    let width = sizes.heads.head_width;
    let shared = queries.len() / width;
    let seen = first_seen(position, window);
    let first = (seen / PAGE).max(held.first);
    let from = first * PAGE;
    let length = position + 1 - from;
    // Scores of whole pages, head after head; what is beyond the position is not read.
    let stride = length.next_multiple_of(PAGE);
    row.resize(shared * stride, 0.0);
    let pages = held.pages.range(first - held.first..);
    let mut head = 0;
    while head < shared {
        let abreast = match shared - head {
            // Two and two wait less than three and one.
            4 => 2,
            left => left.min(ABREAST),
        };
        let queries = &queries[head * width..][..abreast * width];
        let out = &mut out[head * width..][..abreast * width];
        let scores = &mut row[head * stride..][..abreast * stride];
        for (number, page) in pages.clone().enumerate().take(stride / PAGE) {
            let keys = sizes.keys(page, kv_head);
            let scores = &mut scores[number * PAGE..];
            match abreast {
                1 => scores_of_page::<S, 1>(simd, queries, keys, sizes.heads.scale(), scores, stride),
                2 => scores_of_page::<S, 2>(simd, queries, keys, sizes.heads.scale(), scores, stride),
                _ => scores_of_page::<S, 3>(simd, queries, keys, sizes.heads.scale(), scores, stride),
            }
        }
        let mut inverses = [0f32; ABREAST];
        for (row, inverse) in scores.chunks_exact_mut(stride).zip(&mut inverses) {
            let row = &mut row[..length];
            hide(row, seen - from);
            *inverse = softmax(simd, row);
        }
        let values = pages.clone().map(|page| sizes.values(page, kv_head));
        match abreast {
            1 => mix::<S, 1>(simd, scores, stride, length, values, width, out),
            2 => mix::<S, 2>(simd, scores, stride, length, values, width, out),
            _ => mix::<S, 3>(simd, scores, stride, length, values, width, out),
        }
        for (out, inverse) in out.chunks_exact_mut(width).zip(inverses) {
            for out in out {
                *out *= inverse;
            }
        }
        head += abreast;
    }
}

/// Scores of `H` queries with the keys of one page; query `h` writes `out[h * stride..][..PAGE]`.
#[inline(always)]
fn scores_of_page<S: Simd, const H: usize>(
    simd: S,
    queries: &[f32],
    keys: &[f32],
    scale: f32,
    out: &mut [f32],
    stride: usize,
) {
    let width = queries.len() / H;
    let queries: [&[f32]; H] = std::array::from_fn(|h| &queries[h * width..][..width]);
    let (first, second) = keys.split_at(BLOCK * width);
    let (first, second) = (&first.as_chunks::<BLOCK>().0[..width], &second.as_chunks::<BLOCK>().0[..width]);
    let mut sums = [[[simd.splat_f32s(0.0); BLOCK]; 2]; H];
    for d in 0..width {
        let (first, second) = (S::as_simd_f32s(&first[d]).0, S::as_simd_f32s(&second[d]).0);
        for h in 0..H {
            let query = simd.splat_f32s(queries[h][d]);
            for v in 0..vectors::<S>() {
                sums[h][0][v] = simd.mul_add_f32s(query, first[v], sums[h][0][v]);
                sums[h][1][v] = simd.mul_add_f32s(query, second[v], sums[h][1][v]);
            }
        }
    }
    let scale = simd.splat_f32s(scale);
    for (h, sums) in sums.into_iter().enumerate() {
        for (out, sums) in out[h * stride..][..PAGE].as_chunks_mut::<BLOCK>().0.iter_mut().zip(sums) {
            for (out, sum) in S::as_mut_simd_f32s(out).0.iter_mut().zip(sums) {
                *out = simd.mul_f32s(sum, scale);
            }
        }
    }
}

/// `out[h][d] = sum_j weights[h * stride + j] * values[j][d]` over the first `length` positions, one chain over j each.
#[inline(always)]
fn mix<'a, S: Simd, const H: usize>(
    simd: S,
    weights: &[f32],
    stride: usize,
    length: usize,
    values: impl Iterator<Item = &'a [f32]> + Clone,
    width: usize,
    out: &mut [f32],
) {
    let mut start = 0;
    while start + WIDE <= width {
        mix_wide::<S, H, WIDE>(simd, weights, stride, length, values.clone(), width, start, out);
        start += WIDE;
    }
    if start + BLOCK <= width {
        mix_wide::<S, H, BLOCK>(simd, weights, stride, length, values.clone(), width, start, out);
        start += BLOCK;
    }
    for h in 0..H {
        for d in start..width {
            let rows = values.clone().flat_map(|page| page.chunks_exact(width));
            let weights = &weights[h * stride..][..length];
            out[h * width + d] = weights.iter().zip(rows).fold(0f32, |sum, (weight, row)| weight.mul_add(row[d], sum));
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn mix_wide<'a, S: Simd, const H: usize, const N: usize>(
    simd: S,
    weights: &[f32],
    stride: usize,
    length: usize,
    values: impl Iterator<Item = &'a [f32]>,
    width: usize,
    start: usize,
    out: &mut [f32],
) {
    let count = N / S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); N]; H];
    let mut done = 0;
    for page in values {
        if done >= length {
            break;
        }
        let n = PAGE.min(length - done);
        let weights: [&[f32]; H] = std::array::from_fn(|h| &weights[h * stride + done..][..n]);
        for (j, row) in page.chunks_exact(width).take(n).enumerate() {
            let row = S::as_simd_f32s(&row[start..start + N]).0;
            for h in 0..H {
                let weight = simd.splat_f32s(weights[h][j]);
                for v in 0..count {
                    sums[h][v] = simd.mul_add_f32s(weight, row[v], sums[h][v]);
                }
            }
        }
        done += n;
    }
    for (h, sums) in sums.iter().enumerate() {
        let out = S::as_mut_simd_f32s(&mut out[h * width + start..][..N]).0;
        out[..count].copy_from_slice(&sums[..count]);
    }
}
