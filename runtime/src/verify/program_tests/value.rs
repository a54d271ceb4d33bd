//! Values of a running program, and the heap that counts what they cost.
//!
//! Lists, tuples and texts live in arenas and are named by number. So a list that holds itself cannot leak, a tower of
//! nested lists is freed without recursion, and every byte ever allocated is counted (nothing is freed before the end).

use serde_json::Value as Json;
use std::cmp::Ordering;

/// How deep lists may be nested where they are compared or written out.
const MAX_NESTING: usize = 64;

/// Bytes that a text or list costs besides its content.
const OBJECT_BYTES: u64 = 32;

/// Bytes of an item of a list.
const ITEM_BYTES: u64 = size_of::<Value>() as u64;

/// A value. Copies are cheap and share what the heap holds.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    /// `None`
    None,
    /// `True`, `False`; counts as 1 and 0 in arithmetic, as in Python.
    Bool(bool),
    /// A whole number of 64 bits; what is beyond ends the program at a limit.
    Int(i64),
    /// A number in double precision.
    Float(f64),
    /// A text in the heap.
    Text(usize),
    /// A list in the heap.
    List(usize),
    /// A tuple, stored like a list.
    Tuple(usize),
    /// A lazy range: start, stop and step are in the heap.
    Range(usize),
}

/// Why a program ended early.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// An error of the program, such as a division by zero.
    Fault(String),
    /// A limit was reached.
    Limit(&'static str),
}

/// The result of a part of a program.
pub type Run<T> = Result<T, Stop>;

/// An error of the program.
pub fn fault<T>(why: impl Into<String>) -> Run<T> {
    Err(Stop::Fault(why.into()))
}

/// What a program may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Steps: nodes of the program that are evaluated, and items that are touched.
    pub steps: u64,
    /// Bytes of all values ever made.
    pub bytes: u64,
    /// Calls inside each other.
    pub calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 50_000, bytes: 4 << 20, calls: 100 }
    }
}

/// A range as Python has it.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// First item.
    pub start: i64,
    /// Number of items.
    pub len: i64,
    /// Distance of the items.
    pub step: i64,
}

/// The values of a run, and the meters of its limits.
#[derive(Debug)]
pub struct Heap {
    texts: Vec<String>,
    lists: Vec<Vec<Value>>,
    ranges: Vec<Range>,
    steps_left: u64,
    bytes_left: u64,
}

impl Heap {
    /// An empty heap.
    pub fn new(limits: Limits) -> Self {
        Self {
            texts: Vec::new(),
            lists: Vec::new(),
            ranges: Vec::new(),
            steps_left: limits.steps,
            bytes_left: limits.bytes,
        }
    }

