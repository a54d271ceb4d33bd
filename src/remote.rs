//! Files of recipes that are elsewhere: fetched once by their digest, kept in a cache, and never taken for anything but that digest.
//!
//! Addresses are `https://…`, `http://…`, and `git+https://host/repository@REVISION#path`. Nothing is fetched without `--allow-network`;
//! what is in the cache needs no network. The cache is `RECIPEC_CACHE`, else `recipec` in `XDG_CACHE_HOME` or `~/.cache`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

static ALLOWED: AtomicBool = AtomicBool::new(false);

/// Lets this process fetch.
pub fn allow() {
    ALLOWED.store(true, Ordering::Relaxed);
}

fn allowed() -> bool {
    ALLOWED.load(Ordering::Relaxed)
}

/// Where a file with a digest is kept.
fn place(blake3: &str) -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = of("RECIPEC_CACHE")
        .or_else(|| of("XDG_CACHE_HOME").map(|folder| folder.join("recipec")))
        .or_else(|| of("HOME").map(|folder| folder.join(".cache").join("recipec")))?;
    Some(cache.join("imports").join(format!("{blake3}.recipe")))
}

/// The bytes behind an address that have this digest: from the cache, else from the network.
pub fn fetch(address: &str, blake3: &str) -> Result<Vec<u8>, String> {
    let place = place(blake3);
    if let Some(place) = place.as_ref().filter(|place| place.is_file()) {
        let kept = std::fs::File::open(place).map_err(|why| why.to_string()).and_then(crate::loader::read_bytes)?;
        let found = blake3::hash(&kept).to_hex().to_string();
        if found != blake3 {
            return Err(format!(
                "what is kept of it in `{}` was changed: it has the digest {found}; take it away",
                place.display()
            ));
        }
        return Ok(kept);
    }
    if !allowed() {
        return Err("it is not in the cache, and nothing is fetched without `--allow-network`".into());
    }
    let bytes = get(address)?;
    let found = blake3::hash(&bytes).to_hex().to_string();
    if found != blake3 {
        return Err(format!("what is there now is something else: it has the digest {found}"));
    }
    // A cache that cannot be written is no reason not to go on.
    if let Some(place) = place {
        keep(&place, &bytes).ok();
    }
    Ok(bytes)
}

fn keep(place: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(above) = place.parent() {
        std::fs::create_dir_all(above)?;
    }
    // Two processes may fetch the same file: each writes its own draft, and the last rename wins with the same bytes.
    let draft = place.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&draft, bytes)?;
    std::fs::rename(&draft, place)
}

/// The digest of what is behind an address now; none where it may not or cannot be fetched.
pub fn digest(address: &str) -> Option<String> {
    if !allowed() {
        return None;
    }
    get(address).ok().map(|bytes| blake3::hash(&bytes).to_hex().to_string())
}

fn get(address: &str) -> Result<Vec<u8>, String> {
    match address.strip_prefix("git+") {
        Some(git) => from_git(git),
        None if address.starts_with("https://") || address.starts_with("http://") => from_web(address),
        None => Err("an address begins with https://, http:// or git+https://".into()),
    }
}

#[cfg(feature = "fetch")]
fn from_web(address: &str) -> Result<Vec<u8>, String> {
    use std::io::Read;
    use std::time::Duration;
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).max_redirects(5).build().into();
    let mut response = agent.get(address).call().map_err(|why| why.to_string())?;
    let mut bytes = Vec::new();
    let most = crate::loader::MAX_BYTES;
    response.body_mut().as_reader().take(most + 1).read_to_end(&mut bytes).map_err(|why| why.to_string())?;
    if bytes.len() as u64 > most {
        return Err(format!("it has more than {most} bytes, and a recipe has no more"));
    }
    Ok(bytes)
}

#[cfg(not(feature = "fetch"))]
fn from_web(_: &str) -> Result<Vec<u8>, String> {
    Err("this program was built without a client for the network".into())
}

/// `https://host/repository@REVISION#path`, with the `git` of this machine: one revision into a bare folder that is thrown away.
fn from_git(address: &str) -> Result<Vec<u8>, String> {
    use std::process::{Command, Stdio};
    let malformed = "an address of git is git+https://host/repository@REVISION#path";
    let (repository, path) = address.split_once('#').ok_or(malformed)?;
    let (repository, revision) = repository.rsplit_once('@').ok_or(malformed)?;
    let plain = |text: &str| !text.is_empty() && !text.starts_with('-') && !text.chars().any(char::is_whitespace);
    let known = ["https://", "http://", "ssh://"].iter().any(|scheme| repository.starts_with(scheme));
    if !known || ![repository, revision, path].into_iter().all(plain) || revision.contains(':') {
        return Err(malformed.into());
    }
    let folder = std::env::temp_dir().join(format!(
        "recipec-git-{}-{}",
        std::process::id(),
        blake3::hash(address.as_bytes()).to_hex()
    ));
    let git = |arguments: &[&str]| -> Result<Vec<u8>, String> {
        let mut command = Command::new("git");
        command.arg("-C").arg(&folder).args(arguments).stdin(Stdio::null());
        // A question for a password would wait for ever.
        command.env("GIT_TERMINAL_PROMPT", "0");
        let output = command.output().map_err(|why| format!("cannot run git: {why}"))?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(format!("git: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    };
    std::fs::create_dir_all(&folder).map_err(|why| why.to_string())?;
    let result = git(&["init", "--quiet", "--bare", "."])
        .and_then(|_| git(&["fetch", "--quiet", "--depth", "1", "--no-tags", repository, revision]))
        .and_then(|_| git(&["cat-file", "blob", &format!("FETCH_HEAD:{path}")]));
    std::fs::remove_dir_all(&folder).ok();
    let bytes = result?;
    let most = crate::loader::MAX_BYTES;
    if bytes.len() as u64 > most {
        Err(format!("it has more than {most} bytes, and a recipe has no more"))
    } else {
        Ok(bytes)
    }
}
