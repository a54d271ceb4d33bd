//! Measures the policy on problems that it is not trained on: pass@1 and tokens, with 95% intervals, per domain and over all.

use crate::answer::answer_part;
use crate::data::{Problem, Split};
use crate::error::RunError;
use crate::generate::{Engine, Request, generate};
use crate::rng::{Purpose, Stream};
use crate::run_folder::{DomainResults, LevelResults, Results, SuiteResults};
use crate::statistics::{clustered_mean, clustered_rate, macro_average};
use crate::train::{SuiteData, Trainer, check_failures};
use crate::verify::Status;
use recipec_compiler::plan::SuitePlan;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

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

type Measured = (DomainResults, crate::statistics::Estimate, crate::statistics::Estimate);

fn domain(trainer: &Trainer<'_>, key: u32, suite: &SuitePlan, part: &SuiteData) -> Result<Option<Measured>, RunError> {
    let wanted = part.problems.or(part.data.data.len(Split::HeldOut)).unwrap_or(ENDLESS);
    let problems = held_out(part, wanted);
    let mut requests = Vec::new();
    for (idx, problem) in problems.iter().enumerate() {
        let prompt = trainer
            .prompt_tokens(&problem.prompt)
            .map_err(|why| RunError::BadPrompt { domain: part.name.clone(), why })?;
        let prompt: Arc<[u32]> = Arc::from(prompt);
        for sample in 0..suite.samples {
            requests.push(Request {
                stream: Stream::new(trainer.plan.seed, Purpose::Evaluation, key, idx as u32, sample as u32),
                prompt: Arc::clone(&prompt),
                max_new_tokens: suite.max_output_tokens as usize,
                sampling: suite.sampling.clone(),
            });
        }
    }
    let engine = Engine {
        end_tokens: trainer.tokenizer.end_tokens().to_vec(),
        ..Engine::new(256, trainer.tokenizer.end_token(), trainer.lanes.threads)
    };
    let responses = generate(&trainer.policy, &requests, &engine, &mut |_| ControlFlow::Continue(()))?;
    let (mut solved, mut lengths, mut cut) = (Vec::new(), Vec::new(), Vec::new());
    let (mut judged, mut failed, mut last) = (0usize, 0usize, String::new());
    let texts: Vec<String> = responses.iter().map(|response| trainer.read_response(response.body()).0).collect();
    let samples = suite.samples as usize;
    let answers: Vec<(&Problem, Option<&str>)> = problems
        .iter()
        .zip(texts.chunks(samples.max(1)))
        .flat_map(|(problem, texts)| texts.iter().map(move |text| (problem, text)))
        .map(|(problem, text)| (problem, answer_part(text, &part.judge.answer).and_then(|range| text.get(range))))
        .collect();
    let mut verdicts = part.judge.verdicts(&answers).into_iter();
    let mut responses = responses.iter();
    for _ in &problems {
        let (mut row, mut tokens, mut truncated) = (Vec::new(), Vec::new(), Vec::new());
        for (response, verdict) in responses.by_ref().zip(verdicts.by_ref()).take(samples) {
            judged += 1;
            if verdict.status == Status::Error {
                failed += 1;
                last = verdict.detail.unwrap_or_default();
                continue;
            }
            row.push(f64::from(u8::from(verdict.status == Status::Correct)));
            tokens.push(response.tokens.len() as f64);
            truncated.push(f64::from(u8::from(response.truncated())));
        }
        solved.push(row);
        lengths.push(tokens);
        cut.push(truncated);
    }
    check_failures(failed, judged, &last)?;
    let (Some(rate), Some(length)) = (clustered_rate(&solved), clustered_mean(&lengths)) else { return Ok(None) };
    let results = DomainResults {
        problems: problems.len() as u64,
        samples: suite.samples,
        verifier_errors: failed as u64,
        results: Results::new(rate, length, clustered_mean(&cut).map(|estimate| estimate.mean)),
        levels: levels(&problems, &solved, &lengths),
    };
    Ok(Some((results, rate, length)))
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
