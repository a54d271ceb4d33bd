//! Text of a recipe to a plan, in phases; each takes the value of the one before and makes the next.
//!
//! ```text
//! text ──parse──▶ tree ──resolve──▶ Resolved ──view──▶ View ──draft──▶ Draft ──build──▶ Recipe
//!                 (grammar)         names bound        variant in     values read,      complete,
//!                                                      force          holes allowed     no error left
//! ```
//!
//! The compiler reads no files, no clock and no environment: sources are handed in, so that every test is a string. Mistakes are
//! pushed into [`problems::Problems`] and work goes on, so that one run reports many. [`check`] is the only way to get a [`Recipe`].

pub mod build;
pub mod checks;
pub mod diagnostic;
pub mod draft;
pub mod explain;
pub mod formula;
pub mod graph;
pub mod lower;
pub mod plan;
pub mod planner;
pub mod problems;
pub mod prove;
pub mod range;
pub mod recipe;
pub mod recipe_tests;
pub mod resolve;
pub mod settings;
pub mod support;
pub mod units;
pub mod values;
pub mod vocabulary;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use graph::{GraphError, TrainGraph};
pub use plan::Plan;
pub use recipe::Recipe;
pub use recipec_grammar::source::{FileId, Source};
pub use resolve::{Loader, NoFiles};

use diagnostic::{Diagnostic, codes};
use problems::Problems;
use resolve::View;

/// How a recipe is checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The variant that is in force.
    pub variant: Option<String>,
    /// `--set NAME=VALUE`: params and nothing else; the last of several counts.
    pub set: Vec<(String, String)>,
    /// Warnings count as errors.
    pub strict: bool,
}

/// What a check gives.
#[derive(Debug)]
pub struct Checked {
    /// The recipe; none when there is an error, or a warning under `strict`.
    pub recipe: Option<Recipe>,
    /// What was found, accepted warnings left out.
    pub problems: Problems,
    /// All texts that were read, the recipe's own first.
    pub sources: Vec<Source>,
    /// Remarks that are no problems.
    pub notes: Vec<String>,
}

/// Checks a recipe: all phases, in order.
pub fn check(root: Source, loader: &dyn Loader, options: &Options) -> Checked {
    let (mut problems, mut sources) = (Problems::new(), Vec::new());
    let resolved = resolve::resolve(root, loader, &mut sources, &mut problems);
    let base = View::base(&resolved);
    let memo = prove::Memo::default();
    let given = draft::Given { set: &options.set, sources: &sources, memo: memo.clone() };

    let mut recipe = None;
    match chosen(&resolved, &base, options, &mut problems) {
        Some(view) => {
            let draft = draft::draft(view.clone(), &given, &mut problems);
            checks::run(&draft, &mut problems);
            check_sweep(&view, &given, &mut problems);
            recipe = build::build(&draft, options.variant.as_deref(), &problems);
        }
        None => options.set.iter().for_each(drop),
    }
    if options.variant.is_none() {
        check_variants(&resolved, &base, &given, &mut problems);
    }
    accept(&resolved, &mut problems);
    let failed = problems.any_error() || (options.strict && problems.warnings() > 0);
    let notes = Vec::new();
    Checked { recipe: recipe.filter(|_| !failed), problems, sources, notes }
}

/// The recipe under the variant that was asked for.
fn chosen<'a>(
    resolved: &'a resolve::Resolved,
    base: &View<'a>,
    options: &Options,
    problems: &mut Problems,
) -> Option<View<'a>> {
    let Some(name) = &options.variant else { return Some(base.clone()) };
    match resolved.variants.iter().find(|v| v.name.node == *name) {
        Some(variant) => Some(base.with_variant(&variant.node, problems)),
        None => {
            let mut diagnostic = Diagnostic::new(codes::UNKNOWN_NAME, format!("the recipe has no variant `{name}`"));
            diagnostic.help = diagnostic::suggest::help(name, resolved.variants.iter().map(|v| v.name.node.as_str()));
            problems.push(diagnostic);
            None
        }
    }
}

