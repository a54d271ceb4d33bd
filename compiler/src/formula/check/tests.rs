use crate::diagnostic::{Diagnostic, Severity};
use crate::formula::testing::{Bench, check_as, check_ok, read};
use crate::formula::{Level, Type, check, check_definition, constant};
use crate::problems::Problems;
use crate::units::Dimension;
use recipec_grammar::source::Span;

fn found(bench: &Bench, text: &str, expected: Type) -> Vec<Diagnostic> {
    let mut problems = Problems::new();
    let typed = check(&read(text), expected, "penalty `p`", &bench.scope(), &mut problems);
    let found: Vec<Diagnostic> = problems.sorted().into_iter().cloned().collect();
    let errors = found.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(typed.is_none(), errors, "`{text}`: a formula exactly when there is no error: {found:#?}");
    for diagnostic in &found {
        assert!(!diagnostic.labels.is_empty() && !diagnostic.message.ends_with('.'), "{diagnostic:?}");
    }
    found
}

fn codes(bench: &Bench, text: &str) -> Vec<&'static str> {
    found(bench, text, Type::PURE).iter().map(|d| d.code.name().trim_start_matches("recipe::")).collect()
}

fn one(bench: &Bench, text: &str) -> Diagnostic {
    let mut all = found(bench, text, Type::PURE);
    assert_eq!(all.len(), 1, "`{text}`: {all:#?}");
    all.remove(0)
}

#[test]
fn what_is_wrong() {
    let rollout = Bench::paper();
    let cases: &[(&str, &[&str])] = &[
        // names
        ("lenght / 1 token", &["names::unknown_signal"]),
        ("budget.ouput / 1 token", &["names::unknown_signal"]),
        ("achieved", &["names::unknown_signal"]),
        ("overlogn(length)", &["names::unknown_function"]),
        ("if domain == cod then 1 else 0", &["names::unknown_domain"]),
        ("a where a = b, b = 1", &["names::unknown_signal"]),
        ("score where score = 1", &["names::shadows"]),
        ("gamma where gamma = 1", &["names::shadows"]),
        ("a where a = 1, a = 2", &["formulas::unused_binding", "names::shadows"]),
        ("1 where a = 1", &["formulas::unused_binding"]),
        // units
        ("length", &["units::mismatch"]),
        ("length + 1", &["units::mismatch"]),
        ("if length > 0 then 1 else 0", &["units::mismatch"]),
        ("max(length, 1) / 1 token", &["units::mismatch"]),
        ("clip(length, 1, 2) / 1 token", &["units::mismatch", "units::mismatch"]),
        ("if correct then length else 0", &["units::mismatch"]),
        ("exp(length)", &["units::not_pure"]),
        ("2 ^ length", &["units::not_pure"]),
        ("length ^ gamma", &["units::no_dimension"]),
        ("sqrt(length) / 1 token", &["units::no_dimension"]),
        ("correct", &["units::wrong_kind"]),
        ("correct + 1", &["units::wrong_kind"]),
        ("if score then 1 else 0", &["units::wrong_kind"]),
        ("if correct == 1 then 1 else 0", &["units::wrong_kind"]),
        ("if correct then 1 else false", &["units::wrong_kind"]),
        ("group.mean(correct)", &["units::wrong_kind"]),
        ("domain", &["units::wrong_kind"]),
        ("overlong(gamma)", &["units::mismatch"]),
        // ranges
        ("1 / solve_rate", &["ranges::division_by_zero"]),
        ("1 / 0", &["ranges::division_by_zero"]),
        ("1 / (score - solve_rate)", &["ranges::division_by_zero"]),
        ("log(score)", &["ranges::log_of_nonpositive"]),
        ("sqrt(score - 1)", &["ranges::root_of_negative"]),
        ("score ^ -1", &["ranges::undefined_power"]),
        ("(score - 1) ^ gamma", &["ranges::undefined_power"]),
        ("clip(score, 1, 0)", &["ranges::inverted_clip"]),
        ("ramp(length, 5 tokens, 5 tokens)", &["ranges::division_by_zero"]),
        ("group.quantile(score, at = 1.5)", &["ranges::outside"]),
        // calls
        ("max(score)", &["formulas::wrong_arity"]),
        ("max(score, 1, 2)", &["formulas::wrong_arity"]),
        ("clip(score, 0, hi = 1)", &["formulas::unknown_argument"]),
        ("abs(score, x = 1)", &["formulas::unknown_argument"]),
        ("group.min(score if correct)", &["formulas::missing_else"]),
        ("group.min(score, else = 0)", &["formulas::unused_else"]),
        ("abs(score if correct)", &["formulas::misplaced"]),
        ("mean(total, over = last_batch)", &["formulas::misplaced"]),
        ("ema(score, keep = 0.5, start = 0)", &["formulas::misplaced"]),
        ("group.quantile(score, at = score)", &["formulas::not_constant"]),
        ("overlong(length, length)", &["formulas::wrong_arity"]),
        ("\"text\"", &["formulas::not_a_formula"]),
        // several at once, and silence behind a hole
        (
            "lenght + scroe + 1 / solve_rate",
            &["names::unknown_signal", "names::unknown_signal", "ranges::division_by_zero"],
        ),
        ("sqrt(log(1 / solve_rate) - 2)", &["ranges::division_by_zero"]),
        ("hole + 1", &[]),
        ("max(lenght, scroe, 1)", &["formulas::wrong_arity", "names::unknown_signal", "names::unknown_signal"]),
        ("a + a where a = lenght", &["names::unknown_signal"]),
    ];
    for (text, expected) in cases {
        if text.contains("hole") {
            let mut problems = Problems::new();
            assert!(check(&read(text), Type::PURE, "p", &rollout.scope(), &mut problems).is_none());
            assert!(problems.sorted().is_empty(), "{problems:?}");
            continue;
        }
        let mut codes = codes(&rollout, text);
        codes.sort_unstable();
        assert_eq!(&codes, expected, "`{text}`");
    }
}

