//! A driver in its jail, and the talk with it.

use super::jail::{Jailed, Plan, program_user};
use super::{Ending, Fault, JUDGED, Limit, Limits, Outcome, Task, Unavailable, filter, watch};
use crate::sandbox::Interpreter;
use serde_json::json;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How often a running test is looked at.
const TICK: Duration = Duration::from_millis(10);

/// How long the driver may take for its own work: to start, and to answer beyond a test's limit.
const PATIENCE: Duration = Duration::from_secs(60);

/// A warm interpreter in a sandbox. It runs one test at a time.
#[derive(Debug)]
pub struct Worker {
    jailed: Jailed,
    /// False once something was killed or failed: the next test needs a new worker.
    sound: bool,
}

impl Worker {
    /// Starts a worker with the interpreter of the environment.
    pub fn start() -> Result<Self, Unavailable> {
        /// Found once in the life of a process.
        static PLAN: OnceLock<Result<Plan, Unavailable>> = OnceLock::new();
        let plan = PLAN.get_or_init(|| plan(&Interpreter::find()?));
        Self::with(plan.as_ref().map_err(Clone::clone)?)
    }

    /// Starts a worker with an interpreter.
    pub fn start_with(interpreter: &Interpreter) -> Result<Self, Unavailable> {
        Self::with(&plan(interpreter)?)
    }

    fn with(plan: &Plan) -> Result<Self, Unavailable> {
        let jailed = plan.start()?;
        let mut worker = Self { jailed, sound: true };
        let mut ready = [0; 5];
        match worker.receive(&mut ready, Instant::now() + PATIENCE, &mut || None) {
            Ok(()) => Ok(worker),
            Err(_) => {
                Err(Unavailable(format!("the interpreter does not start in the sandbox: {}", worker.complaint())))
            }
        }
    }

    /// Whether it can run another test.
    pub fn is_sound(&self) -> bool {
        self.sound
    }

    /// The process number of the driver on this machine.
    pub fn pid(&self) -> i32 {
        self.jailed.pid
    }

    /// Runs a test. If a limit ends it, everything inside is killed and gone when this returns, and the worker is used up.
    pub fn run(&mut self, program: &str, task: Task, limits: &Limits) -> Result<Outcome, Fault> {
        if !self.sound {
            return Err(Fault::Driver("has ended".into()));
        }
        self.sound = false;
        let (input, function, arguments) = match task {
            Task::Script { input } => (input, None, &[][..]),
            Task::Call { name, arguments } => ("", Some(name), arguments),
        };
        let head = json!({
            "cpu": limits.cpu_seconds.ceil(), "memory": limits.memory_bytes, "file": limits.file_bytes,
            "processes": limits.processes, "disk": limits.disk_bytes + input.len() as u64, "files": limits.files,
            "function": function, "arguments": arguments, "program": program.len(), "input": input.len(),
        });
        let head = head.to_string();
        let begun = Instant::now();
        let wall = Duration::try_from_secs_f64(limits.wall_seconds).unwrap_or(PATIENCE);
        let deadline = begun + wall;
        let sent = (|| {
            self.jailed.orders.write_all(b"t")?;
            for part in [&(head.len() as u64).to_le_bytes(), head.as_bytes(), program.as_bytes(), input.as_bytes()] {
                send(&mut self.jailed.tests, part, begun + PATIENCE)?;
            }
            Ok(())
        })();
        sent.map_err(|why: std::io::Error| Fault::Driver(format!("takes no test ({why}): {}", self.complaint())))?;

        let pid = self.jailed.pid;
        let mut seen = 0.0;
        let mut over = || {
            let used = watch::usage(pid);
            seen = used.cpu_seconds;
            let limit = match used {
                used if used.cpu_seconds > limits.cpu_seconds => Limit::Cpu,
                used if used.memory_bytes > limits.memory_bytes => Limit::Memory,
                used if used.processes > limits.processes => Limit::Processes,
                _ => return None,
            };
            Some(limit)
        };
        let mut frame = [0; FRAME];
        let killed = match self.receive(&mut frame, deadline, &mut over) {
            Ok(()) => None,
            Err(Ended::Over(limit)) => Some(limit),
            Err(Ended::Late) => Some(Limit::Wall),
            Err(Ended::Gone) => return Err(Fault::Driver(format!("ended: {}", self.complaint()))),
        };
        if let Some(limit) = killed {
            self.jailed.end();
            let nothing = Vec::new;
            let cpu_seconds = if limit == Limit::Cpu { limits.cpu_seconds.max(seen) } else { seen };
            return Ok(Outcome {
                ending: Ending::Limit(limit),
                stdout: nothing(),
                stderr: nothing(),
                result: nothing(),
                cpu_seconds,
                full: false,
            });
        }
        let frame = Frame::read(&frame);
        let mut part = |length: u64| -> Result<Vec<u8>, Fault> {
            // Nothing the driver sends is longer than what the kernel let the program write.
            if length > limits.file_bytes {
                return Err(Fault::Driver("answers with more than there can be".into()));
            }
            let mut bytes = vec![0; length as usize];
            self.receive(&mut bytes, Instant::now() + PATIENCE, &mut || None)
                .map_err(|_| Fault::Driver(format!("does not end its answer: {}", self.complaint())))?;
            Ok(bytes)
        };
        let (stdout, stderr, result) = (part(frame.stdout)?, part(frame.stderr)?, part(frame.result)?);
        self.sound = true;
        let ending = match frame.status {
            // A program that ended between two looks, over the limit all the same; so the verdict does not hang on when we looked.
            _ if frame.cpu_seconds > limits.cpu_seconds => Ending::Limit(Limit::Cpu),
            status if libc::WIFEXITED(status) => Ending::Exit(libc::WEXITSTATUS(status)),
            status if libc::WTERMSIG(status) == libc::SIGXCPU => Ending::Limit(Limit::Cpu),
            status => Ending::Signal(libc::WTERMSIG(status)),
        };
        Ok(Outcome { ending, stdout, stderr, result, cpu_seconds: frame.cpu_seconds, full: frame.full })
    }

