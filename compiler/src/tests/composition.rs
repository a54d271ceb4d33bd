//! Recipes put together: files, variants, stages, `--set`; and the values that come out.

use super::recipe;
use crate::recipe::{Origin, Recipe, StageWork};
use crate::settings::{
    Baseline, DataSource, Deviation, KlEstimator, ModelSource, RatioLevel, SequenceWeight, Surrogate, WeightUpdate,
};
use crate::testing::{APRIEL, Files, QUICKSTART, checked, edit, found, quickstart_with};
use crate::{Checked, Options, check};
use recipec_grammar::source::{FileId, Source};

fn variant(text: &str, name: &str) -> Recipe {
    recipe(text, &Options { variant: Some(name.into()), ..Options::default() })
}

fn set(name: &str, value: &str) -> Options {
    Options { set: vec![(name.into(), value.into())], ..Options::default() }
}

fn reinforce(recipe: &Recipe) -> &crate::recipe::Reinforce {
    let last = recipe.stages.last().map(|s| &s.work);
    match last {
        Some(StageWork::Reinforce(work)) => work,
        _ => panic!("the last stage does not reinforce"),
    }
}

/// Checks a recipe that extends the quickstart.
fn extending(text: &str) -> Checked {
    let mut files = Files::default();
    files.0.insert("quickstart.recipe", QUICKSTART.to_string());
    files.0.insert(
        "formulas.recipe",
        "formula half(n: tokens) -> reward = -0.5 * n / budget.output\nparam lost : number = 1\n".to_string(),
    );
    files.0.insert("loop.recipe", "extends \"loop.recipe\"\n".to_string());
    check(Source::new(FileId(0), "test.recipe", text), &files, &Options::default())
}

#[test]
fn the_quickstart_has_its_values() {
    let r = recipe(QUICKSTART, &Options::default());
    assert_eq!((r.name.as_str(), r.edition, r.seed), ("quickstart", 2026, 1));
    assert!(
        matches!(&r.policy.source, ModelSource::Fresh(a) if a.width == 96 && a.kv_heads == 3 && a.tied && a.rope_theta == 10000.0)
    );
    assert_eq!(r.domains, ["code", "instruct", "logic", "math", "tools"]);
    assert_eq!((r.max_generated_tokens, r.max_wall_clock_seconds), (Some(30_000_000), Some(1200.0)));
    let steps: Vec<_> =
        r.stages.iter().map(|s| (s.name.as_str(), s.max_steps.as_ref().map(|m| m.value), s.fresh_optimizer)).collect();
    assert_eq!(steps, [("warm_start", Some(1200), true), ("reinforce", Some(600), true)]);
    let Some(StageWork::Supervised(warm)) = r.stages.first().map(|s| &s.work) else { panic!("a supervised stage") };
    assert_eq!(
        (warm.target.as_str(), warm.batch_problems, warm.optimizer.lr, warm.schedule.warmup),
        ("demonstration", 96, 4e-3, 30)
    );
    let ratios: Vec<f64> = r.stages.iter().flat_map(|s| s.domains.iter().map(|d| d.ratio.value)).collect();
    assert_eq!(ratios, [0.30, 0.10, 0.20, 0.25, 0.15, 0.25, 0.10, 0.15, 0.40, 0.10]);
    let work = reinforce(&r);
    assert_eq!(
        (work.max_output_tokens, work.buffer_tokens, work.train.group_size, work.train.batch_rollouts),
        (96, 72, 8, 256)
    );
    assert_eq!(
        work.terms.iter().map(|t| (t.name.as_str(), t.is_penalty, t.formula.range())).collect::<Vec<_>>(),
        [("difficulty_aware", true, (-1.0, 0.0))]
    );
    assert!(matches!(work.rollout.update, WeightUpdate::BetweenBatches));
    assert!(work.train.kl.is_none());
    let Some(evaluate) = &r.evaluate else { panic!("an evaluation") };
    let suites: Vec<_> = evaluate
        .suites
        .iter()
        .map(|s| (s.name.as_str(), s.max_output_tokens, s.sampling.temperature, s.sampling.top_p))
        .collect();
    assert_eq!(suites, [("cap", 96, 1.0, 1.0), ("double_cap", 192, 1.0, 1.0), ("double_cap_t06", 192, 0.6, 0.95)]);
    assert_eq!((r.checkpoint.every_steps, r.checkpoint.keep), (Some(100), 2));
    assert_eq!((r.guarantees.len(), r.tests.len()), (2, 2));
    let Some(test) = r.tests.first() else { panic!("a test") };
    assert_eq!(test.given.get("truncated"), Some(&0.0), "finished means not truncated");
    assert_eq!(test.given.get("wrong"), Some(&0.0), "correct means not wrong");
}

