//! One spelling for the many ways in which the same mathematics is written: boxes opened, setting commands and units
//! left out, percent words, repairs of what TeX reads and a parser does not.
//!
//! The steps and their order are those of the reference (verifiers.md, 1.2): a later step sees what an earlier one left.

mod boxes;
mod units;

use boxes::opened;
use units::without_units;

/// Delimiters that `\left` and `\right` stand before.
const DELIMITERS: &[&str] = &[
    r"\{",
    r"\}",
    "{",
    "}",
    r"\|",
    "|",
    "[",
    "]",
    "(",
    ")",
    r"\lgroup",
    r"\rgroup",
    r"\lbrace",
    r"\rbrace",
    r"\lbrack",
    r"\rbrack",
    r"\vert",
    r"\lvert",
    r"\rvert",
    r"\lceil",
    r"\rceil",
    r"\lfloor",
    r"\rfloor",
    r"\langle",
    r"\rangle",
    r"\llcorner",
    r"\lrcorner",
    r"\ulcorner",
    r"\urcorner",
];

/// Longest argument of what is repaired, in bytes.
const LONGEST_ARGUMENT: usize = 1_000;

/// Brings a text to one spelling. With `last_box`, several boxes count together only where they are close.
pub fn normalised(text: &str, last_box: bool) -> String {
    let text = without_long_blanks(&opened(text, last_box));
    let text = text
        .replace(r"\mathrm{T}", "T")
        .replace(r"\mathrm{d}", "d")
        .replace(r"{\rm d}", "d")
        .replace(r"\left[\begin{matrix}", r"\begin{bmatrix}")
        .replace(r"\end{matrix}\right]", r"\end{bmatrix}");
    let text = without_delimiter_sizes(&text);
    let text = without_settings(&text);
    let text = respelled(&text).replace(['\n', '\t'], " ");
    let text = if text.contains("matrix") { text } else { single_backslashes(&text) };
    let mut text = without_units(&text);
    if text.starts_with('.') {
        text.insert(0, '0');
    }
    let text = if text == "0.5" { r"\frac{1}{2}".to_owned() } else { text };
    repaired(&text).trim().to_owned()
}

