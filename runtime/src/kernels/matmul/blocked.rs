//! One task of a product: a piece of the result, block by block.
//!
//! Where a whole left row or panel would not stay in a near cache, the inner index is cut into blocks, at the ends of chains where
//! there are several; else sums wait in the result between two blocks and go on from there. So a sum has the same bits with and
//! without the cut.

use super::{CHAIN, Into, NARROW, Right, WIDE, copy, pack_panel, panel};
use pulp::{Arch, Simd, WithSimd};
use std::cell::RefCell;
use std::ops::Range;

/// Most inner length of a block: a panel of it has 108 KiB.
const DEEP: usize = 3 * CHAIN;
/// Rows of a block: with [`DEEP`], their left side has at most 0.9 MiB.
const ROWS: usize = 264;

/// Columns of a block: with [`DEEP`], a packed right side has at most 3.4 MiB.
const COLUMNS: usize = 1024;
/// Numbers in a line of the caches.
const LINE: usize = 16;
/// Rows of the highest tile.
const MOST: usize = 12;

/// A whole product. Lengths were checked: `values` has `rows * inner` numbers, `out` has `rows * columns`.
pub(super) struct Job<'a> {
    pub values: &'a [f32],
    pub by_row: usize,
    pub by_inner: usize,
    pub right: Right<'a>,
    pub inner: usize,
    pub columns: usize,
    /// Where the sums and the columns begin in a right side of which only a part is read: rows, and columns that begin
    /// at a panel.
    pub skipped: (usize, usize),
    pub out: *mut f32,
    pub into: Into,
    /// Inner length of a chain: [`CHAIN`], or all.
    pub chain: usize,
}

// SAFETY: tasks write to disjoint pieces of the result, which is borrowed mutably while the job lives.
unsafe impl Sync for Job<'_> {}

/// A piece of the result; columns begin at a panel.
pub(super) struct Span<'a> {
    pub job: &'a Job<'a>,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    /// Room for packed left and right sides.
    pub packed: &'a mut (Vec<f32>, Vec<f32>),
}

thread_local! {
    /// Packed left and right sides, kept from product to product.
    static PACKED: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

impl Job<'_> {
    /// (columns that the panel at `start` stores, columns that it uses)
    #[inline(always)]
    fn panel(&self, start: usize) -> (usize, usize) {
        match self.right {
            Right::Panels(panels) => panel(panels.columns, start + self.skipped.1),
            _ => panel(self.columns, start),
        }
    }

    pub(super) fn run(&self, rows: Range<usize>, columns: Range<usize>) {
        if rows.is_empty() {
            return;
        }
        for start in columns.clone().step_by(COLUMNS) {
            let (rows, columns) = (rows.clone(), start..(start + COLUMNS).min(columns.end));
            PACKED.with_borrow_mut(|packed| Arch::new().dispatch(Span { job: self, rows, columns, packed }));
        }
    }
}

impl WithSimd for Span<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.blocks(simd);
    }
}

/// Where a block of the left side is.
#[derive(Clone, Copy)]
struct LeftBlock {
    values: *const f32,
    by_row: usize,
    by_inner: usize,
    /// Numbers from one tile of `tall` rows to the next.
    by_tile: usize,
    tall: usize,
}

/// What a tile reads and writes.
#[derive(Clone, Copy)]
struct Tile {
    left: *const f32,
    by_row: usize,
    by_inner: usize,
    panel: *const f32,
    inner: usize,
    out: *mut f32,
    stride: usize,
    used: usize,
    into: Into,
    chain: usize,
    /// What is read soon is asked for, a line of it in each turn; numbers from one to the next.
    ahead: *const f32,
    by_ahead: usize,
}

