//! Texts that nobody writes: `parse` returns, in time that grows with the length, and its places lie inside the text.

mod common;

use common::{good, read};
use proptest::prelude::*;
use recipec_grammar::tree::*;
use recipec_grammar::{FileId, MAX_DEPTH, Source, Span, SyntaxErrorKind, parse};

/// Checks what must hold for every text.
fn check(text: &str) -> Parsed {
    let parsed = parse(&Source::new(FileId(7), "any.recipe", text));
    let inside = |span: Span| {
        assert_eq!(span.file, FileId(7));
        assert!(span.start <= span.end && span.end <= text.len(), "{span:?} in {} bytes", text.len());
        assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{span:?}");
    };
    for error in &parsed.errors {
        inside(error.span);
        error.also.iter().for_each(|(span, _)| inside(*span));
        assert!(!error.message.is_empty() && !error.message.ends_with('.'), "{}", error.message);
        assert!(!error.message.contains('\n') && error.message.len() < 400, "{}", error.message);
        assert!(!error.label.is_empty());
    }
    assert!(parsed.errors.windows(2).all(|pair| pair[0].span <= pair[1].span), "not in order");
    for comment in &parsed.file.comments {
        inside(comment.span);
    }
    for item in &parsed.file.items {
        inside(item.span);
        match &item.kind {
            ItemKind::Block(block) => block_inside(block, &inside),
            ItemKind::Param(param) => {
                param.range.iter().for_each(|range| expr_inside(range, &inside));
                expr_inside(&param.default, &inside);
            }
            ItemKind::Formula(formula) => formula_inside(&formula.body, &inside),
            ItemKind::Term(term) => formula_inside(&term.body, &inside),
            ItemKind::Guarantee(guarantee) => match &guarantee.claim {
                Claim::Holds { condition, same } => {
                    expr_inside(condition, &inside);
                    same.iter().for_each(|name| inside(name.span));
                }
                Claim::Within { value, range } => {
                    expr_inside(value, &inside);
                    expr_inside(range, &inside);
                }
                Claim::Monotone { value, signal, .. } => {
                    expr_inside(value, &inside);
                    inside(signal.span);
                }
            },
            ItemKind::Allow { code, because } => {
                inside(code.span);
                inside(because.span);
            }
            ItemKind::Sweep { values, .. } => expr_inside(values, &inside),
            ItemKind::Test(test) => {
                test.given
                    .iter()
                    .filter_map(|given| given.value.as_ref())
                    .for_each(|value| expr_inside(value, &inside));
                for expectation in &test.expect {
                    inside(expectation.span);
                    expr_inside(&expectation.condition, &inside);
                    expectation.within.iter().for_each(|within| expr_inside(within, &inside));
                }
            }
            ItemKind::Import(file) | ItemKind::Extends(file) => inside(file.path.span),
        }
    }
    parsed
}

fn block_inside(block: &Block, inside: &dyn Fn(Span)) {
    inside(block.keyword.span);
    inside(block.braces);
    for entry in &block.body {
        match entry {
            Entry::Setting(setting) => setting_inside(setting, inside),
            Entry::Block { block, span, .. } => {
                inside(*span);
                block_inside(block, inside);
            }
        }
    }
}

fn setting_inside(setting: &Setting, inside: &dyn Fn(Span)) {
    inside(setting.span);
    inside(setting.path.span);
    formula_inside(&setting.value, inside);
}

fn formula_inside(formula: &Formula, inside: &dyn Fn(Span)) {
    inside(formula.span);
    expr_inside(&formula.body, inside);
    formula.bindings.iter().for_each(|binding| expr_inside(&binding.value, inside));
}

fn expr_inside(expr: &Expr, inside: &dyn Fn(Span)) {
    inside(expr.span);
    match &expr.kind {
        ExprKind::Path(path) => inside(path.span),
        ExprKind::Call { arguments, .. } => {
            for argument in arguments {
                expr_inside(&argument.value, inside);
                argument.filter.iter().for_each(|filter| expr_inside(filter, inside));
            }
        }
        ExprKind::Record { settings, braces, .. } => {
            inside(*braces);
            settings.iter().for_each(|setting| setting_inside(setting, inside));
        }
        ExprKind::List(values) => values.iter().for_each(|value| expr_inside(value, inside)),
        ExprKind::Negate(inner) | ExprKind::Not(inner) => expr_inside(inner, inside),
        ExprKind::Range(left, right) | ExprKind::Binary { left, right, .. } => {
            expr_inside(left, inside);
            expr_inside(right, inside);
        }
        ExprKind::If { condition, then, otherwise } => {
            [condition, then, otherwise].into_iter().for_each(|part| expr_inside(part, inside));
        }
        ExprKind::Given { value, facts } => {
            expr_inside(value, inside);
            facts.iter().filter_map(|fact| fact.value.as_ref()).for_each(|value| expr_inside(value, inside));
        }
        ExprKind::Quantity(_) | ExprKind::Text(_) | ExprKind::Bool(_) | ExprKind::Hole => {}
    }
}

