//! What one step of a stage does: groups, rollouts, tokens, FLOP, seconds.

use super::arithmetic::{Sum, Unit, add, largest, over, times};
use super::given::{Device, Given};
use super::memory::Way;
use super::model::{Model, named};
use super::{Line, Part};
use crate::plan::{NodeKind, Plan, StagePlan, SuitePlan};
use crate::settings::WeightUpdate;

/// A stage, read from its nodes.
#[derive(Debug, Clone)]
pub(super) struct StageWork {
    pub(super) name: String,
    /// Demonstrations per step; none in a stage that learns from rollouts.
    pub(super) demonstrations: Option<f64>,
    pub(super) group: f64,
    pub(super) batch: f64,
    pub(super) refill: f64,
    pub(super) updates: f64,
    pub(super) slots: f64,
    pub(super) in_flight: bool,
    pub(super) max_prompt: f64,
    /// Longest response of any domain; of all stages where this one has no cap of its own.
    pub(super) max_output: Option<f64>,
    /// Cap of a response, averaged over the domains by their ratios.
    pub(super) mean_cap: Option<f64>,
    pub(super) reference: bool,
    /// Steps between evaluations, where there are any, and what they measure.
    pub(super) evaluation: Option<(Option<f64>, Vec<SuitePlan>)>,
}

impl StageWork {
    /// Walks the nodes of a stage.
    pub(super) fn read(plan: &Plan, stage: &StagePlan) -> Self {
        let mut work = Self {
            name: stage.name.clone(),
            demonstrations: None,
            group: 1.0,
            batch: 0.0,
            refill: 1.0,
            updates: 1.0,
            slots: 0.0,
            in_flight: false,
            max_prompt: 0.0,
            max_output: None,
            mean_cap: None,
            reference: false,
            evaluation: None,
        };
        let mut shares: Vec<(&str, f64)> = Vec::new();
        for node in &stage.nodes {
            match &node.kind {
                NodeKind::Data { max_prompt_tokens, .. } => {
                    work.max_prompt = work.max_prompt.max(*max_prompt_tokens as f64);
                }
                NodeKind::Sampler { domains, ratios, .. } => {
                    shares = domains.iter().map(String::as_str).zip(ratios.iter().copied()).collect();
                }
                NodeKind::Rollout { group_size, slots, update, max_output_tokens, .. } => {
                    work.group = *group_size as f64;
                    work.slots = *slots as f64;
                    work.in_flight = matches!(update, WeightUpdate::InFlight { .. });
                    work.max_output = max_output_tokens.iter().copied().max().map(|cap| cap as f64);
                    work.mean_cap = mean_cap(&plan.domains, max_output_tokens, &shares).or(work.max_output);
                }
                NodeKind::Batch { rollouts, refill, .. } => {
                    work.batch = *rollouts as f64;
                    work.refill = (*refill).max(1) as f64;
                }
                NodeKind::Loss { updates, .. } => work.updates = (*updates).max(1) as f64,
                NodeKind::Demonstrations { batch_problems, .. } => work.demonstrations = Some(*batch_problems as f64),
                NodeKind::Reference { .. } => work.reference = true,
                NodeKind::Evaluate { every_steps, suites, .. } => {
                    work.evaluation = Some((every_steps.map(|steps| steps as f64), suites.clone()));
                }
                _ => {}
            }
        }
        if work.demonstrations.is_some() {
            // A demonstration is thought to fit where a response must: no node of this stage bounds it.
            work.max_output = longest_output(plan);
            work.mean_cap = work.max_output;
        }
        work
    }

    /// How often groups for a whole batch are drawn, at a share of kept groups.
    pub(super) fn waves(&self, kept: f64) -> f64 {
        let needed = if kept > 0.0 { libm::ceil(1.0 / kept - 1e-9) } else { self.refill };
        needed.clamp(1.0, self.refill)
    }

    /// The longest sequence that is trained or decoded.
    pub(super) fn longest(&self) -> Sum {
        add([
            Sum::known("longest prompt", self.max_prompt),
            Sum::fact("output cap", self.max_output, "a cap for the length of demonstrations"),
        ])
    }

    fn mean_prompt_sum(&self, given: &Given) -> Sum {
        times([Sum::known("share", given.prompt_share), Sum::known("longest prompt", self.max_prompt)])
    }

    fn mean_prompt(&self, given: &Given) -> Sum {
        named("mean prompt", self.mean_prompt_sum(given))
    }

    fn mean_output_sum(&self, given: &Given) -> Sum {
        let cap = Sum::fact("mean cap of the domains", self.mean_cap, "a cap for the length of demonstrations");
        times([Sum::known("share", given.output_share), cap])
    }

    fn mean_output(&self, given: &Given) -> Sum {
        named("mean response", self.mean_output_sum(given))
    }
}

