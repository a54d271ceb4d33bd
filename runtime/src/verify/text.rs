//! What characters are, in the sense of the language of the reference: blanks, characters of words, digits, case.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// A blank: Unicode's white space, and the four separators of ASCII.
pub fn is_blank(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// A character of a word: a letter, a number of any kind, or the underscore. Combining marks are none.
pub fn is_of_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    matches!(c.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

/// A character of a word in the sense of Unicode's report on regular expressions, by which the tokenizers of the reference
/// go: letters with their marks, decimal digits, connectors and joiners, and no other numbers.
pub fn is_of_token(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    c.is_alphabetic()
        || c.general_category_group() == GeneralCategoryGroup::Mark
        || matches!(c.general_category(), GeneralCategory::DecimalNumber | GeneralCategory::ConnectorPunctuation)
        || matches!(c, '\u{200c}' | '\u{200d}')
}

/// A decimal digit of any script.
pub fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { c.general_category() == GeneralCategory::DecimalNumber }
}

/// A text without the blanks at its ends.
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// Words between blanks.
pub fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(is_blank).filter(|word| !word.is_empty())
}

/// A text without the blanks at its ends, in lower case.
pub fn folded(text: &str) -> String {
    strip(text).to_lowercase()
}

/// Letters such as `ǅ` that are half upper and half lower case; with one of them no text is either.
fn is_title(c: char) -> bool {
    !c.is_ascii() && c.general_category() == GeneralCategory::TitlecaseLetter
}

/// At least one letter with case, and all of them upper case.
pub fn is_upper(text: &str) -> bool {
    text.chars().any(char::is_uppercase) && !text.chars().any(|c| c.is_lowercase() || is_title(c))
}

/// At least one letter with case, and all of them lower case.
pub fn is_lower(text: &str) -> bool {
    text.chars().any(char::is_lowercase) && !text.chars().any(|c| c.is_uppercase() || is_title(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_what_they_are_elsewhere() {
        assert!(is_blank('\u{a0}') && is_blank('\u{1f}') && !is_blank('\u{200b}'));
        assert!(is_of_word('é') && is_of_word('²') && is_of_word('字') && !is_of_word('\u{301}') && !is_of_word('-'));
        assert!(is_of_token('\u{301}') && is_of_token('Ⅷ') && !is_of_token('²') && is_of_token('\u{200d}'));
        assert!(is_digit('٣') && !is_digit('²') && !is_digit('a'));
        assert!(is_upper("A 1") && !is_upper("1") && !is_upper("Ab") && !is_upper("Aǅ"));
        assert!(is_lower("a ß") && !is_lower("aǅ"));
        assert_eq!(strip("\u{1c} a b\u{3000}"), "a b");
        assert_eq!(words(" a\u{1d}b ").collect::<Vec<_>>(), ["a", "b"]);
    }
}
