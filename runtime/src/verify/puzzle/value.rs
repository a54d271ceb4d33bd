//! Values of Python, as far as answers hold them: what a literal or JSON text stands for, with Python's equality.
//!
//! The references read answers with `ast.literal_eval`, `eval` and `json.loads`, and compare with `==`; what counts as equal
//! (`1 == 1.0 == True`, a list is no tuple) is therefore theirs.

use serde_json::Value;
use std::cmp::Ordering;

/// Why an answer or the data of a puzzle cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not of the wanted shape or kind.
    Unusable,
    /// A limit of work was met.
    Limit,
}

/// The result of reading something.
pub(super) type Read<T> = Result<T, Fault>;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Py {
    None,
    Bool(bool),
    Int(i128),
    /// A whole number beyond 128 bits, in decimal digits: it can be written, and equals only itself.
    Big(String),
    Float(f64),
    Str(String),
    Bytes(Vec<u8>),
    List(Vec<Py>),
    Tuple(Vec<Py>),
    Set(Vec<Py>),
    Dict(Vec<(Py, Py)>),
}

impl Py {
    /// The value of JSON data.
    pub fn of(value: &Value) -> Py {
        match value {
            Value::Null => Py::None,
            Value::Bool(flag) => Py::Bool(*flag),
            Value::Number(number) => match number.as_i128() {
                Some(whole) => Py::Int(whole),
                None => Py::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Py::Str(text.clone()),
            Value::Array(items) => Py::List(items.iter().map(Py::of).collect()),
            Value::Object(map) => {
                Py::Dict(map.iter().map(|(key, item)| (Py::Str(key.clone()), Py::of(item))).collect())
            }
        }
    }

    /// A whole number; truth values are whole numbers too.
    pub fn int(&self) -> Option<i128> {
        match self {
            Py::Bool(flag) => Some(i128::from(*flag)),
            Py::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether the value is a whole number, of any size.
    pub fn is_int(&self) -> bool {
        matches!(self, Py::Bool(_) | Py::Int(_) | Py::Big(_))
    }

    /// A text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Py::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn list(&self) -> Option<&[Py]> {
        match self {
            Py::List(items) => Some(items),
            _ => None,
        }
    }

    /// The items of a list or a tuple, or the characters of a text: what can be counted and indexed.
    pub fn items(&self) -> Read<Vec<Py>> {
        match self {
            Py::List(items) | Py::Tuple(items) => Ok(items.clone()),
            Py::Str(text) => Ok(text.chars().map(|letter| Py::Str(letter.to_string())).collect()),
            _ => Err(Fault::Unusable),
        }
    }

    /// What iteration gives: as [`Py::items`], and the items of a set and the keys of a dictionary.
    pub fn iterated(&self) -> Read<Vec<Py>> {
        match self {
            Py::Set(items) => Ok(items.clone()),
            Py::Dict(pairs) => Ok(pairs.iter().map(|(key, _)| key.clone()).collect()),
            other => other.items(),
        }
    }

    /// Rows of a table: something indexed of something indexed.
    pub fn rows(&self) -> Read<Vec<Vec<Py>>> {
        self.items()?.iter().map(Py::items).collect()
    }

    /// Whether the value counts as true.
    pub fn truthy(&self) -> bool {
        match self {
            Py::None => false,
            Py::Bool(flag) => *flag,
            Py::Int(number) => *number != 0,
            Py::Big(_) => true,
            Py::Float(number) => *number != 0.0,
            Py::Str(text) => !text.is_empty(),
            Py::Bytes(bytes) => !bytes.is_empty(),
            Py::List(items) | Py::Tuple(items) | Py::Set(items) => !items.is_empty(),
            Py::Dict(pairs) => !pairs.is_empty(),
        }
    }

    /// Whether the value can stand in a set or be a key.
    pub fn hashable(&self) -> bool {
        match self {
            Py::List(_) | Py::Set(_) | Py::Dict(_) => false,
            Py::Tuple(items) => items.iter().all(Py::hashable),
            _ => true,
        }
    }

    /// Equality with the same kinds on both sides: `1` is neither `1.0` nor `True`.
    pub fn same(&self, other: &Py) -> bool {
        match (self, other) {
            (Py::Bool(a), Py::Bool(b)) => a == b,
            (Py::Bool(_), _) | (_, Py::Bool(_)) => false,
            (Py::Float(_), Py::Int(_) | Py::Big(_)) | (Py::Int(_) | Py::Big(_), Py::Float(_)) => false,
            (Py::List(a), Py::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Py::Dict(a), Py::Dict(b)) => {
                a.len() == b.len() && a.iter().all(|(key, item)| lookup(b, key).is_some_and(|other| item.same(other)))
            }
            (a, b) => a == b,
        }
    }

    /// The order of two numbers or two texts, as Python has it; none where it has none.
    pub fn order(&self, other: &Py) -> Option<Ordering> {
        match (self, other) {
            (Py::Str(a), Py::Str(b)) => Some(a.cmp(b)),
            (Py::Float(a), Py::Float(b)) => a.partial_cmp(b),
            (a, Py::Float(b)) => a.int().and_then(|a| int_to_float_order(a, *b)),
            (Py::Float(a), b) => b.int().and_then(|b| int_to_float_order(b, *a)).map(Ordering::reverse),
            (a, b) => a.int().zip(b.int()).map(|(a, b)| a.cmp(&b)),
        }
    }

    /// The text that Python's `str` makes.
    pub fn written(&self) -> String {
        match self {
            Py::Str(text) => text.clone(),
            other => {
                let mut text = String::new();
                other.write(&mut text);
                text
            }
        }
    }

    fn write(&self, to: &mut String) {
        match self {
            Py::None => to.push_str("None"),
            Py::Bool(flag) => to.push_str(if *flag { "True" } else { "False" }),
            Py::Int(number) => to.push_str(&number.to_string()),
            Py::Big(digits) => to.push_str(digits),
            Py::Float(number) => to.push_str(&float_text(*number)),
            Py::Str(text) => write_text(text, to),
            Py::Bytes(bytes) => {
                to.push('b');
                write_text(&bytes.iter().map(|byte| char::from(*byte)).collect::<String>(), to);
            }
            Py::List(items) => write_items(items, '[', ']', to),
            Py::Set(items) if items.is_empty() => to.push_str("set()"),
            Py::Set(items) => write_items(items, '{', '}', to),
            Py::Tuple(items) => match items.as_slice() {
                [one] => {
                    to.push('(');
                    one.write(to);
                    to.push_str(",)");
                }
                items => write_items(items, '(', ')', to),
            },
            Py::Dict(pairs) => {
                to.push('{');
                for (at, (key, item)) in pairs.iter().enumerate() {
                    if at > 0 {
                        to.push_str(", ");
                    }
                    key.write(to);
                    to.push_str(": ");
                    item.write(to);
                }
                to.push('}');
            }
        }
    }
}

impl PartialEq for Py {
    fn eq(&self, other: &Py) -> bool {
        match (self, other) {
            (Py::None, Py::None) => true,
            (Py::Str(a), Py::Str(b)) | (Py::Big(a), Py::Big(b)) => a == b,
            (Py::Bytes(a), Py::Bytes(b)) => a == b,
            (Py::List(a), Py::List(b)) | (Py::Tuple(a), Py::Tuple(b)) => a == b,
            (Py::Set(a), Py::Set(b)) => a.len() == b.len() && a.iter().all(|item| b.contains(item)),
            (Py::Dict(a), Py::Dict(b)) => {
                a.len() == b.len() && a.iter().all(|(key, item)| lookup(b, key) == Some(item))
            }
            (Py::Float(a), Py::Float(b)) => a == b,
            (Py::Float(a), b) | (b, Py::Float(a)) => {
                b.int().is_some_and(|b| int_to_float_order(b, *a) == Some(Ordering::Equal))
            }
            (a, b) => a.int().zip(b.int()).is_some_and(|(a, b)| a == b),
        }
    }
}

/// The item of a key; the last one where a key comes twice.
pub(super) fn lookup<'a>(pairs: &'a [(Py, Py)], key: &Py) -> Option<&'a Py> {
    pairs.iter().rev().find(|(known, _)| known == key).map(|(_, item)| item)
}

