//! The pictures of the page with their captions and legends.

use std::collections::BTreeMap;

use super::super::json::{distances, domain_shares};
use super::super::plots::{Chart, Ink, Move, SERIES, Series, ShareRow, shares, smoothed, surface, thinned, tradeoff};
use super::*;
use crate::run_folder::{DomainMetrics, StepKind, StepMetrics, SuiteResults};
use crate::statistics;

/// Points of a curve.
const POINTS: usize = 240;

/// The steps of the reinforcement stages on one axis, one stage behind the other.
struct Axis<'a> {
    steps: Vec<(f64, &'a StepMetrics)>,
    starts: BTreeMap<&'a str, f64>,
    marks: Vec<(f64, String)>,
    /// Curves with one value per step are averaged over so many of them.
    window: usize,
}

impl<'a> Axis<'a> {
    fn new(folder: &'a RunFolder) -> Self {
        let mut starts = BTreeMap::new();
        let mut marks = Vec::new();
        let mut end = 0.0;
        let stages = folder.reinforce_stages();
        for stage in &stages {
            starts.insert(*stage, end);
            if stages.len() > 1 {
                marks.push((end, (*stage).to_owned()));
            }
            let of_stage = folder.metrics.iter().filter(|step| step.stage == **stage);
            end += of_stage.map(|step| step.step as f64).fold(0.0, f64::max);
        }
        let reinforced = folder.metrics.iter().filter(|step| step.kind == StepKind::Reinforce);
        let steps: Vec<_> =
            reinforced.filter_map(|step| Some((starts.get(step.stage.as_str())? + step.step as f64, step))).collect();
        let window = (steps.len() / 30).max(1) | 1;
        Self { steps, starts, marks, window }
    }

    fn points(&self, value: impl Fn(&StepMetrics) -> Option<f64>) -> Vec<(f64, f64)> {
        self.steps.iter().filter_map(|(x, step)| Some((*x, value(step)?))).collect()
    }

    /// A curve with its raw values behind it.
    fn series(&self, ink: Ink, value: impl Fn(&StepMetrics) -> Option<f64>) -> Series {
        let raw = self.points(value);
        let mut series = Series::new(ink, thinned(&smoothed(&raw, self.window), POINTS));
        series.raw = if self.window > 1 { thinned(&raw, POINTS) } else { Vec::new() };
        series
    }
}

/// A caption, a legend and a picture; nothing without a picture.
pub(super) fn figure(page: &mut String, title: &str, hint: &str, legend: &[(Ink, &str)], svg: Option<String>) {
    let Some(svg) = svg else { return };
    page.push_str(&format!("<figure><figcaption><b>{}</b>{}", escape(title), escape(hint)));
    if !legend.is_empty() {
        page.push_str("<ul class=\"legend\">");
        for (ink, name) in legend {
            page.push_str(&format!("<li><span class=\"key {}\"></span>{}</li>", ink.name(), escape(name)));
        }
        page.push_str("</ul>");
    }
    page.push_str(&format!("</figcaption>\n{svg}</figure>\n"));
}

/// The domains that are drawn, with their colours; the first ones by ratio when there are more than colours.
fn drawn(folder: &RunFolder) -> Vec<(Ink, &str)> {
    folder.domains().into_iter().take(SERIES).enumerate().map(|(idx, name)| (Ink::Series(idx), name)).collect()
}

fn left_out(page: &mut String, folder: &RunFolder) {
    let count = folder.domains().len();
    if count > SERIES {
        page.push_str(&format!("<p class=\"hint\">Pictures show the {SERIES} largest of {count} domains.</p>\n"));
    }
}

