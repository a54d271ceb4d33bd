//! `recipec generate MODEL`: responses to prompts, with what was recorded about every token.

mod prompts;
mod written;

use super::model::{self, threads};
use super::{Exit, say};
use prompts::Prompts;
use recipec_compiler::settings::Sampling;
use recipec_runtime::generate::{Engine, Event, Generated, Request, Statistics, StopReason, Stops, VersionRun, stream};
use recipec_runtime::model::Model;
use recipec_runtime::policy::PolicyError;
use recipec_runtime::rng::{Purpose, Stream};
use serde::Serialize;
use serde_json::json;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

#[derive(clap::Args)]
pub struct Args {
    /// A folder in Hugging Face layout, a `.gguf` file, `hf:org/name`, or a run folder, whose last checkpoint is taken.
    model: String,
    /// What the model goes on from; may be repeated. `-` reads it from standard input.
    #[arg(long, required_unless_present = "prompts", allow_hyphen_values = true)]
    prompt: Vec<String>,
    /// A file of prompts, one a line: a JSON object with `prompt`, or the text itself.
    #[arg(long, value_name = "FILE")]
    prompts: Option<std::path::PathBuf>,
    /// Put each prompt as a question into the model's chat template.
    #[arg(long)]
    chat: bool,
    /// What the template puts before the question.
    #[arg(long, requires = "chat", value_name = "TEXT")]
    system: Option<String>,
    /// Responses to each prompt.
    #[arg(long, short, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// Decides the random numbers; the same seed gives the same text.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Divides the logits; 0 takes the most likely token each time.
    #[arg(long, default_value_t = 1.0)]
    temperature: f64,
    /// Draw from the fewest tokens that have this much probability.
    #[arg(long, default_value_t = 1.0)]
    top_p: f64,
    /// Draw from this many most likely tokens; 0 from all.
    #[arg(long, default_value_t = 0)]
    top_k: u32,
    /// Draw from tokens that have at least this share of the most likely one's probability.
    #[arg(long, default_value_t = 0.0)]
    min_p: f64,
    /// Longest response, in tokens.
    #[arg(long, default_value_t = 128)]
    max_tokens: u32,
    /// A text that ends a response, which is cut before it; may be repeated.
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Go on after an end token, up to `--max-tokens`: for measurements.
    #[arg(long)]
    ignore_end: bool,
    /// Responses written at the same time; changes no result.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    slots: u32,
    /// Most memory of keys and values: `2GiB`; changes no result.
    #[arg(long, value_name = "BYTES", value_parser = super::plan::bytes)]
    cache_memory: Option<f64>,
    /// Threads; as many as there are cores if absent. They change no result.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// One JSON object a response, in order; and one about all of them on standard error.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Exit {
    let sampling = Sampling { temperature: args.temperature, top_p: args.top_p, top_k: args.top_k, min_p: args.min_p };
    if let Some(why) = recipec_runtime::generate::problem(&sampling) {
        return usage(&why);
    }
    let stops = match Stops::new(&args.stop) {
        Ok(stops) => stops,
        Err(why) => return usage(&why.to_string()),
    };
    let texts = match prompts::read(&args.prompt, args.prompts.as_deref()) {
        Ok(texts) => texts,
        Err(why) => return usage(&why),
    };
    let model = match model::open(&args.model) {
        Ok(model) => model,
        Err(exit) => return exit,
    };
    let prompts = match Prompts::encode(&model, texts, args.chat, args.system.as_deref(), args.max_tokens) {
        Ok(prompts) => prompts,
        Err(exit) => return exit,
    };
    let engine = Engine {
        end_tokens: if args.ignore_end { Vec::new() } else { model.tokenizer.end_tokens().to_vec() },
        stops,
        text: Some(Arc::new(model.tokenizer.clone())),
        cache_bytes: args.cache_memory.map(|bytes| bytes as usize),
        tokens: !args.json,
        ..Engine::new(args.slots as usize, 0, threads(args.threads))
    };
    answer(args, &model, &prompts, &engine, &sampling)
}

fn usage(why: &str) -> Exit {
    eprintln!("error: {why}");
    Exit::Usage
}

