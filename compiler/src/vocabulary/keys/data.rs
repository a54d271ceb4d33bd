//! Keys of domains, of their data and verifiers, and of the mix.

use super::words::*;
use crate::formula::Level;
use crate::units::Dimension;
use crate::vocabulary::kinds::Absent::{Default, Nothing, Required, Same};
use crate::vocabulary::kinds::{Choice, Key, Kind};

/// Where problems come from.
const SOURCES: &[Choice] = &[
    call(
        "builtin",
        &[
            first("generator", Kind::Text, "Name of the generator."),
            argument("levels", Kind::Levels, Nothing, "Lowest and highest difficulty; all levels if absent."),
        ],
        "A seeded generator of the runtime.",
    ),
    call(
        "hf",
        &[
            first("name", Kind::Text, "`org/name`"),
            argument("split", Kind::Text, Nothing, "Split of the data set."),
            argument("config", Kind::Text, Nothing, "Configuration of the data set."),
        ],
        "A data set of the hub.",
    ),
    call("file", &[first("path", Kind::Text, "The path, from the recipe's folder.")], "A JSONL file."),
];
pub(super) const SUITE_SOURCES: &[Choice] = &[
    call(
        "builtin",
        &[
            first("generator", Kind::Text, "Name of the generator."),
            argument("levels", Kind::Levels, Nothing, "Lowest and highest difficulty; all levels if absent."),
        ],
        "A seeded generator of the runtime.",
    ),
    call(
        "hf",
        &[
            first("name", Kind::Text, "`org/name`"),
            argument("split", Kind::Text, Nothing, "Split of the data set."),
            argument("config", Kind::Text, Nothing, "Configuration of the data set."),
        ],
        "A data set of the hub.",
    ),
    call("file", &[first("path", Kind::Text, "The path, from the recipe's folder.")], "A JSONL file."),
    word("held_out", "The evaluation side of every domain's own data, judged by the domain's verifier."),
];

/// Who judges.
pub(super) const VERIFIERS: &[Choice] = &[
    call(
        "math_answer",
        &[
            argument("gold", WORD, Default("answer"), "Column with the right answer."),
            argument(
                "extract",
                Kind::Choice(&[
                    word("boxed", "The last `\\boxed{…}`."),
                    word("any", "A box; without one what is announced as the answer, else the last formula or number."),
                    word("whole", "The answer as it stands."),
                ]),
                Default("boxed"),
                "Where the answer stands in the response.",
            ),
        ],
        "The answer equals the right one as a value.",
    ),
    call(
        "program_tests",
        &[argument("tests", WORD, Default("tests"), "Column with the tests.")],
        "The program passes the tests in the built-in interpreter.",
    ),
    call(
        "python_tests",
        &[
            argument("tests", WORD, Default("tests"), "Column with the tests."),
            argument(
                "timeout",
                Kind::Amount { dimension: Dimension::SECONDS, whole: false, least: 0.001 },
                Default("10 s"),
                "CPU time of one test.",
            ),
            argument("max_tests", COUNT, Nothing, "At most so many tests of a problem are run; all if absent."),
            argument(
                "remote",
                Kind::Text,
                Nothing,
                "Address of a SandboxFusion server; a sandbox of this machine if absent.",
            ),
        ],
        "The program passes the tests under CPython, in a sandbox.",
    ),
    call("puzzle", &[], "The answer satisfies the puzzle."),
    call(
        "constraints",
        &[argument(
            "score",
            Kind::Choice(&[
                word("strict", "The response as it stands."),
                word("loose", "Also without its first or last line, and without asterisks."),
            ]),
            Nothing,
            "What must satisfy an instruction; strict if absent.",
        )],
        "The response satisfies its instructions; the score is the share that it satisfies.",
    ),
    call(
        "function_calls",
        &[argument(
            "format",
            Kind::Choice(&[
                word("tool_calls", "JSON between `<tool_calls>` and `</tool_calls>`."),
                word("json", "The answer itself is the JSON of one call, or of a list of calls."),
                word("python", "The answer itself is Python source: `[f(a=1), g()]`."),
            ]),
            Default("tool_calls"),
            "How calls are written.",
        )],
        "The calls equal the right ones.",
    ),
    call(
        "judge",
        &[
            argument("model", WORD, Required("a judge is one of the recipe's models"), "The frozen model that judges."),
            argument(
                "prompt",
                Kind::Text,
                Required("what a judge is asked decides what it accepts"),
                "What it is asked; `{answer}` is the policy's answer, `{reference}` the reference answer, every other name in \
                 braces a column of the data.",
            ),
            argument(
                "accept",
                Kind::Text,
                Required("judges answer in words of their own"),
                "The line that ends the judgement of a right answer, as a whole; a judge may reason first.",
            ),
            argument(
                "reject",
                Kind::Text,
                Nothing,
                "The line that ends the judgement of a wrong answer. Where it is given, a judgement with neither line is an \
                 error of the judge.",
            ),
            argument(
                "output",
                TOKENS,
                Default("1Ki tokens"),
                "Longest judgement; a longer one is an error of the judge.",
            ),
        ],
        "A model judges.",
    ),
];

