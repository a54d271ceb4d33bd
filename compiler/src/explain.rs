//! The resolved recipe as text: every value that is in force, with where it came from.

use crate::recipe::{Origin, Recipe, StageWork};
use crate::settings::MixStrategy;
use recipec_grammar::source::Source;
use std::fmt::Write;

/// Prints a recipe. `path` keeps what is at or below it, for example `train` or `domain.math`. Without sources, places are left out.
pub fn recipe(recipe: &Recipe, sources: &[Source], path: Option<&str>) -> String {
    let mut text = String::new();
    if path.is_none() {
        heading(&mut text, recipe, sources);
    }
    let inside = |name: &str| {
        path.is_none_or(|path| name == path || name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    };
    let rows: Vec<_> = recipe.settings.iter().filter(|(name, _)| inside(name)).collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, setting) in &rows {
        let _ = writeln!(text, "{name:<width$} = {}  ({})", setting.value, origin(&setting.origin, sources));
    }
    if rows.is_empty() {
        let _ = writeln!(text, "nothing is set at or below `{}`", path.unwrap_or_default());
    }
    if path.is_none() {
        formulas(&mut text, recipe);
        promises(&mut text, recipe);
    }
    text
}

fn heading(text: &mut String, recipe: &Recipe, sources: &[Source]) {
    let _ = writeln!(text, "recipe {} (edition {})", recipe.name, recipe.edition);
    if let Some(doc) = &recipe.doc {
        for line in doc.lines() {
            let _ = writeln!(text, "  {}", line.trim());
        }
    }
    if let Some(variant) = &recipe.variant {
        let _ = writeln!(text, "variant {variant}");
    } else if !recipe.variants.is_empty() {
        let _ = writeln!(text, "variants: {}", recipe.variants.join(", "));
    }
    let _ = writeln!(text);
    for param in &recipe.params {
        let range = param.range.map_or(String::new(), |(low, high)| format!(" in {low}..{high}"));
        let _ = writeln!(
            text,
            "param {} : {}{range} = {}  ({})",
            param.name,
            param.type_name,
            param.value.value,
            origin(&param.value.origin, sources)
        );
    }
    let _ = writeln!(
        text,
        "stages: {}\n",
        recipe.stages.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", then ")
    );
}

fn formulas(text: &mut String, recipe: &Recipe) {
    for stage in &recipe.stages {
        let StageWork::Reinforce(work) = &stage.work else { continue };
        let _ = writeln!(text, "\nformulas of stage {}", stage.name);
        match work.mix.strategy {
            MixStrategy::Weight => {
                let _ = writeln!(text, "  mix.weight = {}", work.mix.weight);
            }
            MixStrategy::Deficit => {
                let _ = writeln!(text, "  mix.strategy = deficit, which holds {}", work.mix.weight);
            }
        }
        for term in &work.terms {
            let kind = if term.is_penalty { "penalty" } else { "term" };
            let _ = writeln!(text, "  {kind} {} = {}", term.name, term.formula);
        }
        if let Some(outcome) = &work.reward.outcome {
            let _ = writeln!(text, "  reward.outcome = {outcome}");
        }
        let _ = writeln!(text, "  reward.total = {}", work.reward.total);
        for (domain, reward) in &work.reward.of_domains {
            let _ = writeln!(text, "  domain.{domain}.reward = {reward}");
        }
    }
}

fn promises(text: &mut String, recipe: &Recipe) {
    if !recipe.guarantees.is_empty() {
        let _ = writeln!(text, "\nguarantees (well formed; this version does not decide them yet)");
        for guarantee in &recipe.guarantees {
            let _ = writeln!(text, "  {}: {}", guarantee.name, guarantee.text);
        }
    }
    if !recipe.tests.is_empty() {
        let _ = writeln!(text, "\ntests (run them with `recipec test`)");
        for test in &recipe.tests {
            let _ = writeln!(text, "  {}", test.title);
        }
    }
    for (code, reason) in &recipe.allows {
        let _ = writeln!(text, "\nallowed: {code} because \"{reason}\"");
    }
}

/// An origin in words.
fn origin(origin: &Origin, sources: &[Source]) -> String {
    let place = |span: recipec_grammar::source::Span| {
        let source = sources.iter().find(|source| source.id == span.file)?;
        Some(format!("{}:{}", source.name, source.position(span.start).line))
    };
    match origin {
        Origin::Written(span) => place(*span).unwrap_or_else(|| "written".into()),
        Origin::Default(_) => "default".into(),
        Origin::Overridden { by, was } => {
            let by = place(*by).unwrap_or_else(|| "an override".into());
            format!("overridden at {by}, was {}", self::origin(was, sources))
        }
        Origin::CommandLine => "command line".into(),
    }
}
