//! The sentences at the head of a section: what its values come to.

use super::rows::{DATA, LEARNING, LENGTH, MEASURED, MIX, REWARD, STAGES, TRAINED};
use crate::diagnostic::suggest::list;
use crate::formula::canonical_number;
use crate::recipe::{Recipe, Stage, StageWork};
use crate::resolve::settings::pattern_of;
use crate::settings::{Algorithm, Baseline, DataSource, Deviation, MixStrategy, RatioLevel, SequenceWeight, Surrogate};
use crate::vocabulary::keys;
use std::collections::BTreeSet;

/// The sentences of a section.
pub(super) fn of(title: &str, recipe: &Recipe) -> Vec<String> {
    match title {
        TRAINED => trained(recipe),
        DATA => data(recipe),
        LENGTH => length(recipe),
        STAGES => stages(recipe),
        MIX => mix(recipe),
        REWARD => reward(recipe),
        LEARNING => learning(recipe),
        MEASURED => measured(recipe),
        _ => Vec::new(),
    }
}

fn meaning<'r>(recipe: &'r Recipe, path: &str) -> &'r str {
    recipe.meanings().get(path).map_or("", String::as_str)
}

/// What the word at a path means, as the vocabulary says it, without the full stop.
fn word_doc(recipe: &Recipe, path: &str) -> String {
    let word = meaning(recipe, path).split('(').next().unwrap_or_default();
    let choice = keys::row(&pattern_of(path)).and_then(|row| row.key.kind.choice(word));
    choice.map_or(String::new(), |choice| choice.doc.trim_end_matches('.').to_string())
}

fn trained(recipe: &Recipe) -> Vec<String> {
    let mut lines = vec![
        format!(
            "The model `policy` is trained. It comes from `{}`: {}.",
            meaning(recipe, "model.policy.source"),
            lower(&word_doc(recipe, "model.policy.source"))
        ),
        format!("{}, in {}.", word_doc(recipe, "model.policy.train"), meaning(recipe, "model.policy.precision")),
        format!(
            "The answer of a response is `{}`: {}.",
            meaning(recipe, "model.policy.answer"),
            lower(&word_doc(recipe, "model.policy.answer"))
        ),
    ];
    for name in recipe.models.keys() {
        let path = |key: &str| format!("model.{name}.{key}");
        lines.push(format!(
            "The model `{name}` helps: `{}`, {}.",
            meaning(recipe, &path("source")),
            lower(&word_doc(recipe, &path("train")))
        ));
    }
    lines
}

/// Lower case at the start of a clause.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

/// `40% (0.4)`
fn percent(ratio: f64) -> String {
    // Rounded to a millionth of a percent, so that 0.15 reads as 15%.
    let rounded = libm::round(ratio * 1e8) / 1e6;
    format!("{}%", canonical_number(rounded))
}

fn shares(stage: &Stage) -> String {
    let mut domains: Vec<_> = stage.domains.iter().collect();
    domains.sort_by(|a, b| b.ratio.value.total_cmp(&a.ratio.value).then(a.name.cmp(&b.name)));
    let parts: Vec<String> = domains
        .iter()
        .map(|d| format!("{} {} ({})", d.name, percent(d.ratio.value), canonical_number(d.ratio.value)))
        .collect();
    parts.join(", ")
}

fn data(recipe: &Recipe) -> Vec<String> {
    let count = recipe.domains.len();
    let mut lines = vec![format!("{count} domain{}.", if count == 1 { "" } else { "s" })];
    for stage in &recipe.stages {
        let lead = if recipe.stages.len() > 1 { format!("In stage {}: ", stage.name) } else { String::new() };
        lines.push(format!("{lead}{}.", shares(stage)));
    }
    // A thousand domains are read in the rows.
    if count <= 40 {
        for name in &recipe.domains {
            let data = meaning(recipe, &format!("domain.{name}.data"));
            let judged = match recipe.meanings().get(&format!("domain.{name}.verify")) {
                Some(verifier) => format!("judged by {verifier}"),
                None => format!("without a verifier; signals {}", meaning(recipe, &format!("domain.{name}.signals"))),
            };
            lines.push(format!("{name}: problems from {data}, {judged}."));
        }
    }
    lines
}

