//! Problems as text for people, drawn by miette.

mod excerpt;

use super::{Diagnostic, Severity};
use crate::problems::Problems;
use excerpt::{Excerpts, in_long_line, shown_length};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan};
use recipec_grammar::source::Source;
use std::fmt;

/// So many places in other files or in very long lines are listed for one problem.
const MOST_LINES: usize = 20;

/// So many are printed; the rest is counted.
pub const SHOWN: usize = 20;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Characters per line.
    pub width: usize,
    /// Colours and links, for a terminal.
    pub colour: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 120, colour: false }
    }
}

/// The first twenty problems as pictures, how many more there are, and a line with the counts. Empty when there is none.
pub fn render(problems: &Problems, sources: &[Source], style: Style) -> String {
    let sorted = problems.sorted();
    let mut out = String::new();
    for diagnostic in sorted.iter().take(SHOWN) {
        out.push_str(&render_one(diagnostic, sources, style));
        out.push('\n');
    }
    if let Some(more) = (sorted.len() + problems.not_kept()).checked_sub(SHOWN).filter(|more| *more > 0) {
        out.push_str(&format!("and {more} more\n\n"));
    }
    if let Some(line) = counts(problems) {
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// `2 errors, 1 warning`; none when there is neither.
pub fn counts(problems: &Problems) -> Option<String> {
    let part = |n: usize, word: &str| match n {
        0 => None,
        1 => Some(format!("1 {word}")),
        n => Some(format!("{n} {word}s")),
    };
    let parts: Vec<String> =
        [part(problems.errors(), "error"), part(problems.warnings(), "warning")].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// One problem as a picture.
pub fn render_one(diagnostic: &Diagnostic, sources: &[Source], style: Style) -> String {
    let theme = if style.colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(style.width.max(40))
        .with_links(style.colour)
        .with_context_lines(1);
    let mut out = String::new();
    match handler.render_report(&mut out, &Picture::new(diagnostic, sources)) {
        Ok(()) => with_notes(out),
        // A picture that cannot be drawn must not take the message with it.
        Err(_) => format!("{}: {}\n", diagnostic.code, diagnostic.message),
    }
}

/// A note or a fix is a line of the help for miette; a reader sees a line of its own.
fn with_notes(picture: String) -> String {
    picture
        .replace("  help: note: ", "  note: ")
        .replace("  help: \u{1b}[0mnote: ", "  note: \u{1b}[0m")
        .replace("\n        note: ", "\n  note: ")
        .replace("  help: fix: ", "  fix: ")
        .replace("  help: \u{1b}[0mfix: ", "  fix: \u{1b}[0m")
        .replace("\n        fix: ", "\n  fix: ")
}

/// A diagnostic as miette wants it: labels in the file of the primary one, places in other files as lines of the help.
struct Picture<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<Excerpts<'a>>,
    labels: Vec<LabeledSpan>,
    help: Option<String>,
}

impl<'a> Picture<'a> {
    fn new(diagnostic: &'a Diagnostic, sources: &'a [Source]) -> Self {
        let find = |id| sources.iter().find(|s: &&Source| s.id == id);
        let primary = diagnostic.labels.first().map(|l| l.span.file);
        let source = primary.and_then(find);
        let mut labels = Vec::new();
        let mut lines: Vec<String> = diagnostic.help.iter().cloned().collect();
        for (idx, label) in diagnostic.labels.iter().enumerate() {
            let far = source.is_some_and(|s| idx > 0 && in_long_line(&s.text, label.span));
            if Some(label.span.file) != primary || far {
                if lines.len() > MOST_LINES {
                    continue;
                }
                if let Some(other) = find(label.span.file) {
                    let at = other.position(label.span.start);
                    lines.push(format!("{}:{}:{}: {}", other.name, at.line, at.column, label.text));
                }
                continue;
            }
            let text_len = source.map_or(0, |s| s.text.len());
            let start = label.span.start.min(text_len);
            let len = source.map_or(0, |s| shown_length(&s.text, start, label.span.end));
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            labels.push(match idx {
                0 => LabeledSpan::new_primary_with_span(text, (start, len)),
                _ => LabeledSpan::new_with_span(text, (start, len)),
            });
        }
        lines.extend(diagnostic.fix.as_ref().filter(|fix| fix.certain).map(|fix| {
            let was = find(fix.span.file).and_then(|s| s.text.get(fix.span.start..fix.span.end)).unwrap_or_default();
            let (was, is) = (was.trim(), fix.replace_with.trim());
            let edit = if was.is_empty() { format!("write `{is}` here") } else { format!("`{is}` for `{was}`") };
            format!("fix: {edit}; `recipec check --fix` makes this edit")
        }));
        lines.extend(diagnostic.note.iter().map(|note| format!("note: {note}")));
        Self {
            diagnostic,
            source: source.map(|s| Excerpts { name: &s.name, text: &s.text }),
            labels,
            help: (!lines.is_empty()).then(|| lines.join("\n")),
        }
    }
}

impl miette::Diagnostic for Picture<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code))
    }
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source.as_ref().map(|s| s as &dyn miette::SourceCode)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty())
            .then(|| Box::new(self.labels.iter().cloned()) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}
impl fmt::Debug for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}
impl std::error::Error for Picture<'_> {}
