//! The table from the fields of a plan to the settings that they come from. `explain` is complete by it, and `diff` finds its paths.
//!
//! Every field of every node stands here by name: a field that is added to the plan does not compile until it has its place.

use crate::plan::{Node, NodeKind, Plan, PolicyPlan, StagePlan};
use crate::recipe::Recipe;

/// Where the value of a field comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The setting at this path; parts of the field are parts of the setting.
    Setting(String),
    /// A formula, by its path.
    Formulas(Vec<String>),
    /// Computed from these settings, and said in a sentence.
    Derived(Vec<String>),
    /// The names of domains, or their shares.
    Shares,
    /// The suites of an evaluation: each has settings of its own.
    Suites,
    /// How rows are read: keys of the domain or suite with this path.
    Rows(String),
    /// A name that stands in the path of its settings.
    Name,
}

/// What the parts of an objective come from: its name fixes some, keys set the others.
const OBJECTIVE: &[&str] = &[
    "train.algorithm",
    "train.algorithm.clip_low",
    "train.algorithm.clip_high",
    "train.algorithm.weight",
    "train.algorithm.weight.tokens",
    "train.algorithm.divisor",
    "train.algorithm.baseline",
    "train.algorithm.divide_by_std",
];

/// The places of the fields of a node in a stage.
pub fn places(stage: &StagePlan, node: &Node) -> Vec<(&'static str, Place)> {
    use Place::{Derived, Formulas, Name, Rows, Setting, Shares, Suites};
    let at = |path: &str| Setting(path.to_string());
    let of = |domain: &str, key: &str| Setting(format!("domain.{domain}.{key}"));
    let from = |paths: &[&str]| Derived(paths.iter().map(|path| (*path).to_string()).collect());
    // A supervised stage has an optimizer of its own.
    let supervised = |key: &str| Setting(format!("stage.{}.supervised.{key}", stage.name));
    match &node.kind {
        NodeKind::Data { domain, source: _, rows: _, prompt: _, max_prompt_tokens: _ } => vec![
            ("domain", Name),
            ("source", of(domain, "data")),
            ("rows", Rows(format!("domain.{domain}"))),
            ("prompt", of(domain, "prompt")),
            ("max_prompt_tokens", at("budget.prompt")),
        ],
        NodeKind::Sampler {
            domains: _,
            ratios: _,
            count: _,
            warmup: _,
            every_steps: _,
            strategy: _,
            weight: _,
            group_size: _,
            groups: _,
        } => vec![
            ("domains", Shares),
            ("ratios", Shares),
            ("count", at("mix.count")),
            ("warmup", at("mix.warmup")),
            ("every_steps", at("mix.every")),
            ("strategy", from(&["mix.strategy", "mix.weight"])),
            ("weight", Formulas(vec!["mix.weight".into()])),
            ("group_size", at("train.group")),
            ("groups", from(&["train.batch", "train.group"])),
        ],
        NodeKind::Rollout { group_size: _, sampling: _, slots: _, update: _, max_output_tokens: _ } => vec![
            ("group_size", at("train.group")),
            ("sampling", at("rollout")),
            ("slots", at("rollout.slots")),
            ("update", at("rollout.update")),
            ("max_output_tokens", from(&["budget.output", "domain.*.output"])),
        ],
        NodeKind::Verify { domain, verifier: _, answer: _ } => {
            vec![("domain", Name), ("verifier", of(domain, "verify")), ("answer", at("model.policy.answer"))]
        }
        NodeKind::Model { name, source: _, precision: _ } => vec![
            ("name", Name),
            ("source", at(&format!("model.{name}.source"))),
            ("precision", at(&format!("model.{name}.precision"))),
        ],
        NodeKind::Group { unfinished: _, least_rollouts: _, unjudged: _ } => vec![
            ("unfinished", at("reward.unfinished")),
            ("least_rollouts", from(&["train.group"])),
            ("unjudged", from(&["domain.*.signals"])),
        ],
        NodeKind::Signal { signal: _, domains: _, answer: _ } => vec![
            ("signal", Name),
            ("domains", from(&["domain.*.signals", "domain.*.verify"])),
            ("answer", at("model.policy.answer")),
        ],
        NodeKind::Penalty { name, program: _ } => {
            let kind = node.id.split(':').next().unwrap_or("penalty");
            vec![("name", Name), ("program", Formulas(vec![format!("{kind}.{name}")]))]
        }
        NodeKind::Reward { program: _ } => {
            vec![("program", Formulas(vec!["reward.outcome".into(), "reward.total".into()]))]
        }
        NodeKind::Shuffle => vec![("node", at("reward.shuffled"))],
        NodeKind::Advantage { baseline: _, divide_by_std: _ } => {
            vec![("baseline", from(OBJECTIVE)), ("divide_by_std", from(OBJECTIVE))]
        }
        NodeKind::Filter { drop: _ } => vec![("drop", at("train.drop"))],
        NodeKind::Batch { rollouts: _, refill: _ } => {
            vec![("rollouts", at("train.batch")), ("refill", at("train.refill"))]
        }
        NodeKind::Reference { to: _ } => vec![("to", at("train.kl.to"))],
        NodeKind::Loss {
            surrogate: _,
            weight: _,
            kl: _,
            entropy_coef: _,
            temperature: _,
            updates: _,
            group_size: _,
            batch_rollouts: _,
        } => vec![
            ("surrogate", from(OBJECTIVE)),
            ("weight", from(OBJECTIVE)),
            ("kl", at("train.kl")),
            ("entropy_coef", at("train.entropy")),
            ("temperature", at("rollout.temperature")),
            ("updates", at("train.updates")),
            ("group_size", at("train.group")),
            ("batch_rollouts", at("train.batch")),
        ],
        NodeKind::Demonstrations { domains: _, ratios: _, target: _, batch_problems: _ } => vec![
            ("domains", Shares),
            ("ratios", Shares),
            ("target", supervised("target")),
            ("batch_problems", supervised("batch")),
        ],
        NodeKind::SupervisedLoss { batch_problems: _ } => vec![("batch_problems", supervised("batch"))],
        NodeKind::Optimizer { adamw: _, schedule: _ } => {
            let demonstrations = |node: &Node| matches!(node.kind, NodeKind::SupervisedLoss { .. });
            match stage.nodes.iter().any(demonstrations) {
                true => vec![("adamw", supervised("optimizer")), ("schedule", supervised("schedule"))],
                false => vec![("adamw", at("train.optimizer")), ("schedule", at("train.schedule"))],
            }
        }
        NodeKind::Weights => Vec::new(),
        NodeKind::Metrics { soft_zone_start: _ } => {
            vec![("soft_zone_start", from(&["budget.output", "budget.buffer"]))]
        }
        NodeKind::Checkpoint { every_steps: _, keep: _, best: _ } => vec![
            ("every_steps", at("checkpoint.every")),
            ("keep", at("checkpoint.keep")),
            ("best", at("checkpoint.best")),
        ],
        NodeKind::Evaluate { every_steps: _, suites: _ } => {
            vec![("every_steps", at("evaluate.every")), ("suites", Suites)]
        }
    }
}

