//! Answers that are words, letters or numbers.

use super::game::{Game, as_int};
use super::text::{boxed, boxed_to_first_brace, int, is_digits, last_match, regex, trim};
use super::value::{Fault, Py, Read};
use std::collections::BTreeSet;

/// The letters of the box, as a set.
pub(super) fn boolean_expressions(game: &Game<'_>, answer: &str) -> Read<bool> {
    let letters = |text: &str| -> BTreeSet<char> {
        text.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect()
    };
    let Some(told) = boxed(answer) else { return Ok(false) };
    Ok(letters(told) == letters(game.answer()?))
}

/// The number of the box; of the whole text where the box is not closed.
pub(super) fn object_counting(game: &Game<'_>, answer: &str) -> Read<bool> {
    let wanted = game.answer_int()?;
    let Some(told) = boxed_to_first_brace(answer) else { return Ok(false) };
    Ok(int(told.unwrap_or(answer)) == Some(wanted))
}

/// The number of the box.
pub(super) fn object_properties(game: &Game<'_>, answer: &str) -> Read<bool> {
    let wanted = game.answer_int()?;
    Ok(boxed_to_first_brace(answer).flatten().and_then(int) == Some(wanted))
}

/// The text of the box, ignoring case.
pub(super) fn space_reasoning(game: &Game<'_>, answer: &str) -> Read<bool> {
    let Some(told) = boxed(answer) else { return Ok(false) };
    Ok(told.to_lowercase() == game.answer()?.to_lowercase())
}

/// The items between commas of the box, as a set, blanks left out.
pub(super) fn space_reasoning_tree(game: &Game<'_>, answer: &str) -> Read<bool> {
    let Some(told) = boxed(answer) else { return Ok(false) };
    let items = |text: &str| -> BTreeSet<String> { plain(text).split(',').map(str::to_owned).collect() };
    Ok(items(told) == items(game.answer()?))
}

/// Full-width commas as commas, no blanks.
fn plain(text: &str) -> String {
    text.replace('，', ",").replace(' ', "")
}

/// The words between commas of the box, in order.
pub(super) fn word_sorting(game: &Game<'_>, answer: &str) -> Read<bool> {
    let wanted = plain(game.answer()?);
    let Some(Some(told)) = boxed_to_first_brace(answer) else { return Ok(false) };
    let told = plain(told);
    Ok(told.split(',').map(trim).eq(wanted.split(',').map(trim)))
}

/// The number of the box, or its text, ignoring case. No answer in the data means "No".
pub(super) fn word_sorting_mistake(game: &Game<'_>, answer: &str) -> Read<bool> {
    let wanted = match game.answer_value() {
        Py::None => Py::Str("No".into()),
        other => other,
    };
    let Some(Some(told)) = boxed_to_first_brace(answer) else { return Ok(false) };
    if is_digits(told) {
        return Ok(int(told).ok_or(Fault::Unusable)? == as_int(&wanted)?);
    }
    Ok(told.to_lowercase() == wanted.text().ok_or(Fault::Unusable)?.to_lowercase())
}

/// The sequence of words for yes and no: in bold behind "answer is:" at the end, else in bold in the last line, else behind
/// "answer is" there, else the last run of yes and no.
pub(super) fn web_of_lies(game: &Game<'_>, answer: &str) -> Read<bool> {
    let wanted = truths(&game.answer()?.to_lowercase());
    Ok(truths(&told_truths(answer).to_lowercase()) == wanted)
}

fn told_truths(answer: &str) -> String {
    let at_end = [
        regex!(r"答案是[：:]~*\*\*([^*]+)\*\*[.。]*\n?\z"),
        regex!(r"[Tt]he answer is[：:=]~*\*\*([^*]+)\*\*[.。]*\n?\z"),
    ];
    if let Some(found) = at_end.into_iter().find_map(|pattern| last_match(pattern, answer)) {
        return trim(found).to_owned();
    }
    let last_line = trim(trim(answer).rsplit('\n').next().unwrap_or(""));
    let in_line = [regex!(r"\*\*([^*]+)\*\*"), regex!(r"(?:答案是|[Tt]he answer is)[：:=]?~*(.*?)(?:[.。]|\z)")];
    if let Some(found) = in_line.into_iter().find_map(|pattern| super::text::first_match(pattern, last_line)) {
        return trim(found).to_owned();
    }
    let lower = answer.to_lowercase();
    last_match(regex!(r"(?:\b(?:yes|no|是|否)\b[,，~]*)+"), &lower).map(trim).unwrap_or("").to_owned()
}

/// Words for yes and no, also inside of others ("know" holds a no).
fn truths(text: &str) -> Vec<bool> {
    let either = regex!(r"(yes|true|truth|是|真话|真)|(no|false|lie|否|假话|假|谎)");
    either.captures_iter(text).map(|found| found.get(1).is_some()).collect()
}

/// The first `[[..]]` behind the reasoning: cells with or without quotes, 0 for a blank. Data: `grid` with X for a letter and 0 for
/// a blank, `across_words`, `down_words`.
pub(super) fn wordscapes(game: &Game<'_>, answer: &str) -> Read<bool> {
    let answer = match (answer.contains("<think>"), answer.rsplit_once("</think>")) {
        (true, Some((_, behind))) => behind,
        _ => answer,
    };
    let Some(rows) = letters(answer) else { return Ok(false) };
    let given = game.rows("grid")?;
    if rows.len() != given.len() || rows.iter().zip(&given).any(|(a, b)| a.len() != b.len()) {
        return Ok(false);
    }
    for (cell, given) in rows.iter().flatten().zip(given.iter().flatten()) {
        let blank = trim(cell).is_empty();
        if (given.text() == Some("0") && !blank) || (given.text() == Some("X") && blank) {
            return Ok(false);
        }
    }
    let joined =
        |cells: Vec<&String>| cells.into_iter().map(String::as_str).collect::<String>().replace(' ', "").to_lowercase();
    let across: Vec<String> = rows.iter().map(|row| joined(row.iter().collect())).collect();
    let width = rows.first().map_or(0, Vec::len);
    let down: Vec<String> =
        (0..width).map(|column| joined(rows.iter().filter_map(|row| row.get(column)).collect())).collect();
    for (key, lines) in [("across_words", &across), ("down_words", &down)] {
        for word in game.get(key)?.iterated()? {
            let word = word.text().ok_or(Fault::Unusable)?.to_lowercase();
            if !lines.iter().any(|line| line.contains(&word)) && !word.is_empty() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn letters(answer: &str) -> Option<Vec<Vec<String>>> {
    let inside = super::text::first_match(regex!(r"(?s)\[~*\[(?:~*\[)?(.+?)(?:\]~*)?\]~*\]"), answer)?;
    let mut rows = Vec::new();
    for row in regex!(r"\],~*\[").split(inside) {
        let row = trim(row).trim_matches(['[', ']', ',']);
        let cells = regex!(r#""([^"]*)"|'([^']*)'|([^,~]+)"#).captures_iter(row).map(|found| {
            let text =
                (1..4).filter_map(|group| found.get(group)).map(|part| part.as_str()).find(|part| !part.is_empty());
            text.filter(|text| *text != "0").unwrap_or(" ").to_owned()
        });
        let cells: Vec<String> = cells.collect();
        if !cells.is_empty() {
            rows.push(cells);
        }
    }
    if rows.is_empty() { None } else { Some(rows) }
}
