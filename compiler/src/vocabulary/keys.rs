//! Every block and every key of the language, with kind, default and one line of meaning.
//!
//! This is the one list. A key that is added here is read, checked, suggested, printed by `explain` and listed in the reference;
//! what is left to do by hand is its place in [`crate::recipe`] and in `build/`.

mod data;
mod model;
mod run;
mod train;
mod words;

use super::kinds::{Block, Key, Kind};
use crate::resolve::settings::join;
use data::{DATA, DOMAIN, MIX};
use model::{MODEL, RECIPE};
use run::{BUDGET, CHECKPOINT, EVALUATE, STAGE, SUITE, SUPERVISED};
use std::sync::LazyLock;
use train::{REWARD, ROLLOUT, TRAIN};
use words::{block, named};

/// The edition whose defaults stand in this file.
pub const EDITION: i64 = 2026;

/// Every block, in the order in which the book explains them.
pub const BLOCKS: &[Block] = &[
    named("recipe", RECIPE, "Names the recipe and its edition."),
    named("model", MODEL, "A model: `policy` is the one that is trained."),
    block("budget", BUDGET, "How long responses may be, and when the run ends."),
    block("data", DATA, "How rows of data are read from files."),
    named("domain", DOMAIN, "A kind of problem with its data and its verifier."),
    block("mix", MIX, "Which domain the next group is drawn from."),
    block("reward", REWARD, "What a rollout is worth."),
    block("train", TRAIN, "How the policy learns from rollouts."),
    block("rollout", ROLLOUT, "How rollouts are decoded."),
    block("evaluate", EVALUATE, "What is measured, and how often."),
    Block {
        keyword: "suite",
        named: true,
        inside: Some("evaluate"),
        keys: SUITE,
        doc: "One measurement of an evaluation.",
    },
    block("checkpoint", CHECKPOINT, "When everything is saved that is needed to go on."),
    named("stage", STAGE, "A part of the run with settings of its own."),
    Block {
        keyword: "supervised",
        named: false,
        inside: Some("stage"),
        keys: SUPERVISED,
        doc: "The stage learns from demonstrations.",
    },
    named("variant", &[], "A named set of overrides."),
];

/// A key with its full path: a line of the reference page.
#[derive(Debug)]
pub struct Row {
    /// The path, with `*` for names: `domain.*.ratio`, `train.optimizer.lr`, `stage.*.supervised.batch`.
    pub path: String,
    /// The word behind which it stands, for keys of a choice: `adamw`.
    pub of: Option<&'static str>,
    /// The key.
    pub key: &'static Key,
}

/// Every key with its path, blocks in order; a key of several choices is there once for each.
pub fn rows() -> &'static [Row] {
    static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
        let mut rows = Vec::new();
        for block in BLOCKS {
            push_rows(&mut rows, &pattern(block), block.keys, None);
        }
        rows
    });
    &ROWS
}

fn push_rows(rows: &mut Vec<Row>, prefix: &str, keys: &'static [Key], of: Option<&'static str>) {
    for key in keys {
        let path = join(prefix, key.name);
        rows.push(Row { path: path.clone(), of, key });
        match key.kind {
            Kind::Record(keys) => push_rows(rows, &path, keys, None),
            Kind::Choice(choices) => {
                choices.iter().for_each(|choice| push_rows(rows, &path, choice.keys, Some(choice.word)))
            }
            _ => {}
        }
    }
}

/// The path of a block with `*` for names: `domain.*`, `stage.*.supervised`, `suite.*`.
pub fn pattern(block: &Block) -> String {
    let own = if block.named && block.keyword != "recipe" {
        format!("{}.*", block.keyword)
    } else {
        block.keyword.to_string()
    };
    match block.inside {
        // Suites are told apart by their own names; `evaluate` is there only once.
        Some("stage") => format!("stage.*.{own}"),
        _ => own,
    }
}

/// The pattern of a path, as a text that lives as long as the program: what `Origin::Default` holds.
pub fn row_path(pattern: &str) -> Option<&'static str> {
    row(pattern).map(|row| row.path.as_str())
}

/// The row of a pattern; of a key of several choices, the last one.
pub fn row(pattern: &str) -> Option<&'static Row> {
    static BY_PATH: LazyLock<std::collections::BTreeMap<&'static str, &'static Row>> =
        LazyLock::new(|| rows().iter().map(|row| (row.path.as_str(), row)).collect());
    BY_PATH.get(pattern).copied()
}

/// A block at the top of a file, or inside another one.
pub fn find_block(keyword: &str, inside: Option<&str>) -> Option<&'static Block> {
    BLOCKS.iter().find(|b| b.keyword == keyword && b.inside == inside)
}
