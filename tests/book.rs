//! The book says what is true: every recipe in it is checked, its generated pages are those of this version, its links lead somewhere.
//!
//! A block marked `recipe` is a whole recipe; a block marked `recipe,fragment` is completed by the blocks that it leaves out. Either
//! must be without problems, or fail with exactly the codes of its lines `// error: CODE`. A block that begins with `// file: NAME` is
//! what other blocks of its page extend or import.

mod reference;

use recipec_compiler::diagnostic::{Severity, codes, human};
use recipec_compiler::formula::Type;
use recipec_compiler::units::{self, Dimension};
use recipec_compiler::vocabulary::functions::{FUNCTIONS, FunctionKind};
use recipec_compiler::vocabulary::keys::{BLOCKS, pattern};
use recipec_compiler::vocabulary::kinds::{Absent, Argument, Choice, Key, Kind};
use recipec_compiler::vocabulary::signals::{BATCH_MEANS, Bounds, SIGNALS};
use recipec_compiler::{FileId, Loader, Options, Source, check};
use recipec_grammar::tree::ItemKind;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn book() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src")
}

/// All pages with their paths from `book/src`, sorted.
fn pages() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![book()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                let inside = path.strip_prefix(book()).expect("a page of the book");
                let name = inside.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
                let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{name}: {why}"));
                found.insert(name, text.replace("\r\n", "\n"));
            }
        }
    }
    found
}

// ---- recipes in the book ----

