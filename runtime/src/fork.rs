//! Another run that begins with a checkpoint: weights and moments are taken over, and of the rest what the new plan has a place for.

use crate::checkpoint::{self, Contents, START, State};
use crate::counters::{Counters, DomainCounts};
use crate::error::RunError;
use crate::journal::Journal;
use crate::model;
use crate::origin::{Fork, Origin};
use crate::policy::shape::Shape;
use crate::run;
use crate::train::Speed;
use candle_core::Device;
use recipec_compiler::plan::{Node, NodeKind, Plan, StagePlan};
use recipec_compiler::settings::{ModelSource, Trainable};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The part that says whether a stage goes on.
const STAGE: &str = "stage and steps";

/// One part of the state: whether it is carried over, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The part: `moments`.
    pub part: &'static str,
    /// Whether the new run has it.
    pub kept: bool,
    /// What that means, in a few words.
    pub how: String,
}

/// Which checkpoint of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// After so many optimizer steps of the run.
    Step(u64),
    /// The one that is best by its suite.
    Best,
    /// The newest.
    Last,
}

/// The checkpoint of a run at a point.
pub fn find(run: &Path, point: Point) -> Result<PathBuf, RunError> {
    checkpoint::settle(run)?;
    let all = checkpoint::list(run)?;
    let wanted = match point {
        Point::Step(step) => Some(step),
        Point::Last => all.last().map(|(step, _)| *step),
        Point::Best => checkpoint::best(run)?.map(|best| best.step),
    };
    if let Some((_, path)) = all.iter().find(|(step, _)| Some(*step) == wanted) {
        return Ok(path.clone());
    }
    let there: Vec<String> = all.iter().map(|(step, _)| step.to_string()).collect();
    let why = match (point, there.is_empty()) {
        (_, true) => "the run has no checkpoint".to_string(),
        (Point::Best, _) => "the run has no best checkpoint; write `checkpoint { best = SUITE }`".to_string(),
        _ => format!("the run keeps checkpoints of the steps {}", there.join(", ")),
    };
    let name = wanted.map_or_else(|| "best".to_string(), |step| format!("step-{step}"));
    Err(RunError::Fork { checkpoint: run.join(checkpoint::CHECKPOINTS).join(name), why })
}

/// Writes the state that a run of `plan` in the folder `into` begins with, made from a checkpoint of `from`. `origin` is completed with
/// where the run was forked from, and written too. The run then begins as one that is resumed.
pub fn begin(
    from: &Path,
    checkpoint: &Path,
    plan: &Plan,
    into: &Path,
    origin: &mut Origin,
    (device, speed): (&Device, Speed),
) -> Result<Vec<Carried>, RunError> {
    let state = checkpoint::state(checkpoint)?;
    let was = checkpoint::plan(checkpoint)?;
    let model = opened(checkpoint, &was, plan, Path::new(&origin.recipe_folder), (device, speed))?;
    let mut carried = vec![weights(checkpoint, plan, &model)?];
    let same = was.fingerprint() == plan.fingerprint();
    let counters = if same {
        let how = "the recipe means the same: the run goes on as if it had never ended".to_string();
        carried.push(Carried { part: "everything else", kept: true, how });
        state.counters.clone()
    } else {
        merged(&state, &was, plan, &mut carried)
    };
    let stage = plan.stages.get(counters.stage);
    let in_stage = same || carried.iter().any(|carried| carried.part == STAGE && carried.kept);
    // The moments are of the numbers that are trained: of all weights or of adapters, with or without wider copies of them.
    let trained = |plan: &Plan| (plan.policy.train.clone(), plan.policy.precision);
    let goes_on = in_stage && trained(&was) == trained(plan) && stage.is_some_and(has_optimizer);
    let optimizer = match state.optimizer_steps.filter(|_| goes_on) {
        Some(steps) => Some(checkpoint::load_optimizer(checkpoint, plan, counters.stage, &model.policy, steps)?),
        None => None,
    };
    let wants_reference = stage.is_some_and(|stage| stage.nodes.iter().any(|node| is_reference(&node.kind)));
    let reference = match state.has_reference && in_stage && (same || wants_reference) {
        true => Some(checkpoint::load_reference(checkpoint, device)?),
        false => None,
    };
    if !same {
        carried.push(moments(optimizer.is_some(), in_stage));
        if wants_reference {
            let how = match reference {
                Some(_) => "the policy at the start of the stage, as it was",
                None => "none was kept: the policy of the checkpoint is the reference from now on",
            };
            carried.push(Carried { part: "reference policy", kept: reference.is_some(), how: how.into() });
        }
    }
    // What was written up to the checkpoint is the history of a run that goes on; another recipe has a history of its own.
    let lengths = if same { state.lengths.clone() } else { BTreeMap::new() };
    Journal::new(into).take_over(from, &lengths)?;
    origin.forked_from = Some(Fork {
        run: from.display().to_string(),
        step: state.counters.total_steps(),
        checkpoint: state.seal.clone(),
        weights: model.policy.digest()?,
        recipe_hash: state.origin.as_ref().map(|origin| origin.recipe_hash.clone()).unwrap_or_default(),
    });
    let contents = Contents {
        policy: &model.policy,
        tokenizer: &model.tokenizer,
        optimizer: optimizer.as_ref(),
        reference: reference.as_ref(),
        counters: &counters,
        lengths,
        plan,
        fingerprint: &plan.fingerprint(),
        origin: Some(origin),
    };
    checkpoint::write(&into.join(START), &contents)?;
    run::write_plan(plan, into)?;
    origin.write(into)?;
    Ok(carried)
}

