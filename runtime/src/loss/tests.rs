//! Every named algorithm against its paper: the equation written out in double precision, row by row, from probabilities instead of
//! differences of logarithms; and the equalities that hold between algorithms.

use super::shares::{UpdateSize, token_shares};
use super::{Objective, SequenceTerms};
use crate::advantage::advantages;
use crate::policy::gradient::{Lanes, SequenceLoss, gradients, on_device};
use crate::policy::tests::{as_sequences, examples, small};
use recipec_compiler::settings::{Algorithm, Kl, KlEstimator};
use recipec_compiler::{FileId, NoFiles, Options, Source};

/// The algorithm of a recipe that says `algorithm = TEXT`, with the values that the edition gives to what is not written.
pub(super) fn algorithm(text: &str) -> Algorithm {
    let recipe = format!(
        "recipe t {{ edition = 2026 }}
        model policy {{ source = fresh {{ width = 32 }} context = 256 tokens }}
        budget {{ prompt = 64 tokens output = 20 tokens buffer = 10 tokens evaluation = 20 tokens steps = 1 steps }}
        domain math {{ ratio = 100% data = builtin(\"arithmetic\") verify = math_answer() }}
        mix {{ count = completed(rollouts) weight = ratio }}
        reward {{ unfinished = as_judged total = if correct then 1 else 0 }}
        train {{ algorithm = {text} group = 3 rollouts batch = 6 rollouts }}"
    );
    let checked = recipec_compiler::check(Source::new(FileId(0), "t", recipe.as_str()), &NoFiles, &Options::default());
    let said: Vec<String> = checked.problems.sorted().iter().map(|d| d.message.clone()).collect();
    let recipe = checked.recipe.unwrap_or_else(|| panic!("{text}: {said:?}"));
    match &recipe.stages[0].work {
        recipec_compiler::recipe::StageWork::Reinforce(work) => work.train.algorithm.clone(),
        recipec_compiler::recipe::StageWork::Supervised(_) => panic!("a stage of reinforcement"),
    }
}

/// One rollout with its numbers.
struct Row {
    logp: Vec<f32>,
    old: Vec<f32>,
    reference: Vec<f32>,
    entropy: Vec<f32>,
    reward: f64,
}

/// Two prompts of three rollouts, of 1 to 5 tokens: ratios from 0.5 to 2, so that each clip acts somewhere and not everywhere.
fn batch() -> Vec<Vec<Row>> {
    let mut state = 1u64;
    let mut next = |low: f64, high: f64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (high - low) * (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut group = |lengths: [usize; 3], rewards: [f64; 3]| {
        let row = |(n, reward): (usize, f64)| {
            let old: Vec<f32> = (0..n).map(|_| next(-3.0, -1.0) as f32).collect();
            Row {
                logp: old.iter().map(|old| old + next(-0.7, 0.7) as f32).collect(),
                reference: old.iter().map(|old| old + next(-0.5, 0.5) as f32).collect(),
                entropy: old.iter().map(|_| next(0.1, 2.0) as f32).collect(),
                old,
                reward,
            }
        };
        lengths.into_iter().zip(rewards).map(row).collect::<Vec<_>>()
    };
    vec![group([3, 1, 5], [1.0, 0.0, 0.4]), group([2, 4, 3], [0.0, 1.0, -0.5])]
}

/// Sum of the losses of all sequences, and the derivatives by every log-probability, as the trainer computes them.
fn ours(algorithm: &Algorithm, batch: &[Vec<Row>], kl: Option<&Kl>, entropy_coef: f64) -> (f64, Vec<f64>) {
    let rewards: Vec<Vec<f64>> = batch.iter().map(|group| group.iter().map(|row| row.reward).collect()).collect();
    let advantages = advantages(&rewards, algorithm.baseline, algorithm.divide_by_std);
    let lengths: Vec<Vec<usize>> = batch.iter().map(|group| group.iter().map(|row| row.logp.len()).collect()).collect();
    let size = UpdateSize { rollouts: 6.0, prompts: 2.0 };
    let shares = token_shares(algorithm.weight, size, &lengths).expect("tokens");
    let objective = Objective { surrogate: algorithm.surrogate, kl, entropy_coef };
    let (mut loss, mut slopes) = (0.0, Vec::new());
    for ((row, advantage), share) in batch.iter().flatten().zip(advantages.into_iter().flatten()).zip(shares) {
        let said = objective.sequence(&SequenceTerms {
            logp: &row.logp,
            entropy: &row.entropy,
            logp_behavior: &row.old,
            logp_reference: Some(&row.reference),
            advantage,
            share,
        });
        loss += said.loss.loss;
        slopes.extend(said.loss.d_logp.iter().map(|slope| f64::from(*slope)));
    }
    (loss, slopes)
}

/// A loss of all current log-probabilities, written from a paper: (groups, log-probabilities by rollout, where weights are frozen).
type Paper = fn(&[Vec<Row>], &[Vec<f64>], &[Vec<f64>]) -> f64;

fn probability(logp: f64) -> f64 {
    std::f64::consts::E.powf(logp)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)).sqrt()
}

fn rewards(group: &[Row]) -> Vec<f64> {
    group.iter().map(|row| row.reward).collect()
}

/// PPO's minimum for one ratio.
fn minimum(ratio: f64, advantage: f64, low: f64, high: f64) -> f64 {
    let bounded = if ratio < 1.0 - low {
        1.0 - low
    } else if ratio > 1.0 + high {
        1.0 + high
    } else {
        ratio
    };
    if ratio * advantage < bounded * advantage { ratio * advantage } else { bounded * advantage }
}

/// Ratios of the tokens of rollout `i` of the batch.
fn token_ratios(row: &Row, logp: &[f64]) -> Vec<f64> {
    logp.iter().zip(&row.old).map(|(new, old)| probability(*new) / probability(f64::from(*old))).collect()
}

/// arXiv 2402.03300, eq. 3 without its KL term: the mean over prompts of `1/G sum_i 1/|o_i| sum_t min(…)`, advantages normalised.
fn grpo(batch: &[Vec<Row>], logp: &[Vec<f64>], _: &[Vec<f64>]) -> f64 {
    let (mut total, mut at) = (0.0, 0);
    for group in batch {
        let rewards = rewards(group);
        let mut of_group = 0.0;
        for row in group {
            let advantage = (row.reward - mean(&rewards)) / deviation(&rewards);
            let terms: Vec<f64> =
                token_ratios(row, &logp[at]).iter().map(|r| minimum(*r, advantage, 0.2, 0.2)).collect();
            of_group += mean(&terms) / group.len() as f64;
            at += 1;
        }
        total += of_group / batch.len() as f64;
    }
    -total
}

/// arXiv 2503.20783: neither `1/|o_i|` nor the deviation; the authors' code divides by the longest response that is allowed, 20 here.
fn dr_grpo(batch: &[Vec<Row>], logp: &[Vec<f64>], _: &[Vec<f64>]) -> f64 {
    let (mut total, mut at) = (0.0, 0);
    for group in batch {
        let rewards = rewards(group);
        for row in group {
            let advantage = row.reward - mean(&rewards);
            total += token_ratios(row, &logp[at]).iter().map(|r| minimum(*r, advantage, 0.2, 0.2)).sum::<f64>() / 20.0;
            at += 1;
        }
    }
    -total / 6.0
}

fn dapo_terms(batch: &[Vec<Row>], logp: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut at = 0;
    let of_group = |group: &Vec<Row>| {
        let rewards = rewards(group);
        let mut terms = Vec::new();
        for row in group {
            let advantage = (row.reward - mean(&rewards)) / deviation(&rewards);
            terms.extend(token_ratios(row, &logp[at]).iter().map(|r| minimum(*r, advantage, 0.2, 0.28)));
            at += 1;
        }
        terms
    };
    batch.iter().map(of_group).collect()
}

/// arXiv 2503.14476 as the authors' code does it: one mean over all tokens.
fn dapo(batch: &[Vec<Row>], logp: &[Vec<f64>], _: &[Vec<f64>]) -> f64 {
    -mean(&dapo_terms(batch, logp).concat())
}

/// arXiv 2503.14476, eq. 8: the mean over the tokens of a group, then over prompts.
fn dapo_by_group(batch: &[Vec<Row>], logp: &[Vec<f64>], _: &[Vec<f64>]) -> f64 {
    -mean(&dapo_terms(batch, logp).iter().map(|terms| mean(terms)).collect::<Vec<_>>())
}

/// arXiv 2402.14740: `1/k sum_i (R_i - 1/(k-1) sum_{j != i} R_j) log pi(y_i)`, the mean over prompts.
fn rloo(batch: &[Vec<Row>], logp: &[Vec<f64>], _: &[Vec<f64>]) -> f64 {
    let (mut total, mut at) = (0.0, 0);
    for group in batch {
        let mut of_group = 0.0;
        for (i, row) in group.iter().enumerate() {
            let others: Vec<f64> = group.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, o)| o.reward).collect();
            of_group += (row.reward - mean(&others)) * logp[at].iter().sum::<f64>();
            at += 1;
        }
        total += of_group / group.len() as f64;
    }
    -total / batch.len() as f64
}

