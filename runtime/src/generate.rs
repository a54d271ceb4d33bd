//! Rollouts: decoding with a paged key-value cache and continuous batching, on the CPU.
//!
//! In: a policy, requests (a prompt, a stream of random numbers, a cap), one after the other. Out: tokens with the
//! log-probabilities that they were sampled with, in the order of the requests or as they come.
//!
//! Invariants:
//! * A rollout depends on the weights and its own request only; not on slots, threads, memory, or what else is decoded.
//! * `logp_behavior` equals what [`crate::policy::gradient::score`] gives for the finished sequence at the same
//!   weights and temperature, to the last bit, because both use the kernels of [`crate::kernels`] in the same order.
//! * Memory grows with the slots and the lengths reached, up to a bound where one is given; not with the number of
//!   requests or the cap.
//!
//! A small policy is decoded in one loop per thread, since its weights stay in the cache of a core. A large one is decoded in
//! one loop for all slots, whose steps are cut into tasks, so that the weights are read from memory once per tick. Which
//! of the two it is depends on the number of parameters alone, and results do not depend on it.
//!
//! Weights that live on another device are copied to main memory once per call. Clocks are read for [`Profile`] only.

mod attend;
mod cache;
pub(crate) mod decoder;
mod forward;
pub(crate) mod sampling;
mod schedule;
pub mod stop;

pub use decoder::Statistics;
pub use forward::Profile;
pub use sampling::problem;
pub use stop::{Cut, Stops, TokenBytes};

use crate::kernels::pool::Pool;
use crate::policy::host::HostWeights;
use crate::policy::{Policy, PolicyError};
use crate::rng::Stream;
use cache::Pages;
use decoder::{Decoder, FILL_ROWS, Output};
use recipec_compiler::settings::Sampling;
use schedule::{InOrder, Next, Source, check};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

/// One rollout to be made.
#[derive(Debug, Clone)]
pub struct Request {
    /// Random numbers; the position in the response is the position in the stream.
    pub stream: Stream,
    /// Token ids, at least one. Requests of a group share it and stand next to each other, so it is computed once.
    pub prompt: Arc<[u32]>,
    /// Cap of the response, in tokens, the end token included.
    pub max_new_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
}

/// Why a response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// An end token came; it is the last token.
    EndToken,
    /// A stop string came; its tokens are kept, and the text is cut before it.
    StopString(Cut),
    /// The cap.
    Cap,
}

/// Tokens that one version of the weights sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRun {
    /// The version.
    pub version: u64,
    /// Position in the response from which on it sampled.
    pub from: u32,
}

/// One rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// Token ids of the response, the end token included when it came.
    pub tokens: Vec<u32>,
    /// log-softmax(logits / temperature) of each token, before top-p, top-k and min-p; at temperature 0 that at 1.
    pub logp_behavior: Vec<f32>,
    /// The same after them; 0 at temperature 0.
    pub logp_sampled: Vec<f32>,
    /// Which weights sampled which tokens: runs in order, the first from 0.
    pub versions: Vec<VersionRun>,
    /// BLAKE3 over the token ids of the prompt, four little-endian bytes each.
    pub prompt_digest: [u8; 32],
    /// How tokens were chosen.
    pub sampling: Sampling,
    /// Why it ended.
    pub stop: StopReason,
}

impl Generated {
    /// True when the response ended by itself: by an end token or a stop string.
    pub fn finished(&self) -> bool {
        self.stop != StopReason::Cap
    }

    /// True when the cap ended it.
    pub fn truncated(&self) -> bool {
        self.stop == StopReason::Cap
    }

    /// The tokens that are text: without the end token.
    pub fn body(&self) -> &[u32] {
        match (self.stop, self.tokens.split_last()) {
            (StopReason::EndToken, Some((_, body))) => body,
            _ => &self.tokens,
        }
    }
}

/// When results leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// In the order of the requests; a long response holds back those after it, and requests far ahead are not begun.
    InOrder,
    /// As they end; the order depends on slots and threads.
    AsFinished,
}

