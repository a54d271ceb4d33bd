//! Definitions to values: what the run as a whole, and each of its stages, sees under one variant.
//!
//! In: a [`View`]. Out: a [`Draft`], which always exists and may have holes. The checks read it; [`crate::build`] makes the recipe of it.

mod order;
mod params;
pub(crate) mod presence;
mod promises;
mod terms;

use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Facts;
use crate::formula::{DomainSet, TypedFormula};
use crate::problems::Problems;
use crate::prove::{Memo, Setting};
use crate::recipe::{Guarantee, Origin, Param, Test};
use crate::resolve::settings::of_domain;
use crate::resolve::{Resolved, View};
use crate::settings::Unfinished;
use crate::sweep::{self, Point};
use crate::values::{Reader, Share, Value, Values};
use crate::vocabulary::keys::{self, BLOCKS};
use recipec_grammar::source::{Source, Span};
use recipec_grammar::tree;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A recipe with holes.
pub struct Draft<'a> {
    /// The definitions under the variant in force.
    pub view: View<'a>,
    /// Where to point when the whole recipe is meant: its name.
    pub place: Span,
    /// Names of all domains, sorted: the position is the value of `domain` in formulas.
    pub domains: Vec<String>,
    /// Params with the values in force.
    pub params: Vec<Param>,
    /// The points of the sweeps.
    pub points: Vec<Point>,
    /// What the run as a whole sees.
    pub run: Values,
    /// The stages in the order in which they run.
    pub stages: Vec<StageDraft>,
    /// Guarantees whose claims have the right types.
    pub guarantees: Vec<Guarantee>,
    /// Tests whose expectations have the right types.
    pub tests: Vec<Test>,
    /// Names of penalties, terms and `outcome` that the reward or another term reads.
    pub used_terms: BTreeSet<String>,
    /// What has been decided about formulas, in this and other variants.
    pub memo: Memo,
    /// What is known of models and data.
    pub facts: &'a Facts,
    /// Texts of all files.
    pub sources: &'a [Source],
    /// Whether the view is derived from one that was checked before, so that only what changed has to be looked at again.
    pub again: bool,
}

impl Draft<'_> {
    /// Whether formulas of the reward or of the mix, or what they are read with, may differ from what was checked before.
    pub fn formulas_changed(&self) -> bool {
        let touches = |path: &str| {
            matches!(path.split('.').next(), Some("reward" | "mix" | "train" | "model"))
                || path.starts_with("domain.") && path.ends_with(".reward")
        };
        !self.again
            || self.view.terms_changed
            || self.view.changes_stages()
            || self.view.settings.changes().any(touches)
    }

    /// Whether one of these keys of a domain, or anything about data, suites or models, may differ from what was checked before.
    /// A recipe of a thousand domains has variants that change none of them.
    pub fn domains_changed(&self, keys: &[&str]) -> bool {
        let touches = |path: &str| {
            let mut segments = path.split('.');
            match segments.next() {
                Some("domain") => segments.nth(1).is_none_or(|key| keys.contains(&key)),
                Some(block) => matches!(block, "data" | "suite" | "model" | "evaluate"),
                None => true,
            }
        };
        !self.again || self.view.changes_stages() || self.view.settings.changes().any(touches)
    }

    /// A piece of the text that was read.
    pub fn text(&self, span: Span) -> Option<&str> {
        self.sources.iter().find(|s| s.id == span.file)?.text.get(span.start..span.end)
    }
}

/// A stage with holes.
#[derive(Debug, Clone)]
pub struct StageDraft {
    /// Its name; `main` when the recipe names none.
    pub name: String,
    /// Where to point at it.
    pub place: Span,
    /// The stage before it.
    pub after: Option<String>,
    /// Where `supervised { … }` stands, if it does.
    pub supervised: Option<Span>,
    /// What it sees.
    pub values: Values,
    /// Its domains with their shares, sorted by name; none when one of them is a hole.
    pub shares: Option<Vec<StageShare>>,
    /// The output cap of each domain of the recipe, in tokens.
    pub caps: Vec<f64>,
    /// Penalties and terms in the order in which they can be computed; none when one of them is a hole.
    pub terms: Option<Vec<crate::recipe::Term>>,
}

