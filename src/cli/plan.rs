//! `recipec plan FILE`: what a recipe costs, with the arithmetic; or its nodes in execution order.

mod gguf;

use super::compile::{RecipeArgs, compile};
use super::{Exit, say};
use recipec_compiler::Plan;
use recipec_compiler::estimate::{Device, Given, ModelSizes, Rates, estimate};
use recipec_compiler::graph::print::summary;
use recipec_compiler::settings::ModelSource;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Results only, without the way to them.
    #[arg(long)]
    short: bool,
    /// The nodes of every stage in execution order, instead of the estimate.
    #[arg(long)]
    nodes: bool,
    /// The estimate as JSON; with `--nodes` the whole plan.
    #[arg(long)]
    json: bool,
    /// What the run is thought to happen on; `cpu` where the policy is `fresh { … }`.
    #[arg(long, value_enum)]
    device: Option<DeviceName>,
    /// Memory of the device: `80GiB`.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    device_memory: Option<f64>,
    /// What an hour costs: `2.5/h`.
    #[arg(long, value_name = "MONEY/h", value_parser = price)]
    price: Option<f64>,
    /// A rate of the device: `compute=4e14` (FLOP/s), `bandwidth=3.2e12` (bytes/s), `generate=2000` (tokens/s over all slots).
    #[arg(long, value_name = "NAME=NUMBER", value_parser = rate)]
    rate: Vec<(RateName, f64)>,
    /// Mean length of a response as a share of its cap: `35%`.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "50%")]
    output_share: f64,
    /// Mean length of a prompt as a share of the longest: `20%`.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "50%")]
    prompt_share: f64,
    /// Share of the drawn groups that the filter keeps.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "100%")]
    kept_share: f64,
    /// Sizes of the policy, where the recipe does not have them: a `config.json`, or an object of them by name of model.
    #[arg(long, value_name = "FILE.json")]
    facts: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DeviceName {
    /// 32-bit numbers; packed weights; gradients summed in lanes.
    Cpu,
    /// One accelerator.
    Accelerator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RateName {
    Compute,
    Bandwidth,
    Generate,
}

pub fn run(args: &Args) -> Exit {
    let (_, _, plan) = match compile(&args.recipe) {
        Ok(done) => done,
        Err(exit) => return exit,
    };
    if args.nodes {
        return nodes(&plan, args.json);
    }
    let given = match given(args, &plan) {
        Ok(given) => given,
        Err(exit) => return exit,
    };
    let estimate = estimate(&plan, &given);
    if args.json {
        return json(&serde_json::json!({ "schema": 1, "estimate": estimate }));
    }
    say(estimate.text(!args.short).trim_end());
    Exit::Done
}

fn given(args: &Args, plan: &Plan) -> Result<Given, Exit> {
    let fresh = matches!(plan.policy.source, ModelSource::Fresh(_));
    let device = match args.device {
        Some(DeviceName::Cpu) => Device::Cpu,
        Some(DeviceName::Accelerator) => Device::Accelerator,
        None if fresh => Device::Cpu,
        None => Device::Accelerator,
    };
    let mut rates = Rates::assumed(device);
    for (name, value) in &args.rate {
        match name {
            RateName::Compute => rates.compute = *value,
            RateName::Bandwidth => rates.bandwidth = *value,
            RateName::Generate => rates.generate = Some(*value),
        }
    }
    let mut models = BTreeMap::new();
    if let Some(path) = &args.facts {
        models = facts(path).map_err(|why| {
            eprintln!("error: `{}`: {why}", path.display());
            Exit::Usage
        })?;
    } else if let ModelSource::Folder { path } = &plan.policy.source {
        // The sizes of a folder that is here are there to be read; one that is not leaves its lines undecided.
        let place = args.recipe.file.parent().unwrap_or(Path::new("")).join(path);
        models = if place.is_dir() {
            facts(&place.join("config.json")).unwrap_or_default()
        } else {
            gguf::sizes(&place).map(|sizes| ("policy".to_string(), sizes)).into_iter().collect()
        };
    }
    Ok(Given {
        models,
        device,
        rates,
        device_memory: args.device_memory,
        price_per_hour: args.price,
        output_share: args.output_share,
        prompt_share: args.prompt_share,
        kept_share: args.kept_share,
    })
}

/// Reads sizes: of the policy alone, as a `config.json` has them, or of models by name.
fn facts(path: &Path) -> Result<BTreeMap<String, ModelSizes>, String> {
    let text = std::fs::read_to_string(path).map_err(|why| why.to_string())?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|why| why.to_string())?;
    let alone = serde_json::from_value::<ModelSizes>(value.clone());
    let models = match alone {
        Ok(sizes) => BTreeMap::from([("policy".to_string(), sizes)]),
        Err(why) => serde_json::from_value::<BTreeMap<String, ModelSizes>>(value)
            .map_err(|_| format!("not the sizes of a model: {why}"))?,
    };
    for (name, sizes) in &models {
        if !possible(sizes) {
            return Err(format!("a size of model `{name}` is 0, or beyond any model"));
        }
    }
    Ok(models)
}

