//! Threads that stay, for work inside one operation: tasks are numbered, each is done once by whichever thread is
//! free. What a task computes must not depend on which others there are, so that the number of threads changes the time
//! and not one bit of the result.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

/// A fixed number of threads, the caller's included.
#[derive(Debug)]
pub struct Pool {
    threads: usize,
    shared: Arc<Shared>,
    /// Held by the caller whose job runs; a job inside a job, or beside one, runs on its caller alone.
    busy: Mutex<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
    /// The number of the job, to look at without the lock.
    epoch: AtomicUsize,
    /// The next task of the job that runs.
    next: AtomicUsize,
}

#[derive(Debug)]
struct State {
    epoch: usize,
    job: Option<Job>,
    /// Workers that took the job and have not ended it.
    active: usize,
    panicked: bool,
    stop: bool,
}

#[derive(Clone, Copy)]
struct Job {
    work: *const (dyn Fn(usize) + Sync),
    tasks: usize,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tasks", self.tasks)
    }
}

// SAFETY: the pointer is to a `Sync` closure, and `Pool::run` keeps that closure alive until no worker uses it.
unsafe impl Send for Job {}

/// Looks at the counter before a worker goes to sleep: some ten microseconds, about the pause between two products.
const SPINS: usize = 2_000;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// A pool of its own; 0 counts as 1.
    pub fn new(threads: usize) -> Self {
        let state = State { epoch: 0, job: None, active: 0, panicked: false, stop: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            done: Condvar::new(),
            epoch: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
        });
        let mut running = 1;
        for _ in 1..threads {
            let shared = shared.clone();
            // With fewer threads than asked for everything is as right, only slower.
            if std::thread::Builder::new().name("kernels".into()).spawn(move || worker(&shared)).is_ok() {
                running += 1;
            }
        }
        Self { threads: running, shared, busy: Mutex::new(()) }
    }

    /// The pool that everybody who asks for this many threads shares; it stays until the program ends.
    pub fn shared(threads: usize) -> Arc<Self> {
        static POOLS: OnceLock<Mutex<BTreeMap<usize, Arc<Pool>>>> = OnceLock::new();
        let mut pools = lock(POOLS.get_or_init(Mutex::default));
        let threads = threads.max(1);
        pools.entry(threads).or_insert_with(|| Arc::new(Self::new(threads))).clone()
    }

    /// Threads that work, the caller's included.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `work` once for each of `0..tasks`, on all threads, and returns when all are done. A panic in a task goes
    /// on in the caller.
    pub fn run(&self, tasks: usize, work: &(dyn Fn(usize) + Sync)) {
        let guard = match self.busy.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if self.threads == 1 || tasks <= 1 || guard.is_none() {
            (0..tasks).for_each(work);
            return;
        }
        let shared = &*self.shared;
        // SAFETY: only the lifetime is changed. The closure is called by workers that count as active, and this
        // function returns after the job was taken back and the count is 0.
        let work_for_all = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const (dyn Fn(usize) + Sync + 'static)>(work)
        };
        {
            let mut state = lock(&shared.state);
            shared.next.store(0, Ordering::Relaxed);
            state.job = Some(Job { work: work_for_all, tasks });
            state.epoch += 1;
            shared.epoch.store(state.epoch, Ordering::Release);
        }
        shared.wake.notify_all();
        let own = catch_unwind(AssertUnwindSafe(|| drain(&shared.next, tasks, work)));
        let mut state = lock(&shared.state);
        state.job = None;
        while state.active > 0 {
            state = shared.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let panicked = std::mem::take(&mut state.panicked);
        drop(state);
        drop(guard);
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        assert!(!panicked, "a task of a kernel panicked");
    }

    /// Cuts `data` into pieces of `length` (the last may be shorter) and calls `work` with the index of each.
    pub fn pieces(&self, data: &mut [f32], length: usize, work: &(dyn Fn(usize, &mut [f32]) + Sync)) {
        let pieces: Vec<Mutex<&mut [f32]>> = data.chunks_mut(length.max(1)).map(Mutex::new).collect();
        self.run(pieces.len(), &|task| work(task, &mut lock(&pieces[task])));
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.stop = true;
        state.epoch += 1;
        self.shared.epoch.store(state.epoch, Ordering::Release);
        drop(state);
        self.shared.wake.notify_all();
    }
}

fn drain(next: &AtomicUsize, tasks: usize, work: &(dyn Fn(usize) + Sync)) {
    loop {
        let task = next.fetch_add(1, Ordering::Relaxed);
        if task >= tasks {
            return;
        }
        work(task);
    }
}

fn worker(shared: &Shared) {
    let mut seen = 0;
    loop {
        let mut spins = 0;
        while shared.epoch.load(Ordering::Acquire) == seen && spins < SPINS {
            std::hint::spin_loop();
            spins += 1;
        }
        let mut state = lock(&shared.state);
        while state.epoch == seen {
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        seen = state.epoch;
        if state.stop {
            return;
        }
        let Some(job) = state.job else { continue };
        state.active += 1;
        drop(state);
        // SAFETY: `Pool::run` keeps the closure until this worker no longer counts as active.
        let ended = catch_unwind(AssertUnwindSafe(|| drain(&shared.next, job.tasks, unsafe { &*job.work })));
        let mut state = lock(&shared.state);
        state.active -= 1;
        state.panicked |= ended.is_err();
        if state.active == 0 {
            shared.done.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_done_once() {
        for threads in [1, 2, 5] {
            let pool = Pool::new(threads);
            for tasks in [0, 1, 2, 3, 17, 200] {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                for _ in 0..20 {
                    pool.run(tasks, &|task| {
                        counts[task].fetch_add(1, Ordering::Relaxed);
                    });
                }
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 20), "{threads} {tasks}");
            }
        }
    }

    #[test]
    fn a_job_inside_a_job_runs() {
        let pool = Pool::new(3);
        let count = AtomicUsize::new(0);
        pool.run(4, &|_| {
            pool.run(5, &|_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(count.load(Ordering::Relaxed), 20);
    }

    #[test]
    fn pieces_cover_the_data() {
        let mut data = vec![0f32; 103];
        Pool::new(2).pieces(&mut data, 10, &|idx, piece| piece.iter_mut().for_each(|value| *value += idx as f32 + 1.0));
        for (at, value) in data.iter().enumerate() {
            assert_eq!(*value, (at / 10 + 1) as f32);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives() {
        let pool = Pool::new(2);
        let ended = catch_unwind(AssertUnwindSafe(|| pool.run(50, &|task| assert!(task != 31, "task 31"))));
        assert!(ended.is_err());
        let count = AtomicUsize::new(0);
        pool.run(50, &|_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(count.load(Ordering::Relaxed), 50);
    }
}
