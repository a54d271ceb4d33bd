//! An estimate as text.

use super::arithmetic::{Unit, number};
use super::given::Device;
use super::{End, Estimate, Line};
use std::fmt::Write;

/// Width of the column of titles, and of values.
const TITLE: usize = 34;
const VALUE: usize = 16;

pub(super) fn print(estimate: &Estimate, sums: bool) -> String {
    let mut text = String::new();
    let variant = estimate.variant.as_ref().map(|name| format!(", variant {name}")).unwrap_or_default();
    let _ = writeln!(text, "estimate of `{}`{variant}, plan {}", estimate.recipe, short(&estimate.fingerprint));
    assumed(estimate, &mut text);
    for part in &estimate.parts {
        let _ = writeln!(text, "\n{}", part.title);
        for line in &part.lines {
            print_line(line, sums, &mut text);
        }
    }
    let _ = writeln!(text, "\nwhat ends it");
    for end in &estimate.ends {
        let _ = writeln!(text, "  {}", sentence(end));
    }
    let mut missing: Vec<String> = Vec::new();
    for need in estimate.parts.iter().flat_map(|part| &part.lines).flat_map(|line| line.sum.needs()) {
        if !missing.contains(&need) {
            missing.push(need);
        }
    }
    if !missing.is_empty() {
        let _ = writeln!(text, "\nwhat is missing");
        for need in missing {
            let way = if need.starts_with("the sizes") {
                "give the model's `config.json`: `--facts config.json`"
            } else if need.contains("of suite") {
                "write it into the suite: `problems = 100 problems`"
            } else {
                "no stage of the recipe has one"
            };
            let _ = writeln!(text, "  {need}: {way}");
        }
    }
    text
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}

fn assumed(estimate: &Estimate, text: &mut String) {
    let given = &estimate.given;
    let device = match given.device {
        Device::Cpu => "cpu",
        Device::Accelerator => "accelerator",
    };
    let generate = match given.rates.generate {
        Some(rate) => format!(", decoding {}", Unit::TokensPerSecond.show(rate)),
        None => String::new(),
    };
    let _ = writeln!(
        text,
        "inputs, none of them measured: {device}, {}/s, {}/s of memory{generate};",
        Unit::Flop.show(given.rates.compute),
        decimal_bytes(given.rates.bandwidth),
    );
    let _ = writeln!(
        text,
        "responses of {} of their cap, prompts of {} of the longest, {} of the groups kept",
        Unit::Share.show(given.output_share),
        Unit::Share.show(given.prompt_share),
        Unit::Share.show(given.kept_share),
    );
}

/// Bandwidths are stated in powers of ten.
fn decimal_bytes(value: f64) -> String {
    let prefixes = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB")];
    match prefixes.into_iter().find(|(size, _)| value >= *size) {
        Some((size, unit)) => format!("{} {unit}", number(value / size)),
        None => format!("{} B", number(value)),
    }
}

fn print_line(line: &Line, sums: bool, text: &mut String) {
    let needs = line.sum.needs();
    let value = match line.sum.value() {
        Some(value) => line.unit.show(value),
        None if needs.is_empty() => "not decided".to_string(),
        None => format!("not decided: needs {}", needs.join(", ")),
    };
    let note = line.note.as_ref().map(|note| format!("  ({note})")).unwrap_or_default();
    let _ = writeln!(text, "  {:<TITLE$}{value:>VALUE$}{note}", line.title);
    if sums {
        let (words, numbers) = (line.sum.words(), line.sum.numbers());
        let _ = writeln!(text, "      = {words}");
        if numbers != words && line.sum.value().is_some() {
            let _ = writeln!(text, "      = {numbers}");
        }
    }
}

fn sentence(end: &End) -> String {
    let steps: Vec<String> = end.steps.iter().map(|(name, steps)| format!("{name} {}", number(*steps))).collect();
    let mut text = match end.budget {
        Some(budget) => format!("{}: `budget.{budget}` in stage {}", end.case, end.stage),
        None => format!("{}: no budget ends stage {}", end.case, end.stage),
    };
    let _ = write!(text, "; steps: {}; {} generated", steps.join(", "), Unit::Tokens.show(end.tokens));
    if let Some(seconds) = end.seconds {
        let _ = write!(text, "; {}", Unit::Seconds.show(seconds));
    }
    if !end.needs.is_empty() {
        let _ = write!(text, "; `budget.time` not decided: needs {}", end.needs.join(", "));
    }
    text
}
