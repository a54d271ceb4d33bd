//! Nothing that the runtime uses is missing from `explain`: every value in the plan is on a line of it.

use super::places::{Place, behind};
use super::*;
use crate::identity;
use crate::testing::{APRIEL, QUICKSTART, checked, found};
use crate::{Checked, Options, check};
use recipec_grammar::source::FileId;
use std::path::{Path, PathBuf};

/// Words of the plan that are other words in the language.
const OTHER_WORDS: &[(&str, &str)] = &[("hub", "hf"), ("true", "kept"), ("false", "recomputed")];

struct Beside(PathBuf);

impl crate::Loader for Beside {
    fn load(&self, path: &str, _from: &Source) -> Result<Source, String> {
        let text = std::fs::read_to_string(self.0.join(path)).map_err(|why| why.to_string())?;
        Ok(Source::new(FileId(0), path, text))
    }
}

/// Every recipe of the repository that is without error, under every variant.
fn every_recipe() -> Vec<(String, Checked)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
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
    let numbers = |text: &str| -> Vec<String> {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
            .map(|part| part.trim_matches('.').to_string())
            .collect()
    };
    if text.contains(bare) || OTHER_WORDS.iter().any(|(ours, theirs)| bare == *ours && text.contains(theirs)) {
        return true;
    }
    // Two numbers, `[1, 4]`, are a range in the language: `1..4`.
    let ours = bare.trim_matches(['[', ']']).split(", ").map(str::to_string).collect::<Vec<_>>();
    bare.starts_with('[') && ours.iter().all(|number| text.split("..").any(|end| numbers(end).contains(number)))
}

#[test]
fn nothing_that_the_runtime_uses_is_missing() {
    let mut lines_seen = 0;
    for (name, checked) in every_recipe() {
        let Some(recipe) = &checked.recipe else { panic!("{name}: {}", found(&checked).text) };
        let (_, plan) = crate::compile(recipe).expect("a plan");
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
                            assert!(value.contains(&column) || !value.contains("%"), "{name}: {path} reads {read}");
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
                        assert!(reads || known || input == "present", "{name}: {line} reads {input}");
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
                Some(Place::Suites) => panic!("{name}: {line} has no setting"),
            }
        }
    }
    assert!(lines_seen > 3000, "{lines_seen}");
}

fn explained(text: &str, options: &Options, path: Option<&str>) -> String {
    let checked = checked(text, options);
    let Some(recipe) = &checked.recipe else { panic!("{}", found(&checked).text) };
    super::recipe(recipe, &checked.sources, path)
}

#[test]
fn a_path_picks_a_part() {
    let base = Options::default();
    let text = explained(QUICKSTART, &base, Some("train.optimizer"));
    assert!(
        text.lines().skip(1).filter(|line| !line.is_empty()).all(|line| line.contains("train.optimizer")),
        "{text}"
    );
    assert_eq!(text.lines().count(), 8, "{text}");
    let text = explained(QUICKSTART, &base, Some("difficulty_aware"));
    assert!(text.contains("penalty.difficulty_aware = overlong(length) * scale"), "{text}");
    assert!(text.contains("source arXiv 2604.02007, difficulty-aware length penalty"), "{text}");
    assert!(!text.contains("reward.total"), "{text}");
    let text = explained(QUICKSTART, &base, Some("formula.overlong"));
    assert!(text.contains("source: arXiv 2604.02007, length penalty"), "{text}");
    let checked = checked(QUICKSTART, &base);
    let outline = outline(checked.recipe.as_ref().expect("a recipe"), &checked.sources, &Around::default());
    for (path, full) in [
        ("train", Some("train")),
        ("gamma", Some("param.gamma")),
        ("bounded", Some("guarantee.bounded")),
        ("domain.math.verify.gold", Some("domain.math.verify.gold")),
        ("stage.warm_start.supervised", Some("stage.warm_start.supervised")),
        ("trian", None),
        ("train.", None),
        ("", None),
    ] {
        assert_eq!(outline.resolve(path).as_deref(), full, "{path}");
    }
}

#[test]
fn origins_in_words() {
    let variant = Options { variant: Some("with_kl".into()), ..Options::default() };
    let text = explained(QUICKSTART, &variant, Some("train.kl"));
    assert!(text.contains("was none (default)"), "{text}");
    let text = explained(
        QUICKSTART,
        &Options { set: vec![("gamma".into(), "1".into())], ..Options::default() },
        Some("gamma"),
    );
    assert!(text.contains("param.gamma = 1 (--set)"), "{text}");
    let text = explained(QUICKSTART, &Options::default(), Some("stage.warm_start.budget"));
    assert!(text.contains("1200 steps") && text.contains(", was 600 steps (test.recipe:"), "{text}");
    let text = explained(APRIEL, &Options::default(), Some("domain.math.verify"));
    assert!(
        text.contains("domain.math.verify.extract = boxed") && text.contains("(default of edition 2026)"),
        "{text}"
    );
    let text = explained(QUICKSTART, &Options::default(), Some("suite.cap.sampling"));
    assert!(text.contains("(default, as evaluate.sampling.top_k)"), "{text}");
}

#[test]
fn only_defaults() {
    let checked = checked(QUICKSTART, &Options::default());
    let recipe = checked.recipe.as_ref().expect("a recipe");
    let whole = outline(recipe, &checked.sources, &Around::default());
    let defaults = whole.clone().only(&Wanted { path: None, defaults: true });
    let rows = |outline: &Outline| outline.sections.iter().flat_map(|s| &s.rows).filter(|row| !row.folded).count();
    assert!(rows(&defaults) > 20 && rows(&defaults) < rows(&whole));
    assert!(defaults.sections.iter().flat_map(|s| &s.rows).all(|row| row.is_default));
    assert!(defaults.text().contains("train.updates"));
    assert!(!defaults.text().contains("train.group "));
}

#[test]
fn notations() {
    let recipe = crate::tests::recipe(APRIEL, &Options::default());
    for path in formula_paths(&recipe) {
        for notation in [Notation::Text, Notation::Latex, Notation::Python] {
            assert!(formula_as(&recipe, &path, notation).is_some_and(|text| !text.is_empty()), "{path}");
        }
    }
    assert!(
        formula_as(&recipe, "difficulty_aware", Notation::Latex).is_some_and(|text| text.contains("\\begin{cases}"))
    );
    assert!(formula_as(&recipe, "train.group", Notation::Text).is_none());
    assert!(formula_as(&recipe, "stage.main.reward.total", Notation::Text).is_some());
    assert!(formula_as(&recipe, "stage.none.reward.total", Notation::Text).is_none());
}
