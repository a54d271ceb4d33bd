//! `function_calls`: single-turn function calls, judged as the Berkeley Function-Calling Leaderboard does (Patil et al.,
//! 2025), with the rule of a trainer around it: what a text without calls is worth, and partial credit.
//!
//! Columns: `functions` (descriptions: `name`, `parameters.properties`, `parameters.required`), `ground_truth` (a list of
//! `{name: {parameter: [allowed values]}}`, where `""` among the values says that the parameter may be left out) and,
//! where given, `category`, a test category of the leaderboard. Without it, several expected calls count as parallel and
//! several descriptions as a choice.
//!
//! Deliberate differences from the reference: types `number` and `object`, and descriptions without `required`, which it
//! cannot read, are read; a category of irrelevance needs no second column that says so.

mod checker;
mod extract;
mod literals;

use self::checker::{Fail, Language};
use self::extract::{Call, Missing, Raw};
use super::python::Value;
use super::{Status, Verdict, Verifier, VerifierError, only_arguments};
use crate::data::Problem;
use recipec_compiler::settings::{ArgumentValue, VerifierSettings};
use serde_json::Value as Json;

const NAME: &str = "function_calls";

/// Longest answer in bytes.
const MAX_ANSWER: usize = 1 << 18;

/// How calls are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON between `<tool_calls>` and `</tool_calls>`.
    ToolCalls,
    /// The answer itself is JSON: one call or a list of calls.
    Json,
    /// The answer itself is Python source: one call or a list of calls.
    Python,
}

/// Compares calls with the expected ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCalls {
    format: Format,
}

impl FunctionCalls {
    /// Reads the argument `format`: `tool_calls` (default), `json` or `python`.
    pub fn open(settings: &VerifierSettings) -> Result<Self, VerifierError> {
        only_arguments(settings, &["format"])?;
        let format = match settings.arguments.get("format") {
            None => Format::ToolCalls,
            Some(ArgumentValue::Word(word) | ArgumentValue::Text(word)) => match word.as_str() {
                "tool_calls" => Format::ToolCalls,
                "json" => Format::Json,
                "python" => Format::Python,
                other => {
                    let why = format!("there is no format `{other}`; there are `tool_calls`, `json` and `python`");
                    return Err(bad(&why));
                }
            },
            Some(_) => return Err(bad("`format` is a word: `tool_calls`, `json` or `python`")),
        };
        Ok(Self { format })
    }
}

fn bad(why: &str) -> VerifierError {
    VerifierError::BadArgument { name: NAME.into(), why: why.into() }
}

impl Verifier for FunctionCalls {
    fn judge(&self, problem: &Problem, answer: Option<&str>) -> Verdict {
        let answer = answer.unwrap_or("");
        if answer.len() > MAX_ANSWER {
            return Verdict { limited: true, ..Verdict::of(Status::Unparsable, "the answer is too long") };
        }
        let category = Category::of(problem);
        let calls = match self.format {
            Format::ToolCalls => extract::tagged(answer),
            _ if answer.trim().is_empty() => Ok(Vec::new()),
            Format::Json => extract::payload(answer),
            Format::Python => extract::python(answer),
        };
        match calls {
            // Where the question is whether to call at all, plain words are no call.
            Err(Missing::Unreadable) if category.relevance => judge(&category, &[]),
            Ok(calls) if self.format == Format::ToolCalls || category.relevance || !calls.is_empty() => {
                judge(&category, &calls)
            }
            Ok(_) if answer.trim().is_empty() => judge(&category, &[]),
            Ok(_) | Err(Missing::Unreadable) => {
                Verdict::of(Status::Unparsable, format!("the answer is not a call in {}", self.format.name()))
            }
            Err(Missing::Limit) => {
                Verdict { limited: true, ..Verdict::of(Status::Unparsable, "nested too deep, or a number too long") }
            }
        }
    }
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::ToolCalls => "a block",
            Self::Json => "JSON",
            Self::Python => "Python",
        }
    }
}

/// What is asked: the problem's columns.
struct Category<'p> {
    name: &'p str,
    /// The question is whether a call fits at all.
    relevance: bool,
    descriptions: &'p [Json],
    /// The expected calls; none where the column is missing.
    expected: Option<Vec<Value>>,
}

