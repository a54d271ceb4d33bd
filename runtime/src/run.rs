//! Begins a run in an empty folder, or goes on with one from its last checkpoint.

use crate::checkpoint;
use crate::counters::Counters;
use crate::error::RunError;
use crate::journal::Journal;
use crate::model::chat::ChatTemplate;
use crate::model::{self, Model};
use crate::policy::gradient::Lanes;
use crate::train::{Speed, StoppedBy, Trainer};
use crate::world::{Progress, World};
use candle_core::Device;
use recipec_compiler::plan::Plan;
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
    let Model { policy, tokenizer, template, .. } = model::open_path(&newest, device)?;
    let template = chat(&plan, template)?;
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
    if plan.policy.precision != Precision::F32 {
        return Err(unsupported("`precision = bf16`", "use `precision = f32`"));
    }
    if plan.policy.train != Trainable::Full {
        return Err(unsupported("`train` other than `full`", "use `train = full`"));
    }
    Ok(model::open(&plan.policy.source, data_folder, plan.seed, device)?)
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
