//! Keys of budgets, evaluation, checkpoints and stages.

use super::data::{OWN_COLUMNS, OWN_FILTER, OWN_ON_BAD_ROW, SUITE_SOURCES, VERIFIERS};
use super::train::{MIN_P, OPTIMIZERS, SCHEDULES, TOP_K, TOP_P};
use super::words::*;
use crate::units::Dimension;
use crate::vocabulary::kinds::Absent::{Default, Nothing, Required, Same};
use crate::vocabulary::kinds::{Key, Kind};

pub(super) const BUDGET: &[Key] = &[
    key("prompt", TOKENS, Default("2Ki tokens"), "Longest prompt; longer ones are left out, and counted."),
    key(
        "output",
        TOKENS,
        Required("the cap decides cost and behaviour more than any other number"),
        "Hard cap of one training rollout, the end token included.",
    ),
    key(
        "buffer",
        amount(Dimension::TOKENS, 0.0),
        Default("0 tokens"),
        "Soft zone below the cap, for length penalties.",
    ),
    key("evaluation", TOKENS, Same("budget.output"), "Cap of one rollout in evaluation."),
    key("steps", STEPS, Nothing, "Optimizer steps of each stage."),
    key("tokens", TOKENS, Nothing, "Tokens generated for training in the whole run, dropped groups included."),
    key("time", TIME, Nothing, "Wall time of the whole run."),
];

const EVALUATION_SAMPLING: &[Key] = &[
    key(
        "temperature",
        Kind::Number(bounds(0.0, ANY)),
        Default("1"),
        "Divides the logits; 0 takes the most likely token.",
    ),
    TOP_P,
    TOP_K,
    MIN_P,
];
pub(super) const EVALUATE: &[Key] = &[
    key("every", STEPS, Nothing, "Every so many steps, besides the start of a stage and the end of the run."),
    key("sampling", Kind::Record(EVALUATION_SAMPLING), Nothing, "How tokens are drawn."),
];
pub(super) const SUITE: &[Key] = &[
    key(
        "data",
        Kind::Choice(SUITE_SOURCES),
        Required("only the author can know the data"),
        "Where the problems come from.",
    ),
    key("verify", Kind::Choice(VERIFIERS), Nothing, "Who judges; with `held_out` each domain's own verifier does."),
    OWN_COLUMNS,
    OWN_FILTER,
    OWN_ON_BAD_ROW,
    key("problems", PROBLEMS, Nothing, "Problems, in all or per domain with `held_out`; all if absent."),
    key("samples", COUNT, Default("1"), "Responses per problem."),
    key("output", TOKENS, Same("budget.evaluation"), "Output cap."),
    key(
        "sampling",
        Kind::Record(&[
            key(
                "temperature",
                Kind::Number(bounds(0.0, ANY)),
                Same("evaluate.sampling.temperature"),
                "Divides the logits; 0 takes the most likely token.",
            ),
            key("top_p", Kind::Number(above(0.0, 1.0)), Same("evaluate.sampling.top_p"), "Nucleus; 1 keeps all."),
            key(
                "top_k",
                Kind::Integer(bounds(0.0, 4_294_967_295.0)),
                Same("evaluate.sampling.top_k"),
                "Keeps the most likely; 0 keeps all.",
            ),
            key(
                "min_p",
                RATIO,
                Same("evaluate.sampling.min_p"),
                "Keeps what is at least this share of the most likely; 0 keeps all.",
            ),
        ]),
        Nothing,
        "How tokens are drawn, where it differs from the evaluation's.",
    ),
];

pub(super) const CHECKPOINT: &[Key] = &[
    key("every", STEPS, Nothing, "Every so many optimizer steps; only at the end of a stage if absent."),
    key("keep", COUNT, Default("2"), "How many are kept."),
    key(
        "best",
        WORD,
        Nothing,
        "A suite of the evaluation: besides the newest, the checkpoint with the highest accuracy (pass@1) in it is kept.",
    ),
];

pub(super) const STAGE: &[Key] = &[
    key(
        "domains",
        Kind::Shares,
        Nothing,
        "The domains of the stage with their shares; all domains with their own ratio if absent.",
    ),
    key(
        "optimizer",
        Kind::Choice(&[
            word("fresh", "The moments start anew."),
            word("carried", "The moments of the stage before are kept."),
        ]),
        Default("carried"),
        "The optimizer's moments at the start of the stage.",
    ),
];
pub(super) const SUPERVISED: &[Key] = &[
    key("target", WORD, Default("demonstration"), "Column with the demonstration."),
    key("batch", PROBLEMS, Default("32 problems"), "Demonstrations per optimizer step."),
    key("optimizer", OPTIMIZERS, Default("adamw"), "The optimizer."),
    key("schedule", SCHEDULES, Default("constant"), "The learning rate over the steps of the stage."),
];
