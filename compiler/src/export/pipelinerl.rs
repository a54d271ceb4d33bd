//! PipelineRL of June 2026: one Hydra configuration. It runs its own domains with their verifiers, and has the length penalty and the
//! adaptive mix of arXiv 2604.02007 built in; a recipe's formulas are compared with those by their values.

use super::Work;
use super::lowering::{Class, Lowering};
use super::python::signed;
use super::verl::shell;
use crate::formula::canonical_number as number;
use crate::formula::{Program, Scratch};
use crate::plan::NodeKind;
use crate::recipe::Reinforce;
use crate::settings::*;
use std::collections::BTreeMap;

pub(super) fn export(lowering: &mut Lowering<'_>, work: &Work<'_>) -> BTreeMap<String, String> {
    model(lowering, work);
    domains(lowering, work);
    rewards(lowering, work);
    batch(lowering, work);
    loss(lowering, work);
    optimizer(lowering, work);
    rollouts(lowering, work);
    evaluation(lowering, work);
    let yaml = signed(&yaml(lowering.settings()), work);
    BTreeMap::from([("recipe.yaml".to_string(), yaml), ("launch.sh".to_string(), launch(work))])
}

fn launch(work: &Work<'_>) -> String {
    let limit = work
        .recipe
        .max_wall_clock_seconds
        .map_or(String::new(), |seconds| format!("timeout --signal=INT {} ", libm::ceil(seconds) as u64));
    let name = shell(&work.recipe.name);
    let text = format!(
        "#!/usr/bin/env bash\n# The recipe @NAME@ under @TARGET@; recipe hash @HASH@.\n# Run it from a checkout of PipelineRL; what follows is handed on as Hydra overrides.\nset -euo pipefail\nhere=\"$(cd \"$(dirname \"$0\")\" && pwd)\"\n{limit}python -m pipelinerl.launch --config-dir \"$here\" --config-name recipe \\\n  \"hydra.searchpath=[file://${{PIPELINERL:-$PWD}}/conf]\" output_dir=results/{name} \"$@\"\n"
    );
    signed(&text, work)
}

/// Keys as a tree of YAML, with the defaults that a configuration of several domains has.
fn yaml(settings: &[(String, String)]) -> String {
    let mut text = String::from(
        "# The recipe @NAME@ for @TARGET@; recipe hash @HASH@.\ndefaults:\n  - base\n  - multi_domain: base\n  - override finetune: grpo\n  - override rewards: pure_success\n  - _self_\n",
    );
    let mut sorted: Vec<(Vec<&str>, &str)> =
        settings.iter().map(|(key, value)| (key.split('.').collect(), value.as_str())).collect();
    sorted.sort();
    let mut open: Vec<&str> = Vec::new();
    for (path, value) in sorted {
        let Some((last, above)) = path.split_last() else { continue };
        let shared = open.iter().zip(above).take_while(|(a, b)| a == b).count();
        for (depth, part) in above.iter().enumerate().skip(shared) {
            text.push_str(&format!("{}{part}:\n", "  ".repeat(depth)));
        }
        text.push_str(&format!("{}{last}: {value}\n", "  ".repeat(above.len())));
        open = above.to_vec();
    }
    text
}

