//! What is known of the world outside of a recipe: how long a context a model has, how many rows a file has, and which columns.
//!
//! The compiler looks at nothing itself. The outermost crate reads what is at hand and gives it as a plain value in
//! [`crate::Options`]; what it should look at is in [`crate::Checked::wanted`]. Keys of the recipe (`context = 64Ki tokens`,
//! `problems = 129000 problems`) come first. A check whose fact is missing says so in a note, and decides nothing.

use crate::draft::Draft;
use crate::resolve::settings::of_domain;
use crate::settings::DataSource;
use crate::values::{Value, Values};
use crate::vocabulary::generators;
use recipec_grammar::source::Span;
use std::collections::{BTreeMap, BTreeSet};

/// What is known, by the source as a recipe writes it: `file("rows.jsonl")`, `folder("base")`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Of models, by [`model_key`].
    pub models: BTreeMap<String, ModelFacts>,
    /// Of data, by [`data_key`].
    pub data: BTreeMap<String, DataFacts>,
}

/// What is known of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelFacts {
    /// The longest sequence that it reads, in tokens.
    pub context: Option<u64>,
    /// The name of its architecture, for example `LlamaForCausalLM`.
    pub architecture: Option<String>,
}

/// What is known of data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataFacts {
    /// Rows, on both sides of the split.
    pub rows: Option<u64>,
    /// Names of the columns that every row has, or of all that any row has; what is not among them is nowhere.
    pub columns: Option<BTreeSet<String>>,
    /// Digest of the bytes.
    pub digest: Option<String>,
}

/// What a check would like to know more about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// `file("…")`: the path as the recipe writes it.
    File(String),
    /// `folder("…")`: the path as the recipe writes it.
    Folder(String),
}

/// The name of a data source in [`Facts::data`]: as a recipe writes it, arguments in a fixed order.
pub fn data_key(source: &DataSource) -> String {
    match source {
        DataSource::Builtin { generator, levels: None } => format!("builtin(\"{generator}\")"),
        DataSource::Builtin { generator, levels: Some((low, high)) } => {
            format!("builtin(\"{generator}\", levels = {low}..{high})")
        }
        DataSource::Hub { name, split, config } => {
            let split = split.as_ref().map_or_else(String::new, |s| format!(", split = \"{s}\""));
            let config = config.as_ref().map_or_else(String::new, |c| format!(", config = \"{c}\""));
            format!("hf(\"{name}\"{split}{config})")
        }
        DataSource::File { path } => format!("file(\"{path}\")"),
        DataSource::HeldOut => "held_out".into(),
    }
}

/// The name of a model in [`Facts::models`]: its source and the path or name in it.
pub fn model_key(word: &str, path: &str) -> String {
    format!("{word}(\"{path}\")")
}

/// How much a policy reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// So many tokens, and where the recipe says so.
    Tokens(u64, Option<Span>),
    /// As much as one likes.
    Unbounded,
    /// Nobody has said.
    Unknown,
    /// The recipe says something that cannot be read.
    Hole,
}

/// The context of the policy: the recipe's own key, else what is known of its source.
pub(crate) fn context(draft: &Draft<'_>) -> Context {
    let run = &draft.run;
    if !run.absent("model.policy.context") {
        return match run.count("model.policy.context") {
            Some(tokens) => Context::Tokens(tokens, run.span("model.policy.context")),
            None => Context::Hole,
        };
    }
    match run.get("model.policy.source").map(|e| &e.value) {
        Some(Value::Word(word)) if word == "fresh" => Context::Unbounded,
        Some(Value::Call { word, arguments }) => {
            let path = arguments.values().find_map(|v| if let Value::Text(text) = v { Some(text) } else { None });
            let known = path.and_then(|path| draft.facts.models.get(&model_key(word, path)));
            known.and_then(|known| known.context).map_or(Context::Unknown, |tokens| Context::Tokens(tokens, None))
        }
        _ => Context::Hole,
    }
}

/// The data at a path of the settings; none when absent or a hole.
pub(crate) fn source(values: &Values, path: &str) -> Option<DataSource> {
    crate::build::data(values.get(path)?)
}

/// Rows of a domain's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// So many, and where the recipe says so.
    Number(u64, Option<Span>),
    /// A generator never ends.
    Endless,
    /// Nobody has said.
    Unknown,
}

/// The rows of a domain: the recipe's own key, else what is known of its source.
pub(crate) fn rows(draft: &Draft<'_>, domain: &str, source: &DataSource) -> Rows {
    let path = of_domain(domain, "problems");
    if let Some(rows) = draft.run.count(&path) {
        return Rows::Number(rows, draft.run.span(&path));
    }
    match source {
        DataSource::Builtin { .. } => Rows::Endless,
        other => draft
            .facts
            .data
            .get(&data_key(other))
            .and_then(|known| known.rows)
            .map_or(Rows::Unknown, |rows| Rows::Number(rows, None)),
    }
}

/// The columns of data: of a generator from its table, of anything else from what is known.
pub(crate) fn columns(facts: &Facts, source: &DataSource) -> Option<BTreeSet<String>> {
    match source {
        DataSource::Builtin { generator, .. } => {
            let row = generators::generator(generator)?;
            Some(row.columns.iter().map(|c| (*c).to_string()).collect())
        }
        other => facts.data.get(&data_key(other))?.columns.clone(),
    }
}

/// Adds what the settings of a draft name and a look at the disk could tell more about.
pub(crate) fn wanted(draft: &Draft<'_>, found: &mut BTreeSet<Wanted>) {
    if !draft.domains_changed(&["data"]) {
        return;
    }
    let all = std::iter::once(&draft.run).chain(draft.stages.iter().map(|s| &s.values));
    for (path, entry) in all.flat_map(Values::iter) {
        let Value::Call { word, arguments } = &entry.value else { continue };
        let Some(Value::Text(text)) = arguments.get("path") else { continue };
        match word.as_str() {
            "file" if path.ends_with(".data") => found.insert(Wanted::File(text.clone())),
            "folder" if path.ends_with(".source") => found.insert(Wanted::Folder(text.clone())),
            _ => continue,
        };
    }
}
