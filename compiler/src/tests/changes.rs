//! Overrides of arguments, points of sweeps, params of imported formulas, doc comments, notes on sources.

use super::recipe;
use crate::recipe::{Origin, StageWork};
use crate::settings::ArgumentValue;
use crate::testing::{APRIEL, Files, QUICKSTART, checked, edit, found};
use crate::{Checked, Options, check};
use recipec_grammar::source::{FileId, Source};

fn with_variant(text: &str, overrides: &str) -> Checked {
    let text = format!("{text}\nvariant changed {{ {overrides} }}\n");
    checked(&text, &Options { variant: Some("changed".into()), ..Options::default() })
}

#[test]
fn arguments_of_calls_can_be_overridden() {
    let changed =
        with_variant(APRIEL, "override domain.*.verify.timeout = 5 s  override domain.math.data.split = \"test\"");
    let recipe = changed.recipe.as_ref().unwrap_or_else(|| panic!("{}", found(&changed).text));
    let domain = |name: &str| recipe.stages.iter().flat_map(|s| &s.domains).find(|d| d.name == name).expect("a domain");
    assert_eq!(
        domain("code").verify.as_ref().expect("a verifier").arguments.get("timeout"),
        Some(&ArgumentValue::Number(5.0))
    );
    assert_eq!(
        domain("code").verify.as_ref().expect("a verifier").arguments.get("max_tests"),
        Some(&ArgumentValue::Number(5.0))
    );
    assert!(matches!(&domain("math").data, crate::settings::DataSource::Hub { split: Some(s), .. } if s == "test"));
    let setting = |path: &str| recipe.settings().get(path).unwrap_or_else(|| panic!("{path}"));
    assert_eq!(
        setting("domain.math.data").value,
        "hf(\"Open-Reasoner-Zero/orz_math_57k_collected\", split = \"test\")"
    );
    assert!(
        matches!(&setting("domain.math.data.split").origin, Origin::Overridden { was, .. } if matches!(**was, Origin::Written(_)))
    );
    assert!(matches!(setting("domain.math.data.name").origin, Origin::Written(_)));

    // An argument that was not written: the default is what was there.
    let changed = with_variant(
        QUICKSTART,
        "override domain.tools.verify.format = tool_calls  override domain.math.data.levels = 1..2  override model.policy.answer.mark = \"=\"",
    );
    let recipe = changed.recipe.as_ref().unwrap_or_else(|| panic!("{}", found(&changed).text));
    assert_eq!(
        recipe.meanings().get("domain.math.data").map(String::as_str),
        Some("builtin(\"arithmetic\", levels = 1..2)")
    );
    assert!(matches!(&recipe.policy.answer, crate::settings::AnswerRule::After { mark } if mark == "="));
    // A whole value replaces what was overridden before.
    let changed = with_variant(
        QUICKSTART,
        "override domain.math.verify.gold = other  override domain.math.data = file(\"rows.jsonl\")  override domain.math.verify = puzzle()",
    );
    let recipe = changed.recipe.as_ref().unwrap_or_else(|| panic!("{}", found(&changed).text));
    assert_eq!(recipe.meanings().get("domain.math.verify").map(String::as_str), Some("puzzle()"));
    assert!(!recipe.settings().contains_key("domain.math.verify.gold"));
}

#[test]
fn arguments_that_are_not_there() {
    for (overrides, code, help) in [
        ("override domain.math.verify.golf = other", "recipe::names::unknown_argument", "did you mean `gold`?"),
        (
            "override domain.*.verify.timeout = 5 s",
            "recipe::names::unknown_argument",
            "`math_answer` has no argument `timeout`",
        ),
        (
            "override domain.logic.verify.gold = other",
            "recipe::names::unknown_argument",
            "`puzzle` has no argument `gold`",
        ),
        ("override domain.math.verify.gold.more = other", "recipe::compose::override_of_nothing", "has no parts"),
        ("override domain.math.verify.gold = 5", "recipe::values::wrong_kind", "takes a word"),
        ("override domain.math.verify.gold = a where a = 1", "recipe::values::wrong_kind", "takes no `where`"),
    ] {
        let changed = with_variant(QUICKSTART, overrides);
        let seen = found(&changed);
        assert!(seen.codes.contains(&code), "{overrides}: {}", seen.text);
        assert!(seen.text.contains(help), "{overrides}: {}", seen.text);
    }
}

