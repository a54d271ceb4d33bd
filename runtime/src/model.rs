//! Real checkpoints: a Hugging Face folder, a GGUF file or a name of the hub becomes a policy with its tokenizer and chat template.
//!
//! ```text
//! folder("…")  ─▶ config.json ─▶ Shape ─┐
//! folder("x.gguf") ─▶ metadata ─▶ Shape ├─▶ tensors under Hugging Face names, one at a time ─▶ Policy
//! hf("org/name") ─▶ cache ─▶ folder     └─▶ tokenizer, end tokens, chat template
//! ```
//!
//! *Invariants.* Nothing that changes the computation is passed over: it is read, or refused with the file and the field. All names
//! and shapes are checked before the first number is read. What was left out (the eyes of a model, a buffer) is in the notes.

pub mod chat;
pub mod config;
mod error;
mod files;
pub mod folder;
pub mod gguf;
pub mod hub;
mod names;
mod safetensors;

pub use error::ModelError;

use crate::policy::Policy;
use crate::tokenizer::Tokenizer;
use candle_core::Device;
use chat::ChatTemplate;
use recipec_compiler::settings::ModelSource;
use std::path::Path;

/// A checkpoint, opened.
#[derive(Debug)]
pub struct Model {
    /// The decoder with its weights, in 32 bits.
    pub policy: Policy,
    /// Its tokenizer, with the tokens that end a response.
    pub tokenizer: Tokenizer,
    /// How a conversation becomes a prompt, where the checkpoint says so.
    pub template: Option<ChatTemplate>,
    /// What the user should know: what was skipped, and why.
    pub notes: Vec<String>,
}

/// Opens the model that a recipe names. Paths are relative to `base`; a `fresh` model gets its weights from `seed`.
pub fn open(source: &ModelSource, base: &Path, seed: u64, device: &Device) -> Result<Model, ModelError> {
    match source {
        ModelSource::Fresh(architecture) => {
            let tokenizer = Tokenizer::Characters;
            let policy = Policy::fresh(architecture, tokenizer.vocab_size(), seed, device)?;
            Ok(Model { policy, tokenizer, template: None, notes: Vec::new() })
        }
        ModelSource::Folder { path } => open_path(&base.join(path), device),
        ModelSource::Hub { name } => {
            let place = hub::find(name, &hub::Places::of_environment())?;
            let mut model = open_path(&place.folder, device)?;
            model.notes.splice(0..0, place.notes);
            Ok(model)
        }
        ModelSource::Endpoint { url, .. } => Err(ModelError::Missing {
            path: url.into(),
            why: "a model on a server has no weights here; it can judge, and nothing else".to_owned(),
        }),
    }
}

/// Opens a folder in Hugging Face layout, or a GGUF file.
pub fn open_path(path: &Path, device: &Device) -> Result<Model, ModelError> {
    if path.is_dir() {
        return folder::open(path, device);
    }
    if !path.exists() {
        let why = "there is no such folder or file".to_owned();
        return Err(ModelError::Missing { path: path.to_owned(), why });
    }
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf")) {
        return gguf::open(path, device);
    }
    Err(ModelError::broken(path, "it is neither a folder in Hugging Face layout nor a `.gguf` file"))
}

/// A small file of a checkpoint, whole.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, ModelError> {
    files::read(path)
}

#[cfg(test)]
mod tests;