fn mean_cap(domains: &[String], caps: &[u64], shares: &[(&str, f64)]) -> Option<f64> {
    let cap = |name: &str| {
        let at = domains.iter().position(|domain| domain == name)?;
        caps.get(at).map(|cap| *cap as f64)
    };
    let (mut sum, mut all) = (0.0, 0.0);
    for (name, share) in shares {
        sum += share * cap(name)?;
        all += share;
    }
    (all > 0.0).then_some(sum / all)
}

fn longest_output(plan: &Plan) -> Option<f64> {
    let nodes = plan.stages.iter().flat_map(|stage| &stage.nodes);
    let caps = nodes.filter_map(|node| match &node.kind {
        NodeKind::Rollout { max_output_tokens, .. } => max_output_tokens.iter().copied().max(),
        _ => None,
    });
    caps.max().map(|cap| cap as f64)
}

/// What the walk over the budgets needs of a stage.
#[derive(Debug, Clone)]
pub(super) struct StageCost {
    pub(super) name: String,
    /// Generated tokens of a step: mean, worst case.
    pub(super) tokens: [Sum; 2],
    pub(super) flop: Sum,
    pub(super) seconds: Sum,
    pub(super) evaluation: Option<EvaluationCost>,
}

/// What one evaluation costs.
#[derive(Debug, Clone)]
pub(super) struct EvaluationCost {
    pub(super) seconds: Sum,
    pub(super) flop: Sum,
    /// Steps between two; none when there is one at either end of the stage only.
    pub(super) every: Option<f64>,
}

/// The parts about the work of a stage, and what the budgets need of them.
pub(super) fn parts(stage: &StageWork, policy: &Model, given: &Given, number: f64) -> (Vec<Part>, StageCost) {
    match stage.demonstrations {
        Some(batch) => supervised(stage, batch, policy, given),
        None => reinforce(stage, policy, given, number),
    }
}

fn supervised(stage: &StageWork, batch: f64, policy: &Model, given: &Given) -> (Vec<Part>, StageCost) {
    let length = Line::new(
        "mean_sequence",
        "mean sequence",
        add([stage.mean_prompt_sum(given), stage.mean_output_sum(given)]),
        Unit::Tokens,
    )
    .note("demonstrations are thought to be as long as responses");
    let sequence = length.named();
    let batch = Sum::known("demonstrations", batch);
    let tokens = Line::new("trained", "tokens trained, mean", times([batch.clone(), sequence.clone()]), Unit::Tokens);
    let most = Line::new("trained_most", "tokens trained, at most", times([batch, stage.longest()]), Unit::Tokens);
    let flop = training_flop(&tokens, &sequence, policy);
    let time = Line::new("time", "time of a step", over(flop.named(), compute(given)), Unit::Seconds);
    let cost = StageCost {
        name: stage.name.clone(),
        tokens: [Sum::known("generated", 0.0), Sum::known("generated", 0.0)],
        flop: flop.named(),
        seconds: time.named(),
        evaluation: None,
    };
    let part = Part {
        id: format!("{}.step", stage.name),
        title: format!("stage {}, a step (demonstrations)", stage.name),
        lines: vec![length, tokens, most, flop, time],
    };
    (vec![part], cost)
}

fn training_flop(tokens: &Line, sequence: &Sum, policy: &Model) -> Line {
    let of_token = add([policy.forward(), over(times([policy.attend(), sequence.clone()]), Sum::Plain(2.0))]);
    Line::new("train_flop", "training", times([tokens.named(), policy.passes(), of_token]), Unit::Flop)
        .note("a token sees half of its sequence on average")
}

fn compute(given: &Given) -> Sum {
    Sum::known("FLOP/s", given.rates.compute)
}

