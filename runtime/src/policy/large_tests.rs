//! The arithmetic of large policies against that of small ones.

use super::gradient::{Gradients, Lanes, Sequence, SequenceLoss, gradients, on_host_large, score};
use super::tests::{as_sequences, examples, relatives, small};
use super::*;
use crate::kernels::pool::Pool;
use recipec_compiler::estimate;

fn test_loss(idx: usize, logp: &[f32], entropy: &[f32]) -> SequenceLoss {
    let scale = 0.1 + 0.01 * idx as f32;
    SequenceLoss {
        loss: logp.iter().zip(entropy).map(|(l, h)| f64::from(scale * (0.5 * l * l - 0.3 * h))).sum(),
        d_logp: logp.iter().map(|l| scale * l).collect(),
        d_entropy: entropy.iter().map(|_| -0.3 * scale).collect(),
    }
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn bits(found: &Gradients) -> Vec<Vec<u32>> {
    found.tensors.iter().map(|tensor| flat(tensor).iter().map(|value| value.to_bits()).collect()).collect()
}

#[test]
fn both_ways_of_computing_agree() {
    let examples = examples();
    let sequences = as_sequences(&examples);
    for policy in relatives() {
        let small = gradients(&policy, &sequences, 0.9, &Lanes { threads: 1 }, &test_loss).unwrap();
        let large = |threads| on_host_large(&policy, &sequences, 0.9, &Lanes { threads }, &test_loss).unwrap();
        let found = large(1);
        // The forward pass to the last bit, the gradients, whose sums have another order, to rounding.
        assert_eq!(found.logp, small.logp, "{:?}", policy.shape);
        assert_eq!(found.entropy, small.entropy);
        for (((name, _), found), small) in policy.parameters.iter().zip(&found.tensors).zip(&small.tensors) {
            let (found, expected) = (flat(found), flat(small));
            let size = expected.iter().fold(1e-3f32, |size, value| size.max(value.abs()));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 2e-5 * size, "{name}: {found} {expected} in {:?}", policy.shape);
            }
        }
        for threads in [2, 5] {
            let other = large(threads);
            assert_eq!(bits(&other), bits(&found), "{threads} threads");
            assert_eq!(other.loss.to_bits(), found.loss.to_bits());
        }
    }
}

/// Several micro-batches, some without a response, add up.
#[test]
fn micro_batches_add_up() {
    let policy = small(4, 2, false);
    let tokens: Vec<u32> = (0..1500).map(|at| (at * at + 3) % 19).collect();
    let sequence = |end: usize, prompt_len| Sequence { tokens: &tokens[..end], prompt_len };
    let sequences =
        [sequence(1500, 1200), sequence(600, 599), sequence(1500, 1500), sequence(900, 900), sequence(40, 3)];
    let small = gradients(&policy, &sequences, 1.0, &Lanes { threads: 2 }, &test_loss).unwrap();
    let large = on_host_large(&policy, &sequences, 1.0, &Lanes { threads: 2 }, &test_loss).unwrap();
    assert_eq!((&large.logp, &large.entropy), (&small.logp, &small.entropy));
    for (((name, _), found), small) in policy.parameters.iter().zip(&large.tensors).zip(&small.tensors) {
        let (found, expected) = (flat(found), flat(small));
        let size = expected.iter().fold(1e-3f32, |size, value| size.max(value.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 5e-5 * size, "{name}: {found} {expected}");
        }
    }
}

/// A policy that is large by its size goes through the same functions and agrees with itself when it decodes: the
/// scores of what it trains on are those of the forward pass.
#[test]
fn a_large_policy_is_told_by_its_size_alone() {
    let shape = shape::Shape { width: 256, hidden: 640, vocab: 14_000, ..small(4, 2, true).shape };
    let policy = Policy::random(&shape, 1, &Device::Cpu).unwrap();
    assert!(policy.is_large() && !small(4, 2, true).is_large());
    let tokens: Vec<u32> = (0..300).map(|at| at * 29 % 9000).collect();
    let sequences = [Sequence { tokens: &tokens, prompt_len: 10 }];
    let found = gradients(&policy, &sequences, 1.0, &Lanes { threads: 2 }, &test_loss).unwrap();
    let said = score(&policy, &sequences, 1.0, &Lanes { threads: 1 }).unwrap();
    assert_eq!((said.logp, said.entropy), (found.logp, found.entropy));
    assert!(Pool::shared(2).threads() == 2);
}

