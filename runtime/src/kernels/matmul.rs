//! Matrix products whose rows do not depend on how many rows there are.
//!
//! Every element of the result is a sum of chains `fma(a[i][0], b[0][j], 0)`, `fma(a[i][1], b[1][j], …)`, … in order of the
//! inner index. Where the left side lies in rows, a chain ends after [`CHAIN`] terms and the chains are added in order, which keeps
//! rounding errors of long sums small; where it is read as a transpose, as for gradients of weights, and in a part of a product,
//! there is one chain. General libraries split sums by sizes and cache sizes and treat a single row apart, so a decoded row and the
//! same row of a training batch would differ in the last bits.

mod blocked;

use super::pool::Pool;
use blocked::Job;
use std::ops::Range;

/// Columns of a full panel.
const WIDE: usize = 32;
/// Where a part of a right side may begin.
pub const PANEL: usize = WIDE;
/// Columns of a last panel with at most this many.
const NARROW: usize = 16;
/// Terms of a chain of a left side that lies in rows.
const CHAIN: usize = 288;
/// Rows at which a result is cut for threads.
const TALL: usize = 24;

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
            let to = &mut data[start * inner..][..inner * width];
            pack_panel(values, by_inner, by_column, 0..inner, start, width, used, to);
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

/// Packs rows `inner` of the `used` columns from `start` on of `b[k][j] = values[k * by_inner + j * by_column]`, where
/// one of the strides is 1, as a panel of `width` columns.
#[allow(clippy::too_many_arguments)]
fn pack_panel(
    values: &[f32],
    by_inner: usize,
    by_column: usize,
    inner: Range<usize>,
    start: usize,
    width: usize,
    used: usize,
    to: &mut [f32],
) {
    if by_column == 1 {
        for (k, to) in inner.zip(to.chunks_exact_mut(width)) {
            let from = k * by_inner + start;
            copy::<WIDE>(&values[from..from + used], to);
        }
        return;
    }
    // A few numbers of each column at a time, so that the lines that are written stay in the first-level cache.
    const DEEP: usize = 16;
    for (k, to) in inner.clone().step_by(DEEP).zip(to.chunks_mut(DEEP * width)) {
        let deep = DEEP.min(inner.end - k);
        for column in 0..used {
            let from = &values[(start + column) * by_column + k..][..deep];
            for (value, to) in from.iter().zip(to.chunks_exact_mut(width)) {
                to[column] = *value;
            }
        }
    }
}

/// Copies a few numbers to the beginning of `to`; `N` of them, the usual case, without a call.
#[inline(always)]
fn copy<const N: usize>(from: &[f32], to: &mut [f32]) {
    match (from.first_chunk::<N>(), to.first_chunk_mut::<N>()) {
        (Some(whole), Some(to)) if from.len() == N => *to = *whole,
        _ => to[..from.len()].copy_from_slice(from),
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

/// How the right-hand side `b` `(inner, columns)` lies in memory.
#[derive(Debug, Clone, Copy)]
pub enum Right<'a> {
    /// Packed before: for a weight that many small products read.
    Panels(&'a Panels),
    /// `b[k][j] = values[k * columns + j]`, packed block by block on the way: worth it from about a hundred rows.
    Rows {
        /// The numbers.
        values: &'a [f32],
        /// Length of the sums.
        inner: usize,
        /// Columns of the result.
        columns: usize,
    },
    /// `b[k][j] = values[j * inner + k]`, a weight stored (out, in), packed on the way.
    Columns {
        /// The numbers.
        values: &'a [f32],
        /// Length of the sums.
        inner: usize,
        /// Columns of the result.
        columns: usize,
    },
}

impl Right<'_> {
    /// (length of the sums, columns of the result, numbers there ought to be, numbers there are)
    fn sizes(&self) -> (usize, usize, Option<usize>, usize) {
        match self {
            Right::Panels(panels) => {
                let expected = panels.inner.checked_mul(padded(panels.columns));
                (panels.inner, panels.columns, expected, panels.data.len())
            }
            Right::Rows { values, inner, columns } | Right::Columns { values, inner, columns } => {
                (*inner, *columns, inner.checked_mul(*columns), values.len())
            }
        }
    }
}

/// What becomes of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Into {
    /// It replaces what is there.
    Replace,
    /// The finished sums are added to what is there.
    Add,
    /// The sums go on from what is there: the value there is where each chain begins.
    Continue,
}

/// `out = left · right`, `(rows, inner) · (inner, columns)`, on one thread; added to `out` when `accumulate`.
///
/// # Panics
/// When a length does not fit the sizes; callers check shapes.
pub fn product(left: Left, rows: usize, right: &Panels, out: &mut [f32], accumulate: bool) {
    let into = if accumulate { Into::Add } else { Into::Replace };
    multiply(None, left, rows, Right::Panels(right), out, into);
}

