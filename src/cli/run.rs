//! `recipec run FILE` and `recipec resume RUN`

use super::compile::{Changes, RecipeArgs, check_quietly, compile_with, print_refusals};
use super::lock::LockedArgs;
use super::{Exit, lock, report, say};
use crate::facts::Look;
use crate::progress;
use recipec_compiler::{Plan, Recipe, explain, identity, support};
use recipec_runtime::device::{self, Chosen};
use recipec_runtime::disk;
use recipec_runtime::error::RunError;
use recipec_runtime::lock::{LOCK, Lock};
use recipec_runtime::origin::{self, Difference, IDENTITY, Origin};
use recipec_runtime::run::{self, Asked, RunReport};
use recipec_runtime::run_folder::RunFolder;
use recipec_runtime::train::{Speed, StoppedBy};
use recipec_runtime::world::Machine;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What changes the speed of a run and nothing else.
#[derive(clap::Args)]
pub struct SpeedArgs {
    /// Threads; the results are the same for any number.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Where to compute: `auto`, `cpu` or `cuda:0`.
    #[arg(long, default_value = "auto")]
    device: String,
}

impl SpeedArgs {
    /// Threads as asked for, or as many as there are.
    pub fn speed(&self) -> Speed {
        let threads = self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        Speed { threads: threads.max(1) }
    }
}

#[derive(clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    locked: LockedArgs,
    #[command(flatten)]
    start: StartArgs,
    #[command(flatten)]
    speed: SpeedArgs,
}

/// How a new run begins.
#[derive(clap::Args)]
pub struct StartArgs {
    /// The folder in which the run folder is made.
    #[arg(long, default_value = "runs", value_name = "DIR")]
    runs: PathBuf,
    /// The run folder itself, instead of a new one below `--runs`; it must not exist.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Keep all rollouts in the run folder, so that `recipec replay` can train again without sampling.
    #[arg(long)]
    record: bool,
    /// Do not try every phase once before the first step.
    #[arg(long)]
    no_probe: bool,
}

impl StartArgs {
    /// What the runtime is asked for.
    pub fn asked(&self) -> Asked {
        Asked { probe: !self.no_probe, record: self.record }
    }
}

#[derive(clap::Args)]
pub struct ResumeArgs {
    /// The run folder.
    run: PathBuf,
    /// Go on with the recipe as the run began with it, although its file has changed since.
    #[arg(long)]
    as_begun: bool,
    #[command(flatten)]
    speed: SpeedArgs,
}

