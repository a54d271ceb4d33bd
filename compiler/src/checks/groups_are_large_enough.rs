//! Groups are large enough for the solve rates that formulas tell apart.
//!
//! A group of G rollouts has the solve rates 0, 1/G, …, 1. A formula with a threshold at 0.9 means a case between 0.9 and 1; in a
//! group of 4 nothing lies there.
//! Bad: `train { group = 4 rollouts }  penalty p = if solve_rate > 0.9 then -0.1 else 0`

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::{Draft, StageDraft};
use crate::formula::{Kind, Source, Typed, TypedFormula};
use crate::problems::Problems;
use crate::vocabulary::functions::Function;
use recipec_grammar::source::Span;
use recipec_grammar::tree::BinaryOp;
use std::collections::BTreeMap;

/// No larger group is suggested.
const LARGEST: u64 = 1024;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        let Some(group) = stage.values.count("train.group").filter(|g| *g > 0) else { continue };
        for formula in read_by_the_reward(stage) {
            look(draft, stage, group, formula, problems);
        }
    }
}

/// The formulas whose values are computed over groups.
fn read_by_the_reward(stage: &StageDraft) -> impl Iterator<Item = &TypedFormula> {
    let of_reward = ["reward.outcome", "reward.total"].into_iter().filter_map(|path| stage.values.formula(path));
    stage.terms.iter().flatten().map(|term| &term.formula).chain(of_reward)
}

fn look(draft: &Draft<'_>, stage: &StageDraft, group: u64, formula: &TypedFormula, problems: &mut Problems) {
    let params: BTreeMap<&str, f64> = draft.params.iter().map(|p| (p.name.as_str(), p.value.value)).collect();
    let mut thresholds: Vec<(f64, Span)> = Vec::new();
    let mut bands: Vec<(f64, f64, Span)> = Vec::new();
    let mut read: Option<Span> = None;
    formula.visit(&mut |part| {
        if is_solve_rate(part, formula) {
            read.get_or_insert(part.span);
        }
        thresholds_of(part, formula, &params, &mut thresholds);
        bands.extend(band_of(part, formula, &params));
    });
    thresholds.retain(|(value, _)| *value > 0.0 && *value < 1.0);
    thresholds.sort_by(|a, b| a.0.total_cmp(&b.0));
    thresholds.dedup_by(|a, b| a.0 == b.0);
    let told = |problem: Diagnostic| match stage.values.span("train.group") {
        Some(span) => problem.at(span, format!("groups of {group}")),
        None => problem,
    };
    if group == 1 {
        // Under a baseline that compares rollouts, the group itself is at fault and has been reported.
        if let Some(span) = read.filter(|_| stage.values.word("train.algorithm.baseline") == Some("none")) {
            problems.push(told(
                Diagnostic::new(codes::GROUP_TOO_SMALL, "the solve rate of a group of one says no more than `correct`")
                    .at(span, "0 or 1, as the one rollout is")
                    .help("use `group = 8 rollouts`"),
            ));
        }
        return;
    }
    let values: Vec<f64> = thresholds.iter().map(|(value, _)| *value).collect();
    let empty = |size: u64| {
        let step = bands.iter().find(|(low, high, _)| !meets(*low, *high, size)).map(|(low, high, _)| (*low, *high));
        empty_gap(&values, size).or(step)
    };
    let Some((low, high)) = empty(group) else { return };
    let Some(needed) = (group + 1..=LARGEST).find(|size| empty(*size).is_none()) else { return };
    let mut problem = Diagnostic::new(
        codes::GROUP_TOO_SMALL,
        format!("a group of {group} has no solve rate between {low} and {high}"),
    );
    for (value, span) in &thresholds {
        if *value == low || *value == high {
            problem = problem.at(*span, format!("tells solve rates apart at {value}"));
        }
    }
    if let Some((.., span)) = bands.iter().find(|(from, to, _)| *from == low && *to == high) {
        problem = problem.at(*span, "a step, where a slope is written");
    }
    problems.push(told(problem.help(format!(
        "use `group = {needed} rollouts` or more, or another threshold: the solve rates are 0, 1/{group}, 2/{group} and so on to 1"
    ))));
}

/// Two neighbouring thresholds, or a threshold and an end, between which no solve rate of a group lies. At the thresholds themselves
/// counts as between; the ends 0 and 1 are cases of their own.
fn empty_gap(thresholds: &[f64], group: u64) -> Option<(f64, f64)> {
    const ROUNDING: f64 = 1e-9;
    let mut ends = vec![0.0];
    ends.extend_from_slice(thresholds);
    ends.push(1.0);
    let size = group as f64;
    ends.windows(2).find_map(|pair| {
        let [low, high] = pair else { return None };
        if thresholds.is_empty() {
            return None;
        }
        // The first solve rate at or above `low`, the ends left out.
        let first = if *low == 0.0 { 1.0 } else { libm::ceil(low * size - ROUNDING) };
        let last = if *high == 1.0 { size - 1.0 } else { libm::floor(high * size + ROUNDING) };
        (first > last).then_some((*low, *high))
    })
}

