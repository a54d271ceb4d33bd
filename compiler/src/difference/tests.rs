//! A difference for every change of meaning, and none for any other.

use super::*;
use crate::testing::{APRIEL, Files, QUICKSTART, checked, edit, found};
use crate::{Checked, Options, check};
use recipec_grammar::source::FileId;

fn compared(left: &Checked, right: &Checked) -> Comparison {
    for checked in [left, right] {
        assert!(checked.recipe.is_some(), "{}", found(checked).text);
    }
    compare(
        Side { recipe: left.recipe.as_ref().expect("a recipe"), sources: &left.sources },
        Side { recipe: right.recipe.as_ref().expect("a recipe"), sources: &right.sources },
    )
    .expect("both have plans")
}

fn paths(comparison: &Comparison) -> Vec<&str> {
    comparison.differences.iter().map(|difference| difference.path.as_str()).collect()
}

fn base() -> Checked {
    checked(QUICKSTART, &Options::default())
}

fn variant(text: &str, name: &str) -> Checked {
    checked(text, &Options { variant: Some(name.into()), ..Options::default() })
}

#[test]
fn one_edit_one_path() {
    for (from, to, expected) in [
        ("group     = 8 rollouts", "group     = 16 rollouts", &["train.group"][..]),
        ("lr = 3e-4", "lr = 4e-4", &["train.optimizer.lr"]),
        ("temperature = 1.0\n", "temperature = 0.9\n", &["rollout.temperature"]),
        ("param seed        : integer        = 1", "param seed : integer = 2", &["param.seed"]),
        ("extract = whole", "extract = any", &["domain.math.verify.extract"]),
        ("builtin(\"arithmetic\")", "builtin(\"arithmetic\", levels = 1..2)", &["domain.math.data.levels"]),
        ("verify = puzzle()", "verify = math_answer(gold = task)", &["domain.logic.verify"]),
        ("{ math = 25%, code = 30%", "{ math = 30%, code = 25%", &["stage.warm_start.domains"]),
        (
            "output     = 96 tokens\n  buffer",
            "output     = 90 tokens\n  buffer",
            &["budget.output", "penalty.difficulty_aware"],
        ),
        ("steps      = 600 steps", "steps      = 601 steps", &["budget.steps"]),
        ("budget.steps = 1200 steps", "budget.steps = 1201 steps", &["stage.warm_start.budget.steps"]),
        (
            "stage reinforce after warm_start { optimizer = fresh }",
            "stage reinforce after warm_start { }",
            &["stage.reinforce.optimizer"],
        ),
        ("outcome    = if correct then 1 else 0", "outcome    = if correct then 1 else score", &["reward.outcome"]),
        ("else wrong_scale", "else 1", &["penalty.difficulty_aware"]),
        ("warmup = 50 rollouts", "warmup = 51 rollouts", &["mix.warmup"]),
        ("checkpoint { every = 100 steps  keep = 2 }", "checkpoint { keep = 2 }", &["checkpoint.every"]),
        ("unfinished = as_judged", "unfinished = wrong", &["reward.unfinished"]),
        ("samples = 2 output = 96 tokens", "samples = 3 output = 96 tokens", &["suite.cap.samples"]),
    ] {
        let other = checked(&edit(QUICKSTART, from, to), &Options::default());
        let comparison = compared(&base(), &other);
        assert_eq!(paths(&comparison), expected, "{from} to {to}");
        let text = comparison.text(("a", "b"));
        assert!(text.contains("test.recipe:") || text.contains("default"), "origins: {text}");
    }
}

