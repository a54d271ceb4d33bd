//! Plain lines: for files, pipes and terminals that can do no more.

use recipec_runtime::world::Progress;
use std::time::{Duration, Instant};

/// A line every so often.
const QUIET: Duration = Duration::from_secs(5);

/// Prints what is told, each line behind `prefix`.
pub fn listener(prefix: String) -> impl FnMut(&Progress) {
    let mut stage = String::new();
    let mut last: Option<Instant> = None;
    let mut steps = None;
    move |progress| match progress {
        Progress::Stage { name, max_steps, .. } => {
            stage.clone_from(name);
            steps = *max_steps;
            last = None;
            if let Some(line) = sentence(progress) {
                eprintln!("{prefix}{line}");
            }
        }
        Progress::Step { step, values, .. } => {
            let ends = steps == Some(*step);
            if ends || last.is_none_or(|at| at.elapsed() >= QUIET) {
                last = Some(Instant::now());
                eprintln!("{prefix}{stage} step {step}: {}", shown(values));
            }
        }
        other => {
            if let Some(line) = sentence(other) {
                eprintln!("{prefix}{line}");
            }
        }
    }
}

/// What is said in a line of its own.
pub fn sentence(progress: &Progress) -> Option<String> {
    match progress {
        Progress::Stage { name, max_steps, from_step, .. } => {
            let of = max_steps.map_or(String::new(), |max| format!(" of {max} steps"));
            let from = if *from_step > 0 { format!(", from step {from_step}") } else { String::new() };
            Some(format!("stage {name}{of}{from}"))
        }
        Progress::Evaluation { step, suites } => {
            let parts =
                suites.iter().map(|(name, pass, tokens)| format!("{name} {:.1}% in {tokens:.1} tokens", pass * 100.0));
            Some(format!("evaluation at step {step}: {}", parts.collect::<Vec<_>>().join(" · ")))
        }
        Progress::Warning(text) => Some(format!("warning: {text}")),
        Progress::Note(text) => Some(format!("note: {text}")),
        Progress::Step { .. } => None,
    }
}

fn shown(values: &[(&'static str, f64)]) -> String {
    let one = |(name, value): &(&str, f64)| match *name {
        "tokens/s" => format!("{:.0}k tokens/s", value / 1000.0),
        "solved" | "kept" => format!("{name} {:.0}%", value * 100.0),
        "tokens" => format!("{value:.1} tokens"),
        _ => format!("{name} {value:.3}"),
    };
    values.iter().map(one).collect::<Vec<_>>().join("  ")
}