/// Accuracy against tokens, one picture per suite.
pub(super) fn tradeoffs(page: &mut String, folder: &RunFolder) {
    let Some((base, latest)) = compared(folder) else {
        return;
    };
    page.push_str(
        "<section>\n<h2>Accuracy against tokens</h2>\n<p class=\"hint\">From the base (ring) to the final policy ",
    );
    page.push_str("(arrow head): up is more accurate, left is shorter.</p>\n");
    left_out(page, folder);
    page.push_str("<div class=\"plots\">\n");
    for (suite, before, after) in common_suites(base, latest) {
        let place = |results: &crate::run_folder::Results| (results.mean_tokens, results.pass_at_1);
        let found = drawn(folder).into_iter().filter_map(|(ink, name)| {
            let (from, to) = (before.domains.get(name)?, after.domains.get(name)?);
            Some(Move { name, ink, from: place(&from.results), to: Some(place(&to.results)) })
        });
        let mut moves: Vec<Move> = found.collect();
        let (from, to) = (place(&before.macro_average), place(&after.macro_average));
        moves.push(Move { name: "mean", ink: Ink::Text, from, to: Some(to) });
        let legend: Vec<(Ink, &str)> = moves.iter().map(|arrow| (arrow.ink, arrow.name)).collect();
        let label = format!("pass@1 against mean tokens in suite {suite}, from base to final");
        figure(page, suite, "", &legend, tradeoff(&moves, &label));
    }
    page.push_str("</div>\n</section>\n");
}

/// Shares against the target, and how far the mix was off while the run went on.
pub(super) fn mix(page: &mut String, folder: &RunFolder) {
    let found = domain_shares(folder);
    if found.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>The mix</h2>\n<p class=\"hint\">What was drawn, what came back, and what reached the optimizer ");
    page.push_str("after groups without signal were dropped.");
    let kinds = ["sampled", "completed", "trained"];
    let distance = distances(&found);
    if let Some(distance) = distance {
        let parts: Vec<String> = kinds.iter().zip(distance).map(|(kind, off)| format!("{kind} {off:.3}")).collect();
        page.push_str(&format!(" Distance from the target (total variation, 0 is on target): {}.", parts.join(", ")));
    }
    page.push_str("</p>\n<div class=\"plots\">\n");
    let rows: Vec<ShareRow> = found
        .iter()
        .take(12)
        .map(|(name, share)| ShareRow { name, target: share.ratio, achieved: share.achieved })
        .collect();
    let mut legend: Vec<(Ink, &str)> = kinds.iter().enumerate().map(|(idx, kind)| (Ink::Series(idx), *kind)).collect();
    if rows.iter().any(|row| row.target.is_some()) {
        legend.push((Ink::Text, "target"));
    }
    let hint = if found.len() > rows.len() { "The twelve largest domains." } else { "" };
    figure(
        page,
        "Share of each domain",
        hint,
        &legend,
        shares(&rows, "share of rollouts of each domain against its target"),
    );
    let axis = Axis::new(folder);
    let ratios: BTreeMap<&str, f64> = found.iter().filter_map(|(name, share)| Some((*name, share.ratio?))).collect();
    if distance.is_some() {
        let count: [fn(&DomainMetrics) -> u64; 3] = [|one| one.sampled, |one| one.completed, |one| one.trained];
        let curves = count.iter().enumerate().map(|(idx, count)| {
            let off = axis.points(|step| distance_at(step, &ratios, *count));
            Series::new(Ink::Series(idx), thinned(&off, POINTS))
        });
        let chart =
            chart(&axis, "distance of the mix from its target", "total variation", false, &[0.0], curves.collect());
        figure(
            page,
            "Distance from the target",
            "Of all rollouts of the stage so far.",
            &legend[..3.min(legend.len())],
            chart,
        );
    }
    groups(page, &axis);
    page.push_str("</div>\n</section>\n");
}

fn distance_at(step: &StepMetrics, ratios: &BTreeMap<&str, f64>, count: fn(&DomainMetrics) -> u64) -> Option<f64> {
    let counts: Vec<f64> =
        ratios.keys().map(|name| step.domains.get(*name).map_or(0.0, |one| count(one) as f64)).collect();
    let target: Vec<f64> = ratios.values().copied().collect();
    (counts.iter().sum::<f64>() > 0.0).then(|| statistics::total_variation(&statistics::shares(&counts), &target))?
}

