//! One decode loop: slots that each hold one rollout, one row of every product per slot and tick.
//!
//! A tick computes one more token of every rollout that runs, and with the rows that are left a stretch of the prompts that
//! wait. A prompt is computed by the first rollout of its bundle; the others share its pages and draw their first token
//! from the same logits. When the pages are used up, the youngest rollout gives its own back and is computed again later:
//! its tokens are kept, and since a row does not depend on what it is computed with, its cache comes back to the same
//! bits.

use super::cache::{Cache, Pages, Sizes};
use super::forward::{Crew, Profile, Scratch, Span, Watch, forward};
use super::sampling::{self, Sampled, sample};
use super::stop::Matcher;
use super::{Engine, Generated, Request, StopReason, VersionRun};
use crate::kernels::attention::Rotary;
use crate::kernels::pool::Pool;
use crate::policy::host::HostWeights;
use crate::policy::{Policy, PolicyError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Rows of prompts that a tick computes at most, so that a prompt of thousands of tokens needs no activations for all of
/// them at once.
pub(crate) const FILL_ROWS: usize = 512;

/// Rows of logits that exist at one time.
const LOGIT_ROWS: usize = 128;

/// Neighbouring requests with the same prompt, by number.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub members: VecDeque<(usize, Request)>,
    pub digest: [u8; 32],
}

/// A prompt that was computed: its cache and the logits after its last token.
struct Prefix {
    cache: Cache,
    logits: Vec<f32>,
}

/// A bundle with members that wait.
struct Waiting {
    id: u64,
    bundle: Bundle,
    /// A rollout computes the prompt.
    filling: bool,
    prefix: Option<Prefix>,
}

struct Slot {
    number: usize,
    request: Request,
    cache: Cache,
    matcher: Matcher,
    out: Generated,
    /// The bundle for which this rollout computes the prompt.
    leads: Option<u64>,
}

impl Slot {
    /// Tokens whose keys and values are not in the cache.
    fn pending(&self) -> usize {
        self.request.prompt.len() + self.out.tokens.len() - self.cache.length
    }

    fn token(&self, at: usize) -> u32 {
        let prompt = &self.request.prompt;
        let token = if at < prompt.len() { prompt.get(at) } else { self.out.tokens.get(at - prompt.len()) };
        token.copied().unwrap_or_default()
    }
}

/// What a decoder did.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Statistics {
    /// Ticks: steps of all occupied slots.
    pub ticks: u64,
    /// Rows computed: tokens of prompts and of responses.
    pub rows: u64,
    /// Rollouts that gave their memory back and were computed again.
    pub preempted: u64,
    /// The most bytes of keys and values at one time.
    pub cache_bytes: u64,
    /// Where the time went.
    pub profile: Profile,
}

impl Statistics {
    pub(crate) fn add(&mut self, other: &Statistics) {
        self.ticks += other.ticks;
        self.rows += other.rows;
        self.preempted += other.preempted;
        self.cache_bytes += other.cache_bytes;
        self.profile.add(&other.profile);
    }
}

/// Slots that are decoded together.
pub(crate) struct Decoder<'a> {
    policy: &'a Policy,
    weights: Arc<HostWeights>,
    rotary: Arc<Rotary>,
    engine: &'a Engine,
    limit: usize,
    pool: Option<Arc<Pool>>,
    pages: Pages,
    slots: Vec<Slot>,
    /// Rollouts that gave their pages back, the oldest first.
    paused: VecDeque<Slot>,
    waiting: VecDeque<Waiting>,
    bundles: u64,
    scratch: Scratch,
    logits: Vec<f32>,
    samplers: Mutex<Vec<sampling::Scratch>>,
    pub statistics: Statistics,
}

/// What comes out of a decoder while it runs.
pub(crate) enum Output {
    Token(usize, u32),
    Done(usize, Generated),
}

