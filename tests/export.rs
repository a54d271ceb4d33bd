//! `recipec export` from outside: what it writes, what it refuses, and that both are the same every time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TINY: &str = include_str!("fixtures/tiny.recipe");

fn recipec(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recipec")).args(args).env("NO_COLOR", "1").output().expect("the program starts")
}

fn said(args: &[&str]) -> (i32, String, String) {
    let output = recipec(args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_path_buf();
                found.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[test]
fn the_paper_goes_to_all_targets_without_a_loss() {
    let folder = tempfile::tempdir().expect("a folder");
    for target in ["verl@0.9", "pipelinerl@2026-06", "trl@1"] {
        let out = folder.path().join(target);
        let (code, printed, err) =
            said(&["export", "recipes/apriel_reasoner.recipe", "--to", target, "--out", path(&out), "--json"]);
        assert_eq!(code, 0, "{err}");
        let account: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        let written = std::fs::read(out.join("lowering.json")).expect("the account");
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&written).expect("JSON"), account);
        let items = account["items"].as_array().expect("items");
        assert!(items.len() > 40, "{target}: {}", items.len());
        assert!(items.iter().all(|item| item["class"] != "not_representable"), "{target}");
        for key in ["item", "class", "key", "remark"] {
            assert!(items.iter().all(|item| item[key].is_string()), "{key}");
        }
        let launch = std::fs::read_to_string(out.join("launch.sh")).expect("a script");
        let checked = Command::new("bash").args(["-n", path(&out.join("launch.sh"))]).status();
        assert!(checked.is_err() || checked.is_ok_and(|status| status.success()), "{launch}");
        assert!(launch.contains("timeout --signal=INT 1209600 "), "336 h in seconds: {launch}");
    }
    let verl = std::fs::read_to_string(folder.path().join("verl@0.9/launch.sh")).expect("a script");
    for part in [
        "python -m verl.trainer.main_ppo \\",
        "  actor_rollout_ref.rollout.n=8 \\",
        "  data.train_batch_size=64 \\",
        "  actor_rollout_ref.actor.policy_loss.loss_mode=gspo \\",
        "  actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum \\",
        "  trainer.v1.sampler.custom_sampler.name=RecipeReplayBufferAsync \\",
    ] {
        assert!(verl.contains(part), "no `{part}` in {verl}");
    }
}

#[test]
fn what_cannot_be_said_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let recipe = folder.path().join("a.recipe");
    std::fs::write(&recipe, TINY).expect("a recipe");
    let out = folder.path().join("out");
    let given = ["export", path(&recipe), "--to", "verl@0.9", "--out", path(&out)];
    let (code, printed, err) = said(&given);
    assert_eq!((code, printed.as_str()), (1, ""));
    for part in [
        "recipe::export::not_representable",
        "`stage.warm_start`",
        "a.recipe:",
        "`--from WEIGHTS`",
        "--allow-lossy",
        "nothing was written",
    ] {
        assert!(err.contains(part), "no `{part}` in {err}");
    }
    assert!(!out.exists());
    let lossy: Vec<&str> = given.iter().copied().chain(["--allow-lossy", "--json"]).collect();
    let (code, printed, err) = said(&lossy);
    assert_eq!(code, 0, "{err}");
    let account: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    let lost = account["items"].as_array().expect("items").iter().filter(|item| item["class"] == "not_representable");
    let lost: Vec<&str> = lost.filter_map(|item| item["item"].as_str()).collect();
    assert_eq!(lost, ["model.policy.source", "stage.warm_start"]);
    // A variant and a param are in force in what is written.
    let more = ["--from", "x/y", "--variant", "two_updates", "--set", "gamma=0.25"];
    let with: Vec<&str> = given.iter().copied().chain(more).collect();
    let (code, _, err) = said(&with);
    assert_eq!(code, 0, "{err}");
    let launch = std::fs::read_to_string(out.join("launch.sh")).expect("a script");
    assert!(launch.contains("ppo_mini_batch_size=4 ") && launch.contains("model.path=x/y "), "{launch}");
    let formulas = std::fs::read_to_string(out.join("recipe_formulas.py")).expect("formulas");
    assert!(formulas.contains("power(solve_rate, 0.25)"), "{formulas}");
}

