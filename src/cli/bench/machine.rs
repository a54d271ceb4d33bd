//! What the machine can do, measured: products in cache, reading from memory, memory taken.

use recipec_runtime::kernels::matmul::{Left, Panels, product};
use std::hint::black_box;
use std::time::Instant;

/// Best of a few measurements.
pub struct Peak {
    /// Products of 256 rows with a 512 by 512 matrix, one per thread, in 1e9 operations a second.
    pub gflops: f64,
    /// Reading numbers that are in no cache, in 1e9 bytes a second.
    pub gbytes: f64,
}

const ROWS: usize = 256;
const SIDE: usize = 512;
/// Numbers that each thread reads: far more than a cache holds.
const NUMBERS: usize = 32 << 20;

impl Peak {
    pub fn measure(threads: usize) -> Self {
        let flop = (2 * ROWS * SIDE * SIDE * threads) as f64;
        let multiply = || {
            let left = vec![0.5f32; ROWS * SIDE];
            let mut out = vec![0f32; ROWS * SIDE];
            let right = Panels::from_rows(&vec![0.25f32; SIDE * SIDE], SIDE, SIDE);
            move || {
                if let Some(right) = &right {
                    product(Left::Rows(&left), ROWS, right, &mut out, false);
                }
                black_box(&mut out);
            }
        };
        let read = || {
            let numbers = vec![1u32; NUMBERS / threads.max(1)];
            move || {
                black_box(numbers.iter().fold(0u32, |sum, number| sum.wrapping_add(*number)));
            }
        };
        Self {
            gflops: 1e-9 * flop / best(threads, 20, multiply),
            gbytes: 4e-9 * (NUMBERS / threads.max(1) * threads) as f64 / best(threads, 1, read),
        }
    }
}

/// Seconds of one call, in the best of ten rounds of `calls` on all threads at once.
fn best<F: FnMut()>(threads: usize, calls: u32, make: impl Fn() -> F + Sync) -> f64 {
    let start = std::sync::Barrier::new(threads);
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut work = make();
                    work();
                    let mut best = f64::INFINITY;
                    for _ in 0..10 {
                        start.wait();
                        let begun = Instant::now();
                        (0..calls).for_each(|_| work());
                        start.wait();
                        best = best.min(begun.elapsed().as_secs_f64() / f64::from(calls));
                    }
                    best
                })
            })
            .collect();
        lanes.into_iter().map(|lane| lane.join().unwrap_or(f64::NAN)).fold(0.0, f64::max)
    })
}

/// The most memory that this process had, in bytes; none where the system does not say.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}
