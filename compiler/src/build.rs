//! Values to the recipe: each field from its path. A path that is a hole gives no recipe, and has been reported.

use crate::draft::{Draft, StageDraft};
use crate::formula::{Kind, Source, Type, Typed, TypedFormula};
use crate::in_force::InForce;
use crate::problems::Problems;
use crate::range::Interval;
use crate::recipe::*;
use crate::resolve::settings::of_domain;
use crate::settings::*;
use crate::values::{Entry, Value, Values};
use recipec_grammar::source::Span;
use std::collections::BTreeMap;

/// Makes the recipe of a draft; none when something that it needs is a hole.
pub fn build(draft: &Draft<'_>, variant: Option<&str>, problems: &Problems) -> Option<Recipe> {
    if problems.any_error() {
        return None;
    }
    let resolved = draft.view.resolved;
    let run = &draft.run;
    let mut models = BTreeMap::new();
    for name in resolved.names("model") {
        models.insert(name.node.clone(), model(&name.node, run)?);
    }
    let policy = models.remove("policy")?;
    let has_evaluation = resolved.blocks.contains_key("evaluate");
    Some(Recipe {
        name: resolved.name.as_ref()?.node.clone(),
        doc: resolved.doc.clone(),
        edition: i64::try_from(run.count("recipe.edition")?).ok()?,
        variant: variant.map(str::to_string),
        params: draft.params.clone(),
        seed: draft.params.iter().find(|p| p.name == "seed").map_or(0, |p| p.value.value as u64),
        in_force: InForce::new(draft),
        docs: resolved.docs.clone(),
        points: draft.points.clone(),
        policy,
        models,
        domains: draft.domains.clone(),
        max_generated_tokens: run.count("budget.tokens"),
        max_wall_clock_seconds: run.number("budget.time"),
        stages: draft.stages.iter().map(stage).collect::<Option<_>>()?,
        evaluate: if has_evaluation { Some(evaluate(draft)?) } else { None },
        checkpoint: Checkpoint {
            every_steps: run.count("checkpoint.every"),
            keep: run.count("checkpoint.keep")?,
            best: run.word("checkpoint.best").map(str::to_string),
        },
        guarantees: draft.guarantees.clone(),
        tests: draft.tests.clone(),
        allows: resolved.allows.iter().map(|(code, because)| (code.node.clone(), because.node.clone())).collect(),
        variants: resolved.variants.iter().map(|v| v.name.node.clone()).collect(),
    })
}

fn model(name: &str, run: &Values) -> Option<Model> {
    let path = |key: &str| format!("model.{name}.{key}");
    let source = match &run.get(&path("source"))?.value {
        Value::Word(word) if word == "fresh" => ModelSource::Fresh(architecture(&path("source"), run)?),
        Value::Call { word, arguments } => match word.as_str() {
            "folder" => ModelSource::Folder { path: text(arguments, "path")? },
            "hf" => ModelSource::Hub { name: text(arguments, "name")? },
            "endpoint" => endpoint(arguments)?,
            _ => return None,
        },
        _ => return None,
    };
    let precision = match run.word(&path("precision"))? {
        "f32" => Precision::F32,
        "bf16" => Precision::Bf16,
        _ => return None,
    };
    let train = match run.word(&path("train"))? {
        "full" => Trainable::Full,
        "frozen" => Trainable::Frozen,
        "lora" => Trainable::Lora {
            rank: u32::try_from(run.count(&path("train.rank"))?).ok()?,
            alpha: run.number(&path("train.alpha"))?,
        },
        _ => return None,
    };
    let answer = match &run.get(&path("answer"))?.value {
        Value::Word(word) if word == "whole" => AnswerRule::Whole,
        Value::Call { word, arguments } => match word.as_str() {
            "after" => AnswerRule::After { mark: text(arguments, "mark")? },
            "between" => AnswerRule::Between { open: text(arguments, "open")?, close: text(arguments, "close")? },
            _ => return None,
        },
        _ => return None,
    };
    let context = match run.get(&path("context")) {
        Some(entry) => Some(Sourced { value: run.count(&path("context"))?, origin: entry.origin.clone() }),
        None => None,
    };
    let chat = match run.absent(&path("chat")) {
        true => None,
        false => Some(run.truth(&path("chat"))?),
    };
    Some(Model { name: name.to_string(), source, precision, train, answer, chat, context })
}

