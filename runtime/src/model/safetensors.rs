//! The tensors of one or several safetensors files: an index of names first, then one tensor at a time.
//!
//! Files are read by position and not mapped into memory: a mapped file that somebody cuts short ends the process, and a copy of one
//! tensor is needed in any case.

use super::ModelError;
use candle_core::{DType, Device, Tensor};
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A single file of weights.
pub(crate) const SINGLE: &str = "model.safetensors";
/// Which tensor is in which of several files.
pub(crate) const INDEX: &str = "model.safetensors.index.json";
/// Longest header: a hundred times that of the largest known model.
const LONGEST_HEADER: u64 = 100 << 20;

/// Where a tensor is.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    file: usize,
    dtype: Dtype,
    /// Its sizes.
    pub(crate) shape: Vec<usize>,
    start: u64,
    length: usize,
}

/// The tensors of a checkpoint.
#[derive(Debug)]
pub(crate) struct TensorFiles {
    files: Vec<(PathBuf, File)>,
    entries: BTreeMap<String, Entry>,
}

impl TensorFiles {
    /// Reads the headers of a folder's weights.
    pub(crate) fn open(folder: &Path) -> Result<Self, ModelError> {
        let index = folder.join(INDEX);
        let mut all = Self { files: Vec::new(), entries: BTreeMap::new() };
        if index.exists() {
            all.add_parts(folder, &index)?;
        } else if folder.join(SINGLE).exists() {
            all.add(&folder.join(SINGLE), None)?;
        } else {
            let older =
                ["pytorch_model.bin", "pytorch_model.bin.index.json"].iter().any(|name| folder.join(name).exists());
            let why = if older {
                format!("there is no `{SINGLE}`, and pickled weights are not read; convert them to safetensors")
            } else {
                format!("there is neither `{SINGLE}` nor `{INDEX}`")
            };
            return Err(ModelError::Missing { path: folder.to_owned(), why });
        }
        Ok(all)
    }

    fn add_parts(&mut self, folder: &Path, index: &Path) -> Result<(), ModelError> {
        let value = super::files::read_json(index)?.unwrap_or_default();
        let Some(map) = value.get("weight_map").and_then(Value::as_object) else {
            return Err(ModelError::broken(index, "it has no object `weight_map`"));
        };
        let mut parts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (tensor, part) in map {
            let name = part.as_str().unwrap_or_default();
            // A name with a path in it could lead anywhere.
            if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
                return Err(ModelError::tensor(index, tensor, format!("{part} is not the name of a file beside it")));
            }
            parts.entry(name).or_default().insert(tensor);
        }
        let n = parts.len();
        for (part, tensors) in parts {
            let path = folder.join(part);
            if !path.exists() {
                let why =
                    format!("it is missing; `{INDEX}` names it as one of {n} files, with {} tensors", tensors.len());
                return Err(ModelError::Missing { path, why });
            }
            self.add(&path, Some(&tensors))?;
        }
        Ok(())
    }

    /// Adds the tensors of a file; with `only`, those alone, and all of them must be there.
    fn add(&mut self, path: &Path, only: Option<&BTreeSet<&str>>) -> Result<(), ModelError> {
        let io = |source| ModelError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let number = self.files.len();
        let (header, data) = header(path, &mut file, length)?;
        for (name, value) in header {
            if name == "__metadata__" || only.is_some_and(|only| !only.contains(name.as_str())) {
                continue;
            }
            let info: TensorInfo =
                serde_json::from_value(value).map_err(|why| ModelError::tensor(path, &name, why.to_string()))?;
            let entry = entry(path, &name, info, number, (data, length))?;
            self.entries.insert(name, entry);
        }
        if let Some(missing) = only.into_iter().flatten().find(|name| !self.entries.contains_key(**name)) {
            return Err(ModelError::tensor(
                path,
                missing,
                format!("it is missing, though `{INDEX}` says that it is here"),
            ));
        }
        self.files.push((path.to_owned(), file));
        Ok(())
    }

    /// Gives every tensor another name, or drops it.
    pub(crate) fn rename(&mut self, name: impl Fn(&str) -> Option<String>) {
        let old = std::mem::take(&mut self.entries);
        self.entries = old.into_iter().filter_map(|(old, entry)| Some((name(&old)?, entry))).collect();
    }

    /// Names and places in the order of the names.
    pub(crate) fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// The file that holds a tensor; the first one for a name that is nowhere.
    pub(crate) fn path(&self, name: &str) -> &Path {
        let number = self.entries.get(name).map_or(0, |entry| entry.file);
        self.files.get(number).map_or(Path::new(""), |(path, _)| path)
    }

    /// Reads a tensor and turns it into 32-bit numbers.
    pub(crate) fn read(&mut self, name: &str, device: &Device) -> Result<Tensor, ModelError> {
        let missing = || ModelError::tensor(Path::new(SINGLE), name, "it is missing");
        let entry = self.entries.get(name).ok_or_else(missing)?;
        let (path, file) = self.files.get_mut(entry.file).ok_or_else(missing)?;
        let dtype = match entry.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::F64 => DType::F64,
            other => {
                let why = format!("numbers of type {other:?} are not read; known are F32, F16, BF16 and F64");
                return Err(ModelError::tensor(path, name, why));
            }
        };
        let mut bytes = vec![0; entry.length];
        file.seek(SeekFrom::Start(entry.start))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|source| ModelError::Io { path: path.clone(), source })?;
        let tensor = Tensor::from_raw_buffer(&bytes, dtype, &entry.shape, device)
            .and_then(|tensor| tensor.to_dtype(DType::F32))
            .map_err(|why| ModelError::tensor(path, name, why.to_string()))?;
        Ok(tensor)
    }
}

