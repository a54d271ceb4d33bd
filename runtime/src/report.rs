//! What a run leaves for people: a page, a table, and numbers for programs.
//!
//! All of it is made from the run folder alone, so that a report can be made again at any time and on any machine. The
//! page needs no network and no script.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run_folder::{RunFolder, RunFolderError};

mod card;
#[cfg(test)]
mod fixture;
mod html;
mod json;
mod plots;
pub mod sweep;
mod table;
mod words;

pub use card::{CARD, card};
pub use html::html;
pub use json::json;
pub use table::table;

/// Name of the page inside a run folder.
pub const REPORT: &str = "report.html";

/// Reads a run folder and writes `report.html` into it; gives the path of the page. A page that is there is replaced whole or
/// not at all.
pub fn write(folder: &Path) -> Result<PathBuf, RunFolderError> {
    let run = RunFolder::read(folder)?;
    let page = folder.join(REPORT);
    let draft = folder.join(format!("{REPORT}.part"));
    let failed = |file: &Path| {
        let file = file.to_owned();
        move |source| RunFolderError::Io { file, source }
    };
    fs::write(&draft, html(&run)).map_err(failed(&draft))?;
    fs::rename(&draft, &page).map_err(failed(&page))?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::fixture::Fixture;
    use super::*;

    #[test]
    fn the_page_is_written_whole() {
        let run = Fixture::new();
        run.write();
        let page = write(run.path()).unwrap();
        assert!(fs::read_to_string(&page).unwrap().ends_with("</html>\n"));
        assert!(!run.path().join("report.html.part").exists());
    }
}
