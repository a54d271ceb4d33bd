//! `python_tests`: the answer is a program in Python, and it is right when it passes all tests under CPython.
//!
//! The program is the last code block of the answer. It runs in a sandbox ([`crate::sandbox`]) or on a remote one that speaks
//! SandboxFusion's language; it never runs bare. Every test is a process of its own. What it wrote or returned comes out as text, and
//! is compared here: the program cannot reach what is expected.
//!
//! Limits are CPU seconds of a test (`timeout`), ten times that for all tests of an answer, and memory, processes and files, as
//! [`Limits::with_cpu`] has them. The clock limits too, at three times the CPU time, for programs that wait.

mod compare;
mod extract;
mod remote;
mod suite;
#[cfg(test)]
mod tests;
mod value;

use self::remote::Remote;
use self::suite::{Case, Expected, Suite};
use super::{Status, Verdict, Verifier, VerifierError};
use crate::data::Problem;
use crate::sandbox::{Ending, Fault, Limit, Limits, Outcome, Task, Unavailable, Worker};
use recipec_compiler::settings::{ArgumentValue, VerifierSettings};
use std::sync::Mutex;

const NAME: &str = "python_tests";

/// Longest program, in bytes.
const LONGEST: usize = 256 << 10;

/// All tests of an answer may take so many times the CPU time of one.
const SUITE: f64 = 10.0;

/// Runs an answer's program on the tests of a problem.
#[derive(Debug)]
pub struct PythonTests {
    /// The column with the tests.
    tests: String,
    /// At most this many tests are run, the first ones; none for all.
    max_tests: Option<usize>,
    limits: Limits,
    backend: Backend,
}

/// Where programs run.
#[derive(Debug)]
enum Backend {
    /// In sandboxes of this machine. Those that run nothing wait here.
    Local(Mutex<Vec<Worker>>),
    /// On another machine.
    Remote(Remote),
}

/// Why a test has no outcome; never the program's doing.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Sandbox(#[from] Fault),
    #[error("the remote sandbox {0}")]
    Remote(String),
}

impl PythonTests {
    /// Reads the arguments: `tests` names a column, `timeout` is in CPU seconds, `max_tests` a number, `remote` the address of a
    /// SandboxFusion server. Without `remote`, a sandbox is started here; where that cannot be, this says what is missing.
    pub fn open(settings: &VerifierSettings) -> Result<Self, VerifierError> {
        let (mut tests, mut max_tests, mut timeout, mut address) = ("tests".to_owned(), None, 10.0, None);
        for (name, value) in &settings.arguments {
            let bad = |why: String| VerifierError::BadArgument { name: NAME.into(), why };
            match (name.as_str(), value) {
                ("tests", ArgumentValue::Word(column) | ArgumentValue::Text(column)) => tests.clone_from(column),
                ("tests", _) => return Err(bad("`tests` names a column of the data".into())),
                ("timeout", ArgumentValue::Number(seconds)) if (0.001..=3600.0).contains(seconds) => timeout = *seconds,
                ("timeout", _) => return Err(bad("`timeout` is a time of up to an hour".into())),
                ("max_tests", ArgumentValue::Number(count)) if (1.0..=1e6).contains(count) => {
                    max_tests = Some(*count as usize);
                }
                ("max_tests", _) => return Err(bad("`max_tests` is a number from 1 to 1000000".into())),
                ("remote", ArgumentValue::Text(text)) => address = Some(Remote::at(text).map_err(bad)?),
                ("remote", _) => return Err(bad("`remote` is an address in quotes".into())),
                (other, _) => return Err(bad(format!("there is no argument `{other}`"))),
            }
        }
        let backend = match address {
            Some(remote) => Backend::Remote(remote),
            None => {
                let missing = |Unavailable(why)| VerifierError::Unavailable { name: NAME.into(), why };
                Backend::Local(Mutex::new(vec![Worker::start().map_err(missing)?]))
            }
        };
        Ok(Self { tests, max_tests, limits: Limits::with_cpu(timeout), backend })
    }

    /// Runs the program on every test, with one worker, which is kept for the next answer if it can be.
    fn run_suite(&self, program: &str, suite: &Suite) -> Result<Verdict, RunError> {
        let mut worker = None;
        let verdict = self.run_all(&mut worker, program, suite);
        if let (Backend::Local(idle), Some(worker)) = (&self.backend, worker.filter(Worker::is_sound)) {
            idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(worker);
        }
        verdict
    }

