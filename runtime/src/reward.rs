//! Evaluates the recipe's formulas over a group: penalties, terms, outcome and total.

use crate::error::RunError;
use crate::rollout::{Group, Rollout};
use crate::verify::Status;
use recipec_compiler::formula::{Program, Scratch};

/// What formulas may read besides the group itself.
#[derive(Debug, Clone, Copy)]
pub struct RewardContext {
    /// Optimizer steps made in this stage.
    pub step: u64,
    /// Share of the stage's steps that are made.
    pub progress: f64,
    /// Output cap of the group's domain, in tokens.
    pub max_output_tokens: u64,
}

/// The value of a signal for one rollout; none when there is no such signal.
fn signal(name: &str, group: &Group, rollout: &Rollout, ctx: &RewardContext) -> Option<f64> {
    let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
    let status = rollout.status();
    // Where nobody judges there is no such value. Formulas do not read it there; one that did would give NaN, and end the run.
    let judged = |value: f64| if status.is_some() { value } else { f64::NAN };
    Some(match name {
        "length" => rollout.length() as f64,
        "reasoning_length" => rollout.reasoning_tokens as f64,
        "answer_length" => rollout.answer_tokens as f64,
        "prompt_length" => group.draw.prompt.len() as f64,
        "correct" => judged(truth(status == Some(Status::Correct))),
        "wrong" => judged(truth(status != Some(Status::Correct))),
        "answered" => truth(status.map_or(rollout.answer_tokens > 0, |s| s != Status::NoAnswer)),
        "parsable" => judged(truth(status.is_some_and(|s| s != Status::NoAnswer && s != Status::Unparsable))),
        "truncated" => truth(rollout.truncated),
        "finished" => truth(!rollout.truncated),
        // Only where a judge is the verifier: the compiler refuses it elsewhere.
        "score" | "judge" => rollout.verdict.as_ref().map_or(f64::NAN, |verdict| verdict.score),
        "domain" => group.draw.domain as f64,
        "solve_rate" => group.solve_rate,
        "group_size" => group.rollouts.len() as f64,
        "step" => ctx.step as f64,
        "progress" => ctx.progress,
        "budget.output" => ctx.max_output_tokens as f64,
        made => *rollout.terms.get(made).or_else(|| rollout.signals.get(made))?,
    })
}

/// Signals that [`signal`] knows by itself; every other input of a program must be the output of a node before it.
const SIGNALS: &[&str] = &[
    "length",
    "reasoning_length",
    "answer_length",
    "prompt_length",
    "correct",
    "wrong",
    "answered",
    "parsable",
    "truncated",
    "finished",
    "score",
    "judge",
    "domain",
    "solve_rate",
    "group_size",
    "step",
    "progress",
    "budget.output",
];

/// Whether every input of a program can be given; `made` are the outputs of the nodes before it. Asked before the first step.
pub fn check_inputs(node: &str, program: &Program, made: &[String]) -> Result<(), RunError> {
    for name in program.inputs() {
        if !SIGNALS.contains(&name.as_str()) && !made.contains(name) {
            return Err(RunError::MissingSignal { node: node.into(), signal: name.clone() });
        }
    }
    Ok(())
}

/// Evaluates a program over a group and stores every output with the rollouts, under its name.
pub fn evaluate(
    node: &str,
    program: &Program,
    group: &mut Group,
    ctx: &RewardContext,
    columns: &mut Vec<Vec<f64>>,
    scratch: &mut Scratch,
) -> Result<(), RunError> {
    let rows = group.rollouts.len();
    columns.resize_with(program.inputs().len().max(columns.len()), Vec::new);
    for (column, name) in columns.iter_mut().zip(program.inputs()) {
        column.clear();
        for rollout in &group.rollouts {
            let value = signal(name, group, rollout, ctx)
                .ok_or_else(|| RunError::MissingSignal { node: node.into(), signal: name.clone() })?;
            column.push(value);
        }
    }
    let inputs: Vec<&[f64]> = columns.iter().take(program.inputs().len()).map(Vec::as_slice).collect();
    program.evaluate(rows, &inputs, scratch);
    for (at, name) in program.outputs().iter().enumerate() {
        let values = scratch.output(at);
        for (row, (rollout, value)) in group.rollouts.iter_mut().zip(values).enumerate() {
            if !value.is_finite() {
                let read = |(name, column): (&String, &&[f64])| format!("{name} = {}", column[row]);
                return Err(RunError::NotFinite {
                    formula: format!("`{name}` of node `{node}`"),
                    value: *value,
                    step: ctx.step,
                    draw: group.draw.number,
                    rollout: rollout.idx,
                    values: program.inputs().iter().zip(&inputs).map(read).collect::<Vec<_>>().join(", "),
                });
            }
            match rollout.terms.get_mut(name) {
                Some(slot) => *slot = *value,
                None => {
                    rollout.terms.insert(name.clone(), *value);
                }
            }
        }
    }
    Ok(())
}
