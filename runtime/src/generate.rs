//! Rollouts: decoding with a key-value cache and continuous batching, on the CPU.
//!
//! In: a policy, requests (a prompt, a stream of random numbers, a cap). Out: tokens with the log-probabilities that
//! they were sampled with.
//!
//! Invariants:
//! * A rollout depends on the weights and its own request only; not on slots, threads, or what else is decoded.
//! * `logp_behavior` equals what [`crate::policy::gradient::score`] gives for the finished sequence at the same
//!   weights and temperature, to the last bit, because both use the kernels of [`crate::kernels`] in the same order.
//! * Memory grows with the slots and the lengths reached, not with the number of requests or the cap.
//!
//! Weights that live on another device are copied to main memory once per call.

pub(crate) mod decoder;
pub(crate) mod sampling;

use crate::policy::host::HostWeights;
use crate::policy::{Policy, PolicyError};
use crate::rng::Stream;
use decoder::{Decoder, Prefix};
use recipec_compiler::settings::Sampling;
use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// One rollout.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Generated {
    /// Token ids of the response, the end token included when it came.
    pub tokens: Vec<u32>,
    /// log-softmax(logits / temperature) of each token, before top-p, top-k and min-p; at temperature 0 that at 1.
    pub logp_behavior: Vec<f32>,
    /// The same after them; 0 at temperature 0.
    pub logp_sampled: Vec<f32>,
    /// True when the end token came; false when the cap did.
    pub finished: bool,
}

/// How decoding is carried out. Nothing here changes a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// Rollouts decoded at the same time, over all threads; at least 1.
    pub slots: usize,
    /// The token that ends a response.
    pub end_token: u32,
    /// Threads; at least 1.
    pub threads: usize,
}

/// Longest sequence, prompt and response together.
const MAX_POSITIONS: usize = 1 << 22;

/// Makes all rollouts; results are in the order of the requests. `progress` is called on this thread with the number
/// of finished rollouts; when it breaks, decoding stops and [`PolicyError::Interrupted`] is returned.
pub fn generate(
    policy: &Policy,
    requests: &[Request],
    settings: &Engine,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Vec<Generated>, PolicyError> {
    let positions = check(policy, requests)?;
    let groups = groups(requests);
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let weights = Arc::new(HostWeights::new(policy, positions, false)?);
    let threads = settings.threads.clamp(1, settings.slots.max(1)).min(groups.len());
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    let work = &Work { requests, groups: &groups, next: &next, stop: &stop };
    let lanes = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..threads)
            .map(|lane| {
                let slots = settings.slots.max(1) / threads + usize::from(lane < settings.slots.max(1) % threads);
                let decoder = Decoder::new(weights.clone(), settings.end_token);
                let sender = sender.clone();
                scope.spawn(move || {
                    let result = work.run(decoder, slots, sender);
                    if result.is_err() {
                        work.stop.store(true, Ordering::Relaxed);
                    }
                    result
                })
            })
            .collect();
        drop(sender);
        let mut finished = 0;
        for more in receiver {
            finished += more;
            if progress(finished).is_break() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        lanes.into_iter().map(|lane| lane.join().unwrap_or(Err(PolicyError::Worker))).collect::<Vec<_>>()
    });
    let mut results: Vec<Option<Generated>> = requests.iter().map(|_| None).collect();
    for lane in lanes {
        for (idx, generated) in lane? {
            if let Some(result) = results.get_mut(idx) {
                *result = Some(generated);
            }
        }
    }
    results.into_iter().collect::<Option<Vec<_>>>().ok_or(PolicyError::Interrupted)
}

/// Returns the length of the longest sequence that the requests allow.
fn check(policy: &Policy, requests: &[Request]) -> Result<usize, PolicyError> {
    let mut positions = 0;
    for (idx, request) in requests.iter().enumerate() {
        let wrong = |reason: String| Err(PolicyError::Request { request: idx, reason });
        if request.prompt.is_empty() {
            return wrong("the prompt is empty".into());
        }
        policy.check_tokens(&request.prompt)?;
        if let Some(reason) = sampling::problem(&request.sampling) {
            return wrong(reason);
        }
        let length = request.prompt.len().saturating_add(request.max_new_tokens);
        if length > MAX_POSITIONS {
            return wrong(format!("{length} tokens of prompt and response; at most {MAX_POSITIONS} are possible"));
        }
        positions = positions.max(length);
    }
    Ok(positions)
}

/// Neighbouring requests with the same prompt.
fn groups(requests: &[Request]) -> Vec<Range<usize>> {
    let (mut groups, mut start) = (Vec::new(), 0);
    for idx in 1..=requests.len() {
        let same = requests.get(idx).is_some_and(|request| {
            let prompt = &requests[start].prompt;
            Arc::ptr_eq(&request.prompt, prompt) || request.prompt == *prompt
        });
        if !same {
            groups.push(start..idx);
            start = idx;
        }
    }
    groups
}

/// What the lanes share. Which lane takes a group depends on time; no result depends on the lane.
struct Work<'a> {
    requests: &'a [Request],
    groups: &'a [Range<usize>],
    next: &'a AtomicUsize,
    stop: &'a AtomicBool,
}

impl Work<'_> {
    fn run(
        &self,
        mut decoder: Decoder,
        slots: usize,
        finished: mpsc::Sender<usize>,
    ) -> Result<Vec<(usize, Generated)>, PolicyError> {
        let mut results = Vec::new();
        let mut waiting: VecDeque<(usize, Arc<Prefix>)> = VecDeque::new();
        let mut told = 0;
        while !self.stop.load(Ordering::Relaxed) {
            while decoder.occupied() < slots {
                if waiting.is_empty() {
                    self.take_groups(&mut decoder, slots, &mut waiting);
                }
                let Some((idx, prefix)) = waiting.pop_front() else {
                    break;
                };
                let Some(request) = self.requests.get(idx) else {
                    break;
                };
                results.extend(decoder.admit(idx, request, prefix)?.map(|generated| (idx, generated)));
            }
            if decoder.occupied() == 0 {
                let over = waiting.is_empty();
                self.tell(&finished, results.len(), &mut told);
                if over {
                    break;
                }
                continue;
            }
            decoder.tick(|idx, generated| results.push((idx, generated)))?;
            self.tell(&finished, results.len(), &mut told);
        }
        Ok(results)
    }

    fn tell(&self, finished: &mpsc::Sender<usize>, now: usize, told: &mut usize) {
        if now > *told {
            // The receiver outlives the lanes; without it there is nobody to tell.
            finished.send(now - *told).ok();
            *told = now;
        }
    }

    /// Takes groups until the free slots have work, and computes their prompts together.
    fn take_groups(&self, decoder: &mut Decoder, slots: usize, waiting: &mut VecDeque<(usize, Arc<Prefix>)>) {
        let free = slots - decoder.occupied();
        let mut taken = Vec::new();
        let mut requests = 0;
        while requests < free {
            let Some(group) = self.groups.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            requests += group.len();
            taken.push(group.clone());
        }
        let prompts: Vec<Arc<[u32]>> =
            taken.iter().filter_map(|group| self.requests.get(group.start)).map(|r| r.prompt.clone()).collect();
        if prompts.is_empty() {
            return;
        }
        for (group, prefix) in taken.into_iter().zip(decoder.prefixes(&prompts)) {
            waiting.extend(group.map(|idx| (idx, prefix.clone())));
        }
    }
}

#[cfg(test)]
mod tests;
