//! The recipes of published systems: what their plans do, and their terms over whole groups, calculated by hand.

mod common;

use recipec_compiler::formula::Scratch;
use recipec_compiler::plan::{Node, NodeKind, StagePlan};
use recipec_compiler::{FileId, NoFiles, Options, Plan, Source};
use std::path::Path;

fn plan(name: &str, variant: Option<&str>) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes").join(format!("{name}.recipe"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let options = Options { variant: variant.map(str::to_string), strict: true, ..Options::default() };
    let checked = recipec_compiler::check(Source::new(FileId(0), name, text), &NoFiles, &options);
    let said: Vec<String> = checked.problems.sorted().iter().map(|d| d.message.clone()).collect();
    assert!(said.is_empty(), "{name}: {said:?}");
    let recipe = checked.recipe.expect("a recipe without problems");
    recipec_compiler::compile(&recipe).expect("a checked recipe compiles").1
}

fn node<'a>(stage: &'a StagePlan, id: &str) -> &'a Node {
    stage.nodes.iter().find(|node| node.id == id).unwrap_or_else(|| panic!("no node `{id}` in `{}`", stage.name))
}

fn ids(stage: &StagePlan) -> Vec<&str> {
    stage.nodes.iter().map(|node| node.id.as_str()).collect()
}

#[test]
fn rule_reasoner_reads_what_batches_were_like() {
    let plan = plan("rule_reasoner", None);
    let sampler = node(&plan.stages[0], "sampler");
    let NodeKind::Sampler { domains, every_steps, weight, groups, .. } = &sampler.kind else { panic!("a sampler") };
    assert_eq!((domains.len(), *every_steps, *groups), (8, 8, 64));
    assert_eq!(weight.inputs(), ["last_batch.total", "present"], "and no ratio");
    let measures: Vec<&str> =
        sampler.inputs.iter().filter(|input| input.feedback).map(|input| input.from.as_str()).collect();
    assert!(measures.contains(&"batch"), "{measures:?}");
}

/// Two domains with averages 0 and 0.5 after a batch with rewards 0 and 1: exp(1.1/0.3) and exp(0.6/0.3), so 5.29449 to 1.
#[test]
fn rule_reasoner_weights_by_hand() {
    let plan = plan("rule_reasoner", None);
    let NodeKind::Sampler { weight, .. } = &node(&plan.stages[0], "sampler").kind else { panic!("a sampler") };
    let mut scratch = Scratch::new();
    weight.observe(2, &[&[0.0, 1.0], &[1.0, 1.0]], &mut scratch);
    let out = scratch.output(0);
    assert!((out[0] - 39.121_3).abs() < 1e-3 && (out[1] - 7.389_06).abs() < 1e-4, "{out:?}");
    assert!((out[0] / out[1] - 5.294_49).abs() < 1e-4, "{out:?}");
}

#[test]
fn darl_asks_no_verifier() {
    let full = plan("darl", None);
    let of_full = ids(&full.stages[0]);
    assert!(of_full.contains(&"signal:reference_probability") && of_full.contains(&"signal:answer_probability"));
    assert!(!of_full.iter().any(|id| id.starts_with("verify:")), "{of_full:?}");
    let rlpr = plan("darl", Some("rlpr"));
    assert!(
        !ids(&rlpr.stages[0]).contains(&"signal:answer_probability"),
        "RLPR does not pay for what it does not read"
    );
}

#[test]
fn general_reasoner_counts_the_reference() {
    for variant in [None, Some("toy")] {
        let plan = plan("general_reasoner", variant);
        let NodeKind::Signal { domains, .. } = &node(&plan.stages[0], "signal:reference_length").kind else {
            panic!("a signal")
        };
        assert_eq!(domains.get("web"), Some(&Some("answer".to_string())), "{variant:?}");
    }
    let without = plan("general_reasoner", Some("verdict_only"));
    assert!(!ids(&without.stages[0]).contains(&"signal:reference_length"));
}

