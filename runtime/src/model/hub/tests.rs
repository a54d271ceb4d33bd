//! The layout of the cache, and what is said where a checkpoint is not in it.

use super::*;
use std::fs;

fn places(cache: &Path) -> Places {
    Places { cache: Some(cache.to_owned()), offline: true }
}

#[test]
fn a_checkpoint_of_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("models--org--name");
    fs::create_dir_all(folder.join("refs")).unwrap();
    fs::create_dir_all(folder.join("snapshots/abc123")).unwrap();
    fs::write(folder.join("refs/main"), "abc123\n").unwrap();
    assert!(find("org/name", &places(cache.path())).is_err(), "a snapshot without a configuration is not whole");
    fs::write(folder.join("snapshots/abc123/config.json"), "{}").unwrap();
    let found = find("org/name", &places(cache.path())).unwrap();
    assert_eq!(found.folder, folder.join("snapshots/abc123"));
    assert_eq!(find("org/name@abc123", &places(cache.path())).unwrap(), found);
    assert!(find("org/name@other", &places(cache.path())).is_err());
    fs::write(folder.join("refs/main"), "../../elsewhere").unwrap();
    assert!(find("org/name", &places(cache.path())).is_err());
}

#[test]
fn what_is_said_offline() {
    let cache = tempfile::tempdir().unwrap();
    let said = find("org/name", &places(cache.path())).unwrap_err().to_string();
    let looked = cache.path().join("models--org--name").display().to_string();
    for part in ["hf(\"org/name\")", &looked, "huggingface-cli download org/name", "folder(\"…\")"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = find("org/name", &Places { cache: None, offline: true }).unwrap_err().to_string();
    assert!(said.contains("HF_HOME"), "{said}");
    for name in ["", "a/b/c", "../x", "a b", "org/", "/name", "org/name@", "org/name@../x", "org/.name"] {
        assert!(find(name, &places(cache.path())).unwrap_err().to_string().contains("a name of the hub is"), "{name}");
    }
}

#[test]
fn variables_of_the_environment() {
    let of = |set: &'static [(&str, &str)]| {
        Places::of(&move |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    };
    let cache = |set| of(set).cache.unwrap();
    assert_eq!(cache(&[("HOME", "/h")]), Path::new("/h/.cache/huggingface/hub"));
    assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
    assert_eq!(cache(&[("HOME", "/h"), ("HF_HOME", "/f")]), Path::new("/f/hub"));
    assert_eq!(cache(&[("HF_HOME", "/f"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
    assert_eq!(of(&[]).cache, None);
    assert!(of(&[("HF_HUB_OFFLINE", "1")]).offline && of(&[("HF_HUB_OFFLINE", "True")]).offline);
    assert!(!of(&[("HF_HUB_OFFLINE", "0")]).offline && !of(&[]).offline);
}