/// The header of a file, and where its data begins.
fn header(path: &Path, file: &mut File, length: u64) -> Result<(serde_json::Map<String, Value>, u64), ModelError> {
    let cut = |needs: u64| {
        ModelError::broken(path, format!("it is cut short: it has {length} bytes, and its header needs {needs}"))
    };
    if length < 8 {
        return Err(cut(8));
    }
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let mut first = [0; 8];
    file.read_exact(&mut first).map_err(io)?;
    if first.starts_with(b"version ") {
        let why = "it is a pointer of Git LFS and not the file itself; run `git lfs pull` in its folder";
        return Err(ModelError::broken(path, why));
    }
    let size = u64::from_le_bytes(first);
    if size > LONGEST_HEADER {
        return Err(ModelError::broken(
            path,
            format!("its header would have {size} bytes: it is not a safetensors file"),
        ));
    }
    if size > length - 8 {
        return Err(cut(size + 8));
    }
    let mut text = vec![0; size as usize];
    file.read_exact(&mut text).map_err(io)?;
    match serde_json::from_slice(&text) {
        Ok(Value::Object(map)) => Ok((map, size + 8)),
        Ok(_) => Err(ModelError::broken(path, "its header is not an object")),
        Err(why) => Err(ModelError::broken(path, format!("its header cannot be read: {why}"))),
    }
}

fn entry(
    path: &Path,
    name: &str,
    info: TensorInfo,
    file: usize,
    (data, length): (u64, u64),
) -> Result<Entry, ModelError> {
    let (start, end) = info.data_offsets;
    let bits = info.shape.iter().try_fold(info.dtype.bitsize(), |product, size| product.checked_mul(*size));
    let bytes = end.checked_sub(start);
    if bits.is_none() || bytes.and_then(|bytes| bytes.checked_mul(8)) != bits {
        let why = format!(
            "its place (bytes {start} to {end}) does not fit its shape {:?} and type {:?}",
            info.shape, info.dtype
        );
        return Err(ModelError::tensor(path, name, why));
    }
    let needed = data.checked_add(end as u64).filter(|needed| *needed <= length);
    if needed.is_none() {
        let why = format!(
            "the file is cut short: it has {length} bytes, and this tensor ends at {}",
            data.saturating_add(end as u64)
        );
        return Err(ModelError::tensor(path, name, why));
    }
    Ok(Entry { file, dtype: info.dtype, shape: info.shape, start: data + start as u64, length: end - start })
}