/// What a fragment is completed with; a part is left out where the fragment has one of the same keyword.
const BASE: &[(&str, &str)] = &[
    ("recipe", "recipe fragment { edition = 2026 }"),
    ("model", "model policy { source = fresh { width = 32 }  answer = after(\"#\") }"),
    ("budget", "budget { output = 16Ki tokens  buffer = 4Ki tokens  steps = 400 steps }"),
    (
        "domain",
        "domain math { ratio = 40%  data = builtin(\"arithmetic\")  verify = math_answer(extract = whole) }
domain code { ratio = 25%  data = builtin(\"programs\")  verify = program_tests() }
domain logic { ratio = 15%  data = builtin(\"ordering\")  verify = puzzle() }
domain instruct { ratio = 10%  data = builtin(\"instructions\")  verify = constraints() }
domain tools { ratio = 10%  data = builtin(\"calls\")  verify = function_calls(format = json) }",
    ),
    ("mix", "mix { count = completed(rollouts)  weight = ratio }"),
    ("reward", "reward { outcome = if correct then 1 else 0  unfinished = as_judged  total = outcome }"),
    ("train", "train { algorithm = gspo { weight = equal, divide_by_std = false } }"),
];

struct Fence {
    line: usize,
    info: String,
    text: String,
}

fn fences(page: &str) -> Vec<Fence> {
    let mut found = Vec::new();
    let mut open: Option<Fence> = None;
    for (at, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Fence { line: at + 1, info: info.trim().to_string(), text: String::new() })
            }
            (Some(_), Some("")) => found.extend(open.take()),
            (Some(fence), _) => {
                fence.text.push_str(line);
                fence.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence without an end");
    found
}

/// A fragment with the blocks that it leaves out.
fn completed(fragment: &str) -> String {
    let parsed = recipec_grammar::parse(&Source::new(FileId(0), "fragment", fragment));
    let mut there: BTreeSet<&str> = BTreeSet::new();
    for item in &parsed.file.items {
        match &item.kind {
            ItemKind::Block(block) => {
                there.insert(block.keyword.node.as_str());
            }
            ItemKind::Extends(_) => return fragment.to_string(),
            _ => {}
        }
    }
    let mut text = fragment.to_string();
    for (_, part) in BASE.iter().filter(|(keyword, _)| !there.contains(keyword)) {
        text.push_str(part);
        text.push('\n');
    }
    text
}

/// Files of the page, then those of the folder `recipes`.
struct PageFiles<'a>(&'a BTreeMap<String, String>);

impl Loader for PageFiles<'_> {
    fn load(&self, path: &str, _from: &Source) -> Result<Source, String> {
        if let Some(text) = self.0.get(path) {
            return Ok(Source::new(FileId(0), path, text.as_str()));
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes").join(path);
        let text = std::fs::read_to_string(file).map_err(|_| "there is no such file".to_string())?;
        Ok(Source::new(FileId(0), path, text))
    }
}

#[test]
fn every_recipe_in_the_book_is_what_the_book_says() {
    let (mut whole, mut fragments, mut failing) = (0, 0, 0);
    let mut faults = String::new();
    for (page, text) in pages() {
        let blocks: Vec<Fence> = fences(&text)
            .into_iter()
            .filter(|fence| fence.info == "recipe" || fence.info.starts_with("recipe,"))
            .collect();
        let file_name = |fence: &Fence| {
            fence.text.lines().next().and_then(|line| line.strip_prefix("// file: ")).map(str::to_string)
        };
        let files: BTreeMap<String, String> =
            blocks.iter().filter_map(|fence| Some((file_name(fence)?, fence.text.clone()))).collect();
        for fence in &blocks {
            let name = format!("book/src/{page}:{}", fence.line);
            let is_fragment = match fence.info.as_str() {
                "recipe" => false,
                "recipe,fragment" => true,
                other => panic!("{name}: unknown mark `{other}`"),
            };
            if file_name(fence).is_some() {
                let parsed = recipec_grammar::parse(&Source::new(FileId(0), name.as_str(), fence.text.as_str()));
                assert!(parsed.errors.is_empty(), "{name}: {:?}", parsed.errors);
                continue;
            }
            let wanted: BTreeSet<&str> =
                fence.text.lines().filter_map(|line| line.split("// error: ").nth(1)).map(str::trim).collect();
            let recipe = if is_fragment { completed(&fence.text) } else { fence.text.clone() };
            let checked = check(Source::new(FileId(0), name.as_str(), recipe), &PageFiles(&files), &Options::default());
            // A fragment may define what it does not use.
            let found: BTreeSet<&str> = checked
                .problems
                .sorted()
                .iter()
                .filter(|d| !(is_fragment && d.code == codes::UNUSED && !wanted.contains(d.code.name())))
                .map(|d| d.code.name())
                .collect();
            if found != wanted {
                let said = human::render(&checked.problems, &checked.sources, human::Style::default());
                let _ = writeln!(faults, "{name}\n  the book says {wanted:?}\n  found         {found:?}\n{said}");
            }
            if let Some(recipe) = &checked.recipe {
                recipec_compiler::compile(recipe).unwrap_or_else(|why| panic!("{name}: {why}"));
                for (test, outcome) in recipe.tests.iter().zip(recipec_compiler::recipe_tests::run_tests(recipe)) {
                    let passed = outcome == recipec_compiler::recipe_tests::Outcome::Passed;
                    assert!(passed, "{name}: test \"{}\": {outcome:?}", test.title);
                }
            }
            match (is_fragment, wanted.is_empty()) {
                (_, false) => failing += 1,
                (true, true) => fragments += 1,
                (false, true) => whole += 1,
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(whole >= 1 && fragments >= 15 && failing >= 6, "{whole} whole, {fragments} fragments, {failing} failing");
}

/// The tour walks through the shipped recipe, so it quotes every block of it as it stands there.
#[test]
fn the_tour_quotes_the_quickstart() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/quickstart.recipe");
    let recipe = std::fs::read_to_string(path).expect("the quickstart").replace("\r\n", "\n");
    let tour = pages().remove("tour.md").expect("the tour");
    let quoted: String = fences(&tour).into_iter().filter(|f| f.info == "text").map(|f| f.text).collect();
    let bare = |text: &str| text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
    assert!(bare(&quoted) == bare(&recipe), "the blocks of the tour, put together, are not recipes/quickstart.recipe");
}

// ---- links ----

#[test]
fn links_lead_to_pages_and_anchors() {
    let pages = pages();
    let summary = pages.get("SUMMARY.md").expect("a summary");
    let mut listed = BTreeSet::new();
    for (page, text) in &pages {
        let mut inside_fence = false;
        for line in text.lines() {
            if line.starts_with("```") {
                inside_fence = !inside_fence;
            }
            if inside_fence {
                continue;
            }
            for piece in line.split("](").skip(1) {
                let target = piece.split(')').next().unwrap_or_default();
                if target.starts_with("http") {
                    continue;
                }
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let path = resolve(page, file);
                if path.starts_with("images/") {
                    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src").join(&path);
                    assert!(picture.is_file(), "{page}: there is no picture `{target}`");
                    continue;
                }
                let found =
                    pages.get(&path).unwrap_or_else(|| panic!("{page}: link to `{target}`, which is not there"));
                let id = format!("<a id=\"{anchor}\"></a>");
                let heading = |line: &str| line.starts_with('#') && slug(line.trim_start_matches('#').trim()) == anchor;
                assert!(
                    anchor.is_empty() || found.contains(&id) || found.lines().any(heading),
                    "{page}: `{target}` has no such anchor"
                );
                if page == "SUMMARY.md" {
                    listed.insert(path);
                }
            }
        }
    }
    for page in pages.keys().filter(|page| *page != "SUMMARY.md") {
        assert!(listed.contains(page), "{page} is not in SUMMARY.md:\n{summary}");
    }
}

/// A link as a path from `book/src`.
fn resolve(page: &str, file: &str) -> String {
    if file.is_empty() {
        return page.to_string();
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchor that a heading gets.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
}

// ---- generated pages ----

/// Writes a page when it differs, and fails then: the difference is to be read and committed.
fn generated(name: &str, text: &str) {
    let path = book().join(name);
    let there = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    if there != text {
        std::fs::write(&path, text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        panic!("book/src/{name} was not that of this version and is written anew: read the difference and commit it");
    }
}

#[test]
fn the_page_of_diagnostics_is_that_of_the_registry() {
    let mut page = String::from(
        "# Diagnostics\n\n<!-- Made by tests/book.rs from the registry of codes; edit compiler/src/diagnostic/codes/. -->\n\n\
         Every problem has a code, `recipe::AREA::WHAT_IS_WRONG`. `recipec explain CODE` prints the section of a code. An *error* \
         stops the recipe; a *warning* does not, and can be accepted with `allow CODE because \"…\"`. Pieces of recipes on this page \
         leave out what does not matter with `…`.\n",
    );
    let mut areas: Vec<&str> = Vec::new();
    for code in codes::all() {
        if !areas.contains(&code.area()) {
            areas.push(code.area());
        }
    }
    for area in areas {
        let _ = write!(page, "\n## {area}\n");
        for code in codes::all().filter(|code| code.area() == area) {
            let row = code.row();
            let kind = match row.severity {
                Severity::Error => "Error",
                Severity::Warning => "Warning",
            };
            let _ = write!(
                page,
                "\n<a id=\"{}\"></a>\n### `{code}`\n\n{kind}: {}.\n\n{}\n\n*Why.* {}\n\nWrong:\n\n```text\n{}\n```\n\nRight:\n\n```text\n{}\n```\n",
                anchor(code.name()),
                row.summary,
                row.what,
                row.why,
                row.bad,
                row.good
            );
        }
    }
    generated("diagnostics.md", &page);
}

#[test]
fn the_page_of_export_keys_is_that_of_the_exporters() {
    use recipec_compiler::export::{Target, keys};
    let mut page = String::from(
        "# Keys that exports emit\n\n<!-- Made by tests/book.rs from compiler/src/export/keys.rs; edit that. -->\n\n\
         An export emits no other key than these. Beside each stands what of the target reads it: a key that is accepted and that nothing \
         reads would look like a setting and do nothing.\n",
    );
    for target in Target::ALL {
        let _ = write!(page, "\n## `{}`\n\n| key | read by |\n| --- | --- |\n", target.name());
        for row in keys::rows(target) {
            let _ = writeln!(page, "| `{}` | {} |", row.key, row.reads);
        }
    }
    generated("export/keys.md", &page);
}

/// `recipe::names::unused` as `names-unused`.
fn anchor(code: &str) -> String {
    code.trim_start_matches("recipe::").replace("::", "-")
}

#[test]
fn the_reference_is_that_of_the_vocabulary() {
    let mut page = String::from(
        "# Reference\n\n<!-- Made by tests/book.rs from the vocabulary; edit compiler/src/vocabulary/. -->\n\n\
         Every word of the language, as edition 2026 has it. *Required* keys have no default, and the reason is told. \
         Where nothing stands in the third column, what the key asks for is not done when it is absent. Words marked *(later)* are in \
         the language and not carried out by this version; using one is \
         [`recipe::run::not_yet`](diagnostics.md#run-not_yet).\n\n\
         Further items at the top of a file: `param`, `formula`, `penalty`, `term`, `guarantee`, `test`, `allow`, `sweep`, `import`, \
         `extends`; see [formulas](language/formulas.md), [variants](language/variants.md) and [stages](language/stages.md).\n\n## Blocks\n",
    );
    for block in BLOCKS {
        let _ = write!(page, "\n### `{}`\n\n{}", pattern(block).replace(".*", " NAME").replace('.', " "), block.doc);
        if let Some(outer) = block.inside {
            let _ = write!(page, " It stands inside `{outer}`.");
        }
        let example = reference::block(block).unwrap_or_default();
        let _ = write!(page, "\n\n```text\n{example}\n```\n\n");
        if block.keys.is_empty() {
            page.push_str("It holds `override` settings and nothing else.\n");
            continue;
        }
        page.push_str("| key | value | when absent | meaning | example |\n| --- | --- | --- | --- | --- |\n");
        let examples = reference::of_block(block);
        rows(&mut page, (&pattern(block), ""), block.keys, &examples);
        for key in block.keys {
            choices(&mut page, (&pattern(block), key.name), key, &examples);
        }
    }
    page.push_str(
        "\n## Signals\n\nWhat formulas read. Penalties, terms and the reward see the signals of a rollout and of its group; \
         `mix.weight` sees those of a domain and of the run.\n\n\
         | signal | of the | unit | range | meaning | example |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for signal in SIGNALS {
        let unit = match signal.ty {
            Type::Bool => "truth value".to_string(),
            Type::Domain => "domain".to_string(),
            Type::Number(dimension) => words_of(dimension),
        };
        let range = match signal.bounds {
            Bounds::Truth => "true, false".to_string(),
            Bounds::Between(low, high) if high.is_infinite() => format!("{low} and up"),
            Bounds::Between(low, high) => format!("{low} to {high}"),
            Bounds::UpToBudget(low, key) => format!("{low} to `{key}`"),
            Bounds::GroupSize => "`train.group`".to_string(),
            Bounds::Domains => "the recipe's domains".to_string(),
        };
        let example = reference::signal(signal.name).unwrap_or_default();
        let _ = writeln!(
            page,
            "| `{}` | {} | {unit} | {range} | {} | `{example}` |",
            signal.name,
            signal.level.name(),
            signal.doc
        );
    }
    page.push_str("\nIn the mix, `mean(NAME, over = last_batch)` can be taken of:\n\n| name | unit | meaning |\n| --- | --- | --- |\n");
    for (name, dimension, doc) in BATCH_MEANS {
        let _ = writeln!(page, "| `{name}` | {} | {doc} |", words_of(*dimension));
    }
    page.push_str("\n## Functions\n\n| function | where | meaning | example |\n| --- | --- | --- | --- |\n");
    for row in FUNCTIONS {
        let place = match row.kind {
            FunctionKind::Plain(_) => "everywhere",
            FunctionKind::Group(_) => "over the rollouts of a group",
            FunctionKind::BatchMean | FunctionKind::Ema => "in the mix",
            FunctionKind::RewardModel => "in the reward",
        };
        let example = reference::function(row.name).unwrap_or_default();
        let _ = writeln!(page, "| `{}` | {place} | {} | `{example}` |", row.signature, row.doc);
    }
    page.push_str("\n## Units\n\n| word | counts | in base units |\n| --- | --- | --- |\n");
    for (word, dimension, factor) in units::UNITS {
        let _ = writeln!(page, "| `{word}` | {dimension} | {factor} |");
    }
    generated("reference.md", &page);
}

fn words_of(dimension: Dimension) -> String {
    if dimension.is_pure() { "pure".to_string() } else { dimension.to_string() }
}

/// Lines of a table; `(block, prefix)` is where the keys stand.
fn rows(page: &mut String, (block, prefix): (&str, &str), keys: &[Key], examples: &[reference::Example]) {
    for key in keys {
        let name = format!("{prefix}{}", key.name);
        let shown = example(examples, &format!("{block}.{name}"));
        let _ = writeln!(page, "| `{name}` | {} | {} | {} | {shown} |", value(&key.kind), absent(key.absent), key.doc);
        if let Kind::Record(inner) = key.kind {
            rows(page, (block, &format!("{name}.")), inner, examples);
        }
    }
}

/// The example of a key, or the first of those of its words.
fn example(examples: &[reference::Example], name: &str) -> String {
    let found =
        examples.iter().find(|e| e.name == name || e.name.strip_prefix(name).is_some_and(|r| r.starts_with('|')));
    found.map_or(String::new(), |example| format!("`{}`", example.line))
}

#[test]
fn every_example_of_the_reference_is_a_recipe() {
    let faults = reference::faults();
    assert!(faults.is_empty(), "{faults}");
}

fn value(kind: &Kind) -> String {
    match kind {
        Kind::Number(bounds) | Kind::Integer(bounds) | Kind::NumberOr(bounds, _)
            if bounds.most < 4e9 || bounds.above =>
        {
            format!("{}, {}", kind.words(), bounds.words())
        }
        Kind::Choice(choices) | Kind::Several(choices) => {
            let words: Vec<String> = choices.iter().map(choice).collect();
            words.join(", ")
        }
        kind => kind.words(),
    }
}

fn choice(choice: &Choice) -> String {
    let mark = if choice.later { " *(later)*" } else { "" };
    let after = match choice.arguments {
        Some(_) => "(…)",
        None if choice.keys.is_empty() => "",
        None => " { … }",
    };
    format!("`{}{after}`{mark}", choice.word)
}

fn absent(absent: Absent) -> String {
    match absent {
        Absent::Default(text) => format!("`{text}`"),
        Absent::Same(path) => format!("as `{path}`"),
        Absent::Required(why) => format!("required: {why}"),
        Absent::Nothing => String::new(),
    }
}

/// The words of a key, each with what it means and what it takes.
fn choices(page: &mut String, (block, path): (&str, &str), key: &Key, examples: &[reference::Example]) {
    match key.kind {
        Kind::Record(inner) => {
            inner.iter().for_each(|k| choices(page, (block, &format!("{path}.{}", k.name)), k, examples))
        }
        Kind::Choice(all) | Kind::Several(all) => {
            let of = if matches!(key.kind, Kind::Several(_)) { "one of, or a list of several" } else { "one of" };
            let _ = write!(page, "\n`{path}` is {of}:\n\n");
            all.iter().for_each(|one| choice_lines(page, "", &format!("{block}.{path}"), one, examples));
        }
        _ => {}
    }
}

/// A word with what it takes, and the words of what it takes.
fn choice_lines(page: &mut String, indent: &str, path: &str, one: &Choice, examples: &[reference::Example]) {
    let shown = match one.arguments.is_some() || !one.keys.is_empty() {
        true => format!(" {}", example(examples, &format!("{path}|{}", one.word))),
        false => String::new(),
    };
    let _ = writeln!(page, "{}", format!("{indent}- {}: {}{shown}", choice(one), one.doc).trim_end());
    for argument in one.arguments.unwrap_or_default() {
        let _ = writeln!(page, "{indent}  - {}", argument_line(argument));
    }
    for key in one.keys {
        let default = match key.absent {
            Absent::Nothing => String::new(),
            other => format!(" ({})", absent(other)),
        };
        let inner = format!("{path}.{}", key.name);
        let shown = example(examples, &format!("{inner}|{}", one.word));
        let line = format!("{indent}  - `{}`, {}{default}: {} {shown}", key.name, value(&key.kind), key.doc);
        let _ = writeln!(page, "{}", line.trim_end());
        if let Kind::Choice(all) = key.kind {
            all.iter().for_each(|one| choice_lines(page, &format!("{indent}    "), &inner, one, examples));
        }
    }
}

fn argument_line(argument: &Argument) -> String {
    let name = if argument.positional {
        format!("{}, without its name", argument.name)
    } else {
        format!("`{}`", argument.name)
    };
    let default = match argument.absent {
        Absent::Default(text) => format!(" (`{text}`)"),
        _ => String::new(),
    };
    format!("{name}, {}{default}: {}", value(&argument.kind), argument.doc)
}
