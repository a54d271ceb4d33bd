//! Values in force, each with its origin and with what its key means.

use super::Section;
use super::origin::{Places, is_default};
use crate::recipe::{Origin, Recipe};
use crate::resolve::settings::pattern_of;
use crate::vocabulary::keys::{self, BLOCKS};
use crate::vocabulary::kinds::{Absent, Kind};

/// A value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it is set: `train.optimizer.lr`.
    pub path: String,
    /// The value as it is written.
    pub value: String,
    /// What it means, in base units.
    pub meaning: String,
    /// Where it came from, in words.
    pub origin: String,
    /// Whether it is the default of its key.
    pub is_default: bool,
    /// What the key is, or what its word means, in one line.
    pub doc: String,
    /// Whether it is an argument that stands in the text of its call: the row of the call shows it.
    pub folded: bool,
}

impl Row {
    /// The value as it is written, and its meaning where that reads differently.
    pub fn shown(&self) -> String {
        shown(&self.value, &self.meaning, self.is_default)
    }
}

/// A value as it is written, and its meaning where that reads differently.
pub(crate) fn shown(value: &str, meaning: &str, is_default: bool) -> String {
    if value.is_empty() || value == meaning {
        return meaning.to_string();
    }
    let number = |text: &str| text.parse::<f64>().ok();
    match (number(value), number(meaning)) {
        // `1.0` and `3e-4` are numbers as they are read; so is every line of a record.
        (Some(a), Some(b)) if a == b => value.to_string(),
        _ if value.starts_with('{') => value.to_string(),
        // A word that stands for the value of another key says nothing by itself.
        _ if is_default => meaning.to_string(),
        _ => format!("{value} ({meaning})"),
    }
}

/// Titles of sections, with the first words of the paths that belong there.
const TITLES: &[(&str, &[&str])] = &[
    (PARAMS, &["param"]),
    (TRAINED, &["recipe", "model"]),
    (DATA, &["domain", "data"]),
    (LENGTH, &["budget"]),
    (STAGES, &["stage"]),
    (MIX, &["mix"]),
    (REWARD, &["reward", "penalty", "term"]),
    (LEARNING, &["train"]),
    (ROLLOUTS, &["rollout"]),
    (MEASURED, &["evaluate", "suite"]),
    (KEPT, &["checkpoint"]),
    (OTHER, &[]),
];
pub const PARAMS: &str = "Params";
pub const TRAINED: &str = "What is trained";
pub const DATA: &str = "What it learns from";
pub const LENGTH: &str = "How long, and when it stops";
pub const STAGES: &str = "Stages";
pub const MIX: &str = "Which domain comes next";
pub const REWARD: &str = "What is rewarded";
pub const LEARNING: &str = "How the policy learns";
pub const ROLLOUTS: &str = "How rollouts are made";
pub const MEASURED: &str = "What is measured";
pub const KEPT: &str = "What is kept";
pub const OTHER: &str = "Other settings";

fn title_of(path: &str) -> &'static str {
    let first = path.split('.').next().unwrap_or_default();
    TITLES.iter().find(|(_, words)| words.contains(&first)).map_or(OTHER, |(title, _)| title)
}

/// One section for each title, with its rows.
pub(super) fn sections(recipe: &Recipe, places: &Places<'_>) -> Vec<Section> {
    let mut sections: Vec<Section> = TITLES.iter().map(|(title, _)| Section { title, ..Section::default() }).collect();
    for (path, setting) in recipe.settings() {
        let meaning = recipe.meanings().get(path).cloned().unwrap_or_default();
        if skipped(path, recipe) {
            continue;
        }
        let is_argument = is_argument(path, recipe);
        let row = Row {
            value: if is_argument { String::new() } else { setting.value.clone() },
            folded: is_argument && matches!(setting.origin, Origin::Written(_)),
            meaning,
            origin: places.words(path, &setting.origin),
            is_default: is_default(&setting.origin),
            doc: doc(path, recipe),
            path: path.clone(),
        };
        let title = title_of(path);
        if let Some(section) = sections.iter_mut().find(|section| section.title == title) {
            section.rows.push(row);
        }
    }
    for section in &mut sections {
        section.not_set = not_set(section.title, recipe);
    }
    sections
}

