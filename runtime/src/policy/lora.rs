//! Low-rank training (LoRA, Hu et al. 2021): of a projection `W` only an update `alpha / rank · B · A` is trained, with
//! `A` `(rank, in)` and `B` `(out, rank)`.
//!
//! [`Policy::parameters`] always hold the merged weights `W + alpha / rank · B · A`, made anew after every step from
//! the kept `W`. Everybody computes with them, so decoding and training agree to the last bit, and the gradients of `A`
//! and `B` are those of the two factors at the merged weights. The frozen weights have no gradients and no moments.
//!
//! On disk the adapters have the names and the layout of Hugging Face's peft.

use super::checkpoint::{little_endian, write_whole};
use super::host::{with_numbers, with_numbers_mut};
use super::layout::Linear;
use super::{Policy, PolicyError};
use crate::kernels::matmul::{Into, Left, Right, multiply};
use crate::kernels::pool::Pool;
use crate::rng::{Purpose, Stream};
use candle_core::{Tensor, Var};
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the file with the factors.
pub const ADAPTERS: &str = "adapter_model.safetensors";
/// Name of the file that says what they are.
pub const ADAPTER_CONFIG: &str = "adapter_config.json";

/// Random numbers of adapters are kept apart from those of fresh weights.
const ADAPTER_STREAM: u32 = 1;

/// The trained factors of a policy.
#[derive(Debug)]
pub struct Adapters {
    /// Rank of every update.
    pub rank: usize,
    /// Numerator of the scale.
    pub alpha: f64,
    /// `A` and `B` of one projection after the other, under peft's names.
    pub parameters: Vec<(String, Var)>,
    /// For each projection its index among the parameters of the policy, and its weight as it was.
    base: Vec<(usize, Tensor)>,
}

impl Adapters {
    /// What the product of the factors is multiplied with.
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }

    /// Index of `A` among the adapters' parameters for a weight of the policy; `B` comes after it.
    pub(crate) fn index(&self, weight: usize) -> Option<usize> {
        self.base.binary_search_by_key(&weight, |(at, _)| *at).ok().map(|pair| 2 * pair)
    }
}

impl Policy {
    /// Freezes the weights and adds adapters to all seven projections of each layer: `A` uniform within
    /// `1 / sqrt(in)` (peft's Kaiming initialisation), `B` zero, so that nothing changes yet.
    pub fn with_adapters(mut self, rank: usize, alpha: f64, seed: u64) -> Result<Self, PolicyError> {
        if rank == 0 || !(alpha.is_finite() && alpha > 0.0) {
            let reason = format!("low-rank training with rank = {rank} and alpha = {alpha}; both must be above 0");
            return Err(PolicyError::Architecture(reason));
        }
        let (mut parameters, mut base) = (Vec::new(), Vec::new());
        for at in &self.layout.layers {
            for Linear { weight, .. } in [at.q, at.k, at.v, at.o, at.gate, at.up, at.down] {
                let (name, var) = &self.parameters[weight];
                let (out, inner) = var.dims2()?;
                let bound = 1.0 / libm::sqrt(inner as f64);
                let stream = Stream::new(seed, Purpose::Weights, weight as u32, ADAPTER_STREAM, 0);
                let number = |at: usize| (bound * (2.0 * stream.uniform(at as u32) - 1.0)) as f32;
                let a: Vec<f32> = (0..rank * inner).map(number).collect();
                let name = format!("base_model.model.{}", name.strip_suffix(".weight").unwrap_or(name));
                let a = Var::from_tensor(&Tensor::from_vec(a, (rank, inner), var.device())?)?;
                let b = Var::zeros((out, rank), var.dtype(), var.device())?;
                parameters.push((format!("{name}.lora_A.weight"), a));
                parameters.push((format!("{name}.lora_B.weight"), b));
                base.push((weight, var.as_detached_tensor().copy()?));
            }
        }
        self.adapters = Some(Adapters { rank, alpha, parameters, base });
        Ok(self)
    }

    /// What is trained: the adapters where there are any, else all parameters.
    pub fn trained(&self) -> &[(String, Var)] {
        self.adapters.as_ref().map_or(&self.parameters, |adapters| &adapters.parameters)
    }

    /// The adapters, where the policy has them.
    pub fn adapters(&self) -> Option<&Adapters> {
        self.adapters.as_ref()
    }

