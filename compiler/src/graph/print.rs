//! The graph as text: DOT for Graphviz, Mermaid for Markdown, JSON for programs.

mod json;

pub use json::json;

use super::{Rate, TrainGraph};
use crate::estimate::number;
use crate::plan::NodeKind;
use crate::settings::{Deviation, Surrogate};
use std::fmt::Write;

/// The graph in the language of Graphviz.
pub fn dot(graph: &TrainGraph, title: &str) -> String {
    let mut text = format!(
        "digraph \"{}\" {{\n  rankdir = LR;\n  node [shape = box, fontname = \"sans-serif\"];\n",
        quoted(title)
    );
    for (number, stage) in graph.stages().into_iter().enumerate() {
        let _ = writeln!(text, "  subgraph cluster_{number} {{\n    label = \"stage {}\";", quoted(stage));
        for (of, id, kind) in graph.nodes().filter(|(of, ..)| *of == stage) {
            let _ = writeln!(
                text,
                "    \"{}\" [label = \"{}\\n{}\"];",
                quoted(&full(of, id)),
                quoted(id),
                quoted(&summary(kind))
            );
        }
        text.push_str("  }\n");
    }
    for edge in graph.edges() {
        let style = if edge.feedback { ", style = dashed, constraint = false" } else { "" };
        let _ = writeln!(
            text,
            "  \"{}\" -> \"{}\" [label = \"{}\"{style}];",
            quoted(&full(edge.from.0, edge.from.1)),
            quoted(&full(edge.to.0, edge.to.1)),
            quoted(&label(edge.flow.words(), edge.rate)),
        );
    }
    text.push_str("}\n");
    text
}

/// The graph in the language of Mermaid.
pub fn mermaid(graph: &TrainGraph) -> String {
    let mut text = String::from("flowchart LR\n");
    let names: Vec<String> = graph.nodes().map(|(stage, id, _)| full(stage, id)).collect();
    let number = |stage: &str, id: &str| names.iter().position(|name| *name == full(stage, id)).unwrap_or_default();
    for (idx, stage) in graph.stages().into_iter().enumerate() {
        let _ = writeln!(text, "  subgraph s{idx}[\"stage {stage}\"]");
        for (of, id, kind) in graph.nodes().filter(|(of, ..)| *of == stage) {
            let _ = writeln!(text, "    n{}[\"{id}<br/>{}\"]", number(of, id), summary(kind).replace('"', "#quot;"));
        }
        text.push_str("  end\n");
    }
    for edge in graph.edges() {
        let arrow = if edge.feedback { "-.->" } else { "-->" };
        let _ = writeln!(
            text,
            "  n{} {arrow}|{}| n{}",
            number(edge.from.0, edge.from.1),
            label(edge.flow.words(), edge.rate),
            number(edge.to.0, edge.to.1)
        );
    }
    text
}

fn full(stage: &str, id: &str) -> String {
    format!("{stage}/{id}")
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn label(flow: &str, rate: Option<Rate>) -> String {
    match rate {
        Some(rate) if rate.unit != "updates" => format!("{flow}: {} {}/step", number(rate.amount), rate.unit),
        _ => flow.to_string(),
    }
}

/// A choice as a recipe writes it.
fn word(choice: &impl serde::Serialize) -> String {
    serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(str::to_string)).unwrap_or_default()
}

/// What a node does, in one line.
pub fn summary(kind: &NodeKind) -> String {
    match kind {
        NodeKind::Data { source, .. } => match source {
            crate::settings::DataSource::Builtin { generator, .. } => format!("built-in {generator}"),
            crate::settings::DataSource::Hub { name, .. } => name.clone(),
            crate::settings::DataSource::File { path } => path.clone(),
            crate::settings::DataSource::HeldOut => "held-out side".into(),
        },
        NodeKind::Sampler { domains, count, .. } => {
            format!("{} domains, counts {} {}", domains.len(), word(&count.at), word(&count.of))
        }
        NodeKind::Rollout { group_size, sampling, .. } => {
            format!("{group_size} per prompt, temperature {}", sampling.temperature)
        }
        NodeKind::Model { name, source, .. } => match source {
            crate::settings::ModelSource::Hub { name } => name.clone(),
            crate::settings::ModelSource::Folder { path } => path.clone(),
            crate::settings::ModelSource::Fresh(_) => format!("frozen {name}"),
            crate::settings::ModelSource::Endpoint { model, .. } => format!("{model}, served elsewhere"),
        },
        NodeKind::Verify { verifier, .. } => verifier.name.clone(),
        NodeKind::Group { .. } => "solve rate and group signals".into(),
        NodeKind::Signal { signal, .. } => signal_summary(*signal).into(),
        NodeKind::Penalty { name, .. } => format!("formula {name}"),
        NodeKind::Reward { .. } => "total reward".into(),
        NodeKind::Shuffle => "placebo: permuted within groups".into(),
        NodeKind::Advantage { baseline, divide_by_std } => {
            let over = match divide_by_std {
                Deviation::Group => ", over deviation",
                Deviation::Batch => ", over deviation of the batch",
                Deviation::None => "",
            };
            format!("baseline {}{over}", word(baseline))
        }
        NodeKind::Filter { drop } => format!("drop {}", word(drop)),
        NodeKind::Batch { rollouts, refill } => format!("{rollouts} rollouts, refill {refill}"),
        NodeKind::Reference { to } => format!("frozen {to}"),
        NodeKind::Loss { surrogate, .. } => match surrogate {
            Surrogate::Clipped { ratio, low, high } => format!("{} ratio, clip {low}/{high}", word(ratio)),
            Surrogate::ClippedWeight { low: Some(low), high } => format!("detached weight, clip {low}/{high}"),
            Surrogate::ClippedWeight { low: None, high } => format!("detached weight, clip -/{high}"),
            Surrogate::LogLikelihood => "log-likelihood".into(),
        },
        NodeKind::Demonstrations { batch_problems, .. } => format!("{batch_problems} demonstrations"),
        NodeKind::SupervisedLoss { .. } => "negative log-likelihood".into(),
        NodeKind::Optimizer { adamw, .. } => format!("AdamW, lr {}", adamw.lr),
        NodeKind::Weights => "policy".into(),
        NodeKind::Metrics { .. } => "metrics.jsonl".into(),
        NodeKind::Checkpoint { keep, .. } => format!("keep {keep}"),
        NodeKind::Evaluate { suites, .. } => suites.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}

/// What computing a signal means, in a few words.
fn signal_summary(signal: crate::settings::ComputedSignal) -> &'static str {
    use crate::settings::ComputedSignal::{AnswerProbability, ReferenceLength, ReferenceProbability};
    match signal {
        ReferenceLength => "tokens of the reference answer",
        ReferenceProbability => "policy scores the reference answer",
        AnswerProbability => "policy scores the rollout's answer",
    }
}
