//! Reads recipe files for the compiler, which does not read files itself.

use recipec_compiler::{FileId, Loader, Source};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// A recipe larger than this is not one.
const MAX_BYTES: u64 = 64 << 20;

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
    fn load(&self, path: &str, _from: &Source) -> Result<Source, String> {
        let wanted = Path::new(path);
        let inside = wanted.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            return Err("a recipe reads only below its own folder".into());
        }
        let full = self.folder.join(wanted);
        let text = read_text(&full)?;
        Ok(Source::new(FileId(0), full.display().to_string().replace('\\', "/"), text))
    }
}

/// Reads the recipe that was named on the command line; `-` is standard input.
pub fn read(path: &Path) -> Result<Source, String> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().take(MAX_BYTES).read_to_end(&mut bytes).map_err(|why| why.to_string())?;
        return Ok(Source::new(FileId(0), "standard input", decode(&bytes)));
    }
    Ok(Source::new(FileId(0), path.display().to_string().replace('\\', "/"), read_text(path)?))
}

fn read_text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|why| why.to_string())?.len();
    if size > MAX_BYTES {
        return Err(format!("it has {size} bytes, and a recipe has {MAX_BYTES} at most"));
    }
    Ok(decode(&std::fs::read(path).map_err(|why| why.to_string())?))
}

/// Bytes that are no UTF-8 become replacement characters: the parser then points at them.
fn decode(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
