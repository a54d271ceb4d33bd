//! Every recipe's toy for three steps, and what is its own, calculated by hand or by PyTorch.
//!
//!     cargo test --release --test recipes_run -- --ignored --nocapture

mod common;

use common::recipes::{cut, folder, plan, text, toys};
use common::{TestWorld, read, run_in};
use recipec_compiler::Plan;
use recipec_compiler::formula::Scratch;
use recipec_compiler::plan::{Node, NodeKind, StagePlan};
use recipec_compiler::settings::Drop;
use recipec_runtime::advantage::advantages;
use recipec_runtime::answer::answer_part;
use recipec_runtime::checkpoint;
use recipec_runtime::data::Problem;
use recipec_runtime::device::Device;
use recipec_runtime::generate::StopReason;
use recipec_runtime::loss::shares::{UpdateSize, token_shares};
use recipec_runtime::loss::{Objective, SequenceTerms};
use recipec_runtime::optimizer::{Optimizer, schedule_share};
use recipec_runtime::policy::Policy;
use recipec_runtime::policy::gradient::{Lanes, Sequence, gradients};
use recipec_runtime::reward::{self, RewardContext};
use recipec_runtime::rollout::{Draw, Group, Rollout};
use recipec_runtime::run::{self, Asked};
use recipec_runtime::train::{Speed, StoppedBy};
use recipec_runtime::verify;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

fn node<'a>(stage: &'a StagePlan, id: &str) -> &'a Node {
    stage.nodes.iter().find(|node| node.id == id).unwrap_or_else(|| panic!("no node `{id}` in `{}`", stage.name))
}

/// A checkpoint after every step, all of them kept.
fn with_all_checkpoints(mut plan: Plan) -> Plan {
    for node in plan.stages.iter_mut().flat_map(|stage| &mut stage.nodes) {
        if let NodeKind::Checkpoint { every_steps, keep, .. } = &mut node.kind {
            (*every_steps, *keep) = (Some(1), 1000);
        }
    }
    plan
}

/// Runs a plan, all rollouts kept.
fn recorded(plan: &Plan, into: &Path) -> TestWorld {
    let mut world = TestWorld::new(into);
    world.data_folder = folder();
    let asked = Asked { probe: false, record: true };
    let done = run::run_with(plan, &Device::Cpu, Speed { threads: 2 }, asked, &mut world);
    let done = done.unwrap_or_else(|why| panic!("{}: {why}", plan.recipe));
    assert_eq!(done.stopped, StoppedBy::Steps, "{}", plan.recipe);
    world
}

/// The rollouts that were sampled for a step of a run.
fn rollouts_of(run: &Path, step: u64) -> Vec<Value> {
    let path = run.join(format!("record/step-{step}.jsonl.gz"));
    let bytes = std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).expect("a record");
    text.lines().map(|line| serde_json::from_str(line).expect("a rollout")).collect()
}

fn digest_of(folder: &Path) -> String {
    Policy::load(folder, &Device::Cpu).expect("a policy").digest().expect("a digest")
}

/// Three steps of every stage, evaluated before and after: finite numbers, gradients, a checkpoint that is what the summary says.
#[test]
#[ignore = "some minutes: cargo test --release --test recipes_run -- --ignored"]
fn every_toy_for_three_steps() {
    for name in toys() {
        let mut plan = plan(&name, &text(&name), "toy");
        for stage in &mut plan.stages {
            stage.max_steps = stage.max_steps.map(|most| most.min(3));
        }
        let here = tempfile::tempdir().expect("a folder");
        let mut world = TestWorld::new(here.path());
        world.data_folder = folder();
        run_in(&plan, &mut world, 2).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(world.warnings.is_empty(), "{name}: {:?}", world.warnings);
        let read = read(here.path());
        for stage in &plan.stages {
            let lines: Vec<_> = read.metrics.iter().filter(|line| line.stage == stage.name).collect();
            assert!(lines.last().is_some_and(|line| line.step >= 3), "{name}: {}", stage.name);
            for line in lines {
                assert!(line.loss.is_some_and(f64::is_finite), "{name}: {line:?}");
                assert!(line.grad_norm.is_some_and(|norm| norm.is_finite() && norm > 0.0), "{name}: {line:?}");
                assert!(line.tokens.trained > 0, "{name}: {line:?}");
            }
        }
        let (base, last) = (read.base().expect("a base"), read.last().expect("an end"));
        assert_eq!(base.suites.keys().collect::<Vec<_>>(), last.suites.keys().collect::<Vec<_>>(), "{name}");
        for suite in last.suites.values() {
            assert!((0.0..=1.0).contains(&suite.macro_average.pass_at_1), "{name}");
            assert!(suite.macro_average.mean_tokens >= 1.0, "{name}");
        }
        let (_, newest) = checkpoint::list(here.path()).expect("checkpoints").into_iter().next_back().expect("one");
        let summary = read.summary.expect("a finished run");
        assert_eq!(digest_of(&newest), summary.weights_digest, "{name}");
        assert_ne!(summary.weights_digest, digest_of(&folder().join("base")), "{name}: it has learned something");
        println!("{name:>20}: {} steps, weights {}", summary.steps, &summary.weights_digest[..12]);
    }
}

