//! A sandbox for programs in Python that nobody has read: real CPython in namespaces of the operating system.
//!
//! ```text
//! this process ──clone──▶ driver (Python, trusted)         user, mount, pid, net, ipc, uts and cgroup namespaces;
//!    │  ▲                   │ forks, for every test        an empty root with the interpreter's files, read-only
//!    │  │ outcome           ▼
//!    │  └──────────────── keeper (trusted)                 a fresh pid and mount namespace with a fresh work folder
//!    │                      │ forks
//!    └─ watches ──────────▶ program (judged)               no rights, no new ones, a list of allowed system calls,
//!                                                          limits; everything it starts dies with the keeper
//! ```
//!
//! One interpreter start serves many tests: the driver has imported what programs usually import, and every test is a
//! fork of it. The driver never reads a program, so no test can find another one's text in its memory.
//!
//! *Invariants.* The process that is judged holds no descriptor but its own input, output and result files, which lie in
//! the test's own memory file system. Whether it ended, how, and what it used is told by the keeper and by the kernel, never
//! by itself. What ought to come out is not known inside. Where a part of this cannot be had, [`Worker::start`] says which
//! ([`Unavailable`]) and nothing is run.
//!
//! Why not a ready-made one: bubblewrap and nsjail are programs that a host must have installed, and start anew for every test;
//! birdcage is GPL and has no limits; hakoniwa needs two C libraries for its filter and cgroups, keeps root's number inside
//! when root runs it (which switches off the limit of processes), and cannot nest a fork of a warm interpreter. The filter of system
//! calls is compiled by `seccompiler`, of Firecracker; the rest is the calls of `libc`, in one file (`jail.rs`).

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod elsewhere;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub use elsewhere::Worker;

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use self::{
    interpreter::{Interpreter, PYTHON},
    worker::Worker,
};
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod filter;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod interpreter;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod jail;
#[cfg(all(test, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod watch;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod worker;

/// What a test may use. What the sandbox kills for is told as [`Ending::Limit`]; other limits are errors in the program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Seconds of CPU time, of the program and of all that it starts together. Beyond: killed.
    pub cpu_seconds: f64,
    /// Seconds by the clock, for programs that wait. Beyond: killed.
    pub wall_seconds: f64,
    /// Bytes of memory in use, of all processes together. Beyond: killed. A single process is refused more than this and
    /// a quarter.
    pub memory_bytes: u64,
    /// Processes and threads at a time. Beyond: killed; four times as many are refused.
    pub processes: u64,
    /// Bytes of one file, so also of the output. Beyond: an error in the program.
    pub file_bytes: u64,
    /// Bytes of all files. Beyond: an error in the program.
    pub disk_bytes: u64,
    /// Files and folders.
    pub files: u64,
}

impl Limits {
    /// The usual limits, with so many seconds of CPU time. The clock's limit is three times that and two seconds.
    pub fn with_cpu(cpu_seconds: f64) -> Self {
        Self {
            cpu_seconds,
            wall_seconds: 3.0 * cpu_seconds + 2.0,
            memory_bytes: 1 << 30,
            processes: 64,
            file_bytes: 32 << 20,
            disk_bytes: 96 << 20,
            files: 4096,
        }
    }
}

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Task<'a> {
    /// The program as a script, with a text on its standard input.
    Script {
        /// Standard input.
        input: &'a str,
    },
    /// A function of the program, or a method of its class `Solution`.
    Call {
        /// Its name.
        name: &'a str,
        /// Its arguments, each as JSON.
        arguments: &'a [String],
    },
}

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The program ended by itself, with this exit code.
    Exit(i32),
    /// A signal ended it.
    Signal(i32),
    /// It came to a limit, and was killed.
    Limit(Limit),
}

/// A limit that ends a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// CPU time.
    Cpu,
    /// Time by the clock.
    Wall,
    /// Memory of all processes.
    Memory,
    /// Processes and threads.
    Processes,
}

/// What came of a test. What the program wrote is what it claims; nothing else of it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// What it wrote on its standard output; empty if it was killed.
    pub stdout: Vec<u8>,
    /// The last 256 KiB of what it wrote on its standard error.
    pub stderr: Vec<u8>,
    /// What the called function returned, encoded by `judged.py`; empty if it did not return.
    pub result: Vec<u8>,
    /// CPU seconds of all its processes.
    pub cpu_seconds: f64,
    /// True when its files were full, or a file was as long as it may be.
    pub full: bool,
}

/// The sandbox cannot be had on this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// The sandbox failed while a test ran: a fault of ours or of the machine, and nothing about the program.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A worker that was needed could not be started.
    #[error(transparent)]
    Start(#[from] Unavailable),
    /// The driver ended or answered in a way that it never should.
    #[error("the sandbox's driver {0}")]
    Driver(String),
}

/// The part of the judged process that is Python: how a program is run and a result is encoded.
pub(crate) const JUDGED: &str = include_str!("sandbox/judged.py");
