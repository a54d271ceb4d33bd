//! Settings that are written can act.
//!
//! A setting that changes nothing is believed in, tuned and reported. Looked at are settings of the recipe itself, where no stage
//! gives them a way to act; a variant that takes the ground away under a setting of its base is no fault.
//! Bad: `train { drop = never  refill = 4 }`, a clip range at one update and no lag, `top_p` at temperature 0.

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::{Draft, StageDraft, signals_behind};
use crate::problems::Problems;
use crate::values::Values;
use recipec_grammar::source::Span;

/// Signals of the mix that count, or look back: what a warm-up waits for.
const COUNTED: [&str; 9] =
    ["achieved", "sampled", "completed", "trained", "in_flight", "yield", "step", "progress", "solve_rate"];

/// What a stage of demonstrations reads nothing of.
const OF_ROLLOUTS: [&str; 4] = ["train.", "reward.", "mix.", "rollout."];

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    // Where there is an error, what acts is not known.
    if draft.view.varied || problems.lost_text() || problems.any_error() {
        return;
    }
    for rule in [clip, kl, refill, warmup, in_flight, floor] {
        in_every_stage(draft, rule, problems);
    }
    greedy(draft, problems);
    every(draft, problems);
    overrides_of_supervised(draft, problems);
}

/// What a rule says of one stage: nothing when the setting can act there, or is not written.
type Rule = fn(&StageDraft) -> Option<Diagnostic>;

/// Reports what holds in all stages that learn from rewards: a setting that acts in one of them is alive.
fn in_every_stage(draft: &Draft<'_>, rule: Rule, problems: &mut Problems) {
    let stages: Vec<&StageDraft> = draft.stages.iter().filter(|s| s.supervised.is_none()).collect();
    let said: Vec<Diagnostic> = stages.iter().filter_map(|stage| rule(stage)).collect();
    if said.len() == stages.len()
        && let Some(first) = said.into_iter().next()
    {
        problems.push(first);
    }
}

/// Whether all rollouts of a batch are trained once, by the weights that sampled them.
fn on_policy(values: &Values) -> bool {
    values.count("train.updates") == Some(1) && values.count("train.max_lag") == Some(0)
}

fn clip(stage: &StageDraft) -> Option<Diagnostic> {
    let values = &stage.values;
    if !on_policy(values) {
        return None;
    }
    let mut written: Vec<(&str, Span)> = values
        .iter()
        .filter(|(path, _)| path.starts_with("train.algorithm.clip"))
        .filter_map(|(path, _)| Some((path.rsplit('.').next()?, values.span(path)?)))
        .collect();
    written.sort_by_key(|(_, span)| *span);
    let (name, place) = *written.first()?;
    let mut diagnostic =
        Diagnostic::new(codes::CLIP_NEVER_ACTS, format!("`{name}` cannot act: every importance ratio is 1"))
            .at(place, "no ratio leaves this range")
            .help("use `updates = 2` or more, or `max_lag = 1 step`; or remove the clip range")
            .note("with one update from a batch and no lag, the policy that learns is the policy that sampled");
    for (_, span) in written.iter().skip(1) {
        diagnostic = diagnostic.at(*span, "nor this");
    }
    Some(because(diagnostic, values, &["train.updates", "train.max_lag"]))
}

fn kl(stage: &StageDraft) -> Option<Diagnostic> {
    let values = &stage.values;
    let place = values.span("train.kl")?;
    if values.word("train.kl") != Some("k1") || !on_policy(values) {
        return None;
    }
    Some(
        Diagnostic::new(
            codes::KL_WITHOUT_GRADIENT,
            "the KL term k1 holds nothing back: its gradient is zero on average",
        )
        .at(place, "its derivative is that of the log-probability alone")
        .help("use `k2`, whose gradient is that of the divergence, or `k3`")
        .note("under the policy that sampled, the log-probability has a mean gradient of zero"),
    )
}

fn refill(stage: &StageDraft) -> Option<Diagnostic> {
    let values = &stage.values;
    let place = values.span("train.refill")?;
    let refill = values.count("train.refill").filter(|n| *n > 1)?;
    if values.word("train.drop") != Some("never") || values.word("reward.unfinished") == Some("dropped") {
        return None;
    }
    let diagnostic =
        Diagnostic::new(codes::REFILL_NEVER_ACTS, format!("`refill = {refill}` cannot act: no group is dropped"))
            .at(place, "there is nothing to refill")
            .help("use `drop = no_advantage`, or remove `refill`");
    Some(because(diagnostic, values, &["train.drop"]))
}

