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
pub mod curves;
pub mod diagnostic;
pub mod difference;
pub mod draft;
pub mod estimate;
pub mod explain;
pub mod export;
pub mod facts;
pub mod formula;
pub mod graph;
pub mod identity;
mod in_force;
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
pub mod stated;
pub mod support;
pub mod sweep;
pub mod template;
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
pub use recipec_grammar::format::{Refused, format};
pub use recipec_grammar::source::{FileId, Source};
pub use resolve::{Loader, NoFiles};

use diagnostic::{Diagnostic, codes};
use problems::Problems;
use recipec_grammar::source::Span;
use resolve::View;
use std::collections::{BTreeMap, BTreeSet};

/// How a recipe is checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The variant that is in force.
    pub variant: Option<String>,
    /// `--set NAME=VALUE`: params and nothing else; the last of several counts.
    pub set: Vec<(String, String)>,
    /// Warnings count as errors.
    pub strict: bool,
    /// What is known of models and data.
    pub facts: facts::Facts,
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
    /// What a look at the disk could tell more about, for [`Options::facts`].
    pub wanted: Vec<facts::Wanted>,
}

/// Checks a recipe: all phases, in order.
pub fn check(root: Source, loader: &dyn Loader, options: &Options) -> Checked {
    let (mut problems, mut sources) = (Problems::new(), Vec::new());
    let resolved = resolve::resolve(root, loader, &mut sources, &mut problems);
    let base = View::base(&resolved);
    let memo = prove::Memo::default();
    let given = draft::Given { set: &options.set, sources: &sources, memo: memo.clone(), facts: &options.facts };
    let mut wanted = BTreeSet::new();

    let (mut recipe, mut of_base) = (None, None);
    if let Some(view) = chosen(&resolved, &base, options, &mut problems) {
        let draft = draft::draft(view.clone(), &given, &mut problems);
        checks::run(&draft, &mut problems);
        facts::wanted(&draft, &mut wanted);
        recipe = build::build(&draft, options.variant.as_deref(), &problems);
        check_points(&view, &draft, &given, &mut wanted, &mut problems);
        of_base = options.variant.is_none().then_some(draft.run);
    }
    if let Some(of_base) = &of_base {
        check_variants(&resolved, &base, of_base, &given, &mut wanted, &mut problems);
    }
    accept(&resolved, &mut problems);
    let failed = problems.any_error() || (options.strict && problems.warnings() > 0);
    let notes = problems.take_notes();
    Checked { recipe: recipe.filter(|_| !failed), problems, sources, notes, wanted: wanted.into_iter().collect() }
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
fn check_variants(
    resolved: &resolve::Resolved,
    base: &View<'_>,
    of_base: &values::Values,
    given: &draft::Given<'_>,
    wanted: &mut BTreeSet<facts::Wanted>,
    problems: &mut Problems,
) {
    // A recipe with this many problems is mended before its variants are.
    const MOST_BEFORE: usize = 200;
    // So many settings, those of all variants counted, are read in a few seconds.
    const MOST_SETTINGS: usize = 250_000;
    const MOST_VARIANTS: usize = 1_000;
    if problems.sorted().len() > MOST_BEFORE {
        return;
    }
    let before = problems.clone();
    let settings = base.settings.len() + resolved.terms.len() + resolved.params.len() + resolved.tests.len();
    let most = (MOST_SETTINGS / settings.max(1)).min(MOST_VARIANTS);
    if let Some(variant) = resolved.variants.get(most) {
        let (many, place) = (resolved.variants.len(), variant.name.span);
        problems.push(
            Diagnostic::new(codes::TOO_MANY, format!("{many} variants of a recipe of {settings} settings"))
                .at(place, format!("the first {most} were checked, and not this one"))
                .help("write the others into recipes that extend this one"),
        );
    }
    for variant in resolved.variants.iter().take(most) {
        let mut found = before.clone();
        found.work_of(problems);
        let view = base.with_variant(&variant.node, &mut found);
        let place = format!("in variant `{}`", variant.name.node);
        check_changed(view, of_base, given, &place, found, wanted, problems);
    }
}

/// Checks every point of the sweeps with its values in force.
fn check_points(
    view: &View<'_>,
    draft: &draft::Draft<'_>,
    given: &draft::Given<'_>,
    wanted: &mut BTreeSet<facts::Wanted>,
    problems: &mut Problems,
) {
    for point in &draft.points {
        let set: Vec<(String, String)> = given.set.iter().cloned().chain(point.set()).collect();
        let there = draft::Given { set: &set, sources: given.sources, memo: given.memo.clone(), facts: given.facts };
        check_changed(view.derived(), &draft.run, &there, &format!("at {point}"), problems.clone(), wanted, problems);
    }
}

/// Checks a recipe that differs a little from one that was checked. New problems are added, with the place of the difference.
fn check_changed(
    view: View<'_>,
    of_base: &values::Values,
    given: &draft::Given<'_>,
    place: &str,
    mut found: Problems,
    wanted: &mut BTreeSet<facts::Wanted>,
    problems: &mut Problems,
) {
    let draft = draft::draft_like(view, Some(of_base), given, &mut found);
    checks::run(&draft, &mut found);
    facts::wanted(&draft, wanted);
    problems.work_of(&found);
    let primary = |d: &Diagnostic| d.labels.first().map(|label| label.span);
    let mut said: BTreeMap<&str, Vec<&Diagnostic>> = BTreeMap::new();
    let mut decided: BTreeSet<(&str, Option<Span>)> = BTreeSet::new();
    for diagnostic in problems.sorted() {
        said.entry(&diagnostic.message).or_default().push(diagnostic);
        // What does not hold anyway is not said again with the numbers of each variant.
        if matches!(diagnostic.code.area(), "guarantees" | "penalties") {
            decided.insert((diagnostic.code.name(), primary(diagnostic)));
        }
    }
    let is_new = |d: &&Diagnostic| {
        !decided.contains(&(d.code.name(), primary(d)))
            && !said.get(d.message.as_str()).is_some_and(|said| said.contains(d))
    };
    let new: Vec<Diagnostic> = found.sorted().into_iter().filter(is_new).cloned().collect();
    for mut diagnostic in new {
        diagnostic.note = Some(diagnostic.note.map_or(place.to_string(), |note| format!("{place}; {note}")));
        problems.push(diagnostic);
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
        let place = d.labels.first().map(|l| l.span.file);
        let allowed = resolved.allows.iter().any(|(code, _)| code.node == d.code.name());
        let of_base = |code: &recipec_grammar::tree::Name| code.node == d.code.name() && Some(code.span.file) == place;
        d.severity == diagnostic::Severity::Error || !(allowed || resolved.inherited_allows.iter().any(of_base))
    });
}