/// What the reward has computed for it, and from which columns.
fn computed(recipe: &Recipe) -> Option<String> {
    let stages = recipe.stages.iter().filter_map(|stage| match &stage.work {
        StageWork::Reinforce(work) => Some((stage, work)),
        StageWork::Supervised(_) => None,
    });
    let (mut names, mut columns) = (BTreeSet::new(), BTreeSet::new());
    for (stage, work) in stages {
        let own = work.terms.iter().map(|term| &term.formula).chain(work.reward.of_domains.values());
        let read = own.chain(&work.reward.outcome).chain([&work.reward.total]).flat_map(|formula| formula.signals());
        let read = read.filter(|signal| COMPUTED.contains(&signal.as_str()));
        let before = names.len();
        names.extend(read);
        if names.len() > before {
            columns.extend(stage.domains.iter().map(|d| format!("\"{}\" of {}", d.reference, d.name)));
        }
    }
    if names.is_empty() {
        return None;
    }
    let (names, columns): (Vec<_>, Vec<_>) = (names.into_iter().collect(), columns.into_iter().collect());
    Some(format!(
        "Computed for the reward: {}; reference answers are in the column{} {}.",
        list(&names, "and"),
        if columns.len() == 1 { "" } else { "s" },
        columns.join(", ")
    ))
}

/// Signals that cost work of their own.
const COMPUTED: [&str; 3] = ["reference_length", "reference_probability", "answer_probability"];

fn length(recipe: &Recipe) -> Vec<String> {
    let mut lines = Vec::new();
    let mut ends = Vec::new();
    for stage in &recipe.stages {
        if let Some(steps) = &stage.max_steps {
            ends.push(format!("{} steps of stage {}", steps.value, stage.name));
        }
    }
    let written = |path: &str| {
        let text = recipe.settings().get(path).map_or("", |setting| setting.value.as_str());
        super::shown(text, meaning(recipe, path), false)
    };
    if recipe.max_generated_tokens.is_some() {
        ends.push(format!("{} generated for training", written("budget.tokens")));
    }
    if recipe.max_wall_clock_seconds.is_some() {
        ends.push(format!("{} of wall time", written("budget.time")));
    }
    if recipe.stages.len() == 1 {
        lines.push(format!("The run ends at the first of: {}.", ends.join(", ")));
    } else {
        lines.push(format!(
            "Each stage ends with its steps, the run with the first budget that is used up: {}.",
            ends.join(", ")
        ));
    }
    for stage in &recipe.stages {
        if let StageWork::Reinforce(work) = &stage.work {
            let start = work.max_output_tokens.saturating_sub(work.buffer_tokens);
            lines.push(format!(
                "Stage {}: a prompt has {} tokens at most, a rollout {}; the soft zone of a length penalty begins at {start} tokens.",
                stage.name, stage.max_prompt_tokens, work.max_output_tokens
            ));
            let own: Vec<String> = stage
                .domains
                .iter()
                .filter_map(|d| d.output.map(|tokens| format!("{} {tokens} tokens", d.name)))
                .collect();
            if !own.is_empty() {
                lines.push(format!("Domains with a cap of their own: {}.", own.join(", ")));
            }
        } else {
            lines.push(format!("Stage {}: a prompt has {} tokens at most.", stage.name, stage.max_prompt_tokens));
        }
    }
    lines
}

fn stages(recipe: &Recipe) -> Vec<String> {
    recipe
        .stages
        .iter()
        .map(|stage| {
            let after = stage.after.as_ref().map_or("first".to_string(), |before| format!("after {before}"));
            let work = match &stage.work {
                StageWork::Supervised(work) => {
                    format!("learns from demonstrations, {} a step", work.batch_problems)
                }
                StageWork::Reinforce(_) => "learns from its own rollouts and their rewards".to_string(),
            };
            let steps = stage.max_steps.as_ref().map_or("until a budget ends".into(), |s| format!("{} steps", s.value));
            let optimizer = if stage.fresh_optimizer { "anew" } else { "as the stage before left them" };
            format!("{} ({after}): {work}; {steps}; the optimizer's moments start {optimizer}.", stage.name)
        })
        .collect()
}

fn mix(recipe: &Recipe) -> Vec<String> {
    let mut lines = Vec::new();
    for stage in &recipe.stages {
        let StageWork::Reinforce(work) = &stage.work else { continue };
        let line = match work.mix.strategy {
            MixStrategy::Weight => "The next domain is drawn at random in proportion to its weight.",
            MixStrategy::Deficit => "The next domain is the one with the largest deficit against its ratio.",
        };
        if !lines.iter().any(|known| known == line) {
            lines.push(line.to_string());
        }
    }
    lines
}

