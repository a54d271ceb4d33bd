//! The value of a formula of a recipe at stated inputs: what a penalty takes from one rollout, what a domain weighs in the mix. It is
//! the evaluator of the recipe's own tests, asked from outside.
//!
//! Inputs are signals, or the parameters of a named formula; a param, a budget or a part of the reward may be stated too and stands
//! then in place of the recipe's own. One value of each input describes one rollout (or one domain of the mix); several describe a whole
//! group, over which aggregates are computed.

mod inputs;

use crate::diagnostic::suggest;
use crate::explain::{formula_paths, reinforcing, stage_formulas};
use crate::formula::{Inline, Kind, Lookup, Source, Typed, TypedBinding, TypedFormula};
use crate::lower;
use crate::recipe::{Recipe, Reinforce, Stage};
use inputs::{Inputs, Needs};
use std::collections::BTreeMap;
use std::fmt;

/// The most values of one input: more rollouts than any group has.
pub const MOST_ROWS: usize = 65_536;

/// What a formula comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The full path of the formula: `penalty.difficulty_aware`.
    pub path: String,
    /// One value for each rollout that was described, in base units; a truth value is 0 or 1.
    pub values: Vec<f64>,
    /// What was stated, in base units, one value or one for each rollout. A domain is its position in [`Recipe::domains`].
    pub inputs: BTreeMap<String, Vec<f64>>,
    /// Params, budgets and parts of the reward that were not stated, as the recipe has them.
    pub in_force: BTreeMap<String, Vec<f64>>,
}

/// Why a formula has no value at what was stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatedError {
    /// No formula has this name.
    UnknownFormula {
        /// What was asked for.
        name: String,
        /// The formulas that there are.
        legal: Vec<String>,
    },
    /// The formula does not read an input that was stated.
    NotRead {
        /// The formula.
        path: String,
        /// The input.
        name: String,
        /// What it reads.
        reads: Vec<String>,
        /// What may be stated beside it.
        also: Vec<String>,
    },
    /// Inputs have no value.
    Missing {
        /// The formula.
        path: String,
        /// The inputs.
        missing: Vec<String>,
        /// Everything that it reads.
        reads: Vec<String>,
        /// Some of what is missing is made of a whole group.
        of_a_group: bool,
    },
    /// A value is none, or not one that the input can have.
    BadValue {
        /// The input.
        name: String,
        /// The value as it was written.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// Inputs have several values, and not the same number of them.
    Uneven {
        /// An input with as many values as any.
        longest: (String, usize),
        /// An input with fewer.
        other: (String, usize),
    },
    /// The formula has no finite value at these inputs.
    NotFinite {
        /// The formula.
        path: String,
        /// The value.
        value: String,
    },
}

impl fmt::Display for StatedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFormula { name, legal } => {
                write!(f, "the recipe has no formula `{name}`")?;
                let bare = legal.iter().filter_map(|path| Some(path.split_once('.')?.1));
                match suggest::help(name, legal.iter().map(String::as_str).chain(bare)) {
                    Some(help) => write!(f, "\n  help: {help}"),
                    None if legal.is_empty() => write!(f, "\n  help: no stage of it learns from rewards"),
                    None => write!(f, "\n  help: there are {}", suggest::some(legal)),
                }
            }
            Self::NotRead { path, name, reads, also } => {
                write!(f, "`{path}` does not read `{name}`\n  help: ")?;
                if let Some(near) = suggest::nearest(name, reads.iter().chain(also).map(String::as_str)) {
                    write!(f, "did you mean `{near}`? ")?;
                }
                write!(f, "it reads {}", words(reads))?;
                if also.is_empty() { Ok(()) } else { write!(f, "; {} may be stated too", suggest::list(also, "and")) }
            }
            Self::Missing { path, missing, reads, of_a_group } => {
                let verb = if missing.len() == 1 { "has" } else { "have" };
                write!(f, "{} {verb} no value, and `{path}` reads {}", words(missing), words(reads))?;
                match (of_a_group, missing.first()) {
                    (true, _) => write!(
                        f,
                        "\n  help: describe a whole group with one value for each rollout, `length=120,80`, or state the \
                         aggregate itself, `'group.mean(length)=100'`"
                    ),
                    (false, Some(first)) => write!(f, "\n  help: add `{first}=…`"),
                    (false, None) => Ok(()),
                }
            }
            Self::BadValue { name, text, why } => write!(f, "`{name}={text}`: {why}"),
            Self::Uneven { longest: (longest, many), other: (other, fewer) } => write!(
                f,
                "`{longest}` has {many} values and `{other}` {fewer}\n  help: give one value for all rollouts, or one for each"
            ),
            Self::NotFinite { path, value } => {
                write!(f, "`{path}` is {value} at these inputs\n  help: state values that a rollout can have")
            }
        }
    }
}

impl std::error::Error for StatedError {}

fn words(names: &[String]) -> String {
    if names.is_empty() { "no input".into() } else { suggest::list(names, "and") }
}

