//! Functions and methods of the language. Each counts its work before it does it.

use super::code::Operator;
use super::operators;
use super::value::{Heap, Number, Run, Stop, Value, fault, kind, number};
use std::cmp::Ordering;

const FUNCTIONS: &[&str] = &[
    "abs",
    "all",
    "any",
    "bool",
    "chr",
    "divmod",
    "enumerate",
    "float",
    "int",
    "len",
    "list",
    "max",
    "min",
    "ord",
    "pow",
    "print",
    "range",
    "reversed",
    "sorted",
    "str",
    "sum",
    "tuple",
    "zip",
];

const METHODS: &[&str] = &[
    ".append",
    ".clear",
    ".count",
    ".endswith",
    ".extend",
    ".find",
    ".index",
    ".insert",
    ".isalpha",
    ".isdigit",
    ".join",
    ".lower",
    ".pop",
    ".remove",
    ".replace",
    ".reverse",
    ".sort",
    ".split",
    ".startswith",
    ".strip",
    ".upper",
];

/// The function with a name.
pub fn function(name: &str) -> Option<&'static str> {
    FUNCTIONS.iter().find(|known| **known == name).copied()
}

/// The method with a name; methods are written with a dot.
pub fn method(name: &str) -> Option<&'static str> {
    METHODS.iter().find(|known| known.strip_prefix('.') == Some(name)).copied()
}