    /// Makes the merged weights from the frozen ones and the adapters. Nothing to do without adapters.
    pub fn merge(&self, pool: &Pool) -> Result<(), PolicyError> {
        let Some(adapters) = &self.adapters else { return Ok(()) };
        for ((weight, base), pair) in adapters.base.iter().zip(adapters.parameters.as_chunks::<2>().0) {
            let [(_, a), (_, b)] = pair;
            let merged = &self.parameters[*weight].1;
            if !merged.device().is_cpu() {
                let (a, b) = (a.as_detached_tensor(), b.as_detached_tensor());
                merged.set(&(base + (b.matmul(&a)? * adapters.scale())?)?)?;
                continue;
            }
            let (columns, scale, inner) = (merged.dim(1)?, adapters.scale() as f32, adapters.rank);
            let (a, b) = (a.as_detached_tensor(), b.as_detached_tensor());
            let update = with_numbers(&a, |a| {
                with_numbers(&b, |b| {
                    let (rows, right) = (b.len() / inner, Right::Rows { values: a, inner, columns });
                    let mut update = vec![0f32; rows * columns];
                    multiply(Some(pool), Left::Rows(b), rows, right, &mut update, Into::Replace);
                    Ok(update)
                })
            })?;
            with_numbers(base, |base| {
                with_numbers_mut(&merged.as_detached_tensor(), |merged| {
                    for ((merged, base), update) in merged.iter_mut().zip(base).zip(&update) {
                        *merged = update.mul_add(scale, *base);
                    }
                })
            })?;
        }
        Ok(())
    }

    /// The weights as tensors of a graph over what is trained.
    pub(crate) fn tracked(&self) -> candle_core::Result<Vec<Tensor>> {
        let mut tensors: Vec<Tensor> = self.parameters.iter().map(|(_, var)| var.as_tensor().clone()).collect();
        if let Some(adapters) = &self.adapters {
            tensors = self.parameters.iter().map(|(_, var)| var.as_detached_tensor()).collect();
            for ((weight, base), pair) in adapters.base.iter().zip(adapters.parameters.as_chunks::<2>().0) {
                let [(_, a), (_, b)] = pair;
                tensors[*weight] = (base + (b.as_tensor().matmul(a.as_tensor())? * adapters.scale())?)?;
            }
        }
        Ok(tensors)
    }

    /// Writes the adapters beside the merged weights, as peft reads them. Nothing to do without adapters.
    pub(crate) fn save_adapters(&self, folder: &Path) -> Result<(), PolicyError> {
        let Some(adapters) = &self.adapters else { return Ok(()) };
        let path = folder.join(ADAPTERS);
        let broken = |reason: String| PolicyError::Checkpoint { path: path.clone(), reason };
        let mut bytes = Vec::new();
        for (name, var) in &adapters.parameters {
            bytes.push((name.as_str(), var.dims().to_vec(), little_endian(var.as_tensor())?));
        }
        bytes.sort_by_key(|(name, ..)| *name);
        let mut views = Vec::new();
        for (name, shape, bytes) in &bytes {
            let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
            views.push((*name, view.map_err(|error| broken(error.to_string()))?));
        }
        let metadata = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
        let file = safetensors::serialize(views, Some(metadata)).map_err(|error| broken(error.to_string()))?;
        write_whole(&path, &file)?;
        let config = serde_json::json!({
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "r": adapters.rank,
            "lora_alpha": adapters.alpha,
            "lora_dropout": 0.0,
            "bias": "none",
            "init_lora_weights": true,
            "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
            "base_model_name_or_path": null,
        });
        let text = serde_json::to_string_pretty(&config).map_err(|error| broken(error.to_string()))? + "\n";
        write_whole(&folder.join(ADAPTER_CONFIG), text.as_bytes())
    }

    /// Reads the factors that [`Policy::save`] wrote into adapters of the same rank and scale, and merges them. Names
    /// and sizes are verified.
    pub fn load_adapters(&self, folder: &Path, pool: &Pool) -> Result<(), PolicyError> {
        let Some(adapters) = &self.adapters else { return Ok(()) };
        let path = folder.join(ADAPTERS);
        let bytes = std::fs::read(&path).map_err(|source| PolicyError::File { path: path.clone(), source })?;
        let found = candle_core::safetensors::load_buffer(&bytes, self.device())
            .map_err(|error| PolicyError::Checkpoint { path: path.clone(), reason: error.to_string() })?;
        let mut found: BTreeMap<String, Tensor> = found.into_iter().collect();
        for (name, var) in &adapters.parameters {
            let Some(tensor) = found.remove(name) else {
                return Err(PolicyError::MissingParameter { name: name.clone() });
            };
            if tensor.dims() != var.dims() {
                let (found, expected) = (tensor.dims().to_vec(), var.dims().to_vec());
                return Err(PolicyError::Shape { name: name.clone(), found, expected });
            }
            var.set(&tensor.to_dtype(var.dtype())?)?;
        }
        if let Some(name) = found.into_keys().next() {
            return Err(PolicyError::UnknownParameter { name });
        }
        self.merge(pool)
    }
}
