//! The typed graph of a recipe: one node per stage of the data flow, one typed port per edge.
//!
//! petgraph stays inside this file. Nodes and edges keep the order in which they were made, so everything that is
//! printed or planned from a graph is the same every time.

pub mod print;
mod rates;

use crate::plan::{Flow, Input, Node, NodeKind};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{EdgeFiltered, EdgeRef};
use std::collections::BTreeMap;

/// How much flows along an edge per optimizer step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// How many, when domains are drawn by their ratios and every group is kept.
    pub amount: f64,
    /// How many at most: every batch that `refill` allows is drawn, and all of it from one domain.
    pub most: f64,
    /// Of what: `problems`, `groups`, `rollouts`, or `updates` for gradients, weights and measures.
    pub unit: &'static str,
    /// Tokens at most, where what flows consists of tokens.
    pub tokens: Option<f64>,
}

impl Rate {
    /// What one batch needs; the graph completes it when it is whole.
    pub fn of_batch(amount: f64, unit: &'static str) -> Self {
        Self { amount, most: amount, unit, tokens: None }
    }
}

/// An edge.
#[derive(Debug, Clone, PartialEq)]
struct Edge {
    flow: Flow,
    feedback: bool,
    rate: Option<Rate>,
}

/// A node of the graph: a node of the plan, and the stage it belongs to.
#[derive(Debug, Clone, PartialEq)]
struct Member {
    stage: String,
    id: String,
    kind: NodeKind,
}

/// A node, as [`TrainGraph::add`] gives it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeRef(NodeIndex);

/// An edge, as [`TrainGraph::edges`] shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeView<'a> {
    /// Stage and id of the node that writes.
    pub from: (&'a str, &'a str),
    /// Stage and id of the node that reads.
    pub to: (&'a str, &'a str),
    /// What flows.
    pub flow: Flow,
    /// True for the marked edges that close a loop.
    pub feedback: bool,
    /// How much per optimizer step; none where something flows once.
    pub rate: Option<Rate>,
}

/// Why a graph is not one that can run. A recipe that was checked cannot cause this; it is reported all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// `recipe::graph::type_mismatch`
    #[error("`{from}` does not give {flow} to `{to}`: {why}")]
    TypeMismatch {
        /// The node that writes.
        from: String,
        /// The node that reads.
        to: String,
        /// What should flow.
        flow: &'static str,
        /// Which side refuses.
        why: &'static str,
    },
    /// `recipe::graph::unconnected_port`
    #[error("`{node}` needs {flow}, and nothing gives it any")]
    UnconnectedPort {
        /// The node.
        node: String,
        /// What it needs.
        flow: &'static str,
    },
    /// `recipe::graph::cycle`
    #[error("the graph goes round in a circle: {}", path.join(" needs "))]
    Cycle {
        /// The nodes on the way round; the first is repeated at the end.
        path: Vec<String>,
    },
    /// `recipe::graph::duplicate_node`
    #[error("there are two nodes `{node}`")]
    DuplicateNode {
        /// The node.
        node: String,
    },
}

impl GraphError {
    /// The diagnostic code of this kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TypeMismatch { .. } => "recipe::graph::type_mismatch",
            Self::UnconnectedPort { .. } => "recipe::graph::unconnected_port",
            Self::Cycle { .. } => "recipe::graph::cycle",
            Self::DuplicateNode { .. } => "recipe::graph::duplicate_node",
        }
    }
}

/// The typed graph.
#[derive(Debug, Clone, Default)]
pub struct TrainGraph {
    inner: DiGraph<Member, Edge>,
    by_id: BTreeMap<(String, String), NodeIndex>,
}

impl TrainGraph {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node to a stage.
    pub fn add(&mut self, stage: &str, id: impl Into<String>, kind: NodeKind) -> Result<NodeRef, GraphError> {
        let id = id.into();
        let key = (stage.to_string(), id.clone());
        if self.by_id.contains_key(&key) {
            return Err(GraphError::DuplicateNode { node: format!("{stage}/{id}") });
        }
        let idx = self.inner.add_node(Member { stage: stage.to_string(), id, kind });
        self.by_id.insert(key, idx);
        Ok(NodeRef(idx))
    }

    /// Joins two nodes, if the ports match.
    pub fn connect(&mut self, from: NodeRef, flow: Flow, to: NodeRef, rate: Option<Rate>) -> Result<(), GraphError> {
        self.join(from, flow, to, rate, false)
    }

