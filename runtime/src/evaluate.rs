//! Measures the policy on problems that it is not trained on: pass@1 and tokens, with 95% intervals, per domain and over all.

mod measured;
pub(crate) mod responses;

pub use measured::*;

use crate::data::{Problem, Split};
use crate::error::RunError;
use crate::run_folder::{DomainResults, LevelResults, Results, SuiteResults};
use crate::statistics::{Estimate, clustered_mean, clustered_rate, macro_average};
use crate::train::{SuiteData, Trainer};
use recipec_compiler::plan::SuitePlan;
use responses::{Question, Respondent, rows, solved};
use std::collections::{BTreeMap, BTreeSet};

/// Problems of a suite without a stated number, where the data never ends.
const ENDLESS: u64 = 200;

/// Runs one suite. Random numbers are keyed by (seed, suite, domain, problem, sample, position): the same policy always gets the same
/// results, whenever it is asked.
pub(crate) fn suite(
    trainer: &Trainer<'_>,
    number: u32,
    suite: &SuitePlan,
    parts: &[SuiteData],
) -> Result<SuiteResults, RunError> {
    let mut domains = BTreeMap::new();
    let (mut rates, mut lengths) = (Vec::new(), Vec::new());
    for (at, part) in parts.iter().enumerate() {
        let measured = domain(trainer, number * 256 + at as u32, suite, part)?;
        if let Some((results, rate, length)) = measured {
            rates.push(rate);
            lengths.push(length);
            domains.insert(part.name.clone(), results);
        }
    }
    let (Some(rate), Some(length)) = (macro_average(&rates), macro_average(&lengths)) else {
        return Err(RunError::Unsupported {
            what: format!("suite `{}`", suite.name),
            why: "it has no problems; give it `data` and `problems`".into(),
        });
    };
    Ok(SuiteResults { domains, macro_average: Results::new(rate, length, None) })
}

type OfDomain = (DomainResults, Estimate, Estimate);

fn domain(trainer: &Trainer<'_>, key: u32, suite: &SuitePlan, part: &SuiteData) -> Result<Option<OfDomain>, RunError> {
    let question = Question {
        key,
        part,
        problems: wanted(part),
        samples: suite.samples,
        max_tokens: suite.max_output_tokens,
        sampling: &suite.sampling,
    };
    let responses = question.ask(&Respondent::of(trainer))?;
    let answered = &responses.answered;
    let (right, lengths) = (rows(answered, solved), rows(answered, |answered| answered.tokens as f64));
    let cut = rows(answered, |answered| f64::from(u8::from(answered.truncated)));
    let (Some(rate), Some(length)) = (clustered_rate(&right), clustered_mean(&lengths)) else { return Ok(None) };
    let results = DomainResults {
        problems: responses.problems.len() as u64,
        samples: suite.samples,
        verifier_errors: answered.iter().flatten().filter(|answered| answered.correct.is_none()).count() as u64,
        results: Results::new(rate, length, clustered_mean(&cut).map(|estimate| estimate.mean)),
        levels: levels(&responses.problems, &right, &lengths),
    };
    Ok(Some((results, rate, length)))
}

/// How many problems a part asks for.
pub(crate) fn wanted(part: &SuiteData) -> u64 {
    part.problems.or(part.data.data.len(Split::HeldOut)).unwrap_or(ENDLESS)
}

/// The first `wanted` different problems of the held-out side. A generator may repeat itself; a repeated problem would count twice.
pub(crate) fn held_out(part: &SuiteData, wanted: u64) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for number in 0..wanted.saturating_mul(20) {
        if problems.len() as u64 >= wanted {
            break;
        }
        let problem = part.data.problem(Split::HeldOut, number);
        if seen.insert(problem.id.clone()) {
            problems.push(problem);
        }
    }
    problems
}

fn levels(problems: &[Problem], solved: &[Vec<f64>], lengths: &[Vec<f64>]) -> BTreeMap<String, LevelResults> {
    let mut sums: BTreeMap<u32, (u64, f64, f64, f64)> = BTreeMap::new();
    for ((problem, solved), lengths) in problems.iter().zip(solved).zip(lengths) {
        let row = sums.entry(problem.level).or_default();
        row.0 += 1;
        row.1 += solved.len() as f64;
        row.2 += solved.iter().sum::<f64>();
        row.3 += lengths.iter().sum::<f64>();
    }
    let results = |(level, (problems, n, solved, tokens)): (u32, (u64, f64, f64, f64))| {
        (level.to_string(), LevelResults { problems, pass_at_1: solved / n, mean_tokens: tokens / n })
    };
    sums.into_iter().filter(|(_, (_, judged, ..))| *judged > 0.0).map(results).collect()
}
