//! Syntax errors in plain words: how a piece of text is called, and what was probably meant.

use crate::source::Span;
use crate::tree::{SyntaxError, SyntaxErrorKind};

impl SyntaxError {
    /// An error with a headline and a label; the rest is added.
    pub(crate) fn new(
        kind: SyntaxErrorKind,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            message: message.into(),
            span,
            label: label.into(),
            also: Vec::new(),
            help: None,
        }
    }

    /// Says one thing to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds another place.
    pub(crate) fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }
}

/// How a bracket is called.
pub(crate) fn bracket_name(bracket: &str) -> &'static str {
    match bracket {
        "{" => "brace",
        "[" => "square bracket",
        _ => "bracket",
    }
}

/// The partner of an opening bracket.
pub(crate) fn closing(bracket: &str) -> &'static str {
    match bracket {
        "{" => "}",
        "[" => "]",
        _ => ")",
    }
}

/// A piece of text for a headline: one line, at most 40 characters.
pub(crate) fn quoted(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim_end();
    // A control character in a headline would be as invisible as it is in the text.
    let shown = |c: char| {
        if c.is_control() {
            c.escape_unicode().to_string()
        } else {
            c.to_string()
        }
    };
    let mut short: String = line.chars().take(40).map(shown).collect();
    if line.chars().nth(40).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

/// Where a piece of text fits nowhere.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// Between top-level items.
    Top,
    /// In the braces of a block or a record.
    Block,
    /// In the braces of a test.
    Test,
    /// In round brackets that group.
    Brackets,
    /// In the brackets of a call or a definition.
    Arguments,
    /// In square brackets.
    List,
    /// In the brackets behind `given`.
    Given,
}

impl Place {
    /// The place in a sentence.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Top => "between the items of a recipe",
            Self::Block => "in a block",
            Self::Test => "in a test",
            Self::Brackets => "in brackets",
            Self::Arguments => "in a list of arguments",
            Self::List => "in a list",
            Self::Given => "behind `given`",
        }
    }
}

/// What a piece of junk was probably meant to be.
pub(crate) fn hint(junk: &str, place: Place) -> Option<String> {
    let first = junk.chars().next()?;
    let mut word: String = junk
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .take(40)
        .collect();
    if first.is_ascii_digit() {
        word.clear();
    }
    let sets = !word.is_empty()
        && junk
            .get(word.len()..)
            .is_some_and(|rest| rest.trim_start().starts_with('='));
    Some(match (first, place) {
        ('#', _) => "a comment begins with `//`".into(),
        ('/', _) if junk.starts_with("/*") => {
            "a comment begins with `//` and ends with its line".into()
        }
        (';', _) => "settings are separated by white space; leave the `;` out".into(),
        ('\'', _) => "a text is written in double quotes".into(),
        ('}' | ')' | ']', _) => format!("remove the `{first}`, or open it before"),
        (_, Place::Arguments | Place::List | Place::Given) => {
            "values are separated by commas".into()
        }
        (_, Place::Brackets) => "an operator or `)` belongs before this".into(),
        (_, Place::Test) => "a test holds `given fact, fact` and `expect a == b within c`".into(),
        (_, Place::Top) if sets => {
            format!("a setting stands in a block, for example `budget {{ {word} = … }}`")
        }
        (_, Place::Top) if !word.is_empty() => {
            format!("a block is `{word} {{ … }}` or `{word} name {{ … }}`")
        }
        (_, Place::Block) if word == "override" => "write `override path.to.key = value`".into(),
        (_, Place::Block) if !word.is_empty() => {
            format!("a setting is `{word} = value`, an inner block `{word} {{ … }}`")
        }
        (_, Place::Block) => "a setting is `key = value`".into(),
        (_, Place::Top) => return None,
    })
}

/// The closed list of units.
pub(crate) const UNITS: [&str; 19] = [
    "token", "tokens", "rollout", "rollouts", "group", "groups", "problem", "problems", "step",
    "steps", "ms", "s", "min", "h", "days", "bytes", "KiB", "MiB", "GiB",
];

/// What to do about a word that is no unit.
pub(crate) fn unit_help(word: &str) -> String {
    let meant = match word.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => Some("s"),
        "minute" | "minutes" | "mins" => Some("min"),
        "hour" | "hours" | "hr" | "hrs" => Some("h"),
        "day" | "d" => Some("days"),
        "millisecond" | "milliseconds" => Some("ms"),
        "kb" | "kib" => Some("KiB"),
        "mb" | "mib" => Some("MiB"),
        "gb" | "gib" => Some("GiB"),
        "byte" => Some("bytes"),
        "percent" => Some("%"),
        _ => nearest(word, &UNITS),
    };
    match meant {
        Some("%") => "a percentage is written `40%`, without a blank".into(),
        Some(unit) => format!("did you mean `{unit}`?"),
        None => "units are tokens, rollouts, groups, problems, steps, ms, s, min, h, days, bytes, KiB, MiB and GiB".into(),
    }
}

/// The candidate nearest to a word: equal but for case, else within a third of its length (at least one edit);
/// of equally near ones the first of the alphabet.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    if word.chars().count() > 32 {
        return None;
    }
    if let Some(same) = candidates
        .iter()
        .find(|candidate| candidate.eq_ignore_ascii_case(word))
    {
        return Some(same);
    }
    let limit = (word.chars().count() / 3).max(1);
    let distances = candidates
        .iter()
        .map(|candidate| (edits(word, candidate), *candidate));
    // One letter apart is no likeness when the word has one or two letters.
    let near = distances.filter(|(distance, candidate)| {
        *distance <= limit && *distance < candidate.len().min(word.len())
    });
    near.min().map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other (the restricted
/// form of Damerau and Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_unit_is_found_and_a_far_one_is_not() {
        let cases = [
            ("tokenz", Some("token")),
            ("Tokens", Some("tokens")),
            ("stepz", Some("step")),
            ("setps", Some("steps")),
            ("rolouts", Some("rollouts")),
            ("bananas", None),
            ("x", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, &UNITS), expected, "{word}");
        }
    }

    #[test]
    fn a_headline_quotes_one_short_line() {
        assert_eq!(quoted("a b\nc"), "`a b`");
        assert_eq!(quoted("a\0b"), "`a\\u{0}b`");
        assert_eq!(quoted(&"x".repeat(50)), format!("`{}…`", "x".repeat(40)));
    }
}