/// The share of a domain in a stage.
#[derive(Debug, Clone)]
pub struct StageShare {
    /// The domain.
    pub domain: String,
    /// Its share.
    pub ratio: f64,
    /// Where the share comes from.
    pub origin: Origin,
}

/// What a draft is made from, beside the view.
pub struct Given<'a> {
    /// `--set`, name and text.
    pub set: &'a [(String, String)],
    /// Texts.
    pub sources: &'a [Source],
    /// What has been decided about formulas; shared by the drafts of one recipe.
    pub memo: Memo,
    /// What is known of models and data.
    pub facts: &'a Facts,
}

/// Reads everything that a view holds.
pub fn draft<'a>(view: View<'a>, given: &Given<'a>, problems: &mut Problems) -> Draft<'a> {
    draft_like(view, None, given, problems)
}

/// Reads a view that is derived from one that was read before: of the domains only what may differ is read again, and only
/// what is new about them is reported.
pub fn draft_like<'a>(
    view: View<'a>,
    before: Option<&Values>,
    given: &Given<'a>,
    problems: &mut Problems,
) -> Draft<'a> {
    let resolved = view.resolved;
    let place = resolved.name.as_ref().map_or(Span::default(), |n| n.span);
    let mut domains: Vec<String> = resolved.names("domain").map(|n| n.node.clone()).collect();
    domains.sort();
    let formulas: BTreeMap<String, tree::FormulaDef> =
        resolved.formulas.iter().map(|(name, def)| (name.clone(), def.node.clone())).collect();
    let (params, param_types) = params::read(resolved, given.set, problems);
    let points = sweep::points(resolved, given, &param_types, problems);
    let stage_defs = order::stages(resolved, place, problems);
    let reinforce = stage_defs.iter().any(|s| s.supervised.is_none());

    let explicit = !resolved.stages.is_empty();
    let read = |view: &View<'_>, before: Option<&Values>, stage: Option<&str>, problems: &mut Problems| {
        let values = match before {
            Some(before) => Values::like(before, param_types.clone()),
            None => Values::with_params(param_types.clone()),
        };
        let reader = Reader {
            view,
            sources: given.sources,
            formulas: &formulas,
            domains: &domains,
            values,
            before,
            others: Vec::new(),
        };
        read_view(reader, &Reading { reinforce, place, explicit, stage }, problems)
    };
    missing_blocks(resolved, place, reinforce, problems);
    let (run, run_terms, differs) = read(&view, before, None, problems);
    terms::definitions(&view, &run, &formulas, &domains, given.sources, problems);
    let mut stages = Vec::new();
    for def in stage_defs {
        let as_the_run = def.overrides.is_empty() && !view.changes_stage(&def.name);
        // Where domains lack different signals, what a formula may read depends on the domains of the stage.
        let (values, terms) = if as_the_run && !(explicit && differs && def.supervised.is_none()) {
            (run.clone(), run_terms.clone())
        } else {
            let seen = view.with_stage(&def.name, &def.overrides, problems);
            let (values, terms, _) = read(&seen, Some(&run), Some(&def.name), problems);
            (values, terms)
        };
        let shares = shares(&def, &values, &domains, &view, problems);
        let caps = caps(&values, shares.as_deref(), &domains);
        stages.push(StageDraft {
            caps,
            name: def.name,
            place: def.place,
            after: def.after,
            supervised: def.supervised,
            values,
            shares,
            terms,
        });
    }
    let mut promises = promises::read(&view, &run, &formulas, &domains, given.sources, problems);
    promises::decide(&mut promises.guarantees, &stages, &params, &domains, &given.memo, problems);
    let used_terms = used_terms(&run, &stages);
    Draft {
        view,
        place,
        domains,
        params,
        points,
        run,
        stages,
        guarantees: promises.guarantees,
        tests: promises.tests,
        used_terms,
        memo: given.memo.clone(),
        facts: given.facts,
        sources: given.sources,
        again: before.is_some(),
    }
}