/// The places of what the plan holds beside its stages.
fn of_the_plan(plan: &Plan) -> Vec<(&'static str, Place)> {
    let Plan {
        version: _,
        recipe: _,
        variant: _,
        seed: _,
        policy: PolicyPlan { source: _, precision: _, train: _, answer: _, chat: _ },
        domains: _,
        max_generated_tokens: _,
        max_wall_clock_seconds: _,
        stages: _,
    } = plan;
    let at = |path: &str| Place::Setting(path.to_string());
    vec![
        ("edition", at("recipe.edition")),
        ("seed", at("param.seed")),
        ("policy", at("model.policy")),
        ("domains", Place::Name),
        ("max_generated_tokens", at("budget.tokens")),
        ("max_wall_clock_seconds", at("budget.time")),
        ("stages", Place::Name),
    ]
}

/// The places of what a stage holds beside its nodes.
fn of_a_stage(stage: &StagePlan) -> Vec<(&'static str, Place)> {
    let StagePlan { name, max_steps: _, fresh_optimizer: _, nodes: _ } = stage;
    vec![
        ("max_steps", Place::Setting("budget.steps".into())),
        // The first stage has nothing to carry, whatever it says.
        ("fresh_optimizer", Place::Derived(vec![format!("stage.{name}.optimizer")])),
        ("max_lag", Place::Setting("train.max_lag".into())),
    ]
}

/// Where a line of the canonical form comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The stage of the line, if it is of one.
    pub stage: Option<String>,
    /// The place of its field; none for the edges between nodes and for the kind of a node.
    pub place: Option<Place>,
}

