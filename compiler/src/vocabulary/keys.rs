//! Every block and every key of the language, with kind, default and one line of meaning.
//!
//! This is the one list. A key that is added here is read, checked, suggested, printed by `explain` and listed in the reference;
//! what is left to do by hand is its place in [`crate::recipe`] and in `build/`.

use super::kinds::{Absent, Argument, Block, Bounds, Choice, Key, Kind};
use crate::formula::Level;
use crate::units::Dimension;
use Absent::{Default, Nothing, Required, Same};
use std::sync::LazyLock;

/// The edition whose defaults stand in this file.
pub const EDITION: i64 = 2026;

// Short words for the tables below.
const fn key(name: &'static str, kind: Kind, absent: Absent, doc: &'static str) -> Key {
    Key { name, kind, absent, doc }
}
const fn block(keyword: &'static str, keys: &'static [Key], doc: &'static str) -> Block {
    Block { keyword, named: false, inside: None, keys, doc }
}
const fn named(keyword: &'static str, keys: &'static [Key], doc: &'static str) -> Block {
    Block { keyword, named: true, inside: None, keys, doc }
}
const fn word(word: &'static str, doc: &'static str) -> Choice {
    Choice { word, arguments: None, keys: &[], later: false, doc }
}
const fn call(word: &'static str, arguments: &'static [Argument], doc: &'static str) -> Choice {
    Choice { word, arguments: Some(arguments), keys: &[], later: false, doc }
}
const fn record(word: &'static str, keys: &'static [Key], doc: &'static str) -> Choice {
    Choice { word, arguments: None, keys, later: false, doc }
}
const fn later(choice: Choice) -> Choice {
    Choice { later: true, ..choice }
}
const fn first(name: &'static str, kind: Kind, doc: &'static str) -> Argument {
    Argument { name, kind, absent: Required("the call is about it"), positional: true, doc }
}
const fn argument(name: &'static str, kind: Kind, absent: Absent, doc: &'static str) -> Argument {
    Argument { name, kind, absent, positional: false, doc }
}
const fn amount(dimension: Dimension, least: f64) -> Kind {
    Kind::Amount { dimension, whole: true, least }
}
const fn bounds(least: f64, most: f64) -> Bounds {
    Bounds { least, most, above: false }
}
const fn above(least: f64, most: f64) -> Bounds {
    Bounds { least, most, above: true }
}
const ANY: f64 = f64::INFINITY;
const TOKENS: Kind = amount(Dimension::TOKENS, 1.0);
const ROLLOUTS: Kind = amount(Dimension::ROLLOUTS, 1.0);
const PROBLEMS: Kind = amount(Dimension::PROBLEMS, 1.0);
const STEPS: Kind = amount(Dimension::STEPS, 1.0);
const TIME: Kind = Kind::Amount { dimension: Dimension::SECONDS, whole: false, least: 0.0 };
const COUNT: Kind = Kind::Integer(bounds(1.0, 4_294_967_295.0));
const RATIO: Kind = Kind::Number(bounds(0.0, 1.0));
const WORD: Kind = Kind::Word;

/// Every block, in the order in which the book explains them.
pub const BLOCKS: &[Block] = &[
    named("recipe", RECIPE, "Names the recipe and its edition."),
    named("model", MODEL, "A model: `policy` is the one that is trained."),
    block("budget", BUDGET, "How long responses may be, and when the run ends."),
    named("domain", DOMAIN, "A kind of problem with its data and its verifier."),
    block("data", DATA, "How rows of data are read."),
    block("mix", MIX, "Which domain the next group is drawn from."),
    block("reward", REWARD, "What a rollout is worth."),
    block("train", TRAIN, "How the policy learns from rollouts."),
    block("rollout", ROLLOUT, "How rollouts are decoded."),
    block("evaluate", EVALUATE, "What is measured, and how often."),
    Block { keyword: "suite", named: true, inside: Some("evaluate"), keys: SUITE, doc: "One measurement of an evaluation." },
    block("checkpoint", CHECKPOINT, "When everything is saved that is needed to go on."),
    named("stage", STAGE, "A part of the run with settings of its own."),
    Block { keyword: "supervised", named: false, inside: Some("stage"), keys: SUPERVISED, doc: "The stage learns from demonstrations." },
    named("variant", &[], "A named set of overrides."),
];

const RECIPE: &[Key] = &[key("edition", COUNT, Required("it pins the defaults of everything that is not written"), "The year of the list of defaults.")];

