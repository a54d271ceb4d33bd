//! Keys of models and of the recipe itself.

use super::words::*;
use crate::units::Dimension;
use crate::vocabulary::kinds::Absent::{Default, Nothing, Required};
use crate::vocabulary::kinds::{Key, Kind};

pub(super) const RECIPE: &[Key] = &[key(
    "edition",
    COUNT,
    Required("it pins the defaults of everything that is not written"),
    "The year of the list of defaults.",
)];

pub(super) const MODEL: &[Key] = &[
    key(
        "source",
        Kind::Choice(&[
            record(
                "fresh",
                ARCHITECTURE,
                "A Llama-architecture decoder with random weights and the built-in character tokenizer.",
            ),
            call(
                "folder",
                &[first("path", Kind::Text, "A folder in Hugging Face layout, or a GGUF file.")],
                "Weights from a folder, or from one GGUF file, with the tokenizer and chat template beside them.",
            ),
            call("hf", &[first("name", Kind::Text, "`org/name`, or `org/name@revision`")], "Weights from the hub."),
            call(
                "endpoint",
                &[
                    first("url", Kind::Text, "The address before `/chat/completions`, such as `https://host/v1`."),
                    argument(
                        "model",
                        Kind::Text,
                        Required("a server may have several models"),
                        "The name of the model there.",
                    ),
                    argument(
                        "key",
                        Kind::Text,
                        Nothing,
                        "Name of the environment variable that holds the key; the key itself is never written down.",
                    ),
                    argument(
                        "timeout",
                        Kind::Amount { dimension: Dimension::SECONDS, whole: false, least: 0.001 },
                        Default("60 s"),
                        "How long one answer may take.",
                    ),
                    argument("parallel", Kind::Integer(bounds(1.0, 256.0)), Default("8"), "Most requests at a time."),
                ],
                "A model that an OpenAI-compatible server has: it can judge, and nothing else.",
            ),
        ]),
        Required("only the author can know which model is meant"),
        "Where the weights come from.",
    ),
    key("context", TOKENS, Nothing, "The longest sequence that the model reads."),
    key(
        "precision",
        Kind::Choice(&[word("f32", "32-bit floating point."), word("bf16", "16-bit brain floating point.")]),
        Default("f32"),
        "Number type of the weights.",
    ),
    key(
        "train",
        Kind::Choice(&[
            word("full", "All weights are trained."),
            word("frozen", "No weights are trained: judges and references."),
            record(
                "lora",
                &[
                    key("rank", COUNT, Default("16"), "Rank of the update."),
                    key(
                        "alpha",
                        Kind::Number(above(0.0, ANY)),
                        Default("32"),
                        "Scale of the update, divided by the rank.",
                    ),
                ],
                "Only low-rank updates are trained (arXiv 2106.09685).",
            ),
        ]),
        Default("full"),
        "Which weights are trained.",
    ),
    key(
        "answer",
        Kind::Choice(&[
            word("whole", "The whole response."),
            call(
                "after",
                &[first("mark", Kind::Text, "The mark.")],
                "What follows the last mark; without a mark there is no answer.",
            ),
            call(
                "between",
                &[first("open", Kind::Text, "The opening mark."), first("close", Kind::Text, "The closing mark.")],
                "What stands between the marks.",
            ),
        ]),
        Default("whole"),
        "Which part of a response is the answer; what is before it is the reasoning.",
    ),
    key(
        "chat",
        Kind::Truth,
        Nothing,
        "Whether a prompt is put as a question of the user through the model's chat template; where it is not written, it is if the model has one.",
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
