//! Cases: one JSON object holds a problem, an answer and, where it is known, the right verdict. The command line, the
//! service and the conformance tests of all verifiers read them here, so the three cannot disagree.
//!
//! | domain | verifier | the problem | the answer | the right verdict |
//! | --- | --- | --- | --- | --- |
//! | `math` | `math_answer` | `gold`, `mode` (`boxed`, `pair`, `whole`), `strict`, `config` | `prediction` | `expected` |
//! | `code` | `python_tests` | `tests` | `completion` | `expected` |
//! | `ifeval` | `constraints` | `kind` `single`: `instruction_id`, `kwargs`; `response`: `instruction_id_list`, `kwargs` | `response` | `expected`, `expected_status`, `expected_score` |
//! | `logic` | `puzzle` | `task`, `game_data` | `prediction` | `expected` |
//! | `fn_calling` | `function_calls` | `category`, `functions`, `ground_truth` | `prediction` | `expected`, `answer_status`, `partial_score` |
//!
//! `program_tests` and its like, which have no file of cases, take every field of the case as a column. A case of any
//! domain may hold `arguments`, an object with more arguments of its verifier, and `columns`, the row of the problem as an object,
//! in place of the fields of the table: then it is judged exactly as a run judges it.

use crate::data::Problem;
use crate::verify::{self, Status, Verdict, Verifier, VerifierError};
use recipec_compiler::settings::{ArgumentValue, VerifierSettings};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What kind of cases a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Domain {
    /// `math_answer`.
    Math,
    /// `python_tests`.
    Code,
    /// `constraints`.
    Ifeval,
    /// `puzzle`.
    Logic,
    /// `function_calls`.
    FnCalling,
    /// `program_tests`, the small interpreter.
    SmallPrograms,
}

/// A domain, its short name, the name of its verifier, and the fields of a case that become columns.
type Row = (Domain, &'static str, &'static str, &'static [&'static str]);

const DOMAINS: &[Row] = &[
    (Domain::Math, "math", "math_answer", &[]),
    (Domain::Code, "code", "python_tests", &["tests"]),
    (Domain::Ifeval, "ifeval", "constraints", &[]),
    (Domain::Logic, "logic", "puzzle", &["task", "game_data"]),
    (Domain::FnCalling, "fn_calling", "function_calls", &["category", "functions", "ground_truth", "is_relevance"]),
    (Domain::SmallPrograms, "program_tests", "program_tests", &["tests", "function"]),
];

/// The fields that an answer may stand in.
const ANSWERS: [&str; 3] = ["prediction", "response", "completion"];

impl Domain {
    /// The domain with a name: `math`, `code`, `ifeval`, `logic`, `fn_calling`, or that of its verifier.
    pub fn named(name: &str) -> Option<Self> {
        DOMAINS.iter().find(|(_, short, verifier, _)| name == *short || name == *verifier).map(|row| row.0)
    }

    /// Every name that [`Domain::named`] knows, for messages.
    pub fn names() -> String {
        let both = |row: &Row| if row.1 == row.2 { vec![row.1] } else { vec![row.1, row.2] };
        let names: Vec<&str> = DOMAINS.iter().flat_map(both).collect();
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }

    fn row(self) -> &'static Row {
        // Every domain has a row; a test holds it.
        DOMAINS.iter().find(|row| row.0 == self).unwrap_or(&DOMAINS[0])
    }

    /// The name of the verifier.
    pub fn verifier(self) -> &'static str {
        self.row().2
    }
}

/// A case, ready to be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The verifier with its arguments.
    pub settings: VerifierSettings,
    /// What was asked.
    pub problem: Problem,
    /// What was answered; none where the case holds no text.
    pub answer: Option<String>,
    /// What the reference said; none where the case does not say.
    pub expected: Option<Expected>,
    /// True where the answer of the reference is questionable.
    pub disputed: bool,
}

/// What a reference said of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Its status.
    pub status: ExpectedStatus,
    /// Its score.
    pub score: Option<f64>,
}

/// The status that a reference gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedStatus {
    /// Exactly this one.
    Is(Status),
    /// True stands for correct, false for anything else but an error.
    IsCorrect(bool),
}

impl Expected {
    /// Whether a verdict says the same. An error never does.
    pub fn agrees(&self, verdict: &Verdict) -> bool {
        let status = match self.status {
            ExpectedStatus::Is(status) => verdict.status == status,
            ExpectedStatus::IsCorrect(right) => (verdict.status == Status::Correct) == right,
        };
        // Files hold six digits, and a wrong answer scores below 1 here whatever its share.
        let score = self.score.is_none_or(|score| {
            let score = if verdict.status == Status::Wrong { score.min(0.99) } else { score };
            (verdict.score - score).abs() < 1e-6
        });
        verdict.status != Status::Error && status && score
    }
}

