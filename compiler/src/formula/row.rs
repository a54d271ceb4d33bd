//! The plain recursive meaning of a formula: one row at a time. Tests, settings and pictures use it, and programs are tested
//! against it.

use super::operation::{Scalar, aggregate};
use super::{AggregateCall, Kind, Source, Typed, TypedBinding, TypedFormula};
use std::fmt;

/// Gives the value of a signal, param, budget, part of the reward, or domain column by its name.
pub type Lookup<'a> = dyn Fn(&str) -> Option<f64> + 'a;

/// A name without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingName(pub String);

impl fmt::Display for MissingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has no value", self.0)
    }
}

impl std::error::Error for MissingName {}

/// Bindings in sight with their values, per row.
pub(super) type Locals<'t> = Vec<(&'t str, Vec<f64>)>;

/// The rows that are looked at: one, or all rollouts of a group.
pub(super) struct Rows<'a> {
    lookups: &'a [&'a Lookup<'a>],
    /// Aggregates are computed over the rows; else they are looked up by their text.
    is_group: bool,
}

impl<'a> Rows<'a> {
    /// One row whose group is not there.
    pub fn one(lookup: &'a [&'a Lookup<'a>]) -> Self {
        Self { lookups: lookup, is_group: false }
    }

    fn each(&self, value: impl Fn(&Lookup<'a>) -> Option<f64>, name: &str) -> Result<Vec<f64>, MissingName> {
        let missing = || MissingName(name.to_string());
        self.lookups.iter().map(|lookup| value(*lookup).ok_or_else(missing)).collect()
    }

    /// The value of an expression for each row. Both sides of an `if` are evaluated, so all their names must have values.
    pub fn evaluate<'t>(&self, typed: &'t Typed, locals: &mut Locals<'t>) -> Result<Vec<f64>, MissingName> {
        let same = |value: f64| Ok(vec![value; self.lookups.len()]);
        match &typed.kind {
            Kind::Number(value) => same(*value),
            Kind::Bool(value) => same(if *value { 1.0 } else { 0.0 }),
            Kind::Domain(_, at) => same(*at as f64),
            Kind::Name(Source::Local, name) => match locals.iter().rev().find(|(local, _)| local == name) {
                Some((_, values)) => Ok(values.clone()),
                None => Err(MissingName(name.clone())),
            },
            Kind::Name(_, name) => self.each(|lookup| lookup(name), name),
            Kind::Negate(x) => self.apply(Scalar::Negate, &[x], locals),
            Kind::Not(x) => self.apply(Scalar::Not, &[x], locals),
            Kind::Binary(op, x, y) => self.apply(Scalar::from(*op), &[x, y], locals),
            Kind::If(condition, then, otherwise) => self.apply(Scalar::Select, &[condition, then, otherwise], locals),
            Kind::Call(function, arguments) => {
                self.apply(Scalar::from(*function), &arguments.iter().collect::<Vec<_>>(), locals)
            }
            Kind::Aggregate(call) if self.is_group => self.aggregate(call, locals),
            // The state of an average, and the other rollouts of a group, are not in a row: they are asked for by their text.
            Kind::Aggregate(_) | Kind::Ema { .. } => {
                let text = typed.to_string();
                self.each(|lookup| lookup(&text), &text)
            }
            Kind::Inline(inline) => {
                let mut own = Locals::new();
                for argument in &inline.arguments {
                    own.push((&argument.name, self.evaluate(&argument.value, locals)?));
                }
                self.bind(&inline.bindings, &mut own)?;
                self.evaluate(&inline.body, &mut own)
            }
        }
    }

    /// Adds the values of bindings to what is in sight.
    pub fn bind<'t>(&self, bindings: &'t [TypedBinding], locals: &mut Locals<'t>) -> Result<(), MissingName> {
        for binding in bindings {
            let values = self.evaluate(&binding.value, locals)?;
            locals.push((&binding.name, values));
        }
        Ok(())
    }

    fn apply<'t>(&self, op: Scalar, operands: &[&'t Typed], locals: &mut Locals<'t>) -> Result<Vec<f64>, MissingName> {
        let columns = operands.iter().map(|operand| self.evaluate(operand, locals)).collect::<Result<Vec<_>, _>>()?;
        let of =
            |idx: usize, row: usize| columns.get(idx).and_then(|column| column.get(row)).copied().unwrap_or(f64::NAN);
        Ok((0..self.lookups.len()).map(|row| op.apply(of(0, row), of(1, row), of(2, row))).collect())
    }

    fn aggregate<'t>(&self, call: &'t AggregateCall, locals: &mut Locals<'t>) -> Result<Vec<f64>, MissingName> {
        let values = self.evaluate(&call.value, locals)?;
        let filter = call.filter.as_ref().map(|filter| self.evaluate(filter, locals)).transpose()?;
        let empty = call.empty.as_ref().map(|empty| self.evaluate(empty, locals)).transpose()?;
        let at = call.at.as_ref().map(|at| self.evaluate(at, locals)).transpose()?;
        let at = at.and_then(|at| at.first().copied()).unwrap_or(0.5);
        let passes = |row: usize| filter.as_ref().is_none_or(|filter| filter.get(row).is_some_and(|f| *f != 0.0));
        let mut passed: Vec<f64> = values.iter().enumerate().filter(|(row, _)| passes(*row)).map(|(_, v)| *v).collect();
        Ok(match aggregate(call.of, &mut passed, at) {
            Some(value) => vec![value; self.lookups.len()],
            None => empty.unwrap_or_else(|| vec![f64::NAN; self.lookups.len()]),
        })
    }
}

impl Typed {
    /// The value for one row, in base units. Aggregates and running averages, which one row does not decide, are asked of
    /// `lookup` by their canonical text. Every name in the expression needs a value, also in a branch that is not taken.
    pub fn evaluate_row(&self, lookup: &Lookup) -> Result<f64, MissingName> {
        let lookups = [lookup];
        let values = Rows::one(&lookups).evaluate(self, &mut Locals::new())?;
        values.first().copied().ok_or_else(|| MissingName(self.to_string()))
    }
}

impl TypedFormula {
    /// The value for one row; see [`Typed::evaluate_row`].
    pub fn evaluate_row(&self, lookup: &Lookup) -> Result<f64, MissingName> {
        let lookups = [lookup];
        let values = self.rows(&Rows::one(&lookups))?;
        values.first().copied().ok_or_else(|| MissingName(self.to_string()))
    }

    /// The values for all rollouts of one group, aggregates included: one lookup for each rollout.
    pub fn evaluate_group(&self, lookups: &[&Lookup]) -> Result<Vec<f64>, MissingName> {
        self.rows(&Rows { lookups, is_group: true })
    }

    fn rows(&self, rows: &Rows) -> Result<Vec<f64>, MissingName> {
        let mut locals = Locals::new();
        rows.bind(&self.bindings, &mut locals)?;
        rows.evaluate(&self.body, &mut locals)
    }
}
