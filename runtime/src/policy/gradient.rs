//! Gradients of a loss that is a function of the log-probabilities and entropies of response tokens.
//!
//! Sequences are cut into shards of about [`SHARD_TOKENS`] tokens, shards are dealt to [`LANES`] lanes in order, and
//! the sums of the lanes are added in order. Neither constant depends on the machine, so the number of threads
//! changes the time and not one bit of the result. A large policy ([`Policy::is_large`]) is computed one micro-batch
//! after the other with all threads inside each operation, which has the same property.

use super::backward::Workspace;
use super::forward::{Pack, Weights};
use super::host::HostWeights;
use super::large::{self, Large};
use super::{Policy, PolicyError};
use crate::kernels::pool::Pool;
use candle_core::{Device, Tensor};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Lanes that shards are dealt to, whatever the number of threads.
pub const LANES: usize = 4;

/// Tokens after which a shard is full. The activations of a small policy then stay in the second-level cache.
pub const SHARD_TOKENS: usize = 512;

/// How many threads work on the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    /// Threads, at least 1; more than [`LANES`] bring nothing.
    pub threads: usize,
}

/// A prompt and its response, laid end to end.
#[derive(Debug, Clone, Copy)]
pub struct Sequence<'a> {
    /// Token ids: prompt, then response.
    pub tokens: &'a [u32],
    /// Tokens of the prompt, at least 1.
    pub prompt_len: usize,
}

/// The loss of one sequence and its derivatives.
#[derive(Debug, Clone, Default)]
pub struct SequenceLoss {
    /// Value; the values of all sequences are summed.
    pub loss: f64,
    /// Derivative with respect to the log-probability of each response token.
    pub d_logp: Vec<f32>,
    /// Derivative with respect to the entropy at each response token; empty means zeros.
    pub d_entropy: Vec<f32>,
}

/// A loss: (index of the sequence, log-probabilities, entropies of its response tokens) to [`SequenceLoss`].
pub type Loss<'a> = dyn Fn(usize, &[f32], &[f32]) -> SequenceLoss + Sync + 'a;

/// Gradients of the summed loss.
#[derive(Debug)]
pub struct Gradients {
    /// One per trained parameter, in the order of [`Policy::trained`].
    pub tensors: Vec<Tensor>,
    /// Sum of the losses.
    pub loss: f64,
    /// Log-probabilities of the response tokens, by sequence, in nats.
    pub logp: Vec<Vec<f32>>,
    /// Entropies at the response tokens, by sequence, in nats.
    pub entropy: Vec<Vec<f32>>,
}

/// Log-probabilities and entropies without gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Log-probabilities of the response tokens, by sequence, in nats.
    pub logp: Vec<Vec<f32>>,
    /// Entropies at the response tokens, by sequence, in nats.
    pub entropy: Vec<Vec<f32>>,
}

/// Loss, log-probabilities and entropies of one sequence of a shard.
type Said = (f64, Vec<f32>, Vec<f32>);

/// Gradients of the sum over sequences of `loss`, at a temperature that divides the logits.
///
/// One forward pass per shard; `loss` is called once per sequence with what came out; then one backward pass of
/// `sum(d_logp * logp + d_entropy * entropy)`. Fails when a parameter gets no gradient or one that is not finite.
/// On the CPU the kernels are used, elsewhere candle's operations and its automatic differentiation.
pub fn gradients(
    policy: &Policy,
    sequences: &[Sequence],
    temperature: f64,
    lanes: &Lanes,
    loss: &Loss,
) -> Result<Gradients, PolicyError> {
    check(policy, sequences, temperature)?;
    if sequences.iter().all(|sequence| sequence.tokens.len() == sequence.prompt_len) {
        return Err(PolicyError::Sequence { sequence: 0, reason: "no sequence has a response to learn from".into() });
    }
    if policy.device().is_cpu() {
        on_host(policy, sequences, temperature, lanes, loss)
    } else {
        on_device(policy, sequences, temperature, loss)
    }
}