/// The model of the checkpoint as the new plan trains it. Adapters belong to the weights below them.
fn opened(
    checkpoint: &Path,
    was: &Plan,
    plan: &Plan,
    data_folder: &Path,
    (device, speed): (&Device, Speed),
) -> Result<model::Model, RunError> {
    let below = |plan: &Plan| (plan.policy.source.clone(), plan.policy.train.clone(), plan.policy.precision, plan.seed);
    if let Trainable::Lora { .. } = plan.policy.train
        && below(was) != below(plan)
    {
        let why =
            "its adapters would lie on other weights; write `source = folder(\"…\")` with this checkpoint".to_string();
        return Err(RunError::Fork { checkpoint: checkpoint.to_owned(), why });
    }
    run::of_checkpoint(plan, checkpoint, data_folder, device, speed)
}

/// The weights are those of the checkpoint, whatever source the recipe names; they must have the shape that it asks for.
fn weights(checkpoint: &Path, plan: &Plan, model: &model::Model) -> Result<Carried, RunError> {
    let carried = |how: &str| Ok(Carried { part: "weights", kept: true, how: how.into() });
    match &plan.policy.source {
        ModelSource::Fresh(architecture) => {
            let asked = Shape::fresh(architecture, model.tokenizer.vocab_size());
            if asked.layers != model.policy.shape.layers
                || crate::policy::parameter_shapes(&asked)? != crate::policy::parameter_shapes(&model.policy.shape)?
            {
                let why = "`model.policy.source` has another shape than its weights".to_string();
                return Err(RunError::Fork { checkpoint: checkpoint.to_owned(), why });
            }
            carried("those of the checkpoint")
        }
        _ => carried("those of the checkpoint, in place of `model.policy.source`"),
    }
}

fn moments(kept: bool, in_stage: bool) -> Carried {
    let how = match (kept, in_stage) {
        (true, _) => "both moments of every weight, under the optimizer settings of the new recipe",
        (false, true) => "the checkpoint or the stage has no optimizer, or other weights are trained",
        (false, false) => "the stage begins, and its moments with it",
    };
    Carried { part: "moments", kept, how: how.into() }
}

