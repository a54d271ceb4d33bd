//! The one layout: what goes in and what comes out.

mod common;

use recipec_grammar::format::{Refused, format};
use recipec_grammar::{FileId, Source};

fn laid_out(text: &str) -> String {
    let once = format(&Source::new(FileId(3), "a.recipe", text)).unwrap_or_else(|why| panic!("{text}\n{why:?}"));
    let twice = format(&Source::new(FileId(3), "a.recipe", once.as_str())).expect("its own layout");
    assert_eq!(once, twice, "laid out twice");
    once
}

#[track_caller]
fn becomes(written: &str, expected: &str) {
    let made = laid_out(written);
    assert!(made == expected, "{written}\nbecame\n{made}\nand not\n{expected}");
}

#[track_caller]
fn stays(text: &str) {
    becomes(text, text);
}

#[test]
fn settings_stand_on_lines_of_their_own_and_their_equals_signs_below_each_other() {
    becomes(
        "budget{output=96 tokens buffer   = 4Ki tokens\n\n\n\n   steps=3 steps}",
        "budget {\n  output = 96 tokens\n  buffer = 4Ki tokens\n\n  steps = 3 steps\n}\n",
    );
    becomes(
        "stage a after b {\n domains = { math = 1 }\n override budget.steps=1 steps\n override train.lr = 2e-6\n supervised { batch = 1 problems } }",
        "stage a after b {\n  domains = { math = 1 }\n  override budget.steps = 1 steps\n  override train.lr     = 2e-6\n  \
         supervised { batch = 1 problems }\n}\n",
    );
    stays("x {\n  a        = 1\n  // about the next\n  long_key = 2\n  b        = f(\n    1,\n  )\n  ccc = 3\n}\n");
}

#[test]
fn a_block_on_one_line_stays_there_while_it_fits() {
    stays("domain math { ratio = 40%  data = builtin(\"arithmetic\")  verify = math_answer(gold = answer) }\n");
    becomes("x{ }\ny {\n}", "x {}\ny {}\n");
    becomes("x { a = { b = 1,c = 2 } , d = 3 }", "x { a = { b = 1, c = 2 }, d = 3 }\n");
    let long = format!("x {{ first = {0}  second = {0}  third = {0} }}", "a".repeat(40));
    let lines = format!("x {{\n  first  = {0}\n  second = {0}\n  third  = {0}\n}}\n", "a".repeat(40));
    becomes(&long, &lines);
    // What is inside stays on one line if it fits there.
    let inner = format!("x {{ first = f {{ a = 1, b = 2 }}  second = {0}  third = {0} }}", "a".repeat(60));
    let lines = format!("x {{\n  first  = f {{ a = 1, b = 2 }}\n  second = {0}\n  third  = {0}\n}}\n", "a".repeat(60));
    becomes(&inner, &lines);
    // 120 characters fit, 121 do not.
    let fits = format!("x {{ a = {} }}", "a".repeat(110));
    assert_eq!(fits.chars().count(), 120);
    stays(&(fits + "\n"));
    becomes(&format!("x {{ a = {} }}", "a".repeat(111)), &format!("x {{\n  a = {}\n}}\n", "a".repeat(111)));
}

#[test]
fn neighbouring_blocks_are_a_table() {
    becomes(
        "domain math { ratio = 40% data = builtin(\"a\") verify = f() }\ndomain instruct { ratio = 5% data = g verify = h(1) }\n",
        "domain math     { ratio = 40%  data = builtin(\"a\")  verify = f() }\n\
         domain instruct { ratio = 5%   data = g             verify = h(1) }\n",
    );
    // Other keys, other columns; other keywords, another table; an empty line ends one.
    becomes(
        "variant a { override x.y = 1 }\nvariant bcd { override z = 2 }\ntrain { a = 1 }\n\nvariant e { a = 1 }",
        "variant a   { override x.y = 1 }\nvariant bcd { override z = 2 }\ntrain { a = 1 }\n\nvariant e { a = 1 }\n",
    );
    becomes(
        "param a : number = 1\nparam bcd : ratio in 0..1 = 2",
        "param a   : number        = 1\nparam bcd : ratio in 0..1 = 2\n",
    );
}

#[test]
fn blanks_within_a_line_follow_from_the_tokens() {
    becomes(
        "term t=- x+not(a)and( b )*f ( c ,-1 )^2-10s/16Kitokens",
        "term t = -x + not (a) and (b) * f(c, -1) ^ 2 - 10 s / 16Ki tokens\n",
    );
    becomes("term t = 1 / 8 + x / 8 + 3 ^ 1 / 8 + a + -1 .. 4", "term t = 1/8 + x / 8 + 3 ^ 1 / 8 + a + -1 .. 4\n");
    becomes("x { a = 3 .. 5  b = - 1 .. 0  c = (a)..b }", "x { a = 3..5  b = -1..0  c = (a)..b }\n");
    becomes("formula f( n:tokens ,m :ratio )->reward=n", "formula f(n: tokens, m: ratio) -> reward = n\n");
    becomes("guarantee g for all a,b:x in -1..0", "guarantee g for all a, b : x in -1..0\n");
    becomes("guarantee g:x given(a,b = 1)>=y", "guarantee g : x given (a, b = 1) >= y\n");
    becomes(
        "variant v { override domain.*.ratio=20%  override *.x = 1 }",
        "variant v { override domain.*.ratio = 20%  override *.x = 1 }\n",
    );
    becomes("allow recipe::a::b because\"c  d\"", "allow recipe::a::b because \"c  d\"\n");
    becomes("sweep   g in[1,2]", "sweep g in [1, 2]\n");
    becomes(
        "test\"t\"{ given a=1,b  expect x==1/2 within 1e-4 }",
        "test \"t\" { given a = 1, b  expect x == 1/2 within 1e-4 }\n",
    );
    becomes(
        "test \"t\" {\ngiven a given b expect c expect d }",
        "test \"t\" {\n  given a\n  given b\n  expect c\n  expect d\n}\n",
    );
}

