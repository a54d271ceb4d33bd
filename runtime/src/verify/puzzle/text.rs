//! Parts of answers: boxes, fenced blocks, and Python's reading of blanks and numbers.

use regex::Regex;
use std::sync::LazyLock;

/// Blank to Python: white space of Unicode, and the four separators of ASCII.
pub(super) fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{1c}'..='\u{1f}')
}

/// Without blanks at both ends.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// Words between blanks.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_blank).filter(|word| !word.is_empty())
}

/// Words with one blank between them.
pub(super) fn folded(text: &str) -> String {
    words(text).collect::<Vec<_>>().join(" ")
}

/// Compiles a pattern of ours. `\s` is written `~`, and means what Python's does.
pub(super) fn compile(text: &str) -> Regex {
    let text = text.replace('~', r"[\s\x1c-\x1f]");
    Regex::new(&text).expect("the patterns are constants, and a test compiles each")
}

/// A pattern that is compiled when it is first used.
macro_rules! regex {
    ($text:expr) => {{
        static PATTERN: std::sync::LazyLock<regex::Regex> =
            std::sync::LazyLock::new(|| $crate::verify::puzzle::text::compile($text));
        &*PATTERN
    }};
}
pub(super) use regex;

/// The last match of the first group (of the whole pattern where it has no group).
pub(super) fn last_match<'a>(pattern: &Regex, text: &'a str) -> Option<&'a str> {
    let last = pattern.captures_iter(text).last()?;
    last.get(1).or_else(|| last.get(0)).map(|found| found.as_str())
}

/// The first match of the first group (of the whole pattern where it has no group).
pub(super) fn first_match<'a>(pattern: &Regex, text: &'a str) -> Option<&'a str> {
    let found = pattern.captures(text)?;
    found.get(1).or_else(|| found.get(0)).map(|found| found.as_str())
}

const BOX: &str = "\\boxed{";

/// What stands in the last `\boxed{…}`, with braces matched, trimmed.
pub(super) fn boxed(text: &str) -> Option<&str> {
    let inside = text.get(text.rfind(BOX)? + BOX.len()..)?;
    let mut depth = 1usize;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return inside.get(..at).map(trim);
        }
    }
    None
}

/// What stands in the last `\boxed{` up to the first closing brace, trimmed. `None`: no box; `Some(None)`: it is not closed.
pub(super) fn boxed_to_first_brace(text: &str) -> Option<Option<&str>> {
    let inside = text.get(text.rfind(BOX)? + BOX.len()..)?;
    Some(inside.find('}').and_then(|end| inside.get(..end)).map(trim))
}

/// The last block between ```` ```python ```` and ```` ``` ````, trimmed.
pub(super) fn python_block(text: &str) -> Option<&str> {
    fences(text, "```python").last().map(|block| trim(block))
}

/// Blocks from an opening mark to the next ```` ``` ````, one after the other.
pub(super) fn fences<'a>(text: &'a str, open: &str) -> Vec<&'a str> {
    let (mut blocks, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find(open) {
        let inside = rest.get(start + open.len()..).unwrap_or("");
        let Some(end) = inside.find("```") else { break };
        blocks.push(inside.get(..end).unwrap_or(""));
        rest = inside.get(end + 3..).unwrap_or("");
    }
    blocks
}

/// The text behind the last opening mark (all of it where there is none), up to the next ```` ``` ````.
pub(super) fn behind_fence<'a>(text: &'a str, open: &str) -> &'a str {
    let behind = text.rsplit(open).next().unwrap_or(text);
    behind.split("```").next().unwrap_or(behind)
}

/// First code points of the runs of ten decimal digits outside of ASCII.
const ZEROS: [u32; 40] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x1D7CE, 0x1D7D8, 0x1D7E2,
];

/// The value of a decimal digit of any script.
pub(super) fn digit(letter: char) -> Option<u8> {
    if let Some(value) = letter.to_digit(10) {
        return Some(value as u8);
    }
    let code = letter as u32;
    ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)).map(|zero| (code - zero) as u8)
}

