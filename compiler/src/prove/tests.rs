//! What must be proved, what must be refuted, and the prover held to the evaluator on random formulas.

use super::*;
use crate::formula::Lookup;
use crate::formula::laws::numbers;
use crate::formula::testing::{Bench, check_as, read};
use crate::testing::{APRIEL, checked, edit};
use crate::{Options, formula};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const BOXES: usize = 100;

fn setting(bench: &Bench) -> Setting<'_> {
    Setting {
        terms: &bench.terms,
        params: Cow::Borrowed(&bench.params),
        whole_params: BTreeSet::new(),
        budget: &bench.budget,
        domains: &bench.domains,
        caps: vec![bench.budget["budget.output"].1; bench.domains.len()],
        group_size: bench.group_size,
        unfinished: Some(Unfinished::AsJudged),
    }
}

fn pure(bench: &Bench, text: &str) -> TypedFormula {
    check_as(bench, text, Type::PURE)
}

fn given(formula: TypedFormula, facts: &[(&str, f64)]) -> Side {
    Side { formula, given: Some(facts.iter().map(|(name, value)| ((*name).to_string(), *value)).collect()) }
}

fn ask(bench: &Bench, claim: Claim, for_all: &[&str]) -> Decision {
    let for_all = for_all.iter().map(|name| (*name).to_string()).collect();
    decide(&Question { for_all, claim }, &setting(bench), 2000)
}

fn within(bench: &Bench, text: &str, low: f64, high: f64, for_all: &[&str]) -> Decision {
    ask(bench, Claim::Within { value: Side::of(&pure(bench, text)), low, high }, for_all)
}

fn monotone(bench: &Bench, text: &str, signal: &str, falls: bool, for_all: &[&str]) -> Decision {
    ask(bench, Claim::Monotone { value: Side::of(&pure(bench, text)), signal: signal.into(), falls }, for_all)
}

/// One rollout: `text op number`.
fn compared(bench: &Bench, text: &str, op: BinaryOp, other: &str) -> Decision {
    let (left, right) = (Side::of(&pure(bench, text)), Side::of(&pure(bench, other)));
    ask(bench, Claim::Compare { left, op, right, same: Vec::new() }, &[])
}

fn right_against_wrong(bench: &Bench, text: &str, op: BinaryOp, same: &[&str]) -> Decision {
    let same = same.iter().map(|name| (*name).to_string()).collect();
    let (left, right) = (Side::judged(&pure(bench, text), true), Side::judged(&pure(bench, text), false));
    ask(bench, Claim::Compare { left, op, right, same }, &[])
}

fn refuted(decision: &Decision) -> &Counterexample {
    match decision {
        Decision::Refuted(found) => found,
        other => panic!("{other:?}"),
    }
}

fn value(found: &Counterexample, rollout: usize) -> f64 {
    found.rollouts[rollout].value
}

fn signal_of(found: &Counterexample, rollout: usize, name: &str) -> f64 {
    found.rollouts[rollout].signals.iter().find(|(signal, _)| signal == name).unwrap().1
}

const PENALTY: &str =
    "overlong(length) * (if truncated then 1 else if correct then solve_rate ^ gamma else wrong_scale)";

#[test]
fn the_guarantees_of_the_paper_are_proved() {
    let checked = checked(APRIEL, &Options::default());
    let recipe = checked.recipe.expect("a recipe");
    let decisions: Vec<_> = recipe.guarantees.iter().map(|g| (g.name.as_str(), g.decision.clone())).collect();
    let proved = Some(Decision::Proved);
    assert_eq!(decisions, [("bounded", proved.clone()), ("monotone", proved.clone()), ("ordered", proved)]);
}

/// Right at the cap with 7 of 8 solved: 1 - (7/8)^0.5 = 0.0646; wrong at the cap with a scale of 0.5: score - 0.5.
#[test]
fn ordered_needs_the_full_scale_for_wrong_answers() {
    let options = Options { set: vec![("wrong_scale".into(), "0.5".into())], ..Options::default() };
    let checked = checked(APRIEL, &options);
    let codes: Vec<_> = checked.problems.sorted().iter().map(|d| d.code.name()).collect();
    assert_eq!(codes, ["recipe::guarantees::refuted"]);
    assert!(checked.recipe.is_none());
}