fn on_host(
    policy: &Policy,
    sequences: &[Sequence],
    temperature: f64,
    lanes: &Lanes,
    loss: &Loss,
) -> Result<Gradients, PolicyError> {
    if policy.is_large() || policy.adapters().is_some() {
        return on_host_large(policy, sequences, temperature, lanes, loss);
    }
    let weights = HostWeights::new(policy, longest(sequences), true)?;
    let lanes = run_lanes(sequences, lanes, |shards| {
        let mut sums: Vec<Vec<f32>> = policy.parameters.iter().map(|(_, var)| vec![0.0; var.elem_count()]).collect();
        let (mut said, mut space) = (Vec::new(), Workspace::new());
        for shard in shards {
            let layout = ShardLayout::new(sequences, &shard, temperature);
            if layout.rows.is_empty() {
                layout.ask(shard, &[], loss, &mut said)?;
                continue;
            }
            let rows = weights.forward(&layout, &mut space);
            let derivatives = layout.ask(shard, &rows, loss, &mut said)?;
            weights.backward(&layout, &derivatives, &mut space, &mut sums);
        }
        Ok((sums, said))
    })?;
    let mut lanes = lanes.into_iter();
    let (mut total, mut said) = lanes.next().unwrap_or_default();
    for (sums, more) in lanes {
        said.extend(more);
        for (total, sum) in total.iter_mut().flatten().zip(sums.iter().flatten()) {
            *total += sum;
        }
    }
    let tensors = finite(policy, total)?;
    let (loss, logp, entropy) = in_order(said);
    Ok(Gradients { tensors, loss, logp, entropy })
}

/// The sums as tensors, if all of them are finite.
fn finite(policy: &Policy, sums: Vec<Vec<f32>>) -> Result<Vec<Tensor>, PolicyError> {
    let mut tensors = Vec::with_capacity(sums.len());
    for ((name, var), sum) in policy.trained().iter().zip(sums) {
        if !sum.iter().all(|value| value.is_finite()) {
            return Err(PolicyError::NonFiniteGradient { name: name.clone() });
        }
        tensors.push(Tensor::from_vec(sum, var.shape(), &Device::Cpu)?);
    }
    Ok(tensors)
}

/// One micro-batch after the other, all threads inside each operation.
pub(crate) fn on_host_large(
    policy: &Policy,
    sequences: &[Sequence],
    temperature: f64,
    lanes: &Lanes,
    loss: &Loss,
) -> Result<Gradients, PolicyError> {
    let pool = Pool::shared(lanes.threads);
    let weights = Large::new(policy, longest(sequences), &pool);
    let mut sums: Vec<Vec<f32>> = policy.trained().iter().map(|_| Vec::new()).collect();
    let (mut said, mut space) = (Vec::new(), large::Workspace::default());
    for shard in shards(sequences, large::MICRO_BATCH_TOKENS) {
        let layout = ShardLayout::new(sequences, &shard, temperature);
        if layout.rows.is_empty() {
            layout.ask(shard, &[], loss, &mut said)?;
            continue;
        }
        let rows = weights.forward(&layout, &mut space, true)?;
        let derivatives = layout.ask(shard, &rows, loss, &mut said)?;
        weights.backward(&layout, &derivatives, &mut space, &mut sums)?;
    }
    drop(space);
    let tensors = finite(policy, sums)?;
    let (loss, logp, entropy) = in_order(said);
    Ok(Gradients { tensors, loss, logp, entropy })
}

/// One shard after the other: a device has parallelism of its own.
pub(crate) fn on_device(
    policy: &Policy,
    sequences: &[Sequence],
    temperature: f64,
    loss: &Loss,
) -> Result<Gradients, PolicyError> {
    let weights = Weights::tracked(policy)?;
    let mut total: Option<Vec<Tensor>> = None;
    let mut said = Vec::new();
    for shard in shards(sequences, SHARD_TOKENS) {
        let layout = ShardLayout::new(sequences, &shard, temperature);
        if layout.rows.is_empty() {
            layout.ask(shard, &[], loss, &mut said)?;
            continue;
        }
        let out = weights.logp_entropy(&layout.pack, &layout.rows, &layout.targets, temperature)?;
        let derivatives = layout.ask(shard, &rows_of(&out)?, loss, &mut said)?;
        let derivatives = Tensor::from_vec(derivatives.concat(), out.shape(), out.device())?;
        let mut store = (out * derivatives)?.sum_all()?.backward()?;
        let mut found = Vec::with_capacity(policy.trained().len());
        for (idx, (name, var)) in policy.trained().iter().enumerate() {
            let gradient = store.remove(var.as_tensor());
            let gradient = gradient.ok_or_else(|| PolicyError::MissingGradient { name: name.clone() })?;
            found.push(match &total {
                Some(total) => (&total[idx] + gradient)?,
                None => gradient,
            });
        }
        total = Some(found);
    }
    let tensors = total.unwrap_or_default();
    for ((name, _), tensor) in policy.trained().iter().zip(&tensors) {
        // A sum of magnitudes is finite exactly when every part is, short of an overflow, which is no better.
        if !tensor.abs()?.sum_all()?.to_scalar::<f32>()?.is_finite() {
            return Err(PolicyError::NonFiniteGradient { name: name.clone() });
        }
    }
    let (loss, logp, entropy) = in_order(said);
    Ok(Gradients { tensors, loss, logp, entropy })
}

