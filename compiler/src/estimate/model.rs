//! A model by its sizes: parameters, bytes of its cache, FLOP per token.

use super::arithmetic::{Sum, Unit, add, times};
use super::given::ModelSizes;
use super::{Line, Part};
use crate::settings::Trainable;

/// The sums about one model that other lines are made of.
#[derive(Debug, Clone)]
pub(super) struct Model {
    name: String,
    sizes: Option<ModelSizes>,
    train: Trainable,
}

impl Model {
    pub(super) fn new(name: &str, sizes: Option<ModelSizes>, train: &Trainable) -> Self {
        Self { name: name.to_string(), sizes, train: train.clone() }
    }

    fn size(&self, name: &str, read: impl Fn(&ModelSizes) -> u64) -> Sum {
        Sum::fact(
            name,
            self.sizes.as_ref().map(|sizes| read(sizes) as f64),
            format!("the sizes of model `{}`", self.name),
        )
    }

    pub(super) fn layers(&self) -> Sum {
        self.size("layers", |s| s.layers)
    }

    pub(super) fn width(&self) -> Sum {
        self.size("width", |s| s.width)
    }

    pub(super) fn hidden(&self) -> Sum {
        self.size("hidden", |s| s.hidden)
    }

    pub(super) fn vocab(&self) -> Sum {
        self.size("vocab", |s| s.vocab)
    }

    /// Width of all query heads.
    pub(super) fn query_width(&self) -> Sum {
        times([self.size("heads", |s| s.heads), self.size("head_width", ModelSizes::width_of_head)])
    }

    /// Width of all key heads.
    pub(super) fn key_width(&self) -> Sum {
        times([self.size("kv_heads", ModelSizes::key_heads), self.size("head_width", ModelSizes::width_of_head)])
    }

    fn attention(&self) -> Sum {
        add([
            times([Sum::Plain(2.0), self.width(), self.query_width()]),
            times([Sum::Plain(2.0), self.width(), self.key_width()]),
        ])
    }

    fn gated(&self) -> Sum {
        times([Sum::Plain(3.0), self.width(), self.hidden()])
    }

    /// Parameters of all layers that are matrices.
    pub(super) fn matrices(&self) -> Sum {
        times([self.layers(), add([named("attention", self.attention()), named("gated unit", self.gated())])])
    }

    /// All parameters.
    pub(super) fn parameters(&self) -> Sum {
        named("parameters", self.parameter_sum())
    }

    fn parameter_sum(&self) -> Sum {
        let mut parts = vec![named("embedding", self.embedding()), named("layers", self.layer_sum())];
        parts.push(named("last norm", self.width()));
        if self.untied() {
            parts.push(named("head", self.embedding()));
        }
        add(parts)
    }

    fn untied(&self) -> bool {
        self.sizes.as_ref().is_none_or(|sizes| !sizes.tied)
    }

    pub(super) fn embedding(&self) -> Sum {
        times([self.vocab(), self.width()])
    }

    fn layer_sum(&self) -> Sum {
        let mut parts = vec![
            named("attention", self.attention()),
            named("gated unit", self.gated()),
            times([Sum::Plain(2.0), self.width()]),
        ];
        if self.sizes.as_ref().is_some_and(|sizes| sizes.biased) {
            parts.push(named("biases", add([self.query_width(), times([Sum::Plain(2.0), self.key_width()])])));
        }
        times([self.layers(), add(parts)])
    }

    /// Parameters that get a gradient.
    pub(super) fn trained(&self) -> Sum {
        match self.train {
            Trainable::Full => self.parameters(),
            Trainable::Frozen => Sum::known("trained parameters", 0.0),
            Trainable::Lora { .. } => named("adapter parameters", self.adapters()),
        }
    }

