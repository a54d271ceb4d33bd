//! A right answer is worth no less than a wrong one of the same group, whatever their lengths.
//!
//! The rule speaks of rewards that look at the verdict. Some published rewards break it on purpose: partial credit for a short
//! answer that is nearly right. So it is a warning with the two rollouts in it, and `allow` accepts it with a reason.
//! Bad: `penalty p = -2 * length / budget.output`

use super::penalties_take_away::MOST_BOXES;
use crate::diagnostic::{Diagnostic, codes};
use crate::draft::{Draft, StageDraft, setting, signals_behind};
use crate::formula::TypedFormula;
use crate::problems::Problems;
use crate::prove::{Claim, Decision, Question, Side, words};
use crate::resolve::settings::of_domain;
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

/// Domains that are asked one by one, where a formula tells them apart.
const MOST_DOMAINS: usize = 64;

fn look(draft: &Draft<'_>, stage: &StageDraft, problems: &mut Problems) {
    let values = &stage.values;
    // Shares are sorted by name.
    let trained = |domain: &String| {
        stage.shares.as_ref().is_none_or(|shares| {
            let at = shares.binary_search_by(|share| share.domain.cmp(domain));
            at.ok().and_then(|at| shares.get(at)).is_some_and(|share| share.ratio > 0.0)
        })
    };
    // Where nobody judges there is no right and no wrong, and a domain may have a reward of its own.
    let (mut shared, mut own) = (Vec::new(), Vec::new());
    for (at, domain) in draft.domains.iter().enumerate().filter(|(_, domain)| trained(domain)) {
        if values.absent(&of_domain(domain, "verify")) {
            continue;
        }
        match values.formula(&of_domain(domain, "reward")) {
            Some(reward) => own.push((at, of_domain(domain, "reward"), reward)),
            None => shared.push(at),
        }
    }
    for (at, path, reward) in own.into_iter().take(MOST_DOMAINS) {
        ask(draft, stage, &path, reward, Some(at), problems);
    }
    let Some(total) = values.formula("reward.total") else { return };
    let told_apart = signals_behind(total, &values.terms).contains("domain");
    if shared.len() == draft.domains.len() || !told_apart {
        if !shared.is_empty() {
            ask(draft, stage, "reward.total", total, None, problems);
        }
        return;
    }
    for at in shared.into_iter().take(MOST_DOMAINS) {
        ask(draft, stage, "reward.total", total, Some(at), problems);
    }
}

/// Asks whether a right answer is worth no less than a wrong one, in one domain or in all.
fn ask(
    draft: &Draft<'_>,
    stage: &StageDraft,
    path: &str,
    total: &TypedFormula,
    domain: Option<usize>,
    problems: &mut Problems,
) {
    const VERDICT: [&str; 3] = ["correct", "wrong", "score"];
    let values = &stage.values;
    let read = signals_behind(total, &values.terms);
    let setting = setting(stage, &draft.params, &draft.domains);
    if !VERDICT.iter().any(|signal| read.contains(*signal)) || setting.group_size < 2 {
        return;
    }
    let side = |correct: bool| {
        let mut side = Side::judged(total, correct);
        if let (Some(given), Some(domain)) = (&mut side.given, domain) {
            given.insert("domain".into(), domain as f64);
        }
        side
    };
    let question = Question {
        for_all: BTreeSet::new(),
        claim: Claim::Compare { left: side(true), op: BinaryOp::GreaterEqual, right: side(false), same: Vec::new() },
    };
    let place = values.span(path).unwrap_or(total.span);
    // Where the recipe itself breaks the rule, its variants and sweep points need not be asked: it is said once.
    let said =
        |d: &Diagnostic| d.code == codes::PENALTY_CAN_INVERT && d.labels.first().is_some_and(|l| l.span == place);
    if draft.again && problems.sorted().into_iter().any(said) {
        return;
    }
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
