//! Keys of the reward, of training and of rollouts.

use super::words::*;
use crate::formula::Level;
use crate::units::Dimension;
use crate::vocabulary::kinds::Absent::{Default, Nothing, Required, Same};
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
    key(
        "shuffled",
        Kind::Truth,
        Default("false"),
        "A placebo: total rewards are permuted within each group, so that they say nothing about the responses.",
    ),
];

/// Clip distances with the default of their algorithm.
const fn clip_low(default: &'static str) -> Key {
    key("clip_low", Kind::Number(bounds(0.0, 1.0)), Default(default), "Lower clip distance of the importance ratio.")
}
const fn clip_high(default: &'static str) -> Key {
    key("clip_high", Kind::Number(bounds(0.0, ANY)), Default(default), "Upper clip distance of the importance ratio.")
}

const CONSTANT_KEYS: &[Key] =
    &[key("tokens", TOKENS, Same("budget.output"), "The divisor; by default the output cap, as in the paper.")];
const WEIGHTS: Kind = Kind::Choice(&[
    word("equal", "Every sequence alike: the mean over its tokens."),
    word("length", "By its number of tokens: the sum over them."),
    word("token_mean", "Every token of the update alike: one mean over all of them."),
    word("group_token_mean", "Every token of a group alike: one mean for each group."),
    record("constant", CONSTANT_KEYS, "The sum over tokens, divided by a constant (Dr. GRPO)."),
]);
const WEIGHT: Key = key(
    "weight",
    WEIGHTS,
    Required("frameworks disagree on how sequences are weighted in the loss"),
    "How one sequence weighs in the loss.",
);
const WEIGHT_OF_TOKENS: Key = key("weight", WEIGHTS, Default("token_mean"), "How one sequence weighs in the loss.");
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

// Each algorithm takes the keys that act in it and no other: what is part of its definition is no key. For another mixture of parts
// there is `grpo` (ratios of tokens) or `gspo` (ratios of sequences).
const GSPO: &[Key] = &[clip_low("3e-4"), clip_high("4e-4"), WEIGHT, BASELINE, DIVIDE_BY_STD];
const GRPO: &[Key] = &[clip_low("0.2"), clip_high("0.2"), WEIGHT, BASELINE, DIVIDE_BY_STD];
const DR_GRPO: &[Key] = &[
    clip_low("0.2"),
    clip_high("0.2"),
    key("divisor", TOKENS, Same("budget.output"), "What the sum over the tokens of a sequence is divided by."),
];
const DAPO: &[Key] = &[clip_low("0.2"), clip_high("0.28"), WEIGHT_OF_TOKENS, DIVIDE_BY_STD];
const RLOO: &[Key] = &[WEIGHT];
const REINFORCE_PLUS_PLUS: &[Key] = &[
    clip_low("0.2"),
    clip_high("0.2"),
    WEIGHT_OF_TOKENS,
    key(
        "baseline",
        Kind::Choice(&[
            word("batch_mean", "Mean of all rollouts that were drawn together."),
            word("group_mean", "Mean of the group: the paper's variant for several rollouts per prompt."),
        ]),
        Default("batch_mean"),
        "What is taken from a reward to make an advantage.",
    ),
    key(
        "divide_by_std",
        Kind::Truth,
        Default("true"),
        "Whether advantages are divided by their standard deviation over all rollouts that were drawn together.",
    ),
];
const CISPO: &[Key] = &[
    key(
        "clip_low",
        Kind::NumberOr(bounds(0.0, 1.0), "none"),
        Default("none"),
        "Lower clip distance of the importance weight; the paper has no lower bound.",
    ),
    key(
        "clip_high",
        Kind::Number(bounds(0.0, ANY)),
        Required("the paper gives no value, and frameworks disagree on it"),
        "Upper clip distance of the importance weight: it is at most 1 more than this.",
    ),
    WEIGHT_OF_TOKENS,
    DIVIDE_BY_STD,
];

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
            record("gspo", GSPO, "Sequence-level importance ratio, clipped (arXiv 2507.18071)."),
            record("grpo", GRPO, "Token-level importance ratio, clipped (arXiv 2402.03300)."),
            record(
                "dr_grpo",
                DR_GRPO,
                "GRPO without its length and difficulty bias: a constant divisor, no standard deviation (arXiv 2503.20783).",
            ),
            record("dapo", DAPO, "GRPO with a higher upper clip and one mean over all tokens (arXiv 2503.14476)."),
            record("rloo", RLOO, "REINFORCE with a leave-one-out baseline, without ratio or clip (arXiv 2402.14740)."),
            record(
                "reinforce_plus_plus",
                REINFORCE_PLUS_PLUS,
                "Clipped ratios of tokens, advantages normalised over the batch (arXiv 2501.03262).",
            ),
            record(
                "cispo",
                CISPO,
                "REINFORCE with clipped importance weights that are not differentiated (arXiv 2506.13585).",
            ),
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
