//! `recipec fork RUN@STEP [FILE]`

use super::compile::{Changes, RecipeArgs, compile_with, print_refusals};
use super::run::{self, Begun, SpeedArgs, StartArgs};
use super::{Exit, say};
use crate::facts::Look;
use recipec_compiler::support;
use recipec_runtime::error::RunError;
use recipec_runtime::fork::{self, Point};
use recipec_runtime::origin::Origin;
use recipec_runtime::run::PLAN;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// The run and one of its checkpoints: `runs/a-1@400`, `runs/a-1@best`, or `runs/a-1` for the newest.
    #[arg(value_name = "RUN@STEP")]
    from: String,
    /// The recipe of the new run; without it that of the run, with its variant and its `--set`.
    file: Option<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    start: StartArgs,
    #[command(flatten)]
    speed: SpeedArgs,
}

pub fn run(args: &Args) -> Exit {
    match fork(args) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn fork(args: &Args) -> Result<Exit, Exit> {
    let (from, point) = from(&args.from)?;
    let failed = |why: RunError| run::failed(&why);
    let checkpoint = fork::find(&from, point).map_err(failed)?;
    let before = Origin::read(&from).map_err(failed)?;
    let recipe = recipe(args, before.as_ref())?;
    let (checked, _, plan) = compile_with(&recipe, Look::Whole)?;
    let refused = support::not_yet(&checked);
    if !refused.is_empty() {
        print_refusals(&recipe.file, refused);
        return Err(Exit::RunFailed);
    }
    let device = run::choose_device(&args.speed)?;
    let mut begun = Begun::new(&recipe, &checked, &plan, &device);
    let folder = run::new_folder(&args.start, &plan)?;
    say(&format!("run folder: {}", folder.display()));
    begun.write(&folder, &checked).map_err(failed)?;
    let carried =
        fork::begin(&from, &checkpoint, &plan, &folder, &mut begun.origin, (&device.device, args.speed.speed()));
    let carried = carried.map_err(|why| {
        // Nothing has begun in it.
        std::fs::remove_dir_all(&folder).ok();
        failed(why)
    })?;
    say(&format!("begins with {}", checkpoint.display()));
    for part in carried {
        say(&format!("  {:<18} {}: {}", part.part, if part.kept { "kept" } else { "anew" }, part.how));
    }
    Ok(run::execute(
        &folder,
        PathBuf::from(&begun.origin.recipe_folder),
        &device,
        &args.speed,
        None,
        args.start.asked(),
    ))
}

/// The checkpoint that `RUN@STEP`, `RUN@best` or `RUN` means.
pub fn find_checkpoint(text: &str) -> Result<PathBuf, Exit> {
    let (run, point) = from(text)?;
    fork::find(&run, point).map_err(|why| run::failed(&why))
}

/// `RUN@STEP` in its parts. A folder whose name has an `@` is taken as it is.
fn from(text: &str) -> Result<(PathBuf, Point), Exit> {
    let usage = |why: String| {
        eprintln!("error: {why}");
        Exit::Usage
    };
    let (run, point) = match text.rsplit_once('@') {
        Some((run, point)) if !Path::new(text).is_dir() => (run, point),
        _ => (text, "last"),
    };
    let point = match point {
        "last" => Point::Last,
        "best" => Point::Best,
        step => Point::Step(
            step.parse()
                .map_err(|_| usage(format!("`{step}` is no step: write `RUN@400`, `RUN@best` or `RUN@last`")))?,
        ),
    };
    let run = PathBuf::from(run);
    if !run.join(PLAN).is_file() {
        return Err(usage(format!("`{}` is not a run folder: it has no {PLAN}", run.display())));
    }
    Ok((run, point))
}

/// The recipe of the new run.
fn recipe(args: &Args, before: Option<&Origin>) -> Result<RecipeArgs, Exit> {
    if let Some(file) = &args.file {
        return Ok(RecipeArgs { file: file.clone(), changes: args.changes.clone() });
    }
    let known = before.and_then(|origin| Some((origin, PathBuf::from(origin.recipe_file.as_ref()?))));
    let Some((origin, file)) = known.filter(|(_, file)| file.is_file()) else {
        eprintln!("error: the recipe of the run is not where it was; name one: `recipec fork RUN@STEP FILE`");
        return Err(Exit::Usage);
    };
    // A param that is set anew is not set as it was.
    let name = |change: &String| change.split('=').next().unwrap_or_default().trim().to_string();
    let again: Vec<String> = args.changes.set.iter().map(name).collect();
    let mut set: Vec<String> = origin.set.iter().filter(|change| !again.contains(&name(change))).cloned().collect();
    set.extend(args.changes.set.iter().cloned());
    let variant = args.changes.variant.clone().or_else(|| origin.variant.clone());
    Ok(RecipeArgs { file, changes: Changes { set, variant } })
}
