//! What stands in boxes.

/// Boxes with less than this between them belong together.
const NEAR: usize = 10;

/// Boxes with less than this between them belong together where a comma or a word joins them.
const JOINED: usize = 70;

/// Most boxes that are looked at.
const MOST: usize = 100;

/// The contents of the boxes of a text, from the right, with commas between; the text where it has no box. With `last`,
/// only the last one and those close to it. A box in a box is opened where it stands last.
pub fn opened(text: &str, last: bool) -> String {
    let mut found: Vec<&str> = Vec::new();
    let mut border = text.len();
    for _ in 0..MOST {
        let Some((start, brace)) = last_box(text, border) else { break };
        let rest = text.get(..border).unwrap_or_default();
        let content = rest.get(brace..).unwrap_or_default();
        if !content.starts_with('{') {
            if found.is_empty() {
                found.push(text.get(brace..).unwrap_or_default());
            }
            break;
        }
        let Some(end) = super::closing(content, usize::MAX) else {
            if found.is_empty() {
                found.push(text.get(brace..).unwrap_or_default());
            }
            break;
        };
        let inside = content.get(1..end).unwrap_or_default().trim();
        if last && let Some(next) = found.last() {
            let between = text.get(brace + end + 1..border).unwrap_or_default();
            if !belong(inside, next, between) {
                break;
            }
        }
        if found.last() != Some(&inside) {
            found.push(inside);
        }
        border = start;
    }
    if found.is_empty() {
        return text.to_owned();
    }
    found.reverse();
    found.join(",")
}

/// The last box before a place: where it begins, and where its brace should be.
fn last_box(text: &str, border: usize) -> Option<(usize, usize)> {
    let before = text.get(..border)?;
    let (boxed, framed) = (before.rfind(r"\boxed"), before.rfind(r"\fbox"));
    let start = boxed.max(framed)?;
    let end = start + if boxed == Some(start) { r"\boxed".len() } else { r"\fbox".len() };
    let rest = text.get(end..border)?;
    let space = rest.len() - rest.trim_start().len();
    (space < rest.len()).then_some((start, end + space))
}

fn belong(one: &str, next: &str, between: &str) -> bool {
    let length = between.chars().count();
    let separated = || {
        let words = between.split(|c: char| !c.is_alphanumeric() && c != '_');
        between.contains([',', ';']) || words.into_iter().any(|word| matches!(word, "and" | "or"))
    };
    length < NEAR || one != next && length < JOINED && separated()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_opened_from_the_right() {
        for (text, expected) in [
            ("no box", "no box"),
            (r"\boxed{5} and more }", "5"),
            (r"\boxed{\boxed{12}}", "12"),
            (r"\boxed{1}\boxed{2}", "1,2"),
            (r"\boxed{1} papers and \boxed{2} bins", "1,2"),
            (r"\boxed{1} no no no no no \boxed{2}", "2"),
            (r"\boxed{4}\boxed{4}", "4"),
            (r"\boxed{\frac{1}{2}", r"{\frac{1}{2}"),
            (r"\fbox{3}", "3"),
            (r"\boxed 5", "5"),
        ] {
            assert_eq!(opened(text, true), expected, "{text}");
        }
        assert_eq!(opened(r"\boxed{1} no no no no no \boxed{2}", false), "1,2");
    }
}
