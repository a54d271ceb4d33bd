//! The runs of a sweep: variants times points times seeds, each checked before any of them begins.

use super::super::Exit;
use super::super::compile::{Changes, RecipeArgs, check_source, options, print_problems, read};
use super::{Args, recipe_args};
use crate::facts::Look;
use recipec_compiler::sweep::Point;
use recipec_compiler::{Checked, Plan, Recipe, Source, identity, support};
use recipec_runtime::report::sweep::{Member, State};
use std::collections::BTreeSet;

/// So many runs a sweep may have.
const MOST_RUNS: usize = 10_000;
/// What a name of a folder takes of variant and point, in characters.
const LONGEST_NAME: usize = 120;

/// The seeds of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seeds {
    /// So many, from the recipe's own on.
    First(u64),
    /// These.
    These(Vec<u64>),
}

/// Reads `3`, `7,11` and `7,`.
pub fn seeds(text: &str) -> Result<Seeds, String> {
    let number =
        |text: &str| text.trim().parse::<u64>().map_err(|_| format!("`{}` is not a whole number", text.trim()));
    if text.contains(',') {
        let all: Vec<u64> = text.trim_end_matches(',').split(',').map(number).collect::<Result<_, _>>()?;
        let different: BTreeSet<&u64> = all.iter().collect();
        return if different.len() == all.len() {
            Ok(Seeds::These(all))
        } else {
            Err("a seed stands here twice".into())
        };
    }
    match number(text)? {
        0 => Err("a sweep has at least one seed".into()),
        count if count > MOST_RUNS as u64 => Err(format!("more than {MOST_RUNS} seeds")),
        count => Ok(Seeds::First(count)),
    }
}

/// A run of a sweep that can begin.
pub struct Planned {
    /// As the report shows it.
    pub member: Member,
    /// Which seed of its configuration it has: runs begin with the first seeds of all configurations.
    pub round: usize,
    /// The file, with what selects this run.
    pub args: RecipeArgs,
    pub recipe: Recipe,
    pub plan: Plan,
}

/// All runs, those of a configuration one after the other; or the exit code after problems were printed.
pub fn planned(args: &Args) -> Result<Vec<Planned>, Exit> {
    let source = read(&args.file)?;
    let mut checker = Checker { args, source, printed: BTreeSet::new() };
    let base = checker.recipe(&Changes { set: args.set.clone(), variant: None }, Look::Whole)?;
    let mut all: Vec<Planned> = Vec::new();
    for variant in variants(args, &base)? {
        let changes = Changes { set: args.set.clone(), variant: variant.clone() };
        let recipe = checker.recipe(&changes, Look::Quick)?;
        let points = if recipe.points.is_empty() { vec![Point { values: Vec::new() }] } else { recipe.points.clone() };
        for point in &points {
            let mut changes = changes.clone();
            changes.set.extend(point.set().into_iter().map(|(name, value)| format!("{name}={value}")));
            configuration(&mut checker, &changes, point, &mut all)?;
            if all.len() > MOST_RUNS {
                eprintln!("error: this sweep has more than {MOST_RUNS} runs; take fewer variants, points or seeds");
                return Err(Exit::Usage);
            }
        }
    }
    Ok(all)
}

/// The runs of one variant at one point: its seeds.
fn configuration(
    checker: &mut Checker<'_>,
    changes: &Changes,
    point: &Point,
    all: &mut Vec<Planned>,
) -> Result<(), Exit> {
    let first = checker.recipe(changes, Look::Whole)?;
    let has_seed = first.params.iter().any(|param| param.name == "seed");
    let swept = point.values.iter().any(|coordinate| coordinate.param == "seed");
    let seeds: Vec<Option<u64>> = match &checker.args.seeds {
        Seeds::First(1) => vec![None],
        _ if !has_seed => {
            eprintln!(
                "error: the recipe has no seed to change: add `param seed : integer = 1`, or leave `--seeds` out"
            );
            return Err(Exit::Usage);
        }
        _ if swept => {
            eprintln!("error: the recipe sweeps `seed` itself; leave `--seeds` out, or remove that sweep");
            return Err(Exit::Usage);
        }
        Seeds::First(count) => (0..*count).map(|n| first.seed.checked_add(n)).collect(),
        Seeds::These(seeds) => seeds.iter().copied().map(Some).collect(),
    };
    for (round, seed) in seeds.into_iter().enumerate() {
        let (changes, recipe) = match seed {
            None => (changes.clone(), first.clone()),
            Some(seed) => {
                // A param that is set anew is not set as it was.
                let named = |change: &&String| change.split('=').next().unwrap_or_default().trim() != "seed";
                let mut set: Vec<String> = changes.set.iter().filter(named).cloned().collect();
                set.push(format!("seed={seed}"));
                let changes = Changes { set, variant: changes.variant.clone() };
                let recipe = checker.recipe(&changes, Look::Quick)?;
                (changes, recipe)
            }
        };
        all.push(of_recipe(checker.args, changes, recipe, point, round)?);
    }
    Ok(())
}