/// The output cap of each domain in a stage, in tokens; of one that the stage does not train, that of another one.
fn caps(values: &Values, shares: Option<&[StageShare]>, domains: &[String]) -> Vec<f64> {
    let output = values.number("budget.output").unwrap_or(f64::INFINITY);
    // Shares are sorted by name.
    let is_trained = |domain: &String| {
        shares.is_none_or(|shares| {
            let at = shares.binary_search_by(|share| share.domain.cmp(domain));
            at.ok().and_then(|at| shares.get(at)).is_some_and(|share| share.ratio > 0.0)
        })
    };
    let cap = |domain: &String| values.number(&of_domain(domain, "output")).unwrap_or(output);
    let usual = domains.iter().find(|domain| is_trained(domain)).map_or(output, cap);
    domains.iter().map(|domain| if is_trained(domain) { cap(domain) } else { usual }).collect()
}

/// What is in force in a stage, for the prover.
pub(crate) fn setting<'s>(stage: &'s StageDraft, params: &[Param], domains: &'s [String]) -> Setting<'s> {
    let values = &stage.values;
    Setting {
        terms: &values.terms,
        params: Cow::Borrowed(&values.params),
        whole_params: params.iter().filter(|p| p.type_name == "integer").map(|p| p.name.clone()).collect(),
        budget: &values.budget,
        domains,
        caps: stage.caps.clone(),
        group_size: values.count("train.group").unwrap_or(1).max(1),
        unfinished: match values.word("reward.unfinished") {
            Some("as_judged") => Some(Unfinished::AsJudged),
            Some("wrong") => Some(Unfinished::Wrong),
            Some("masked") => Some(Unfinished::Masked),
            Some("dropped") => Some(Unfinished::Dropped),
            _ => None,
        },
    }
}

/// Blocks that every recipe has.
fn missing_blocks(resolved: &Resolved, place: Span, reinforce: bool, problems: &mut Problems) {
    if problems.lost_text() {
        return;
    }
    let mut need = |there: bool, what: &str, write: &str, why: &str| {
        if !there {
            problems.push(
                Diagnostic::new(codes::MISSING_BLOCK, format!("the recipe has no {what}"))
                    .at(place, format!("this recipe needs `{write}`"))
                    .help(format!("write `{write}`"))
                    .note(why.to_string()),
            );
        }
    };
    need(resolved.name.is_some(), "name", "recipe NAME { edition = 2026 }", "the edition pins the defaults");
    need(
        resolved.names("model").any(|n| n.node == "policy"),
        "policy",
        "model policy { … }",
        "it is the model that is trained",
    );
    need(resolved.names("domain").next().is_some(), "domain", "domain NAME { … }", "problems come from domains");
    need(resolved.blocks.contains_key("budget"), "budget", "budget { … }", "a run without a budget has no end");
    if reinforce {
        need(
            resolved.blocks.contains_key("mix"),
            "mix",
            "mix { … }",
            "frameworks disagree on how a mix is held, so there is no default",
        );
        need(resolved.blocks.contains_key("reward"), "reward", "reward { … }", "it says what is trained on");
        need(resolved.blocks.contains_key("train"), "`train`", "train { … }", "it says how the policy learns");
    }
}

type TermsInOrder = Option<Vec<crate::recipe::Term>>;

/// What is the same for every reading of one recipe, and the stage that is read; none for the run as a whole.
struct Reading<'a> {
    reinforce: bool,
    place: Span,
    /// Whether the recipe names its stages.
    explicit: bool,
    stage: Option<&'a str>,
}

