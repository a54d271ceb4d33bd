use super::*;
use crate::data::Problem;
use crate::rollout::Draw;
use crate::sampler::DomainState;
use recipec_compiler::plan::NodeKind;
use recipec_compiler::settings::{Count, CountPoint, CountUnit, MixStrategy};
use recipec_compiler::{FileId, NoFiles, Options, Source};
use std::sync::Arc;

/// The weight program of a mix, as a recipe states it.
fn weight(formula: &str) -> Program {
    let text = format!(
        "recipe r {{ edition = 2026 }}\n\
         model policy {{ source = fresh {{ width = 32 }}  context = 256 tokens }}\n\
         budget {{ prompt = 64 tokens  output = 96 tokens  buffer = 48 tokens  evaluation = 96 tokens  steps = 20 steps }}\n\
         domain a {{ data = builtin(\"arithmetic\")  verify = math_answer() }}\n\
         domain b {{ data = builtin(\"arithmetic\")  verify = math_answer() }}\n\
         mix {{ count = completed(rollouts)  weight = {formula} }}\n\
         reward {{ unfinished = as_judged  total = if correct then 1 else 0 }}\n\
         train {{ algorithm = gspo {{ weight = equal, divide_by_std = false }}  group = 2 rollouts  batch = 4 rollouts }}\n"
    );
    let checked =
        recipec_compiler::check(Source::new(FileId(0), "test.recipe", text.as_str()), &NoFiles, &Options::default());
    let problems: Vec<String> = checked.problems.sorted().iter().map(|d| d.message.clone()).collect();
    let recipe = checked.recipe.unwrap_or_else(|| panic!("{problems:?}"));
    let plan = recipec_compiler::compile(&recipe).expect("a plan").1;
    let found = plan.stages[0].nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Sampler { weight, .. } => Some(weight.clone()),
        _ => None,
    });
    found.expect("a sampler")
}

fn sampler(weight: &Program, every_steps: u64) -> Sampler<'_> {
    let count = Count { at: CountPoint::Completed, of: CountUnit::Rollouts };
    let domains = ["a", "b"].map(|name| DomainState { name, ratio: 0.5 }).to_vec();
    Sampler { domains, count, warmup: 0, every_steps, strategy: MixStrategy::Weight, group_size: 8, weight }
}

/// A group of domain `domain` with these total rewards, of which so many were solved, every rollout `length` tokens long.
fn group(domain: usize, totals: &[f64], solved: f64, length: usize) -> Group {
    let problem = Problem { id: String::new(), level: 1, prompt: String::new(), columns: BTreeMap::new() };
    let rollout = |(idx, total): (usize, &f64)| Rollout {
        idx,
        tokens: vec![1; length],
        logp_behavior: Vec::new(),
        logp_sampled: Vec::new(),
        version: 0,
        stop: crate::generate::StopReason::EndToken,
        truncated: false,
        text: String::new(),
        reasoning_tokens: 0,
        answer_tokens: 0,
        verdict: None,
        masked: false,
        signals: BTreeMap::new(),
        terms: BTreeMap::new(),
        total_reward: *total,
        advantage: 0.0,
    };
    Group {
        draw: Draw { number: 0, domain, problem, prompt: Arc::from(vec![1u32]) },
        rollouts: totals.iter().enumerate().map(rollout).collect(),
        solve_rate: solved / totals.len() as f64,
    }
}

fn names() -> Vec<String> {
    vec!["a".into(), "b".into()]
}

fn close(actual: &[f64], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len());
    for (a, e) in actual.iter().zip(expected) {
        assert!((a - e).abs() < 1e-12, "{actual:?} is not {expected:?}");
    }
}

/// RuleReasoner by hand, target 1, eps 0.1, tau 0.3, keep 0.5, two batches:
///
/// | | batch 1 | average | batch 2 | average |
/// | --- | --- | --- | --- | --- |
/// | a | (1 + 0 + 1 + 1)/4 = 0.75 | 0.375 | absent | 0.375 |
/// | b | (0 + 0)/2 = 0 | 0 | (1 + 1)/2 = 1 | 0.5 |
///
/// Weights exp((max(0, 1 - average) + 0.1)/0.3); eps cancels: p_a = 1 / (1 + exp((v_b - v_a)/0.3)).
#[test]
fn rule_reasoner_by_hand() {
    let weight = weight(
        "exp((max(0, 1 - history) + 0.1) / 0.3) where history = ema(mean(total, over = last_batch), keep = 0.5, start = 0)",
    );
    let sampler = sampler(&weight, 0);
    let mut counters = Counters::default();
    close(&sampler.in_force(&mut counters, 0.0).unwrap(), &[0.5, 0.5]);

    let first = [group(0, &[1.0, 0.0], 1.0, 3), group(1, &[0.0, 0.0], 0.0, 3), group(0, &[1.0, 1.0], 2.0, 3)];
    sampler.observe(&first, &names(), &mut counters, 0.0).unwrap();
    close(&counters.mix.averages[0], &[0.375, 0.0]);
    let share = |v_a: f64, v_b: f64| 1.0 / (1.0 + libm::exp((v_b - v_a) / 0.3));
    let p = share(0.625, 1.0);
    assert!((p - 0.222_700_138_825_31).abs() < 1e-12, "exp(-0.375/0.3) to one: {p}");
    close(&sampler.in_force(&mut counters, 0.0).unwrap(), &[p, 1.0 - p]);

    sampler.observe(&[group(1, &[1.0, 1.0], 2.0, 3)], &names(), &mut counters, 0.0).unwrap();
    close(&counters.mix.averages[0], &[0.375, 0.5]);
    let p = share(0.625, 0.5);
    close(&sampler.in_force(&mut counters, 0.0).unwrap(), &[p, 1.0 - p]);
    // A batch from which nothing was kept changes nothing.
    sampler.observe(&[], &names(), &mut counters, 0.0).unwrap();
    close(&counters.mix.averages[0], &[0.375, 0.5]);
}