/// A text in YAML: JSON's quotes are YAML's.
fn text(value: &str) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn model(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let policy = &work.recipe.policy;
    match work.model() {
        Some(path) => {
            lowering.keys(Class::Exact, "model.policy.source", &["policy.source"], &[("model_path", text(&path))], "");
        }
        None => {
            let remark = "weights that are made at random here are in no hub: give weights with `--from WEIGHTS`";
            lowering.note(Class::NotRepresentable, "model.policy.source", &["policy.source"], remark);
        }
    }
    let (class, remark) = match policy.train {
        Trainable::Lora { .. } => (Class::NotRepresentable, "all weights are trained"),
        _ => (Class::Exact, "all weights are trained"),
    };
    lowering.note(class, "model.policy.train", &["policy.train"], remark);
    let (class, remark) = match policy.precision {
        Precision::Bf16 => (Class::Exact, "bfloat16 with masters in float32"),
        Precision::F32 => (Class::Approximate, "rollouts are decoded in bfloat16"),
    };
    lowering.note(class, "model.policy.precision", &["policy.precision"], remark);
    let (class, remark) = match policy.chat {
        Some(false) => (Class::NotRepresentable, "prompts always go through the chat template"),
        _ => (Class::Exact, "prompts go through the chat template"),
    };
    lowering.note(class, "model.policy.chat", &["policy.chat"], remark);
    let remark = "each domain's own rollouts look for the answer";
    lowering.note(Class::Approximate, "model.policy.answer", &["policy.answer"], remark);
    let keys = [("seed", work.recipe.seed.to_string())];
    lowering.keys(Class::Approximate, "param.seed", &["seed"], &keys, "other random numbers from the same seed");
    lowering.note(Class::Exact, "recipe.edition", &["edition", "domains", "stages"], "");
    lowering.note(Class::Exact, "metrics", &["~/metrics"], "the engine writes its own");
}

/// The name that the engine gives to what a verifier judges.
fn engine_domain(verifier: &str) -> Option<&'static str> {
    Some(match verifier {
        "math_answer" => "math",
        "python_tests" | "program_tests" => "coding",
        "puzzle" => "logic",
        "constraints" => "ifeval",
        "function_calls" => "fn_calling",
        _ => return None,
    })
}

fn domains(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let mut names: Vec<String> = Vec::new();
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for domain in &work.stage.domains {
        let (path, claim) = (format!("domain.{}.verify", domain.name), format!("~/verify:{}", domain.name));
        let of_data = format!("~/data:{}", domain.name);
        let engine = domain.verify.as_ref().and_then(|verifier| engine_domain(&verifier.name));
        let Some(engine) = engine else {
            let remark = "the engine has domains with verifiers only, and no model that judges for one";
            lowering.note(Class::NotRepresentable, &path, &[&claim, &of_data, "~/group.unjudged"], remark);
            continue;
        };
        if let Some(other) = seen.insert(engine, &domain.name) {
            let remark = format!("the engine has one domain `{engine}`, and `{other}` is it already");
            lowering.note(Class::NotRepresentable, &path, &[&claim, &of_data], &remark);
            continue;
        }
        let remark = format!("the engine's own domain `{engine}` judges");
        lowering.note(Class::Approximate, &path, &[&claim], &remark);
        let (path, claim) = (format!("domain.{}.data", domain.name), of_data);
        match &domain.data {
            DataSource::Hub { name, split, .. } => {
                names.push(text(&format!(
                    "{engine}::{name}{}",
                    split.as_ref().map_or(String::new(), |split| format!("@{split}"))
                )));
                let remark = "the domain's loader must know the data set";
                lowering.code(Class::Approximate, &path, &[&claim], "train_dataset_names", remark);
            }
            DataSource::File { path: file } => {
                names.push(text(&format!("{engine}::{file}")));
                let remark = "the domain's loader must read the file";
                lowering.code(Class::Approximate, &path, &[&claim], "train_dataset_names", remark);
            }
            DataSource::Builtin { .. } | DataSource::HeldOut => {
                let remark = "the engine's loaders read data sets, and this one is made by a generator";
                lowering.note(Class::NotRepresentable, &path, &[&claim], remark);
            }
        }
        let key = format!("actor.domain_mix.{engine}");
        let path = format!("domain.{}.ratio", domain.name);
        lowering.keys(Class::Exact, &path, &[], &[(key.as_str(), number(domain.ratio.value))], "");
    }
    lowering.set("train_dataset_names", format!("[{}]", names.join(", ")));
    for node in work.nodes() {
        match node {
            NodeKind::Sampler { weight, count, .. } => mix(lowering, work, weight, *count),
            NodeKind::Signal { signal, .. } => {
                let claim = format!("~/signal:{}", signal.name());
                let remark = "rewards are the engine's own formulas, which do not read it";
                lowering.note(Class::NotRepresentable, &format!("signal.{}", signal.name()), &[&claim], remark);
            }
            NodeKind::Model { name, .. } => {
                let remark = "no model beside the policy and its reference";
                lowering.note(Class::NotRepresentable, &format!("model.{name}"), &[&format!("~/model:{name}")], remark);
            }
            _ => {}
        }
    }
}

