use super::composed::AttentionPlan;
use super::forward::{Pack, Weights};
use super::gradient::{Lanes, Sequence, SequenceLoss, gradients, score};
use super::shape::{AttentionBias, Rope, RopeScaling};
use super::*;
use crate::kernels::logprob::RowStatistics;
use crate::kernels::{attention, gated, logprob, norm};
use std::collections::BTreeMap;

/// Reproducible numbers, about standard normal.
pub(crate) fn numbers(n: usize, stream: u32) -> Vec<f32> {
    let stream = Stream::new(7, Purpose::Other, 0, stream, 0);
    (0..n).map(|at| stream.normal(at as u32) as f32).collect()
}

/// A policy of width 24 with heads of 8.
pub(crate) fn small(heads: usize, kv_heads: usize, tied: bool) -> Policy {
    let architecture = Architecture {
        width: 24,
        layers: 2,
        heads,
        kv_heads,
        head_width: 8,
        hidden: 40,
        tied,
        rope_theta: 10_000.0,
        norm_eps: 1e-5,
    };
    Policy::fresh(&architecture, 19, 3, &Device::Cpu).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let size = expected.iter().fold(0f64, |size, value| size.max(value.abs())).max(1e-3);
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance * size, "{what}[{at}]: {found}, expected {expected}");
    }
}

type Composed<'a> = &'a dyn Fn(&[Tensor]) -> candle_core::Result<Tensor>;
/// (inputs, gradient of the output) to (output, gradients of the inputs)
type Kernel<'a> = &'a dyn Fn(&[Vec<f32>], &[f32]) -> (Vec<f32>, Vec<Vec<f32>>);