#[test]
fn the_estimate_knows_what_is_large() {
    assert_eq!(estimate::LARGE_PARAMETERS, LARGE_PARAMETERS as u64);
    assert_eq!(estimate::LARGE_MICRO_BATCH_TOKENS, large::MICRO_BATCH_TOKENS as u64);
    assert_eq!(estimate::LARGE_LOGIT_ROWS, large::LOGIT_ROWS as u64);
}

/// `A` and `B` of every adapter at random, so that both factors have gradients.
fn adapted(policy: Policy) -> Policy {
    let policy = policy.with_adapters(3, 6.0, 9).unwrap();
    for (at, (name, var)) in policy.trained().iter().enumerate() {
        if name.ends_with("lora_B.weight") {
            let values = super::tests::numbers(var.elem_count(), 700 + at as u32).into_iter().map(|x| x * 0.05);
            var.set(&Tensor::from_vec(values.collect(), var.shape(), &Device::Cpu).unwrap()).unwrap();
        }
    }
    policy.merge(&Pool::new(1)).unwrap();
    policy
}

#[test]
fn adapters_begin_as_nothing_and_change_only_projections() {
    let (plain, policy) = (small(4, 2, true), small(4, 2, true).with_adapters(3, 6.0, 9).unwrap());
    policy.merge(&Pool::new(2)).unwrap();
    assert_eq!(policy.digest().unwrap(), plain.digest().unwrap());
    assert_eq!(policy.trained().len(), 2 * 7 * 2);
    let name = &policy.trained()[1].0;
    assert_eq!(name, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight");
    let policy = adapted(plain);
    let other = small(4, 2, true);
    for ((name, var), (_, before)) in policy.parameters.iter().zip(&other.parameters) {
        assert_eq!(flat(var.as_tensor()) != flat(before.as_tensor()), name.contains("proj"), "{name}");
    }
    assert!(small(4, 2, true).with_adapters(0, 1.0, 1).is_err());
}

/// Adapters against automatic differentiation over `W + s B A`, for every kind of decoder.
#[test]
fn gradients_of_adapters_agree_with_the_composition() {
    let examples = examples();
    let sequences = as_sequences(&examples);
    for policy in relatives().into_iter().map(adapted) {
        let found = gradients(&policy, &sequences, 0.8, &Lanes { threads: 2 }, &test_loss).unwrap();
        let other = gradient::on_device(&policy, &sequences, 0.8, &test_loss).unwrap();
        assert_eq!(found.tensors.len(), policy.trained().len());
        for (((name, _), found), other) in policy.trained().iter().zip(&found.tensors).zip(&other.tensors) {
            let (found, expected) = (flat(found), flat(other));
            let size = expected.iter().fold(1e-3f32, |size, value| size.max(value.abs()));
            assert!(expected.iter().any(|value| *value != 0.0), "{name}");
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-4 * size, "{name}: {found} {expected}");
            }
        }
        // What decodes, the merged weights, scores what was trained on to the same bits.
        let said = score(&policy, &sequences, 0.8, &Lanes { threads: 1 }).unwrap();
        assert_eq!(said.logp, found.logp);
    }
}

#[test]
fn a_step_of_adapters_merges_and_survives_the_disk() {
    let policy = adapted(small(4, 2, true));
    let examples = examples();
    let sequences = as_sequences(&examples);
    let settings = recipec_compiler::settings::AdamW {
        lr: 1e-2,
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-8,
        weight_decay: 0.0,
        clip_norm: None,
    };
    let mut optimizer = crate::optimizer::Optimizer::new(&settings, &policy).unwrap();
    let before = policy.digest().unwrap();
    let frozen = flat(policy.parameters[0].1.as_tensor());
    for _ in 0..2 {
        let found = gradients(&policy, &sequences, 1.0, &Lanes { threads: 1 }, &test_loss).unwrap();
        optimizer.step(&policy, &found, 1e-2).unwrap();
    }
    assert_ne!(policy.digest().unwrap(), before);
    assert_eq!(flat(policy.parameters[0].1.as_tensor()), frozen);
    let folder = tempfile::tempdir().unwrap();
    policy.save(folder.path()).unwrap();
    // From the same frozen weights, the factors on disk give the same merged weights.
    let other = small(4, 2, true).with_adapters(3, 6.0, 1).unwrap();
    other.load_adapters(folder.path(), &Pool::new(2)).unwrap();
    assert_eq!(other.digest().unwrap(), policy.digest().unwrap());
    assert_eq!(Policy::load(folder.path(), &Device::Cpu).unwrap().digest().unwrap(), policy.digest().unwrap());
    let wrong = small(4, 2, true).with_adapters(2, 6.0, 1).unwrap();
    assert!(wrong.load_adapters(folder.path(), &Pool::new(1)).unwrap_err().to_string().contains("has shape"));
}
