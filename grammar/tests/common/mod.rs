//! A tree as one line of text, so that a test is data.
#![allow(dead_code)] // each test file uses its part

use recipec_grammar::tree::*;
use recipec_grammar::{FileId, Source, parse};

/// Parses a text.
pub fn read(text: &str) -> Parsed {
    parse(&Source::new(FileId(0), "test.recipe", text))
}

/// Parses a text that must be free of faults.
pub fn good(text: &str) -> File {
    let parsed = read(text);
    assert!(parsed.errors.is_empty(), "{text}\n{}", faults(text).join("\n"));
    assert!(!parsed.lost_text, "{text}");
    parsed.file
}

/// The errors of a text, each as `line: kind: message`.
pub fn faults(text: &str) -> Vec<String> {
    let source = Source::new(FileId(0), "test.recipe", text);
    let errors = parse(&source).errors;
    errors.iter().map(|e| format!("{}: {:?}: {}", source.position(e.span.start).line, e.kind, e.message)).collect()
}

fn joined<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(" ")
}

/// One line for each item.
pub fn items(file: &File) -> Vec<String> {
    file.items.iter().map(item).collect()
}

pub fn item(item: &Item) -> String {
    match &item.kind {
        ItemKind::Block(b) => block(b),
        ItemKind::Param(p) => {
            let range = p.range.as_ref().map_or(String::new(), |r| format!(" in {}", expr(r)));
            format!("param {}: {}{range} = {}", p.name, p.type_name, expr(&p.default))
        }
        ItemKind::Formula(f) => {
            let parameters = joined(&f.parameters, |(name, of)| format!("{name}:{of}"));
            format!("formula {}({parameters}) -> {} = {}", f.name, f.result, formula(&f.body))
        }
        ItemKind::Term(t) => format!("{} {} = {}", t.keyword, t.name, formula(&t.body)),
        ItemKind::Guarantee(g) => {
            let claim = match &g.claim {
                Claim::Holds { condition, same } => {
                    format!("{} same[{}]", expr(condition), joined(same, |s| s.node.clone()))
                }
                Claim::Within { value, range } => format!("{} within {}", expr(value), expr(range)),
                Claim::Monotone { value, rises, signal } => {
                    format!("{} {} {signal}", expr(value), if *rises { "rises" } else { "falls" })
                }
            };
            format!("guarantee {} all[{}] : {claim}", g.name, joined(&g.for_all, |s| s.node.clone()))
        }
        ItemKind::Allow { code, because } => format!("allow {code} {:?}", because.node),
        ItemKind::Sweep { param, values } => format!("sweep {param} {}", expr(values)),
        ItemKind::Test(t) => {
            let expect = joined(&t.expect, |e| {
                let within = e.within.as_ref().map_or(String::new(), |w| format!(" +- {}", expr(w)));
                format!("expect {}{within}", expr(&e.condition))
            });
            format!("test {:?} given[{}] {expect}", t.title.node, joined(&t.given, given))
        }
        ItemKind::Import(file) => format!("import {:?}", file.path.node),
        ItemKind::Extends(file) => format!("extends {:?}", file.path.node),
    }
}

pub fn block(block: &Block) -> String {
    let name = block.name.as_ref().map_or(String::new(), |n| format!(" {n}"));
    let after = block.after.as_ref().map_or(String::new(), |n| format!(" after {n}"));
    let entries = block.body.iter().map(|entry| match entry {
        Entry::Setting(s) => setting(s),
        Entry::Block { block: inner, .. } => self::block(inner),
    });
    format!("{}{name}{after} {{{}}}", block.keyword, entries.collect::<Vec<_>>().join("; "))
}

fn setting(s: &Setting) -> String {
    format!("{}{} = {}", if s.overrides.is_some() { "override " } else { "" }, s.path.text(), formula(&s.value))
}

fn formula(f: &Formula) -> String {
    let bindings: String = f.bindings.iter().map(|b| format!(" where {} = {}", b.name, expr(&b.value))).collect();
    let source = f.source.as_ref().map_or(String::new(), |s| format!(" source {:?}", s.node));
    format!("{}{bindings}{source}", expr(&f.body))
}

fn given(g: &Given) -> String {
    g.value.as_ref().map_or(g.name.text(), |v| format!("{}={}", g.name.text(), expr(v)))
}

/// An expression with a bracket around every node.
pub fn expr(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Quantity(q) => {
            let unit = q.unit.as_ref().map_or(String::new(), |u| format!("_{u}"));
            format!("{}{unit}", q.value)
        }
        ExprKind::Text(t) => format!("{t:?}"),
        ExprKind::Bool(b) => b.to_string(),
        ExprKind::Path(p) => p.text(),
        ExprKind::Call { function, arguments } => {
            let arguments = joined(arguments, |a| {
                let name = a.name.as_ref().map_or(String::new(), |n| format!("{n}="));
                let filter = a.filter.as_ref().map_or(String::new(), |f| format!(" if {}", expr(f)));
                format!("{name}{}{filter}", expr(&a.value))
            });
            format!("{}({arguments})", function.text())
        }
        ExprKind::Record { name, settings, .. } => {
            let name = name.as_ref().map_or(String::new(), |n| n.node.clone());
            format!("{name}{{{}}}", settings.iter().map(setting).collect::<Vec<_>>().join("; "))
        }
        ExprKind::List(values) => format!("[{}]", joined(values, expr)),
        ExprKind::Range(a, b) => format!("({}..{})", expr(a), expr(b)),
        ExprKind::Negate(x) => format!("(- {})", expr(x)),
        ExprKind::Not(x) => format!("(not {})", expr(x)),
        ExprKind::Binary { op, left, right, .. } => format!("({} {} {})", expr(left), op.symbol(), expr(right)),
        ExprKind::If { condition, then, otherwise } => {
            format!("(if {} then {} else {})", expr(condition), expr(then), expr(otherwise))
        }
        ExprKind::Given { value, facts } => {
            format!("({} given {})", expr(value), joined(facts, given))
        }
        ExprKind::Hole => "?".into(),
    }
}
