//! Curves and surfaces with axes, a legend, and a caption that states what was held.

use super::{
    Anchor, Colour, GRID, MUTED, Mark, Picture, SERIES, TEXT, clipped, tick_label, ticks, token_ticks, wrapped,
};
use recipec_compiler::curves::{Axis, Curves, MixCurves, Stated, Surface};
use recipec_compiler::estimate::number;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 92.0;
const TOP: f64 = 78.0;
const BOTTOM: f64 = 480.0;
const LEGEND: f64 = 290.0;
const FONT: f64 = 14.0;
const CAPTION: f64 = 13.0;

/// Dashes help where colours do not.
const DASHES: [Option<[f64; 2]>; 6] =
    [None, Some([9.0, 4.0]), Some([3.0, 3.0]), Some([14.0, 4.0]), Some([6.0, 2.0]), Some([2.0, 5.0])];

/// What is written around a picture.
pub struct Words<'a> {
    /// The recipe, with its variant and params.
    pub recipe: &'a str,
}

/// A part of the reward over one signal.
pub fn curves(curves: &Curves, words: &Words) -> Picture {
    let title = format!("{} over {}", curves.name, curves.x.name);
    let values = || curves.curves.iter().flat_map(|curve| curve.values.iter().copied());
    let mut frame = Frame::new(&title, &caption(words, &curves.stage, &curves.stated), &curves.x, values(), "reward");
    let mut legend = Vec::new();
    let mut n_points = 0;
    for (idx, curve) in curves.curves.iter().take(2 * SERIES.len()).enumerate() {
        let (colour, dashes) = (SERIES[idx % SERIES.len()], DASHES[(idx + 2 * (idx / SERIES.len())) % DASHES.len()]);
        match (curve.at, curve.values.first()) {
            (Some(at), Some(value)) => {
                // Points at one place stay apart by their size.
                let radius = 7.0 - 2.5 * f64::from(n_points);
                n_points += 1;
                let centre = (frame.x(at), frame.y(*value));
                frame.picture.marks.push(Mark::Dot { centre, radius: radius.max(2.0), colour, filled: false });
                legend.push((format!("{}: {}", curve.label, short(*value)), colour, None, true));
            }
            _ => {
                let points = curves.x.values.iter().zip(&curve.values);
                let points = points.map(|(x, y)| (frame.x(*x), frame.y(*y))).collect();
                frame.picture.marks.push(Mark::Path { points, colour, width: 2.4, dashes });
                legend.push((curve.label.clone(), colour, dashes, false));
            }
        }
    }
    frame.legend(&legend);
    frame.picture
}

/// The mix of a stage.
pub fn mix(mix: &MixCurves, words: &Words) -> Picture {
    let history = mix.x.name != "achieved";
    let mut stated = mix.stated.clone();
    let n_shown = mix.curves.len().min(SERIES.len());
    if n_shown < mix.curves.len() {
        let value = format!("the first {n_shown} of {} curves", mix.curves.len());
        stated.push(Stated { name: "domains shown".into(), value });
    }
    let title = if history {
        format!("mix over {}", mix.x.name.replace("last_batch.", "the last batch's "))
    } else {
        "mix over the achieved share".to_string()
    };
    let values = || mix.curves.iter().take(n_shown).flat_map(|curve| curve.values.iter().copied()).chain([0.0]);
    let label = "probability of a draw";
    let mut frame = Frame::new(&title, &caption(words, &mix.stage, &stated), &mix.x, values(), label);
    let mut legend = Vec::new();
    for (idx, curve) in mix.curves.iter().take(n_shown).enumerate() {
        let (colour, dashes) = (SERIES[idx], DASHES[idx]);
        let points = mix.x.values.iter().zip(&curve.values).map(|(x, y)| (frame.x(*x), frame.y(*y))).collect();
        frame.picture.marks.push(Mark::Path { points, colour, width: 2.4, dashes });
        legend.push((curve.label.clone(), colour, dashes, false));
    }
    for (idx, (x, y)) in mix.targets.iter().take(n_shown).enumerate() {
        let centre = (frame.x(*x), frame.y(*y));
        frame.picture.marks.push(Mark::Dot { centre, radius: 5.0, colour: SERIES[idx], filled: true });
    }
    let dot = if history { "dot: all domains alike" } else { "dot: the ratio is achieved" };
    legend.push((dot.into(), MUTED, None, true));
    frame.legend(&legend);
    frame.picture
}

