//! Graph to plan: the nodes of every stage in execution order, as plain data.

use crate::graph::{GraphError, TrainGraph};
use crate::plan::{PLAN_VERSION, Plan, PolicyPlan, StagePlan};
use crate::recipe::Recipe;

/// The plan of a recipe, made by walking its graph.
pub fn plan(recipe: &Recipe, graph: &TrainGraph) -> Result<Plan, GraphError> {
    let mut stages = Vec::new();
    for stage in &recipe.stages {
        stages.push(StagePlan {
            name: stage.name.clone(),
            max_steps: stage.max_steps.as_ref().map(|steps| steps.value),
            fresh_optimizer: stage.fresh_optimizer,
            nodes: graph.stage_nodes(&stage.name)?,
        });
    }
    Ok(Plan {
        version: PLAN_VERSION,
        recipe: recipe.name.clone(),
        variant: recipe.variant.clone(),
        seed: recipe.seed,
        policy: PolicyPlan {
            source: recipe.policy.source.clone(),
            precision: recipe.policy.precision,
            train: recipe.policy.train.clone(),
            answer: recipe.policy.answer.clone(),
            chat: recipe.policy.chat,
        },
        domains: recipe.domains.clone(),
        max_generated_tokens: recipe.max_generated_tokens,
        max_wall_clock_seconds: recipe.max_wall_clock_seconds,
        stages,
    })
}
