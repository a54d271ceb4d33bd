//! `recipec sweep` from outside: the product of variants, points and seeds, what is skipped and resumed, failures, interruptions.

#[path = "common/program.rs"]
mod program;

use program::{done, said, start};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const TINY: &str = include_str!("fixtures/tiny.recipe");

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

/// The tiny recipe without its warm start, with two values of a param to sweep, and a checkpoint after every step.
fn recipe(steps: u64) -> String {
    let head = TINY.split("stage warm_start").next().expect("the part before the stages");
    let head = head.replacen("every = 2 steps  keep = 2", "every = 1 steps  keep = 2", 1);
    let head = head.replacen("steps      = 6 steps", &format!("steps      = {steps} steps"), 1);
    format!("{head}\nvariant two_updates {{ override train.updates = 2 }}\nsweep wrong_scale in [0.25, 0.5]\n")
}

/// Folder and digest of every run in a report.
fn digests(report: &Value) -> BTreeMap<String, String> {
    let runs = report["configurations"].as_array().expect("configurations").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    runs.flat_map(|one| one["runs"].as_array().expect("runs"))
        .map(|run| (text(&run["folder"]), text(&run["weights_digest"])))
        .collect()
}

/// Waits until a file is below the folder of a sweep.
fn wait_for(sweep: &Path, name: &str) {
    for _ in 0..6000 {
        let runs = std::fs::read_dir(sweep).into_iter().flatten().flatten();
        if runs.into_iter().any(|run| run.path().join(name).exists()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no {name} in {}", sweep.display());
}

/// Variants times points times seeds, each the run that `recipec run` makes, with mean and spread by hand; nothing is done twice, and
/// the number of jobs changes no bit.
#[test]
fn a_sweep_is_the_product_and_nothing_is_done_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    std::fs::write(here.join("a.recipe"), recipe(3)).expect("a recipe");
    let all = ["sweep", "a.recipe", "--variants", "base,two_updates", "--seeds", "2", "--into", "s"];
    let list = done(&[&all[..], &["--list"]].concat(), here);
    assert_eq!(list.lines().filter(|line| line.starts_with("waiting ")).count(), 8, "{list}");
    assert!(!here.join("s").exists(), "a list makes no folder");
    let report = parsed(&done(&[&all[..], &["--jobs", "3", "--json"]].concat(), here));
    assert_eq!((&report["runs"], &report["done"], &report["failed"]), (&8.into(), &8.into(), &0.into()));
    let names: Vec<&str> =
        report["configurations"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(
        names,
        [
            "wrong_scale = 0.25",
            "wrong_scale = 0.5",
            "two_updates, wrong_scale = 0.25",
            "two_updates, wrong_scale = 0.5"
        ]
    );
    let different: std::collections::BTreeSet<String> = digests(&report).into_values().collect();
    assert_eq!(different.len(), 8, "every run is its own");
    // One of them as a run of its own.
    let one =
        ["run", "a.recipe", "--variant", "two_updates", "--set", "wrong_scale=0.25", "--set", "seed=2", "--into", "r"];
    done(&one, here);
    let alone = parsed(&done(&["report", "--json", "r"], here));
    let cell = &report["configurations"][2];
    assert_eq!(cell["runs"][1]["seed"], 2);
    assert_eq!(cell["runs"][1]["weights_digest"], alone["weights_digest"]);
    assert_eq!(cell["suites"]["cap"]["pass_at_1"]["values"][1], alone["final"]["cap"]["macro"]["pass_at_1"]);
    // Of two values the mean is the middle, and the sample deviation is their distance by the root of two.
    for quantity in ["pass_at_1", "mean_tokens"] {
        let found = &cell["suites"]["cap"][quantity];
        let [a, b] = [0, 1].map(|at| found["values"][at].as_f64().expect("a value"));
        assert!((found["mean"].as_f64().unwrap() - (a + b) / 2.0).abs() < 1e-12);
        assert!((found["spread"].as_f64().unwrap() - (a - b).abs() / 2f64.sqrt()).abs() < 1e-12);
    }
    let page = std::fs::read_to_string(here.join("s/report.html")).expect("a page");
    assert!(page.contains("two_updates, wrong_scale = 0.25") && page.ends_with("</html>\n"));
    assert_eq!(parsed(&std::fs::read_to_string(here.join("s/sweep.json")).expect("a report")), report);
    for (run, _) in digests(&report) {
        assert!(here.join("s").join(&run).join("report.html").is_file(), "{run}");
    }
    // Again: nothing is left to do, whatever a folder is called.
    let (first, _) = digests(&report).into_iter().next().expect("a run");
    std::fs::rename(here.join("s").join(&first), here.join("s/moved")).expect("a move");
    let metrics = || std::fs::metadata(here.join("s/moved/metrics.jsonl")).and_then(|m| m.modified()).expect("a time");
    let before = metrics();
    let (code, out, err) = said(&all, here);
    assert!(code == 0 && out.contains("8 runs, 8 of them done before") && !err.contains("[1 of"), "{out}\n{err}");
    assert_eq!(metrics(), before);
    // Another number of jobs and threads, in another folder.
    let report_of_one = ["sweep", "a.recipe", "--variants", "base,two_updates", "--seeds", "2", "--into", "t"];
    let single = parsed(&done(&[&report_of_one[..], &["--jobs", "1", "--threads", "1", "--json"]].concat(), here));
    assert_eq!(digests(&single), digests(&report), "jobs change no bit");
    // Another recipe is other runs; those that are there stay, and are said.
    std::fs::write(here.join("a.recipe"), recipe(2)).expect("a recipe");
    let (code, out, err) = said(&["sweep", "a.recipe", "--set", "wrong_scale=0.5", "--into", "s"], here);
    assert!(
        code == 0 && out.contains("1 runs of 1 configurations; 1 done") && out.contains("8 runs ("),
        "{out}\n{err}"
    );
}

/// A failed run is said, and the others are made.
#[test]
fn a_failed_run_does_not_stop_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let broken = "variant broken { override domain.math.data = file(\"absent.jsonl\") }";
    std::fs::write(
        here.join("a.recipe"),
        format!("{}\n{broken}\n", recipe(2).replace("sweep wrong_scale in [0.25, 0.5]", "")),
    )
    .expect("a recipe");
    let all = ["sweep", "a.recipe", "--variants", "broken,base", "--into", "s"];
    let (code, out, err) = said(&all, here);
    assert_eq!(code, 3, "{out}\n{err}");
    assert!(out.contains("2 runs of 2 configurations; 1 done, 1 failed, 0 left"), "{out}\n{err}");
    assert!(out.contains("failed: broken-seed1-") && out.contains("recipe::run::data"), "{out}");
    assert!(std::fs::read_to_string(here.join("s/report.html")).expect("a page").contains("absent.jsonl"));
    // With the data there, the same command makes what failed.
    let rows: String = (0..60).map(|n| format!("{{\"prompt\":\"{n}+{n}=\",\"answer\":\"{}\"}}\n", 2 * n)).collect();
    std::fs::write(here.join("absent.jsonl"), rows).expect("rows");
    std::fs::remove_dir_all(here.join("s").join(folder_of(&out))).ok();
    let (code, out, err) = said(&all, here);
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(out.contains("1 of them done before") && out.contains("2 done, 0 failed"), "{out}");
}

fn folder_of(out: &str) -> String {
    out.lines().find_map(|line| line.strip_prefix("failed: ")).expect("a failed run").to_string()
}

/// Killed or interrupted, a sweep goes on with the same command to the same bits.
#[test]
fn a_sweep_goes_on_after_a_kill_and_an_interruption() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    std::fs::write(here.join("a.recipe"), recipe(12)).expect("a recipe");
    let into = |name| ["sweep", "a.recipe", "--jobs", "2", "--threads", "2", "--no-probe", "--json", "--into", name];
    let whole = parsed(&done(&into("whole"), here));
    assert_eq!(whole["done"], 2);
    let mut child = start(&into("killed"), here);
    wait_for(&here.join("killed"), "checkpoints/step-3");
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let list = done(&["sweep", "a.recipe", "--into", "killed", "--list"], here);
    assert!(list.contains("interrupted") || list.contains("waiting"), "{list}");
    assert_eq!(digests(&parsed(&done(&into("killed"), here))), digests(&whole));
    // Ctrl-C: both runs are saved, and nothing else begins.
    let mut child = start(&into("stopped"), here);
    wait_for(&here.join("stopped"), "checkpoints/step-2");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("a signal");
    assert!(sent.success());
    let code = child.wait().expect("an end").code();
    assert_eq!(code, Some(130));
    let stopped = parsed(&std::fs::read_to_string(here.join("stopped/sweep.json")).expect("a report"));
    assert!(stopped["done"].as_u64() < Some(2), "{stopped}");
    assert_eq!(digests(&parsed(&done(&into("stopped"), here))), digests(&whole));
}

