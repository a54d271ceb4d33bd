//! A formula with the value of every part below it: what a message at run time shows.
//!
//! ```text
//! 0.1 * log(length / 1 tokens - 0.5)
//!     │ │   │      │          │
//!     │ │   61     61         60.5
//!     │ 4.102643
//!     0.410264
//! ```

use super::row::{Locals, Rows};
use super::text::{Writer, number, tightness};
use super::{Kind, Lookup, Type, Typed, TypedBinding, TypedFormula};
use std::collections::BTreeMap;

/// The picture of a formula and, below it, of each of its bindings, with the values of one row. A part whose names have no value
/// shows `?`.
pub fn picture(formula: &TypedFormula, lookup: &Lookup) -> String {
    let lookups = [lookup];
    let rows = Rows::one(&lookups);
    let mut locals = Locals::new();
    let mut text = String::new();
    let mut bindings = String::new();
    for binding in &formula.bindings {
        bindings.push_str(&block(&format!("where {} = ", binding.name), &binding.value, &rows, &locals));
        bind(binding, &rows, &mut locals);
    }
    text.push_str(&block("", &formula.body, &rows, &locals));
    text + &bindings
}

/// Adds a binding to what is in sight, if its value is known.
fn bind<'t>(binding: &'t TypedBinding, rows: &Rows, locals: &mut Locals<'t>) {
    if let Ok(values) = rows.evaluate(&binding.value, &mut locals.clone()) {
        locals.push((&binding.name, values));
    }
}

fn block(lead: &str, typed: &Typed, rows: &Rows, locals: &Locals) -> String {
    let mut writer = Writer { out: lead.to_string(), ..Writer::default() };
    writer.write(typed, tightness::IF);
    let mut values = BTreeMap::new();
    measure(typed, rows, locals, &mut values);
    let marks: Vec<(usize, String)> = writer
        .marks
        .iter()
        .filter(|(_, part)| shows(part))
        .filter_map(|(column, part)| Some((*column, values.get(&address(part))?.clone())))
        .collect();
    draw(&writer.out, marks)
}

/// Parts are told apart by where they are kept, not by what they are: `x - x` has two.
fn address(typed: &Typed) -> usize {
    std::ptr::from_ref(typed) as usize
}

/// A literal is its own value.
fn shows(typed: &Typed) -> bool {
    match &typed.kind {
        Kind::Number(_) | Kind::Bool(_) | Kind::Domain(..) => false,
        Kind::Negate(inner) => shows(inner),
        // Its body stands at the same place and has the same value.
        Kind::Inline(_) => false,
        _ => true,
    }
}

fn measure<'t>(typed: &'t Typed, rows: &Rows, locals: &Locals<'t>, values: &mut BTreeMap<usize, String>) {
    let value = rows.evaluate(typed, &mut locals.clone()).ok().and_then(|values| values.first().copied());
    values.insert(address(typed), value.map_or("?".to_string(), |value| shown(value, typed.ty)));
    if let Kind::Inline(inline) = &typed.kind {
        let mut own = Locals::new();
        for argument in &inline.arguments {
            measure(&argument.value, rows, locals, values);
            if let Ok(values) = rows.evaluate(&argument.value, &mut locals.clone()) {
                own.push((&argument.name, values));
            }
        }
        for binding in &inline.bindings {
            measure(&binding.value, rows, &own, values);
            bind(binding, rows, &mut own);
        }
        measure(&inline.body, rows, &own, values);
        return;
    }
    for part in typed.parts() {
        measure(part, rows, locals, values);
    }
}

/// A value with at most six digits, as people read it.
fn shown(value: f64, ty: Type) -> String {
    if ty == Type::Bool {
        return if value != 0.0 { "true" } else { "false" }.to_string();
    }
    let text = number(value);
    if text.len() <= 8 || !value.is_finite() {
        return text;
    }
    let size = libm::fabs(value);
    if (1e-4..1e9).contains(&size) {
        let digits = if size >= 1e5 { 0 } else { 6 };
        let text = format!("{value:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
    } else {
        format!("{value:.4e}")
    }
}

/// Puts values below their columns, from the right, each on the first line where it fits.
fn draw(text: &str, mut marks: Vec<(usize, String)>) -> String {
    marks.sort_by_key(|(column, _)| *column);
    // Of two parts that begin in one column the outer one comes first, and is shown.
    marks.dedup_by_key(|(column, _)| *column);
    let mut out = format!("{text}\n");
    if marks.is_empty() {
        return out;
    }
    let put = |line: &mut Vec<char>, column: usize, what: &str| {
        let end = column + what.chars().count();
        if line.len() < end {
            line.resize(end, ' ');
        }
        for (cell, sign) in line.iter_mut().skip(column).zip(what.chars()) {
            *cell = sign;
        }
    };
    let mut finish = |line: Vec<char>| {
        out.push_str(line.into_iter().collect::<String>().trim_end());
        out.push('\n');
    };
    let mut bars = Vec::new();
    for (column, _) in &marks {
        put(&mut bars, *column, "│");
    }
    finish(bars);
    while !marks.is_empty() {
        let mut line = Vec::new();
        let mut free_before = usize::MAX;
        let mut later = Vec::new();
        for (column, value) in marks.into_iter().rev() {
            if column + value.chars().count() < free_before {
                put(&mut line, column, &value);
            } else {
                put(&mut line, column, "│");
                later.push((column, value));
            }
            free_before = column;
        }
        finish(line);
        later.reverse();
        marks = later;
    }
    out
}
