//! A model on a server that speaks OpenAI's language: `POST URL/chat/completions`.
//!
//! What leaves this machine is the question; the key comes from an environment variable and stands in nothing that is written. A
//! request that finds no server, a busy or failing one, or one that answers with something else, is made again a few times, later each
//! time; there are bounds for the time of a request, for the requests at a time, and for the length of an answer. Redirections are
//! not followed: the key would go along.

use super::record::Record;
use super::{Asked, Judgement};
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longest answer of a server, in bytes.
const LONGEST: u64 = 8 << 20;

/// Requests made for one question.
const TRIES: u32 = 4;

/// The longest that a server may ask to wait with `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How a server is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Address {
    /// The address before `/chat/completions`.
    pub url: String,
    /// The name of the model there.
    pub model: String,
    /// How long one request may take.
    pub timeout: Duration,
    /// Requests at a time.
    pub parallel: usize,
    /// Waiting time before the second request; it doubles.
    pub pause: Duration,
    /// Sent along; a server that knows seeds answers alike for alike seeds.
    pub seed: u64,
}

/// The server.
pub struct Endpoint {
    address: Address,
    key: Option<String>,
    agent: ureq::Agent,
    record: Option<Arc<Record>>,
}

/// Why a request brought nothing.
struct Miss {
    why: String,
    /// Whether another request may do better, and how long the server wants it to wait.
    again: Option<Duration>,
}

impl Miss {
    fn again(why: impl Into<String>) -> Self {
        Self { why: why.into(), again: Some(Duration::ZERO) }
    }

    fn last(why: impl Into<String>) -> Self {
        Self { why: why.into(), again: None }
    }
}

impl Endpoint {
    /// A server. `key` is sent as bearer token. What is said is kept in `record`.
    pub fn new(address: Address, key: Option<String>, record: Option<Arc<Record>>) -> Self {
        let rest = address.url.split_once("://").map_or("", |(_, rest)| rest);
        let here = ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| {
            rest.strip_prefix(host).is_some_and(|behind| behind.is_empty() || behind.starts_with([':', '/']))
        });
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(address.timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false);
        if here {
            // A proxy of the environment is for the world outside.
            config = config.proxy(None);
        }
        Self { agent: config.build().into(), address, key, record }
    }

    fn body(&self, question: &str, most_tokens: usize) -> String {
        json!({
            "model": self.address.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "seed": self.address.seed,
            "max_tokens": most_tokens,
            "stream": false,
        })
        .to_string()
    }

    /// The digest under which an answer is kept: of the address and the whole request.
    fn digest(&self, body: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.address.url.len() as u64).to_le_bytes());
        hasher.update(self.address.url.as_bytes());
        hasher.update(body.as_bytes());
        hasher.finalize()
    }

    /// One question, with its repetitions.
    fn answer(&self, body: &str) -> Result<Judgement, String> {
        let mut pause = self.address.pause;
        let mut last = String::new();
        for nth in 1..=TRIES {
            match self.post(body) {
                Ok(judgement) => return Ok(judgement),
                Err(Miss { why, again: None }) => return Err(self.without_key(why)),
                Err(Miss { why, again: Some(wanted) }) => {
                    last = why;
                    if nth < TRIES {
                        std::thread::sleep(wanted.min(LONGEST_PAUSE).max(pause));
                        pause = pause.saturating_mul(2);
                    }
                }
            }
        }
        Err(self.without_key(format!("{last}, {TRIES} times")))
    }

    /// A server may repeat what it was sent: a key in its words is not passed on.
    fn without_key(&self, why: String) -> String {
        match &self.key {
            Some(key) if !key.is_empty() => why.replace(key.as_str(), "…"),
            _ => why,
        }
    }

    fn post(&self, body: &str) -> Result<Judgement, Miss> {
        let url = format!("{}/chat/completions", self.address.url.trim_end_matches('/'));
        let mut request = self.agent.post(&url).header("Content-Type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let mut response = request.send(body.as_bytes()).map_err(|why| match why {
            ureq::Error::BadUri(why) => Miss::last(format!("its address cannot be used: {why}")),
            ureq::Error::Http(why) => Miss::last(format!("its address or key cannot be sent: {why}")),
            ureq::Error::Timeout(_) => {
                Miss::again(format!("its server does not answer within {:?}", self.address.timeout))
            }
            why => Miss::again(format!("its server cannot be asked: {why}")),
        })?;
        let status = response.status().as_u16();
        let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| value.trim().parse::<u64>().ok()).map_or(Duration::ZERO, Duration::from_secs);
        let read = response.body_mut().with_config().limit(LONGEST).read_to_vec();
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(ureq::Error::BodyExceedsLimit(_)) => return Err(Miss::last("its server answers with too much")),
            Err(ureq::Error::Timeout(_)) => {
                return Err(Miss::again(format!("its server does not answer within {:?}", self.address.timeout)));
            }
            Err(why) => return Err(Miss::again(format!("its server's answer ends early: {why}"))),
        };
        let json: Option<Json> = serde_json::from_slice(&bytes).ok();
        if status != 200 {
            let said = json.as_ref().and_then(|json| json.pointer("/error/message").and_then(Json::as_str));
            let said = said.map_or(String::new(), |said| format!(": {}", said.chars().take(200).collect::<String>()));
            let why = format!("its server answers with status {status}{said}");
            return Err(match status {
                408 | 409 | 425 | 429 | 500..=599 => Miss { why, again: Some(wait) },
                _ => Miss::last(why),
            });
        }
        let json = json.ok_or_else(|| Miss::again("its server answers with something that is no JSON"))?;
        let choice = json.pointer("/choices/0").ok_or_else(|| Miss::again("its server answers without `choices`"))?;
        let text = match choice.pointer("/message/content") {
            Some(Json::String(text)) => text.clone(),
            // A refusal, or nothing but reasoning that is kept apart.
            Some(Json::Null) => String::new(),
            _ => return Err(Miss::again("its server answers without a message")),
        };
        let finished = match choice.get("finish_reason").and_then(Json::as_str) {
            Some("stop" | "eos" | "end_turn") | None => true,
            Some(_) => false,
        };
        Ok(Judgement { text, finished })
    }
}

