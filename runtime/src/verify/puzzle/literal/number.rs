//! Numbers in Python text.

use super::{Parser, is_name};
use crate::verify::puzzle::value::{Fault, Py, Read};

/// Most digits of a whole number that Python's parser reads.
const MOST_DIGITS: usize = 4_300;

/// Words that may stand right behind a number.
const WORDS: [&str; 7] = ["and", "else", "for", "if", "in", "is", "or"];

impl Parser<'_> {
    /// A number at the cursor.
    pub(super) fn number(&mut self) -> Read<Py> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let (value, length) = match bytes {
            [b'0', b'x' | b'X', ..] => based(rest, 16)?,
            [b'0', b'o' | b'O', ..] => based(rest, 8)?,
            [b'0', b'b' | b'B', ..] => based(rest, 2)?,
            _ => decimal(rest)?,
        };
        self.at += length;
        let behind = self.rest();
        if behind.starts_with(is_name) && !WORDS.iter().any(|word| behind.starts_with(word)) {
            return Err(Fault::Unusable);
        }
        Ok(value)
    }
}

/// Digits with single `_` between them: how many bytes, and the digits.
fn run(text: &str, radix: u32) -> (usize, String) {
    let (mut length, mut digits) = (0, String::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '_' if length == at
                && at > 0
                && text.get(at + 1..).is_some_and(|next| next.starts_with(|c: char| c.is_digit(radix))) => {}
            letter if letter.is_digit(radix) => digits.push(letter),
            _ => break,
        }
        length = at + 1;
    }
    (length, digits)
}

fn based(text: &str, radix: u32) -> Read<(Py, usize)> {
    let behind = text.get(2..).unwrap_or("");
    let skipped = usize::from(behind.starts_with('_'));
    let (length, digits) = run(behind.get(skipped..).unwrap_or(""), radix);
    if digits.is_empty() {
        return Err(Fault::Unusable);
    }
    let value = i128::from_str_radix(&digits, radix).map_err(|_| Fault::Limit)?;
    Ok((Py::Int(value), 2 + skipped + length))
}

fn decimal(text: &str) -> Read<(Py, usize)> {
    let (whole_length, whole) = run(text, 10);
    let mut length = whole_length;
    let (mut fraction, mut is_float) = (String::new(), false);
    let behind = text.get(length..).unwrap_or("");
    if let Some(behind) = behind.strip_prefix('.') {
        let (more, digits) = run(behind, 10);
        if whole.is_empty() && digits.is_empty() {
            return Err(Fault::Unusable);
        }
        (fraction, is_float, length) = (digits, true, length + 1 + more);
    }
    let mut power = String::new();
    let behind = text.get(length..).unwrap_or("");
    if let Some(exponent) = behind.strip_prefix(['e', 'E']) {
        let signed = usize::from(exponent.starts_with(['+', '-']));
        let (more, digits) = run(exponent.get(signed..).unwrap_or(""), 10);
        // `1else` is a number and a word.
        if !digits.is_empty() {
            power = format!("e{}{digits}", exponent.get(..signed).unwrap_or(""));
            (is_float, length) = (true, length + 1 + signed + more);
        } else if signed > 0 || !exponent.starts_with("lse") {
            return Err(Fault::Unusable);
        }
    }
    if is_float {
        let written = format!("{whole}.{fraction}{power}");
        let written = if whole.is_empty() { format!("0{written}") } else { written };
        return written.parse().map(|value| (Py::Float(value), length)).map_err(|_| Fault::Unusable);
    }
    let stripped = whole.trim_start_matches('0');
    // Zeros before a number are a fault, zeros alone are not.
    if whole.len() > 1 && whole.starts_with('0') && !stripped.is_empty() {
        return Err(Fault::Unusable);
    }
    if stripped.len() > MOST_DIGITS {
        return Err(Fault::Unusable);
    }
    let digits = if stripped.is_empty() { "0" } else { stripped };
    Ok((digits.parse().map_or_else(|_| Py::Big(digits.to_owned()), Py::Int), length))
}