/// Whether no size is 0 or beyond any model.
fn possible(sizes: &ModelSizes) -> bool {
    let all =
        [sizes.width, sizes.layers, sizes.heads, sizes.key_heads(), sizes.width_of_head(), sizes.hidden, sizes.vocab];
    all.iter().all(|size| (1..=1 << 32).contains(size))
}

fn json(value: &impl serde::Serialize) -> Exit {
    match serde_json::to_string_pretty(value) {
        Ok(text) => say(&text),
        Err(why) => {
            eprintln!("error: the plan cannot be written: {why}");
            return Exit::WrongRecipe;
        }
    }
    Exit::Done
}

fn nodes(plan: &Plan, as_json: bool) -> Exit {
    if as_json {
        return json(plan);
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

/// A finite number above 0.
fn positive(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(format!("`{text}` is not a number above 0")),
    }
}

/// A size with its unit, `80GiB`, in bytes.
pub fn bytes(text: &str) -> Result<f64, String> {
    let units = [
        ("TiB", 1024f64.powi(4)),
        ("GiB", 1024f64.powi(3)),
        ("MiB", 1024f64.powi(2)),
        ("KiB", 1024.0),
        ("TB", 1e12),
        ("GB", 1e9),
        ("MB", 1e6),
        ("B", 1.0),
    ];
    match units.into_iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size))) {
        Some((number, size)) => Ok(positive(number)? * size),
        None => Err(format!("`{text}` has no unit; write `{text}GiB`")),
    }
}

fn price(text: &str) -> Result<f64, String> {
    match text.strip_suffix("/h") {
        Some(number) => positive(number),
        None => Err(format!("`{text}` is not for an hour; write `{text}/h`")),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let value = match text.strip_suffix('%') {
        Some(number) => positive(number)? / 100.0,
        None => positive(text)?,
    };
    if value <= 1.0 { Ok(value) } else { Err(format!("`{text}` is more than all")) }
}

fn rate(text: &str) -> Result<(RateName, f64), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` should read NAME=NUMBER"))?;
    let name = match name.trim() {
        "compute" => RateName::Compute,
        "bandwidth" => RateName::Bandwidth,
        "generate" => RateName::Generate,
        other => return Err(format!("there is no rate `{other}`; there are compute, bandwidth and generate")),
    };
    Ok((name, positive(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_of_the_command_line() {
        assert_eq!(bytes("80GiB"), Ok(80.0 * 1024.0 * 1024.0 * 1024.0));
        assert!(bytes("80").is_err() && bytes("-1GiB").is_err() && bytes("xGiB").is_err());
        assert_eq!(price("2.5/h"), Ok(2.5));
        assert!(price("2.5").is_err());
        assert_eq!(share("35%"), Ok(0.35));
        assert!(share("150%").is_err() && share("0").is_err());
        assert_eq!(rate("compute=4e14"), Ok((RateName::Compute, 4e14)));
        assert!(rate("compute=inf").is_err() && rate("speed=1").is_err());
    }
}
