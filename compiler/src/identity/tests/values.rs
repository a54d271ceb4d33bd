//! Every key of the vocabulary that is carried out changes the identity when its value changes, and so does every argument of a call.

use super::super::identity;
use crate::Options;
use crate::recipe::Recipe;
use crate::testing::{QUICKSTART, checked, edit};
use crate::values::meaning::amount;
use crate::vocabulary::keys;
use crate::vocabulary::kinds::{Absent, Argument, Bounds, Choice, Key, Kind};

/// Keys that the runtime does not read: they inform checks, and a value of them changes no run.
const NOT_READ: &[(&str, &str)] = &[
    ("model.*.context", "held against the budgets, and then forgotten"),
    ("domain.*.problems", "held against what a run draws, and then forgotten"),
    ("recipe.edition", "there is one edition; it has a line of its own in the canonical form"),
];

/// Keys of which this version takes one value only, so that no recipe can differ in them.
const ONE_VALUE: &[(&str, &str)] = &[
    ("rollout.top_p", "training rollouts are drawn from the whole distribution"),
    ("rollout.top_k", "training rollouts are drawn from the whole distribution"),
    ("rollout.min_p", "training rollouts are drawn from the whole distribution"),
];

/// What must be overridden too, so that a change of a key is a recipe without errors.
const ALONG: &[(&str, &str)] = &[
    ("domain.*.ratio", "override domain.*.ratio = 20%"),
    ("mix.count", "override mix.warmup = 0"),
    // A judge reads no column of its own, and nobody knows the columns of a file that is not there.
    ("domain.*.data", "override domain.math.verify = judge(model = helper, prompt = \"{answer}?\", accept = \"yes\")"),
    ("domain.*.verify", "override domain.math.data = file(\"rows.jsonl\")"),
    ("data.columns", "override domain.math.data = file(\"rows.jsonl\")"),
    ("domain.*.columns", "override domain.math.data = file(\"rows.jsonl\")"),
    ("domain.*.filter", "override domain.math.data = file(\"rows.jsonl\")"),
    ("domain.*.on_bad_row", "override domain.math.data = file(\"rows.jsonl\")"),
    ("domain.*.signals", "override domain.math.reward = answer_probability"),
    ("stage.*.supervised.target", "override domain.*.data = file(\"rows.jsonl\")"),
    ("data.filter", "override domain.math.data = file(\"rows.jsonl\")"),
    ("data.on_bad_row", "override domain.math.data = file(\"rows.jsonl\")"),
    (
        "domain.*.reference",
        "override domain.math.data = file(\"rows.jsonl\") override reward.total = outcome + reference_probability",
    ),
    (
        "suite.*.data",
        "override suite.cap.data = file(\"rows.jsonl\") \
         override suite.cap.verify = judge(model = helper, prompt = \"{answer}?\", accept = \"yes\")",
    ),
    ("suite.*.columns", "override suite.cap.data = file(\"rows.jsonl\") override suite.cap.verify = puzzle()"),
    ("suite.*.filter", "override suite.cap.data = file(\"rows.jsonl\") override suite.cap.verify = puzzle()"),
    ("suite.*.on_bad_row", "override suite.cap.data = file(\"rows.jsonl\") override suite.cap.verify = puzzle()"),
    ("suite.*.verify", "override suite.cap.data = file(\"rows.jsonl\") override suite.cap.verify = puzzle()"),
    ("model.*.source.heads", "override model.policy.source.kv_heads = 1"),
];

/// The quickstart, with one suite that takes everything from the evaluation, and a second model.
fn base() -> String {
    let text = edit(
        QUICKSTART,
        "suite cap            { data = held_out  problems = 200 problems  samples = 2  output = 96 tokens   sampling = { temperature = 1.0 } }",
        "suite cap { data = held_out }",
    );
    let text = edit(&text, "  context   = 256 tokens\n", "");
    text + "\nmodel helper { source = folder(\"helper\")  train = frozen }\nmodel second { source = folder(\"second\")  train = frozen }\n"
}

fn build(overrides: &str) -> Option<Recipe> {
    let text = format!("{}\nvariant changed {{ {overrides} }}\n", base());
    checked(&text, &Options { variant: Some("changed".into()), ..Options::default() }).recipe
}

fn concrete(path: &str) -> String {
    let stage = if path.contains(".supervised.") { "warm_start" } else { "reinforce" };
    let names = [("model.*", "model.policy"), ("domain.*", "domain.math"), ("suite.*", "suite.cap")];
    let path = names.iter().fold(path.to_string(), |path, (from, to)| path.replace(from, to));
    path.replace("stage.*", &format!("stage.{stage}"))
}

fn numbers(bounds: Bounds, whole: bool) -> Vec<String> {
    let tried: &[f64] = if whole { &[1.0, 2.0, 3.0, 4.0, 64.0, 1024.0] } else { &[0.25, 0.5, 2.0, 0.001, 0.0, 1.0] };
    tried
        .iter()
        .filter(|value| bounds.hold(**value))
        .map(|value| amount(*value, crate::units::Dimension::PURE))
        .collect()
}

