//! Before the first step: every phase of every stage once, so that what would fail in the first evaluation or on the longest batch
//! fails in the first minute. Results are thrown away, and no bit of the run changes: weights and counters are not written to, and
//! random numbers come from streams of their own.

use super::setup::{DomainData, StageRuntime, SuiteData};
use super::step::Step;
use super::{StoppedBy, Trainer};
use crate::answer::answer_part;
use crate::checkpoint::{self, CHECKPOINTS, Contents};
use crate::data::{Problem, Split};
use crate::disk;
use crate::error::RunError;
use crate::evaluate::held_out;
use crate::generate::{Engine, Request, StopReason, generate};
use crate::policy::gradient::{LANES, Sequence, SequenceLoss, gradients};
use crate::prompt;
use crate::rng::{Purpose, Stream};
use crate::rollout::{Draw, Rollout};
use crate::verify::Status;
use crate::world::Progress;
use recipec_compiler::plan::{NodeKind, StagePlan};
use recipec_compiler::settings::Sampling;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows of a domain among which the longest prompt is looked for.
const ROWS: u64 = 128;

/// Tokens of a response that are really decoded.
const TOKENS: usize = 8;

/// Problems of a domain that a verifier is tried with; a single bad row is no reason to end.
const TRIES: usize = 3;

/// Seconds that the longest batch may take; where it would take more, only its memory is asked for.
const LONGEST_BATCH: f64 = 20.0;

/// Tokens of the batch that tells how long the longest one takes.
const SHORT: usize = 128;

/// A prompt of a domain with its problem.
struct Tried {
    problem: Problem,
    prompt: Arc<[u32]>,
}

