//! Operators of Python on numbers: whole numbers are exact up to 128 bits, and a limit beyond; floats are doubles.

use super::is_equal;
use crate::verify::puzzle::value::{Fault, Py, Read};
use std::cmp::Ordering;

/// A sign before a value. A literal has one sign, and before a number only.
pub(super) fn negated(sign: char, value: &Py, literal: bool) -> Read<Py> {
    if literal && (sign == '~' || matches!(value, Py::Bool(_)) || is_negative(value)) {
        return Err(Fault::Unusable);
    }
    match (sign, value) {
        ('+', Py::Int(_) | Py::Big(_) | Py::Float(_)) => Ok(value.clone()),
        ('-', Py::Float(number)) => Ok(Py::Float(-number)),
        ('-', Py::Big(digits)) => Ok(match digits.strip_prefix('-') {
            Some(digits) => Py::Big(digits.to_owned()),
            None => Py::Big(format!("-{digits}")),
        }),
        (sign, value) => {
            let number = value.int().ok_or(Fault::Unusable)?;
            let number = match sign {
                '-' => number.checked_neg(),
                '~' => Some(!number),
                _ => Some(number),
            };
            number.map(Py::Int).ok_or(Fault::Limit)
        }
    }
}

/// A number with a sign in front of it, which no literal without one is.
fn is_negative(value: &Py) -> bool {
    match value {
        Py::Int(number) => *number < 0,
        Py::Float(number) => number.is_sign_negative(),
        Py::Big(digits) => digits.starts_with('-'),
        _ => false,
    }
}

/// A comparison.
pub(super) fn compare(sign: &str, left: &Py, right: &Py) -> Read<Py> {
    let held = match sign {
        "==" => left == right,
        "!=" => left != right,
        _ => {
            let float = |value: &Py| matches!(value, Py::Float(_));
            let order = left.order(right);
            if order.is_none() && !(float(left) || float(right)) {
                return Err(Fault::Unusable);
            }
            match sign {
                "<" => order == Some(Ordering::Less),
                ">" => order == Some(Ordering::Greater),
                "<=" => order == Some(Ordering::Less) || is_equal(order),
                _ => order == Some(Ordering::Greater) || is_equal(order),
            }
        }
    };
    Ok(Py::Bool(held))
}

/// An operator on two values.
pub(super) fn binary(sign: &str, left: &Py, right: &Py) -> Read<Py> {
    if let ("+", Py::Str(a), Py::Str(b)) = (sign, left, right) {
        return Ok(Py::Str(format!("{a}{b}")));
    }
    if matches!(left, Py::Big(_)) || matches!(right, Py::Big(_)) {
        return Err(Fault::Limit);
    }
    match (left.int(), right.int()) {
        (Some(a), Some(b)) => whole(sign, a, b),
        _ => {
            let value = |value: &Py| match value {
                Py::Float(number) => Some(*number),
                other => other.int().map(|number| number as f64),
            };
            let (a, b) = value(left).zip(value(right)).ok_or(Fault::Unusable)?;
            real(sign, a, b)
        }
    }
}

fn whole(sign: &str, a: i128, b: i128) -> Read<Py> {
    let divided = matches!(sign, "/" | "//" | "%");
    if divided && b == 0 {
        return Err(Fault::Unusable);
    }
    let value = match sign {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "/" => return Ok(Py::Float(a as f64 / b as f64)),
        // Rounded down, and the remainder has the sign of the divisor.
        "//" => a.checked_div(b).map(|quotient| if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient }),
        "%" => a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
        "**" if b < 0 => return real("**", a as f64, b as f64),
        "**" => match (a, u32::try_from(b)) {
            (0 | 1, _) => Some(if b == 0 { 1 } else { a }),
            (-1, _) => Some(if b % 2 == 0 { 1 } else { -1 }),
            (_, Ok(exponent)) => a.checked_pow(exponent),
            (_, Err(_)) => None,
        },
        "|" => Some(a | b),
        "^" => Some(a ^ b),
        "&" => Some(a & b),
        "<<" | ">>" if b < 0 => return Err(Fault::Unusable),
        "<<" if b < 64 && a.unsigned_abs() < 1 << 62 => Some(a << b),
        "<<" if a == 0 => Some(0),
        "<<" => None,
        ">>" => Some(a >> b.min(127)),
        _ => return Err(Fault::Unusable),
    };
    value.map(Py::Int).ok_or(Fault::Limit)
}

fn real(sign: &str, a: f64, b: f64) -> Read<Py> {
    let divided = matches!(sign, "/" | "//" | "%") || (sign == "**" && a == 0.0 && b < 0.0);
    if divided && (b == 0.0 || sign == "**") {
        return Err(Fault::Unusable);
    }
    let rest = |a: f64, b: f64| {
        let rest = a % b;
        if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
    };
    let value = match sign {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => rest(a, b),
        "//" => ((a - rest(a, b)) / b).round(),
        "**" => {
            let value = libm::pow(a, b);
            // A complex number, or one that is too large.
            if (value.is_nan() && !a.is_nan() && !b.is_nan()) || (value.is_infinite() && a.is_finite() && b.is_finite())
            {
                return Err(Fault::Unusable);
            }
            value
        }
        _ => return Err(Fault::Unusable),
    };
    Ok(Py::Float(value))
}
