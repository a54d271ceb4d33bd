//! One report of many runs: a recipe under variants, points of its sweeps and seeds, with mean and spread over the seeds.

use crate::run_folder::{Evaluation, RunFolder};
use crate::statistics::mean;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

mod table;

pub use super::html::sweep::page as sweep_html;
pub use table::table as sweep_table;

/// How far a run of a sweep has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It has not begun.
    Waiting,
    /// It has begun and not ended: it can be resumed.
    Begun,
    /// It has ended by its own budgets.
    Done,
    /// It failed: a code and a sentence.
    Failed {
        /// `recipe::run::…`
        code: String,
        /// What went wrong.
        why: String,
    },
}

impl State {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Begun => "interrupted",
            Self::Done => "done",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Macro averages of a suite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Share of responses that are right.
    pub pass_at_1: f64,
    /// Mean length of a response, in tokens.
    pub mean_tokens: f64,
}

/// What a run that has ended came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Before the first step of reinforcement, by suite.
    pub base: BTreeMap<String, Score>,
    /// At the end, by suite.
    pub last: BTreeMap<String, Score>,
    /// Optimizer steps.
    pub steps: u64,
    /// Wall time, in seconds.
    pub seconds: f64,
    /// Digest of the weights.
    pub weights_digest: String,
}

impl Outcome {
    /// What a run folder holds; none while its run has not ended.
    pub fn of(run: &RunFolder) -> Option<Self> {
        let summary = run.summary.as_ref()?;
        let scores = |evaluation: Option<&Evaluation>| {
            let suites = evaluation.into_iter().flat_map(|evaluation| &evaluation.suites);
            let score = |suite: &crate::run_folder::SuiteResults| Score {
                pass_at_1: suite.macro_average.pass_at_1,
                mean_tokens: suite.macro_average.mean_tokens,
            };
            suites.map(|(name, suite)| (name.clone(), score(suite))).collect()
        };
        Some(Self {
            base: scores(run.base()),
            last: scores(run.last()),
            steps: summary.steps,
            seconds: summary.seconds,
            weights_digest: summary.weights_digest.clone(),
        })
    }
}

/// One run of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The variant; none for the recipe itself.
    pub variant: Option<String>,
    /// Params that are swept, with their values as the recipe writes them.
    pub point: Vec<(String, String)>,
    /// Its seed.
    pub seed: u64,
    /// Hash of the recipe as this run has it.
    pub hash: String,
    /// Its run folder, in the folder of the sweep.
    pub folder: String,
    /// How far it is.
    pub state: State,
    /// What it came to.
    pub outcome: Option<Outcome>,
}

impl Member {
    /// Variant and point in words: what runs that differ by seed alone have in common.
    pub fn configuration(&self) -> String {
        let point = self.point.iter().map(|(name, value)| format!("{name} = {value}"));
        let parts: Vec<String> = self.variant.iter().cloned().chain(point).collect();
        if parts.is_empty() { "base".to_string() } else { parts.join(", ") }
    }
}

/// A sweep as its report shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Name of the recipe.
    pub recipe: String,
    /// All its runs, those of a configuration one after the other.
    pub members: Vec<Member>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// Values of one quantity over the seeds of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct OverSeeds {
    /// In the order of the runs.
    pub values: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation; none for one value.
    pub spread: Option<f64>,
}

impl OverSeeds {
    /// None for no values.
    pub fn of(values: Vec<f64>) -> Option<Self> {
        let centre = mean(&values)?;
        let squares: f64 = values.iter().map(|value| (value - centre) * (value - centre)).sum();
        let spread = (values.len() > 1).then(|| libm::sqrt(squares / (values.len() - 1) as f64));
        Some(Self { values, mean: centre, spread })
    }
}

/// Runs that differ by seed alone.
#[derive(Debug, Clone)]
pub(super) struct Configuration<'a> {
    pub name: String,
    pub members: Vec<&'a Member>,
}

/// A suite under a configuration, over the seeds whose runs have ended.
#[derive(Debug, Clone)]
pub(super) struct SuiteRow {
    pub pass_at_1: OverSeeds,
    pub mean_tokens: OverSeeds,
    /// Means before the first step of reinforcement, where all of these runs have them.
    pub base: Option<Score>,
}

impl Configuration<'_> {
    pub fn done(&self) -> usize {
        self.members.iter().filter(|member| member.state == State::Done).count()
    }

    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.members.iter().filter_map(|member| member.outcome.as_ref())
    }

    /// Results in a suite; none where no run has them.
    pub fn suite(&self, suite: &str) -> Option<SuiteRow> {
        let measured: Vec<&Outcome> = self.outcomes().filter(|outcome| outcome.last.contains_key(suite)).collect();
        let of = |value: fn(&Score) -> f64| {
            OverSeeds::of(measured.iter().filter_map(|outcome| outcome.last.get(suite)).map(value).collect())
        };
        let before: Option<Vec<&Score>> = measured.iter().map(|outcome| outcome.base.get(suite)).collect();
        let base = before.and_then(|before| {
            let mean_of = |value: fn(&Score) -> f64| mean(&before.iter().map(|score| value(score)).collect::<Vec<_>>());
            Some(Score { pass_at_1: mean_of(|s| s.pass_at_1)?, mean_tokens: mean_of(|s| s.mean_tokens)? })
        });
        Some(SuiteRow { pass_at_1: of(|score| score.pass_at_1)?, mean_tokens: of(|score| score.mean_tokens)?, base })
    }
}

