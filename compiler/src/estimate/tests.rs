use super::*;
use crate::Options;
use crate::testing::{APRIEL, QUICKSTART, checked, edit, quickstart_with};

fn plan_of(text: &str, variant: Option<&str>) -> Plan {
    let options = Options { variant: variant.map(str::to_string), ..Options::default() };
    let recipe = checked(text, &options).recipe.expect("a recipe without errors");
    crate::compile(&recipe).expect("a plan").1
}

fn cpu(text: &str, variant: Option<&str>) -> Estimate {
    estimate(&plan_of(text, variant), &Given::assumed(Device::Cpu))
}

/// Sizes of Llama 2 7B (arXiv 2307.09288, table of its `config.json`).
fn seven_billion() -> ModelSizes {
    let text = r#"{"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "intermediate_size": 11008,
                   "vocab_size": 32000, "tie_word_embeddings": false, "model_type": "llama"}"#;
    serde_json::from_str(text).expect("the names of a config.json are understood")
}

fn apriel_with_sizes(change: impl Fn(&mut Given)) -> Estimate {
    let mut given = Given::assumed(Device::Accelerator);
    given.models.insert("policy".into(), seven_billion());
    change(&mut given);
    estimate(&plan_of(APRIEL, None), &given)
}

/// By hand, from the sizes of the quickstart: width 96, 3 layers, 3 heads of 32, hidden 240, 96 ids, tied.
#[test]
fn the_quickstart_by_hand() {
    let found = cpu(QUICKSTART, None);
    let model = |line| found.value("model.policy", line);
    // 96·96 + 3·(4·96·96 + 3·96·240 + 2·96) + 96
    assert_eq!(model("parameters"), Some(327_840.0));
    // 2·(3·(4·96·96 + 3·96·240) + 96·96)
    assert_eq!(model("forward"), Some(654_336.0));
    assert_eq!(model("training"), Some(3.0 * 654_336.0));
    // 3 layers · 2 · 3 heads · 32 · 4 bytes
    assert_eq!(model("cache_per_token"), Some(2304.0));
    assert_eq!(model("attend"), Some(4.0 * 3.0 * 96.0));

    let batch = |line| found.value("reinforce.batch", line);
    assert_eq!((batch("groups"), batch("drawn"), batch("updates")), (Some(32.0), Some(256.0), Some(1.0)));
    let tokens = |line| found.value("reinforce.tokens", line);
    assert_eq!((tokens("generated"), tokens("generated_most")), (Some(256.0 * 48.0), Some(256.0 * 96.0)));
    assert_eq!(tokens("prompts"), Some(32.0 * 32.0));
    assert_eq!((tokens("trained"), tokens("trained_most")), (Some(256.0 * 80.0), Some(256.0 * 160.0)));
    // 12288·(654336 + 1152·56) + 1024·(654336 + 1152·16)
    assert_eq!(found.value("reinforce.flop", "generate_flop"), Some(9_522_118_656.0));
    // 20480·3·(654336 + 1152·40)
    assert_eq!(found.value("reinforce.flop", "train_flop"), Some(43_033_559_040.0));

    let memory = |line| found.value("reinforce.memory", line);
    assert_eq!((memory("weights"), memory("moments")), (Some(4.0 * 327_840.0), Some(8.0 * 327_840.0)));
    assert_eq!(memory("cache"), Some(256.0 * (64.0 + 192.0) * 2304.0), "suites decode up to 192 tokens");
    // 4 lanes · (512 + 160 - 1) tokens · 3 layers · (2·96 + 2·96 + 2·96 + 2·240) numbers · 4 bytes
    assert_eq!(memory("activations"), Some(4.0 * 671.0 * 3.0 * 1056.0 * 4.0));
    assert_eq!(found.value("run.memory", "total"), memory("total"));
    let mean = &found.ends[0];
    assert_eq!((mean.budget, mean.stage.as_str()), (Some("steps"), "reinforce"));
    assert_eq!(mean.steps, [("warm_start".to_string(), 1200.0), ("reinforce".to_string(), 600.0)]);
    assert_eq!(mean.tokens, 600.0 * 256.0 * 48.0);
}

