//! Begins a run in an empty folder, or goes on with one from its last checkpoint.

use crate::checkpoint::{self, State};
use crate::counters::Counters;
use crate::disk;
use crate::error::RunError;
use crate::health::Health;
use crate::journal::Journal;
use crate::kernels::pool::Pool;
use crate::lock::{self, Lock, Which};
use crate::measures;
use crate::model::chat::ChatTemplate;
use crate::model::{self, Model};
use crate::origin::{self, Difference, Origin};
use crate::policy::Policy;
use crate::policy::gradient::Lanes;
use crate::record::Recorder;
use crate::run_folder;
use crate::train::{Speed, StoppedBy, Trainer};
use crate::verify::judge::models::Models;
use crate::world::{Progress, World};
use candle_core::Device;
use recipec_compiler::plan::{NodeKind, Plan};
use recipec_compiler::settings::{Precision, Trainable};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Name of the plan in a run folder.
pub const PLAN: &str = "plan.json";

/// How a run went.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// Why it ended.
    pub stopped: StoppedBy,
    /// Optimizer steps of all stages.
    pub steps: u64,
    /// Whether there was nothing left to do.
    pub nothing_left: bool,
}

/// What is asked of a run beside its plan. Nothing of it changes a bit of what is trained.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Try every phase once before the first step.
    pub probe: bool,
    /// Keep all rollouts, so that the run can be replayed without sampling.
    pub record: bool,
}

/// Runs a plan from its start, in the folder that the world names.
pub fn run(plan: &Plan, device: &Device, speed: Speed, world: &mut dyn World) -> Result<RunReport, RunError> {
    run_with(plan, device, speed, Asked::default(), world)
}

/// [`run`], with a probe or a record.
pub fn run_with(
    plan: &Plan,
    device: &Device,
    speed: Speed,
    asked: Asked,
    world: &mut dyn World,
) -> Result<RunReport, RunError> {
    let folder = world.folder().to_path_buf();
    std::fs::create_dir_all(&folder).map_err(RunError::io("cannot make", &folder))?;
    write_plan(plan, &folder)?;
    let mut trainer = begin(plan, device, speed, asked, world)?;
    let stopped = trainer.run()?;
    let steps = trainer.counters.total_steps();
    Ok(RunReport { stopped, steps, nothing_left: steps == 0 && stopped_by_itself(stopped) })
}

/// The trainer of a plan before its first step.
pub(crate) fn begin<'a>(
    plan: &'a Plan,
    device: &Device,
    speed: Speed,
    asked: Asked,
    world: &'a mut dyn World,
) -> Result<Trainer<'a>, RunError> {
    let folder = world.folder().to_path_buf();
    let Model { policy, tokenizer, template, notes } = first_policy(plan, world.data_folder(), device)?;
    let template = chat(plan, template)?;
    for note in notes {
        world.tell(Progress::Note(note));
    }
    if let Some(warning) = beyond_positions(plan, policy.shape.max_positions) {
        world.tell(Progress::Warning(warning));
    }
    let models = Models::new(&folder, world.data_folder(), plan.seed, device, speed.threads);
    Ok(Trainer {
        plan,
        world,
        policy,
        tokenizer,
        template,
        optimizer: None,
        counters: Counters::default(),
        journal: Journal::new(&folder),
        lanes: Lanes { threads: speed.threads },
        fingerprint: plan.fingerprint(),
        origin: Origin::read(&folder)?,
        stage_start: None,
        models,
        health: Health::default(),
        seconds_before: 0.0,
        probe: asked.probe,
        record: asked.record.then(|| Recorder::new(&folder)),
        replay: None,
    })
}

/// Goes on with the run in the folder that the world names.
pub fn resume(device: &Device, speed: Speed, world: &mut dyn World) -> Result<RunReport, RunError> {
    resume_with(device, speed, Asked::default(), world)
}

