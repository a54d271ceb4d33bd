//! Stop strings in the text that a rollout writes, found across token borders.
//!
//! Each string has a Knuth-Morris-Pratt automaton (1977) that reads the bytes of the tokens as they come, so the work is at
//! most two comparisons per byte and string, whatever the text.

use super::PolicyError;
use serde::{Deserialize, Serialize};

/// Most stop strings of one engine.
pub const MOST_STRINGS: usize = 64;
/// Most bytes of one stop string.
pub const MOST_BYTES: usize = 1024;

/// The bytes that a token stands for, without what other tokens stand beside it. Tokens of byte-level vocabularies may end
/// in the middle of a character.
pub trait TokenBytes: Send + Sync {
    /// Adds the bytes of a token to `out`; nothing for tokens that are not text and for ids that stand for nothing.
    fn push_bytes(&self, token: u32, out: &mut Vec<u8>);
}

impl TokenBytes for crate::tokenizer::Tokenizer {
    fn push_bytes(&self, token: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.piece(token));
    }
}

/// Stop strings, prepared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stops {
    strings: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    bytes: Vec<u8>,
    /// `fallback[n]`: length of the longest proper prefix that is also a suffix of the first `n + 1` bytes.
    fallback: Vec<usize>,
}

/// Where the text of a response is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Which of the stop strings was found.
    pub string: usize,
    /// Bytes of the response's text before it.
    pub byte: usize,
}

impl Stops {
    /// Prepares strings; an empty one, one that is too long, or too many of them are refused.
    pub fn new<S: AsRef<str>>(strings: impl IntoIterator<Item = S>) -> Result<Self, PolicyError> {
        let mut prepared = Vec::new();
        for string in strings {
            let bytes = string.as_ref().as_bytes().to_vec();
            if bytes.is_empty() {
                return Err(PolicyError::Stop("an empty stop string would end every response at once".into()));
            }
            if bytes.len() > MOST_BYTES {
                let reason = format!("a stop string of {} bytes; at most {MOST_BYTES} are possible", bytes.len());
                return Err(PolicyError::Stop(reason));
            }
            if prepared.len() == MOST_STRINGS {
                return Err(PolicyError::Stop(format!("more than {MOST_STRINGS} stop strings")));
            }
            prepared.push(Pattern::new(bytes));
        }
        Ok(Self { strings: prepared })
    }

    /// True when nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }

    /// The string with this number.
    pub fn string(&self, number: usize) -> Option<&str> {
        std::str::from_utf8(&self.strings.get(number)?.bytes).ok()
    }
}

impl Pattern {
    fn new(bytes: Vec<u8>) -> Self {
        let mut fallback = vec![0; bytes.len()];
        let mut matched = 0;
        for at in 1..bytes.len() {
            while matched > 0 && bytes[at] != bytes[matched] {
                matched = fallback[matched - 1];
            }
            matched += usize::from(bytes[at] == bytes[matched]);
            fallback[at] = matched;
        }
        Self { bytes, fallback }
    }

    /// The state after one more byte; the state is how many bytes of the pattern the text ends with.
    fn step(&self, mut matched: usize, byte: u8) -> usize {
        while matched > 0 && self.bytes.get(matched) != Some(&byte) {
            matched = self.fallback[matched - 1];
        }
        matched + usize::from(self.bytes[matched] == byte)
    }
}

/// How far one rollout has come in each stop string.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matcher {
    matched: Vec<usize>,
    bytes: usize,
    piece: Vec<u8>,
}

