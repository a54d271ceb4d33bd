//! What a plan costs: memory by part, tokens, FLOP and time per step and in total, and which budget ends the run.
//!
//! In: a [`Plan`] and what is [`Given`] beside it (sizes of models that are not in the recipe, the device and its rates,
//! mean lengths). Out: an [`Estimate`]: lines, each a formula with its numbers. The nodes of the plan are walked as the
//! runtime walks them; nothing of the recipe is read that is not in a node.
//!
//! *Invariants*: nothing is measured, so the same plan and the same inputs give the same lines everywhere; a line whose
//! facts are missing is *not decided* and names them, and all other lines are there.

mod arithmetic;
mod budgets;
mod given;
mod memory;
mod model;
mod text;
mod work;

#[cfg(test)]
mod tests;

pub use arithmetic::{Sum, Unit, number};
pub use given::{
    BUILT_IN_VOCABULARY, Device, Given, LANES, LARGE_LOGIT_ROWS, LARGE_MICRO_BATCH_TOKENS, LARGE_PARAMETERS,
    LOGIT_ROWS, MICRO_BATCH_TOKENS, ModelSizes, Rates,
};

use crate::plan::Plan;
use model::Model;
use serde::Serialize;

/// One line: a name, the way to its value, the value.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Unique within its part.
    pub id: String,
    /// What it is, in words.
    pub title: String,
    /// The formula with its value.
    pub sum: Sum,
    /// The unit of the value.
    pub unit: Unit,
    /// What is assumed, where that is not plain.
    pub note: Option<String>,
}

impl Line {
    fn new(id: &str, title: &str, sum: Sum, unit: Unit) -> Self {
        Self { id: id.into(), title: title.into(), sum, unit, note: None }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The line as a number in another formula, under its title.
    fn named(&self) -> Sum {
        model::named(&self.title, self.sum.clone())
    }
}

impl Serialize for Line {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut line = serializer.serialize_struct("Line", 8)?;
        line.serialize_field("id", &self.id)?;
        line.serialize_field("title", &self.title)?;
        line.serialize_field("formula", &self.sum.words())?;
        line.serialize_field("numbers", &self.sum.numbers())?;
        line.serialize_field("value", &self.sum.value())?;
        line.serialize_field("unit", &self.unit)?;
        line.serialize_field("needs", &self.sum.needs())?;
        line.serialize_field("note", &self.note)?;
        line.end()
    }
}

/// Lines that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// For programs: `model.policy`, `reinforce.memory`, `run.total`.
    pub id: String,
    /// For people.
    pub title: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

impl Part {
    /// A line by its id.
    pub fn line(&self, id: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.id == id)
    }
}

/// What ends a run, under one reading of the lengths.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct End {
    /// `mean` or `worst case`.
    pub case: &'static str,
    /// `steps`, `tokens` or `time`; none when no budget ends the run.
    pub budget: Option<&'static str>,
    /// The stage in which that happens.
    pub stage: String,
    /// Optimizer steps of each stage, in order, rounded down.
    pub steps: Vec<(String, f64)>,
    /// Generated tokens of the whole run.
    pub tokens: f64,
    /// Seconds of the whole run, evaluations included; none where a fact is missing.
    pub seconds: Option<f64>,
    /// Missing facts without which a budget of time cannot be compared.
    pub needs: Vec<String>,
}

/// The estimate of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// Name of the recipe.
    pub recipe: String,
    /// The variant in force.
    pub variant: Option<String>,
    /// Fingerprint of the plan.
    pub fingerprint: String,
    /// What was given or assumed.
    pub given: Given,
    /// All lines.
    pub parts: Vec<Part>,
    /// Which budget ends the run: at mean lengths, and in the worst case.
    pub ends: Vec<End>,
}

impl Estimate {
    /// The value of a line: `value("run.memory", "total")`; none when there is no such line, or a fact is missing.
    pub fn value(&self, part: &str, line: &str) -> Option<f64> {
        self.parts.iter().find(|p| p.id == part)?.line(line)?.sum.value()
    }

    /// The estimate as text. With `sums`, each line shows its formula, in words and in numbers.
    pub fn text(&self, sums: bool) -> String {
        text::print(self, sums)
    }
}

/// How many numbers a model of these sizes has.
pub fn parameters(sizes: &ModelSizes) -> Option<f64> {
    Model::new("policy", Some(sizes.clone()), &crate::settings::Trainable::Full).parameters().value()
}

/// Walks a plan and adds up.
pub fn estimate(plan: &Plan, given: &Given) -> Estimate {
    let sizes = ModelSizes::of(&plan.policy.source, given.models.get("policy"));
    let policy = Model::new("policy", sizes, &plan.policy.train);
    let number = given::bytes_of(plan.policy.precision, given.device);
    let mut parts = vec![policy.part(number)];
    let stages: Vec<work::StageWork> = plan.stages.iter().map(|stage| work::StageWork::read(plan, stage)).collect();
    let mut totals = Vec::new();
    let mut costs = Vec::new();
    for stage in &stages {
        let memory = memory::part(stage, plan, &policy, given);
        let (work, cost) = work::parts(stage, &policy, given, number);
        parts.extend(work);
        totals.extend(memory.line("total").map(|line| (stage.name.clone(), line.sum.clone())));
        parts.push(memory);
        costs.push(cost);
    }
    parts.push(memory::whole(&totals, given));
    let (total, ends) = budgets::whole(plan, &costs, given);
    parts.push(total);
    Estimate {
        recipe: plan.recipe.clone(),
        variant: plan.variant.clone(),
        fingerprint: plan.fingerprint(),
        given: given.clone(),
        parts,
        ends,
    }
}
