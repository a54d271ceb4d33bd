//! Looks at what a recipe names and is on this machine: rows and columns of files, the context of models in folders.
//!
//! The compiler is handed the result as a plain value. A check looks at the first part of a large file only, so that it stays quick;
//! a run looks at all of it.

use recipec_compiler::facts::{DataFacts, Facts, ModelFacts, Wanted, model_key};
use recipec_compiler::settings::DataSource;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

/// How much of a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The first so many bytes: rows and digest of a longer file stay unknown.
    Quick,
    /// All of it.
    #[cfg_attr(not(feature = "run"), allow(dead_code))]
    Whole,
}

/// What a quick look reads of one file, in bytes.
const QUICK: u64 = 8 << 20;
/// What is read of one line, in bytes; the runtime reads no longer ones.
const LONGEST_LINE: u64 = 64 << 20;
/// What is read of a model's configuration, in bytes.
const LARGEST_CONFIG: u64 = 1 << 20;
/// So many different columns are remembered.
const MOST_COLUMNS: usize = 4096;

/// Looks at everything that a check asked for. What is not there, or cannot be read, stays unknown.
pub fn gather(wanted: &[Wanted], folder: &Path, look: Look) -> Facts {
    let mut facts = Facts::default();
    for one in wanted {
        match one {
            Wanted::File(path) => {
                let key = recipec_compiler::facts::data_key(&DataSource::File { path: path.clone() });
                facts.data.extend(inside(folder, path).and_then(|full| rows(&full, look)).map(|known| (key, known)));
            }
            Wanted::Folder(path) => {
                let config = inside(folder, path).and_then(|full| config(&full.join("config.json")));
                facts.models.extend(config.map(|known| (model_key("folder", path), known)));
            }
        }
    }
    facts
}

/// A path below the recipe's folder. A recipe from elsewhere must not make a check read what lies higher.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let wanted = Path::new(path);
    let below = wanted.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    below.then(|| folder.join(wanted))
}

/// Rows, columns and digest of a file with one JSON object a line; none when it is not one.
fn rows(path: &Path, look: Look) -> Option<DataFacts> {
    let file = File::open(path).ok()?;
    // A folder or a pipe is no file of rows.
    if !file.metadata().ok()?.is_file() || path.extension().is_none_or(|end| end != "jsonl") {
        return None;
    }
    let limit = if look == Look::Quick { QUICK } else { u64::MAX };
    let mut reader = BufReader::new(file);
    let (mut rows, mut seen) = (0u64, 0u64);
    let mut columns: BTreeSet<String> = BTreeSet::new();
    let mut digest = blake3::Hasher::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let bytes = (&mut reader).take(LONGEST_LINE + 1).read_until(b'\n', &mut line).ok()? as u64;
        if bytes > LONGEST_LINE {
            return None;
        }
        if bytes == 0 {
            let digest = Some(digest.finalize().to_hex().to_string());
            // Of no rows there is nothing to say but that.
            return Some(DataFacts { rows: Some(rows), columns: (rows > 0).then_some(columns), digest });
        }
        seen += bytes;
        if seen > limit {
            return Some(DataFacts { columns: (rows > 0).then_some(columns), ..DataFacts::default() });
        }
        digest.update(&line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let row: BTreeMap<String, IgnoredAny> = serde_json::from_slice(&line).ok()?;
        rows += 1;
        for name in row.into_keys() {
            if columns.len() < MOST_COLUMNS {
                columns.insert(name);
            }
        }
    }
}

/// What `config.json` of a model says.
fn config(path: &Path) -> Option<ModelFacts> {
    #[derive(Deserialize)]
    struct Config {
        max_position_embeddings: Option<u64>,
        #[serde(default)]
        architectures: Vec<String>,
        /// The decoder of a model that also sees.
        text_config: Option<Text>,
    }
    #[derive(Deserialize)]
    struct Text {
        max_position_embeddings: Option<u64>,
    }
    let mut text = Vec::new();
    File::open(path).ok()?.take(LARGEST_CONFIG).read_to_end(&mut text).ok()?;
    let config: Config = serde_json::from_slice(&text).ok()?;
    let inner = config.text_config.and_then(|text| text.max_position_embeddings);
    Some(ModelFacts {
        context: config.max_position_embeddings.or(inner),
        architecture: config.architectures.into_iter().next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_columns_and_digest_of_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
        write("a.jsonl", "{\"prompt\":\"a\",\"answer\":[1,2]}\n\n{\"prompt\":\"b\",\"level\":2}\n");
        write("broken.jsonl", "{\"prompt\":\n");
        write("long.jsonl", &"{\"prompt\":\"a\"}\n".repeat(700_000));
        std::fs::create_dir(folder.path().join("base")).expect("a folder");
        write(
            "base/config.json",
            "{\"max_position_embeddings\":2048,\"architectures\":[\"LlamaForCausalLM\"],\"x\":{}}",
        );
        let wanted = ["a.jsonl", "broken.jsonl", "long.jsonl", "none.jsonl", "../a.jsonl", "/etc/passwd"]
            .map(|path| Wanted::File(path.into()));
        let mut all = wanted.to_vec();
        all.push(Wanted::Folder("base".into()));
        let facts = gather(&all, folder.path(), Look::Quick);
        assert_eq!(facts.data.keys().collect::<Vec<_>>(), ["file(\"a.jsonl\")", "file(\"long.jsonl\")"]);
        let a = &facts.data["file(\"a.jsonl\")"];
        assert_eq!(a.rows, Some(2));
        let columns: Vec<&str> = a.columns.iter().flatten().map(String::as_str).collect();
        assert_eq!(columns, ["answer", "level", "prompt"]);
        assert!(a.digest.as_ref().is_some_and(|digest| digest.len() == 64));
        // A quick look at a long file knows its columns; a run counts its rows.
        let long = &facts.data["file(\"long.jsonl\")"];
        assert!(long.rows.is_none() && long.digest.is_none() && long.columns.is_some());
        let whole = gather(&all, folder.path(), Look::Whole);
        assert_eq!(whole.data["file(\"long.jsonl\")"].rows, Some(700_000));
        assert_eq!(facts.models["folder(\"base\")"].context, Some(2048));
        assert_eq!(facts.models["folder(\"base\")"].architecture.as_deref(), Some("LlamaForCausalLM"));
    }
}
