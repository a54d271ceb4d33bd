//! The result of a simulation, as a table and as JSON.

use super::Tried;
use recipec_runtime::simulate::{Outcome, RECOVERED, World};

/// What was assumed, and a line for each rule.
pub(super) fn table(stage: &str, world: &World, tried: &[Tried]) -> String {
    let pipeline = &world.pipeline;
    let mut out = format!("stage {stage}: {} groups of {}, ", thousands(world.groups), pipeline.group_size);
    out += &format!("{} in flight, batches of {} groups, ", pipeline.slots, pipeline.batch);
    out += &match pipeline.max_lag {
        Some(0) => "no lag".to_string(),
        Some(lag) => format!("at most {lag} versions behind"),
        None => "draws never wait for the trainer".to_string(),
    };
    out += &format!(", {} s of training a batch\n\n", pipeline.train_seconds);
    let width = world.domains.iter().map(|domain| domain.name.len()).max().unwrap_or(0).max(6);
    out += &format!("{:<width$}  target  time of a group   kept\n", "domain");
    for domain in &world.domains {
        let (ratio, kept) = (percent(domain.ratio), percent(domain.kept));
        out += &format!("{:<width$}  {ratio:>6}  {:>13} s  {kept:>5}\n", domain.name, domain.seconds);
    }
    let early = 1_000.min(world.groups / 2);
    let early_title = format!("trained {}", thousands(early));
    out += &format!(
        "\ndistance from the target shares (total variation), mean of {} seeds\n",
        tried.first().map_or(0, |t| t.outcomes.len())
    );
    let recovery = if world.shock.is_some() { "  recovery" } else { "" };
    let trainer = if pipeline.train_seconds > 0.0 { "  trainer idle" } else { "" };
    out += &format!(
        "{:<28} sampled  completed  trained  {early_title:>13}  slots idle{trainer}  groups/h{recovery}\n",
        "rule"
    );
    for Tried { name, outcomes } in tried {
        let mean = |of: &dyn Fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / outcomes.len().max(1) as f64;
        let [sampled, completed, trained] = [
            mean(&|outcome| outcome.last().sampled),
            mean(&|outcome| outcome.last().completed),
            mean(&|outcome| outcome.last().trained),
        ];
        let then = mean(&|outcome| outcome.trained_after(early));
        let idle = percent(mean(&|outcome| outcome.slots_idle));
        let rate = mean(&|outcome| world.groups as f64 / outcome.seconds * 3600.0);
        out += &format!("{name:<28} {sampled:>7.4}  {completed:>9.4}  {trained:>7.4}  {then:>13.4}  {idle:>10}");
        if pipeline.train_seconds > 0.0 {
            out += &format!("  {:>12}", percent(mean(&|outcome| outcome.trainer_idle.unwrap_or(0.0))));
        }
        out += &format!("  {:>8}", thousands(rate.round() as u64));
        if world.shock.is_some() {
            out += &format!("  {:>8}", recovered(outcomes));
        }
        out.push('\n');
    }
    if let Some(shock) = world.shock {
        let name = world.domains.get(shock.domain).map_or("", |domain| domain.name.as_str());
        out += &format!(
            "\nrecovery: groups drawn after `{name}` took {} times as long, at draw {}, until what was trained from then on stayed within {RECOVERED}\n",
            shock.factor,
            thousands(shock.at)
        );
    }
    out.trim_end().to_string()
}

/// The mean recovery; `never` when it is not seen under every seed.
fn recovered(outcomes: &[Outcome]) -> String {
    let all: Option<Vec<u64>> = outcomes.iter().map(|outcome| outcome.recovery).collect();
    match all {
        Some(all) => thousands((all.iter().sum::<u64>() as f64 / all.len().max(1) as f64).round() as u64),
        None => "not seen".to_string(),
    }
}

/// Everything, schema 1.
pub(super) fn json(recipe: &str, stage: &str, world: &World, tried: &[Tried]) -> String {
    let domains: Vec<_> = world
        .domains
        .iter()
        .map(|domain| {
            serde_json::json!({
                "name": domain.name, "ratio": domain.ratio, "seconds": domain.seconds, "kept": domain.kept,
                "tokens": domain.tokens, "solved": domain.solved,
            })
        })
        .collect();
    let rules: Vec<_> =
        tried.iter().map(|rule| serde_json::json!({ "rule": rule.name, "seeds": rule.outcomes })).collect();
    let pipeline = &world.pipeline;
    let shock = world.shock.map(|shock| {
        serde_json::json!({ "domain": world.domains.get(shock.domain).map(|domain| &domain.name), "factor": shock.factor, "at": shock.at })
    });
    serde_json::json!({
        "schema": 1, "recipe": recipe, "stage": stage, "groups": world.groups, "group_size": pipeline.group_size,
        "in_flight": pipeline.slots, "batch": pipeline.batch, "max_lag": pipeline.max_lag,
        "train_seconds": pipeline.train_seconds, "spread": pipeline.spread, "shock": shock, "domains": domains,
        "rules": rules,
    })
    .to_string()
}

fn percent(share: f64) -> String {
    format!("{}%", (share * 1000.0).round() / 10.0)
}

/// `8192` as `8,192`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