impl Span<'_> {
    #[inline(always)]
    fn blocks<S: Simd>(self, simd: S) {
        let Self { job, rows, columns, packed: (packed_left, packed_right) } = self;
        let inner = job.inner;
        // Finished sums are added in one go, so they cannot wait in the result.
        // A packed panel is read from one end to the other, as caches like it. One chain that is added in one go cannot wait
        // in the result.
        let whole = matches!(job.right, Right::Panels(_)) || job.into == Into::Add && job.chain > DEEP;
        let deep = if whole { inner } else { DEEP };
        let mut k = 0;
        loop {
            let depth = deep.min(inner - k);
            let into = if k == 0 { job.into } else { next(job.chain) };
            pack_right(job, k..k + depth, columns.clone(), packed_right);
            for block in rows.clone().step_by(ROWS) {
                let block = block..(block + ROWS).min(rows.end);
                let left = pack_left::<S>(job, k..k + depth, block.clone(), columns.len(), packed_left);
                let mut start = columns.start;
                while start < columns.end {
                    let (width, used) = job.panel(start);
                    let used = used.min(columns.end - start);
                    let from = match job.right {
                        Right::Panels(panels) => {
                            let (skipped, start) = (job.skipped.0, start + job.skipped.1);
                            panels.data[start * panels.inner + (k + skipped) * width..][..depth * width].as_ptr()
                        }
                        _ => packed_right[(start - columns.start) * depth..][..depth * width].as_ptr(),
                    };
                    // SAFETY: rows and columns lie in the result, whose length was checked.
                    let out = unsafe { job.out.add(block.start * job.columns + start) };
                    let tile = Tile {
                        left: left.values,
                        by_row: 0,
                        by_inner: 0,
                        panel: from,
                        inner: depth,
                        out,
                        stride: job.columns,
                        used,
                        into,
                        chain: job.chain,
                        ahead: from.wrapping_add(depth * width),
                        by_ahead: 0,
                    };
                    // SAFETY: the panel holds `depth` rows of `width` numbers, the left block as many rows as this
                    // one, and the result is written only at rows and columns of this span.
                    unsafe {
                        // Sizes of the register tile: as many chains as hide the latency, no more than there are
                        // registers.
                        match (S::F32_LANES, width) {
                            (16, WIDE) => down::<S, 12, 2>(simd, left, block.len(), tile),
                            (16, _) => down::<S, 12, 1>(simd, left, block.len(), tile),
                            (8, WIDE) => down::<S, 3, 4>(simd, left, block.len(), tile),
                            (8, _) => down::<S, 6, 2>(simd, left, block.len(), tile),
                            (4, WIDE) => down::<S, 1, 8>(simd, left, block.len(), tile),
                            (4, _) => down::<S, 2, 4>(simd, left, block.len(), tile),
                            _ => plain(left, block.len(), width, tile),
                        }
                    }
                    start += used;
                }
            }
            k += depth;
            if k >= inner {
                return;
            }
        }
    }
}

/// What becomes of the sums after the first chain or block.
#[inline(always)]
fn next(chain: usize) -> Into {
    if chain <= DEEP { Into::Add } else { Into::Continue }
}

/// Rows of a full register tile of a wide panel.
const fn tall(lanes: usize) -> usize {
    match lanes {
        16 => 12,
        8 => 6,
        _ => 1,
    }
}

/// Packs the panels of these columns, unless they are packed.
#[inline(always)]
fn pack_right(job: &Job, inner: Range<usize>, columns: Range<usize>, to: &mut Vec<f32>) {
    let (values, by_inner, by_column) = match job.right {
        Right::Panels(_) => return,
        Right::Rows { values, columns, .. } => (values, columns, 1),
        Right::Columns { values, inner, .. } => (values, 1, inner),
    };
    let depth = inner.len();
    let needed = depth * columns.len().next_multiple_of(NARROW).next_multiple_of(WIDE);
    if to.len() < needed {
        to.resize(needed, 0.0);
    }
    let mut start = columns.start;
    while start < columns.end {
        let (width, used) = job.panel(start);
        let to = &mut to[(start - columns.start) * depth..][..depth * width];
        pack_panel(values, by_inner, by_column, inner.clone(), start, width, used, to);
        start += used;
    }
}