#[test]
fn a_record_says_what_it_replaces() {
    let changed = with_variant(QUICKSTART, "override train.optimizer = adamw { lr = 1e-5 }");
    let recipe = changed.recipe.as_ref().unwrap_or_else(|| panic!("{}", found(&changed).text));
    let origin = |path: &str| &recipe.settings().get(path).unwrap_or_else(|| panic!("{path}")).origin;
    let base = crate::tests::recipe(QUICKSTART, &Options::default());
    let was = &base.settings().get("train.optimizer.lr").expect("set").origin;
    assert!(matches!(origin("train.optimizer.lr"), Origin::Overridden { was: before, .. } if **before == *was));
    assert!(matches!(origin("train.optimizer.beta2"), Origin::Default(_)));
}

#[test]
fn every_point_of_the_sweeps_is_there() {
    // `ordered` holds at the full scale only.
    let text =
        edit(APRIEL, "guarantee ordered : total given correct >= total given wrong same length, truncated\n", "");
    let text = format!("{text}\nsweep wrong_scale in [0.5, 1]\n");
    let r = recipe(&text, &Options::default());
    let points: Vec<String> = r.points.iter().map(ToString::to_string).collect();
    assert_eq!(
        points,
        [
            "gamma = 0.25, wrong_scale = 0.5",
            "gamma = 0.25, wrong_scale = 1",
            "gamma = 0.5, wrong_scale = 0.5",
            "gamma = 0.5, wrong_scale = 1",
            "gamma = 1.0, wrong_scale = 0.5",
            "gamma = 1.0, wrong_scale = 1",
        ]
    );
    // A point is selected with `--set`, and what is set is not swept.
    for point in &r.points {
        let at = recipe(&text, &Options { set: point.set(), ..Options::default() });
        assert!(at.points.is_empty());
        for coordinate in &point.values {
            let param = at.params.iter().find(|param| param.name == coordinate.param).expect("the param");
            assert_eq!(param.value.value, coordinate.value);
        }
    }
    let one = recipe(&text, &Options { set: vec![("gamma".into(), "2".into())], ..Options::default() });
    assert_eq!(one.points.len(), 2);
    // Values with units and arithmetic.
    let text = format!(
        "param room : tokens = 8 tokens\nsweep room in [1Ki tokens, 2 * 4 tokens]\n{}",
        edit(
            &edit(QUICKSTART, "  context   = 256 tokens\n", ""),
            "prompt     = 64 tokens",
            "prompt     = 64 tokens + room"
        )
    );
    let r = recipe(&text, &Options::default());
    let set: Vec<_> = r.points.iter().map(crate::sweep::Point::set).collect();
    assert_eq!(
        set,
        [[("room".to_string(), "1024 tokens".to_string())], [("room".to_string(), "8 tokens".to_string())]]
    );
    let at = recipe(&text, &Options { set: set.first().cloned().unwrap_or_default(), ..Options::default() });
    assert_eq!(at.meanings().get("budget.prompt").map(String::as_str), Some("1088 tokens"));
}

#[test]
fn points_are_checked_with_their_values() {
    // The division is fine at the value in force and at one point, and not at the other.
    let text = edit(QUICKSTART, "lr = 3e-4", "lr = 3e-4 * (1 - gamma)");
    let text = format!("{text}\nsweep gamma in [0.25, 1.5]\n");
    let seen = found(&checked(&text, &Options::default()));
    assert_eq!(seen.codes, ["recipe::ranges::out_of_range"], "{}", seen.text);
    assert!(seen.text.contains("at gamma = 1.5"), "{}", seen.text);
    // What the base has said is not said again.
    let seen = found(&checked(&format!("param spare : number = 1\n{APRIEL}"), &Options::default()));
    assert_eq!(seen.codes, ["recipe::names::unused"], "{}", seen.text);
}

