//! Nodes of a reinforcement stage, in the order in which a step walks them.

use super::Trainer;
use super::setup::{StageRuntime, check_failures};
use super::step::{BackTo, Measures, Next, Step};
use crate::advantage::dropped;
use crate::answer::answer_part;
use crate::data::Split;
use crate::error::RunError;
use crate::generate::{Engine, Request, generate};
use crate::loss::shares::{UpdateSize, token_shares};
use crate::loss::{Objective, Ratios, SequenceTerms};
use crate::optimizer::schedule_share;
use crate::policy::PolicyError;
use crate::policy::gradient::{Sequence, gradients, score};
use crate::reward::{self, RewardContext};
use crate::rng::{Draws, Purpose, Stream};
use crate::rollout::{Draw, Group, Rollout};
use crate::sampler::deficit;
use crate::verify::{Status, Verdict};
use crate::world::Progress;
use recipec_compiler::formula::{Program, Scratch};
use recipec_compiler::plan::{Node, NodeKind};
use recipec_compiler::settings::{AdamW, Drop, Sampling, Schedule, Unfinished};
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex};

/// More batches in a row without a kept group than this end the run.
const MAX_EMPTY_BATCHES: u64 = 20;

impl Trainer<'_> {
    /// Sampler: the domain of every group by the recipe's weights at this moment, then the next problem of that domain.
    pub(super) fn draw_groups(
        &mut self,
        stage: &StageRuntime<'_>,
        node: &Node,
        n: u64,
        step: &mut Step,
    ) -> Result<(), RunError> {
        let sampler = stage.sampler.as_ref().ok_or_else(|| RunError::Plan("no sampler in this stage".into()))?;
        // Groups of this batch that are kept and not yet counted as trained.
        let plan = self.plan;
        let mut waiting = deficit::Waiting::new();
        for group in &step.batch {
            *waiting.entry(plan.domains[group.draw.domain].as_str()).or_insert(0) += 1;
        }
        let progress = self.progress(stage.plan);
        for _ in 0..n {
            let address = (self.plan.seed, stage.index, self.counters.draw);
            let at = sampler.next(&mut self.counters, &waiting, progress, address)?;
            let name = sampler.domains[at].name;
            let draw = self.next_draw(stage, name, step)?;
            self.counters.domain(name).sampled.groups += 1;
            step.draws.push(draw);
        }
        step.waves += 1;
        step.worked(node, n as usize);
        Ok(())
    }

    fn next_draw(&mut self, stage: &StageRuntime<'_>, name: &str, step: &mut Step) -> Result<Draw, RunError> {
        let source = stage.data.get(name).ok_or_else(|| RunError::Plan(format!("no data node for `{name}`")))?;
        let domain = self.plan.domains.iter().position(|d| d == name).unwrap_or(0);
        loop {
            let number = self.counters.domain(name).next_problem;
            self.counters.domain(name).next_problem += 1;
            let number = source.row(self.plan.seed, stage.index, number);
            let problem = source.problem(Split::Train, number);
            let prompt = self
                .prompt_tokens(&problem.prompt)
                .map_err(|why| RunError::BadPrompt { domain: name.to_string(), why })?;
            if prompt.len() as u64 > source.max_prompt_tokens {
                self.leave_out(name, step)?;
                continue;
            }
            *step.work.entry(format!("data:{name}")).or_insert(0) += 1;
            let draw = Draw { number: self.counters.draw, domain, problem, prompt: Arc::from(prompt) };
            self.counters.draw += 1;
            return Ok(draw);
        }
    }

    /// Rollout: a group of responses per draw.
    pub(super) fn roll_out(
        &mut self,
        node: &Node,
        group_size: u64,
        sampling: &Sampling,
        slots: u64,
        caps: &[u64],
        step: &mut Step,
    ) -> Result<(), RunError> {
        if self.replay.is_some() {
            return self.recorded_rollouts(node, group_size, step);
        }
        let draws = std::mem::take(&mut step.draws);
        let stage = self.counters.stage as u32;
        let mut requests = Vec::new();
        for draw in &draws {
            for idx in 0..group_size {
                requests.push(Request {
                    stream: Stream::new(self.plan.seed, Purpose::Rollout, stage, draw.number as u32, idx as u32),
                    prompt: Arc::clone(&draw.prompt),
                    max_new_tokens: caps.get(draw.domain).copied().unwrap_or(0) as usize,
                    sampling: sampling.clone(),
                });
            }
        }
        let engine = Engine {
            version: self.counters.step,
            end_tokens: self.tokenizer.end_tokens().to_vec(),
            ..Engine::new(slots as usize, self.tokenizer.end_token(), self.lanes.threads)
        };
        let mut generated = generate(&self.policy, &requests, &engine, &mut |_| ControlFlow::Continue(()))?.into_iter();
        let mut n = 0;
        for draw in draws {
            let mut rollouts = Vec::new();
            for (idx, response) in generated.by_ref().take(group_size as usize).enumerate() {
                let (text, reasoning_tokens, answer_tokens) = self.read_response(response.body());
                n += response.tokens.len() as u64;
                rollouts.push(Rollout {
                    idx,
                    stop: response.stop,
                    truncated: response.truncated(),
                    tokens: response.tokens,
                    logp_behavior: response.logp_behavior,
                    logp_sampled: response.logp_sampled,
                    version: self.counters.step,
                    text,
                    reasoning_tokens,
                    answer_tokens,
                    verdict: None,
                    masked: false,
                    signals: Default::default(),
                    terms: Default::default(),
                    total_reward: 0.0,
                    advantage: 0.0,
                });
            }
            let counts = &mut self.counters.domain(&self.plan.domains[draw.domain]).sampled;
            counts.rollouts += rollouts.len() as u64;
            counts.tokens += rollouts.iter().map(|r| r.tokens.len() as u64).sum::<u64>();
            step.sampled.push((draw, rollouts));
        }
        self.counters.generated_tokens += n;
        step.generated_tokens += n;
        step.worked(node, requests.len());
        Ok(())
    }

    /// The text of a response, given without its end token, and how many of its tokens are reasoning and answer.
    pub(crate) fn read_response(&self, body: &[u32]) -> (String, usize, usize) {
        let text = self.tokenizer.decode(body);
        let answer = answer_part(&text, &self.plan.policy.answer);
        let n_answer = answer.and_then(|range| text.get(range)).map_or(0, |part| self.tokenizer.count(part));
        (text, body.len().saturating_sub(n_answer), n_answer)
    }

    /// Verify: the rollouts of one domain. A verifier that fails is asked once more.
    pub(super) fn verify(
        &mut self,
        stage: &StageRuntime<'_>,
        node: &Node,
        domain: &str,
        step: &mut Step,
    ) -> Result<(), RunError> {
        if self.replay.is_some() {
            return self.recorded_verdicts(node, domain, step);
        }
        let judge = stage.judges.get(domain).ok_or_else(|| RunError::Plan(format!("no verifier for `{domain}`")))?;
        let at = self.plan.domains.iter().position(|d| d == domain);
        let mut n = 0;
        let mut answers = Vec::new();
        for (draw, rollouts) in step.sampled.iter().filter(|(draw, _)| Some(draw.domain) == at) {
            for rollout in rollouts {
                let part = answer_part(&rollout.text, &judge.answer).and_then(|range| rollout.text.get(range));
                answers.push((&draw.problem, part));
            }
        }
        let verdicts = judge.verdicts(&answers);
        let mine = step.sampled.iter_mut().filter(|(draw, _)| Some(draw.domain) == at);
        for (rollout, verdict) in mine.flat_map(|(_, rollouts)| rollouts).zip(verdicts) {
            step.limited_verdicts += u64::from(verdict.limited);
            rollout.verdict = Some(verdict);
            n += 1;
        }
        step.worked(node, n);
        Ok(())
    }

    /// Group: solve rate over those judged. A failed verdict never becomes a reward: its rollout leaves the group.
    /// In a domain where nobody judges, rollouts have no verdict and groups no solve rate.
    pub(super) fn make_groups(
        &mut self,
        node: &Node,
        unfinished: Unfinished,
        least: u64,
        unjudged: &[String],
        step: &mut Step,
    ) -> Result<(), RunError> {
        self.keep(step);
        let mut n = 0;
        for (draw, mut rollouts) in std::mem::take(&mut step.sampled) {
            let name = self.plan.domains[draw.domain].clone();
            let completed = &mut self.counters.domain(&name).completed;
            completed.groups += 1;
            completed.rollouts += rollouts.len() as u64;
            completed.tokens += rollouts.iter().map(|r| r.tokens.len() as u64).sum::<u64>();
            n += rollouts.len();
            let judged = !unjudged.contains(&name);
            step.judged += if judged { rollouts.len() as u64 } else { 0 };
            rollouts.retain(|rollout| match &rollout.verdict {
                _ if !judged => true,
                Some(verdict) if verdict.status != Status::Error => true,
                Some(verdict) => {
                    step.verifier_errors += 1;
                    step.last_verifier_error = verdict.detail.clone().unwrap_or_default();
                    false
                }
                None => {
                    step.verifier_errors += 1;
                    step.last_verifier_error = format!("domain `{name}` has no verify node");
                    false
                }
            });
            match unfinished {
                Unfinished::AsJudged => {}
                Unfinished::Wrong if !judged => {} // refused when the recipe is checked: there is no verdict to change
                Unfinished::Wrong => {
                    for rollout in rollouts.iter_mut().filter(|rollout| rollout.truncated) {
                        rollout.verdict = Some(Verdict::wrong("unfinished"));
                    }
                }
                Unfinished::Masked => {
                    for rollout in rollouts.iter_mut().filter(|rollout| rollout.truncated) {
                        rollout.masked = true;
                    }
                }
                Unfinished::Dropped => rollouts.retain(|rollout| !rollout.truncated),
            }
            if (rollouts.len() as u64) < least.max(1) {
                step.broken_groups += 1;
                continue;
            }
            let mut group = Group { draw, rollouts, solve_rate: 0.0 };
            group.solve_rate = if judged { group.solved() as f64 / group.rollouts.len() as f64 } else { f64::NAN };
            step.groups.push(group);
        }
        check_failures(step.verifier_errors as usize, step.judged as usize, &step.last_verifier_error)?;
        step.worked(node, n);
        Ok(())
    }

    /// Penalty or term: one program over every group.
    pub(super) fn evaluate_program(
        &mut self,
        stage: &StageRuntime<'_>,
        node: &Node,
        program: &Program,
        step: &mut Step,
    ) -> Result<(), RunError> {
        let mut columns = Vec::new();
        let mut scratch = Scratch::default();
        let (now, progress) = (self.counters.step, self.progress(stage.plan));
        let mut n = 0;
        for group in &mut step.groups {
            let cap = stage.caps.get(group.draw.domain).copied().unwrap_or(0);
            let ctx = RewardContext { step: now, progress, max_output_tokens: cap };
            reward::evaluate(&node.id, program, group, &ctx, &mut columns, &mut scratch)?;
            n += group.rollouts.len();
        }
        step.worked(node, n);
        Ok(())
    }

    /// Reward: the program whose output `total` is trained on.
    pub(super) fn reward(
        &mut self,
        stage: &StageRuntime<'_>,
        node: &Node,
        program: &Program,
        step: &mut Step,
    ) -> Result<(), RunError> {
        self.evaluate_program(stage, node, program, step)?;
        for rollout in step.groups.iter_mut().flat_map(|group| &mut group.rollouts) {
            rollout.total_reward = rollout.terms.get("total").copied().unwrap_or(0.0);
        }
        Ok(())
    }

    /// Shuffle: a placebo. Every rollout gets the total of some rollout of its group.
    pub(super) fn shuffle(&mut self, node: &Node, step: &mut Step) {
        let mut n = 0;
        for group in &mut step.groups {
            let stream =
                Stream::new(self.plan.seed, Purpose::Shuffle, self.counters.stage as u32, group.draw.number as u32, 0);
            let mut totals: Vec<f64> = group.rollouts.iter().map(|rollout| rollout.total_reward).collect();
            Draws::new(stream).shuffle(&mut totals);
            n += totals.len();
            for (rollout, total) in group.rollouts.iter_mut().zip(totals) {
                rollout.total_reward = total;
            }
        }
        step.worked(node, n);
    }

    /// Filter: groups without signal leave, and are counted.
    pub(super) fn filter(&mut self, node: &Node, rule: Drop, step: &mut Step) {
        let groups = std::mem::take(&mut step.groups);
        step.worked(node, groups.len());
        for group in groups {
            let advantages: Vec<f64> = group.rollouts.iter().map(|r| r.advantage).collect();
            let correct: Vec<bool> = group.rollouts.iter().map(Rollout::correct).collect();
            if dropped(&advantages, &correct, rule) {
                step.dropped.push(group);
            } else {
                step.groups.push(group);
            }
        }
    }

    /// Batch: kept groups in draw order until it is full; asks for more while the recipe allows it.
    pub(super) fn batch(
        &mut self,
        stage: &StageRuntime<'_>,
        node: &Node,
        rollouts: u64,
        refill: u64,
        step: &mut Step,
    ) -> Result<Next, RunError> {
        let mut held: u64 = step.batch.iter().map(|group| group.rollouts.len() as u64).sum();
        let mut taken = 0;
        for group in std::mem::take(&mut step.groups) {
            if held >= rollouts {
                // Full: what is left over is dropped and counted, since it would be stale in the next batch.
                step.dropped.push(group);
                continue;
            }
            held += group.rollouts.len() as u64;
            taken += group.rollouts.len();
            step.batch.push(group);
        }
        step.worked(node, taken);
        if held < rollouts && step.waves < refill {
            return Ok(Next::Back(BackTo::Sampler));
        }
        for group in &step.batch {
            let trained = &mut self.counters.domain(&self.plan.domains[group.draw.domain]).trained;
            let kept = group.rollouts.iter().filter(|rollout| !rollout.masked);
            let (n, tokens) = kept.fold((0, 0), |(n, tokens), r| (n + 1, tokens + r.tokens.len() as u64));
            trained.groups += 1;
            trained.rollouts += n;
            trained.tokens += tokens;
            step.trained_tokens += tokens;
        }
        if let Some(sampler) = &stage.sampler {
            let progress = self.progress(stage.plan);
            sampler.observe(&step.batch, &self.plan.domains, &mut self.counters, progress)?;
        }
        if step.trained_tokens == 0 {
            self.counters.empty_batches += 1;
            if self.counters.empty_batches > MAX_EMPTY_BATCHES {
                return Err(RunError::NoSignal { batches: self.counters.empty_batches });
            }
            let why = if step.batch.is_empty() {
                "no group of this batch has an advantage"
            } else {
                "all rollouts of this batch are masked"
            };
            let message = format!("step {}: {why}; nothing was trained", self.counters.step + 1);
            self.warn(message)?;
        } else {
            self.counters.empty_batches = 0;
        }
        Ok(Next::Node)
    }

    /// Reference: log-probabilities of the batch under the policy as it was at the start of the stage.
    pub(super) fn reference(&mut self, stage: &StageRuntime<'_>, node: &Node, step: &mut Step) -> Result<(), RunError> {
        let reference =
            self.stage_start.as_ref().ok_or_else(|| RunError::Plan("the reference policy was not kept".into()))?;
        let temperature = loss_temperature(stage);
        let tokens = batch_tokens(&step.batch);
        let scores = score(reference, &sequences(&tokens), temperature, &self.lanes)?;
        step.worked(node, tokens.len());
        step.reference = Some(scores.logp);
        Ok(())
    }

    /// Loss: the objective of the recipe and the backward pass, over the part of the batch that this update trains.
    pub(super) fn policy_loss(&mut self, node: &Node, step: &mut Step) -> Result<(), RunError> {
        let NodeKind::Loss { surrogate, weight, kl, entropy_coef, temperature, updates, group_size, batch_rollouts } =
            &node.kind
        else {
            return Err(RunError::Plan("not a loss node".into()));
        };
        step.gradients = None;
        let part = part(step.batch.len(), step.updates, *updates);
        let tokens = batch_tokens(&step.batch[part.clone()]);
        step.worked(node, tokens.len());
        // Where the rows of the part begin among those of the batch.
        let before = step.batch[..part.start].iter().flat_map(trained).count();
        let groups = &step.batch[part];
        if tokens.is_empty() {
            return Ok(());
        }
        let rollouts = *batch_rollouts as f64 / *updates as f64;
        let size = UpdateSize { rollouts, prompts: rollouts / *group_size as f64 };
        let lengths: Vec<Vec<usize>> =
            groups.iter().map(|group| trained(group).map(|rollout| rollout.tokens.len()).collect()).collect();
        let shares = token_shares(*weight, size, &lengths)
            .map_err(|why| PolicyError::Sequence { sequence: 0, reason: why.to_string() })?;
        let objective = Objective { surrogate: *surrogate, kl: kl.as_ref(), entropy_coef: *entropy_coef };
        let rollouts: Vec<&Rollout> = groups.iter().flat_map(trained).collect();
        let reference = step.reference.as_ref();
        // One row per sequence: importance ratios, KL. Filled in whatever order lanes work, summed in order of sequences.
        let rows = Mutex::new(vec![(Ratios::default(), 0.0f64); rollouts.len()]);
        let loss = |at: usize, logp: &[f32], entropy: &[f32]| {
            let rollout = rollouts[at];
            let result = objective.sequence(&SequenceTerms {
                logp,
                entropy,
                logp_behavior: &rollout.logp_behavior,
                logp_reference: reference.and_then(|rows| rows.get(before + at)).map(Vec::as_slice),
                advantage: rollout.advantage,
                share: shares[at],
            });
            let mut rows = rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            rows[at] = (result.ratios, result.kl);
            result.loss
        };
        let result = gradients(&self.policy, &sequences(&tokens), *temperature, &self.lanes, &loss)?;
        let rows = rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let n_tokens = lengths.iter().flatten().sum::<usize>() as f64;
        let ratios = rows.iter().map(|row| row.0.count).sum::<usize>().max(1) as f64;
        let entropy: f64 = result.entropy.iter().flatten().map(|h| f64::from(*h)).sum();
        let said = Measures {
            loss: Some(result.loss),
            entropy: Some(entropy / n_tokens),
            clip_fraction: Some(rows.iter().map(|row| row.0.clipped).sum::<usize>() as f64 / ratios),
            importance_ratio_deviation: Some(rows.iter().map(|row| row.0.deviation).sum::<f64>() / ratios),
            kl: kl.as_ref().map(|_| rows.iter().map(|row| row.1).sum::<f64>() / n_tokens),
            ..Measures::default()
        };
        step.measures.add(&said);
        step.gradients = Some(result);
        Ok(())
    }

    /// Optimizer: one update; the walk goes back to the loss while the recipe asks for more from this batch.
    pub(super) fn optimize(
        &mut self,
        stage: &StageRuntime<'_>,
        node: &Node,
        schedule: &Schedule,
        adamw: &AdamW,
        step: &mut Step,
    ) -> Result<Next, RunError> {
        self.counters.step += 1;
        step.updates += 1;
        step.worked(node, 1);
        let lr = adamw.lr * schedule_share(schedule, self.counters.step, stage.plan.max_steps.unwrap_or(u64::MAX));
        step.measures.lr = Some(lr);
        if let Some(gradients) = step.gradients.take() {
            let optimizer =
                self.optimizer.as_mut().ok_or_else(|| RunError::Plan("no optimizer in this stage".into()))?;
            let norm = optimizer.step(&self.policy, &gradients, lr)?.gradient_norm;
            step.measures.add(&Measures { grad_norm: Some(norm), ..Measures::default() });
        }
        let updates = stage.plan.nodes.iter().find_map(|node| match &node.kind {
            NodeKind::Loss { updates, .. } => Some(*updates),
            _ => None,
        });
        let left = stage.plan.max_steps.is_none_or(|max| self.counters.step < max);
        if step.updates < updates.unwrap_or(1) && left { Ok(Next::Back(BackTo::Loss)) } else { Ok(Next::Node) }
    }

    /// Says something in the log and on the screen.
    pub(super) fn warn(&mut self, message: String) -> Result<(), RunError> {
        self.journal.log(&message)?;
        self.world.tell(Progress::Warning(message));
        Ok(())
    }
}