fn reward(recipe: &Recipe) -> Vec<String> {
    let mut lines = Vec::new();
    for stage in &recipe.stages {
        let StageWork::Reinforce(work) = &stage.work else { continue };
        let names: Vec<&str> = work.terms.iter().map(|term| term.name.as_str()).collect();
        let parts = if names.is_empty() { "no penalties or terms".to_string() } else { list(&names, "and") };
        let line = match work.reward.shuffled {
            true => format!("A placebo: total rewards are permuted within each group. Named parts: {parts}."),
            false => format!("The policy is trained on `reward.total`. Named parts: {parts}."),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.extend(computed(recipe));
    lines
}

fn learning(recipe: &Recipe) -> Vec<String> {
    let mut lines = Vec::new();
    for stage in &recipe.stages {
        let StageWork::Reinforce(work) = &stage.work else { continue };
        let train = &work.train;
        let line = format!(
            "A step draws {} groups of {} rollouts; {} kept rollouts make a batch, from which {} optimizer step{} made.",
            train.batch_rollouts / train.group_size.max(1),
            train.group_size,
            train.batch_rollouts,
            train.updates,
            if train.updates == 1 { " is" } else { "s are" }
        );
        let lead = if recipe.stages.len() > 1 { format!("Stage {}: ", stage.name) } else { String::new() };
        let judged = match train.group_size.min(2) {
            0 | 1 => "A group of which fewer than 1 rollout is judged is dropped.".to_string(),
            least => format!("A group of which fewer than {least} rollouts are judged is dropped."),
        };
        lines.push(format!("{lead}{line} {judged}"));
        lines.push(format!("{lead}{}", objective(&train.algorithm)));
    }
    if !lines.is_empty() {
        lines.insert(
            0,
            format!(
                "The objective is `{}`: {}.",
                meaning(recipe, "train.algorithm"),
                lower(&word_doc(recipe, "train.algorithm"))
            ),
        );
    }
    lines
}

/// An objective by its parts, in the words of the plan: some names fix parts that no key sets.
fn objective(algorithm: &Algorithm) -> String {
    let level = |ratio: RatioLevel| match ratio {
        RatioLevel::Token => "token",
        RatioLevel::Sequence => "sequence",
    };
    let number = canonical_number;
    let surrogate = match algorithm.surrogate {
        Surrogate::Clipped { ratio, low, high } => {
            format!(
                "clipped, by the ratio of each {}, {} below and {} above 1",
                level(ratio),
                number(low),
                number(high)
            )
        }
        Surrogate::ClippedWeight { low, high } => {
            let low = low.map_or("none".to_string(), number);
            format!("clipped_weight, by the ratio of each token, {low} below and {} above 1", number(high))
        }
        Surrogate::LogLikelihood => "log_likelihood, without a ratio".to_string(),
    };
    let weight = match algorithm.weight {
        SequenceWeight::Equal => "equal".to_string(),
        SequenceWeight::Length => "length".to_string(),
        SequenceWeight::TokenMean => "token_mean".to_string(),
        SequenceWeight::GroupTokenMean => "group_token_mean".to_string(),
        SequenceWeight::Constant { tokens } => format!("constant {} tokens", number(tokens)),
    };
    let baseline = match algorithm.baseline {
        Baseline::LeaveOneOut => "leave_one_out",
        Baseline::GroupMean => "group_mean",
        Baseline::BatchMean => "batch_mean",
        Baseline::None => "none",
    };
    let deviation = match algorithm.divide_by_std {
        Deviation::Group => "the standard deviation of the group",
        Deviation::Batch => "the standard deviation of the batch",
        Deviation::None => "none",
    };
    format!(
        "Its parts: {surrogate}; weight of a sequence: {weight}; baseline: {baseline}; divisor of advantages: {deviation}."
    )
}

fn measured(recipe: &Recipe) -> Vec<String> {
    let Some(evaluate) = &recipe.evaluate else { return vec!["Nothing is measured.".into()] };
    let every = evaluate.every_steps.map_or(String::new(), |steps| format!(", every {steps} steps"));
    let mut lines = vec![format!("At the start of a stage{every} and at the end of the run.")];
    for suite in &evaluate.suites {
        let data = match &suite.data {
            DataSource::HeldOut => "the held-out side of every domain".to_string(),
            _ => meaning(recipe, &format!("suite.{}.data", suite.name)).to_string(),
        };
        let problems = suite.problems.map_or("all".to_string(), |problems| problems.to_string());
        let per = if suite.data == DataSource::HeldOut && suite.problems.is_some() { " per domain" } else { "" };
        lines.push(format!(
            "{}: {problems} problems{per} of {data}, {} response{} each, {} tokens at most.",
            suite.name,
            suite.samples,
            if suite.samples == 1 { "" } else { "s" },
            suite.max_output_tokens
        ));
    }
    lines
}
