//! How many mistakes a check finds: every recipe of `recipes/` is damaged in every place, one place at a time.
//!
//! The mutators are a closed list, and no mutant is left out:
//!
//! 1. delete one unit; 2. misspell one key or name; 3. transpose two digits of one ratio (`40%` to `04%`); 4. negate a penalty;
//! 5. swap two budget values; 6. delete one required key.
//!
//! A mutant is *caught* when `check` says something that it does not say of the recipe itself, error or warning, or when one of the
//! recipe's own tests fails. At least 99% must be caught for 1, 2, 3 and 6. A name that is misspelt where it is given, and that nothing
//! refers to (`domain math` to `domain mtah`), makes a recipe that says the same in other words: such renames are counted in a row of
//! their own. Data is taken to be at hand, as after `recipec` has looked at it: a column that a file does not have is found by that. `cargo test --test mutations -- --nocapture` prints the table; the book's page of checks has it.

use recipec_compiler::facts::{DataFacts, Facts, data_key};
use recipec_compiler::recipe_tests::{Outcome, run_tests};
use recipec_compiler::vocabulary::generators::GENERATORS;
use recipec_compiler::vocabulary::keys;
use recipec_compiler::vocabulary::kinds::Absent;
use recipec_compiler::{Checked, FileId, Loader, Options, Source, check};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Words that are the language itself, not keys or names.
const KEYWORDS: &[&str] = &[
    "recipe",
    "model",
    "budget",
    "domain",
    "data",
    "mix",
    "reward",
    "train",
    "rollout",
    "evaluate",
    "suite",
    "checkpoint",
    "stage",
    "supervised",
    "variant",
    "param",
    "formula",
    "penalty",
    "term",
    "guarantee",
    "allow",
    "sweep",
    "test",
    "import",
    "extends",
    "override",
    "where",
    "if",
    "then",
    "else",
    "and",
    "or",
    "not",
    "given",
    "expect",
    "within",
    "in",
    "falls",
    "rises",
    "same",
    "for",
    "all",
    "because",
    "after",
    "true",
    "false",
    "source",
];

/// Keywords behind which a name is given.
const GIVES_A_NAME: &[&str] =
    &["recipe", "model", "domain", "suite", "stage", "variant", "param", "formula", "penalty", "term", "guarantee"];

const UNITS: &[&str] = &[
    "tokens", "token", "rollouts", "rollout", "groups", "group", "problems", "problem", "steps", "step", "bytes",
    "KiB", "MiB", "GiB", "days", "min", "ms", "s", "h",
];

/// A piece of the text that matters: a word, a number, a sign.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Token<'a> {
    text: &'a str,
    at: usize,
}

