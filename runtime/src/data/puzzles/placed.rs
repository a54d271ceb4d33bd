//! Things put into a grid: tents, mines and walls.

use super::{Made, bracketed, cells, near, square};
use crate::rng::Draws;
use serde_json::json;

/// Tents that do not touch, each beside a tree of its own.
pub(super) fn campsite(level: u32, draws: &mut Draws) -> Made {
    let side = [3, 4, 6][level as usize - 1];
    let wanted = 1 + draws.below(side as u64 - 1) as usize;
    let mut order = cells(side);
    draws.shuffle(&mut order);
    let mut grid = square(side, 'X');
    let mut tents = 0;
    for tent in order {
        if tents > wanted
            || grid[tent.0][tent.1] != 'X'
            || near(tent, side, true).iter().any(|cell| grid[cell.0][cell.1] == 'C')
        {
            continue;
        }
        let free: Vec<_> = near(tent, side, false).into_iter().filter(|cell| grid[cell.0][cell.1] == 'X').collect();
        if free.is_empty() {
            continue;
        }
        let tree = free[draws.below(free.len() as u64) as usize];
        grid[tent.0][tent.1] = 'C';
        grid[tree.0][tree.1] = 'T';
        tents += 1;
    }
    let count = |line: &dyn Fn(usize) -> char| (0..side).filter(|at| line(*at) == 'C').count();
    let rows: Vec<usize> = (0..side).map(|row| count(&|at| grid[row][at])).collect();
    let columns: Vec<usize> = (0..side).map(|column| count(&|at| grid[at][column])).collect();
    let quoted = |grid: &[Vec<char>]| {
        bracketed(&grid.iter().map(|row| row.iter().map(|cell| format!("\"{cell}\"")).collect()).collect::<Vec<_>>())
    };
    let trees: Vec<Vec<char>> =
        grid.iter().map(|row| row.iter().map(|cell| if *cell == 'T' { 'T' } else { 'X' }).collect()).collect();
    let told = trees.iter().map(|row| row.iter().collect::<String>()).collect::<Vec<_>>().join("/");
    let list = |sums: &[usize]| sums.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    let prompt = format!(
        "Put a tent C beside each tree T, no tents touching: {told}, tents by row {}, by column {}. Write [[\"X\",\"C\",..],..]",
        list(&rows),
        list(&columns)
    );
    let given: Vec<Vec<String>> = trees.iter().map(|row| row.iter().map(char::to_string).collect()).collect();
    let metadata = json!({ "grid": given, "n": side, "m": side, "row_constraints": rows, "col_constraints": columns });
    Made::checked(prompt, metadata, quoted(&grid))
}

/// Numbers of mines around cells, of which some are covered; which of those are mines follows from the numbers.
pub(super) fn minesweeper(level: u32, draws: &mut Draws) -> Made {
    let side = level as usize + 2;
    let mut order = cells(side);
    draws.shuffle(&mut order);
    let mines: Vec<(usize, usize)> = order.drain(..level as usize + 1).collect();
    let mut covered: Vec<(usize, usize)> = mines.clone();
    // Safe cells are covered one by one while there is one solution.
    for cell in order {
        if covered.len() == 10 {
            break;
        }
        covered.push(cell);
        if ways(side, &mines, &covered) != 1 {
            covered.pop();
        }
    }
    let around = |cell: &(usize, usize)| near(*cell, side, true).iter().filter(|near| mines.contains(near)).count();
    let line = |row: usize| {
        let sign = |column| match covered.contains(&(row, column)) {
            true => "X".to_owned(),
            false => around(&(row, column)).to_string(),
        };
        (0..side).map(sign).collect::<String>()
    };
    let told = (0..side).map(line).collect::<Vec<_>>().join("/");
    let mut sorted = mines.clone();
    sorted.sort_unstable();
    let gold = sorted.iter().map(|(row, column)| format!("({row},{column})")).collect::<Vec<_>>().join(",");
    let prompt = format!("{} mines are under the X of {told}. Write [(row,column),..] from 0", mines.len());
    Made::checked(prompt, json!({ "current_mines": sorted }), format!("[{gold}]"))
}