/// One value of a program for one row of inputs.
fn value(program: &Program, output: &str, given: &dyn Fn(&str) -> f64) -> f64 {
    let columns: Vec<Vec<f64>> = program.inputs().iter().map(|name| vec![given(name)]).collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let mut scratch = Scratch::new();
    program.evaluate(1, &columns, &mut scratch);
    let at = program.outputs().iter().position(|name| name == output);
    at.and_then(|at| scratch.output(at).first().copied()).unwrap_or(f64::NAN)
}

fn near(x: f64, y: f64) -> bool {
    (x - y).abs() <= 1e-9 * (1.0 + y.abs())
}

/// The adaptive rule that the engine has: `ratio * clip(ratio / achieved, 0.1, 10)`.
fn mix(lowering: &mut Lowering<'_>, work: &Work<'_>, weight: &Program, count: Count) {
    let points = [(0.4, 0.1), (0.4, 0.4), (0.1, 0.9), (0.25, 0.02), (0.05, 0.8), (0.3, 0.31), (0.2, 1e-6)];
    let alone = weight.inputs().iter().all(|input| input == "ratio" || input == "achieved") && !weight.aggregates();
    let of =
        |ratio: f64, achieved: f64| value(weight, "weight", &|name| if name == "ratio" { ratio } else { achieved });
    let same = alone
        && points.iter().all(|(ratio, achieved)| {
            let rule = (ratio / f64::max(*achieved, 1e-9)).clamp(0.1, 10.0);
            near(of(*ratio, *achieved), ratio * rule)
        });
    let fixed = alone && points.iter().all(|(ratio, achieved)| near(of(*ratio, *achieved), *ratio));
    let claims = ["~/sampler"];
    if same && work.reinforce.mix.strategy == MixStrategy::Weight {
        let counted = count.at == CountPoint::Completed && count.of == CountUnit::Rollouts;
        let (class, remark) = match counted {
            true => (Class::Exact, "the engine's own adaptive sampler"),
            false => (Class::Approximate, "the engine's own adaptive sampler, which counts completed rollouts"),
        };
        lowering.code(class, "mix.weight", &claims, "actor.domain_mix", remark);
    } else {
        let remark = if fixed {
            "the sampler adapts as soon as a mix is set, and this one stays"
        } else {
            "the sampler has one adaptive rule, and this is another"
        };
        lowering.note(Class::NotRepresentable, "mix.weight", &claims, remark);
    }
}

/// A length penalty of the engine's form.
struct Overlong {
    gamma: f64,
    failure_scale: f64,
}

/// Reads the parameters off the values of a penalty, and checks that it is that formula everywhere.
fn overlong(program: &Program, name: &str, work: &Work<'_>) -> Option<Overlong> {
    let (cap, buffer) = (work.reinforce.max_output_tokens as f64, work.reinforce.buffer_tokens as f64);
    let known = ["length", "correct", "wrong", "truncated", "finished", "solve_rate", "budget.output"];
    if !program.inputs().iter().all(|input| known.contains(&input.as_str())) || buffer <= 0.0 || program.aggregates() {
        return None;
    }
    let of = |length: f64, correct: bool, truncated: bool, rate: f64| {
        value(program, name, &|input| match input {
            "length" => length,
            "correct" => f64::from(u8::from(correct)),
            "wrong" => f64::from(u8::from(!correct)),
            "truncated" => f64::from(u8::from(truncated)),
            "finished" => f64::from(u8::from(!truncated)),
            "solve_rate" => rate,
            _ => cap,
        })
    };
    // The logarithm of a power misses its exponent by a rounding.
    let short = |x: f64| libm::round(x * 1e12) / 1e12;
    let gamma = short(-libm::log2(-of(cap, true, false, 0.5)));
    let failure_scale = short(-of(cap, false, false, 0.5));
    // What the engine accepts.
    if !(gamma >= 0.0 && gamma.is_finite() && (0.0..=1.0).contains(&failure_scale)) {
        return None;
    }
    let group = work.reinforce.train.group_size;
    for step in 0..=64 {
        let length = 1.0 + libm::floor((cap - 1.0) * f64::from(step) / 64.0);
        let base = ((cap - buffer - length) / buffer).clamp(-1.0, 0.0);
        for solved in 0..=group {
            let rate = solved as f64 / group as f64;
            for (correct, truncated) in [(true, false), (false, false), (true, true), (false, true)] {
                let scale = match (truncated, correct) {
                    (true, _) => 1.0,
                    (false, true) => libm::pow(rate, gamma),
                    (false, false) => failure_scale,
                };
                // A cut rollout has the cap's length, and a correct one makes the rate positive.
                if (truncated && length < cap) || (correct && solved == 0) || (!correct && solved == group) {
                    continue;
                }
                if !near(of(length, correct, truncated, rate), base * scale) {
                    return None;
                }
            }
        }
    }
    Some(Overlong { gamma, failure_scale })
}

