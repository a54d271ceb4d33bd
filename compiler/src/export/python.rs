//! The files that the Python engines share: formulas, numbers of the recipe, the library, and what fetches problems.

use super::lowering::{Class, Lowering};
use super::{Rows, Target, Work, verifier};
use crate::formula::script;
use crate::plan::NodeKind;
use crate::recipe::Reinforce;
use crate::settings::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

const LIBRARY: &str = include_str!("recipe_lib.py");
const PREPARE: &str = include_str!("prepare_data.py");
const WRITE_JSONL: &str = include_str!("write_jsonl.py");
const WRITE_PARQUET: &str = include_str!("write_parquet.py");

/// Puts the names of the recipe into a generated file.
pub(super) fn signed(text: &str, work: &Work<'_>) -> String {
    let name: String =
        work.recipe.name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { ' ' }).collect();
    text.replace("@NAME@", &name).replace("@TARGET@", work.target.name()).replace("@HASH@", &work.hash)
}

/// Adds the shared files, and the items that they stand for.
pub(super) fn files(lowering: &mut Lowering<'_>, work: &Work<'_>, rows: &[Rows]) -> BTreeMap<String, String> {
    let write = if work.target == Target::Verl { WRITE_PARQUET } else { WRITE_JSONL };
    let prepare = PREPARE.replace("@FORMAT@", work.target.format()).replace("@WRITE@\n", write);
    items(lowering, work, rows);
    let numbers = serde_json::to_string_pretty(&numbers(work, rows)).unwrap_or_default();
    BTreeMap::from([
        ("recipe_formulas.py".to_string(), formulas(work)),
        ("recipe.json".to_string(), numbers + "\n"),
        ("recipe_lib.py".to_string(), LIBRARY.to_string()),
        ("prepare_data.py".to_string(), signed(&prepare, work)),
    ])
}

/// The terms in the order of the plan, then the total, then the weight of the mix.
fn formulas(work: &Work<'_>) -> String {
    let mut text = format!(
        "\"\"\"The formulas of the recipe {}, generated from its typed graph by recipec; recipe hash {}.\n\nEvery function takes rows, dictionaries of signals, and writes its results into them.\"\"\"\n\n",
        work.recipe.name.replace(['"', '\\'], " "),
        work.hash
    );
    text.push_str(script::OPERATIONS);
    text.push_str("\n\n");
    let mut terms: Vec<String> = Vec::new();
    let written = |name: &str| {
        let found = work.reinforce.terms.iter().find(|term| term.name == name);
        found.map_or_else(String::new, |term| {
            format!("{} {name} = {}", if term.is_penalty { "penalty" } else { "term" }, term.formula)
        })
    };
    for node in work.nodes() {
        if let NodeKind::Penalty { name, program } = node {
            let function = format!("term_{}", terms.len());
            let _ = writeln!(text, "{}\n", script::function(&function, &written(name), program));
            terms.push(function);
        }
    }
    for node in work.nodes() {
        match node {
            NodeKind::Reward { program } => {
                let doc = format!("reward total = {}", work.reinforce.reward.total);
                let _ = writeln!(text, "{}\n", script::function("total", &doc, program));
            }
            NodeKind::Sampler { weight, .. } => {
                let doc = format!("mix weight = {}", work.reinforce.mix.weight);
                let _ = writeln!(text, "{}\n", script::function("weights", &doc, weight));
            }
            _ => {}
        }
    }
    text.push_str(
        "def rewards(rows):\n    \"\"\"Every part of the reward of the rollouts of one group, and its total.\"\"\"\n",
    );
    for term in &terms {
        let _ = writeln!(text, "    {term}(rows)");
    }
    text.push_str("    return total(rows)\n");
    text
}