    /// Joins two nodes by a marked edge, which is left out of the search for cycles.
    pub fn feed_back(&mut self, from: NodeRef, flow: Flow, to: NodeRef) -> Result<(), GraphError> {
        self.join(from, flow, to, None, true)
    }

    fn join(
        &mut self,
        from: NodeRef,
        flow: Flow,
        to: NodeRef,
        rate: Option<Rate>,
        feedback: bool,
    ) -> Result<(), GraphError> {
        let mismatch = |why| GraphError::TypeMismatch {
            from: self.inner[from.0].id.clone(),
            to: self.inner[to.0].id.clone(),
            flow: flow.words(),
            why,
        };
        if !outputs(&self.inner[from.0].kind).contains(&flow) {
            return Err(mismatch("the first has no such output"));
        }
        if !inputs(&self.inner[to.0].kind).iter().any(|port| port.flow == flow) {
            return Err(mismatch("the second has no such input"));
        }
        self.inner.add_edge(from.0, to.0, Edge { flow, feedback, rate });
        Ok(())
    }

    /// Every required port is connected, and there is no cycle but through marked edges.
    pub fn validate(&self) -> Result<(), GraphError> {
        for idx in self.inner.node_indices() {
            let member = &self.inner[idx];
            for port in inputs(&member.kind).iter().filter(|port| port.required) {
                let mut edges = self.inner.edges_directed(idx, petgraph::Direction::Incoming);
                if !edges.any(|edge| edge.weight().flow == port.flow) {
                    return Err(GraphError::UnconnectedPort { node: member.id.clone(), flow: port.flow.words() });
                }
            }
        }
        self.order().map(|_| ())
    }

    /// The nodes of a stage in execution order, each with what it reads.
    pub fn stage_nodes(&self, stage: &str) -> Result<Vec<Node>, GraphError> {
        let order = self.order()?;
        let nodes = order.into_iter().filter(|idx| self.inner[*idx].stage == stage).map(|idx| {
            let mut edges: Vec<_> = self
                .inner
                .edges_directed(idx, petgraph::Direction::Incoming)
                .filter(|edge| self.inner[edge.source()].stage == stage)
                .collect();
            edges.sort_by_key(|edge| edge.id());
            Node {
                id: self.inner[idx].id.clone(),
                kind: self.inner[idx].kind.clone(),
                inputs: edges
                    .into_iter()
                    .map(|edge| Input {
                        from: self.inner[edge.source()].id.clone(),
                        flow: edge.weight().flow,
                        feedback: edge.weight().feedback,
                    })
                    .collect(),
            }
        });
        Ok(nodes.collect())
    }

    /// Names of the stages in the order in which their first nodes were added.
    pub fn stages(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for member in self.inner.node_weights() {
            if !names.contains(&member.stage.as_str()) {
                names.push(&member.stage);
            }
        }
        names
    }

    /// Stage, id and kind of every node, in the order in which they were added.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &str, &NodeKind)> {
        self.inner.node_weights().map(|m| (m.stage.as_str(), m.id.as_str(), &m.kind))
    }

    /// Every edge in the order in which they were added.
    pub fn edges(&self) -> impl Iterator<Item = EdgeView<'_>> {
        self.inner.edge_references().map(|edge| {
            let (from, to) = (&self.inner[edge.source()], &self.inner[edge.target()]);
            EdgeView {
                from: (&from.stage, &from.id),
                to: (&to.stage, &to.id),
                flow: edge.weight().flow,
                feedback: edge.weight().feedback,
                rate: edge.weight().rate,
            }
        })
    }

    /// Topological order without the marked edges; among nodes that are ready, the one added first comes first.
    fn order(&self) -> Result<Vec<NodeIndex>, GraphError> {
        let mut waiting: BTreeMap<NodeIndex, usize> = self
            .inner
            .node_indices()
            .map(|idx| {
                let edges = self.inner.edges_directed(idx, petgraph::Direction::Incoming);
                (idx, edges.filter(|edge| !edge.weight().feedback).count())
            })
            .collect();
        let mut order = Vec::with_capacity(waiting.len());
        while let Some(idx) = waiting.iter().find(|(_, open)| **open == 0).map(|(idx, _)| *idx) {
            waiting.remove(&idx);
            order.push(idx);
            for edge in self.inner.edges(idx).filter(|edge| !edge.weight().feedback) {
                if let Some(open) = waiting.get_mut(&edge.target()) {
                    *open -= 1;
                }
            }
        }
        if waiting.is_empty() { Ok(order) } else { Err(self.cycle()) }
    }

    /// A way round, walked along the edges: the members that `tarjan_scc` gives are in no order.
    fn cycle(&self) -> GraphError {
        let forward = EdgeFiltered::from_fn(&self.inner, |edge| !edge.weight().feedback);
        let ring = tarjan_scc(&forward).into_iter().find(|members| members.len() > 1).unwrap_or_default();
        let mut path: Vec<NodeIndex> = ring.first().copied().into_iter().collect();
        while let Some(last) = path.last().copied() {
            let next = self
                .inner
                .edges_directed(last, petgraph::Direction::Incoming)
                .filter(|edge| !edge.weight().feedback && ring.contains(&edge.source()))
                .map(|edge| edge.source())
                .next();
            let Some(next) = next else { break };
            if let Some(start) = path.iter().position(|seen| *seen == next) {
                path.drain(..start);
                path.push(next);
                break;
            }
            path.push(next);
        }
        GraphError::Cycle { path: path.into_iter().map(|idx| self.inner[idx].id.clone()).collect() }
    }
}

