//! The values of the vocabulary's own tables, and of `--set`: a number with a unit, or a word.

use crate::resolve::settings::path_expr;
use crate::units;
use recipec_grammar::source::Span;
use recipec_grammar::tree::{Expr, ExprKind, Name, Quantity};

/// Reads `2Ki tokens`, `-0.5`, `1e-3`, `40%`, `true`, `none`, `budget.output`. None when it is nothing of this kind.
pub fn literal(text: &str) -> Option<Expr> {
    let text = text.trim();
    let span = Span::default();
    if let Some(rest) = text.strip_prefix('-') {
        let inner = literal(rest)?;
        return Some(Expr { kind: ExprKind::Negate(Box::new(inner)), span });
    }
    match text {
        "true" | "false" => return Some(Expr { kind: ExprKind::Bool(text == "true"), span }),
        _ => {}
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return quantity(text, span).map(|quantity| Expr { kind: ExprKind::Quantity(quantity), span });
    }
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    text.split('.').all(is_word).then(|| path_expr(text, span))
}

fn quantity(text: &str, span: Span) -> Option<Quantity> {
    let (number, unit) = match text.split_once(char::is_whitespace) {
        Some((number, unit)) => (number, Some(unit.trim())),
        None => (text, None),
    };
    if unit.is_some_and(|word| units::unit(word).is_none()) {
        return None;
    }
    let (digits, factor, percent) = match number {
        n if n.ends_with('%') => (n.strip_suffix('%')?, 0.01, true),
        n => {
            const PREFIXES: [(&str, f64); 6] =
                [("Ki", 1024.0), ("Mi", 1_048_576.0), ("Gi", 1_073_741_824.0), ("K", 1e3), ("M", 1e6), ("G", 1e9)];
            match PREFIXES.iter().find_map(|(prefix, factor)| n.strip_suffix(prefix).map(|digits| (digits, *factor))) {
                Some((digits, factor)) => (digits, factor, false),
                None => (n, 1.0, false),
            }
        }
    };
    let whole = digits.chars().all(|c| c.is_ascii_digit());
    if !digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+')) {
        return None;
    }
    let value = digits.parse::<f64>().ok().filter(|v| v.is_finite())?;
    // Division by 100 is exact where multiplication by 0.01 is not.
    let value = if percent { value / 100.0 } else { value * factor };
    Some(Quantity {
        value,
        whole: whole && !percent,
        percent,
        unit: unit.map(|word| Name::new(word.to_string(), span)),
        text: number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::keys::rows;
    use crate::vocabulary::kinds::Absent;

    #[test]
    fn values_are_read() {
        for (text, expected) in [("2Ki tokens", 2048.0), ("40%", 0.4), ("1e-3", 1e-3), ("3G tokens", 3e9), ("0", 0.0)] {
            let Some(Expr { kind: ExprKind::Quantity(quantity), .. }) = literal(text) else { panic!("{text}") };
            assert_eq!(quantity.value, expected, "{text}");
        }
        for text in ["", "12x", "3 stepz", "a-b", "1..4", "\"x\"", "."] {
            assert!(literal(text).is_none(), "{text}");
        }
    }

    #[test]
    fn every_default_is_a_value_of_the_language() {
        for row in rows() {
            match row.key.absent {
                Absent::Default(text) => assert!(literal(text).is_some(), "{}: {text}", row.path),
                Absent::Same(path) => assert!(rows().iter().any(|r| r.path == path), "{}: {path}", row.path),
                Absent::Required(why) => assert!(!why.is_empty()),
                Absent::Nothing => {}
            }
        }
    }
}