fn groups(page: &mut String, axis: &Axis) {
    let count = |of: fn(&crate::run_folder::GroupCounts) -> u64| {
        move |step: &StepMetrics| step.groups.as_ref().map(|groups| of(groups) as f64)
    };
    let mut dropped = axis.series(Ink::Series(1), count(|groups| groups.dropped));
    dropped.filled = true;
    let kept = axis.series(Ink::Series(0), count(|groups| groups.kept));
    let svg =
        chart(axis, "groups kept and dropped at each step", "groups per step", false, &[0.0], vec![dropped, kept]);
    let legend = [(Ink::Series(0), "kept"), (Ink::Series(1), "dropped: no advantage")];
    figure(page, "Groups kept and dropped", "", &legend, svg);
}

/// Says how the curves of a section were smoothed.
fn averaged(page: &mut String, axis: &Axis) {
    if axis.window > 1 {
        let window = axis.window;
        page.push_str(&format!(
            "<p class=\"hint\">Curves are means over {window} steps; where a step itself is drawn, it is faint.</p>\n"
        ));
    }
}

fn chart(
    axis: &Axis,
    label: &str,
    y_label: &str,
    percent: bool,
    include: &[f64],
    series: Vec<Series>,
) -> Option<String> {
    Chart { label, x_label: "optimizer step", y_label, percent, include, marks: &axis.marks, series }.svg()
}

/// Curves over the steps.
pub(super) fn training(page: &mut String, folder: &RunFolder) {
    let axis = Axis::new(folder);
    page.push_str("<section>\n<h2>Training</h2>\n");
    averaged(page, &axis);
    left_out(page, folder);
    page.push_str("<div class=\"plots\">\n");
    evaluations(page, folder, &axis);
    rewards(page, &axis);
    let domains = drawn(folder);
    let mut by_domain =
        |title: &str, unit: &str, percent: bool, include: &[f64], value: fn(&DomainMetrics) -> Option<f64>| {
            let curves = domains.iter().map(|(ink, name)| {
                let raw = axis.points(|step| step.domains.get(*name).and_then(value));
                Series::new(*ink, thinned(&smoothed(&raw, axis.window), POINTS))
            });
            let label = format!("{title} of each domain over the steps");
            figure(page, title, "", &domains, chart(&axis, &label, unit, percent, include, curves.collect()));
        };
    by_domain("Solve rate of rollouts", "share correct", true, &[], |one| one.solve_rate);
    by_domain("Length of rollouts", "tokens", false, &[0.0], |one| one.mean_tokens);
    by_domain("Reward by domain", "mean total reward", false, &[], |one| one.reward);
    let cut = axis.series(Ink::Series(1), |step| step.truncated);
    let soft = axis.series(Ink::Series(0), |step| step.soft_zone);
    let legend = [(Ink::Series(1), "cut by the cap"), (Ink::Series(0), "inside the buffer or cut")];
    let svg = chart(
        &axis,
        "share of rollouts cut by the cap, and in the buffer",
        "share of rollouts",
        true,
        &[0.0],
        vec![soft, cut],
    );
    figure(page, "Rollouts near the cap", "", &legend, svg);
    let mut single =
        |title: &str, unit: &str, percent: bool, include: &[f64], value: fn(&StepMetrics) -> Option<f64>| {
            let svg = chart(&axis, title, unit, percent, include, vec![axis.series(Ink::Series(0), value)]);
            figure(page, title, "", &[], svg);
        };
    single("Entropy", "nat per token", false, &[0.0], |step| step.entropy);
    single("Loss", "policy loss", false, &[], |step| step.loss);
    single("Gradient norm", "before clipping", false, &[0.0], |step| step.grad_norm);
    single("Clipped", "share clipped", true, &[0.0], |step| step.clip_fraction);
    // At one update per batch from the same weights every ratio is 1: a flat line says nothing.
    if axis.steps.iter().any(|(_, step)| step.importance_ratio_deviation.is_some_and(|off| off.abs() > 1e-12)) {
        single("Importance ratio", "mean distance from 1", false, &[0.0], |step| step.importance_ratio_deviation);
    }
    single("KL to the reference", "nat per token", false, &[0.0], |step| step.kl);
    supervised(page, folder);
    page.push_str("</div>\n</section>\n");
}

