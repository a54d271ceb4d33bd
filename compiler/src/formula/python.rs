//! Formulas as Python: a function over numpy columns, one value for each rollout of a group, with the meaning of
//! [`super::Program`].

use super::text::{binding_power, number, tightness, tightness_of};
use super::{Kind, Source, Typed, TypedBinding, TypedFormula};
use crate::vocabulary::functions::{Aggregate, Function};
use recipec_grammar::tree::BinaryOp;
use std::collections::BTreeSet;

/// A Python function `name` over keyword arguments: signals as columns, params and budgets as numbers. It expects
/// `import numpy as np` above it. A running average is an argument `ema_…`: its state is the caller's.
pub fn formula(name: &str, formula: &TypedFormula) -> String {
    let mut printer = Printer::default();
    printer.names.insert("_group".to_string());
    let locals = printer.bind(&formula.bindings, Vec::new(), "");
    let body = printer.expr(&formula.body, &locals, tightness::IF);
    let arguments: Vec<&str> = printer.arguments.iter().map(String::as_str).collect();
    let head = if arguments.is_empty() { String::new() } else { format!("*, {}", arguments.join(", ")) };
    let mut text = format!("def {}({head}):\n", identifier(name));
    if printer.aggregates {
        text.push_str(GROUP);
    }
    for line in &printer.lines {
        text.push_str(&format!("    {line}\n"));
    }
    text.push_str(&format!("    return {body}\n"));
    text
}

/// Stands in functions that aggregate: what is taken over the rollouts that pass, or the value for none.
const GROUP: &str = "    def _group(f, x, keep=True, empty=np.nan):
        x, keep = np.broadcast_arrays(np.asarray(x, float), np.asarray(keep, bool))
        return f(x[keep]) if keep.any() else empty
";

#[derive(Default)]
struct Printer {
    arguments: BTreeSet<String>,
    lines: Vec<String>,
    names: BTreeSet<String>,
    aggregates: bool,
}

/// Names in sight and what they are called in Python.
type Locals<'t> = Vec<(&'t str, String)>;

impl Printer {
    /// A variable name that is not used yet.
    fn fresh(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_string();
        let mut count = 1;
        while !self.names.insert(name.clone()) {
            count += 1;
            name = format!("{wanted}_{count}");
        }
        name
    }

    fn bind<'t>(&mut self, bindings: &'t [TypedBinding], mut locals: Locals<'t>, prefix: &str) -> Locals<'t> {
        for binding in bindings {
            let value = self.expr(&binding.value, &locals, tightness::IF);
            // The underscore keeps bindings apart from arguments.
            let name = self.fresh(&format!("_{prefix}{}", identifier(&binding.name)));
            self.lines.push(format!("{name} = {value}"));
            locals.push((&binding.name, name));
        }
        locals
    }

    fn argument(&mut self, name: &str) -> String {
        let name = identifier(name);
        self.arguments.insert(name.clone());
        name
    }

    fn expr(&mut self, typed: &Typed, locals: &Locals, at_least: u8) -> String {
        let text = self.bare(typed, locals);
        // `and`, `or`, `not` and `if` are calls in numpy.
        let is_call =
            matches!(typed.kind, Kind::If(..) | Kind::Not(_) | Kind::Binary(BinaryOp::And | BinaryOp::Or, ..));
        if !is_call && tightness_of(typed) < at_least { format!("({text})") } else { text }
    }

