//! What a recipe says about itself: guarantees, tests, accepted warnings; its variants and the points of its sweeps.

use super::origin::Places;
use super::{Around, Entry, Section};
use crate::prove::words;
use crate::recipe::{Guarantee, Recipe};

/// The sections behind the values.
pub(super) fn sections(recipe: &Recipe, around: &Around, places: &Places<'_>) -> Vec<Section> {
    let section = |title: &'static str, entries: Vec<Entry>| Section { title, entries, ..Section::default() };
    let place = |span| places.place(span).map_or(String::new(), |place| format!("  ({place})"));
    let guarantees = recipe.guarantees.iter().map(|guarantee| Entry {
        path: format!("guarantee.{}", guarantee.name),
        head: format!("{}{}", one_line(&guarantee.text), place(guarantee.span)),
        lines: decision(guarantee),
    });
    let tests = recipe.tests.iter().map(|test| Entry {
        path: "test".into(),
        head: format!("\"{}\"{}", test.title, place(test.span)),
        lines: test.expect.iter().map(|expectation| one_line(&expectation.text)).collect(),
    });
    let allows = recipe.allows.iter().map(|(code, reason)| Entry {
        path: "allow".into(),
        head: code.clone(),
        lines: vec![format!("because \"{reason}\"")],
    });
    vec![
        section("What is promised", guarantees.collect()),
        section("What is tested (run it with `recipec test`)", tests.collect()),
        section("Warnings that are meant", allows.collect()),
        section("Variants", variants(recipe, around)),
        section("Points of the sweeps", points(around)),
    ]
}

/// What is known about a guarantee. This is the one place that says so.
fn decision(guarantee: &Guarantee) -> Vec<String> {
    let found = guarantee.decision.as_ref().map_or_else(|| "not decided".to_string(), words::decision);
    let stage = guarantee.stage.as_ref().map_or(String::new(), |stage| format!(", in stage {stage}"));
    vec![format!("{found}{stage}")]
}

/// What each variant changes: only the paths that change, before and after.
fn variants(recipe: &Recipe, around: &Around) -> Vec<Entry> {
    let doc = |name: &str| recipe.docs.get(&format!("variant.{name}")).map(|doc| one_line(doc));
    around
        .variants
        .iter()
        .map(|(name, changes)| Entry {
            path: format!("variant.{name}"),
            head: match doc(name) {
                Some(doc) => format!("{name}: {doc}"),
                None => name.clone(),
            },
            lines: match changes {
                None => vec!["is wrong: `recipec check` says why".into()],
                Some(changes) if changes.is_empty() => vec!["means the same as the recipe".into()],
                Some(changes) => changes.iter().flat_map(|change| change.short()).collect(),
            },
        })
        .collect()
}

fn points(around: &Around) -> Vec<Entry> {
    around
        .points
        .iter()
        .map(|(point, hash)| Entry {
            path: "sweep".into(),
            head: format!("{point}  {}", hash.as_deref().unwrap_or("is wrong: `recipec check` says why")),
            lines: Vec::new(),
        })
        .collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
