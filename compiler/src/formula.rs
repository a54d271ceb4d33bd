//! Formulas: typed once, compiled once, evaluated over whole groups.
//!
//! CONTRACT (the implementing files are `formula/check.rs`, `formula/program.rs`, `formula/evaluate.rs` …):
//! this file defines the typed expression and re-exports the entry points named below.

use crate::problems::Problems;
use crate::units::Dimension;
use recipec_grammar::source::Span;
use recipec_grammar::tree;
use std::collections::BTreeMap;

/// What a number is, beside its dimension. `Ratio` is 0..1; a `Reward` is a pure number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Signals of this level that do not exist in this recipe, with the reason (verifier-free domains have no `correct`).
    pub absent: &'a BTreeMap<String, String>,
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

// pub fn check(formula: &tree::Formula, expected: Type, what: &str, scope: &Scope, problems: &mut Problems) -> Option<TypedFormula>
//     types, units, ranges; division by a range that holds 0; unknown names with did-you-mean; arity; where-bindings; inlines named formulas.
//     `what` names the thing for messages ("penalty `overlong`", "`mix.weight`"). Several mistakes in one formula are all reported.
// pub fn constant(expr: &tree::Expr, expected: Option<Type>, what: &str, scope: &Scope, problems) -> Option<(f64, Dimension)>
//     the value of a setting: numbers, units, params, `budget.*`, arithmetic; base units.
// impl TypedFormula { pub fn ty(&self) -> Type; pub fn range(&self) -> (f64, f64); pub fn signals(&self) -> Vec<String> (used, sorted); Display (canonical text) }
// impl Program {
//   pub fn compile(outputs: &[(String, &TypedFormula)], constants: &BTreeMap<String, f64>) -> Program
//       constants: params and budget.* by name; a name that is missing there becomes an input. For every output `p` with
//       bindings, `p.binding` is an output too.
//   pub fn inputs(&self) -> &[String]; pub fn outputs(&self) -> &[String];
//   pub fn bind(&self, input: &str, value: f64) -> Program       // an input becomes a constant
//   pub fn evaluate(&self, rows: usize, inputs: &[&[f64]], scratch: &mut Scratch)    // columns in order of inputs(); no allocation once warm
//   scratch.output(idx) -> &[f64]
// }
// Booleans are 0.0 and 1.0. `domain` is the index of the domain. Rows are the rollouts of one group, or the domains of the mix.
