//! Cells of a grid and their neighbours.

use super::value::{Fault, Py, Read};

/// Right, down, left, up.
pub(super) const BESIDE: [(isize, isize); 4] = [(0, 1), (1, 0), (0, -1), (-1, 0)];

/// The eight cells around one.
pub(super) const AROUND: [(isize, isize); 8] = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)];

/// A cell: row and column, from 0.
pub(super) type Cell = (usize, usize);

/// The cell a step away, when it lies in a grid of so many rows and columns.
pub(super) fn step(cell: Cell, by: (isize, isize), rows: usize, columns: usize) -> Option<Cell> {
    let row = cell.0.checked_add_signed(by.0).filter(|row| *row < rows)?;
    let column = cell.1.checked_add_signed(by.1).filter(|column| *column < columns)?;
    Some((row, column))
}

/// All cells, row by row.
pub(super) fn cells(rows: usize, columns: usize) -> impl Iterator<Item = Cell> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

/// The value of a cell.
pub(super) fn at<T>(grid: &[Vec<T>], cell: Cell) -> Read<&T> {
    grid.get(cell.0).and_then(|row| row.get(cell.1)).ok_or(Fault::Unusable)
}

/// Whether a grid has so many rows, all of so many cells.
pub(super) fn has_shape<T>(grid: &[Vec<T>], rows: usize, columns: usize) -> bool {
    grid.len() == rows && grid.iter().all(|row| row.len() == columns)
}

/// Whether a cell holds this text.
pub(super) fn is(value: &Py, text: &str) -> bool {
    value.text() == Some(text)
}

/// Whole numbers of a grid; a fault where a cell holds another thing.
pub(super) fn numbers(grid: &[Vec<Py>]) -> Read<Vec<Vec<i128>>> {
    let row = |row: &Vec<Py>| row.iter().map(|cell| cell.int().ok_or(Fault::Unusable)).collect();
    grid.iter().map(row).collect()
}

/// The columns of a grid with rows of one length.
pub(super) fn columns<T: Copy>(grid: &[Vec<T>]) -> Vec<Vec<T>> {
    let width = grid.iter().map(Vec::len).min().unwrap_or(0);
    (0..width).map(|column| grid.iter().filter_map(|row| row.get(column).copied()).collect()).collect()
}

/// Whether the numbers are 1 to `side`, each once.
pub(super) fn is_complete(line: &[i128], side: usize) -> bool {
    let mut seen = vec![false; side];
    line.len() == side
        && line.iter().all(|number| {
            let place = usize::try_from(number - 1).ok().and_then(|at| seen.get_mut(at));
            place.is_some_and(|seen| !std::mem::replace(seen, true))
        })
}

/// Whether every row and every column holds 1 to `side`, each once.
pub(super) fn is_latin(grid: &[Vec<i128>], side: usize) -> bool {
    has_shape(grid, side, side) && grid.iter().chain(&columns(grid)).all(|line| is_complete(line, side))
}

/// The connected areas of cells that `inside` says yes to: the number of the area of each cell, and their sizes.
pub(super) fn areas(
    rows: usize,
    columns: usize,
    inside: impl Fn(Cell) -> bool,
) -> (Vec<Vec<Option<usize>>>, Vec<Vec<Cell>>) {
    let mut of = vec![vec![None; columns]; rows];
    let mut all: Vec<Vec<Cell>> = Vec::new();
    for start in cells(rows, columns) {
        if !inside(start) || at(&of, start) != Ok(&None) {
            continue;
        }
        let number = all.len();
        let (mut area, mut open) = (Vec::new(), vec![start]);
        while let Some(cell) = open.pop() {
            match of.get_mut(cell.0).and_then(|row| row.get_mut(cell.1)) {
                Some(seen @ None) => *seen = Some(number),
                _ => continue,
            }
            area.push(cell);
            let next = BESIDE.iter().filter_map(|by| step(cell, *by, rows, columns));
            open.extend(next.filter(|cell| inside(*cell) && at(&of, *cell) == Ok(&None)));
        }
        all.push(area);
    }
    (of, all)
}