/// Walks through a text; where `step` recognises something it says how long it is and what stands for it.
fn rewritten<'a>(text: &'a str, step: impl Fn(&'a str, char) -> Option<(usize, String)>) -> String {
    let mut result = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match step(rest, before) {
            Some((length, by)) if length > 0 => {
                result.push_str(&by);
                before = rest.get(..length).and_then(|cut| cut.chars().next_back()).unwrap_or(' ');
                rest = rest.get(length..).unwrap_or_default();
            }
            _ => {
                result.push(first);
                before = first;
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    result
}

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// One blank for many, so that no step looks at them again and again.
fn without_long_blanks(text: &str) -> String {
    const MOST: usize = 8;
    let mut result = String::with_capacity(text.len());
    let mut run = 0;
    for character in text.chars() {
        run = if character.is_whitespace() { run + 1 } else { 0 };
        if run <= MOST {
            result.push(character);
        }
    }
    result
}

/// `\left`, `\right`, `\mleft` and `\mright` before a delimiter.
fn without_delimiter_sizes(text: &str) -> String {
    rewritten(text, |rest, _| {
        let command = [r"\left", r"\right", r"\mleft", r"\mright"].into_iter().find(|name| rest.starts_with(name))?;
        let behind = rest.get(command.len()..)?;
        DELIMITERS.iter().any(|delimiter| behind.starts_with(delimiter)).then(|| (command.len(), String::new()))
    })
}

/// What sets a text and means nothing: money signs, quotes, thin spaces back, empty words.
fn without_settings(text: &str) -> String {
    rewritten(text, |rest, before| {
        let gone = |length: usize| Some((length, String::new()));
        match rest.as_bytes().first()? {
            b'$' => gone(1),
            b'"' | b'\'' if before != '\\' => gone(1),
            b'\\' => {
                if let Some(behind) = rest.strip_prefix(r"\!") {
                    return gone(2 + blanks(behind));
                }
                if let Some(behind) = rest.strip_prefix(r"\text") {
                    let inner = behind.trim_start().strip_prefix('{')?;
                    let after = inner.trim_start().strip_prefix('}')?;
                    return gone(rest.len() - after.len());
                }
                [r"\mathrm{th}", r"\$", r"\displaystyle"]
                    .into_iter()
                    .find(|known| rest.starts_with(known))
                    .and_then(|known| gone(known.len()))
            }
            _ => None,
        }
    })
}

/// Words and commands with another spelling.
fn respelled(text: &str) -> String {
    rewritten(text, |rest, before| {
        let by = |length: usize, by: &str| Some((length, by.to_owned()));
        let space = blanks(rest);
        let behind = rest.get(space..)?;
        let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphabetic());
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if let Some(found) = command_respelled(rest, before) {
            return Some(found);
        }
        match rest.chars().next()? {
            blank if blank.is_whitespace() && rest.get(blank.len_utf8()..)?.starts_with('.') => {
                return by(blank.len_utf8() + 1, " 0.");
            }
            '{' if rest.starts_with("{.") => return by(2, "{0."),
            '~' if rest.starts_with("~=") => return by(2, r"\approx"),
            _ => {}
        }
        // {,} with blanks around.
        if let Some(inner) = behind.strip_prefix('{')
            && let Some(after) =
                inner.trim_start().strip_prefix(',').and_then(|tail| tail.trim_start().strip_prefix('}'))
        {
            return by(rest.len() - after.len(), ",");
        }
        // A comma, blanks, and the words "and" and "or", alone or as text.
        let comma = usize::from(rest.starts_with(','));
        let start = comma + blanks(rest.get(comma..)?);
        let word = rest.get(start..)?;
        let conjunction = ["and", "or"].into_iter().find(|known| word.starts_with(known));
        if let Some(known) = conjunction
            && !before.is_ascii_alphabetic()
            && !is_letter(word.get(known.len()..)?.chars().next())
        {
            return by(start + known.len(), ",");
        }
        if let Some(inner) = word.strip_prefix(r"\text{")
            && let Some(end) = near(inner, b'}')
            && matches!(inner.get(..end).map(str::trim), Some("and" | "or"))
        {
            return by(start + r"\text{".len() + end + 1, ",");
        }
        if rest.strip_prefix(',').unwrap_or(rest).starts_with(r"\ldots") {
            return by(usize::from(rest.starts_with(',')) + r"\ldots".len(), " ");
        }
        // The border of a word must stand before the percent word, and behind it.
        for known in ["percentage", "percent", "pct"] {
            let bordered = if space > 0 { true } else { !is_word(Some(before)) };
            if behind.starts_with(known) && bordered && !is_word(behind.get(known.len()..)?.chars().next()) {
                return by(space + known.len(), r"\%");
            }
        }
        if rest.starts_with("infinity") {
            return by("infinity".len(), r"\infty");
        }
        if rest.starts_with("inf") && before != '\\' {
            return by("inf".len(), r"\infty");
        }
        if rest.starts_with(" sqrt") {
            return by(" sqrt".len(), r"\sqrt");
        }
        None
    })
}

fn command_respelled(rest: &str, before: char) -> Option<(usize, String)> {
    let inner = rest.strip_prefix('\\')?;
    let by = |known: &str, by: &str| Some((known.len() + 1, by.to_owned()));
    for known in ["mathrm", "mathit", "mathbf", "textnormal", "textbf", "textit", "textrm"] {
        if inner.starts_with(known) {
            return by(known, r"\text");
        }
    }
    for known in ["dfrac", "tfrac", "cfrac"] {
        if inner.starts_with(known) {
            return by(known, r"\frac");
        }
    }
    for known in ["text{percentage}", "text{percent}", "text{pct}"] {
        if inner.starts_with(known) {
            return by(known, "%");
        }
    }
    // Digits in groups of three with thin spaces between are one number.
    if let Some(digits) = inner.strip_prefix(',')
        && before.is_ascii_digit()
        && digits.len() - digits.trim_start_matches(|c: char| c.is_ascii_digit()).len() == 3
    {
        return Some((2, String::new()));
    }
    let blank = inner.chars().next().filter(|next| next.is_whitespace())?;
    (before != '\\').then(|| (1 + blank.len_utf8(), " ".to_owned()))
}

/// `\\frac` where `\frac` was meant.
fn single_backslashes(text: &str) -> String {
    rewritten(text, |rest, _| {
        let behind = rest.strip_prefix(r"\\")?;
        behind.starts_with(|c: char| c.is_ascii_alphabetic()).then(|| (2, r"\".to_owned()))
    })
}

/// Arguments without braces, and functions and powers with round brackets.
fn repaired(text: &str) -> String {
    let text = rewritten(text, |rest, _| {
        let inner = rest.strip_prefix('^')?;
        let inner = inner.strip_prefix(' ').unwrap_or(inner).strip_prefix('(')?;
        let end = near(inner, b')')?;
        let skipped = rest.len() - inner.len();
        Some((skipped + end + 1, format!("^{{{}}}", inner.get(..end)?)))
    });
    let text = rewritten(&text, |rest, before| {
        let name = if before == '\\' { return None } else { rest.strip_prefix('\\').unwrap_or(rest) };
        let inner = name.strip_prefix("sqrt")?;
        let inner = inner.strip_prefix(' ').unwrap_or(inner).strip_prefix('(')?;
        let end = near(inner, b')')?;
        Some((rest.len() - inner.len() + end + 1, format!(r"\sqrt{{{}}}", inner.get(..end)?)))
    });
    rewritten(&text, |rest, _| {
        if rest.starts_with(" sqrt") {
            return Some((5, r"\sqrt".to_owned()));
        }
        let inner = rest.strip_prefix('\\')?;
        if let Some(behind) = inner.strip_prefix("frac") {
            return fraction(behind).map(|(length, by)| (5 + length, by));
        }
        if let Some(behind) = inner.strip_prefix("log_") {
            let digits = behind.strip_prefix(' ').unwrap_or(behind);
            let base = digits.chars().next().filter(char::is_ascii_digit)?;
            let argument = digits.get(1..)?;
            let argument = argument.strip_prefix(' ').unwrap_or(argument);
            let length = argument.find(|c: char| !c.is_ascii_digit()).unwrap_or(argument.len());
            if length == 0 {
                return None;
            }
            let by = format!(r"\log_{{{base}}}{{{}}}", argument.get(..length)?);
            return Some((rest.len() - argument.len() + length, by));
        }
        if let Some(behind) = inner.strip_prefix("sqrt") {
            let argument = behind.trim_start();
            let first = argument.chars().next().filter(|first| !matches!(first, '{' | '[' | '\\'))?;
            let length = rest.len() - argument.len() + first.len_utf8();
            return Some((length, format!(r"\sqrt{{{first}}}")));
        }
        None
    })
}

/// The arguments of a fraction, each one character, one digit and all digits behind it, or a group.
fn fraction(behind: &str) -> Option<(usize, String)> {
    let text = behind.trim_start();
    let skipped = behind.len() - text.len();
    let first = text.chars().next()?;
    if first == '{' {
        // A digit behind the first group is the second argument.
        let end = closing(text, LONGEST_ARGUMENT)?;
        let second = text.get(end + 1..)?;
        let space = usize::from(second.starts_with(' '));
        let digit = second.get(space..)?.chars().next().filter(char::is_ascii_digit)?;
        let length = skipped + end + 1 + space + 1;
        return Some((length, format!(r"\frac{}{{{digit}}}", text.get(..=end)?)));
    }
    if first == '\\' {
        return None;
    }
    let second = text.get(first.len_utf8()..)?.trim_start();
    let next = second.chars().next()?;
    let used = skipped + text.len() - second.len();
    if next == '{' || next == '\\' {
        return Some((used, format!(r"\frac{{{first}}}")));
    }
    let digits = second.find(|c: char| !c.is_ascii_digit()).unwrap_or(second.len());
    let length = if first.is_ascii_digit() && digits > 0 { digits } else { next.len_utf8() };
    Some((used + length, format!(r"\frac{{{first}}}{{{}}}", second.get(..length)?)))
}

/// Where a mark first stands, if within the length of an argument.
fn near(text: &str, mark: u8) -> Option<usize> {
    text.bytes().take(LONGEST_ARGUMENT).position(|byte| byte == mark)
}

/// Where the brace closes that a text begins with, if within so many bytes.
fn closing(text: &str, within: usize) -> Option<usize> {
    let mut open = 0usize;
    for (at, byte) in text.bytes().take(within).enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => {
                open = open.checked_sub(1)?;
                if open == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_spellings_become_one() {
        for (text, expected) in [
            (r"\boxed{\dfrac12}", r"\frac{1}{2}"),
            (r"\frac1{x}", r"\frac{1}{x}"),
            (r"\frac{x}2", r"\frac{x}{2}"),
            (r"\frac uv", r"\frac{u}{v}"),
            // The letters of the fraction are a unit to the references.
            (r"\frac ab", r"\frac"),
            (r"\frac{1}{2}", r"\frac{1}{2}"),
            (r"\frac123", r"\frac{1}{23}"),
            (r"\sqrt3", r"\sqrt{3}"),
            (r"sqrt(x+1)", r"\sqrt{x+1}"),
            (r"\sqrt\pi", r"\sqrt\pi"),
            ("x^(2)", "x^{2}"),
            (r"\log_2 8", r"\log_{2}{8}"),
            (r"\left( 1, 2 \right]", "( 1, 2 ]"),
            (r"1{,}234", "1,234"),
            (r"7\,425\,000", "7425000"),
            (r"2\,x", r"2\,x"),
            (r"28 percent", r"28\%"),
            (r"28\text{percent}", "28%"),
            (r"x=1 or x=2", "x=1, x=2"),
            (r"6 \text{ and } 8", "6, 8"),
            ("infinity", r"\infty"),
            (".25", "0.25"),
            (".5", r"\frac{1}{2}"),
            ("0.5", r"\frac{1}{2}"),
            (r"\\frac{1}{2}", r"\frac{1}{2}"),
            (r"\$18.90", "18.90"),
            (r"12\!000", "12000"),
            ("a\nb", "a b"),
            ("sand", "sand"),
        ] {
            assert_eq!(normalised(text, true), expected, "{text}");
        }
    }

    #[test]
    fn any_text_is_normalised() {
        for piece in [r"\frac", r"\sqrt", "^(", r"\log_", "{", "}", r"\boxed{", r"\text{", ",", " ", "é", r"\", "inf"]
        {
            normalised(&piece.repeat(300), true);
            normalised(&format!("{}1", piece.repeat(300)), false);
        }
    }
}
