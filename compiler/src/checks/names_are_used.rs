//! Domains, penalties, formulas and params that are defined are used.
//!
//! Most often the name is misspelt where it should be used.
//! Bad: `penalty p = …  reward { total = outcome … }`

use crate::diagnostic::{Diagnostic, codes};
use crate::draft::Draft;
use crate::problems::Problems;
use crate::resolve::mentions::{self, Names};
use recipec_grammar::tree::{FormulaDef, Name};
use std::collections::BTreeSet;

pub(super) fn check(draft: &Draft<'_>, problems: &mut Problems) {
    if !draft.formulas_changed() {
        return;
    }
    // Where there is an error, what is used is not known.
    if problems.lost_text() || problems.any_error() {
        return;
    }
    let resolved = draft.view.resolved;
    let mut mentioned = Names::new();
    for (_, setting) in resolved.settings.iter() {
        mentions::formula(&setting.value, &mut mentioned);
    }
    for overrides in resolved.variants.iter().map(|v| &v.node).chain(resolved.stages.iter().map(|s| &s.node.overrides))
    {
        overrides.iter().for_each(|setting| mentions::formula(&setting.value, &mut mentioned));
    }
    for term in resolved.terms.values() {
        mentions::formula(&term.node.def.body, &mut mentioned);
    }
    for formula in resolved.formulas.values() {
        mentions::formula(&formula.node.body, &mut mentioned);
    }
    resolved.guarantees.iter().for_each(|g| mentions::guarantee(&g.node, &mut mentioned));
    resolved.tests.iter().for_each(|t| mentions::test(&t.node, &mut mentioned));
    mentioned.insert("seed".into());

    for param in resolved.params.iter().filter(|p| !mentioned.contains(&p.name.node)) {
        unused("param", &param.name, "nothing reads it", problems);
    }
    for formula in resolved.formulas.values().filter(|f| !mentioned.contains(&f.name.node)) {
        unused("formula", &formula.name, "nothing calls it", problems);
    }
    for formula in resolved.formulas.values() {
        unread_parameters(&formula.node, problems);
    }
    let reinforce = draft.stages.iter().any(|s| s.supervised.is_none());
    // Where a formula of the reward is a hole, what it reads is not known.
    let known =
        draft.stages.iter().filter(|s| s.supervised.is_none()).all(|s| s.values.formula("reward.total").is_some());
    if reinforce && known {
        // A variant may leave a penalty out of the reward; the base recipe must read it, or a term that is read.
        for (name, term) in resolved.terms.iter().filter(|(name, _)| !draft.used_terms.contains(*name)) {
            let elsewhere = resolved.variants.iter().flat_map(|v| &v.node).any(|s| {
                let mut names = Names::new();
                mentions::formula(&s.value, &mut names);
                names.contains(name)
            });
            let overridden = resolved.settings.get("reward.total").is_some_and(|s| {
                let mut names = Names::new();
                mentions::formula(&s.value, &mut names);
                names.contains(name)
            });
            if !elsewhere && !overridden {
                unused(&term.node.def.keyword.node, &term.name, "the reward does not read it", problems);
            }
        }
    }
    if draft.stages.iter().all(|s| s.shares.is_some()) {
        let trained: BTreeSet<&str> =
            draft.stages.iter().flat_map(|s| s.shares.iter().flatten()).map(|share| share.domain.as_str()).collect();
        for name in resolved.names("domain").filter(|n| !trained.contains(n.node.as_str())) {
            unused("domain", name, "no stage trains it", problems);
        }
    }
}

/// Parameters of a formula that neither its body nor its bindings read.
fn unread_parameters(formula: &FormulaDef, problems: &mut Problems) {
    let mut read = Names::new();
    mentions::formula(&formula.body, &mut read);
    for (parameter, _) in formula.parameters.iter().filter(|(name, _)| !read.contains(&name.node)) {
        problems.push(
            Diagnostic::new(
                codes::UNUSED_PARAMETER,
                format!("parameter `{}` of formula `{}` is never read", parameter.node, formula.name.node),
            )
            .at(parameter.span, "changes nothing")
            .at(formula.body.span, "does not read it")
            .help("read it or remove it"),
        );
    }
}

fn unused(kind: &str, name: &Name, why: &str, problems: &mut Problems) {
    problems.push(
        Diagnostic::new(codes::UNUSED, format!("{kind} `{}` is never used", name.node))
            .at(name.span, why)
            .help("use it or remove it"),
    );
}

#[cfg(test)]
mod tests {
    use crate::testing::{codes_of, quickstart_with};

    #[test]
    fn parameters_that_are_never_read() {
        let text = quickstart_with("formula overlong(n: tokens)", "formula overlong(n: tokens, m: tokens)")
            .replace("overlong(length)", "overlong(length, length)");
        assert_eq!(codes_of(&text).codes, ["recipe::formulas::unused_parameter"]);
    }

    #[test]
    fn what_is_never_used() {
        for (from, to, name) in [
            ("budget {", "param spare : number = 1\nbudget {", "param `spare`"),
            ("budget {", "formula spare(n: tokens) -> reward = n / 1 token\nbudget {", "formula `spare`"),
            ("reward {", "penalty spare = -length / budget.output\nreward {", "penalty `spare`"),
        ] {
            let found = codes_of(&quickstart_with(from, to));
            assert_eq!(found.codes, ["recipe::names::unused"], "{to}");
            assert!(found.text.contains(&format!("{name} is never used")), "{}", found.text);
        }
    }
}