#[test]
fn what_is_wrong_in_the_mix() {
    let mix = Bench::mix();
    let cases: &[(&str, &[&str])] = &[
        ("ratio / achieved", &["ranges::division_by_zero"]),
        ("length / 1 token", &["names::unknown_signal"]),
        ("group.mean(ratio)", &["formulas::misplaced"]),
        ("mean(total, over = first_batch)", &["formulas::misplaced"]),
        ("mean(toatl, over = last_batch)", &["names::unknown_signal"]),
        ("mean(total)", &["formulas::wrong_arity"]),
        ("ema(ratio, keep = 2, start = 0)", &["ranges::outside"]),
        ("ema(ratio, keep = achieved, start = 0)", &["formulas::not_constant"]),
        ("ema(mean(length, over = last_batch), keep = 0.5, start = 0) / 1 token", &["units::mismatch"]),
    ];
    for (text, expected) in cases {
        assert_eq!(&codes(&mix, text), expected, "`{text}`");
    }
}

#[test]
fn what_is_right() {
    let rollout = Bench::paper();
    for text in [
        "if correct then 1 else score",
        "if domain == code then 1 else 0",
        "if code_like then 1 else 0 where code_like = domain != math and not truncated",
        "-0.05 * min(10, abs(answer_length - reference_length) / 1 token)",
        "length / group.min(length if correct, else = budget.output)",
        "group.count(correct) / group_size",
        "if solve_rate > 0 then 1 / solve_rate else 0",
        "if solve_rate == 0 then 0 else 1 / solve_rate",
        "if correct then 1 / solve_rate else 0",
        "if wrong or solve_rate <= 0 then 0 else log(solve_rate)",
        "if solve_rate > 0 and 1 / solve_rate > 2 then 1 else 0",
        "group.mean(log(score) if score > 0, else = 0)",
        "(score - 1) ^ 2",
        "(length / 1 token) ^ -1",
        "length ^ 2 / budget.output ^ 2",
        "sqrt(length * length) / budget.output",
        "sqrt(ramp(length, budget.output - budget.buffer, budget.output))",
        "group.mad(length if correct, else = 1 token) / (group.std(length) + 1 token)",
    ] {
        assert_eq!(found(&rollout, text, Type::PURE), [], "`{text}`");
    }
    let mix = Bench::mix();
    for text in [
        "ratio * clip(ratio / max(achieved, 1e-9), 0.1, 10)",
        "exp((max(0, 1 - history) + 0.1) / 0.5) where history = ema(mean(total, over = last_batch), keep = 0.5, start = 0)",
        "ratio * (1 - progress) + step / budget.steps",
        "if sampled > 10 rollouts then yield else 1",
    ] {
        assert_eq!(found(&mix, text, Type::PURE), [], "`{text}`");
    }
}

#[test]
fn a_fact_about_one_rollout_does_not_hold_for_the_others() {
    // Here `score` is that of every rollout of the group, right or wrong.
    let rollout = Bench::paper();
    assert_eq!(codes(&rollout, "if correct then group.mean(1 / score) else 0"), ["ranges::division_by_zero"]);
    assert_eq!(codes(&rollout, "if correct then group.mean(1 / solve_rate) else 0"), Vec::<&str>::new());
    assert_eq!(codes(&rollout, "if correct then 1 / score else 0"), Vec::<&str>::new());
}

