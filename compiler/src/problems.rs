//! The sink into which every phase pushes what it finds, so that work goes on after a mistake.

use crate::diagnostic::{Diagnostic, Severity};
use recipec_grammar::source::Span;
use std::collections::BTreeMap;

/// Problems of one compilation.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    found: Vec<Diagnostic>,
    /// Positions in `found` by primary place, so that thousands of problems take linear time.
    by_place: BTreeMap<Option<Span>, Vec<usize>>,
    lost_text: bool,
    /// Remarks that are no problems, in the order in which they were made.
    notes: Vec<String>,
}

impl Problems {
    /// No problems yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one. Equal ones are kept once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let place = diagnostic.labels.first().map(|l| l.span);
        let here = self.by_place.entry(place).or_default();
        if !here.iter().any(|at| self.found.get(*at) == Some(&diagnostic)) {
            here.push(self.found.len());
            self.found.push(diagnostic);
        }
    }

    /// Adds a remark that is no problem, for example that a check needs a fact. Equal ones are kept once.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// The remarks so far; none are left.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
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
        if span.start > span.end {
            return false;
        }
        let from = Span::new(span.file, span.start, span.start);
        let to = Span::new(span.file, span.end, span.end);
        self.by_place.range(Some(from)..=Some(to)).any(|(place, here)| {
            place.is_some_and(|p| p.end <= span.end)
                && here.iter().filter_map(|at| self.found.get(*at)).any(|d| d.code.area() == area)
        })
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
        self.by_place.clear();
        for (at, diagnostic) in self.found.iter().enumerate() {
            self.by_place.entry(diagnostic.labels.first().map(|l| l.span)).or_default().push(at);
        }
    }

    /// Moves all problems of another compilation in here.
    pub fn append(&mut self, other: Problems) {
        self.lost_text |= other.lost_text;
        other.notes.into_iter().for_each(|note| self.note(note));
        for diagnostic in other.found {
            self.push(diagnostic);
        }
    }
}
