//! Things put into a grid: stars, tents, dominoes and mines.

use super::game::{Game, LONGEST_SIDE};
use super::grid::{AROUND, BESIDE, Cell, at, cells, has_shape, is, step};
use super::literal::literal;
use super::text::{first_match, int, regex};
use super::value::{Fault, Py, Read};
use super::walls::beside;
use std::collections::{BTreeMap, BTreeSet};

/// Most pairs of numbers of an answer.
const MOST_PAIRS: usize = 20_000;

/// The first python block, in it the first `{..}` that is a dictionary of regions to `[(row, column)]` from 1. Data: `n`, `k`,
/// `region_grid`. Names of regions and repeats do not matter, only the marked cells do.
pub(super) fn stars(game: &Game<'_>, answer: &str) -> Read<bool> {
    let (side, count, regions) = (game.side("n")?, game.get("k")?, game.rows("region_grid")?);
    let Some(block) = first_match(regex!(r"```python~*\n((?s:.*?))\n~*```"), answer) else { return Ok(false) };
    let Some(marked) = regex!(r"\{[^{}]*\}")
        .find(block)
        .and_then(|found| marked(found.as_str()))
        .or_else(|| marked(first_match(regex!(r"\w+~*=~*(\{[^{}]*\})"), block)?))
    else {
        return Ok(false);
    };
    let mut grid = vec![vec![false; side]; side];
    for (row, column) in marked {
        let inside = |place: i128| place.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let cell = inside(row).zip(inside(column)).and_then(|(row, column)| grid.get_mut(row)?.get_mut(column));
        match cell {
            Some(cell) => *cell = true,
            None => return Ok(false),
        }
    }
    let starred = |cell: &Cell| at(&grid, *cell) == Ok(&true);
    let (mut rows, mut columns) = (vec![0i128; side], vec![0i128; side]);
    let mut by_region: Vec<(&Py, i128)> = Vec::new();
    for cell in cells(side, side) {
        let star = i128::from(starred(&cell));
        *rows.get_mut(cell.0).ok_or(Fault::Unusable)? += star;
        *columns.get_mut(cell.1).ok_or(Fault::Unusable)? += star;
        let name = at(&regions, cell)?;
        let count = by_region.len();
        match by_region.iter_mut().find(|(known, _)| *known == name) {
            Some((_, stars)) => *stars += star,
            None if count > LONGEST_SIDE => return Err(Fault::Limit),
            None => by_region.push((name, star)),
        }
        if star > 0 && AROUND.iter().filter_map(|by| step(cell, *by, side, side)).any(|near| starred(&near)) {
            return Ok(false);
        }
    }
    let all = rows.iter().chain(&columns).chain(by_region.iter().map(|(_, stars)| stars));
    Ok(all.map(|stars| Py::Int(*stars)).all(|stars| stars == count))
}

/// The cells of a dictionary of lists of pairs; none where it is no such thing, or names nothing.
fn marked(text: &str) -> Option<Vec<(i128, i128)>> {
    let Ok(Py::Dict(regions)) = literal(text) else { return None };
    if regions.is_empty() {
        return None;
    }
    let mut cells = Vec::new();
    for (_, places) in &regions {
        for place in places.iterated().ok()? {
            match place.items().ok()?.as_slice() {
                [row, column] => cells.push((row.int()?, column.int()?)),
                _ => return None,
            }
        }
    }
    Some(cells)
}

