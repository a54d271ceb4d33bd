//! Nodes for the frozen models of a stage: those that a verifier, a formula of the reward or the loss asks.

use crate::formula::Program;
use crate::graph::{GraphError, NodeRef, TrainGraph};
use crate::plan::{Flow, NodeKind};
use crate::recipe::Recipe;
use crate::settings::{ArgumentValue, VerifierSettings};
use std::collections::{BTreeMap, BTreeSet};

/// The models that a stage has nodes for.
pub(super) struct Models<'a> {
    recipe: &'a Recipe,
    stage: &'a str,
    nodes: BTreeMap<String, NodeRef>,
    joined: BTreeSet<(NodeRef, NodeRef)>,
}

impl<'a> Models<'a> {
    /// No model yet: a node is made when somebody asks for it.
    pub fn new(recipe: &'a Recipe, stage: &'a str) -> Self {
        Self { recipe, stage, nodes: BTreeMap::new(), joined: BTreeSet::new() }
    }

    /// Joins a model to the node that asks it.
    pub fn feed(&mut self, graph: &mut TrainGraph, model: &str, reader: NodeRef) -> Result<(), GraphError> {
        let Some(found) = self.recipe.models.get(model) else { return Ok(()) };
        let node = match self.nodes.get(model) {
            Some(node) => *node,
            None => {
                let kind = NodeKind::Model {
                    name: model.to_string(),
                    source: found.source.clone(),
                    precision: found.precision,
                };
                let node = graph.add(self.stage, format!("model:{model}"), kind)?;
                self.nodes.insert(model.to_string(), node);
                node
            }
        };
        if !self.joined.insert((node, reader)) {
            return Ok(());
        }
        graph.connect(node, Flow::FrozenModel, reader, None)
    }

    /// Joins the model that judges to the node of its verifier.
    pub fn feed_judge(
        &mut self,
        graph: &mut TrainGraph,
        verifier: &VerifierSettings,
        reader: NodeRef,
    ) -> Result<(), GraphError> {
        match verifier.arguments.get("model") {
            Some(ArgumentValue::Word(model)) if verifier.name == "judge" => self.feed(graph, model, reader),
            _ => Ok(()),
        }
    }

    /// Joins the reward models whose scores a program reads.
    pub fn feed_scores(
        &mut self,
        graph: &mut TrainGraph,
        program: &Program,
        reader: NodeRef,
    ) -> Result<(), GraphError> {
        for model in program.inputs().iter().filter_map(|input| input.strip_prefix("reward_model.")) {
            self.feed(graph, model, reader)?;
        }
        Ok(())
    }
}
