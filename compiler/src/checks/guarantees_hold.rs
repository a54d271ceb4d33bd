//! What a recipe promises about its formulas holds.
//!
//! Every guarantee is decided at the values in force, in each stage that learns from rewards: proved, refuted with numbers that
//! refute, or not decided. A promise that does not hold is worse than none, because others build on it.
//! Bad: `guarantee g : total >= 0` where a wrong answer at the cap is worth -1

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::problems::Problems;
use crate::prove::{Decision, words};
use crate::recipe::Guarantee;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for guarantee in &draft.guarantees {
        let diagnostic = match &guarantee.decision {
            None | Some(Decision::Proved) => continue,
            Some(Decision::Refuted(found)) => {
                let lines = words::lines(found, &guarantee.question, group_size(draft, guarantee), &draft.domains);
                let message = format!(
                    "guarantee `{}` does not hold: {}",
                    guarantee.name,
                    words::headline(found, &guarantee.question)
                );
                Diagnostic::new(codes::GUARANTEE_REFUTED, message)
                    .at(guarantee.span, lines.join("; "))
                    .help("change the formula, or claim less")
            }
            Some(Decision::NotDecided { why }) => {
                Diagnostic::new(codes::GUARANTEE_NOT_DECIDED, format!("guarantee `{}` is not decided", guarantee.name))
                    .at(guarantee.span, why.clone())
                    .help("claim less, or write the formula so that fewer signals meet in one product")
            }
        };
        let mut diagnostic = on_formulas(diagnostic, draft, guarantee);
        if let Some(stage) = &guarantee.stage {
            diagnostic = diagnostic.note(format!("in stage `{stage}`"));
        }
        problems.push(diagnostic);
    }
}

fn group_size(draft: &Draft<'_>, guarantee: &Guarantee) -> u64 {
    let stage = guarantee.stage.as_ref().and_then(|name| draft.stages.iter().find(|s| s.name == *name));
    let values = stage.map_or(&draft.run, |stage| &stage.values);
    values.count("train.group").unwrap_or(1)
}

/// Labels on the formulas that a claim names.
fn on_formulas(mut diagnostic: Diagnostic, draft: &Draft<'_>, guarantee: &Guarantee) -> Diagnostic {
    let mut named: Vec<String> = Vec::new();
    for side in guarantee.question.claim.sides() {
        for name in side.formula.names(crate::formula::Source::Term) {
            let name = name.split('.').next().unwrap_or_default().to_string();
            if !named.contains(&name) {
                named.push(name);
            }
        }
    }
    for name in named {
        if let Some(term) = draft.run.terms.get(&name) {
            diagnostic = diagnostic.at(term.span, format!("`{name}`"));
        }
    }
    diagnostic
}
