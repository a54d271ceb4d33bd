//! Begins a run in an empty folder, or goes on with one from its last checkpoint.

use crate::checkpoint;
use crate::counters::Counters;
use crate::error::RunError;
use crate::journal::Journal;
use crate::kernels::pool::Pool;
use crate::model::chat::ChatTemplate;
use crate::model::{self, Model};
use crate::policy::Policy;
use crate::policy::gradient::Lanes;
use crate::train::{Speed, StoppedBy, Trainer};
use crate::world::{Progress, World};
use candle_core::Device;
use recipec_compiler::plan::{NodeKind, Plan};
use recipec_compiler::settings::{Precision, Trainable};
use std::path::Path;

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

/// Runs a plan from its start, in the folder that the world names.
pub fn run(plan: &Plan, device: &Device, speed: Speed, world: &mut dyn World) -> Result<RunReport, RunError> {
    let folder = world.folder().to_path_buf();
    std::fs::create_dir_all(&folder).map_err(RunError::io("cannot make", &folder))?;
    write_plan(plan, &folder)?;
    let Model { policy, tokenizer, template, notes } = first_policy(plan, world.data_folder(), device)?;
    let template = chat(plan, template)?;
    for note in notes {
        world.tell(Progress::Note(note));
    }
    if let Some(warning) = beyond_positions(plan, policy.shape.max_positions) {
        world.tell(Progress::Warning(warning));
    }
    let journal = Journal::new(&folder);
    let mut trainer = Trainer {
        plan,
        world,
        policy,
        tokenizer,
        template,
        optimizer: None,
        counters: Counters::default(),
        journal,
        lanes: Lanes { threads: speed.threads },
        fingerprint: plan.fingerprint(),
        stage_start: None,
        seconds_before: 0.0,
    };
    let stopped = trainer.run()?;
    Ok(RunReport { stopped, steps: trainer.counters.total_steps(), nothing_left: false })
}

/// Goes on with the run in the folder that the world names.
pub fn resume(device: &Device, speed: Speed, world: &mut dyn World) -> Result<RunReport, RunError> {
    let folder = world.folder().to_path_buf();
    let plan = read_plan(&folder)?;
    let Some((_, newest)) = checkpoint::list(&folder)?.into_iter().next_back() else {
        world.tell(Progress::Note("there is no checkpoint yet: the run begins anew".into()));
        Journal::new(&folder).cut(&Default::default())?;
        return run(&plan, device, speed, world);
    };
    let state = checkpoint::state(&newest)?;
    let fingerprint = plan.fingerprint();
    if state.plan != fingerprint {
        let difference = format!(
            "`{}` has fingerprint {}, {PLAN} has {}",
            newest.display(),
            short(&state.plan),
            short(&fingerprint)
        );
        return Err(RunError::OtherPlan { difference });
    }
    let Model { mut policy, tokenizer, template, .. } = model::open_path(&newest, device)?;
    let template = chat(&plan, template)?;
    if let Trainable::Lora { .. } = plan.policy.train {
        policy = with_adapters_of(&plan, &newest, policy, world.data_folder(), device, speed)?;
    } else if plan.policy.precision == Precision::Bf16 {
        policy = policy.in_bf16()?;
    }
    let optimizer = match state.optimizer_steps {
        Some(steps) => Some(checkpoint::load_optimizer(&newest, &plan, state.counters.stage, &policy, steps)?),
        None => None,
    };
    let stage_start = if state.has_reference { Some(checkpoint::load_reference(&newest, device)?) } else { None };
    let mut journal = Journal::new(&folder);
    journal.cut(&state.lengths)?;
    let seconds_before = state.counters.seconds;
    let before = state.counters.total_steps();
    let mut trainer = Trainer {
        plan: &plan,
        world,
        policy,
        tokenizer,
        template,
        optimizer,
        counters: state.counters,
        journal,
        lanes: Lanes { threads: speed.threads },
        fingerprint,
        stage_start,
        seconds_before,
    };
    let stopped = trainer.run()?;
    let steps = trainer.counters.total_steps();
    Ok(RunReport { nothing_left: steps == before && stopped != StoppedBy::Interrupt, stopped, steps })
}

/// The plan of a run folder.
pub fn read_plan(folder: &Path) -> Result<Plan, RunError> {
    let path = folder.join(PLAN);
    let text = std::fs::read(&path).map_err(RunError::io("cannot read", &path))?;
    serde_json::from_slice(&text).map_err(|why| RunError::Damaged { path, why: why.to_string() })
}

fn write_plan(plan: &Plan, folder: &Path) -> Result<(), RunError> {
    let path = folder.join(PLAN);
    let text = serde_json::to_vec_pretty(plan)
        .map_err(|why| RunError::Damaged { path: path.clone(), why: why.to_string() })?;
    std::fs::write(&path, text).map_err(RunError::io("cannot write", &path))
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
