//! Edits that keep the meaning keep the hash; every value that is carried out changes it.

mod values;

use super::*;
use crate::testing::{APRIEL, Files, QUICKSTART, checked, edit, found};
use crate::{Options, check};
use proptest::prelude::*;
use recipec_grammar::source::{FileId, Source};
use recipec_grammar::tree::{Entry, ItemKind};

/// The hash of a recipe that must be without error.
pub(super) fn hash_of(text: &str, options: &Options) -> String {
    let checked = checked(text, options);
    match &checked.recipe {
        Some(recipe) => identity(recipe).expect("a checked recipe has a plan").hash(),
        None => panic!("{}\n{text}", found(&checked).text),
    }
}

fn hash(text: &str) -> String {
    hash_of(text, &Options::default())
}

fn hash_with(text: &str, files: &[(&'static str, String)]) -> String {
    let files = Files(files.iter().cloned().collect());
    let checked = check(Source::new(FileId(0), "test.recipe", text), &files, &Options::default());
    match &checked.recipe {
        Some(recipe) => identity(recipe).expect("a checked recipe has a plan").hash(),
        None => panic!("{}\n{text}", found(&checked).text),
    }
}

fn variant(name: &str) -> Options {
    Options { variant: Some(name.into()), ..Options::default() }
}

fn set(name: &str, value: &str) -> Options {
    Options { set: vec![(name.into(), value.into())], ..Options::default() }
}

#[test]
fn names_without_meaning_may_change() {
    let base = hash(QUICKSTART);
    for (from, to) in [
        ("recipe quickstart", "recipe another"),
        ("gamma", "exponent"),
        ("wrong_scale", "when_wrong"),
        ("overlong", "past_the_zone"),
        ("(n: tokens)", "(tokens_used: tokens)"),
        ("variant no_penalty ", "variant without_penalty "),
        ("guarantee bounded ", "guarantee stays_inside "),
        ("test \"inside the free zone nothing is taken\"", "test \"free\""),
    ] {
        let mut text = QUICKSTART.replace(from, to);
        if from.starts_with("(n") {
            text = text.replace("budget.buffer - n)", "budget.buffer - tokens_used)");
        }
        assert_ne!(text, QUICKSTART, "{from}");
        assert_eq!(hash(&text), base, "{from} to {to}");
    }
    // A binding and an override of it.
    let text = QUICKSTART.replace("* scale", "* factor").replace("where scale =", "where factor =");
    let text = text.replace("difficulty_aware.scale", "difficulty_aware.factor");
    assert_eq!(hash(&text), base);
}

#[test]
fn names_with_meaning_may_not() {
    let base = hash(QUICKSTART);
    for (from, to) in [
        ("difficulty_aware", "length_penalty"),
        ("warm_start", "warm_up"),
        ("reinforce", "learn"),
        ("suite double_cap_t06", "suite cooler"),
    ] {
        assert_ne!(hash(&QUICKSTART.replace(from, to)), base, "{from} to {to}");
    }
    let text = QUICKSTART.replace("domain math ", "domain sums ").replace("{ math = ", "{ sums = ");
    assert_ne!(hash(&text), base);
}

#[test]
fn other_words_for_the_same_value() {
    let base = hash(QUICKSTART);
    for (from, to) in [
        ("output     = 96 tokens\n  buffer", "output     = 0.09375Ki tokens\n  buffer"),
        ("tokens     = 30M tokens", "tokens     = 0.03G tokens"),
        ("time       = 20 min", "time       = 1200 s"),
        ("ratio = 40%", "ratio = 0.4"),
        ("lr = 3e-4", "lr = 0.0003"),
        ("buffer     = 72 tokens", "buffer     = budget.output * 3 / 4"),
        // Defaults that are written out.
        ("drop      = no_advantage", "drop      = no_advantage\n  updates   = 1\n  kl        = none\n  entropy   = 0"),
        ("rollout {", "rollout {\n  top_p = 1\n  top_k = 0\n  min_p = 0"),
        ("warmup = 50 rollouts", "warmup = 50 rollouts\n  every  = 0 steps"),
        (
            "builtin(\"arithmetic\")    verify = math_answer(gold = answer, extract = whole)",
            "builtin(\"arithmetic\") verify = math_answer(extract = whole)",
        ),
        ("checkpoint { every = 100 steps  keep = 2 }", "checkpoint { every = 100 steps }"),
        // A default that is left out.
        ("  max_lag   = 0 steps\n", ""),
        // Params in the place of numbers.
        ("batch     = 256 rollouts", "batch     = 32 * 8 rollouts"),
        // Formulas and bindings in place, brackets that are not needed.
        ("outcome + difficulty_aware\n", "(outcome) + (difficulty_aware)\n"),
        (
            "penalty difficulty_aware = overlong(length) * scale",
            "penalty difficulty_aware = clip((budget.output - budget.buffer - length) / budget.buffer, -1, 0) * scale",
        ),
        ("else wrong_scale", "else 0.5"),
    ] {
        // What is no longer used is a warning, and warnings stop nothing.
        assert_eq!(hash(&edit(QUICKSTART, from, to)), base, "{from} to {to}");
    }
}

#[test]
fn what_a_recipe_says_about_itself_has_no_part_in_it() {
    let base = hash(QUICKSTART);
    let notes = QUICKSTART.lines().filter(|line| !line.trim_start().starts_with("source \"")).collect::<Vec<_>>();
    assert!(notes.len() < QUICKSTART.lines().count());
    assert_eq!(hash(&notes.join("\n")), base, "notes on sources");
    let until = QUICKSTART.find("guarantee bounded").expect("it is there");
    assert_eq!(hash(QUICKSTART.get(..until).unwrap_or_default()), base, "guarantees and tests");
    assert_eq!(hash(&format!("{QUICKSTART}\nsweep gamma in [0.25, 0.5]\n")), base, "sweeps");
    let docs = QUICKSTART.lines().filter(|line| !line.starts_with("///")).collect::<Vec<_>>().join("\n");
    assert_eq!(hash(&docs), base, "doc comments");
    let allow = "allow recipe::names::unused because \"it may be\"\n";
    assert_eq!(hash(&format!("param spare : number = 1\n{allow}{QUICKSTART}")), base, "params that nothing reads");
}

#[test]
fn files_have_no_meaning() {
    let base = hash(QUICKSTART);
    let whole = ("base.recipe", QUICKSTART.to_string());
    let extends = "extends \"base.recipe\"\nrecipe other { edition = 2026 }\n";
    assert_eq!(hash_with(extends, std::slice::from_ref(&whole)), base);
    // An override by the same value.
    let same = format!("{extends}train {{ override batch = 256 rollouts }}\n");
    assert_eq!(hash_with(&same, std::slice::from_ref(&whole)), base);
    let other = format!("{extends}train {{ override batch = 512 rollouts }}\n");
    assert_ne!(hash_with(&other, std::slice::from_ref(&whole)), base);
    // A formula in a file of its own.
    let from = QUICKSTART.find("formula overlong").expect("it is there");
    let to = QUICKSTART.find("penalty difficulty_aware").expect("it is there");
    let mut rest = QUICKSTART.to_string();
    let formula: String = rest.drain(from..to).collect();
    assert_eq!(hash_with(&format!("import \"formulas.recipe\"\n{rest}"), &[("formulas.recipe", formula)]), base);
    // A block in a file of its own: the rest extends it.
    let from = QUICKSTART.find("checkpoint {").expect("it is there");
    let to = QUICKSTART.find("stage warm_start").expect("it is there");
    let mut rest = QUICKSTART.to_string();
    let block: String = rest.drain(from..to).collect();
    let part = format!("recipe part {{ edition = 2026 }}\n{block}");
    assert_eq!(hash_with(&format!("extends \"part.recipe\"\n{rest}"), &[("part.recipe", part)]), base);
}

#[test]
fn variants_params_and_order_of_a_sum() {
    let mut seen = std::collections::BTreeSet::from([hash(QUICKSTART)]);
    for name in ["plain_penalty", "no_penalty", "placebo", "with_kl"] {
        assert!(seen.insert(hash_of(QUICKSTART, &variant(name))), "{name}");
    }
    for (name, value) in [("seed", "2"), ("gamma", "1"), ("wrong_scale", "1")] {
        assert!(seen.insert(hash_of(QUICKSTART, &set(name, value))), "{name}");
    }
    // A param at the value that it has.
    assert_eq!(hash_of(QUICKSTART, &set("gamma", "0.5")), hash(QUICKSTART));
    // A variant that says what its base says.
    let text = format!("{QUICKSTART}\nvariant same {{ override train.group = 8 rollouts }}\n");
    assert_eq!(hash_of(&text, &variant("same")), hash(QUICKSTART));
    // The order of a sum is kept.
    let text = edit(QUICKSTART, "total      = outcome + difficulty_aware", "total      = difficulty_aware + outcome");
    assert!(seen.insert(hash(&text)));
    assert!(seen.insert(hash(APRIEL)));
}

#[test]
fn the_canonical_form_is_pinned() {
    let recipe = crate::tests::recipe(QUICKSTART, &Options::default());
    insta::assert_snapshot!(identity(&recipe).expect("a plan").text());
}

/// The pieces of a text, in another order: items of the file, entries of its blocks.
fn shuffled(text: &str, keys: &[u32], gap: &str) -> String {
    let parsed = recipec_grammar::parse(&Source::new(FileId(0), "test.recipe", text));
    let slice = |start: usize, end: usize| text.get(start..end).unwrap_or_default().to_string();
    let mut next = keys.iter().copied().cycle();
    let mut sort = |pieces: Vec<String>| {
        let mut keyed: Vec<(u32, String)> = pieces.into_iter().map(|piece| (next.next().unwrap_or(0), piece)).collect();
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, piece)| piece).collect::<Vec<_>>().join(gap)
    };
    let mut items = Vec::new();
    for item in &parsed.file.items {
        let doc = item.doc.as_ref().map_or(String::new(), |doc| slice(doc.span.start, doc.span.end) + "\n");
        let body = match &item.kind {
            ItemKind::Block(block) => {
                let entries = block.body.iter().map(|entry| match entry {
                    Entry::Setting(setting) => slice(setting.span.start, setting.span.end),
                    Entry::Block { span, .. } => slice(span.start, span.end),
                });
                let head = slice(item.span.start, block.braces.start);
                format!("{head}{{{gap}{}{gap}}}", sort(entries.collect()))
            }
            _ => slice(item.span.start, item.span.end),
        };
        items.push(doc + &body);
    }
    sort(items)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn order_and_layout_have_no_meaning(
        keys in proptest::collection::vec(any::<u32>(), 40),
        gap in "[ \t]{0,3}(\r)?\n(// [a-z {}\"]{0,12}\n)?[ \n]{0,3}",
        apriel in any::<bool>(),
    ) {
        let text = if apriel { APRIEL } else { QUICKSTART };
        prop_assert_eq!(hash(&shuffled(text, &keys, &gap)), hash(text));
    }
}
