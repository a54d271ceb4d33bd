//! Recipe to graph. A recipe that was checked can always be lowered: an error from here is our bug.

mod models;
mod rewards;
mod signals;

use crate::formula::{Program, Source, TypedFormula};
use crate::graph::{GraphError, NodeRef, Rate, TrainGraph};
use crate::plan::{Flow, NodeKind, SuitePart, SuitePlan};
use crate::recipe::{Domain, Evaluate, Recipe, Reinforce, Stage, StageWork, Suite, Supervised, Term};
use crate::settings::*;
use crate::vocabulary::signals::{BATCH_MEANS, PRESENT, batch_mean_column};
use models::Models;
use rewards::Rewards;
use signals::SignalNodes;
use std::collections::BTreeMap;

/// The graph of a recipe: a subgraph per stage, joined by weights.
pub fn lower(recipe: &Recipe) -> Result<TrainGraph, GraphError> {
    let mut graph = TrainGraph::new();
    let mut before: Option<NodeRef> = None;
    for stage in &recipe.stages {
        let weights = match &stage.work {
            StageWork::Supervised(supervised) => lower_supervised(&mut graph, recipe, stage, supervised)?,
            StageWork::Reinforce(reinforce) => lower_reinforce(&mut graph, recipe, stage, reinforce)?,
        };
        if let Some(before) = before {
            graph.connect(before, Flow::Weights, weights, None)?;
        }
        before = Some(weights);
    }
    graph.complete_rates(&recipe.domains);
    graph.validate()?;
    Ok(graph)
}

fn lower_supervised(
    graph: &mut TrainGraph,
    recipe: &Recipe,
    stage: &Stage,
    supervised: &Supervised,
) -> Result<NodeRef, GraphError> {
    let name = stage.name.as_str();
    let batch = supervised.batch_problems as f64;
    let data = add_data(graph, stage)?;
    let demonstrations = graph.add(
        name,
        "demonstrations",
        NodeKind::Demonstrations {
            domains: stage.domains.iter().map(|d| d.name.clone()).collect(),
            ratios: stage.domains.iter().map(|d| d.ratio.value).collect(),
            target: supervised.target.clone(),
            batch_problems: supervised.batch_problems,
        },
    )?;
    for (node, domain) in data.iter().zip(&stage.domains) {
        graph.connect(*node, Flow::Demonstrations, demonstrations, rate(batch * domain.ratio.value, "problems"))?;
    }
    let loss = graph.add(name, "loss", NodeKind::SupervisedLoss { batch_problems: supervised.batch_problems })?;
    graph.connect(demonstrations, Flow::Batch, loss, rate(batch, "problems"))?;
    let optimizer = graph.add(
        name,
        "optimizer",
        NodeKind::Optimizer { adamw: supervised.optimizer.clone(), schedule: supervised.schedule.clone() },
    )?;
    graph.connect(loss, Flow::Gradients, optimizer, None)?;
    let weights = graph.add(name, "weights", NodeKind::Weights)?;
    graph.connect(optimizer, Flow::Weights, weights, None)?;
    graph.feed_back(weights, Flow::Weights, loss)?;
    let metrics = graph.add(name, "metrics", NodeKind::Metrics { soft_zone_start: None })?;
    graph.connect(loss, Flow::Measures, metrics, None)?;
    graph.connect(optimizer, Flow::Measures, metrics, None)?;
    add_checkpoint(graph, recipe, name, weights)?;
    Ok(weights)
}

