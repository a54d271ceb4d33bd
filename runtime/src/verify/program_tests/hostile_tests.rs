//! Programs that want more than they may have. Every one must end at a limit, at once, in little memory and stack.

use super::value::{Heap, Run};
use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn judge(answer: &str) -> Verdict {
    let columns = BTreeMap::from([("tests".to_owned(), json!([{"input": [3], "output": 3}]))]);
    let problem = Problem { id: String::new(), level: 0, prompt: String::new(), columns };
    let settings = VerifierSettings { name: NAME.into(), arguments: BTreeMap::new() };
    ProgramTests::open(&settings).unwrap().judge(&problem, Some(answer))
}

/// Runs with a stack of half a mebibyte, a quarter of what a thread has by default.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap().join().unwrap();
}

fn function(body: &str) -> String {
    format!("def f(x):\n{}", body.lines().map(|line| format!("  {line}\n")).collect::<String>())
}

#[test]
fn hostile_programs_end_at_a_limit() {
    let programs = [
        "'a'*10000000000".to_owned(),
        "[0]*1000000000".to_owned(),
        "(0,)*9223372036854775807".to_owned(),
        "1000000000*([0]*3)".to_owned(),
        "list(range(1000000000))".to_owned(),
        "sum(range(9223372036854775807))".to_owned(),
        "[0 for a in range(9999) for b in range(9999)]".to_owned(),
        "[[0]*9999 for a in range(9999)]".to_owned(),
        "1<<1000000000".to_owned(),
        "pow(9, 1000000000)".to_owned(),
        "9999999999999999999999".to_owned(),
        function("for i in range(100): x = x*x\nreturn x"),
        function("for i in range(100): x += x\nreturn x"),
        function("s = 'a'\nfor i in range(60): s += s\nreturn s"),
        function("s = [1]\nfor i in range(60): s += s\nreturn s"),
        function("s = [1]\nfor i in range(60): s.extend(s)\nreturn s"),
        function("s = (1,)\nfor i in range(60): s = s + s\nreturn s"),
        function("s = [1]\nfor i in s: s.append(i)\nreturn s"),
        function("s = 'a'*1000\nfor i in range(60): s = s.replace('a', s)\nreturn s"),
        function("s = 'a'*1000\nfor i in range(60): s = s.join([s]*1000)\nreturn s"),
        function("s = 'a'*10000\nn = 0\nfor i in range(10000): n += s.count('b')\nreturn n"),
        function("s = []\nfor i in range(60): s = [s, s]\nt = []\nfor i in range(60): t = [t, t]\nreturn s == t"),
        function("s = []\nfor i in range(60): s = [s, s]\nreturn str(s)"),
        function("s = []\nfor i in range(500): s = [s]\nreturn s < [s]"),
        function("s = []\ns.append(s)\nreturn s == s"),
        function("s = []\ns.append(s)\nreturn str(s)"),
        function("s = list(range(20000))\nfor i in range(9): s = sorted(s)\nreturn s"),
        function("s = list(range(9000))\nfor i in range(9000): s.insert(0, i)\nreturn s"),
        function("for i in range(10000): \n  for j in range(10000): pass\nreturn x"),
        function("return f(x+1)"),
        function("return f(x) + f(x)"),
        "def g(x):\n  return f(x)\ndef f(x):\n  return g(x)".to_owned(),
        "for i in range(100000): pass\ndef f(x):\n  return x".to_owned(),
        function("return 0 if x == 0 else f([i for i in range(9999)])"),
    ];
    for program in programs {
        on_a_small_stack(move || {
            let start = Instant::now();
            let verdict = judge(&program);
            assert!(verdict.limited, "{program}: {verdict:?}");
            assert!(matches!(verdict.status, Status::Wrong | Status::Unparsable), "{program}: {verdict:?}");
            assert!(start.elapsed() < Duration::from_millis(500), "{program}: {:?}", start.elapsed());
        });
    }
}

