//! Formulas as LaTeX, for the book and for papers.

use super::text::{binding_power, number, tightness, tightness_of, unit_word};
use super::{Inline, Kind, Type, Typed, TypedBinding, TypedFormula};
use crate::vocabulary::functions::{Aggregate, Function};
use recipec_grammar::tree::BinaryOp;

/// `name = body`, with bindings and the named formulas behind it. For display mathematics with amsmath.
pub fn formula(name: &str, formula: &TypedFormula) -> String {
    let mut lines = vec![format!("{} = {}", symbol(name), expression(&formula.body))];
    let mut where_lines = Vec::new();
    bindings(&formula.bindings, &mut where_lines);
    let mut called: Vec<&Inline> = Vec::new();
    formula.visit(&mut |part| {
        if let Kind::Inline(inline) = &part.kind
            && called.iter().all(|known| known.formula != inline.formula)
        {
            called.push(inline);
        }
    });
    for inline in called {
        let parameters: Vec<String> = inline.arguments.iter().map(|argument| symbol(&argument.name)).collect();
        let head = format!("{}({})", symbol(&inline.formula), parameters.join(", "));
        where_lines.push(format!("{head} = {}", expression(&inline.body)));
        bindings(&inline.bindings, &mut where_lines);
    }
    for (idx, line) in where_lines.into_iter().enumerate() {
        lines.push(if idx == 0 { format!("\\text{{where }} {line}") } else { line });
    }
    lines.join(" \\\\\n")
}

fn bindings(bindings: &[TypedBinding], lines: &mut Vec<String>) {
    for binding in bindings {
        lines.push(format!("{} = {}", symbol(&binding.name), expression(&binding.value)));
    }
}

/// An expression. Named formulas stand as calls.
pub fn expression(typed: &Typed) -> String {
    match &typed.kind {
        Kind::Number(value) => {
            let digits = match number(*value).split_once('e') {
                Some((digits, power)) => format!("{digits} \\cdot 10^{{{power}}}"),
                None => number(*value),
            };
            match typed.ty {
                Type::Number(dimension) => match unit_word(dimension) {
                    Some(unit) => format!("{digits}\\,\\text{{{unit}}}"),
                    None => digits,
                },
                Type::Bool | Type::Domain => digits,
            }
        }
        Kind::Bool(value) => format!("\\text{{{value}}}"),
        Kind::Domain(name, _) => format!("\\text{{{}}}", escape(name)),
        Kind::Name(_, name) => match name.strip_prefix("last_batch.") {
            Some(mean) => format!("\\overline{{{}}}", symbol(mean)),
            None => symbol(name),
        },
        Kind::Negate(x) => format!("-{}", within(x, tightness::NEGATE)),
        Kind::Not(x) => format!("\\lnot {}", within(x, tightness::ATOM)),
        Kind::Binary(BinaryOp::Divide, x, y) => format!("\\frac{{{}}}{{{}}}", expression(x), expression(y)),
        Kind::Binary(BinaryOp::Power, x, y) => format!("{}^{{{}}}", within(x, tightness::ATOM), expression(y)),
        Kind::Binary(op, x, y) => {
            let (_, left, right) = binding_power(*op);
            format!("{} {} {}", within(x, left), operator(*op), within(y, right))
        }
        Kind::If(..) => cases(typed),
        Kind::Call(function, arguments) => {
            let parts: Vec<String> = arguments.iter().map(expression).collect();
            match (function, parts.as_slice()) {
                (Function::Abs, [x]) => format!("\\left|{x}\\right|"),
                (Function::Sqrt, [x]) => format!("\\sqrt{{{x}}}"),
                (Function::Floor, [x]) => format!("\\left\\lfloor {x} \\right\\rfloor"),
                (Function::Exp, [x]) => format!("e^{{{x}}}"),
                (Function::Min, _) => call("\\min", &parts),
                (Function::Max, _) => call("\\max", &parts),
                (Function::Log, _) => call("\\ln", &parts),
                _ => call(&format!("\\operatorname{{{}}}", function.name()), &parts),
            }
        }
        Kind::Aggregate(aggregate) => {
            let value = expression(&aggregate.value);
            let name = match aggregate.of {
                Aggregate::Min => "\\min".to_string(),
                Aggregate::Max => "\\max".to_string(),
                of => format!("\\operatorname{{{}}}", of.name()),
            };
            let name = match &aggregate.at {
                Some(at) => format!("{name}^{{({})}}", expression(at)),
                None => name,
            };
            let over = match &aggregate.filter {
                Some(filter) => format!("\\text{{group}}:\\ {}", expression(filter)),
                None => "\\text{group}".to_string(),
            };
            let drawn = format!("{name}_{{{over}}}\\left({value}\\right)");
            match &aggregate.empty {
                Some(empty) => format!("{drawn}\\ (\\text{{else }}{})", expression(empty)),
                None => drawn,
            }
        }
        Kind::Ema { value, keep, start } => {
            call("\\operatorname{ema}", &[expression(value), expression(keep), expression(start)])
        }
        Kind::Inline(inline) => {
            let parts: Vec<String> = inline.arguments.iter().map(|argument| expression(&argument.value)).collect();
            call(&symbol(&inline.formula), &parts)
        }
    }
}

