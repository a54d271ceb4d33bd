//! Bad recipes and what is said about them; good recipes, about which nothing is said.
//!
//! Each file of `ui/` has one fault. Its first line says which diagnostics are expected (`// expect: CODE`, several with commas), and the
//! snapshot beside it pins source and message together. Lines right below may say `// variant: NAME`, `// set: NAME=VALUE`,
//! `// strict` and `// json` (the snapshot then holds the lines for programs too), and what is known of the world:
//! `// fact: file("rows.jsonl") rows=100 columns=prompt,answer digest=d1`, `// fact: folder("base") context=4096`. `UPDATE=1 cargo test --test ui` writes the snapshots
//! again: read the difference before it is committed. Folders named `parts` hold files that other recipes extend or import.

use recipec_compiler::diagnostic::{fixes, human, json};
use recipec_compiler::facts::Facts;
use recipec_compiler::{Checked, FileId, Loader, Options, Source, check};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Characters per line of a snapshot.
const WIDTH: usize = 110;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Recipes below a folder, sorted; those in `parts` are not cases of their own.
fn recipes(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![repository().join("tests").join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "parts") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|end| end == "recipe") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Reads what a case extends or imports, from the folder of the case.
struct Beside(PathBuf);

impl Loader for Beside {
    fn load(&self, path: &str, _from: &Source) -> Result<Source, String> {
        let text = std::fs::read_to_string(self.0.join(path)).map_err(|_| "there is no such file".to_string())?;
        Ok(Source::new(FileId(0), path, text))
    }
}

/// A case with what its first lines ask for.
struct Case {
    name: String,
    text: String,
    expected: BTreeSet<String>,
    options: Options,
    json: bool,
}

impl Case {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let inside = path.strip_prefix(repository()).expect("a path of the repository");
        let name = inside.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        let (mut expected, mut options, mut json) = (BTreeSet::new(), Options::default(), false);
        for line in text.lines().map_while(|line| line.strip_prefix("// ")) {
            match line.split_once(": ") {
                Some(("expect", codes)) => expected.extend(codes.split(',').map(|code| code.trim().to_string())),
                Some(("variant", name)) => options.variant = Some(name.trim().to_string()),
                Some(("set", pair)) => {
                    let (name, value) = pair.split_once('=').expect("`// set: NAME=VALUE`");
                    options.set.push((name.trim().to_string(), value.trim().to_string()));
                }
                Some(("fact", known)) => fact(known, &mut options.facts),
                _ if line.trim() == "strict" => options.strict = true,
                _ if line.trim() == "json" => json = true,
                _ => {}
            }
        }
        Self { name, text, expected, options, json }
    }

    fn check(&self, path: &Path) -> Checked {
        let folder = path.parent().expect("a folder").to_path_buf();
        check(Source::new(FileId(0), self.name.as_str(), self.text.as_str()), &Beside(folder), &self.options)
    }
}

/// Reads `SOURCE key=value key=value` into what is known.
fn fact(line: &str, facts: &mut Facts) {
    let (source, known) = line.split_once(") ").expect("`// fact: SOURCE key=value`");
    let source = format!("{source})");
    for pair in known.split_whitespace() {
        let (key, value) = pair.split_once('=').expect("`key=value`");
        let number = || value.parse::<u64>().expect("a number");
        let data = facts.data.entry(source.clone()).or_default();
        match key {
            "context" => facts.models.entry(source.clone()).or_default().context = Some(number()),
            "rows" => data.rows = Some(number()),
            "columns" => data.columns = Some(value.split(',').map(str::to_string).collect()),
            "digest" => data.digest = Some(value.to_string()),
            other => panic!("unknown fact `{other}`"),
        }
    }
}

fn codes(checked: &Checked) -> BTreeSet<String> {
    checked.problems.sorted().iter().map(|d| d.code.name().to_string()).collect()
}

