//! The recorded checkpoints once more as GGUF files, which `scripts/make-chat-fixtures` wrote with llama.cpp's own writer.

use super::*;
use crate::model::folder::open_policy;
use crate::model::open_path;
use crate::tokenizer::{Stream, Tokenizer};
use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

/// The same weights to the last bit, whichever file they come from: queries and keys are put back in order.
#[test]
fn the_same_policy_as_from_safetensors() {
    for name in ["llama-biases", "qwen3"] {
        let model = open_path(&fixture(&format!("gguf/{name}.gguf")), &Device::Cpu).unwrap();
        let (policy, _) = open_policy(&fixture(&format!("models/{name}")), &Device::Cpu).unwrap();
        assert_eq!(model.policy.shape, policy.shape, "{name}");
        assert_eq!(model.policy.digest().unwrap(), policy.digest().unwrap(), "{name}");
        assert!(model.notes.is_empty(), "{:?}", model.notes);
    }
}

#[test]
fn its_tokenizer_and_template() {
    let model = open_path(&fixture("gguf/llama-biases.gguf"), &Device::Cpu).unwrap();
    let tokenizer = &model.tokenizer;
    assert_eq!((tokenizer.vocab_size(), tokenizer.end_tokens(), tokenizer.end_token()), (64, &[2, 0][..], 2));
    // `Ġthe`, then `Ġ` and `t`; digits stand alone; `é` is two bytes, merged.
    let tokens = tokenizer.encode(" the t12\né").unwrap();
    let id = |text: &str| tokenizer.encode(text).unwrap();
    assert_eq!(tokens.len(), 6, "{tokens:?}");
    assert_eq!(tokens[..2], [id(" the"), id(" t")].concat());
    assert_eq!(tokens[2..5], [id("1"), id("2"), id("\n")].concat());
    assert_eq!(tokenizer.decode(&tokens), " the t12\né");
    assert_eq!(tokenizer.count(" the t12\né"), 6);
    // Special tokens are known by their names; a sequence is opened by one; the text ends at the end token.
    assert_eq!(tokenizer.encode("<|im_start|>a<|im_end|>").unwrap(), [vec![1], id("a"), vec![2]].concat());
    assert_eq!(tokenizer.encode_prompt("a").unwrap(), [vec![1], id("a")].concat());
    assert_eq!(tokenizer.decode(&[1, id("a")[0], 2, id("b")[0]]), "<|im_start|>a");
    assert_eq!(tokenizer.decode(&[u32::MAX, 63]), "\u{fffd}<unused63>");
    // Bytes of a character come one by one.
    let [first, second] = ["Ã", "©"].map(|name| {
        (3..63)
            .find(|token| {
                tokenizer.piece(*token)
                    == match name {
                        "Ã" => vec![0xc3],
                        _ => vec![0xa9],
                    }
            })
            .unwrap()
    });
    assert_eq!(tokenizer.decode(&[first, second]), "é");
    let mut stream = Stream::new(tokenizer);
    assert_eq!([stream.push(first), stream.push(second), stream.push(first)], ["", "é", ""]);
    assert_eq!(stream.push(first), "\u{fffd}");
    assert_eq!(stream.finish(), "\u{fffd}");
    let asked = model.template.unwrap().question("hi").unwrap();
    assert!(asked.ends_with("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"), "{asked}");
}

/// What is saved beside a checkpoint is the same tokenizer when it is read from there.
#[test]
fn the_tokenizer_is_saved_with_checkpoints() {
    let model = open_path(&fixture("gguf/llama-biases.gguf"), &Device::Cpu).unwrap();
    let folder = tempfile::tempdir().unwrap();
    model.policy.save(folder.path()).unwrap();
    model.tokenizer.save(folder.path()).unwrap();
    let back = open_path(folder.path(), &Device::Cpu).unwrap();
    assert_eq!(back.policy.digest().unwrap(), model.policy.digest().unwrap());
    assert_eq!(back.tokenizer.end_tokens(), model.tokenizer.end_tokens());
    for text in [" the t12\né", "<|im_start|>user\nthe hen"] {
        assert_eq!(back.tokenizer.encode_prompt(text), model.tokenizer.encode_prompt(text));
    }
    assert_eq!(back.template.unwrap().question("x").unwrap(), model.template.unwrap().question("x").unwrap());
    // And once more, byte by byte.
    let again = tempfile::tempdir().unwrap();
    back.tokenizer.save(again.path()).unwrap();
    for name in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        assert_eq!(std::fs::read(again.path().join(name)).unwrap(), std::fs::read(folder.path().join(name)).unwrap());
    }
}

