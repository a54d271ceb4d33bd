//! Opens what the nodes of a stage need, and checks before the first step that every formula can be given its signals.

use super::step::BackTo;
use crate::answer::reference_answer;
use crate::data::{self, Data, Problem, Split};
use crate::error::RunError;
use crate::optimizer::Optimizer;
use crate::policy::Policy;
use crate::prompt::PromptTemplate;
use crate::reward;
use crate::sampler::{DomainState, Sampler};
use crate::verify::judge::models::Models;
use crate::verify::{self, Status, Verdict, Verifier};
use recipec_compiler::plan::{Node, NodeKind, Plan, StagePlan, SuitePlan};
use recipec_compiler::settings::{AdamW, AnswerRule, ComputedSignal, DataSource, RowRules, WeightUpdate};
use std::collections::BTreeMap;
use std::path::Path;

/// The tokens of a prompt as the policy reads it.
pub(crate) type Tokens<'a> = dyn Fn(&str) -> Result<Vec<u32>, String> + 'a;

/// The data of one domain.
pub(crate) struct DomainData {
    /// Problems by number.
    pub(crate) data: Box<dyn Data>,
    /// The prompt as the recipe writes it.
    pub(crate) template: Option<PromptTemplate>,
    /// Longest prompt in tokens.
    pub(crate) max_prompt_tokens: u64,
}

/// The verifier of one domain.
pub(crate) struct Judge {
    /// Who judges.
    pub(crate) verifier: Box<dyn Verifier>,
    /// Which part of a response is the answer.
    pub(crate) answer: AnswerRule,
}

impl Judge {
    /// Judges answers, in order; where the verifier fails it is asked once more.
    pub(crate) fn verdicts(&self, answers: &[(&Problem, Option<&str>)]) -> Vec<Verdict> {
        let mut verdicts = self.verifier.judge_all(answers);
        let failed: Vec<usize> = (0..answers.len())
            .filter(|at| verdicts.get(*at).is_none_or(|verdict| verdict.status == Status::Error))
            .collect();
        if failed.is_empty() {
            return verdicts;
        }
        let again: Vec<(&Problem, Option<&str>)> = failed.iter().filter_map(|at| answers.get(*at).copied()).collect();
        verdicts.resize_with(answers.len(), || Verdict::of(Status::Error, "no verdict"));
        for (at, verdict) in failed.into_iter().zip(self.verifier.judge_all(&again)) {
            if let Some(slot) = verdicts.get_mut(at) {
                *slot = verdict;
            }
        }
        verdicts
    }
}

/// More failures of verifiers than this share end the run.
const MAX_VERIFIER_ERRORS: f64 = 0.05;

/// Ends the run when verifiers failed on more than 5% of what they judged.
pub(crate) fn check_failures(failed: usize, judged: usize, last: &str) -> Result<(), RunError> {
    if failed as f64 > MAX_VERIFIER_ERRORS * judged as f64 {
        return Err(RunError::VerifiersFail { failed, judged, last: last.to_string() });
    }
    Ok(())
}

/// A part of a suite, opened.
pub(crate) struct SuiteData {
    /// The domain, or the suite's name.
    pub(crate) name: String,
    /// Its problems.
    pub(crate) data: DomainData,
    /// Who judges.
    pub(crate) judge: Judge,
    /// How many problems; none means all.
    pub(crate) problems: Option<u64>,
}

/// A stage with everything opened.
pub(crate) struct StageRuntime<'a> {
    pub(crate) plan: &'a StagePlan,
    /// Position of the stage in the plan.
    pub(crate) index: u32,
    pub(crate) data: BTreeMap<String, DomainData>,
    pub(crate) judges: BTreeMap<String, Judge>,
    pub(crate) sampler: Option<Sampler<'a>>,
    pub(crate) suites: Vec<(&'a SuitePlan, Vec<SuiteData>)>,
    /// Whether a node asks for the policy as it was at the start of the stage.
    pub(crate) needs_reference: bool,
    /// Output cap per domain, in the order of the plan's domains.
    pub(crate) caps: Vec<u64>,
}