fn rendered(checked: &Checked) -> String {
    human::render(&checked.problems, &checked.sources, human::Style { width: WIDTH, colour: false })
}

/// Source and message together, as a reader of the snapshot wants them.
fn snapshot(case: &Case, checked: &Checked) -> String {
    let mut text = format!("{}\n{}\n{}\n\n{}", case.name, "=".repeat(case.name.len()), case.text, rendered(checked));
    if case.json {
        let _ = write!(text, "\n{}", json::render(&checked.problems, &checked.sources));
    }
    // Blanks at line ends are nobody's intent, and editors remove them.
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
}

fn updating() -> bool {
    std::env::var("UPDATE").is_ok_and(|value| !value.is_empty() && value != "0")
}

#[test]
fn bad_recipes_are_told_what_is_wrong() {
    let update = updating();
    let cases = recipes("ui");
    assert!(cases.len() >= 60, "only {} cases: were the files found?", cases.len());
    let mut faults = String::new();
    for path in cases {
        let case = Case::read(&path);
        let checked = case.check(&path);
        let found = codes(&checked);
        if case.expected.is_empty() || found != case.expected {
            let _ = writeln!(
                faults,
                "{}\n  expected {:?}\n  found    {found:?}\n{}",
                case.name,
                case.expected,
                rendered(&checked)
            );
            continue;
        }
        let made = snapshot(&case, &checked);
        let place = path.with_extension("snap");
        let there = std::fs::read_to_string(&place).unwrap_or_default().replace("\r\n", "\n");
        if made == there {
            continue;
        }
        if update {
            std::fs::write(&place, made).unwrap_or_else(|why| panic!("{}: {why}", place.display()));
        } else {
            let first = made.lines().zip(there.lines()).find(|(a, b)| a != b);
            let _ = writeln!(
                faults,
                "{} differs from its snapshot (first difference: {first:?}); it is now:\n{made}\n`UPDATE=1 cargo test --test ui` writes it",
                case.name
            );
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// A snapshot whose recipe is gone would be read by nobody.
#[test]
fn every_snapshot_belongs_to_a_recipe() {
    let mut open = vec![repository().join("tests/ui")];
    let mut seen = 0;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder of the cases") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "snap") {
                seen += 1;
                assert!(path.with_extension("recipe").is_file(), "{} has no recipe", path.display());
            }
        }
    }
    // While snapshots are being written, some are not there yet.
    assert!(updating() || seen == recipes("ui").len(), "one snapshot for each case");
}

#[test]
fn messages_keep_their_form() {
    for path in recipes("ui") {
        let case = Case::read(&path);
        let checked = case.check(&path);
        for diagnostic in checked.problems.sorted() {
            let (name, message) = (&case.name, &diagnostic.message);
            assert!(!message.ends_with('.') && !message.is_empty(), "{name}: a headline has no full stop: {message}");
            let first = message.chars().next().is_some_and(char::is_uppercase);
            assert!(
                !first || message.starts_with("KL") || message.starts_with("JSON"),
                "{name}: lower case: {message}"
            );
            for label in &diagnostic.labels {
                let source = checked.sources.iter().find(|s| s.id == label.span.file).expect("a source of the label");
                assert!(source.text.get(label.span.start..label.span.end).is_some(), "{name}: a place in the text");
            }
            if let Some(fix) = &diagnostic.fix {
                let source = checked.sources.iter().find(|s| s.id == fix.span.file).expect("a source of the fix");
                assert!(source.text.get(fix.span.start..fix.span.end).is_some(), "{name}: a fix in the text");
            }
        }
    }
}

