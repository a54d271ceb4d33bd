//! The live view of a run: a progress line on a terminal, plain lines elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use recipec_runtime::world::Progress;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Without a terminal, a line every so often.
const QUIET: Duration = Duration::from_secs(5);

/// What a run tells its progress to.
pub fn listener() -> Box<dyn FnMut(&Progress)> {
    if std::io::stderr().is_terminal() { Box::new(bar()) } else { Box::new(lines(String::new())) }
}

fn bar() -> impl FnMut(&Progress) {
    let bar = ProgressBar::new(0);
    move |progress| match progress {
        Progress::Stage { name, max_steps, from_step } => {
            bar.finish_and_clear();
            bar.reset();
            let template = match max_steps {
                Some(_) => "{prefix:>12} {bar:28} {pos}/{len} steps, {eta} left  {msg}",
                None => "{prefix:>12} {spinner} {pos} steps, {elapsed}  {msg}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_length(max_steps.unwrap_or(0));
            bar.set_position(*from_step);
            bar.reset_eta();
            bar.set_prefix(name.clone());
        }
        Progress::Step { step, values } => {
            bar.set_position(*step);
            bar.set_message(shown(values));
        }
        other => {
            if let Some(line) = sentence(other) {
                bar.println(line);
            }
        }
    }
}

/// A line every few seconds, each behind `prefix`.
pub fn lines(prefix: String) -> impl FnMut(&Progress) {
    let mut stage = String::new();
    let mut last: Option<Instant> = None;
    let mut steps = None;
    move |progress| match progress {
        Progress::Stage { name, max_steps, from_step } => {
            stage.clone_from(name);
            steps = *max_steps;
            last = None;
            let of = max_steps.map_or(String::new(), |max| format!(" of {max} steps"));
            let from = if *from_step > 0 { format!(", from step {from_step}") } else { String::new() };
            eprintln!("{prefix}stage {name}{of}{from}");
        }
        Progress::Step { step, values } => {
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

fn sentence(progress: &Progress) -> Option<String> {
    match progress {
        Progress::Evaluation { step, suites } => {
            let parts =
                suites.iter().map(|(name, pass, tokens)| format!("{name} {:.1}% in {tokens:.1} tokens", pass * 100.0));
            Some(format!("evaluation at step {step}: {}", parts.collect::<Vec<_>>().join(" · ")))
        }
        Progress::Warning(text) => Some(format!("warning: {text}")),
        Progress::Note(text) => Some(format!("note: {text}")),
        Progress::Stage { .. } | Progress::Step { .. } => None,
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