/// Texts of values of a kind, to be tried.
fn candidates(path: &str, kind: &Kind) -> Vec<String> {
    match kind {
        Kind::Amount { dimension, .. } => {
            [7.0, 48.0, 64.0, 1000.0, 1024.0].iter().map(|value| amount(*value, *dimension)).collect()
        }
        Kind::Counted => vec!["10 rollouts".into()],
        Kind::Number(bounds) => numbers(*bounds, false),
        Kind::Integer(bounds) => numbers(*bounds, true),
        Kind::NumberOr(bounds, word) => {
            let mut all = numbers(*bounds, false);
            all.push((*word).to_string());
            all
        }
        Kind::Truth => vec!["true".into(), "false".into()],
        Kind::Text => vec![
            "\"{problem} and more\"".into(),
            "\"other\"".into(),
            "\"programs\"".into(),
            "\"{answer} and more\"".into(),
            "\"https://other/v1\"".into(),
        ],
        Kind::Word => vec!["another_column".into(), "base".into(), "helper".into(), "second".into(), "cap".into()],
        Kind::Columns => vec!["{ problem = question }".into()],
        Kind::RowFilter => vec!["level >= 2".into()],
        Kind::Several(_) => vec!["answer_probability".into(), "[answer_probability, reference_probability]".into()],
        Kind::Levels => vec!["1..2".into(), "2..3".into()],
        Kind::Choice(choices) => {
            choices.iter().filter(|choice| !choice.later).map(|c| written(path, c, None)).collect()
        }
        Kind::Shares => vec!["{ math = 60%, code = 40% }".into()],
        Kind::Formula(crate::formula::Level::Mix) => vec!["ratio * 2".into()],
        Kind::Formula(_) => vec!["if correct then 2 else 0".into(), "outcome".into()],
        // A kind that is not known here is tried with what most kinds take, and reported when none fits.
        _ => vec!["1".into(), "true".into(), "other".into()],
    }
}

/// A choice as it is written, with one argument at a value of its own.
fn written(path: &str, choice: &'static Choice, changed: Option<(&Argument, &str)>) -> String {
    let Some(rows) = choice.arguments else {
        let required = choice.keys.iter().filter(|key| matches!(key.absent, Absent::Required(_)));
        let value = |key: &Key| Some(format!("{} = {}", key.name, candidates(path, &key.kind).into_iter().next()?));
        let required: Vec<String> = required.filter_map(value).collect();
        return match required.is_empty() {
            true => choice.word.to_string(),
            false => format!("{} {{ {} }}", choice.word, required.join(", ")),
        };
    };
    let mut parts = Vec::new();
    for row in rows {
        let value = match changed {
            Some((argument, value)) if argument.name == row.name => Some(value.to_string()),
            _ if matches!(row.absent, Absent::Required(_)) => first(path, row),
            _ => None,
        };
        match value {
            Some(value) if row.positional => parts.push(value),
            Some(value) => parts.push(format!("{} = {value}", row.name)),
            None => {}
        }
    }
    format!("{}({})", choice.word, parts.join(", "))
}

/// A value of an argument that must be there.
fn first(path: &str, row: &Argument) -> Option<String> {
    match row.name {
        "generator" => Some("\"arithmetic\"".into()),
        "model" if matches!(row.kind, Kind::Word) => Some("helper".into()),
        "url" => Some("\"https://host/v1\"".into()),
        "prompt" => Some("\"{answer}?\"".into()),
        _ => candidates(path, &row.kind).into_iter().next(),
    }
}

fn along(path: &str) -> &'static str {
    ALONG.iter().find(|(key, _)| *key == path).map_or("", |(_, overrides)| overrides)
}

/// Whether some value of a key changes the identity; none when no value could be tried.
fn changes(path: &str, of: Option<&str>, key: &Key) -> Option<bool> {
    let full = concrete(path);
    let parent = full.rsplit_once('.').map_or("", |(parent, _)| parent);
    // The word under which the key stands, where another one is in force.
    let in_force = build("").and_then(|recipe| recipe.meanings().get(parent).cloned());
    let setup = match of.filter(|word| in_force.as_deref() != Some(*word)) {
        Some(word) => {
            let pattern = path.rsplit_once('.').map_or("", |(parent, _)| parent);
            let choice =
                keys::rows().iter().filter(|row| row.path == pattern).find_map(|row| row.key.kind.choice(word))?;
            format!("override {parent} = {}", written(pattern, choice, None))
        }
        None => String::new(),
    };
    let setup = format!("{setup} {}", if path == "domain.*.ratio" { "" } else { along(path) });
    let before = build(&setup)?;
    let mut tried = None;
    for value in candidates(path, &key.kind) {
        let change = match path {
            "domain.*.ratio" => along(path).to_string(),
            _ => format!("override {full} = {value}"),
        };
        let Some(after) = build(&format!("{setup} {change}")) else { continue };
        let same = before.meanings().get(&full) == after.meanings().get(&full);
        let of_stage = full.starts_with("stage.");
        if same && !of_stage {
            continue;
        }
        let differs = identity(&before).expect("a plan") != identity(&after).expect("a plan");
        if differs {
            return Some(true);
        }
        tried = Some(false);
    }
    tried
}

