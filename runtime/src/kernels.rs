//! The arithmetic of the policy on the CPU: plain functions over slices, one thread, every sum in a fixed order.
//!
//! Invariants, on which "decoding and training give the same log-probability to the last bit" rests:
//!
//! * A row of a result depends on its own inputs only, never on how many rows are computed with it.
//! * Every element is one chain of fused multiply-adds in a fixed order, or a sum over [`LANES`] interleaved partial
//!   sums joined by a fixed tree. Vector instructions widen over independent elements, so the width that a machine
//!   has (chosen at run time through `pulp`) does not change a bit.
//! * Exponentials are the polynomial of [`exp`], square roots and divisions are exact by IEEE 754, and logarithms
//!   come from `libm`.
//!
//! Absent here: threads, allocation of results, tensors. [`crate::policy`] wraps these functions into differentiable
//! operations, [`crate::generate`] calls them directly.

pub mod attention;
pub mod exp;
pub mod gated;
pub mod logprob;
pub mod matmul;
pub mod norm;

/// Number of interleaved partial sums of a reduction.
pub const LANES: usize = 16;

/// Joins partial sums pairwise: 16, 8, 4, 2, 1.
#[inline(always)]
pub(crate) fn join(mut partial: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for idx in 0..half {
            partial[idx] += partial[idx + half];
        }
        half /= 2;
    }
    partial[0]
}

/// Sum of products of two slices of equal length.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut partial = [0f32; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            partial[lane] = a[lane].mul_add(b[lane], partial[lane]);
        }
    }
    for ((a, b), sum) in a_rest.iter().zip(b_rest).zip(&mut partial) {
        *sum = a.mul_add(*b, *sum);
    }
    join(partial)
}

/// Sum of a slice.
#[inline(always)]
pub(crate) fn sum(values: &[f32]) -> f32 {
    let mut partial = [0f32; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            partial[lane] += block[lane];
        }
    }
    for (value, sum) in rest.iter().zip(&mut partial) {
        *sum += value;
    }
    join(partial)
}

/// Largest value of a slice; a maximum does not depend on the order. Minus infinity when it is empty.
#[inline(always)]
pub(crate) fn max(values: &[f32]) -> f32 {
    let mut partial = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            partial[lane] = if block[lane] > partial[lane] { block[lane] } else { partial[lane] };
        }
    }
    for (value, largest) in rest.iter().zip(&mut partial) {
        *largest = if value > largest { *value } else { *largest };
    }
    let mut largest = partial[0];
    for value in partial {
        largest = if value > largest { value } else { largest };
    }
    largest
}

/// Runs a closure compiled for the widest vector instructions that this machine has.
#[inline(always)]
pub(crate) fn vectorised<R>(body: impl FnOnce() -> R) -> R {
    struct Body<F>(F);
    impl<R, F: FnOnce() -> R> pulp::WithSimd for Body<F> {
        type Output = R;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> R {
            (self.0)()
        }
    }
    pulp::Arch::new().dispatch(Body(body))
}
