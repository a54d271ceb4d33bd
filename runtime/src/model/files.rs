//! Reads the small files of a checkpoint.

use super::ModelError;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// No small file of a checkpoint is larger; the largest are `tokenizer.json` files of about 30 MB.
const LARGEST: u64 = 1 << 28;

/// A whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let length = fs::metadata(path).map_err(io)?.len();
    if length > LARGEST {
        return Err(ModelError::broken(path, format!("it has {length} bytes, more than any file of this kind")));
    }
    let bytes = fs::read(path).map_err(io)?;
    if bytes.starts_with(b"version https://git-lfs") {
        let why = "it is a pointer of Git LFS and not the file itself; run `git lfs pull` in its folder";
        return Err(ModelError::broken(path, why));
    }
    Ok(bytes)
}

/// A whole file of text.
pub(crate) fn read_text(path: &Path) -> Result<String, ModelError> {
    String::from_utf8(read(path)?)
        .map_err(|why| ModelError::broken(path, format!("byte {} is not UTF-8", why.utf8_error().valid_up_to())))
}

/// A JSON file that may be absent.
pub(crate) fn read_json(path: &Path) -> Result<Option<Value>, ModelError> {
    if !path.exists() {
        return Ok(None);
    }
    let value = serde_json::from_slice(&read(path)?).map_err(|why| ModelError::broken(path, why.to_string()))?;
    Ok(Some(value))
}