const MODEL: &[Key] = &[
    key(
        "source",
        Kind::Choice(&[
            record("fresh", ARCHITECTURE, "A Llama-architecture decoder with random weights and the built-in character tokenizer."),
            call("folder", &[first("path", Kind::Text, "A folder in Hugging Face layout.")], "Weights from a folder."),
            call("hf", &[first("name", Kind::Text, "`org/name`")], "Weights from the hub."),
        ]),
        Required("only the author can know which model is meant"),
        "Where the weights come from.",
    ),
    key("context", TOKENS, Nothing, "The longest sequence that the model reads."),
    key("precision", Kind::Choice(&[word("f32", "32-bit floating point."), word("bf16", "16-bit brain floating point.")]), Default("f32"), "Number type of the weights."),
    key(
        "train",
        Kind::Choice(&[
            word("full", "All weights are trained."),
            word("frozen", "No weights are trained: judges and references."),
            record("lora", &[key("rank", COUNT, Default("16"), "Rank of the update."), key("alpha", Kind::Number(above(0.0, ANY)), Default("32"), "Scale of the update, divided by the rank.")], "Only low-rank updates are trained (arXiv 2106.09685)."),
        ]),
        Default("full"),
        "Which weights are trained.",
    ),
    key(
        "answer",
        Kind::Choice(&[
            word("whole", "The whole response."),
            call("after", &[first("mark", Kind::Text, "The mark.")], "What follows the last mark; without a mark there is no answer."),
            call("between", &[first("open", Kind::Text, "The opening mark."), first("close", Kind::Text, "The closing mark.")], "What stands between the marks."),
        ]),
        Default("whole"),
        "Which part of a response is the answer; what is before it is the reasoning.",
    ),
];

const ARCHITECTURE: &[Key] = &[
    key("width", COUNT, Default("96"), "Model width."),
    key("layers", COUNT, Default("3"), "Decoder layers."),
    key("heads", COUNT, Default("3"), "Query heads."),
    key("kv_heads", COUNT, Default("3"), "Key and value heads; divides `heads`."),
    key("head_width", COUNT, Default("32"), "Width of one head; even, for the rotary embedding."),
    key("hidden", COUNT, Default("240"), "Inner width of the gated unit."),
    key("tied", Kind::Truth, Default("true"), "Whether the output head is the embedding."),
    key("rope_theta", Kind::Number(above(0.0, ANY)), Default("10000"), "Base of the rotary frequencies."),
    key("norm_eps", Kind::Number(above(0.0, 1.0)), Default("1e-5"), "Epsilon of RMSNorm."),
];

const BUDGET: &[Key] = &[
    key("prompt", TOKENS, Default("2Ki tokens"), "Longest prompt; longer ones are left out, and counted."),
    key("output", TOKENS, Required("the cap decides cost and behaviour more than any other number"), "Hard cap of one training rollout, the end token included."),
    key("buffer", amount(Dimension::TOKENS, 0.0), Default("0 tokens"), "Soft zone below the cap, for length penalties."),
    key("evaluation", TOKENS, Same("budget.output"), "Cap of one rollout in evaluation."),
    key("steps", STEPS, Nothing, "Optimizer steps of each stage."),
    key("tokens", TOKENS, Nothing, "Tokens generated for training in the whole run, dropped groups included."),
    key("time", TIME, Nothing, "Wall time of the whole run."),
];

/// Where problems come from.
const SOURCES: &[Choice] = &[
    call("builtin", &[first("generator", Kind::Text, "Name of the generator."), argument("levels", Kind::Levels, Nothing, "Lowest and highest difficulty; all levels if absent.")], "A seeded generator of the runtime."),
    call(
        "hf",
        &[first("name", Kind::Text, "`org/name`"), argument("split", Kind::Text, Nothing, "Split of the data set."), argument("config", Kind::Text, Nothing, "Configuration of the data set.")],
        "A data set of the hub.",
    ),
    call("file", &[first("path", Kind::Text, "The path, from the recipe's folder.")], "A JSONL file."),
];
const SUITE_SOURCES: &[Choice] = &[
    call("builtin", &[first("generator", Kind::Text, "Name of the generator."), argument("levels", Kind::Levels, Nothing, "Lowest and highest difficulty; all levels if absent.")], "A seeded generator of the runtime."),
    call(
        "hf",
        &[first("name", Kind::Text, "`org/name`"), argument("split", Kind::Text, Nothing, "Split of the data set."), argument("config", Kind::Text, Nothing, "Configuration of the data set.")],
        "A data set of the hub.",
    ),
    call("file", &[first("path", Kind::Text, "The path, from the recipe's folder.")], "A JSONL file."),
    word("held_out", "The evaluation side of every domain's own data, judged by the domain's verifier."),
];