#[test]
fn ordered_needs_the_same_length() {
    let text = edit(APRIEL, "total given wrong same length, truncated", "total given wrong");
    let found = checked(&text, &Options::default());
    let codes: Vec<_> = found.problems.sorted().iter().map(|d| d.code.name()).collect();
    assert_eq!(codes, ["recipe::guarantees::refuted"]);
    // The numbers of the design: right but cut is worth 0, wrong and short with 9 of 10 constraints 0.9.
    let text = edit(
        APRIEL,
        "total given correct >= total given wrong same length, truncated",
        "total given (correct, truncated) >= total given (wrong, score = 0.9, length = 100 tokens)",
    );
    let found = checked(&text, &Options::default());
    let message = found.problems.sorted().first().map(|d| d.message.clone()).unwrap_or_default();
    assert_eq!(message, "guarantee `ordered` does not hold: 0 >= 0.9 is false");
}

#[test]
fn every_sweep_point_is_decided() {
    let text = edit(APRIEL, "sweep   gamma in [0.25, 0.5, 1.0]", "sweep wrong_scale in [1.0, 0.5]");
    let found = checked(&text, &Options::default());
    let notes: Vec<_> = found.problems.sorted().iter().filter_map(|d| d.note.clone()).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("at wrong_scale = 0.5; "), "{notes:?}");
}

#[test]
fn the_reward_of_general_reasoner_is_ordered() {
    let bench = Bench::paper();
    let total = "(if not answered then -0.5 else if correct then 1 else 0) \
                 + (if correct then -0.05 * min(10, abs(answer_length - reference_length) / 1 token) else 0)";
    assert_eq!(right_against_wrong(&bench, total, BinaryOp::GreaterEqual, &[]), Decision::Proved);
    assert_eq!(right_against_wrong(&bench, total, BinaryOp::Greater, &[]), Decision::Proved);
    let twice = total.replace("0.05", "0.2");
    let decision = right_against_wrong(&bench, &twice, BinaryOp::GreaterEqual, &[]);
    assert_eq!((value(refuted(&decision), 0), value(refuted(&decision), 1) > -1.0), (-1.0, true));
}

#[test]
fn what_must_be_proved() {
    let bench = Bench::paper();
    let all = ["gamma", "wrong_scale"];
    for (text, low, high) in [
        (PENALTY, -1.0, 0.0),
        ("-0.3 * ramp(length, 1 token, 100 tokens) - 0.7 * score", -1.0, 0.0),
        ("solve_rate * (1 - solve_rate)", 0.0, 0.25),
        ("score - score ^ 2", 0.0, 0.2500001),
        ("(1/4) ^ 0.5", 0.5, 0.5),
        ("group.count(correct) / group_size - solve_rate", 0.0, 0.0),
        ("abs(score - judge) - max(score - judge, judge - score)", 0.0, 0.0),
    ] {
        assert_eq!(within(&bench, text, low, high, &all), Decision::Proved, "`{text}`");
    }
    for (text, signal, falls) in [
        (PENALTY, "length", true),
        ("-exp(length / budget.output)", "length", true),
        ("if length > 100 tokens then -1 else -length / 1000 tokens", "length", true),
        ("-floor(length / 1024 tokens) / 16", "length", true),
        ("if correct then 1 else score", "score", false),
        ("length / budget.output / max(group.mad(length), 1 token) * 1 token", "length", false),
        ("solve_rate ^ gamma", "solve_rate", false),
        ("if length > group.median(length) then -1 else 0", "length", true),
    ] {
        assert_eq!(monotone(&bench, text, signal, falls, &all), Decision::Proved, "`{text}`");
    }
    assert_eq!(compared(&bench, "exp(score)", BinaryOp::GreaterEqual, "score"), Decision::Proved);
    assert_eq!(compared(&bench, "score + judge + 1", BinaryOp::Greater, "score * judge"), Decision::Proved);
    let strict = "if correct then 1 else score";
    assert_eq!(right_against_wrong(&bench, strict, BinaryOp::Greater, &[]), Decision::Proved);
}

/// The largest value lies inside, where the slope is 0: every box around it reaches a little above.
#[test]
fn what_touches_equality_inside_is_not_decided() {
    let decision = within(&Bench::paper(), "score - score ^ 2", 0.0, 0.25, &[]);
    assert!(matches!(decision, Decision::NotDecided { .. }), "{decision:?}");
}

