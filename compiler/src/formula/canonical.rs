//! The canonical form of a program: equal for formulas that compute the same in the same way, whatever their bindings, named formulas
//! and params are called and in whatever order these are written. `a + b` and `b + a` differ: they are not the same in floating point
//! once more terms stand beside them.

use super::canonical_number;
use super::program::{Instruction, Op, Program};
use std::collections::BTreeMap;

impl Program {
    /// One line: the outputs that have a name of their own, then every instruction that they need, numbered in the order in which they
    /// need them. Outputs of bindings (`penalty.scale`) are left out: they are reported and change nothing.
    pub fn canonical(&self) -> String {
        let mut named: Vec<(&str, u32)> = self
            .outputs
            .iter()
            .zip(&self.registers)
            .filter(|(name, _)| !name.contains('.'))
            .map(|(name, register)| (name.as_str(), *register))
            .collect();
        named.sort_unstable();
        let mut walk = Walk { program: self, numbers: BTreeMap::new(), lines: Vec::new() };
        for (_, register) in &named {
            walk.visit(*register);
        }
        let outputs: Vec<String> =
            named.iter().map(|(name, register)| format!("{name} = {}", walk.number(*register))).collect();
        format!("{}; {}", outputs.join(", "), walk.lines.join("; "))
    }
}

struct Walk<'p> {
    program: &'p Program,
    numbers: BTreeMap<u32, usize>,
    lines: Vec<String>,
}

impl Walk<'_> {
    /// Numbers a register and what it needs, operands first. With a stack of its own, because a program may be long.
    fn visit(&mut self, register: u32) {
        let mut open = vec![(register, false)];
        while let Some((at, operands_done)) = open.pop() {
            let Some(instruction) = self.program.code.get(at as usize).filter(|_| !self.numbers.contains_key(&at))
            else {
                continue;
            };
            if operands_done || instruction.reads().is_empty() {
                let line = self.line(instruction);
                self.numbers.insert(at, self.lines.len());
                self.lines.push(line);
            } else {
                open.push((at, true));
                open.extend(instruction.reads().iter().rev().map(|arg| (*arg, false)));
            }
        }
    }

    fn number(&self, register: u32) -> String {
        self.numbers.get(&register).map_or_else(|| "?".to_string(), |number| format!("%{number}"))
    }

    fn line(&self, instruction: &Instruction) -> String {
        let first = instruction.args.first().map_or(usize::MAX, |arg| *arg as usize);
        match instruction.op {
            Op::Constant => self.program.constants.get(first).map_or_else(String::new, |c| canonical_number(c.0)),
            Op::Input => self.program.inputs.get(first).cloned().unwrap_or_default(),
            op => {
                let operands: Vec<String> = instruction.args.iter().map(|arg| self.number(*arg)).collect();
                format!("{}({})", word(op), operands.join(", "))
            }
        }
    }
}

/// An operation by the word that plans use for it.
fn word(op: Op) -> String {
    let text = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|value| value.as_str().map(str::to_string)).unwrap_or_default()
    };
    match op {
        Op::Constant => "constant".into(),
        Op::Input => "input".into(),
        Op::Ema => "ema".into(),
        Op::Row(scalar) => text(serde_json::to_value(scalar)),
        Op::Aggregate { aggregate, filtered } => {
            format!("group.{}{}", text(serde_json::to_value(aggregate)), if filtered { ".filtered" } else { "" })
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::formula::Program;
    use crate::formula::testing::{Bench, check_ok};

    fn canonical(text: &str) -> String {
        let typed = check_ok(&Bench::paper(), text);
        let constants = [("gamma".to_string(), 0.5), ("wrong_scale".to_string(), 1.0)].into();
        Program::compile(&[("p".to_string(), &typed)], &constants).canonical()
    }

    #[test]
    fn names_and_order_of_bindings_have_no_meaning() {
        let one = canonical("-a * b where a = solve_rate ^ gamma, b = score");
        for same in [
            "-b * a where b = solve_rate ^ gamma, a = score",
            "-a * b where b = score, a = solve_rate ^ gamma",
            "-(solve_rate ^ 0.5) * score",
            "a * b where a = -solve_rate ^ gamma, b = score",
        ] {
            assert_eq!(canonical(same), one, "{same}");
        }
        for other in ["-score * solve_rate ^ gamma", "-a * score where a = solve_rate ^ 0.25"] {
            assert_ne!(canonical(other), one, "{other}");
        }
        assert_eq!(one, "p = %5; solve_rate; 0.5; power(%0, %1); negate(%2); score; multiply(%3, %4)");
    }

    #[test]
    fn aggregates_keep_their_filter() {
        let filtered = canonical("length / group.min(length if correct, else = budget.output)");
        assert!(filtered.contains("group.min.filtered("), "{filtered}");
        assert_ne!(filtered, canonical("length / group.min(length)"));
    }
}
