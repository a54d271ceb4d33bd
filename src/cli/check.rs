//! `recipec check FILE…`

use super::compile::{Changes, check_file, print_problems};
use super::{Exit, say};
use recipec_compiler::diagnostic::json;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// Recipes; `-` reads standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    /// One JSON object per problem on standard output.
    #[arg(long)]
    json: bool,
    /// Warnings count as errors.
    #[arg(long)]
    strict: bool,
}

pub fn run(args: &Args) -> Exit {
    let mut worst = Exit::Done;
    for file in &args.files {
        let checked = match check_file(file, &args.changes) {
            Ok(checked) => checked,
            Err(exit) => return exit,
        };
        if args.json {
            let lines = json::render(&checked.problems, &checked.sources);
            if !lines.is_empty() {
                say(lines.trim_end());
            }
        } else {
            print_problems(&checked);
        }
        let wrong = checked.recipe.is_none() || (args.strict && checked.problems.warnings() > 0);
        if wrong {
            worst = Exit::WrongRecipe;
            continue;
        }
        if let (Some(recipe), false) = (&checked.recipe, args.json) {
            let mut line = format!("{}: recipe `{}` is fine", file.display(), recipe.name);
            if !recipe.guarantees.is_empty() {
                let decisions = recipe.guarantees.iter().filter_map(|guarantee| guarantee.decision.as_ref());
                line.push_str(&format!("; {}", recipec_compiler::prove::words::summary(decisions)));
            }
            for (code, reason) in &recipe.allows {
                line.push_str(&format!("\n  allowed: {code} because \"{reason}\""));
            }
            say(&line);
        }
    }
    worst
}