/// Who judges.
const VERIFIERS: &[Choice] = &[
    call(
        "math_answer",
        &[
            argument("gold", WORD, Default("answer"), "Column with the right answer."),
            argument(
                "extract",
                Kind::Choice(&[word("boxed", "The last `\\boxed{…}`."), word("any", "A box if there is one, else the last number."), word("whole", "The answer as it stands.")]),
                Default("boxed"),
                "Where the answer stands in the response.",
            ),
        ],
        "The answer equals the right one as a value.",
    ),
    call("program_tests", &[argument("tests", WORD, Default("tests"), "Column with the tests.")], "The program passes the tests in the built-in interpreter."),
    call(
        "python_tests",
        &[
            argument("timeout", Kind::Amount { dimension: Dimension::SECONDS, whole: false, least: 0.001 }, Default("10 s"), "CPU time of one test."),
            argument("max_tests", COUNT, Nothing, "At most so many tests of a problem are run; all if absent."),
        ],
        "The program passes the tests under CPython.",
    ),
    call("puzzle", &[], "The answer satisfies the puzzle."),
    call("constraints", &[], "The response satisfies its instructions; the score is the share that it satisfies."),
    call(
        "function_calls",
        &[argument("format", Kind::Choice(&[word("auto", "The format is recognised."), word("json", "JSON calls."), word("python", "Python calls.")]), Default("auto"), "How calls are written.")],
        "The calls equal the right ones.",
    ),
    later(call(
        "judge",
        &[argument("model", WORD, Nothing, "The model that judges."), argument("prompt", Kind::Text, Nothing, "What it is asked."), argument("accept", Kind::Text, Nothing, "The answer that means right.")],
        "A model judges.",
    )),
];

const DOMAIN: &[Key] = &[
    key("ratio", RATIO, Nothing, "Share of the domain; needed where the mix reads it."),
    key("data", Kind::Choice(SOURCES), Required("only the author can know the data"), "Where the problems come from."),
    key("problems", PROBLEMS, Nothing, "Rows of the data, where the recipe states them."),
    key("prompt", Kind::Text, Nothing, "Template with `{column}`; the data's own prompt if absent."),
    key("verify", Kind::Choice(VERIFIERS), Required("a reward without a verifier has no source"), "Who judges."),
    key("output", TOKENS, Same("budget.output"), "Output cap of this domain."),
    key("reward", Kind::Later, Nothing, "A reward of this domain in place of `reward.total`."),
    key("signals", Kind::Later, Nothing, "Signals of a domain without a verifier."),
];

const DATA: &[Key] = &[
    key("columns", Kind::Later, Nothing, "New names for columns."),
    key("filter", Kind::Later, Nothing, "Which rows are used."),
    key("on_bad_row", Kind::Later, Nothing, "What happens at a row that cannot be read."),
];

const UNITS_COUNTED: Kind = Kind::Choice(&[word("rollouts", "Responses."), word("groups", "Prompts with all their responses."), word("tokens", "Generated tokens.")]);
const MIX: &[Key] = &[
    key(
        "count",
        Kind::Choice(&[
            call("sampled", &[first("of", UNITS_COUNTED, "Unit.")], "Counted when the sampler draws."),
            call("completed", &[first("of", UNITS_COUNTED, "Unit.")], "Counted when a group returns, before any drop."),
            call("trained", &[first("of", UNITS_COUNTED, "Unit.")], "Counted when it reaches the optimizer."),
        ]),
        Required("sampled, completed and trained shares differ as soon as groups are dropped or lengths differ"),
        "What the achieved share of a domain is a share of.",
    ),
    key("warmup", Kind::Counted, Default("0"), "Before so many are counted, domains are drawn by `ratio`."),
    key("every", amount(Dimension::STEPS, 0.0), Default("0 steps"), "The weights are computed anew every so many steps; 0 means at every draw."),
    key("weight", Kind::Formula(Level::Mix), Required("frameworks disagree on how a mix is held; `weight = ratio` draws by ratio alone"), "Weight of a domain, not normalised."),
    key("strategy", Kind::Later, Nothing, "A built-in rule in place of `weight`."),
];

const REWARD: &[Key] = &[
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
    key("total", Kind::Formula(Level::Rollout), Required("it is what the policy is trained on"), "What is trained on; may name `outcome`, penalties and terms."),
];

