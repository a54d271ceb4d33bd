//! All that a suite says about a model: pass@1, pass@k, lengths, accuracy under smaller and larger caps, with bootstrap intervals;
//! and two models compared on the same problems.

use super::responses::{Answered, Question, Respondent, Responses, rows, solved};
use super::wanted;
use crate::error::RunError;
use crate::model::Model;
use crate::statistics::resample::{bootstrap, paired_p_value, quantile};
use crate::statistics::{mean, pass_at_k};
use crate::train::{Speed, SuiteData, open_suite};
use crate::verify::judge::models::Models;
use candle_core::Device;
use recipec_compiler::plan::{NodeKind, Plan, StagePlan, SuitePlan};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What to measure beyond what the suite states.
#[derive(Debug, Clone, Default)]
pub struct Measure {
    /// Names of suites; empty means all of the stage.
    pub suites: Vec<String>,
    /// Responses per problem, instead of the suite's.
    pub samples: Option<u64>,
    /// Problems per domain, instead of the suite's.
    pub problems: Option<u64>,
    /// The `k` of pass@k, besides 1.
    pub k: Vec<u64>,
    /// Caps as multiples of the cap in training, for the curve.
    pub budgets: Vec<f64>,
}

/// A mean with its 95% bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// The mean over domains of the mean over problems.
    pub mean: f64,
    /// The interval; none below two problems.
    pub interval: Option<[f64; 2]>,
}

/// One point of the curve of accuracy against the cap.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtBudget {
    /// The cap as a multiple of that in training.
    pub budget: f64,
    /// The cap of each domain, tokens.
    pub caps: BTreeMap<String, u64>,
    /// pass@1 under it.
    pub pass_at_1: Figure,
    /// Tokens that are really used.
    pub mean_tokens: f64,
    /// Share of responses that it cuts.
    pub truncated: f64,
}

/// The results of one domain, or of all of them together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Problems asked.
    pub problems: u64,
    /// Responses to each.
    pub samples: u64,
    /// Responses left out because their verifier failed twice.
    pub verifier_errors: u64,
    /// Chance that a response is right.
    pub pass_at_1: Figure,
    /// Chance that one of `k` responses is right (unbiased), by `k`.
    pub pass_at_k: BTreeMap<u64, Figure>,
    /// Tokens of a response.
    pub tokens: Figure,
    /// Quantiles of the tokens of all responses: 10%, 50%, 90%, 99%.
    pub token_quantiles: [f64; 4],
    /// Share of responses that the suite's cap cuts.
    pub truncated: f64,
    /// Under smaller and larger caps.
    pub curve: Vec<AtBudget>,
}

/// One suite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suite {
    /// Every domain.
    pub domains: BTreeMap<String, Outcome>,
    /// The unweighted mean over them.
    #[serde(rename = "macro")]
    pub all: Outcome,
    /// The verdicts behind the figures, for comparisons.
    #[serde(skip)]
    verdicts: BTreeMap<String, Verdicts>,
}

/// Per problem: its id, its share of right answers, its mean tokens.
type Verdicts = Vec<(String, f64, f64)>;

/// A model, measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Digest of its weights.
    pub weights: String,
    /// Every suite.
    pub suites: BTreeMap<String, Suite>,
}

/// Two models on the same problems.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Problems that both were asked.
    pub problems: u64,
    /// The second's pass@1 less the first's.
    pub pass_at_1: Figure,
    /// Two-sided p-value of "no difference" (randomization test over problems).
    pub p_value: f64,
    /// The second's mean tokens over the first's, less 1.
    pub tokens_change: f64,
    /// The second's mean tokens less the first's.
    pub tokens: Figure,
    /// Two-sided p-value of "no difference in tokens".
    pub tokens_p_value: f64,
}

