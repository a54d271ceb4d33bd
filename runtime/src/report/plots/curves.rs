//! Curves over the steps of a run.

use super::super::words;
use super::*;

/// One curve.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// Its colour.
    pub ink: Ink,
    /// Points by rising x; a gap in the data is simply bridged.
    pub points: Vec<(f64, f64)>,
    /// Values before smoothing, drawn faintly behind.
    pub raw: Vec<(f64, f64)>,
    /// Lower and upper bounds at some x.
    pub intervals: Vec<(f64, [f64; 2])>,
    /// Draw a dot at each point: for few points.
    pub dots: bool,
    /// Fill down to zero.
    pub filled: bool,
}

impl Series {
    /// A plain curve.
    pub(crate) fn new(ink: Ink, points: Vec<(f64, f64)>) -> Self {
        Self { ink, points, raw: Vec::new(), intervals: Vec::new(), dots: false, filled: false }
    }
}

/// A small picture of curves.
#[derive(Debug, Clone)]
pub(crate) struct Chart<'a> {
    /// For screen readers.
    pub label: &'a str,
    /// What is on the x axis, with its unit.
    pub x_label: &'a str,
    /// The unit of y, written above the axis.
    pub y_label: &'a str,
    /// Show y as percentages.
    pub percent: bool,
    /// Values that must be within the picture.
    pub include: &'a [f64],
    /// Thin upright lines with a name: where a stage begins.
    pub marks: &'a [(f64, String)],
    /// The curves, the first at the back.
    pub series: Vec<Series>,
}

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 220.0;
const BOTTOM: f64 = 182.0;
const TOP: f64 = 26.0;

impl Chart<'_> {
    /// The picture; none without a finite point.
    pub(crate) fn svg(&self) -> Option<String> {
        let all = || self.series.iter().flat_map(|series| series.points.iter().chain(&series.raw));
        let bounds =
            || self.series.iter().flat_map(|series| series.intervals.iter().flat_map(|(_, interval)| *interval));
        let (x_low, x_high) = range(all().map(|point| point.0))?;
        let (y_low, y_high) = range(all().map(|point| point.1).chain(bounds()).chain(self.include.iter().copied()))?;
        let (y_low, y_high) = rounded(y_low, y_high, 8);
        let (y_ticks, y_step) = ticks(y_low, y_high, 4);
        let y_texts: Vec<String> = y_ticks.iter().map(|value| words::tick(*value, y_step, self.percent)).collect();
        let left = y_texts.iter().map(|text| text_width(text)).fold(20.0, f64::max) + 12.0;
        let x = Scale::new(x_low, x_high, left + 4.0, WIDTH - 12.0);
        let y = Scale::new(y_low, y_high, BOTTOM, TOP);
        Some(draw(WIDTH, HEIGHT, self.label, |canvas| {
            canvas.text(self.y_label, (2.0, 8.0), Ink::Muted, HPos::Left, VPos::Center);
            for (value, text) in y_ticks.iter().zip(&y_texts) {
                canvas.line((left, y.at(*value)), (WIDTH - 8.0, y.at(*value)), Ink::Grid, 1.0);
                canvas.text(text, (left - 6.0, y.at(*value)), Ink::Muted, HPos::Right, VPos::Center);
            }
            self.x_axis(canvas, &x, left);
            self.marks(canvas, &x);
            for series in &self.series {
                self.curve(canvas, series, &x, &y);
            }
        }))
    }

    fn x_axis(&self, canvas: &mut Canvas, x: &Scale, left: f64) {
        let (x_ticks, x_step) = ticks(x.low, x.high, 5);
        for value in x_ticks {
            let place = x.at(value);
            canvas.line((place, BOTTOM), (place, BOTTOM + 4.0), Ink::Muted, 1.0);
            let text = words::tick(value, x_step, false);
            let place = place.min(WIDTH - 2.0 - text_width(&text) / 2.0);
            canvas.text(&text, (place, BOTTOM + 7.0), Ink::Muted, HPos::Center, VPos::Top);
        }
        let centre = (left + WIDTH - 8.0) / 2.0;
        canvas.text(self.x_label, (centre, HEIGHT - 3.0), Ink::Muted, HPos::Center, VPos::Bottom);
    }

    fn marks(&self, canvas: &mut Canvas, x: &Scale) {
        let mut free_from = f64::NEG_INFINITY;
        for (value, name) in self.marks {
            let place = x.at(*value);
            canvas.line((place, TOP), (place, BOTTOM), Ink::Muted, 0.8);
            // A name that would run into the one before it or out of the picture is left to the caption.
            let name = words::clipped(name, 16);
            if place >= free_from && place + 4.0 + text_width(&name) <= WIDTH {
                canvas.text(&name, (place + 4.0, TOP + 2.0), Ink::Muted, HPos::Left, VPos::Top);
                free_from = place + 10.0 + text_width(&name);
            }
        }
    }

    fn curve(&self, canvas: &mut Canvas, series: &Series, x: &Scale, y: &Scale) {
        let place = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            let finite = points.iter().filter(|point| point.0.is_finite() && point.1.is_finite());
            finite.map(|point| (x.at(point.0), y.at(point.1))).collect()
        };
        let points = place(&series.points);
        if let (true, Some(first), Some(last)) = (series.filled, points.first(), points.last()) {
            let ground = y.at(0.0_f64.clamp(y.low, y.high));
            let outline: Vec<_> =
                [(first.0, ground)].into_iter().chain(points.iter().copied()).chain([(last.0, ground)]).collect();
            canvas.area(&outline, series.ink, 0.18);
        }
        canvas.path(&place(&series.raw), series.ink, 1.0, 0.25);
        for (at_x, [low, high]) in &series.intervals {
            let at_x = x.at(*at_x);
            canvas.line((at_x, y.at(*low)), (at_x, y.at(*high)), series.ink, 1.0);
        }
        let width = if series.ink == Ink::Text { 2.4 } else { 1.8 };
        canvas.path(&points, series.ink, width, 1.0);
        if series.dots || points.len() == 1 {
            for point in &points {
                canvas.dot(*point, 2.8, series.ink, true);
            }
        }
    }
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.filter(|value| value.is_finite());
    finite.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
    })
}