#[test]
fn what_must_be_refuted() {
    let bench = Bench::paper();
    // A jump upwards at one place.
    let jump = monotone(&bench, "if length > 777 tokens then 0 else -length / 1000 tokens", "length", true, &[]);
    let found = refuted(&jump);
    assert!(signal_of(found, 0, "length") <= 777.0 && signal_of(found, 1, "length") > 777.0);
    assert!(value(found, 0) < value(found, 1));
    // Only at one solve rate.
    let decision = within(&bench, "if solve_rate == 3/8 then 2 else 1", 0.0, 1.0, &[]);
    assert_eq!(refuted(&decision).shared, [("solve_rate".to_string(), 0.375)]);
    // Only for a param that is not in force.
    assert_eq!(within(&bench, "gamma", 0.0, 1.0, &[]), Decision::Proved);
    let decision = within(&bench, "gamma", 0.0, 1.0, &["gamma"]);
    assert!(refuted(&decision).params[0].1 > 1.0);
    // A group that makes the aggregate so.
    let decision = within(&bench, "length / group.mean(length)", 0.0, 1.0, &[]);
    let found = refuted(&decision);
    assert_eq!(found.group.len(), 8);
    assert!(value(found, 0) > 1.0);
    // Right and wrong in one group: never all solved, never none.
    let decision = right_against_wrong(&bench, "solve_rate", BinaryOp::Greater, &[]);
    assert!((0.125..=0.875).contains(&refuted(&decision).shared[0].1));
}

#[test]
fn what_is_impossible_is_no_counterexample() {
    let bench = Bench::paper();
    for text in [
        "if correct and score < 1 then 2 else 0",
        "if wrong and solve_rate == 1 then 2 else 0",
        "if correct and not answered then 2 else 0",
        "if truncated and length < budget.output then 2 else 0",
        "if correct and wrong then 2 else 0",
        "if truncated == finished then 2 else 0",
        "if parsable and not answered then 2 else 0",
        "if reasoning_length > length then 2 else 0",
        "if length < 1 token then 2 else 0",
        "if correct and group.min(length if correct, else = 0 tokens) > length then 2 else 0",
        "if correct and group.count(correct) < 1 rollout then 2 else 0",
        "if group.min(length) > group.mean(length) then 2 else 0",
    ] {
        assert_eq!(within(&bench, text, 0.0, 1.0, &[]), Decision::Proved, "`{text}`");
    }
}

#[test]
fn a_claim_about_nothing_is_not_proved() {
    let bench = Bench::paper();
    let side = given(pure(&bench, "score"), &[("correct", 1.0), ("score", 0.5)]);
    let claim = Claim::Compare { left: side, op: BinaryOp::Greater, right: Side::number(2.0), same: Vec::new() };
    assert!(matches!(ask(&bench, claim, &[]), Decision::NotDecided { .. }));
}

#[test]
fn the_work_is_bounded() {
    let bench = Bench::paper();
    // True, and touching equality along a line: no box around it is ever free of doubt.
    let text = "(score - judge) * (score - judge) * exp(score)";
    let parts: Vec<String> = (0..40).map(|n| format!("abs(score * judge - {n}/40) * exp(judge)")).collect();
    for text in [text.to_string(), parts.join(" * ")] {
        let _ = within(&bench, &text, 0.0, 1e6, &[]);
    }
}

#[test]
fn jumps_are_found_where_they_are() {
    let bench = Bench::paper();
    let at = |text: &str| jump(&pure(&bench, text), &setting(&bench)).map(|jump| jump.length);
    assert_eq!(at("if length > 100 tokens then -1 else 0"), Some(100.0));
    assert_eq!(at("if length >= 100 tokens then -1 else 0"), Some(99.0));
    assert_eq!(at("if wrong and length * 2 > 300 tokens then -1 else 0"), Some(150.0));
    assert_eq!(at("if length > 100 tokens then -(length - 100 tokens) / 10 tokens else 0"), None);
    assert_eq!(at("if truncated then -1 else overlong(length)"), None);
    assert_eq!(at(PENALTY), None);
    assert!(at("-floor(length / 1024 tokens) / 16").is_some());
    assert_eq!(at("-floor(length / 1 token) / 16384"), None);
}

// ---- random formulas ----

/// A group as verifiers and a cap allow it.
type Row = BTreeMap<String, f64>;