/// Checks every variant, so that none is found broken on the day it is needed. What the base has already said is not repeated.
fn check_variants(resolved: &resolve::Resolved, base: &View<'_>, given: &draft::Given<'_>, problems: &mut Problems) {
    for variant in &resolved.variants {
        let mut found = problems.clone();
        let view = base.with_variant(&variant.node, &mut found);
        let draft = draft::draft(view, given, &mut found);
        checks::run(&draft, &mut found);
        add_new(found, &format!("in variant `{}`", variant.name.node), problems);
    }
}

/// The most points of all sweeps together at which guarantees are decided.
const MOST_POINTS: usize = 256;

/// Decides guarantees at every sweep point. A param that `--set` gives is not swept.
fn check_sweep(view: &View<'_>, given: &draft::Given<'_>, problems: &mut Problems) {
    let resolved = view.resolved;
    if problems.any_error() || problems.lost_text() || resolved.guarantees.is_empty() {
        return;
    }
    let mut points: Vec<Vec<(String, String)>> = vec![given.set.to_vec()];
    for (name, values) in &resolved.sweeps {
        let recipec_grammar::tree::ExprKind::List(items) = &values.kind else { continue };
        if given.set.iter().any(|(set, _)| *set == name.node) {
            continue;
        }
        let text = |item: &recipec_grammar::tree::Expr| {
            let source = given.sources.iter().find(|source| source.id == item.span.file)?;
            source.text.get(item.span.start..item.span.end).map(str::to_string)
        };
        let texts: Vec<String> = items.iter().filter_map(text).collect();
        let with = |point: &Vec<(String, String)>, text: &String| {
            let mut point = point.clone();
            point.push((name.node.clone(), text.clone()));
            point
        };
        points = points.iter().flat_map(|point| texts.iter().map(move |text| with(point, text))).collect();
        points.truncate(MOST_POINTS);
    }
    for point in points.iter().filter(|point| point.len() > given.set.len()) {
        let at = point.iter().skip(given.set.len()).map(|(name, text)| format!("{name} = {text}"));
        let place = format!("at the sweep point {}", at.collect::<Vec<_>>().join(", "));
        let there = draft::Given { set: point, sources: given.sources, memo: given.memo.clone() };
        let mut found = problems.clone();
        let draft = draft::draft(view.clone(), &there, &mut found);
        checks::guarantees(&draft, &mut found);
        add_new(found, &place, problems);
    }
}

/// Adds what has not been said yet, with the place where it was found.
fn add_new(found: Problems, place: &str, problems: &mut Problems) {
    let known: Vec<Diagnostic> = problems.sorted().into_iter().cloned().collect();
    for mut diagnostic in found.sorted().into_iter().cloned() {
        // What does not hold anyway is not said again with the numbers of each variant.
        let decided = matches!(diagnostic.code.area(), "guarantees" | "penalties");
        let primary = |d: &Diagnostic| d.labels.first().map(|label| label.span);
        let again = decided && known.iter().any(|k| k.code == diagnostic.code && primary(k) == primary(&diagnostic));
        if !again && !known.contains(&diagnostic) {
            diagnostic.note = Some(diagnostic.note.map_or(place.to_string(), |note| format!("{place}; {note}")));
            problems.push(diagnostic);
        }
    }
}

/// The graph and the plan of a recipe. A recipe that was checked always has one: an error is a defect of the compiler.
pub fn compile(recipe: &Recipe) -> Result<(TrainGraph, Plan), GraphError> {
    let graph = lower::lower(recipe)?;
    let plan = planner::plan(recipe, &graph)?;
    Ok((graph, plan))
}

/// Takes out the warnings that the recipe accepts.
fn accept(resolved: &resolve::Resolved, problems: &mut Problems) {
    problems.retain(|d| {
        d.severity == diagnostic::Severity::Error || !resolved.allows.iter().any(|(code, _)| code.node == d.code.name())
    });
}
