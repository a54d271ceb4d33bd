//! Text to codes: the front end as a whole. Each bad recipe is the quickstart with one edit.

mod changes;
mod composition;
mod judged;
mod output;
mod robust;

use crate::testing::{APRIEL, QUICKSTART, checked, codes_of, edit, found, quickstart_with};
use crate::{Options, Recipe};

pub(crate) fn recipe(text: &str, options: &Options) -> Recipe {
    let checked = checked(text, options);
    let seen = found(&checked);
    checked.recipe.unwrap_or_else(|| panic!("no recipe:\n{}", seen.text))
}

#[test]
fn both_recipes_are_clean_under_every_variant() {
    for text in [QUICKSTART, APRIEL] {
        let base = recipe(text, &Options { strict: true, ..Options::default() });
        for variant in &base.variants {
            let chosen = recipe(text, &Options { variant: Some(variant.clone()), strict: true, ..Options::default() });
            assert_eq!(chosen.variant.as_deref(), Some(variant.as_str()));
        }
    }
}

#[test]
fn one_edit_one_code() {
    // What is replaced, by what, and the codes that follow.
    let cases: &[(&str, &str, &[&str])] = &[
        // Text.
        ("group     = 8 rollouts", "group     : 8 rollouts", &["recipe::syntax::unexpected"]),
        ("steps      = 600 steps", "steps      = 600 stepz", &["recipe::syntax::bad_literal"]),
        // Blocks.
        ("mix {", "mixx {", &["recipe::names::unknown_block"]),
        ("domain math     {", "domian math     {", &["recipe::names::unknown_block"]),
        ("domain math     {", "domain {", &["recipe::names::missing_name"]),
        ("budget {", "budget big {", &["recipe::names::unexpected_name"]),
        ("checkpoint {", "suite x { data = held_out }\ncheckpoint {", &["recipe::names::wrong_place"]),
        (
            "checkpoint {",
            "checkpoint { keep = 1 }\ncheckpoint {",
            &["recipe::names::duplicate", "recipe::names::duplicate"],
        ),
        ("domain code     {", "domain math     {", &["recipe::names::duplicate"]),
        ("  supervised {", "  supervize {", &["recipe::names::unknown_block"]),
        ("  update      = between_batches", "  update { }", &["recipe::values::wrong_kind"]),
        // Keys.
        ("  output     = 96 tokens", "  ouput     = 96 tokens", &["recipe::names::unknown_key"]),
        ("  unfinished = as_judged\n", "", &["recipe::names::missing_key"]),
        ("  total      = outcome + difficulty_aware\n", "", &["recipe::names::missing_key"]),
        ("    weight        = length,\n", "", &["recipe::names::missing_key"]),
        (",\n    divide_by_std = false", "", &["recipe::names::missing_key"]),
        ("  count  = completed(rollouts)\n", "", &["recipe::names::missing_key"]),
        ("clip_low      = 3e-3", "clip_lwo = 3e-3", &["recipe::names::unknown_key"]),
        ("top_p = 0.95", "top_pp = 0.95", &["recipe::names::unknown_key"]),
        ("  prompt     = 64 tokens", "  prompt     = 64 tokens  prompt = 65 tokens", &["recipe::names::duplicate"]),
        ("clip_low      = 3e-3,", "clip_low = 3e-3, clip_low = 3e-3,", &["recipe::names::duplicate"]),
        // Values.
        ("  unfinished = as_judged", "  unfinished = judged", &["recipe::names::unknown_word"]),
        ("drop      = no_advantage", "drop      = no_advantages", &["recipe::names::unknown_word"]),
        ("drop      = no_advantage", "drop      = 3", &["recipe::values::wrong_kind"]),
        ("tied = true", "tied = 1", &["recipe::values::wrong_kind"]),
        ("group     = 8 rollouts", "group     = \"8\"", &["recipe::values::wrong_kind"]),
        ("group     = 8 rollouts", "group     = 8", &["recipe::units::wrong_unit"]),
        ("group     = 8 rollouts", "group     = 8 groups", &["recipe::units::wrong_unit"]),
        ("temperature = 1.0\n", "temperature = 1.0 s\n", &["recipe::units::wrong_unit"]),
        ("warmup = 50 rollouts", "warmup = 50 groups", &["recipe::units::wrong_unit"]),
        ("group     = 8 rollouts", "group     = 7.5 rollouts", &["recipe::ranges::not_whole"]),
        ("group     = 8 rollouts", "group     = 0 rollouts", &["recipe::ranges::out_of_range"]),
        ("refill    = 1", "refill    = 0", &["recipe::ranges::out_of_range"]),
        ("temperature = 1.0\n", "temperature = 0\n", &["recipe::ranges::out_of_range"]),
        ("domain math     { ratio = 40%", "domain math     { ratio = 140%", &["recipe::ranges::out_of_range"]),
        ("lr = 3e-4", "lr = -3e-4", &["recipe::ranges::out_of_range"]),
        ("builtin(\"arithmetic\")", "builtin(\"arithmetic\", levels = 4..1)", &["recipe::ranges::out_of_range"]),
        ("builtin(\"arithmetic\")", "builtin(\"arithmetic\", levels = 4)", &["recipe::values::wrong_kind"]),
        ("builtin(\"arithmetic\")", "builtin(levels = 1..4)", &["recipe::names::missing_key"]),
        ("builtin(\"arithmetic\")", "built_in(\"arithmetic\")", &["recipe::names::unknown_word"]),
        ("gold = answer, extract", "golden = answer, extract", &["recipe::names::unknown_argument"]),
        ("extract = whole", "extract = hole", &["recipe::names::unknown_word"]),
        ("puzzle()", "puzzle(3)", &["recipe::names::unknown_argument"]),
        ("puzzle()", "puzzle", &["recipe::values::wrong_kind"]),
        ("completed(rollouts)", "completed(steps)", &["recipe::names::unknown_word"]),
        // Params.
        ("param seed        : integer        = 1", "param seed : integer = 1.5", &["recipe::ranges::not_whole"]),
        ("param seed        : integer        = 1", "param seed : integer = -1", &["recipe::ranges::out_of_range"]),
        ("number in 0..4 = 0.5", "number in 0..4 = 5", &["recipe::ranges::out_of_range"]),
        ("number in 0..4 = 0.5", "number in 4..0 = 0.5", &["recipe::ranges::out_of_range"]),
        (
            "param wrong_scale : ratio          = 0.5",
            "param wrong_scale : rato = 0.5",
            &["recipe::names::unknown_type"],
        ),
        (
            "param wrong_scale : ratio          = 0.5",
            "param wrong_scale : ratio = 0.5\nparam wrong_scale : ratio = 0.5",
            &["recipe::names::duplicate"],
        ),
        ("variant no_penalty", "sweep gamma in [0.5, 9]\nvariant no_penalty", &["recipe::ranges::out_of_range"]),
        ("variant no_penalty", "sweep gama in [0.5]\nvariant no_penalty", &["recipe::names::unknown_name"]),
        // Formulas.
        ("overlong(length)", "overlong(lenght)", &["recipe::names::unknown_signal"]),
        ("max(achieved, 1e-9)", "achieved", &["recipe::ranges::division_by_zero"]),
        (
            "  outcome    = if correct then 1 else 0",
            "  outcome    = if correct then 1 else length",
            &["recipe::units::mismatch"],
        ),
        // Stages.
        ("after warm_start", "after warmstart", &["recipe::names::unknown_name"]),
        ("stage reinforce after warm_start", "stage reinforce", &["recipe::compose::stage_order"]),
        ("stage warm_start {", "stage warm_start after reinforce {", &["recipe::names::cycle"]),
        ("  override budget.steps = 1200 steps", "  steps = 1000 steps", &["recipe::compose::override_needed"]),
        ("  override budget.steps = 1200 steps", "  override budget.time = 5 min", &["recipe::names::wrong_place"]),
        ("  override budget.steps = 1200 steps", "  override budget.stpes = 5 steps", &["recipe::names::unknown_key"]),
        ("math = 25%, code", "maths = 25%, code", &["recipe::names::unknown_name"]),
        ("math = 25%, code", "math = 26%, code", &["recipe::ratios::sum_not_one"]),
        ("{ optimizer = fresh }", "{ optimizer = new }", &["recipe::names::unknown_word"]),
        ("tools    { ratio = 10%  data", "tools    { data", &["recipe::ratios::missing"]),
        // Variants.
        (
            "override difficulty_aware.scale = 1",
            "override difficulty_aware.scal = 1",
            &["recipe::compose::override_of_nothing"],
        ),
        (
            "override difficulty_aware.scale = 1",
            "override dificulty_aware.scale = 1",
            &["recipe::compose::override_of_nothing"],
        ),
        (
            "override difficulty_aware.scale = 1",
            "override train.optimizer.learning_rate = 1",
            &["recipe::names::unknown_key"],
        ),
        ("override difficulty_aware.scale = 1", "override domain.geometry.ratio = 1", &["recipe::names::unknown_name"]),
        ("override difficulty_aware.scale = 1", "override domain.*.ratio = 30%", &["recipe::ratios::sum_not_one"]),
        ("override difficulty_aware.scale = 1", "override train = 1", &["recipe::compose::override_of_nothing"]),
        (
            "override difficulty_aware.scale = 1",
            "override train.batch = 7 rollouts",
            &["recipe::rollouts::batch_not_whole_groups"],
        ),
        // Promises.
        ("difficulty_aware falls in length", "difficulty_aware falls in lenght", &["recipe::names::unknown_name"]),
        (
            "for all gamma, wrong_scale : difficulty_aware in",
            "for all gama : difficulty_aware in",
            &["recipe::names::unknown_name"],
        ),
        (
            "given length = 24 tokens, wrong, finished, solve_rate = 0",
            "given wrong, finished, solve_rate = 0",
            &["recipe::tests::open_signal"],
        ),
        ("given length = 24 tokens, wrong,", "given length = 24, wrong,", &["recipe::units::wrong_unit"]),
        ("expect difficulty_aware == 0\n", "expect difficulty_aware\n", &["recipe::tests::bad_expectation"]),
        // Not in this version.
        ("gspo {", "cispo {", &["recipe::names::unknown_key"]),
        ("  warmup = 50 rollouts\n", "  warmup = 50 rollouts\n  strategy = deficit\n", &["recipe::names::either_or"]),
        (
            "verify = puzzle()",
            "verify = judge(model = j)",
            &["recipe::names::missing_key", "recipe::names::missing_key"],
        ),
        ("checkpoint { every", "checkpoint { best = no_cap  every", &["recipe::names::unknown_name"]),
    ];
    assert!(cases.len() >= 40);
    let mut wrong = String::new();
    for (from, to, expected) in cases {
        let seen = codes_of(&quickstart_with(from, to));
        if seen.codes != *expected {
            wrong.push_str(&format!("`{to}`\n  expected {expected:?}\n  found    {:?}\n{}\n", seen.codes, seen.text));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn several_mistakes_are_all_reported() {
    let text = quickstart_with("group     = 8 rollouts", "group     = 8");
    let text = edit(&text, "unfinished = as_judged", "unfinished = as_jugded");
    let text = edit(&text, "overlong(length) * scale", "overlong(lenght) * scale");
    let seen = codes_of(&text);
    assert_eq!(
        seen.codes,
        ["recipe::names::unknown_signal", "recipe::names::unknown_word", "recipe::units::wrong_unit"],
        "{}",
        seen.text
    );
    for help in ["did you mean `length`?", "did you mean `as_judged`?", "write `8 rollouts`", "3 errors"] {
        assert!(seen.text.contains(help), "{help} is missing in\n{}", seen.text);
    }
}

#[test]
fn lost_text_silences_checks_over_the_whole_recipe() {
    // Only the misspelt word is wrong: the sum, the missing domain and the stage that names it must not be blamed.
    let seen = codes_of(&quickstart_with("domain math     {", "domian math     {"));
    assert_eq!(seen.codes, ["recipe::names::unknown_block"], "{}", seen.text);
}

#[test]
fn an_empty_recipe_is_told_what_it_needs() {
    for text in ["", "recipe x { edition = 2026 }", "\u{0}", "}}}}"] {
        let checked = checked(text, &Options::default());
        assert!(checked.recipe.is_none());
        assert!(checked.problems.any_error());
    }
    let seen = codes_of("recipe x { edition = 2026 }");
    assert_eq!(seen.codes.iter().filter(|c| **c == "recipe::names::missing_block").count(), 6, "{}", seen.text);
}

#[test]
fn what_cannot_run_yet_is_named_and_still_checks() {
    let apriel = recipe(APRIEL, &Options::default());
    let refused: Vec<String> = crate::support::not_yet(&apriel).into_iter().map(|d| d.message).collect();
    for part in ["a lag above 0", "updates in flight", "data of the hub (`BAAI/TACO`)"] {
        assert!(refused.iter().any(|m| m.starts_with(part)), "{part} is missing in {refused:?}");
    }
    assert!(crate::support::not_yet(&recipe(QUICKSTART, &Options::default())).is_empty());
}

#[test]
fn thousands_of_domains_are_checked_in_linear_time() {
    let many = |n: usize| {
        let mut text =
            edit(QUICKSTART, "  domains = { math = 25%, code = 30%, logic = 20%, instruct = 10%, tools = 15% }\n", "");
        let at = text.find("domain math").expect("it is there");
        let end = text.find("mix {").expect("it is there");
        let share = 1.0 / n as f64;
        let domains: String = (0..n)
            .map(|i| {
                format!("domain d{i} {{ ratio = {share}  data = builtin(\"arithmetic\")  verify = math_answer() }}\n")
            })
            .collect();
        text.replace_range(at..end, &domains);
        text
    };
    // The clock of a busy machine is rough, so the bound is wide: linear work is 8 times, quadratic 64 times.
    let seconds = |n: usize| {
        let text = many(n);
        (0..3)
            .map(|_| {
                let start = std::time::Instant::now();
                let seen = codes_of(&text);
                assert!(seen.codes.is_empty(), "{}", seen.text);
                start.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min)
    };
    let (small, large) = (seconds(250), seconds(2000));
    assert!(large < 28.0 * small, "250 domains: {small} s, 2000 domains: {large} s");
}