impl<'a> Decoder<'a> {
    /// `limit` slots, at most `pages` pages; with a pool, its threads help inside every step.
    pub(crate) fn new(
        policy: &'a Policy,
        weights: Arc<HostWeights>,
        engine: &'a Engine,
        limit: usize,
        pages: Pages,
        pool: Option<Arc<Pool>>,
    ) -> Self {
        Self {
            policy,
            rotary: weights.rotary.clone(),
            weights,
            engine,
            limit,
            pool,
            pages,
            slots: Vec::new(),
            paused: VecDeque::new(),
            waiting: VecDeque::new(),
            bundles: 0,
            scratch: Scratch::default(),
            logits: Vec::new(),
            samplers: Mutex::new(Vec::new()),
            statistics: Statistics::default(),
        }
    }

    /// Slots for which there is no rollout yet.
    pub(crate) fn free(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(|waiting| waiting.bundle.members.len()).sum();
        self.limit.saturating_sub(self.slots.len() + self.paused.len() + waiting)
    }

    /// True when there is nothing to do.
    pub(crate) fn idle(&self) -> bool {
        self.slots.is_empty() && self.paused.is_empty() && self.waiting.is_empty()
    }

    pub(crate) fn add(&mut self, bundle: Bundle) {
        self.bundles += 1;
        self.waiting.push_back(Waiting { id: self.bundles, bundle, filling: false, prefix: None });
    }

    /// One tick. What is said and what is over goes to `out`.
    pub(crate) fn tick(&mut self, out: &mut dyn FnMut(Output)) -> Result<(), PolicyError> {
        let mut watch = Watch::new();
        self.admit(out)?;
        let mut rows = self.plan();
        while self.missing(&rows) > self.pages.available() {
            self.give_way()?;
            rows = self.plan();
        }
        let tokens: Vec<u32> = self
            .slots
            .iter()
            .zip(&rows)
            .flat_map(|(slot, rows)| (slot.cache.length..slot.cache.length + rows).map(|at| slot.token(at)))
            .collect();
        if tokens.is_empty() {
            return Ok(());
        }
        let reached = self.slots.iter().zip(&rows).map(|(slot, rows)| slot.cache.length + rows).max().unwrap_or(0);
        if self.rotary.positions() < reached {
            self.rotary = self.policy.rotary(reached);
        }
        let weights = self.weights.clone();
        let mut spans = Vec::with_capacity(self.slots.len());
        let mut next = 0;
        for (slot, rows) in self.slots.iter_mut().zip(&rows).filter(|(_, rows)| **rows > 0) {
            if !slot.cache.grow(*rows, &mut self.pages) {
                return Err(PolicyError::Worker);
            }
            spans.push(Span { cache: &mut slot.cache, rows: next..next + rows });
            next += rows;
        }
        let pool = self.pool.clone();
        let crew = Crew(pool.as_deref());
        let (sizes, profile) = (&self.pages.sizes, &mut self.statistics.profile);
        profile.rest += watch.lap();
        forward(&weights, sizes, &self.rotary, crew, &tokens, &mut spans, &mut self.scratch, profile);
        watch.lap();
        // The rows after which a token is drawn: the last one of every rollout that has caught up.
        let (mut drawn, mut last_rows) = (Vec::new(), Vec::new());
        let mut next = 0;
        for (idx, (slot, rows)) in self.slots.iter_mut().zip(&rows).enumerate() {
            next += rows;
            slot.cache.length += rows;
            slot.cache.trim(&mut self.pages);
            if *rows > 0 && slot.pending() == 0 {
                drawn.push(idx);
                last_rows.push(next - 1);
            }
        }
        self.statistics.ticks += 1;
        self.statistics.rows += tokens.len() as u64;
        self.statistics.cache_bytes = (self.pages.peak * self.pages.sizes.page_bytes()) as u64;
        self.statistics.profile.rest += watch.lap();
        let mut over = Vec::new();
        let mut hidden = Vec::new();
        for (drawn, rows) in drawn.chunks(LOGIT_ROWS).zip(last_rows.chunks(LOGIT_ROWS)) {
            hidden.clear();
            for row in rows {
                hidden.extend_from_slice(&self.scratch.x[row * weights.width..][..weights.width]);
            }
            crew.logits(&weights, &hidden, &mut self.scratch.normed, &mut self.logits);
            self.statistics.profile.head += watch.lap();
            for (at, idx) in drawn.iter().enumerate() {
                self.lead(*idx, at)?;
            }
            self.statistics.profile.rest += watch.lap();
            self.draw(drawn, &mut over, out)?;
            self.statistics.profile.sampling += watch.lap();
        }
        self.leave(over, out);
        self.statistics.profile.rest += watch.lap();
        Ok(())
    }

