//! A formula that reads the soft zone below the cap has one.
//!
//! Where the formula divides by the buffer, the division says so; here are the others, which would be switched off without a word.
//! Bad: `penalty p = if length > budget.output - budget.buffer then -1 else 0` without a buffer.

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::formula::{Kind, Source};
use crate::problems::Problems;
use recipec_grammar::source::Span;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        let values = &stage.values;
        let Some(buffer) = values.count("budget.buffer") else { continue };
        let mut read = false;
        for term in stage.terms.iter().flatten() {
            let mut at: Option<Span> = None;
            term.formula.visit(&mut |part| {
                if matches!(&part.kind, Kind::Name(Source::Budget, name) if name == "budget.buffer") {
                    at.get_or_insert(part.span);
                }
            });
            let Some(at) = at else { continue };
            read = true;
            if buffer > 0 {
                continue;
            }
            let kind = if term.is_penalty { "penalty" } else { "term" };
            let mut diagnostic = Diagnostic::new(
                codes::BUFFER_WITHOUT_ROOM,
                format!("{kind} `{}` reads `budget.buffer`, which is 0", term.name),
            )
            .at(at, "there is no soft zone")
            .help("write `buffer = … tokens` in `budget`");
            if let Some(span) = values.span("budget.buffer") {
                diagnostic = diagnostic.at(span, "0 tokens");
            }
            problems.push(diagnostic);
        }
        let elsewhere = ["reward.outcome", "reward.total"]
            .into_iter()
            .filter_map(|path| values.formula(path))
            .any(|formula| formula.names(Source::Budget).iter().any(|name| name == "budget.buffer"));
        if buffer > 0
            && !read
            && !elsewhere
            && !draft.view.varied
            && values.span("budget.buffer").is_some()
            && stage.terms.is_some()
        {
            problems.note("`budget.buffer` is set, and no formula reads it");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn a_zone_of_no_tokens() {
        let body = "penalty difficulty_aware = overlong(length) * scale";
        let step = quickstart_with(
            body,
            "penalty difficulty_aware = (if length > budget.output - budget.buffer then -1 else 0) * scale",
        )
        .replace("clip((budget.output - budget.buffer - n) / budget.buffer, -1, 0)", "-n / budget.output")
        .replace("buffer     = 72 tokens", "buffer     = 0 tokens");
        let codes = codes_of(&step).codes;
        assert!(codes.contains(&"recipe::penalties::no_buffer"), "{codes:?}");
        let zero = quickstart_with("buffer     = 72 tokens", "buffer     = 0 tokens");
        assert_eq!(codes_of(&zero).codes, ["recipe::ranges::division_by_zero"], "the division says it first");
    }
}