#[test]
fn usage() {
    let folder = tempfile::tempdir().expect("a folder");
    let recipe = "recipes/quickstart.recipe";
    let out = folder.path().join("out");
    for (target, more) in [("verl", vec![]), ("verl@0.8", vec![]), ("trl@1", vec!["--stage", "no_such"])] {
        let args: Vec<&str> = ["export", recipe, "--to", target, "--out", path(&out)].into_iter().chain(more).collect();
        let (code, _, err) = said(&args);
        assert_eq!(code, 2, "{err}");
    }
    assert!(
        said(&["export", recipe, "--to", "verl@0.8", "--out", "x"]).2.contains("verl@0.9, pipelinerl@2026-06, trl@1")
    );
    // What is not an export is never written over.
    std::fs::create_dir(&out).expect("a folder");
    std::fs::write(out.join("thesis.txt"), "years").expect("a file");
    let (code, _, err) = said(&["export", recipe, "--to", "trl@1", "--from", "recipes/base", "--out", path(&out)]);
    assert_eq!(code, 2, "{err}");
    assert_eq!(files(&out).len(), 1);
}

#[test]
fn the_same_recipe_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let recipe = folder.path().join("a.recipe");
    let rows: String = (0..40)
        .map(|n| format!("{{\"prompt\":\"{n}+{n}=\",\"answer\":\"{}\",\"level\":{}}}\n", 2 * n, n % 3))
        .collect();
    std::fs::write(folder.path().join("rows.jsonl"), rows).expect("rows");
    let text = TINY
        .replacen("builtin(\"arithmetic\")", "file(\"rows.jsonl\")  prompt = \"{problem} \\\\boxed{{}}\"", 1)
        .replace("domain math     {", "data { filter = level >= 1 }\ndomain math     {");
    std::fs::write(&recipe, text.split("stage warm_start").next().expect("a part")).expect("a recipe");
    for (target, end) in [("verl@0.9", "parquet"), ("trl@1", "jsonl")] {
        let outs = ["one", "two"].map(|name| folder.path().join(format!("{target}-{name}")));
        for out in &outs {
            let (code, _, err) = said(&["export", path(&recipe), "--to", target, "--from", "x/y", "--out", path(out)]);
            assert_eq!(code, 0, "{err}");
        }
        let found = files(&outs[0]);
        assert_eq!(found, files(&outs[1]), "{target}");
        assert!(found.contains_key(Path::new(&format!("data/train/math.{end}"))), "{:?}", found.keys());
        if end == "jsonl" {
            let train = String::from_utf8(found[Path::new("data/train/math.jsonl")].clone()).expect("text");
            let held = String::from_utf8(found[Path::new("data/cap/math.jsonl")].clone()).expect("text");
            let first: serde_json::Value = serde_json::from_str(train.lines().next().expect("a row")).expect("JSON");
            assert!(first["prompt"].as_str().is_some_and(|prompt| prompt.ends_with("= \\boxed{}")), "{first}");
            assert!(first["columns"]["answer"].is_string());
            // The sides share no problem.
            let of = |text: &str| text.lines().map(str::to_string).collect::<std::collections::BTreeSet<_>>();
            assert!(of(&train).is_disjoint(&of(&held)) && train.lines().all(|line| !line.contains("\"level\":0")));
        }
    }
}

/// The service judges rows that are handed over whole as a run does.
#[test]
fn verifiers_take_whole_rows() {
    let case = r#"{"columns": {"right": "42", "tests": 1}, "prediction": "so 42", "arguments": {"gold": "right", "extract": "any"}}"#;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cases.jsonl");
    std::fs::write(&file, format!("{case}\n{}\n", r#"{"columns": 3, "prediction": "42"}"#)).expect("cases");
    let (code, out, _) = said(&["verify", "math_answer", "--cases", path(&file), "--json"]);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].contains("\"correct\""), "{out}");
    assert!(lines[1].contains("\"error\"") && lines[1].contains("`columns` is not an object") && code == 1, "{out}");
}
