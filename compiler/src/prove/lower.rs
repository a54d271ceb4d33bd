//! Typed formulas to nodes: named formulas and terms in their places, shared and not copied; signals and params to variables.

use super::arena::{Arena, Flag, Id, Sign, Var};
use super::bounds::Bounds;
use super::rational::Rational;
use super::span::Span;
use super::state::{Axiom, FlagInfo, SHARED, Side, State, Variable, World};
use super::{Setting, Stop};
use crate::formula::{AggregateCall, Kind, Source, Type, Typed, TypedBinding, TypedFormula};
use crate::vocabulary::functions::{Aggregate, Function};
use crate::vocabulary::signals::{self, signal};
use recipec_grammar::tree::BinaryOp;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Signals that all rollouts of a group share, because they are of its problem.
const OF_THE_PROBLEM: [&str; 3] = ["prompt_length", "reference_length", "domain"];
/// A rollout of the group that is neither of the two sides; it bounds aggregates.
const MEMBER: Side = 3;

/// Names in sight with their nodes.
type Locals = Vec<(String, Id)>;
type Made = Result<Id, Stop>;

/// Builds the nodes of one question.
pub struct Lowering<'a> {
    /// What is in force.
    pub setting: &'a Setting<'a>,
    /// The output cap in this case.
    pub cap: f64,
    /// Params that range over their declared range.
    pub for_all: &'a BTreeSet<String>,
    /// Nodes.
    pub arena: Arena,
    /// Variables and flags.
    pub world: World,
    /// The box of the variables, in their order.
    pub spans: Vec<Span>,
    /// Signals that both sides share.
    pub same: BTreeSet<String>,
    terms: BTreeMap<(String, Side), Id>,
    aggregates: Vec<Known>,
}

/// An aggregate that has been met.
#[derive(Clone)]
struct Known {
    key: (Aggregate, Id, Option<Id>, Option<Id>),
    value: Var,
}

impl<'a> Lowering<'a> {
    /// Nothing yet, but the signals that are bound to each other.
    pub fn new(setting: &'a Setting<'a>, cap: f64, for_all: &'a BTreeSet<String>) -> Self {
        let group = i64::try_from(setting.group_size).unwrap_or(i64::MAX).max(1);
        let cap_exact = Rational::from_decimal(cap).unwrap_or(Rational::INFINITY);
        let world =
            World { cap: cap_exact, group, rollouts: 1, unfinished: setting.unfinished.clone(), ..World::default() };
        Self {
            setting,
            cap,
            for_all,
            arena: Arena::default(),
            world,
            spans: Vec::new(),
            same: BTreeSet::new(),
            terms: BTreeMap::new(),
            aggregates: Vec::new(),
        }
    }

    fn side_of(&self, name: &str, side: Side) -> Side {
        if OF_THE_PROBLEM.contains(&name) {
            SHARED
        } else if side == 1 && self.same.contains(name) {
            0
        } else {
            side
        }
    }

    /// The flag of a truth signal.
    pub fn flag(&mut self, name: &str, side: Side) -> Flag {
        let side = self.side_of(name, side);
        self.world.find_flag(name, side).unwrap_or_else(|| {
            self.world.flags.push(FlagInfo { name: name.to_string(), side });
            self.world.flags.len() as Flag - 1
        })
    }

    /// The variable of a number signal.
    pub fn signal(&mut self, name: &str, side: Side) -> Result<Var, Stop> {
        let row = signal(name).ok_or_else(|| Stop::Unknown(name.to_string()))?;
        let side = if name == "solve_rate" { SHARED } else { self.side_of(name, side) };
        if let Some(var) = self.world.find(name, side) {
            return Ok(var);
        }
        let exact = |value: f64| {
            if value == f64::INFINITY {
                Rational::INFINITY
            } else {
                Rational::from_decimal(value).unwrap_or(Rational::ZERO)
            }
        };
        let span = match row.bounds {
            signals::Bounds::Between(low, high) => Span::new(exact(low), exact(high)),
            signals::Bounds::UpToBudget(low, "budget.output") => Span::new(exact(low), exact(self.cap)),
            signals::Bounds::UpToBudget(low, key) => {
                let high = self.setting.budget.get(key).map_or(f64::INFINITY, |(_, value)| *value);
                Span::new(exact(low), exact(high))
            }
            signals::Bounds::Domains => {
                let last = self.setting.domains.len().saturating_sub(1) as i64;
                Span::new(Rational::ZERO, Rational::whole(last))
            }
            signals::Bounds::Truth | signals::Bounds::GroupSize => return Err(Stop::Unknown(name.to_string())),
        };
        let tokens = matches!(row.ty, Type::Number(dimension) if !dimension.is_pure());
        let whole = tokens || row.bounds == signals::Bounds::Domains;
        let grid = (name == "solve_rate").then_some(self.world.group);
        let var = self.variable(name, side, whole, grid, false, span);
        if name == "reasoning_length" {
            // The reasoning is a part of the response.
            let (length, reasoning) = (self.signal("length", side)?, self.arena.variable(var)?);
            let length = self.arena.variable(length)?;
            let difference = self.arena.subtract(length, reasoning)?;
            self.world.axioms.push(Axiom { guard: None, difference });
        }
        Ok(var)
    }

