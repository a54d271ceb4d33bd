//! The lock of a recipe: digests of everything outside of it that a run depends on.
//!
//! One canonical form: JSON with sorted keys, one value a line. Comments, layout and file names of the recipe are not in it, since they
//! are not in its hash; neither are the vector instructions of the kernels, because they change no bit.

mod inputs;
#[cfg(test)]
mod tests;

pub use inputs::{Inputs, Which, of_plan};

use crate::origin::Difference;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name of the lock in a run folder.
pub const LOCK: &str = "recipe.lock";

/// The version of the form.
const VERSION: u32 = 1;

/// A lock larger than this is none: it has a line for each file of data and weights.
const LARGEST: u64 = 16 << 20;

/// What stands in place of a digest that could not be taken.
pub(crate) const ABSENT: &str = "cannot be read: ";

/// A lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Version of the form.
    pub lock: u32,
    /// Name of the recipe.
    pub recipe: String,
    /// Variant that it locks.
    pub variant: Option<String>,
    /// The recipe's hash.
    pub hash: String,
    /// Its edition.
    pub edition: i64,
    /// The program with its version.
    pub program: String,
    /// Digest of every source of rows, by how the recipe names it.
    pub data: BTreeMap<String, String>,
    /// Digest of every file of every model that is not made by the run, by the model's name.
    pub models: BTreeMap<String, BTreeMap<String, String>>,
    /// The CPython that runs tests, where a verifier asks one on this machine.
    pub python: Option<String>,
}

/// Why there is no lock to hold something to.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// There is none.
    #[error("there is no lock `{}`", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what a lock looks like.
    #[error("`{}`{}: {why}", path.display(), place.map_or(String::new(), |(line, column)| format!(":{line}:{column}")))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line and column, from 1.
        place: Option<(usize, usize)>,
        /// What is wrong.
        why: String,
    },
}

impl LockError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "write one with `recipec lock FILE`, and keep it beside the recipe",
            Self::Io { .. } => "a lock is a small file of text beside the recipe",
            Self::Malformed { .. } => "take the lock back from a copy, or write it anew with `recipec lock FILE`",
        }
    }

    /// The code of its diagnostic.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "recipe::run::no_lock",
            Self::Io { .. } => "recipe::run::io",
            Self::Malformed { .. } => "recipe::run::bad_lock",
        }
    }
}

/// Where the lock of a recipe lies: `a.recipe` has `a.lock`, and its variant `short` has `a-short.lock`.
pub fn place(recipe: &Path, variant: Option<&str>) -> PathBuf {
    let stem = recipe.file_stem().unwrap_or_default().to_string_lossy();
    let name = match variant {
        Some(variant) => format!("{stem}-{variant}.lock"),
        None => format!("{stem}.lock"),
    };
    recipe.with_file_name(name)
}

impl Lock {
    /// A lock over inputs.
    pub fn new(recipe: &str, variant: Option<&str>, hash: &str, edition: i64, inputs: Inputs) -> Self {
        let Inputs { data, models, python } = inputs;
        Self {
            lock: VERSION,
            recipe: recipe.to_string(),
            variant: variant.map(str::to_string),
            hash: hash.to_string(),
            edition,
            program: crate::origin::program(),
            data,
            models,
            python,
        }
    }

    /// The canonical form.
    pub fn text(&self) -> String {
        // Plain data with text for keys always serialises.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// BLAKE3 of the canonical form.
    pub fn digest(&self) -> String {
        blake3::hash(self.text().as_bytes()).to_hex().to_string()
    }

    /// Reads a lock.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let io = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => LockError::Missing { path: path.to_owned() },
            _ => LockError::Io { path: path.to_owned(), source },
        };
        let length = std::fs::metadata(path).map_err(io)?.len();
        let malformed = |place, why| LockError::Malformed { path: path.to_owned(), place, why };
        if length > LARGEST {
            return Err(malformed(None, format!("it has {length} bytes, more than any lock")));
        }
        let bytes = std::fs::read(path).map_err(io)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|why| malformed(None, format!("it is no UTF-8 (byte {})", why.valid_up_to())))?;
        #[derive(Deserialize)]
        struct Versioned {
            lock: u32,
        }
        let wrong = |why: serde_json::Error| {
            let place = (why.line() > 0).then(|| (why.line(), why.column()));
            let said = why.to_string();
            let said = said.split(" at line ").next().unwrap_or(&said).to_string();
            malformed(place, said)
        };
        let found: Versioned = serde_json::from_str(text).map_err(wrong)?;
        if found.lock != VERSION {
            let why = format!("it is of version {}, and this program reads version {VERSION}", found.lock);
            return Err(malformed(None, why));
        }
        serde_json::from_str(text).map_err(wrong)
    }

    /// Everything that `found` has otherwise, in the order of the file.
    pub fn differences(&self, found: &Self) -> Vec<Difference> {
        let none = || "none".to_string();
        let mut all = Vec::new();
        let mut differ = |what: String, was: &str, is: &str| {
            if was != is {
                all.push(Difference::new(what, was, is));
            }
        };
        let variant = |lock: &Self| lock.variant.clone().unwrap_or_else(none);
        differ("variant".into(), &variant(self), &variant(found));
        differ("the recipe's hash".into(), &self.hash, &found.hash);
        differ("edition".into(), &self.edition.to_string(), &found.edition.to_string());
        differ("program".into(), &self.program, &found.program);
        for (what, was, is) in joined(&self.data, &found.data) {
            differ(format!("data {what}"), was, is);
        }
        let flat = |models: &BTreeMap<String, BTreeMap<String, String>>| -> BTreeMap<String, String> {
            let files = models.iter().flat_map(|(model, files)| {
                files.iter().map(move |(file, digest)| (format!("model {model}, {file}"), digest.clone()))
            });
            files.collect()
        };
        for (what, was, is) in joined(&flat(&self.models), &flat(&found.models)) {
            differ(what, was, is);
        }
        let python = |lock: &Self| lock.python.clone().unwrap_or_else(none);
        differ("Python of the sandbox".into(), &python(self), &python(found));
        all
    }

    /// What could not be read when the lock was made: such a lock holds nothing.
    pub fn absent(&self) -> Vec<(String, String)> {
        let data = self.data.iter().map(|(name, digest)| (format!("data {name}"), digest));
        let models = self.models.iter().flat_map(|(model, files)| {
            files.iter().map(move |(file, digest)| (format!("model {model}, {file}"), digest))
        });
        let python = self.python.iter().map(|python| ("Python of the sandbox".to_string(), python));
        let all = data.chain(models).chain(python);
        all.filter_map(|(what, digest)| Some((what, digest.strip_prefix(ABSENT)?.to_string()))).collect()
    }
}

/// The values of two maps by key, "nothing" where one has none.
fn joined<'a>(was: &'a BTreeMap<String, String>, is: &'a BTreeMap<String, String>) -> Vec<(String, &'a str, &'a str)> {
    let keys: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let value = |map: &'a BTreeMap<String, String>, key: &String| map.get(key).map_or("nothing", String::as_str);
    keys.into_iter().map(|key| (key.clone(), value(was, key), value(is, key))).collect()
}
