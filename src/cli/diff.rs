//! `recipec diff A B` and `recipec diff A --variant NAME`

use super::compile::{Changes, check_file, print_problems};
use super::{Exit, say};
use recipec_compiler::difference::{self, Side};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// The first recipe, taken as it is written; `-` reads standard input.
    left: PathBuf,
    /// The second one; the first once more if absent. `--variant` and `--set` change it.
    right: Option<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// End with 1 when the recipes differ.
    #[arg(long)]
    exit_code: bool,
}

pub fn run(args: &Args) -> Exit {
    let second = args.right.as_deref().unwrap_or(&args.left);
    let twice_from_input = [args.left.as_path(), second].iter().all(|path| *path == Path::new("-"));
    if twice_from_input {
        eprintln!("error: standard input can be read once; name a file for one of the two recipes");
        return Exit::Usage;
    }
    if args.right.is_none() && args.changes.variant.is_none() && args.changes.set.is_empty() {
        eprintln!(
            "error: there is nothing to compare with: name a second recipe, `--variant NAME` or `--set NAME=VALUE`"
        );
        return Exit::Usage;
    }
    let both =
        check_file(&args.left, &Changes::default()).and_then(|left| Ok((left, check_file(second, &args.changes)?)));
    let (left, right) = match both {
        Ok(both) => both,
        Err(exit) => return exit,
    };
    print_problems(&left);
    if args.right.is_some() || left.recipe.is_some() {
        print_problems(&right);
    }
    let (Some(a), Some(b)) = (&left.recipe, &right.recipe) else { return Exit::WrongRecipe };
    let sides = (Side { recipe: a, sources: &left.sources }, Side { recipe: b, sources: &right.sources });
    let comparison = match difference::compare(sides.0, sides.1) {
        Ok(comparison) => comparison,
        Err(why) => {
            eprintln!("{}\n\n  × {why}\n  help: this is a defect of the compiler; please report it", why.code());
            return Exit::WrongRecipe;
        }
    };
    let names = (args.left.display().to_string(), name(second, &args.changes));
    match args.json {
        true => say(&format!("{:#}", comparison.json((&names.0, &names.1)))),
        false => say(comparison.text((&names.0, &names.1)).trim_end()),
    }
    if args.exit_code && !comparison.is_same() { Exit::WrongRecipe } else { Exit::Done }
}

/// A file with what the command line changes about it.
fn name(file: &Path, changes: &Changes) -> String {
    let variant = changes.variant.as_ref().map(|name| format!(" --variant {name}")).unwrap_or_default();
    let set: String = changes.set.iter().map(|set| format!(" --set {set}")).collect();
    format!("{}{variant}{set}", file.display())
}
