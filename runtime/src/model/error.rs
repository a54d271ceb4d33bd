//! Why a model could not be opened.

use crate::policy::PolicyError;
use std::path::{Path, PathBuf};

/// A checkpoint that cannot be used. Every message names the file, and the field or tensor where there is one.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file or folder that must be there is not.
    #[error("`{}`: {why}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// A file is not what its name says, or is cut short.
    #[error("`{}` is damaged or not of its kind: {why}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// How.
        why: String,
    },
    /// A key has a value that cannot be carried out.
    #[error("`{}`, key `{field}`: {why}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The key.
        field: String,
        /// Why not.
        why: String,
    },
    /// A tensor is missing, too many, of another shape or number type.
    #[error("`{}`, tensor `{tensor}`: {why}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// Its name in the file.
        tensor: String,
        /// Why not.
        why: String,
    },
    /// A chat template cannot be read, or raised.
    #[error("chat template of `{}`{}: {why}", path.display(), line.map_or(String::new(), |line| format!(", line {line}")))]
    Template {
        /// The file that holds it.
        path: PathBuf,
        /// Line of the template.
        line: Option<usize>,
        /// What went wrong, or what the template itself said.
        why: String,
    },
    /// A checkpoint of the hub is not on this machine and could not be fetched.
    #[error("`hf(\"{name}\")` is not on this machine: {why}")]
    Hub {
        /// `org/name`
        name: String,
        /// What was looked for, and where.
        why: String,
    },
    /// The policy could not be made.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

impl ModelError {
    /// A file that is not what it should be.
    pub(crate) fn broken(path: &Path, why: impl Into<String>) -> Self {
        Self::Broken { path: path.to_owned(), why: why.into() }
    }

    /// A tensor that is not what it should be.
    pub(crate) fn tensor(path: &Path, tensor: &str, why: impl Into<String>) -> Self {
        Self::Tensor { path: path.to_owned(), tensor: tensor.to_owned(), why: why.into() }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Io { .. } | Self::Missing { .. } => {
                "a folder in Hugging Face layout holds `config.json`, `model.safetensors` (or its parts with `model.safetensors.index.json`) and `tokenizer.json`"
            }
            Self::Broken { .. } => "fetch the file again; compare its size with that of the origin",
            Self::Field { .. } => "take a checkpoint of a known architecture, or convert it",
            Self::Tensor { .. } => "the configuration and the weights must be of the same checkpoint",
            Self::Template { .. } => "write `chat = false` in the model's block to use prompts as they are",
            Self::Hub { .. } => "fetch it where there is a network, and write `folder(\"…\")`",
            Self::Policy(_) => "the checkpoint and its configuration do not fit together",
        }
    }
}
