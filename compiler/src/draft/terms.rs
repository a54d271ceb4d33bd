//! Formulas of the reward and of the mix, in the order in which they need each other.

use super::presence::Readers;
use crate::diagnostic::{Diagnostic, codes};
use crate::formula::{self, Level, Type, TypedFormula};
use crate::problems::Problems;
use crate::recipe::Term;
use crate::resolve::mentions::{self, Names};
use crate::resolve::settings::of_domain;
use crate::resolve::{TermEntry, View};
use crate::units::Dimension;
use crate::values::{Entry, Reader, Value, Values};
use crate::vocabulary::keys;
use recipec_grammar::source::{Source, Span};
use recipec_grammar::tree;
use std::collections::{BTreeMap, BTreeSet};

/// Reads penalties, terms, `reward.outcome`, `reward.total` and `mix.weight` into the values. Gives the terms in the order in which
/// they can be computed; none when one of them is a hole.
pub fn read(reader: &mut Reader<'_>, readers: &Readers, problems: &mut Problems) -> Option<Vec<Term>> {
    let group_size = reader.values.count("train.group").unwrap_or(1).max(1);
    let view = reader.view;
    let mut terms = Vec::new();
    let mut whole = true;
    for entry in in_order(view, problems) {
        let def = &entry.def;
        let name = &def.name.node;
        let what = format!("{} `{name}`", def.keyword.node);
        reader.values.absent.about = readers.of_part(name);
        let typed = formula::check(
            &def.body,
            Type::Number(Dimension::PURE),
            &what,
            &reader.scope(Level::Rollout, group_size),
            problems,
        );
        let text = typed.as_ref().map_or_else(|| reader.text_of(def.body.span), ToString::to_string);
        let value = typed.clone().map_or(Value::Hole, |t| Value::Formula(Box::new(t)));
        reader
            .values
            .insert(&format!("{}.{name}", def.keyword.node), Entry { value, origin: entry.origin.clone(), text });
        match typed {
            Some(formula) => {
                reader.values.terms.insert(name.clone(), formula.clone());
                terms.push(Term {
                    name: name.clone(),
                    is_penalty: def.keyword.node == "penalty",
                    formula,
                    span: def.name.span,
                });
            }
            None => {
                whole = false;
                // A term that stands for the one that could not be read, so that its readers are not blamed.
                if let Some(zero) = zero(reader, def.body.span) {
                    reader.values.terms.insert(name.clone(), zero);
                }
            }
        }
    }
    // Terms that need each other have been reported, and are read by nobody: they too leave something to stand for them.
    for (name, entry) in
        view.terms.iter().filter(|(name, _)| !reader.values.terms.contains_key(*name)).collect::<Vec<_>>()
    {
        whole = false;
        if let Some(zero) = zero(reader, entry.def.body.span) {
            reader.values.terms.insert(name.clone(), zero);
        }
    }
    let place = |block: &str| view.resolved.blocks.get(block).map(|b| b.name.span);
    if let (Some(span), Some(block)) = (place("reward"), keys::find_block("reward", None)) {
        for key in ["outcome", "total"] {
            let Some(row) = block.keys.iter().find(|k| k.name == key) else { continue };
            let path = format!("reward.{key}");
            reader.values.absent.about = readers.of_part(key);
            let read = reader.formula(&path, row, group_size, span, problems);
            let standing = read.or_else(|| if reader.values.absent(&path) { None } else { zero(reader, span) });
            if let Some(formula) = standing {
                reader.values.terms.insert(key.to_string(), formula);
            }
        }
    }
    if let Some(row) = keys::find_block("domain", None).and_then(|b| b.keys.iter().find(|k| k.name == "reward")) {
        for (at, domain) in reader.domains.iter().enumerate() {
            reader.values.absent.about = Readers::of_domain(at);
            reader.formula(&of_domain(domain, "reward"), row, group_size, Span::default(), problems);
        }
    }
    reader.values.absent.about = readers.of_stage();
    if let (Some(span), Some(block)) = (place("mix"), keys::find_block("mix", None))
        && let Some(row) = block.keys.iter().find(|k| k.name == "weight")
    {
        reader.formula("mix.weight", row, group_size, span, problems);
    }
    whole.then_some(terms)
}

fn zero(reader: &Reader<'_>, span: Span) -> Option<TypedFormula> {
    let body = crate::values::parse_literal("0")?;
    let formula = tree::Formula { body, bindings: Vec::new(), source: None, span };
    formula::check(&formula, Type::Number(Dimension::PURE), "", &reader.scope(Level::Constant, 1), &mut Problems::new())
}

/// Terms so that each comes after those that it names; among those that are free, in the order of writing.
fn in_order<'v>(view: &'v View<'_>, problems: &mut Problems) -> Vec<&'v TermEntry> {
    let mut open: Vec<&TermEntry> = view.terms.values().collect();
    open.sort_by_key(|t| t.position);
    let needs: BTreeMap<&str, Names> = open
        .iter()
        .map(|t| {
            let mut names = Names::new();
            mentions::formula(&t.def.body, &mut names);
            // A binding of the same name hides the term.
            for binding in &t.def.body.bindings {
                names.remove(&binding.name.node);
            }
            (t.def.name.node.as_str(), names)
        })
        .collect();
    // Each time the first that waits for none; so the order is that of writing, apart from what must come earlier.
    let places: BTreeMap<&str, usize> = open.iter().enumerate().map(|(at, t)| (t.def.name.node.as_str(), at)).collect();
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); open.len()];
    let mut waits: Vec<usize> = Vec::new();
    for (at, term) in open.iter().enumerate() {
        let needed = needs.get(term.def.name.node.as_str());
        let needed: Vec<usize> = needed.into_iter().flatten().filter_map(|n| places.get(n.as_str()).copied()).collect();
        waits.push(needed.len());
        for other in needed {
            if let Some(readers) = readers.get_mut(other) {
                readers.push(at);
            }
        }
    }
    let mut free: BTreeSet<usize> = waits.iter().enumerate().filter(|(_, n)| **n == 0).map(|(at, _)| at).collect();
    let mut done: Vec<&TermEntry> = Vec::new();
    let mut left: BTreeSet<usize> = (0..open.len()).collect();
    while let Some(at) = free.pop_first() {
        left.remove(&at);
        done.extend(open.get(at).copied());
        for reader in readers.get(at).into_iter().flatten() {
            if let Some(waits) = waits.get_mut(*reader) {
                *waits -= 1;
                if *waits == 0 {
                    free.insert(*reader);
                }
            }
        }
    }
    if !left.is_empty() {
        let mut diagnostic = Diagnostic::new(codes::CYCLE, "penalties or terms need each other")
            .help("let one of them do without the other");
        for term in left.iter().filter_map(|at| open.get(*at)) {
            diagnostic = diagnostic.at(term.def.name.span, "needs another one of these");
        }
        problems.push(diagnostic);
    }
    done
}

/// Checks every named formula, used or not.
pub fn definitions(
    view: &View<'_>,
    values: &Values,
    formulas: &BTreeMap<String, tree::FormulaDef>,
    domains: &[String],
    sources: &[Source],
    problems: &mut Problems,
) {
    let reader = Reader { view, sources, formulas, domains, values: values.clone(), before: None, others: Vec::new() };
    for def in formulas.values() {
        formula::check_definition(def, &reader.scope(Level::Constant, 1), problems);
    }
}
