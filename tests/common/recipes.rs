//! The recipes of the repository and their toys.

use recipec_compiler::{FileId, Loader, Options, Plan, Source, support};
use std::path::{Path, PathBuf};

/// Where the recipes are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes")
}

/// Reads what a recipe extends or imports.
pub struct Beside;

impl Loader for Beside {
    fn load(&self, path: &str, _from: &Source) -> Result<Source, String> {
        let text = std::fs::read_to_string(folder().join(path)).map_err(|_| "there is no such file".to_string())?;
        Ok(Source::new(FileId(0), path, text))
    }
}

/// Names of the recipes with a toy, sorted.
pub fn toys() -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).expect("the folder of the recipes") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|end| end != "recipe") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        if text.lines().any(|line| line.starts_with("variant toy")) {
            found.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    found.sort();
    assert!(found.len() >= 6, "{found:?}");
    found
}

/// The text of a recipe.
pub fn text(name: &str) -> String {
    let path = folder().join(format!("{name}.recipe"));
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The plan of a variant of a recipe's text, which must be without problems and leave nothing to a later version.
pub fn plan(name: &str, text: &str, variant: &str) -> Plan {
    let options = Options { variant: Some(variant.to_string()), ..Options::default() };
    let checked = recipec_compiler::check(Source::new(FileId(0), name, text), &Beside, &options);
    let said: Vec<String> =
        checked.problems.sorted().iter().map(|d| format!("{}: {}", d.code.name(), d.message)).collect();
    let recipe = checked.recipe.unwrap_or_else(|| panic!("{name}: {said:#?}"));
    assert!(said.is_empty(), "{name}: {said:#?}");
    let later: Vec<String> = support::not_yet(&recipe).into_iter().map(|d| d.message).collect();
    assert!(later.is_empty(), "{name}: {later:?}");
    recipec_compiler::compile(&recipe).expect("a checked recipe compiles").1
}

/// A toy cut to so many steps, without its evaluations.
pub fn cut(mut plan: Plan, steps: u64) -> Plan {
    for stage in &mut plan.stages {
        stage.max_steps = stage.max_steps.map(|most| most.min(steps));
    }
    let stages: Vec<String> = plan.stages.iter().map(|stage| stage.name.clone()).collect();
    stages.iter().fold(plan, |plan, stage| plan.without(stage, "evaluate"))
}
