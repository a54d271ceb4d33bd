//! `math_answer(gold = answer, extract = boxed)`: whether an answer has the value of the gold one.
//!
//! | `extract` | the answer is |
//! | --- | --- |
//! | `boxed` (default) | what stands in the last `\boxed{…}` |
//! | `any` | the same; without a box, what follows the last "answer is", else the last number |
//! | `whole` | the whole text |
//!
//! Numbers are compared exactly as rationals; where one of them was written as a decimal, both are rounded to six
//! decimals. Roots, functions and symbols are compared in floats at fixed points, which is not a proof: it finds two
//! different functions equal only if they agree to ten digits at all of them. Sets, tuples, intervals and relations are
//! compared item by item.
//!
//! Where the gold answer is a number and `extract = whole`, the answer must be a number that is written out. `12+3` has
//! the right value for the question `12+3=?`, and a policy that learns to copy the question would be paid for it.
//!
//! Limits are of the text (1,000 characters), of nesting, of bits of a number and of operations; none is of time. What
//! ends at one is wrong, with `limited` set.

mod compare;
mod evaluate;
mod extract;
mod natural;
mod parse;
mod tokens;
mod value;

use crate::data::Problem;
use crate::verify::{Status, Verdict, Verifier, VerifierError, only_arguments, word_argument};
use compare::{Comparison, compare};
use extract::{Extracted, after_mark, any, boxed, whole};
use parse::{Expr, parse};
use recipec_compiler::settings::VerifierSettings;
use serde_json::Value;

/// Which part of a text is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extract {
    Boxed,
    Any,
    Whole,
}

/// The verifier `math_answer`.
#[derive(Debug, Clone)]
pub struct MathAnswer {
    gold: String,
    extract: Extract,
}

impl MathAnswer {
    /// Reads the arguments: `gold` names the column of the gold answer (`answer` when it is not given).
    pub fn open(settings: &VerifierSettings) -> Result<Self, VerifierError> {
        only_arguments(settings, &["gold", "extract"])?;
        let gold = word_argument(settings, "gold")?.unwrap_or("answer").to_owned();
        let extract = match word_argument(settings, "extract")? {
            None | Some("boxed") => Extract::Boxed,
            Some("any") => Extract::Any,
            Some("whole") => Extract::Whole,
            Some(other) => {
                let why = format!("`extract` is boxed, any or whole, not `{other}`");
                return Err(VerifierError::BadArgument { name: settings.name.clone(), why });
            }
        };
        Ok(Self { gold, extract })
    }
}

impl Verifier for MathAnswer {
    fn judge(&self, problem: &Problem, answer: Option<&str>) -> Verdict {
        let gold = match problem.columns.get(&self.gold) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Verdict::of(Status::Error, format!("no text or number in column `{}`", self.gold)),
        };
        let extracted = match (answer, self.extract) {
            (None, _) => Extracted::Nothing,
            (Some(text), Extract::Boxed) => boxed(text),
            (Some(text), Extract::Any) => any(text),
            (Some(text), Extract::Whole) => whole(text),
        };
        let answer = match extracted {
            Extracted::Nothing => return Verdict::of(Status::NoAnswer, "no answer"),
            Extracted::Empty => return Verdict::of(Status::Unparsable, "the box is empty"),
            Extracted::TooLong => return Verdict::of(Status::Unparsable, "longer than 1,000 characters"),
            Extracted::Found(answer) => answer,
        };
        judge(gold_text(&gold), answer, self.extract == Extract::Whole)
    }
}

/// A gold answer may stand in a box, between marks of mathematics, or after "answer is" or "####".
fn gold_text(gold: &str) -> &str {
    let gold = gold.trim();
    let between = |open, close| gold.strip_prefix(open)?.strip_suffix(close);
    if let Extracted::Found(inner) = boxed(gold) {
        inner
    } else if let Some(inner) = between("\\(", "\\)").or_else(|| between("\\[", "\\]")) {
        inner
    } else {
        match after_mark(gold) {
            Some(answer) if !answer.is_empty() => answer,
            _ => gold,
        }
    }
}

fn judge(gold_text: &str, text: &str, finished: bool) -> Verdict {
    if gold_text.len() > 4 * extract::LONGEST {
        return Verdict::of(Status::Error, "the gold answer is too long");
    }
    let (gold, answer) = (read(gold_text), read(text));
    let literal = finished && gold.as_ref().is_some_and(Expr::is_finished_number);
    if literal && answer.as_ref().is_some_and(|answer| !is_finished(answer)) {
        return Verdict::wrong("a number was asked, not a calculation");
    }
    let comparison = match (&gold, &answer) {
        (Some(gold), Some(answer)) => compare(gold, answer),
        _ => Comparison::Different,
    };
    if comparison == Comparison::Same {
        return Verdict::correct();
    }
    let (plain_gold, plain_answer) = (plain(gold_text), plain(text));
    if !literal && !plain_gold.is_empty() && plain_gold == plain_answer {
        return Verdict::correct();
    }
    match (comparison, answer) {
        (_, None) => Verdict::of(Status::Unparsable, "the answer cannot be read"),
        (Comparison::Undecided, _) => Verdict { limited: true, ..Verdict::wrong("the values cannot be compared") },
        _ => Verdict::wrong("another value"),
    }
}

/// Reads a text; where it cannot be read as a whole, what follows its last `=`.
fn read(text: &str) -> Option<Expr> {
    parse(text).or_else(|| match text.contains([',', ';']) {
        true => None,
        false => parse(text.rsplit_once('=')?.1),
    })
}

/// A written-out number, maybe with the name that it is given to.
fn is_finished(answer: &Expr) -> bool {
    match answer {
        Expr::Relation { relations, items } => match items.as_slice() {
            [Expr::Symbol(_), value] => relations == &["="] && value.is_finished_number(),
            _ => false,
        },
        other => other.is_finished_number(),
    }
}

/// A text without what only sets it: two texts that are plainly the same count as equal, read or not.
fn plain(text: &str) -> String {
    let cuts =
        ["\\text", "\\mathrm", "\\mathbf", "\\textbf", "\\mbox", "\\left", "\\right", "\\,", "\\!", "\\;", "\\ "];
    let text = cuts.iter().fold(text.to_owned(), |text, cut| text.replace(cut, ""));
    // Braces group only where something other than text is set.
    let grouping = text.contains(['\\', '^', '_']) || text.matches('{').count() != text.matches('}').count();
    let is_cut = |c: &char| c.is_whitespace() || matches!(c, '$' | '"') || !grouping && matches!(c, '{' | '}');
    let text: String = text.chars().filter(|c| !is_cut(c)).collect();
    let text = text.trim_end_matches('.').to_lowercase();
    // A choice may stand in brackets.
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    match inner.map(|inner| (inner, inner.chars().count())) {
        Some((letter, 1)) => letter.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests;