#[test]
fn the_published_recipe_has_its_values() {
    let r = recipe(APRIEL, &Options::default());
    assert_eq!(r.stages.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["main"]);
    let work = reinforce(&r);
    assert_eq!((work.train.max_lag, work.train.batch_rollouts), (2, 512));
    assert!(matches!(work.rollout.update, WeightUpdate::InFlight { after: 64, keep_cache: true }));
    assert!(matches!(
        work.train.algorithm,
        crate::settings::Algorithm {
            surrogate: Surrogate::Clipped { ratio: RatioLevel::Sequence, low: 3e-4, high: 4e-4 },
            weight: SequenceWeight::Length,
            baseline: Baseline::LeaveOneOut,
            divide_by_std: Deviation::None,
        }
    ));
    assert_eq!(r.max_wall_clock_seconds, Some(336.0 * 3600.0));
    assert!(
        r.stages
            .iter()
            .flat_map(|s| &s.domains)
            .any(|d| matches!(&d.data, DataSource::Hub { config: Some(c), .. } if c == "logic"))
    );
    assert_eq!(r.allows.len(), 1);
}

#[test]
fn variants_replace_and_keep_the_rest() {
    let kl = variant(QUICKSTART, "with_kl");
    let train = &reinforce(&kl).train;
    assert!(matches!(&train.kl, Some(kl) if kl.estimator == KlEstimator::K3 && kl.coef == 1e-3 && kl.to == "base"));
    assert_eq!(train.batch_rollouts, 256);

    let uniform = variant(APRIEL, "uniform_mix");
    assert!(uniform.stages.iter().flat_map(|s| &s.domains).all(|d| d.ratio.value == 0.2));
    let plain = variant(QUICKSTART, "plain_penalty");
    let names: Vec<String> = reinforce(&plain).terms.iter().flat_map(|t| t.formula.signals()).collect();
    assert_eq!(names, ["length"], "the scale no longer reads the verdict");
    assert_eq!(reinforce(&variant(APRIEL, "static_mix")).mix.weight.signals(), ["ratio"]);
}

#[test]
fn overrides_reach_into_records_and_stages() {
    let line = "variant no_penalty    { override reward.total = outcome }";
    let with = |overrides: &str| {
        let text = quickstart_with(line, &format!("variant v {{ {overrides} }}"));
        variant(&text, "v")
    };
    let r = with("override train.optimizer.lr = 1e-5  override train.batch = 512 rollouts");
    assert_eq!((reinforce(&r).train.optimizer.lr, reinforce(&r).train.optimizer.beta2), (1e-5, 0.98));
    // A whole record replaces the whole record: beta2 is the default again.
    let r = with("override train.optimizer = adamw { lr = 1e-5 }");
    assert_eq!((reinforce(&r).train.optimizer.lr, reinforce(&r).train.optimizer.beta2), (1e-5, 0.999));
    let r = with(
        "override stage.warm_start.supervised.batch = 8 problems  override stage.warm_start.budget.steps = 3 steps  override budget.steps = 2 steps  override train.schedule.warmup = 0 steps  override stage.warm_start.supervised.schedule = constant",
    );
    assert_eq!(r.stages.iter().map(|s| s.max_steps.as_ref().map(|m| m.value)).collect::<Vec<_>>(), [Some(3), Some(2)]);
    assert!(matches!(r.stages.first().map(|s| &s.work), Some(StageWork::Supervised(s)) if s.batch_problems == 8));
    let r = with("override suite.*.samples = 7  override evaluate.every = 10 steps");
    assert!(r.evaluate.as_ref().is_some_and(|e| e.every_steps == Some(10) && e.suites.iter().all(|s| s.samples == 7)));
}

