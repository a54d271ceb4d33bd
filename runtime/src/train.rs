//! The training loop: walks the plan's nodes, one named function per kind.
//!
//! A step reads like the paper: draw problems, roll out, verify, reward, advantage, filter, batch, loss, optimizer, metrics.
//! How it differs from arXiv 2604.02007: rollouts and training take turns (`update = between_batches`), so every token of a batch was
//! sampled by the weights that are trained (lag 0); the trainer and the rollouts share one model; groups without advantage are dropped
//! before the loss, and sums are divided by the batch size of the recipe, so dropping changes no gradient.
//!
//! Nothing of the recipe is read but what is in a node of the plan.

mod boundary;
mod probe;
mod recorded;
mod reinforce;
mod setup;
mod signals;
mod step;
mod supervised;

use crate::counters::Counters;
use crate::error::RunError;
use crate::health::Health;
use crate::journal::Journal;
use crate::measures;
use crate::model::chat::ChatTemplate;
use crate::optimizer::Optimizer;
use crate::origin::Origin;
use crate::policy::Policy;
use crate::policy::gradient::Lanes;
use crate::prompt;
use crate::record::{Recorded, Recorder};
use crate::tokenizer::Tokenizer;
use crate::verify::judge::models::Models;
use crate::world::{Progress, World};
use recipec_compiler::plan::{Plan, StagePlan};
pub(crate) use setup::{StageRuntime, SuiteData, check_failures, open_suite, optimizer_settings};
pub(crate) use step::Step;

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoppedBy {
    /// All stages made their steps.
    Steps,
    /// `budget.tokens` is used up.
    Tokens,
    /// `budget.time` is used up.
    Time,
    /// Somebody asked for it; a checkpoint was saved if the plan has a checkpoint node.
    Interrupt,
}

impl StoppedBy {
    /// The word in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Tokens => "tokens",
            Self::Time => "time",
            Self::Interrupt => "interrupt",
        }
    }
}

/// Settings of a run that change its speed and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Speed {
    /// Threads for rollouts and gradients.
    pub threads: usize,
}

/// A run in progress.
pub struct Trainer<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) world: &'a mut dyn World,
    pub(crate) policy: Policy,
    pub(crate) tokenizer: Tokenizer,
    /// How a prompt becomes a conversation, where it is asked for.
    pub(crate) template: Option<ChatTemplate>,
    pub(crate) optimizer: Option<Optimizer>,
    pub(crate) counters: Counters,
    pub(crate) journal: Journal,
    pub(crate) lanes: Lanes,
    pub(crate) fingerprint: String,
    /// Where the run came from, where that is known.
    pub(crate) origin: Option<Origin>,
    /// The policy as it was when the stage began, where the plan has a reference node.
    pub(crate) stage_start: Option<Policy>,
    /// The frozen models beside the policy.
    pub(crate) models: Models,
    /// Looks for the known sicknesses.
    pub(crate) health: Health,
    /// Seconds of the run before this process.
    pub(crate) seconds_before: f64,
    /// Whether every phase is tried before the first step.
    pub(crate) probe: bool,
    /// Where all rollouts are kept, if they are.
    pub(crate) record: Option<Recorder>,
    /// Where rollouts come from instead of the policy, if they do.
    pub(crate) replay: Option<Recorded>,
}

