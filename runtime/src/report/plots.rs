//! Pictures as SVG text, drawn with plotters' SVG backend.
//!
//! Colours are a fixed light palette in the SVG itself; the page restyles them by attribute (`[stroke="#0072B2"]`), so
//! that one picture serves the light and the dark page and still stands alone when it is saved. The backend knows whole
//! coordinates only, so the picture is drawn [`SCALE`] times as large as it is shown.

use plotters::prelude::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{IntoFont, RGBAColor, RGBColor, ShapeStyle, TextStyle};

mod curves;
mod shares;
mod surface;
mod tradeoff;

pub(super) use curves::{Chart, Series, smoothed, thinned};
pub(super) use shares::{ShareRow, shares};
pub(super) use surface::surface;
pub(super) use tradeoff::{Move, tradeoff};

const SCALE: f64 = 8.0;
const FONT: f64 = 11.0;

/// What a colour is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Text, and the line that stands for all domains.
    Text,
    /// Labels of axes.
    Muted,
    /// Grid lines.
    Grid,
    /// A domain or a term, from 0; there are [`SERIES`] of them.
    Series(usize),
}

/// How many series can be told apart by colour: the palette of Okabe and Ito (2008), less its yellow, which is too
/// pale on white.
pub(super) const SERIES: usize = 6;

/// Light and dark value of every colour, as in the SVG and as a CSS variable.
pub(super) const PALETTE: [(&str, (u8, u8, u8), &str); 9] = [
    ("text", (0x1F, 0x23, 0x28), "#e6e8eb"),
    ("muted", (0x5C, 0x64, 0x6E), "#9aa4af"),
    ("grid", (0xDD, 0xE1, 0xE6), "#30363d"),
    ("s0", (0x00, 0x72, 0xB2), "#4a9fe8"),
    ("s1", (0xD5, 0x5E, 0x00), "#ff8a4c"),
    ("s2", (0x00, 0x9E, 0x73), "#2fc998"),
    ("s3", (0xB0, 0x4A, 0x86), "#e79bc8"),
    ("s4", (0xB8, 0x86, 0x0B), "#f0c04a"),
    ("s5", (0x4B, 0xA6, 0xDB), "#a5d8ff"),
];

impl Ink {
    /// Its place in [`PALETTE`].
    fn index(self) -> usize {
        match self {
            Ink::Text => 0,
            Ink::Muted => 1,
            Ink::Grid => 2,
            Ink::Series(idx) => 3 + idx % SERIES,
        }
    }

    /// The name of its CSS variable.
    pub(super) fn name(self) -> &'static str {
        PALETTE[self.index()].0
    }

    fn colour(self) -> RGBColor {
        let (red, green, blue) = PALETTE[self.index()].1;
        RGBColor(red, green, blue)
    }
}

/// A picture being drawn, in shown pixels from the upper left corner.
struct Canvas<'a> {
    backend: SVGBackend<'a>,
}

/// Draws a picture of a size and gives its SVG element. `label` is read to people who do not see it.
fn draw(width: f64, height: f64, label: &str, paint: impl FnOnce(&mut Canvas)) -> String {
    let mut text = String::new();
    {
        let size = ((width * SCALE) as u32, (height * SCALE) as u32);
        let mut canvas = Canvas { backend: SVGBackend::with_string(&mut text, size) };
        paint(&mut canvas);
        // Writing into a string cannot fail; a picture that is cut short would be seen by the tests of this module.
        let _ = canvas.backend.present();
    }
    // The width is the page's business: keep the view box only, with a name for screen readers.
    let start = text.find("viewBox").unwrap_or(0);
    let label = super::html::escape(label);
    let body = text.get(start..).unwrap_or_default().replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "");
    let body = body.replace(" font-family=\"sans-serif\"", "").replace("\n</text>", "</text>");
    format!("<svg class=\"plot\" role=\"img\" aria-label=\"{label}\" {body}")
}

/// Absurd numbers end at the edge of a large sheet: the backend subtracts coordinates, which must not overflow.
fn at((x, y): (f64, f64)) -> (i32, i32) {
    let whole = |value: f64| (value * SCALE).round().clamp(-1e6, 1e6) as i32;
    (whole(x), whole(y))
}

fn shape(ink: Ink, opacity: f64, width: f64) -> ShapeStyle {
    let RGBColor(red, green, blue) = ink.colour();
    ShapeStyle {
        color: RGBAColor(red, green, blue, opacity),
        filled: true,
        stroke_width: (width * SCALE).round() as u32,
    }
}

