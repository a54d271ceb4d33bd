//! Compiled formulas as plain Python: one function over the rollouts of a group, or over the domains of a mix, that needs the standard
//! library only and gives the same floats as [`super::Scratch`] does.
//!
//! [`super::python`] prints one formula for people to read, over columns of numpy. Here everything that a node of the plan computes is
//! one function over rows, with params and budgets as numbers: what an export runs elsewhere. Sums run in the order of the rows, and a
//! sum of Python is not used: since version 3.12 it rounds differently.

use super::operation::Scalar;
use super::program::{Instruction, Op, Program};
use crate::vocabulary::functions::Aggregate;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What every generated function needs: operations that never raise, and aggregates over a group.
pub const OPERATIONS: &str = include_str!("../export/operations.py");

/// Expressions are nested so deep at most; Python's parser has a limit of its own.
const DEEPEST: usize = 12;

/// A Python function `name(rows, states=None, observe=False)`. `rows` are dictionaries with the inputs of the program by name; every
/// output is written into each of them, under its name. `states` is a dictionary that keeps running averages, which take in a batch
/// where `observe` is true. [`OPERATIONS`] must stand above it.
pub fn function(name: &str, doc: &str, program: &Program) -> String {
    Writer::new(program).function(name, doc)
}

/// A name as Python writes it, not yet taken; it is taken then.
fn fresh(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let mut base: String =
        wanted.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if base.is_empty() || base.starts_with(|c: char| c.is_ascii_digit() || c == '_') {
        base.insert(0, 'x');
    }
    let mut name = base.clone();
    let mut count = 1;
    while KEPT.contains(&name.as_str()) || !taken.insert(name.clone()) {
        count += 1;
        name = format!("{base}_{count}");
    }
    name
}

/// Words of Python, and names that the generated functions use themselves.
const KEPT: &[&str] = &[
    "and", "as", "assert", "async", "at", "await", "break", "class", "continue", "def", "del", "elif", "else",
    "except", "false", "finally", "float", "for", "from", "global", "if", "import", "in", "inf", "is", "lambda", "len",
    "list", "math", "nan", "none", "nonlocal", "not", "observe", "or", "pass", "raise", "range", "return", "row",
    "rows", "states", "true", "try", "while", "with", "yield",
];

struct Writer<'p> {
    program: &'p Program,
    /// The pass over the rows in which a register is known: one more behind every aggregate.
    levels: Vec<usize>,
    /// Registers that are a variable of their pass.
    named: BTreeMap<usize, String>,
    /// Registers that a later pass or an aggregate reads.
    kept: BTreeSet<usize>,
    inputs: Vec<String>,
    slots: BTreeMap<usize, usize>,
}

impl<'p> Writer<'p> {
    fn new(program: &'p Program) -> Self {
        let mut levels: Vec<usize> = Vec::with_capacity(program.code.len());
        for instruction in &program.code {
            let below = instruction.reads().iter().map(|arg| levels.get(*arg as usize).copied().unwrap_or(0)).max();
            let step = usize::from(matches!(instruction.op, Op::Aggregate { .. }));
            levels.push(below.unwrap_or(0) + step);
        }
        let mut taken = BTreeSet::new();
        let inputs: Vec<String> = program.inputs.iter().map(|input| fresh(input, &mut taken)).collect();
        let mut writer =
            Self { program, levels, named: BTreeMap::new(), kept: BTreeSet::new(), inputs, slots: BTreeMap::new() };
        writer.choose(&mut taken);
        writer
    }

