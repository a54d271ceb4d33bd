//! Measures training and decoding on this machine: `cargo run --release -p recipec-runtime --example speed`.
//! Arguments, all optional: width, layers, threads.

use recipec_compiler::settings::{AdamW, Architecture, Sampling};
use recipec_runtime::generate::{Engine, Request, generate};
use recipec_runtime::optimizer::Optimizer;
use recipec_runtime::policy::gradient::{Lanes, Sequence, SequenceLoss, gradients};
use recipec_runtime::policy::{Policy, PolicyError};
use recipec_runtime::rng::{Purpose, Stream};
use recipec_runtime::tokenizer::VOCAB_SIZE;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<(), PolicyError> {
    let argument = |at: usize, default: usize| std::env::args().nth(at).and_then(|x| x.parse().ok()).unwrap_or(default);
    let (width, layers, threads) = (argument(1, 96), argument(2, 3), argument(3, 2));
    let heads = (width / 32).max(1);
    let architecture = Architecture {
        width,
        layers,
        heads,
        kv_heads: heads,
        head_width: 32,
        hidden: width * 5 / 2,
        tied: true,
        rope_theta: 10_000.0,
        norm_eps: 1e-5,
    };
    let policy = Policy::fresh(&architecture, VOCAB_SIZE, 1, &candle_core::Device::Cpu)?;
    println!("width {width}, {layers} layers, {} parameters, {threads} threads", policy.parameter_count());

    // Demonstrations of about 74 tokens, 15 of them prompt, as in the quickstart.
    let stream = Stream::new(1, Purpose::Other, 0, 0, 0);
    let token = |at: u32| 1 + stream.below(at, VOCAB_SIZE as u64 - 1) as u32;
    let examples: Vec<Vec<u32>> = (0..96u32)
        .map(|idx| (0..40 + stream.below(1 << 20 | idx, 69) as u32).map(|at| token(idx * 200 + at)).collect())
        .collect();
    let sequences: Vec<Sequence> = examples.iter().map(|tokens| Sequence { tokens, prompt_len: 15 }).collect();
    let tokens: usize = examples.iter().map(Vec::len).sum();
    let settings = AdamW { lr: 4e-3, beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.01, clip_norm: Some(1.0) };
    let mut optimizer = Optimizer::new(&settings, &policy)?;
    let share = -1.0 / tokens as f32;
    let loss = |_: usize, logp: &[f32], _: &[f32]| SequenceLoss {
        loss: logp.iter().map(|logp| f64::from(logp * share)).sum(),
        d_logp: vec![share; logp.len()],
        d_entropy: Vec::new(),
    };
    let mut best = f64::INFINITY;
    let mut in_optimizer = 0.0;
    for _ in 0..20 {
        let start = Instant::now();
        let found = gradients(&policy, &sequences, 1.0, &Lanes { threads }, &loss)?;
        let middle = Instant::now();
        optimizer.step(&policy, &found, 0.0)?;
        let seconds = start.elapsed().as_secs_f64();
        if seconds < best {
            (best, in_optimizer) = (seconds, middle.elapsed().as_secs_f64());
        }
    }
    let rate = tokens as f64 / best;
    println!(
        "training: {rate:.0} tokens/s ({:.1} ms a step, {:.1} ms of it optimizer)",
        best * 1e3,
        in_optimizer * 1e3
    );

    for slots in [32, 128, 256] {
        let sampling = Sampling { temperature: 1.0, top_p: 1.0, top_k: 0, min_p: 0.0 };
        let requests: Vec<Request> = (0..512u32)
            .map(|idx| Request {
                stream: Stream::new(1, Purpose::Rollout, 0, idx / 8, idx % 8),
                prompt: (0..15).map(|at| token(idx / 8 * 200 + at)).collect::<Arc<[u32]>>(),
                max_new_tokens: 64,
                sampling: sampling.clone(),
            })
            .collect();
        let engine = Engine::new(slots, 0, threads);
        let mut best = 0f64;
        for _ in 0..5 {
            let start = Instant::now();
            let generated = generate(&policy, &requests, &engine, &mut |_| ControlFlow::Continue(()))?;
            let tokens: usize = generated.iter().map(|g| g.tokens.len()).sum();
            best = best.max(tokens as f64 / start.elapsed().as_secs_f64());
        }
        println!("decoding in {slots} slots: {best:.0} tokens/s");
    }
    Ok(())
}
