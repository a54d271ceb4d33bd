//! The words of the language. Resolver, suggestions, defaults and the reference page all read these tables, so they cannot disagree.

pub mod functions;
pub mod generators;
pub mod keys;
pub mod kinds;
pub mod signals;
