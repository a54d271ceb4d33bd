//! Values as Python has them, and readers for the two ways to write them: JSON, as its library reads it, and source.
//!
//! Verifiers whose reference is a Python program compare such values: `1`, `1.0` and `true` are equal and of three types,
//! whole numbers have no bounds, and JSON may hold `NaN`.

pub mod json;
pub mod source;

use serde_json::Value as Json;

/// Most digits of a whole number that is read; CPython stops there too.
pub const MOST_DIGITS: usize = 4_300;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `None`
    Null,
    /// `True` or `False`
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A whole number beyond 128 bits: sign and digits, without leading zeros.
    Long(String),
    /// A number with a point.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A tuple, which equals no list.
    Tuple(Vec<Value>),
    /// A dictionary in the order in which its keys were first written.
    Dict(Vec<(Value, Value)>),
    /// A value of a type that JSON does not have, such as bytes; it equals nothing.
    Other,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Null,
    Bool,
    Int,
    Float,
    Text,
    List,
    Tuple,
    Dict,
    Other,
}

impl Value {
    /// From JSON of a data set. Whole numbers beyond 64 bits are floats there already.
    pub fn of(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(int), _) => Self::Int(i128::from(int)),
                (None, Some(int)) => Self::Int(i128::from(int)),
                (None, None) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Json::Object(map) => {
                Self::Dict(map.iter().map(|(key, value)| (Self::Text(key.clone()), Self::of(value))).collect())
            }
        }
    }

    /// A whole number from its digits, with a sign before them.
    pub fn whole(digits: &str) -> Option<Self> {
        if let Ok(small) = digits.parse() {
            return Some(Self::Int(small));
        }
        let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| match digits.trim_start_matches('0') {
            "" => Self::Int(0),
            digits => Self::Long(format!("{sign}{digits}")),
        })
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) | Self::Long(_) => Kind::Int,
            Self::Float(_) => Kind::Float,
            Self::Text(_) => Kind::Text,
            Self::List(_) => Kind::List,
            Self::Tuple(_) => Kind::Tuple,
            Self::Dict(_) => Kind::Dict,
            Self::Other => Kind::Other,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a dictionary.
    pub fn as_dict(&self) -> Option<&[(Value, Value)]> {
        match self {
            Self::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key of a dictionary.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_dict()?.iter().find(|(known, _)| known.as_text() == Some(key)).map(|(_, value)| value)
    }

    /// Python's equality.
    pub fn equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals(b))
            }
            (Self::Dict(a), Self::Dict(b)) => {
                let has = |(key, value): &(Value, Value)| {
                    b.iter().any(|(other, with)| key.equals(other) && value.equals(with))
                };
                a.len() == b.len() && a.iter().all(has)
            }
            (Self::Long(a), Self::Long(b)) => a == b,
            _ => match (self.number(), other.number()) {
                (Some(Number::Whole(a)), Some(Number::Whole(b))) => a == b,
                (Some(Number::Real(a)), Some(Number::Real(b))) => a == b,
                (Some(Number::Whole(whole)), Some(Number::Real(real)))
                | (Some(Number::Real(real)), Some(Number::Whole(whole))) => {
                    real == whole as f64 && real.abs() < 1e38 && real as i128 == whole
                }
                _ => false,
            },
        }
    }

    fn number(&self) -> Option<Number> {
        match self {
            Self::Bool(truth) => Some(Number::Whole(i128::from(*truth))),
            Self::Int(int) => Some(Number::Whole(*int)),
            Self::Float(float) => Some(Number::Real(*float)),
            _ => None,
        }
    }

    /// A whole number as a float; none where it is too large for one, or no whole number.
    pub fn to_float(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Long(digits) => digits.parse::<f64>().ok().filter(|float| float.is_finite()),
            _ => None,
        }
    }

    /// Adds an entry to a dictionary's entries; a key that is there already keeps its place and gets the new value.
    pub fn insert(entries: &mut Vec<(Value, Value)>, key: Value, value: Value) {
        match entries.iter_mut().find(|(known, _)| known.equals(&key)) {
            Some((_, old)) => *old = value,
            None => entries.push((key, value)),
        }
    }
}

enum Number {
    Whole(i128),
    Real(f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_equal_as_in_python() {
        let int = Value::Int;
        assert!(int(1).equals(&Value::Bool(true)) && int(1).equals(&Value::Float(1.0)));
        assert!(!int(1).equals(&Value::Text("1".into())) && !Value::Null.equals(&int(0)));
        assert!(!Value::Float(f64::NAN).equals(&Value::Float(f64::NAN)));
        assert!(!int(9_007_199_254_740_993).equals(&Value::Float(9_007_199_254_740_992.0)));
        assert!(!int(i128::MAX).equals(&Value::Float(i128::MAX as f64)));
        assert!(!Value::List(vec![]).equals(&Value::Tuple(vec![])));
        let digits = "9".repeat(50);
        assert_eq!(Value::whole(&digits), Some(Value::Long(digits.clone())));
        assert_eq!(Value::whole(&format!("-00{digits}")), Some(Value::Long(format!("-{digits}"))));
        assert_eq!((Value::whole("-0"), Value::whole("1x")), (Some(int(0)), None));
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for (key, value) in [(1, 2), (3, 4), (1, 5)] {
            Value::insert(&mut a, int(key), int(value));
        }
        for (key, value) in [(3, 4), (1, 5)] {
            Value::insert(&mut b, int(key), int(value));
        }
        assert!(Value::Dict(a).equals(&Value::Dict(b)));
    }
}
