//! Constraints that ask to copy or repeat.

use super::arguments::Arguments;
use crate::verify::pattern::Pattern;
use crate::verify::text::{folded, strip, words};

/// Divides two responses.
const SIX_STARS: &str = "******";

/// The prompt to repeat; an empty one is an error of the data.
fn prompt<'a>(arguments: &Arguments<'a>) -> Option<&'a str> {
    arguments.text("prompt_to_repeat").filter(|prompt| !prompt.is_empty())
}

/// The text starts with the prompt.
pub fn repeat_prompt(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(folded(text).starts_with(&folded(prompt(arguments)?)))
}

/// The text is the prompt.
pub fn copy(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(folded(text) == folded(prompt(arguments)?))
}

/// The text is the prompt so many times, divided by six asterisks.
pub fn copying_multiple(text: &str, arguments: &Arguments) -> Option<bool> {
    let (prompt, times) = (folded(prompt(arguments)?), arguments.count("N")?);
    let pieces: Vec<&str> = text.split(SIX_STARS).collect();
    Some(pieces.len() == times && pieces.iter().all(|piece| folded(piece) == prompt))
}

/// The text is a span of the prompt, counted in characters.
pub fn copy_span(text: &str, arguments: &Arguments) -> Option<bool> {
    let (start, end) = (arguments.count("n_start")?, arguments.count("n_end")?);
    let prompt = prompt(arguments)?;
    let span: String = prompt.chars().skip(start).take(end.saturating_sub(start)).collect();
    Some(folded(text) == folded(&span))
}

/// Two different responses, divided by six asterisks.
pub fn two_responses(text: &str, _: &Arguments) -> Option<bool> {
    let pieces: Vec<&str> = text.split(SIX_STARS).map(strip).collect();
    let last = pieces.len().saturating_sub(1);
    if pieces.iter().enumerate().any(|(at, piece)| piece.is_empty() && at != 0 && at != last) {
        return Some(false);
    }
    let responses: Vec<&&str> = pieces.iter().filter(|piece| !piece.is_empty()).collect();
    Some(matches!(responses.as_slice(), [first, second] if first != second))
}

/// A phrase so many times, each time with at most one word changed, and with one changed the last time.
pub fn repeat_phrase(text: &str, arguments: &Arguments) -> Option<bool> {
    let (phrase, times) = (arguments.text("phrase")?, arguments.count("small_n")?);
    let wanted: Vec<&str> = words(phrase).collect();
    let pattern = Pattern::new(&format!("{} .*? {}", wanted.first()?, wanted.last()?))?;
    let subject = arguments.subject(text);
    let found = arguments.within(pattern.matches(&subject))?;
    if found.len() != times {
        return Some(false);
    }
    let mut changed = 0;
    for hit in found {
        let hit = subject.part(hit);
        let hit: Vec<&str> = words(&hit).collect();
        if hit.len() != wanted.len() {
            return Some(false);
        }
        changed = hit.iter().zip(&wanted).filter(|(a, b)| a != b).count();
        if changed > 1 {
            return Some(false);
        }
    }
    Some(changed == 1)
}
