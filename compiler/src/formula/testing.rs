//! Tests only: a small reader of expressions, and the recipe of the paper as a scope. The language's own parser is in the
//! grammar; this one knows just enough to write formulas in tests as people write them.

use super::{Absences, Level, ParamType, Scope, Type, TypedFormula, check};
use crate::problems::Problems;
use crate::units::Dimension;
use recipec_grammar::source::{FileId, Span, Spanned};
use recipec_grammar::tree::{Argument, BinaryOp, Binding, Expr, ExprKind, Formula, FormulaDef, Name, Path, Quantity};
use std::collections::BTreeMap;

/// Everything that a scope borrows.
pub struct Bench {
    pub level: Level,
    pub params: BTreeMap<String, ParamType>,
    pub budget: BTreeMap<String, (Dimension, f64)>,
    pub formulas: BTreeMap<String, FormulaDef>,
    pub terms: BTreeMap<String, TypedFormula>,
    pub domains: Vec<String>,
    pub absent: Absences,
    pub group_size: u64,
}

impl Bench {
    /// Apriel reasoner: 16Ki tokens, a buffer of 4Ki, groups of 8.
    pub fn paper() -> Self {
        let param = |value, range| ParamType { ty: Type::PURE, range: Some(range), value };
        let tokens = |value| (Dimension::TOKENS, value);
        let mut bench = Self {
            level: Level::Rollout,
            params: [("gamma", param(0.5, (0.0, 4.0))), ("wrong_scale", param(1.0, (0.0, 1.0)))]
                .map(|(name, param)| (name.to_string(), param))
                .into(),
            budget: [
                ("budget.prompt", tokens(2048.0)),
                ("budget.output", tokens(16384.0)),
                ("budget.buffer", tokens(4096.0)),
                ("budget.steps", (Dimension::STEPS, 400.0)),
            ]
            .map(|(name, value)| (name.to_string(), value))
            .into(),
            formulas: BTreeMap::new(),
            terms: BTreeMap::new(),
            domains: ["math", "code", "logic"].map(String::from).into(),
            absent: Absences::default(),
            group_size: 8,
        };
        bench.define(
            "overlong",
            &[("n", "tokens")],
            "reward",
            "clip((budget.output - budget.buffer - n) / budget.buffer, -1, 0)",
        );
        bench
    }

    pub fn mix() -> Self {
        Self { level: Level::Mix, ..Self::paper() }
    }

    pub fn define(&mut self, name: &str, parameters: &[(&str, &str)], result: &str, body: &str) {
        let word = |text: &str| Spanned::new(text.to_string(), Span::default());
        let definition = FormulaDef {
            name: word(name),
            parameters: parameters.iter().map(|(name, ty)| (word(name), word(ty))).collect(),
            result: word(result),
            body: read(body),
        };
        self.formulas.insert(name.to_string(), definition);
    }

    pub fn scope(&self) -> Scope<'_> {
        Scope {
            level: self.level,
            params: &self.params,
            budget: &self.budget,
            formulas: &self.formulas,
            terms: &self.terms,
            domains: &self.domains,
            absent: &self.absent,
            group_size: self.group_size,
        }
    }

    pub fn constants(&self) -> BTreeMap<String, f64> {
        let params = self.params.iter().map(|(name, param)| (name.clone(), param.value));
        params.chain(self.budget.iter().map(|(name, (_, value))| (name.clone(), *value))).collect()
    }
}

/// Checks a formula that is right, warnings aside.
pub fn check_ok(bench: &Bench, text: &str) -> TypedFormula {
    check_as(bench, text, Type::PURE)
}

pub fn check_as(bench: &Bench, text: &str, expected: Type) -> TypedFormula {
    let mut problems = Problems::new();
    let typed = check(&read(text), expected, "the formula", &bench.scope(), &mut problems);
    typed.unwrap_or_else(|| panic!("`{text}`: {:#?}", problems.sorted()))
}

