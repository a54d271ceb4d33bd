//! Faulty recipes: each fault is found, where it is, in words that say what to do.

mod common;

use common::{faults, items, read};
use recipec_grammar::SyntaxErrorKind;

/// Texts with one fault: the text at fault, the message and a piece of the help.
#[rustfmt::skip] // a table: one case, one line
const ONE_FAULT: &[(&str, &str, &str, &str)] = &[
    // Words of other languages.
    ("mix { ratio: 40% }", ":", "`:` stands where `=` belongs", "key = value"),
    ("mix { ratio == 40% }", "==", "`==` stands where `=` belongs", "key = value"),
    ("mix { ratio => 40% }", "=>", "`=>` stands where `=` belongs", "key = value"),
    ("mix { ratio := 40% }", ":=", "`:=` stands where `=` belongs", "key = value"),
    ("mix { f = g(a: 1) }", ":", "`:` stands where `=` belongs", "key = value"),
    ("term t = a && b", "&&", "`&&` is written `and`", "write `and`"),
    ("term t = a || b", "||", "`||` is written `or`", "write `or`"),
    ("term t = !a", "!", "`!` is written `not`", "write `not`"),
    ("term t = a ** 2", "**", "`**` is written `^`", "write `^`"),
    ("term t = a =< 2", "=<", "`=<` is written `<=`", "write `<=`"),
    ("term t = a <> 2", "<>", "`<>` is written `!=`", "write `!=`"),
    ("term t = a % b", "%", "there is no modulo", "40%"),
    ("term t = a +- b", "+-", "there is no `+-`", "within"),
    ("test \"t\" { expect a == 1 ± 2 }", "±", "there is no `±`", "within"),
    ("term t = +a", "+", "`+` before a value", "remove the sign"),
    ("mix { a = 'x' }", "'x'", "a text in single quotes", "\"x\""),
    ("# c\nmix { }", "# c", "unexpected `# c` between the items of a recipe", "`//`"),
    ("mix { a = 1; b = 2 }", ";", "unexpected `;` in a block", "leave the `;` out"),
    ("domain math: { a = 1 }", ":", "`:` between a block and its brace", "keyword name {"),
    ("mix = { a = 1 }", "=", "`=` between a block and its brace", "keyword name {"),
    // Values and operands.
    ("mix { a = }", "=", "`a` has no value", "write `a = …`"),
    ("mix { a = b = 1 }", "=", "`a` has no value", "write `a = …`"),
    ("mix { a =\n b = 1 }", "=", "`a` has no value", "write `a = …`"),
    ("mix { a = 1 +\n b = 1 }", "+", "a value is missing behind `+`", "add the value"),
    ("mix { a = 1 * }", "*", "a value is missing behind `*`", "add the value"),
    ("mix { a 40% }", "a", "`=` is missing behind `a`", "write `a = …`"),
    ("mix { a = () }", "(", "nothing in these brackets", "write a value"),
    ("mix { a = f(b =) }", "=", "argument `b` has no value", "name = value"),
    ("mix { a = f(b c = 1) }", "b", "a comma is missing", "commas"),
    ("mix { a = f(b,,c) }", ",", "unexpected `,`", "remove it"),
    ("mix { a = [1 2] }", "2", "unexpected `2` in a list", "commas"),
    ("mix { , a = 1 }", ",", "unexpected `,` in a block", "remove it"),
    ("mix { a.b = 1 }", "a.b", "the key `a.b` has no `override`", "override a.b"),
    ("mix { a = b { c { d = 1 } } }", "c ", "an inner block `c` in a value", "c = {"),
    ("mix { a = b.c { d = 1 } }", "b.c", "a record with the dotted name `b.c`", "name {"),
    // Expressions.
    ("term t = a < b < c", "<", "comparisons do not chain", "a < b and b < c"),
    ("term t = a == b != c == d", "!=", "comparisons do not chain", "and"),
    ("term t = f(0..1..2)", "..", "a range has two ends", "0..4"),
    ("term t = if a = b then 1 else 2", "=", "`=` stands where two values are compared", "write `==`"),
    ("term t = if a then 1", "if", "`if` without `else`", "else 0"),
    ("term t = if a 1 else 2", "if", "`if` without `then`", "if condition then"),
    ("term t = 1 else 2", "else", "`else` without an `if`", "if condition then"),
    ("term t = a given b - c", "-", "`-` behind `given` needs brackets", "(x given y) - …"),
    ("term t = a given b given c", "given c", "`given` behind `given`", "(correct, finished)"),
    ("term t = a given", "given", "`given` without a signal", "given correct"),
    ("term t = a given ()", "()", "`given` without a signal", "given ("),
    // Literals.
    ("mix { a = 16K tokenz }", "tokenz", "unknown unit `tokenz`", "did you mean `token`?"),
    ("mix { a = 5 stepz b = 1 }", "stepz", "unknown unit `stepz`", "did you mean `step`?"),
    ("mix { a = 5 bananas }", "bananas", "unknown unit `bananas`", "units are tokens"),
    ("mix { a = 5 seconds }", "seconds", "unknown unit `seconds`", "did you mean `s`?"),
    ("mix { a = 16k tokens }", "k", "unknown prefix `k` of a number", "did you mean `16K`?"),
    ("mix { a = 1_000 }", "_000", "a number with `_` in it", "write `1000`"),
    ("mix { a = 1.2.3 }", ".3", "a number with two points", "one point"),
    ("mix { a = .5 }", ".5", "a number without a digit before its point", "write `0.5`"),
    ("mix { a = 1e999 }", "1e999", "the number `1e999` is too large", "largest"),
    ("mix { a = 40 % }", "%", "a blank before `%`", "write `40%`"),
    ("mix { a = 40% steps }", "steps", "a percentage with the unit `steps`", "remove"),
    ("mix { a = \"b\\qc\" }", "\\q", "unknown escape `\\q`", "escapes are"),
    // What is never closed.
    ("mix { a = 1", "{", "this brace is never closed", "close it with `}`"),
    ("mix {\n a = 1\nreward { }", "{", "this brace is never closed", "close it with `}`"),
    ("mix {\n a = f(1\n b = 2\n}", "(", "this bracket is never closed", "close it with `)`"),
    ("mix { a = [1, 2 }", "[", "this square bracket is never closed", "close it with `]`"),
    ("mix { a = \"b }\nreward { }", "\"", "this text is never closed", "a text ends on its line"),
    ("mix { a = f(\"b) }\nreward { }", "\"", "this text is never closed", "a text ends on its line"),
    ("mix { } }", "}", "unexpected `}` between the items of a recipe", "remove the `}`"),
    ("domain math\n a = 1\n}", "domain math", "a `domain` without its opening brace", "{ … }"),
    // Items.
    ("param a = 1", "a", "param `a` has no type", "param a : number"),
    ("param a number = 1", "a", "a param without `:`", "param name : type"),
    ("param a : number", "number", "a param without a value", "default"),
    ("param a : number =\nmix { }", "=", "a value is missing", "write a value"),
    ("param a : number in = 1", "number", "`in` without a range", "in 0..4"),
    ("formula f(n) -> reward = n", "n", "parameter `n` has no type", "n: tokens"),
    ("formula f(n: tokens) = n", "(n: tokens)", "a formula without a result type", "-> reward"),
    ("formula f = 1", "f", "a formula without parameters", "formula name(n: tokens)"),
    ("penalty p", "p", "a penalty without a value", "write `= expression`"),
    ("guarantee g a in 0..1", "g", "a guarantee without `:`", "guarantee name : claim"),
    ("guarantee g :", "g", "a guarantee without a claim", "falls in length"),
    ("guarantee g : a falls", "falls", "`falls` without a signal", "falls in length"),
    ("guarantee g : a in", "in", "`in` without a range", "in -1..0"),
    ("guarantee g : a > b same", "same", "`same` without a signal", "same length"),
    ("guarantee g for all : a > b", "for all", "`for all` is incomplete", "for all gamma"),
    ("allow recipe::a::b", "allow recipe::a::b", "`allow` without a reason", "because"),
    ("sweep a in 3", "3", "the values of a sweep are a list", "in [0.25, 0.5]"),
    ("sweep a", "sweep a", "a sweep without values", "sweep a in [0.25, 0.5]"),
    ("test \"t\" { given a }", "\"t\"", "a test that expects nothing", "expect"),
    ("test { expect a }", "test", "a test without a title", "test \"…\""),
    ("test \"t\"", "test \"t\"", "a test without a body", "expect"),
    ("test \"t\" { giben a expect b }", "giben a", "unexpected `giben a` in a test", "given fact"),
    ("test \"t\" { expect a within }", "expect a within", "`within` without a tolerance", "1e-4"),
    ("stage a after { b = 1 }", "stage a after", "`after` without a stage", "after warm_start"),
    ("a = 1", "a = 1", "unexpected `a = 1` between the items of a recipe", "a setting stands in a block"),
    ("foo bar baz { }", "foo", "unexpected `foo` between the items of a recipe", "foo name {"),
    ("mix { a = 1 @@ 2 b = 3 }", "@@ 2", "unexpected `@@ 2` in a block", "key = value"),
    ("mix { override a.b }", "override a.b", "unexpected `override a.b` in a block", "override path.to.key"),
    ("/// doc", "/// doc", "this doc comment belongs to nothing", "`//`"),
    ("mix { a = 1\n /// doc\n}", "/// doc", "this doc comment belongs to nothing", "`//`"),
];