/// The value of a formula. `path` is a part of the reward by its name (`difficulty_aware`, `outcome`, `total`), `mix.weight`,
/// `domain.NAME.reward`, or a named formula that the recipe calls (`overlong`), all also behind `stage.NAME.`; of a recipe with several stages it is
/// that of the last one that has rewards. `stated` are names of inputs with the text of their values, separated by commas.
pub fn value_of(recipe: &Recipe, path: &str, stated: &[(String, String)]) -> Result<Answer, StatedError> {
    let Some(found) = find(recipe, path) else {
        return Err(StatedError::UnknownFormula { name: path.into(), legal: paths(recipe) });
    };
    let given = inputs::read(stated)?;
    let group = given.values().any(|column| column.texts.len() > 1);
    let parts: BTreeMap<&str, &TypedFormula> = stage_formulas(found.work)
        .into_iter()
        .filter(|(path, _)| ["penalty.", "term.", "reward."].iter().any(|kind| path.starts_with(kind)))
        .filter_map(|(path, formula)| Some((bare(found.work, &path)?, formula)))
        .collect();
    let mut needs = Needs::new(&parts, &given, group);
    needs.of(&found.formula);
    let constants = lower::constants(recipe, found.stage, found.work);
    let Inputs { stated, mut values, rows } = inputs::bind(recipe, &found, &needs, &constants, &given)?;
    // Parts of the reward come before what reads them.
    for name in &needs.order {
        if let Some(part) = parts.get(name.as_str()) {
            let column = evaluate(part, &values, rows).map_err(|name| found.missing(&needs, name))?;
            values.insert(name.clone(), column);
        }
    }
    let result = evaluate(&found.formula, &values, rows).map_err(|name| found.missing(&needs, name))?;
    if let Some(value) = result.iter().find(|value| !value.is_finite()) {
        let value = if value.is_nan() { "no number".into() } else { value.to_string() };
        return Err(StatedError::NotFinite { path: found.path, value });
    }
    let in_force = values.into_iter().filter(|(name, _)| needs.is_read(name) && !stated.contains_key(name)).collect();
    Ok(Answer { path: found.path, values: result, inputs: stated, in_force })
}

/// The formulas that can be asked for, named formulas included, sorted.
pub fn paths(recipe: &Recipe) -> Vec<String> {
    let mut paths = formula_paths(recipe);
    for (_, work) in reinforcing(recipe) {
        for (_, formula) in stage_formulas(work) {
            formula.visit(&mut |part| {
                if let Kind::Inline(inline) = &part.kind {
                    paths.push(format!("formula.{}", inline.formula));
                }
            });
        }
    }
    paths.sort();
    paths.dedup();
    paths
}

/// The name under which formulas read a part of the reward.
fn bare<'r>(work: &'r Reinforce, path: &str) -> Option<&'r str> {
    let (_, name) = path.split_once('.')?;
    let term = work.terms.iter().map(|term| term.name.as_str()).find(|term| *term == name);
    term.or(["outcome", "total"].into_iter().find(|part| *part == name))
}

/// A formula that was found, with the stage that it belongs to.
struct Found<'r> {
    path: String,
    stage: &'r Stage,
    work: &'r Reinforce,
    formula: TypedFormula,
}

impl Found<'_> {
    /// A name that had no value although all that is read was there: an input that the walk over the formula did not meet.
    fn missing(&self, needs: &Needs<'_>, name: String) -> StatedError {
        StatedError::Missing { path: self.path.clone(), missing: vec![name], reads: needs.inputs(), of_a_group: false }
    }
}

fn find<'r>(recipe: &'r Recipe, path: &str) -> Option<Found<'r>> {
    let (wanted, inner) = match path.strip_prefix("stage.").and_then(|rest| rest.split_once('.')) {
        Some((stage, inner)) => (Some(stage), inner),
        None => (None, path),
    };
    let (stage, work) = reinforcing(recipe).filter(|(stage, _)| wanted.is_none_or(|name| stage.name == name)).last()?;
    let all = stage_formulas(work);
    let is_it =
        |full: &str| full == inner || full.split_once('.').is_some_and(|(kind, name)| name == inner && kind != "mix");
    if let Some((full, formula)) = all.iter().find(|(full, _)| is_it(full)) {
        return Some(Found { path: full.clone(), stage, work, formula: (*formula).clone() });
    }
    let name = inner.strip_prefix("formula.").unwrap_or(inner);
    let mut called: Option<(Inline, Typed)> = None;
    for (_, formula) in &all {
        formula.visit(&mut |part| {
            if let Kind::Inline(inline) = &part.kind
                && inline.formula == name
                && called.is_none()
            {
                called = Some(((**inline).clone(), part.clone()));
            }
        });
    }
    let (inline, call) = called?;
    Some(Found { path: format!("formula.{name}"), stage, work, formula: open(inline, call) })
}

/// A named formula whose arguments are inputs.
fn open(mut inline: Inline, call: Typed) -> TypedFormula {
    for TypedBinding { name, value } in &mut inline.arguments {
        value.kind = Kind::Name(Source::Signal, name.clone());
    }
    let (span, source) = (call.span, inline.source.clone());
    let body = Typed { kind: Kind::Inline(Box::new(inline)), ..call };
    TypedFormula { body, bindings: Vec::new(), source, span }
}

/// The values of a formula for all rows, or the name that has none.
fn evaluate(formula: &TypedFormula, values: &BTreeMap<String, Vec<f64>>, rows: usize) -> Result<Vec<f64>, String> {
    let of_row = |row: usize| {
        move |name: &str| match values.get(name)?.as_slice() {
            [single] => Some(*single),
            many => many.get(row).copied(),
        }
    };
    let lookups: Vec<_> = (0..rows).map(of_row).collect();
    let lookups: Vec<&Lookup<'_>> = lookups.iter().map(|lookup| lookup as &Lookup<'_>).collect();
    let found = match lookups.as_slice() {
        [single] => formula.evaluate_row(*single).map(|value| vec![value]),
        many => formula.evaluate_group(many),
    };
    found.map_err(|missing| missing.0)
}

#[cfg(test)]
mod tests;
