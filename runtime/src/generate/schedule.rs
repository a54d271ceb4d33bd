//! Which decoder takes which requests, and in which order results leave.
//!
//! Requests are read one after the other, when a slot is free; neighbours with the same prompt stay together. Results that
//! are asked for in order wait for those before them, and then no request is begun that is too far ahead, so that memory
//! does not grow with the number of requests.

use super::decoder::Bundle;
use super::{Generated, MAX_POSITIONS, Request, sampling};
use crate::policy::{Policy, PolicyError};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Why a request cannot be carried out; `number` is its place among the requests. Returns the length that it can reach.
pub(crate) fn check(policy: &Policy, request: &Request, number: usize) -> Result<usize, PolicyError> {
    let wrong = |reason: String| Err(PolicyError::Request { request: number, reason });
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
    Ok(length)
}

/// BLAKE3 over the token ids of a prompt, four little-endian bytes each.
fn digest(prompt: &[u32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for token in prompt {
        hasher.update(&token.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// What a decoder gets when it asks.
pub(crate) enum Next {
    Bundle(Bundle),
    /// Nothing before a result has left.
    Later,
    /// Nothing any more.
    Over,
}

/// The requests, shared by all decoders.
pub(crate) struct Source<I> {
    state: Mutex<State<I>>,
    wake: Condvar,
    ahead: usize,
}

struct State<I> {
    requests: I,
    peeked: Option<Request>,
    taken: usize,
    left: usize,
    over: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<I: Iterator<Item = Request>> Source<I> {
    /// At most `ahead` requests are under way or wait to leave.
    pub(crate) fn new(requests: I, ahead: usize) -> Self {
        let state = State { requests, peeked: None, taken: 0, left: 0, over: false };
        Self { state: Mutex::new(state), wake: Condvar::new(), ahead: ahead.max(1) }
    }

    /// The next neighbouring requests with the same prompt, at most `most`. `check` says whether one can be carried out.
    pub(crate) fn next(
        &self,
        most: usize,
        check: &dyn Fn(&Request, usize) -> Result<(), PolicyError>,
    ) -> Result<Next, PolicyError> {
        let mut state = lock(&self.state);
        let state = &mut *state;
        let room = self.ahead.saturating_sub(state.taken - state.left);
        if state.over {
            return Ok(Next::Over);
        }
        if room == 0 {
            return Ok(Next::Later);
        }
        let mut bundle: Option<Bundle> = None;
        let mut prompt = None;
        while bundle.as_ref().is_none_or(|bundle| bundle.members.len() < most.min(room)) {
            let Some(request) = state.peeked.take().or_else(|| state.requests.next()) else {
                state.over = bundle.is_none();
                break;
            };
            let same = prompt.as_ref().is_none_or(|prompt: &std::sync::Arc<[u32]>| {
                std::sync::Arc::ptr_eq(prompt, &request.prompt) || *prompt == request.prompt
            });
            if !same {
                state.peeked = Some(request);
                break;
            }
            if let Err(why) = check(&request, state.taken) {
                state.over = true;
                return Err(why);
            }
            prompt.get_or_insert_with(|| request.prompt.clone());
            let bundle =
                bundle.get_or_insert_with(|| Bundle { members: Default::default(), digest: digest(&request.prompt) });
            bundle.members.push_back((state.taken, request));
            state.taken += 1;
        }
        Ok(bundle.map_or(Next::Over, Next::Bundle))
    }

    /// Says that results have left.
    pub(crate) fn left(&self, more: usize) {
        lock(&self.state).left += more;
        self.wake.notify_all();
    }

    /// Waits a while for a result to leave.
    pub(crate) fn wait(&self) {
        let state = lock(&self.state);
        if state.taken - state.left >= self.ahead {
            // Whether it was woken or the time is over: the caller looks again.
            drop(self.wake.wait_timeout(state, Duration::from_millis(20)));
        }
    }
}

/// Results that wait for those before them.
#[derive(Default)]
pub(crate) struct InOrder {
    next: usize,
    waiting: BTreeMap<usize, Generated>,
}

impl InOrder {
    /// Takes a result; calls `leave` for every one whose turn has come.
    pub(crate) fn put(&mut self, number: usize, generated: Generated, leave: &mut dyn FnMut(usize, Generated)) {
        self.waiting.insert(number, generated);
        while let Some(generated) = self.waiting.remove(&self.next) {
            leave(self.next, generated);
            self.next += 1;
        }
    }
}