fn answer(args: &Args, model: &Model, prompts: &Prompts, engine: &Engine, sampling: &Sampling) -> Exit {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    if let Err(why) = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Interrupted as i32);
        }
    }) {
        eprintln!("warning: Ctrl-C will end the command at once: {why}");
    }
    let begun = Instant::now();
    let mut tokens = 0;
    let requests = prompts.list.iter().enumerate().flat_map(|(number, prompt)| {
        (0..args.n).map(move |sample| Request {
            stream: Stream::new(args.seed, Purpose::Rollout, 0, number as u32, sample),
            prompt: prompt.tokens.clone(),
            max_new_tokens: prompt.most as usize,
            sampling: sampling.clone(),
        })
    });
    let alone = prompts.list.len() == 1 && args.n == 1;
    let mut writer = written::Writer::new(&model.tokenizer, &engine.stops, alone);
    let done = stream(&model.policy, requests, engine, &mut |event| {
        match event {
            Event::Token { request, token } => writer.token(request, token),
            Event::Done { request, generated } => {
                tokens += generated.tokens.len();
                let (number, sample) = (request / args.n as usize, request % args.n as usize);
                if args.json {
                    say(&line(number, sample, prompts, model, engine, &generated));
                } else {
                    let cut = match generated.stop {
                        StopReason::StopString(cut) => Some(cut),
                        _ => None,
                    };
                    writer.done(number, sample, &model::text(&model.tokenizer, &generated.tokens, cut));
                }
            }
        }
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match done {
        Ok(statistics) => {
            summary(args, prompts, tokens, begun.elapsed().as_secs_f64(), &statistics);
            Exit::Done
        }
        Err(PolicyError::Interrupted) => {
            eprintln!("interrupted after {tokens} tokens");
            Exit::Interrupted
        }
        Err(why @ PolicyError::CacheTooSmall { .. }) => {
            eprintln!("error: {why}\n  help: raise `--cache-memory`, or lower `--max-tokens`");
            Exit::Usage
        }
        Err(why) => {
            eprintln!("error: {why}");
            Exit::RunFailed
        }
    }
}

/// Everything that was recorded about a response. Log-probabilities are written as the 32-bit numbers that they are.
#[derive(Serialize)]
struct Line<'a> {
    prompt: usize,
    sample: usize,
    text: &'a str,
    stop: &'static str,
    stop_string: Option<&'a str>,
    truncated: bool,
    tokens: &'a [u32],
    logp_behavior: &'a [f32],
    logp_sampled: &'a [f32],
    versions: &'a [VersionRun],
    prompt_tokens: Option<usize>,
    prompt_digest: String,
    sampling: &'a Sampling,
}

fn line(
    number: usize,
    sample: usize,
    prompts: &Prompts,
    model: &Model,
    engine: &Engine,
    generated: &Generated,
) -> String {
    let (stop, cut) = match generated.stop {
        StopReason::EndToken => ("end_token", None),
        StopReason::StopString(cut) => ("stop_string", Some(cut)),
        StopReason::Cap => ("cap", None),
    };
    let line = Line {
        prompt: number,
        sample,
        text: &model::text(&model.tokenizer, &generated.tokens, cut),
        stop,
        stop_string: cut.and_then(|cut| engine.stops.string(cut.string)),
        truncated: generated.truncated(),
        tokens: &generated.tokens,
        logp_behavior: &generated.logp_behavior,
        logp_sampled: &generated.logp_sampled,
        versions: &generated.versions,
        prompt_tokens: prompts.list.get(number).map(|prompt| prompt.tokens.len()),
        prompt_digest: model::hex(&generated.prompt_digest),
        sampling: &generated.sampling,
    };
    serde_json::to_string(&line).unwrap_or_else(|why| json!({ "error": why.to_string() }).to_string())
}

/// Counts and rates on standard error.
fn summary(args: &Args, prompts: &Prompts, tokens: usize, seconds: f64, statistics: &Statistics) {
    let read: usize = prompts.list.iter().map(|prompt| prompt.tokens.len()).sum();
    let rate = tokens as f64 / seconds.max(1e-9);
    let responses = prompts.list.len() * args.n as usize;
    if args.json {
        let profile = &statistics.profile;
        let text = json!({
            "prompts": prompts.list.len(), "prompt_tokens": read, "responses": responses, "tokens": tokens,
            "seconds": seconds, "tokens_per_second": rate, "ticks": statistics.ticks, "rows": statistics.rows,
            "preempted": statistics.preempted, "cache_bytes": statistics.cache_bytes,
            "profile_seconds": {
                "products": profile.products, "attention": profile.attention, "head": profile.head,
                "sampling": profile.sampling, "elementwise": profile.elementwise, "rest": profile.rest,
            },
        });
        eprintln!("{text}");
    } else {
        let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        eprintln!(
            "{} of {read} tokens, {} of {tokens} tokens, {seconds:.2} s, {rate:.0} tokens/s",
            plural(prompts.list.len(), "prompt"),
            plural(responses, "response"),
        );
    }
}