    /// Counts work.
    #[inline]
    pub fn work(&mut self, steps: u64) -> Run<()> {
        match self.steps_left.checked_sub(steps) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => Err(Stop::Limit("too many steps")),
        }
    }

    fn room(&mut self, bytes: u64) -> Run<()> {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => Err(Stop::Limit("too much memory")),
        }
    }

    /// Counts a text of some bytes before it is made.
    pub fn reserve_text(&mut self, bytes: u64) -> Run<()> {
        self.work(bytes / 8 + 1)?;
        self.room(bytes.saturating_add(OBJECT_BYTES))
    }

    /// Counts a list of some items before it is made.
    pub fn reserve_list(&mut self, items: u64) -> Run<()> {
        self.work(items)?;
        self.room(items.saturating_mul(ITEM_BYTES).saturating_add(OBJECT_BYTES))
    }

    /// Puts a text that was counted by [`Heap::reserve_text`] into the heap.
    pub fn place_text(&mut self, text: String) -> Value {
        self.texts.push(text);
        Value::Text(self.texts.len() - 1)
    }

    /// Counts and keeps a text.
    pub fn text(&mut self, text: impl Into<String>) -> Run<Value> {
        let text = text.into();
        self.reserve_text(text.len() as u64)?;
        Ok(self.place_text(text))
    }

    /// Puts a list that was counted by [`Heap::reserve_list`] into the heap.
    pub fn place_list(&mut self, items: Vec<Value>) -> Value {
        self.lists.push(items);
        Value::List(self.lists.len() - 1)
    }

    /// Counts and keeps a list.
    pub fn list(&mut self, items: Vec<Value>) -> Run<Value> {
        self.reserve_list(items.len() as u64)?;
        Ok(self.place_list(items))
    }

    /// Counts and keeps a tuple.
    pub fn tuple(&mut self, items: Vec<Value>) -> Run<Value> {
        self.reserve_list(items.len() as u64)?;
        self.lists.push(items);
        Ok(Value::Tuple(self.lists.len() - 1))
    }

    /// Keeps a range.
    pub fn range(&mut self, start: i64, stop: i64, step: i64) -> Run<Value> {
        if step == 0 {
            return fault("a range needs a step other than 0");
        }
        let span = if step > 0 { i128::from(stop) - i128::from(start) } else { i128::from(start) - i128::from(stop) };
        let len = if span <= 0 { 0 } else { (span - 1) / i128::from(step).abs() + 1 };
        let Ok(len) = i64::try_from(len) else {
            return Err(Stop::Limit("a range beyond 64 bits"));
        };
        self.room(OBJECT_BYTES)?;
        self.ranges.push(Range { start, len, step });
        Ok(Value::Range(self.ranges.len() - 1))
    }

    /// The text with a number; every [`Value::Text`] names one.
    pub fn text_at(&self, at: usize) -> &str {
        self.texts.get(at).map_or("", String::as_str)
    }

    /// The items of a list or tuple.
    pub fn items_at(&self, at: usize) -> &[Value] {
        self.lists.get(at).map_or(&[], Vec::as_slice)
    }

    /// The items of a list, to be changed. Growth is counted by the caller with [`Heap::reserve_list`].
    pub fn items_mut(&mut self, at: usize) -> Option<&mut Vec<Value>> {
        self.lists.get_mut(at)
    }

    /// A range.
    pub fn range_at(&self, at: usize) -> Range {
        self.ranges.get(at).copied().unwrap_or(Range { start: 0, len: 0, step: 1 })
    }

    /// Number of items of a value that has items; letters are the items of a text.
    pub fn len(&mut self, value: Value) -> Run<i64> {
        match value {
            Value::Text(at) => {
                self.work(self.text_at(at).len() as u64 / 8)?;
                Ok(self.text_at(at).chars().count() as i64)
            }
            Value::List(at) | Value::Tuple(at) => Ok(self.items_at(at).len() as i64),
            Value::Range(at) => Ok(self.range_at(at).len),
            other => fault(format!("{} has no length", kind(other))),
        }
    }

    /// A copy of the items of a value; letters are the items of a text, as in Python.
    pub fn items(&mut self, value: Value) -> Run<Vec<Value>> {
        match value {
            Value::List(at) | Value::Tuple(at) => {
                self.reserve_list(self.items_at(at).len() as u64)?;
                Ok(self.items_at(at).to_vec())
            }
            Value::Range(at) => {
                let range = self.range_at(at);
                self.reserve_list(range.len.unsigned_abs())?;
                Ok((0..range.len).map(|nth| Value::Int(range.start + nth * range.step)).collect())
            }
            Value::Text(at) => {
                let letters: Vec<char> = self.text_at(at).chars().collect();
                self.reserve_list(letters.len() as u64)?;
                letters.into_iter().map(|letter| self.text(letter)).collect()
            }
            other => fault(format!("{} has no items", kind(other))),
        }
    }

    /// Whether a value counts as true.
    pub fn truth(&self, value: Value) -> bool {
        match value {
            Value::None => false,
            Value::Bool(truth) => truth,
            Value::Int(int) => int != 0,
            Value::Float(float) => float != 0.0,
            Value::Text(at) => !self.text_at(at).is_empty(),
            Value::List(at) | Value::Tuple(at) => !self.items_at(at).is_empty(),
            Value::Range(at) => self.range_at(at).len > 0,
        }
    }

    /// Python equality: 1, True and 1.0 are equal; a list never equals a tuple.
    pub fn equal(&mut self, left: Value, right: Value) -> Run<bool> {
        self.equal_within(left, right, MAX_NESTING)
    }

    fn equal_within(&mut self, left: Value, right: Value, depth: usize) -> Run<bool> {
        self.work(1)?;
        if let (Some(left), Some(right)) = (number(left), number(right)) {
            return Ok(compare_numbers(left, right) == Some(Ordering::Equal));
        }
        match (left, right) {
            (Value::None, Value::None) => Ok(true),
            (Value::Text(left), Value::Text(right)) => {
                self.work(self.text_at(left).len() as u64 / 8)?;
                Ok(self.text_at(left) == self.text_at(right))
            }
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
                if depth == 0 {
                    return Err(Stop::Limit("lists nested too deeply"));
                }
                if self.items_at(a).len() != self.items_at(b).len() {
                    return Ok(false);
                }
                for at in 0..self.items_at(a).len() {
                    let pair = (self.items_at(a).get(at).copied(), self.items_at(b).get(at).copied());
                    let (Some(left), Some(right)) = pair else {
                        return Ok(false);
                    };
                    if !self.equal_within(left, right, depth - 1)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Range(a), Value::Range(b)) => {
                let (a, b) = (self.range_at(a), self.range_at(b));
                Ok(a.len == b.len && (a.len == 0 || a.start == b.start) && (a.len <= 1 || a.step == b.step))
            }
            _ => Ok(false),
        }
    }

    /// The order of two values; an error where they have none.
    pub fn order(&mut self, left: Value, right: Value) -> Run<Option<Ordering>> {
        self.order_within(left, right, MAX_NESTING)
    }

    fn order_within(&mut self, left: Value, right: Value, depth: usize) -> Run<Option<Ordering>> {
        self.work(1)?;
        if let (Some(left), Some(right)) = (number(left), number(right)) {
            return Ok(compare_numbers(left, right));
        }
        match (left, right) {
            (Value::Text(left), Value::Text(right)) => {
                self.work(self.text_at(left).len() as u64 / 8)?;
                Ok(Some(self.text_at(left).cmp(self.text_at(right))))
            }
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
                if depth == 0 {
                    return Err(Stop::Limit("lists nested too deeply"));
                }
                let mut at = 0;
                loop {
                    match (self.items_at(a).get(at).copied(), self.items_at(b).get(at).copied()) {
                        (Some(left), Some(right)) => {
                            if !self.equal_within(left, right, depth - 1)? {
                                return self.order_within(left, right, depth - 1);
                            }
                        }
                        (left, right) => return Ok(Some(left.is_some().cmp(&right.is_some()))),
                    }
                    at += 1;
                }
            }
            (left, right) => fault(format!("{} and {} have no order", kind(left), kind(right))),
        }
    }

    /// The value as a program would write it; texts inside lists stand in quotes.
    pub fn write(&mut self, value: Value, quoted: bool, into: &mut String, depth: usize) -> Run<()> {
        self.work(1)?;
        match value {
            Value::None => into.push_str("None"),
            Value::Bool(truth) => into.push_str(if truth { "True" } else { "False" }),
            Value::Int(int) => into.push_str(&int.to_string()),
            Value::Float(_) => return fault("numbers with a point cannot be written as text"),
            Value::Text(at) => {
                self.reserve_text(self.text_at(at).len() as u64)?;
                if quoted {
                    into.push('\'');
                }
                into.push_str(self.text_at(at));
                if quoted {
                    into.push('\'');
                }
            }
            Value::List(at) | Value::Tuple(at) => {
                if depth == 0 {
                    return Err(Stop::Limit("lists nested too deeply"));
                }
                let is_list = matches!(value, Value::List(_));
                into.push(if is_list { '[' } else { '(' });
                let len = self.items_at(at).len();
                for nth in 0..len {
                    if nth > 0 {
                        into.push_str(", ");
                    }
                    let Some(item) = self.items_at(at).get(nth).copied() else {
                        break;
                    };
                    self.write(item, true, into, depth - 1)?;
                }
                if len == 1 && !is_list {
                    into.push(',');
                }
                into.push(if is_list { ']' } else { ')' });
            }
            Value::Range(_) => return fault("a range cannot be written as text"),
        }
        Ok(())
    }

    /// A value from JSON; none for what the language has no value for (objects, whole numbers beyond 64 bits).
    pub fn of_json(&mut self, json: &Json) -> Run<Option<Value>> {
        Ok(Some(match json {
            Json::Null => Value::None,
            Json::Bool(truth) => Value::Bool(*truth),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Value::Int(int),
                (None, Some(float)) if number.is_f64() => Value::Float(float),
                _ => return Ok(None),
            },
            Json::String(text) => self.text(text.as_str())?,
            Json::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    let Some(item) = self.of_json(item)? else {
                        return Ok(None);
                    };
                    list.push(item);
                }
                self.list(list)?
            }
            Json::Object(_) => return Ok(None),
        }))
    }
}