/// An input port.
struct Port {
    flow: Flow,
    required: bool,
}

const fn required(flow: Flow) -> Port {
    Port { flow, required: true }
}

const fn optional(flow: Flow) -> Port {
    Port { flow, required: false }
}

/// What a kind of node reads.
fn inputs(kind: &NodeKind) -> &'static [Port] {
    match kind {
        NodeKind::Data { .. } => &[],
        NodeKind::Sampler { .. } => {
            &const { [required(Flow::Problems), required(Flow::Counts), optional(Flow::Measures)] }
        }
        NodeKind::Rollout { .. } => &const { [required(Flow::Draws), required(Flow::Weights)] },
        NodeKind::Model { .. } => &[],
        NodeKind::Verify { .. } => &const { [required(Flow::Rollouts), optional(Flow::FrozenModel)] },
        NodeKind::Group { unjudged, .. } if unjudged.is_empty() => &const { [required(Flow::Verdicts)] },
        NodeKind::Group { .. } => &const { [required(Flow::Rollouts), optional(Flow::Verdicts)] },
        NodeKind::Signal { .. } => &const { [required(Flow::Groups), optional(Flow::Weights)] },
        NodeKind::Penalty { .. } | NodeKind::Reward { .. } => {
            &const { [required(Flow::Groups), optional(Flow::Signals), optional(Flow::Terms), optional(Flow::FrozenModel)] }
        }
        NodeKind::Shuffle | NodeKind::Advantage { .. } => &const { [required(Flow::Rewards)] },
        NodeKind::Filter { .. } => &const { [required(Flow::Advantages)] },
        NodeKind::Batch { .. } => &const { [optional(Flow::KeptGroups), optional(Flow::Advantages)] },
        NodeKind::Reference { .. } => &const { [required(Flow::Batch), optional(Flow::FrozenModel)] },
        NodeKind::Loss { .. } => {
            &const { [required(Flow::Batch), optional(Flow::ReferenceLogprobs), required(Flow::Weights)] }
        }
        NodeKind::Demonstrations { .. } => &const { [required(Flow::Demonstrations)] },
        NodeKind::SupervisedLoss { .. } => &const { [required(Flow::Batch), required(Flow::Weights)] },
        NodeKind::Optimizer { .. } => &const { [required(Flow::Gradients)] },
        NodeKind::Weights => &const { [optional(Flow::Gradients), optional(Flow::Weights)] },
        NodeKind::Metrics { .. } => &const { [required(Flow::Measures)] },
        NodeKind::Checkpoint { .. } => &const { [required(Flow::Weights)] },
        NodeKind::Evaluate { .. } => &const { [required(Flow::Weights), optional(Flow::FrozenModel)] },
    }
}