/// arXiv 2501.03262: clipped ratios of tokens, advantages normalised by mean and deviation of the batch; the mean over its tokens.
fn reinforce_plus_plus(batch: &[Vec<Row>], logp: &[Vec<f64>], _: &[Vec<f64>]) -> f64 {
    let rewards: Vec<f64> = batch.iter().flatten().map(|row| row.reward).collect();
    let (centre, spread) = (mean(&rewards), deviation(&rewards));
    let terms = batch.iter().flatten().zip(logp).flat_map(|(row, logp)| {
        let advantage = (row.reward - centre) / spread;
        token_ratios(row, logp).into_iter().map(move |r| minimum(r, advantage, 0.2, 0.2))
    });
    -mean(&terms.collect::<Vec<_>>())
}

/// arXiv 2506.13585, eq. 4 and 5: weights at most 1.5 and without a lower bound, not differentiated: they are taken from `frozen`.
fn cispo(batch: &[Vec<Row>], logp: &[Vec<f64>], frozen: &[Vec<f64>]) -> f64 {
    let (mut terms, mut at) = (Vec::new(), 0);
    for group in batch {
        let rewards = rewards(group);
        for row in group {
            let advantage = (row.reward - mean(&rewards)) / deviation(&rewards);
            for (ratio, logp) in token_ratios(row, &frozen[at]).iter().zip(&logp[at]) {
                terms.push(ratio.min(1.5) * advantage * logp);
            }
            at += 1;
        }
    }
    -mean(&terms)
}

