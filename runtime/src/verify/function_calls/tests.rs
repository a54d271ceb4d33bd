use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

fn open(format: &str) -> FunctionCalls {
    let arguments = BTreeMap::from([("format".to_owned(), ArgumentValue::Word(format.into()))]);
    FunctionCalls::open(&VerifierSettings { name: NAME.into(), arguments }).unwrap()
}

fn problem(functions: Json, ground_truth: Json, category: Option<&str>) -> Problem {
    let mut columns = BTreeMap::from([("functions".to_owned(), functions), ("ground_truth".to_owned(), ground_truth)]);
    if let Some(category) = category {
        columns.insert("category".to_owned(), json!(category));
    }
    Problem { id: String::new(), level: 0, prompt: String::new(), columns }
}

fn describe(name: &str, properties: Json, required: Json) -> Json {
    json!({ "name": name, "parameters": { "type": "dict", "properties": properties, "required": required } })
}

fn lamp() -> Json {
    describe(
        "home.set",
        json!({
            "lamp": {"type": "integer"}, "room": {"type": "string"}, "dim": {"type": "float"}, "on": {"type": "boolean"},
            "hours": {"type": "array", "items": {"type": "integer"}}, "scene": {"type": "dict"},
            "steps": {"type": "array", "items": {"type": "dict"}},
        }),
        json!(["lamp"]),
    )
}

fn check(expected: Json, call: Json, status: Status, why: Option<&str>) {
    let problem = problem(json!([lamp()]), json!([{ "home.set": expected }]), None);
    let verdict = open("json").judge(&problem, Some(&json!({ "home_set": call }).to_string()));
    assert_eq!((verdict.status, verdict.detail.as_deref()), (status, why), "{call}");
    assert_eq!(verdict.score == 1.0, status == Status::Correct);
}

#[test]
fn types_are_exact() {
    let wrong = |expected: Json, call: Json, why| check(expected, call, Status::Wrong, Some(why));
    let right = |expected: Json, call: Json| check(expected, call, Status::Correct, None);
    right(json!({"lamp": [5]}), json!({"lamp": 5}));
    wrong(json!({"lamp": [5]}), json!({"lamp": 5.0}), "type_error:simple");
    wrong(json!({"lamp": [1]}), json!({"lamp": true}), "type_error:simple");
    wrong(json!({"lamp": [5]}), json!({"lamp": "5"}), "type_error:simple");
    right(json!({"lamp": ["n"]}), json!({"lamp": "n"}));
    wrong(json!({"lamp": ["n"]}), json!({"lamp": "m"}), "value_error:others");
    wrong(json!({"lamp": [5, 6]}), json!({"lamp": 7}), "value_error:others");
    right(json!({"lamp": [5], "dim": [2.0]}), json!({"lamp": 5, "dim": 2}));
    right(json!({"lamp": [5], "on": [true]}), json!({"lamp": 5, "on": true}));
    wrong(json!({"lamp": [5], "on": [true]}), json!({"lamp": 5, "on": 1}), "type_error:simple");
    wrong(json!({"lamp": [5], "hours": [[1, 2]]}), json!({"lamp": 5, "hours": [1, 2.5]}), "type_error:nested");
    wrong(json!({"lamp": [5], "hours": [[1, 2]]}), json!({"lamp": 5, "hours": [2, 1]}), "value_error:list/tuple");
    right(json!({"lamp": [5], "hours": [[1], [1, 2]]}), json!({"lamp": 5, "hours": [1, 2]}));
}

#[test]
fn parameters_may_be_left_out_where_the_data_says_so() {
    let wrong = |expected: Json, call: Json, why| check(expected, call, Status::Wrong, Some(why));
    check(json!({"lamp": [5], "room": ["", "hall"]}), json!({"lamp": 5}), Status::Correct, None);
    wrong(json!({"lamp": [5], "room": ["hall"]}), json!({"lamp": 5}), "simple_function_checker:missing_optional");
    wrong(json!({"lamp": [5]}), json!({}), "simple_function_checker:missing_required");
    wrong(json!({"lamp": [5]}), json!({"lamp": 5, "room": "hall"}), "simple_function_checker:unexpected_param");
    wrong(json!({"lamp": [5]}), json!({"lamp": 5, "sofa": 1}), "simple_function_checker:unexpected_param");
}

