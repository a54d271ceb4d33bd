//! Runs from checkpoints, and what a user sees when one is broken.

mod common;

use common::{TINY, TestWorld, plan};
use recipec_runtime::device::Device;
use recipec_runtime::model;
use recipec_runtime::policy::Policy;
use recipec_runtime::policy::shape::Shape;
use recipec_runtime::run;
use recipec_runtime::train::{Speed, StoppedBy};
use std::path::{Path, PathBuf};
use std::process::Command;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The smallest recipe on another model, whose chat template takes more tokens than the prompts themselves.
fn tiny(source: &str) -> String {
    let fresh = TINY.lines().find(|line| line.trim_start().starts_with("source ")).unwrap();
    let text = TINY.replacen(fresh, &format!("  source    = {source}"), 1);
    text.replacen("prompt     = 64 tokens", "prompt     = 160 tokens", 1).replacen(
        "context   = 128",
        "context   = 256",
        1,
    )
}

/// A folder in Hugging Face layout with the weights, the tokenizer and the template of a GGUF file.
fn folder(place: &Path) -> PathBuf {
    let model = model::open_path(&fixtures().join("gguf/llama-biases.gguf"), &Device::Cpu).unwrap();
    let folder = place.join("base");
    model.policy.save(&folder).unwrap();
    model.tokenizer.save(&folder).unwrap();
    folder
}

