//! Rows of several sequences through all layers, one row per token, over paged caches.
//!
//! A row is the next token of a rollout or one of a stretch of a prompt: both go the same way. With a pool, the work inside
//! each step is cut into tasks; which thread does a task, and how many there are, changes no bit.

use super::attend::attend;
use super::cache::{Cache, Sizes};
use crate::kernels::attention::Rotary;
use crate::kernels::matmul::{Into, Left, Right, multiply};
use crate::kernels::pool::Pool;
use crate::kernels::{gated, norm, vectorised};
use crate::policy::host::{HostWeights, Matrix};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Rows that one task of a step over rows takes.
const ROWS: usize = 16;

/// Seconds spent in the parts of decoding, added over the threads that drive it (not those that help inside a step).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Profile {
    /// Matrix products of the layers.
    pub products: f64,
    /// Attention over the caches, and writing them.
    pub attention: f64,
    /// The output head.
    pub head: f64,
    /// Choosing tokens.
    pub sampling: f64,
    /// Norms, gates, embeddings.
    pub elementwise: f64,
    /// Everything else: admission, memory, delivery.
    pub rest: f64,
}

impl Profile {
    pub(crate) fn add(&mut self, other: &Profile) {
        self.products += other.products;
        self.attention += other.attention;
        self.head += other.head;
        self.sampling += other.sampling;
        self.elementwise += other.elementwise;
        self.rest += other.rest;
    }
}

/// Gives the seconds since it was last asked.
pub(crate) struct Watch(Instant);

impl Watch {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let seconds = now.duration_since(self.0).as_secs_f64();
        self.0 = now;
        seconds
    }
}

/// The threads that help inside a step, or none.
#[derive(Clone, Copy)]
pub(crate) struct Crew<'a>(pub Option<&'a Pool>);

impl Crew<'_> {
    /// Calls `work` once for each task.
    pub(crate) fn run(&self, tasks: usize, work: &(dyn Fn(usize) + Sync)) {
        match self.0 {
            Some(pool) => pool.run(tasks, work),
            None => (0..tasks).for_each(work),
        }
    }

    /// Calls `work` with each stretch of [`ROWS`] rows of `out`, and its number.
    fn rows(&self, out: &mut [f32], width: usize, work: &(dyn Fn(usize, &mut [f32]) + Sync)) {
        match self.0 {
            Some(pool) => pool.pieces(out, ROWS * width, work),
            None => out.chunks_mut(ROWS * width).enumerate().for_each(|(idx, piece)| work(idx, piece)),
        }
    }

    fn norm(&self, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
        let width = weight.len();
        self.rows(out, width, &|idx, out| {
            norm::forward(&x[idx * ROWS * width..][..out.len()], weight, eps, out);
        });
    }

    fn head_norms(&self, rows: &mut [f32], width: usize, weight: &[f32], eps: f32) {
        self.rows(rows, width, &|_, rows| norm::in_place(rows, weight, eps));
    }

    fn gate(&self, gate: &mut [f32], up: &[f32], width: usize) {
        self.rows(gate, width, &|idx, gate| gated::in_place(gate, &up[idx * ROWS * width..][..gate.len()]));
    }

    /// `out = x · weight^T + bias`, or that added to `out`; as [`Matrix::apply`], on all threads.
    fn apply(&self, matrix: &Matrix, x: &[f32], rows: usize, out: &mut [f32], accumulate: bool) {
        let into = if accumulate { Into::Add } else { Into::Replace };
        multiply(self.0, Left::Rows(x), rows, Right::Panels(&matrix.forward), out, into);
        if let Some(bias) = &matrix.bias {
            for row in out.chunks_exact_mut(bias.len()) {
                for (out, bias) in row.iter_mut().zip(bias) {
                    *out += bias;
                }
            }
        }
    }

    /// The last norm and the logits of rows of hidden states.
    pub(crate) fn logits(&self, weights: &HostWeights, hidden: &[f32], normed: &mut Vec<f32>, logits: &mut Vec<f32>) {
        let n = hidden.len() / weights.width;
        normed.resize(hidden.len(), 0.0);
        logits.resize(n * weights.vocab(), 0.0);
        self.norm(hidden, &weights.last_norm, weights.eps, normed);
        multiply(self.0, Left::Rows(normed), n, Right::Panels(&weights.head.forward), logits, Into::Replace);
    }
}

/// A stretch of one sequence: which cache, and the rows of the step that are its next positions.
pub(crate) struct Span<'a> {
    pub cache: &'a mut Cache,
    pub rows: Range<usize>,
}

/// Buffers, kept between steps.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Hidden states after the last layer, before the last norm, `(rows, width)`.
    pub x: Vec<f32>,
    pub normed: Vec<f32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    mixed: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
}