    fn op(&self, register: usize) -> Option<&'p Instruction> {
        self.program.code.get(register)
    }

    fn level(&self, register: usize) -> usize {
        self.levels.get(register).copied().unwrap_or(0)
    }

    /// Whether a register is computed in a pass over rows, in contrast to constants, inputs and aggregates.
    fn is_row(&self, register: usize) -> bool {
        self.op(register).is_some_and(|i| matches!(i.op, Op::Row(_) | Op::Ema))
    }

    /// Decides which registers become variables.
    fn choose(&mut self, taken: &mut BTreeSet<String>) {
        let mut uses = vec![0usize; self.program.code.len()];
        for (at, instruction) in self.program.code.iter().enumerate() {
            let aggregate = matches!(instruction.op, Op::Aggregate { .. });
            for arg in instruction.reads() {
                let arg = *arg as usize;
                if let Some(count) = uses.get_mut(arg) {
                    *count += 1;
                }
                let constant = self.op(arg).is_some_and(|i| i.op == Op::Constant);
                let later = self.level(arg) < self.level(at) && self.is_row(arg);
                if (aggregate && !constant) || later {
                    self.kept.insert(arg);
                }
            }
            if instruction.op == Op::Ema {
                let slot = self.slots.len();
                self.slots.insert(at, slot);
            }
        }
        let mut wanted: BTreeMap<usize, &str> = BTreeMap::new();
        for (name, register) in self.program.outputs.iter().zip(&self.program.registers) {
            wanted.entry(*register as usize).or_insert(name);
        }
        let mut depth = vec![0usize; self.program.code.len()];
        for at in 0..self.program.code.len() {
            if !self.is_row(at) {
                continue;
            }
            let args = self.op(at).map_or(&[][..], |i| i.reads());
            let deepest = args.iter().map(|arg| depth.get(*arg as usize).copied().unwrap_or(0)).max().unwrap_or(0);
            let is_average = self.op(at).is_some_and(|i| i.op == Op::Ema);
            let variable = wanted.contains_key(&at)
                || self.kept.contains(&at)
                || is_average
                || uses.get(at).is_some_and(|n| *n > 1)
                || deepest >= DEEPEST;
            if variable {
                let name = wanted.get(&at).map_or_else(|| format!("v{at}"), |name| (*name).to_string());
                self.named.insert(at, fresh(&name, taken));
            } else if let Some(own) = depth.get_mut(at) {
                *own = deepest + 1;
            }
        }
    }

    fn function(&self, name: &str, doc: &str) -> String {
        let mut text = format!("def {name}(rows, states=None, observe=False):\n");
        // A formula in a comment must not end the comment.
        let doc = doc.replace('\\', "\\\\").replace("\"\"\"", "'''");
        let _ = writeln!(text, "    \"\"\"{}\"\"\"", doc.trim());
        text.push_str("    states = {} if states is None else states\n");
        for register in &self.kept {
            let _ = writeln!(text, "    t{register} = [0.0] * len(rows)");
        }
        let last = self.levels.iter().copied().max().unwrap_or(0);
        for pass in 0..=last {
            self.aggregates(pass, &mut text);
            self.pass(pass, pass == last, &mut text);
        }
        text.push_str("    return rows\n");
        text
    }

    fn aggregates(&self, pass: usize, text: &mut String) {
        for (at, instruction) in self.program.code.iter().enumerate().filter(|(at, _)| self.level(*at) == pass) {
            let Op::Aggregate { aggregate, filtered } = instruction.op else { continue };
            let column =
                |idx: usize| instruction.args.get(idx).map_or_else(|| "None".into(), |arg| self.column(*arg as usize));
            let keep = if filtered { column(1) } else { "None".into() };
            let empty = if filtered && aggregate != Aggregate::Count { column(2) } else { "None".into() };
            let share = match aggregate {
                Aggregate::Quantile => column(instruction.args.len().saturating_sub(1)),
                _ => "None".into(),
            };
            let of = aggregate.name();
            let _ =
                writeln!(text, "    a{at} = aggregate(\"{of}\", len(rows), {}, {keep}, {empty}, {share})", column(0));
        }
    }

    /// All values of a register, a list with one for each row.
    fn column(&self, register: usize) -> String {
        match self.op(register).map(|i| i.op) {
            Some(Op::Constant) => format!("[{}] * len(rows)", self.constant(register)),
            Some(Op::Aggregate { .. }) => format!("a{register}"),
            _ => format!("t{register}"),
        }
    }

    fn pass(&self, pass: usize, is_last: bool, text: &mut String) {
        let mut body = String::new();
        let mut read = BTreeSet::new();
        for at in 0..self.program.code.len() {
            if self.level(at) != pass {
                continue;
            }
            if let Some(name) = self.named.get(&at) {
                let _ = writeln!(body, "        {name} = {}", self.row(at, pass, &mut read));
            }
            if self.kept.contains(&at) {
                let _ = writeln!(body, "        t{at}[at] = {}", self.value(at, pass, &mut read));
            }
        }
        if is_last {
            for (name, register) in self.program.outputs.iter().zip(&self.program.registers) {
                let value = self.value(*register as usize, pass, &mut read);
                let _ = writeln!(body, "        row[{}] = {value}", quoted(name));
            }
        } else {
            // Outputs of this pass may be needed by name only; those that are variables here are not known later.
            for (name, register) in self.program.outputs.iter().zip(&self.program.registers) {
                let register = *register as usize;
                if self.level(register) == pass && self.named.contains_key(&register) && !self.kept.contains(&register)
                {
                    let value = self.value(register, pass, &mut read);
                    let _ = writeln!(body, "        row[{}] = {value}", quoted(name));
                }
            }
        }
        if body.is_empty() {
            return;
        }
        text.push_str("    for at, row in enumerate(rows):\n");
        for input in read {
            if let (Some(name), Some(key)) = (self.inputs.get(input), self.program.inputs.get(input)) {
                let _ = writeln!(text, "        {name} = float(row[{}])", quoted(key));
            }
        }
        text.push_str(&body);
    }

    fn constant(&self, register: usize) -> String {
        let value = self
            .op(register)
            .and_then(|i| self.program.constants.get(*i.args.first()? as usize))
            .map_or(f64::NAN, |constant| constant.0);
        number(value)
    }

    /// What a register is worth in a pass; `read` collects the inputs that it takes.
    fn value(&self, register: usize, pass: usize, read: &mut BTreeSet<usize>) -> String {
        let Some(instruction) = self.op(register) else { return "nan".into() };
        match instruction.op {
            Op::Constant => self.constant(register),
            Op::Input => {
                let input = instruction.args.first().map_or(0, |arg| *arg as usize);
                read.insert(input);
                self.inputs.get(input).cloned().unwrap_or_else(|| "nan".into())
            }
            Op::Aggregate { .. } => format!("a{register}[at]"),
            _ if self.level(register) < pass => match self.kept.contains(&register) {
                true => format!("t{register}[at]"),
                // An output that nothing of a later pass reads was written by its own pass.
                false => self.written(register),
            },
            _ => match self.named.get(&register) {
                Some(name) => name.clone(),
                None => self.row(register, pass, read),
            },
        }
    }

    fn written(&self, register: usize) -> String {
        let found = self.program.registers.iter().position(|r| *r as usize == register);
        let name = found.and_then(|at| self.program.outputs.get(at)).map_or("", String::as_str);
        format!("row[{}]", quoted(name))
    }

    /// The condition that a register is true.
    fn holds(&self, register: usize, pass: usize, read: &mut BTreeSet<usize>) -> String {
        let inline = self.level(register) == pass && !self.named.contains_key(&register);
        if let (true, Some(Instruction { op: Op::Row(scalar), args })) = (inline, self.op(register))
            && let Some(condition) = self.condition(*scalar, args, pass, read)
        {
            return condition;
        }
        format!("{} != 0.0", self.value(register, pass, read))
    }

    /// An operation that is true or false, as a condition of Python.
    fn condition(&self, scalar: Scalar, args: &[u32], pass: usize, read: &mut BTreeSet<usize>) -> Option<String> {
        let arg = |idx: usize| args.get(idx).map_or(usize::MAX, |arg| *arg as usize);
        let mut compared = |symbol: &str| {
            let (x, y) = (self.value(arg(0), pass, read), self.value(arg(1), pass, read));
            format!("{x} {symbol} {y}")
        };
        Some(match scalar {
            Scalar::Less => compared("<"),
            Scalar::LessEqual => compared("<="),
            Scalar::Greater => compared(">"),
            Scalar::GreaterEqual => compared(">="),
            Scalar::Equal => compared("=="),
            Scalar::NotEqual => compared("!="),
            Scalar::And => format!("({}) and ({})", self.holds(arg(0), pass, read), self.holds(arg(1), pass, read)),
            Scalar::Or => format!("({}) or ({})", self.holds(arg(0), pass, read), self.holds(arg(1), pass, read)),
            Scalar::Not => format!("not ({})", self.holds(arg(0), pass, read)),
            _ => return None,
        })
    }

    fn row(&self, register: usize, pass: usize, read: &mut BTreeSet<usize>) -> String {
        let Some(instruction) = self.op(register) else { return "nan".into() };
        let arg = |idx: usize| instruction.args.get(idx).map_or(usize::MAX, |arg| *arg as usize);
        let scalar = match instruction.op {
            Op::Row(scalar) => scalar,
            Op::Ema => {
                let parts: Vec<String> = (0..4).map(|idx| self.value(arg(idx), pass, read)).collect();
                let slot = self.slots.get(&register).copied().unwrap_or(0);
                return format!("average(states, {slot}, at, {}, observe)", parts.join(", "));
            }
            _ => return self.value(register, pass, read),
        };
        if let Some(condition) = self.condition(scalar, &instruction.args, pass, read) {
            return format!("(1.0 if {condition} else 0.0)");
        }
        if scalar == Scalar::Select {
            let condition = self.holds(arg(0), pass, read);
            let (then, otherwise) = (self.value(arg(1), pass, read), self.value(arg(2), pass, read));
            return format!("({then} if {condition} else {otherwise})");
        }
        let x = self.value(arg(0), pass, read);
        if scalar.arity() == 1 {
            return match scalar {
                Scalar::Negate => format!("(-{x})"),
                Scalar::Abs => format!("math.fabs({x})"),
                Scalar::Exp => format!("exp({x})"),
                Scalar::Log => format!("log({x})"),
                Scalar::Sqrt => format!("sqrt({x})"),
                _ => format!("floor({x})"),
            };
        }
        let y = self.value(arg(1), pass, read);
        match scalar {
            Scalar::Add => format!("({x} + {y})"),
            Scalar::Subtract => format!("({x} - {y})"),
            Scalar::Multiply => format!("({x} * {y})"),
            Scalar::Divide => format!("divide({x}, {y})"),
            Scalar::Power => format!("power({x}, {y})"),
            Scalar::Min => format!("least({x}, {y})"),
            Scalar::Max => format!("greatest({x}, {y})"),
            Scalar::Clip => format!("least(greatest({x}, {y}), {})", self.value(arg(2), pass, read)),
            _ => format!("ramp({x}, {y}, {})", self.value(arg(2), pass, read)),
        }
    }
}

