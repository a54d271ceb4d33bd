//! `recipec report RUN`

use super::{Exit, say};
use recipec_runtime::run_folder::RunFolder;
use recipec_runtime::{checkpoint, report};
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
            card(run, folder)
        }
        Err(why) => {
            eprintln!("error: cannot write `{}`: {why}", path.display());
            Exit::RunFailed
        }
    }
}

/// Writes the model card into the last checkpoint of a run that has ended.
fn card(run: &std::path::Path, folder: &RunFolder) -> Exit {
    if folder.summary.is_none() {
        return Exit::Done;
    }
    let found = checkpoint::list(run).and_then(|all| Ok((all, recipec_runtime::run::read_plan(run)?)));
    let (place, plan) = match found {
        Ok((all, plan)) => match all.into_iter().next_back() {
            Some((_, place)) => (place, plan),
            None => return Exit::Done,
        },
        Err(why) => return super::run::failed(&why),
    };
    let path = place.join(report::CARD);
    match recipec_runtime::disk::write_whole(&path, report::card(folder, &plan).as_bytes()) {
        Ok(()) => {
            say(&format!("model card: {}", path.display()));
            Exit::Done
        }
        Err(why) => {
            eprintln!("error: cannot write `{}`: {why}", path.display());
            Exit::RunFailed
        }
    }
}