/// Averages 0.5 and 1 are both above the target 0.25: the difference is cut at 0, and the weights are equal.
#[test]
fn an_average_above_the_target_weighs_as_the_target() {
    let weight = weight("exp(max(0, 0.25 - ema(mean(solve_rate, over = last_batch), keep = 0, start = 0)))");
    let sampler = sampler(&weight, 0);
    let mut counters = Counters::default();
    let batch = [group(0, &[0.0, 0.0], 1.0, 3), group(1, &[0.0, 0.0], 2.0, 3)];
    sampler.observe(&batch, &names(), &mut counters, 0.0).unwrap();
    close(&counters.mix.averages[0], &[0.5, 1.0]);
    close(&sampler.in_force(&mut counters, 0.0).unwrap(), &[0.5, 0.5]);
}

/// By hand: `a` has lengths 2, 2, 6, 6 (mean 4), `b` is absent and has 0; then `b` has 8, and `a` keeps the mean of its last batch.
#[test]
fn means_are_of_the_last_batch_that_had_any() {
    let weight = weight("1 + mean(length, over = last_batch) / 1 token");
    let sampler = sampler(&weight, 0);
    let mut counters = Counters::default();
    let batch = [group(0, &[0.0, 0.0], 0.0, 2), group(0, &[0.0, 0.0], 0.0, 6)];
    sampler.observe(&batch, &names(), &mut counters, 0.0).unwrap();
    close(&sampler.in_force(&mut counters, 0.0).unwrap(), &[5.0 / 6.0, 1.0 / 6.0]);
    sampler.observe(&[group(1, &[0.0, 0.0], 0.0, 8)], &names(), &mut counters, 0.0).unwrap();
    close(&sampler.in_force(&mut counters, 0.0).unwrap(), &[5.0 / 14.0, 9.0 / 14.0]);
}

/// With `every = 3 steps` the probabilities change at steps 0, 3, 6, and nowhere else.
#[test]
fn probabilities_are_kept_for_a_period() {
    let weight = weight("1 + mean(total, over = last_batch)");
    let kept = sampler(&weight, 3);
    let mut counters = Counters::default();
    let mut seen = Vec::new();
    for step in 0..7 {
        counters.step = step;
        seen.push(kept.in_force(&mut counters, 0.0).unwrap()[0]);
        // Domain `a` has the mean reward `step + 1` in the batch of this step.
        let total = (step + 1) as f64;
        kept.observe(&[group(0, &[total, total], 0.0, 1)], &names(), &mut counters, 0.0).unwrap();
    }
    let after = |mean: f64| (1.0 + mean) / (2.0 + mean);
    close(&seen, &[0.5, 0.5, 0.5, after(3.0), after(3.0), after(3.0), after(6.0)]);
}

/// What a checkpoint holds gives the same probabilities, to the last bit.
#[test]
fn the_memory_survives_a_file() {
    let weight = weight("exp(ema(mean(total, over = last_batch), keep = 0.3, start = 0.1))");
    let sampler = sampler(&weight, 2);
    let mut counters = Counters::default();
    for n in 1..6u32 {
        counters.step = u64::from(n);
        sampler.in_force(&mut counters, 0.0).unwrap();
        let total = 1.0 / f64::from(n);
        sampler.observe(&[group(0, &[total, 0.1], 0.0, 1)], &names(), &mut counters, 0.0).unwrap();
    }
    let text = serde_json::to_string(&counters).unwrap();
    let mut read: Counters = serde_json::from_str(&text).unwrap();
    assert_eq!(read, counters);
    (counters.step, read.step) = (6, 6);
    let bits = |p: Vec<f64>| p.into_iter().map(f64::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(sampler.in_force(&mut read, 0.0).unwrap()), bits(sampler.in_force(&mut counters, 0.0).unwrap()));
}
