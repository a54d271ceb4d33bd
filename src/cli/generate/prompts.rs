//! Prompts from the command line or a file, in tokens.

use crate::cli::Exit;
use recipec_runtime::model::Model;
use recipec_runtime::model::chat::Message;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A prompt.
pub struct Prompt {
    pub tokens: Arc<[u32]>,
    /// Longest response that the model has positions for, at most what was asked for.
    pub most: u32,
}

/// All prompts, in order.
pub struct Prompts {
    pub list: Vec<Prompt>,
}

/// The texts of the command line, then those of the file.
pub fn read(given: &[String], file: Option<&Path>) -> Result<Vec<String>, String> {
    let mut texts = Vec::new();
    for text in given {
        if text == "-" {
            let mut all = String::new();
            std::io::stdin()
                .read_to_string(&mut all)
                .map_err(|why| format!("cannot read a prompt from standard input: {why}"))?;
            texts.push(all);
        } else {
            texts.push(text.clone());
        }
    }
    if let Some(file) = file {
        let shown = file.display();
        let all = std::fs::read_to_string(file).map_err(|why| format!("cannot read `{shown}`: {why}"))?;
        for (number, line) in all.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            if !line.trim_start().starts_with('{') {
                texts.push(line.to_owned());
                continue;
            }
            let at = number + 1;
            let read: serde_json::Value =
                serde_json::from_str(line).map_err(|why| format!("`{shown}`, line {at} is not JSON: {why}"))?;
            match read.get("prompt").and_then(serde_json::Value::as_str) {
                Some(prompt) => texts.push(prompt.to_owned()),
                None => return Err(format!("`{shown}`, line {at}: `prompt` is missing or no text")),
            }
        }
        if texts.is_empty() {
            return Err(format!("`{shown}` holds no prompt"));
        }
    }
    Ok(texts)
}

impl Prompts {
    /// Turns texts into tokens, through the chat template where that is asked for.
    pub fn encode(
        model: &Model,
        texts: Vec<String>,
        chat: bool,
        system: Option<&str>,
        max_tokens: u32,
    ) -> Result<Self, Exit> {
        let mut list = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            let usage = |why: String| {
                eprintln!("error: prompt {number}: {why}");
                Exit::Usage
            };
            let encoded = if chat {
                let Some(template) = &model.template else {
                    eprintln!("error: the model has no chat template\n  help: leave `--chat` out");
                    return Err(Exit::Usage);
                };
                let system = system.map(|text| Message { role: "system".into(), content: text.into() });
                let turns: Vec<Message> = system.into_iter().chain([Message::user(text.as_str())]).collect();
                let text = template.apply(&turns, None, true).map_err(|why| {
                    eprintln!("error: {why}\n  help: {}", why.help());
                    Exit::RunFailed
                })?;
                model.tokenizer.encode(&text)
            } else {
                model.tokenizer.encode_prompt(text)
            };
            let tokens = encoded.map_err(|why| usage(why.to_string()))?;
            if tokens.is_empty() {
                return Err(usage("it is empty, and this model has no token that opens a text".into()));
            }
            let positions = model.policy.shape.max_positions;
            let left = positions.saturating_sub(tokens.len());
            if left == 0 && max_tokens > 0 {
                return Err(usage(format!("{} tokens; the model was made for {positions}", tokens.len())));
            }
            let most = max_tokens.min(u32::try_from(left).unwrap_or(u32::MAX));
            if most < max_tokens {
                eprintln!(
                    "note: prompt {number}: at most {most} tokens more; the model was made for {positions} in all"
                );
            }
            list.push(Prompt { tokens: tokens.into(), most });
        }
        Ok(Self { list })
    }
}
