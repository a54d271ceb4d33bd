//! Pictures: a list of marks in shown pixels, written as SVG or painted as PNG.
//!
//! Both come from the same marks and the same font, so that what fits in one fits in the other. Nothing of the machine is
//! asked: no fonts, no screen. A picture has its own light ground, so that it reads the same on a dark page.

pub mod chart;
mod font;
pub mod graph;
mod png;
mod svg;

pub use font::width;

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

/// The ground of every picture.
pub const GROUND: Colour = Colour(0xFF, 0xFF, 0xFF);
/// Text, and frames.
pub const TEXT: Colour = Colour(0x1F, 0x23, 0x28);
/// Second text: axes, captions.
pub const MUTED: Colour = Colour(0x53, 0x5B, 0x65);
/// Lines that guide the eye.
pub const GRID: Colour = Colour(0xDD, 0xE1, 0xE6);
/// Colours of series, told apart by readers who do not see all colours (Okabe & Ito 2008, without its yellow).
pub const SERIES: [Colour; 6] = [
    Colour(0x00, 0x72, 0xB2),
    Colour(0xD5, 0x5E, 0x00),
    Colour(0x00, 0x9E, 0x73),
    Colour(0xB0, 0x4A, 0x86),
    Colour(0x1F, 0x23, 0x28),
    Colour(0x8A, 0x66, 0x00),
];

/// Which point of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Something to be drawn; later marks cover earlier ones. Pixels from the upper left corner.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A line through points; the dashes are lengths of ink and gap.
    Path { points: Vec<(f64, f64)>, colour: Colour, width: f64, dashes: Option<[f64; 2]> },
    /// A filled outline.
    Area { points: Vec<(f64, f64)>, colour: Colour },
    /// A rectangle with rounded corners.
    Box { corner: (f64, f64), size: (f64, f64), radius: f64, fill: Option<Colour>, stroke: Option<(Colour, f64)> },
    /// A dot, or a ring.
    Dot { centre: (f64, f64), radius: f64, colour: Colour, filled: bool },
    /// A line of text; `place` is on its base line. `upward` turns it to be read from below.
    Text { text: String, place: (f64, f64), size: f64, colour: Colour, anchor: Anchor, upward: bool },
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    /// What it shows, for people who do not see it.
    pub label: String,
    /// What is drawn, from back to front.
    pub marks: Vec<Mark>,
}

impl Picture {
    /// An empty picture.
    pub fn new(width: f64, height: f64, label: impl Into<String>) -> Self {
        Self { width, height, label: label.into(), marks: Vec::new() }
    }

    /// A line of text.
    pub fn text(&mut self, text: impl Into<String>, place: (f64, f64), size: f64, colour: Colour, anchor: Anchor) {
        self.marks.push(Mark::Text { text: text.into(), place, size, colour, anchor, upward: false });
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour, width: f64) {
        self.marks.push(Mark::Path { points: vec![from, to], colour, width, dashes: None });
    }

    /// The picture as an SVG document.
    pub fn svg(&self) -> String {
        svg::write(self)
    }

    /// The picture as PNG, `scale` times as large.
    pub fn png(&self, scale: f32) -> Result<Vec<u8>, String> {
        png::paint(self, scale)
    }

    /// Adds a text in lines of at most `room` pixels, from a first base line; gives the base line after the last.
    pub fn paragraph(&mut self, text: &str, (x, y): (f64, f64), room: f64, size: f64, colour: Colour) -> f64 {
        let mut at = y;
        for line in wrapped(text, room, size) {
            self.text(line, (x, at), size, colour, Anchor::Start);
            at += size * 1.4;
        }
        at
    }
}

/// A text in lines that are no wider than `room`, broken at blanks.
pub fn wrapped(text: &str, room: f64, size: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// A text that is no wider than `room`; what is left out is shown by three dots.
pub fn clipped(text: &str, room: f64, size: f64) -> String {
    if width(text, size) <= room {
        return text.to_string();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if width(&kept, size) + width("…", size) > room {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

/// Ticks 1, 2 or 5 times a power of ten apart, about `count` of them, from `low` to `high`; and the distance.
pub fn ticks(low: f64, high: f64, count: usize) -> (Vec<f64>, f64) {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || count == 0 {
        return (vec![low], 1.0);
    }
    let raw = span / count as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|unit| unit * power).find(|step| *step >= raw * 0.999);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil();
    let values = (0..=2 * count + 2).map(|idx| (first + idx as f64) * step);
    (values.take_while(|value| *value <= high + step * 1e-9).collect(), step)
}

/// Ticks of a count of tokens: powers of two apart where the end is one, so that caps stand on the axis.
pub fn token_ticks(low: f64, high: f64, count: usize) -> (Vec<f64>, f64) {
    let span = high.max(1.0) as u64;
    if span >= 1024 && span.is_multiple_of(1024) {
        let mut step = 1024u64;
        while span / step > count as u64 {
            step *= 2;
        }
        return ((0..=span / step).map(|at| (at * step) as f64).filter(|at| *at >= low - 1.0).collect(), step as f64);
    }
    ticks(low, high, count)
}

/// The label of a tick, with as many digits as the distance between ticks needs.
pub fn tick_label(value: f64, step: f64) -> String {
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    if value.abs() >= 1024.0 && value % 1024.0 == 0.0 && step % 1024.0 == 0.0 {
        return format!("{}Ki", value / 1024.0);
    }
    if value.abs() >= 10_000.0 && step >= 100.0 {
        return format!("{}K", value / 1000.0);
    }
    if step < 1e-4 {
        let text = if value == 0.0 { "0".to_string() } else { format!("{value:.1e}") };
        return text.replace('-', "\u{2212}");
    }
    let digits = (-(step.log10() + 1e-9).floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.digits$}").replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_caps_stand_on_the_axis() {
        assert_eq!(ticks(3.0, 47.0, 4).0, [20.0, 40.0]);
        assert_eq!(ticks(5.0, 5.0, 4).0, [5.0]);
        assert_eq!(token_ticks(1.0, 16384.0, 8), ((0..=8).map(|at| f64::from(at) * 2048.0).collect(), 2048.0));
        assert_eq!(tick_label(4096.0, 2048.0), "4Ki");
        assert_eq!(tick_label(-0.2, 0.1), "\u{2212}0.2");
        assert_eq!(tick_label(1e-17, 0.2), "0.0");
        assert_eq!(tick_label(20_000.0, 5000.0), "20K");
    }

    #[test]
    fn text_is_broken_and_cut_to_its_room() {
        let text = "one two three four five six seven";
        let lines = wrapped(text, 80.0, 12.0);
        assert!(lines.len() > 2 && lines.iter().all(|line| width(line, 12.0) <= 80.0), "{lines:?}");
        assert_eq!(lines.join(" "), text);
        let cut = clipped("a very long name of a domain", 60.0, 12.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0) <= 60.0, "{cut}");
        assert_eq!(clipped("short", 60.0, 12.0), "short");
    }
}
