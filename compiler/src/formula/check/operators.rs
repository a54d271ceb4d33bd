//! Arithmetic, comparisons and logic: units and ranges.

use super::Checker;
use crate::formula::text::unit_word;
use crate::formula::{Kind, Type, Typed, error};
use crate::range::Interval;
use crate::units::Dimension;
use recipec_grammar::source::Span;
use recipec_grammar::tree::{BinaryOp, Expr, ExprKind};

impl Checker<'_, '_> {
    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: &Expr,
        right: &Expr,
        span: Span,
    ) -> Option<Typed> {
        match op {
            BinaryOp::And | BinaryOp::Or => self.logic(op, left, right, span),
            BinaryOp::Equal | BinaryOp::NotEqual if names_domain(left) || names_domain(right) => {
                let (left, right) = if names_domain(left) {
                    (self.expr(left), self.domain_name(right))
                } else {
                    (self.domain_name(left), self.expr(right))
                };
                let kind = Kind::Binary(op, Box::new(left?), Box::new(right?));
                Some(Typed { kind, ty: Type::Bool, range: Interval::UNIT, span })
            }
            _ => {
                let (left, right) = (self.expr(left), self.expr(right));
                match op {
                    BinaryOp::Add | BinaryOp::Subtract => self.sum(op, op_span, left, right, span),
                    BinaryOp::Multiply | BinaryOp::Divide => self.product(op, left, right, span),
                    BinaryOp::Power => self.power(left, right, span),
                    _ => self.comparison(op, op_span, left, right, span),
                }
            }
        }
    }

    fn logic(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Option<Typed> {
        let what = format!("`{}`", op.symbol());
        let left = self.expr(left);
        let left = self.truth(left, &what);
        // The right side only matters where the left one has not decided.
        let right = self.under(left.as_ref(), op == BinaryOp::And, |checker| checker.expr(right));
        let right = self.truth(right, &what);
        let (left, right) = (left?, right?);
        let range = if op == BinaryOp::And { left.range.min(right.range) } else { left.range.max(right.range) };
        Some(Typed { kind: Kind::Binary(op, Box::new(left), Box::new(right)), ty: Type::Bool, range, span })
    }

    fn sum(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: Option<Typed>,
        right: Option<Typed>,
        span: Span,
    ) -> Option<Typed> {
        let what = format!("`{}`", op.symbol());
        let (left, right) = (self.number(left, &what), self.number(right, &what));
        let (left, right) = (left?, right?);
        if left.ty != right.ty {
            let verb = if op == BinaryOp::Add { "be added" } else { "be subtracted from each other" };
            self.differ(verb, &left, &right, op_span);
            return None;
        }
        let range = if op == BinaryOp::Add { left.range.plus(right.range) } else { left.range.minus(right.range) };
        let ty = left.ty;
        Some(Typed { kind: Kind::Binary(op, Box::new(left), Box::new(right)), ty, range, span })
    }

    fn product(&mut self, op: BinaryOp, left: Option<Typed>, right: Option<Typed>, span: Span) -> Option<Typed> {
        let what = format!("`{}`", op.symbol());
        let (left, right) = (self.number(left, &what), self.number(right, &what));
        let (left, right) = (left?, right?);
        let (Type::Number(above), Type::Number(below)) = (left.ty, right.ty) else { return None };
        let (dimension, range) = if op == BinaryOp::Multiply {
            (above.times(below), left.range.times(right.range))
        } else {
            let safe = self.divisor(&right);
            (above.over(below), if safe { left.range.over(right.range) } else { Interval::UNKNOWN })
        };
        let Some(dimension) = dimension else {
            self.report(error::no_dimension(
                format!("{what} of {above} and {below} has too high a power of a unit"),
                span,
            ));
            return None;
        };
        let kind = Kind::Binary(op, Box::new(left), Box::new(right));
        Some(Typed { kind, ty: Type::Number(dimension), range, span })
    }

    /// Whether something can be divided by; reports when it cannot.
    pub(super) fn divisor(&mut self, divisor: &Typed) -> bool {
        if !divisor.range.contains(0.0) {
            return true;
        }
        let text = divisor.to_string();
        let small = with_unit("1e-9", divisor.ty);
        let help = if divisor.range == Interval::point(0.0) {
            "divide by something else, or take the division out".to_string()
        } else if divisor.range.low >= 0.0 {
            format!("keep it away from 0: `max({text}, {small})`")
        } else if divisor.range.high <= 0.0 {
            format!("keep it away from 0: `min({text}, -{small})`")
        } else {
            format!("keep it away from 0, for example `max({text}, {small})` if it should be positive")
        };
        self.report_range(error::division_by_zero(divisor.span, &text, divisor.range, help));
        false
    }

    fn power(&mut self, base: Option<Typed>, exponent: Option<Typed>, span: Span) -> Option<Typed> {
        let base = self.number(base, "the base of `^`");
        let exponent = self.pure_number(exponent, "the exponent of `^`");
        let (base, exponent) = (base?, exponent?);
        let Type::Number(dimension) = base.ty else { return None };
        let ty = if dimension.is_pure() {
            Some(Dimension::PURE)
        } else {
            let whole = exponent.range.as_integer().filter(|n| (-127.0..=127.0).contains(n));
            // A param is one number today and may be another tomorrow; a unit must not depend on it.
            let fixed = whole.filter(|_| is_literal(&exponent));
            fixed.and_then(|n| dimension.power(n as i8))
        };
        let Some(ty) = ty else {
            let message =
                format!("{dimension} can only be raised to a whole number that is written out, not to `{exponent}`");
            self.report(error::no_dimension(message, exponent.span));
            return None;
        };
        let (text, sides) = (base.to_string(), ((base.span, base.range), (exponent.span, exponent.range)));
        let mut range = base.range.power(exponent.range);
        if base.range.contains(0.0) && exponent.range.low < 0.0 {
            self.report_range(error::zero_to_negative(sides.0, sides.1, &text));
            range = Interval::UNKNOWN;
        } else if base.range.low < 0.0 && !exponent.range.is_unknown() && exponent.range.as_integer().is_none() {
            self.report_range(error::negative_to_fraction(sides.0, sides.1, &text));
            range = Interval::UNKNOWN;
        }
        let kind = Kind::Binary(BinaryOp::Power, Box::new(base), Box::new(exponent));
        Some(Typed { kind, ty: Type::Number(ty), range, span })
    }

    fn comparison(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: Option<Typed>,
        right: Option<Typed>,
        span: Span,
    ) -> Option<Typed> {
        let (left, right) = (left?, right?);
        let equality = matches!(op, BinaryOp::Equal | BinaryOp::NotEqual);
        let both_truths = left.ty == Type::Bool && right.ty == Type::Bool;
        if !(equality && both_truths) {
            let what = format!("`{}`", op.symbol());
            if equality && (left.ty == Type::Bool) != (right.ty == Type::Bool) {
                self.differ("be compared", &left, &right, op_span);
                return None;
            }
            let (left, right) = (self.number(Some(left.clone()), &what), self.number(Some(right.clone()), &what));
            let (left, right) = (left?, right?);
            if left.ty != right.ty {
                self.differ("be compared", &left, &right, op_span);
                return None;
            }
        }
        let range = decided(op, left.range, right.range);
        Some(Typed { kind: Kind::Binary(op, Box::new(left), Box::new(right)), ty: Type::Bool, range, span })
    }

    /// Reports that two sides are not of one kind; helps where one of them is a number without a unit.
    pub(super) fn differ(&mut self, verb: &str, left: &Typed, right: &Typed, at: Span) {
        let mut diagnostic = error::mismatch(verb, (left.span, left.ty), (right.span, right.ty), at);
        for (bare, other) in [(left, right), (right, left)] {
            match (bare.ty, other.ty) {
                (Type::Number(dimension), Type::Number(_)) if dimension.is_pure() => {
                    if let Some(written) = literal_with_unit(bare, other.ty) {
                        diagnostic = diagnostic.help(format!("write `{written}`")).fix(bare.span, written, false);
                    } else {
                        let help = self.cancel_unit(other);
                        diagnostic = diagnostic.help(help);
                    }
                }
                (Type::Bool, Type::Number(_)) => {
                    diagnostic.code = error::WRONG_KIND;
                    diagnostic = diagnostic.help(format!("write `if {bare} then 1 else 0` for a number"));
                }
                _ => {}
            }
        }
        self.report(diagnostic);
    }

    /// Reports that something has not the dimension that its place needs.
    pub(super) fn dimension_error(&mut self, what: &str, needed: Type, found: &Typed) {
        let mut diagnostic = error::needs_dimension(what, needed, found.span, found.ty);
        if let Some(written) = literal_with_unit(found, needed) {
            diagnostic = diagnostic.help(format!("write `{written}`")).fix(found.span, written, false);
        } else if needed == Type::PURE {
            let help = self.cancel_unit(found);
            diagnostic = diagnostic.help(help);
        }
        self.report(diagnostic);
    }

    /// How to make a pure number of one with a unit.
    pub(super) fn cancel_unit(&self, typed: &Typed) -> String {
        match typed.ty {
            Type::Number(dimension) => match unit_word(dimension) {
                Some(unit) => format!("a unit is cancelled by dividing by one of it: `/ 1 {}`", singular(unit)),
                None => format!("divide by something that is {dimension}"),
            },
            Type::Bool | Type::Domain => String::new(),
        }
    }
}

