//! The achieved mix against the target: three bars per domain and a mark where they should end.

use super::super::words;
use super::*;

/// One domain.
#[derive(Debug, Clone)]
pub(crate) struct ShareRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// Target share, if known.
    pub target: Option<f64>,
    /// Shares sampled, completed and trained.
    pub achieved: [f64; 3],
}

const WIDTH: f64 = 360.0;
const ROW: f64 = 46.0;
const BAR: f64 = 9.0;
const TOP: f64 = 6.0;
const FOOT: f64 = 38.0;
/// Room for a value at the end of the longest bar.
const VALUE: f64 = 44.0;

/// Bars of the sampled, completed and trained share of every domain; none without domains.
pub(crate) fn shares(rows: &[ShareRow], label: &str) -> Option<String> {
    let names: Vec<String> = rows.iter().map(|row| words::clipped(row.name, 14)).collect();
    let left = names.iter().map(|name| text_width(name)).fold(0.0, f64::max) + 10.0;
    let top_share = rows.iter().flat_map(|row| row.achieved.into_iter().chain(row.target)).fold(0.0, f64::max);
    if rows.is_empty() || top_share <= 0.0 {
        return None;
    }
    let x = Scale::new(0.0, top_share, left, WIDTH - VALUE);
    let height = TOP + ROW * rows.len() as f64 + FOOT;
    let bottom = height - FOOT;
    Some(draw(WIDTH, height, label, |canvas| {
        let (marks, step) = ticks(0.0, top_share, 4);
        for value in marks {
            canvas.line((x.at(value), TOP), (x.at(value), bottom), Ink::Grid, 1.0);
            let text = words::tick(value, step, true);
            canvas.text(&text, (x.at(value), bottom + 5.0), Ink::Muted, HPos::Center, VPos::Top);
        }
        canvas.text("share of rollouts", ((left + WIDTH) / 2.0, height - 2.0), Ink::Muted, HPos::Center, VPos::Bottom);
        for (idx, (row, name)) in rows.iter().zip(&names).enumerate() {
            let upper = TOP + ROW * idx as f64 + (ROW - 3.0 * (BAR + 2.0)) / 2.0;
            let centre = upper + 1.5 * (BAR + 2.0) - 1.0;
            canvas.text(name, (left - 8.0, centre), Ink::Text, HPos::Right, VPos::Center);
            for (bar, share) in row.achieved.iter().enumerate() {
                let from = upper + bar as f64 * (BAR + 2.0);
                let end = x.at(*share);
                canvas.rectangle((left, from), (end, from + BAR), Ink::Series(bar), 0.85);
                // The value stands right of the bar and of the target mark, so that neither runs through it.
                let near_mark =
                    row.target.map(|target| x.at(target)).filter(|mark| *mark > end - 2.0 && *mark < end + VALUE);
                let place = near_mark.map_or(end, |mark| mark.max(end)) + 5.0;
                let text = words::percent(*share);
                canvas.text_of_size(&text, (place, from + BAR / 2.0), Ink::Muted, HPos::Left, VPos::Center, 9.5);
            }
            if let Some(target) = row.target {
                let place = x.at(target);
                canvas.line((place, upper - 4.0), (place, upper + 3.0 * (BAR + 2.0) + 2.0), Ink::Text, 2.0);
            }
        }
    }))
}