fn endpoint(arguments: &BTreeMap<String, Value>) -> Option<ModelSource> {
    let number = |name: &str| match arguments.get(name).and_then(argument)? {
        ArgumentValue::Number(number) => Some(number),
        _ => None,
    };
    Some(ModelSource::Endpoint {
        url: text(arguments, "url")?,
        model: text(arguments, "model")?,
        key: match arguments.get("key") {
            Some(_) => Some(text(arguments, "key")?),
            None => None,
        },
        timeout_seconds: number("timeout")?,
        parallel: number("parallel")? as u32,
    })
}

fn architecture(prefix: &str, run: &Values) -> Option<Architecture> {
    let size = |key: &str| usize::try_from(run.count(&format!("{prefix}.{key}"))?).ok();
    Some(Architecture {
        width: size("width")?,
        layers: size("layers")?,
        heads: size("heads")?,
        kv_heads: size("kv_heads")?,
        head_width: size("head_width")?,
        hidden: size("hidden")?,
        tied: run.truth(&format!("{prefix}.tied"))?,
        rope_theta: run.number(&format!("{prefix}.rope_theta"))?,
        norm_eps: run.number(&format!("{prefix}.norm_eps"))?,
    })
}

fn text(arguments: &BTreeMap<String, Value>, name: &str) -> Option<String> {
    match arguments.get(name) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

/// The data source that a setting names.
pub(crate) fn data(entry: &Entry) -> Option<DataSource> {
    match &entry.value {
        Value::Word(word) if word == "held_out" => Some(DataSource::HeldOut),
        Value::Call { word, arguments } => match word.as_str() {
            "builtin" => {
                let levels = match arguments.get("levels") {
                    Some(Value::Levels(low, high)) => Some((*low, *high)),
                    _ => None,
                };
                Some(DataSource::Builtin { generator: text(arguments, "generator")?, levels })
            }
            "hf" => Some(DataSource::Hub {
                name: text(arguments, "name")?,
                split: text(arguments, "split"),
                config: text(arguments, "config"),
            }),
            "file" => Some(DataSource::File { path: text(arguments, "path")? }),
            _ => None,
        },
        _ => None,
    }
}

/// How the rows of a domain or a suite are read; nothing is said of rows that are not read from anywhere.
fn rows(prefix: &str, values: &Values) -> Option<RowRules> {
    if matches!(values.word(&format!("{prefix}.data")), Some("builtin" | "held_out")) {
        return Some(RowRules::default());
    }
    let at = |key: &str| values.get(&format!("{prefix}.{key}")).map(|entry| &entry.value);
    Some(RowRules {
        columns: match at("columns") {
            Some(Value::Columns(columns)) => columns.clone(),
            Some(_) => return None,
            None => BTreeMap::new(),
        },
        filter: match at("filter") {
            Some(Value::RowFilter(filter)) => Some(filter.clone()),
            Some(_) => return None,
            None => None,
        },
        on_bad_row: match values.word(&format!("{prefix}.on_bad_row"))? {
            "skip" => BadRow::Skip,
            _ => BadRow::Stop,
        },
    })
}

/// `weight = ratio`, which the built-in strategies hold.
fn by_ratio(span: Span) -> TypedFormula {
    let kind = Kind::Name(Source::Signal, "ratio".into());
    TypedFormula {
        body: Typed { kind, ty: Type::PURE, range: Interval::UNIT, span },
        bindings: Vec::new(),
        source: None,
        span,
    }
}

fn verifier(entry: &Entry) -> Option<VerifierSettings> {
    let Value::Call { word, arguments } = &entry.value else { return None };
    let arguments =
        arguments.iter().map(|(name, value)| Some((name.clone(), argument(value)?))).collect::<Option<_>>()?;
    Some(VerifierSettings { name: word.clone(), arguments })
}

/// The verifier of a domain. A judge's prompt may show the reference answer, so it knows the column.
fn judged_by(entry: &Entry, reference: String) -> Option<VerifierSettings> {
    let mut settings = verifier(entry)?;
    if settings.name == "judge" {
        settings.arguments.insert("reference".into(), ArgumentValue::Word(reference));
    }
    Some(settings)
}

/// The column with the reference answer of a domain.
fn reference(values: &Values, path: &dyn Fn(&str) -> String) -> Option<String> {
    if let Some(entry) = values.get(&path("reference")) {
        let Value::Word(column) = &entry.value else { return None };
        return Some(column.clone());
    }
    let gold = values.get(&path("verify")).and_then(|entry| match &entry.value {
        Value::Call { arguments, .. } => arguments.get("gold"),
        _ => None,
    });
    Some(match gold {
        Some(Value::Word(column)) => column.clone(),
        _ => "answer".to_string(),
    })
}

fn signals(entry: &Entry) -> Option<Vec<DomainSignal>> {
    let Value::Several(items) = &entry.value else { return None };
    items.iter().map(signal).collect()
}

fn signal(value: &Value) -> Option<DomainSignal> {
    Some(match value {
        Value::Word(word) if word == "reference_probability" => DomainSignal::ReferenceProbability,
        Value::Word(word) if word == "answer_probability" => DomainSignal::AnswerProbability,
        Value::Call { word, arguments } if word == "reward_model" => {
            let Some(Value::Word(model)) = arguments.get("model") else { return None };
            DomainSignal::RewardModel { model: model.clone() }
        }
        _ => return None,
    })
}

fn argument(value: &Value) -> Option<ArgumentValue> {
    Some(match value {
        Value::Word(word) => ArgumentValue::Word(word.clone()),
        Value::Text(text) => ArgumentValue::Text(text.clone()),
        Value::Number(number) => ArgumentValue::Number(*number),
        Value::Truth(truth) => ArgumentValue::Bool(*truth),
        _ => return None,
    })
}

fn stage(stage: &StageDraft) -> Option<Stage> {
    let values = &stage.values;
    let domains = stage
        .shares
        .as_ref()?
        .iter()
        .map(|share| domain(&share.domain, Sourced { value: share.ratio, origin: share.origin.clone() }, values))
        .collect::<Option<_>>()?;
    let max_steps = match values.get("budget.steps") {
        Some(entry) => Some(Sourced { value: values.count("budget.steps")?, origin: entry.origin.clone() }),
        None => None,
    };
    let prefix = format!("stage.{}", stage.name);
    let work = match stage.supervised {
        Some(_) => StageWork::Supervised(Supervised {
            target: values.word(&format!("{prefix}.supervised.target"))?.to_string(),
            batch_problems: values.count(&format!("{prefix}.supervised.batch"))?,
            optimizer: adamw(&format!("{prefix}.supervised.optimizer"), values)?,
            schedule: schedule(&format!("{prefix}.supervised.schedule"), values)?,
        }),
        None => StageWork::Reinforce(Box::new(reinforce(stage)?)),
    };
    Some(Stage {
        name: stage.name.clone(),
        after: stage.after.clone(),
        max_steps,
        // The first stage has no moments to carry.
        fresh_optimizer: stage.after.is_none() || values.word(&format!("{prefix}.optimizer")) == Some("fresh"),
        domains,
        max_prompt_tokens: values.count("budget.prompt")?,
        work,
    })
}

fn domain(name: &str, ratio: Sourced<f64>, values: &Values) -> Option<Domain> {
    let path = |key: &str| of_domain(name, key);
    let output = values.count(&path("output"))?;
    Some(Domain {
        name: name.to_string(),
        ratio,
        data: data(values.get(&path("data"))?)?,
        problems: values.count(&path("problems")),
        rows: rows(&format!("domain.{name}"), values)?,
        prompt: values.text(&path("prompt")).map(str::to_string),
        reference: reference(values, &path)?,
        verify: match values.get(&path("verify")) {
            Some(entry) => Some(judged_by(entry, reference(values, &path)?)?),
            None => None,
        },
        signals: match values.get(&path("signals")) {
            Some(entry) => signals(entry)?,
            None => Vec::new(),
        },
        output: (Some(output) != values.count("budget.output")).then_some(output),
    })
}

fn reinforce(stage: &StageDraft) -> Option<Reinforce> {
    let values = &stage.values;
    let Value::Call { word, arguments } = &values.get("mix.count")?.value else { return None };
    let count = Count {
        at: match word.as_str() {
            "sampled" => CountPoint::Sampled,
            "completed" => CountPoint::Completed,
            "trained" => CountPoint::Trained,
            _ => return None,
        },
        of: match arguments.get("of")? {
            Value::Word(unit) if unit == "rollouts" => CountUnit::Rollouts,
            Value::Word(unit) if unit == "groups" => CountUnit::Groups,
            Value::Word(unit) if unit == "tokens" => CountUnit::Tokens,
            _ => return None,
        },
    };
    let unfinished = match values.word("reward.unfinished")? {
        "as_judged" => Unfinished::AsJudged,
        "wrong" => Unfinished::Wrong,
        "masked" => Unfinished::Masked,
        "dropped" => Unfinished::Dropped,
        _ => return None,
    };
    Some(Reinforce {
        max_output_tokens: values.count("budget.output")?,
        buffer_tokens: values.count("budget.buffer")?,
        mix: Mix {
            count,
            warmup: values.count("mix.warmup")?,
            every_steps: values.count("mix.every")?,
            strategy: if values.absent("mix.strategy") { MixStrategy::Weight } else { MixStrategy::Deficit },
            weight: match values.formula("mix.weight") {
                Some(weight) => weight.clone(),
                None => by_ratio(values.span("mix.strategy")?),
            },
        },
        terms: stage.terms.clone()?,
        reward: Reward {
            outcome: values.formula("reward.outcome").cloned(),
            total: values.formula("reward.total")?.clone(),
            of_domains: stage
                .shares
                .as_ref()?
                .iter()
                .filter_map(|share| Some((share, values.get(&of_domain(&share.domain, "reward"))?)))
                .map(|(share, entry)| match &entry.value {
                    Value::Formula(formula) => Some((share.domain.clone(), formula.as_ref().clone())),
                    _ => None,
                })
                .collect::<Option<_>>()?,
            unfinished,
            shuffled: values.truth("reward.shuffled")?,
        },
        train: train(values)?,
        rollout: RolloutSettings {
            sampling: sampling("rollout", values)?,
            slots: values.count("rollout.slots")?,
            update: weight_update(values)?,
        },
    })
}

fn train(values: &Values) -> Option<Train> {
    let estimator = match values.word("train.kl")? {
        "none" => None,
        "k1" => Some(KlEstimator::K1),
        "k2" => Some(KlEstimator::K2),
        "k3" => Some(KlEstimator::K3),
        _ => return None,
    };
    let kl = match estimator {
        Some(estimator) => {
            Some(Kl { estimator, coef: values.number("train.kl.coef")?, to: values.word("train.kl.to")?.to_string() })
        }
        None => None,
    };
    Some(Train {
        algorithm: algorithm(values)?,
        group_size: values.count("train.group")?,
        batch_rollouts: values.count("train.batch")?,
        updates: values.count("train.updates")?,
        drop: match values.word("train.drop")? {
            "no_advantage" => Drop::NoAdvantage,
            "same_outcome" => Drop::SameOutcome,
            "never" => Drop::Never,
            _ => return None,
        },
        refill: values.count("train.refill")?,
        kl,
        entropy_coef: values.number("train.entropy")?,
        optimizer: adamw("train.optimizer", values)?,
        schedule: schedule("train.schedule", values)?,
        max_lag: values.count("train.max_lag")?,
    })
}

/// The parts of a named algorithm: what the recipe writes, and what the name itself decides.
fn algorithm(values: &Values) -> Option<Algorithm> {
    let name = values.word("train.algorithm")?;
    let number = |key: &str| values.number(&format!("train.algorithm.{key}"));
    let clipped =
        |ratio: RatioLevel| Some(Surrogate::Clipped { ratio, low: number("clip_low")?, high: number("clip_high")? });
    let by_group = || match values.truth("train.algorithm.divide_by_std")? {
        true => Some(Deviation::Group),
        false => Some(Deviation::None),
    };
    Some(match name {
        "gspo" | "grpo" => Algorithm {
            surrogate: clipped(if name == "gspo" { RatioLevel::Sequence } else { RatioLevel::Token })?,
            weight: sequence_weight(values)?,
            baseline: baseline(values)?,
            divide_by_std: by_group()?,
        },
        "dr_grpo" => Algorithm {
            surrogate: clipped(RatioLevel::Token)?,
            weight: SequenceWeight::Constant { tokens: number("divisor")? },
            baseline: Baseline::GroupMean,
            divide_by_std: Deviation::None,
        },
        "dapo" => Algorithm {
            surrogate: clipped(RatioLevel::Token)?,
            weight: sequence_weight(values)?,
            baseline: Baseline::GroupMean,
            divide_by_std: by_group()?,
        },
        "rloo" => Algorithm {
            surrogate: Surrogate::LogLikelihood,
            weight: sequence_weight(values)?,
            baseline: Baseline::LeaveOneOut,
            divide_by_std: Deviation::None,
        },
        "reinforce_plus_plus" => Algorithm {
            surrogate: clipped(RatioLevel::Token)?,
            weight: sequence_weight(values)?,
            baseline: baseline(values)?,
            divide_by_std: match values.truth("train.algorithm.divide_by_std")? {
                true => Deviation::Batch,
                false => Deviation::None,
            },
        },
        "cispo" => Algorithm {
            surrogate: Surrogate::ClippedWeight {
                low: match values.word("train.algorithm.clip_low") {
                    Some(_) => None,
                    None => Some(number("clip_low")?),
                },
                high: number("clip_high")?,
            },
            weight: sequence_weight(values)?,
            baseline: Baseline::GroupMean,
            divide_by_std: by_group()?,
        },
        _ => return None,
    })
}

fn sequence_weight(values: &Values) -> Option<SequenceWeight> {
    Some(match values.word("train.algorithm.weight")? {
        "equal" => SequenceWeight::Equal,
        "length" => SequenceWeight::Length,
        "token_mean" => SequenceWeight::TokenMean,
        "group_token_mean" => SequenceWeight::GroupTokenMean,
        "constant" => SequenceWeight::Constant { tokens: values.number("train.algorithm.weight.tokens")? },
        _ => return None,
    })
}

fn baseline(values: &Values) -> Option<Baseline> {
    Some(match values.word("train.algorithm.baseline")? {
        "leave_one_out" => Baseline::LeaveOneOut,
        "group_mean" => Baseline::GroupMean,
        "batch_mean" => Baseline::BatchMean,
        "none" => Baseline::None,
        _ => return None,
    })
}

fn adamw(prefix: &str, values: &Values) -> Option<AdamW> {
    let number = |key: &str| values.number(&format!("{prefix}.{key}"));
    let clip = format!("{prefix}.clip_norm");
    Some(AdamW {
        lr: number("lr")?,
        beta1: number("beta1")?,
        beta2: number("beta2")?,
        eps: number("eps")?,
        weight_decay: number("weight_decay")?,
        clip_norm: if values.word(&clip) == Some("none") { None } else { Some(values.number(&clip)?) },
    })
}

fn schedule(prefix: &str, values: &Values) -> Option<Schedule> {
    let shape = match values.word(prefix)? {
        "constant" => ScheduleShape::Constant,
        "linear" => ScheduleShape::Linear,
        "cosine" => ScheduleShape::Cosine,
        _ => return None,
    };
    Some(Schedule {
        shape,
        warmup: values.count(&format!("{prefix}.warmup"))?,
        floor: values.number(&format!("{prefix}.floor"))?,
    })
}

fn sampling(prefix: &str, values: &Values) -> Option<Sampling> {
    let number = |key: &str| values.number(&format!("{prefix}.{key}"));
    Some(Sampling {
        temperature: number("temperature")?,
        top_p: number("top_p")?,
        top_k: u32::try_from(values.count(&format!("{prefix}.top_k"))?).ok()?,
        min_p: number("min_p")?,
    })
}

fn weight_update(values: &Values) -> Option<WeightUpdate> {
    Some(match values.word("rollout.update")? {
        "between_batches" => WeightUpdate::BetweenBatches,
        "in_flight" => WeightUpdate::InFlight {
            after: values.count("rollout.update.after")?,
            keep_cache: values.word("rollout.update.cache")? == "kept",
        },
        _ => return None,
    })
}

fn evaluate(draft: &Draft<'_>) -> Option<Evaluate> {
    let run = &draft.run;
    // In the order of their names: random numbers of a suite are keyed by its position, and the order of blocks has no meaning.
    let mut names: Vec<&recipec_grammar::tree::Name> = draft.view.resolved.names("suite").collect();
    names.sort_by(|a, b| a.node.cmp(&b.node));
    let suites = names
        .into_iter()
        .map(|name| {
            let path = |key: &str| format!("suite.{}.{key}", name.node);
            let verify = match run.get(&path("verify")) {
                Some(entry) => Some(verifier(entry)?),
                None => None,
            };
            Some(Suite {
                name: name.node.clone(),
                data: data(run.get(&path("data"))?)?,
                rows: rows(&format!("suite.{}", name.node), run)?,
                verify,
                problems: run.count(&path("problems")),
                samples: run.count(&path("samples"))?,
                max_output_tokens: run.count(&path("output"))?,
                sampling: sampling(&path("sampling"), run)?,
            })
        })
        .collect::<Option<_>>()?;
    Some(Evaluate { every_steps: run.count("evaluate.every"), suites })
}

/// The place of a setting as a stage sees it, for messages about the built recipe.
pub fn place(recipe: &Recipe, stage: Option<&str>, path: &str) -> Option<Span> {
    let of_stage = stage.and_then(|stage| recipe.settings().get(&format!("stage.{stage}.{path}")));
    of_stage.or_else(|| recipe.settings().get(path))?.origin.span()
}
