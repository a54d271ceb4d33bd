//! Frequencies of rotary positions, stretched as Hugging Face's `modeling_rope_utils` defines it.

use super::shape::{Rope, RopeScaling, Shape};
use crate::kernels::attention::Rotary;
use std::f64::consts::TAU;

impl Shape {
    /// Rotary tables for positions `0..positions`.
    pub fn rotary(&self, positions: usize) -> Rotary {
        let (rates, factor) = self.rope.rates(self.head_width);
        Rotary::from_rates(&rates, factor, positions)
    }
}

impl Rope {
    /// The angle per position of each pair of a head, in radians, and the factor on cosines and sines.
    pub fn rates(&self, head_width: usize) -> (Vec<f64>, f64) {
        let plain = |i: usize| 1.0 / libm::pow(self.theta, 2.0 * i as f64 / head_width as f64);
        let rates = (0..head_width / 2).map(|i| (i, plain(i)));
        match self.scaling {
            RopeScaling::None => (rates.map(|(_, rate)| rate).collect(), 1.0),
            RopeScaling::Linear { factor } => (rates.map(|(_, rate)| rate / factor).collect(), 1.0),
            RopeScaling::Llama3 { factor, low, high, original } => {
                let stretched = |rate: f64| {
                    // Turns over the first length; few of them means a long wave.
                    let turns = original * rate / TAU;
                    if turns < low {
                        rate / factor
                    } else if turns > high {
                        rate
                    } else {
                        let kept = (turns - low) / (high - low);
                        (1.0 - kept) * rate / factor + kept * rate
                    }
                };
                (rates.map(|(_, rate)| stretched(rate)).collect(), 1.0)
            }
            RopeScaling::Yarn { factor, slow, fast, original, attention, truncate } => {
                // The pair, as a real number, that makes this many turns over the first length.
                let pair = |turns: f64| {
                    head_width as f64 * libm::log(original / (turns * TAU)) / (2.0 * libm::log(self.theta))
                };
                let (mut from, mut to) = (pair(fast), pair(slow));
                if truncate {
                    (from, to) = (libm::floor(from), libm::ceil(to));
                }
                let (from, mut to) = (from.max(0.0), to.min(head_width as f64 - 1.0));
                if from == to {
                    to += 0.001;
                }
                let stretched = |(i, rate): (usize, f64)| {
                    let interpolated = ((i as f64 - from) / (to - from)).clamp(0.0, 1.0);
                    rate / factor * interpolated + rate * (1.0 - interpolated)
                };
                (rates.map(stretched).collect(), attention)
            }
        }
    }
}
