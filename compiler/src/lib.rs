//! Syntax tree of a recipe to a checked plan.
pub mod diagnostic;
pub mod formula;
pub mod problems;
pub mod range;
pub mod settings;
pub mod units;
pub mod vocabulary;