impl Trainer<'_> {
    /// Tries every phase of the stages that are left.
    pub(super) fn try_everything(&mut self) -> Result<(), RunError> {
        let began = self.world.seconds();
        // The counters are written to by nodes; the probe's numbers leave with the copy.
        let counters = self.counters.clone();
        let tried = self.try_stages();
        self.counters = counters;
        tried?;
        if self.world.interrupted() {
            return Ok(());
        }
        let seconds = self.world.seconds() - began;
        self.world.tell(Progress::Note(format!("probe: every phase was tried once, in {seconds:.1} s")));
        Ok(())
    }

    fn try_stages(&mut self) -> Result<(), RunError> {
        let plan = self.plan;
        for (at, stage) in plan.stages.iter().enumerate().skip(self.counters.stage) {
            if self.used_up(stage) == Some(StoppedBy::Interrupt) {
                return Ok(());
            }
            let folder = self.world.data_folder().to_path_buf();
            let (tokenizer, template) = (&self.tokenizer, self.template.as_ref());
            let tokens = |text: &str| prompt::tokens(tokenizer, template, text);
            let runtime = StageRuntime::open(plan, stage, &tokens, &folder, &mut self.models)?;
            self.counters.stage = at;
            self.try_stage(&runtime)?;
        }
        if plan.stages.iter().any(|stage| stage.nodes.iter().any(|n| matches!(n.kind, NodeKind::Checkpoint { .. }))) {
            self.try_checkpoint().map_err(at("checkpoint", None))?;
        }
        Ok(())
    }

    fn try_stage(&mut self, stage: &StageRuntime<'_>) -> Result<(), RunError> {
        let name = || Some(format!("stage `{}`", stage.plan.name));
        let mut longest = 0;
        let mut problems: BTreeMap<String, Vec<Tried>> = BTreeMap::new();
        for (domain, data) in &stage.data {
            let tried =
                self.longest_prompts(stage, domain, data).map_err(at("rollout", Some(format!("`{domain}`"))))?;
            longest = longest.max(tried.iter().map(|one| one.prompt.len()).max().unwrap_or(0));
            problems.insert(domain.clone(), tried);
        }
        if let Some((group_size, sampling, slots)) = rollout(stage.plan) {
            let cap = stage.caps.iter().copied().max().unwrap_or(0);
            self.try_memory(slots, longest as u64 + cap).map_err(at("rollout", name()))?;
            self.try_groups(stage, &problems, group_size, sampling)?;
            self.try_training(longest, cap as usize).map_err(at("training", name()))?;
            if stage.needs_reference {
                self.policy.snapshot().map_err(at("training", name()))?;
            }
        } else {
            let length = self.longest_demonstration(stage, &problems).map_err(at("training", name()))?;
            self.try_training(longest, length).map_err(at("training", name()))?;
        }
        stage.optimizer(&self.policy).map_err(at("training", name()))?;
        for (suite, parts) in &stage.suites {
            for part in parts {
                let place = format!("suite `{}`, `{}`", suite.name, part.name);
                let cap = suite.max_output_tokens as usize;
                self.try_suite(part, &suite.sampling, cap).map_err(at("evaluation", Some(place)))?;
            }
        }
        Ok(())
    }

    /// The longest prompt among the first rows of a domain, and the first rows themselves.
    fn longest_prompts(
        &self,
        stage: &StageRuntime<'_>,
        domain: &str,
        data: &DomainData,
    ) -> Result<Vec<Tried>, RunError> {
        let rows = data.data.len(Split::Train).unwrap_or(ROWS).min(ROWS);
        let mut all = Vec::new();
        for number in 0..rows {
            let problem = data.problem(Split::Train, data.row(self.plan.seed, stage.index, number));
            let bad = |why| RunError::BadPrompt { domain: domain.to_string(), why };
            let prompt = self.prompt_tokens(&problem.prompt).map_err(bad)?;
            if !prompt.is_empty() && prompt.len() as u64 <= data.max_prompt_tokens {
                all.push(Tried { problem, prompt: Arc::from(prompt) });
            }
        }
        // The longest comes first; of those that are equal the order is that of the rows.
        let longest = (0..all.len()).max_by_key(|at| (all[*at].prompt.len(), std::cmp::Reverse(*at)));
        if let Some(longest) = longest {
            all[..=longest].rotate_right(1);
        }
        all.truncate(TRIES);
        Ok(all)
    }

    /// Keys and values of all slots at the cap must fit into the memory that is free.
    fn try_memory(&self, slots: u64, positions: u64) -> Result<(), RunError> {
        let shape = &self.policy.shape;
        // Keys and values of every layer, 4 bytes a number.
        let token = 8 * (shape.layers * shape.kv_heads * shape.head_width) as u64;
        let needed = token.saturating_mul(slots).saturating_mul(positions);
        match self.world.free_memory() {
            Some(free) if needed > free => Err(RunError::Memory {
                what: format!("decoding {slots} rollouts of {positions} tokens at once"),
                needed: gib(needed),
                free: gib(free),
            }),
            _ => Ok(()),
        }
    }

    /// One group of every domain: a few tokens are sampled and judged, and every formula is computed.
    fn try_groups(
        &mut self,
        stage: &StageRuntime<'_>,
        problems: &BTreeMap<String, Vec<Tried>>,
        group_size: u64,
        sampling: &Sampling,
    ) -> Result<(), RunError> {
        let plan = self.plan;
        for (number, name) in plan.domains.iter().enumerate() {
            let cap = stage.caps.get(number).copied().unwrap_or(0);
            let Some(tried) = problems.get(name).filter(|_| cap > 0) else { continue };
            let mut failed: Option<RunError> = None;
            for (row, one) in tried.iter().enumerate() {
                let rollouts = self
                    .few_tokens(&one.prompt, (number as u32, row as u32), group_size, cap as usize, sampling)
                    .map_err(at("rollout", Some(format!("`{name}`"))))?;
                let draw = Draw {
                    number: row as u64,
                    domain: number,
                    problem: one.problem.clone(),
                    prompt: Arc::clone(&one.prompt),
                };
                let done = self.judge_and_reward(stage, draw, rollouts, name);
                failed = done.err();
                match &failed {
                    // Another row may be judged where this one was not.
                    Some(RunError::Probe { source, .. }) if matches!(**source, RunError::VerifiersFail { .. }) => {}
                    Some(_) => break,
                    None => break,
                }
            }
            if let Some(why) = failed {
                return Err(why);
            }
        }
        Ok(())
    }

    fn few_tokens(
        &self,
        prompt: &Arc<[u32]>,
        (place, row): (u32, u32),
        group_size: u64,
        cap: usize,
        sampling: &Sampling,
    ) -> Result<Vec<Rollout>, RunError> {
        let request = |idx: u64| Request {
            stream: Stream::new(self.plan.seed, Purpose::Probe, place, row, idx as u32),
            prompt: Arc::clone(prompt),
            max_new_tokens: cap.min(TOKENS),
            sampling: sampling.clone(),
        };
        let requests: Vec<Request> = (0..group_size).map(request).collect();
        let engine = Engine {
            end_tokens: self.tokenizer.end_tokens().to_vec(),
            ..Engine::new(requests.len().max(1), self.tokenizer.end_token(), self.lanes.threads)
        };
        let generated = generate(&self.policy, &requests, &engine, &mut |_| ControlFlow::Continue(()))?;
        let rollout = |(idx, response): (usize, crate::generate::Generated)| {
            let (text, reasoning_tokens, answer_tokens) = self.read_response(response.body());
            Rollout {
                idx,
                // Only the probe cut it: it counts as one that ended by itself.
                stop: StopReason::EndToken,
                truncated: false,
                tokens: response.tokens,
                logp_behavior: response.logp_behavior,
                logp_sampled: response.logp_sampled,
                version: self.counters.step,
                text,
                reasoning_tokens,
                answer_tokens,
                verdict: None,
                masked: false,
                signals: BTreeMap::new(),
                terms: BTreeMap::new(),
                total_reward: 0.0,
                advantage: 0.0,
            }
        };
        Ok(generated.into_iter().enumerate().map(rollout).collect())
    }

    /// Walks the nodes from the verdict to the reward with one group.
    fn judge_and_reward(
        &mut self,
        stage: &StageRuntime<'_>,
        draw: Draw,
        rollouts: Vec<Rollout>,
        domain: &str,
    ) -> Result<(), RunError> {
        let mut step = Step::begin(0.0);
        step.sampled.push((draw, rollouts));
        let record = self.record.take();
        let mut done = Ok(());
        for node in &stage.plan.nodes {
            let phase = match &node.kind {
                NodeKind::Verify { .. } | NodeKind::Group { .. } => "verify",
                NodeKind::Signal { .. } | NodeKind::Penalty { .. } | NodeKind::Reward { .. } => "reward",
                _ => continue,
            };
            if let Err(why) = self.node(stage, node, &mut step) {
                done = Err(at(phase, Some(format!("`{domain}`")))(why));
                break;
            }
        }
        self.record = record;
        done
    }

    /// Forward and backward pass over sequences as long as the longest that can come, one for each thread.
    fn try_training(&mut self, prompt: usize, cap: usize) -> Result<(), RunError> {
        let (prompt, cap) = (prompt.max(1), cap.max(1));
        let short = cap.min(SHORT);
        let began = self.world.seconds();
        self.train_once(prompt.min(SHORT), short)?;
        let seconds = self.world.seconds() - began;
        let growth = (prompt + cap) as f64 / (prompt.min(SHORT) + short) as f64;
        if growth <= 1.0 {
            return Ok(());
        }
        // Attention grows with the square of the length; the rest in proportion.
        if seconds * growth * growth.sqrt() > LONGEST_BATCH {
            let message = format!("probe: a batch of {} tokens was not tried, because it takes too long", prompt + cap);
            self.world.tell(Progress::Note(message));
            return Ok(());
        }
        self.train_once(prompt, cap)
    }

    fn train_once(&self, prompt: usize, response: usize) -> Result<(), RunError> {
        let tokens = vec![self.tokenizer.end_token(); prompt + response];
        let sequences = vec![Sequence { tokens: &tokens, prompt_len: prompt }; self.lanes.threads.clamp(1, LANES)];
        let share = 1.0 / (response * sequences.len()) as f32;
        let loss = |_: usize, logp: &[f32], _: &[f32]| SequenceLoss {
            loss: 0.0,
            d_logp: vec![-share; logp.len()],
            d_entropy: Vec::new(),
        };
        gradients(&self.policy, &sequences, 1.0, &self.lanes, &loss)?;
        Ok(())
    }

    /// Tokens of the longest demonstration among the rows that are tried.
    fn longest_demonstration(
        &self,
        stage: &StageRuntime<'_>,
        problems: &BTreeMap<String, Vec<Tried>>,
    ) -> Result<usize, RunError> {
        let target = stage.plan.nodes.iter().find_map(|node| match &node.kind {
            NodeKind::Demonstrations { target, .. } => Some(target.as_str()),
            _ => None,
        });
        let mut longest = 1;
        for (domain, data) in &stage.data {
            let rows = problems.get(domain).map_or(0, Vec::len) as u64;
            for number in 0..rows {
                let row = data.row(self.plan.seed, stage.index, number);
                let text = data.data.demonstration(Split::Train, row, target.unwrap_or_default()).unwrap_or_default();
                let bad = |why: String| RunError::BadPrompt { domain: domain.clone(), why };
                let tokens = self.tokenizer.encode(&text).map_err(|why| bad(why.to_string()))?;
                longest = longest.max(tokens.len() + 1);
            }
        }
        Ok(longest)
    }

    /// The first problems of a suite: a few tokens, judged.
    fn try_suite(&self, part: &SuiteData, sampling: &Sampling, cap: usize) -> Result<(), RunError> {
        let mut last = None;
        let mut tried = 0;
        for (row, problem) in held_out(part, TRIES as u64).into_iter().enumerate() {
            let bad = |why| RunError::BadPrompt { domain: part.name.clone(), why };
            let prompt: Arc<[u32]> = Arc::from(self.prompt_tokens(&problem.prompt).map_err(bad)?);
            // Domains of training have places below 2^15.
            let rollouts = self.few_tokens(&prompt, (1 << 15, row as u32), 1, cap, sampling)?;
            let text = rollouts.first().map(|rollout| rollout.text.as_str()).unwrap_or_default();
            let answer = answer_part(text, &part.judge.answer).and_then(|range| text.get(range));
            let verdicts = part.judge.verdicts(&[(&problem, answer)]);
            let Some(verdict) = verdicts.into_iter().next() else { continue };
            if verdict.status != Status::Error {
                return Ok(());
            }
            tried += 1;
            last = verdict.detail;
        }
        match tried {
            0 => Ok(()),
            _ => Err(RunError::Unjudged { tried, last: last.unwrap_or_default() }),
        }
    }

    /// A whole checkpoint is written to a place of its own, read back and removed.
    fn try_checkpoint(&mut self) -> Result<(), RunError> {
        let folder = self.world.folder().join(CHECKPOINTS);
        std::fs::create_dir_all(&folder).map_err(RunError::io("cannot make", &folder))?;
        // What a kill leaves under this name is removed with everything else that was begun.
        let place = folder.join(".gone-probe");
        let settings = self.plan.stages.iter().find_map(super::optimizer_settings);
        let optimizer = match settings {
            Some(settings) => Some(crate::optimizer::Optimizer::new(settings, &self.policy)?),
            None => None,
        };
        let contents = Contents {
            policy: &self.policy,
            tokenizer: &self.tokenizer,
            optimizer: optimizer.as_ref(),
            reference: None,
            counters: &self.counters,
            lengths: BTreeMap::new(),
            plan: self.plan,
            fingerprint: &self.fingerprint,
            origin: self.origin.as_ref(),
        };
        let written = checkpoint::write(&place, &contents).and_then(|_| checkpoint::state(&place));
        if place.exists() {
            disk::remove_pieces(&place).map_err(RunError::io("cannot remove", &place))?;
        }
        written.map(|_| ())
    }
}

/// Names the phase in a failure.
fn at<E: Into<RunError>>(phase: &'static str, place: Option<String>) -> impl FnOnce(E) -> RunError {
    move |source| RunError::Probe { phase, place, source: Box::new(source.into()) }
}

fn rollout(stage: &StagePlan) -> Option<(u64, &Sampling, u64)> {
    stage.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Rollout { group_size, sampling, slots, .. } => Some((*group_size, sampling, *slots)),
        _ => None,
    })
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}
