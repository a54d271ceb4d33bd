//! Texts in Python text: quotes, prefixes, escapes; neighbours are joined.

use super::Parser;
use crate::verify::puzzle::value::{Fault, Py, Read};

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    length: usize,
    raw: bool,
    bytes: bool,
}

impl Parser<'_> {
    /// The prefix of a text at the cursor; none where there is no text. Formatted texts are none: they hold expressions.
    pub(super) fn string_start(&self) -> Option<Prefix> {
        let rest = self.rest();
        // Two letters at most stand before the quote; looking further would read the rest of the text for every name.
        let length = rest.bytes().take(3).position(|byte| matches!(byte, b'\'' | b'"'))?;
        let prefix = rest.get(..length)?;
        let (raw, bytes) = match prefix.to_ascii_lowercase().as_str() {
            "" | "u" => (false, false),
            "r" => (true, false),
            "b" => (false, true),
            "br" | "rb" => (true, true),
            _ => return None,
        };
        Some(Prefix { length, raw, bytes })
    }

    /// One text, and those that follow it.
    pub(super) fn strings(&mut self, first: Prefix) -> Read<Py> {
        let mut text = String::new();
        let mut next = Some(first);
        while let Some(prefix) = next {
            self.node()?;
            if prefix.bytes != first.bytes {
                return Err(Fault::Unusable);
            }
            self.one(prefix, &mut text)?;
            self.blanks();
            next = self.string_start();
        }
        if !first.bytes {
            return Ok(Py::Str(text));
        }
        // Bytes were collected as the characters of the same numbers.
        text.chars()
            .map(|letter| u8::try_from(letter as u32))
            .collect::<Result<_, _>>()
            .map(Py::Bytes)
            .map_err(|_| Fault::Unusable)
    }

    fn one(&mut self, prefix: Prefix, to: &mut String) -> Read<()> {
        self.at += prefix.length;
        let rest = self.rest();
        let quote = rest.chars().next().ok_or(Fault::Unusable)?;
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let long = rest.starts_with(&triple);
        self.at += if long { 3 } else { 1 };
        loop {
            let rest = self.rest();
            let letter = rest.chars().next().ok_or(Fault::Unusable)?;
            if letter == quote && (!long || rest.starts_with(&triple)) {
                self.at += if long { 3 } else { 1 };
                return Ok(());
            }
            match letter {
                '\n' | '\r' if !long => return Err(Fault::Unusable),
                '\\' if prefix.raw => {
                    // The character behind it is kept, and cannot end the text.
                    let escaped = rest.chars().nth(1).ok_or(Fault::Unusable)?;
                    to.extend(['\\', escaped]);
                    self.at += 1 + escaped.len_utf8();
                }
                '\\' => self.escape(prefix.bytes, to)?,
                letter if prefix.bytes && !letter.is_ascii() => return Err(Fault::Unusable),
                letter => {
                    to.push(letter);
                    self.at += letter.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self, bytes: bool, to: &mut String) -> Read<()> {
        let behind = self.rest().get(1..).unwrap_or("");
        let letter = behind.chars().next().ok_or(Fault::Unusable)?;
        self.at += 1 + letter.len_utf8();
        match letter {
            '\n' => {}
            '\r' => {
                self.eat("\n");
            }
            '\\' | '\'' | '"' => to.push(letter),
            'a' => to.push('\u{7}'),
            'b' => to.push('\u{8}'),
            'f' => to.push('\u{c}'),
            'n' => to.push('\n'),
            'r' => to.push('\r'),
            't' => to.push('\t'),
            'v' => to.push('\u{b}'),
            '0'..='7' => {
                let digits = behind.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let code = u32::from_str_radix(behind.get(..digits).unwrap_or(""), 8).map_err(|_| Fault::Unusable)?;
                self.at += digits - 1;
                to.push(char::from_u32(if bytes { code & 0xff } else { code }).ok_or(Fault::Unusable)?);
            }
            'x' => self.code(2, to)?,
            'u' if !bytes => self.code(4, to)?,
            'U' if !bytes => self.code(8, to)?,
            'N' if !bytes => return Err(Fault::Unusable),
            other => to.extend(['\\', other]),
        }
        Ok(())
    }

    fn code(&mut self, length: usize, to: &mut String) -> Read<()> {
        let digits = self.rest().get(..length).ok_or(Fault::Unusable)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Fault::Unusable);
        }
        let code = u32::from_str_radix(digits, 16).map_err(|_| Fault::Unusable)?;
        self.at += length;
        to.push(char::from_u32(code).ok_or(Fault::Unusable)?);
        Ok(())
    }
}
