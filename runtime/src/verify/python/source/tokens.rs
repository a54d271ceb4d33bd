//! Source -> tokens.

use super::Refused;
use crate::verify::python::{MOST_DIGITS, Value};

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    Name(String),
    /// A number or a text. Texts that follow each other are one token.
    Literal(Value),
    /// A text with expressions inside, which are not read.
    Formatted,
    Mark(&'static str),
}

/// Marks, longer ones first.
const MARKS: &[&str] = &[
    "...", "**=", "//=", ">>=", "<<=", "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "->", ":=", "+=", "-=", "*=",
    "/=", "%=", "&=", "|=", "^=", "@=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "=", "+", "-", "*", "/", "%", "@",
    "&", "|", "^", "~", "<", ">", ";",
];

/// Cuts a text into tokens. All of it stands between brackets, so line ends are blanks.
pub fn tokens(text: &str) -> Result<Vec<Token>, Refused> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn next(&mut self) -> Result<Option<Token>, Refused> {
        loop {
            match self.peek() {
                None => return Ok(None),
                Some(' ' | '\t' | '\n' | '\r' | '\u{c}') => self.at += 1,
                Some('#') => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                Some('\\') if self.rest().starts_with("\\\n") => self.at += 2,
                Some(c) => return self.token(c).map(Some),
            }
        }
    }

    fn token(&mut self, c: char) -> Result<Token, Refused> {
        let behind_point = self.rest().get(1..).and_then(|rest| rest.chars().next());
        if c.is_ascii_digit() || c == '.' && behind_point.is_some_and(|c| c.is_ascii_digit()) {
            return self.number().map(Token::Literal);
        }
        let name =
            self.rest().chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum::<usize>();
        let word = self.rest().get(..name).unwrap_or_default().to_owned();
        let quoted = self.rest().get(name..).is_some_and(|rest| rest.starts_with(['\'', '"']));
        let prefix = word.to_ascii_lowercase();
        if quoted && matches!(prefix.as_str(), "" | "r" | "u" | "b" | "f" | "br" | "rb" | "fr" | "rf") {
            self.at += name;
            return self.string(&prefix);
        }
        if !word.is_empty() {
            self.at += name;
            return Ok(Token::Name(word));
        }
        let mark = MARKS.iter().find(|mark| self.rest().starts_with(**mark)).ok_or(Refused::Syntax)?;
        self.at += mark.len();
        Ok(Token::Mark(mark))
    }

    fn number(&mut self) -> Result<Value, Refused> {
        let lower = self.rest().get(..2).unwrap_or_default().to_ascii_lowercase();
        let radix = match lower.as_str() {
            "0x" => Some(16),
            "0o" => Some(8),
            "0b" => Some(2),
            _ => None,
        };
        if let Some(radix) = radix {
            self.at += 2;
            // An underscore may also stand between the prefix and the first digit.
            self.at += usize::from(self.peek() == Some('_'));
            let digits = self.digits(radix)?;
            self.ends()?;
            if digits.is_empty() {
                return Err(Refused::Syntax);
            }
            return i128::from_str_radix(&digits, radix).map(Value::Int).map_err(|_| Refused::Limit);
        }
        let mut written = self.digits(10)?;
        let whole = written.clone();
        let mut is_float = false;
        if self.peek() == Some('.') {
            self.at += 1;
            is_float = true;
            let behind = self.digits(10)?;
            written = format!(
                "{}.{}",
                if whole.is_empty() { "0" } else { &whole },
                if behind.is_empty() { "0" } else { &behind }
            );
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            let sign = matches!(self.rest().as_bytes().get(1), Some(b'+' | b'-'));
            let digit = self.rest().as_bytes().get(1 + usize::from(sign)).is_some_and(u8::is_ascii_digit);
            if digit {
                let length = 1 + usize::from(sign);
                written.push_str(self.rest().get(..length).unwrap_or_default());
                self.at += length;
                written.push_str(&self.digits(10)?);
                is_float = true;
            }
        }
        let imaginary = matches!(self.peek(), Some('j' | 'J'));
        self.at += usize::from(imaginary);
        self.ends()?;
        if imaginary {
            return Ok(Value::Other);
        }
        if is_float {
            return written.parse().map(Value::Float).map_err(|_| Refused::Syntax);
        }
        if whole.len() > MOST_DIGITS {
            return Err(Refused::Limit);
        }
        // Leading zeros are an error, unless there is nothing else.
        if whole.starts_with('0') && whole.bytes().any(|digit| digit != b'0') {
            return Err(Refused::Syntax);
        }
        Value::whole(&whole).ok_or(Refused::Syntax)
    }

    /// Digits with single underscores between them.
    fn digits(&mut self, radix: u32) -> Result<String, Refused> {
        let mut digits = String::new();
        loop {
            match self.peek() {
                Some(c) if c.is_ascii() && c.is_digit(radix) => digits.push(c),
                Some('_') if !digits.is_empty() => {
                    let next = self.rest().get(1..).and_then(|rest| rest.chars().next());
                    if !next.is_some_and(|c| c.is_ascii() && c.is_digit(radix)) {
                        return Err(Refused::Syntax);
                    }
                }
                _ => return Ok(digits),
            }
            self.at += 1;
        }
    }

    /// A number must not run into a word, but for the words that may follow any value.
    fn ends(&self) -> Result<(), Refused> {
        let runs_on = self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let follows = ["and", "else", "for", "if", "in", "is", "not", "or"];
        if runs_on && !follows.iter().any(|word| self.rest().starts_with(word)) { Err(Refused::Syntax) } else { Ok(()) }
    }

    fn string(&mut self, prefix: &str) -> Result<Token, Refused> {
        let quote = self.peek().ok_or(Refused::Syntax)?;
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let end = if self.rest().starts_with(&triple) { triple } else { quote.to_string() };
        self.at += end.len();
        let (raw, bytes) = (prefix.contains('r'), prefix.contains('b'));
        let mut text = String::new();
        while !self.rest().starts_with(&end) {
            match self.take().ok_or(Refused::Syntax)? {
                '\n' if end.len() == 1 => return Err(Refused::Syntax),
                '\\' if raw => {
                    text.push('\\');
                    text.push(self.take().ok_or(Refused::Syntax)?);
                }
                '\\' => self.escape(&mut text, bytes)?,
                c if bytes && !c.is_ascii() => return Err(Refused::Syntax),
                c => text.push(c),
            }
        }
        self.at += end.len();
        Ok(match (prefix.contains('f'), bytes) {
            (true, _) => Token::Formatted,
            (_, true) => Token::Literal(Value::Other),
            _ => Token::Literal(Value::Text(text)),
        })
    }

    fn escape(&mut self, text: &mut String, bytes: bool) -> Result<(), Refused> {
        let c = self.take().ok_or(Refused::Syntax)?;
        let plain = match c {
            '\n' => return Ok(()),
            '\\' | '\'' | '"' => Some(c),
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            _ => None,
        };
        if let Some(plain) = plain {
            text.push(plain);
            return Ok(());
        }
        let width = match c {
            'x' => 2,
            'u' if !bytes => 4,
            'U' if !bytes => 8,
            // Names of characters are not known here.
            'N' if !bytes => return Err(Refused::Syntax),
            '0'..='7' => {
                let more = self.rest().chars().take(2).take_while(|c| c.is_digit(8)).count();
                let digits = self.text.get(self.at - 1..self.at + more).unwrap_or_default();
                let code = u32::from_str_radix(digits, 8).map_err(|_| Refused::Syntax)?;
                self.at += more;
                text.extend(char::from_u32(code));
                return Ok(());
            }
            c => {
                text.extend(['\\', c]);
                return Ok(());
            }
        };
        let digits = self.rest().get(..width).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(Refused::Syntax)?;
        if code > 0x10_ffff {
            return Err(Refused::Syntax);
        }
        self.at += width;
        // Halves of surrogate pairs are characters there.
        text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
        Ok(())
    }
}
