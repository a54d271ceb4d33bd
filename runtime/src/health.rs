//! The known sicknesses of a run, seen from its metrics while it goes on, each with what to try.
//!
//! A finding is a function of the lines of `metrics.jsonl` and `evaluations.jsonl` alone: a resumed run reads them again and goes on
//! where it was, and a report finds the same. Nothing here changes what is trained. Every sickness is told once, and again only
//! after it has been gone for as long as it takes to see it.

use crate::run_folder::{Evaluation, StepKind, StepMetrics};
use crate::statistics::{mean, shares, total_variation};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Steps that a judgement about a run looks back on.
const WINDOW: usize = 20;

/// Entropy below this share of that of the first steps has collapsed.
const COLLAPSED: f64 = 0.2;
/// Entropy above this multiple of that of the first steps has blown up.
const BLOWN_UP: f64 = 3.0;
/// A policy that solves more than this may be as sure as it likes.
const SOLVED: f64 = 0.95;
/// Fewer groups with a signal than this share are too few.
const SIGNAL: f64 = 0.1;
/// More rollouts cut by the cap than this share are too many.
const CUT: f64 = 0.5;
/// Completed rollouts may be so far from their ratios, as total variation, once there are enough.
const DRIFT: f64 = 0.05;
/// The same for what is trained: groups without a signal leave it.
const TRAINED_DRIFT: f64 = 0.15;
/// Rollouts of a stage before its shares are judged.
const ENOUGH: u64 = 2_000;
/// More failed verdicts than this share of rollouts are worth a word, long before they end the run.
const ERRING: f64 = 0.01;

/// What can be wrong with a run that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sickness {
    /// The policy became sure before it became right.
    EntropyCollapse,
    /// The policy writes noise.
    EntropyBlowUp,
    /// Nearly all groups are without a signal.
    NoSignal,
    /// More than half of the rollouts are cut.
    Truncation,
    /// The reward rises and held-out accuracy falls.
    RewardWithoutAccuracy,
    /// What is completed leaves the target ratios.
    ShareDrift,
    /// What is trained leaves the target ratios.
    TrainedDrift,
    /// Verifiers fail, or end at their limits.
    VerifierErrs,
}

impl Sickness {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::EntropyCollapse,
        Self::EntropyBlowUp,
        Self::NoSignal,
        Self::Truncation,
        Self::RewardWithoutAccuracy,
        Self::ShareDrift,
        Self::TrainedDrift,
        Self::VerifierErrs,
    ];

    /// What to try.
    pub fn advice(self) -> &'static str {
        match self {
            Self::EntropyCollapse => {
                "lower `optimizer.lr`, add `train.entropy`, raise `clip_high` (clip-higher), or sample at a higher temperature"
            }
            Self::EntropyBlowUp => {
                "lower `optimizer.lr`, add `train.kl` to the base, or look at the rewards: are they noise?"
            }
            Self::NoSignal => {
                "problems are too easy or too hard for the policy: change the data or its levels, raise `train.group`, or give a length penalty"
            }
            Self::Truncation => {
                "raise `budget.output`, widen `budget.buffer`, or warm start with shorter demonstrations"
            }
            Self::RewardWithoutAccuracy => {
                "the reward is being gamed: read rollouts in the report, look at the terms of the reward one by one, and go back to the best checkpoint (`recipec fork RUN@best`)"
            }
            Self::ShareDrift => "use `mix { strategy = deficit }`, or widen the clip of `mix.weight`",
            Self::TrainedDrift => {
                "use `mix { strategy = deficit }`, which counts what reaches the optimizer; or give solved domains harder problems"
            }
            Self::VerifierErrs => "read `log.txt` for what the verifier says; try it by hand with `recipec verify`",
        }
    }
}

/// A sickness, seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Which.
    pub sickness: Sickness,
    /// The stage.
    pub stage: String,
    /// Its step.
    pub step: u64,
    /// What was seen, with figures.
    pub seen: String,
}

impl Finding {
    /// A sentence for people, with what to try.
    pub fn sentence(&self) -> String {
        format!("step {}: {}; {}", self.step, self.seen, self.sickness.advice())
    }
}

/// What of a step is looked at.
#[derive(Debug, Clone, Default)]
struct Seen {
    entropy: Option<f64>,
    kept: Option<f64>,
    truncated: Option<f64>,
    solved: Option<f64>,
    reward: Option<f64>,
    rollouts: u64,
    failed: u64,
    limited: u64,
}

/// An evaluation: the training reward before it, and held-out accuracy (lower bound, mean) per suite.
type Evaluated = (f64, BTreeMap<String, (f64, f64)>);

