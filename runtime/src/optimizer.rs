//! AdamW (Loshchilov & Hutter 2019) with moments that can be saved, and the learning-rate schedule.

use crate::kernels::pool::Pool;
use crate::kernels::vectorised;
use crate::policy::gradient::Gradients;
use crate::policy::host::{with_numbers, with_numbers_mut};
use crate::policy::{Policy, PolicyError};
use candle_core::{DType, Tensor};
use recipec_compiler::settings::{AdamW, Schedule, ScheduleShape};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Share of the peak learning rate at `step` (1 is the first) of `total_steps`.
///
/// During the warm-up it is `step / warmup`, so that the first step already learns. Afterwards it is 1 (constant), or
/// falls from 1 to `floor`, reached at the last step, along a line or half a cosine. Steps beyond the last stay there.
pub fn schedule_share(schedule: &Schedule, step: u64, total_steps: u64) -> f64 {
    if step < schedule.warmup {
        return step as f64 / schedule.warmup as f64;
    }
    let falling = total_steps.saturating_sub(schedule.warmup);
    let done = if falling == 0 { 1.0 } else { ((step - schedule.warmup) as f64 / falling as f64).min(1.0) };
    let left = match schedule.shape {
        ScheduleShape::Constant => return 1.0,
        ScheduleShape::Linear => 1.0 - done,
        ScheduleShape::Cosine => 0.5 * (1.0 + libm::cos(std::f64::consts::PI * done)),
    };
    schedule.floor + (1.0 - schedule.floor) * left
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Norm of the whole gradient before clipping.
    pub gradient_norm: f64,
    /// True when the gradient was scaled down.
    pub clipped: bool,
    /// Learning rate that was used.
    pub lr: f64,
}

/// AdamW over what is trained of a policy: all parameters, or its adapters.
///
/// `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`, `p = p (1 - lr wd) - lr m' / (sqrt(v') + eps)` with
/// `m' = m / (1 - b1^t)` and `v' = v / (1 - b2^t)`, as PyTorch's. Decay is applied to matrices only.
#[derive(Debug)]
pub struct Optimizer {
    settings: AdamW,
    step: u64,
    threads: usize,
    /// First and second moment by parameter, in the order of the policy.
    moments: Vec<(Tensor, Tensor)>,
    /// By parameter the value in 32 bits, where the policy holds it rounded.
    masters: Vec<Option<Tensor>>,
}

/// Copies of the trained parameters that the policy holds rounded.
fn masters(policy: &Policy) -> candle_core::Result<Vec<Option<Tensor>>> {
    let trained = policy.trained().iter().enumerate();
    let is_rounded = |idx: usize| policy.adapters().is_none() && policy.is_rounded(idx);
    trained.map(|(idx, (_, var))| is_rounded(idx).then(|| var.as_detached_tensor().copy()).transpose()).collect()
}

impl Optimizer {
    /// With moments of zero.
    pub fn new(settings: &AdamW, policy: &Policy) -> Result<Self, PolicyError> {
        let zeros = |tensor: &Tensor| tensor.detach().zeros_like();
        let moments = policy
            .trained()
            .iter()
            .map(|(_, var)| Ok((zeros(var.as_tensor())?, zeros(var.as_tensor())?)))
            .collect::<candle_core::Result<_>>()?;
        Ok(Self { settings: settings.clone(), step: 0, threads: cores(), moments, masters: masters(policy)? })
    }