fn lower_reinforce(
    graph: &mut TrainGraph,
    recipe: &Recipe,
    stage: &Stage,
    work: &Reinforce,
) -> Result<NodeRef, GraphError> {
    let name = stage.name.as_str();
    let all_domains = &recipe.domains;
    let constants = constants(recipe, stage, work);
    let train = &work.train;
    let groups = train.batch_rollouts as f64 / train.group_size as f64;
    let rollouts = train.batch_rollouts as f64;

    let data = add_data(graph, stage)?;
    let weight = program(&[("weight", &work.mix.weight)], &constants);
    let reads_batches = reads_batches(&weight);
    let mut models = Models::new(recipe, name);
    let sampler = graph.add(
        name,
        "sampler",
        NodeKind::Sampler {
            domains: stage.domains.iter().map(|d| d.name.clone()).collect(),
            ratios: stage.domains.iter().map(|d| d.ratio.value).collect(),
            count: work.mix.count,
            warmup: work.mix.warmup,
            every_steps: work.mix.every_steps,
            strategy: work.mix.strategy,
            group_size: train.group_size,
            weight,
            groups: train.batch_rollouts / train.group_size.max(1),
        },
    )?;
    for (node, domain) in data.iter().zip(&stage.domains) {
        graph.connect(*node, Flow::Problems, sampler, rate(groups * domain.ratio.value, "problems"))?;
    }
    let caps = all_domains.iter().map(|name| {
        let domain = stage.domains.iter().find(|d| d.name == *name);
        domain.map_or(0, |d| d.output.unwrap_or(work.max_output_tokens))
    });
    let rollout = graph.add(
        name,
        "rollout",
        NodeKind::Rollout {
            group_size: train.group_size,
            sampling: work.rollout.sampling.clone(),
            slots: work.rollout.slots,
            update: work.rollout.update.clone(),
            max_output_tokens: caps.collect(),
        },
    )?;
    graph.connect(sampler, Flow::Draws, rollout, rate(groups, "groups"))?;
    let group = {
        let mut judges = Vec::new();
        for domain in &stage.domains {
            let Some(verifier) = &domain.verify else { continue };
            let verify = graph.add(
                name,
                format!("verify:{}", domain.name),
                NodeKind::Verify {
                    domain: domain.name.clone(),
                    verifier: verifier.clone(),
                    answer: recipe.policy.answer.clone(),
                },
            )?;
            graph.connect(rollout, Flow::Rollouts, verify, rate(rollouts * domain.ratio.value, "rollouts"))?;
            models.feed_judge(graph, verifier, verify)?;
            judges.push((verify, domain));
        }
        let unjudged: Vec<&Domain> = stage.domains.iter().filter(|domain| domain.verify.is_none()).collect();
        let group = graph.add(
            name,
            "group",
            NodeKind::Group {
                unfinished: work.reward.unfinished,
                least_rollouts: train.group_size.min(2),
                unjudged: unjudged.iter().map(|domain| domain.name.clone()).collect(),
            },
        )?;
        // Where nobody judges, rollouts come to their groups as they are.
        if !unjudged.is_empty() {
            let share: f64 = unjudged.iter().map(|domain| domain.ratio.value).sum();
            graph.connect(rollout, Flow::Rollouts, group, rate(rollouts * share, "rollouts"))?;
        }
        for (verify, domain) in judges {
            graph.connect(verify, Flow::Verdicts, group, rate(rollouts * domain.ratio.value, "rollouts"))?;
        }
        group
    };

    // A term that the total does not read would be work for nothing: no node for it.
    let rewards = Rewards::of(stage, work, all_domains);
    let programs: Vec<(&Term, Program)> = work
        .terms
        .iter()
        .filter_map(|term| Some((term, program(&[(&term.name, rewards.terms.get(&term.name)?)], &constants))))
        .collect();
    let mut outputs: Vec<(&str, &TypedFormula)> = Vec::new();
    if let Some(outcome) = &rewards.outcome {
        outputs.push(("outcome", outcome));
    }
    outputs.push(("total", &rewards.total));
    let total = program(&outputs, &constants);
    let readers = programs.iter().map(|(_, program)| program).chain([&total]);
    let signals = SignalNodes::add(graph, recipe, stage, group, readers)?;
    let mut terms: Vec<(&str, NodeRef)> = Vec::new();
    for (term, program) in programs {
        let kind = NodeKind::Penalty { name: term.name.clone(), program: program.clone() };
        let prefix = if term.is_penalty { "penalty" } else { "term" };
        let node = graph.add(name, format!("{prefix}:{}", term.name), kind)?;
        graph.connect(group, Flow::Groups, node, rate(groups, "groups"))?;
        signals.feed(graph, &program, node)?;
        models.feed_scores(graph, &program, node)?;
        for named in term.formula.names(Source::Term) {
            if let Some((_, read)) = terms.iter().find(|(name, _)| *name == named) {
                graph.connect(*read, Flow::Terms, node, rate(rollouts, "rollouts"))?;
            }
        }
        terms.push((&term.name, node));
    }
    let reward = graph.add(name, "reward", NodeKind::Reward { program: total.clone() })?;
    models.feed_scores(graph, &total, reward)?;
    graph.connect(group, Flow::Groups, reward, rate(groups, "groups"))?;
    signals.feed(graph, &total, reward)?;
    for (_, term) in terms {
        graph.connect(term, Flow::Terms, reward, rate(rollouts, "rollouts"))?;
    }
    let rewards = if work.reward.shuffled {
        let shuffle = graph.add(name, "shuffle", NodeKind::Shuffle)?;
        graph.connect(reward, Flow::Rewards, shuffle, rate(rollouts, "rollouts"))?;
        shuffle
    } else {
        reward
    };
    let Algorithm { surrogate, weight, baseline, divide_by_std } = train.algorithm.clone();
    let advantage = graph.add(name, "advantage", NodeKind::Advantage { baseline, divide_by_std })?;
    graph.connect(rewards, Flow::Rewards, advantage, rate(rollouts, "rollouts"))?;
    let filter = graph.add(name, "filter", NodeKind::Filter { drop: train.drop })?;
    graph.connect(advantage, Flow::Advantages, filter, rate(rollouts, "rollouts"))?;
    let batch = graph.add(name, "batch", NodeKind::Batch { rollouts: train.batch_rollouts, refill: train.refill })?;
    graph.connect(filter, Flow::KeptGroups, batch, rate(groups, "groups"))?;

    let loss_kind = NodeKind::Loss {
        surrogate,
        weight,
        kl: train.kl.clone(),
        entropy_coef: train.entropy_coef,
        temperature: work.rollout.sampling.temperature,
        updates: train.updates,
        group_size: train.group_size,
        batch_rollouts: train.batch_rollouts,
    };
    let reference = match &train.kl {
        Some(kl) => Some(graph.add(name, "reference", NodeKind::Reference { to: kl.to.clone() })?),
        None => None,
    };
    let loss = graph.add(name, "loss", loss_kind)?;
    if let Some(reference) = reference {
        graph.connect(batch, Flow::Batch, reference, rate(rollouts, "rollouts"))?;
        if let Some(kl) = &train.kl {
            models.feed(graph, &kl.to, reference)?;
        }
        graph.connect(reference, Flow::ReferenceLogprobs, loss, rate(rollouts, "rollouts"))?;
    }
    graph.connect(batch, Flow::Batch, loss, rate(rollouts, "rollouts"))?;
    let optimizer = graph.add(
        name,
        "optimizer",
        NodeKind::Optimizer { adamw: train.optimizer.clone(), schedule: train.schedule.clone() },
    )?;
    graph.connect(loss, Flow::Gradients, optimizer, None)?;
    let weights = graph.add(name, "weights", NodeKind::Weights)?;
    graph.connect(optimizer, Flow::Weights, weights, None)?;
    graph.feed_back(weights, Flow::Weights, rollout)?;
    graph.feed_back(weights, Flow::Weights, loss)?;
    signals.feed_weights(graph, weights)?;
    let counted = match work.mix.count.at {
        CountPoint::Sampled => rollout,
        CountPoint::Completed => group,
        CountPoint::Trained => batch,
    };
    graph.feed_back(counted, Flow::Counts, sampler)?;
    if reads_batches {
        graph.feed_back(batch, Flow::Measures, sampler)?;
    }

    let soft_zone_start = Some(work.max_output_tokens.saturating_sub(work.buffer_tokens));
    let metrics = graph.add(name, "metrics", NodeKind::Metrics { soft_zone_start })?;
    for source in [batch, loss, optimizer] {
        graph.connect(source, Flow::Measures, metrics, None)?;
    }
    if let Some(evaluate) = &recipe.evaluate {
        let node = graph.add(name, "evaluate", evaluate_node(evaluate, stage))?;
        graph.connect(weights, Flow::Weights, node, None)?;
        let of_domains = || stage.domains.iter().filter_map(|domain| domain.verify.as_ref()).collect();
        for suite in &evaluate.suites {
            let asked: Vec<&VerifierSettings> = suite.verify.as_ref().map_or_else(of_domains, |own| vec![own]);
            for verifier in asked {
                models.feed_judge(graph, verifier, node)?;
            }
        }
    }
    add_checkpoint(graph, recipe, name, weights)?;
    Ok(weights)
}