/// Gives a key an item: the last one counts, at the place of the first. More than `most` keys are a limit.
pub(super) fn put<K: PartialEq, V>(pairs: &mut Vec<(K, V)>, key: K, item: V, most: usize) -> Read<()> {
    let count = pairs.len();
    match pairs.iter_mut().find(|(known, _)| *known == key) {
        Some(known) => known.1 = item,
        None if count >= most => return Err(Fault::Limit),
        None => pairs.push((key, item)),
    }
    Ok(())
}

/// Exact: a float is compared as the number that it stands for.
fn int_to_float_order(whole: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // 2^126 is exact in both; beyond it only the sign of the float matters, whole numbers being smaller than 2^127.
    let bound = 2f64.powi(126);
    if float >= bound || float <= -bound {
        return (whole as f64).partial_cmp(&float);
    }
    let floor = float.floor();
    Some(whole.cmp(&(floor as i128)).then(if float > floor { Ordering::Less } else { Ordering::Equal }))
}

/// Python's shortest text of a float: an exponent from 1e16 up and below 1e-4.
pub(super) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.into();
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        return match text.split_once('e') {
            Some((digits, power)) => match power.strip_prefix('-') {
                Some(power) => format!("{digits}e-{power:0>2}"),
                None => format!("{digits}e+{power:0>2}"),
            },
            None => text,
        };
    }
    let text = format!("{number}");
    if text.contains('.') { text } else { format!("{text}.0") }
}

