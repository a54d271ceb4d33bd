//! verl 0.9: Hydra overrides of `verl.trainer.main_ppo`, with a reward manager, a data set and a replay buffer.

use super::lowering::{Class, Lowering};
use super::python::{self, signed};
use super::{Rows, Work};
use crate::formula::canonical_number as number;
use crate::plan::NodeKind;
use crate::recipe::Reinforce;
use crate::settings::*;
use std::collections::{BTreeMap, BTreeSet};

const RECIPE: &str = include_str!("verl_recipe.py");
const ADVANTAGE: &str = include_str!("verl_advantage.py");
const ACTOR: &str = "actor_rollout_ref.actor";
/// A bound that no ratio reaches.
const NEVER: &str = "1e9";

pub(super) fn export(lowering: &mut Lowering<'_>, work: &Work<'_>, rows: &[Rows]) -> BTreeMap<String, String> {
    let mut files = python::files(lowering, work, rows);
    model(lowering, work);
    batch(lowering, work);
    loss(lowering, work);
    if advantage(lowering, work) {
        let Algorithm { baseline, divide_by_std, .. } = &work.reinforce.train.algorithm;
        let word = |value: serde_json::Result<serde_json::Value>| {
            value.ok().and_then(|value| value.as_str().map(str::to_string)).unwrap_or_default()
        };
        let text = ADVANTAGE
            .replace("@BASELINE@", &word(serde_json::to_value(baseline)))
            .replace("@DIVIDE_BY@", &word(serde_json::to_value(divide_by_std)));
        files.insert("recipe_advantage.py".into(), signed(&text, work));
    }
    optimizer(lowering, work);
    rollouts(lowering, work);
    evaluation(lowering, work, rows);
    places(lowering, work);
    files.insert("recipe_verl.py".into(), signed(RECIPE, work));
    files.insert("launch.sh".into(), launch(lowering, work));
    files
}

/// One command. Values that name a file or the machine are filled in by the shell.
fn launch(lowering: &Lowering<'_>, work: &Work<'_>) -> String {
    let limit = work
        .recipe
        .max_wall_clock_seconds
        .map_or(String::new(), |seconds| format!("timeout --signal=INT {} ", libm::ceil(seconds) as u64));
    let external = lowering.settings().iter().any(|(key, _)| key.ends_with("VERL_USE_EXTERNAL_MODULES"));
    let mut text = String::from(
        "#!/usr/bin/env bash\n# The recipe @NAME@ under @TARGET@; recipe hash @HASH@.\n# Needs verl 0.9 with its rollout engine, and verifiers: recipec serve verifiers --port 8080\n# What follows the command is handed on: what depends on the machine, such as micro batches and parallelism.\nset -euo pipefail\ncd \"$(dirname \"$0\")\"\nexport RECIPE=\"$PWD\"\nexport PYTHONPATH=\"$RECIPE${PYTHONPATH:+:$PYTHONPATH}\"\nexport RECIPEC_VERIFIERS=\"${RECIPEC_VERIFIERS:-http://127.0.0.1:8080}\"\n",
    );
    if external {
        text.push_str("export VERL_USE_EXTERNAL_MODULES=recipe_advantage\n");
    }
    text.push_str("python prepare_data.py\n");
    text.push_str(&format!("{limit}python -m verl.trainer.main_ppo \\\n"));
    for (key, value) in lowering.settings() {
        let value = if value.contains("$") { format!("\"{key}={value}\"") } else { shell(&format!("{key}={value}")) };
        text.push_str(&format!("  {value} \\\n"));
    }
    text.push_str("  \"$@\"\n");
    signed(&text, work)
}

