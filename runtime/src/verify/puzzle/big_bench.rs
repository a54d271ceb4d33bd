//! Answers of BIG-Bench Hard (`bbh_*`), BIG-Bench Extra Hard (`bbeh_*`) and of questions with letters to choose from.

use super::Judge;
use super::counted::bbh_number;
use super::game::Game;
use super::literal::expression;
use super::text::{behind_fence, boxed_to_first_brace, float, folded, regex, trim, words};
use super::value::{Fault, Py, Read};
use regex::Regex;

/// Tasks of `bbh_` by how their answer is written.
const BBH: &[(&str, Judge)] = &[
    ("bbh_boolean_expressions", truth),
    ("bbh_causal_judgement", yes_or_no),
    ("bbh_date_understanding", letter),
    ("bbh_disambiguation_qa", letter),
    ("bbh_dyck_languages", closing_brackets),
    ("bbh_formal_fallacies", validity),
    ("bbh_geometric_shapes", letter),
    ("bbh_hyperbaton", letter),
    ("bbh_logical_deduction_five_objects", letter),
    ("bbh_logical_deduction_seven_objects", letter),
    ("bbh_logical_deduction_three_objects", letter),
    ("bbh_movie_recommendation", letter),
    ("bbh_multistep_arithmetic_two", bbh_number),
    ("bbh_navigate", yes_or_no),
    ("bbh_object_counting", bbh_number),
    ("bbh_penguins_in_a_table", letter),
    ("bbh_reasoning_about_colored_objects", letter),
    ("bbh_ruin_names", letter),
    ("bbh_salient_translation_error_detection", letter),
    ("bbh_snarks", letter),
    ("bbh_sports_understanding", plausibility),
    ("bbh_temporal_sequences", letter),
    ("bbh_tracking_shuffled_objects_five_objects", letter),
    ("bbh_tracking_shuffled_objects_seven_objects", letter),
    ("bbh_tracking_shuffled_objects_three_objects", letter),
    ("bbh_web_of_lies", telling),
    ("bbh_word_sorting", sorted_words),
];

/// Tasks of `bbeh_`, which are judged alike.
const BBEH: &[&str] = &[
    "bbeh_boardgame_qa",
    "bbeh_boolean_expressions",
    "bbeh_buggy_tables",
    "bbeh_causal_understanding",
    "bbeh_disambiguation_qa",
    "bbeh_dyck_languages",
    "bbeh_geometric_shapes",
    "bbeh_hyperbaton",
    "bbeh_linguini",
    "bbeh_movie_recommendation",
    "bbeh_multistep_arithmetic",
    "bbeh_nycc",
    "bbeh_object_counting",
    "bbeh_object_properties",
    "bbeh_sarc_triples",
    "bbeh_shuffled_objects",
    "bbeh_spatial_reasoning",
    "bbeh_sportqa",
    "bbeh_temporal_sequence",
    "bbeh_time_arithmetic",
    "bbeh_web_of_lies",
    "bbeh_word_sorting",
    "bbeh_zebra_puzzles",
];

/// The program of a task.
pub(super) fn program(task: &str) -> Option<Judge> {
    match BBH.iter().find(|(name, _)| *name == task) {
        Some((_, judge)) => Some(*judge),
        None => BBEH.contains(&task).then_some(value as Judge),
    }
}

/// The tasks of this file.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    BBH.iter().map(|(name, _)| *name).chain(BBEH.iter().copied())
}

/// The text behind each " answer is ". One of the letters t, h, e, T or a bar must stand before it: the references mean the word
/// "the", and wrote a class of letters.
pub(super) fn behind_answer_is(text: &str) -> impl Iterator<Item = &str> {
    regex!(r"[the|T] answer is ").find_iter(text).map(|found| text.get(found.end()..).unwrap_or(""))
}

/// What is told behind the first "answer is " that is followed by anything on its line, without the last character of the line.
fn told(text: &str) -> Option<&str> {
    let rest = behind_answer_is(text).find(|rest| !rest.is_empty() && !rest.starts_with('\n'))?;
    let line = rest.split('\n').next().unwrap_or(rest);
    let (last, _) = line.char_indices().next_back()?;
    line.get(..last).map(trim)
}

