//! The lines around a label. A line that is too long to be read is shown in part, so that a picture has a bounded size.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use recipec_grammar::source::Span;

/// Bytes of a line beyond which only what is near the label is shown.
const LONG_LINE: usize = 1_000;
/// Bytes that are shown on either side of a label in a long line.
const AROUND: usize = 60;
/// Bytes of a label that are underlined at most.
const LONG_LABEL: usize = 2_000;

/// A text from which miette takes pieces.
pub(super) struct Excerpts<'s> {
    pub name: &'s str,
    pub text: &'s str,
}

impl SourceCode for Excerpts<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let text = self.text;
        let plain = text.read_span(span, lines_before, lines_after)?;
        let longest = plain.data().split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or(0);
        if longest <= LONG_LINE {
            let (place, line, column) = (*plain.span(), plain.line(), plain.column());
            let name = self.name.to_string();
            let contents = MietteSpanContents::new_named(name, plain.data(), place, line, column, plain.line_count());
            return Ok(Box::new(contents));
        }
        let from = boundary(text, span.offset().min(text.len()));
        let to = boundary(text, span.offset().saturating_add(span.len()).min(text.len())).max(from);
        // Without lines around it, a piece begins at the label: its column is the label's.
        let mut start = if lines_before == 0 { from } else { line_start(text, from) };
        for _ in 0..lines_before {
            let Some(before) = start.checked_sub(1) else { break };
            let line = line_start(text, before);
            if before - line > LONG_LINE {
                break;
            }
            start = line;
        }
        let long = from - line_start(text, from) > LONG_LINE || line_end(text, to) - to > LONG_LINE;
        if long && lines_before > 0 {
            start = start.max(boundary(text, from.saturating_sub(AROUND)));
        }
        let mut end = line_end(text, to);
        if end - to > LONG_LINE {
            end = boundary(text, to + AROUND);
        } else {
            for _ in 0..lines_after {
                let next = end + 1;
                if next >= text.len() {
                    break;
                }
                let line = line_end(text, next);
                if line - next > LONG_LINE {
                    break;
                }
                end = line;
            }
        }
        // The piece holds the line break of its last line, as miette counts it.
        let end = if text.as_bytes().get(end) == Some(&b'\n') { end + 1 } else { end };
        let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
        let column = start - line_start(text, start);
        let contents = MietteSpanContents::new_named(
            self.name.to_string(),
            &text.as_bytes()[start..end],
            (start, end - start).into(),
            line,
            column,
            text.as_bytes()[start..end].iter().filter(|byte| **byte == b'\n').count(),
        );
        Ok(Box::new(contents))
    }
}

/// Whether a label begins or ends in a line that is shown in part only.
pub(super) fn in_long_line(text: &str, span: Span) -> bool {
    let at = boundary(text, span.start.min(text.len()));
    line_end(text, at) - line_start(text, at) > LONG_LINE
}

/// How many bytes of a label are underlined.
pub(super) fn shown_length(text: &str, start: usize, end: usize) -> usize {
    let end = end.min(text.len());
    let start = start.min(end);
    if end - start <= LONG_LABEL {
        return end - start;
    }
    // A long label in one line is cut; one over many lines keeps its first.
    let line = line_end(text, boundary(text, start)).max(start);
    boundary(text, line.min(start + AROUND)).max(start) - start
}

fn line_start(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text.as_bytes()[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| at + length)
}

/// The nearest place at or before a byte where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::human::{Style, render};
    use crate::testing::checked;

    fn pictures(text: &str) -> String {
        let checked = checked(text, &crate::Options::default());
        render(&checked.problems, &checked.sources, Style { width: 100, colour: false })
    }

    #[test]
    fn a_long_line_is_shown_around_the_fault() {
        let long = format!(
            "recipe r {{ edition = 2026 }}\nmix {{ a = \"{}é\"  weigth = 1  b = \"é{}\" }}\n",
            "x".repeat(5_000),
            "y".repeat(5_000)
        );
        let text = pictures(&long);
        assert!(text.contains("test.recipe:2:5017]"), "line and column of the fault:\n{text}");
        assert!(text.contains("weigth = 1"), "the fault:\n{text}");
        assert!(text.contains("───┬──"), "underlined:\n{text}");
        assert!(text.len() < 20_000, "{} bytes", text.len());
    }

    #[test]
    fn a_long_label_is_cut_and_others_are_listed() {
        let junk = "@".repeat(100_000);
        let text = pictures(&format!("recipe r {{ edition = 2026 }}\n{junk}\n"));
        assert!(text.len() < 20_000, "{} bytes", text.len());
        let twice = format!(
            "x {{ {} }} budget {{ steps = 1 steps {} steps = 2 steps }}",
            "a = 1 ".repeat(300),
            "b = 1 ".repeat(300)
        );
        let text = pictures(&twice);
        assert!(text.contains("test.recipe:1:"), "{text}");
    }
}
