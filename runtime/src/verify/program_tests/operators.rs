//! Operators, with Python's meaning: division and remainder round down, truth values are 0 and 1.

use super::code::Operator;
use super::value::{Heap, Number, Run, Stop, Value, fault, kind, number};
use std::cmp::Ordering;

/// Two values joined by an operator.
#[inline(never)]
pub fn binary(heap: &mut Heap, operator: Operator, left: Value, right: Value) -> Run<Value> {
    match operator {
        Operator::Equal => heap.equal(left, right).map(Value::Bool),
        Operator::NotEqual => heap.equal(left, right).map(|equal| Value::Bool(!equal)),
        Operator::Less => compare(heap, left, right, |order| order == Ordering::Less),
        Operator::LessOrEqual => compare(heap, left, right, |order| order != Ordering::Greater),
        Operator::Greater => compare(heap, left, right, |order| order == Ordering::Greater),
        Operator::GreaterOrEqual => compare(heap, left, right, |order| order != Ordering::Less),
        Operator::In => contains(heap, right, left).map(Value::Bool),
        Operator::NotIn => contains(heap, right, left).map(|found| Value::Bool(!found)),
        _ => match (number(left), number(right)) {
            (Some(Number::Int(a)), Some(Number::Int(b))) => whole(operator, a, b),
            (Some(a), Some(b)) => real(operator, a.float(), b.float()),
            _ => joined(heap, operator, left, right),
        },
    }
}

fn compare(heap: &mut Heap, left: Value, right: Value, wanted: impl Fn(Ordering) -> bool) -> Run<Value> {
    Ok(Value::Bool(heap.order(left, right)?.is_some_and(wanted)))
}

/// Whether a value has an item; for texts, whether it has a part.
pub fn contains(heap: &mut Heap, value: Value, item: Value) -> Run<bool> {
    match (value, item) {
        (Value::Text(whole), Value::Text(part)) => {
            let (whole, part) = (heap.text_at(whole).len() as u64, heap.text_at(part).len() as u64);
            heap.work(whole.saturating_add(part))?;
            let (Value::Text(whole), Value::Text(part)) = (value, item) else {
                return Ok(false);
            };
            Ok(heap.text_at(whole).contains(heap.text_at(part)))
        }
        (Value::Text(_), other) => fault(format!("{} cannot be a part of a text", kind(other))),
        (Value::List(at) | Value::Tuple(at), item) => {
            let mut nth = 0;
            while let Some(other) = heap.items_at(at).get(nth).copied() {
                if heap.equal(other, item)? {
                    return Ok(true);
                }
                nth += 1;
            }
            Ok(false)
        }
        (Value::Range(at), Value::Int(int)) => {
            let range = heap.range_at(at);
            let distance = i128::from(int) - i128::from(range.start);
            let (nth, rest) = (distance / i128::from(range.step), distance % i128::from(range.step));
            Ok(rest == 0 && (0..i128::from(range.len)).contains(&nth))
        }
        (other, _) => fault(format!("{} has no items", kind(other))),
    }
}

fn beyond<T>(result: Option<T>) -> Run<T> {
    result.ok_or(Stop::Limit("a whole number beyond 64 bits"))
}

fn whole(operator: Operator, a: i64, b: i64) -> Run<Value> {
    let result = match operator {
        Operator::Add => beyond(a.checked_add(b))?,
        Operator::Subtract => beyond(a.checked_sub(b))?,
        Operator::Multiply => beyond(a.checked_mul(b))?,
        Operator::Divide => {
            if b == 0 {
                return fault("a division by zero");
            }
            return Ok(Value::Float(a as f64 / b as f64));
        }
        Operator::FloorDivide | Operator::Modulo => {
            if b == 0 {
                return fault("a division by zero");
            }
            let (quotient, rest) = (beyond(a.checked_div(b))?, a.wrapping_rem(b));
            let down = rest != 0 && (rest < 0) != (b < 0);
            match operator {
                Operator::FloorDivide => quotient - i64::from(down),
                _ => rest + if down { b } else { 0 },
            }
        }
        Operator::BitAnd => a & b,
        Operator::BitOr => a | b,
        Operator::BitXor => a ^ b,
        Operator::ShiftLeft | Operator::ShiftRight if b < 0 => {
            return fault("a shift by a negative number");
        }
        Operator::ShiftLeft => {
            let shifted =
                u32::try_from(b).ok().and_then(|bits| a.checked_shl(bits)).filter(|shifted| shifted >> b == a);
            if a == 0 { 0 } else { beyond(shifted)? }
        }
        Operator::ShiftRight => a >> b.min(63),
        other => return fault(format!("{other:?} is not arithmetic")),
    };
    Ok(Value::Int(result))
}

