//! A picture as an SVG document.

use super::{Anchor, Colour, GROUND, Mark, Picture};
use std::fmt::Write;

pub fn write(picture: &Picture) -> String {
    let (width, height) = (short(picture.width), short(picture.height));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{0}\" font-family=\"'DejaVu Sans', Verdana, Helvetica, Arial, sans-serif\">\n\
         <title>{0}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"{1}\"/>\n",
        escape(&picture.label),
        hex(GROUND)
    );
    for mark in &picture.marks {
        write_mark(mark, &mut text);
    }
    text.push_str("</svg>\n");
    text
}

fn write_mark(mark: &Mark, text: &mut String) {
    let points = |points: &[(f64, f64)]| {
        points.iter().map(|(x, y)| format!("{},{}", short(*x), short(*y))).collect::<Vec<_>>().join(" ")
    };
    let _ = match mark {
        Mark::Path { points: line, colour, width, dashes } => {
            let dashes = dashes.map(|[ink, gap]| format!(" stroke-dasharray=\"{} {}\"", short(ink), short(gap)));
            writeln!(
                text,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"{}/>",
                points(line),
                hex(*colour),
                short(*width),
                dashes.unwrap_or_default()
            )
        }
        Mark::Area { points: outline, colour } => {
            writeln!(text, "<polygon points=\"{}\" fill=\"{}\"/>", points(outline), hex(*colour))
        }
        Mark::Box { corner, size, radius, fill, stroke } => {
            let fill = fill.map_or("none".to_string(), hex);
            let stroke =
                stroke.map(|(colour, width)| format!(" stroke=\"{}\" stroke-width=\"{}\"", hex(colour), short(width)));
            let rounded = if *radius > 0.0 { format!(" rx=\"{}\"", short(*radius)) } else { String::new() };
            writeln!(
                text,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{rounded} fill=\"{fill}\"{}/>",
                short(corner.0),
                short(corner.1),
                short(size.0),
                short(size.1),
                stroke.unwrap_or_default()
            )
        }
        Mark::Dot { centre, radius, colour, filled } => {
            let (x, y, radius, colour) = (short(centre.0), short(centre.1), short(*radius), hex(*colour));
            let paint = if *filled {
                format!("fill=\"{colour}\"")
            } else {
                format!("fill=\"{}\" stroke=\"{colour}\" stroke-width=\"2\"", hex(GROUND))
            };
            writeln!(text, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" {paint}/>")
        }
        Mark::Text { text: words, place, size, colour, anchor, upward } => {
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let (x, y) = (short(place.0), short(place.1));
            let turn = if *upward { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
            writeln!(
                text,
                "<text x=\"{x}\" y=\"{y}\" font-size=\"{}\" fill=\"{}\"{anchor}{turn}>{}</text>",
                short(*size),
                hex(*colour),
                escape(words)
            )
        }
    };
}

fn hex(Colour(red, green, blue): Colour) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Hundredths of a pixel are more than can be seen.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// Text inside an element or an attribute. Control characters have no place in XML and are left out.
fn escape(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            control if control.is_control() => {}
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::TEXT;

    #[test]
    fn names_cannot_break_the_document() {
        let mut picture = Picture::new(10.0, 10.0, "a < \"b\" & \u{7}c");
        picture.text("<script>", (1.0, 2.0), 10.0, TEXT, Anchor::Middle);
        let svg = picture.svg();
        assert!(svg.contains("aria-label=\"a &lt; &quot;b&quot; &amp; c\"") && svg.contains("&lt;script&gt;"), "{svg}");
        assert!(!svg.contains("<script"));
    }
}
