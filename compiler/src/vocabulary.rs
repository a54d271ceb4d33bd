//! The words of the language. Checks, suggestions, the reference page and help read these tables and no others.

pub mod functions;
pub mod signals;
