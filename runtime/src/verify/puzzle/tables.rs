//! Answers that are values: tables, lists and records that must equal the one of the data.

use super::game::Game;
use super::json::json;
use super::literal::expression;
use super::text::{behind_fence, last_match, regex, trim};
use super::value::{Fault, Py, Read, put};

/// The text behind the last json fence. An answer that is an object must be equal with the same kinds of values; any other is
/// compared as text.
pub(super) fn zebra(game: &Game<'_>, answer: &str) -> Read<bool> {
    let told = trim(behind_fence(answer, "```json"));
    let wanted = game.answer()?;
    match json(wanted) {
        Ok(wanted @ Py::Dict(_)) => {
            let told = json(told).or_else(|_| expression(told))?;
            Ok(wanted.same(&told))
        }
        Err(Fault::Limit) => Err(Fault::Limit),
        _ => Ok(told == wanted),
    }
}

/// The text behind the last json fence, in small letters, is the value of the answer.
pub(super) fn arc(game: &Game<'_>, answer: &str) -> Read<bool> {
    let lower = trim(answer).to_lowercase();
    let told = trim(behind_fence(&lower, "```json"));
    // What cannot be read is none, and so is an answer that is null.
    let told = match json(told).or_else(|_| expression(told)) {
        Err(Fault::Unusable) => Py::None,
        told => told?,
    };
    Ok(told == game.answer_value())
}

/// The last `[..]` as JSON starts with the length and the number of the longest sequences. Data: `records.answers`.
pub(super) fn time_sequence(game: &Game<'_>, answer: &str) -> Read<bool> {
    let Some(found) = last_match(regex!(r"(?s)\[.*?\]"), answer) else { return Ok(false) };
    let told = json(&found.replace('，', ","))?;
    let [length, number, ..] = told.list().ok_or(Fault::Unusable)? else { return Ok(false) };
    let answers = game.value("records")?.get("answers").ok_or(Fault::Unusable)?;
    let wanted = |key: &str| answers.get(key).map(Py::of).ok_or(Fault::Unusable);
    Ok(*length == wanted("answer_maxLen")? && *number == wanted("answer_nums")?)
}

/// The last number with two decimals, else the whole text, on both sides.
pub(super) fn buggy_tables(game: &Game<'_>, answer: &str) -> Read<bool> {
    let wanted = match game.answer_value() {
        Py::None => String::new(),
        value => value.written(),
    };
    Ok(two_decimals(&wanted) == two_decimals(answer))
}

fn two_decimals(text: &str) -> &str {
    let text = trim(text);
    last_match(regex!(r"-?\d+\.\d{2}\b"), text).unwrap_or(text)
}

/// The value behind the last python fence is `[[text]]`, the text being that of the answer without its two brackets.
pub(super) fn cipher(game: &Game<'_>, answer: &str) -> Read<bool> {
    let told = expression(trim(behind_fence(answer, "```python")))?;
    let wanted = match game.answer_value() {
        Py::Str(text) if text.chars().count() >= 4 => {
            let count = text.chars().count();
            Py::Str(text.chars().skip(2).take(count - 4).collect())
        }
        other => other,
    };
    Ok(told == Py::List(vec![Py::List(vec![wanted])]))
}

/// The last python block, when it is `(..)`: pairs of an owner and an item, the same as those of `owns_after`, ignoring case.
pub(super) fn goods_exchange(game: &Game<'_>, answer: &str) -> Read<bool> {
    let block = last_match(regex!(r"```python~*\n((?s:.*?))\n```"), answer).map(trim).unwrap_or("");
    let block = if block.starts_with('(') && block.ends_with(')') { block } else { "" };
    let wanted = match game.get("owns_after")? {
        Py::Str(text) => text,
        value if value.truthy() => return Err(Fault::Unusable),
        _ => String::new(),
    };
    let (told, wanted) = (owners(block)?, owners(&wanted)?);
    let found = |(owner, item): &(String, String)| {
        let owner = owner.to_lowercase();
        // The last of several owners that differ in case only counts.
        let held = told.iter().rev().find(|(known, _)| known.to_lowercase() == owner);
        held.is_some_and(|(_, held)| held.to_lowercase() == item.to_lowercase())
    };
    Ok(told.len() == wanted.len() && wanted.iter().all(found))
}

/// Most owners of an answer.
const MOST_OWNERS: usize = 2_000;

/// Owners and what they have. Text that is no value of Python is cut at brackets and commas, so names need no quotes.
fn owners(text: &str) -> Read<Vec<(String, String)>> {
    let text = trim(text);
    let mut found = Vec::new();
    if text.is_empty() {
        return Ok(found);
    }
    match expression(text) {
        Ok(Py::Tuple(pairs)) => {
            for pair in &pairs {
                if let Py::Tuple(pair) = pair
                    && let [owner, item] = pair.as_slice()
                {
                    let Some((owner, item)) = owner.text().zip(item.text()) else {
                        cut(text, &mut found)?;
                        return Ok(found);
                    };
                    put(&mut found, trim(owner).to_owned(), trim(item).to_owned(), MOST_OWNERS)?;
                }
            }
        }
        Ok(_) => {}
        Err(_) => cut(text, &mut found)?,
    }
    Ok(found)
}

/// `(Ann, red pen)` and the like, at the top level of brackets.
fn cut(text: &str, to: &mut Vec<(String, String)>) -> Read<()> {
    let text = text.strip_prefix('(').unwrap_or(text);
    let text = text.strip_suffix(')').unwrap_or(text);
    let (mut depth, mut pair) = (0i64, String::new());
    for sign in text.chars() {
        match sign {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => continue,
            _ => {}
        }
        pair.push(sign);
        if sign == ')' && depth == 0 {
            if let Some((owner, item)) = halves(trim(&pair)) {
                put(to, owner, item, MOST_OWNERS)?;
            }
            pair.clear();
        }
    }
    Ok(())
}

/// The first two parts between commas that stand outside of quotes, without quotes around them.
fn halves(pair: &str) -> Option<(String, String)> {
    let pair = pair.strip_prefix('(').unwrap_or(pair);
    let pair = pair.strip_suffix(')').unwrap_or(pair);
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for sign in pair.chars() {
        if matches!(sign, '"' | '\'') && !part.ends_with('\\') {
            quoted = !quoted;
        }
        if sign == ',' && !quoted {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(sign);
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    let bare = |part: &String| trim(part).trim_matches(['\'', '"']).to_owned();
    match parts.as_slice() {
        [owner, item, ..] => Some((bare(owner), bare(item))),
        _ => None,
    }
}