const CLIP_LOW: Key = key("clip_low", Kind::Number(bounds(0.0, 1.0)), Default("3e-4"), "Lower clip distance of the importance ratio.");
const CLIP_HIGH: Key = key("clip_high", Kind::Number(bounds(0.0, ANY)), Default("4e-4"), "Upper clip distance of the importance ratio.");
const WEIGHT: Key = key(
    "weight",
    Kind::Choice(&[word("equal", "Every sequence alike."), word("length", "By its number of tokens.")]),
    Required("frameworks disagree on how sequences are weighted in the loss"),
    "How one sequence weighs in the loss.",
);
const BASELINE: Key = key(
    "baseline",
    Kind::Choice(&[word("leave_one_out", "Mean of the other rollouts of the group."), word("group_mean", "Mean of the group."), word("none", "Nothing.")]),
    Default("group_mean"),
    "What is taken from a reward to make an advantage.",
);
const DIVIDE_BY_STD: Key =
    key("divide_by_std", Kind::Truth, Required("frameworks disagree on whether advantages are divided by the group's standard deviation"), "Whether advantages are divided by the group's standard deviation.");
const OBJECTIVE: &[Key] = &[CLIP_LOW, CLIP_HIGH, WEIGHT, BASELINE, DIVIDE_BY_STD];

/// `adamw { … }`, for every optimizer of a recipe.
const OPTIMIZERS: Kind = Kind::Choice(&[record(
    "adamw",
    &[
        key("lr", Kind::Number(above(0.0, ANY)), Default("1e-6"), "Peak learning rate."),
        key("beta1", Kind::Number(bounds(0.0, 0.999_999)), Default("0.9"), "Decay of the first moment."),
        key("beta2", Kind::Number(bounds(0.0, 0.999_999)), Default("0.999"), "Decay of the second moment."),
        key("eps", Kind::Number(above(0.0, 1.0)), Default("1e-8"), "Added to the root of the second moment."),
        key("weight_decay", Kind::Number(bounds(0.0, ANY)), Default("0"), "Decoupled weight decay of the matrices."),
        key("clip_norm", Kind::NumberOr(above(0.0, ANY), "none"), Default("1.0"), "Largest norm of the whole gradient."),
    ],
    "Adam with decoupled weight decay (arXiv 1711.05101).",
)]);
const SCHEDULE_KEYS: &[Key] = &[
    key("warmup", amount(Dimension::STEPS, 0.0), Default("0 steps"), "Steps over which the learning rate rises from 0."),
    key("floor", RATIO, Default("0"), "Share of the peak that is left at the last step."),
];
const SCHEDULES: Kind = Kind::Choice(&[
    record("constant", SCHEDULE_KEYS, "Stays at the peak."),
    record("linear", SCHEDULE_KEYS, "Falls in a straight line."),
    record("cosine", SCHEDULE_KEYS, "Falls along half a cosine."),
]);
const KL_KEYS: &[Key] = &[
    key("coef", Kind::Number(above(0.0, ANY)), Default("1e-3"), "Weight in the loss."),
    key("to", WORD, Default("base"), "The reference: `base` is the policy at the start of the stage."),
];

const TRAIN: &[Key] = &[
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
        Kind::Choice(&[word("no_advantage", "Groups whose advantages are all within 1e-9 of zero."), word("same_outcome", "Groups whose verdicts are all alike."), word("never", "None.")]),
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
    key("max_lag", amount(Dimension::STEPS, 0.0), Default("0 steps"), "How far the oldest token of a trained rollout may be behind."),
];

const TOP_P: Key = key("top_p", Kind::Number(above(0.0, 1.0)), Default("1"), "Nucleus; 1 keeps all.");
const TOP_K: Key = key("top_k", Kind::Integer(bounds(0.0, 4_294_967_295.0)), Default("0"), "Keeps the most likely; 0 keeps all.");
const MIN_P: Key = key("min_p", RATIO, Default("0"), "Keeps what is at least this share of the most likely; 0 keeps all.");
const ROLLOUT: &[Key] = &[
    key("temperature", Kind::Number(above(0.0, ANY)), Default("1"), "Divides the logits."),
    TOP_P,
    TOP_K,
    MIN_P,
    key("slots", ROLLOUTS, Default("256 rollouts"), "Rollouts decoded at the same time; part of the recipe's identity."),
    key(
        "update",
        Kind::Choice(&[
            word("between_batches", "Decoding and training take turns."),
            record(
                "in_flight",
                &[
                    key("after", Kind::Integer(bounds(0.0, ANY)), Default("64"), "Decode ticks between a full batch and its new weights."),
                    key("cache", Kind::Choice(&[word("kept", "Running rollouts keep their cache."), word("recomputed", "Their cache is computed anew.")]), Default("kept"), "What becomes of the cache of running rollouts."),
                ],
                "Weights change while rollouts are decoded.",
            ),
        ]),
        Default("between_batches"),
        "When new weights enter decoding.",
    ),
];