/// The first match in what is told, else in the text.
fn found<'a>(pattern: &Regex, text: &'a str) -> Option<&'a str> {
    let in_told = told(text).and_then(|told| pattern.find(told));
    in_told.or_else(|| pattern.find(text)).map(|found| found.as_str())
}

/// `(A)` and the like.
fn letter(game: &Game<'_>, answer: &str) -> Read<bool> {
    let told = found(regex!(r"\([A-Z]\)"), answer).unwrap_or("");
    Ok(game.answer_value() == Py::Str(told.to_owned()))
}

/// True or False, in the case in which it is found. `<answer>` marks it where it is there, behind the reasoning.
fn truth(game: &Game<'_>, answer: &str) -> Read<bool> {
    let answer = answer.split("</think>").nth(1).unwrap_or(answer);
    let marked = super::text::first_match(regex!(r"(?s)<answer>(.*?)</answer>"), answer).map(trim);
    let told = found(regex!(r"(?i)\b(?:true|false)\b"), marked.unwrap_or(answer)).unwrap_or("");
    Ok(game.answer_value() == Py::Str(told.to_owned()))
}

/// Yes or No. What is told counts only when it is nothing else.
fn yes_or_no(game: &Game<'_>, answer: &str) -> Read<bool> {
    let strict = told(answer).map(str::to_lowercase).filter(|word| word == "yes" || word == "no");
    let loose = || regex!(r"\b(?:Yes|No|yes|no)\b").find(answer).map(|found| found.as_str().to_lowercase());
    let told = match strict.or_else(loose).as_deref() {
        Some("yes") => "Yes",
        Some(_) => "No",
        None => "",
    };
    Ok(game.answer_value() == Py::Str(told.to_owned()))
}

fn validity(game: &Game<'_>, answer: &str) -> Read<bool> {
    let told = found(regex!(r"(?i)\b(?:valid|invalid)\b"), answer).unwrap_or("");
    Ok(told.to_lowercase() == game.answer()?.to_lowercase())
}

fn plausibility(game: &Game<'_>, answer: &str) -> Read<bool> {
    let no = regex!(r"(?i)\b(?:no|not plausible)\b");
    let yes = regex!(r"(?i)\b(?:yes|plausible)\b");
    Ok(no_before_yes(no, yes, answer) == game.answer()?.to_lowercase())
}

fn telling(game: &Game<'_>, answer: &str) -> Read<bool> {
    let no = regex!(r"(?i)\b(?:no|does not tell the truth|is not telling the truth)\b");
    let yes = regex!(r"(?i)\b(?:yes|tells the truth|is telling the truth)\b");
    Ok(no_before_yes(no, yes, answer) == game.answer()?.to_lowercase())
}

/// A no anywhere wins over a yes; what is told is looked at before the text.
fn no_before_yes(no: &Regex, yes: &Regex, answer: &str) -> &'static str {
    for text in told(answer).into_iter().chain([answer]) {
        if no.is_match(text) {
            return "no";
        }
        if yes.is_match(text) {
            return "yes";
        }
    }
    ""
}

/// The text with blanks folded.
fn closing_brackets(game: &Game<'_>, answer: &str) -> Read<bool> {
    Ok(folded(told(answer).unwrap_or(answer)) == folded(game.answer()?))
}

/// The words behind "List:" of the question, in the order in which each comes last.
fn sorted_words(game: &Game<'_>, answer: &str) -> Read<bool> {
    let Some(list) = game.question()?.split("List:").nth(1) else { return Ok(false) };
    let list: Vec<&str> = words(list.split('\n').next().unwrap_or("")).collect();
    if list.is_empty() {
        return Ok(false);
    }
    // Words are patterns in the reference, each between borders of words.
    let pattern = list.iter().map(|word| format!(r"\b{word}\b")).collect::<Vec<_>>().join("|");
    let pattern = Regex::new(&pattern).map_err(|_| Fault::Unusable)?;
    let in_told = told(answer).map(|told| last_order(&pattern, told)).filter(|words| !words.is_empty());
    let told = in_told.unwrap_or_else(|| last_order(&pattern, answer));
    Ok(folded(&told.join(" ")) == folded(game.answer()?))
}

