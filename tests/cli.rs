//! Exit codes, and what a wrong command says, by running the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
#[cfg(feature = "run")]
use std::time::{Duration, Instant};

const TINY: &str = include_str!("fixtures/tiny.recipe");

fn recipec(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipec"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1").output().expect("the program starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn write(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("a.recipe");
    std::fs::write(&path, text).expect("a recipe is written");
    path
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn shipped_recipes_check_clean() {
    for recipe in ["recipes/quickstart.recipe", "recipes/apriel_reasoner.recipe"] {
        let output = recipec(&["check", recipe], &repository());
        assert_eq!(code(&output), 0, "{recipe}: {}", stderr(&output));
        assert_eq!(stderr(&output), "", "{recipe}");
        let output = recipec(&["test", recipe], &repository());
        assert_eq!(code(&output), 0, "{recipe}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn usage_errors_are_2() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(code(&recipec(&["check"], folder.path())), 2);
    assert_eq!(code(&recipec(&["check", "missing.recipe"], folder.path())), 2);
    assert_eq!(code(&recipec(&["bake", "a.recipe"], folder.path())), 2);
    assert_eq!(code(&recipec(&["explain", "recipe::no::such_code"], folder.path())), 2);
    let path = write(folder.path(), TINY);
    assert_eq!(code(&recipec(&["check", path.to_str().unwrap(), "--set", "seed"], folder.path())), 2);
}

#[cfg(feature = "run")]
/// A wrong recipe is refused by `run` as by `check`: code, place, help; in under a second; and nothing is made.
#[test]
fn wrong_recipes_are_refused_before_anything_runs() {
    let cases = [
        ("output     = 32 tokens", "output     = 32 rollouts", "recipe::units::"),
        ("slots       = 16 rollouts", "slotz       = 16 rollouts", "recipe::names::unknown_key"),
        ("ratio = 20%", "ratio = 17%", "recipe::ratios::sum_not_one"),
        (
            "budget.buffer - n) / budget.buffer",
            "budget.buffer - n) / (gamma - gamma)",
            "recipe::ranges::division_by_zero",
        ),
    ];
    for (right, wrong, expected) in cases {
        assert!(TINY.contains(right), "the fixture has `{right}`");
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), &TINY.replacen(right, wrong, 1));
        let started = Instant::now();
        let output = recipec(&["run", "a.recipe"], folder.path());
        let took = started.elapsed();
        let text = stderr(&output);
        assert_eq!(code(&output), 1, "{wrong}: {text}");
        assert!(text.contains(expected), "{wrong}: {text}");
        assert!(text.contains("a.recipe:"), "a place: {text}");
        assert!(text.contains("help:"), "a way out: {text}");
        assert!(took < Duration::from_secs(1), "{wrong}: {took:?}");
        assert!(!folder.path().join("runs").exists(), "nothing is made");
    }
}

#[test]
fn several_mistakes_are_reported_in_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = TINY
        .replacen("slots       = 16 rollouts", "slotz       = 16 rollouts", 1)
        .replacen("output     = 32 tokens", "output     = 32 rollouts", 1)
        .replacen("overlong(length)", "overlong(lenght)", 1);
    write(folder.path(), &text);
    let output = recipec(&["check", "a.recipe"], folder.path());
    let said = stderr(&output);
    assert_eq!(code(&output), 1);
    for expected in ["slotz", "rollouts", "lenght", "did you mean `length`"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let json = recipec(&["check", "--json", "a.recipe"], folder.path());
    let lines = String::from_utf8(json.stdout).expect("text");
    assert!(lines.lines().count() >= 3);
    for line in lines.lines() {
        let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(object["schema"], 1);
        assert!(object["labels"][0]["start"]["line"].as_u64().is_some_and(|line| line > 0));
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    let top = recipec(&["--help"], &repository());
    let text = String::from_utf8_lossy(&top.stdout).into_owned();
    assert!(text.contains("Examples:"), "{text}");
    let commands = text.split("Commands:").nth(1).and_then(|rest| rest.split("Options:").next()).expect("commands");
    let names: Vec<&str> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 5 && names.contains(&"check"), "{names:?}");
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("the README");
    for name in names.into_iter().filter(|name| *name != "help") {
        assert!(readme.contains(&format!("`recipec {name} ")), "the README does not know `recipec {name}`");
        let help = recipec(&[name, "--help"], &repository());
        assert!(String::from_utf8_lossy(&help.stdout).contains("Example"), "`{name} --help` has no example");
    }
}

/// The fence of a recipe in the README is a recipe, and the mistake beside it is what the program says.
#[test]
fn the_readme_shows_what_is_true() {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("the README");
    let block = |fence: &str| {
        let rest = readme.split(fence).nth(1).unwrap_or_else(|| panic!("the README has a block {fence}"));
        rest.split("```").next().expect("the end of the block").to_string()
    };
    let recipe = block("```recipe\n");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("brief.recipe"), &recipe).expect("a recipe");
    let output = recipec(&["check", "--strict", "brief.recipe"], folder.path());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let wrong = recipe.replace("length) / budget", "lenght) / budget");
    assert_ne!(wrong, recipe);
    std::fs::write(folder.path().join("brief.recipe"), wrong).expect("a recipe");
    let said = stderr(&recipec(&["check", "brief.recipe"], folder.path()));
    assert_eq!(said.trim(), format!("recipe::{}", block("```text\nrecipe::").trim()));
}

