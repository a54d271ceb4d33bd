//! Sentences by rules: every `.`, `?` and `!` ends one, but for full stops of abbreviations, numbers and names.

use super::text::{is_blank, strip};

const TITLES: &[&str] = &["Mr", "St", "Mrs", "Ms", "Dr"];
const DOMAINS: &[&str] = &["com", "net", "org", "io", "gov", "edu", "me"];
const SUFFIXES: &[&str] = &[" Inc", " Ltd", " Jr", " Sr", " Co"];

/// Stands for a full stop that ends nothing; a character that no text should hold.
const KEPT: char = '\u{E000}';
/// Stands for the end of a sentence without a mark.
const STOP: char = '\u{E001}';

/// Cuts a text into trimmed sentences.
pub fn sentences(text: &str) -> Vec<String> {
    let text: Vec<char> = format!(" {text}  ").replace('\n', " ").chars().collect();
    let mut marked = String::with_capacity(text.len() + 8);
    for (at, c) in text.iter().enumerate() {
        if *c != '.' {
            marked.push(*c);
        } else if is_dot(&text, at, 1) || at > 0 && is_dot(&text, at - 1, 0) {
            marked.push(KEPT);
            if !is_dot(&text, at, 1) {
                marked.push(STOP);
            }
        } else if is_kept(&text, at) {
            marked.push(KEPT);
        } else {
            marked.push('.');
        }
    }
    let swaps = [(".”", "”."), (".\"", "\"."), ("!\"", "\"!"), ("?\"", "\"?")];
    let marked = swaps.iter().fold(marked, |text, (from, to)| text.replace(from, to));
    let mut pieces: Vec<String> = vec![String::new()];
    for c in marked.chars() {
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

fn is_dot(text: &[char], at: usize, ahead: usize) -> bool {
    text.get(at + ahead) == Some(&'.')
}

fn is_kept(text: &[char], at: usize) -> bool {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, &[]));
    let after = after.get(1..).unwrap_or_default();
    let ends = |word: &str| {
        let word: Vec<char> = word.chars().collect();
        before.ends_with(&word)
    };
    let starts = |word: &str| {
        let word: Vec<char> = word.chars().collect();
        after.starts_with(&word)
    };
    let letter = |c: Option<&char>| c.is_some_and(char::is_ascii_alphabetic);
    let digit = |c: Option<&char>| c.is_some_and(char::is_ascii_digit);
    let back = |count: usize| before.len().checked_sub(count).and_then(|place| before.get(place));
    TITLES.iter().chain(SUFFIXES).any(|word| ends(word))
        || DOMAINS.iter().any(|word| starts(word))
        || digit(back(1)) && digit(after.first())
        || ends("Ph") && starts("D.")
        || ends("Ph.D")
        || letter(back(1)) && back(2).is_some_and(|c| is_blank(*c))
        || letter(back(1)) && letter(after.first()) && after.get(1) == Some(&'.')
        || letter(back(1)) && back(2) == Some(&'.') && letter(back(3))
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
            ("", vec![]),
        ] {
            assert_eq!(sentences(text), expected, "{text}");
        }
    }
}
