//! The registry of diagnostic codes: one row each, and the only place where a [`Code`] can be made.
//!
//! A row holds the text of its book section too, so that `recipec explain CODE` and the book cannot disagree.
//! A code is never reused; a retired one stays here.

mod composition;
mod formulas;
mod meaning;
mod names;
mod running;
mod settings;

use super::Severity;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

pub use composition::*;
pub use formulas::*;
pub use meaning::*;
pub use names::*;
pub use running::*;
pub use settings::*;

/// A row of the registry.
#[derive(Debug)]
pub struct Row {
    /// `recipe::ratios::sum_not_one`
    pub name: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// One line.
    pub summary: &'static str,
    /// What the diagnostic means.
    pub what: &'static str,
    /// Why the rule exists.
    pub why: &'static str,
    /// A piece of a recipe that has the fault.
    pub bad: &'static str,
    /// The same piece without it.
    pub good: &'static str,
}

/// A diagnostic code: a reference to its row.
#[derive(Clone, Copy)]
pub struct Code(&'static Row);

impl Code {
    /// `recipe::ratios::sum_not_one`
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The middle part: `ratios`.
    pub fn area(self) -> &'static str {
        self.name().split("::").nth(1).unwrap_or_default()
    }

    /// Error or warning.
    pub fn severity(self) -> Severity {
        self.0.severity
    }

    /// One line.
    pub fn summary(self) -> &'static str {
        self.0.summary
    }

    /// The whole row, with the book text.
    pub fn row(self) -> &'static Row {
        self.0
    }

    /// The code with a name, if the registry has it.
    pub fn named(name: &str) -> Option<Code> {
        all().find(|code| code.name() == name)
    }
}

/// Every code, area by area.
pub fn all() -> impl Iterator<Item = Code> {
    [names::ALL, formulas::ALL, meaning::ALL, composition::ALL, running::ALL, settings::ALL]
        .into_iter()
        .flatten()
        .copied()
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}
impl Eq for Code {}
impl PartialOrd for Code {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Code {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}
impl Hash for Code {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Declares one constant per row, and `ALL` with every row of the file.
macro_rules! registry {
    ($($constant:ident = $name:literal, $severity:ident, $summary:literal, what: $what:literal, why: $why:literal, bad: $bad:literal, good: $good:literal;)*) => {
        $(
            #[doc = $summary]
            pub const $constant: Code = Code(&Row {
                name: $name,
                severity: Severity::$severity,
                summary: $summary,
                what: $what,
                why: $why,
                bad: $bad,
                good: $good,
            });
        )*
        /// The codes of this file.
        pub(super) const ALL: &[Code] = &[$($constant),*];
    };
}
use registry;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_well_formed() {
        let mut seen = BTreeSet::new();
        for code in all() {
            assert!(seen.insert(code.name()), "{code} is there twice");
            let parts: Vec<&str> = code.name().split("::").collect();
            assert_eq!(parts.len(), 3, "{code}");
            assert_eq!(parts.first(), Some(&"recipe"), "{code}");
            assert!(code.name().chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == ':'), "{code}");
            assert_eq!(Code::named(code.name()), Some(code));
        }
        assert!(seen.len() > 50);
    }

    #[test]
    fn every_row_has_its_book_text() {
        for code in all() {
            let row = code.row();
            for (part, text) in
                [("summary", row.summary), ("what", row.what), ("why", row.why), ("bad", row.bad), ("good", row.good)]
            {
                assert!(!text.trim().is_empty(), "{code} has no {part}");
            }
            assert_ne!(row.bad, row.good, "{code}");
            assert!(!row.summary.ends_with('.'), "{code}: a summary is a headline");
        }
    }
}
