//! Budgets that fit each other, the model and the schedule.
//!
//! Bad: `budget { output = 1K tokens  buffer = 2K tokens }`, an evaluation cap below the training cap, prompt and output above the
//! model's context, a stage that nothing ends, a warm-up that is longer than its stage.

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::{Draft, StageDraft};
use crate::facts::{self, Context};
use crate::problems::Problems;
use crate::resolve::settings::of_domain;
use recipec_grammar::source::Span;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for stage in &draft.stages {
        no_end(draft, stage, problems);
        warmup(stage, problems);
        if stage.supervised.is_none() {
            buffer(stage, problems);
            context(draft, stage, problems);
            domain_caps(draft, stage, problems);
        }
    }
    evaluation(draft, problems);
    evaluation_context(draft, problems);
}

fn buffer(stage: &StageDraft, problems: &mut Problems) {
    let values = &stage.values;
    let (Some(output), Some(buffer)) = (values.count("budget.output"), values.count("budget.buffer")) else { return };
    if buffer <= output {
        return;
    }
    let place = values.span("budget.buffer").unwrap_or(stage.place);
    let mut diagnostic = Diagnostic::new(
        codes::BUFFER_NOT_BELOW_OUTPUT,
        format!("the buffer of {buffer} tokens is larger than the output of {output} tokens"),
    )
    .at(place, format!("{buffer} tokens"))
    .help(format!("the buffer is the last part of the output: at most {output} tokens"));
    if let Some(span) = values.span("budget.output") {
        diagnostic = diagnostic.at(span, format!("{output} tokens"));
    }
    problems.push(diagnostic);
}

/// The context of the policy, where a number limits it; a note where nobody has said.
fn limit(draft: &Draft<'_>, problems: &mut Problems) -> Option<(u64, Option<Span>)> {
    match facts::context(draft) {
        Context::Tokens(tokens, place) => Some((tokens, place)),
        Context::Unbounded | Context::Hole => None,
        Context::Unknown => {
            problems.note(
                "not decided: whether prompt and output fit into the policy's context; write `context = … tokens` in `model policy`",
            );
            None
        }
    }
}

fn context(draft: &Draft<'_>, stage: &StageDraft, problems: &mut Problems) {
    let values = &stage.values;
    let Some((context, known_at)) = limit(draft, problems) else { return };
    let (Some(prompt), Some(output)) = (values.count("budget.prompt"), values.count("budget.output")) else { return };
    let needed = prompt.saturating_add(output);
    if needed <= context {
        return;
    }
    let place = values.span("budget.output").unwrap_or(stage.place);
    let mut diagnostic = Diagnostic::new(
        codes::OVER_CONTEXT,
        format!("prompt and output need {needed} tokens, and the context holds {context}"),
    )
    .at(place, format!("{output} tokens"))
    .help(match context.checked_sub(prompt).filter(|left| *left > 0) {
        Some(left) => format!("use `output = {left} tokens`, or a shorter prompt"),
        None => "use a shorter prompt; it alone fills the context".into(),
    });
    if let Some(span) = values.span("budget.prompt") {
        diagnostic = diagnostic.at(span, format!("{prompt} tokens"));
    }
    problems.push(of_model(diagnostic, draft, context, known_at));
}

/// Labels where the context is stated, or whose it is.
fn of_model(diagnostic: Diagnostic, draft: &Draft<'_>, context: u64, known_at: Option<Span>) -> Diagnostic {
    match known_at.or_else(|| draft.run.span("model.policy.source")) {
        Some(span) if known_at.is_some() => diagnostic.at(span, format!("{context} tokens")),
        Some(span) => diagnostic.at(span, format!("reads {context} tokens")),
        None => diagnostic,
    }
}

/// The caps of evaluations: that of the budget where a suite uses it, and those of suites with their own.
fn evaluation_context(draft: &Draft<'_>, problems: &mut Problems) {
    let run = &draft.run;
    let suites: Vec<String> =
        draft.view.resolved.names("suite").map(|name| format!("suite.{}.output", name.node)).collect();
    if suites.is_empty() {
        return;
    }
    let Some((context, known_at)) = limit(draft, problems) else { return };
    let Some(prompt) = run.count("budget.prompt") else { return };
    // The cap of a suite without one of its own stands in the budget, or is the training cap, which has been looked at.
    let mut over: Vec<(u64, Span)> = suites
        .iter()
        .filter_map(|path| Some((run.count(path)?, run.span(path).or_else(|| run.span("budget.evaluation"))?)))
        .filter(|(output, _)| prompt.saturating_add(*output) > context)
        .collect();
    over.sort_by_key(|(output, place)| (std::cmp::Reverse(*output), *place));
    over.dedup();
    let Some((longest, _)) = over.first() else { return };
    let mut diagnostic = Diagnostic::new(
        codes::EVALUATION_OVER_CONTEXT,
        format!(
            "prompt and evaluation need {} tokens, and the context holds {context}",
            prompt.saturating_add(*longest)
        ),
    )
    .help(match context.checked_sub(prompt).filter(|left| *left > 0) {
        Some(left) => format!("use {left} tokens at most, or a shorter prompt"),
        None => "use a shorter prompt; it alone fills the context".into(),
    });
    for (output, place) in over.iter().take(8) {
        diagnostic = diagnostic.at(*place, format!("{output} tokens"));
    }
    if let Some(span) = run.span("budget.prompt") {
        diagnostic = diagnostic.at(span, format!("{prompt} tokens"));
    }
    problems.push(of_model(diagnostic, draft, context, known_at));
}

