//! A checked recipe for another engine: configuration, generated Python and the problems that it needs, with an account of every item.
//!
//! ```text
//! Recipe, Plan ──of──▶ Export { items, files, rows }        one module per target: trl, verl, pipelinerl
//! ```
//!
//! *Invariants.* Every line of the recipe's canonical form ([`crate::identity`]), that is every value that can change a run, is claimed by an
//! item; a line that no item claims becomes one that is not representable, so nothing is left out silently. Every key that is emitted
//! has a row in [`keys`], which says what of the target reads it. Nothing is written here: the command line does that.

pub mod keys;
mod lowering;
mod pipelinerl;
mod python;
mod trl;
mod verl;

pub use lowering::{Class, Item};

use crate::diagnostic::{Diagnostic, codes};
use crate::plan::{NodeKind, Plan, StagePlan};
use crate::recipe::{Domain, Recipe, Reinforce, Stage, StageWork};
use crate::settings::{DataSource, RowRules, VerifierSettings};
use crate::{GraphError, identity};
use lowering::Lowering;
use serde::Serialize;
use std::collections::BTreeMap;

/// An engine of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// `verl@0.9`
    Verl,
    /// `pipelinerl@2026-06`
    PipelineRl,
    /// `trl@1`
    Trl,
}

impl Target {
    /// All of them, in the order of the book.
    pub const ALL: [Self; 3] = [Self::Verl, Self::PipelineRl, Self::Trl];

    /// The name with the version.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verl => "verl@0.9",
            Self::PipelineRl => "pipelinerl@2026-06",
            Self::Trl => "trl@1",
        }
    }

    /// The target with a name; the version is part of it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// How files of problems end.
    pub fn format(self) -> &'static str {
        if self == Self::Verl { "parquet" } else { "jsonl" }
    }
}

/// What the command line says of an export.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The stage, where the recipe has several that learn from rewards.
    pub stage: Option<String>,
    /// Weights to begin with in place of the recipe's, for example what a stage before this one left.
    pub from: Option<String>,
    /// The folder that paths of models in the recipe are relative to, as an engine elsewhere on the machine finds it.
    pub folder: Option<String>,
    /// Files of rows that are there to be written; others are fetched when the export is launched.
    pub at_hand: std::collections::BTreeSet<String>,
}

/// An exported recipe.
#[derive(Debug, Clone)]
pub struct Export {
    /// For what.
    pub target: Target,
    /// The hash of the recipe's meaning.
    pub hash: String,
    /// The stage.
    pub stage: String,
    /// What became of each item of the recipe.
    pub items: Vec<Item>,
    /// Keys of the target with the values that were emitted, in order.
    pub settings: Vec<(String, String)>,
    /// Texts by the path of their file, from the export's folder.
    pub files: BTreeMap<String, String>,
    /// Problems to be written into files.
    pub rows: Vec<Rows>,
}

/// Problems of one domain for one part, to be written to `data/PART/DOMAIN.FORMAT`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rows {
    /// `train`, or the name of a suite.
    pub part: String,
    /// The domain; the suite's name where it has data of its own.
    pub domain: String,
    /// Where they come from.
    pub source: DataSource,
    /// How rows become problems.
    pub rules: RowRules,
    /// The prompt, where the recipe writes one.
    pub prompt: Option<String>,
    /// The side of the split: true for what is held out, none for all rows.
    pub held_out: Option<bool>,
    /// How many; none means all there are.
    pub problems: Option<u64>,
}

/// Why a recipe cannot be exported at all.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExportError {
    /// A defect of the compiler.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// No stage learns from rewards.
    #[error(
        "the recipe has no stage that learns from rewards, and engines have no other: `recipec run` does what it says"
    )]
    NoStage,
    /// `--stage` names none.
    #[error("there is no stage `{name}` that learns from rewards; there are {known}")]
    UnknownStage {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

/// One stage of a recipe with everything that targets read.
struct Work<'r> {
    recipe: &'r Recipe,
    stage: &'r Stage,
    plan: &'r StagePlan,
    reinforce: &'r Reinforce,
    given: &'r Given,
    target: Target,
    hash: String,
}

