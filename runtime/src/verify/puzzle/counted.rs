//! Expressions that must have a value: game of 24, math path, cryptarithm and named operations.

use super::game::{Game, as_int};
use super::literal::expression;
use super::text::{compile, is_blank, last_match, python_block, regex};
use super::value::{Fault, Py, Read};
use crate::data::Problem;
use crate::verify::{Status, Verifier, math_answer::MathAnswer};
use recipec_compiler::settings::{ArgumentValue, VerifierSettings};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The last python block. Data: `numbers`, `operators`, `result`. Signs are looked at one by one, so that `**` passes where `*` does.
pub(super) fn mathador(game: &Game<'_>, answer: &str) -> Read<bool> {
    let Some(text) = python_block(answer) else { return Ok(false) };
    let mut wanted: Vec<String> = game.list("numbers")?.iter().map(Py::written).collect();
    let operators = game.get("operators")?;
    let allowed = |sign: char| match &operators {
        Py::Str(signs) => signs.contains(sign),
        Py::List(signs) => signs.iter().any(|known| known.text().is_some_and(|known| known.chars().eq([sign]))),
        _ => false,
    };
    let strange = |sign: char| !(sign.is_ascii_digit() || is_blank(sign) || matches!(sign, '(' | ')') || allowed(sign));
    if text.chars().any(strange) {
        return Ok(false);
    }
    for number in text.split(|sign: char| !sign.is_ascii_digit()).filter(|number| !number.is_empty()) {
        match wanted.iter().position(|known| known == number) {
            Some(place) => drop(wanted.swap_remove(place)),
            None => return Ok(false),
        }
    }
    if !wanted.is_empty() {
        return Ok(false);
    }
    let value = real(&expression(text)?)?;
    Ok((value - real(&game.get("result")?)?).abs() < 1e-10)
}

/// A value as Python's `float` reads it.
fn real(value: &Py) -> Read<f64> {
    match value {
        Py::Float(number) => Ok(*number),
        Py::Str(text) => super::text::float(text).ok_or(Fault::Unusable),
        other => other.int().map(|number| number as f64).ok_or(Fault::Unusable),
    }
}

/// The last `[[..]]` on a line. Data: `query_expr` with `?` for a digit. Digits that are given stay, signs too, and the equation
/// holds.
pub(super) fn math_path(game: &Game<'_>, answer: &str) -> Read<bool> {
    let found = last_match(regex!(r"\[\[(.*?)\]\]"), answer).unwrap_or("");
    let (told, query) = (found.replace(' ', ""), game.text("query_expr")?);
    let digits = |text: &str| text.chars().filter(|sign| sign.is_ascii_digit() || *sign == '?').collect::<Vec<_>>();
    let signs = |text: &str| text.chars().filter(|sign| "+-*/%".contains(*sign)).collect::<Vec<_>>();
    let (told_digits, query_digits) = (digits(&told.replace('?', "")), digits(query));
    let fits = |(told, query): (&char, &char)| *query == '?' || told == query;
    if told_digits.len() != query_digits.len()
        || !told_digits.iter().zip(&query_digits).all(fits)
        || signs(&told) != signs(query)
    {
        return Ok(false);
    }
    Ok(expression(super::text::trim(&told.replace('=', "==")))?.truthy())
}

/// The last equation anywhere, blanks left out. Data: the answer.
pub(super) fn cryptarithm(game: &Game<'_>, answer: &str) -> Read<bool> {
    static EQUATION: LazyLock<regex::Regex> = LazyLock::new(|| compile(r"\d+(?:~*[+*-]~*\d+)+~*=~*-?\d+"));
    let found = last_match(&EQUATION, answer).unwrap_or("");
    Ok(found.replace(' ', "") == game.answer()?.replace(' ', ""))
}

/// Mathematics: the text and the answer have the same value, as `math_answer(extract = any)` reads and compares them.
pub(super) fn operation(game: &Game<'_>, answer: &str) -> Read<bool> {
    static MATH: LazyLock<Option<MathAnswer>> = LazyLock::new(|| {
        let arguments = BTreeMap::from([("extract".to_owned(), ArgumentValue::Word("any".to_owned()))]);
        MathAnswer::open(&VerifierSettings { name: "math_answer".into(), arguments }).ok()
    });
    let math = MATH.as_ref().ok_or(Fault::Unusable)?;
    let columns = BTreeMap::from([("answer".to_owned(), Value::String(game.answer()?.to_owned()))]);
    let problem = Problem { id: String::new(), level: 0, prompt: String::new(), columns };
    let verdict = math.judge(&problem, Some(answer));
    if verdict.limited { Err(Fault::Limit) } else { Ok(verdict.status == Status::Correct) }
}

/// The number of a BIG-Bench Hard answer: behind "answer is " where one more character follows it, else the first in the text.
pub(super) fn bbh_number(game: &Game<'_>, answer: &str) -> Read<bool> {
    let wanted = match game.answer_value() {
        text @ Py::Str(_) => Py::Int(as_int(&text)?),
        other => other,
    };
    let strict = super::big_bench::behind_answer_is(answer).find_map(|rest| {
        let run = rest.find(|sign: char| sign != '-' && !sign.is_ascii_digit()).unwrap_or(rest.len());
        // One more character must follow on the line, so a number that ends it loses its last sign.
        let ends = rest.get(run..).is_none_or(|behind| behind.is_empty() || behind.starts_with('\n'));
        let run = if ends { run.checked_sub(1)? } else { run };
        rest.get(..run).filter(|run| !run.is_empty())
    });
    let first = || regex!(r"[-0-9]+").find(answer).map(|found| found.as_str());
    let read = |text: &str| super::text::int(text);
    let told = strict.and_then(read).or_else(|| first().and_then(read)).or_else(|| read(answer));
    Ok(told.is_some_and(|told| Py::Int(told) == wanted))
}