/// Log-probabilities and entropies of the response tokens, without gradients.
pub fn score(policy: &Policy, sequences: &[Sequence], temperature: f64, lanes: &Lanes) -> Result<Scores, PolicyError> {
    check(policy, sequences, temperature)?;
    let no_loss =
        |_: usize, logp: &[f32], _: &[f32]| SequenceLoss { d_logp: vec![0.0; logp.len()], ..Default::default() };
    let mut said = Vec::new();
    if policy.device().is_cpu() && policy.is_large() {
        let pool = Pool::shared(lanes.threads);
        let weights = Large::new(policy, longest(sequences), &pool);
        let mut space = large::Workspace::default();
        for shard in shards(sequences, large::MICRO_BATCH_TOKENS) {
            let layout = ShardLayout::new(sequences, &shard, temperature);
            let rows = if layout.rows.is_empty() { Vec::new() } else { weights.forward(&layout, &mut space, false)? };
            layout.ask(shard, &rows, &no_loss, &mut said)?;
        }
    } else if policy.device().is_cpu() {
        let weights = HostWeights::new(policy, longest(sequences), false)?;
        let lanes = run_lanes(sequences, lanes, |shards| {
            let (mut said, mut space) = (Vec::new(), Workspace::new());
            for shard in shards {
                let layout = ShardLayout::new(sequences, &shard, temperature);
                let rows = if layout.rows.is_empty() { Vec::new() } else { weights.forward(&layout, &mut space) };
                layout.ask(shard, &rows, &no_loss, &mut said)?;
            }
            Ok(said)
        })?;
        said.extend(lanes.into_iter().flatten());
    } else {
        let weights = Weights::detached(policy);
        for shard in shards(sequences, SHARD_TOKENS) {
            let layout = ShardLayout::new(sequences, &shard, temperature);
            let rows = if layout.rows.is_empty() {
                Vec::new()
            } else {
                rows_of(&weights.logp_entropy(&layout.pack, &layout.rows, &layout.targets, temperature)?)?
            };
            layout.ask(shard, &rows, &no_loss, &mut said)?;
        }
    }
    let (_, logp, entropy) = in_order(said);
    Ok(Scores { logp, entropy })
}

/// Logits after every token of a sequence, `(tokens, vocab)`, by the kernels of the CPU: those whose log-probabilities rollouts record
/// and training differentiates.
pub fn logits(policy: &Policy, tokens: &[u32], lanes: &Lanes) -> Result<Vec<f32>, PolicyError> {
    policy.check_tokens(tokens)?;
    let pool = Pool::shared(lanes.threads);
    let weights = Large::new(policy, tokens.len(), &pool);
    let layout = ShardLayout {
        pack: Pack::new([tokens]),
        rows: (0..tokens.len() as u32).collect(),
        targets: tokens.to_vec(),
        temperature: 1.0,
        spans: Vec::new(),
    };
    weights.all_logits(&layout, &mut large::Workspace::default())
}

fn longest(sequences: &[Sequence]) -> usize {
    sequences.iter().map(|sequence| sequence.tokens.len()).max().unwrap_or(0)
}

fn check(policy: &Policy, sequences: &[Sequence], temperature: f64) -> Result<(), PolicyError> {
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(PolicyError::Temperature(temperature));
    }
    for (idx, sequence) in sequences.iter().enumerate() {
        let wrong = |reason: String| Err(PolicyError::Sequence { sequence: idx, reason });
        if sequence.prompt_len == 0 {
            return wrong("the prompt is empty; its last token is what the first response token follows".into());
        }
        if sequence.prompt_len > sequence.tokens.len() {
            let (prompt, all) = (sequence.prompt_len, sequence.tokens.len());
            return wrong(format!("a prompt of {prompt} tokens in a sequence of {all}"));
        }
        policy.check_tokens(sequence.tokens)?;
    }
    Ok(())
}

/// Cuts sequences into shards, in order; each holds at least one.
fn shards(sequences: &[Sequence], full: usize) -> Vec<Range<usize>> {
    let (mut cut, mut start, mut tokens) = (Vec::new(), 0, 0);
    for (idx, sequence) in sequences.iter().enumerate() {
        tokens += sequence.tokens.len();
        if tokens >= full {
            cut.push(start..idx + 1);
            (start, tokens) = (idx + 1, 0);
        }
    }
    if start < sequences.len() {
        cut.push(start..sequences.len());
    }
    cut
}

