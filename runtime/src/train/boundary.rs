//! What happens between steps: metrics are closed, the policy is evaluated, checkpoints are saved, the run ends.

use super::setup::StageRuntime;
use super::step::Step;
use super::{StoppedBy, Trainer};
use crate::checkpoint::{self, Best, Contents};
use crate::error::RunError;
use crate::evaluate;
use crate::health::Finding;
use crate::measures;
use crate::run_folder::{EVALUATIONS, Evaluation, METRICS, SCHEMA, SUMMARY, StepTiming, Summary, TIMING, When};
use crate::surface;
use crate::world::Progress;
use recipec_compiler::plan::{Node, NodeKind};
use std::collections::BTreeMap;

impl Trainer<'_> {
    /// Says which rows of the data are left out, when a stage begins or goes on.
    pub(super) fn tell_rows(&mut self, stage: &StageRuntime<'_>) -> Result<(), RunError> {
        let domains = stage.data.iter().map(|(name, data)| ("domain", name, data));
        let suites =
            stage.suites.iter().flat_map(|(suite, parts)| parts.iter().map(|p| ("suite", &suite.name, &p.data)));
        for (kind, name, data) in domains.chain(suites) {
            let Some(rows) = data.data.rows() else { continue };
            let all = rows.used + rows.filtered + rows.bad;
            if rows.filtered > 0 {
                self.journal.log(&format!("{kind} {name}: the filter leaves out {} of {all} rows", rows.filtered))?;
            }
            if rows.bad > 0 {
                let first = rows.first_bad.as_deref().unwrap_or_default();
                let message = format!("{kind} {name}: {} of {all} rows are bad and left out; {first}", rows.bad);
                self.warn(message)?;
            }
        }
        Ok(())
    }

    /// Metrics: one line per step, nothing of which depends on time.
    pub(super) fn write_metrics(
        &mut self,
        stage: &StageRuntime<'_>,
        node: &Node,
        step: &mut Step,
    ) -> Result<(), RunError> {
        step.worked(node, 1);
        self.write_record(step)?;
        let line = measures::step_metrics(self.plan, stage, &self.counters, step);
        self.journal.line(METRICS, &line)?;
        self.journal.scalars("step", self.counters.total_steps(), &line)?;
        let findings = self.health.step(&line);
        self.tell_findings(findings)?;
        step.line = Some(Box::new(line));
        let samples = measures::sampled_rollouts(self.plan, stage, self.counters.step, step);
        self.journal.rollouts(&samples)
    }

    /// What is wrong with the run, and what to try.
    fn tell_findings(&mut self, findings: Vec<Finding>) -> Result<(), RunError> {
        findings.iter().try_for_each(|finding| self.warn(finding.sentence()))
    }

    /// Timing, warnings and the progress display.
    pub(super) fn finish_step(&mut self, stage: &StageRuntime<'_>, mut step: Step) -> Result<(), RunError> {
        self.write_record(&mut step)?;
        let seconds = self.world.seconds() - step.began;
        let tokens = step.generated_tokens + if step.demonstrations.is_empty() { 0 } else { step.trained_tokens };
        let timing = StepTiming {
            stage: stage.plan.name.clone(),
            step: self.counters.step,
            seconds,
            tokens_per_second: Some(tokens as f64 / seconds.max(1e-9)),
            elapsed: Some(self.counters.seconds),
        };
        self.journal.line(TIMING, &timing)?;
        self.journal.scalars("timing", self.counters.total_steps(), &timing)?;
        if step.verifier_errors > 0 {
            let message = format!(
                "step {}: {} verdicts failed twice and left their groups: {}",
                self.counters.step, step.verifier_errors, step.last_verifier_error
            );
            self.warn(message)?;
        }
        if step.broken_groups > 0 {
            self.warn(format!(
                "step {}: {} groups had fewer than two judged rollouts and were dropped",
                self.counters.step, step.broken_groups
            ))?;
        }
        if step.too_long > 0 {
            self.warn(format!(
                "step {}: {} problems were left out because their prompt is longer than `budget.prompt`",
                self.counters.step, step.too_long
            ))?;
        }
        let values = measures::shown(&step, tokens as f64 / seconds.max(1e-9));
        self.world.tell(Progress::Step { step: self.counters.step, values, metrics: step.line });
        Ok(())
    }

    /// Evaluate node: at the start of its stage, every so many steps, and at the end.
    pub(super) fn evaluate_if_due(&mut self, stage: &StageRuntime<'_>, last: bool) -> Result<(), RunError> {
        let every = stage.plan.nodes.iter().find_map(|node| match &node.kind {
            NodeKind::Evaluate { every_steps, .. } => Some(*every_steps),
            _ => None,
        });
        let Some(every) = every else { return Ok(()) };
        let now = self.counters.step;
        // A run that was forked begins at a later step.
        let first = self.counters.evaluated.is_none();
        let scheduled = first || every.is_some_and(|every| every > 0 && now.is_multiple_of(every));
        let done = self.counters.evaluated.is_some_and(|(step, was_last)| step == now && (was_last || !last));
        if done || !(scheduled || last) {
            return Ok(());
        }
        let when = match (now, last) {
            (_, true) => When::End,
            (_, false) if first => When::Start,
            (_, false) => When::Step,
        };
        let mut suites = BTreeMap::new();
        for (number, (suite, parts)) in stage.suites.iter().enumerate() {
            if self.world.interrupted() {
                return Ok(());
            }
            let results = evaluate::suite(self, number as u32, suite, parts)?;
            suites.insert(suite.name.clone(), results);
        }
        let results =
            |suite: &crate::run_folder::SuiteResults| suite.domains.values().map(|d| d.verifier_errors).sum::<u64>();
        let failed: u64 = suites.values().map(results).sum();
        if failed > 0 {
            self.warn(format!(
                "evaluation at step {now}: {failed} verdicts failed twice and are left out of the results"
            ))?;
        }
        let line = Evaluation { schema: SCHEMA, stage: stage.plan.name.clone(), step: now, when, suites };
        self.journal.line(EVALUATIONS, &line)?;
        self.journal.scalars("evaluation", self.counters.total_steps(), &line.suites)?;
        let findings = self.health.evaluation(&line);
        self.tell_findings(findings)?;
        self.counters.evaluated = Some((now, last));
        let by = stage.plan.nodes.iter().find_map(|node| match &node.kind {
            NodeKind::Checkpoint { best, .. } => best.as_ref(),
            _ => None,
        });
        if let Some((suite, result)) = by.and_then(|suite| Some((suite, line.suites.get(suite)?))) {
            let accuracy = result.macro_average.pass_at_1;
            if self.counters.best.as_ref().is_none_or(|best| accuracy > best.accuracy) {
                let step = self.counters.total_steps();
                self.counters.best = Some(Best { suite: suite.clone(), step, accuracy });
                self.journal.log(&format!("step {now}: the best checkpoint by {suite}: accuracy {accuracy:.4}"))?;
            }
        }
        let shown = stage.suites.iter().filter_map(|(suite, _)| {
            let result = line.suites.get(&suite.name)?.macro_average;
            Some((suite.name.clone(), result.pass_at_1, result.mean_tokens))
        });
        let shown: Vec<(String, f64, f64)> = shown.collect();
        for (suite, pass, tokens) in &shown {
            self.journal.log(&format!("step {now}: {suite}: pass@1 {pass:.4}, {tokens:.2} tokens"))?;
        }
        self.world.tell(Progress::Evaluation { step: now, suites: shown });
        Ok(())
    }

    /// Checkpoint node: every so many steps, at the end of its stage, when it is the best so far, and when the run is interrupted.
    pub(super) fn checkpoint_if_due(&mut self, stage: &StageRuntime<'_>, last: bool) -> Result<(), RunError> {
        let found = stage.plan.nodes.iter().find_map(|node| match &node.kind {
            NodeKind::Checkpoint { every_steps, keep, .. } => Some((*every_steps, *keep)),
            _ => None,
        });
        let Some((every, keep)) = found else { return Ok(()) };
        let now = self.counters.step;
        let scheduled = now > 0 && every.is_some_and(|every| every > 0 && now.is_multiple_of(every));
        let best = self.counters.best.as_ref().is_some_and(|best| best.step == self.counters.total_steps());
        if !(scheduled || last || best) {
            return Ok(());
        }
        self.counters.seconds = self.seconds();
        let lengths = self.journal.lengths()?;
        checkpoint::save(
            self.world.folder(),
            &Contents {
                policy: &self.policy,
                tokenizer: &self.tokenizer,
                optimizer: self.optimizer.as_ref(),
                reference: self.stage_start.as_ref(),
                counters: &self.counters,
                lengths,
                plan: self.plan,
                fingerprint: &self.fingerprint,
                origin: self.origin.as_ref(),
            },
            keep,
        )?;
        Ok(())
    }

    /// `summary.json`: how the run ended.
    pub(super) fn finish(&mut self, stopped: &StoppedBy) -> Result<(), RunError> {
        let stage = self.plan.stages.get(self.counters.stage);
        let (ratios, shares) = measures::shares(stage, &self.counters);
        let summary = Summary {
            recipe: self.plan.recipe.clone(),
            variant: self.plan.variant.clone(),
            seed: self.plan.seed,
            seconds: self.seconds(),
            stopped_by: stopped.word().to_string(),
            weights_digest: self.policy.digest()?,
            steps: self.counters.total_steps(),
            generated_tokens: self.counters.generated_tokens,
            ratios,
            shares,
            penalty_surface: stage.and_then(surface::penalty_surface),
        };
        self.journal.log(&format!("stopped by {}; weights {}", summary.stopped_by, summary.weights_digest))?;
        let path = self.world.folder().join(SUMMARY);
        let text = serde_json::to_vec_pretty(&summary)
            .map_err(|why| RunError::Damaged { path: path.clone(), why: why.to_string() })?;
        crate::disk::write_whole(&path, &text).map_err(RunError::io("cannot write", &path))
    }
}
