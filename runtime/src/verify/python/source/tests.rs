use super::*;

/// What a call's argument `a` stands for, printed; none where the text is refused.
fn argument(text: &str) -> Option<String> {
    let calls = calls(&format!("[f(a={text})]")).ok()?;
    let (_, arguments) = calls.first()?;
    arguments.first().map(|(_, value)| format!("{value:?}"))
}

fn same(text: &str, expected: Value) {
    assert_eq!(argument(text), Some(format!("{expected:?}")), "{text}");
}

#[test]
fn arguments_stand_for_values() {
    let text = |text: &str| Value::Text(text.into());
    let int = Value::Int;
    same("-5", int(-5));
    same("+5", int(-5));
    same("not 5", int(-5));
    same("-True", int(-1));
    same("0x10", int(16));
    same("1_000", int(1000));
    same(".5e1", Value::Float(5.0));
    same("1.", Value::Float(1.0));
    same("1+2*3", int(7));
    same("2**-1", Value::Float(0.5));
    same("-7//2", int(-4));
    same("'x'*3", text("xxx"));
    same("'x' \"y\"", text("xy"));
    same("'a\\'b\\n\\x41\\q'", text("a'b\nA\\q"));
    same("r'\\n'", text("\\n"));
    same("'''a\nb'''", text("a\nb"));
    same("x", text("x"));
    same("null", text("null"));
    same("...", text("..."));
    same("g()", text("g()"));
    same("g(1, 'x',  [1,2], {'a':1}, x.y, z[1], (1,))", text("g(1, 'x', [1, 2], {'a': 1}, x.y, z[1], (1,))"));
    same("b[0]", text("b[0]"));
    same("b[1:2]", text("b[1:2]"));
    same("(1)", int(1));
    same("(1, [2, (3,)])", Value::Tuple(vec![int(1), Value::List(vec![int(2), Value::Tuple(vec![int(3)])])]));
    same("{'x': None, 2: True,}", Value::Dict(vec![(text("x"), Value::Null), (int(2), Value::Bool(true))]));
    same("g(b=1)", Value::Dict(vec![(text("g"), Value::Dict(vec![(text("b"), int(1))]))]));
    same("b'x'", Value::Other);
    same("1j", Value::Other);
    for refused in [
        "--1",
        "-x",
        "x.y",
        "{1, 2}",
        "f'x'",
        "x+1",
        "lambda: 1",
        "1 < 2",
        "x if y else z",
        "x and y",
        "012",
        "1__0",
        "0x",
        "1a",
        "'a",
        "'a\nb'",
        "{**x}",
        "[x for x in y]",
        "class",
        "1 2",
        "a b",
        "$",
        "{[1]: 2}",
        "9**9**9",
        "'\\N{DASH}'",
        "1/0",
        "g(b=x.y)",
    ] {
        assert_eq!(argument(refused), None, "{refused}");
    }
}

#[test]
fn lists_of_calls() {
    let names = |text: &str| {
        let calls = calls(text).ok()?;
        Some(calls.iter().map(|(name, arguments)| format!("{name}/{}", arguments.len())).collect::<Vec<_>>().join(" "))
    };
    for (text, expected) in [
        ("[f(a=1), g()]", Some("f/1 g/0")),
        ("f(a=1)", Some("f/1")),
        ("f(a=1), g(b=2)", Some("f/1 g/1")),
        ("```\n[f(a=1),\n g(b=2),]\n```", Some("f/1 g/1")),
        ("[a.b.c(x=1)]", Some("a.b.c/1")),
        ("[f(1, *x, a=3, a=4)]", Some("f/1")),
        ("[f(**d)]", Some("f/1")),
        ("[f(a=1)  # first\n]", Some("f/1")),
        ("[(f(a=1))]", Some("f/1")),
        ("[]", Some("")),
        ("", Some("")),
        ("[f()(a=1)]", Some("/1")),
        ("```python\n[f(a=1)]\n```", None),
        ("[[f(a=1)]]", None),
        ("['f(a=1)']", None),
        ("(f(a=1), g())", None),
        ("{f(a=1)}", None),
        ("[f]", None),
        ("hello there", None),
        ("f(a=1)\ng(b=2)", None),
        ("[f(a=1) g(b=1)]", None),
        ("[f(a=1, 2)]", None),
        ("f(a=1);", None),
    ] {
        assert_eq!(names(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn hostile_texts_end() {
    for text in [
        "[".repeat(200_000),
        "f(a=".repeat(50_000),
        "-".repeat(200_000),
        "not ".repeat(50_000),
        format!("f(a={})", "1+".repeat(100_000)),
        format!("f(a=1{})", "+1".repeat(50_000)),
        format!("f(a=x{})", ".y".repeat(50_000)),
        format!("f(a=x{})", "[0]".repeat(50_000)),
        format!("f(a={})", "2**".repeat(50_000)),
        format!("f(a={}1)", "9".repeat(100_000)),
        format!("f(a='a'{})", "*9".repeat(1_000)),
        format!("f(a=({}))", "'a' ".repeat(50_000)),
        format!("f(a=x{})", " if y else z".repeat(5_000)),
        format!("f(a=x{})", " and x".repeat(5_000)),
        "f(a='".repeat(40_000),
        "\u{0}é字".repeat(1_000),
    ] {
        assert!(
            calls(&text).is_err() || text.starts_with("f(a=1+1") || text.starts_with("f(a=('a'"),
            "{}",
            &text[..12]
        );
    }
}
