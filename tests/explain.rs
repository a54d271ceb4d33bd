//! Nothing that the runtime uses is missing from `explain`: every value in the plan is on a line of it.

use recipec_compiler::diagnostic::human;
use recipec_compiler::explain::places::{Place, behind};
use recipec_compiler::explain::{Around, FormulaView, Row, outline};
use recipec_compiler::{Checked, FileId, Loader, Options, Source, check, identity};
use std::path::{Path, PathBuf};

/// Words of the plan that are other words in the language.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("hub", "hf"),
    ("true", "kept"),
    ("false", "recomputed"),
    ("none", "false"),
    ("group", "true"),
    ("batch", "true"),
    ("less", "<"),
    ("less_equal", "<="),
    ("greater", ">"),
    ("greater_equal", ">="),
    ("equal", "=="),
    ("not_equal", "!="),
];

struct Beside(PathBuf);

impl Loader for Beside {
    fn load(&self, path: &str, _from: &Source) -> Result<Source, String> {
        let text = std::fs::read_to_string(self.0.join(path)).map_err(|why| why.to_string())?;
        Ok(Source::new(FileId(0), path, text))
    }
}

/// Every recipe of the repository that is without error, under every variant.
fn every_recipe() -> Vec<(String, Checked)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for folder in ["recipes", "tests/accept"] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(root.join(folder))
            .expect("the recipes")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|end| end == "recipe"))
            .collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a text");
            let loader = Beside(file.parent().map(Path::to_path_buf).unwrap_or_default());
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let read = |variant: Option<String>| {
                let options = Options { variant, ..Options::default() };
                check(Source::new(FileId(0), name.as_str(), text.as_str()), &loader, &options)
            };
            let base = read(None);
            let variants = base.recipe.as_ref().map_or_else(Vec::new, |recipe| recipe.variants.clone());
            all.push((name.clone(), base));
            for variant in variants {
                all.push((format!("{name} --variant {variant}"), read(Some(variant))));
            }
        }
    }
    all
}

/// Whether a value of the canonical form is to be seen in a text.
fn seen(value: &str, text: &str) -> bool {
    let bare = value.trim_matches('"');
    let same =
        |word: &str, number: f64| word.trim_end_matches(['.', ',', ';']).parse::<f64>().is_ok_and(|w| w == number);
    let apart = text.replace("..", " ").replace(['(', ')', '{', '}', '[', ']', ',', '%'], " ");
    let has = |number: f64| apart.split_whitespace().any(|word| same(word, number));
    if let Ok(number) = bare.parse::<f64>() {
        return has(number);
    }
    if text.contains(bare) || OTHER_WORDS.iter().any(|(ours, theirs)| bare == *ours && text.contains(theirs)) {
        return true;
    }
    // Two numbers, `[1, 4]`, are a range in the language: `1..4`.
    let mut numbers = bare.trim_matches(['[', ']']).split(", ").map(str::parse::<f64>);
    bare.starts_with('[') && numbers.all(|number| number.is_ok_and(has))
}

/// Whether every word and number of a condition over rows is to be seen in a text.
fn parts_seen(value: &str, text: &str) -> bool {
    value
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-')))
        .filter(|part| !part.is_empty())
        // What kind of part it is: the text shows that by its signs.
        .filter(|part| !matches!(*part, "compare" | "holds" | "column" | "op" | "value" | "number" | "text" | "bool"))
        .all(|part| seen(part, text))
}

