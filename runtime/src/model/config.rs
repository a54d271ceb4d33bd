//! `config.json` of a checkpoint: what its decoder looks like, and every reason why it could not be carried out.
//!
//! *Invariant.* A key that changes the computation is read or refused. One that is known to change nothing is skipped; every other
//! key is named in a note, so that nothing is passed over in silence.

mod fields;
mod keys;
mod rope;
mod write;

pub use write::write;

use super::ModelError;
use crate::policy::shape::{AttentionBias, Rope, Shape};
use fields::Fields;
use serde_json::{Map, Value};
use std::path::Path;

/// The decoders that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Llama 1 to 3.x, SmolLM2 and others of the same layout.
    Llama,
    /// Mistral, and the text decoder of Apriel.
    Mistral,
    /// Qwen2 and Qwen2.5.
    Qwen2,
    /// Qwen3, dense.
    Qwen3,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Llama, Self::Mistral, Self::Qwen2, Self::Qwen3];

    /// `model_type` in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
        }
    }

    /// `architectures` of a checkpoint of this family.
    pub fn class(self) -> &'static str {
        match self {
            Self::Llama => "LlamaForCausalLM",
            Self::Mistral => "MistralForCausalLM",
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

/// What `config.json` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Which decoder.
    pub family: Family,
    /// Its sizes and ways.
    pub shape: Shape,
    /// Tokens that end a response; often incomplete, see [`crate::tokenizer`].
    pub end_tokens: Vec<u32>,
    /// Number type of the stored weights, as written; empty where the file is silent.
    pub dtype: String,
    /// True when the decoder is the text part of a model that also sees (`text_config`): its weights have longer names.
    pub wrapped: bool,
    /// What to tell the user.
    pub notes: Vec<String>,
}

/// Model types around a decoder of a known family. Only the decoder is read.
const WRAPPERS: [&str; 3] = ["llava", "mistral3", "pixtral"];

/// More layers than any model has; a damaged file must not ask for a list of millions.
pub(crate) const MOST_LAYERS: usize = 4096;

/// Reads a configuration.
pub fn read(path: &Path) -> Result<Config, ModelError> {
    let text = super::files::read_text(path)?;
    parse(&text, path)
}

/// Reads the text of a configuration; `path` is for messages.
pub fn parse(text: &str, path: &Path) -> Result<Config, ModelError> {
    let value: Value = serde_json::from_str(text).map_err(|why| ModelError::broken(path, why.to_string()))?;
    let Value::Object(map) = value else {
        return Err(ModelError::broken(path, "it is not an object"));
    };
    let mut notes = Vec::new();
    let top = Fields::new(&map, path, "");
    let model_type = top.text("model_type")?.ok_or_else(|| {
        top.bad("model_type", format!("it is missing, so that the architecture is not known; known are {}", known()))
    })?;
    let wrapped = WRAPPERS.contains(&model_type.as_str());
    let empty = Map::new();
    let fields = if wrapped {
        let inner = top.object("text_config")?.unwrap_or(&empty);
        Fields::new(inner, path, "text_config.")
    } else {
        top.clone()
    };
    let family = family(&top, &fields, &model_type, wrapped)?;
    refuse(&top)?;
    if wrapped {
        refuse(&fields)?;
        notes.push(format!("only the text decoder of this `{model_type}` model is read; it cannot see"));
    }
    let defaults = Defaults::of(family);
    let shape = shape(&fields, &top, family, &defaults, wrapped)?;
    let mut dtype = None;
    for place in [&fields, &top] {
        for key in ["dtype", "torch_dtype"] {
            dtype = dtype.or(place.text(key)?);
        }
    }
    let mut end_tokens = top.tokens("eos_token_id")?;
    if end_tokens.is_empty() {
        end_tokens = fields.tokens("eos_token_id")?;
    }
    keys::note_unread(&map, if wrapped { fields.map() } else { &empty }, &mut notes);
    if fields.number("attention_dropout")?.is_some_and(|share| share != 0.0) {
        notes.push("`attention_dropout` is not applied: training sees the same network as the rollouts".into());
    }
    Ok(Config { family, shape, end_tokens, dtype: dtype.unwrap_or_default(), wrapped, notes })
}

fn known() -> String {
    let names: Vec<&str> = Family::ALL.into_iter().map(Family::name).chain(["llava (its text decoder)"]).collect();
    names.join(", ")
}

fn family(top: &Fields<'_>, fields: &Fields<'_>, model_type: &str, wrapped: bool) -> Result<Family, ModelError> {
    if !wrapped {
        return Family::of(model_type).ok_or_else(|| unknown(top, "model_type", model_type));
    }
    // A text part that does not name itself is a Llama: the default of these wrappers.
    let inner = fields.text("model_type")?.unwrap_or_else(|| "llama".into());
    Family::of(&inner).ok_or_else(|| unknown(fields, "model_type", &inner))
}

