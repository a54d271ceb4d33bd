//! Which signals the domains of a recipe lack, and which domains a formula of the reward is about.

use crate::formula::{Absence, Absences, DomainSet};
use crate::resolve::View;
use crate::resolve::mentions::{self, Names};
use crate::resolve::settings::of_domain;
use crate::values::{Value, Values};
use crate::vocabulary::signals::reward_model_column;
use recipec_grammar::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a verdict tells: nothing of it is there where nobody judges.
pub const OF_VERDICTS: [&str; 5] = ["correct", "wrong", "parsable", "score", "solve_rate"];

/// What every domain lacks.
#[derive(Debug, Clone, Default)]
pub struct Presence {
    /// What is absent where.
    pub absent: Arc<BTreeMap<String, Absence>>,
    /// Whether the domains differ in it, so that every stage needs a look of its own.
    pub differs: bool,
}

impl Presence {
    /// Reads what the domains are judged by. `domains` are sorted.
    pub fn of(values: &Values, domains: &[String]) -> Self {
        let mut absent: BTreeMap<String, Absence> = BTreeMap::new();
        let mut lacks = |signal: &str, at: usize, place: Option<Span>, why: &str| {
            let entry = absent.entry(signal.to_string()).or_default();
            entry.why = why.to_string();
            entry.domains.insert(at, place);
        };
        let listed: Vec<Option<Vec<String>>> = domains.iter().map(|domain| listed(values, domain)).collect();
        let models: BTreeSet<&String> =
            listed.iter().flatten().flatten().filter(|column| column.starts_with("reward_model.")).collect();
        for (at, domain) in domains.iter().enumerate() {
            let path = |key: &str| of_domain(domain, key);
            let judged = values.word(&path("verify"));
            if judged != Some("judge") {
                lacks("judge", at, values.span(&path("verify")), "is not judged by a model");
            }
            let Some(Some(own)) = listed.get(at) else { continue };
            let place = values.span(&path("signals"));
            for signal in OF_VERDICTS {
                lacks(signal, at, place, "has no verifier");
            }
            let others = ["reference_probability", "answer_probability"].into_iter();
            for signal in others.chain(models.iter().map(|column| column.as_str())) {
                if !own.iter().any(|column| column == signal) {
                    lacks(signal, at, place, "does not list it in `signals`");
                }
            }
        }
        let all = domains.len();
        let differs = absent.values().any(|absence| absence.domains.len() != all);
        Self { absent: Arc::new(absent), differs }
    }
}

/// The signals that a domain lists in place of a verifier, by their columns.
fn listed(values: &Values, domain: &str) -> Option<Vec<String>> {
    if !values.absent(&of_domain(domain, "verify")) {
        return None;
    }
    let path = of_domain(domain, "signals");
    let Value::Several(items) = &values.get(&path)?.value else { return None };
    let column = |item: &Value| match item {
        Value::Word(word) => Some(word.clone()),
        Value::Call { arguments, .. } => match arguments.get("model") {
            Some(Value::Word(model)) => Some(reward_model_column(model)),
            _ => None,
        },
        _ => None,
    };
    Some(items.iter().filter_map(column).collect())
}

/// Which domains of a stage each part of the reward is about: those whose reward reads it.
#[derive(Debug, Clone, Default)]
pub struct Readers {
    /// The domains of the stage.
    stage: DomainSet,
    /// By the name of a penalty or term, or `outcome` or `total`; only where some domain has a reward of its own.
    by_part: BTreeMap<String, BTreeSet<usize>>,
}

impl Readers {
    /// Looks through the reward as it is written. Without a domain that has a reward of its own, everything is about every domain.
    pub fn of(view: &View<'_>, domains: &[String], stage: DomainSet) -> Self {
        let mut readers = Self { stage, by_part: BTreeMap::new() };
        let own = |domain: &String| view.settings.get(&of_domain(domain, "reward"));
        if !domains.iter().any(|domain| own(domain).is_some()) {
            return readers;
        }
        let total = view.settings.get("reward.total");
        let of_total = || domains.iter().enumerate().filter(|(_, d)| own(d).is_none()).map(|(at, _)| at);
        readers.by_part.insert("total".into(), of_total().filter(|at| readers.stage.contains(*at)).collect());
        for (at, domain) in domains.iter().enumerate().filter(|(at, _)| readers.stage.contains(*at)) {
            let Some(formula) = own(domain).or(total) else { continue };
            let mut open = Names::new();
            mentions::formula(&formula.value, &mut open);
            while let Some(name) = open.pop_first() {
                // `reward.outcome` is `outcome`.
                let name = if name == "reward" { "outcome".to_string() } else { name };
                let term = view.terms.get(&name).map(|term| &term.def.body);
                let body = if name == "outcome" { view.settings.get("reward.outcome").map(|s| &s.value) } else { term };
                if let Some(body) = body
                    && readers.by_part.entry(name).or_default().insert(at)
                {
                    mentions::formula(body, &mut open);
                }
            }
        }
        readers
    }

    /// The domains that a part of the reward is about: none where domains have rewards of their own and none of them reads it.
    pub fn of_part(&self, name: &str) -> DomainSet {
        match self.by_part.get(name) {
            Some(readers) => DomainSet::of(readers.iter().copied()),
            None if self.by_part.is_empty() => self.stage.clone(),
            None => DomainSet::of([]),
        }
    }

    /// Every domain of the stage.
    pub fn of_stage(&self) -> DomainSet {
        self.stage.clone()
    }

    /// A formula of one domain.
    pub fn of_domain(position: usize) -> DomainSet {
        DomainSet::of([position])
    }
}

/// What is absent in a formula about some domains.
pub fn absences(presence: &Presence) -> Absences {
    Absences { signals: Arc::clone(&presence.absent), about: DomainSet::ALL }
}
