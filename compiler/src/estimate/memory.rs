//! Memory by part, in the worst case: every slot at its longest sequence, a micro-batch that ends with the longest.

use super::arithmetic::{Sum, Unit, add, largest, minus, over, times};
use super::given::{
    Device, Given, LANES, LARGE_LOGIT_ROWS, LARGE_MICRO_BATCH_TOKENS, LARGE_PARAMETERS, LOGIT_ROWS, MICRO_BATCH_TOKENS,
    bytes_of,
};
use super::model::{Model, named};
use super::work::{StageWork, device_word};
use super::{Line, Part};
use crate::plan::Plan;
use crate::settings::Precision;

/// How gradients are computed, which decides what is held.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Way {
    /// On an accelerator.
    Accelerator,
    /// On the CPU, micro-batches beside each other.
    Lanes,
    /// On the CPU, a large policy: one micro-batch after the other, layers computed again.
    Whole,
}

impl Way {
    pub(super) fn of(policy: &Model, device: Device) -> Self {
        // A size that is not known is that of a checkpoint, which is large.
        let is_large = policy.parameters().value().is_none_or(|count| count >= LARGE_PARAMETERS as f64);
        match device {
            Device::Cpu if is_large => Self::Whole,
            Device::Cpu => Self::Lanes,
            Device::Accelerator => Self::Accelerator,
        }
    }

    /// Tokens after which a micro-batch is full.
    pub(super) fn micro_batch_tokens(self) -> f64 {
        if self == Self::Whole { LARGE_MICRO_BATCH_TOKENS as f64 } else { MICRO_BATCH_TOKENS as f64 }
    }

    /// Micro-batches at a time, each with gradients of its own.
    fn lanes(self) -> Sum {
        match self {
            Self::Lanes => Sum::known("lanes", LANES as f64),
            Self::Whole | Self::Accelerator => Sum::known("copies", 1.0),
        }
    }
}

