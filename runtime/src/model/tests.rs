//! Whole checkpoints of every family against transformers: `scripts/make-model-fixtures` recorded what it computes with them.

use super::folder::open_policy;
use super::{ModelError, open_path};
use crate::policy::Policy;
use crate::policy::forward::{Pack, Weights};
use crate::policy::gradient::{Lanes, Sequence, SequenceLoss, gradients, logits, on_device, score};
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// All recorded families.
pub(super) const FAMILIES: [&str; 7] = ["llama", "llama-biases", "mistral", "qwen2", "qwen2-yarn", "qwen3", "apriel"];

/// The folder of a recorded checkpoint.
pub(super) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/models").join(name)
}

/// What transformers computed.
struct Recorded {
    tensors: HashMap<String, Tensor>,
    tokens: Vec<u32>,
    lengths: Vec<usize>,
    prompts: Vec<usize>,
    weights: Vec<f32>,
}

impl Recorded {
    fn read(name: &str) -> Self {
        let tensors = candle_core::safetensors::load(fixture(name).join("expected.safetensors"), &Device::Cpu).unwrap();
        let whole = |name: &str| tensors[name].to_dtype(DType::U32).unwrap().to_vec1::<u32>().unwrap();
        let sizes = |name: &str| whole(name).into_iter().map(|n| n as usize).collect();
        Self {
            tokens: whole("tokens"),
            lengths: sizes("lengths"),
            prompts: sizes("prompts"),
            weights: tensors["weights"].to_vec1().unwrap(),
            tensors,
        }
    }

    fn sequences(&self) -> Vec<Sequence<'_>> {
        let mut at = 0;
        let cut = |(length, prompt_len): (&usize, &usize)| {
            at += length;
            Sequence { tokens: &self.tokens[at - length..at], prompt_len: *prompt_len }
        };
        self.lengths.iter().zip(&self.prompts).map(cut).collect()
    }

    /// The recorded loss: weight times log-probability, over response tokens.
    fn loss(&self, sequence: usize, logp: &[f32]) -> SequenceLoss {
        let skipped: usize = (0..sequence).map(|idx| self.lengths[idx] - self.prompts[idx]).sum();
        let weights = &self.weights[skipped..][..logp.len()];
        let loss = weights.iter().zip(logp).map(|(weight, logp)| f64::from(*weight) * f64::from(*logp)).sum();
        SequenceLoss { loss, d_logp: weights.to_vec(), d_entropy: Vec::new() }
    }
}

fn rows(tensor: &Tensor) -> Vec<Vec<f32>> {
    tensor.to_dtype(DType::F32).unwrap().to_vec2().unwrap()
}

/// Largest difference of two tables.
fn apart(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    assert_eq!((a.len(), a[0].len()), (b.len(), b[0].len()));
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}

fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
    logits.iter().map(|logit| (f64::from(logit - largest) - sum.ln()) as f32).collect()
}

/// Logits of the graph that is recorded for automatic differentiation.
fn graph_logits(policy: &Policy, recorded: &Recorded) -> Vec<Vec<f32>> {
    let sequences = recorded.sequences();
    let pack = Pack::new(sequences.iter().map(|sequence| sequence.tokens));
    let all: Vec<u32> = (0..pack.tokens.len() as u32).collect();
    let hidden = Weights::detached(policy).hidden(&pack, &all).unwrap();
    let head = policy.parameters.iter().find(|(name, _)| name == "lm_head.weight").unwrap_or(&policy.parameters[0]);
    rows(&hidden.matmul(&head.1.as_tensor().t().unwrap()).unwrap())
}

/// Log-probability of every token after every prefix, by the kernels of the CPU.
fn kernel_logp(policy: &Policy, recorded: &Recorded) -> Vec<Vec<f32>> {
    let mut texts = Vec::new();
    for sequence in recorded.sequences() {
        for end in 1..=sequence.tokens.len() {
            for token in 0..policy.vocab_size() as u32 {
                texts.push([&sequence.tokens[..end], &[token]].concat());
            }
        }
    }
    let sequences: Vec<Sequence<'_>> =
        texts.iter().map(|tokens| Sequence { tokens, prompt_len: tokens.len() - 1 }).collect();
    let scores = score(policy, &sequences, 1.0, &Lanes { threads: 2 }).unwrap();
    scores.logp.concat().chunks(policy.vocab_size()).map(<[f32]>::to_vec).collect()
}

