//! From syntax to a typed formula.
//!
//! Every mistake of a formula is reported. What a mistake leaves behind is a hole (`None`), or an unknown range where only the
//! range is lost, and neither is complained of again.
//!
//! *Invariant*: an expression is at most [`MAX_DEPTH`] deep and a formula has at most [`MAX_PARTS`] parts, named formulas in
//! their places included, so everything that walks typed formulas may recurse.

mod calls;
mod facts;
mod inline;
mod names;
mod operators;

#[cfg(test)]
mod tests;

use super::{DomainSet, Kind, Level, Scope, Type, Typed, TypedBinding, TypedFormula, error};
use crate::diagnostic::{Diagnostic, Severity};
use crate::problems::{MOST_WORK, Problems, Work};
use crate::range::Interval;
use crate::units::{self, Dimension};
use facts::Fact;
use recipec_grammar::source::Span;
use recipec_grammar::tree;
use recipec_grammar::tree::{Expr, ExprKind};

/// The deepest nesting of an expression.
const MAX_DEPTH: usize = 200;
/// The most parts of a formula: it is what a chain of formulas that call each other twice grows to that needs a bound.
const MAX_PARTS: usize = 20_000;

/// Checks a formula: names, types, units and ranges. `what` names it in messages: "penalty `overlong`", "`mix.weight`".
pub fn check(
    formula: &tree::Formula,
    expected: Type,
    what: &str,
    scope: &Scope,
    problems: &mut Problems,
) -> Option<TypedFormula> {
    let mut checker = Checker::new(scope, what, problems);
    let typed = checker.formula(formula)?;
    checker.expect(&typed.body, expected);
    checker.finish(typed)
}

/// Checks a named formula by itself: names, types and units. Ranges depend on the arguments and are checked at every call.
/// True when it is free of mistakes.
pub fn check_definition(definition: &tree::FormulaDef, scope: &Scope, problems: &mut Problems) -> bool {
    let what = format!("formula `{}`", definition.name.node);
    let mut checker = Checker::new(scope, &what, problems);
    checker.level = Level::Constant;
    checker.ranges_matter = false;
    checker.chain.push(definition.name.node.clone());
    checker.locals = checker.parameters(definition);
    let result = checker.type_named(&definition.result);
    if let Some(body) = checker.formula(&definition.body)
        && let Some((ty, _)) = result
    {
        checker.expect(&body.body, ty);
    }
    !checker.failed
}

/// The value of a setting, in base units, and its dimension: numbers, units, params and `budget.*` at their values in force.
/// Without `expected`, any number will do.
pub fn constant(
    expr: &Expr,
    expected: Option<Type>,
    what: &str,
    scope: &Scope,
    problems: &mut Problems,
) -> Option<(f64, Dimension)> {
    let mut checker = Checker::new(scope, what, problems);
    checker.level = Level::Constant;
    checker.values_in_force = true;
    let typed = checker.expr(expr)?;
    match expected {
        Some(expected) => checker.expect(&typed, expected),
        None => _ = checker.number(Some(typed.clone()), what),
    }
    let typed = checker.finish(typed)?;
    let dimension = match typed.ty {
        Type::Number(dimension) => dimension,
        Type::Bool | Type::Domain => Dimension::PURE,
    };
    let in_force = |name: &str| {
        let budget = scope.budget.get(name).map(|(_, value)| *value);
        budget.or_else(|| scope.params.get(name).map(|param| param.value))
    };
    let value = typed.evaluate_row(&in_force).ok()?;
    if !value.is_finite() {
        problems.push(error::not_finite(&typed.to_string(), expr.span));
        return None;
    }
    Some((value, dimension))
}

/// A `where` binding or a parameter that is in sight.
struct Local {
    name: String,
    /// None when its value is wrong and that has been reported.
    value: Option<(Type, Interval)>,
    span: Span,
    used: bool,
}

