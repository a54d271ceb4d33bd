//! Constraints on how texts and sentences start and end, and on their case.

use super::arguments::Arguments;
use super::language::{detect, is_english};
use super::sentences::sentences;
use crate::verify::text::{folded, is_lower, is_of_word, is_upper, strip, words};

/// The whole text is upper case, and English.
pub fn english_capital(text: &str, _: &Arguments) -> Option<bool> {
    Some(is_upper(text) && is_english(text))
}

/// The whole text is lower case, and English.
pub fn english_lowercase(text: &str, _: &Arguments) -> Option<bool> {
    Some(is_lower(text) && is_english(text))
}

/// The text is in a language; one without letters passes.
pub fn response_language(text: &str, arguments: &Arguments) -> Option<bool> {
    let wanted = arguments.text("language")?;
    Some(detect(text).is_none_or(|found| found == wanted))
}

/// The text, without quotes around it, ends with a phrase.
pub fn end_checker(text: &str, arguments: &Arguments) -> Option<bool> {
    let phrase = folded(arguments.text("end_phrase")?);
    Some(strip(text).trim_matches('"').to_lowercase().ends_with(&phrase))
}

/// The text stands in straight double quotes.
pub fn quotation(text: &str, _: &Arguments) -> Option<bool> {
    let text = strip(text);
    Some(text.len() > 1 && text.starts_with('"') && text.ends_with('"'))
}

fn letters(word: &str) -> String {
    word.chars().filter(|c| is_of_word(*c)).flat_map(char::to_lowercase).collect()
}

/// Every sentence starts with a word, punctuation included.
pub fn first_word_sent(text: &str, arguments: &Arguments) -> Option<bool> {
    let wanted = arguments.first_text("first_word")?.to_lowercase();
    let first = |sentence: &String| Some(words(sentence).next()?.to_lowercase());
    sentences(text).iter().map(first).try_fold(true, |all, word| Some(all && word? == wanted))
}

/// The first word is this one.
pub fn first_word_answer(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(words(text).next()?.to_lowercase() == arguments.first_text("first_word")?.to_lowercase())
}

/// Every sentence ends with a word, marks left out.
pub fn last_word_sent(text: &str, arguments: &Arguments) -> Option<bool> {
    let wanted = arguments.first_text("last_word")?.to_lowercase();
    let last = |sentence: &String| Some(letters(words(sentence).next_back()?));
    sentences(text).iter().map(last).try_fold(true, |all, word| Some(all && word? == wanted))
}

/// The last word is this one, marks left out.
pub fn last_word_answer(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(letters(words(text).next_back()?) == arguments.first_text("last_word")?.to_lowercase())
}