/// By hand: Llama 2 7B has 6,738,415,616 parameters; its weights in bf16 are 12.55 GiB, a position of its cache 512 KiB.
#[test]
fn seven_billion_by_hand() {
    let found = apriel_with_sizes(|_| {});
    let model = |line| found.value("model.policy", line);
    assert_eq!(model("parameters"), Some(6_738_415_616.0));
    assert_eq!(model("cache_per_token"), Some(524_288.0));
    // 2 · (all but the embedding and 65 norms of 4096)
    assert_eq!(model("forward"), Some(2.0 * (6_738_415_616.0 - 32_000.0 * 4096.0 - 65.0 * 4096.0)));
    let memory = |line| found.value("main.memory", line);
    assert_eq!(memory("weights"), Some(13_476_831_232.0));
    assert_eq!(memory("master"), Some(26_953_662_464.0));
    assert_eq!(memory("gradients"), Some(26_953_662_464.0));
    assert_eq!(memory("moments"), Some(53_907_324_928.0));
    assert_eq!(memory("head"), Some(524_288_000.0));
    assert_eq!(memory("cache"), Some(256.0 * (2048.0 + 32768.0) * 524_288.0));
    assert_eq!(memory("behavior"), memory("weights"), "in-flight updates decode with weights of their own");
    let parts: f64 = found
        .parts
        .iter()
        .find(|part| part.id == "main.memory")
        .expect("the part")
        .lines
        .iter()
        .filter(|line| line.id != "total")
        .map(|line| line.sum.value().expect("known"))
        .sum();
    assert_eq!(memory("total"), Some(parts), "the total is that of its lines");
}

#[test]
fn what_is_not_known_is_named_and_the_rest_is_there() {
    let found = estimate(&plan_of(APRIEL, None), &Given::assumed(Device::Accelerator));
    assert_eq!(found.value("model.policy", "parameters"), None);
    assert_eq!(found.value("main.memory", "cache"), None);
    assert_eq!(found.value("main.tokens", "generated_most"), Some(4.0 * 512.0 * 16384.0));
    assert_eq!(found.ends[0].budget, Some("steps"));
    assert_eq!(found.ends[0].needs, ["the sizes of model `policy`"]);
    let text = found.text(true);
    assert!(text.contains("not decided: needs the sizes of model `policy`"), "{text}");
    assert!(text.contains("`--facts config.json`") && text.contains("`problems = 100 problems`"), "{text}");
}

#[test]
fn tokens_end_the_run_in_the_worst_case() {
    let found = estimate(&plan_of(APRIEL, None), &Given::assumed(Device::Accelerator));
    // 3G tokens at 4 · 512 · 16384 a step: 89.4 steps.
    assert_eq!((found.ends[1].budget, found.ends[1].steps[0].1), (Some("tokens"), 90.0));
    let short = estimate(
        &plan_of(&edit(APRIEL, "tokens     = 3G tokens", "tokens     = 100M tokens"), None),
        &Given::assumed(Device::Accelerator),
    );
    assert_eq!((short.ends[0].budget, short.ends[0].steps[0].1), (Some("tokens"), 24.0));
}

#[test]
fn time_ends_the_run_when_it_is_short() {
    let found = cpu(&quickstart_with("time       = 20 min", "time       = 1 min"), None);
    assert_eq!((found.ends[0].budget, found.ends[0].stage.as_str()), (Some("time"), "warm_start"));
    assert_eq!(found.ends[0].steps[1].1, 0.0, "what comes after has no step");
}

#[test]
fn refill_updates_and_reference_count() {
    let kept = apriel_with_sizes(|given| given.kept_share = 0.3);
    assert_eq!(kept.value("main.batch", "drawn"), Some(4.0 * 512.0));
    let half = apriel_with_sizes(|given| given.kept_share = 0.5);
    assert_eq!(half.value("main.batch", "drawn"), Some(2.0 * 512.0));
    assert_eq!(half.value("main.batch", "trained_rollouts"), Some(512.0));

    let text = quickstart_with("  refill    = 1\n", "  refill    = 1\n  updates   = 4\n");
    let four = cpu(&text, None);
    assert_eq!(four.value("reinforce.tokens", "generated"), Some(256.0 * 48.0 / 4.0));
    assert_eq!(four.value("reinforce.tokens", "trained"), Some(256.0 * 80.0), "each step reads the whole batch");
    assert_eq!(four.value("reinforce.batch", "groups_per_step"), Some(8.0));

    let kl = cpu(QUICKSTART, Some("with_kl"));
    assert_eq!(kl.value("reinforce.memory", "reference"), Some(4.0 * 327_840.0));
    assert_eq!(cpu(QUICKSTART, None).value("reinforce.memory", "reference"), None);
    assert!(kl.value("reinforce.flop", "reference_flop").is_some_and(|flop| flop > 0.0));
}