/// RuleReasoner: averages and weights after three updates, from the recorded rewards alone.
///
/// `avg <- 0.5 avg + 0.5 mean` for the domains of a batch, from 0; `w = exp((max(0, 1 - avg) + 0.1) / 0.3)`, over their sum.
#[test]
#[ignore = "some seconds: cargo test --release --test recipes_run -- --ignored"]
fn rule_reasoner_weights_after_three_updates() {
    // Weights that follow every step, where the published ones follow every eighth.
    let recipe = text("rule_reasoner").replacen("every  = 8 steps", "every  = 1 steps", 1);
    let plan = with_all_checkpoints(cut(plan("rule_reasoner", &recipe, "toy"), 4));
    let stage = &plan.stages[0];
    let NodeKind::Sampler { domains, every_steps, .. } = &node(stage, "sampler").kind else { panic!("a sampler") };
    let NodeKind::Batch { rollouts, .. } = &node(stage, "batch").kind else { panic!("a batch") };
    assert_eq!((domains.len(), *every_steps), (8, 1));
    let filtered = |node: &Node| matches!(&node.kind, NodeKind::Filter { drop } if *drop != Drop::Never);
    assert!(!stage.nodes.iter().any(filtered), "every group that is drawn is in its batch");
    let here = tempfile::tempdir().expect("a folder");
    recorded(&plan, here.path());
    let mut averages: BTreeMap<&str, f64> = domains.iter().map(|name| (name.as_str(), 0.0)).collect();
    let mut moved = 0;
    for step in 1..=3 {
        // Groups in draw order.
        let mut groups: BTreeMap<u64, (String, Vec<f64>)> = BTreeMap::new();
        for rollout in rollouts_of(here.path(), step) {
            let domain = rollout["domain"].as_str().expect("a domain").to_string();
            let group = groups.entry(rollout["draw"].as_u64().expect("a draw")).or_insert((domain, Vec::new()));
            group.1.push(rollout["total"].as_f64().expect("a total"));
        }
        let (mut sums, mut held) = (BTreeMap::<String, (f64, f64)>::new(), 0);
        for (domain, totals) in groups.into_values() {
            if held >= *rollouts {
                break;
            }
            held += totals.len() as u64;
            let sum = sums.entry(domain).or_default();
            *sum = (sum.0 + totals.iter().sum::<f64>(), sum.1 + totals.len() as f64);
        }
        for (domain, (sum, n)) in &sums {
            let average = averages.get_mut(domain.as_str()).expect("a domain of the mix");
            *average = 0.5 * *average + 0.5 * sum / n;
            moved += 1;
        }
    }
    assert!(moved > 6, "batches of one or two domains show little");
    let weights: Vec<f64> =
        domains.iter().map(|name| (((1.0 - averages[name.as_str()]).max(0.0) + 0.1) / 0.3).exp()).collect();
    let sum: f64 = weights.iter().sum();
    // The probabilities in force at the fourth step are those after three updates.
    let state = checkpoint::state(&here.path().join("checkpoints/step-4")).expect("a checkpoint");
    let kept = state.counters.mix.kept.expect("weights in force");
    assert_eq!(kept.period, 3);
    for ((name, found), weight) in domains.iter().zip(&kept.probabilities).zip(&weights) {
        let expected = weight / sum;
        assert!((found - expected).abs() < 1e-9, "{name}: {found} is not {expected}");
        println!("{name:>20}: average {:.6}, weight {found:.6}", averages[name.as_str()]);
    }
    let before = checkpoint::state(&here.path().join("checkpoints/step-3")).expect("a checkpoint");
    for (name, found) in domains.iter().zip(&before.counters.mix.averages[0]) {
        let expected = averages[name.as_str()];
        assert!((found - expected).abs() < 1e-9, "{name}: average {found} is not {expected}");
    }
}