#[test]
fn nothing_that_the_runtime_uses_is_missing() {
    let mut lines_seen = 0;
    for (name, checked) in every_recipe() {
        let Some(recipe) = &checked.recipe else {
            panic!("{name}: {}", human::render(&checked.problems, &checked.sources, human::Style::default()))
        };
        let (_, plan) = recipec_compiler::compile(recipe).expect("a plan");
        let outline = outline(recipe, &checked.sources, &Around::default());
        let rows: Vec<&Row> = outline.sections.iter().flat_map(|section| &section.rows).collect();
        let formulas: Vec<&FormulaView> = outline.sections.iter().flat_map(|section| &section.formulas).collect();
        let not_set: Vec<&String> = outline.sections.iter().flat_map(|section| &section.not_set).collect();
        let sentences: Vec<&String> = outline.sections.iter().flat_map(|section| &section.sentences).collect();
        for (line, value) in identity::of_plan(recipe, &plan).lines() {
            lines_seen += 1;
            let found = behind(recipe, &plan, line);
            let said = |value: &str| sentences.iter().any(|sentence| seen(value, sentence));
            match found.place {
                // Edges and kinds of nodes follow from the settings; the shuffle node is its setting.
                None => assert!(line.ends_with(".reads") || line.ends_with(".node"), "{name}: {line} has no place"),
                Some(Place::Setting(path)) if line.ends_with(".node") => {
                    assert!(rows.iter().any(|row| row.path == path), "{name}: {line}")
                }
                Some(Place::Setting(path)) => match rows.iter().find(|row| row.path == path) {
                    Some(row) => assert!(
                        seen(value, &row.meaning)
                            || (line.contains(".rows.filter") && parts_seen(value, &row.meaning))
                            || (value == "none" && !row.meaning.contains(line.rsplit('.').next().unwrap_or_default())),
                        "{name}: {line} = {value}, and explain says {} = {}",
                        row.path,
                        row.meaning
                    ),
                    None => {
                        // A param that the recipe does not declare has its value all the same; a key without a value is listed.
                        let absent = value == "none" && (not_set.contains(&&path) || path.contains(".supervised."));
                        let unsaid = path == "param.seed" && value == "0";
                        assert!(absent || unsaid, "{name}: {line} = {value} is missing: no {path}");
                    }
                },
                Some(Place::Formulas(paths)) => {
                    for path in paths.iter().filter(|path| *path != "reward.outcome" || value.contains("outcome = ")) {
                        let own = found.stage.as_ref().map(|stage| format!("stage.{stage}.{path}"));
                        let view = formulas.iter().find(|view| Some(&view.path) == own.as_ref());
                        let view = view.or_else(|| formulas.iter().find(|view| view.path == *path));
                        let view = view.unwrap_or_else(|| panic!("{name}: {line}: no formula {path}"));
                        for read in &view.reads {
                            let column = read.replace("mean(", "last_batch.").replace(", over = last_batch)", "");
                            // What no domain's own reward reads is not computed there.
                            let own = formulas.iter().any(|view| view.path.ends_with(".reward"));
                            assert!(
                                value.contains(&column) || own || !value.contains("%"),
                                "{name}: {path} reads {read}"
                            );
                        }
                    }
                    // What the program reads, one of its formulas says that it reads.
                    let is_name = |part: &&str| part.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '.');
                    for input in value.split("; ").filter(is_name) {
                        let input = match input.strip_prefix("last_batch.") {
                            Some(mean) => &format!("mean({mean}, over = last_batch)"),
                            None => input,
                        };
                        let known = formulas.iter().any(|view| view.constants.iter().any(|(name, _)| name == input));
                        let reads = formulas.iter().any(|view| view.reads.iter().any(|read| read == input));
                        // Rewards of single domains are one program, which chooses by the domain.
                        let chosen = input == "domain" && formulas.iter().any(|view| view.path.ends_with(".reward"));
                        assert!(reads || known || chosen || input == "present", "{name}: {line} reads {input}");
                    }
                }
                Some(Place::Derived(_)) if line.ends_with(".fresh_optimizer") => {
                    let lead = line.replace(".fresh_optimizer", " (");
                    let words = if value == "true" { "start anew" } else { "start as the stage before left them" };
                    assert!(
                        sentences.iter().any(|s| s.starts_with(&lead) && s.contains(words)),
                        "{name}: {line} = {value}"
                    );
                }
                Some(Place::Derived(_)) => {
                    for part in
                        value.trim_matches(['[', ']']).split(", ").filter(|part| *part != "0" && *part != "none")
                    {
                        assert!(said(part), "{name}: {line}: {part} is in no sentence");
                    }
                }
                Some(Place::Shares | Place::Name) => {
                    for part in value.trim_matches(['[', ']']).split(", ").filter(|part| !part.is_empty()) {
                        let heading = part.trim_matches('"') == "main"
                            || rows.iter().any(|row| row.path.contains(part.trim_matches('"')));
                        let formula = formulas.iter().any(|view| view.path.ends_with(part.trim_matches('"')));
                        assert!(said(part) || heading || formula, "{name}: {line}: {part} is nowhere");
                    }
                }
                Some(Place::Suites | Place::Rows(_)) => panic!("{name}: {line} has no setting"),
            }
        }
    }
    assert!(lines_seen > 3000, "{lines_seen}");
}