#[test]
fn messages_show_both_parties_and_something_to_type() {
    let bench = Bench::paper();
    let unknown = one(&bench, "lenght / 1 token");
    assert_eq!(unknown.message, "unknown name `lenght` in penalty `p`");
    assert_eq!(unknown.help.as_deref(), Some("did you mean `length`?"));

    let bare = one(&bench, "if length > 0 then 1 else 0");
    assert_eq!(bare.message, "tokens and a pure number cannot be compared");
    assert_eq!(bare.help.as_deref(), Some("write `0 tokens`"));
    assert_eq!(bare.labels.len(), 3);
    assert_eq!(bare.fix.map(|fix| (fix.replace_with, fix.certain)), Some(("0 tokens".to_string(), false)));

    let division = one(&bench, "1 / solve_rate");
    assert_eq!(division.message, "`solve_rate` can be 0, and is divided by");
    assert_eq!(division.labels[0].span, Span { start: 4, end: 14, ..Span::default() });
    assert_eq!(division.labels[0].text, "lies in 0..1");
    assert_eq!(division.help.as_deref(), Some("keep it away from 0: `max(solve_rate, 1e-9)`"));

    assert_eq!(one(&bench, "max(score)").help.as_deref(), Some("over the rollouts of a group it is `group.max(x)`"));
    assert_eq!(one(&bench, "max(score, 1, 2)").message, "`max` takes 2 values, found 3");
    assert_eq!(
        one(&bench, "length").help.as_deref(),
        Some("a unit is cancelled by dividing by one of it: `/ 1 token`")
    );
}

#[test]
fn absent_signals_say_why() {
    let mut bench = Bench::paper();
    let domains = (0..bench.domains.len()).map(|at| (at, None)).collect();
    let absence = crate::formula::Absence { domains, why: "has no verifier".to_string() };
    bench.absent.signals = std::sync::Arc::new([("correct".to_string(), absence)].into());
    let diagnostic = one(&bench, "if correct then 1 else 0");
    assert_eq!(diagnostic.code.name(), "recipe::names::absent_signal");
    assert_eq!(diagnostic.message, "penalty `p` reads `correct`, and domain `math` has no verifier (2 more like it)");
    assert_eq!(diagnostic.help, None);
}

#[test]
fn named_formulas_are_checked_where_they_are_called() {
    let mut bench = Bench::paper();
    bench.define("inverse", &[("x", "ratio")], "number", "1 / x");
    bench.define("half", &[("x", "ratio")], "ratio", "x / 2");
    bench.define("twice", &[("x", "ratio")], "ratio", "x * 2");
    bench.define("peeks", &[], "number", "length / 1 token");
    let mut problems = Problems::new();
    for name in ["inverse", "half", "twice"] {
        assert!(check_definition(&bench.formulas[name], &bench.scope(), &mut problems), "{problems:?}");
    }
    assert!(!check_definition(&bench.formulas["peeks"], &bench.scope(), &mut problems));
    assert_eq!(check_ok(&bench, "inverse(score / 2 + 0.5)").range(), (1.0, 2.0));
    let division = one(&bench, "inverse(score)");
    assert_eq!(division.labels[1].text, "in this call of `inverse`");
    assert_eq!(check_ok(&bench, "half(score)").range(), (0.0, 0.5));
    assert_eq!(codes(&bench, "half(score + 0.3)"), ["ranges::outside"]);
    assert_eq!(codes(&bench, "twice(score)"), ["ranges::outside"]);
    assert_eq!(codes(&bench, "peeks()"), ["names::unknown_signal"]);
    assert_eq!(one(&bench, "half").help.as_deref(), Some("it is a formula: write `half(x)`"));
}

#[test]
fn formulas_that_call_themselves() {
    let mut bench = Bench::paper();
    bench.define("ping", &[("x", "number")], "number", "pong(x)");
    bench.define("pong", &[("x", "number")], "number", "ping(x)");
    let diagnostic = one(&bench, "ping(score)");
    assert_eq!(diagnostic.message, "formula calls itself: ping -> pong -> ping");
    let mut problems = Problems::new();
    assert!(!check_definition(&bench.formulas["pong"], &bench.scope(), &mut problems));
}

#[test]
fn growth_and_depth_have_bounds() {
    let mut bench = Bench::paper();
    bench.define("f0", &[("x", "number")], "number", "x + 1");
    for level in 1..40 {
        bench.define(&format!("f{level}"), &[("x", "number")], "number", &format!("f{0}(x) + f{0}(x)", level - 1));
    }
    assert_eq!(codes(&bench, "f39(score)"), ["formulas::too_large"]);
    assert_eq!(codes(&bench, &format!("{}score", "-".repeat(500))), ["formulas::too_large"]);
    assert_eq!(codes(&bench, &format!("score{}", " + 1".repeat(150))), Vec::<&str>::new());
}