impl<'p> Category<'p> {
    fn of(problem: &'p Problem) -> Self {
        let expected = match problem.columns.get("ground_truth") {
            Some(Json::Object(wrapped)) => wrapped.get("ground_truth"),
            other => other,
        };
        let expected = expected.and_then(Json::as_array);
        let descriptions = match problem.columns.get("functions") {
            Some(Json::Array(functions)) => functions.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let name = problem.columns.get("category").and_then(Json::as_str).unwrap_or(
            match (expected.map_or(0, Vec::len), descriptions.len()) {
                (2.., _) => "parallel",
                (_, 2..) => "multiple",
                _ => "simple",
            },
        );
        let marked = problem.columns.get("is_relevance").and_then(Json::as_bool);
        let relevance = marked.unwrap_or(name.contains("irrelevance") || name.contains("live_relevance"));
        let expected = expected.map(|expected| expected.iter().map(Value::of).collect());
        Self { name, relevance, descriptions, expected }
    }
}

fn judge(category: &Category, calls: &[Raw]) -> Verdict {
    if category.relevance && category.name.contains("irrelevance") {
        return if calls.is_empty() { Verdict::correct() } else { Verdict::wrong("a call where none fits") };
    }
    if calls.is_empty() {
        return Verdict::of(Status::NoAnswer, "no calls");
    }
    if category.relevance {
        return Verdict::correct();
    }
    let Some(calls) = calls.iter().cloned().collect::<Option<Vec<Call>>>() else {
        return Verdict::of(Status::Unparsable, "a call of the wrong shape");
    };
    let Some(expected) = &category.expected else {
        return Verdict::of(Status::Unparsable, "the problem has no expected calls");
    };
    let task = Task { language: Language::of(category.name), descriptions: category.descriptions, expected };
    let parallel = category.name.contains("parallel");
    let checked = if parallel { task.unordered(&calls) } else { task.one(&calls, category.name.contains("multiple")) };
    match checked {
        Ok(()) => Verdict::correct(),
        Err(Fail::Unreadable) => Verdict::of(Status::Unparsable, "the call or its description cannot be read"),
        Err(Fail::Limit) => {
            Verdict { limited: true, ..Verdict::of(Status::Unparsable, "a literal is too long to read") }
        }
        Err(Fail::Mismatch(why)) => {
            let score = if parallel { task.share(&calls) } else { 0.0 };
            Verdict { score, ..Verdict::wrong(why) }
        }
    }
}

struct Task<'p> {
    language: Language,
    descriptions: &'p [Json],
    expected: &'p [Value],
}

impl Task<'_> {
    /// One call against the first expected one. Among several descriptions the one with the expected name counts, else the
    /// first.
    fn one(&self, calls: &[Call], by_name: bool) -> Result<(), Fail> {
        let [call, ..] = calls else { return Err(Fail::Unreadable) };
        if by_name && calls.len() != self.expected.len() {
            return Err(Fail::Mismatch("multiple_function_checker:wrong_count"));
        }
        if !by_name && calls.len() != 1 {
            return Err(Fail::Mismatch("simple_function_checker:wrong_count"));
        }
        let expected = self.expected.first().ok_or(Fail::Unreadable)?;
        let description = if by_name { self.description(expected) } else { self.descriptions.first() };
        checker::call(self.language, description.ok_or(Fail::Unreadable)?, call, expected)
    }

    fn description(&self, expected: &Value) -> Option<&Json> {
        let name = expected.as_dict()?.first()?.0.as_text()?;
        match self.descriptions {
            [only] if only.get("name").is_none() => Some(only),
            many => many.iter().find(|description| description.get("name").and_then(Json::as_str) == Some(name)),
        }
    }

    /// As many calls as expected, in any order: every expected call uses up the first call that passes.
    fn unordered(&self, calls: &[Call]) -> Result<(), Fail> {
        if calls.len() != self.expected.len() {
            return Err(Fail::Mismatch("parallel_function_checker_no_order:wrong_count"));
        }
        let mut used = vec![false; calls.len()];
        for expected in self.expected {
            if !self.use_up(expected, calls, &mut used, false)? {
                return Err(Fail::Mismatch("parallel_function_checker_no_order:cannot_find_match"));
            }
        }
        Ok(())
    }

    fn use_up(&self, expected: &Value, calls: &[Call], used: &mut [bool], lenient: bool) -> Result<bool, Fail> {
        let description = self.description(expected).ok_or(Fail::Unreadable)?;
        for (call, used) in calls.iter().zip(used).filter(|(_, used)| !**used) {
            match checker::call(self.language, description, call, expected) {
                Ok(()) => {
                    *used = true;
                    return Ok(true);
                }
                Err(Fail::Mismatch(_)) => {}
                Err(fail) if !lenient => return Err(fail),
                Err(_) => {}
            }
        }
        Ok(false)
    }

    /// Share of expected calls that are there; below 1, since this is asked of wrong answers only.
    fn share(&self, calls: &[Call]) -> f64 {
        if self.expected.len() < 2 {
            return 0.0;
        }
        let mut used = vec![false; calls.len()];
        let found = self
            .expected
            .iter()
            .filter(|expected| matches!(self.use_up(expected, calls, &mut used, true), Ok(true)))
            .count();
        (found as f64 / self.expected.len() as f64).min(PARTIAL_LIMIT)
    }
}

/// An answer with all expected calls and one too many is still wrong, so its score stays below 1.
const PARTIAL_LIMIT: f64 = 0.99;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;
