//! Which keys of a configuration were read, and which are known to change nothing.

use serde_json::{Map, Value};

/// Keys that this reader looks at.
const READ: &[&str] = &[
    "model_type",
    "text_config",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
    "rms_norm_eps",
    "attention_bias",
    "mlp_bias",
    "tie_word_embeddings",
    "intermediate_size",
    "vocab_size",
    "sliding_window",
    "layer_types",
    "use_sliding_window",
    "max_window_layers",
    "hidden_act",
    "hidden_activation",
    "partial_rotary_factor",
    "rotary_pct",
    "quantization_config",
    "compression_config",
    "num_experts",
    "num_local_experts",
    "n_routed_experts",
    "logit_scale",
    "logits_scaling",
    "embedding_multiplier",
    "residual_multiplier",
    "attention_multiplier",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "query_pre_attn_scalar",
    "no_rope_layers",
    "attention_chunk_size",
    "is_encoder_decoder",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "eos_token_id",
    "dtype",
    "torch_dtype",
    "attention_dropout",
];

/// Keys that do not change what a decoder computes: origin, storage, tokens for padding, first weights, how text is generated
/// by default, and the parts of a wrapper that see.
const HARMLESS: &[&str] = &[
    "_name_or_path",
    "_attn_implementation",
    "_attn_implementation_autoset",
    "architectures",
    "auto_map",
    "bos_token_id",
    "pad_token_id",
    "sep_token_id",
    "unk_token_id",
    "decoder_start_token_id",
    "transformers_version",
    "use_cache",
    "initializer_range",
    "pretraining_tp",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "torchscript",
    "chunk_size_feed_forward",
    "is_decoder",
    "add_cross_attention",
    "cross_attention_hidden_size",
    "rope_interleaved",
    "vision_config",
    "vision_feature_layer",
    "vision_feature_select_strategy",
    "image_token_index",
    "image_token_id",
    "image_seq_length",
    "multimodal_projector_bias",
    "projector_hidden_act",
    "spatial_merge_size",
    "unsloth_version",
    "unsloth_fixed",
    "_from_model_config",
    "mlp_hidden_act",
    "id2label",
    "label2id",
    "problem_type",
    "finetuning_task",
    "task_specific_params",
    "tf_legacy_loss",
    "pruned_heads",
    "tie_encoder_decoder",
    "prefix",
    "tokenizer_class",
    "transformers.js_config",
    "is_llama_config",
    "ignore_index",
];

/// Notes the keys that nobody looked at.
pub(super) fn note_unread(top: &Map<String, Value>, inner: &Map<String, Value>, notes: &mut Vec<String>) {
    let unread = |map: &Map<String, Value>, prefix: &str| -> Vec<String> {
        map.iter()
            .filter(|(key, value)| {
                !value.is_null() && !READ.contains(&key.as_str()) && !HARMLESS.contains(&key.as_str())
            })
            .map(|(key, _)| format!("`{prefix}{key}`"))
            .collect()
    };
    let mut names = unread(top, "");
    names.extend(unread(inner, "text_config."));
    if !names.is_empty() {
        notes.push(format!("keys of `config.json` that are not read: {}", names.join(", ")));
    }
}
