//! Task `ordering`: put letters into an order that agrees with all given pairs.
//!
//! Data: `pairs`, a list of `[smaller, greater]`; with `place` (from 1) only the letter at that place is asked.
//! An order is right when it holds each letter of the pairs once and no pair is the wrong way round. A letter is right
//! when it stands at its place in some such order. Blanks, commas and `<` between letters are not looked at.

use crate::verify::{Status, Verdict};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Its name.
pub(super) const TASK: &str = "ordering";

/// Longest answer that is read, in characters.
const LONGEST: usize = 1_000;

/// Most pairs of a puzzle.
const MOST_PAIRS: usize = 10_000;

pub(super) fn judge(game: &Map<String, Value>, answer: &str) -> Result<Verdict, String> {
    let pairs = pairs(game)?;
    let letters: BTreeSet<char> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
    if answer.chars().nth(LONGEST).is_some() {
        return Ok(Verdict::of(Status::Unparsable, "longer than any order"));
    }
    let given: Vec<char> =
        answer.chars().filter(|letter| !letter.is_whitespace() && !matches!(letter, ',' | '<')).collect();
    match game.get("place") {
        None => Ok(whole_order(&pairs, &letters, &given)),
        Some(place) => {
            let place = place.as_u64().filter(|place| (1..=letters.len() as u64).contains(place));
            let place = place.ok_or("`place` is not a place of the order")? as usize;
            one_letter(&pairs, &letters, &given, place)
        }
    }
}

fn pairs(game: &Map<String, Value>) -> Result<Vec<(char, char)>, String> {
    let rows = game.get("pairs").and_then(Value::as_array).ok_or("`pairs` is not a list")?;
    if rows.is_empty() || rows.len() > MOST_PAIRS {
        return Err(format!("{} pairs, not 1 to {MOST_PAIRS}", rows.len()));
    }
    let letter = |value: &Value| {
        let mut letters = value.as_str()?.chars();
        letters.next().filter(|_| letters.next().is_none())
    };
    let pair = |row: &Value| match row.as_array().map(Vec::as_slice) {
        Some([a, b]) => letter(a).zip(letter(b)),
        _ => None,
    };
    rows.iter().map(|row| pair(row).ok_or_else(|| format!("`{row}` is not a pair of letters"))).collect()
}

fn whole_order(pairs: &[(char, char)], letters: &BTreeSet<char>, given: &[char]) -> Verdict {
    let places: BTreeMap<char, usize> = given.iter().enumerate().map(|(at, letter)| (*letter, at)).collect();
    if places.len() != given.len()
        || given.len() != letters.len()
        || !letters.iter().all(|letter| places.contains_key(letter))
    {
        return Verdict::wrong("not each letter once");
    }
    match pairs.iter().find(|(a, b)| places.get(a) >= places.get(b)) {
        Some((a, b)) => Verdict::wrong(format!("{a}<{b} does not hold")),
        None => Verdict::correct(),
    }
}

/// A letter can stand at a place when no more letters must come before it than fit there, and no more must come after.
fn one_letter(
    pairs: &[(char, char)],
    letters: &BTreeSet<char>,
    given: &[char],
    place: usize,
) -> Result<Verdict, String> {
    let &[letter] = given else { return Ok(Verdict::wrong("one letter was asked")) };
    if !letters.contains(&letter) {
        return Ok(Verdict::wrong("not a letter of the puzzle"));
    }
    let turned: Vec<(char, char)> = pairs.iter().map(|(a, b)| (*b, *a)).collect();
    if letters.iter().any(|letter| reached(pairs, *letter).contains(letter)) {
        return Err("the pairs contradict each other".into());
    }
    let (before, after) = (reached(&turned, letter).len(), reached(pairs, letter).len());
    let fits = before < place && after <= letters.len().saturating_sub(place);
    Ok(if fits { Verdict::correct() } else { Verdict::wrong(format!("{letter} cannot be at place {place}")) })
}

/// The letters that must come after a letter.
fn reached(pairs: &[(char, char)], from: char) -> BTreeSet<char> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(letter) = open.pop() {
        for (_, next) in pairs.iter().filter(|(a, _)| *a == letter) {
            if found.insert(*next) {
                open.push(*next);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(game: Value, answer: &str) -> Result<Status, String> {
        let Value::Object(game) = game else { return Err("not an object".into()) };
        judge(&game, answer).map(|verdict| verdict.status)
    }

    #[test]
    fn every_order_that_keeps_the_pairs_is_right() {
        let open = json!({ "pairs": [["a", "b"], ["a", "c"]] });
        for (answer, expected) in [
            ("abc", Status::Correct),
            ("acb", Status::Correct),
            (" a < c, b ", Status::Correct),
            ("bac", Status::Wrong),
            ("ab", Status::Wrong),
            ("abcc", Status::Wrong),
            ("abd", Status::Wrong),
        ] {
            assert_eq!(status(open.clone(), answer), Ok(expected), "{answer}");
        }
    }

    #[test]
    fn a_letter_is_right_where_some_order_has_it() {
        let pairs = json!([["a", "b"], ["a", "c"]]);
        for (place, answer, expected) in [
            (1, "a", Status::Correct),
            (1, "b", Status::Wrong),
            (2, "b", Status::Correct),
            (3, "b", Status::Correct),
            (2, "a", Status::Wrong),
            (2, "bc", Status::Wrong),
            (2, "z", Status::Wrong),
        ] {
            assert_eq!(status(json!({ "pairs": pairs, "place": place }), answer), Ok(expected), "{place} {answer}");
        }
    }

    #[test]
    fn bad_data_is_not_the_answers_fault() {
        for game in [
            json!({}),
            json!({ "pairs": [] }),
            json!({ "pairs": [["a"]] }),
            json!({ "pairs": [["a", "bb"]] }),
            json!({ "pairs": [["a", "b"]], "place": 3 }),
            json!({ "pairs": [["a", "b"], ["b", "a"]], "place": 1 }),
        ] {
            assert!(status(game.clone(), "a").is_err(), "{game}");
        }
    }
}
