//! The nearest of the words that are legal in a place.

use strsim::damerau_levenshtein;

/// The nearest candidate: one that differs in case only, else one within a third of the word's length (at least one edit).
/// Of several equally near ones the first in the alphabet.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let edits =
                if candidate.eq_ignore_ascii_case(word) { 0 } else { damerau_levenshtein(word, candidate).max(1) };
            (edits <= most).then_some((edits, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_only() {
        assert_eq!(nearest("lenght", ["length", "prompt_length"]), Some("length"));
        assert_eq!(nearest("Correct", ["correct", "wrong"]), Some("correct"));
        assert_eq!(nearest("x", ["length"]), None);
        assert_eq!(nearest("ab", ["aa", "ac"]), Some("aa"));
        assert_eq!(nearest("", ["length"]), None);
    }
}
