//! `recipec hash FILE`

use super::compile::{RecipeArgs, check_file, print_problems};
use super::{Exit, family, say};
use recipec_compiler::identity;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Also the hash of every variant and of every point of the sweeps.
    #[arg(long)]
    all: bool,
    /// Print what is hashed instead: the canonical form.
    #[arg(long, conflicts_with = "all")]
    canonical: bool,
}

pub fn run(args: &Args) -> Exit {
    let checked = match check_file(&args.recipe.file, &args.recipe.changes) {
        Ok(checked) => checked,
        Err(exit) => return exit,
    };
    print_problems(&checked);
    let Some(recipe) = &checked.recipe else { return Exit::WrongRecipe };
    let identity = match identity::identity(recipe) {
        Ok(identity) => identity,
        Err(why) => {
            eprintln!("{}\n\n  × {why}\n  help: this is a defect of the compiler; please report it", why.code());
            return Exit::WrongRecipe;
        }
    };
    if args.canonical {
        say(identity.text().trim_end());
        return Exit::Done;
    }
    if !args.all {
        say(&identity.hash());
        return Exit::Done;
    }
    say(&format!("{}  {}", identity.hash(), args.recipe.file.display()));
    let (file, changes) = (&args.recipe.file, &args.recipe.changes);
    let both = family::variants(file, changes, recipe)
        .and_then(|variants| Ok((variants, family::points(file, changes, recipe)?)));
    let (variants, points) = match both {
        Ok(both) => both,
        Err(exit) => return exit,
    };
    let named = variants.iter().map(|(name, checked)| (format!("variant {name}"), checked));
    for (name, checked) in named.chain(points.iter().map(|(name, checked)| (name.clone(), checked))) {
        say(&format!("{}  {name}", family::hash(checked).unwrap_or_else(|| "wrong".into())));
    }
    Exit::Done
}
