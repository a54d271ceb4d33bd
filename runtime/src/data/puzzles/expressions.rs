//! Puzzles of expressions: game of 24, math path and cryptarithm.

use super::Made;
use crate::rng::Draws;
use serde_json::json;
use std::collections::BTreeMap;

/// Three, four or five numbers that make a target.
pub(super) fn mathador(level: u32, draws: &mut Draws) -> Made {
    loop {
        let numbers: Vec<i64> = (0..level + 2).map(|_| draws.between(1, 9)).collect();
        let target = if level == 2 { 24 } else { draws.between(10, 40) };
        let items = numbers.iter().map(|number| (Fraction { over: *number, under: 1 }, number.to_string())).collect();
        let Some(found) = combined(items, target) else { continue };
        let told = numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
        let prompt =
            format!("Make {target} from {told} with + - * / ( ), each number once. Write ```python EXPRESSION```");
        let metadata = json!({ "numbers": numbers, "operators": ["+", "-", "*", "/"], "result": target });
        return Made::checked(prompt, metadata, format!("```python {found}```"));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fraction {
    over: i64,
    under: i64,
}

/// Any two are combined in every way until one is left: at most a few thousand combinations for five numbers.
fn combined(items: Vec<(Fraction, String)>, target: i64) -> Option<String> {
    if let [(value, text)] = items.as_slice() {
        let outer = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
        return (value.under != 0 && value.over == target * value.under).then(|| outer.to_owned());
    }
    for first in 0..items.len() {
        for second in (0..items.len()).filter(|second| *second != first) {
            let ((a, left), (b, right)) = (&items[first], &items[second]);
            let rest: Vec<_> = items
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != first && *at != second)
                .map(|(_, item)| item.clone())
                .collect();
            let ways = [
                ('+', Fraction { over: a.over * b.under + b.over * a.under, under: a.under * b.under }),
                ('-', Fraction { over: a.over * b.under - b.over * a.under, under: a.under * b.under }),
                ('*', Fraction { over: a.over * b.over, under: a.under * b.under }),
                ('/', Fraction { over: a.over * b.under, under: a.under * b.over }),
            ];
            for (sign, value) in ways {
                // A sum and a product are the same both ways.
                if value.under == 0 || (matches!(sign, '+' | '*') && first > second) {
                    continue;
                }
                let mut next = rest.clone();
                next.push((value, format!("({left}{sign}{right})")));
                if let Some(found) = combined(next, target) {
                    return Some(found);
                }
            }
        }
    }
    None
}

/// An equation with hidden digits.
pub(super) fn math_path(level: u32, draws: &mut Draws) -> Made {
    loop {
        let count = level as usize + 1;
        let numbers: Vec<i64> = (0..count).map(|_| draws.between(2, if level == 3 { 30 } else { 12 })).collect();
        let signs: Vec<char> = (1..count).map(|_| ['+', '-', '*'][draws.below(3) as usize]).collect();
        // Products first, then sums from the left.
        let (mut sum, mut product, mut minus) = (0, numbers[0], false);
        for (number, sign) in numbers.iter().skip(1).zip(&signs) {
            match sign {
                '*' => product *= number,
                sign => {
                    sum += if minus { -product } else { product };
                    (product, minus) = (*number, *sign == '-');
                }
            }
        }
        sum += if minus { -product } else { product };
        if sum < 0 {
            continue;
        }
        let mut full = numbers[0].to_string();
        for (number, sign) in numbers.iter().skip(1).zip(&signs) {
            full.push_str(&format!(" {sign} {number}"));
        }
        full.push_str(&format!(" = {sum}"));
        let mut digits: Vec<usize> =
            full.char_indices().filter(|(_, sign)| sign.is_ascii_digit()).map(|(at, _)| at).collect();
        draws.shuffle(&mut digits);
        digits.truncate(level as usize + 1);
        let query: String =
            full.char_indices().map(|(at, sign)| if digits.contains(&at) { '?' } else { sign }).collect();
        let prompt = format!("Put a digit for each ?: {query}. Write [[EQUATION]]");
        let metadata = json!({ "query_expr": query, "ref_expr": full });
        return Made::checked(prompt, metadata, format!("[[{full}]]"));
    }
}

/// A sum of two numbers in letters, with one solution.
pub(super) fn cryptarithm(level: u32, draws: &mut Draws) -> Made {
    loop {
        // Numbers of a few digits, so that letters come again: that is what makes one solution likely.
        let mut pool: Vec<i64> = (0..10).collect();
        draws.shuffle(&mut pool);
        pool.truncate(level as usize + 2);
        let low = 10i64.pow(level);
        let mut number =
            || (0..=level).fold(0, |number, _| 10 * number + pool[draws.below(pool.len() as u64) as usize]);
        let numbers = [number(), number()];
        if numbers.iter().any(|number| *number < low) {
            continue;
        }
        let numbers = [numbers[0], numbers[1], numbers[0] + numbers[1]];
        let mut letters: Vec<char> = ('A'..='Z').collect();
        draws.shuffle(&mut letters);
        let mut of: BTreeMap<char, char> = BTreeMap::new();
        let mut words = Vec::new();
        for number in numbers {
            let digits = number.to_string();
            let word = digits.chars().map(|digit| {
                let next = letters[of.len()];
                *of.entry(digit).or_insert(next)
            });
            words.push(word.collect::<Vec<char>>());
        }
        if of.len() > 8 || solutions(&words) != 1 {
            continue;
        }
        let told: Vec<String> = words.iter().map(|word| word.iter().collect()).collect();
        let equation = format!("{} + {} = {}", numbers[0], numbers[1], numbers[2]);
        let prompt = format!(
            "Letters are digits, no word starts with 0: {} + {} = {}. Write the equation in digits",
            told[0], told[1], told[2]
        );
        return Made::compared(prompt, equation.clone(), equation);
    }
}

/// How many ways there are to give digits to the letters of a sum, up to two.
fn solutions(words: &[Vec<char>]) -> usize {
    let turned: Vec<Vec<char>> = words.iter().map(|word| word.iter().rev().copied().collect()).collect();
    let first: Vec<char> = words.iter().filter_map(|word| word.first().copied()).collect();
    let mut search = Search { words: turned, first, digits: BTreeMap::new(), found: 0 };
    search.column(0, 0, 0);
    search.found
}

struct Search {
    words: Vec<Vec<char>>,
    first: Vec<char>,
    digits: BTreeMap<char, u32>,
    found: usize,
}

impl Search {
    /// Columns come from the right; in each, the letters of both summands and then that of the sum.
    fn column(&mut self, column: usize, row: usize, sum: u32) {
        if self.found > 1 {
            return;
        }
        if column == self.words[2].len() {
            self.found += usize::from(sum == 0);
            return;
        }
        let Some(letter) = self.words[row].get(column).copied() else {
            return self.column(column, row + 1, sum);
        };
        let known = self.digits.get(&letter).copied();
        let choices = known.map_or(0..10, |digit| digit..digit + 1);
        for digit in choices {
            let taken = known.is_none() && self.digits.values().any(|other| *other == digit);
            if taken || (digit == 0 && self.first.contains(&letter)) || (row == 2 && sum % 10 != digit) {
                continue;
            }
            self.digits.insert(letter, digit);
            match row {
                2 => self.column(column + 1, 0, sum / 10),
                _ => self.column(column, row + 1, sum + digit),
            }
            if known.is_none() {
                self.digits.remove(&letter);
            }
        }
    }
}
