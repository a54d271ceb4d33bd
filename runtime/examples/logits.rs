//! Logits of a model for given tokens, as numbers that another program can compare: `scripts/compare-logits` does.
//!
//!     cargo run --release -p recipec-runtime --example logits -- MODEL TOKENS.json OUT.safetensors
//!
//! `TOKENS.json` is a list of lists of token ids; `OUT.safetensors` gets for each `logits.N` (tokens, vocabulary), from the
//! kernels of the CPU, and `graph.N`, from the graph that other devices use.

use candle_core::{Device, Tensor};
use recipec_runtime::model::open_path;
use recipec_runtime::policy::forward::{Pack, Weights};
use recipec_runtime::policy::gradient::{Lanes, logits};
use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, tokens, out] = arguments.as_slice() else {
        return Err("usage: logits MODEL TOKENS.json OUT.safetensors".into());
    };
    let lists: Vec<Vec<u32>> = serde_json::from_slice(&std::fs::read(tokens)?)?;
    let model = open_path(Path::new(model), &Device::Cpu)?;
    for note in &model.notes {
        eprintln!("note: {note}");
    }
    let policy = &model.policy;
    let head = policy.parameters.iter().find(|(name, _)| name == "lm_head.weight").or(policy.parameters.first());
    let head = head.ok_or("a policy without parameters")?.1.as_detached_tensor();
    let mut tensors: HashMap<String, Tensor> = HashMap::new();
    for (number, list) in lists.iter().enumerate() {
        let pack = Pack::new([list.as_slice()]);
        let rows: Vec<u32> = (0..list.len() as u32).collect();
        let hidden = Weights::detached(policy).hidden(&pack, &rows)?;
        tensors.insert(format!("graph.{number}"), hidden.matmul(&head.t()?)?);
        let logits = logits(policy, list, &Lanes { threads: 2 })?;
        tensors.insert(
            format!("logits.{number}"),
            Tensor::from_vec(logits, (list.len(), policy.vocab_size()), &Device::Cpu)?,
        );
    }
    candle_core::safetensors::save(&tensors, out)?;
    Ok(())
}
