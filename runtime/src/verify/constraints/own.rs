//! Constraints of the generator `instructions`.

use super::arguments::Arguments;
use crate::verify::text::is_upper;

/// So many runs of letters are the word, ignoring case.
pub fn word_times(text: &str, arguments: &Arguments) -> Option<bool> {
    let (word, times) = (arguments.text("word")?, arguments.count("times")?);
    let found = text.split(|c: char| !c.is_alphabetic()).filter(|run| run.eq_ignore_ascii_case(word)).count();
    Some(found == times)
}

/// There is a letter with case, and none is lower case.
pub fn upper_case(text: &str, _: &Arguments) -> Option<bool> {
    Some(is_upper(text))
}

/// There is a comma, and one word between any two.
pub fn comma_separated(text: &str, _: &Arguments) -> Option<bool> {
    let mut pieces = text.trim().split(',');
    Some(text.contains(',') && pieces.all(|piece| piece.split_whitespace().count() == 1))
}
