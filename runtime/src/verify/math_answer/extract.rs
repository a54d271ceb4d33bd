//! Where the answer stands in a text.

/// Longest text that is read as an answer, in characters.
pub const LONGEST: usize = 1_000;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extracted<'a> {
    /// An answer.
    Found(&'a str),
    /// There is none.
    Nothing,
    /// There is one, and it is empty.
    Empty,
    /// From where it starts, the text is longer than [`LONGEST`].
    TooLong,
}

const BOX: &str = r"\boxed{";

/// What stands in the last `\boxed{…}`, boxes inside opened.
///
/// The text from the last `\boxed{` to the end must not be longer than [`LONGEST`] and must not hold an empty box. A box
/// that is not closed reaches to the last closing brace; without one there is nothing to read.
pub fn boxed(text: &str) -> Extracted<'_> {
    let Some(start) = text.rfind(BOX) else { return Extracted::Nothing };
    let tail = text.get(start..).unwrap_or_default();
    if tail.contains(r"\boxed{}") {
        return Extracted::Empty;
    }
    if is_too_long(tail) {
        return Extracted::TooLong;
    }
    let content = tail.get(BOX.len()..).unwrap_or_default();
    let end = closing_brace(content).or_else(|| content.rfind('}'));
    match end.and_then(|end| content.get(..end)) {
        Some(content) if !content.trim().is_empty() => Extracted::Found(content),
        _ => Extracted::Empty,
    }
}

/// The whole text.
pub fn whole(text: &str) -> Extracted<'_> {
    let text = text.trim();
    match text {
        "" => Extracted::Nothing,
        _ if is_too_long(text) => Extracted::TooLong,
        _ => Extracted::Found(text),
    }
}

/// The last box; else what follows the last "answer is", "answer:" or "####" on its line; else the last number.
pub fn any(text: &str) -> Extracted<'_> {
    match boxed(text) {
        Extracted::Nothing => {}
        found => return found,
    }
    match after_mark(text) {
        Some(answer) if !answer.is_empty() => whole(answer),
        _ => last_number(text),
    }
}

/// What follows the last "answer is", "answer:" or "####", to the end of its sentence or line.
pub fn after_mark(text: &str) -> Option<&str> {
    // Only ASCII letters change, so positions in the lower-case copy are positions in the text.
    let lower = text.to_ascii_lowercase();
    let marks = ["answer is", "answer:", "####"];
    let start = marks.iter().filter_map(|mark| Some(lower.rfind(mark)? + mark.len())).max()?;
    let line = text.get(start..)?.trim_start().lines().next()?;
    let line = line.split(". ").next().unwrap_or(line);
    Some(line.trim_start_matches(':').trim().trim_end_matches(['.', '!', ',']))
}

fn last_number(text: &str) -> Extracted<'_> {
    let Some(last) = text.rfind(|c: char| c.is_ascii_digit()) else { return Extracted::Nothing };
    let of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '/');
    let head = text.get(..=last).unwrap_or_default();
    let number = head.len() - head.trim_end_matches(of_number).len();
    let mut start = head.len() - number;
    start += head.get(start..).unwrap_or_default().len()
        - head.get(start..).unwrap_or_default().trim_start_matches(['.', ',', '/']).len();
    let before = head.get(..start).unwrap_or_default();
    // A minus is a sign unless something is taken away from.
    if before.ends_with('-') && !before.trim_end_matches('-').ends_with(|c: char| c.is_alphanumeric() || c == ')') {
        start -= 1;
    }
    whole(head.get(start..).unwrap_or_default())
}

fn is_too_long(text: &str) -> bool {
    text.chars().nth(LONGEST).is_some()
}

/// The place of the brace that closes an open one; `\{` and `\}` do not count.
fn closing_brace(text: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (0usize, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_box_counts() {
        for (text, expected) in [
            (r"so \boxed{1} and \boxed{\frac{1}{2}}.", Extracted::Found(r"\frac{1}{2}")),
            (r"\boxed{\{1,2\}}", Extracted::Found(r"\{1,2\}")),
            (r"\boxed 5 \boxed {5} \fbox{5}", Extracted::Nothing),
            (r"\boxed{3}\boxed{}", Extracted::Empty),
            (r"\boxed{ }", Extracted::Empty),
            (r"\boxed{5", Extracted::Empty),
            (r"\boxed{\text{x}=\boxed{3}}", Extracted::Found("3")),
        ] {
            assert_eq!(boxed(text), expected, "{text}");
        }
        assert_eq!(boxed(&format!(r"\boxed{{5}}{}", " ".repeat(1_000))), Extracted::TooLong);
    }

    #[test]
    fn without_a_box_the_sentence_or_the_last_number_counts() {
        for (text, expected) in [
            ("The answer is 12. Thanks", Extracted::Found("12")),
            ("ANSWER: $5$.", Extracted::Found("$5$")),
            ("we get 3 and then -4.5.", Extracted::Found("-4.5")),
            ("1+2=3-4", Extracted::Found("4")),
            ("#### 1,234", Extracted::Found("1,234")),
            (r"The answer is \boxed{7}", Extracted::Found("7")),
            ("none", Extracted::Nothing),
            ("é 5é", Extracted::Found("5")),
        ] {
            assert_eq!(any(text), expected, "{text}");
        }
    }
}
