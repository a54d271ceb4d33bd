//! An outline for people.

use super::formulas::FormulaView;
use super::{Outline, Section};
use crate::formula::canonical_number;
use std::fmt::Write;

/// A column is padded up to this width; what is longer is not cut.
const WIDEST: usize = 44;

impl Outline {
    /// The outline as text; a line ends where its content ends.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.heading {
            let _ = writeln!(text, "{line}");
        }
        for section in &self.sections {
            if !text.is_empty() {
                text.push('\n');
            }
            section.write(&mut text);
        }
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
    }
}

impl Section {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "{}", self.title);
        for sentence in &self.sentences {
            let _ = writeln!(text, "  {sentence}");
        }
        let gap = |text: &mut String, before: bool| {
            if before {
                text.push('\n');
            }
        };
        gap(text, !self.sentences.is_empty() && !self.rows.is_empty());
        let cells: Vec<[String; 4]> = self
            .rows
            .iter()
            .map(|row| [row.path.clone(), format!("= {}", row.shown()), format!("({})", row.origin), row.doc.clone()])
            .collect();
        let width = |column: usize| {
            let widths = cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            widths.filter(|width| *width <= WIDEST).max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2)];
        for [path, value, origin, doc] in &cells {
            let [a, b, c] = widths;
            let _ = writeln!(text, "  {path:<a$} {value:<b$} {origin:<c$}  {doc}");
        }
        for (at, formula) in self.formulas.iter().enumerate() {
            gap(text, at > 0 || !self.rows.is_empty() || !self.sentences.is_empty());
            write_formula(text, formula);
        }
        if !self.not_set.is_empty() {
            gap(text, !self.rows.is_empty() || !self.formulas.is_empty());
            let _ = writeln!(text, "  not set: {}", self.not_set.join(", "));
        }
        for entry in &self.entries {
            let _ = writeln!(text, "  {}", entry.head);
            for line in &entry.lines {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
}

fn write_formula(text: &mut String, formula: &FormulaView) {
    let doc = formula.doc.iter().flat_map(|doc| doc.lines());
    for line in doc {
        let _ = writeln!(text, "  {}", line.trim());
    }
    let _ = writeln!(text, "  {} = {}  ({})", formula.path, formula.text, formula.origin);
    let mut line = |lead: &str, rest: String| {
        let _ = writeln!(text, "    {lead:<7}{rest}");
    };
    for (name, value, range) in &formula.bindings {
        line("where", format!("{name} = {value}   [{}]", interval(*range)));
    }
    for called in &formula.called {
        let source = called.source.as_ref().map_or(String::new(), |source| format!("   source: {source}"));
        line("with", format!("{} = {}   [{}]{source}", called.head, called.text, interval(called.range)));
    }
    if !formula.reads.is_empty() {
        line("reads", formula.reads.join(", "));
    }
    if !formula.constants.is_empty() {
        let constants: Vec<String> =
            formula.constants.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        line("at", constants.join(", "));
    }
    line("range", interval(formula.range));
    if let Some(source) = &formula.source {
        line("source", source.clone());
    }
}

/// `-1..0`
fn interval((low, high): (f64, f64)) -> String {
    let end = |value: f64| match value.is_infinite() {
        true if value < 0.0 => "-∞".to_string(),
        true => "∞".to_string(),
        false => canonical_number(value),
    };
    format!("{}..{}", end(low), end(high))
}
