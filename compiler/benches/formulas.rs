//! Rollouts a second through the compiled difficulty-aware penalty: `cargo bench -p recipec-compiler --bench formulas`.
//!
//! Groups of 8, 16 and 64 rollouts, evaluated one after the other with buffers that are reused; the figure is the best of ten.

use recipec_compiler::formula::{Program, Scratch};
use recipec_compiler::plan::NodeKind;
use recipec_compiler::{FileId, NoFiles, Options, Source, check, compile};
use std::hint::black_box;
use std::time::Instant;

const GROUPS: usize = 50_000;

fn penalty() -> Program {
    let text = include_str!("../../recipes/quickstart.recipe");
    let checked = check(Source::new(FileId(0), "quickstart.recipe", text), &NoFiles, &Options::default());
    let (_, plan) = compile(&checked.recipe.expect("a recipe without errors")).expect("a plan");
    let nodes = plan.stages.into_iter().flat_map(|stage| stage.nodes);
    let mut programs = nodes.filter_map(|node| match node.kind {
        NodeKind::Penalty { name, program } if name == "difficulty_aware" => Some(program),
        _ => None,
    });
    programs.next().expect("the penalty is in the plan")
}

fn main() {
    let program = penalty();
    println!("inputs: {}; {GROUPS} groups a pass", program.inputs().join(", "));
    for size in [8usize, 16, 64] {
        let lengths: Vec<f64> = (0..size).map(|row| 20.0 + (row * 7 % 76) as f64).collect();
        let truncated: Vec<f64> = lengths.iter().map(|length| f64::from(u8::from(*length >= 96.0))).collect();
        let correct: Vec<f64> = (0..size).map(|row| f64::from(u8::from(row % 3 == 0))).collect();
        let solve_rate = [correct.iter().sum::<f64>() / size as f64];
        let other = [1.0];
        let columns: Vec<&[f64]> = program
            .inputs()
            .iter()
            .map(|name| match name.as_str() {
                "length" => lengths.as_slice(),
                "truncated" => &truncated,
                "correct" => &correct,
                "solve_rate" => &solve_rate,
                _ => &other,
            })
            .collect();
        let mut scratch = Scratch::new();
        let best = (0..10)
            .map(|_| {
                let start = Instant::now();
                for _ in 0..GROUPS {
                    program.evaluate(size, black_box(&columns), &mut scratch);
                    black_box(scratch.output(0));
                }
                start.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min);
        let rate = (GROUPS * size) as f64 / best;
        println!("groups of {size:>2}: {:>5.1} million rollouts a second, {:.0} ns a rollout", rate / 1e6, 1e9 / rate);
    }
}
