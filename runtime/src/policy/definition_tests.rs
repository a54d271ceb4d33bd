//! The policy against the definition of the architecture, written out in scalar f64 in the way of Hugging Face's
//! `modeling_llama.py`: `rotate_half`, `repeat_kv`, (out, in) weights. It shares no code with the kernels.

use super::gradient::{Lanes, Sequence, score};
use super::tests::small;
use super::*;

type Rows = Vec<Vec<f64>>;

fn matrix(policy: &Policy, name: &str) -> Rows {
    let (_, var) = policy.parameters.iter().find(|(found, _)| found == name).unwrap();
    let columns = var.dims()[var.rank() - 1];
    let values: Vec<f64> = var.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f64::from).collect();
    values.chunks(columns).map(<[f64]>::to_vec).collect()
}

// F.linear: y = x W^T
fn linear(x: &Rows, weight: &Rows) -> Rows {
    let product = |x: &Vec<f64>, w: &Vec<f64>| x.iter().zip(w).map(|(x, w)| x * w).sum();
    x.iter().map(|x| weight.iter().map(|w| product(x, w)).collect()).collect()
}

// LlamaRMSNorm: weight * x * rsqrt(mean(x^2) + eps)
fn norm(x: &Rows, weight: &Rows, eps: f64) -> Rows {
    let one = |x: &Vec<f64>| {
        let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
        x.iter().zip(&weight[0]).map(|(x, w)| w * x / (mean + eps).sqrt()).collect()
    };
    x.iter().map(one).collect()
}

fn add(a: &Rows, b: &Rows) -> Rows {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect()
}

// q_embed = q * cos + rotate_half(q) * sin, cos and sin of cat(freqs, freqs),
// inv_freq = 1 / theta^(arange(0, dim, 2) / dim), rotate_half(x) = cat(-x[dim/2:], x[:dim/2])
fn rotary(head: &[f64], position: usize, theta: f64) -> Vec<f64> {
    let half = head.len() / 2;
    (0..head.len())
        .map(|i| {
            let angle = position as f64 / theta.powf(2.0 * (i % half) as f64 / head.len() as f64);
            let rotated = if i < half { -head[i + half] } else { head[i - half] };
            head[i] * angle.cos() + rotated * angle.sin()
        })
        .collect()
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b));
    let total: f64 = row.iter().map(|z| (z - largest).exp()).sum();
    row.iter().map(|z| (z - largest).exp() / total).collect()
}

/// Probabilities of the next token after each token.
fn probabilities(policy: &Policy, tokens: &[u32]) -> Rows {
    let Shape { layers, heads, kv_heads, head_width, tied, norm_eps, .. } = policy.shape;
    let rope_theta = policy.shape.rope.theta;
    let embedding = matrix(policy, "model.embed_tokens.weight");
    let mut x: Rows = tokens.iter().map(|token| embedding[*token as usize].clone()).collect();
    for layer in 0..layers {
        let weight = |part: &str| matrix(policy, &format!("model.layers.{layer}.{part}.weight"));
        let normed = norm(&x, &weight("input_layernorm"), norm_eps);
        let q = linear(&normed, &weight("self_attn.q_proj"));
        let k = linear(&normed, &weight("self_attn.k_proj"));
        let v = linear(&normed, &weight("self_attn.v_proj"));
        let mut mixed = vec![vec![0.0; heads * head_width]; tokens.len()];
        for head in 0..heads {
            // repeat_kv: each key head serves heads / kv_heads neighbouring query heads.
            let kv = head / (heads / kv_heads);
            let of_query = head * head_width..(head + 1) * head_width;
            let of_key = kv * head_width..(kv + 1) * head_width;
            for i in 0..tokens.len() {
                let query = rotary(&q[i][of_query.clone()], i, rope_theta);
                let score = |j: usize| {
                    let key = rotary(&k[j][of_key.clone()], j, rope_theta);
                    query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>() / (head_width as f64).sqrt()
                };
                let p = softmax(&(0..=i).map(score).collect::<Vec<_>>());
                for (j, p) in p.iter().enumerate() {
                    for d in 0..head_width {
                        mixed[i][head * head_width + d] += p * v[j][kv * head_width + d];
                    }
                }
            }
        }
        x = add(&x, &linear(&mixed, &weight("self_attn.o_proj")));
        let normed = norm(&x, &weight("post_attention_layernorm"), norm_eps);
        let gate = linear(&normed, &weight("mlp.gate_proj"));
        let up = linear(&normed, &weight("mlp.up_proj"));
        let gated = |(gate, up): (&Vec<f64>, &Vec<f64>)| {
            gate.iter().zip(up).map(|(gate, up)| gate / (1.0 + (-gate).exp()) * up).collect()
        };
        let gated: Rows = gate.iter().zip(&up).map(gated).collect();
        x = add(&x, &linear(&gated, &weight("mlp.down_proj")));
    }
    let normed = norm(&x, &matrix(policy, "model.norm.weight"), norm_eps);
    let head = if tied { embedding } else { matrix(policy, "lm_head.weight") };
    linear(&normed, &head).iter().map(|logits| softmax(logits)).collect()
}

#[test]
fn log_probabilities_are_those_of_the_definition() {
    for (heads, kv_heads, tied) in [(3, 3, true), (4, 2, false), (3, 1, true)] {
        let policy = small(heads, kv_heads, tied);
        // Weights ten times as large, so that attention is far from uniform.
        for (_, var) in policy.parameters.iter().filter(|(name, _)| name.contains("q_proj") || name.contains("k_proj"))
        {
            var.set(&(var.as_detached_tensor() * 10.0).unwrap()).unwrap();
        }
        let tokens: Vec<u32> = (0..40).map(|at| (at * at + 3) % 19).collect();
        let found = score(&policy, &[Sequence { tokens: &tokens, prompt_len: 1 }], 1.0, &Lanes { threads: 1 }).unwrap();
        let expected = probabilities(&policy, &tokens);
        for at in 1..tokens.len() {
            let exact = expected[at - 1][tokens[at] as usize].ln();
            let error = (f64::from(found.logp[0][at - 1]) - exact).abs();
            assert!(error < 2e-5, "{at}: {} {exact}", found.logp[0][at - 1]);
            let entropy: f64 = -expected[at - 1].iter().map(|p| p * p.ln()).sum::<f64>();
            assert!((f64::from(found.entropy[0][at - 1]) - entropy).abs() < 2e-5);
        }
    }
}
