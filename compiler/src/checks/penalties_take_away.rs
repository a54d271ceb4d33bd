//! A penalty is at most 0, has a lower bound, and can act.
//!
//! The range of its formula is known from the ranges of what it reads. One sign, stated once: a penalty is added, never subtracted.
//! Bad: `penalty p = length / budget.output`

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::{Draft, StageDraft, signals_behind};
use crate::problems::Problems;
use crate::recipe::Term;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        for term in stage.terms.iter().flatten().filter(|t| t.is_penalty) {
            range(term, problems);
        }
        divided_by_std(stage, problems);
    }
}

fn range(term: &Term, problems: &mut Problems) {
    let name = &term.name;
    let (low, high) = term.formula.range();
    let body = term.formula.span;
    if high > 0.0 {
        problems.push(
            Diagnostic::new(codes::PENALTY_POSITIVE, format!("penalty `{name}` can be as high as {}", number(high)))
                .at(term.span, "a penalty is at most 0")
                .at(body, format!("from {} to {}", number(low), number(high)))
                .help("turn its sign, or declare it as `term`, which may have any sign"),
        );
    }
    if !low.is_finite() {
        problems.push(
            Diagnostic::new(codes::PENALTY_UNBOUNDED, format!("penalty `{name}` has no lower bound"))
                .at(term.span, "one rollout could outweigh a whole batch")
                .at(body, format!("from {} to {}", number(low), number(high)))
                .help("bound it, for example with `max(-1, …)`"),
        );
    }
    if low == 0.0 && high == 0.0 {
        problems.push(
            Diagnostic::new(codes::PENALTY_NEVER_ACTS, format!("penalty `{name}` is always 0"))
                .at(body, "no rollout can change this")
                .help("remove it, or look for the factor that is 0"),
        );
    }
}

/// In groups of equal verdicts only the length term spreads, and the division blows it up to full size.
fn divided_by_std(stage: &StageDraft, problems: &mut Problems) {
    const LENGTHS: [&str; 3] = ["length", "reasoning_length", "answer_length"];
    let values = &stage.values;
    if values.truth("train.algorithm.divide_by_std") != Some(true) {
        return;
    }
    if values.word("train.algorithm") == Some("reinforce_plus_plus") {
        return; // divides by the spread of the whole batch, which right and wrong answers make
    }
    let Some(total) = values.formula("reward.total") else { return };
    let read = signals_behind(total, &values.terms);
    let Some(length) = LENGTHS.iter().find(|l| read.contains(**l)) else { return };
    let place = values.span("train.algorithm.divide_by_std").unwrap_or(stage.place);
    let mut diagnostic = Diagnostic::new(codes::PENALTY_DIVIDED_BY_STD, format!("the reward depends on `{length}`, and advantages are divided by the standard deviation"))
        .at(place, "blows the length term up in groups of equal verdicts")
        .help("use `divide_by_std = false`")
        .note("where all rollouts are right, or all wrong, only the length spreads; divided by its own spread it counts as much as being right");
    if let Some(span) = values.span("reward.total") {
        diagnostic = diagnostic.at(span, format!("reads `{length}`"));
    }
    problems.push(diagnostic);
}

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "infinity".into(),
        f64::NEG_INFINITY => "-infinity".into(),
        // Four digits tell a reader enough.
        value if libm::fabs(value) < 1e-4 && value != 0.0 => format!("{value:.3e}"),
        value => format!("{}", libm::round(value * 1e4) / 1e4),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn penalties_out_of_their_range() {
        let penalty = "penalty difficulty_aware = overlong(length) * scale";
        for (body, codes) in [
            ("-overlong(length) * scale", vec!["recipe::penalties::positive"]),
            ("0 * overlong(length) * scale", vec!["recipe::penalties::never_acts"]),
        ] {
            let text = quickstart_with(penalty, &format!("penalty difficulty_aware = {body}"));
            // The guarantees and tests of the recipe are not decided here.
            assert_eq!(codes_of(&text).codes, codes, "{body}");
        }
    }

    #[test]
    fn a_length_term_under_a_division() {
        let text = quickstart_with("divide_by_std = false", "divide_by_std = true");
        assert_eq!(codes_of(&text).codes, ["recipe::penalties::divided_by_std"]);
        let without = text.replace("total      = outcome + difficulty_aware", "total      = outcome");
        assert_eq!(codes_of(&without).codes, ["recipe::names::unused"], "the penalty is no longer read");
    }
}
