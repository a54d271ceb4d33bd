//! `hf("org/name")`: a checkpoint of the Hugging Face hub, from the cache that its other programs share; fetched where that is built in.

#[cfg(feature = "hub")]
mod fetch;

use super::ModelError;
use std::path::{Path, PathBuf};

/// Where checkpoints are kept on this machine, and whether the network may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Folder of the cache; none when the home folder is not known.
    pub cache: Option<PathBuf>,
    /// Whether nothing may be fetched.
    pub offline: bool,
}

impl Places {
    /// What the environment says: `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else in `huggingface` of the user's cache folder; and
    /// `HF_HUB_OFFLINE`.
    pub fn of_environment() -> Self {
        Self::of(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn of(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let folder = |name: &str| variable(name).map(PathBuf::from);
        let user = || folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        let cache = folder("HF_HUB_CACHE")
            .or_else(|| Some(folder("HF_HOME")?.join("hub")))
            .or_else(|| Some(user()?.join("huggingface").join("hub")));
        let offline = variable("HF_HUB_OFFLINE")
            .is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str()));
        Self { cache, offline }
    }
}

/// A checkpoint in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its folder.
    pub folder: PathBuf,
    /// Which version it is.
    pub notes: Vec<String>,
}

/// Finds a checkpoint by name, `org/name` or `org/name@revision`; fetches it where that is built in and allowed.
pub fn find(name: &str, places: &Places) -> Result<Found, ModelError> {
    let (repository, revision) = name.split_once('@').unwrap_or((name, "main"));
    if !is_name(repository) || !is_revision(revision) {
        let why = "a name of the hub is `org/name` of letters, digits, `-`, `_` and `.`".to_owned();
        return Err(ModelError::Hub { name: name.to_owned(), why });
    }
    if let Some(found) = places.cache.as_deref().and_then(|cache| cached(cache, repository, revision)) {
        return Ok(found);
    }
    fetch(name, repository, revision, places)
}

#[cfg(feature = "hub")]
fn fetch(name: &str, repository: &str, revision: &str, places: &Places) -> Result<Found, ModelError> {
    if places.offline {
        return Err(not_here(name, repository, places, "`HF_HUB_OFFLINE` forbids to fetch it"));
    }
    let Some(cache) = places.cache.as_deref() else {
        return Err(not_here(name, repository, places, "there is no folder to keep it in"));
    };
    match fetch::fetch(repository, revision, cache) {
        Ok(()) => cached(cache, repository, revision)
            .ok_or_else(|| not_here(name, repository, places, "it was fetched, and is not in the cache")),
        Err(why) => Err(not_here(name, repository, places, &format!("it could not be fetched: {why}"))),
    }
}

#[cfg(not(feature = "hub"))]
fn fetch(name: &str, repository: &str, _: &str, places: &Places) -> Result<Found, ModelError> {
    let why = "this program was built without the feature `hub`, so that it does not fetch anything itself";
    Err(not_here(name, repository, places, why))
}

/// What was looked for and where, and two ways out.
fn not_here(name: &str, repository: &str, places: &Places, why: &str) -> ModelError {
    let place = match &places.cache {
        Some(cache) => format!("there is no `{}` with a `config.json`", cache.join(folder_name(repository)).display()),
        None => "none of HF_HUB_CACHE, HF_HOME and HOME is set, so that the cache is not known".to_owned(),
    };
    let why = format!(
        "{place}, and {why}. Either run `huggingface-cli download {repository}` where there is a network, with the same cache, or \
         copy the checkpoint here and write `folder(\"…\")`"
    );
    ModelError::Hub { name: name.to_owned(), why }
}

fn folder_name(repository: &str) -> String {
    format!("models--{}", repository.replace('/', "--"))
}

/// The snapshot of a revision: `refs/NAME` holds its commit; a commit is its own name.
fn cached(cache: &Path, repository: &str, revision: &str) -> Option<Found> {
    let folder = cache.join(folder_name(repository));
    let commit = match std::fs::read_to_string(folder.join("refs").join(revision)) {
        Ok(commit) => commit.trim().to_owned(),
        Err(_) => revision.to_owned(),
    };
    if !is_revision(&commit) {
        return None;
    }
    let snapshot = folder.join("snapshots").join(&commit);
    let is_whole = snapshot.join(super::folder::CONFIG).exists();
    is_whole.then(|| Found { folder: snapshot, notes: vec![format!("`{repository}` is commit {commit} of the hub")] })
}

fn is_name(repository: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.len() <= 128
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let parts: Vec<&str> = repository.split('/').collect();
    parts.len() <= 2 && parts.into_iter().all(part)
}

fn is_revision(revision: &str) -> bool {
    !revision.is_empty()
        && !revision.starts_with('.')
        && revision.len() <= 128
        && revision.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests;