fn warmup(stage: &StageDraft) -> Option<Diagnostic> {
    let values = &stage.values;
    let place = values.span("mix.warmup")?;
    values.count("mix.warmup").filter(|n| *n > 0)?;
    let weight = values.formula("mix.weight")?;
    let read = signals_behind(weight, &values.terms);
    if read.iter().any(|name| COUNTED.contains(&name.as_str()) || name.starts_with("last_batch.")) {
        return None;
    }
    let diagnostic =
        Diagnostic::new(codes::WARMUP_NEVER_ACTS, "the warm-up waits for counts that the mix does not read")
            .at(place, "nothing has to settle")
            .help("remove `warmup`, or let the weight read `achieved`");
    Some(because(diagnostic, values, &["mix.weight"]))
}

fn in_flight(stage: &StageDraft) -> Option<Diagnostic> {
    let values = &stage.values;
    let place = values.span("rollout.update")?;
    if values.word("rollout.update") != Some("in_flight") || values.count("train.max_lag") != Some(0) {
        return None;
    }
    let diagnostic =
        Diagnostic::new(codes::IN_FLIGHT_WITHOUT_LAG, "weights cannot change in flight: no rollout may lag behind")
            .at(place, "the same as `between_batches`")
            .help("use `max_lag = 1 step` or more, or `update = between_batches`");
    Some(because(diagnostic, values, &["train.max_lag"]))
}

fn floor(stage: &StageDraft) -> Option<Diagnostic> {
    let values = &stage.values;
    let place = values.span("train.schedule.floor")?;
    if values.word("train.schedule") != Some("constant") || values.number("train.schedule.floor") == Some(1.0) {
        return None;
    }
    let diagnostic =
        Diagnostic::new(codes::FLOOR_NEVER_ACTS, "the floor cannot act: a constant learning rate never falls")
            .at(place, "never looked at")
            .help("use `linear` or `cosine`, or remove `floor`");
    Some(because(diagnostic, values, &["train.schedule"]))
}

/// Labels the settings that are the reason, where they are written.
fn because(mut diagnostic: Diagnostic, values: &Values, paths: &[&str]) -> Diagnostic {
    for path in paths {
        let Some(entry) = values.get(path) else { continue };
        let name = path.rsplit('.').next().unwrap_or(path);
        if let Some(span) = entry.origin.span() {
            diagnostic = diagnostic.at(span, format!("because of this `{name}`"));
        }
    }
    diagnostic
}

/// Sampling settings of evaluations that take the most likely token.
fn greedy(draft: &Draft<'_>, problems: &mut Problems) {
    let run = &draft.run;
    for name in draft.view.resolved.names("suite") {
        let own = format!("suite.{}.sampling", name.node);
        if run.number(&format!("{own}.temperature")) != Some(0.0) {
            continue;
        }
        let cold = run.span(&format!("{own}.temperature"));
        let mut say = |path: String, message: String, label: &str, help: &str| {
            let Some(place) = run.span(&path) else { return };
            let mut diagnostic =
                Diagnostic::new(codes::GREEDY_SAMPLING, message).at(place, label).help(help.to_string());
            if let Some(cold) = cold {
                diagnostic = diagnostic.at(cold, "the most likely token is taken");
            }
            problems.push(diagnostic);
        };
        for (key, whole) in [("top_p", 1.0), ("top_k", 0.0), ("min_p", 0.0)] {
            let path = format!("{own}.{key}");
            if run.number(&path).is_some_and(|value| value != whole) {
                say(
                    path,
                    format!("`{key}` cannot act at temperature 0"),
                    "cuts a distribution that is not drawn from",
                    "remove it, or use a temperature above 0",
                );
            }
        }
        let path = format!("suite.{}.samples", name.node);
        if let Some(samples) = run.count(&path).filter(|n| *n > 1) {
            say(
                path,
                format!("{samples} samples at temperature 0 are {samples} times the same response"),
                "one says as much",
                "use `samples = 1`, or a temperature above 0",
            );
        }
    }
}

/// Evaluations and checkpoints whose first turn no stage is long enough for.
fn every(draft: &Draft<'_>, problems: &mut Problems) {
    for (path, stages) in [
        ("evaluate.every", draft.stages.iter().filter(|s| s.supervised.is_none()).collect::<Vec<_>>()),
        ("checkpoint.every", draft.stages.iter().collect()),
    ] {
        let (Some(every), Some(place)) = (draft.run.count(path), draft.run.span(path)) else { continue };
        let steps: Option<Vec<(u64, Option<Span>)>> =
            stages.iter().map(|s| Some((s.values.count("budget.steps")?, s.values.span("budget.steps")))).collect();
        let Some(longest) = steps.and_then(|steps| steps.into_iter().max_by_key(|(steps, _)| *steps)) else { continue };
        if every <= longest.0 {
            continue;
        }
        let what = path.split('.').next().unwrap_or(path);
        let mut diagnostic = Diagnostic::new(
            codes::EVERY_NEVER_ACTS,
            format!("`{path}` is {every} steps, and no stage has more than {}", longest.0),
        )
        .at(place, format!("{every} steps"))
        .help(format!("use at most `every = {} steps`, or remove it from `{what}`", longest.0));
        if let Some(span) = longest.1 {
            diagnostic = diagnostic.at(span, format!("{} steps", longest.0));
        }
        problems.push(diagnostic);
    }
}

