//! What is in a pack, with the digest of every file.

use super::archive::Refused;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// The first file of a pack.
pub const MANIFEST: &str = "manifest.json";
/// The version of the form.
const VERSION: u32 = 1;
/// So many files are in a pack at most.
pub const MOST_FILES: usize = 10_000;
/// The longest path: what the headers of the archive hold.
pub const LONGEST_PATH: usize = 100;

/// The list of what is in a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the form.
    pub pack: u32,
    /// The recipe's file.
    pub recipe: String,
    /// The hash of its meaning.
    pub recipe_hash: String,
    /// Everything else that is in the archive, in its order.
    pub files: Vec<PackedFile>,
}

/// A file of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedFile {
    /// Its path from the folder of the recipe.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    pub blake3: String,
}

impl Manifest {
    /// Reads every file for its length and digest.
    pub fn of(recipe: &str, hash: &str, folder: &Path, paths: &BTreeSet<String>, most: u64) -> Result<Self, String> {
        let mut files = Vec::new();
        let mut total = 0u64;
        for path in paths {
            check_path(path)?;
            let full = folder.join(path);
            let failed = |why: std::io::Error| format!("cannot read `{path}`: {why}");
            let bytes = std::fs::metadata(&full).map_err(failed)?.len();
            total = total.saturating_add(bytes);
            if total > most {
                return Err(format!(
                    "with `{path}` ({bytes} bytes) the pack would have {total} bytes, more than {most}"
                ));
            }
            let mut digest = blake3::Hasher::new();
            digest.update_reader(std::fs::File::open(&full).map_err(failed)?).map_err(failed)?;
            files.push(PackedFile { path: path.clone(), bytes, blake3: digest.finalize().to_hex().to_string() });
        }
        if files.len() > MOST_FILES {
            return Err(format!("{} files are more than the {MOST_FILES} that a pack holds", files.len()));
        }
        Ok(Self { pack: VERSION, recipe: recipe.into(), recipe_hash: hash.into(), files })
    }

    /// The canonical form, as it stands in the archive.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// BLAKE3 of the canonical form: it stands for the whole pack, since every file is in it by its digest.
    pub fn digest(&self) -> String {
        blake3::hash(self.text().as_bytes()).to_hex().to_string()
    }

    /// Reads what an archive says, and refuses what it could not have written.
    pub fn read(bytes: &[u8], most: u64) -> Result<Self, Refused> {
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|why| Refused(format!("`{MANIFEST}` cannot be read: {why}")))?;
        if manifest.pack != VERSION {
            return Err(Refused(format!(
                "it is of version {}, and this program reads version {VERSION}",
                manifest.pack
            )));
        }
        if manifest.text().as_bytes() != bytes {
            return Err(Refused(format!("`{MANIFEST}` is not in the form in which it is written")));
        }
        if manifest.files.len() > MOST_FILES {
            return Err(Refused(format!("it lists {} files, more than {MOST_FILES}", manifest.files.len())));
        }
        let mut seen = BTreeSet::new();
        let mut total = 0u64;
        for file in &manifest.files {
            check_path(&file.path).map_err(Refused)?;
            // Some systems take names that differ in case for one.
            if !seen.insert(file.path.to_lowercase()) {
                return Err(Refused(format!("it lists `{}` twice", file.path)));
            }
            total = total.saturating_add(file.bytes);
        }
        if total > most {
            return Err(Refused(format!("it says that it has {total} bytes, more than {most} (`--max-bytes`)")));
        }
        if !manifest.files.iter().any(|file| file.path == manifest.recipe) {
            return Err(Refused(format!("its recipe `{}` is not in it", manifest.recipe)));
        }
        Ok(manifest)
    }
}

/// A path that stays below its folder on every system.
pub fn check_path(path: &str) -> Result<(), String> {
    let plain = |c: char| !c.is_control() && !matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let part = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.ends_with(['.', ' ']);
    if path == MANIFEST {
        return Err(format!("a file of the pack cannot be called `{MANIFEST}`"));
    }
    if !path.split('/').all(part) || !path.chars().all(plain) {
        return Err(format!("the path `{}` is not one below a folder", path.escape_default()));
    }
    if path.len() > LONGEST_PATH {
        return Err(format!("the path `{path}` is longer than {LONGEST_PATH} bytes"));
    }
    Ok(())
}
