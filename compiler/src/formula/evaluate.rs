//! Running a program over columns. The buffers are owned by the caller, so that a run allocates nothing once it is warm.

use super::operation::{Scalar, aggregate};
use super::program::{Op, Program};

/// The buffers of one program: registers, running averages, and room to sort in. Each program needs one of its own.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    rows: usize,
    registers: Vec<f64>,
    outputs: Vec<u32>,
    passed: Vec<f64>,
    states: Vec<Vec<f64>>,
}

impl Scratch {
    /// Empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The column of an output of the last evaluation, by its position in [`Program::outputs`]; empty for a position that is
    /// not there.
    pub fn output(&self, idx: usize) -> &[f64] {
        let register = self.outputs.get(idx).map(|register| *register as usize);
        let column = register.and_then(|at| self.registers.get(at * self.rows..(at + 1) * self.rows));
        column.unwrap_or(&[])
    }

    /// The running averages, one list of rows for each: what a checkpoint keeps. Empty before the first [`Program::observe`].
    pub fn states(&self) -> &[Vec<f64>] {
        &self.states
    }

    /// Puts back the running averages of a checkpoint.
    pub fn restore_states(&mut self, states: Vec<Vec<f64>>) {
        self.states = states;
    }
}

impl Program {
    /// Computes all outputs for `rows` rows. `inputs` are columns in the order of [`Program::inputs`], each with one value for
    /// every row, or with a single one for all. Running averages are read, and stay as they are.
    ///
    /// # Panics
    /// When the columns do not match the program: that is a mistake of the caller, not of a recipe.
    pub fn evaluate(&self, rows: usize, inputs: &[&[f64]], scratch: &mut Scratch) {
        self.execute(rows, inputs, scratch, false);
    }

    /// The same, after the running averages have taken in the batch that `inputs` describe: call it once for each batch. A row
    /// whose column `present` is 0 keeps its average.
    ///
    /// # Panics
    /// As [`Program::evaluate`].
    pub fn observe(&self, rows: usize, inputs: &[&[f64]], scratch: &mut Scratch) {
        self.execute(rows, inputs, scratch, true);
    }

    fn execute(&self, rows: usize, inputs: &[&[f64]], scratch: &mut Scratch, observe: bool) {
        assert_eq!(inputs.len(), self.inputs.len(), "one column for each of {:?}", self.inputs);
        for (name, column) in self.inputs.iter().zip(inputs) {
            assert!(column.len() == rows || column.len() == 1, "`{name}` has {} values for {rows} rows", column.len());
        }
        let Scratch { rows: known_rows, registers, outputs, passed, states } = scratch;
        *known_rows = rows;
        registers.clear();
        registers.resize(self.code.len() * rows, 0.0);
        outputs.clear();
        outputs.extend_from_slice(&self.registers);
        let mut slot = 0;
        for (at, instruction) in self.code.iter().enumerate() {
            let (before, rest) = registers.split_at_mut(at * rows);
            let out = &mut rest[..rows];
            let args = instruction.args.as_slice();
            let column = |idx: usize| -> &[f64] {
                let register = args[idx] as usize;
                &before[register * rows..(register + 1) * rows]
            };
            match instruction.op {
                Op::Constant => out.fill(self.constants[args[0] as usize].0),
                Op::Input => match inputs[args[0] as usize] {
                    [single] => out.fill(*single),
                    many => out.copy_from_slice(many),
                },
                Op::Row(scalar) => match scalar.arity() {
                    1 => one(scalar, column(0), out),
                    2 => two(scalar, column(0), column(1), out),
                    _ => three(scalar, column(0), column(1), column(2), out),
                },
                Op::Aggregate { aggregate: of, filtered } => {
                    let at = args.last().map_or(0.0, |_| column(args.len() - 1).first().copied().unwrap_or(0.0));
                    passed.clear();
                    if filtered {
                        let pairs = column(0).iter().zip(column(1));
                        passed.extend(pairs.filter(|(_, filter)| **filter != 0.0).map(|(value, _)| *value));
                    } else {
                        passed.extend_from_slice(column(0));
                    }
                    match aggregate(of, passed, at) {
                        Some(value) => out.fill(value),
                        None if filtered => out.copy_from_slice(column(2)),
                        None => out.fill(f64::NAN),
                    }
                }
                Op::Ema => {
                    let (value, keep, start, present) = (column(0), column(1), column(2), column(3));
                    if states.len() <= slot {
                        states.push(Vec::new());
                    }
                    let state = &mut states[slot];
                    slot += 1;
                    if state.len() != rows {
                        // Nothing has been averaged for these rows.
                        if observe {
                            state.clear();
                            state.extend_from_slice(start);
                        } else {
                            out.copy_from_slice(start);
                            continue;
                        }
                    }
                    for row in 0..rows {
                        if observe && present[row] != 0.0 {
                            state[row] = keep[row] * state[row] + (1.0 - keep[row]) * value[row];
                        }
                        out[row] = state[row];
                    }
                }
            }
        }
    }
}

// One loop for each number of operands. The operation is chosen inside, where the compiler can hoist it; groups are small.

fn one(scalar: Scalar, x: &[f64], out: &mut [f64]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = scalar.apply(*x, 0.0, 0.0);
    }
}

fn two(scalar: Scalar, x: &[f64], y: &[f64], out: &mut [f64]) {
    for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
        *out = scalar.apply(*x, *y, 0.0);
    }
}

fn three(scalar: Scalar, x: &[f64], y: &[f64], z: &[f64], out: &mut [f64]) {
    for (((out, x), y), z) in out.iter_mut().zip(x).zip(y).zip(z) {
        *out = scalar.apply(*x, *y, *z);
    }
}
