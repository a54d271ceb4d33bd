//! Matrix products whose rows do not depend on how many rows there are.
//!
//! Every element of the result is one chain `fma(a[i][0], b[0][j], 0)`, `fma(a[i][1], b[1][j], …)`, … in order of the
//! inner index. General libraries split that sum by sizes and cache sizes and treat a single row apart, so a decoded
//! row and the same row of a training batch would differ in the last bits.

use pulp::{Arch, Simd, WithSimd};

/// Columns of a full panel.
const WIDE: usize = 32;
/// Columns of a last panel with at most this many.
const NARROW: usize = 16;

/// The right-hand side of a product, `(inner, columns)`, cut into panels of neighbouring columns.
#[derive(Debug, Clone)]
pub struct Panels {
    inner: usize,
    columns: usize,
    data: Vec<f32>,
}

impl Panels {
    /// Packs `b[k][j] = values[k * columns + j]`. None when the length does not fit.
    pub fn from_rows(values: &[f32], inner: usize, columns: usize) -> Option<Self> {
        (values.len() == inner.checked_mul(columns)?)
            .then(|| Self::pack(Vec::new(), values, inner, columns, columns, 1))
    }

    /// Packs the transpose, `b[k][j] = values[j * inner + k]`: a weight stored (out, in). None when the length does
    /// not fit.
    pub fn from_columns(values: &[f32], inner: usize, columns: usize) -> Option<Self> {
        (values.len() == inner.checked_mul(columns)?).then(|| Self::pack(Vec::new(), values, inner, columns, 1, inner))
    }

    /// Nothing, to be filled by [`Panels::refill`].
    pub fn empty() -> Self {
        Self { inner: 0, columns: 0, data: Vec::new() }
    }

    /// As [`Panels::from_rows`], in the memory that is there already. False, and nothing changed, when the length does
    /// not fit.
    pub fn refill(&mut self, values: &[f32], inner: usize, columns: usize) -> bool {
        let fits = inner.checked_mul(columns) == Some(values.len());
        if fits {
            let data = std::mem::take(&mut self.data);
            *self = Self::pack(data, values, inner, columns, columns, 1);
        }
        fits
    }

    fn pack(
        mut data: Vec<f32>,
        values: &[f32],
        inner: usize,
        columns: usize,
        by_inner: usize,
        by_column: usize,
    ) -> Self {
        // What lies beyond the last column is multiplied, but never read.
        data.resize(inner * padded(columns), 0.0);
        let mut start = 0;
        while start < columns {
            let (width, used) = panel(columns, start);
            let base = start * inner;
            if by_column == 1 {
                for k in 0..inner {
                    let from = k * by_inner + start;
                    data[base + k * width..][..used].copy_from_slice(&values[from..from + used]);
                }
            } else {
                for column in 0..used {
                    let from = &values[(start + column) * by_column..][..inner];
                    for (k, value) in from.iter().enumerate() {
                        data[base + k * width + column] = *value;
                    }
                }
            }
            start += used;
        }
        Self { inner, columns, data }
    }

    /// Length of the sums.
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// Columns of the result.
    pub fn columns(&self) -> usize {
        self.columns
    }
}

/// (columns that the panel at `start` stores, columns that it uses)
fn panel(columns: usize, start: usize) -> (usize, usize) {
    let left = columns - start;
    if left > NARROW { (WIDE, left.min(WIDE)) } else { (NARROW, left) }
}

fn padded(columns: usize) -> usize {
    let whole = columns / WIDE * WIDE;
    whole + if whole < columns { panel(columns, whole).0 } else { 0 }
}