/// Words, numbers and signs; comments are left out, and a text in quotes is one token.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let from = at;
        let rest = &text[at..];
        at += match bytes[at] {
            b'/' if rest.starts_with("//") => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            b'"' => {
                let mut escaped = false;
                let end = rest[1..].find(|c: char| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                end.map_or(rest.len(), |end| end + 2)
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            byte if byte.is_ascii_digit() => {
                let mut end = 0;
                let number = rest.as_bytes();
                while end < number.len() {
                    let exponent = matches!(number[end], b'-' | b'+') && matches!(number[end - 1], b'e' | b'E');
                    let point = number[end] == b'.' && number.get(end + 1).is_some_and(u8::is_ascii_digit);
                    if !(number[end].is_ascii_alphanumeric() || exponent || point) {
                        break;
                    }
                    end += 1;
                }
                end
            }
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        found.push(Token { text: &text[from..at], at: from });
    }
    found
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// The text with one stretch replaced.
fn with(text: &str, at: usize, length: usize, new: &str) -> String {
    format!("{}{new}{}", &text[..at], &text[at + length..])
}

/// A misspelling: the first two neighbours that differ change places; a word of one letter is doubled.
fn misspelt(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let middle = letters.len() / 2;
    let swap = (0..letters.len().saturating_sub(1)).min_by_key(|i| i.abs_diff(middle)).filter(|_| word.len() > 1);
    let differing = (0..letters.len().saturating_sub(1))
        .filter(|i| letters[*i] != letters[*i + 1])
        // A digit first would make a number of it.
        .filter(|i| *i > 0 || !letters[1].is_ascii_digit())
        .min_by_key(|i| i.abs_diff(middle.saturating_sub(1)));
    match (swap, differing) {
        (Some(_), Some(i)) => letters.swap(i, i + 1),
        _ => letters.push(letters[0]),
    }
    letters.into_iter().collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mutator {
    DeleteUnit,
    Misspell,
    Rename,
    TransposeRatio,
    NegatePenalty,
    SwapBudgets,
    DeleteRequired,
}

impl Mutator {
    fn words(self) -> &'static str {
        match self {
            Self::DeleteUnit => "delete one unit",
            Self::Misspell => "misspell one key or name",
            Self::Rename => "(misspell a name that nothing refers to: a rename)",
            Self::TransposeRatio => "transpose two digits of one ratio",
            Self::NegatePenalty => "negate a penalty",
            Self::SwapBudgets => "swap two budget values",
            Self::DeleteRequired => "delete one required key",
        }
    }

    /// The share in percent that must be caught.
    fn at_least(self) -> usize {
        match self {
            Self::DeleteUnit | Self::Misspell | Self::TransposeRatio | Self::DeleteRequired => 99,
            Self::Rename | Self::NegatePenalty | Self::SwapBudgets => 0,
        }
    }
}

struct Mutant {
    of: PathBuf,
    mutator: Mutator,
    /// What was done, for people.
    what: String,
    text: String,
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Where the value of a `key = value` begins and ends: it ends where the next setting or block begins, or the braces close.
fn value_end(found: &[Token<'_>], from: usize) -> usize {
    let (mut depth, mut at) = (0usize, from);
    while let Some(token) = found.get(at) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return at,
            ")" | "]" | "}" => depth -= 1,
            word if depth == 0 && at > from && is_word(word) => {
                let next = |n: usize| found.get(at + n).map_or("", |t| t.text);
                let setting = next(1) == "=" && next(2) != "=";
                let block = next(1) == "{" && keys::BLOCKS.iter().any(|b| b.keyword == word)
                    || is_word(next(1)) && next(2) == "{";
                if setting || block || word == "override" {
                    return at;
                }
            }
            _ => {}
        }
        at += 1;
    }
    found.len()
}

/// The path of the key at a token: the blocks around it, records included, and the key.
fn enclosing<'a>(found: &[Token<'a>], at: usize) -> Vec<&'a str> {
    let (mut path, mut depth, mut i) = (vec![found[at].text], 0usize, at);
    while i > 0 {
        i -= 1;
        match found[i].text {
            "}" | ")" | "]" => depth += 1,
            "{" | "(" | "[" if depth > 0 => depth -= 1,
            "{" => {
                let before = |n: usize| i.checked_sub(n).map_or("", |j| found[j].text);
                // `domain math {`, `train {`, `algorithm = gspo {`, `sampling = {`
                if before(1) == "=" {
                    path.push(before(2));
                } else if before(2) == "=" {
                    path.push(before(1));
                    path.push(before(3));
                } else if GIVES_A_NAME.contains(&before(2)) {
                    path.push("*");
                    path.push(before(2));
                } else if before(2) == "after" {
                    path.push("*");
                    path.push(before(4));
                } else {
                    path.push(before(1));
                }
            }
            _ => {}
        }
    }
    path.reverse();
    path
}

/// Keys that a recipe must state, as `enclosing` gives their paths.
fn required() -> BTreeSet<Vec<String>> {
    let mut all = BTreeSet::new();
    for row in keys::rows() {
        if let Absent::Required(_) = row.key.absent {
            let mut path: Vec<String> = row.path.split('.').map(str::to_string).collect();
            if let Some(word) = row.of {
                path.insert(path.len() - 1, word.to_string());
            }
            if row.path == "recipe.edition" {
                path.insert(1, "*".to_string());
            }
            all.insert(path);
        }
    }
    all
}

