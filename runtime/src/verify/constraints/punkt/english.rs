//! What the sentence splitter knows of English: abbreviations, words that often start sentences, and how common words are
//! written. The words were counted in technical documentation and lists of everyday words; which of the two lists a word
//! is in was measured on the decisions of the reference.

use std::sync::OnceLock;

/// Abbreviations whose full stop ends no sentence by itself, without that full stop.
const ABBREVIATIONS: &[&str] = &[
    // titles and ranks
    "adm", "col", "dr", "gen", "lt", "maj", "messrs", "mr", "mrs", "ms", "ph.d", "m.b.a", "prof", "rep", "reps", "sen",
    "st", // companies
    "bros", "cie", "co", "corp", "cos", "inc", "jr", "ltd", "sr", "a.g", "b.v", "l.p", "n.v", "s.a", "s.p.a",
    // months, days, times
    "aug", "dec", "feb", "fri", "jan", "nov", "oct", "sep", "sept", "tues", "wed", "a.d", "a.m", "p.m", "yr",
    // places
    "ala", "ariz", "ave", "calif", "colo", "conn", "ct", "d.c", "fla", "ft", "ga", "ill", "kan", "ky", "l.a", "mich",
    "minn", "n.c", "n.d", "n.h", "n.j", "n.m", "n.y", "nev", "okla", "ore", "pa", "r.i", "s.c", "s.g", "tenn", "u.k",
    "u.n", "u.s", "u.s.a", "u.s.s.r", "va", "vt", "w.va", "wash", "wis", // others, and initials in pairs
    "chg", "mg", "ok", "vs", ". . ", "a.c", "a.s", "a.t", "d.h", "g.k", "j.b", "j.c", "j.j", "j.k", "j.p", "j.r",
    "m.j", "r.j", "t.j", "w.w", // letters
    "c", "d", "e", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w",
];

/// Words that start sentences so often that they do so behind an abbreviation too.
const STARTERS: &[&str] = &[
    "according",
    "although",
    "among",
    "both",
    "but",
    "despite",
    "even",
    "he",
    "however",
    "i",
    "if",
    "in",
    "indeed",
    "instead",
    "it",
    "many",
    "meanwhile",
    "moreover",
    "nevertheless",
    "nonetheless",
    "nor",
    "sales",
    "separately",
    "similarly",
    "since",
    "so",
    "some",
    "the",
    "there",
    "these",
    "they",
    "this",
    "though",
    "thus",
    "under",
    "when",
    "while",
    "yet",
];

/// Words that are written with a capital only where they start a sentence.
const FIRST: &str = include_str!("first.txt");

/// Words that are written with a capital elsewhere too, in titles and names.
const ANYWHERE: &str = include_str!("anywhere.txt");

fn sorted(cell: &'static OnceLock<Vec<&'static str>>, text: &'static str) -> &'static [&'static str] {
    cell.get_or_init(|| {
        let mut words: Vec<&str> = text.lines().collect();
        words.sort_unstable();
        words
    })
}

fn first() -> &'static [&'static str] {
    static WORDS: OnceLock<Vec<&'static str>> = OnceLock::new();
    sorted(&WORDS, FIRST)
}

fn anywhere() -> &'static [&'static str] {
    static WORDS: OnceLock<Vec<&'static str>> = OnceLock::new();
    sorted(&WORDS, ANYWHERE)
}

/// Whether a word in lower case, without its full stop, is an abbreviation.
pub fn is_abbreviation(word: &str) -> bool {
    ABBREVIATIONS.contains(&word)
}

/// Whether a word in lower case often starts sentences.
pub fn is_starter(word: &str) -> bool {
    STARTERS.contains(&word)
}

/// Whether a word in lower case has a capital only where it starts a sentence.
pub fn is_ordinary(word: &str) -> bool {
    first().binary_search(&word).is_ok()
}

/// Whether a word in lower case is known to be written without a capital.
pub fn is_known(word: &str) -> bool {
    is_ordinary(word) || anywhere().binary_search(&word).is_ok()
}
