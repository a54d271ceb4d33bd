//! The graph for programs: stages, nodes with their ports, edges with their flows and rates.

use super::super::{TrainGraph, inputs, outputs};
use super::{summary, word};
use serde_json::{Value, json};

/// The graph as JSON, schema 1. Nodes and edges stand in the order in which they were made.
pub fn json(graph: &TrainGraph, recipe: &str) -> Value {
    let nodes = |stage: &str| -> Vec<Value> {
        graph
            .nodes()
            .filter(|(of, ..)| *of == stage)
            .map(|(_, id, kind)| {
                let tag = serde_json::to_value(kind).ok().and_then(|value| value.get("node").cloned());
                json!({
                    "id": id,
                    "kind": tag,
                    "summary": summary(kind),
                    "inputs": inputs(kind).iter().map(|port| {
                        json!({ "flow": word(&port.flow), "required": port.required })
                    }).collect::<Vec<_>>(),
                    "outputs": outputs(kind).iter().map(word).collect::<Vec<_>>(),
                })
            })
            .collect()
    };
    let stages: Vec<Value> =
        graph.stages().into_iter().map(|stage| json!({ "name": stage, "nodes": nodes(stage) })).collect();
    let edges: Vec<Value> = graph
        .edges()
        .map(|edge| {
            json!({
                "from": { "stage": edge.from.0, "node": edge.from.1 },
                "to": { "stage": edge.to.0, "node": edge.to.1 },
                "flow": word(&edge.flow),
                "feedback": edge.feedback,
                "rate": edge.rate.map(|rate| json!({
                    "amount": rate.amount,
                    "most": rate.most,
                    "unit": rate.unit,
                    "tokens": rate.tokens,
                })),
            })
        })
        .collect();
    json!({ "schema": 1, "recipe": recipe, "stages": stages, "edges": edges })
}
