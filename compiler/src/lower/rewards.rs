//! The formulas of the reward as one program for all domains: a domain with a reward of its own is a choice by `domain`.
//!
//! A part of the reward that a domain does not read is 0 there. It may be about signals that the domain does not have, and what
//! it would make of them must reach neither the reward nor the metrics.

use crate::formula::{Inline, Kind, Source, Type, Typed, TypedBinding, TypedFormula};
use crate::range::Interval;
use crate::recipe::{Reinforce, Stage};
use recipec_grammar::tree::BinaryOp;
use std::collections::{BTreeMap, BTreeSet};

/// The parts of the reward of one stage, ready to be compiled.
pub(super) struct Rewards {
    /// Penalties and terms that some reward reads, by name.
    pub terms: BTreeMap<String, TypedFormula>,
    /// The reward before shaping, if a reward reads it or the recipe names it.
    pub outcome: Option<TypedFormula>,
    /// What is trained on.
    pub total: TypedFormula,
}

impl Rewards {
    /// Puts the rewards of the domains together. `all` are the domains of the recipe: `domain` is a position among them.
    pub fn of(stage: &Stage, work: &Reinforce, all: &[String]) -> Self {
        let position = |domain: &str| all.iter().position(|other| other == domain).unwrap_or(usize::MAX);
        let domains: BTreeSet<usize> = stage.domains.iter().map(|domain| position(&domain.name)).collect();
        let own: BTreeMap<usize, &TypedFormula> =
            work.reward.of_domains.iter().map(|(domain, formula)| (position(domain), formula)).collect();
        // Who reads each part, through the parts that name it.
        let mut readers: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for domain in &domains {
            let reward = own.get(domain).copied().unwrap_or(&work.reward.total);
            for name in behind(reward, work) {
                readers.entry(name).or_default().insert(*domain);
            }
        }
        let guarded = |name: &str, formula: &TypedFormula| match readers.get(name) {
            Some(readers) if *readers != domains => only_for(formula, readers, all),
            _ => formula.clone(),
        };
        let terms = work.terms.iter().filter(|term| readers.contains_key(&term.name));
        let terms = terms.map(|term| (term.name.clone(), guarded(&term.name, &term.formula))).collect();
        let outcome = work.reward.outcome.as_ref().map(|outcome| {
            // Nobody but the metrics may read it: then it is 0 where a domain has a reward of its own.
            let fallback: BTreeSet<usize> = domains.iter().copied().filter(|d| !own.contains_key(d)).collect();
            match readers.get("outcome") {
                None if !own.is_empty() => only_for(outcome, &fallback, all),
                _ => guarded("outcome", outcome),
            }
        });
        Self { terms, outcome, total: chosen(&work.reward.total, &own, &domains, all) }
    }
}

/// Names of the parts that a reward reads, directly or through others; a binding of a part stands for the part.
fn behind(reward: &TypedFormula, work: &Reinforce) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let part = |name: String| name.split('.').next().unwrap_or_default().to_string();
    let mut open: Vec<String> = reward.names(Source::Term).into_iter().map(part).collect();
    while let Some(name) = open.pop() {
        let term = work.terms.iter().find(|term| term.name == name).map(|term| &term.formula);
        let formula = term.or(if name == "outcome" { work.reward.outcome.as_ref() } else { None });
        if found.insert(name)
            && let Some(formula) = formula
        {
            open.extend(formula.names(Source::Term).into_iter().map(part));
        }
    }
    found
}

/// The total, or the reward of the domain where it has one of its own.
fn chosen(
    total: &TypedFormula,
    own: &BTreeMap<usize, &TypedFormula>,
    domains: &BTreeSet<usize>,
    all: &[String],
) -> TypedFormula {
    if own.is_empty() {
        return total.clone();
    }
    let rest: BTreeSet<usize> = domains.iter().copied().filter(|domain| !own.contains_key(domain)).collect();
    let mut formula = only_for(total, &rest, all);
    let own: Vec<(usize, &TypedFormula)> = own.iter().map(|(domain, reward)| (*domain, *reward)).collect();
    formula.body = selected(&own, formula.body, all);
    formula
}

/// The reward of the domain that it is, or `other`; halved and halved again, so that many domains do not nest deep.
fn selected(own: &[(usize, &TypedFormula)], other: Typed, all: &[String]) -> Typed {
    match own {
        [] => other,
        [(domain, reward)] => {
            let inline = Inline {
                formula: format!("the reward of domain {}", all.get(*domain).map_or("", String::as_str)),
                arguments: Vec::new(),
                bindings: reward.bindings.clone(),
                body: reward.body.clone(),
                source: reward.source.clone(),
            };
            let reward = Typed { kind: Kind::Inline(Box::new(inline)), ..reward.body.clone() };
            choice(&BTreeSet::from([*domain]), reward, other, all)
        }
        _ => {
            let (left, right) = own.split_at(own.len() / 2);
            let nothing = Typed { kind: Kind::Number(0.0), range: Interval::point(0.0), ..other.clone() };
            let of_left = left.iter().map(|(domain, _)| *domain).collect();
            choice(&of_left, selected(left, nothing, all), selected(right, other, all), all)
        }
    }
}

/// A formula whose value, and the values of whose bindings, are 0 outside of some domains.
fn only_for(formula: &TypedFormula, domains: &BTreeSet<usize>, all: &[String]) -> TypedFormula {
    let guard = |value: &Typed| {
        let zero = Typed { kind: Kind::Number(0.0), range: Interval::point(0.0), ..value.clone() };
        choice(domains, value.clone(), zero, all)
    };
    let bindings = formula.bindings.iter();
    TypedFormula {
        body: guard(&formula.body),
        bindings: bindings.map(|b| TypedBinding { name: b.name.clone(), value: guard(&b.value) }).collect(),
        source: formula.source.clone(),
        span: formula.span,
    }
}

/// `if domain == a or domain == b then value else other`; without a domain it is `other`.
fn choice(domains: &BTreeSet<usize>, value: Typed, other: Typed, all: &[String]) -> Typed {
    let span = value.span;
    let condition = domains.iter().map(|at| {
        let last = all.len().saturating_sub(1) as f64;
        let name = Kind::Name(Source::Signal, "domain".into());
        let left = Typed { kind: name, ty: Type::Domain, range: Interval::new(0.0, last), span };
        let kind = Kind::Domain(all.get(*at).cloned().unwrap_or_default(), *at);
        let right = Typed { kind, ty: Type::Domain, range: Interval::point(*at as f64), span };
        let kind = Kind::Binary(BinaryOp::Equal, Box::new(left), Box::new(right));
        Typed { kind, ty: Type::Bool, range: Interval::UNIT, span }
    });
    let condition = halves(condition.collect(), span);
    let Some(condition) = condition else { return other };
    let (ty, range) = (value.ty, value.range.hull(other.range));
    Typed { kind: Kind::If(Box::new(condition), Box::new(value), Box::new(other)), ty, range, span }
}

/// Conditions joined by `or`, as a tree of even depth: a thousand domains must not nest a thousand deep.
fn halves(mut conditions: Vec<Typed>, span: recipec_grammar::source::Span) -> Option<Typed> {
    if conditions.len() < 2 {
        return conditions.pop();
    }
    let right = halves(conditions.split_off(conditions.len() / 2), span)?;
    let left = halves(conditions, span)?;
    let kind = Kind::Binary(BinaryOp::Or, Box::new(left), Box::new(right));
    Some(Typed { kind, ty: Type::Bool, range: Interval::UNIT, span })
}
