//! The program from outside: what it says, what it leaves.
#![allow(dead_code)] // each test file uses its own part of this

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

pub fn recipec(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipec"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1").output().expect("the program starts")
}

/// Exit code, standard output and standard error.
pub fn said(args: &[&str], folder: &Path) -> (i32, String, String) {
    let output = recipec(args, folder);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// What a command says that must end well.
#[track_caller]
pub fn done(args: &[&str], folder: &Path) -> String {
    let (code, out, err) = said(args, folder);
    assert_eq!(code, 0, "{args:?}\n{out}\n{err}");
    out
}

/// Starts a command and leaves it alone.
pub fn start(args: &[&str], folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipec"));
    command.args(args).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a start")
}

pub fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// Two runs left the same metrics, the same evaluations, and the same weights.
#[track_caller]
pub fn same(a: &Path, b: &Path) {
    for name in ["metrics.jsonl", "evaluations.jsonl"] {
        assert!(read(a.join(name)) == read(b.join(name)), "{name} differs");
    }
    let digest = |run: &Path| -> serde_json::Value {
        serde_json::from_slice::<serde_json::Value>(&read(run.join("summary.json"))).expect("JSON")["weights_digest"]
            .clone()
    };
    assert_eq!(digest(a), digest(b));
}
