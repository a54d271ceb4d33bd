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
                    word("any", "A box if there is one, else the last number."),
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
            argument(
                "timeout",
                Kind::Amount { dimension: Dimension::SECONDS, whole: false, least: 0.001 },
                Default("10 s"),
                "CPU time of one test.",
            ),
            argument("max_tests", COUNT, Nothing, "At most so many tests of a problem are run; all if absent."),
        ],
        "The program passes the tests under CPython.",
    ),
    call("puzzle", &[], "The answer satisfies the puzzle."),
    call("constraints", &[], "The response satisfies its instructions; the score is the share that it satisfies."),
    call(
        "function_calls",
        &[argument(
            "format",
            Kind::Choice(&[
                word("tool_calls", "JSON between `<tool_calls>` and `</tool_calls>`."),
                word("json", "The answer itself is the JSON of one call, or of a list of calls."),
                word("python", "Python-style calls; not in this version."),
            ]),
            Default("tool_calls"),
            "How calls are written.",
        )],
        "The calls equal the right ones.",
    ),
    later(call(
        "judge",
        &[
            argument("model", WORD, Nothing, "The model that judges."),
            argument("prompt", Kind::Text, Nothing, "What it is asked."),
            argument("accept", Kind::Text, Nothing, "The answer that means right."),
        ],
        "A model judges.",
    )),
];

pub(super) const DOMAIN: &[Key] = &[
    key("ratio", RATIO, Nothing, "Share of the domain; needed where the mix reads it."),
    key("data", Kind::Choice(SOURCES), Required("only the author can know the data"), "Where the problems come from."),
    key("problems", PROBLEMS, Nothing, "Rows of the data, where the recipe states them."),
    key("prompt", Kind::Text, Nothing, "Template with `{column}`; the data's own prompt if absent."),
    key("verify", Kind::Choice(VERIFIERS), Required("a reward without a verifier has no source"), "Who judges."),
    key("output", TOKENS, Same("budget.output"), "Output cap of this domain."),
    key("reward", Kind::Later, Nothing, "A reward of this domain in place of `reward.total`."),
    key("signals", Kind::Later, Nothing, "Signals of a domain without a verifier."),
];

pub(super) const DATA: &[Key] = &[
    key("columns", Kind::Later, Nothing, "New names for columns."),
    key("filter", Kind::Later, Nothing, "Which rows are used."),
    key("on_bad_row", Kind::Later, Nothing, "What happens at a row that cannot be read."),
];

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
        Required("frameworks disagree on how a mix is held; `weight = ratio` draws by ratio alone"),
        "Weight of a domain, not normalised.",
    ),
    key("strategy", Kind::Later, Nothing, "A built-in rule in place of `weight`."),
];
