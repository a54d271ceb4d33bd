//! Whether a program wrote what was expected: line by line, as texts, or as decimal numbers with equal values.

use super::extract::{is_space, trim};

/// Most digits of an exponent; decimals of the reference have no more.
const EXPONENT: usize = 18;

/// Compares two outputs. Both are trimmed, and so is every line; as many lines; each is equal as a text, or all its words are
/// decimal numbers and equal, exactly.
pub(super) fn same_output(got: &str, expected: &str) -> bool {
    let (mut got, mut expected) = (trim(got).split('\n'), trim(expected).split('\n'));
    loop {
        match (got.next(), expected.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if same_line(trim(one), trim(other)) => {}
            _ => return false,
        }
    }
}

fn same_line(one: &str, other: &str) -> bool {
    one == other || same_numbers(one, other)
}

fn same_numbers(one: &str, other: &str) -> bool {
    let words = |text: &'_ str| -> Option<Vec<Decimal>> {
        text.split(is_space).filter(|word| !word.is_empty()).map(Decimal::read).collect()
    };
    // A line of no words is equal as a text only.
    matches!((words(one), words(other)), (Some(one), Some(other)) if !one.is_empty() && one == other)
}

/// A decimal number, exactly. "Not a number" equals nothing.
#[derive(Debug, Clone)]
enum Decimal {
    /// Digits without zeros at both ends (none for zero), times ten to a power.
    Finite {
        negative: bool,
        digits: String,
        power: i128,
    },
    Infinite {
        negative: bool,
    },
    NotANumber,
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Infinite { negative: one }, Self::Infinite { negative: other }) => one == other,
            (
                Self::Finite { negative, digits, power },
                Self::Finite { negative: other_negative, digits: other_digits, power: other_power },
            ) => digits == other_digits && (digits.is_empty() || (negative == other_negative && power == other_power)),
            _ => false,
        }
    }
}

impl Decimal {
    /// Reads what Python's `Decimal` reads: underscores anywhere, and the digits of all scripts.
    fn read(word: &str) -> Option<Self> {
        // Most words that are no number are seen by their first letter.
        let plain: String = word.chars().filter(|c| *c != '_').map(|c| digit(c).unwrap_or(c)).collect();
        let (negative, rest) = match plain.strip_prefix(['+', '-']) {
            Some(rest) => (plain.starts_with('-'), rest),
            None => (false, plain.as_str()),
        };
        let is = |name: &str| rest.eq_ignore_ascii_case(name);
        if is("inf") || is("infinity") {
            return Some(Self::Infinite { negative });
        }
        let payload = ["snan", "nan"].iter().find_map(|name| {
            rest.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).and(rest.get(name.len()..))
        });
        if payload.is_some_and(|payload| payload.bytes().all(|byte| byte.is_ascii_digit())) {
            return Some(Self::NotANumber);
        }
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (rest, None),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(part) || (whole.is_empty() && part.is_empty()) {
            return None;
        }
        let exponent = match exponent {
            None => 0,
            Some(text) => {
                let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
                if digits.is_empty() || !all_digits(digits) {
                    return None;
                }
                let digits = digits.trim_start_matches('0');
                if digits.len() > EXPONENT {
                    return None;
                }
                let size = if digits.is_empty() { 0 } else { digits.parse::<i128>().ok()? };
                if text.starts_with('-') { -size } else { size }
            }
        };
        let all = format!("{whole}{part}");
        let digits = all.trim_start_matches('0');
        let short = digits.trim_end_matches('0');
        let power = exponent - part.len() as i128 + (digits.len() - short.len()) as i128;
        Some(Self::Finite { negative, digits: short.to_owned(), power })
    }
}

/// The ASCII digit of a decimal digit of any script.
fn digit(character: char) -> Option<char> {
    if character.is_ascii() {
        return None;
    }
    let code = u32::from(character);
    let at = ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?;
    let value = code - ZEROS.get(at)?;
    char::from_digit(value, 10)
}

/// The digits nought of Unicode 14's scripts; each is followed by the other nine.
const ZEROS: [u32; 66] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
    0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0,
    0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60,
    0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

#[cfg(test)]
mod tests {
    use super::same_output;

    /// Expected values are those of Python's `Decimal`.
    #[test]
    fn outputs() {
        for (got, expected, same) in [
            ("1\n", "1.0", true),
            (" 1  2 \n", "01 2e0", true),
            ("a  b", "a b", false),
            ("1 a", "1.0 a", false),
            ("-0", "0", true),
            ("1e-3", ".001", true),
            ("5.", "5", true),
            (".", "0", false),
            ("1_000", "1000", true),
            ("\u{663}", "3", true),
            ("inf", "Infinity", true),
            ("-inf", "inf", false),
            ("nan", "NaN", false),
            ("nan", "nan", true),
            ("0.1", "0.10000000000000000000000000001", false),
            ("1e999999999999999999", "10e999999999999999998", true),
            ("1e1000000000000000000", "10e999999999999999999", false),
            ("0e5", "0", true),
            ("1e", "1", false),
            ("1\n\n2", "1\n2", false),
            ("", "\n", true),
            ("a\r\nb", "a\nb", true),
            ("1,000", "1000", false),
            ("0x10", "16", false),
        ] {
            assert_eq!(same_output(got, expected), same, "{got:?} {expected:?}");
        }
    }
}
