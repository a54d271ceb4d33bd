//! Keys of the targets that exports emit, each with what of the target reads it. A key that composes and that nothing reads would look
//! like a setting and do nothing; so none is emitted that has no row here. The book's tables are these.

use super::Target;

/// A key of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRow {
    /// The key, as the target writes it.
    pub key: &'static str,
    /// What reads it.
    pub reads: &'static str,
}

const fn row(key: &'static str, reads: &'static str) -> KeyRow {
    KeyRow { key, reads }
}

/// The rows of a target.
pub fn rows(target: Target) -> &'static [KeyRow] {
    match target {
        Target::Verl => VERL,
        Target::PipelineRl => PIPELINERL,
        Target::Trl => TRL,
    }
}

/// The row of a key. A key of PipelineRL may have the name of a domain in the place of `*`.
pub fn row_of(target: Target, key: &str) -> Option<&'static KeyRow> {
    rows(target).iter().find(|row| match row.key.split_once('*') {
        Some((before, after)) => {
            key.len() > before.len() + after.len() && key.starts_with(before) && key.ends_with(after)
        }
        None => row.key == key,
    })
}

const LOSS: &str = "workers/utils/losses.py, trainer/ppo/core_algos.py";
const BUFFER: &str = "trainer/ppo/v1/trainer_base.py, _build_replay_buffer";
const LOADER: &str = "trainer/ppo/v1/trainer_base.py, _init_dataloader";
const ENGINE: &str = "workers/engine/fsdp/transformer_impl.py";
const FIT: &str = "trainer/ppo/v1/trainer_base.py, fit";

