//! Prompts, verifiers and demonstrations name columns that the data has, and generators that there are.
//!
//! What the columns are is known of generators, and of files that were looked at. Of other data it is not decided.
//! Bad: `data = builtin("arithmetic")  verify = math_answer(gold = anwser)`

use crate::diagnostic::{Diagnostic, codes, suggest};
use crate::draft::Draft;
use crate::facts;
use crate::problems::Problems;
use crate::settings::DataSource;
use crate::template::{self, Part};
use crate::values::{Value, Values};
use crate::vocabulary::generators::{self, DEMONSTRATION, GENERATORS};
use crate::vocabulary::keys;
use crate::vocabulary::kinds::Kind;
use recipec_grammar::source::Span;
use recipec_grammar::tree::{Expr, ExprKind};
use std::collections::BTreeSet;

/// Columns that a verifier reads without being told their names.
const READ_BY: [(&str, &str); 4] = [
    ("constraints", "instruction_id_list"),
    ("function_calls", "ground_truth"),
    ("puzzle", "game_data"),
    ("puzzle", "task"),
];

/// Columns that hold the problem, one of which every row has; a prompt may name it by the first two.
const PROBLEM: [&str; 3] = ["prompt", "problem", "question"];

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    if !draft.domains_changed(&["data", "verify", "prompt", "reference", "columns", "filter", "on_bad_row"]) {
        return;
    }
    let mut open: BTreeSet<String> = BTreeSet::new();
    let names = || draft.view.resolved.names("domain");
    for name in names() {
        let owner = Owner { draft, values: &draft.run, path: format!("domain.{}", name.node), place: name.span };
        owner.check(&mut open, problems);
    }
    for stage in &draft.stages {
        let trained: BTreeSet<&str> = stage.shares.iter().flatten().map(|s| s.domain.as_str()).collect();
        for name in names() {
            let owner = Owner { draft, values: &stage.values, path: format!("domain.{}", name.node), place: name.span };
            // What a stage leaves as it is has been looked at.
            let differs = ["data", "prompt", "verify"].into_iter().any(|key| {
                let path = format!("{}.{key}", owner.path);
                stage.values.span(&path) != draft.run.span(&path)
            });
            if differs {
                owner.check(&mut open, problems);
            }
            if let Some(span) = stage.supervised.filter(|_| trained.contains(name.node.as_str())) {
                demonstrations(&owner, &stage.name, span, problems);
            }
        }
    }
    for name in draft.view.resolved.names("suite") {
        let owner = Owner { draft, values: &draft.run, path: format!("suite.{}", name.node), place: name.span };
        owner.check(&mut open, problems);
    }
    if !open.is_empty() {
        let list: Vec<String> = open.into_iter().collect();
        problems.note(format!(
            "not decided: whether {} the columns that the recipe names; the data is not at hand",
            match list.as_slice() {
                [one] => format!("`{one}` has"),
                many => format!("{} have", suggest::some(many)),
            }
        ));
    }
}

/// A domain or a suite.
struct Owner<'a> {
    draft: &'a Draft<'a>,
    values: &'a Values,
    path: String,
    place: Span,
}