impl Matcher {
    /// Reads the next token. Of the strings that end in it, the one that begins first is reported; of those that begin at
    /// the same byte, the one named first.
    pub(crate) fn read(&mut self, stops: &Stops, text: &dyn TokenBytes, token: u32) -> Option<Cut> {
        self.piece.clear();
        text.push_bytes(token, &mut self.piece);
        self.matched.resize(stops.strings.len(), 0);
        let mut found: Option<Cut> = None;
        for (string, (pattern, matched)) in stops.strings.iter().zip(&mut self.matched).enumerate() {
            for (at, byte) in self.piece.iter().enumerate() {
                *matched = pattern.step(*matched, *byte);
                if *matched == pattern.bytes.len() {
                    let byte = self.bytes + at + 1 - pattern.bytes.len();
                    if found.is_none_or(|found| byte < found.byte) {
                        found = Some(Cut { string, byte });
                    }
                    break;
                }
            }
        }
        self.bytes += self.piece.len();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    /// Tokens are pieces of text.
    struct Pieces(Vec<&'static [u8]>);

    impl TokenBytes for Pieces {
        fn push_bytes(&self, token: u32, out: &mut Vec<u8>) {
            out.extend_from_slice(self.0.get(token as usize).copied().unwrap_or_default());
        }
    }

    fn first(stops: &[&str], pieces: Vec<&'static [u8]>) -> Option<(usize, Cut)> {
        let stops = Stops::new(stops).unwrap();
        let (mut matcher, pieces) = (Matcher::default(), Pieces(pieces));
        (0..pieces.0.len()).find_map(|at| Some((at, matcher.read(&stops, &pieces, at as u32)?)))
    }

    #[test]
    fn strings_are_found_across_tokens() {
        assert_eq!(first(&["END"], vec![b"aE", b"N", b"", b"Db"]), Some((3, Cut { string: 0, byte: 1 })));
        assert_eq!(first(&["aab"], vec![b"aa", b"aa", b"b"]), Some((2, Cut { string: 0, byte: 2 })));
        assert_eq!(first(&["é"], vec![b"x\xc3", b"\xa9"]), Some((1, Cut { string: 0, byte: 1 })));
        assert_eq!(first(&["END"], vec![b"EN", b"E", b"ND?"]), Some((2, Cut { string: 0, byte: 2 })));
        assert_eq!(first(&["x"], vec![b"abc"]), None);
    }

    #[test]
    fn the_string_that_begins_first_cuts() {
        assert_eq!(first(&["b", "abc", "ab"], vec![b"xabcx"]), Some((0, Cut { string: 1, byte: 1 })));
        assert_eq!(first(&["c", "bcd"], vec![b"abcd"]), Some((0, Cut { string: 1, byte: 1 })));
    }

    /// Oracle: a search of the whole text after every token.
    #[test]
    fn agrees_with_a_search_of_the_text() {
        let words = Stream::new(5, Purpose::Other, 0, 0, 0);
        let mut hits = 0;
        for case in 0..400u32 {
            let letter = |at: u32| if words.below(case * 64 + at, 2) == 0 { "a" } else { "b" };
            let stop: String = (0..2 + case % 4).map(letter).collect();
            let stops = Stops::new([&stop]).unwrap();
            let pieces = Pieces(vec![b"a", b"b", b"ab", b"bba", b""]);
            let (mut matcher, mut text) = (Matcher::default(), String::new());
            for at in 0..12 {
                let token = words.below(1_000_000 + case * 64 + at, 5) as u32;
                text.push_str(std::str::from_utf8(pieces.0[token as usize]).unwrap());
                let found = matcher.read(&stops, &pieces, token);
                assert_eq!(found.map(|cut| cut.byte), text.find(&stop), "{stop} in {text}");
                if found.is_some() {
                    hits += 1;
                    break;
                }
            }
        }
        assert!(hits > 100);
    }

    #[test]
    fn impossible_strings_are_refused() {
        assert!(Stops::new([""]).unwrap_err().to_string().contains("empty"));
        assert!(Stops::new(["x".repeat(MOST_BYTES + 1)]).unwrap_err().to_string().contains("1025 bytes"));
        assert!(Stops::new(vec!["x"; MOST_STRINGS + 1]).is_err());
        assert_eq!(Stops::new(["ab", "é"]).unwrap().string(1), Some("é"));
    }
}
