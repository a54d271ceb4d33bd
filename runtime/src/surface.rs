//! The length penalty as numbers: what a correct, finished rollout pays, by its length and its group's solve rate.

use crate::run_folder::PenaltySurface;
use recipec_compiler::formula::Scratch;
use recipec_compiler::plan::{NodeKind, StagePlan};

/// Points along the length.
const LENGTHS: u64 = 48;

/// The sum of the penalties of a stage; none where it has no penalty, or one that reads what a picture cannot vary.
pub fn penalty_surface(stage: &StagePlan) -> Option<PenaltySurface> {
    let (group_size, cap) = stage.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Rollout { group_size, max_output_tokens, .. } => {
            Some((*group_size, max_output_tokens.iter().copied().max().unwrap_or(0)))
        }
        _ => None,
    })?;
    let programs: Vec<_> = stage
        .nodes
        .iter()
        .filter_map(|node| match &node.kind {
            NodeKind::Penalty { program, .. } => Some(program),
            _ => None,
        })
        .collect();
    if programs.is_empty() || cap == 0 || group_size == 0 {
        return None;
    }
    let length: Vec<f64> = (0..=LENGTHS).map(|at| (cap * at / LENGTHS).max(1) as f64).collect();
    let solve_rate: Vec<f64> = (1..=group_size).map(|k| k as f64 / group_size as f64).collect();
    let mut value = Vec::new();
    for rate in &solve_rate {
        let mut row = vec![0.0; length.len()];
        for program in &programs {
            let mut columns = Vec::new();
            for name in program.inputs() {
                columns.push(match name.as_str() {
                    "length" => length.clone(),
                    "solve_rate" => vec![*rate; length.len()],
                    "correct" | "finished" | "answered" | "parsable" | "score" => vec![1.0; length.len()],
                    "wrong" | "truncated" => vec![0.0; length.len()],
                    "budget.output" => vec![cap as f64; length.len()],
                    "group_size" => vec![group_size as f64; length.len()],
                    _ => return None,
                });
            }
            let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
            let mut scratch = Scratch::default();
            program.evaluate(length.len(), &columns, &mut scratch);
            for (sum, part) in row.iter_mut().zip(scratch.output(0)) {
                *sum += part;
            }
        }
        value.push(row);
    }
    Some(PenaltySurface { length, solve_rate, value })
}