impl Owner<'_> {
    fn check(&self, open: &mut BTreeSet<String>, problems: &mut Problems) {
        let data = format!("{}.data", self.path);
        let Some(source) = facts::source(self.values, &data).filter(|s| *s != DataSource::HeldOut) else { return };
        if let DataSource::Builtin { generator, levels } = &source {
            let span = self.values.span(&data).unwrap_or(self.place);
            if !self.generator(generator, *levels, span, problems) {
                return;
            }
        }
        let parts = self.prompt(problems);
        let named: Vec<&String> =
            parts.iter().filter_map(|p| if let Part::Column(n) = p { Some(n) } else { None }).collect();
        let arguments = self.column_arguments();
        let Some(columns) = facts::columns(self.draft.facts, &source) else {
            if !named.is_empty() || !arguments.is_empty() {
                open.insert(facts::data_key(&source));
            }
            return;
        };
        self.needed(&columns, &source, problems);
        let known: Vec<&str> = columns.iter().map(String::as_str).chain(PROBLEM.into_iter().take(2)).collect();
        let prompt = format!("{}.prompt", self.path);
        for name in named.into_iter().filter(|n| !known.contains(&n.as_str())) {
            let span = self.values.span(&prompt).unwrap_or(self.place);
            // The braces with the name, where the text holds them as they are written.
            problems.push(self.unknown(name, "the prompt", self.inside(span, &format!("{{{name}}}")), &known, &source));
        }
        for (argument, name, written) in arguments {
            if columns.contains(&name) {
                continue;
            }
            let verify = format!("{}.verify", self.path);
            let span = written.or_else(|| self.values.span(&verify)).unwrap_or(self.place);
            let known: Vec<&str> = columns.iter().map(String::as_str).collect();
            let mut diagnostic = self.unknown(
                &name,
                &if argument == "reference" {
                    "`reference`".to_string()
                } else {
                    format!("`{argument}` of the verifier")
                },
                span,
                &known,
                &source,
            );
            if let (Some(near), Some(span)) = (suggest::near(&name, known.iter().copied()), written) {
                diagnostic = diagnostic.fix(span, near.word, near.certain);
            }
            problems.push(diagnostic);
        }
    }

    /// Columns that the verifier cannot do without.
    fn needed(&self, columns: &BTreeSet<String>, source: &DataSource, problems: &mut Problems) {
        let path = format!("{}.verify", self.path);
        let Some(verifier) = self.values.word(&path) else { return };
        let missing: Vec<&str> = READ_BY
            .iter()
            .filter(|(name, column)| *name == verifier && !columns.contains(*column))
            .map(|(_, column)| *column)
            .collect();
        if missing.is_empty() {
            return;
        }
        let key = facts::data_key(source);
        let list = suggest::list(&missing, "and");
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_COLUMN,
            format!("verifier `{verifier}` reads {list}, which `{key}` does not have"),
        )
        .at(self.values.span(&path).unwrap_or(self.place), "would fail on every response")
        .help("use the verifier that belongs to this data, or data with these columns");
        if let Some(at) = self.values.span(&format!("{}.data", self.path)) {
            diagnostic = diagnostic.at(at, "this data");
        }
        problems.push(diagnostic);
    }

    fn unknown(&self, name: &str, what: &str, span: Span, known: &[&str], source: &DataSource) -> Diagnostic {
        let key = facts::data_key(source);
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_COLUMN,
            format!("{what} names column `{name}`, which `{key}` does not have"),
        )
        .at(span, "not a column of the data");
        diagnostic.help = suggest::help(name, known.iter().copied());
        if let Some(at) = self.values.span(&format!("{}.data", self.path)) {
            diagnostic = diagnostic.at(at, "this data");
        }
        diagnostic
    }

    /// Whether the generator exists; reports it, and levels that it does not have.
    fn generator(&self, name: &str, levels: Option<(u32, u32)>, span: Span, problems: &mut Problems) -> bool {
        let Some(row) = generators::generator(name) else {
            let legal = GENERATORS.iter().map(|g| g.name);
            let mut diagnostic =
                Diagnostic::new(codes::UNKNOWN_GENERATOR, format!("there is no built-in generator `{name}`"))
                    .at(self.inside(span, &format!("\"{name}\"")), "not a generator");
            diagnostic.help = suggest::help(name, legal.clone());
            if let Some(near) = suggest::near(name, legal) {
                let at = self.inside(span, &format!("\"{name}\""));
                if at != span {
                    diagnostic = diagnostic.fix(at, format!("\"{}\"", near.word), near.certain);
                }
            }
            problems.push(diagnostic);
            return false;
        };
        if let Some((low, high)) = levels
            && high > row.levels
        {
            problems.push(
                Diagnostic::new(
                    codes::UNKNOWN_GENERATOR,
                    format!("generator `{name}` has levels 1 to {}, not {low} to {high}", row.levels),
                )
                .at(span, "no such level")
                .help(format!("write `levels = {}..{}`", low.min(row.levels), row.levels)),
            );
        }
        true
    }

    /// The parts of the prompt; a prompt that cannot be read is reported.
    fn prompt(&self, problems: &mut Problems) -> Vec<Part> {
        let path = format!("{}.prompt", self.path);
        let Some(text) = self.values.text(&path) else { return Vec::new() };
        template::parse(text).unwrap_or_else(|why| {
            problems.push(
                Diagnostic::new(codes::BAD_PROMPT, why)
                    .at(self.values.span(&path).unwrap_or(self.place), "in this text")
                    .help("a column is written `{column}`; a brace itself is written twice, `{{`"),
            );
            Vec::new()
        })
    }

    /// Arguments of the verifier that name columns: the argument, the column, and where it is written.
    fn column_arguments(&self) -> Vec<(&'static str, String, Option<Span>)> {
        let path = format!("{}.verify", self.path);
        // A reference answer is looked up by the same rule.
        let reference = format!("{}.reference", self.path);
        let mut found: Vec<(&'static str, String, Option<Span>)> = self
            .values
            .word(&reference)
            .map(|column| ("reference", column.to_string(), self.values.span(&reference)))
            .into_iter()
            .collect();
        let Some(entry) = self.values.get(&path) else { return found };
        let Value::Call { word, arguments } = &entry.value else { return found };
        let row = keys::find_block("domain", None).and_then(|b| b.keys.iter().find(|k| k.name == "verify"));
        let Some(rows) = row.and_then(|key| key.kind.choice(word)).and_then(|choice| choice.arguments) else {
            return found;
        };
        let written = self.draft.view.settings.get(&path).map(|s| &s.value.body);
        let of_verifier = rows
            .iter()
            // Only a column is a free word in `verify`; a judge names its model by one too.
            .filter(|r| matches!(r.kind, Kind::Word) && r.name != "model")
            .filter_map(|r| match arguments.get(r.name) {
                Some(Value::Word(column)) => Some((r.name, column.clone(), written.and_then(|e| argument(e, r.name)))),
                _ => None,
            });
        found.extend(of_verifier);
        found
    }

    /// The first place of a piece of text inside of a longer one; the whole where it is not there as it stands.
    fn inside(&self, span: Span, piece: &str) -> Span {
        let text = self.draft.text(span);
        match text.and_then(|text| text.find(piece)) {
            Some(at) => Span::new(span.file, span.start + at, span.start + at + piece.len()),
            None => span,
        }
    }
}