fn mutants(path: &Path, text: &str) -> Vec<Mutant> {
    let found = tokens(text);
    let text_at = |i: usize| found.get(i).map_or("", |t| t.text);
    let mut all = Vec::new();
    let mut add = |mutator: Mutator, at: usize, what: String, mutated: String| {
        if mutated != text {
            let what = format!("line {}: {what}", line_of(text, at));
            all.push(Mutant { of: path.to_path_buf(), mutator, what, text: mutated });
        }
    };
    let mentions: BTreeMap<&str, usize> = found.iter().fold(BTreeMap::new(), |mut counts, token| {
        *counts.entry(token.text).or_default() += 1;
        counts
    });
    let required = required();
    let mut budgets: Vec<(usize, usize, String)> = Vec::new();
    for (i, token) in found.iter().enumerate() {
        let before = |n: usize| i.checked_sub(n).map_or("", text_at);
        let is_unit = |j: usize| {
            UNITS.contains(&text_at(j))
                && j > 0
                && is_number(text_at(j - 1))
                && text_at(j + 1) != "("
                && (text_at(j + 1) != "=" || text_at(j + 2) == "=")
                && !text[found[j - 1].at..found[j].at].contains('\n')
        };
        // 1. A unit is a word behind a number on its line, or the `%` of a number.
        if is_unit(i) || token.text == "%" && is_number(before(1)) {
            let what = format!(
                "`{}{}` loses its unit",
                before(1),
                if token.text == "%" { "%".into() } else { format!(" {}", token.text) }
            );
            add(Mutator::DeleteUnit, token.at, what, with(text, token.at, token.text.len(), ""));
        }
        // 2. Keys and names: words that are not the language itself.
        let keyword = KEYWORDS.contains(&token.text)
            && (token.text != "source" || text_at(i + 1) != "=")
            && (!keys::BLOCKS.iter().any(|b| b.keyword == token.text) || text_at(i + 1) != "=");
        if is_word(token.text) && !keyword && !is_unit(i) {
            let new = misspelt(token.text);
            let gives = GIVES_A_NAME.contains(&before(1));
            // Nothing in a recipe refers to these, whatever else has the same name.
            let unreferred = matches!(before(1), "recipe" | "suite" | "variant" | "guarantee")
                && !text.contains(&format!("best = {}", token.text));
            let rename = gives && (unreferred || mentions.get(token.text) == Some(&1));
            let mutator = if rename { Mutator::Rename } else { Mutator::Misspell };
            add(
                mutator,
                token.at,
                format!("`{}` becomes `{new}`", token.text),
                with(text, token.at, token.text.len(), &new),
            );
        }
        // 3. Ratios: every two neighbouring digits of a percentage.
        if is_number(token.text) && text_at(i + 1) == "%" {
            for at in 0..token.text.len().saturating_sub(1) {
                let mut digits: Vec<char> = token.text.chars().collect();
                if digits[at].is_ascii_digit() && digits[at + 1].is_ascii_digit() {
                    digits.swap(at, at + 1);
                    let new: String = digits.into_iter().collect();
                    let what = format!("`{}%` becomes `{new}%`", token.text);
                    add(Mutator::TransposeRatio, token.at, what, with(text, token.at, token.text.len(), &new));
                }
            }
        }
        // 4. A penalty turns its sign.
        if token.text == "penalty" && is_word(text_at(i + 1)) && text_at(i + 2) == "=" && before(1) != "." {
            let mut depth = 0usize;
            let from = i + 3;
            let end = (from..found.len()).find(|&j| {
                match text_at(j) {
                    "(" | "[" | "{" => depth += 1,
                    ")" | "]" | "}" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                let new_line = j > from && text[found[j - 1].at..found[j].at].contains('\n');
                let item = new_line && (KEYWORDS[..25].contains(&text_at(j)) || text_at(j) == "}");
                depth == 0 && (text_at(j) == "where" || text_at(j) == "source" || item)
            });
            let end = end.unwrap_or(found.len());
            let (first, last) = (found[from], found[end - 1]);
            let stop = last.at + last.text.len();
            let negated = format!("-({})", &text[first.at..stop]);
            add(
                Mutator::NegatePenalty,
                token.at,
                format!("penalty `{}` is negated", text_at(i + 1)),
                with(text, first.at, stop - first.at, &negated),
            );
        }
        // 5. and 6. Settings.
        if is_word(token.text) && text_at(i + 1) == "=" && text_at(i + 2) != "=" && before(1) != "." && i > 0 {
            let own = enclosing(&found, i);
            let end = value_end(&found, i + 2);
            let (first, last) = (found[i], found[end - 1]);
            let stop = last.at + last.text.len();
            if own.len() == 2 && own[0] == "budget" {
                budgets.push((found[i + 2].at, stop, token.text.to_string()));
            }
            let own: Vec<String> = own.into_iter().map(str::to_string).collect();
            if required.contains(&own) {
                add(
                    Mutator::DeleteRequired,
                    token.at,
                    format!("`{}` is deleted", own.join(".")),
                    with(text, first.at, stop - first.at, ""),
                );
            }
        }
    }
    for (n, (a_from, a_to, a)) in budgets.iter().enumerate() {
        for (b_from, b_to, b) in budgets.iter().skip(n + 1) {
            let swapped = format!(
                "{}{}{}{}{}",
                &text[..*a_from],
                &text[*b_from..*b_to],
                &text[*a_to..*b_from],
                &text[*a_from..*a_to],
                &text[*b_to..]
            );
            add(Mutator::SwapBudgets, *a_from, format!("`budget.{a}` and `budget.{b}` are swapped"), swapped);
        }
    }
    all
}

/// Reads what a recipe extends or imports.
struct Beside(PathBuf);

impl Loader for Beside {
    fn load(&self, path: &str, _from: &Source) -> Result<Source, String> {
        let text = std::fs::read_to_string(self.0.join(path)).map_err(|_| "there is no such file".to_string())?;
        Ok(Source::new(FileId(0), path, text))
    }
}

/// What is known of the data: it is at hand, with the columns that the recipe as it stands names and those that verifiers need.
fn facts(path: &Path, text: &str) -> Facts {
    let wanted = checked(path, text, &Facts::default());
    let words = tokens(text).into_iter().filter(|token| is_word(token.text)).map(|token| token.text.to_string());
    let of_generators = GENERATORS.iter().flat_map(|row| row.columns).map(|column| (*column).to_string());
    let columns: BTreeSet<String> = words.chain(of_generators).chain(["inputs".into(), "outputs".into()]).collect();
    let known = DataFacts { columns: Some(columns), ..DataFacts::default() };
    let recipe = wanted.recipe.expect("a recipe of the repository is without errors");
    let suites = recipe.evaluate.iter().flat_map(|evaluate| &evaluate.suites).map(|suite| &suite.data);
    let domains = recipe.stages.iter().flat_map(|stage| &stage.domains).map(|domain| &domain.data);
    let data = domains.chain(suites).map(|source| (data_key(source), known.clone())).collect();
    Facts { data, ..Facts::default() }
}

fn checked(path: &Path, text: &str, facts: &Facts) -> Checked {
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let options = Options { facts: facts.clone(), ..Options::default() };
    check(Source::new(FileId(0), "the.recipe", text), &Beside(folder), &options)
}

/// What is said of a text: codes with messages, and the recipe's tests that fail.
fn said(path: &Path, text: &str, facts: &Facts) -> BTreeSet<String> {
    let checked = checked(path, text, facts);
    let mut said: BTreeSet<String> =
        checked.problems.sorted().iter().map(|d| format!("{}: {}", d.code.name(), d.message)).collect();
    if let Some(recipe) = &checked.recipe {
        for (test, outcome) in recipe.tests.iter().zip(run_tests(recipe)) {
            if outcome != Outcome::Passed {
                said.insert(format!("test: {}", test.title));
            }
        }
    }
    said
}

#[test]
fn every_mutant_of_every_recipe() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    let mut recipes: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("recipes")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "recipe"))
        .collect();
    recipes.sort();
    let (mut all, mut before) = (Vec::new(), BTreeMap::new());
    for path in &recipes {
        let text = std::fs::read_to_string(path).expect("a recipe");
        let facts = facts(path, &text);
        before.insert(path.clone(), (said(path, &text, &facts), facts));
        all.extend(mutants(path, &text));
    }
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let missed: BTreeSet<usize> = std::thread::scope(|scope| {
        let work = || {
            let mut missed = Vec::new();
            while let Some((i, mutant)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, all.get(i)?)))
            {
                if said(&mutant.of, &mutant.text, &before[&mutant.of].1).is_subset(&before[&mutant.of].0) {
                    missed.push(i);
                }
            }
            missed
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });

    let mut counts: BTreeMap<Mutator, (usize, usize)> = BTreeMap::new();
    for (i, mutant) in all.iter().enumerate() {
        let (caught, of) = counts.entry(mutant.mutator).or_default();
        *of += 1;
        *caught += usize::from(!missed.contains(&i));
    }
    println!("| mutator | mutants | caught | share |\n| --- | --- | --- | --- |");
    for (mutator, (caught, of)) in &counts {
        println!("| {} | {of} | {caught} | {:.1}% |", mutator.words(), 100.0 * *caught as f64 / *of as f64);
    }
    for i in &missed {
        let mutant = &all[*i];
        println!(
            "missed: {}, {}: {}",
            mutant.of.file_name().unwrap_or_default().to_string_lossy(),
            mutant.mutator.words(),
            mutant.what
        );
    }
    assert_eq!(counts.len(), 7, "a mutator found nothing to damage: {counts:?}");
    for (mutator, (caught, of)) in &counts {
        assert!(caught * 100 >= of * mutator.at_least(), "{}: {caught} of {of} caught", mutator.words());
    }
}
