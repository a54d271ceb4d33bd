//! What is said about a setting that cannot be read, and how settings are printed.

use crate::diagnostic::{Diagnostic, codes, suggest};
use crate::problems::Problems;
use crate::resolve::settings::path_end;
use crate::units::Dimension;
use crate::vocabulary::kinds::{Choice, Key, Kind};
use recipec_grammar::source::Span;
use recipec_grammar::tree::{Expr, ExprKind};

pub(super) fn missing(path: &str, key: &Key, why: &str, place: Span, problems: &mut Problems) {
    if problems.lost_text() {
        // It may stand in the text that was skipped.
        return;
    }
    let choices = match key.kind {
        Kind::Choice(choices) => format!(
            "; the choices are {}",
            suggest::list(&choices.iter().filter(|c| !c.later).map(|c| c.word).collect::<Vec<_>>(), "and")
        ),
        _ => String::new(),
    };
    problems.push(
        Diagnostic::new(codes::MISSING_KEY, format!("`{path}` is not set"))
            .at(place, format!("`{}` belongs in here", key.name))
            .help(format!("write `{} = …`{choices}", key.name))
            .note(format!("there is no default: {why}")),
    );
}

pub(super) fn wrong_kind(path: &str, kind: &Kind, expr: &Expr) -> Diagnostic {
    Diagnostic::new(codes::WRONG_KIND, format!("`{}` takes {}", path_end(path), kind.words()))
        .at(expr.span, format!("this is {}", describe(expr)))
}

pub(super) fn wrong_unit(path: &str, expr: &Expr, found: Dimension, expected: Dimension) -> Diagnostic {
    let name = path_end(path);
    let (wanted, there) = (in_words(expected), in_words(found));
    let message = match (found.is_pure(), expected.is_pure()) {
        (true, _) => format!("`{name}` is an amount of {wanted}, found a number without a unit"),
        (false, true) => format!("`{name}` is a number without a unit, found an amount of {there}"),
        (false, false) => format!("`{name}` is an amount of {wanted}, found {there}"),
    };
    let mut diagnostic = Diagnostic::new(codes::WRONG_UNIT, message).at(
        expr.span,
        if found.is_pure() { "a unit is missing".to_string() } else { format!("this is an amount of {there}") },
    );
    if let ExprKind::Quantity(q) = &expr.kind {
        let mended = match expected.is_pure() {
            true => q.text.clone(),
            false if q.value == 1.0 && !q.text.contains(|c: char| c.is_alphabetic()) => {
                let unit = expected.to_string();
                format!("{} {}", q.text, unit.strip_suffix('s').filter(|u| !u.is_empty()).unwrap_or(&unit))
            }
            false => format!("{} {expected}", q.text),
        };
        // A whole number without its unit leaves no doubt where people count in one unit only; time and bytes have several.
        let one_unit =
            [Dimension::TOKENS, Dimension::ROLLOUTS, Dimension::GROUPS, Dimension::PROBLEMS, Dimension::STEPS];
        let certain =
            found.is_pure() && q.unit.is_none() && q.value == libm::trunc(q.value) && one_unit.contains(&expected);
        diagnostic = diagnostic.help(format!("write `{mended}`")).fix(expr.span, mended, certain);
    }
    diagnostic
}

/// A dimension as people say it: the unit of time is written `s`.
fn in_words(dimension: Dimension) -> String {
    if dimension == Dimension::SECONDS { "seconds".into() } else { dimension.to_string() }
}

/// What an expression is, for messages.
pub(super) fn describe(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::Quantity(_) => "a number",
        ExprKind::Text(_) => "a text",
        ExprKind::Bool(_) => "a truth value",
        ExprKind::Path(_) => "a word",
        ExprKind::Call { .. } => "a call",
        ExprKind::Record { name: Some(_), .. } => "a word with a record",
        ExprKind::Record { name: None, .. } => "a record",
        ExprKind::List(_) => "a list",
        ExprKind::Range(..) => "a range",
        _ => "a formula",
    }
}

/// How a choice is written.
pub(super) fn example(choice: &Choice) -> String {
    match choice.arguments {
        Some(rows) => {
            let parts: Vec<String> = rows
                .iter()
                .map(|r| match (r.positional, &r.kind) {
                    (true, Kind::Text) => format!("\"{}\"", r.name),
                    (true, _) => r.name.to_string(),
                    (false, _) => format!("{} = …", r.name),
                })
                .collect();
            format!("{}({})", choice.word, parts.join(", "))
        }
        None if choice.keys.is_empty() => choice.word.to_string(),
        None => format!("{} {{ … }}", choice.word),
    }
}

/// A note on where a formula was published stands behind something that is no formula; most often it is a `source` without `=`.
pub(super) fn note_on_a_value(path: &str, note: Span) -> Diagnostic {
    Diagnostic::new(codes::WRONG_KIND, format!("`{}` is no formula, so it takes no `source` note", path_end(path)))
        .at(note, "a note says where a formula was published")
        .help("remove it, or write `source = …` where the setting `source` is meant")
}

/// A number with its unit.
pub(crate) fn amount(value: f64, dimension: Dimension) -> String {
    if dimension.is_pure() { format!("{value}") } else { format!("{value} {dimension}") }
}

/// Text on one line, without `//` comments (outside of quotes) and doubled blanks.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let mut quoted = false;
        let mut escaped = false;
        let mut end = line.len();
        let mut before = ' ';
        for (at, c) in line.char_indices() {
            match c {
                '"' if !escaped => quoted = !quoted,
                '/' if !quoted && before == '/' => {
                    end = at.saturating_sub(1);
                    break;
                }
                _ => {}
            }
            escaped = c == '\\' && !escaped && quoted;
            before = c;
        }
        let kept = line.get(..end).unwrap_or(line).trim();
        if !kept.is_empty() {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(kept);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn comments_and_breaks_are_left_out() {
        for (text, expected) in [
            ("a // x\n  \"b // c\" // d\n\n", "a \"b // c\""),
            ("\"a \\\" // b\" // c", "\"a \\\" // b\""),
            ("1 / 8", "1 / 8"),
            ("", ""),
        ] {
            assert_eq!(one_line(text), expected, "{text}");
        }
    }
}
