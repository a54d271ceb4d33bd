//! A domain is judged by a verifier, or lists the signals that stand in its place; what reads verdicts is only where there are some.
//!
//! Bad: `domain chat { data = … }`, `domain chat { verify = …  signals = … }`, `drop = same_outcome` over a domain without verdicts.

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::{Draft, StageDraft};
use crate::problems::Problems;
use crate::resolve::overrides::unknown_name;
use crate::resolve::settings::of_domain;
use crate::values::{Value, Values};
use crate::vocabulary::signals::reward_model_column;
use recipec_grammar::source::Span;
use recipec_grammar::tree::{Expr, ExprKind, Name};
use std::collections::BTreeSet;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    if !draft.formulas_changed() && !draft.domains_changed(&["verify", "signals", "reward", "reference"]) {
        return;
    }
    let changed = draft.domains_changed(&["verify", "signals", "reward", "reference"]);
    let views = std::iter::once((&draft.run, None)).chain(draft.stages.iter().map(|s| (&s.values, Some(s))));
    for (values, stage) in views {
        // A stage that changes nothing sees what the run sees.
        let seen = stage.is_some_and(|stage| stage.values.shares_entries(&draft.run));
        let all = draft.view.resolved.names("domain").filter(|_| changed && !seen);
        for name in all {
            either(values, name, problems);
            judge(draft, values, &of_domain(&name.node, "verify"), name.span, problems);
        }
        if let Some(stage) = stage.filter(|stage| stage.supervised.is_none()) {
            verdicts_are_there(stage, problems);
            listed_signals_are_read(stage, problems);
        }
        reward_models(draft, values, problems);
    }
    for name in draft.view.resolved.names("suite") {
        judge(draft, &draft.run, &format!("suite.{}.verify", name.node), name.span, problems);
    }
    suites_have_a_judge(draft, problems);
}

/// Exactly one of `verify` and `signals`.
fn either(values: &Values, name: &Name, problems: &mut Problems) {
    let path = |key: &str| of_domain(&name.node, key);
    match (values.get(&path("verify")), values.get(&path("signals"))) {
        (None, None) if !problems.lost_text() => problems.push(
            Diagnostic::new(codes::MISSING_KEY, format!("domain `{}` has neither `verify` nor `signals`", name.node))
                .at(name.span, "nothing says what a response is worth")
                .help("write `verify = …`, or `signals = reference_probability` where nobody can judge"),
        ),
        (Some(verify), Some(signals)) => {
            let place = |origin: &crate::recipe::Origin| origin.span().unwrap_or(name.span);
            problems.push(
                Diagnostic::new(codes::EITHER_OR, format!("domain `{}` has both `verify` and `signals`", name.node))
                    .at(place(&signals.origin), "these stand in place of a verifier")
                    .at(place(&verify.origin), "and here is one")
                    .help("remove one of the two"),
            );
        }
        _ => {}
    }
}

/// The model that an argument names, if it is a frozen one.
fn frozen_model(draft: &Draft<'_>, model: &str, place: Span, what: &str, problems: &mut Problems) {
    let models: Vec<&str> =
        draft.view.resolved.names("model").map(|n| n.node.as_str()).filter(|n| *n != "policy").collect();
    if model == "policy" {
        problems.push(
            Diagnostic::new(codes::OUT_OF_RANGE, format!("the policy cannot be {what}"))
                .at(place, "it would be rewarded by itself, and changes as it learns")
                .help("name a model with `train = frozen`"),
        );
    } else if what == "a reward model" && super::endpoints_judge::endpoint(&draft.run, model).is_some() {
        problems.push(
            Diagnostic::new(codes::OUT_OF_RANGE, format!("model `{model}` is on a server, and cannot be {what}"))
                .at(place, "it writes judgements, and gives no scores")
                .help("let it judge: `verify = judge(model = …, prompt = \"…\", accept = \"…\")`"),
        );
    } else if !models.contains(&model) {
        let mut unknown = unknown_name("model", &Name::new(model.to_string(), place), models);
        if place.end.saturating_sub(place.start) != model.len() {
            // The place is more than the name: replacing it would take too much.
            unknown.fix = None;
        }
        problems.push(unknown);
    }
}

