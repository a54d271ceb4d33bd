//! A right answer is worth no less than a wrong one of the same group, whatever their lengths.
//!
//! The rule speaks of rewards that look at the verdict. Some published rewards break it on purpose: partial credit for a short
//! answer that is nearly right. So it is a warning with the two rollouts in it, and `allow` accepts it with a reason.
//! Bad: `penalty p = -2 * length / budget.output`

use super::penalties_take_away::MOST_BOXES;
use crate::diagnostic::{Diagnostic, codes};
use crate::draft::{Draft, StageDraft, setting, signals_behind};
use crate::problems::Problems;
use crate::prove::{Claim, Decision, Question, Side, words};
use recipec_grammar::tree::BinaryOp;
use std::collections::BTreeSet;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    if problems.any_error() {
        return;
    }
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none() && s.terms.is_some()) {
        look(draft, stage, problems);
    }
}

fn look(draft: &Draft<'_>, stage: &StageDraft, problems: &mut Problems) {
    const VERDICT: [&str; 3] = ["correct", "wrong", "score"];
    let values = &stage.values;
    let Some(total) = values.formula("reward.total") else { return };
    let read = signals_behind(total, &values.terms);
    let setting = setting(stage, &draft.params, &draft.domains);
    if !VERDICT.iter().any(|signal| read.contains(*signal)) || setting.group_size < 2 {
        return;
    }
    let question = Question {
        for_all: BTreeSet::new(),
        claim: Claim::Compare {
            left: Side::judged(total, true),
            op: BinaryOp::GreaterEqual,
            right: Side::judged(total, false),
            same: Vec::new(),
        },
    };
    let place = values.span("reward.total").unwrap_or(total.span);
    let diagnostic = match draft.memo.decide(&question, &setting, MOST_BOXES) {
        Decision::Proved => return,
        Decision::Refuted(found) => {
            let value = |at: usize| found.rollouts.get(at).map_or(0.0, |rollout| rollout.value);
            let (right, wrong) = (words::number(value(0)), words::number(value(1)));
            let lines = words::lines(&found, &question, setting.group_size, &draft.domains);
            let message = format!("a wrong answer can be worth {wrong} where a right one is worth {right}");
            Diagnostic::new(codes::PENALTY_CAN_INVERT, message)
                .at(place, "two rollouts of one group")
                .note(lines.join("; ").replacen("left", "right answer", 1).replacen("; right ", "; wrong answer ", 1))
        }
        Decision::NotDecided { why } => {
            let message = "it is not decided whether a wrong answer can be worth more than a right one";
            Diagnostic::new(codes::PENALTY_CAN_INVERT, message).at(place, "two rollouts of one group").note(why)
        }
    };
    problems.push(diagnostic.help(
        "take away less than being right gives, or accept it with `allow recipe::penalties::can_invert because \"…\"`",
    ));
}
