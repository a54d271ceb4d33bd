//! What holds for every maker of puzzles.

use super::*;
use crate::data::{Data, Problem, Split, builtin};
use crate::rng::{Purpose, Stream};
use crate::verify::{Status, Verifier, puzzle::Puzzle};
use std::collections::BTreeSet;

/// Puzzles of one level.
const MANY: u64 = 60;

fn judged(problem: &Problem, answer: &str) -> Status {
    Puzzle.judge(problem, Some(answer)).status
}

fn each_level(mut check: impl FnMut(&str, u32, &dyn Data)) {
    for row in PUZZLES {
        for level in 1..=row.levels {
            let data = builtin::open(row.name, Some((level, level)), 7).expect("a level of the maker");
            check(row.name, level, &*data);
        }
    }
}

/// The gold answer is right; with a digit, a letter or a bracket of it changed, or cut, it is not. Where another answer
/// can be right too, a few damaged ones may be.
#[test]
fn gold_answers_are_right_and_damaged_ones_are_not() {
    each_level(|name, level, data| {
        let (mut damaged, mut still_right) = (0, 0);
        for index in 0..MANY {
            let split = if index % 2 == 0 { Split::Train } else { Split::HeldOut };
            let problem = data.problem(split, index);
            let response = data.demonstration(split, index, "demonstration").expect("a demonstration");
            let gold = response.strip_prefix('#').expect("no steps");
            let told = format!("{name} {level} {index}: {:?} -> {gold:?}", problem.prompt);
            assert_eq!(judged(&problem, gold), Status::Correct, "{told}");
            assert_eq!(judged(&problem, ""), Status::NoAnswer, "{told}");
            for change in damages(gold) {
                damaged += 1;
                still_right += u32::from(judged(&problem, &change) == Status::Correct);
            }
            assert_ne!(judged(&problem, "I do not know."), Status::Correct, "{told}");
        }
        println!("{name} {level}: {still_right} of {damaged} damaged answers are right");
        assert!(damaged > 50 && still_right * 12 < damaged, "{name} {level}: {still_right} of {damaged}");
    });
}

/// The text with one of its signs changed, for a few signs, and its first half.
fn damages(gold: &str) -> Vec<String> {
    let other = |sign: char| match sign {
        '1' => Some('2'),
        '2'..='9' => Some('1'),
        'X' => Some('C'),
        'A' | 'C' | 'T' => Some('X'),
        '(' => Some('['),
        ')' => Some(']'),
        'y' => Some('n'),
        'n' => Some('y'),
        'a'..='w' => Some('z'),
        _ => None,
    };
    // Of a box, the inside; of a fence, what stands behind its mark.
    let from = gold.find('{').or_else(|| gold.find(' ')).map_or(0, |at| at + 1);
    let changes = gold.char_indices().filter(|(at, _)| *at >= from).filter_map(|(at, sign)| {
        let other = other(sign)?;
        let (before, behind) = gold.split_at(at);
        Some(format!("{before}{other}{}", behind.strip_prefix(sign)?))
    });
    let all: Vec<String> = changes.collect();
    let step = (all.len() / 4).max(1);
    all.into_iter()
        .step_by(step)
        .chain(std::iter::once(gold.chars().take(gold.chars().count() / 2).collect()))
        .collect()
}

#[test]
fn prompts_fit_the_character_tokenizer() {
    let (mut longest_prompt, mut longest_answer) = (0, 0);
    each_level(|name, level, data| {
        for index in 0..MANY {
            let problem = data.problem(Split::Train, index);
            let response = data.demonstration(Split::Train, index, "demonstration").expect("a demonstration");
            assert!(crate::tokenizer::encode(&problem.prompt).is_ok(), "{name}: {:?}", problem.prompt);
            assert!(crate::tokenizer::encode(&response).is_ok(), "{name}: {response:?}");
            assert!(problem.prompt.ends_with('@') && response.matches('#').count() == 1, "{name}");
            assert_eq!(problem.level, level);
            longest_prompt = longest_prompt.max(problem.prompt.len());
            longest_answer = longest_answer.max(response.len());
        }
    });
    println!("longest prompt {longest_prompt}, longest answer {longest_answer} characters");
    assert!(longest_prompt <= 320 && longest_answer <= 220, "{longest_prompt} {longest_answer}");
}

#[test]
fn a_number_is_always_the_same_puzzle_and_the_sides_share_none() {
    each_level(|name, level, data| {
        let again = builtin::open(name, Some((level, level)), 7).expect("opens");
        let other = builtin::open(name, Some((level, level)), 8).expect("opens");
        let mut sides: [BTreeSet<String>; 2] = Default::default();
        let mut differ = 0;
        for index in 0..MANY {
            let [train, held_out] = [Split::Train, Split::HeldOut].map(|split| data.problem(split, index));
            assert_eq!(train, again.problem(Split::Train, index), "{name} {level}");
            differ += u64::from(train != other.problem(Split::Train, index));
            sides[0].insert(train.prompt);
            sides[1].insert(held_out.prompt);
        }
        assert!(sides[0].is_disjoint(&sides[1]), "{name} {level}");
        assert!(differ * 10 >= MANY * 9, "{name} {level}: {differ} differ by seed");
        assert!(sides[0].len() as u64 * 2 > MANY, "{name} {level}: {} puzzles", sides[0].len());
    });
}

/// A higher level is another set of puzzles, and its prompts are longer.
#[test]
fn levels_differ() {
    for row in PUZZLES {
        let length = |level| {
            let mut draws = Draws::new(Stream::new(4, Purpose::Other, level, 0, 0));
            (0..20)
                .map(|_| {
                    let task = row.sample(level, &mut draws);
                    assert_eq!(task.level, level);
                    task.prompt.len() + task.answer.len()
                })
                .sum::<usize>()
        };
        // A sudoku with more free cells is as long.
        if row.name != "sudoku" {
            assert!(length(1) < length(row.levels), "{}", row.name);
        }
    }
    let free = |level| {
        let data = builtin::open("sudoku", Some((level, level)), 1).expect("opens");
        (0..5).map(|index| data.problem(Split::Train, index).prompt.matches('.').count()).sum::<usize>()
    };
    assert!(free(1) < free(2) && free(2) < free(3), "{} {} {}", free(1), free(2), free(3));
}

/// The table of names is in order, and every name has a verifier.
#[test]
fn names_are_tasks() {
    let names: Vec<&str> = PUZZLES.iter().map(|row| row.name).collect();
    assert!(names.is_sorted() && names.len() >= 12);
    let tasks = Puzzle::tasks();
    assert!(names.iter().all(|name| tasks.contains(name)));
}

/// Puzzles a second of every maker, on both sides of the split: a measurement, with a floor that a search without an end would miss.
#[test]
fn makes_puzzles_quickly() {
    each_level(|name, level, data| {
        let start = std::time::Instant::now();
        let split = |index| if index % 8 == 0 { Split::HeldOut } else { Split::Train };
        (0..16).for_each(|index| drop(data.problem(split(index), index)));
        let rate = 16.0 / start.elapsed().as_secs_f64();
        println!("{name} {level}: {rate:.0} puzzles a second");
        assert!(rate > 4.0, "{name} {level}: {rate}");
    });
}
