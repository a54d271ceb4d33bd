//! Regular expressions as the reference reads them, on characters.
//!
//! Keywords of the data are patterns there. They match as a backtracking engine does: alternatives in order, greedy,
//! lazy and possessive repeats, groups, back references, look-around, the flags `i`, `m`, `s`. The engine keeps its
//! stack on the heap and counts its steps, so no pattern and no text can make it run long or deep.

mod parse;
mod program;

use program::Program;

/// Most steps of one question to a text: far more than any real pattern takes, and some tens of milliseconds.
const MOST_STEPS: u64 = 4_000_000;

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

/// A text, as patterns read it.
#[derive(Debug, Clone)]
pub struct Subject(Vec<char>);

impl Subject {
    /// Takes a text.
    pub fn new(text: &str) -> Self {
        Self(text.chars().collect())
    }

    /// A part of it.
    pub fn part(&self, (start, end): (usize, usize)) -> String {
        self.0.get(start..end).unwrap_or_default().iter().collect()
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
        Ok(self.find(text, 0, false, &mut { MOST_STEPS })?.is_some())
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
        let (mut steps, mut found, mut from, mut must_advance) = (MOST_STEPS, Vec::new(), 0, false);
        while let Some((start, end, groups)) = self.find(text, from, must_advance, &mut steps)? {
            found.push(groups);
            // After an empty match, the next one may start at the same place but may not be empty.
            must_advance = start == end;
            from = end;
        }
        Ok(found)
    }

    /// The first match with its groups.
    pub fn first(&self, text: &Subject) -> Result<Option<Groups>, OutOfSteps> {
        Ok(self.find(text, 0, false, &mut { MOST_STEPS })?.map(|(_, _, groups)| groups))
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