/// [`resume`], with a probe or a record. A run that was recorded is recorded further.
pub fn resume_with(device: &Device, speed: Speed, asked: Asked, world: &mut dyn World) -> Result<RunReport, RunError> {
    let folder = world.folder().to_path_buf();
    let plan = read_plan(&folder)?;
    checkpoint::settle(&folder)?;
    let newest = newest(&folder)?;
    let state = match &newest {
        Some(newest) => {
            let state = checkpoint::state(newest)?;
            refuse_other_plan(&plan, newest, &state)?;
            Some(state)
        }
        None => None,
    };
    refuse_other_origin(Origin::read(&folder)?, state.as_ref(), device)?;
    hold_to_lock(&plan, &folder, which(&plan, state.is_some()), world)?;
    let asked = Asked { record: asked.record || Recorder::is_in(&folder), ..asked };
    let (Some(newest), Some(state)) = (newest, state) else {
        world.tell(Progress::Note("there is no checkpoint yet: the run begins anew".into()));
        Journal::new(&folder).cut(&Default::default())?;
        if asked.record {
            Recorder::new(&folder).cut(0)?;
        }
        return run_with(&plan, device, speed, asked, world);
    };
    let mut trainer = go_on(&plan, &newest, state, device, speed, asked, world)?;
    let before = trainer.counters.total_steps();
    let stopped = trainer.run()?;
    let steps = trainer.counters.total_steps();
    Ok(RunReport { nothing_left: steps == before && stopped_by_itself(stopped), stopped, steps })
}

/// The trainer of a plan, in the state of a checkpoint.
pub(crate) fn go_on<'a>(
    plan: &'a Plan,
    checkpoint: &Path,
    state: State,
    device: &Device,
    speed: Speed,
    asked: Asked,
    world: &'a mut dyn World,
) -> Result<Trainer<'a>, RunError> {
    let folder = world.folder().to_path_buf();
    let Model { policy, tokenizer, template, .. } =
        of_checkpoint(plan, checkpoint, world.data_folder(), device, speed)?;
    let template = chat(plan, template)?;
    let optimizer = match state.optimizer_steps {
        Some(steps) => Some(checkpoint::load_optimizer(checkpoint, plan, state.counters.stage, &policy, steps)?),
        None => None,
    };
    let stage_start = if state.has_reference { Some(checkpoint::load_reference(checkpoint, device)?) } else { None };
    let mut journal = Journal::new(&folder);
    journal.cut(&state.lengths)?;
    let models = Models::new(&folder, world.data_folder(), plan.seed, device, speed.threads);
    let record = asked.record.then(|| Recorder::new(&folder));
    if let Some(record) = &record {
        record.cut(state.counters.total_steps())?;
    }
    Ok(Trainer {
        plan,
        world,
        policy,
        tokenizer,
        template,
        optimizer,
        seconds_before: state.counters.seconds,
        counters: state.counters,
        journal,
        lanes: Lanes { threads: speed.threads },
        fingerprint: plan.fingerprint(),
        origin: Origin::read(&folder)?,
        stage_start,
        models,
        health: health_so_far(plan, &folder)?,
        probe: asked.probe,
        record,
        replay: None,
    })
}

/// What is known of the health of a run from the lines that it has written up to its checkpoint.
fn health_so_far(plan: &Plan, folder: &Path) -> Result<Health, RunError> {
    let read = run_folder::lines_so_far(folder);
    let (metrics, evaluations) =
        read.map_err(|why| RunError::Damaged { path: folder.to_path_buf(), why: why.to_string() })?;
    let mut health = Health::default();
    // What was found then was told then.
    let stage = metrics.last().and_then(|line| plan.stages.iter().find(|stage| stage.name == line.stage));
    health.aim(measures::shares(stage, &Counters::default()).0);
    health.replay(&metrics, &evaluations);
    Ok(health)
}

fn stopped_by_itself(stopped: StoppedBy) -> bool {
    stopped != StoppedBy::Interrupt
}

/// The checkpoint that a run goes on from: its newest one, or that which it was forked from.
fn newest(folder: &Path) -> Result<Option<PathBuf>, RunError> {
    let last = checkpoint::list(folder)?.into_iter().next_back().map(|(_, path)| path);
    Ok(last.or_else(|| Some(folder.join(checkpoint::START)).filter(|start| start.is_dir())))
}

