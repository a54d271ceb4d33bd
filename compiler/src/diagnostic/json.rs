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
pub fn render(problems: &Problems, sources: &[Source]) -> String {
    problems.sorted().into_iter().map(|d| render_one(d, sources) + "\n").collect()
}

/// One problem as a JSON object without a newline.
pub fn render_one(diagnostic: &Diagnostic, sources: &[Source]) -> String {
    let source = |span: Span| sources.iter().find(|s| s.id == span.file);
    let name = |span: Span| source(span).map_or("", |s| s.name.as_str());
    let place = |span: Span, byte: usize| match source(span) {
        Some(source) => {
            let at = source.position(byte);
            Place { byte: at.byte, line: at.line, column: at.column }
        }
        None => Place { byte, line: 0, column: 0 },
    };
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
