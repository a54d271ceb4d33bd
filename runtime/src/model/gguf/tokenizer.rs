//! The tokenizer of a GGUF file, written anew as the files of a Hugging Face folder: read from there, and saved with checkpoints.

use super::metadata::Metadata;
use super::split::Split;
use crate::model::ModelError;
use crate::tokenizer::{Parts, Pretrained, Tokenizer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const MODEL: &str = "tokenizer.ggml.model";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";
const PRE: &str = "tokenizer.ggml.pre";

/// Special tokens by role, and the keys of their ids.
const ROLES: [(&str, &str); 4] = [
    ("bos_token", "tokenizer.ggml.bos_token_id"),
    ("eos_token", "tokenizer.ggml.eos_token_id"),
    ("unk_token", "tokenizer.ggml.unknown_token_id"),
    ("pad_token", "tokenizer.ggml.padding_token_id"),
];
/// Keys of tokens that end a response beside the end of a sequence: the end of a turn, of a message.
const ENDS: [&str; 3] = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"];

// Kinds of tokens (`token_type`): those that text never is by itself.
const UNKNOWN: u64 = 2;
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;

/// Reads the tokenizer.
pub(super) fn read(metadata: &Metadata<'_>) -> Result<Tokenizer, ModelError> {
    match metadata.text(MODEL)? {
        Some("gpt2") => {}
        Some(other) => {
            let why = format!(
                "a vocabulary of kind `{other}` is not read from GGUF files, only `gpt2`; take the safetensors checkpoint with its `tokenizer.json`"
            );
            return Err(metadata.bad(MODEL, why));
        }
        None => return Err(metadata.bad(MODEL, "it is missing: the file has no tokenizer")),
    }
    let tokens = metadata.texts(TOKENS)?.ok_or_else(|| metadata.bad(TOKENS, "it is missing"))?;
    let split = match metadata.text(PRE)? {
        Some(name) => Split::of(name)
            .ok_or_else(|| metadata.bad(PRE, format!("`{name}` is not known; known are {}", Split::names())))?,
        None => return Err(metadata.bad(PRE, format!("it is missing; known are {}", Split::names()))),
    };
    let id = |key: &str| -> Result<Option<u32>, ModelError> {
        let Some(id) = metadata.whole(key)? else { return Ok(None) };
        match u32::try_from(id).ok().filter(|id| (*id as usize) < tokens.len()) {
            Some(id) => Ok(Some(id)),
            None => Err(metadata.bad(key, format!("{id} is not one of the {} tokens", tokens.len()))),
        }
    };
    let text_of = |id: u32| tokens.get(id as usize).map(|text| (*text).to_owned());
    let mut special = BTreeMap::new();
    for (role, key) in ROLES {
        if let Some(text) = id(key)?.and_then(text_of) {
            special.insert(role.to_owned(), text);
        }
    }
    let mut end_tokens = Vec::new();
    for key in ENDS {
        end_tokens.extend(id(key)?);
    }
    let opening = match (metadata.truth("tokenizer.ggml.add_bos_token")?.unwrap_or(split.opens), id(ROLES[0].1)?) {
        (true, Some(id)) => Some(id),
        (true, None) => return Err(metadata.bad(ROLES[0].1, "it is missing, and every sequence begins with it")),
        (false, _) => None,
    };
    let description = description(metadata, &tokens, &split, opening)?;
    let broken = |why: String| ModelError::broken(metadata.path, format!("its tokenizer cannot be built: {why}"));
    let bytes = serde_json::to_vec(&description).map_err(|why| broken(why.to_string()))?;
    let inner = tokenizers::Tokenizer::from_bytes(&bytes).map_err(|why| broken(why.to_string()))?;

    let mut settings = Map::new();
    settings.insert("tokenizer_class".into(), "PreTrainedTokenizerFast".into());
    settings.insert("clean_up_tokenization_spaces".into(), false.into());
    settings.extend(special.iter().map(|(role, text)| (role.clone(), Value::from(text.clone()))));
    if let Some(template) = metadata.text("tokenizer.chat_template")? {
        settings.insert("chat_template".into(), template.into());
    }
    let generation = json!({ "eos_token_id": end_tokens });
    let mut files = vec![("tokenizer.json".to_owned(), bytes)];
    for (name, value) in [("tokenizer_config.json", Value::Object(settings)), ("generation_config.json", generation)] {
        let mut text = serde_json::to_vec_pretty(&value).map_err(|why| broken(why.to_string()))?;
        text.push(b'\n');
        files.push((name.to_owned(), text));
    }
    let parts = Parts { path: metadata.path.to_owned(), inner, end_tokens, special, files };
    Ok(Tokenizer::Pretrained(Arc::new(Pretrained::new(parts)?)))
}

/// The tokenizer as a `tokenizer.json` describes it.
fn description(
    metadata: &Metadata<'_>,
    tokens: &[&str],
    split: &Split,
    opening: Option<u32>,
) -> Result<Value, ModelError> {
    let mut vocab = Map::new();
    for (id, text) in tokens.iter().enumerate() {
        if vocab.insert((*text).to_owned(), id.into()).is_some() {
            return Err(metadata.bad(TOKENS, format!("`{text}` stands there twice")));
        }
    }
    let types = metadata.wholes(TYPES)?.unwrap_or_else(|| vec![1; tokens.len()]);
    if types.len() != tokens.len() {
        return Err(metadata.bad(TYPES, format!("it has {} entries for {} tokens", types.len(), tokens.len())));
    }
    let added: Vec<Value> = (tokens.iter().zip(&types).enumerate())
        .filter(|(_, (_, kind))| [UNKNOWN, CONTROL, USER_DEFINED].contains(kind))
        .map(|(id, (text, kind))| {
            json!({
                "id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                "special": *kind != USER_DEFINED
            })
        })
        .collect();
    let mut merges = Vec::new();
    for line in metadata.texts(MERGES)?.ok_or_else(|| metadata.bad(MERGES, "it is missing"))? {
        let Some((left, right)) = line.split_once(' ') else {
            return Err(metadata.bad(MERGES, format!("`{line}` is not a pair of tokens")));
        };
        merges.push(json!([left, right]));
    }
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let post_processor = match opening {
        None => byte_level.clone(),
        Some(id) => {
            let text = tokens.get(id as usize).copied().unwrap_or_default();
            let first = json!({"SpecialToken": {"id": text, "type_id": 0}});
            let sequence = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
            json!({
                "type": "TemplateProcessing",
                "single": [first, sequence("A", 0)],
                "pair": [first, sequence("A", 0), sequence("B", 1)],
                "special_tokens": {text: {"id": text, "ids": [id], "tokens": [text]}}
            })
        }
    };
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": split.normalizer,
        "pre_tokenizer": split.pre_tokenizer,
        "post_processor": post_processor,
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
            "fuse_unk": false, "byte_fallback": false, "ignore_merges": split.ignore_merges, "vocab": vocab, "merges": merges
        }
    }))
}