#[test]
fn graphs_are_drawn() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), TINY);
    let dot = recipec(&["graph", "a.recipe"], folder.path());
    let text = String::from_utf8_lossy(&dot.stdout).into_owned();
    assert!(
        text.starts_with("digraph") && text.contains("penalty:difficulty_aware") && text.contains("style = dashed")
    );
    let mermaid = recipec(&["graph", "--format", "mermaid", "a.recipe"], folder.path());
    assert!(String::from_utf8_lossy(&mermaid.stdout).starts_with("flowchart LR"));
    let svg = recipec(&["graph", "--format", "svg", "a.recipe"], folder.path());
    let text = String::from_utf8_lossy(&svg.stdout).into_owned();
    assert!(
        text.starts_with("<svg xmlns")
            && text.contains("stroke-dasharray")
            && text.contains("penalty:difficulty_aware")
    );
    let json = recipec(&["graph", "--format", "json", "a.recipe"], folder.path());
    let graph: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(graph["schema"], 1);
    let edges = graph["edges"].as_array().expect("edges");
    let draws = edges.iter().find(|edge| edge["flow"] == "draws").expect("draws");
    assert_eq!((draws["rate"]["amount"].as_f64(), draws["rate"]["unit"].as_str()), (Some(8.0), Some("groups")));
    let png = recipec(&["graph", "--format", "png", "a.recipe"], folder.path());
    assert_eq!(code(&png), 2, "a PNG needs a place: {}", stderr(&png));
}

#[test]
fn a_plan_shows_its_arithmetic() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), TINY);
    let output = recipec(&["plan", "a.recipe", "--price", "2/h", "--device-memory", "1GiB"], folder.path());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    // 96·32 + 1·(2·32·32 + 2·32·16 + 3·32·48 + 2·32) + 32
    for expected in
        ["= embedding + layers + last norm", "= 3,072 + 7,744 + 32", "it fits", "`budget.steps` in stage reinforce"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let json = recipec(&["plan", "a.recipe", "--json"], folder.path());
    let estimate: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(estimate["estimate"]["parts"][0]["id"], "model.policy");
    let nodes = recipec(&["plan", "a.recipe", "--nodes"], folder.path());
    assert!(String::from_utf8_lossy(&nodes.stdout).contains("penalty:difficulty_aware"));
    for wrong in [["--price", "2"], ["--device-memory", "80"], ["--rate", "speed=1"], ["--facts", "missing.json"]] {
        let output = recipec(&[&["plan", "a.recipe"], wrong.as_slice()].concat(), folder.path());
        assert_eq!(code(&output), 2, "{wrong:?}: {}", stderr(&output));
    }
    std::fs::write(folder.path().join("facts.json"), "{\"policy\": {\"width\": 0}}").expect("a file");
    assert_eq!(code(&recipec(&["plan", "a.recipe", "--facts", "facts.json"], folder.path())), 2);
}

