//! Constraints on keywords and on words between blanks.

use super::arguments::Arguments;
use super::sentences::sentences;
use super::treebank;
use crate::verify::pattern::{OutOfSteps, Pattern, Subject};
use crate::verify::text::{strip, words as between_blanks};

/// How often a keyword matches, without overlap and ignoring case. Keywords are regular expressions, as in the reference.
fn hits(text: &Subject, keyword: &str, arguments: &Arguments) -> Option<usize> {
    arguments.within(Pattern::ignoring_case(keyword)?.count(text))
}

/// Whether a keyword matches somewhere, ignoring case.
fn holds(text: &Subject, keyword: &str, arguments: &Arguments) -> Option<bool> {
    arguments.within(Pattern::ignoring_case(keyword)?.is_in(text))
}

/// Every keyword occurs.
pub fn existence(text: &str, arguments: &Arguments) -> Option<bool> {
    let keywords = arguments.texts("keywords")?;
    affordable(text, &keywords, arguments)?;
    let text = arguments.subject(text);
    keywords.iter().try_fold(true, |all, keyword| Some(all && holds(&text, keyword, arguments)?))
}

/// Most bytes that the patterns of one constraint read together: each pattern of a list goes through the whole text.
const MOST_READ: usize = 20_000_000;

/// None, and remembered as a limit, where a list of patterns is too long for the text.
fn affordable(text: &str, patterns: &[&str], arguments: &Arguments) -> Option<()> {
    let read = text.len().saturating_mul(patterns.len());
    arguments.within(if patterns.len() > 1 && read > MOST_READ { Err(OutOfSteps) } else { Ok(()) })
}

/// A keyword occurs so often.
pub fn frequency(text: &str, arguments: &Arguments) -> Option<bool> {
    let found = hits(&arguments.subject(text), strip(arguments.text("keyword")?), arguments)?;
    arguments.holds(found, "relation", "frequency")
}

/// No word of a list occurs as a word.
pub fn forbidden_words(text: &str, arguments: &Arguments) -> Option<bool> {
    let words = arguments.texts("forbidden_words")?;
    affordable(text, &words, arguments)?;
    let text = arguments.subject(text);
    words.into_iter().try_fold(true, |all, word| Some(all && !holds(&text, &format!(r"\b{word}\b"), arguments)?))
}

/// A keyword occurs exactly once.
pub fn word_once(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(hits(&arguments.subject(text), strip(arguments.text("keyword")?), arguments)? == 1)
}

/// One keyword occurs once, another twice.
pub fn count_increment_word(text: &str, arguments: &Arguments) -> Option<bool> {
    let (once, twice) = (strip(arguments.text("keyword1")?), strip(arguments.text("keyword2")?));
    let text = arguments.subject(text);
    Some(hits(&text, once, arguments)? == 1 && hits(&text, twice, arguments)? == 2)
}

/// A keyword does not occur between blanks; case matters.
pub fn exclude_word_harder(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(!text.contains(&format!(" {} ", arguments.text("keyword")?)))
}

/// No word starts with the code point that follows the one that the word before starts with.
pub fn no_adjacent_consecutive(text: &str, _: &Arguments) -> Option<bool> {
    let firsts: Vec<u32> =
        between_blanks(text).filter_map(|word| word.chars().next()?.to_lowercase().next()).map(u32::from).collect();
    Some(!firsts.iter().zip(firsts.iter().skip(1)).any(|(first, second)| *second == first + 1))
}

/// Some word reads the same backwards.
pub fn palindrome(text: &str, _: &Arguments) -> Option<bool> {
    Some(between_blanks(text).any(|word| word.chars().eq(word.chars().rev())))
}

/// A token of a sentence is this word; sentences and tokens are counted from 1.
pub fn keyword_specific_position(text: &str, arguments: &Arguments) -> Option<bool> {
    let (sentence, token) = (arguments.count("n")?.checked_sub(1)?, arguments.count("m")?.checked_sub(1)?);
    let keyword = arguments.text("keyword")?;
    let Some(sentence) = sentences(text).into_iter().nth(sentence) else { return Some(false) };
    Some(treebank::tokens(&sentence).get(token).is_some_and(|found| found == keyword))
}

/// The first token is the last one too, ignoring case.
pub fn start_end(text: &str, _: &Arguments) -> Option<bool> {
    let tokens = treebank::tokens(text);
    Some(match tokens.as_slice() {
        [first, .., last] => first.to_lowercase() == last.to_lowercase(),
        _ => false,
    })
}
