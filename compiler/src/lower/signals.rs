//! Nodes for the signals that cost work of their own: a node for each one that a formula of the stage really reads.

use crate::formula::Program;
use crate::graph::{GraphError, NodeRef, TrainGraph};
use crate::plan::{Flow, NodeKind};
use crate::recipe::{Recipe, Stage};
use crate::settings::ComputedSignal;
use std::collections::BTreeMap;

/// The computed signals of a stage with their nodes.
pub(super) struct SignalNodes(Vec<(ComputedSignal, NodeRef)>);

impl SignalNodes {
    /// Adds a node behind `group` for every computed signal that one of the programs has as an input. It works for the domains whose
    /// rewards read it.
    pub fn add<'p>(
        graph: &mut TrainGraph,
        recipe: &Recipe,
        stage: &Stage,
        group: NodeRef,
        programs: impl Iterator<Item = &'p Program> + Clone,
    ) -> Result<Self, GraphError> {
        let mut nodes = Vec::new();
        for signal in ComputedSignal::ALL {
            let mut domains = BTreeMap::new();
            for domain in &stage.domains {
                // Bound to one domain, a program loses what `if domain == …` keeps for others.
                let at = recipe.domains.iter().position(|name| *name == domain.name).unwrap_or_default();
                if programs.clone().any(|program| reads(&program.bind("domain", at as f64), signal)) {
                    let column = signal.reads_reference().then(|| domain.reference.clone());
                    domains.insert(domain.name.clone(), column);
                }
            }
            if domains.is_empty() && !programs.clone().any(|program| reads(program, signal)) {
                continue;
            }
            let kind = NodeKind::Signal { signal, domains, answer: recipe.policy.answer.clone() };
            let node = graph.add(&stage.name, format!("signal:{}", signal.name()), kind)?;
            graph.connect(group, Flow::Groups, node, None)?;
            nodes.push((signal, node));
        }
        Ok(Self(nodes))
    }

    /// Joins the signals to a node whose program reads them.
    pub fn feed(&self, graph: &mut TrainGraph, program: &Program, reader: NodeRef) -> Result<(), GraphError> {
        for (_, node) in self.0.iter().filter(|(signal, _)| reads(program, *signal)) {
            graph.connect(*node, Flow::Signals, reader, None)?;
        }
        Ok(())
    }

    /// Gives the current weights to the signals that ask the policy.
    pub fn feed_weights(&self, graph: &mut TrainGraph, weights: NodeRef) -> Result<(), GraphError> {
        for (_, node) in self.0.iter().filter(|(signal, _)| signal.reads_policy()) {
            graph.feed_back(weights, Flow::Weights, *node)?;
        }
        Ok(())
    }
}

fn reads(program: &Program, signal: ComputedSignal) -> bool {
    program.inputs().iter().any(|input| input == signal.name())
}
