//! Gradients of a loss that is a function of the log-probabilities and entropies of response tokens.
//!
//! Sequences are cut into shards of about [`SHARD_TOKENS`] tokens, shards are dealt to [`LANES`] lanes in order, and
//! the sums of the lanes are added in order. Neither constant depends on the machine, so the number of threads
//! changes the time and not one bit of the result.

use super::forward::{Pack, Weights};
use super::{Policy, PolicyError, ops};
use candle_core::Tensor;
use std::ops::Range;
use std::sync::Arc;
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
    /// One per parameter, in the order of [`Policy::parameters`].
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
pub fn gradients(
    policy: &Policy,
    sequences: &[Sequence],
    temperature: f64,
    lanes: &Lanes,
    loss: &Loss,
) -> Result<Gradients, PolicyError> {
    check(policy, sequences, temperature)?;
    if sequences
        .iter()
        .all(|sequence| sequence.tokens.len() == sequence.prompt_len)
    {
        return Err(PolicyError::Sequence {
            sequence: 0,
            reason: "no sequence has a response to learn from".into(),
        });
    }
    let weights = Weights::tracked(policy)?;
    let lanes = run_lanes(sequences, lanes, |shards| {
        let mut sum: Option<Vec<Tensor>> = None;
        let mut said = Vec::new();
        for shard in shards {
            let found = shard_gradients(
                &weights,
                policy,
                sequences,
                shard,
                temperature,
                loss,
                &mut said,
            )?;
            sum = match (sum, found) {
                (Some(sum), Some(found)) => Some(
                    sum.iter()
                        .zip(&found)
                        .map(|(a, b)| a + b)
                        .collect::<candle_core::Result<_>>()?,
                ),
                (sum, found) => sum.or(found),
            };
        }
        Ok((sum, said))
    })?;
    let mut tensors: Option<Vec<Tensor>> = None;
    let mut said = Vec::new();
    for (sum, shards) in lanes {
        said.extend(shards);
        tensors = match (tensors, sum) {
            (Some(total), Some(sum)) => Some(
                total
                    .iter()
                    .zip(&sum)
                    .map(|(a, b)| a + b)
                    .collect::<candle_core::Result<_>>()?,
            ),
            (total, sum) => total.or(sum),
        };
    }
    let tensors = tensors.unwrap_or_default();
    for ((name, _), tensor) in policy.parameters.iter().zip(&tensors) {
        if !is_finite(tensor)? {
            return Err(PolicyError::NonFiniteGradient { name: name.clone() });
        }
    }
    let (loss, logp, entropy) = in_order(said);
    Ok(Gradients {
        tensors,
        loss,
        logp,
        entropy,
    })
}

/// Log-probabilities and entropies of the response tokens, without gradients.
pub fn score(
    policy: &Policy,
    sequences: &[Sequence],
    temperature: f64,
    lanes: &Lanes,
) -> Result<Scores, PolicyError> {
    check(policy, sequences, temperature)?;
    let weights = Weights::detached(policy)?;
    let lanes = run_lanes(sequences, lanes, |shards| {
        let mut said = Vec::new();
        for shard in shards {
            let layout = ShardLayout::new(sequences, &shard);
            let Some(out) = layout.forward(&weights, temperature)? else {
                said.extend(shard.map(|idx| (idx, Said::default())));
                continue;
            };
            let rows = rows_of(&out)?;
            for (idx, span) in shard.zip(&layout.spans) {
                let rows = &rows[span.clone()];
                said.push((
                    idx,
                    (
                        0.0,
                        rows.iter().map(|row| row[0]).collect(),
                        rows.iter().map(|row| row[1]).collect(),
                    ),
                ));
            }
        }
        Ok(said)
    })?;
    let (_, logp, entropy) = in_order(lanes.into_iter().flatten().collect());
    Ok(Scores { logp, entropy })
}

fn check(policy: &Policy, sequences: &[Sequence], temperature: f64) -> Result<(), PolicyError> {
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(PolicyError::Temperature(temperature));
    }
    for (idx, sequence) in sequences.iter().enumerate() {
        let wrong = |reason: String| {
            Err(PolicyError::Sequence {
                sequence: idx,
                reason,
            })
        };
        if sequence.prompt_len == 0 {
            return wrong(
                "the prompt is empty; its last token is what the first response token follows"
                    .into(),
            );
        }
        if sequence.prompt_len > sequence.tokens.len() {
            let (prompt, all) = (sequence.prompt_len, sequence.tokens.len());
            return wrong(format!(
                "a prompt of {prompt} tokens in a sequence of {all}"
            ));
        }
        policy.check_tokens(sequence.tokens)?;
    }
    Ok(())
}

