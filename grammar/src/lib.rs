//! Text of a recipe to a syntax tree: the first phase of the compiler.
//!
//! [`parse`] takes a [`Source`] and always gives a [`Parsed`]: a tree, the syntax errors in the order of their places, and
//! whether a piece of text was lost. Parts that could not be read are absent or [`tree::ExprKind::Hole`].
//!
//! In reading order: [`source`] (texts and places), [`tree`] (what comes out), `scan.rs` (comments, marks before items,
//! the depth limit), `recipe.pest` (the grammar, recovery included), `pairs.rs` (what pest found, as a tree; no other file
//! names a grammar rule), `precedence.rs` (the shape of expressions), `syntax_error.rs` (words for people), [`mod@format`] (one
//! layout for every text).
//!
//! *Invariants.* No text makes `parse` fail, panic or overflow the stack; the time is linear in the length of the text;
//! every span lies inside the text, at character boundaries; no expression is higher than [`MAX_DEPTH`] and no bracket
//! deeper; nothing here knows which blocks, keys, signals or functions exist; nothing is read but the text handed in.

pub mod format;
mod pairs;
mod precedence;
mod scan;
pub mod source;
mod syntax_error;
pub mod tree;

pub use scan::{MAX_DEPTH, MAX_ITEM_TOKENS, MAX_TOKENS};
pub use source::{FileId, Source, Span, Spanned};
pub use tree::{Parsed, SyntaxError, SyntaxErrorKind};

/// Reads a recipe. What is wrong with the text is in [`Parsed::errors`]; the tree holds all that could be read.
///
/// ```
/// use recipec_grammar::{FileId, Source, parse};
/// let source = Source::new(FileId(0), "small.recipe", "budget { output = 16Ki tokens }");
/// let parsed = parse(&source);
/// assert!(parsed.errors.is_empty());
/// assert_eq!(parsed.file.items.len(), 1);
/// ```
pub fn parse(source: &Source) -> Parsed {
    pairs::read(source)
}