/// A word of the shell.
pub(super) fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if word.chars().all(plain) { word.to_string() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// A text as Hydra's grammar reads it back: in quotes where it is no plain word.
pub(super) fn hydra(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    let text = text.replace(['\n', '$'], " ");
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

fn model(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let policy = &work.recipe.policy;
    match work.model() {
        Some(path) => {
            let keys = [("actor_rollout_ref.model.path", hydra(&path))];
            lowering.keys(Class::Exact, "model.policy.source", &["policy.source"], &keys, "");
        }
        None => {
            let remark = "weights that are made at random here are in no hub: give weights with `--from WEIGHTS`";
            lowering.note(Class::NotRepresentable, "model.policy.source", &["policy.source"], remark);
        }
    }
    match policy.train {
        Trainable::Lora { rank, alpha } => {
            let keys = [
                ("actor_rollout_ref.model.lora_rank", rank.to_string()),
                ("actor_rollout_ref.model.lora_alpha", number(alpha)),
            ];
            lowering.keys(Class::Exact, "model.policy.train", &["policy.train"], &keys, "on all linear maps");
        }
        _ => lowering.note(Class::Exact, "model.policy.train", &["policy.train"], ""),
    }
    match policy.chat {
        Some(false) => {
            let remark = "prompts always go through the chat template";
            lowering.note(Class::NotRepresentable, "model.policy.chat", &["policy.chat"], remark);
        }
        _ => lowering.note(Class::Exact, "model.policy.chat", &["policy.chat"], "prompts go through the chat template"),
    }
    let dtype = if policy.precision == Precision::F32 { "float32" } else { "bfloat16" };
    let remark = "of rollouts; the trainer keeps masters in float32";
    let keys = [("actor_rollout_ref.rollout.dtype", dtype.to_string())];
    lowering.keys(Class::Exact, "model.policy.precision", &["policy.precision"], &keys, remark);
    let seed = (work.recipe.seed % (1 << 31)).to_string();
    let keys = [
        ("data.seed", seed.clone()),
        ("actor_rollout_ref.actor.data_loader_seed", seed.clone()),
        ("actor_rollout_ref.rollout.seed", seed),
    ];
    lowering.keys(Class::Approximate, "param.seed", &["seed"], &keys, "other random numbers from the same seed");
}

fn batch(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let train = &work.reinforce.train;
    let keys = [("actor_rollout_ref.rollout.n", train.group_size.to_string())];
    lowering.keys(Class::Exact, "train.group", &["~/loss.group_size", "~/rollout.group_size"], &keys, "");
    let keys = [("data.train_batch_size", work.prompts().to_string())];
    let claims = ["~/batch.rollouts", "~/loss.batch_rollouts"];
    lowering.keys(Class::Exact, "train.batch", &claims, &keys, "in prompts");
    let updates = train.updates.max(1);
    let exact = work.prompts().is_multiple_of(updates);
    let class = if exact { Class::Exact } else { Class::NotRepresentable };
    let remark = if exact { "in prompts" } else { "the groups of a batch are not a multiple of the updates" };
    let keys = [
        ("actor_rollout_ref.actor.ppo_mini_batch_size", (work.prompts() / updates).max(1).to_string()),
        ("actor_rollout_ref.actor.ppo_epochs", "1".to_string()),
    ];
    lowering.keys(class, "train.updates", &["~/loss.updates"], &keys, remark);
    match &work.stage.max_steps {
        Some(steps) => {
            let batches = steps.value.div_ceil(updates).to_string();
            let keys = [("trainer.total_training_steps", batches)];
            let remark = if updates > 1 { "in batches" } else { "" };
            lowering.keys(Class::Exact, "budget.steps", &["~.max_steps"], &keys, remark);
            // The data set draws what the mix says, so that an epoch has no meaning: it must only not end the run.
            lowering.set("trainer.total_epochs", 1_000_000);
        }
        None => {
            let remark = "the learning rate needs a number of steps: write `budget.steps`";
            lowering.note(Class::NotRepresentable, "budget.steps", &["~.max_steps"], remark);
        }
    }
    lowering.note(Class::Exact, "stage.optimizer", &["~.fresh_optimizer"], "a run begins with fresh moments");
    if work.recipe.max_generated_tokens.is_some() {
        let remark = "the replay buffer ends the run with an error that says so, behind the batch that uses it up";
        lowering.code(Class::Generated, "budget.tokens", &["max_generated_tokens"], "recipe_verl.py", remark);
    } else {
        lowering.note(Class::Exact, "budget.tokens", &["max_generated_tokens"], "");
    }
    lowering.code(Class::Generated, "budget.time", &["max_wall_clock_seconds"], "launch.sh, timeout", "");
    let remark = match train.drop {
        Drop::Never => "no group is dropped",
        _ if train.refill > 1 => {
            "the replay buffer draws others for dropped groups; behind the last draw they fill the batch without a gradient"
        }
        _ => "dropped groups stay in the batch without a gradient",
    };
    let by_sequence = matches!(
        train.algorithm.weight,
        SequenceWeight::Equal | SequenceWeight::Length | SequenceWeight::Constant { .. }
    );
    let bare = train.kl.is_none() && train.entropy_coef == 0.0;
    let class = if train.drop == Drop::Never || (by_sequence && bare) { Class::Generated } else { Class::Approximate };
    let tail = if class == Class::Approximate {
        "; they still count in means over tokens, a KL term and an entropy"
    } else {
        ""
    };
    lowering.code(class, "train.drop", &["~/filter.drop"], "recipe_verl.py", &format!("{remark}{tail}"));
    lowering.code(Class::Generated, "train.refill", &["~/batch.refill"], "recipe_verl.py", "");
}

fn loss(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let train = &work.reinforce.train;
    let key = |name: &str| format!("{ACTOR}.{name}");
    let (low, high, mode, c) =
        (key("clip_ratio_low"), key("clip_ratio_high"), key("policy_loss.loss_mode"), key("clip_ratio_c"));
    let (loss, mut keys, remark) = match train.algorithm.surrogate {
        Surrogate::Clipped { ratio: RatioLevel::Sequence, low: l, high: h } => {
            ("gspo", vec![(low.as_str(), number(l)), (high.as_str(), number(h))], "")
        }
        Surrogate::Clipped { ratio: RatioLevel::Token, low: l, high: h } => (
            "vanilla",
            vec![(low.as_str(), number(l)), (high.as_str(), number(h)), (c.as_str(), NEVER.into())],
            "the second clip of the engine is out of reach",
        ),
        Surrogate::ClippedWeight { low: l, high: h } => {
            ("cispo", vec![(low.as_str(), number(l.unwrap_or(1.0))), (high.as_str(), number(h))], "")
        }
        Surrogate::LogLikelihood => ("gpg", vec![], ""),
    };
    keys.insert(0, (mode.as_str(), loss.to_string()));
    lowering.keys(Class::Exact, "train.algorithm", &["~/loss.surrogate"], &keys, remark);
    let (agg, scale) = (key("loss_agg_mode"), key("loss_scale_factor"));
    let (class, word, remark) = match train.algorithm.weight {
        SequenceWeight::Equal => (Class::Exact, "seq-mean-token-mean", ""),
        SequenceWeight::Length => (Class::Exact, "seq-mean-token-sum", ""),
        SequenceWeight::TokenMean => (Class::Exact, "token-mean", ""),
        SequenceWeight::Constant { .. } => (Class::Exact, "seq-mean-token-sum-norm", ""),
        SequenceWeight::GroupTokenMean => {
            (Class::NotRepresentable, "token-mean", "there is no mean over the tokens of a group")
        }
    };
    let mut keys = vec![(agg.as_str(), word.to_string())];
    if let SequenceWeight::Constant { tokens } = train.algorithm.weight {
        keys.push((scale.as_str(), number(tokens)));
    }
    lowering.keys(class, "train.algorithm.weight", &["~/loss.weight"], &keys, remark);
    let (use_kl, coef, kind) = (key("use_kl_loss"), key("kl_loss_coef"), key("kl_loss_type"));
    match &train.kl {
        None => lowering.keys(
            Class::Exact,
            "train.kl",
            &["~/loss.kl", "~/reference"],
            &[(use_kl.as_str(), "False".into())],
            "",
        ),
        Some(kl) => {
            let estimator = match kl.estimator {
                KlEstimator::K1 => "kl",
                KlEstimator::K2 => "mse",
                KlEstimator::K3 => "low_var_kl",
            };
            let keys = [
                (use_kl.as_str(), "True".to_string()),
                (coef.as_str(), number(kl.coef)),
                (kind.as_str(), estimator.to_string()),
            ];
            let (class, remark) = match kl.to.as_str() {
                "base" => (Class::Exact, "bounded at 10 a token"),
                _ => (Class::NotRepresentable, "the reference is the policy as it began, and no other model"),
            };
            lowering.keys(class, "train.kl", &["~/loss.kl", "~/reference"], &keys, remark);
            lowering.set("actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu", "${RECIPEC_MICRO_BATCH:-1}");
        }
    }
    let keys = [("actor_rollout_ref.actor.entropy_coeff", number(train.entropy_coef))];
    lowering.keys(Class::Exact, "train.entropy", &["~/loss.entropy_coef"], &keys, "");
}

/// Whether the estimator is generated.
fn advantage(lowering: &mut Lowering<'_>, work: &Work<'_>) -> bool {
    let Algorithm { baseline, divide_by_std, .. } = &work.reinforce.train.algorithm;
    let stock = *baseline == Baseline::LeaveOneOut && *divide_by_std == Deviation::None;
    let name = if stock { "rloo" } else { "recipe_advantage" };
    let class = if stock { Class::Exact } else { Class::Generated };
    let remark = if stock { "" } else { "recipe_advantage.py, which verl imports in every process" };
    lowering.keys(
        class,
        "train.algorithm.baseline",
        &["~/advantage"],
        &[("algorithm.adv_estimator", name.into())],
        remark,
    );
    if !stock {
        let key = "+ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES";
        lowering.set(key, "recipe_advantage");
    }
    !stock
}

fn optimizer(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let Reinforce { train, .. } = work.reinforce;
    let AdamW { lr, beta1, beta2, eps, weight_decay, clip_norm } = &train.optimizer;
    let keys = [
        ("actor_rollout_ref.actor.optim.lr", number(*lr)),
        ("actor_rollout_ref.actor.optim.betas", format!("[{},{}]", number(*beta1), number(*beta2))),
        ("actor_rollout_ref.actor.optim.weight_decay", number(*weight_decay)),
        ("actor_rollout_ref.actor.optim.clip_grad", clip_norm.map_or(NEVER.to_string(), number)),
        ("+actor_rollout_ref.actor.optim.override_optimizer_config.eps", number(*eps)),
    ];
    let plain = *weight_decay == 0.0;
    let (class, remark) = if plain {
        (Class::Exact, "")
    } else {
        (Class::Approximate, "weights of norms decay too, as small as they are")
    };
    lowering.keys(class, "train.optimizer", &["~/optimizer.adamw"], &keys, remark);
    let Schedule { shape, warmup, floor } = &train.schedule;
    let (class, kind, remark) = match shape {
        ScheduleShape::Constant if *warmup == 0 => (Class::Exact, "constant", ""),
        ScheduleShape::Constant => {
            (Class::Approximate, "constant", "one step behind: the first step has the rate of step 0")
        }
        ScheduleShape::Cosine => {
            (Class::Approximate, "cosine", "one step behind: the first step has the rate of step 0")
        }
        ScheduleShape::Linear => {
            (Class::NotRepresentable, "constant", "the engine's rates are constant or fall along a cosine")
        }
    };
    let keys = [
        ("actor_rollout_ref.actor.optim.lr_scheduler_type", kind.to_string()),
        ("actor_rollout_ref.actor.optim.lr_warmup_steps", warmup.to_string()),
        ("actor_rollout_ref.actor.optim.min_lr_ratio", number(*floor)),
    ];
    lowering.keys(class, "train.schedule", &["~/optimizer.schedule"], &keys, remark);
}

fn rollouts(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let Reinforce { rollout, max_output_tokens, reward, train, .. } = work.reinforce;
    let own = work.stage.domains.iter().any(|domain| domain.output.is_some_and(|cap| cap != *max_output_tokens));
    let (class, remark) = match own {
        true => (Class::NotRepresentable, "one cap for all domains"),
        false => (Class::Exact, ""),
    };
    let keys = [
        ("data.max_response_length", max_output_tokens.to_string()),
        ("data.max_prompt_length", work.stage.max_prompt_tokens.to_string()),
        ("data.filter_overlong_prompts", "True".to_string()),
    ];
    lowering.keys(class, "budget.output", &["~/rollout.max_output_tokens"], &keys, remark);
    let Sampling { temperature, top_p, top_k, min_p } = &rollout.sampling;
    let keys = [
        ("actor_rollout_ref.rollout.temperature", number(*temperature)),
        ("actor_rollout_ref.rollout.top_p", number(*top_p)),
        ("actor_rollout_ref.rollout.top_k", if *top_k == 0 { "-1".into() } else { top_k.to_string() }),
    ];
    let claims = [
        "~/rollout.sampling.temperature",
        "~/rollout.sampling.top_p",
        "~/rollout.sampling.top_k",
        "~/loss.temperature",
    ];
    lowering.keys(Class::Exact, "rollout.temperature", &claims, &keys, "");
    let (class, remark) =
        if *min_p == 0.0 { (Class::Exact, "") } else { (Class::NotRepresentable, "the engine hands on no `min_p`") };
    lowering.note(class, "rollout.min_p", &["~/rollout.sampling.min_p"], remark);
    let remark = "the engine decides how many are decoded at a time";
    lowering.note(Class::Approximate, "rollout.slots", &["~/rollout.slots"], remark);
    let lagging = train.max_lag > 0;
    let keys = [("trainer.v1.trainer_mode", if lagging { "colocate_async" } else { "sync" }.to_string())];
    let (class, remark) = match (lagging, &rollout.update) {
        (false, WeightUpdate::BetweenBatches) => (Class::Exact, "rollouts and training take turns"),
        (false, _) => (Class::Approximate, "rollouts and training take turns"),
        _ => (Class::Approximate, "rollouts go on beside training; weights enter when the engine hands them over"),
    };
    lowering.keys(class, "rollout.update", &["~/rollout.update"], &keys, remark);
    if lagging {
        let keys = [
            ("trainer.v1.sampler.max_off_policy_threshold", (train.max_lag + 1).to_string()),
            ("trainer.v1.sampler.max_off_policy_strategy", "drop".to_string()),
        ];
        let remark = "in versions of the weights, of the group's first token; what is older is dropped";
        lowering.keys(Class::Approximate, "train.max_lag", &["~.max_lag"], &keys, remark);
    } else {
        lowering.note(Class::Exact, "train.max_lag", &["~.max_lag"], "nothing is ever behind");
    }
    // The ratio is to the weights that sampled, as in the recipe.
    lowering.set("algorithm.rollout_correction.bypass_mode", "True");
    let (class, remark) = match reward.unfinished {
        Unfinished::AsJudged => (Class::Exact, ""),
        Unfinished::Wrong => (Class::Generated, "recipe_lib.py changes the verdict"),
        Unfinished::Masked => (Class::NotRepresentable, "the replay buffer cannot take a response out of the loss"),
        Unfinished::Dropped => (Class::NotRepresentable, "a group always has all its rollouts"),
    };
    lowering.note(class, "reward.unfinished", &["~/group.unfinished"], remark);
    let sampler = if lagging { "RecipeReplayBufferAsync" } else { "RecipeReplayBuffer" };
    lowering.set("trainer.v1.sampler.custom_sampler.path", "$RECIPE/recipe_verl.py");
    lowering.set("trainer.v1.sampler.custom_sampler.name", sampler);
}

fn evaluation(lowering: &mut Lowering<'_>, work: &Work<'_>, rows: &[Rows]) {
    let checkpoint = &work.recipe.checkpoint;
    let updates = work.reinforce.train.updates.max(1);
    let every = |steps: Option<u64>| steps.map_or("-1".to_string(), |steps| steps.div_ceil(updates).to_string());
    let keys = [
        ("trainer.save_freq", every(checkpoint.every_steps)),
        ("trainer.max_actor_ckpt_to_keep", checkpoint.keep.to_string()),
    ];
    let claims = ["~/checkpoint.every_steps", "~/checkpoint.keep"];
    lowering.keys(Class::Exact, "checkpoint", &claims, &keys, "");
    match &checkpoint.best {
        Some(_) => lowering.note(
            Class::NotRepresentable,
            "checkpoint.best",
            &["~/checkpoint.best"],
            "the engine keeps the last ones",
        ),
        None => lowering.note(Class::Exact, "checkpoint.best", &["~/checkpoint.best"], ""),
    }
    let file = |rows: &Rows| format!("$RECIPE/data/{}/{}.parquet", rows.part, rows.domain);
    let list = |files: Vec<String>| format!("[{}]", files.join(","));
    lowering.set("data.train_files", list(rows.iter().filter(|rows| rows.part == "train").map(file).collect()));
    let mut measured = false;
    for node in work.nodes() {
        let NodeKind::Evaluate { every_steps, suites } = node else { continue };
        let keys = [("trainer.test_freq", every(*every_steps)), ("trainer.val_before_train", "True".to_string())];
        lowering.keys(Class::Exact, "evaluate.every", &["~/evaluate.every_steps"], &keys, "");
        let Some(first) = suites.first() else { continue };
        measured = true;
        let alike = suites.iter().all(|suite| suite.sampling == first.sampling && suite.samples == first.samples);
        let Sampling { temperature, top_p, top_k, .. } = &first.sampling;
        let keys = [
            ("actor_rollout_ref.rollout.val_kwargs.n", first.samples.to_string()),
            ("actor_rollout_ref.rollout.val_kwargs.temperature", number(*temperature)),
            ("actor_rollout_ref.rollout.val_kwargs.top_p", number(*top_p)),
            ("actor_rollout_ref.rollout.val_kwargs.top_k", if *top_k == 0 { "-1".into() } else { top_k.to_string() }),
            (
                "actor_rollout_ref.rollout.val_kwargs.do_sample",
                if *temperature > 0.0 { "True" } else { "False" }.into(),
            ),
        ];
        let other = if alike { "" } else { "; all suites are sampled as the first one" };
        let remark = format!("with the cap of training{other}");
        lowering.keys(Class::Approximate, "evaluate.suites", &["~/evaluate.suites"], &keys, &remark);
        let files: BTreeSet<String> = rows.iter().filter(|rows| rows.part != "train").map(file).collect();
        lowering.set("data.val_files", list(files.into_iter().collect()));
    }
    if !measured {
        lowering
            .set("data.val_files", list(rows.iter().filter(|rows| rows.part == "train").map(file).take(1).collect()));
        lowering.set("trainer.val_before_train", "False");
    }
}

/// Keys that find the generated files, and those of the machine.
fn places(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    for (key, value) in [
        ("data.gen_batch_size", "1"),
        ("data.shuffle", "False"),
        ("data.dataloader_num_workers", "0"),
        ("data.custom_cls.path", "$RECIPE/recipe_verl.py"),
        ("data.custom_cls.name", "RecipeDataset"),
        ("reward.custom_reward_function.path", "$RECIPE/recipe_verl.py"),
        ("reward.custom_reward_function.name", "compute_score"),
        ("reward.reward_manager.source", "importlib"),
        ("reward.reward_manager.name", "RecipeRewardManager"),
        ("reward.reward_manager.module.path", "$RECIPE/recipe_verl.py"),
        ("actor_rollout_ref.rollout.name", "${RECIPEC_ENGINE:-vllm}"),
        ("actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu", "${RECIPEC_MICRO_BATCH:-1}"),
        ("actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu", "${RECIPEC_MICRO_BATCH:-1}"),
        ("trainer.n_gpus_per_node", "${RECIPEC_GPUS:-8}"),
        ("trainer.nnodes", "${RECIPEC_NODES:-1}"),
        ("trainer.default_local_dir", "$RECIPE/checkpoints"),
        ("trainer.project_name", "recipec"),
        ("trainer.logger", "[console]"),
        ("+ray_kwargs.ray_init.runtime_env.env_vars.PYTHONPATH", "$PYTHONPATH"),
        ("+ray_kwargs.ray_init.runtime_env.env_vars.RECIPEC_VERIFIERS", "'$RECIPEC_VERIFIERS'"),
    ] {
        lowering.set(key, value);
    }
    lowering.set("trainer.experiment_name", hydra(&work.recipe.name));
}