fn evaluations(page: &mut String, folder: &RunFolder, axis: &Axis) {
    let made: Vec<(f64, &Evaluation)> = folder
        .evaluations
        .iter()
        .filter_map(|one| Some((axis.starts.get(one.stage.as_str())? + one.step as f64, one)))
        .collect();
    let mut names: Vec<&str> = made.iter().flat_map(|(_, one)| one.suites.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    for suite in names.into_iter().take(12) {
        let of =
            |one: &'_ Evaluation, pick: &dyn Fn(&SuiteResults) -> Option<f64>| one.suites.get(suite).and_then(pick);
        let curve = |ink: Ink, pick: &dyn Fn(&SuiteResults) -> Option<f64>| {
            let points = made.iter().filter_map(|(x, one)| Some((*x, of(one, pick)?))).collect();
            Series { dots: true, ..Series::new(ink, points) }
        };
        let domains = drawn(folder);
        let mut series: Vec<Series> = domains
            .iter()
            .map(|(ink, name)| curve(*ink, &|suite| suite.domains.get(*name).map(|one| one.results.pass_at_1)))
            .collect();
        let mut mean = curve(Ink::Text, &|suite| Some(suite.macro_average.pass_at_1));
        let bounds = made.iter().filter_map(|(x, one)| Some((*x, one.suites.get(suite)?.macro_average.pass_at_1_ci?)));
        mean.intervals = bounds.collect();
        series.push(mean);
        let mut legend = domains;
        legend.push((Ink::Text, "mean of domains, with interval"));
        let svg = chart(axis, &format!("pass@1 of each evaluation of suite {suite}"), "pass@1", true, &[], series);
        figure(page, &format!("Evaluation: {suite}"), "", &legend, svg);
    }
}

fn rewards(page: &mut String, axis: &Axis) {
    let reward = |pick: fn(&crate::run_folder::RewardMeans) -> Option<f64>| {
        move |step: &StepMetrics| step.reward.as_ref().and_then(pick)
    };
    let mut names: Vec<&str> = Vec::new();
    for term in axis.steps.iter().filter_map(|(_, step)| step.reward.as_ref()).flat_map(|reward| reward.terms.keys()) {
        if !names.contains(&term.as_str()) && names.len() + 1 < SERIES {
            names.push(term);
        }
    }
    let mut legend: Vec<(Ink, &str)> = vec![(Ink::Text, "total"), (Ink::Series(0), "outcome")];
    let mut series = vec![axis.series(Ink::Series(0), reward(|reward| reward.outcome))];
    for (idx, name) in names.into_iter().enumerate() {
        let ink = Ink::Series(idx + 1);
        legend.push((ink, name));
        series.push(
            axis.series(ink, |step| step.reward.as_ref().and_then(|reward| reward.terms.get(name).copied().flatten())),
        );
    }
    series.push(axis.series(Ink::Text, reward(|reward| reward.total)));
    let svg = chart(axis, "mean reward and its terms over the steps", "mean per rollout", false, &[0.0], series);
    figure(page, "Reward and its terms", "", &legend, svg);
}

fn supervised(page: &mut String, folder: &RunFolder) {
    let mut stages: Vec<&str> = Vec::new();
    for step in folder.metrics.iter().filter(|step| step.kind == StepKind::Supervised) {
        if !stages.contains(&step.stage.as_str()) && stages.len() < 4 {
            stages.push(&step.stage);
        }
    }
    for stage in stages {
        let of_stage = folder.metrics.iter().filter(|step| step.stage == stage && step.kind == StepKind::Supervised);
        let points: Vec<(f64, f64)> = of_stage.filter_map(|step| Some((step.step as f64, step.loss?))).collect();
        let series = vec![Series::new(Ink::Series(0), thinned(&points, POINTS))];
        let label = format!("loss of stage {stage}");
        let svg = Chart {
            label: &label,
            x_label: "optimizer step",
            y_label: "nat per token",
            percent: false,
            include: &[0.0],
            marks: &[],
            series,
        };
        figure(page, &format!("Supervised loss: {stage}"), "", &[], svg.svg());
    }
}

/// The penalty over length and solve rate, and what correct rollouts really paid.
pub(super) fn penalty(page: &mut String, folder: &RunFolder) {
    let given = folder.summary.as_ref().and_then(|summary| summary.penalty_surface.as_ref());
    let mut sums: BTreeMap<&str, BTreeMap<u64, (f64, f64)>> = BTreeMap::new();
    for row in folder.metrics.iter().flat_map(|step| &step.scale_by_solve_rate) {
        for (name, mean) in &row.mean {
            let Some(mean) = mean else { continue };
            let (sum, count) = sums.entry(name).or_default().entry(row.k).or_insert((0.0, 0.0));
            *sum += mean * row.count as f64;
            *count += row.count as f64;
        }
    }
    if given.is_none() && sums.is_empty() {
        return;
    }
    page.push_str("<section>\n<h2>Length penalty</h2>\n<div class=\"plots\">\n");
    if let Some(given) = given {
        let hint = "What a correct, finished rollout pays for its length; hard problems have low solve rates.";
        figure(
            page,
            "By length and solve rate",
            hint,
            &[],
            surface(given, "length penalty over length and solve rate"),
        );
        let rates = [0, given.solve_rate.len() / 2, given.solve_rate.len().saturating_sub(1)];
        let mut chosen: Vec<usize> = rates.to_vec();
        chosen.dedup();
        let mut names = Vec::new();
        let mut series = Vec::new();
        for (idx, row) in chosen.into_iter().enumerate() {
            let (Some(rate), Some(values)) = (given.solve_rate.get(row), given.value.get(row)) else {
                continue;
            };
            let points: Vec<(f64, f64)> = given.length.iter().copied().zip(values.iter().copied()).collect();
            names.push((Ink::Series(idx), format!("solve rate {}", words::plain_percent(*rate))));
            series.push(Series::new(Ink::Series(idx), thinned(&points, POINTS)));
        }
        let legend: Vec<(Ink, &str)> = names.iter().map(|(ink, name)| (*ink, name.as_str())).collect();
        let label = "length penalty over length at three solve rates";
        let svg = Chart {
            label,
            x_label: "length, tokens",
            y_label: "reward",
            percent: false,
            include: &[0.0],
            marks: &[],
            series,
        };
        figure(page, "Cuts through it", "", &legend, svg.svg());
    }
    let mut legend = Vec::new();
    let mut series = Vec::new();
    for (idx, (name, by_k)) in sums.iter().take(SERIES).enumerate() {
        let points =
            by_k.iter().filter(|(_, (_, count))| *count > 0.0).map(|(k, (sum, count))| (*k as f64, sum / count));
        legend.push((Ink::Series(idx), *name));
        series.push(Series { dots: true, ..Series::new(Ink::Series(idx), points.collect()) });
    }
    let label = "mean scale of the penalty by how many of the group were correct";
    let svg = Chart {
        label,
        x_label: "correct rollouts in the group",
        y_label: "mean",
        percent: false,
        include: &[0.0],
        marks: &[],
        series,
    };
    figure(page, "As it was applied", "Mean over all correct, finished rollouts of the run.", &legend, svg.svg());
    page.push_str("</div>\n</section>\n");
}