/// The reward table has a number for every verdict and end; the length penalty comes on top.
fn rewards(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let mut penalties: Vec<(&str, Option<Overlong>)> = Vec::new();
    for node in work.nodes() {
        if let NodeKind::Penalty { name, program } = node {
            penalties.push((name, overlong(program, name, work)));
        }
    }
    let mut added: Option<&str> = None;
    for (name, found) in &penalties {
        let (path, claims) = (format!("penalty.{name}"), [format!("~/penalty:{name}"), format!("~/term:{name}")]);
        let claims: Vec<&str> = claims.iter().map(String::as_str).collect();
        match found {
            Some(found) if added.is_none() => {
                added = Some(name);
                let plain = found.gamma == 0.0 && found.failure_scale == 1.0;
                let mut keys = vec![("rewards.buffer_tokens", work.reinforce.buffer_tokens.to_string())];
                if !plain {
                    keys.extend([
                        ("actor.difficulty_aware_penalty.enabled", "true".to_string()),
                        ("actor.difficulty_aware_penalty.gamma", number(found.gamma)),
                        ("actor.difficulty_aware_penalty.failure_scale", number(found.failure_scale)),
                    ]);
                }
                let remark = "the engine's own penalty: the same values at every length, verdict and solve rate";
                lowering.keys(Class::Exact, &path, &claims, &keys, remark);
            }
            Some(_) => lowering.note(
                Class::NotRepresentable,
                &path,
                &claims,
                "the engine has one length penalty, and has it already",
            ),
            None => lowering.note(
                Class::NotRepresentable,
                &path,
                &claims,
                "the engine has a length penalty of another form, and no other formulas",
            ),
        }
    }
    if added.is_none() {
        lowering.set("rewards.buffer_tokens", 0);
    }
    for node in work.nodes() {
        if let NodeKind::Reward { program } = node {
            table(lowering, program, added);
        }
    }
    let (class, remark) = match work.reinforce.reward.shuffled {
        true => (Class::NotRepresentable, "rewards cannot be permuted"),
        false => (Class::Exact, ""),
    };
    lowering.note(class, "reward.shuffled", &["~/shuffle"], remark);
    let remark = "how the engine treats a group whose verifier fails is its own";
    lowering.note(Class::Approximate, "train.group.least", &["~/group.least_rollouts"], remark);
}

