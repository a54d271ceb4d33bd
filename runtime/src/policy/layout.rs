//! Which parameters a decoder has, under which names, and where each of them stands in the list.

use super::PolicyError;
use super::shape::{AttentionBias, RopeScaling, Shape};

/// Indices of a projection among the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Linear {
    /// The matrix, (out, in).
    pub weight: usize,
    /// The bias, (out), where there is one.
    pub bias: Option<usize>,
}

/// Indices of the parameters of one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LayerLayout {
    pub first_norm: usize,
    pub q: Linear,
    pub k: Linear,
    pub v: Linear,
    /// Norms of each head's query and key.
    pub head_norms: Option<[usize; 2]>,
    pub o: Linear,
    pub second_norm: usize,
    pub gate: Linear,
    pub up: Linear,
    pub down: Linear,
}

/// Indices of all parameters; the embedding is the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub layers: Vec<LayerLayout>,
    pub last_norm: usize,
    /// The output head: the embedding when it is tied.
    pub head: usize,
}

/// Name and sizes of every parameter.
type Named = Vec<(String, Vec<usize>)>;

/// Parameters in the order in which they are named.
struct List(Named);

impl List {
    fn push(&mut self, name: String, sizes: Vec<usize>) -> usize {
        self.0.push((name, sizes));
        self.0.len() - 1
    }

    fn linear(&mut self, name: String, out: usize, inner: usize, bias: bool) -> Linear {
        let weight = self.push(format!("{name}.weight"), vec![out, inner]);
        Linear { weight, bias: bias.then(|| self.push(format!("{name}.bias"), vec![out])) }
    }
}

impl Layout {
    /// The layout, and name and sizes of every parameter in its order. A shape that cannot be built is an error.
    pub(crate) fn new(shape: &Shape) -> Result<(Self, Named), PolicyError> {
        check(shape)?;
        let Shape { width, heads, kv_heads, head_width, hidden, vocab, tied, mlp_bias, .. } = *shape;
        let (query, kv) = (heads * head_width, kv_heads * head_width);
        let (qkv_bias, o_bias) = match shape.attention_bias {
            AttentionBias::None => (false, false),
            AttentionBias::Qkv => (true, false),
            AttentionBias::All => (true, true),
        };
        let mut list = List(Vec::new());
        let embedding = list.push("model.embed_tokens.weight".to_owned(), vec![vocab, width]);
        let mut layers = Vec::new();
        for layer in 0..shape.layers {
            let name = |part: &str| format!("model.layers.{layer}.{part}");
            layers.push(LayerLayout {
                first_norm: list.push(name("input_layernorm.weight"), vec![width]),
                q: list.linear(name("self_attn.q_proj"), query, width, qkv_bias),
                k: list.linear(name("self_attn.k_proj"), kv, width, qkv_bias),
                v: list.linear(name("self_attn.v_proj"), kv, width, qkv_bias),
                head_norms: shape.qk_norm.then(|| {
                    ["q_norm", "k_norm"]
                        .map(|norm| list.push(name(&format!("self_attn.{norm}.weight")), vec![head_width]))
                }),
                o: list.linear(name("self_attn.o_proj"), width, query, o_bias),
                second_norm: list.push(name("post_attention_layernorm.weight"), vec![width]),
                gate: list.linear(name("mlp.gate_proj"), hidden, width, mlp_bias),
                up: list.linear(name("mlp.up_proj"), hidden, width, mlp_bias),
                down: list.linear(name("mlp.down_proj"), width, hidden, mlp_bias),
            });
        }
        let last_norm = list.push("model.norm.weight".to_owned(), vec![width]);
        let head = if tied { embedding } else { list.push("lm_head.weight".to_owned(), vec![vocab, width]) };
        Ok((Self { layers, last_norm, head }, list.0))
    }
}

/// Name and sizes of every parameter, in the order of [`super::Policy::parameters`]. A shape that cannot be built (a
/// size of 0, heads that do not divide, an odd head, a window of 0) is an error.
pub fn parameter_shapes(shape: &Shape) -> Result<Vec<(String, Vec<usize>)>, PolicyError> {
    Layout::new(shape).map(|(_, list)| list)
}

fn check(shape: &Shape) -> Result<(), PolicyError> {
    let Shape { width, layers, heads, kv_heads, head_width, hidden, vocab, norm_eps, .. } = *shape;
    let refused = |reason: String| Err(PolicyError::Architecture(reason));
    let sizes = [
        ("width", width),
        ("layers", layers),
        ("heads", heads),
        ("kv_heads", kv_heads),
        ("head_width", head_width),
        ("hidden", hidden),
        ("vocabulary", vocab),
    ];
    if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
        return refused(format!("{name} is 0"));
    }
    if let Some((name, size)) = sizes.iter().find(|(_, size)| *size > 1 << 24) {
        return refused(format!("{name} is {size}, more than 2^24"));
    }
    if heads % kv_heads != 0 {
        return refused(format!("kv_heads = {kv_heads} does not divide heads = {heads}"));
    }
    if head_width % 2 != 0 {
        return refused(format!("head_width = {head_width} is odd; rotary positions turn pairs"));
    }
    if !(norm_eps.is_finite() && norm_eps >= 0.0) {
        return refused(format!("norm_eps = {norm_eps} must be finite and not negative"));
    }
    if !(shape.windows.is_empty() || shape.windows.len() == layers) {
        return refused(format!("windows are given for {} of {layers} layers", shape.windows.len()));
    }
    if shape.windows.contains(&Some(0)) {
        return refused("a window of attention is 0; it counts the own position, so 1 is the least".into());
    }
    if shape.max_positions == 0 {
        return refused("max_positions is 0".into());
    }
    let above_zero = |name: &str, value: f64| {
        if value.is_finite() && value > 0.0 {
            return Ok(());
        }
        refused(format!("{name} = {value} must be finite and above 0"))
    };
    above_zero("rope_theta", shape.rope.theta)?;
    match shape.rope.scaling {
        RopeScaling::None => {}
        RopeScaling::Linear { factor } => above_zero("the factor of rotary scaling", factor)?,
        RopeScaling::Llama3 { factor, low, high, original } => {
            above_zero("the factor of rotary scaling", factor)?;
            above_zero("low_freq_factor of rotary scaling", low)?;
            above_zero("high_freq_factor of rotary scaling", high)?;
            above_zero("original_max_position_embeddings", original)?;
            if high <= low {
                return refused(format!(
                    "high_freq_factor = {high} of rotary scaling is not above low_freq_factor = {low}"
                ));
            }
        }
        RopeScaling::Yarn { factor, slow, fast, original, attention, truncate: _ } => {
            above_zero("the factor of rotary scaling", factor)?;
            above_zero("beta_slow of rotary scaling", slow)?;
            above_zero("beta_fast of rotary scaling", fast)?;
            above_zero("original_max_position_embeddings", original)?;
            above_zero("attention_factor of rotary scaling", attention)?;
            if shape.rope.theta == 1.0 {
                return refused("rope_theta = 1 leaves YaRN no range of frequencies".into());
            }
        }
    }
    Ok(())
}