impl Trainer<'_> {
    /// The tokens of a prompt as the policy reads it.
    pub(crate) fn prompt_tokens(&self, prompt: &str) -> Result<Vec<u32>, String> {
        prompt::tokens(&self.tokenizer, self.template.as_ref(), prompt)
    }

    /// Runs all stages that are left.
    pub fn run(&mut self) -> Result<StoppedBy, RunError> {
        // Every stage is opened before the first step of the first one: what cannot run is refused before anything is spent.
        // The probe opens them too.
        if self.probe {
            self.try_everything()?;
        } else {
            for stage in self.plan.stages.iter().skip(self.counters.stage) {
                let (tokenizer, template) = (&self.tokenizer, self.template.as_ref());
                let tokens = |text: &str| prompt::tokens(tokenizer, template, text);
                StageRuntime::open(self.plan, stage, &tokens, self.world.data_folder(), &mut self.models)?;
            }
        }
        let mut stopped = StoppedBy::Steps;
        while let Some(stage) = self.plan.stages.get(self.counters.stage) {
            match self.stage(stage)? {
                StoppedBy::Steps => {
                    if self.counters.stage + 1 >= self.plan.stages.len() {
                        break;
                    }
                    self.enter_next_stage();
                }
                other => {
                    stopped = other;
                    break;
                }
            }
        }
        self.finish(&stopped)?;
        Ok(stopped)
    }

    /// Runs one stage to its end, or to the end of a budget of the whole run.
    fn stage(&mut self, stage: &StagePlan) -> Result<StoppedBy, RunError> {
        let (tokenizer, template) = (&self.tokenizer, self.template.as_ref());
        let tokens = |text: &str| prompt::tokens(tokenizer, template, text);
        let runtime = StageRuntime::open(self.plan, stage, &tokens, self.world.data_folder(), &mut self.models)?;
        self.tell_rows(&runtime)?;
        if runtime.needs_reference && self.stage_start.is_none() {
            self.stage_start = Some(self.policy.snapshot()?);
        }
        if self.optimizer.is_none() {
            self.optimizer = runtime.optimizer(&self.policy)?;
        }
        self.health.aim(measures::shares(Some(stage), &self.counters).0);
        self.journal.log(&format!("stage {} goes on from step {}", stage.name, self.counters.step))?;
        self.world.tell(Progress::Stage {
            name: stage.name.clone(),
            max_steps: stage.max_steps,
            from_step: self.counters.step,
            ratios: measures::shares(Some(stage), &self.counters).0,
        });
        loop {
            let stopped = self.used_up(stage);
            let interrupted = stopped == Some(StoppedBy::Interrupt);
            if !interrupted {
                self.evaluate_if_due(&runtime, stopped.is_some())?;
            }
            // An evaluation can be interrupted too: it is left out here, and made when the run is resumed.
            let stopped = if self.world.interrupted() { Some(StoppedBy::Interrupt) } else { stopped };
            self.checkpoint_if_due(&runtime, stopped.is_some())?;
            if let Some(stopped) = stopped {
                return Ok(stopped);
            }
            self.step(&runtime)?;
        }
    }

    /// One walk over the nodes of a stage. A batch that is not full sends the walk back to the sampler, and further updates from
    /// the same batch send it back to the loss.
    fn step(&mut self, stage: &StageRuntime<'_>) -> Result<(), RunError> {
        let mut step = Step::begin(self.world.seconds());
        let number = self.counters.total_steps() + 1;
        let mut at = 0;
        while let Some(node) = stage.plan.nodes.get(at) {
            let next = self.node(stage, node, &mut step)?;
            at = match next {
                step::Next::Node => at + 1,
                step::Next::Back(kind) => stage.position(kind)?,
            };
        }
        self.counters.seconds = self.seconds();
        self.compare_rewards(number, &step)?;
        self.finish_step(stage, step)
    }

    /// Which budget is used up, if any.
    fn used_up(&self, stage: &StagePlan) -> Option<StoppedBy> {
        if self.world.interrupted() {
            return Some(StoppedBy::Interrupt);
        }
        if self.plan.max_generated_tokens.is_some_and(|max| self.counters.generated_tokens >= max) {
            return Some(StoppedBy::Tokens);
        }
        if self.plan.max_wall_clock_seconds.is_some_and(|max| self.seconds() >= max) {
            return Some(StoppedBy::Time);
        }
        if stage.max_steps.is_some_and(|max| self.counters.step >= max) {
            return Some(StoppedBy::Steps);
        }
        None
    }

    /// Wall time of the run so far, interruptions left out.
    pub(crate) fn seconds(&self) -> f64 {
        self.seconds_before + self.world.seconds()
    }

    fn enter_next_stage(&mut self) {
        self.counters.next_stage();
        self.stage_start = None;
        let fresh = self.plan.stages.get(self.counters.stage).is_none_or(|stage| stage.fresh_optimizer);
        if fresh {
            self.optimizer = None;
        }
    }

    /// Share of the stage's steps that are made; 0 where they are not limited.
    pub(crate) fn progress(&self, stage: &StagePlan) -> f64 {
        stage.max_steps.map_or(0.0, |max| self.counters.step as f64 / max.max(1) as f64)
    }
}
