//! `recipec replay RUN`

use super::run::{self, SpeedArgs};
use super::{Exit, say};
use recipec_runtime::disk;
use recipec_runtime::origin::Origin;
use recipec_runtime::replay::{self, ReplayReport};
use recipec_runtime::run::PLAN;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// The run folder.
    run: PathBuf,
    /// Keep what the replay writes in this folder; it must not exist.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    #[command(flatten)]
    speed: SpeedArgs,
}

pub fn run(args: &Args) -> Exit {
    if !args.run.join(PLAN).is_file() {
        eprintln!("error: `{}` is not a run folder: it has no {PLAN}", args.run.display());
        return Exit::Usage;
    }
    if let Some(into) = args.into.as_ref().filter(|into| into.exists()) {
        eprintln!("error: `{}` exists; a replay needs a folder of its own", into.display());
        return Exit::Usage;
    }
    let device = match run::choose_device(&args.speed) {
        Ok(device) => device,
        Err(exit) => return exit,
    };
    let origin = match Origin::read(&args.run) {
        Ok(origin) => origin,
        Err(why) => return run::failed(&why),
    };
    let beside = origin.map(|origin| PathBuf::from(origin.recipe_folder)).unwrap_or_default();
    // The folder is hidden in the run's, where there is room for a run of this size.
    let folder = args.into.clone().unwrap_or_else(|| args.run.join(format!(".replay-{}", std::process::id())));
    say(&format!("device: {}", device.description));
    let mut machine = run::machine(&folder, beside);
    let done = replay::replay(&args.run, &device.device, args.speed.speed(), &mut machine);
    drop(machine);
    if args.into.is_none() && folder.exists() {
        disk::remove_pieces(&folder).ok();
    }
    match done {
        Ok(report) => tell(&args.run, &report),
        Err(why) => run::failed(&why),
    }
}

fn tell(run: &Path, report: &ReplayReport) -> Exit {
    let from = if report.from_record { "from the recorded rollouts" } else { "by sampling again" };
    let compared = format!("{} steps and {} evaluations, {from}", report.steps, report.evaluations);
    if let Some(first) = &report.first {
        eprintln!("recipe::run::replay_differs\n\n  × the replay of `{}` differs after {compared}", run.display());
        eprintln!("    first at step {} of stage `{}`, {}:", first.step, first.stage, first.at);
        for difference in &first.differences {
            eprintln!("      {}\n        was {}\n        is  {}", difference.what, difference.was, difference.is);
        }
        eprintln!(
            "  help: `recipec whence {}` says which recipe, inputs, program and machine made the run",
            run.display()
        );
        return Exit::RunFailed;
    }
    if report.interrupted {
        say(&format!("interrupted: the same so far in {compared}"));
        return Exit::Interrupted;
    }
    match &report.weights {
        Some(weights) => say(&format!("the same, bit for bit: {compared}; weights {weights}")),
        None => say(&format!("the same, bit for bit: {compared}; the run left no weights of its last step to compare")),
    }
    Exit::Done
}