/// Largest relative difference of a gradient from the recorded one, in the Euclidean norm of a parameter.
fn gradients_apart(policy: &Policy, tensors: &[Tensor], recorded: &Recorded) -> (f64, String) {
    let mut worst = (0.0, String::new());
    let mut seen = 0;
    for ((name, _), tensor) in policy.parameters.iter().zip(tensors) {
        let expected = &recorded.tensors[&format!("grad.{name}")];
        assert_eq!(tensor.dims(), expected.dims(), "{name}");
        let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (found, expected) = (flat(tensor), flat(expected));
        let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
        let difference = square(&mut found.iter().zip(&expected).map(|(a, b)| f64::from(a - b)));
        let size = square(&mut expected.iter().map(|value| f64::from(*value)));
        assert!(size > 0.0, "{name} has no gradient to compare with");
        if difference / size > worst.0 {
            worst = (difference / size, name.clone());
        }
        seen += 1;
    }
    let recorded = recorded.tensors.keys().filter(|name| name.starts_with("grad.")).count();
    assert_eq!(seen, recorded, "parameters");
    worst
}

#[test]
fn every_family_agrees_with_transformers() {
    for name in FAMILIES {
        let (policy, notes) = open_policy(&fixture(name), &Device::Cpu).unwrap();
        let recorded = Recorded::read(name);
        let expected = rows(&recorded.tensors["logits"]);
        let graph = apart(&graph_logits(&policy, &recorded), &expected);
        let by_kernels = recorded.sequences().into_iter().flat_map(|sequence| {
            let all = logits(&policy, sequence.tokens, &Lanes { threads: 2 }).unwrap();
            all.chunks(policy.vocab_size()).map(<[f32]>::to_vec).collect::<Vec<_>>()
        });
        let of_kernels = apart(&by_kernels.collect::<Vec<_>>(), &expected);
        assert!(of_kernels < 1e-4, "{name}: logits of the kernels {of_kernels}");
        let expected: Vec<Vec<f32>> = expected.iter().map(|row| log_softmax(row)).collect();
        let kernels = apart(&kernel_logp(&policy, &recorded), &expected);

        let sequences = recorded.sequences();
        let loss = |sequence: usize, logp: &[f32], _: &[f32]| recorded.loss(sequence, logp);
        let by_kernels = gradients(&policy, &sequences, 1.0, &Lanes { threads: 2 }, &loss).unwrap();
        let by_graph = on_device(&policy, &sequences, 1.0, &loss).unwrap();
        let (worst, at) = gradients_apart(&policy, &by_kernels.tensors, &recorded);
        let (worst_graph, _) = gradients_apart(&policy, &by_graph.tensors, &recorded);
        let wanted = f64::from(recorded.tensors["loss"].to_vec1::<f32>().unwrap()[0]);
        println!(
            "{name:13} logits {of_kernels:.1e} (kernels), {graph:.1e} (graph), log-probabilities {kernels:.1e} (kernels); gradients {worst:.1e} (kernels, {at}), \
             {worst_graph:.1e} (graph); notes {notes:?}"
        );
        assert!(graph < 1e-4 && kernels < 1e-4, "{name}: {graph} {kernels}");
        assert!(worst < 1e-3 && worst_graph < 1e-3, "{name}: {worst} {worst_graph}");
        assert!(
            (by_kernels.loss - wanted).abs() < 1e-3 * wanted.abs().max(1.0),
            "{name}: {} {wanted}",
            by_kernels.loss
        );
    }
}