/// Compares a kernel in f32 with the composition in f64, whose gradients are candle's, and the latter with central
/// differences in f64.
fn check_kernel(name: &str, shapes: &[&[usize]], composed: Composed, kernel: Kernel) {
    let inputs: Vec<Vec<f32>> =
        shapes.iter().enumerate().map(|(idx, shape)| numbers(shape.iter().product(), idx as u32)).collect();
    let exact: Vec<Var> = inputs
        .iter()
        .zip(shapes)
        .map(|(values, shape)| {
            let tensor = Tensor::from_slice(values, *shape, &Device::Cpu).unwrap();
            Var::from_tensor(&tensor.to_dtype(DType::F64).unwrap()).unwrap()
        })
        .collect();
    let tensors: Vec<Tensor> = exact.iter().map(|var| var.as_tensor().clone()).collect();
    let out = composed(&tensors).unwrap();
    let weights = numbers(out.elem_count(), 99);
    let wide = Tensor::from_slice(&weights, out.shape(), &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
    let store = (&out * wide).unwrap().sum_all().unwrap().backward().unwrap();
    let expected: Vec<Vec<f64>> = exact.iter().map(|var| flat(store.get(var.as_tensor()).unwrap())).collect();

    let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
    let (found, found_gradients) = kernel(&inputs, &weights);
    assert_close(name, &wide(&found), &flat(&out), 2e-6);
    for (idx, (found, expected)) in found_gradients.iter().zip(&expected).enumerate() {
        assert_close(&format!("{name}: gradient {idx}"), &wide(found), expected, 5e-6);
    }

    let value = |inputs: &[Tensor]| {
        flat(&composed(inputs).unwrap()).iter().zip(&weights).map(|(out, w)| out * f64::from(*w)).sum::<f64>()
    };
    for (idx, gradient) in expected.iter().enumerate() {
        for at in (0..gradient.len()).step_by(gradient.len() / 7 + 1) {
            let moved = |by: f64| {
                let mut tensors: Vec<Tensor> = tensors.iter().map(Tensor::detach).collect();
                let mut values = flat(&tensors[idx]);
                values[at] += by;
                tensors[idx] = Tensor::from_vec(values, tensors[idx].shape(), &Device::Cpu).unwrap();
                value(&tensors)
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let size = gradient.iter().fold(1f64, |size, value| size.max(value.abs()));
            assert!((difference - gradient[at]).abs() < 1e-6 * size, "{name}: {difference} {}", gradient[at]);
        }
    }
}

#[test]
fn rms_norm_agrees() {
    for width in [5, 16, 24, 96] {
        check_kernel("rms_norm", &[&[7, width], &[width]], &|x| composed::rms_norm(&x[0], &x[1], 1e-5), &|x, dy| {
            let (mut out, mut dx, mut dw) = (vec![0.0; 7 * width], vec![0.0; 7 * width], vec![0.0; width]);
            norm::forward(&x[0], &x[1], 1e-5, &mut out);
            norm::backward(&x[0], &x[1], 1e-5, dy, &mut dx, &mut dw);
            (out, vec![dx, dw])
        });
    }
}

#[test]
fn gated_unit_agrees() {
    check_kernel("gated_unit", &[&[7, 33], &[7, 33]], &|x| composed::gated_unit(&x[0], &x[1]), &|x, dy| {
        let (mut out, mut d_gate, mut d_up) = (vec![0.0; 7 * 33], vec![0.0; 7 * 33], vec![0.0; 7 * 33]);
        gated::forward(&x[0], &x[1], &mut out);
        let mut in_place = x[0].clone();
        gated::in_place(&mut in_place, &x[1]);
        assert_eq!(in_place, out);
        gated::backward(&x[0], &x[1], dy, &mut d_gate, &mut d_up);
        (out, vec![d_gate, d_up])
    });
}

#[test]
fn attention_agrees() {
    for (heads, kv_heads, head_width, window) in
        [(1, 1, 8, None), (3, 3, 32, Some(18)), (4, 2, 6, None), (4, 2, 6, Some(1)), (6, 2, 40, Some(7))]
    {
        let plan = AttentionPlan {
            heads: Heads { heads, kv_heads, head_width },
            window,
            segments: [0, 1, 20, 20, 53].into(),
            rotary: Arc::new(Rotary::new(head_width, 10_000.0, 40)),
        };
        let (q, kv) = (heads * head_width, kv_heads * head_width);
        check_kernel(
            "attention",
            &[&[53, q], &[53, kv], &[53, kv]],
            &|x| composed::attention(&x[0], &x[1], &x[2], &plan),
            &|x, dy| {
                let AttentionPlan { heads, window, segments, rotary } = &plan;
                let mut out = vec![f32::NAN; 53 * q];
                let (mut dq, mut dk, mut dv) = (out.clone(), vec![f32::NAN; 53 * kv], vec![f32::NAN; 53 * kv]);
                attention::forward(&x[0], &x[1], &x[2], segments, *heads, *window, rotary, &mut out);
                let (dq_, dk_, dv_) = (&mut dq[..], &mut dk[..], &mut dv[..]);
                attention::backward(&x[0], &x[1], &x[2], segments, *heads, *window, rotary, dy, dq_, dk_, dv_);
                (out, vec![dq, dk, dv])
            },
        );
    }
}

#[test]
fn logp_and_entropy_agree() {
    let tokens: Vec<u32> = (0..23).map(|at| at * 7 % 19).collect();
    for temperature in [1.0, 0.6] {
        check_kernel(
            "logp_entropy",
            &[&[23, 19]],
            // The logits are the hidden states times an identity.
            &|x| composed::logp_entropy(&x[0], &Tensor::eye(19, DType::F64, &Device::Cpu)?, &tokens, temperature),
            &|x, dy| {
                let mut said = vec![RowStatistics { logp: 0.0, entropy: 0.0 }; 23];
                logprob::statistics(&mut x[0].clone(), 19, temperature, &tokens, &mut said);
                let mut d_logits = x[0].clone();
                logprob::backward(&mut d_logits, 19, temperature, &tokens, dy.as_chunks::<2>().0);
                (said.iter().flat_map(|said| [said.logp, said.entropy]).collect(), vec![d_logits])
            },
        );
    }
}

pub(crate) fn examples() -> Vec<Vec<u32>> {
    let lengths = [5, 17, 2, 33, 9, 64, 3, 21, 40, 12];
    let stream = Stream::new(5, Purpose::Other, 0, 0, 0);
    let tokens = |idx: usize, n: usize| (0..n).map(|at| stream.below((idx * 100 + at) as u32, 19) as u32).collect();
    lengths.iter().cycle().take(60).enumerate().map(|(idx, n)| tokens(idx, *n)).collect()
}

pub(crate) fn as_sequences(examples: &[Vec<u32>]) -> Vec<Sequence<'_>> {
    examples.iter().map(|tokens| Sequence { tokens, prompt_len: (tokens.len() / 3).max(1) }).collect()
}

/// A loss with curvature in both, so that wrong derivatives show.
fn test_loss(idx: usize, logp: &[f32], entropy: &[f32]) -> SequenceLoss {
    let scale = 0.1 + 0.01 * idx as f32;
    let loss = logp.iter().zip(entropy).map(|(l, h)| f64::from(scale * (0.5 * l * l - 0.3 * h))).sum();
    SequenceLoss {
        loss,
        d_logp: logp.iter().map(|l| scale * l).collect(),
        d_entropy: entropy.iter().map(|_| -0.3 * scale).collect(),
    }
}

const ONE: Lanes = Lanes { threads: 1 };

/// Shapes with every feature that a relative of Llama has, alone and together, with biases and norms that do something.
pub(crate) fn relatives() -> Vec<Policy> {
    let base = small(4, 2, true).shape;
    let rope = |scaling| Rope { theta: 500.0, scaling };
    let yarn =
        |truncate| RopeScaling::Yarn { factor: 4.0, slow: 1.0, fast: 4.0, original: 16.0, attention: 1.14, truncate };
    let shapes = [
        small(3, 1, true).shape,
        small(3, 3, false).shape,
        Shape { attention_bias: AttentionBias::Qkv, ..base.clone() },
        Shape { attention_bias: AttentionBias::All, mlp_bias: true, tied: false, ..base.clone() },
        Shape { qk_norm: true, head_width: 10, ..base.clone() },
        Shape { windows: vec![Some(5), None], ..base.clone() },
        Shape { rope: rope(RopeScaling::Linear { factor: 3.0 }), windows: vec![Some(2), Some(18)], ..base.clone() },
        Shape {
            rope: rope(RopeScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 64.0 }),
            qk_norm: true,
            windows: vec![None, Some(17)],
            ..base.clone()
        },
        Shape { rope: rope(yarn(true)), attention_bias: AttentionBias::Qkv, qk_norm: true, ..base.clone() },
        Shape { rope: rope(yarn(false)), head_width: 16, mlp_bias: true, ..base },
    ];
    let one = |(idx, shape): (usize, &Shape)| {
        let policy = Policy::random(shape, 3 + idx as u64, &Device::Cpu).unwrap();
        for (at, (name, var)) in policy.parameters.iter().enumerate() {
            let is_head_norm = name.contains("q_norm") || name.contains("k_norm");
            if name.ends_with(".bias") || is_head_norm {
                let moved = Tensor::from_vec(numbers(var.elem_count(), 500 + at as u32), var.shape(), &Device::Cpu);
                var.set(&(var.as_detached_tensor() + (moved.unwrap() * 0.3).unwrap()).unwrap()).unwrap();
            }
        }
        policy
    };
    shapes.iter().enumerate().map(one).collect()
}

