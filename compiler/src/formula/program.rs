//! Formulas as flat lists of instructions over columns.
//!
//! *Invariants*: instruction `i` writes register `i` and reads earlier registers only; equal instructions occur once; every
//! instruction is needed by an output. A program read from a file is checked for the first of these before anything else.

use super::operation::Scalar;
use super::{AggregateCall, Kind, Source, Typed, TypedBinding, TypedFormula};
use crate::vocabulary::functions::Aggregate;
use crate::vocabulary::signals::PRESENT;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an instruction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Op {
    /// The constant of a number in the program's list.
    Constant,
    /// The column of a number in the program's list of inputs.
    Input,
    /// A running average. Operands: value, keep, start, and whether the row is present.
    Ema,
    /// An operation within each row.
    #[serde(untagged)]
    Row(Scalar),
    /// Over all rows. Operands: the value; then filter and, unless it counts, the value for the empty case; then `at`.
    #[serde(untagged)]
    Aggregate {
        /// Which one.
        aggregate: Aggregate,
        /// Whether there is a filter.
        filtered: bool,
    },
}

/// One instruction with its operands: registers, or a position in the list of constants or inputs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Instruction {
    pub op: Op,
    pub args: Vec<u32>,
}

impl Instruction {
    /// The registers that it reads.
    pub(super) fn reads(&self) -> &[u32] {
        if matches!(self.op, Op::Constant | Op::Input) { &[] } else { &self.args }
    }

    fn arity(&self) -> usize {
        match self.op {
            Op::Constant | Op::Input => 1,
            Op::Row(scalar) => scalar.arity(),
            Op::Aggregate { aggregate, filtered } => match (aggregate, filtered) {
                (Aggregate::Count, filtered) => 1 + usize::from(filtered),
                (aggregate, filtered) => 1 + 2 * usize::from(filtered) + usize::from(aggregate == Aggregate::Quantile),
            },
            Op::Ema => 4,
        }
    }
}

/// Formulas as a list of instructions, evaluated column by column: rows are the rollouts of one group, or the domains of the mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Program {
    pub(super) inputs: Vec<String>,
    pub(super) constants: Vec<Exact>,
    pub(super) code: Vec<Instruction>,
    pub(super) outputs: Vec<String>,
    pub(super) registers: Vec<u32>,
}

/// A float that is the same after it was written and read: JSON has no infinity.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(super) struct Exact(pub f64);

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Bits { bits: u64 },
}

impl From<Exact> for Written {
    fn from(value: Exact) -> Self {
        if value.0.is_finite() { Self::Number(value.0) } else { Self::Bits { bits: value.0.to_bits() } }
    }
}

impl From<Written> for Exact {
    fn from(value: Written) -> Self {
        match value {
            Written::Number(value) => Self(value),
            Written::Bits { bits } => Self(f64::from_bits(bits)),
        }
    }
}

/// A program as a file has it.
#[derive(Deserialize)]
struct Unchecked {
    inputs: Vec<String>,
    constants: Vec<Exact>,
    code: Vec<Instruction>,
    outputs: Vec<String>,
    registers: Vec<u32>,
}

/// A program in a file that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// An instruction with a wrong number of operands, or one that reads what is not there yet.
    #[error("instruction {0} of a formula cannot be executed")]
    Instruction(usize),
    /// Outputs that no register holds.
    #[error("the outputs of a formula do not match its registers")]
    Outputs,
}

impl TryFrom<Unchecked> for Program {
    type Error = ProgramError;

    fn try_from(file: Unchecked) -> Result<Self, ProgramError> {
        for (at, instruction) in file.code.iter().enumerate() {
            let below = match instruction.op {
                Op::Constant => file.constants.len(),
                Op::Input => file.inputs.len(),
                _ => at,
            };
            if instruction.args.len() != instruction.arity()
                || instruction.args.iter().any(|arg| *arg as usize >= below)
            {
                return Err(ProgramError::Instruction(at));
            }
        }
        if file.outputs.len() != file.registers.len() || file.registers.iter().any(|r| *r as usize >= file.code.len()) {
            return Err(ProgramError::Outputs);
        }
        let Unchecked { inputs, constants, code, outputs, registers } = file;
        Ok(Self { inputs, constants, code, outputs, registers })
    }
}

impl Program {
    /// Compiles formulas in order. `constants` are params and `budget.*` by name, in base units; a name that is missing there
    /// becomes an input. For every output `p` with bindings, `p.binding` is an output too, behind `p`. A formula that names an
    /// earlier output (`outcome` in `total`) reads it, and needs no input for it.
    pub fn compile(outputs: &[(String, &TypedFormula)], constants: &BTreeMap<String, f64>) -> Self {
        let mut builder = Builder::default();
        for (name, formula) in outputs {
            let mut locals = Vec::new();
            let mut scope = Compiled { constants, builder: &mut builder };
            scope.bind(&formula.bindings, &mut locals);
            let body = scope.expr(&formula.body, &locals);
            builder.outputs.push((name.clone(), body));
            for (binding, register) in locals {
                builder.outputs.push((format!("{name}.{binding}"), register));
            }
        }
        builder.finish()
    }