#[test]
fn one_sweep_works_in_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    std::fs::write(here.join("a.recipe"), recipe(400)).expect("a recipe");
    let mut child = start(&["sweep", "a.recipe", "--into", "s", "--no-probe"], here);
    wait_for(&here.join("s"), "plan.json");
    let (code, _, err) = said(&["sweep", "a.recipe", "--into", "s"], here);
    child.kill().expect("a kill");
    child.wait().expect("an end");
    assert!(code == 3 && err.contains("another sweep works in `s`"), "{err}");
}

#[test]
fn wrong_words_are_usage_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    std::fs::write(here.join("a.recipe"), recipe(2)).expect("a recipe");
    let seedless = TINY.replacen("param seed        : integer        = 1", "", 1);
    std::fs::write(here.join("seedless.recipe"), seedless).expect("a recipe");
    std::fs::write(here.join("swept.recipe"), format!("{TINY}\nsweep seed in [1, 2]\n")).expect("a recipe");
    std::fs::write(here.join("wrong.recipe"), recipe(2).replacen("ratio = 50%", "ratio = 60%", 1)).expect("a recipe");
    for (args, code, words) in [
        (&["a.recipe", "--variants", "none_such"][..], 2, "it has two_updates"),
        (&["a.recipe", "--variants", ","], 2, "names no variant"),
        (&["a.recipe", "--seeds", "0"], 2, "at least one seed"),
        (&["a.recipe", "--seeds", "1,1"], 2, "twice"),
        (&["a.recipe", "--jobs", "0"], 2, "--jobs"),
        (&["-"], 2, "standard input"),
        (&["absent.recipe"], 2, "absent.recipe"),
        (&["seedless.recipe", "--seeds", "2"], 2, "param seed"),
        (&["swept.recipe", "--seeds", "2"], 2, "sweeps `seed` itself"),
        (&["wrong.recipe"], 1, "no run was begun"),
        (&["a.recipe", "--set", "gamma=9"], 1, "no run was begun"),
    ] {
        let (found, out, err) = said(&[&["sweep"], args, &["--into", "s"]].concat(), here);
        assert_eq!(found, code, "{args:?}\n{out}\n{err}");
        assert!(err.contains(words), "{args:?} does not say `{words}`:\n{err}");
        assert!(!here.join("s").exists(), "{args:?}: nothing is made");
    }
    // Without `--seeds`, a sweep over seeds is a sweep like any other.
    let list = done(&["sweep", "swept.recipe", "--list"], here);
    assert!(list.contains("base-seed=1-seed1-") && list.contains("base-seed=2-seed2-"), "{list}");
}
