//! Formulas: what they are, what they read, which values they take, where they were published.

use super::origin::Places;
use super::rows::{MIX, REWARD};
use crate::formula::{Inline, Kind, Program, Source, TypedFormula, latex, python, with_calls};
use crate::lower;
use crate::recipe::{Recipe, Reinforce, Stage, StageWork};
use crate::values::meaning::amount;

/// A formula as a reader wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct FormulaView {
    /// `penalty.difficulty_aware`, `reward.total`, `mix.weight`; behind `stage.NAME.` where a stage has its own.
    pub path: String,
    /// The formula with named formulas as calls.
    pub text: String,
    /// Its `where` bindings: name, value, and lowest and highest value.
    pub bindings: Vec<(String, String, (f64, f64))>,
    /// The named formulas that it calls.
    pub called: Vec<CalledView>,
    /// Signals and parts of the reward that it reads.
    pub reads: Vec<String>,
    /// Params and budgets that it reads, with their values in force.
    pub constants: Vec<(String, String)>,
    /// Lowest and highest value.
    pub range: (f64, f64),
    /// Where it came from.
    pub origin: String,
    /// Where it was published.
    pub source: Option<String>,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// What it compiles to by itself, with params and budgets in place: equal for formulas that mean the same.
    pub canonical: String,
}

/// A named formula behind a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CalledView {
    /// Its name.
    pub name: String,
    /// `overlong(n)`
    pub head: String,
    /// Its body, with its own bindings.
    pub text: String,
    /// Lowest and highest value where it is called.
    pub range: (f64, f64),
    /// Where it was published.
    pub source: Option<String>,
}

/// A language in which a formula can be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// The canonical text of this language.
    Text,
    /// Display mathematics with amsmath.
    Latex,
    /// A function over numpy columns.
    Python,
}

/// The formulas of a section.
pub(super) fn of(title: &str, recipe: &Recipe, places: &Places<'_>) -> Vec<FormulaView> {
    let wanted = |path: &str| match title {
        MIX => path.starts_with("mix."),
        REWARD => !path.starts_with("mix."),
        _ => false,
    };
    let mut views: Vec<FormulaView> = Vec::new();
    for (stage, work) in reinforcing(recipe) {
        for (path, formula) in formulas(work).into_iter().filter(|(path, _)| wanted(path)) {
            let mut view = view(&path, formula, recipe, stage, work, places);
            // What a later stage says once more in the same words is said once.
            let same = |known: &FormulaView| {
                FormulaView { path: view.path.clone(), origin: view.origin.clone(), ..known.clone() } == view
            };
            if views.iter().any(|known| known.path == path && same(known)) {
                continue;
            }
            if views.iter().any(|known| known.path == path) {
                view.path = format!("stage.{}.{path}", stage.name);
            }
            views.push(view);
        }
    }
    views
}

/// The stages that learn from rewards.
pub(crate) fn reinforcing(recipe: &Recipe) -> impl Iterator<Item = (&Stage, &Reinforce)> {
    recipe.stages.iter().filter_map(|stage| match &stage.work {
        StageWork::Reinforce(work) => Some((stage, work.as_ref())),
        StageWork::Supervised(_) => None,
    })
}

/// All formulas of a stage by their paths, in the order in which they are computed.
pub(crate) fn formulas(work: &Reinforce) -> Vec<(String, &TypedFormula)> {
    let mut all: Vec<(String, &TypedFormula)> = vec![("mix.weight".into(), &work.mix.weight)];
    for term in &work.terms {
        all.push((format!("{}.{}", if term.is_penalty { "penalty" } else { "term" }, term.name), &term.formula));
    }
    all.extend(work.reward.outcome.iter().map(|outcome| ("reward.outcome".to_string(), outcome)));
    all.push(("reward.total".into(), &work.reward.total));
    all.extend(work.reward.of_domains.iter().map(|(domain, reward)| (format!("domain.{domain}.reward"), reward)));
    all
}

