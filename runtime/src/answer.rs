//! Which part of a response is the answer.

use recipec_compiler::settings::AnswerRule;
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
}
