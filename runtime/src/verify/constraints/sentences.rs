//! Sentences by rules: every `.`, `?` and `!` ends one, but for full stops of abbreviations, numbers and names.
//!
//! The rules are replacements, one after the other over the whole text; that a later one meets what an earlier one left is
//! part of them.

use crate::verify::text::{is_blank, strip};

const TITLES: &[&str] = &["Mr", "St", "Mrs", "Ms", "Dr"];
const DOMAINS: &[&str] = &["com", "net", "org", "io", "gov", "edu", "me"];
const SUFFIXES: &[&str] = &["Inc", "Ltd", "Jr", "Sr", "Co"];

/// Words that start a sentence behind an acronym or a suffix; those with a blank only as whole words.
const STARTERS: &[&str] = &[
    "Mr", "Mrs", "Ms", "Dr", "Prof", "Capt", "Cpt", "Lt", "He ", "She ", "It ", "They ", "Their ", "Our ", "We ",
    "But ", "However ", "That ", "This ", "Wherever",
];

/// Stands for a full stop that ends nothing; a character that no text should hold.
const KEPT: char = '\u{E000}';
/// Stands for the end of a sentence without a mark.
const STOP: char = '\u{E001}';

/// Cuts a text into trimmed sentences.
pub fn sentences(text: &str) -> Vec<String> {
    // The reference writes its two marks as words, which a text may hold as well.
    let text = format!(" {text}  ").replace('\n', " ").replace("<prd>", "\u{E000}").replace("<stop>", "\u{E001}");
    let mut text: Vec<char> = text.chars().collect();
    if text.contains(&'.') {
        text = kept_stops(text);
    }
    let swaps = [('.', '”'), ('.', '"'), ('!', '"'), ('?', '"')];
    for (mark, quote) in swaps {
        let mut at = 0;
        while at + 1 < text.len() {
            if text.get(at..at + 2) == Some(&[mark, quote]) {
                text.swap(at, at + 1);
                at += 1;
            }
            at += 1;
        }
    }
    let mut pieces: Vec<String> = vec![String::new()];
    for c in text {
        if c != STOP
            && let Some(piece) = pieces.last_mut()
        {
            piece.push(if c == KEPT { '.' } else { c });
        }
        if matches!(c, '.' | '?' | '!' | STOP) {
            pieces.push(String::new());
        }
    }
    let mut pieces: Vec<String> = pieces.iter().map(|piece| strip(piece).to_owned()).collect();
    if pieces.last().is_some_and(String::is_empty) {
        pieces.pop();
    }
    pieces
}

/// The length of what a rule matches at the start of a text, and what stands for it.
type Rule = fn(&[char]) -> Option<(usize, Vec<char>)>;

