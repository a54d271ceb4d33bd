//! Grids whose numbers must add up or follow each other: survo, kukurasu and numbrix.

use super::{Made, bracketed, cells, near, square};
use crate::rng::Draws;
use serde_json::json;

/// Numbers with the sums of rows and columns; some are free, and are told apart from their places.
pub(super) fn survo(level: u32, draws: &mut Draws) -> Made {
    let inner = level as usize + 1;
    let mut numbers: Vec<usize> = (1..=inner * inner + 6).collect();
    draws.shuffle(&mut numbers);
    let mut grid = square(inner + 1, 0usize);
    for (cell, number) in cells(inner).into_iter().zip(numbers) {
        grid[cell.0][cell.1] = number;
    }
    let rows: Vec<usize> = grid.iter().take(inner).map(|row| row.iter().sum()).collect();
    let columns: Vec<usize> = (0..inner).map(|at| grid.iter().map(|row| row[at]).sum()).collect();
    for (line, (row, column)) in rows.into_iter().zip(columns).enumerate() {
        grid[line][inner] = row;
        grid[inner][line] = column;
        grid[inner][inner] += row;
    }
    let mut open = cells(inner);
    draws.shuffle(&mut open);
    open.truncate(inner * inner / 2 + 1);
    let mut puzzle = grid.clone();
    let mut left: Vec<usize> = open.iter().map(|cell| std::mem::take(&mut puzzle[cell.0][cell.1])).collect();
    left.sort_unstable();
    let told = left.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    let prompt =
        format!("Put {told} for the zeros, the last row and column are sums: {}. Write the grid", bracketed(&puzzle));
    let metadata = json!({ "original_matrix": puzzle, "candidate_numbers": left, "n": inner + 1 });
    Made::checked(prompt, metadata, bracketed(&grid))
}

/// Marks whose places, counted from 1, make the sums of rows and columns.
pub(super) fn kukurasu(level: u32, draws: &mut Draws) -> Made {
    let side = level as usize + 2;
    let mut grid = square(side, "\"X\"");
    let (mut rows, mut columns) = (vec![0; side], vec![0; side]);
    for (row, column) in cells(side) {
        if draws.below(2) == 0 {
            grid[row][column] = "\"1\"";
            rows[row] += column + 1;
            columns[column] += row + 1;
        }
    }
    let list = |sums: &[usize]| sums.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    let prompt = format!(
        "Mark cells: a mark counts its column in its row, sums {}, and its row in its column, sums {}. Write [[\"1\",\"X\",..],..], 1 for a mark",
        list(&rows),
        list(&columns)
    );
    let metadata = json!({ "row_sums": rows, "col_sums": columns, "n": side, "m": side });
    Made::checked(prompt, metadata, bracketed(&grid))
}

/// A path of numbers through all cells, with some of them free.
pub(super) fn numbrix(level: u32, draws: &mut Draws) -> Made {
    let side = level as usize + 2;
    // A path that winds through the rows, with its ends turned over again and again.
    let mut path: Vec<(usize, usize)> = (0..side)
        .flat_map(|row| (0..side).map(move |at| (row, if row % 2 == 0 { at } else { side - 1 - at })))
        .collect();
    for _ in 0..40 {
        if draws.below(2) == 0 {
            path.reverse();
        }
        let Some(end) = path.last().copied() else { continue };
        let beside = near(end, side, false);
        let next = beside[draws.below(beside.len() as u64) as usize];
        // Behind the cell that the end touches, the rest of the path is walked the other way.
        if let Some(at) = path.iter().position(|cell| *cell == next) {
            path[at + 1..].reverse();
        }
    }
    let mut grid = square(side, 0usize);
    for (at, cell) in path.iter().enumerate() {
        grid[cell.0][cell.1] = at + 1;
    }
    let mut open = cells(side);
    draws.shuffle(&mut open);
    open.truncate(side * side * (level as usize + 2) / 6);
    let mut puzzle: Vec<Vec<serde_json::Value>> =
        grid.iter().map(|row| row.iter().map(|number| json!(number)).collect()).collect();
    for cell in open {
        puzzle[cell.0][cell.1] = json!("X");
    }
    let told = bracketed(&puzzle).replace('"', "");
    let prompt = format!("Put 1 to {} so that each is beside the next: {told}. Write the grid", side * side);
    Made::checked(prompt, json!({ "grid": puzzle }), bracketed(&grid))
}