/// All values, the terms in order, and whether the domains lack different signals.
fn read_view(mut reader: Reader<'_>, what: &Reading<'_>, problems: &mut Problems) -> (Values, TermsInOrder, bool) {
    let resolved = reader.view.resolved;
    let Reading { reinforce, place, explicit, stage } = *what;
    let (view, domains) = (reader.view, reader.domains);
    if reader.before.is_none() {
        reader.values.constants = reader.naming_constants().into();
    }
    for block in BLOCKS {
        match (block.keyword, block.inside) {
            ("variant", _) | ("supervised", _) => {}
            ("recipe", _) => {
                if let Some(name) = &resolved.name {
                    reader.block("recipe", block.keys, name.span, problems);
                }
            }
            ("stage", _) => {
                for stage in &resolved.stages {
                    let prefix = format!("stage.{}", stage.name.node);
                    reader.block(&prefix, block.keys, stage.name.span, problems);
                    if let (Some(span), Some(inner)) =
                        (stage.node.supervised, keys::find_block("supervised", Some("stage")))
                    {
                        reader.block(&format!("{prefix}.supervised"), inner.keys, span, problems);
                    }
                }
            }
            (keyword, _) if block.named => {
                for name in resolved.names(keyword) {
                    if keyword == "domain" {
                        reader.block_again(&format!("domain.{}", name.node), block.keys, name.span, problems);
                        continue;
                    }
                    reader.block(&format!("{keyword}.{}", name.node), block.keys, name.span, problems);
                }
            }
            (keyword, _) => {
                let written = resolved.blocks.get(keyword);
                let wanted = match keyword {
                    // Reported as missing as a whole, or not needed.
                    "mix" | "reward" | "train" | "budget" => written.is_some(),
                    "rollout" => reinforce,
                    _ => true,
                };
                if wanted {
                    reader.block(keyword, block.keys, written.map_or(place, |b| b.name.span), problems);
                }
            }
        }
    }
    let judged_anew = reader.before.is_none() || view.changes_stages() || {
        let touches =
            |path: &str| path.starts_with("domain.") && (path.ends_with(".verify") || path.ends_with(".signals"));
        view.settings.changes().any(touches)
    };
    let presence = match reader.before.filter(|_| !judged_anew).and_then(|before| before.presence.clone()) {
        Some(known) => known,
        None => presence::Presence::of(&reader.values, domains),
    };
    reader.values.presence = Some(presence.clone());
    let of_stage = stage.and_then(|stage| match &reader.values.get(&format!("stage.{stage}.domains"))?.value {
        Value::Shares(shares) => Some(shares.iter().filter_map(|s| domains.binary_search(&s.domain).ok()).collect()),
        _ => None,
    });
    let about = of_stage.map_or(DomainSet::ALL, |positions: Vec<usize>| DomainSet::of(positions));
    // Each stage has its own look where they differ; the run as a whole then trains no domain.
    if stage.is_some() || !(explicit && presence.differs) {
        reader.values.absent = presence::absences(&presence);
    }
    let readers = presence::Readers::of(view, domains, about);
    let terms = terms::read(&mut reader, &readers, problems);
    reader.values.absent.about = DomainSet::ALL;
    (reader.values, terms, presence.differs)
}