/// A number, for arithmetic and comparison.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// Whole.
    Int(i64),
    /// With a point.
    Float(f64),
}

impl Number {
    /// In double precision.
    pub fn float(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }
}

/// The value as a number, where it is one.
pub fn number(value: Value) -> Option<Number> {
    match value {
        Value::Bool(truth) => Some(Number::Int(i64::from(truth))),
        Value::Int(int) => Some(Number::Int(int)),
        Value::Float(float) => Some(Number::Float(float)),
        _ => None,
    }
}

/// Compares without rounding: a whole number beyond 2^53 equals no neighbour.
pub fn compare_numbers(left: Number, right: Number) -> Option<Ordering> {
    match (left, right) {
        (Number::Int(left), Number::Int(right)) => Some(left.cmp(&right)),
        (Number::Float(left), Number::Float(right)) => left.partial_cmp(&right),
        (Number::Int(int), Number::Float(float)) => compare_mixed(int, float),
        (Number::Float(float), Number::Int(int)) => compare_mixed(int, float).map(Ordering::reverse),
    }
}

fn compare_mixed(int: i64, float: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0; // 2^63
    if float.is_nan() {
        None
    } else if float >= LIMIT {
        Some(Ordering::Less)
    } else if float < -LIMIT {
        Some(Ordering::Greater)
    } else {
        let whole = libm::trunc(float);
        Some(int.cmp(&(whole as i64)).then_with(|| 0.0f64.total_cmp(&(float - whole + 0.0))))
    }
}