/// Measures a model by the suites of a plan; `data_folder` is what the recipe's paths are relative to, `scratch` a folder that judges may
/// write to.
pub fn measure(
    plan: &Plan,
    model: &Model,
    what: &Measure,
    (data_folder, scratch): (&Path, &Path),
    (device, speed): (&Device, Speed),
) -> Result<Measured, RunError> {
    let (stage, suites) = suites(plan)?;
    if let Some(unknown) = what.suites.iter().find(|name| suites.iter().all(|suite| suite.name != **name)) {
        let known: Vec<String> = suites.iter().map(|suite| format!("`{}`", suite.name)).collect();
        return Err(RunError::Unsupported {
            what: format!("suite `{unknown}`"),
            why: format!("the recipe has {}", known.join(", ")),
        });
    }
    let mut models = Models::new(scratch, data_folder, plan.seed, device, speed.threads);
    let template = model.template.as_ref().filter(|_| plan.policy.chat != Some(false));
    let who = Respondent {
        seed: plan.seed,
        policy: &model.policy,
        tokenizer: &model.tokenizer,
        template,
        threads: speed.threads,
    };
    let caps = training_caps(plan, stage);
    let mut measured = Measured { weights: model.policy.digest()?, suites: BTreeMap::new() };
    for (number, suite) in suites.iter().enumerate() {
        if !what.suites.is_empty() && !what.suites.contains(&suite.name) {
            continue;
        }
        let parts = open_suite(plan, stage, suite, data_folder, &mut models)?;
        let mut asked = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let key = number as u32 * 256 + at as u32;
            let cap = caps.get(&part.name).copied().unwrap_or(suite.max_output_tokens);
            asked.push(Part::ask(&who, key, suite, part, cap, what)?);
        }
        if asked.iter().all(|part| part.answered.is_empty()) {
            return Err(RunError::Unsupported {
                what: format!("suite `{}`", suite.name),
                why: "it has no problems; give it `data` and `problems`".into(),
            });
        }
        measured.suites.insert(suite.name.clone(), Suite::of(&asked, plan.seed, what));
    }
    Ok(measured)
}

/// The suites of a plan, with the stage that they belong to: the last one that has any.
fn suites(plan: &Plan) -> Result<(&StagePlan, &[SuitePlan]), RunError> {
    let of = |stage: &'_ StagePlan| stage.nodes.iter().any(|node| matches!(node.kind, NodeKind::Evaluate { .. }));
    let found = plan.stages.iter().rev().find(|stage| of(stage)).and_then(|stage| {
        stage.nodes.iter().find_map(|node| match &node.kind {
            NodeKind::Evaluate { suites, .. } => Some((stage, suites.as_slice())),
            _ => None,
        })
    });
    found.ok_or_else(|| RunError::Unsupported {
        what: "an evaluation".into(),
        why: "the recipe has no suite; write `evaluate { suite held_out { data = held_out } }`".into(),
    })
}

/// The output cap of every domain in training, tokens.
fn training_caps(plan: &Plan, stage: &StagePlan) -> BTreeMap<String, u64> {
    let caps = stage.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Rollout { max_output_tokens, .. } => Some(max_output_tokens),
        _ => None,
    });
    plan.domains.iter().cloned().zip(caps.into_iter().flatten().copied()).collect()
}

/// One part of a suite, asked.
struct Part {
    name: String,
    ids: Vec<String>,
    samples: u64,
    /// Under the suite's cap.
    answered: Vec<Vec<Answered>>,
    /// Under each cap of the curve.
    curve: Vec<(f64, u64, Vec<Vec<Answered>>)>,
}

