//! Chat templates: the Jinja text of a checkpoint that turns a conversation into a prompt.
//!
//! They are rendered as transformers does it: blocks trimmed, `bos_token` and its like as variables, `tojson` as Python's `json.dumps`,
//! the methods of Python's strings. Two things differ on purpose. `strftime_now` does not exist, because a prompt must not depend on
//! the clock; templates that ask first (`strftime_now is defined`) take their fixed date. And work is counted and bounded.

mod json;
mod python;

use super::{ModelError, files};
use crate::tokenizer::Tokenizer;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Instructions of a template; the longest known conversation needs a hundredth of it.
const FUEL: u64 = 20_000_000;

/// Name under which the template stands in its environment.
const NAME: &str = "chat";

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// What was said.
    pub content: String,
}

impl Message {
    /// A turn of the user.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user".into(), content: content.into() }
    }
}

/// How a conversation becomes a prompt.
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    path: PathBuf,
    special: BTreeMap<String, String>,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ChatTemplate").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// Reads a template. `path` is where it comes from; `special` are the texts of special tokens by their roles.
    pub fn new(source: &str, path: &Path, special: &BTreeMap<String, String>) -> Result<Self, ModelError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|why| template_error(path, &why, "it cannot be read"))?);
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(python::method);
        environment.set_formatter(python::format);
        environment.add_filter("tojson", json::filter);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, format!("the template says: {message}")))
        });
        environment
            .add_template_owned(NAME, without_marks(source))
            .map_err(|why| template_error(path, &why, "it cannot be read"))?;
        Ok(Self { environment, path: path.to_owned(), special: special.clone() })
    }

    /// The prompt of a conversation. `tools` is the text of a JSON list of functions that the model may call, in the order in which
    /// they are to be written. With `add_generation_prompt` the prompt ends where the model's answer begins.
    pub fn apply(
        &self,
        messages: &[Message],
        tools: Option<&str>,
        add_generation_prompt: bool,
    ) -> Result<String, ModelError> {
        let failed = |why: &Error| template_error(&self.path, why, "it failed");
        let tools: Option<Value> = match tools {
            Some(text) => Some(serde_json::from_str(text).map_err(|why| ModelError::Template {
                path: self.path.clone(),
                line: None,
                why: format!("the list of functions is not JSON: {why}"),
            })?),
            None => None,
        };
        let mut context: BTreeMap<&str, Value> =
            self.special.iter().map(|(role, text)| (role.as_str(), Value::from(text.clone()))).collect();
        let messages = messages
            .iter()
            .map(|turn| Value::from_pairs([("role", turn.role.as_str()), ("content", turn.content.as_str())]));
        context.insert("messages", messages.collect());
        context.insert("tools", tools.unwrap_or(Value::from(())));
        context.insert("documents", Value::from(()));
        context.insert("add_generation_prompt", Value::from(add_generation_prompt));
        let template = self.environment.get_template(NAME).map_err(|why| failed(&why))?;
        template.render(context).map_err(|why| failed(&why))
    }

    /// The prompt of a single question: one turn of the user, then the model's.
    pub fn question(&self, text: &str) -> Result<String, ModelError> {
        self.apply(&[Message::user(text)], None, true)
    }
}

/// The marks around what a model is trained on are for other programs; blocks that are always taken keep blanks and line numbers.
fn without_marks(source: &str) -> String {
    let mut text = source.to_owned();
    for (name, block) in [("endgeneration", "endif"), ("generation", "if true")] {
        for open in ["{%", "{%-", "{%+"] {
            for close in ["%}", "-%}", "+%}"] {
                text = text.replace(&format!("{open} {name} {close}"), &format!("{open} {block} {close}"));
            }
        }
    }
    text
}

fn template_error(path: &Path, error: &Error, what: &str) -> ModelError {
    let mut why = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => format!("{what}: it does more than {FUEL} steps of work"),
        (ErrorKind::InvalidOperation, Some(detail)) if detail.starts_with("the template says: ") => detail.to_owned(),
        (kind, Some(detail)) => format!("{what}: {kind}: {detail}"),
        (kind, None) => format!("{what}: {kind}"),
    };
    if error.detail().is_some_and(|detail| detail.contains("strftime_now")) {
        why.push_str("; it asks for today's date, and a prompt here does not depend on the clock");
    }
    ModelError::Template { path: path.to_owned(), line: error.line(), why }
}

/// The template of a folder, where it has one: `chat_template.jinja`, else the one in `tokenizer_config.json` or
/// `chat_template.json`. Of several named ones it is `default`.
pub(crate) fn of_folder(folder: &Path, tokenizer: &Tokenizer) -> Result<Option<ChatTemplate>, ModelError> {
    let own = folder.join("chat_template.jinja");
    if own.exists() {
        return ChatTemplate::new(&files::read_text(&own)?, &own, tokenizer.special()).map(Some);
    }
    for name in ["tokenizer_config.json", "chat_template.json"] {
        let path = folder.join(name);
        let Some(value) = files::read_json(&path)? else { continue };
        let source = match value.get("chat_template") {
            None | Some(serde_json::Value::Null) => continue,
            Some(serde_json::Value::String(source)) => source.clone(),
            Some(serde_json::Value::Array(named)) => {
                let default = named.iter().find(|one| one.get("name").and_then(|n| n.as_str()) == Some("default"));
                match default.and_then(|one| one.get("template")).and_then(|t| t.as_str()) {
                    Some(source) => source.to_owned(),
                    None => {
                        let why = "of its named templates none is `default`".to_owned();
                        return Err(ModelError::Field { path, field: "chat_template".into(), why });
                    }
                }
            }
            Some(_) => {
                let why = "it is neither a text nor a list of named texts".to_owned();
                return Err(ModelError::Field { path, field: "chat_template".into(), why });
            }
        };
        return ChatTemplate::new(&source, &path, tokenizer.special()).map(Some);
    }
    Ok(None)
}

/// Takes an optional named argument out of those of a filter.
fn named<'a, T>(kwargs: &'a Kwargs, name: &'a str) -> Result<Option<T>, Error>
where
    T: minijinja::value::ArgType<'a, Output = T>,
{
    kwargs.get::<Option<T>>(name)
}

#[cfg(test)]
mod tests;