    /// Fills free slots: first with rollouts that were paused, then from the bundles in order.
    fn admit(&mut self, out: &mut dyn FnMut(Output)) -> Result<(), PolicyError> {
        while let Some(slot) = self.paused.front() {
            let pages = self.pages.sizes.pages(slot.pending() + 1, FILL_ROWS);
            if self.slots.len() >= self.limit || !self.room(pages) {
                return Ok(());
            }
            let at = self.slots.partition_point(|other| other.number < slot.number);
            if let Some(slot) = self.paused.pop_front() {
                self.slots.insert(at, slot);
            }
        }
        let mut entered = Vec::new();
        let mut idx = 0;
        while idx < self.waiting.len() && self.slots.len() < self.limit {
            if self.waiting[idx].filling {
                idx += 1;
                continue;
            }
            let Some((number, request)) = self.waiting[idx].bundle.members.pop_front() else {
                self.forget(idx);
                continue;
            };
            let digest = self.waiting[idx].bundle.digest;
            if request.max_new_tokens == 0 {
                let version = self.engine.version;
                out(Output::Done(number, Generated::empty(&request, digest, version)));
                continue;
            }
            let layers = self.pages.sizes.layers();
            let prompt = request.prompt.len();
            let needed = match &self.waiting[idx].prefix {
                Some(_) => 2 * layers,
                None => self.pages.sizes.pages(prompt + 1, FILL_ROWS),
            };
            if !self.room(needed) {
                self.waiting[idx].bundle.members.push_front((number, request));
                return self.first_tokens(entered, out);
            }
            let waiting = &mut self.waiting[idx];
            let shared = waiting.prefix.as_ref().and_then(|prefix| prefix.cache.share(&mut self.pages));
            let mut slot = Slot {
                number,
                cache: Cache::new(&self.pages.sizes),
                matcher: Matcher::default(),
                out: Generated::empty(&request, digest, self.engine.version),
                request,
                leads: None,
            };
            match shared {
                Some(cache) => {
                    slot.cache = cache;
                    let logits = waiting.prefix.as_ref().map(|prefix| prefix.logits.clone()).unwrap_or_default();
                    entered.push((number, logits));
                }
                None => {
                    waiting.filling = true;
                    slot.leads = Some(waiting.id);
                    if let Some(mut prefix) = waiting.prefix.take() {
                        prefix.cache.release(&mut self.pages);
                    }
                }
            }
            let at = self.slots.partition_point(|other| other.number < number);
            self.slots.insert(at, slot);
            if entered.len() == LOGIT_ROWS {
                self.first_tokens(std::mem::take(&mut entered), out)?;
            }
        }
        self.first_tokens(entered, out)
    }

    /// Draws the first tokens of rollouts that began with a prompt that was there.
    fn first_tokens(
        &mut self,
        entered: Vec<(usize, Vec<f32>)>,
        out: &mut dyn FnMut(Output),
    ) -> Result<(), PolicyError> {
        let mut over = Vec::new();
        for entered in entered.chunks(LOGIT_ROWS) {
            let find = |number: &usize| self.slots.binary_search_by_key(number, |slot| slot.number).ok();
            let drawn: Vec<usize> = entered.iter().filter_map(|(number, _)| find(number)).collect();
            self.logits.clear();
            for (_, logits) in entered {
                self.logits.extend_from_slice(logits);
            }
            self.draw(&drawn, &mut over, out)?;
        }
        self.leave(over, out);
        Ok(())
    }

    /// Whether `needed` pages more can be had while every slot still gets what it will need soon.
    fn room(&self, needed: usize) -> bool {
        let layers = self.pages.sizes.layers();
        let promised: usize =
            self.slots.iter().map(|slot| slot.cache.missing(slot.pending() + 1).min(self.pages.most()) + layers).sum();
        self.pages.available() >= needed.saturating_add(promised) || self.slots.is_empty()
    }