/// The arguments of a judge: a model, and a prompt that shows it the answer.
fn judge(draft: &Draft<'_>, values: &Values, path: &str, name: Span, problems: &mut Problems) {
    let Some(entry) = values.get(path) else { return };
    let Value::Call { word, arguments } = &entry.value else { return };
    if word != "judge" {
        return;
    }
    let whole = entry.origin.span().unwrap_or(name);
    let place = |argument: &str| argument_place(draft, path, argument, whole);
    if let Some(Value::Word(model)) = arguments.get("model") {
        frozen_model(draft, model, place("model"), "a judge", problems);
    }
    if let Some(Value::Text(prompt)) = arguments.get("prompt") {
        let refuse = |message: String, label: &str, help: &str| {
            Diagnostic::new(codes::WRONG_KIND, message).at(place("prompt"), label.to_string()).help(help.to_string())
        };
        match columns(prompt) {
            Err(why) => problems.push(refuse(
                format!("the prompt of the judge cannot be read: {why}"),
                "in this prompt",
                "write `{answer}` for a column and `{{` or `}}` for a brace",
            )),
            Ok(columns) if !columns.contains("answer") => problems.push(refuse(
                "the prompt of the judge does not show the answer that is judged".to_string(),
                "there is no `{answer}` in this prompt",
                "name it where it belongs, for example `Answer: {answer}`",
            )),
            Ok(_) => {}
        }
    }
    let line = |argument: &str| match arguments.get(argument) {
        Some(Value::Text(text)) => Some(text.trim()),
        _ => None,
    };
    if line("accept").is_some_and(str::is_empty) {
        problems.push(
            Diagnostic::new(codes::OUT_OF_RANGE, "a judge that accepts an empty text accepts everything")
                .at(place("accept"), "`accept` is empty")
                .help("write what the judge says when the answer is right, for example `accept = \"yes\"`"),
        );
    }
    for argument in ["accept", "reject"] {
        if line(argument).is_some_and(|line| line.contains(['\n', '\r'])) {
            problems.push(
                Diagnostic::new(codes::OUT_OF_RANGE, format!("`{argument}` of a judge has several lines"))
                    .at(place(argument), "it is compared with one line of the judgement")
                    .help("write the last line that the judge is asked for"),
            );
        }
    }
    if let Some(reject) = line("reject")
        && (reject.is_empty() || Some(reject) == line("accept"))
    {
        problems.push(
            Diagnostic::new(codes::OUT_OF_RANGE, "`reject` of a judge is empty, or the same as `accept`")
                .at(place("reject"), "nothing would tell a right answer from a wrong one")
                .help("write what the judge says when the answer is wrong, for example `reject = \"no\"`, or leave it out"),
        );
    }
}

/// Where an argument of a call stands that is set at a path; the whole of it where that is not known.
fn argument_place(draft: &Draft<'_>, path: &str, argument: &str, whole: Span) -> Span {
    let setting = draft.view.settings.get(path).filter(|setting| setting.value.span == whole);
    let Some(ExprKind::Call { arguments, .. }) = setting.map(|setting| &setting.value.body.kind) else { return whole };
    let found = arguments.iter().find(|a| a.name.as_ref().is_some_and(|name| name.node == argument));
    found.map_or(whole, |found| found.value.span)
}

/// Where a model is named in a list of signals.
fn named_place(draft: &Draft<'_>, path: &str, model: &str, whole: Span) -> Span {
    fn find(expr: &Expr, model: &str) -> Option<Span> {
        match &expr.kind {
            ExprKind::List(items) => items.iter().find_map(|item| find(item, model)),
            ExprKind::Call { arguments, .. } => arguments.iter().find_map(|argument| match &argument.value.kind {
                ExprKind::Path(path) if path.text() == model => Some(argument.value.span),
                _ => None,
            }),
            _ => None,
        }
    }
    let setting = draft.view.settings.get(path).filter(|setting| setting.value.span == whole);
    setting.and_then(|setting| find(&setting.value.body, model)).unwrap_or(whole)
}

/// The columns that a template names: `{column}`; a doubled brace is a brace.
fn columns(template: &str) -> Result<BTreeSet<&str>, &'static str> {
    let mut found = BTreeSet::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let tail = rest.get(at..).unwrap_or_default();
        if let Some(behind) = tail.strip_prefix("{{").or_else(|| tail.strip_prefix("}}")) {
            rest = behind;
        } else if let Some(behind) = tail.strip_prefix('{') {
            let (column, behind) = behind.split_once('}').ok_or("a `{` is never closed")?;
            if column.is_empty() || column.contains('{') {
                return Err("a `{` is followed by no column");
            }
            found.insert(column);
            rest = behind;
        } else {
            return Err("a `}` closes nothing");
        }
    }
    Ok(found)
}

/// Rules that look at verdicts need some.
fn verdicts_are_there(stage: &StageDraft, problems: &mut Problems) {
    let values = &stage.values;
    let shares = stage.shares.iter().flatten().map(|share| share.domain.as_str());
    let absent = |domain: &str, key: &str| values.absent(&of_domain(domain, key));
    let mut unjudged = shares.filter(|domain| absent(domain, "verify") && !absent(domain, "signals"));
    let Some(domain) = unjudged.next() else { return };
    let place = values.span(&of_domain(domain, "signals")).unwrap_or(stage.place);
    let rules = [
        ("train.drop", "same_outcome", "compares verdicts", "`drop = no_advantage` compares what is trained on"),
        ("reward.unfinished", "wrong", "is a verdict", "write `as_judged`, `masked` or `dropped`"),
    ];
    for (path, word, why, help) in rules {
        if values.word(path) == Some(word) {
            problems.push(
                Diagnostic::new(
                    codes::ABSENT_SIGNAL,
                    format!("`{word}` {why}, and domain `{domain}` of stage `{}` has no verifier", stage.name),
                )
                .at(values.span(path).unwrap_or(stage.place), "there is no verdict to look at")
                .at(place, format!("`{domain}` has no verifier"))
                .help(help),
            );
        }
    }
}

