//! The font that comes along: DejaVu Sans, cut down to the characters that pictures use.

use std::sync::OnceLock;
use ttf_parser::{Face, GlyphId};

static FILE: &[u8] = include_bytes!("DejaVuSans-subset.ttf");

/// The font.
pub fn face() -> &'static Face<'static> {
    static FACE: OnceLock<Face<'static>> = OnceLock::new();
    FACE.get_or_init(|| Face::parse(FILE, 0).expect("the font that comes along is one"))
}

/// The glyph of a character; characters that the font does not have get its box.
pub fn glyph(character: char) -> GlyphId {
    face().glyph_index(character).unwrap_or(GlyphId(0))
}

/// How far a glyph moves the pen, in pixels at a size.
pub fn advance(glyph: GlyphId, size: f64) -> f64 {
    let units = f64::from(face().units_per_em()).max(1.0);
    f64::from(face().glyph_hor_advance(glyph).unwrap_or(0)) / units * size
}

/// The width of a text in pixels at a size. DejaVu Sans is among the widest fonts that viewers fall back to, so that a text
/// that fits by this measure fits in the SVG too.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|character| advance(glyph(character), size)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_that_pictures_write_has_a_glyph() {
        for character in (' '..='~').chain("·×±–—…←→−≤≥≈γλ".chars()) {
            assert_ne!(glyph(character), GlyphId(0), "{character}");
        }
        assert_eq!(glyph('漢'), GlyphId(0));
        assert!(width("mm", 10.0) > width("ii", 10.0) && width("", 10.0) == 0.0);
    }
}