/// The whole policy by central differences: every parameter tensor, several entries each.
#[test]
fn gradients_of_the_whole_policy_agree_with_differences() {
    for policy in relatives() {
        let examples = examples();
        let sequences = &as_sequences(&examples)[..6];
        let found = gradients(&policy, sequences, 0.9, &ONE, &test_loss).unwrap();
        // The loss in f64 from the scores, to keep the rounding of the differences small.
        let value = || {
            let scores = score(&policy, sequences, 0.9, &ONE).unwrap();
            let one = |idx: usize| {
                let scale = f64::from(0.1 + 0.01 * idx as f32);
                let terms = scores.logp[idx].iter().zip(&scores.entropy[idx]);
                terms.map(|(l, h)| scale * (0.5 * f64::from(*l).powi(2) - 0.3 * f64::from(*h))).sum::<f64>()
            };
            (0..sequences.len()).map(one).sum::<f64>()
        };
        assert!((value() - found.loss).abs() < 1e-5 * found.loss.abs());
        for ((name, var), gradient) in policy.parameters.iter().zip(&found.tensors) {
            let gradient = flat(gradient);
            let size = gradient.iter().fold(0f64, |size, value| size.max(value.abs()));
            assert!(size > 0.0, "{name} has a gradient of zero");
            // The entries with the largest gradients, where the differences say most.
            let mut order: Vec<usize> = (0..gradient.len()).collect();
            order.sort_by(|a, b| gradient[*b].abs().total_cmp(&gradient[*a].abs()));
            let original = var.as_tensor().copy().unwrap();
            for at in order.into_iter().take(4) {
                let moved = |by: f32| {
                    let mut values = original.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                    values[at] += by;
                    var.set(&Tensor::from_vec(values, original.shape(), &Device::Cpu).unwrap()).unwrap();
                    value()
                };
                let difference = (moved(4e-3) - moved(-4e-3)) / 8e-3;
                var.set(&original).unwrap();
                let error = (difference - gradient[at]).abs();
                assert!(error < 4e-3 * size + 1e-4, "{name}[{at}]: {difference}, gradient {}", gradient[at]);
            }
        }
    }
}