/// A domain's own cap is below that of the budget: formulas take `length` to be at most `budget.output`.
fn domain_caps(draft: &Draft<'_>, stage: &StageDraft, problems: &mut Problems) {
    let values = &stage.values;
    let Some(output) = values.count("budget.output") else { return };
    for domain in &draft.domains {
        let path = of_domain(domain, "output");
        let (Some(own), Some(place)) = (values.count(&path), values.span(&path)) else { continue };
        // A stage that lowers the cap for all lowers it for a domain too; the domain's own value is then of other stages.
        let lowered = values.count("budget.output") != draft.run.count("budget.output");
        if own <= output || lowered {
            continue;
        }
        let mut diagnostic = Diagnostic::new(
            codes::DOMAIN_OVER_OUTPUT,
            format!("the cap of domain `{domain}` is {own} tokens, and that of every rollout is {output}"),
        )
        .at(place, format!("{own} tokens"))
        .help(format!("use `budget.output = {own} tokens`, and lower caps in the other domains"));
        if let Some(span) = values.span("budget.output") {
            diagnostic = diagnostic.at(span, format!("{output} tokens"));
        }
        problems.push(diagnostic);
    }
}

fn evaluation(draft: &Draft<'_>, problems: &mut Problems) {
    let run = &draft.run;
    let (Some(output), Some(evaluation)) = (run.count("budget.output"), run.count("budget.evaluation")) else { return };
    if evaluation >= output {
        return;
    }
    let place = run.span("budget.evaluation").unwrap_or(draft.place);
    let mut diagnostic = Diagnostic::new(
        codes::EVALUATION_BELOW_OUTPUT,
        format!("evaluation is capped at {evaluation} tokens, training at {output}"),
    )
    .at(place, format!("{evaluation} tokens"))
    .help(format!("use `evaluation = {output} tokens` or more"));
    if let Some(span) = run.span("budget.output") {
        diagnostic = diagnostic.at(span, format!("{output} tokens"));
    }
    problems.push(diagnostic);
}

fn no_end(draft: &Draft<'_>, stage: &StageDraft, problems: &mut Problems) {
    let whole = !draft.run.absent("budget.tokens") || !draft.run.absent("budget.time");
    // Demonstrations are not generated, so `budget.tokens` never ends such a stage.
    let whole = if stage.supervised.is_some() { !draft.run.absent("budget.time") } else { whole };
    if whole
        || !stage.values.absent("budget.steps")
        || problems.lost_text()
        || !draft.view.resolved.blocks.contains_key("budget")
    {
        return;
    }
    let place = draft.view.resolved.blocks.get("budget").map_or(stage.place, |b| b.name.span);
    let of = if draft.stages.len() > 1 { format!("stage `{}`", stage.name) } else { "the run".to_string() };
    problems.push(
        Diagnostic::new(codes::NO_END, format!("nothing ends {of}"))
            .at(place, "no `steps`, `tokens` or `time` in here")
            .help("write `steps = … steps`"),
    );
}

fn warmup(stage: &StageDraft, problems: &mut Problems) {
    let values = &stage.values;
    let path = match stage.supervised {
        Some(_) => format!("stage.{}.supervised.schedule.warmup", stage.name),
        None => "train.schedule.warmup".to_string(),
    };
    let (Some(steps), Some(warmup)) = (values.count("budget.steps"), values.count(&path)) else { return };
    if warmup <= steps {
        return;
    }
    let place = values.span(&path).unwrap_or(stage.place);
    let mut diagnostic = Diagnostic::new(
        codes::WARMUP_OVER_STEPS,
        format!("the warm-up of {warmup} steps is longer than stage `{}` with {steps} steps", stage.name),
    )
    .at(place, format!("{warmup} steps"))
    .help("the learning rate would never reach its peak; use a shorter warm-up");
    if let Some(span) = values.span("budget.steps") {
        diagnostic = diagnostic.at(span, format!("{steps} steps"));
    }
    problems.push(diagnostic);
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn budgets_that_do_not_fit() {
        for (from, to, code) in [
            ("buffer     = 72 tokens", "buffer     = 97 tokens", "recipe::budgets::buffer_not_below_output"),
            ("evaluation = 192 tokens", "evaluation = 95 tokens", "recipe::budgets::evaluation_below_output"),
            ("context   = 256 tokens", "context   = 255 tokens", "recipe::budgets::evaluation_over_context"),
            (
                "output = 96 tokens   sampling",
                "output = 193 tokens   sampling",
                "recipe::budgets::evaluation_over_context",
            ),
            (
                "domain math     { ratio",
                "domain math     { output = 97 tokens  ratio",
                "recipe::budgets::domain_over_output",
            ),
            (
                "{ warmup = 40 steps, floor = 0.1 }",
                "{ warmup = 601 steps, floor = 0.1 }",
                "recipe::budgets::warmup_over_steps",
            ),
        ] {
            assert_eq!(codes_of(&quickstart_with(from, to)).codes, [code], "{to}");
        }
        for (from, to) in [
            ("buffer     = 72 tokens", "buffer     = 96 tokens"),
            ("evaluation = 192 tokens", "evaluation = 96 tokens"),
        ] {
            assert!(codes_of(&quickstart_with(from, to)).codes.is_empty(), "{to}");
        }
    }

    #[test]
    fn a_run_needs_an_end() {
        let text = quickstart_with("  steps      = 600 steps\n  tokens     = 30M tokens\n  time       = 20 min\n", "");
        // The warm start has its own steps, so only the stage behind it has no end.
        let found = codes_of(&text);
        assert_eq!(found.codes, ["recipe::budgets::no_end"]);
        assert!(found.text.contains("stage `reinforce`"), "{}", found.text);
    }
}