/// A run is one plan from its first step to its last.
fn refuse_other_plan(plan: &Plan, checkpoint: &Path, state: &State) -> Result<(), RunError> {
    let fingerprint = plan.fingerprint();
    if state.plan == fingerprint {
        return Ok(());
    }
    let places = differing_places(&checkpoint::plan(checkpoint)?, plan);
    let difference = format!(
        "`{}` has fingerprint {}, {PLAN} has {}{}",
        checkpoint.display(),
        short(&state.plan),
        short(&fingerprint),
        crate::origin::listed(&places)
    );
    Err(RunError::OtherPlan { difference })
}

/// The values at which two plans differ, by their place; the first twenty.
pub(crate) fn differing_places(was: &Plan, is: &Plan) -> Vec<Difference> {
    let flat = |plan: &Plan| {
        let mut lines = BTreeMap::new();
        flatten("", &serde_json::to_value(plan).unwrap_or_default(), &mut lines);
        lines
    };
    let (was, is) = (flat(was), flat(is));
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let nothing = "nothing".to_string();
    let value = |lines: &BTreeMap<String, String>, key: &String| lines.get(key).unwrap_or(&nothing).clone();
    let differ = keys.into_iter().filter(|key| was.get(*key) != is.get(*key));
    differ.take(20).map(|key| Difference::new(key, value(&was, key), value(&is, key))).collect()
}

pub(crate) fn flatten(path: &str, value: &serde_json::Value, lines: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
    match value {
        serde_json::Value::Object(fields) => fields.iter().for_each(|(key, value)| flatten(&below(key), value, lines)),
        serde_json::Value::Array(items) if items.iter().any(serde_json::Value::is_object) => {
            for (at, item) in items.iter().enumerate() {
                // Stages and nodes are named; their position says less.
                let named = ["name", "id"].iter().find_map(|key| item.get(*key)?.as_str().map(str::to_string));
                flatten(&below(&named.unwrap_or_else(|| at.to_string())), item, lines);
            }
        }
        other => drop(lines.insert(path.to_string(), other.to_string())),
    }
}

/// A run goes on with the recipe, the inputs, the program and the kind of machine that its checkpoint was made with.
fn refuse_other_origin(run: Option<Origin>, state: Option<&State>, device: &Device) -> Result<(), RunError> {
    let Some(made) = state.map_or(run.as_ref(), |state| state.origin.as_ref()) else { return Ok(()) };
    let run = run.as_ref().unwrap_or(made).clone();
    let now = Origin { program: origin::program(), machine: origin::machine(device), ..run };
    let differences = made.differences(&now);
    if differences.is_empty() { Ok(()) } else { Err(RunError::OtherInputs { differences }) }
}

/// The inputs are those of the lock that the run began with.
pub(crate) fn hold_to_lock(plan: &Plan, folder: &Path, which: Which, world: &mut dyn World) -> Result<(), RunError> {
    let path = folder.join(lock::LOCK);
    if !path.exists() {
        return Ok(());
    }
    let damaged = |why: String| RunError::Damaged { path: path.clone(), why };
    let mut began = Lock::read(&path).map_err(|why| damaged(why.to_string()))?;
    if let Some(origin) = Origin::read(folder)?
        && origin.lock != began.digest()
    {
        return Err(damaged(format!("its digest is not the one in {}", origin::ORIGIN)));
    }
    let inputs = lock::of_plan(plan, world.data_folder(), which, &mut |_, _, _| {});
    if which == Which::Resumed {
        began.models.remove("policy");
    }
    let now = Lock { data: inputs.data, models: inputs.models, python: inputs.python, ..began.clone() };
    let differences = began.differences(&now);
    if differences.is_empty() { Ok(()) } else { Err(RunError::OtherInputs { differences }) }
}

/// The plan of a run folder.
pub fn read_plan(folder: &Path) -> Result<Plan, RunError> {
    let path = folder.join(PLAN);
    let text = std::fs::read(&path).map_err(RunError::io("cannot read", &path))?;
    serde_json::from_slice(&text).map_err(|why| RunError::Damaged { path, why: why.to_string() })
}

pub(crate) fn write_plan(plan: &Plan, folder: &Path) -> Result<(), RunError> {
    let path = folder.join(PLAN);
    let text = serde_json::to_vec_pretty(plan)
        .map_err(|why| RunError::Damaged { path: path.clone(), why: why.to_string() })?;
    disk::write_whole(&path, &text).map_err(RunError::io("cannot write", &path))
}