fn write_items(items: &[Py], open: char, close: char, to: &mut String) {
    to.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            to.push_str(", ");
        }
        item.write(to);
    }
    to.push(close);
}

/// A text in quotes: single ones, or double ones where the text holds single ones only.
fn write_text(text: &str, to: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    to.push(quote);
    for letter in text.chars() {
        match letter {
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            letter if letter == quote => {
                to.push('\\');
                to.push(letter);
            }
            letter if (letter as u32) < 0x20 || letter as u32 == 0x7f => {
                to.push_str(&format!("\\x{:02x}", letter as u32));
            }
            letter => to.push(letter),
        }
    }
    to.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_that_of_python() {
        let one = Py::Int(1);
        assert!(one == Py::Float(1.0) && one == Py::Bool(true) && one != Py::Str("1".into()));
        assert!(!one.same(&Py::Float(1.0)) && !one.same(&Py::Bool(true)) && one.same(&Py::Int(1)));
        assert!(Py::List(vec![one.clone()]) != Py::Tuple(vec![one.clone()]));
        assert!(Py::Int((1 << 53) + 1) != Py::Float(9_007_199_254_740_992.0));
        assert_eq!(Py::Int(3).order(&Py::Float(2.5)), Some(Ordering::Greater));
        assert_eq!(Py::Float(f64::INFINITY).order(&Py::Int(i128::MAX)), Some(Ordering::Greater));
        assert!(Py::Float(f64::NAN) != Py::Float(f64::NAN));
    }

    /// The right-hand texts are what Python 3.11 prints.
    #[test]
    fn texts_are_those_of_python() {
        for (number, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e16, "1e+16"),
            (1.5e-7, "1.5e-07"),
            (123456.75, "123456.75"),
            (1e15, "1000000000000000.0"),
        ] {
            assert_eq!(float_text(number), text);
        }
        let value = Py::List(vec![Py::Str("it's".into()), Py::Tuple(vec![Py::None]), Py::Bool(true)]);
        assert_eq!(value.written(), "[\"it's\", (None,), True]");
    }
}
