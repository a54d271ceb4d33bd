//! How rows are read: new names for columns, and which rows are used.

use super::messages::{describe, wrong_kind};
use super::{Reader, Value};
use crate::diagnostic::{Diagnostic, codes};
use crate::problems::Problems;
use crate::resolve::settings::path_end;
use crate::settings::{RowComparison, RowFilter, RowValue};
use crate::units::Dimension;
use crate::vocabulary::kinds::Kind;
use recipec_grammar::tree::{BinaryOp, Expr, ExprKind};
use std::collections::BTreeMap;

impl Reader<'_> {
    /// `{ problem = question }`
    pub(super) fn columns(&self, path: &str, kind: &Kind, expr: &Expr, problems: &mut Problems) -> Value {
        let ExprKind::Record { name: None, settings, .. } = &expr.kind else {
            problems.push(wrong_kind(path, kind, expr));
            return Value::Hole;
        };
        let mut names = BTreeMap::new();
        let mut hole = settings.is_empty();
        if settings.is_empty() {
            problems.push(wrong_kind(path, kind, expr));
        }
        for setting in settings {
            let Some(new) = setting.path.segments.first() else { continue };
            let old = match &setting.value.body.kind {
                ExprKind::Path(old) if old.segments.len() == 1 => old.text(),
                // A column may have a name that no word can have.
                ExprKind::Text(old) => old.clone(),
                _ => {
                    problems.push(wrong_kind(&format!("{path}.{}", new.node), &Kind::Word, &setting.value.body));
                    hole = true;
                    continue;
                }
            };
            if names.insert(new.node.clone(), old).is_some() {
                problems.push(
                    Diagnostic::new(codes::DUPLICATE, format!("`{}` is set twice", new.node))
                        .at(new.span, "again here")
                        .help("keep one of the two"),
                );
                hole = true;
            }
        }
        if hole { Value::Hole } else { Value::Columns(names) }
    }

    /// A condition over columns. Comparisons have a column on one side and a text, a number or a param on the other.
    pub(super) fn row_filter(&self, path: &str, expr: &Expr, problems: &mut Problems) -> Option<RowFilter> {
        match &expr.kind {
            ExprKind::Hole => None,
            ExprKind::Path(column) if column.segments.len() == 1 => Some(RowFilter::Holds { column: column.text() }),
            ExprKind::Not(inner) => Some(RowFilter::Not(Box::new(self.row_filter(path, inner, problems)?))),
            ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), left, right, .. } => {
                // Both sides are read, so that the mistakes of both are reported.
                let (left, right) = (self.row_filter(path, left, problems), self.row_filter(path, right, problems));
                let (left, right) = (Box::new(left?), Box::new(right?));
                Some(if *op == BinaryOp::And { RowFilter::And(left, right) } else { RowFilter::Or(left, right) })
            }
            ExprKind::Binary { op, left, right, .. } => {
                let op = comparison(*op);
                match (op, self.column_of(left), self.column_of(right)) {
                    (Some(op), Some(column), None) => self.compared(path, column, op, right, expr, problems),
                    (Some(op), None, Some(column)) => self.compared(path, column, op.mirrored(), left, expr, problems),
                    _ => self.no_filter(path, expr, problems),
                }
            }
            _ => self.no_filter(path, expr, problems),
        }
    }

    /// The column that an expression names; a param of the recipe is no column.
    fn column_of(&self, expr: &Expr) -> Option<String> {
        match &expr.kind {
            ExprKind::Path(path) if path.segments.len() == 1 && !self.values.params.contains_key(&path.text()) => {
                Some(path.text())
            }
            _ => None,
        }
    }

    fn compared(
        &self,
        path: &str,
        column: String,
        op: RowComparison,
        side: &Expr,
        whole: &Expr,
        problems: &mut Problems,
    ) -> Option<RowFilter> {
        let value = match &side.kind {
            ExprKind::Text(text) => RowValue::Text(text.clone()),
            ExprKind::Bool(truth) => RowValue::Bool(*truth),
            _ => {
                let (number, dimension) = self.constant(path, side, Dimension::PURE, problems)?;
                if !dimension.is_pure() {
                    problems.push(
                        Diagnostic::new(
                            codes::WRONG_UNIT,
                            format!("column `{column}` is a number without a unit, found {dimension}"),
                        )
                        .at(side.span, format!("this is {dimension}"))
                        .help("columns of data have no units: write the number alone"),
                    );
                    return None;
                }
                RowValue::Number(number)
            }
        };
        let ordered = !matches!(op, RowComparison::Equal | RowComparison::NotEqual);
        if ordered && !matches!(value, RowValue::Number(_)) {
            problems.push(
                Diagnostic::new(
                    codes::WRONG_KIND,
                    format!("column `{column}` is compared by size with {}", describe(side)),
                )
                .at(whole.span, "only numbers are larger and smaller")
                .help("write `==` or `!=`"),
            );
            return None;
        }
        Some(RowFilter::Compare { column, op, value })
    }

    fn no_filter(&self, path: &str, expr: &Expr, problems: &mut Problems) -> Option<RowFilter> {
        let name = path_end(path);
        problems.push(
            Diagnostic::new(codes::WRONG_KIND, format!("`{name}` compares columns with texts and numbers"))
                .at(expr.span, format!("this is {}", describe(expr)))
                .help("write a condition such as `level >= 2 and source == \"olympiad\"`"),
        );
        None
    }
}

fn comparison(op: BinaryOp) -> Option<RowComparison> {
    Some(match op {
        BinaryOp::Equal => RowComparison::Equal,
        BinaryOp::NotEqual => RowComparison::NotEqual,
        BinaryOp::Less => RowComparison::Less,
        BinaryOp::LessEqual => RowComparison::LessEqual,
        BinaryOp::Greater => RowComparison::Greater,
        BinaryOp::GreaterEqual => RowComparison::GreaterEqual,
        _ => return None,
    })
}
