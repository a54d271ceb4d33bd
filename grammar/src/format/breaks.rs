//! Where lines break.

use super::notes::{Notes, Start};
use super::tokens::{Kind, Stream};

/// For each token whether a line begins with it.
pub(super) struct Breaks {
    before: Vec<bool>,
    /// How many lines begin up to and with each token, as it was when the alignment was last made.
    counts: Vec<u32>,
    /// A block was broken since then.
    grown: bool,
}

impl Breaks {
    /// Breaks where the author has them, apart from places that the layout decides.
    pub fn new(stream: &Stream<'_>, notes: &Notes) -> Self {
        let mut breaks = Self { before: vec![false; stream.len()], counts: Vec::new(), grown: false };
        for at in 0..stream.len() {
            breaks.before[at] = by_author(stream, at);
        }
        breaks.count();
        let written = std::mem::take(&mut breaks.counts);
        for at in 0..stream.len() {
            let note = notes.at(at);
            // An empty pair of brackets stays together, and so does a closing bracket whose partner ends no line.
            let closes = stream.partner(at).filter(|open| *open < at && stream.text(at) != "}");
            let kept = closes.is_some_and(|open| !breaks.before.get(open + 1).copied().unwrap_or(true));
            let empty = closes.is_some_and(|open| open + 1 == at);
            let comments = stream.has_comments(at);
            let behind_doc = at > 0 && stream.kind(at - 1) == Some(Kind::Doc);
            let must = comments || behind_doc || note.start == Start::Item;
            breaks.before[at] = must || (breaks.before[at] && !note.join && !kept && !empty);
            if let Some(open) = closes.filter(|open| *open + 1 < at)
                && breaks.before.get(open + 1) == Some(&true)
            {
                breaks.before[at] = true;
            }
        }
        for (open, group) in &notes.within {
            let Some(close) = stream.partner(*open) else { continue };
            let members = notes.groups.get(*group).map_or(&[][..], |group| &group.members);
            if members.is_empty() && !stream.has_comments(close) {
                breaks.before[close] = false;
            } else if written.get(close) != written.get(*open) {
                breaks.open(*open, close, members.iter().map(|member| member.start));
            }
        }
        breaks.count();
        breaks
    }

    /// Whether a line begins with a token.
    pub fn at(&self, at: usize) -> bool {
        self.before.get(at).copied().unwrap_or(true)
    }

    /// Whether two tokens stand on one line.
    pub fn one_line(&self, from: usize, to: usize) -> bool {
        self.counts.get(from) == self.counts.get(to)
    }

    /// Breaks a block that is too long for its line: each of its entries begins one.
    pub fn open(&mut self, open: usize, close: usize, members: impl Iterator<Item = usize>) {
        for at in members.chain([open + 1, close]) {
            if let Some(before) = self.before.get_mut(at) {
                self.grown |= !*before;
                *before = true;
            }
        }
    }

    /// Whether a block was broken since this was last asked.
    pub fn grown(&mut self) -> bool {
        let grown = std::mem::take(&mut self.grown);
        if grown {
            self.count();
        }
        grown
    }

    fn count(&mut self) {
        self.grown = false;
        let mut lines = 0;
        self.counts.clear();
        self.counts.extend(self.before.iter().map(|before| {
            lines += u32::from(*before);
            lines
        }));
    }
}

/// Whether the author began a line with a token.
fn by_author(stream: &Stream<'_>, at: usize) -> bool {
    at == 0 || stream.newlines(at) > 0 || stream.has_comments(at)
}