/// The rules for full stops, in their order.
const RULES: &[Rule] = &[
    // titles
    |text| {
        let title = TITLES.iter().find(|title| begins(text, title) && text.get(title.len()) == Some(&'.'))?;
        Some((title.len() + 1, kept(text, title.len() + 1)))
    },
    // addresses
    |text| {
        let behind = text.strip_prefix(&['.'])?;
        let domain = DOMAINS.iter().find(|domain| begins(behind, domain))?;
        Some((domain.len() + 1, kept(text, domain.len() + 1)))
    },
    // numbers
    |text| match text {
        [a, '.', b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => Some((3, kept(text, 3))),
        _ => None,
    },
    // rows of dots
    |text| {
        let dots = text.iter().take_while(|c| **c == '.').count();
        (dots > 1).then(|| (dots, std::iter::repeat_n(KEPT, dots).chain([STOP]).collect()))
    },
    |text| begins(text, "Ph.D.").then(|| (5, kept(text, 5))),
    // a letter between blanks
    |text| match text {
        [blank, letter, '.', ' ', ..] if is_blank(*blank) && letter.is_ascii_alphabetic() => {
            Some((4, vec![' ', *letter, KEPT, ' ']))
        }
        _ => None,
    },
    // acronyms before a word that starts a sentence
    |text| {
        let pairs =
            text.chunks(2).take(3).take_while(|pair| matches!(pair, [a, '.'] if a.is_ascii_uppercase())).count();
        let fits = |pairs: &usize| starts(text.get(2 * pairs..).unwrap_or_default());
        let pairs = (2..=pairs).rev().find(fits)?;
        let acronym = text.get(..2 * pairs).unwrap_or_default().iter().copied();
        Some((2 * pairs + 1, acronym.chain([STOP, ' ']).collect()))
    },
    // acronyms
    |text| match text {
        [a, '.', b, '.', c, '.', ..] if [a, b, c].iter().all(|c| c.is_ascii_alphabetic()) => Some((6, kept(text, 6))),
        _ => None,
    },
    |text| match text {
        [a, '.', b, '.', ..] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => Some((4, kept(text, 4))),
        _ => None,
    },
    // suffixes of names, before a word that starts a sentence and elsewhere
    |text| {
        let suffix = suffix(text)?;
        let behind = text.get(suffix.len() + 2..).unwrap_or_default();
        let name = suffix.chars();
        starts(behind).then(|| (suffix.len() + 3, std::iter::once(' ').chain(name).chain([STOP, ' ']).collect()))
    },
    |text| suffix(text).map(|suffix| (suffix.len() + 2, kept(text, suffix.len() + 2))),
    // a letter behind a blank
    |text| match text {
        [' ', letter, '.', ..] if letter.is_ascii_alphabetic() => Some((3, kept(text, 3))),
        _ => None,
    },
];

/// Applies the rules.
fn kept_stops(mut text: Vec<char>) -> Vec<char> {
    for rule in RULES {
        let mut result = Vec::with_capacity(text.len() + 8);
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            match rule(rest) {
                Some((length, instead)) => {
                    result.extend(instead);
                    at += length;
                }
                None => {
                    result.extend(rest.first());
                    at += 1;
                }
            }
        }
        text = result;
    }
    text
}

fn begins(text: &[char], word: &str) -> bool {
    text.len() >= word.len() && text.iter().zip(word.chars()).all(|(a, b)| *a == b)
}

/// The start of a text with its full stops kept.
fn kept(text: &[char], length: usize) -> Vec<char> {
    text.iter().take(length).map(|c| if *c == '.' { KEPT } else { *c }).collect()
}

/// Whether a blank and a word that starts a sentence come next.
fn starts(text: &[char]) -> bool {
    let Some((' ', behind)) = text.split_first() else { return false };
    STARTERS.iter().any(|word| match word.strip_suffix(' ') {
        Some(word) => begins(behind, word) && behind.get(word.len()).is_some_and(|c| is_blank(*c)),
        None => begins(behind, word),
    })
}

/// The suffix of a name between a blank and a full stop at the start.
fn suffix(text: &[char]) -> Option<&'static str> {
    let behind = text.strip_prefix(&[' '])?;
    SUFFIXES.iter().copied().find(|suffix| begins(behind, suffix) && behind.get(suffix.len()) == Some(&'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_stops_of_abbreviations_end_nothing() {
        for (text, expected) in [
            ("One. Two! Three?", vec!["One.", "Two!", "Three?"]),
            ("Dr. Smith paid 3.50 at a.com. Good", vec!["Dr. Smith paid 3.50 at a.com.", "Good"]),
            ("Well... fine", vec!["Well...", "fine"]),
            ("He said \"go.\" Then", vec!["He said \"go\".", "Then"]),
            ("The U.S. flag. A. Bell", vec!["The U.S. flag.", "A. Bell"]),
            ("www.a.com is up", vec!["www.", "a.com is up"]),
            ("1.2.3", vec!["1.2.", "3"]),
            ("The U.S. He left. Acme Inc. He left", vec!["The U.S.", "He left.", "Acme Inc", "He left"]),
            ("Say \"no!\" I", vec!["Say \"no\"!", "I"]),
            ("a<stop>b <prd> c", vec!["a", "b . c"]),
            ("", vec![]),
        ] {
            assert_eq!(sentences(text), expected, "{text}");
        }
    }
}