/// What `recipe.json` holds.
fn numbers(work: &Work<'_>, rows: &[Rows]) -> Value {
    let Reinforce { train, reward, mix, .. } = work.reinforce;
    let generated = |source: &DataSource| matches!(source, DataSource::Builtin { .. });
    let position = |name: &str| work.recipe.domains.iter().position(|other| other == name).unwrap_or(0);
    let cap = |own: Option<u64>| own.unwrap_or(work.reinforce.max_output_tokens);
    let domains: Vec<Value> = work
        .stage
        .domains
        .iter()
        .map(|domain| {
            json!({
                "name": domain.name,
                "position": position(&domain.name),
                "ratio": domain.ratio.value,
                "output": cap(domain.output),
                "reference": domain.reference,
                "generated": generated(&domain.data),
                "verify": domain.verify.as_ref().map(verifier),
            })
        })
        .collect();
    let by_position: Vec<Value> = work
        .recipe
        .domains
        .iter()
        .map(|name| {
            let own = work.stage.domains.iter().find(|domain| domain.name == *name).and_then(|domain| domain.output);
            json!({ "name": name, "output": cap(own) })
        })
        .collect();
    let mut suites = Vec::new();
    for node in work.nodes() {
        let NodeKind::Evaluate { suites: found, .. } = node else { continue };
        for suite in found {
            for part in &suite.parts {
                if !work.stage.domains.iter().any(|domain| domain.name == part.name) {
                    suites.push(json!({
                        "name": part.name,
                        "position": 0,
                        "ratio": 0.0,
                        "output": suite.max_output_tokens,
                        "reference": "answer",
                        "generated": generated(&part.data),
                        "verify": verifier(&part.verify),
                    }));
                }
            }
        }
    }
    let lora = match work.recipe.policy.train {
        Trainable::Lora { rank, alpha } => json!({ "rank": rank, "alpha": alpha }),
        _ => Value::Null,
    };
    json!({
        "recipe": work.recipe.name,
        "hash": work.hash,
        "target": work.target.name(),
        "stage": work.stage.name,
        "seed": work.recipe.seed,
        "model": work.model(),
        "precision": if work.recipe.policy.precision == Precision::F32 { "float32" } else { "bfloat16" },
        "lora": lora,
        "chat": work.recipe.policy.chat,
        "answer": work.recipe.policy.answer,
        "verifiers": "http://127.0.0.1:8080",
        "group": train.group_size,
        "batch": train.batch_rollouts,
        "updates": train.updates,
        "drop": train.drop,
        "refill": train.refill,
        "prompt": work.stage.max_prompt_tokens,
        "output": work.reinforce.max_output_tokens,
        "steps": work.stage.max_steps.as_ref().map(|steps| steps.value),
        "tokens": work.recipe.max_generated_tokens,
        "seconds": work.recipe.max_wall_clock_seconds,
        "unfinished": reward.unfinished,
        "shuffled": reward.shuffled,
        "mix": { "at": mix.count.at, "of": mix.count.of, "warmup": mix.warmup, "every": mix.every_steps },
        "domains": domains,
        "domains_by_position": by_position,
        "suites": suites,
        "sources": rows.iter().filter(|rows| is_fetched(work, &rows.source)).map(source).collect::<Vec<_>>(),
    })
}

/// Whether a source is read when the export is launched, and not when it is written.
pub(super) fn is_fetched(work: &Work<'_>, source: &DataSource) -> bool {
    match source {
        DataSource::Hub { .. } => true,
        DataSource::File { path } => !work.given.at_hand.contains(path),
        DataSource::Builtin { .. } | DataSource::HeldOut => false,
    }
}

fn source(rows: &Rows) -> Value {
    let mut value = match &rows.source {
        DataSource::Hub { name, split, config } => {
            json!({ "kind": "hub", "name": name, "split": split, "config": config })
        }
        DataSource::File { path } => json!({ "kind": "file", "path": path }),
        DataSource::Builtin { .. } | DataSource::HeldOut => json!({ "kind": "none" }),
    };
    if let Value::Object(fields) = &mut value {
        let side = rows.held_out.map(|held_out| if held_out { "held_out" } else { "train" });
        fields.insert("part".into(), json!(rows.part));
        fields.insert("domain".into(), json!(rows.domain));
        fields.insert("side".into(), json!(side));
        fields.insert("prompt".into(), json!(rows.prompt));
        fields.insert("problems".into(), json!(rows.problems));
        fields.insert("rules".into(), json!(rows.rules));
    }
    value
}

