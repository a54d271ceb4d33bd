//! Calls written as Python source: `[f(a=1, b="x"), g()]`, with nested literals, read and never run.
//!
//! What an argument stands for follows the parser of the Berkeley Function-Calling Leaderboard: a literal for its value,
//! arithmetic on literals for its result, a name for its text, a call with named arguments for `{name: arguments}`, any
//! other call and an index for their text. Positional arguments are left out. Comparisons, conditions, lambdas, sets,
//! attributes and formatted strings stand for nothing, and a list with one of them is refused.

mod arithmetic;
mod parse;
mod tokens;

use super::Value;

/// A call: its name with dots, and its named arguments.
pub type Call = (String, Vec<(Value, Value)>);

/// Why a text is no list of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is no list of calls.
    Syntax,
    /// It is nested too deep, or a number or text in it is too large.
    Limit,
}

/// Reads a list of calls. Its brackets, and fences of backticks around it, may be left out.
pub fn calls(text: &str) -> Result<Vec<Call>, Refused> {
    let text = text.trim_matches(['`', '\n', ' ']);
    let open = if text.starts_with('[') { "" } else { "[" };
    let close = if text.ends_with(']') { "" } else { "]" };
    let items = match parse::expression(&format!("{open}{text}{close}"))? {
        Expr::List(items) => items,
        _ => return Err(Refused::Syntax),
    };
    items
        .iter()
        .map(|item| match item {
            Expr::Call(call) => call.resolved().ok_or(Refused::Syntax),
            _ => Err(Refused::Syntax),
        })
        .collect()
}

/// An expression.
#[derive(Debug, Clone)]
enum Expr {
    Literal(Value),
    /// A sign or `not` before an operand: what it stands for, its value in arithmetic, and its text.
    Unary {
        stands_for: Option<Value>,
        value: Option<Value>,
        text: String,
    },
    /// Arithmetic: its value, where it has one, and its text.
    Binary {
        value: Option<Value>,
        text: String,
    },
    Name(String),
    Attribute(Box<Expr>, String),
    Call(Box<CallExpr>),
    Index(Box<Expr>, String),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    /// `*expression` among arguments.
    Starred(Box<Expr>),
    /// Something that is Python and stands for nothing here.
    Other,
}

#[derive(Debug, Clone)]
struct CallExpr {
    function: Expr,
    positional: Vec<Expr>,
    /// Without a name: `**expression`.
    named: Vec<(Option<String>, Expr)>,
}

impl CallExpr {
    fn resolved(&self) -> Option<Call> {
        let mut parts = Vec::new();
        let mut function = &self.function;
        while let Expr::Attribute(inner, name) = function {
            parts.push(name.as_str());
            function = inner;
        }
        if let Expr::Name(name) = function {
            parts.push(name);
        }
        parts.reverse();
        let mut arguments = Vec::new();
        for (name, value) in &self.named {
            let name = name.as_ref().map_or(Value::Null, |name| Value::Text(name.clone()));
            Value::insert(&mut arguments, name, value.resolved()?);
        }
        Some((parts.join("."), arguments))
    }
}

impl Expr {
    /// What it stands for as an argument.
    fn resolved(&self) -> Option<Value> {
        let all = |items: &[Expr]| items.iter().map(Expr::resolved).collect::<Option<Vec<Value>>>();
        Some(match self {
            Expr::Literal(value) => value.clone(),
            Expr::Unary { stands_for, .. } => stands_for.clone()?,
            Expr::Binary { value, .. } => value.clone()?,
            Expr::Name(name) => Value::Text(name.clone()),
            Expr::Call(call) if call.named.is_empty() => Value::Text(self.text()),
            Expr::Call(call) => {
                let (name, arguments) = call.resolved()?;
                Value::Dict(vec![(Value::Text(name), Value::Dict(arguments))])
            }
            Expr::Index(..) => Value::Text(self.text()),
            Expr::List(items) => Value::List(all(items)?),
            Expr::Tuple(items) => Value::Tuple(all(items)?),
            Expr::Dict(entries) => {
                let mut dict = Vec::new();
                for (key, value) in entries {
                    let key = key.resolved()?;
                    // A list or a dictionary cannot be a key.
                    if matches!(key, Value::List(_) | Value::Dict(_)) {
                        return None;
                    }
                    Value::insert(&mut dict, key, value.resolved()?);
                }
                Value::Dict(dict)
            }
            Expr::Attribute(..) | Expr::Starred(_) | Expr::Other => return None,
        })
    }

    /// Its value in arithmetic.
    fn value(&self) -> Option<Value> {
        let all = |items: &[Expr]| items.iter().map(Expr::value).collect::<Option<Vec<Value>>>();
        match self {
            Expr::Literal(value) => Some(value.clone()),
            Expr::Unary { value, .. } | Expr::Binary { value, .. } => value.clone(),
            Expr::List(items) => all(items).map(Value::List),
            Expr::Tuple(items) => all(items).map(Value::Tuple),
            _ => None,
        }
    }

    /// Its text in one layout.
    fn text(&self) -> String {
        let list = |items: &[Expr]| items.iter().map(Expr::text).collect::<Vec<_>>().join(", ");
        match self {
            Expr::Literal(value) => repr(value),
            Expr::Unary { text, .. } | Expr::Binary { text, .. } => text.clone(),
            Expr::Starred(inner) => format!("*{}", inner.text()),
            Expr::Other => "...".into(),
            Expr::Name(name) => name.clone(),
            Expr::Attribute(inner, name) => format!("{}.{name}", inner.text()),
            Expr::Call(call) => {
                let named = call.named.iter().map(|(name, value)| match name {
                    Some(name) => format!("{name}={}", value.text()),
                    None => format!("**{}", value.text()),
                });
                let all: Vec<String> = call.positional.iter().map(Expr::text).chain(named).collect();
                format!("{}({})", call.function.text(), all.join(", "))
            }
            Expr::Index(inner, index) => format!("{}[{index}]", inner.text()),
            Expr::List(items) => format!("[{}]", list(items)),
            Expr::Tuple(items) => match items.as_slice() {
                [one] => format!("({},)", one.text()),
                items => format!("({})", list(items)),
            },
            Expr::Dict(entries) => {
                let entry = |(key, value): &(Expr, Expr)| format!("{}: {}", key.text(), value.text());
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A literal as Python prints it.
fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Int(int) => int.to_string(),
        Value::Long(digits) => digits.clone(),
        Value::Float(float) => float_text(*float),
        Value::Text(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let mut result = String::from(quote);
            for c in text.chars() {
                match c {
                    '\\' => result.push_str("\\\\"),
                    '\n' => result.push_str("\\n"),
                    '\r' => result.push_str("\\r"),
                    '\t' => result.push_str("\\t"),
                    c if c == quote => result.extend(['\\', c]),
                    c => result.push(c),
                }
            }
            result.push(quote);
            result
        }
        _ => "...".into(),
    }
}

/// A float as Python prints it: digits that read back, with an exponent where it is far from 1.
fn float_text(float: f64) -> String {
    let magnitude = float.abs();
    if magnitude.is_infinite() {
        return if float > 0.0 { "1e309".into() } else { "-1e309".into() };
    }
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{float:e}");
        let Some((digits, exponent)) = text.split_once('e') else { return text };
        let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |exponent| ("-", exponent));
        format!("{digits}e{sign}{exponent:0>2}")
    } else {
        format!("{float:?}")
    }
}

#[cfg(test)]
mod tests;
