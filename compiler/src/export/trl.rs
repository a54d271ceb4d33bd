//! TRL 1: a script with a `GRPOTrainer`.

use super::lowering::{Class, Lowering};
use super::python::{self, signed};
use super::{Rows, Work};
use crate::formula::script::{number, quoted};
use crate::plan::NodeKind;
use crate::recipe::Reinforce;
use crate::settings::*;
use std::collections::BTreeMap;

const SCRIPT: &str = include_str!("trl_train.py");
/// A clip distance that no ratio reaches.
const NEVER: f64 = 1e9;

pub(super) fn export(lowering: &mut Lowering<'_>, work: &Work<'_>, rows: &[Rows]) -> BTreeMap<String, String> {
    let mut files = python::files(lowering, work, rows);
    model(lowering, work);
    batch(lowering, work);
    let factor = loss(lowering, work);
    advantage(lowering, work, factor);
    optimizer(lowering, work);
    rollouts(lowering, work);
    evaluation(lowering, work);
    lowering.set("remove_unused_columns", "False");
    lowering.set("shuffle_dataset", "False");
    let config: String = lowering.settings().iter().map(|(key, value)| format!("    {key}={value},\n")).collect();
    files.insert("train.py".into(), signed(&SCRIPT.replace("@CONFIG@", &config), work));
    files.insert("launch.sh".into(), launch(work));
    files
}

fn launch(work: &Work<'_>) -> String {
    let limit = work
        .recipe
        .max_wall_clock_seconds
        .map_or(String::new(), |seconds| format!("timeout --signal=INT {} ", libm::ceil(seconds) as u64));
    let text = format!(
        "#!/usr/bin/env bash\n# The recipe @NAME@ under TRL; recipe hash @HASH@.\n# Needs `pip install 'trl>=1,<2' datasets`, and verifiers: recipec serve verifiers --port 8080\n# RECIPEC_MODEL: other weights. RECIPEC_TRL: what depends on the machine, as JSON: {{\"use_vllm\": true}}.\nset -euo pipefail\ncd \"$(dirname \"$0\")\"\npython prepare_data.py\n{limit}accelerate launch \"$@\" train.py\n"
    );
    signed(&text, work)
}

fn model(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let policy = &work.recipe.policy;
    match work.model() {
        Some(_) => lowering.code(Class::Exact, "model.policy.source", &["policy.source"], "train.py, model", ""),
        None => {
            let remark = "weights that are made at random here are in no hub: give weights with `--from WEIGHTS`";
            lowering.note(Class::NotRepresentable, "model.policy.source", &["policy.source"], remark);
        }
    }
    lowering.code(Class::Exact, "model.policy.train", &["policy.train"], "train.py, peft_config", "");
    lowering.code(Class::Exact, "model.policy.chat", &["policy.chat"], "train.py, data", "");
    let bf16 = policy.precision == Precision::Bf16;
    let remark = if bf16 { "the optimizer works in the number type of the weights" } else { "" };
    let class = if bf16 { Class::Approximate } else { Class::Exact };
    let value = if bf16 { "True" } else { "False" };
    lowering.keys(class, "model.policy.precision", &["policy.precision"], &[("bf16", value.into())], remark);
    let remark = "other random numbers from the same seed";
    lowering.keys(Class::Approximate, "param.seed", &["seed"], &[("seed", work.recipe.seed.to_string())], remark);
}

fn batch(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let train = &work.reinforce.train;
    let claims = ["~/loss.group_size", "~/rollout.group_size"];
    lowering.keys(Class::Exact, "train.group", &claims, &[("num_generations", train.group_size.to_string())], "");
    let remark = "per_device_train_batch_size × processes × steps_per_generation, set when it is launched";
    let keys = "per_device_train_batch_size, steps_per_generation";
    lowering.code(Class::Exact, "train.batch", &["~/batch.rollouts", "~/loss.batch_rollouts"], keys, remark);
    let remark = "steps_per_generation over gradient_accumulation_steps";
    lowering.code(Class::Exact, "train.updates", &["~/loss.updates"], "gradient_accumulation_steps", remark);
    lowering.set("num_iterations", 1);
    match &work.stage.max_steps {
        Some(steps) => {
            lowering.keys(
                Class::Exact,
                "budget.steps",
                &["~.max_steps"],
                &[("max_steps", steps.value.to_string())],
                "",
            );
        }
        None => {
            let remark = "GRPOTrainer needs a number of steps: write `budget.steps`";
            lowering.note(Class::NotRepresentable, "budget.steps", &["~.max_steps"], remark);
        }
    }
    lowering.note(Class::Exact, "stage.optimizer", &["~.fresh_optimizer"], "a script begins with fresh moments");
    if work.recipe.max_generated_tokens.is_some() {
        let remark = "counted over whole batches, and the run ends behind the one that uses it up";
        lowering.code(Class::Generated, "budget.tokens", &["max_generated_tokens"], "train.py, Budget", remark);
    } else {
        lowering.note(Class::Exact, "budget.tokens", &["max_generated_tokens"], "");
    }
    lowering.code(Class::Generated, "budget.time", &["max_wall_clock_seconds"], "launch.sh, timeout", "");
    drops(lowering, work);
}

