//! Constraints on numbers of letters, words and paragraphs.

use super::arguments::Arguments;
use super::punkt;
use super::sentences::sentences;
use super::treebank;
use crate::verify::text::{is_blank, is_of_token, is_of_word, is_upper, strip, words};
use std::collections::BTreeSet;

/// A letter occurs so often in the lower-cased text.
pub fn letter_frequency(text: &str, arguments: &Arguments) -> Option<bool> {
    let mut letters = arguments.text("letter")?.trim().chars().flat_map(char::to_lowercase);
    let letter = letters.next()?;
    if letters.next().is_some() {
        return None;
    }
    let found = text.chars().flat_map(char::to_lowercase).filter(|c| *c == letter).count();
    arguments.holds(found, "let_relation", "let_frequency")
}

/// So many ASCII letters.
pub fn letter_counting(text: &str, arguments: &Arguments) -> Option<bool> {
    arguments.holds(text.chars().filter(char::is_ascii_alphabetic).count(), "relation", "N")
}

/// So many runs of word characters.
pub fn number_words(text: &str, arguments: &Arguments) -> Option<bool> {
    let found = text.split(|c| !is_of_token(c)).filter(|run| !run.is_empty()).count();
    arguments.holds(found, "relation", "num_words")
}

/// At most so many words of lower-case ASCII letters only.
pub fn lowercase_counting(text: &str, arguments: &Arguments) -> Option<bool> {
    let is_lower = |run: &&str| !run.is_empty() && run.chars().all(|c| c.is_ascii_lowercase());
    Some(text.split(|c| !is_of_word(c)).filter(is_lower).count() <= arguments.count("N")?)
}

/// Pieces between `***`, each mark with one optional blank on both sides.
fn starred_pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("***") {
        let (before, after) = (rest.get(..at).unwrap_or_default(), rest.get(at + 3..).unwrap_or_default());
        pieces.push(before.strip_suffix(is_blank).unwrap_or(before));
        rest = after.strip_prefix(is_blank).unwrap_or(after);
    }
    pieces.push(rest);
    pieces
}

/// How many pieces there are; blank ones at the ends are not counted, and a blank one between fails.
fn counted(pieces: &[&str]) -> Option<usize> {
    let last = pieces.len().saturating_sub(1);
    let mut count = 0;
    for (at, piece) in pieces.iter().enumerate() {
        match strip(piece).is_empty() {
            true if at == 0 || at == last => {}
            true => return None,
            false => count += 1,
        }
    }
    Some(count)
}

/// So many paragraphs, divided by `***`.
pub fn number_paragraphs(text: &str, arguments: &Arguments) -> Option<bool> {
    let wanted = arguments.count("num_paragraphs")?;
    Some(counted(&starred_pieces(text)) == Some(wanted))
}

/// Two paragraphs, divided by `***`.
pub fn two_paragraphs(text: &str, _: &Arguments) -> Option<bool> {
    Some(counted(&starred_pieces(text)) == Some(2))
}

/// Two paragraphs, divided by an empty line.
pub fn two_blank_line_paragraphs(text: &str, _: &Arguments) -> Option<bool> {
    Some(counted(&text.split("\n\n").collect::<Vec<_>>()) == Some(2))
}

/// So many paragraphs, divided by an empty line, one of which starts with a word.
pub fn nth_paragraph_first_word(text: &str, arguments: &Arguments) -> Option<bool> {
    let (wanted, nth) = (arguments.count("num_paragraphs")?, arguments.count("nth_paragraph")?);
    let first = arguments.text("first_word")?.to_lowercase();
    let pieces: Vec<&str> = text.split("\n\n").collect();
    let count = pieces.iter().filter(|piece| !strip(piece).is_empty()).count();
    if nth > count {
        return Some(false);
    }
    let Some(word) = words(pieces.get(nth.checked_sub(1)?)?).next() else { return Some(false) };
    let word = word.trim_start_matches('\'').trim_start_matches('"');
    let word = word.split(['.', ',', '?', '!', '\'', '"']).next().unwrap_or_default().to_lowercase();
    Some(count == wanted && word == first)
}

/// So many sentences.
pub fn number_sentences(text: &str, arguments: &Arguments) -> Option<bool> {
    arguments.holds(punkt::count(text), "relation", "num_sentences")
}

/// So many tokens in upper case.
pub fn capital_word_frequency(text: &str, arguments: &Arguments) -> Option<bool> {
    let found = treebank::tokens(text).iter().filter(|token| is_upper(token)).count();
    arguments.holds(found, "capital_relation", "capital_frequency")
}

/// Three paragraphs of so many sentences of so many tokens each.
pub fn counting_composition(text: &str, arguments: &Arguments) -> Option<bool> {
    let (n_sentences, n_tokens) = (arguments.count("n_sent")?, arguments.count("n_words")?);
    let pieces = starred_pieces(text);
    let fits = |piece: &&str| {
        let sentences = sentences(piece);
        sentences.len() == n_sentences && sentences.iter().all(|one| treebank::tokens(one).len() == n_tokens)
    };
    Some(counted(&pieces) == Some(3) && pieces.iter().all(fits))
}

/// No token occurs twice.
pub fn count_unique(text: &str, _: &Arguments) -> Option<bool> {
    let mut seen = BTreeSet::new();
    Some(treebank::tokens(text).into_iter().all(|token| seen.insert(token)))
}
