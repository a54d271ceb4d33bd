//! The sink into which every phase pushes what it finds, so that work goes on after a mistake.

use crate::diagnostic::{Diagnostic, Severity};
use recipec_grammar::source::Span;
use std::collections::BTreeMap;

/// Whether a compilation may look at more formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// It may.
    GoOn,
    /// It has just reached [`MOST_WORK`], which is to be reported.
    LastStraw,
    /// It may not, and that has been reported.
    Over,
}

/// Problems of one compilation.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    found: Vec<Diagnostic>,
    /// Positions in `found` by primary place, so that thousands of problems take linear time.
    by_place: BTreeMap<Option<Span>, Vec<usize>>,
    lost_text: bool,
    /// Remarks that are no problems, in the order in which they were made.
    notes: Vec<String>,
    /// Errors and warnings beyond [`MOST_KEPT`], which were counted and not kept.
    uncounted: (usize, usize),
    /// Parts of formulas that were looked at.
    work: usize,
}

/// So many problems are kept with their texts; more are only counted, so that a hostile recipe cannot fill the memory.
pub const MOST_KEPT: usize = 10_000;

/// So many parts of formulas are looked at in one compilation, named formulas in their places.
pub const MOST_WORK: usize = 2_000_000;

impl Problems {
    /// No problems yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one. Equal ones are kept once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.found.len() >= MOST_KEPT {
            match diagnostic.severity {
                Severity::Error => self.uncounted.0 += 1,
                Severity::Warning => self.uncounted.1 += 1,
            }
            return;
        }
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
        self.uncounted.0 > 0 || self.found.iter().any(|d| d.severity == Severity::Error)
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.kept(Severity::Error) + self.uncounted.0
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.kept(Severity::Warning) + self.uncounted.1
    }

    fn kept(&self, severity: Severity) -> usize {
        self.found.iter().filter(|d| d.severity == severity).count()
    }

    /// How many were counted and not kept.
    pub fn not_kept(&self) -> usize {
        self.uncounted.0 + self.uncounted.1
    }

    /// Notes that one more part of a formula is looked at. False when a compilation has looked at enough: what is behind it is a hole,
    /// and the caller says so once.
    pub fn work(&mut self) -> Work {
        self.work += 1;
        match self.work.cmp(&MOST_WORK) {
            std::cmp::Ordering::Less => Work::GoOn,
            std::cmp::Ordering::Equal => Work::LastStraw,
            std::cmp::Ordering::Greater => Work::Over,
        }
    }

    /// Takes over the work that another view of the same recipe has taken.
    pub fn work_of(&mut self, other: &Problems) {
        self.work = self.work.max(other.work);
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
        self.uncounted.0 += other.uncounted.0;
        self.uncounted.1 += other.uncounted.1;
        for diagnostic in other.found {
            self.push(diagnostic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{codes, human, json};

    #[test]
    fn what_is_not_kept_is_counted() {
        let mut problems = Problems::new();
        for at in 0..MOST_KEPT + 7 {
            problems.push(Diagnostic::new(codes::UNKNOWN_KEY, format!("fault {at}")));
        }
        problems.push(Diagnostic::new(codes::UNUSED_BINDING, "a remark"));
        assert_eq!((problems.errors(), problems.warnings(), problems.not_kept()), (MOST_KEPT + 7, 1, 8));
        assert_eq!(problems.sorted().len(), MOST_KEPT);
        assert!(problems.any_error());
        let text = human::render(&problems, &[], human::Style::default());
        assert!(
            text.contains("and 9988 more\n") && text.contains("10007 errors, 1 warning"),
            "{}",
            &text[text.len() - 200..]
        );
        let lines = json::render(&problems, &[]);
        assert!(lines.ends_with("{\"schema\":1,\"left_out\":8}\n"));
    }

    #[test]
    fn work_is_bounded_once() {
        let mut problems = Problems::new();
        let straws = (0..MOST_WORK + 10).filter(|_| problems.work() == Work::LastStraw).count();
        assert_eq!((straws, problems.work()), (1, Work::Over));
    }
}
