//! `recipec test FILE…`

use super::compile::{Changes, check_file, print_problems};
use super::{Exit, say};
use recipec_compiler::recipe_tests::{Outcome, run_tests};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// Recipes.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    changes: Changes,
}

pub fn run(args: &Args) -> Exit {
    let mut worst = Exit::Done;
    for file in &args.files {
        let checked = match check_file(file, &args.changes) {
            Ok(checked) => checked,
            Err(exit) => return exit,
        };
        print_problems(&checked);
        let Some(recipe) = &checked.recipe else {
            worst = Exit::WrongRecipe;
            continue;
        };
        let (mut passed, mut failed) = (0, 0);
        for (test, outcome) in recipe.tests.iter().zip(run_tests(recipe)) {
            match outcome {
                Outcome::Passed => {
                    passed += 1;
                    say(&format!("ok      {}", test.title));
                }
                Outcome::Failed(reasons) => {
                    failed += 1;
                    say(&format!("FAILED  {}", test.title));
                    for reason in reasons {
                        say(&format!("        {reason}"));
                    }
                }
            }
        }
        say(&format!("{}: {passed} passed, {failed} failed", file.display()));
        if failed > 0 {
            worst = Exit::WrongRecipe;
        }
    }
    worst
}