fn drops(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let Reinforce { train, .. } = work.reinforce;
    if train.refill > 1 && train.drop != Drop::Never {
        let remark = "a dropped group is not replaced: the batch has that many groups less to learn from";
        lowering.note(Class::Approximate, "train.refill", &["~/batch.refill"], remark);
    } else {
        lowering.note(Class::Exact, "train.refill", &["~/batch.refill"], "one batch is drawn");
    }
    let by_sequence = matches!(
        train.algorithm.weight,
        SequenceWeight::Equal | SequenceWeight::Length | SequenceWeight::Constant { .. }
    );
    match train.drop {
        Drop::Never => lowering.note(Class::Exact, "train.drop", &["~/filter.drop"], ""),
        _ if by_sequence => {
            let remark = "rewards of a dropped group are made equal: it stays in the batch without a gradient";
            lowering.code(Class::Generated, "train.drop", &["~/filter.drop"], "recipe_lib.py", remark);
        }
        _ => {
            let remark =
                "rewards of a dropped group are made equal, but its tokens still count in the mean over tokens";
            lowering.code(Class::Approximate, "train.drop", &["~/filter.drop"], "recipe_lib.py", remark);
        }
    }
}

/// The policy loss. Gives what every reward is multiplied by, so that the sums have the recipe's divisor.
fn loss(lowering: &mut Lowering<'_>, work: &Work<'_>) -> f64 {
    let Reinforce { train, max_output_tokens, .. } = work.reinforce;
    let cap = *max_output_tokens as f64;
    let mut factor = 1.0;
    let weighted = matches!(train.algorithm.surrogate, Surrogate::ClippedWeight { .. });
    let sequence = matches!(train.algorithm.surrogate, Surrogate::Clipped { ratio: RatioLevel::Sequence, .. });
    let (class, loss, remark) = match (train.algorithm.weight, weighted) {
        (SequenceWeight::TokenMean, true) => (Class::Exact, "cispo", ""),
        (_, true) => (Class::NotRepresentable, "cispo", "`cispo` takes one mean over all tokens, whatever the weight"),
        (SequenceWeight::Equal, _) => (Class::Exact, "grpo", ""),
        (SequenceWeight::TokenMean, _) => (Class::Exact, "dapo", "one mean over all tokens"),
        (SequenceWeight::Length, _) => (Class::Exact, "luspo", "the sum over tokens"),
        (SequenceWeight::Constant { tokens }, _) => {
            factor = cap / tokens;
            let remark = if tokens == cap { "" } else { "rewards are multiplied, so that the divisor is the recipe's" };
            (Class::Exact, "dr_grpo", remark)
        }
        (SequenceWeight::GroupTokenMean, _) => {
            (Class::NotRepresentable, "dapo", "there is no mean over the tokens of a group")
        }
    };
    if factor != 1.0 && (train.kl.is_some() || train.algorithm.divide_by_std != Deviation::None) {
        let remark =
            "the divisor of the loss is the cap, and rewards cannot make up for it beside a KL term or a division";
        lowering.note(Class::NotRepresentable, "train.algorithm.weight", &["~/loss.weight"], remark);
    } else {
        let keys = [("loss_type", quoted(loss))];
        lowering.keys(class, "train.algorithm.weight", &["~/loss.weight"], &keys, remark);
    }
    let level = if sequence { "sequence" } else { "token" };
    let mut keys = vec![("importance_sampling_level", quoted(level))];
    let (mut class, mut remark) = (Class::Exact, "");
    match train.algorithm.surrogate {
        Surrogate::Clipped { low, high, .. } => {
            keys.extend([("epsilon", number(low)), ("epsilon_high", number(high))]);
        }
        // There the bound itself is the key.
        Surrogate::ClippedWeight { low, high } => {
            keys.push(("epsilon_high", number(1.0 + high)));
            if low.is_some() {
                (class, remark) = (Class::NotRepresentable, "`cispo` has no lower bound");
            }
        }
        Surrogate::LogLikelihood => {
            keys.extend([("epsilon", number(NEVER)), ("epsilon_high", number(NEVER))]);
            if train.updates > 1 {
                (class, remark) =
                    (Class::Approximate, "a ratio that is never clipped: the same only in the first update of a batch");
            } else {
                remark = "a ratio that is 1, and never clipped";
            }
        }
    }
    lowering.keys(class, "train.algorithm", &["~/loss.surrogate"], &keys, remark);
    match &train.kl {
        None => lowering.keys(Class::Exact, "train.kl", &["~/loss.kl", "~/reference"], &[("beta", "0.0".into())], ""),
        Some(kl) => {
            let keys = [("beta", number(kl.coef))];
            let (class, remark) = match (kl.estimator, kl.to.as_str()) {
                (KlEstimator::K3, "base") => (Class::Exact, ""),
                (_, "base") => (Class::NotRepresentable, "the trainer has the estimator k3 only"),
                _ => (Class::NotRepresentable, "the reference is the policy as it began, and no other model"),
            };
            lowering.keys(class, "train.kl", &["~/loss.kl", "~/reference"], &keys, remark);
        }
    }
    let entropy = train.entropy_coef;
    if entropy == 0.0 {
        lowering.note(Class::Exact, "train.entropy", &["~/loss.entropy_coef"], "");
    } else {
        let remark = "a mean over all tokens, whatever the weight of sequences";
        let keys = [("entropy_coef", number(entropy))];
        lowering.keys(Class::Approximate, "train.entropy", &["~/loss.entropy_coef"], &keys, remark);
    }
    factor
}