/// verl 0.9: Hydra overrides of `verl.trainer.main_ppo`, with the V1 trainer.
const VERL: &[KeyRow] = &[
    row("algorithm.adv_estimator", "trainer/ppo/v1/trainer_base.py, _compute_advantage"),
    row("algorithm.rollout_correction.bypass_mode", "trainer/ppo/v1/trainer_base.py, _compute_old_log_prob"),
    row("actor_rollout_ref.model.path", "workers/config/model.py"),
    row("actor_rollout_ref.model.lora_rank", "workers/config/model.py"),
    row("actor_rollout_ref.model.lora_alpha", "workers/config/model.py"),
    row("actor_rollout_ref.actor.policy_loss.loss_mode", LOSS),
    row("actor_rollout_ref.actor.loss_agg_mode", LOSS),
    row("actor_rollout_ref.actor.loss_scale_factor", LOSS),
    row("actor_rollout_ref.actor.clip_ratio_low", LOSS),
    row("actor_rollout_ref.actor.clip_ratio_high", LOSS),
    row("actor_rollout_ref.actor.clip_ratio_c", LOSS),
    row("actor_rollout_ref.actor.entropy_coeff", LOSS),
    row("actor_rollout_ref.actor.use_kl_loss", LOSS),
    row("actor_rollout_ref.actor.kl_loss_coef", LOSS),
    row("actor_rollout_ref.actor.kl_loss_type", LOSS),
    row("actor_rollout_ref.actor.ppo_mini_batch_size", "workers/engine_workers.py"),
    row("actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu", "workers/engine_workers.py; it must be set"),
    row("actor_rollout_ref.actor.ppo_epochs", "workers/engine_workers.py"),
    row("actor_rollout_ref.actor.data_loader_seed", "workers/engine_workers.py"),
    row("actor_rollout_ref.actor.optim.lr", ENGINE),
    row("actor_rollout_ref.actor.optim.betas", ENGINE),
    row("actor_rollout_ref.actor.optim.weight_decay", ENGINE),
    row("actor_rollout_ref.actor.optim.clip_grad", ENGINE),
    row("actor_rollout_ref.actor.optim.lr_warmup_steps", ENGINE),
    row("actor_rollout_ref.actor.optim.lr_scheduler_type", ENGINE),
    row("actor_rollout_ref.actor.optim.min_lr_ratio", ENGINE),
    row("+actor_rollout_ref.actor.optim.override_optimizer_config.eps", "workers/config/optimizer.py, build_optimizer"),
    row("actor_rollout_ref.rollout.name", "workers/rollout"),
    row("actor_rollout_ref.rollout.n", "trainer/ppo/v1/agent_loop_tq.py"),
    row(
        "actor_rollout_ref.rollout.temperature",
        "trainer/ppo/v1/agent_loop_tq.py; also the temperature of log-probabilities",
    ),
    row("actor_rollout_ref.rollout.top_p", "trainer/ppo/v1/agent_loop_tq.py"),
    row("actor_rollout_ref.rollout.top_k", "trainer/ppo/v1/agent_loop_tq.py"),
    row("actor_rollout_ref.rollout.dtype", "workers/config/rollout.py"),
    row("actor_rollout_ref.rollout.seed", "workers/config/rollout.py"),
    row("actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu", "workers/engine_workers.py; it must be set"),
    row("actor_rollout_ref.rollout.val_kwargs.n", "trainer/ppo/v1/agent_loop_tq.py"),
    row("actor_rollout_ref.rollout.val_kwargs.temperature", "trainer/ppo/v1/agent_loop_tq.py"),
    row("actor_rollout_ref.rollout.val_kwargs.top_p", "trainer/ppo/v1/agent_loop_tq.py"),
    row("actor_rollout_ref.rollout.val_kwargs.top_k", "trainer/ppo/v1/agent_loop_tq.py"),
    row("actor_rollout_ref.rollout.val_kwargs.do_sample", "trainer/ppo/v1/trainer_base.py, _validate"),
    row(
        "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu",
        "workers/engine_workers.py; it must be set with a reference",
    ),
    row("data.train_files", LOADER),
    row("data.val_files", LOADER),
    row("data.train_batch_size", LOADER),
    row("data.gen_batch_size", LOADER),
    row("data.max_prompt_length", "utils/dataset/rl_dataset.py"),
    row("data.max_response_length", "config/rollout/rollout.yaml, response_length"),
    row("data.filter_overlong_prompts", "utils/dataset/rl_dataset.py"),
    row("data.shuffle", "trainer/ppo/utils.py, create_rl_sampler"),
    row("data.seed", "trainer/ppo/utils.py, create_rl_sampler"),
    row("data.dataloader_num_workers", LOADER),
    row("data.custom_cls.path", "utils/dataset/rl_dataset.py, get_dataset_class"),
    row("data.custom_cls.name", "utils/dataset/rl_dataset.py, get_dataset_class"),
    row("reward.custom_reward_function.path", "trainer/ppo/reward.py, get_custom_reward_fn"),
    row("reward.custom_reward_function.name", "trainer/ppo/reward.py, get_custom_reward_fn"),
    row("reward.reward_manager.source", "trainer/ppo/reward.py, resolve_reward_manager_cls"),
    row("reward.reward_manager.name", "trainer/ppo/reward.py, resolve_reward_manager_cls"),
    row("reward.reward_manager.module.path", "trainer/ppo/reward.py, resolve_reward_manager_cls"),
    row("trainer.v1.trainer_mode", "trainer/main_ppo.py"),
    row("trainer.v1.sampler.custom_sampler.path", BUFFER),
    row("trainer.v1.sampler.custom_sampler.name", BUFFER),
    row("trainer.v1.sampler.max_off_policy_threshold", BUFFER),
    row("trainer.v1.sampler.max_off_policy_strategy", BUFFER),
    row("trainer.total_training_steps", LOADER),
    row("trainer.total_epochs", FIT),
    row("trainer.test_freq", FIT),
    row("trainer.val_before_train", FIT),
    row("trainer.save_freq", FIT),
    row("trainer.max_actor_ckpt_to_keep", "trainer/ppo/v1/trainer_base.py, _save_checkpoint"),
    row("trainer.default_local_dir", "trainer/ppo/v1/trainer_base.py, _save_checkpoint"),
    row("trainer.project_name", "utils/tracking.py"),
    row("trainer.experiment_name", "utils/tracking.py"),
    row("trainer.logger", "utils/tracking.py"),
    row("trainer.n_gpus_per_node", "trainer/ppo/v1/trainer_base.py, _init_resource_pool_mgr"),
    row("trainer.nnodes", "trainer/ppo/v1/trainer_base.py, _init_resource_pool_mgr"),
    row("+ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES", "verl/__init__.py, in every worker"),
    row("+ray_kwargs.ray_init.runtime_env.env_vars.PYTHONPATH", "Python, in every worker"),
    row("+ray_kwargs.ray_init.runtime_env.env_vars.RECIPEC_VERIFIERS", "recipe_lib.py, in every worker"),
];