fn rollout(idx: usize, text: &str) -> Rollout {
    Rollout {
        idx,
        tokens: vec![1; text.len() + 1],
        logp_behavior: Vec::new(),
        logp_sampled: Vec::new(),
        version: 0,
        stop: StopReason::EndToken,
        truncated: false,
        text: text.to_string(),
        reasoning_tokens: 0,
        answer_tokens: 0,
        verdict: None,
        masked: false,
        signals: BTreeMap::new(),
        terms: BTreeMap::new(),
        total_reward: 0.0,
        advantage: 0.0,
    }
}

fn group(rollouts: Vec<Rollout>, answer: &str) -> Group {
    let columns = BTreeMap::from([("answer".to_string(), Value::from(answer))]);
    let problem = Problem { id: "p".into(), level: 1, prompt: "17+25=?".into(), columns };
    Group { draw: Draw { number: 0, domain: 0, problem, prompt: Arc::from([1u32]) }, rollouts, solve_rate: 0.0 }
}

/// Computes the rewards of a group as a step does: penalties and terms, then the total.
fn rewards(stage: &StagePlan, group: &mut Group) -> Vec<f64> {
    let ctx = RewardContext { step: 0, progress: 0.0, max_output_tokens: 96 };
    let (mut columns, mut scratch) = (Vec::new(), Scratch::new());
    for node in &stage.nodes {
        if let NodeKind::Penalty { program, .. } | NodeKind::Reward { program } = &node.kind {
            reward::evaluate(&node.id, program, group, &ctx, &mut columns, &mut scratch).expect("a reward");
        }
    }
    group.rollouts.iter().map(|rollout| rollout.terms["total"]).collect()
}

/// General-Reasoner on five texts, whose reference is `42`, two tokens of the policy. By hand:
///
/// | response | answer | verdict | tokens | off | reward |
/// | --- | --- | --- | --- | --- | --- |
/// | `17 plus 25 is 42. #42` | `42` | right | 2 | 0 | 1 |
/// | `#   42` | `   42` | right | 5 | 3 | 1 - 0.15 |
/// | `#` and 20 blanks, `42` | | right | 22 | 10 at most | 1 - 0.5 |
/// | `#41` | `41` | wrong | 2 | | 0 |
/// | `it is 42` | none | no answer | 0 | | -0.5 |
#[test]
#[ignore = "with the slow suite: cargo test --release --test recipes_run -- --ignored"]
fn general_reasoner_rewards_of_five_texts() {
    let plan = plan("general_reasoner", &text("general_reasoner"), "toy");
    let stage = &plan.stages[0];
    let NodeKind::Verify { verifier, answer, .. } = &node(stage, "verify:web").kind else { panic!("a verifier") };
    let judge = verify::open(verifier).expect("a verifier");
    let tokenizer = recipec_runtime::tokenizer::Tokenizer::open(&folder().join("base"), &[0]).expect("a tokenizer");
    let far = format!("#{}42", " ".repeat(20));
    let texts = ["17 plus 25 is 42. #42", "#   42", &far, "#41", "it is 42"];
    let mut group = group(texts.iter().enumerate().map(|(idx, text)| rollout(idx, text)).collect(), "42");
    let problem = group.draw.problem.clone();
    for rollout in &mut group.rollouts {
        let part = answer_part(&rollout.text, answer).and_then(|range| rollout.text.get(range));
        rollout.answer_tokens = part.map_or(0, |part| tokenizer.count(part));
        rollout.verdict = Some(judge.judge(&problem, part));
        rollout.signals.insert("reference_length", tokenizer.count("42") as f64);
    }
    let found = rewards(stage, &mut group);
    for (found, (text, expected)) in found.iter().zip(texts.iter().zip([1.0, 0.85, 0.5, 0.0, -0.5])) {
        assert!((found - expected).abs() < 1e-12, "`{text}`: {found} is not {expected}");
    }
}

