//! `recipec simulate`: what the book shows is what the program says, and wrong words are usage errors.

use std::path::Path;
use std::process::{Command, Output};

fn recipec(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipec"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("the program starts")
}

#[test]
fn the_book_shows_what_is_said() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/simulate.md");
    let page = std::fs::read_to_string(page).expect("the page").replace("\\\n", " ");
    let mut shown = 0;
    for fence in page.split("```text\n").skip(1).filter_map(|rest| rest.split("\n```").next()) {
        let (command, output) = fence.split_once('\n').expect("a command and what it says");
        let args: Vec<&str> = command.strip_prefix("$ recipec ").expect("a command").split_whitespace().collect();
        let said = recipec(&args);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let parts: Vec<&str> = output.split("…\n").collect();
        assert!(said.starts_with(parts[0]) && said.trim_end().ends_with(parts[parts.len() - 1]), "{said}");
        shown += 1;
    }
    assert_eq!(shown, 2);
}

#[test]
fn the_way_there_is_json() {
    let said = recipec(&["simulate", "recipes/grpo.recipe", "--json", "--seeds", "2", "--groups", "600"]);
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!((said["schema"].as_u64(), said["groups"].as_u64()), (Some(1), Some(600)));
    let rules = said["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), 4);
    for rule in rules {
        assert_eq!(rule["seeds"].as_array().map(Vec::len), Some(2));
        let points = rule["seeds"][0]["points"].as_array().expect("points");
        assert_eq!(points.last().and_then(|point| point["groups"].as_u64()), Some(600));
    }
}

#[test]
fn wrong_words_are_usage_errors() {
    let recipe = "recipes/quickstart.recipe";
    for (args, part) in [
        (["--time", "mth=2"], "no domain `mth`"),
        (["--time", "math=-1"], "not above 0"),
        (["--kept", "math=140%"], "between 0% and 100%"),
        (["--shock", "math=3"], "DOMAIN=FACTOR@DRAW"),
        (["--stage", "warm_start"], "no stage `warm_start` draws from a mix"),
        (["--max-lag", "some"], "neither a number"),
    ] {
        let said = recipec(&[&["simulate", recipe][..], &args[..]].concat());
        assert_eq!(said.status.code(), Some(2), "{args:?}");
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains(part), "{args:?}: {said}");
    }
}
