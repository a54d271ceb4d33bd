//! Templates against transformers: `scripts/make-chat-fixtures` recorded what it renders.

use super::*;
use serde_json::Value as Json;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/chat")
}

fn template(source: &str) -> Result<ChatTemplate, ModelError> {
    let special = BTreeMap::from([("bos_token".to_owned(), "<s>".to_owned())]);
    ChatTemplate::new(source, Path::new("folder/chat_template.jinja"), &special)
}

#[test]
fn every_recorded_conversation() {
    let mut seen = 0;
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "jinja") {
            continue;
        }
        // The order of keys in the functions counts, so their text is cut out as it stands.
        let text = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let recorded: minijinja::Value = serde_json::from_str(&text).unwrap();
        let plain: Json = serde_json::from_str(&text).unwrap();
        let special: BTreeMap<String, String> = serde_json::from_value(plain["special"].clone()).unwrap();
        let template = ChatTemplate::new(&std::fs::read_to_string(&path).unwrap(), &path, &special).unwrap();
        let cases = recorded.get_attr("cases").unwrap();
        for (case, ordered) in plain["cases"].as_array().unwrap().iter().zip(cases.try_iter().unwrap()) {
            let messages: Vec<Message> = serde_json::from_value(case["messages"].clone()).unwrap();
            let tools = ordered.get_attr("tools").unwrap();
            let tools = (!tools.is_none()).then(|| serde_json::to_string(&tools).unwrap());
            let found = template.apply(&messages, tools.as_deref(), case["add_generation_prompt"] == true);
            match (&case["expected"], found) {
                (Json::String(expected), Ok(found)) => assert_eq!(found, *expected, "{} {case}", path.display()),
                (Json::Null, Err(why)) => {
                    let said = case["error"].as_str().unwrap();
                    assert!(why.to_string().contains(said), "{why} {said}");
                }
                (_, found) => panic!("{}: {found:?} for {case}", path.display()),
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 70);
}

#[test]
fn a_template_that_raises_says_where() {
    let template =
        template("{{ bos_token }}\n\n{% if true %}{{ raise_exception('No ' + 'system.') }}{% endif %}").unwrap();
    let said = template.question("x").unwrap_err().to_string();
    assert_eq!(said, "chat template of `folder/chat_template.jinja`, line 3: the template says: No system.");
}

#[test]
fn templates_that_cannot_be_read() {
    for (source, line) in [("a\n{% if x %}", 2), ("{{ x", 1), ("\n\n{% for %}", 3), ("{% nothing %}", 1)] {
        let said = template(source).unwrap_err().to_string();
        assert!(said.contains("folder/chat_template.jinja"), "{said}");
        assert!(said.contains(&format!("line {line}")), "{source}: {said}");
    }
}

#[test]
fn work_is_bounded() {
    let source = "{% for a in range(10000) %}{% for b in range(10000) %}{{ a }}{% endfor %}{% endfor %}";
    let said = template(source).unwrap().question("x").unwrap_err().to_string();
    assert!(said.contains("steps of work"), "{said}");
    let source = "{% macro again(x) %}{{ again(x) }}{% endmacro %}{{ again(1) }}";
    assert!(template(source).unwrap().question("x").is_err());
    let deep = format!("{}1{}", "[".repeat(2000), "]".repeat(2000));
    assert!(template(&format!("{{{{ {deep} }}}}")).is_err());
}

#[test]
fn the_clock_is_not_asked() {
    let asks_first =
        template("{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}fixed{% endif %}").unwrap();
    assert_eq!(asks_first.question("x").unwrap(), "fixed");
    let said = template("{{ strftime_now('%Y') }}").unwrap().question("x").unwrap_err().to_string();
    assert!(said.contains("does not depend on the clock"), "{said}");
}

#[test]
fn where_a_folder_has_its_template() {
    let folder = tempfile::tempdir().unwrap();
    let found = || of_folder(folder.path(), &Tokenizer::Characters);
    assert!(found().unwrap().is_none());
    let settings = folder.path().join("tokenizer_config.json");
    std::fs::write(&settings, r#"{"chat_template": "A"}"#).unwrap();
    assert_eq!(found().unwrap().unwrap().question("x").unwrap(), "A");
    std::fs::write(
        &settings,
        r#"{"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]}"#,
    )
    .unwrap();
    assert_eq!(found().unwrap().unwrap().question("x").unwrap(), "D");
    for wrong in [r#"{"chat_template": 3}"#, r#"{"chat_template": []}"#, "{"] {
        std::fs::write(&settings, wrong).unwrap();
        let said = found().unwrap_err().to_string();
        assert!(said.contains("tokenizer_config.json"), "{said}");
    }
    std::fs::write(folder.path().join("chat_template.jinja"), "J{{ messages[0].content }}").unwrap();
    assert_eq!(found().unwrap().unwrap().question("x").unwrap(), "Jx");
}
