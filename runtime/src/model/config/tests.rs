//! Configurations as published checkpoints have them, and those that must be refused.

use super::*;
use crate::policy::shape::RopeScaling;
use serde_json::json;

fn parsed(value: &Value) -> Result<Config, ModelError> {
    parse(&value.to_string(), Path::new("folder/config.json"))
}

fn with(base: &Value, changes: Value) -> Value {
    let mut value = base.clone();
    for (key, change) in changes.as_object().unwrap() {
        value[key] = change.clone();
    }
    value
}

/// The keys of Llama 3.2 1B, in the order of its file.
fn llama() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 128000,
        "eos_token_id": [128001, 128008, 128009], "head_dim": 64, "hidden_act": "silu", "hidden_size": 2048,
        "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false,
        "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8,
        "pretraining_tp": 1, "rms_norm_eps": 1e-05,
        "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192, "rope_type": "llama3"},
        "rope_theta": 500000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
        "transformers_version": "4.45.0.dev0", "use_cache": true, "vocab_size": 128256
    })
}

/// The keys of Qwen2.5 0.5B.
fn qwen2() -> Value {
    json!({
        "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645,
        "hidden_act": "silu", "hidden_size": 896, "initializer_range": 0.02, "intermediate_size": 4864,
        "max_position_embeddings": 32768, "max_window_layers": 21, "model_type": "qwen2", "num_attention_heads": 14,
        "num_hidden_layers": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
        "sliding_window": 32768, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true,
        "use_sliding_window": false, "vocab_size": 151936
    })
}

/// The keys of Apriel-1.5-15b-Thinker: a LLaVA around a Mistral decoder whose heads are wider than width / heads.
fn apriel() -> Value {
    json!({
        "architectures": ["LlavaForConditionalGeneration"], "dtype": "bfloat16", "image_seq_length": 1,
        "image_token_index": 10, "model_type": "llava", "multimodal_projector_bias": true, "projector_hidden_act": "gelu",
        "text_config": {
            "attention_dropout": 0.0, "head_dim": 128, "hidden_act": "silu", "hidden_size": 5120,
            "initializer_range": 0.02, "intermediate_size": 14336, "max_position_embeddings": 131072,
            "model_type": "mistral", "num_attention_heads": 32, "num_hidden_layers": 48, "num_key_value_heads": 8,
            "rms_norm_eps": 1e-05, "rope_theta": 1000000000.0, "sliding_window": null, "use_cache": true,
            "vocab_size": 131072
        },
        "vision_config": {"model_type": "pixtral", "hidden_size": 1024, "num_hidden_layers": 24},
        "vision_feature_layer": -1, "vision_feature_select_strategy": "full"
    })
}

#[test]
fn llama_3() {
    let config = parsed(&llama()).unwrap();
    assert_eq!(config.family, Family::Llama);
    assert_eq!(config.end_tokens, [128001, 128008, 128009]);
    assert_eq!(config.dtype, "bfloat16");
    assert_eq!(config.notes, Vec::<String>::new());
    let shape = config.shape;
    assert_eq!((shape.width, shape.layers, shape.heads, shape.kv_heads, shape.head_width), (2048, 16, 32, 8, 64));
    assert!(shape.tied && !shape.qk_norm && !shape.mlp_bias && shape.windows.is_empty());
    assert_eq!(shape.rope.theta, 500_000.0);
    assert_eq!(shape.rope.scaling, RopeScaling::Llama3 { factor: 32.0, low: 1.0, high: 4.0, original: 8192.0 });
}

/// Keys that are not there mean what transformers takes for them.
#[test]
fn silence_means_the_defaults_of_the_family() {
    let mut small = json!({"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2,
        "intermediate_size": 100, "vocab_size": 50});
    let shape = parsed(&small).unwrap().shape;
    assert_eq!((shape.kv_heads, shape.head_width, shape.tied, shape.max_positions), (4, 16, false, 2048));
    assert_eq!((shape.norm_eps, shape.rope.theta), (1e-6, 10_000.0));
    small["model_type"] = "qwen3".into();
    small["num_key_value_heads"] = 2.into();
    let shape = parsed(&small).unwrap().shape;
    assert_eq!((shape.head_width, shape.qk_norm, shape.attention_bias), (128, true, AttentionBias::None));
    small["model_type"] = "mistral".into();
    let shape = parsed(&small).unwrap().shape;
    assert_eq!((shape.windows, shape.max_positions), (vec![Some(4096); 2], 131_072));
    small["model_type"] = "qwen2".into();
    assert_eq!(parsed(&small).unwrap().shape.attention_bias, AttentionBias::Qkv);
}

