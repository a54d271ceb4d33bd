//! `recipec sweep FILE`: the product of variants, points and seeds in one folder, with one report.

mod execute;
mod members;

use super::compile::RecipeArgs;
use super::run::{self, SpeedArgs};
use super::{Exit, say};
use members::{Planned, Seeds};
use recipec_runtime::disk;
use recipec_runtime::error::RunError;
use recipec_runtime::origin::Origin;
use recipec_runtime::report::sweep::{Outcome, State, Sweep, sweep_html, sweep_table};
use recipec_runtime::run::{Asked, PLAN};
use recipec_runtime::run_folder::RunFolder;
use recipec_runtime::train::StoppedBy;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The report of a sweep for programs, in its folder.
const SWEEP: &str = "sweep.json";
/// Held by the process that works in the folder.
const LOCK_FILE: &str = ".sweep";

#[derive(clap::Args)]
pub struct Args {
    /// The recipe.
    file: PathBuf,
    /// Give a param another value in all runs: `--set gamma=0.25`.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Variants: `all` (the recipe itself too), or names with commas between them; `base` is the recipe itself.
    #[arg(long, value_name = "all|NAMES")]
    variants: Option<String>,
    /// How many seeds, beginning with the recipe's own; or the seeds themselves, with commas between them: `7,11,`.
    #[arg(long, default_value = "1", value_name = "N", value_parser = members::seeds)]
    seeds: Seeds,
    /// Runs at a time; the threads are shared out among them. The results are the same for any number.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// The folder of the sweep; the same command goes on with what is in it. Otherwise `runs/RECIPE-sweep`.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Say which runs there are and how far they are, and start none.
    #[arg(long)]
    list: bool,
    /// Print the report as one JSON object, and nothing else on standard output.
    #[arg(long)]
    json: bool,
    /// Keep all rollouts in the run folders.
    #[arg(long)]
    record: bool,
    /// Do not try every phase once before the first step of a run.
    #[arg(long)]
    no_probe: bool,
    #[command(flatten)]
    speed: SpeedArgs,
}

pub fn run(args: &Args) -> Exit {
    match sweep(args) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn sweep(args: &Args) -> Result<Exit, Exit> {
    if args.file == Path::new("-") {
        eprintln!(
            "error: a sweep reads its recipe again when it goes on, which standard input does not allow; name a file"
        );
        return Err(Exit::Usage);
    }
    let device = run::choose_device(&args.speed)?;
    let mut planned = members::planned(args)?;
    let name = planned.first().map_or_else(|| "recipe".to_string(), |first| first.recipe.name.clone());
    let root = args.into.clone().unwrap_or_else(|| Path::new("runs").join(format!("{name}-sweep")));
    let _alone = if args.list { None } else { Some(hold(&root)?) };
    let found = found_in(&root)?;
    let notes = settle(&mut planned, &found, &root);
    let report = Sweep { recipe: name, members: planned.iter().map(|planned| planned.member.clone()).collect(), notes };
    if args.list {
        list(args, &report);
        return Ok(Exit::Done);
    }
    let asked = Asked { probe: !args.no_probe, record: args.record };
    let work = execute::Work {
        root: &root,
        device: &device,
        threads: (args.speed.speed().threads / usize::from(args.jobs)).max(1),
        jobs: usize::from(args.jobs),
        asked,
    };
    let told = |text: &str| if args.json { eprintln!("{text}") } else { say(text) };
    let done = report.count(State::Done.word());
    told(&format!("sweep folder: {}", root.display()));
    told(&format!("device: {}", device.description));
    told(&format!("{} runs, {done} of them done before", report.members.len()));
    let (report, interrupted) = execute::all(&planned, report, &work);
    write(&root, &report).map_err(|why| run::failed(&why))?;
    if args.json {
        say(&serde_json::to_string_pretty(&report.json()).unwrap_or_default());
    } else {
        say(sweep_table(&report).trim_end());
        say(&format!("report: {}", root.join(recipec_runtime::report::REPORT).display()));
    }
    if interrupted {
        let left = report.members.len() - report.count(State::Done.word());
        eprintln!("interrupted with {left} runs left; the same command goes on with them");
        return Ok(Exit::Interrupted);
    }
    Ok(if report.count("failed") > 0 { Exit::RunFailed } else { Exit::Done })
}

/// Makes the folder of the sweep and keeps other sweeps out of it until the file is dropped, or the process ends.
fn hold(root: &Path) -> Result<File, Exit> {
    let failed = |path: &Path, why| run::failed(&RunError::io("cannot make", path)(why));
    std::fs::create_dir_all(root).map_err(|why| failed(root, why))?;
    let path = root.join(LOCK_FILE);
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(|why| failed(&path, why))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            eprintln!(
                "error: another sweep works in `{}`; wait for it, or use another folder: `--into DIR`",
                root.display()
            );
            Err(Exit::RunFailed)
        }
        Err(std::fs::TryLockError::Error(why)) => Err(failed(&path, why)),
    }
}

