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
    let shape = shape::Shape { width: 256, hidden: 640, vocab: 9000, ..small(4, 2, true).shape };
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