#[test]
fn the_command_line_sets_params_only() {
    let r = recipe(QUICKSTART, &set("gamma", "2"));
    let gamma = r.params.iter().find(|p| p.name == "gamma").map(|p| &p.value);
    assert!(matches!(gamma, Some(g) if g.value == 2.0 && g.origin == Origin::CommandLine));
    assert_eq!(recipe(QUICKSTART, &set("seed", "7")).seed, 7);
    for (name, value) in [
        ("gama", "1"),
        ("train.group", "8"),
        ("gamma", "9"),
        ("gamma", "much"),
        ("gamma", "1 token"),
        ("seed", "1.5"),
        ("gamma", ""),
    ] {
        let checked = checked(QUICKSTART, &set(name, value));
        assert_eq!(found(&checked).codes, ["recipe::compose::bad_set"], "{name}={value}");
    }
}

#[test]
fn an_unknown_variant_is_named() {
    let checked = checked(QUICKSTART, &Options { variant: Some("with_kk".into()), ..Options::default() });
    let seen = found(&checked);
    assert_eq!(seen.codes, ["recipe::names::unknown_name"]);
    assert!(seen.text.contains("did you mean `with_kl`?"), "{}", seen.text);
}

#[test]
fn a_recipe_extends_another() {
    let checked = extending(
        "extends \"quickstart.recipe\"\nrecipe longer { edition = 2026 }\nbudget { override steps = 900 steps }\ndomain math { override ratio = 40% }\n",
    );
    let seen = found(&checked);
    assert!(seen.codes.is_empty(), "{}", seen.text);
    let Some(r) = checked.recipe else { panic!("a recipe") };
    assert_eq!(r.name, "longer");
    assert_eq!(r.stages.last().and_then(|s| s.max_steps.as_ref()).map(|m| m.value), Some(900));
    assert!(
        matches!(r.settings().get("budget.steps").map(|s| &s.origin), Some(Origin::Overridden { by, was }) if by.file == FileId(0) && was.span().is_some_and(|s| s.file == FileId(1)))
    );
    assert!(r.tests.is_empty(), "the tests of a base are about the base");

    for (text, codes) in [
        ("budget { steps = 900 steps }", vec!["recipe::compose::silent_shadow"]),
        ("checkpoint { override best = cap }", vec!["recipe::compose::override_of_nothing"]),
        ("param gamma : number = 1", vec!["recipe::compose::silent_shadow"]),
        (
            "import \"formulas.recipe\"\npenalty short = half(length)\nvariant v { override reward.total = outcome + short }",
            vec![],
        ),
        ("import \"formula.recipe\"", vec!["recipe::compose::file_not_read"]),
    ] {
        let seen =
            found(&extending(&format!("extends \"quickstart.recipe\"\nrecipe longer {{ edition = 2026 }}\n{text}\n")));
        assert_eq!(seen.codes, codes, "{text}\n{}", seen.text);
    }
}

#[test]
fn files_that_are_missing_or_go_in_circles() {
    assert!(found(&extending("extends \"loop.recipe\"\n")).codes.contains(&"recipe::compose::file_cycle"));
    assert!(found(&extending("extends \"nothing.recipe\"\n")).codes.contains(&"recipe::compose::file_not_read"));
}

#[test]
fn blocks_have_no_order() {
    // The mix moves to the end: nothing changes but the places.
    let at = QUICKSTART.find("mix {").expect("it is there");
    let end = QUICKSTART.find("formula overlong").expect("it is there");
    let mut moved = QUICKSTART.to_string();
    let mix: String = moved.drain(at..end).collect();
    moved.push_str(&mix);
    let (a, b) = (recipe(QUICKSTART, &Options::default()), recipe(&moved, &Options::default()));
    let texts = |r: &Recipe| r.settings().iter().map(|(path, s)| (path.clone(), s.value.clone())).collect::<Vec<_>>();
    assert_eq!(texts(&a), texts(&b));
}