/// DARL on five pairs of probabilities, at alpha = 1, beta = 0.01, gamma = 8; the indicator on both sides of its threshold, and on it.
///
/// | reference | answer | delta | threshold | reward |
/// | --- | --- | --- | --- | --- |
/// | 0.8 | 0.75 | 0.05 | 0.1 | 0.8 + 0.0005 |
/// | 0.5 | 0.4375 | 0.0625 | 0.0625 | 0.5 + 0.000625 |
/// | 0.5 | 0.4374 | 0.0626 | 0.0625 | 0.5 |
/// | 0.8 | 0.1 | 0.7 | 0.1 | 0.8 |
/// | 0.25 | 0.9 | 0 | 0.03125 | 0.25 |
#[test]
#[ignore = "with the slow suite: cargo test --release --test recipes_run -- --ignored"]
fn darl_rewards_of_five_probabilities() {
    let plan = plan("darl", &text("darl"), "toy");
    let pairs = [(0.8, 0.75), (0.5, 0.4375), (0.5, 0.4374), (0.8, 0.1), (0.25, 0.9)];
    let expected = [0.8005, 0.500_625, 0.5, 0.8, 0.25];
    let with = |(idx, (reference, answer)): (usize, &(f64, f64))| {
        let mut rollout = rollout(idx, "#1");
        rollout.signals.insert("reference_probability", *reference);
        rollout.signals.insert("answer_probability", *answer);
        rollout
    };
    let mut group = group(pairs.iter().enumerate().map(with).collect(), "1");
    for (found, (pair, expected)) in rewards(&plan.stages[0], &mut group).iter().zip(pairs.iter().zip(expected)) {
        assert!((found - expected).abs() < 1e-12, "{pair:?}: {found} is not {expected}");
    }
}

/// The cascade: every stage begins with the weights that the one before it ended with, and has its own budget of tokens and steps.
#[test]
#[ignore = "some seconds: cargo test --release --test recipes_run -- --ignored"]
fn stages_of_the_cascade_follow_each_other() {
    let whole = with_all_checkpoints(cut(plan("nemotron_cascade", &text("nemotron_cascade"), "toy"), 3));
    let first_alone = Plan { stages: whole.stages[..1].to_vec(), ..whole.clone() };
    let here = tempfile::tempdir().expect("a folder");
    recorded(&first_alone, &here.path().join("first"));
    let first = read(&here.path().join("first")).summary.expect("an end").weights_digest;
    // With no step of the second stage, what it begins with is what is left.
    let mut nothing_more = Plan { stages: whole.stages[..2].to_vec(), ..whole.clone() };
    nothing_more.stages[1].max_steps = Some(0);
    recorded(&nothing_more, &here.path().join("nothing"));
    assert_eq!(read(&here.path().join("nothing")).summary.expect("an end").weights_digest, first);
    // In the whole run, the checkpoint at the end of the first stage has them, and the next one has not.
    let run = here.path().join("whole");
    recorded(&whole, &run);
    let steps = read(&run);
    let of_first = steps.metrics.iter().filter(|line| line.stage == whole.stages[0].name).count() as u64;
    assert_eq!(digest_of(&run.join(format!("checkpoints/step-{of_first}"))), first);
    assert_ne!(digest_of(&run.join(format!("checkpoints/step-{}", of_first + 1))), first);
    // Stages have their own caps, and the rollouts of each end at it.
    let (mut step, mut caps) = (0, Vec::new());
    for stage in &whole.stages {
        let NodeKind::Rollout { max_output_tokens, .. } = &node(stage, "rollout").kind else { panic!("a rollout") };
        let NodeKind::Sampler { domains, .. } = &node(stage, "sampler").kind else { panic!("a sampler") };
        let of_domain = whole.domains.iter().zip(max_output_tokens).filter(|(name, _)| domains.contains(name));
        let cap = *of_domain.map(|(_, cap)| cap).next().expect("a cap");
        let count = steps.metrics.iter().filter(|line| line.stage == stage.name).count() as u64;
        assert_eq!(Some(count), stage.max_steps, "{}", stage.name);
        let mut longest = 0;
        for at in step + 1..=step + count {
            for rollout in rollouts_of(&run, at) {
                let length = rollout["tokens"].as_array().expect("tokens").len() as u64;
                longest = longest.max(length);
                let cut = rollout["truncated"].as_bool().expect("a truth");
                assert!(length <= cap && (!cut || length == cap), "{}: {length} of {cap}", stage.name);
                assert!(domains.contains(&rollout["domain"].as_str().expect("a domain").to_string()));
            }
        }
        println!("{:>22}: cap {cap}, longest {longest}", stage.name);
        caps.push(cap);
        step += count;
    }
    assert!(caps.windows(2).any(|pair| pair[0] != pair[1]), "{caps:?}");
}

