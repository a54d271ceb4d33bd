//! Tokenizers of folders.

use super::*;
use crate::tokenizer::Stream;
use serde_json::json;
use std::fs;

/// A small vocabulary of SentencePiece: blanks as U+2581, single bytes by name.
fn sentence_pieces() -> Value {
    let mut vocab = serde_json::Map::new();
    let mut names: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).to_vec();
    names.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    names.extend(["\u{2581}", "a", "b", "\u{2581}a", "ab"].map(String::from));
    for (id, name) in names.into_iter().enumerate() {
        vocab.insert(name, id.into());
    }
    json!({
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "<unk>"},
        "added_tokens": [
            {"id": 1, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
            {"id": 2, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u{2581}"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"}]},
        "pre_tokenizer": null,
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u{2581}"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false, "vocab": vocab,
            "merges": [["\u{2581}", "a"], ["a", "b"]]}
    })
}

fn written(settings: Value, generation: Option<Value>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(TOKENIZER), sentence_pieces().to_string()).unwrap();
    fs::write(folder.path().join(SETTINGS), settings.to_string()).unwrap();
    if let Some(generation) = generation {
        fs::write(folder.path().join(GENERATION), generation.to_string()).unwrap();
    }
    folder
}

#[test]
fn bytes_of_sentence_pieces() {
    let folder = written(json!({"eos_token": {"content": "</s>"}, "bos_token": "<s>"}), None);
    let tokenizer = Tokenizer::open(folder.path(), &[]).unwrap();
    assert_eq!(tokenizer.vocab_size(), 264);
    // Cutting to three tokens and filling to eight is for batches; prompts stay whole. `é` is two byte tokens.
    let tokens = tokenizer.encode("a é ab").unwrap();
    assert_eq!(tokens, [262, 259, 3 + 0xc3, 3 + 0xa9, 262, 261]);
    assert_eq!(tokenizer.encode_prompt("a").unwrap(), [1, 262]);
    assert_eq!(tokenizer.decode(&tokens), "a é ab");
    assert_eq!(tokenizer.decode(&tokens[..3]), "a \u{fffd}");
    let mut stream = Stream::new(&tokenizer);
    let pieces: Vec<String> = tokens.iter().map(|token| stream.push(*token)).collect();
    assert_eq!(pieces, ["a", " ", "", "é", " a", "b"]);
    assert_eq!(stream.push(2) + &stream.push(261), "", "nothing follows an end token");
    assert_eq!(stream.finish(), "");
    // The library decodes whole texts to the same.
    let Tokenizer::Pretrained(own) = &tokenizer else { panic!() };
    assert_eq!(own.inner.decode(&tokens, false).unwrap(), "a é ab");
    assert_eq!(tokenizer.special()["bos_token"], "<s>");
}

#[test]
fn several_end_tokens() {
    let settings = json!({"eos_token": "</s>"});
    let folder = written(settings.clone(), Some(json!({"eos_token_id": [260, 2, 261]})));
    let tokenizer = Tokenizer::open(folder.path(), &[5, 260]).unwrap();
    assert_eq!(tokenizer.end_tokens(), [2, 260, 261, 5]);
    assert_eq!(tokenizer.end_token(), 2);
    assert_eq!(tokenizer.decode(&[262, 260, 262]), "a");
    // Older folders name special tokens in a file of their own; the settings count first.
    let folder = written(json!({}), None);
    fs::write(folder.path().join(SPECIAL), r#"{"eos_token": "</s>", "bos_token": {"content": "<s>"}}"#).unwrap();
    let tokenizer = Tokenizer::open(folder.path(), &[]).unwrap();
    assert_eq!((tokenizer.end_tokens(), tokenizer.special()["bos_token"].as_str()), (&[2][..], "<s>"));
    let folder = written(json!({}), Some(json!({"eos_token_id": 260})));
    assert_eq!(Tokenizer::open(folder.path(), &[]).unwrap().end_tokens(), [260]);
}

#[test]
fn what_is_refused() {
    let said = |folder: &tempfile::TempDir| Tokenizer::open(folder.path(), &[]).unwrap_err().to_string();
    let none = said(&written(json!({}), None));
    assert!(none.contains("generation_config.json") && none.contains("ends a response"), "{none}");
    let unknown = said(&written(json!({"eos_token": "<end>"}), None));
    assert!(unknown.contains("`eos_token`: `<end>` is not a token"), "{unknown}");
    let odd = said(&written(json!({}), Some(json!({"eos_token_id": "two"}))));
    assert!(odd.contains("generation_config.json") && odd.contains("`eos_token_id`"), "{odd}");

    let folder = written(json!({"eos_token": "</s>"}), None);
    let path = folder.path().join(TOKENIZER);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"ByteFallback\"", "\"WordPiece\"")).unwrap();
    assert!(said(&folder).contains(TOKENIZER));
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(said(&folder).contains(TOKENIZER));
    fs::write(&path, "{}").unwrap();
    assert!(said(&folder).contains(TOKENIZER));
    fs::remove_file(&path).unwrap();
    assert!(said(&folder).contains("there is no `tokenizer.json`"));
    fs::write(folder.path().join("tokenizer.model"), b"x").unwrap();
    assert!(said(&folder).contains("`tokenizer.model` is not read; convert it"));
}

/// A checkpoint of a model with the built-in tokenizer comes back with it.
#[test]
fn the_built_in_tokenizer_is_known_again() {
    let folder = tempfile::tempdir().unwrap();
    Tokenizer::Characters.save(folder.path()).unwrap();
    assert!(matches!(Tokenizer::open(folder.path(), &[]).unwrap(), Tokenizer::Characters));
}
