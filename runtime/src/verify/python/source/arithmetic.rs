//! Arithmetic on literals, within bounds.

use crate::verify::python::Value;

/// Longest text or list that arithmetic makes.
const LONGEST: usize = 1 << 16;

/// What arithmetic gives; none where it is an error or beyond the bounds.
pub fn binary(operator: &str, left: &Value, right: &Value) -> Option<Value> {
    match (operator, left, right) {
        ("+", Value::Text(a), Value::Text(b)) if a.len() + b.len() <= LONGEST => Some(Value::Text(format!("{a}{b}"))),
        ("+", Value::List(a), Value::List(b)) if a.len() + b.len() <= LONGEST => {
            Some(Value::List([&a[..], b].concat()))
        }
        ("+", Value::Tuple(a), Value::Tuple(b)) if a.len() + b.len() <= LONGEST => {
            Some(Value::Tuple([&a[..], b].concat()))
        }
        ("*", Value::Text(_) | Value::List(_) | Value::Tuple(_), _) => repeated(left, whole(right)?),
        ("*", _, Value::Text(_) | Value::List(_) | Value::Tuple(_)) => repeated(right, whole(left)?),
        _ => match (whole(left), whole(right)) {
            (Some(a), Some(b)) => of_whole(operator, a, b),
            _ => of_floats(operator, float(left)?, float(right)?),
        },
    }
}

/// A sign before a value.
pub fn unary(operator: &str, value: &Value) -> Option<Value> {
    match (operator, value) {
        ("not", value) => Some(Value::Bool(!is_true(value))),
        ("-", Value::Float(float)) => Some(Value::Float(-float)),
        ("+", Value::Float(float)) => Some(Value::Float(*float)),
        ("-", Value::Long(digits)) => {
            Some(Value::Long(digits.strip_prefix('-').map_or_else(|| format!("-{digits}"), str::to_owned)))
        }
        ("+", Value::Long(digits)) => Some(Value::Long(digits.clone())),
        ("-", value) => whole(value)?.checked_neg().map(Value::Int),
        ("+", value) => whole(value).map(Value::Int),
        ("~", value) => whole(value).map(|int| Value::Int(!int)),
        _ => None,
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Int(int) => *int != 0,
        Value::Float(float) => *float != 0.0,
        Value::Text(text) => !text.is_empty(),
        Value::List(items) | Value::Tuple(items) => !items.is_empty(),
        Value::Dict(entries) => !entries.is_empty(),
        Value::Long(_) | Value::Other => true,
    }
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Bool(truth) => Some(i128::from(*truth)),
        Value::Int(int) => Some(*int),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(float) => Some(*float),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        other => other.to_float(),
    }
}

fn repeated(value: &Value, times: i128) -> Option<Value> {
    let times = usize::try_from(times.max(0)).ok()?;
    let fits = |length: usize| length.checked_mul(times).filter(|total| *total <= LONGEST);
    let copies = |items: &[Value]| std::iter::repeat_n(items, times).flatten().cloned().collect();
    match value {
        Value::Text(text) => fits(text.len()).map(|_| Value::Text(text.repeat(times))),
        Value::List(items) => fits(items.len()).map(|_| Value::List(copies(items))),
        Value::Tuple(items) => fits(items.len()).map(|_| Value::Tuple(copies(items))),
        _ => None,
    }
}

fn of_whole(operator: &str, a: i128, b: i128) -> Option<Value> {
    let floor = |a: i128, b: i128| {
        let (quotient, rest) = (a.checked_div(b)?, a.checked_rem(b)?);
        Some(if rest != 0 && (rest < 0) != (b < 0) { (quotient - 1, rest + b) } else { (quotient, rest) })
    };
    let int = |int: Option<i128>| int.map(Value::Int);
    match operator {
        "+" => int(a.checked_add(b)),
        "-" => int(a.checked_sub(b)),
        "*" => int(a.checked_mul(b)),
        "/" => (b != 0).then(|| Value::Float(a as f64 / b as f64)),
        "//" => int(floor(a, b).map(|(quotient, _)| quotient)),
        "%" => int(floor(a, b).map(|(_, rest)| rest)),
        "**" if b >= 0 => int(a.checked_pow(u32::try_from(b).ok()?)),
        "**" => of_floats("**", a as f64, b as f64),
        "<<" => int(a.checked_mul(1i128.checked_shl(u32::try_from(b).ok().filter(|by| *by < 127)?)?)),
        ">>" => int(Some(a >> u32::try_from(b).ok()?.min(127))),
        "&" => int(Some(a & b)),
        "|" => int(Some(a | b)),
        "^" => int(Some(a ^ b)),
        _ => None,
    }
}

fn of_floats(operator: &str, a: f64, b: f64) -> Option<Value> {
    let real = |float: f64| Some(Value::Float(float));
    match operator {
        "+" => real(a + b),
        "-" => real(a - b),
        "*" => real(a * b),
        "/" if b != 0.0 => real(a / b),
        "//" if b != 0.0 => real((a / b).floor()),
        "%" if b != 0.0 => {
            let rest = a % b;
            real(if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest })
        }
        // Roots of negative numbers are complex, and powers of zero may be an error.
        "**" if a > 0.0 || b.fract() == 0.0 && (a != 0.0 || b >= 0.0) => {
            let power = libm::pow(a, b);
            (power.is_finite() || !a.is_finite() || !b.is_finite()).then_some(Value::Float(power))
        }
        _ => None,
    }
}
