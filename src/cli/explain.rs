//! `recipec explain FILE [PATH]` and `recipec explain CODE`

use super::compile::{RecipeArgs, check_file, print_problems};
use super::{Exit, say};
use recipec_compiler::diagnostic::{Severity, codes};
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
        return match codes::Code::named(name) {
            Some(row) => {
                say(&page(row));
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

/// The book's page of a code, as text.
fn page(code: codes::Code) -> String {
    let row = code.row();
    let severity = match row.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let indented = |text: &str| text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n");
    let mut text = format!("{} ({severity})\n{}\n\n{}\n\n{}\n", row.name, row.summary, row.what, row.why);
    for (title, example) in [("wrong", row.bad), ("right", row.good)] {
        if !example.is_empty() {
            text.push_str(&format!("\n{title}:\n{}\n", indented(example)));
        }
    }
    text
}
