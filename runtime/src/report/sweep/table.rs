//! The table that closes a sweep on the terminal: plain text, at most 100 columns.

use super::super::words;
use super::{State, Sweep};

const NAME: usize = 32;

/// The results as text, with a newline at the end.
pub fn table(sweep: &Sweep) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    let configurations = sweep.configurations();
    line(&format!(
        "{}: {} runs of {} configurations; {} done, {} failed, {} left",
        sweep.recipe,
        sweep.members.len(),
        configurations.len(),
        sweep.count("done"),
        sweep.count("failed"),
        sweep.count("interrupted") + sweep.count("waiting"),
    ));
    for suite in sweep.suites() {
        line("");
        let half = format!("{:>8} {:>8} {:>8}", "mean", "spread", "change");
        line(&format!("{:<NAME$} {:>6}  {:^26}    {:^26}", "", "", "pass@1", "mean tokens"));
        line(&format!("{:<NAME$} {:>6}  {half}    {half}", words::clipped(suite, NAME), "seeds"));
        line(&format!("{} {}  {}    {}", "─".repeat(NAME), "─".repeat(6), "─".repeat(26), "─".repeat(26)));
        for configuration in &configurations {
            let name = words::clipped(&configuration.name, NAME);
            let seeds = format!("{}/{}", configuration.done(), configuration.members.len());
            let Some(row) = configuration.suite(suite) else {
                line(&format!("{name:<NAME$} {seeds:>6}  {:>8}", "–"));
                continue;
            };
            let (rate, length) = (&row.pass_at_1, &row.mean_tokens);
            let none = || "–".to_string();
            line(&format!(
                "{name:<NAME$} {seeds:>6}  {:>8} {:>8} {:>8}    {:>8} {:>8} {:>8}",
                words::percent(rate.mean),
                rate.spread.map_or_else(none, |spread| format!("{:.1}", spread * 100.0)),
                row.base.map_or_else(none, |base| words::points(rate.mean - base.pass_at_1)),
                words::tokens(length.mean),
                length.spread.map_or_else(none, words::tokens),
                row.base.map_or_else(none, |base| words::relative(base.mean_tokens, length.mean)),
            ));
        }
    }
    if sweep.suites().is_empty() {
        line("no run that has ended was evaluated at its end, so there is nothing to compare");
    }
    let failed = sweep.members.iter().filter(|member| matches!(member.state, State::Failed { .. }));
    for (at, member) in failed.enumerate() {
        if at == 0 {
            line("");
        }
        if let State::Failed { code, why } = &member.state {
            let why = why.lines().next().unwrap_or_default();
            line(&format!("failed: {}", member.folder));
            line(&format!("        {code}: {}", words::clipped(why, 88_usize.saturating_sub(code.len()).max(20))));
        }
    }
    for note in &sweep.notes {
        line(&format!("note: {note}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::sweep;
    use super::*;

    #[test]
    fn rows_hold_mean_spread_and_change() {
        let text = table(&sweep());
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
            assert_eq!(line, line.trim_end());
        }
        let cells = |start: &str| {
            let found = text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{text}"));
            found[start.len()..].split_whitespace().map(str::to_string).collect::<Vec<_>>()
        };
        assert_eq!(cells("gamma = 0.25"), ["3/3", "74.0%", "4.0", "+34.0", "34.0", "4.0", "-43.3%"]);
        assert_eq!(cells("plain, gamma = 0.25"), ["1/3", "65.0%", "–", "+25.0", "20.0", "–", "-66.7%"]);
        assert!(text.starts_with("quick & small: 6 runs of 2 configurations; 4 done, 1 failed, 1 left\n"), "{text}");
        assert!(
            text.contains("failed: plain-gamma=0.25-seed2") && text.contains("recipe::run::io: cannot write <here>")
        );
        assert!(text.contains("note: 1 run folder is of another recipe."));
    }

    #[test]
    fn a_sweep_without_results_says_so() {
        let mut sweep = sweep();
        sweep.members.iter_mut().for_each(|member| member.outcome = None);
        assert!(table(&sweep).contains("nothing to compare"));
        sweep.members.clear();
        assert!(table(&sweep).contains("0 runs of 0 configurations"));
    }
}
