//! Where an answer stands in a text: candidates by patterns, each with a rank. The lowest rank wins; within a rank the
//! candidate that ends last, then the one that starts first. One that cannot be read makes way for the next.
//!
//! | rank | pattern |
//! | --- | --- |
//! | 0 | "final answer is X. I hope" |
//! | 0 or 50 | anything in `\boxed{…}` |
//! | 50 | "final answer … is X" |
//! | 100 | "answer:" at most 50 characters before X |
//! | 200 | "answer" at most 50 characters before X |
//! | 300 | X anywhere |
//!
//! X is LaTeX between its marks, a fraction in LaTeX, or a plain number or calculation.

mod latex;
mod plain;

use super::normal::normalised;
use super::parse::{Unread, parse};
use super::tree::Expr;
use latex::Latex;
use plain::Plain;

/// Longest answer of the rule for boxes, in characters from the backslash of its box to the end of the text.
pub const LONGEST: usize = 1_000;

/// Of a longer text only its end is looked at.
const LONGEST_TEXT: usize = 32_768;

/// Candidates that are read, at most. More than a few are never needed; a hostile text has thousands.
const MOST_CANDIDATES: usize = 64;

const BOX: &str = r"\boxed{";

/// What to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patterns {
    /// LaTeX between its marks.
    pub latex: bool,
    /// Plain numbers and calculations.
    pub plain: bool,
    /// The rank of a box, 0 to 50.
    pub box_rank: u32,
}

impl Default for Patterns {
    fn default() -> Self {
        Self { latex: true, plain: true, box_rank: 50 }
    }
}

/// What was found in a text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// What could be read.
    pub value: Option<Expr>,
    /// The text of the best candidate, brought to one spelling.
    pub text: Option<String>,
    /// True when a limit ended the reading of a candidate.
    pub limited: bool,
}

/// One candidate: where it is, and the texts that make it up.
#[derive(Debug, Clone)]
struct Candidate<'a> {
    start: usize,
    end: usize,
    kind: Kind<'a>,
}

