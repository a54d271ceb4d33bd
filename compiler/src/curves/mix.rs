//! The mix: how often a domain is drawn, by the share that it has achieved, or by its history.

use super::{Axis, Curve, CurveError, Stated, same};
use crate::estimate::number;
use crate::formula::{Program, Scratch};
use crate::plan::{NodeKind, StagePlan};
use crate::vocabulary::signals::PRESENT;

const POINTS: u64 = 200;
/// More domains are not drawn: those with the largest ratios are.
const MAX_DOMAINS: usize = 12;
/// Rollouts that are thought to be counted.
const COUNTED: f64 = 1000.0;
/// Batches after which a running average has come to rest.
const BATCHES: usize = 200;

/// The mix of a stage as curves, one for each domain.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MixCurves {
    /// The stage.
    pub stage: String,
    /// The axis: `achieved`, or the signal of a domain's history, of that domain alone.
    pub x: Axis,
    /// The share of draws of each domain.
    pub curves: Vec<Curve>,
    /// Where each domain stands when everything is as the recipe asks: on the axis and in draws.
    pub targets: Vec<(f64, f64)>,
    /// What was held.
    pub stated: Vec<Stated>,
}

/// The mix of a stage.
pub fn mix(stage: &StagePlan) -> Result<MixCurves, CurveError> {
    let found = stage.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Sampler { domains, ratios, weight, .. } => Some((domains, ratios, weight)),
        _ => None,
    });
    let (domains, ratios, weight) = found.ok_or(CurveError::NoReward)?;
    let cap = stage.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Rollout { max_output_tokens, .. } => max_output_tokens.iter().copied().max(),
        _ => None,
    });
    let mixed = Mixed { ratios, weight, cap: cap.unwrap_or(1) as f64, steps: stage.max_steps.unwrap_or(1) as f64 };
    let axis = mixed.axis();
    let mut curves = Vec::new();
    let mut targets = Vec::new();
    let mut largest: Vec<usize> = (0..domains.len()).collect();
    largest.sort_by(|a, b| ratios.get(*b).unwrap_or(&0.0).total_cmp(ratios.get(*a).unwrap_or(&0.0)).then(a.cmp(b)));
    largest.truncate(MAX_DOMAINS);
    largest.sort_unstable();
    for (at, name) in domains.iter().enumerate().filter(|(at, _)| largest.contains(at)) {
        let mut values = Vec::new();
        for x in &axis.values {
            values.push(mixed.draws(&axis.name, at, *x, name)?);
        }
        let ratio = ratios.get(at).copied().unwrap_or(0.0);
        let label = format!("{name}, ratio {}%", number(100.0 * ratio));
        // Domains that are drawn alike are one curve.
        if let Some(known) = curves.iter_mut().find(|known: &&mut Curve| same(&known.values, &values)) {
            known.label.push_str("; ");
            known.label.push_str(&label);
            continue;
        }
        let target = if axis.name == "achieved" { ratio } else { mixed.middle(&axis.name) };
        targets.push((target, mixed.draws(&axis.name, at, target, name)?));
        curves.push(Curve { label, values, at: None });
    }
    let mut stated = mixed.stated(&axis);
    if domains.len() > MAX_DOMAINS {
        let value = format!("the {MAX_DOMAINS} with the largest ratios, of {}", domains.len());
        stated.push(Stated { name: "domains".into(), value });
    }
    Ok(MixCurves { stage: stage.name.clone(), stated, x: axis, curves, targets })
}

struct Mixed<'a> {
    ratios: &'a [f64],
    weight: &'a Program,
    cap: f64,
    steps: f64,
}