impl Work<'_> {
    /// The kinds of the plan's nodes.
    fn nodes(&self) -> impl Iterator<Item = &NodeKind> {
        self.plan.nodes.iter().map(|node| &node.kind)
    }

    /// Groups of a batch.
    fn prompts(&self) -> u64 {
        self.reinforce.train.batch_rollouts / self.reinforce.train.group_size.max(1)
    }

    /// Where the weights come from, as an engine names it.
    fn model(&self) -> Option<String> {
        use crate::settings::ModelSource::*;
        match (&self.given.from, &self.recipe.policy.source) {
            (Some(from), _) => Some(from.clone()),
            (None, Hub { name }) => Some(name.clone()),
            (None, Folder { path }) => match &self.given.folder {
                Some(folder) => Some(format!("{folder}/{path}")),
                None => Some(path.clone()),
            },
            (None, Fresh(_) | Endpoint { .. }) => None,
        }
    }
}

/// Exports one stage of a recipe.
pub fn export(recipe: &Recipe, target: Target, given: &Given) -> Result<Export, ExportError> {
    let (_, plan) = crate::compile(recipe)?;
    let identity = identity::of_plan(recipe, &plan);
    let (stage, reinforce) = chosen(recipe, given)?;
    let stage_plan = plan.stages.iter().find(|other| other.name == stage.name).ok_or(ExportError::NoStage)?;
    let hash = identity.hash();
    let work = Work { recipe, stage, plan: stage_plan, reinforce, given, target, hash: hash.clone() };
    let mut lowering = Lowering::new(recipe, &stage.name);
    let rows = rows(&work);
    other_stages(&mut lowering, &work, &plan);
    let files = match target {
        Target::Trl => trl::export(&mut lowering, &work, &rows),
        Target::Verl => verl::export(&mut lowering, &work, &rows),
        Target::PipelineRl => pipelinerl::export(&mut lowering, &work),
    };
    let (items, settings) = lowering.finish(&identity, target);
    let rows = if target == Target::PipelineRl { Vec::new() } else { rows };
    Ok(Export { target, hash, stage: stage.name.clone(), items, settings, files, rows })
}

impl Export {
    /// Diagnostics for the items that the target cannot express, at their places in the recipe.
    pub fn refusals(&self) -> Vec<Diagnostic> {
        let lost = self.items.iter().filter(|item| item.class == Class::NotRepresentable);
        let diagnostic = |item: &Item| {
            let message = format!("{} cannot express `{}`: {}", self.target.name(), item.item, item.remark);
            let mut diagnostic = Diagnostic::new(codes::EXPORT_NOT_REPRESENTABLE, message)
                .help("export to another target, change the recipe, or leave it out with `--allow-lossy`");
            if let Some(span) = item.span {
                diagnostic = diagnostic.at(span, "this would be lost");
            }
            diagnostic
        };
        lost.map(diagnostic).collect()
    }

    /// The account as JSON: `lowering.json`.
    pub fn account(&self) -> serde_json::Value {
        serde_json::json!({
            "target": self.target.name(),
            "recipe_hash": self.hash,
            "stage": self.stage,
            "items": self.items,
        })
    }
}

fn chosen<'r>(recipe: &'r Recipe, given: &Given) -> Result<(&'r Stage, &'r Reinforce), ExportError> {
    let learns: Vec<(&Stage, &Reinforce)> = recipe
        .stages
        .iter()
        .filter_map(|stage| match &stage.work {
            StageWork::Reinforce(work) => Some((stage, work.as_ref())),
            StageWork::Supervised(_) => None,
        })
        .collect();
    let Some(name) = &given.stage else { return learns.first().copied().ok_or(ExportError::NoStage) };
    learns.iter().copied().find(|(stage, _)| stage.name == *name).ok_or_else(|| {
        let known: Vec<String> = learns.iter().map(|(stage, _)| format!("`{}`", stage.name)).collect();
        ExportError::UnknownStage { name: name.clone(), known: known.join(", ") }
    })
}