/// How decoding is carried out. Beside what ends a response, nothing here changes a result.
#[derive(Clone)]
pub struct Engine {
    /// Rollouts decoded at the same time, over all threads; at least 1.
    pub slots: usize,
    /// Tokens that end a response.
    pub end_tokens: Vec<u32>,
    /// Strings that end a response; they need `text`.
    pub stops: Stops,
    /// What tokens stand for.
    pub text: Option<Arc<dyn TokenBytes>>,
    /// Threads; at least 1.
    pub threads: usize,
    /// Most bytes of keys and values; none bounds them by the slots and the lengths alone. When it is reached, the youngest
    /// rollouts are put back and computed again later, to the same bits.
    pub cache_bytes: Option<usize>,
    /// The version of the weights, recorded with every rollout.
    pub version: u64,
    /// When results leave.
    pub delivery: Delivery,
    /// Whether every token is told as it comes.
    pub tokens: bool,
    /// One loop per thread, or one for all; none lets the number of parameters decide.
    pub joint: Option<bool>,
}

impl Engine {
    /// One end token, no stop strings, no bound on memory, results in order.
    pub fn new(slots: usize, end_token: u32, threads: usize) -> Self {
        Self {
            slots,
            end_tokens: vec![end_token],
            stops: Stops::default(),
            text: None,
            threads,
            cache_bytes: None,
            version: 0,
            delivery: Delivery::InOrder,
            tokens: false,
            joint: None,
        }
    }
}

/// What is told while requests are carried out. Requests are numbered from 0 in their order.
#[derive(Debug)]
pub enum Event {
    /// A token of a response came; told only when [`Engine::tokens`] asks for it.
    Token {
        /// Number of the request.
        request: usize,
        /// The token.
        token: u32,
    },
    /// A response ended.
    Done {
        /// Number of the request.
        request: usize,
        /// The rollout.
        generated: Generated,
    },
}

/// Longest sequence, prompt and response together.
const MAX_POSITIONS: usize = 1 << 22;

/// Requests under way or waiting to leave, per slot, when results leave in order.
const AHEAD: usize = 8;

/// Makes all rollouts; results are in the order of the requests. All requests are checked before the first is begun.
/// `progress` is called on this thread with the number of finished rollouts; when it breaks, decoding stops and
/// [`PolicyError::Interrupted`] is returned.
pub fn generate(
    policy: &Policy,
    requests: &[Request],
    engine: &Engine,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Vec<Generated>, PolicyError> {
    for (number, request) in requests.iter().enumerate() {
        check(policy, request, number)?;
    }
    let mut results: Vec<Option<Generated>> = requests.iter().map(|_| None).collect();
    let mut finished = 0;
    // All results are kept here anyway; nothing needs to wait for its turn.
    let engine = Engine { delivery: Delivery::AsFinished, tokens: false, ..engine.clone() };
    stream(policy, requests.iter().cloned(), &engine, &mut |event| {
        if let Event::Done { request, generated } = event {
            finished += 1;
            if let Some(result) = results.get_mut(request) {
                *result = Some(generated);
            }
        }
        progress(finished)
    })?;
    results.into_iter().collect::<Option<Vec<_>>>().ok_or(PolicyError::Interrupted)
}

/// Carries out requests as they come from an iterator, which is read when a slot is free. `tell` is called on this thread;
/// when it breaks, decoding stops and [`PolicyError::Interrupted`] is returned.
pub fn stream<I>(
    policy: &Policy,
    requests: I,
    engine: &Engine,
    tell: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Statistics, PolicyError>
where
    I: IntoIterator<Item = Request>,
    I::IntoIter: Send,
{
    if !engine.stops.is_empty() && engine.text.is_none() {
        return Err(PolicyError::Stop("stop strings need to know what tokens stand for".into()));
    }
    let mut requests = requests.into_iter().peekable();
    if requests.peek().is_none() {
        return Ok(Statistics::default());
    }
    let weights = Arc::new(HostWeights::new(policy, 1, false)?);
    let sizes = decoder::sizes(&weights);
    let joint = engine.joint.unwrap_or_else(|| policy.is_large());
    let slots = engine.slots.max(1);
    let threads = engine.threads.max(1);
    let lanes = if joint { 1 } else { threads.min(slots) };
    let pool = (joint && threads > 1).then(|| Pool::shared(threads));
    let pages = engine.cache_bytes.map_or(usize::MAX, |bytes| bytes / sizes.page_bytes() / lanes);
    let ahead = match engine.delivery {
        Delivery::InOrder => AHEAD * slots,
        Delivery::AsFinished => usize::MAX,
    };
    let source = &Source::new(requests, ahead);
    let fits = &|request: &Request, number: usize| {
        let length = check(policy, request, number)?;
        let needed = sizes.pages(length, FILL_ROWS);
        let page = sizes.page_bytes();
        if needed <= pages {
            return Ok(());
        }
        Err(PolicyError::CacheTooSmall { request: number, needed: needed * page, allowed: pages * page })
    };
    let stop = &AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    let (told, done) = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes)
            .map(|lane| {
                let limit = slots / lanes + usize::from(lane < slots % lanes);
                let pages = Pages::new(sizes.clone(), pages);
                let mut decoder = Decoder::new(policy, weights.clone(), engine, limit, pages, pool.clone());
                let sender = sender.clone();
                scope.spawn(move || {
                    let result = run(&mut decoder, source, limit, fits, stop, &mut |output| {
                        // The receiver outlives the lanes; without it there is nobody to tell.
                        sender.send(output).ok();
                    });
                    if result.is_err() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    result.map(|()| decoder.statistics)
                })
            })
            .collect();
        drop(sender);
        let told = deliver(receiver, source, engine.delivery, stop, tell);
        (told, lanes.into_iter().map(|lane| lane.join().unwrap_or(Err(PolicyError::Worker))).collect::<Vec<_>>())
    });
    let mut statistics = Statistics::default();
    for lane in done {
        statistics.add(&lane?);
    }
    match told {
        ControlFlow::Continue(()) => Ok(statistics),
        ControlFlow::Break(()) => Err(PolicyError::Interrupted),
    }
}

