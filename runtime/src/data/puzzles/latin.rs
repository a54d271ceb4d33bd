//! Squares in which every row and column holds each number once: sudoku, futoshiki and calcudoko.

use super::{Made, cells, near, spaced, square};
use crate::rng::Draws;
use serde_json::json;

/// A grid of numbers, 0 for a free cell.
type Grid = Vec<Vec<usize>>;

/// A cell with a smaller number, and one with a greater.
type Relation = ((usize, usize), (usize, usize));

/// What a number in a cell must also keep.
type Fits<'a> = &'a dyn Fn(&Grid, (usize, usize)) -> bool;

/// Fills free cells in every way, the tightest cell first, until `enough` solutions are found. The last one is left in `last`.
fn solve(grid: &mut Grid, fits: Fits<'_>, enough: usize, last: &mut Grid) -> usize {
    let side = grid.len();
    let mut tightest: Option<((usize, usize), Vec<usize>)> = None;
    for cell in cells(side) {
        if grid[cell.0][cell.1] != 0 {
            continue;
        }
        let allowed: Vec<usize> = (1..=side).filter(|number| allows(grid, cell, *number, fits)).collect();
        if tightest.as_ref().is_none_or(|(_, known)| allowed.len() < known.len()) {
            let done = allowed.len() < 2;
            tightest = Some((cell, allowed));
            if done {
                break;
            }
        }
    }
    let Some((cell, allowed)) = tightest else {
        last.clone_from(grid);
        return 1;
    };
    let mut found = 0;
    for number in allowed {
        grid[cell.0][cell.1] = number;
        found += solve(grid, fits, enough - found, last);
        if found >= enough {
            break;
        }
    }
    grid[cell.0][cell.1] = 0;
    found
}

fn allows(grid: &mut Grid, cell: (usize, usize), number: usize, fits: Fits<'_>) -> bool {
    let side = grid.len();
    if (0..side).any(|at| grid[cell.0][at] == number || grid[at][cell.1] == number) {
        return false;
    }
    grid[cell.0][cell.1] = number;
    let good = fits(grid, cell);
    grid[cell.0][cell.1] = 0;
    good
}

/// The square of rows that move on by one, with numbers, rows and columns shuffled.
fn latin(side: usize, draws: &mut Draws) -> Grid {
    let order = |draws: &mut Draws| {
        let mut order: Vec<usize> = (0..side).collect();
        draws.shuffle(&mut order);
        order
    };
    let (numbers, rows, columns) = (order(draws), order(draws), order(draws));
    rows.iter().map(|row| columns.iter().map(|column| numbers[(row + column) % side] + 1).collect()).collect()
}

/// A sudoku with one solution: cells of a full one are freed in random order while that holds.
pub(super) fn sudoku(level: u32, draws: &mut Draws) -> Made {
    let order = |draws: &mut Draws| {
        let mut bands: Vec<usize> = (0..3).collect();
        draws.shuffle(&mut bands);
        bands
            .into_iter()
            .flat_map(|band| {
                let mut lines: Vec<usize> = (0..3).map(|line| band * 3 + line).collect();
                draws.shuffle(&mut lines);
                lines
            })
            .collect::<Vec<_>>()
    };
    let (rows, columns) = (order(draws), order(draws));
    let mut numbers: Vec<usize> = (1..=9).collect();
    draws.shuffle(&mut numbers);
    let full: Grid = rows
        .iter()
        .map(|row| columns.iter().map(|column| numbers[(row * 3 + row / 3 + column) % 9]).collect())
        .collect();
    let in_box = |grid: &Grid, cell: (usize, usize)| {
        let corner = (cell.0 / 3 * 3, cell.1 / 3 * 3);
        let number = grid[cell.0][cell.1];
        let mut all = (0..9).map(|at| (corner.0 + at / 3, corner.1 + at % 3));
        !all.any(|other| other != cell && grid[other.0][other.1] == number)
    };
    let mut order = cells(9);
    draws.shuffle(&mut order);
    let (mut puzzle, mut free) = (full.clone(), 0);
    let wanted = [20, 36, 50][level as usize - 1];
    for cell in order {
        if free == wanted {
            break;
        }
        let number = std::mem::take(&mut puzzle[cell.0][cell.1]);
        if solve(&mut puzzle, &in_box, 2, &mut Grid::new()) == 1 { free += 1 } else { puzzle[cell.0][cell.1] = number }
    }
    let mut gold = Grid::new();
    solve(&mut puzzle, &in_box, 1, &mut gold);
    let line = |row: &Vec<usize>| {
        row.iter().map(|number| if *number == 0 { ".".to_owned() } else { number.to_string() }).collect::<String>()
    };
    let told = puzzle.iter().map(line).collect::<Vec<_>>().join("/");
    let tuple = |row: &Vec<usize>| format!("({})", row.iter().map(usize::to_string).collect::<Vec<_>>().join(","));
    let gold = format!("({})", gold.iter().map(tuple).collect::<Vec<_>>().join(","));
    let prompt = format!("Solve the sudoku {told} and write ((1,2,..),(4,5,..),..)");
    Made::checked(prompt, json!({ "original_sudoku": puzzle }), gold)
}