fn group(runner: &mut TestRunner, first: Option<bool>) -> Vec<Row> {
    let flag = |on: bool| if on { 1.0 } else { 0.0 };
    let one = (1..=16384u32, any::<bool>(), any::<bool>(), 0..8u32, 0.0..=1.0f64, any::<bool>(), any::<bool>());
    let rows = prop::collection::vec(one, 8).new_tree(runner).unwrap().current();
    let domain = f64::from((0..3u8).new_tree(runner).unwrap().current());
    let verdict = |at: usize, random: bool| match (first, at) {
        (Some(verdict), 0) => verdict,
        (Some(verdict), 1) => !verdict,
        _ => random,
    };
    let solved = rows.iter().enumerate().filter(|(at, row)| verdict(*at, row.1)).count() as f64;
    rows.iter()
        .enumerate()
        .map(|(at, (length, correct, truncated, part, judge, answered, parsable))| {
            let correct = verdict(at, *correct);
            let answered = correct || *answered;
            [
                ("length", if *truncated { 16384.0 } else { f64::from(*length) }),
                ("correct", flag(correct)),
                ("wrong", flag(!correct)),
                ("truncated", flag(*truncated)),
                ("finished", flag(!truncated)),
                ("answered", flag(answered)),
                ("parsable", flag(correct || (answered && *parsable))),
                ("score", if correct { 1.0 } else { f64::from(*part) / 8.0 }),
                ("solve_rate", solved / 8.0),
                ("judge", *judge),
                ("domain", domain),
                ("group_size", 8.0),
            ]
            .map(|(name, value)| (name.to_string(), value))
            .into()
        })
        .collect()
}

fn values(formula: &TypedFormula, rows: &[Row], constants: &BTreeMap<String, f64>) -> Vec<f64> {
    let lookups: Vec<_> =
        rows.iter().map(|row| move |name: &str| row.get(name).or_else(|| constants.get(name)).copied()).collect();
    let lookups: Vec<&Lookup<'_>> = lookups.iter().map(|lookup| lookup as &Lookup<'_>).collect();
    formula.evaluate_group(&lookups).unwrap()
}

/// Proofs speak of real numbers; a float may miss them by a few units in the last place of the largest part of the formula.
fn rounding(formula: &TypedFormula) -> Option<f64> {
    let mut largest = 1.0_f64;
    formula.visit(&mut |part| {
        if !matches!(part.ty, Type::Bool | Type::Domain) {
            largest = largest.max(part.range.low.abs()).max(part.range.high.abs());
        }
    });
    largest.is_finite().then_some(16.0 * f64::EPSILON * largest)
}

#[derive(Default, Debug)]
struct Table {
    proved: usize,
    refuted: usize,
    open: usize,
}

impl Table {
    fn count(&mut self, decision: &Decision) {
        match decision {
            Decision::Proved => self.proved += 1,
            Decision::Refuted(_) => self.refuted += 1,
            Decision::NotDecided { .. } => self.open += 1,
        }
    }
}

fn claims(formula: &TypedFormula, number: usize) -> Vec<(&'static str, Claim)> {
    let side = Side::of(formula);
    let (low, high) = formula.range();
    let fit = |bound: f64| if bound.is_finite() { bound } else { 1e3_f64.copysign(bound) };
    let (low, high) = (fit(low), fit(high));
    // Some ranges hold, some do not.
    let narrow = [0.0, 0.1, 0.3][number % 3] * (high - low);
    let signal = ["length", "score", "judge"][number % 3].to_string();
    let same = if number.is_multiple_of(2) { vec!["length".to_string(), "truncated".to_string()] } else { Vec::new() };
    vec![
        ("within", Claim::Within { value: side.clone(), low: low + narrow, high: high - narrow }),
        ("monotone", Claim::Monotone { value: side, signal, falls: number.is_multiple_of(2) }),
        (
            "ordered",
            Claim::Compare {
                left: Side::judged(formula, true),
                op: BinaryOp::GreaterEqual,
                right: Side::judged(formula, false),
                same,
            },
        ),
    ]
}

