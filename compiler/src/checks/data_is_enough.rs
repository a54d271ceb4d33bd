//! Data is there once, is not what is measured, and lasts.
//!
//! Bad: two domains with one data set; a suite over the rows of a domain; 100 problems for 400 steps.

use crate::diagnostic::{Diagnostic, codes, suggest};
use crate::draft::{Draft, StageDraft};
use crate::facts::{self, Rows};
use crate::problems::Problems;
use crate::resolve::settings::of_domain;
use crate::settings::DataSource;
use recipec_grammar::source::Span;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    if !draft.domains_changed(&["data"]) {
        return;
    }
    let sources: Vec<(&str, DataSource, Span)> = draft
        .domains
        .iter()
        .filter_map(|domain| {
            let path = of_domain(domain, "data");
            Some((domain.as_str(), facts::source(&draft.run, &path)?, draft.run.span(&path)?))
        })
        .collect();
    listed_twice(draft, &sources, problems);
    evaluated(draft, &sources, problems);
    // A run under a variant may be longer or shorter than the recipe's; how often its problems come is looked at for the recipe.
    if !draft.view.varied && !problems.any_error() {
        enough(draft, problems);
    }
}

/// What two sources have in common when they are the same rows: their name, or their bytes.
fn identity(draft: &Draft<'_>, source: &DataSource) -> Vec<String> {
    let key = facts::data_key(source);
    let digest = draft.facts.data.get(&key).and_then(|known| known.digest.clone());
    std::iter::once(key).chain(digest).collect()
}

/// So many places are labelled.
const LABELS: usize = 8;

fn listed_twice(draft: &Draft<'_>, sources: &[(&str, DataSource, Span)], problems: &mut Problems) {
    // By identity, so that a thousand domains take linear time. A generator is no data set: it never ends, and two domains may well
    // ask it for different prompts.
    let mut sets: Vec<Vec<(&str, Span)>> = Vec::new();
    let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
    for (domain, source, span) in sources.iter().filter(|(_, s, _)| !matches!(s, DataSource::Builtin { .. })) {
        let names = identity(draft, source);
        let at = names.iter().find_map(|name| by_name.get(name)).copied().unwrap_or(sets.len());
        match sets.get_mut(at) {
            Some(set) => set.push((domain, *span)),
            None => sets.push(vec![(domain, *span)]),
        }
        for name in names {
            by_name.entry(name).or_insert(at);
        }
    }
    for mut set in sets.into_iter().filter(|set| set.len() > 1) {
        set.sort_by_key(|(_, span)| *span);
        let names: Vec<&str> = set.iter().map(|(domain, _)| *domain).collect();
        let message = match names.as_slice() {
            few if few.len() <= LABELS => format!("domains {} have the same data", suggest::list(few, "and")),
            many => format!("{} domains have the same data", many.len()),
        };
        let mut diagnostic = Diagnostic::new(codes::LISTED_TWICE, message)
            .help("keep one of the domains, or give each its own split or configuration");
        // The last is the one that was added to what was there.
        for (domain, span) in set.iter().rev().take(LABELS) {
            diagnostic = diagnostic.at(*span, format!("data of `{domain}`"));
        }
        problems.push(diagnostic);
    }
}

fn evaluated(draft: &Draft<'_>, sources: &[(&str, DataSource, Span)], problems: &mut Problems) {
    let mut trained: BTreeMap<String, (&str, Span)> = BTreeMap::new();
    for (domain, source, span) in sources {
        // A generator makes problems for both sides and never one for two.
        if !matches!(source, DataSource::Builtin { .. }) {
            for name in identity(draft, source) {
                trained.entry(name).or_insert((domain, *span));
            }
        }
    }
    for name in draft.view.resolved.names("suite") {
        let path = format!("suite.{}.data", name.node);
        let Some(source) = facts::source(&draft.run, &path) else { continue };
        let Some((domain, at)) = identity(draft, &source).iter().find_map(|key| trained.get(key)).copied() else {
            continue;
        };
        problems.push(
            Diagnostic::new(
                codes::EVALUATED_ON_TRAINING,
                format!("suite `{}` measures on the data of domain `{domain}`", name.node),
            )
            .at(draft.run.span(&path).unwrap_or(name.span), "measured")
            .at(at, "trained on")
            .help("write `data = held_out`, the side of every domain's data that is never trained on, or name another split"),
        );
    }
}