/// What one lane does until there is nothing left.
fn run<I: Iterator<Item = Request>>(
    decoder: &mut Decoder,
    source: &Source<I>,
    limit: usize,
    fits: &dyn Fn(&Request, usize) -> Result<(), PolicyError>,
    stop: &AtomicBool,
    out: &mut dyn FnMut(Output),
) -> Result<(), PolicyError> {
    // A group that is larger than the slots is not cut much finer than this, so that its prompt is seldom computed again.
    let most = limit.max(64);
    while !stop.load(Ordering::Relaxed) {
        let mut over = false;
        while decoder.free() > 0 {
            match source.next(most, fits)? {
                Next::Bundle(bundle) => decoder.add(bundle),
                Next::Later => break,
                Next::Over => {
                    over = true;
                    break;
                }
            }
        }
        if !decoder.idle() {
            decoder.tick(out)?;
        } else if over {
            break;
        } else {
            source.wait();
        }
    }
    Ok(())
}

/// Tells what the lanes send, until they are all done. After a break the rest is dropped.
fn deliver<I: Iterator<Item = Request>>(
    receiver: mpsc::Receiver<Output>,
    source: &Source<I>,
    delivery: Delivery,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut in_order = InOrder::default();
    let mut flow = ControlFlow::Continue(());
    for output in receiver {
        let mut left = 0;
        let mut say = |event: Event| {
            if flow.is_continue() {
                flow = tell(event);
            }
        };
        match (output, delivery) {
            (Output::Token(request, token), _) => say(Event::Token { request, token }),
            (Output::Done(request, generated), Delivery::AsFinished) => {
                left = 1;
                say(Event::Done { request, generated });
            }
            (Output::Done(request, generated), Delivery::InOrder) => {
                in_order.put(request, generated, &mut |request, generated| {
                    left += 1;
                    say(Event::Done { request, generated });
                });
            }
        }
        if left > 0 {
            source.left(left);
        }
        if flow.is_break() {
            stop.store(true, Ordering::Relaxed);
        }
    }
    flow
}

#[cfg(test)]
mod tests;
