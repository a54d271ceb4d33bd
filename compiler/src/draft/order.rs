//! The stages in the order in which they run: one line, from `after` to `after`.

use crate::diagnostic::{Diagnostic, codes};
use crate::problems::Problems;
use crate::resolve::overrides::unknown_name;
use crate::resolve::{Defined, Resolved, StageDef};
use recipec_grammar::source::Span;
use recipec_grammar::tree;
use std::collections::BTreeMap;

/// A stage in its place.
#[derive(Debug, Clone)]
pub struct StageInOrder {
    /// Its name; `main` when the recipe names no stage.
    pub name: String,
    /// Where its name stands.
    pub place: Span,
    /// The stage before it.
    pub after: Option<String>,
    /// Its overrides.
    pub overrides: Vec<tree::Setting>,
    /// Where `supervised { … }` stands, if it does.
    pub supervised: Option<Span>,
}

/// Each stage holds every setting as it sees it.
const MOST_STAGES: usize = 64;

/// All stages; a recipe without stages has one. Stages that do not fit in the line are reported and stand at the end.
pub fn stages(resolved: &Resolved, place: Span, problems: &mut Problems) -> Vec<StageInOrder> {
    if resolved.stages.is_empty() {
        return vec![StageInOrder { name: "main".into(), place, after: None, overrides: Vec::new(), supervised: None }];
    }
    if let Some(stage) = resolved.stages.get(MOST_STAGES) {
        problems.push(
            Diagnostic::new(codes::TOO_MANY, format!("{} stages", resolved.stages.len()))
                .at(stage.name.span, format!("a recipe has at most {MOST_STAGES} stages"))
                .help("let a second recipe begin with the weights of the first"),
        );
        return vec![StageInOrder { name: "main".into(), place, after: None, overrides: Vec::new(), supervised: None }];
    }
    let names: Vec<&str> = resolved.stages.iter().map(|s| s.name.node.as_str()).collect();
    let mut next: BTreeMap<&str, &Defined<StageDef>> = BTreeMap::new();
    let mut first: Option<&Defined<StageDef>> = None;
    for stage in &resolved.stages {
        match &stage.node.after {
            Some(before) if !names.contains(&before.node.as_str()) => {
                if !problems.lost_text() {
                    problems.push(unknown_name("stage", before, names.clone()));
                }
            }
            Some(before) => {
                if let Some(other) = next.insert(&before.node, stage) {
                    problems.push(
                        Diagnostic::new(
                            codes::STAGE_ORDER,
                            format!(
                                "stages `{}` and `{}` both come after `{}`",
                                other.name.node, stage.name.node, before.node
                            ),
                        )
                        .at(stage.name.span, "this one")
                        .at(other.name.span, "and this one")
                        .help("stages run one after the other; let one of them come after the other"),
                    );
                }
            }
            None => match first {
                None => first = Some(stage),
                Some(first) => problems.push(
                    Diagnostic::new(
                        codes::STAGE_ORDER,
                        format!("both `{}` and `{}` would be the first stage", first.name.node, stage.name.node),
                    )
                    .at(stage.name.span, "which stage comes before this?")
                    .at(first.name.span, "the other first stage")
                    .help(format!("write `stage {} after {} {{ … }}`", stage.name.node, first.name.node)),
                ),
            },
        }
    }
    let mut ordered: Vec<&Defined<StageDef>> = Vec::new();
    let mut at = first;
    while let Some(stage) = at {
        ordered.push(stage);
        at = next.remove(stage.name.node.as_str());
    }
    let left: Vec<&Defined<StageDef>> =
        resolved.stages.iter().filter(|s| !ordered.iter().any(|o| o.name.node == s.name.node)).collect();
    let cycle: Vec<&&Defined<StageDef>> = left.iter().filter(|stage| comes_after_itself(stage, resolved)).collect();
    if let Some(start) = cycle.first() {
        let mut diagnostic = Diagnostic::new(codes::CYCLE, format!("stage `{}` comes after itself", start.name.node))
            .help("one stage must be the first: it has no `after`");
        for stage in &cycle {
            if let Some(after) = &stage.node.after {
                diagnostic = diagnostic.at(after.span, format!("`{}` comes after `{}`", stage.name.node, after.node));
            }
        }
        problems.push(diagnostic);
    }
    ordered
        .into_iter()
        .chain(left)
        .map(|stage| StageInOrder {
            name: stage.name.node.clone(),
            place: stage.name.span,
            after: stage.node.after.as_ref().map(|a| a.node.clone()),
            overrides: stage.node.overrides.clone(),
            supervised: stage.node.supervised,
        })
        .collect()
}

fn comes_after_itself(stage: &Defined<StageDef>, resolved: &Resolved) -> bool {
    let mut at = stage;
    for _ in 0..resolved.stages.len() {
        let Some(before) = &at.node.after else { return false };
        if before.node == stage.name.node {
            return true;
        }
        let Some(found) = resolved.stages.iter().find(|s| s.name.node == before.node) else { return false };
        at = found;
    }
    false
}