/// arXiv 2507.18071, eq. 5 and 7: `s_i = (pi(y_i) / pi_old(y_i))^(1/|y_i|)`, sequences alike, here with the leave-one-out baseline.
fn gspo(batch: &[Vec<Row>], logp: &[Vec<f64>], _: &[Vec<f64>]) -> f64 {
    gspo_weighted(batch, logp, |_| 1.0)
}

/// The code base of arXiv 2604.02007: the same, times the number of tokens.
fn gspo_by_length(batch: &[Vec<Row>], logp: &[Vec<f64>], _: &[Vec<f64>]) -> f64 {
    gspo_weighted(batch, logp, |n| n)
}

fn gspo_weighted(batch: &[Vec<Row>], logp: &[Vec<f64>], weight: fn(f64) -> f64) -> f64 {
    let (mut total, mut at) = (0.0, 0);
    for group in batch {
        for (i, row) in group.iter().enumerate() {
            let others: Vec<f64> = group.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, o)| o.reward).collect();
            let n = row.old.len() as f64;
            let old: f64 = row.old.iter().map(|old| f64::from(*old)).sum();
            let ratio = (probability(logp[at].iter().sum()) / probability(old)).powf(1.0 / n);
            total += weight(n) * minimum(ratio, row.reward - mean(&others), 0.1, 0.2);
            at += 1;
        }
    }
    -total / 6.0
}