impl<'a> StageRuntime<'a> {
    /// Opens the data and verifiers of a stage.
    pub(crate) fn open(
        plan: &'a Plan,
        stage: &'a StagePlan,
        tokens: &Tokens<'_>,
        folder: &Path,
        models: &mut Models,
    ) -> Result<Self, RunError> {
        let index = plan.stages.iter().position(|s| std::ptr::eq(s, stage)).unwrap_or(0) as u32;
        let mut opened = Self {
            plan: stage,
            index,
            data: BTreeMap::new(),
            judges: BTreeMap::new(),
            sampler: None,
            suites: Vec::new(),
            needs_reference: false,
            caps: Vec::new(),
        };
        let mut made: Vec<String> = Vec::new();
        for node in &stage.nodes {
            opened.open_node(plan, node, folder, &mut made, models)?;
        }
        if let Some(sampler) = &opened.sampler {
            sampler.check()?;
        }
        opened.try_prompts(tokens)?;
        Ok(opened)
    }

    fn open_node(
        &mut self,
        plan: &'a Plan,
        node: &'a Node,
        folder: &Path,
        made: &mut Vec<String>,
        models: &mut Models,
    ) -> Result<(), RunError> {
        match &node.kind {
            NodeKind::Data { domain, source, rows, prompt, max_prompt_tokens } => {
                let data = open_data(domain, (source, rows), prompt.as_deref(), *max_prompt_tokens, plan.seed, folder)?;
                self.data.insert(domain.clone(), data);
            }
            NodeKind::Verify { domain, verifier, answer } => {
                self.judges.insert(domain.clone(), open_judge(domain, verifier, answer, (self.plan, models))?);
            }
            NodeKind::Sampler { domains, ratios, count, warmup, weight, every_steps, strategy, group_size, .. } => {
                let states = domains.iter().zip(ratios).map(|(name, ratio)| DomainState { name, ratio: *ratio });
                self.sampler = Some(Sampler {
                    domains: states.collect(),
                    count: *count,
                    warmup: *warmup,
                    every_steps: *every_steps,
                    strategy: *strategy,
                    group_size: *group_size,
                    weight,
                });
            }
            NodeKind::Rollout { update, max_output_tokens, .. } => {
                if let WeightUpdate::InFlight { .. } = update {
                    return Err(RunError::Unsupported {
                        what: "`rollout.update = in_flight`".into(),
                        why: "use `update = between_batches` and `train.max_lag = 0 steps`".into(),
                    });
                }
                self.caps.clone_from(max_output_tokens);
            }
            NodeKind::Signal { signal, domains, .. } => {
                self.check_references(*signal, domains)?;
                made.push(signal.name().to_string());
            }
            NodeKind::Penalty { program, .. } | NodeKind::Reward { program } => {
                reward::check_inputs(&node.id, program, made)?;
                made.extend(program.outputs().iter().cloned());
            }
            // Opened by the verifier that asks it; a formula or a loss that asks one is refused at its own node.
            NodeKind::Model { .. } => {}
            NodeKind::Reference { to } => {
                if to != "base" {
                    return Err(RunError::Unsupported {
                        what: format!("a reference model `{to}`"),
                        why: "use `to = base`, the policy at the start of the stage".into(),
                    });
                }
                self.needs_reference = true;
            }
            NodeKind::Evaluate { suites, .. } => {
                for suite in suites {
                    self.suites.push((suite, open_suite(plan, self.plan, suite, folder, models)?));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The first problem of every domain has the reference answer that a signal reads: asked before anything is spent.
    fn check_references(
        &self,
        signal: ComputedSignal,
        domains: &BTreeMap<String, Option<String>>,
    ) -> Result<(), RunError> {
        for (domain, column) in domains.iter().filter_map(|(domain, column)| Some((domain, column.as_ref()?))) {
            // A domain without a row to train on is refused with its prompts.
            let Some(source) = self.data.get(domain).filter(|source| source.data.len(Split::Train) != Some(0)) else {
                continue;
            };
            reference_answer(&source.problem(Split::Train, 0), column, signal.name())
                .map_err(|source| RunError::Data { domain: domain.clone(), source })?;
        }
        Ok(())
    }

    /// One prompt of every domain goes through the tokenizer before anything is spent.
    fn try_prompts(&self, tokens: &Tokens<'_>) -> Result<(), RunError> {
        for (name, domain) in &self.data {
            if domain.data.len(Split::Train) == Some(0) {
                let why = "its data has no row to train on".to_string();
                return Err(RunError::BadPrompt { domain: name.clone(), why });
            }
            let problem = domain.problem(Split::Train, 0);
            tokens(&problem.prompt).map_err(|why| RunError::BadPrompt { domain: name.clone(), why })?;
            if let Some(judge) = self.judges.get(name) {
                judge.verifier.check(&problem).map_err(|why| RunError::BadPrompt { domain: name.clone(), why })?;
            }
        }
        Ok(())
    }

    /// The optimizer that the stage's optimizer node asks for.
    pub(crate) fn optimizer(&self, policy: &Policy) -> Result<Option<Optimizer>, RunError> {
        Ok(match optimizer_settings(self.plan) {
            Some(settings) => Some(Optimizer::new(settings, policy)?),
            None => None,
        })
    }

    /// The position to which a walk goes back.
    pub(super) fn position(&self, to: BackTo) -> Result<usize, RunError> {
        let wanted = |kind: &NodeKind| match to {
            BackTo::Sampler => matches!(kind, NodeKind::Sampler { .. }),
            BackTo::Loss => matches!(kind, NodeKind::Loss { .. } | NodeKind::SupervisedLoss { .. }),
        };
        self.plan
            .nodes
            .iter()
            .position(|node| wanted(&node.kind))
            .ok_or_else(|| RunError::Plan(format!("no node to go back to for {to:?}")))
    }
}

impl DomainData {
    /// The row behind the `number`-th draw of training: finite data is shuffled anew each time through, a generator is not (its
    /// problems are random by themselves).
    pub(crate) fn row(&self, seed: u64, stage: u32, number: u64) -> u64 {
        match self.data.len(Split::Train) {
            Some(len) => data::shuffle::shuffled(seed, stage, len, number),
            None => number,
        }
    }

    /// A problem with its prompt as the recipe writes it.
    pub(crate) fn problem(&self, split: Split, index: u64) -> Problem {
        let mut problem = self.data.problem(split, index);
        if let Some(template) = &self.template {
            problem.prompt = template.fill(&problem);
        }
        problem
    }
}

/// What the optimizer node of a stage says.
pub(crate) fn optimizer_settings(stage: &StagePlan) -> Option<&AdamW> {
    stage.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Optimizer { adamw, .. } => Some(adamw),
        _ => None,
    })
}

/// Opens data and verifiers of a suite.
pub(crate) fn open_suite(
    plan: &Plan,
    stage: &StagePlan,
    suite: &SuitePlan,
    folder: &Path,
    models: &mut Models,
) -> Result<Vec<SuiteData>, RunError> {
    let mut parts = Vec::new();
    for part in &suite.parts {
        let source = (&part.data, &part.rows);
        let data = open_data(&part.name, source, part.prompt.as_deref(), u64::MAX, plan.seed, folder)?;
        let judge = open_judge(&part.name, &part.verify, &plan.policy.answer, (stage, models))?;
        parts.push(SuiteData { name: part.name.clone(), data, judge, problems: part.problems });
    }
    Ok(parts)
}

fn open_data(
    domain: &str,
    (source, rows): (&DataSource, &RowRules),
    prompt: Option<&str>,
    max_prompt_tokens: u64,
    seed: u64,
    folder: &Path,
) -> Result<DomainData, RunError> {
    let data =
        data::open(source, rows, seed, folder).map_err(|source| RunError::Data { domain: domain.into(), source })?;
    let template = match prompt {
        Some(text) => {
            let template = PromptTemplate::parse(text);
            Some(template.map_err(|why| RunError::BadPrompt { domain: domain.into(), why })?)
        }
        None => None,
    };
    Ok(DomainData { data, template, max_prompt_tokens })
}

fn open_judge(
    domain: &str,
    settings: &recipec_compiler::settings::VerifierSettings,
    answer: &AnswerRule,
    (stage, models): (&StagePlan, &mut Models),
) -> Result<Judge, RunError> {
    let verifier = match settings.name.as_str() {
        "judge" => models.judge(domain, stage, settings)?,
        _ => verify::open(settings).map_err(|source| RunError::Verifier { domain: domain.into(), source })?,
    };
    Ok(Judge { verifier, answer: answer.clone() })
}