/// What a kind of node writes.
fn outputs(kind: &NodeKind) -> &'static [Flow] {
    match kind {
        NodeKind::Data { .. } => &[Flow::Problems, Flow::Demonstrations],
        NodeKind::Sampler { .. } => &[Flow::Draws],
        NodeKind::Rollout { .. } => &[Flow::Rollouts, Flow::Counts],
        NodeKind::Model { .. } => &[Flow::FrozenModel],
        NodeKind::Verify { .. } => &[Flow::Verdicts],
        NodeKind::Group { .. } => &[Flow::Groups, Flow::Counts],
        NodeKind::Signal { .. } => &[Flow::Signals],
        NodeKind::Penalty { .. } => &[Flow::Terms],
        NodeKind::Reward { .. } => &[Flow::Rewards, Flow::Counts],
        NodeKind::Shuffle => &[Flow::Rewards],
        NodeKind::Advantage { .. } => &[Flow::Advantages],
        NodeKind::Filter { .. } => &[Flow::KeptGroups],
        NodeKind::Batch { .. } => &[Flow::Batch, Flow::Counts, Flow::Measures],
        NodeKind::Reference { .. } => &[Flow::ReferenceLogprobs],
        NodeKind::Loss { .. } | NodeKind::SupervisedLoss { .. } => &[Flow::Gradients, Flow::Measures],
        NodeKind::Demonstrations { .. } => &[Flow::Batch],
        NodeKind::Optimizer { .. } => &[Flow::Weights, Flow::Measures],
        NodeKind::Weights => &[Flow::Weights],
        NodeKind::Metrics { .. } | NodeKind::Checkpoint { .. } | NodeKind::Evaluate { .. } => &[],
    }
}

impl Flow {
    /// The flow in words, as messages and drawings name it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Problems => "problems",
            Self::Demonstrations => "demonstrations",
            Self::Draws => "draws",
            Self::Rollouts => "rollouts",
            Self::Verdicts => "verdicts",
            Self::Groups => "groups",
            Self::Signals => "signals",
            Self::Terms => "reward terms",
            Self::Rewards => "rewards",
            Self::Advantages => "advantages",
            Self::KeptGroups => "kept groups",
            Self::Batch => "a batch",
            Self::ReferenceLogprobs => "reference log-probabilities",
            Self::FrozenModel => "a frozen model",
            Self::Gradients => "gradients",
            Self::Weights => "weights",
            Self::Counts => "counts",
            Self::Measures => "measures",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Baseline, Deviation, Drop};

    fn filter() -> NodeKind {
        NodeKind::Filter { drop: Drop::Never }
    }

    fn advantage() -> NodeKind {
        NodeKind::Advantage { baseline: Baseline::LeaveOneOut, divide_by_std: Deviation::None }
    }

    #[test]
    fn ports_that_do_not_match_are_refused() {
        let mut graph = TrainGraph::new();
        let a = graph.add("main", "advantage", advantage()).unwrap();
        let f = graph.add("main", "filter", filter()).unwrap();
        assert!(graph.connect(a, Flow::Advantages, f, None).is_ok());
        let wrong = graph.connect(f, Flow::Advantages, a, None).unwrap_err();
        assert_eq!(wrong.code(), "recipe::graph::type_mismatch");
    }

    #[test]
    fn an_open_port_is_named() {
        let mut graph = TrainGraph::new();
        graph.add("main", "filter", filter()).unwrap();
        let open = graph.validate().unwrap_err();
        assert_eq!(open.to_string(), "`filter` needs advantages, and nothing gives it any");
    }

    #[test]
    fn a_cycle_is_told_in_the_order_of_its_edges() {
        let mut graph = TrainGraph::new();
        let mut weights = |id: &str| graph.add("main", id, NodeKind::Weights).unwrap();
        let (a, b, c) = (weights("a"), weights("b"), weights("c"));
        for (from, to) in [(a, b), (b, c), (c, a)] {
            graph.connect(from, Flow::Weights, to, None).unwrap();
        }
        let GraphError::Cycle { path } = graph.validate().unwrap_err() else { panic!("a cycle") };
        assert_eq!(path.len(), 4);
        assert_eq!(path.first(), path.last());
        let needs = |x: &str| match x {
            "a" => "c",
            "b" => "a",
            _ => "b",
        };
        assert!(path.windows(2).all(|pair| needs(&pair[0]) == pair[1]), "{path:?}");
    }

    #[test]
    fn marked_edges_are_no_cycle() {
        let mut graph = TrainGraph::new();
        let a = graph.add("main", "a", NodeKind::Weights).unwrap();
        let b = graph.add("main", "b", NodeKind::Weights).unwrap();
        graph.connect(a, Flow::Weights, b, None).unwrap();
        graph.feed_back(b, Flow::Weights, a).unwrap();
        assert_eq!(graph.validate(), Ok(()));
    }
}
