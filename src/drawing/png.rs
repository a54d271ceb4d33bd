//! A picture painted into pixels.

use super::{Anchor, Colour, GROUND, Mark, Picture, font};
use tiny_skia::{FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform};
use ttf_parser::OutlineBuilder;

/// More pixels than this on a side are no picture.
const MAX_SIDE: f32 = 16_384.0;

pub fn paint(picture: &Picture, scale: f32) -> Result<Vec<u8>, String> {
    let (width, height) = ((picture.width as f32 * scale).ceil(), (picture.height as f32 * scale).ceil());
    let fits = |side: f32| side.is_finite() && (1.0..=MAX_SIDE).contains(&side);
    let pixmap = if fits(width) && fits(height) { Pixmap::new(width as u32, height as u32) } else { None };
    let mut pixmap = pixmap.ok_or_else(|| format!("a picture of {width} x {height} pixels cannot be painted"))?;
    pixmap.fill(tiny_skia::Color::from_rgba8(GROUND.0, GROUND.1, GROUND.2, 255));
    let mut canvas = Canvas { pixmap, scale: Transform::from_scale(scale, scale) };
    for mark in &picture.marks {
        canvas.mark(mark);
    }
    canvas.pixmap.encode_png().map_err(|why| why.to_string())
}

struct Canvas {
    pixmap: Pixmap,
    scale: Transform,
}

fn ink(Colour(red, green, blue): Colour) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, 255);
    paint.anti_alias = true;
    paint
}

impl Canvas {
    fn fill(&mut self, path: Option<Path>, colour: Colour) {
        if let Some(path) = path {
            self.pixmap.fill_path(&path, &ink(colour), FillRule::Winding, self.scale, None);
        }
    }

    fn stroke(&mut self, path: Option<Path>, colour: Colour, width: f64, dashes: Option<[f64; 2]>) {
        let dash = dashes.and_then(|[ink, gap]| StrokeDash::new(vec![ink as f32, gap as f32], 0.0));
        let stroke = Stroke {
            width: width as f32,
            line_cap: LineCap::Butt,
            line_join: LineJoin::Round,
            dash,
            ..Stroke::default()
        };
        if let Some(path) = path {
            self.pixmap.stroke_path(&path, &ink(colour), &stroke, self.scale, None);
        }
    }

    fn mark(&mut self, mark: &Mark) {
        match mark {
            Mark::Path { points, colour, width, dashes } => {
                self.stroke(outline(points, false), *colour, *width, *dashes);
            }
            Mark::Area { points, colour } => self.fill(outline(points, true), *colour),
            Mark::Box { corner, size, radius, fill, stroke } => {
                let path = rounded(*corner, *size, *radius);
                if let Some(colour) = fill {
                    if *radius == 0.0 {
                        self.plain(*corner, *size, *colour);
                    } else {
                        self.fill(path.clone(), *colour);
                    }
                }
                if let Some((colour, width)) = stroke {
                    self.stroke(path, *colour, *width, None);
                }
            }
            Mark::Dot { centre, radius, colour, filled } => {
                let circle = || PathBuilder::from_circle(centre.0 as f32, centre.1 as f32, *radius as f32);
                self.fill(circle(), if *filled { *colour } else { GROUND });
                if !filled {
                    self.stroke(circle(), *colour, 2.0, None);
                }
            }
            Mark::Text { text, place, size, colour, anchor, upward } => {
                let path = letters(text, *size, *anchor);
                let turned = if *upward { Transform::from_rotate(-90.0) } else { Transform::identity() };
                let moved = turned.post_translate(place.0 as f32, place.1 as f32);
                self.fill(path.and_then(|path| path.transform(moved)), *colour);
            }
        }
    }

    /// Cells of a surface meet without a seam when their edges are not smoothed.
    fn plain(&mut self, corner: (f64, f64), size: (f64, f64), colour: Colour) {
        let rect = Rect::from_xywh(corner.0 as f32, corner.1 as f32, size.0 as f32, size.1 as f32);
        let mut paint = ink(colour);
        paint.anti_alias = false;
        if let Some(rect) = rect {
            self.pixmap.fill_rect(rect, &paint, self.scale, None);
        }
    }
}

fn outline(points: &[(f64, f64)], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (idx, (x, y)) in points.iter().enumerate() {
        if idx == 0 {
            path.move_to(*x as f32, *y as f32);
        } else {
            path.line_to(*x as f32, *y as f32);
        }
    }
    if closed {
        path.close();
    }
    path.finish()
}

fn rounded((x, y): (f64, f64), (width, height): (f64, f64), radius: f64) -> Option<Path> {
    let (left, top, right, bottom) = (x as f32, y as f32, (x + width) as f32, (y + height) as f32);
    let radius = radius.min(width / 2.0).min(height / 2.0) as f32;
    let mut path = PathBuilder::new();
    path.move_to(left + radius, top);
    path.line_to(right - radius, top);
    path.quad_to(right, top, right, top + radius);
    path.line_to(right, bottom - radius);
    path.quad_to(right, bottom, right - radius, bottom);
    path.line_to(left + radius, bottom);
    path.quad_to(left, bottom, left, bottom - radius);
    path.line_to(left, top + radius);
    path.quad_to(left, top, left + radius, top);
    path.close();
    path.finish()
}

/// The outlines of a text whose anchor is at the origin.
fn letters(text: &str, size: f64, anchor: Anchor) -> Option<Path> {
    let mut pen = match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -font::width(text, size) / 2.0,
        Anchor::End => -font::width(text, size),
    };
    let unit = size / f64::from(font::face().units_per_em()).max(1.0);
    let mut letters = Letters { path: PathBuilder::new(), unit: unit as f32, pen: 0.0 };
    for character in text.chars() {
        let glyph = font::glyph(character);
        letters.pen = pen as f32;
        font::face().outline_glyph(glyph, &mut letters);
        pen += font::advance(glyph, size);
    }
    letters.path.finish()
}

/// Glyphs have y upward and pictures downward.
struct Letters {
    path: PathBuilder,
    unit: f32,
    pen: f32,
}

impl Letters {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.pen + x * self.unit, -y * self.unit)
    }
}

impl OutlineBuilder for Letters {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::TEXT;

    #[test]
    fn marks_leave_ink_where_they_are() {
        let mut picture = Picture::new(40.0, 20.0, "test");
        picture.marks.push(Mark::Box {
            corner: (2.0, 2.0),
            size: (6.0, 6.0),
            radius: 0.0,
            fill: Some(Colour(255, 0, 0)),
            stroke: None,
        });
        picture.text("M", (20.0, 16.0), 14.0, TEXT, Anchor::Start);
        let bytes = picture.png(1.0).expect("a picture");
        let pixels = Pixmap::decode_png(&bytes).expect("a PNG");
        let at = |x, y| pixels.pixel(x, y).map(|p| (p.red(), p.green(), p.blue()));
        assert_eq!(at(4, 4), Some((255, 0, 0)));
        assert_eq!(at(12, 4), Some((255, 255, 255)));
        let dark =
            (20..34).flat_map(|x| (4..17).map(move |y| (x, y))).filter(|(x, y)| at(*x, *y).is_some_and(|p| p.0 < 100));
        assert!(dark.count() > 20, "a letter was painted");
        assert_eq!(bytes, picture.png(1.0).expect("again"), "the same bytes each time");
    }

    #[test]
    fn a_picture_without_end_is_refused() {
        assert!(Picture::new(1e9, 10.0, "wide").png(1.0).is_err());
        assert!(Picture::new(f64::NAN, 10.0, "none").png(1.0).is_err());
    }
}