/// Watches one run.
#[derive(Debug, Clone, Default)]
pub struct Health {
    ratios: BTreeMap<String, f64>,
    stage: String,
    /// Steps of the stage so far.
    steps: u64,
    /// Entropy of the first steps of the stage.
    first_entropy: Vec<f64>,
    last: VecDeque<Seen>,
    rollouts_before: u64,
    /// The evaluations of the stage.
    evaluated: Vec<Evaluated>,
    told: BTreeSet<Sickness>,
}

impl Health {
    /// Sets the target ratios of the stage that begins or goes on.
    pub fn aim(&mut self, ratios: BTreeMap<String, f64>) {
        self.ratios = ratios;
    }

    /// Everything that was to be said about steps and evaluations, in the order in which they came.
    pub fn replay(&mut self, metrics: &[StepMetrics], evaluations: &[Evaluation]) -> Vec<Finding> {
        let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, line) in metrics.iter().enumerate() {
            ends.insert(&line.stage, at);
        }
        let mut findings = Vec::new();
        let mut waiting = evaluations.iter().peekable();
        for (at, line) in metrics.iter().enumerate() {
            let over = |stage: &str| ends.get(stage).is_none_or(|end| *end < at);
            let before = |e: &&Evaluation| over(&e.stage) || e.stage == line.stage && e.step < line.step;
            while let Some(evaluation) = waiting.next_if(before) {
                findings.extend(self.evaluation(evaluation));
            }
            findings.extend(self.step(line));
        }
        findings.extend(waiting.flat_map(|evaluation| self.evaluation(evaluation)));
        findings
    }

    /// Sees a step. Steps of demonstrations have nothing to judge.
    pub fn step(&mut self, line: &StepMetrics) -> Vec<Finding> {
        if line.kind != StepKind::Reinforce {
            return Vec::new();
        }
        if line.stage != self.stage {
            *self = Self { stage: line.stage.clone(), ratios: std::mem::take(&mut self.ratios), ..Self::default() };
        }
        self.steps += 1;
        let seen = self.seen(line);
        self.last.push_back(seen);
        if self.last.len() > WINDOW {
            self.last.pop_front();
        }
        if let Some(entropy) = line.entropy.filter(|_| self.first_entropy.len() < WINDOW) {
            self.first_entropy.push(entropy);
        }
        if self.last.len() < WINDOW {
            return Vec::new();
        }
        let mut findings = Vec::new();
        let drifts = self.drifts(line);
        for (sickness, seen) in [
            (Sickness::EntropyCollapse, self.entropy_collapse()),
            (Sickness::EntropyBlowUp, self.entropy_blow_up()),
            (Sickness::NoSignal, self.no_signal()),
            (Sickness::Truncation, self.truncation()),
            (Sickness::ShareDrift, drifts.0),
            (Sickness::TrainedDrift, drifts.1),
            (Sickness::VerifierErrs, self.verifier_errs()),
        ] {
            self.judge(sickness, line.step, seen, &mut findings);
        }
        findings
    }

    /// Sees an evaluation.
    pub fn evaluation(&mut self, line: &Evaluation) -> Vec<Finding> {
        if line.stage != self.stage && !self.stage.is_empty() {
            return Vec::new();
        }
        let Some(reward) = self.mean(|seen| seen.reward) else { return Vec::new() };
        let accuracy: BTreeMap<String, (f64, f64)> = line
            .suites
            .iter()
            .map(|(name, suite)| {
                let found = suite.macro_average.pass_at_1();
                (name.clone(), (found.interval.map_or(found.mean, |[low, _]| low), found.mean))
            })
            .collect();
        let upper = |name: &str| {
            let found = line.suites.get(name)?.macro_average.pass_at_1();
            Some(found.interval.map_or(found.mean, |[_, high]| high))
        };
        // An evaluation before that was better beyond doubt, at a lower reward.
        let worse = self.evaluated.iter().rev().filter(|(before, _)| *before < reward).find_map(|(before, suites)| {
            suites.iter().find_map(|(name, (low, was))| {
                let is = accuracy.get(name)?.1;
                (upper(name)? < *low).then(|| {
                    format!(
                        "the reward rose from {before:.3} to {reward:.3} while held-out accuracy of `{name}` fell from {:.1}% to {:.1}%",
                        was * 100.0,
                        is * 100.0
                    )
                })
            })
        });
        self.evaluated.push((reward, accuracy));
        let mut findings = Vec::new();
        self.judge(Sickness::RewardWithoutAccuracy, line.step, worse, &mut findings);
        findings
    }

    fn judge(&mut self, sickness: Sickness, step: u64, seen: Option<String>, findings: &mut Vec<Finding>) {
        match seen {
            None => drop(self.told.remove(&sickness)),
            Some(seen) => {
                if self.told.insert(sickness) {
                    findings.push(Finding { sickness, stage: self.stage.clone(), step, seen });
                }
            }
        }
    }

    fn seen(&mut self, line: &StepMetrics) -> Seen {
        let all: u64 = line.domains.values().map(|domain| domain.completed).sum();
        let rollouts = all.saturating_sub(self.rollouts_before);
        self.rollouts_before = all;
        let kept = line.groups.filter(|groups| groups.sampled > 0).map(|g| g.kept as f64 / g.sampled as f64);
        let solved: Vec<f64> = line.domains.values().filter_map(|domain| domain.solve_rate).collect();
        Seen {
            entropy: line.entropy,
            kept,
            truncated: line.truncated,
            solved: mean(&solved),
            reward: line.reward.as_ref().and_then(|reward| reward.total),
            rollouts,
            failed: line.verifier_errors,
            limited: line.limited_verdicts,
        }
    }

    fn mean(&self, of: impl Fn(&Seen) -> Option<f64>) -> Option<f64> {
        mean(&self.last.iter().filter_map(of).collect::<Vec<f64>>())
    }

    /// Entropy of the first steps, once they are over, and of the last ones.
    fn entropies(&self) -> Option<(f64, f64)> {
        let first = mean(&self.first_entropy).filter(|first| *first > 0.0 && self.steps >= 2 * WINDOW as u64)?;
        Some((first, self.mean(|seen| seen.entropy)?))
    }

    fn entropy_collapse(&self) -> Option<String> {
        let (first, last) = self.entropies()?;
        let solved = self.mean(|seen| seen.solved)?;
        (last < COLLAPSED * first && solved < SOLVED).then(|| {
            format!(
                "entropy fell from {first:.3} to {last:.3} nat per token, and {:.0}% are solved: the policy repeats itself",
                solved * 100.0
            )
        })
    }

    fn entropy_blow_up(&self) -> Option<String> {
        let (first, last) = self.entropies()?;
        (last > BLOWN_UP * first).then(|| format!("entropy rose from {first:.3} to {last:.3} nat per token"))
    }

    fn no_signal(&self) -> Option<String> {
        let kept = self.mean(|seen| seen.kept)?;
        (kept < SIGNAL).then(|| format!("only {:.0}% of the groups have a signal", kept * 100.0))
    }

    fn truncation(&self) -> Option<String> {
        let cut = self.mean(|seen| seen.truncated)?;
        (cut > CUT).then(|| format!("{:.0}% of the rollouts are cut by the cap", cut * 100.0))
    }

    /// Drift of what is completed, and of what is trained.
    fn drifts(&self, line: &StepMetrics) -> (Option<String>, Option<String>) {
        if self.ratios.is_empty() || self.rollouts_before < ENOUGH {
            return (None, None);
        }
        let target: Vec<f64> = self.ratios.values().copied().collect();
        let of = |what: &str, most: f64, count: fn(&crate::run_folder::DomainMetrics) -> u64| {
            let counts: Vec<f64> =
                self.ratios.keys().map(|name| line.domains.get(name).map_or(0, count) as f64).collect();
            if counts.iter().sum::<f64>() < ENOUGH as f64 {
                return None;
            }
            let found = shares(&counts);
            let away = total_variation(&found, &target)?;
            let (name, share, ratio) = self
                .ratios
                .iter()
                .zip(&found)
                .map(|((name, ratio), share)| (name, *share, *ratio))
                .max_by(|a, b| (a.1 - a.2).abs().total_cmp(&(b.1 - b.2).abs()))?;
            (away > most).then(|| {
                format!(
                    "what is {what} is {:.1}% away from the target ratios (total variation); `{name}` has {:.1}% of {:.1}%",
                    away * 100.0,
                    share * 100.0,
                    ratio * 100.0
                )
            })
        };
        (of("completed", DRIFT, |domain| domain.completed), of("trained", TRAINED_DRIFT, |domain| domain.trained))
    }

    fn verifier_errs(&self) -> Option<String> {
        let sum = |of: fn(&Seen) -> u64| self.last.iter().map(of).sum::<u64>();
        let (rollouts, failed, limited) = (sum(|s| s.rollouts), sum(|s| s.failed), sum(|s| s.limited));
        let share = (failed + limited) as f64 / rollouts.max(1) as f64;
        (share > ERRING).then(|| {
            format!("of {rollouts} verdicts {failed} failed and {limited} ended at a limit of work in {WINDOW} steps")
        })
    }
}

#[cfg(test)]
mod tests;
