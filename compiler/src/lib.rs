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
pub use recipec_grammar::format::{Refused, format};
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
    /// Remarks that are no problems, for example guarantees that are not yet decided.
    pub notes: Vec<String>,
}

/// Checks a recipe: all phases, in order.
pub fn check(root: Source, loader: &dyn Loader, options: &Options) -> Checked {
    let (mut problems, mut sources) = (Problems::new(), Vec::new());
    let resolved = resolve::resolve(root, loader, &mut sources, &mut problems);
    let base = View::base(&resolved);
    let given = draft::Given { set: &options.set, sources: &sources };

    let mut recipe = None;
    match chosen(&resolved, &base, options, &mut problems) {
        Some(view) => {
            let draft = draft::draft(view, &given, &mut problems);
            checks::run(&draft, &mut problems);
            recipe = build::build(&draft, options.variant.as_deref(), &problems);
        }
        None => options.set.iter().for_each(drop),
    }
    if options.variant.is_none() {
        check_variants(&resolved, &base, &given, &mut problems);
    }
    accept(&resolved, &mut problems);
    let failed = problems.any_error() || (options.strict && problems.warnings() > 0);
    let notes = resolved
        .guarantees
        .iter()
        .map(|g| format!("guarantee `{}` is not yet decided by this version", g.node.name.node))
        .collect();
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
    // A recipe with this many problems is mended before its variants are.
    const MOST_BEFORE: usize = 200;
    // So many settings, those of all variants counted, are read in a few seconds.
    const MOST_SETTINGS: usize = 250_000;
    const MOST_VARIANTS: usize = 1_000;
    let known: Vec<Diagnostic> = problems.sorted().into_iter().cloned().collect();
    if known.len() > MOST_BEFORE {
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
        let draft = draft::draft(view, given, &mut found);
        checks::run(&draft, &mut found);
        problems.work_of(&found);
        for mut diagnostic in found.sorted().into_iter().cloned() {
            if !known.contains(&diagnostic) {
                let place = format!("in variant `{}`", variant.name.node);
                diagnostic.note = Some(diagnostic.note.map_or(place.clone(), |note| format!("{place}; {note}")));
                problems.push(diagnostic);
            }
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