    /// Fills `bytes` from the driver's answers, and looks at every tick whether a limit is exceeded.
    fn receive(
        &mut self,
        bytes: &mut [u8],
        deadline: Instant,
        over: &mut dyn FnMut() -> Option<Limit>,
    ) -> Result<(), Ended> {
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            if ready(&self.jailed.outcomes, libc::POLLIN, TICK) {
                match self.jailed.outcomes.read(rest) {
                    Ok(0) => return Err(Ended::Gone),
                    Ok(count) => filled += count,
                    Err(why) if why.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => return Err(Ended::Gone),
                }
            } else if let Some(limit) = over() {
                return Err(Ended::Over(limit));
            } else if Instant::now() > deadline {
                return Err(Ended::Late);
            }
        }
        Ok(())
    }

    /// The last line that the driver wrote about its own failure. Ends it.
    fn complaint(&mut self) -> String {
        self.jailed.end();
        let mut text = Vec::new();
        let _ = (&mut self.jailed.complaints).take(1 << 16).read_to_end(&mut text);
        String::from_utf8_lossy(&text).lines().last().unwrap_or("it said nothing").to_owned()
    }
}

fn plan(interpreter: &Interpreter) -> Result<Plan, Unavailable> {
    if !watch::works() {
        return Err(Unavailable("the kernel does not tell the children of a process (`/proc/…/children`)".into()));
    }
    let bytes = filter::bytes()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let setting = json!({ "filter": hex, "user": program_user() }).to_string();
    let driver = format!("{JUDGED}\n{}", include_str!("driver.py"));
    Plan::new(interpreter, &["-c", &driver, &setting])
}

/// Why bytes did not come.
enum Ended {
    Over(Limit),
    Late,
    Gone,
}

/// Length of an answer's head.
const FRAME: usize = 4 + 8 + 1 + 3 * 8;

/// The head of an answer.
struct Frame {
    status: i32,
    cpu_seconds: f64,
    full: bool,
    stdout: u64,
    stderr: u64,
    result: u64,
}

impl Frame {
    fn read(bytes: &[u8; FRAME]) -> Self {
        let number = |from: usize| {
            let eight = bytes.get(from..from + 8).and_then(|part| part.try_into().ok()).unwrap_or_default();
            u64::from_le_bytes(eight)
        };
        let [a, b, c, d, ..] = *bytes;
        Self {
            status: i32::from_le_bytes([a, b, c, d]),
            cpu_seconds: number(4) as f64 / 1e6,
            full: bytes.get(12) != Some(&0),
            stdout: number(13),
            stderr: number(21),
            result: number(29),
        }
    }
}

/// Writes all of `bytes`, which the other side may take slowly, or not at all.
fn send(to: &mut File, bytes: &[u8], deadline: Instant) -> std::io::Result<()> {
    let mut sent = 0;
    while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
        if ready(to, libc::POLLOUT, TICK) {
            // A pipe that can be written to takes this much without waiting.
            sent += to.write(rest.get(..libc::PIPE_BUF).unwrap_or(rest))?;
        } else if Instant::now() > deadline {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
    }
    Ok(())
}

/// Whether a descriptor can be read from or written to, or will never be, within a time.
fn ready(file: &File, event: libc::c_short, within: Duration) -> bool {
    let mut watched = libc::pollfd { fd: file.as_raw_fd(), events: event, revents: 0 };
    // SAFETY: one structure, and its number.
    unsafe { libc::poll(&mut watched, 1, within.as_millis() as libc::c_int) > 0 }
}
