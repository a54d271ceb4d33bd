//! Squares in which every row and column holds each number once: sudoku, futoshiki, skyscrapers and calcudoku.

use super::game::{Game, LONGEST_SIDE, as_int};
use super::grid::{at, cells, columns, has_shape, is, is_complete, is_latin, numbers};
use super::literal::literal;
use super::text::{first_match, int, is_blank, is_digit, last_match, python_block, regex, trim, words};
use super::value::{Fault, Py, Read};
use std::collections::BTreeSet;

/// The last python block, else the last `((..))`: nine rows of nine numbers. Data: `original_sudoku`, free cells are 0 or X.
pub(super) fn sudoku(game: &Game<'_>, answer: &str) -> Read<bool> {
    let tuple = || last_match(regex!(r"(?s)\(~*\(~*\d+~*,.*?\)~*\)"), answer);
    let Some(found) = python_block(answer).or_else(tuple) else { return Ok(false) };
    let value = literal(found)?;
    if matches!(value, Py::Str(_)) {
        return Ok(false);
    }
    let grid = numbers(&value.rows()?)?;
    let boxes = (0..9).map(|number| {
        let corner = (number / 3 * 3, number % 3 * 3);
        cells(3, 3).filter_map(|(row, column)| at(&grid, (corner.0 + row, corner.1 + column)).ok().copied()).collect()
    });
    if !is_latin(&grid, 9) || !boxes.collect::<Vec<Vec<i128>>>().iter().all(|numbers| is_complete(numbers, 9)) {
        return Ok(false);
    }
    let given = game.rows("original_sudoku")?;
    for cell in cells(9, 9) {
        let value = at(&given, cell)?;
        let free = *value == Py::Int(0) || is(value, "X") || is(value, "x");
        if !free && as_int(value)? != *at(&grid, cell)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The last `[[1 2,2 1]]`: rows with commas between them, numbers with blanks. Data: `grid_size`, `prefilled_coords` (their
/// values stand in the question behind "Current puzzle:"), `constraints` as `[[r,c],[r,c],"<"]`.
pub(super) fn futoshiki(game: &Game<'_>, answer: &str) -> Read<bool> {
    let Some(grid) = futoshiki_grid(answer) else { return Ok(false) };
    // numpy's numbers have 64 bits.
    let fits = grid.iter().flatten().all(|number| i64::try_from(*number).is_ok());
    // A size that is no number is none of this grid.
    if !fits || game.get("grid_size")? != Py::Int(grid.len() as i128) || !is_latin(&grid, grid.len()) {
        return Ok(false);
    }
    let given = printed_rows(game.question()?);
    for pair in game.list("prefilled_coords")? {
        let (row, column) = coordinates(&pair)?;
        let printed = given.get(row).and_then(|row| row.get(column)).and_then(|text| int(text));
        if let Some(printed) = printed
            && *at(&grid, (row, column))? != printed
        {
            return Ok(false);
        }
    }
    for constraint in game.list("constraints")? {
        let parts = constraint.items()?;
        let [first, second, sign] = parts.as_slice() else { return Err(Fault::Unusable) };
        let (first, second) = (at(&grid, coordinates(first)?)?, at(&grid, coordinates(second)?)?);
        let broken = match sign.text() {
            Some(">") => first <= second,
            Some("<") => first >= second,
            _ => false,
        };
        if broken {
            return Ok(false);
        }
    }
    Ok(true)
}

fn futoshiki_grid(answer: &str) -> Option<Vec<Vec<i128>>> {
    let answer = trim(answer);
    if let Some(inside) = last_match(regex!(r"\[\[([^\]]+)\]\]"), answer) {
        let row =
            |row: &str| regex!(r"\d+").find_iter(row).map(|found| int(found.as_str())).collect::<Option<Vec<_>>>();
        let grid: Vec<Vec<i128>> = inside.split(',').map(row).collect::<Option<_>>()?;
        if has_shape(&grid, grid.len(), grid.len()) {
            return Some(grid);
        }
    }
    let inside = answer.strip_prefix("[[")?.strip_suffix("]]")?;
    let grid: Vec<Vec<i128>> = inside.split(',').map(|row| words(row).map(int).collect()).collect::<Option<_>>()?;
    // Rows of several lengths are no grid.
    has_shape(&grid, grid.len(), grid.first().map_or(0, Vec::len)).then_some(grid)
}

/// The rows of the grid behind "Current puzzle:", which are lines that hold an X; a line without one ends them.
fn printed_rows(question: &str) -> Vec<Vec<&str>> {
    let (mut rows, mut inside) = (Vec::new(), false);
    for line in question.split('\n') {
        if line.contains("Current puzzle:") {
            inside = true;
        } else if inside && !trim(line).is_empty() {
            if line.contains('X') {
                rows.push(words(line).collect());
            } else if !rows.is_empty() {
                inside = false;
            }
        }
    }
    rows
}

fn coordinates(value: &Py) -> Read<(usize, usize)> {
    let place = |value: &Py| value.int().and_then(|number| usize::try_from(number).ok()).ok_or(Fault::Unusable);
    match value.items()?.as_slice() {
        [row, column] => Ok((place(row)?, place(column)?)),
        _ => Err(Fault::Unusable),
    }
}

/// The first python block. Data: `n`, and how many towers are seen from `top`, `bottom`, `left` and `right`.
pub(super) fn skyscrapers(game: &Game<'_>, answer: &str) -> Read<bool> {
    let side = game.side("n")?;
    let Some(block) = first_match(regex!(r"```python~*\n((?s:.*?))\n~*```"), answer) else { return Ok(false) };
    let block = trim(block);
    let value = literal(block).or_else(|_| literal(trim(&regex!(r"(?m)#.*$").replace_all(block, ""))))?;
    let rows = value.list().ok_or(Fault::Unusable)?;
    let rows =
        rows.iter().map(|row| row.list().map(<[Py]>::to_vec).ok_or(Fault::Unusable)).collect::<Read<Vec<_>>>()?;
    let grid = numbers(&rows)?;
    if !is_latin(&grid, side) {
        return Ok(false);
    }
    let down = columns(&grid);
    for (name, lines, turned) in
        [("top", &down, false), ("bottom", &down, true), ("left", &grid, false), ("right", &grid, true)]
    {
        let wanted = game.list(name)?;
        for (at, line) in lines.iter().enumerate() {
            let seen = if turned { visible(line.iter().rev()) } else { visible(line.iter()) };
            if *wanted.get(at).ok_or(Fault::Unusable)? != Py::Int(seen) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// How many are higher than all before.
fn visible<'a>(line: impl Iterator<Item = &'a i128>) -> i128 {
    let (mut seen, mut highest) = (0, 0);
    for height in line.filter(|height| **height > 0) {
        if *height > highest {
            (seen, highest) = (seen + 1, *height);
        }
    }
    seen
}

/// The first `[[1 2,2 1]]` on a line, else the last python block, else the text. Data: `grid_size`, `regions` with `cells`
/// (`"(r,c)"` from 1), `target` and `operator`.
pub(super) fn calcudoko(game: &Game<'_>, answer: &str) -> Read<bool> {
    let side = match game.value("grid_size") {
        Ok(_) => game.side("grid_size")?,
        Err(_) => 4,
    };
    // An answer that cannot be read counts as rows 1, 2, .., which is right for a side of 1 only.
    let grid = calcudoko_grid(answer, side).unwrap_or_else(|_| vec![(1..=side as i128).collect(); side]);
    if !is_latin(&grid, side) {
        return Ok(false);
    }
    let regions = match game.value("regions") {
        Ok(_) => game.get("regions")?.iterated()?,
        Err(_) => Vec::new(),
    };
    for region in regions {
        let Py::Dict(entries) = &region else { return Err(Fault::Unusable) };
        let entry = |key: &str| super::value::lookup(entries, &Py::Str(key.into())).ok_or(Fault::Unusable);
        let numbers = region_numbers(&entry("cells")?.iterated()?, &grid)?;
        if numbers.iter().collect::<BTreeSet<_>>().len() != numbers.len() {
            return Ok(false);
        }
        if !keeps_target(&numbers, entry("operator")?, entry("target")?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A cell that is no `"(r,c)"` stands for the one up and left of the cell before it: so the reference counts.
fn region_numbers(names: &[Py], grid: &[Vec<i128>]) -> Read<Vec<i128>> {
    let mut place: Option<(i128, i128)> = None;
    let mut numbers = Vec::new();
    for name in names {
        if let Some(found) = name.text().and_then(|name| regex!(r"\((\d+)~*,~*(\d+)\)").captures(name)) {
            let [row, column] = [1, 2].map(|group| found.get(group).and_then(|digits| int(digits.as_str())));
            place = row.zip(column);
        }
        let (row, column) = place.ok_or(Fault::Unusable)?;
        let (row, column) = (row.saturating_sub(1), column.saturating_sub(1));
        place = Some((row, column));
        let cell = usize::try_from(row).ok().zip(usize::try_from(column).ok()).ok_or(Fault::Unusable)?;
        numbers.push(*at(grid, cell)?);
    }
    Ok(numbers)
}

fn keeps_target(numbers: &[i128], operator: &Py, target: &Py) -> Read<bool> {
    let two = || match numbers {
        [a, b] => Some((*a, *b)),
        _ => None,
    };
    Ok(match operator.text() {
        Some("+") => Py::Int(numbers.iter().sum()) == *target,
        Some("-") => two().is_some_and(|(a, b)| Py::Int(a - b) == *target || Py::Int(b - a) == *target),
        Some("*") => {
            // A product beyond 64 bits wraps around in the reference, and is no target here.
            let product = numbers.iter().try_fold(1i128, |product, number| product.checked_mul(*number));
            product.ok_or(Fault::Limit).map(|product| Py::Int(product) == *target)?
        }
        _ => {
            let target = match target {
                Py::Float(number) => *number,
                other => other.int().ok_or(Fault::Unusable)? as f64,
            };
            let near = |a: i128, b: i128| (a as f64 / b as f64 - target).abs() < 0.001;
            two().is_some_and(|(a, b)| near(a, b) || near(b, a))
        }
    })
}

/// Rows with commas between them, numbers with blanks. Short rows and missing rows are filled with ones, long ones cut.
fn calcudoko_grid(answer: &str, side: usize) -> Read<Vec<Vec<i128>>> {
    let bracketed = first_match(regex!(r"\[\[(.*?)\]\]"), answer);
    let tuple = || last_match(regex!(r"(?s)\(~*\(~*\d+~*,.*?\)~*\)"), answer);
    let found = bracketed.or_else(|| python_block(answer)).or_else(tuple).unwrap_or(answer);
    let keeps = |letter: &char| is_digit(*letter) || matches!(letter, '[' | ']' | ',') || is_blank(*letter);
    let kept: String = found.chars().filter(keeps).collect();
    let mut grid: Vec<Vec<i128>> = Vec::new();
    let mut told: Option<Vec<Vec<i128>>> = None;
    for row in kept.trim_matches(['[', ']']).split(',') {
        let mut numbers = read_row(row)?;
        if numbers.len() < side {
            let told = match &told {
                Some(told) => told,
                None => told.insert(told_rows(answer)?),
            };
            if told.len() == side {
                grid = told.clone();
                break;
            }
        }
        numbers.resize(side, 1);
        // What stands behind the last row still has to be numbers, and is not kept.
        if grid.len() < side {
            grid.push(numbers);
        }
    }
    grid.resize(side, Vec::new());
    for row in &mut grid {
        row.resize(side, 1);
    }
    Ok(grid)
}

fn read_row(row: &str) -> Read<Vec<i128>> {
    words(row).map(|word| int(word).ok_or(Fault::Unusable)).collect()
}

/// Rows that are told one by one: `Row 1: 1 2 3`.
fn told_rows(answer: &str) -> Read<Vec<Vec<i128>>> {
    let mut rows = Vec::new();
    let patterns = [
        regex!(r"第~*\d+~*行~*[:：]~*([\d~]+)"),
        regex!(r"行~*\d+~*[:：]~*([\d~]+)"),
        regex!(r"Row~*\d+~*[:：]~*([\d~]+)"),
        regex!(r"- 第\d+行[:：]?~*([\d~]+)"),
        regex!(r"- 行\d+[:：]?~*([\d~]+)"),
        regex!(r"- Row\d+[:：]?~*([\d~]+)"),
    ];
    for pattern in patterns {
        for found in pattern.captures_iter(answer).filter_map(|found| found.get(1)) {
            if rows.len() > LONGEST_SIDE {
                return Ok(rows);
            }
            rows.push(read_row(found.as_str())?);
        }
    }
    Ok(rows)
}