/// A part of the reward over two signals.
pub fn surface(surface: &Surface, words: &Words) -> Picture {
    let title = format!("{} over {} and {}", surface.name, surface.x.name, surface.y.name);
    let caption = caption(words, &surface.stage, &surface.stated);
    let mut frame = Frame::empty(&title, &caption);
    let values = || surface.values.iter().flatten().copied();
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let (columns, rows) = (surface.x.values.len().max(1), surface.y.values.len().max(1));
    let (cell_width, cell_height) = ((frame.right - LEFT) / columns as f64, (BOTTOM - TOP) / rows as f64);
    for (up, row) in surface.values.iter().enumerate() {
        let top = (BOTTOM - (up + 1) as f64 * cell_height).round();
        let bottom = (BOTTOM - up as f64 * cell_height).round();
        for (along, value) in row.iter().enumerate() {
            let left = (LEFT + along as f64 * cell_width).round();
            let right = (LEFT + (along + 1) as f64 * cell_width).round();
            frame.cell((left, top), (right - left, bottom - top), scale_colour(*value, low, high));
        }
    }
    frame.cell_axes(surface, cell_width, cell_height);
    frame.key(low, high);
    frame.picture
}

fn caption(words: &Words, stage: &str, stated: &[Stated]) -> String {
    let mut text = format!("{}, stage {stage}.", words.recipe);
    if !stated.is_empty() {
        let held: Vec<String> = stated.iter().map(|stated| format!("{}: {}", stated.name, stated.value)).collect();
        text.push_str(&format!(" Held: {}.", held.join("; ")));
    }
    text
}

fn short(value: f64) -> String {
    number((value * 1e4).round() / 1e4).replace('-', "\u{2212}")
}

/// A colour from dark blue over grey to light yellow (in the manner of Nuñez, Anderton & Renslow 2018): its lightness rises
/// evenly, so that it reads in grey and for readers who do not see all colours.
fn scale_colour(value: f64, low: f64, high: f64) -> Colour {
    const STOPS: [(f64, f64, f64); 6] = [
        (0.0, 32.0, 76.0),
        (55.0, 66.0, 109.0),
        (102.0, 105.0, 112.0),
        (148.0, 142.0, 119.0),
        (200.0, 184.0, 102.0),
        (255.0, 234.0, 70.0),
    ];
    let share = if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 1.0 };
    let at = share * (STOPS.len() - 1) as f64;
    let idx = (at as usize).min(STOPS.len() - 2);
    let (a, b, part) = (STOPS[idx], STOPS[idx + 1], at - idx as f64);
    let mixed = |from: f64, to: f64| (from + (to - from) * part).round() as u8;
    Colour(mixed(a.0, b.0), mixed(a.1, b.1), mixed(a.2, b.2))
}

/// An entry of a legend: its words, colour, dashes, and whether it is a point.
type Entry = (String, Colour, Option<[f64; 2]>, bool);

/// A picture with axes around its middle.
struct Frame {
    picture: Picture,
    right: f64,
    x_range: (f64, f64),
    y_range: (f64, f64),
}

