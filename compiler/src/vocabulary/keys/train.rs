//! Keys of the reward, of training and of rollouts.

use super::words::*;
use crate::formula::Level;
use crate::units::Dimension;
use crate::vocabulary::kinds::Absent::{Default, Nothing, Required};
use crate::vocabulary::kinds::{Key, Kind};

pub(super) const REWARD: &[Key] = &[
    key("outcome", Kind::Formula(Level::Rollout), Nothing, "The reward before shaping; `total` may name it."),
    key(
        "unfinished",
        Kind::Choice(&[
            word("as_judged", "The verdict counts as it is."),
            word("wrong", "Wrong, whatever the verdict."),
            word("masked", "In the group (baseline, solve rate), but not trained."),
            word("dropped", "Out of the group."),
        ]),
        Required("frameworks disagree on what a rollout that was cut at the cap is worth"),
        "What a rollout is worth that was cut at the cap.",
    ),
    key(
        "total",
        Kind::Formula(Level::Rollout),
        Required("it is what the policy is trained on"),
        "What is trained on; may name `outcome`, penalties and terms.",
    ),
];

const CLIP_LOW: Key =
    key("clip_low", Kind::Number(bounds(0.0, 1.0)), Default("3e-4"), "Lower clip distance of the importance ratio.");
const CLIP_HIGH: Key =
    key("clip_high", Kind::Number(bounds(0.0, ANY)), Default("4e-4"), "Upper clip distance of the importance ratio.");
const WEIGHT: Key = key(
    "weight",
    Kind::Choice(&[word("equal", "Every sequence alike."), word("length", "By its number of tokens.")]),
    Required("frameworks disagree on how sequences are weighted in the loss"),
    "How one sequence weighs in the loss.",
);
const BASELINE: Key = key(
    "baseline",
    Kind::Choice(&[
        word("leave_one_out", "Mean of the other rollouts of the group."),
        word("group_mean", "Mean of the group."),
        word("none", "Nothing."),
    ]),
    Default("group_mean"),
    "What is taken from a reward to make an advantage.",
);
const DIVIDE_BY_STD: Key = key(
    "divide_by_std",
    Kind::Truth,
    Required("frameworks disagree on whether advantages are divided by the group's standard deviation"),
    "Whether advantages are divided by the group's standard deviation.",
);
const OBJECTIVE: &[Key] = &[CLIP_LOW, CLIP_HIGH, WEIGHT, BASELINE, DIVIDE_BY_STD];

/// `adamw { … }`, for every optimizer of a recipe.
pub(super) const OPTIMIZERS: Kind = Kind::Choice(&[record(
    "adamw",
    &[
        key("lr", Kind::Number(above(0.0, ANY)), Default("1e-6"), "Peak learning rate."),
        key("beta1", Kind::Number(bounds(0.0, 0.999_999)), Default("0.9"), "Decay of the first moment."),
        key("beta2", Kind::Number(bounds(0.0, 0.999_999)), Default("0.999"), "Decay of the second moment."),
        key("eps", Kind::Number(above(0.0, 1.0)), Default("1e-8"), "Added to the root of the second moment."),
        key("weight_decay", Kind::Number(bounds(0.0, ANY)), Default("0"), "Decoupled weight decay of the matrices."),
        key(
            "clip_norm",
            Kind::NumberOr(above(0.0, ANY), "none"),
            Default("1.0"),
            "Largest norm of the whole gradient.",
        ),
    ],
    "Adam with decoupled weight decay (arXiv 1711.05101).",
)]);
const SCHEDULE_KEYS: &[Key] = &[
    key(
        "warmup",
        amount(Dimension::STEPS, 0.0),
        Default("0 steps"),
        "Steps over which the learning rate rises from 0.",
    ),
    key("floor", RATIO, Default("0"), "Share of the peak that is left at the last step."),
];
pub(super) const SCHEDULES: Kind = Kind::Choice(&[
    record("constant", SCHEDULE_KEYS, "Stays at the peak."),
    record("linear", SCHEDULE_KEYS, "Falls in a straight line."),
    record("cosine", SCHEDULE_KEYS, "Falls along half a cosine."),
]);
const KL_KEYS: &[Key] = &[
    key("coef", Kind::Number(above(0.0, ANY)), Default("1e-3"), "Weight in the loss."),
    key("to", WORD, Default("base"), "The reference: `base` is the policy at the start of the stage."),
];