#[test]
fn variants_and_params() {
    let comparison = compared(&base(), &variant(QUICKSTART, "with_kl"));
    assert_eq!(paths(&comparison), ["train.kl", "train.kl.coef", "train.kl.to"]);
    let comparison = compared(&base(), &variant(QUICKSTART, "placebo"));
    assert_eq!(paths(&comparison), ["reward.shuffled"]);
    let comparison = compared(&base(), &variant(QUICKSTART, "plain_penalty"));
    assert_eq!(paths(&comparison), ["penalty.difficulty_aware"]);
    let text = comparison.text(("a", "b"));
    assert!(text.contains("\n  - overlong(length) * scale where scale = if truncated then 1"), "{text}");
    assert!(text.contains("\n  + overlong(length) * scale where scale = 1  (overridden at test.recipe:"), "{text}");
    let comparison = compared(&checked(APRIEL, &Options::default()), &variant(APRIEL, "uniform_mix"));
    assert_eq!(
        paths(&comparison),
        ["domain.code.ratio", "domain.instruct.ratio", "domain.logic.ratio", "domain.math.ratio", "domain.tools.ratio"]
    );
    let set = checked(QUICKSTART, &Options { set: vec![("gamma".into(), "1".into())], ..Options::default() });
    let comparison = compared(&base(), &set);
    assert_eq!(paths(&comparison), ["penalty.difficulty_aware"]);
    assert!(comparison.text(("a", "b")).contains("    with gamma: 0.5 → 1\n"));
    let text = QUICKSTART
        .replace("budget.buffer - n) / budget.buffer, -1, 0)", "budget.buffer - n) / budget.buffer, -0.5, 0)");
    let comparison = compared(&base(), &checked(&text, &Options::default()));
    assert_eq!(paths(&comparison), ["penalty.difficulty_aware"], "a named formula");
    assert!(comparison.text(("a", "b")).contains("with overlong(n): clip("));
}

#[test]
fn what_only_one_has() {
    let line =
        "domain tools    { ratio = 10%  data = builtin(\"calls\")         verify = function_calls(format = json) }\n";
    let text = edit(QUICKSTART, line, "")
        .replace(", tools = 15%", "")
        .replace("math = 25%", "math = 40%")
        .replace("ratio = 40%", "ratio = 50%");
    let comparison = compared(&base(), &checked(&text, &Options::default()));
    let found = paths(&comparison);
    assert!(found.contains(&"domain.tools") && found.contains(&"domain.math.ratio"), "{found:?}");
    let reversed = compared(&checked(&text, &Options::default()), &base());
    assert_eq!(found, paths(&reversed), "the same places from the other side");
}

#[test]
fn the_same_meaning() {
    for text in [
        QUICKSTART.replace("gamma", "exponent"),
        QUICKSTART.replace("96 tokens\n  buffer", "0.09375Ki tokens\n  buffer"),
    ] {
        let comparison = compared(&base(), &checked(&text, &Options::default()));
        assert!(comparison.is_same(), "{:?}", comparison.differences);
        assert_eq!(comparison.hashes.0, comparison.hashes.1);
        assert!(comparison.text(("a", "b")).starts_with("a and b have the same meaning\n"));
        assert_eq!(comparison.json(("a", "b"))["same"], true);
    }
    // Different hashes have a difference, whatever it is.
    let comparison = compared(&base(), &checked(APRIEL, &Options::default()));
    assert!(comparison.differences.len() > 30);
    assert_eq!(comparison.json(("a", "b"))["differences"].as_array().map(Vec::len), Some(comparison.differences.len()));
}

#[test]
fn origins_name_the_file() {
    let mut files = Files::default();
    files.0.insert("base.recipe", QUICKSTART.to_string());
    files.0.insert(
        "middle.recipe",
        "extends \"base.recipe\"\nrecipe middle { edition = 2026 }\ntrain { override batch = 512 rollouts }\n".into(),
    );
    let top = "extends \"middle.recipe\"\nrecipe top { edition = 2026 }\nbudget { override steps = 900 steps }\n";
    let top = check(Source::new(FileId(0), "top.recipe", top), &files, &Options::default());
    let explained = crate::explain::recipe(top.recipe.as_ref().expect("a recipe"), &top.sources, Some("budget.steps"));
    assert!(explained.contains("(overridden at top.recipe:3, was 600 steps (base.recipe:"), "{explained}");
    let text = compared(&base(), &top).text(("a", "b"));
    assert!(text.contains("900 steps  (overridden at top.recipe:3)"), "{text}");
    assert!(text.contains("512 rollouts  (overridden at middle.recipe:3)"), "{text}");
}
