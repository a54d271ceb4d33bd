//! Sequences of brackets: completing them, and finding what is wrong with them.

use super::game::Game;
use super::text::{int, int_digits, is_digits, regex, trim, words};
use super::value::{Fault, Py, Read};
use std::collections::BTreeSet;

/// The whole text without blanks and one pair of quotes is `full_sequence`. There is no other extraction.
pub(super) fn sequence(game: &Game<'_>, answer: &str) -> Read<bool> {
    let joined: String = words(answer).collect();
    // Blanks and backslashes that were written as escapes.
    let plain = joined.replace("\\n", "").replace("\\t", "").replace("\\r", "").replace("\\\\", "\\");
    let unquoted = ['"', '\''].iter().find_map(|quote| {
        let inside = plain.strip_prefix(*quote)?.strip_suffix(*quote)?;
        Some(inside)
    });
    Ok(unquoted.unwrap_or(&plain) == game.text("full_sequence")?)
}

/// -1 where it is among the whole numbers of the text, else the first that is not negative; without numbers, the words
/// "valid" and "correct" (also inside of others) mean -1. Data: `is_valid`, `first_error_pos`.
pub(super) fn first_error(game: &Game<'_>, answer: &str) -> Read<bool> {
    let numbers: Vec<&str> = regex!(r"-?\d+").find_iter(trim(answer)).map(|found| found.as_str()).collect();
    let told = match numbers.as_slice() {
        [] => {
            let lower = answer.to_lowercase();
            if ["合法", "valid", "correct"].iter().any(|word| lower.contains(word)) { "-1" } else { answer }
        }
        numbers if numbers.contains(&"-1") => "-1",
        numbers => numbers.iter().find(|number| is_digits(number)).or(numbers.first()).copied().unwrap_or(""),
    };
    let told = trim(told);
    let wanted = if game.get("is_valid")?.truthy() { "-1".to_owned() } else { game.get("first_error_pos")?.written() };
    if wanted == "-1" {
        return Ok(told == "-1");
    }
    let (told, wanted) = (int(told).ok_or(Fault::Unusable)?, int(&wanted).ok_or(Fault::Unusable)?);
    Ok(told == wanted)
}

/// Answers that say that nothing is wrong.
const NOTHING: [&str; 7] = ["无问题", "no", "无错误", "no error", "no errors", "no mistakes", "all correct"];

/// The numbers that are left when everything but digits and commas is deleted, as a set. Data: `error_indices`.
pub(super) fn wrong_thoughts(game: &Game<'_>, answer: &str) -> Read<bool> {
    let wanted = game.get("error_indices")?;
    let lower = answer.to_lowercase();
    if ["不确定", "不知道", "unclear"].iter().any(|word| lower.contains(word)) {
        return Ok(false);
    }
    let kept: String = match NOTHING.contains(&lower.as_str()) {
        true => String::new(),
        false => answer.replace('，', ",").chars().filter(|sign| sign.is_ascii_digit() || *sign == ',').collect(),
    };
    if !wanted.truthy() && kept.is_empty() {
        return Ok(true);
    }
    let numbers = kept.split(',').filter(|number| !number.is_empty());
    // One number that Python cannot convert makes the whole set empty.
    let told: BTreeSet<String> = numbers.map(int_digits).collect::<Option<_>>().unwrap_or_default();
    let mut expected: Vec<Py> = Vec::new();
    for item in wanted.iterated()? {
        if !item.hashable() {
            return Err(Fault::Unusable);
        }
        if !expected.contains(&item) {
            expected.push(item);
        }
    }
    let has = |item: &Py| match item {
        Py::Float(number) if number.fract() == 0.0 => told.contains(&format!("{number}")),
        Py::Big(digits) => told.contains(digits),
        other => other.int().is_some_and(|number| told.contains(&number.to_string())),
    };
    Ok(told.len() == expected.len() && expected.iter().all(has))
}
