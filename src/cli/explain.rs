//! `recipec explain FILE [PATH]` and `recipec explain CODE`

use super::compile::{RecipeArgs, check_file, print_problems};
use super::{Exit, say};
use recipec_compiler::diagnostic::codes;
use recipec_compiler::explain;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Only what is at or below this path: `train`, `domain.math`.
    path: Option<String>,
}

pub fn run(args: &Args) -> Exit {
    if let Some(name) = args.recipe.file.to_str().filter(|name| name.starts_with("recipe::")) {
        return match codes::find(name) {
            Some(row) => {
                say(&row.book_page());
                Exit::Done
            }
            None => {
                eprintln!("error: there is no diagnostic code `{name}`");
                Exit::Usage
            }
        };
    }
    let checked = match check_file(&args.recipe.file, &args.recipe.changes) {
        Ok(checked) => checked,
        Err(exit) => return exit,
    };
    print_problems(&checked);
    let Some(recipe) = &checked.recipe else { return Exit::WrongRecipe };
    say(explain::recipe(recipe, &checked.sources, args.path.as_deref()).trim_end());
    Exit::Done
}
