//! Policies on disk in Hugging Face layout: `model.safetensors` and `config.json`.
//!
//! Invariant: a file is complete or absent. It is written under a temporary name, synced, and renamed.

use super::{Policy, PolicyError};
use candle_core::{DType, Device, Tensor};
use std::fs;
use std::path::Path;

impl Policy {
    /// Writes `model.safetensors` and `config.json` into a folder, which is made when it is missing. The parameters
    /// are laid out in the order of their names, in 32 bits. With adapters these are the merged weights, and the adapters
    /// are written beside them; see [`super::lora`].
    pub fn save(&self, folder: &Path) -> Result<(), PolicyError> {
        fs::create_dir_all(folder).map_err(|source| PolicyError::File { path: folder.to_owned(), source })?;
        let mut bytes = Vec::new();
        for (name, var) in &self.parameters {
            bytes.push((name.as_str(), var.dims().to_vec(), little_endian(var.as_tensor())?));
        }
        bytes.sort_by_key(|(name, ..)| *name);
        let path = folder.join("model.safetensors");
        let broken = |reason: String| PolicyError::Checkpoint { path: path.clone(), reason };
        let mut views = Vec::new();
        for (name, shape, bytes) in &bytes {
            let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
            views.push((*name, view.map_err(|error| broken(error.to_string()))?));
        }
        let metadata = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
        let file = safetensors::serialize(views, Some(metadata)).map_err(|error| broken(error.to_string()))?;
        write_whole(&path, &file)?;

        let path = folder.join("config.json");
        let config = crate::model::config::write(&self.shape)
            .map_err(|reason| PolicyError::Checkpoint { path: path.clone(), reason })?;
        let mut text = serde_json::to_string_pretty(&config)
            .map_err(|error| PolicyError::Checkpoint { path: path.clone(), reason: error.to_string() })?;
        text.push('\n');
        write_whole(&path, text.as_bytes())?;
        self.save_adapters(folder)
    }

    /// Reads what [`Policy::save`] wrote, or the weights of any checkpoint in Hugging Face layout; see
    /// [`crate::model::folder`].
    pub fn load(folder: &Path, device: &Device) -> Result<Self, crate::model::ModelError> {
        crate::model::folder::open_policy(folder, device).map(|(policy, _)| policy)
    }
}

/// The numbers of a tensor as 32-bit little-endian bytes.
pub(crate) fn little_endian(tensor: &Tensor) -> Result<Vec<u8>, PolicyError> {
    let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// Writes a file as [`crate::disk::write_whole`] does.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), PolicyError> {
    crate::disk::write_whole(path, bytes).map_err(|source| PolicyError::File { path: path.to_owned(), source })
}
