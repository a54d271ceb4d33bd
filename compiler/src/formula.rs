//! Formulas: typed once, compiled once, evaluated over whole groups.
//!
//! [`check`] turns the syntax of a formula into a [`TypedFormula`]: names are bound, units agree, every part has a range, and
//! named formulas stand where they were called. [`Program`] is the same formula as a flat list of instructions over columns; the
//! rows are the rollouts of one group, or the domains of the mix. [`Typed::evaluate_row`] is the plain recursive meaning that
//! programs are tested against. [`latex`], [`python`] and [`picture`] print the same tree.
//!
//! Booleans are 0 and 1, a domain is its position in [`Scope::domains`], numbers are in base units.

mod absent;
mod canonical;
mod check;
mod error;
mod evaluate;
pub mod latex;
mod operation;
pub mod picture;
mod program;
pub mod python;
mod row;
pub mod script;
mod text;

#[cfg(test)]
pub(crate) mod laws;
#[cfg(test)]
pub(crate) mod testing;

use crate::range::Interval;
use crate::units::Dimension;
use crate::vocabulary::functions::{Aggregate, Function};
use recipec_grammar::source::Span;
use recipec_grammar::tree;
use recipec_grammar::tree::BinaryOp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use absent::{Absence, Absences, DomainSet};
pub use check::{check, check_definition, constant};
pub use evaluate::Scratch;
pub use program::{Program, ProgramError};
pub use row::{Lookup, MissingName};
pub use text::{number as canonical_number, with_calls};

/// What a number is, beside its dimension. `Ratio` is 0..1; a `Reward` is a pure number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// Truth value.
    Bool,
    /// Number of a dimension.
    Number(Dimension),
    /// A domain's name, only good for `domain == code`.
    Domain,
}

/// Which signals a formula sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// None: params and `budget.*` only (settings, bodies of named formulas).
    Constant,
    /// Rollout and group signals (penalties, terms, `reward`).
    Rollout,
    /// Domain signals (`mix.weight`), and run signals.
    Mix,
}

impl Type {
    /// A number without a unit.
    pub const PURE: Self = Self::Number(Dimension::PURE);
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("a truth value"),
            Self::Number(dimension) => dimension.fmt(f),
            Self::Domain => f.write_str("a domain"),
        }
    }
}

/// What a formula may name.
pub struct Scope<'a> {
    /// Which signals.
    pub level: Level,
    /// Params: type, range and value in force.
    pub params: &'a BTreeMap<String, ParamType>,
    /// `budget.*`: dimension and value in force, in base units, by full path (`budget.output`).
    pub budget: &'a BTreeMap<String, (Dimension, f64)>,
    /// Named formulas.
    pub formulas: &'a BTreeMap<String, tree::FormulaDef>,
    /// Penalties and terms that may be named (and `outcome`, inside `reward.total`), already checked.
    pub terms: &'a BTreeMap<String, TypedFormula>,
    /// Names of the domains, for `domain == code`.
    pub domains: &'a [String],
    /// Signals that some domains do not have (verifier-free domains have no `correct`).
    pub absent: &'a Absences,
    /// Rollouts per group: `solve_rate` takes `group_size + 1` values.
    pub group_size: u64,
}

/// A param as formulas see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamType {
    /// Its type.
    pub ty: Type,
    /// Declared range, inclusive.
    pub range: Option<(f64, f64)>,
    /// Value in force.
    pub value: f64,
}

/// Where the value of a name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A signal; also the mean of one over the last batch.
    Signal,
    /// A param of the recipe.
    Param,
    /// `budget.*`
    Budget,
    /// A penalty, a term, or `outcome`.
    Term,
    /// A `where` binding, or the parameter of a named formula.
    Local,
}

/// An expression with its type and the range of its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Typed {
    /// What it is.
    pub kind: Kind,
    /// Its type.
    pub ty: Type,
    /// Which values it can take, in base units; 0 and 1 for truth values.
    pub range: Interval,
    /// Where it was written.
    pub span: Span,
}

/// A named part of a formula.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedBinding {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Typed,
}