fn add_data(graph: &mut TrainGraph, stage: &Stage) -> Result<Vec<NodeRef>, GraphError> {
    let mut nodes = Vec::new();
    for domain in &stage.domains {
        let kind = NodeKind::Data {
            domain: domain.name.clone(),
            source: domain.data.clone(),
            rows: domain.rows.clone(),
            prompt: domain.prompt.clone(),
            max_prompt_tokens: stage.max_prompt_tokens,
        };
        nodes.push(graph.add(&stage.name, format!("data:{}", domain.name), kind)?);
    }
    Ok(nodes)
}

fn add_checkpoint(graph: &mut TrainGraph, recipe: &Recipe, stage: &str, weights: NodeRef) -> Result<(), GraphError> {
    let kind = NodeKind::Checkpoint {
        every_steps: recipe.checkpoint.every_steps,
        keep: recipe.checkpoint.keep,
        best: recipe.checkpoint.best.clone(),
    };
    let node = graph.add(stage, "checkpoint", kind)?;
    graph.connect(weights, Flow::Weights, node, None)
}

fn evaluate_node(evaluate: &Evaluate, stage: &Stage) -> NodeKind {
    let suites = evaluate.suites.iter().map(|suite| SuitePlan {
        name: suite.name.clone(),
        parts: suite_parts(suite, &stage.domains),
        samples: suite.samples,
        max_output_tokens: suite.max_output_tokens,
        sampling: suite.sampling.clone(),
    });
    NodeKind::Evaluate { every_steps: evaluate.every_steps, suites: suites.collect() }
}