#[test]
fn windows_of_qwen() {
    assert!(parsed(&qwen2()).unwrap().shape.windows.is_empty());
    let used = with(&qwen2(), json!({"use_sliding_window": true, "sliding_window": 1000}));
    let windows = parsed(&used).unwrap().shape.windows;
    assert_eq!(windows[..21], [None; 21]);
    assert_eq!(windows[21..], [Some(1000); 3]);
    let mut types = vec!["full_attention"; 24];
    types[5] = "sliding_attention";
    let named = with(&used, json!({"layer_types": types}));
    let windows = parsed(&named).unwrap().shape.windows;
    assert_eq!(windows.iter().filter(|window| window.is_some()).count(), 1);
    assert_eq!(windows[5], Some(1000));
    let unused = with(&named, json!({"use_sliding_window": false}));
    assert!(parsed(&unused).unwrap_err().to_string().contains("`layer_types`"));
}

#[test]
fn apriel_maps_to_its_decoder() {
    let config = parsed(&apriel()).unwrap();
    assert_eq!((config.family, config.wrapped), (Family::Mistral, true));
    assert_eq!(config.dtype, "bfloat16");
    let shape = config.shape;
    assert_eq!((shape.width, shape.heads, shape.kv_heads, shape.head_width), (5120, 32, 8, 128));
    assert_eq!((shape.layers, shape.hidden, shape.vocab, shape.tied), (48, 14_336, 131_072, false));
    assert_eq!((shape.rope.theta, shape.rope.scaling), (1e9, RopeScaling::None));
    assert!(shape.windows.is_empty());
    assert_eq!(config.notes.len(), 1, "{:?}", config.notes);
    // Such files leave out what is the default of the text part.
    let mut short = apriel();
    let text = short["text_config"].as_object_mut().unwrap();
    for key in ["num_attention_heads", "num_key_value_heads", "intermediate_size", "max_position_embeddings"] {
        text.remove(key);
    }
    assert_eq!(parsed(&short).unwrap().shape, shape);
}

