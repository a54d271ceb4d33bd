//! A model that a server has can judge, and nothing else: its weights are not here. Its address and its key are such that nothing
//! secret stands in a recipe.
//!
//! Bad: `model policy { source = endpoint("https://host/v1", model = "m") }`, `key = "sk-12…"`, `kl = k3 { to = served }`.

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::problems::Problems;
use crate::values::{Value, Values};

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    let run = &draft.run;
    for name in draft.view.resolved.names("model") {
        let path = format!("model.{}.source", name.node);
        let Some(arguments) = endpoint(run, &name.node) else { continue };
        let place = run.span(&path).unwrap_or(name.span);
        if name.node == "policy" {
            problems.push(
                Diagnostic::new(codes::OUT_OF_RANGE, "the policy cannot be a model that a server has")
                    .at(place, "its weights are not here, so they cannot be trained")
                    .help("write `fresh { … }` or `folder(\"…\")`"),
            );
        }
        if let Some(Value::Text(url)) = arguments.get("url")
            && let Some(why) = bad_address(url)
        {
            problems.push(
                Diagnostic::new(codes::WRONG_KIND, format!("the address of model `{}` {why}", name.node))
                    .at(place, "in this address")
                    .help("write the address before `/chat/completions`, for example `endpoint(\"https://host/v1\", model = \"…\")`"),
            );
        }
        if let Some(Value::Text(key)) = arguments.get("key")
            && !is_variable(key)
        {
            problems.push(
                Diagnostic::new(
                    codes::WRONG_KIND,
                    "`key` is the name of an environment variable, never the key itself",
                )
                .at(place, "this is no such name: letters, digits and `_`, at most 64, and no digit first")
                .help("put the key into the environment and write `key = \"JUDGE_KEY\"`"),
            );
        }
    }
    for stage in draft.stages.iter().filter(|s| s.supervised.is_none()) {
        let Some(to) = stage.values.word("train.kl.to").filter(|to| endpoint(run, to).is_some()) else { continue };
        problems.push(
            Diagnostic::new(codes::OUT_OF_RANGE, format!("model `{to}` is on a server, and cannot be a reference"))
                .at(stage.values.span("train.kl.to").unwrap_or(stage.place), "its log-probabilities are not here")
                .help("write `to = base`"),
        );
    }
}

/// The arguments of `endpoint(…)`, where that is the source of a model.
pub(super) fn endpoint<'v>(run: &'v Values, model: &str) -> Option<&'v std::collections::BTreeMap<String, Value>> {
    match &run.get(&format!("model.{model}.source"))?.value {
        Value::Call { word, arguments } if word == "endpoint" => Some(arguments),
        _ => None,
    }
}

/// What is wrong with an address, after "the address".
fn bad_address(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Some("does not begin with `https://` or `http://`");
    };
    if rest.split('/').next().is_none_or(str::is_empty) {
        return Some("has no host");
    }
    if rest.contains('@') {
        return Some("holds a `@`: a name or a password has no place in a recipe");
    }
    if rest.contains(['?', '#']) || rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("holds a `?`, a `#` or a blank");
    }
    None
}

fn is_variable(key: &str) -> bool {
    let digit_first = key.starts_with(|c: char| c.is_ascii_digit());
    let known = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    !key.is_empty() && key.len() <= 64 && known && !digit_first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{QUICKSTART, codes_of};

    #[test]
    fn what_stands_in_an_endpoint() {
        let with = |source: &str| {
            format!(
                "{QUICKSTART}\nmodel jury {{ source = {source}  train = frozen }}\nvariant judged {{ override domain.*.verify = judge(model = jury, prompt = \"{{answer}}\", accept = \"yes\") }}\n"
            )
        };
        for (source, code) in [
            ("endpoint(\"https://host/v1\", model = \"m\", key = \"JUDGE_KEY\")", None),
            ("endpoint(\"http://127.0.0.1:8000/v1\", model = \"m\")", None),
            ("endpoint(\"host/v1\", model = \"m\")", Some("recipe::values::wrong_kind")),
            ("endpoint(\"https:///v1\", model = \"m\")", Some("recipe::values::wrong_kind")),
            ("endpoint(\"https://me:word@host/v1\", model = \"m\")", Some("recipe::values::wrong_kind")),
            ("endpoint(\"https://host/v1?key=3\", model = \"m\")", Some("recipe::values::wrong_kind")),
            ("endpoint(\"https://host\", model = \"m\", key = \"sk-123\")", Some("recipe::values::wrong_kind")),
            ("endpoint(\"https://host\", model = \"m\", parallel = 0)", Some("recipe::ranges::out_of_range")),
            ("endpoint(\"https://host\")", Some("recipe::names::missing_key")),
        ] {
            let found = codes_of(&with(source));
            assert_eq!(found.codes, code.into_iter().collect::<Vec<_>>(), "{source}: {}", found.text);
        }
    }

    #[test]
    fn names_of_variables() {
        assert!(is_variable("OPENAI_API_KEY") && is_variable("_k9"));
        assert!(!is_variable("") && !is_variable("9k") && !is_variable("sk-live") && !is_variable(&"k".repeat(65)));
    }
}
