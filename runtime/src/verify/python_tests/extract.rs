//! Which part of an answer is the program.

/// What ends an answer; what follows is not read.
const ENDS: [&str; 5] = ["[END FINAL RESPONSE]", "<|end|>", "</s>", "<|im_end|>", "<|endoftext|>"];

/// Opens and closes a block.
const FENCE: &str = "```";

/// The program of an answer: its last code block, trimmed; none if there is none, or it is blank. Sessions of the interactive
/// interpreter (`>>>`) count only where there is nothing else.
pub(super) fn program(answer: &str) -> Option<&str> {
    let blocks = blocks(before_end(answer));
    let plain = blocks.iter().rev().find(|block| !block.contains(">>>"));
    plain.or(blocks.last()).map(|block| trim(block)).filter(|program| !program.is_empty())
}

/// The answer up to the first end mark, or line of three hyphens.
fn before_end(answer: &str) -> &str {
    let mark = ENDS.iter().filter_map(|end| answer.find(end)).min();
    let rule = answer.match_indices("\n---").map(|(at, _)| at).find(|at| {
        let rest = answer.get(at + 4..).unwrap_or_default();
        rest.is_empty() || rest.starts_with('\n') || rest.starts_with("\r\n")
    });
    let end = mark.into_iter().chain(rule).min().unwrap_or(answer.len());
    answer.get(..end).unwrap_or(answer)
}

/// What stands between fences. An opening fence has the tag `python`, `py` or none, in any case, and the line ends there; any fence closes.
fn blocks(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.find(FENCE)).map(|found| at + found) {
        let opened = opening(text.get(next..).unwrap_or_default()).map(|length| next + length);
        let closed = opened.and_then(|start| Some((start, start + text.get(start..)?.find(FENCE)?)));
        match closed {
            Some((start, end)) => {
                found.extend(text.get(start..end));
                at = end + FENCE.len();
            }
            // A block that opens and is never closed: neither is any behind it.
            None if opened.is_some() => break,
            // Of four backticks, the last three may open.
            None => at = next + 1,
        }
    }
    found
}

/// The length of an opening fence at the start of a text.
fn opening(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(FENCE)?;
    ["python\n", "py\n", "\n"]
        .into_iter()
        .find(|tag| rest.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag)))
        .map(|tag| FENCE.len() + tag.len())
}

/// Without white space at both ends, as Python sees it.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// White space in Python: four control characters more than Unicode's.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_block_is_the_program() {
        for (answer, expected) in [
            ("```python\na\n```", Some("a")),
            ("x ```PY\n a \n``` y ```\nb\n```", Some("b")),
            ("```python\na\n```\n```python\n>>> b\n```", Some("a")),
            ("```python\n>>> b\n```", Some(">>> b")),
            ("```python\na", None),
            ("```python a\n```", None),
            ("```python\r\na\n```", None),
            ("```cpp\na\n```", None),
            ("````python\na\n````", Some("a")),
            ("```python\na``` b\n```\n", Some("a")),
            ("```python\n\x1f \n```", None),
            ("```python\na\n```</s>```python\nb\n```", Some("a")),
            ("```python\na\n---\n```", None),
            ("```python\na\n--- b\n```", Some("a\n--- b")),
            ("---\n```\na\n```", Some("a")),
            ("print(1)", None),
            ("", None),
        ] {
            assert_eq!(program(answer), expected, "{answer:?}");
        }
    }

    /// Every position is looked at a bounded number of times.
    #[test]
    fn long_answers_end_soon() {
        for text in ["`".repeat(4 << 20), "```\n".repeat(1 << 20), format!("```\n{}", "\n---x".repeat(1 << 20))] {
            let begun = std::time::Instant::now();
            program(&text);
            assert!(begun.elapsed().as_secs() < 5);
        }
    }
}