/// The left side of a block. A transposed one is packed when several panels read it: tile after tile, the rows of a
/// tile side by side.
#[inline(always)]
fn pack_left<S: Simd>(
    job: &Job,
    inner: Range<usize>,
    rows: Range<usize>,
    columns: usize,
    to: &mut Vec<f32>,
) -> LeftBlock {
    let (by_row, by_inner) = (job.by_row, job.by_inner);
    let tall = tall(S::F32_LANES);
    let at = rows.start * by_row + inner.start * by_inner;
    if by_inner == 1 || columns <= 2 * WIDE || tall == 1 {
        return LeftBlock {
            values: job.values[at.min(job.values.len())..].as_ptr(),
            by_row,
            by_inner,
            by_tile: tall * by_row,
            tall,
        };
    }
    let (depth, tiles) = (inner.len(), rows.len().div_ceil(tall));
    if to.len() < tiles * tall * depth {
        to.resize(tiles * tall * depth, 0.0);
    }
    for (row, to) in rows.clone().step_by(tall).zip(to.chunks_exact_mut(tall * depth)) {
        let used = tall.min(rows.end - row);
        for (k, to) in inner.clone().zip(to.chunks_exact_mut(tall)) {
            copy::<MOST>(&job.values[k * by_inner + row..][..used], to);
        }
    }
    LeftBlock { values: to.as_ptr(), by_row: 1, by_inner: tall, by_tile: tall * depth, tall }
}

/// All tiles of a block below each other, the last ones lower.
///
/// # Safety
/// As for [`tile`], for each of the `rows` rows.
#[inline(always)]
unsafe fn down<S: Simd, const TALL: usize, const VECTORS: usize>(simd: S, left: LeftBlock, rows: usize, tile: Tile) {
    let mut row = 0;
    while row < rows {
        let (of_tile, in_tile) = (row / left.tall * left.by_tile, row % left.tall * left.by_row);
        // SAFETY: row `row` of the left block and of the result are within what the caller promises.
        unsafe {
            let tile = Tile {
                left: left.values.add(of_tile + in_tile),
                by_row: left.by_row,
                by_inner: left.by_inner,
                out: tile.out.add(row * tile.stride),
                // The next panel: two lines for each of its rows, so two tiles ask for all of it.
                ahead: tile.ahead.wrapping_add(if row < 2 * TALL { row / TALL * tile.inner * LINE } else { 0 }),
                by_ahead: if row < 2 * TALL { LINE } else { 0 },
                ..tile
            };
            let rest = rows - row;
            row += if rest >= TALL {
                self::tile::<S, TALL, VECTORS>(simd, tile);
                TALL
            } else if TALL > 8 && rest >= 8 {
                self::tile::<S, 8, VECTORS>(simd, tile);
                8
            } else if TALL > 4 && rest >= 4 {
                self::tile::<S, 4, VECTORS>(simd, tile);
                4
            } else if TALL > 2 && rest >= 2 {
                self::tile::<S, 2, VECTORS>(simd, tile);
                2
            } else {
                self::tile::<S, 1, VECTORS>(simd, tile);
                1
            };
        }
    }
}

/// `HIGH` rows by `VECTORS` vectors of the result, one chain each. Where the last columns of a panel are not used, the tile is
/// worked on aside.
///
/// # Safety
/// `panel` holds `inner` rows of `VECTORS * S::F32_LANES` numbers; `left[r * by_row + k * by_inner]` can be read for
/// `r < HIGH`, `k < inner`, and `out[r * stride + j]` read and written for `j < used`, by nobody else meanwhile.
#[inline(always)]
unsafe fn tile<S: Simd, const HIGH: usize, const VECTORS: usize>(simd: S, tile: Tile) {
    let width = VECTORS * S::F32_LANES;
    // SAFETY: as promised by the caller; `aside` has room for the largest tile, `MOST` rows of `WIDE` numbers.
    unsafe {
        if tile.used == width {
            whole::<S, HIGH, VECTORS>(simd, tile);
            return;
        }
        let mut aside = [0f32; MOST * WIDE];
        let Tile { out, stride, used, .. } = tile;
        for r in 0..HIGH {
            std::ptr::copy_nonoverlapping(out.add(r * stride), aside.as_mut_ptr().add(r * width), used);
        }
        whole::<S, HIGH, VECTORS>(simd, Tile { out: aside.as_mut_ptr(), stride: width, used: width, ..tile });
        for r in 0..HIGH {
            std::ptr::copy_nonoverlapping(aside.as_ptr().add(r * width), out.add(r * stride), used);
        }
    }
}