fn loss_temperature(stage: &StageRuntime<'_>) -> f64 {
    let found = stage.plan.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Loss { temperature, .. } => Some(*temperature),
        _ => None,
    });
    found.unwrap_or(1.0)
}

/// The groups that one of several updates trains: contiguous in draw order, as even as can be. Where there are fewer groups than
/// updates, some updates have none.
fn part(groups: usize, update: u64, updates: u64) -> Range<usize> {
    let cut = |at: u64| (groups as u64 * at.min(updates) / updates.max(1)) as usize;
    cut(update)..cut(update + 1)
}

/// The rollouts of a group that are trained.
fn trained(group: &Group) -> impl Iterator<Item = &Rollout> {
    group.rollouts.iter().filter(|rollout| !rollout.masked)
}

/// Prompt and response of every trained rollout, in draw order.
fn batch_tokens(groups: &[Group]) -> Vec<(Vec<u32>, usize)> {
    let mut all = Vec::new();
    for group in groups {
        for rollout in trained(group) {
            let mut tokens = group.draw.prompt.to_vec();
            tokens.extend(&rollout.tokens);
            all.push((tokens, group.draw.prompt.len()));
        }
    }
    all
}

fn sequences(tokens: &[(Vec<u32>, usize)]) -> Vec<Sequence<'_>> {
    tokens.iter().map(|(tokens, prompt_len)| Sequence { tokens, prompt_len: *prompt_len }).collect()
}

#[cfg(test)]
mod tests {
    use super::part;

    /// Every group is trained by exactly one update, and the parts of a full batch are equal.
    #[test]
    fn parts_cover_the_batch() {
        for groups in 0..20 {
            for updates in 1..9 {
                let parts: Vec<_> = (0..updates).map(|update| part(groups, update, updates)).collect();
                assert_eq!(parts.iter().cloned().flatten().collect::<Vec<_>>(), (0..groups).collect::<Vec<_>>());
                let (least, most) = (parts.iter().map(|p| p.len()).min(), parts.iter().map(|p| p.len()).max());
                assert!(most <= least.map(|n| n + 1), "{groups} groups in {updates} updates: {parts:?}");
            }
        }
    }
}
