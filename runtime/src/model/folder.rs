//! A folder in Hugging Face layout: `config.json`, weights in one or several safetensors files, the tokenizer and its chat template.

use super::config::{self, Config};
use super::names::{Role, role};
use super::safetensors::TensorFiles;
use super::{Model, ModelError, chat};
use crate::policy::{Policy, parameter_shapes};
use crate::tokenizer::Tokenizer;
use candle_core::Device;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

/// Name of the configuration in a folder.
pub const CONFIG: &str = "config.json";

/// Opens a folder.
pub fn open(folder: &Path, device: &Device) -> Result<Model, ModelError> {
    let config = read_config(folder)?;
    // The tokenizer comes first: it is small, and a checkpoint without one is of no use.
    let tokenizer = Tokenizer::open(folder, &config.end_tokens)?;
    check_vocabulary(&tokenizer, &config, &folder.join(CONFIG))?;
    let template = chat::of_folder(folder, &tokenizer)?;
    let (policy, notes) = weights(folder, config, device)?;
    Ok(Model { policy, tokenizer, template, notes })
}

/// Reads the policy of a folder alone, with notes on what was skipped.
pub fn open_policy(folder: &Path, device: &Device) -> Result<(Policy, Vec<String>), ModelError> {
    let config = read_config(folder)?;
    weights(folder, config, device)
}

fn read_config(folder: &Path) -> Result<Config, ModelError> {
    let path = folder.join(CONFIG);
    if !path.exists() {
        let why = format!("there is no `{CONFIG}` in it");
        return Err(ModelError::Missing { path: folder.to_owned(), why });
    }
    config::read(&path)
}

/// Every id of the tokenizer has a row of the embedding. More rows than ids are usual: files are padded.
pub(crate) fn check_vocabulary(tokenizer: &Tokenizer, config: &Config, path: &Path) -> Result<(), ModelError> {
    let (ids, rows) = (tokenizer.vocab_size(), config.shape.vocab);
    if ids > rows {
        let why = format!("the embedding has {rows} rows, and the tokenizer has ids up to {}", ids - 1);
        return Err(ModelError::Field { path: path.to_owned(), field: "vocab_size".into(), why });
    }
    if let Some(token) = tokenizer.end_tokens().iter().find(|token| **token as usize >= rows) {
        let why = format!("token {token} is outside of the vocabulary of {rows}");
        return Err(ModelError::Field { path: path.to_owned(), field: "eos_token_id".into(), why });
    }
    Ok(())
}

fn weights(folder: &Path, config: Config, device: &Device) -> Result<(Policy, Vec<String>), ModelError> {
    let Config { shape, wrapped, mut notes, .. } = config;
    let mut files = TensorFiles::open(folder)?;
    let (mut sight, mut buffers) = (0usize, 0usize);
    for name in files.entries().keys() {
        match role(name, wrapped) {
            Role::Parameter(_) => {}
            Role::Sight => sight += 1,
            Role::Buffer => buffers += 1,
        }
    }
    if sight > 0 {
        notes.push(format!("{sight} tensors of the parts that see were left out"));
    }
    if buffers > 0 {
        notes.push(format!("{buffers} tensors are tables that are computed anew, and were left out"));
    }
    files.rename(|name| match role(name, wrapped) {
        Role::Parameter(plain) => Some(plain),
        _ => None,
    });
    let expected = parameter_shapes(&shape)?;
    check(&files, &expected, folder)?;
    let wanted: BTreeSet<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
    let extra: Vec<String> = files.entries().keys().filter(|name| !wanted.contains(name.as_str())).cloned().collect();
    for name in extra {
        // A tied head may be stored once more; then it must be the same.
        if !(shape.tied && name == "lm_head.weight") {
            let why = format!("`{CONFIG}` describes a decoder that has no such parameter");
            return Err(ModelError::tensor(files.path(&name), &name, why));
        }
        same_as_embedding(&mut files, &name)?;
        notes.push("`lm_head.weight` is the embedding once more, and was left out".into());
    }
    let files = RefCell::new(files);
    let policy = Policy::read_from(&shape, |name| files.borrow_mut().read(name, device))?;
    Ok((policy, notes))
}

/// Every parameter is there and has its shape; said for the first that has not, before anything is read.
fn check(files: &TensorFiles, expected: &[(String, Vec<usize>)], folder: &Path) -> Result<(), ModelError> {
    let missing: Vec<&str> = expected
        .iter()
        .filter(|(name, _)| !files.entries().contains_key(name))
        .map(|(name, _)| name.as_str())
        .collect();
    if let Some(first) = missing.first() {
        let others = missing.len() - 1;
        let mut why = "it is missing from the weights".to_owned();
        if others > 0 {
            why.push_str(&format!(", and {others} more of {}", expected.len()));
        }
        if missing == ["lm_head.weight"] {
            why.push_str(&format!(
                "; where the head is the embedding, `{CONFIG}` says `\"tie_word_embeddings\": true`"
            ));
        }
        return Err(ModelError::tensor(folder, first, why));
    }
    for (name, sizes) in expected {
        if let Some(entry) = files.entries().get(name).filter(|entry| entry.shape != *sizes) {
            let why = format!("its shape is {:?}, and `{CONFIG}` asks for {sizes:?}", entry.shape);
            return Err(ModelError::tensor(files.path(name), name, why));
        }
    }
    Ok(())
}

fn same_as_embedding(files: &mut TensorFiles, name: &str) -> Result<(), ModelError> {
    let path = files.path(name).to_owned();
    let broken = |why: candle_core::Error| ModelError::tensor(&path, name, why.to_string());
    let head = files.read(name, &Device::Cpu)?;
    let embedding = files.read("model.embed_tokens.weight", &Device::Cpu)?;
    let same = head.dims() == embedding.dims() && {
        let head = head.flatten_all().and_then(|t| t.to_vec1::<f32>()).map_err(broken)?;
        let embedding = embedding.flatten_all().and_then(|t| t.to_vec1::<f32>()).map_err(broken)?;
        head.iter().zip(&embedding).all(|(a, b)| a.to_bits() == b.to_bits())
    };
    if same {
        return Ok(());
    }
    let why = format!("it differs from the embedding, and `{CONFIG}` says that they are one (`tie_word_embeddings`)");
    Err(ModelError::tensor(&path, name, why))
}