/// How the left-hand side lies in memory.
#[derive(Debug, Clone, Copy)]
pub enum Left<'a> {
    /// `(rows, inner)`, row after row.
    Rows(&'a [f32]),
    /// Stored `(inner, rows)` and read as its transpose.
    Transposed(&'a [f32]),
}

/// `out = left · right`, `(rows, inner) · (inner, columns)`; added to `out` when `accumulate`.
///
/// # Panics
/// When a length does not fit the sizes; callers check shapes.
pub fn product(left: Left, rows: usize, right: &Panels, out: &mut [f32], accumulate: bool) {
    let (values, by_row, by_inner) = match left {
        Left::Rows(values) => (values, right.inner, 1),
        Left::Transposed(values) => (values, 1, rows),
    };
    assert_eq!(values.len(), rows * right.inner, "left side of a product");
    assert_eq!(out.len(), rows * right.columns, "result of a product");
    Arch::new().dispatch(Product { values, by_row, by_inner, rows, right, out, accumulate });
}

struct Product<'a> {
    values: &'a [f32],
    by_row: usize,
    by_inner: usize,
    rows: usize,
    right: &'a Panels,
    out: &'a mut [f32],
    accumulate: bool,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    fn numbers(n: usize, stream: u32) -> Vec<f32> {
        let stream = Stream::new(1, Purpose::Other, 0, stream, 0);
        (0..n).map(|at| stream.normal(at as u32) as f32).collect()
    }

    /// Oracle: the definition, element by element, in the promised order.
    fn chain(a: &[f32], b: &[f32], rows: usize, inner: usize, columns: usize) -> Vec<f32> {
        let mut out = vec![0f32; rows * columns];
        for i in 0..rows {
            for j in 0..columns {
                out[i * columns + j] = (0..inner).fold(0.0, |sum, k| a[i * inner + k].mul_add(b[k * columns + j], sum));
            }
        }
        out
    }

    fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
        (0..columns).flat_map(|j| (0..rows).map(move |i| values[i * columns + j])).collect()
    }

    #[test]
    fn is_the_promised_chain_for_every_size_and_layout() {
        for (rows, inner, columns) in
            [(1, 1, 1), (1, 96, 96), (2, 33, 47), (3, 5, 16), (7, 64, 17), (13, 96, 240), (29, 3, 65)]
        {
            let a = numbers(rows * inner, 0);
            let b = numbers(inner * columns, 1);
            let expected = chain(&a, &b, rows, inner, columns);
            let by_rows = Panels::from_rows(&b, inner, columns).unwrap();
            let by_columns = Panels::from_columns(&transpose(&b, inner, columns), inner, columns).unwrap();
            let a_transposed = transpose(&a, rows, inner);
            for right in [&by_rows, &by_columns] {
                for left in [Left::Rows(&a), Left::Transposed(&a_transposed)] {
                    let mut out = vec![f32::NAN; rows * columns];
                    product(left, rows, right, &mut out, false);
                    assert_eq!(out, expected, "{rows} x {inner} x {columns}");
                    product(left, rows, right, &mut out, true);
                    let twice: Vec<f32> = expected.iter().map(|x| x + x).collect();
                    assert_eq!(out, twice);
                }
            }
        }
    }

    #[test]
    fn the_width_of_vectors_changes_nothing() {
        let (rows, inner, columns) = (11, 70, 83);
        let (a, b) = (numbers(rows * inner, 2), numbers(inner * columns, 3));
        let right = Panels::from_rows(&b, inner, columns).unwrap();
        let run = |with: &dyn Fn(Product)| {
            let mut out = vec![0f32; rows * columns];
            let (values, right) = (&a[..], &right);
            with(Product { values, by_row: inner, by_inner: 1, rows, right, out: &mut out, accumulate: false });
            out
        };
        let expected = chain(&a, &b, rows, inner, columns);
        assert_eq!(run(&|product| Arch::new().dispatch(product)), expected);
        assert_eq!(run(&|product| product.with_simd(pulp::Scalar)), expected);
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            assert_eq!(run(&|product| Simd::vectorize(simd, product)), expected, "256 bits");
        }
    }

    #[test]
    fn a_wrong_length_is_refused() {
        assert!(Panels::from_rows(&[0.0; 5], 2, 3).is_none());
        assert!(Panels::from_columns(&[0.0; 5], 2, 3).is_none());
    }
}
