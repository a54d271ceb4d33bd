//! The meaning of a value as text: base units, no prefixes, arguments in full and in the order of their names. Two texts that mean
//! the same have the same one.

use super::Value;
use crate::formula::canonical_number;
use crate::settings::{RowComparison, RowFilter, RowValue};
use crate::units::{self, Dimension};
use crate::vocabulary::keys;
use crate::vocabulary::kinds::Kind;

/// The meaning of the value at a path. `counted` is the unit that `mix.count` counts.
pub fn meaning(path: &str, value: &Value, counted: Option<&str>) -> String {
    // Most values are words and texts, which have none.
    let has_one = matches!(value, Value::Number(_) | Value::Several(_));
    let dimension = match has_one.then(|| kind(path)).flatten() {
        Some(Kind::Amount { dimension, .. }) => dimension,
        Some(Kind::Counted) => counted.and_then(units::unit).map_or(Dimension::PURE, |(dimension, _)| dimension),
        _ => Dimension::PURE,
    };
    of(path, value, dimension)
}

fn of(path: &str, value: &Value, dimension: Dimension) -> String {
    match value {
        Value::Number(number) => amount(*number, dimension),
        Value::Truth(truth) => truth.to_string(),
        Value::Word(word) => word.clone(),
        Value::Text(text) => quoted(text),
        Value::Levels(low, high) => format!("{low}..{high}"),
        Value::Call { word, arguments } => {
            // What is written without a name stands first, in its order; the rest is sorted by name.
            let rows = kind(path).and_then(|kind| kind.choice(word)).and_then(|choice| choice.arguments).unwrap_or(&[]);
            let unnamed: Vec<&str> = rows.iter().filter(|row| row.positional).map(|row| row.name).collect();
            let text = |name: &str, value: &Value| meaning(&format!("{path}.{name}"), value, None);
            let first = unnamed.iter().filter_map(|name| Some(text(name, arguments.get(*name)?)));
            let named = arguments.iter().filter(|(name, _)| !unnamed.contains(&name.as_str()));
            let named = named.map(|(name, value)| format!("{name} = {}", text(name, value)));
            let parts: Vec<String> = first.chain(named).collect();
            format!("{word}({})", parts.join(", "))
        }
        Value::Shares(shares) => {
            let mut parts: Vec<String> =
                shares.iter().map(|share| format!("{} = {}", share.domain, canonical_number(share.ratio))).collect();
            parts.sort();
            format!("{{ {} }}", parts.join(", "))
        }
        Value::Columns(columns) => {
            let parts: Vec<String> = columns.iter().map(|(new, old)| format!("{new} = {old}")).collect();
            format!("{{ {} }}", parts.join(", "))
        }
        Value::RowFilter(filter) => row_filter(filter),
        Value::Several(values) => {
            let parts: Vec<String> = values.iter().map(|value| of(path, value, dimension)).collect();
            format!("[{}]", parts.join(", "))
        }
        Value::Formula(formula) => formula.to_string(),
        Value::Record => "{ … }".into(),
        Value::Hole => String::new(),
    }
}

/// A condition over the columns of a row, every part in brackets.
fn row_filter(filter: &RowFilter) -> String {
    match filter {
        RowFilter::Holds { column } => column.clone(),
        RowFilter::Not(inner) => format!("not ({})", row_filter(inner)),
        RowFilter::And(left, right) => format!("({}) and ({})", row_filter(left), row_filter(right)),
        RowFilter::Or(left, right) => format!("({}) or ({})", row_filter(left), row_filter(right)),
        RowFilter::Compare { column, op, value } => {
            let op = match op {
                RowComparison::Equal => "==",
                RowComparison::NotEqual => "!=",
                RowComparison::Less => "<",
                RowComparison::LessEqual => "<=",
                RowComparison::Greater => ">",
                RowComparison::GreaterEqual => ">=",
            };
            let value = match value {
                RowValue::Text(text) => quoted(text),
                RowValue::Number(number) => canonical_number(*number),
                RowValue::Bool(truth) => truth.to_string(),
            };
            format!("{column} {op} {value}")
        }
    }
}

/// A number in base units with its unit.
pub fn amount(number: f64, dimension: Dimension) -> String {
    match dimension.is_pure() {
        true => canonical_number(number),
        false => format!("{} {dimension}", canonical_number(number)),
    }
}

/// A text in quotes, as a recipe writes it.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// The kind of a key or of an argument.
pub fn kind(path: &str) -> Option<Kind> {
    let pattern = crate::resolve::settings::pattern_of(path);
    if let Some(row) = keys::row(&pattern) {
        return Some(row.key.kind);
    }
    let (key, argument) = pattern.rsplit_once('.')?;
    let Kind::Choice(choices) = keys::row(key)?.key.kind else { return None };
    let mut arguments = choices.iter().filter_map(|choice| choice.arguments).flatten();
    arguments.find(|row| row.name == argument).map(|row| row.kind)
}
