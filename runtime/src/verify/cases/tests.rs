use super::*;

fn read(domain: Domain, case: Value) -> Case {
    Case::read(domain, &case).unwrap_or_else(|why| panic!("{why}: {case}"))
}

#[test]
fn every_domain_has_two_names_and_a_row() {
    for (domain, short, verifier, _) in DOMAINS {
        assert_eq!(Domain::named(short), Some(*domain));
        assert_eq!(Domain::named(verifier), Some(*domain));
        assert_eq!(domain.verifier(), *verifier);
    }
    assert_eq!(Domain::named("poetry"), None);
    assert!(Domain::names().starts_with("`math`, `math_answer`, "));
}

#[test]
fn cases_become_problems() {
    let case = read(
        Domain::Math,
        json!({"id": 7, "mode": "pair", "gold": "$1$", "prediction": "1", "config": {"strict": false, "targets": ["latex", "expr"]}}),
    );
    assert_eq!(case.problem.id, "7");
    assert_eq!(case.problem.columns.get("answer"), Some(&json!("$1$")));
    assert_eq!(case.settings.arguments.get("extract"), Some(&ArgumentValue::Word("pair".into())));
    assert_eq!(case.settings.arguments.get("targets"), Some(&ArgumentValue::Word("latex+expr".into())));
    assert_eq!(case.settings.arguments.get("strict"), Some(&ArgumentValue::Bool(false)));
    assert_eq!((case.answer.as_deref(), case.expected), (Some("1"), None));

    let case =
        read(Domain::Ifeval, json!({"instruction_id": "a:b", "kwargs": {"n": 1}, "response": "", "expected": false}));
    assert_eq!(case.problem.columns.get("instruction_id_list"), Some(&json!(["a:b"])));
    assert_eq!(case.problem.columns.get("kwargs"), Some(&json!([{"n": 1}])));
    assert_eq!(case.expected.map(|expected| expected.status), Some(ExpectedStatus::IsCorrect(false)));

    let case = read(
        Domain::Ifeval,
        json!({"kind": "response", "instruction_id_list": ["a:b"], "response": "x", "expected_status": "partial", "expected_score": 0.5}),
    );
    assert_eq!(case.settings.arguments.get("text"), None);
    assert_eq!(case.expected, Some(Expected { status: ExpectedStatus::Is(Status::Partial), score: Some(0.5) }));

    let case = read(Domain::Logic, json!({"task": "sudoku", "game_data": "{", "prediction": null, "disputed": true}));
    assert_eq!(case.problem.columns.get("game_data"), Some(&json!("{")));
    assert!(case.disputed && case.answer.is_none());
    let case = read(Domain::Logic, json!({"prediction": "x"}));
    assert!(case.problem.columns.is_empty(), "what a case does not hold is no column");

    let case = read(Domain::FnCalling, json!({"prediction": "x", "arguments": {"format": "python"}}));
    assert_eq!(case.settings.arguments.get("format"), Some(&ArgumentValue::Word("python".into())));
}

#[test]
fn broken_cases_say_why() {
    for (domain, case, part) in [
        (Domain::Math, json!([1]), "a case is a JSON object"),
        (Domain::Math, json!({"prediction": "1"}), "no `gold`"),
        (Domain::Math, json!({"gold": "1", "mode": "guess"}), "no mode `guess`"),
        (Domain::Math, json!({"gold": "1", "mode": 3}), "`mode` is not a text"),
        (Domain::Math, json!({"gold": "1", "config": 3}), "`config` is not an object"),
        (Domain::Math, json!({"gold": "1", "prediction": 1}), "the answer is not a text"),
        (Domain::Ifeval, json!({"kind": "single"}), "no `instruction_id`"),
        (Domain::Ifeval, json!({"kind": "many"}), "no kind `many`"),
        (Domain::Logic, json!({"arguments": 1}), "`arguments` is not an object"),
        (Domain::Logic, json!({"arguments": {"a": []}}), "argument `a` is not"),
    ] {
        let why = Case::read(domain, &case).expect_err("broken");
        assert!(why.contains(part), "{why}");
    }
}

#[test]
fn lines_are_answered_in_one_shape() {
    let mut judge = Judge::new(Domain::Ifeval, BTreeMap::new());
    let mut line = |number, line: &str| judge.judge_line(number, line);
    let good = r#"{"id":"a","instruction_id":"punctuation:no_comma","response":"none","expected":true}"#;
    let answer = line(1, good);
    assert_eq!(answer.to_line(), r#"{"id":"a","status":"correct","score":1.0,"detail":null}"#);
    assert_eq!(answer.label, Some(Label { agrees: true, disputed: false }));
    let broken = line(2, "{");
    assert_eq!((broken.id, broken.verdict.status), (json!(2), Status::Error));
    let unknown = json!({"instruction_id": "a", "response": "b", "arguments": {"no_such": true}}).to_string();
    let unknown = line(3, &unknown);
    assert_eq!((unknown.id, unknown.verdict.status), (json!(3), Status::Error));
    let long = json!({"instruction_id": "punctuation:no_comma", "response": "a".repeat(2 << 20)}).to_string();
    assert!(line(4, &long).to_line().ends_with(r#","limited":true}"#));
}

#[test]
fn agreement_is_of_status_and_score() {
    let share = Verdict { score: 0.5, ..Verdict::wrong("half") };
    let is = |status, score| Expected { status: ExpectedStatus::Is(status), score };
    assert!(is(Status::Wrong, Some(0.5)).agrees(&share));
    assert!(!is(Status::Wrong, Some(0.4)).agrees(&share));
    assert!(is(Status::Wrong, None).agrees(&share));
    assert!(!is(Status::Unparsable, None).agrees(&share));
    let truth = |right| Expected { status: ExpectedStatus::IsCorrect(right), score: None };
    assert!(truth(false).agrees(&share) && !truth(true).agrees(&share));
    assert!(!truth(false).agrees(&Verdict::of(Status::Error, "failed")), "an error is never right");
}
