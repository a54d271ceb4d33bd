//! Values that are made of parts: level ranges, shares, words with arguments.

use super::messages::{example, wrong_kind};
use super::{Reader, Share, Value};
use crate::diagnostic::{Diagnostic, codes, suggest};
use crate::problems::Problems;
use crate::resolve::overrides::unknown_name;
use crate::resolve::settings::path_end;
use crate::units::Dimension;
use crate::values::literal::literal;
use crate::vocabulary::kinds::{Absent, Argument, Bounds, Choice, Kind};
use recipec_grammar::source::Span;
use recipec_grammar::tree::{self, Expr, ExprKind};
use std::collections::BTreeMap;

impl Reader<'_> {
    pub(super) fn levels(&self, path: &str, kind: &Kind, expr: &Expr, problems: &mut Problems) -> Value {
        let whole = |e: &Expr| match &e.kind {
            ExprKind::Quantity(q)
                if q.whole && q.unit.is_none() && q.value >= 1.0 && q.value <= f64::from(u32::MAX) =>
            {
                Some(q.value as u32)
            }
            _ => None,
        };
        if let ExprKind::Range(low, high) = &expr.kind
            && let (Some(low), Some(high)) = (whole(low), whole(high))
        {
            if low <= high {
                return Value::Levels(low, high);
            }
            problems.push(
                Diagnostic::new(codes::OUT_OF_RANGE, format!("the range {low}..{high} is empty"))
                    .at(expr.span, "the first number is above the second")
                    .help(format!("write `{high}..{low}`")),
            );
            return Value::Hole;
        }
        problems.push(wrong_kind(path, kind, expr));
        Value::Hole
    }

    pub(super) fn shares(&self, path: &str, kind: &Kind, expr: &Expr, problems: &mut Problems) -> Value {
        let ExprKind::Record { name: None, settings, .. } = &expr.kind else {
            problems.push(wrong_kind(path, kind, expr));
            return Value::Hole;
        };
        let mut shares: Vec<Share> = Vec::new();
        let mut hole = settings.is_empty();
        if settings.is_empty() {
            problems.push(
                Diagnostic::new(codes::WRONG_KIND, "a stage needs at least one domain")
                    .at(expr.span, "no domain in here"),
            );
        }
        for setting in settings {
            let Some(domain) = setting.path.segments.first() else { continue };
            if self.domains.binary_search(&domain.node).is_err() {
                if !problems.lost_text() {
                    problems.push(unknown_name("domain", domain, self.domains.iter().map(String::as_str).collect()));
                }
                hole = true;
                continue;
            }
            if let Some(first) = shares.iter().find(|s| s.domain == domain.node) {
                problems.push(
                    Diagnostic::new(codes::DUPLICATE, format!("`{}` is set twice", domain.node))
                        .at(domain.span, "again here")
                        .at(first.span, "first here"),
                );
                hole = true;
                continue;
            }
            let bounds = Bounds { least: 0.0, most: 1.0, above: false };
            match self.number(
                &format!("{path}.{}", domain.node),
                &setting.value.body,
                Dimension::PURE,
                false,
                bounds,
                problems,
            ) {
                Value::Number(ratio) => {
                    shares.push(Share { domain: domain.node.clone(), ratio, span: setting.value.span })
                }
                _ => hole = true,
            }
        }
        if hole { Value::Hole } else { Value::Shares(shares) }
    }

    /// One word of a closed list, or several in square brackets.
    pub(super) fn several(
        &self,
        path: &str,
        kind: &Kind,
        choices: &'static [Choice],
        expr: &Expr,
        problems: &mut Problems,
    ) -> Value {
        let items = match &expr.kind {
            ExprKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(expr),
        };
        if items.is_empty() {
            problems.push(wrong_kind(path, kind, expr));
            return Value::Hole;
        }
        let mut read: Vec<Value> = Vec::new();
        let mut hole = false;
        for item in items {
            let value = self.choice(path, kind, choices, item, problems);
            hole |= matches!(value, Value::Hole);
            if !matches!(value, Value::Hole) && read.contains(&value) {
                problems.push(
                    Diagnostic::new(codes::DUPLICATE, format!("`{}` is listed twice", self.text_of(item.span)))
                        .at(item.span, "again here")
                        .help("keep one of the two"),
                );
                hole = true;
            }
            read.push(value);
        }
        if hole { Value::Hole } else { Value::Several(read) }
    }

    pub(super) fn choice(
        &self,
        path: &str,
        kind: &Kind,
        choices: &'static [Choice],
        expr: &Expr,
        problems: &mut Problems,
    ) -> Value {
        let name = path_end(path);
        let (word, span) = match &expr.kind {
            ExprKind::Path(p) => (p.text(), p.span),
            ExprKind::Call { function, .. } => (function.text(), function.span),
            ExprKind::Record { name: Some(word), .. } => (word.node.clone(), word.span),
            _ => {
                problems.push(wrong_kind(path, kind, expr));
                return Value::Hole;
            }
        };
        let Some(choice) = choices.iter().find(|c| c.word == word) else {
            let words = choices.iter().map(|c| c.word);
            let mut diagnostic = Diagnostic::new(codes::UNKNOWN_WORD, format!("`{name}` cannot be `{word}`"))
                .at(span, format!("not a choice of `{name}`"));
            diagnostic.help = suggest::help(&word, words.clone());
            if let Some(near) = suggest::near(&word, words) {
                diagnostic = diagnostic.fix(span, near.word, near.certain);
            }
            problems.push(diagnostic);
            return Value::Hole;
        };
        if choice.later {
            problems.push(
                Diagnostic::new(codes::NOT_YET, format!("`{word}` is not carried out by this version"))
                    .at(span, "in the language, but not in this version")
                    .help(format!(
                        "this version has {}",
                        suggest::list(&choices.iter().filter(|c| !c.later).map(|c| c.word).collect::<Vec<_>>(), "and")
                    )),
            );
            return Value::Hole;
        }
        match (&expr.kind, choice.arguments) {
            (ExprKind::Path(_), None) => Value::Word(word),
            (ExprKind::Call { arguments, .. }, Some(rows)) => {
                self.call(path, choice, rows, arguments, expr.span, problems)
            }
            (ExprKind::Path(_), Some(_)) => {
                problems.push(
                    Diagnostic::new(codes::WRONG_KIND, format!("`{word}` is written with round brackets"))
                        .at(span, "arguments belong behind this")
                        .help(format!("write `{}`", example(choice))),
                );
                Value::Hole
            }
            _ => {
                problems.push(
                    Diagnostic::new(
                        codes::WRONG_KIND,
                        format!(
                            "`{word}` takes {}",
                            if choice.arguments.is_some() {
                                "arguments in round brackets"
                            } else {
                                "nothing in brackets"
                            }
                        ),
                    )
                    .at(expr.span, "not like this")
                    .help(format!("write `{}`", example(choice))),
                );
                Value::Hole
            }
        }
    }

    fn call(
        &self,
        path: &str,
        choice: &'static Choice,
        rows: &'static [Argument],
        arguments: &[tree::Argument],
        span: Span,
        problems: &mut Problems,
    ) -> Value {
        let word = choice.word;
        let mut read: BTreeMap<String, Value> = BTreeMap::new();
        let mut positional = rows.iter().filter(|r| r.positional);
        for argument in arguments {
            let row = match &argument.name {
                Some(name) => rows.iter().find(|r| r.name == name.node),
                None => positional.next(),
            };
            let Some(row) = row else {
                let place = argument.name.as_ref().map_or(argument.value.span, |n| n.span);
                let mut diagnostic = match &argument.name {
                    Some(name) => {
                        let mut d = Diagnostic::new(
                            codes::UNKNOWN_ARGUMENT,
                            format!("`{word}` has no argument `{}`", name.node),
                        );
                        d.help = suggest::help(&name.node, rows.iter().map(|r| r.name));
                        if let Some(near) = suggest::near(&name.node, rows.iter().map(|r| r.name)) {
                            d = d.fix(name.span, near.word, near.certain);
                        }
                        d
                    }
                    None => {
                        Diagnostic::new(codes::UNKNOWN_ARGUMENT, format!("`{word}` takes no value without a name here"))
                            .help(format!("write `{}`", example(choice)))
                    }
                };
                diagnostic = diagnostic.at(place, "not an argument of this call");
                problems.push(diagnostic);
                continue;
            };
            if let Some(filter) = &argument.filter {
                problems.push(
                    Diagnostic::new(codes::WRONG_KIND, "a filter belongs to an aggregate")
                        .at(filter.span, "remove this `if`"),
                );
            }
            if read.contains_key(row.name) {
                problems.push(
                    Diagnostic::new(codes::DUPLICATE, format!("`{}` is given twice", row.name))
                        .at(argument.value.span, "again here"),
                );
                continue;
            }
            read.insert(
                row.name.to_string(),
                self.expr(&format!("{path}.{}", row.name), &row.kind, &argument.value, problems),
            );
        }
        for row in rows {
            if read.contains_key(row.name) {
                continue;
            }
            match row.absent {
                Absent::Default(text) => {
                    if let Some(expr) = literal(text) {
                        read.insert(row.name.to_string(), self.expr(path, &row.kind, &expr, problems));
                    }
                }
                Absent::Required(_) => {
                    problems.push(
                        Diagnostic::new(codes::MISSING_KEY, format!("`{word}` needs `{}`", row.name))
                            .at(span, "not given here")
                            .help(format!("write `{}`", example(choice))),
                    );
                    read.insert(row.name.to_string(), Value::Hole);
                }
                Absent::Same(_) | Absent::Nothing => {}
            }
        }
        if read.values().any(|v| matches!(v, Value::Hole)) {
            return Value::Hole;
        }
        Value::Call { word: word.to_string(), arguments: read }
    }
}
