//! Accuracy against tokens: an arrow per domain from the base to the final policy.

use super::super::words;
use super::*;

/// One arrow: (mean tokens, pass@1) before and after.
#[derive(Debug, Clone)]
pub(crate) struct Move<'a> {
    /// The domain.
    pub name: &'a str,
    /// Its colour.
    pub ink: Ink,
    /// Before.
    pub from: (f64, f64),
    /// After; none while the run goes on.
    pub to: Option<(f64, f64)>,
}

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 280.0;
const BOTTOM: f64 = 240.0;
const TOP: f64 = 26.0;

/// The picture; none without an arrow.
pub(crate) fn tradeoff(moves: &[Move], label: &str) -> Option<String> {
    if moves.is_empty() {
        return None;
    }
    let ends = || moves.iter().flat_map(|arrow| [Some(arrow.from), arrow.to]).flatten();
    let most_tokens = ends().map(|end| end.0).fold(0.0, f64::max);
    let least = ends().map(|end| end.1).fold(1.0, f64::min);
    let most = ends().map(|end| end.1).fold(0.0, f64::max);
    let (y_low, y_high) = rounded((least - 0.04).max(0.0), (most + 0.04).min(1.0), 10);
    let (y_low, y_high) = (y_low.max(0.0), y_high.min(1.0));
    let left = 44.0;
    let x = Scale::new(0.0, most_tokens * 1.06, left, WIDTH - 10.0);
    let y = Scale::new(y_low, y_high, BOTTOM, TOP);
    let place = |end: (f64, f64)| (x.at(end.0), y.at(end.1));
    Some(draw(WIDTH, HEIGHT, label, |canvas| {
        let (y_ticks, y_step) = ticks(y_low, y_high, 5);
        for value in y_ticks {
            canvas.line((left, y.at(value)), (WIDTH - 8.0, y.at(value)), Ink::Grid, 1.0);
            let text = words::tick(value, y_step, true);
            canvas.text(&text, (left - 6.0, y.at(value)), Ink::Muted, HPos::Right, VPos::Center);
        }
        let (x_ticks, x_step) = ticks(0.0, x.high, 5);
        for value in x_ticks {
            canvas.line((x.at(value), BOTTOM), (x.at(value), BOTTOM + 4.0), Ink::Muted, 1.0);
            let text = words::tick(value, x_step, false);
            let middle = x.at(value).min(WIDTH - 2.0 - text_width(&text) / 2.0);
            canvas.text(&text, (middle, BOTTOM + 7.0), Ink::Muted, HPos::Center, VPos::Top);
        }
        canvas.text("pass@1", (2.0, 8.0), Ink::Muted, HPos::Left, VPos::Center);
        let middle = (left + WIDTH) / 2.0;
        canvas.text("mean tokens of a response", (middle, HEIGHT - 3.0), Ink::Muted, HPos::Center, VPos::Bottom);
        for arrow in moves {
            let from = place(arrow.from);
            canvas.dot(from, 3.2, arrow.ink, false);
            if let Some(to) = arrow.to.map(place) {
                draw_arrow(canvas, from, to, arrow.ink);
            }
        }
        let mut taken: Vec<Boxed> = ends().map(|end| Boxed::around(place(end), 5.0)).collect();
        for arrow in moves {
            taken.extend(arrow.to.into_iter().flat_map(|to| Boxed::along(place(arrow.from), place(to))));
        }
        for arrow in moves {
            let name = words::clipped(arrow.name, 16);
            // A label far from its arrow is read as another's: better none, the legend names the colour.
            let ends = arrow.to.into_iter().chain([arrow.from]);
            if let Some(free) = ends.into_iter().find_map(|end| free_place(place(end), text_width(&name), &taken)) {
                canvas.text(&name, (free.left + 2.0, free.middle()), arrow.ink, HPos::Left, VPos::Center);
                taken.push(free);
            }
        }
    }))
}

fn draw_arrow(canvas: &mut Canvas, from: (f64, f64), to: (f64, f64), ink: Ink) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = libm::sqrt(dx * dx + dy * dy);
    if length < 8.0 {
        canvas.dot(to, 2.2, ink, true);
        return;
    }
    let (ux, uy) = (dx / length, dy / length);
    let foot = (to.0 - 8.0 * ux, to.1 - 8.0 * uy);
    canvas.line((from.0 + 4.0 * ux, from.1 + 4.0 * uy), foot, ink, 1.8);
    canvas.area(&[to, (foot.0 - 4.0 * uy, foot.1 + 4.0 * ux), (foot.0 + 4.0 * uy, foot.1 - 4.0 * ux)], ink, 1.0);
}

/// A rectangle that text must not cover.
#[derive(Debug, Clone, Copy)]
struct Boxed {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Boxed {
    fn around((x, y): (f64, f64), reach: f64) -> Self {
        Self { left: x - reach, top: y - reach, right: x + reach, bottom: y + reach }
    }

    /// A slanting line as a chain of small boxes.
    fn along(from: (f64, f64), to: (f64, f64)) -> impl Iterator<Item = Self> {
        let between = move |share: f64| (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
        (0..=24).map(move |idx| Self::around(between(f64::from(idx) / 24.0), 4.0))
    }

    fn middle(&self) -> f64 {
        (self.top + self.bottom) / 2.0
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

/// The nearest free place for a label around a point; none when the picture is full there.
fn free_place((x, y): (f64, f64), width: f64, taken: &[Boxed]) -> Option<Boxed> {
    let (width, half) = (width + 4.0, FONT * 0.62);
    for reach in [7.0, 9.0, 12.0] {
        let corners = [
            (x - width - reach, y),
            (x + reach, y),
            (x - width / 2.0, y - reach - half),
            (x - width / 2.0, y + reach + half),
            (x - width - reach, y - reach),
            (x + reach, y - reach),
            (x - width - reach, y + reach),
            (x + reach, y + reach),
        ];
        for (left, middle) in corners {
            let label = Boxed { left, top: middle - half, right: left + width, bottom: middle + half };
            let inside =
                left >= 46.0 && label.right <= WIDTH - 2.0 && label.top >= TOP - 8.0 && label.bottom <= BOTTOM - 1.0;
            if inside && !taken.iter().any(|other| label.meets(other)) {
                return Some(label);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_never_meet() {
        let mut taken: Vec<Boxed> = Vec::new();
        for _ in 0..40 {
            if let Some(free) = free_place((200.0, 120.0), 40.0, &taken) {
                assert!(!taken.iter().any(|other| other.meets(&free)));
                taken.push(free);
            }
        }
        assert!(taken.len() >= 4 && taken.len() < 40, "{} labels around one point", taken.len());
    }

    #[test]
    fn a_picture_needs_an_arrow() {
        assert_eq!(tradeoff(&[], "none"), None);
        let still = Move { name: "math", ink: Ink::Series(0), from: (0.0, 0.0), to: None };
        let svg = tradeoff(&[still], "one").expect("a picture");
        assert!(svg.contains("math") && !svg.contains("NaN"));
    }
}
