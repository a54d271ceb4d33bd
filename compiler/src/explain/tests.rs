//! Parts, origins, defaults, notations. That nothing is missing is tested over all recipes in `tests/explain.rs` of the whole program.

use super::*;
use crate::Options;
use crate::testing::{APRIEL, QUICKSTART, checked, found};

fn explained(text: &str, options: &Options, path: Option<&str>) -> String {
    let checked = checked(text, options);
    let Some(recipe) = &checked.recipe else { panic!("{}", found(&checked).text) };
    super::recipe(recipe, &checked.sources, path)
}

#[test]
fn a_path_picks_a_part() {
    let base = Options::default();
    let text = explained(QUICKSTART, &base, Some("train.optimizer"));
    assert!(
        text.lines().skip(1).filter(|line| !line.is_empty()).all(|line| line.contains("train.optimizer")),
        "{text}"
    );
    assert_eq!(text.lines().count(), 8, "{text}");
    let text = explained(QUICKSTART, &base, Some("difficulty_aware"));
    assert!(text.contains("penalty.difficulty_aware = overlong(length) * scale"), "{text}");
    assert!(text.contains("source arXiv 2604.02007, difficulty-aware length penalty"), "{text}");
    assert!(!text.contains("reward.total"), "{text}");
    let text = explained(QUICKSTART, &base, Some("formula.overlong"));
    assert!(text.contains("source: arXiv 2604.02007, length penalty"), "{text}");
    let checked = checked(QUICKSTART, &base);
    let outline = outline(checked.recipe.as_ref().expect("a recipe"), &checked.sources, &Around::default());
    for (path, full) in [
        ("train", Some("train")),
        ("gamma", Some("param.gamma")),
        ("bounded", Some("guarantee.bounded")),
        ("domain.math.verify.gold", Some("domain.math.verify.gold")),
        ("stage.warm_start.supervised", Some("stage.warm_start.supervised")),
        ("trian", None),
        ("train.", None),
        ("", None),
    ] {
        assert_eq!(outline.resolve(path).as_deref(), full, "{path}");
    }
}

#[test]
fn origins_in_words() {
    let variant = Options { variant: Some("with_kl".into()), ..Options::default() };
    let text = explained(QUICKSTART, &variant, Some("train.kl"));
    assert!(text.contains("was none (default)"), "{text}");
    let text = explained(
        QUICKSTART,
        &Options { set: vec![("gamma".into(), "1".into())], ..Options::default() },
        Some("gamma"),
    );
    assert!(text.contains("param.gamma = 1 (--set)"), "{text}");
    let text = explained(QUICKSTART, &Options::default(), Some("stage.warm_start.budget"));
    assert!(text.contains("1200 steps") && text.contains(", was 600 steps (test.recipe:"), "{text}");
    let text = explained(APRIEL, &Options::default(), Some("domain.math.verify"));
    assert!(
        text.contains("domain.math.verify.extract = boxed") && text.contains("(default of edition 2026)"),
        "{text}"
    );
    let text = explained(QUICKSTART, &Options::default(), Some("suite.cap.sampling"));
    assert!(text.contains("(default, as evaluate.sampling.top_k)"), "{text}");
}

#[test]
fn only_defaults() {
    let checked = checked(QUICKSTART, &Options::default());
    let recipe = checked.recipe.as_ref().expect("a recipe");
    let whole = outline(recipe, &checked.sources, &Around::default());
    let defaults = whole.clone().only(&Wanted { path: None, defaults: true });
    let rows = |outline: &Outline| outline.sections.iter().flat_map(|s| &s.rows).filter(|row| !row.folded).count();
    assert!(rows(&defaults) > 20 && rows(&defaults) < rows(&whole));
    assert!(defaults.sections.iter().flat_map(|s| &s.rows).all(|row| row.is_default));
    assert!(defaults.text().contains("train.updates"));
    assert!(!defaults.text().contains("train.group "));
}

#[test]
fn notations() {
    let recipe = crate::tests::recipe(APRIEL, &Options::default());
    for path in formula_paths(&recipe) {
        for notation in [Notation::Text, Notation::Latex, Notation::Python] {
            assert!(formula_as(&recipe, &path, notation).is_some_and(|text| !text.is_empty()), "{path}");
        }
    }
    assert!(
        formula_as(&recipe, "difficulty_aware", Notation::Latex).is_some_and(|text| text.contains("\\begin{cases}"))
    );
    assert!(formula_as(&recipe, "train.group", Notation::Text).is_none());
    assert!(formula_as(&recipe, "stage.main.reward.total", Notation::Text).is_some());
    assert!(formula_as(&recipe, "stage.none.reward.total", Notation::Text).is_none());
}
