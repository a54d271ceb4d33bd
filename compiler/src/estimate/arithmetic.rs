//! Sums that show how they were made.
//!
//! A [`Sum`] is a small expression over named numbers. Its value, its words and its numbers come from the same tree, so
//! that what is printed is what was computed. A number that nobody knows stays unknown in everything that is made of it,
//! and is named.

use serde::Serialize;
use std::fmt::Write;

/// A named number, or an operation over such numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Sum {
    /// A number with its name; none when it is not known.
    Named {
        /// The name as the printed formula shows it.
        name: String,
        /// Its value, in base units.
        value: Option<f64>,
        /// What has to be known for it: names of missing facts.
        needs: Vec<String>,
    },
    /// A number that needs no name: the 2 in `2 × layers`.
    Plain(f64),
    /// All added up.
    Add(Vec<Sum>),
    /// All multiplied.
    Times(Vec<Sum>),
    /// The first divided by the second.
    Over(Box<Sum>, Box<Sum>),
    /// The second taken from the first.
    Minus(Box<Sum>, Box<Sum>),
    /// The largest.
    Largest(Vec<Sum>),
}

impl Sum {
    /// A known number.
    pub fn known(name: impl Into<String>, value: f64) -> Self {
        Self::Named { name: name.into(), value: Some(value), needs: Vec::new() }
    }

    /// A number that may be unknown; `need` names the fact that would give it.
    pub fn fact(name: impl Into<String>, value: Option<f64>, need: impl Into<String>) -> Self {
        let needs = if value.is_some() { Vec::new() } else { vec![need.into()] };
        Self::Named { name: name.into(), value, needs }
    }

    /// The value; none where a part is not known. A quotient by zero is not known either.
    pub fn value(&self) -> Option<f64> {
        let all = |parts: &[Sum]| parts.iter().map(Sum::value).collect::<Option<Vec<f64>>>();
        match self {
            Self::Named { value, .. } => *value,
            Self::Plain(value) => Some(*value),
            Self::Add(parts) => Some(all(parts)?.into_iter().sum()),
            Self::Times(parts) => Some(all(parts)?.into_iter().product()),
            Self::Over(above, below) => {
                let (above, below) = (above.value()?, below.value()?);
                (below != 0.0).then_some(above / below)
            }
            Self::Minus(from, taken) => Some(from.value()? - taken.value()?),
            Self::Largest(parts) => Some(all(parts)?.into_iter().fold(f64::NEG_INFINITY, f64::max)),
        }
    }

    /// The facts that are missing, each once, in the order in which they are read.
    pub fn needs(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect_needs(&mut found);
        found
    }

    fn collect_needs(&self, found: &mut Vec<String>) {
        match self {
            Self::Named { needs, .. } => {
                for need in needs {
                    if !found.contains(need) {
                        found.push(need.clone());
                    }
                }
            }
            Self::Plain(_) => {}
            Self::Add(parts) | Self::Times(parts) | Self::Largest(parts) => {
                parts.iter().for_each(|part| part.collect_needs(found));
            }
            Self::Over(first, second) | Self::Minus(first, second) => {
                first.collect_needs(found);
                second.collect_needs(found);
            }
        }
    }

    /// The formula in words: `slots × longest sequence`.
    pub fn words(&self) -> String {
        self.print(&|part| match part {
            Self::Named { name, .. } => name.clone(),
            other => other.value().map_or_else(String::new, number),
        })
    }

    /// The same formula with numbers in it; `?` stands for one that is not known.
    pub fn numbers(&self) -> String {
        self.print(&|part| part.value().map_or_else(|| "?".to_string(), number))
    }

    fn print(&self, leaf: &dyn Fn(&Self) -> String) -> String {
        let joined = |parts: &[Sum], sign: &str, tight: bool| {
            let mut text = String::new();
            for (idx, part) in parts.iter().enumerate() {
                if let (Self::Plain(value), " + ", true) = (part, sign, idx > 0)
                    && *value < 0.0
                {
                    let _ = write!(text, " - {}", number(-value));
                    continue;
                }
                if idx > 0 {
                    text.push_str(sign);
                }
                let inner = part.print(leaf);
                // A sum inside a product, and any quotient's parts, stand in brackets.
                let loose = matches!(part, Self::Add(more) if more.len() > 1)
                    || matches!(part, Self::Over(..) | Self::Minus(..));
                let _ = if tight && loose { write!(text, "({inner})") } else { write!(text, "{inner}") };
            }
            text
        };
        match self {
            Self::Named { .. } | Self::Plain(_) => leaf(self),
            Self::Add(parts) => joined(parts, " + ", false),
            Self::Times(parts) => joined(parts, " × ", true),
            Self::Over(above, below) => {
                let one = |part: &Sum| match part {
                    Self::Named { .. } | Self::Plain(_) | Self::Largest(_) => part.print(leaf),
                    other => format!("({})", other.print(leaf)),
                };
                format!("{} / {}", one(above), one(below))
            }
            Self::Minus(from, taken) => {
                let loose = matches!(**taken, Self::Add(_) | Self::Minus(..));
                let (from, taken) = (from.print(leaf), taken.print(leaf));
                if loose { format!("{from} - ({taken})") } else { format!("{from} - {taken}") }
            }
            Self::Largest(parts) => format!("max({})", joined(parts, ", ", false)),
        }
    }
}

/// The product of parts.
pub fn times(parts: impl IntoIterator<Item = Sum>) -> Sum {
    Sum::Times(parts.into_iter().collect())
}

/// The sum of parts; a single one is itself.
pub fn add(parts: impl IntoIterator<Item = Sum>) -> Sum {
    let mut parts: Vec<Sum> = parts.into_iter().collect();
    if parts.len() == 1 { parts.swap_remove(0) } else { Sum::Add(parts) }
}

