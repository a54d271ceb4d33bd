//! Domains that are judged otherwise: by models, by rewards of their own, by nobody.

use super::recipe;
use crate::Options;
use crate::formula::Scratch;
use crate::graph::TrainGraph;
use crate::plan::{Flow, NodeKind};

const JUDGES: &str = include_str!("../../../tests/accept/judges_and_reward_models.recipe");
const OWN: &str = include_str!("../../../tests/accept/own_rewards.recipe");

fn feeds(graph: &TrainGraph, flow: Flow) -> Vec<(String, String)> {
    graph.edges().filter(|e| e.flow == flow).map(|e| (e.from.1.to_string(), e.to.1.to_string())).collect()
}

#[test]
fn models_beside_the_policy_are_nodes_and_refused_at_run_time() {
    let recipe = recipe(JUDGES, &Options::default());
    let (graph, plan) = crate::compile(&recipe).expect("a checked recipe compiles");
    let expected = [("model:jury", "verify:open"), ("model:preference", "reward")];
    assert_eq!(feeds(&graph, Flow::FrozenModel), expected.map(|(from, to)| (from.to_string(), to.to_string())));
    // A domain that nobody judges comes to its groups as it was rolled out.
    assert_eq!(feeds(&graph, Flow::Rollouts).last(), Some(&("rollout".to_string(), "group".to_string())));
    let group = plan.stages[0].nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Group { unjudged, .. } => Some(unjudged.clone()),
        _ => None,
    });
    assert_eq!(group, Some(vec!["chat".to_string()]));
    let refused: Vec<String> = crate::support::not_yet(&recipe).into_iter().map(|d| d.message).collect();
    let part = "the reward model `preference` cannot be loaded";
    assert!(refused.iter().any(|m| m.starts_with(part)), "{part} is missing in {refused:?}");
}

/// The reward program of a stage, with `domain` as an input, is for every domain the reward that the recipe gives it.
#[test]
fn one_program_holds_the_rewards_of_all_domains() {
    let recipe = recipe(OWN, &Options::default());
    let (_, plan) = crate::compile(&recipe).expect("a checked recipe compiles");
    assert_eq!(plan.domains, ["chat", "math", "rules"]);
    let program = |stage: usize, id: &str| {
        plan.stages[stage].nodes.iter().find(|node| node.id == id).map(|node| match &node.kind {
            NodeKind::Reward { program } | NodeKind::Penalty { program, .. } => program.clone(),
            other => panic!("{other:?}"),
        })
    };
    // Rows: math (right), rules (half right). NaN is what a domain gives for a signal that it does not have.
    let value = |name: &str| -> [f64; 2] {
        match name {
            "domain" => [1.0, 2.0],
            "correct" => [1.0, 0.0],
            "score" => [1.0, 0.5],
            "solve_rate" => [0.25, 0.0],
            "length" => [48.0, 96.0],
            "hard" => [-0.25, 0.0],
            "long" => [0.0, -0.5],
            "reference_probability" => [f64::NAN, f64::NAN],
            other => panic!("{other}"),
        }
    };
    let evaluate = |program: &crate::formula::Program| {
        let columns: Vec<[f64; 2]> = program.inputs().iter().map(|name| value(name)).collect();
        let columns: Vec<&[f64]> = columns.iter().map(|column| column.as_slice()).collect();
        let mut scratch = Scratch::default();
        program.evaluate(2, &columns, &mut scratch);
        let at = |name: &str| program.outputs().iter().position(|output| output == name).expect("an output");
        (0..program.outputs().len()).for_each(|at| assert!(scratch.output(at).iter().all(|v| v.is_finite())));
        scratch.output(at(program.outputs().last().expect("an output"))).to_vec()
    };
    // math: outcome 1 + hard -0.25; rules: outcome 0.5 * 0.5 + long -0.5.
    assert_eq!(evaluate(&program(1, "reward").expect("a reward")), [0.75, -0.25]);
    // `hard` is read by math alone, `long` by rules alone: elsewhere they are 0.
    assert_eq!(evaluate(&program(1, "penalty:hard").expect("a penalty")), [-0.25, 0.0]);
    assert_eq!(evaluate(&program(1, "penalty:long").expect("a penalty")), [0.0, -0.5]);
    // In the stage of `chat` alone no penalty is read, and none has a node.
    assert!(program(0, "penalty:hard").is_none() && program(0, "penalty:long").is_none());
}