    /// Runs the program on every test, until one is enough to know the verdict.
    fn run_all(&self, worker: &mut Option<Worker>, program: &str, suite: &Suite) -> Result<Verdict, RunError> {
        let cases = suite.cases.get(..self.max_tests.unwrap_or(usize::MAX).min(suite.cases.len())).unwrap_or_default();
        let total = cases.len();
        let mut left = SUITE * self.limits.cpu_seconds;
        let (mut passed, mut limited, mut first) = (0, false, None);
        for (nth, case) in cases.iter().enumerate() {
            let limits = Limits { cpu_seconds: self.limits.cpu_seconds.min(left), ..self.limits };
            let outcome = self.run(worker, program, case.task(), &limits)?;
            left -= outcome.cpu_seconds;
            let judged = judge(case, &outcome);
            limited |= judged.limited;
            match judged.kind {
                Kind::Passed => passed += 1,
                Kind::Failed | Kind::Fault => first = first.or(Some((nth, judged.why))),
                Kind::Stopped | Kind::Unreadable => {
                    let why = format!("test {} of {total}: {}", nth + 1, judged.why);
                    return Ok(Verdict { limited, ..Verdict::of(Status::Unparsable, why) });
                }
            }
            if left <= 0.0 && nth + 1 < total {
                let why = format!("the time of all tests is used up after {} of {total}", nth + 1);
                return Ok(Verdict { limited: true, ..Verdict::of(Status::Unparsable, why) });
            }
        }
        let Some((nth, why)) = first else {
            return Ok(Verdict { limited, ..Verdict::correct() });
        };
        let why = format!("{passed} of {total} tests passed; test {}: {why}", nth + 1);
        Ok(Verdict { score: passed as f64 / total as f64, limited, ..Verdict::wrong(why) })
    }

    fn run(
        &self,
        worker: &mut Option<Worker>,
        program: &str,
        task: Task,
        limits: &Limits,
    ) -> Result<Outcome, RunError> {
        let idle = match &self.backend {
            Backend::Remote(remote) => return remote.run(program, task, limits).map_err(RunError::Remote),
            Backend::Local(idle) => idle,
        };
        let mut own = match worker.take().filter(Worker::is_sound) {
            Some(own) => own,
            None => match idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop() {
                Some(own) => own,
                None => Worker::start().map_err(Fault::from)?,
            },
        };
        let outcome = own.run(program, task, limits)?;
        *worker = Some(own);
        Ok(outcome)
    }
}

impl Verifier for PythonTests {
    fn judge(&self, problem: &Problem, answer: Option<&str>) -> Verdict {
        let Some(program) = answer.and_then(extract::program) else {
            return Verdict::of(Status::NoAnswer, "no code block with a program");
        };
        // The data sets' own name of the column is known too.
        let Some(column) = [&self.tests, "input_output"].iter().find_map(|name| problem.columns.get(*name)) else {
            return Verdict::of(Status::Error, format!("the problem has no column `{}` with tests", self.tests));
        };
        let suite = match Suite::read(column) {
            Ok(suite) => suite,
            Err(why) => return Verdict::of(Status::Error, why),
        };
        if suite.cases.is_empty() {
            return Verdict::wrong("the problem has no tests");
        }
        if program.len() > LONGEST {
            return Verdict {
                limited: true,
                ..Verdict::of(Status::Unparsable, format!("a program above {LONGEST} bytes"))
            };
        }
        self.run_suite(program, &suite).unwrap_or_else(|why| Verdict::of(Status::Error, why.to_string()))
    }
}

/// What a test says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passed,
    Failed,
    /// The program raised an exception or crashed.
    Fault,
    /// The sandbox stopped it.
    Stopped,
    /// It is no Python.
    Unreadable,
}

/// A test's result, with a reason.
#[derive(Debug, Clone, PartialEq)]
struct Judged {
    kind: Kind,
    why: String,
    limited: bool,
}

/// Words on the error output that say that a program failed, as the reference looks for them.
const COMPLAINTS: [&str; 4] = ["traceback", "exception", "syntaxerror", "indentationerror"];

/// Judges what came of a test.
fn judge(case: &Case, outcome: &Outcome) -> Judged {
    let of = |kind: Kind, why: &str| Judged { kind, why: why.into(), limited: outcome.full };
    if let Ending::Limit(limit) = outcome.ending {
        let why = match limit {
            Limit::Cpu => "no CPU time is left",
            Limit::Wall => "it takes too long",
            Limit::Memory => "it uses too much memory",
            Limit::Processes => "it starts too many processes",
        };
        return Judged { limited: true, ..of(Kind::Stopped, why) };
    }
    let said = String::from_utf8_lossy(&outcome.stderr).to_lowercase();
    if COMPLAINTS.iter().any(|word| said.contains(word)) {
        let unreadable = COMPLAINTS.iter().skip(2).any(|word| said.contains(word));
        let last = said.trim_end().lines().last().unwrap_or_default();
        let why: String = last.chars().take(200).collect();
        let limited = outcome.full || last.starts_with("memoryerror");
        return Judged { kind: if unreadable { Kind::Unreadable } else { Kind::Fault }, why, limited };
    }
    if let Ending::Signal(signal) = outcome.ending {
        return of(Kind::Fault, &format!("signal {signal} ends it"));
    }
    let written = String::from_utf8_lossy(&outcome.stdout);
    match &case.expected {
        Expected::Output(expected) if compare::same_output(&written, expected) => of(Kind::Passed, ""),
        Expected::Output(_) => of(Kind::Failed, "other output"),
        Expected::Value(_) if !written.trim().is_empty() => of(Kind::Failed, "the function prints"),
        Expected::Value(expected) => match value::decode(&outcome.result) {
            None => of(Kind::Failed, "the function does not return"),
            Some(got) if expected.iter().any(|one| value::same_result(&got, one)) => of(Kind::Passed, ""),
            Some(_) => of(Kind::Failed, "another value"),
        },
    }
}