/// Calls a function or method. `names` are the names of the last arguments.
#[inline(never)]
pub fn call(heap: &mut Heap, name: &str, arguments: &[Value], names: &[String]) -> Run<Value> {
    let (plain, named) = arguments.split_at(arguments.len().saturating_sub(names.len()));
    let descending = match (name, names, named) {
        (_, [], _) => false,
        ("sorted" | ".sort", [name], [value]) if name == "reverse" => heap.truth(*value),
        _ => return fault("a named argument that is not in the language"),
    };
    match (name, plain) {
        ("abs", [value]) => match number(*value) {
            Some(Number::Int(int)) => {
                int.checked_abs().map(Value::Int).ok_or(Stop::Limit("a whole number beyond 64 bits"))
            }
            Some(Number::Float(float)) => Ok(Value::Float(float.abs())),
            None => fault(format!("{} has no absolute value", kind(*value))),
        },
        ("all" | "any", [value]) => {
            let items = heap.items(*value)?;
            let mut truths = items.iter().map(|item| heap.truth(*item));
            Ok(Value::Bool(if name == "all" { truths.all(|truth| truth) } else { truths.any(|truth| truth) }))
        }
        ("bool", [value]) => Ok(Value::Bool(heap.truth(*value))),
        ("chr", [Value::Int(int)]) => match u32::try_from(*int).ok().and_then(char::from_u32) {
            Some(letter) => heap.text(letter),
            None => fault("there is no such letter"),
        },
        ("ord", [Value::Text(at)]) => {
            let mut letters = heap.text_at(*at).chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => Ok(Value::Int(i64::from(u32::from(letter)))),
                _ => fault("`ord` takes one letter"),
            }
        }
        ("divmod", [left, right]) => {
            let quotient = operators::binary(heap, Operator::FloorDivide, *left, *right)?;
            let rest = operators::binary(heap, Operator::Modulo, *left, *right)?;
            heap.tuple(vec![quotient, rest])
        }
        ("enumerate", [value]) => pairs(heap, *value, 0),
        ("enumerate", [value, Value::Int(from)]) => pairs(heap, *value, *from),
        ("float", [value]) => match number(*value) {
            Some(number) => Ok(Value::Float(number.float())),
            None => fault("only numbers become numbers with a point"),
        },
        ("int", [value]) => to_int(heap, *value),
        ("len", [value]) => heap.len(*value).map(Value::Int),
        ("list", []) => heap.list(Vec::new()),
        ("list", [value]) => {
            let items = heap.items(*value)?;
            heap.list(items)
        }
        ("tuple", []) => heap.tuple(Vec::new()),
        ("tuple", [value]) => {
            let items = heap.items(*value)?;
            heap.tuple(items)
        }
        ("max" | "min", [value]) => {
            let items = heap.items(*value)?;
            extreme(heap, name, &items)
        }
        ("max" | "min", values) => extreme(heap, name, values),
        ("pow", [base, exponent]) => power(heap, *base, *exponent),
        ("print", _) => Ok(Value::None),
        ("range", [Value::Int(stop)]) => heap.range(0, *stop, 1),
        ("range", [Value::Int(start), Value::Int(stop)]) => heap.range(*start, *stop, 1),
        ("range", [Value::Int(start), Value::Int(stop), Value::Int(step)]) => heap.range(*start, *stop, *step),
        ("reversed", [value]) => {
            let mut items = heap.items(*value)?;
            items.reverse();
            heap.list(items)
        }
        ("sorted", [value]) => {
            let items = heap.items(*value)?;
            let items = sort(heap, items, descending)?;
            heap.list(items)
        }
        ("str", [value]) => {
            let mut text = String::new();
            heap.write(*value, false, &mut text, 64)?;
            heap.text(text)
        }
        ("sum", [value]) => sum(heap, *value, Value::Int(0)),
        ("sum", [value, start]) => sum(heap, *value, *start),
        ("zip", values) => zip(heap, values),
        (".append", [Value::List(at), item]) => {
            heap.reserve_list(1)?;
            change(heap, *at, |items| items.push(*item))
        }
        (".clear", [Value::List(at)]) => change(heap, *at, Vec::clear),
        (".extend", [Value::List(at), more]) => {
            let more = heap.items(*more)?;
            heap.reserve_list(more.len() as u64)?;
            change(heap, *at, |items| items.extend(more))
        }
        (".insert", [Value::List(at), Value::Int(place), item]) => {
            let len = heap.items_at(*at).len();
            heap.reserve_list(1)?;
            heap.work(len as u64)?;
            let place = if *place < 0 { place.saturating_add(len as i64).max(0) } else { (*place).min(len as i64) };
            change(heap, *at, |items| items.insert(usize::try_from(place).unwrap_or(0).min(items.len()), *item))
        }
        (".pop", [Value::List(at)]) => match heap.items_mut(*at).and_then(Vec::pop) {
            Some(item) => Ok(item),
            None => fault("an empty list has no last item"),
        },
        (".pop", [Value::List(at), index]) => {
            let len = heap.items_at(*at).len();
            let place = operators::place(*index, len)?;
            heap.work(len as u64)?;
            match heap.items_mut(*at) {
                Some(items) if place < items.len() => Ok(items.remove(place)),
                _ => fault("an index outside of the list"),
            }
        }
        (".remove", [Value::List(at), item]) => {
            let Some(place) = position(heap, *at, *item)? else {
                return fault("the list has no such item");
            };
            heap.work(heap.items_at(*at).len() as u64)?;
            change(heap, *at, |items| {
                if place < items.len() {
                    items.remove(place);
                }
            })
        }
        (".reverse", [Value::List(at)]) => {
            heap.work(heap.items_at(*at).len() as u64)?;
            change(heap, *at, |items| items.reverse())
        }
        (".sort", [Value::List(at)]) => {
            let items = heap.items(Value::List(*at))?;
            let sorted = sort(heap, items, descending)?;
            change(heap, *at, |items| *items = sorted)
        }
        (".index", [Value::List(at) | Value::Tuple(at), item]) => match position(heap, *at, *item)? {
            Some(place) => Ok(Value::Int(place as i64)),
            None => fault("the list has no such item"),
        },
        (".count", [Value::List(at) | Value::Tuple(at), item]) => {
            let mut count = 0;
            let mut nth = 0;
            while let Some(other) = heap.items_at(*at).get(nth).copied() {
                count += i64::from(heap.equal(other, *item)?);
                nth += 1;
            }
            Ok(Value::Int(count))
        }
        (".join", [Value::Text(between), parts]) => join(heap, *between, *parts),
        (name, [Value::Text(at), rest @ ..]) if name.starts_with('.') => text_method(heap, name, *at, rest),
        (name, _) => fault(format!("`{}` does not take these arguments", name.trim_start_matches('.'))),
    }
}

