//! `recipec explain FILE [PATH]` and `recipec explain CODE`

use super::compile::{RecipeArgs, check_file, print_problems};
use super::{Exit, family, say};
use recipec_compiler::diagnostic::{Severity, codes, suggest};
use recipec_compiler::explain::{self, Notation, Wanted};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Only what is at or below this path: `train`, `domain.math`, `difficulty_aware`, `variant.toy`.
    path: Option<String>,
    /// Only values that are defaults.
    #[arg(long)]
    defaults: bool,
    /// Print one JSON object.
    #[arg(long, conflicts_with = "notation")]
    json: bool,
    /// Print the formula at PATH in another notation.
    #[arg(long = "as", value_enum, value_name = "NOTATION", requires = "path", conflicts_with = "defaults")]
    notation: Option<As>,
}

/// In which language a formula is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum As {
    /// Display mathematics with amsmath.
    Latex,
    /// A Python function over numpy columns.
    Python,
    /// The canonical text.
    Text,
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
                if let Some(help) = suggest::help(name, codes::all().map(codes::Code::name)) {
                    eprintln!("  help: {help}");
                }
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
    if let (Some(notation), Some(path)) = (args.notation, &args.path) {
        let notation = match notation {
            As::Latex => Notation::Latex,
            As::Python => Notation::Python,
            As::Text => Notation::Text,
        };
        return match explain::formula_as(recipe, path, notation) {
            Some(text) => {
                say(text.trim_end());
                Exit::Done
            }
            None => unknown_path("formula", path, &explain::formula_paths(recipe)),
        };
    }
    let around = match family::around(&args.recipe.file, &args.recipe.changes, &checked) {
        Ok(around) => around,
        Err(exit) => return exit,
    };
    let outline = explain::outline(recipe, &checked.sources, &around);
    if let Some(path) = &args.path
        && outline.resolve(path).is_none()
    {
        return unknown_path("path", path, &outline.paths());
    }
    let outline = outline.only(&Wanted { path: args.path.as_deref(), defaults: args.defaults });
    match args.json {
        true => say(&format!("{:#}", outline.json())),
        false => say(outline.text().trim_end()),
    }
    Exit::Done
}

/// A path that leads nowhere is a wrong command line.
fn unknown_path(kind: &str, path: &str, legal: &[String]) -> Exit {
    eprintln!("error: the recipe has no {kind} `{path}`");
    // The last words of paths too: `explain FILE lrr` means `train.optimizer.lr`.
    let ends = legal.iter().filter_map(|path| path.rsplit('.').next());
    match suggest::nearest(path, legal.iter().map(String::as_str)) {
        Some(near) => eprintln!("  help: did you mean `{near}`?"),
        None => match suggest::nearest(path, ends) {
            Some(end) => {
                let full = legal.iter().find(|path| path.rsplit('.').next() == Some(end)).map_or(end, String::as_str);
                eprintln!("  help: did you mean `{full}`?");
            }
            None => {
                let mut firsts: Vec<&str> = legal.iter().filter_map(|path| path.split('.').next()).collect();
                firsts.dedup();
                eprintln!("  help: paths begin with {}", suggest::list(&firsts, "or"));
            }
        },
    }
    Exit::Usage
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