/// The first `[[..]]`. Data: `grid` with T for a tree, `n` rows, `m` columns, `row_constraints` and `col_constraints`.
/// C is a tent: as many as trees, each beside its own one, none touching another.
pub(super) fn campsite(game: &Game<'_>, answer: &str) -> Read<bool> {
    let Some(found) = first_match(regex!(r"(?s)\[~*\[.*?\]~*\]"), answer) else { return Ok(false) };
    let grid = literal(found)?.rows()?;
    let (rows, columns) = (game.side("n")?, game.side("m")?);
    if !has_shape(&grid, rows, columns) || rows == 0 || columns == 0 {
        return Ok(false);
    }
    let given = game.rows("grid")?;
    for cell in cells(given.len(), given.first().map_or(0, Vec::len)) {
        if is(at(&given, cell)?, "T") != is(at(&grid, cell)?, "T") {
            return Ok(false);
        }
    }
    let all = |sign: &str| {
        cells(rows, columns).filter(|cell| at(&grid, *cell).is_ok_and(|value| is(value, sign))).collect::<Vec<_>>()
    };
    let (tents, trees) = (all("C"), all("T"));
    let (by_row, by_column) = (game.list("row_constraints")?, game.list("col_constraints")?);
    for row in 0..rows {
        let count = tents.iter().filter(|tent| tent.0 == row).count();
        if *by_row.get(row).ok_or(Fault::Unusable)? != Py::Int(count as i128) {
            return Ok(false);
        }
    }
    for column in 0..columns {
        let count = tents.iter().filter(|tent| tent.1 == column).count();
        if *by_column.get(column).ok_or(Fault::Unusable)? != Py::Int(count as i128) {
            return Ok(false);
        }
    }
    let places: BTreeSet<Cell> = tents.iter().copied().collect();
    let touches =
        |tent: &Cell| AROUND.iter().filter_map(|by| step(*tent, *by, rows, columns)).any(|near| places.contains(&near));
    if tents.iter().any(touches) || tents.len() != trees.len() {
        return Ok(false);
    }
    Ok(paired(&tents, &trees, rows, columns))
}

/// Whether every tent can have a tree of its own beside it. Tents and trees make chains; each way along one is looked for
/// at most once a tent, so the work is bounded by four times the square of the number of tents.
fn paired(tents: &[Cell], trees: &[Cell], rows: usize, columns: usize) -> bool {
    let number: BTreeMap<Cell, usize> = trees.iter().enumerate().map(|(at, tree)| (*tree, at)).collect();
    let near: Vec<Vec<usize>> = tents
        .iter()
        .map(|tent| BESIDE.iter().filter_map(|by| number.get(&step(*tent, *by, rows, columns)?).copied()).collect())
        .collect();
    let mut owner: Vec<Option<usize>> = vec![None; trees.len()];
    (0..tents.len()).all(|tent| {
        // Breadth first: the tent through which a tree was reached leads back to the start.
        let mut from: BTreeMap<usize, usize> = BTreeMap::new();
        let mut open = std::collections::VecDeque::from([tent]);
        while let Some(current) = open.pop_front() {
            for tree in near.get(current).into_iter().flatten() {
                if from.contains_key(tree) {
                    continue;
                }
                from.insert(*tree, current);
                match owner.get(*tree).copied().flatten() {
                    Some(other) => open.push_back(other),
                    None => {
                        hand_over(&mut owner, &from, *tree, tent);
                        return true;
                    }
                }
            }
        }
        false
    })
}

/// Each tent on the way back takes the tree that it led to, and leaves its own to the one before.
fn hand_over(owner: &mut [Option<usize>], from: &BTreeMap<usize, usize>, tree: usize, start: usize) {
    let mut tree = tree;
    while let Some(tent) = from.get(&tree).copied() {
        let left = owner.iter().position(|held| *held == Some(tent));
        if let Some(held) = owner.get_mut(tree) {
            *held = Some(tent);
        }
        match left {
            Some(left) if tent != start => tree = left,
            _ => return,
        }
    }
}