fn table(lowering: &mut Lowering<'_>, program: &Program, added: Option<&str>) {
    let known = ["correct", "wrong", "answered", "parsable", "truncated", "finished", "score"];
    let free = |input: &String| known.contains(&input.as_str()) || Some(input.as_str()) == added;
    if let Some(input) = program.inputs().iter().find(|input| !free(input)) {
        let remark = format!("the reward is a table by verdict and end, and this one reads `{input}`");
        lowering.note(Class::NotRepresentable, "reward.total", &["~/reward.program"], &remark);
        return;
    }
    let of = |verdict: &str, truncated: bool, penalty: f64, score: f64| {
        value(program, "total", &|input| {
            let holds = match input {
                "correct" => verdict == "correct",
                "wrong" => verdict != "correct",
                "answered" => verdict != "no_answer",
                "parsable" => verdict != "no_answer" && verdict != "unparsable",
                "truncated" => truncated,
                "finished" => !truncated,
                "score" => return if verdict == "correct" { 1.0 } else { score },
                _ => return penalty,
            };
            f64::from(u8::from(holds))
        })
    };
    let cells = [
        ("rewards.correct_answer_finished", "correct", false),
        ("rewards.correct_answer_not_finished", "correct", true),
        ("rewards.wrong_answer_finished", "wrong", false),
        ("rewards.wrong_answer_not_finished", "wrong", true),
        ("rewards.no_answer_finished", "no_answer", false),
        ("rewards.no_answer_not_finished", "no_answer", true),
        ("rewards.unparsable_finished", "unparsable", false),
        ("rewards.unparsable_not_finished", "unparsable", true),
    ];
    let added_as_is = cells.iter().all(|(_, verdict, cut)| {
        added.is_none() || near(of(verdict, *cut, -0.5, 0.0), of(verdict, *cut, 0.0, 0.0) - 0.5)
    });
    if !added_as_is {
        let remark = "the penalty is added to the table as it is, and this reward does something else with it";
        lowering.note(Class::NotRepresentable, "reward.total", &["~/reward.program"], remark);
        return;
    }
    let credit = cells.iter().any(|(_, verdict, cut)| !near(of(verdict, *cut, 0.0, 0.5), of(verdict, *cut, 0.0, 0.0)));
    let class = if credit { Class::Approximate } else { Class::Exact };
    let remark = if credit { "partial credit is what the engine's domain gives" } else { "" };
    let keys: Vec<(&str, String)> =
        cells.iter().map(|(key, verdict, cut)| (*key, number(of(verdict, *cut, 0.0, 0.0)))).collect();
    lowering.keys(class, "reward.total", &["~/reward.program"], &keys, remark);
}

fn batch(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let train = &work.reinforce.train;
    let keys = [("attempts", train.group_size.to_string())];
    lowering.keys(Class::Exact, "train.group", &["~/loss.group_size", "~/rollout.group_size"], &keys, "");
    let keys = [
        ("finetune.train_batch_size", "1".to_string()),
        ("finetune.gradient_accumulation_passes", (train.batch_rollouts / train.updates.max(1)).to_string()),
    ];
    let remark = "a multiple of the trainer's GPUs, or it is rounded";
    lowering.keys(Class::Exact, "train.batch", &["~/batch.rollouts", "~/loss.batch_rollouts"], &keys, remark);
    let (class, remark) = match train.updates {
        1 => (Class::Exact, ""),
        _ => (Class::Approximate, "every update has rollouts of its own, as they come"),
    };
    lowering.note(class, "train.updates", &["~/loss.updates"], remark);
    match &work.stage.max_steps {
        Some(steps) => {
            let keys = [("finetune.max_train_steps", steps.value.to_string())];
            lowering.keys(Class::Exact, "budget.steps", &["~.max_steps"], &keys, "");
        }
        None => {
            let remark = "the learning rate needs a number of steps: write `budget.steps`";
            lowering.note(Class::NotRepresentable, "budget.steps", &["~.max_steps"], remark);
        }
    }
    lowering.note(Class::Exact, "stage.optimizer", &["~.fresh_optimizer"], "a run begins with fresh moments");
    let (class, remark) = match work.recipe.max_generated_tokens {
        Some(_) => (Class::Approximate, "the engine counts no budget of tokens: the steps end the run"),
        None => (Class::Exact, ""),
    };
    lowering.note(class, "budget.tokens", &["max_generated_tokens"], remark);
    lowering.code(Class::Generated, "budget.time", &["max_wall_clock_seconds"], "launch.sh, timeout", "");
    let key = "finetune.rl.filter_zero_advantage_groups";
    let drops = |drops: bool| [(key, drops.to_string())];
    let claims = ["~/filter.drop"];
    match train.drop {
        Drop::Never => lowering.keys(Class::Exact, "train.drop", &claims, &drops(false), ""),
        Drop::NoAdvantage => lowering.keys(Class::Exact, "train.drop", &claims, &drops(true), ""),
        Drop::SameOutcome => {
            let remark = "groups are dropped by their advantages, not by their verdicts";
            lowering.keys(Class::Approximate, "train.drop", &claims, &drops(true), remark);
        }
    }
    let remark = "rollouts come without end, so a batch is always filled";
    let class = if train.drop == Drop::Never { Class::Exact } else { Class::Approximate };
    lowering.note(class, "train.refill", &["~/batch.refill"], remark);
}