/// `held_out` means the evaluation side of every domain of the stage, judged by the domain's own verifier.
fn suite_parts(suite: &Suite, domains: &[Domain]) -> Vec<SuitePart> {
    if suite.data == DataSource::HeldOut {
        // A domain without a verifier has nobody to measure it.
        let parts = domains.iter().filter_map(|domain| {
            Some(SuitePart {
                name: domain.name.clone(),
                data: domain.data.clone(),
                rows: domain.rows.clone(),
                prompt: domain.prompt.clone(),
                verify: suite.verify.clone().or_else(|| domain.verify.clone())?,
                problems: suite.problems,
            })
        });
        return parts.collect();
    }
    let Some(verify) = suite.verify.clone() else { return Vec::new() };
    vec![SuitePart {
        name: suite.name.clone(),
        data: suite.data.clone(),
        rows: suite.rows.clone(),
        prompt: None,
        verify,
        problems: suite.problems,
    }]
}

/// Params, and the budgets as this stage sees them. `budget.output` is left to be an input where a domain has a cap of its own.
pub(crate) fn constants(recipe: &Recipe, stage: &Stage, work: &Reinforce) -> BTreeMap<String, f64> {
    let mut constants: BTreeMap<String, f64> =
        recipe.params.iter().map(|param| (param.name.clone(), param.value.value)).collect();
    constants.insert("budget.prompt".into(), stage.max_prompt_tokens as f64);
    constants.insert("budget.buffer".into(), work.buffer_tokens as f64);
    if stage.domains.iter().all(|domain| domain.output.is_none()) {
        constants.insert("budget.output".into(), work.max_output_tokens as f64);
    }
    for (key, value) in [
        ("budget.steps", stage.max_steps.as_ref().map(|steps| steps.value as f64)),
        ("budget.tokens", recipe.max_generated_tokens.map(|tokens| tokens as f64)),
        ("budget.time", recipe.max_wall_clock_seconds),
    ] {
        if let Some(value) = value {
            constants.insert(key.into(), value);
        }
    }
    constants
}

/// Whether the weight of a domain follows what the last batches were like.
fn reads_batches(weight: &Program) -> bool {
    let of_batch = |name: &String| name == PRESENT || BATCH_MEANS.iter().any(|(of, ..)| *name == batch_mean_column(of));
    weight.inputs().iter().any(of_batch)
}

fn program(outputs: &[(&str, &TypedFormula)], constants: &BTreeMap<String, f64>) -> Program {
    let outputs: Vec<(String, &TypedFormula)> =
        outputs.iter().map(|(name, formula)| ((*name).to_string(), *formula)).collect();
    Program::compile(&outputs, constants)
}

fn rate(amount: f64, unit: &'static str) -> Option<Rate> {
    Some(Rate::of_batch(amount, unit))
}
