//! A model that judges on this machine.

use super::{Asked, Judgement};
use crate::generate::{Engine, Request, generate};
use crate::model::Model;
use crate::model::chat::ChatTemplate;
use crate::policy::Policy;
use crate::prompt;
use crate::rng::{Purpose, Stream};
use crate::tokenizer::Tokenizer;
use recipec_compiler::settings::Sampling;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The most likely token, always.
const GREEDY: Sampling = Sampling { temperature: 0.0, top_p: 1.0, top_k: 0, min_p: 0.0 };

/// Judgements that are decoded at the same time. It changes no judgement.
const SLOTS: usize = 64;

/// A frozen model with its tokenizer.
pub struct Local {
    policy: Policy,
    tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
    threads: usize,
}

impl Local {
    /// A judge of this model; `threads` changes its speed and nothing else. Questions go through its chat template where it has one.
    pub fn new(model: Model, threads: usize) -> Self {
        let Model { policy, tokenizer, template, .. } = model;
        Self { policy, tokenizer, template, threads: threads.max(1) }
    }

    fn tokens(&self, question: &str) -> Result<Vec<u32>, String> {
        prompt::tokens(&self.tokenizer, self.template.as_ref(), question)
    }
}

impl Asked for Local {
    fn ask(&self, questions: &[&str], most_tokens: usize) -> Vec<Result<Judgement, String>> {
        let prompts: Vec<Result<Vec<u32>, String>> = questions
            .iter()
            .map(|question| self.tokens(question).map_err(|why| format!("it cannot read the question: {why}")))
            .collect();
        let requests: Vec<Request> = prompts
            .iter()
            .flatten()
            .map(|prompt| Request {
                // Greedy decoding draws nothing.
                stream: Stream::new(0, Purpose::Other, 0, 0, 0),
                prompt: Arc::from(prompt.as_slice()),
                max_new_tokens: most_tokens,
                sampling: GREEDY,
            })
            .collect();
        let engine = Engine {
            end_tokens: self.tokenizer.end_tokens().to_vec(),
            ..Engine::new(SLOTS, self.tokenizer.end_token(), self.threads)
        };
        let generated = generate(&self.policy, &requests, &engine, &mut |_| ControlFlow::Continue(()));
        let mut generated = match generated {
            Ok(generated) => generated.into_iter(),
            Err(why) => return questions.iter().map(|_| Err(format!("it cannot answer: {why}"))).collect(),
        };
        let mut judgement = |prompt: Result<Vec<u32>, String>| {
            prompt?;
            let made = generated.next().ok_or("it gave no answer")?;
            Ok(Judgement { text: self.tokenizer.decode(made.body()), finished: made.finished() })
        };
        prompts.into_iter().map(&mut judgement).collect()
    }

    fn reads(&self, question: &str) -> Result<(), String> {
        match self.tokens(question) {
            Ok(tokens) if tokens.is_empty() => Err("the question has no tokens".into()),
            Ok(_) => Ok(()),
            Err(why) => Err(format!("its model cannot read the question: {why}")),
        }
    }
}
