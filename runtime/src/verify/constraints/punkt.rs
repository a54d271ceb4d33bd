//! Sentences by the algorithm of Kiss and Strunk, "Unsupervised Multilingual Sentence Boundary Detection", Computational
//! Linguistics 32(4), 2006, as it decides for English.
//!
//! A mark `.`, `?` or `!` ends a sentence where another word or mark of punctuation follows. A full stop behind an
//! abbreviation, in a row of dots, behind an initial or a number ends one only if the next word looks like the first of a
//! sentence: it is written with a capital although it is a word that is elsewhere written without. The published
//! algorithm learns abbreviations and words from a corpus; ours ([`english`]) are lists of our own.

mod english;

use crate::verify::text::{is_blank, is_digit, is_of_token};
use english::{is_abbreviation, is_known, is_ordinary, is_starter};

/// Cuts a text into sentences; blanks between them are left out.
pub fn sentences(text: &str) -> Vec<String> {
    let text: Vec<char> = text.chars().collect();
    realigned(&text, &slices(&text))
        .into_iter()
        .map(|(start, end)| text.get(start..end).unwrap_or_default().iter().collect())
        .collect()
}

/// Number of sentences.
pub fn count(text: &str) -> usize {
    let text: Vec<char> = text.chars().collect();
    realigned(&text, &slices(&text)).len()
}

/// Marks that end no word and may directly follow the end of a sentence.
fn is_apart(c: char) -> bool {
    matches!(c, ')' | '"' | ';' | '}' | ']' | '*' | ':' | '@' | '\'' | '(' | '{' | '[' | '?' | '!') || is_quote(c)
}

/// Curly quotes and guillemets.
fn is_quote(c: char) -> bool {
    matches!(c, '‘' | '’' | '“' | '”' | '«' | '»')
}

/// A place where a sentence may end.
struct Place {
    /// Where the word before starts.
    word: usize,
    /// The mark.
    mark: usize,
    /// End of what follows: one mark, or blanks and a word.
    end: usize,
    /// Where the next word starts, if blanks stand between.
    next: Option<usize>,
}

/// Places where a sentence may end; of several in one word only the last.
fn places(text: &[char]) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let (mut word, mut previous) = (0, 0);
    for (mark, c) in text.iter().enumerate() {
        if !matches!(c, '.' | '?' | '!') {
            continue;
        }
        let after = text.get(mark + 1..).unwrap_or_default();
        let (end, next) = match after.first() {
            Some(c) if is_apart(*c) => (mark + 2, None),
            Some(c) if is_blank(*c) => {
                let Some(blanks) = after.iter().position(|c| !is_blank(*c)) else { continue };
                let start = mark + 1 + blanks;
                let length = after.iter().skip(blanks).take_while(|c| !is_blank(**c)).count();
                (start + length, Some(start))
            }
            _ => continue,
        };
        // The word starts behind the last blank since the mark before; without one it is the word of that mark.
        let between = text.get(previous..mark).unwrap_or_default();
        let blank = between.iter().rposition(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}'));
        let start = match blank {
            Some(blank) if blank > 0 => previous + blank + 1,
            _ => word,
        };
        if places.last().is_some_and(|last| last.mark > start) {
            places.pop();
        }
        places.push(Place { word: start, mark, end, next });
        (word, previous) = (start, mark);
    }
    places
}

/// Sentences from their first to their last character, closing quotes still at the start of the next one.
fn slices(text: &[char]) -> Vec<(usize, usize)> {
    let mut slices = Vec::new();
    let mut start = 0;
    for place in places(text) {
        let around = text.get(place.word..place.end).unwrap_or_default();
        if holds_break(around) {
            slices.push((start, place.mark + 1));
            start = place.next.unwrap_or(place.mark + 1);
        }
    }
    let end = text.iter().rposition(|c| !is_blank(*c)).map_or(0, |last| last + 1);
    slices.push((start, end.max(start)));
    slices
}

/// Moves closing quotes and brackets to the sentence that they close.
fn realigned(text: &[char], slices: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut sentences = Vec::new();
    let mut moved = 0;
    for (at, (start, end)) in slices.iter().enumerate() {
        let start = start + moved;
        moved = 0;
        if let Some((next, next_end)) = slices.get(at + 1) {
            let inside = text.get(*next..*next_end).unwrap_or_default();
            let closers =
                inside.iter().take_while(|c| matches!(c, '"' | '\'' | ')' | ']' | '}') || is_quote(**c)).count();
            let behind = inside.get(closers..).unwrap_or_default();
            let blanks = behind.iter().take_while(|c| is_blank(**c)).count();
            let closed = behind.is_empty() || blanks > 0 || behind.starts_with(&['-', '-']);
            if closers > 0 && closed {
                moved = closers + blanks;
                sentences.push((start, next + closers));
                continue;
            }
        }
        if start < *end {
            sentences.push((start, *end));
        }
    }
    sentences
}

/// A token and what the first pass says of it.
struct Token<'t> {
    text: &'t [char],
    ends: bool,
    is_abbreviation: bool,
    is_dots: bool,
}

