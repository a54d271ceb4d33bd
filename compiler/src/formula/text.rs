//! The canonical text of a formula: short, with names and base units, and as few brackets as its meaning allows.

use super::{AggregateCall, Inline, Kind, Type, Typed, TypedBinding, TypedFormula};
use crate::units::{BASE_NAMES, Dimension};
use recipec_grammar::tree::BinaryOp;
use std::fmt;

/// How tightly an expression holds together; from loose to tight.
pub(super) mod tightness {
    pub const IF: u8 = 0;
    pub const OR: u8 = 1;
    pub const AND: u8 = 2;
    pub const NOT: u8 = 3;
    pub const COMPARE: u8 = 4;
    pub const ADD: u8 = 5;
    pub const MULTIPLY: u8 = 6;
    pub const NEGATE: u8 = 7;
    pub const POWER: u8 = 8;
    pub const ATOM: u8 = 9;
}
use tightness::*;

/// Tightness of an operator, and what its two sides need at least to stand without brackets.
pub(super) fn binding_power(op: BinaryOp) -> (u8, u8, u8) {
    match op {
        BinaryOp::Or => (OR, OR, AND),
        BinaryOp::And => (AND, AND, NOT),
        BinaryOp::Less
        | BinaryOp::LessEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterEqual
        | BinaryOp::Equal
        | BinaryOp::NotEqual => (COMPARE, ADD, ADD),
        BinaryOp::Add | BinaryOp::Subtract => (ADD, ADD, MULTIPLY),
        BinaryOp::Multiply | BinaryOp::Divide => (MULTIPLY, MULTIPLY, NEGATE),
        BinaryOp::Power => (POWER, ATOM, POWER),
    }
}

/// Tightness of an expression.
pub(super) fn tightness_of(typed: &Typed) -> u8 {
    match &typed.kind {
        Kind::If(..) => IF,
        Kind::Not(_) => NOT,
        Kind::Negate(_) => NEGATE,
        Kind::Binary(op, ..) => binding_power(*op).0,
        _ => ATOM,
    }
}

/// A number as short as it can be read back exactly.
pub fn number(value: f64) -> String {
    let size = libm::fabs(value);
    if size != 0.0 && !(1e-4..1e15).contains(&size) { format!("{value:e}") } else { format!("{value}") }
}

/// The word of a dimension with one base unit.
pub(super) fn unit_word(dimension: Dimension) -> Option<&'static str> {
    let text = dimension.to_string();
    BASE_NAMES.into_iter().find(|name| *name == text)
}

/// Writes expressions, and remembers in which column each part has its mark: operators at their sign, everything else at its
/// first character.
#[derive(Default)]
pub(super) struct Writer<'a> {
    pub out: String,
    pub marks: Vec<(usize, &'a Typed)>,
    /// Named formulas stand as calls, `overlong(length)`, instead of their bodies.
    pub calls: bool,
}

impl<'a> Writer<'a> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn mark(&mut self, typed: &'a Typed) {
        self.marks.push((self.out.chars().count(), typed));
    }

    /// Writes an expression, in brackets when it is looser than its place asks for.
    pub fn write(&mut self, typed: &'a Typed, at_least: u8) {
        let brackets = tightness_of(typed) < at_least;
        if brackets {
            self.put("(");
        }
        self.bare(typed);
        if brackets {
            self.put(")");
        }
    }

    fn bare(&mut self, typed: &'a Typed) {
        if !matches!(typed.kind, Kind::Binary(..)) {
            self.mark(typed);
        }
        match &typed.kind {
            Kind::Number(value) => {
                self.put(&number(*value));
                if let Type::Number(dimension) = typed.ty
                    && let Some(unit) = unit_word(dimension)
                {
                    self.put(" ");
                    self.put(unit);
                }
            }
            Kind::Bool(value) => self.put(if *value { "true" } else { "false" }),
            Kind::Domain(name, _) => self.put(name),
            Kind::Name(_, name) => match name.strip_prefix("last_batch.") {
                Some(mean) => self.put(&format!("mean({mean}, over = last_batch)")),
                None => match name.strip_prefix("reward_model.") {
                    Some(model) => self.put(&format!("reward_model({model})")),
                    None => self.put(name),
                },
            },
            Kind::Negate(x) => {
                self.put("-");
                self.write(x, NEGATE);
            }
            Kind::Not(x) => {
                self.put("not ");
                self.write(x, NOT);
            }
            Kind::Binary(op, x, y) => {
                let (_, left, right) = binding_power(*op);
                self.write(x, left);
                self.put(" ");
                self.mark(typed);
                self.put(op.symbol());
                self.put(" ");
                self.write(y, right);
            }
            Kind::If(condition, then, otherwise) => {
                self.put("if ");
                self.write(condition, OR);
                self.put(" then ");
                self.write(then, OR);
                self.put(" else ");
                self.write(otherwise, IF);
            }
            Kind::Call(function, arguments) => {
                self.put(function.name());
                self.put("(");
                self.list(arguments.iter());
                self.put(")");
            }
            Kind::Aggregate(call) => self.aggregate(call),
            Kind::Ema { value, keep, start } => {
                self.put("ema(");
                self.list([&**value, keep, start].into_iter());
                self.put(")");
            }
            Kind::Inline(inline) => self.inline(inline),
        }
    }

    fn list(&mut self, parts: impl Iterator<Item = &'a Typed>) {
        for (idx, part) in parts.enumerate() {
            if idx > 0 {
                self.put(", ");
            }
            self.write(part, IF);
        }
    }

    fn aggregate(&mut self, call: &'a AggregateCall) {
        self.put("group.");
        self.put(call.of.name());
        self.put("(");
        // `x if filter` must not run into an `if … then` before it.
        self.write(&call.value, OR);
        for (lead, part) in [(" if ", &call.filter), (", at = ", &call.at), (", else = ", &call.empty)] {
            if let Some(part) = part {
                self.put(lead);
                self.write(part, OR);
            }
        }
        self.put(")");
    }

    fn inline(&mut self, inline: &'a Inline) {
        if self.calls {
            self.put(&inline.formula);
            self.put("(");
            self.list(inline.arguments.iter().map(|argument| &argument.value));
            self.put(")");
            return;
        }
        self.put("(");
        self.write(&inline.body, IF);
        self.bindings(&inline.bindings);
        for (idx, argument) in inline.arguments.iter().enumerate() {
            self.put(if idx == 0 { " for " } else { ", " });
            self.binding(argument);
        }
        self.put(")");
    }

    fn binding(&mut self, binding: &'a TypedBinding) {
        self.put(&binding.name);
        self.put(" = ");
        self.write(&binding.value, IF);
    }

    /// Writes ` where a = …, b = …`.
    pub fn bindings(&mut self, bindings: &'a [TypedBinding]) {
        for (idx, binding) in bindings.iter().enumerate() {
            self.put(if idx == 0 { " where " } else { ", " });
            self.binding(binding);
        }
    }
}

/// The text of an expression with named formulas as calls: as people write it, on one line.
pub fn with_calls(typed: &Typed) -> String {
    let mut writer = Writer { calls: true, ..Writer::default() };
    writer.write(typed, IF);
    writer.out
}

impl fmt::Display for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut writer = Writer::default();
        writer.write(self, IF);
        f.write_str(&writer.out)
    }
}

/// The canonical text: equal for formulas that differ in blanks, comments, needless brackets and prefixes of numbers only.
impl fmt::Display for TypedFormula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut writer = Writer::default();
        writer.write(&self.body, IF);
        writer.bindings(&self.bindings);
        f.write_str(&writer.out)
    }
}