/// The whole policy against candle's own operations in f64.
#[test]
fn gradients_agree_with_the_composition_in_double_precision() {
    for policy in relatives() {
        compare_with_double_precision(&policy);
    }
}

fn compare_with_double_precision(policy: &Policy) {
    let shape = &policy.shape;
    let examples = examples();
    let sequences = &as_sequences(&examples)[..4];
    let found = gradients(policy, sequences, 1.0, &ONE, &test_loss).unwrap();

    let exact: BTreeMap<&str, Var> = policy
        .parameters
        .iter()
        .map(|(name, var)| (name.as_str(), Var::from_tensor(&var.to_dtype(DType::F64).unwrap()).unwrap()))
        .collect();
    let mut total = Tensor::zeros((), DType::F64, &Device::Cpu).unwrap();
    for (idx, sequence) in sequences.iter().enumerate() {
        let pack = Pack::new([sequence.tokens]);
        let linear = |x: &Tensor, name: &str| {
            let out = x.matmul(&exact[&*format!("{name}.weight")].t().unwrap()).unwrap();
            exact.get(&*format!("{name}.bias")).map_or(out.clone(), |bias| out.broadcast_add(bias).unwrap())
        };
        let tokens = Tensor::new(sequence.tokens, &Device::Cpu).unwrap();
        let embedding = &exact["model.embed_tokens.weight"];
        let mut x = embedding.index_select(&tokens, 0).unwrap();
        for layer in 0..shape.layers {
            let name = |part: &str| format!("model.layers.{layer}.{part}");
            let weight = |part: &str| &exact[&*name(&format!("{part}.weight"))];
            let normed = composed::rms_norm(&x, weight("input_layernorm"), shape.norm_eps).unwrap();
            let [mut q, mut k, v] =
                ["q_proj", "k_proj", "v_proj"].map(|part| linear(&normed, &name(&format!("self_attn.{part}"))));
            if shape.qk_norm {
                q = composed::head_norm(&q, weight("self_attn.q_norm"), shape.norm_eps).unwrap();
                k = composed::head_norm(&k, weight("self_attn.k_norm"), shape.norm_eps).unwrap();
            }
            let plan = AttentionPlan {
                heads: policy.heads(),
                window: shape.windows.get(layer).copied().flatten(),
                segments: pack.segments.clone(),
                rotary: policy.rotary(pack.longest()),
            };
            let mixed = composed::attention(&q, &k, &v, &plan).unwrap();
            x = (x + linear(&mixed, &name("self_attn.o_proj"))).unwrap();
            let normed = composed::rms_norm(&x, weight("post_attention_layernorm"), shape.norm_eps).unwrap();
            let [gate, up] = ["mlp.gate_proj", "mlp.up_proj"].map(|part| linear(&normed, &name(part)));
            let gated = composed::gated_unit(&gate, &up).unwrap();
            x = (x + linear(&gated, &name("mlp.down_proj"))).unwrap();
        }
        let hidden = composed::rms_norm(&x, &exact["model.norm.weight"], shape.norm_eps).unwrap();
        let response = sequence.tokens.len() - sequence.prompt_len;
        let hidden = hidden.narrow(0, sequence.prompt_len - 1, response).unwrap();
        let head = if shape.tied { embedding } else { &exact["lm_head.weight"] };
        let out = composed::logp_entropy(&hidden, head, &sequence.tokens[sequence.prompt_len..], 1.0);
        let out = out.unwrap();
        let scale = f64::from(0.1 + 0.01 * idx as f32);
        let logp = (out.narrow(1, 0, 1).unwrap().sqr().unwrap() * (0.5 * scale)).unwrap().sum_all().unwrap();
        let entropy = (out.narrow(1, 1, 1).unwrap() * (-0.3 * scale)).unwrap().sum_all().unwrap();
        total = ((total + logp).unwrap() + entropy).unwrap();
    }
    let loss: f64 = total.to_scalar().unwrap();
    assert!((loss - found.loss).abs() < 1e-6 * loss.abs().max(1.0));
    let store = total.backward().unwrap();
    for ((name, _), found) in policy.parameters.iter().zip(&found.tensors) {
        assert_close(name, &flat(found), &flat(store.get(exact[&**name].as_tensor()).unwrap()), 2e-5);
    }
}