/// The domains of a stage with their shares.
fn shares(
    def: &order::StageInOrder,
    values: &Values,
    domains: &[String],
    view: &View<'_>,
    problems: &mut Problems,
) -> Option<Vec<StageShare>> {
    let path = format!("stage.{}.domains", def.name);
    match values.get(&path).map(|e| (&e.value, &e.origin)) {
        Some((Value::Shares(written), origin)) => {
            let mut shares: Vec<StageShare> = written
                .iter()
                .map(|Share { domain, ratio, span }| StageShare {
                    domain: domain.clone(),
                    ratio: *ratio,
                    origin: match origin {
                        Origin::Overridden { was, .. } => Origin::Overridden { by: *span, was: was.clone() },
                        _ => Origin::Written(*span),
                    },
                })
                .collect();
            shares.sort_by(|a, b| a.domain.cmp(&b.domain));
            return Some(shares);
        }
        Some(_) => return None,
        None => {}
    }
    let ratio_path = |domain: &String| of_domain(domain, "ratio");
    let entries: Vec<_> = domains.iter().map(|domain| values.get(&ratio_path(domain))).collect();
    let stated = entries.iter().flatten().count();
    if stated == 0 {
        let reads_ratio =
            values.formula("mix.weight").is_some_and(|weight| weight.signals().iter().any(|s| s == "ratio"))
                || !values.absent("mix.strategy");
        if (reads_ratio || def.supervised.is_some()) && domains.len() > 1 {
            missing_ratios(domains, view, problems);
            return None;
        }
        // Nothing reads them: equal shares, for reports only.
        let equal = 1.0 / domains.len().max(1) as f64;
        return Some(
            domains
                .iter()
                .map(|d| StageShare { domain: d.clone(), ratio: equal, origin: Origin::Default("domain.*.ratio") })
                .collect(),
        );
    }
    if stated < domains.len() {
        let without: Vec<String> = domains.iter().filter(|d| values.absent(&ratio_path(d))).cloned().collect();
        missing_ratios(&without, view, problems);
        return None;
    }
    domains
        .iter()
        .zip(entries)
        .map(|(domain, entry)| {
            let entry = entry?;
            let Value::Number(ratio) = entry.value else { return None };
            Some(StageShare { domain: domain.clone(), ratio, origin: entry.origin.clone() })
        })
        .collect()
}

fn missing_ratios(domains: &[String], view: &View<'_>, problems: &mut Problems) {
    if problems.lost_text() {
        return;
    }
    let names: Vec<&tree::Name> =
        view.resolved.names("domain").filter(|n| domains.binary_search(&n.node).is_ok()).collect();
    let message = match names.as_slice() {
        [one] => format!("domain `{}` has no ratio", one.node),
        many => format!("{} domains have no ratio", many.len()),
    };
    let mut diagnostic = Diagnostic::new(codes::RATIOS_MISSING, message)
        .help("write `ratio = …%` in each domain, or `domains = { … }` in each stage");
    for name in names.iter().take(5) {
        diagnostic = diagnostic.at(name.span, "no `ratio` in this domain");
    }
    problems.push(diagnostic);
}

/// Names of terms that the reward, or another term, reads. A test alone does not make a penalty count.
fn used_terms(run: &Values, stages: &[StageDraft]) -> BTreeSet<String> {
    let values = std::iter::once(run).chain(stages.iter().map(|s| &s.values));
    let of_terms = |v: &'_ Values| -> Vec<String> {
        let own = v.iter().filter(|(path, _)| path.starts_with("domain.") && path.ends_with(".reward"));
        let own = own.filter_map(|(_, entry)| match &entry.value {
            Value::Formula(formula) => Some(formula.as_ref()),
            _ => None,
        });
        v.terms.values().chain(own).flat_map(|f| f.names(crate::formula::Source::Term)).collect()
    };
    values.flat_map(of_terms).collect()
}

/// All signals that a formula reads, through the terms that it names.
pub(crate) fn signals_behind(formula: &TypedFormula, terms: &BTreeMap<String, TypedFormula>) -> BTreeSet<String> {
    let mut signals: BTreeSet<String> = formula.signals().into_iter().collect();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<String> = formula.names(crate::formula::Source::Term).into_iter().collect();
    while let Some(name) = open.pop() {
        if let Some(term) = terms.get(&name)
            && seen.insert(name)
        {
            signals.extend(term.signals());
            open.extend(term.names(crate::formula::Source::Term));
        }
    }
    signals
}
