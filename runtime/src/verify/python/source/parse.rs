//! Tokens -> expression.

use super::arithmetic::{binary, unary};
use super::tokens::{Token, tokens};
use super::{CallExpr, Expr, Refused};
use crate::verify::python::Value;

/// Deepest nesting of brackets, operands and operators.
const DEEPEST: usize = 150;

/// Words that cannot be names.
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Operators of arithmetic, the loosest first.
const LEVELS: &[&[&str]] = &[&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "/", "//", "%", "@"]];

/// Reads one expression, which is all of the text.
pub fn expression(text: &str) -> Result<Expr, Refused> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let expr = parser.expression()?;
    if parser.at == parser.tokens.len() { Ok(expr) } else { Err(Refused::Syntax) }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

type Read = Result<Expr, Refused>;

impl Parser {
    fn mark(&self) -> Option<&'static str> {
        match self.tokens.get(self.at)? {
            Token::Mark(mark) => Some(mark),
            _ => None,
        }
    }

    fn word(&self) -> Option<&str> {
        match self.tokens.get(self.at)? {
            Token::Name(name) => Some(name),
            _ => None,
        }
    }

    fn takes(&mut self, wanted: &str) -> bool {
        let found = self.mark() == Some(wanted) || self.word() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn needs(&mut self, wanted: &str) -> Result<(), Refused> {
        if self.takes(wanted) { Ok(()) } else { Err(Refused::Syntax) }
    }

    /// Runs a rule one level deeper.
    fn deeper(&mut self, rule: impl FnOnce(&mut Self) -> Read) -> Read {
        self.depth += 1;
        let read = if self.depth > DEEPEST { Err(Refused::Limit) } else { rule(self) };
        self.depth -= 1;
        read
    }

    /// A condition, a choice by `or` and `and`, a comparison, or arithmetic.
    fn expression(&mut self) -> Read {
        self.deeper(|parser| {
            if parser.word() == Some("lambda") {
                // What it binds and returns is not looked at, and no list with it is accepted.
                return Err(Refused::Syntax);
            }
            let first = parser.comparison()?;
            let mut other = false;
            loop {
                if parser.takes("or") || parser.takes("and") {
                    parser.comparison()?;
                } else if parser.takes("if") {
                    parser.expression()?;
                    parser.needs("else")?;
                    parser.expression()?;
                } else {
                    break;
                }
                other = true;
            }
            Ok(if other { Expr::Other } else { first })
        })
    }

    fn comparison(&mut self) -> Read {
        self.deeper(|parser| {
            if parser.takes("not") {
                let operand = parser.comparison()?;
                return Ok(sign("not", &operand));
            }
            let first = parser.level(0)?;
            let mut other = false;
            loop {
                let negated = matches!(parser.tokens.get(parser.at + 1), Some(Token::Name(next)) if next == "in");
                match (parser.mark(), parser.word()) {
                    (Some("<" | ">" | "<=" | ">=" | "==" | "!="), _) | (_, Some("in" | "is")) => {}
                    (_, Some("not")) if negated => parser.at += 1,
                    _ => break,
                }
                let is = parser.word() == Some("is");
                parser.at += 1;
                let _ = is && parser.takes("not");
                parser.level(0)?;
                other = true;
            }
            Ok(if other { Expr::Other } else { first })
        })
    }

    /// Operators of a level and all that bind tighter.
    fn level(&mut self, level: usize) -> Read {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(operator) = self.mark().filter(|mark| operators.contains(mark)) {
            self.at += 1;
            let right = self.level(level + 1)?;
            left = arithmetic(operator, &left, &right)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Read {
        match self.mark() {
            Some(operator @ ("-" | "+" | "~")) => self.deeper(|parser| {
                parser.at += 1;
                let operand = parser.unary()?;
                Ok(sign(operator, &operand))
            }),
            _ => {
                let base = self.postfix()?;
                if self.takes("**") {
                    let exponent = self.deeper(Self::unary)?;
                    return arithmetic("**", &base, &exponent);
                }
                Ok(base)
            }
        }
    }

    /// Calls, attributes and indexes behind an expression.
    fn postfix(&mut self) -> Read {
        let mut expr = self.atom()?;
        let mut length = 0;
        loop {
            if self.takes(".") {
                let name = self.name()?;
                expr = Expr::Attribute(Box::new(expr), name);
            } else if self.mark() == Some("(") {
                let function = expr;
                expr = self.deeper(|parser| parser.call(function))?;
            } else if self.mark() == Some("[") {
                let inner = expr;
                expr = self.deeper(|parser| parser.index(inner))?;
            } else {
                return Ok(expr);
            }
            length += 1;
            if length > DEEPEST {
                return Err(Refused::Limit);
            }
        }
    }

    fn name(&mut self) -> Result<String, Refused> {
        let name = self.word().filter(|name| !KEYWORDS.contains(name)).ok_or(Refused::Syntax)?.to_owned();
        self.at += 1;
        Ok(name)
    }

    fn call(&mut self, function: Expr) -> Read {
        self.needs("(")?;
        let mut call = CallExpr { function, positional: Vec::new(), named: Vec::new() };
        while !self.takes(")") {
            let is_named = matches!(self.tokens.get(self.at..), Some([Token::Name(_), Token::Mark("="), ..]));
            if is_named {
                let name = self.name()?;
                self.needs("=")?;
                call.named.push((Some(name), self.expression()?));
            } else if self.takes("**") {
                call.named.push((None, self.expression()?));
            } else if self.mark() == Some("*") && !call.named.iter().any(|(name, _)| name.is_none()) {
                self.at += 1;
                let starred = self.expression()?;
                call.positional.push(Expr::Starred(Box::new(starred)));
            } else if call.named.is_empty() {
                call.positional.push(self.expression()?);
            } else {
                return Err(Refused::Syntax);
            }
            if !self.takes(",") {
                self.needs(")")?;
                break;
            }
        }
        Ok(Expr::Call(Box::new(call)))
    }

    /// An index or a slice; only its text counts.
    fn index(&mut self, inner: Expr) -> Read {
        self.needs("[")?;
        let mut text = String::new();
        let mut parts = 0;
        while !self.takes("]") {
            if self.takes(":") {
                text.push(':');
            } else if self.takes(",") {
                text.push_str(", ");
            } else {
                text.push_str(&self.expression()?.text());
            }
            parts += 1;
        }
        if parts == 0 { Err(Refused::Syntax) } else { Ok(Expr::Index(Box::new(inner), text)) }
    }

    fn atom(&mut self) -> Read {
        match self.tokens.get(self.at).cloned().ok_or(Refused::Syntax)? {
            Token::Literal(value) => {
                self.at += 1;
                self.strings(value)
            }
            Token::Formatted => {
                self.at += 1;
                while matches!(self.tokens.get(self.at), Some(Token::Formatted | Token::Literal(Value::Text(_)))) {
                    self.at += 1;
                }
                Ok(Expr::Other)
            }
            Token::Name(name) => {
                let value = match name.as_str() {
                    "True" => Value::Bool(true),
                    "False" => Value::Bool(false),
                    "None" => Value::Null,
                    _ => return self.name().map(Expr::Name),
                };
                self.at += 1;
                Ok(Expr::Literal(value))
            }
            Token::Mark("...") => {
                self.at += 1;
                Ok(Expr::Literal(Value::Text("...".into())))
            }
            Token::Mark("(") => self.deeper(Self::parentheses),
            Token::Mark("[") => self.deeper(|parser| {
                parser.at += 1;
                parser.items("]").map(|(items, _)| Expr::List(items))
            }),
            Token::Mark("{") => self.deeper(Self::braces),
            Token::Mark(_) => Err(Refused::Syntax),
        }
    }

    /// Texts that follow each other are one.
    fn strings(&mut self, value: Value) -> Read {
        let Value::Text(mut text) = value else { return Ok(Expr::Literal(value)) };
        loop {
            match self.tokens.get(self.at) {
                Some(Token::Literal(Value::Text(more))) => text.push_str(more),
                Some(Token::Formatted) => return self.atom(),
                _ => return Ok(Expr::Literal(Value::Text(text))),
            }
            self.at += 1;
        }
    }

    /// An expression in parentheses is itself; a comma makes a tuple.
    fn parentheses(&mut self) -> Read {
        self.at += 1;
        let (mut items, comma) = self.items(")")?;
        match (items.len(), comma) {
            (1, false) => items.pop().ok_or(Refused::Syntax),
            _ => Ok(Expr::Tuple(items)),
        }
    }

    /// Items up to a closing mark, and whether there was a comma.
    fn items(&mut self, close: &str) -> Result<(Vec<Expr>, bool), Refused> {
        let (mut items, mut comma) = (Vec::new(), false);
        while !self.takes(close) {
            items.push(self.expression()?);
            if self.takes(",") {
                comma = true;
            } else {
                self.needs(close)?;
                break;
            }
        }
        Ok((items, comma))
    }

    /// A dictionary. A set stands for nothing.
    fn braces(&mut self) -> Read {
        self.at += 1;
        let mut entries = Vec::new();
        while !self.takes("}") {
            let key = self.expression()?;
            if !self.takes(":") {
                let _ = self.takes(",");
                self.items("}")?;
                return Ok(Expr::Other);
            }
            entries.push((key, self.expression()?));
            if !self.takes(",") {
                self.needs("}")?;
                break;
            }
        }
        Ok(Expr::Dict(entries))
    }
}

/// Longest text of arithmetic and of what a sign stands before; a longer one is cut, as nobody compares it.
const LONGEST: usize = 4_096;

fn short(text: String) -> String {
    if text.len() > LONGEST { "...".into() } else { text }
}

/// What arithmetic on two expressions is.
fn arithmetic(operator: &str, left: &Expr, right: &Expr) -> Read {
    let value = match (left.value(), right.value()) {
        (Some(left), Some(right)) => binary(operator, &left, &right),
        _ => None,
    };
    Ok(Expr::Binary { value, text: short(format!("{} {operator} {}", short(left.text()), short(right.text()))) })
}

/// A sign before an operand. The leaderboard takes any of them for a minus, and only before a literal number.
fn sign(operator: &str, operand: &Expr) -> Expr {
    let negated = |value: &Value| match value {
        Value::Int(_) | Value::Long(_) | Value::Float(_) | Value::Bool(_) => unary("-", value),
        _ => None,
    };
    let stands_for = match operand {
        Expr::Literal(value) => negated(value),
        _ => None,
    };
    let value = operand.value().and_then(|value| unary(operator, &value));
    let blank = if operator == "not" { " " } else { "" };
    Expr::Unary { stands_for, value, text: short(format!("{operator}{blank}{}", short(operand.text()))) }
}