impl Part {
    fn ask(
        who: &Respondent<'_>,
        key: u32,
        suite: &SuitePlan,
        part: &SuiteData,
        cap: u64,
        what: &Measure,
    ) -> Result<Self, RunError> {
        let caps: Vec<(f64, u64)> =
            what.budgets.iter().map(|budget| (*budget, ((cap as f64 * budget).round() as u64).max(1))).collect();
        let question = Question {
            key,
            part,
            problems: what.problems.unwrap_or_else(|| wanted(part)),
            samples: what.samples.unwrap_or(suite.samples).max(1),
            max_tokens: caps.iter().map(|(_, cap)| *cap).chain([suite.max_output_tokens]).max().unwrap_or(1),
            sampling: &suite.sampling,
        };
        let responses: Responses = question.ask(who)?;
        let cut = |cap: u64| responses.cut(part, who.tokenizer, cap);
        let mut curve = Vec::new();
        for (budget, cap) in caps {
            curve.push((budget, cap, cut(cap)?));
        }
        Ok(Self {
            name: part.name.clone(),
            ids: responses.problems.iter().map(|problem| problem.id.clone()).collect(),
            samples: question.samples,
            answered: cut(suite.max_output_tokens)?,
            curve,
        })
    }
}

impl Suite {
    fn of(parts: &[Part], seed: u64, what: &Measure) -> Self {
        let asked: Vec<&Part> = parts.iter().filter(|part| !part.answered.is_empty()).collect();
        let domains = asked.iter().map(|part| (part.name.clone(), outcome(&[part], seed, what))).collect();
        let verdicts = asked.iter().map(|part| (part.name.clone(), part.verdicts())).collect();
        Self { domains, all: outcome(&asked, seed, what), verdicts }
    }
}

impl Part {
    fn verdicts(&self) -> Verdicts {
        let (right, tokens) = (rows(&self.answered, solved), rows(&self.answered, tokens));
        let rows = self.ids.iter().zip(right.iter().zip(&tokens));
        rows.filter_map(|(id, (right, tokens))| Some((id.clone(), mean(right)?, mean(tokens)?))).collect()
    }
}

fn tokens(answered: &Answered) -> f64 {
    answered.tokens as f64
}

/// The results over domains, each with the same weight.
fn outcome(parts: &[&Part], seed: u64, what: &Measure) -> Outcome {
    let values = |value: fn(&Answered) -> f64| -> Vec<Vec<f64>> {
        parts.iter().map(|part| problem_means(&part.answered, value)).collect()
    };
    let ks = what.k.iter().filter(|k| **k > 1 && parts.iter().all(|part| part.samples >= **k));
    let at_k = |k: u64| {
        let of = |row: &Vec<f64>| pass_at_k(row.len() as u64, row.iter().sum::<f64>() as u64, k);
        parts.iter().map(|part| rows(&part.answered, solved).iter().filter_map(of).collect()).collect::<Vec<Vec<f64>>>()
    };
    let mut lengths: Vec<f64> = parts.iter().flat_map(|part| rows(&part.answered, tokens)).flatten().collect();
    lengths.sort_by(f64::total_cmp);
    let at = |share: f64| quantile(&lengths, share).unwrap_or(0.0);
    let points = parts.first().map_or(0, |part| part.curve.len());
    Outcome {
        problems: parts.iter().map(|part| part.ids.len() as u64).sum(),
        samples: parts.iter().map(|part| part.samples).max().unwrap_or(0),
        verifier_errors: parts
            .iter()
            .flat_map(|part| part.answered.iter().flatten())
            .filter(|answered| answered.correct.is_none())
            .count() as u64,
        pass_at_1: figure(&values(solved), seed),
        pass_at_k: ks.map(|k| (*k, figure(&at_k(*k), seed))).collect(),
        tokens: figure(&values(tokens), seed),
        token_quantiles: [at(0.1), at(0.5), at(0.9), at(0.99)],
        truncated: average(&values(cut)),
        curve: (0..points).map(|point| at_budget(parts, point, seed)).collect(),
    }
}

fn cut(answered: &Answered) -> f64 {
    f64::from(u8::from(answered.truncated))
}

fn at_budget(parts: &[&Part], point: usize, seed: u64) -> AtBudget {
    let points: Vec<_> = parts.iter().filter_map(|part| Some((&part.name, part.curve.get(point)?))).collect();
    let values = |value: fn(&Answered) -> f64| -> Vec<Vec<f64>> {
        points.iter().map(|(_, (_, _, answered))| problem_means(answered, value)).collect()
    };
    AtBudget {
        budget: points.first().map_or(0.0, |(_, (budget, ..))| *budget),
        caps: points.iter().map(|(name, (_, cap, _))| ((*name).clone(), *cap)).collect(),
        pass_at_1: figure(&values(solved), seed),
        mean_tokens: average(&values(tokens)),
        truncated: average(&values(cut)),
    }
}

