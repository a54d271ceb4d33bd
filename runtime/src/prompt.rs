//! `prompt = "{problem}\nPut the final answer within \\boxed{{}}."`: a text with columns of the data in it.

use crate::data::Problem;
use crate::model::chat::ChatTemplate;
use crate::tokenizer::Tokenizer;
use recipec_compiler::template::{self, Part};
use serde_json::Value;

/// A parsed prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptTemplate {
    parts: Vec<Part>,
}

impl PromptTemplate {
    /// Reads `{column}`; `{{` and `}}` stand for braces.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { parts: template::parse(text)? })
    }

    /// The prompt of a problem. `{problem}` and `{prompt}` mean the data's own prompt where there is no such column; another
    /// column that is missing leaves its name in braces, so that it is seen in the sampled rollouts.
    pub fn fill(&self, problem: &Problem) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Column(name) => match problem.columns.get(name) {
                    Some(Value::String(value)) => text.push_str(value),
                    Some(value) => text.push_str(&value.to_string()),
                    None if name == "problem" || name == "prompt" => text.push_str(&problem.prompt),
                    None => {
                        text.push('{');
                        text.push_str(name);
                        text.push('}');
                    }
                },
            }
        }
        text
    }
}

/// The tokens of a prompt: put as a question through the chat template where there is one, else as it stands, after the token that
/// opens every sequence.
pub fn tokens(tokenizer: &Tokenizer, template: Option<&ChatTemplate>, prompt: &str) -> Result<Vec<u32>, String> {
    let tokens = match template {
        // A template writes the opening token itself.
        Some(template) => tokenizer.encode(&template.question(prompt).map_err(|why| why.to_string())?),
        None => tokenizer.encode_prompt(prompt),
    };
    tokens.map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn columns_and_braces() {
        let problem = Problem {
            id: "1".into(),
            level: 1,
            prompt: "1+1".into(),
            columns: BTreeMap::from([("n".to_string(), Value::from(3))]),
        };
        let filled = |text: &str| PromptTemplate::parse(text).map(|t| t.fill(&problem));
        assert_eq!(filled("{problem}\nin \\boxed{{}}, {n}").unwrap(), "1+1\nin \\boxed{}, 3");
        assert_eq!(filled("{nothing}").unwrap(), "{nothing}");
        assert!(filled("{problem").is_err());
        assert!(filled("problem}").is_err());
    }
}
