//! The tokenizer of a checkpoint: `tokenizer.json`, the settings beside it, and the tokens that end a response.

use super::pieces::Decoding;
use super::{EncodeError, Tokenizer, characters};
use crate::model::ModelError;
use crate::policy::PolicyError;
use crate::policy::checkpoint::write_whole;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TOKENIZER: &str = "tokenizer.json";
const SETTINGS: &str = "tokenizer_config.json";
const SPECIAL: &str = "special_tokens_map.json";
const GENERATION: &str = "generation_config.json";

/// Files that belong to a tokenizer: what a checkpoint takes over, byte by byte.
const FILES: [&str; 6] =
    [TOKENIZER, SETTINGS, "special_tokens_map.json", "chat_template.jinja", "chat_template.json", GENERATION];

/// Roles of special tokens that templates may ask for.
const ROLES: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// More ids than any tokenizer has.
const MOST_IDS: u32 = 1 << 24;

/// A tokenizer that was trained elsewhere.
pub struct Pretrained {
    inner: tokenizers::Tokenizer,
    /// Bytes of each token; none for an id that stands for nothing.
    pieces: Vec<Option<Box<[u8]>>>,
    strip_first: bool,
    /// What is put before a text that begins a sequence.
    opening: Vec<u32>,
    end_tokens: Vec<u32>,
    special: BTreeMap<String, String>,
    files: Vec<(String, Vec<u8>)>,
}

impl std::fmt::Debug for Pretrained {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pretrained")
            .field("ids", &self.pieces.len())
            .field("opening", &self.opening)
            .field("end_tokens", &self.end_tokens)
            .finish_non_exhaustive()
    }
}

/// What a tokenizer is made of.
pub(crate) struct Parts {
    /// The file that it comes from, for messages.
    pub(crate) path: PathBuf,
    /// Text to tokens.
    pub(crate) inner: tokenizers::Tokenizer,
    /// Tokens that end a response; the first one is written where one is needed.
    pub(crate) end_tokens: Vec<u32>,
    /// Texts of special tokens by role.
    pub(crate) special: BTreeMap<String, String>,
    /// Files to write into checkpoints.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// Reads the tokenizer of a folder.
pub(super) fn open(folder: &Path, config_ends: &[u32]) -> Result<Tokenizer, ModelError> {
    let path = folder.join(TOKENIZER);
    if !path.exists() {
        let older = ["tokenizer.model", "vocab.json", "tekken.json"].iter().find(|name| folder.join(name).exists());
        let why = match older {
            Some(name) => format!(
                "there is no `{TOKENIZER}`, and `{name}` is not read; convert it with `AutoTokenizer.from_pretrained(…).save_pretrained(…)` of transformers"
            ),
            None => format!("there is no `{TOKENIZER}` in it"),
        };
        return Err(ModelError::Missing { path: folder.to_owned(), why });
    }
    let bytes = crate::model::read_file(&path)?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|why| ModelError::broken(&path, why.to_string()))?;
    if characters::is_description(&value) {
        return Ok(Tokenizer::Characters);
    }
    let inner = tokenizers::Tokenizer::from_bytes(&bytes).map_err(|why| ModelError::broken(&path, why.to_string()))?;
    let mut files = Vec::new();
    for name in FILES {
        let file = folder.join(name);
        if file.exists() {
            files.push((name.to_owned(), crate::model::read_file(&file)?));
        }
    }
    let settings = object(folder, SETTINGS, &files)?;
    let mut special = special(&settings);
    for (role, text) in self::special(&object(folder, SPECIAL, &files)?) {
        special.entry(role).or_insert(text);
    }
    let mut end_tokens = Vec::new();
    if let Some(text) = special.get("eos_token") {
        let id = inner.token_to_id(text).ok_or_else(|| ModelError::Field {
            path: folder.join(SETTINGS),
            field: "eos_token".into(),
            why: format!("`{text}` is not a token of `{TOKENIZER}`"),
        })?;
        end_tokens.push(id);
    }
    let generation = object(folder, GENERATION, &files)?;
    match generation.get("eos_token_id") {
        None | Some(Value::Null) => {}
        Some(value) => end_tokens.extend(ids(value).ok_or_else(|| ModelError::Field {
            path: folder.join(GENERATION),
            field: "eos_token_id".into(),
            why: format!("{value} is not a token id or a list of them"),
        })?),
    }
    end_tokens.extend(config_ends);
    let parts = Parts { path, inner, end_tokens, special, files };
    Ok(Tokenizer::Pretrained(Arc::new(Pretrained::new(parts)?)))
}

/// A JSON object among the files that were read; an empty one where there is no such file.
fn object(
    folder: &Path,
    name: &str,
    files: &[(String, Vec<u8>)],
) -> Result<serde_json::Map<String, Value>, ModelError> {
    let Some((_, bytes)) = files.iter().find(|(file, _)| file == name) else { return Ok(serde_json::Map::new()) };
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(ModelError::broken(&folder.join(name), "it is not an object")),
        Err(why) => Err(ModelError::broken(&folder.join(name), why.to_string())),
    }
}

