//! What a plan reads from outside: rows of data, files of models, the CPython of the sandbox.

use super::ABSENT;
use crate::data::{self, Split};
use crate::disk;
use crate::model::hub;
use crate::sandbox::Interpreter;
use recipec_compiler::facts::data_key;
use recipec_compiler::plan::{NodeKind, Plan};
use recipec_compiler::settings::{ArgumentValue, DataSource, ModelSource, RowRules, VerifierSettings};
use recipec_compiler::vocabulary::generators::DEMONSTRATION;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Problems of each side that stand for a generator. Whatever changes in one shows in its first problems.
const SAMPLED: u64 = 64;

/// Files of a folder in Hugging Face layout that change what a model computes or reads. Weights are found by their ending.
const MODEL_FILES: &[&str] = &[
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "model.safetensors.index.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
];

/// Weights that lie in a checkpoint of a run and are no part of the model.
const NOT_WEIGHTS: &[&str] = &["adapter_model.safetensors", "optimizer.safetensors"];

/// Which inputs are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All of a run that begins.
    All,
    /// Those of a run that goes on: its policy comes from a checkpoint.
    Resumed,
}

/// Digests of the inputs of a plan. A digest that cannot be taken says why in its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inputs {
    /// Rows, by source.
    pub data: BTreeMap<String, String>,
    /// Files, by model.
    pub models: BTreeMap<String, BTreeMap<String, String>>,
    /// CPython, where a verifier asks one.
    pub python: Option<String>,
}

/// Tells how far the digest of a large file is: the file, bytes read, and bytes of all of it.
pub type Told<'a> = dyn FnMut(&Path, u64, u64) + 'a;

/// The inputs of a plan. Paths are relative to `folder`.
pub fn of_plan(plan: &Plan, folder: &Path, which: Which, told: &mut Told<'_>) -> Inputs {
    let mut found = Inputs::default();
    let mut models: BTreeMap<&str, &ModelSource> = BTreeMap::new();
    if which == Which::All {
        models.insert("policy", &plan.policy.source);
    }
    let mut sources: Vec<(&DataSource, &RowRules)> = Vec::new();
    let mut python = false;
    for node in plan.stages.iter().flat_map(|stage| &stage.nodes) {
        match &node.kind {
            NodeKind::Data { source, rows, .. } => sources.push((source, rows)),
            NodeKind::Verify { verifier, .. } => python |= asks_python(verifier),
            NodeKind::Model { name, source, .. } => drop(models.insert(name, source)),
            NodeKind::Evaluate { suites, .. } => {
                for part in suites.iter().flat_map(|suite| &suite.parts) {
                    sources.push((&part.data, &part.rows));
                    python |= asks_python(&part.verify);
                }
            }
            _ => {}
        }
    }
    for (source, rows) in sources {
        let key = data_key(source);
        if let Some(digest) =
            (!found.data.contains_key(&key)).then(|| rows_digest(source, rows, plan.seed, folder, told))
        {
            found.data.extend(digest.map(|digest| (key, digest)));
        }
    }
    for (name, source) in models {
        found.models.extend(model_files(source, folder, told).map(|files| (name.to_string(), files)));
    }
    found.python = python.then(|| python_version().unwrap_or_else(|why| format!("{ABSENT}{why}")));
    found
}

/// Whether a verifier runs programs in a CPython of this machine.
fn asks_python(verifier: &VerifierSettings) -> bool {
    let remote = |value: &ArgumentValue| matches!(value, ArgumentValue::Text(text) if !text.is_empty());
    verifier.name == "python_tests" && !verifier.arguments.get("remote").is_some_and(remote)
}

/// The digest of a source of rows; none where the source stands for others.
fn rows_digest(source: &DataSource, rows: &RowRules, seed: u64, folder: &Path, told: &mut Told<'_>) -> Option<String> {
    match source {
        DataSource::File { path } => Some(file_digest(&folder.join(path), told)),
        DataSource::Builtin { .. } => Some(match data::open(source, rows, seed, folder) {
            Ok(data) => {
                let mut hasher = blake3::Hasher::new();
                for split in [Split::Train, Split::HeldOut] {
                    for index in 0..SAMPLED {
                        // A problem is plain data.
                        hasher.update(&serde_json::to_vec(&data.problem(split, index)).unwrap_or_default());
                        hasher.update(data.demonstration(split, index, DEMONSTRATION).unwrap_or_default().as_bytes());
                    }
                }
                format!("generator, version {}, blake3 {}", data::builtin::VERSION, hasher.finalize().to_hex())
            }
            Err(why) => format!("{ABSENT}{why}"),
        }),
        DataSource::Hub { .. } => Some(format!("{ABSENT}data of the hub is not read by this version")),
        DataSource::HeldOut => None,
    }
}

/// `blake3 …`, or why not.
fn file_digest(path: &Path, told: &mut Told<'_>) -> String {
    let all = std::fs::metadata(path).map_or(0, |found| found.len());
    let mut done = 0;
    let read = disk::digest(path, &mut |bytes| {
        done += bytes;
        told(path, done, all);
    });
    match read {
        Ok(digest) => format!("blake3 {digest}"),
        Err(why) => format!("{ABSENT}{why}"),
    }
}

/// The files of a model by name; none of one that the run makes itself.
fn model_files(source: &ModelSource, folder: &Path, told: &mut Told<'_>) -> Option<BTreeMap<String, String>> {
    let path = match source {
        ModelSource::Folder { path } => folder.join(path),
        ModelSource::Hub { name } => match hub::find(name, &hub::Places::of_environment()) {
            Ok(found) => found.folder,
            Err(why) => return Some(BTreeMap::from([(name.clone(), format!("{ABSENT}{why}"))])),
        },
        ModelSource::Endpoint { .. } => {
            let known = "on a server: its address is in the hash, and nothing else of it can be locked".to_string();
            return Some(BTreeMap::from([("weights".to_string(), known)]));
        }
        ModelSource::Fresh(_) => return None,
    };
    if !path.is_dir() {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        return Some(BTreeMap::from([(name, file_digest(&path, told))]));
    }
    let mut files: BTreeSet<(String, PathBuf)> = BTreeSet::new();
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(why) => return Some(BTreeMap::from([(path.display().to_string(), format!("{ABSENT}{why}"))])),
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let weights = name.ends_with(".safetensors") && !NOT_WEIGHTS.contains(&name.as_str());
        if weights || MODEL_FILES.contains(&name.as_str()) {
            files.insert((name, entry.path()));
        }
    }
    Some(files.into_iter().map(|(name, path)| (name, file_digest(&path, told))).collect())
}

/// `CPython 3.12.3`: the interpreter that the sandbox would use.
fn python_version() -> Result<String, String> {
    let found = Interpreter::find().map_err(|why| why.to_string())?;
    let ask = "import platform; print(platform.python_implementation(), platform.python_version())";
    let answer = Command::new(&found.program)
        .args(["-I", "-S", "-B", "-c", ask])
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("`{}` cannot be run: {why}", found.program.display()))?;
    let said = String::from_utf8_lossy(&answer.stdout).trim().to_string();
    if said.is_empty() { Err(format!("`{}` does not tell its version", found.program.display())) } else { Ok(said) }
}