fn reinforce(stage: &StageWork, policy: &Model, given: &Given, number: f64) -> (Vec<Part>, StageCost) {
    let batch = batch_lines(stage, given);
    let find = |id: &str| batch.iter().find(|line| line.id == id).map_or(Sum::Plain(0.0), Line::named);
    let (drawn, drawn_most, trained) = (find("drawn"), find("drawn_most"), find("trained_rollouts"));
    let updates = || Sum::known("updates", stage.updates);
    let per_step = |sum: Sum| if stage.updates == 1.0 { sum } else { over(sum, updates()) };
    let (prompt, output) = (stage.mean_prompt(given), stage.mean_output(given));
    let sequence = add([prompt.clone(), output.clone()]);
    let cap = Sum::fact("output cap", stage.max_output, "an output cap");
    let longest = named("longest sequence", stage.longest());

    let prompts = over(drawn.clone(), Sum::known("group", stage.group));
    let full = Way::of(policy, given.device).micro_batch_tokens();
    let tokens = vec![
        Line::new("mean_prompt", "mean prompt", stage.mean_prompt_sum(given), Unit::Tokens),
        Line::new("mean_response", "mean response", stage.mean_output_sum(given), Unit::Tokens),
        Line::new("longest", "longest sequence", stage.longest(), Unit::Tokens),
        Line::new("prompts", "prompt tokens, mean", per_step(times([prompts, prompt.clone()])), Unit::Tokens)
            .note("a prompt is computed once for its group"),
        Line::new("generated", "tokens generated, mean", per_step(times([drawn, output.clone()])), Unit::Tokens),
        Line::new("generated_most", "tokens generated, at most", per_step(times([drawn_most, cap])), Unit::Tokens),
        Line::new("trained", "tokens trained, mean", times([trained.clone(), sequence.clone()]), Unit::Tokens)
            .note("prompt and response; the whole batch at every optimizer step"),
        Line::new(
            "trained_most",
            "tokens trained, at most",
            times([Sum::known("batch", stage.batch), longest.clone()]),
            Unit::Tokens,
        ),
        Line::new(
            "micro_batches",
            "micro-batches, about",
            over(times([trained, sequence.clone()]), Sum::known("tokens of a micro-batch", full)),
            Unit::Numbers,
        )
        .note("cut in draw order when it is reached; they change no result"),
    ];
    let line = |id: &str| tokens.iter().find(|line| line.id == id).map_or(Sum::Plain(0.0), Line::named);

    let half = |sum: Sum| over(sum, Sum::Plain(2.0));
    let seen = add([prompt.clone(), half(output.clone())]);
    let generate = add([
        times([line("generated"), add([policy.forward(), times([policy.attend(), seen.clone()])])]),
        times([line("prompts"), add([policy.forward(), half(times([policy.attend(), prompt]))])]),
    ]);
    let mut flop = vec![Line::new("generate_flop", "generation", generate, Unit::Flop)];
    if stage.reference {
        let of_token = add([policy.forward(), half(times([policy.attend(), sequence.clone()]))]);
        let sum = per_step(times([line("trained"), of_token]));
        flop.push(Line::new("reference_flop", "reference policy", sum, Unit::Flop).note("once for a batch"));
    }
    let trained_line = tokens.iter().find(|line| line.id == "trained");
    flop.extend(trained_line.map(|line| training_flop(line, &sequence, policy)));
    let all = Line::new("flop", "a step", add(flop.iter().map(Line::named)), Unit::Flop);

    let time = time_lines(stage, policy, given, number, &flop, line("generated"), seen);
    let evaluation = stage.evaluation.as_ref().map(|(every, suites)| {
        let lines = evaluation_lines(suites, policy, given, time.iter().find(|line| line.id == "rate"));
        (lines, *every)
    });
    let cost = StageCost {
        name: stage.name.clone(),
        tokens: [line("generated"), line("generated_most")],
        flop: all.named(),
        seconds: time.last().map_or(Sum::Plain(0.0), Line::named),
        evaluation: evaluation.as_ref().and_then(|(lines, every)| {
            let of = |id: &str| lines.iter().find(|line| line.id == id).map(Line::named);
            Some(EvaluationCost { seconds: of("time")?, flop: of("flop")?, every: *every })
        }),
    };
    let named_part = |id: &str, title: &str, lines: Vec<Line>| Part {
        id: format!("{}.{id}", stage.name),
        title: format!("stage {}, {title}", stage.name),
        lines,
    };
    let mut parts = vec![
        named_part("batch", "a batch", batch),
        named_part("tokens", "tokens of a step", tokens),
        named_part("flop", "FLOP of a step", flop.into_iter().chain([all]).collect()),
        named_part("time", "time of a step", time),
    ];
    if let Some((lines, _)) = evaluation {
        parts.push(named_part("evaluation", "one evaluation", lines));
    }
    (parts, cost)
}

/// What batch, group, refill and updates mean together.
fn batch_lines(stage: &StageWork, given: &Given) -> Vec<Line> {
    let batch = || Sum::known("batch", stage.batch);
    let group = || Sum::known("group", stage.group);
    let waves = stage.waves(given.kept_share);
    let kept = (waves * given.kept_share).min(1.0);
    let mut lines = vec![
        Line::new("groups", "prompts of a batch", over(batch(), group()), Unit::Groups)
            .note("one group of rollouts for each"),
        Line::new("drawn", "rollouts drawn, mean", times([Sum::known("draws", waves), batch()]), Unit::Rollouts)
            .note(format!("at {} of the groups kept", Unit::Share.show(given.kept_share))),
        Line::new(
            "drawn_most",
            "rollouts drawn, at most",
            times([Sum::known("refill", stage.refill), batch()]),
            Unit::Rollouts,
        ),
        Line::new(
            "trained_rollouts",
            "rollouts of an optimizer step",
            times([Sum::known("filled", kept), batch()]),
            Unit::Rollouts,
        )
        .note("the whole batch; it is not cut into smaller ones"),
        Line::new("updates", "optimizer steps of a batch", Sum::known("updates", stage.updates), Unit::Steps),
    ];
    if stage.updates > 1.0 {
        let sum = over(over(batch(), group()), Sum::known("updates", stage.updates));
        lines.push(Line::new("groups_per_step", "new prompts for an optimizer step", sum, Unit::Groups));
    }
    lines
}