/// `left · right`, `(rows, inner) · (inner, columns)`, on the threads of a pool. The bits are those of [`product`]: how
/// the result is cut into tasks and blocks changes no chain.
///
/// # Panics
/// When a length does not fit the sizes; callers check shapes.
pub fn multiply(pool: Option<&Pool>, left: Left, rows: usize, right: Right, out: &mut [f32], into: Into) {
    let (inner, columns, expected, found) = right.sizes();
    let (values, by_row, by_inner) = match left {
        Left::Rows(values) => (values, inner, 1),
        Left::Transposed(values) => (values, 1, rows),
    };
    assert_eq!(Some(values.len()), rows.checked_mul(inner), "left side of a product");
    assert_eq!(Some(out.len()), rows.checked_mul(columns), "result of a product");
    assert_eq!(Some(found), expected, "right side of a product");
    if out.is_empty() {
        return;
    }
    let skipped = (0, 0);
    let chain = if matches!(left, Left::Rows(_)) { CHAIN } else { usize::MAX };
    let job = Job { values, by_row, by_inner, right, inner, columns, skipped, out: out.as_mut_ptr(), into, chain };
    let threads = pool.map_or(1, Pool::threads);
    // Below this many multiplications waking a thread costs more than it brings.
    if threads == 1 || rows.saturating_mul(inner).saturating_mul(columns) < 1 << 19 {
        job.run(0..rows, 0..columns);
        return;
    }
    let (row_cuts, column_cuts) = match left {
        Left::Rows(_) => cuts(rows.div_ceil(TALL), columns.div_ceil(WIDE), threads),
        Left::Transposed(_) => {
            let (columns, rows) = cuts(columns.div_ceil(WIDE), rows.div_ceil(TALL), threads);
            (rows, columns)
        }
    };
    let job = &job;
    if let Some(pool) = pool {
        pool.run(row_cuts * column_cuts, &|task| {
            let rows = share(rows, TALL, row_cuts, task / column_cuts);
            let columns = share(columns, WIDE, column_cuts, task % column_cuts);
            job.run(rows, columns);
        });
    }
}

/// `left · right[inner, columns]` with a part of a packed right side, on one thread; `out` is `(rows, columns.len())`.
/// The columns begin at a multiple of [`PANEL`].
///
/// # Panics
/// When a length does not fit the sizes, or the part does not lie in the right side; callers check shapes.
pub fn product_part(
    left: Left,
    rows: usize,
    right: &Panels,
    inner: Range<usize>,
    columns: Range<usize>,
    out: &mut [f32],
    into: Into,
) {
    let (values, by_row, by_inner) = match left {
        Left::Rows(values) => (values, inner.len(), 1),
        Left::Transposed(values) => (values, 1, rows),
    };
    assert!(inner.start <= inner.end && inner.end <= right.inner, "inner part of a product");
    assert!(columns.start <= columns.end && columns.end <= right.columns, "columns of a part of a product");
    assert!(columns.start.is_multiple_of(PANEL), "a part of a product begins inside a panel");
    assert_eq!(Some(values.len()), rows.checked_mul(inner.len()), "left side of a product");
    assert_eq!(Some(out.len()), rows.checked_mul(columns.len()), "result of a product");
    let job = Job {
        values,
        by_row,
        by_inner,
        right: Right::Panels(right),
        inner: inner.len(),
        columns: columns.len(),
        skipped: (inner.start, columns.start),
        out: out.as_mut_ptr(),
        into,
        chain: usize::MAX,
    };
    job.run(0..rows, 0..columns.len());
}

/// Into how many pieces the two sides of a result are cut. The second as far as it goes, since a task packs its part
/// of one side and all of the other: columns where only the right side is packed, rows where the left one is read
/// across. Two tasks for a thread, so that one that is held up does not hold up the others.
fn cuts(first: usize, second: usize, threads: usize) -> (usize, usize) {
    let of_second = second.min(if second >= 8 * threads { 2 * threads } else { threads });
    let of_first = if of_second < threads { threads.div_ceil(of_second).min(first) } else { 1 };
    (of_first, of_second)
}

