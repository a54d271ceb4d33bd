//! A few early and late rollouts of each domain, chosen while the file streams by.

use std::collections::BTreeMap;

use super::SampledRollout;

/// Rollouts held per domain and end of the run.
const HELD: usize = 64;

/// Early and late rollouts of each domain. `rollouts.jsonl.gz` may be far larger than memory, so that only these are kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Examples {
    /// Each domain.
    pub domains: BTreeMap<String, DomainExamples>,
}

/// Early and late rollouts of one domain.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainExamples {
    stage: String,
    /// Of the first sampled step of the last stage, in order.
    pub early: Vec<SampledRollout>,
    /// Of its last sampled step; empty when there was only one.
    pub late: Vec<SampledRollout>,
}

impl Examples {
    /// Takes note of the next rollout in the file.
    pub(super) fn see(&mut self, rollout: SampledRollout) {
        let Some(domain) = self.domains.get_mut(&rollout.domain) else {
            let seen = DomainExamples { stage: rollout.stage.clone(), early: Vec::new(), late: Vec::new() };
            self.domains.entry(rollout.domain.clone()).or_insert(seen).see(rollout);
            return;
        };
        domain.see(rollout);
    }
}

impl DomainExamples {
    fn see(&mut self, rollout: SampledRollout) {
        if rollout.stage != self.stage {
            // A later stage: what was late so far is the past. The earliest rollouts stay, to be compared with.
            self.stage.clone_from(&rollout.stage);
            self.late.clear();
        } else if self.early.first().is_none_or(|first| first.step == rollout.step && first.stage == rollout.stage) {
            push(&mut self.early, rollout);
            return;
        } else if self.late.first().is_some_and(|last| last.step != rollout.step) {
            self.late.clear();
        }
        push(&mut self.late, rollout);
    }

    /// An early and a late rollout to show side by side: of the same prompt if there is one, else of the same level, else
    /// a correct late one. Ties go to the one that came first.
    pub fn pair(&self) -> (Option<&SampledRollout>, Option<&SampledRollout>) {
        let alike = |early: &SampledRollout, late: &SampledRollout| {
            let gain = u8::from(late.status == "correct");
            4 * u8::from(early.prompt == late.prompt) + 2 * u8::from(early.level == late.level) + gain
        };
        let mut best: Option<(u8, &SampledRollout, &SampledRollout)> = None;
        for early in &self.early {
            for late in &self.late {
                let score = alike(early, late);
                if best.is_none_or(|(top, _, _)| score > top) {
                    best = Some((score, early, late));
                }
            }
        }
        match best {
            Some((_, early, late)) => (Some(early), Some(late)),
            None => (self.early.first(), self.late.first()),
        }
    }
}

fn push(list: &mut Vec<SampledRollout>, rollout: SampledRollout) {
    if list.len() < HELD {
        list.push(rollout);
    }
}
