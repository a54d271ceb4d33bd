//! Formulas of a plan as numbers to be drawn: a part of the reward over one or two signals, the mix over shares.
//!
//! In: a [`Plan`] and what the caller wants on the axes. Out: curves and surfaces, with the value of every other signal that
//! was read ([`Stated`]). The programs that are evaluated are those of the plan's nodes, so that a picture shows what a run
//! computes.
//!
//! A picture is of one rollout. Where a formula looks at its group, the other rollouts are stated too: their lengths are
//! spread evenly up to the cap, and as many of them are correct as the solve rate says.

mod mix;
mod scene;

#[cfg(test)]
mod tests;

pub use mix::{MixCurves, mix};

use crate::formula::Type;
use crate::plan::{NodeKind, Plan, StagePlan};
use crate::units::Dimension;
use crate::vocabulary::signals::{self, Bounds};
use scene::Scene;
use serde::Serialize;
use std::collections::BTreeMap;

/// Points along an axis that is continuous.
const POINTS: u64 = 192;
/// Columns of a surface.
const COLUMNS: u64 = 96;

/// An axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// The signal.
    pub name: String,
    /// Its unit, in words; empty for a pure number.
    pub unit: String,
    /// Lowest value.
    pub low: f64,
    /// Highest value.
    pub high: f64,
    /// Where it is evaluated, rising.
    pub values: Vec<f64>,
}

/// A signal that was held, and at what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stated {
    /// The signal, or a remark.
    pub name: String,
    /// Its value in words.
    pub value: String,
}

/// One curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// What it is for: `correct, solve rate 1/8`.
    pub label: String,
    /// A value for every value of the axis; a curve that is only a point has one, and its place.
    pub values: Vec<f64>,
    /// Where the single value stands on the axis; none for a curve.
    pub at: Option<f64>,
}

/// A part of the reward as curves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curves {
    /// The part.
    pub name: String,
    /// The stage whose numbers are in force.
    pub stage: String,
    /// The axis.
    pub x: Axis,
    /// The curves; equal ones are drawn once.
    pub curves: Vec<Curve>,
    /// What was held.
    pub stated: Vec<Stated>,
}

