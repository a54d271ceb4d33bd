//! "Did you mean": the legal word that is nearest to what was written.

use strsim::damerau_levenshtein;

/// As many choices as a help line still lists.
const FEW: usize = 8;

/// The nearest of the words that are legal here: first one that differs only in case, else the one with the fewest edits, at most
/// a third of the written length (but at least one); ties go to the first in alphabetical order.
pub fn nearest<'a>(written: &str, legal: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut legal: Vec<&str> = legal.into_iter().collect();
    legal.sort_unstable();
    let lower = written.to_lowercase();
    if let Some(same) = legal.iter().find(|word| word.to_lowercase() == lower) {
        return Some(same);
    }
    let length = written.chars().count();
    let allowed = (length / 3).max(1);
    legal
        .into_iter()
        // The distance is at least the difference in length, which is cheap to know.
        .filter(|word| word.chars().count().abs_diff(length) <= allowed)
        .map(|word| (damerau_levenshtein(written, word), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, word)| word)
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.
pub fn distance(a: &str, b: &str) -> usize {
    damerau_levenshtein(a, b)
}

/// A suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Near<'a> {
    /// The legal word.
    pub word: &'a str,
    /// Whether nothing else can have been meant: the word differs only in case, or by one or two edits, and no other legal word is
    /// within two.
    pub certain: bool,
}

/// So many edits leave no doubt, where nothing else is as near.
const CERTAIN: usize = 2;

/// [`nearest`], and whether it is certain. Words of one or two letters are never certain: anything is near to them.
pub fn near<'a>(written: &str, legal: impl IntoIterator<Item = &'a str>) -> Option<Near<'a>> {
    let mut legal: Vec<&str> = legal.into_iter().collect();
    legal.sort_unstable();
    legal.dedup();
    let word = nearest(written, legal.iter().copied())?;
    let length = written.chars().count();
    let close = |other: &&&str| {
        other.chars().count().abs_diff(length) <= CERTAIN && damerau_levenshtein(written, other) <= CERTAIN
    };
    let rivals = legal.iter().filter(|other| **other != word).filter(close).count();
    let itself = close(&&word) || written.to_lowercase() == word.to_lowercase();
    Some(Near { word, certain: length > 2 && itself && rivals == 0 })
}

/// The help line for a name that is not legal: the nearest, or all when they are few.
pub fn help<'a>(written: &str, legal: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut legal: Vec<&str> = legal.into_iter().collect();
    legal.sort_unstable();
    legal.dedup();
    if let Some(near) = nearest(written, legal.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    match legal.as_slice() {
        [] => None,
        [only] => Some(format!("the only choice is `{only}`")),
        few if few.len() <= FEW => Some(format!("there are {}", list(few, "and"))),
        _ => None,
    }
}

/// Names in quotes with commas and a last word: `a`, `b` or `c`.
pub fn list<S: AsRef<str>>(names: &[S], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{}`", n.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// The first few names of a long list, and how many more there are.
pub fn some<S: AsRef<str>>(names: &[S]) -> String {
    match names.get(..FEW) {
        Some(few) if names.len() > FEW => {
            let quoted: Vec<String> = few.iter().map(|n| format!("`{}`", n.as_ref())).collect();
            format!("{} and {} more", quoted.join(", "), names.len() - FEW)
        }
        _ => list(names, "and"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words() {
        let legal = ["output", "prompt", "buffer", "steps", "tokens", "time"];
        for (written, expected) in [
            ("ouput", Some("output")),
            ("OUTPUT", Some("output")),
            ("stpes", Some("steps")),
            ("tims", Some("time")),
            ("temperature", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, legal), expected, "{written}");
        }
    }

    #[test]
    fn ties_are_alphabetical() {
        assert_eq!(nearest("bat", ["cat", "bar"]), Some("bar"));
        assert_eq!(nearest("bat", ["bar", "cat"]), Some("bar"));
    }

    #[test]
    fn what_leaves_no_doubt() {
        for (written, legal, certain) in [
            ("ouput", &["output", "prompt"][..], Some(true)),
            ("OUTPUT", &["output"], Some(true)),
            ("tims", &["time", "times"], Some(false)),
            ("xs", &["x", "y"], Some(false)),
            ("sampling_setings", &["sampling_settings"], Some(true)),
            ("evaluationcappppp", &["evaluationcap"], Some(false)),
            ("banana", &["output"], None),
        ] {
            assert_eq!(near(written, legal.iter().copied()).map(|n| n.certain), certain, "{written}");
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..10).map(|n| format!("d{n}")).collect();
        assert_eq!(some(&names), "`d0`, `d1`, `d2`, `d3`, `d4`, `d5`, `d6`, `d7` and 2 more");
        assert_eq!(some(&["a", "b"]), "`a` and `b`");
    }

    #[test]
    fn few_choices_are_listed_and_a_far_only_one_is_not_suggested() {
        assert_eq!(help("zzz", ["full", "frozen"]).as_deref(), Some("there are `frozen` and `full`"));
        assert_eq!(help("zzz", ["gspo"]).as_deref(), Some("the only choice is `gspo`"));
        assert_eq!(help("zzz", []), None);
    }
}
