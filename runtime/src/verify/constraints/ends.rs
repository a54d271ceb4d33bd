//! Constraints on how texts and sentences start and end, and on their case.

use super::arguments::Arguments;
use super::own::is_upper;
use super::sentences::sentences;
use super::words::is_of_word;

/// The whole text is upper case.
pub fn english_capital(text: &str, _: &Arguments) -> Option<bool> {
    Some(is_upper(text))
}

/// The whole text is lower case.
pub fn english_lowercase(text: &str, _: &Arguments) -> Option<bool> {
    Some(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))
}

/// The text, without quotes around it, ends with a phrase.
pub fn end_checker(text: &str, arguments: &Arguments) -> Option<bool> {
    let phrase = arguments.text("end_phrase")?.trim().to_lowercase();
    Some(text.trim().trim_matches('"').to_lowercase().ends_with(&phrase))
}

/// The text stands in straight double quotes.
pub fn quotation(text: &str, _: &Arguments) -> Option<bool> {
    let text = text.trim();
    Some(text.len() > 1 && text.starts_with('"') && text.ends_with('"'))
}

fn letters(word: &str) -> String {
    word.chars().filter(|c| is_of_word(*c)).flat_map(char::to_lowercase).collect()
}

/// Every sentence starts with a word, punctuation included.
pub fn first_word_sent(text: &str, arguments: &Arguments) -> Option<bool> {
    let wanted = arguments.first_text("first_word")?.to_lowercase();
    let first = |sentence: &String| Some(sentence.split_whitespace().next()?.to_lowercase());
    sentences(text).iter().map(first).try_fold(true, |all, word| Some(all && word? == wanted))
}

/// The first word is this one.
pub fn first_word_answer(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(text.split_whitespace().next()?.to_lowercase() == arguments.first_text("first_word")?.to_lowercase())
}

/// Every sentence ends with a word, marks left out.
pub fn last_word_sent(text: &str, arguments: &Arguments) -> Option<bool> {
    let wanted = arguments.first_text("last_word")?.to_lowercase();
    let last = |sentence: &String| Some(letters(sentence.split_whitespace().next_back()?));
    sentences(text).iter().map(last).try_fold(true, |all, word| Some(all && word? == wanted))
}

/// The last word is this one, marks left out.
pub fn last_word_answer(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(letters(text.split_whitespace().next_back()?) == arguments.first_text("last_word")?.to_lowercase())
}
