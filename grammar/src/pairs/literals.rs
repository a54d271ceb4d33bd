//! Numbers with their units, and texts.

use super::{Reader, Rule};
use crate::precedence::Tall;
use crate::source::{Span, Spanned};
use crate::syntax_error::{nearest, quoted, unit_help};
use crate::tree::{ExprKind, Name, Quantity, SyntaxError, SyntaxErrorKind};
use pest::iterators::Pair;

impl Reader<'_> {
    fn bad_literal(&mut self, span: Span, message: String, label: &str, help: String) {
        self.error(SyntaxError::new(SyntaxErrorKind::BadLiteral, span, message, label).help(help));
    }

    /// A number with its prefix and its unit. A unit that does not exist is reported and left out; a number that
    /// cannot be read is a hole.
    pub(super) fn quantity(&mut self, pair: Pair<'_, Rule>) -> Tall {
        let whole = self.span(&pair);
        let mut written = "";
        let mut factor = 1.0;
        let mut percent = false;
        let mut unit: Option<Name> = None;
        let mut readable = true;
        let mut end = whole.start;
        let mut last = whole;
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::number => {
                    written = self.slice(span);
                    end = span.end;
                }
                Rule::percent => {
                    percent = true;
                    end = span.end;
                }
                Rule::far_percent => {
                    percent = true;
                    let message = "a blank before `%`".to_string();
                    let help = format!("write `{written}%`; there is no modulo");
                    self.bad_literal(span, message, "belongs directly behind its number", help);
                }
                Rule::scale => {
                    factor = scale(self.slice(span));
                    end = span.end;
                }
                Rule::bad_suffix => {
                    readable = false;
                    self.bad_suffix(written, span);
                }
                Rule::unit | Rule::bound_unit => unit = Some(self.name(&inner)),
                Rule::bad_unit => {
                    let word = self.slice(span);
                    if readable {
                        self.bad_literal(
                            span,
                            format!("unknown unit {}", quoted(word)),
                            "not a unit",
                            unit_help(word),
                        );
                    }
                }
                _ => {}
            }
            last = span;
        }
        let number = self.span_of(whole.start, end);
        if percent && let Some(unit) = unit.take() {
            let message = format!("a percentage with the unit {}", quoted(&unit.node));
            self.bad_literal(
                unit.span,
                message,
                "a percentage is a pure number",
                "remove the unit or the `%`".into(),
            );
        }
        let whole = whole.to(last);
        if !readable {
            return Tall::leaf(ExprKind::Hole, whole);
        }
        let text = self.slice(number).to_string();
        let value = written.parse::<f64>().unwrap_or(f64::INFINITY) * factor;
        if !value.is_finite() {
            let message = format!("the number {} is too large", quoted(&text));
            self.bad_literal(
                number,
                message,
                "beyond the largest number",
                "the largest number is about 1.8e308".into(),
            );
            return Tall::leaf(ExprKind::Hole, whole);
        }
        let value = if percent { value / 100.0 } else { value };
        let fraction = written
            .bytes()
            .any(|byte| matches!(byte, b'.' | b'e' | b'E'));
        let quantity = Quantity {
            value,
            whole: !fraction && !percent,
            percent,
            unit,
            text,
        };
        Tall::leaf(ExprKind::Quantity(quantity), whole)
    }

    /// Letters at a number that are neither a prefix nor a unit.
    fn bad_suffix(&mut self, number: &str, span: Span) {
        let suffix = self.slice(span);
        let (message, help) = if suffix.starts_with('_') {
            let digits: String = suffix.chars().filter(|c| *c != '_').collect();
            (
                "a number with `_` in it".to_string(),
                format!("write `{number}{digits}`"),
            )
        } else if suffix.starts_with('.') {
            (
                "a number with two points".to_string(),
                "write one point, and the fraction behind it".to_string(),
            )
        } else {
            let prefixes = ["K", "M", "G", "Ki", "Mi", "Gi"];
            let help = match nearest(suffix, &prefixes) {
                Some(prefix) => format!("did you mean `{number}{prefix}`?"),
                None => "K, M and G are powers of ten, Ki, Mi and Gi of two; a unit stands behind a blank".into(),
            };
            (
                format!("unknown prefix {} of a number", quoted(suffix)),
                help,
            )
        };
        self.bad_literal(span, message, "cannot stand at a number", help);
    }

    /// `.5`
    pub(super) fn bad_number(&mut self, pair: &Pair<'_, Rule>) -> Tall {
        let span = self.span(pair);
        let written = self.slice(span);
        let help = format!("write `0{written}`");
        self.bad_literal(
            span,
            "a number without a digit before its point".into(),
            "begins with a point",
            help,
        );
        Tall::leaf(ExprKind::Hole, span)
    }

    /// The contents of a text in double quotes.
    pub(super) fn text_value(&mut self, pair: Pair<'_, Rule>) -> Spanned<String> {
        let whole = self.span(&pair);
        let mut value = String::new();
        for inner in pair.into_inner() {
            let span = self.span(&inner);
            match inner.as_rule() {
                Rule::characters => value = self.unescape(span),
                Rule::missing_quote => {
                    self.swallowed = Some(whole);
                    let open = self.span_of(whole.start, whole.start + 1);
                    let message = "this text is never closed";
                    let error =
                        SyntaxError::new(SyntaxErrorKind::Unclosed, open, message, "begins here");
                    self.error(error.help(
                        "a text ends on its line, with `\"`; a line break in it is written `\\n`",
                    ));
                }
                _ => {}
            }
        }
        Spanned::new(value, whole)
    }

    fn unescape(&mut self, span: Span) -> String {
        let raw = self.slice(span);
        let mut value = String::with_capacity(raw.len());
        let mut characters = raw.char_indices();
        while let Some((at, character)) = characters.next() {
            if character != '\\' {
                value.push(character);
                continue;
            }
            match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, '"')) => value.push('"'),
                Some((_, '\\')) => value.push('\\'),
                Some((_, other)) => {
                    let start = span.start + at;
                    let place = self.span_of(start, start + 1 + other.len_utf8());
                    let message = format!("unknown escape {}", quoted(self.slice(place)));
                    let help = "escapes are `\\n`, `\\t`, `\\\"` and `\\\\`; a backslash is written `\\\\`";
                    self.bad_literal(place, message, "not an escape", help.into());
                    value.push(other);
                }
                None => {} // the text is unterminated, which has been said
            }
        }
        value
    }

    /// A text in single quotes.
    pub(super) fn single_quoted(&mut self, pair: &Pair<'_, Rule>) -> Tall {
        let span = self.span(pair);
        let contents = self.slice(span).trim_matches('\'').to_string();
        let help = format!("write `\"{}\"`", quoted(&contents).trim_matches('`'));
        self.bad_literal(
            span,
            "a text in single quotes".into(),
            "a text stands in double quotes",
            help,
        );
        Tall::leaf(ExprKind::Text(contents), span)
    }
}

/// The factor of a prefix.
fn scale(prefix: &str) -> f64 {
    match prefix {
        "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        _ => 1.0,
    }
}
