//! JSON as Python's library reads it: `NaN`, `Infinity` and `-Infinity` are numbers, halves of surrogate pairs are
//! characters (here they become `U+FFFD`), numbers have no bounds, the last of equal keys counts. Nesting and digits are
//! bounded as in CPython.

use super::{MOST_DIGITS, Value};

/// Deepest nesting: CPython's parser stops a little below its limit of a thousand calls.
const DEEPEST: usize = 990;

/// Why a text was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is no JSON.
    Syntax,
    /// It is nested too deep, or a number has too many digits.
    Limit,
}

/// Reads a text.
pub fn read(text: &str) -> Result<Value, Refused> {
    let mut reader = Reader { text, at: 0 };
    reader.blanks();
    let value = reader.value()?;
    reader.blanks();
    if reader.at == text.len() { Ok(value) } else { Err(Refused::Syntax) }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

/// A list or dictionary that is not closed yet; the depth costs no stack.
enum Open {
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>, String),
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn takes(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Value, Refused> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            // The start of a value.
            let mut value = if self.takes("[") {
                self.blanks();
                if self.takes("]") {
                    Value::List(Vec::new())
                } else {
                    open.push(Open::List(Vec::new()));
                    if open.len() > DEEPEST {
                        return Err(Refused::Limit);
                    }
                    continue;
                }
            } else if self.takes("{") {
                self.blanks();
                if self.takes("}") {
                    Value::Dict(Vec::new())
                } else {
                    let key = self.key()?;
                    open.push(Open::Dict(Vec::new(), key));
                    if open.len() > DEEPEST {
                        return Err(Refused::Limit);
                    }
                    continue;
                }
            } else {
                self.plain()?
            };
            // It ends here, and with it all that it ends.
            loop {
                match open.pop() {
                    None => return Ok(value),
                    Some(Open::List(mut items)) => {
                        items.push(value);
                        self.blanks();
                        if self.takes(",") {
                            self.blanks();
                            open.push(Open::List(items));
                            break;
                        }
                        value = Value::List(items);
                        if !self.takes("]") {
                            return Err(Refused::Syntax);
                        }
                    }
                    Some(Open::Dict(mut entries, key)) => {
                        entries.push((Value::Text(key), value));
                        self.blanks();
                        if self.takes(",") {
                            self.blanks();
                            let key = self.key()?;
                            open.push(Open::Dict(entries, key));
                            break;
                        }
                        value = Value::Dict(last_of_equal(entries));
                        if !self.takes("}") {
                            return Err(Refused::Syntax);
                        }
                    }
                }
            }
        }
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<String, Refused> {
        if self.peek() != Some(b'"') {
            return Err(Refused::Syntax);
        }
        let key = self.string()?;
        self.blanks();
        if !self.takes(":") {
            return Err(Refused::Syntax);
        }
        self.blanks();
        Ok(key)
    }

    fn plain(&mut self) -> Result<Value, Refused> {
        let words = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
            ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ];
        if self.peek() == Some(b'"') {
            return self.string().map(Value::Text);
        }
        for (word, value) in words {
            if self.takes(word) {
                return Ok(value);
            }
        }
        self.number()
    }

    fn number(&mut self) -> Result<Value, Refused> {
        let bytes = self.rest().as_bytes();
        let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let sign = usize::from(bytes.first() == Some(&b'-'));
        let whole = if bytes.get(sign) == Some(&b'0') { 1 } else { digits(sign) };
        if whole == 0 {
            return Err(Refused::Syntax);
        }
        let mut end = sign + whole;
        let mut is_float = false;
        if bytes.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
            is_float = true;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let count = digits(end + 1 + sign);
            if count > 0 {
                end += 1 + sign + count;
                is_float = true;
            }
        }
        let written = self.rest().get(..end).unwrap_or_default().to_owned();
        self.at += end;
        if is_float {
            return written.parse().map(Value::Float).map_err(|_| Refused::Syntax);
        }
        if whole > MOST_DIGITS {
            return Err(Refused::Limit);
        }
        Value::whole(&written).ok_or(Refused::Syntax)
    }

    fn string(&mut self) -> Result<String, Refused> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let plain = self.rest().bytes().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
            text.push_str(self.rest().get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                _ => return Err(Refused::Syntax),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Refused> {
        let escaped = self.peek().ok_or(Refused::Syntax)?;
        if escaped != b'u' {
            self.at += 1;
        }
        Ok(match escaped {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.code()?;
                let before = self.at;
                if (0xd800..0xdc00).contains(&first) && self.takes("\\") && self.peek() == Some(b'u') {
                    match self.code()? {
                        second @ 0xdc00..0xe000 => {
                            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                            return char::from_u32(code).ok_or(Refused::Syntax);
                        }
                        _ => self.at = before,
                    }
                } else {
                    self.at = before;
                }
                char::from_u32(first).unwrap_or('\u{fffd}')
            }
            _ => return Err(Refused::Syntax),
        })
    }

    /// `uXXXX`
    fn code(&mut self) -> Result<u32, Refused> {
        let digits = self.rest().get(1..5).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(Refused::Syntax)?;
        self.at += 5;
        Ok(code)
    }
}

/// Entries with each key once: at its first place, with its last value.
fn last_of_equal(entries: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    let mut places = std::collections::BTreeMap::new();
    let mut result: Vec<(Value, Value)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let place = *places.entry(key.as_text().unwrap_or_default().to_owned()).or_insert(result.len());
        match result.get_mut(place) {
            Some((_, old)) => *old = value,
            None => result.push((key, value)),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_python_reads() {
        for text in [
            "1",
            " [1, -2.5e3] ",
            "{\"a\": {\"b\": [null, true, false]}}",
            "NaN",
            "[-Infinity]",
            "1e400",
            "\"\\ud800\"",
            "-0",
            "\"\\u00e9\\ud83d\\ude00\"",
            "{\"a\": 1, \"a\": 2}",
            "[]",
            "{}",
            "\"\u{7f}\"",
        ] {
            assert!(read(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "01",
            "1.",
            ".5",
            "+1",
            "[1,]",
            "{\"a\":1,}",
            "{a: 1}",
            "'a'",
            "\"\n\"",
            "\"\\x41\"",
            "\"\\u12\"",
            "[1 2]",
            "nan",
            "1 2",
            "\u{feff}1",
            "\u{a0}1",
            "[",
            "{\"a\"",
            "{\"a\":",
            "\"",
            "-",
            "tru",
            "--1",
            "1e",
            "0x1",
            "\"\\u+123\"",
        ] {
            assert_eq!(read(text), Err(Refused::Syntax), "{text}");
        }
        let entry = |key: &str, value| (Value::Text(key.into()), Value::Int(value));
        let repeated = read("{\"a\": 1, \"b\": 3, \"a\": 2}");
        assert_eq!(repeated, Ok(Value::Dict(vec![entry("a", 2), entry("b", 3)])));
        assert_eq!(read("\"\\ud83d\\ude00\\ud83dx\""), Ok(Value::Text("😀\u{fffd}x".into())));
    }

    #[test]
    fn nesting_and_digits_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(900)).is_ok());
        assert_eq!(read(&nested(100_000)), Err(Refused::Limit));
        assert_eq!(read(&"{\"a\":".repeat(100_000)), Err(Refused::Limit));
        assert!(read(&"9".repeat(4_300)).is_ok());
        assert_eq!(read(&"9".repeat(4_301)), Err(Refused::Limit));
        let many: String = (0..50_000).map(|key| format!("\"{key}\":1,")).collect();
        assert!(read(&format!("{{{many}\"x\":1}}")).is_ok());
    }
}