/// The path of other devices, which runs on the CPU too.
#[test]
fn gradients_by_automatic_differentiation_agree() {
    let examples = examples();
    let sequences = as_sequences(&examples);
    for policy in relatives() {
        let found = gradients(&policy, &sequences, 0.8, &ONE, &test_loss).unwrap();
        let other = gradient::on_device(&policy, &sequences, 0.8, &test_loss).unwrap();
        assert!((found.loss - other.loss).abs() < 1e-5 * found.loss.abs());
        for (((name, _), found), other) in policy.parameters.iter().zip(&found.tensors).zip(&other.tensors) {
            assert_close(name, &flat(found), &flat(other), 1e-4);
        }
    }
}

fn bits(values: &[Vec<f32>]) -> Vec<Vec<u32>> {
    values.iter().map(|row| row.iter().map(|value| value.to_bits()).collect()).collect()
}

#[test]
fn a_pack_gives_what_single_sequences_give() {
    let policy = small(3, 1, true);
    let examples = examples();
    let sequences = as_sequences(&examples);
    let together = score(&policy, &sequences, 0.7, &ONE).unwrap();
    for (idx, sequence) in sequences.iter().enumerate() {
        let alone = score(&policy, &[*sequence], 0.7, &ONE).unwrap();
        assert_eq!(bits(&together.logp)[idx], bits(&alone.logp)[0]);
        assert_eq!(bits(&together.entropy)[idx], bits(&alone.entropy)[0]);
    }
}

#[test]
fn threads_change_nothing() {
    let policy = small(3, 3, false);
    let examples = examples();
    let sequences = as_sequences(&examples);
    let run = |threads| gradients(&policy, &sequences, 1.0, &Lanes { threads }, &test_loss).unwrap();
    let one = run(1);
    let tensors = |found: &gradient::Gradients| -> Vec<Vec<u32>> {
        found.tensors.iter().map(|t| flat(t).iter().map(|x| (*x as f32).to_bits()).collect()).collect()
    };
    let scores = score(&policy, &sequences, 1.0, &Lanes { threads: 3 }).unwrap();
    assert_eq!((bits(&scores.logp), bits(&scores.entropy)), (bits(&one.logp), bits(&one.entropy)));
    for threads in [2, 3, 4, 9] {
        let other = run(threads);
        assert_eq!(tensors(&one), tensors(&other), "{threads} threads");
        assert_eq!(one.loss.to_bits(), other.loss.to_bits());
        assert_eq!(bits(&one.logp), bits(&other.logp));
    }
}

#[test]
fn a_sequence_without_response_and_a_zero_loss_are_fine() {
    let policy = small(2, 2, true);
    let tokens = [3u32, 4, 5];
    let all_prompt = Sequence { tokens: &tokens, prompt_len: 3 };
    let other = Sequence { tokens: &tokens, prompt_len: 1 };
    let zero = |_: usize, logp: &[f32], _: &[f32]| SequenceLoss { d_logp: vec![0.0; logp.len()], ..Default::default() };
    let found = gradients(&policy, &[all_prompt, other], 1.0, &ONE, &zero).unwrap();
    assert_eq!((found.logp[0].len(), found.logp[1].len()), (0, 2));
    assert!(found.tensors.iter().all(|tensor| flat(tensor).iter().all(|value| *value == 0.0)));
}

