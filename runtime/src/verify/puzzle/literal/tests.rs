use super::*;

/// The right-hand texts are what Python 3.11 prints for `str(eval(..))`.
#[test]
fn expressions_have_the_value_that_python_gives() {
    for (text, value) in [
        ("8*(4+7)-8", "80"),
        ("-2**2", "-4"),
        ("2**-1", "0.5"),
        ("2**3**2", "512"),
        ("7//-2, 7%-2, -7%3, 7.5//2, -7.5%2", "(-4, -1, 2, 3.0, 0.5)"),
        ("10/5==2", "True"),
        ("1<2<3==3", "True"),
        ("3>2>2", "False"),
        ("1 or 1/0", "1"),
        ("0 and x", "0"),
        ("not not 3", "True"),
        ("14or 0", "14"),
        ("5|2, 6&3, 5^1, 1<<4, -9>>1, ~4", "(7, 2, 4, 16, -5, -5)"),
        ("'a' \"b\" 'c'", "abc"),
        ("'a'+'b'", "ab"),
        ("(1,)", "(1,)"),
        ("1,", "(1,)"),
        ("[1,\n 2, # two\n]", "[1, 2]"),
        ("\n# c\n5 # d\n\n", "5"),
        ("0x_ff + 0b11 + 0o17 + 1_0", "283"),
        ("1e3, .5, 5., 1e-7", "(1000.0, 0.5, 5.0, 1e-07)"),
        ("r'\\n' '\\x41\\101\\u2192\\q'", "\\nAA→\\q"),
        ("'''a\nb'''", "a\nb"),
        ("{1:2, 1.0:3}", "{1: 3}"),
        ("{2, 1, 2}", "{2, 1}"),
        ("b'a\\xff'", "b'a\u{ff}'"),
        ("123456789012345678901234567890123456789012", "123456789012345678901234567890123456789012"),
        ("00", "0"),
        ("1\\\n+2", "3"),
    ] {
        assert_eq!(expression(text).map(|value| value.written()), Ok(value.to_owned()), "{text}");
    }
}

#[test]
fn what_python_refuses_is_refused() {
    for text in [
        "",
        " ",
        "x",
        "1/0",
        "0**-1",
        "05",
        "1 2",
        "1__0",
        "1_",
        "8(4)",
        "[1][0]",
        "1.real",
        "(1",
        "[1,,2]",
        "1+",
        "'a",
        "'a\nb'",
        "f'a'",
        "\n 5",
        "5\n ",
        "1\n+2",
        "abs(1)",
        "__import__('os')",
        "(-8)**(1/3)",
        "[[1]=2]",
        "{[1]:2}",
        "{[1]}",
        "1e",
        "'a'<1",
        "1a",
        "a='1'",
        "1;2",
        "1 if 1 else 2",
        "lambda: 1",
        "[x for x in 1]",
        "10.0**1000",
        "\u{a0}1",
        "'\\N{DIGIT ONE}'",
        "'\\u12'",
        "'\0'",
    ] {
        assert!(expression(text).is_err(), "{text} -> {:?}", expression(text));
    }
}

#[test]
fn literals_have_no_operators() {
    for text in ["1+2", "--1", "-True", "~1", "not 1", "1 == 1", "1 or 2", "2**3", "x", "-'a'"] {
        assert!(literal(text).is_err(), "{text}");
    }
    for (text, value) in [
        ("-1", "-1"),
        ("[-1.5, +2, 'a', None, True]", "[-1.5, 2, 'a', None, True]"),
        ("  (1)", "1"),
        ("{'a': [(1, 2)]}", "{'a': [(1, 2)]}"),
    ] {
        assert_eq!(literal(text).map(|value| value.written()), Ok(value.to_owned()), "{text}");
    }
}

#[test]
fn limits_count_work() {
    assert_eq!(expression("9**9**9"), Err(Fault::Limit));
    assert_eq!(expression(&"[".repeat(100_000)), Err(Fault::Limit));
    assert_eq!(expression(&"-".repeat(100_000)), Err(Fault::Limit));
    assert_eq!(expression(&"not ".repeat(300_000)), Err(Fault::Limit));
    assert_eq!(expression(&format!("[{}]", "1,".repeat(300_000))), Err(Fault::Limit));
    assert_eq!(expression(&format!("{}1{}", "(".repeat(70), ")".repeat(70))), Ok(Py::Int(1)));
}