    /// Names of the input columns, in the order in which [`Program::evaluate`] wants them.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Names of the outputs, in the order of [`super::Scratch::output`].
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// The program with one input a constant; the same program when it has no such input.
    pub fn bind(&self, input: &str, value: f64) -> Self {
        let mut builder = Builder::default();
        let mut moved: Vec<u32> = Vec::with_capacity(self.code.len());
        for instruction in &self.code {
            let arg = instruction.args.first().map_or(0, |arg| *arg as usize);
            let register = match instruction.op {
                Op::Constant => builder.constant(self.constants.get(arg).map_or(f64::NAN, |c| c.0)),
                Op::Input => match self.inputs.get(arg) {
                    Some(name) if name == input => builder.constant(value),
                    Some(name) => builder.input(name),
                    None => builder.constant(f64::NAN),
                },
                op => {
                    let args =
                        instruction.args.iter().map(|arg| moved.get(*arg as usize).copied().unwrap_or(0)).collect();
                    builder.emit(op, args)
                }
            };
            moved.push(register);
        }
        for (name, register) in self.outputs.iter().zip(&self.registers) {
            builder.outputs.push((name.clone(), moved.get(*register as usize).copied().unwrap_or(0)));
        }
        builder.finish()
    }

    /// Whether it looks at the whole group or mix, so that a row cannot be evaluated alone.
    pub fn aggregates(&self) -> bool {
        self.code.iter().any(|instruction| matches!(instruction.op, Op::Aggregate { .. }))
    }

    /// How many running averages it keeps.
    pub fn states(&self) -> usize {
        self.code.iter().filter(|instruction| instruction.op == Op::Ema).count()
    }

    /// How many instructions it has.
    pub fn len(&self) -> usize {
        self.code.len()
    }

    /// Whether it computes nothing.
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }
}

/// Collects instructions, each once.
#[derive(Default)]
struct Builder {
    inputs: Vec<String>,
    constants: Vec<f64>,
    code: Vec<Instruction>,
    known: BTreeMap<Instruction, u32>,
    constant_at: BTreeMap<u64, u32>,
    outputs: Vec<(String, u32)>,
}

impl Builder {
    fn push(&mut self, op: Op, args: Vec<u32>) -> u32 {
        let instruction = Instruction { op, args };
        if let Some(register) = self.known.get(&instruction) {
            return *register;
        }
        let register = self.code.len() as u32;
        self.known.insert(instruction.clone(), register);
        self.code.push(instruction);
        register
    }

    fn constant(&mut self, value: f64) -> u32 {
        let constants = &mut self.constants;
        let at = *self.constant_at.entry(value.to_bits()).or_insert_with(|| {
            constants.push(value);
            constants.len() as u32 - 1
        });
        self.push(Op::Constant, vec![at])
    }

    fn input(&mut self, name: &str) -> u32 {
        let at = self.inputs.iter().position(|input| input == name).unwrap_or_else(|| {
            self.inputs.push(name.to_string());
            self.inputs.len() - 1
        });
        self.push(Op::Input, vec![at as u32])
    }

    fn value_of(&self, register: u32) -> Option<f64> {
        let instruction = self.code.get(register as usize).filter(|i| i.op == Op::Constant)?;
        self.constants.get(*instruction.args.first()? as usize).copied()
    }

    /// Adds an operation, computed at once where its operands are constants.
    fn emit(&mut self, op: Op, args: Vec<u32>) -> u32 {
        if let Op::Row(scalar) = op {
            let values: Vec<Option<f64>> = args.iter().map(|arg| self.value_of(*arg)).collect();
            if scalar == Scalar::Select
                && let ([Some(condition), ..], [_, then, otherwise]) = (values.as_slice(), args.as_slice())
            {
                return if *condition != 0.0 { *then } else { *otherwise };
            }
            if let Some(values) = values.into_iter().collect::<Option<Vec<f64>>>() {
                let of = |idx: usize| values.get(idx).copied().unwrap_or(f64::NAN);
                return self.constant(scalar.apply(of(0), of(1), of(2)));
            }
        }
        self.push(op, args)
    }