fn enough(draft: &Draft<'_>, problems: &mut Problems) {
    let mut open: BTreeSet<String> = BTreeSet::new();
    let mut drawn: BTreeMap<&str, f64> = BTreeMap::new();
    for stage in &draft.stages {
        let Some(draws) = draws(stage) else { continue };
        for share in stage.shares.iter().flatten() {
            *drawn.entry(share.domain.as_str()).or_default() += share.ratio * draws;
        }
    }
    for domain in &draft.domains {
        let Some(source) = facts::source(&draft.run, &of_domain(domain, "data")) else { continue };
        let draws = drawn.get(domain.as_str()).copied().unwrap_or(0.0);
        let (rows, known_at) = match facts::rows(draft, domain, &source) {
            Rows::Endless => continue,
            Rows::Unknown => {
                open.insert(domain.clone());
                continue;
            }
            Rows::Number(rows, at) => (rows, at),
        };
        if draws <= rows as f64 || problems.lost_text() {
            continue;
        }
        let data = draft.run.span(&of_domain(domain, "data"));
        let about = libm::round(draws);
        let message = match rows {
            0 => format!("domain `{domain}` has no problems, and the run draws about {about}"),
            rows => {
                let times = libm::round(draws / rows as f64 * 10.0) / 10.0;
                format!(
                    "domain `{domain}` has {rows} problems, and the run draws about {about}: each comes about {times} times"
                )
            }
        };
        let mut diagnostic = Diagnostic::new(codes::TOO_FEW_PROBLEMS, message)
            .at(known_at.or(data).unwrap_or(draft.place), format!("{rows} problems"))
            .help("use fewer steps, a smaller ratio or more data; or accept it with `allow`");
        let steps = draft.stages.iter().find_map(|s| s.values.span("budget.steps"));
        if let Some(span) = steps {
            diagnostic = diagnostic.at(span, "so many steps");
        }
        problems.push(diagnostic);
    }
    if !open.is_empty() {
        let list: Vec<String> = open.into_iter().collect();
        problems.note(format!(
            "not decided: whether {} problems enough for the run; write `problems = … problems` in {}",
            match list.as_slice() {
                [one] => format!("domain `{one}` has"),
                many => format!("domains {} have", suggest::some(many)),
            },
            if list.len() == 1 { "it" } else { "them" }
        ));
    }
}

/// Problems of all domains that a stage draws; none where its length is not known.
fn draws(stage: &StageDraft) -> Option<f64> {
    let values = &stage.values;
    let steps = values.count("budget.steps")? as f64;
    let per_step = match stage.supervised {
        Some(_) => values.count(&format!("stage.{}.supervised.batch", stage.name))? as f64,
        None => values.count("train.batch")? as f64 / values.count("train.group").filter(|g| *g > 0)? as f64,
    };
    Some(steps * per_step)
}

#[cfg(test)]
mod tests {
    use crate::Options;
    use crate::facts::{DataFacts, Facts};
    use crate::testing::{checked, codes_of, edit, found, quickstart_with};
    use std::collections::BTreeMap;

    #[test]
    fn the_same_data_twice() {
        let with = |logic: &str, math: &str| {
            let text = quickstart_with("builtin(\"ordering\")", logic);
            found(&checked(&edit(&text, "builtin(\"arithmetic\")", math), &Options::default()))
        };
        let twice = with("hf(\"x/y\", split = \"train\")", "hf(\"x/y\", split = \"train\")");
        assert_eq!(twice.codes, ["recipe::data::listed_twice"]);
        assert!(twice.text.contains("domains `math` and `logic`"), "{}", twice.text);
        assert!(with("hf(\"x/y\", split = \"test\")", "hf(\"x/y\", split = \"train\")").codes.is_empty());
        assert!(
            with("builtin(\"ordering\", levels = 1..2)", "builtin(\"ordering\")")
                .codes
                .contains(&"recipe::data::unknown_column")
        );
    }

    /// The math domain of the quickstart is drawn 1200 x 96 x 25% + 600 x 32 x 40% = 36,480 times.
    #[test]
    fn problems_that_come_again() {
        let file = quickstart_with("data = builtin(\"arithmetic\")", "data = file(\"rows.jsonl\")");
        let with = |rows: Option<u64>| {
            let known = DataFacts { rows, ..DataFacts::default() };
            let facts =
                Facts { data: BTreeMap::from([("file(\"rows.jsonl\")".to_string(), known)]), ..Facts::default() };
            let checked = checked(&file, &Options { facts, ..Options::default() });
            (found(&checked).codes, checked.notes.iter().any(|n| n.contains("domain `math` has problems enough")))
        };
        assert_eq!(with(Some(36_480)), (vec![], false));
        assert_eq!(with(Some(36_479)), (vec!["recipe::data::too_few_problems"], false));
        assert_eq!(with(None), (vec![], true));
        let key = edit(&file, "data = file(\"rows.jsonl\")", "data = file(\"rows.jsonl\")  problems = 100 problems");
        assert_eq!(codes_of(&key).codes, ["recipe::data::too_few_problems"]);
    }

    #[test]
    fn measured_on_what_is_trained() {
        let file = quickstart_with("data = builtin(\"arithmetic\")", "data = file(\"rows.jsonl\")");
        let suite = "suite cap            { data = held_out";
        let with = |path: &str| {
            edit(
                &file,
                suite,
                &format!("suite cap            {{ data = file(\"{path}\")  verify = math_answer(extract = whole)"),
            )
        };
        assert_eq!(codes_of(&with("rows.jsonl")).codes, ["recipe::data::evaluated_on_training"]);
        assert!(codes_of(&with("other.jsonl")).codes.is_empty());
        // A copy under another name has the same bytes.
        let known = || DataFacts { digest: Some("d1".into()), ..DataFacts::default() };
        let data = ["file(\"rows.jsonl\")", "file(\"other.jsonl\")"].map(|key| (key.to_string(), known()));
        let facts = Facts { data: BTreeMap::from(data), ..Facts::default() };
        let checked = checked(&with("other.jsonl"), &Options { facts, ..Options::default() });
        assert_eq!(found(&checked).codes, ["recipe::data::evaluated_on_training"]);
    }
}