/// Where the value of an argument stands.
fn argument(call: &Expr, name: &str) -> Option<Span> {
    let ExprKind::Call { arguments, .. } = &call.kind else { return None };
    arguments.iter().find(|a| a.name.as_ref().is_some_and(|n| n.node == name)).map(|a| a.value.span)
}

/// A stage of demonstrations names a column that every domain of it has.
fn demonstrations(owner: &Owner<'_>, stage: &str, span: Span, problems: &mut Problems) {
    let path = format!("stage.{stage}.supervised.target");
    let Some(target) = owner.values.word(&path) else { return };
    let Some(source) = facts::source(owner.values, &format!("{}.data", owner.path)) else { return };
    let Some(columns) = facts::columns(owner.draft.facts, &source) else { return };
    let generated = matches!(source, DataSource::Builtin { .. });
    if columns.contains(target) || (generated && target == DEMONSTRATION) {
        return;
    }
    let mut known: Vec<&str> = columns.iter().map(String::as_str).collect();
    if generated {
        known.push(DEMONSTRATION);
    }
    let place = owner.values.span(&path).unwrap_or(span);
    problems.push(owner.unknown(target, &format!("stage `{stage}`"), place, &known, &source));
}

#[cfg(test)]
mod tests {
    use crate::Options;
    use crate::facts::{DataFacts, Facts};
    use crate::testing::{checked, codes_of, found, quickstart_with};
    use std::collections::BTreeMap;

    #[test]
    fn columns_of_generators() {
        for (from, to, codes) in [
            ("gold = answer", "gold = anwser", vec!["recipe::data::unknown_column"]),
            ("tests = tests", "tests = test", vec!["recipe::data::unknown_column"]),
            ("builtin(\"programs\")", "builtin(\"programms\")", vec!["recipe::data::unknown_generator"]),
            ("builtin(\"programs\")", "builtin(\"programs\", levels = 2..5)", vec!["recipe::data::unknown_generator"]),
            ("builtin(\"programs\")", "builtin(\"programs\", levels = 2..4)", vec![]),
            ("verify = puzzle()", "verify = constraints()", vec!["recipe::data::unknown_column"]),
            ("target    = demonstration", "target    = demonstrations", vec!["recipe::data::unknown_column"; 5]),
            ("domain math     {", "domain math     { prompt = \"{problem}\"", vec![]),
            ("domain math     {", "domain math     { prompt = \"{text}\"", vec!["recipe::data::unknown_column"]),
            ("domain math     {", "domain math     { prompt = \"{problem\"", vec!["recipe::data::bad_prompt"]),
        ] {
            assert_eq!(codes_of(&quickstart_with(from, to)).codes, codes, "{to}");
        }
    }

    #[test]
    fn columns_of_files_are_facts() {
        let text = quickstart_with("builtin(\"arithmetic\")", "file(\"rows.jsonl\")");
        let with = |columns: Option<&[&str]>| {
            let columns = columns.map(|c| c.iter().map(|c| (*c).to_string()).collect());
            let known = DataFacts { columns, ..DataFacts::default() };
            let facts =
                Facts { data: BTreeMap::from([("file(\"rows.jsonl\")".to_string(), known)]), ..Facts::default() };
            let checked = checked(&text, &Options { facts, ..Options::default() });
            (found(&checked).codes, checked.notes.iter().any(|n| n.contains("rows.jsonl") && n.contains("columns")))
        };
        assert_eq!(with(Some(&["prompt", "answer", "demonstration"])), (vec![], false));
        assert_eq!(with(Some(&["prompt", "gold", "demonstration"])), (vec!["recipe::data::unknown_column"], false));
        assert_eq!(with(None), (vec![], true));
    }
}