#[test]
fn budgets_and_params_may_be_used_in_settings() {
    let text = quickstart_with("  buffer     = 72 tokens", "  buffer     = budget.output * 3 / 4");
    let text = edit(&text, "lr = 3e-4", "lr = 3e-4 * gamma");
    let r = recipe(&text, &Options::default());
    assert_eq!(reinforce(&r).buffer_tokens, 72);
    assert_eq!(reinforce(&r).train.optimizer.lr, 1.5e-4);
    assert_eq!(reinforce(&recipe(&text, &set("gamma", "1"))).train.optimizer.lr, 3e-4);
}

#[test]
fn other_systems_can_be_said() {
    // RuleReasoner: weights from reward history; the ratios are then read by nothing.
    let history = "weight = exp((max(0, target - history) + eps) / tau)\n    where history = ema(mean(total, over = last_batch), keep = 0.5, start = 0)";
    let text = quickstart_with(
        "weight = ratio * clip(ratio / max(achieved, 1e-9), 0.1, 10)",
        &format!("every = 8 steps\n  {history}"),
    );
    let text = edit(
        &text,
        "param gamma ",
        "param target : number in 0..1 = 1\nparam eps : number in 0..1 = 0.1\nparam tau : number in 0.1..10 = 1\nparam gamma ",
    );
    let r = recipe(&text, &Options::default());
    assert_eq!(reinforce(&r).mix.every_steps, 8);

    // General-Reasoner: a penalty on the length of the answer, and an outcome with three values.
    let text = quickstart_with(
        "  outcome    = if correct then 1 else 0",
        "  outcome    = if not answered then -0.5 else if correct then 1 else 0",
    );
    let text = edit(
        &text,
        "reward {",
        "penalty mismatch = if correct then -0.05 * min(10, abs(answer_length - reference_length) / 1 token) else 0\nreward {",
    );
    let text =
        edit(&text, "total      = outcome + difficulty_aware", "total      = outcome + difficulty_aware + mismatch");
    let r = recipe(&text, &Options::default());
    let terms: Vec<_> = reinforce(&r).terms.iter().map(|t| (t.name.as_str(), t.formula.range())).collect();
    assert_eq!(terms, [("difficulty_aware", (-1.0, 0.0)), ("mismatch", (-0.5, 0.0))]);

    // Nemotron-Cascade: domain-wise stages with caps and rates of their own.
    let text = quickstart_with(
        "stage reinforce after warm_start { optimizer = fresh }",
        "stage short after warm_start { domains = { math = 100% } }\n\
         stage long after short { domains = { code = 60%, tools = 40% }  override budget.output = 128 tokens  override train.optimizer.lr = 2e-6 }",
    );
    let r = recipe(&text, &Options::default());
    assert_eq!(
        r.stages.iter().map(|s| (s.name.as_str(), s.domains.len())).collect::<Vec<_>>(),
        [("warm_start", 5), ("short", 1), ("long", 2)]
    );
    assert_eq!((reinforce(&r).max_output_tokens, reinforce(&r).train.optimizer.lr), (128, 2e-6));
    // What the penalty reads of the budget is that of its stage.
    assert!(r.settings().contains_key("stage.long.budget.output"));
}

#[test]
fn terms_may_name_each_other_in_any_order() {
    let text = quickstart_with(
        "reward {",
        "penalty both = alone + difficulty_aware\npenalty alone = -0.1 * length / budget.output\nreward {",
    );
    let text = edit(&text, "total      = outcome + difficulty_aware", "total      = outcome + both");
    let r = recipe(&text, &Options::default());
    let names: Vec<_> = reinforce(&r).terms.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["difficulty_aware", "alone", "both"]);
    let seen = found(&checked(&edit(&text, "penalty alone = -0.1", "penalty alone = both - 0.1"), &Options::default()));
    assert!(seen.codes.contains(&"recipe::names::cycle"), "{}", seen.text);
}