#[test]
fn ranges_of_the_paper() {
    let bench = Bench::paper();
    let range = |text: &str| check_ok(&bench, text).range();
    assert_eq!(range("overlong(length)"), (-1.0, 0.0));
    assert_eq!(range("solve_rate ^ gamma"), (0.0, 1.0));
    assert_eq!(
        range(
            "overlong(length) * scale where scale = if truncated then 1 else if correct then solve_rate ^ gamma else wrong_scale"
        ),
        (-1.0, 0.0)
    );
    assert_eq!(range("if correct then score else 1"), (1.0, 1.0));
    assert_eq!(range("group.count(correct) / group_size"), (0.0, 1.0));
    let bench = Bench::mix();
    let (low, high) = check_ok(&bench, "ratio * clip(ratio / max(achieved, 1e-9), 0.1, 10)").range();
    assert_eq!((low, high), (0.0, 10.0));
}

#[test]
fn params_count_with_their_declared_range() {
    let mut bench = Bench::paper();
    assert_eq!(codes(&bench, "1 / gamma"), ["ranges::division_by_zero"]);
    bench.params.get_mut("gamma").unwrap().range = None;
    assert_eq!(check_ok(&bench, "1 / gamma").range(), (2.0, 2.0));
}

#[test]
fn parts_of_the_reward_have_names() {
    let mut bench = Bench::paper();
    let term = check_ok(&bench, "overlong(length) * scale where scale = if truncated then 1 else wrong_scale");
    bench.terms.insert("difficulty_aware".to_string(), term);
    bench.terms.insert("outcome".to_string(), check_ok(&bench, "if correct then 1 else score"));
    let total = check_ok(&bench, "outcome + difficulty_aware");
    assert_eq!(total.range(), (-1.0, 1.0));
    assert_eq!(total.signals(), Vec::<String>::new());
    assert_eq!(check_ok(&bench, "difficulty_aware.scale + reward.outcome").range(), (0.0, 2.0));
    assert_eq!(codes(&bench, "difficulty_aware.scael"), ["names::unknown_signal"]);
}

#[test]
fn signals_are_listed() {
    let bench = Bench::paper();
    let typed = check_ok(&bench, "overlong(length) * scale where scale = if truncated then 1 else solve_rate ^ gamma");
    assert_eq!(typed.signals(), ["length", "solve_rate", "truncated"]);
    let mix = check_ok(&Bench::mix(), "ema(mean(total, over = last_batch), keep = 0.5, start = 0) + ratio");
    assert_eq!(mix.signals(), ["last_batch.total", "ratio"]);
}

#[test]
fn other_types_may_be_expected() {
    let bench = Bench::paper();
    assert_eq!(check_as(&bench, "correct and length > 5 tokens", Type::Bool).ty(), Type::Bool);
    let tokens = Type::Number(Dimension::TOKENS);
    assert_eq!(check_as(&bench, "length * 2", tokens).range(), (2.0, 32768.0));
    let needed = found(&bench, "5", tokens);
    assert_eq!(needed[0].help.as_deref(), Some("write `5 tokens`"));
}

#[test]
fn settings() {
    let mut bench = Bench::paper();
    bench.level = Level::Constant;
    bench.define("third", &[("x", "number")], "number", "x / 3");
    let value = |text: &str, expected| {
        let mut problems = Problems::new();
        let value = constant(&read(text).body, expected, "`train.lr`", &bench.scope(), &mut problems);
        (value, problems.sorted().iter().map(|d| d.code.name()).collect::<Vec<_>>())
    };
    assert_eq!(value("10 min", Some(Type::Number(Dimension::SECONDS))), (Some((600.0, Dimension::SECONDS)), vec![]));
    assert_eq!(value("budget.output / 4", None), (Some((4096.0, Dimension::TOKENS)), vec![]));
    assert_eq!(value("1 / gamma", Some(Type::PURE)), (Some((2.0, Dimension::PURE)), vec![]));
    assert_eq!(value("third(gamma * 3)", None), (Some((0.5, Dimension::PURE)), vec![]));
    assert_eq!(value("40%", None), (Some((0.4, Dimension::PURE)), vec![]));
    assert_eq!(value("true", Some(Type::Bool)), (Some((1.0, Dimension::PURE)), vec![]));
    assert_eq!(value("length", None).1, ["recipe::names::unknown_signal"]);
    assert_eq!(value("5", Some(Type::Number(Dimension::STEPS))).1, ["recipe::units::mismatch"]);
    assert_eq!(value("true", None).1, ["recipe::units::wrong_kind"]);
    assert_eq!(value("1e308 * 10", None).1, ["recipe::ranges::not_finite"]);
}