/// How many ways there are to put as many mines under the covered cells, with the same numbers outside.
fn ways(side: usize, mines: &[(usize, usize)], covered: &[(usize, usize)]) -> usize {
    let seen: Vec<(usize, usize)> = cells(side).into_iter().filter(|cell| !covered.contains(cell)).collect();
    // Bits of the covered cells around a seen one, and how many of them are mines.
    let rules: Vec<(u32, u32)> = seen
        .iter()
        .map(|cell| {
            let beside = near(*cell, side, true);
            let bits = covered.iter().enumerate().filter(|(_, known)| beside.contains(known));
            let count = beside.iter().filter(|known| mines.contains(known)).count();
            (bits.fold(0, |bits, (at, _)| bits | 1 << at), count as u32)
        })
        .collect();
    let count = mines.len() as u32;
    let good =
        |way: &u32| way.count_ones() == count && rules.iter().all(|(bits, mines)| (way & bits).count_ones() == *mines);
    (0..1u32 << covered.len()).filter(good).take(2).count()
}

/// Walls that make no square, and islands between them that do not touch at a corner; each island tells its size once.
pub(super) fn number_wall(level: u32, draws: &mut Draws) -> Made {
    let side = level as usize + 2;
    let mut wall = square(side, false);
    let mut order = cells(side);
    draws.shuffle(&mut order);
    let most = order.len() * 3 / 5;
    for cell in order.into_iter().take(most) {
        wall[cell.0][cell.1] = true;
        if !stands(&wall) {
            wall[cell.0][cell.1] = false;
        }
    }
    let mut puzzle = square(side, json!("X"));
    let (mut gold, mut met) = (square(side, "\"X\"".to_owned()), wall.clone());
    for start in cells(side) {
        if wall[start.0][start.1] {
            gold[start.0][start.1] = "\"A\"".to_owned();
        }
        if met[start.0][start.1] {
            continue;
        }
        let island = island(&wall, start);
        for cell in &island {
            met[cell.0][cell.1] = true;
        }
        let (row, column) = island[draws.below(island.len() as u64) as usize];
        puzzle[row][column] = json!(island.len());
        gold[row][column] = island.len().to_string();
    }
    let told =
        puzzle.iter().map(|row| row.iter().map(|cell| cell.to_string().replace('"', "")).collect::<Vec<_>>().join(" "));
    let told = told.collect::<Vec<_>>().join("/");
    let prompt = format!(
        "Make walls A: each island has one number, its size; no 2x2 of walls, no islands corner to corner: {told}. Write [[\"A\",\"X\",2,..],..]"
    );
    Made::checked(prompt, json!({ "grid": puzzle, "n": side }), bracketed(&gold))
}

/// The cells of an island.
fn island(wall: &[Vec<bool>], start: (usize, usize)) -> Vec<(usize, usize)> {
    let (mut all, mut at) = (vec![start], 0);
    while let Some(cell) = all.get(at).copied() {
        for next in near(cell, wall.len(), false) {
            if !wall[next.0][next.1] && !all.contains(&next) {
                all.push(next);
            }
        }
        at += 1;
    }
    all
}

/// Whether walls keep the rules, and some cell is no wall.
fn stands(wall: &[Vec<bool>]) -> bool {
    let side = wall.len();
    let apart = |a: (usize, usize), b: (usize, usize)| !island(wall, a).contains(&b);
    let good = |(row, column): (usize, usize)| {
        let [a, b, c, d] = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(down, across)| (row + down, column + across));
        match [a, b, c, d].map(|(row, column)| wall[row][column]) {
            [true, true, true, true] => false,
            [false, true, true, false] => !apart(a, d),
            [true, false, false, true] => !apart(b, c),
            _ => true,
        }
    };
    wall.iter().flatten().any(|wall| !wall) && cells(side - 1).into_iter().all(good)
}
