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
        (r"\infty", r"2\infty + 1"),
        (r"-\infty", r"\infty \cdot (-3)"),
        (r"\infty", r"\frac{\infty}{2}"),
        (r"\infty", r"\infty^2"),
        (r"0", r"\frac{1}{\infty}"),
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
    let verdict = verifier("whole").judge(&problem("x+1"), Some("9^{9^9}"));
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

/// Pieces of which hostile texts are made.
const PIECES: &[&str] = &[
    r"\frac",
    r"\sqrt",
    r"\sqrt[",
    r"\pm",
    r"\boxed{",
    r"\text{",
    r"\left",
    r"\right",
    r"\sum_{k=1}^{",
    r"\int_0^1",
    r"\lim_{x\to",
    r"\begin{pmatrix}",
    r"\end{pmatrix}",
    r"\\",
    "&",
    r"\{",
    r"\}",
    r"\cup",
    r"\in",
    r"\le",
    r"\binom",
    r"\log_",
    r"\sin",
    r"\infty",
    r"\pi",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "|",
    "^",
    "_",
    "!",
    "%",
    ",",
    ";",
    ":",
    "=",
    "<",
    ">",
    "+",
    "-",
    "*",
    "/",
    ".",
    "$",
    "$$",
    r"\(",
    r"\)",
    " ",
    "\n",
    "x",
    "y",
    "d",
    "e",
    "i",
    "0",
    "1",
    "7",
    "9",
    "99",
    "1,000",
    "é",
    "∞",
    "and",
    "answer:",
    "final answer is",
    r"\",
    "#",
    "\u{0}",
    "\u{202e}",
];

/// Texts that try each part of the verifier: nesting, long chains, large numbers, many items.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for (open, close) in [
        ("(", ")"),
        ("{", "}"),
        (r"\sqrt{", "}"),
        (r"\frac{1}{", "}"),
        ("|", "|"),
        (r"\boxed{", "}"),
        (r"\left(", r"\right)"),
    ] {
        for depth in [40, 100_000] {
            texts.push(format!("{}1{}", open.repeat(depth), close.repeat(depth)));
        }
    }
    for piece in [
        "-", "9^", "9!", "1/", "x_", "f(", "x(", r"\frac", r"\frac1", "1,", "{", "}", "$", r"\pm1", r"\cup", "=",
        "x=1,", "e^", r"\sin ", "1+", "x+", "%",
    ] {
        for times in [300, 200_000] {
            texts.push(piece.repeat(times));
            texts.push(format!("{}2", piece.repeat(times)));
        }
    }
    for text in [
        "9^9^9^9",
        "9^{9^{9^9}}",
        "9^{9^9}",
        "x^{1000000}",
        "(x+1)^{99999}",
        r"\binom{99999}{400}",
        "400!!!!",
        "9999!",
        r"\sum_{k=1}^{99999999}k^9",
        r"\sum_{a=1}^{300}\sum_{b=1}^{300}\sum_{c=1}^{300}abc",
        r"\prod_{k=1}^{9999}k",
        r"\int_0^1\int_0^1\int_0^1 xyz\,dx\,dy\,dz",
        r"e^{e^{e^{e^e}}}",
        r"\int_0^1 \sum_{k=1}^{999}\sin(kx)dx",
        r"\sum_{n=1}^{\infty}\sum_{m=1}^{\infty}\frac{1}{n^2m^2}",
        r"|a|+|b|+|c|+|d|>0",
        "|x|+|x-1|+|x-2|+|x-3|<9",
        r"\lim_{x\to0}\frac{\sin\sin\sin x}{x}",
        r"\begin{vmatrix}1&2&3&4&5\\5&1&2&3&4\\4&5&1&2&3\\3&4&5&1&2\\2&3&4&5&1\end{vmatrix}^9",
        r"\begin{pmatrix}x&y\\y&x\end{pmatrix}^{16}",
        "1E999999999",
        "0^{-1}",
        "1/0",
        r"\frac{1}{1-1}",
        "\u{0}\u{1}",
    ] {
        texts.push(text.to_owned());
    }
    texts.push("9".repeat(1_000_000));
    texts.push(format!("0.{}", "9".repeat(1_000_000)));
    texts.push((0..400).map(|at| (at % 10).to_string()).collect::<Vec<_>>().join(","));
    texts.push((0..240).map(|at| format!(r"\sin {at}")).collect::<Vec<_>>().join(","));
    texts.push((1..=90).map(|at| format!("1/{}", 1000 + at)).collect::<Vec<_>>().join("+"));
    texts.push((0..60).map(|at| format!("x^{at}")).collect::<Vec<_>>().join("+"));
    texts.push(format!("${}$", " ".repeat(30_000)));
    texts.push(format!("$1{}x$", " ".repeat(30_000)));
    texts.push(format!("${}$", r"\boxed{1}".repeat(3_000)));
    texts.push(format!("${}$", r"\text{".repeat(4_000)));
    texts.push(format!("${}$", "^(".repeat(15_000)));
    texts.push(format!("${}$", r"\frac{".repeat(4_000)));
    texts.push(format!("${}$", "(1,".repeat(10_000)));
    texts.push("a".repeat(10_000_000));
    texts
}

/// Every text ends soon, against itself, a number and an equation. Wall time is only a guard: the limits count work.
#[test]
fn hostile_texts_end_soon() {
    let mut slowest = (0, String::new());
    for text in hostile() {
        let boxed = format!(r"\boxed{{{text}}}");
        for gold in [boxed.as_str(), r"\boxed{7}", r"\boxed{x^2+y=1}", r"\boxed{\{1,2,3\}}"] {
            for extract in ["boxed", "any", "whole"] {
                let started = std::time::Instant::now();
                let verdict = verifier(extract).judge(&problem(gold), Some(&boxed));
                assert_ne!(verdict.status, Status::Partial);
                let passed = started.elapsed().as_millis();
                if passed > slowest.0 {
                    slowest = (passed, format!("{extract} {}", boxed.chars().take(60).collect::<String>()));
                }
            }
        }
    }
    println!("slowest: {slowest:?}");
    assert!(slowest.0 < 1_000, "{slowest:?}");
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

    #[test]
    fn pieces_of_latex_are_judged(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40), other in prop::collection::vec(prop::sample::select(PIECES), 0..12)) {
        let (text, gold) = (pieces.concat(), other.concat());
        for answer in [format!("\\boxed{{{text}}}"), text.clone()] {
            let verdict = judge_boxed(&format!("\\boxed{{{gold}}}"), &answer, true);
            prop_assert!((0.0..=1.0).contains(&verdict.score));
            judge_pair(&gold, &answer, Patterns::default(), Manner { strict: false, relations_as_sets: true, ..Manner::default() });
            judge_any(&gold, &answer);
        }
    }

    /// What is written twice is the same, whatever it is, if anything is found in it.
    #[test]
    fn a_text_agrees_with_itself(pieces in prop::collection::vec(prop::sample::select(PIECES), 1..20)) {
        let text = format!("\\boxed{{{}}}", pieces.concat());
        let verdict = judge_pair(&text, &text, Patterns::default(), Manner::default());
        let nothing = find(&text, Patterns::default()).text.is_none_or(|text| text.trim().is_empty());
        prop_assert!(verdict.status == Status::Correct || nothing, "{text}");
    }
}
