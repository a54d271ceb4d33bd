//! Counterexamples: a point of a box as rollouts, judged by the evaluator that runs in training.

use super::arena::Arena;
use super::search::{Pair, plain_name};
use super::state::{SHARED, Side, State};
use super::{Claim, Counterexample, Question, Rollout, Setting};
use crate::formula::{Kind, Lookup, Source, TypedBinding, TypedFormula};
use crate::vocabulary::signals::{SignalLevel, signal};
use recipec_grammar::tree::BinaryOp;
use std::collections::{BTreeMap, BTreeSet};

/// Signals of one rollout by name.
type Row = BTreeMap<String, f64>;

/// Judges points.
pub struct Witness<'a> {
    /// What is asked.
    pub question: &'a Question,
    /// What is in force.
    pub setting: &'a Setting<'a>,
    /// The output cap.
    pub cap: f64,
}

/// By how much a claim must be missed, relative to its sides: what is smaller may be rounding.
const ROUNDING: f64 = 1e-12;

impl Witness<'_> {
    /// A counterexample, if the claim does not hold at a point. Its numbers are made simple as far as it stays one.
    pub fn check(&self, arena: &Arena, point: &State, pair: Option<Pair>) -> Option<Counterexample> {
        let found = self.at(point, pair)?;
        Some(self.simpler(arena, point, pair).unwrap_or(found))
    }

    /// The value of a formula at a point; none where the formula reads aggregates, which one rollout does not decide.
    pub fn one(&self, point: &State, formula: &TypedFormula) -> Option<f64> {
        if self.reads_aggregates(formula) {
            return None;
        }
        let rows = self.rows(point, None)?;
        let rows: Vec<&Row> = rows.iter().take(1).collect();
        self.value(formula, &rows, &self.constants(point))?.first().copied()
    }

    /// The counterexample at a point.
    fn at(&self, point: &State, pair: Option<Pair>) -> Option<Counterexample> {
        let rows = self.rows(point, pair)?;
        let constants = self.constants(point);
        let reads_group = self.question.claim.sides().iter().any(|side| self.reads_aggregates(&side.formula));
        if !reads_group {
            return self.violated(&rows, &constants, &[]).map(|values| self.found(&rows, &values, &constants, &[]));
        }
        // The rest of the group is made up in several ways; each is a real group, and the aggregates are computed from it.
        for others in self.others(&rows) {
            if let Some(values) = self.violated(&rows, &constants, &others) {
                return Some(self.found(&rows, &values, &constants, &others));
            }
        }
        None
    }

    /// The rollouts that the claim speaks of.
    fn rows(&self, point: &State, pair: Option<Pair>) -> Option<Vec<Row>> {
        let world = point.world();
        let sides = if self.question.claim.is_of_two() { 2 } else { 1 };
        let mut rows = Vec::new();
        for side in 0..sides {
            let mut row = Row::new();
            // Signals that no formula reads need a value too: a branch that is not taken may name them.
            for (name, usual) in [
                ("reasoning_length", 0.0),
                ("answer_length", 0.0),
                ("reference_length", 0.0),
                ("prompt_length", 1.0),
                ("reference_probability", 0.5),
                ("answer_probability", 0.5),
                ("judge", 0.5),
                ("domain", self.domain_of_cap()),
            ] {
                row.insert(name.into(), usual);
            }
            row.insert("group_size".into(), self.setting.group_size as f64);
            let is_of = |of: Side, shared: bool| of == side || shared || (of == 0 && side == 1);
            for (var, variable) in world.variables.iter().enumerate() {
                let of_side = is_of(variable.side, variable.side == SHARED);
                if variable.is_param
                    || !of_side
                    || signal(plain_name(&variable.name)).is_none()
                    || variable.name != plain_name(&variable.name)
                {
                    continue;
                }
                // A signal behind `same` is only there for the left side.
                if variable.side == 0 && side == 1 && world.find(&variable.name, 1).is_some() {
                    continue;
                }
                row.insert(variable.name.clone(), point.span(var as u32).as_point()?.to_float());
            }
            for (flag, info) in world.flags.iter().enumerate() {
                if signal(&info.name).is_none() || !is_of(info.side, info.side == SHARED) {
                    continue;
                }
                if info.side == 0 && side == 1 && world.find_flag(&info.name, 1).is_some() {
                    continue;
                }
                row.insert(info.name.clone(), if point.flag(flag as u32)? { 1.0 } else { 0.0 });
            }
            for (one, other) in [("correct", "wrong"), ("truncated", "finished")] {
                if let Some(value) = row.get(one).copied() {
                    row.insert(other.into(), 1.0 - value);
                }
            }
            let get = |name: &str| row.get(name).copied().unwrap_or(0.0);
            if get("reasoning_length") + get("answer_length") > get("length") {
                return None;
            }
            rows.push(row);
        }
        if let Some(pair) = pair {
            let name = world.variables.get(pair.less as usize)?.name.clone();
            let mut second = rows.first()?.clone();
            second.insert(name, point.span(pair.more).as_point()?.to_float());
            if second.get("reasoning_length")? + second.get("answer_length")? > *second.get("length")? {
                return None;
            }
            rows.push(second);
        }
        Some(rows)
    }

    fn domain_of_cap(&self) -> f64 {
        self.setting.caps.iter().position(|cap| *cap == self.cap).unwrap_or(0) as f64
    }

    fn constants(&self, point: &State) -> Row {
        let world = point.world();
        let mut constants: Row = self.setting.params.iter().map(|(name, param)| (name.clone(), param.value)).collect();
        for (var, variable) in world.variables.iter().enumerate().filter(|(_, v)| v.is_param) {
            if let Some(value) = point.span(var as u32).as_point() {
                constants.insert(variable.name.clone(), value.to_float());
            }
        }
        constants.extend(self.setting.budget.iter().map(|(name, (_, value))| (name.clone(), *value)));
        constants.insert("budget.output".into(), self.cap);
        constants
    }

    fn formulas<'f>(&'f self, formula: &'f TypedFormula) -> Vec<&'f TypedFormula> {
        let behind = self.setting.terms_behind(formula);
        behind.iter().filter_map(|name| self.setting.terms.get(name)).chain([formula]).collect()
    }

    fn reads_aggregates(&self, formula: &TypedFormula) -> bool {
        let mut found = false;
        for part in self.formulas(formula) {
            part.visit(&mut |typed| found |= matches!(typed.kind, Kind::Aggregate(_)));
        }
        found
    }

    /// Ways to fill up the group, such that the solve rate is what the rows say.
    fn others(&self, rows: &[Row]) -> Vec<Vec<Row>> {
        let size = self.setting.group_size as usize;
        let Some(first) = rows.first() else { return Vec::new() };
        let right = |row: &Row| row.get("correct") == Some(&1.0);
        let solved = libm::round(first.get("solve_rate").copied().unwrap_or(0.0) * size as f64) as usize;
        let already = rows.iter().filter(|row| right(row)).count();
        let (Some(missing), Some(free)) = (solved.checked_sub(already), size.checked_sub(rows.len())) else {
            return Vec::new();
        };
        if missing > free || size > 4096 {
            return Vec::new();
        }
        let length = |row: &Row| row.get("length").copied().unwrap_or(1.0);
        let lengths = rows.iter().map(length).chain([1.0, libm::floor(self.cap / 2.0), self.cap]);
        let mut ways = Vec::new();
        for length in lengths.collect::<Vec<f64>>() {
            for spread in [0.0, 0.5, 1.0] {
                let others = (0..free).map(|at| {
                    let mut row = first.clone();
                    let is_right = if at < missing { 1.0 } else { 0.0 };
                    let other = libm::floor(length + (self.cap - length) * spread * (at as f64 + 1.0) / size as f64);
                    let values = [
                        ("correct", is_right),
                        ("wrong", 1.0 - is_right),
                        ("score", is_right),
                        ("answered", 1.0),
                        ("parsable", 1.0),
                        ("truncated", 0.0),
                        ("finished", 1.0),
                        ("length", libm::fmax(other, 1.0)),
                        ("reasoning_length", 0.0),
                        ("answer_length", libm::fmin(1.0, other - 1.0)),
                    ];
                    row.extend(values.map(|(name, value)| (name.to_string(), value)));
                    row
                });
                ways.push(others.collect());
            }
        }
        ways
    }

    /// The values of the sides, when the claim does not hold for them.
    fn violated(&self, rows: &[Row], constants: &Row, others: &[Row]) -> Option<Vec<f64>> {
        let group: Vec<&Row> = rows.iter().chain(others).collect();
        let value = |formula: &TypedFormula, row: usize| self.value(formula, &group, constants)?.get(row).copied();
        let (values, misses) = match &self.question.claim {
            Claim::Within { value: side, low, high } => {
                let value = value(&side.formula, 0)?;
                (vec![value], misses(value, BinaryOp::GreaterEqual, *low) || misses(value, BinaryOp::LessEqual, *high))
            }
            Claim::Compare { left, op, right, .. } => {
                let right_row = usize::from(self.question.claim.is_of_two());
                let (left, right) = (value(&left.formula, 0)?, value(&right.formula, right_row)?);
                (vec![left, right], misses(left, *op, right))
            }
            Claim::Monotone { value: side, falls, .. } => {
                let (less, more) = (value(&side.formula, 0)?, value(&side.formula, 1)?);
                let op = if *falls { BinaryOp::GreaterEqual } else { BinaryOp::LessEqual };
                (vec![less, more], misses(less, op, more))
            }
        };
        (misses && values.iter().all(|value| value.is_finite())).then_some(values)
    }

    /// The values of a formula for the rollouts of a group.
    fn value(&self, formula: &TypedFormula, group: &[&Row], constants: &Row) -> Option<Vec<f64>> {
        let mut terms: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for name in self.setting.terms_behind(formula) {
            let term = self.setting.terms.get(&name)?;
            // The bindings of a term can be named too, each behind those before it.
            for (at, TypedBinding { name: binding, value }) in term.bindings.iter().enumerate() {
                let bindings = term.bindings.get(..at)?.to_vec();
                let part = TypedFormula { body: value.clone(), bindings, source: None, span: term.span };
                let column = evaluate(&part, group, constants, &terms)?;
                terms.insert(format!("{name}.{binding}"), column);
            }
            let column = evaluate(term, group, constants, &terms)?;
            terms.insert(name, column);
        }
        evaluate(formula, group, constants, &terms)
    }

    /// The counterexample with what the formulas read.
    fn found(&self, rows: &[Row], values: &[f64], constants: &Row, others: &[Row]) -> Counterexample {
        let (mut signals, mut params) = (BTreeSet::new(), BTreeSet::new());
        for side in self.question.claim.sides() {
            for formula in self.formulas(&side.formula) {
                signals.extend(formula.signals());
                params.extend(formula.names(Source::Param));
            }
            signals.extend(
                side.given.iter().flatten().map(|(name, _)| name.clone()).filter(|name| signal(name).is_some()),
            );
        }
        for (one, other) in [("wrong", "correct"), ("finished", "truncated")] {
            if signals.remove(one) {
                signals.insert(other.to_string());
            }
        }
        signals.remove("group_size");
        let is_shared = |name: &str| {
            signal(name).is_some_and(|row| row.level == SignalLevel::Group)
                || matches!(name, "prompt_length" | "reference_length" | "domain")
        };
        let of = |row: &Row, shared: bool| -> Vec<(String, f64)> {
            let names = signals.iter().filter(|name| is_shared(name) == shared);
            names.filter_map(|name| Some((name.clone(), *row.get(name)?))).collect()
        };
        let one_value = matches!(&self.question.claim, Claim::Compare { .. }) && rows.len() == 1;
        let mut rollouts: Vec<Rollout> =
            rows.iter().zip(values).map(|(row, value)| Rollout { signals: of(row, false), value: *value }).collect();
        if one_value && let (Some(right), Some(row)) = (values.get(1), rows.first()) {
            rollouts.push(Rollout { signals: of(row, false), value: *right });
        }
        Counterexample {
            rollouts,
            shared: rows.first().map(|row| of(row, true)).unwrap_or_default(),
            params: params.iter().filter_map(|name| Some((name.clone(), *constants.get(name)?))).collect(),
            group: if others.is_empty() {
                Vec::new()
            } else {
                rows.iter().chain(others).map(|row| of(row, false)).collect()
            },
        }
    }

    /// The same with rounder numbers, where they refute too.
    fn simpler(&self, arena: &Arena, point: &State, pair: Option<Pair>) -> Option<Counterexample> {
        let world = point.world();
        let mut best = point.clone();
        let mut found = None;
        for (var, variable) in world.variables.iter().enumerate() {
            let var = var as u32;
            let now = best.span(var).as_point()?;
            if variable.name.starts_with("group.") {
                continue;
            }
            let written = variable.is_param.then(|| self.setting.params.get(&variable.name).map(|p| p.value)).flatten();
            let round: Vec<f64> = match (variable.whole, variable.grid) {
                (_, Some(_)) => Vec::new(),
                (true, _) if variable.name.ends_with("length") => vec![self.cap, self.cap / 2.0, 1.0],
                (true, _) => vec![0.0, 1.0],
                _ => vec![0.0, 0.5, 1.0, 0.9, 0.25, 0.75, 0.1, 0.99, 2.0],
            };
            for value in written.into_iter().chain(round) {
                let Some(value) = super::rational::Rational::from_decimal(value) else { continue };
                if value == now {
                    break;
                }
                let mut next = best.clone();
                next.replace(var, super::span::Span::point(value));
                if pair.is_some_and(|pair| next.span(pair.less).low >= next.span(pair.more).low) {
                    continue;
                }
                if is_possible(arena, point, &next)
                    && let Some(simpler) = self.at(&next, pair)
                {
                    (best, found) = (next, Some(simpler));
                    break;
                }
            }
        }
        found
    }
}