/// The counters of a checkpoint as another plan can go on with them.
fn merged(state: &State, was: &Plan, plan: &Plan, carried: &mut Vec<Carried>) -> Counters {
    let old = was.stages.get(state.counters.stage);
    let at =
        old.and_then(|old| plan.stages.iter().position(|stage| stage.name == old.name && kind(stage) == kind(old)));
    let mut push = |part: &'static str, kept: bool, how: String| carried.push(Carried { part, kept, how });
    let (Some(old), Some((at, new))) = (old, at.and_then(|at| Some((at, plan.stages.get(at)?)))) else {
        let name = old.map(|old| old.name.as_str()).unwrap_or_default();
        let first = plan.stages.first().map(|stage| stage.name.as_str()).unwrap_or_default();
        push(STAGE, false, format!("there is no stage `{name}` of its kind: the run begins with `{first}`"));
        push("draws", false, "the stage begins with draw 0".into());
        return Counters {
            steps_before: state.counters.total_steps(),
            generated_tokens: state.counters.generated_tokens,
            seconds: state.counters.seconds,
            ..Counters::default()
        };
    };
    // The new run is evaluated where it begins: that is what its later evaluations are compared with.
    let mut counters = Counters { stage: at, evaluated: None, ..state.counters.clone() };
    push(STAGE, true, format!("`{}` goes on from step {}", new.name, counters.step));
    push("draws", true, format!("the next draw is number {}", counters.draw));
    let before = std::mem::take(&mut counters.domains);
    let (mut again, mut fresh) = (Vec::new(), Vec::new());
    for name in &plan.domains {
        let Some(mut counts) = before.get(name).copied() else {
            fresh.push(name.clone());
            continue;
        };
        if was.seed != plan.seed || data_of(old, name) != data_of(new, name) {
            counts = DomainCounts { next_problem: 0, too_long: 0, ..counts };
            again.push(name.clone());
        }
        counters.domains.insert(name.clone(), counts);
    }
    push(
        "data position",
        again.is_empty(),
        match again.is_empty() {
            true => "every domain goes on with its next problem".into(),
            false => format!("other rows or another seed, from the first problem again: {}", again.join(", ")),
        },
    );
    push(
        "sampler counts",
        fresh.is_empty(),
        match fresh.is_empty() {
            true => "sampled, completed and trained, of every domain".into(),
            false => format!("not there before, from 0: {}", fresh.join(", ")),
        },
    );
    let same = |pick: fn(&NodeKind) -> bool| node(old, pick) == node(new, pick);
    let mix = same(|kind| matches!(kind, NodeKind::Sampler { .. }));
    if !mix {
        counters.mix = Default::default();
    }
    push("memory of the mix", mix, if mix { "averages and kept weights" } else { "the mix is another one" }.into());
    if !same(|kind| matches!(kind, NodeKind::Evaluate { .. })) {
        counters.best = None;
        push("best so far", false, "the evaluation is another one".into());
    }
    push("tokens and time", true, format!("{} tokens count against the budget", counters.generated_tokens));
    counters
}

fn has_optimizer(stage: &StagePlan) -> bool {
    crate::train::optimizer_settings(stage).is_some()
}

fn is_reference(kind: &NodeKind) -> bool {
    matches!(kind, NodeKind::Reference { .. })
}

/// Whether a stage learns from demonstrations.
fn kind(stage: &StagePlan) -> bool {
    stage.nodes.iter().any(|node| matches!(node.kind, NodeKind::Demonstrations { .. }))
}

fn node(stage: &StagePlan, pick: fn(&NodeKind) -> bool) -> Option<&NodeKind> {
    stage.nodes.iter().map(|node: &Node| &node.kind).find(|kind| pick(kind))
}

/// Source and rules of a domain's rows.
fn data_of<'a>(
    stage: &'a StagePlan,
    name: &str,
) -> Option<(&'a recipec_compiler::settings::DataSource, &'a recipec_compiler::settings::RowRules)> {
    stage.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Data { domain, source, rows, .. } if domain == name => Some((source, rows)),
        _ => None,
    })
}
