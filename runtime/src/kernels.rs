//! The arithmetic of the policy on the CPU: plain functions over slices, one thread, every sum in a fixed order.
//!
//! Invariants, on which "decoding and training give the same log-probability to the last bit" rests:
//!
//! * A row of a result depends on its own inputs only, never on how many rows are computed with it.
//! * Every element is a chain of fused multiply-adds in a fixed order, a sum of such chains of a fixed length, or a sum over
//!   [`LANES`] interleaved partial sums joined by a fixed tree. Vector instructions widen over independent elements, so the width that a machine
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
pub mod pool;
pub mod rows;

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

/// A block of [`LANES`] numbers in as many vectors as that takes; only the first `LANES / S::F32_LANES` are used.
type Block<S> = [<S as pulp::Simd>::f32s; LANES];

/// Vectors of the machine in one block.
#[inline(always)]
pub(crate) fn vectors<S: pulp::Simd>() -> usize {
    LANES / S::F32_LANES
}

#[inline(always)]
fn store<S: pulp::Simd>(block: Block<S>) -> [f32; LANES] {
    let mut out = [0f32; LANES];
    for (to, from) in S::as_mut_simd_f32s(&mut out).0.iter_mut().zip(block) {
        *to = from;
    }
    out
}

/// Sum of products of two slices of equal length.
#[inline(always)]
pub(crate) fn dot<S: pulp::Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let mut partial: Block<S> = [simd.splat_f32s(0.0); LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        let (a, b) = (S::as_simd_f32s(a).0, S::as_simd_f32s(b).0);
        for v in 0..vectors::<S>() {
            partial[v] = simd.mul_add_f32s(a[v], b[v], partial[v]);
        }
    }
    let mut partial = store::<S>(partial);
    for ((a, b), sum) in a_rest.iter().zip(b_rest).zip(&mut partial) {
        *sum = a.mul_add(*b, *sum);
    }
    join(partial)
}

/// Sum of a slice.
#[inline(always)]
pub(crate) fn sum<S: pulp::Simd>(simd: S, values: &[f32]) -> f32 {
    let mut partial: Block<S> = [simd.splat_f32s(0.0); LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        let block = S::as_simd_f32s(block).0;
        for v in 0..vectors::<S>() {
            partial[v] = simd.add_f32s(block[v], partial[v]);
        }
    }
    let mut partial = store::<S>(partial);
    for (value, sum) in rest.iter().zip(&mut partial) {
        *sum += value;
    }
    join(partial)
}

/// Largest value of a slice; a maximum does not depend on the order. Minus infinity when it is empty.
#[inline(always)]
pub(crate) fn max<S: pulp::Simd>(simd: S, values: &[f32]) -> f32 {
    let mut partial: Block<S> = [simd.splat_f32s(f32::NEG_INFINITY); LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        let block = S::as_simd_f32s(block).0;
        for v in 0..vectors::<S>() {
            partial[v] = simd.max_f32s(block[v], partial[v]);
        }
    }
    let mut largest = f32::NEG_INFINITY;
    for value in store::<S>(partial).iter().chain(rest) {
        largest = if *value > largest { *value } else { largest };
    }
    largest
}

/// Runs a body compiled for the widest vector instructions that this machine has; `simd` names the token of those
/// instructions, and the values named in braces are what the body uses.
macro_rules! vectorised {
    ($lifetime:lifetime, $simd:ident, { $($name:ident: $kind:ty),* $(,)? } -> $out:ty, $body:block) => {{
        struct Body<$lifetime> {
            // A body may borrow nothing.
            lifetime: std::marker::PhantomData<&$lifetime ()>,
            $($name: $kind,)*
        }
        impl<$lifetime> pulp::WithSimd for Body<$lifetime> {
            type Output = $out;
            #[inline(always)]
            fn with_simd<S: pulp::Simd>(self, $simd: S) -> $out {
                let Body { lifetime: _, $($name,)* } = self;
                $body
            }
        }
        pulp::Arch::new().dispatch(Body { lifetime: std::marker::PhantomData, $($name,)* })
    }};
}
pub(crate) use vectorised;

#[cfg(test)]
mod tests {
    use super::attention::{BLOCK, mix, push_transposed, scores, softmax};
    use super::*;
    use crate::rng::{Purpose, Stream};
    use pulp::{Simd, WithSimd};

    /// One row of attention over `positions` keys of `width` numbers, and the reductions on the way.
    #[derive(Clone, Copy)]
    struct Row<'a> {
        numbers: &'a [f32],
        positions: usize,
        width: usize,
    }

    impl WithSimd for Row<'_> {
        type Output = Vec<u32>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<u32> {
            let Self { numbers, positions, width } = self;
            let (query, keys) = numbers.split_at(width);
            let mut blocks = Vec::new();
            for position in 0..positions {
                push_transposed(&mut blocks, position, &keys[position * width..][..width]);
            }
            let mut row = vec![0f32; positions];
            scores(simd, query, &blocks, 0.3, &mut row);
            let mut all = vec![dot(simd, &row, &row), sum(simd, &row), max(simd, &row)];
            all.extend_from_slice(&row);
            all.push(softmax(simd, &mut row));
            let mut out = vec![0.1f32; width];
            mix(simd, &row, keys, width, &mut out);
            all.extend(out);
            all.iter().map(|value| value.to_bits()).collect()
        }
    }

    #[test]
    fn the_width_of_vectors_changes_nothing() {
        let stream = Stream::new(3, Purpose::Other, 0, 0, 0);
        for (positions, width) in [(1, 8), (15, 32), (16, 20), (33, 40), (70, 96), (100, 7)] {
            let count = width * (positions + 1);
            let numbers: Vec<f32> = (0..count).map(|at| stream.normal(at as u32) as f32).collect();
            let row = Row { numbers: &numbers, positions, width };
            let expected = row.with_simd(pulp::Scalar);
            assert_eq!(pulp::Arch::new().dispatch(row), expected);
            #[cfg(target_arch = "x86_64")]
            if let Some(simd) = pulp::x86::V3::try_new() {
                assert_eq!(Simd::vectorize(simd, row), expected, "256 bits");
            }
        }
    }

    #[test]
    fn scores_and_mix_are_the_promised_chains() {
        let (width, positions) = (36, 37);
        let stream = Stream::new(4, Purpose::Other, 0, 0, 0);
        let numbers: Vec<f32> = (0..width * (positions + 1)).map(|at| stream.normal(at as u32) as f32).collect();
        let row = Row { numbers: &numbers, positions, width };
        let found: Vec<f32> = row.with_simd(pulp::Scalar).into_iter().map(f32::from_bits).collect();
        let (query, keys) = numbers.split_at(width);
        let key = |j: usize| &keys[j * width..][..width];
        let expected: Vec<f32> =
            (0..positions).map(|j| query.iter().zip(key(j)).fold(0f32, |s, (q, k)| q.mul_add(*k, s)) * 0.3).collect();
        assert_eq!(found[3..3 + positions], expected);
        let largest = expected.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        assert_eq!(found[2], largest);
        let weights: Vec<f32> = expected.iter().map(|score| exp::exp(score - largest)).collect();
        let mixed: Vec<f32> =
            (0..width).map(|d| weights.iter().enumerate().fold(0.1f32, |s, (j, w)| w.mul_add(key(j)[d], s))).collect();
        assert_eq!(found[found.len() - width..], mixed);
        assert!(positions > 2 * BLOCK);
    }
}