#[test]
fn texts_and_dictionaries_are_compared_loosely() {
    let scene = json!({"lamp": [1], "scene": [{"mood": ["Calm"], "level": [3, ""]}]});
    let steps = json!({"lamp": [1], "steps": [[{"a": [1]}, {"a": [2]}]]});
    let room = json!({"lamp": [1], "room": ["Living-Room"]});
    check(room.clone(), json!({"lamp": 1, "room": "living room."}), Status::Correct, None);
    check(room, json!({"lamp": 1, "room": "living room\n"}), Status::Wrong, Some("value_error:string"));
    check(scene.clone(), json!({"lamp": 1, "scene": {"mood": "calm"}}), Status::Correct, None);
    check(scene.clone(), json!({"lamp": 1, "scene": {"level": 3}}), Status::Wrong, Some("value_error:dict_key"));
    check(scene, json!({"lamp": 1, "scene": {"mood": "loud"}}), Status::Wrong, Some("value_error:dict_value"));
    check(steps.clone(), json!({"lamp": 1, "steps": [{"a": 1}, {"a": 2}]}), Status::Correct, None);
    check(
        steps.clone(),
        json!({"lamp": 1, "steps": [{"a": 2}, {"a": 1}]}),
        Status::Wrong,
        Some("value_error:dict_value"),
    );
    check(steps, json!({"lamp": 1, "steps": [{"a": 1}]}), Status::Wrong, Some("value_error:list_dict_count"));
}