fn loss(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let train = &work.reinforce.train;
    let bounds = |low: f64, high: f64| {
        vec![("finetune.rl.epsilon_low", number(low)), ("finetune.rl.epsilon_high", number(high))]
    };
    let (class, name, mut keys, remark) = match train.algorithm.surrogate {
        Surrogate::Clipped { ratio: RatioLevel::Sequence, low, high } => (Class::Exact, "gspo", bounds(low, high), ""),
        Surrogate::Clipped { ratio: RatioLevel::Token, low, high } => (Class::Exact, "ppo", bounds(low, high), ""),
        Surrogate::ClippedWeight { low, high } => {
            let remark = if low.is_some() { "the weight has no lower bound" } else { "" };
            let class = if low.is_some() { Class::NotRepresentable } else { Class::Exact };
            (class, "reinforce", bounds(1.0, high), remark)
        }
        Surrogate::LogLikelihood => {
            (Class::Approximate, "reinforce", bounds(1.0, 1e9), "with a ratio to the weights that sampled")
        }
    };
    keys.insert(0, ("finetune.rl.policy_loss", name.to_string()));
    lowering.keys(class, "train.algorithm", &["~/loss.surrogate"], &keys, remark);
    let gspo = name == "gspo";
    let (class, remark) = match train.algorithm.weight {
        SequenceWeight::Length => (Class::Exact, "sums over tokens are divided by the rollouts of a batch"),
        _ => (Class::NotRepresentable, "sums over tokens are divided by the rollouts of a batch, and by nothing else"),
    };
    lowering.note(class, "train.algorithm.weight", &["~/loss.weight"], remark);
    let Algorithm { baseline, divide_by_std, .. } = train.algorithm;
    let std = divide_by_std == Deviation::Group;
    let (class, remark) = match (baseline, divide_by_std) {
        (Baseline::LeaveOneOut, Deviation::None) => (Class::Exact, ""),
        (Baseline::LeaveOneOut, Deviation::Group) => (Class::Exact, ""),
        (Baseline::GroupMean, Deviation::Group | Deviation::None) => {
            (Class::Approximate, "the baseline leaves one out: advantages are G / (G - 1) times as large")
        }
        _ => (Class::NotRepresentable, "the baseline is that of the group, and so is the deviation"),
    };
    let keys = [("finetune.rl.divide_advantage_by_std", std.to_string())];
    lowering.keys(class, "train.algorithm.baseline", &["~/advantage"], &keys, remark);
    let claims = ["~/loss.kl", "~/reference"];
    match &train.kl {
        None => {
            let keys = [("finetune.rl.kl_coef", "0.0".to_string()), ("finetune.rl.final_kl_coef", "0.0".to_string())];
            lowering.keys(Class::Exact, "train.kl", &claims, &keys, "");
        }
        Some(kl) => {
            let keys = [("finetune.rl.kl_coef", number(kl.coef)), ("finetune.rl.final_kl_coef", number(kl.coef))];
            let (class, remark) = match (gspo, kl.estimator, kl.to.as_str()) {
                (true, ..) => (Class::NotRepresentable, "its `gspo` reads no KL coefficient"),
                (_, KlEstimator::K3, "base") => {
                    (Class::Exact, "with a share of the machines for the reference: world.preprocessor_fraction")
                }
                _ => (Class::NotRepresentable, "the estimator is k3, to the policy as it began"),
            };
            lowering.keys(class, "train.kl", &claims, &keys, remark);
            lowering.set("world.preprocessor_fraction", 1);
        }
    }
    let entropy = number(train.entropy_coef);
    let keys = [("finetune.rl.entropy_bonus", entropy.clone()), ("finetune.rl.final_entropy_bonus", entropy)];
    let (class, remark) = match (gspo, train.entropy_coef == 0.0) {
        (true, false) => (Class::NotRepresentable, "its `gspo` reads no entropy bonus"),
        _ => (Class::Exact, ""),
    };
    lowering.keys(class, "train.entropy", &["~/loss.entropy_coef"], &keys, remark);
}