fn of_recipe(args: &Args, changes: Changes, recipe: Recipe, point: &Point, round: usize) -> Result<Planned, Exit> {
    let plan = match recipec_compiler::compile(&recipe) {
        Ok((_, plan)) => plan,
        Err(why) => {
            eprintln!(
                "{}\n\n  × {why}\n  help: this is a defect of the compiler, not of the recipe; please report it",
                why.code()
            );
            return Err(Exit::WrongRecipe);
        }
    };
    let hash = identity::of_plan(&recipe, &plan).hash();
    let point: Vec<(String, String)> =
        point.values.iter().map(|value| (value.param.clone(), value.written.clone())).collect();
    // What this version does not carry out is a run that fails, beside others that do not.
    let state = match support::not_yet(&recipe).into_iter().next() {
        None => State::Waiting,
        Some(diagnostic) => State::Failed { code: diagnostic.code.name().to_string(), why: diagnostic.message },
    };
    let folder = folder_name(recipe.variant.as_deref(), &point, recipe.seed, &hash);
    let member =
        Member { variant: recipe.variant.clone(), point, seed: recipe.seed, hash, folder, state, outcome: None };
    Ok(Planned { member, round, args: recipe_args(args, changes), recipe, plan })
}

/// A folder for a run: what a person looks for, and enough of the hash that another recipe has another folder.
fn folder_name(variant: Option<&str>, point: &[(String, String)], seed: u64, hash: &str) -> String {
    let point = point.iter().map(|(name, value)| format!("-{name}={value}"));
    let name: String = std::iter::once(variant.unwrap_or("base").to_string()).chain(point).collect();
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || "._-=".contains(letter) { letter } else { '_' };
    let name: String = name.chars().map(safe).take(LONGEST_NAME).collect();
    format!("{name}-seed{seed}-{}", hash.get(..8).unwrap_or(hash))
}

/// The variants that are asked for; none is the recipe itself.
fn variants(args: &Args, base: &Recipe) -> Result<Vec<Option<String>>, Exit> {
    let Some(asked) = &args.variants else { return Ok(vec![None]) };
    let mut all: Vec<Option<String>> = Vec::new();
    for name in asked.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let is_variant = base.variants.iter().any(|variant| variant == name);
        let named: Vec<Option<String>> = match name {
            _ if is_variant => vec![Some(name.to_string())],
            "base" => vec![None],
            "all" => std::iter::once(None).chain(base.variants.iter().cloned().map(Some)).collect(),
            _ => {
                let known: Vec<&str> = base.variants.iter().map(String::as_str).collect();
                let known =
                    if known.is_empty() { "it has none".to_string() } else { format!("it has {}", known.join(", ")) };
                eprintln!("error: the recipe has no variant `{name}`: {known}; `base` is the recipe itself");
                return Err(Exit::Usage);
            }
        };
        all.extend(named.into_iter().filter(|one| !all.contains(one)).collect::<Vec<_>>());
    }
    if all.is_empty() {
        eprintln!("error: `--variants` names no variant: write `all`, or names with commas between them");
        return Err(Exit::Usage);
    }
    Ok(all)
}

/// Checks the recipe under many changes, and prints each set of problems once.
struct Checker<'a> {
    args: &'a Args,
    source: Source,
    printed: BTreeSet<Vec<String>>,
}

impl Checker<'_> {
    fn recipe(&mut self, changes: &Changes, look: Look) -> Result<Recipe, Exit> {
        let checked: Checked = check_source(&self.args.file, &self.source, &options(changes)?, look);
        let said: Vec<String> =
            checked.problems.sorted().iter().map(|d| format!("{} {}", d.code.name(), d.message)).collect();
        if self.printed.insert(said) {
            print_problems(&checked);
        }
        let Some(recipe) = checked.recipe else {
            let variant = changes.variant.as_ref().map(|name| format!(" under variant `{name}`")).unwrap_or_default();
            let set = if changes.set.is_empty() { String::new() } else { format!(" with {}", changes.set.join(", ")) };
            eprintln!("error: the recipe is wrong{variant}{set}; no run was begun");
            return Err(Exit::WrongRecipe);
        };
        Ok(recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_number_or_a_list() {
        assert_eq!(seeds("3"), Ok(Seeds::First(3)));
        assert_eq!(seeds("7, 11"), Ok(Seeds::These(vec![7, 11])));
        assert_eq!(seeds("7,"), Ok(Seeds::These(vec![7])));
        for wrong in ["0", "", ",", "x", "1,x", "3,3", "-1", "99999999999999999999", "20000"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn folders_have_safe_names() {
        let point = [("cap".to_string(), "1Ki tokens".to_string()), ("x".to_string(), "../é".to_string())];
        assert_eq!(
            folder_name(Some("plain"), &point, 7, "0123456789abcdef"),
            "plain-cap=1Ki_tokens-x=.._-seed7-01234567".replace("x=.._", "x=..__")
        );
        assert_eq!(folder_name(None, &[], 1, "ab"), "base-seed1-ab");
        let long = vec![("a".repeat(90), "b".repeat(90))];
        assert!(folder_name(None, &long, u64::MAX, &"c".repeat(64)).len() < 255);
    }
}