    /// A new variable.
    pub fn variable(
        &mut self,
        name: &str,
        side: Side,
        whole: bool,
        grid: Option<i64>,
        is_param: bool,
        span: Span,
    ) -> Var {
        self.world.variables.push(Variable { name: name.to_string(), side, whole, grid, is_param });
        self.spans.push(Span { low: span.low.floor_to_size(), high: span.high.ceil_to_size() });
        self.world.variables.len() as Var - 1
    }

    /// The signals that are bound to each other, of one side.
    pub fn bound_signals(&mut self, side: Side) -> Result<(), Stop> {
        for name in ["correct", "truncated", "answered", "parsable"] {
            self.flag(name, side);
        }
        self.signal("length", side)?;
        self.signal("score", side)?;
        self.signal("solve_rate", side)?;
        Ok(())
    }

    /// A param: a constant, or a variable with its declared range.
    pub fn param(&mut self, name: &str) -> Made {
        let param = self.setting.params.get(name).ok_or_else(|| Stop::Unknown(name.to_string()))?;
        match param.range.filter(|_| self.for_all.contains(name)) {
            None => self.arena.float(param.value),
            Some((low, high)) => {
                let var = match self.world.find(name, SHARED) {
                    Some(var) => var,
                    None => {
                        let end = |value: f64, infinite| Rational::from_decimal(value).unwrap_or(infinite);
                        let span = Span::new(end(low, Rational::NEG_INFINITY), end(high, Rational::INFINITY));
                        let whole = self.setting.whole_params.contains(name);
                        self.variable(name, SHARED, whole, None, true, span)
                    }
                };
                self.arena.variable(var)
            }
        }
    }

    /// The value of a formula for one side. Terms that it names come first, in the order in which they can be computed.
    pub fn formula(&mut self, formula: &TypedFormula, side: Side) -> Made {
        self.terms_of(formula, side)?;
        let mut locals = Locals::new();
        self.bind(&formula.bindings, side, &mut locals)?;
        self.number(&formula.body, side, &locals)
    }

    /// Lowers the terms behind a formula, deepest first: no recursion from term to term.
    fn terms_of(&mut self, formula: &TypedFormula, side: Side) -> Result<(), Stop> {
        for name in self.setting.terms_behind(formula) {
            let Some(term) = self.setting.terms.get(&name) else { continue };
            if self.terms.contains_key(&(name.clone(), side)) {
                continue;
            }
            let mut locals = Locals::new();
            self.bind(&term.bindings, side, &mut locals)?;
            let body = self.number(&term.body, side, &locals)?;
            for (binding, id) in locals {
                self.terms.insert((format!("{name}.{binding}"), side), id);
            }
            self.terms.insert((name, side), body);
        }
        Ok(())
    }

    fn bind(&mut self, bindings: &[TypedBinding], side: Side, locals: &mut Locals) -> Result<(), Stop> {
        for binding in bindings {
            let id = self.any(&binding.value, side, locals)?;
            locals.push((binding.name.clone(), id));
        }
        Ok(())
    }

    fn any(&mut self, typed: &Typed, side: Side, locals: &Locals) -> Made {
        match typed.ty {
            Type::Bool => self.truth(typed, side, locals),
            Type::Number(_) | Type::Domain => self.number(typed, side, locals),
        }
    }