#[test]
fn expressions_break_where_their_author_broke_them() {
    stays(
        "penalty p = overlong(length) * scale\n  where scale = if truncated then 1\n                else if correct then s ^ gamma\n                else w\n",
    );
    becomes(
        "penalty p = a\n where free = 1,\n share = if a\n then 1\n else 0,\n b = 2",
        "penalty p = a\n  where free  = 1,\n        share = if a\n                then 1\n                else 0,\n        b = 2\n",
    );
    becomes(
        "formula f(n: tokens) -> reward =\nclip(a,\n b)",
        "formula f(n: tokens) -> reward =\n  clip(a,\n       b)\n",
    );
    becomes(
        "x { v = math_answer(\ngold = answer,\n extract=whole,) }",
        "x {\n  v = math_answer(\n    gold    = answer,\n    extract = whole,\n  )\n}\n",
    );
    becomes("term t = a\n+ b *\n(c\n+ d)\n", "term t = a\n  + b *\n  (c\n   + d)\n");
    becomes("x { a = [\n1, 2,\n 3] }", "x {\n  a = [\n    1, 2,\n    3\n  ]\n}\n");
}

#[test]
fn comments_stay_where_they_belong() {
    becomes(
        "// first\n\n\n\n/// doc\n\n///   doc 2\n x { // behind the brace\n a = 1 // a\n, // after the comma\n\n\n // alone\n bcd = 22   // b\n // last\n }//behind\n// end",
        "// first\n\n/// doc\n///   doc 2\nx {       // behind the brace\n  a = 1,  // a\n  // after the comma\n\n  // alone\n  \
         bcd = 22  // b\n  // last\n}           //behind\n// end\n",
    );
    becomes(
        "term t = a // one\n + b // two\n // three\n + c",
        "term t = a  // one\n  + b       // two\n  // three\n  + c\n",
    );
    becomes("domain math // c\n{ a = 1 }", "domain math {  // c\n  a = 1\n}\n");
    becomes("x { a = f(1 // one\n , 2 // two\n) }", "x {\n  a = f(1,  // one\n        2   // two\n        )\n}\n");
    becomes("x {\n // only\n}", "x {\n  // only\n}\n");
    becomes("x { a = 1 /// of b\n b = 2 }", "x {\n  a = 1\n  /// of b\n  b = 2\n}\n");
    // A line that is much longer than its neighbours does not push their comments away.
    becomes(
        &format!("x {{\n a = 1 // one\n b = {} // two\n}}", "b".repeat(60)),
        &format!("x {{\n  a = 1  // one\n  b = {}  // two\n}}\n", "b".repeat(60)),
    );
}

#[test]
fn line_ends_and_odd_characters() {
    becomes("\u{feff}x {\r\n  a = 1\r\n\r\n\r\n  b = \"ä\\\\\"\r\n}\r\n", "x {\n  a = 1\n\n  b = \"ä\\\\\"\n}\n");
    becomes("x { a = 1\r b = 2 }", "x {\n  a = 1\n  b = 2\n}\n");
    becomes("\t\n\n", "");
    becomes("", "");
    becomes("// only a comment   ", "// only a comment\n");
    becomes(
        "x { a = \"//no comment {\"  b = 5MiB  c = 2Gi bytes }",
        "x { a = \"//no comment {\"  b = 5 MiB  c = 2Gi bytes }\n",
    );
}

#[test]
fn a_unit_stays_on_the_line_of_its_number() {
    becomes("x { a = 5   tokens\n b = 6 }", "x {\n  a = 5 tokens\n  b = 6\n}\n");
    // `steps` is a key here, and the number before it has no unit.
    becomes("x { a = 5 steps = 6 steps }", "x { a = 5  steps = 6 steps }\n");
    becomes("x { a = 5\nsteps = 6 steps }", "x {\n  a     = 5\n  steps = 6 steps\n}\n");
}

#[test]
fn what_has_syntax_errors_is_refused() {
    for text in ["x {", "x { a = }", "x } {", "term t = 1 +", "///", "x { a = 'b' }", "\0", "x { a = 1 tokns }"] {
        let refused = format(&Source::new(FileId(0), "a.recipe", text));
        assert!(matches!(&refused, Err(Refused::Syntax(errors)) if !errors.is_empty()), "{text}: {refused:?}");
    }
}
