//! One decode lane: weights packed once, slots that each hold one rollout, one row of every product per slot.

use super::sampling::Sampler;
use super::{Generated, Request};
use crate::kernels::attention::{Heads, first_seen, hide, mix, push_transposed, scores, softmax};
use crate::kernels::{attention, gated, norm, vectorised};
use crate::policy::PolicyError;
use crate::policy::host::HostWeights;
use std::sync::Arc;

impl HostWeights {
    /// Runs `tokens` through all layers, one row each, into the hidden states before the last norm. `attend` mixes the
    /// values of one layer: (layer, q, k, v, out), all before the rotation.
    fn rows(
        &self,
        tokens: &[u32],
        scratch: &mut Scratch,
        mut attend: impl FnMut(usize, &[f32], &[f32], &[f32], &mut [f32]),
    ) {
        let (n, width) = (tokens.len(), self.width);
        let Scratch { x, normed, q, k, v, mixed, gate, up } = scratch;
        for (buffer, columns) in [
            (&mut *normed, width),
            (&mut *q, self.heads.query_width()),
            (&mut *k, self.heads.kv_width()),
            (&mut *v, self.heads.kv_width()),
            (&mut *mixed, self.heads.query_width()),
            (&mut *gate, self.hidden),
            (&mut *up, self.hidden),
        ] {
            buffer.resize(n * columns, 0.0);
        }
        self.embed(tokens, x);
        for (idx, layer) in self.layers.iter().enumerate() {
            norm::forward(x, &layer.first_norm, self.eps, normed);
            layer.q.apply(normed, n, q, false);
            layer.k.apply(normed, n, k, false);
            layer.v.apply(normed, n, v, false);
            if let Some([of_q, of_k]) = &layer.head_norms {
                norm::in_place(q, of_q, self.eps);
                norm::in_place(k, of_k, self.eps);
            }
            attend(idx, q, k, v, mixed);
            layer.o.apply(mixed, n, x, true);
            norm::forward(x, &layer.second_norm, self.eps, normed);
            layer.gate.apply(normed, n, gate, false);
            layer.up.apply(normed, n, up, false);
            gated::in_place(gate, up);
            layer.down.apply(gate, n, x, true);
        }
    }
}

/// Row buffers, kept between ticks.
#[derive(Default)]
struct Scratch {
    x: Vec<f32>,
    normed: Vec<f32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    mixed: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
}

/// Keys and values of one sequence, by layer and head.
#[derive(Default)]
struct Cache {
    length: usize,
    /// Rotated keys in transposed blocks, one list per (layer, head).
    keys: Vec<Vec<f32>>,
    /// Values row after row, one list per (layer, head).
    values: Vec<Vec<f32>>,
}

impl Cache {
    fn new(lists: usize) -> Self {
        Self { length: 0, keys: vec![Vec::new(); lists], values: vec![Vec::new(); lists] }
    }
}

/// A prompt that was computed once: its cache and the logits after its last token.
pub(crate) struct Prefix {
    cache: Cache,
    logits: Vec<f32>,
}

struct Slot {
    request: usize,
    prefix: Arc<Prefix>,
    own: Cache,
    sampler: Sampler,
    max_new_tokens: usize,
    out: Generated,
}

/// Slots that are decoded together on one thread.
pub(crate) struct Decoder {
    weights: Arc<HostWeights>,
    end_token: u32,
    slots: Vec<Slot>,
    scratch: Scratch,
    logits: Vec<f32>,
    row: Vec<f32>,
}

impl Decoder {
    pub(crate) fn new(weights: Arc<HostWeights>, end_token: u32) -> Self {
        Self { weights, end_token, slots: Vec::new(), scratch: Scratch::default(), logits: Vec::new(), row: Vec::new() }
    }

    pub(crate) fn occupied(&self) -> usize {
        self.slots.len()
    }