impl Canvas<'_> {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink, width: f64) {
        let _ = self.backend.draw_line(at(from), at(to), &shape(ink, 1.0, width));
    }

    fn path(&mut self, points: &[(f64, f64)], ink: Ink, width: f64, opacity: f64) {
        if points.len() > 1 {
            let _ = self.backend.draw_path(points.iter().copied().map(at), &shape(ink, opacity, width));
        }
    }

    fn area(&mut self, points: &[(f64, f64)], ink: Ink, opacity: f64) {
        let _ = self.backend.fill_polygon(points.iter().copied().map(at), &shape(ink, opacity, 0.0));
    }

    fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink, opacity: f64) {
        let _ = self.backend.draw_rect(at(from), at(to), &shape(ink, opacity, 0.0), true);
    }

    fn dot(&mut self, centre: (f64, f64), radius: f64, ink: Ink, filled: bool) {
        let radius = (radius * SCALE).round() as u32;
        let _ = self.backend.draw_circle(at(centre), radius, &shape(ink, 1.0, 1.6), filled);
    }

    fn text(&mut self, text: &str, place: (f64, f64), ink: Ink, across: HPos, down: VPos) {
        self.text_of_size(text, place, ink, across, down, FONT);
    }

    fn text_of_size(&mut self, text: &str, place: (f64, f64), ink: Ink, across: HPos, down: VPos, size: f64) {
        // The backend divides sizes by 1.24.
        let font = ("sans-serif", size * SCALE * 1.24).into_font();
        let colour = ink.colour();
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(across, down));
        let _ = self.backend.draw_text(text, &style, at(place));
    }
}

/// The width of a text in pixels, on the careful side: there is no font to ask.
fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * FONT * 0.6
}

/// Ticks 1, 2 or 5 times a power of ten apart, about `count` of them, from `low` to `high`.
fn ticks(low: f64, high: f64, count: usize) -> (Vec<f64>, f64) {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || count == 0 {
        return (vec![low], 1.0);
    }
    let raw = span / count as f64;
    let power = libm::pow(10.0, libm::floor(libm::log10(raw)));
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|unit| unit * power).find(|step| *step >= raw * 0.999);
    let step = step.unwrap_or(10.0 * power);
    let first = libm::ceil(low / step - 1e-9);
    let found =
        (0..=2 * count + 2).map(|idx| (first + idx as f64) * step).take_while(|value| *value <= high + step * 1e-9);
    (found.collect(), step)
}

/// Maps values to pixels.
#[derive(Debug, Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// A scale over values; equal values get room around them.
    fn new(low: f64, high: f64, from: f64, to: f64) -> Self {
        let (low, high) = if high > low { (low, high) } else { (low - 0.5 * unit(low), low + 0.5 * unit(low)) };
        Self { low, high, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }
}

fn unit(value: f64) -> f64 {
    if value == 0.0 { 1.0 } else { value.abs() }
}

/// Widens a range to whole ticks, so that the outermost grid lines frame the picture.
fn rounded(low: f64, high: f64, count: usize) -> (f64, f64) {
    let (low, high) = if high > low { (low, high) } else { (low - 0.5 * unit(low), low + 0.5 * unit(low)) };
    let (_, step) = ticks(low, high, count);
    (libm::floor(low / step + 1e-9) * step, libm::ceil(high / step - 1e-9) * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 1.0, 5).0, [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks(3.0, 47.0, 4).0, [20.0, 40.0]);
        assert_eq!(ticks(5.0, 5.0, 4).0, [5.0]);
        assert_eq!(rounded(3.0, 47.0, 4), (0.0, 60.0));
        let (low, high) = rounded(0.3, 0.3, 4);
        assert!(low < 0.3 && 0.3 < high);
    }

    #[test]
    fn a_picture_is_one_element_with_a_name() {
        let svg = draw(100.0, 50.0, "a < b", |canvas| {
            canvas.text("x & y", (5.0, 5.0), Ink::Text, HPos::Left, VPos::Top);
            canvas.dot((1.5, 2.0), 3.0, Ink::Series(0), true);
        });
        assert!(
            svg.starts_with("<svg class=\"plot\" role=\"img\" aria-label=\"a &lt; b\" viewBox=\"0 0 800 400\""),
            "{svg}"
        );
        assert!(svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("x &amp; y</text>") && svg.contains("cx=\"12\"") && svg.contains("#0072B2"));
    }

    #[test]
    fn every_colour_has_its_own_value() {
        for (idx, (name, light, dark)) in PALETTE.iter().enumerate() {
            for (other_name, other_light, other_dark) in &PALETTE[idx + 1..] {
                assert!(name != other_name && light != other_light && dark != other_dark);
            }
        }
        assert_eq!(Ink::Series(SERIES).name(), "s0");
    }
}