fn advantage(lowering: &mut Lowering<'_>, work: &Work<'_>, mut factor: f64) {
    let train = &work.reinforce.train;
    let group = train.group_size as f64;
    let (class, remark) = match train.algorithm.baseline {
        Baseline::LeaveOneOut => {
            // The sum of the others is that of the group less the own: reward - mean of the others = (reward - mean) G / (G - 1).
            if train.algorithm.divide_by_std == Deviation::None {
                factor *= group / (group - 1.0);
            }
            (Class::Exact, "the mean of the group, and rewards times G / (G - 1)")
        }
        Baseline::GroupMean => (Class::Exact, ""),
        Baseline::BatchMean => (Class::NotRepresentable, "the trainer always takes off the mean of the group"),
        Baseline::None => (Class::NotRepresentable, "the trainer always takes off the mean of the group"),
    };
    lowering.keys(
        class,
        "train.algorithm.baseline",
        &["~/advantage.baseline"],
        &[("reward_weights", format!("[{}]", number(factor)))],
        remark,
    );
    let (class, word, remark) = match train.algorithm.divide_by_std {
        Deviation::None => (Class::Exact, "none", ""),
        Deviation::Group if train.algorithm.baseline == Baseline::LeaveOneOut => {
            (Class::Approximate, "group", "the deviation has 1e-4 added, and the mean is that of the whole group")
        }
        Deviation::Group => (Class::Approximate, "group", "the deviation has 1e-4 added"),
        Deviation::Batch => (Class::Approximate, "batch", "the deviation is that of the rewards, and has 1e-4 added"),
    };
    let claims = ["~/advantage.divide_by_std"];
    lowering.keys(class, "train.algorithm.divide_by_std", &claims, &[("scale_rewards", quoted(word))], remark);
}

fn optimizer(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let Reinforce { train, .. } = work.reinforce;
    let AdamW { lr, beta1, beta2, eps, weight_decay, clip_norm } = &train.optimizer;
    let keys = [
        ("learning_rate", number(*lr)),
        ("adam_beta1", number(*beta1)),
        ("adam_beta2", number(*beta2)),
        ("adam_epsilon", number(*eps)),
        ("weight_decay", number(*weight_decay)),
        ("max_grad_norm", number(clip_norm.unwrap_or(0.0))),
    ];
    lowering.keys(Class::Exact, "train.optimizer", &["~/optimizer.adamw"], &keys, "");
    let Schedule { shape, warmup, floor } = &train.schedule;
    let bottom = number(*floor);
    let (kind, more) = match shape {
        ScheduleShape::Constant => ("constant_with_warmup", "{}".to_string()),
        ScheduleShape::Linear if *floor == 0.0 => ("linear", "{}".to_string()),
        ScheduleShape::Linear => ("polynomial", format!("{{\"lr_end\": {}, \"power\": 1.0}}", number(floor * lr))),
        ScheduleShape::Cosine if *floor == 0.0 => ("cosine", "{}".to_string()),
        ScheduleShape::Cosine => ("cosine_with_min_lr", format!("{{\"min_lr_rate\": {bottom}}}")),
    };
    let keys =
        [("lr_scheduler_type", quoted(kind)), ("lr_scheduler_kwargs", more), ("warmup_steps", warmup.to_string())];
    let plain = *shape == ScheduleShape::Constant && *warmup == 0;
    let class = if plain { Class::Exact } else { Class::Approximate };
    let remark = if plain { "" } else { "one step behind: the first step has the rate of step 0" };
    lowering.keys(class, "train.schedule", &["~/optimizer.schedule"], &keys, remark);
}