    /// Low-rank updates of the seven projections of a layer, `rank × (inputs + outputs)` each (arXiv 2106.09685).
    fn adapters(&self) -> Sum {
        let Trainable::Lora { rank, .. } = self.train else { return Sum::Plain(0.0) };
        let sides = add([
            times([Sum::Plain(2.0), add([self.width(), self.query_width()])]),
            times([Sum::Plain(2.0), add([self.width(), self.key_width()])]),
            times([Sum::Plain(3.0), add([self.width(), self.hidden()])]),
        ]);
        times([Sum::known("rank", f64::from(rank)), self.layers(), sides])
    }

    /// True when most weights stay as they are.
    pub(super) fn low_rank(&self) -> bool {
        matches!(self.train, Trainable::Lora { .. })
    }

    /// Whether anything is trained at all.
    pub(super) fn is_trained(&self) -> bool {
        self.train != Trainable::Frozen
    }

    /// Bytes of keys and values of one position.
    pub(super) fn cache_per_token(&self, bytes: f64) -> Sum {
        named("cache of a token", self.cache_sum(bytes))
    }

    fn cache_sum(&self, bytes: f64) -> Sum {
        times([self.layers(), Sum::Plain(2.0), self.key_width(), Sum::known("bytes", bytes)])
    }

    /// FLOP of a forward pass for one token, without attention to others: two per parameter of a matrix.
    pub(super) fn forward(&self) -> Sum {
        named("forward", self.forward_sum())
    }

    fn forward_sum(&self) -> Sum {
        times([Sum::Plain(2.0), add([named("matrices", self.matrices()), named("head", self.embedding())])])
    }

    /// FLOP of attention for one token per position that it sees: products with keys and with values.
    pub(super) fn attend(&self) -> Sum {
        named("attend", self.attend_sum())
    }

    fn attend_sum(&self) -> Sum {
        times([Sum::Plain(4.0), self.layers(), self.query_width()])
    }

    /// How many forward passes forward and backward together cost: 3 with all weights, 2 where weights get no gradient.
    pub(super) fn passes(&self) -> Sum {
        match (self.low_rank(), self.is_trained()) {
            (true, _) => Sum::known("passes (forward 1, backward 1)", 2.0),
            (false, true) => Sum::known("passes (forward 1, backward 2)", 3.0),
            (false, false) => Sum::known("passes (forward 1)", 1.0),
        }
    }

    /// The part about this model.
    pub(super) fn part(&self, bytes: f64) -> Part {
        let mut lines = vec![
            Line::new("embedding", "embedding", self.embedding(), Unit::Numbers),
            Line::new("attention", "attention, a layer", self.attention(), Unit::Numbers),
            Line::new("gated", "gated unit, a layer", self.gated(), Unit::Numbers),
            Line::new("layers", "all layers", self.layer_sum(), Unit::Numbers),
            Line::new("parameters", "parameters", self.parameter_sum(), Unit::Numbers),
        ];
        match self.train {
            Trainable::Full => {}
            Trainable::Frozen => lines.push(Line::new("trained", "of these trained", Sum::Plain(0.0), Unit::Numbers)),
            Trainable::Lora { .. } => {
                lines.push(
                    Line::new("trained", "adapters, trained", self.adapters(), Unit::Numbers)
                        .note("on all seven projections of a layer"),
                );
            }
        }
        lines.extend([
            Line::new("cache_per_token", "cache of a token", self.cache_sum(bytes), Unit::Bytes),
            Line::new("forward", "forward, a token", self.forward_sum(), Unit::Flop),
            Line::new("attend", "and for each position it sees", self.attend_sum(), Unit::Flop),
            Line::new("training", "forward and backward", times([self.passes(), self.forward()]), Unit::Flop),
        ]);
        Part { id: format!("model.{}", self.name), title: format!("model {}", self.name), lines }
    }
}

/// A sum under a name: its own line, elsewhere, shows how it was made.
pub(super) fn named(name: &str, sum: Sum) -> Sum {
    Sum::Named { name: name.to_string(), value: sum.value(), needs: sum.needs() }
}
