//! Units behind an answer.

/// Words that measure or count. Some are there because answers of school books end so.
const UNITS: &[&str] = &[
    // Lengths, areas, volumes.
    "m",
    "cm",
    "mm",
    "km",
    "dm",
    "mtr",
    "mt",
    "metre",
    "meter",
    "litre",
    "liter",
    "l",
    "lt",
    "cc",
    "inch",
    "inches",
    "feet",
    "ft",
    "yard",
    "mile",
    "acre",
    "hectare",
    "gallon",
    "gal",
    "cube",
    "cubic",
    "square",
    "sq",
    "sq m",
    "sq . m",
    "sq inch",
    "m square",
    "m east",
    "cm 2",
    "cu cm",
    "cu . m",
    "pi sq m",
    "edge",
    // Masses and forces.
    "g",
    "gm",
    "kg",
    "pound",
    "lb",
    "ohm",
    // Times.
    "s",
    "sec",
    "second",
    "min",
    "minw",
    "minute",
    "h",
    "hr",
    "hour",
    "day",
    "month",
    "year",
    "yr",
    "noon",
    "am",
    "pm",
    "a . m",
    "p . m",
    // Speeds.
    "mph",
    "mp",
    "kmh",
    "kmph",
    "per",
    // Money.
    "cent",
    "rs",
    "rs .",
    "rupee",
    "profit",
    "profit of rs",
    "loss",
    "gain",
    // Angles, directions, ordinals.
    "degree",
    "deg",
    "d",
    "o",
    "° f",
    "east",
    "west",
    "st",
    "rd",
    "th",
    "c",
    "t",
    "bc",
    // What is counted.
    "integerpoint",
    "digit",
    "number",
    "prime",
    "multiple",
    "ratio",
    "student",
    "man",
    "men",
    "woman",
    "women",
    "soldier",
    "monkey",
    "apple",
    "meal",
    "pie",
    "tile",
    "toy",
    "coin",
    "mark",
    "unit",
    "way",
    "rounds",
    "children ticket",
    "sue",
    "ab",
    "by",
    "are",
    "rise",
    "excess",
    "more",
    "less",
    "pure",
    "increase",
    "decrease",
    "no change",
    "Surface",
    // Letters of answers that are chosen.
    "a .",
    "b .",
    "c .",
    "d .",
    "e .",
    "f .",
    "g .",
    "h .",
    "s .",
    "q .",
];

/// Longest unit with its plural, in bytes, and blanks around it.
const LONGEST: usize = 40;

/// A text without its units: words in `\text{…}` at the end with a power, then, twice, a bare word. What would leave
/// nothing is kept.
pub fn without_units(text: &str) -> String {
    let mut text = match worded(text) {
        Some(kept) if !kept.trim().is_empty() => kept.trim().to_owned(),
        _ => text.to_owned(),
    };
    for _ in 0..2 {
        match bare(&text) {
            Some(kept) => text.truncate(kept),
            None => break,
        }
    }
    text
}

/// What stands before the first `\text{` or `\mbox{` where the text ends with a closing brace, maybe with a power of one
/// digit behind it.
fn worded(text: &str) -> Option<&str> {
    let unpowered = text.strip_suffix(|c: char| c.is_ascii_digit()).and_then(|rest| rest.strip_suffix('^'));
    let end = [Some(text), unpowered].into_iter().flatten().find(|text| text.ends_with('}'))?;
    let start = [end.find(r"\text{"), end.find(r"\mbox{")].into_iter().flatten().min()?;
    text.get(..start)
}

/// How much is left of a text that ends with a unit behind a digit, a brace or a blank.
fn bare(text: &str) -> Option<usize> {
    let mut from = text.len().saturating_sub(LONGEST);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    for (at, first) in text.get(from..)?.char_indices() {
        if !(first.is_ascii_digit() || first == '}' || first.is_whitespace()) {
            continue;
        }
        let end = from + at + first.len_utf8();
        let word = text.get(end..)?.trim();
        let is_unit = |word: &str| UNITS.contains(&word);
        if is_unit(word) || word.strip_suffix('s').is_some_and(is_unit) || word.strip_suffix("es").is_some_and(is_unit)
        {
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_go_and_answers_stay() {
        for (text, expected) in [
            (r"15\text{ cm}^2", "15"),
            (r"15\,\text{cm}^{2}", r"15\,"),
            (r"3:15\text{ p.m.}", "3:15"),
            (r"\text{Evelyn}", r"\text{Evelyn}"),
            ("72kg", "72"),
            ("90 degrees", "90"),
            ("5 sq m", "5"),
            ("x", "x"),
            ("2x", "2x"),
            ("22> t", "22> "),
            (r"\frac{1}{2} hours", r"\frac{1}{2}"),
            ("m", "m"),
        ] {
            assert_eq!(without_units(text), expected, "{text}");
        }
    }
}