/// Stages in sequence, each with one domain; the cap grows over mathematics, where the moments are carried.
#[test]
fn nemotron_is_a_cascade() {
    let cascade = plan("nemotron_cascade", None);
    let seen: Vec<(&str, Vec<&str>, u64, bool)> = cascade
        .stages
        .iter()
        .map(|stage| {
            let NodeKind::Sampler { domains, .. } = &node(stage, "sampler").kind else { panic!("a sampler") };
            let NodeKind::Rollout { max_output_tokens, .. } = &node(stage, "rollout").kind else { panic!("a rollout") };
            let cap = max_output_tokens.iter().copied().max().unwrap_or(0);
            let NodeKind::Loss { kl, .. } = &node(stage, "loss").kind else { panic!("a loss") };
            assert!(kl.is_none(), "{}", stage.name);
            (stage.name.as_str(), domains.iter().map(String::as_str).collect(), cap / 1024, stage.fresh_optimizer)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("rlhf", vec!["chat"], 12, true),
            ("instruction_following", vec!["instruct"], 12, true),
            ("math_24k", vec!["math"], 24, true),
            ("math_32k", vec!["math"], 32, false),
            ("math_40k", vec!["math"], 40, false),
            ("coding", vec!["code"], 44, true),
        ]
    );
    for stage in &plan("nemotron_cascade", Some("joint")).stages {
        let NodeKind::Sampler { domains, .. } = &node(stage, "sampler").kind else { panic!("a sampler") };
        assert_eq!(domains.len(), 4, "{}: all domains at once", stage.name);
    }
}

/// A group of five: lengths 20, 22, 24, 26, 50, of which the first, the third and the last are right. Median 24, mad 2 (deviations 4, 2,
/// 0, 2, 26), cap 96, buffer 48.
///
/// | length | outcome | band (12 to 36) | overlong | brevity | outlier | total |
/// | --- | --- | --- | --- | --- | --- | --- |
/// | 20 | 1 | 1 | 0 | 0.1 | 0 (4 / 3.9652 = 1.01) | 1.1 |
/// | 22 | 0 | 1 | 0 | 0 | 0 | 0 |
/// | 24 | 1 | 1 | 0 | 0 | 0 | 1 |
/// | 26 | 0 | 1 | 0 | 0 | 0 | 0 |
/// | 50 | 1 | 0.5 | -2/48 | 0 | -0.5 (26 / 3.9652 = 6.56) | -0.0416667 |
#[test]
fn length_terms_over_a_group() {
    let plan = plan("length_terms", None);
    let stage = &plan.stages[0];
    let check = |lengths: &[f64], correct: &[f64], expected: &[(&str, Vec<f64>)]| {
        let mut made: Vec<(String, Vec<f64>)> =
            vec![("length".into(), lengths.to_vec()), ("correct".into(), correct.to_vec())];
        let programs = stage.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Penalty { program, .. } | NodeKind::Reward { program } => Some(program),
            _ => None,
        });
        for program in programs {
            let columns: Vec<&[f64]> = program
                .inputs()
                .iter()
                .map(|name| {
                    let found = made.iter().find(|(column, _)| column == name);
                    found.unwrap_or_else(|| panic!("no column `{name}`")).1.as_slice()
                })
                .collect();
            let mut scratch = Scratch::new();
            program.evaluate(lengths.len(), &columns, &mut scratch);
            let out: Vec<(String, Vec<f64>)> = program
                .outputs()
                .iter()
                .enumerate()
                .map(|(at, name)| (name.clone(), scratch.output(at).to_vec()))
                .collect();
            made.extend(out);
        }
        for (name, values) in expected {
            let found = &made.iter().find(|(column, _)| column == name).expect("a term").1;
            for (a, e) in found.iter().zip(values) {
                assert!((a - e).abs() < 1e-9, "{name}: {found:?} is not {values:?}");
            }
        }
    };
    check(
        &[20.0, 22.0, 24.0, 26.0, 50.0],
        &[1.0, 0.0, 1.0, 0.0, 1.0],
        &[
            ("brevity", vec![0.1, 0.0, 0.0, 0.0, 0.0]),
            ("median_outlier", vec![0.0, 0.0, 0.0, 0.0, -0.5]),
            ("band", vec![1.0, 1.0, 1.0, 1.0, 0.5]),
            ("overlong", vec![0.0, 0.0, 0.0, 0.0, -2.0 / 48.0]),
            ("total", vec![1.1, 0.0, 1.0, 0.0, 0.5 - 0.5 - 2.0 / 48.0]),
        ],
    );
    // Nobody is right: nobody gets the bonus, and the shortest of the wrong ones is no model for anybody.
    check(&[20.0, 30.0], &[0.0, 0.0], &[("brevity", vec![0.0, 0.0]), ("total", vec![0.0, 0.0])]);
    // Ties all get it; equal lengths have no outlier.
    check(
        &[30.0, 30.0],
        &[1.0, 1.0],
        &[("brevity", vec![0.1, 0.1]), ("median_outlier", vec![0.0, 0.0]), ("total", vec![1.1, 1.1])],
    );
}