impl Mixed<'_> {
    /// What the weight is drawn over: the achieved share where it is read, else the first signal of the history, else
    /// progress; a weight that reads none of them is flat.
    fn axis(&self) -> Axis {
        let reads = |name: &str| self.weight.inputs().iter().any(|input| input == name);
        let history = self.weight.inputs().iter().find(|input| input.starts_with("last_batch."));
        let name = match history {
            _ if reads("achieved") => "achieved",
            Some(history) => history,
            None if reads("progress") => "progress",
            None if reads("step") => "step",
            None => "achieved",
        };
        let (low, high, unit) = match name {
            "last_batch.total" => (-1.0, 1.0, ""),
            "last_batch.length" => (1.0, self.cap, "tokens"),
            "step" => (0.0, self.steps, "steps"),
            _ => (0.0, 1.0, ""),
        };
        let values = (0..=POINTS).map(|at| low + (high - low) * at as f64 / POINTS as f64).collect();
        Axis { name: name.into(), unit: unit.into(), low, high, values }
    }

    /// The value of a signal of the history that other domains have.
    fn middle(&self, name: &str) -> f64 {
        match name {
            "last_batch.total" => 0.0,
            "last_batch.length" => libm::round(self.cap / 2.0),
            "step" => libm::round(self.steps / 2.0),
            _ => 0.5,
        }
    }

    /// The share of draws of one domain, with its own value on the axis and all others where they belong.
    fn draws(&self, axis: &str, domain: usize, x: f64, name: &str) -> Result<f64, CurveError> {
        let n = self.ratios.len();
        let own_ratio = self.ratios.get(domain).copied().unwrap_or(0.0);
        let achieved = |at: usize| {
            let ratio = self.ratios.get(at).copied().unwrap_or(0.0);
            match (axis == "achieved", at == domain) {
                (false, _) => ratio,
                (true, true) => x,
                (true, false) if own_ratio < 1.0 => ratio * (1.0 - x) / (1.0 - own_ratio),
                (true, false) => 0.0,
            }
        };
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for input in self.weight.inputs() {
            let mut column = Vec::new();
            for at in 0..n {
                column.push(match input.as_str() {
                    "ratio" => self.ratios.get(at).copied().unwrap_or(0.0),
                    "achieved" => achieved(at),
                    "sampled" | "completed" | "trained" => COUNTED * achieved(at),
                    "in_flight" => 0.0,
                    "yield" | PRESENT => 1.0,
                    run @ ("step" | "progress") if run == axis => x,
                    history if history == axis && at == domain => x,
                    history if history.starts_with("last_batch.") => self.middle(history),
                    "step" | "progress" => self.middle(input),
                    _ => {
                        return Err(CurveError::NoValue { formula: "mix.weight".into(), signal: input.clone() });
                    }
                });
            }
            columns.push(column);
        }
        let inputs: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let mut scratch = Scratch::default();
        if self.weight.states() > 0 {
            // A running average is drawn where it comes to rest.
            for _ in 0..BATCHES {
                self.weight.observe(n, &inputs, &mut scratch);
            }
        }
        self.weight.evaluate(n, &inputs, &mut scratch);
        let weights = scratch.output(0);
        let all: f64 = weights.iter().sum();
        let share = weights.get(domain).copied().unwrap_or(f64::NAN) / all;
        if share.is_finite() {
            return Ok(share);
        }
        let place = format!("{axis} = {} of domain {name}", number(x));
        Err(CurveError::NotFinite { formula: "mix.weight".into(), value: share.to_string(), place })
    }

    fn stated(&self, axis: &Axis) -> Vec<Stated> {
        let mut stated = Vec::new();
        let mut state = |name: &str, value: String| stated.push(Stated { name: name.into(), value });
        if axis.name == "achieved" {
            state("other domains", "share the rest by their ratios".into());
        } else {
            state("other domains", format!("{} at {}", axis.name, number(self.middle(&axis.name))));
        }
        for input in self.weight.inputs() {
            match input.as_str() {
                "ratio" | PRESENT => {}
                name if name == axis.name => {}
                "achieved" => state("achieved", "as the ratios ask".into()),
                "sampled" | "completed" | "trained" => state(input, format!("{} in all", number(COUNTED))),
                "in_flight" => state(input, "0".into()),
                "yield" => state(input, "1".into()),
                other => state(other, number(self.middle(other))),
            }
        }
        if self.weight.states() > 0 {
            state("running averages", "at rest".into());
        }
        stated
    }
}