fn kinds(parsed: &Parsed) -> Vec<SyntaxErrorKind> {
    parsed.errors.iter().map(|error| error.kind).collect()
}

#[test]
fn deep_nesting_is_one_error() {
    const N: usize = 100_000;
    let nested = |open: &str, close: &str| [open.repeat(N), close.repeat(N)];
    for [open, close] in [
        nested("(", ")"),
        nested("[", "]"),
        nested("f(", ")"),
        nested("{ a = ", " }"),
        nested("b { a = ", " }"),
        nested("([{ a = ", "}])"),
        nested("x given (a = (", "))"),
        nested("if a then (", ") else 0"),
    ] {
        let text = format!("x {{ y = {open}1{close} }}\nmix {{ a = 1 }}");
        let parsed = check(&text);
        assert_eq!(kinds(&parsed).first(), Some(&SyntaxErrorKind::TooDeep), "{}", &text[..40]);
        assert!(parsed.lost_text);
        assert!(parsed.errors.len() < 4, "{:?}", &parsed.errors[..4]);
        assert!(matches!(parsed.file.items.last().map(|item| &item.kind), Some(ItemKind::Block(_))), "{}", &text[..40]);
    }
    let [open, close] = nested("a { ", " }");
    assert_eq!(kinds(&check(&format!("{open}{close}"))), [SyntaxErrorKind::TooDeep]);
    // Never closed, and closed without having been opened.
    for piece in ["(", "[", "{", "a {", "f(", "a = {", "\"", ")", "]", "}", "([{", "}])", "[(", "(]", "{)"] {
        assert!(!check(&piece.repeat(N)).errors.is_empty(), "{piece}");
        assert!(!check(&format!("term t = {}", piece.repeat(N))).errors.is_empty(), "{piece}");
        assert!(!check(&format!("mix {{ x = {}", piece.repeat(N))).errors.is_empty(), "{piece}");
    }
}

#[test]
fn long_rows_are_bounded() {
    const N: usize = 100_000;
    for piece in [
        "a + ",
        "a ^ ",
        "- ",
        "not ",
        "if ",
        "if a then ",
        "if a then b else ",
        "a == ",
        "a .. ",
        "a given b ",
        "a and ",
        "1 + if a then 1 else ",
        "a = ",
        "a * -",
        "a given b + ",
        "given ",
        "else ",
        "then ",
        "where ",
        "+ ",
        ".. ",
    ] {
        let parsed = check(&format!("term t = {}a", piece.repeat(N)));
        assert!(!parsed.errors.is_empty() && parsed.errors.len() < 30_000, "{piece}: {}", parsed.errors.len());
    }
}

#[test]
fn the_limit_is_where_it_says() {
    let nested = |n: usize| format!("term t = {}1{}", "(".repeat(n), ")".repeat(n));
    good(&nested(MAX_DEPTH));
    assert!(kinds(&read(&nested(MAX_DEPTH + 2))).contains(&SyntaxErrorKind::TooDeep));
    let sum = |n: usize| format!("term t = 1{}", " + 1".repeat(n));
    good(&sum(MAX_DEPTH - 1));
    assert_eq!(kinds(&read(&sum(MAX_DEPTH))), [SyntaxErrorKind::TooDeep]);
    let choice = |n: usize| format!("term t = {}0", "if a then 1 else ".repeat(n));
    good(&choice(MAX_DEPTH - 1));
    assert_eq!(kinds(&read(&choice(MAX_DEPTH))), [SyntaxErrorKind::TooDeep]);
}

#[test]
fn the_height_of_a_tree_is_bounded() {
    // Each level is within its own limits; together they are not.
    let level = "(1".to_string() + &" + 1".repeat(150) + " + ";
    let text = format!("term t = {}1{}", level.repeat(150), ")".repeat(150));
    let parsed = check(&text);
    assert!(kinds(&parsed).contains(&SyntaxErrorKind::TooDeep));
    let level = "{ a = 1".to_string() + &" + 1".repeat(100) + " + f(b ";
    let text = format!("term t = {}{}", level.repeat(90), ")}".repeat(90));
    let parsed = check(&text);
    assert!(kinds(&parsed).contains(&SyntaxErrorKind::TooDeep));
}

