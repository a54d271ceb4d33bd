//! Every guarantee of the repository is decided, and the book says how: the table of `language/guarantees.md` is written by this
//! test when it differs, and the test fails once.

use recipec_compiler::prove::{Decision, words};
use recipec_compiler::{FileId, Loader, Options, Recipe, Source, check};
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct Beside(PathBuf);

impl Loader for Beside {
    fn load(&self, path: &str, _from: &Source) -> Result<Source, String> {
        let text = std::fs::read_to_string(self.0.join(path)).map_err(|_| "there is no such file".to_string())?;
        Ok(Source::new(FileId(0), path, text))
    }
}

/// Recipes directly in a folder, sorted.
fn recipes(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join(folder)).unwrap_or_else(|why| panic!("{folder}: {why}"));
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| path.extension().is_some_and(|end| end == "recipe"));
    found.sort();
    found
}

fn read(path: &Path, variant: Option<&str>) -> Recipe {
    let text = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    let options = Options { variant: variant.map(str::to_string), ..Options::default() };
    let folder = path.parent().expect("a folder").to_path_buf();
    let checked = check(Source::new(FileId(0), name, text), &Beside(folder), &options);
    checked.recipe.unwrap_or_else(|| panic!("{} under {variant:?} has errors", path.display()))
}

/// Rows of the table: recipe, guarantee, decisions of the base and of every variant.
type Row = (String, String, Vec<(Option<String>, Decision)>);

fn rows(folder: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for path in recipes(folder) {
        let base = read(&path, None);
        let variants = base.variants.iter().cloned().map(Some);
        let all: Vec<(Option<String>, Recipe)> = std::iter::once(None)
            .chain(variants)
            .map(|variant| (variant.clone(), read(&path, variant.as_deref())))
            .collect();
        for (at, guarantee) in base.guarantees.iter().enumerate() {
            let decisions = all
                .iter()
                .map(|(variant, recipe)| {
                    let decision = recipe.guarantees.get(at).and_then(|g| g.decision.clone());
                    (variant.clone(), decision.unwrap_or_else(|| panic!("{}: no decision", path.display())))
                })
                .collect();
            let text = guarantee.text.split_whitespace().collect::<Vec<_>>().join(" ");
            rows.push((base.name.clone(), text, decisions));
        }
    }
    rows
}

/// What is said of the corpus of guarantees that do not hold: file, and the headline with its decision as two cells.
fn broken() -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for path in recipes("tests/ui/guarantees") {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let file = path.file_name().expect("a file").to_string_lossy().into_owned();
        let folder = path.parent().expect("a folder").to_path_buf();
        let checked = check(Source::new(FileId(0), file.as_str(), text), &Beside(folder), &Options::default());
        for diagnostic in checked.problems.sorted() {
            let decision = match diagnostic.code.name() {
                "recipe::guarantees::refuted" => "refuted",
                "recipe::guarantees::not_decided" => "not decided",
                _ => continue,
            };
            rows.push((file.clone(), format!("{} | {decision}", diagnostic.message)));
        }
    }
    assert!(rows.len() >= 6, "{} rows: were the files found?", rows.len());
    rows
}

#[test]
fn every_guarantee_of_the_repository_is_decided() {
    let mut seen = 0;
    for folder in ["recipes", "tests/accept"] {
        for (recipe, text, decisions) in rows(folder) {
            for (variant, decision) in decisions {
                seen += 1;
                assert_eq!(decision, Decision::Proved, "{folder}: {recipe} under {variant:?}: {text}");
            }
        }
    }
    assert!(seen >= 20, "{seen} decisions: were the files found?");
}

#[test]
fn the_book_has_the_table() {
    const BEGIN: &str = "<!-- the table is written by tests/guarantees.rs -->\n";
    const END: &str = "<!-- end of the table -->\n";
    let mut table = String::from("| recipe | guarantee | decision |\n| --- | --- | --- |\n");
    for folder in ["recipes", "tests/accept"] {
        for (recipe, text, decisions) in rows(folder) {
            let first = decisions.first().map(|(_, decision)| words::decision(decision)).unwrap_or_default();
            let same = decisions.iter().all(|(_, decision)| words::decision(decision) == first);
            let decision = match (same, decisions.len()) {
                (true, 1) => first,
                (true, many) => format!("{first}, and under {} variants", many - 1),
                (false, _) => decisions
                    .iter()
                    .map(|(variant, d)| format!("{}: {}", variant.as_deref().unwrap_or("base"), words::decision(d)))
                    .collect::<Vec<_>>()
                    .join("; "),
            };
            let _ = writeln!(table, "| `{recipe}` | `{text}` | {decision} |");
        }
    }
    for (file, message) in broken() {
        let _ = writeln!(table, "| `tests/ui/guarantees/{file}` | {message} |");
    }
    let place = repository().join("book/src/language/guarantees.md");
    let page = std::fs::read_to_string(&place).expect("the page").replace("\r\n", "\n");
    let begin = page.find(BEGIN).expect("the beginning of the table") + BEGIN.len();
    let end = page.find(END).expect("the end of the table");
    if page.get(begin..end) != Some(table.as_str()) {
        let mut new = page.clone();
        new.replace_range(begin..end, &table);
        std::fs::write(&place, new).expect("the page can be written");
        panic!("{} was written anew: read the difference and run the test again", place.display());
    }
}
