//! A penalty is at most 0, has a lower bound, and can act.
//!
//! Decided like a guarantee, over the whole ranges of the params. One sign, stated once: a penalty is added, never subtracted.
//! Bad: `penalty p = length / budget.output`

use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::draft::{Draft, StageDraft, setting, signals_behind};
use crate::formula::TypedFormula;
use crate::problems::Problems;
use crate::prove::{Claim, Decision, Question, Side, words};
use crate::recipe::Term;
use recipec_grammar::tree::BinaryOp;

/// The most boxes that are looked at for one goal of a default check.
pub(super) const MOST_BOXES: usize = 300;
/// A penalty below this counts as one without a lower bound.
const LOWEST: f64 = -1e9;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        for term in stage.terms.iter().flatten().filter(|t| t.is_penalty) {
            range(draft, stage, term, problems);
        }
        divided_by_std(stage, problems);
    }
}

/// A comparison of a formula with a number. `everywhere` asks for the whole ranges of params, so that no `--set` can break it.
fn compared(formula: &TypedFormula, op: BinaryOp, with: f64, everywhere: Option<&StageDraft>) -> Question {
    let ranged =
        everywhere.into_iter().flat_map(|stage| &stage.values.params).filter(|(_, param)| param.range.is_some());
    Question {
        for_all: ranged.map(|(name, _)| name.clone()).collect(),
        claim: Claim::Compare { left: Side::of(formula), op, right: Side::number(with), same: Vec::new() },
    }
}

fn range(draft: &Draft<'_>, stage: &StageDraft, term: &Term, problems: &mut Problems) {
    let name = &term.name;
    let (low, high) = term.formula.range();
    let body = term.formula.span;
    let setting = setting(stage, &draft.params, &draft.domains);
    let decide = |question: &Question| draft.memo.decide(question, &setting, MOST_BOXES);
    let between = format!("from {} to {}", number(low), number(high));
    let mut positive = false;
    // The range of the types is quick, and often enough; the prover is asked where it is not.
    if high > 0.0 {
        let question = compared(&term.formula, BinaryOp::LessEqual, 0.0, Some(stage));
        let found = match decide(&question) {
            Decision::Proved => None,
            Decision::Refuted(found) => {
                let lines = words::lines(&found, &question, setting.group_size, &draft.domains);
                let value = found.rollouts.first().map_or(high, |rollout| rollout.value);
                let diagnostic = Diagnostic::new(
                    codes::PENALTY_POSITIVE,
                    format!("penalty `{name}` can be as high as {}", number(libm::fmax(value, 0.0))),
                );
                let first = lines.first().map(|line| line.replacen("left ", "", 1)).unwrap_or_default();
                Some(diagnostic.at(term.span, "a penalty is at most 0").at(body, first))
            }
            Decision::NotDecided { why } => {
                let mut diagnostic = Diagnostic::new(
                    codes::PENALTY_POSITIVE,
                    format!("it is not decided whether penalty `{name}` stays at or below 0"),
                );
                diagnostic.severity = Severity::Warning;
                Some(diagnostic.at(term.span, "a penalty is at most 0").at(body, between.clone()).note(why))
            }
        };
        if let Some(diagnostic) = found {
            positive = true;
            let help = "turn its sign, or declare it as `term`, which may have any sign";
            problems.push(diagnostic.help(help));
        }
    }
    let is_bounded = || {
        let question = compared(&term.formula, BinaryOp::GreaterEqual, LOWEST, Some(stage));
        decide(&question) == Decision::Proved
    };
    if !low.is_finite() && !is_bounded() {
        problems.push(
            Diagnostic::new(codes::PENALTY_UNBOUNDED, format!("penalty `{name}` has no lower bound"))
                .at(term.span, "one rollout could outweigh a whole batch")
                .at(body, between)
                .help("bound it, for example with `max(-1, …)`"),
        );
        return;
    }
    if !positive && decide(&compared(&term.formula, BinaryOp::GreaterEqual, 0.0, None)) == Decision::Proved {
        let mut diagnostic = Diagnostic::new(codes::PENALTY_NEVER_ACTS, format!("penalty `{name}` is always 0"))
            .at(body, "no rollout can change this")
            .help("remove it, or look for the factor that is 0 and for the bound that is never reached");
        if low < 0.0
            && let Some(output) = stage.values.span("budget.output")
        {
            diagnostic = diagnostic.at(output, "the longest rollout");
        }
        problems.push(diagnostic);
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

pub(super) fn number(value: f64) -> String {
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
            (
                "-overlong(length) * scale",
                vec!["recipe::penalties::positive", "recipe::guarantees::refuted", "recipe::guarantees::refuted"],
            ),
            ("0 * overlong(length) * scale", vec!["recipe::penalties::never_acts"]),
        ] {
            let text = quickstart_with(penalty, &format!("penalty difficulty_aware = {body}"));
            // Both guarantees of the recipe are about this penalty.
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