/// Cuts sequences into shards, in order; each holds at least one.
fn shards(sequences: &[Sequence]) -> Vec<Range<usize>> {
    let (mut cut, mut start, mut tokens) = (Vec::new(), 0, 0);
    for (idx, sequence) in sequences.iter().enumerate() {
        tokens += sequence.tokens.len();
        if tokens >= SHARD_TOKENS {
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
    let shards = shards(sequences);
    let dealt: Vec<Vec<Range<usize>>> = (0..LANES)
        .map(|lane| shards.iter().skip(lane).step_by(LANES).cloned().collect())
        .collect();
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
struct ShardLayout {
    pack: Pack,
    /// Rows of the pack after which a response token comes.
    rows: Vec<u32>,
    targets: Arc<[u32]>,
    /// For each sequence, its part of `rows`.
    spans: Vec<Range<usize>>,
}

impl ShardLayout {
    fn new(sequences: &[Sequence], shard: &Range<usize>) -> Self {
        let sequences = &sequences[shard.clone()];
        // The last token of a sequence predicts nothing that is asked for, so it need not be computed.
        let read = |sequence: &Sequence| {
            sequence.tokens.len() - usize::from(sequence.tokens.len() > sequence.prompt_len)
        };
        let pack = Pack::new(
            sequences
                .iter()
                .map(|sequence| &sequence.tokens[..read(sequence)]),
        );
        let (mut rows, mut targets, mut spans) = (Vec::new(), Vec::new(), Vec::new());
        for (sequence, start) in sequences.iter().zip(pack.segments.iter()) {
            let first = rows.len();
            let response = &sequence.tokens[sequence.prompt_len..];
            rows.extend(
                (0..response.len()).map(|at| (start + sequence.prompt_len - 1 + at) as u32),
            );
            targets.extend_from_slice(response);
            spans.push(first..rows.len());
        }
        Self {
            pack,
            rows,
            targets: targets.into(),
            spans,
        }
    }

    /// `(R, 2)` log-probabilities and entropies; none when no sequence has a response.
    fn forward(&self, weights: &Weights, temperature: f64) -> Result<Option<Tensor>, PolicyError> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        weights
            .logp_entropy(&self.pack, &self.rows, self.targets.clone(), temperature)
            .map(Some)
    }
}

fn rows_of(out: &Tensor) -> Result<Vec<[f32; 2]>, PolicyError> {
    let values = out.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.as_chunks::<2>().0.to_vec())
}

/// Gradients of one shard, or none when it has no response; what the sequences said is pushed to `said`.
fn shard_gradients(
    weights: &Weights,
    policy: &Policy,
    sequences: &[Sequence],
    shard: Range<usize>,
    temperature: f64,
    loss: &Loss,
    said: &mut Vec<(usize, Said)>,
) -> Result<Option<Vec<Tensor>>, PolicyError> {
    let layout = ShardLayout::new(sequences, &shard);
    let out = layout.forward(weights, temperature)?;
    let rows = out.as_ref().map(rows_of).transpose()?.unwrap_or_default();
    let mut derivatives = Vec::with_capacity(rows.len() * 2);
    for (idx, span) in shard.zip(&layout.spans) {
        let rows = &rows[span.clone()];
        let logp: Vec<f32> = rows.iter().map(|row| row[0]).collect();
        let entropy: Vec<f32> = rows.iter().map(|row| row[1]).collect();
        let found = loss(idx, &logp, &entropy);
        let fits = found.d_logp.len() == logp.len()
            && (found.d_entropy.is_empty() || found.d_entropy.len() == logp.len());
        if !fits {
            let reason = format!(
                "the loss gave derivatives for another number of tokens than {}",
                logp.len()
            );
            return Err(PolicyError::Sequence {
                sequence: idx,
                reason,
            });
        }
        for (at, d_logp) in found.d_logp.iter().enumerate() {
            derivatives.extend([*d_logp, found.d_entropy.get(at).copied().unwrap_or(0.0)]);
        }
        said.push((idx, (found.loss, logp, entropy)));
    }
    let Some(out) = out else { return Ok(None) };
    let derivatives = Tensor::from_vec(derivatives, out.shape(), out.device())?;
    let mut store = (out * derivatives)?.sum_all()?.backward()?;
    let mut tensors = Vec::with_capacity(policy.parameters.len());
    for (name, var) in &policy.parameters {
        let gradient = store.remove(var.as_tensor());
        tensors.push(gradient.ok_or_else(|| PolicyError::MissingGradient { name: name.clone() })?);
    }
    Ok(Some(tensors))
}

fn is_finite(tensor: &Tensor) -> Result<bool, PolicyError> {
    if ops::on_cpu(tensor) {
        return Ok(ops::with_numbers(tensor, |values| {
            Ok(values.iter().all(|value| value.is_finite()))
        })?);
    }
    // A sum of magnitudes is finite exactly when every part is, short of an overflow, which is no better.
    Ok(tensor.abs()?.sum_all()?.to_scalar::<f32>()?.is_finite())
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
