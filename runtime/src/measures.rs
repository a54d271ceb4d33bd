//! What a step tells: its line of `metrics.jsonl`, a few of its rollouts, and the values on the screen.

use crate::counters::Counters;
use crate::rollout::{Group, Rollout};
use crate::run_folder::*;
use crate::train::{StageRuntime, Step};
use recipec_compiler::plan::{NodeKind, Plan, StagePlan};
use recipec_compiler::settings::{Count, CountPoint, CountUnit};
use std::collections::BTreeMap;

/// The line of a step. Nothing in it depends on time.
pub(crate) fn step_metrics(plan: &Plan, stage: &StageRuntime<'_>, counters: &Counters, step: &Step) -> StepMetrics {
    let supervised = !step.demonstrations.is_empty();
    let mut line = StepMetrics {
        schema: SCHEMA,
        stage: stage.plan.name.clone(),
        step: counters.step,
        kind: if supervised { StepKind::Supervised } else { StepKind::Reinforce },
        loss: step.measures.loss,
        grad_norm: step.measures.grad_norm,
        lr: step.measures.lr,
        entropy: None,
        groups: None,
        tokens: TokenCounts {
            generated: step.generated_tokens,
            trained: step.trained_tokens,
            total_generated: counters.generated_tokens,
        },
        reward: None,
        scale_by_solve_rate: Vec::new(),
        truncated: None,
        soft_zone: None,
        clip_fraction: step.measures.clip_fraction,
        importance_ratio_deviation: step.measures.importance_ratio_deviation,
        kl: step.measures.kl,
        domains: BTreeMap::new(),
        work: step.work.clone(),
        limited_verdicts: step.limited_verdicts,
        verifier_errors: step.verifier_errors,
    };
    if supervised {
        return line;
    }
    let groups = all_groups(step);
    let rollouts: Vec<&Rollout> = groups.iter().flat_map(|group| &group.rollouts).collect();
    line.entropy = step.measures.entropy;
    line.groups = Some(GroupCounts {
        sampled: (groups.len() as u64) + step.broken_groups,
        kept: step.batch.len() as u64,
        dropped: step.dropped.len() as u64 + step.broken_groups,
    });
    line.reward = Some(reward_means(&rollouts));
    line.scale_by_solve_rate = scale_by_solve_rate(&groups);
    line.truncated = mean(rollouts.iter().map(|r| f64::from(u8::from(r.truncated))));
    line.soft_zone = soft_zone_start(stage.plan)
        .and_then(|start| mean(rollouts.iter().map(|r| f64::from(u8::from(r.length() as f64 > start)))));
    for (name, counts) in &counters.domains {
        let at = plan.domains.iter().position(|domain| domain == name);
        let mine: Vec<&Group> = groups.iter().copied().filter(|g| Some(g.draw.domain) == at).collect();
        let rows = stage.data.get(name).and_then(|data| data.data.rows());
        let rollouts = || mine.iter().flat_map(|group| &group.rollouts);
        line.domains.insert(
            name.clone(),
            DomainMetrics {
                sampled: counts.sampled.rollouts,
                completed: counts.completed.rollouts,
                trained: counts.trained.rollouts,
                trained_tokens: counts.trained.tokens,
                solve_rate: mean(rollouts().filter(|r| r.status().is_some()).map(|r| f64::from(u8::from(r.correct())))),
                mean_tokens: mean(rollouts().map(|r| r.length() as f64)),
                reward: mean(rollouts().map(|r| r.total_reward)),
                bad_rows: rows.map_or(0, |rows| rows.bad),
                filtered_rows: rows.map_or(0, |rows| rows.filtered),
            },
        );
    }
    line
}

/// One rollout of the first group of every domain of this step.
pub(crate) fn sampled_rollouts(
    plan: &Plan,
    stage: &StageRuntime<'_>,
    step_number: u64,
    step: &Step,
) -> Vec<SampledRollout> {
    let mut seen = vec![false; plan.domains.len()];
    let mut samples = Vec::new();
    for group in all_groups(step) {
        let Some(first) = seen.get_mut(group.draw.domain).filter(|seen| !**seen) else { continue };
        *first = true;
        let Some(rollout) = group.rollouts.first() else { continue };
        samples.push(SampledRollout {
            stage: stage.plan.name.clone(),
            step: step_number,
            domain: plan.domains[group.draw.domain].clone(),
            level: Some(u64::from(group.draw.problem.level)),
            prompt: group.draw.problem.prompt.clone(),
            response: rollout.text.clone(),
            status: status_word(rollout),
            truncated: rollout.truncated,
            length: rollout.length() as u64,
            terms: rollout.terms.clone(),
            total: Some(rollout.total_reward),
            advantage: Some(rollout.advantage),
        });
    }
    samples
}