struct Checker<'s, 'p> {
    scope: &'s Scope<'s>,
    problems: &'p mut Problems,
    what: String,
    level: Level,
    /// Params and budgets are single values, not their declared ranges.
    values_in_force: bool,
    /// False while a named formula is checked without its arguments.
    ranges_matter: bool,
    locals: Vec<Local>,
    /// Bindings of the formula that come later.
    later: Vec<(String, Span)>,
    /// What is known where the walk is: the conditions of the `if`s around it.
    facts: Vec<Fact>,
    /// The domains that the walk can be about where it is.
    about: DomainSet,
    /// Named formulas that the walk is in, and where they were called.
    chain: Vec<String>,
    calls: Vec<(String, Span)>,
    depth: usize,
    parts: usize,
    /// The size limit has been reported.
    full: bool,
    failed: bool,
}

impl<'s, 'p> Checker<'s, 'p> {
    fn new(scope: &'s Scope<'s>, what: &str, problems: &'p mut Problems) -> Self {
        Self {
            scope,
            problems,
            what: what.to_string(),
            level: scope.level,
            values_in_force: false,
            ranges_matter: true,
            locals: Vec::new(),
            later: Vec::new(),
            facts: Vec::new(),
            about: scope.absent.about.clone(),
            chain: Vec::new(),
            calls: Vec::new(),
            depth: 0,
            parts: 0,
            full: false,
            failed: false,
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.failed |= diagnostic.severity == Severity::Error;
        self.problems.push(diagnostic);
    }

    /// Reports what depends on the arguments of the calls that the walk is in.
    fn report_range(&mut self, mut diagnostic: Diagnostic) {
        if !self.ranges_matter {
            return;
        }
        for (formula, span) in self.calls.iter().rev() {
            diagnostic = diagnostic.at(*span, format!("in this call of `{formula}`"));
        }
        self.report(diagnostic);
    }

    fn finish<T>(&self, typed: T) -> Option<T> {
        (!self.failed).then_some(typed)
    }

    /// Bindings, then the body. The bindings are out of sight afterwards.
    fn formula(&mut self, formula: &tree::Formula) -> Option<TypedFormula> {
        let outside = self.locals.len();
        let mut bindings = Some(Vec::new());
        self.later = formula.bindings.iter().rev().map(|b| (b.name.node.clone(), b.name.span)).collect();
        for binding in &formula.bindings {
            let value = self.expr(&binding.value);
            self.later.pop();
            self.refuse_shadow(&binding.name);
            self.locals.push(Local {
                name: binding.name.node.clone(),
                value: value.as_ref().map(|v| (v.ty, v.range)),
                span: binding.name.span,
                used: false,
            });
            match (value, &mut bindings) {
                (Some(value), Some(list)) => list.push(TypedBinding { name: binding.name.node.clone(), value }),
                _ => bindings = None,
            }
        }
        let body = self.expr(&formula.body);
        let unused: Vec<(String, Span)> =
            self.locals.drain(outside..).filter(|local| !local.used).map(|local| (local.name, local.span)).collect();
        if body.is_some() {
            // Behind a hole, the one reader of a binding may be what is missing.
            for (name, span) in unused {
                self.report(error::unused_binding(&name, &self.what, span));
            }
        }
        Some(TypedFormula {
            body: body?,
            bindings: bindings?,
            source: formula.source.as_ref().map(|note| note.node.clone()),
            span: formula.span,
        })
    }

    fn refuse_shadow(&mut self, name: &tree::Name) {
        let text = name.node.as_str();
        let diagnostic = if let Some(earlier) = self.locals.iter().find(|local| local.name == text) {
            error::shadows(text, name.span, Some(earlier.span), "it is bound in this formula")
        } else if self.visible_signals().any(|signal| signal == text) {
            error::shadows(text, name.span, None, "it is a signal")
        } else if self.scope.params.contains_key(text) {
            error::shadows(text, name.span, None, "it is a param of this recipe")
        } else if self.level != Level::Constant && self.scope.terms.contains_key(text) {
            error::shadows(text, name.span, None, "it is a part of the reward")
        } else {
            return;
        };
        self.report(diagnostic);
    }

    fn expr(&mut self, expr: &Expr) -> Option<Typed> {
        self.parts += 1;
        match self.problems.work() {
            Work::GoOn => {}
            Work::LastStraw => {
                let message = format!("the formulas of this recipe have more than {MOST_WORK} parts together");
                self.full = true;
                self.report(error::too_large(message, expr.span));
                return None;
            }
            Work::Over => {
                self.full = true;
                self.failed = true;
                return None;
            }
        }
        if self.parts > MAX_PARTS || self.depth >= MAX_DEPTH {
            if !self.full {
                self.full = true;
                let (what, span) = match self.calls.first() {
                    Some((called, span)) => (format!("this call of `{called}`"), *span),
                    None => (self.what.clone(), expr.span),
                };
                let message = if self.depth >= MAX_DEPTH {
                    format!("{what} is nested more than {MAX_DEPTH} deep")
                } else {
                    format!("{what} makes a formula of more than {MAX_PARTS} parts")
                };
                self.report(error::too_large(message, span));
            }
            return None;
        }
        self.depth += 1;
        let typed = self.kind(expr);
        self.depth -= 1;
        typed
    }

    fn kind(&mut self, expr: &Expr) -> Option<Typed> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Quantity(quantity) => self.quantity(quantity, span),
            ExprKind::Bool(value) => {
                let range = Interval::point(if *value { 1.0 } else { 0.0 });
                Some(Typed { kind: Kind::Bool(*value), ty: Type::Bool, range, span })
            }
            ExprKind::Path(path) => self.name(path, span),
            ExprKind::Call { function, arguments } => self.call(function, arguments, span),
            ExprKind::Negate(value) => {
                let value = self.expr(value);
                let value = self.number(value, "`-`")?;
                let (ty, range) = (value.ty, value.range.negate());
                Some(Typed { kind: Kind::Negate(Box::new(value)), ty, range, span })
            }
            ExprKind::Not(value) => {
                let value = self.expr(value);
                let value = self.truth(value, "`not`")?;
                let range = Interval::point(1.0).minus(value.range);
                Some(Typed { kind: Kind::Not(Box::new(value)), ty: Type::Bool, range, span })
            }
            ExprKind::Binary { op, op_span, left, right } => self.binary(*op, *op_span, left, right, span),
            ExprKind::If { condition, then, otherwise } => self.choice(condition, then, otherwise, span),
            ExprKind::Given { .. } => {
                self.report(error::misplaced(
                    "`given` belongs in guarantees".to_string(),
                    span,
                    "not in a formula",
                    Some("write `if … then … else …`"),
                ));
                None
            }
            ExprKind::Text(_) => self.not_a_formula("a text", span),
            ExprKind::Record { .. } => self.not_a_formula("a record", span),
            ExprKind::List(_) => self.not_a_formula("a list", span),
            ExprKind::Range(..) => self.not_a_formula("a range", span),
            ExprKind::Hole => {
                self.failed = true;
                None
            }
        }
    }

    fn not_a_formula(&mut self, thing: &str, span: Span) -> Option<Typed> {
        self.report(error::not_a_formula(thing, &self.what, span));
        None
    }

    fn quantity(&mut self, quantity: &tree::Quantity, span: Span) -> Option<Typed> {
        let (dimension, factor) = match &quantity.unit {
            None => (Dimension::PURE, 1.0),
            Some(unit) => match units::unit(&unit.node) {
                Some(found) => found,
                None => {
                    let known = units::UNITS.iter().map(|(name, ..)| *name);
                    self.report(error::unknown_type(
                        &unit.node,
                        unit.span,
                        crate::diagnostic::suggest::near(&unit.node, known),
                    ));
                    return None;
                }
            },
        };
        let value = quantity.value * factor;
        if !value.is_finite() {
            self.report(error::not_finite(&quantity.text, span));
            return None;
        }
        Some(Typed { kind: Kind::Number(value), ty: Type::Number(dimension), range: Interval::point(value), span })
    }

    fn choice(&mut self, condition: &Expr, then: &Expr, otherwise: &Expr, span: Span) -> Option<Typed> {
        let condition = self.expr(condition);
        let condition = self.truth(condition, "the condition of `if`");
        let then = self.under(condition.as_ref(), true, |checker| checker.expr(then));
        let otherwise = self.under(condition.as_ref(), false, |checker| checker.expr(otherwise));
        let (condition, then, otherwise) = (condition?, then?, otherwise?);
        if then.ty != otherwise.ty {
            self.differ("both be the value of one `if`", &then, &otherwise, span);
            return None;
        }
        if then.ty == Type::Domain {
            self.report(error::wrong_kind("`if`", "numbers or truth values", then.span, then.ty));
            return None;
        }
        let range = match condition.range.as_point() {
            Some(0.0) => otherwise.range,
            Some(_) => then.range,
            None => then.range.hull(otherwise.range),
        };
        let ty = then.ty;
        Some(Typed { kind: Kind::If(Box::new(condition), Box::new(then), Box::new(otherwise)), ty, range, span })
    }

    /// Looks at something where a condition holds, or does not.
    fn under<T>(&mut self, condition: Option<&Typed>, holds: bool, look: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.facts.len();
        let about = self.about.clone();
        if let Some(condition) = condition {
            facts::learn(condition, holds, self.scope.group_size, &mut self.facts);
            if self.level == Level::Rollout {
                self.about = about.and(&DomainSet::where_it(condition, holds));
            }
        }
        let seen = look(self);
        self.facts.truncate(before);
        self.about = about;
        seen
    }

    /// Passes a number on.
    fn number(&mut self, typed: Option<Typed>, what: &str) -> Option<Typed> {
        let typed = typed?;
        if let Type::Number(_) = typed.ty {
            return Some(typed);
        }
        let mut diagnostic = error::wrong_kind(what, "a number", typed.span, typed.ty);
        if typed.ty == Type::Bool {
            diagnostic = diagnostic.help(format!("write `if {typed} then 1 else 0`"));
        }
        self.report(diagnostic);
        None
    }

    /// Passes a pure number on.
    fn pure_number(&mut self, typed: Option<Typed>, what: &str) -> Option<Typed> {
        let typed = self.number(typed, what)?;
        if typed.ty == Type::PURE {
            return Some(typed);
        }
        let help = self.cancel_unit(&typed);
        self.report(error::not_pure(what, typed.span, typed.ty, help));
        None
    }

    /// Passes a truth value on.
    fn truth(&mut self, typed: Option<Typed>, what: &str) -> Option<Typed> {
        let typed = typed?;
        if typed.ty == Type::Bool {
            return Some(typed);
        }
        let mut diagnostic = error::wrong_kind(what, "a truth value", typed.span, typed.ty);
        if let Type::Number(dimension) = typed.ty {
            let zero = super::text::unit_word(dimension).map_or("0".to_string(), |unit| format!("0 {unit}"));
            diagnostic = diagnostic.help(format!("compare it, for example `{typed} > {zero}`"));
        }
        self.report(diagnostic);
        None
    }

    /// Reports when a whole formula is not what its place needs.
    fn expect(&mut self, typed: &Typed, expected: Type) {
        if typed.ty == expected {
            return;
        }
        let what = self.what.clone();
        match (typed.ty, expected) {
            (Type::Number(_), Type::Number(_)) => self.dimension_error(&what, expected, typed),
            (_, Type::Number(_)) => _ = self.number(Some(typed.clone()), &what),
            (_, Type::Bool) => _ = self.truth(Some(typed.clone()), &what),
            (_, Type::Domain) => self.report(error::wrong_kind(&what, "a domain", typed.span, typed.ty)),
        }
    }
}
