//! `data { columns = …  filter = …  on_bad_row = … }`: how a row of a file becomes a problem, or does not.

use recipec_compiler::settings::{RowComparison, RowFilter, RowRules, RowValue};
use serde_json::Value;
use std::collections::BTreeMap;

/// The columns of a row.
pub type Columns = BTreeMap<String, Value>;

/// What became of the rows of a file. Every row is in exactly one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows that are used, on both sides of the split.
    pub used: u64,
    /// Rows that the filter leaves out.
    pub filtered: u64,
    /// Rows that could not be read and were skipped.
    pub bad: u64,
    /// What was wrong with the first of them, and on which line.
    pub first_bad: Option<String>,
}

/// Columns under their new names. A column that is renamed and not there makes the row a bad one.
pub fn renamed(mut columns: Columns, rules: &RowRules) -> Result<Columns, String> {
    // All are taken out before the first is put back, so that two columns can change names.
    let mut taken = Vec::with_capacity(rules.columns.len());
    for (new, old) in &rules.columns {
        let value = columns.get(old).ok_or_else(|| format!("there is no column `{old}` to be `{new}`"))?;
        taken.push((new.clone(), value.clone()));
    }
    for old in rules.columns.values() {
        columns.remove(old);
    }
    columns.extend(taken);
    Ok(columns)
}

/// Whether a row is used. A column that is compared and not there makes the row a bad one, also where the other side decides.
pub fn passes(filter: &RowFilter, columns: &Columns) -> Result<bool, String> {
    let column = |name: &str| columns.get(name).ok_or_else(|| format!("there is no column `{name}` for the filter"));
    Ok(match filter {
        RowFilter::Compare { column: name, op, value } => compare(column(name)?, *op, value),
        RowFilter::Holds { column: name } => match column(name)? {
            Value::Bool(truth) => *truth,
            _ => return Err(format!("column `{name}` is neither true nor false")),
        },
        RowFilter::Not(inner) => !passes(inner, columns)?,
        RowFilter::And(left, right) => {
            let (left, right) = (passes(left, columns)?, passes(right, columns)?);
            left && right
        }
        RowFilter::Or(left, right) => {
            let (left, right) = (passes(left, columns)?, passes(right, columns)?);
            left || right
        }
    })
}

/// Values of different types are unequal, and neither is larger.
fn compare(found: &Value, op: RowComparison, value: &RowValue) -> bool {
    let order = match (found, value) {
        (Value::String(found), RowValue::Text(value)) => Some(found.as_str().cmp(value.as_str())),
        (Value::Number(found), RowValue::Number(value)) => found.as_f64().and_then(|found| found.partial_cmp(value)),
        (Value::Bool(found), RowValue::Bool(value)) => Some(found.cmp(value)),
        _ => None,
    };
    let Some(order) = order else { return op == RowComparison::NotEqual };
    match op {
        RowComparison::Equal => order.is_eq(),
        RowComparison::NotEqual => order.is_ne(),
        RowComparison::Less => order.is_lt(),
        RowComparison::LessEqual => order.is_le(),
        RowComparison::Greater => order.is_gt(),
        RowComparison::GreaterEqual => order.is_ge(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(value: Value) -> Columns {
        value.as_object().expect("an object").clone().into_iter().collect()
    }

    #[test]
    fn columns_change_names() {
        let rules = |pairs: &[(&str, &str)]| RowRules {
            columns: pairs.iter().map(|(new, old)| ((*new).to_string(), (*old).to_string())).collect(),
            ..RowRules::default()
        };
        let before = row(json!({ "a": 1, "b": 2, "c": 3 }));
        assert_eq!(
            renamed(before.clone(), &rules(&[("a", "b"), ("b", "a")])),
            Ok(row(json!({ "a": 2, "b": 1, "c": 3 })))
        );
        assert_eq!(renamed(before.clone(), &rules(&[("x", "c")])), Ok(row(json!({ "a": 1, "b": 2, "x": 3 }))));
        assert_eq!(renamed(before, &rules(&[("x", "d")])), Err("there is no column `d` to be `x`".to_string()));
    }

    #[test]
    fn filters_by_hand() {
        let compare = |column: &str, op, value| RowFilter::Compare { column: column.into(), op, value };
        let hard = compare("level", RowComparison::GreaterEqual, RowValue::Number(2.0));
        let source = |op| compare("source", op, RowValue::Text("olympiad".into()));
        let both = RowFilter::And(Box::new(hard.clone()), Box::new(source(RowComparison::Equal)));
        let either =
            RowFilter::Or(Box::new(RowFilter::Not(Box::new(hard.clone()))), Box::new(source(RowComparison::NotEqual)));
        for (columns, expected) in [
            (json!({ "level": 2, "source": "olympiad" }), [Ok(true), Ok(false)]),
            (json!({ "level": 1.5, "source": "olympiad" }), [Ok(false), Ok(true)]),
            (json!({ "level": 3, "source": null }), [Ok(false), Ok(true)]),
            // A text is neither larger nor smaller than a number.
            (json!({ "level": "3", "source": "olympiad" }), [Ok(false), Ok(true)]),
            (json!({ "source": "olympiad" }), [Err(()), Err(())]),
        ] {
            let columns = row(columns);
            for (filter, expected) in [&both, &either].into_iter().zip(expected) {
                assert_eq!(passes(filter, &columns).map_err(|_| ()), expected, "{filter:?} {columns:?}");
            }
        }
        let truth = RowFilter::Holds { column: "clean".into() };
        assert_eq!(passes(&truth, &row(json!({ "clean": true }))), Ok(true));
        assert!(passes(&truth, &row(json!({ "clean": 1 }))).is_err());
        assert_eq!(hard, hard.clone());
    }
}
