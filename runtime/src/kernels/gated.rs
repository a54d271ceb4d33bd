//! The gated unit of SwiGLU (Shazeer 2020): `silu(gate) * up`, by element.

use super::exp::exp;
use super::vectorised;

/// Writes `silu(gate) * up`.
pub fn forward(gate: &[f32], up: &[f32], out: &mut [f32]) {
    vectorised!('a, _simd, { gate: &'a [f32], up: &'a [f32], out: &'a mut [f32] } -> (), {
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = gate / (1.0 + exp(-gate)) * up;
        }
    });
}

/// Replaces `gate` by what [`forward`] gives.
pub fn in_place(gate: &mut [f32], up: &[f32]) {
    vectorised!('a, _simd, { gate: &'a mut [f32], up: &'a [f32] } -> (), {
        for (gate, up) in gate.iter_mut().zip(up) {
            *gate = *gate / (1.0 + exp(-*gate)) * up;
        }
    });
}

/// Gradients of [`forward`].
pub fn backward(gate: &[f32], up: &[f32], dy: &[f32], d_gate: &mut [f32], d_up: &mut [f32]) {
    vectorised!('a, _simd, { gate: &'a [f32], up: &'a [f32], dy: &'a [f32], d_gate: &'a mut [f32], d_up: &'a mut [f32] } -> (), {
        let inputs = gate.iter().zip(up).zip(dy);
        for (((gate, up), dy), (d_gate, d_up)) in inputs.zip(d_gate.iter_mut().zip(d_up)) {
            let sigmoid = 1.0 / (1.0 + exp(-gate));
            let silu = gate * sigmoid;
            *d_gate = dy * up * (sigmoid + silu * (1.0 - sigmoid));
            *d_up = dy * silu;
        }
    });
}