fn view(
    path: &str,
    formula: &TypedFormula,
    recipe: &Recipe,
    stage: &Stage,
    work: &Reinforce,
    places: &Places<'_>,
) -> FormulaView {
    let mut called: Vec<CalledView> = Vec::new();
    let mut reads: Vec<String> = Vec::new();
    let mut named: Vec<String> = Vec::new();
    formula.visit(&mut |part| match &part.kind {
        Kind::Inline(inline) if called.iter().all(|known| known.name != inline.formula) => {
            called.push(called_view(inline, (part.range.low, part.range.high)));
        }
        Kind::Name(Source::Param | Source::Budget, name) => named.push(name.clone()),
        Kind::Name(Source::Signal | Source::Term, name) => reads.push(match name.strip_prefix("last_batch.") {
            Some(mean) => format!("mean({mean}, over = last_batch)"),
            None => name.clone(),
        }),
        _ => {}
    });
    for list in [&mut reads, &mut named] {
        list.sort();
        list.dedup();
    }
    let values = lower::constants(recipe, stage, work);
    let constants = named
        .into_iter()
        .map(|name| {
            let dimension = dimension_of(&name, recipe);
            let value = values.get(&name).map_or_else(|| "its domain's own".to_string(), |v| amount(*v, dimension));
            (name, value)
        })
        .collect();
    let setting =
        recipe.settings().get(&format!("stage.{}.{path}", stage.name)).or_else(|| recipe.settings().get(path));
    FormulaView {
        path: path.to_string(),
        text: with_calls(&formula.body),
        bindings: formula
            .bindings
            .iter()
            .map(|b| (b.name.clone(), with_calls(&b.value), (b.value.range.low, b.value.range.high)))
            .collect(),
        called,
        reads,
        constants,
        range: formula.range(),
        origin: setting.map_or_else(String::new, |setting| places.words(path, &setting.origin)),
        source: formula.source.clone(),
        doc: recipe.docs.get(path).cloned(),
        canonical: Program::compile(&[("value".to_string(), formula)], &values).canonical(),
    }
}

fn called_view(inline: &Inline, range: (f64, f64)) -> CalledView {
    let parameters: Vec<&str> = inline.arguments.iter().map(|argument| argument.name.as_str()).collect();
    let bindings: Vec<String> =
        inline.bindings.iter().map(|b| format!("{} = {}", b.name, with_calls(&b.value))).collect();
    let behind = if bindings.is_empty() { String::new() } else { format!(" where {}", bindings.join(", ")) };
    CalledView {
        name: inline.formula.clone(),
        head: format!("{}({})", inline.formula, parameters.join(", ")),
        text: format!("{}{behind}", with_calls(&inline.body)),
        range,
        source: inline.source.clone(),
    }
}

fn dimension_of(name: &str, recipe: &Recipe) -> crate::units::Dimension {
    use crate::units::{Dimension, unit};
    match name {
        "budget.prompt" | "budget.output" | "budget.buffer" | "budget.evaluation" | "budget.tokens" => {
            Dimension::TOKENS
        }
        "budget.steps" => Dimension::STEPS,
        "budget.time" => Dimension::SECONDS,
        param => {
            let declared = recipe.params.iter().find(|p| p.name == param);
            declared.and_then(|p| unit(&p.type_name)).map_or(Dimension::PURE, |(dimension, _)| dimension)
        }
    }
}

/// A formula of the recipe in another notation; of a recipe with several stages, that of the last one that has rewards unless the path
/// begins with `stage.NAME.`. None when no formula is at the path.
pub fn formula_as(recipe: &Recipe, path: &str, notation: Notation) -> Option<String> {
    let (stage, inner) = match path.strip_prefix("stage.").and_then(|rest| rest.split_once('.')) {
        Some((stage, inner)) => (Some(stage), inner),
        None => (None, path),
    };
    let found = reinforcing(recipe).filter(|(s, _)| stage.is_none_or(|name| s.name == name)).last();
    let (_, work) = found?;
    let (full, formula) = formulas(work).into_iter().find(|(full, _)| {
        full == inner || full.split_once('.').is_some_and(|(kind, name)| name == inner && kind != "mix")
    })?;
    let name = full.rsplit('.').next().unwrap_or(&full);
    Some(match notation {
        Notation::Text => formula.to_string(),
        Notation::Latex => latex::formula(name, formula),
        Notation::Python => python::formula(name, formula),
    })
}

/// The paths of all formulas, for suggestions.
pub fn formula_paths(recipe: &Recipe) -> Vec<String> {
    let mut paths: Vec<String> =
        reinforcing(recipe).flat_map(|(_, work)| formulas(work)).map(|(path, _)| path).collect();
    paths.sort();
    paths.dedup();
    paths
}