fn ids(value: &Value) -> Option<Vec<u32>> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Value::Array(items) => items.iter().map(id).collect(),
        other => id(other).map(|id| vec![id]),
    }
}

/// Special tokens by role: a text, or an object with its text.
fn special(settings: &serde_json::Map<String, Value>) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(map) => map.get("content").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let found = ROLES.iter().filter_map(|role| Some(((*role).to_owned(), text(settings.get(*role)?)?)));
    found.collect()
}

impl Pretrained {
    /// Puts a tokenizer together.
    pub(crate) fn new(parts: Parts) -> Result<Self, ModelError> {
        let Parts { path, mut inner, end_tokens, special, files } = parts;
        let broken = |why: String| ModelError::broken(&path, why);
        // Cutting and filling are for batches of a fixed length; a prompt must stay what it is.
        inner.with_truncation(None).map_err(|why| broken(why.to_string()))?;
        inner.with_padding(None);
        let decoder = serde_json::to_value(inner.get_decoder()).map_err(|why| broken(why.to_string()))?;
        let decoding = Decoding::read(&decoder).map_err(broken)?;
        let mut unique: Vec<u32> = Vec::new();
        for token in end_tokens {
            if !unique.contains(&token) {
                unique.push(token);
            }
        }
        if unique.is_empty() {
            let why = "no file names a token that ends a response; write `eos_token_id` into `generation_config.json`";
            return Err(broken(why.into()));
        }
        let pieces = pieces(&inner, &decoding).map_err(broken)?;
        let mut own = Self {
            inner,
            pieces,
            strip_first: decoding.strip_first,
            opening: Vec::new(),
            end_tokens: unique,
            special,
            files,
        };
        own.opening = own.find_opening().map_err(|why| broken(why.to_string()))?;
        Ok(own)
    }

    /// What the tokenizer puts before a text of its own accord.
    fn find_opening(&self) -> Result<Vec<u32>, EncodeError> {
        let refused = |why: tokenizers::Error| EncodeError::Refused(why.to_string());
        let bare = self.encode("a")?;
        let with = self.inner.encode_fast("a", true).map_err(refused)?;
        let with = with.get_ids();
        let at = with.windows(bare.len().max(1)).position(|part| part == bare.as_slice()).unwrap_or(0);
        Ok(with.get(..at).unwrap_or_default().to_vec())
    }

    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, EncodeError> {
        let encoded = self.inner.encode_fast(text, false).map_err(|why| EncodeError::Refused(why.to_string()))?;
        Ok(encoded.get_ids().to_vec())
    }

    pub(super) fn decode(&self, tokens: &[u32]) -> String {
        let tokens = tokens.iter().take_while(|token| !self.end_tokens.contains(token));
        let bytes: Vec<u8> = tokens.flat_map(|token| self.piece(*token)).copied().collect();
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        if self.strip_first && text.starts_with(' ') {
            text.remove(0);
        }
        text
    }

    pub(super) fn piece(&self, token: u32) -> &[u8] {
        if self.end_tokens.contains(&token) {
            return &[];
        }
        match self.pieces.get(token as usize) {
            Some(Some(bytes)) => bytes,
            _ => "\u{fffd}".as_bytes(),
        }
    }

    pub(super) fn opening(&self) -> &[u32] {
        &self.opening
    }

    pub(super) fn end_tokens(&self) -> &[u32] {
        &self.end_tokens
    }

    pub(super) fn special(&self) -> &BTreeMap<String, String> {
        &self.special
    }

    pub(super) fn strips_first(&self) -> bool {
        self.strip_first
    }

    pub(super) fn vocab_size(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn save(&self, folder: &Path) -> Result<(), PolicyError> {
        for (name, bytes) in &self.files {
            write_whole(&folder.join(name), bytes)?;
        }
        Ok(())
    }
}

/// Bytes of every id.
fn pieces(inner: &tokenizers::Tokenizer, decoding: &Decoding) -> Result<Vec<Option<Box<[u8]>>>, String> {
    let names: BTreeMap<u32, String> = inner.get_vocab(true).into_iter().map(|(name, id)| (id, name)).collect();
    let Some((largest, _)) = names.last_key_value() else { return Err("it has no tokens".into()) };
    if *largest >= MOST_IDS {
        return Err(format!("it has a token with id {largest}, more than any tokenizer has"));
    }
    let added = inner.get_added_tokens_decoder();
    let mut pieces = vec![None; *largest as usize + 1];
    for (id, name) in names {
        let bytes = if added.contains_key(&id) { name.into_bytes() } else { decoding.bytes(&name) };
        if let Some(piece) = pieces.get_mut(id as usize) {
            *piece = Some(bytes.into_boxed_slice());
        }
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests;
