//! `recipec whence RUN|CHECKPOINT`

use super::{Exit, say};
use recipec_runtime::checkpoint::{self, STATE, State};
use recipec_runtime::error::RunError;
use recipec_runtime::origin::{ORIGIN, Origin};
use recipec_runtime::run::{self, PLAN};
use recipec_runtime::run_folder::SUMMARY;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// A run folder, or the folder of a checkpoint.
    path: PathBuf,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Exit {
    let path = &args.path;
    // Weights make a checkpoint: one that has lost its state is a damaged checkpoint, not a run.
    let found = if path.join(STATE).is_file() || path.join("model.safetensors").is_file() {
        of_checkpoint(path)
    } else if path.join(PLAN).is_file() || path.join(ORIGIN).is_file() {
        of_run(path)
    } else {
        eprintln!(
            "error: `{}` is neither a run folder nor a checkpoint: it has neither {PLAN} nor {STATE}",
            path.display()
        );
        return Exit::Usage;
    };
    match found {
        Ok(found) if args.json => match serde_json::to_string_pretty(&found) {
            Ok(text) => say(&text),
            Err(why) => {
                eprintln!("error: {why}");
                return Exit::RunFailed;
            }
        },
        Ok(found) => print(&found),
        Err(why) => return super::run::failed(&why),
    }
    Exit::Done
}

/// A checkpoint, every file of it compared with its digest.
fn of_checkpoint(path: &Path) -> Result<Value, RunError> {
    let state: State = checkpoint::state(path)?;
    Ok(json!({
        "kind": "checkpoint",
        "path": path.display().to_string(),
        "origin": state.origin,
        "plan": state.plan,
        "step": state.counters.total_steps(),
        "stage": checkpoint::plan(path)?.stages.get(state.counters.stage).map(|stage| stage.name.clone()),
        "generated_tokens": state.counters.generated_tokens,
        "seal": state.seal,
        "weights": state.digests.get("model.safetensors"),
        "intact_files": state.digests.len() + 1,
    }))
}

fn of_run(path: &Path) -> Result<Value, RunError> {
    let plan = run::read_plan(path)?;
    let summary = std::fs::read(path.join(SUMMARY)).ok();
    let summary: Option<Value> = summary.and_then(|text| serde_json::from_slice(&text).ok());
    let of = |key: &str| summary.as_ref().map(|summary| summary[key].clone());
    let steps: Vec<u64> = checkpoint::list(path)?.into_iter().map(|(step, _)| step).collect();
    Ok(json!({
        "kind": "run",
        "path": path.display().to_string(),
        "origin": Origin::read(path)?,
        "plan": plan.fingerprint(),
        "seed": plan.seed,
        "steps": of("steps"),
        "stopped_by": of("stopped_by"),
        "weights_digest": of("weights_digest"),
        "checkpoints": steps,
    }))
}

fn print(found: &Value) {
    let line = |name: &str, value: &Value| {
        let text = match value {
            Value::Null => return,
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                let words = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_string));
                words.collect::<Vec<_>>().join(" ")
            }
            other => other.to_string(),
        };
        if !text.is_empty() {
            say(&format!("{name:<18}{text}"));
        }
    };
    line(found["kind"].as_str().unwrap_or("run"), &found["path"]);
    let origin = &found["origin"];
    if origin.is_null() {
        line("origin", &json!("not recorded"));
    }
    for (name, key) in [
        ("recipe", "recipe"),
        ("variant", "variant"),
        ("set", "set"),
        ("recipe file", "recipe_file"),
        ("recipe hash", "recipe_hash"),
        ("edition", "edition"),
        ("lock of inputs", "lock"),
        ("held to a lock", "locked"),
        ("program", "program"),
        ("machine", "machine"),
        ("device", "device"),
        ("instructions", "instructions"),
        ("command", "command"),
    ] {
        line(name, &origin[key]);
    }
    let fork = &origin["forked_from"];
    if !fork.is_null() {
        line("forked from", &json!(format!("{}@{}", fork["run"].as_str().unwrap_or_default(), fork["step"])));
        line("  its recipe", &fork["recipe_hash"]);
        line("  its weights", &fork["weights"]);
        line("  its seal", &fork["checkpoint"]);
    }
    for (name, key) in [
        ("plan", "plan"),
        ("seed", "seed"),
        ("stage", "stage"),
        ("step", "step"),
        ("steps", "steps"),
        ("stopped by", "stopped_by"),
        ("generated tokens", "generated_tokens"),
        ("weights", "weights_digest"),
        ("weights file", "weights"),
        ("seal", "seal"),
        ("intact files", "intact_files"),
        ("checkpoints", "checkpoints"),
    ] {
        line(name, &found[key]);
    }
}
