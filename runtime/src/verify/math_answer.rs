//! `math_answer(gold = answer, extract = boxed)`: whether an answer has the value of the gold one.
//!
//! | `extract` | the answer is |
//! | --- | --- |
//! | `boxed` (default) | what stands in the last `\boxed{…}` |
//! | `any` | a box; without one what is announced as the answer, else the last formula or number |
//! | `whole` | the whole text |
//!
//! The work goes through four rooms: `extract` finds candidates, `normal` brings each to one spelling, `parse`
//! makes a tree of it, `compare` compares two trees. Fractions are compared exactly. Roots, functions and names are
//! compared as balls of 30 digits, names at fixed points: two expressions are the same where all balls meet. That is no
//! proof, but two different functions do not agree to 18 digits at a dozen points by chance.
//!
//! Where the gold answer is a number and `extract = whole`, the answer must be a number that is written out. `12+3` has
//! the right value for the question `12+3=?`, and a policy that learns to copy the question would be paid for it.
//!
//! Limits are of the text, of nesting, of bits of a number and of nodes that are evaluated; none is of time. What ends at
//! one is not correct, and its verdict says `limited`.

mod ball;
mod compare;
mod countdown;
mod evaluate;
mod extract;
mod line;
mod matrix;
mod natural;
mod normal;
mod parse;
mod solve;
mod tokens;
mod tree;
mod value;
mod wide;

use crate::data::Problem;
use crate::verify::{Status, Verdict, Verifier, VerifierError, only_arguments, word_argument};
use compare::{Comparison, compare};
use evaluate::Work;
use extract::{Found, LONGEST, Tail, find, is_longer, last_box, read_latex};
use normal::normalised;
use recipec_compiler::settings::{ArgumentValue, VerifierSettings};
use serde_json::Value;
use tree::{Expr, Relation};

pub use compare::Manner;
pub use extract::Patterns;

/// Longest gold answer that is read, in bytes.
const LONGEST_GOLD: usize = 65_536;

/// Which part of a text is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extract {
    Boxed,
    Any,
    Whole,
    /// Both texts are searched by the same patterns; for labelled cases of the reference.
    Pair(Patterns, Manner),
}

/// The verifier `math_answer`.
#[derive(Debug, Clone)]
pub struct MathAnswer {
    gold: String,
    extract: Extract,
    strict: bool,
}

impl MathAnswer {
    /// Reads the arguments: `gold` names the column of the gold answer (`answer` when it is not given). Those beside `extract`
    /// are settings of the reference, with its names, for labelled cases.
    pub fn open(settings: &VerifierSettings) -> Result<Self, VerifierError> {
        let known = [
            "gold",
            "extract",
            "strict",
            "targets",
            "boxed_match_priority",
            "float_rounding",
            "allow_set_relation_comp",
        ];
        only_arguments(settings, &known)?;
        let bad = |why: String| VerifierError::BadArgument { name: settings.name.clone(), why };
        let truth = |name: &str, default: bool| match settings.arguments.get(name) {
            None => Ok(default),
            Some(ArgumentValue::Bool(truth)) => Ok(*truth),
            Some(_) => Err(bad(format!("`{name}` is true or false"))),
        };
        let count = |name: &str, default: u32| match settings.arguments.get(name) {
            None => Ok(default),
            Some(ArgumentValue::Number(number)) if (0.0..=1_000.0).contains(number) => Ok(*number as u32),
            Some(_) => Err(bad(format!("`{name}` is a number from 0 to 1000"))),
        };
        let strict = truth("strict", true)?;
        let gold = word_argument(settings, "gold")?.unwrap_or("answer").to_owned();
        let extract = match word_argument(settings, "extract")? {
            None | Some("boxed") => Extract::Boxed,
            Some("any") => Extract::Any,
            Some("whole") => Extract::Whole,
            Some("pair") => {
                let targets = word_argument(settings, "targets")?.unwrap_or("latex+expr");
                let target = |name: &str| targets.split('+').any(|target| target == name);
                let patterns = Patterns {
                    latex: target("latex"),
                    plain: target("expr"),
                    box_rank: count("boxed_match_priority", 50)?,
                };
                let manner = Manner {
                    strict,
                    places: count("float_rounding", 6)?,
                    relations_as_sets: truth("allow_set_relation_comp", false)?,
                };
                Extract::Pair(patterns, manner)
            }
            Some(other) => return Err(bad(format!("`extract` is boxed, any or whole, not `{other}`"))),
        };
        Ok(Self { gold, extract, strict })
    }
}

impl Verifier for MathAnswer {
    fn judge(&self, problem: &Problem, answer: Option<&str>) -> Verdict {
        let gold = match problem.columns.get(&self.gold) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => return Verdict::of(Status::Error, format!("no text or number in column `{}`", self.gold)),
        };
        let Some(answer) = answer else { return Verdict::of(Status::NoAnswer, "no answer") };
        match self.extract {
            Extract::Boxed => judge_boxed(&gold, answer, self.strict),
            Extract::Any => judge_any(&gold, answer),
            Extract::Whole => judge_whole(&gold, answer),
            Extract::Pair(patterns, manner) => judge_pair(&gold, answer, patterns, manner),
        }
    }
}