/// Memory of a stage by part.
pub(super) fn part(stage: &StageWork, plan: &Plan, policy: &Model, given: &Given) -> Part {
    let number = bytes_of(plan.policy.precision, given.device);
    let on_cpu = given.device == Device::Cpu;
    let way = Way::of(policy, given.device);
    let bytes = |size: f64| Sum::known("bytes", size);
    let four = || bytes(4.0);
    let mut lines = vec![Line::new("weights", "weights", times([policy.parameters(), bytes(number)]), Unit::Bytes)];
    if plan.policy.precision == Precision::Bf16 && !on_cpu {
        if policy.is_trained() {
            let master = times([policy.trained(), four()]);
            lines.push(
                Line::new("master", "master weights, 32 bits", master, Unit::Bytes).note("what the optimizer adds to"),
            );
        }
        let head = times([policy.vocab(), policy.width(), four()]);
        lines.push(Line::new("head", "head in 32 bits", head, Unit::Bytes).note("logits are computed from it"));
    }
    if on_cpu && policy.low_rank() {
        let base = times([policy.matrices(), four()]);
        lines.push(
            Line::new("base", "weights under the adapters", base, Unit::Bytes)
                .note("what adapters are added to after every step"),
        );
    } else if on_cpu && policy.is_trained() && plan.policy.precision == Precision::Bf16 {
        let master = times([minus(policy.parameters(), policy.embedding()), four()]);
        lines.push(
            Line::new("master", "master weights", master, Unit::Bytes)
                .note("what the optimizer adds to; the head is not rounded"),
        );
    }
    if way == Way::Lanes {
        let copies = times([Sum::known("copies", 2.0), policy.parameters(), four()]);
        lines.push(
            Line::new("packed", "weights packed for products", copies, Unit::Bytes).note("forward and transposed"),
        );
    }
    if policy.is_trained() {
        let gradients = times([way.lanes(), policy.trained(), four()]);
        lines.push(Line::new("gradients", "gradients", gradients, Unit::Bytes));
        let moments = times([Sum::known("moments", 2.0), policy.trained(), four()]);
        lines.push(Line::new("moments", "both moments of AdamW", moments, Unit::Bytes));
    }
    if stage.reference {
        let copy = times([policy.parameters(), bytes(number)]);
        lines.push(Line::new("reference", "reference policy", copy, Unit::Bytes));
    }
    if stage.in_flight {
        let copy = times([policy.parameters(), bytes(number)]);
        lines.push(
            Line::new("behavior", "weights that decode", copy, Unit::Bytes).note("one version behind the trained ones"),
        );
    }
    lines.extend(activations(stage, policy, number, way));
    let rows = match way {
        Way::Lanes => Sum::known("rows at a time", (LOGIT_ROWS * LANES) as f64),
        Way::Whole => Sum::known("rows at a time", LARGE_LOGIT_ROWS as f64),
        Way::Accelerator => micro_batch(stage, way),
    };
    let logits = times([rows, policy.vocab(), four(), Sum::Plain(if on_cpu { 1.0 } else { 2.0 })]);
    lines.push(
        Line::new("logits", "logits of the loss", logits, Unit::Bytes).note("and, on an accelerator, their gradient"),
    );
    let mut of_decoding = Vec::new();
    if stage.slots > 0.0 {
        if way == Way::Whole {
            let copies = times([add([policy.parameters(), policy.embedding()]), four()]);
            of_decoding.push(
                Line::new("packed", "weights packed for decoding", copies, Unit::Bytes)
                    .note("not held while gradients are"),
            );
        }
        of_decoding.extend(decoding(stage, policy, number));
    }
    let total = if way == Way::Whole {
        // Decoding and training of one batch take turns, and each lets go of what it held.
        let of_training = |line: &&Line| ["gradients", "activations", "one_layer", "logits"].contains(&&*line.id);
        let (training, kept): (Vec<_>, Vec<_>) = lines.iter().partition(of_training);
        let turns = largest([
            named("training", add(training.into_iter().map(Line::named))),
            named("decoding", add(of_decoding.iter().map(Line::named))),
        ]);
        add(kept.into_iter().map(Line::named).chain([turns]))
    } else {
        // Decoding and training of one batch take turns, but their buffers are kept: all of them count.
        add(lines.iter().chain(&of_decoding).map(Line::named))
    };
    lines.extend(of_decoding);
    lines.push(Line::new("total", "together", total, Unit::Bytes));
    lines.extend(slots_that_fit(stage, policy, given, number, &lines));
    Part {
        id: format!("{}.memory", stage.name),
        title: format!("stage {}, memory on {}, worst case", stage.name, device_word(given.device)),
        lines,
    }
}

/// Tokens of the longest micro-batch: it is one token short of full when the longest sequence comes.
fn micro_batch(stage: &StageWork, way: Way) -> Sum {
    named("longest micro-batch", add([Sum::known("full", way.micro_batch_tokens()), stage.longest(), Sum::Plain(-1.0)]))
}

/// What a backward pass needs of each layer: its input, queries, keys, values, what attention gave, the input of the second
/// norm, and both sides of the gated unit. For a large policy on the CPU: the input of each layer, and of one layer all that its
/// two passes hold.
fn activations(stage: &StageWork, policy: &Model, number: f64, way: Way) -> Vec<Line> {
    let note = format!("longest micro-batch: {}; scores of attention are not kept", micro_batch_numbers(stage, way));
    let bytes = || Sum::known("bytes", number);
    if way == Way::Whole {
        let inputs = times([micro_batch(stage, way), policy.layers(), policy.width(), bytes()]);
        let of_token = add([
            times([Sum::Plain(5.0), policy.width()]),
            times([Sum::Plain(7.0), policy.query_width()]),
            times([Sum::Plain(8.0), policy.key_width()]),
            times([Sum::Plain(5.0), policy.hidden()]),
        ]);
        let one = times([micro_batch(stage, way), of_token, bytes()]);
        return vec![
            Line::new("activations", "inputs of the layers", inputs, Unit::Bytes).note(note),
            Line::new("one_layer", "one layer, computed again", one, Unit::Bytes)
                .note("activations and their gradients"),
        ];
    }
    let of_token = add([
        times([Sum::Plain(2.0), policy.width()]),
        times([Sum::Plain(2.0), policy.query_width()]),
        times([Sum::Plain(2.0), policy.key_width()]),
        times([Sum::Plain(2.0), policy.hidden()]),
    ]);
    let sum = times([way.lanes(), micro_batch(stage, way), policy.layers(), of_token, bytes()]);
    vec![Line::new("activations", "activations of a micro-batch", sum, Unit::Bytes).note(note)]
}

