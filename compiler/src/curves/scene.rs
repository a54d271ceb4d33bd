//! One rollout in its group, with a value for every signal: what a picture evaluates a formula on.

use super::{CurveError, Stated, parts};
use crate::estimate::number;
use crate::formula::{Program, Scratch};
use crate::plan::{NodeKind, Plan, StagePlan};
use crate::vocabulary::signals::{self, Bounds};
use std::collections::{BTreeMap, BTreeSet};

/// A larger group is drawn as one of this size.
const MAX_ROWS: f64 = 256.0;

/// A part of the reward with the programs that it needs, and values for what they read.
pub(super) struct Scene<'a> {
    part: &'a str,
    /// Programs in the order of the plan, the part's own last.
    programs: Vec<&'a Program>,
    /// Signals that any of them reads.
    read: BTreeSet<String>,
    looks_at_group: bool,
    pub(super) cap: f64,
    pub(super) group: f64,
    max_prompt: f64,
    max_steps: Option<f64>,
    domain: String,
    domain_at: f64,
    given: &'a BTreeMap<String, f64>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        stage: &'a StagePlan,
        part: &'a str,
        given: &'a BTreeMap<String, f64>,
    ) -> Result<Self, CurveError> {
        let known = parts(stage);
        if !known.iter().any(|name| name == part) {
            return Err(CurveError::Unknown { kind: "part of the reward", name: part.into(), known });
        }
        let mut scene = Self {
            part,
            programs: Vec::new(),
            read: BTreeSet::new(),
            looks_at_group: false,
            cap: 1.0,
            group: 1.0,
            max_prompt: 1.0,
            max_steps: stage.max_steps.map(|steps| steps as f64),
            domain: String::new(),
            domain_at: 0.0,
            given,
        };
        let mut all: Vec<(&str, &Program)> = Vec::new();
        for node in &stage.nodes {
            match &node.kind {
                NodeKind::Data { max_prompt_tokens, .. } => {
                    scene.max_prompt = scene.max_prompt.max(*max_prompt_tokens as f64);
                }
                NodeKind::Sampler { domains, .. } => {
                    scene.domain = domains.first().cloned().unwrap_or_default();
                    let at = plan.domains.iter().position(|domain| *domain == scene.domain);
                    scene.domain_at = at.unwrap_or(0) as f64;
                }
                NodeKind::Rollout { group_size, max_output_tokens, .. } => {
                    scene.group = (*group_size).max(1) as f64;
                    scene.cap = max_output_tokens.iter().copied().max().unwrap_or(1).max(1) as f64;
                }
                NodeKind::Penalty { name, program } => all.push((name, program)),
                NodeKind::Reward { program } => {
                    for output in program.outputs() {
                        all.push((output, program));
                    }
                }
                _ => {}
            }
        }
        scene.gather(part, &all);
        Ok(scene)
    }

    /// Takes in a program and, before it, those whose outputs it reads.
    fn gather(&mut self, name: &str, all: &[(&'a str, &'a Program)]) {
        let Some((_, program)) = all.iter().find(|(own, _)| *own == name) else { return };
        if self.programs.iter().any(|kept| std::ptr::eq(*kept, *program)) {
            return;
        }
        for input in program.inputs() {
            if all.iter().any(|(own, other)| *own == input && !std::ptr::eq(*other, *program)) {
                self.gather(input, all);
            } else {
                self.read.insert(input.clone());
            }
        }
        self.looks_at_group |= program.aggregates();
        self.programs.push(program);
    }

    /// Whether the part depends on a signal. What it reads of its group counts as read.
    pub(super) fn reads(&self, signal: &str) -> bool {
        self.read.contains(signal) || (self.looks_at_group && matches!(signal, "solve_rate"))
    }

    /// Every signal that is read.
    pub(super) fn signals(&self) -> Vec<String> {
        self.read.iter().cloned().collect()
    }

    /// The value of a budget, as far as the plan has it.
    pub(super) fn budget(&self, name: &str) -> f64 {
        match name {
            "budget.prompt" => self.max_prompt,
            "budget.steps" => self.max_steps.unwrap_or(1.0),
            _ => self.cap,
        }
    }

    /// The value of a signal that nobody set: from what was given, or the middle of its range.
    fn held(&self, name: &str) -> Option<f64> {
        if let Some(value) = self.given.get(name) {
            return Some(*value);
        }
        Some(match name {
            "length" => libm::ceil(0.75 * self.cap),
            "solve_rate" => libm::floor(self.group / 2.0).max(1.0) / self.group,
            "group_size" => self.group,
            "domain" => self.domain_at,
            "budget.output" => self.cap,
            _ => match signals::signal(name)?.bounds {
                Bounds::Truth => 1.0,
                Bounds::Between(low, high) if high.is_finite() => (low + high) / 2.0,
                Bounds::Between(low, _) => libm::round(low + self.cap / 4.0),
                Bounds::UpToBudget(low, budget) => libm::round((low + self.budget(budget)) / 2.0),
                Bounds::GroupSize => self.group,
                Bounds::Domains => self.domain_at,
            },
        })
    }

    /// The part for a rollout with a verdict, at the values that are set; later ones count.
    pub(super) fn value(
        &self,
        correct: bool,
        truncated: bool,
        settings: &[(String, f64)],
        axes: &[(&str, f64)],
    ) -> Result<f64, CurveError> {
        let set = |name: &str| {
            let on_axis = axes.iter().rev().find(|(axis, _)| *axis == name).map(|(_, value)| *value);
            on_axis.or_else(|| settings.iter().find(|(own, _)| own == name).map(|(_, value)| *value))
        };
        let rate = set("solve_rate").or_else(|| self.held("solve_rate")).unwrap_or(0.5);
        let rows = if self.looks_at_group { self.group.min(MAX_ROWS) as usize } else { 1 };
        // Of the others, so many are correct that the solve rate comes out.
        let solved = libm::round(rate * self.group.min(MAX_ROWS)) as i64 - i64::from(correct);
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        let mut made: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let mut scratch = Scratch::default();
        for program in &self.programs {
            let mut columns: Vec<Vec<f64>> = Vec::new();
            for name in program.inputs() {
                if let Some(column) = made.get(name.as_str()) {
                    columns.push(column.clone());
                    continue;
                }
                let mut column = Vec::new();
                for row in 0..rows {
                    let own = row == 0;
                    let right = if own { correct } else { (row as i64) <= solved };
                    let cut = own && truncated;
                    let value = match name.as_str() {
                        "correct" => Some(truth(right)),
                        "wrong" => Some(truth(!right)),
                        "truncated" => Some(truth(cut)),
                        "finished" => Some(truth(!cut)),
                        "solve_rate" => Some(rate),
                        "score" if right => Some(1.0),
                        "score" => set("score").or_else(|| self.given.get("score").copied()).or(Some(0.0)),
                        "length" if !own => Some(libm::ceil(self.cap * row as f64 / (rows as f64 - 1.0).max(1.0))),
                        _ => set(name).or_else(|| self.held(name)),
                    };
                    column.push(
                        value.ok_or_else(|| CurveError::NoValue {
                            formula: self.part.to_string(),
                            signal: name.clone(),
                        })?,
                    );
                }
                columns.push(column);
            }
            let inputs: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            program.evaluate(rows, &inputs, &mut scratch);
            for (at, name) in program.outputs().iter().enumerate() {
                made.insert(name, scratch.output(at).to_vec());
            }
        }
        let value = made.get(self.part).and_then(|column| column.first()).copied().unwrap_or(f64::NAN);
        if value.is_finite() {
            return Ok(value);
        }
        let place: Vec<String> = axes.iter().map(|(name, value)| format!("{name} = {}", number(*value))).collect();
        Err(CurveError::NotFinite { formula: self.part.into(), value: value.to_string(), place: place.join(", ") })
    }

    /// What was held, in words: every signal that is read and not on an axis.
    pub(super) fn stated(&self, axes: &[&str], family: bool) -> Vec<Stated> {
        let mut stated = Vec::new();
        for name in &self.read {
            let drawn = axes.contains(&name.as_str())
                || matches!(name.as_str(), "correct" | "wrong" | "truncated" | "finished" | "budget.output")
                || (family && name == "solve_rate")
                || (family && name == "length" && axes.contains(&"solve_rate"));
            if drawn {
                continue;
            }
            let value = match name.as_str() {
                "domain" => self.domain.clone(),
                "score" => format!("{} when wrong", number(self.given.get("score").copied().unwrap_or(0.0))),
                _ => match self.held(name) {
                    Some(value) if matches!(signals::signal(name).map(|s| s.bounds), Some(Bounds::Truth)) => {
                        if value != 0.0 { "yes" } else { "no" }.to_string()
                    }
                    Some(value) => number(value),
                    None => continue,
                },
            };
            stated.push(Stated { name: name.clone(), value });
        }
        if self.looks_at_group {
            let others =
                format!("{} others, lengths spread evenly up to the cap", number(self.group.min(MAX_ROWS) - 1.0));
            stated.push(Stated { name: "group".into(), value: others });
        }
        stated
    }
}
