//! `recipec score MODEL`: log-probabilities and entropies of the tokens of a text.

use super::model::{self, threads};
use super::{Exit, say};
use recipec_runtime::model::Model;
use recipec_runtime::policy::gradient::{Lanes, Sequence, score};

#[derive(clap::Args)]
pub struct Args {
    /// A folder in Hugging Face layout, a `.gguf` file, `hf:org/name`, or a run folder, whose last checkpoint is taken.
    model: String,
    /// The text.
    #[arg(long, allow_hyphen_values = true)]
    text: String,
    /// What stands before the text and is not scored. It is turned into tokens by itself.
    #[arg(long, allow_hyphen_values = true)]
    prompt: Option<String>,
    /// Put the prompt as a question into the model's chat template, and score the text as the answer.
    #[arg(long, requires = "prompt")]
    chat: bool,
    /// Divides the logits.
    #[arg(long, default_value_t = 1.0)]
    temperature: f64,
    /// Threads; as many as there are cores if absent. They change no result.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// A JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Exit {
    if !(args.temperature.is_finite() && args.temperature > 0.0) {
        return usage(&format!("`--temperature {}` must be finite and above 0", args.temperature));
    }
    let model = match model::open(&args.model) {
        Ok(model) => model,
        Err(exit) => return exit,
    };
    let (tokens, scored_from) = match tokens(args, &model) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let positions = model.policy.shape.max_positions;
    if tokens.len() > positions {
        return usage(&format!("{} tokens; the model was made for {positions}", tokens.len()));
    }
    let sequence = Sequence { tokens: &tokens, prompt_len: scored_from };
    let lanes = Lanes { threads: threads(args.threads) };
    match score(&model.policy, &[sequence], args.temperature, &lanes) {
        Ok(scores) => {
            let (logp, entropy) = (scores.logp.concat(), scores.entropy.concat());
            if logp.iter().chain(&entropy).any(|value| !value.is_finite()) {
                eprintln!("error: the model gives log-probabilities that are no numbers; its weights are broken");
                return Exit::RunFailed;
            }
            print(args, &model, &tokens, scored_from, &logp, &entropy);
            Exit::Done
        }
        Err(why) => {
            eprintln!("error: {why}");
            Exit::RunFailed
        }
    }
}

fn usage(why: &str) -> Exit {
    eprintln!("error: {why}");
    Exit::Usage
}

/// All tokens, and the first one that is scored. Something must stand before it.
fn tokens(args: &Args, model: &Model) -> Result<(Vec<u32>, usize), Exit> {
    let refused = |what: &str, why: &dyn std::fmt::Display| usage(&format!("`--{what}`: {why}"));
    let text = model.tokenizer.encode(&args.text).map_err(|why| refused("text", &why))?;
    if text.is_empty() {
        return Err(usage("`--text` is empty: there is nothing to score"));
    }
    let mut before = match &args.prompt {
        Some(prompt) if args.chat => {
            let Some(template) = &model.template else {
                return Err(usage("the model has no chat template; leave `--chat` out"));
            };
            let prompt = template.question(prompt).map_err(|why| {
                eprintln!("error: {why}\n  help: {}", why.help());
                Exit::RunFailed
            })?;
            model.tokenizer.encode(&prompt)
        }
        prompt => model.tokenizer.encode_prompt(prompt.as_deref().unwrap_or_default()),
    }
    .map_err(|why| refused("prompt", &why))?;
    // Nothing says how likely a first token is: where nothing stands before the text, its second one is scored first.
    let scored_from = before.len().max(1);
    before.extend(text);
    if scored_from == before.len() {
        return Err(usage("a text of one token with nothing before it has no probability; give a `--prompt`"));
    }
    Ok((before, scored_from))
}

/// What `--json` prints. Log-probabilities and entropies are written as the 32-bit numbers that they are.
#[derive(serde::Serialize)]
struct Scored<'a> {
    prompt_tokens: &'a [u32],
    tokens: &'a [u32],
    texts: Vec<String>,
    logp: &'a [f32],
    entropy: &'a [f32],
    temperature: f64,
    sum_logp: f64,
    mean_logp: f64,
    perplexity: f64,
}

fn print(args: &Args, model: &Model, tokens: &[u32], scored_from: usize, logp: &[f32], entropy: &[f32]) {
    let sum: f64 = logp.iter().map(|logp| f64::from(*logp)).sum();
    let mean = sum / logp.len() as f64;
    let perplexity = (-mean).exp();
    let piece = |token: u32| String::from_utf8_lossy(&model.tokenizer.piece(token)).into_owned();
    let scored = tokens.get(scored_from..).unwrap_or_default();
    if args.json {
        let texts: Vec<String> = scored.iter().map(|token| piece(*token)).collect();
        let result = Scored {
            prompt_tokens: tokens.get(..scored_from).unwrap_or_default(),
            tokens: scored,
            texts,
            logp,
            entropy,
            temperature: args.temperature,
            sum_logp: sum,
            mean_logp: mean,
            perplexity,
        };
        match serde_json::to_string(&result) {
            Ok(line) => say(&line),
            Err(why) => eprintln!("error: {why}"),
        }
        return;
    }
    say("   token       logp    entropy  text");
    for ((token, logp), entropy) in scored.iter().zip(logp).zip(entropy) {
        say(&format!("{token:>8} {logp:>10.4} {entropy:>10.4}  {:?}", piece(*token)));
    }
    say(&format!("{} tokens, log-probability {sum:.4} nats, perplexity {perplexity:.4}", logp.len()));
}