/// The centred moving mean over `window` points; at the ends over those that there are.
pub(crate) fn smoothed(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let reach = window / 2;
    let mean_near = |idx: usize| {
        let near = points.get(idx.saturating_sub(reach)..(idx + reach + 1).min(points.len())).unwrap_or_default();
        near.iter().map(|point| point.1).sum::<f64>() / near.len().max(1) as f64
    };
    points.iter().enumerate().map(|(idx, point)| (point.0, mean_near(idx))).collect()
}

/// At most `limit` points, by averaging neighbours: a long run must not make a large page.
pub(crate) fn thinned(points: &[(f64, f64)], limit: usize) -> Vec<(f64, f64)> {
    if points.len() <= limit || limit == 0 {
        return points.to_vec();
    }
    let size = points.len().div_ceil(limit);
    let centre = |chunk: &[(f64, f64)]| {
        let count = chunk.len().max(1) as f64;
        (chunk.iter().map(|point| point.0).sum::<f64>() / count, chunk.iter().map(|point| point.1).sum::<f64>() / count)
    };
    points.chunks(size).map(centre).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Option<String> {
        let series = vec![Series::new(Ink::Series(0), points)];
        Chart { label: "test", x_label: "step", y_label: "", percent: false, include: &[], marks: &[], series }.svg()
    }

    #[test]
    fn nothing_finite_is_no_picture() {
        assert_eq!(chart(vec![]), None);
        assert_eq!(chart(vec![(1.0, f64::NAN)]), None);
    }

    #[test]
    fn one_point_and_flat_lines_have_a_picture() {
        for points in [vec![(3.0, 0.0)], vec![(1.0, 2.0), (2.0, 2.0)], vec![(1.0, f64::INFINITY), (2.0, 1.0)]] {
            let svg = chart(points).expect("a picture");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn smoothing_and_thinning_keep_the_mean() {
        let points: Vec<(f64, f64)> = (0..9).map(|idx| (f64::from(idx), f64::from(idx % 3))).collect();
        assert_eq!(smoothed(&points, 3)[4], (4.0, 1.0));
        assert_eq!(smoothed(&points, 1), points);
        assert_eq!(thinned(&points, 3), [(1.0, 1.0), (4.0, 1.0), (7.0, 1.0)]);
        assert_eq!(thinned(&points, 9), points);
    }
}