#[derive(Deserialize)]
struct StepFixture {
    rates: Vec<f64>,
    batch: Vec<Prompt>,
    #[serde(flatten)]
    recipes: BTreeMap<String, Trained>,
}

/// A prompt with its responses, in tokens.
#[derive(Deserialize)]
struct Prompt {
    prompt: Vec<u32>,
    responses: Vec<Vec<u32>>,
    behavior: Vec<Vec<f32>>,
    rewards: Vec<f64>,
}

/// What PyTorch came to.
#[derive(Deserialize)]
struct Trained {
    updates: Vec<Update>,
    largest: BTreeMap<String, Vec<usize>>,
    changes: BTreeMap<String, Numbers>,
}

#[derive(Deserialize)]
struct Update {
    loss: f64,
    norm: f64,
    gradients: BTreeMap<String, Numbers>,
}

/// The norm of a tensor, and some of its entries.
#[derive(Deserialize)]
struct Numbers {
    norm: f64,
    at: Vec<f64>,
}

impl Numbers {
    fn of(values: &[f64], at: &[usize]) -> Self {
        Self { norm: values.iter().map(|v| v * v).sum::<f64>().sqrt(), at: at.iter().map(|idx| values[*idx]).collect() }
    }

    /// The largest distance in parts of the norm, and of the largest entry.
    fn distance(&self, other: &Self) -> f64 {
        let most = other.at.iter().fold(1e-12f64, |most, value| most.max(value.abs()));
        let at = self.at.iter().zip(&other.at).map(|(a, b)| (a - b).abs() / most).fold(0.0, f64::max);
        at.max((self.norm - other.norm).abs() / other.norm.max(1e-12))
    }
}

/// The numbers of a tensor.
macro_rules! flat {
    ($tensor:expr) => {{
        let values = $tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).expect("numbers");
        values.into_iter().map(f64::from).collect::<Vec<f64>>()
    }};
}