fn last_order<'a>(pattern: &Regex, text: &'a str) -> Vec<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    let found: Vec<&str> = pattern.find_iter(text).map(|found| found.as_str()).collect();
    let mut order: Vec<&str> = found.into_iter().rev().filter(|word| seen.insert(*word)).collect();
    order.reverse();
    order
}

/// `gpqa_diamond`: the box, ignoring case, up to small differences of writing.
pub(super) fn choice(game: &Game<'_>, answer: &str) -> Read<bool> {
    let lower = trim(answer).to_lowercase();
    let told = boxed_to_first_brace(&lower).flatten().unwrap_or("");
    let wanted = trim(game.answer()?).to_lowercase();
    let wanted = trim(&wanted);
    if told == wanted {
        return Ok(true);
    }
    if let Some(inside) = in_parentheses(told) {
        return Ok(inside.to_lowercase().eq(wanted.chars().flat_map(char::to_lowercase)));
    }
    if let Some(inside) = in_parentheses(wanted) {
        return Ok(inside.to_lowercase().eq(told.chars().flat_map(char::to_lowercase)));
    }
    Ok(nearly(told, wanted))
}

/// The one character of `(x)`.
fn in_parentheses(text: &str) -> Option<char> {
    let mut inside = text.strip_prefix('(')?.strip_suffix(')')?.chars();
    inside.next().filter(|_| inside.next().is_none())
}

/// Equal as numbers, without single quotes, in brackets, or with a question mark behind.
fn nearly(told: &str, wanted: &str) -> bool {
    let same_number = float(told).zip(float(wanted)).is_some_and(|(a, b)| a == b);
    let bracketed = |a: &str, b: &str| b.strip_prefix('[').and_then(|b| b.strip_suffix(']')) == Some(a);
    same_number
        || told.replace('\'', "") == wanted.replace('\'', "")
        || bracketed(wanted, told)
        || bracketed(told, wanted)
        || told.strip_suffix('?') == Some(wanted)
}

/// `bbeh_*`: the value behind the last python fence, in small letters, as text, up to small differences of writing. A word without
/// quotes is a name, which has no value.
fn value(game: &Game<'_>, answer: &str) -> Read<bool> {
    let lower = trim(answer).to_lowercase();
    let told = match expression(behind_fence(&lower, "```python")) {
        Ok(value) => value.written(),
        Err(Fault::Limit) => return Err(Fault::Limit),
        Err(Fault::Unusable) => String::new(),
    };
    let told = told.replace(", ", ",").replace("**", "");
    let told = told.split('\n').next().unwrap_or("");
    let told = trim(told.strip_suffix('.').unwrap_or(told)).to_lowercase();
    let wanted = trim(game.answer()?).to_lowercase();
    Ok(fuzzy(&told, trim(&wanted)))
}

fn fuzzy(told: &str, wanted: &str) -> bool {
    if told == wanted {
        return true;
    }
    for (one, other) in [(told, wanted), (wanted, told)] {
        if let Some(inside) = in_parentheses(one) {
            // Compared with a text of one letter, or with the second letter of a longer one.
            let mut letters = other.chars();
            match (letters.next(), letters.next()) {
                (Some(only), None) => return inside == only,
                (_, Some(second)) => return inside == second,
                (None, _) => {}
            }
        }
    }
    let inside = |text: &str| -> Option<String> { Some(plain(text.strip_prefix('[')?.strip_suffix(']')?)) };
    // One bracket cannot be both ends.
    if let Some(wanted) = inside(wanted) {
        return wanted == inside(told).unwrap_or_else(|| plain(told));
    }
    told.replace(' ', "") == wanted.replace(' ', "") || nearly(told, wanted)
}

/// Without blanks and quotes.
fn plain(text: &str) -> String {
    text.replace([' ', '\'', '"'], "")
}