/// Every line that the book shows of `recipec plan` is one that the program prints.
#[test]
fn the_book_shows_plans_as_they_are() {
    let page = std::fs::read_to_string(repository().join("book/src/language/plan.md")).expect("the page");
    let mut shown = 0;
    for block in page.split("```text\n$ recipec ").skip(1) {
        let block = block.split("```").next().expect("the end of the block");
        let (command, lines) = block.split_once('\n').expect("a command and its output");
        let output = recipec(&command.split(' ').collect::<Vec<_>>(), &repository());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        for line in lines.lines() {
            assert!(text.lines().any(|printed| printed == line), "`{command}` does not print `{line}`");
            shown += 1;
        }
    }
    assert!(shown > 20, "{shown} lines");
}

/// The pictures in the book are those that the program draws; one that differs is written anew, and the test fails once.
#[test]
fn the_book_shows_pictures_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_str().expect("a path");
    let recipe = "recipes/quickstart.recipe";
    assert_eq!(code(&recipec(&["plot", recipe, "--format", "svg", "--out", out], &repository())), 0);
    let graph = format!("{out}/graph.svg");
    assert_eq!(code(&recipec(&["graph", recipe, "--format", "svg", "--out", &graph], &repository())), 0);
    let mut differ = Vec::new();
    for (shown, drawn) in [
        ("penalty-curves.svg", "quickstart.difficulty_aware_over_length.svg"),
        ("penalty-surface.svg", "quickstart.difficulty_aware_over_length_and_solve_rate.svg"),
        ("mix.svg", "quickstart.mix.svg"),
        ("quickstart-graph.svg", "graph.svg"),
    ] {
        let shown = repository().join("book/src/images").join(shown);
        let drawn = std::fs::read(folder.path().join(drawn)).expect("a picture");
        if std::fs::read(&shown).ok().as_deref() != Some(drawn.as_slice()) {
            std::fs::write(&shown, drawn).expect("the picture is written");
            differ.push(shown);
        }
    }
    assert!(differ.is_empty(), "pictures of the book were out of date and are written anew: {differ:?}");
}

#[test]
fn penalties_and_the_mix_are_plotted() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), TINY);
    let output = recipec(&["plot", "a.recipe", "--out", "pictures"], folder.path());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths: Vec<&str> = said.lines().collect();
    assert_eq!(paths.len(), 6, "curves, surface and mix, as PNG and SVG: {said}");
    for path in paths {
        let bytes = std::fs::read(folder.path().join(path)).expect("a picture");
        let start: &[u8] = if path.ends_with(".png") { b"\x89PNG" } else { b"<svg" };
        assert!(bytes.starts_with(start) && bytes.len() > 2000, "{path}");
    }
    let json = recipec(&["plot", "a.recipe", "mix", "--json"], folder.path());
    let plots: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(plots["plots"][0]["x"]["name"], "achieved");
    for wrong in [vec!["nope"], vec!["--x", "lenght"], vec!["--given", "gamma=1"], vec!["--stage", "warm_start"]] {
        let output = recipec(&[&["plot", "a.recipe"], wrong.as_slice()].concat(), folder.path());
        assert_eq!(code(&output), 2, "{wrong:?}: {}", stderr(&output));
    }
}

#[cfg(all(unix, feature = "run"))]
mod runs {
    use super::*;

