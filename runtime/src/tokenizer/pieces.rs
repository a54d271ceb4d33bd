//! The bytes that each token stands for, from the decoder that a `tokenizer.json` describes.
//!
//! Three ways are in use. Byte-level vocabularies (GPT-2, Llama 3, Qwen) write every byte as a printable character. Vocabularies of
//! SentencePiece (Llama 2, Mistral 7B) write a blank as U+2581 and have tokens `<0xE2>` for single bytes. Plain ones write the text.

use serde_json::Value;

/// How the names of tokens become bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decoding {
    byte_level: bool,
    byte_fallback: bool,
    /// Texts that stand for others.
    replace: Vec<(String, String)>,
    /// Whether one blank at the start of a text is taken off.
    pub(super) strip_first: bool,
}

impl Decoding {
    /// Reads the `decoder` of a `tokenizer.json`.
    pub(super) fn read(decoder: &Value) -> Result<Self, String> {
        let mut decoding = Self::default();
        decoding.add(decoder)?;
        Ok(decoding)
    }

    fn add(&mut self, decoder: &Value) -> Result<(), String> {
        let text = |key: &str| decoder.get(key).and_then(Value::as_str);
        match text("type") {
            Some("Sequence") => {
                let steps = decoder.get("decoders").and_then(Value::as_array);
                steps.into_iter().flatten().try_for_each(|step| self.add(step))?;
            }
            Some("ByteLevel") => self.byte_level = true,
            Some("ByteFallback") => self.byte_fallback = true,
            Some("Fuse") => {}
            Some("Replace") => {
                let pattern = decoder.get("pattern").and_then(|pattern| pattern.get("String")).and_then(Value::as_str);
                match (pattern, text("content")) {
                    (Some(pattern), Some(content)) if !pattern.is_empty() => {
                        self.replace.push((pattern.to_owned(), content.to_owned()));
                    }
                    _ => return Err("a decoder that replaces by a regular expression is not read".into()),
                }
            }
            Some("Strip") => {
                let number = |key: &str| decoder.get(key).and_then(Value::as_u64);
                match (text("content"), number("start"), number("stop")) {
                    (Some(" "), Some(1), Some(0)) => self.strip_first = true,
                    (_, Some(0), Some(0)) => {}
                    _ => return Err("its decoder strips something else than one blank at the start".into()),
                }
            }
            Some("Metaspace") => {
                self.replace.push((text("replacement").unwrap_or("\u{2581}").to_owned(), " ".to_owned()));
                let never = text("prepend_scheme") == Some("never")
                    || decoder.get("add_prefix_space").and_then(Value::as_bool) == Some(false);
                self.strip_first = !never;
            }
            Some(other) => {
                return Err(format!(
                    "a decoder `{other}` is not read; known are ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, Sequence"
                ));
            }
            None => return Err("it has no decoder, so that the text of its tokens is not known".into()),
        }
        Ok(())
    }

    /// Bytes of a token of the vocabulary by its name.
    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        if self.byte_fallback
            && let Some(byte) = byte_name(name)
        {
            return vec![byte];
        }
        if self.byte_level
            && let Some(bytes) = name.chars().map(byte_of).collect::<Option<Vec<u8>>>()
        {
            return bytes;
        }
        let mut text = name.to_owned();
        for (from, to) in &self.replace {
            text = text.replace(from, to);
        }
        text.into_bytes()
    }
}

/// The byte of a name `<0xE2>`.
fn byte_name(name: &str) -> Option<u8> {
    let digits = name.strip_prefix("<0x")?.strip_suffix('>')?;
    let plain = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if plain { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// The byte that a character of a byte-level vocabulary stands for (Radford et al. 2019): printable Latin-1 characters are
/// themselves, and the 68 other bytes are the characters from U+0100 on, in order.
fn byte_of(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => u8::try_from(code).ok(),
        code @ 0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        code @ 0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Every byte has a character of its own, and the tokenizers crate agrees on which.
    #[test]
    fn all_bytes_have_characters() {
        let all = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
        let mut bytes: Vec<u8> = all.into_iter().map(|character| byte_of(character).unwrap()).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
        assert_eq!(byte_of('Ġ'), Some(b' '));
        assert_eq!(byte_of('Ċ'), Some(b'\n'));
        assert_eq!(byte_of(' '), None);
    }

    #[test]
    fn sentence_pieces() {
        let decoder = json!({"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u{2581}"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]});
        let decoding = Decoding::read(&decoder).unwrap();
        assert!(decoding.strip_first);
        assert_eq!(decoding.bytes("\u{2581}a\u{2581}"), b" a ");
        assert_eq!(decoding.bytes("<0xE2>"), [0xe2]);
        assert_eq!(decoding.bytes("<0x+2>"), b"<0x+2>".to_vec());
    }

    #[test]
    fn unknown_decoders_are_refused() {
        for decoder in
            [json!(null), json!({"type": "WordPiece"}), json!({"type": "Strip", "content": "x", "start": 2, "stop": 0})]
        {
            assert!(Decoding::read(&decoder).is_err(), "{decoder}");
        }
    }
}