impl<'t> Token<'t> {
    fn new(text: &'t [char]) -> Self {
        let mut token = Self { text, ends: false, is_abbreviation: false, is_dots: false };
        match text {
            ['.' | '?' | '!'] => token.ends = true,
            [.., '.'] if text.len() > 1 && text.iter().all(|c| *c == '.') => token.is_dots = true,
            [.., '.', '.'] => {}
            [word @ .., '.'] => {
                let word: String = word.iter().flat_map(|c| c.to_lowercase()).collect();
                let last = word.rsplit('-').next().unwrap_or_default();
                token.is_abbreviation = is_abbreviation(&word) || is_abbreviation(last);
                token.ends = !token.is_abbreviation;
            }
            _ => {}
        }
        token
    }

    fn is_initial(&self) -> bool {
        matches!(self.text, [letter, '.'] if is_of_token(*letter) && !is_digit(*letter))
    }

    /// Digits with points, commas and hyphens.
    fn is_number(&self) -> bool {
        let text = match self.text {
            ['-', rest @ ..] => rest,
            text => text,
        };
        let text = match text {
            ['.' | ',', rest @ ..] => rest,
            text => text,
        };
        let digit = |c: &char| is_digit(*c);
        text.first().is_some_and(digit) && text.iter().all(|c| digit(c) || matches!(c, ',' | '.' | '-'))
    }

    fn is_upper(&self) -> bool {
        self.text.first().is_some_and(|c| c.is_uppercase())
    }

    /// The word in lower case, without the full stop of a sentence.
    fn word(&self) -> String {
        let text = match self.text {
            [word @ .., '.'] if self.ends && !word.is_empty() => word,
            text => text,
        };
        text.iter().flat_map(|c| c.to_lowercase()).collect()
    }

    /// Whether a word looks like the first of a sentence; none where that cannot be said.
    fn starts_sentence(&self) -> Option<bool> {
        match self.text {
            [';' | ':' | ',' | '.' | '!' | '?'] => Some(false),
            [first, ..] if first.is_uppercase() => is_ordinary(&self.word()).then_some(true),
            [first, ..] if first.is_lowercase() => Some(false),
            _ => None,
        }
    }
}

/// True where a token but the last ends a sentence.
fn holds_break(text: &[char]) -> bool {
    let tokens: Vec<Token> = text.split(|c| *c == '\n').flat_map(tokens).map(Token::new).collect();
    tokens.windows(2).any(|pair| match pair {
        [token, next] => ends(token, next),
        _ => false,
    })
}

/// Whether a token ends a sentence, with a look at the next one.
fn ends(token: &Token, next: &Token) -> bool {
    if token.text.last() != Some(&'.') {
        return token.ends;
    }
    let initial = token.is_initial();
    if (token.is_abbreviation || token.is_dots) && !initial {
        return next.starts_sentence() == Some(true) || next.is_upper() && is_starter(&next.word());
    }
    if initial || token.is_number() {
        match next.starts_sentence() {
            Some(false) => return false,
            None if initial && next.is_upper() && !is_known(&next.word()) => return false,
            _ => {}
        }
    }
    token.ends
}

/// Cuts a line into words and marks; full stops stay with their words.
fn tokens(line: &[char]) -> Vec<&[char]> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
        let length = match rest.first() {
            Some(c) if is_blank(*c) => {
                at += 1;
                continue;
            }
            Some(c) => run(rest).unwrap_or_else(|| if can_start(*c) { word(rest) } else { 1 }),
            None => break,
        };
        tokens.extend(rest.get(..length));
        at += length;
    }
    tokens
}

/// Whether a word may start with a character.
fn can_start(c: char) -> bool {
    !matches!(c, '(' | '"' | '`' | '{' | '[' | ':' | ';' | '&' | '#' | '*' | '@' | ')' | '}' | ']' | '-' | ',')
}

/// Length of a row of hyphens or dots at the start; dots may have one blank after each.
fn run(text: &[char]) -> Option<usize> {
    let same = |mark: char| text.iter().take_while(|c| **c == mark).count();
    let (hyphens, dots) = (same('-'), same('.'));
    if hyphens > 1 || dots > 1 {
        return Some(hyphens.max(dots));
    }
    let spaced = text.chunks(2).take_while(|pair| matches!(pair, ['.', blank] if is_blank(*blank))).count();
    // The last of them has no blank of its own.
    let last = if text.get(2 * spaced) == Some(&'.') { spaced } else { spaced.saturating_sub(1) };
    (last >= 2).then_some(2 * last + 1)
}

/// Length of the word at the start: up to a blank, a mark that stands apart, a run, or a comma at its end.
fn word(text: &[char]) -> usize {
    let stops = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        rest.first().is_none_or(|c| is_blank(*c) || is_apart(*c)) || run(rest).is_some()
    };
    (1..text.len()).find(|at| stops(*at) || text.get(*at) == Some(&',') && stops(at + 1)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests;
