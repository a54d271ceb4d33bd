//! What the operations of formulas mean, for one row and for the rows of a group.
//!
//! Everything that computes with formulas comes here: constant folding, programs and the row-by-row oracle.

use crate::vocabulary::functions::{Aggregate, Function};
use recipec_grammar::tree::BinaryOp;
use serde::{Deserialize, Serialize};

/// An operation on single values. Truth values are 0 and 1; anything but 0 is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scalar {
    Negate,
    Not,
    Abs,
    Exp,
    Log,
    Sqrt,
    Floor,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Min,
    Max,
    Clip,
    Ramp,
    /// `if a then b else c`. It chooses, it does not multiply: what the side not taken gives never matters, not even NaN.
    Select,
}

impl From<BinaryOp> for Scalar {
    fn from(op: BinaryOp) -> Self {
        match op {
            BinaryOp::Or => Self::Or,
            BinaryOp::And => Self::And,
            BinaryOp::Less => Self::Less,
            BinaryOp::LessEqual => Self::LessEqual,
            BinaryOp::Greater => Self::Greater,
            BinaryOp::GreaterEqual => Self::GreaterEqual,
            BinaryOp::Equal => Self::Equal,
            BinaryOp::NotEqual => Self::NotEqual,
            BinaryOp::Add => Self::Add,
            BinaryOp::Subtract => Self::Subtract,
            BinaryOp::Multiply => Self::Multiply,
            BinaryOp::Divide => Self::Divide,
            BinaryOp::Power => Self::Power,
        }
    }
}

impl From<Function> for Scalar {
    fn from(function: Function) -> Self {
        match function {
            Function::Min => Self::Min,
            Function::Max => Self::Max,
            Function::Clip => Self::Clip,
            Function::Abs => Self::Abs,
            Function::Exp => Self::Exp,
            Function::Log => Self::Log,
            Function::Sqrt => Self::Sqrt,
            Function::Floor => Self::Floor,
            Function::Ramp => Self::Ramp,
        }
    }
}

impl Scalar {
    /// How many values it takes: 1, 2 or 3.
    pub fn arity(self) -> usize {
        match self {
            Self::Negate | Self::Not | Self::Abs | Self::Exp | Self::Log | Self::Sqrt | Self::Floor => 1,
            Self::Clip | Self::Ramp | Self::Select => 3,
            _ => 2,
        }
    }

    /// The value for one row; operands beyond [`Self::arity`] are not read.
    pub fn apply(self, x: f64, y: f64, z: f64) -> f64 {
        match self {
            Self::Negate => -x,
            Self::Not => truth(x == 0.0),
            Self::Abs => libm::fabs(x),
            Self::Exp => libm::exp(x),
            Self::Log => libm::log(x),
            Self::Sqrt => libm::sqrt(x),
            Self::Floor => libm::floor(x),
            Self::Add => x + y,
            Self::Subtract => x - y,
            Self::Multiply => x * y,
            Self::Divide => x / y,
            Self::Power => libm::pow(x, y),
            Self::Less => truth(x < y),
            Self::LessEqual => truth(x <= y),
            Self::Greater => truth(x > y),
            Self::GreaterEqual => truth(x >= y),
            Self::Equal => truth(x == y),
            Self::NotEqual => truth(x != y),
            Self::And => truth(x != 0.0 && y != 0.0),
            Self::Or => truth(x != 0.0 || y != 0.0),
            Self::Min => least(x, y),
            Self::Max => greatest(x, y),
            Self::Clip => least(greatest(x, y), z),
            Self::Ramp => least(greatest((x - y) / (z - y), 0.0), 1.0),
            Self::Select => {
                if x != 0.0 {
                    y
                } else {
                    z
                }
            }
        }
    }
}

fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

/// The smaller value. NaN wins, so that a broken signal is seen and not papered over.
fn least(x: f64, y: f64) -> f64 {
    if x.is_nan() || x < y { x } else { y }
}

/// The larger value. NaN wins.
fn greatest(x: f64, y: f64) -> f64 {
    if x.is_nan() || x > y { x } else { y }
}