fn unknown(fields: &Fields<'_>, key: &str, found: &str) -> ModelError {
    let mixture = ["moe", "mixtral", "deepseek"].iter().any(|part| found.contains(part));
    let why = if mixture { "mixtures of experts are not read" } else { "this architecture is not read" };
    fields.bad(key, format!("`{found}`: {why}; known are {}", known()))
}

/// What transformers assumes where the text part of a wrapper is silent: such a part is written without the values that are
/// the family's defaults.
struct Defaults {
    vocab: usize,
    width: usize,
    hidden: usize,
    layers: usize,
    heads: usize,
    kv_heads: Option<usize>,
    head_width: Option<usize>,
    max_positions: usize,
    window: Option<usize>,
}

impl Defaults {
    fn of(family: Family) -> Self {
        let llama = Self {
            vocab: 32_000,
            width: 4_096,
            hidden: 11_008,
            layers: 32,
            heads: 32,
            kv_heads: None,
            head_width: None,
            max_positions: 2_048,
            window: None,
        };
        let qwen = Self {
            vocab: 151_936,
            hidden: 22_016,
            kv_heads: Some(32),
            max_positions: 32_768,
            window: Some(4_096),
            ..llama
        };
        match family {
            Family::Llama => llama,
            Family::Mistral => {
                Self { hidden: 14_336, kv_heads: Some(8), max_positions: 131_072, window: Some(4_096), ..llama }
            }
            Family::Qwen2 => qwen,
            Family::Qwen3 => Self { head_width: Some(128), ..qwen },
        }
    }
}

fn shape(
    fields: &Fields<'_>,
    top: &Fields<'_>,
    family: Family,
    defaults: &Defaults,
    wrapped: bool,
) -> Result<Shape, ModelError> {
    let size = |key: &str, default: usize| match fields.size(key)? {
        Some(size) => Ok(size),
        None if wrapped => Ok(default),
        None => Err(fields.bad(key, "it is missing")),
    };
    let width = size("hidden_size", defaults.width)?;
    let layers = size("num_hidden_layers", defaults.layers)?;
    if layers > MOST_LAYERS {
        return Err(fields.bad("num_hidden_layers", format!("{layers} layers are more than any model has")));
    }
    let heads = size("num_attention_heads", defaults.heads)?;
    // A key with `null` asks for as many as query heads; one that is not there is the family's default.
    let kv_heads = match fields.size("num_key_value_heads")? {
        Some(kv_heads) => kv_heads,
        None if fields.has("num_key_value_heads") => heads,
        None => defaults.kv_heads.unwrap_or(heads),
    };
    let head_width = match fields.size("head_dim")? {
        Some(head_width) => head_width,
        None if fields.has("head_dim") => width / heads.max(1),
        None => defaults.head_width.unwrap_or(width / heads.max(1)),
    };
    if heads % kv_heads != 0 {
        return Err(fields.bad("num_key_value_heads", format!("{kv_heads} does not divide the {heads} query heads")));
    }
    if head_width == 0 || head_width % 2 != 0 {
        let why = format!("a head of width {head_width} cannot turn; rotary positions need an even width");
        return Err(fields.bad("head_dim", why));
    }
    let max_positions = fields.size("max_position_embeddings")?.unwrap_or(defaults.max_positions);
    let norm_eps = fields.number("rms_norm_eps")?.unwrap_or(1e-6);
    if !(norm_eps.is_finite() && norm_eps >= 0.0) {
        return Err(fields.bad("rms_norm_eps", format!("{norm_eps} is not a number of at least 0")));
    }
    let bias = fields.truth("attention_bias")?.unwrap_or(false);
    let attention_bias = match family {
        Family::Qwen2 => AttentionBias::Qkv,
        Family::Llama | Family::Qwen3 if bias => AttentionBias::All,
        _ if bias => return Err(fields.bad("attention_bias", format!("a {} decoder has none", family.name()))),
        _ => AttentionBias::None,
    };
    let mlp_bias = fields.truth("mlp_bias")?.unwrap_or(false);
    if mlp_bias && family != Family::Llama {
        return Err(fields.bad("mlp_bias", format!("a {} decoder has none", family.name())));
    }
    let (theta, scaling) = rope::read(fields, max_positions)?;
    // A wrapper ties its head when either part says so.
    let says_tied = |fields: &Fields<'_>| Ok::<_, ModelError>(fields.truth("tie_word_embeddings")?.unwrap_or(false));
    let tied = says_tied(top)? || says_tied(fields)?;
    Ok(Shape {
        width,
        layers,
        heads,
        kv_heads,
        head_width,
        hidden: size("intermediate_size", defaults.hidden)?,
        vocab: size("vocab_size", defaults.vocab)?,
        tied,
        norm_eps,
        rope: Rope { theta, scaling },
        attention_bias,
        mlp_bias,
        qk_norm: family == Family::Qwen3,
        windows: windows(fields, family, layers, defaults.window)?,
        max_positions,
    })
}