/// Target and achieved shares of the domains of a stage.
pub(crate) fn shares(
    stage: Option<&StagePlan>,
    counters: &Counters,
) -> (BTreeMap<String, f64>, BTreeMap<String, DomainShares>) {
    let sampler = stage.and_then(|stage| {
        stage.nodes.iter().find_map(|node| match &node.kind {
            NodeKind::Sampler { domains, ratios, .. } | NodeKind::Demonstrations { domains, ratios, .. } => {
                Some((domains, ratios))
            }
            _ => None,
        })
    });
    let Some((domains, ratios)) = sampler else { return Default::default() };
    let share = |name: &str, at: CountPoint| {
        let count = Count { at, of: CountUnit::Rollouts };
        let total: u64 = domains.iter().map(|domain| counters.counted(domain, count)).sum();
        if total == 0 { 0.0 } else { counters.counted(name, count) as f64 / total as f64 }
    };
    let mut shares = BTreeMap::new();
    for (name, ratio) in domains.iter().zip(ratios) {
        shares.insert(
            name.clone(),
            DomainShares {
                ratio: *ratio,
                sampled: share(name, CountPoint::Sampled),
                completed: share(name, CountPoint::Completed),
                trained: share(name, CountPoint::Trained),
            },
        );
    }
    (domains.iter().cloned().zip(ratios.iter().copied()).collect(), shares)
}

/// Values for the progress display.
pub(crate) fn shown(step: &Step, tokens_per_second: f64) -> Vec<(&'static str, f64)> {
    let mut values = Vec::new();
    let groups = all_groups(step);
    let rollouts: Vec<&Rollout> = groups.iter().flat_map(|group| &group.rollouts).collect();
    if let Some(reward) = mean(rollouts.iter().map(|r| r.total_reward)) {
        values.push(("reward", reward));
    }
    let judged = rollouts.iter().filter(|r| r.status().is_some());
    if let Some(solved) = mean(judged.map(|r| f64::from(u8::from(r.correct())))) {
        values.push(("solved", solved));
    }
    if let Some(length) = mean(rollouts.iter().map(|r| r.length() as f64)) {
        values.push(("tokens", length));
    }
    if rollouts.is_empty() {
        if let Some(loss) = step.measures.loss {
            values.push(("loss", loss));
        }
    } else {
        values.push(("kept", step.batch.len() as f64 / groups.len().max(1) as f64));
    }
    values.push(("tokens/s", tokens_per_second));
    values
}

/// All groups of a step in draw order, kept or dropped.
fn all_groups(step: &Step) -> Vec<&Group> {
    let mut groups: Vec<&Group> = step.batch.iter().chain(&step.dropped).collect();
    groups.sort_by_key(|group| group.draw.number);
    groups
}

fn reward_means(rollouts: &[&Rollout]) -> RewardMeans {
    let of = |name: &str| mean(rollouts.iter().filter_map(|rollout| rollout.terms.get(name).copied()));
    let mut terms = BTreeMap::new();
    for name in rollouts.iter().flat_map(|rollout| rollout.terms.keys()) {
        if name != "total" && name != "outcome" && !name.contains('.') && !terms.contains_key(name) {
            terms.insert(name.clone(), of(name));
        }
    }
    RewardMeans { total: of("total"), outcome: of("outcome"), terms }
}

/// Means of the bindings of the terms (the scale of a penalty) over the correct, finished rollouts of the groups with the same number
/// of solved rollouts. Groups that lost a rollout are left out: their solve rate has another denominator.
fn scale_by_solve_rate(groups: &[&Group]) -> Vec<ScaleAtSolveRate> {
    let full = groups.iter().map(|group| group.rollouts.len()).max().unwrap_or(0);
    let mut rows: BTreeMap<u64, (u64, BTreeMap<String, f64>)> = BTreeMap::new();
    for group in groups.iter().filter(|group| group.rollouts.len() == full) {
        for rollout in group.rollouts.iter().filter(|r| r.correct() && !r.truncated) {
            let (count, sums) = rows.entry(group.solved() as u64).or_default();
            *count += 1;
            for (name, value) in rollout.terms.iter().filter(|(name, _)| name.contains('.')) {
                *sums.entry(name.clone()).or_insert(0.0) += value;
            }
        }
    }
    let row = |(k, (count, sums)): (u64, (u64, BTreeMap<String, f64>))| ScaleAtSolveRate {
        k,
        count,
        mean: sums.into_iter().map(|(name, sum)| (name, Some(sum / count as f64))).collect(),
    };
    rows.into_iter().map(row).collect()
}

/// Output cap minus buffer, where a length penalty begins, as the metrics node states it.
fn soft_zone_start(stage: &StagePlan) -> Option<f64> {
    stage.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Metrics { soft_zone_start } => soft_zone_start.map(|start| start as f64),
        _ => None,
    })
}

fn status_word(rollout: &Rollout) -> String {
    let word = rollout.status().and_then(|status| serde_json::to_value(status).ok());
    word.and_then(|word| word.as_str().map(str::to_string)).unwrap_or_else(|| "unjudged".into())
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0u64, 0.0), |(n, sum), value| (n + 1, sum + value));
    (n > 0).then(|| sum / n as f64)
}
