//! One layout for every recipe: [`format()`] lays a text out anew and changes nothing but blanks.
//!
//! It works over the tokens of the text, each with the comments and line breaks before it (`tokens.rs`). The syntax tree says what a
//! token is for: the start of a setting, the `=` of one, a sign before a value (`notes.rs`). From that follow the places where
//! lines break (`breaks.rs`), the columns of `=`, of neighbouring blocks and of comments (`align.rs`), and the text (`lines.rs`).
//!
//! *Invariants.* The tokens and the comments stay, in their order; the tree of the new text is that of the old one, apart from places;
//! a text that was laid out is left as it is; a text with syntax errors is refused. The first two are looked at before a
//! text is handed back, so that a defect of the formatter cannot change a recipe.
//!
//! The layout:
//! - two blanks of indentation, one setting a line, at most one empty line, a line break at the end;
//! - a block that was written on one line stays there while it fits into [`WIDTH`]; its settings stand two blanks apart;
//! - `=` is aligned over neighbouring settings, params and bindings, and so are neighbouring one-line blocks with the same keyword;
//! - within an expression lines break where the author broke them: `where` is indented by two, bindings stand below each
//!   other, `then` and `else` below their `if`;
//! - comments behind a line are aligned with those of the neighbouring lines.

mod align;
mod breaks;
mod lines;
mod notes;
mod tokens;

use crate::source::Source;
use crate::tree::{File, SyntaxError};
use std::hash::{DefaultHasher, Hasher};

/// A block on one line has at most so many characters; comments do not count.
pub const WIDTH: usize = 120;

/// Why a text was not laid out.
#[derive(Debug, Clone, PartialEq)]
pub enum Refused {
    /// The text has syntax errors; they are all here.
    Syntax(Vec<SyntaxError>),
    /// The new layout would have read differently: a defect of the formatter, which was noticed in time.
    Changed,
}

/// The text of a recipe in the one layout.
///
/// ```
/// use recipec_grammar::{FileId, Source, format::format};
/// let source = Source::new(FileId(0), "small.recipe", "budget{output=16Ki   tokens\n  steps = 4 steps }");
/// assert_eq!(format(&source).unwrap(), "budget {\n  output = 16Ki tokens\n  steps  = 4 steps\n}\n");
/// ```
pub fn format(source: &Source) -> Result<String, Refused> {
    let parsed = crate::parse(source);
    if !parsed.errors.is_empty() || parsed.lost_text {
        return Err(Refused::Syntax(parsed.errors));
    }
    let text = lay_out(source, &parsed.file);
    if text == *source.text {
        return Ok(text);
    }
    // Two trees of a large recipe are much memory, so one is gone before the other is made.
    let meaning = digest(parsed.file);
    let again = Source::new(source.id, source.name.as_str(), text.as_str());
    let kept = tokens::same(&source.text, &text) && {
        let read = crate::parse(&again);
        read.errors.is_empty() && !read.lost_text && digest(read.file) == meaning
    };
    if kept { Ok(text) } else { Err(Refused::Changed) }
}

/// A number that two trees share when they differ only in their places.
fn digest(file: File) -> u64 {
    use std::fmt::Write;
    struct Digest(DefaultHasher);
    impl Write for Digest {
        fn write_str(&mut self, piece: &str) -> std::fmt::Result {
            self.0.write(piece.as_bytes());
            Ok(())
        }
    }
    let mut digest = Digest(DefaultHasher::new());
    // Writing into a digest cannot fail.
    let _ = write!(digest, "{:?}", file.without_places());
    digest.0.finish()
}

/// The new text, not yet compared with the old one.
fn lay_out(source: &Source, file: &File) -> String {
    let stream = tokens::read(&source.text);
    let notes = notes::read(&stream, file);
    let widths = align::Widths::new(&stream, &notes);
    let mut breaks = breaks::Breaks::new(&stream, &notes);
    // A block that turns out to be too long is broken, and then its neighbours are aligned without it. Each turn breaks at
    // least one more, and a block is broken with all that is too long inside it, so there are two or three.
    loop {
        let pads = align::pads(&stream, &notes, &breaks, &widths);
        let mut lines = lines::render(&stream, &notes, &mut breaks, &widths, &pads);
        if !breaks.grown() {
            align::comments(&mut lines);
            return lines::text(&lines);
        }
    }
}
