//! Tokenizers: the built-in one of single characters, and those that come with a checkpoint.
//!
//! A token stands for bytes, and the bytes of a response are joined before they become text: a character that several tokens make up
//! is whole again, and one that is cut off shows as U+FFFD. [`Stream`] does the same token by token.

mod characters;
mod pieces;
mod pretrained;
mod stream;

pub use characters::{BadCharacter, END, VOCAB_SIZE, decode, encode, save};
pub(crate) use pretrained::Parts;
pub use pretrained::Pretrained;
pub use stream::Stream;

use crate::model::ModelError;
use crate::policy::PolicyError;
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// The tokenizer of a policy. A copy is cheap.
#[derive(Debug, Clone)]
pub enum Tokenizer {
    /// The built-in one: see [`encode`].
    Characters,
    /// That of a checkpoint.
    Pretrained(Arc<Pretrained>),
}

/// A text cannot be turned into tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// It holds a character that has no token.
    #[error(transparent)]
    Character(#[from] BadCharacter),
    /// The tokenizer of the checkpoint refused it.
    #[error("the tokenizer refuses the text: {0}")]
    Refused(String),
}

impl Tokenizer {
    /// The tokenizer in a folder in Hugging Face layout. `config_ends` are the end tokens of `config.json`, which count where the
    /// files of the tokenizer name no other.
    pub fn open(folder: &Path, config_ends: &[u32]) -> Result<Self, ModelError> {
        pretrained::open(folder, config_ends)
    }

    /// Token ids of a text as it stands: nothing is put before or after it. The names of special tokens in it become those tokens,
    /// because chat templates write them.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, EncodeError> {
        match self {
            Self::Characters => Ok(encode(text)?),
            Self::Pretrained(own) => own.encode(text),
        }
    }

    /// Token ids of a text that begins a sequence: the token that opens every sequence comes first, where the checkpoint has one.
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<u32>, EncodeError> {
        let mut tokens = match self {
            Self::Characters => Vec::new(),
            Self::Pretrained(own) => own.opening().to_vec(),
        };
        tokens.extend(self.encode(text)?);
        Ok(tokens)
    }

    /// Text of token ids up to the first end token, which has no text. Other special tokens are written by their names: marks of
    /// answers can be such tokens.
    pub fn decode(&self, tokens: &[u32]) -> String {
        match self {
            Self::Characters => decode(tokens),
            Self::Pretrained(own) => own.decode(tokens),
        }
    }

    /// Bytes that a token adds to a text; none for an end token, U+FFFD for an id that stands for nothing.
    pub fn piece(&self, token: u32) -> Cow<'_, [u8]> {
        match self {
            Self::Characters => Cow::Owned(decode(&[token]).into_bytes()),
            Self::Pretrained(own) => Cow::Borrowed(own.piece(token)),
        }
    }

    /// How many tokens a piece of decoded text has.
    pub fn count(&self, text: &str) -> usize {
        match self {
            Self::Characters => text.chars().count(),
            Self::Pretrained(own) => own.encode(text).map_or(0, |tokens| tokens.len()),
        }
    }

    /// The token that ends a response where one has to be written: the first of [`Tokenizer::end_tokens`].
    pub fn end_token(&self) -> u32 {
        self.end_tokens().first().copied().unwrap_or(END)
    }

    /// Tokens that end a response; at least one, none twice.
    pub fn end_tokens(&self) -> &[u32] {
        match self {
            Self::Characters => &[END],
            Self::Pretrained(own) => own.end_tokens(),
        }
    }

    /// One more than the largest token id.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Characters => VOCAB_SIZE,
            Self::Pretrained(own) => own.vocab_size(),
        }
    }

    /// Text of a special token by its role, `bos_token` or `eos_token`: what chat templates ask for.
    pub fn special(&self) -> &std::collections::BTreeMap<String, String> {
        static NONE: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
        match self {
            Self::Characters => &NONE,
            Self::Pretrained(own) => own.special(),
        }
    }

    /// Writes the tokenizer in Hugging Face format into a folder, so that a checkpoint can be used elsewhere: the files that it came
    /// with, byte by byte.
    pub fn save(&self, folder: &Path) -> Result<(), PolicyError> {
        match self {
            Self::Characters => save(folder),
            Self::Pretrained(own) => own.save(folder),
        }
    }
}
