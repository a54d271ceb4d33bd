//! `recipec report RUN`

use super::{Exit, say};
use recipec_runtime::report;
use recipec_runtime::run_folder::RunFolder;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// The run folder.
    run: PathBuf,
    /// Print base, final, shares, time and digest as one JSON object, and write nothing.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Exit {
    let folder = match RunFolder::read(&args.run) {
        Ok(folder) => folder,
        Err(why) => {
            eprintln!("error: {why}");
            let absent = !args.run.is_dir();
            return if absent { Exit::Usage } else { Exit::RunFailed };
        }
    };
    if args.json {
        match serde_json::to_string_pretty(&report::json(&folder)) {
            Ok(text) => say(&text),
            Err(why) => {
                eprintln!("error: {why}");
                return Exit::RunFailed;
            }
        }
        return Exit::Done;
    }
    write(&args.run, &folder)
}

/// Prints the table and writes `report.html`.
pub fn write(run: &std::path::Path, folder: &RunFolder) -> Exit {
    say(report::table(folder).trim_end());
    let path = run.join("report.html");
    match recipec_runtime::disk::write_whole(&path, report::html(folder).as_bytes()) {
        Ok(()) => {
            say(&format!("report: {}", path.display()));
            Exit::Done
        }
        Err(why) => {
            eprintln!("error: cannot write `{}`: {why}", path.display());
            Exit::RunFailed
        }
    }
}
