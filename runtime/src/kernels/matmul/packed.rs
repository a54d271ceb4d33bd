//! A whole product with a packed right side on one thread: what small policies are made of.
//!
//! The blocks of `blocked.rs` have the same chains and bits. Their tiles can go on from sums that stand in memory, for which optimised
//! builds store every sum in each turn of the innermost loop; for the sizes of a small policy that costs half of the time.

use super::{Panels, WIDE, panel};
use pulp::{Simd, WithSimd};

/// `out = left · right`, or added to it. Lengths were checked.
pub(super) struct Product<'a> {
    pub values: &'a [f32],
    pub by_row: usize,
    pub by_inner: usize,
    pub rows: usize,
    pub right: &'a Panels,
    pub out: &'a mut [f32],
    pub accumulate: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut start = 0;
        while start < self.right.columns {
            let (width, used) = panel(self.right.columns, start);
            // Sizes of the register tile: as many chains as hide the latency, no more than there are registers.
            match (S::F32_LANES, width) {
                (16, WIDE) => self.panel::<S, 8, 2>(simd, start, used),
                (16, _) => self.panel::<S, 8, 1>(simd, start, used),
                (8, WIDE) => self.panel::<S, 3, 4>(simd, start, used),
                (8, _) => self.panel::<S, 6, 2>(simd, start, used),
                (4, WIDE) => self.panel::<S, 1, 8>(simd, start, used),
                (4, _) => self.panel::<S, 2, 4>(simd, start, used),
                _ => self.plain(start, width, used),
            }
            start += used;
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn panel<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S, start: usize, used: usize) {
        let mut row = 0;
        while row + ROWS <= self.rows {
            self.tile::<S, ROWS, VECTORS>(simd, row, start, used);
            row += ROWS;
        }
        if ROWS > 4 && row + 4 <= self.rows {
            self.tile::<S, 4, VECTORS>(simd, row, start, used);
            row += 4;
        }
        if ROWS > 2 && row + 2 <= self.rows {
            self.tile::<S, 2, VECTORS>(simd, row, start, used);
            row += 2;
        }
        while row < self.rows {
            self.tile::<S, 1, VECTORS>(simd, row, start, used);
            row += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        row: usize,
        start: usize,
        used: usize,
    ) {
        let inner = self.right.inner;
        let width = VECTORS * S::F32_LANES;
        let panel = &self.right.data[start * inner..][..inner * width];
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        if inner > 0 {
            let last = (row + ROWS - 1) * self.by_row + (inner - 1) * self.by_inner;
            assert!(last < self.values.len());
            let values = &self.values[row * self.by_row..];
            for k in 0..inner {
                // SAFETY: `panel` holds `inner * width` numbers, so vector `v < VECTORS` of row `k < inner` lies in it;
                // the largest index into `values` was compared with its length above, and indices only grow with
                // `k` and the row. Vectors are read without any demand on alignment.
                unsafe {
                    let from = panel.as_ptr().add(k * width).cast::<S::f32s>();
                    let right: [S::f32s; VECTORS] = std::array::from_fn(|v| from.add(v).read_unaligned());
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let left = *values.get_unchecked(r * self.by_row + k * self.by_inner);
                        let left = simd.splat_f32s(left);
                        for (sum, right) in sums.iter_mut().zip(right) {
                            *sum = simd.mul_add_f32s(left, right, *sum);
                        }
                    }
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let out = &mut self.out[(row + r) * self.right.columns + start..][..used];
            let sums: &[f32] = pulp::bytemuck::cast_slice(&sums);
            if self.accumulate {
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out += sum;
                }
            } else {
                out.copy_from_slice(&sums[..used]);
            }
        }
    }

    /// The same chains without vectors, for machines whose width has no tile.
    fn plain(&mut self, start: usize, width: usize, used: usize) {
        let inner = self.right.inner;
        let panel = &self.right.data[start * inner..][..inner * width];
        for row in 0..self.rows {
            let mut sums = [0f32; WIDE];
            for k in 0..inner {
                let left = self.values[row * self.by_row + k * self.by_inner];
                for (sum, right) in sums.iter_mut().zip(&panel[k * width..][..width]) {
                    *sum = left.mul_add(*right, *sum);
                }
            }
            let out = &mut self.out[row * self.right.columns + start..][..used];
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = if self.accumulate { *out + sum } else { sum };
            }
        }
    }
}
