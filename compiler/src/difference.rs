//! What two recipes mean differently, by the paths of their settings. Texts may differ in everything else.
//!
//! The canonical forms of both ([`crate::identity`]) are compared line by line, and each line that differs leads to the settings that it
//! comes from ([`crate::explain::places`]). Recipes with the same hash have no difference, and recipes with different ones have at
//! least one.

mod print;

use crate::explain::places::{Found, Place, behind};
use crate::explain::{Around, FormulaView, Places, outline};
use crate::graph::GraphError;
use crate::identity::{self, Identity};
use crate::plan::Plan;
use crate::recipe::Recipe;
use recipec_grammar::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// A recipe with the texts that it was read from.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// Its texts.
    pub sources: &'a [Source],
}

/// Both sides of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The hashes.
    pub hashes: (String, String),
    /// The differences by path; none when both mean the same.
    pub differences: Vec<Difference>,
}

/// A value that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where: `train.optimizer.lr`, `penalty.difficulty_aware`, `domain.math`.
    pub path: String,
    /// What the first recipe has; none when it has nothing there.
    pub left: Option<Had>,
    /// What the second one has.
    pub right: Option<Had>,
    /// For a formula that reads the same: the params and budgets in it that differ, with both values.
    pub because: Vec<(String, String, String)>,
}

/// A value of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Had {
    /// The value, as it is written and as it is meant.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

/// Compares two checked recipes. An error is a defect of the compiler.
pub fn compare(left: Side<'_>, right: Side<'_>) -> Result<Comparison, GraphError> {
    let (left, right) = (Known::of(left)?, Known::of(right)?);
    let mut paths: BTreeSet<String> = BTreeSet::new();
    let mut bare: BTreeSet<String> = BTreeSet::new();
    for line in left.identity.differs_at(&right.identity) {
        let mut here = BTreeSet::new();
        for side in [&left, &right] {
            if side.identity.lines().contains_key(line) {
                here.extend(side.settings_behind(line));
            }
        }
        here.retain(|path| left.had(path) != right.had(path));
        if here.is_empty() && !line.ends_with(".reads") && !line.ends_with(".node") {
            bare.insert(line.to_string());
        }
        paths.extend(here);
    }
    let shown = paths.iter().filter(|path| !said_elsewhere(path, &paths, &left, &right));
    let mut differences: Vec<Difference> = shown.map(|path| difference(path, &left, &right)).collect();
    // Shares and names that changed along with a domain, and formulas that are the sum of what is listed, are explained by these.
    if differences.is_empty() {
        let had = |side: &Known<'_>, line: &str| {
            side.identity.lines().get(line).map(|value| Had { value: value.clone(), origin: "in the plan".into() })
        };
        differences.extend(bare.iter().map(|line| Difference {
            path: line.clone(),
            left: had(&left, line),
            right: had(&right, line),
            because: Vec::new(),
        }));
    }
    Ok(Comparison { hashes: (left.identity.hash(), right.identity.hash()), differences })
}

/// A side with everything that is computed of it.
struct Known<'a> {
    recipe: &'a Recipe,
    plan: Plan,
    identity: Identity,
    places: Places<'a>,
    formulas: BTreeMap<String, FormulaView>,
}

/// What a path has on one side, to be compared: the value, and for a formula what it compiles to.
type Value = (Option<String>, Option<String>);

impl<'a> Known<'a> {
    fn of(side: Side<'a>) -> Result<Self, GraphError> {
        let (_, plan) = crate::compile(side.recipe)?;
        let identity = identity::of_plan(side.recipe, &plan);
        let sections = outline(side.recipe, side.sources, &Around::default()).sections;
        let views = sections.into_iter().flat_map(|section| section.formulas);
        let formulas: BTreeMap<String, FormulaView> = views.map(|view| (view.path.clone(), view)).collect();
        let places = Places::new(side.sources, side.recipe.edition);
        Ok(Self { recipe: side.recipe, plan, identity, places, formulas })
    }

    /// The paths of the settings behind a line.
    fn settings_behind(&self, line: &str) -> Vec<String> {
        let Found { stage, place } = behind(self.recipe, &self.plan, line);
        match place {
            Some(Place::Setting(path)) => vec![path],
            Some(Place::Formulas(paths)) => {
                paths.into_iter().map(|path| self.formula_path(stage.as_deref(), path)).collect()
            }
            Some(Place::Derived(paths)) => paths.iter().flat_map(|path| self.all(path, stage.as_deref())).collect(),
            Some(Place::Shares) => self.shares(stage.as_deref()),
            Some(Place::Name) => match line {
                "stages" => self.recipe.stages.iter().map(|stage| format!("stage.{}", stage.name)).collect(),
                "domains" => self.recipe.domains.iter().map(|domain| format!("domain.{domain}")).collect(),
                _ => Vec::new(),
            },
            Some(Place::Suites | Place::Rows(_)) | None => Vec::new(),
        }
    }

    fn formula_path(&self, stage: Option<&str>, path: String) -> String {
        let own = stage.map(|stage| format!("stage.{stage}.{path}"));
        own.filter(|own| self.formulas.contains_key(own)).unwrap_or(path)
    }