/// A part of the reward as a surface.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Surface {
    /// The part.
    pub name: String,
    /// The stage whose numbers are in force.
    pub stage: String,
    /// Along.
    pub x: Axis,
    /// Upward.
    pub y: Axis,
    /// `values[row][column]`, rows by rising y.
    pub values: Vec<Vec<f64>>,
    /// What was held.
    pub stated: Vec<Stated>,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CurveError {
    /// A name that the plan does not have.
    #[error("there is no {kind} `{name}` here; there {}", list(.known))]
    Unknown {
        /// Part of the reward, signal, stage.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A recipe without a stage that has rewards.
    #[error("no stage of the recipe has a reward")]
    NoReward,
    /// A signal that cannot be an axis.
    #[error("`{0}` cannot be an axis: it is no number")]
    NoAxis(String),
    /// A formula reads what a picture has no value for.
    #[error("`{formula}` reads `{signal}`, for which a picture has no value; give it one: `--given {signal}=NUMBER`")]
    NoValue {
        /// The formula.
        formula: String,
        /// The signal.
        signal: String,
    },
    /// A value that is no number.
    #[error("`{formula}` is {value} at {place}")]
    NotFinite {
        /// The formula.
        formula: String,
        /// `NaN` or an infinity.
        value: String,
        /// The values it was computed from.
        place: String,
    },
}

fn list(known: &[String]) -> String {
    match known {
        [] => "is none".into(),
        [one] => format!("is `{one}`"),
        many => format!("are {}", many.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// Names of the parts of the reward of a stage that can be drawn: penalties and terms, then `outcome` and `total`.
pub fn parts(stage: &StagePlan) -> Vec<String> {
    let mut names = Vec::new();
    for node in &stage.nodes {
        match &node.kind {
            NodeKind::Penalty { name, .. } => names.push(name.clone()),
            NodeKind::Reward { program } => {
                names.extend(program.outputs().iter().filter(|name| !name.contains('.')).cloned());
            }
            _ => {}
        }
    }
    names
}

/// The stage of a name; without one the last that has a reward.
pub fn stage<'a>(plan: &'a Plan, name: Option<&str>) -> Result<&'a StagePlan, CurveError> {
    let rewarded = || plan.stages.iter().filter(|stage| !parts(stage).is_empty());
    match name {
        None => rewarded().next_back().ok_or(CurveError::NoReward),
        Some(name) => rewarded().find(|stage| stage.name == name).ok_or_else(|| CurveError::Unknown {
            kind: "stage with a reward",
            name: name.into(),
            known: rewarded().map(|stage| stage.name.clone()).collect(),
        }),
    }
}

/// A part of the reward over one signal: for correct and wrong rollouts, at several solve rates, and cut at the cap.
pub fn curves(
    plan: &Plan,
    stage: &StagePlan,
    part: &str,
    x: &str,
    given: &BTreeMap<String, f64>,
) -> Result<Curves, CurveError> {
    let scene = Scene::new(plan, stage, part, given)?;
    let axis = axis(&scene, x, POINTS)?;
    let mut curves = Vec::new();
    let verdict_on_axis = matches!(x, "score");
    for (word, correct) in [("correct", true), ("wrong", false)] {
        if verdict_on_axis && correct {
            continue;
        }
        let family = family(&scene, x, correct);
        let mut found: Vec<Curve> = Vec::new();
        for (label, settings) in &family {
            let mut values = Vec::new();
            for value in &axis.values {
                values.push(scene.value(correct, false, settings, &[(x, *value)])?);
            }
            let label = if label.is_empty() { word.to_string() } else { format!("{word}, {label}") };
            if !found.iter().any(|curve| same(&curve.values, &values)) {
                found.push(Curve { label, values, at: None });
            }
        }
        if let ([only], true) = (found.as_mut_slice(), family.len() > 1) {
            only.label = word.to_string();
        }
        curves.extend(found);
    }
    let mut curves = joined(curves);
    if let [only] = curves.as_mut_slice() {
        only.label = "correct or wrong".into();
    }
    if x == "length" && scene.reads("truncated") | scene.reads("finished") {
        curves.extend(cut(&scene)?);
    }
    Ok(Curves { name: part.into(), stage: stage.name.clone(), stated: scene.stated(&[x], true), x: axis, curves })
}

/// What a rollout takes that was cut at its cap: a point, since its length is then the cap.
fn cut(scene: &Scene) -> Result<Vec<Curve>, CurveError> {
    let mut found: Vec<Curve> = Vec::new();
    for (word, correct) in [("correct", true), ("wrong", false)] {
        let value = scene.value(correct, true, &[], &[("length", scene.cap)])?;
        found.push(Curve { label: format!("{word}, cut at the cap"), values: vec![value], at: Some(scene.cap) });
    }
    if let [first, second] = found.as_mut_slice()
        && same(&first.values, &second.values)
    {
        first.label = "cut at the cap, correct or wrong".into();
        found.truncate(1);
    }
    Ok(found)
}

/// Equal curves become one, under all their labels.
fn joined(curves: Vec<Curve>) -> Vec<Curve> {
    let mut kept: Vec<Curve> = Vec::new();
    for curve in curves {
        match kept.iter_mut().find(|own| own.at == curve.at && same(&own.values, &curve.values)) {
            Some(own) => {
                own.label.push_str("; ");
                own.label.push_str(&curve.label);
            }
            None => kept.push(curve),
        }
    }
    kept
}

fn same(first: &[f64], second: &[f64]) -> bool {
    first.len() == second.len() && first.iter().zip(second).all(|(a, b)| (a - b).abs() <= 1e-12)
}

/// A setting of signals with its label.
type Member = (String, Vec<(String, f64)>);

/// Which curves are drawn for a verdict: several solve rates, or several lengths where the solve rate is the axis.
fn family(scene: &Scene, x: &str, correct: bool) -> Vec<Member> {
    let group = scene.group.max(1.0);
    if x == "solve_rate" && scene.reads("length") {
        let lengths = [0.5, 0.75, 1.0].map(|share| libm::ceil(share * scene.cap));
        return lengths
            .into_iter()
            .map(|length| (format!("length {}", crate::estimate::number(length)), vec![("length".into(), length)]))
            .collect();
    }
    if x == "solve_rate" || !scene.reads("solve_rate") {
        return vec![(String::new(), Vec::new())];
    }
    let whole = group as u64;
    let mut solved: Vec<u64> = if correct {
        (0..6).map(|power| 1u64 << power).take_while(|k| *k < whole).chain([whole]).collect()
    } else {
        vec![0, whole / 2, whole.saturating_sub(1)]
    };
    solved.dedup();
    while solved.len() > 4 {
        solved.remove(2);
    }
    solved
        .into_iter()
        .map(|k| (format!("solve rate {}", fraction(k, whole)), vec![("solve_rate".into(), k as f64 / group)]))
        .collect()
}

fn fraction(above: u64, below: u64) -> String {
    match (above, below) {
        (0, _) => "0".into(),
        (above, below) if above == below => "1".into(),
        _ => {
            let (mut a, mut b) = (above, below);
            while b != 0 {
                (a, b) = (b, a % b);
            }
            format!("{}/{}", above / a, below / a)
        }
    }
}

/// A part of the reward over two signals, for a correct or a wrong rollout that ended by itself.
pub fn surface(
    plan: &Plan,
    stage: &StagePlan,
    part: &str,
    (x, y): (&str, &str),
    correct: bool,
    given: &BTreeMap<String, f64>,
) -> Result<Surface, CurveError> {
    let scene = Scene::new(plan, stage, part, given)?;
    let (x_axis, mut y_axis) = (axis(&scene, x, COLUMNS)?, axis(&scene, y, COLUMNS)?);
    if y == "solve_rate" {
        // A correct rollout is one of those solved, and a wrong one is not.
        let low = if correct { 1 } else { 0 };
        y_axis.values.retain(|rate| {
            let k = libm::round(rate * scene.group) as i64;
            k >= low && (correct || k < scene.group as i64)
        });
    }
    let mut values = Vec::new();
    for up in &y_axis.values {
        let mut row = Vec::new();
        for along in &x_axis.values {
            row.push(scene.value(correct, false, &[], &[(y, *up), (x, *along)])?);
        }
        values.push(row);
    }
    let mut stated = scene.stated(&[x, y], false);
    stated.insert(0, Stated { name: "verdict".into(), value: if correct { "correct" } else { "wrong" }.into() });
    Ok(Surface { name: part.into(), stage: stage.name.clone(), stated, x: x_axis, y: y_axis, values })
}

/// The range of a signal as an axis. Whole things have whole values; the solve rate has one for every count.
fn axis(scene: &Scene, name: &str, points: u64) -> Result<Axis, CurveError> {
    let Some(row) = signals::signal(name) else {
        return Err(CurveError::Unknown { kind: "signal", name: name.into(), known: scene.signals() });
    };
    let Type::Number(dimension) = row.ty else { return Err(CurveError::NoAxis(name.into())) };
    if !scene.reads(name) {
        return Err(CurveError::Unknown { kind: "signal that it reads,", name: name.into(), known: scene.signals() });
    }
    let (low, high) = match row.bounds {
        Bounds::Between(low, high) if high.is_finite() => (low, high),
        Bounds::Between(low, _) => (low, scene.cap),
        Bounds::UpToBudget(low, budget) => (low, scene.budget(budget)),
        Bounds::GroupSize => (1.0, scene.group),
        Bounds::Truth | Bounds::Domains => return Err(CurveError::NoAxis(name.into())),
    };
    let whole = dimension != Dimension::PURE;
    let values: Vec<f64> = if name == "solve_rate" {
        // One value for every count, of a group that is not larger than a picture.
        let group = scene.group.max(1.0) as u64;
        let steps = group.min(points);
        (0..=steps).map(|at| libm::round(at as f64 * group as f64 / steps as f64) / group as f64).collect()
    } else if whole {
        let span = (high - low).max(0.0) as u64;
        let steps = span.clamp(1, points);
        (0..=steps).map(|at| low + libm::round(span as f64 * at as f64 / steps as f64)).collect()
    } else {
        (0..=points).map(|at| low + (high - low) * at as f64 / points as f64).collect()
    };
    Ok(Axis { name: name.into(), unit: unit_words(dimension), low, high, values })
}

fn unit_words(dimension: Dimension) -> String {
    match dimension {
        Dimension::TOKENS => "tokens",
        Dimension::ROLLOUTS => "rollouts",
        Dimension::STEPS => "steps",
        _ => "",
    }
    .into()
}
