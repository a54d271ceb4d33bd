//! The table that closes a run on the terminal: plain text, at most 100 columns.

use super::json::{distances, domain_shares};
use super::words;
use crate::run_folder::{Results, RunFolder, SuiteResults};

const NAME: usize = 14;

/// The results as text, with a newline at the end.
pub fn table(folder: &RunFolder) -> String {
    let mut out = String::new();
    if let Some(summary) = &folder.summary {
        let variant = summary.variant.as_ref().map(|name| format!(", variant {name}")).unwrap_or_default();
        line(&mut out, &format!("{}{variant}, seed {}", summary.recipe, summary.seed));
    }
    match (folder.base(), folder.latest()) {
        (Some(base), Some(latest)) => {
            if folder.last().is_none() {
                line(&mut out, &format!("The run has not ended: the last evaluation is that of step {}.", latest.step));
            }
            for (name, before) in &base.suites {
                if let Some(after) = latest.suites.get(name) {
                    suite(&mut out, folder, name, before, after);
                }
            }
        }
        (Some(_), None) => line(&mut out, "No evaluation was made after the first step."),
        _ => line(&mut out, "No evaluation was made before the first step, so there is nothing to compare with."),
    }
    mix(&mut out, folder);
    if let Some(summary) = &folder.summary {
        let tokens = words::short(summary.generated_tokens as f64);
        let time = words::duration(summary.seconds);
        out.push('\n');
        line(
            &mut out,
            &format!("{} steps, {tokens} tokens generated, {time}; stopped by {}", summary.steps, summary.stopped_by),
        );
        line(&mut out, &format!("weights {}", summary.weights_digest));
    }
    for note in &folder.notes {
        line(&mut out, &format!("note: {note}"));
    }
    out
}

fn suite(out: &mut String, folder: &RunFolder, name: &str, before: &SuiteResults, after: &SuiteResults) {
    out.push('\n');
    let (title, base, last, change) = (words::clipped(name, NAME), "base", "final", "change");
    let half = format!("{base:>8} {last:>8} {change:>9}");
    line(out, &format!("{:<NAME$}  {:^27}    {:^27}", "", "pass@1", "mean tokens"));
    line(out, &format!("{title:<NAME$}  {half}    {half}"));
    line(out, &format!("{}  {}    {}", "─".repeat(NAME), "─".repeat(27), "─".repeat(27)));
    for domain in folder.domains() {
        if let (Some(before), Some(after)) = (before.domains.get(domain), after.domains.get(domain)) {
            line(out, &row(domain, &before.results, &after.results));
        }
    }
    line(out, &row("macro average", &before.macro_average, &after.macro_average));
}

fn row(name: &str, before: &Results, after: &Results) -> String {
    let name = words::clipped(name, NAME);
    let rates = [words::percent(before.pass_at_1), words::percent(after.pass_at_1)];
    let lengths = [words::tokens(before.mean_tokens), words::tokens(after.mean_tokens)];
    format!(
        "{name:<NAME$}  {:>8} {:>8} {:>9}    {:>8} {:>8} {:>9}",
        rates[0],
        rates[1],
        words::points(after.pass_at_1 - before.pass_at_1),
        lengths[0],
        lengths[1],
        words::relative(before.mean_tokens, after.mean_tokens),
    )
}

fn mix(out: &mut String, folder: &RunFolder) {
    let shares = domain_shares(folder);
    if shares.is_empty() {
        return;
    }
    out.push('\n');
    let title = "rollouts";
    line(out, &format!("{title:<NAME$}  {:>8} {:>9} {:>10} {:>9}", "target", "sampled", "completed", "trained"));
    line(out, &format!("{}  {}", "─".repeat(NAME), "─".repeat(39)));
    for (name, share) in &shares {
        let target = share.ratio.map_or_else(|| "?".to_owned(), words::percent);
        let [sampled, completed, trained] = share.achieved.map(words::percent);
        line(
            out,
            &format!("{:<NAME$}  {target:>8} {sampled:>9} {completed:>10} {trained:>9}", words::clipped(name, NAME)),
        );
    }
    if let Some([sampled, completed, trained]) = distances(&shares) {
        line(out, &format!("{:<NAME$}  {:>8} {sampled:>9.3} {completed:>10.3} {trained:>9.3}", "off target", ""));
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, Part};
    use super::*;

    #[test]
    fn every_line_fits_a_terminal() {
        for text in
            [table(&Fixture::new().read()), table(&Fixture::new().without(Part::Summary).without(Part::End).read())]
        {
            for line in text.lines() {
                assert!(line.chars().count() <= 100, "{line}");
                assert_eq!(line, line.trim_end());
            }
        }
    }

    #[test]
    fn rows_hold_the_numbers_of_the_files() {
        let run = Fixture::new().read();
        let text = table(&run);
        let (base, last) = (run.base().unwrap(), run.last().unwrap());
        let (before, after) =
            (&base.suites["cap"].domains["math"].results, &last.suites["cap"].domains["math"].results);
        let found = text.lines().find(|line| line.starts_with("math ")).unwrap();
        let cells: Vec<&str> = found.split_whitespace().collect();
        let expected = [
            "math".to_owned(),
            words::percent(before.pass_at_1),
            words::percent(after.pass_at_1),
            words::points(after.pass_at_1 - before.pass_at_1),
            words::tokens(before.mean_tokens),
            words::tokens(after.mean_tokens),
            words::relative(before.mean_tokens, after.mean_tokens),
        ];
        assert_eq!(cells, expected);
        assert!(text.contains("stopped by steps") && text.contains("off target"));
    }

    #[test]
    fn a_run_without_evaluations_says_so() {
        let text = table(&Fixture::new().without(Part::Evaluations).read());
        assert!(text.contains("nothing to compare with"), "{text}");
        assert!(text.contains("note: evaluations.jsonl is missing."), "{text}");
    }
}
