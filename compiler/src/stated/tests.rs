use super::*;
use crate::Options;
use crate::testing::{APRIEL, QUICKSTART, checked};

fn ask(text: &str, path: &str, stated: &[&str]) -> Result<Vec<f64>, StatedError> {
    let found = checked(text, &Options::default());
    let recipe = found.recipe.expect("a recipe without mistakes");
    let split = |input: &&str| {
        let (name, value) = input.rsplit_once('=').unwrap_or((input, "true"));
        (name.to_string(), value.to_string())
    };
    value_of(&recipe, path, &stated.iter().map(split).collect::<Vec<_>>()).map(|answer| answer.values)
}

/// By hand: the soft zone of the quickstart is 24..96 tokens, and 8 of 64 solved to the power 0.5 is 0.35355.
#[test]
fn penalties_at_stated_signals() {
    let at = |stated: &[&str]| ask(QUICKSTART, "difficulty_aware", stated).expect("a value")[0];
    assert_eq!(at(&["length=96", "correct", "truncated=false", "solve_rate=1"]), -1.0);
    assert!((at(&["length=96 tokens", "correct", "finished", "solve_rate=12.5%"]) + 0.353_553_390_593).abs() < 1e-12);
    assert_eq!(at(&["length=60", "wrong", "finished", "solve_rate=0"]), -0.25);
    assert_eq!(at(&["length=60", "wrong", "finished", "solve_rate=0", "wrong_scale=1"]), -0.5);
    assert_eq!(at(&["length=60", "wrong", "finished", "solve_rate=0", "budget.buffer=36 tokens"]), 0.0);
    let path = "stage.reinforce.penalty.difficulty_aware";
    assert_eq!(ask(QUICKSTART, path, &["length=60", "wrong", "finished", "solve_rate=0"]), Ok(vec![-0.25]));
}

/// The whole reward follows its parts, unless a part is stated; a formula by itself takes its parameters; the mix has its own signals.
#[test]
fn every_kind_of_formula() {
    let signals = ["length=60", "correct", "finished", "solve_rate=1"];
    assert_eq!(ask(QUICKSTART, "total", &signals), Ok(vec![0.5]));
    assert_eq!(ask(QUICKSTART, "reward.total", &["outcome=1", "difficulty_aware=-0.25"]), Ok(vec![0.75]));
    assert_eq!(ask(QUICKSTART, "outcome", &["wrong=false"]), Ok(vec![1.0]));
    assert_eq!(ask(QUICKSTART, "overlong", &["n=60"]), Ok(vec![-0.5]));
    assert_eq!(ask(APRIEL, "formula.overlong", &["n=16Ki tokens"]), Ok(vec![-1.0]));
    assert_eq!(ask(QUICKSTART, "mix.weight", &["ratio=0.4", "achieved=0.2"]), Ok(vec![0.8]));
    // Several rollouts at once.
    assert_eq!(ask(QUICKSTART, "overlong", &["n=24,60,96"]), Ok(vec![0.0, -0.5, -1.0]));
}

/// Aggregates over a group are computed, or stated by their text.
#[test]
fn groups() {
    let text = QUICKSTART.replacen("total      = outcome + difficulty_aware", "total      = outcome + spread", 1)
        + "\nterm spread = length / (1 token + group.mean(length if correct, else = budget.output))\n";
    let text = text.replacen("variant no_penalty    { override reward.total = outcome }", "", 1);
    let group = ["length=10,20,60", "correct=true,true,false"];
    let found = ask(&text, "spread", &group).expect("values");
    assert_eq!(found, [10.0 / 16.0, 20.0 / 16.0, 60.0 / 16.0]);
    let aggregate = "group.mean(length if correct, else=budget.output)=15";
    assert_eq!(ask(&text, "spread", &["length=60", aggregate]), Ok(vec![60.0 / 16.0]));
    let alone = ask(&text, "spread", &["length=60"]).expect_err("no group");
    assert!(matches!(alone, StatedError::Missing { of_a_group: true, .. }), "{alone}");
    let uneven = ask(&text, "spread", &["length=1,2,3", "correct=true,false"]).expect_err("uneven");
    assert!(matches!(uneven, StatedError::Uneven { .. }), "{uneven}");
}