/// Two updates of GRPO, Dr. GRPO, DAPO, RLOO and CISPO on the base policy, with the settings of their toys: losses, gradients of every
/// parameter and new weights are those of PyTorch in 64 bits (`scripts/make-step-fixtures`).
#[test]
#[ignore = "some seconds: cargo test --release --test recipes_run -- --ignored"]
fn steps_are_those_of_pytorch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/steps.json");
    let fixture: StepFixture =
        serde_json::from_str(&std::fs::read_to_string(&path).expect("the fixture")).expect("a fixture");
    assert_eq!(fixture.recipes.keys().collect::<Vec<_>>(), ["cispo", "dapo", "dr_grpo", "grpo", "rloo"]);
    for (name, trained) in &fixture.recipes {
        let plan = plan(name, &text(name), "toy");
        let stage = &plan.stages[0];
        let find = |wanted: fn(&NodeKind) -> bool| {
            let kinds = stage.nodes.iter().map(|node| &node.kind);
            kinds.into_iter().find(|kind| wanted(kind)).expect("a node of this kind")
        };
        let NodeKind::Advantage { baseline, divide_by_std } = find(|kind| matches!(kind, NodeKind::Advantage { .. }))
        else {
            panic!("an advantage")
        };
        let NodeKind::Loss { surrogate, weight, kl, entropy_coef, temperature, .. } =
            find(|kind| matches!(kind, NodeKind::Loss { .. }))
        else {
            panic!("a loss")
        };
        let NodeKind::Optimizer { adamw, schedule } = find(|kind| matches!(kind, NodeKind::Optimizer { .. })) else {
            panic!("an optimizer")
        };
        let objective = Objective { surrogate: *surrogate, kl: kl.as_ref(), entropy_coef: *entropy_coef };
        let policy = Policy::load(&folder().join("base"), &Device::Cpu).expect("the base policy");
        let start: BTreeMap<String, Vec<f64>> =
            policy.trained().iter().map(|(name, var)| (name.clone(), flat!(var.as_tensor()))).collect();
        let mut optimizer = Optimizer::new(adamw, &policy).expect("an optimizer");
        let (mut worst_gradient, mut worst_change) = (0.0f64, 0.0f64);
        for (at, expected) in trained.updates.iter().enumerate() {
            let groups = &fixture.batch[at * 2..at * 2 + 2];
            let rewards: Vec<Vec<f64>> = groups.iter().map(|group| group.rewards.clone()).collect();
            let advantages = advantages(&rewards, *baseline, *divide_by_std).concat();
            let lengths: Vec<Vec<usize>> =
                groups.iter().map(|group| group.responses.iter().map(Vec::len).collect()).collect();
            let size = UpdateSize { rollouts: advantages.len() as f64, prompts: groups.len() as f64 };
            let shares = token_shares(*weight, size, &lengths).expect("tokens");
            let tokens: Vec<(Vec<u32>, usize)> = groups
                .iter()
                .flat_map(|group| {
                    let n = group.prompt.len();
                    group.responses.iter().map(move |response| ([&group.prompt[..], response].concat(), n))
                })
                .collect();
            let behavior: Vec<&Vec<f32>> = groups.iter().flat_map(|group| &group.behavior).collect();
            let sequences: Vec<Sequence<'_>> =
                tokens.iter().map(|(tokens, prompt_len)| Sequence { tokens, prompt_len: *prompt_len }).collect();
            let loss = |at: usize, logp: &[f32], entropy: &[f32]| {
                let terms = SequenceTerms {
                    logp,
                    entropy,
                    logp_behavior: behavior[at],
                    logp_reference: Some(behavior[at]),
                    advantage: advantages[at],
                    share: shares[at],
                };
                objective.sequence(&terms).loss
            };
            let made = gradients(&policy, &sequences, *temperature, &Lanes { threads: 2 }, &loss).expect("gradients");
            assert!(
                (made.loss - expected.loss).abs() < 1e-5,
                "{name}, update {at}: {} is not {}",
                made.loss,
                expected.loss
            );
            for ((parameter, _), tensor) in policy.trained().iter().zip(&made.tensors) {
                let found = Numbers::of(&flat!(tensor), &trained.largest[parameter]);
                let distance = found.distance(&expected.gradients[parameter]);
                assert!(distance < 1e-3, "{name}, update {at}, {parameter}: off by {distance}");
                worst_gradient = worst_gradient.max(distance);
            }
            let lr = adamw.lr * schedule_share(schedule, at as u64 + 1, 40);
            assert!((lr - fixture.rates[at]).abs() < 1e-12, "{name}: the rate of the toy is {lr}");
            let report = optimizer.step(&policy, &made, lr).expect("a step");
            let norm = (report.gradient_norm - expected.norm).abs() / expected.norm;
            assert!(norm < 1e-4, "{name}, update {at}: norm {} is not {}", report.gradient_norm, expected.norm);
        }
        for (parameter, var) in policy.trained() {
            let change: Vec<f64> =
                flat!(var.as_tensor()).iter().zip(&start[parameter]).map(|(now, then)| now - then).collect();
            let distance = Numbers::of(&change, &trained.largest[parameter]).distance(&trained.changes[parameter]);
            assert!(distance < 1e-2, "{name}, {parameter}: the change is off by {distance}");
            worst_change = worst_change.max(distance);
        }
        println!(
            "{name:>8}: gradients within {worst_gradient:.1e}, new weights within {worst_change:.1e} of their change"
        );
    }
}
