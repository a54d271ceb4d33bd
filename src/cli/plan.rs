//! `recipec plan FILE`

use super::compile::{RecipeArgs, compile};
use super::{Exit, say};
use recipec_compiler::graph::print::summary;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// The whole plan as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Exit {
    let (_, _, plan) = match compile(&args.recipe) {
        Ok(done) => done,
        Err(exit) => return exit,
    };
    if args.json {
        match serde_json::to_string_pretty(&plan) {
            Ok(text) => say(&text),
            Err(why) => {
                eprintln!("error: the plan cannot be written: {why}");
                return Exit::WrongRecipe;
            }
        }
        return Exit::Done;
    }
    say(&format!("plan of `{}`, fingerprint {}", plan.recipe, plan.fingerprint()));
    for stage in &plan.stages {
        let steps = stage.max_steps.map_or("until a budget ends".to_string(), |steps| format!("{steps} steps"));
        say(&format!("\nstage {} ({steps})", stage.name));
        for node in &stage.nodes {
            let from: Vec<String> = node
                .inputs
                .iter()
                .map(|input| if input.feedback { format!("{}*", input.from) } else { input.from.clone() })
                .collect();
            say(&format!("  {:<26} {:<44} <- {}", node.id, summary(&node.kind), from.join(", ")));
        }
    }
    say("\n* closes the loop: read from the step before");
    Exit::Done
}