fn names_domain(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Path(path) if path.text() == "domain")
}

fn is_literal(typed: &Typed) -> bool {
    match &typed.kind {
        Kind::Number(_) => true,
        Kind::Negate(inner) => is_literal(inner),
        _ => false,
    }
}

fn singular(unit: &'static str) -> &'static str {
    if unit.len() > 1 { unit.strip_suffix('s').unwrap_or(unit) } else { unit }
}

fn with_unit(number: &str, ty: Type) -> String {
    match ty {
        Type::Number(dimension) => match unit_word(dimension) {
            Some(unit) => format!("{number} {unit}"),
            None => number.to_string(),
        },
        Type::Bool | Type::Domain => number.to_string(),
    }
}

/// A bare number as it would be written with the unit that its place needs.
fn literal_with_unit(bare: &Typed, needed: Type) -> Option<String> {
    let Type::Number(dimension) = needed else { return None };
    if !is_literal(bare) || bare.ty != Type::PURE {
        return None;
    }
    let unit = unit_word(dimension)?;
    let number = bare.to_string();
    let unit = if number == "1" { singular(unit) } else { unit };
    Some(format!("{number} {unit}"))
}

/// What two ranges say about a comparison of values in them.
fn decided(op: BinaryOp, left: Interval, right: Interval) -> Interval {
    if left.is_unknown() || right.is_unknown() {
        return Interval::UNIT;
    }
    let apart = left.high < right.low || right.high < left.low;
    let same = left.as_point().is_some_and(|point| right.as_point() == Some(point));
    let (always, never) = match op {
        BinaryOp::Less => (left.high < right.low, left.low >= right.high),
        BinaryOp::LessEqual => (left.high <= right.low, left.low > right.high),
        BinaryOp::Greater => (left.low > right.high, left.high <= right.low),
        BinaryOp::GreaterEqual => (left.low >= right.high, left.high < right.low),
        BinaryOp::Equal => (same, apart),
        BinaryOp::NotEqual => (apart, same),
        _ => (false, false),
    };
    match (always, never) {
        (true, _) => Interval::point(1.0),
        (_, true) => Interval::point(0.0),
        _ => Interval::UNIT,
    }
}