fn digest(run: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(run.join("summary.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["weights_digest"].clone()
}

/// A GGUF file and the folder that was made of it train to the same bits, interrupted or not; the checkpoint has the tokenizer.
#[test]
fn a_run_from_a_checkpoint() {
    let work = tempfile::tempdir().unwrap();
    let run = |source: &str, name: &str, stop: Option<u64>| {
        let (plan, place) = (plan(&tiny(source), None), work.path().join(name));
        let mut world = match stop {
            Some(step) => TestWorld::stopping_at(&place, "reinforce", step),
            None => TestWorld::new(&place),
        };
        let report = run::run(&plan, &Device::Cpu, Speed { threads: 2 }, &mut world).unwrap();
        (place, report)
    };
    let gguf = format!("folder(\"{}\")", fixtures().join("gguf/llama-biases.gguf").display());
    let (whole, report) = run(&gguf, "whole", None);
    assert_eq!((report.stopped, report.steps), (StoppedBy::Steps, 10));
    let base = folder(work.path());
    let (same, _) = run(&format!("folder(\"{}\")", base.display()), "same", None);
    assert_eq!(digest(&whole), digest(&same));
    let (parts, report) = run(&gguf, "parts", Some(2));
    assert_eq!(report.stopped, StoppedBy::Interrupt);
    run::resume(&Device::Cpu, Speed { threads: 1 }, &mut TestWorld::new(&parts)).unwrap();
    assert_eq!(digest(&whole), digest(&parts));
    let last = whole.join("checkpoints/step-10");
    for name in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        assert_eq!(std::fs::read(last.join(name)).unwrap(), std::fs::read(base.join(name)).unwrap(), "{name}");
    }
    // Without the template prompts are other tokens, and the run another run.
    let plain = gguf.clone() + "\n  chat = false";
    assert_ne!(digest(&run(&plain, "plain", None).0), digest(&whole));
}

/// The same with the sizes of a large policy: threads work inside each operation, and gradients have one sum.
fn large_folder(place: &Path) -> PathBuf {
    let small = model::open_path(&fixtures().join("gguf/llama-biases.gguf"), &Device::Cpu).unwrap();
    let shape =
        Shape { width: 256, layers: 5, heads: 4, kv_heads: 2, head_width: 64, hidden: 1024, ..small.policy.shape };
    let policy = Policy::random(&shape, 3, &Device::Cpu).unwrap();
    assert!(policy.is_large());
    let folder = place.join("large");
    policy.save(&folder).unwrap();
    small.tokenizer.save(&folder).unwrap();
    folder
}

/// Adapters, weights in 16 bits, and both: whole recipes of two stages, on a small and on a large policy. Interrupted and resumed on
/// another number of threads they end with the same bits, and the checkpoint is what the recipe asks for.
#[test]
fn adapters_and_sixteen_bits_from_a_checkpoint() {
    let work = tempfile::tempdir().unwrap();
    for (base, size) in [(folder(work.path()), "small"), (large_folder(work.path()), "large")] {
        let before = Policy::load(&base, &Device::Cpu).unwrap();
        let source = format!("folder(\"{}\")", base.display());
        let lora = "lora { rank = 4  alpha = 8 }";
        let mut ends = Vec::new();
        for (name, train, precision) in
            [("lora", lora, "f32"), ("bf16", "full", "bf16"), ("lora-bf16", lora, "bf16"), ("full", "full", "f32")]
        {
            let text = tiny(&source)
                .replacen("train     = full", &format!("train     = {train}"), 1)
                .replacen("precision = f32", &format!("precision = {precision}"), 1)
                .replace("steps      = 6 steps", "steps      = 2 steps")
                .replace("budget.steps = 4 steps", "budget.steps = 2 steps");
            let plan = plan(&text, None);
            let whole = work.path().join(format!("{size}-{name}"));
            let report = run::run(&plan, &Device::Cpu, Speed { threads: 2 }, &mut TestWorld::new(&whole)).unwrap();
            assert_eq!((report.stopped, report.steps), (StoppedBy::Steps, 4), "{size} {name}");
            let parts = work.path().join(format!("{size}-{name}-parts"));
            let mut world = TestWorld::stopping_at(&parts, "warm_start", 2);
            let report = run::run(&plan, &Device::Cpu, Speed { threads: 1 }, &mut world).unwrap();
            assert_eq!(report.stopped, StoppedBy::Interrupt, "{size} {name}");
            run::resume(&Device::Cpu, Speed { threads: 3 }, &mut TestWorld::new(&parts)).unwrap();
            assert_eq!(digest(&whole), digest(&parts), "{size} {name}");

            let last = whole.join("checkpoints/step-4");
            assert_eq!(last.join("adapter_model.safetensors").exists(), train != "full", "{size} {name}");
            let after = model::open_path(&last, &Device::Cpu).unwrap().policy;
            for (at, (name_of, _)) in before.parameters.iter().enumerate() {
                let numbers = |of: &Policy| of.parameters[at].1.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                let (was, is) = (numbers(&before), numbers(&after));
                // The head stays in 32 bits, also where it is the embedding.
                let head = if after.shape.tied { "model.embed_tokens.weight" } else { "lm_head.weight" };
                let is_head = name_of == head;
                if train != "full" {
                    let is_projection = name_of.ends_with("proj.weight");
                    if precision == "f32" {
                        assert_eq!(was != is, is_projection, "{size} {name}: {name_of}");
                    }
                } else if precision == "bf16" && !is_head {
                    assert!(is.iter().all(|value| value.to_bits() & 0xffff == 0), "{size} {name}: {name_of}");
                }
            }
            ends.push(digest(&whole));
        }
        ends.sort_by_key(|end| end.to_string());
        ends.dedup();
        assert_eq!(ends.len(), 4, "{size}: every setting trains other weights");
    }
}

/// What `recipec run` says of a recipe beside a damaged model, and its exit code.
fn refused(work: &Path) -> String {
    std::fs::write(work.join("tiny.recipe"), tiny("folder(\"base\")")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipec"));
    let out = command.current_dir(work).args(["run", "tiny.recipe"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(3), "{said}");
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn broken_models_end_with_exit_code_3() {
    let change = |name: &'static str, from: &'static str, to: &'static str| {
        move |folder: &Path| {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            assert!(text.contains(from), "{from} in {text}");
            std::fs::write(folder.join(name), text.replacen(from, to, 1)).unwrap();
        }
    };
    let cut = |folder: &Path| {
        let path = folder.join("model.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    };
    let raising = |folder: &Path| {
        std::fs::write(folder.join("chat_template.jinja"), "a\n{{ raise_exception('only tools') }}").unwrap();
    };
    let unreadable = |folder: &Path| std::fs::write(folder.join("chat_template.jinja"), "a\n{% if %}").unwrap();
    type Damage<'a> = Box<dyn Fn(&Path) + 'a>;
    let cases: Vec<(Damage<'_>, &[&str])> = vec![
        (Box::new(cut), &["model.safetensors", "cut short"]),
        (
            Box::new(change("config.json", "\"intermediate_size\": 24", "\"intermediate_size\": 25")),
            &["mlp.gate_proj.weight", "[24, 16]", "[25, 16]"],
        ),
        (
            Box::new(change("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3")),
            &["model.layers.2.", "missing"],
        ),
        (
            Box::new(change("config.json", "\"llama\"", "\"mamba\"")),
            &["config.json", "`model_type`", "`mamba`", "qwen3"],
        ),
        (
            Box::new(change("config.json", "\"vocab_size\": 64", "\"vocab_size\": 60")),
            &["config.json", "`vocab_size`", "60 rows", "ids up to 63"],
        ),
        (Box::new(raising), &["chat_template.jinja", "line 2", "only tools"]),
        (Box::new(unreadable), &["chat_template.jinja", "line 2"]),
        (Box::new(change("tokenizer.json", "\"BPE\"", "\"XYZ\"")), &["tokenizer.json"]),
    ];
    for (damage, parts) in cases {
        let work = tempfile::tempdir().unwrap();
        damage(&folder(work.path()));
        let said = refused(work.path());
        for part in parts {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

/// A model of the hub that is not here: what was looked for, and two ways out.
#[test]
fn a_model_of_the_hub_offline() {
    let work = tempfile::tempdir().unwrap();
    std::fs::write(work.path().join("tiny.recipe"), tiny("hf(\"org/name\")")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipec"));
    command.current_dir(work.path()).env("HF_HUB_CACHE", work.path().join("cache")).env("HF_HUB_OFFLINE", "1");
    let out = command.args(["run", "tiny.recipe"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(3), "{said}");
    let said = said.split_whitespace().collect::<String>();
    for part in ["models--org--name", "huggingface-clidownloadorg/name", "folder(\"…\")"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // What is in the cache is used.
    let snapshot = work.path().join("cache/models--org--name/snapshots/abc");
    std::fs::create_dir_all(work.path().join("cache/models--org--name/refs")).unwrap();
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::write(work.path().join("cache/models--org--name/refs/main"), "abc").unwrap();
    let base = folder(work.path());
    for file in std::fs::read_dir(base).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, snapshot.join(path.file_name().unwrap())).unwrap();
    }
    let out = command.output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
}
