//! Grids whose numbers must add up or follow each other: survo, kukurasu and numbrix.

use super::game::{Game, LONGEST_SIDE};
use super::grid::{at, cells, has_shape, is};
use super::json::json;
use super::literal::literal;
use super::text::{fences, first_match, last_match, python_block, regex, trim};
use super::value::{Fault, Py, Read};
use std::collections::BTreeMap;

/// The last python block, else the last block, else the last `[[..]]`, as JSON (single quotes count as double ones).
/// Data: `original_matrix` with 0 for a free cell and the sums in the last row and column, `candidate_numbers`, `n`.
pub(super) fn survo(game: &Game<'_>, answer: &str) -> Read<bool> {
    let any_block = || fences(answer, "```").last().map(|block| trim(block));
    let bare = || last_match(regex!(r"(?s)\[~*\[.*?\]~*\]"), answer);
    let Some(found) = python_block(answer).or_else(any_block).or_else(bare) else { return Ok(false) };
    let grid = json(&found.replace('\'', "\""))?.rows()?;
    let given = game.rows("original_matrix")?;
    let width = given.first().map_or(0, Vec::len);
    if !has_shape(&given, given.len(), width) || !has_shape(&grid, given.len(), width) {
        return Ok(false);
    }
    // Mixed with texts or nulls the numbers of the reference are no numbers any more.
    if grid.iter().flatten().any(|cell| !matches!(cell, Py::Int(_) | Py::Bool(_) | Py::Float(_))) {
        return Ok(false);
    }
    let side = game.side("n")?;
    let mut filled = Vec::new();
    for cell in cells(side, side) {
        let (given, value) = (at(&given, cell)?, at(&grid, cell)?);
        if *given == Py::Int(0) {
            filled.push(value.clone());
        } else if given != value {
            return Ok(false);
        }
    }
    if !same_numbers(filled, game.list("candidate_numbers")?)? {
        return Ok(false);
    }
    let last = side.saturating_sub(1);
    for line in 0..last {
        let across = (0..last).map(|at| (line, at)).collect::<Vec<_>>();
        let down = (0..last).map(|at| (at, line)).collect::<Vec<_>>();
        for (places, sum) in [(across, (line, last)), (down, (last, line))] {
            if total(&grid, &places)? != *at(&grid, sum)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whole numbers are added exactly, floats as floats.
fn total(grid: &[Vec<Py>], places: &[(usize, usize)]) -> Read<Py> {
    let (mut whole, mut real, mut is_real) = (0i128, 0.0, false);
    for place in places {
        match at(grid, *place)? {
            Py::Float(number) => (real, is_real) = (real + number, true),
            other => {
                let number = other.int().ok_or(Fault::Unusable)?;
                whole = whole.checked_add(number).ok_or(Fault::Limit)?;
                real += number as f64;
            }
        }
    }
    Ok(if is_real { Py::Float(real) } else { Py::Int(whole) })
}

/// The same numbers in any order.
fn same_numbers(mut a: Vec<Py>, mut b: Vec<Py>) -> Read<bool> {
    let sorted = |numbers: &mut Vec<Py>| {
        let good = numbers
            .iter()
            .all(|number| number.int().is_some() || matches!(number, Py::Float(value) if !value.is_nan()));
        numbers.sort_by(|a, b| a.order(b).unwrap_or(std::cmp::Ordering::Equal));
        good
    };
    Ok(sorted(&mut a) && sorted(&mut b) && a == b)
}

/// The first JSON grid of `"X"` and `"1"`. Data: `n` rows, `m` columns, `row_sums` and `col_sums`; a cell counts its column
/// in the sum of its row and its row in the sum of its column, from 1.
pub(super) fn kukurasu(game: &Game<'_>, answer: &str) -> Read<bool> {
    let row = r#"\[(?:~*"[X1]"~*,~*)*~*"[X1]"~*\]"#;
    static GRID: std::sync::OnceLock<regex::Regex> = std::sync::OnceLock::new();
    let grid = GRID.get_or_init(|| super::text::compile(&format!(r"\[~*{row}~*(?:,~*{row}~*)*\]")));
    let Some(found) = first_match(grid, answer) else { return Ok(false) };
    let grid = json(found)?.rows()?;
    let (rows, columns) = (game.side("n")?, game.side("m")?);
    if !has_shape(&grid, rows, columns) {
        return Ok(false);
    }
    let (mut row_sums, mut column_sums) = (vec![0i128; rows], vec![0i128; columns]);
    for (row, column) in cells(rows, columns) {
        if is(at(&grid, (row, column))?, "1") {
            *row_sums.get_mut(row).ok_or(Fault::Unusable)? += column as i128 + 1;
            *column_sums.get_mut(column).ok_or(Fault::Unusable)? += row as i128 + 1;
        }
    }
    let list = |sums: Vec<i128>| Py::List(sums.into_iter().map(Py::Int).collect());
    Ok(list(row_sums) == game.get("row_sums")? && list(column_sums) == game.get("col_sums")?)
}

/// The last `[[1, ..]]`, quotes left out. Data: `grid` with `"X"` for a free cell. Each number from 1 up is beside the one before.
pub(super) fn numbrix(game: &Game<'_>, answer: &str) -> Read<bool> {
    let Some(found) = last_match(regex!(r"(?s)\[~*\[~*\d+.*?\]~*\]"), answer) else { return Ok(false) };
    let value = literal(&found.replace(['\'', '"'], ""))?;
    let rows = value.list().ok_or(Fault::Unusable)?;
    let rows: Vec<&[Py]> = rows.iter().map(|row| row.list().ok_or(Fault::Unusable)).collect::<Read<_>>()?;
    let given = game.rows("grid")?;
    let side = given.len();
    if rows.len() != side || rows.iter().any(|row| row.len() != side) || side > LONGEST_SIDE {
        return Ok(false);
    }
    let mut places: BTreeMap<i128, (usize, usize)> = BTreeMap::new();
    for (row, numbers) in rows.iter().enumerate() {
        for (column, cell) in numbers.iter().enumerate() {
            let number = cell.int().ok_or(Fault::Unusable)?;
            let known = at(&given, (row, column))?;
            if !is(known, "X") && known != cell {
                return Ok(false);
            }
            places.insert(number, (row, column));
        }
    }
    let count = (side * side) as i128;
    let all = places.len() == side * side && places.keys().copied().eq(1..=count);
    let beside = |(a, b): (&(usize, usize), &(usize, usize))| a.0.abs_diff(b.0) + a.1.abs_diff(b.1) == 1;
    Ok(all && side > 0 && places.values().zip(places.values().skip(1)).all(beside))
}