pub(super) const TRAIN: &[Key] = &[
    key(
        "algorithm",
        Kind::Choice(&[
            record("gspo", OBJECTIVE, "Sequence-level importance ratio, clipped (arXiv 2507.18071)."),
            later(record("grpo", OBJECTIVE, "Token-level importance ratio, clipped (arXiv 2402.03300).")),
            later(record("dr_grpo", OBJECTIVE, "GRPO without its length and difficulty bias (arXiv 2503.20783).")),
            later(record("dapo", OBJECTIVE, "GRPO with decoupled clipping (arXiv 2503.14476).")),
            later(record("rloo", OBJECTIVE, "REINFORCE with a leave-one-out baseline (arXiv 2402.14740).")),
            later(record("reinforce_plus_plus", OBJECTIVE, "REINFORCE with a batch baseline (arXiv 2501.03262).")),
            later(record("cispo", OBJECTIVE, "Clipped importance weights (arXiv 2506.13585).")),
        ]),
        Required("it decides what is learnt"),
        "The policy objective with its advantage.",
    ),
    key("group", ROLLOUTS, Default("8 rollouts"), "Rollouts per prompt."),
    key("batch", ROLLOUTS, Default("256 rollouts"), "Kept rollouts per batch."),
    key("updates", COUNT, Default("1"), "Optimizer steps made from one batch."),
    key(
        "drop",
        Kind::Choice(&[
            word("no_advantage", "Groups whose advantages are all within 1e-9 of zero."),
            word("same_outcome", "Groups whose verdicts are all alike."),
            word("never", "None."),
        ]),
        Default("never"),
        "Which groups leave before the batch.",
    ),
    key("refill", COUNT, Default("1"), "At most so many batches are drawn to fill one."),
    key(
        "kl",
        Kind::Choice(&[
            word("none", "No term against a reference."),
            record("k1", KL_KEYS, "The log-ratio itself."),
            record("k2", KL_KEYS, "Half its square."),
            record("k3", KL_KEYS, "The low-variance estimator that is never negative."),
        ]),
        Default("none"),
        "Kullback-Leibler term against a reference policy.",
    ),
    key("entropy", Kind::Number(bounds(0.0, ANY)), Default("0"), "Weight of the entropy bonus."),
    key("optimizer", OPTIMIZERS, Default("adamw"), "The optimizer."),
    key("schedule", SCHEDULES, Default("constant"), "The learning rate over the steps of a stage."),
    key(
        "max_lag",
        amount(Dimension::STEPS, 0.0),
        Default("0 steps"),
        "How far the oldest token of a trained rollout may be behind.",
    ),
];

pub(super) const TOP_P: Key = key("top_p", Kind::Number(above(0.0, 1.0)), Default("1"), "Nucleus; 1 keeps all.");
pub(super) const TOP_K: Key =
    key("top_k", Kind::Integer(bounds(0.0, 4_294_967_295.0)), Default("0"), "Keeps the most likely; 0 keeps all.");
pub(super) const MIN_P: Key =
    key("min_p", RATIO, Default("0"), "Keeps what is at least this share of the most likely; 0 keeps all.");
pub(super) const ROLLOUT: &[Key] = &[
    key("temperature", Kind::Number(above(0.0, ANY)), Default("1"), "Divides the logits."),
    TOP_P,
    TOP_K,
    MIN_P,
    key(
        "slots",
        ROLLOUTS,
        Default("256 rollouts"),
        "Rollouts decoded at the same time; part of the recipe's identity.",
    ),
    key(
        "update",
        Kind::Choice(&[
            word("between_batches", "Decoding and training take turns."),
            record(
                "in_flight",
                &[
                    key(
                        "after",
                        Kind::Integer(bounds(0.0, ANY)),
                        Default("64"),
                        "Decode ticks between a full batch and its new weights.",
                    ),
                    key(
                        "cache",
                        Kind::Choice(&[
                            word("kept", "Running rollouts keep their cache."),
                            word("recomputed", "Their cache is computed anew."),
                        ]),
                        Default("kept"),
                        "What becomes of the cache of running rollouts.",
                    ),
                ],
                "Weights change while rollouts are decoded.",
            ),
        ]),
        Default("between_batches"),
        "When new weights enter decoding.",
    ),
];