impl Sweep {
    /// Runs that were made one by one, beside each other: those that differ by seed alone are one configuration. `beside` is the folder of
    /// the page, which links to the pages of the runs.
    pub fn of_runs(runs: &[RunFolder], beside: &std::path::Path) -> Self {
        let name = |run: &RunFolder| {
            let of_summary = run.summary.as_ref().map(|summary| summary.recipe.clone());
            of_summary.or_else(|| run.origin.as_ref().map(|origin| origin.recipe.clone())).unwrap_or_default()
        };
        let mut recipes: Vec<String> = runs.iter().map(name).collect();
        recipes.sort();
        recipes.dedup();
        let members = runs.iter().map(|run| {
            let origin = run.origin.as_ref();
            let variant = run.summary.as_ref().and_then(|summary| summary.variant.clone());
            let variant = match (recipes.len() > 1, variant) {
                (false, variant) => variant,
                (true, None) => Some(name(run)),
                (true, Some(variant)) => Some(format!("{}, {variant}", name(run))),
            };
            let set = origin.map(|origin| origin.set.clone()).unwrap_or_default();
            let pair = |change: &String| {
                let (name, value) = change.split_once('=')?;
                Some((name.trim().to_string(), value.trim().to_string())).filter(|(name, _)| name != "seed")
            };
            let folder = run.path.strip_prefix(beside).unwrap_or(&run.path);
            Member {
                variant,
                point: set.iter().filter_map(pair).collect(),
                seed: crate::run::read_plan(&run.path).map_or(0, |plan| plan.seed),
                hash: origin.map(|origin| origin.recipe_hash.clone()).unwrap_or_default(),
                folder: folder.display().to_string(),
                state: if run.summary.is_some() { State::Done } else { State::Begun },
                outcome: Outcome::of(run),
            }
        });
        let mut members: Vec<Member> = members.collect();
        members.sort_by_key(|member| (member.configuration(), member.seed));
        let notes = runs.iter().flat_map(|run| {
            let of = run.path.display().to_string();
            let found = run.findings();
            let said = found.iter().map(|finding| format!("{}, {}", finding.stage, finding.sentence()));
            run.notes.iter().cloned().chain(said).map(move |note| format!("{of}: {note}")).collect::<Vec<_>>()
        });
        Self { recipe: recipes.join(" and "), notes: notes.collect(), members }
    }

    /// The configurations, in the order of their first runs.
    pub(super) fn configurations(&self) -> Vec<Configuration<'_>> {
        let mut found: Vec<Configuration<'_>> = Vec::new();
        for member in &self.members {
            let name = member.configuration();
            match found.iter_mut().find(|configuration| configuration.name == name) {
                Some(configuration) => configuration.members.push(member),
                None => found.push(Configuration { name, members: vec![member] }),
            }
        }
        found
    }

    /// Suites of all runs, sorted.
    pub(super) fn suites(&self) -> Vec<&str> {
        let outcomes = self.members.iter().filter_map(|member| member.outcome.as_ref());
        let names: std::collections::BTreeSet<&str> =
            outcomes.flat_map(|outcome| outcome.last.keys().map(String::as_str)).collect();
        names.into_iter().collect()
    }

    /// How many runs are in a state of this word.
    pub fn count(&self, word: &str) -> usize {
        self.members.iter().filter(|member| member.state.word() == word).count()
    }

    /// What a program reads: `recipec sweep --json`. Rates are in 0..1, lengths in tokens.
    ///
    /// ```text
    /// { "schema": 1, "recipe", "runs", "done", "failed",
    ///   "configurations": [ { "name", "variant", "point": { "<param>": "<value>" },
    ///     "suites": { "<suite>": { "pass_at_1": { "mean", "spread", "values" }, "mean_tokens": as before,
    ///                              "base": { "pass_at_1", "mean_tokens" } } },
    ///     "runs": [ { "seed", "folder", "hash", "state", "error", "steps", "seconds", "weights_digest" } ] } ],
    ///   "notes" }
    /// ```
    pub fn json(&self) -> Value {
        let configurations: Vec<Value> = self.configurations().iter().map(|one| self.configuration(one)).collect();
        json!({
            "schema": 1,
            "recipe": self.recipe,
            "runs": self.members.len(),
            "done": self.count(State::Done.word()),
            "failed": self.count("failed"),
            "configurations": configurations,
            "notes": self.notes,
        })
    }

    fn configuration(&self, configuration: &Configuration<'_>) -> Value {
        let over = |seeds: &OverSeeds| json!({ "mean": seeds.mean, "spread": seeds.spread, "values": seeds.values });
        let mut suites = Map::new();
        for suite in self.suites() {
            if let Some(row) = configuration.suite(suite) {
                let base =
                    row.base.map(|score| json!({ "pass_at_1": score.pass_at_1, "mean_tokens": score.mean_tokens }));
                let value =
                    json!({ "pass_at_1": over(&row.pass_at_1), "mean_tokens": over(&row.mean_tokens), "base": base });
                suites.insert(suite.to_string(), value);
            }
        }
        let first = configuration.members.first();
        let point: Map<String, Value> = first
            .map(|member| member.point.iter().map(|(name, value)| (name.clone(), json!(value))).collect())
            .unwrap_or_default();
        let runs: Vec<Value> = configuration.members.iter().map(|member| run(member)).collect();
        json!({
            "name": configuration.name,
            "variant": first.and_then(|member| member.variant.as_ref()),
            "point": point,
            "suites": suites,
            "runs": runs,
        })
    }
}

