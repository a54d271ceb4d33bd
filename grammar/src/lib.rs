//! Text of a recipe to a syntax tree.
pub mod source;
pub mod tree;
