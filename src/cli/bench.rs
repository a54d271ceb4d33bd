//! `recipec bench MODEL`: what this machine makes of a model, beside what the machine can do.

mod machine;

use super::model::{self, threads};
use super::{Exit, say};
use recipec_compiler::settings::{AdamW, Sampling};
use recipec_runtime::generate::{Delivery, Engine, Event, Profile, Request, Statistics, stream};
use recipec_runtime::optimizer::Optimizer;
use recipec_runtime::policy::gradient::{Lanes, Sequence, SequenceLoss, gradients};
use recipec_runtime::policy::{Policy, PolicyError};
use recipec_runtime::rng::{Purpose, Stream};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

#[derive(clap::Args)]
pub struct Args {
    /// A folder in Hugging Face layout, a `.gguf` file, `hf:org/name`, or a run folder, whose last checkpoint is taken.
    model: String,
    /// Responses written at the same time, one measurement each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32, 128], value_parser = clap::value_parser!(u32).range(1..=4_096))]
    batches: Vec<u32>,
    /// Tokens of the prompt that is read.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    prompt_tokens: u32,
    /// Tokens of every response.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(4..=100_000))]
    tokens: u32,
    /// Tokens of a step of training.
    #[arg(long, default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(16..=1_000_000))]
    training_tokens: u32,
    /// No step of training.
    #[arg(long)]
    no_training: bool,
    /// Measurements of each kind; the middle one counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    repeat: u16,
    /// Threads; as many as there are cores if absent.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Exit {
    let model = match model::open(&args.model) {
        Ok(model) => model,
        Err(exit) => return exit,
    };
    match Bench::new(args, &model.policy).measure() {
        Ok(found) => {
            if args.json {
                say(&found.to_string());
            } else {
                table(&found);
            }
            Exit::Done
        }
        Err(why) => {
            eprintln!("error: {why}");
            Exit::RunFailed
        }
    }
}

struct Bench<'a> {
    args: &'a Args,
    policy: &'a Policy,
    threads: usize,
    /// Numbers that a row is multiplied with: all parameters, and a tied embedding once, as the head.
    multiplied: f64,
}

impl<'a> Bench<'a> {
    fn new(args: &'a Args, policy: &'a Policy) -> Self {
        let shape = &policy.shape;
        let looked_up = if shape.tied { 0 } else { shape.vocab * shape.width };
        let multiplied = (policy.parameter_count() - looked_up) as f64;
        Self { args, policy, threads: threads(args.threads), multiplied }
    }

    fn measure(&self) -> Result<Value, PolicyError> {
        let peak = machine::Peak::measure(self.threads);
        let prefill = self.prefill()?;
        let mut decode = Vec::new();
        for batch in &self.args.batches {
            decode.push(self.decode(*batch as usize)?);
        }
        let after_decoding = machine::peak_memory();
        let training = if self.args.no_training { Value::Null } else { self.training()? };
        let shape = &self.policy.shape;
        Ok(json!({
            "model": {
                "parameters": self.policy.parameter_count(), "layers": shape.layers, "width": shape.width,
                "vocabulary": shape.vocab, "weight_bytes": 4 * self.policy.parameter_count(),
            },
            "machine": {
                "threads": self.threads, "gflops": peak.gflops, "gbytes_per_second": peak.gbytes,
            },
            "prefill": prefill,
            "decode": decode,
            "peak_memory_bytes_after_decoding": after_decoding,
            "training": training,
            "peak_memory_bytes": machine::peak_memory(),
        }))
    }

    /// Reading one prompt. The seconds are those of the step itself, without packing the weights for it.
    fn prefill(&self) -> Result<Value, PolicyError> {
        let tokens = self.args.prompt_tokens as usize;
        let seconds = self.median(|| Ok(whole(&self.decoding(1, tokens, 1)?.1.profile)))?;
        Ok(json!({
            "prompt_tokens": tokens,
            "tokens_per_second": tokens as f64 / seconds,
            "gflops": 2e-9 * self.multiplied_in_layers() * tokens as f64 / seconds,
        }))
    }

    /// Decoding, from the moment when every response has two tokens on the average.
    fn decode(&self, batch: usize) -> Result<Value, PolicyError> {
        let tokens = self.args.tokens as usize;
        let profile = std::cell::RefCell::new(Value::Null);
        let seconds = self.median(|| {
            let (seconds, statistics) = self.decoding(batch, 16, tokens)?;
            let (p, all) = (statistics.profile, whole(&statistics.profile));
            *profile.borrow_mut() = json!({
                "products": p.products / all, "attention": p.attention / all, "head": p.head / all,
                "sampling": p.sampling / all, "elementwise": p.elementwise / all, "rest": p.rest / all,
            });
            Ok(seconds)
        })?;
        let (ticks, rows) = ((tokens - 2) as f64, ((tokens - 2) * batch) as f64);
        Ok(json!({
            "batch": batch,
            "tokens_per_second": rows / seconds,
            "gflops": 2e-9 * self.multiplied * rows / seconds,
            "weight_gbytes_per_second": 4e-9 * self.multiplied * ticks / seconds,
            "profile": profile.into_inner(),
        }))
    }

    fn multiplied_in_layers(&self) -> f64 {
        self.multiplied - (self.policy.shape.vocab * self.policy.shape.width) as f64
    }

