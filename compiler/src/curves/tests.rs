use super::*;
use crate::Options;
use crate::testing::{APRIEL, QUICKSTART, checked};

fn plan_of(text: &str) -> Plan {
    let recipe = checked(text, &Options::default()).recipe.expect("a recipe without errors");
    crate::compile(&recipe).expect("a plan").1
}

const GROUPS: &str = include_str!("../../../tests/accept/groups.recipe");
const HISTORY: &str = include_str!("../../../tests/accept/mix_by_history.recipe");

fn drawn(plan: &Plan, part: &str) -> Result<Curves, CurveError> {
    curves(plan, stage(plan, None).expect("a stage"), part, "length", &BTreeMap::new())
}

/// The penalty of arXiv 2604.02007 by hand: clip((96 - 72 - n) / 72, -1, 0) · solve_rate^0.5.
#[test]
fn a_penalty_is_drawn_as_it_is_computed() {
    let plan = plan_of(QUICKSTART);
    let found = drawn(&plan, "difficulty_aware").expect("curves");
    assert_eq!((found.x.low, found.x.high, found.x.unit.as_str()), (1.0, 96.0, "tokens"));
    let curve = |label: &str| {
        found.curves.iter().find(|c| c.label.split("; ").any(|own| own == label)).unwrap_or_else(|| panic!("{label}"))
    };
    for (label, scale) in [
        ("correct, solve rate 1/8", libm::sqrt(0.125)),
        ("correct, solve rate 1/4", 0.5),
        ("correct, solve rate 1", 1.0),
        ("wrong", 0.5),
    ] {
        for (n, value) in found.x.values.iter().zip(&curve(label).values) {
            let by_hand = ((24.0 - n) / 72.0).clamp(-1.0, 0.0) * scale;
            assert!((value - by_hand).abs() < 1e-12, "{label} at {n}: {value}, by hand {by_hand}");
        }
    }
    let cut = curve("cut at the cap, correct or wrong");
    assert_eq!((cut.at, cut.values.as_slice()), (Some(96.0), [-1.0].as_slice()));
    assert_eq!(found.stated, [], "nothing was held");
}

#[test]
fn a_surface_leaves_out_what_cannot_be() {
    let plan = plan_of(QUICKSTART);
    let stage = stage(&plan, None).expect("a stage");
    let axes = ("length", "solve_rate");
    let right = surface(&plan, stage, "difficulty_aware", axes, true, &BTreeMap::new()).expect("a surface");
    assert_eq!(right.y.values.first(), Some(&0.125), "a correct rollout is one of those solved");
    assert_eq!(right.values.last().and_then(|row| row.last()), Some(&-1.0));
    let wrong = surface(&plan, stage, "total", axes, false, &BTreeMap::new()).expect("a surface");
    assert_eq!(wrong.y.values.last(), Some(&0.875));
    assert_eq!(right.values.len(), right.y.values.len());
}

/// `total` reads the penalty's node, and what the outcome reads is stated.
#[test]
fn terms_are_followed_and_open_signals_stated() {
    let plan = plan_of(APRIEL);
    let found = drawn(&plan, "total").expect("curves");
    let right = found.curves.iter().find(|curve| curve.label.contains("solve rate 1/8")).expect("a curve");
    assert!((right.values.last().expect("a value") - (1.0 - libm::sqrt(0.125))).abs() < 1e-12);
    assert_eq!(found.stated, [Stated { name: "score".into(), value: "0 when wrong".into() }]);
    let given = BTreeMap::from([("score".to_string(), 0.5)]);
    let found = curves(&plan, stage(&plan, None).unwrap(), "total", "length", &given).expect("curves");
    let wrong = found.curves.iter().find(|curve| curve.label.contains("wrong")).expect("a curve");
    assert_eq!(wrong.values.first(), Some(&0.5));
}

#[test]
fn a_group_is_stated_where_a_formula_looks_at_it() {
    let plan = plan_of(GROUPS);
    let found = drawn(&plan, "long").expect("curves");
    assert!(found.stated.iter().any(|stated| stated.name == "group"), "{:?}", found.stated);
    // The only correct rollout is its own shortest: nothing is taken.
    let alone = found.curves.iter().find(|curve| curve.label.contains("correct, solve rate 1/8")).expect("a curve");
    assert!(alone.values.iter().all(|value| *value == 0.0));
}

#[test]
fn a_mix_stands_still_where_the_ratio_is_achieved() {
    let plan = plan_of(QUICKSTART);
    let found = mix(stage(&plan, None).expect("a stage")).expect("a mix");
    assert_eq!(found.x.name, "achieved");
    for (share, draws) in &found.targets {
        assert!((share - draws).abs() < 1e-12, "{share} and {draws}");
    }
    for curve in &found.curves {
        assert!(curve.values.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12), "{} falls", curve.label);
    }
    assert_eq!(found.curves.len(), 4, "two domains of one ratio are one curve");
    let history = mix(stage(&plan_of(HISTORY), None).expect("a stage")).expect("a mix");
    assert_eq!(history.x.name, "last_batch.total");
}

#[test]
fn wrong_names_are_answered() {
    let plan = plan_of(QUICKSTART);
    let said = |result: Result<Curves, CurveError>| result.expect_err("a refusal").to_string();
    assert!(said(drawn(&plan, "nope")).contains("`difficulty_aware`"));
    let stage = stage(&plan, None).expect("a stage");
    let over = |x: &str| curves(&plan, stage, "difficulty_aware", x, &BTreeMap::new());
    assert!(said(over("lenght")).contains("`length`"));
    assert!(said(over("correct")).contains("cannot be an axis"));
    assert!(said(over("progress")).contains("there is no signal that it reads"));
    assert!(super::stage(&plan, Some("warm_start")).is_err(), "a stage without a reward");
}

/// A group of a million and a thousand domains are drawn in bounded time.
#[test]
fn large_recipes_are_drawn_too() {
    let domains: String = (0..300)
        .map(|n| {
            format!(
                "domain d{n} {{ ratio = {}  data = builtin(\"arithmetic\")  verify = math_answer(extract = whole) }}\n",
                1.0 / 512.0
            )
        })
        .collect();
    let rest = 1.0 - 300.0 / 512.0;
    let text = GROUPS
        .replace("ratio = 60%", &format!("ratio = {}", rest / 2.0))
        .replace("ratio = 40%", &format!("ratio = {}", rest / 2.0))
        .replace("group     = 8 rollouts", "group     = 1000000 rollouts")
        .replace("batch     = 64 rollouts", "batch     = 2000000 rollouts")
        .replace("mix {", &format!("{domains}mix {{"));
    let plan = plan_of(&text);
    let stage = stage(&plan, None).expect("a stage");
    let found = mix(stage).expect("a mix");
    assert!(found.curves.len() <= 12 && found.stated.iter().any(|stated| stated.name == "domains"));
    let found = drawn(&plan, "long").expect("curves");
    assert!(found.stated.iter().any(|stated| stated.value.starts_with("255 others")), "{:?}", found.stated);
}