/// A quotient.
pub fn over(above: Sum, below: Sum) -> Sum {
    Sum::Over(Box::new(above), Box::new(below))
}

/// What is left of the first without the second.
pub fn minus(from: Sum, taken: Sum) -> Sum {
    Sum::Minus(Box::new(from), Box::new(taken))
}

/// The largest of parts; a single one is itself.
pub fn largest(parts: impl IntoIterator<Item = Sum>) -> Sum {
    let mut parts: Vec<Sum> = parts.into_iter().collect();
    if parts.len() == 1 { parts.swap_remove(0) } else { Sum::Largest(parts) }
}

/// In which unit a line is printed; values are always in the base unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Unit {
    Numbers,
    Bytes,
    Tokens,
    Rollouts,
    Groups,
    Problems,
    Steps,
    Flop,
    Seconds,
    Share,
    TokensPerSecond,
    Money,
}

impl Unit {
    /// A value with its unit, to three digits: `1.31 GiB`.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Bytes => bytes(value),
            Self::Seconds => seconds(value),
            Self::Share => format!("{}%", number(100.0 * value)),
            Self::Money => format!("{value:.2}"),
            Self::Numbers => short(value, ""),
            Self::Flop => short(value, "FLOP"),
            Self::TokensPerSecond => short(value, "tokens/s"),
            Self::Tokens => short(value, "tokens"),
            Self::Rollouts => short(value, "rollouts"),
            Self::Groups => short(value, "groups"),
            Self::Problems => short(value, "problems"),
            Self::Steps => short(value, "steps"),
        }
    }
}

/// A plain number as it stands in a formula: whole numbers with thousands apart, others to four digits.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return value.to_string();
    }
    if size >= 1e12 || (size > 0.0 && size < 1e-3) {
        return format!("{value:.3e}");
    }
    if value == libm::floor(value) {
        return apart(value);
    }
    if size >= 1e4 {
        return apart(libm::round(value));
    }
    // Four digits that count, the zeros behind the point left out.
    let digits = match size {
        _ if size >= 100.0 => 1,
        _ if size >= 10.0 => 2,
        _ if size >= 1.0 => 3,
        _ if size >= 0.1 => 4,
        _ if size >= 0.01 => 5,
        _ => 6,
    };
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// `12345` as `12,345`.
fn apart(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

/// Exact below ten thousand; above with a prefix of ten.
fn short(value: f64, unit: &str) -> String {
    let prefixes =
        [(1e24, "Y"), (1e21, "Z"), (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")];
    let found = prefixes.into_iter().find(|(size, _)| value.abs() >= *size && value.abs() >= 1e4);
    let text = match found {
        Some((size, prefix)) => format!("{}{prefix}", digits(value / size)),
        None => number(value),
    };
    if unit.is_empty() { text } else { format!("{text} {unit}") }
}

fn bytes(value: f64) -> String {
    let prefixes = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let size = |power: u32| (1u64 << power) as f64;
    match prefixes.into_iter().find(|(power, _)| value.abs() >= size(*power)) {
        Some((power, prefix)) => format!("{} {prefix}", digits(value / size(power))),
        None => format!("{} B", number(value)),
    }
}

fn seconds(value: f64) -> String {
    match value {
        _ if value >= 100.0 * 3600.0 => format!("{} h", number(libm::round(value / 3600.0))),
        _ if value >= 3600.0 => format!("{} h", digits(value / 3600.0)),
        _ if value >= 120.0 => format!("{} min", digits(value / 60.0)),
        _ => format!("{} s", digits(value)),
    }
}

/// Three digits.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => number(libm::round(value)),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        size if size >= 1e-3 => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_what_is_computed() {
        let slots = || Sum::known("slots", 256.0);
        let sum = over(times([slots(), add([Sum::known("prompt", 64.0), Sum::known("cap", 96.0)])]), Sum::Plain(2.0));
        assert_eq!(sum.value(), Some(20480.0));
        assert_eq!(sum.words(), "(slots × (prompt + cap)) / 2");
        assert_eq!(sum.numbers(), "(256 × (64 + 96)) / 2");
    }

    #[test]
    fn what_is_not_known_stays_unknown_and_is_named_once() {
        let layers = || Sum::fact("layers", None, "policy.layers");
        let sum = add([times([Sum::Plain(2.0), layers()]), layers(), Sum::known("one", 1.0)]);
        assert_eq!((sum.value(), sum.needs()), (None, vec!["policy.layers".to_string()]));
        assert_eq!(sum.numbers(), "2 × ? + ? + 1");
        assert_eq!(over(Sum::Plain(1.0), Sum::known("none", 0.0)).value(), None);
    }

    #[test]
    fn numbers_are_short_and_readable() {
        for (value, text) in
            [(0.0, "0"), (1234567.0, "1,234,567"), (0.5, "0.5"), (-1500.0, "-1,500"), (2e-5, "2.000e-5")]
        {
            assert_eq!(number(value), text);
        }
        assert_eq!(Unit::Bytes.show(1.5 * 1024.0 * 1024.0), "1.50 MiB");
        assert_eq!(Unit::Tokens.show(30e6), "30.0M tokens");
        assert_eq!(Unit::Tokens.show(9999.0), "9,999 tokens");
        assert_eq!(Unit::Seconds.show(90.0), "90.0 s");
        assert_eq!(Unit::Seconds.show(7200.0), "2.00 h");
        assert_eq!(Unit::Flop.show(4.2e17), "420P FLOP");
        assert_eq!(Unit::Share.show(0.25), "25%");
    }
}
