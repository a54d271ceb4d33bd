//! Problems as lines for programs: one JSON object per line, with a schema number of our own.

use super::{Diagnostic, Severity};
use crate::problems::Problems;
use recipec_grammar::source::{Source, Span};
use serde::Serialize;

/// Raised when the meaning of a field changes or a field goes.
pub const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    labels: Vec<Label<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix<'a>>,
}

#[derive(Serialize)]
struct Label<'a> {
    primary: bool,
    file: &'a str,
    start: Place,
    end: Place,
    text: &'a str,
}

#[derive(Serialize)]
struct Place {
    byte: usize,
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct Fix<'a> {
    file: &'a str,
    start: usize,
    end: usize,
    replace_with: &'a str,
    certain: bool,
}

/// All problems, sorted, one JSON object per line.
///
/// When there are more than are kept, the last line says how many: an object with `schema` and `left_out` alone.
pub fn render(problems: &Problems, sources: &[Source]) -> String {
    let places = Places::new(sources);
    let mut text: String = problems.sorted().into_iter().map(|d| one(d, &places) + "\n").collect();
    if problems.not_kept() > 0 {
        text.push_str(&format!("{{\"schema\":{SCHEMA},\"left_out\":{}}}\n", problems.not_kept()));
    }
    text
}

/// One problem as a JSON object without a newline.
pub fn render_one(diagnostic: &Diagnostic, sources: &[Source]) -> String {
    one(diagnostic, &Places::new(sources))
}

/// Lines and columns of many places, each found without reading the text from its start.
struct Places<'s> {
    sources: Vec<(&'s Source, Vec<(usize, usize)>)>,
}

/// A line and a column are remembered every so many bytes.
const STRIDE: usize = 4096;

impl<'s> Places<'s> {
    fn new(sources: &'s [Source]) -> Self {
        let marks = |source: &'s Source| {
            let (mut line, mut column, mut marks) = (1, 1, Vec::new());
            for (at, byte) in source.text.bytes().enumerate() {
                if at % STRIDE == 0 {
                    marks.push((line, column));
                }
                if byte == b'\n' {
                    line += 1;
                    column = 1;
                } else if byte & 0xc0 != 0x80 {
                    column += 1;
                }
            }
            (source, marks)
        };
        Self { sources: sources.iter().map(marks).collect() }
    }

    fn name(&self, span: Span) -> &'s str {
        self.sources.iter().find(|(s, _)| s.id == span.file).map_or("", |(s, _)| s.name.as_str())
    }

    /// As [`Source::position`].
    fn place(&self, span: Span, byte: usize) -> Place {
        let Some((source, marks)) = self.sources.iter().find(|(s, _)| s.id == span.file) else {
            return Place { byte, line: 0, column: 0 };
        };
        let mut byte = byte.min(source.text.len());
        while !source.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let mark = byte / STRIDE;
        let (mut line, mut column) = marks.get(mark).or(marks.last()).copied().unwrap_or((1, 1));
        let from = mark.min(marks.len().saturating_sub(1)) * STRIDE;
        for byte in source.text.as_bytes().get(from..byte).unwrap_or_default() {
            if *byte == b'\n' {
                line += 1;
                column = 1;
            } else if byte & 0xc0 != 0x80 {
                column += 1;
            }
        }
        Place { byte, line, column }
    }
}

fn one(diagnostic: &Diagnostic, places: &Places<'_>) -> String {
    let name = |span: Span| places.name(span);
    let place = |span: Span, byte: usize| places.place(span, byte);
    let line = Line {
        schema: SCHEMA,
        code: diagnostic.code.name(),
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: &diagnostic.message,
        labels: diagnostic
            .labels
            .iter()
            .enumerate()
            .map(|(idx, label)| Label {
                primary: idx == 0,
                file: name(label.span),
                start: place(label.span, label.span.start),
                end: place(label.span, label.span.end),
                text: &label.text,
            })
            .collect(),
        help: diagnostic.help.as_deref(),
        note: diagnostic.note.as_deref(),
        fix: diagnostic.fix.as_ref().map(|fix| Fix {
            file: name(fix.span),
            start: fix.span.start,
            end: fix.span.end,
            replace_with: &fix.replace_with,
            certain: fix.certain,
        }),
    };
    // Plain structs of text and numbers always serialise.
    serde_json::to_string(&line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipec_grammar::source::FileId;

    #[test]
    fn places_are_those_of_the_source() {
        let text = "é\nab\r\n".repeat(3_000) + "end without a line break é";
        let sources = [Source::new(FileId(0), "a.recipe", text.as_str())];
        let places = Places::new(&sources);
        for byte in (0..text.len() + 3).step_by(7) {
            let (place, expected) = (places.place(Span::default(), byte), sources[0].position(byte));
            assert_eq!((place.byte, place.line, place.column), (expected.byte, expected.line, expected.column));
        }
    }
}