const PAPERS: &[(&str, Paper)] = &[
    ("grpo { weight = equal, divide_by_std = true }", grpo),
    ("dr_grpo", dr_grpo),
    ("grpo { weight = constant { tokens = 20 tokens }, divide_by_std = false }", dr_grpo),
    ("dapo { divide_by_std = true }", dapo),
    ("grpo { clip_high = 0.28, weight = token_mean, divide_by_std = true }", dapo),
    ("dapo { weight = group_token_mean, divide_by_std = true }", dapo_by_group),
    ("rloo { weight = length }", rloo),
    ("reinforce_plus_plus", reinforce_plus_plus),
    ("cispo { clip_high = 0.5, divide_by_std = true }", cispo),
    ("gspo { clip_low = 0.1, clip_high = 0.2, weight = equal, baseline = leave_one_out, divide_by_std = false }", gspo),
    (
        "gspo { clip_low = 0.1, clip_high = 0.2, weight = length, baseline = leave_one_out, divide_by_std = false }",
        gspo_by_length,
    ),
];

fn logps(batch: &[Vec<Row>]) -> Vec<Vec<f64>> {
    batch.iter().flatten().map(|row| row.logp.iter().map(|p| f64::from(*p)).collect()).collect()
}

/// Central differences of a paper's loss by every log-probability.
fn differences(batch: &[Vec<Row>], paper: impl Fn(&[Vec<f64>]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-6;
    let base = logps(batch);
    let mut slopes = Vec::new();
    for row in 0..base.len() {
        for at in 0..base[row].len() {
            let shifted = |by: f64| {
                let mut moved = base.clone();
                moved[row][at] += by;
                paper(&moved)
            };
            slopes.push((shifted(STEP) - shifted(-STEP)) / (2.0 * STEP));
        }
    }
    slopes
}

fn assert_near(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6 + 1e-5 * expected.abs(), "{what}: {found} is not {expected}");
    }
}

/// How many ratios of a batch the clip holds back under an advantage of 1 and of -1, and how many there are.
fn held(algorithm: &Algorithm, batch: &[Vec<Row>]) -> (usize, usize) {
    let objective = Objective { surrogate: algorithm.surrogate, kl: None, entropy_coef: 0.0 };
    let of = |row: &Row, advantage| {
        objective.sequence(&SequenceTerms {
            logp: &row.logp,
            entropy: &row.entropy,
            logp_behavior: &row.old,
            logp_reference: None,
            advantage,
            share: 1.0,
        })
    };
    let said = batch.iter().flatten().flat_map(|row| [of(row, 1.0), of(row, -1.0)]);
    said.fold((0, 0), |(held, all), said| (held + said.ratios.clipped, all + said.ratios.count))
}

#[test]
fn every_algorithm_is_that_of_its_paper() {
    let batch = batch();
    let frozen = logps(&batch);
    for (text, paper) in PAPERS {
        let algorithm = algorithm(text);
        let (held, all) = held(&algorithm, &batch);
        assert!(text.starts_with("rloo") || held >= 2, "{text}: the clip acts hardly anywhere");
        assert!(held + 2 < all, "{text}: the clip acts almost everywhere");
        let (loss, slopes) = ours(&algorithm, &batch, None, 0.0);
        assert_near(text, &[loss], &[paper(&batch, &frozen, &frozen)]);
        assert_near(text, &slopes, &differences(&batch, |moved| paper(&batch, moved, &frozen)));
        assert!(slopes.iter().any(|slope| slope.abs() > 1e-3), "{text}: no gradient to compare");
    }
}