    #[test]
    fn a_run_leaves_a_folder_and_a_report() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), TINY);
        let output = recipec(&["run", "a.recipe"], folder.path());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let run = folder.path().join("runs/tiny-1");
        for name in ["plan.json", "metrics.jsonl", "timing.jsonl", "evaluations.jsonl", "summary.json", "report.html"] {
            assert!(run.join(name).is_file(), "{name}");
        }
        let report = recipec(&["report", "--json", "runs/tiny-1"], folder.path());
        let json: serde_json::Value = serde_json::from_slice(&report.stdout).expect("JSON");
        for key in ["base", "final", "domains", "seconds", "stopped_by", "weights_digest"] {
            assert!(!json[key].is_null(), "{key}: {json}");
        }
        assert!(json["base"]["cap"]["macro"]["pass_at_1"].is_number());
        assert_eq!(json["stopped_by"], "steps");
    }

    /// A killed process loses what came after its last checkpoint and nothing else.
    #[test]
    fn interrupt_exits_130_and_resumes_to_the_same_bits() {
        let folder = tempfile::tempdir().expect("a folder");
        let long = TINY.replacen("steps      = 6 steps", "steps      = 40 steps", 1);
        write(folder.path(), &long);
        assert_eq!(code(&recipec(&["run", "a.recipe", "--into", "whole"], folder.path())), 0);
        let mut child = Command::new(env!("CARGO_BIN_EXE_recipec"))
            .args(["run", "a.recipe", "--into", "cut"])
            .current_dir(folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the program starts");
        let metrics = folder.path().join("cut/metrics.jsonl");
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::fs::metadata(&metrics).map_or(0, |found| found.len()) < 4000 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
        let ended = child.wait().expect("the program ends");
        assert_eq!(ended.code(), Some(130));
        assert!(folder.path().join("cut/checkpoints").is_dir());
        assert_eq!(code(&recipec(&["resume", "cut"], folder.path())), 0);
        let same = |name: &str| {
            let read = |run: &str| std::fs::read(folder.path().join(run).join(name)).expect("a file");
            assert!(read("cut") == read("whole"), "{name} differs");
        };
        same("metrics.jsonl");
        same("evaluations.jsonl");
        let digest = |run: &str| {
            let text = std::fs::read_to_string(folder.path().join(run).join("summary.json")).expect("a summary");
            let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            json["weights_digest"].as_str().map(str::to_string)
        };
        assert_eq!(digest("cut"), digest("whole"));
        assert!(digest("cut").is_some());
    }

    /// Data of one's own: rows beside the recipe, wherever the program is started.
    #[test]
    fn rows_of_a_file_are_trained_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let recipes = folder.path().join("recipes");
        std::fs::create_dir(&recipes).expect("a folder");
        let math = TINY.lines().find(|line| line.starts_with("domain math")).expect("the domain");
        let own = math.replace("builtin(\"arithmetic\")", "file(\"rows.jsonl\")");
        let text = TINY.split("stage warm_start").next().expect("the part before the stages").replace(math, &own);
        std::fs::write(recipes.join("own.recipe"), text).expect("a recipe");
        let rows: String =
            (1..60).map(|n| format!("{{\"prompt\": \"{n}+1=?\", \"answer\": \"{}\"}}\n", n + 1)).collect();
        std::fs::write(recipes.join("rows.jsonl"), rows).expect("rows");
        let output = recipec(&["run", "recipes/own.recipe", "--into", "r"], folder.path());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        std::fs::write(recipes.join("rows.jsonl"), "").expect("no rows");
        let output = recipec(&["run", "recipes/own.recipe", "--into", "none"], folder.path());
        assert_eq!(code(&output), 3, "{}", stderr(&output));
        assert!(stderr(&output).contains("domain `math`"), "{}", stderr(&output));
    }

    /// A verifier that cannot judge gives no reward and no score: the run ends, and says why.
    #[test]
    fn verifiers_that_fail_end_the_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let instruct = TINY.lines().find(|line| line.starts_with("domain instruct")).expect("the domain");
        let own = instruct.replace("builtin(\"instructions\")", "file(\"rows.jsonl\")");
        let text = TINY.split("stage warm_start").next().expect("the part before the stages");
        let text = text.replace(instruct, &own).replace("  answer    = after(\"#\")\n", "");
        let row =
            r#"{"instruction_id_list": ["length_constraints:number_sentences"], "kwargs": "2, at least", "prompt": "#;
        let rows: String = (0..60).map(|n| format!("{row}\"say {n}.\"}}\n")).collect();
        std::fs::write(folder.path().join("rows.jsonl"), rows).expect("rows");
        let (before, rest) = text.split_once("evaluate {").expect("an evaluation");
        let (_, after) = rest.split_once("checkpoint {").expect("what follows it");
        let without_evaluation = format!("{before}checkpoint {{{after}");
        for text in [text, without_evaluation] {
            write(folder.path(), &text);
            let output = recipec(&["run", "a.recipe"], folder.path());
            let said = stderr(&output);
            assert_eq!(code(&output), 3, "{said}");
            assert!(said.contains("recipe::run::verifiers_fail") && said.contains("column `kwargs`"), "{said}");
            assert!(said.contains("help:"), "{said}");
        }
    }

    #[test]
    fn a_device_that_is_not_there_makes_no_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), TINY);
        let output = recipec(&["run", "a.recipe", "--device", "gpu"], folder.path());
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        assert!(!folder.path().join("runs").exists());
    }

    /// What the language knows and this version does not carry out is refused before anything runs, with its place.
    #[test]
    fn what_cannot_run_yet_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let recipe = repository().join("recipes/apriel_reasoner.recipe");
        let output = recipec(&["run", recipe.to_str().expect("a path")], folder.path());
        let text = stderr(&output);
        assert_eq!(code(&output), 3, "{text}");
        for expected in ["recipe::run::not_yet", "apriel_reasoner.recipe:", "help:", "in_flight"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(!folder.path().join("runs").exists());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_3() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), TINY);
        std::fs::write(folder.path().join("runs"), "a file where a folder should be").expect("a file");
        let output = recipec(&["run", "a.recipe"], folder.path());
        assert_eq!(code(&output), 3, "{}", stderr(&output));
        assert!(stderr(&output).contains("recipe::run::io") && stderr(&output).contains("help:"));
    }

    #[test]
    fn a_damaged_checkpoint_is_3_and_names_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), TINY);
        assert_eq!(code(&recipec(&["run", "a.recipe", "--into", "r"], folder.path())), 0);
        let weights = folder.path().join("r/checkpoints/step-10/model.safetensors");
        let mut bytes = std::fs::read(&weights).expect("weights");
        bytes.truncate(bytes.len() - 7);
        std::fs::write(&weights, bytes).expect("a write");
        let before = std::fs::read(folder.path().join("r/metrics.jsonl")).expect("metrics");
        let output = recipec(&["resume", "r"], folder.path());
        let text = stderr(&output);
        assert_eq!(code(&output), 3, "{text}");
        assert!(text.contains("recipe::run::damaged_file") && text.contains("model.safetensors"), "{text}");
        assert!(text.contains("help:"), "{text}");
        assert_eq!(std::fs::read(folder.path().join("r/metrics.jsonl")).expect("metrics"), before);
    }

    /// /dev/full takes no byte: what a full disk looks like to the run.
    #[test]
    fn a_full_disk_is_3_and_loses_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), TINY);
        assert_eq!(code(&recipec(&["run", "a.recipe", "--into", "r"], folder.path())), 0);
        let run = folder.path().join("r");
        // Go back to an early checkpoint, so that something is left to do, and let the disk be full there.
        let kept = std::fs::read(run.join("evaluations.jsonl")).expect("evaluations");
        std::fs::remove_dir_all(run.join("checkpoints/step-10")).expect("the last checkpoint goes");
        std::fs::remove_file(run.join("timing.jsonl")).expect("a file goes");
        std::os::unix::fs::symlink("/dev/full", run.join("timing.jsonl")).expect("a link");
        let output = recipec(&["resume", "r"], folder.path());
        assert_eq!(code(&output), 3, "{}", stderr(&output));
        assert!(stderr(&output).contains("timing.jsonl"), "{}", stderr(&output));
        let now = std::fs::read(run.join("evaluations.jsonl")).expect("evaluations");
        assert!(kept.starts_with(&now) && !now.is_empty());
    }
}