/// A float as Python reads it back exactly.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        "nan".into()
    } else if value.is_infinite() {
        if value > 0.0 { "inf".into() } else { "(-inf)".into() }
    } else if value.is_sign_negative() {
        format!("({value:?})")
    } else {
        format!("{value:?}")
    }
}

/// A text as Python reads it back: JSON's escapes are Python's too, but for those of characters in pairs, which it does not make.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::testing::{Bench, check_ok};

    #[test]
    fn the_penalty_of_the_paper() {
        let typed = check_ok(
            &Bench::paper(),
            "overlong(length) * scale where scale = if truncated then 1 else if correct then solve_rate ^ gamma else wrong_scale",
        );
        let constants = [("gamma", 0.5), ("wrong_scale", 1.0), ("budget.output", 16384.0), ("budget.buffer", 4096.0)];
        let constants = constants.map(|(name, value)| (name.to_string(), value)).into();
        let program = Program::compile(&[("p".to_string(), &typed)], &constants);
        let expected = "\
def p(rows, states=None, observe=False):
    \"\"\"The penalty.\"\"\"
    states = {} if states is None else states
    for at, row in enumerate(rows):
        correct = float(row[\"correct\"])
        length = float(row[\"length\"])
        solve_rate = float(row[\"solve_rate\"])
        truncated = float(row[\"truncated\"])
        p_scale = (1.0 if truncated != 0.0 else (power(solve_rate, 0.5) if correct != 0.0 else 1.0))
        p = (least(greatest(divide((12288.0 - length), 4096.0), (-1.0)), 0.0) * p_scale)
        row[\"p\"] = p
        row[\"p.scale\"] = p_scale
    return rows
";
        let text = function("p", "The penalty.", &program);
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
            lines.sort();
            lines
        };
        // Inputs are read in the order in which the formula names them.
        assert_eq!(sorted(&text), sorted(expected), "{text}");
    }

    #[test]
    fn names_and_texts_are_safe() {
        let mut taken = BTreeSet::new();
        assert_eq!(fresh("budget.output", &mut taken), "budget_output");
        assert_eq!(fresh("budget_output", &mut taken), "budget_output_2");
        assert_eq!(fresh("lambda", &mut taken), "lambda_2");
        assert_eq!(fresh("Länge", &mut taken), "l_nge");
        assert_eq!(quoted("a\"\\\n\u{1}"), "\"a\\\"\\\\\\n\\x01\"");
        assert_eq!(number(-0.5), "(-0.5)");
        assert_eq!(number(1e-9), "1e-9");
    }
}