/// The aggregate of the values of one group in the order of its rollouts; `None` for no value, except for `count`.
/// `at` is the share of a quantile. `values` is left sorted by those aggregates that need it so.
pub fn aggregate(of: Aggregate, values: &mut [f64], at: f64) -> Option<f64> {
    if of == Aggregate::Count {
        return Some(values.iter().filter(|value| **value != 0.0).count() as f64);
    }
    let (&first, rest) = values.split_first()?;
    if values.iter().any(|value| value.is_nan()) {
        return Some(f64::NAN);
    }
    let low = rest.iter().fold(first, |a, b| least(a, *b));
    let high = rest.iter().fold(first, |a, b| greatest(a, *b));
    let count = values.len() as f64;
    // The sum of equal numbers divided by their count may miss them by a rounding; a mean never leaves its members.
    let mean = || least(greatest(values.iter().sum::<f64>() / count, low), high);
    Some(match of {
        Aggregate::Count => count,
        Aggregate::Mean => mean(),
        Aggregate::Min => low,
        Aggregate::Max => high,
        Aggregate::Std => {
            let mean = mean();
            libm::sqrt(values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count)
        }
        Aggregate::Median => quantile(values, 0.5),
        Aggregate::Quantile => quantile(values, at),
        Aggregate::Mad => {
            let middle = quantile(values, 0.5);
            for value in values.iter_mut() {
                *value = libm::fabs(*value - middle);
            }
            quantile(values, 0.5)
        }
    })
}

/// The quantile of at least one number, with a straight line between neighbours (numpy's default).
fn quantile(values: &mut [f64], at: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let place = at * (values.len() - 1) as f64;
    let below = libm::floor(place);
    let low = values.get(below as usize).copied().unwrap_or(f64::NAN);
    let high = values.get(below as usize + 1).copied().unwrap_or(low);
    least(greatest(low + (high - low) * (place - below), low), high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_not_papered_over() {
        for op in [Scalar::Min, Scalar::Max, Scalar::Clip, Scalar::Ramp] {
            assert!(op.apply(f64::NAN, 0.0, 1.0).is_nan());
        }
        assert!(Scalar::Min.apply(0.0, f64::NAN, 0.0).is_nan());
        assert_eq!(Scalar::Select.apply(1.0, 2.0, f64::NAN), 2.0);
        assert_eq!(Scalar::Select.apply(0.0, f64::NAN, 3.0), 3.0);
    }

    #[test]
    fn aggregates_by_hand() {
        // numpy: mean 4, median 3, std sqrt(9.5), quantile 0.25 -> 1.75, mad = median(|x - 3|) = median(2, 1, 1, 6) = 1.5
        let data = [1.0, 2.0, 4.0, 9.0];
        let of = |which, at| aggregate(which, &mut data.clone(), at).unwrap();
        assert_eq!(of(Aggregate::Mean, 0.0), 4.0);
        assert_eq!(of(Aggregate::Median, 0.0), 3.0);
        assert_eq!(of(Aggregate::Min, 0.0), 1.0);
        assert_eq!(of(Aggregate::Max, 0.0), 9.0);
        assert!((of(Aggregate::Std, 0.0) - 9.5f64.sqrt()).abs() < 1e-12);
        assert_eq!(of(Aggregate::Quantile, 0.25), 1.75);
        assert_eq!(of(Aggregate::Quantile, 1.0), 9.0);
        assert_eq!(of(Aggregate::Mad, 0.0), 1.5);
        assert_eq!(of(Aggregate::Count, 0.0), 4.0);
    }

    #[test]
    fn nothing_has_no_mean() {
        assert_eq!(aggregate(Aggregate::Mean, &mut [], 0.0), None);
        assert_eq!(aggregate(Aggregate::Count, &mut [], 0.0), Some(0.0));
        assert!(aggregate(Aggregate::Max, &mut [1.0, f64::NAN], 0.0).unwrap().is_nan());
    }

    #[test]
    fn a_mean_stays_among_its_members() {
        assert_eq!(aggregate(Aggregate::Mean, &mut [0.1; 3], 0.0), Some(0.1));
    }
}