/// A group in which a proved claim would be seen to fail, and by how much it fails there; 0 or less when it holds.
fn miss(claim: &Claim, formula: &TypedFormula, runner: &mut TestRunner, constants: &BTreeMap<String, f64>) -> f64 {
    match claim {
        Claim::Within { low, high, .. } => {
            let rows = group(runner, None);
            values(formula, &rows, constants).into_iter().map(|v| (low - v).max(v - high)).fold(f64::MIN, f64::max)
        }
        Claim::Compare { same, .. } => {
            let mut rows = group(runner, Some(true));
            for name in same
                .iter()
                .flat_map(|name| if name == "truncated" { vec!["truncated", "finished"] } else { vec![name.as_str()] })
            {
                let value = rows[0][name];
                rows[1].insert(name.to_string(), value);
            }
            let values = values(formula, &rows, constants);
            values[1] - values[0]
        }
        Claim::Monotone { signal, falls, .. } => {
            let mut rows = group(runner, None);
            rows[1] = rows[0].clone();
            let solved = rows.iter().filter(|row| row["correct"] == 1.0).count() as f64;
            rows.iter_mut().for_each(|row| _ = row.insert("solve_rate".into(), solved / 8.0));
            let free = match signal.as_str() {
                "length" => rows[0]["truncated"] == 0.0,
                "score" => rows[0]["correct"] == 0.0,
                _ => true,
            };
            if !free {
                return 0.0;
            }
            let other = group(runner, Some(false))[0][signal];
            rows[1].insert(signal.clone(), if signal == "length" { other.min(16383.0) } else { other });
            let values = values(formula, &rows, constants);
            let (less, more) = if rows[0][signal] <= rows[1][signal] { (0, 1) } else { (1, 0) };
            let rise = values[more] - values[less];
            if *falls { rise } else { -rise }
        }
    }
}

/// A counterexample, evaluated once more from what it says.
fn confirm(found: &Counterexample, question: &Question, bench: &Bench, text: &str) {
    let mut constants = bench.constants();
    constants.extend(found.params.iter().cloned());
    let row = |signals: &[(String, f64)]| -> Row {
        let mut row: Row = signals.iter().chain(&found.shared).cloned().collect();
        row.insert("group_size".into(), 8.0);
        for (one, other) in [("correct", "wrong"), ("truncated", "finished")] {
            if let Some(value) = row.get(one).copied() {
                row.insert(other.into(), 1.0 - value);
            }
        }
        row
    };
    let rows: Vec<Row> = if found.group.is_empty() {
        found.rollouts.iter().map(|rollout| row(&rollout.signals)).collect()
    } else {
        found.group.iter().map(|signals| row(signals)).collect()
    };
    let formula = &question.claim.sides()[0].formula;
    let values = values(formula, &rows, &constants);
    for (value, rollout) in values.iter().zip(&found.rollouts) {
        assert_eq!(*value, rollout.value, "`{text}`: {found:?}");
    }
    let broken = match &question.claim {
        Claim::Within { low, high, .. } => values[0] < *low || values[0] > *high,
        Claim::Compare { .. } => values[0] < values[1],
        Claim::Monotone { signal, falls, .. } => {
            let shared = found.shared.iter().any(|(name, _)| name == signal);
            assert!(shared || rows[0][signal] < rows[1][signal], "`{text}`: {found:?}");
            if *falls { values[0] < values[1] } else { values[0] > values[1] }
        }
    };
    assert!(broken, "`{text}`: {found:?}");
    for row in &rows {
        let of = |name: &str| row.get(name).copied();
        assert!(of("length").is_none_or(|length| length.fract() == 0.0 && (1.0..=16384.0).contains(&length)));
        assert!(of("solve_rate").is_none_or(|rate| (rate * 8.0).fract() == 0.0));
        assert!(of("correct") != Some(1.0) || of("score").is_none_or(|score| score == 1.0));
        assert!(of("correct") != Some(0.0) || of("score").is_none_or(|score| score < 1.0));
        assert!(of("truncated") != Some(1.0) || of("length").is_none_or(|length| length == 16384.0));
    }
}