/// A futoshiki with one solution: relations and numbers of a full square are added until there is no other.
pub(super) fn futoshiki(level: u32, draws: &mut Draws) -> Made {
    let side = level as usize + 2;
    let full = latin(side, draws);
    let mut relations: Vec<Relation> = cells(side)
        .into_iter()
        .flat_map(|cell| [(cell.0, cell.1 + 1), (cell.0 + 1, cell.1)].map(|next| (cell, next)))
        .filter(|(_, next)| next.0 < side && next.1 < side)
        .collect();
    draws.shuffle(&mut relations);
    // A row keeps a free cell, because the printed grid is known by the X in each of its lines.
    let mut numbers: Vec<(usize, usize)> = (0..side)
        .flat_map(|row| {
            let open = draws.below(side as u64) as usize;
            (0..side).filter(move |column| *column != open).map(move |column| (row, column))
        })
        .collect();
    draws.shuffle(&mut numbers);
    let (mut given, mut prefilled, mut puzzle) = (Vec::new(), Vec::new(), square(side, 0));
    for turn in 0.. {
        // Two relations for a number, and what is left where the others are used up.
        let relation = if turn % 3 == 2 && !numbers.is_empty() { None } else { relations.pop() };
        match (relation, numbers.last().copied()) {
            (Some((a, b)), _) => given.push(if full[a.0][a.1] < full[b.0][b.1] { (a, b) } else { (b, a) }),
            (None, Some(cell)) => {
                numbers.pop();
                puzzle[cell.0][cell.1] = full[cell.0][cell.1];
                prefilled.push(cell);
            }
            // Everything is told that may be, and there are still two solutions.
            (None, None) => break,
        }
        let kept = |grid: &Grid, cell: (usize, usize)| {
            given.iter().filter(|(low, high)| *low == cell || *high == cell).all(|(low, high)| {
                let (low, high) = (grid[low.0][low.1], grid[high.0][high.1]);
                low == 0 || high == 0 || low < high
            })
        };
        let mut gold = Grid::new();
        if turn >= side && solve(&mut puzzle, &kept, 2, &mut gold) == 1 {
            return printed(&puzzle, &gold, &given, &prefilled);
        }
    }
    futoshiki(level, draws)
}

fn printed(puzzle: &Grid, gold: &Grid, given: &[Relation], prefilled: &[(usize, usize)]) -> Made {
    let cell = |number: &usize| if *number == 0 { "X".to_owned() } else { number.to_string() };
    let rows: Vec<Vec<String>> = puzzle.iter().map(|row| row.iter().map(cell).collect()).collect();
    let told = rows.iter().map(|row| row.concat()).collect::<Vec<_>>().join("/");
    let name = |cell: &(usize, usize)| format!("{}{}", char::from(b'a' + cell.0 as u8), cell.1 + 1);
    let relations =
        given.iter().map(|(low, high)| format!("{}<{}", name(low), name(high))).collect::<Vec<_>>().join(" ");
    let side = puzzle.len();
    let prompt = format!(
        "Fill each row and column with 1 to {side}: {told}, rows a, b, ..: {relations}. Write [[1 2 ..,3 4 ..,..]]"
    );
    let grid = rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>().join("\n");
    let constraints: Vec<_> = given.iter().map(|(low, high)| json!([[low.0, low.1], [high.0, high.1], "<"])).collect();
    let coordinates: Vec<_> = prefilled.iter().map(|cell| json!([cell.0, cell.1])).collect();
    let metadata = json!({ "grid_size": side, "prefilled_coords": coordinates, "constraints": constraints });
    let question = format!("{prompt}\nCurrent puzzle:\n{grid}\n");
    Made { question: Some(question), ..Made::checked(prompt, metadata, spaced(gold)) }
}

/// A square cut into regions of one to three cells, each with what its numbers make.
pub(super) fn calcudoko(level: u32, draws: &mut Draws) -> Made {
    let side = level as usize + 2;
    let full = latin(side, draws);
    let mut order = cells(side);
    draws.shuffle(&mut order);
    let mut taken = square(side, false);
    let (mut regions, mut told) = (Vec::new(), Vec::new());
    for start in order {
        if taken[start.0][start.1] {
            continue;
        }
        let mut region = vec![start];
        taken[start.0][start.1] = true;
        let wanted = 1 + draws.below(3) as usize;
        while region.len() < wanted {
            // Numbers of a region differ.
            let mut next: Vec<_> = region.iter().flat_map(|cell| near(*cell, side, false)).collect();
            next.retain(|cell| {
                !taken[cell.0][cell.1] && region.iter().all(|known| full[known.0][known.1] != full[cell.0][cell.1])
            });
            if next.is_empty() {
                break;
            }
            let cell = next[draws.below(next.len() as u64) as usize];
            taken[cell.0][cell.1] = true;
            region.push(cell);
        }
        region.sort_unstable();
        let numbers: Vec<usize> = region.iter().map(|cell| full[cell.0][cell.1]).collect();
        let (sum, product): (usize, usize) = (numbers.iter().sum(), numbers.iter().product());
        let (operator, target) = match (numbers.as_slice(), draws.below(3)) {
            ([a, b], 0) => ("-", a.abs_diff(*b)),
            ([_, _, ..], 1) => ("*", product),
            _ => ("+", sum),
        };
        let names: Vec<String> = region.iter().map(|cell| format!("({},{})", cell.0 + 1, cell.1 + 1)).collect();
        told.push(format!("{}{}={target}", operator, names.concat()));
        regions.push(json!({ "cells": names, "target": target, "operator": operator }));
    }
    let prompt = format!(
        "Fill each row and column with 1 to {side}; cells (row,column) make: {}. Write [[1 2 ..,3 4 ..,..]]",
        told.join(" ")
    );
    Made::checked(prompt, json!({ "grid_size": side, "regions": regions }), spaced(&full))
}
