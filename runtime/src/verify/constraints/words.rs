//! Constraints on keywords and on words between blanks.

use super::arguments::Arguments;

/// How often a keyword occurs, without overlap and ignoring case.
fn hits(text: &str, keyword: &str) -> usize {
    let (text, keyword) = (text.to_lowercase(), keyword.to_lowercase());
    if keyword.is_empty() { text.chars().count() + 1 } else { text.matches(&keyword).count() }
}

/// True for a character of a word in the sense of regular expressions.
pub fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// True where a word starts or ends between two characters.
fn is_border(before: Option<char>, after: Option<char>) -> bool {
    before.is_some_and(is_of_word) != after.is_some_and(is_of_word)
}

/// True where a text holds a word between two borders, ignoring case.
fn holds_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    let ends = (word.chars().next(), word.chars().next_back());
    if word.is_empty() {
        return text.chars().any(is_of_word);
    }
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(&word)) {
        let start = from + at;
        let (before, after) = (text.get(..start), text.get(start + word.len()..));
        let left = before.and_then(|before| before.chars().next_back());
        let right = after.and_then(|after| after.chars().next());
        if is_border(left, ends.0) && is_border(ends.1, right) {
            return true;
        }
        from = start + ends.0.map_or(1, char::len_utf8);
    }
    false
}

/// Every keyword occurs.
pub fn existence(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(arguments.texts("keywords")?.iter().all(|keyword| hits(text, keyword) > 0))
}

/// A keyword occurs so often.
pub fn frequency(text: &str, arguments: &Arguments) -> Option<bool> {
    arguments.holds(hits(text, arguments.text("keyword")?.trim()), "relation", "frequency")
}

/// No word of a list occurs as a word.
pub fn forbidden_words(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(!arguments.texts("forbidden_words")?.iter().any(|word| holds_word(text, word)))
}

/// A keyword occurs exactly once.
pub fn word_once(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(hits(text, arguments.text("keyword")?.trim()) == 1)
}

/// One keyword occurs once, another twice.
pub fn count_increment_word(text: &str, arguments: &Arguments) -> Option<bool> {
    let (once, twice) = (arguments.text("keyword1")?.trim(), arguments.text("keyword2")?.trim());
    Some(hits(text, once) == 1 && hits(text, twice) == 2)
}

/// A keyword does not occur between blanks; case matters.
pub fn exclude_word_harder(text: &str, arguments: &Arguments) -> Option<bool> {
    Some(!text.contains(&format!(" {} ", arguments.text("keyword")?)))
}

/// No word starts with the code point that follows the one that the word before starts with.
pub fn no_adjacent_consecutive(text: &str, _: &Arguments) -> Option<bool> {
    let firsts: Vec<u32> =
        text.split_whitespace().filter_map(|word| word.chars().next()?.to_lowercase().next()).map(u32::from).collect();
    Some(!firsts.iter().zip(firsts.iter().skip(1)).any(|(first, second)| *second == first + 1))
}

/// Some word reads the same backwards.
pub fn palindrome(text: &str, _: &Arguments) -> Option<bool> {
    Some(text.split_whitespace().any(|word| word.chars().eq(word.chars().rev())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_borders() {
        for (text, word, expected) in [
            ("the Cat sat", "cat", true),
            ("concatenate", "cat", false),
            ("catcat cat", "cat", true),
            ("a_cat", "cat", false),
            ("café", "caf", false),
            ("", "cat", false),
        ] {
            assert_eq!(holds_word(text, word), expected, "{text}");
        }
    }
}
