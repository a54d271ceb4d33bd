//! GGUF files: a decoder with its tokenizer and chat template in one file, often with weights in a few bits.
//!
//! Weights are turned into 32-bit numbers to be trained; they are what the few bits stand for, not what the original was. Files of the
//! `llama` kind hold queries and keys with the two halves of a head interleaved (llama.cpp turns neighbours, Hugging Face turns halves);
//! that is undone.

mod metadata;
mod shape;
mod split;
mod tokenizer;

use super::chat::ChatTemplate;
use super::config::{Config, Family};
use super::{Model, ModelError};
use crate::policy::shape::Shape;
use crate::policy::{Policy, parameter_shapes};
use candle_core::quantized::gguf_file::Content;
use candle_core::{Device, Tensor};
use metadata::Metadata;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Factors on the frequencies of rotary positions (Llama 3.1).
const ROPE_FACTORS: &str = "rope_freqs.weight";

/// Opens a GGUF file.
pub fn open(path: &Path, device: &Device) -> Result<Model, ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(io)?);
    let content = Content::read(&mut reader).map_err(|why| ModelError::broken(path, why.to_string()))?;
    let sizes = tensor_sizes(&content, path)?;
    let metadata = Metadata::new(&content, path);
    let mut weights = Weights { content: &content, reader, path };
    let factors = match sizes.get(ROPE_FACTORS) {
        Some(_) => Some(numbers(&weights.dequantised(ROPE_FACTORS, &Device::Cpu)?, path, ROPE_FACTORS)?),
        None => None,
    };
    let (family, shape) = shape::read(&metadata, &sizes, factors.as_deref())?;
    let mut notes = Vec::new();
    let coarse = coarse_types(&content);
    if !coarse.is_empty() {
        notes.push(format!(
            "weights are stored as {coarse}, and are trained as the 32-bit numbers that these stand for"
        ));
    }
    let expected = parameter_shapes(&shape)?;
    check(&expected, &sizes, path)?;
    let tokenizer = tokenizer::read(&metadata)?;
    let config =
        Config { family, shape, end_tokens: Vec::new(), dtype: String::new(), wrapped: false, notes: Vec::new() };
    super::folder::check_vocabulary(&tokenizer, &config, path)?;
    let template = match metadata.text("tokenizer.chat_template")? {
        Some(source) => Some(ChatTemplate::new(source, path, tokenizer.special())?),
        None => None,
    };
    let Config { shape, .. } = config;
    let weights = RefCell::new(&mut weights);
    let policy = Policy::read_from(&shape, |name| weights.borrow_mut().parameter(name, &shape, family, device))?;
    Ok(Model { policy, tokenizer, template, notes })
}

/// The sizes of all tensors; none is so large that its number of elements does not fit.
fn tensor_sizes(content: &Content, path: &Path) -> Result<BTreeMap<String, Vec<usize>>, ModelError> {
    let mut sizes = BTreeMap::new();
    for (name, info) in &content.tensor_infos {
        let dims = info.shape.dims();
        let count = dims.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
        if count.is_none_or(|count| count > 1 << 40) {
            return Err(ModelError::tensor(path, name, format!("its shape {dims:?} is beyond any model")));
        }
        sizes.insert(name.clone(), dims.to_vec());
    }
    Ok(sizes)
}