/// Reads `body [where a = …, b = …]`.
pub fn read(text: &str) -> Formula {
    let mut reader = Reader { text, at: 0 };
    let body = reader.expr(0);
    let mut bindings = Vec::new();
    if reader.take("where") {
        loop {
            let name = reader.name();
            assert!(reader.take("="), "`=` expected in `{text}`");
            bindings.push(Binding { name, value: reader.expr(0) });
            if !reader.take(",") {
                break;
            }
        }
    }
    reader.blanks();
    assert_eq!(reader.at, text.len(), "rest of `{text}`");
    Formula { body, bindings, source: None, span: Span::new(FileId(0), 0, text.len()) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

const OPERATORS: [(&str, BinaryOp, u8, u8); 13] = [
    ("or", BinaryOp::Or, 1, 2),
    ("and", BinaryOp::And, 3, 4),
    ("<=", BinaryOp::LessEqual, 7, 8),
    (">=", BinaryOp::GreaterEqual, 7, 8),
    ("==", BinaryOp::Equal, 7, 8),
    ("!=", BinaryOp::NotEqual, 7, 8),
    ("<", BinaryOp::Less, 7, 8),
    (">", BinaryOp::Greater, 7, 8),
    ("+", BinaryOp::Add, 9, 10),
    ("-", BinaryOp::Subtract, 9, 10),
    ("*", BinaryOp::Multiply, 11, 12),
    ("/", BinaryOp::Divide, 11, 12),
    ("^", BinaryOp::Power, 16, 15),
];

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn peek(&mut self, word: &str) -> bool {
        self.blanks();
        let is_word = word.chars().all(char::is_alphabetic);
        let next = self.rest().strip_prefix(word);
        next.is_some_and(|next| !is_word || !next.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, word: &str) {
        assert!(self.take(word), "`{word}` expected at {} of `{}`", self.at, self.text);
    }

    fn span(&self, start: usize) -> Span {
        Span::new(FileId(0), start, self.at)
    }

    fn name(&mut self) -> Name {
        self.blanks();
        let start = self.at;
        let len = self.rest().find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest().len());
        self.at += len;
        Spanned::new(self.text[start..self.at].to_string(), self.span(start))
    }

    fn expr(&mut self, least: u8) -> Expr {
        self.blanks();
        let start = self.at;
        let mut left = self.prefix();
        loop {
            let found = OPERATORS.iter().find(|(sign, _, power, _)| *power >= least && self.peek(sign));
            let Some((sign, op, _, right)) = found else { break };
            let op_start = self.at;
            self.at += sign.len();
            let op_span = self.span(op_start);
            let right = self.expr(*right);
            let kind = ExprKind::Binary { op: *op, op_span, left: Box::new(left), right: Box::new(right) };
            left = Expr { kind, span: self.span(start) };
        }
        left
    }

    fn prefix(&mut self) -> Expr {
        let start = self.at;
        let kind = if self.take("(") {
            let inner = self.expr(0);
            self.expect(")");
            return inner;
        } else if self.take("-") {
            ExprKind::Negate(Box::new(self.expr(13)))
        } else if self.take("not") {
            ExprKind::Not(Box::new(self.expr(5)))
        } else if self.take("if") {
            let condition = Box::new(self.expr(0));
            self.expect("then");
            let then = Box::new(self.expr(0));
            self.expect("else");
            ExprKind::If { condition, then, otherwise: Box::new(self.expr(0)) }
        } else if self.take("true") {
            ExprKind::Bool(true)
        } else if self.take("false") {
            ExprKind::Bool(false)
        } else if self.take("hole") {
            ExprKind::Hole
        } else if self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            self.quantity()
        } else if self.rest().starts_with('"') {
            self.at += 1 + self.rest()[1..].find('"').unwrap() + 1;
            ExprKind::Text(self.text[start + 1..self.at - 1].to_string())
        } else {
            let mut segments = vec![self.name()];
            while self.rest().starts_with('.') {
                self.at += 1;
                segments.push(self.name());
            }
            assert!(!segments[0].node.is_empty(), "operand expected at {} of `{}`", self.at, self.text);
            let path = Path { segments, span: self.span(start) };
            if self.rest().starts_with('(') {
                self.at += 1;
                let arguments = self.arguments();
                ExprKind::Call { function: path, arguments }
            } else {
                ExprKind::Path(path)
            }
        };
        Expr { kind, span: self.span(start) }
    }

    fn arguments(&mut self) -> Vec<Argument> {
        let mut arguments = Vec::new();
        while !self.take(")") {
            let before = self.at;
            let name = self.name();
            let named = !name.node.is_empty() && self.peek("=") && !self.peek("==");
            let name = if named {
                self.expect("=");
                Some(name)
            } else {
                self.at = before;
                None
            };
            let value = self.expr(0);
            let filter = if self.take("if") { Some(self.expr(0)) } else { None };
            arguments.push(Argument { name, value, filter });
            if !self.take(",") {
                self.expect(")");
                break;
            }
        }
        arguments
    }

    fn quantity(&mut self) -> ExprKind {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while self.at < bytes.len() {
            let c = bytes[self.at];
            let exponent =
                matches!(c, b'e') && bytes.get(self.at + 1).is_some_and(|n| n.is_ascii_digit() || *n == b'-');
            let sign = c == b'-' && bytes[self.at - 1] == b'e';
            if !(c.is_ascii_digit() || c == b'.' || exponent || sign) {
                break;
            }
            self.at += 1;
        }
        let digits = &self.text[start..self.at];
        let mut value: f64 = digits.parse().unwrap();
        for (prefix, factor) in [("Ki", 1024.0), ("K", 1e3), ("M", 1e6)] {
            if self.rest().starts_with(prefix) {
                self.at += prefix.len();
                value *= factor;
                break;
            }
        }
        let percent = self.rest().starts_with('%');
        if percent {
            self.at += 1;
            value /= 100.0;
        }
        let text = self.text[start..self.at].to_string();
        let after_number = self.at;
        let unit = self.name();
        let unit = if crate::units::unit(&unit.node).is_some() {
            Some(unit)
        } else {
            self.at = after_number;
            None
        };
        ExprKind::Quantity(Quantity { value, whole: !text.contains(['.', 'e']), percent, unit, text })
    }
}