fn change(heap: &mut Heap, at: usize, how: impl FnOnce(&mut Vec<Value>)) -> Run<Value> {
    if let Some(items) = heap.items_mut(at) {
        how(items);
    }
    Ok(Value::None)
}

fn position(heap: &mut Heap, at: usize, item: Value) -> Run<Option<usize>> {
    let mut nth = 0;
    while let Some(other) = heap.items_at(at).get(nth).copied() {
        if heap.equal(other, item)? {
            return Ok(Some(nth));
        }
        nth += 1;
    }
    Ok(None)
}

fn pairs(heap: &mut Heap, value: Value, from: i64) -> Run<Value> {
    let items = heap.items(value)?;
    let mut found = Vec::with_capacity(items.len());
    for (nth, item) in items.into_iter().enumerate() {
        let number = from.checked_add(nth as i64).ok_or(Stop::Limit("a whole number beyond 64 bits"))?;
        found.push(heap.tuple(vec![Value::Int(number), item])?);
    }
    heap.list(found)
}

fn zip(heap: &mut Heap, values: &[Value]) -> Run<Value> {
    let mut columns = Vec::with_capacity(values.len());
    for value in values {
        columns.push(heap.items(*value)?);
    }
    let rows = columns.iter().map(Vec::len).min().unwrap_or(0);
    let mut found = Vec::new();
    for row in 0..rows {
        let row = columns.iter().filter_map(|column| column.get(row).copied()).collect();
        found.push(heap.tuple(row)?);
    }
    heap.list(found)
}

fn to_int(heap: &mut Heap, value: Value) -> Run<Value> {
    match (value, number(value)) {
        (_, Some(Number::Int(int))) => Ok(Value::Int(int)),
        (_, Some(Number::Float(float))) => {
            let whole = libm::trunc(float);
            if whole.is_finite() && whole.abs() < 9.0e18 {
                Ok(Value::Int(whole as i64))
            } else {
                Err(Stop::Limit("a whole number beyond 64 bits"))
            }
        }
        (Value::Text(at), _) => {
            heap.work(heap.text_at(at).len() as u64)?;
            match heap.text_at(at).trim().parse() {
                Ok(int) => Ok(Value::Int(int)),
                Err(_) => fault("the text is not a whole number"),
            }
        }
        (other, _) => fault(format!("{} is not a number", kind(other))),
    }
}

fn extreme(heap: &mut Heap, name: &str, values: &[Value]) -> Run<Value> {
    let Some((first, rest)) = values.split_first() else {
        return fault(format!("`{name}` of nothing"));
    };
    let wanted = if name == "max" { Ordering::Greater } else { Ordering::Less };
    let mut best = *first;
    for value in rest {
        if heap.order(*value, best)? == Some(wanted) {
            best = *value;
        }
    }
    Ok(best)
}

fn power(heap: &mut Heap, base: Value, exponent: Value) -> Run<Value> {
    let (Some(Number::Int(base)), Some(Number::Int(exponent))) = (number(base), number(exponent)) else {
        return fault("`pow` takes whole numbers");
    };
    if matches!(base, -1..=1) {
        let odd = exponent % 2 != 0;
        return match (base, exponent) {
            (0, ..0) => fault("a division by zero"),
            (0, 0) => Ok(Value::Int(1)),
            (-1, _) if !odd => Ok(Value::Int(1)),
            (base, _) => Ok(Value::Int(base)),
        };
    }
    let Ok(exponent) = u32::try_from(exponent) else {
        return if exponent < 0 {
            fault("`pow` takes no negative exponent")
        } else {
            Err(Stop::Limit("a whole number beyond 64 bits"))
        };
    };
    heap.work(64)?;
    base.checked_pow(exponent).map(Value::Int).ok_or(Stop::Limit("a whole number beyond 64 bits"))
}

fn sum(heap: &mut Heap, value: Value, start: Value) -> Run<Value> {
    let items = heap.items(value)?;
    items.into_iter().try_fold(start, |sum, item| operators::binary(heap, Operator::Add, sum, item))
}

