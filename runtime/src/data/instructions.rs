//! Instructions for a small policy: short texts of made-up words that must meet two to five checkable constraints.
//!
//! | level | prompt | steps | answer |
//! | --- | --- | --- | --- |
//! | 1 | `say mip 3x up.` | `1MIP2MIP3MIP` | `MIP MIP MIP` |
//! | 2 | `say mip 3x comma end zu.` | `1mip2mip3mip4zu` | `mip,mip,mip,zu` |
//! | 3 | `say mip zor tak no zor.` | `mip+zor-tak+` | `mip tak` |
//! | 4 | `say mip 12 letters.` | `mip3mip6mip9mip12` | `mip mip mip mip` |
//!
//! The steps are a numbered draft, a test of each word, or a running count. A text that meets the constraints in
//! another way is right too.

use crate::data::builtin::{Generator, Task};
use crate::rng::Draws;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CONSONANTS: [char; 14] = ['b', 'd', 'f', 'g', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'z'];
const VOWELS: [char; 5] = ['a', 'e', 'i', 'o', 'u'];

/// The generator `instructions`. Columns: `instruction_id_list` and `kwargs`, a list each, spelled as IFEval does;
/// `builtin:…` are ids of our own (see [`crate::verify::constraints`]).
pub struct Instructions;

impl Generator for Instructions {
    fn name(&self) -> &'static str {
        "instructions"
    }

    fn levels(&self) -> u32 {
        4
    }

    fn sample(&self, level: u32, draws: &mut Draws) -> Task {
        match level {
            1 => repeat(level, draws),
            2 => repeat_and_end(level, draws),
            3 => leave_out(level, draws),
            _ => count_letters(level, draws),
        }
    }
}

