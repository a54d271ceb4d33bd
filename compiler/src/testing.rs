//! What tests share: the two recipes of the repository, and a check of a text.

use crate::diagnostic::human;
use crate::resolve::Loader;
use crate::{Checked, Options, check};
use recipec_grammar::source::{FileId, Source};
use std::collections::BTreeMap;

/// `recipes/quickstart.recipe`
pub const QUICKSTART: &str = include_str!("../../recipes/quickstart.recipe");
/// `recipes/apriel_reasoner.recipe`
pub const APRIEL: &str = include_str!("../../recipes/apriel_reasoner.recipe");

/// What a check found.
pub struct Found {
    /// Codes in the order of their places.
    pub codes: Vec<&'static str>,
    /// The pictures.
    pub text: String,
}

/// Files by name.
#[derive(Default)]
pub struct Files(pub BTreeMap<&'static str, String>);

impl Loader for Files {
    fn load(&self, path: &str, _from: &Source) -> Result<Source, String> {
        match self.0.get(path) {
            Some(text) => Ok(Source::new(FileId(0), path, text.as_str())),
            None => Err("there is no such file".into()),
        }
    }
}

/// Checks a text that stands alone.
pub fn checked(text: &str, options: &Options) -> Checked {
    check(Source::new(FileId(0), "test.recipe", text), &Files::default(), options)
}

/// What a check of a text finds.
pub fn codes_of(text: &str) -> Found {
    let checked = checked(text, &Options::default());
    found(&checked)
}

/// What a check found. A recipe is there exactly when no error is.
pub fn found(checked: &Checked) -> Found {
    let text = human::render(&checked.problems, &checked.sources, human::Style::default());
    assert_eq!(
        checked.recipe.is_none(),
        checked.problems.any_error(),
        "a recipe without an error, or an error without one:\n{text}"
    );
    Found { codes: checked.problems.sorted().iter().map(|d| d.code.name()).collect(), text }
}

/// The quickstart with one edit, which must apply exactly once.
pub fn quickstart_with(from: &str, to: &str) -> String {
    edit(QUICKSTART, from, to)
}

/// A text with one edit, which must apply exactly once. Any white space of `from` stands for any other: recipes are laid out by
/// `recipec fmt`, and edits are about their words.
pub fn edit(text: &str, from: &str, to: &str) -> String {
    if text.matches(from).count() == 1 {
        return text.replacen(from, to, 1);
    }
    let words: Vec<&str> = from.split_whitespace().collect();
    let first = words.first().expect("an edit of something");
    let places: Vec<(usize, usize)> = text
        .match_indices(first)
        .filter_map(|(start, _)| {
            let mut end = start + first.len();
            for word in &words[1..] {
                let rest = text[end..].trim_start();
                let spaced = rest.len() < text.len() - end;
                end = text.len() - rest.len() + word.len();
                if !spaced || !rest.starts_with(word) {
                    return None;
                }
            }
            Some((start, end))
        })
        .collect();
    let [(start, end)] = places[..] else { panic!("`{from}` is {} times in the text", places.len()) };
    // White space at the ends of an edit belongs to it.
    let lead = from.len() - from.trim_start().len();
    let trail = from.len() - from.trim_end().len();
    let start = if lead > 0 && text[..start].ends_with(&from[..lead]) { start - lead } else { start };
    let end = if trail > 0 && text[end..].starts_with(&from[from.len() - trail..]) { end + trail } else { end };
    format!("{}{to}{}", &text[..start], &text[end..])
}