/// A file that is cut anywhere, or with any byte changed in its header, is an error or a model; never a crash.
#[test]
fn damaged_files() {
    let whole = std::fs::read(fixture("gguf/qwen3.gguf")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    for length in (0..whole.len()).step_by(997) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let said = open_path(&path, &Device::Cpu).unwrap_err().to_string();
        assert!(said.contains("model.gguf"), "{length}: {said}");
    }
    for at in (0..8000).step_by(13) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&path, &damaged).unwrap();
        let _ = open_path(&path, &Device::Cpu);
    }
}

/// Texts of the metadata are replaced by others of the same length.
#[test]
fn what_is_refused() {
    let whole = std::fs::read(fixture("gguf/qwen3.gguf")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let cases = [
        ("qwen2", "qwen9", "`tokenizer.ggml.pre`: `qwen9` is not known; known are gpt-2"),
        ("gpt2", "bert", "a vocabulary of kind `bert` is not read"),
        ("blk.0.attn_q.weight", "blk.0.attn_x.weight", "tensor `blk.0.attn_q.weight`: it is missing"),
        ("tokenizer.ggml.merges", "tokenizer.ggml.nerges", "`tokenizer.ggml.merges`: it is missing"),
        ("qwen3.block_count", "qwen3.black_count", "`qwen3.block_count`: it is missing"),
    ];
    for (from, to, part) in cases {
        assert_eq!(from.len(), to.len());
        let mut changed = whole.clone();
        let at = whole.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        changed[at..at + to.len()].copy_from_slice(to.as_bytes());
        std::fs::write(&path, &changed).unwrap();
        let said = open_path(&path, &Device::Cpu).unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    }
}

/// Where `scripts/fetch-smollm2` puts its file.
pub(crate) fn smollm2() -> Option<PathBuf> {
    let folder = std::env::var_os("RECIPEC_MODELS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/recipec/models")))?;
    let path = folder.join("SmolLM2-135M-Instruct.Q4_1.gguf");
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: `{}` is not there; scripts/fetch-smollm2 fetches it", path.display());
    None
}

#[test]
fn smollm2_has_its_shape_and_tokens() {
    let Some(path) = smollm2() else { return };
    let model = open_path(&path, &Device::Cpu).unwrap();
    let shape = &model.policy.shape;
    assert_eq!((shape.width, shape.layers, shape.heads, shape.kv_heads, shape.head_width), (576, 30, 9, 3, 64));
    assert_eq!((shape.vocab, shape.tied, shape.norm_eps, shape.rope.theta), (49152, true, 1e-5, 100_000.0));
    assert_eq!(model.policy.parameter_count(), 134_515_008);
    assert!(model.notes[0].contains("Q4_1, Q8_0"), "{:?}", model.notes);
    assert_eq!(model.tokenizer.end_tokens(), [2]);
    let Tokenizer::Pretrained(_) = &model.tokenizer else { panic!("a tokenizer of its own") };
    for text in
        ["Hello, world!", "  two  blanks\n\n\ttab", "3.14159 and 2024", "naïve café — 東京 🙂", "it's they're I'LL", ""]
    {
        let tokens = model.tokenizer.encode(text).unwrap();
        assert_eq!(model.tokenizer.decode(&tokens), text);
        assert!(text.is_empty() || tokens.len() < text.len(), "{text}: {tokens:?}");
    }
}
