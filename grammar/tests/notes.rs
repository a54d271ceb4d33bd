//! Notes on where a formula was published.

mod common;

use common::{good, items, read};
use recipec_grammar::tree::ItemKind;

#[test]
fn a_note_stands_behind_the_whole_formula() {
    for (text, expected) in [
        ("penalty p = -1 source \"a\"", "penalty p = (- 1) source \"a\""),
        (
            "formula f(n: tokens) -> reward =\n  n / budget.output\n  source \"arXiv 2604.02007 eq. 5\"\n",
            "formula f(n:tokens) -> reward = (n / budget.output) source \"arXiv 2604.02007 eq. 5\"",
        ),
        (
            "term t = f(length) * s\n  where s = 2, u = s\n  source \"a\"",
            "term t = (f(length) * s) where s = 2 where u = s source \"a\"",
        ),
        ("mix { weight = ratio source \"a\"  warmup = 0 }", "mix {weight = ratio source \"a\"; warmup = 0}"),
        (
            "reward { outcome = if correct then 1 else 0 source \"a\"\n  total = outcome }",
            "reward {outcome = (if correct then 1 else 0) source \"a\"; total = outcome}",
        ),
        ("variant v { override p.s = 1 source \"a\" }", "variant v {override p.s = 1 source \"a\"}"),
        // The word stays a key and a name.
        ("model policy { source = hf(\"a\") }", "model policy {source = hf(\"a\")}"),
        ("penalty source = source", "penalty source = source"),
    ] {
        assert_eq!(items(&good(text)), [expected], "{text}");
    }
}

#[test]
fn the_place_of_a_formula_ends_before_its_note() {
    let text = "penalty p = -1 * s\n  where s = 2\n  source \"a\"";
    let file = good(text);
    let Some(ItemKind::Term(term)) = file.items.first().map(|item| &item.kind) else { panic!("a penalty") };
    assert_eq!(text.get(term.body.span.start..term.body.span.end), Some("-1 * s\n  where s = 2"));
    let note = term.body.source.as_ref().expect("a note");
    assert_eq!(text.get(note.span.start..note.span.end), Some("\"a\""));
}

#[test]
fn a_note_without_its_text_is_reported() {
    for text in ["penalty p = -1 source", "penalty p = -1\n  source 5", "penalty p = -1 source \"open\nbudget { }"] {
        assert!(!read(text).errors.is_empty(), "{text}");
    }
}
