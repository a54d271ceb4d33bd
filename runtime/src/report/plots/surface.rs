//! A penalty over length and solve rate as a picture: the darker, the more it takes.

use super::super::words;
use super::*;
use crate::run_folder::PenaltySurface;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 280.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 206.0;
/// More cells than this cannot be seen, and make the page large.
const CELLS: usize = 48;
const ROWS: usize = 24;

/// The picture; none without values. Costs are in one colour, gains in another.
pub(crate) fn surface(surface: &PenaltySurface, label: &str) -> Option<String> {
    let columns = picked(surface.length.len(), CELLS);
    let rows = picked(surface.solve_rate.len(), ROWS);
    let value = |row: usize, column: usize| surface.value.get(row).and_then(|values| values.get(column)).copied();
    let values = || rows.iter().flat_map(|row| columns.iter().filter_map(|column| value(*row, *column)));
    let most = values().filter(|value| value.is_finite()).map(f64::abs).fold(0.0, f64::max);
    values().next()?;
    let left = 48.0;
    let right = WIDTH - 10.0;
    let cell_width = (right - left) / columns.len() as f64;
    let cell_height = (BOTTOM - TOP) / rows.len() as f64;
    Some(draw(WIDTH, HEIGHT, label, |canvas| {
        canvas.text("solve rate of the group", (2.0, 8.0), Ink::Muted, HPos::Left, VPos::Center);
        for (up, row) in rows.iter().enumerate() {
            let lower = BOTTOM - up as f64 * cell_height;
            for (along, column) in columns.iter().enumerate() {
                let amount = value(*row, *column).filter(|value| value.is_finite()).unwrap_or(0.0);
                let from = (left + along as f64 * cell_width, lower - cell_height);
                let to = (left + (along + 1) as f64 * cell_width, lower);
                canvas.rectangle(from, to, colour(amount), strength(amount, most));
            }
        }
        for (up, row) in labelled(&rows, 9) {
            let middle = BOTTOM - (up as f64 + 0.5) * cell_height;
            let rate = surface.solve_rate.get(row).copied().unwrap_or(0.0);
            canvas.text(&words::plain_percent(rate), (left - 6.0, middle), Ink::Muted, HPos::Right, VPos::Center);
        }
        for (along, column) in labelled(&columns, 6) {
            let middle = left + (along as f64 + 0.5) * cell_width;
            let text = words::short(surface.length.get(column).copied().unwrap_or(0.0));
            let place = middle.min(WIDTH - 2.0 - text_width(&text) / 2.0);
            canvas.line((middle, BOTTOM), (middle, BOTTOM + 4.0), Ink::Muted, 1.0);
            canvas.text(&text, (place, BOTTOM + 7.0), Ink::Muted, HPos::Center, VPos::Top);
        }
        let centre = (left + right) / 2.0;
        canvas.text("length, tokens", (centre, BOTTOM + 24.0), Ink::Muted, HPos::Center, VPos::Top);
        key(canvas, values().fold(0.0, f64::min), values().fold(0.0, f64::max), most);
    }))
}

fn key(canvas: &mut Canvas, low: f64, high: f64, most: f64) {
    let (from, to, steps) = (100.0, 300.0, 40);
    let width = (to - from) / f64::from(steps);
    for step in 0..steps {
        let amount = low + (high - low) * (f64::from(step) + 0.5) / f64::from(steps);
        let start = from + f64::from(step) * width;
        canvas.rectangle(
            (start, HEIGHT - 28.0),
            (start + width, HEIGHT - 18.0),
            colour(amount),
            strength(amount, most),
        );
    }
    for (value, place) in [(low, from), (high, to)] {
        canvas.text(&format!("{value:.2}"), (place, HEIGHT - 3.0), Ink::Muted, HPos::Center, VPos::Bottom);
    }
    canvas.text("reward", ((from + to) / 2.0, HEIGHT - 3.0), Ink::Muted, HPos::Center, VPos::Bottom);
}

fn colour(amount: f64) -> Ink {
    Ink::Series(usize::from(amount <= 0.0))
}

fn strength(amount: f64, most: f64) -> f64 {
    // Two decimals are more than can be seen, and keep the text short.
    let share = if most > 0.0 { amount.abs() / most } else { 0.0 };
    (100.0 * (0.04 + 0.96 * share)).round() / 100.0
}

/// At most `limit` indices, evenly spread, the last one included.
fn picked(count: usize, limit: usize) -> Vec<usize> {
    let shown = count.min(limit);
    (0..shown).map(|idx| if shown > 1 { idx * (count - 1) / (shown - 1) } else { 0 }).collect()
}

/// About `limit` of the cells, with their place.
fn labelled(cells: &[usize], limit: usize) -> Vec<(usize, usize)> {
    let step = cells.len().div_ceil(limit).max(1);
    cells.iter().copied().enumerate().step_by(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_surfaces_are_thinned() {
        assert_eq!(picked(3, CELLS), [0, 1, 2]);
        assert_eq!(picked(1, CELLS), [0]);
        assert!(picked(0, CELLS).is_empty());
        let many = picked(16_384, CELLS);
        assert_eq!((many.len(), many.first(), many.last()), (CELLS, Some(&0), Some(&16_383)));
    }

    #[test]
    fn a_flat_surface_is_drawn_and_an_empty_one_is_not() {
        let flat = PenaltySurface { length: vec![1.0, 2.0], solve_rate: vec![0.5], value: vec![vec![0.0, 0.0]] };
        assert!(surface(&flat, "flat").is_some_and(|svg| !svg.contains("NaN")));
        let empty = PenaltySurface { length: vec![], solve_rate: vec![], value: vec![] };
        assert_eq!(surface(&empty, "empty"), None);
    }
}