/// The kinds of typed expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A number in its base unit.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A domain behind `domain ==`: its name and its position in [`Scope::domains`].
    Domain(String, usize),
    /// A name with a value.
    Name(Source, String),
    /// `-x`
    Negate(Box<Typed>),
    /// `not x`
    Not(Box<Typed>),
    /// `x + y`, `x <= y`, `x and y`
    Binary(BinaryOp, Box<Typed>, Box<Typed>),
    /// `if condition then a else b`
    If(Box<Typed>, Box<Typed>, Box<Typed>),
    /// `clip(x, 0, 1)`
    Call(Function, Vec<Typed>),
    /// `group.min(length if correct, else = budget.output)`
    Aggregate(Box<AggregateCall>),
    /// `ema(x, keep, start)`
    Ema {
        /// What is averaged.
        value: Box<Typed>,
        /// The weight of the old average.
        keep: Box<Typed>,
        /// The average before the first batch.
        start: Box<Typed>,
    },
    /// The body of a named formula where it was called. It sees its parameters and its own bindings, nothing of the caller's.
    Inline(Box<Inline>),
}

/// What is made of the values of a whole group.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateCall {
    /// Which aggregate.
    pub of: Aggregate,
    /// The value per rollout.
    pub value: Typed,
    /// Which rollouts count; all without it.
    pub filter: Option<Typed>,
    /// The value when none passes the filter. It is there whenever a filter is, except for `count`.
    pub empty: Option<Typed>,
    /// The share of a quantile.
    pub at: Option<Typed>,
}

/// A named formula where it was called.
#[derive(Debug, Clone, PartialEq)]
pub struct Inline {
    /// Its name.
    pub formula: String,
    /// Where it was published, as its `source` note says.
    pub source: Option<String>,
    /// Parameters with the values of the call, which see the caller's names.
    pub arguments: Vec<TypedBinding>,
    /// The formula's own bindings, in order.
    pub bindings: Vec<TypedBinding>,
    /// Its body.
    pub body: Typed,
}

/// A formula that passed [`check`].
#[derive(Debug, Clone, PartialEq)]
pub struct TypedFormula {
    /// Its value.
    pub body: Typed,
    /// `where` bindings in order; each sees those before it.
    pub bindings: Vec<TypedBinding>,
    /// Where it was published, as its `source` note says. It has no part in the meaning.
    pub source: Option<String>,
    /// Where it was written.
    pub span: Span,
}

impl TypedFormula {
    /// The type of its value.
    pub fn ty(&self) -> Type {
        self.body.ty
    }

    /// Which values it can take, in base units.
    pub fn range(&self) -> (f64, f64) {
        (self.body.range.low, self.body.range.high)
    }

    /// The signals that it reads, sorted. A mean over the last batch is named after its column, `last_batch.total`.
    pub fn signals(&self) -> Vec<String> {
        self.names(Source::Signal)
    }

    /// The names of one source that it reads, sorted.
    pub fn names(&self, source: Source) -> Vec<String> {
        let mut found = BTreeSet::new();
        self.visit(&mut |part| {
            if let Kind::Name(from, name) = &part.kind
                && *from == source
            {
                found.insert(name.clone());
            }
        });
        found.into_iter().collect()
    }

    /// Calls `look` with every part of the formula, bindings first, the whole before its parts.
    pub fn visit<'a>(&'a self, look: &mut dyn FnMut(&'a Typed)) {
        for binding in &self.bindings {
            binding.value.visit(look);
        }
        self.body.visit(look);
    }
}

impl Typed {
    /// Calls `look` with this expression and every part of it.
    pub fn visit<'a>(&'a self, look: &mut dyn FnMut(&'a Typed)) {
        look(self);
        for part in self.parts() {
            part.visit(look);
        }
    }

    /// The expressions directly inside this one, in the order in which they are written.
    pub fn parts(&self) -> Vec<&Typed> {
        match &self.kind {
            Kind::Number(_) | Kind::Bool(_) | Kind::Domain(..) | Kind::Name(..) => Vec::new(),
            Kind::Negate(x) | Kind::Not(x) => vec![x],
            Kind::Binary(_, x, y) => vec![x, y],
            Kind::If(condition, then, otherwise) => vec![condition, then, otherwise],
            Kind::Call(_, arguments) => arguments.iter().collect(),
            Kind::Aggregate(call) => {
                std::iter::once(&call.value).chain(&call.filter).chain(&call.at).chain(&call.empty).collect()
            }
            Kind::Ema { value, keep, start } => vec![value, keep, start],
            Kind::Inline(inline) => {
                let bound = inline.arguments.iter().chain(&inline.bindings).map(|b| &b.value);
                bound.chain(std::iter::once(&inline.body)).collect()
            }
        }
    }
}