fn run(member: &Member) -> Value {
    let outcome = member.outcome.as_ref();
    let error = match &member.state {
        State::Failed { code, why } => Some(json!({ "code": code, "message": why })),
        _ => None,
    };
    json!({
        "seed": member.seed,
        "folder": member.folder,
        "hash": member.hash,
        "state": member.state.word(),
        "error": error,
        "steps": outcome.map(|outcome| outcome.steps),
        "seconds": outcome.map(|outcome| outcome.seconds),
        "weights_digest": outcome.map(|outcome| outcome.weights_digest.as_str()),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two configurations of three seeds; of the second one a run failed and one has not begun.
    pub(in super::super) fn sweep() -> Sweep {
        let member = |variant: Option<&str>, seed: u64, state: State, last: Option<(f64, f64)>| {
            let score = |(pass_at_1, mean_tokens)| BTreeMap::from([("cap".into(), Score { pass_at_1, mean_tokens })]);
            Member {
                variant: variant.map(str::to_string),
                point: vec![("gamma".into(), "0.25".into())],
                seed,
                hash: format!("{seed:064x}"),
                folder: format!("{}-gamma=0.25-seed{seed}", variant.unwrap_or("base")),
                state,
                outcome: last.map(|last| Outcome {
                    base: score((0.4, 60.0)),
                    last: score(last),
                    steps: 40,
                    seconds: 12.5,
                    weights_digest: format!("digest-{seed}"),
                }),
            }
        };
        let failed = State::Failed { code: "recipe::run::io".into(), why: "cannot write <here>".into() };
        Sweep {
            recipe: "quick & small".into(),
            members: vec![
                member(None, 1, State::Done, Some((0.70, 30.0))),
                member(None, 2, State::Done, Some((0.74, 34.0))),
                member(None, 3, State::Done, Some((0.78, 38.0))),
                member(Some("plain"), 1, State::Done, Some((0.65, 20.0))),
                member(Some("plain"), 2, failed, None),
                member(Some("plain"), 3, State::Waiting, None),
            ],
            notes: vec!["1 run folder is of another recipe.".into()],
        }
    }

    /// By hand: 0.70, 0.74, 0.78 have mean 0.74 and deviation sqrt((0.04² + 0 + 0.04²) / 2) = 0.04.
    #[test]
    fn mean_and_spread_are_over_seeds() {
        let sweep = sweep();
        let all = sweep.configurations();
        assert_eq!(
            all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
            ["gamma = 0.25", "plain, gamma = 0.25"]
        );
        let row = all[0].suite("cap").unwrap();
        assert!((row.pass_at_1.mean - 0.74).abs() < 1e-12 && (row.pass_at_1.spread.unwrap() - 0.04).abs() < 1e-12);
        assert!((row.mean_tokens.mean - 34.0).abs() < 1e-12 && (row.mean_tokens.spread.unwrap() - 4.0).abs() < 1e-12);
        let one = all[1].suite("cap").unwrap();
        assert_eq!((one.pass_at_1.mean, one.pass_at_1.spread), (0.65, None), "a single run has no spread");
        assert_eq!((all[1].done(), all[1].members.len()), (1, 3));
        assert!(all[0].suite("other").is_none());
        assert_eq!(OverSeeds::of(Vec::new()), None);
    }

    #[test]
    fn the_object_has_the_promised_keys() {
        let found = sweep().json();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&found), ["configurations", "done", "failed", "notes", "recipe", "runs", "schema"]);
        assert_eq!((&found["runs"], &found["done"], &found["failed"]), (&json!(6), &json!(4), &json!(1)));
        let plain = &found["configurations"][1];
        assert_eq!(keys(plain), ["name", "point", "runs", "suites", "variant"]);
        assert_eq!((&plain["variant"], &plain["point"]["gamma"]), (&json!("plain"), &json!("0.25")));
        assert_eq!(plain["runs"][1]["error"]["code"], "recipe::run::io");
        assert!(plain["suites"]["cap"]["pass_at_1"]["spread"].is_null());
        assert_eq!(found["configurations"][0]["suites"]["cap"]["base"]["mean_tokens"], 60.0);
    }
}
