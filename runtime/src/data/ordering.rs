//! Logic for a small policy: a chain of letters told by shuffled pairs.
//!
//! Level 1 to 4 have 3 to 6 letters. Asked is the whole order: `b<d,a<b,d<e@`, answer `abde`. The steps write the pairs in order,
//! with their numbers: `1a<b,2b<d,3d<e`.

use crate::data::builtin::{Generator, Task};
use crate::rng::Draws;
use serde_json::json;
use std::collections::BTreeMap;

/// Letters that chains are made of; a small set, so that each is seen often.
const LETTERS: [char; 16] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p'];

/// The generator `ordering`. Columns: `task` is `ordering`, `game_data` holds `pairs` (`[smaller, greater]` each). The order itself is no column: the verifier works it out.
pub struct Ordering;

impl Generator for Ordering {
    fn name(&self) -> &'static str {
        "ordering"
    }

    fn levels(&self) -> u32 {
        4
    }

    fn sample(&self, level: u32, draws: &mut Draws) -> Task {
        let mut letters = LETTERS;
        draws.shuffle(&mut letters);
        let count = (level as usize + 2).min(LETTERS.len());
        let chain: Vec<char> = letters.into_iter().take(count).collect();
        let sorted: Vec<(char, char)> = chain.iter().copied().zip(chain.iter().copied().skip(1)).collect();
        let steps =
            sorted.iter().enumerate().map(|(at, (a, b))| format!("{}{a}<{b}", at + 1)).collect::<Vec<_>>().join(",");
        let mut pairs = sorted;
        draws.shuffle(&mut pairs);
        let mut prompt = pairs.iter().map(|(a, b)| format!("{a}<{b}")).collect::<Vec<_>>().join(",");
        let order: String = chain.iter().collect();
        let given: Vec<[String; 2]> = pairs.iter().map(|(a, b)| [a.to_string(), b.to_string()]).collect();
        prompt.push('@');
        let game = json!({ "pairs": given });
        let columns = BTreeMap::from([("task".to_owned(), json!("ordering")), ("game_data".to_owned(), game)]);
        Task { level, prompt, key: order.clone(), columns, steps, answer: order }
    }
}