#[test]
fn yarn() {
    let scaled = with(
        &qwen2(),
        json!({"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}}),
    );
    let RopeScaling::Yarn { factor, slow, fast, original, attention, truncate } =
        parsed(&scaled).unwrap().shape.rope.scaling
    else {
        panic!("not YaRN");
    };
    assert_eq!((factor, slow, fast, original, truncate), (4.0, 1.0, 32.0, 32768.0, true));
    // 0.1 ln 4 + 1
    assert!((attention - 1.138_629_436).abs() < 1e-9);
    let newer = with(
        &qwen2(),
        json!({"rope_theta": null, "rope_parameters": {"rope_type": "yarn", "rope_theta": 5e5,
        "factor": 2.0, "original_max_position_embeddings": 100, "mscale": 0.5, "mscale_all_dim": 2.0, "truncate": false}}),
    );
    let rope = parsed(&newer).unwrap().shape.rope;
    assert_eq!(rope.theta, 5e5);
    let RopeScaling::Yarn { attention, truncate, .. } = rope.scaling else { panic!("not YaRN") };
    // (0.05 ln 2 + 1) / (0.2 ln 2 + 1)
    assert!((attention - 0.908_686).abs() < 1e-6 && !truncate, "{attention}");
}

/// Every refusal names the key and says what is known.
#[test]
fn what_is_refused() {
    let cases = [
        (json!({"model_type": "gemma3_text"}), "model_type", "known are llama, mistral, qwen2, qwen3"),
        (json!({"model_type": "qwen3_moe"}), "model_type", "mixtures of experts"),
        (json!({"model_type": null}), "model_type", "missing"),
        (json!({"hidden_act": "gelu"}), "hidden_act", "gelu"),
        (json!({"partial_rotary_factor": 0.5}), "partial_rotary_factor", "0.5"),
        (json!({"quantization_config": {"bits": 4}}), "quantization_config", "unquantised"),
        (json!({"num_local_experts": 8}), "num_local_experts", "experts"),
        (json!({"rope_scaling": {"type": "dynamic", "factor": 2.0}}), "rope_scaling.rope_type", "dynamic"),
        (json!({"rope_scaling": {"factor": 2.0}}), "rope_scaling.rope_type", "missing"),
        (json!({"rope_scaling": {"rope_type": "linear"}}), "rope_scaling.factor", "missing"),
        (json!({"rope_scaling": {"rope_type": "linear", "factor": 0.5}}), "rope_scaling.factor", "below 1"),
        (
            json!({"rope_parameters": {"full_attention": {"rope_type": "default"}}}),
            "rope_parameters.rope_type",
            "missing",
        ),
        (json!({"hidden_size": "x"}), "hidden_size", "not a whole number"),
        (json!({"hidden_size": -1}), "hidden_size", "not a whole number"),
        (json!({"hidden_size": 0}), "hidden_size", "it is 0"),
        (json!({"num_hidden_layers": 16_777_216}), "num_hidden_layers", "more than any model"),
        (json!({"hidden_size": null}), "hidden_size", "missing"),
        (json!({"vocab_size": 1e300}), "vocab_size", "not a whole number"),
        (json!({"num_key_value_heads": 5}), "num_key_value_heads", "does not divide"),
        (json!({"head_dim": 7}), "head_dim", "even"),
        (json!({"sliding_window": 128}), "sliding_window", "none"),
        (json!({"rope_theta": 0}), "rope_theta", "above 0"),
        (json!({"rms_norm_eps": -1.0}), "rms_norm_eps", "-1"),
        (json!({"logits_scaling": 8.0}), "logits_scaling", "factor"),
        (json!({"eos_token_id": "end"}), "eos_token_id", "token id"),
    ];
    for (change, key, part) in cases {
        let said = parsed(&with(&llama(), change.clone())).unwrap_err().to_string();
        assert!(said.contains(&format!("`{key}`")) && said.contains(part), "{change}: {said}");
        assert!(said.contains("folder/config.json"), "{said}");
    }
    let mut inside = apriel();
    inside["text_config"]["hidden_act"] = "relu".into();
    assert!(parsed(&inside).unwrap_err().to_string().contains("`text_config.hidden_act`"));
    inside["text_config"]["model_type"] = "phi3".into();
    assert!(parsed(&inside).unwrap_err().to_string().contains("`text_config.model_type`"));
    for text in ["", "[]", "3", "{\"model_type\": }"] {
        assert!(parse(text, Path::new("config.json")).is_err(), "{text}");
    }
}

#[test]
fn keys_that_nobody_read_are_named() {
    let config = parsed(&with(&llama(), json!({"brand_new": 1, "attention_dropout": 0.1}))).unwrap();
    assert_eq!(config.notes.len(), 2);
    assert!(config.notes[0].contains("`brand_new`"), "{:?}", config.notes);
    assert!(config.notes[1].contains("attention_dropout"), "{:?}", config.notes);
}

/// What is written is read again as the same shape, for every recorded checkpoint and the published ones above.
#[test]
fn what_is_written_is_read_again() {
    let mut configs: Vec<Config> = [llama(), qwen2(), apriel()].iter().map(|value| parsed(value).unwrap()).collect();
    for name in crate::model::tests::FAMILIES {
        configs.push(read(&crate::model::tests::fixture(name).join("config.json")).unwrap());
    }
    for config in configs {
        let back = parsed(&write(&config.shape).unwrap()).unwrap();
        assert_eq!(back.shape, config.shape);
        assert_eq!(back.notes, Vec::<String>::new());
    }
    let mut odd = parsed(&qwen2()).unwrap().shape;
    odd.qk_norm = true;
    assert!(write(&odd).is_err());
}
