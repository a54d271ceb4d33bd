//! Text of tokens as they come: a character is given out when all of its bytes are there.

use super::Tokenizer;

/// The bytes of a response that is being written.
#[derive(Debug, Clone)]
pub struct Stream<'a> {
    tokenizer: &'a Tokenizer,
    /// Bytes that may still become a character: at most three.
    waiting: Vec<u8>,
    strip_first: bool,
    ended: bool,
}

impl<'a> Stream<'a> {
    /// Nothing was written yet.
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        let strip_first = match tokenizer {
            Tokenizer::Characters => false,
            Tokenizer::Pretrained(own) => own.strips_first(),
        };
        Self { tokenizer, waiting: Vec::new(), strip_first, ended: false }
    }

    /// The text that this token completes, maybe none. After an end token nothing follows.
    pub fn push(&mut self, token: u32) -> String {
        if self.ended || self.tokenizer.end_tokens().contains(&token) {
            self.ended = true;
            return String::new();
        }
        self.waiting.extend_from_slice(&self.tokenizer.piece(token));
        let whole = complete(&self.waiting);
        let bytes: Vec<u8> = self.waiting.drain(..whole).collect();
        self.text(&bytes)
    }

    /// What is left at the end: U+FFFD for a character that never became whole.
    pub fn finish(mut self) -> String {
        let bytes = std::mem::take(&mut self.waiting);
        self.text(&bytes)
    }

    fn text(&mut self, bytes: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        if self.strip_first && !text.is_empty() {
            self.strip_first = false;
            if text.starts_with(' ') {
                text.remove(0);
            }
        }
        text
    }
}

/// How many bytes at the start are sure: all but a last character that is not whole yet.
fn complete(bytes: &[u8]) -> usize {
    let mut from = 0;
    loop {
        match std::str::from_utf8(bytes.get(from..).unwrap_or_default()) {
            Ok(_) => return bytes.len(),
            Err(why) => match why.error_len() {
                Some(length) => from += why.valid_up_to() + length,
                None => return from + why.valid_up_to(),
            },
        }
    }
}