/// How far back each layer looks. Mistral: the same in every layer. Qwen: only where `use_sliding_window` says so, and there in the
/// layers that `layer_types` names, or from `max_window_layers` on.
fn windows(
    fields: &Fields<'_>,
    family: Family,
    layers: usize,
    default: Option<usize>,
) -> Result<Vec<Option<usize>>, ModelError> {
    let window = match fields.size("sliding_window")? {
        Some(window) => Some(window),
        None if fields.has("sliding_window") => None,
        None => default,
    };
    let types = layer_types(fields, layers)?;
    let slides = match family {
        Family::Llama => {
            // Llama has no windows; a file that asks for them was made for something else.
            if fields.size("sliding_window")?.is_some() || types.iter().flatten().any(|slides| *slides) {
                return Err(fields.bad("sliding_window", "a llama decoder has none"));
            }
            return Ok(Vec::new());
        }
        Family::Mistral => types.unwrap_or_else(|| vec![true; layers]),
        Family::Qwen2 | Family::Qwen3 => {
            let used = fields.truth("use_sliding_window")?.unwrap_or(false);
            let first = fields.whole("max_window_layers")?.unwrap_or(28);
            let slides = types.unwrap_or_else(|| (0..layers).map(|layer| used && layer >= first).collect());
            if !used && slides.iter().any(|slides| *slides) {
                let why = "a layer slides, and `use_sliding_window` is not true";
                return Err(fields.bad("layer_types", why));
            }
            slides
        }
    };
    if !slides.iter().any(|slides| *slides) {
        return Ok(Vec::new());
    }
    match window {
        None if family == Family::Mistral && !fields.has("layer_types") => Ok(Vec::new()),
        None => Err(fields.bad("sliding_window", "it is missing, and some layers slide")),
        Some(window) => Ok(slides.into_iter().map(|slides| slides.then_some(window)).collect()),
    }
}

/// Per layer whether it slides, where the file says so.
fn layer_types(fields: &Fields<'_>, layers: usize) -> Result<Option<Vec<bool>>, ModelError> {
    let Some(types) = fields.list("layer_types")? else { return Ok(None) };
    if types.len() != layers {
        return Err(fields.bad("layer_types", format!("it has {} entries for {layers} layers", types.len())));
    }
    let mut slides = Vec::with_capacity(layers);
    for kind in types {
        slides.push(match kind.as_str() {
            Some("full_attention") => false,
            Some("sliding_attention") => true,
            _ => {
                return Err(fields.bad(
                    "layer_types",
                    format!("{kind} is not read; known are full_attention and sliding_attention"),
                ));
            }
        });
    }
    Ok(Some(slides))
}

/// Keys that ask for something else than this decoder.
fn refuse(fields: &Fields<'_>) -> Result<(), ModelError> {
    for key in ["hidden_act", "hidden_activation"] {
        if let Some(name) = fields.text(key)?.filter(|name| !["silu", "swish"].contains(&name.as_str())) {
            return Err(fields.bad(key, format!("`{name}` is not read; the gated unit is that of `silu`")));
        }
    }
    for key in ["partial_rotary_factor", "rotary_pct"] {
        if let Some(share) = fields.number(key)?.filter(|share| *share != 1.0) {
            return Err(fields.bad(key, format!("{share}: heads that turn in part are not read")));
        }
    }
    for key in ["quantization_config", "compression_config"] {
        if fields.object(key)?.is_some() {
            let why = "quantised safetensors are not read; take the unquantised checkpoint, or a GGUF file";
            return Err(fields.bad(key, why));
        }
    }
    for key in ["num_experts", "num_local_experts", "n_routed_experts"] {
        if fields.whole(key)?.is_some_and(|experts| experts > 1) {
            return Err(fields.bad(key, "mixtures of experts are not read"));
        }
    }
    for key in ["logit_scale", "logits_scaling", "embedding_multiplier", "residual_multiplier", "attention_multiplier"]
    {
        if fields.number(key)?.is_some_and(|factor| factor != 1.0) {
            return Err(fields.bad(key, "a factor other than 1 is not read"));
        }
    }
    for key in [
        "attn_logit_softcapping",
        "final_logit_softcapping",
        "query_pre_attn_scalar",
        "no_rope_layers",
        "attention_chunk_size",
    ] {
        if fields.has_value(key) {
            return Err(fields.bad(key, "it is not read by this version"));
        }
    }
    if fields.truth("is_encoder_decoder")? == Some(true) {
        return Err(fields.bad("is_encoder_decoder", "only decoders are read"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