    /// Steps made so far.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// One step with learning rate `lr` (already scheduled; `settings.lr` is the peak and is not read here).
    /// The gradients are clipped by their global norm first. Nothing changes when an error is returned for a shape
    /// or for a norm that is not finite.
    pub fn step(&mut self, policy: &Policy, gradients: &Gradients, lr: f64) -> Result<StepReport, PolicyError> {
        for (idx, (name, var)) in policy.trained().iter().enumerate() {
            let found = gradients.tensors.get(idx);
            let Some(found) = found else {
                return Err(PolicyError::MissingGradient { name: name.clone() });
            };
            let fits = self.moments.get(idx).is_some_and(|(first, _)| first.dims() == var.dims());
            if found.dims() != var.dims() || !fits {
                let (found, expected) = (found.dims().to_vec(), var.dims().to_vec());
                return Err(PolicyError::Shape { name: name.clone(), found, expected });
            }
        }
        let pool = Pool::shared(if policy.is_large() { self.threads } else { 1 });
        let by_parameter = if policy.device().is_cpu() && policy.is_large() {
            gradients.tensors.iter().map(|tensor| sum_by_pieces(&pool, tensor)).collect::<Result<_, _>>()?
        } else if policy.device().is_cpu() {
            sums_of_squares(&pool, &gradients.tensors)?
        } else {
            gradients.tensors.iter().map(sum_of_squares).collect::<Result<_, _>>()?
        };
        let mut squares = 0.0;
        for ((name, _), square) in policy.trained().iter().zip(by_parameter) {
            if !square.is_finite() {
                return Err(PolicyError::NonFiniteGradient { name: name.clone() });
            }
            squares += square;
        }
        let gradient_norm = libm::sqrt(squares);
        let clip = self.settings.clip_norm.filter(|limit| gradient_norm > *limit);
        let scale = clip.map_or(1.0, |limit| limit / gradient_norm);

        self.step += 1;
        let AdamW { beta1, beta2, eps, weight_decay, .. } = self.settings;
        let first_left = 1.0 - libm::pow(beta1, self.step as f64);
        let second_left = 1.0 - libm::pow(beta2, self.step as f64);
        let moments = self.moments.iter_mut().zip(&mut self.masters);
        for (((_, var), gradient), ((first, second), master)) in
            policy.trained().iter().zip(&gradients.tensors).zip(moments)
        {
            let decay = if var.rank() >= 2 { 1.0 - lr * weight_decay } else { 1.0 };
            if var.device().is_cpu() {
                let coefficients = Coefficients {
                    scale: scale as f32,
                    keep_first: beta1 as f32,
                    add_first: (1.0 - beta1) as f32,
                    keep_second: beta2 as f32,
                    add_second: (1.0 - beta2) as f32,
                    rate: (lr / first_left) as f32,
                    inverse_second: (1.0 / second_left) as f32,
                    eps: eps as f32,
                    decay: decay as f32,
                };
                let value = master.clone().unwrap_or_else(|| var.as_detached_tensor());
                update(&pool, &value, gradient, first, second, &coefficients)?;
                if master.is_some() {
                    var.set(&value.to_dtype(DType::BF16)?.to_dtype(DType::F32)?)?;
                }
                continue;
            }
            let gradient = (gradient * scale)?;
            *first = ((&*first * beta1)? + (&gradient * (1.0 - beta1))?)?;
            *second = ((&*second * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?;
            let root = ((&*second / second_left)?.sqrt()? + eps)?;
            let change = ((&*first * (lr / first_left))? / root)?;
            let value = master.clone().unwrap_or_else(|| var.as_detached_tensor());
            let value = ((value * decay)? - change)?;
            if let Some(master) = master {
                *master = value;
                var.set(&master.to_dtype(DType::BF16)?.to_dtype(DType::F32)?)?;
            } else {
                var.set(&value)?;
            }
        }
        policy.merge(&pool)?;
        Ok(StepReport { gradient_norm, clipped: clip.is_some(), lr })
    }

    /// The moments under `first.NAME` and `second.NAME`, masters of rounded weights under `master.NAME`, in the order of the policy, for a checkpoint. On a CPU
    /// they share memory with the optimizer: write them, or copy them, before the next step.
    pub fn state(&self, policy: &Policy) -> Vec<(String, Tensor)> {
        let named = policy.trained().iter().zip(self.moments.iter().zip(&self.masters));
        named
            .flat_map(|((name, _), ((first, second), master))| {
                let moments = [(format!("first.{name}"), first.clone()), (format!("second.{name}"), second.clone())];
                moments.into_iter().chain(master.clone().map(|master| (format!("master.{name}"), master)))
            })
            .collect()
    }

    /// Puts back what [`Optimizer::state`] and [`Optimizer::steps`] gave. Names and shapes are verified.
    pub fn restore(
        settings: &AdamW,
        policy: &Policy,
        steps: u64,
        state: impl IntoIterator<Item = (String, Tensor)>,
    ) -> Result<Self, PolicyError> {
        let mut state: BTreeMap<String, Tensor> = state.into_iter().collect();
        let (mut moments, mut masters) = (Vec::new(), masters(policy)?);
        for ((name, var), master) in policy.trained().iter().zip(&mut masters) {
            let mut take = |prefix: &str| {
                let name = format!("{prefix}.{name}");
                match state.remove(&name) {
                    None => Err(PolicyError::MissingParameter { name }),
                    Some(tensor) if tensor.dims() != var.dims() => {
                        let (found, expected) = (tensor.dims().to_vec(), var.dims().to_vec());
                        Err(PolicyError::Shape { name, found, expected })
                    }
                    Some(tensor) => Ok(tensor.to_device(var.device())?),
                }
            };
            moments.push((take("first")?, take("second")?));
            if master.is_some() {
                *master = Some(take("master")?);
            }
        }
        match state.into_keys().next() {
            Some(name) => Err(PolicyError::UnknownParameter { name }),
            None => Ok(Self { settings: settings.clone(), step: steps, threads: cores(), moments, masters }),
        }
    }
}

/// Threads that an update of a large policy uses; its bits do not depend on them.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

struct Coefficients {
    scale: f32,
    keep_first: f32,
    add_first: f32,
    keep_second: f32,
    add_second: f32,
    rate: f32,
    inverse_second: f32,
    eps: f32,
    decay: f32,
}

/// Numbers of a parameter that one task updates.
const PIECE: usize = 1 << 16;

/// One pass over a parameter in main memory, in place: new moments and new values.
fn update(
    pool: &Pool,
    value: &Tensor,
    gradient: &Tensor,
    first: &Tensor,
    second: &Tensor,
    by: &Coefficients,
) -> candle_core::Result<()> {
    with_numbers(gradient, |gradient| {
        let mut inner = Ok(());
        with_numbers_mut(value, |values| {
            inner = nested(first, second, |firsts, seconds| {
                let moments = firsts.chunks_mut(PIECE).zip(seconds.chunks_mut(PIECE));
                let pieces = values.chunks_mut(PIECE).zip(gradient.chunks(PIECE)).zip(moments);
                let pieces: Vec<_> = pieces.map(Mutex::new).collect();
                pool.run(pieces.len(), &|task| {
                    let mut piece = pieces[task].lock().unwrap_or_else(PoisonError::into_inner);
                    let ((values, gradient), (firsts, seconds)) = &mut *piece;
                    update_piece(values, gradient, firsts, seconds, by);
                });
            });
        })?;
        inner
    })
}

/// Calls `body` with the numbers of both tensors.
fn nested(first: &Tensor, second: &Tensor, body: impl FnOnce(&mut [f32], &mut [f32])) -> candle_core::Result<()> {
    let mut inner = Ok(());
    with_numbers_mut(first, |firsts| inner = with_numbers_mut(second, |seconds| body(firsts, seconds)))?;
    inner
}

fn update_piece(values: &mut [f32], gradient: &[f32], firsts: &mut [f32], seconds: &mut [f32], by: &Coefficients) {
    vectorised!('a, _simd, {
        gradient: &'a [f32], values: &'a mut [f32], firsts: &'a mut [f32], seconds: &'a mut [f32],
        by: &'a Coefficients,
    } -> (), {
        let moments = firsts.iter_mut().zip(seconds);
        for ((gradient, value), (first, second)) in gradient.iter().zip(values).zip(moments) {
            let gradient = gradient * by.scale;
            *first = *first * by.keep_first + gradient * by.add_first;
            *second = *second * by.keep_second + gradient * gradient * by.add_second;
            let root = (*second * by.inverse_second).sqrt() + by.eps;
            *value = *value * by.decay - *first * by.rate / root;
        }
    });
}

/// Sums of squares by tensor, in f64 and in the order of the elements.
fn sums_of_squares(pool: &Pool, tensors: &[Tensor]) -> Result<Vec<f64>, PolicyError> {
    let sums: Vec<Mutex<candle_core::Result<f64>>> = tensors.iter().map(|_| Mutex::new(Ok(0.0))).collect();
    pool.run(tensors.len(), &|task| {
        let sum = with_numbers(&tensors[task], |values| {
            Ok(values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum())
        });
        *sums[task].lock().unwrap_or_else(PoisonError::into_inner) = sum;
    });
    let sums = sums.into_iter().map(|sum| sum.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(sums.collect::<candle_core::Result<_>>()?)
}

/// The same of one tensor of a large policy: sums of pieces, each over interleaved partial sums, so that neither threads nor
/// additions wait for each other.
fn sum_by_pieces(pool: &Pool, tensor: &Tensor) -> Result<f64, PolicyError> {
    let sums = with_numbers(tensor, |values| {
        let sums: Vec<Mutex<f64>> = values.chunks(PIECE).map(|_| Mutex::new(0.0)).collect();
        pool.run(sums.len(), &|task| {
            let piece = &values[task * PIECE..values.len().min((task + 1) * PIECE)];
            *sums[task].lock().unwrap_or_else(PoisonError::into_inner) = piece_of_squares(piece);
        });
        Ok(sums)
    })?;
    Ok(sums.into_iter().map(|sum| sum.into_inner().unwrap_or_else(PoisonError::into_inner)).sum())
}

fn piece_of_squares(values: &[f32]) -> f64 {
    vectorised!('a, _simd, { values: &'a [f32] } -> f64, {
        let mut partial = [0f64; 32];
        let (blocks, rest) = values.as_chunks::<32>();
        for block in blocks {
            for (sum, value) in partial.iter_mut().zip(block) {
                *sum += f64::from(*value) * f64::from(*value);
            }
        }
        for (sum, value) in partial.iter_mut().zip(rest) {
            *sum += f64::from(*value) * f64::from(*value);
        }
        partial.iter().sum()
    })
}

/// The same of one tensor of any device.
fn sum_of_squares(tensor: &Tensor) -> Result<f64, PolicyError> {
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{numbers, small};
    use candle_core::Device;

    fn settings(clip_norm: Option<f64>) -> AdamW {
        AdamW { lr: 1e-2, beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.1, clip_norm }
    }

    fn flat(tensor: &Tensor) -> Vec<f64> {
        tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f64::from).collect()
    }