/// GRPO's own KL term (arXiv 2402.03300 eq. 3 and 4) is inside of the sums of its equation, and so is every estimator and the entropy
/// under every algorithm: with the shares of its tokens.
#[test]
fn added_terms_have_the_shares_of_the_objective() {
    let batch = batch();
    let frozen = logps(&batch);
    for (text, paper) in PAPERS {
        let algorithm = algorithm(text);
        let lengths: Vec<Vec<usize>> = batch.iter().map(|g| g.iter().map(|row| row.logp.len()).collect()).collect();
        let shares =
            token_shares(algorithm.weight, UpdateSize { rollouts: 6.0, prompts: 2.0 }, &lengths).expect("tokens");
        for estimator in [KlEstimator::K1, KlEstimator::K2, KlEstimator::K3] {
            let kl = Kl { estimator, coef: 0.04, to: "base".into() };
            let with = |logp: &[Vec<f64>]| {
                let mut loss = paper(&batch, logp, &frozen);
                for ((row, logp), share) in batch.iter().flatten().zip(logp).zip(&shares) {
                    for ((logp, reference), entropy) in logp.iter().zip(&row.reference).zip(&row.entropy) {
                        let quotient = probability(f64::from(*reference)) / probability(*logp);
                        let estimate = match estimator {
                            KlEstimator::K1 => -quotient.ln(),
                            KlEstimator::K2 => quotient.ln().powi(2) / 2.0,
                            KlEstimator::K3 => quotient - quotient.ln() - 1.0,
                        };
                        loss += share * (0.04 * estimate - 0.01 * f64::from(*entropy));
                    }
                }
                loss
            };
            let (loss, slopes) = ours(&algorithm, &batch, Some(&kl), 0.01);
            assert_near(text, &[loss], &[with(&frozen)]);
            assert_near(text, &slopes, &differences(&batch, with));
        }
    }
}

/// At the weights that sampled, with the same baseline and weight, every objective has the gradient of REINFORCE.
#[test]
fn on_policy_all_are_reinforce() {
    let mut batch = batch();
    batch.iter_mut().flatten().for_each(|row| row.logp.clone_from(&row.old));
    for weight in ["equal", "length", "token_mean", "group_token_mean", "constant { tokens = 7 tokens }"] {
        let reinforce = ours(&algorithm(&format!("rloo {{ weight = {weight} }}")), &batch, None, 0.0).1;
        for name in ["gspo", "grpo"] {
            let text = format!("{name} {{ weight = {weight}, baseline = leave_one_out, divide_by_std = false }}");
            assert_near(&text, &ours(&algorithm(&text), &batch, None, 0.0).1, &reinforce);
        }
        let of_group = |name: &str| {
            let text = format!("{name} {{ weight = {weight}, clip_high = 4, divide_by_std = true }}");
            ours(&algorithm(&text), &batch, None, 0.0).1
        };
        assert_near(weight, &of_group("cispo"), &of_group("grpo"));
        assert_near(weight, &of_group("dapo"), &of_group("grpo"));
    }
}

/// Without clipping the first moment of RLOO and of Dr. GRPO differ by the factor `n / (n - 1)` of their baselines alone.
#[test]
fn rloo_is_dr_grpo_times_a_factor() {
    let mut batch = batch();
    batch.iter_mut().flatten().for_each(|row| row.logp.clone_from(&row.old));
    let rloo = ours(&algorithm("rloo { weight = constant { tokens = 20 tokens } }"), &batch, None, 0.0).1;
    let dr_grpo = ours(&algorithm("dr_grpo"), &batch, None, 0.0).1;
    assert_near("3/2", &rloo, &dr_grpo.iter().map(|slope| slope * 1.5).collect::<Vec<_>>());
}

