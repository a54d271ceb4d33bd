//! What holds for every generator of the table. A generator names its verifier here, and is then tested as the others.

use super::*;
use crate::verify::{Status, Verifier};
use recipec_compiler::settings::{ArgumentValue, VerifierSettings};
use std::collections::BTreeSet;

/// Problems of one level.
const MANY: u64 = 2_000;

/// Longest prompt and longest response of the quickstart, in characters.
const LONGEST_PROMPT: usize = 63;
const LONGEST_RESPONSE: usize = 190;

/// The last character of a prompt and the verifier, as the quickstart calls it.
fn domain(generator: &str) -> (char, Box<dyn Verifier>) {
    let (mark, name, arguments) = match generator {
        "arithmetic" => ('?', "math_answer", vec![("gold", "answer"), ("extract", "whole")]),
        "calls" => ('!', "function_calls", vec![("format", "json")]),
        "ordering" => ('@', "puzzle", vec![]),
        "programs" => (':', "program_tests", vec![("tests", "tests")]),
        "instructions" => ('.', "constraints", vec![]),
        other => panic!("`{other}` has no line in this test"),
    };
    let arguments = arguments.into_iter().map(|(key, word)| (key.to_owned(), ArgumentValue::Word(word.to_owned())));
    let settings = VerifierSettings { name: name.into(), arguments: arguments.collect() };
    (mark, crate::verify::open(&settings).expect("good arguments"))
}

fn each_level(mut check: impl FnMut(&str, u32, &dyn Data)) {
    for (name, make) in GENERATORS {
        for level in 1..=make().levels() {
            let data = open(name, Some((level, level)), 7).expect("a level of the generator");
            check(name, level, &*data);
        }
    }
}

fn answer(response: &str) -> Option<&str> {
    response.rsplit_once(ANSWER_MARK).map(|(_, answer)| answer)
}

#[test]
fn demonstrations_are_right_and_fit() {
    each_level(|name, level, data| {
        let (mark, verifier) = domain(name);
        let (mut characters, mut at_once) = (0, 0);
        for index in 0..MANY {
            let split = if index % 2 == 0 { Split::Train } else { Split::HeldOut };
            let problem = data.problem(split, index);
            let response = data.demonstration(split, index, "demonstration").expect("a demonstration");
            let told = format!("{name} {level} {index}: {:?} -> {response:?}", problem.prompt);
            let verdict = verifier.judge(&problem, answer(&response));
            assert_eq!(verdict.status, Status::Correct, "{told}: {verdict:?}");
            assert_eq!(problem.level, level, "{told}");
            assert!(problem.prompt.ends_with(mark) && problem.prompt.len() <= LONGEST_PROMPT, "{told}");
            assert!(response.len() <= LONGEST_RESPONSE, "{told}: {} characters", response.len());
            let printable = |text: &str| text.chars().all(|c| c == ' ' || c.is_ascii_graphic());
            assert!(printable(&problem.prompt) && printable(&response), "{told}");
            assert!(!problem.prompt.contains([ANSWER_MARK, PASS_MARK]), "{told}");
            characters += response.len();
            at_once += u64::from(response.starts_with(ANSWER_MARK));
        }
        let share = at_once as f64 / MANY as f64;
        assert!((0.16..0.24).contains(&share), "{name} {level}: {share} at once");
        println!("{name} {level}: {:.1} characters", characters as f64 / MANY as f64);
    });
}

/// The longest style of every problem fits, not only of those that happened to draw it.
#[test]
fn four_passes_fit() {
    for (name, make) in GENERATORS {
        let generator = make();
        for level in 1..=generator.levels() {
            let mut draws = Draws::new(Stream::new(3, Purpose::Other, level, 0, 0));
            for _ in 0..MANY {
                let task = generator.sample(level, &mut draws);
                assert!(
                    !task.steps.contains([ANSWER_MARK, PASS_MARK]) && !task.answer.contains(ANSWER_MARK),
                    "{task:?}"
                );
                let response = demonstrate(&task, 4);
                assert!(
                    response.len() <= LONGEST_RESPONSE,
                    "{name} {level}: {} characters: {response}",
                    response.len()
                );
            }
        }
    }
}

#[test]
fn the_mean_length_is_that_of_a_verbose_policy() {
    for (name, _) in GENERATORS {
        let data = open(name, None, 1).expect("a generator");
        let lengths = (0..MANY).filter_map(|index| data.demonstration(Split::Train, index, "demonstration"));
        let mean = lengths.map(|response| response.len() + 1).sum::<usize>() as f64 / MANY as f64;
        println!("{name}: {mean:.1} tokens, the end token included");
        assert!((30.0..80.0).contains(&mean), "{name}: {mean}");
    }
}