    fn random_gradients(policy: &Policy, at: u32) -> Gradients {
        let one = |(idx, (_, var)): (usize, &(String, candle_core::Var))| {
            let values = numbers(var.elem_count(), 1000 + at * 100 + idx as u32);
            Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap()
        };
        let tensors = policy.parameters.iter().enumerate().map(one).collect();
        Gradients { tensors, loss: 0.0, logp: vec![], entropy: vec![] }
    }

    /// Oracle, in f64, for each element, the lines of torch.optim.AdamW after clip_grad_norm_:
    /// p *= 1 - lr * wd (matrices); m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g*g;
    /// p -= lr / (1-b1^t) * m / (sqrt(v / (1-b2^t)) + eps).
    #[test]
    fn follows_the_formula_for_three_steps() {
        let policy = small(2, 1, true);
        let settings = settings(Some(1.0));
        let mut optimizer = Optimizer::new(&settings, &policy).unwrap();
        let mut expected: Vec<_> = policy
            .parameters
            .iter()
            .map(|(_, var)| {
                let p = flat(var.as_tensor());
                (vec![0f64; p.len()], vec![0f64; p.len()], p)
            })
            .collect();
        for t in 1..=3u32 {
            let gradients = random_gradients(&policy, t);
            let all: Vec<Vec<f64>> = gradients.tensors.iter().map(flat).collect();
            let norm = all.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
            let lr = 1e-2 / f64::from(t);
            let report = optimizer.step(&policy, &gradients, lr).unwrap();
            assert!((report.gradient_norm - norm).abs() < 1e-9 * norm && report.clipped && report.lr == lr);
            for ((idx, gradient), (m, v, p)) in all.iter().enumerate().zip(&mut expected) {
                let decay = if policy.parameters[idx].1.rank() == 2 { 1.0 - lr * 0.1 } else { 1.0 };
                for (at, g) in gradient.iter().enumerate() {
                    let g = g / norm;
                    m[at] = 0.9 * m[at] + 0.1 * g;
                    v[at] = 0.98 * v[at] + 0.02 * g * g;
                    let corrected = m[at] / (1.0 - 0.9f64.powi(t as i32));
                    let root = (v[at] / (1.0 - 0.98f64.powi(t as i32))).sqrt() + 1e-8;
                    p[at] = p[at] * decay - lr * corrected / root;
                }
            }
        }
        for ((name, var), (_, _, expected)) in policy.parameters.iter().zip(&expected) {
            for (found, expected) in flat(var.as_tensor()).iter().zip(expected) {
                assert!((found - expected).abs() < 3e-6, "{name}: {found} {expected}");
            }
        }
    }

