//! `recipec evaluate`: the figures of a run again, curves that are what a smaller cap gives, and comparisons by problem.

mod common;

use common::{TINY, plan, read, run};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn recipec(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_recipec")).args(args).current_dir(repository()).output();
    output.expect("recipec starts")
}

fn json(args: &[&str]) -> Value {
    let output = recipec(&[args, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The checkpoint of a run is measured again: the same problems, the same responses, the same means.
#[test]
fn the_evaluation_of_a_run_comes_out_again() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&plan(TINY, None), folder.path());
    let last = read(folder.path()).last().expect("an evaluation").clone();
    let of = folder.path().display().to_string();
    let found = json(&["evaluate", &of]);
    let was = &last.suites["cap"];
    let is = &found["measured"]["suites"]["cap"];
    assert_eq!(is["macro"]["pass_at_1"]["mean"].as_f64(), Some(was.macro_average.pass_at_1));
    for (name, domain) in &was.domains {
        assert_eq!(is["domains"][name]["tokens"]["mean"].as_f64(), Some(domain.results.mean_tokens), "{name}");
        assert_eq!(is["domains"][name]["problems"].as_u64(), Some(domain.problems));
        assert_eq!(is["domains"][name]["truncated"].as_f64(), domain.results.truncated, "{name}");
    }
    // Another step of the same run, compared with the last one on the same problems.
    let steps: Vec<String> = recipec_runtime::checkpoint::list(folder.path())
        .expect("checkpoints")
        .iter()
        .map(|(step, _)| format!("{of}@{step}"))
        .collect();
    let compared = json(&["evaluate", &of, "--against", &steps[0], "--budgets", "1"]);
    assert_eq!(compared["compared"]["cap"]["macro"]["problems"].as_u64(), Some(18));
    let same = json(&["evaluate", &of, "--against", &of, "--budgets", "1"]);
    let row = &same["compared"]["cap"]["macro"];
    assert_eq!((row["pass_at_1"]["mean"].as_f64(), row["p_value"].as_f64()), (Some(0.0), Some(1.0)));
    assert_eq!(row["tokens"]["interval"], serde_json::json!([0.0, 0.0]));
}

/// Two runs of a recipe and one of its variant, on one page beside each other: seeds are averaged, variants are not.
#[test]
fn runs_are_compared_on_one_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let short = TINY.replacen("  steps      = 6 steps", "  steps      = 2 steps", 1);
    for (name, from, to) in [("a", "= 1\n", "= 1\n"), ("b", "= 1\n", "= 2\n"), ("c", "recipe tiny", "recipe other")] {
        let text = short.replacen(from, to, 1);
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
        run(&plan(&text, None), &folder.path().join(name));
    }
    let runs: Vec<String> = ["a", "b", "c"].iter().map(|name| folder.path().join(name).display().to_string()).collect();
    let runs: Vec<&str> = std::iter::once("report").chain(runs.iter().map(String::as_str)).collect();
    let found = json(&runs);
    let text = found.to_string();
    assert!(text.contains("tiny") && text.contains("other"), "{text}");
    let output = recipec(&runs);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = std::fs::read_to_string(folder.path().join("comparison.html")).expect("a page");
    for words in ["a/report.html", "b/report.html", "c/report.html", "2 of 2", "1 of 1", "3 runs of 2 configurations"] {
        assert!(page.contains(words), "{words}");
    }
    assert_eq!(recipec(&["report", "no/such/run"]).status.code(), Some(2));
}

/// A curve is made of the responses under the largest cap, cut: exactly what the policy gives under each cap.
#[test]
fn a_cut_response_is_what_a_smaller_cap_gives() {
    let recipe = repository().join("recipes/quickstart.recipe");
    let text = std::fs::read_to_string(&recipe).expect("the quickstart");
    let folder = tempfile::tempdir().expect("a folder");
    let short = folder.path().join("short.recipe");
    let found = text.replacen("output   = 192 tokens", "output   = 48 tokens", 1);
    assert_ne!(found, text, "the quickstart's suite is written otherwise");
    std::fs::write(&short, found).expect("a recipe");
    let common = ["--suite", "double_cap", "--problems", "20", "--k", "2"];
    let base = recipe.display().to_string();
    let long = json(&[&["evaluate", "recipes/base", "--recipe", &base, "--budgets", "0.5,1,2"], &common[..]].concat());
    let short = short.display().to_string();
    let short = json(&[&["evaluate", "recipes/base", "--recipe", &short, "--budgets", "1"], &common[..]].concat());
    let suite = |found: &Value| found["measured"]["suites"]["double_cap"]["macro"].clone();
    let (long, short) = (suite(&long), suite(&short));
    let curve = long["curve"].as_array().expect("a curve");
    let at = |budget: f64| curve.iter().find(|point| point["budget"].as_f64() == Some(budget)).expect("a point");
    assert_eq!(at(0.5)["caps"]["math"].as_u64(), Some(48));
    assert_eq!(at(0.5)["pass_at_1"], short["pass_at_1"]);
    assert_eq!(at(0.5)["mean_tokens"].as_f64().map(f64::to_bits), short["tokens"]["mean"].as_f64().map(f64::to_bits));
    assert_eq!(at(2.0)["pass_at_1"], long["pass_at_1"]);
    // The base policy solves some and not all, and less under a smaller cap; two tries are better than one.
    let rate = |value: &Value| value["pass_at_1"]["mean"].as_f64().expect("a rate");
    assert!(rate(at(0.5)) < rate(at(1.0)) && rate(at(1.0)) <= rate(at(2.0)), "{curve:?}");
    assert!(long["pass_at_k"]["2"]["mean"].as_f64() > Some(rate(&long)));
}

#[test]
fn what_cannot_be_measured_is_said() {
    for (args, says) in [
        (&["evaluate", "recipes/base"][..], "--recipe FILE"),
        (&["evaluate", "no/such/model", "--recipe", "recipes/quickstart.recipe"], "there is no `no/such/model`"),
        (&["evaluate", "recipes/base", "--recipe", "recipes/quickstart.recipe", "--suite", "aime"], "no suite `aime`"),
        (
            &["evaluate", "recipes/base", "--recipe", "recipes/quickstart.recipe", "--samples", "2", "--k", "4"],
            "pass@4",
        ),
        (&["evaluate", "recipes/base", "--recipe", "recipes/quickstart.recipe", "--budgets", "0"], "multiple"),
    ] {
        let output = recipec(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    }
}
