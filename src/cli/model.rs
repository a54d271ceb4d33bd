//! The argument MODEL of `generate`, `score` and `bench`.

use super::Exit;
use recipec_compiler::settings::ModelSource;
use recipec_runtime::checkpoint;
use recipec_runtime::device::Device;
use recipec_runtime::generate::{Cut, TokenBytes};
use recipec_runtime::model::{self, Model};
use recipec_runtime::tokenizer::Tokenizer;
use std::path::{Path, PathBuf};

/// Opens a model on the CPU. What is wrong with it is printed, and so are its notes.
pub fn open(name: &str) -> Result<Model, Exit> {
    let opened = match name.strip_prefix("hf:") {
        Some(name) => model::open(&ModelSource::Hub { name: name.into() }, Path::new(""), 0, &Device::Cpu),
        None => model::open_path(&place(Path::new(name))?, &Device::Cpu),
    };
    match opened {
        Ok(model) => {
            for note in &model.notes {
                eprintln!("note: {note}");
            }
            Ok(model)
        }
        Err(why) => {
            eprintln!("error: {why}\n  help: {}", why.help());
            Err(Exit::RunFailed)
        }
    }
}

/// The folder or file itself, or the last checkpoint of a run folder.
fn place(path: &Path) -> Result<PathBuf, Exit> {
    if !path.exists() {
        eprintln!(
            "error: there is no `{}`; MODEL is a folder, a `.gguf` file, `hf:org/name` or a run folder",
            path.display()
        );
        return Err(Exit::Usage);
    }
    if !path.join(checkpoint::CHECKPOINTS).is_dir() || path.join("config.json").is_file() {
        return Ok(path.to_owned());
    }
    match checkpoint::list(path) {
        Ok(found) => match found.into_iter().next_back() {
            Some((_, last)) => {
                eprintln!("note: the last checkpoint of the run, `{}`", last.display());
                Ok(last)
            }
            None => {
                eprintln!("error: `{}` is a run folder without a checkpoint", path.display());
                Err(Exit::RunFailed)
            }
        },
        Err(why) => {
            eprintln!("error: {why}");
            Err(Exit::RunFailed)
        }
    }
}

/// The text of a response, cut where a stop string begins.
pub fn text(tokenizer: &Tokenizer, tokens: &[u32], cut: Option<Cut>) -> String {
    let whole = tokenizer.decode(tokens);
    let Some(cut) = cut else { return whole };
    let mut bytes = Vec::new();
    for token in tokens {
        tokenizer.push_bytes(*token, &mut bytes);
    }
    bytes.truncate(cut.byte);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // Some tokenizers take a blank off the start of a text.
    match text.strip_prefix(' ') {
        Some(rest) if !whole.starts_with(' ') => rest.to_owned(),
        _ => text,
    }
}

/// As many threads as there are cores, where the user does not say.
pub fn threads(given: Option<u16>) -> usize {
    given.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
}

/// A hexadecimal text of bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
