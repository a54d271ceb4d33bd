//! `recipec evaluate MODEL`

mod table;

use super::compile::{Changes, RecipeArgs, compile_with};
use super::fork::find_checkpoint;
use super::run::{self, SpeedArgs};
use super::{Exit, say};
use crate::facts::Look;
use recipec_compiler::Plan;
use recipec_compiler::plan::{NodeKind, SuitePlan};
use recipec_compiler::settings::{ModelSource, Precision};
use recipec_runtime::checkpoint::{self, STATE};
use recipec_runtime::device::Device;
use recipec_runtime::disk;
use recipec_runtime::error::RunError;
use recipec_runtime::evaluate::{Measure, Measured, compare, measure};
use recipec_runtime::model::{self, Model};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// A checkpoint, a run (its newest checkpoint), `RUN@STEP`, `RUN@best`; with --recipe also a model folder, a `.gguf` file or `hf:org/name`.
    #[arg(value_name = "MODEL")]
    model: String,
    /// Another model, measured on the same problems and compared problem by problem.
    #[arg(long, value_name = "MODEL")]
    against: Option<String>,
    /// Take the suites from this recipe, instead of from the checkpoint's plan.
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    /// Only these suites.
    #[arg(long = "suite", value_name = "NAME")]
    suites: Vec<String>,
    /// Responses per problem, instead of the suite's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    samples: Option<u64>,
    /// Problems per domain, instead of the suite's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    problems: Option<u64>,
    /// The `k` of pass@k, beside 1; each needs so many samples.
    #[arg(long, value_name = "K", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=100_000))]
    k: Vec<u64>,
    /// Caps of the curve, as multiples of the cap in training.
    #[arg(long, value_name = "X", value_delimiter = ',', default_value = "0.25,0.5,0.75,1,1.5,2", value_parser = budget)]
    budgets: Vec<f64>,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    speed: SpeedArgs,
}

fn budget(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a multiple of the cap, such as 0.5".to_string())?;
    if value > 0.0 && value <= 64.0 { Ok(value) } else { Err("a multiple above 0 and up to 64".into()) }
}