fn optimizer(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let Reinforce { train, .. } = work.reinforce;
    let AdamW { lr, beta1, beta2, eps, weight_decay, clip_norm } = &train.optimizer;
    let keys = [
        ("finetune.learning_rate", number(*lr)),
        ("finetune.weight_decay", number(*weight_decay)),
        ("finetune.gradient_clipping_threshold", number(clip_norm.unwrap_or(1e9))),
    ];
    let stock = (*beta1, *beta2, *eps) == (0.9, 0.999, 1e-8);
    let (class, remark) = match stock {
        true => (Class::Exact, "with the betas and the epsilon of the library"),
        false => (Class::NotRepresentable, "betas and epsilon are those of the library: 0.9, 0.999 and 1e-8"),
    };
    lowering.keys(class, "train.optimizer", &["~/optimizer.adamw"], &keys, remark);
    let Schedule { shape, warmup, floor } = &train.schedule;
    let kind = match shape {
        ScheduleShape::Constant => "constant_with_warmup",
        ScheduleShape::Linear => "linear",
        ScheduleShape::Cosine => "cosine",
    };
    let keys = [("finetune.lr_scheduler_type", kind.to_string()), ("finetune.num_warmup_steps", warmup.to_string())];
    let (class, remark) = match *floor == 0.0 || *shape == ScheduleShape::Constant {
        true => (Class::Approximate, "one step behind: the first step has the rate of step 0"),
        false => (Class::NotRepresentable, "the rate falls to 0, not to a floor"),
    };
    lowering.keys(class, "train.schedule", &["~/optimizer.schedule"], &keys, remark);
}

fn rollouts(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let Reinforce { rollout, max_output_tokens, reward, train, .. } = work.reinforce;
    let own = work.stage.domains.iter().any(|domain| domain.output.is_some_and(|cap| cap != *max_output_tokens));
    let (class, remark) = match own {
        true => (Class::NotRepresentable, "one cap for all domains"),
        false => (Class::Exact, ""),
    };
    let evaluated = work.nodes().find_map(|node| match node {
        NodeKind::Evaluate { suites, .. } => suites.iter().map(|suite| suite.max_output_tokens).max(),
        _ => None,
    });
    let longest = work.stage.max_prompt_tokens + evaluated.unwrap_or(0).max(*max_output_tokens);
    let keys = [
        ("llm.parameters.max_tokens", max_output_tokens.to_string()),
        ("vllm_config.vllm_kwargs.max_model_len", longest.to_string()),
        ("finetune.seq_length", (work.stage.max_prompt_tokens + max_output_tokens).to_string()),
    ];
    lowering.keys(class, "budget.output", &["~/rollout.max_output_tokens"], &keys, remark);
    let Sampling { temperature, top_p, top_k, min_p } = rollout.sampling;
    let (class, remark) = match (top_p, top_k, min_p) {
        (1.0, 0, 0.0) => (Class::Exact, ""),
        _ => (Class::NotRepresentable, "training samples by temperature only"),
    };
    let keys = [("llm.parameters.temperature", number(temperature))];
    lowering.keys(class, "rollout.temperature", &["~/rollout.sampling", "~/loss.temperature"], &keys, remark);
    lowering.note(
        Class::Approximate,
        "rollout.slots",
        &["~/rollout.slots"],
        "the engine decides how many are decoded at a time",
    );
    let (class, remark) = match rollout.update {
        WeightUpdate::InFlight { keep_cache: true, .. } => {
            (Class::Approximate, "weights enter in flight, when the trainer has them; the cache is kept")
        }
        WeightUpdate::InFlight { .. } => {
            (Class::Approximate, "weights enter in flight; the cache is kept, not made anew")
        }
        WeightUpdate::BetweenBatches => {
            (Class::Approximate, "weights enter in flight; with a lag of one batch at most they nearly take turns")
        }
    };
    lowering.note(class, "rollout.update", &["~/rollout.update"], remark);
    let lag = (train.max_lag.max(1) * train.batch_rollouts).to_string();
    lowering.keys(
        Class::Approximate,
        "train.max_lag",
        &["~.max_lag"],
        &[("max_lag", lag)],
        "in samples, and at least one batch",
    );
    let filtering = reward.unfinished == Unfinished::Masked;
    let (class, remark) = match reward.unfinished {
        Unfinished::AsJudged | Unfinished::Masked => (Class::Exact, ""),
        Unfinished::Wrong => {
            (Class::NotRepresentable, "the table is by verdict: say in the reward what a cut rollout is worth")
        }
        Unfinished::Dropped => (Class::NotRepresentable, "a group always has all its rollouts"),
    };
    let keys = [("finetune.rl.overlong_filtering", filtering.to_string())];
    lowering.keys(class, "reward.unfinished", &["~/group.unfinished"], &keys, remark);
}

