//! JSON text as Python's `json.loads` reads it: `NaN` and `Infinity` are numbers, whole numbers have any size, and the last
//! of equal keys counts.

use super::value::{Fault, Py, Read, put};

/// Most brackets inside each other.
const DEEPEST: usize = 200;

/// Most digits of a whole number that Python converts.
const MOST_DIGITS: usize = 4_300;

/// Most keys of an object.
const MOST_KEYS: usize = 5_000;

/// Reads JSON text.
pub(super) fn json(text: &str) -> Read<Py> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.blanks();
    if reader.at < text.len() { Err(Fault::Unusable) } else { Ok(value) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn value(&mut self) -> Read<Py> {
        self.blanks();
        for (word, value) in [
            ("null", Py::None),
            ("true", Py::Bool(true)),
            ("false", Py::Bool(false)),
            ("NaN", Py::Float(f64::NAN)),
            ("Infinity", Py::Float(f64::INFINITY)),
            ("-Infinity", Py::Float(f64::NEG_INFINITY)),
        ] {
            if self.eat(word) {
                return Ok(value);
            }
        }
        match self.rest().bytes().next() {
            Some(b'"') => self.string().map(Py::Str),
            Some(b'[') => self.nested(Self::array),
            Some(b'{') => self.nested(Self::object),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(Fault::Unusable),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<Py>) -> Read<Py> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::Limit);
        }
        self.at += 1;
        self.blanks();
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Read<Py> {
        let mut items = Vec::new();
        if self.eat("]") {
            return Ok(Py::List(items));
        }
        loop {
            items.push(self.value()?);
            self.blanks();
            if self.eat("]") {
                return Ok(Py::List(items));
            }
            if !self.eat(",") {
                return Err(Fault::Unusable);
            }
        }
    }

    fn object(&mut self) -> Read<Py> {
        let mut pairs: Vec<(Py, Py)> = Vec::new();
        if self.eat("}") {
            return Ok(Py::Dict(pairs));
        }
        loop {
            self.blanks();
            if !self.rest().starts_with('"') {
                return Err(Fault::Unusable);
            }
            let key = Py::Str(self.string()?);
            self.blanks();
            if !self.eat(":") {
                return Err(Fault::Unusable);
            }
            let item = self.value()?;
            put(&mut pairs, key, item, MOST_KEYS)?;
            self.blanks();
            if self.eat("}") {
                return Ok(Py::Dict(pairs));
            }
            if !self.eat(",") {
                return Err(Fault::Unusable);
            }
        }
    }

    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let letter = self.rest().chars().next().ok_or(Fault::Unusable)?;
            self.at += letter.len_utf8();
            match letter {
                '"' => return Ok(text),
                '\\' => {
                    let escaped = self.rest().chars().next().ok_or(Fault::Unusable)?;
                    self.at += escaped.len_utf8();
                    text.push(match escaped {
                        '"' | '\\' | '/' => escaped,
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'u' => self.unit()?,
                        _ => return Err(Fault::Unusable),
                    });
                }
                letter if (letter as u32) < 0x20 => return Err(Fault::Unusable),
                letter => text.push(letter),
            }
        }
    }

    /// `\uXXXX`, or two of them that make one character; a lone half becomes U+FFFD.
    fn unit(&mut self) -> Read<char> {
        let high = self.hexadecimal()?;
        if !(0xd800..0xdc00).contains(&high) || !self.rest().starts_with("\\u") {
            return Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        self.at += 2;
        let low = self.hexadecimal()?;
        if !(0xdc00..0xe000).contains(&low) {
            self.at = before;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or(Fault::Unusable)
    }

    fn hexadecimal(&mut self) -> Read<u32> {
        let digits = self.rest().get(..4).ok_or(Fault::Unusable)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Fault::Unusable);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| Fault::Unusable)
    }

    fn number(&mut self) -> Read<Py> {
        let rest = self.rest();
        let digits_at = |at: usize| rest.bytes().skip(at).take_while(u8::is_ascii_digit).count();
        let sign = usize::from(rest.starts_with('-'));
        let whole = match digits_at(sign) {
            0 => return Err(Fault::Unusable),
            // A zero ends the whole part, whatever follows.
            _ if rest.get(sign..).is_some_and(|text| text.starts_with('0')) => 1,
            digits => digits,
        };
        let mut length = sign + whole;
        if rest.get(length..).is_some_and(|text| text.starts_with('.')) && digits_at(length + 1) > 0 {
            length += 1 + digits_at(length + 1);
        }
        let behind = rest.get(length..).unwrap_or("");
        if behind.starts_with(['e', 'E']) {
            let signed = usize::from(behind.get(1..).is_some_and(|text| text.starts_with(['+', '-'])));
            let digits = digits_at(length + 1 + signed);
            length += if digits > 0 { 1 + signed + digits } else { 0 };
        }
        self.at += length;
        let text = rest.get(..length).unwrap_or("");
        if length == sign + whole {
            if whole > MOST_DIGITS {
                return Err(Fault::Unusable);
            }
            return Ok(text.parse().map_or_else(|_| Py::Big(text.to_owned()), Py::Int));
        }
        text.parse().map(Py::Float).map_err(|_| Fault::Unusable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_python() {
        for (text, value) in [
            (" [1, -2.5e1, true, null] ", "[1, -25.0, True, None]"),
            ("{\"a\": 1, \"b\": {}, \"a\": \"\\u00e4\\n\"}", "{'a': 'ä\\n', 'b': {}}"),
            ("\"\\ud83d\\ude00\"", "😀"),
            ("[NaN, -Infinity]", "[nan, -inf]"),
            ("123456789012345678901234567890123456789012", "123456789012345678901234567890123456789012"),
            ("-0", "0"),
            ("1E2", "100.0"),
        ] {
            assert_eq!(json(text).map(|value| value.written()), Ok(value.to_owned()), "{text}");
        }
        for text in [
            "", "01", "[1,]", "{'a':1}", "1.", "-", "\"a\nb\"", "[1 2]", "nul", "{\"a\"}", "+1", ".5", "1 2",
            "\"\\x\"", "1e",
        ] {
            assert!(json(text).is_err(), "{text}");
        }
        assert_eq!(json(&"[".repeat(100_000)), Err(Fault::Limit));
    }
}