/// A signal that a domain lists is read by its reward.
fn listed_signals_are_read(stage: &StageDraft, problems: &mut Problems) {
    let values = &stage.values;
    for share in stage.shares.iter().flatten() {
        let path = of_domain(&share.domain, "signals");
        let Some(entry) = values.get(&path) else { continue };
        let Value::Several(items) = &entry.value else { continue };
        if !values.absent(&of_domain(&share.domain, "verify")) {
            continue;
        }
        let own = of_domain(&share.domain, "reward");
        let reward = if values.absent(&own) { "reward.total" } else { own.as_str() };
        let Some(formula) = values.formula(reward) else { continue };
        let read = crate::draft::signals_behind(formula, &values.terms);
        for item in items {
            let (column, written) = match item {
                Value::Word(word) => (word.clone(), word.clone()),
                Value::Call { word, arguments } => match arguments.get("model") {
                    Some(Value::Word(model)) => (reward_model_column(model), format!("{word}({model})")),
                    _ => continue,
                },
                _ => continue,
            };
            if !read.contains(&column) {
                problems.push(
                    Diagnostic::new(
                        codes::UNUSED,
                        format!("domain `{}` lists `{written}`, and its reward does not read it", share.domain),
                    )
                    .at(entry.origin.span().unwrap_or(stage.place), "read by no formula of this domain")
                    .help(format!("read it in `{reward}`, or remove it")),
                );
            }
        }
    }
}

/// Models that formulas or domains name as reward models exist.
fn reward_models(draft: &Draft<'_>, values: &Values, problems: &mut Problems) {
    for (path, entry) in values.iter().filter(|(path, _)| path.starts_with("domain.") && path.ends_with(".signals")) {
        let Value::Several(items) = &entry.value else { continue };
        for item in items {
            if let Value::Call { arguments, .. } = item
                && let Some(Value::Word(model)) = arguments.get("model")
            {
                let place = values.span(path).unwrap_or(draft.place);
                frozen_model(draft, model, named_place(draft, path, model, place), "a reward model", problems);
            }
        }
    }
    let own = draft.domains.iter().filter_map(|domain| values.formula(&of_domain(domain, "reward")));
    for formula in values.terms.values().chain(own) {
        formula.visit(&mut |part| {
            if let crate::formula::Kind::Name(crate::formula::Source::Signal, name) = &part.kind
                && let Some(model) = name.strip_prefix("reward_model.")
            {
                frozen_model(draft, model, part.span, "a reward model", problems);
            }
        });
    }
}

/// A suite that is judged by its domains has a domain that can judge.
fn suites_have_a_judge(draft: &Draft<'_>, problems: &mut Problems) {
    let judged = |stage: &StageDraft| {
        let shares = stage.shares.iter().flatten();
        shares.filter(|share| !stage.values.absent(&of_domain(&share.domain, "verify"))).count()
    };
    if draft.stages.iter().any(|stage| stage.shares.is_none() || judged(stage) > 0) {
        return;
    }
    for name in draft.view.resolved.names("suite") {
        if draft.run.word(&format!("suite.{}.data", name.node)) == Some("held_out") && !problems.lost_text() {
            problems.push(
                Diagnostic::new(
                    codes::MISSING_KEY,
                    format!("suite `{}` is judged by its domains, and none of them has a verifier", name.node),
                )
                .at(name.span, "who judges?")
                .help("give the suite data and a verifier of its own"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn templates_name_columns() {
        assert_eq!(columns("{problem} \\boxed{{}} {answer}"), Ok(BTreeSet::from(["problem", "answer"])));
        assert!(columns("{problem").is_err() && columns("a } b").is_err() && columns("{}").is_err());
    }

    #[test]
    fn one_of_the_two() {
        let line = "verify = puzzle() }";
        for (to, code) in [
            ("}", "recipe::names::missing_key"),
            ("verify = puzzle()  signals = reference_probability }", "recipe::names::either_or"),
            ("signals = reference_probability }", "recipe::names::absent_signal"),
            ("verify = judge(prompt = \"{answer}\", accept = \"yes\") }", "recipe::names::missing_key"),
            ("verify = judge(model = jury, prompt = \"{answer}\", accept = \"yes\") }", "recipe::names::unknown_name"),
            (
                "verify = judge(model = policy, prompt = \"{answer}\", accept = \"yes\") }",
                "recipe::ranges::out_of_range",
            ),
        ] {
            let found = codes_of(&quickstart_with(line, to));
            assert!(found.codes.contains(&code), "{to}: {}", found.text);
        }
    }
}