pub fn run(args: &Args) -> Exit {
    match evaluate(args) {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

fn evaluate(args: &Args) -> Result<(), Exit> {
    let first = Place::find(&args.model)?;
    let second = args.against.as_deref().map(Place::find).transpose()?;
    let (plan, data_folder) = suites(args, &first)?;
    let device = run::choose_device(&args.speed)?.device;
    known_suites(args, &plan)?;
    // pass@k needs at least k samples; a suite that has more keeps them.
    let most = |ks: &[u64]| all_suites(&plan).map(|suite| suite.samples).chain(ks.iter().copied()).max();
    let samples = args.samples.or_else(|| if args.k.is_empty() { None } else { most(&args.k) });
    if let Some(k) = args.k.iter().find(|k| samples.is_some_and(|samples| **k > samples)) {
        eprintln!("error: pass@{k} needs at least {k} responses per problem; write `--samples {k}`");
        return Err(Exit::Usage);
    }
    let what = Measure {
        suites: args.suites.clone(),
        samples,
        problems: args.problems,
        k: args.k.clone(),
        budgets: args.budgets.clone(),
    };
    let scratch = std::env::temp_dir().join(format!("recipec-evaluate-{}", std::process::id()));
    let of = |place: &Place| -> Result<Measured, Exit> {
        let model = place.open(&device)?;
        std::fs::create_dir_all(&scratch).map_err(|why| run::failed(&RunError::io("cannot make", &scratch)(why)))?;
        let folders = (data_folder.as_path(), scratch.as_path());
        let measured = measure(&plan, &model, &what, folders, (&device, args.speed.speed()));
        disk::remove_pieces(&scratch).ok();
        measured.map_err(|why| run::failed(&why))
    };
    let measured = of(&first)?;
    let other = second.as_ref().map(of).transpose()?;
    let compared = other.as_ref().map(|other| compare(other, &measured, plan.seed));
    if args.json {
        let text = json!({
            "model": first.name,
            "seed": plan.seed,
            "measured": measured,
            "against": second.as_ref().map(|place| &place.name),
            "against_measured": other,
            "compared": compared,
        });
        say(&serde_json::to_string_pretty(&text).unwrap_or_default());
        return Ok(());
    }
    table::print(&first.name, &measured);
    if let (Some(second), Some(other), Some(compared)) = (&second, &other, &compared) {
        table::print(&second.name, other);
        table::print_comparison(&first.name, &second.name, compared);
    }
    Ok(())
}

/// Every suite of a plan.
fn all_suites(plan: &Plan) -> impl Iterator<Item = &SuitePlan> {
    let nodes = plan.stages.iter().flat_map(|stage| &stage.nodes);
    nodes.flat_map(|node| match &node.kind {
        NodeKind::Evaluate { suites, .. } => suites.as_slice(),
        _ => &[],
    })
}

/// Suites that are asked for are there.
fn known_suites(args: &Args, plan: &Plan) -> Result<(), Exit> {
    let known: Vec<String> = all_suites(plan).map(|suite| format!("`{}`", suite.name)).collect();
    match args.suites.iter().find(|name| !known.contains(&format!("`{name}`"))) {
        Some(unknown) if known.is_empty() => eprintln!("error: there is no suite `{unknown}`; the recipe has none"),
        Some(unknown) => eprintln!("error: there is no suite `{unknown}`; there are {}", known.join(", ")),
        None => return Ok(()),
    }
    Err(Exit::Usage)
}

/// The plan with the suites, and what its paths are relative to.
fn suites(args: &Args, first: &Place) -> Result<(Plan, PathBuf), Exit> {
    if let Some(file) = &args.recipe {
        let recipe = RecipeArgs { file: file.clone(), changes: args.changes.clone() };
        let (_, _, plan) = compile_with(&recipe, Look::Whole)?;
        return Ok((plan, super::lock::folder_of(file).to_path_buf()));
    }
    if !args.changes.set.is_empty() || args.changes.variant.is_some() {
        eprintln!("error: `--set` and `--variant` change a recipe; name it with `--recipe FILE`");
        return Err(Exit::Usage);
    }
    let Some(checkpoint) = &first.checkpoint else {
        eprintln!("error: `{}` has no plan with suites; name a recipe that has: `--recipe FILE`", first.name);
        return Err(Exit::Usage);
    };
    let failed = |why: RunError| run::failed(&why);
    let beside = checkpoint::state(checkpoint).map_err(failed)?.origin.map(|origin| origin.recipe_folder);
    Ok((checkpoint::plan(checkpoint).map_err(failed)?, beside.map(PathBuf::from).unwrap_or_default()))
}

/// Where a model is.
struct Place {
    /// As it is called in tables.
    name: String,
    /// A checkpoint of a run.
    checkpoint: Option<PathBuf>,
}

impl Place {
    fn find(name: &str) -> Result<Self, Exit> {
        let path = Path::new(name);
        if path.join(STATE).is_file() {
            return Ok(Self { name: name.to_string(), checkpoint: Some(path.to_path_buf()) });
        }
        let run = name.rsplit_once('@').map_or(name, |(run, _)| run);
        let is_run = |folder: &str| Path::new(folder).join(recipec_runtime::run::PLAN).is_file();
        if is_run(name) || is_run(run) {
            let checkpoint = find_checkpoint(name)?;
            return Ok(Self { name: name.to_string(), checkpoint: Some(checkpoint) });
        }
        Ok(Self { name: name.to_string(), checkpoint: None })
    }

    fn open(&self, device: &Device) -> Result<Model, Exit> {
        let Some(checkpoint) = &self.checkpoint else { return super::model::open(&self.name) };
        let failed = |why: RunError| run::failed(&why);
        // Reading the state compares every file with its digest.
        checkpoint::state(checkpoint).map_err(failed)?;
        let plan = checkpoint::plan(checkpoint).map_err(failed)?;
        let source = ModelSource::Folder { path: checkpoint.display().to_string() };
        let opened = model::open(&source, Path::new(""), plan.seed, device).map_err(RunError::from);
        let mut model = opened.map_err(failed)?;
        if plan.policy.precision == Precision::Bf16 {
            model.policy = model.policy.in_bf16().map_err(|why| failed(why.into()))?;
        }
        Ok(model)
    }
}