    fn name(&mut self, source: Source, name: &str, side: Side, locals: &Locals) -> Made {
        match source {
            Source::Local => {
                let found = locals.iter().rev().find(|(local, _)| local == name).map(|(_, id)| *id);
                found.ok_or_else(|| Stop::Unknown(name.to_string()))
            }
            Source::Param => self.param(name),
            Source::Budget if name == "budget.output" => self.arena.float(self.cap),
            Source::Budget => {
                let (_, value) = self.setting.budget.get(name).ok_or_else(|| Stop::Unknown(name.to_string()))?;
                self.arena.float(*value)
            }
            Source::Term => {
                let id = self.terms.get(&(name.to_string(), side)).copied();
                id.ok_or_else(|| Stop::Unknown(name.to_string()))
            }
            Source::Signal => match name {
                "wrong" | "finished" => {
                    let of = if name == "wrong" { "correct" } else { "truncated" };
                    let flag = self.flag(of, side);
                    let flag = self.arena.flag(flag)?;
                    self.arena.not(flag)
                }
                "group_size" => self.arena.float(self.setting.group_size as f64),
                _ if signal(name).is_some_and(|row| row.ty == Type::Bool) => {
                    let flag = self.flag(name, side);
                    self.arena.flag(flag)
                }
                _ => {
                    let var = self.signal(name, side)?;
                    self.arena.variable(var)
                }
            },
        }
    }

    /// A number.
    pub fn number(&mut self, typed: &Typed, side: Side, locals: &Locals) -> Made {
        match &typed.kind {
            Kind::Number(value) => self.arena.float(*value),
            Kind::Domain(_, at) => self.arena.float(*at as f64),
            Kind::Name(source, name) => self.name(*source, name, side, locals),
            Kind::Negate(x) => {
                let x = self.number(x, side, locals)?;
                self.arena.negate(x)
            }
            Kind::Binary(op, x, y) => {
                let (x, y) = (self.number(x, side, locals)?, self.number(y, side, locals)?);
                match op {
                    BinaryOp::Add => self.arena.add(x, y, Rational::ONE),
                    BinaryOp::Subtract => self.arena.subtract(x, y),
                    BinaryOp::Multiply => self.arena.multiply(x, y),
                    BinaryOp::Divide => self.arena.divide(x, y),
                    BinaryOp::Power => self.arena.power(x, y),
                    _ => Err(Stop::Unknown(typed.to_string())),
                }
            }
            Kind::If(condition, then, otherwise) => {
                let condition = self.truth(condition, side, locals)?;
                let (then, otherwise) = (self.number(then, side, locals)?, self.number(otherwise, side, locals)?);
                self.arena.choice(condition, then, otherwise)
            }
            Kind::Call(function, arguments) => {
                let values =
                    arguments.iter().map(|x| self.number(x, side, locals)).collect::<Result<Vec<Id>, Stop>>()?;
                self.call(*function, &values)
            }
            Kind::Aggregate(call) => self.aggregate(call, side, locals),
            Kind::Inline(inline) => {
                let mut own = Locals::new();
                for argument in &inline.arguments {
                    let id = self.any(&argument.value, side, locals)?;
                    own.push((argument.name.clone(), id));
                }
                self.bind(&inline.bindings, side, &mut own)?;
                self.number(&inline.body, side, &own)
            }
            Kind::Bool(_) | Kind::Not(_) | Kind::Ema { .. } => Err(Stop::Unknown(typed.to_string())),
        }
    }

    fn call(&mut self, function: Function, values: &[Id]) -> Made {
        let arena = &mut self.arena;
        match (function, values) {
            (Function::Min, [x, y]) => arena.min(*x, *y),
            (Function::Max, [x, y]) => arena.max(*x, *y),
            (Function::Clip, [x, low, high]) => {
                let raised = arena.max(*x, *low)?;
                arena.min(raised, *high)
            }
            (Function::Ramp, [x, from, to]) => {
                let (above, wide) = (arena.subtract(*x, *from)?, arena.subtract(*to, *from)?);
                let share = arena.divide(above, wide)?;
                let (zero, one) = (arena.number(Rational::ZERO)?, arena.number(Rational::ONE)?);
                let raised = arena.max(share, zero)?;
                arena.min(raised, one)
            }
            (Function::Abs, [x]) => arena.abs(*x),
            (Function::Exp, [x]) => arena.exp(*x),
            (Function::Log, [x]) => arena.log(*x),
            (Function::Sqrt, [x]) => {
                let half = arena.float(0.5)?;
                arena.power(*x, half)
            }
            (Function::Floor, [x]) => arena.floor(*x),
            _ => Err(Stop::Unknown(function.name().to_string())),
        }
    }