/// The rule for boxes: the answer is the text from the last `\boxed{` to the end, at most 1,000 characters, and the
/// patterns are looked for in it. Without `strict` names are matched in their order, not by their letters.
pub fn judge_boxed(gold: &str, completion: &str, strict: bool) -> Verdict {
    if gold.len() > LONGEST_GOLD {
        return Verdict::of(Status::Error, "the gold answer is too long");
    }
    let tail = match last_box(completion) {
        Tail::Found(tail) => tail,
        Tail::Nothing => return Verdict::of(Status::NoAnswer, "no box"),
        Tail::Empty => return Verdict::of(Status::Unparsable, "the box is empty"),
        Tail::TooLong => {
            let why = "longer than 1,000 characters from the box to the end";
            return Verdict { limited: true, ..Verdict::of(Status::Unparsable, why) };
        }
    };
    if countdown::is_countdown(gold) {
        return countdown::judge(gold, &normalised(tail, true));
    }
    let found = find(tail, Patterns::default());
    judge_found(&gold_answer(gold), &found, Manner { strict, ..Manner::default() })
}

/// Two texts, in each of which the answer is found by patterns.
pub fn judge_pair(gold: &str, prediction: &str, patterns: Patterns, manner: Manner) -> Verdict {
    let verdict = judge_found(&find(gold, patterns), &find(prediction, patterns), manner);
    // Of two texts it is only asked whether they agree.
    if verdict.status == Status::Unparsable { Verdict { status: Status::Wrong, ..verdict } } else { verdict }
}

/// The patterns on a whole completion, a box first.
fn judge_any(gold: &str, completion: &str) -> Verdict {
    if countdown::is_countdown(gold) {
        let answer = completion.rfind("<answer>").and_then(|at| completion.get(at + "<answer>".len()..));
        let answer = answer.map(|rest| rest.split("</answer>").next().unwrap_or(rest));
        return countdown::judge(gold, answer.unwrap_or(completion));
    }
    let found = find(completion, Patterns { box_rank: 0, ..Patterns::default() });
    if found.value.is_none() && found.text.is_none() {
        return Verdict { limited: found.limited, ..Verdict::of(Status::NoAnswer, "nothing looks like an answer") };
    }
    judge_found(&gold_answer(gold), &found, Manner::default())
}

/// The whole text is the answer.
fn judge_whole(gold: &str, text: &str) -> Verdict {
    let text = text.trim();
    if text.is_empty() {
        return Verdict::of(Status::NoAnswer, "no answer");
    }
    if is_longer(text, LONGEST) {
        return Verdict { limited: true, ..Verdict::of(Status::Unparsable, "longer than 1,000 characters") };
    }
    if countdown::is_countdown(gold) {
        return countdown::judge(gold, text);
    }
    let gold = gold_answer(gold);
    let found = read_whole(text);
    let literal = gold.value.as_ref().is_some_and(Expr::is_finished_number);
    match &found.value {
        None if literal || gold.text != found.text => {
            Verdict { limited: found.limited, ..Verdict::of(Status::Unparsable, "the answer cannot be read") }
        }
        Some(value) if literal && !is_finished(value) => Verdict::wrong("a number was asked, not a calculation"),
        _ => judge_found(&gold, &found, Manner::default()),
    }
}

/// Reads a text as one formula.
fn read_whole(text: &str) -> Found {
    // A full stop ends a sentence, not a number.
    let text = normalised(text.strip_suffix('.').unwrap_or(text), true);
    let mut limited = false;
    let value = read_latex(&text, &mut limited);
    Found { value, text: Some(text).filter(|text| !text.is_empty()), limited }
}

/// A gold answer may stand alone, in a box, between marks of mathematics, or in a sentence that announces it. The
/// references look for patterns in all of these; what stands alone is read whole, so that `2\sqrt{3}` is not the number 2.
fn gold_answer(gold: &str) -> Found {
    let gold = gold.trim();
    let marked = [r"\boxed", "$", r"\(", r"\[", "####"].iter().any(|mark| gold.contains(mark));
    let is_word = |word: &&str| word.len() > 1 && word.chars().all(char::is_alphabetic);
    if !marked && gold.split_whitespace().filter(is_word).count() < 3 {
        let found = read_whole(gold);
        if found.value.is_some() {
            return found;
        }
    }
    find(gold, Patterns::default())
}

/// A written-out number, maybe with the name that it is given to.
fn is_finished(answer: &Expr) -> bool {
    match answer {
        Expr::Chain(relations, sides) => match sides.as_slice() {
            [Expr::Symbol(_), value] => *relations == [Relation::Equal] && value.is_finished_number(),
            _ => false,
        },
        other => other.is_finished_number(),
    }
}

fn judge_found(gold: &Found, answer: &Found, manner: Manner) -> Verdict {
    if answer.value.is_none() && answer.text.is_none() {
        return Verdict { limited: answer.limited, ..Verdict::of(Status::Unparsable, "the answer cannot be read") };
    }
    let mut work = Work::default();
    if let (Some(gold), Some(answer)) = (&gold.value, &answer.value)
        && compare(gold, answer, manner, &mut work) == Comparison::Same
    {
        return Verdict::correct();
    }
    if let (Some(gold), Some(answer)) = (&gold.text, &answer.text)
        && gold.trim() == answer.trim()
        && !answer.trim().is_empty()
    {
        return Verdict::correct();
    }
    let why = match (&gold.value, &answer.value) {
        (None, _) => "the gold answer cannot be read",
        (_, None) => "the answer cannot be read, and is not the gold text",
        _ if work.limited => "too much work to compare",
        _ => "another value",
    };
    Verdict { limited: work.limited || answer.limited, ..Verdict::wrong(why) }
}

#[cfg(test)]
mod tests;
