//! Constraints on how a text is set: bullets, sections, placeholders, titles, JSON.

use super::arguments::Arguments;
use super::sentences::sentences;
use crate::verify::pattern::Pattern;
use crate::verify::python::json;
use crate::verify::text::{is_blank, strip, words};

/// At least so many `[…]`, each on one line.
pub fn number_placeholders(text: &str, arguments: &Arguments) -> Option<bool> {
    let mut found = 0;
    for line in text.split('\n') {
        let mut rest = line;
        while let Some(inner) = rest.split_once('[').and_then(|(_, inner)| inner.split_once(']')) {
            found += 1;
            rest = inner.1;
        }
    }
    Some(found >= arguments.count("num_placeholders")?)
}

/// A postscript with a marker, ignoring case; the known markers allow a blank after their dots.
pub fn postscript(text: &str, arguments: &Arguments) -> Option<bool> {
    let marker = strip(arguments.text("postscript_marker")?);
    let text = text.to_lowercase();
    let pattern = match marker {
        "P.P.S" => Pattern::new(r"p\.\s?p\.\s?s"),
        "P.S." => Pattern::new(r"p\.\s?s\."),
        other => Pattern::of_lines(&format!(r"\s*{}.*$", other.to_lowercase())),
    };
    arguments.within(pattern?.is_in(&arguments.subject(&text)))
}

/// Words in pairs, each pair in `<<` and `>>`; an odd last word is free.
pub fn bigram_wrapping(text: &str, _: &Arguments) -> Option<bool> {
    let words: Vec<&str> = words(text).collect();
    Some(words.chunks(2).all(|pair| match pair {
        [first, second] => first.starts_with("<<") && second.ends_with(">>"),
        _ => true,
    }))
}

/// One of the three set answers.
pub fn constrained_response(text: &str, _: &Arguments) -> Option<bool> {
    Some(["My answer is yes.", "My answer is no.", "My answer is maybe."].iter().any(|answer| text.contains(answer)))
}

/// The text is JSON, maybe in a fence; read as Python reads it: `NaN` and `Infinity` are numbers.
pub fn json_format(text: &str, _: &Arguments) -> Option<bool> {
    let mut text = strip(text);
    for fence in ["```json", "```Json", "```JSON", "```"] {
        text = text.strip_prefix(fence).unwrap_or(text);
    }
    let text = strip(text.strip_suffix("```").unwrap_or(text));
    Some(json::read(text).is_ok())
}

/// At least so many sections that a word with a number opens.
pub fn multiple_sections(text: &str, arguments: &Arguments) -> Option<bool> {
    let (opener, wanted) = (strip(arguments.text("section_spliter")?), arguments.count("num_sections")?);
    let pattern = Pattern::new(&format!(r"\s?{opener}\s?\d+\s?"))?;
    // The reference counts the pieces of a split, in which every group of the opener is a piece of its own.
    let found = arguments.within(pattern.all(&arguments.subject(text)))?;
    Some(found.iter().map(Vec::len).sum::<usize>() >= wanted)
}

/// Exactly so many bullets: `* x` and lines that start with `-`.
pub fn number_bullet_lists(text: &str, arguments: &Arguments) -> Option<bool> {
    let characters: Vec<char> = text.chars().collect();
    let found = bullets(&characters, '*') + bullets(&characters, '-');
    Some(found == arguments.count("num_bullets")?)
}

/// Blanks before a bullet may hold line ends. An asterisk needs a character after it that is none, which may be a line
/// end too.
fn bullets(text: &[char], mark: char) -> usize {
    let (mut count, mut line) = (0, 0);
    loop {
        let blanks = text.iter().skip(line).take_while(|c| is_blank(**c)).count();
        let at = line + blanks;
        let next = text.get(at + 1);
        let fits = text.get(at) == Some(&mark) && (mark != '*' || next.is_some_and(|c| *c != '*'));
        count += usize::from(fits);
        let from = match (fits, mark) {
            (true, '*') => at + 2,
            (true, _) => at + 1,
            // Nothing between here and the next visible character can start a bullet.
            (false, _) => at,
        };
        match text.iter().skip(from).position(|c| *c == '\n') {
            Some(length) => line = from + length + 1,
            None => return count,
        }
    }
}

/// At least so many `*…*`, and `**…**` once more, on one line each and not blank.
pub fn number_highlighted_sections(text: &str, arguments: &Arguments) -> Option<bool> {
    let found: usize = text.split('\n').map(|line| highlights(line, "*") + highlights(line, "**")).sum();
    Some(found >= arguments.count("num_highlights")?)
}

/// Spans between two marks without an asterisk inside; those that are blank take up their marks but do not count.
fn highlights(line: &str, mark: &str) -> usize {
    let (mut count, mut rest) = (0, line);
    while let Some(at) = rest.find(mark) {
        let inner = rest.get(at + mark.len()..).unwrap_or_default();
        let content = inner.split('*').next().unwrap_or_default();
        let after = inner.get(content.len()..).unwrap_or_default();
        if let Some(after) = after.strip_prefix(mark) {
            count += usize::from(!strip(content).is_empty());
            rest = after;
        } else {
            rest = rest.get(at + 1..).unwrap_or_default();
        }
    }
    count
}

/// A title `<<…>>` on one line that is not blank.
pub fn title(text: &str, _: &Arguments) -> Option<bool> {
    Some(text.split('\n').any(|line| {
        let inner = line.find("<<").and_then(|at| line.get(at + 2..));
        let title = inner.and_then(|inner| inner.get(..inner.rfind(">>")?));
        title
            .is_some_and(|title| !title.trim_start_matches('<').trim_end_matches('>').trim_matches(is_blank).is_empty())
    }))
}

/// Every word stands in square brackets.
pub fn square_brackets(text: &str, _: &Arguments) -> Option<bool> {
    Some(words(text).all(|word| word.starts_with('[') && word.ends_with(']')))
}

/// Sentences are joined by hyphens without blanks.
pub fn sentence_hyphens(text: &str, _: &Arguments) -> Option<bool> {
    let wanted = sentences(&text.replace('-', " "));
    Some(text.split('-').zip(&wanted).all(|(piece, sentence)| piece == sentence))
}