impl Frame {
    /// Title and caption.
    fn empty(title: &str, caption: &str) -> Self {
        let lines = wrapped(caption, WIDTH - 48.0, CAPTION).len();
        let height = BOTTOM + 76.0 + CAPTION * 1.4 * lines as f64 + 6.0;
        let mut picture = Picture::new(WIDTH, height, format!("{title}. {caption}"));
        picture.text(clipped(title, WIDTH - 48.0, 20.0), (24.0, 36.0), 20.0, TEXT, Anchor::Start);
        picture.paragraph(caption, (24.0, BOTTOM + 82.0), WIDTH - 48.0, CAPTION, MUTED);
        Self { picture, right: WIDTH - LEGEND, x_range: (0.0, 1.0), y_range: (0.0, 1.0) }
    }

    /// Axes, too.
    fn new(title: &str, caption: &str, x: &Axis, values: impl Iterator<Item = f64>, y_label: &str) -> Self {
        let mut frame = Self::empty(title, caption);
        let (low, high) = values.fold((0.0f64, 0.0f64), |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = if high > low { (low, high) } else { (low - 0.5, high + 0.5) };
        let (_, step) = ticks(low, high, 6);
        frame.y_range = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step);
        frame.x_range = (if x.unit.is_empty() { x.low } else { x.low.min(0.0) }, x.high);
        let (y_ticks, y_step) = ticks(frame.y_range.0, frame.y_range.1, 6);
        for value in y_ticks {
            let y = frame.y(value);
            let ink = if value == 0.0 { MUTED } else { GRID };
            frame.picture.line((LEFT, y), (frame.right, y), ink, 1.0);
            frame.picture.text(tick_label(value, y_step), (LEFT - 9.0, y + 5.0), FONT, MUTED, Anchor::End);
        }
        let (x_ticks, x_step) = if x.unit == "tokens" {
            token_ticks(frame.x_range.0, frame.x_range.1, 8)
        } else {
            ticks(frame.x_range.0, frame.x_range.1, 8)
        };
        for value in with_end(x_ticks, frame.x_range.1, x_step) {
            let place = frame.x(value);
            frame.picture.line((place, TOP), (place, BOTTOM), GRID, 1.0);
            frame.picture.line((place, BOTTOM), (place, BOTTOM + 6.0), MUTED, 1.0);
            frame.picture.text(tick_label(value, x_step), (place, BOTTOM + 23.0), FONT, MUTED, Anchor::Middle);
        }
        frame.labels(&axis_label(x), y_label);
        frame.outline();
        frame
    }

