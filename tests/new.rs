//! `recipec new`: every template is a recipe that checks without a word, passes its tests and is laid out.

use std::path::Path;
use std::process::{Command, Output};

const TEMPLATES: [&str; 3] = ["quickstart", "apriel", "minimal"];

fn recipec(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipec"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1").output().expect("the program starts")
}

fn fine(args: &[&str], folder: &Path) -> String {
    let output = recipec(args, folder);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{args:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_template_is_a_good_recipe() {
    let folder = tempfile::tempdir().expect("a folder");
    for template in TEMPLATES {
        let name = format!("my_{template}");
        let file = format!("{name}.recipe");
        fine(&["new", &name, "--from", template], folder.path());
        let text = std::fs::read_to_string(folder.path().join(&file)).expect("the recipe");
        assert!(text.contains(&format!("recipe {name} {{ edition = 2026 }}")), "{text}");
        fine(&["check", "--strict", &file], folder.path());
        let tests = fine(&["test", &file], folder.path());
        assert!(tests.contains(" passed, 0 failed") && !tests.contains(": 0 passed"), "{tests}");
        fine(&["fmt", "--check", &file], folder.path());
    }
    // The folder of the templates holds what is listed here and nothing else.
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/new");
    assert_eq!(std::fs::read_dir(templates).expect("the templates").count(), TEMPLATES.len());
}

#[test]
fn nothing_is_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine.recipe"), "mine").expect("written");
    for name in ["mine", "mine.recipe"] {
        let output = recipec(&["new", name], folder.path());
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("is there already"));
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("mine.recipe")).expect("read"), "mine");
    for name in ["2nd", "a-b", "", "no/such/folder/a"] {
        assert_eq!(recipec(&["new", name], folder.path()).status.code(), Some(2), "{name}");
    }
    assert_eq!(recipec(&["new", "a", "--from", "nothing"], folder.path()).status.code(), Some(2));
}

/// The template that is meant to be run runs: a few steps of it, with the same data, stages and evaluation.
#[cfg(feature = "run")]
#[test]
fn the_quickstart_template_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    fine(&["new", "first"], folder.path());
    let file = folder.path().join("first.recipe");
    let text = std::fs::read_to_string(&file).expect("the recipe");
    let short = text.replace("= 60 steps", "= 2 steps").replace("= 500 steps", "= 2 steps");
    let short = short.replace("problems = 50 problems", "problems = 4 problems");
    assert_eq!(short.matches("= 2 steps").count(), 2, "{short}");
    std::fs::write(&file, short).expect("written");
    let output = recipec(&["run", "first.recipe"], folder.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(folder.path().join("runs/first-1/report.html").is_file(), "a report");
}