/// Piece `idx` of `pieces` of `0..all`, cut at multiples of `grain`.
fn share(all: usize, grain: usize, pieces: usize, idx: usize) -> Range<usize> {
    let grains = all.div_ceil(grain);
    let at = |idx: usize| (grains * idx / pieces * grain).min(all);
    at(idx)..at(idx + 1)
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

    /// The same, begun from what stands in `before`, as a sum of chains of `length` terms.
    fn chains(
        a: &[f32],
        b: &[f32],
        rows: usize,
        inner: usize,
        columns: usize,
        length: usize,
        before: &[f32],
    ) -> Vec<f32> {
        let (mut out, row) = (before.to_vec(), inner);
        for i in 0..rows {
            for j in 0..columns {
                let part = |begin: f32, inner: Range<usize>| {
                    inner.fold(begin, |sum, k| a[i * row + k].mul_add(b[k * columns + j], sum))
                };
                let sum = &mut out[i * columns + j];
                *sum = part(*sum, 0..length.min(inner));
                for start in (length.min(inner)..inner).step_by(length) {
                    *sum += part(0.0, start..inner.min(start + length));
                }
            }
        }
        out
    }

    fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
        (0..columns).flat_map(|j| (0..rows).map(move |i| values[i * columns + j])).collect()
    }

    /// Sizes of less than a chain.
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
        let (rows, inner, columns) = (29, 70, 83);
        let (a, b) = (numbers(rows * inner, 2), numbers(inner * columns, 3));
        let right = Right::Rows { values: &b, inner, columns };
        let run = |with: &dyn Fn(blocked::Span)| {
            let mut out = vec![0f32; rows * columns];
            let (by_row, by_inner, into) = (inner, 1, Into::Replace);
            let (out_ptr, skipped) = (out.as_mut_ptr(), (0, 0));
            let chain = 32;
            let job = Job { values: &a, by_row, by_inner, right, inner, columns, skipped, out: out_ptr, into, chain };
            let packed = &mut (Vec::new(), Vec::new());
            with(blocked::Span { job: &job, rows: 0..rows, columns: 0..columns, packed });
            out
        };
        let expected = chains(&a, &b, rows, inner, columns, 32, &vec![0.0; rows * columns]);
        assert_eq!(run(&|span| pulp::Arch::new().dispatch(span)), expected);
        assert_eq!(run(&|span| pulp::WithSimd::with_simd(span, pulp::Scalar)), expected);
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            assert_eq!(run(&|span| pulp::Simd::vectorize(simd, span)), expected, "256 bits");
        }
    }

    /// Sizes beyond every block and cut, in every layout, on several threads.
    #[test]
    fn blocks_and_threads_change_nothing() {
        for (rows, inner, columns) in [(5, 1300, 700), (200, 600, 65), (131, 1111, 97), (97, 40, 1600), (1, 900, 3000)]
        {
            let (a, b) = (numbers(rows * inner, 4), numbers(inner * columns, 5));
            let (a_transposed, b_transposed) = (transpose(&a, rows, inner), transpose(&b, inner, columns));
            let panels = Panels::from_rows(&b, inner, columns).unwrap();
            let before = numbers(rows * columns, 6);
            let zeros = vec![0.0; before.len()];
            // By the left side: rows, and a transpose.
            let expected = [CHAIN, inner].map(|length| {
                let sums = chains(&a, &b, rows, inner, columns, length, &zeros);
                let continued = chains(&a, &b, rows, inner, columns, length, &before);
                let mut added = before.clone();
                for i in 0..rows {
                    for j in 0..columns {
                        for start in (0..inner).step_by(length) {
                            let terms = start..inner.min(start + length);
                            added[i * columns + j] +=
                                terms.fold(0.0, |sum, k| a[i * inner + k].mul_add(b[k * columns + j], sum));
                        }
                    }
                }
                [(Into::Replace, sums), (Into::Add, added), (Into::Continue, continued)]
            });
            for threads in [1, 2, 3, 7] {
                let pool = Pool::new(threads);
                for (left, expected) in [Left::Rows(&a), Left::Transposed(&a_transposed)].into_iter().zip(&expected) {
                    for right in [
                        Right::Panels(&panels),
                        Right::Rows { values: &b, inner, columns },
                        Right::Columns { values: &b_transposed, inner, columns },
                    ] {
                        for (into, expected) in expected {
                            let mut out = before.clone();
                            multiply(Some(&pool), left, rows, right, &mut out, *into);
                            assert!(out == *expected, "{rows} x {inner} x {columns}, {threads} threads, {into:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_part_is_the_product_of_the_part() {
        let (rows, inner, columns) = (26, 700, 150);
        let b = numbers(inner * columns, 8);
        let panels = Panels::from_rows(&b, inner, columns).unwrap();
        for (k, j) in [(0..700, 0..150), (3..660, 32..150), (0..1, 0..1), (16..120, 64..101), (5..5, 128..150)] {
            let a = numbers(rows * k.len(), 9);
            let part: Vec<f32> = k.clone().flat_map(|k| b[k * columns..][j.clone()].to_vec()).collect();
            let expected = chain(&a, &part, rows, k.len(), j.len());
            let mut out = vec![f32::NAN; rows * j.len()];
            product_part(Left::Rows(&a), rows, &panels, k.clone(), j.clone(), &mut out, Into::Replace);
            assert_eq!(out, expected, "{k:?} {j:?}");
        }
    }

    #[test]
    fn pieces_cover_all() {
        for (all, grain, pieces) in [(100, 24, 3), (1, 32, 1), (576, 32, 8), (49152, 32, 7), (33, 32, 2)] {
            let mut end = 0;
            for idx in 0..pieces {
                let piece = share(all, grain, pieces, idx);
                assert_eq!(piece.start, end);
                end = piece.end;
            }
            assert_eq!(end, all);
        }
    }

    #[test]
    fn a_wrong_length_is_refused() {
        assert!(Panels::from_rows(&[0.0; 5], 2, 3).is_none());
        assert!(Panels::from_columns(&[0.0; 5], 2, 3).is_none());
    }
}
