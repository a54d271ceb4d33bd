//! Reads recipe files for the compiler, which does not read files itself.

use crate::remote;
use recipec_compiler::resolve::is_address;
use recipec_compiler::{FileId, Loader, Source};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// A recipe larger than this is not one: it is a hundred thousand lines.
pub const MAX_BYTES: u64 = 4 << 20;

/// Reads what a recipe imports, from below the folder of the recipe.
pub struct FolderLoader {
    folder: PathBuf,
}

impl FolderLoader {
    /// A loader for the imports of a recipe.
    pub fn beside(recipe: &Path) -> Self {
        Self { folder: recipe.parent().unwrap_or(Path::new("")).to_path_buf() }
    }
}

impl Loader for FolderLoader {
    fn load(&self, path: &str, from: &Source) -> Result<Source, String> {
        if is_address(&from.name) {
            return Err(format!("`{}` was fetched, and reads nothing of this machine", from.name));
        }
        let wanted = Path::new(path);
        let inside = wanted.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err("a recipe reads only below its own folder".into());
        }
        let full = self.folder.join(wanted);
        let text = read_text(&full)?;
        Ok(Source::new(FileId(0), full.display().to_string().replace('\\', "/"), text))
    }

    fn fetch(&self, address: &str, blake3: &str) -> Result<Source, String> {
        let bytes = remote::fetch(address, blake3)?;
        let text = String::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_string())?;
        Ok(Source::new(FileId(0), address, text))
    }

    fn digest(&self, address: &str) -> Option<String> {
        remote::digest(address)
    }
}

/// Reads the recipe that was named on the command line; `-` is standard input.
pub fn read(path: &Path) -> Result<Source, String> {
    if path == Path::new("-") {
        // Standard input is read once; commands that look at variants ask for the recipe again.
        static TEXT: OnceLock<Result<String, String>> = OnceLock::new();
        let text = TEXT.get_or_init(|| read_bytes(std::io::stdin()).map(decode)).clone()?;
        return Ok(Source::new(FileId(0), "standard input", text));
    }
    Ok(Source::new(FileId(0), path.display().to_string().replace('\\', "/"), read_text(path)?))
}

/// As [`read`], for a command that writes the text back: bytes that are no UTF-8 are refused.
pub fn read_exactly(path: &Path) -> Result<Source, String> {
    let bytes = if path == Path::new("-") { read_bytes(std::io::stdin()) } else { read_file(path) }?;
    let name =
        if path == Path::new("-") { "standard input".into() } else { path.display().to_string().replace('\\', "/") };
    let text =
        String::from_utf8(bytes).map_err(|why| format!("it is no UTF-8 (byte {})", why.utf8_error().valid_up_to()))?;
    Ok(Source::new(FileId(0), name, text))
}

fn read_text(path: &Path) -> Result<String, String> {
    Ok(decode(read_file(path)?))
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|why| why.to_string())?;
    // On some systems a folder can be opened and only then refuses to be read.
    if file.metadata().map_err(|why| why.to_string())?.is_dir() {
        return Err("it is a folder".into());
    }
    read_bytes(file)
}

/// Reads to the end, which for a device may never come: there is a limit.
pub fn read_bytes(from: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|why| why.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes, and a recipe has no more"));
    }
    Ok(bytes)
}

/// Bytes that are no UTF-8 become replacement characters: the parser then points at them.
fn decode(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|why| String::from_utf8_lossy(why.as_bytes()).into_owned())
}