/// Runs `tokens`, which were checked against the vocabulary, through all layers. The spans cover the rows in order, and
/// their caches have the pages that are needed; they are written, and their lengths are the caller's to change.
#[allow(clippy::too_many_arguments)]
pub(crate) fn forward(
    weights: &HostWeights,
    sizes: &Sizes,
    rotary: &Rotary,
    crew: Crew,
    tokens: &[u32],
    spans: &mut [Span],
    scratch: &mut Scratch,
    profile: &mut Profile,
) {
    let (n, width, heads) = (tokens.len(), weights.width, weights.heads);
    let Scratch { x, normed, q, k, v, mixed, gate, up } = scratch;
    for (buffer, columns) in [
        (&mut *normed, width),
        (&mut *q, heads.query_width()),
        (&mut *k, heads.kv_width()),
        (&mut *v, heads.kv_width()),
        (&mut *mixed, heads.query_width()),
        (&mut *gate, weights.hidden),
        (&mut *up, weights.hidden),
    ] {
        buffer.resize(n * columns, 0.0);
    }
    let mut watch = Watch::new();
    weights.embed(tokens, x);
    let tasks = tasks(spans, heads.kv_heads);
    for (idx, layer) in weights.layers.iter().enumerate() {
        crew.norm(x, &layer.first_norm, weights.eps, normed);
        profile.elementwise += watch.lap();
        crew.apply(&layer.q, normed, n, q, false);
        crew.apply(&layer.k, normed, n, k, false);
        crew.apply(&layer.v, normed, n, v, false);
        profile.products += watch.lap();
        if let Some([of_q, of_k]) = &layer.head_norms {
            crew.head_norms(q, heads.head_width, of_q, weights.eps);
            crew.head_norms(k, heads.head_width, of_k, weights.eps);
        }
        write(sizes, rotary, crew, idx, k, v, spans);
        mix(sizes, rotary, crew, idx, layer.window, q, spans, &tasks, mixed);
        profile.attention += watch.lap();
        crew.apply(&layer.o, mixed, n, x, true);
        profile.products += watch.lap();
        crew.norm(x, &layer.second_norm, weights.eps, normed);
        profile.elementwise += watch.lap();
        crew.apply(&layer.gate, normed, n, gate, false);
        crew.apply(&layer.up, normed, n, up, false);
        profile.products += watch.lap();
        crew.gate(gate, up, weights.hidden);
        profile.elementwise += watch.lap();
        crew.apply(&layer.down, gate, n, x, true);
        profile.products += watch.lap();
    }
}

/// Spans that one task writes the keys and values of.
const SPANS: usize = 8;

/// Puts the keys and values of all rows into their caches.
fn write(sizes: &Sizes, rotary: &Rotary, crew: Crew, layer: usize, k: &[f32], v: &[f32], spans: &mut [Span]) {
    let width = sizes.heads.kv_width();
    let parts: Vec<Mutex<&mut [Span]>> = spans.chunks_mut(SPANS).map(Mutex::new).collect();
    crew.run(parts.len(), &|task| {
        let mut turned = vec![0f32; sizes.heads.head_width];
        let mut spans = parts[task].lock().unwrap_or_else(PoisonError::into_inner);
        for span in spans.iter_mut() {
            for (at, row) in span.rows.clone().enumerate() {
                let position = span.cache.length + at;
                let here = row * width..(row + 1) * width;
                span.cache.write(layer, position, &k[here.clone()], &v[here], sizes, rotary, &mut turned);
            }
        }
    });
}

/// Attention of some rows of a span for one key head.
struct Task {
    span: usize,
    rows: Range<usize>,
    kv_head: usize,
}

fn tasks(spans: &[Span], kv_heads: usize) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (span, Span { rows, .. }) in spans.iter().enumerate() {
        for start in rows.clone().step_by(ROWS) {
            let rows = start..(start + ROWS).min(rows.end);
            tasks.extend((0..kv_heads).map(|kv_head| Task { span, rows: rows.clone(), kv_head }));
        }
    }
    tasks
}

/// The whole of a matrix of which each task writes a part of its own.
struct Shared(*mut f32);

// SAFETY: only `mix` makes one, and its tasks write parts that do not overlap.
unsafe impl Sync for Shared {}

/// Buffers of one task.
#[derive(Default)]
struct Buffers {
    queries: Vec<f32>,
    row: Vec<f32>,
}

#[allow(clippy::too_many_arguments)]
fn mix(
    sizes: &Sizes,
    rotary: &Rotary,
    crew: Crew,
    layer: usize,
    window: Option<usize>,
    q: &[f32],
    spans: &[Span],
    tasks: &[Task],
    out: &mut [f32],
) {
    let heads = sizes.heads;
    let (width, stride) = (heads.head_width, heads.query_width());
    let group = heads.heads / heads.kv_heads * width;
    assert_eq!(out.len(), q.len());
    let whole = Shared(out.as_mut_ptr());
    let (whole, length) = (&whole, out.len());
    let spare: Mutex<Vec<Buffers>> = Mutex::new(Vec::new());
    crew.run(tasks.len(), &|task| {
        let Task { span, rows, kv_head } = &tasks[task];
        let Span { cache, rows: all } = &spans[*span];
        let held = cache.layer(layer);
        let mut buffers = spare.lock().ok().and_then(|mut spare| spare.pop()).unwrap_or_default();
        for row in rows.clone() {
            let position = cache.length + row - all.start;
            let at = row * stride + kv_head * group;
            assert!(at + group <= length);
            // SAFETY: the part lies in `out`, which is borrowed for this call, and no other task has this row and head.
            let out = unsafe { std::slice::from_raw_parts_mut(whole.0.add(at), group) };
            let Buffers { queries, row } = &mut buffers;
            queries.resize(group, 0.0);
            for (from, to) in q[at..at + group].chunks_exact(width).zip(queries.chunks_exact_mut(width)) {
                rotary.turn(from, position, to);
            }
            let kv_head = *kv_head;
            vectorised!('a, simd, {
                queries: &'a [f32], held: &'a super::cache::Held, sizes: &'a Sizes, kv_head: usize,
                window: Option<usize>, position: usize, row: &'a mut Vec<f32>, out: &'a mut [f32],
            } -> (), {
                attend(simd, queries, held, sizes, kv_head, window, position, row, out);
            });
        }
        if let Ok(mut spare) = spare.lock() {
            spare.push(buffers);
        }
    });
}
