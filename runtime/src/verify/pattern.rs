//! Regular expressions as the reference reads them, on characters.
//!
//! Keywords of the data are patterns there. They match as a backtracking engine does: alternatives in order, greedy,
//! lazy and possessive repeats, groups, back references, look-around, the flags `i`, `m`, `s`. The engine keeps its
//! stack on the heap and counts its steps, so no pattern and no text can make it run long or deep.

mod parse;
mod program;

use program::Program;
use std::cell::Cell;
use std::rc::Rc;

/// Most steps of one question to a text: far more than any real pattern takes, and some tens of milliseconds.
const MOST_STEPS: u64 = 4_000_000;

/// Most steps of all questions that share them: many patterns, each below its limit, do not add up to a hang.
const MOST_SHARED: u64 = 32_000_000;

/// Steps that the questions of one judgement share: a fraction of a second.
#[derive(Debug, Clone)]
pub struct Steps(Rc<Cell<u64>>);

impl Default for Steps {
    fn default() -> Self {
        Self(Rc::new(Cell::new(MOST_SHARED)))
    }
}

impl Steps {
    /// What one question may take.
    fn for_one(&self) -> u64 {
        self.0.get().min(MOST_STEPS)
    }

    /// Counts what a question took of them.
    fn took(&self, steps: u64) {
        self.0.set(self.0.get().saturating_sub(steps));
    }

    /// Counts work that is not a question, where so much is left.
    pub fn spend(&self, steps: u64) -> Result<(), OutOfSteps> {
        self.0.set(self.0.get().checked_sub(steps).ok_or(OutOfSteps)?);
        Ok(())
    }
}

/// Ranges of characters that the groups of a pattern matched.
pub type Groups = Vec<Option<(usize, usize)>>;

/// The steps were used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfSteps;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    program: Program,
}

/// A text, as patterns read it, with the steps that questions to it may take.
#[derive(Debug, Clone)]
pub struct Subject(Vec<char>, Steps);

impl Subject {
    /// Takes a text, with steps of its own.
    pub fn new(text: &str) -> Self {
        Self::sharing(text, &Steps::default())
    }

    /// Takes a text whose questions share steps with those to other texts.
    pub fn sharing(text: &str, steps: &Steps) -> Self {
        Self(text.chars().collect(), steps.clone())
    }

    /// A part of it.
    pub fn part(&self, (start, end): (usize, usize)) -> String {
        self.0.get(start..end).unwrap_or_default().iter().collect()
    }

    /// One question: its own limit, within what is left of the shared one.
    fn asked<T>(&self, question: impl FnOnce(&mut u64) -> Result<T, OutOfSteps>) -> Result<T, OutOfSteps> {
        let granted = self.1.for_one();
        let mut left = granted;
        let answer = question(&mut left);
        self.1.took(granted - left);
        answer
    }
}

impl Pattern {
    /// Reads a pattern; none where it is not one.
    pub fn new(text: &str) -> Option<Self> {
        Self::with(text, parse::Flags::default())
    }

    /// Reads a pattern that ignores case.
    pub fn ignoring_case(text: &str) -> Option<Self> {
        Self::with(text, parse::Flags { ignore_case: true, ..parse::Flags::default() })
    }

    /// Reads a pattern whose `^` and `$` match at every line.
    pub fn of_lines(text: &str) -> Option<Self> {
        Self::with(text, parse::Flags { lines: true, ..parse::Flags::default() })
    }

    fn with(text: &str, flags: parse::Flags) -> Option<Self> {
        let parsed = parse::parse(text, flags)?;
        Some(Self { program: Program::new(&parsed)? })
    }

    /// True where the pattern matches somewhere.
    pub fn is_in(&self, text: &Subject) -> Result<bool, OutOfSteps> {
        text.asked(|steps| Ok(self.find(text, 0, false, steps)?.is_some()))
    }

    /// Number of matches without overlap, empty ones included.
    pub fn count(&self, text: &Subject) -> Result<usize, OutOfSteps> {
        Ok(self.matches(text)?.len())
    }

    /// The matches without overlap, as ranges of characters.
    pub fn matches(&self, text: &Subject) -> Result<Vec<(usize, usize)>, OutOfSteps> {
        Ok(self.all(text)?.iter().filter_map(|groups| groups.first().copied().flatten()).collect())
    }

    /// The matches without overlap, with their groups; the whole match is group 0.
    pub fn all(&self, text: &Subject) -> Result<Vec<Groups>, OutOfSteps> {
        text.asked(|steps| {
            let (mut found, mut from, mut must_advance) = (Vec::new(), 0, false);
            while let Some((start, end, groups)) = self.find(text, from, must_advance, steps)? {
                found.push(groups);
                // After an empty match, the next one may start at the same place but may not be empty.
                must_advance = start == end;
                from = end;
            }
            Ok(found)
        })
    }

    /// The first match with its groups.
    pub fn first(&self, text: &Subject) -> Result<Option<Groups>, OutOfSteps> {
        text.asked(|steps| Ok(self.find(text, 0, false, steps)?.map(|(_, _, groups)| groups)))
    }

    fn find(
        &self,
        text: &Subject,
        from: usize,
        must_advance: bool,
        steps: &mut u64,
    ) -> Result<Option<(usize, usize, Groups)>, OutOfSteps> {
        for start in from..=text.0.len() {
            if let Some(first) = self.program.first()
                && !text.0.get(start).is_some_and(|c| first.matches(*c))
            {
                continue;
            }
            let least = if must_advance { from + 1 } else { from };
            if let Some((end, groups)) = self.program.run(&text.0, start, least, steps)? {
                return Ok(Some((start, end, groups)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