    /// A truth value.
    pub fn truth(&mut self, typed: &Typed, side: Side, locals: &Locals) -> Made {
        match &typed.kind {
            Kind::Bool(value) => self.arena.truth(*value),
            Kind::Name(source, name) => self.name(*source, name, side, locals),
            Kind::Not(x) => {
                let x = self.truth(x, side, locals)?;
                self.arena.not(x)
            }
            Kind::Binary(op @ (BinaryOp::And | BinaryOp::Or), x, y) => {
                let (x, y) = (self.truth(x, side, locals)?, self.truth(y, side, locals)?);
                if *op == BinaryOp::And { self.arena.and(x, y) } else { self.arena.or(x, y) }
            }
            Kind::Binary(op, x, y) if x.ty == Type::Bool => {
                let (x, y) = (self.truth(x, side, locals)?, self.truth(y, side, locals)?);
                let (no_x, no_y) = (self.arena.not(x)?, self.arena.not(y)?);
                let (both, neither) = (self.arena.and(x, y)?, self.arena.and(no_x, no_y)?);
                let equal = self.arena.or(both, neither)?;
                if *op == BinaryOp::Equal { Ok(equal) } else { self.arena.not(equal) }
            }
            Kind::Binary(op, x, y) => {
                let (x, y) = (self.number(x, side, locals)?, self.number(y, side, locals)?);
                self.comparison(*op, x, y)
            }
            Kind::If(condition, then, otherwise) => {
                let condition = self.truth(condition, side, locals)?;
                let (then, otherwise) = (self.truth(then, side, locals)?, self.truth(otherwise, side, locals)?);
                let not = self.arena.not(condition)?;
                let (one, other) = (self.arena.and(condition, then)?, self.arena.and(not, otherwise)?);
                self.arena.or(one, other)
            }
            Kind::Inline(inline) => {
                let mut own = Locals::new();
                for argument in &inline.arguments {
                    let id = self.any(&argument.value, side, locals)?;
                    own.push((argument.name.clone(), id));
                }
                self.bind(&inline.bindings, side, &mut own)?;
                self.truth(&inline.body, side, &own)
            }
            _ => Err(Stop::Unknown(typed.to_string())),
        }
    }

    /// `x op y`
    pub fn comparison(&mut self, op: BinaryOp, x: Id, y: Id) -> Made {
        let (forward, backward) = (self.arena.subtract(x, y)?, self.arena.subtract(y, x)?);
        match op {
            BinaryOp::Less => self.arena.compare(Sign::Positive, backward),
            BinaryOp::LessEqual => self.arena.compare(Sign::NotNegative, backward),
            BinaryOp::Greater => self.arena.compare(Sign::Positive, forward),
            BinaryOp::GreaterEqual => self.arena.compare(Sign::NotNegative, forward),
            BinaryOp::Equal => self.arena.compare(Sign::Zero, forward),
            BinaryOp::NotEqual => {
                let equal = self.arena.compare(Sign::Zero, forward)?;
                self.arena.not(equal)
            }
            _ => Err(Stop::Unknown(op.symbol().to_string())),
        }
    }

    /// An aggregate is a signal of the group; what it is made of bounds it.
    fn aggregate(&mut self, call: &AggregateCall, side: Side, locals: &Locals) -> Made {
        // Names bound to one rollout's values mean another thing for each member: only what is written in the call is followed.
        let parts = std::iter::once(&call.value).chain(&call.filter);
        let mut reads_locals = false;
        for part in parts {
            part.visit(&mut |inner| reads_locals |= matches!(&inner.kind, Kind::Name(Source::Local | Source::Term, _)));
        }
        if reads_locals {
            let range = call.value.range;
            let members = if range.is_unknown() { Span::ALL } else { Span::around(range.low, range.high) };
            let var = self.new_aggregate(call, members, false)?;
            let aggregate = self.arena.variable(var)?;
            let Some(empty) = &call.empty else { return Ok(aggregate) };
            let empty = self.number(empty, side, locals)?;
            let any = self.flag(&format!("some pass for {var}"), SHARED);
            let any = self.arena.flag(any)?;
            return self.arena.choice(any, aggregate, empty);
        }
        let counts = call.of == Aggregate::Count;
        let lowered = |this: &mut Self, of: Side| -> Result<(Id, Option<Id>), Stop> {
            let value = this.any(&call.value, of, &Locals::new())?;
            let filter = call.filter.as_ref().map(|filter| this.truth(filter, of, &Locals::new())).transpose()?;
            Ok((value, filter))
        };
        if counts
            && call.filter.is_none()
            && matches!(&call.value.kind, Kind::Name(Source::Signal, name) if name == "correct")
        {
            let rate = self.signal("solve_rate", side)?;
            let (rate, size) = (self.arena.variable(rate)?, self.arena.float(self.setting.group_size as f64)?);
            return self.arena.multiply(rate, size);
        }
        let (value, filter) = lowered(self, MEMBER)?;
        let at = call.at.as_ref().map(|at| self.number(at, side, locals)).transpose()?;
        let key = (call.of, value, filter, at);
        let known = self.aggregates.iter().find(|known| known.key == key).map(|known| known.value);
        let var = match known {
            Some(var) => var,
            None => {
                let state = State::new(Rc::new(self.world.clone()), self.spans.clone());
                let members = Bounds::new(&self.arena, &state, value, None).value(value);
                let whole = self.is_whole(value);
                let var = self.new_aggregate(call, members, whole)?;
                self.aggregates.push(Known { key, value: var });
                self.order(call.of, value, filter, var)?;
                var
            }
        };
        let aggregate = self.arena.variable(var)?;
        // The side that is looked at is a member too.
        let (own, passes) = lowered(self, side)?;
        self.membership(call.of, aggregate, own, passes)?;
        let (Some(filter), Some(empty), false) = (filter, &call.empty, counts) else { return Ok(aggregate) };
        let any = self.flag(&format!("some pass {filter}"), SHARED);
        if let Some(passes) = passes {
            self.world.implied.push((passes, any));
        }
        let empty = self.number(empty, side, locals)?;
        let any = self.arena.flag(any)?;
        self.arena.choice(any, aggregate, empty)
    }