impl Case {
    /// Reads a case.
    pub fn read(domain: Domain, case: &Value) -> Result<Self, String> {
        let Value::Object(case) = case else { return Err("a case is a JSON object".into()) };
        let (.., verifier, columns) = domain.row();
        let mut settings = VerifierSettings { name: (*verifier).into(), arguments: BTreeMap::new() };
        let mut columns: BTreeMap<String, Value> =
            columns.iter().filter_map(|name| Some(((*name).to_owned(), case.get(*name)?.clone()))).collect();
        match domain {
            // Whoever has the row of a problem hands it over as a run does: whole.
            _ if case.contains_key("columns") => match case.get("columns") {
                Some(Value::Object(row)) => {
                    columns = row.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
                }
                _ => return Err("`columns` is not an object".into()),
            },
            Domain::Math => {
                let gold = case.get("gold").ok_or("the case has no `gold`")?;
                columns.insert("answer".into(), gold.clone());
                mathematics(case, &mut settings)?;
            }
            Domain::Ifeval => constraints(case, &mut settings, &mut columns)?,
            Domain::Code | Domain::Logic | Domain::FnCalling | Domain::SmallPrograms => {}
        }
        match case.get("arguments") {
            None | Some(Value::Null) => {}
            Some(Value::Object(more)) => {
                for (name, value) in more {
                    settings.arguments.insert(name.clone(), argument(name, value)?);
                }
            }
            Some(_) => return Err("`arguments` is not an object".into()),
        }
        let answer = match ANSWERS.iter().find_map(|name| case.get(*name)) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => return Err("the answer is not a text".into()),
        };
        let id = case.get("id").map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)).unwrap_or_default();
        Ok(Self {
            settings,
            problem: Problem { id, level: 0, prompt: String::new(), columns },
            answer,
            expected: expected(domain, case),
            disputed: case.get("disputed") == Some(&Value::Bool(true)),
        })
    }
}

/// A pair is compared with the settings of the reference in `config`.
fn mathematics(case: &Map<String, Value>, settings: &mut VerifierSettings) -> Result<(), String> {
    let extract = match text(case, "mode")? {
        None => None,
        Some(mode @ ("boxed" | "whole" | "pair")) => Some(ArgumentValue::Word(mode.into())),
        Some(other) => return Err(format!("there is no mode `{other}`; there are `boxed`, `pair`, `whole`")),
    };
    let empty = Map::new();
    let config = match case.get("config") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(config)) => config,
        Some(_) => return Err("`config` is not an object".into()),
    };
    settings.arguments.extend(extract.map(|extract| ("extract".to_owned(), extract)));
    for (name, value) in case.get_key_value("strict").into_iter().chain(config).filter(|(_, value)| !value.is_null()) {
        let value = match value {
            Value::Array(words) => {
                let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
                ArgumentValue::Word(words.join("+"))
            }
            value => argument(name, value)?,
        };
        settings.arguments.insert(name.clone(), value);
    }
    Ok(())
}

/// One constraint is judged on the response as it stands; a list of them on the final response, blank ones apart.
fn constraints(
    case: &Map<String, Value>,
    settings: &mut VerifierSettings,
    columns: &mut BTreeMap<String, Value>,
) -> Result<(), String> {
    let kwargs = case.get("kwargs").cloned().unwrap_or(Value::Null);
    let single = match text(case, "kind")? {
        Some("single") => true,
        Some("response") => false,
        None => case.contains_key("instruction_id"),
        Some(other) => return Err(format!("there is no kind `{other}`; there are `single` and `response`")),
    };
    let ids = if single {
        let id = case.get("instruction_id").ok_or("the case has no `instruction_id`")?;
        columns.insert("kwargs".into(), json!([kwargs]));
        settings.arguments.insert("text".into(), ArgumentValue::Word("whole".into()));
        json!([id])
    } else {
        columns.insert("kwargs".into(), kwargs);
        case.get("instruction_id_list").ok_or("the case has no `instruction_id_list`")?.clone()
    };
    columns.insert("instruction_id_list".into(), ids);
    Ok(())
}

