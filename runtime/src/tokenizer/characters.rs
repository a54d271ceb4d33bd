//! The built-in character tokenizer: 96 ids. Id 0 ends a response; 1 to 95 are the printable ASCII characters from
//! blank to `~`, in order.

use crate::policy::PolicyError;
use crate::policy::checkpoint::write_whole;
use std::path::Path;

/// The token that ends a response.
pub const END: u32 = 0;

/// Number of token ids.
pub const VOCAB_SIZE: usize = 96;

const END_TEXT: &str = "<end>";

/// A text holds a character that has no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("character {character:?} at byte {byte} has no token; the character tokenizer knows blank (0x20) to ~ (0x7e)")]
pub struct BadCharacter {
    /// The character.
    pub character: char,
    /// Where it starts.
    pub byte: usize,
}

/// Token ids of a text, one per character. A line break has none.
pub fn encode(text: &str) -> Result<Vec<u32>, BadCharacter> {
    text.char_indices()
        .map(|(byte, character)| match character {
            ' '..='~' => Ok(character as u32 - ' ' as u32 + 1),
            _ => Err(BadCharacter { character, byte }),
        })
        .collect()
}

/// Text of token ids up to the end token, which has no text. An id that stands for nothing becomes U+FFFD.
pub fn decode(tokens: &[u32]) -> String {
    let text = |token: &u32| match token {
        1..=95 => char::from_u32(token - 1 + ' ' as u32).unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => char::REPLACEMENT_CHARACTER,
    };
    tokens.iter().take_while(|token| **token != END).map(text).collect()
}

/// Writes the same tokenizer as `tokenizer.json` and `tokenizer_config.json` in Hugging Face format into a folder, so
/// that a checkpoint can be used elsewhere.
pub fn save(folder: &Path) -> Result<(), PolicyError> {
    for (name, value) in [("tokenizer.json", description()), ("tokenizer_config.json", configuration())] {
        let path = folder.join(name);
        let mut text = serde_json::to_string_pretty(&value)
            .map_err(|error| PolicyError::Checkpoint { path: path.clone(), reason: error.to_string() })?;
        text.push('\n');
        write_whole(&path, text.as_bytes())?;
    }
    Ok(())
}

/// Whether a description of a tokenizer is that of this file: a checkpoint of a `fresh` model, read back.
pub(super) fn is_description(value: &serde_json::Value) -> bool {
    *value == description()
}

/// Words are single characters: every character is split off, and looked up.
fn description() -> serde_json::Value {
    let mut vocab = serde_json::Map::new();
    vocab.insert(END_TEXT.into(), END.into());
    for id in 1..VOCAB_SIZE as u32 {
        vocab.insert(decode(&[id]), id.into());
    }
    serde_json::json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [{
            "id": END, "content": END_TEXT, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        }],
        "normalizer": null,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": false},
        "post_processor": null,
        "decoder": {"type": "Fuse"},
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": END_TEXT}
    })
}

fn configuration() -> serde_json::Value {
    serde_json::json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END_TEXT,
        "clean_up_tokenization_spaces": false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_comes_back() {
        let all: String = (' '..='~').collect();
        let tokens = encode(&all).unwrap();
        assert_eq!(tokens, (1..=95).collect::<Vec<u32>>());
        assert_eq!(decode(&tokens), all);
        assert_eq!(encode("Az").unwrap(), [34, 91]);
        assert_eq!(decode(&[34, END, 91]), "A");
    }

    #[test]
    fn other_characters_are_named() {
        assert_eq!(encode("a\n"), Err(BadCharacter { character: '\n', byte: 1 }));
        assert_eq!(encode("aé").unwrap_err().byte, 1);
        assert_eq!(decode(&[96]), "\u{fffd}");
    }

    #[test]
    fn the_file_names_every_id_once() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join("tokenizer.json")).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let vocab = file["model"]["vocab"].as_object().unwrap();
        let mut ids: Vec<u64> = vocab.values().filter_map(|id| id.as_u64()).collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..96).collect::<Vec<u64>>());
        assert_eq!(vocab["~"], 95);
    }
}
