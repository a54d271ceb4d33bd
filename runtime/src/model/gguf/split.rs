//! How a text is cut into words before bytes are merged, by the name that a GGUF file gives (`tokenizer.ggml.pre`).

use serde_json::{Value, json};

/// Words of GPT-2 (Radford et al. 2019), applied after every digit was split off.
const DIGITS_THEN_GPT2: &[&str] = &["smollm", "starcoder", "refact", "command-r"];
const GPT2: &[&str] = &["gpt-2", "phi-2"];
const LLAMA3: &[&str] = &["llama-bpe", "llama3", "llama-v3"];
const QWEN2: &[&str] = &["qwen2", "deepseek-r1-qwen"];
const TEKKEN: &[&str] = &["tekken"];

const LLAMA3_WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2_WORDS: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN_WORDS: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// A way to cut text, as a `tokenizer.json` writes it.
pub(super) struct Split {
    pub(super) pre_tokenizer: Value,
    /// Whether text is composed first.
    pub(super) normalizer: Value,
    /// Whether a word that is a token is taken as it is.
    pub(super) ignore_merges: bool,
    /// Whether a sequence is opened by a token where the file does not say.
    pub(super) opens: bool,
}

impl Split {
    /// The way with this name; none for an unknown one.
    pub(super) fn of(name: &str) -> Option<Self> {
        let bytes = |words: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": words});
        let sequence = |first: Value, words: bool| json!({"type": "Sequence", "pretokenizers": [first, bytes(words)]});
        let by = |words: &str| {
            sequence(
                json!({"type": "Split", "pattern": {"Regex": words}, "behavior": "Isolated", "invert": false}),
                false,
            )
        };
        let plain = |pre_tokenizer| Self { pre_tokenizer, normalizer: Value::Null, ignore_merges: false, opens: false };
        Some(match name {
            name if GPT2.contains(&name) => plain(bytes(true)),
            name if DIGITS_THEN_GPT2.contains(&name) => {
                plain(sequence(json!({"type": "Digits", "individual_digits": true}), true))
            }
            name if LLAMA3.contains(&name) => Self { ignore_merges: true, opens: true, ..plain(by(LLAMA3_WORDS)) },
            name if QWEN2.contains(&name) => Self { normalizer: json!({"type": "NFC"}), ..plain(by(QWEN2_WORDS)) },
            name if TEKKEN.contains(&name) => Self { ignore_merges: true, ..plain(by(TEKKEN_WORDS)) },
            _ => return None,
        })
    }

    /// All names that are known.
    pub(super) fn names() -> String {
        [GPT2, DIGITS_THEN_GPT2, LLAMA3, QWEN2, TEKKEN].concat().join(", ")
    }
}
