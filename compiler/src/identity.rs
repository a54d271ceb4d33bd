//! The identity of a recipe: a hash over what it means.
//!
//! What is hashed is the *canonical form*: one line `path = value` for everything that the plan carries, sorted, below a line with the
//! version of the form. The runtime reads nothing but the plan, so what is not in these lines cannot change a run, and what is in them
//! can. It follows that layout, comments, the order of blocks, the split into files, prefixes of units, defaults that are written out,
//! and the names of the recipe, of params, named formulas, bindings, variants, guarantees and tests have no part in it. Names of
//! domains, stages, suites, penalties and terms have: they name random streams, metrics and files.
//!
//! - Numbers are in base units, as short as they can be read back exactly.
//! - Formulas are programs with named formulas in place, params and budgets as constants ([`crate::formula::Program::canonical`]).
//!   They are not rearranged: `a + b` and `b + a` are two formulas.
//! - The name and the variant of the recipe and the version of the plan's format are left out; the edition is in.
//! - `train.max_lag` has a line of its own for each stage, because the plan leaves it to the rollout.

use crate::formula::Program;
use crate::graph::GraphError;
use crate::recipe::{Recipe, StageWork};
use crate::{Plan, formula, values};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of the canonical form, its first line. It is raised when the form of the same recipe changes.
pub const IDENTITY_VERSION: u32 = 1;

/// What a recipe means, in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    lines: BTreeMap<String, String>,
}

/// The identity of a checked recipe. An error is a defect of the compiler.
pub fn identity(recipe: &Recipe) -> Result<Identity, GraphError> {
    let (_, plan) = crate::compile(recipe)?;
    Ok(of_plan(recipe, &plan))
}

/// The identity of a recipe whose plan is there already.
pub fn of_plan(recipe: &Recipe, plan: &Plan) -> Identity {
    let mut lines = BTreeMap::new();
    lines.insert("edition".to_string(), recipe.edition.to_string());
    let mut whole = plain(serde_json::to_value(plan));
    if let Value::Object(fields) = &mut whole {
        for left_out in ["version", "recipe", "variant", "stages"] {
            fields.remove(left_out);
        }
    }
    flatten("", &whole, &mut lines);
    let names: Vec<String> = plan.stages.iter().map(|stage| values::meaning::quoted(&stage.name)).collect();
    lines.insert("stages".to_string(), format!("[{}]", names.join(", ")));
    for stage in &plan.stages {
        let mut fields = plain(serde_json::to_value(stage));
        if let Value::Object(fields) = &mut fields {
            fields.remove("name");
            fields.remove("nodes");
        }
        flatten(&stage.name, &fields, &mut lines);
        for node in &stage.nodes {
            let path = format!("{}/{}", stage.name, node.id);
            flatten(&path, &plain(serde_json::to_value(&node.kind)), &mut lines);
            let mut reads: Vec<String> = node
                .inputs
                .iter()
                .map(|input| {
                    let flow = serde_json::to_value(input.flow).ok();
                    let flow = flow.as_ref().and_then(Value::as_str).unwrap_or_default().to_string();
                    format!("{}:{flow}{}", input.from, if input.feedback { "*" } else { "" })
                })
                .collect();
            reads.sort();
            lines.insert(format!("{path}.reads"), format!("[{}]", reads.join(", ")));
        }
    }
    for stage in &recipe.stages {
        if let StageWork::Reinforce(work) = &stage.work {
            lines.insert(format!("{}.max_lag", stage.name), work.train.max_lag.to_string());
        }
    }
    Identity { lines }
}

impl Identity {
    /// BLAKE3 over the canonical form, 64 hexadecimal digits.
    pub fn hash(&self) -> String {
        blake3::hash(self.text().as_bytes()).to_hex().to_string()
    }

    /// The canonical form: what is hashed.
    pub fn text(&self) -> String {
        let mut text = format!("recipec identity {IDENTITY_VERSION}\n");
        for (path, value) in &self.lines {
            text.push_str(&format!("{path} = {value}\n"));
        }
        text
    }

    /// The lines of the canonical form by path.
    pub fn lines(&self) -> &BTreeMap<String, String> {
        &self.lines
    }

    /// The paths at which two recipes differ, sorted.
    pub fn differs_at<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let mut paths: Vec<&str> = self
            .lines
            .keys()
            .chain(other.lines.keys())
            .filter(|path| self.lines.get(*path) != other.lines.get(*path))
            .map(String::as_str)
            .collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }
}

/// Plain data always serialises.
fn plain(value: serde_json::Result<Value>) -> Value {
    value.unwrap_or(Value::Null)
}

/// Adds a line for every value at or below a path.
fn flatten(path: &str, value: &Value, lines: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
    match value {
        Value::Object(fields) => {
            if let Some(program) = program(value) {
                lines.insert(path.to_string(), program.canonical());
                return;
            }
            for (key, value) in fields {
                flatten(&below(key), value, lines);
            }
        }
        // A list of things with names is a set: the name is in the path, not the position.
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| name_of(item).is_some()) => {
            let names: Vec<String> = items.iter().filter_map(name_of).map(values::meaning::quoted).collect();
            lines.insert(path.to_string(), format!("[{}]", names.join(", ")));
            for item in items {
                if let (Some(name), Value::Object(fields)) = (name_of(item), item) {
                    let mut fields = fields.clone();
                    fields.remove("name");
                    flatten(&below(name), &Value::Object(fields), lines);
                }
            }
        }
        other => {
            lines.insert(path.to_string(), scalar(other));
        }
    }
}

fn name_of(item: &Value) -> Option<&str> {
    item.as_object()?.get("name")?.as_str()
}

/// A compiled formula, wherever it stands.
fn program(value: &Value) -> Option<Program> {
    let fields = value.as_object()?;
    if !["inputs", "constants", "code", "outputs", "registers"].iter().all(|field| fields.contains_key(*field)) {
        return None;
    }
    serde_json::from_value(value.clone()).ok()
}

/// A value on one line.
pub(crate) fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => whole.to_string(),
            (None, Some(number)) => formula::canonical_number(number),
            (None, None) => number.to_string(),
        },
        Value::String(text) => values::meaning::quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let parts: Vec<String> = fields.iter().map(|(key, value)| format!("{key} = {}", scalar(value))).collect();
            format!("{{ {} }}", parts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