/// The mean over samples of every problem that was judged.
fn problem_means(answered: &[Vec<Answered>], value: fn(&Answered) -> f64) -> Vec<f64> {
    rows(answered, value).iter().filter_map(|row| mean(row)).collect()
}

fn average(strata: &[Vec<f64>]) -> f64 {
    let means: Vec<f64> = strata.iter().filter_map(|values| mean(values)).collect();
    mean(&means).unwrap_or(0.0)
}

fn figure(strata: &[Vec<f64>], seed: u64) -> Figure {
    Figure { mean: average(strata), interval: bootstrap(strata, seed) }
}

/// Compares two models by suite and domain; the name `macro` stands for all domains. Problems are paired by their ids.
pub fn compare(first: &Measured, second: &Measured, seed: u64) -> BTreeMap<String, BTreeMap<String, Compared>> {
    let mut compared = BTreeMap::new();
    for (name, suite) in &first.suites {
        let Some(other) = second.suites.get(name) else { continue };
        let paired: BTreeMap<&String, Vec<Pair>> = suite
            .verdicts
            .iter()
            .filter_map(|(domain, verdicts)| Some((domain, pairs(verdicts, other.verdicts.get(domain)?))))
            .filter(|(_, pairs)| !pairs.is_empty())
            .collect();
        let mut of_suite = BTreeMap::new();
        for (domain, pairs) in &paired {
            of_suite.insert((*domain).clone(), comparison(&[pairs], seed));
        }
        let all: Vec<&Vec<Pair>> = paired.values().collect();
        if !all.is_empty() {
            of_suite.insert("macro".to_string(), comparison(&all, seed));
        }
        compared.insert(name.clone(), of_suite);
    }
    compared
}

/// Share right and mean tokens of the same problem, under both models.
type Pair = ((f64, f64), (f64, f64));

fn pairs(first: &Verdicts, second: &Verdicts) -> Vec<Pair> {
    let second: BTreeMap<&str, (f64, f64)> = second.iter().map(|(id, a, b)| (id.as_str(), (*a, *b))).collect();
    first.iter().filter_map(|(id, a, b)| Some(((*a, *b), *second.get(id.as_str())?))).collect()
}

fn comparison(strata: &[&Vec<Pair>], seed: u64) -> Compared {
    let of = |value: fn(&(f64, f64)) -> f64| -> Vec<Vec<(f64, f64)>> {
        let pair = |(a, b): &Pair| (value(a), value(b));
        strata.iter().map(|pairs| pairs.iter().map(pair).collect()).collect()
    };
    let (right, tokens) = (of(|value| value.0), of(|value| value.1));
    let change = |strata: &[Vec<(f64, f64)>]| {
        let changes: Vec<Vec<f64>> = strata.iter().map(|pairs| pairs.iter().map(|(a, b)| b - a).collect()).collect();
        figure(&changes, seed)
    };
    let mean_of = |side: fn(&(f64, f64)) -> f64| {
        average(&tokens.iter().map(|pairs| pairs.iter().map(side).collect()).collect::<Vec<Vec<f64>>>())
    };
    let (before, after) = (mean_of(|pair| pair.0), mean_of(|pair| pair.1));
    Compared {
        problems: strata.iter().map(|pairs| pairs.len() as u64).sum(),
        pass_at_1: change(&right),
        p_value: paired_p_value(&right, seed).unwrap_or(1.0),
        tokens_change: if before > 0.0 { after / before - 1.0 } else { 0.0 },
        tokens: change(&tokens),
        tokens_p_value: paired_p_value(&tokens, seed).unwrap_or(1.0),
    }
}
