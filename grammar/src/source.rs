//! Texts, and places in them.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// Which text a [`Span`] belongs to: the position of the source in the list that was handed to the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileId(pub u32);

/// A text with a name. The name is what a diagnostic prints; nothing is read from it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Position of this source in the list of sources of one compilation.
    pub id: FileId,
    /// What diagnostics call it, for example `recipes/quickstart.recipe`.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
    /// Where lines begin; found when first asked for.
    lines: Arc<OnceLock<Vec<usize>>>,
}

impl Source {
    /// A source from a name and a text.
    pub fn new(id: FileId, name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self { id, name: name.into(), text: text.into(), lines: Arc::default() }
    }

    /// Line and column (both from 1; the column counts characters) of a byte offset.
    /// An offset beyond the end means the end; one inside a character means its start.
    pub fn position(&self, byte: usize) -> Position {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let breaks = || self.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        let lines = self.lines.get_or_init(|| std::iter::once(0).chain(breaks()).collect());
        let line = lines.partition_point(|start| *start <= byte);
        let line_start = line.checked_sub(1).and_then(|before| lines.get(before)).copied().unwrap_or(0);
        Position { byte, line, column: self.text[line_start..byte].chars().count() + 1 }
    }
}

/// A place as people count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Offset in bytes from the start of the text.
    pub byte: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A piece of a source, as byte offsets `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Which text.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The span `start..end` of a file.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Self { file, start, end }
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// Something with its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    /// The thing.
    pub node: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A thing at a place.
    pub fn new(node: T, span: Span) -> Self {
        Self { node, span }
    }
}

impl<T: fmt::Display> fmt::Display for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}
