//! The sink into which every phase pushes what it finds, so that work goes on after a mistake.

use crate::diagnostic::{Diagnostic, Severity};
use recipec_grammar::source::Span;

/// Problems of one compilation.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    found: Vec<Diagnostic>,
    lost_text: bool,
}

impl Problems {
    /// No problems yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one. Equal ones are kept once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }

    /// Records that a piece of text was skipped: checks over the whole recipe are silent from here on,
    /// because what they miss may stand in that text.
    pub fn lose_text(&mut self) {
        self.lost_text = true;
    }

    /// Whether text was skipped.
    pub fn lost_text(&self) -> bool {
        self.lost_text
    }

    /// Whether any of them is an error.
    pub fn any_error(&self) -> bool {
        self.found.iter().any(|d| d.severity == Severity::Error)
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.found.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.found.len() - self.errors()
    }

    /// Whether something of an area (`syntax`, `names`, …) was reported inside a piece of text: its value is then not to be trusted.
    pub fn reported_within(&self, span: Span, area: &str) -> bool {
        let inside = |at: Span| at.file == span.file && span.start <= at.start && at.end <= span.end;
        self.found.iter().any(|d| d.code.area() == area && d.labels.first().is_some_and(|l| inside(l.span)))
    }

    /// All of them, sorted by file, place and code.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<&Diagnostic> = self.found.iter().collect();
        all.sort_by_key(|d| (d.labels.first().map(|l| l.span), d.code.name()));
        all
    }

    /// Takes out what a recipe allows: `keep` says which stay.
    pub fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.found.retain(keep);
    }

    /// Moves all problems of another compilation in here.
    pub fn append(&mut self, other: Problems) {
        self.lost_text |= other.lost_text;
        for diagnostic in other.found {
            self.push(diagnostic);
        }
    }
}