    fn new_aggregate(&mut self, call: &AggregateCall, members: Span, whole: bool) -> Result<Var, Stop> {
        let size = Rational::whole(self.world.group);
        let span = match call.of {
            Aggregate::Count => Span::new(Rational::ZERO, size),
            Aggregate::Std | Aggregate::Mad => Span::new(Rational::ZERO, members.width().ceil_to_size()),
            _ => members,
        };
        let whole = call.of == Aggregate::Count || (matches!(call.of, Aggregate::Min | Aggregate::Max) && whole);
        let text = format!("group.{} #{}", call.of.name(), self.world.variables.len());
        Ok(self.variable(&text, SHARED, whole, None, false, span))
    }

    fn is_whole(&self, id: Id) -> bool {
        match self.arena.node(id) {
            super::arena::Node::Variable(var) => self.world.variables.get(*var as usize).is_some_and(|v| v.whole),
            _ => false,
        }
    }

    /// A member lies between the smallest and the largest value; a member that meets a condition is counted.
    fn membership(&mut self, of: Aggregate, aggregate: Id, own: Id, passes: Option<Id>) -> Result<(), Stop> {
        let difference = match of {
            Aggregate::Min => self.arena.subtract(own, aggregate)?,
            Aggregate::Max => self.arena.subtract(aggregate, own)?,
            Aggregate::Count => {
                let guard = match passes {
                    Some(passes) => self.arena.and(own, passes)?,
                    None => own,
                };
                let difference = self.arena.number(Rational::ONE)?;
                let difference = self.arena.subtract(aggregate, difference)?;
                self.world.axioms.push(Axiom { guard: Some(guard), difference });
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.world.axioms.push(Axiom { guard: passes, difference });
        Ok(())
    }

    /// The smallest value is not above the others, the largest not below.
    fn order(&mut self, of: Aggregate, value: Id, filter: Option<Id>, var: Var) -> Result<(), Stop> {
        let rank = |of: Aggregate| match of {
            Aggregate::Min => Some(0),
            Aggregate::Mean | Aggregate::Median | Aggregate::Quantile => Some(1),
            Aggregate::Max => Some(2),
            Aggregate::Std | Aggregate::Count | Aggregate::Mad => None,
        };
        let Some(own) = rank(of) else { return Ok(()) };
        let others: Vec<(i32, Var)> = self
            .aggregates
            .iter()
            .filter(|known| known.value != var && known.key.1 == value && known.key.2 == filter)
            .filter_map(|known| Some((rank(known.key.0)?, known.value)))
            .collect();
        for (other, theirs) in others {
            let (mine, theirs) = (self.arena.variable(var)?, self.arena.variable(theirs)?);
            let difference = match own.cmp(&other) {
                std::cmp::Ordering::Less => self.arena.subtract(theirs, mine)?,
                std::cmp::Ordering::Greater => self.arena.subtract(mine, theirs)?,
                std::cmp::Ordering::Equal => continue,
            };
            self.world.axioms.push(Axiom { guard: None, difference });
        }
        Ok(())
    }
}
