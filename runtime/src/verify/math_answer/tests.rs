mod conformance;

use super::*;
use crate::verify::open;
use proptest::prelude::*;
use recipec_compiler::settings::ArgumentValue;
use std::collections::BTreeMap;

fn verifier(extract: &str) -> Box<dyn Verifier> {
    let word = |word: &str| ArgumentValue::Word(word.to_owned());
    let arguments = BTreeMap::from([("gold".to_owned(), word("answer")), ("extract".to_owned(), word(extract))]);
    open(&VerifierSettings { name: "math_answer".into(), arguments }).expect("good arguments")
}

fn problem(gold: &str) -> Problem {
    let columns = BTreeMap::from([("answer".to_owned(), Value::String(gold.to_owned()))]);
    Problem { id: String::new(), level: 0, prompt: String::new(), columns }
}

fn check(extract: &str, gold: &str, answer: &str, expected: Status) {
    let verdict = verifier(extract).judge(&problem(gold), Some(answer));
    assert_eq!(verdict.status, expected, "gold {gold:?}, answer {answer:?}: {verdict:?}");
    assert_eq!(verdict.score, if expected == Status::Correct { 1.0 } else { 0.0 });
}

#[test]
fn values_count_not_spelling() {
    for (gold, answer) in [
        ("5", "5.0"),
        ("1/2", r"\frac12"),
        ("1/2", ".5"),
        (r"\frac{53}{25}", r"2\frac{3}{25}"),
        ("1234567", "1,234,567"),
        ("50", r"50\%"),
        ("1/4", "25%"),
        ("-3/4", r"\frac{3}{-4}"),
        ("1000", "10^3"),
        (r"2\sqrt{3}", r"\sqrt{12}"),
        (r"\frac{\pi}{4}", r"\arctan 1"),
        ("(x-2)(x+3)", "x^2+x-6"),
        (r"\{1,2\}", "2, 1"),
        (r"\{-2,2\}", r"\pm 2"),
        ("(1,2)", r"\left(1, 2\right)"),
        ("x>5", r"(5,\infty)"),
        ("5", "x=5"),
        ("x=5", "5"),
        ("3x+4y=12", "3x+4y-12=0"),
        (r"[1,2]\cup[3,4]", r"[3,4]\cup[1,2]"),
        (r"15\text{ cm}^2", "15"),
        (r"\text{Evelyn}", "evelyn"),
        (r"\binom{5}{2}", "10"),
        ("120", "5!"),
    ] {
        check("boxed", gold, &format!(r"so $\boxed{{{answer}}}$."), Status::Correct);
    }
}

#[test]
fn other_values_are_wrong() {
    for (gold, answer) in [
        ("5", "6"),
        ("1/3", "0.333"),
        ("25", "0.25"),
        ("(1,2)", "(2,1)"),
        ("(0,1)", "[0,1)"),
        (r"\{1,2\}", r"\{1,3\}"),
        ("x>5", r"x\ge5"),
        (r"2\sqrt{3}", r"\sqrt{13}"),
        ("x+1", "x+2"),
        ("x=1", "y=1"),
        (r"\infty", "1000000"),
        (r"\frac{\pi r}{h+r}", r"\frac{\pi r}{h}+r"),
    ] {
        check("boxed", gold, &format!(r"\boxed{{{answer}}}"), Status::Wrong);
    }
}

#[test]
fn missing_and_unreadable_answers_have_their_own_status() {
    check("boxed", "5", "5", Status::NoAnswer);
    check("boxed", "5", r"\boxed{}", Status::Unparsable);
    check("boxed", "5", r"\boxed{ }", Status::Unparsable);
    check("boxed", "5", r"\boxed{@}", Status::Wrong);
    check("whole", "5", "  ", Status::NoAnswer);
    check("whole", "5", "five?", Status::Unparsable);
    check("any", "5", "I think the answer is 5.", Status::Correct);
    assert_eq!(verifier("whole").judge(&problem("5"), None).status, Status::NoAnswer);
    let mut without = problem("5");
    without.columns.clear();
    assert_eq!(verifier("whole").judge(&without, Some("5")).status, Status::Error);
}

/// A copy of the question has the right value, and must not be paid.
#[test]
fn a_whole_answer_is_a_number_that_is_written_out() {
    for answer in ["12+345", "357*1", "714/2", "357/1", "x=12+345", "--357", "357!/356!", "12+345=357"] {
        check("whole", "357", answer, Status::Wrong);
    }
    for answer in ["357", " 357 ", "x=357", "357.0"] {
        check("whole", "357", answer, Status::Correct);
    }
    check("whole", "3/4", "3/4", Status::Correct);
    check("whole", "3/4", "6/8", Status::Wrong);
    check("whole", "-7", "-7", Status::Correct);
}

#[test]
fn hostile_answers_end_at_a_limit() {
    let deep = format!("{}1{}", "(".repeat(450), ")".repeat(450));
    let minus = "-".repeat(900);
    let digits = "9".repeat(1_000_000);
    let root = format!("{}2{}", r"\sqrt{".repeat(140), "}".repeat(140));
    let sums = vec!["1/997"; 160].join("+");
    let powers = (1..=70).map(|at| format!("1/{}^350", 1000 + at)).collect::<Vec<_>>().join("+");
    let sets = (0..400).map(|at| (at % 10).to_string()).collect::<Vec<_>>().join(",");
    for text in
        [&deep, &minus, &digits, "9^9^9^9", "9^{9^{9^9}}", "99999!!!!", &root, &sums, &powers, &sets, "0^{-1}", "1/0"]
    {
        for extract in ["boxed", "any", "whole"] {
            let verdict = verifier(extract).judge(&problem("7"), Some(&format!(r"\boxed{{{text}}}")));
            assert_ne!(verdict.status, Status::Correct, "{extract}");
            let verdict = verifier(extract).judge(&problem(text), Some(text));
            assert_ne!(verdict.status, Status::Partial, "{extract}");
        }
    }
    let verdict = verifier("whole").judge(&problem("x"), Some("9^{9^9}"));
    assert_eq!((verdict.status, verdict.limited), (Status::Wrong, true));
}

#[test]
fn arguments_are_checked() {
    for (argument, value) in [
        ("extract", ArgumentValue::Word("last".into())),
        ("gold", ArgumentValue::Number(1.0)),
        ("answer", ArgumentValue::Word("gold".into())),
    ] {
        let arguments = BTreeMap::from([(argument.to_owned(), value)]);
        let opened = open(&VerifierSettings { name: "math_answer".into(), arguments });
        assert!(matches!(opened, Err(VerifierError::BadArgument { .. })), "{argument}");
    }
}

proptest! {
    #[test]
    fn any_text_is_judged(gold in "\\PC{0,40}", answer in "\\PC{0,80}") {
        for extract in ["boxed", "any", "whole"] {
            verifier(extract).judge(&problem(&gold), Some(&answer));
            verifier(extract).judge(&problem(&gold), Some(&format!("\\boxed{{{answer}}}")));
        }
    }

    #[test]
    fn text_in_the_language_of_mathematics_is_judged(answer in r"(\\frac|\\sqrt|\\pm|\\boxed|[0-9x.,^_{}()\[\]|!%+*/=<>-]){0,40}") {
        let verdict = verifier("boxed").judge(&problem(r"\frac{1}{2}"), Some(&format!("\\boxed{{{answer}}}")));
        prop_assert!((0.0..=1.0).contains(&verdict.score));
    }
}
