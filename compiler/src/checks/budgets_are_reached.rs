//! The tokens of the whole run fit to its batches and steps.
//!
//! Bad: `budget { tokens = 100 tokens … }` with batches of 256 rollouts, 3G tokens for 20 steps of short responses, 10M tokens for 400
//! steps of long ones.

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::{Draft, StageDraft};
use crate::problems::Problems;

/// Tokens end early when responses at the cap use them up in less than this share of the steps.
const EARLY: f64 = 0.1;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    let Some(tokens) = draft.run.count("budget.tokens") else { return };
    let stages: Vec<&StageDraft> = draft.stages.iter().filter(|s| s.supervised.is_none()).collect();
    let label = |diagnostic: Diagnostic, paths: &[&str]| {
        paths.iter().fold(diagnostic, |diagnostic, path| {
            let name = path.rsplit('.').next().unwrap_or(path);
            let place = stages.iter().find_map(|s| Some((s.values.span(path)?, &s.values.get(path)?.text)));
            match place {
                Some((span, text)) => diagnostic.at(span, format!("`{name} = {text}`")),
                None => diagnostic,
            }
        })
    };
    let place = draft.run.span("budget.tokens").unwrap_or(draft.place);
    if let Some(batch) = stages.iter().filter_map(|s| s.values.count("train.batch")).min()
        && tokens < batch
    {
        let diagnostic = Diagnostic::new(
            codes::TOKENS_BELOW_BATCH,
            format!("{tokens} tokens are less than one batch of {batch} rollouts"),
        )
        .at(place, "for the whole run")
        .help("a rollout has at least one token; give the run tokens for all of its steps");
        problems.push(label(diagnostic, &["train.batch"]));
        return;
    }
    // How a run under a variant ends is the variant's own affair: a short one is made to be short.
    // Where there is an error, what the numbers mean is not known.
    if draft.view.varied || problems.lost_text() || problems.any_error() {
        return;
    }
    let Some(work) = stages.iter().map(|s| work(s)).collect::<Option<Vec<Work>>>() else { return };
    let steps: f64 = work.iter().map(|w| w.steps).sum();
    let at_cap: f64 = work.iter().map(|w| w.steps * w.tokens).sum();
    let most: f64 = work.iter().map(|w| w.steps * w.tokens * w.draws).sum();
    let tokens = tokens as f64;
    if work.is_empty() || steps == 0.0 {
        return;
    }
    const PARTS: [&str; 3] = ["budget.steps", "budget.output", "train.batch"];
    if tokens > most {
        let diagnostic = Diagnostic::new(
            codes::NEVER_REACHED,
            format!("{} tokens cannot be used up: the steps generate {} at most", short(tokens), short(most)),
        )
        .at(place, "this ends nothing")
        .help("lower `tokens`, or leave it out and let `steps` end the run")
        .note(format!("{} steps, every response at its cap, every batch refilled as often as it may", short(steps)));
        problems.push(label(diagnostic, &PARTS));
    } else if tokens < EARLY * at_cap {
        let reached = libm::floor(steps * tokens / at_cap);
        let diagnostic = Diagnostic::new(
            codes::TOKENS_END_EARLY,
            format!(
                "{} tokens end the run after {} of {} steps, if responses reach their cap",
                short(tokens),
                short(reached),
                short(steps)
            ),
        )
        .at(place, "used up first")
        .help(format!("{} steps take {} tokens at the cap", short(steps), short(at_cap)))
        .note("the schedule follows `steps`, so a run that ends early ends at nearly the peak learning rate");
        problems.push(label(diagnostic, &PARTS));
    }
}

/// What a stage can generate.
struct Work {
    steps: f64,
    /// Tokens of one batch, every response at the cap.
    tokens: f64,
    /// At most so many batches are drawn for one.
    draws: f64,
}

fn work(stage: &StageDraft) -> Option<Work> {
    let values = &stage.values;
    let drops = values.word("train.drop")? != "never" || values.word("reward.unfinished")? == "dropped";
    Some(Work {
        steps: values.count("budget.steps")? as f64,
        tokens: values.count("train.batch")? as f64 * values.count("budget.output")? as f64,
        draws: if drops { values.count("train.refill")? as f64 } else { 1.0 },
    })
}

/// `14.7M`: three digits and a prefix, in powers of ten.
fn short(value: f64) -> String {
    let (scaled, prefix) = match value {
        v if v >= 1e12 => (v / 1e12, "T"),
        v if v >= 1e9 => (v / 1e9, "G"),
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e4 => (v / 1e3, "K"),
        v => return format!("{v}"),
    };
    let digits = if scaled >= 100.0 {
        1.0
    } else if scaled >= 10.0 {
        10.0
    } else {
        100.0
    };
    format!("{}{prefix}", libm::round(scaled * digits) / digits)
}

#[cfg(test)]
mod tests {
    use super::short;
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn token_budgets() {
        // 600 steps of 256 rollouts of at most 96 tokens: 14,745,600 tokens.
        for (tokens, codes) in [
            ("255 tokens", vec!["recipe::budgets::tokens_below_batch"]),
            ("1.47M tokens", vec!["recipe::budgets::tokens_end_early"]),
            ("1.48M tokens", vec![]),
            ("14745600 tokens", vec![]),
        ] {
            let text = quickstart_with("tokens     = 30M tokens", &format!("tokens     = {tokens}"));
            assert_eq!(codes_of(&text).codes, codes, "{tokens}");
        }
        let text = quickstart_with("allow recipe::budgets::never_reached", "allow recipe::names::unused");
        assert_eq!(codes_of(&text).codes, ["recipe::budgets::never_reached"]);
        // Refilled twice, 30M can be reached: at most 29.5M.
        let text = text.replace("refill    = 1", "refill    = 3");
        assert!(codes_of(&text).codes.is_empty());
    }

    #[test]
    fn short_numbers() {
        for (value, text) in [(0.0, "0"), (357.0, "357"), (14_745_600.0, "14.7M"), (3e9, "3G"), (1_234_567.0, "1.23M")]
        {
            assert_eq!(short(value), text);
        }
    }
}