#[test]
fn one_fault_is_one_error() {
    for (text, at, message, help) in ONE_FAULT {
        let parsed = read(text);
        assert_eq!(
            parsed.errors.len(),
            1,
            "{text}\n{}",
            faults(text).join("\n")
        );
        let error = &parsed.errors[0];
        assert_eq!(&text[error.span.start..error.span.end], *at, "{text}");
        assert_eq!(error.message, *message, "{text}");
        assert!(
            error.help.as_deref().unwrap_or_default().contains(help),
            "{text}: {:?}",
            error.help
        );
        assert!(
            error
                .message
                .chars()
                .next()
                .is_some_and(|c| !c.is_uppercase()),
            "{text}"
        );
    }
}

#[test]
fn several_faults_are_all_reported_with_their_lines() {
    let text = "recipe x { edition = 2026 }
param gamma number = 0.5
domain math {
  ratio: 40%
  data = hf(\"x\", split = \"train\"
  verify = math_answer(gold == answer)
}
domain code {
  ratio = 16K tokenz
domain logic {
  ratio =
  prompt = \"unterminated
}
penalty p = a < b < c
penalty q = (1 +
guarantee g : p falls
@@@
reward { total = a && b }
";
    assert_eq!(
        faults(text),
        [
            "2: Missing: a param without `:`",
            "4: Unexpected: `:` stands where `=` belongs",
            "5: Unclosed: this bracket is never closed",
            "8: Unclosed: this brace is never closed",
            "9: BadLiteral: unknown unit `tokenz`",
            "11: Missing: `ratio` has no value",
            "12: Unclosed: this text is never closed",
            "14: Unexpected: comparisons do not chain",
            "15: Unclosed: this bracket is never closed",
            "15: Missing: a value is missing behind `+`",
            "16: Missing: `falls` without a signal",
            "17: Unexpected: unexpected `@@@` between the items of a recipe",
            "18: Unexpected: `&&` is written `and`",
        ]
    );
    let parsed = read(text);
    assert!(parsed.lost_text);
    // Every item is there all the same.
    assert_eq!(parsed.file.items.len(), 9);
}

#[test]
fn what_can_be_read_is_kept() {
    for (text, expected) in [
        ("mix { a: 1\n b == 2 }", "mix {a = 1; b = 2}"),
        ("mix { a = b = 1 }", "mix {a = ?; b = 1}"),
        ("mix { a = 1 @@ b = 2 }", "mix {a = 1; b = 2}"),
        ("mix { a = 5 stepz b = 2 }", "mix {a = 5; b = 2}"),
        ("mix { a = 16k b = 2 }", "mix {a = ?; b = 2}"),
        ("mix { a = f(1\n b = 2 }", "mix {a = f(1); b = 2}"),
        ("mix { a = f(b c = 1) }", "mix {a = f(b c=1)}"),
        ("mix { a = \"x }\n", "mix {a = \"x }\"}"),
        ("term t = a && b || !c", "term t = ((a and b) or (not c))"),
        ("term t = a +", "term t = (a + ?)"),
        ("term t = a < b < c", "term t = ?"),
        ("term t = if a then 1", "term t = ?"),
        (
            "term t = if a = 1 then 2 else 3",
            "term t = (if (a == 1) then 2 else 3)",
        ),
        ("param a = 1", "param a:  = 1"),
        ("guarantee g : a falls", "guarantee g all[] : a falls "),
        ("domain math\n a = 1\n}", "domain math {a = 1}"),
        ("domain math = { a = 1 }", "domain math {a = 1}"),
        (
            "test \"t\" { giben a expect b }",
            "test \"t\" given[] expect b",
        ),
    ] {
        let parsed = read(text);
        assert!(!parsed.errors.is_empty(), "{text}");
        assert_eq!(items(&parsed.file), [expected], "{text}");
    }
}

#[test]
fn text_is_lost_only_when_a_piece_was_skipped() {
    for (text, lost) in [
        ("mix { a: 1 }", false),
        ("mix { a = 5 stepz }", false),
        ("mix { a = 1", false),
        ("mix { a = 1 @@ }", true),
        ("domian : code { ratio = 1 }", true),
        ("mix { a = f(1 b = 2 }", true),
        ("} mix { }", true),
    ] {
        assert_eq!(read(text).lost_text, lost, "{text}");
        assert!(!read(text).errors.is_empty(), "{text}");
    }
}

#[test]
fn an_unclosed_brace_names_the_brace_and_the_place() {
    let text = "domain a {\n  ratio = 1\n\n/// doc of b\ndomain b {\n  ratio = 2\n}\n";
    let parsed = read(text);
    assert_eq!(
        items(&parsed.file),
        ["domain a {ratio = 1}", "domain b {ratio = 2}"]
    );
    assert_eq!(
        parsed.file.items[1]
            .doc
            .as_ref()
            .map(|doc| doc.node.as_str()),
        Some("doc of b")
    );
    let [error] = parsed.errors.as_slice() else {
        panic!("{:?}", parsed.errors)
    };
    assert_eq!(
        (error.kind, error.span.start),
        (SyntaxErrorKind::Unclosed, 9)
    );
    let [(place, label)] = error.also.as_slice() else {
        panic!("{error:?}")
    };
    assert_eq!(place.end, text.find("\n\n").unwrap_or_default());
    assert_eq!(label, "a `}` is missing behind this");
}