#[test]
fn every_value_that_is_carried_out_has_a_part_in_it() {
    let (mut kept, mut untried, mut changed) = (Vec::new(), Vec::new(), 0);
    for row in keys::rows() {
        if matches!(row.key.kind, Kind::Record(_)) || is_of_later(&row.path, row.of) {
            continue;
        }
        if let Kind::Choice(choices) = row.key.kind
            && choices.iter().filter(|choice| !choice.later).count() < 2
        {
            continue;
        }
        let name = format!("{}{}", row.path, row.of.map_or(String::new(), |word| format!(" ({word})")));
        match changes(&row.path, row.of, row.key) {
            Some(true) => changed += 1,
            Some(false) => kept.push(row.path.clone()),
            None => untried.push(name),
        }
    }
    let excused: Vec<&str> = NOT_READ.iter().map(|(path, _)| *path).collect();
    kept.retain(|path| !excused.contains(&path.as_str()));
    let locked: Vec<&str> = ONE_VALUE.iter().map(|(path, _)| *path).collect();
    let bare = |name: &str| name.split(' ').next().unwrap_or_default().to_string();
    untried.retain(|name| !excused.contains(&bare(name).as_str()) && !locked.contains(&bare(name).as_str()));
    assert!(kept.is_empty(), "these can change without changing the identity: {kept:?}");
    assert!(untried.is_empty(), "no value of these could be tried; add one to `candidates` or `ALONG`: {untried:?}");
    assert!(changed > 100, "{changed} keys were tried");
}

/// Keys of a word that this version leaves to a later one.
fn is_of_later(path: &str, of: Option<&str>) -> bool {
    let (Some(word), Some((parent, _))) = (of, path.rsplit_once('.')) else { return false };
    keys::rows()
        .iter()
        .filter(|row| row.path == parent)
        .filter_map(|row| row.key.kind.choice(word))
        .any(|choice| choice.later)
}

#[test]
fn keys_that_are_not_read_are_not_in_it() {
    for (path, why) in NOT_READ.iter().filter(|(path, _)| *path != "recipe.edition") {
        let row = keys::row(path).unwrap_or_else(|| panic!("{path} is no key"));
        assert!(why.len() > 20);
        assert_eq!(
            changes(path, None, row.key),
            Some(false),
            "{path} has a part in the identity: take it off the list"
        );
    }
}

#[test]
fn keys_of_one_value_take_no_other() {
    for (path, why) in ONE_VALUE {
        let row = keys::row(path).unwrap_or_else(|| panic!("{path} is no key"));
        assert!(why.len() > 20);
        assert_eq!(changes(path, row.of, row.key), None, "{path} takes another value: take it off the list");
    }
}

#[test]
fn every_argument_has_a_part_in_it() {
    let (mut kept, mut untried, mut changed) = (Vec::new(), Vec::new(), 0);
    for row in keys::rows() {
        let Kind::Choice(choices) = row.key.kind else { continue };
        for choice in choices.iter().filter(|choice| !choice.later) {
            // A model on a server is no policy; a judge asks it.
            let served = choice.word == "endpoint";
            let full = if served { "model.helper.source".to_string() } else { concrete(&row.path) };
            for argument in choice.arguments.into_iter().flatten() {
                let name = format!("{}.{} ({})", row.path, argument.name, choice.word);
                let along = if served { along("domain.*.data") } else { along(&row.path) };
                let setup = format!("{along} override {full} = {}", written(&row.path, choice, None));
                let Some(before) = build(&setup) else {
                    untried.push(name);
                    continue;
                };
                let mut verdict = None;
                for value in candidates(&row.path, &argument.kind) {
                    // By the path of the argument, so that its override is tried as well.
                    let Some(after) = build(&format!("{setup} override {full}.{} = {value}", argument.name)) else {
                        continue;
                    };
                    if before.meanings().get(&full) == after.meanings().get(&full) {
                        continue;
                    }
                    let differs = identity(&before).expect("a plan") != identity(&after).expect("a plan");
                    verdict = Some(differs || verdict == Some(true));
                }
                match verdict {
                    Some(true) => changed += 1,
                    Some(false) => kept.push(name),
                    None => untried.push(name),
                }
            }
        }
    }
    assert!(kept.is_empty(), "these can change without changing the identity: {kept:?}");
    assert!(untried.is_empty(), "no value of these could be tried: {untried:?}");
    assert!(changed >= 20, "{changed} arguments were tried");
}
