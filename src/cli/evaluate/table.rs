//! The results of `recipec evaluate` for people.

use crate::cli::say;
use recipec_runtime::evaluate::{Compared, Figure, Measured, Outcome};
use std::collections::BTreeMap;

/// One model: every suite as a table, and the curve of accuracy against the cap.
pub fn print(name: &str, measured: &Measured) {
    let short = measured.weights.get(..12).unwrap_or(&measured.weights);
    say(&format!("{name}  (weights {short}…)"));
    for (suite, results) in &measured.suites {
        let problems = results.all.problems;
        let samples = results.all.samples;
        say(&format!("\n{suite}: {problems} problems, {samples} responses each"));
        let ks: Vec<u64> = results.all.pass_at_k.keys().copied().collect();
        let mut head = format!("{:<18}{:>9}{:>9}{:>18}", "", "problems", "pass@1", "95%");
        for k in &ks {
            head += &format!("{:>9}", format!("pass@{k}"));
        }
        say(&(head + &format!("{:>9}{:>8}{:>8}{:>8}{:>8}{:>9}", "tokens", "10%", "50%", "90%", "99%", "cut")));
        for (domain, outcome) in &results.domains {
            say(&row(domain, outcome, &ks));
        }
        say(&row("macro average", &results.all, &ks));
        if results.all.verifier_errors > 0 {
            say(&format!("{} responses are left out: their verifier failed twice", results.all.verifier_errors));
        }
        curve(&results.all);
    }
    say("");
}

fn row(name: &str, outcome: &Outcome, ks: &[u64]) -> String {
    let rate = &outcome.pass_at_1;
    let mut row = format!("{name:<18}{:>9}{:>9}{:>18}", outcome.problems, percent(rate.mean), interval(rate));
    for k in ks {
        row += &format!("{:>9}", outcome.pass_at_k.get(k).map_or("-".into(), |rate| percent(rate.mean)));
    }
    row += &format!("{:>9.1}", outcome.tokens.mean);
    for quantile in outcome.token_quantiles {
        row += &format!("{quantile:>8.0}");
    }
    row + &format!("{:>9}", percent(outcome.truncated))
}

fn curve(outcome: &Outcome) {
    if outcome.curve.is_empty() {
        return;
    }
    say("\naccuracy against the cap (multiples of the cap in training; the same responses, cut):");
    say(&format!("{:>8}{:>16}{:>9}{:>18}{:>9}{:>9}", "cap", "tokens", "pass@1", "95%", "used", "cut"));
    for point in &outcome.curve {
        let (low, high) = point.caps.values().fold((u64::MAX, 0), |(low, high), cap| (low.min(*cap), high.max(*cap)));
        let caps = if low == high { high.to_string() } else { format!("{low}-{high}") };
        say(&format!(
            "{:>8}{caps:>16}{:>9}{:>18}{:>9.1}{:>9}",
            format!("{}x", point.budget),
            percent(point.pass_at_1.mean),
            interval(&point.pass_at_1),
            point.mean_tokens,
            percent(point.truncated)
        ));
    }
}

/// Two models, paired by problem.
pub fn print_comparison(first: &str, second: &str, compared: &BTreeMap<String, BTreeMap<String, Compared>>) {
    say(&format!("{first} less {second}, problem by problem:"));
    for (suite, domains) in compared {
        say(&format!("\n{suite}"));
        say(&format!(
            "{:<18}{:>9}{:>9}{:>18}{:>9}{:>10}{:>18}{:>9}",
            "", "problems", "pass@1", "95%", "p", "tokens", "95%", "p"
        ));
        let macro_average = domains.iter().filter(|(name, _)| *name == "macro");
        for (domain, row) in domains.iter().filter(|(name, _)| *name != "macro").chain(macro_average) {
            let name = if domain == "macro" { "macro average" } else { domain };
            let tokens = row.tokens.interval.map_or("-".into(), |[low, high]| format!("{low:+.1} to {high:+.1}"));
            say(&format!(
                "{name:<18}{:>9}{:>9}{:>18}{:>9}{:>10}{tokens:>18}{:>9}",
                row.problems,
                format!("{:+.1}", row.pass_at_1.mean * 100.0),
                row.pass_at_1.interval.map_or("-".into(), |[low, high]| format!(
                    "{:+.1} to {:+.1}",
                    low * 100.0,
                    high * 100.0
                )),
                p_value(row.p_value),
                format!("{:+.1}%", row.tokens_change * 100.0),
                p_value(row.tokens_p_value)
            ));
        }
    }
}

fn p_value(p: f64) -> String {
    if p < 0.0005 { "<0.0005".into() } else { format!("{p:.4}") }
}

fn percent(rate: f64) -> String {
    format!("{:.1}%", rate * 100.0)
}

fn interval(rate: &Figure) -> String {
    rate.interval.map_or("-".into(), |[low, high]| format!("{:.1}-{:.1}%", low * 100.0, high * 100.0))
}
