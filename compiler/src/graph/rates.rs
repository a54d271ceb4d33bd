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
