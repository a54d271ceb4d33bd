//! Syntax tree of a recipe to a checked plan.
pub mod diagnostic;
pub mod problems;
pub mod settings;
pub mod units;