#[test]
fn what_cannot_be_trained_is_said() {
    let policy = small(2, 1, true);
    let tokens = [1u32, 2, 3];
    let run = |tokens: &[u32], prompt_len, temperature, loss: &gradient::Loss| {
        let found = gradients(&policy, &[Sequence { tokens, prompt_len }], temperature, &ONE, loss);
        found.map(|_| ()).unwrap_err().to_string()
    };
    assert!(run(&tokens, 0, 1.0, &test_loss).contains("the prompt is empty"));
    assert!(run(&tokens, 4, 1.0, &test_loss).contains("a prompt of 4 tokens in a sequence of 3"));
    assert!(run(&tokens, 3, 1.0, &test_loss).contains("no sequence has a response"));
    assert!(run(&[1, 19], 1, 1.0, &test_loss).contains("token 19 is outside the vocabulary of 19"));
    assert!(run(&tokens, 1, 0.0, &test_loss).contains("temperature 0"));
    let short = |_: usize, _: &[f32], _: &[f32]| SequenceLoss { d_logp: vec![1.0], ..Default::default() };
    assert!(run(&tokens, 1, 1.0, &short).contains("derivatives for another number of tokens than 2"));
    let broken =
        |_: usize, logp: &[f32], _: &[f32]| SequenceLoss { d_logp: vec![f32::NAN; logp.len()], ..Default::default() };
    assert!(run(&tokens, 1, 1.0, &broken).contains("is not finite"));
}

#[test]
fn save_and_load_keep_every_bit() {
    for tied in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let policy = small(4, 2, tied);
        policy.save(folder.path()).unwrap();
        let first = std::fs::read(folder.path().join("model.safetensors")).unwrap();
        let back = Policy::load(folder.path(), &Device::Cpu).unwrap();
        assert_eq!(back.shape, Shape { max_positions: 2048, ..policy.shape.clone() });
        assert_eq!(back.digest().unwrap(), policy.digest().unwrap());
        back.save(folder.path()).unwrap();
        assert_eq!(first, std::fs::read(folder.path().join("model.safetensors")).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let load = || Policy::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
    assert!(load().contains("config.json"));
    let policy = small(4, 2, true);
    policy.save(folder.path()).unwrap();
    let config = folder.path().join("config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("\"intermediate_size\": 40", "\"intermediate_size\": 41")).unwrap();
    assert!(
        load().contains("mlp.gate_proj.weight`: its shape is [40, 24]") && load().contains("[41, 24]"),
        "{}",
        load()
    );
    std::fs::write(&config, text.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1")).unwrap();
    assert!(
        load().contains("model.layers.1.input_layernorm.weight") && load().contains("no such parameter"),
        "{}",
        load()
    );
    std::fs::write(&config, &text).unwrap();
    let weights = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    assert!(load().contains("model.safetensors"));
}

#[test]
fn a_snapshot_stays_and_a_seed_decides() {
    let policy = small(2, 1, true);
    let digest = policy.digest().unwrap();
    assert_eq!(small(2, 1, true).digest().unwrap(), digest);
    let snapshot = policy.snapshot().unwrap();
    let var = &policy.parameters[0].1;
    var.set(&(var.as_detached_tensor() * 2.0).unwrap()).unwrap();
    assert_ne!(policy.digest().unwrap(), digest);
    assert_eq!(snapshot.digest().unwrap(), digest);
    let other = Policy::random(&policy.shape, 4, &Device::Cpu).unwrap();
    assert_ne!(other.digest().unwrap(), digest);
}

#[test]
fn an_architecture_that_cannot_be_built_is_refused() {
    let good = small(4, 2, true).shape;
    let check = |shape: Shape, expected: &str| {
        let error = parameter_shapes(&shape).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(Shape { kv_heads: 3, ..good.clone() }, "kv_heads = 3 does not divide heads = 4");
    check(Shape { head_width: 7, ..good.clone() }, "head_width = 7 is odd");
    check(Shape { width: 0, ..good.clone() }, "width is 0");
    let rope = |theta, scaling| Rope { theta, scaling };
    check(Shape { rope: rope(f64::NAN, RopeScaling::None), ..good.clone() }, "rope_theta");
    check(Shape { rope: rope(1e4, RopeScaling::Linear { factor: 0.0 }), ..good.clone() }, "rotary scaling = 0");
    check(Shape { windows: vec![None], ..good.clone() }, "windows are given for 1 of 2 layers");
    check(Shape { windows: vec![None, Some(0)], ..good }, "a window of attention is 0");
}

#[test]
fn weights_that_are_only_read_record_no_graph() {
    let policy = small(2, 1, true);
    let weights = Weights::detached(&policy);
    let pack = Pack::new([&[1u32, 2, 3][..]]);
    let out = weights.logp_entropy(&pack, &[0, 1], &[2, 3], 1.0).unwrap();
    assert!(!out.track_op());
}