#[test]
fn unclosed_blocks_are_all_reported_in_linear_time() {
    for count in [2_000, 10_000] {
        let text: String = (0..count).map(|i| format!("domain d{i} {{\n  ratio = 1%\n")).collect();
        let parsed = check(&text);
        assert_eq!(parsed.errors.len(), count);
        assert!(parsed.errors.iter().all(|error| error.kind == SyntaxErrorKind::Unclosed));
        assert_eq!(parsed.file.items.len(), count);
        // On one line they are nested.
        let text: String = (0..count).map(|i| format!("domain d{i} {{ ratio = 1% ")).collect();
        assert!(kinds(&check(&text)).contains(&SyntaxErrorKind::TooDeep));
        let text: String = (0..count).map(|i| format!("  penalty d{i} = clip(a, [0\n")).collect();
        assert_eq!(check(&text).errors.len(), count);
    }
}

#[test]
fn very_long_lines_end() {
    const LONG: usize = 10_000_000;
    for (head, piece, tail) in [
        ("", "x", ""),
        ("// ", "(", ""),
        ("mix { a = \"", "x", "\" }"),
        ("mix { a = \"", "x", " }"),
        ("mix { a = ", "1", " }"),
        ("mix { a = 1 ", "x", " }"),
        ("term t = ", "(", ""),
    ] {
        check(&format!("{head}{}{tail}", piece.repeat(LONG)));
    }
    const N: usize = 400_000;
    for piece in [
        " ", "1", "@", "\0", "é", "\"", "'", "/", "//", "x ", "a, ", "a.b ", "{} ", "x {}", "\\", "# ", "a = 1 ",
        "\"x\" ", "'x' ", "\n", "\nx", "///\n", "// x\n",
    ] {
        let line = piece.repeat(N / piece.len());
        check(&line);
        check(&format!("mix {{ {line}"));
        check(&format!("term t = f({line})"));
    }
    for (head, piece, tail) in [
        ("mix { ", "a = 1 ", " }"),
        ("mix { a = [", "1, ", "] }"),
        ("mix { a = f(", "b = 1, ", ") }"),
        ("mix { a = f(", "b = 1 ", ") }"),
        ("term t = ", "1 + ", "1"),
        ("term t = x where ", "a = 1, ", "b = 2"),
        ("test \"t\" { given ", "a = 1, ", "b }"),
        ("guarantee g for all a", ", a", " : x"),
    ] {
        check(&format!("{head}{}{tail}", piece.repeat(N / piece.len())));
    }
}

#[test]
fn control_characters_are_junk() {
    for text in
        ["\0", "mix { a = \0 }", "mix { \0 a = 1 }", "\0mix { }\0", "\u{1e}", "mix \u{1e} { }", "\u{1f}\u{1e}\u{1a}"]
    {
        let parsed = check(text);
        assert!(!parsed.errors.is_empty(), "{text:?}");
    }
    let parsed = check("mix { a = \"\0\u{1e}\" }");
    assert!(parsed.errors.is_empty());
    assert_eq!(common::items(&parsed.file), ["mix {a = \"\\0\\u{1e}\"}"]);
}

/// Pieces of recipes, good and bad.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "domain",
        "param",
        "penalty",
        "guarantee",
        "test",
        "sweep",
        "allow",
        "stage",
        "formula",
        "term",
        "import",
        "mix {",
        "a",
        "b.c",
        "*",
        " = ",
        ":",
        "==",
        "=",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ",",
        "\"",
        "\"x\"",
        "'",
        "if ",
        " then ",
        " else ",
        " given ",
        " where ",
        " and ",
        "not ",
        "-",
        "+",
        "^",
        "..",
        "1",
        "40%",
        "16Ki tokens",
        "3 stepz",
        "0.5",
        "// c\n",
        "/// d\n",
        "\n",
        "\n\n",
        " ",
        "  ",
        "é",
        "\u{1e}",
        "\0",
        "#",
        ";",
        "override ",
        "in ",
        "falls ",
        "same ",
        "expect ",
        "within ",
        "because ",
        "after ",
        "->",
        "::",
        "\r\n",
        "\t",
        "\\",
        "!",
        "&&",
        "\ndomain x {\n",
        "\nparam y : t = ",
        "true",
        "f(",
        "g { ",
        "for all ",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in "\\PC*") {
        check(&text);
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_row_of_pieces_is_read(text in pieces()) {
        let parsed = check(&text);
        // Text that gave neither an item nor an error was blank.
        if parsed.errors.is_empty() && parsed.file.items.is_empty() {
            let rest = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<String>();
            prop_assert!(rest.trim().is_empty(), "{text:?}");
        }
        // A hole and lost text always have an error.
        if parsed.errors.is_empty() {
            prop_assert!(!parsed.lost_text);
            for item in &parsed.file.items {
                prop_assert!(!common::item(item).contains('?'), "{text:?}");
            }
        }
    }

    #[test]
    fn a_recipe_with_a_hole_cut_into_it_is_read(from in 0usize..6000, length in 1usize..40) {
        let text = include_str!("../../recipes/apriel_reasoner.recipe");
        let cut: String = text.chars().enumerate().filter(|(at, _)| *at < from || *at >= from + length).map(|(_, c)| c).collect();
        check(&cut);
    }
}