/// PipelineRL of June 2026: a Hydra configuration for `pipelinerl.launch`.
const PIPELINERL: &[KeyRow] = &[
    row("seed", "launch.py; finetune.seed follows it"),
    row("model_path", "launch.py, actor.py, run_finetune.py"),
    row("attempts", "actor.py; finetune.attempts follows it"),
    row("actor.domain_mix.*", "actor.py: targets of the adaptive sampler"),
    row("actor.difficulty_aware_penalty.enabled", "actor.py; the key is not in conf/base.yaml"),
    row("actor.difficulty_aware_penalty.gamma", "actor.py"),
    row("actor.difficulty_aware_penalty.failure_scale", "actor.py"),
    row("rewards.correct_answer_finished", "domains, RewardTable"),
    row("rewards.correct_answer_not_finished", "domains, RewardTable"),
    row("rewards.wrong_answer_finished", "domains, RewardTable"),
    row("rewards.wrong_answer_not_finished", "domains, RewardTable"),
    row("rewards.no_answer_finished", "domains, RewardTable"),
    row("rewards.no_answer_not_finished", "domains, RewardTable"),
    row("rewards.unparsable_finished", "domains, RewardTable"),
    row("rewards.unparsable_not_finished", "domains, RewardTable"),
    row("rewards.buffer_tokens", "domains: the soft zone of the length penalty"),
    row("train_dataset_names", "actor.py"),
    row("test_dataset_names", "actor.py"),
    row("eval_every_n_versions", "actor.py"),
    row("max_lag", "actor.py, in samples"),
    row("llm.parameters.max_tokens", "actor.py"),
    row("llm.parameters.temperature", "actor.py, and the trainer's log-probabilities"),
    row("test_llm.parameters.max_tokens", "actor.py, in evaluations"),
    row("test_llm.parameters.temperature", "actor.py, in evaluations"),
    row("test_llm.parameters.top_p", "actor.py, in evaluations"),
    row("test_llm.parameters.top_k", "actor.py, in evaluations"),
    row("vllm_config.vllm_kwargs.max_model_len", "launch.py, run_vllm"),
    row("finetune.seq_length", "run_finetune.py"),
    row("finetune.train_batch_size", "run_finetune.py"),
    row("finetune.gradient_accumulation_passes", "run_finetune.py"),
    row("finetune.learning_rate", "finetune/optim.py"),
    row("finetune.num_warmup_steps", "run_finetune.py"),
    row("finetune.lr_scheduler_type", "run_finetune.py"),
    row("finetune.weight_decay", "finetune/optim.py"),
    row("finetune.gradient_clipping_threshold", "run_finetune.py"),
    row("finetune.max_train_steps", "run_finetune.py"),
    row("finetune.save_checkpoint_steps", "run_finetune.py"),
    row("finetune.rl.policy_loss", "finetune/rl"),
    row("finetune.rl.epsilon_low", "finetune/rl"),
    row("finetune.rl.epsilon_high", "finetune/rl"),
    row("finetune.rl.kl_coef", "finetune/rl"),
    row("finetune.rl.final_kl_coef", "finetune/rl"),
    row("finetune.rl.entropy_bonus", "finetune/rl"),
    row("finetune.rl.final_entropy_bonus", "finetune/rl"),
    row("finetune.rl.divide_advantage_by_std", "finetune/rl"),
    row("finetune.rl.filter_zero_advantage_groups", "run_preprocess.py; the key is not in conf/base.yaml"),
    row("finetune.rl.overlong_filtering", "finetune/rl"),
    row("world.preprocessor_fraction", "world.py: a reference model has a place when it is above 0"),
];

const TRAINER: &str = "transformers, TrainingArguments";
const GRPO: &str = "trl, GRPOTrainer";

/// TRL 1: arguments of `GRPOConfig`.
const TRL: &[KeyRow] = &[
    row("max_steps", TRAINER),
    row("seed", TRAINER),
    row("learning_rate", TRAINER),
    row("adam_beta1", TRAINER),
    row("adam_beta2", TRAINER),
    row("adam_epsilon", TRAINER),
    row("weight_decay", TRAINER),
    row("max_grad_norm", TRAINER),
    row("warmup_steps", TRAINER),
    row("lr_scheduler_type", TRAINER),
    row("lr_scheduler_kwargs", TRAINER),
    row("save_steps", TRAINER),
    row("save_strategy", TRAINER),
    row("save_total_limit", TRAINER),
    row("eval_strategy", TRAINER),
    row("eval_steps", TRAINER),
    row("eval_on_start", TRAINER),
    row("remove_unused_columns", TRAINER),
    row("bf16", TRAINER),
    row("per_device_train_batch_size", TRAINER),
    row("per_device_eval_batch_size", TRAINER),
    row("gradient_accumulation_steps", TRAINER),
    row("steps_per_generation", GRPO),
    row("num_generations", GRPO),
    row("num_generations_eval", GRPO),
    row("num_iterations", GRPO),
    row("max_completion_length", GRPO),
    row("temperature", GRPO),
    row("top_p", GRPO),
    row("top_k", GRPO),
    row("min_p", GRPO),
    row("shuffle_dataset", GRPO),
    row("beta", GRPO),
    row("epsilon", GRPO),
    row("epsilon_high", GRPO),
    row("loss_type", GRPO),
    row("importance_sampling_level", GRPO),
    row("scale_rewards", GRPO),
    row("reward_weights", GRPO),
    row("mask_truncated_completions", GRPO),
    row("entropy_coef", GRPO),
    row("vllm_importance_sampling_correction", GRPO),
    row("vllm_max_model_length", GRPO),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_there_once() {
        for target in Target::ALL {
            let mut keys: Vec<&str> = rows(target).iter().map(|row| row.key).collect();
            let all = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), all, "{}", target.name());
        }
        assert!(row_of(Target::PipelineRl, "actor.domain_mix.math").is_some());
        assert!(row_of(Target::PipelineRl, "actor.domain_mix.").is_none());
        assert!(row_of(Target::Verl, "trainer.no_such").is_none());
    }
}
