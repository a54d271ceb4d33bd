//! Which part of a response is the answer.

use crate::data::{DataError, Problem};
use crate::tokenizer::Tokenizer;
use recipec_compiler::settings::AnswerRule;
use serde_json::Value;
use std::ops::Range;

/// The bytes of the answer part; none when the response has none.
pub fn answer_part(response: &str, rule: &AnswerRule) -> Option<Range<usize>> {
    match rule {
        AnswerRule::Whole => Some(0..response.len()),
        AnswerRule::After { mark } => response.rfind(mark.as_str()).map(|at| at + mark.len()..response.len()),
        AnswerRule::Between { open, close } => {
            let start = response.find(open.as_str())? + open.len();
            let end = response.get(start..)?.find(close.as_str())? + start;
            Some(start..end)
        }
    }
}

/// The tokens of a response that are its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerTokens {
    /// The first of them; the tokens before it are reasoning, the opening mark included.
    pub start: usize,
    /// The one after the last.
    pub end: usize,
}

/// The tokens behind the bytes `part` of `text`, which `tokens` decode to (an end token adds no text). A token that holds the end of
/// the reasoning and the beginning of the answer counts as reasoning, and one that holds the answer's end counts as answer.
pub fn answer_tokens(tokenizer: &Tokenizer, tokens: &[u32], text: &str, part: Range<usize>) -> AnswerTokens {
    // How many of the first tokens are needed for so many bytes of text. Bytes grow with tokens, so halving finds it.
    let needed = |bytes: usize| {
        let (mut low, mut high) = (0, tokens.len());
        while low < high {
            let middle = low + (high - low) / 2;
            // A character that is not whole yet shows as U+FFFD, which may be longer than the character itself.
            let decoded = tokens
                .get(..middle)
                .map_or(0, |first| tokenizer.decode(first).trim_end_matches(char::REPLACEMENT_CHARACTER).len());
            if decoded >= bytes {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    };
    let end = needed(part.end.min(text.len()));
    AnswerTokens { start: needed(part.start).min(end), end }
}

/// The reference answer of a problem, as text: a number or another value of the column as JSON writes it.
pub fn reference_answer(problem: &Problem, column: &str, signal: &'static str) -> Result<String, DataError> {
    match problem.columns.get(column) {
        Some(Value::String(text)) => Ok(text.clone()),
        None | Some(Value::Null) => {
            Err(DataError::NoReference { id: problem.id.clone(), column: column.to_string(), signal })
        }
        Some(value) => Ok(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part<'a>(response: &'a str, rule: &AnswerRule) -> Option<&'a str> {
        answer_part(response, rule).and_then(|range| response.get(range))
    }

    #[test]
    fn rules() {
        let after = AnswerRule::After { mark: "#".into() };
        assert_eq!(part("1+1=2;#2", &after), Some("2"));
        assert_eq!(part("a#b#c", &after), Some("c"));
        assert_eq!(part("no mark", &after), None);
        let between = AnswerRule::Between { open: "[A]".into(), close: "[/A]".into() };
        assert_eq!(part("x[A]y[/A]z", &between), Some("y"));
        assert_eq!(part("x[A]y", &between), None);
        assert_eq!(part("all", &AnswerRule::Whole), Some("all"));
    }

    /// `1+1=2;#2` and the end token: the answer is the eighth of its nine tokens.
    #[test]
    fn tokens_of_an_answer() {
        let tokenizer = Tokenizer::Characters;
        let text = "1+1=2;#2";
        let mut tokens = tokenizer.encode(text).unwrap();
        tokens.push(tokenizer.end_token());
        let of = |part| answer_tokens(&tokenizer, &tokens, text, part);
        assert_eq!(of(7..8), AnswerTokens { start: 7, end: 8 });
        assert_eq!(of(0..8), AnswerTokens { start: 0, end: 8 });
        assert_eq!(of(8..8), AnswerTokens { start: 8, end: 8 }, "a mark with nothing behind it");
        assert_eq!(of(2..5), AnswerTokens { start: 2, end: 5 });
    }

    #[test]
    fn references_are_texts() {
        let columns = [("a", Value::from("7/2")), ("b", Value::from(12)), ("c", Value::Null)];
        let problem = Problem {
            id: "one".into(),
            level: 1,
            prompt: String::new(),
            columns: columns.into_iter().map(|(name, value)| (name.to_string(), value)).collect(),
        };
        let of = |column| reference_answer(&problem, column, "reference_length");
        assert_eq!(of("a").unwrap(), "7/2");
        assert_eq!(of("b").unwrap(), "12");
        for column in ["c", "d"] {
            let why = of(column).unwrap_err().to_string();
            assert!(why.contains(&format!("no column `{column}`")), "{why}");
        }
    }
}
