//! Fetches the files of a checkpoint into the cache, with the hf-hub crate.

use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use std::path::Path;

/// Small files that are taken where they exist.
const SMALL: [&str; 6] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
];

/// Fetches a checkpoint; weights in safetensors only.
pub(super) fn fetch(repository: &str, revision: &str, cache: &Path) -> Result<(), String> {
    let said = |why: ApiError| why.to_string();
    // The user's token lies beside the cache. (`ApiBuilder::from_env` would end the process where there is no home folder.)
    let mut builder = ApiBuilder::from_cache(Cache::new(cache.to_owned())).with_progress(false);
    if let Ok(endpoint) = std::env::var("HF_ENDPOINT") {
        builder = builder.with_endpoint(endpoint);
    }
    let api = builder.build().map_err(said)?;
    let repo = api.repo(Repo::with_revision(repository.to_owned(), RepoType::Model, revision.to_owned()));
    let files: Vec<String> = repo.info().map_err(said)?.siblings.into_iter().map(|file| file.rfilename).collect();
    let wanted = |name: &str| {
        SMALL.contains(&name)
            || name == crate::model::safetensors::INDEX
            || (!name.contains('/') && name.starts_with("model") && name.ends_with(".safetensors"))
    };
    for name in files.iter().filter(|name| wanted(name)) {
        repo.get(name).map_err(said)?;
    }
    // Last, because the checkpoint counts as whole when it is there.
    repo.get(crate::model::folder::CONFIG).map_err(said)?;
    Ok(())
}
