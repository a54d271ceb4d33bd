//! Responses to held-out problems, with verdicts; and what the same responses are worth when they are cut earlier.

use super::held_out;
use crate::answer::answer_part;
use crate::data::Problem;
use crate::error::RunError;
use crate::generate::{Engine, Generated, Request, generate};
use crate::model::chat::ChatTemplate;
use crate::policy::Policy;
use crate::prompt;
use crate::rng::{Purpose, Stream};
use crate::tokenizer::Tokenizer;
use crate::train::{SuiteData, Trainer, check_failures};
use crate::verify::Status;
use recipec_compiler::settings::Sampling;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Responses decoded at the same time.
const SLOTS: usize = 256;

/// Who is asked.
pub(crate) struct Respondent<'a> {
    pub(crate) seed: u64,
    pub(crate) policy: &'a Policy,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) template: Option<&'a ChatTemplate>,
    pub(crate) threads: usize,
}

impl<'a> Respondent<'a> {
    /// The policy as it is trained at this moment.
    pub(crate) fn of(trainer: &'a Trainer<'_>) -> Self {
        Self {
            seed: trainer.plan.seed,
            policy: &trainer.policy,
            tokenizer: &trainer.tokenizer,
            template: trainer.template.as_ref(),
            threads: trainer.lanes.threads,
        }
    }
}

/// What is asked of the policy for one part of a suite.
pub(crate) struct Question<'a> {
    /// Number of suite and part: the key of its random numbers.
    pub(crate) key: u32,
    pub(crate) part: &'a SuiteData,
    /// Different problems; fewer where the data has fewer.
    pub(crate) problems: u64,
    /// Responses to each.
    pub(crate) samples: u64,
    /// Cap of a response, tokens.
    pub(crate) max_tokens: u64,
    pub(crate) sampling: &'a Sampling,
}

/// The verdict about one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answered {
    /// None after the verifier's own failure.
    pub(crate) correct: Option<bool>,
    /// Tokens, the end token included.
    pub(crate) tokens: u64,
    /// Cut by the cap.
    pub(crate) truncated: bool,
}

/// All responses to one part of a suite.
pub(crate) struct Responses {
    pub(crate) problems: Vec<Problem>,
    /// For each problem, for each sample.
    pub(crate) answered: Vec<Vec<Answered>>,
    generated: Vec<Generated>,
    samples: usize,
}

impl Question<'_> {
    /// Asks, and judges. Random numbers are keyed by (seed, suite and part, problem, sample, position): the same policy gives the
    /// same responses, whenever it is asked, and a larger cap only makes them longer.
    pub(crate) fn ask(&self, who: &Respondent<'_>) -> Result<Responses, RunError> {
        let problems = held_out(self.part, self.problems);
        let mut requests = Vec::new();
        for (idx, problem) in problems.iter().enumerate() {
            let prompt = prompt::tokens(who.tokenizer, who.template, &problem.prompt)
                .map_err(|why| RunError::BadPrompt { domain: self.part.name.clone(), why })?;
            let prompt: Arc<[u32]> = Arc::from(prompt);
            for sample in 0..self.samples {
                requests.push(Request {
                    stream: Stream::new(who.seed, Purpose::Evaluation, self.key, idx as u32, sample as u32),
                    prompt: Arc::clone(&prompt),
                    max_new_tokens: self.max_tokens as usize,
                    sampling: self.sampling.clone(),
                });
            }
        }
        let engine = Engine {
            end_tokens: who.tokenizer.end_tokens().to_vec(),
            ..Engine::new(SLOTS, who.tokenizer.end_token(), who.threads)
        };
        let generated = generate(who.policy, &requests, &engine, &mut |_| ControlFlow::Continue(()))?;
        let samples = (self.samples as usize).max(1);
        let mut responses = Responses { problems, answered: Vec::new(), generated, samples };
        responses.answered = responses.judged(self.part, who.tokenizer, None)?;
        Ok(responses)
    }
}

impl Responses {
    /// What they are worth when each is cut after so many tokens: exactly what the policy gives under that cap.
    pub(crate) fn cut(
        &self,
        part: &SuiteData,
        tokenizer: &Tokenizer,
        max_tokens: u64,
    ) -> Result<Vec<Vec<Answered>>, RunError> {
        self.judged(part, tokenizer, Some(max_tokens as usize))
    }

    /// Verdicts about all responses; of those that a cut does not reach the verdict is known, where there is one.
    fn judged(
        &self,
        part: &SuiteData,
        tokenizer: &Tokenizer,
        cut: Option<usize>,
    ) -> Result<Vec<Vec<Answered>>, RunError> {
        let reached = |response: &Generated| cut.is_none_or(|cut| response.tokens.len() > cut);
        let texts: Vec<Option<String>> = self
            .generated
            .iter()
            .map(|response| match cut {
                _ if !reached(response) => None,
                Some(cut) => Some(tokenizer.decode(response.tokens.get(..cut).unwrap_or(&response.tokens))),
                None => Some(tokenizer.decode(response.body())),
            })
            .collect();
        let mut answers = Vec::new();
        for (problem, texts) in self.problems.iter().zip(texts.chunks(self.samples)) {
            for text in texts.iter().flatten() {
                answers.push((problem, answer_part(text, &part.judge.answer).and_then(|range| text.get(range))));
            }
        }
        let verdicts = part.judge.verdicts(&answers);
        let failed = verdicts.iter().filter(|verdict| verdict.status == Status::Error);
        let last = failed.clone().next_back().and_then(|verdict| verdict.detail.clone()).unwrap_or_default();
        check_failures(failed.count(), verdicts.len(), &last)?;
        let mut verdicts = verdicts.iter();
        let known = self.answered.iter().flatten().map(Some).chain(std::iter::repeat(None));
        let all =
            self.generated.iter().zip(known).map(|(response, known)| match known.filter(|_| !reached(response)) {
                Some(known) => *known,
                None => Answered {
                    correct: verdicts
                        .next()
                        .filter(|verdict| verdict.status != Status::Error)
                        .map(|verdict| verdict.status == Status::Correct),
                    tokens: cut.unwrap_or(response.tokens.len()).min(response.tokens.len()) as u64,
                    truncated: cut.is_some() || response.truncated(),
                },
            });
        let all: Vec<Answered> = all.collect();
        Ok(all.chunks(self.samples).map(<[Answered]>::to_vec).collect())
    }
}

/// Values of the responses that were judged, per problem.
pub(crate) fn rows(answered: &[Vec<Answered>], value: impl Fn(&Answered) -> f64) -> Vec<Vec<f64>> {
    let row = |row: &Vec<Answered>| row.iter().filter(|a| a.correct.is_some()).map(&value).collect();
    answered.iter().map(row).collect()
}

/// 1 for a right answer, else 0.
pub(crate) fn solved(answered: &Answered) -> f64 {
    f64::from(u8::from(answered.correct == Some(true)))
}