fn call(name: &str, parts: &[String]) -> String {
    format!("{name}\\left({}\\right)", parts.join(", "))
}

/// A chain of `if … else if … else` as one set of cases.
fn cases(typed: &Typed) -> String {
    let mut lines = Vec::new();
    let mut rest = typed;
    while let Kind::If(condition, then, otherwise) = &rest.kind {
        lines.push(format!("{} & \\text{{if }} {}", expression(then), expression(condition)));
        rest = otherwise;
    }
    lines.push(format!("{} & \\text{{otherwise}}", expression(rest)));
    format!("\\begin{{cases}} {} \\end{{cases}}", lines.join(" \\\\ "))
}

fn within(typed: &Typed, at_least: u8) -> String {
    let text = expression(typed);
    // A fraction is as tall as its brackets would be wide: it needs none, except under a power.
    let is_fraction = matches!(typed.kind, Kind::Binary(BinaryOp::Divide, ..)) && at_least <= tightness::NEGATE;
    if tightness_of(typed) < at_least && !is_fraction { format!("\\left({text}\\right)") } else { text }
}

fn operator(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Or => "\\lor",
        BinaryOp::And => "\\land",
        BinaryOp::LessEqual => "\\le",
        BinaryOp::GreaterEqual => "\\ge",
        BinaryOp::Equal => "=",
        BinaryOp::NotEqual => "\\ne",
        BinaryOp::Multiply => "\\cdot",
        other => other.symbol(),
    }
}

const GREEK: [&str; 15] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "mu", "rho", "sigma", "tau",
    "phi", "omega",
];

/// A name: Greek where it is a Greek letter's.
fn symbol(name: &str) -> String {
    if GREEK.contains(&name) { format!("\\{name}") } else { format!("\\mathit{{{}}}", escape(name)) }
}

fn escape(name: &str) -> String {
    name.replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use crate::formula::testing::{Bench, check_ok};

    #[test]
    fn difficulty_aware_as_the_paper_prints_it() {
        let bench = Bench::paper();
        let typed = check_ok(
            &bench,
            "overlong(length) * scale where scale = if truncated then 1 else if correct then solve_rate ^ gamma else wrong_scale",
        );
        let expected = r"\mathit{penalty} = \mathit{overlong}\left(\mathit{length}\right) \cdot \mathit{scale} \\
\text{where } \mathit{scale} = \begin{cases} 1 & \text{if } \mathit{truncated} \\ \mathit{solve\_rate}^{\gamma} & \text{if } \mathit{correct} \\ \mathit{wrong\_scale} & \text{otherwise} \end{cases} \\
\mathit{overlong}(\mathit{n}) = \operatorname{clip}\left(\frac{\mathit{budget.output} - \mathit{budget.buffer} - \mathit{n}}{\mathit{budget.buffer}}, -1, 0\right)";
        assert_eq!(super::formula("penalty", &typed), expected);
    }

    #[test]
    fn brackets_only_where_they_matter() {
        let bench = Bench::paper();
        let latex = |text: &str| super::expression(&check_ok(&bench, text).body);
        assert_eq!(latex("(score + 1) * 2"), r"\left(\mathit{score} + 1\right) \cdot 2");
        assert_eq!(latex("2 * (score / 3)"), r"2 \cdot \frac{\mathit{score}}{3}");
        assert_eq!(latex("(score / 3) ^ 2"), r"\left(\frac{\mathit{score}}{3}\right)^{2}");
        assert_eq!(latex("max(score, 1e-9)"), r"\max\left(\mathit{score}, 1 \cdot 10^{-9}\right)");
        assert_eq!(
            latex("group.min(length if correct, else = 7 tokens) / 1 token"),
            r"\frac{\min_{\text{group}:\ \mathit{correct}}\left(\mathit{length}\right)\ (\text{else }7\,\text{tokens})}{1\,\text{tokens}}"
        );
    }
}
