//! Grids in which cells make shapes: number wall and arrow maze.

use super::game::Game;
use super::grid::{BESIDE, areas, at, cells, has_shape, is, step};
use super::json::json;
use super::literal::{expression, literal};
use super::text::{int, is_digits, last_match, regex, trim};
use super::value::{Fault, Py, Read};

/// The last grid of X, A and numbers. Data: `grid` and `n`. Islands are the cells that are no wall (A).
pub(super) fn number_wall(game: &Game<'_>, answer: &str) -> Read<bool> {
    static GRID: std::sync::OnceLock<regex::Regex> = std::sync::OnceLock::new();
    let pattern = GRID.get_or_init(|| {
        let cell = r#"(?:"[XA]"|'[XA]'|[0-9]+|"[0-9]+"|'[0-9]+')"#;
        let row = format!(r"\[(?:~*{cell}~*,~*)*~*{cell}~*\]");
        super::text::compile(&format!(r"\[~*{row}~*(?:,~*{row}~*)*\]"))
    });
    let Some(found) = last_match(pattern, answer) else { return Ok(false) };
    let found = found.replace(['\n', '\r'], "");
    let grid = json(&found).or_else(|_| literal(&found))?.rows()?;
    let side = game.side("n")?;
    if !has_shape(&grid, side, side) {
        return Ok(false);
    }
    let number = |cell: &Py| match cell.text() {
        Some(text) if is_digits(text) => Py::Int(int(text).unwrap_or(i128::MAX)),
        _ => cell.clone(),
    };
    let grid: Vec<Vec<Py>> = grid.iter().map(|row| row.iter().map(number).collect()).collect();
    for (row, given) in game.rows("grid")?.iter().enumerate() {
        for (column, given) in given.iter().enumerate() {
            if given.is_int() && given != at(&grid, (row, column))? {
                return Ok(false);
            }
        }
    }
    let wall = |cell| at(&grid, cell).is_ok_and(|value| is(value, "A"));
    let (island_of, islands) = areas(side, side, |cell| !wall(cell));
    for island in &islands {
        let inside = island.iter().map(|cell| at(&grid, *cell)).collect::<Read<Vec<_>>>()?;
        let numbers: Vec<&&Py> = inside.iter().filter(|value| value.is_int()).collect();
        match numbers.as_slice() {
            [only] if ***only == Py::Int(island.len() as i128) => {}
            _ => return Ok(false),
        }
    }
    for (row, column) in cells(side.saturating_sub(1), side.saturating_sub(1)) {
        let (corner, opposite) = ((row, column), (row + 1, column + 1));
        let (right, below) = ((row, column + 1), (row + 1, column));
        let walls = [corner, right, below, opposite].into_iter().filter(|cell| wall(*cell)).count();
        // Two walls on a diagonal between two islands leave no way round; four make a square.
        let crossed = |a, b| walls == 2 && !wall(a) && !wall(b) && at(&island_of, a) != at(&island_of, b);
        if walls == 4 || crossed(corner, opposite) || crossed(right, below) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Arrows and the steps they stand for.
const ARROWS: [(&str, (isize, isize)); 8] = [
    ("↑", (-1, 0)),
    ("↓", (1, 0)),
    ("←", (0, -1)),
    ("→", (0, 1)),
    ("↖", (-1, -1)),
    ("↗", (-1, 1)),
    ("↘", (1, 1)),
    ("↙", (1, -1)),
];

/// The last block with a list, else the last `[[..]]`. Data: `maze`, texts of numbers, arrows and X for a free cell.
pub(super) fn arrow_maze(game: &Game<'_>, answer: &str) -> Read<bool> {
    let Some(grid) = maze(answer) else { return Ok(false) };
    let given = game.rows("maze")?;
    if grid.len() != given.len() || grid.iter().zip(&given).any(|(a, b)| a.len() != b.len()) {
        return Ok(false);
    }
    // A cell that is no text is a fault.
    let texts = |rows: &[Vec<Py>]| -> Read<Vec<Vec<String>>> {
        let row =
            |row: &Vec<Py>| row.iter().map(|cell| cell.text().map(str::to_owned).ok_or(Fault::Unusable)).collect();
        rows.iter().map(row).collect()
    };
    let (grid, given) = (texts(&grid)?, texts(&given)?);
    for (filled, given) in grid.iter().flatten().zip(given.iter().flatten()) {
        let arrow = ARROWS.iter().any(|(sign, _)| sign == filled);
        let kept = if given == "X" { filled != "X" } else { filled == given };
        if !kept || !(is_digits(filled) || filled == "X" || arrow) {
            return Ok(false);
        }
    }
    let (rows, columns) = (grid.len(), grid.first().map_or(0, Vec::len));
    if !has_shape(&grid, rows, columns) {
        return Err(Fault::Unusable);
    }
    let mut met = vec![vec![false; columns]; rows];
    for start in cells(rows, columns) {
        let text = at(&grid, start)?;
        if !is_digits(text) {
            continue;
        }
        let mut length = 0;
        for (sign, by) in ARROWS {
            let mut next = step(start, by, rows, columns);
            while let Some(cell) = next.filter(|cell| at(&grid, *cell).is_ok_and(|text| text == sign)) {
                if let Some(met) = met.get_mut(cell.0).and_then(|row| row.get_mut(cell.1)) {
                    *met = true;
                }
                length += 1;
                next = step(cell, by, rows, columns);
            }
        }
        if int(text) != Some(length) {
            return Ok(false);
        }
    }
    let unmet =
        |cell| at(&grid, cell).is_ok_and(|text| !is_digits(text) && text != "X") && at(&met, cell) == Ok(&false);
    Ok(!cells(rows, columns).any(unmet))
}

fn maze(answer: &str) -> Option<Vec<Vec<Py>>> {
    let blocks = [
        regex!(r"(?s)```python~*\n(.*?\[.*?\].*?)\n```"),
        regex!(r"(?s)```~*\n(.*?\[.*?\].*?)\n```"),
        regex!(r"(?s)```(.*?\[.*?\].*?)```"),
    ];
    let bare = regex!(r"(?s)\[~*\[.*?\]~*\]");
    let in_blocks = blocks.into_iter().filter_map(|pattern| last_match(pattern, answer).map(trim));
    in_blocks.chain(last_match(bare, answer)).find_map(rows_of_lists)
}

/// A list of lists; what JSON cannot write, such as a set, makes it none.
fn rows_of_lists(text: &str) -> Option<Vec<Vec<Py>>> {
    expression(text).ok()?.list()?.iter().map(|row| row.list().map(<[Py]>::to_vec)).collect()
}

/// Whether cells touch at a side.
pub(super) fn beside(a: (usize, usize), b: (usize, usize), rows: usize, columns: usize) -> bool {
    BESIDE.iter().any(|by| step(a, *by, rows, columns) == Some(b))
}
