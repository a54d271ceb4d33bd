//! Threads that judge cases, and the queue before them. The queue is bounded by a count that is taken for a whole request
//! at once: a request is judged in full or not at all.

use super::metrics::Metrics;
use recipec_runtime::verify::cases::{Answer, Domain, Judge};
use serde_json::Value;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;

/// A case on its way to a thread.
struct Task {
    domain: Domain,
    /// Its place in the request, from 0.
    place: usize,
    case: Value,
    reply: UnboundedSender<(usize, String)>,
}

/// The threads and their queue.
pub struct Pool {
    tasks: Mutex<Option<Sender<Task>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    waiting: Arc<AtomicUsize>,
    capacity: usize,
    /// What was judged so far.
    pub metrics: Arc<Metrics>,
}

/// The queue has no room for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Now.
    Now,
    /// Never: it is larger than the queue.
    Ever,
}

impl Pool {
    /// Starts threads.
    pub fn new(jobs: usize, capacity: usize) -> Self {
        let (send, receive) = channel();
        let receive = Arc::new(Mutex::new(receive));
        let (waiting, metrics) = (Arc::new(AtomicUsize::new(0)), Arc::new(Metrics::default()));
        let threads = (0..jobs)
            .map(|_| {
                let (receive, waiting, metrics) = (Arc::clone(&receive), Arc::clone(&waiting), Arc::clone(&metrics));
                std::thread::spawn(move || work(&receive, &waiting, &metrics))
            })
            .collect();
        Self { tasks: Mutex::new(Some(send)), threads: Mutex::new(threads), waiting, capacity, metrics }
    }

    /// Cases that wait or are judged now.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Most cases that may wait.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts the cases of a request in line; their answers come through `reply` with their places, in any order.
    pub fn judge(
        &self,
        domain: Domain,
        cases: Vec<Value>,
        reply: &UnboundedSender<(usize, String)>,
    ) -> Result<(), Full> {
        let n = cases.len();
        if n > self.capacity {
            return Err(Full::Ever);
        }
        let fits = |waiting: usize| waiting.checked_add(n).filter(|sum| *sum <= self.capacity);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map_err(|_| Full::Now)?;
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, case) in cases.into_iter().enumerate() {
            let task = Task { domain, place, case, reply: reply.clone() };
            // Without threads the reply is dropped, which its reader notices.
            if tasks.as_ref().is_none_or(|tasks| tasks.send(task).is_err()) {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Judges what is in line and ends the threads.
    pub fn end(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(tasks: &Mutex<Receiver<Task>>, waiting: &AtomicUsize, metrics: &Metrics) {
    let mut judges = BTreeMap::new();
    loop {
        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Task { domain, place, case, reply }) = next else { return };
        let started = Instant::now();
        let judge = judges.entry(domain).or_insert_with(|| Judge::new(domain, BTreeMap::new()));
        // A verifier does not panic; if one does, the service and the other cases must not suffer.
        let judged = catch_unwind(AssertUnwindSafe(|| judge.judge_value(place + 1, &case)));
        let answer = judged.unwrap_or_else(|_| {
            judges.remove(&domain);
            Answer::error(place + 1, "the verifier failed")
        });
        metrics.judged(domain, &answer.verdict, started.elapsed());
        // The asker may have gone away.
        let _ = reply.send((place, answer.to_line()));
        waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_fits_in_full_or_not_at_all() {
        let pool = Pool::new(1, 3);
        let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
        let case = json!({"instruction_id": "punctuation:no_comma", "response": "a"});
        let cases = |n| vec![case.clone(); n];
        assert_eq!(pool.judge(Domain::Ifeval, cases(4), &send), Err(Full::Ever));
        pool.waiting.store(2, Ordering::Relaxed);
        assert_eq!(pool.judge(Domain::Ifeval, cases(2), &send), Err(Full::Now));
        pool.waiting.store(0, Ordering::Relaxed);
        assert_eq!(pool.judge(Domain::Ifeval, cases(3), &send), Ok(()));
        drop(send);
        pool.end();
        let mut answers = Vec::new();
        while let Some((place, answer)) = receive.blocking_recv() {
            answers.push((place, answer.contains("\"correct\"")));
        }
        assert_eq!(answers, [(0, true), (1, true), (2, true)]);
        assert_eq!(pool.waiting(), 0);
    }
}
