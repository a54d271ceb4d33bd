//! Seeded generators behind one wrapper: levels, the split, and the style of demonstrations are the same for all.
//!
//! Text form: a prompt is one line of printable ASCII whose last character tells the domain; a response is
//! `steps#answer`, and the answer is what follows the last `#`.
//!
//! The style of a demonstration is drawn without a look at the difficulty: one in five answers at once, the others write
//! the steps and then write them again 0, 1, 2 or 3 times before the answer. A policy made from them is long on easy
//! problems and guesses on some hard ones, so that reinforcement learning has both brevity and exactness to find.

use crate::data::{Data, DataError, Problem, Split, identity, puzzles};
use crate::rng::{Draws, Purpose, Stream};
use serde_json::Value;
use std::collections::BTreeMap;

/// Raised when a generator makes other problems than before; locks hold it.
pub const VERSION: u32 = 1;

/// Stands between the steps and the answer.
pub const ANSWER_MARK: char = '#';

/// Stands between two passes over the steps.
pub const PASS_MARK: char = '|';

/// What a generator makes: a problem with the way to its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Difficulty, from 1.
    pub level: u32,
    /// The text that the policy reads: one line of printable ASCII.
    pub prompt: String,
    /// Canonical text of what is asked: problems that differ in form only (`3+5`, `5+3`) share it. It decides the split
    /// and the identity of the problem.
    pub key: String,
    /// What the verifier of the domain reads.
    pub columns: BTreeMap<String, Value>,
    /// One pass over the steps; empty where there are none. It holds neither `#` nor `|`.
    pub steps: String,
    /// A right answer. It holds no `#`.
    pub answer: String,
}

/// Makes problems of one domain.
pub trait Generator: Send + Sync {
    /// Its name in a recipe.
    fn name(&self) -> &'static str;
    /// How many levels it has; they are numbered from 1.
    fn levels(&self) -> u32;
    /// A problem of a level. Every level must have keys on both sides of the split.
    fn sample(&self, level: u32, draws: &mut Draws) -> Task;
}

type Make = fn() -> Box<dyn Generator>;

/// Every generator; a new one is a line here and a module. Those of puzzles have a table of their own.
const GENERATORS: &[(&str, Make)] = &[
    ("arithmetic", || Box::new(super::arithmetic::Arithmetic)),
    ("calls", || Box::new(super::calls::Calls)),
    ("instructions", || Box::new(super::instructions::Instructions)),
    ("ordering", || Box::new(super::ordering::Ordering)),
    ("programs", || Box::new(super::programs::Programs)),
];

/// Names of all generators, in alphabetical order.
pub fn names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> =
        GENERATORS.iter().map(|(name, _)| *name).chain(puzzles::PUZZLES.iter().map(puzzles::Puzzles::name)).collect();
    names.sort_unstable();
    names.into_iter()
}

/// Makes a generator by name.
fn made(name: &str) -> Option<Box<dyn Generator>> {
    let own = GENERATORS.iter().find(|(known, _)| *known == name).map(|(_, make)| make());
    own.or_else(|| puzzles::maker(name))
}

/// Opens a generator by name. `levels` is the lowest and the highest level to draw; none means all.
pub fn open(generator: &str, levels: Option<(u32, u32)>, seed: u64) -> Result<Box<dyn Data>, DataError> {
    let Some(generator) = made(generator) else {
        let known = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(DataError::UnknownGenerator { name: generator.into(), known });
    };
    let has = generator.levels();
    let (low, high) = levels.unwrap_or((1, has));
    if low < 1 || low > high || high > has {
        return Err(DataError::NoSuchLevel { name: generator.name().into(), has, low, high });
    }
    Ok(Box::new(Generated { generator, low, high, seed }))
}

/// A generator with what a recipe chose of it.
struct Generated {
    generator: Box<dyn Generator>,
    low: u32,
    high: u32,
    seed: u64,
}

impl Generated {
    /// The numbers of a problem. The generator is told apart by a digest of its name, not by its place in the table,
    /// so that a new row changes no existing problem.
    fn stream(&self, purpose: Purpose, split: Split, index: u64) -> Stream {
        let digest = blake3::hash(self.generator.name().as_bytes());
        let name = digest.as_bytes().iter().take(2).fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let side = match split {
            Split::Train => 0,
            Split::HeldOut => 1,
        };
        Stream::new(self.seed, purpose, (name & 0x7fff) << 1 | side, index as u32, (index >> 32) as u32)
    }

    /// The level is drawn once and kept while problems of the other side are thrown away, so levels stay uniform. Each
    /// try fits with a chance of 7/8 or 1/8 (a generator has keys on both sides in every level), so this ends.
    fn task(&self, split: Split, index: u64) -> Task {
        let mut draws = Draws::new(self.stream(Purpose::Problem, split, index));
        let level = self.low + draws.below(u64::from(self.high - self.low) + 1) as u32;
        loop {
            let task = self.generator.sample(level, &mut draws);
            if Split::of(&task.key) == split {
                return task;
            }
        }
    }
}

impl Data for Generated {
    fn len(&self, _: Split) -> Option<u64> {
        None
    }

    fn problem(&self, split: Split, index: u64) -> Problem {
        let task = self.task(split, index);
        Problem { id: identity(&task.key), level: task.level, prompt: task.prompt, columns: task.columns }
    }

    fn demonstration(&self, split: Split, index: u64, target: &str) -> Option<String> {
        let task = self.task(split, index);
        if target != "demonstration" {
            return task.columns.get(target).and_then(Value::as_str).map(str::to_owned);
        }
        let mut draws = Draws::new(self.stream(Purpose::Demonstration, split, index));
        Some(demonstrate(&task, passes(&mut draws)))
    }
}

/// How often a demonstration goes over the steps: 0 with a chance of 20%; else 1, 2, 3 or 4 times (15, 35, 30, 20% of
/// the rest).
fn passes(draws: &mut Draws) -> usize {
    if draws.below(100) < 20 {
        return 0;
    }
    match draws.below(100) {
        0..15 => 1,
        15..50 => 2,
        50..80 => 3,
        _ => 4,
    }
}

/// The response to a task with a number of passes over its steps.
pub fn demonstrate(task: &Task, passes: usize) -> String {
    let mut text = String::new();
    if !task.steps.is_empty() {
        for pass in 0..passes {
            if pass > 0 {
                text.push(PASS_MARK);
            }
            text.push_str(&task.steps);
        }
    }
    text.push(ANSWER_MARK);
    text.push_str(&task.answer);
    text
}

/// Draws tasks of a level straight from a generator and checks each; the sides of the split that were met.
#[cfg(test)]
pub(crate) fn test_tasks(
    generator: &dyn Generator,
    level: u32,
    count: usize,
    mut check: impl FnMut(&Task),
) -> Vec<Split> {
    let mut draws = Draws::new(Stream::new(11, Purpose::Other, level, 0, 0));
    let mut sides = Vec::new();
    for _ in 0..count {
        let task = generator.sample(level, &mut draws);
        let side = Split::of(&task.key);
        if !sides.contains(&side) {
            sides.push(side);
        }
        assert!(task.prompt.len() <= 40 && task.answer.len() <= 40, "{task:?}");
        assert!(task.prompt.chars().chain(task.answer.chars()).all(|c| c == ' ' || c.is_ascii_graphic()), "{task:?}");
        check(&task);
    }
    sides
}

#[cfg(test)]
mod tests;
