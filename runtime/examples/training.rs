//! One training step (forward, backward, AdamW) of a policy with random weights in the shape of SmolLM2-135M, as JSON:
//! seconds by step, peak memory. `scripts/bench-training` runs it in turns with PyTorch.
//! Arguments, all optional: sequences, tokens of each, steps, threads.

use recipec_compiler::settings::AdamW;
use recipec_runtime::optimizer::Optimizer;
use recipec_runtime::policy::gradient::{Lanes, Sequence, SequenceLoss, gradients};
use recipec_runtime::policy::shape::{AttentionBias, Rope, RopeScaling, Shape};
use recipec_runtime::policy::{Policy, PolicyError};
use std::time::Instant;

fn main() -> Result<(), PolicyError> {
    let argument = |at: usize, default: usize| std::env::args().nth(at).and_then(|x| x.parse().ok()).unwrap_or(default);
    let (count, length, steps, threads) = (argument(1, 8), argument(2, 256), argument(3, 3), argument(4, 2));
    let shape = Shape {
        width: 576,
        layers: 30,
        heads: 9,
        kv_heads: 3,
        head_width: 64,
        hidden: 1536,
        vocab: 49_152,
        tied: true,
        norm_eps: 1e-5,
        rope: Rope { theta: 100_000.0, scaling: RopeScaling::None },
        attention_bias: AttentionBias::None,
        mlp_bias: false,
        qk_norm: false,
        windows: Vec::new(),
        max_positions: 8192,
    };
    let policy = Policy::random(&shape, 1, &candle_core::Device::Cpu)?;
    let tokens: Vec<u32> = (0..count * length).map(|at| ((at * 7919 + at / 3) % shape.vocab) as u32).collect();
    let sequences: Vec<Sequence> =
        tokens.chunks(length.max(1)).map(|tokens| Sequence { tokens, prompt_len: 1 }).collect();
    let settings = AdamW { lr: 1e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.01, clip_norm: Some(1.0) };
    let mut optimizer = Optimizer::new(&settings, &policy)?;
    let share = -1.0 / tokens.len() as f32;
    let loss = |_: usize, logp: &[f32], _: &[f32]| SequenceLoss {
        loss: logp.iter().map(|logp| f64::from(logp * share)).sum(),
        d_logp: vec![share; logp.len()],
        d_entropy: Vec::new(),
    };
    let (mut seconds, mut in_optimizer, mut losses) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..steps {
        let start = Instant::now();
        let found = gradients(&policy, &sequences, 1.0, &Lanes { threads }, &loss)?;
        let middle = Instant::now();
        optimizer.step(&policy, &found, 1e-4)?;
        in_optimizer.push(middle.elapsed().as_secs_f64());
        seconds.push(start.elapsed().as_secs_f64());
        losses.push(found.loss);
    }
    let said = serde_json::json!({
        "tokens": tokens.len(),
        "seconds": seconds,
        "optimizer_seconds": in_optimizer,
        "losses": losses,
        "peak_mib": peak_mib(),
    });
    println!("{said}");
    Ok(())
}

/// Peak memory of this process, where the system tells it.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()? / 1024.0)
}