/// Copies a recorded checkpoint to a folder that can be damaged.
pub(super) fn copy(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(fixture(name)).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

fn message(folder: &Path) -> String {
    open_policy(folder, &Device::Cpu).unwrap_err().to_string()
}

/// Changes the configuration of a copy by a text.
fn replace(folder: &Path, from: &str, to: &str) {
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn files_that_are_cut_short() {
    let folder = copy("qwen3");
    let path = folder.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 4, 8, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let said = message(folder.path());
        assert!(said.contains("model.safetensors") && said.contains("cut short"), "{length}: {said}");
    }
    std::fs::write(&path, b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n").unwrap();
    assert!(message(folder.path()).contains("Git LFS"));
    std::fs::write(&path, [&9u64.to_le_bytes()[..], b"[1, 2, 3]"].concat()).unwrap();
    assert!(message(folder.path()).contains("header"));
    std::fs::remove_file(&path).unwrap();
    assert!(message(folder.path()).contains("neither `model.safetensors` nor"));
    std::fs::write(folder.path().join("pytorch_model.bin"), b"x").unwrap();
    assert!(message(folder.path()).contains("convert them to safetensors"));
}

#[test]
fn weights_that_do_not_fit_the_configuration() {
    let folder = copy("qwen3");
    replace(folder.path(), "\"intermediate_size\": 24", "\"intermediate_size\": 25");
    let said = message(folder.path());
    assert!(said.contains("mlp.gate_proj.weight") && said.contains("[24, 16]") && said.contains("[25, 16]"), "{said}");

    let folder = copy("qwen3");
    replace(folder.path(), "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
    replace(
        folder.path(),
        "\"full_attention\",\n    \"full_attention\"",
        "\"full_attention\", \"full_attention\", \"full_attention\"",
    );
    let said = message(folder.path());
    assert!(said.contains("model.layers.2.input_layernorm.weight") && said.contains("missing"), "{said}");
    assert!(said.contains("and 10 more"), "{said}");

    let folder = copy("llama-biases");
    replace(folder.path(), "\"attention_bias\": true", "\"attention_bias\": false");
    let said = message(folder.path());
    assert!(said.contains("self_attn.k_proj.bias") && said.contains("no such parameter"), "{said}");

    let folder = copy("llama");
    replace(folder.path(), "\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
    let said = message(folder.path());
    assert!(said.contains("lm_head.weight") && said.contains("tie_word_embeddings"), "{said}");

    let folder = copy("llama-biases");
    replace(folder.path(), "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
    let said = message(folder.path());
    assert!(said.contains("lm_head.weight") && said.contains("\"tie_word_embeddings\": true"), "{said}");

    let folder = copy("apriel");
    replace(folder.path(), "\"model_type\": \"llava\"", "\"model_type\": \"mistral\"");
    assert!(open_policy(folder.path(), &Device::Cpu).is_err());
}

#[test]
fn parts_of_a_checkpoint() {
    let folder = copy("qwen2");
    let (_, notes) = open_policy(folder.path(), &Device::Cpu).unwrap();
    assert!(notes.iter().any(|note| note.contains("1 tensors are tables")), "{notes:?}");
    let second = "model-00002-of-00002.safetensors";
    std::fs::remove_file(folder.path().join(second)).unwrap();
    let said = message(folder.path());
    assert!(said.contains(second) && said.contains("one of 2 files"), "{said}");

    let index = folder.path().join("model.safetensors.index.json");
    let text = std::fs::read_to_string(&index).unwrap();
    std::fs::write(&index, text.replace(second, "model-00001-of-00002.safetensors")).unwrap();
    let said = message(folder.path());
    assert!(said.contains("model-00001-of-00002.safetensors") && said.contains("is missing, though"), "{said}");
    std::fs::write(&index, text.replace(second, "../elsewhere.safetensors")).unwrap();
    assert!(message(folder.path()).contains("not the name of a file beside it"));
    std::fs::write(&index, "{}").unwrap();
    assert!(message(folder.path()).contains("weight_map"));
}

#[test]
fn the_eyes_of_apriel_are_left_out() {
    let (policy, notes) = open_policy(&fixture("apriel"), &Device::Cpu).unwrap();
    assert_eq!(policy.shape.head_width * policy.shape.heads, 32);
    assert_eq!(policy.shape.width, 20);
    assert!(notes.iter().any(|note| note.contains("parts that see")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("cannot see")), "{notes:?}");
}

/// Any change of a few bytes of a file is an error or another model, never a crash.
#[test]
fn damaged_headers_are_errors() {
    let folder = copy("llama");
    let path = folder.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize + 8;
    for at in (0..header).step_by(7) {
        for byte in [0, b'9', 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            std::fs::write(&path, &damaged).unwrap();
            let _ = open_policy(folder.path(), &Device::Cpu);
        }
    }
}

#[test]
fn places_without_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let said = open_path(folder.path(), &Device::Cpu).unwrap_err();
    assert!(said.to_string().contains("no `config.json`"), "{said}");
    let said = open_path(&folder.path().join("nothing"), &Device::Cpu).unwrap_err();
    assert!(matches!(said, ModelError::Missing { .. }), "{said}");
    let file = folder.path().join("model.bin");
    std::fs::write(&file, b"x").unwrap();
    assert!(open_path(&file, &Device::Cpu).unwrap_err().to_string().contains(".gguf"));
}
