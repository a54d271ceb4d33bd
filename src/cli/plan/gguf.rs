//! The sizes of a decoder from the beginning of a GGUF file: its metadata, and the names and shapes of its tensors. Weights are not
//! read, so this takes milliseconds, and works in a program that was built without the runtime.
//!
//! The file may be anything: every length is bounded, and what does not fit leaves the sizes unknown.

use super::possible;
use recipec_compiler::estimate::ModelSizes;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// What is read of a file at most, in bytes: vocabularies have some megabytes.
const LARGEST_HEADER: u64 = 256 << 20;
/// The longest name of a key or a tensor.
const LONGEST_NAME: u64 = 1 << 16;
/// Kinds of values, as the format numbers them.
const TEXT: u32 = 8;
const ARRAY: u32 = 9;

/// The sizes; none where the file is not there, is not GGUF, or does not say them.
pub(super) fn sizes(path: &Path) -> Option<ModelSizes> {
    let mut header = Header(BufReader::new(File::open(path).ok()?).take(LARGEST_HEADER));
    if header.bytes()? != *b"GGUF" || !(2..=3).contains(&header.word()?) {
        return None;
    }
    let (tensors, keys) = (header.long()?, header.long()?);
    let (mut numbers, mut architecture) = (BTreeMap::new(), None);
    for _ in 0..keys {
        let (key, kind) = (header.name()?, header.word()?);
        if key == "general.architecture" && kind == TEXT {
            architecture = Some(header.name()?);
        } else if let Some(number) = header.value(kind)? {
            numbers.insert(key, number);
        }
    }
    let mut shapes = BTreeMap::new();
    for _ in 0..tensors {
        let name = header.name()?;
        let dimensions = header.word().filter(|count| *count <= 4)?;
        let shape: Vec<u64> = (0..dimensions).map(|_| header.long()).collect::<Option<_>>()?;
        header.skip(4 + 8)?;
        shapes.insert(name, shape);
    }
    let architecture = architecture?;
    let number = |part: &str| numbers.get(&format!("{architecture}.{part}")).copied();
    let sizes = ModelSizes {
        width: number("embedding_length")?,
        layers: number("block_count")?,
        heads: number("attention.head_count")?,
        kv_heads: number("attention.head_count_kv"),
        head_width: number("attention.key_length"),
        hidden: number("feed_forward_length")?,
        // Shapes are written with the fastest index first.
        vocab: *shapes.get("token_embd.weight")?.last()?,
        tied: !shapes.contains_key("output.weight"),
        biased: shapes.contains_key("blk.0.attn_q.bias"),
    };
    possible(&sizes).then_some(sizes)
}

struct Header(std::io::Take<BufReader<File>>);

impl Header {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    fn word(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        let skipped = std::io::copy(&mut (&mut self.0).take(count), &mut std::io::sink()).ok()?;
        (skipped == count).then_some(())
    }

    fn name(&mut self) -> Option<String> {
        let length = self.long().filter(|length| *length <= LONGEST_NAME)?;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.0.read_exact(&mut bytes).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// Reads over a value; the outer option is none at the end of the file, the inner one where it is no whole number.
    fn value(&mut self, kind: u32) -> Option<Option<u64>> {
        match kind {
            TEXT => {
                let length = self.long()?;
                self.skip(length)?;
                Some(None)
            }
            ARRAY => {
                let (kind, count) = (self.word()?, self.long()?);
                match (kind, bytes_of(kind)) {
                    (TEXT, _) => {
                        for _ in 0..count {
                            self.value(TEXT)?;
                        }
                    }
                    (_, Some(bytes)) => self.skip(count.checked_mul(bytes)?)?,
                    // Arrays of arrays do not occur.
                    (_, None) => return None,
                }
                Some(None)
            }
            4 => self.word().map(|number| Some(u64::from(number))),
            5 => self.word().map(|number| (number as i32).try_into().ok()),
            10 => self.long().map(Some),
            11 => self.long().map(|number| (number as i64).try_into().ok()),
            _ => self.skip(bytes_of(kind)?).map(|()| None),
        }
    }
}

/// Bytes of a number of a kind.
fn bytes_of(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn fixture() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gguf/llama-biases.gguf")
    }

    #[test]
    fn sizes_are_read_without_the_weights() {
        let found = sizes(&fixture()).expect("a model");
        // As in tests/fixtures/models/llama-biases/config.json, from which the file was made.
        let config = fixture().with_file_name("../models/llama-biases/config.json");
        let config: serde_json::Value = serde_json::from_slice(&std::fs::read(config).expect("a file")).expect("JSON");
        let number = |key: &str| config[key].as_u64();
        assert_eq!(Some(found.width), number("hidden_size"));
        assert_eq!(Some(found.layers), number("num_hidden_layers"));
        assert_eq!(Some(found.heads), number("num_attention_heads"));
        assert_eq!(found.kv_heads, number("num_key_value_heads"));
        assert_eq!(Some(found.hidden), number("intermediate_size"));
        assert_eq!(Some(found.vocab), number("vocab_size"));
        assert_eq!(Some(found.tied), config["tie_word_embeddings"].as_bool());
        assert!(found.biased);
    }

    #[test]
    fn a_damaged_file_leaves_the_sizes_unknown() {
        let bytes = std::fs::read(fixture()).expect("a file");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cut.gguf");
        for length in (0..2000).step_by(37) {
            std::fs::write(&path, &bytes[..length]).expect("a file");
            assert_eq!(sizes(&path), None, "{length} bytes");
        }
        // Any byte of the beginning may be wrong: that is some other sizes or none, and no panic.
        for at in 0..600 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            std::fs::write(&path, damaged).expect("a file");
            sizes(&path);
        }
        assert_eq!(sizes(Path::new("absent.gguf")), None);
    }
}
