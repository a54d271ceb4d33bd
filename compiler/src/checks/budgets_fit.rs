//! Budgets that fit each other, the model and the schedule.
//!
//! Bad: `budget { output = 1K tokens  buffer = 2K tokens }`, an evaluation cap below the training cap, prompt and output above the
//! model's context, a stage that nothing ends, a warm-up that is longer than its stage.

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::{Draft, StageDraft};
use crate::problems::Problems;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for stage in &draft.stages {
        no_end(draft, stage, problems);
        warmup(stage, problems);
        if stage.supervised.is_none() {
            buffer(stage, problems);
            context(draft, stage, problems);
        }
    }
    evaluation(draft, problems);
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

fn context(draft: &Draft<'_>, stage: &StageDraft, problems: &mut Problems) {
    let values = &stage.values;
    let Some(context) = draft.run.count("model.policy.context") else { return };
    let (Some(prompt), Some(output)) = (values.count("budget.prompt"), values.count("budget.output")) else { return };
    // A domain's own cap counts where it is larger.
    let own = draft.domains.iter().filter_map(|d| values.count(&format!("domain.{d}.output"))).max().unwrap_or(output);
    let needed = prompt.saturating_add(output.max(own));
    if needed <= context {
        return;
    }
    let place = values.span("budget.output").unwrap_or(stage.place);
    let mut diagnostic = Diagnostic::new(
        codes::OVER_CONTEXT,
        format!("prompt and output need {needed} tokens, and the context holds {context}"),
    )
    .at(place, format!("{} tokens", output.max(own)))
    .help(format!("use `output = {} tokens`, or a shorter prompt", context.saturating_sub(prompt)));
    if let Some(span) = values.span("budget.prompt") {
        diagnostic = diagnostic.at(span, format!("{prompt} tokens"));
    }
    if let Some(span) = draft.run.span("model.policy.context") {
        diagnostic = diagnostic.at(span, format!("{context} tokens"));
    }
    problems.push(diagnostic);
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
            ("context   = 256 tokens", "context   = 159 tokens", "recipe::budgets::over_context"),
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
            ("context   = 256 tokens", "context   = 160 tokens"),
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