/// Whether a part is the solve rate, by its own name or by that of a binding or parameter.
fn is_solve_rate(typed: &Typed, formula: &TypedFormula) -> bool {
    match &typed.kind {
        Kind::Name(Source::Signal, name) => name == "solve_rate",
        Kind::Name(Source::Local, name) => formula
            .bindings
            .iter()
            .any(|b| b.name == *name && matches!(&b.value.kind, Kind::Name(Source::Signal, s) if s == "solve_rate")),
        _ => false,
    }
}

/// The value of a part that is the same for every rollout: a number, or a param in force.
fn constant(typed: &Typed, params: &BTreeMap<&str, f64>) -> Option<f64> {
    match &typed.kind {
        Kind::Name(Source::Param, name) => params.get(name.as_str()).copied(),
        _ if typed.range.low == typed.range.high => Some(typed.range.low),
        _ => None,
    }
}

/// Where a part tells solve rates apart: comparisons with a constant. A floor such as `max(solve_rate, 0.1)` is a guard, and tells
/// nothing apart.
fn thresholds_of(part: &Typed, formula: &TypedFormula, params: &BTreeMap<&str, f64>, found: &mut Vec<(f64, Span)>) {
    let Kind::Binary(op, left, right) = &part.kind else { return };
    if !matches!(op, BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual) {
        return;
    }
    let other = match (is_solve_rate(left, formula), is_solve_rate(right, formula)) {
        (true, false) => right,
        (false, true) => left,
        _ => return,
    };
    found.extend(constant(other, params).map(|value| (value, other.span)));
}

/// The two ends between which a `ramp` rises or a `clip` follows the solve rate.
fn band_of(part: &Typed, formula: &TypedFormula, params: &BTreeMap<&str, f64>) -> Option<(f64, f64, Span)> {
    let Kind::Call(Function::Ramp | Function::Clip, arguments) = &part.kind else { return None };
    let [value, one, other] = arguments.as_slice() else { return None };
    if !is_solve_rate(value, formula) {
        return None;
    }
    let (one, other) = (constant(one, params)?, constant(other, params)?);
    let (low, high) = (one.min(other), one.max(other));
    // Outside of 0..1 there is more at fault than the group.
    (low < high && low >= 0.0 && high <= 1.0).then_some((low, high, part.span))
}

/// Whether a solve rate of a group lies inside of a band, its ends left out.
fn meets(low: f64, high: f64, group: u64) -> bool {
    const ROUNDING: f64 = 1e-9;
    let size = group as f64;
    let first = libm::floor(low * size + ROUNDING) + 1.0;
    first < high * size - ROUNDING
}

#[cfg(test)]
mod tests {
    use super::{empty_gap, meets};
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn gaps() {
        assert_eq!(empty_gap(&[0.9], 8), Some((0.9, 1.0)));
        assert_eq!(empty_gap(&[0.9], 10), None);
        assert_eq!(empty_gap(&[0.1], 9), Some((0.0, 0.1)));
        assert_eq!(empty_gap(&[0.1], 10), None);
        assert_eq!(empty_gap(&[0.4, 0.45], 8), Some((0.4, 0.45)));
        assert_eq!(empty_gap(&[0.5], 2), None);
        assert_eq!(empty_gap(&[], 2), None);
        assert!(meets(0.0, 1.0, 2) && !meets(0.0, 1.0, 1) && !meets(0.875, 1.0, 8) && meets(0.875, 1.0, 9));
    }

    #[test]
    fn a_threshold_that_no_group_meets() {
        let scale = "solve_rate ^ gamma";
        for (with, codes) in [
            ("if solve_rate > 0.9 then 1 else 0.5", vec!["recipe::rollouts::group_too_small"]),
            ("ramp(solve_rate, 0.9, 1)", vec!["recipe::rollouts::group_too_small"]),
            ("ramp(solve_rate, 0.05, 1)", vec![]),
            ("max(solve_rate, 0.05)", vec![]),
            ("if solve_rate > 0.5 then 1 else 0.5", vec![]),
            ("if solve_rate >= 1 then 1 else 0.5", vec![]),
        ] {
            let text = quickstart_with(&format!("{scale}\n"), &format!("({with}) ^ gamma\n"));
            assert_eq!(codes_of(&text).codes, codes, "{with}");
        }
    }
}