/// Whether every value of a point is one that its signal can have beside the others.
fn is_possible(arena: &Arena, allowed: &State, point: &State) -> bool {
    let world = point.world();
    let inside = allowed.limits().iter().enumerate().all(|(var, span)| {
        let value = point.span(var as u32);
        let variable = world.variables.get(var);
        let whole = variable.is_none_or(|v| !v.whole || value.low.is_whole());
        whole && value.low >= span.low && value.high <= span.high
    });
    inside && point.clone().propagate(arena)
}

/// Whether a comparison fails by more than rounding.
fn misses(left: f64, op: BinaryOp, right: f64) -> bool {
    let slack = ROUNDING * (1.0 + libm::fabs(left) + libm::fabs(right));
    match op {
        BinaryOp::GreaterEqual => left < right - slack,
        BinaryOp::LessEqual => left > right + slack,
        BinaryOp::Greater => left <= right,
        BinaryOp::Less => left >= right,
        BinaryOp::Equal => libm::fabs(left - right) > slack,
        BinaryOp::NotEqual => left == right,
        _ => false,
    }
}

fn evaluate(
    formula: &TypedFormula,
    group: &[&Row],
    constants: &Row,
    terms: &BTreeMap<String, Vec<f64>>,
) -> Option<Vec<f64>> {
    let value = |row: usize, name: &str| -> Option<f64> {
        let of_term = || terms.get(name).and_then(|column| column.get(row)).copied();
        let of_row = || group.get(row).and_then(|signals| signals.get(name)).copied();
        of_term().or_else(of_row).or_else(|| constants.get(name).copied())
    };
    let lookups: Vec<_> = (0..group.len()).map(|row| move |name: &str| value(row, name)).collect();
    let lookups: Vec<&Lookup<'_>> = lookups.iter().map(|lookup| lookup as &Lookup<'_>).collect();
    formula.evaluate_group(&lookups).ok()
}