/// Calls `work` once per lane with its shards, on up to `threads` threads; the results are in the order of the lanes.
fn run_lanes<R: Send>(
    sequences: &[Sequence],
    lanes: &Lanes,
    work: impl Fn(Vec<Range<usize>>) -> Result<R, PolicyError> + Sync,
) -> Result<Vec<R>, PolicyError> {
    let shards = shards(sequences, SHARD_TOKENS);
    let dealt: Vec<Vec<Range<usize>>> =
        (0..LANES).map(|lane| shards.iter().skip(lane).step_by(LANES).cloned().collect()).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let lane = next.fetch_add(1, Ordering::Relaxed);
            let Some(shards) = dealt.get(lane) else {
                return done;
            };
            done.push((lane, work(shards.clone())));
        }
    };
    let threads = lanes.threads.clamp(1, LANES);
    let mut done = if threads == 1 {
        worker()
    } else {
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
            let mut done = worker();
            for other in others {
                // A worker that panicked leaves its lane out, which is noticed below.
                done.extend(other.join().unwrap_or_default());
            }
            done
        })
    };
    done.sort_by_key(|(lane, _)| *lane);
    if done.len() != LANES {
        return Err(PolicyError::Worker);
    }
    done.into_iter().map(|(_, result)| result).collect()
}

/// Where the response tokens of a shard are.
pub(crate) struct ShardLayout {
    pub pack: Pack,
    /// Rows of the pack after which a response token comes.
    pub rows: Vec<u32>,
    /// The response tokens, one per row.
    pub targets: Vec<u32>,
    pub temperature: f64,
    /// For each sequence, its part of `rows`.
    spans: Vec<Range<usize>>,
}

impl ShardLayout {
    fn new(sequences: &[Sequence], shard: &Range<usize>, temperature: f64) -> Self {
        let sequences = &sequences[shard.clone()];
        // The last token of a response predicts nothing that is asked for, so it need not be computed.
        let read =
            |sequence: &Sequence| sequence.tokens.len() - usize::from(sequence.tokens.len() > sequence.prompt_len);
        let pack = Pack::new(sequences.iter().map(|sequence| &sequence.tokens[..read(sequence)]));
        let (mut rows, mut targets, mut spans) = (Vec::new(), Vec::new(), Vec::new());
        for (sequence, start) in sequences.iter().zip(pack.segments.iter()) {
            let first = rows.len();
            let response = &sequence.tokens[sequence.prompt_len..];
            rows.extend((0..response.len()).map(|at| (start + sequence.prompt_len - 1 + at) as u32));
            targets.extend_from_slice(response);
            spans.push(first..rows.len());
        }
        Self { pack, rows, targets, temperature, spans }
    }

    /// Calls the loss for each sequence of the shard; its derivatives by row come back, and what the sequences said
    /// is pushed to `said`.
    fn ask(
        &self,
        shard: Range<usize>,
        rows: &[[f32; 2]],
        loss: &Loss,
        said: &mut Vec<(usize, Said)>,
    ) -> Result<Vec<[f32; 2]>, PolicyError> {
        let mut derivatives = Vec::with_capacity(rows.len());
        for (idx, span) in shard.zip(&self.spans) {
            let rows = rows.get(span.clone()).unwrap_or_default();
            let logp: Vec<f32> = rows.iter().map(|row| row[0]).collect();
            let entropy: Vec<f32> = rows.iter().map(|row| row[1]).collect();
            let SequenceLoss { loss, d_logp, d_entropy } = loss(idx, &logp, &entropy);
            if d_logp.len() != logp.len() || !(d_entropy.is_empty() || d_entropy.len() == logp.len()) {
                let reason = format!("the loss gave derivatives for another number of tokens than {}", logp.len());
                return Err(PolicyError::Sequence { sequence: idx, reason });
            }
            let by_entropy = d_entropy.into_iter().chain(std::iter::repeat(0.0));
            derivatives.extend(d_logp.into_iter().zip(by_entropy).map(|(d_logp, d_entropy)| [d_logp, d_entropy]));
            said.push((idx, (loss, logp, entropy)));
        }
        Ok(derivatives)
    }
}

fn rows_of(out: &Tensor) -> Result<Vec<[f32; 2]>, PolicyError> {
    let values = out.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.as_chunks::<2>().0.to_vec())
}

fn in_order(mut said: Vec<(usize, Said)>) -> (f64, Vec<Vec<f32>>, Vec<Vec<f32>>) {
    said.sort_by_key(|(idx, _)| *idx);
    let (mut loss, mut logp, mut entropy) = (0.0, Vec::new(), Vec::new());
    for (_, (value, logps, entropies)) in said {
        loss += value;
        logp.push(logps);
        entropy.push(entropies);
    }
    (loss, logp, entropy)
}
