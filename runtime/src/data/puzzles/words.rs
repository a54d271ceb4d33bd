//! Puzzles told in words: expressions of truth, things to count, people who lie, words to sort.

use super::Made;
use crate::rng::Draws;

/// Expressions with letters; asked are those that are true.
pub(super) fn boolean_expressions(level: u32, draws: &mut Draws) -> Made {
    loop {
        let made: Vec<(String, bool)> = (0..level + 1).map(|_| truth(level + 1, draws)).collect();
        let letters: Vec<char> =
            ('A'..='Z').zip(&made).filter(|(_, (_, holds))| *holds).map(|(letter, _)| letter).collect();
        // An empty box would be hard to tell from none.
        if letters.is_empty() {
            continue;
        }
        let told: Vec<String> = ('A'..='Z').zip(&made).map(|(letter, (text, _))| format!("{letter}: {text}")).collect();
        let gold = letters.iter().map(char::to_string).collect::<Vec<_>>().join(",");
        let prompt = format!("Which are true? {}. Write \\boxed{{letters}}", told.join("; "));
        return Made::compared(prompt, gold.clone(), format!("\\boxed{{{gold}}}"));
    }
}

/// An expression of so many operators, and whether it holds.
fn truth(operators: u32, draws: &mut Draws) -> (String, bool) {
    if operators == 0 {
        let holds = draws.below(2) == 0;
        return (if holds { "T" } else { "F" }.to_owned(), holds);
    }
    let left = draws.below(u64::from(operators)) as u32;
    match draws.below(3) {
        0 => {
            let (text, holds) = truth(operators - 1, draws);
            (format!("not {text}"), !holds)
        }
        sign => {
            let ((a, first), (b, second)) = (truth(left, draws), truth(operators - 1 - left, draws));
            match sign {
                1 => (format!("({a} and {b})"), first && second),
                _ => (format!("({a} or {b})"), first || second),
            }
        }
    }
}

const THINGS: [(&str, &str); 15] = [
    ("cat", "animals"),
    ("dog", "animals"),
    ("goat", "animals"),
    ("duck", "animals"),
    ("frog", "animals"),
    ("plum", "fruits"),
    ("pear", "fruits"),
    ("apple", "fruits"),
    ("lemon", "fruits"),
    ("fig", "fruits"),
    ("drum", "instruments"),
    ("flute", "instruments"),
    ("harp", "instruments"),
    ("violin", "instruments"),
    ("piano", "instruments"),
];

/// Things of several kinds; asked is how many there are of one kind.
pub(super) fn object_counting(level: u32, draws: &mut Draws) -> Made {
    let mut things = THINGS;
    draws.shuffle(&mut things);
    let items: Vec<(i64, &str, &str)> =
        things.iter().take(level as usize + 2).map(|(name, kind)| (draws.between(1, 12), *name, *kind)).collect();
    let kind = items[draws.below(items.len() as u64) as usize].2;
    let sum: i64 = items.iter().filter(|(_, _, of)| *of == kind).map(|(count, ..)| count).sum();
    let told = items.iter().map(|(count, name, _)| format!("{count} {name}{}", if *count == 1 { "" } else { "s" }));
    let prompt = format!("I have {}. How many {kind}? Write \\boxed{{number}}", told.collect::<Vec<_>>().join(", "));
    Made::compared(prompt, sum.to_string(), format!("\\boxed{{{sum}}}"))
}

const PEOPLE: [&str; 12] = ["Ann", "Bob", "Cid", "Dora", "Eli", "Fay", "Gus", "Hal", "Ida", "Jan", "Kim", "Leo"];

/// People who say of others that they lie or not; for the first it is known.
pub(super) fn web_of_lies(level: u32, draws: &mut Draws) -> Made {
    let mut people = PEOPLE;
    draws.shuffle(&mut people);
    let people = &people[..level as usize + 2];
    let mut honest = vec![draws.below(2) == 0];
    let mut told = vec![format!("{} {}", people[0], if honest[0] { "tells the truth" } else { "lies" })];
    for at in 1..people.len() {
        // The last ones speak of each other, so that chains are long.
        let other = at - 1 - draws.below(2.min(at as u64)) as usize;
        let praises = draws.below(2) == 0;
        honest.push(honest[other] == praises);
        let says = if praises { "tells the truth" } else { "lies" };
        told.push(format!("{} says {} {says}", people[at], people[other]));
    }
    let mut asked: Vec<usize> = (1..people.len()).collect();
    draws.shuffle(&mut asked);
    asked.truncate(3);
    let names = asked.iter().map(|at| people[*at]).collect::<Vec<_>>().join(", ");
    let gold = asked.iter().map(|at| if honest[*at] { "yes" } else { "no" }).collect::<Vec<_>>().join(", ");
    let prompt = format!("{}. Do they tell the truth: {names}? Write yes or no for each", told.join(". "));
    Made::compared(prompt, gold.clone(), gold)
}

const WORDS: [&str; 40] = [
    "able", "acid", "arch", "atom", "band", "bell", "bird", "boat", "cave", "cell", "city", "coal", "dawn", "desk",
    "door", "dust", "echo", "edge", "farm", "fire", "fish", "gate", "gold", "hand", "hill", "iron", "lake", "leaf",
    "mind", "moon", "nest", "oval", "page", "pool", "rain", "road", "salt", "tree", "vine", "wolf",
];

/// Words to be put into the order of the alphabet.
pub(super) fn word_sorting(level: u32, draws: &mut Draws) -> Made {
    let mut words = WORDS;
    draws.shuffle(&mut words);
    let mut words = words[..2 * level as usize + 1].to_vec();
    let prompt = format!("Sort by alphabet: {}. Write \\boxed{{a,b,..}}", words.join(" "));
    words.sort_unstable();
    let gold = words.join(",");
    Made::compared(prompt, gold.clone(), format!("\\boxed{{{gold}}}"))
}