    /// Computes prompts, packed, with the arithmetic of training.
    pub(crate) fn prefixes(&mut self, prompts: &[Arc<[u32]>]) -> Vec<Arc<Prefix>> {
        let weights = self.weights.clone();
        let Heads { kv_heads, head_width, .. } = weights.heads;
        let tokens: Vec<u32> = prompts.iter().flat_map(|prompt| prompt.iter().copied()).collect();
        let mut segments = vec![0];
        for prompt in prompts {
            segments.push(segments.last().copied().unwrap_or(0) + prompt.len());
        }
        let mut caches: Vec<Cache> = prompts.iter().map(|_| Cache::new(weights.layers.len() * kv_heads)).collect();
        let mut turned = vec![0f32; head_width];
        weights.rows(&tokens, &mut self.scratch, |layer, q, k, v, out| {
            let window = weights.layers[layer].window;
            attention::forward(q, k, v, &segments, weights.heads, window, &weights.rotary, out);
            for (cache, span) in caches.iter_mut().zip(segments.windows(2)) {
                cache.length = span[1] - span[0];
                for position in 0..cache.length {
                    let at = (span[0] + position) * weights.heads.kv_width();
                    append(cache, layer, position, &k[at..], &v[at..], &weights, &mut turned);
                }
            }
        });
        let last = |span: &[usize]| self.scratch.x[(span[1] - 1) * weights.width..][..weights.width].to_vec();
        let hidden: Vec<f32> = segments.windows(2).flat_map(last).collect();
        weights.logits(&hidden, &mut self.scratch.normed, &mut self.logits);
        let logits = self.logits.chunks_exact(weights.vocab());
        caches.into_iter().zip(logits).map(|(cache, row)| Arc::new(Prefix { cache, logits: row.to_vec() })).collect()
    }

    /// Puts a request into a slot and samples its first token. A request that is over with it is returned at once.
    pub(crate) fn admit(
        &mut self,
        index: usize,
        request: &Request,
        prefix: Arc<Prefix>,
    ) -> Result<Option<Generated>, PolicyError> {
        let lists = self.weights.layers.len() * self.weights.heads.kv_heads;
        let mut slot = Slot {
            request: index,
            own: Cache::new(lists),
            sampler: Sampler::new(request.stream, &request.sampling),
            max_new_tokens: request.max_new_tokens,
            out: Generated::default(),
            prefix,
        };
        if slot.max_new_tokens == 0 {
            return Ok(Some(slot.out));
        }
        self.row.clear();
        self.row.extend_from_slice(&slot.prefix.logits);
        if slot.take(&mut self.row, self.end_token)? {
            return Ok(Some(slot.out));
        }
        self.slots.push(slot);
        Ok(None)
    }

    /// One tick: one more token in every slot. What is over leaves its slot and is given to `done`.
    pub(crate) fn tick(&mut self, mut done: impl FnMut(usize, Generated)) -> Result<(), PolicyError> {
        let weights = self.weights.clone();
        let heads = weights.heads;
        let tokens: Vec<u32> = self.slots.iter().filter_map(|slot| slot.out.tokens.last().copied()).collect();
        let mut scratch_head = vec![0f32; heads.head_width];
        weights.rows(&tokens, &mut self.scratch, |layer, q, k, v, out| {
            let (slots, row) = (&mut self.slots[..], &mut self.row);
            let (weights, turned) = (&*weights, &mut scratch_head[..]);
            vectorised!('a, simd, {
                slots: &'a mut [Slot], weights: &'a HostWeights, layer: usize, q: &'a [f32], k: &'a [f32],
                v: &'a [f32], out: &'a mut [f32], row: &'a mut Vec<f32>, turned: &'a mut [f32],
            } -> (), {
                let (q_width, kv_width) = (weights.heads.query_width(), weights.heads.kv_width());
                let rows = q.chunks_exact(q_width).zip(out.chunks_exact_mut(q_width));
                let cached = k.chunks_exact(kv_width).zip(v.chunks_exact(kv_width));
                for ((slot, (q, out)), (k, v)) in slots.iter_mut().zip(rows).zip(cached) {
                    let position = slot.prefix.cache.length + slot.own.length;
                    append(&mut slot.own, layer, position, k, v, weights, turned);
                    attend(simd, slot, layer, q, out, weights, row, turned);
                }
            });
        });
        for slot in &mut self.slots {
            slot.own.length += 1;
        }
        weights.logits(&self.scratch.x, &mut self.scratch.normed, &mut self.logits);
        let mut kept = Vec::with_capacity(self.slots.len());
        for (mut slot, row) in self.slots.drain(..).zip(self.logits.chunks_exact_mut(weights.vocab())) {
            if slot.take(row, self.end_token)? {
                done(slot.request, slot.out);
            } else {
                kept.push(slot);
            }
        }
        self.slots = kept;
        Ok(())
    }
}