#[test]
fn sweeps_that_are_wrong() {
    let many = |count: usize| (0..count).map(|at| format!("{}", at as f64 / 32.0)).collect::<Vec<_>>().join(", ");
    let product = format!("sweep gamma in [{}]\nsweep wrong_scale in [{}]", many(17), many(17));
    for (sweep, codes) in [
        ("sweep gama in [1]", vec!["recipe::names::unknown_name"]),
        ("sweep gamma in []", vec!["recipe::values::wrong_kind"]),
        ("sweep gamma in [9]", vec!["recipe::ranges::out_of_range"]),
        ("sweep gamma in [1]\nsweep gamma in [2]", vec!["recipe::names::duplicate"]),
        ("sweep gamma in [1 token]", vec!["recipe::units::wrong_unit"]),
        (product.as_str(), vec!["recipe::compose::too_many_points"]),
    ] {
        let seen = found(&checked(&format!("{QUICKSTART}\n{sweep}\n"), &Options::default()));
        assert_eq!(seen.codes, codes, "{sweep}: {}", seen.text);
    }
}

#[test]
fn imported_formulas_bring_their_params() {
    let mut files = Files::default();
    let formulas = "param steepness : number in 0..1 = 0.25\nparam unused : number = 1\nformula half(n: tokens) -> reward = -steepness * n / budget.output\n  source \"a paper\"\n";
    files.0.insert("formulas.recipe", formulas.to_string());
    let uses = edit(QUICKSTART, "reward {", "penalty brief = half(length)\nreward {");
    let uses =
        edit(&uses, "total      = outcome + difficulty_aware", "total      = outcome + difficulty_aware + brief");
    let read = |text: &str, set: &[(String, String)]| {
        let options = Options { set: set.to_vec(), ..Options::default() };
        check(Source::new(FileId(0), "test.recipe", text), &files, &options)
    };
    let imports = format!("import \"formulas.recipe\"\n{uses}");
    let checked = read(&imports, &[]);
    let recipe = checked.recipe.as_ref().unwrap_or_else(|| panic!("{}", found(&checked).text));
    let param = |name: &str| recipe.params.iter().find(|param| param.name == name);
    assert!(
        matches!(param("steepness").map(|p| &p.value.origin), Some(Origin::Written(span)) if span.file == FileId(1))
    );
    assert!(param("unused").is_none(), "only what the formulas name");
    assert!(read(&imports, &[("steepness".into(), "0.5".into())]).recipe.is_some());
    // The recipe's own param is the one that counts.
    let own = format!("param steepness : number in 0..1 = 0.75\n{imports}");
    let checked = read(&own, &[]);
    let recipe = checked.recipe.as_ref().unwrap_or_else(|| panic!("{}", found(&checked).text));
    assert!(recipe.params.iter().any(|p| p.name == "steepness" && p.value.value == 0.75));
}

#[test]
fn doc_comments_and_notes_are_kept() {
    let text = edit(QUICKSTART, "variant placebo ", "/// Rewards that say nothing.\nvariant placebo ");
    let text = edit(&text, "  suite cap  ", "  /// At the cap.\n  suite cap  ");
    let text = edit(&text, "param gamma ", "/// How much easy problems pay.\nparam gamma ");
    let r = recipe(&text, &Options::default());
    let doc = |path: &str| r.docs.get(path).map(|doc| doc.trim());
    assert_eq!(doc("variant.placebo"), Some("Rewards that say nothing."));
    assert_eq!(doc("suite.cap"), Some("At the cap."));
    assert_eq!(doc("param.gamma"), Some("How much easy problems pay."));
    let Some(StageWork::Reinforce(work)) = r.stages.last().map(|s| &s.work) else { panic!("rewards") };
    assert_eq!(work.mix.weight.source.as_deref(), Some("arXiv 2604.02007, adaptive domain sampling"));
    assert!(work.terms.iter().all(|term| term.formula.source.is_some()));
    // A note on a value is most often a setting without its sign.
    for text in [
        edit(QUICKSTART, "precision = f32", "precision = f32\n  source \"a\""),
        edit(QUICKSTART, "group     = 8 rollouts", "group     = 8 rollouts source \"a\""),
    ] {
        let seen = found(&checked(&text, &Options::default()));
        assert_eq!(seen.codes, ["recipe::values::wrong_kind"], "{}", seen.text);
        assert!(seen.text.contains("write `source = …`"), "{}", seen.text);
    }
}

#[test]
fn suites_are_in_the_order_of_their_names() {
    let line = "  suite cap            {";
    let text = edit(QUICKSTART, line, "  suite zcap           {");
    let r = recipe(&text, &Options::default());
    let names: Vec<&str> = r.evaluate.iter().flat_map(|e| &e.suites).map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["double_cap", "double_cap_t06", "zcap"]);
}