/// Finds the settings behind a line of the canonical form of a recipe (`reinforce/loss.algorithm.clip_low`).
pub fn behind(recipe: &Recipe, plan: &Plan, line: &str) -> Found {
    let nowhere = |stage: Option<&str>| Found { stage: stage.map(str::to_string), place: None };
    let pick = |stage: Option<&str>, fields: Vec<(&'static str, Place)>, field: &str, rest: &str| {
        let place = fields.into_iter().find(|(name, _)| *name == field).map(|(_, place)| match place {
            Place::Setting(base) => Place::Setting(setting(recipe, stage, &base, rest)),
            Place::Suites => suite(recipe, stage, rest),
            Place::Rows(base) => Place::Setting(setting(recipe, stage, &base, rest)),
            other => other,
        });
        Found { stage: stage.map(str::to_string), place }
    };
    if let Some((name, rest)) = line.split_once('/') {
        let Some(stage) = plan.stages.iter().find(|stage| stage.name == name) else { return nowhere(Some(name)) };
        let (id, rest) = rest.split_once('.').unwrap_or((rest, ""));
        let Some(node) = stage.nodes.iter().find(|node| node.id == id) else { return nowhere(Some(name)) };
        let (field, rest) = rest.split_once('.').unwrap_or((rest, ""));
        return pick(Some(name), places(stage, node), field, rest);
    }
    let (first, rest) = line.split_once('.').unwrap_or((line, ""));
    let top = pick(None, of_the_plan(plan), first, rest);
    if top.place.is_some() {
        return top;
    }
    match plan.stages.iter().find(|stage| stage.name == first) {
        Some(stage) => pick(Some(first), of_a_stage(stage), rest, ""),
        None => nowhere(None),
    }
}

/// The path of the setting that a part of a field comes from: the longest one that is set.
fn setting(recipe: &Recipe, stage: Option<&str>, base: &str, rest: &str) -> String {
    // Words in the plan that have another name, or none, in the language.
    let mut parts: Vec<&str> = rest
        .split('.')
        .filter(|part| !part.is_empty() && *part != "arguments")
        .map(|part| if part == "keep_cache" { "cache" } else { part })
        .collect();
    loop {
        let path = std::iter::once(base).chain(parts.iter().copied()).collect::<Vec<_>>().join(".");
        let of_stage = stage.map(|stage| format!("stage.{stage}.{path}"));
        if let Some(path) = of_stage.filter(|path| recipe.meanings().contains_key(path)) {
            return path;
        }
        if recipe.meanings().contains_key(&path) || parts.pop().is_none() {
            return path;
        }
    }
}

/// The setting behind a part of a suite: `cap.parts.math.verify.arguments.gold`.
fn suite(recipe: &Recipe, stage: Option<&str>, rest: &str) -> Place {
    let (name, rest) = rest.split_once('.').unwrap_or((rest, ""));
    if name.is_empty() {
        return Place::Name;
    }
    let at = |key: &str, rest: &str| Place::Setting(setting(recipe, None, &format!("suite.{name}.{key}"), rest));
    let (field, rest) = rest.split_once('.').unwrap_or((rest, ""));
    match field {
        "samples" => at("samples", ""),
        "max_output_tokens" => at("output", ""),
        "sampling" => at("sampling", rest),
        "parts" => {
            let (domain, rest) = rest.split_once('.').unwrap_or((rest, ""));
            let (key, rest) = rest.split_once('.').unwrap_or((rest, ""));
            let held_out = recipe.meanings().get(&format!("suite.{name}.data")).is_some_and(|data| data == "held_out");
            let of_domain = || Place::Setting(setting(recipe, stage, &format!("domain.{domain}.{key}"), rest));
            match key {
                "data" if held_out => of_domain(),
                "data" => at("data", rest),
                "rows" if held_out => Place::Setting(setting(recipe, stage, &format!("domain.{domain}"), rest)),
                "rows" => Place::Setting(setting(recipe, None, &format!("suite.{name}"), rest)),
                "prompt" if held_out => of_domain(),
                // A suite with data of its own has the prompts of its data.
                "prompt" => Place::Derived(vec![format!("suite.{name}.data")]),
                "verify" if recipe.meanings().contains_key(&format!("suite.{name}.verify")) => at("verify", rest),
                "verify" => of_domain(),
                "problems" => at("problems", ""),
                _ => Place::Name,
            }
        }
        _ => Place::Name,
    }
}