/// A tile whose columns are all used: chain after chain.
///
/// # Safety
/// As for [`tile`], for all columns of the panel.
#[inline(always)]
unsafe fn whole<S: Simd, const HIGH: usize, const VECTORS: usize>(simd: S, mut tile: Tile) {
    let width = VECTORS * S::F32_LANES;
    let mut rest = tile.inner;
    loop {
        tile.inner = rest.min(tile.chain);
        // SAFETY: as promised by the caller; the parts of the sums lie behind each other.
        unsafe {
            match tile.into {
                Into::Replace => sums::<S, HIGH, VECTORS, false, false>(simd, tile),
                Into::Add => sums::<S, HIGH, VECTORS, false, true>(simd, tile),
                Into::Continue => sums::<S, HIGH, VECTORS, true, false>(simd, tile),
            }
        }
        rest -= tile.inner;
        if rest == 0 {
            return;
        }
        tile.panel = tile.panel.wrapping_add(tile.inner * width);
        tile.left = tile.left.wrapping_add(tile.inner * tile.by_inner);
        tile.ahead = tile.ahead.wrapping_add(tile.inner * tile.by_ahead);
        tile.into = next(tile.chain);
    }
}

/// The chains of a tile. What becomes of the result is known when this is compiled, and no address of the sums is taken: else
/// they would be stored in every turn of the loop, which halves the rate.
///
/// # Safety
/// As for [`whole`].
#[inline(always)]
unsafe fn sums<S: Simd, const HIGH: usize, const VECTORS: usize, const CONTINUE: bool, const ADD: bool>(
    simd: S,
    tile: Tile,
) {
    let Tile { left, by_row, by_inner, panel, inner, out, stride, ahead, by_ahead, .. } = tile;
    let width = VECTORS * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; HIGH];
    // SAFETY: every address is one that the caller promises; vectors are read and written without any demand on
    // alignment.
    unsafe {
        if CONTINUE {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = out.add(r * stride).cast::<S::f32s>().add(v).read_unaligned();
                }
            }
        }
        // Addresses go on by wrapping, so that builds with checks check nothing in here: the way out of a check would
        // keep the sums in memory.
        let (mut left, mut panel, mut ahead) = (left, panel, ahead);
        for _ in 0..inner {
            let from = panel.cast::<S::f32s>();
            let right: [S::f32s; VECTORS] = std::array::from_fn(|v| from.wrapping_add(v).read_unaligned());
            for (r, sums) in sums.iter_mut().enumerate() {
                let left = simd.splat_f32s(left.wrapping_add(r.wrapping_mul(by_row)).read_unaligned());
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = simd.mul_add_f32s(left, right, *sum);
                }
            }
            ask(ahead);
            ahead = ahead.wrapping_add(by_ahead);
            panel = panel.wrapping_add(width);
            left = left.wrapping_add(by_inner);
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                let to = out.add(r * stride).cast::<S::f32s>().add(v);
                let sum = if ADD { simd.add_f32s(to.read_unaligned(), sum) } else { sum };
                to.write_unaligned(sum);
            }
        }
    }
}

/// Asks for the line of this address to be brought into the second-level cache; any address may be asked for.
#[inline(always)]
fn ask(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which reads nothing and never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// The same chains without vectors, for machines whose width has no tile.
///
/// # Safety
/// As for [`tile`], for `rows` rows and a panel of `width` numbers a row.
unsafe fn plain(left: LeftBlock, rows: usize, width: usize, tile: Tile) {
    for row in 0..rows {
        for j in 0..tile.used {
            // SAFETY: as promised by the caller.
            unsafe {
                let from = left.values.add(row / left.tall * left.by_tile + row % left.tall * left.by_row);
                let to = tile.out.add(row * tile.stride + j);
                let mut into = tile.into;
                let mut start = 0;
                loop {
                    let end = (start + tile.chain.min(tile.inner)).min(tile.inner);
                    let begin = if into == Into::Continue { *to } else { 0.0 };
                    let chain = (start..end).fold(begin, |sum, k| {
                        (*from.add(k * left.by_inner)).mul_add(*tile.panel.add(k * width + j), sum)
                    });
                    *to = if into == Into::Add { *to + chain } else { chain };
                    (start, into) = (end, next(tile.chain));
                    if start >= tile.inner {
                        break;
                    }
                }
            }
        }
    }
}
