//! Sequences: brackets to close, brackets with an error, and rising sequences of numbers.

use super::Made;
use crate::rng::Draws;
use serde_json::json;

const KINDS: [(char, char); 4] = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];

/// A balanced sequence of so many pairs. Beside it, how many brackets are open behind each place.
fn balanced(pairs: usize, kinds: usize, draws: &mut Draws) -> (Vec<char>, Vec<usize>) {
    let (mut sequence, mut depths, mut open, mut left) = (Vec::new(), Vec::new(), Vec::new(), pairs);
    while left > 0 || !open.is_empty() {
        if left > 0 && (open.is_empty() || draws.below(2) == 0) {
            let (opening, closing) = KINDS[draws.below(kinds as u64) as usize];
            sequence.push(opening);
            open.push(closing);
            left -= 1;
        } else {
            sequence.extend(open.pop());
        }
        depths.push(open.len());
    }
    (sequence, depths)
}

/// The start of a balanced sequence, with the brackets that close it.
pub(super) fn sequence(level: u32, draws: &mut Draws) -> Made {
    loop {
        let pairs = 2 * level as usize + draws.below(3) as usize + 1;
        let (mut full, depths) = balanced(pairs, (level as usize + 1).min(4), draws);
        // Only the closing brackets behind the last opening one follow from the start.
        let Some(last) = full.iter().rposition(|sign| KINDS.iter().any(|(opening, _)| opening == sign)) else {
            continue;
        };
        let cut = (last + 1..full.len()).find(|cut| depths[*cut - 1] > 0 && draws.below(3) == 0).unwrap_or(last + 1);
        let start: String = full[..cut].iter().collect();
        let gold: String = full.drain(..).collect();
        let prompt = format!("Close all brackets and write the whole sequence: {start}");
        return Made::checked(prompt, json!({ "full_sequence": gold, "question_sequence": start }), gold);
    }
}

/// A sequence with a closing bracket of the wrong kind, or with none.
pub(super) fn first_error(level: u32, draws: &mut Draws) -> Made {
    let pairs = 3 * level as usize + draws.below(3) as usize;
    let (mut sequence, _) = balanced(pairs, 4, draws);
    let is_closing = |sign: &char| KINDS.iter().any(|(_, closing)| closing == sign);
    let closing: Vec<usize> =
        sequence.iter().enumerate().filter(|(_, sign)| is_closing(sign)).map(|(at, _)| at).collect();
    let mut place = None;
    if draws.below(4) > 0 {
        let at = closing[draws.below(closing.len() as u64) as usize];
        let others: Vec<char> = KINDS.iter().map(|(_, other)| *other).filter(|other| *other != sequence[at]).collect();
        sequence[at] = others[draws.below(3) as usize];
        place = Some(at + 1);
    }
    let told: String = sequence.iter().collect();
    let gold = place.map_or("-1".to_owned(), |place| place.to_string());
    let prompt = format!("Write the place, from 1, of the first bracket that closes wrongly, or -1: {told}");
    Made::checked(prompt, json!({ "is_valid": place.is_none(), "first_error_pos": place }), gold)
}

/// Numbers, with the length of the longest rising sequences of them and how many there are.
pub(super) fn time_sequence(level: u32, draws: &mut Draws) -> Made {
    let numbers: Vec<i64> = (0..4 + 2 * level).map(|_| draws.between(1, 9 + 10 * (i64::from(level) - 1))).collect();
    // For each number, the length of the longest rising sequences that end there, and how many of those there are.
    let mut ends: Vec<(u64, u64)> = Vec::new();
    for (at, number) in numbers.iter().enumerate() {
        let before = || ends.iter().zip(&numbers[..at]).filter(|(_, earlier)| *earlier < number).map(|(end, _)| end);
        let longest = before().map(|(length, _)| *length).max().unwrap_or(0);
        let count: u64 = before().filter(|(length, _)| *length == longest).map(|(_, count)| count).sum();
        ends.push((longest + 1, count.max(1)));
    }
    let length = ends.iter().map(|(length, _)| *length).max().unwrap_or(0);
    let count: u64 = ends.iter().filter(|(known, _)| *known == length).map(|(_, count)| count).sum();
    let told = numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
    let prompt = format!(
        "How long are the longest strictly rising subsequences of {told}, and how many (by place) are there? Write [length,number]"
    );
    let metadata = json!({ "records": { "answers": { "answer_maxLen": length, "answer_nums": count } } });
    Made::checked(prompt, metadata, format!("[{length},{count}]"))
}
