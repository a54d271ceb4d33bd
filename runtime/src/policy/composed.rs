//! The operations of the policy as compositions of candle's differentiable ones. They run on every device and in
//! every number type, slowly; on the CPU they are what the kernels are compared with.

use crate::kernels::attention::{Heads, Rotary, first_seen};
use candle_core::{D, Error, Result, Tensor};
use std::sync::Arc;

/// What attention needs beside its inputs.
#[derive(Debug, Clone)]
pub struct AttentionPlan {
    /// Sizes.
    pub heads: Heads,
    /// Positions that a query sees, its own included; none means all.
    pub window: Option<usize>,
    /// Starts of the sequences and the end of the last.
    pub segments: Arc<[usize]>,
    /// Rotary tables that reach the longest sequence.
    pub rotary: Arc<Rotary>,
}

/// RMSNorm of each row.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let mean = (x.sqr()?.sum_keepdim(D::Minus1)? / x.dim(D::Minus1)?.max(1) as f64)?;
    x.broadcast_div(&(mean + eps)?.sqrt()?)?.broadcast_mul(weight)
}

/// `silu(gate) * up`.
pub fn gated_unit(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    let silu = (gate / (gate.neg()?.exp()? + 1.0)?)?;
    silu * up
}

/// log-softmax over the last axis.
fn log_softmax(x: &Tensor) -> Result<Tensor> {
    let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

fn turn(x: &Tensor, cosines: &Tensor, sines: &Tensor) -> Result<Tensor> {
    let half = x.dim(D::Minus1)? / 2;
    let first = x.narrow(D::Minus1, 0, half)?;
    let second = x.narrow(D::Minus1, half, half)?;
    let to_first = (first.broadcast_mul(cosines)? - second.broadcast_mul(sines)?)?;
    let to_second = (second.broadcast_mul(cosines)? + first.broadcast_mul(sines)?)?;
    Tensor::cat(&[&to_first, &to_second], D::Minus1)
}

/// RMSNorm of each head of each row.
pub fn head_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let (rows, width) = x.dims2()?;
    let head_width = weight.dim(0)?.max(1);
    rms_norm(&x.reshape((rows, width / head_width, head_width))?, weight, eps)?.reshape((rows, width))
}

/// Causal attention within each segment.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, plan: &AttentionPlan) -> Result<Tensor> {
    let Heads { heads, kv_heads, head_width } = plan.heads;
    let scale = 1.0 / libm::sqrt(head_width as f64);
    let (device, dtype) = (q.device(), q.dtype());
    let table = |values: &[f32], length: usize| {
        let values = &values[..length * (head_width / 2)];
        Tensor::from_slice(values, (length, head_width / 2), device)?.to_dtype(dtype)
    };
    let mut outputs = Vec::new();
    for span in plan.segments.windows(2) {
        let length = span[1] - span[0];
        if length == 0 {
            continue;
        }
        let cosines = table(plan.rotary.cosines(), length)?;
        let sines = table(plan.rotary.sines(), length)?;
        // (heads, length, head_width)
        let split = |x: &Tensor, heads: usize| {
            x.narrow(0, span[0], length)?.reshape((length, heads, head_width))?.transpose(0, 1)?.contiguous()
        };
        let query = turn(&split(q, heads)?, &cosines, &sines)?;
        let repeat = |x: Tensor| {
            x.unsqueeze(1)?
                .broadcast_as((kv_heads, heads / kv_heads.max(1), length, head_width))?
                .contiguous()?
                .reshape((heads, length, head_width))
        };
        let key = repeat(turn(&split(k, kv_heads)?, &cosines, &sines)?)?;
        let value = repeat(split(v, kv_heads)?)?;
        let seen = |query: usize, key: usize| key <= query && key >= first_seen(query, plan.window);
        let mask: Vec<f32> =
            (0..length * length).map(|at| if seen(at / length, at % length) { 0.0 } else { -1e30 }).collect();
        let mask = Tensor::from_vec(mask, (length, length), device)?.to_dtype(dtype)?;
        let scores =
            (query.contiguous()?.matmul(&key.transpose(1, 2)?.contiguous()?)? * scale)?.broadcast_add(&mask)?;
        let mixed = log_softmax(&scores)?.exp()?.matmul(&value)?;
        outputs.push(mixed.transpose(0, 1)?.contiguous()?.reshape((length, heads * head_width))?);
    }
    if outputs.is_empty() { q.zeros_like() } else { Tensor::cat(&outputs, 0) }
}

/// Log-probability of the tokens and entropy by row, `(R, 2)`. Holds the logits of all rows.
pub fn logp_entropy(hidden: &Tensor, head: &Tensor, tokens: &[u32], temperature: f64) -> Result<Tensor> {
    let logits = (hidden.matmul(&head.t()?)? / temperature)?;
    let logp = log_softmax(&logits)?;
    let vocab = head.dim(0)?;
    if tokens.iter().any(|token| *token as usize >= vocab) {
        return Err(Error::msg("a token lies outside the vocabulary"));
    }
    let tokens = Tensor::from_slice(tokens, (tokens.len(), 1), hidden.device())?;
    let chosen = logp.gather(&tokens, 1)?;
    let entropy = (logp.exp()? * &logp)?.sum_keepdim(1)?.neg()?;
    Tensor::cat(&[&chosen, &entropy], 1)
}