/// Stages before the exported one are done where weights are given; those behind it are exports of their own.
fn other_stages(lowering: &mut Lowering<'_>, work: &Work<'_>, plan: &Plan) {
    let at = plan.stages.iter().position(|stage| stage.name == work.stage.name).unwrap_or(0);
    for (place, stage) in plan.stages.iter().enumerate().filter(|(place, _)| *place != at) {
        let claims = [format!("{}/*", stage.name), format!("{}.*", stage.name)];
        let claims: Vec<&str> = claims.iter().map(String::as_str).collect();
        let path = format!("stage.{}", stage.name);
        if place < at && work.given.from.is_some() {
            lowering.note(Class::Exact, &path, &claims, "done before: its weights are those that are given");
        } else if place < at {
            let remark = "an engine runs one stage: train this one first, and give its weights with `--from WEIGHTS`";
            lowering.note(Class::NotRepresentable, &path, &claims, remark);
        } else if work.given.stage.is_some() {
            lowering.note(Class::Exact, &path, &claims, "an export of its own: it begins with what this one leaves");
        } else {
            let remark = format!(
                "an engine runs one stage: export each with `--stage NAME`, this one with `--stage {}`",
                stage.name
            );
            lowering.note(Class::NotRepresentable, &path, &claims, &remark);
        }
    }
}

/// Most problems that are written of a generator, which never ends.
const MOST_GENERATED: u64 = 50_000;

/// The problems of the stage and of its evaluation.
fn rows(work: &Work<'_>) -> Vec<Rows> {
    let mut all: Vec<Rows> = work.stage.domains.iter().map(|domain| of_domain(work, domain)).collect();
    for node in work.nodes() {
        let NodeKind::Evaluate { suites, .. } = node else { continue };
        for suite in suites {
            for part in &suite.parts {
                let of_domain = work.stage.domains.iter().any(|domain| domain.name == part.name);
                let ends = !matches!(part.data, DataSource::Builtin { .. });
                all.push(Rows {
                    part: suite.name.clone(),
                    domain: part.name.clone(),
                    source: part.data.clone(),
                    rules: part.rows.clone(),
                    prompt: part.prompt.clone(),
                    held_out: (of_domain || !ends).then_some(true),
                    problems: part.problems.or((!ends).then_some(200)),
                });
            }
        }
    }
    all
}

fn of_domain(work: &Work<'_>, domain: &Domain) -> Rows {
    let drawn = work.stage.max_steps.as_ref().map_or(1_000, |steps| steps.value) * work.prompts();
    // Half as many again as the domain's share, because the mix is random and adapts.
    let wanted = libm::ceil(drawn as f64 * domain.ratio.value * 1.5) as u64 + 64;
    let ends = !matches!(domain.data, DataSource::Builtin { .. });
    Rows {
        part: "train".into(),
        domain: domain.name.clone(),
        source: domain.data.clone(),
        rules: domain.rows.clone(),
        prompt: domain.prompt.clone(),
        held_out: Some(false),
        problems: (!ends).then(|| wanted.min(MOST_GENERATED)),
    }
}

/// A verifier as JSON: its name, and its arguments as plain values.
fn verifier(settings: &VerifierSettings) -> serde_json::Value {
    use crate::settings::ArgumentValue::*;
    let plain = |value: &crate::settings::ArgumentValue| match value {
        Word(text) | Text(text) => serde_json::json!(text),
        Number(number) => serde_json::json!(number),
        Bool(truth) => serde_json::json!(truth),
    };
    let arguments: BTreeMap<&str, serde_json::Value> =
        settings.arguments.iter().map(|(name, value)| (name.as_str(), plain(value))).collect();
    serde_json::json!({ "name": settings.name, "arguments": arguments })
}

#[cfg(test)]
mod tests;