/// Formulas are printed by themselves, and a record without a word has no value of its own.
fn skipped(path: &str, recipe: &Recipe) -> bool {
    let path = of_the_run(path, recipe);
    let is_formula = match path.split('.').next() {
        Some("penalty" | "term") => true,
        _ => matches!(keys::row(&pattern_of(path)).map(|row| row.key.kind), Some(Kind::Formula(_))),
    };
    is_formula || matches!(keys::row(&pattern_of(path)).map(|row| row.key.kind), Some(Kind::Record(_)))
}

/// The path without `stage.NAME.` before a path of the run.
pub(crate) fn of_the_run<'p>(path: &'p str, recipe: &Recipe) -> &'p str {
    let Some(rest) = path.strip_prefix("stage.") else { return path };
    let inner = recipe.stages.iter().find_map(|stage| rest.strip_prefix(stage.name.as_str())?.strip_prefix('.'));
    match inner {
        Some(inner) if keys::row(&pattern_of(path)).is_none() => inner,
        _ => path,
    }
}

fn is_argument(path: &str, recipe: &Recipe) -> bool {
    path.rsplit_once('.')
        .is_some_and(|(parent, _)| keys::row(&pattern_of(path)).is_none() && recipe.settings().contains_key(parent))
}

/// What a key means, in one line: that of the word it has, or its own.
fn doc(path: &str, recipe: &Recipe) -> String {
    if let Some(doc) = recipe.docs.get(path) {
        return doc.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    }
    if let Some(name) = path.strip_prefix("param.") {
        let param = recipe.params.iter().find(|param| param.name == name);
        return param.map_or(String::new(), |param| {
            let range = param.range.map_or(String::new(), |(low, high)| format!(" in {low}..{high}"));
            format!("{}{range}", param.type_name)
        });
    }
    let key = of_the_run(path, recipe);
    match keys::row(&pattern_of(key)) {
        Some(row) => {
            let word = recipe.meanings().get(path).map(|m| m.split(['(', ' ']).next().unwrap_or_default().to_string());
            match row.key.kind.choice(word.as_deref().unwrap_or_default()) {
                Some(choice) => choice.doc.to_string(),
                None => row.key.doc.to_string(),
            }
        }
        None => argument_doc(key).unwrap_or_default().to_string(),
    }
}

/// The line of an argument: `domain.math.verify.gold`.
fn argument_doc(path: &str) -> Option<&'static str> {
    let pattern = pattern_of(path);
    let (key, argument) = pattern.rsplit_once('.')?;
    let Kind::Choice(choices) = keys::row(key)?.key.kind else { return None };
    let mut rows = choices.iter().filter_map(|choice| choice.arguments).flatten();
    rows.find(|row| row.name == argument).map(|row| row.doc)
}

/// Keys of the blocks of a section that are not set and have no default.
fn not_set(title: &str, recipe: &Recipe) -> Vec<String> {
    let mut found = Vec::new();
    for block in BLOCKS.iter().filter(|block| title_of(block.keyword) == title && block.inside != Some("stage")) {
        let names: Vec<String> = names_of(block.keyword, block.named, recipe);
        for name in &names {
            for key in block.keys.iter().filter(|key| matches!(key.absent, Absent::Nothing)) {
                let path = format!("{name}.{}", key.name);
                let below = format!("{path}.");
                let set = recipe.settings().keys().any(|known| *known == path || known.starts_with(&below));
                if !set {
                    found.push(path);
                }
            }
        }
    }
    found.sort();
    found
}

/// The blocks of a kind that the recipe has, as the beginnings of their paths.
fn names_of(keyword: &str, named: bool, recipe: &Recipe) -> Vec<String> {
    let lead = format!("{keyword}.");
    if !named || keyword == "recipe" {
        return vec![keyword.to_string()];
    }
    let mut names: Vec<String> = recipe
        .settings()
        .keys()
        .filter_map(|path| path.strip_prefix(&lead))
        .filter_map(|rest| rest.split('.').next())
        .map(|name| format!("{keyword}.{name}"))
        .collect();
    if keyword == "stage" {
        names = recipe.stages.iter().filter(|_| recipe.stages.len() > 1).map(|s| format!("stage.{}", s.name)).collect();
    }
    names.sort();
    names.dedup();
    names
}
