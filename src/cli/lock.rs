//! `recipec lock FILE`, and what `--locked` holds a recipe to

use super::compile::{RecipeArgs, compile_with};
use super::{Exit, say};
use crate::facts::Look;
use recipec_compiler::{Plan, Recipe, identity};
use recipec_runtime::disk;
use recipec_runtime::lock::{self, Inputs, Lock, Which};
use recipec_runtime::origin::Difference;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Files below this size are read without a word, in bytes.
const LARGE: u64 = 256 << 20;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Where to write it, instead of beside the recipe.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Whether a command holds a recipe to its lock.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LockedArgs {
    /// Refuse when anything outside of the recipe is not what its lock says, or when there is no lock.
    #[arg(long)]
    pub locked: bool,
    /// The lock, instead of the one beside the recipe; implies `--locked`.
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
}

impl LockedArgs {
    pub fn asked(&self) -> bool {
        self.locked || self.lock.is_some()
    }

    /// Where the lock of a recipe is looked for.
    pub fn place(&self, file: &Path, variant: Option<&str>) -> Result<PathBuf, Exit> {
        if let Some(lock) = &self.lock {
            return Ok(lock.clone());
        }
        if file == Path::new("-") {
            eprintln!("error: a recipe from standard input has no lock beside it; name one with `--lock FILE`");
            return Err(Exit::Usage);
        }
        Ok(lock::place(file, variant))
    }
}

pub fn run(args: &Args) -> Exit {
    let file = &args.recipe.file;
    if file == Path::new("-") && args.out.is_none() {
        eprintln!("error: say where the lock of a recipe from standard input goes: `--out FILE`");
        return Exit::Usage;
    }
    let (recipe, _, plan) = match compile_with(&args.recipe, Look::Quick) {
        Ok(done) => done,
        Err(exit) => return exit,
    };
    let lock = of_recipe(&recipe, &plan, folder_of(file));
    let absent = lock.absent();
    if !absent.is_empty() {
        let all: String = absent.iter().map(|(what, why)| format!("\n    {what}: {why}")).collect();
        eprintln!("recipe::run::data\n\n  × not everything that the recipe names can be read:{all}");
        eprintln!("  help: a lock holds digests of all of it; nothing was written");
        return Exit::RunFailed;
    }
    let place = args.out.clone().unwrap_or_else(|| lock::place(file, recipe.variant.as_deref()));
    if let Err(why) = disk::write_whole(&place, lock.text().as_bytes()) {
        eprintln!("recipe::run::io\n\n  × cannot write `{}`: {why}", place.display());
        return Exit::RunFailed;
    }
    let files: usize = lock.models.values().map(std::collections::BTreeMap::len).sum();
    say(&format!("{}  {}", lock.digest(), place.display()));
    let python = lock.python.as_ref().map_or_else(String::new, |python| format!(", {python}"));
    say(&format!(
        "recipe {}; sources of rows: {}; files of models: {files}{python}",
        &lock.hash[..12],
        lock.data.len()
    ));
    Exit::Done
}

/// The lock of a recipe as everything is now.
pub fn of_recipe(recipe: &Recipe, plan: &Plan, folder: &Path) -> Lock {
    let hash = identity::of_plan(recipe, plan).hash();
    let inputs = inputs(plan, folder);
    Lock::new(&recipe.name, recipe.variant.as_deref(), &hash, recipe.edition, inputs)
}

fn inputs(plan: &Plan, folder: &Path) -> Inputs {
    let shown = std::io::stderr().is_terminal();
    let mut last = 0;
    lock::of_plan(plan, folder, Which::All, &mut |path, done, all| {
        let percent = done.saturating_mul(100) / all.max(1);
        if shown && all >= LARGE && percent != last {
            last = percent;
            eprint!("\rdigest of {}: {percent}% ", path.display());
            if done >= all {
                eprintln!();
            }
            std::io::stderr().flush().ok();
        }
    })
}

/// The folder that paths in a recipe are relative to.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// Refuses what is not as a lock says.
pub fn hold(place: &Path, found: &Lock) -> Result<(), Exit> {
    let wanted = Lock::read(place).map_err(|why| {
        eprintln!("{}\n\n  × {why}\n  help: {}", why.code(), why.help());
        Exit::WrongRecipe
    })?;
    let differences = wanted.differences(found);
    if differences.is_empty() {
        return Ok(());
    }
    eprintln!("recipe::run::locked\n\n  × {}", differ(place, &differences));
    eprintln!("  help: put them back as they were; or write a new lock with `recipec lock`, if they are meant");
    Err(Exit::WrongRecipe)
}

fn differ(place: &Path, differences: &[Difference]) -> String {
    let n = differences.len();
    let things = if n == 1 { "one thing is" } else { "things are" };
    let count = if n == 1 { String::new() } else { format!("{n} ") };
    let line = |d: &Difference| format!("\n    {}\n      locked {}\n      found  {}", d.what, d.was, d.is);
    format!("{count}{things} not what `{}` says:{}", place.display(), differences.iter().map(line).collect::<String>())
}