fn micro_batch_numbers(stage: &StageWork, way: Way) -> String {
    let longest = add([Sum::Plain(way.micro_batch_tokens()), stage.longest()]).numbers();
    format!("{longest} - 1 tokens")
}

fn decoding(stage: &StageWork, policy: &Model, number: f64) -> Vec<Line> {
    let slots = || Sum::known("slots", stage.slots);
    let (longest, note) = longest_decoded(stage);
    let cache = times([slots(), longest, policy.cache_per_token(number)]);
    let logits = times([slots(), policy.vocab(), Sum::known("bytes", 4.0)]);
    vec![
        Line::new("cache", "cache of keys and values", cache, Unit::Bytes).note(note),
        Line::new("decode_logits", "logits of decoding", logits, Unit::Bytes),
    ]
}

/// The longest sequence that is decoded, and whose cap that is.
fn longest_decoded(stage: &StageWork) -> (Sum, &'static str) {
    // A suite may decode longer sequences than training does.
    let suites = stage.evaluation.iter().flat_map(|(_, suites)| suites.iter().map(|suite| suite.max_output_tokens));
    let in_suites = suites.max().map(|cap| cap as f64).filter(|cap| stage.max_output.is_none_or(|own| *cap > own));
    match in_suites {
        Some(cap) => {
            let sum = add([Sum::known("longest prompt", stage.max_prompt), Sum::known("output cap", cap)]);
            (sum, "the longest cap is that of a suite")
        }
        None => (stage.longest(), "every slot at its longest, no prompt shared"),
    }
}

/// How many slots the memory of the device has room for at their longest: what to write when the estimate does not fit.
fn slots_that_fit(stage: &StageWork, policy: &Model, given: &Given, number: f64, lines: &[Line]) -> Option<Line> {
    let memory = given.device_memory.filter(|_| stage.slots > 0.0)?;
    let others = lines.iter().filter(|line| !["cache", "total"].contains(&line.id.as_str())).map(Line::named);
    let free = minus(Sum::known("device", memory), named("all but the cache", add(others)));
    let of_slot = times([longest_decoded(stage).0, policy.cache_per_token(number)]);
    let sum = largest([Sum::Plain(0.0), over(free, of_slot)]);
    Some(Line::new("slots_that_fit", "slots that fit", sum, Unit::Rollouts).note("each at its longest"))
}

/// The largest stage, and whether it fits.
pub(super) fn whole(stages: &[(String, Sum)], given: &Given) -> Part {
    let all = stages.iter().map(|(name, total)| named(name, total.clone()));
    let mut lines = vec![Line::new("total", "largest stage", largest(all), Unit::Bytes)];
    if let (Some(memory), [total]) = (given.device_memory, lines.as_slice()) {
        let share = over(total.named(), Sum::known("device", memory));
        let fits = match share.value() {
            Some(share) if share <= 1.0 => "it fits",
            Some(_) => "it does not fit",
            None => "not decided",
        };
        lines.push(Line::new("share", "of the device's memory", share, Unit::Share).note(fits));
    }
    Part { id: "run.memory".into(), title: "the run, memory".into(), lines }
}