/// A stable merge sort whose comparisons may fail: the sort of the standard library may panic on an order that is none.
fn sort(heap: &mut Heap, mut items: Vec<Value>, descending: bool) -> Run<Vec<Value>> {
    let late = if descending { Ordering::Less } else { Ordering::Greater };
    let mut width = 1;
    while width < items.len() {
        let mut merged = Vec::with_capacity(items.len());
        for pair in items.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let ([first, left_rest @ ..], [second, right_rest @ ..]) = (left, right) {
                if heap.order(*first, *second)? == Some(late) {
                    merged.push(*second);
                    right = right_rest;
                } else {
                    merged.push(*first);
                    left = left_rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        items = merged;
        width *= 2;
    }
    Ok(items)
}

fn join(heap: &mut Heap, between: usize, parts: Value) -> Run<Value> {
    let parts = heap.items(parts)?;
    let mut text = String::new();
    for (nth, part) in parts.into_iter().enumerate() {
        let Value::Text(part) = part else {
            return fault("`join` takes texts");
        };
        let more = if nth > 0 { heap.text_at(between).len() } else { 0 } + heap.text_at(part).len();
        heap.reserve_text(more as u64)?;
        if nth > 0 {
            text.push_str(heap.text_at(between));
        }
        text.push_str(heap.text_at(part));
    }
    heap.text(text)
}

fn text_method(heap: &mut Heap, name: &str, at: usize, rest: &[Value]) -> Run<Value> {
    let len = heap.text_at(at).len() as u64;
    let part = match rest {
        [Value::Text(part), ..] => heap.text_at(*part).to_owned(),
        _ => String::new(),
    };
    heap.work(len.saturating_add(part.len() as u64))?;
    let text = heap.text_at(at);
    match (name, rest) {
        (".upper", []) => {
            let text = text.to_uppercase();
            heap.text(text)
        }
        (".lower", []) => {
            let text = text.to_lowercase();
            heap.text(text)
        }
        (".strip", []) => {
            let text = text.trim().to_owned();
            heap.text(text)
        }
        (".isdigit", []) => Ok(Value::Bool(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))),
        (".isalpha", []) => Ok(Value::Bool(!text.is_empty() && text.chars().all(char::is_alphabetic))),
        (".startswith", [Value::Text(_)]) => Ok(Value::Bool(text.starts_with(&part))),
        (".endswith", [Value::Text(_)]) => Ok(Value::Bool(text.ends_with(&part))),
        (".count", [Value::Text(_)]) => Ok(Value::Int(text.matches(&part).count() as i64)),
        (".find" | ".index", [Value::Text(_)]) => {
            let place =
                text.find(&part).and_then(|place| text.get(..place)).map(|before| before.chars().count() as i64);
            match place {
                Some(place) => Ok(Value::Int(place)),
                None if name == ".find" => Ok(Value::Int(-1)),
                None => fault("the text has no such part"),
            }
        }
        (".split", [] | [Value::Text(_)]) => {
            if !rest.is_empty() && part.is_empty() {
                return fault("an empty separator");
            }
            let parts: Vec<String> = match rest {
                [] => text.split_whitespace().map(str::to_owned).collect(),
                _ => text.split(&part).map(str::to_owned).collect(),
            };
            let mut found = Vec::with_capacity(parts.len());
            for part in parts {
                found.push(heap.text(part)?);
            }
            heap.list(found)
        }
        (".replace", [Value::Text(_), Value::Text(new)]) => {
            let new = heap.text_at(*new).to_owned();
            let hits = heap.text_at(at).matches(&part).count() as u64;
            heap.reserve_text(len.saturating_add(hits.saturating_mul(new.len() as u64)))?;
            let text = heap.text_at(at).replace(&part, &new);
            Ok(heap.place_text(text))
        }
        (name, _) => fault(format!("`{}` does not take these arguments", name.trim_start_matches('.'))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found() {
        assert!(FUNCTIONS.iter().all(|name| function(name).is_some()));
        assert!(METHODS.iter().all(|name| method(name.trim_start_matches('.')).is_some()));
        assert_eq!(function("eval"), None);
    }
}