/// What a stage of demonstrations overrides and does not read.
fn overrides_of_supervised(draft: &Draft<'_>, problems: &mut Problems) {
    let supervised: Vec<&StageDraft> = draft.stages.iter().filter(|s| s.supervised.is_some()).collect();
    for stage in supervised {
        let Some(defined) = draft.view.resolved.stages.iter().find(|d| d.name.node == stage.name) else { continue };
        for setting in &defined.node.overrides {
            let path = setting.path.text();
            if !OF_ROLLOUTS.iter().any(|prefix| path.starts_with(prefix)) {
                continue;
            }
            let mut diagnostic =
                Diagnostic::new(codes::NOT_READ_BY_STAGE, format!("stage `{}` does not read `{path}`", stage.name))
                    .at(setting.path.span, "of rollouts and rewards")
                    .help("remove it, or set what was meant inside of `supervised { … }`");
            if let Some(span) = stage.supervised {
                diagnostic = diagnostic.at(span, "learns from demonstrations");
            }
            problems.push(diagnostic);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, edit, quickstart_with};

    /// The codes that one edit brings, without their area.
    fn code(from: &str, to: &str) -> Vec<String> {
        let found = codes_of(&quickstart_with(from, to)).codes;
        found.into_iter().map(|code| code.trim_start_matches("recipe::settings::").to_string()).collect()
    }

    #[test]
    fn settings_that_cannot_act() {
        for (from, to, expected) in [
            ("drop      = no_advantage\n  refill    = 1", "drop = never\n  refill = 4", vec!["refill_never_acts"]),
            ("drop      = no_advantage\n  refill    = 1", "drop = same_outcome\n  refill = 4", vec![]),
            ("drop      = no_advantage", "kl = k1", vec!["kl_without_gradient"]),
            ("drop      = no_advantage", "kl = k3", vec![]),
            ("update      = between_batches", "update = in_flight { after = 8 }", vec!["in_flight_without_lag"]),
            (
                "schedule  = linear { warmup = 40 steps, floor = 0.1 }",
                "schedule = constant { floor = 0.1 }",
                vec!["floor_never_acts"],
            ),
            (
                "weight = ratio * clip(ratio / max(achieved, 1e-9), 0.1, 10)",
                "weight = ratio",
                vec!["warmup_never_acts"],
            ),
            ("every = 200 steps", "every = 601 steps", vec!["every_never_acts"]),
            ("every = 200 steps", "every = 600 steps", vec![]),
            ("every = 100 steps", "every = 1201 steps", vec!["every_never_acts"]),
            (
                "override budget.steps = 1200 steps",
                "override budget.steps = 1200 steps override train.group = 4 rollouts",
                vec!["not_read_by_stage"],
            ),
            ("{ temperature = 0.6, top_p = 0.95 }", "{ temperature = 0 }", vec!["greedy_sampling"]),
            (
                "{ temperature = 0.6, top_p = 0.95 }",
                "{ temperature = 0, top_p = 0.95 }",
                vec!["greedy_sampling", "greedy_sampling"],
            ),
        ] {
            assert_eq!(code(from, to), expected, "{to}");
        }
    }

    #[test]
    fn a_clip_range_acts_with_updates_or_lag() {
        let allowed = crate::testing::QUICKSTART;
        let line = allowed.lines().find(|l| l.contains("clip_never_acts")).expect("the quickstart accepts it");
        let bare = edit(allowed, line, "");
        assert_eq!(codes_of(&bare).codes, ["recipe::settings::clip_never_acts"]);
        let twice = edit(&bare, "  refill    = 1\n", "  refill    = 1\n  updates   = 2\n");
        assert!(codes_of(&twice).codes.is_empty());
    }

    #[test]
    fn a_variant_may_take_the_ground_away() {
        let text = quickstart_with(
            "variant no_penalty",
            "variant plain_mix { override mix.weight = ratio }\nvariant no_penalty",
        );
        assert!(codes_of(&text).codes.is_empty());
    }
}