    /// Rows of each slot in this tick. Rollouts that have caught up get their one row; the rest is for prompts.
    fn plan(&self) -> Vec<usize> {
        let mut left = FILL_ROWS;
        let rows = |slot: &Slot| match slot.pending() {
            1 => 1,
            pending => {
                let rows = pending.min(left);
                left -= rows;
                rows
            }
        };
        self.slots.iter().map(rows).collect()
    }

    fn missing(&self, rows: &[usize]) -> usize {
        let missing = |(slot, rows): (&Slot, &usize)| if *rows > 0 { slot.cache.missing(*rows) } else { 0 };
        self.slots.iter().zip(rows).map(missing).sum()
    }

    /// Makes pages free: prompts that only wait are forgotten first, then the youngest rollout is paused. The oldest one
    /// is never paused, and alone it fits: that was checked when it was asked for.
    fn give_way(&mut self) -> Result<(), PolicyError> {
        let mut freed = false;
        for waiting in &mut self.waiting {
            if let Some(mut prefix) = waiting.prefix.take() {
                prefix.cache.release(&mut self.pages);
                freed = true;
            }
        }
        if freed {
            return Ok(());
        }
        if self.slots.len() < 2 {
            return Err(PolicyError::Worker);
        }
        if let Some(mut slot) = self.slots.pop() {
            slot.cache.release(&mut self.pages);
            self.statistics.preempted += 1;
            let at = self.paused.partition_point(|other| other.number < slot.number);
            self.paused.insert(at, slot);
        }
        Ok(())
    }

    /// When slot `idx` has computed the prompt of its bundle, whose logits are row `at`, keeps it for the members that wait.
    fn lead(&mut self, idx: usize, at: usize) -> Result<(), PolicyError> {
        let slot = &mut self.slots[idx];
        let Some(id) = slot.leads.take() else { return Ok(()) };
        let Some(position) = self.waiting.iter().position(|waiting| waiting.id == id) else { return Ok(()) };
        let waiting = &mut self.waiting[position];
        waiting.filling = false;
        if waiting.bundle.members.is_empty() {
            self.forget(position);
        } else if let Some(cache) = slot.cache.share(&mut self.pages) {
            let vocab = self.weights.vocab();
            waiting.prefix = Some(Prefix { cache, logits: self.logits[at * vocab..][..vocab].to_vec() });
        }
        Ok(())
    }

    fn forget(&mut self, position: usize) {
        if let Some(mut prefix) = self.waiting.remove(position).and_then(|waiting| waiting.prefix) {
            prefix.cache.release(&mut self.pages);
        }
    }

    /// Draws a token for each of the slots `drawn` from the rows of logits, in order; slots that are over are noted.
    fn draw(
        &mut self,
        drawn: &[usize],
        over: &mut Vec<(usize, StopReason)>,
        out: &mut dyn FnMut(Output),
    ) -> Result<(), PolicyError> {
        let vocab = self.weights.vocab();
        let slots = &self.slots;
        let rows: Vec<Mutex<(&mut [f32], Option<Sampled>)>> =
            self.logits.chunks_exact_mut(vocab).map(|row| Mutex::new((row, None))).collect();
        let samplers = &self.samplers;
        Crew(self.pool.as_deref()).run(drawn.len(), &|at| {
            let slot = &slots[drawn[at]];
            let mut scratch = samplers.lock().ok().and_then(|mut spare| spare.pop()).unwrap_or_default();
            if let Ok(mut row) = rows[at].lock() {
                let position = slot.out.tokens.len() as u32;
                row.1 = sample(&slot.request.stream, &slot.request.sampling, row.0, position, &mut scratch);
            }
            if let Ok(mut spare) = samplers.lock() {
                spare.push(scratch);
            }
        });
        let sampled: Vec<Option<Sampled>> =
            rows.into_iter().map(|row| row.into_inner().map_or(None, |row| row.1)).collect();
        for (idx, sampled) in drawn.iter().zip(sampled) {
            let sampled = sampled.ok_or(PolicyError::NonFiniteLogits)?;
            let slot = &mut self.slots[*idx];
            slot.out.tokens.push(sampled.token);
            slot.out.logp_behavior.push(sampled.logp_behavior);
            slot.out.logp_sampled.push(sampled.logp_sampled);
            if self.engine.tokens {
                out(Output::Token(slot.number, sampled.token));
            }
            let cut = match &self.engine.text {
                Some(text) if !self.engine.stops.is_empty() => {
                    slot.matcher.read(&self.engine.stops, &**text, sampled.token)
                }
                _ => None,
            };
            // An end token is looked for first: it has no text that could hold a stop string.
            if self.engine.end_tokens.contains(&sampled.token) {
                over.push((*idx, StopReason::EndToken));
            } else if let Some(cut) = cut {
                over.push((*idx, StopReason::StopString(cut)));
            } else if slot.out.tokens.len() >= slot.request.max_new_tokens {
                over.push((*idx, StopReason::Cap));
            }
        }
        Ok(())
    }