fn rollouts(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let Reinforce { rollout, max_output_tokens, reward, train, .. } = work.reinforce;
    let own = work.stage.domains.iter().any(|domain| domain.output.is_some_and(|cap| cap != *max_output_tokens));
    let (class, remark) = match own {
        true => (Class::NotRepresentable, "one cap for all domains"),
        false => (Class::Exact, ""),
    };
    let keys = [("max_completion_length", max_output_tokens.to_string())];
    lowering.keys(class, "budget.output", &["~/rollout.max_output_tokens"], &keys, remark);
    lowering.set("vllm_max_model_length", work.stage.max_prompt_tokens + max_output_tokens);
    let Sampling { temperature, top_p, top_k, min_p } = &rollout.sampling;
    let keys = [
        ("temperature", number(*temperature)),
        ("top_p", number(*top_p)),
        ("top_k", top_k.to_string()),
        ("min_p", number(*min_p)),
    ];
    lowering.keys(Class::Exact, "rollout.temperature", &["~/rollout.sampling", "~/loss.temperature"], &keys, "");
    let remark = "the engine decides how many are decoded at a time";
    lowering.note(Class::Approximate, "rollout.slots", &["~/rollout.slots"], remark);
    let lagging = train.max_lag > 0 || rollout.update != WeightUpdate::BetweenBatches;
    let remark = if lagging {
        "rollouts and training take turns: nothing is ever behind"
    } else {
        "rollouts and training take turns"
    };
    let class = if lagging { Class::Approximate } else { Class::Exact };
    lowering.note(class, "rollout.update", &["~/rollout.update"], remark);
    lowering.note(class, "train.max_lag", &["~.max_lag"], remark);
    let masked = reward.unfinished == Unfinished::Masked;
    let keys = [("mask_truncated_completions", if masked { "True" } else { "False" }.to_string())];
    let (class, remark) = match reward.unfinished {
        Unfinished::AsJudged | Unfinished::Masked => (Class::Exact, ""),
        Unfinished::Wrong => (Class::Generated, "recipe_lib.py changes the verdict"),
        Unfinished::Dropped => (Class::NotRepresentable, "a group always has all its rollouts"),
    };
    lowering.keys(class, "reward.unfinished", &["~/group.unfinished"], &keys, remark);
    // The ratio is to the weights that sampled, as in the recipe; the correction would multiply another one.
    lowering.set("vllm_importance_sampling_correction", "False");
}

fn evaluation(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let checkpoint = &work.recipe.checkpoint;
    let every = checkpoint.every_steps.map(|every| every.to_string());
    let mut keys = vec![("save_strategy", quoted(if every.is_some() { "steps" } else { "no" }))];
    keys.extend(every.map(|every| ("save_steps", every)));
    keys.push(("save_total_limit", checkpoint.keep.to_string()));
    let claims = ["~/checkpoint.every_steps", "~/checkpoint.keep"];
    lowering.keys(Class::Exact, "checkpoint", &claims, &keys, "the last weights are saved in any case");
    match &checkpoint.best {
        Some(_) => lowering.note(
            Class::NotRepresentable,
            "checkpoint.best",
            &["~/checkpoint.best"],
            "the trainer keeps the last ones",
        ),
        None => lowering.note(Class::Exact, "checkpoint.best", &["~/checkpoint.best"], ""),
    }
    for node in work.nodes() {
        let NodeKind::Evaluate { every_steps, suites } = node else { continue };
        let mut keys = vec![("eval_strategy", quoted(if every_steps.is_some() { "steps" } else { "no" }))];
        keys.extend(every_steps.map(|every| ("eval_steps", every.to_string())));
        keys.push(("eval_on_start", "True".into()));
        lowering.keys(Class::Exact, "evaluate.every", &["~/evaluate.every_steps"], &keys, "");
        let samples = suites.iter().map(|suite| suite.samples).max().unwrap_or(1).max(2);
        let keys = [("num_generations_eval", samples.to_string()), ("per_device_eval_batch_size", samples.to_string())];
        let remark = "accuracy is the reward that is shown; sampled as in training, with the cap of training";
        lowering.keys(Class::Approximate, "evaluate.suites", &["~/evaluate.suites"], &keys, remark);
    }
}