#[test]
fn the_two_sides_share_nothing() {
    each_level(|name, level, data| {
        let side = |split| (0..MANY).map(|index| data.problem(split, index)).collect::<Vec<_>>();
        let (train, held_out) = (side(Split::Train), side(Split::HeldOut));
        let ids = |problems: &[Problem]| problems.iter().map(|problem| problem.id.clone()).collect::<BTreeSet<_>>();
        let prompts =
            |problems: &[Problem]| problems.iter().map(|problem| problem.prompt.clone()).collect::<BTreeSet<_>>();
        assert!(ids(&train).is_disjoint(&ids(&held_out)), "{name} {level}");
        assert!(prompts(&train).is_disjoint(&prompts(&held_out)), "{name} {level}");
        let distinct = ids(&held_out).len();
        // Programs have small numbers on purpose, so there are fewer of them.
        let least = if name == "programs" { 15 } else { 350 };
        assert!(distinct >= least, "{name} {level}: {distinct} held-out problems");
    });
}

#[test]
fn a_number_is_always_the_same_problem() {
    for (name, _) in GENERATORS {
        let (first, second) = (open(name, None, 5).expect("opens"), open(name, None, 5).expect("opens"));
        let other_seed = open(name, None, 6).expect("opens");
        let mut differ = 0;
        for index in (0..100).chain(u64::from(u32::MAX) - 2..u64::from(u32::MAX) + 100) {
            assert_eq!(first.problem(Split::Train, index), second.problem(Split::Train, index));
            let demonstration = |data: &dyn Data| data.demonstration(Split::Train, index, "demonstration");
            assert_eq!(demonstration(&*first), demonstration(&*second));
            differ += usize::from(first.problem(Split::Train, index) != other_seed.problem(Split::Train, index));
        }
        assert!(differ > 150, "{name}: {differ}");
        assert_ne!(first.problem(Split::Train, 1), first.problem(Split::Train, 1 + (1 << 32)), "{name}");
    }
}

#[test]
fn levels_are_drawn_alike() {
    for (name, make) in GENERATORS {
        let has = make().levels();
        let data = open(name, None, 9).expect("opens");
        let mut counts = BTreeMap::new();
        (0..MANY).for_each(|index| *counts.entry(data.problem(Split::HeldOut, index).level).or_insert(0u64) += 1);
        assert_eq!(counts.len() as u32, has, "{name}");
        assert!(counts.values().all(|count| count.abs_diff(MANY / u64::from(has)) < 100), "{name}: {counts:?}");
    }
}

#[test]
fn wrong_names_and_levels_are_told() {
    let message = |name: &str, levels| open(name, levels, 1).map(|_| ()).expect_err("not there").to_string();
    assert!(message("arithmetics", None).contains("there are `arithmetic`, "));
    assert_eq!(message("ordering", Some((1, 9))), "generator `ordering` has levels 1 to 4, not 1 to 9");
    for levels in [(0, 1), (2, 1)] {
        assert!(message("ordering", Some(levels)).contains("has levels 1 to 4"));
    }
    assert!(open("ordering", Some((2, 3)), 1).is_ok());
}

/// The same question in another order is the same problem.
#[test]
fn keys_are_canonical() {
    let data = open("arithmetic", Some((1, 1)), 2).expect("opens");
    let mut sides: BTreeMap<[u64; 2], Split> = BTreeMap::new();
    let mut met_again = 0;
    for (split, index) in (0..3 * MANY).flat_map(|index| [(Split::Train, index), (Split::HeldOut, index)]) {
        let prompt = data.problem(split, index).prompt;
        let Some((a, b)) = prompt.trim_end_matches("=?").split_once('+') else {
            continue;
        };
        let mut numbers = [a, b].map(|text| text.parse().expect("a number"));
        numbers.sort_unstable();
        if let Some(before) = sides.insert(numbers, split) {
            assert_eq!(before, split, "{prompt}");
            met_again += 1;
        }
    }
    assert!(met_again > 1_000, "{met_again}");
}

/// What the compiler checks recipes by is what the generators are.
#[test]
fn the_compiler_knows_the_generators() {
    use recipec_compiler::vocabulary::generators;
    let known: Vec<&str> = generators::GENERATORS.iter().map(|row| row.name).collect();
    assert_eq!(known, names().collect::<Vec<_>>());
    for row in generators::GENERATORS {
        assert_eq!(made(row.name).expect("a generator").levels(), row.levels, "{}", row.name);
        let data = open(row.name, None, 3).expect("a generator");
        for index in 0..200 {
            let problem = data.problem(Split::Train, index);
            let columns: Vec<&str> = problem.columns.keys().map(String::as_str).collect();
            assert_eq!(columns, row.columns, "{}", row.name);
        }
    }
}