    /// Empties slots.
    fn leave(&mut self, mut over: Vec<(usize, StopReason)>, out: &mut dyn FnMut(Output)) {
        over.sort_by_key(|(idx, _)| *idx);
        for (idx, stop) in over.into_iter().rev() {
            let mut slot = self.slots.remove(idx);
            slot.cache.release(&mut self.pages);
            slot.out.stop = stop;
            out(Output::Done(slot.number, slot.out));
        }
    }

    #[cfg(test)]
    pub(crate) fn pages_held(&self) -> usize {
        self.pages.held()
    }
}

impl Generated {
    fn empty(request: &Request, prompt_digest: [u8; 32], version: u64) -> Self {
        Self {
            tokens: Vec::new(),
            logp_behavior: Vec::new(),
            logp_sampled: Vec::new(),
            versions: vec![VersionRun { version, from: 0 }],
            prompt_digest,
            sampling: request.sampling.clone(),
            stop: StopReason::Cap,
        }
    }
}

/// Sizes of the caches of a policy.
pub(crate) fn sizes(weights: &HostWeights) -> Sizes {
    Sizes { heads: weights.heads, windows: weights.layers.iter().map(|layer| layer.window).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::cache::PAGE;
    use crate::rng::{Purpose, Stream};
    use candle_core::Device;
    use recipec_compiler::estimate;
    use recipec_compiler::settings::{Architecture, Sampling};

    /// The estimate's bytes for keys and values are those that decoding holds: exactly where sequences fill whole pages, and
    /// in between at most one page more in each layer.
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
        let policy = Policy::fresh(&architecture, 300, 3, &Device::Cpu).unwrap();
        let per_token = 4 * architecture.layers * 2 * architecture.kv_heads * architecture.head_width;
        for (prompt_len, response) in [(2 * PAGE, 3 * PAGE), (PAGE + 3, 2 * PAGE - 5)] {
            let weights = Arc::new(HostWeights::new(&policy, 8 * PAGE, false).unwrap());
            // An end token that is no id never comes.
            let engine = Engine { end_tokens: vec![u32::MAX], ..Engine::new(1, u32::MAX, 1) };
            let pages = Pages::new(sizes(&weights), usize::MAX);
            let mut decoder = Decoder::new(&policy, weights, &engine, 1, pages, None);
            let request = Request {
                stream: Stream::new(1, Purpose::Rollout, 0, 0, 0),
                prompt: (0..prompt_len as u32).collect(),
                max_new_tokens: response + 2,
                sampling: Sampling { temperature: 1.0, top_p: 1.0, top_k: 0, min_p: 0.0 },
            };
            decoder.add(Bundle { members: [(0, request)].into(), digest: [0; 32] });
            for _ in 0..=response {
                decoder.tick(&mut |out| assert!(!matches!(out, Output::Done(..)), "it is not over yet")).unwrap();
            }
            let held = decoder.pages_held() * decoder.pages.sizes.page_bytes();
            let estimated = (prompt_len + response) * per_token;
            let spare = architecture.layers * decoder.pages.sizes.page_bytes();
            if prompt_len % PAGE == 0 {
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
