use super::*;
use proptest::prelude::*;
use recipec_compiler::settings::ArgumentValue;
use serde_json::json;
use std::collections::BTreeMap;

fn judge(ids: Value, kwargs: Value, answer: Option<&str>) -> Verdict {
    let columns = BTreeMap::from([("instruction_id_list".to_owned(), ids), ("kwargs".to_owned(), kwargs)]);
    let problem = Problem { id: String::new(), level: 0, prompt: String::new(), columns };
    Constraints::default().judge(&problem, answer)
}

/// Each line: id, arguments, a text that follows, a text that does not.
#[test]
fn each_constraint_tells_two_texts_apart() {
    let cases = [
        ("builtin:comma_separated", json!({}), "mip,mip, zu", "mip mip,zu"),
        ("builtin:upper_case", json!({}), "MIP 3", "MIp"),
        ("builtin:word_times", json!({"word": "mip", "times": 2}), "MIP,mip zu", "mip mip mip"),
        (
            "change_case:capital_word_frequency",
            json!({"capital_frequency": 2, "capital_relation": "at least"}),
            "NASA's A-B test",
            "Nasa's A-b test",
        ),
        ("change_case:english_capital", json!({}), "THE DOG IS HERE.", "THE Dog IS HERE."),
        ("change_case:english_lowercase", json!({}), "the dog is here.", "der hund ist hier."),
        ("combination:repeat_prompt", json!({"prompt_to_repeat": "Say it."}), "say it. It.", "It. Say it."),
        ("combination:two_responses", json!({}), "a\n******\nb", "a ****** a"),
        ("copy:copy", json!({"prompt_to_repeat": "Say it."}), " say IT.", "say it"),
        ("copy:copying_simple", json!({"prompt_to_repeat": "Say it."}), "Say it.", "Say."),
        ("copy:copying_multiple", json!({"prompt_to_repeat": "a", "N": 3}), "a******A******a", "a******a"),
        (
            "copy:repeat_phrase",
            json!({"phrase": "go to the sea", "small_n": 2}),
            "go to a sea. go to my sea",
            "go to a sea",
        ),
        ("count:count_unique", json!({}), "one two 2.", "one, two, three"),
        (
            "count:counting_composition",
            json!({"n_sent": 1, "n_words": 3}),
            "I am.\n***\nI am.\n***\nI am.",
            "I am.***I am.",
        ),
        ("count:count_increment_word", json!({"keyword1": "a", "keyword2": "b"}), "a b b", "a b"),
        ("count:lowercase_counting", json!({"N": 1}), "one Two", "one two"),
        ("detectable_content:number_placeholders", json!({"num_placeholders": 2}), "[a] [b]", "[a] [b"),
        ("detectable_content:postscript", json!({"postscript_marker": "P.P.S"}), "x p. p.s y", "P.S. x"),
        ("detectable_content:postscript", json!({"postscript_marker": "P.S."}), "x P. S. y", "PS y"),
        ("detectable_format:bigram_wrapping", json!({}), "<<a b>> c", "<<a b c>>"),
        ("detectable_format:constrained_response", json!({}), "So: My answer is no.", "My answer is no"),
        ("detectable_format:json_format", json!({}), "```json\n{\"a\": NaN}\n```", "{a: 1}"),
        (
            "detectable_format:multiple_sections",
            json!({"section_spliter": "Part", "num_sections": 2}),
            "Part 1 a Part 2",
            "Part 1 Part b",
        ),
        ("detectable_format:number_bullet_lists", json!({"num_bullets": 2}), "* a\n- b\n** c", "* a"),
        ("detectable_format:number_highlighted_sections", json!({"num_highlights": 2}), "*a* and *b*", "*a* and * *"),
        ("detectable_format:sentence_hyphens", json!({}), "One.-Two.", "One. Two."),
        ("detectable_format:square_brackets", json!({}), "[a] [b]", "[a] b"),
        ("detectable_format:title", json!({}), "<<T>>", "<< >>"),
        ("first_word:first_word_answer", json!({"first_word": "so"}), "So it is", "It is so"),
        ("first_word:first_word_sent", json!({"first_word": "so"}), "So it is. So be it.", "So it is. Be it."),
        ("keywords:exclude_word_harder", json!({"keyword": "cat"}), "a cat.", "a cat sat"),
        ("keywords:existence", json!({"keywords": ["cat", "dog"]}), "Cats, hotDOG", "cat"),
        ("keywords:forbidden_words", json!({"forbidden_words": ["cat"]}), "cats", "a Cat!"),
        ("keywords:frequency", json!({"keyword": "a", "frequency": 2, "relation": "at least"}), "a A", "a"),
        (
            "keywords:letter_frequency",
            json!({"letter": "A", "let_frequency": 2, "let_relation": "less than"}),
            "a b",
            "a A",
        ),
        (
            "keywords:keyword_specific_position",
            json!({"keyword": "cat", "n": 2, "m": 3}),
            "So. My, cat is here.",
            "So. My cat is here.",
        ),
        ("keywords:no_adjacent_consecutive", json!({}), "a c b", "a b"),
        ("keywords:palindrome", json!({}), "say level", "say it"),
        (
            "keywords:word_count_different_numbers",
            json!({"keyword": "a", "frequency": 2, "relation": "less than"}),
            "a",
            "a a",
        ),
        ("keywords:word_once", json!({"keyword": "a"}), "A b", "a a"),
        ("keywords:start_end", json!({}), "So be it so", "So be it."),
        ("language:response_language", json!({"language": "de"}), "das ist ein hund", "this is a dog"),
        ("last_word:last_word_answer", json!({"last_word": "so"}), "It is so.", "So it is."),
        ("last_word:last_word_sent", json!({"last_word": "so"}), "It is so. Be so!", "It is so. Be."),
        (
            "length_constraints:nth_paragraph_first_word",
            json!({"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "so"}),
            "a\n\n\"So, it",
            "so\n\na",
        ),
        ("length_constraints:number_paragraphs", json!({"num_paragraphs": 2}), "a\n***\nb", "a\n\nb"),
        (
            "length_constraints:number_sentences",
            json!({"num_sentences": 2, "relation": "at least"}),
            "Dr. No came. Then?",
            "Dr. No came.",
        ),
        ("length_constraints:number_words", json!({"num_words": 3, "relation": "less than"}), "a b", "a b-c"),
        ("letters:letter_counting", json!({"N": 3, "relation": "at least"}), "a1bc", "ab é"),
        ("letters:letter_counting2", json!({"letter": "a", "let_frequency": 1, "let_relation": "less than"}), "b", "A"),
        (
            "new:copy_span_idx",
            json!({"prompt_to_repeat": "the quick fox", "n_start": 4, "n_end": 9}),
            "QUICK",
            "quick fox",
        ),
        ("paragraphs:paragraphs", json!({}), "a *** b", "a"),
        ("paragraphs:paragraphs2", json!({}), "a\n\nb", "a\nb"),
        ("punctuation:no_comma", json!({}), "a; b", "a, b"),
        ("punctuation:punctuation_dot", json!({}), "a!", "a."),
        ("punctuation:punctuation_exclamation", json!({}), "a.", "a!"),
        ("startend:end_checker", json!({"end_phrase": "The End"}), "\"so, the end\"", "the end."),
        ("startend:quotation", json!({}), " \"a\" ", "\"a"),
    ];
    for (id, kwargs, follows, fails) in &cases {
        let verdict = judge(json!([id]), json!([kwargs]), Some(follows));
        assert_eq!((verdict.status, verdict.score), (Status::Correct, 1.0), "{id}: {follows:?}");
        let verdict = judge(json!([id]), json!([kwargs]), Some(fails));
        assert_eq!((verdict.status, verdict.score), (Status::Wrong, 0.0), "{id}: {fails:?}");
        let unknown = judge(json!([id]), json!([{ "no_such": 1 }]), Some(follows));
        assert_eq!(unknown.status, Status::Wrong, "{id}: an unknown argument");
    }
    assert!(CHECKS.is_sorted_by(|a, b| a.0 < b.0), "they are looked up by bisection");
    for (id, ..) in CHECKS {
        assert!(cases.iter().any(|(tested, ..)| tested == id), "{id} is not tested");
    }
}

#[test]
fn the_score_is_the_share_that_is_followed() {
    let ids = json!(["punctuation:no_comma", "startend:quotation", "no:such"]);
    let verdict = judge(ids.clone(), json!([null, {}, {}]), Some("\"a\""));
    assert_eq!((verdict.status, verdict.score), (Status::Partial, 2.0 / 3.0));
    assert_eq!(verdict.detail.as_deref(), Some("not followed: no:such"));
    assert_eq!(judge(ids.clone(), Value::Null, Some(" \n")).status, Status::NoAnswer);
    assert_eq!(judge(ids, Value::Null, None).status, Status::NoAnswer);
    assert_eq!(judge(json!([]), Value::Null, None).status, Status::Correct);
    let between = Some("a, b [begin final response]a[End Final Response]");
    assert_eq!(judge(json!(["punctuation:no_comma"]), Value::Null, between).status, Status::Correct);
}

#[test]
fn arguments_of_the_verifier_choose_what_is_read() {
    let open = |name: &str, value: &str| {
        let arguments = BTreeMap::from([(name.to_owned(), ArgumentValue::Word(value.into()))]);
        Constraints::open(&VerifierSettings { name: "constraints".into(), arguments })
    };
    let columns = |ids: Value| BTreeMap::from([("instruction_id_list".to_owned(), ids)]);
    let problem = |ids| Problem { id: String::new(), level: 0, prompt: String::new(), columns: columns(ids) };
    let comma = problem(json!(["punctuation:no_comma"]));
    let (whole, loose) = (open("text", "whole").unwrap(), open("score", "loose").unwrap());
    let marked = Some("a, b [BEGIN FINAL RESPONSE]a[END FINAL RESPONSE]");
    assert_eq!(whole.judge(&comma, marked).status, Status::Wrong);
    assert_eq!(whole.judge(&comma, Some("")).status, Status::Correct);
    for (text, status) in [
        ("Sure, here:\na\nb", Status::Correct),
        ("a\nb\nSo, there.", Status::Correct),
        ("Sure, here:\na\nSo, there.", Status::Correct),
        ("a,\nb\nc,", Status::Correct),
        ("a,\nb,\nc", Status::Wrong),
        ("a,", Status::Wrong),
    ] {
        assert_eq!(loose.judge(&comma, Some(text)).status, status, "{text}");
    }
    let quoted = problem(json!(["startend:quotation"]));
    assert_eq!(loose.judge(&quoted, Some("**\"a\"**")).status, Status::Correct);
    assert!(open("text", "half").is_err() && open("score", "free").is_err());
}

#[test]
fn a_pattern_that_runs_long_is_limited() {
    let kwargs = json!([{"keywords": ["(a+)+b"]}]);
    let verdict = judge(json!(["keywords:existence"]), kwargs, Some(&"a".repeat(200)));
    assert_eq!((verdict.status, verdict.limited), (Status::Wrong, true));
}

#[test]
fn what_cannot_be_judged_is_an_error() {
    assert_eq!(judge(json!("punctuation:no_comma"), Value::Null, Some("a")).status, Status::Error);
    assert_eq!(judge(json!(["punctuation:no_comma"]), json!({}), Some("a")).status, Status::Error);
}

/// Arguments that every check meets in the tests below.
fn hostile_arguments(known: &[&str]) -> [Value; 3] {
    let all = |value: Value| Value::Object(known.iter().map(|name| ((*name).to_owned(), value.clone())).collect());
    let likely = |name: &str| match name {
        "relation" | "let_relation" => json!("at least"),
        "keywords" | "forbidden_words" => json!(["", "é*", "["]),
        "keyword" | "keyword1" | "keyword2" | "letter" | "first_word" | "last_word" | "word" | "phrase" => json!("é"),
        "prompt_to_repeat" | "end_phrase" | "postscript_marker" | "section_spliter" => json!("p.É"),
        _ => json!(3),
    };
    let fitting = Value::Object(known.iter().map(|name| ((*name).to_owned(), likely(name))).collect());
    [fitting, all(json!("")), all(json!(-1))]
}

#[test]
fn hostile_texts_end_at_once() {
    let texts = [
        "[".repeat(1 << 19),
        "*".repeat(1 << 19),
        "* ".repeat(1 << 18),
        "\n ".repeat(1 << 18),
        "{\"a\":".repeat(1 << 16),
        "A.".repeat(1 << 18),
        "<<>>".repeat(1 << 17),
        "p.".repeat(1 << 18),
        "é ".repeat(1 << 17),
        "\"".repeat(1 << 19),
    ];
    for text in &texts {
        for (id, known, _) in CHECKS {
            for kwargs in hostile_arguments(known) {
                judge(json!([id]), json!([kwargs]), Some(text));
            }
        }
    }
    let verdict = judge(json!(["punctuation:no_comma"]), Value::Null, Some(&"a".repeat(2 << 20)));
    assert_eq!((verdict.status, verdict.limited), (Status::Wrong, true));
}

proptest! {
    #[test]
    fn any_text_is_judged(text in "(\\PC|[\n.*<>\\[\\]\"é-]){0,60}") {
        for (id, known, _) in CHECKS {
            for kwargs in hostile_arguments(known) {
                let verdict = judge(json!([id]), json!([kwargs]), Some(&text));
                prop_assert!((0.0..=1.0).contains(&verdict.score));
            }
        }
    }
}