/// Whether Python's `isdigit` says yes: decimal digits, and small and circled ones, which have no value as a number.
pub(super) fn is_digit(letter: char) -> bool {
    let other = matches!(letter as u32, 0xb2 | 0xb3 | 0xb9 | 0x2070 | 0x2074..=0x2079 | 0x2080..=0x2089 | 0x2460..=0x2468
        | 0x2474..=0x247c | 0x2488..=0x2490 | 0x24ea | 0x24f5..=0x24fd | 0x24ff | 0x2776..=0x277e | 0x2780..=0x2788 | 0x278a..=0x2792);
    digit(letter).is_some() || other
}

/// Whether a text is digits only.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_digit)
}

/// Most digits that Python converts.
const MOST_DIGITS: usize = 4_300;

/// Decimal digits of a number as Python's `int` reads it: sign, no leading zeros, `_` between digits, any script.
pub(super) fn int_digits(text: &str) -> Option<String> {
    let text = trim(text);
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let mut written = String::new();
    let mut between = true;
    let mut count = 0usize;
    for letter in digits.chars() {
        match letter {
            '_' if !between => between = true,
            letter => {
                let value = digit(letter)?;
                between = false;
                count += 1;
                if value != 0 || !written.is_empty() {
                    written.push(char::from(b'0' + value));
                }
            }
        }
    }
    if between || count > MOST_DIGITS {
        return None;
    }
    if written.is_empty() {
        return Some("0".into());
    }
    Some(if negative { format!("-{written}") } else { written })
}

/// A number as Python's `int` reads it. One beyond 128 bits becomes the largest one, which no puzzle has.
pub(super) fn int(text: &str) -> Option<i128> {
    int_digits(text).map(|digits| digits.parse().unwrap_or(i128::MAX))
}

/// A number as Python's `float` reads it.
pub(super) fn float(text: &str) -> Option<f64> {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)^[+-]?(?:(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)(?:e[+-]?[0-9]+(?:_[0-9]+)*)?|inf(?:inity)?|nan)$",
        )
    });
    let plain: String =
        trim(text).chars().map(|letter| digit(letter).map_or(letter, |value| char::from(b'0' + value))).collect();
    if !NUMBER.is_match(&plain) {
        return None;
    }
    plain.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_and_blocks() {
        assert_eq!(boxed(r"a \boxed{1} b \boxed{ \text{x} } c"), Some(r"\text{x}"));
        assert_eq!(boxed(r"\boxed{1"), None);
        assert_eq!(boxed_to_first_brace(r"\boxed{\text{x}}"), Some(Some(r"\text{x")));
        assert_eq!(boxed_to_first_brace(r"\boxed{1"), Some(None));
        assert_eq!(python_block("```python\n1\n``` and ```python 2```"), Some("2"));
        assert_eq!(python_block("```python 1"), None);
        assert_eq!(behind_fence("a ```json 1 ``` b", "```json"), " 1 ");
        assert_eq!(behind_fence("a", "```json"), "a");
    }

    /// What Python's `int` and `float` say.
    #[test]
    fn numbers_are_read_as_python_does() {
        for (text, value) in [(" 1_000 ", Some(1000)), ("-07", Some(-7)), ("+5", Some(5)), ("\u{663}", Some(3))] {
            assert_eq!(int(text), value, "{text}");
        }
        for text in ["", "-", "1__0", "_1", "1_", "1.0", "0x1", "\u{b2}", "- 1"] {
            assert_eq!(int(text), None, "{text}");
        }
        for (text, value) in
            [("1.", 1.0), (".5", 0.5), ("1_0e2", 1000.0), (" -inf", f64::NEG_INFINITY), ("1e999", f64::INFINITY)]
        {
            assert_eq!(float(text), Some(value), "{text}");
        }
        for text in ["", ".", "1e", "e5", "1_", "0x1", "1 2", "infin"] {
            assert_eq!(float(text), None, "{text}");
        }
    }
}