/// The types of more than 16 bits' worth of rounding that occur, in the order of their names.
fn coarse_types(content: &Content) -> String {
    let names: BTreeSet<String> = content
        .tensor_infos
        .values()
        .map(|info| format!("{:?}", info.ggml_dtype))
        .filter(|name| !["F32", "F16", "BF16"].contains(&name.as_str()))
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// Every parameter is in the file with its shape, and nothing else is.
fn check(
    expected: &[(String, Vec<usize>)],
    sizes: &BTreeMap<String, Vec<usize>>,
    path: &Path,
) -> Result<(), ModelError> {
    let mut wanted = BTreeSet::from([ROPE_FACTORS.to_owned()]);
    for (name, expected) in expected {
        let stored = stored_name(name);
        match sizes.get(&stored) {
            None => return Err(ModelError::tensor(path, &stored, "it is missing")),
            Some(found) if found != expected => {
                let why = format!("its shape is {found:?}, and the metadata asks for {expected:?}");
                return Err(ModelError::tensor(path, &stored, why));
            }
            Some(_) => {}
        }
        wanted.insert(stored);
    }
    match sizes.keys().find(|name| !wanted.contains(*name)) {
        Some(extra) => {
            Err(ModelError::tensor(path, extra, "the decoder that the metadata describes has no such parameter"))
        }
        None => Ok(()),
    }
}

/// The name in a GGUF file of a parameter by its Hugging Face name.
fn stored_name(name: &str) -> String {
    const PARTS: [(&str, &str); 11] = [
        ("input_layernorm", "attn_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("self_attn.o_proj", "attn_output"),
        ("post_attention_layernorm", "ffn_norm"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ];
    let layer = name.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.'));
    if let Some((layer, rest)) = layer
        && let Some((part, kind)) = rest.rsplit_once('.')
        && let Some((_, stored)) = PARTS.iter().find(|(plain, _)| *plain == part)
    {
        return format!("blk.{layer}.{stored}.{kind}");
    }
    match name {
        "model.embed_tokens.weight" => "token_embd.weight".into(),
        "model.norm.weight" => "output_norm.weight".into(),
        "lm_head.weight" => "output.weight".into(),
        other => other.into(),
    }
}

/// The tensors of an open file.
struct Weights<'a> {
    content: &'a Content,
    reader: BufReader<File>,
    path: &'a Path,
}

impl Weights<'_> {
    fn dequantised(&mut self, stored: &str, device: &Device) -> Result<Tensor, ModelError> {
        let failed = |why: candle_core::Error| ModelError::tensor(self.path, stored, why.to_string());
        let info = self.content.tensor_infos.get(stored);
        let info = info.ok_or_else(|| ModelError::tensor(self.path, stored, "it is missing"))?;
        let packed = info.read(&mut self.reader, self.content.tensor_data_offset, &Device::Cpu).map_err(failed)?;
        packed.dequantize(&Device::Cpu).and_then(|tensor| tensor.to_device(device)).map_err(failed)
    }

    /// A parameter by its Hugging Face name.
    fn parameter(&mut self, name: &str, shape: &Shape, family: Family, device: &Device) -> Result<Tensor, ModelError> {
        let stored = stored_name(name);
        let tensor = self.dequantised(&stored, device)?;
        let heads = match () {
            () if family != Family::Llama => return Ok(tensor),
            () if name.contains("self_attn.q_proj") => shape.heads,
            () if name.contains("self_attn.k_proj") => shape.kv_heads,
            () => return Ok(tensor),
        };
        halves(&tensor, heads).map_err(|why| ModelError::tensor(self.path, &stored, why.to_string()))
    }
}

/// Rows of each head from pairs `(0, d/2), (1, d/2 + 1) …` laid side by side, back to the first halves followed by the second.
fn halves(tensor: &Tensor, heads: usize) -> candle_core::Result<Tensor> {
    let rows = tensor.dim(0)?;
    let inner = tensor.elem_count() / rows.max(1);
    tensor.reshape((heads, rows / heads / 2, 2, inner))?.transpose(1, 2)?.contiguous()?.reshape(tensor.dims())
}

fn numbers(tensor: &Tensor, path: &Path, name: &str) -> Result<Vec<f32>, ModelError> {
    let flat = tensor.flatten_all().and_then(|flat| flat.to_vec1());
    flat.map_err(|why| ModelError::tensor(path, name, why.to_string()))
}

#[cfg(test)]
mod tests;
