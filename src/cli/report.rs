//! `recipec report RUN…`

use super::{Exit, say};
use recipec_runtime::disk;
use recipec_runtime::report::{self, sweep};
use recipec_runtime::run_folder::RunFolder;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// The run folder; of several, a page that compares them.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Where to write the page that compares runs, instead of `comparison.html` beside the first of them.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print base, final, shares, time and digest as one JSON object, and write nothing.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Exit {
    let mut folders = Vec::new();
    for run in &args.runs {
        match RunFolder::read(run) {
            Ok(folder) => folders.push(folder),
            Err(why) => {
                eprintln!("error: {why}");
                return if run.is_dir() { Exit::RunFailed } else { Exit::Usage };
            }
        }
    }
    match folders.as_slice() {
        [folder] if args.out.is_none() => one(args, folder),
        folders => compare(args, folders),
    }
}

fn one(args: &Args, folder: &RunFolder) -> Exit {
    if args.json { print(&report::json(folder)) } else { write(&folder.path, folder) }
}

/// Several runs beside each other: those that differ by seed alone are one configuration.
fn compare(args: &Args, folders: &[RunFolder]) -> Exit {
    let beside = args.runs.first().and_then(|run| run.parent()).unwrap_or(Path::new("")).to_path_buf();
    let page = args.out.clone().unwrap_or_else(|| beside.join("comparison.html"));
    let compared = sweep::Sweep::of_runs(folders, page.parent().unwrap_or(Path::new("")));
    if args.json {
        return print(&compared.json());
    }
    say(sweep::sweep_table(&compared).trim_end());
    write_page(&page, &sweep::sweep_html(&compared))
}

fn print(value: &serde_json::Value) -> Exit {
    match serde_json::to_string_pretty(value) {
        Ok(text) => {
            say(&text);
            Exit::Done
        }
        Err(why) => {
            eprintln!("error: {why}");
            Exit::RunFailed
        }
    }
}

/// Prints the table and writes `report.html`.
pub fn write(run: &Path, folder: &RunFolder) -> Exit {
    say(report::table(folder).trim_end());
    write_page(&run.join(report::REPORT), &report::html(folder))
}

fn write_page(path: &Path, html: &str) -> Exit {
    match disk::write_whole(path, html.as_bytes()) {
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