    /// The paths of a pattern: itself, of this stage where the stage has its own, or one for each domain.
    fn all(&self, pattern: &str, stage: Option<&str>) -> Vec<String> {
        let names: Vec<String> = match pattern.contains('*') {
            true => self.recipe.domains.iter().map(|domain| pattern.replace('*', domain)).collect(),
            false => vec![pattern.to_string()],
        };
        let own = |path: String| {
            let own = stage.map(|stage| format!("stage.{stage}.{path}"));
            own.filter(|own| self.recipe.meanings().contains_key(own)).unwrap_or(path)
        };
        names.into_iter().map(own).collect()
    }

    fn shares(&self, stage: Option<&str>) -> Vec<String> {
        let own = stage.map(|stage| format!("stage.{stage}.domains"));
        match own.filter(|own| self.recipe.meanings().contains_key(own)) {
            Some(own) => vec![own],
            None => self.all("domain.*.ratio", stage),
        }
    }

    /// What is at a path; where a stage has nothing of its own there, what the run has.
    fn had(&self, path: &str) -> Value {
        let at = |path: &str| {
            if let Some(view) = self.formulas.get(path) {
                return Some((Some(formula_text(view)), Some(view.canonical.clone())));
            }
            let text = self.recipe.meanings().get(path).cloned().or_else(|| self.name(path));
            text.map(|text| (Some(text), None))
        };
        at(path).or_else(|| at(crate::explain::without_stage(path, self.recipe))).unwrap_or((None, None))
    }

    /// A stage or a domain that is there has its name.
    fn name(&self, path: &str) -> Option<String> {
        let there = match path.split_once('.')? {
            ("stage", name) => self.recipe.stages.iter().any(|stage| stage.name == name),
            ("domain", name) => self.recipe.domains.iter().any(|domain| domain == name),
            _ => false,
        };
        there.then(|| "there".to_string())
    }

    fn shown(&self, path: &str) -> Option<Had> {
        let (text, _) = self.had(path);
        let text = text?;
        let short = crate::explain::without_stage(path, self.recipe);
        if let Some(view) = self.formulas.get(path).or_else(|| self.formulas.get(short)) {
            let setting = self.recipe.settings().get(&view.path);
            let origin = setting.map_or_else(|| view.origin.clone(), |s| self.places.short(&view.path, &s.origin));
            return Some(Had { value: text, origin });
        }
        let setting = self.recipe.settings().get(path).or_else(|| self.recipe.settings().get(short));
        let origin = setting.map_or_else(String::new, |setting| self.places.short(path, &setting.origin));
        let written = setting.map_or("", |setting| setting.value.as_str());
        let is_default = setting.is_some_and(|setting| crate::explain::is_default(&setting.origin));
        Some(Had { value: crate::explain::shown(written, &text, is_default), origin })
    }
}

/// Whether another difference says this one: a call whose arguments are listed by themselves, an argument of a call that is another one
/// altogether, a default that takes over a value that differs.
fn said_elsewhere(path: &str, paths: &BTreeSet<String>, left: &Known<'_>, right: &Known<'_>) -> bool {
    let word = |side: &Known<'_>, path: &str| {
        let meaning = side.recipe.meanings().get(path)?;
        Some(meaning.split_once('(')?.0.to_string())
    };
    let same_call = |path: &str| word(left, path).is_some() && word(left, path) == word(right, path);
    let is_call = |path: &str| word(left, path).is_some() || word(right, path).is_some();
    let below = format!("{path}.");
    if same_call(path) && paths.iter().any(|other| other.starts_with(&below)) {
        return true;
    }
    if let Some((parent, _)) = path.rsplit_once('.')
        && is_call(parent)
        && !same_call(parent)
        && paths.contains(parent)
    {
        return true;
    }
    let taken_over = |side: &Known<'_>| {
        let origin = &side.recipe.settings().get(path)?.origin;
        side.places.same_as(path, origin)
    };
    match (taken_over(left), taken_over(right)) {
        (Some(a), Some(b)) => a == b && paths.contains(a),
        _ => false,
    }
}

/// A formula with its bindings on one line.
fn formula_text(view: &FormulaView) -> String {
    let bindings: Vec<String> = view.bindings.iter().map(|(name, value, _)| format!("{name} = {value}")).collect();
    match bindings.is_empty() {
        true => view.text.clone(),
        false => format!("{} where {}", view.text, bindings.join(", ")),
    }
}

fn difference(path: &str, left: &Known<'_>, right: &Known<'_>) -> Difference {
    let (had_left, had_right) = (left.shown(path), right.shown(path));
    let mut because = Vec::new();
    let view = |side: &Known<'_>| {
        let short = crate::explain::without_stage(path, side.recipe).to_string();
        side.formulas.get(path).or_else(|| side.formulas.get(&short)).cloned()
    };
    if let (Some(a), Some(b)) = (view(left), view(right)) {
        let values: BTreeMap<&str, &str> =
            b.constants.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        for (name, value) in &a.constants {
            if let Some(other) = values.get(name.as_str()).filter(|other| **other != value) {
                because.push((name.clone(), value.clone(), (*other).to_string()));
            }
        }
        for called in &a.called {
            if let Some(other) = b.called.iter().find(|other| other.name == called.name && other.text != called.text) {
                because.push((called.head.clone(), called.text.clone(), other.text.clone()));
            }
        }
    }
    Difference { path: path.to_string(), left: had_left, right: had_right, because }
}

#[cfg(test)]
mod tests;
