//! How much flows along every edge, per optimizer step.
//!
//! Lowering says what one batch needs where an edge carries problems, groups or rollouts. This pass reads the nodes of each
//! stage and completes that: batches that feed several optimizer steps, batches that are drawn again (`refill`), bounds in
//! tokens, and the edges that lowering leaves open (gradients, weights, counts).

use super::{Rate, TrainGraph};
use crate::plan::{Flow, NodeKind};
use crate::settings::CountPoint;
use petgraph::visit::EdgeRef;
use std::collections::BTreeMap;

/// What the nodes of a stage say about amounts.
#[derive(Debug, Clone, Default)]
struct Amounts {
    /// Problems of a step, in a stage that learns from demonstrations.
    demonstrations: Option<f64>,
    group: f64,
    batch: f64,
    refill: f64,
    updates: f64,
    prompt: f64,
    caps: BTreeMap<String, f64>,
    largest_cap: f64,
    counted: Option<CountPoint>,
}

impl TrainGraph {
    /// Completes the rates of all edges. `domains` are those of the recipe, in the order of the caps of a rollout node.
    pub(crate) fn complete_rates(&mut self, domains: &[String]) {
        let mut stages: BTreeMap<String, Amounts> = BTreeMap::new();
        for member in self.inner.node_weights() {
            stages.entry(member.stage.clone()).or_default().read(&member.kind, domains);
        }
        let found: Vec<_> = self
            .inner
            .edge_references()
            .map(|edge| {
                let (from, to) = (&self.inner[edge.source()], &self.inner[edge.target()]);
                let rate = if from.stage == to.stage {
                    stages
                        .get(&to.stage)
                        .and_then(|amounts| amounts.rate(&from.kind, &to.kind, edge.weight().flow, edge.weight().rate))
                } else {
                    // Weights go to the next stage once, which is no rate.
                    None
                };
                (edge.id(), rate)
            })
            .collect();
        for (edge, rate) in found {
            if let Some(weight) = self.inner.edge_weight_mut(edge) {
                weight.rate = rate;
            }
        }
    }
}

impl Amounts {
    fn read(&mut self, kind: &NodeKind, domains: &[String]) {
        match kind {
            NodeKind::Data { max_prompt_tokens, .. } => self.prompt = self.prompt.max(*max_prompt_tokens as f64),
            NodeKind::Sampler { count, .. } => self.counted = Some(count.at),
            NodeKind::Rollout { group_size, max_output_tokens, .. } => {
                self.group = (*group_size).max(1) as f64;
                self.caps = domains.iter().cloned().zip(max_output_tokens.iter().map(|cap| *cap as f64)).collect();
                self.largest_cap = self.caps.values().copied().fold(0.0, f64::max);
            }
            NodeKind::Batch { rollouts, refill, .. } => {
                self.batch = *rollouts as f64;
                self.refill = (*refill).max(1) as f64;
            }
            NodeKind::Loss { updates, .. } => self.updates = (*updates).max(1) as f64,
            NodeKind::Demonstrations { batch_problems, .. } => self.demonstrations = Some(*batch_problems as f64),
            _ => {}
        }
    }