/// Constraints by id, with their arguments.
type Constraints = Vec<(&'static str, Value)>;

fn pick(letters: &[char], draws: &mut Draws) -> char {
    letters.get(draws.below(letters.len() as u64) as usize).copied().unwrap_or('a')
}

/// A word of alternating consonants and vowels.
fn word(length: usize, draws: &mut Draws) -> String {
    (0..length).map(|at| pick(if at % 2 == 0 { &CONSONANTS } else { &VOWELS }, draws)).collect()
}

fn task(
    level: u32,
    prompt: String,
    key: String,
    constraints: Constraints,
    steps: String,
    answer: String,
    up: bool,
) -> Task {
    let (mut ids, mut arguments): (Vec<&str>, Vec<Value>) = constraints.into_iter().unzip();
    if up {
        ids.push("builtin:upper_case");
        arguments.push(json!({}));
    }
    let columns = BTreeMap::from([
        ("instruction_id_list".to_owned(), json!(ids)),
        ("kwargs".to_owned(), Value::Array(arguments)),
    ]);
    let cased = |text: String| if up { text.to_ascii_uppercase() } else { text };
    Task { level, prompt, key, columns, steps: cased(steps), answer: cased(answer) }
}

/// At most so many words.
fn no_more_words_than(most: usize) -> (&'static str, Value) {
    ("length_constraints:number_words", json!({ "num_words": most + 1, "relation": "less than" }))
}

/// At least so many words. Keywords may stand inside of words, so without this `zortak` would hold both `zor` and `tak`.
fn no_fewer_words_than(least: usize) -> (&'static str, Value) {
    ("length_constraints:number_words", json!({ "num_words": least, "relation": "at least" }))
}

fn word_times(word: &str, times: usize) -> (&'static str, Value) {
    ("builtin:word_times", json!({ "word": word, "times": times }))
}

fn numbered(words: &[String]) -> String {
    words.iter().enumerate().map(|(at, word)| format!("{}{word}", at + 1)).collect()
}

/// One word two to four times.
fn repeat(level: u32, draws: &mut Draws) -> Task {
    let word = word(3, draws);
    let times = draws.between(2, 4) as usize;
    let up = draws.below(2) == 0;
    let prompt = format!("say {word} {times}x{}.", if up { " up" } else { "" });
    let words = vec![word.clone(); times];
    let constraints = vec![word_times(&word, times), no_more_words_than(times)];
    task(level, prompt.clone(), prompt, constraints, numbered(&words), words.join(" "), up)
}

/// One word two to four times, then a syllable; with commas, in upper case, or both.
fn repeat_and_end(level: u32, draws: &mut Draws) -> Task {
    let (repeated, syllable) = (word(3, draws), word(2, draws));
    let times = draws.between(2, 4) as usize;
    let style = draws.below(3);
    let (up, comma) = (style != 0, style != 1);
    let stated = match style {
        0 => "comma",
        1 => "up",
        _ => "up comma",
    };
    let prompt = format!("say {repeated} {times}x {stated} end {syllable}.");
    let mut words = vec![repeated.clone(); times];
    words.push(syllable.clone());
    let mut constraints = vec![
        word_times(&repeated, times),
        ("startend:end_checker", json!({ "end_phrase": syllable })),
        no_more_words_than(times + 1),
    ];
    if comma {
        constraints.push(("builtin:comma_separated", json!({})));
    }
    let answer = words.join(if comma { "," } else { " " });
    task(level, prompt.clone(), prompt, constraints, numbered(&words), answer, up)
}

/// Three or four words without one of them.
fn leave_out(level: u32, draws: &mut Draws) -> Task {
    loop {
        let count = draws.between(3, 4) as usize;
        let words: Vec<String> = (0..count).map(|_| word(3, draws)).collect();
        let up = draws.below(2) == 0;
        let mut sorted = words.clone();
        sorted.sort();
        sorted.dedup();
        let at = draws.below(count as u64) as usize;
        let Some(banned) = words.get(at).filter(|_| sorted.len() == count) else { continue };
        let kept: Vec<String> = words.iter().filter(|word| *word != banned).cloned().collect();
        let steps = words.iter().map(|word| format!("{word}{}", if word == banned { '-' } else { '+' })).collect();
        let stated = if up { " up" } else { "" };
        let prompt = format!("say {} no {banned}{stated}.", words.join(" "));
        let key = format!("say {} no {banned}{stated}.", sorted.join(" "));
        let constraints = vec![
            ("keywords:existence", json!({ "keywords": kept })),
            ("keywords:forbidden_words", json!({ "forbidden_words": [banned] })),
            no_fewer_words_than(kept.len()),
            no_more_words_than(kept.len()),
        ];
        return task(level, prompt, key, constraints, steps, kept.join(" "), up);
    }
}

/// One word until there are so many letters.
fn count_letters(level: u32, draws: &mut Draws) -> Task {
    let length = 3;
    let word = word(length, draws);
    let times = draws.between(2, 5) as usize;
    let up = draws.below(2) == 0;
    let letters = times * length;
    let prompt = format!("say {word} {letters} letters{}.", if up { " up" } else { "" });
    let steps = (1..=times).map(|at| format!("{word}{}", at * length)).collect();
    let constraints = vec![
        word_times(&word, times),
        ("letters:letter_counting", json!({ "N": letters, "relation": "at least" })),
        ("letters:letter_counting", json!({ "N": letters + 1, "relation": "less than" })),
    ];
    task(level, prompt.clone(), prompt, constraints, steps, vec![word; times].join(" "), up)
}

#[cfg(test)]
mod tests {
    use crate::data::Split;
    use crate::verify::{Status, Verifier, constraints::Constraints};

    /// Shorter texts that leave out what was asked must not be right, or they would be learned.
    #[test]
    fn short_cuts_are_not_right() {
        for level in 1..=4 {
            let data = crate::data::builtin::open("instructions", Some((level, level)), 3).expect("opens");
            for index in 0..500 {
                let problem = data.problem(Split::Train, index);
                let response = data.demonstration(Split::Train, index, "demonstration").expect("a demonstration");
                let answer = response.rsplit_once('#').map_or("", |(_, answer)| answer);
                let words: Vec<&str> = answer.split([' ', ',']).collect();
                let swapped =
                    if answer.chars().any(char::is_uppercase) { answer.to_lowercase() } else { String::from("x") };
                let mut short =
                    vec![words.concat(), words.iter().skip(1).copied().collect::<Vec<_>>().join(" "), swapped];
                short.retain(|text| text != answer);
                for text in short {
                    let verdict = Constraints::default().judge(&problem, Some(&text));
                    assert_ne!(verdict.status, Status::Correct, "{}: {text}", problem.prompt);
                }
            }
        }
    }
}