/// Items that mean the same for every engine that runs the generated Python.
fn items(lowering: &mut Lowering<'_>, work: &Work<'_>, rows: &[Rows]) {
    let Reinforce { mix, reward, train, .. } = work.reinforce;
    lowering.note(Class::Exact, "recipe.edition", &["edition", "domains", "stages"], "");
    for node in work.nodes() {
        match node {
            NodeKind::Penalty { name, .. } => {
                let claim = [format!("~/penalty:{name}"), format!("~/term:{name}")];
                lowering.code(
                    Class::Generated,
                    &format!("penalty.{name}"),
                    &[&claim[0], &claim[1]],
                    "recipe_formulas.py",
                    "",
                );
            }
            NodeKind::Signal { signal, .. } => {
                let (path, claim) = (format!("signal.{}", signal.name()), format!("~/signal:{}", signal.name()));
                match signal {
                    ComputedSignal::ReferenceLength => {
                        lowering.code(
                            Class::Generated,
                            &path,
                            &[&claim],
                            "recipe_lib.py",
                            "in tokens of the policy's tokenizer",
                        );
                    }
                    _ => {
                        let remark =
                            "the reward would have to ask the policy for its own probabilities, which it cannot see";
                        lowering.note(Class::NotRepresentable, &path, &[&claim], remark);
                    }
                }
            }
            NodeKind::Model { name, .. } => {
                let remark =
                    "a model that judges, or is compared with, runs beside the policy only under `recipec run`";
                lowering.note(Class::NotRepresentable, &format!("model.{name}"), &[&format!("~/model:{name}")], remark);
            }
            NodeKind::Data { domain, source, .. } => data(lowering, work, domain, source),
            NodeKind::Verify { domain, verifier, .. } => {
                let (path, claim) = (format!("domain.{domain}.verify"), format!("~/verify:{domain}"));
                if verifier.name == "judge" {
                    let remark = "a model judges, and only a run of the recipe opens it";
                    lowering.note(Class::NotRepresentable, &path, &[&claim], remark);
                } else {
                    let remark = format!("`recipec serve verifiers` answers as `{}` does in a run", verifier.name);
                    lowering.code(Class::Generated, &path, &[&claim], "recipe_lib.py", &remark);
                }
            }
            _ => {}
        }
    }
    for domain in work.stage.domains.iter().filter(|domain| domain.verify.is_none()) {
        let remark = "nobody judges: the reward is made of the policy's own probabilities or of a model beside it";
        lowering.note(
            Class::NotRepresentable,
            &format!("domain.{}.signals", domain.name),
            &["~/group.unjudged"],
            remark,
        );
    }
    lowering.code(Class::Generated, "reward.total", &["~/reward.program"], "recipe_formulas.py", "");
    lowering.code(Class::Generated, "model.policy.answer", &["policy.answer"], "recipe_lib.py", "");
    if reward.shuffled {
        let remark = "totals are permuted within each group, by other random numbers";
        lowering.code(Class::Generated, "reward.shuffled", &["~/shuffle"], "recipe_lib.py", remark);
    }
    let least = "a group with fewer judged rollouts teaches nothing";
    lowering.code(Class::Generated, "train.group.least", &["~/group.least_rollouts"], "recipe_lib.py", least);
    if mix.strategy == MixStrategy::Deficit {
        let remark = "the deficit of work in flight is known to the native sampler only; write the rule as a weight";
        lowering.note(Class::NotRepresentable, "mix.strategy", &["~/sampler"], remark);
    } else {
        let remark = "the weight is the recipe's formula; random numbers are others";
        lowering.code(Class::Generated, "mix.weight", &["~/sampler"], "recipe_lib.py", remark);
    }
    lowering.note(Class::Exact, "metrics", &["~/metrics"], "the engine writes its own");
    if train.algorithm.baseline == Baseline::None || train.algorithm.baseline == Baseline::BatchMean {
        // The generated code calls a group without spread one without advantage, which is so under a baseline of the group.
        if train.drop == Drop::NoAdvantage {
            let remark = "under this baseline a group without spread still has advantages";
            lowering.note(Class::NotRepresentable, "train.drop", &["~/filter"], remark);
        }
    }
    if !matches!(mix.count.at, CountPoint::Completed) {
        let remark = "counted by the generated code, where rollouts are drawn and trained";
        lowering.code(Class::Generated, "mix.count", &["~/sampler.count"], "recipe_lib.py", remark);
    }
    let fetched = rows.iter().filter(|rows| is_fetched(work, &rows.source)).count();
    if fetched > 0 {
        let remark = format!("{fetched} sources are fetched by prepare_data.py when the export is launched");
        lowering.code(Class::Generated, "data", &[], "prepare_data.py", &remark);
    }
}

fn data(lowering: &mut Lowering<'_>, work: &Work<'_>, domain: &str, source: &DataSource) {
    let (path, claim) = (format!("domain.{domain}.data"), format!("~/data:{domain}"));
    let place = format!("data/train/{domain}.{}", work.target.format());
    let (class, remark) = match source {
        DataSource::Builtin { .. } => (
            Class::Approximate,
            "written to a file that begins anew when it is used up; the generator never ends".to_string(),
        ),
        DataSource::Hub { name, .. } => {
            (Class::Generated, format!("`{name}` is fetched by prepare_data.py; rows come in another order"))
        }
        DataSource::File { path } if is_fetched(work, source) => {
            (Class::Generated, format!("`{path}` was not there: put it into `source/`; prepare_data.py reads it"))
        }
        DataSource::File { .. } | DataSource::HeldOut => (Class::Generated, "rows come in another order".to_string()),
    };
    lowering.code(class, &path, &[&claim], &place, &remark);
}