/// A fix is an edit that can be made without thinking: the recipe with it has one problem of its kind less, and no new kind.
#[test]
fn fixes_mend_what_they_are_about() {
    let (mut tried, mut faults) = (0, String::new());
    for path in recipes("ui") {
        let case = Case::read(&path);
        let before = case.check(&path);
        for diagnostic in before.problems.sorted() {
            let Some(fix) = diagnostic.fix.as_ref().filter(|fix| fix.span.file == FileId(0)) else { continue };
            tried += 1;
            let mut text = case.text.clone();
            text.replace_range(fix.span.start..fix.span.end, &fix.replace_with);
            let after = Case { text, ..Case::read(&path) }.check(&path);
            let count =
                |checked: &Checked| checked.problems.sorted().iter().filter(|d| d.code == diagnostic.code).count();
            let new: Vec<String> = codes(&after).difference(&codes(&before)).cloned().collect();
            if count(&after) >= count(&before) || !new.is_empty() {
                let _ = writeln!(
                    faults,
                    "{}: `{}` does not mend `{}`\n{}",
                    case.name,
                    fix.replace_with,
                    diagnostic.message,
                    rendered(&after)
                );
            }
        }
    }
    assert!(tried >= 20, "only {tried} fixes were tried");
    assert!(faults.is_empty(), "{faults}");
}

/// What `check --fix` makes of each bad recipe: what was certain is mended, and no ratio has become another.
#[test]
fn certain_fixes_are_made_and_ratios_are_never_guessed() {
    let (mut mended_cases, mut faults) = (0, String::new());
    for path in recipes("ui") {
        let case = Case::read(&path);
        let folder = path.parent().expect("a folder").to_path_buf();
        let run = |text: &str| {
            check(Source::new(FileId(0), case.name.as_str(), text), &Beside(folder.clone()), &case.options)
        };
        let before = run(&case.text);
        let wanted = fixes::certain(&before, FileId(0));
        let mended = fixes::mend(&case.text, &run);
        if wanted.is_empty() {
            assert_eq!(mended.text, case.text, "{}: nothing was certain", case.name);
            continue;
        }
        mended_cases += 1;
        let left = fixes::certain(&mended.checked, FileId(0));
        let fewer = mended.checked.problems.errors() + mended.checked.problems.warnings()
            < before.problems.errors() + before.problems.warnings();
        if mended.made.is_empty() || !left.is_empty() || !fewer {
            let _ =
                writeln!(faults, "{}: made {:?}, left {left:?}\n{}", case.name, mended.made, rendered(&mended.checked));
        }
        let numbers = |text: &str| {
            let is_part = |c: char| !(c.is_ascii_digit() || c == '.' || c == '%');
            let found: Vec<String> =
                text.split(is_part).filter(|n| n.contains(|c: char| c.is_ascii_digit())).map(str::to_string).collect();
            found
        };
        assert_eq!(numbers(&mended.text), numbers(&case.text), "{}: a number was changed", case.name);
    }
    assert!(mended_cases >= 15, "only {mended_cases} cases have a certain fix");
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn good_recipes_are_met_with_silence() {
    let cases = recipes("accept");
    assert!(cases.len() >= 12, "only {} cases: were the files found?", cases.len());
    for path in cases {
        let case = Case::read(&path);
        let checked = Case { options: Options { strict: true, ..case.options.clone() }, ..case }.check(&path);
        assert!(codes(&checked).is_empty(), "{}\n{}", path.display(), rendered(&checked));
        let recipe = checked.recipe.unwrap_or_else(|| panic!("{}: no recipe", path.display()));
        recipec_compiler::compile(&recipe).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        for (test, outcome) in recipe.tests.iter().zip(recipec_compiler::recipe_tests::run_tests(&recipe)) {
            assert_eq!(
                outcome,
                recipec_compiler::recipe_tests::Outcome::Passed,
                "{}: test \"{}\"",
                path.display(),
                test.title
            );
        }
        for variant in &recipe.variants {
            let options = Options { variant: Some(variant.clone()), strict: true, ..Options::default() };
            let case = Case { options, ..Case::read(&path) };
            let checked = case.check(&path);
            assert!(codes(&checked).is_empty(), "{} under {variant}\n{}", path.display(), rendered(&checked));
        }
    }
}
