//! `recipec run FILE` and `recipec resume RUN`

use super::compile::{RecipeArgs, compile_with, print_refusals};
use super::{Exit, report, say};
use crate::facts::Look;
use crate::progress;
use recipec_compiler::{Plan, explain, support};
use recipec_runtime::device::{self, Chosen};
use recipec_runtime::error::RunError;
use recipec_runtime::run::{self, RunReport};
use recipec_runtime::run_folder::RunFolder;
use recipec_runtime::train::{Speed, StoppedBy};
use recipec_runtime::world::Machine;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a run came from: recorded, never part of what it does.
const ORIGIN: &str = "origin.json";

/// What changes the speed of a run and nothing else.
#[derive(clap::Args)]
struct SpeedArgs {
    /// Threads; the results are the same for any number.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Where to compute: `auto`, `cpu` or `cuda:0`.
    #[arg(long, default_value = "auto")]
    device: String,
}

#[derive(clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// The folder in which the run folder is made.
    #[arg(long, default_value = "runs", value_name = "DIR")]
    runs: PathBuf,
    /// The run folder itself, instead of a new one below `--runs`; it must not exist.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    #[command(flatten)]
    speed: SpeedArgs,
}

#[derive(clap::Args)]
pub struct ResumeArgs {
    /// The run folder.
    run: PathBuf,
    #[command(flatten)]
    speed: SpeedArgs,
}

pub fn run(args: &RunArgs) -> Exit {
    let (recipe, _, plan) = match compile_with(&args.recipe, Look::Whole) {
        Ok(done) => done,
        Err(exit) => return exit,
    };
    let refused = support::not_yet(&recipe);
    if !refused.is_empty() {
        print_refusals(&args.recipe.file, refused);
        return Exit::RunFailed;
    }
    // A device that is not there is told before a folder is made.
    let device = match choose_device(&args.speed) {
        Ok(device) => device,
        Err(exit) => return exit,
    };
    let folder = match new_folder(args, &plan) {
        Ok(folder) => folder,
        Err(exit) => return exit,
    };
    say(&format!("run folder: {}", folder.display()));
    let resolved = folder.join("resolved.txt");
    if let Err(why) = std::fs::write(&resolved, explain::recipe(&recipe, &[], None)) {
        return failed(&RunError::io("cannot write", resolved)(why));
    }
    let beside = args.recipe.file.parent().unwrap_or(Path::new(""));
    let beside = beside.canonicalize().unwrap_or_else(|_| std::env::current_dir().unwrap_or_default());
    let origin = folder.join(ORIGIN);
    let text = serde_json::json!({ "recipe_folder": beside, "command": std::env::args().collect::<Vec<_>>() });
    if let Err(why) = std::fs::write(&origin, format!("{text:#}\n")) {
        return failed(&RunError::io("cannot write", origin)(why));
    }
    execute(&folder, beside, &device, &args.speed, Some(&plan))
}

pub fn resume(args: &ResumeArgs) -> Exit {
    if !args.run.join(run::PLAN).is_file() {
        eprintln!("error: `{}` is not a run folder: it has no {}", args.run.display(), run::PLAN);
        return Exit::Usage;
    }
    let device = match choose_device(&args.speed) {
        Ok(device) => device,
        Err(exit) => return exit,
    };
    let origin = std::fs::read_to_string(args.run.join(ORIGIN)).ok();
    let origin = origin.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let beside = origin.as_ref().and_then(|origin| origin["recipe_folder"].as_str()).map(PathBuf::from);
    execute(&args.run, beside.unwrap_or_default(), &device, &args.speed, None)
}

fn choose_device(speed: &SpeedArgs) -> Result<Chosen, Exit> {
    device::choose(&speed.device).map_err(|why| {
        eprintln!("error: {why}");
        Exit::Usage
    })
}

/// Runs a plan in its folder, or goes on with what is in the folder when there is no plan.
fn execute(folder: &Path, data_folder: PathBuf, device: &Chosen, speed: &SpeedArgs, plan: Option<&Plan>) -> Exit {
    say(&format!("device: {}", device.description));
    let threads = speed.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let handler = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Interrupted as i32);
        }
        eprintln!(
            "\ninterrupted: this step is finished and saved first; once more ends at once, at the last checkpoint"
        );
    });
    if let Err(why) = handler {
        eprintln!("warning: Ctrl-C will not save a checkpoint: {why}");
    }
    let mut machine = Machine::new(folder.to_path_buf(), data_folder, interrupted, progress::listener());
    let speed = Speed { threads: threads.max(1) };
    let done = match plan {
        Some(plan) => run::run(plan, &device.device, speed, &mut machine),
        None => run::resume(&device.device, speed, &mut machine),
    };
    drop(machine);
    match done {
        Ok(done) => finish(folder, &done),
        Err(why) => failed(&why),
    }
}

fn finish(folder: &Path, done: &RunReport) -> Exit {
    if done.stopped == StoppedBy::Interrupt {
        say(&format!("interrupted after {} steps; go on with: recipec resume {}", done.steps, folder.display()));
        return Exit::Interrupted;
    }
    if done.nothing_left {
        say("nothing was left to do: the run had ended before");
    }
    match RunFolder::read(folder) {
        Ok(read) => {
            let exit = report::write(folder, &read);
            let budget = match done.stopped {
                StoppedBy::Tokens => "`budget.tokens` is used up",
                StoppedBy::Time => "`budget.time` is used up",
                StoppedBy::Steps | StoppedBy::Interrupt => "all steps are made",
            };
            say(&format!("stopped because {budget}"));
            exit
        }
        Err(why) => {
            eprintln!("error: {why}");
            Exit::RunFailed
        }
    }
}

fn failed(why: &RunError) -> Exit {
    eprintln!("{}\n\n  × {why}", why.code());
    if let Some(help) = why.help() {
        eprintln!("  help: {help}");
    }
    Exit::RunFailed
}

/// A new folder below `--runs`, numbered; or the one that `--into` names.
fn new_folder(args: &RunArgs, plan: &Plan) -> Result<PathBuf, Exit> {
    let cannot = |path: &Path, why: std::io::Error| failed(&RunError::io("cannot make", path)(why));
    if let Some(folder) = &args.into {
        if folder.exists() {
            eprintln!("error: `{}` exists; a run needs a folder of its own", folder.display());
            return Err(Exit::Usage);
        }
        std::fs::create_dir_all(folder).map_err(|why| cannot(folder, why))?;
        return Ok(folder.clone());
    }
    std::fs::create_dir_all(&args.runs).map_err(|why| cannot(&args.runs, why))?;
    let name = match &plan.variant {
        Some(variant) => format!("{}-{variant}", plan.recipe),
        None => plan.recipe.clone(),
    };
    for number in 1u32.. {
        let folder = args.runs.join(format!("{name}-{number}"));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(why) => return Err(cannot(&folder, why)),
        }
    }
    Err(Exit::RunFailed)
}