/// `check --fix` makes the edits that are certain, says which, and leaves the rest of the file as it is.
#[test]
fn certain_edits_are_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(folder.path(), &TINY.replacen("unfinished", "unfinishde", 1));
    let output = recipec(&["check", "--fix", "a.recipe"], folder.path());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("`unfinishde` is now `unfinished`"), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&path).expect("the recipe"), TINY);
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1, "nothing is left beside it");

    // Without a certain edit nothing is written, and standard input cannot be.
    let open = TINY.replacen("8 rollouts", "8 groups", 1);
    assert_ne!(open, TINY);
    write(folder.path(), &open);
    assert_eq!(code(&recipec(&["check", "--fix", "a.recipe"], folder.path())), 1);
    assert_eq!(std::fs::read_to_string(&path).expect("the recipe"), open);
    assert_eq!(code(&recipec(&["check", "--fix", "-"], folder.path())), 2);

    // Bytes that are no text are not lost.
    let mut bytes = TINY.replacen("unfinished", "unfinishde", 1).into_bytes();
    bytes.extend_from_slice(b"// \xff\n");
    std::fs::write(&path, &bytes).expect("the recipe");
    assert_eq!(code(&recipec(&["check", "--fix", "a.recipe"], folder.path())), 2);
    assert_eq!(std::fs::read(&path).expect("the recipe"), bytes);
}