/// What a value is, in words.
pub fn kind(value: Value) -> &'static str {
    match value {
        Value::None => "None",
        Value::Bool(_) => "a truth value",
        Value::Int(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
        Value::Tuple(_) => "a tuple",
        Value::Range(_) => "a range",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_without_rounding() {
        let (int, float) = (Number::Int, Number::Float);
        assert_eq!(compare_numbers(int(1), float(1.0)), Some(Ordering::Equal));
        assert_eq!(compare_numbers(int((1 << 53) + 1), float(9_007_199_254_740_992.0)), Some(Ordering::Greater));
        assert_eq!(compare_numbers(int(-3), float(-3.5)), Some(Ordering::Greater));
        assert_eq!(compare_numbers(float(0.5), int(0)), Some(Ordering::Greater));
        assert_eq!(compare_numbers(int(0), float(-0.0)), Some(Ordering::Equal));
        assert_eq!(compare_numbers(int(i64::MAX), float(f64::INFINITY)), Some(Ordering::Less));
        assert_eq!(compare_numbers(int(0), float(f64::NAN)), None);
    }

    #[test]
    fn a_list_that_holds_itself_ends_at_a_limit() {
        let mut heap = Heap::new(Limits::default());
        let list = heap.list(vec![Value::None]).unwrap();
        let Value::List(at) = list else { panic!("not a list") };
        heap.items_mut(at).unwrap()[0] = list;
        assert!(matches!(heap.equal(list, list), Err(Stop::Limit(_))));
        assert!(matches!(heap.write(list, false, &mut String::new(), 64), Err(Stop::Limit(_))));
    }
}