/// All `[(r, c), (r, c)]` from 1, else all pairs of pairs. Data: `region_grid`, X for a cell that must be covered and counts
/// in no region. A region with a covered cell has two; regions without one are not looked at.
pub(super) fn norinori(game: &Game<'_>, answer: &str) -> Read<bool> {
    let regions = game.rows("region_grid")?;
    let side = regions.len();
    let patterns = [
        regex!(r"\[\((\d+),~*(\d+)\),~*\((\d+),~*(\d+)\)\]"),
        regex!(r"\(~*(\d+)~*,~*(\d+)~*\)~*,~*\(~*(\d+)~*,~*(\d+)~*\)"),
    ];
    let mut dominoes: Vec<[(usize, usize); 2]> = Vec::new();
    for pattern in patterns {
        if !dominoes.is_empty() {
            break;
        }
        for found in pattern.captures_iter(answer) {
            let place = |group: usize| found.get(group).and_then(|digits| int(digits.as_str())).ok_or(Fault::Unusable);
            let cell = |row, column| -> Read<Option<Cell>> {
                let inside = |number: i128| usize::try_from(number - 1).ok().filter(|at| *at < side);
                Ok(inside(place(row)?).zip(inside(place(column)?)))
            };
            match (cell(1, 2)?, cell(3, 4)?) {
                (Some(first), Some(second)) => dominoes.push([first, second]),
                _ => return Ok(false),
            }
            if dominoes.len() > side * side {
                return Ok(false);
            }
        }
    }
    let mut covered: BTreeMap<Cell, usize> = BTreeMap::new();
    for (number, [first, second]) in dominoes.iter().enumerate() {
        let fits = beside(*first, *second, side, side);
        if !fits || covered.insert(*first, number).is_some() || covered.insert(*second, number).is_some() {
            return Ok(false);
        }
    }
    let mut counts: Vec<(&Py, usize)> = Vec::new();
    for (cell, number) in &covered {
        let near = BESIDE.iter().filter_map(|by| covered.get(&step(*cell, *by, side, side)?));
        if near.into_iter().any(|other| other != number) {
            return Ok(false);
        }
        let region = at(&regions, *cell)?;
        match counts.iter_mut().find(|(known, _)| *known == region) {
            _ if is(region, "X") => {}
            Some((_, count)) => *count += 1,
            None => counts.push((region, 1)),
        }
    }
    for cell in cells(side, side) {
        if is(at(&regions, cell)?, "X") && !covered.contains_key(&cell) {
            return Ok(false);
        }
    }
    Ok(counts.iter().all(|(_, count)| *count == 2))
}

/// All `[(r,c),..]`, else all `[[r,c],..]`, else all `(r,c),..`, else any two numbers with something between them. Data: `current_mines`.
pub(super) fn minesweeper(game: &Game<'_>, answer: &str) -> Read<bool> {
    let lists = [
        regex!(r"\[~*\(~*\d+~*,~*\d+~*\)(?:~*,~*\(~*\d+~*,~*\d+~*\))*~*\]"),
        regex!(r"\[~*\[~*\d+~*,~*\d+~*\](?:~*,~*\[~*\d+~*,~*\d+~*\])*~*\]"),
        regex!(r"\(~*\d+~*,~*\d+~*\)(?:~*,~*\(~*\d+~*,~*\d+~*\))*"),
    ];
    let one = regex!(r"[(\[]~*(\d+)~*,~*(\d+)~*[)\]]");
    let mut told: Vec<(i128, i128)> = Vec::new();
    for list in lists {
        for found in list.find_iter(answer) {
            pairs(one, found.as_str(), &mut told)?;
        }
        if !told.is_empty() {
            break;
        }
    }
    if told.is_empty() {
        pairs(regex!(r"(\d+)[^\d]+(\d+)"), answer, &mut told)?;
    }
    let told: BTreeSet<(i128, i128)> = told.into_iter().collect();
    let mut expected: Vec<Py> = Vec::new();
    for mine in game.list("current_mines")? {
        let mine = Py::Tuple(mine.iterated()?);
        if !expected.contains(&mine) {
            expected.push(mine);
        }
        if expected.len() > LONGEST_SIDE * 10 {
            return Err(Fault::Limit);
        }
    }
    let known = |mine: &Py| match mine {
        Py::Tuple(place) => match place.as_slice() {
            [row, column] => whole(row).zip(whole(column)).is_some_and(|place| told.contains(&place)),
            _ => false,
        },
        _ => false,
    };
    Ok(told.len() == expected.len() && expected.iter().all(known))
}

/// A whole number, also one written as a float.
fn whole(value: &Py) -> Option<i128> {
    match value {
        Py::Float(number) if number.fract() == 0.0 => Some(*number as i128),
        other => other.int(),
    }
}

/// Pairs of numbers of all matches. Numbers that Python cannot convert are a fault.
fn pairs(pattern: &regex::Regex, text: &str, to: &mut Vec<(i128, i128)>) -> Read<()> {
    for found in pattern.captures_iter(text) {
        let number = |group: usize| found.get(group).and_then(|digits| int(digits.as_str())).ok_or(Fault::Unusable);
        to.push((number(1)?, number(2)?));
        if to.len() > MOST_PAIRS {
            return Err(Fault::Limit);
        }
    }
    Ok(())
}
