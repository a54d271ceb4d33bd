//! Systems that have no sandbox of ours: nothing is ever run there.

use super::{Fault, Limits, Outcome, Task, Unavailable};

/// A worker that cannot be: there is no value of it.
#[derive(Debug)]
pub enum Worker {}

impl Worker {
    /// Says why there is none.
    pub fn start() -> Result<Self, Unavailable> {
        Err(Unavailable("it needs Linux on x86-64 or ARM; `python_tests(remote = …)` runs programs elsewhere".into()))
    }

    /// Never called.
    pub fn is_sound(&self) -> bool {
        match *self {}
    }

    /// Never called.
    pub fn run(&mut self, _program: &str, _task: Task, _limits: &Limits) -> Result<Outcome, Fault> {
        match *self {}
    }
}
