//! Exports of the recipes of this repository.

use super::*;
use crate::{FileId, NoFiles, Options, Source, check};

const APRIEL: &str = include_str!("../../../recipes/apriel_reasoner.recipe");
const QUICKSTART: &str = include_str!("../../../recipes/quickstart.recipe");

fn recipe(text: &str) -> Recipe {
    let checked = check(Source::new(FileId(0), "a.recipe", text), &NoFiles, &Options::default());
    let said: Vec<String> = checked.problems.sorted().iter().map(|d| format!("{}: {}", d.code, d.message)).collect();
    checked.recipe.unwrap_or_else(|| panic!("{said:?}"))
}

fn exported(text: &str, target: Target, given: &Given) -> Export {
    export(&recipe(text), target, given).expect("a stage that learns from rewards")
}

fn lost(export: &Export) -> Vec<String> {
    let lost = export.items.iter().filter(|item| item.class == Class::NotRepresentable);
    lost.map(|item| format!("{}: {}", item.item, item.remark)).collect()
}

#[test]
fn the_paper_can_be_said_to_all_targets() {
    for target in Target::ALL {
        let export = exported(APRIEL, target, &Given::default());
        assert_eq!(lost(&export), Vec::<String>::new(), "{}", target.name());
        assert!(export.files.contains_key("launch.sh"));
    }
}

#[test]
fn every_line_of_every_recipe_is_claimed_and_every_key_is_known() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../recipes");
    let mut seen = 0;
    for name in [
        "cispo",
        "dapo",
        "darl",
        "dr_grpo",
        "general_reasoner",
        "grpo",
        "length_terms",
        "nemotron_cascade",
        "reinforce_plus_plus",
        "rloo",
        "rule_reasoner",
        "smollm2",
    ] {
        #[allow(clippy::disallowed_methods)] // a test reads the recipes of the repository
        let text = std::fs::read_to_string(format!("{folder}/{name}.recipe")).expect("a recipe");
        for target in Target::ALL {
            let Ok(export) = export(&recipe(&text), target, &Given::default()) else { continue };
            seen += 1;
            for item in &export.items {
                let known = !item.remark.contains("does not know it") && !item.remark.contains("no row for it");
                assert!(known, "{name}, {}: {} {}", target.name(), item.item, item.remark);
            }
        }
    }
    assert!(seen >= 30, "{seen}");
}

#[test]
fn the_quickstart_needs_its_first_stage_done() {
    let bare = exported(QUICKSTART, Target::Trl, &Given::default());
    let refused: Vec<String> = bare.refusals().iter().map(|d| d.message.clone()).collect();
    assert!(refused.iter().any(|message| message.contains("`stage.warm_start`")), "{refused:?}");
    assert!(bare.refusals().iter().any(|d| !d.labels.is_empty()), "a refusal points into the recipe");
    let given = Given { from: Some("base".into()), ..Given::default() };
    assert_eq!(lost(&exported(QUICKSTART, Target::Trl, &given)), Vec::<String>::new());
    let verl = lost(&exported(QUICKSTART, Target::Verl, &given));
    assert!(
        verl.iter().any(|item| item.starts_with("train.schedule")),
        "a linear schedule is unknown to verl: {verl:?}"
    );
}

#[test]
fn pipelinerl_knows_the_penalty_by_its_values() {
    let value = |export: &Export, key: &str| {
        export.settings.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    };
    let export = exported(APRIEL, Target::PipelineRl, &Given::default());
    assert_eq!(value(&export, "actor.difficulty_aware_penalty.gamma").as_deref(), Some("0.5"));
    assert_eq!(value(&export, "actor.difficulty_aware_penalty.failure_scale").as_deref(), Some("1"));
    assert_eq!(value(&export, "rewards.correct_answer_finished").as_deref(), Some("1"));
    assert_eq!(value(&export, "rewards.wrong_answer_finished").as_deref(), Some("0"));
    // Written in another way it is the same penalty; with another slope it is not.
    let other = APRIEL
        .replace("overlong(length) * scale", "-1 * scale * ramp(length, budget.output - budget.buffer, budget.output)");
    let export = exported(&other, Target::PipelineRl, &Given::default());
    assert_eq!(value(&export, "actor.difficulty_aware_penalty.gamma").as_deref(), Some("0.5"));
    let steep = APRIEL.replace("overlong(length) * scale", "overlong(length) * scale * 0.5");
    assert!(lost(&exported(&steep, Target::PipelineRl, &Given::default()))[0].starts_with("penalty.difficulty_aware"));
    let fixed = APRIEL.replace("weight = ratio * clip(ratio / max(achieved, 1e-9), 0.1, 10)", "weight = ratio");
    assert!(lost(&exported(&fixed, Target::PipelineRl, &Given::default()))[0].starts_with("mix.weight"));
}

#[test]
fn trl_makes_up_for_divisors() {
    let export = exported(APRIEL, Target::Trl, &Given::default());
    let value = |key: &str| export.settings.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    // Leave one out in a group of 8: 8 / 7.
    assert_eq!(value("reward_weights"), Some("[1.1428571428571428]"));
    assert_eq!((value("loss_type"), value("importance_sampling_level")), (Some("\"luspo\""), Some("\"sequence\"")));
    assert_eq!(value("epsilon"), Some("0.0003"));
    assert!(export.files["train.py"].contains("    loss_type=\"luspo\",\n"));
}

#[test]
fn a_text_of_the_recipe_stays_a_text() {
    let evil = APRIEL.replace("{problem}\\nPut the final answer", "\\\"\\\"\\\" import os $(reboot) ' {problem}\\nPut");
    for target in Target::ALL {
        let export = exported(&evil, target, &Given::default());
        for (name, text) in &export.files {
            if name.ends_with(".sh") || name.ends_with(".py") {
                assert!(!text.contains("reboot"), "{name}");
            }
        }
    }
}
