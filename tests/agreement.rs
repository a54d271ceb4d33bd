//! The table of `book/src/verifiers/agreement.md` says the truth: every case in the repository that a verifier answers otherwise than
//! the reference is listed there, and no other one is. `scripts/agreement --write` makes the table.

use recipec_runtime::verify::cases::{Domain, Judge};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// `python_tests` has tests of its own beside the sandbox; its cases take minutes.
const FILES: [&str; 4] = ["math", "ifeval", "fn_calling", "logic"];

#[test]
fn the_book_lists_every_disagreement() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("book/src/verifiers/agreement.md")).expect("the page");
    let listed: BTreeSet<(String, String)> = page
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            (cells.len() == 6 && cells[1].contains('-') && !cells[1].starts_with("---"))
                .then(|| (cells[0].to_owned(), cells[1].to_owned()))
        })
        .collect();
    for name in FILES {
        let domain = Domain::named(name).expect("a domain");
        let text = std::fs::read_to_string(root.join(format!("tests/conformance/{name}.jsonl"))).expect("cases");
        let mut judge = Judge::new(domain, BTreeMap::new());
        let (mut undisputed, mut agree) = (0, 0);
        for (at, line) in text.lines().enumerate() {
            let case: Value = serde_json::from_str(line).expect("JSON");
            let answer = judge.judge_value(at, &case);
            let label = answer.label.expect("a label");
            undisputed += usize::from(!label.disputed);
            agree += usize::from(!label.disputed && label.agrees);
            let id = case["id"].as_str().expect("an id").to_owned();
            let is_listed = listed.contains(&(domain.verifier().to_owned(), id.clone()));
            assert_eq!(is_listed, !label.agrees, "{name} {id}: run scripts/agreement --write");
        }
        assert!(agree * 100 >= undisputed * 99, "{name}: {agree} of {undisputed}");
        println!("{name}: {agree} of {undisputed} undisputed cases agree");
    }
    // The rows of the table hold their floors, too.
    let mut rows = 0;
    for cells in page.lines().map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>()) {
        if let [_, _, _, _, share, floor, _, _] = cells.as_slice()
            && let (Some(share), Some(floor)) = (share.strip_suffix('%'), floor.strip_suffix('%'))
        {
            let number = |text: &str| text.parse::<f64>().expect("a number");
            assert!(number(share) >= number(floor), "{cells:?}");
            rows += 1;
        }
    }
    assert_eq!(rows, 5, "a row for each verifier");
}
