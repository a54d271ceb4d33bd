//! Every diagnostic code is shown by a bad recipe and explained in the book, or it says here why not.

use recipec_compiler::diagnostic::codes;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Codes that no recipe can cause in this version, with the reason.
const NOT_CAUSED: &[(&str, &str)] = &[];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Codes on the first lines of the cases, each with the cases that expect it.
fn expected() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut open = vec![repository().join("tests/ui")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder of the cases") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            if path.extension().is_none_or(|end| end != "recipe") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            let first = text.lines().next().and_then(|line| line.strip_prefix("// expect: "));
            for code in first.into_iter().flat_map(|codes| codes.split(',')) {
                found.entry(code.trim().to_string()).or_default().push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn every_code_has_a_bad_recipe_or_a_reason() {
    let expected = expected();
    let excused: BTreeMap<&str, &str> = NOT_CAUSED.iter().copied().collect();
    for code in codes::all() {
        let at_run_time = matches!(code.area(), "graph" | "run" | "export" | "pack");
        if at_run_time && !expected.contains_key(code.name()) {
            continue; // a check never emits these: they come from the graph, and from commands whose own tests cause them
        }
        match (expected.contains_key(code.name()), excused.get(code.name())) {
            (true, None) => {}
            (true, Some(why)) => panic!("{code} has a case now, so take it off the list: {why}"),
            (false, Some(why)) => assert!(why.len() > 20, "{code}: a reason is a sentence"),
            (false, None) => panic!("{code} has no case: add `tests/ui/{}/….recipe`", code.area()),
        }
    }
    let known: BTreeSet<&str> = codes::all().map(codes::Code::name).collect();
    for (code, cases) in &expected {
        assert!(known.contains(code.as_str()), "{code} is not in the registry: {cases:?}");
    }
    for (code, _) in NOT_CAUSED {
        assert!(known.contains(code), "{code} is not in the registry");
    }
}

/// A case lies in the folder of an area that it expects, so that a reader of the registry finds it.
#[test]
fn cases_lie_where_they_are_looked_for() {
    for (code, cases) in expected() {
        let area = code.split("::").nth(1).unwrap_or_default();
        let near = cases.iter().any(|case| case.replace('\\', "/").contains(&format!("tests/ui/{area}/")));
        assert!(near, "no case of {code} lies in tests/ui/{area}");
    }
}

#[test]
fn every_code_has_a_section_in_the_book() {
    let path = repository().join("book/src/diagnostics.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    for code in codes::all() {
        assert!(text.contains(&format!("### `{code}`\n")), "{code} has no section in {}", path.display());
        assert!(text.contains(code.row().why), "{code}: the book does not say why");
    }
}

/// Codes that the runtime and the graph print are rows of the registry, so that `recipec explain` knows them.
#[test]
fn codes_of_a_run_are_registered() {
    let known: BTreeSet<&str> = codes::all().map(codes::Code::name).collect();
    let mut seen = 0;
    for file in ["runtime/src/error.rs", "compiler/src/graph.rs"] {
        let text = std::fs::read_to_string(repository().join(file)).unwrap_or_else(|why| panic!("{file}: {why}"));
        for piece in text.split('"').filter(|piece| piece.starts_with("recipe::")) {
            assert!(known.contains(piece), "{file} prints `{piece}`, which is not in the registry");
            seen += 1;
        }
    }
    assert!(seen >= 15, "{seen} codes were found");
}

/// The tables of `checks.md` set a defect beside a code and a bad recipe: the code is in the registry and has its page, and the
/// recipe expects it. A code that only a run can give has none.
#[test]
fn the_tables_of_defects_are_true() {
    let page = std::fs::read_to_string(repository().join("book/src/language/checks.md")).expect("the page");
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with("| ") && line.contains("`recipe::")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [.., code, case] = cells.as_slice() else { panic!("a row of too few cells: {line}") };
        let row = codes::Code::named(code).unwrap_or_else(|| panic!("{code} is not in the registry: {line}"));
        assert!(!row.row().what.is_empty() && !row.row().bad.is_empty(), "{code} has no page");
        rows += 1;
        if code.starts_with("recipe::run::") {
            assert_eq!(*case, "before the first step", "{line}");
            continue;
        }
        let path = repository().join("tests/ui").join(format!("{case}.recipe"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}: {line}", path.display()));
        let expected = text.lines().next().and_then(|line| line.strip_prefix("// expect: ")).unwrap_or_default();
        assert!(expected.split(',').any(|one| one.trim() == *code), "{case} expects {expected}, not {code}");
    }
    assert!(rows >= 45, "{rows} rows were found");
}
