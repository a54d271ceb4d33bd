//! CONTRACT: the registry of diagnostic codes.
use super::Severity;
/// A row of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);
impl Code {
    /// `recipe::ratios::sum_not_one`
    pub fn name(self) -> &'static str { self.0 }
    /// Error or warning.
    pub fn severity(self) -> Severity { Severity::Error }
}