    /// `batch` responses of `tokens` tokens to a shared prompt: seconds after the first two of each, and what was done.
    fn decoding(&self, batch: usize, prompt: usize, tokens: usize) -> Result<(f64, Statistics), PolicyError> {
        let sampling = Sampling { temperature: 1.0, top_p: 1.0, top_k: 0, min_p: 0.0 };
        let prompt: Arc<[u32]> = self.words(prompt, 1).into();
        let requests = (0..batch as u32).map(|sample| Request {
            stream: Stream::new(1, Purpose::Other, 0, 0, sample),
            prompt: prompt.clone(),
            max_new_tokens: tokens,
            sampling: sampling.clone(),
        });
        let engine = Engine {
            end_tokens: Vec::new(),
            delivery: Delivery::AsFinished,
            tokens: true,
            ..Engine::new(batch, 0, self.threads)
        };
        let (mut told, mut begun, mut ended) = (0, Instant::now(), Instant::now());
        let statistics = stream(self.policy, requests, &engine, &mut |event: Event| {
            if let Event::Token { .. } = event {
                told += 1;
                ended = Instant::now();
                if told <= 2 * batch {
                    begun = ended;
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok((ended.duration_since(begun).as_secs_f64(), statistics))
    }

    /// A step of supervised training: gradients of packed sequences, and AdamW. The weights are put back after it.
    fn training(&self) -> Result<Value, PolicyError> {
        let tokens = self.args.training_tokens as usize;
        let length = tokens.min(512);
        let texts: Vec<Vec<u32>> = (0..tokens.div_ceil(length)).map(|idx| self.words(length, 2 + idx as u32)).collect();
        let sequences: Vec<Sequence> = texts.iter().map(|tokens| Sequence { tokens, prompt_len: 1 }).collect();
        let count: usize = texts.iter().map(Vec::len).sum();
        let settings = AdamW { lr: 1e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.0, clip_norm: Some(1.0) };
        let mut optimizer = Optimizer::new(&settings, self.policy)?;
        let share = -1.0 / count as f32;
        let loss = |_: usize, logp: &[f32], _: &[f32]| SequenceLoss {
            loss: logp.iter().map(|logp| f64::from(logp * share)).sum(),
            d_logp: vec![share; logp.len()],
            d_entropy: Vec::new(),
        };
        let optimizing = std::cell::Cell::new(0.0);
        let seconds = self.median(|| {
            let begun = Instant::now();
            let found = gradients(self.policy, &sequences, 1.0, &Lanes { threads: self.threads }, &loss)?;
            let middle = Instant::now();
            // A learning rate of 0: the same work, and the weights stay.
            optimizer.step(self.policy, &found, 0.0)?;
            optimizing.set(middle.elapsed().as_secs_f64());
            Ok(begun.elapsed().as_secs_f64())
        })?;
        Ok(json!({
            "tokens": count,
            "tokens_per_second": count as f64 / seconds,
            "gflops": 6e-9 * self.multiplied * count as f64 / seconds,
            "seconds": seconds,
            "optimizer_seconds": optimizing.get(),
        }))
    }

    /// Token ids, the same every time.
    fn words(&self, count: usize, stream: u32) -> Vec<u32> {
        let words = Stream::new(1, Purpose::Other, 1, stream, 0);
        (0..count).map(|at| words.below(at as u32, self.policy.vocab_size() as u64) as u32).collect()
    }

    /// The middle of several measurements, in seconds above 0.
    fn median(&self, mut once: impl FnMut() -> Result<f64, PolicyError>) -> Result<f64, PolicyError> {
        let mut found = (0..self.args.repeat).map(|_| once()).collect::<Result<Vec<f64>, _>>()?;
        found.sort_by(f64::total_cmp);
        Ok(found.get(found.len() / 2).copied().unwrap_or(f64::NAN).max(1e-9))
    }
}

/// Seconds of all parts.
fn whole(profile: &Profile) -> f64 {
    let Profile { products, attention, head, sampling, elementwise, rest } = profile;
    products + attention + head + sampling + elementwise + rest
}

fn table(found: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let machine = &found["machine"];
    say(&format!(
        "machine: {} threads, {:.0} GFLOP/s of products, {:.1} GB/s read",
        machine["threads"],
        number(&machine["gflops"]),
        number(&machine["gbytes_per_second"])
    ));
    say(&format!("model: {} parameters", found["model"]["parameters"]));
    let prefill = &found["prefill"];
    say(&format!(
        "prompt of {}: {:.0} tokens/s, {:.0} GFLOP/s",
        prefill["prompt_tokens"],
        number(&prefill["tokens_per_second"]),
        number(&prefill["gflops"])
    ));
    for decode in found["decode"].as_array().into_iter().flatten() {
        say(&format!(
            "decoding {:>4} at a time: {:.0} tokens/s, {:.0} GFLOP/s, weights at {:.1} GB/s",
            number(&decode["batch"]),
            number(&decode["tokens_per_second"]),
            number(&decode["gflops"]),
            number(&decode["weight_gbytes_per_second"])
        ));
    }
    let training = &found["training"];
    if !training.is_null() {
        say(&format!(
            "training on {} tokens: {:.0} tokens/s, {:.0} GFLOP/s",
            training["tokens"],
            number(&training["tokens_per_second"]),
            number(&training["gflops"])
        ));
    }
    if let Some(bytes) = found["peak_memory_bytes"].as_f64() {
        say(&format!("peak memory: {:.2} GiB", bytes / 1024f64.powi(3)));
    }
}