#[test]
fn low_rank_updates_train_few_numbers() {
    let text = quickstart_with("  train     = full\n", "  train     = lora { rank = 4, alpha = 8 }\n");
    let found = cpu(&text, None);
    // 4 · 3 layers · (4 · (96 + 96) + 3 · (96 + 240))
    assert_eq!(found.value("model.policy", "trained"), Some(21_312.0));
    assert_eq!(found.value("reinforce.memory", "moments"), Some(8.0 * 21_312.0));
    assert_eq!(found.value("reinforce.memory", "weights"), Some(4.0 * 327_840.0));
    assert_eq!(found.value("model.policy", "training"), Some(2.0 * 654_336.0));
}

#[test]
fn a_price_and_a_memory_are_compared() {
    let mut given = Given::assumed(Device::Cpu);
    (given.price_per_hour, given.device_memory) = (Some(2.0), Some(100.0 * 1024.0 * 1024.0));
    let found = estimate(&plan_of(QUICKSTART, None), &given);
    let hours = found.value("run.total", "time").expect("known") / 3600.0;
    assert!((found.value("run.total", "cost").expect("known") - 2.0 * hours).abs() < 1e-9);
    assert!(found.value("run.memory", "share").is_some_and(|share| share > 1.0));
    assert!(found.text(false).contains("it does not fit"));
    let fit = found.value("reinforce.memory", "slots_that_fit").expect("known").floor();
    let text = quickstart_with("  slots       = 256 rollouts", &format!("  slots       = {fit} rollouts"));
    let fitting = estimate(&plan_of(&text, None), &given);
    assert!(fitting.value("run.memory", "share").is_some_and(|share| share <= 1.0 && share > 0.98), "{fit} slots fit");
}

#[test]
fn every_line_shows_how_it_was_made() {
    let found = cpu(QUICKSTART, None);
    for line in found.parts.iter().flat_map(|part| &part.lines) {
        let value = line.sum.value().unwrap_or_else(|| panic!("{} is known", line.id));
        assert!(value.is_finite() && value >= 0.0, "{}: {value}", line.id);
        assert!(!line.sum.words().is_empty() && !line.sum.numbers().contains('?'), "{}", line.id);
    }
    let json = serde_json::to_value(&found).expect("JSON");
    assert_eq!(json["parts"][0]["lines"][4]["formula"], "embedding + layers + last norm");
    assert_eq!(json["parts"][0]["lines"][4]["value"], 327_840.0);
}

/// The peak of a training step of SmolLM2-135M's shape on 2,048 packed tokens, as `scripts/bench-training` measured it: 2,276
/// MiB for the whole process.
#[test]
fn the_memory_of_a_large_policy_is_as_measured() {
    let measured = 2276.0 * 1048576.0;
    let mut given = Given::assumed(Device::Cpu);
    let sizes = r#"{"hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
        "head_dim": 64, "intermediate_size": 1536, "vocab_size": 49152, "tie_word_embeddings": true}"#;
    given.models.insert("policy".into(), serde_json::from_str(sizes).expect("sizes"));
    let mut plan = plan_of(APRIEL, None);
    plan.policy.train = crate::settings::Trainable::Full;
    let found = estimate(&plan, &given);
    let stage = found.parts.iter().find_map(|part| part.id.strip_suffix(".memory")).expect("a part on memory");
    let line = |id: &str| found.value(&format!("{stage}.memory"), id).expect("a known number");
    // Only the activations grow with the micro-batch, whose longest sequence comes from the recipe.
    let tokens = line("activations") / (30.0 * 576.0 * 4.0);
    let passing = (line("activations") + line("one_layer")) * 2048.0 / tokens;
    let expected = line("weights") + line("moments") + line("gradients") + line("logits") + passing;
    assert!((expected / measured - 1.0).abs() < 0.15, "{expected} bytes, measured {measured}");
}
