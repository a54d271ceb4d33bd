//! Dimensions: what a number counts.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The base dimensions, in the order in which [`Dimension`] holds their exponents.
pub const BASE_NAMES: [&str; 7] = ["tokens", "rollouts", "groups", "problems", "steps", "s", "bytes"];

/// A product of powers of the base dimensions. All zero is a pure number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Dimension([i8; 7]);

impl Dimension {
    /// A number without a unit.
    pub const PURE: Self = Self([0; 7]);
    /// Generated or read tokens.
    pub const TOKENS: Self = Self([1, 0, 0, 0, 0, 0, 0]);
    /// Sampled responses.
    pub const ROLLOUTS: Self = Self([0, 1, 0, 0, 0, 0, 0]);
    /// Groups of rollouts of one prompt.
    pub const GROUPS: Self = Self([0, 0, 1, 0, 0, 0, 0]);
    /// Rows of data.
    pub const PROBLEMS: Self = Self([0, 0, 0, 1, 0, 0, 0]);
    /// Optimizer steps.
    pub const STEPS: Self = Self([0, 0, 0, 0, 1, 0, 0]);
    /// Seconds.
    pub const SECONDS: Self = Self([0, 0, 0, 0, 0, 1, 0]);
    /// Bytes.
    pub const BYTES: Self = Self([0, 0, 0, 0, 0, 0, 1]);

    /// Whether it is a pure number.
    pub fn is_pure(self) -> bool {
        self == Self::PURE
    }

    /// The dimension of a product; none when an exponent leaves its range.
    pub fn times(self, other: Self) -> Option<Self> {
        self.combine(other, i8::checked_add)
    }

    /// The dimension of a quotient; none when an exponent leaves its range.
    pub fn over(self, other: Self) -> Option<Self> {
        self.combine(other, i8::checked_sub)
    }

    /// The dimension of an integer power; none when an exponent leaves its range.
    pub fn power(self, exponent: i8) -> Option<Self> {
        let mut powers = self.0;
        for power in &mut powers {
            *power = power.checked_mul(exponent)?;
        }
        Some(Self(powers))
    }

    /// The dimension of a square root; none when an exponent is odd.
    pub fn root(self) -> Option<Self> {
        if self.0.iter().any(|power| power % 2 != 0) {
            return None;
        }
        Some(Self(self.0.map(|power| power / 2)))
    }

    fn combine(self, other: Self, op: impl Fn(i8, i8) -> Option<i8>) -> Option<Self> {
        let mut powers = [0; 7];
        for (idx, power) in powers.iter_mut().enumerate() {
            *power = op(self.0[idx], other.0[idx])?;
        }
        Some(Self(powers))
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_pure() {
            return f.write_str("a pure number");
        }
        let part = |sign: i8| {
            let mut words = Vec::new();
            for (name, power) in BASE_NAMES.iter().zip(self.0) {
                match power * sign {
                    1 => words.push((*name).to_string()),
                    p if p > 1 => words.push(format!("{name}^{p}")),
                    _ => {}
                }
            }
            words.join(" * ")
        };
        let (above, below) = (part(1), part(-1));
        match (above.is_empty(), below.is_empty()) {
            (false, true) => f.write_str(&above),
            (true, _) => write!(f, "1 / {below}"),
            (false, false) => write!(f, "{above} / {below}"),
        }
    }
}

/// The closed list of unit words: word, dimension, factor to the base unit.
pub const UNITS: &[(&str, Dimension, f64)] = &[
    ("token", Dimension::TOKENS, 1.0),
    ("tokens", Dimension::TOKENS, 1.0),
    ("rollout", Dimension::ROLLOUTS, 1.0),
    ("rollouts", Dimension::ROLLOUTS, 1.0),
    ("group", Dimension::GROUPS, 1.0),
    ("groups", Dimension::GROUPS, 1.0),
    ("problem", Dimension::PROBLEMS, 1.0),
    ("problems", Dimension::PROBLEMS, 1.0),
    ("step", Dimension::STEPS, 1.0),
    ("steps", Dimension::STEPS, 1.0),
    ("ms", Dimension::SECONDS, 1e-3),
    ("s", Dimension::SECONDS, 1.0),
    ("min", Dimension::SECONDS, 60.0),
    ("h", Dimension::SECONDS, 3600.0),
    ("days", Dimension::SECONDS, 86400.0),
    ("bytes", Dimension::BYTES, 1.0),
    ("KiB", Dimension::BYTES, 1024.0),
    ("MiB", Dimension::BYTES, 1_048_576.0),
    ("GiB", Dimension::BYTES, 1_073_741_824.0),
];

/// Dimension and factor of a unit word.
pub fn unit(word: &str) -> Option<(Dimension, f64)> {
    UNITS.iter().find(|(name, ..)| *name == word).map(|(_, dimension, factor)| (*dimension, *factor))
}
