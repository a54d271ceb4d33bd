//! A penalty that reads `length` takes more from a longer rollout, and takes it smoothly.
//!
//! One that only rises with the length pays for being long: the sign of a difference is turned. One that both rises and falls has a
//! target, which may be meant, and is not complained of. A jump makes one token worth as much as a thousand.
//! Bad: `penalty p = length / budget.output - 1`

use super::penalties_take_away::{MOST_BOXES, number};
use crate::diagnostic::{Diagnostic, codes};
use crate::draft::{Draft, StageDraft, setting, signals_behind};
use crate::problems::Problems;
use crate::prove::{Claim, Decision, Question, Side, jump, words};
use crate::recipe::Term;
use std::collections::BTreeSet;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    if problems.any_error() {
        return;
    }
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        for term in stage.terms.iter().flatten().filter(|t| t.is_penalty) {
            if signals_behind(&term.formula, &stage.values.terms).contains("length") {
                rises(draft, stage, term, problems);
                jumps(draft, stage, term, problems);
            }
        }
    }
}

fn rises(draft: &Draft<'_>, stage: &StageDraft, term: &Term, problems: &mut Problems) {
    let setting = setting(stage, &draft.params, &draft.domains);
    let question = |falls: bool| Question {
        for_all: BTreeSet::new(),
        claim: Claim::Monotone { value: Side::of(&term.formula), signal: "length".into(), falls },
    };
    let falling = question(true);
    let Decision::Refuted(found) = draft.memo.decide(&falling, &setting, MOST_BOXES) else { return };
    if draft.memo.decide(&question(false), &setting, MOST_BOXES) != Decision::Proved {
        return;
    }
    let lines = words::lines(&found, &falling, setting.group_size, &draft.domains);
    let mut diagnostic =
        Diagnostic::new(codes::PENALTY_RISES, format!("penalty `{}` takes less from a longer rollout", term.name))
            .at(term.span, "it never falls in `length`, and rises")
            .help("turn the difference around, so that more tokens take more");
    if !lines.is_empty() {
        diagnostic = diagnostic.at(term.formula.span, lines.join("; "));
    }
    problems.push(diagnostic);
}

fn jumps(draft: &Draft<'_>, stage: &StageDraft, term: &Term, problems: &mut Problems) {
    let setting = setting(stage, &draft.params, &draft.domains);
    let Some(found) = jump(&term.formula, &setting) else { return };
    let (before, after) = (number(found.before), number(found.after));
    let message =
        format!("penalty `{}` jumps from {before} to {after} after {} tokens", term.name, number(found.length));
    problems.push(
        Diagnostic::new(codes::PENALTY_JUMPS, message)
            .at(term.formula.span, "one more token makes all of this difference")
            .help("let it grow over some tokens, for example with `ramp(length, from, to)`"),
    );
}
