//! A problem as data. Words for people are in [`human`], lines for programs in [`json`].

pub mod codes;
pub mod fixes;
pub mod human;
pub mod json;
pub mod suggest;

use recipec_grammar::source::Span;

pub use codes::Code;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The recipe is wrong; there is no plan.
    Error,
    /// The recipe runs, and probably not as its author thinks.
    Warning,
}

/// One problem, with every place that is involved.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// Its row in the registry.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// The headline: what is wrong, with the values; lower case, no full stop.
    pub message: String,
    /// Places; the first is the primary one.
    pub labels: Vec<Label>,
    /// One thing to do, best if it can be pasted.
    pub help: Option<String>,
    /// Why the rule exists, if it surprises.
    pub note: Option<String>,
    /// An edit that mends it.
    pub fix: Option<Fix>,
}

/// A place with a remark.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there.
    pub text: String,
}

/// An edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// What is replaced.
    pub span: Span,
    /// By what.
    pub replace_with: String,
    /// Only certain fixes are applied without asking.
    pub certain: bool,
}

impl Diagnostic {
    /// A problem with the severity that its code has in the registry.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity(),
            code,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            note: None,
            fix: None,
        }
    }

    /// Adds a place; the first one added is the primary one.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says why the rule exists.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Adds an edit.
    pub fn fix(mut self, span: Span, replace_with: impl Into<String>, certain: bool) -> Self {
        self.fix = Some(Fix { span, replace_with: replace_with.into(), certain });
        self
    }
}
