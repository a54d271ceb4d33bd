//! `recipec eval FILE NAME INPUT=VALUE…`: a formula of a recipe at stated inputs.

use super::compile::{RecipeArgs, check_file, print_problems};
use super::{Exit, say};
use recipec_compiler::diagnostic::json;
use recipec_compiler::stated::{Answer, value_of};
use serde_json::{Map, Value, json};

/// Raised when the meaning of a field of `--json` changes or a field goes.
const SCHEMA: u32 = 1;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// A penalty or term, `outcome`, `total`, `mix.weight`, `domain.math.reward`, or a named formula.
    name: String,
    /// What it reads: `length=120`, `correct`, `domain=math`; several values describe a group, `length=120,80`.
    #[arg(value_name = "INPUT=VALUE")]
    inputs: Vec<String>,
    /// Print one JSON object; of a wrong recipe its problems, as `check --json` does.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Exit {
    let checked = match check_file(&args.recipe.file, &args.recipe.changes) {
        Ok(checked) => checked,
        Err(exit) => return exit,
    };
    let Some(recipe) = &checked.recipe else {
        if args.json {
            say(json::render(&checked.problems, &checked.sources).trim_end());
        } else {
            print_problems(&checked);
        }
        return Exit::WrongRecipe;
    };
    print_problems(&checked);
    // Aggregates have `=` in their names; a name alone states that it is true.
    let stated: Vec<(String, String)> = args
        .inputs
        .iter()
        .map(|input| match input.rsplit_once('=') {
            Some((name, value)) => (name.trim().to_string(), value.trim().to_string()),
            None => (input.trim().to_string(), "true".to_string()),
        })
        .collect();
    match value_of(recipe, &args.name, &stated) {
        Ok(answer) if args.json => {
            say(&object(&answer, &recipe.domains).to_string());
            Exit::Done
        }
        Ok(answer) => {
            for value in &answer.values {
                say(&value.to_string());
            }
            Exit::Done
        }
        Err(why) => {
            eprintln!("error: {why}");
            Exit::Usage
        }
    }
}

/// The answer for a program: a value for each rollout, what was stated, and what the recipe added.
fn object(answer: &Answer, domains: &[String]) -> Value {
    let columns = |columns: &std::collections::BTreeMap<String, Vec<f64>>| -> Map<String, Value> {
        let column = |(name, values): (&String, &Vec<f64>)| {
            let one = |value: &f64| match domains.get(*value as usize).filter(|_| name == "domain") {
                Some(domain) => json!(domain),
                None => json!(value),
            };
            let value = match values.as_slice() {
                [single] => one(single),
                many => many.iter().map(one).collect(),
            };
            (name.clone(), value)
        };
        columns.iter().map(column).collect()
    };
    json!({
        "schema": SCHEMA,
        "path": answer.path,
        "values": answer.values,
        "inputs": columns(&answer.inputs),
        "in_force": columns(&answer.in_force),
    })
}