impl Slot {
    /// Samples the next token from a row of logits; true when the rollout is over.
    fn take(&mut self, logits: &mut [f32], end_token: u32) -> Result<bool, PolicyError> {
        let position = self.out.tokens.len() as u32;
        let sampled = self.sampler.sample(logits, position).ok_or(PolicyError::NonFiniteLogits)?;
        self.out.tokens.push(sampled.token);
        self.out.logp_behavior.push(sampled.logp_behavior);
        self.out.logp_sampled.push(sampled.logp_sampled);
        self.out.finished = sampled.token == end_token;
        Ok(self.out.finished || self.out.tokens.len() >= self.max_new_tokens)
    }
}

/// Adds a row of keys and values to the cache of one layer; `position` is that in the whole sequence.
#[inline(always)]
fn append(
    cache: &mut Cache,
    layer: usize,
    position: usize,
    k: &[f32],
    v: &[f32],
    weights: &HostWeights,
    turned: &mut [f32],
) {
    let Heads { kv_heads, head_width, .. } = weights.heads;
    for head in 0..kv_heads {
        let list = layer * kv_heads + head;
        let own = cache.values[list].len() / head_width;
        weights.rotary.turn(&k[head * head_width..][..head_width], position, turned);
        push_transposed(&mut cache.keys[list], own, turned);
        cache.values[list].extend_from_slice(&v[head * head_width..][..head_width]);
    }
}