#[derive(Debug, Clone)]
enum Kind<'a> {
    /// Environments beside each other, each maybe with a percent sign behind it.
    Latex(Vec<(&'a str, bool)>),
    /// A box up to the last closing brace of the text.
    Boxed(&'a str),
    /// A number: its digits, its decimals with the point, and whether a percent sign follows.
    Number(String, String, bool),
    /// A calculation in digits and signs.
    Calculation(&'a str),
}

/// Finds and reads the answer in a text.
pub fn find(text: &str, patterns: Patterns) -> Found {
    let text = end_of(text, LONGEST_TEXT);
    let (latex, plain) = (patterns.latex.then(|| Latex::new(text)), patterns.plain.then(|| Plain::new(text)));
    let mut found = Found::default();
    let mut ranks = vec![0, 50, 100, 200, 300, patterns.box_rank];
    ranks.sort_unstable();
    ranks.dedup();
    for rank in ranks {
        let mut candidates = Vec::new();
        if let Some(latex) = &latex {
            candidates.extend(latex.candidates(rank, patterns.box_rank));
        }
        if let Some(plain) = &plain {
            candidates.extend(plain.candidates(rank));
        }
        candidates.sort_by(|a, b| b.end.cmp(&a.end).then(a.start.cmp(&b.start)));
        found.limited |= candidates.len() > MOST_CANDIDATES;
        for candidate in candidates.into_iter().take(MOST_CANDIDATES) {
            let (value, text) = candidate.read(&mut found.limited);
            if found.text.is_none() && !text.is_empty() {
                found.text = Some(text);
            }
            if value.is_some() {
                found.value = value;
                return found;
            }
        }
    }
    found
}

impl Candidate<'_> {
    fn read(&self, limited: &mut bool) -> (Option<Expr>, String) {
        match &self.kind {
            Kind::Boxed(text) => {
                let text = normalised(text, true);
                (read_latex(&text, limited), text)
            }
            Kind::Latex(parts) => {
                let mut values = Vec::new();
                let mut texts = Vec::new();
                for (part, percent) in parts {
                    let text = normalised(part, false);
                    let value = read_latex(&text, limited);
                    values.push(if *percent { value.map(|value| Expr::Percent(Box::new(value))) } else { value });
                    texts.push(text);
                }
                if values.len() == 1 || values.iter().any(Option::is_none) {
                    return (values.swap_remove(0), texts.swap_remove(0));
                }
                let mut items = Vec::new();
                for value in values.into_iter().flatten() {
                    match value {
                        Expr::Set(inner) => items.extend(inner),
                        other => items.push(other),
                    }
                }
                (Some(Expr::Set(items)), texts.join(" and "))
            }
            Kind::Number(digits, decimals, percent) => {
                let negative = digits.starts_with('-');
                let bare = digits.trim_start_matches(['-', '0']);
                let text = match (digits.as_str(), bare) {
                    ("", _) | (_, "") => format!("{}0{decimals}", if negative { "-" } else { "" }),
                    (_, bare) => format!("{}{bare}{decimals}", if negative { "-" } else { "" }),
                };
                let value = read_latex(&text, limited);
                (if *percent { value.map(|value| Expr::Percent(Box::new(value))) } else { value }, text)
            }
            Kind::Calculation(text) => {
                let value = plain::calculation(text).map(|text| read_latex(&text, limited));
                (value.flatten(), (*text).to_owned())
            }
        }
    }
}

/// Reads a text in one spelling; where it cannot be read as a whole, what stands behind the last of several `=`.
pub fn read_latex(text: &str, limited: &mut bool) -> Option<Expr> {
    match parse(text) {
        Ok(expr) => return Some(expr),
        Err(Unread::TooDeep) => *limited = true,
        Err(Unread::Unknown) => {}
    }
    if text.contains([',', ';']) {
        return None;
    }
    let signs = text.match_indices('=').map(|(at, _)| at).filter(|at| {
        let before = text.get(..*at).unwrap_or_default();
        !before.ends_with(['\\', '<', '!', '>'])
    });
    let signs: Vec<usize> = signs.collect();
    let last = signs.last().filter(|_| signs.len() > 1)?;
    parse(text.get(last + 1..)?).ok()
}

/// What the rule for boxes finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail<'a> {
    /// From the last box to the end of the text.
    Found(&'a str),
    /// There is no box.
    Nothing,
    /// There is an empty one.
    Empty,
    /// It is longer than [`LONGEST`].
    TooLong,
}

/// The text from its last `\boxed{` on.
pub fn last_box(text: &str) -> Tail<'_> {
    let Some(tail) = text.rfind(BOX).and_then(|start| text.get(start..)) else { return Tail::Nothing };
    if tail.contains(r"\boxed{}") {
        Tail::Empty
    } else if is_longer(tail, LONGEST) {
        Tail::TooLong
    } else {
        Tail::Found(tail)
    }
}

/// True where a text has more characters than this.
pub fn is_longer(text: &str, characters: usize) -> bool {
    text.len() > characters && text.chars().nth(characters).is_some()
}

/// The last bytes of a text, from a border of characters on.
fn end_of(text: &str, length: usize) -> &str {
    let mut start = text.len().saturating_sub(length);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, patterns: Patterns) -> Option<String> {
        find(text, patterns).text
    }

    #[test]
    fn the_tail_of_the_last_box_counts() {
        for (text, expected) in [
            ("5", Tail::Nothing),
            (r"\boxed 5", Tail::Nothing),
            (r"\boxed{3} or \boxed{4}.", Tail::Found(r"\boxed{4}.")),
            (r"\boxed{3}\boxed{}", Tail::Empty),
        ] {
            assert_eq!(last_box(text), expected, "{text}");
        }
        assert_eq!(last_box(&format!(r"\boxed{{5}}{}", " ".repeat(1_000))), Tail::TooLong);
        assert_ne!(last_box(&format!(r"\boxed{{5}}{}", "é".repeat(991))), Tail::TooLong);
    }

    #[test]
    fn the_lowest_rank_wins_and_then_the_last_one() {
        let all = Patterns::default();
        let first = Patterns { box_rank: 0, ..all };
        for (patterns, given, expected) in [
            (all, r"$1$ and then $2$ follows from $3$", "3"),
            (all, r"The answer: $1$. And $2$", "1"),
            (all, r"\boxed{5}. The final answer is $6$. I hope", "6"),
            (first, r"\boxed{5}, final answer there is $6$", "5"),
            (all, "we get 3 and then -4.5.", "-4.5"),
            (all, "AZYUK2A", ""),
            (all, "1,234,567.80", "1234567.80"),
            (all, "so 1 000 it is", "1000"),
            (all, "007", "7"),
            (all, ".25", "0.25"),
            (all, "the price is €20", "20"),
            (all, "x=1/2.", "1/2."),
            (all, r"it is $1$, $2$ and $3$.", "1 and 2 and 3"),
            (all, r"28 percent", "28"),
        ] {
            assert_eq!(text(given, patterns).unwrap_or_default(), expected, "{given}");
        }
        let latex = Patterns { plain: false, ..all };
        assert_eq!(text("7 and 8", latex), None);
    }

    #[test]
    fn long_texts_take_time_that_grows_with_their_length() {
        for piece in [r"\[", "$", "$$", r"\(", " [", "answer: ", "1 ", "1+", "=1 ", r"\boxed{", "final answer ", "{"] {
            let hostile = piece.repeat(10_000_000 / piece.len());
            let started = std::time::Instant::now();
            find(&hostile, Patterns::default());
            assert!(started.elapsed().as_secs() < 2, "{piece}");
        }
    }
}