    fn rate(&self, from: &NodeKind, to: &NodeKind, flow: Flow, lowered: Option<Rate>) -> Option<Rate> {
        let updates = self.updates.max(1.0);
        // Upstream of the filter, up to `refill` batches are drawn to fill one.
        let drawn = |rate: Rate, all: f64, tokens: Option<f64>| Rate {
            amount: rate.amount / updates,
            most: all * self.refill.max(1.0) / updates,
            unit: rate.unit,
            tokens: tokens.map(|tokens| tokens * self.refill.max(1.0) / updates),
        };
        let once = |amount: f64| Rate { amount, most: amount, unit: "updates", tokens: None };
        let cap = |domain: &str| self.caps.get(domain).copied().unwrap_or(self.largest_cap);
        let groups = self.batch / self.group.max(1.0);
        let sequence = self.prompt + self.largest_cap;
        Some(match flow {
            Flow::Problems => drawn(lowered?, groups, None),
            Flow::Draws => drawn(lowered?, groups, Some(groups * self.prompt)),
            Flow::Rollouts | Flow::Verdicts => {
                let domain = match (from, to) {
                    (_, NodeKind::Verify { domain, .. }) | (NodeKind::Verify { domain, .. }, _) => Some(domain),
                    _ => None,
                };
                let cap = domain.map_or(self.largest_cap, |domain| cap(domain));
                drawn(lowered?, self.batch, Some(self.batch * cap))
            }
            Flow::Groups => drawn(lowered?, groups, None),
            Flow::Terms | Flow::Rewards | Flow::Advantages => drawn(lowered?, self.batch, None),
            Flow::KeptGroups => {
                let amount = lowered?.amount / updates;
                Rate { amount, most: amount, unit: "groups", tokens: Some(self.batch * self.largest_cap / updates) }
            }
            Flow::Batch | Flow::ReferenceLogprobs => {
                // The loss reads the whole batch for every optimizer step, a reference once.
                let rate = lowered?;
                let amount = if matches!(to, NodeKind::Reference { .. }) { rate.amount / updates } else { rate.amount };
                let tokens = (self.demonstrations.is_none()).then_some(amount * sequence);
                Rate { amount, most: amount, unit: rate.unit, tokens }
            }
            Flow::Demonstrations => {
                let rate = lowered?;
                Rate { most: self.demonstrations.unwrap_or(rate.amount), ..rate }
            }
            Flow::Counts => {
                let most = if self.counted == Some(CountPoint::Trained) { 1.0 } else { self.refill.max(1.0) };
                let amount = self.batch / updates;
                Rate { amount, most: amount * most, unit: "rollouts", tokens: None }
            }
            Flow::Weights => match to {
                NodeKind::Rollout { .. } => once(1.0 / updates),
                NodeKind::Evaluate { every_steps, .. } | NodeKind::Checkpoint { every_steps, .. } => {
                    once(1.0 / (*every_steps)?.max(1) as f64)
                }
                _ => once(1.0),
            },
            Flow::Gradients | Flow::Measures => once(1.0),
            // A flow that is newer than this table keeps what lowering said of it.
            #[allow(unreachable_patterns)]
            _ => lowered?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use crate::graph::EdgeView;
    use crate::testing::{APRIEL, QUICKSTART, checked, quickstart_with};

    fn graph(text: &str) -> TrainGraph {
        let recipe = checked(text, &Options::default()).recipe.expect("a recipe without errors");
        crate::compile(&recipe).expect("a graph").0
    }

    fn sum<'a>(graph: &'a TrainGraph, flow: Flow, keep: impl Fn(&EdgeView<'a>) -> bool) -> f64 {
        let edges = graph.edges().filter(|edge| edge.flow == flow && edge.from.0 != "warm_start" && keep(edge));
        edges.map(|edge| edge.rate.expect("a rate").amount).sum()
    }

    #[test]
    fn every_edge_of_a_stage_has_a_rate_and_none_between() {
        for text in [QUICKSTART, APRIEL] {
            let graph = graph(text);
            for edge in graph.edges() {
                // Weights go to the next stage once; without `checkpoint.every`, to the checkpoint at the end.
                let once = edge.from.0 != edge.to.0 || (text == APRIEL && edge.to.1 == "checkpoint");
                assert_eq!(edge.rate.is_none(), once, "{edge:?}");
                if let Some(rate) = edge.rate {
                    assert!(rate.amount > 0.0 && rate.most >= rate.amount, "{edge:?}");
                }
            }
        }
    }

    #[test]
    fn what_goes_in_comes_out() {
        let graph = graph(QUICKSTART);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} and {b}");
        close(sum(&graph, Flow::Problems, |_| true), 32.0);
        close(sum(&graph, Flow::Draws, |_| true), 32.0);
        close(sum(&graph, Flow::Rollouts, |_| true), 256.0);
        close(sum(&graph, Flow::Verdicts, |_| true), 256.0);
        close(sum(&graph, Flow::KeptGroups, |_| true), 32.0);
        close(sum(&graph, Flow::Batch, |edge| edge.to.1 == "loss"), 256.0);
    }

    #[test]
    fn updates_share_a_batch_and_refill_draws_more() {
        let text = quickstart_with("  refill    = 1\n", "  refill    = 3\n  updates   = 2\n");
        let graph = graph(&text);
        assert_eq!(sum(&graph, Flow::Draws, |_| true), 16.0);
        assert_eq!(sum(&graph, Flow::Batch, |edge| edge.to.1 == "loss"), 256.0, "each step reads all of it");
        let draws = graph.edges().find(|edge| edge.flow == Flow::Draws).and_then(|edge| edge.rate).expect("a rate");
        assert_eq!((draws.most, draws.tokens), (48.0, Some(48.0 * 64.0)));
    }
}