#[test]
fn what_is_wrong_is_said() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("difficulty_awar", &[], "did you mean"),
        ("difficulty_aware", &["length=60"], "`solve_rate`"),
        ("difficulty_aware", &["lenght=60"], "did you mean `length`?"),
        ("difficulty_aware", &["achieved=0.5"], "it reads `correct`, `length`, `solve_rate` and `truncated`"),
        ("outcome", &["length=60", "correct"], "does not read `length`"),
        ("outcome", &["correct=2"], "`true` or `false`"),
        ("outcome", &["correct", "wrong"], "either"),
        ("outcome", &["correct", "correct"], "twice"),
        ("difficulty_aware", &["length=60 steps"], "its unit is tokens"),
        ("difficulty_aware", &["length=-1"], "at least"),
        ("difficulty_aware", &["length=inf"], "not a"),
        ("difficulty_aware", &["length="], "not a value"),
        ("difficulty_aware", &["solve_rate=1.5"], "between 0 and 1"),
        ("difficulty_aware", &["gamma=9"], "0..4"),
        ("overlong", &["n=96", "budget.buffer=0"], "at these inputs"),
    ];
    for (path, stated, expected) in cases {
        let why = ask(QUICKSTART, path, stated).expect_err(path).to_string();
        assert!(why.contains(expected), "{path} {stated:?}: {why}");
    }
}

/// Where a domain has a cap of its own, the domain decides.
#[test]
fn caps_of_domains() {
    let text =
        QUICKSTART.replacen("domain math     { ratio = 40% ", "domain math     { ratio = 40%  output = 80 tokens ", 1);
    assert_ne!(text, QUICKSTART);
    let at = |stated: &[&str]| ask(&text, "overlong", stated);
    assert_eq!(at(&["n=80", "domain=math"]), Ok(vec![-1.0]));
    assert_eq!(at(&["n=80", "budget.output=80"]), Ok(vec![-1.0]));
    assert_eq!(at(&["n=96,80", "domain=code,math"]), Ok(vec![-1.0, -1.0]));
    let missing = at(&["n=80"]).expect_err("no cap").to_string();
    assert!(missing.contains("`budget.output`"), "{missing}");
}

/// A running average is stated by its text; so is a mean over the last batch. A domain is named.
#[test]
fn what_a_row_does_not_hold_is_stated() {
    let weight = "weight = ratio * clip(ratio / max(achieved, 1e-9), 0.1, 10)";
    let mix = "weight = ratio * (1 + ema(mean(solve_rate, over = last_batch), keep = 0.9, start = 0.5)) + mean(total, over = last_batch) ^ 2";
    let text = QUICKSTART.replacen(weight, mix, 1);
    assert_ne!(text, QUICKSTART);
    let missing = ask(&text, "mix.weight", &["ratio=0.5"]).expect_err("no average");
    let StatedError::Missing { missing, .. } = missing else { panic!("{missing}") };
    assert_eq!(missing.len(), 2, "{missing:?}");
    let mut stated = vec!["ratio=0.5".to_string()];
    stated.extend(missing.iter().map(|name| format!("{name}=0.25")));
    let stated: Vec<&str> = stated.iter().map(String::as_str).collect();
    assert_eq!(ask(&text, "mix.weight", &stated), Ok(vec![0.6875]));

    let text =
        QUICKSTART.replacen("outcome    = if correct then 1 else 0", "outcome    = if domain == code then 1 else 0", 1);
    assert_eq!(ask(&text, "outcome", &["domain=code,math"]), Ok(vec![1.0, 0.0]));
    let why = ask(&text, "outcome", &["domain=cod"]).expect_err("no domain").to_string();
    assert!(why.contains("`tools`"), "{why}");
}
