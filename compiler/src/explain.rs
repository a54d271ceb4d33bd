//! A recipe in words, for a reader who has never seen it: what is trained, on what, in which proportion, how long, what is rewarded,
//! how the policy learns, when it stops, what is measured; every value in force with its origin and its meaning.
//!
//! [`outline`] collects, [`Outline::text`] and [`Outline::json`] print. *Invariant*: every value in the plan is in the outline. The
//! table of [`places`] says where, field by field; a test walks the plans of all recipes.

mod formulas;
mod json;
mod origin;
pub mod places;
mod promises;
mod rows;
mod sentences;
mod text;

pub use formulas::{CalledView, FormulaView, Notation, formula_as, formula_paths};
pub(crate) use formulas::{formulas as stage_formulas, reinforcing};
pub use origin::{Places, is_default};
pub use rows::Row;
pub(crate) use rows::{of_the_run as without_stage, shown};

use crate::difference::Difference;
use crate::recipe::Recipe;
use recipec_grammar::source::Source;

/// Everything that is said about a recipe.
#[derive(Debug, Clone)]
pub struct Outline {
    /// Name, edition, variant, doc comment and hash.
    pub heading: Vec<String>,
    /// Parts, in the order in which a reader wants them.
    pub sections: Vec<Section>,
}

/// One part of an outline.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// What it is about.
    pub title: &'static str,
    /// It in words.
    pub sentences: Vec<String>,
    /// Its values.
    pub rows: Vec<Row>,
    /// Its formulas.
    pub formulas: Vec<FormulaView>,
    /// Keys that are not set and have no default: what they ask for is not done.
    pub not_set: Vec<String>,
    /// Named things with what is said about them: guarantees, tests, variants, points of sweeps.
    pub entries: Vec<Entry>,
}

/// A named thing with what is said about it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its path: `guarantee.bounded`, `variant.plain_penalty`.
    pub path: String,
    /// What is said in its first line.
    pub head: String,
    /// More lines.
    pub lines: Vec<String>,
}

/// What is known beside the recipe itself.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// What each variant changes, in the order of writing; nothing when the variant is wrong.
    pub variants: Vec<(String, Option<Vec<Difference>>)>,
    /// The hash of each point of the sweeps; nothing when the point is wrong.
    pub points: Vec<(String, Option<String>)>,
}

/// What of an outline is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// Only what is at or below a path.
    pub path: Option<&'a str>,
    /// Only values that are defaults.
    pub defaults: bool,
}

/// Says everything about a recipe.
pub fn outline(recipe: &Recipe, sources: &[Source], around: &Around) -> Outline {
    let places = Places::new(sources, recipe.edition);
    let mut sections = rows::sections(recipe, &places);
    for section in &mut sections {
        section.sentences = sentences::of(section.title, recipe);
        section.formulas = formulas::of(section.title, recipe, &places);
    }
    sections.extend(promises::sections(recipe, around, &places));
    sections.retain(|section| !section.is_empty());
    Outline { heading: heading(recipe, &places, sources), sections }
}

/// Prints a recipe. `path` keeps what is at or below it, for example `train` or `domain.math`. Without sources, places are left out.
pub fn recipe(recipe: &Recipe, sources: &[Source], path: Option<&str>) -> String {
    outline(recipe, sources, &Around::default()).only(&Wanted { path, defaults: false }).text()
}

fn heading(recipe: &Recipe, places: &Places<'_>, sources: &[Source]) -> Vec<String> {
    let variant = recipe.variant.as_ref().map_or(String::new(), |variant| format!(", variant {variant}"));
    let mut lines = vec![format!("recipe {}{variant} (edition {})", recipe.name, recipe.edition)];
    let docs = [recipe.doc.as_ref(), recipe.variant.as_ref().and_then(|v| recipe.docs.get(&format!("variant.{v}")))];
    lines.extend(docs.into_iter().flatten().flat_map(|doc| doc.lines()).map(|line| format!("  {}", line.trim())));
    if sources.len() > 1 {
        let names: Vec<&str> = sources.iter().map(|source| places.name(source)).collect();
        lines.push(format!("  files: {}", names.join(", ")));
    }
    if let Ok(identity) = crate::identity::identity(recipe) {
        lines.push(format!("  hash {}", identity.hash()));
    }
    lines
}

impl Section {
    fn is_empty(&self) -> bool {
        self.sentences.is_empty() && self.rows.is_empty() && self.formulas.is_empty() && self.entries.is_empty()
    }
}

impl Outline {
    /// Every path that a reader may ask for, sorted: values, formulas, blocks, guarantees, variants.
    pub fn paths(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for section in &self.sections {
            let own = section.rows.iter().map(|row| &row.path);
            let own = own.chain(section.formulas.iter().map(|formula| &formula.path));
            for path in own.chain(section.entries.iter().map(|entry| &entry.path)) {
                let mut at = 0;
                while let Some(dot) = path.get(at..).and_then(|rest| rest.find('.')) {
                    all.extend(path.get(..at + dot).map(str::to_string));
                    at += dot + 1;
                }
                all.push(path.clone());
            }
            for formula in &section.formulas {
                all.extend(formula.called.iter().map(|called| format!("formula.{}", called.name)));
            }
        }
        all.sort();
        all.dedup();
        all
    }

    /// The path that is meant: itself, or the penalty, term, param or formula of this name.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let all = self.paths();
        let full = ["", "penalty.", "term.", "param.", "formula.", "guarantee.", "variant."];
        full.iter().map(|lead| format!("{lead}{path}")).find(|full| all.binary_search(full).is_ok())
    }

    /// The part of an outline that is wanted.
    pub fn only(mut self, wanted: &Wanted<'_>) -> Self {
        if wanted.path.is_none() {
            self.sections.iter_mut().for_each(|section| section.rows.retain(|row| !row.folded));
        }
        if let Some(path) = wanted.path {
            let path = self.resolve(path).unwrap_or_else(|| path.to_string());
            let inside = |name: &str| name == path || name.strip_prefix(&path).is_some_and(|r| r.starts_with('.'));
            self.heading.clear();
            for section in &mut self.sections {
                section.sentences.clear();
                section.rows.retain(|row| inside(&row.path));
                let calls = |f: &FormulaView| f.called.iter().any(|called| format!("formula.{}", called.name) == path);
                section.formulas.retain(|formula| inside(&formula.path) || calls(formula));
                section.entries.retain(|entry| inside(&entry.path));
                section.not_set.retain(|key| inside(key));
            }
        }
        if wanted.defaults {
            for section in &mut self.sections {
                section.sentences.clear();
                section.formulas.clear();
                section.entries.clear();
                section.rows.retain(|row| row.is_default);
            }
        }
        self.sections.retain(|section| !section.is_empty() || !section.not_set.is_empty());
        self
    }
}

#[cfg(test)]
mod tests;