    fn list<'t>(&mut self, parts: impl IntoIterator<Item = &'t Typed>, locals: &Locals) -> String {
        let parts: Vec<String> = parts.into_iter().map(|part| self.expr(part, locals, tightness::IF)).collect();
        parts.join(", ")
    }

    fn bare(&mut self, typed: &Typed, locals: &Locals) -> String {
        match &typed.kind {
            Kind::Number(value) => number(*value),
            Kind::Bool(value) => if *value { "True" } else { "False" }.to_string(),
            Kind::Domain(_, at) => at.to_string(),
            Kind::Name(Source::Local, name) => {
                let known = locals.iter().rev().find(|(local, _)| local == name).map(|(_, python)| python.clone());
                known.unwrap_or_else(|| self.argument(name))
            }
            Kind::Name(_, name) => self.argument(name),
            Kind::Negate(x) => format!("-{}", self.expr(x, locals, tightness::NEGATE)),
            Kind::Not(x) => format!("np.logical_not({})", self.list([&**x], locals)),
            Kind::Binary(BinaryOp::And, x, y) => format!("np.logical_and({})", self.list([&**x, y], locals)),
            Kind::Binary(BinaryOp::Or, x, y) => format!("np.logical_or({})", self.list([&**x, y], locals)),
            Kind::Binary(op, x, y) => {
                let (_, left, right) = binding_power(*op);
                let symbol = if *op == BinaryOp::Power { "**" } else { op.symbol() };
                format!("{} {symbol} {}", self.expr(x, locals, left), self.expr(y, locals, right))
            }
            Kind::If(condition, then, otherwise) => {
                format!("np.where({})", self.list([&**condition, then, otherwise], locals))
            }
            Kind::Call(Function::Ramp, arguments) => {
                let [x, from, to] = arguments.as_slice() else { return "np.nan".to_string() };
                let above = format!(
                    "{} - {}",
                    self.expr(x, locals, tightness::ADD),
                    self.expr(from, locals, tightness::MULTIPLY)
                );
                let below = format!(
                    "{} - {}",
                    self.expr(to, locals, tightness::ADD),
                    self.expr(from, locals, tightness::MULTIPLY)
                );
                format!("np.clip(({above}) / ({below}), 0, 1)")
            }
            Kind::Call(function, arguments) => {
                let name = match function {
                    Function::Min => "minimum",
                    Function::Max => "maximum",
                    other => other.name(),
                };
                format!("np.{name}({})", self.list(arguments, locals))
            }
            Kind::Aggregate(call) => {
                self.aggregates = true;
                let at = call.at.as_ref().map(|at| self.expr(at, locals, tightness::IF)).unwrap_or_default();
                let of = match call.of {
                    Aggregate::Count => "np.count_nonzero".to_string(),
                    Aggregate::Quantile => format!("lambda x: np.quantile(x, {at})"),
                    Aggregate::Mad => "lambda x: np.median(np.abs(x - np.median(x)))".to_string(),
                    other => format!("np.{}", other.name()),
                };
                let mut text = format!("_group({of}, {}", self.expr(&call.value, locals, tightness::IF));
                if let Some(filter) = &call.filter {
                    text.push_str(&format!(", {}", self.expr(filter, locals, tightness::IF)));
                    let empty = match &call.empty {
                        Some(empty) if call.of != Aggregate::Count => self.expr(empty, locals, tightness::IF),
                        _ => "0".to_string(),
                    };
                    text.push_str(&format!(", {empty}"));
                }
                text.push(')');
                text
            }
            Kind::Ema { .. } => {
                let name = self.fresh("ema");
                self.argument(&name)
            }
            Kind::Inline(inline) => {
                let prefix = format!("{}_", identifier(&inline.formula));
                let mut own = Locals::new();
                for argument in &inline.arguments {
                    let value = self.expr(&argument.value, locals, tightness::IF);
                    let name = self.fresh(&format!("_{prefix}{}", identifier(&argument.name)));
                    self.lines.push(format!("{name} = {value}"));
                    own.push((&argument.name, name));
                }
                let own = self.bind(&inline.bindings, own, &prefix);
                let value = self.expr(&inline.body, &own, tightness::IF);
                let name = self.fresh(&format!("_{}", identifier(&inline.formula)));
                self.lines.push(format!("{name} = {value}"));
                name
            }
        }
    }
}

/// Words that Python keeps for itself and that are legal names in recipes.
const RESERVED: [&str; 8] = ["lambda", "def", "class", "yield", "return", "import", "None", "pass"];

fn identifier(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    if RESERVED.contains(&name.as_str()) { format!("{name}_") } else { name }
}

#[cfg(test)]
mod tests {
    use crate::formula::testing::{Bench, check_ok};

    #[test]
    fn difficulty_aware() {
        let typed = check_ok(
            &Bench::paper(),
            "overlong(length) * scale where scale = if truncated then 1 else if correct then solve_rate ^ gamma else wrong_scale",
        );
        let expected = "\
def difficulty_aware(*, budget_buffer, budget_output, correct, gamma, length, solve_rate, truncated, wrong_scale):
    _scale = np.where(truncated, 1, np.where(correct, solve_rate ** gamma, wrong_scale))
    _overlong_n = length
    _overlong = np.clip((budget_output - budget_buffer - _overlong_n) / budget_buffer, -1, 0)
    return _overlong * _scale
";
        assert_eq!(super::formula("difficulty_aware", &typed), expected);
    }

    #[test]
    fn aggregates_bring_their_helper() {
        let typed = check_ok(&Bench::paper(), "length / group.min(length if correct, else = budget.output)");
        let python = super::formula("brief", &typed);
        assert!(python.contains("def _group(f, x, keep=True, empty=np.nan):"), "{python}");
        assert!(python.ends_with("    return length / _group(np.min, length, correct, budget_output)\n"), "{python}");
    }
}