fn real(operator: Operator, a: f64, b: f64) -> Run<Value> {
    if b == 0.0 && matches!(operator, Operator::Divide | Operator::FloorDivide | Operator::Modulo) {
        return fault("a division by zero");
    }
    Ok(Value::Float(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::FloorDivide => libm::floor(a / b),
        Operator::Modulo => {
            let rest = libm::fmod(a, b);
            if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
        }
        _ => return fault("an operator on bits needs whole numbers"),
    }))
}

/// Texts and lists: `+` joins, `*` repeats.
fn joined(heap: &mut Heap, operator: Operator, left: Value, right: Value) -> Run<Value> {
    match (operator, left, right) {
        (Operator::Add, Value::Text(a), Value::Text(b)) => {
            heap.reserve_text((heap.text_at(a).len() + heap.text_at(b).len()) as u64)?;
            let text = [heap.text_at(a), heap.text_at(b)].concat();
            Ok(heap.place_text(text))
        }
        (Operator::Add, Value::List(a), Value::List(b)) => {
            heap.reserve_list((heap.items_at(a).len() + heap.items_at(b).len()) as u64)?;
            let items = [heap.items_at(a), heap.items_at(b)].concat();
            Ok(heap.place_list(items))
        }
        (Operator::Add, Value::Tuple(a), Value::Tuple(b)) => {
            let items = [heap.items_at(a), heap.items_at(b)].concat();
            heap.tuple(items)
        }
        (Operator::Multiply, value, times) if matches!(number(times), Some(Number::Int(_))) => {
            repeat(heap, value, times)
        }
        (Operator::Multiply, times, value) if matches!(number(times), Some(Number::Int(_))) => {
            repeat(heap, value, times)
        }
        (operator, left, right) => fault(format!("{operator:?} does not work on {} and {}", kind(left), kind(right))),
    }
}

fn repeat(heap: &mut Heap, value: Value, times: Value) -> Run<Value> {
    let Some(Number::Int(times)) = number(times) else {
        return fault("a text or list is repeated a whole number of times");
    };
    let times = u64::try_from(times).unwrap_or(0);
    match value {
        Value::Text(at) => {
            // Counted before it is made: `"a" * 10**9` never gets its memory.
            heap.reserve_text(times.saturating_mul(heap.text_at(at).len() as u64))?;
            let text =
                if heap.text_at(at).is_empty() { String::new() } else { heap.text_at(at).repeat(times as usize) };
            Ok(heap.place_text(text))
        }
        Value::List(at) | Value::Tuple(at) => {
            heap.reserve_list(times.saturating_mul(heap.items_at(at).len() as u64))?;
            let items =
                if heap.items_at(at).is_empty() { Vec::new() } else { heap.items_at(at).repeat(times as usize) };
            if matches!(value, Value::Tuple(_)) { heap.tuple(items) } else { Ok(heap.place_list(items)) }
        }
        other => fault(format!("{} cannot be repeated", kind(other))),
    }
}

/// The place of an index in a list; negative ones count from the end.
pub fn place(index: Value, len: usize) -> Run<usize> {
    let Some(Number::Int(index)) = number(index) else {
        return fault("an index is a whole number");
    };
    let from_start = if index < 0 { index.checked_add(len as i64) } else { Some(index) };
    match from_start.and_then(|index| usize::try_from(index).ok()) {
        Some(place) if place < len => Ok(place),
        _ => fault("an index outside of the list"),
    }
}

