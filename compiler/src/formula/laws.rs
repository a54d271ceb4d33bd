//! Numbers by hand, and what must hold for every formula.

use super::testing::{Bench, check_ok, read};
use super::{Program, Scratch, Type, TypedFormula, check};
use crate::problems::Problems;
use proptest::prelude::*;
use std::collections::BTreeMap;

const PENALTY: &str = "overlong(length) * scale where scale = if truncated then 1 else if correct then solve_rate ^ gamma else wrong_scale";

/// Evaluates a program on columns by name.
fn run(program: &Program, rows: usize, columns: &BTreeMap<&str, Vec<f64>>, scratch: &mut Scratch) {
    let inputs: Vec<&[f64]> = program.inputs().iter().map(|name| columns[name.as_str()].as_slice()).collect();
    program.evaluate(rows, &inputs, scratch);
}

fn one_output(bench: &Bench, text: &str, columns: &[(&'static str, &[f64])]) -> Vec<f64> {
    let typed = check_ok(bench, text);
    let program = Program::compile(&[("y".to_string(), &typed)], &bench.constants());
    let rows = columns.iter().map(|(_, column)| column.len()).max().unwrap_or(1);
    let columns = columns.iter().map(|(name, column)| (*name, column.to_vec())).collect();
    let mut scratch = Scratch::new();
    run(&program, rows, &columns, &mut scratch);
    scratch.output(0).to_vec()
}

#[test]
fn overlong_by_hand() {
    // L = 16384, B = 4096: free up to 12288, then a straight line to -1 at 16384.
    let lengths = [1.0, 12288.0, 12289.0, 14336.0, 16384.0];
    let expected = [0.0, 0.0, -1.0 / 4096.0, -0.5, -1.0];
    assert_eq!(one_output(&Bench::paper(), "overlong(length)", &[("length", &lengths)]), expected);
}

#[test]
fn arguments_are_the_callers_and_parameters_the_formulas() {
    let mut bench = Bench::paper();
    bench.define("minus", &[("a", "number"), ("b", "number")], "number", "a - c where c = b");
    let columns: [(&str, &[f64]); 1] = [("score", &[0.25])];
    // minus(b, a) with a = 8, b = 0.25, and once more within itself: (0.25 - 8) - 0.25 = -8.
    assert_eq!(one_output(&bench, "minus(b, a) where a = 8, b = score", &columns), [-7.75]);
    assert_eq!(one_output(&bench, "minus(minus(b, a), b = b) where a = 8, b = score", &columns), [-8.0]);
}

#[test]
fn the_penalty_of_the_paper() {
    // -(1/8)^0.5 = -0.353553390593273762…; cut at the cap: -1, right or wrong.
    let columns: [(&str, &[f64]); 4] = [
        ("length", &[16384.0, 16384.0, 16384.0, 14336.0]),
        ("correct", &[1.0, 1.0, 0.0, 0.0]),
        ("truncated", &[0.0, 1.0, 1.0, 0.0]),
        ("solve_rate", &[0.125]),
    ];
    let values = one_output(&Bench::paper(), PENALTY, &columns);
    assert!((values[0] - -0.353_553_390_593_273_8).abs() < 1e-15, "{values:?}");
    assert_eq!(values[1..], [-1.0, -1.0, -0.5]);
}

#[test]
fn the_mix_of_the_paper() {
    // w * clip(w / max(achieved, 1e-9), 0.1, 10): 0.4 * 0.8, 0.25 * 2, 0.15 * 10 (never drawn), 0.1 * 0.1 at the floor.
    let columns: [(&str, &[f64]); 2] = [("ratio", &[0.4, 0.25, 0.15, 0.01]), ("achieved", &[0.5, 0.125, 0.0, 0.375])];
    let values = one_output(&Bench::mix(), "ratio * clip(ratio / max(achieved, 1e-9), 0.1, 10)", &columns);
    for (value, expected) in values.iter().zip([0.32, 0.5, 1.5, 0.001]) {
        assert!((value - expected).abs() < 1e-15, "{values:?}");
    }
}

#[test]
fn aggregates_with_filters() {
    let columns: [(&str, &[f64]); 2] = [("length", &[100.0, 200.0, 400.0, 50.0]), ("correct", &[0.0, 1.0, 1.0, 0.0])];
    let of = |text: &str| one_output(&Bench::paper(), text, &columns)[0];
    assert_eq!(of("group.min(length if correct, else = budget.output) / 1 token"), 200.0);
    assert_eq!(of("group.mean(length if correct, else = 0 tokens) / 1 token"), 300.0);
    assert_eq!(of("group.median(length) / 1 token"), 150.0);
    assert_eq!(of("group.std(length if correct, else = 0 tokens) / 1 token"), 100.0);
    assert_eq!(of("group.quantile(length, at = 1/3) / 1 token"), 100.0);
    assert_eq!(of("group.mad(length if correct, else = 0 tokens) / 1 token"), 100.0);
    assert_eq!(of("group.count(length > 75 tokens) / 1 rollout"), 3.0);
    assert_eq!(of("group.count(length > 150 tokens if not correct) / 1 rollout"), 0.0);
    assert_eq!(of("group.max(length if length > 1K tokens, else = 7 tokens) / 1 token"), 7.0);
    // Distance to the shortest right answer, a column again.
    let columns =
        one_output(&Bench::paper(), "(length - group.min(length if correct, else = 0 tokens)) / 1 token", &columns);
    assert_eq!(columns, [-100.0, 0.0, 200.0, -150.0]);
}

#[test]
fn the_value_for_the_empty_case_may_differ_by_row() {
    let columns: [(&str, &[f64]); 2] = [("length", &[100.0, 200.0]), ("correct", &[0.0, 0.0])];
    let values = one_output(&Bench::paper(), "group.min(length if correct, else = length) / 1 token", &columns);
    assert_eq!(values, [100.0, 200.0]);
}

#[test]
fn nan_in_the_branch_not_taken_does_not_leak() {
    let columns: [(&str, &[f64]); 2] = [("score", &[0.0, 0.25]), ("correct", &[0.0, 1.0])];
    let values = one_output(&Bench::paper(), "if score > 0 then log(score) * 0 + 1 else 2", &columns[..1]);
    assert_eq!(values, [2.0, 1.0]);
    let columns: [(&str, &[f64]); 2] = [("score", &[f64::NAN, 0.25]), ("correct", &[0.0, 1.0])];
    assert_eq!(one_output(&Bench::paper(), "if correct then score else 0", &columns), [0.0, 0.25]);
}

#[test]
fn domains_are_positions() {
    let values = one_output(&Bench::paper(), "if domain == code then 1 else 0", &[("domain", &[0.0, 1.0, 2.0])]);
    assert_eq!(values, [0.0, 1.0, 0.0]);
}

#[test]
fn running_averages_keep_their_state() {
    let typed = check_ok(&Bench::mix(), "ema(mean(total, over = last_batch), keep = 0.5, start = 1)");
    let program = Program::compile(&[("weight".to_string(), &typed)], &BTreeMap::new());
    assert_eq!(program.states(), 1);
    assert_eq!(program.inputs(), ["last_batch.total", "present"]);
    let mut scratch = Scratch::new();
    let mut step = |observe: bool, total: [f64; 2], present: [f64; 2]| {
        let inputs: [&[f64]; 2] = [&total, &present];
        if observe {
            program.observe(2, &inputs, &mut scratch);
        } else {
            program.evaluate(2, &inputs, &mut scratch);
        }
        (scratch.output(0).to_vec(), scratch.clone())
    };
    assert_eq!(step(false, [9.0, 9.0], [1.0, 1.0]).0, [1.0, 1.0], "before the first batch");
    assert_eq!(step(true, [3.0, 9.0], [1.0, 0.0]).0, [2.0, 1.0], "the second domain was absent");
    assert_eq!(step(false, [7.0, 7.0], [1.0, 1.0]).0, [2.0, 1.0], "looking changes nothing");
    let (_, saved) = step(false, [0.0, 0.0], [1.0, 1.0]);
    assert_eq!(step(true, [4.0, 3.0], [1.0, 1.0]).0, [3.0, 2.0]);
    let mut resumed = Scratch::new();
    resumed.restore_states(saved.states().to_vec());
    program.observe(2, &[&[4.0, 3.0], &[1.0, 1.0]], &mut resumed);
    assert_eq!(resumed.output(0), [3.0, 2.0]);
}

#[test]
fn outputs_bindings_and_terms() {
    let mut bench = Bench::paper();
    let outcome = check_ok(&bench, "if correct then 1 else score");
    let penalty = check_ok(&bench, PENALTY);
    bench.terms.insert("outcome".to_string(), outcome.clone());
    bench.terms.insert("difficulty_aware".to_string(), penalty.clone());
    let total = check_ok(&bench, "outcome + difficulty_aware");
    let program = Program::compile(&[("difficulty_aware".to_string(), &penalty)], &bench.constants());
    assert_eq!(program.outputs(), ["difficulty_aware", "difficulty_aware.scale"]);
    let reward =
        Program::compile(&[("outcome".to_string(), &outcome), ("total".to_string(), &total)], &BTreeMap::new());
    assert_eq!(reward.inputs(), ["correct", "score", "difficulty_aware"]);
    let bound = reward.bind("difficulty_aware", 0.0);
    assert_eq!(bound.inputs(), ["correct", "score"]);
    let mut scratch = Scratch::new();
    bound.evaluate(2, &[&[1.0, 0.0], &[1.0, 0.5]], &mut scratch);
    assert_eq!(scratch.output(1), [1.0, 0.5]);
    assert_eq!(reward.bind("nothing", 0.0), reward);
}

#[test]
fn constants_fold_and_equal_parts_are_shared() {
    let bench = Bench::paper();
    let typed =
        check_ok(&bench, "overlong(length) * overlong(length) + (budget.output - budget.buffer) / budget.buffer");
    let folded = Program::compile(&[("y".to_string(), &typed)], &bench.constants());
    // length, 12288, -, 4096, /, -1, 0, clip, *, 3, +
    assert_eq!(folded.len(), 11, "{folded:#?}");
    assert_eq!(folded.inputs(), ["length"]);
    let open = Program::compile(&[("y".to_string(), &typed)], &BTreeMap::new());
    assert_eq!(open.inputs(), ["length", "budget.output", "budget.buffer"]);
    let bound = open.bind("budget.output", 16384.0).bind("budget.buffer", 4096.0);
    let mut scratch = Scratch::new();
    bound.evaluate(1, &[&[14336.0]], &mut scratch);
    assert_eq!(scratch.output(0), [3.25]);
}

#[test]
fn warm_buffers_are_used_again() {
    let bench = Bench::paper();
    let typed = check_ok(&bench, "group.median(length if correct, else = 0 tokens) / 1 token");
    let program = Program::compile(&[("y".to_string(), &typed)], &bench.constants());
    let mut scratch = Scratch::new();
    program.evaluate(3, &[&[1.0, 2.0, 3.0], &[1.0, 1.0, 0.0]], &mut scratch);
    let place = scratch.output(0).as_ptr();
    for _ in 0..10 {
        program.evaluate(3, &[&[1.0, 2.0, 5.0], &[1.0, 1.0, 1.0]], &mut scratch);
        assert_eq!(scratch.output(0), [2.0; 3]);
        assert_eq!(scratch.output(0).as_ptr(), place);
    }
    assert_eq!(scratch.output(99), [0.0; 0]);
}

#[test]
fn programs_survive_json() {
    let bench = Bench::paper();
    let typed = check_ok(&bench, "0.1 + group.quantile(score, at = 0.3) * if correct then 1e-300 / 3 else 1e308");
    let text = "0.1 + group.quantile(score if correct, at = 0.3, else = 1/3)";
    for typed in [typed, check_ok(&bench, text), check_ok(&Bench::mix(), "ema(ratio, keep = 0.9, start = 0.1)")] {
        let program = Program::compile(&[("y".to_string(), &typed)], &bench.constants());
        let json = serde_json::to_string(&program).unwrap();
        assert_eq!(serde_json::from_str::<Program>(&json).unwrap(), program, "{json}");
    }
    let infinite = check_ok(&bench, "score * 1e308 * 10 + (1e308 * 10)");
    let program = Program::compile(&[("y".to_string(), &infinite)], &bench.constants());
    let json = serde_json::to_string(&program).unwrap();
    assert_eq!(serde_json::from_str::<Program>(&json).unwrap(), program, "{json}");
}

#[test]
fn broken_programs_are_refused() {
    let program = |code: &str, registers: &str| {
        let json =
            format!(r#"{{"inputs":["x"],"constants":[1.5],"code":{code},"outputs":["y"],"registers":{registers}}}"#);
        serde_json::from_str::<Program>(&json)
    };
    assert!(program(r#"[{"op":"input","args":[0]},{"op":"negate","args":[0]}]"#, "[1]").is_ok());
    assert!(program(r#"[{"op":"input","args":[1]}]"#, "[0]").is_err());
    assert!(program(r#"[{"op":"input","args":[0]},{"op":"negate","args":[1]}]"#, "[1]").is_err());
    assert!(program(r#"[{"op":"input","args":[0]},{"op":"add","args":[0]}]"#, "[1]").is_err());
    assert!(program(r#"[{"op":"input","args":[0]}]"#, "[1]").is_err());
    assert!(program(r#"[{"op":"input","args":[0]}]"#, "[]").is_err());
}

#[test]
fn canonical_text() {
    let bench = Bench::paper();
    let cases = [
        ("((score) + 1) * 2", "(score + 1) * 2"),
        ("score - (1 - gamma)", "score - (1 - gamma)"),
        ("(score ^ 2) ^ 3 + score ^ (2 ^ 3)", "(score ^ 2) ^ 3 + score ^ 2 ^ 3"),
        ("-(score ^ 2) + (-score) ^ 2", "-score ^ 2 + (-score) ^ 2"),
        ("length / 16Ki tokens", "length / 16384 tokens"),
        ("if not (correct and wrong) then 1e-9 else 40%", "if not (correct and wrong) then 1e-9 else 0.4"),
        (
            "score * scale where scale = if correct then (if wrong then 1 else 2) else 3",
            "score * scale where scale = if correct then (if wrong then 1 else 2) else 3",
        ),
        ("overlong(length)", "(clip((budget.output - budget.buffer - n) / budget.buffer, -1, 0) for n = length)"),
        ("group.min(score if correct, else = 0)", "group.min(score if correct, else = 0)"),
    ];
    for (text, expected) in cases {
        assert_eq!(check_ok(&bench, text).to_string(), expected);
    }
}

#[test]
fn a_row_without_a_value_is_named() {
    let typed = check_ok(&Bench::paper(), PENALTY);
    let missing = typed.evaluate_row(&|name| (name != "solve_rate").then_some(1.0)).unwrap_err();
    assert_eq!(missing.to_string(), "`solve_rate` has no value");
    let group = check_ok(&Bench::paper(), "score - group.mean(score)");
    let missing = group.evaluate_row(&|name| (name == "score").then_some(1.0)).unwrap_err();
    assert_eq!(missing.0, "group.mean(score)");
}

#[test]
fn pictures() {
    let typed = check_ok(&Bench::paper(), "0.1 * log(length / 1 token - 0.5)");
    let picture = super::picture::picture(&typed, &|name| (name == "length").then_some(61.0));
    let expected = "\
0.1 * log(length / 1 tokens - 0.5)
    │ │   │      │          │
    │ │   61     61         60.5
    │ 4.102643
    0.410264
";
    assert_eq!(picture, expected);
    let typed = check_ok(&Bench::paper(), "scale + missing where scale = score * 2, missing = judge");
    let picture = super::picture::picture(&typed, &|name| (name == "score").then_some(0.5));
    let expected = "\
scale + missing
│     │ │
1     ? ?
where scale = score * 2
              │     │
              0.5   1
where missing = judge
                │
                ?
";
    assert_eq!(picture, expected);
}

#[test]
fn pictures_look_into_named_formulas() {
    let typed = check_ok(&Bench::paper(), "overlong(length)");
    let values = Bench::paper().constants();
    let picture = super::picture::picture(&typed, &|name| {
        if name == "length" { Some(14336.0) } else { values.get(name).copied() }
    });
    let expected = "\
(clip((budget.output - budget.buffer - n) / budget.buffer, -1, 0) for n = length)
 │     │             │ │             │ │  │ │                             │
 -0.5  16384         │ 4096          │ │  │ 4096                          14336
                     12288           │ │  -0.5
                                     │ 14336
                                     -2048
";
    assert_eq!(picture, expected);
}

// Random formulas: text of a given kind, nested. Guards are left to chance, so many are refused; those that pass must obey.

pub(crate) fn numbers(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("score".to_string()),
        Just("solve_rate".to_string()),
        Just("judge".to_string()),
        Just("gamma".to_string()),
        Just("(length / budget.output)".to_string()),
        Just("overlong(length)".to_string()),
        (1..40i32).prop_map(|n| format!("{}", f64::from(n) / 8.0)),
    ];
    leaf.prop_recursive(depth, 48, 3, |inner| {
        let truths = truths_of(inner.clone());
        prop_oneof![
            (inner.clone(), inner.clone(), prop_oneof!["\\+", "-", "\\*", "/", "\\^"])
                .prop_map(|(a, b, op)| format!("({a} {op} {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} / max({b}, 0.125))")),
            (inner.clone(), inner.clone(), prop_oneof!["min", "max"]).prop_map(|(a, b, f)| format!("{f}({a}, {b})")),
            (inner.clone(), prop_oneof!["abs", "exp", "floor", "sqrt", "log", "-"])
                .prop_map(|(a, f)| format!("{f}({a})")),
            inner.clone().prop_map(|a| format!("sqrt(abs({a}))")),
            inner.clone().prop_map(|a| format!("log(max({a}, 1e-3))")),
            inner.clone().prop_map(|a| format!("clip({a}, -1, 2)")),
            inner.clone().prop_map(|a| format!("ramp({a}, 0.5, 2)")),
            (truths.clone(), inner.clone(), inner.clone()).prop_map(|(c, a, b)| format!("(if {c} then {a} else {b})")),
            (inner.clone(), prop_oneof!["mean", "median", "min", "max", "std", "mad"])
                .prop_map(|(a, f)| format!("group.{f}({a})")),
            (inner.clone(), truths.clone(), inner.clone(), prop_oneof!["mean", "median", "min", "max", "std", "mad"])
                .prop_map(|(a, c, e, f)| format!("group.{f}({a} if {c}, else = {e})")),
            (inner.clone(), 0..=8u8).prop_map(|(a, q)| format!("group.quantile({a}, at = {q}/8)")),
            truths.prop_map(|c| format!("(group.count({c}) / group_size)")),
        ]
    })
    .boxed()
}

fn truths_of(numbers: impl Strategy<Value = String> + Clone + 'static) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        prop_oneof!["correct", "wrong", "truncated", "finished", "answered", "domain == code"],
        (numbers.clone(), numbers, prop_oneof!["<", "<=", ">", ">=", "==", "!="])
            .prop_map(|(a, b, op)| format!("{a} {op} {b}")),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone(), prop_oneof!["and", "or"])
                .prop_map(|(a, b, op)| format!("(({a}) {op} ({b}))")),
            inner.prop_map(|a| format!("(not ({a}))")),
        ]
    })
    .boxed()
}

/// One rollout as a verifier and a cap allow it.
fn rollouts() -> impl Strategy<Value = Vec<BTreeMap<&'static str, f64>>> {
    let one = (1..=16384u32, any::<bool>(), any::<bool>(), 0..8u32, 0.0..=1.0f64, 0..3u8, any::<bool>());
    prop::collection::vec(one, 8).prop_map(|rows| {
        let flag = |on: bool| if on { 1.0 } else { 0.0 };
        let solved = rows.iter().filter(|row| row.1).count() as f64;
        rows.iter()
            .map(|(length, correct, truncated, part, judge, domain, answered)| {
                BTreeMap::from([
                    ("length", if *truncated { 16384.0 } else { f64::from(*length) }),
                    ("correct", flag(*correct)),
                    ("wrong", flag(!correct)),
                    ("truncated", flag(*truncated)),
                    ("finished", flag(!truncated)),
                    ("answered", flag(*answered)),
                    ("score", if *correct { 1.0 } else { f64::from(*part) / 8.0 }),
                    ("solve_rate", solved / 8.0),
                    ("judge", *judge),
                    ("domain", f64::from(*domain)),
                    ("group_size", 8.0),
                ])
            })
            .collect()
    })
}

fn typed(bench: &Bench, text: &str) -> Option<TypedFormula> {
    check(&read(text), Type::PURE, "the formula", &bench.scope(), &mut Problems::new())
}

/// Equal, or both not a number: `inf - inf` is legal in a formula whose values overflow.
fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn programs_mean_what_the_rows_mean(text in numbers(4), rows in rollouts(), gamma in 0.0..=4.0f64) {
        let bench = Bench::paper();
        let Some(formula) = typed(&bench, &text) else { return Ok(()) };
        let mut constants = bench.constants();
        constants.insert("gamma".to_string(), gamma);
        let value = |row: &BTreeMap<&str, f64>, name: &str| row.get(name).or_else(|| constants.get(name)).copied();
        let lookups: Vec<_> = rows.iter().map(|row| move |name: &str| value(row, name)).collect();
        let lookups: Vec<&super::Lookup> = lookups.iter().map(|lookup| lookup as &super::Lookup).collect();
        let expected = formula.evaluate_group(&lookups).unwrap();

        let outputs = [("y".to_string(), &formula)];
        let folded = Program::compile(&outputs, &constants);
        let open = Program::compile(&outputs, &BTreeMap::new());
        let bound = open.inputs().iter().filter(|name| constants.contains_key(*name)).fold(open.clone(), |p, name| p.bind(name, constants[name]));
        for program in [&folded, &open, &bound] {
            let columns: Vec<Vec<f64>> =
                program.inputs().iter().map(|name| rows.iter().map(|row| value(row, name).unwrap()).collect()).collect();
            let inputs: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let mut scratch = Scratch::new();
            program.evaluate(rows.len(), &inputs, &mut scratch);
            for (found, expected) in scratch.output(0).iter().zip(&expected) {
                prop_assert!(same(*found, *expected), "{}: {} is not {}", text, found, expected);
            }
        }

        let (low, high) = formula.range();
        for value in expected.into_iter().filter(|value| !value.is_nan()) {
            prop_assert!(low <= value && value <= high, "{}: {} outside {}..{}", text, value, low, high);
        }
    }

    #[test]
    fn canonical_text_is_read_as_the_same_formula(text in numbers(4)) {
        let bench = Bench::paper();
        let Some(formula) = typed(&bench, &text) else { return Ok(()) };
        let written = formula.to_string();
        if written.contains(" for n = ") {
            return Ok(());
        }
        let again = typed(&bench, &written);
        prop_assert_eq!(again.map(|again| again.to_string()), Some(written));
    }
}