fn first_policy(plan: &Plan, data_folder: &Path, device: &Device) -> Result<Model, RunError> {
    let unsupported = |what: &str, why: &str| RunError::Unsupported { what: what.into(), why: why.into() };
    let mut model = model::open(&plan.policy.source, data_folder, plan.seed, device)?;
    if plan.policy.precision == Precision::Bf16 {
        model.policy = model.policy.in_bf16()?;
    }
    match plan.policy.train {
        Trainable::Full => {}
        Trainable::Lora { rank, alpha } => {
            model.policy = model.policy.with_adapters(rank as usize, alpha, plan.seed)?;
        }
        Trainable::Frozen => return Err(unsupported("`train = frozen` of the policy", "use `train = full`")),
    }
    Ok(model)
}

/// The model of a checkpoint as a plan trains it: with its adapters, or in its precision.
pub(crate) fn of_checkpoint(
    plan: &Plan,
    checkpoint: &Path,
    data_folder: &Path,
    device: &Device,
    speed: Speed,
) -> Result<Model, RunError> {
    let mut model = model::open_path(checkpoint, device)?;
    if let Trainable::Lora { .. } = plan.policy.train {
        model.policy = with_adapters_of(plan, checkpoint, model.policy, data_folder, device, speed)?;
    } else if plan.policy.precision == Precision::Bf16 {
        model.policy = model.policy.in_bf16()?;
    }
    Ok(model)
}

/// Which inputs a run reads: one that goes on has its policy from a checkpoint, but for the weights under adapters.
pub(crate) fn which(plan: &Plan, goes_on: bool) -> Which {
    let adapters = matches!(plan.policy.train, Trainable::Lora { .. });
    if goes_on && !adapters { Which::Resumed } else { Which::All }
}

/// The policy of a checkpoint with its adapters: the weights that the plan begins with, and the factors that were saved.
/// `merged` are the weights of the checkpoint, which must come out again.
fn with_adapters_of(
    plan: &Plan,
    checkpoint: &Path,
    merged: Policy,
    data_folder: &Path,
    device: &Device,
    speed: Speed,
) -> Result<Policy, RunError> {
    let policy = first_policy(plan, data_folder, device)?.policy;
    policy.load_adapters(checkpoint, &Pool::shared(speed.threads))?;
    if policy.digest()? != merged.digest()? {
        let why = "the weights that the run began with are not the same any more: with the saved adapters they give others \
                   than the checkpoint holds";
        return Err(RunError::Damaged { path: checkpoint.to_path_buf(), why: why.into() });
    }
    Ok(policy)
}

/// What to say where the longest sequences of a plan have more positions than the model was made for. It can be trained on them, and
/// knows nothing of them yet.
fn beyond_positions(plan: &Plan, positions: usize) -> Option<String> {
    let nodes = || plan.stages.iter().flat_map(|stage| &stage.nodes).map(|node| &node.kind);
    let prompt = nodes().filter_map(|kind| match kind {
        NodeKind::Data { max_prompt_tokens, .. } => Some(*max_prompt_tokens),
        _ => None,
    });
    let response = nodes().filter_map(|kind| match kind {
        NodeKind::Rollout { max_output_tokens, .. } => max_output_tokens.iter().copied().max(),
        _ => None,
    });
    let longest = prompt.max().unwrap_or(0).saturating_add(response.max().unwrap_or(0));
    (longest > positions as u64).then(|| {
        format!("prompts and responses may have {longest} tokens together, and the model was made for {positions}")
    })
}

/// The template that prompts go through: the model's, unless the recipe does not want it.
fn chat(plan: &Plan, template: Option<ChatTemplate>) -> Result<Option<ChatTemplate>, RunError> {
    match (plan.policy.chat, template) {
        (Some(false), _) => Ok(None),
        (Some(true), None) => Err(RunError::Unsupported {
            what: "`chat = true`".into(),
            why: "the model has no chat template; leave the key out, or add a `chat_template.jinja` to its folder"
                .into(),
        }),
        (_, template) => Ok(template),
    }
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}