    fn x(&self, value: f64) -> f64 {
        let (low, high) = self.x_range;
        LEFT + (value - low) / (high - low).max(f64::MIN_POSITIVE) * (self.right - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        let (low, high) = self.y_range;
        BOTTOM - (value - low) / (high - low).max(f64::MIN_POSITIVE) * (BOTTOM - TOP)
    }

    fn outline(&mut self) {
        self.picture.marks.push(Mark::Box {
            corner: (LEFT, TOP),
            size: (self.right - LEFT, BOTTOM - TOP),
            radius: 0.0,
            fill: None,
            stroke: Some((MUTED, 1.0)),
        });
    }

    fn labels(&mut self, x: &str, y: &str) {
        let middle = (LEFT + self.right) / 2.0;
        self.picture.text(x, (middle, BOTTOM + 48.0), FONT, TEXT, Anchor::Middle);
        self.picture.marks.push(Mark::Text {
            text: y.to_string(),
            place: (28.0, (TOP + BOTTOM) / 2.0),
            size: FONT,
            colour: TEXT,
            anchor: Anchor::Middle,
            upward: true,
        });
    }

    fn legend(&mut self, entries: &[Entry]) {
        let (left, room) = (self.right + 20.0, LEGEND - 20.0 - 44.0 - 12.0);
        let mut y = TOP + 12.0;
        for (words, colour, dashes, point) in entries {
            let lines = wrapped(words, room, FONT);
            if *point {
                let filled = *colour == MUTED;
                self.picture.marks.push(Mark::Dot {
                    centre: (left + 17.0, y - 4.5),
                    radius: 5.0,
                    colour: *colour,
                    filled,
                });
            } else {
                let points = vec![(left, y - 4.5), (left + 34.0, y - 4.5)];
                self.picture.marks.push(Mark::Path { points, colour: *colour, width: 2.4, dashes: *dashes });
            }
            for line in lines {
                self.picture.text(clipped(&line, room, FONT), (left + 44.0, y), FONT, TEXT, Anchor::Start);
                y += FONT * 1.3;
            }
            y += FONT * 0.55;
        }
    }

    fn cell(&mut self, corner: (f64, f64), size: (f64, f64), colour: Colour) {
        // Neighbours of one colour become one mark: most of a surface is flat.
        if let Some(Mark::Box { corner: last, size: own, fill: Some(fill), .. }) = self.picture.marks.last_mut()
            && *fill == colour
            && last.1 == corner.1
            && own.1 == size.1
            && last.0 + own.0 == corner.0
        {
            own.0 += size.0;
            return;
        }
        self.picture.marks.push(Mark::Box { corner, size, radius: 0.0, fill: Some(colour), stroke: None });
    }

    fn cell_axes(&mut self, surface: &Surface, cell_width: f64, cell_height: f64) {
        let (x, y) = (&surface.x, &surface.y);
        let (first, last) = (x.values.first().copied().unwrap_or(0.0), x.values.last().copied().unwrap_or(1.0));
        let place = |value: f64| {
            LEFT + cell_width / 2.0 + (value - first) / (last - first).max(1e-9) * (self.right - LEFT - cell_width)
        };
        let (x_ticks, x_step) =
            if x.unit == "tokens" { token_ticks(x.low, x.high, 8) } else { ticks(x.low, x.high, 8) };
        let x_ticks: Vec<(f64, f64)> =
            with_end(x_ticks, last, x_step).into_iter().map(|value| (value, place(value.max(first)))).collect();
        for (value, at) in x_ticks {
            self.picture.line((at, BOTTOM), (at, BOTTOM + 6.0), MUTED, 1.0);
            self.picture.text(tick_label(value, x_step), (at, BOTTOM + 23.0), FONT, MUTED, Anchor::Middle);
        }
        let every = y.values.len().div_ceil(9).max(1);
        for (up, value) in y.values.iter().enumerate().step_by(every) {
            let middle = BOTTOM - (up as f64 + 0.5) * cell_height;
            self.picture.line((LEFT - 6.0, middle), (LEFT, middle), MUTED, 1.0);
            self.picture.text(number(*value), (LEFT - 10.0, middle + 5.0), FONT, MUTED, Anchor::End);
        }
        self.labels(&axis_label(x), &axis_label(y));
        self.outline();
    }

    /// What the colours mean.
    fn key(&mut self, low: f64, high: f64) {
        let (left, wide, steps) = (self.right + 36.0, 24.0, 64);
        let (top, bottom) = (TOP + 40.0, BOTTOM - 20.0);
        self.picture.text("reward", (left, TOP + 18.0), FONT, TEXT, Anchor::Start);
        if high <= low {
            self.cell((left, top), (wide, wide), scale_colour(high, low, high));
            self.picture.text(
                format!("{} everywhere", short(high)),
                (left + wide + 10.0, top + 17.0),
                FONT,
                MUTED,
                Anchor::Start,
            );
            return;
        }
        for step in 0..steps {
            let share = (f64::from(step) + 0.5) / f64::from(steps);
            let from = (bottom - (bottom - top) * f64::from(step + 1) / f64::from(steps)).round();
            let to = (bottom - (bottom - top) * f64::from(step) / f64::from(steps)).round();
            let colour = scale_colour(low + share * (high - low), low, high);
            self.picture.marks.push(Mark::Box {
                corner: (left, from),
                size: (wide, to - from),
                radius: 0.0,
                fill: Some(colour),
                stroke: None,
            });
        }
        let (found, step) = ticks(low, high, 6);
        for value in found {
            let y = bottom - (value - low) / (high - low) * (bottom - top);
            self.picture.line((left + wide, y), (left + wide + 6.0, y), MUTED, 1.0);
            self.picture.text(tick_label(value, step), (left + wide + 11.0, y + 5.0), FONT, MUTED, Anchor::Start);
        }
    }
}

/// Ticks with the end of the axis, where there is room for it: a cap is what one looks for.
fn with_end(mut ticks: Vec<f64>, end: f64, step: f64) -> Vec<f64> {
    if ticks.last().is_some_and(|last| end - last > 0.45 * step) {
        ticks.push(end);
    }
    ticks
}

fn axis_label(axis: &Axis) -> String {
    let name = match axis.name.strip_prefix("last_batch.") {
        Some(signal) => format!("mean {signal} of the domain over the last batch"),
        None if axis.name == "achieved" => "achieved share of the domain".to_string(),
        None => axis.name.replace('_', " "),
    };
    if axis.unit.is_empty() { name } else { format!("{name}, {}", axis.unit) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::width;

    fn axis(name: &str, unit: &str, values: Vec<f64>) -> Axis {
        Axis { name: name.into(), unit: unit.into(), low: values[0], high: values[values.len() - 1], values }
    }

    /// Every text lies inside of its picture.
    fn fits(picture: &Picture) {
        for mark in &picture.marks {
            if let Mark::Text { text, place, size, anchor, upward: false, .. } = mark {
                let wide = width(text, *size);
                let left = match anchor {
                    Anchor::Start => place.0,
                    Anchor::Middle => place.0 - wide / 2.0,
                    Anchor::End => place.0 - wide,
                };
                assert!(left >= 0.0 && left + wide <= picture.width, "`{text}` from {left} to {}", left + wide);
                assert!(place.1 <= picture.height, "`{text}` at {}", place.1);
            }
        }
    }

    #[test]
    fn curves_of_any_size_fit() {
        for (high, value) in [(96.0, -1.0), (16384.0, 0.0), (1e6, -123456.0), (7.0, 1e-7)] {
            let label = "correct, with a label that is much longer than there is room for in a legend".to_string();
            let data = Curves {
                name: "a_penalty_with_a_long_name".into(),
                stage: "main".into(),
                x: axis("length", "tokens", vec![1.0, high / 2.0, high]),
                curves: vec![
                    recipec_compiler::curves::Curve { label, values: vec![0.0, value / 2.0, value], at: None },
                    recipec_compiler::curves::Curve { label: "cut".into(), values: vec![value], at: Some(high) },
                ],
                stated: vec![Stated { name: "score".into(), value: "0 when wrong".into() }; 12],
            };
            let picture = curves(&data, &Words { recipe: "quickstart" });
            fits(&picture);
            assert!(!picture.svg().contains("NaN") && picture.png(1.0).is_ok());
        }
    }

    #[test]
    fn a_flat_surface_has_a_key_too() {
        let data = Surface {
            name: "flat".into(),
            stage: "main".into(),
            x: axis("length", "tokens", vec![1.0, 2.0, 3.0]),
            y: axis("solve_rate", "", vec![0.5, 1.0]),
            values: vec![vec![0.0; 3]; 2],
            stated: Vec::new(),
        };
        let picture = surface(&data, &Words { recipe: "quickstart" });
        fits(&picture);
        assert!(picture.svg().contains("0 everywhere"));
    }

    #[test]
    fn lightness_rises_with_the_value() {
        let light = |Colour(r, g, b): Colour| 0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b);
        let all: Vec<f64> = (0..=20).map(|at| light(scale_colour(f64::from(at), 0.0, 20.0))).collect();
        assert!(all.windows(2).all(|pair| pair[1] > pair[0]), "{all:?}");
    }
}