/// Rows and columns of a file beside the recipe are known to a check; what is not known is a note and no problem.
#[test]
fn local_files_are_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = TINY.replacen("builtin(\"arithmetic\")", "file(\"rows.jsonl\")", 1);
    assert_ne!(own, TINY);
    write(folder.path(), &own);
    let output = recipec(&["check", "a.recipe"], folder.path());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(said.contains("not decided: whether `file(\"rows.jsonl\")` has the columns"), "{said}");

    let row = |columns: &str| format!("{{\"prompt\":\"1+1\",\"demonstration\":\"#2\"{columns}}}\n").repeat(100_000);
    std::fs::write(folder.path().join("rows.jsonl"), row(",\"answer\":\"2\"")).expect("rows");
    let output = recipec(&["check", "--strict", "a.recipe"], folder.path());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(!said.contains("not decided: whether `file"), "{said}");
    std::fs::write(folder.path().join("rows.jsonl"), row("")).expect("rows");
    let output = recipec(&["check", "a.recipe"], folder.path());
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("recipe::data::unknown_column"), "{}", stderr(&output));
}

/// The hash is one line; it depends on what the recipe means and on nothing else.
#[test]
fn hash_is_the_identity() {
    let hash = |args: &[&str]| {
        let output = recipec(&[&["hash"], args].concat(), &repository());
        assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    };
    let base = hash(&["recipes/quickstart.recipe"]);
    assert!(base.len() == 64 && base.chars().all(|c| c.is_ascii_hexdigit()), "{base}");
    assert_ne!(hash(&["recipes/quickstart.recipe", "--set", "seed=2"]), base);
    assert_ne!(hash(&["recipes/quickstart.recipe", "--variant", "with_kl"]), base);
    assert_eq!(hash(&["recipes/quickstart.recipe", "--set", "seed=1"]), base);
    let canonical = hash(&["--canonical", "recipes/quickstart.recipe"]);
    assert!(canonical.starts_with("recipec identity 1\n") && canonical.contains("\nseed = 1"), "{canonical}");
    let all = hash(&["--all", "recipes/apriel_reasoner.recipe"]);
    assert_eq!(all.lines().count(), 1 + 4 + 3, "itself, its variants, the points of its sweep: {all}");
    assert!(all.contains("  variant uniform_mix\n") && all.ends_with("  gamma = 1.0"), "{all}");
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &TINY.replacen("output     = 32 tokens", "output     = 32 rollouts", 1));
    assert_eq!(code(&recipec(&["hash", "a.recipe"], folder.path())), 1);
}

