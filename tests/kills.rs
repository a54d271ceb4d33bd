//! Runs that are killed at any instant, and a disk that fills up: what is left goes on to the same bits.
//!
//!     cargo test --release --test kills -- --ignored --nocapture --test-threads 1

#[path = "common/program.rs"]
mod program;

use program::{done, read, same, start};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const TINY: &str = include_str!("fixtures/tiny.recipe");

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file is written");
}

/// When a process is killed.
enum Instant {
    /// After a part of the time that the whole run takes.
    At(Duration),
    /// As soon as there is a file whose path ends like this.
    When(&'static str),
}

/// A recipe that ends in seconds, with an evaluation and a checkpoint after every step; and the undisturbed run of it.
struct Killed {
    folder: tempfile::TempDir,
    /// How long the whole run takes.
    whole: Duration,
    /// How many kills fell into each phase.
    phases: std::collections::BTreeMap<&'static str, u64>,
}

impl Killed {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        let text = TINY.replacen("every = 2 steps  keep = 2", "every = 1 steps  keep = 2  best = cap", 1);
        let text = text.replacen("every = 3 steps", "every = 1 steps", 1);
        // Steps that take as long as the writes between them.
        let text = text.replacen("batch     = 32 rollouts", "batch     = 256 rollouts", 1);
        write(&here.join("a.recipe"), &text.replacen("steps      = 6 steps", "steps      = 20 steps", 1));
        let began = std::time::Instant::now();
        done(&["run", "a.recipe", "--into", "whole"], here);
        let whole = began.elapsed();
        Self { folder, whole, phases: Default::default() }
    }

    /// Kills a run, goes on with it, and compares all that it leaves with the undisturbed run.
    fn kill(&mut self, instant: &Instant) {
        let here = self.folder.path();
        let run = here.join("killed");
        let mut child = start(&["run", "a.recipe", "--into", "killed"], here);
        match instant {
            Instant::At(time) => std::thread::sleep(*time),
            Instant::When(end) => {
                while !paths(&run).iter().any(|path| path.ends_with(end)) {
                    if child.try_wait().expect("a child").is_some() {
                        break;
                    }
                }
            }
        }
        child.kill().ok();
        child.wait().expect("an end");
        *self.phases.entry(phase(&run)).or_default() += 1;
        if run.join("plan.json").is_file() {
            done(&["resume", "killed"], here);
        } else {
            // It was killed before it was a run.
            std::fs::remove_dir_all(&run).ok();
            done(&["run", "a.recipe", "--into", "killed"], here);
        }
        same(&here.join("whole"), &run);
        assert!(run.join("report.html").is_file());
        let hidden = paths(&run).into_iter().filter(|path| path.contains("/."));
        assert_eq!(hidden.collect::<Vec<_>>(), Vec::<String>::new(), "half a file is left");
        std::fs::remove_dir_all(&run).expect("a removal");
    }
}

/// All paths below a folder, with a slash before each part, while it changes.
fn paths(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("/{}", entry.file_name().to_string_lossy());
        let below = if entry.path().is_dir() { paths(&entry.path()) } else { Vec::new() };
        found.extend(below.into_iter().map(|path| format!("{name}{path}")));
        found.push(name);
    }
    found
}

/// What a process was doing when it was killed, by what it left.
fn phase(run: &Path) -> &'static str {
    let all = paths(run);
    let lines = |name: &str| std::fs::read_to_string(run.join(name)).unwrap_or_default().matches('\n').count();
    if !run.join("plan.json").is_file() {
        "before the run"
    } else if run.join("report.html").is_file() {
        "at the end"
    } else if run.join("summary.json").is_file() {
        "report"
    } else if all.iter().any(|path| path.contains("/.draft-") || path.contains("/.old-")) {
        "checkpoint"
    } else if lines("metrics.jsonl") == 0 {
        "before the first step"
    } else {
        // The second stage is evaluated, before its first step and after each; the first one, of four steps, is not.
        let evaluated = lines("metrics.jsonl").saturating_sub(3);
        if lines("evaluations.jsonl") < evaluated { "evaluation" } else { "step" }
    }
}

#[test]
fn a_killed_run_ends_with_the_same_bits() {
    let mut killed = Killed::new();
    for share in [0.25, 0.5, 0.75] {
        killed.kill(&Instant::At(killed.whole.mul_f64(share)));
    }
    killed.kill(&Instant::When("summary.json"));
}

/// Fifty kills spread over the whole run, and more at the writes that are over in a moment.
#[test]
#[ignore = "some seventy runs of seconds: cargo test --release --test kills -- --ignored --nocapture"]
fn fifty_kills() {
    let mut killed = Killed::new();
    println!("the undisturbed run takes {:.2} s", killed.whole.as_secs_f64());
    assert!(killed.whole < Duration::from_secs(30), "{:?}", killed.whole);
    for kill in 0..50u64 {
        // A fixed sequence over all phases: the fractions of a golden ratio.
        let share = (kill * 618_034 + 381_966) % 1_000_000;
        killed.kill(&Instant::At((killed.whole + Duration::from_millis(20)).mul_f64(share as f64 * 1e-6)));
    }
    println!("50 kills over the whole run: {:?}", killed.phases);
    for end in [".draft-step-3", ".draft-step-9", "best.json", "evaluations.jsonl", "summary.json"] {
        for _ in 0..4 {
            killed.kill(&Instant::When(end));
        }
    }
    println!("with 20 at their writes: {:?}", killed.phases);
    for phase in ["checkpoint", "evaluation", "step", "report"] {
        assert!(killed.phases.contains_key(phase), "no kill in the phase `{phase}`: {:?}", killed.phases);
    }
}

/// A file system of two megabytes fills up at some checkpoint: the run fails and says so, the checkpoints before are whole, and with more
/// room the run goes on to the same bits. Where this system lets nobody mount one, nothing is tested, and that is printed.
#[test]
#[ignore = "it mounts a small file system in a namespace: cargo test --release --test kills -- --ignored --nocapture"]
fn a_full_disk_leaves_the_checkpoints_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let text = TINY.replacen("every = 2 steps  keep = 2", "every = 1 steps  keep = 50", 1);
    write(&here.join("a.recipe"), &text.replacen("steps      = 6 steps", "steps      = 20 steps", 1));
    let allowed = Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success());
    if !allowed {
        println!("not tested: no namespace with mounts of its own here");
        return;
    }
    done(&["run", "a.recipe", "--into", "whole"], here);
    std::fs::create_dir(here.join("small")).expect("a folder");
    // All inside of one namespace: what is mounted is gone with it.
    let script = "mount -t tmpfs -o size=2m tmpfs small || exit 9
        \"$0\" run a.recipe --into small/r 2> said.txt; test $? = 3 || exit 8
        ls -a small/r/checkpoints > left.txt
        mount -o remount,size=64m small
        \"$0\" resume small/r || exit 7
        cp -r small/r resumed";
    let program = env!("CARGO_BIN_EXE_recipec");
    let command = Command::new("unshare").args(["-rm", "sh", "-c", script, program]).current_dir(here).output();
    let output = command.expect("the script starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(read(here.join("said.txt"))).expect("text");
    assert!(said.contains("recipe::run::io") && said.contains("checkpoints"), "{said}");
    let left = String::from_utf8(read(here.join("left.txt"))).expect("text");
    let whole: Vec<&str> = left.lines().filter(|name| name.starts_with("step-")).collect();
    assert!(!whole.is_empty() && !left.contains(".draft"), "{left}");
    println!("the disk was full after {} checkpoints", whole.len());
    same(&here.join("whole"), &here.join("resumed"));
}