const EVALUATION_SAMPLING: &[Key] = &[key("temperature", Kind::Number(bounds(0.0, ANY)), Default("1"), "Divides the logits; 0 takes the most likely token."), TOP_P, TOP_K, MIN_P];
const EVALUATE: &[Key] = &[
    key("every", STEPS, Nothing, "Every so many steps, besides the start of a stage and the end of the run."),
    key("sampling", Kind::Record(EVALUATION_SAMPLING), Nothing, "How tokens are drawn."),
];
const SUITE: &[Key] = &[
    key("data", Kind::Choice(SUITE_SOURCES), Required("only the author can know the data"), "Where the problems come from."),
    key("verify", Kind::Choice(VERIFIERS), Nothing, "Who judges; with `held_out` each domain's own verifier does."),
    key("problems", PROBLEMS, Nothing, "Problems, in all or per domain with `held_out`; all if absent."),
    key("samples", COUNT, Default("1"), "Responses per problem."),
    key("output", TOKENS, Same("budget.evaluation"), "Output cap."),
    key(
        "sampling",
        Kind::Record(&[
            key("temperature", Kind::Number(bounds(0.0, ANY)), Same("evaluate.sampling.temperature"), "Divides the logits; 0 takes the most likely token."),
            key("top_p", Kind::Number(above(0.0, 1.0)), Same("evaluate.sampling.top_p"), "Nucleus; 1 keeps all."),
            key("top_k", Kind::Integer(bounds(0.0, 4_294_967_295.0)), Same("evaluate.sampling.top_k"), "Keeps the most likely; 0 keeps all."),
            key("min_p", RATIO, Same("evaluate.sampling.min_p"), "Keeps what is at least this share of the most likely; 0 keeps all."),
        ]),
        Nothing,
        "How tokens are drawn, where it differs from the evaluation's.",
    ),
];

const CHECKPOINT: &[Key] = &[
    key("every", STEPS, Nothing, "Every so many optimizer steps; only at the end of a stage if absent."),
    key("keep", COUNT, Default("2"), "How many are kept."),
    key("best", Kind::Later, Nothing, "Keeps the one that is best by a suite."),
];

const STAGE: &[Key] = &[
    key("domains", Kind::Shares, Nothing, "The domains of the stage with their shares; all domains with their own ratio if absent."),
    key("optimizer", Kind::Choice(&[word("fresh", "The moments start anew."), word("carried", "The moments of the stage before are kept.")]), Default("carried"), "The optimizer's moments at the start of the stage."),
];
const SUPERVISED: &[Key] = &[
    key("target", WORD, Default("demonstration"), "Column with the demonstration."),
    key("batch", PROBLEMS, Default("32 problems"), "Demonstrations per optimizer step."),
    key("optimizer", OPTIMIZERS, Default("adamw"), "The optimizer."),
    key("schedule", SCHEDULES, Default("constant"), "The learning rate over the steps of the stage."),
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
        let path = format!("{prefix}.{}", key.name);
        rows.push(Row { path: path.clone(), of, key });
        match key.kind {
            Kind::Record(keys) => push_rows(rows, &path, keys, None),
            Kind::Choice(choices) => choices.iter().for_each(|choice| push_rows(rows, &path, choice.keys, Some(choice.word))),
            _ => {}
        }
    }
}

/// The path of a block with `*` for names: `domain.*`, `stage.*.supervised`, `suite.*`.
pub fn pattern(block: &Block) -> String {
    let own = if block.named && block.keyword != "recipe" { format!("{}.*", block.keyword) } else { block.keyword.to_string() };
    match block.inside {
        // Suites are told apart by their own names; `evaluate` is there only once.
        Some("stage") => format!("stage.*.{own}"),
        _ => own,
    }
}

/// The pattern of a path, as a text that lives as long as the program: what `Origin::Default` holds.
pub fn row_path(pattern: &str) -> Option<&'static str> {
    static BY_PATH: LazyLock<std::collections::BTreeMap<&'static str, &'static Row>> = LazyLock::new(|| rows().iter().map(|row| (row.path.as_str(), row)).collect());
    BY_PATH.get(pattern).map(|row| row.path.as_str())
}

/// A block at the top of a file, or inside another one.
pub fn find_block(keyword: &str, inside: Option<&str>) -> Option<&'static Block> {
    BLOCKS.iter().find(|b| b.keyword == keyword && b.inside == inside)
}