#[test]
fn diff_tells_meanings_apart() {
    let quickstart = "recipes/quickstart.recipe";
    let run = |args: &[&str]| recipec(&[&["diff"], args].concat(), &repository());
    let out = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let same = run(&[quickstart, quickstart, "--exit-code"]);
    assert_eq!(code(&same), 0);
    assert!(out(&same).contains("have the same meaning"), "{}", out(&same));
    let other = run(&[quickstart, "--variant", "placebo"]);
    assert_eq!(code(&other), 0, "a difference is no failure");
    assert!(out(&other).contains("reward.shuffled\n  - false  (default of edition 2026)\n  + true"), "{}", out(&other));
    assert_eq!(code(&run(&[quickstart, "--variant", "placebo", "--exit-code"])), 1);
    let json = run(&[quickstart, "--set", "gamma=1", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json["same"], false);
    assert_eq!(json["differences"][0]["path"], "penalty.difficulty_aware");
    assert_eq!(json["differences"][0]["because"][0]["name"], "gamma");
    assert_eq!(code(&run(&[quickstart])), 2, "nothing to compare with");
    assert_eq!(code(&run(&["-", "-"])), 2);
    assert_eq!(code(&run(&[quickstart, "missing.recipe"])), 2);
    assert_eq!(code(&run(&[quickstart, "--variant", "no_such"])), 1);
}

#[test]
fn explain_says_what_a_recipe_does() {
    let run = |args: &[&str]| recipec(&[&["explain", "recipes/apriel_reasoner.recipe"], args].concat(), &repository());
    let out = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let whole = out(&run(&[]));
    for expected in [
        "What is trained",
        "math 40% (0.4), code 25% (0.25)",
        "penalty.difficulty_aware = overlong(length) * scale",
        "source arXiv 2604.02007, difficulty-aware length penalty",
        "train.optimizer.beta1",
        "(default of edition 2026)",
        "because \"a short answer",
        "Variants\n  uniform_mix\n    domain.code.ratio: 25% (0.25) → 20% (0.2)",
        "Points of the sweeps\n  gamma = 0.25  ",
    ] {
        assert!(whole.contains(expected), "`{expected}` is not in\n{whole}");
    }
    let part = out(&run(&["train.optimizer"]));
    assert!(part.contains("train.optimizer.lr") && !part.contains("train.group"), "{part}");
    let wrong = run(&["train.optimiser"]);
    assert_eq!((code(&wrong), out(&wrong).as_str()), (2, ""));
    assert!(stderr(&wrong).contains("did you mean `train.optimizer`?"), "{}", stderr(&wrong));
    assert!(!out(&run(&["--defaults"])).contains("train.group "));
    let json: serde_json::Value = serde_json::from_slice(&run(&["--json"]).stdout).expect("JSON");
    assert!(json["sections"].as_array().is_some_and(|sections| sections.len() > 8));
    assert!(out(&run(&["difficulty_aware", "--as", "latex"])).contains("\\begin{cases}"));
    assert!(out(&run(&["reward.total", "--as", "python"])).starts_with("def total(*, difficulty_aware, outcome):"));
    assert!(out(&run(&["mix.weight", "--as", "text"])).starts_with("ratio * clip("));
    let none = run(&["train.group", "--as", "text"]);
    assert_eq!(code(&none), 2);
    assert!(stderr(&none).contains("no formula `train.group`"), "{}", stderr(&none));
    assert_eq!(code(&run(&["--as", "text"])), 2, "a notation needs a path");
}

/// `eval` prints one value a line, or an object; what it cannot answer is a usage error that names what it reads.
#[test]
fn formulas_are_evaluated_at_stated_signals() {
    let folder = tempfile::tempdir().expect("a folder");
    let ask = |args: &[&str]| recipec(&[&["eval", "recipes/quickstart.recipe"], args].concat(), &repository());
    let said = |args: &[&str]| {
        let output = ask(args);
        assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).expect("text")
    };
    let signals = ["difficulty_aware", "length=96", "correct", "finished", "solve_rate=0.25"];
    assert_eq!(said(&signals), "-0.5\n");
    assert_eq!(said(&[&signals[..], &["--set", "gamma=1"]].concat()), "-0.25\n");
    assert_eq!(said(&["overlong", "n=24,60 tokens,96"]), "0\n-0.5\n-1\n");
    let object: serde_json::Value = serde_json::from_str(&said(&["overlong", "n=60", "--json"])).expect("JSON");
    assert_eq!((&object["path"], &object["values"][0]), (&"formula.overlong".into(), &(-0.5).into()));
    assert_eq!((&object["in_force"]["budget.buffer"], &object["schema"]), (&72.0.into(), &1.into()));
    for (args, expected) in [
        (&["difficulty_aware", "length=96"][..], "`solve_rate`"),
        (&["difficulty_aware", "lenght=96"], "did you mean `length`?"),
        (&["difficulty", "length=96"], "`penalty.difficulty_aware`"),
    ] {
        let output = ask(args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
    }
    write(folder.path(), &TINY.replacen("ratio = 20%", "ratio = 17%", 1));
    let wrong = recipec(&["eval", "a.recipe", "overlong", "n=1", "--json"], folder.path());
    let line: serde_json::Value = serde_json::from_slice(&wrong.stdout).expect("JSON");
    assert_eq!((code(&wrong), &line["code"]), (1, &"recipe::ratios::sum_not_one".into()));
}