#[test]
fn the_prover_agrees_with_the_evaluator_on_random_formulas() {
    let bench = Bench::paper();
    let mut runner = TestRunner::deterministic();
    let strategy = numbers(3);
    let mut tables: BTreeMap<&str, Table> = BTreeMap::new();
    let mut formulas = 0;
    while formulas < 200 {
        let text = strategy.new_tree(&mut runner).unwrap().current();
        let mut problems = crate::problems::Problems::new();
        let scope = bench.scope();
        let Some(formula) = formula::check(&read(&text), Type::PURE, "the formula", &scope, &mut problems) else {
            continue;
        };
        if formula.signals().is_empty() {
            continue;
        }
        formulas += 1;
        for (kind, claim) in claims(&formula, formulas) {
            let for_all: BTreeSet<String> = ["gamma".to_string()].into();
            let question = Question { for_all, claim };
            let decision = decide(&question, &setting(&bench), BOXES);
            tables.entry(kind).or_default().count(&decision);
            match &decision {
                Decision::Proved => {
                    let Some(rounding) = rounding(&formula) else { continue };
                    for _ in 0..24 {
                        let mut constants = bench.constants();
                        constants.insert("gamma".into(), (0.0..=4.0f64).new_tree(&mut runner).unwrap().current());
                        let missed = miss(&question.claim, &formula, &mut runner, &constants);
                        assert!(
                            missed.is_nan() || missed <= rounding,
                            "`{text}` {kind}: missed by {missed:e}\n{question:?}"
                        );
                    }
                }
                Decision::Refuted(found) => confirm(found, &question, &bench, &text),
                Decision::NotDecided { .. } => {}
            }
        }
    }
    println!("{formulas} random formulas");
    for (kind, table) in &tables {
        println!("{kind:10} proved {:4}  refuted {:4}  not decided {:4}", table.proved, table.refuted, table.open);
        assert!(3 * (table.proved + table.refuted) >= formulas, "{kind}: {table:?}");
    }
}

/// Formulas of the length alone, with kinks and jumps: few enough lengths to look at all of them.
fn pieces() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        (-8..8i32).prop_map(|n| format!("{}", f64::from(n) / 4.0).replace('-', "0 - ")).prop_map(|n| format!("({n})")),
        (1..60u32, prop_oneof!["-", ""]).prop_map(|(n, sign)| format!("({sign}length / {n} tokens)")),
        (1..100u32, 1..100u32).prop_map(|(a, b)| format!("(0 - ramp(length, {a} tokens, {} tokens))", a + b)),
    ];
    leaf.prop_recursive(3, 16, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone(), prop_oneof!["\\+", "-"]).prop_map(|(a, b, op)| format!("({a} {op} {b})")),
            (inner.clone(), inner.clone(), prop_oneof!["min", "max"]).prop_map(|(a, b, f)| format!("{f}({a}, {b})")),
            (inner.clone(), inner.clone(), 1..120u32, prop_oneof!["<", "<=", ">", ">="])
                .prop_map(|(a, b, n, op)| format!("(if length {op} {n} tokens then {a} else {b})")),
            inner.clone().prop_map(|a| format!("floor({a})")),
            inner.clone().prop_map(|a| format!("abs({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} * clip({b}, 0, 1))")),
        ]
    })
    .boxed()
}

#[test]
fn falling_is_decided_as_all_lengths_say() {
    let mut bench = Bench::paper();
    bench.budget.insert("budget.output".into(), (crate::units::Dimension::TOKENS, 128.0));
    let mut runner = TestRunner::deterministic();
    let strategy = pieces();
    let (mut table, mut formulas) = (Table::default(), 0);
    while formulas < 200 {
        let text = strategy.new_tree(&mut runner).unwrap().current();
        let mut problems = crate::problems::Problems::new();
        let Some(formula) = formula::check(&read(&text), Type::PURE, "the formula", &bench.scope(), &mut problems)
        else {
            continue;
        };
        if formula.signals() != ["length"] {
            continue;
        }
        formulas += 1;
        let value = |length: f64| {
            formula
                .evaluate_row(&|name| (name == "length").then_some(length).or(bench.budget.get(name).map(|b| b.1)))
                .unwrap()
        };
        let column: Vec<f64> = (1..=128).map(|length| value(f64::from(length))).collect();
        let rise = column.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::MIN, f64::max);
        let decision = monotone(&bench, &text, "length", true, &[]);
        table.count(&decision);
        match decision {
            Decision::Proved => assert!(rise <= 1e-12, "`{text}` rises by {rise:e}"),
            Decision::Refuted(_) => assert!(rise > 0.0, "`{text}` falls"),
            Decision::NotDecided { .. } => {}
        }
    }
    println!("falls in length, {formulas} random pieces: {table:?}");
    assert!(table.open * 20 <= formulas, "{table:?}");
}
