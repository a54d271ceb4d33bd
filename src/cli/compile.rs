//! What every command that takes a recipe does first: read it, check it, print what is wrong with it.

use super::Exit;
use crate::facts::{self, Look};
use crate::loader::{self, FolderLoader};
use clap::Args as ClapArgs;
use recipec_compiler::diagnostic::human;
use recipec_compiler::facts::Facts;
use recipec_compiler::problems::Problems;
use recipec_compiler::{Checked, Options, Plan, Recipe, Source, TrainGraph};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Which recipe, and what is changed about it.
#[derive(Debug, Clone, ClapArgs)]
pub struct RecipeArgs {
    /// The recipe; `-` reads standard input.
    pub file: PathBuf,
    #[command(flatten)]
    pub changes: Changes,
}

/// What the command line changes about a recipe.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Changes {
    /// Give a param another value: `--set seed=2`.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Use a variant of the recipe.
    #[arg(long)]
    pub variant: Option<String>,
}

/// Checks a recipe; a file that cannot be read is a usage error. What it names and is on this machine is looked at.
pub fn check_file(file: &Path, changes: &Changes) -> Result<Checked, Exit> {
    check_file_with(file, changes, Look::Quick)
}

/// [`check_file`], with a quick or a whole look at the data.
fn check_file_with(file: &Path, changes: &Changes, look: Look) -> Result<Checked, Exit> {
    let options = options(changes)?;
    let source = read(file)?;
    Ok(check_source(file, &source, &options, look))
}

/// Reads a recipe; one that cannot be read is a usage error.
pub fn read(file: &Path) -> Result<Source, Exit> {
    loader::read(file).map_err(|why| {
        eprintln!("error: cannot read `{}`: {why}", file.display());
        Exit::Usage
    })
}

/// Checks a text as the recipe in a file.
pub fn check_source(file: &Path, source: &Source, options: &Options, look: Look) -> Checked {
    let loader = FolderLoader::beside(file);
    let checked = recipec_compiler::check(source.clone(), &loader, options);
    if checked.wanted.is_empty() {
        return checked;
    }
    let facts = facts::gather(&checked.wanted, file.parent().unwrap_or(Path::new("")), look);
    if facts == Facts::default() {
        return checked;
    }
    recipec_compiler::check(source.clone(), &loader, &Options { facts, ..options.clone() })
}

/// The options of a check, as the command line changes them.
pub fn options(changes: &Changes) -> Result<Options, Exit> {
    let mut set = Vec::new();
    for change in &changes.set {
        let Some((name, value)) = change.split_once('=') else {
            eprintln!("error: `--set {change}` should read `--set NAME=VALUE`");
            return Err(Exit::Usage);
        };
        set.push((name.trim().to_string(), value.trim().to_string()));
    }
    Ok(Options { variant: changes.variant.clone(), set, ..Options::default() })
}

/// Checks a recipe without a word; none where it cannot be read.
#[cfg(feature = "run")]
pub fn check_quietly(file: &Path, changes: &Changes) -> Option<Checked> {
    let source = loader::read(file).ok()?;
    Some(check_source(file, &source, &options(changes).ok()?, Look::Quick))
}

/// Prints the problems of a recipe on standard error.
pub fn print_problems(checked: &Checked) {
    print_found(&checked.problems, &checked.sources);
}

/// Prints problems on standard error.
pub fn print_found(problems: &Problems, sources: &[Source]) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = human::render(problems, sources, human::Style { width: 100, colour });
    if !text.is_empty() {
        eprint!("{text}");
    }
}

/// Prints what a recipe asks for and this version does not carry out.
#[cfg(feature = "run")]
pub fn print_refusals(file: &Path, refused: Vec<recipec_compiler::diagnostic::Diagnostic>) {
    let mut problems = recipec_compiler::problems::Problems::new();
    for diagnostic in refused {
        problems.push(diagnostic);
    }
    let sources = loader::read(file).into_iter().collect::<Vec<_>>();
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    eprint!("{}", human::render(&problems, &sources, human::Style { width: 100, colour }));
}

/// The recipe with its graph and plan, or the exit code after its problems were printed.
pub fn compile(args: &RecipeArgs) -> Result<(Recipe, TrainGraph, Plan), Exit> {
    compile_with(args, Look::Quick)
}

/// [`compile`], with a quick or a whole look at the data.
pub fn compile_with(args: &RecipeArgs, look: Look) -> Result<(Recipe, TrainGraph, Plan), Exit> {
    let checked = check_file_with(&args.file, &args.changes, look)?;
    print_problems(&checked);
    let Some(recipe) = checked.recipe else { return Err(Exit::WrongRecipe) };
    match recipec_compiler::compile(&recipe) {
        Ok((graph, plan)) => Ok((recipe, graph, plan)),
        Err(why) => {
            eprintln!(
                "{}\n\n  × {why}\n  help: this is a defect of the compiler, not of the recipe; please report it",
                why.code()
            );
            Err(Exit::WrongRecipe)
        }
    }
}