impl Asked for Endpoint {
    fn ask(&self, questions: &[&str], most_tokens: usize) -> Vec<Result<Judgement, String>> {
        let bodies: Vec<String> = questions.iter().map(|question| self.body(question, most_tokens)).collect();
        let digests: Vec<blake3::Hash> = bodies.iter().map(|body| self.digest(body)).collect();
        let mut said: Vec<Option<Result<Judgement, String>>> = digests
            .iter()
            .map(|digest| match self.record.as_ref().map(|record| record.find(digest)) {
                None | Some(Ok(None)) => None,
                Some(Ok(Some(judgement))) => Some(Ok(judgement)),
                Some(Err(why)) => Some(Err(why)),
            })
            .collect();
        let open: Vec<usize> = (0..said.len()).filter(|at| said.get(*at).is_some_and(Option::is_none)).collect();
        let next = AtomicUsize::new(0);
        let answers: Mutex<Vec<(usize, Result<Judgement, String>)>> = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..self.address.parallel.clamp(1, open.len().max(1)) {
                scope.spawn(|| {
                    while let Some(at) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let Some(body) = bodies.get(*at) else { break };
                        let answer = self.answer(body);
                        answers.lock().unwrap_or_else(PoisonError::into_inner).push((*at, answer));
                    }
                });
            }
        });
        for (at, answer) in answers.into_inner().unwrap_or_else(PoisonError::into_inner) {
            if let Some(slot) = said.get_mut(at) {
                *slot = Some(answer);
            }
        }
        if let Some(record) = &self.record {
            // In the order of the questions, so that the file does not depend on which answer came first.
            let new = open.iter().filter_map(|at| match said.get(*at) {
                Some(Some(Ok(judgement))) => Some((digests.get(*at)?, judgement)),
                _ => None,
            });
            if let Err(why) = record.keep(&self.address.model, new) {
                // What is not recorded must not count: a resumed run could not repeat it.
                return questions.iter().map(|_| Err(why.clone())).collect();
            }
        }
        said.into_iter().map(|answer| answer.unwrap_or_else(|| Err("it was not asked".into()))).collect()
    }

    fn reads(&self, _question: &str) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
