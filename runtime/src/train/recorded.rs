//! Rollouts that are kept (`run --record`), and rollouts that come from a record instead of the policy (`replay`).

use super::Trainer;
use super::step::Step;
use crate::error::RunError;
use crate::record::{Kept, prompt_digest};
use crate::rollout::Rollout;
use recipec_compiler::plan::Node;
use std::collections::{BTreeMap, BTreeSet};

impl Trainer<'_> {
    /// The step of the run that rollouts are sampled for.
    fn step_of_run(&self) -> u64 {
        self.counters.total_steps() + 1
    }

    /// Keeps what was sampled and judged, before any rollout leaves its group.
    pub(super) fn keep(&self, step: &mut Step) {
        if self.record.is_none() {
            return;
        }
        step.recorded_for.get_or_insert(self.step_of_run());
        for (draw, rollouts) in &step.sampled {
            let domain = self.plan.domains.get(draw.domain).map(String::as_str).unwrap_or_default();
            step.recorded.extend(rollouts.iter().map(|rollout| Kept::of(draw, domain, rollout)));
        }
    }

    /// Writes what was kept, with the rewards that were given since. It comes before the metrics: a line of metrics has its record.
    pub(super) fn write_record(&mut self, step: &mut Step) -> Result<(), RunError> {
        let (Some(record), Some(number)) = (&self.record, step.recorded_for.take()) else { return Ok(()) };
        let mut kept = std::mem::take(&mut step.recorded);
        let rewarded = rewarded(step);
        for one in &mut kept {
            if let Some(rollout) = rewarded.get(&(one.draw, one.idx)) {
                one.terms.clone_from(&rollout.terms);
                one.total = Some(rollout.total_reward);
            }
        }
        record.write(number, &kept)
    }

    /// Rollout, from the record: the draws must be the same, with the same prompts.
    pub(super) fn recorded_rollouts(&mut self, node: &Node, group_size: u64, step: &mut Step) -> Result<(), RunError> {
        let number = self.step_of_run();
        let mut n = 0;
        for draw in std::mem::take(&mut step.draws) {
            let name = &self.plan.domains[draw.domain];
            let differs = |what: String| RunError::Replay { step: number, phase: "rollout", what };
            let mut rollouts = Vec::new();
            for idx in 0..group_size as usize {
                let Some(record) = &mut self.replay else { return Err(RunError::Plan("no record to replay".into())) };
                let kept = record.rollout(number, draw.number, idx)?;
                let kept = kept.ok_or_else(|| {
                    differs(format!("rollout {idx} of draw {} in `{name}` is not in the record", draw.number))
                })?;
                if kept.domain != *name || kept.prompt != prompt_digest(&draw.prompt) {
                    let what =
                        format!("draw {} asks something else: `{name}` now, `{}` then", draw.number, kept.domain);
                    return Err(differs(what));
                }
                let rollout = kept.rollout().ok_or_else(|| {
                    differs(format!("rollout {idx} of draw {} has other numbers than tokens", draw.number))
                })?;
                n += rollout.tokens.len() as u64;
                rollouts.push(rollout);
            }
            let counts = &mut self.counters.domain(&self.plan.domains[draw.domain]).sampled;
            counts.rollouts += rollouts.len() as u64;
            counts.tokens += rollouts.iter().map(|r| r.tokens.len() as u64).sum::<u64>();
            step.worked(node, rollouts.len());
            step.sampled.push((draw, rollouts));
        }
        self.counters.generated_tokens += n;
        step.generated_tokens += n;
        Ok(())
    }

    /// Verify, from the record: no verifier is asked.
    pub(super) fn recorded_verdicts(&mut self, node: &Node, domain: &str, step: &mut Step) -> Result<(), RunError> {
        let number = self.step_of_run();
        let at = self.plan.domains.iter().position(|d| d == domain);
        let Some(record) = &mut self.replay else { return Err(RunError::Plan("no record to replay".into())) };
        let mut n = 0;
        for (draw, rollouts) in step.sampled.iter_mut().filter(|(draw, _)| Some(draw.domain) == at) {
            for rollout in rollouts {
                let verdict = record.rollout(number, draw.number, rollout.idx)?.and_then(|kept| kept.verdict.clone());
                step.limited_verdicts += u64::from(verdict.as_ref().is_some_and(|verdict| verdict.limited));
                rollout.verdict = verdict;
                n += 1;
            }
        }
        step.worked(node, n);
        Ok(())
    }

    /// Rewards that are computed anew must be those of the record.
    pub(super) fn compare_rewards(&mut self, number: u64, step: &Step) -> Result<(), RunError> {
        let Some(record) = &mut self.replay else { return Ok(()) };
        for ((draw, idx), rollout) in rewarded(step) {
            let Some(kept) = record.rollout(number, draw, idx)? else { continue };
            let total = ("total reward", kept.total, Some(rollout.total_reward));
            let names: BTreeSet<&String> = kept.terms.keys().chain(rollout.terms.keys()).collect();
            let terms = names
                .into_iter()
                .map(|name| (name.as_str(), kept.terms.get(name).copied(), rollout.terms.get(name).copied()));
            let bits = |value: Option<f64>| value.map(f64::to_bits);
            if let Some((name, was, is)) = terms.chain([total]).find(|(_, was, is)| bits(*was) != bits(*is)) {
                let said = |value: Option<f64>| value.map_or_else(|| "nothing".to_string(), |value| value.to_string());
                let what = format!("rollout {idx} of draw {draw}: `{name}` was {}, is {}", said(was), said(is));
                return Err(RunError::Replay { step: number, phase: "reward", what });
            }
        }
        Ok(())
    }
}

/// The rollouts of a step that were rewarded, by draw and position in their group.
fn rewarded(step: &Step) -> BTreeMap<(u64, usize), &Rollout> {
    let groups = step.batch.iter().chain(&step.dropped);
    groups.flat_map(|group| group.rollouts.iter().map(|rollout| ((group.draw.number, rollout.idx), rollout))).collect()
}