pub fn run(args: &RunArgs) -> Exit {
    match begin(args) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn begin(args: &RunArgs) -> Result<Exit, Exit> {
    let (recipe, _, plan) = compile_with(&args.recipe, Look::Whole)?;
    let refused = support::not_yet(&recipe);
    if !refused.is_empty() {
        print_refusals(&args.recipe.file, refused);
        return Err(Exit::RunFailed);
    }
    // A lock that does not hold, or a device that is not there, is told before a folder is made.
    let place =
        if args.locked.asked() { Some(args.locked.place(&args.recipe.file, recipe.variant.as_deref())?) } else { None };
    let device = choose_device(&args.speed)?;
    let mut begun = Begun::new(&args.recipe, &recipe, &plan, &device);
    if let Some(place) = place {
        lock::hold(&place, &begun.lock)?;
        begun.origin.locked = true;
    }
    let folder = new_folder(&args.start, &plan)?;
    say(&format!("run folder: {}", folder.display()));
    begun.write(&folder, &recipe).map_err(|why| failed(&why))?;
    let beside = PathBuf::from(&begun.origin.recipe_folder);
    Ok(execute(&folder, beside, &device, &args.speed, Some(&plan), args.start.asked()))
}

/// What a run folder says of where the run came from.
pub struct Begun {
    pub origin: Origin,
    lock: Lock,
    identity: String,
}

impl Begun {
    pub fn new(args: &RecipeArgs, recipe: &Recipe, plan: &Plan, device: &Chosen) -> Self {
        let file = args.file.canonicalize().ok().filter(|_| args.file != Path::new("-"));
        let beside = lock::folder_of(&args.file);
        let beside = beside.canonicalize().unwrap_or_else(|_| std::env::current_dir().unwrap_or_default());
        let identity = identity::of_plan(recipe, plan);
        let lock = lock::of_recipe(recipe, plan, &beside);
        let origin = Origin {
            recipe: recipe.name.clone(),
            variant: recipe.variant.clone(),
            set: args.changes.set.clone(),
            recipe_file: file.map(|file| file.display().to_string()),
            recipe_folder: beside.display().to_string(),
            recipe_hash: identity.hash(),
            edition: recipe.edition,
            lock: lock.digest(),
            locked: false,
            program: origin::program(),
            machine: origin::machine(&device.device),
            device: device.description.clone(),
            instructions: origin::instructions().into(),
            command: std::env::args().collect(),
            forked_from: None,
        };
        Self { origin, lock, identity: identity.text() }
    }

    /// Writes origin, lock, identity and the resolved recipe into a run folder.
    pub fn write(&self, folder: &Path, recipe: &Recipe) -> Result<(), RunError> {
        let texts = [
            (LOCK, self.lock.text()),
            (IDENTITY, self.identity.clone()),
            ("resolved.txt", explain::recipe(recipe, &[], None)),
        ];
        for (name, text) in texts {
            let path = folder.join(name);
            disk::write_whole(&path, text.as_bytes()).map_err(RunError::io("cannot write", &path))?;
        }
        self.origin.write(folder)
    }
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
    let origin = match Origin::read(&args.run) {
        Ok(origin) => origin,
        Err(why) => return failed(&why),
    };
    if let Some(origin) = origin.as_ref().filter(|_| !args.as_begun)
        && let Some(differences) = changed_recipe(&args.run, origin)
    {
        let why = RunError::OtherInputs { differences };
        eprintln!("{}\n\n  × {why}", why.code());
        let run = args.run.display();
        eprintln!("  help: put the recipe back; or go on as the run began with `recipec resume --as-begun {run}`;");
        eprintln!(
            "        or go on in another folder, with the changed recipe and the same weights: `recipec fork {run}`"
        );
        return Exit::RunFailed;
    }
    let beside = origin.map(|origin| PathBuf::from(origin.recipe_folder)).unwrap_or_default();
    execute(&args.run, beside, &device, &args.speed, None, Asked::default())
}

/// What the recipe of a run means otherwise now; none where it means the same or is gone.
fn changed_recipe(run: &Path, origin: &Origin) -> Option<Vec<Difference>> {
    let file = PathBuf::from(origin.recipe_file.as_ref()?);
    if !file.is_file() {
        return None;
    }
    let changes = Changes { set: origin.set.clone(), variant: origin.variant.clone() };
    let hash = "the recipe's hash";
    let Some(recipe) = check_quietly(&file, &changes).and_then(|checked| checked.recipe) else {
        let is = format!("none: `{}` has errors now", file.display());
        return Some(vec![Difference::new(hash, &origin.recipe_hash, is)]);
    };
    let now = identity::identity(&recipe).ok()?;
    if now.hash() == origin.recipe_hash {
        return None;
    }
    let mut differences = vec![Difference::new(hash, &origin.recipe_hash, now.hash())];
    let was = std::fs::read_to_string(run.join(IDENTITY)).unwrap_or_default();
    let was: BTreeMap<&str, &str> = was.lines().filter_map(|line| line.split_once(" = ")).collect();
    let is: BTreeMap<&str, &str> = now.lines().iter().map(|(path, value)| (path.as_str(), value.as_str())).collect();
    let paths: BTreeSet<&str> = was.keys().chain(is.keys()).copied().collect();
    let value = |lines: &BTreeMap<&str, &str>, path: &str| lines.get(path).copied().unwrap_or("nothing").to_string();
    for path in paths.into_iter().filter(|path| was.get(path) != is.get(path)).take(20) {
        differences.push(Difference::new(path, value(&was, path), value(&is, path)));
    }
    Some(differences)
}

pub fn choose_device(speed: &SpeedArgs) -> Result<Chosen, Exit> {
    device::choose(&speed.device).map_err(|why| {
        eprintln!("error: {why}");
        Exit::Usage
    })
}

/// Runs a plan in its folder, or goes on with what is in the folder when there is no plan.
pub fn execute(
    folder: &Path,
    data_folder: PathBuf,
    device: &Chosen,
    speed: &SpeedArgs,
    plan: Option<&Plan>,
    asked: Asked,
) -> Exit {
    say(&format!("device: {}", device.description));
    let mut machine = machine(folder, data_folder);
    let done = match plan {
        Some(plan) => run::run_with(plan, &device.device, speed.speed(), asked, &mut machine),
        None => run::resume_with(&device.device, speed.speed(), asked, &mut machine),
    };
    drop(machine);
    match done {
        Ok(done) => finish(folder, &done),
        Err(why) => failed(&why),
    }
}

/// The machine for a run in a folder; a signal ends the run after its step.
pub fn machine(folder: &Path, data_folder: PathBuf) -> Machine {
    let interrupted = interruption("this step is finished and saved first");
    Machine::new(folder.to_path_buf(), data_folder, interrupted, progress::listener())
}

/// What a signal sets; a second one ends the program at once. `what` says what is done before.
pub fn interruption(what: &'static str) -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let handler = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Interrupted as i32);
        }
        eprintln!("\ninterrupted: {what}; once more ends at once, at the last checkpoint");
    });
    if let Err(why) = handler {
        eprintln!("warning: Ctrl-C will not save a checkpoint: {why}");
    }
    interrupted
}

fn finish(folder: &Path, done: &RunReport) -> Exit {
    if done.stopped == StoppedBy::Interrupt {
        say(&format!("interrupted after {} steps; go on with: recipec resume {}", done.steps, folder.display()));
        return Exit::Interrupted;
    }
    if done.nothing_left {
        say(match done.steps {
            0 => "nothing was to do: the recipe asks for no step",
            _ => "nothing was left to do: the run had ended before",
        });
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

pub fn failed(why: &RunError) -> Exit {
    eprintln!("{}\n\n  × {why}", why.code());
    if let Some(help) = why.help() {
        eprintln!("  help: {help}");
    }
    Exit::RunFailed
}

/// A new folder below `--runs`, numbered; or the one that `--into` names.
pub fn new_folder(args: &StartArgs, plan: &Plan) -> Result<PathBuf, Exit> {
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
