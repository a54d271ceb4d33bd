//! `judge(model = …, prompt = "…", accept = "…")`: another model reads the answer and says whether it is right (as in
//! General-Reasoner, arXiv 2505.14652).
//!
//! The question is the recipe's prompt, with the answer between fixed marks that it cannot close ([`question`]). The model answers
//! greedily; a whole line of its judgement decides ([`decision`]). A judgement that is late, empty, cut or without such a line is the
//! judge's own failure: [`Status::Error`], never a reward.
//!
//! The model is on candle ([`local`]), or on a server that speaks OpenAI's language ([`endpoint`]). What a server said is kept in the
//! run folder ([`record`]): a resumed run does not ask again, and judges the same.

pub mod decision;
pub mod endpoint;
pub mod local;
pub mod models;
pub mod question;
pub mod record;

use super::{Status, Verdict, Verifier, VerifierError, only_arguments, word_argument};
use crate::data::Problem;
use decision::Decision;
use question::Question;
use recipec_compiler::settings::{ArgumentValue, VerifierSettings};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest answer that a judge is shown, in bytes.
pub const LONGEST_ANSWER: usize = 64 << 10;

/// Longest judgement in tokens, where the settings do not say.
const OUTPUT: usize = 1024;

/// What a model said of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Its words, without an end token.
    pub text: String,
    /// False when it was cut by the cap.
    pub finished: bool,
}

/// A model that can be asked. The answers to the same questions are the same, whatever is asked beside them.
pub trait Asked: Send + Sync {
    /// Answers every question greedily with at most `most_tokens` tokens each. An error says in a few words why there is no answer.
    fn ask(&self, questions: &[&str], most_tokens: usize) -> Vec<Result<Judgement, String>>;

    /// Whether a question can be put to it at all.
    fn reads(&self, question: &str) -> Result<(), String>;
}

/// The verifier.
pub struct Judge {
    model: Arc<dyn Asked>,
    question: Question,
    decision: Decision,
    most_tokens: usize,
}

impl Judge {
    /// The name of the model that the settings ask for.
    pub fn model(settings: &VerifierSettings) -> Result<&str, VerifierError> {
        word_argument(settings, "model")?.ok_or_else(|| bad("`model` is missing"))
    }

    /// A judge that asks `model`.
    pub fn open(settings: &VerifierSettings, model: Arc<dyn Asked>) -> Result<Self, VerifierError> {
        only_arguments(settings, &["model", "prompt", "accept", "reject", "output", "reference"])?;
        let needed = |name: &str| word_argument(settings, name)?.ok_or_else(|| bad(&format!("`{name}` is missing")));
        let reference = word_argument(settings, "reference")?.unwrap_or("answer");
        let question = Question::parse(needed("prompt")?, reference).map_err(|why| bad(&why))?;
        let decision = Decision::new(needed("accept")?, word_argument(settings, "reject")?).map_err(|why| bad(&why))?;
        let most_tokens = match settings.arguments.get("output") {
            None => OUTPUT,
            Some(ArgumentValue::Number(n)) if *n >= 1.0 && *n <= 1e9 => *n as usize,
            Some(_) => return Err(bad("`output` is not an amount of tokens")),
        };
        Ok(Self { model, question, decision, most_tokens })
    }

    /// What is asked of an answer, or the verdict where there is nothing to ask.
    fn ask(&self, problem: &Problem, answer: Option<&str>) -> Result<String, Verdict> {
        let Some(answer) = answer.filter(|answer| !answer.trim().is_empty()) else {
            return Err(Verdict::of(Status::NoAnswer, "there is no answer"));
        };
        if answer.len() > LONGEST_ANSWER {
            let why = format!("an answer of {} bytes; a judge is shown at most {LONGEST_ANSWER}", answer.len());
            return Err(Verdict { limited: true, ..Verdict::of(Status::Unparsable, why) });
        }
        self.question.about(problem, answer).map_err(|why| Verdict::of(Status::Error, why))
    }

    fn verdict(&self, said: &Result<Judgement, String>) -> Verdict {
        let failed = |why: String| Verdict::of(Status::Error, format!("the judge: {why}"));
        match said {
            Err(why) => failed(why.clone()),
            Ok(said) if !said.finished => {
                failed(format!("its judgement is not finished; it has at most {} tokens", self.most_tokens))
            }
            Ok(said) => match self.decision.read(&said.text) {
                Ok(true) => Verdict::correct(),
                Ok(false) => Verdict::wrong("the judge does not accept it"),
                Err(why) => failed(why),
            },
        }
    }
}

fn bad(why: &str) -> VerifierError {
    VerifierError::BadArgument { name: "judge".into(), why: why.into() }
}

impl Verifier for Judge {
    fn judge(&self, problem: &Problem, answer: Option<&str>) -> Verdict {
        let mut verdicts = self.judge_all(&[(problem, answer)]);
        verdicts.pop().unwrap_or_else(|| Verdict::of(Status::Error, "the judge: it was not asked"))
    }

    /// Equal questions are asked once.
    fn judge_all(&self, answers: &[(&Problem, Option<&str>)]) -> Vec<Verdict> {
        let asked: Vec<Result<String, Verdict>> =
            answers.iter().map(|(problem, answer)| self.ask(problem, *answer)).collect();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut questions: Vec<&str> = Vec::new();
        for question in asked.iter().flatten() {
            places.entry(question).or_insert_with(|| {
                questions.push(question);
                questions.len() - 1
            });
        }
        let said = self.model.ask(&questions, self.most_tokens);
        let of = |question: &str| places.get(question).and_then(|at| said.get(*at));
        let verdict = |question: &Result<String, Verdict>| match question {
            Err(verdict) => verdict.clone(),
            Ok(question) => match of(question) {
                Some(said) => self.verdict(said),
                None => Verdict::of(Status::Error, "the judge: it gave no answer"),
            },
        };
        asked.iter().map(verdict).collect()
    }

    fn check(&self, problem: &Problem) -> Result<(), String> {
        self.model.reads(&self.question.about(problem, "0")?)
    }
}

#[cfg(test)]
mod tests;