#[test]
fn hostile_texts_are_refused() {
    let many = |text: &str, count: usize| text.repeat(count);
    let texts = [
        many("x", 1 << 20),
        many("(", 1 << 20),
        many("(", 2_000),
        many("[", 4_000),
        format!("{}x{}", many("(", 2_000), many(")", 2_000)),
        format!("{}x", many("-", 4_000)),
        format!("{}x", many("- ", 2_000)),
        format!("{}x", many("~", 4_000)),
        format!("{}x", many("not ", 1_000)),
        format!("x{}", many("+1", 2_000)),
        format!("x{}", many("[0]", 1_300)),
        format!("x{}", many("()", 2_000)),
        format!("x{}", many(".a", 2_000)),
        format!("x{}", many(" or x", 800)),
        format!("x{}", many(" if x else x", 340)),
        format!("{}x", many("lambda:", 580)),
        format!("[x {}]", many("for x in x ", 350)),
        format!("def f(x):\n if x:\n  pass\n{}", many(" elif x:\n  pass\n", 240)),
        (0..80).map(|level| format!("{}if x:\n", many(" ", level))).collect::<String>(),
        (0..80).map(|level| format!("{}def f(x):\n", many(" ", level))).collect::<String>(),
        many("{", 4_000),
        many("f'{", 1_300),
        many("f\"{f'{", 600),
        many("'", 4_000),
        many("\"\"\"", 1_300),
        many("\\", 4_000),
        many("x=", 2_000),
        many("x,", 2_000),
        many("9", 4_000),
        format!("x{}y", many("\n \n", 1_300)),
        many("\0", 4_000),
        many("\u{202e}ä", 800),
    ];
    for text in texts {
        on_a_small_stack(move || {
            let start = Instant::now();
            let verdict = judge(&text);
            let shown: String = text.chars().take(40).collect();
            assert!(matches!(verdict.status, Status::Wrong | Status::Unparsable), "{shown}: {verdict:?}");
            assert!(start.elapsed() < Duration::from_millis(500), "{shown}: {:?}", start.elapsed());
        });
    }
}

/// A program at the largest depth that the language allows fits into a small stack.
#[test]
fn deep_programs_have_room_on_the_stack() {
    on_a_small_stack(|| {
        let deep = format!("{}f(x+1){}", "abs(".repeat(45), ")".repeat(45));
        let verdict = judge(&function(&format!("return {deep}")));
        assert!(verdict.limited && verdict.status == Status::Wrong, "{verdict:?}");
    });
}

#[test]
fn limits_are_exact() -> Run<()> {
    let limits = Limits { steps: 10, bytes: 100, calls: 1 };
    let mut heap = Heap::new(limits);
    heap.work(10)?;
    assert_eq!(heap.work(1), Err(Stop::Limit("too many steps")));
    let mut heap = Heap::new(limits);
    heap.text("12345678")?;
    assert_eq!(heap.reserve_text(29), Err(Stop::Limit("too much memory")));
    Ok(())
}

/// A word of a program, drawn so that random programs often parse.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "x",
        "1",
        "9",
        "99999",
        "'ab'",
        "[]",
        "(",
        ")",
        "[",
        "]",
        ",",
        "+",
        "-",
        "*",
        "//",
        "%",
        "<<",
        ">>",
        "<",
        "==",
        " in ",
        " not ",
        " and ",
        " or ",
        " if ",
        " else ",
        " for i in ",
        "range(",
        "len(",
        "max(",
        "sorted(",
        "x.append(",
        "'a'.join(",
        "str(",
        ".split(",
        ":",
        "::",
        "i",
        "\n",
        "def f(x):\n return ",
        "for i in x:\n ",
        "=",
        "+=",
        ";",
        "~",
        "**",
        "/",
        "&",
        "^",
        "\\",
        "\"",
        "f'{",
        "}",
        "#",
        "\t",
        "é",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_texts_are_judged(text in any::<String>()) {
        judge(&text);
    }

    #[test]
    fn random_programs_are_judged(pieces in prop::collection::vec(piece(), 0..24)) {
        let text = pieces.concat();
        let verdict = judge(&text);
        prop_assert!((0.0..=1.0).contains(&verdict.score));
        prop_assert_eq!(verdict.status == Status::Correct, verdict.score == 1.0, "{}", text);
        let again = judge(&function(&format!("return {text}")));
        prop_assert!(again.status != Status::Error);
    }
}
