//! A real checkpoint, trained: minutes on two cores, so this is a suite of its own.
//!
//!     scripts/fetch-smollm2
//!     cargo test --release --test smollm2 -- --ignored --nocapture
//!
//! Skips with a line where the checkpoint is absent.

mod common;

use common::{TestWorld, plan, read};
use recipec_runtime::device::Device;
use recipec_runtime::run;
use recipec_runtime::train::{Speed, StoppedBy};
use std::path::{Path, PathBuf};

const RECIPE: &str = include_str!("../recipes/smollm2.recipe");
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// The folder of models, where the checkpoint is in it.
fn models() -> Option<PathBuf> {
    let folder = std::env::var_os("RECIPEC_MODELS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/recipec/models")))?;
    if folder.join(FILE).exists() {
        return Some(folder);
    }
    eprintln!("skipped: there is no `{FILE}` in `{}`; scripts/fetch-smollm2 fetches it", folder.display());
    None
}

/// The recipe with the checkpoint's real place, and its plan.
fn two_steps(models: &Path) -> recipec_compiler::Plan {
    let written = format!("folder(\"models/{FILE}\")");
    assert!(RECIPE.contains(&written));
    plan(&RECIPE.replace(&written, &format!("folder(\"{}\")", models.join(FILE).display())), Some("two_steps"))
}

/// Adapters on weights in 16 bits, and all weights in 16 bits: both stages run to their end.
#[test]
#[ignore = "minutes, and a checkpoint of 98 MB: cargo test --release --test smollm2 -- --ignored --nocapture"]
fn two_steps_with_adapters_and_in_sixteen_bits() {
    let Some(models) = models() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, train) in [("adapters", "lora { rank = 8  alpha = 16 }"), ("full", "full")] {
        let written = format!("folder(\"models/{FILE}\")");
        let text = RECIPE
            .replace(&written, &format!("folder(\"{}\")", models.join(FILE).display()))
            .replacen("precision = f32", "precision = bf16", 1)
            .replacen("train     = full", &format!("train     = {train}"), 1);
        let place = folder.path().join(name);
        let started = std::time::Instant::now();
        let plan = plan(&text, Some("two_steps"));
        let report = run::run(&plan, &Device::Cpu, Speed { threads: 2 }, &mut TestWorld::new(&place)).unwrap();
        println!("{name}: {} steps in {:.0} s", report.steps, started.elapsed().as_secs_f64());
        assert_eq!((report.stopped, report.steps), (StoppedBy::Steps, 4), "{name}");
        let checkpoint = place.join("checkpoints/step-4");
        assert_eq!(checkpoint.join("adapter_model.safetensors").exists(), name == "adapters");
        for step in &read(&place).metrics {
            assert!(step.loss.is_some_and(f64::is_finite), "{name}: {:?}", step.loss);
        }
    }
}

/// Two steps of demonstrations and two of reinforcement, interrupted between them, end with the bits of an undisturbed run; and the
/// checkpoint is one that other programs read: its own tokenizer and template are in it.
#[test]
#[ignore = "minutes, and a checkpoint of 98 MB: cargo test --release --test smollm2 -- --ignored --nocapture"]
fn two_steps_of_a_real_checkpoint() {
    let Some(models) = models() else { return };
    let plan = two_steps(&models);
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let started = std::time::Instant::now();
    let report = run::run(&plan, &Device::Cpu, Speed { threads: 2 }, &mut TestWorld::new(&whole)).unwrap();
    println!("{} steps in {:.0} s", report.steps, started.elapsed().as_secs_f64());
    assert_eq!((report.stopped, report.steps), (StoppedBy::Steps, 4));
    let done = read(&whole);
    for step in &done.metrics {
        println!("{}: loss {:?}", step.stage, step.loss);
    }

    let parts = folder.path().join("parts");
    let mut world = TestWorld::stopping_at(&parts, "warm_start", 2);
    assert_eq!(run::run(&plan, &Device::Cpu, Speed { threads: 1 }, &mut world).unwrap().stopped, StoppedBy::Interrupt);
    let report = run::resume(&Device::Cpu, Speed { threads: 2 }, &mut TestWorld::new(&parts)).unwrap();
    assert_eq!(report.steps, 4);
    let digest = |run: &Path| {
        let text = std::fs::read_to_string(run.join("summary.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["weights_digest"].clone()
    };
    assert_eq!(digest(&whole), digest(&parts));

    let checkpoint = whole.join("checkpoints/step-4");
    for name in
        ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json"]
    {
        assert!(checkpoint.join(name).exists(), "{name}");
    }
    let model = recipec_runtime::model::open_path(&checkpoint, &Device::Cpu).unwrap();
    assert_eq!(model.policy.digest().unwrap(), digest(&whole).as_str().unwrap());
    assert!(model.template.is_some());
}