    /// Hand calculation: at the first step m' = g and v' = g^2, so an element moves by lr * sign(g), whatever g is.
    #[test]
    fn the_first_step_has_the_size_of_the_learning_rate() {
        let policy = small(2, 1, true);
        let before: Vec<_> = policy.parameters.iter().map(|(_, var)| flat(&var.as_tensor().copy().unwrap())).collect();
        let mut optimizer = Optimizer::new(&AdamW { weight_decay: 0.0, ..settings(None) }, &policy).unwrap();
        let gradients = random_gradients(&policy, 9);
        assert!(!optimizer.step(&policy, &gradients, 1e-2).unwrap().clipped);
        for (idx, (_, var)) in policy.parameters.iter().enumerate() {
            for ((now, before), g) in flat(var.as_tensor()).iter().zip(&before[idx]).zip(flat(&gradients.tensors[idx]))
            {
                if g.abs() > 1e-3 {
                    assert!((now - (before - 1e-2 * g.signum())).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn a_restored_optimizer_goes_on_to_the_same_bits() {
        let (one, two) = (small(2, 1, false), small(2, 1, false));
        let settings = settings(Some(0.5));
        let mut straight = Optimizer::new(&settings, &one).unwrap();
        let mut stopped = Optimizer::new(&settings, &two).unwrap();
        for t in 0..4 {
            straight.step(&one, &random_gradients(&one, t), 1e-2).unwrap();
            stopped.step(&two, &random_gradients(&two, t), 1e-2).unwrap();
            let mut state = stopped.state(&two);
            state.reverse();
            stopped = Optimizer::restore(&settings, &two, stopped.steps(), state).unwrap();
        }
        assert_eq!(one.digest().unwrap(), two.digest().unwrap());
        let mut state = stopped.state(&two);
        state.pop();
        let error = Optimizer::restore(&settings, &two, 4, state).unwrap_err().to_string();
        assert_eq!(error, "parameter second.lm_head.weight is missing");
    }

    /// Steps that are each too small to move a rounded weight add up in the master.
    #[test]
    fn weights_in_bfloat16_move_by_their_masters() {
        let policy = small(2, 1, false).in_bf16().unwrap();
        let rounded = |policy: &Policy| {
            for (name, var) in &policy.parameters {
                let bits = flat(var.as_tensor()).into_iter().map(|value| (value as f32).to_bits());
                assert_eq!(bits.clone().all(|bits| bits & 0xffff == 0), name != "lm_head.weight", "{name}");
            }
        };
        rounded(&policy);
        let settings = AdamW { weight_decay: 0.0, ..settings(None) };
        let mut optimizer = Optimizer::new(&settings, &policy).unwrap();
        let at = 1; // a norm: its weights are 1, and the next numbers 1/128 above and 1/256 below
        let ones = |policy: &Policy| {
            let tensors =
                policy.parameters.iter().map(|(_, var)| (var.as_tensor().zeros_like().unwrap() - 1.0).unwrap());
            Gradients { tensors: tensors.collect(), loss: 0.0, logp: vec![], entropy: vec![] }
        };
        for step in 1..=6 {
            optimizer.step(&policy, &ones(&policy), 1e-3).unwrap();
            let value = flat(policy.parameters[at].1.as_tensor())[0];
            // 1 + 0.001 steps, to the nearest of 1 and 1 + 1/128.
            let expected = if f64::from(step) * 1e-3 < 1.0 / 256.0 { 1.0 } else { 1.0 + 1.0 / 128.0 };
            assert_eq!(value, expected, "step {step}");
            rounded(&policy);
            let state = optimizer.state(&policy);
            optimizer = Optimizer::restore(&settings, &policy, optimizer.steps(), state).unwrap();
        }
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let policy = small(2, 1, true);
        let digest = policy.digest().unwrap();
        let mut gradients = random_gradients(&policy, 0);
        gradients.tensors[1] = (&gradients.tensors[1] * f64::NAN).unwrap();
        let mut optimizer = Optimizer::new(&settings(None), &policy).unwrap();
        let error = optimizer.step(&policy, &gradients, 1e-2).unwrap_err().to_string();
        assert_eq!(error, "the gradient of parameter model.layers.0.input_layernorm.weight is not finite");
        assert_eq!((policy.digest().unwrap(), optimizer.steps()), (digest, 0));
    }

    #[test]
    fn schedules() {
        let schedule = |shape, warmup, floor| Schedule { shape, warmup, floor };
        let check = |schedule: &Schedule, expected: &[(u64, f64)]| {
            for (step, share) in expected {
                let found = schedule_share(schedule, *step, 100);
                assert!((found - share).abs() < 1e-12, "{schedule:?} at {step}: {found}");
            }
        };
        check(&schedule(ScheduleShape::Constant, 10, 0.1), &[(1, 0.1), (9, 0.9), (10, 1.0), (100, 1.0)]);
        check(&schedule(ScheduleShape::Linear, 20, 0.1), &[(1, 0.05), (20, 1.0), (60, 0.55), (100, 0.1), (150, 0.1)]);
        // cos(pi/3) = 1/2: a third of the way the share is 3/4 of what is above the floor.
        check(&schedule(ScheduleShape::Cosine, 10, 0.0), &[(10, 1.0), (40, 0.75), (55, 0.5), (70, 0.25), (100, 0.0)]);
        check(&schedule(ScheduleShape::Linear, 0, 0.0), &[(1, 0.99), (50, 0.5)]);
        check(&schedule(ScheduleShape::Linear, 100, 0.5), &[(50, 0.5), (100, 0.5)]);
    }
}
