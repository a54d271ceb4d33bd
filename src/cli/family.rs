//! A recipe with its variants and the points of its sweeps, each checked by itself.

use super::Exit;
use super::compile::{Changes, check_file};
use recipec_compiler::explain::Around;
use recipec_compiler::{Checked, Recipe, difference, identity};
use std::path::Path;

/// The variants of a recipe, each checked; none of them when one is in force already.
pub fn variants(file: &Path, changes: &Changes, recipe: &Recipe) -> Result<Vec<(String, Checked)>, Exit> {
    if recipe.variant.is_some() {
        return Ok(Vec::new());
    }
    let of = |name: &String| {
        let changes = Changes { variant: Some(name.clone()), ..changes.clone() };
        Ok((name.clone(), check_file(file, &changes)?))
    };
    recipe.variants.iter().map(of).collect()
}

/// The points of the sweeps, each checked, under the variant in force.
pub fn points(file: &Path, changes: &Changes, recipe: &Recipe) -> Result<Vec<(String, Checked)>, Exit> {
    let of = |point: &recipec_compiler::sweep::Point| {
        let mut changes = changes.clone();
        changes.set.extend(point.set().into_iter().map(|(name, value)| format!("{name}={value}")));
        Ok((point.to_string(), check_file(file, &changes)?))
    };
    recipe.points.iter().map(of).collect()
}

/// The hash of a recipe that was checked; none when it is wrong.
pub fn hash(checked: &Checked) -> Option<String> {
    let recipe = checked.recipe.as_ref()?;
    identity::identity(recipe).ok().map(|identity| identity.hash())
}

/// What `explain` says of the recipe's variants and points.
pub fn around(file: &Path, changes: &Changes, checked: &Checked) -> Result<Around, Exit> {
    let Some(recipe) = &checked.recipe else { return Ok(Around::default()) };
    let base = difference::Side { recipe, sources: &checked.sources };
    let changed = |other: &Checked| {
        let side = difference::Side { recipe: other.recipe.as_ref()?, sources: &other.sources };
        difference::compare(base, side).ok().map(|comparison| comparison.differences)
    };
    Ok(Around {
        variants: variants(file, changes, recipe)?.into_iter().map(|(name, other)| (name, changed(&other))).collect(),
        points: points(file, changes, recipe)?.into_iter().map(|(name, other)| (name, hash(&other))).collect(),
    })
}