    /// The program without what no output needs.
    fn finish(self) -> Program {
        let mut needed = vec![false; self.code.len()];
        for (_, register) in &self.outputs {
            if let Some(flag) = needed.get_mut(*register as usize) {
                *flag = true;
            }
        }
        for (at, instruction) in self.code.iter().enumerate().rev() {
            if needed.get(at).copied().unwrap_or(false) {
                for arg in instruction.reads() {
                    if let Some(flag) = needed.get_mut(*arg as usize) {
                        *flag = true;
                    }
                }
            }
        }
        let mut small = Builder::default();
        let mut moved = Vec::with_capacity(self.code.len());
        for (instruction, needed) in self.code.iter().zip(needed) {
            let arg = instruction.args.first().map_or(0, |arg| *arg as usize);
            moved.push(match instruction.op {
                _ if !needed => u32::MAX,
                Op::Constant => small.constant(self.constants.get(arg).copied().unwrap_or(f64::NAN)),
                Op::Input => small.input(self.inputs.get(arg).map_or("", String::as_str)),
                op => {
                    let args =
                        instruction.args.iter().map(|arg| moved.get(*arg as usize).copied().unwrap_or(0)).collect();
                    small.push(op, args)
                }
            });
        }
        let registers = self.outputs.iter().map(|(_, r)| moved.get(*r as usize).copied().unwrap_or(0)).collect();
        Program {
            inputs: small.inputs,
            constants: small.constants.into_iter().map(Exact).collect(),
            code: small.code,
            outputs: self.outputs.into_iter().map(|(name, _)| name).collect(),
            registers,
        }
    }
}

/// Bindings in sight with their registers.
type Locals<'t> = Vec<(&'t str, u32)>;

struct Compiled<'b> {
    constants: &'b BTreeMap<String, f64>,
    builder: &'b mut Builder,
}

impl Compiled<'_> {
    fn bind<'t>(&mut self, bindings: &'t [TypedBinding], locals: &mut Locals<'t>) {
        for binding in bindings {
            let register = self.expr(&binding.value, locals);
            locals.push((&binding.name, register));
        }
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(value) = self.constants.get(name) {
            return self.builder.constant(*value);
        }
        if let Some((_, register)) = self.builder.outputs.iter().find(|(output, _)| output == name) {
            return *register;
        }
        self.builder.input(name)
    }

    fn row(&mut self, scalar: Scalar, operands: &[&Typed], locals: &Locals) -> u32 {
        let args = operands.iter().map(|operand| self.expr(operand, locals)).collect();
        self.builder.emit(Op::Row(scalar), args)
    }

    fn expr(&mut self, typed: &Typed, locals: &Locals) -> u32 {
        match &typed.kind {
            Kind::Number(value) => self.builder.constant(*value),
            Kind::Bool(value) => self.builder.constant(if *value { 1.0 } else { 0.0 }),
            Kind::Domain(_, at) => self.builder.constant(*at as f64),
            Kind::Name(Source::Local, name) => {
                let found = locals.iter().rev().find(|(local, _)| local == name).map(|(_, register)| *register);
                found.unwrap_or_else(|| self.builder.input(name))
            }
            Kind::Name(_, name) => self.name(name),
            Kind::Negate(x) => self.row(Scalar::Negate, &[x], locals),
            Kind::Not(x) => self.row(Scalar::Not, &[x], locals),
            Kind::Binary(op, x, y) => self.row(Scalar::from(*op), &[x, y], locals),
            Kind::If(condition, then, otherwise) => self.row(Scalar::Select, &[condition, then, otherwise], locals),
            Kind::Call(function, arguments) => {
                self.row(Scalar::from(*function), &arguments.iter().collect::<Vec<_>>(), locals)
            }
            Kind::Aggregate(call) => self.aggregate(call, locals),
            Kind::Ema { value, keep, start } => {
                let mut args: Vec<u32> = [value, keep, start].into_iter().map(|part| self.expr(part, locals)).collect();
                args.push(self.builder.input(PRESENT));
                self.builder.push(Op::Ema, args)
            }
            Kind::Inline(inline) => {
                let mut own = Locals::new();
                for argument in &inline.arguments {
                    own.push((&argument.name, self.expr(&argument.value, locals)));
                }
                self.bind(&inline.bindings, &mut own);
                self.expr(&inline.body, &own)
            }
        }
    }

    fn aggregate(&mut self, call: &AggregateCall, locals: &Locals) -> u32 {
        let mut args = vec![self.expr(&call.value, locals)];
        if let Some(filter) = &call.filter {
            args.push(self.expr(filter, locals));
            if call.of != Aggregate::Count {
                args.push(match &call.empty {
                    Some(empty) => self.expr(empty, locals),
                    None => self.builder.constant(f64::NAN),
                });
            }
        }
        if call.of == Aggregate::Quantile {
            args.push(match &call.at {
                Some(at) => self.expr(at, locals),
                None => self.builder.constant(0.5),
            });
        }
        self.builder.push(Op::Aggregate { aggregate: call.of, filtered: call.filter.is_some() }, args)
    }
}
