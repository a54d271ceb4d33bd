//! The names that a piece of syntax mentions: to find what depends on what, and what is never used.

use recipec_grammar::tree::{self, Claim, Expr, ExprKind, Formula, Given, Guarantee, TestDef};
use std::collections::BTreeSet;

/// First segments of all paths, names of functions that are called, and names of facts.
pub type Names = BTreeSet<String>;

/// Whether a formula mentions a name that the question accepts.
pub fn any(whole: &Formula, question: &dyn Fn(&str) -> bool) -> bool {
    fn inside(e: &Expr, question: &dyn Fn(&str) -> bool) -> bool {
        let asked = |path: &tree::Path| path.segments.first().is_some_and(|segment| question(&segment.node));
        match &e.kind {
            ExprKind::Quantity(_) | ExprKind::Text(_) | ExprKind::Bool(_) | ExprKind::Hole => false,
            ExprKind::Path(path) => asked(path),
            ExprKind::Call { function, arguments } => {
                asked(function)
                    || arguments.iter().any(|argument| {
                        inside(&argument.value, question)
                            || argument.filter.as_ref().is_some_and(|filter| inside(filter, question))
                    })
            }
            ExprKind::Record { settings, .. } => settings.iter().any(|setting| any(&setting.value, question)),
            ExprKind::List(items) => items.iter().any(|item| inside(item, question)),
            ExprKind::Range(a, b) | ExprKind::Binary { left: a, right: b, .. } => {
                inside(a, question) || inside(b, question)
            }
            ExprKind::Negate(a) | ExprKind::Not(a) => inside(a, question),
            ExprKind::If { condition, then, otherwise } => {
                inside(condition, question) || inside(then, question) || inside(otherwise, question)
            }
            ExprKind::Given { value, facts } => {
                inside(value, question)
                    || facts.iter().any(|fact| {
                        asked(&fact.name) || fact.value.as_ref().is_some_and(|value| inside(value, question))
                    })
            }
        }
    }
    inside(&whole.body, question) || whole.bindings.iter().any(|binding| inside(&binding.value, question))
}

/// Adds the names of a formula and of its bindings.
pub fn formula(formula: &Formula, names: &mut Names) {
    expr(&formula.body, names);
    for binding in &formula.bindings {
        expr(&binding.value, names);
    }
}

/// Adds the names of an expression.
pub fn expr(e: &Expr, names: &mut Names) {
    match &e.kind {
        ExprKind::Quantity(_) | ExprKind::Text(_) | ExprKind::Bool(_) | ExprKind::Hole => {}
        ExprKind::Path(path) => names.extend(path.segments.first().map(|s| s.node.clone())),
        ExprKind::Call { function, arguments } => {
            names.extend(function.segments.first().map(|s| s.node.clone()));
            for argument in arguments {
                expr(&argument.value, names);
                if let Some(filter) = &argument.filter {
                    expr(filter, names);
                }
            }
        }
        ExprKind::Record { settings, .. } => settings.iter().for_each(|s| formula(&s.value, names)),
        ExprKind::List(items) => items.iter().for_each(|item| expr(item, names)),
        ExprKind::Range(a, b) => {
            expr(a, names);
            expr(b, names);
        }
        ExprKind::Negate(a) | ExprKind::Not(a) => expr(a, names),
        ExprKind::Binary { left, right, .. } => {
            expr(left, names);
            expr(right, names);
        }
        ExprKind::If { condition, then, otherwise } => {
            expr(condition, names);
            expr(then, names);
            expr(otherwise, names);
        }
        ExprKind::Given { value, facts } => {
            expr(value, names);
            given(facts, names);
        }
    }
}

/// Adds the names of a guarantee.
pub fn guarantee(guarantee: &Guarantee, names: &mut Names) {
    match &guarantee.claim {
        Claim::Holds { condition, .. } => expr(condition, names),
        Claim::Within { value, range } => {
            expr(value, names);
            expr(range, names);
        }
        Claim::Monotone { value, .. } => expr(value, names),
    }
}

/// Adds the names of a test.
pub fn test(test: &TestDef, names: &mut Names) {
    given(&test.given, names);
    for expectation in &test.expect {
        expr(&expectation.condition, names);
    }
}

fn given(facts: &[Given], names: &mut Names) {
    for fact in facts {
        names.extend(fact.name.segments.first().map(|s| s.node.clone()));
        if let Some(value) = &fact.value {
            expr(value, names);
        }
    }
}