#[test]
fn several_calls_match_in_any_order() {
    let add = describe("add", json!({"a": {"type": "integer"}}), json!(["a"]));
    let run = describe("run", json!({"b": {"type": "integer"}}), json!(["b"]));
    let truth = json!([{"add": {"a": [1]}}, {"add": {"a": [2]}}, {"run": {"b": [3]}}]);
    let problem = problem(json!([add, run]), truth, None);
    let check = |answer: &str, status, score| {
        let verdict = open("json").judge(&problem, Some(answer));
        assert_eq!((verdict.status, verdict.score), (status, score), "{answer}: {:?}", verdict.detail);
    };
    check(r#"[{"run":{"b":3}},{"add":{"a":2}},{"add":{"a":1}}]"#, Status::Correct, 1.0);
    check(r#"[{"run":{"b":3}},{"add":{"a":1}},{"add":{"a":1}}]"#, Status::Wrong, 2.0 / 3.0);
    check(r#"[{"run":{"b":3}},{"add":{"a":2}}]"#, Status::Wrong, 2.0 / 3.0);
    check(r#"[{"run":{"b":3}},{"add":{"a":2}},{"add":{"a":1}},{"add":{"a":1}}]"#, Status::Wrong, PARTIAL_LIMIT);
    check(r#"[]"#, Status::Unparsable, 0.0);
    check("", Status::NoAnswer, 0.0);
}

#[test]
fn calls_are_found_in_text() {
    let add = describe("add", json!({"a": {"type": "integer"}}), json!(["a"]));
    let check = |category: Option<&str>, text: &str, status| {
        let problem = problem(json!([add]), json!([{"add": {"a": [1]}}]), category);
        assert_eq!(open("tool_calls").judge(&problem, Some(text)).status, status, "{text}");
    };
    let good = r#"{"name":"add","arguments":{"a":1}}"#;
    let bad = r#"{"name":"add","arguments":{"a":2}}"#;
    for (text, status) in [
        (format!("so <TOOL_CALLS>[{good}]</Tool_Calls>."), Status::Correct),
        (format!("<tool_calls>{good}</tool_calls>"), Status::Correct),
        (format!("<tool_calls>{bad}</tool_calls><tool_calls>{good}</tool_calls>"), Status::Correct),
        (format!("<tool_calls>{good}</tool_calls><tool_calls> </tool_calls>"), Status::Correct),
        (format!("<tool_calls>{good}</tool_calls><tool_calls>oops</tool_calls>"), Status::NoAnswer),
        (format!("<tool_calls>{bad}</tool_calls>"), Status::Wrong),
        (format!("<tool_calls>[{good},{good}]</tool_calls>"), Status::Wrong),
        (r#"<tool_calls>{"add":{"a":1}}</tool_calls>"#.into(), Status::Correct),
        (r#"<tool_calls>{"function":{"name":"add","arguments":"{\"a\":1}"}}</tool_calls>"#.into(), Status::Correct),
        (r#"<tool_calls>{"name":"add","arguments":"a=1"}</tool_calls>"#.into(), Status::Wrong),
        (r#"<tool_calls>{"name":"add","arguments":"[1]"}</tool_calls>"#.into(), Status::Unparsable),
        (r#"<tool_calls>{"function":"add"}</tool_calls>"#.into(), Status::Unparsable),
        ("<tool_calls>[1]</tool_calls>".into(), Status::NoAnswer),
        (format!("<tool_calls>{good}"), Status::NoAnswer),
        (good.to_owned(), Status::NoAnswer),
    ] {
        check(None, &text, status);
    }
    check(Some("irrelevance"), good, Status::Correct);
    check(Some("live_irrelevance"), &format!("<tool_calls>{good}</tool_calls>"), Status::Wrong);
    check(Some("live_relevance"), &format!("<tool_calls>{bad}</tool_calls>"), Status::Correct);
    check(Some("live_relevance"), "", Status::NoAnswer);
}

#[test]
fn calls_may_be_python_source() {
    let add = describe(
        "math.add",
        json!({"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "string"}}}),
        json!(["a"]),
    );
    let truth = json!([{"math.add": {"a": [1], "b": [["x"], ""]}}, {"math.add": {"a": [2], "b": [["y"], ""]}}]);
    let two = problem(json!([add]), truth, None);
    let check = |problem: &Problem, answer: &str, status, score| {
        let verdict = open("python").judge(problem, Some(answer));
        assert_eq!((verdict.status, verdict.score), (status, score), "{answer}: {:?}", verdict.detail);
    };
    check(&two, "[math.add(a=1), math.add(a=2, b=['Y.'])]", Status::Correct, 1.0);
    check(&two, "math_add(a=2), math_add(a=1, b=[\"x\"])", Status::Correct, 1.0);
    check(&two, "[math.add(a=1), math.add(a=3)]", Status::Wrong, 0.5);
    check(&two, "[math.add(a=1)]", Status::Wrong, 0.5);
    check(&two, "[math.add(a=1.0), math.add(a='2')]", Status::Wrong, 0.0);
    check(&two, "[]", Status::Unparsable, 0.0);
    check(&two, " ", Status::NoAnswer, 0.0);
    check(&two, "I would call math.add.", Status::Unparsable, 0.0);
    let none = problem(json!([add]), Json::Null, Some("irrelevance"));
    check(&none, "None of them fits.", Status::Correct, 1.0);
    check(&none, "[]", Status::Correct, 1.0);
    check(&none, "[math.add(a=1)]", Status::Wrong, 0.0);
    let tuple = describe("f", json!({"p": {"type": "tuple", "items": {"type": "integer"}}}), json!(["p"]));
    let tuple = problem(json!([tuple]), json!([{"f": {"p": [[1, 2]]}}]), None);
    check(&tuple, "f(p=(1, 2))", Status::Correct, 1.0);
    check(&tuple, "f(p=[1, 2])", Status::Correct, 1.0);
}

#[test]
fn odd_shapes_are_read_as_the_reference_reads_them() {
    let add = describe("add", json!({"a": {"type": "float"}}), json!([]));
    let check = |category: Option<&str>, payload: &str, status| {
        let problem = problem(json!([add]), json!([{"add": {"a": [1.0, ""]}}]), category);
        let verdict = open("tool_calls").judge(&problem, Some(&format!("<tool_calls>{payload}</tool_calls>")));
        assert_eq!(verdict.status, status, "{payload}: {verdict:?}");
    };
    check(None, r#"{"name":"add","arguments":null}"#, Status::Correct);
    check(None, r#"{"name":"add","arguments":["x"]}"#, Status::Correct);
    check(None, r#"{"name":"add","arguments":[1]}"#, Status::Unparsable);
    check(None, r#"{"name":"add","arguments":[{}]}"#, Status::Unparsable);
    check(None, r#"{"name":"add","arguments":2}"#, Status::Unparsable);
    check(None, r#"{"function":{"name":"add","arguments":[1]}}"#, Status::Correct);
    check(None, r#"{"function":{"name":["add"]}}"#, Status::Unparsable);
    check(None, r#"{"name":5,"arguments":{}}"#, Status::Wrong);
    check(None, r#"{"name":"add","arguments":{"a":NaN}}"#, Status::Wrong);
    check(Some("irrelevance"), r#"{"name":"add","arguments":{"a":NaN}}"#, Status::Wrong);
    check(None, &format!(r#"{{"name":"add","arguments":{{"a":{}}}}}"#, "9".repeat(400)), Status::Unparsable);
    check(None, &"[".repeat(2_000), Status::Unparsable);
}

#[test]
fn formats_are_checked() {
    let open = |value| {
        let arguments = BTreeMap::from([("format".to_owned(), value)]);
        FunctionCalls::open(&VerifierSettings { name: NAME.into(), arguments })
    };
    let yaml = open(ArgumentValue::Word("yaml".into()));
    assert!(matches!(yaml, Err(VerifierError::BadArgument { why, .. }) if why.contains("`python`")));
    assert!(open(ArgumentValue::Number(1.0)).is_err());
}

#[test]
fn hostile_answers_end() {
    let problem = problem(json!([lamp()]), json!([{ "home.set": {"lamp": [5]} }]), None);
    for text in [
        "[".repeat(200_000),
        "{\"a\":".repeat(40_000),
        "<tool_calls>".repeat(20_000),
        "9".repeat(200_000),
        "x".repeat(1 << 20),
    ] {
        for format in ["json", "tool_calls", "python"] {
            let verdict = open(format).judge(&problem, Some(&text));
            assert!(matches!(verdict.status, Status::Unparsable | Status::NoAnswer), "{verdict:?}");
        }
    }
}

proptest! {
    #[test]
    fn random_texts_are_judged(text in any::<String>(), inner in "[\\[\\]{}\":,a-z0-9.]{0,40}") {
        let problem = problem(json!([lamp()]), json!([{ "home.set": {"lamp": [5]} }]), None);
        for text in [text, inner.clone(), format!("<tool_calls>{inner}</tool_calls>")] {
            for format in ["json", "tool_calls", "python"] {
                prop_assert!(open(format).judge(&problem, Some(&text)).status != Status::Correct);
            }
        }
    }
}