fn text<'c>(case: &'c Map<String, Value>, name: &str) -> Result<Option<&'c str>, String> {
    match case.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` is not a text")),
    }
}

/// An argument of a verifier from JSON.
fn argument(name: &str, value: &Value) -> Result<ArgumentValue, String> {
    match value {
        Value::String(text) => Ok(ArgumentValue::Word(text.clone())),
        Value::Bool(truth) => Ok(ArgumentValue::Bool(*truth)),
        Value::Number(number) => {
            number.as_f64().map(ArgumentValue::Number).ok_or_else(|| format!("`{name}` is no number"))
        }
        _ => Err(format!("argument `{name}` is not a text, a number or a truth value")),
    }
}

fn expected(domain: Domain, case: &Map<String, Value>) -> Option<Expected> {
    let named = |name: &str| case.get(name).and_then(status).map(ExpectedStatus::Is);
    let number = |name: &str| case.get(name).and_then(Value::as_f64);
    let (status, score) = match domain {
        Domain::Ifeval => (named("expected_status"), number("expected_score")),
        Domain::FnCalling => (named("answer_status"), number("partial_score")),
        _ => (None, None),
    };
    let truth = || match case.get("expected")? {
        Value::Bool(right) => Some(ExpectedStatus::IsCorrect(*right)),
        other => status_of(other),
    };
    Some(Expected { status: status.or_else(truth)?, score })
}

fn status_of(value: &Value) -> Option<ExpectedStatus> {
    status(value).map(ExpectedStatus::Is)
}

fn status(value: &Value) -> Option<Status> {
    serde_json::from_value(value.clone()).ok()
}

/// Judges cases one after the other; a verifier is made once for each set of arguments.
pub struct Judge {
    domain: Domain,
    arguments: BTreeMap<String, ArgumentValue>,
    made: Vec<Made>,
}

/// A verifier for cases with these settings, or why there is none.
struct Made {
    settings: VerifierSettings,
    verifier: Result<Box<dyn Verifier>, String>,
}

/// Most sets of arguments whose verifiers are kept; a hostile file may hold a new set on every line.
const MOST_MADE: usize = 64;

impl Judge {
    /// A judge of the cases of a domain, with arguments that all of them get unless they hold their own.
    pub fn new(domain: Domain, arguments: BTreeMap<String, ArgumentValue>) -> Self {
        Self { domain, arguments, made: Vec::new() }
    }

    /// Makes the verifier as a case without arguments would, to fail early where it cannot be made.
    pub fn open(&self) -> Result<(), VerifierError> {
        let settings = VerifierSettings { name: self.domain.verifier().into(), arguments: self.arguments.clone() };
        verify::open(&settings).map(|_| ())
    }

    /// Judges a case that was read.
    pub fn judge(&mut self, case: &Case) -> Verdict {
        let place = self.made.iter().position(|made| made.settings == case.settings);
        let place = place.unwrap_or_else(|| {
            let mut settings = case.settings.clone();
            for (name, value) in &self.arguments {
                settings.arguments.entry(name.clone()).or_insert_with(|| value.clone());
            }
            let verifier = verify::open(&settings).map_err(|why| why.to_string());
            if self.made.len() >= MOST_MADE {
                self.made.clear();
            }
            self.made.push(Made { settings: case.settings.clone(), verifier });
            self.made.len() - 1
        });
        match self.made.get(place).map(|made| &made.verifier) {
            Some(Ok(verifier)) => verifier.judge(&case.problem, case.answer.as_deref()),
            Some(Err(why)) => Verdict::of(Status::Error, why.clone()),
            None => Verdict::of(Status::Error, "the verifier was not made"),
        }
    }

    /// Judges a case as it stands in a file; what cannot be read is an error. A case without an id gets `number`.
    pub fn judge_value(&mut self, number: usize, case: &Value) -> Answer {
        let id = case.get("id").cloned().unwrap_or_else(|| json!(number));
        match Case::read(self.domain, case) {
            Ok(case) => {
                let verdict = self.judge(&case);
                let agrees = |expected: &Expected| Label { agrees: expected.agrees(&verdict), disputed: case.disputed };
                let label = case.expected.as_ref().map(agrees);
                Answer { id, verdict, label }
            }
            Err(why) => Answer { id, verdict: Verdict::of(Status::Error, why), label: None },
        }
    }

    /// Judges a line of a file, numbered from 1.
    pub fn judge_line(&mut self, number: usize, line: &str) -> Answer {
        match serde_json::from_str::<Value>(line) {
            Ok(case) => self.judge_value(number, &case),
            Err(why) => Answer::error(number, format!("line {number} is no JSON: {why}")),
        }
    }
}

/// What is said of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The id of the case, or its number.
    pub id: Value,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the reference said the same; none where the case does not say.
    pub label: Option<Label>,
}

/// How a verdict compares with the label of its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// They agree.
    pub agrees: bool,
    /// The label is questionable.
    pub disputed: bool,
}

impl Answer {
    /// The answer to something that is no case.
    pub fn error(number: usize, why: impl Into<String>) -> Self {
        Self { id: json!(number), verdict: Verdict::of(Status::Error, why), label: None }
    }

    /// One line of JSON, as the command line and the service print it: `{"id", "status", "score", "detail"}`, and
    /// `"limited": true` where a limit ended the work.
    pub fn to_line(&self) -> String {
        let Verdict { status, score, limited, detail } = &self.verdict;
        let limited = limited.then_some(true);
        let line = Line { id: &self.id, status: *status, score: *score, detail: detail.as_deref(), limited };
        // Texts, finite numbers and JSON: writing them cannot fail.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

/// The fields of an answer in their order.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a Value,
    status: Status,
    score: f64,
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limited: Option<bool>,
}

#[cfg(test)]
pub mod conformance;
#[cfg(test)]
mod tests;