/// `value[index]`
#[inline(never)]
pub fn index(heap: &mut Heap, value: Value, index: Value) -> Run<Value> {
    let len = usize::try_from(heap.len(value)?).unwrap_or(usize::MAX);
    let nth = place(index, len)?;
    match value {
        Value::Text(at) => {
            heap.work(nth as u64 / 8)?;
            let letter = heap.text_at(at).chars().nth(nth);
            heap.text(letter.map(String::from).unwrap_or_default())
        }
        Value::Range(at) => {
            let range = heap.range_at(at);
            Ok(Value::Int(range.start + nth as i64 * range.step))
        }
        Value::List(at) | Value::Tuple(at) => match heap.items_at(at).get(nth) {
            Some(item) => Ok(*item),
            None => fault("an index outside of the list"),
        },
        other => fault(format!("{} has no items", kind(other))),
    }
}

/// `value[start:stop:step]`
#[inline(never)]
pub fn slice(heap: &mut Heap, value: Value, [start, stop, step]: [Option<i64>; 3]) -> Run<Value> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return fault("the step of a slice cannot be 0");
    }
    let items = heap.items(value)?;
    let len = items.len() as i64;
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clip = |bound: i64| (if bound < 0 { bound.saturating_add(len) } else { bound }).clamp(low, high);
    let (first, last) = if step > 0 { (low, high) } else { (high, low) };
    let (mut at, stop) = (start.map_or(first, clip), stop.map_or(last, clip));
    let mut taken = Vec::new();
    while if step > 0 { at < stop } else { at > stop } {
        if let Some(item) = usize::try_from(at).ok().and_then(|at| items.get(at)) {
            taken.push(*item);
        }
        at = at.saturating_add(step);
    }
    match value {
        Value::Text(_) => {
            let mut text = String::new();
            for letter in taken {
                heap.write(letter, false, &mut text, 1)?;
            }
            heap.text(text)
        }
        Value::Tuple(_) => heap.tuple(taken),
        _ => heap.list(taken),
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::Limits;
    use super::*;

    /// Python 3: `-7 // 2, -7 % 2, 7 // -2, 7 % -2, -7 % -2, 1 << 62, -8 >> 1, -1 >> 99`
    #[test]
    fn whole_numbers_divide_as_in_python() {
        let check = |operator, a, b, expected| {
            assert!(matches!(whole(operator, a, b), Ok(Value::Int(got)) if got == expected), "{operator:?} {a} {b}");
        };
        check(Operator::FloorDivide, -7, 2, -4);
        check(Operator::Modulo, -7, 2, 1);
        check(Operator::FloorDivide, 7, -2, -4);
        check(Operator::Modulo, 7, -2, -1);
        check(Operator::Modulo, -7, -2, -1);
        check(Operator::ShiftLeft, 1, 62, 1 << 62);
        check(Operator::ShiftLeft, 0, 1_000, 0);
        check(Operator::ShiftRight, -8, 1, -4);
        check(Operator::ShiftRight, -1, 99, -1);
        for (operator, a, b) in [
            (Operator::ShiftLeft, 1, 63),
            (Operator::ShiftLeft, 1, 1 << 40),
            (Operator::FloorDivide, i64::MIN, -1),
            (Operator::Multiply, i64::MAX, 2),
        ] {
            assert!(matches!(whole(operator, a, b), Err(Stop::Limit(_))), "{operator:?} {a} {b}");
        }
    }

    #[test]
    fn slices_are_those_of_python() {
        let mut heap = Heap::new(Limits::default());
        let mut check = |bounds, expected: &[i64]| {
            let list = heap.list((0..5).map(Value::Int).collect()).unwrap();
            let Ok(Value::List(at)) = slice(&mut heap, list, bounds) else { panic!("no list") };
            let got: Vec<i64> =
                heap.items_at(at).iter().map(|item| if let Value::Int(int) = item { *int } else { -1 }).collect();
            assert_eq!(got, expected, "{bounds:?}");
        };
        check([None, None, None], &[0, 1, 2, 3, 4]);
        check([Some(1), Some(-1), None], &[1, 2, 3]);
        check([None, None, Some(-1)], &[4, 3, 2, 1, 0]);
        check([Some(3), Some(0), Some(-2)], &[3, 1]);
        check([Some(-99), Some(99), Some(2)], &[0, 2, 4]);
        check([Some(4), Some(1), None], &[]);
        check([None, Some(i64::MIN), Some(i64::MIN)], &[4]);
    }
}
