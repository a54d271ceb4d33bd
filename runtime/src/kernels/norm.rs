//! RMSNorm (Zhang & Sennrich 2019): `y = x / sqrt(mean(x^2) + eps) * w`, by row.

use super::{dot, vectorised};

#[inline(always)]
fn inverse_root<S: pulp::Simd>(simd: S, row: &[f32], eps: f32) -> f32 {
    // The square root and the quotient are exact to the last bit by IEEE 754 on every machine.
    1.0 / (dot(simd, row, row) / row.len() as f32 + eps).sqrt()
}

/// Normalises each row of `x` `(rows, width)` into `out`. `width` is the length of `weight`.
pub fn forward(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let width = weight.len().max(1);
    vectorised!('a, simd, { x: &'a [f32], weight: &'a [f32], eps: f32, width: usize, out: &'a mut [f32] } -> (), {
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let scale = inverse_root(simd, x, eps);
            for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
                *out = x * scale * weight;
            }
        }
    });
}

/// Replaces each row of `x` by what [`forward`] gives.
pub fn in_place(x: &mut [f32], weight: &[f32], eps: f32) {
    let width = weight.len().max(1);
    vectorised!('a, simd, { x: &'a mut [f32], weight: &'a [f32], eps: f32, width: usize } -> (), {
        for x in x.chunks_exact_mut(width) {
            let scale = inverse_root(simd, x, eps);
            for (x, weight) in x.iter_mut().zip(weight) {
                *x = *x * scale * weight;
            }
        }
    });
}

/// Gradients of [`forward`], added to `dx` and to `d_weight`.
pub fn backward(x: &[f32], weight: &[f32], eps: f32, dy: &[f32], dx: &mut [f32], d_weight: &mut [f32]) {
    let width = weight.len().max(1);
    let scaled = &mut vec![0f32; width][..];
    vectorised!('a, simd, { x: &'a [f32], weight: &'a [f32], eps: f32, width: usize, dy: &'a [f32], dx: &'a mut [f32], d_weight: &'a mut [f32], scaled: &'a mut [f32] } -> (), {
        for ((x, dy), dx) in x
            .chunks_exact(width)
            .zip(dy.chunks_exact(width))
            .zip(dx.chunks_exact_mut(width))
        {
            let scale = inverse_root(simd, x, eps);
            for ((scaled, dy), weight) in scaled.iter_mut().zip(dy).zip(weight) {
                *scaled = dy * weight;
            }
            let along = dot(simd, scaled, x) * scale * scale / width as f32;
            for ((dx, scaled), x) in dx.iter_mut().zip(&*scaled).zip(x) {
                *dx += scale * (scaled - x * along);
            }
            for ((sum, dy), x) in d_weight.iter_mut().zip(dy).zip(x) {
                *sum += dy * (x * scale);
            }
        }
    });
}
