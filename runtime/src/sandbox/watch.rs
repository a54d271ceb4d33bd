//! What the processes of a test use, as the host's kernel tells it. Processes below the keeper count; the driver and the keeper
//! are ours.

use std::fs;

/// What is in use.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usage {
    /// CPU seconds, of ended processes too.
    pub cpu_seconds: f64,
    /// Bytes of memory. Pages that a fork shares with its parent count for both.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub processes: u64,
}

/// Most processes that are looked at; a test is killed long before it has as many.
const MOST: usize = 4096;

/// What the test of a driver uses. Processes come and go meanwhile, so it is what was seen.
pub(super) fn usage(driver: libc::pid_t) -> Usage {
    let mut used = Usage::default();
    for (pid, depth) in below(driver) {
        let Some(status) = status(pid) else { continue };
        // The keeper's own time is ours; that of the ended processes that it waited for is the test's.
        if depth >= 1 {
            used.cpu_seconds += status.of_ended;
        }
        if depth >= 2 {
            used.cpu_seconds += status.own;
            used.memory_bytes += status.memory;
            used.processes += status.threads;
        }
    }
    used
}

/// A driver and everything below it, with the depth: 1 is the keeper, what is deeper belongs to the test.
pub(super) fn below(driver: libc::pid_t) -> Vec<(libc::pid_t, u32)> {
    let mut found: Vec<(libc::pid_t, u32)> = vec![(driver, 0)];
    let mut nth = 0;
    while let Some((pid, depth)) = found.get(nth).copied().filter(|_| nth < MOST) {
        nth += 1;
        found.extend(children(pid).into_iter().map(|child| (child, depth + 1)));
    }
    found
}

fn children(pid: libc::pid_t) -> Vec<libc::pid_t> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        let text = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(text.split_ascii_whitespace().filter_map(|number| number.parse::<libc::pid_t>().ok()));
    }
    found
}

/// One process.
struct Status {
    own: f64,
    of_ended: f64,
    memory: u64,
    threads: u64,
}

fn status(pid: libc::pid_t) -> Option<Status> {
    // A program's name is in brackets and may hold anything but is the program's choice: what counts is behind the last one.
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let behind = text.iter().rposition(|byte| *byte == b')')? + 2;
    let text = std::str::from_utf8(text.get(behind..)?).ok()?;
    let fields: Vec<u64> = text.split(' ').map(|field| field.parse().unwrap_or(0)).collect();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
    // SAFETY: asks for two constants.
    let (tick, page) = unsafe { (libc::sysconf(libc::_SC_CLK_TCK), libc::sysconf(libc::_SC_PAGESIZE)) };
    let seconds = |ticks: u64| ticks as f64 / tick.max(1) as f64;
    Some(Status {
        own: seconds(field(14) + field(15)),
        of_ended: seconds(field(16) + field(17)),
        memory: field(24) * page.max(0) as u64,
        threads: field(20),
    })
}

/// Whether the kernel tells the children of a process, without which nothing can be watched.
pub(super) fn works() -> bool {
    let pid = std::process::id();
    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_itself() {
        assert!(works());
        let own = status(std::process::id() as libc::pid_t).expect("this process");
        assert!(own.memory > 1 << 20 && own.threads >= 1);
        assert!(status(-1).is_none());
    }
}
