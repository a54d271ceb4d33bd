//! What is known of a run at a moment, for the live view.

use recipec_runtime::run_folder::{StepKind, StepMetrics};
use recipec_runtime::world::Progress;
use std::collections::{BTreeMap, VecDeque};

/// Steps behind a rate and a small curve.
const KEPT: usize = 240;

/// Steps of which figures are the mean: those of one step are noise.
const SMOOTHED: usize = 10;

/// Name, pass@1 and tokens of each suite.
type Suites = Vec<(String, f64, f64)>;

/// A run as it is told about.
#[derive(Debug, Default)]
pub struct State {
    /// Name of the stage.
    pub stage: String,
    /// Its steps, where they are limited.
    pub max_steps: Option<u64>,
    /// Steps made.
    pub step: u64,
    /// Target ratio of each domain.
    pub ratios: BTreeMap<String, f64>,
    /// The last steps, with the second at which each was told.
    steps: VecDeque<(f64, Option<Box<StepMetrics>>)>,
    /// Tokens a second of the last step.
    pub tokens_per_second: Option<f64>,
    /// The last evaluation, and the step at which it was made.
    pub evaluation: Option<(u64, Suites)>,
    /// Warnings so far.
    pub warnings: usize,
}

impl State {
    /// Takes what is told at a second.
    pub fn tell(&mut self, progress: &Progress, second: f64) {
        match progress {
            Progress::Stage { name, max_steps, from_step, ratios } => {
                let (evaluation, warnings) = (self.evaluation.take(), self.warnings);
                *self = Self {
                    stage: name.clone(),
                    max_steps: *max_steps,
                    step: *from_step,
                    ratios: ratios.clone(),
                    evaluation,
                    warnings,
                    ..Self::default()
                };
            }
            Progress::Step { step, values, metrics } => {
                self.step = *step;
                self.tokens_per_second = values.iter().find(|(name, _)| *name == "tokens/s").map(|(_, value)| *value);
                self.steps.push_back((second, metrics.clone()));
                if self.steps.len() > KEPT {
                    self.steps.pop_front();
                }
            }
            Progress::Evaluation { step, suites } => self.evaluation = Some((*step, suites.clone())),
            Progress::Warning(_) => self.warnings += 1,
            Progress::Note(_) => {}
        }
    }

    /// The last step.
    pub fn last(&self) -> Option<&StepMetrics> {
        self.steps.back().and_then(|(_, line)| line.as_deref())
    }

    /// Whether the stage learns from rewards.
    pub fn reinforces(&self) -> bool {
        self.last().is_some_and(|line| line.kind == StepKind::Reinforce)
    }

    /// A figure over the last steps, oldest first.
    pub fn curve(&self, of: impl Fn(&StepMetrics) -> Option<f64>) -> Vec<f64> {
        self.steps.iter().filter_map(|(_, line)| of(line.as_deref()?)).collect()
    }

    /// The mean of a figure over a few steps.
    pub fn mean(&self, of: impl Fn(&StepMetrics) -> Option<f64>) -> Option<f64> {
        let lately: Vec<f64> =
            self.steps.iter().rev().take(SMOOTHED).filter_map(|(_, line)| of(line.as_deref()?)).collect();
        (!lately.is_empty()).then(|| lately.iter().sum::<f64>() / lately.len() as f64)
    }

    /// Steps a second, over the last steps.
    pub fn rate(&self) -> Option<f64> {
        let ((first, _), (last, _)) = (self.steps.front()?, self.steps.back()?);
        (last > first).then(|| (self.steps.len() - 1) as f64 / (last - first))
    }

    /// Seconds that the stage still takes at this rate.
    pub fn seconds_left(&self) -> Option<f64> {
        let left = self.max_steps?.saturating_sub(self.step) as f64;
        self.rate().map(|rate| left / rate)
    }

    /// Share of the stage's steps that are made.
    pub fn done(&self) -> Option<f64> {
        self.max_steps.map(|max| (self.step as f64 / max.max(1) as f64).min(1.0))
    }
}
