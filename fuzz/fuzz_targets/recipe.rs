//! One text through everything that reads texts: parse, layout, check, messages, explanation, plan, the recipe's own tests.
//!
//! Besides not ending in a panic, a text must keep these promises:
//! - places lie in the text;
//! - a text without syntax errors is laid out, the layout of its layout is itself, and it has the same problems with it;
//! - a recipe without errors has a plan.
//!
//! The mutator knows the language: half of the time it moves, doubles, deletes and swaps tokens and lines, or puts in words of the
//! language; otherwise libFuzzer changes bytes.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use recipec_compiler::diagnostic::{human, json};
use recipec_compiler::{FileId, Loader, NoFiles, Options, Refused, Source, check, compile, explain, format, recipe_tests};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let source = Source::new(FileId(0), "fuzzed.recipe", &*text);
    let laid_out = match format(&source) {
        Ok(laid_out) => Some(laid_out),
        Err(Refused::Syntax(errors)) => {
            for error in &errors {
                assert!(text.get(error.span.start..error.span.end).is_some(), "a place in the text");
            }
            None
        }
        Err(Refused::Changed) => panic!("the layout reads differently:\n{text}"),
    };
    let codes = checked(source, &NoFiles);
    if let Some(laid_out) = laid_out {
        let again = Source::new(FileId(0), "fuzzed.recipe", laid_out.as_str());
        assert_eq!(format(&again).as_ref(), Ok(&laid_out), "the layout of a layout");
        assert_eq!(codes, checked(again, &NoFiles), "other problems with another layout:\n{text}");
    }
    // The same text as its own base and its own import.
    if text.contains("extends") || text.contains("import") {
        checked(Source::new(FileId(0), "fuzzed.recipe", &*text), &Mirror(&text));
    }
});

/// Gives the same text under every name.
struct Mirror<'t>(&'t str);

impl Loader for Mirror<'_> {
    fn load(&self, path: &str, _from: &Source) -> Result<Source, String> {
        Ok(Source::new(FileId(0), path, self.0))
    }
}

/// Checks a text and prints all that there is to print. Gives the codes of its problems, sorted.
fn checked(source: Source, loader: &dyn Loader) -> Vec<&'static str> {
    let mut checked = check(source, loader, &Options::default());
    let pictures = human::render(&checked.problems, &checked.sources, human::Style { width: 100, colour: false });
    assert!(pictures.len() < 300_000, "a picture of {} bytes", pictures.len());
    json::render(&checked.problems, &checked.sources);
    if let Some(recipe) = checked.recipe.take() {
        explain::recipe(&recipe, &checked.sources, None);
        compile(&recipe).unwrap_or_else(|why| panic!("no plan: {why}"));
        recipe_tests::run_tests(&recipe);
    }
    let mut codes: Vec<&'static str> = checked.problems.sorted().iter().map(|d| d.code.name()).collect();
    codes.sort_unstable();
    codes
}

// ---- mutation ----

/// Words, signs and numbers that mean something to the language.
const WORDS: &[&str] = &include!("../words.in");

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice(u64::from(seed) | 1 << 40);
    if dice.roll(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let Ok(text) = std::str::from_utf8(&data[..size]) else { return fuzzer_mutate(data, size, max_size) };
    let changed = change(text, &mut dice);
    let length = changed.len().min(max_size).min(data.len());
    data[..length].copy_from_slice(&changed.as_bytes()[..length]);
    length
});

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }
}

/// Words, numbers, texts, blanks and single signs.
fn pieces(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 1,
        ' ' | '\t' => 2,
        _ => 0,
    };
    let (mut pieces, mut start, mut before) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        let now = class(c);
        if at > start && (now != before || now == 0) {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = now;
    }
    pieces.push(&text[start..]);
    pieces
}

fn change(text: &str, dice: &mut Dice) -> String {
    let by_line = dice.roll(3) == 0;
    let mut parts: Vec<&str> = if by_line { text.split_inclusive('\n').collect() } else { pieces(text) };
    for _ in 0..=dice.roll(4) {
        if parts.is_empty() {
            parts.push(" ");
        }
        let (at, other) = (dice.roll(parts.len()), dice.roll(parts.len()));
        match dice.roll(8) {
            0 => drop(parts.remove(at)),
            1 => parts.insert(other, parts[at]),
            2 => parts.swap(at, other),
            3 | 4 => parts.insert(at, WORDS[dice.roll(WORDS.len())]),
            5 => parts[at] = WORDS[dice.roll(WORDS.len())],
            6 => {
                // A run of pieces, once more somewhere else.
                let run: Vec<&str> = parts.iter().skip(at).take(1 + dice.roll(12)).copied().collect();
                for piece in run.into_iter().rev() {
                    parts.insert(other, piece);
                }
            }
            _ => parts[at] = [" ", "\n", "\n\n", "// c\n", "/// d\n", "\t", "\r\n"][dice.roll(7)],
        }
    }
    parts.concat()
}
