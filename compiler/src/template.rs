//! `prompt = "{problem}\nPut the final answer within \\boxed{{}}."`: a text with columns of the data in it.

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// The name of a column.
    Column(String),
}

/// Reads `{column}`; `{{` and `}}` stand for braces. The error is a sentence without full stop.
pub fn parse(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.peek() == Some(&c) => {
                chars.next();
                plain.push(c);
            }
            '{' => {
                let mut name = String::new();
                loop {
                    match chars.next() {
                        Some('}') => break,
                        Some(c) => name.push(c),
                        None => return Err(format!("the prompt has a `{{` without `}}` before `{name}`")),
                    }
                }
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Column(name.trim().to_string()));
            }
            '}' => return Err("the prompt has a `}` without `{`; write `}}` for a brace".into()),
            c => plain.push(c),
        }
    }
    parts.push(Part::Text(plain));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_braces() {
        let columns = |text: &str| -> Result<Vec<String>, String> {
            Ok(parse(text)?
                .into_iter()
                .filter_map(|p| if let Part::Column(name) = p { Some(name) } else { None })
                .collect())
        };
        assert_eq!(columns("{problem} in \\boxed{{}}, { n }"), Ok(vec!["problem".to_string(), "n".to_string()]));
        assert_eq!(columns("{{problem}}"), Ok(Vec::new()));
        assert!(columns("{problem").is_err() && columns("problem}").is_err() && columns("{{{").is_err());
    }
}