/// Attention of the newest position of a slot over its prompt and its own tokens: the steps of
/// [`attention::forward`] for one row, in the same order of sums.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn attend<S: pulp::Simd>(
    simd: S,
    slot: &Slot,
    layer: usize,
    q: &[f32],
    out: &mut [f32],
    weights: &HostWeights,
    row: &mut Vec<f32>,
    turned: &mut [f32],
) {
    let Heads { heads, kv_heads, head_width } = weights.heads;
    let before = slot.prefix.cache.length;
    let position = before + slot.own.length;
    row.resize(position + 1, 0.0);
    for head in 0..heads {
        let list = layer * kv_heads + head / (heads / kv_heads);
        let here = head * head_width..(head + 1) * head_width;
        weights.rotary.turn(&q[here.clone()], position, turned);
        let (of_prompt, of_response) = row.split_at_mut(before);
        scores(simd, turned, &slot.prefix.cache.keys[list], weights.heads.scale(), of_prompt);
        scores(simd, turned, &slot.own.keys[list], weights.heads.scale(), of_response);
        hide(row, first_seen(position, weights.layers[layer].window));
        let inverse = softmax(simd, row);
        let (of_prompt, of_response) = row.split_at(before);
        let out = &mut out[here];
        out.fill(0.0);
        mix(simd, of_prompt, &slot.prefix.cache.values[list], head_width, out);
        mix(simd, of_response, &slot.own.values[list], head_width, out);
        for out in out {
            *out *= inverse;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::attention::BLOCK;
    use crate::policy::Policy;
    use crate::rng::{Purpose, Stream};
    use candle_core::Device;
    use recipec_compiler::estimate;
    use recipec_compiler::settings::{Architecture, Sampling};

    /// The estimate's bytes for keys and values are those that decoding holds. Keys stand in blocks of [`BLOCK`] positions, so
    /// whole blocks agree exactly, and a sequence in between has at most one block more in each list.
    #[test]
    fn the_cache_is_as_large_as_the_estimate_says() {
        let architecture = Architecture {
            width: 24,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            head_width: 6,
            hidden: 20,
            tied: true,
            rope_theta: 1e4,
            norm_eps: 1e-5,
        };
        let policy = Policy::fresh(&architecture, 96, 3, &Device::Cpu).unwrap();
        let per_token = 4 * architecture.layers * 2 * architecture.kv_heads * architecture.head_width;
        let weights = Arc::new(HostWeights::new(&policy, 8 * BLOCK, false).unwrap());
        for (prompt_len, response) in [(2 * BLOCK, 3 * BLOCK), (BLOCK + 3, 2 * BLOCK - 5)] {
            // An end token that is no id never comes.
            let mut decoder = Decoder::new(weights.clone(), u32::MAX);
            let prompt: Arc<[u32]> = (0..prompt_len as u32).collect();
            let prefix = decoder.prefixes(std::slice::from_ref(&prompt)).remove(0);
            let request = Request {
                stream: Stream::new(1, Purpose::Rollout, 0, 0, 0),
                prompt,
                max_new_tokens: response + 2,
                sampling: Sampling { temperature: 1.0, top_p: 1.0, top_k: 0, min_p: 0.0 },
            };
            assert!(decoder.admit(0, &request, prefix).unwrap().is_none());
            for _ in 0..response {
                decoder.tick(|_, _| panic!("it is not over yet")).unwrap();
            }
            let slot = &decoder.slots[0];
            let caches = [&slot.prefix.cache, &slot.own];
            let lists = || caches.iter().flat_map(|cache| cache.keys.iter().chain(&cache.values));
            let held = 4 * lists().map(Vec::len).sum::<usize>();
            let estimated = (prompt_len + response) * per_token;
            let spare = 4 * 2 * architecture.layers * architecture.kv_heads * BLOCK * architecture.head_width;
            if prompt_len % BLOCK == 0 {
                assert_eq!(held, estimated);
            } else {
                assert!((estimated..estimated + spare).contains(&held), "{held} bytes, estimated {estimated}");
            }
        }
    }

    #[test]
    fn parameters_are_as_many_as_the_estimate_says() {
        for (width, layers, heads, kv_heads, head_width, hidden, tied) in
            [(32, 1, 2, 1, 16, 48, true), (48, 3, 4, 2, 8, 100, false), (96, 3, 3, 3, 32, 240, true)]
        {
            let (rope_theta, norm_eps) = (1e4, 1e-5);
            let architecture =
                Architecture { width, layers, heads, kv_heads, head_width, hidden, tied, rope_theta, norm_eps };
            let policy = Policy::fresh(&architecture, crate::tokenizer::VOCAB_SIZE, 1, &Device::Cpu).unwrap();
            let sizes = estimate::ModelSizes::fresh(&architecture);
            assert_eq!(estimate::parameters(&sizes), Some(policy.parameter_count() as f64), "{architecture:?}");
        }
    }

    #[test]
    fn the_estimate_knows_the_constants_of_the_runtime() {
        assert_eq!(estimate::LOGIT_ROWS, crate::policy::backward::LOGIT_ROWS as u64);
        assert_eq!(estimate::MICRO_BATCH_TOKENS, crate::policy::gradient::SHARD_TOKENS as u64);
        assert_eq!(estimate::LANES, crate::policy::gradient::LANES as u64);
        assert_eq!(estimate::BUILT_IN_VOCABULARY, crate::tokenizer::VOCAB_SIZE as u64);
    }
}
