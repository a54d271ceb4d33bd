//! `function_calls`: single-turn function calls, judged as the Berkeley Function-Calling Leaderboard does (Patil et al.,
//! 2025), with the rule of a trainer around it: what a text without calls is worth, and partial credit.
//!
//! Columns: `functions` (descriptions: `name`, `parameters.properties`, `parameters.required`), `ground_truth` (a list of
//! `{name: {parameter: [allowed values]}}`, where `""` among the values says that the parameter may be left out) and,
//! where given, `category`, a test category of the leaderboard. Without it, several expected calls count as parallel and
//! several descriptions as a choice.
//!
//! Deliberate differences from the reference: `NaN` is no JSON, so a text with it has no calls; a type `number` or
//! `object`, which the reference cannot read, is a number or a dictionary.

mod checker;
mod extract;
mod literals;

use self::checker::{Fail, Language};
use self::extract::{Calls, Raw};
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
}

/// Compares calls with the expected ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCalls {
    format: Format,
}

impl FunctionCalls {
    /// Reads the argument `format`: `tool_calls` (default) or `json`.
    pub fn open(settings: &VerifierSettings) -> Result<Self, VerifierError> {
        only_arguments(settings, &["format"])?;
        let format = match settings.arguments.get("format") {
            None => Format::ToolCalls,
            Some(ArgumentValue::Word(word) | ArgumentValue::Text(word)) => match word.as_str() {
                "tool_calls" => Format::ToolCalls,
                "json" => Format::Json,
                "python" => {
                    return Err(bad("`format = python` is not in this version; there are `tool_calls` and `json`"));
                }
                other => {
                    return Err(bad(&format!("there is no format `{other}`; there are `tool_calls` and `json`")));
                }
            },
            Some(_) => return Err(bad("`format` is a word: `tool_calls` or `json`")),
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
        let calls = match self.format {
            Format::ToolCalls => extract::tagged(answer),
            Format::Json if answer.trim().is_empty() => Vec::new(),
            Format::Json => match extract::payload(answer) {
                Some(calls) if !calls.is_empty() => calls,
                _ => return Verdict::of(Status::Unparsable, "the answer is not a call in JSON"),
            },
        };
        let expected = problem.columns.get("ground_truth").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let descriptions = match problem.columns.get("functions") {
            Some(Json::Array(functions)) => functions.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let category = problem.columns.get("category").and_then(Json::as_str).unwrap_or(
            match (expected.len(), descriptions.len()) {
                (2.., _) => "parallel",
                (_, 2..) => "multiple",
                _ => "simple",
            },
        );
        judge(category, descriptions, expected, &calls)
    }
}

fn judge(category: &str, descriptions: &[Json], expected: &[Json], calls: &[Raw]) -> Verdict {
    if category.contains("irrelevance") {
        return if calls.is_empty() { Verdict::correct() } else { Verdict::wrong("a call where none fits") };
    }
    if calls.is_empty() {
        return Verdict::of(Status::NoAnswer, "no calls");
    }
    if category.contains("live_relevance") {
        return Verdict::correct();
    }
    let Some(calls) = extract::shaped(calls) else {
        return Verdict::of(Status::Unparsable, "a call of the wrong shape");
    };
    if expected.is_empty() {
        return Verdict::of(Status::Unparsable, "the problem has no expected calls");
    }
    let task = Task { language: Language::of(category), descriptions, expected };
    let checked = if category.contains("parallel") {
        task.unordered(&calls)
    } else if category.contains("multiple") {
        task.one(&calls, true)
    } else {
        task.one(&calls, false)
    };
    match checked {
        Ok(()) => Verdict::correct(),
        Err(Fail::Unreadable) => Verdict::of(Status::Unparsable, "the call or its description cannot be read"),
        Err(Fail::Mismatch(why)) => {
            let score = if category.contains("parallel") { task.share(&calls) } else { 0.0 };
            Verdict { score, ..Verdict::wrong(why) }
        }
    }
}

struct Task<'p> {
    language: Language,
    descriptions: &'p [Json],
    expected: &'p [Json],
}

impl Task<'_> {
    /// One call. Among several descriptions the one with the expected name counts, else the first.
    fn one(&self, calls: &Calls, by_name: bool) -> Result<(), Fail> {
        let ([call], [expected, rest @ ..]) = (calls.as_slice(), self.expected) else {
            return Err(Fail::Mismatch(if by_name {
                "multiple_function_checker:wrong_count"
            } else {
                "simple_function_checker:wrong_count"
            }));
        };
        if by_name && !rest.is_empty() {
            return Err(Fail::Mismatch("multiple_function_checker:wrong_count"));
        }
        let description = if by_name { self.description(expected) } else { self.descriptions.first() };
        checker::call(self.language, description.ok_or(Fail::Unreadable)?, call, expected)
    }

    fn description(&self, expected: &Json) -> Option<&Json> {
        let name = expected.as_object()?.keys().next()?;
        match self.descriptions {
            [only] if only.get("name").is_none() => Some(only),
            many => many.iter().find(|description| description.get("name").and_then(Json::as_str) == Some(name)),
        }
    }

    /// As many calls as expected, in any order: every expected call uses up the first call that passes.
    fn unordered(&self, calls: &Calls) -> Result<(), Fail> {
        if calls.len() != self.expected.len() {
            return Err(Fail::Mismatch("parallel_function_checker_no_order:wrong_count"));
        }
        let mut used = vec![false; calls.len()];
        for expected in self.expected {
            if !self.use_up(expected, calls, &mut used)? {
                return Err(Fail::Mismatch("parallel_function_checker_no_order:cannot_find_match"));
            }
        }
        Ok(())
    }

    fn use_up(&self, expected: &Json, calls: &Calls, used: &mut [bool]) -> Result<bool, Fail> {
        let description = self.description(expected).ok_or(Fail::Unreadable)?;
        for (call, used) in calls.iter().zip(used).filter(|(_, used)| !**used) {
            match checker::call(self.language, description, call, expected) {
                Ok(()) => {
                    *used = true;
                    return Ok(true);
                }
                Err(Fail::Mismatch(_)) => {}
                Err(Fail::Unreadable) => return Err(Fail::Unreadable),
            }
        }
        Ok(false)
    }

    /// Share of expected calls that are there; below 1, since this is asked of wrong answers only.
    fn share(&self, calls: &Calls) -> f64 {
        if self.expected.len() < 2 {
            return 0.0;
        }
        let mut used = vec![false; calls.len()];
        let found =
            self.expected.iter().filter(|expected| matches!(self.use_up(expected, calls, &mut used), Ok(true))).count();
        (found as f64 / self.expected.len() as f64).min(PARTIAL_LIMIT)
    }
}

/// An answer with all expected calls and one too many is still wrong, so its score stays below 1.
const PARTIAL_LIMIT: f64 = 0.99;

#[cfg(test)]
mod tests;