/// A clipped token has no gradient under PPO's minimum, and keeps its bounded one under CISPO.
#[test]
fn what_a_clip_does() {
    let terms = |logp: &'static [f32], advantage| SequenceTerms {
        logp,
        entropy: &[],
        logp_behavior: &[-1.0, -1.0],
        logp_reference: None,
        advantage,
        share: 1.0,
    };
    let said = |text: &str, logp, advantage| {
        let objective = Objective { surrogate: algorithm(text).surrogate, kl: None, entropy_coef: 0.0 };
        objective.sequence(&terms(logp, advantage))
    };
    let grpo = "grpo { weight = equal, divide_by_std = false }";
    // The first token is e times as likely as before, the second as likely.
    let up = said(grpo, &[0.0, -1.0], 1.0);
    assert_eq!((up.loss.d_logp.clone(), up.ratios.clipped, up.ratios.count), (vec![0.0, -1.0], 1, 2));
    assert!((up.loss.loss + 2.2).abs() < 1e-12 && (up.ratios.deviation - (std::f64::consts::E - 1.0)).abs() < 1e-12);
    // The minimum is pessimistic: with a negative advantage the same token is not held back.
    assert_eq!(said(grpo, &[0.0, -1.0], -1.0).ratios.clipped, 0);
    assert_eq!(said(grpo, &[-2.0, -1.0], -1.0).ratios.clipped, 1);
    assert_eq!(said(grpo, &[-2.0, -1.0], 1.0).ratios.clipped, 0);
    let cispo = said("cispo { clip_high = 0.5, divide_by_std = false }", &[0.0, -1.0], 1.0);
    assert_eq!((cispo.loss.d_logp, cispo.ratios.clipped), (vec![-1.5, -1.0], 1));
    let both = said("cispo { clip_low = 0.5, clip_high = 0.5, divide_by_std = false }", &[-2.0, -1.0], 1.0);
    assert_eq!((both.loss.d_logp, both.ratios.clipped), (vec![-0.5, -1.0], 1));
    let none = said("cispo { clip_high = 0.5, divide_by_std = false }", &[-2.0, -1.0], 1.0);
    assert_eq!(none.ratios.clipped, 0, "the paper's weight has no lower bound");
    let rloo = said("rloo { weight = length }", &[0.0, -1.0], 2.0);
    assert_eq!((rloo.loss.loss, rloo.loss.d_logp), (2.0, vec![-2.0, -2.0]));
}

/// Through a whole policy: the written-out backward pass and candle's differentiation give the same gradients under every algorithm, and
/// the written-out one gives the same bits for any number of threads.
#[test]
fn whole_policies_agree_and_threads_change_nothing() {
    let policy = small(4, 2, true);
    let examples = examples();
    let sequences = as_sequences(&examples);
    let lanes = |threads| Lanes { threads };
    let old = crate::policy::gradient::score(&policy, &sequences, 0.8, &lanes(1)).expect("scores").logp;
    for (text, _) in PAPERS {
        let objective = Objective { surrogate: algorithm(text).surrogate, kl: None, entropy_coef: 0.01 };
        let loss = |at: usize, logp: &[f32], entropy: &[f32]| -> SequenceLoss {
            let behavior: Vec<f32> = old[at].iter().map(|p| p - 0.3).collect();
            let terms = SequenceTerms {
                logp,
                entropy,
                logp_behavior: &behavior,
                logp_reference: None,
                advantage: if at.is_multiple_of(2) { -0.7 } else { 0.4 },
                share: 0.1 + 0.05 * at as f64,
            };
            objective.sequence(&terms).loss
        };
        let one = gradients(&policy, &sequences, 0.8, &lanes(1), &loss).expect("gradients");
        let two = gradients(&policy, &sequences, 0.8, &lanes(2), &loss).expect("gradients");
        let composed = on_device(&policy, &sequences, 0.8, &loss).expect("gradients");
        assert_eq!(one.loss.to_bits(), two.loss.to_bits(), "{text}");
        for ((one, two), composed) in one.tensors.iter().zip(&two.tensors).zip(&composed.tensors) {
            let flat = |t: &candle_core::Tensor| t.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("numbers");
            let (one, two, composed) = (flat(one), flat(two), flat(composed));
            assert!(one.iter().zip(&two).all(|(a, b)| a.to_bits() == b.to_bits()), "{text}");
            let size = one.iter().fold(0.0f32, |most, v| most.max(v.abs()));
            assert!(one.iter().zip(&composed).all(|(a, b)| (a - b).abs() <= 1e-4 * size.max(1e-3)), "{text}");
        }
    }
}