/// What a domain without a verifier is rewarded by.
const SIGNALS: &[Choice] = &[
    word(
        "reference_probability",
        "The policy's own probability of the reference answer, after the rollout's reasoning.",
    ),
    word("answer_probability", "The policy's own probability of the answer that it wrote."),
    call(
        "reward_model",
        &[first("model", WORD, "The frozen model that scores a response.")],
        "The score of a reward model; formulas read it under the same name.",
    ),
];

pub(super) const DOMAIN: &[Key] = &[
    key("ratio", RATIO, Nothing, "Share of the domain; needed where the mix reads it."),
    key("data", Kind::Choice(SOURCES), Required("only the author can know the data"), "Where the problems come from."),
    key("problems", PROBLEMS, Nothing, "Rows of the data, where the recipe states them."),
    OWN_COLUMNS,
    OWN_FILTER,
    OWN_ON_BAD_ROW,
    key("prompt", Kind::Text, Nothing, "Template with `{column}`; the data's own prompt if absent."),
    key("verify", Kind::Choice(VERIFIERS), Nothing, "Who judges; a domain has either this or `signals`."),
    key(
        "signals",
        Kind::Several(SIGNALS),
        Nothing,
        "What the reward is made of in a domain without a verifier. `correct`, `wrong`, `parsable`, `score` and `solve_rate` do \
         not exist there.",
    ),
    key(
        "reference",
        WORD,
        Nothing,
        "Column with the reference answer; if absent the one that `verify` calls `gold`, else `answer`.",
    ),
    key("output", TOKENS, Same("budget.output"), "Output cap of this domain."),
    key(
        "reward",
        Kind::Formula(Level::Rollout),
        Nothing,
        "What rollouts of this domain are trained on, in place of `reward.total`; it sees what that one sees.",
    ),
];

const ON_BAD_ROW: Kind = Kind::Choice(&[
    word("stop", "The run does not begin, and says which row it is."),
    word("skip", "The row is left out, and counted in messages and metrics."),
]);
pub(super) const DATA: &[Key] = &[
    key("columns", Kind::Columns, Nothing, "New names for columns of data that is read from files: `{ new = old }`."),
    key("filter", Kind::RowFilter, Nothing, "Which rows are used; it sees the new names. All if absent."),
    key(
        "on_bad_row",
        ON_BAD_ROW,
        Default("stop"),
        "What happens at a row that cannot be read, or that lacks a column that is renamed or compared.",
    ),
];
/// How rows are read, where a domain or a suite differs from `data { … }`.
pub(super) const OWN_COLUMNS: Key =
    key("columns", Kind::Columns, Same("data.columns"), "New names for columns of this data.");
pub(super) const OWN_FILTER: Key = key("filter", Kind::RowFilter, Same("data.filter"), "Which rows are used.");
pub(super) const OWN_ON_BAD_ROW: Key =
    key("on_bad_row", ON_BAD_ROW, Same("data.on_bad_row"), "What happens at a row that cannot be read.");

const UNITS_COUNTED: Kind = Kind::Choice(&[
    word("rollouts", "Responses."),
    word("groups", "Prompts with all their responses."),
    word("tokens", "Generated tokens."),
]);
pub(super) const MIX: &[Key] = &[
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
    key(
        "every",
        amount(Dimension::STEPS, 0.0),
        Default("0 steps"),
        "The weights are computed anew every so many steps; 0 means at every draw.",
    ),
    key(
        "weight",
        Kind::Formula(Level::Mix),
        Nothing,
        "Weight of a domain, not normalised: the next one is drawn at random by it. A mix has either this or `strategy`.",
    ),
    key(
        "strategy",
        Kind::Choice(&[word(
            "deficit",
            "The domain that is furthest behind its `ratio` comes next, not at random; groups that are being generated count \
             as far as the domain's groups have reached the counting point so far.",
        )]),
        Nothing,
        "A built-in rule in place of `weight`.",
    ),
];