/// A run folder that is there.
struct Found {
    hash: String,
    name: String,
    ended: bool,
}

/// The run folders in the folder of a sweep, by name.
fn found_in(root: &Path) -> Result<Vec<Found>, Exit> {
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(run::failed(&RunError::io("cannot read", root)(why))),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|why| run::failed(&RunError::io("cannot read", root)(why)))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_string) else { continue };
        if !path.join(PLAN).is_file() {
            continue;
        }
        match Origin::read(&path) {
            Ok(Some(origin)) => found.push(Found { hash: origin.recipe_hash, name, ended: ended(&path) }),
            Ok(None) => {}
            Err(why) => eprintln!("warning: `{}` is left out: {why}", path.display()),
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Whether the run of a folder has ended by its own budgets.
fn ended(folder: &Path) -> bool {
    let Ok(text) = std::fs::read(folder.join(recipec_runtime::run_folder::SUMMARY)) else { return false };
    let Ok(summary) = serde_json::from_slice::<recipec_runtime::run_folder::Summary>(&text) else { return false };
    summary.stopped_by != StoppedBy::Interrupt.word()
}

/// What a run that has ended came to; a reason where its folder cannot be read.
fn outcome(folder: &Path) -> Result<Option<Outcome>, String> {
    RunFolder::read(folder).map(|run| Outcome::of(&run)).map_err(|why| why.to_string())
}

/// Gives every run the folder that holds it already (the same recipe with the same seed has the same hash), and says what else is in the
/// folder.
fn settle(planned: &mut [Planned], found: &[Found], root: &Path) -> Vec<String> {
    let mut by_hash: BTreeMap<&str, &Found> = BTreeMap::new();
    for one in found {
        let better = by_hash.get(one.hash.as_str()).is_none_or(|other| one.ended && !other.ended);
        if better {
            by_hash.insert(&one.hash, one);
        }
    }
    let mut notes = Vec::new();
    for Planned { member, .. } in planned.iter_mut() {
        let Some(one) = by_hash.get(member.hash.as_str()) else { continue };
        member.folder.clone_from(&one.name);
        if matches!(member.state, State::Failed { .. }) {
            continue;
        }
        member.state = if one.ended { State::Done } else { State::Begun };
        if one.ended {
            match outcome(&root.join(&one.name)) {
                Ok(outcome) => member.outcome = outcome,
                Err(why) => member.state = State::Failed { code: "recipe::run::damaged_file".into(), why },
            }
        }
    }
    let hashes: BTreeSet<&str> = planned.iter().map(|planned| planned.member.hash.as_str()).collect();
    let others: Vec<&str> =
        found.iter().filter(|one| !hashes.contains(one.hash.as_str())).map(|one| one.name.as_str()).collect();
    match others.as_slice() {
        [] => {}
        [one] => {
            notes.push(format!("`{one}` is of another recipe, variant, point or seed, and is not in this report."))
        }
        [one, .., last] => notes.push(format!(
            "{} runs (`{one}` … `{last}`) are of other recipes, variants, points or seeds, and are not in this report.",
            others.len()
        )),
    }
    notes
}

fn list(args: &Args, report: &Sweep) {
    if args.json {
        say(&serde_json::to_string_pretty(&report.json()).unwrap_or_default());
        return;
    }
    for member in &report.members {
        say(&format!(
            "{:<11} {}  {}",
            member.state.word(),
            member.hash.get(..12).unwrap_or(&member.hash),
            member.folder
        ));
    }
}

/// Writes the report of the sweep into its folder, for people and for programs.
fn write(root: &Path, report: &Sweep) -> Result<(), RunError> {
    let json = serde_json::to_string_pretty(&report.json()).unwrap_or_default();
    for (name, text) in [(SWEEP, json), (recipec_runtime::report::REPORT, sweep_html(report))] {
        let path = root.join(name);
        disk::write_whole(&path, text.as_bytes()).map_err(RunError::io("cannot write", &path))?;
    }
    Ok(())
}

/// The arguments that select the recipe of one run.
fn recipe_args(args: &Args, changes: super::compile::Changes) -> RecipeArgs {
    RecipeArgs { file: args.file.clone(), changes }
}