fn evaluation(lowering: &mut Lowering<'_>, work: &Work<'_>) {
    let checkpoint = &work.recipe.checkpoint;
    let claims = ["~/checkpoint.every_steps"];
    match checkpoint.every_steps {
        Some(every) => {
            let keys = [("finetune.save_checkpoint_steps", every.to_string())];
            lowering.keys(Class::Exact, "checkpoint.every", &claims, &keys, "");
        }
        None => lowering.note(
            Class::Approximate,
            "checkpoint.every",
            &claims,
            "as often as the engine's own configuration says",
        ),
    }
    lowering.note(Class::Approximate, "checkpoint.keep", &["~/checkpoint.keep"], "the engine keeps them all");
    match &checkpoint.best {
        Some(_) => lowering.note(
            Class::NotRepresentable,
            "checkpoint.best",
            &["~/checkpoint.best"],
            "the engine keeps them all and marks none",
        ),
        None => lowering.note(Class::Exact, "checkpoint.best", &["~/checkpoint.best"], ""),
    }
    for node in work.nodes() {
        let NodeKind::Evaluate { every_steps, suites } = node else { continue };
        let mut names: Vec<String> = Vec::new();
        let mut unknown = false;
        for part in suites.iter().flat_map(|suite| &suite.parts) {
            match (&part.data, engine_domain(&part.verify.name)) {
                (DataSource::Hub { name, .. } | DataSource::File { path: name }, Some(engine)) => {
                    names.push(text(&format!("{engine}::{name}")));
                }
                _ => unknown = true,
            }
        }
        let keys = [("eval_every_n_versions", every_steps.unwrap_or(0).to_string())];
        lowering.keys(Class::Exact, "evaluate.every", &["~/evaluate.every_steps"], &keys, "one version a step");
        lowering.set("test_dataset_names", format!("[{}]", names.join(", ")));
        let (class, remark) = match unknown {
            true => (Class::NotRepresentable, "what is held out of a domain's own data cannot be named to the engine"),
            false => (Class::Approximate, "one sample of each problem, under the sampling of the first suite"),
        };
        let Some(first) = suites.first() else { continue };
        let keys = [
            ("test_llm.parameters.max_tokens", first.max_output_tokens.to_string()),
            ("test_llm.parameters.temperature", number(first.sampling.temperature)),
            ("test_llm.parameters.top_p", number(first.sampling.top_p)),
            // The engine's own configuration keeps the 50 most likely.
            (
                "test_llm.parameters.top_k",
                if first.sampling.top_k == 0 { "-1".into() } else { first.sampling.top_k.to_string() },
            ),
        ];
        lowering.keys(class, "evaluate.suites", &["~/evaluate.suites"], &keys, remark);
    }
}