fn time_lines(
    stage: &StageWork,
    policy: &Model,
    given: &Given,
    number: f64,
    flop: &[Line],
    generated: Sum,
    seen: Sum,
) -> Vec<Line> {
    let mut lines = Vec::new();
    let used = Sum::known("slots in use", stage.slots.min(stage.batch).max(1.0));
    let bandwidth = Sum::known("bytes/s", given.rates.bandwidth);
    let rate = match given.rates.generate {
        Some(rate) => Line::new("rate", "decoding", Sum::known("given", rate), Unit::TokensPerSecond),
        None => {
            let weights = times([policy.parameters(), Sum::known("bytes", number)]);
            let cache = times([used.clone(), seen.clone(), policy.cache_per_token(number)]);
            let reading = over(add([weights, cache]), bandwidth);
            let of_token = add([policy.forward(), times([policy.attend(), seen])]);
            let computing = over(times([used.clone(), of_token]), compute(given));
            lines.push(Line::new("reading", "a tick reads memory for", reading, Unit::Seconds));
            lines.push(Line::new("computing", "and computes for", computing, Unit::Seconds));
            let tick = largest(lines.iter().map(Line::named));
            lines.push(Line::new("tick", "a tick", tick, Unit::Seconds).note("one token for every slot"));
            let tick = lines.last().map_or(Sum::Plain(0.0), Line::named);
            Line::new("rate", "decoding", over(used.clone(), tick), Unit::TokensPerSecond)
        }
    };
    let generate = Line::new("generate", "generation", over(generated, rate.named()), Unit::Seconds)
        .note("without the tail of a batch, where few slots are still in use");
    let slow: Vec<Sum> = flop.iter().filter(|line| line.id != "generate_flop").map(Line::named).collect();
    let train = Line::new("train", "training", over(add(slow), compute(given)), Unit::Seconds);
    lines.push(rate.clone());
    let cap = Sum::fact("output cap", stage.max_output, "an output cap");
    let tail = over(times([Sum::known("draws", stage.waves(given.kept_share)), cap, used]), rate.named());
    let tail = if stage.updates == 1.0 { tail } else { over(tail, Sum::known("updates", stage.updates)) };
    let both = [generate.named(), train.named()];
    let step = if stage.in_flight { largest(both) } else { add(both) };
    let step = Line::new("step", "a step", step, Unit::Seconds).note(if stage.in_flight {
        "decoding goes on while the policy trains"
    } else {
        "decoding and training take turns"
    });
    let stall = if stage.in_flight {
        let busy = over(generate.named(), step.named());
        Line::new("busy", "decoder in use", busy, Unit::Share).note("the rest is stall: it waits for the trainer")
    } else {
        Line::new("tail", "tail of the draws, at most", tail, Unit::Seconds)
            .note("comes on top when one response reaches the cap alone")
    };
    lines.extend([generate, train, stall, step]);
    lines
}

fn evaluation_lines(suites: &[SuitePlan], policy: &Model, given: &Given, rate: Option<&Line>) -> Vec<Line> {
    let mut lines = Vec::new();
    for suite in suites {
        let known: Option<Vec<u64>> = suite.parts.iter().map(|part| part.problems).collect();
        let problems = known.map(|counts| counts.iter().sum::<u64>() as f64);
        let need = format!("the number of problems of suite `{}`", suite.name);
        let sum = times([
            Sum::fact("problems", problems, need),
            Sum::known("samples", suite.samples as f64),
            Sum::known("share", given.output_share),
            Sum::known("output cap", suite.max_output_tokens as f64),
        ]);
        lines.push(Line::new(
            &format!("tokens.{}", suite.name),
            &format!("tokens of {}", suite.name),
            sum,
            Unit::Tokens,
        ));
    }
    let tokens = Line::new("tokens", "tokens", add(lines.iter().map(Line::named)), Unit::Tokens)
        .note("not counted against `budget.tokens`");
    let flop = Line::new("flop", "FLOP", times([tokens.named(), policy.forward()]), Unit::Flop);
    let time = rate.map(|rate| Line::new("time", "time", over(tokens.named(), rate.named()), Unit::Seconds));
    lines.extend([tokens, flop]);
    lines.extend(time);
    lines
}

/// What one device is called in a line.
pub(super) fn device_word(device: Device) -> &'static str {
    match device {
        Device::Cpu => "the CPU",
        Device::Accelerator => "one accelerator",
    }
}
