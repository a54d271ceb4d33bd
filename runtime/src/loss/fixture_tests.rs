//! Every objective against PyTorch: losses and gradients that autograd computes from the papers' equations in 64 bits, written down by
//! `scripts/make-objective-fixtures`. Masked responses, several updates of a batch, ratios inside and outside of the clip, every KL
//! estimator and the entropy bonus are among the cases.

use super::shares::{UpdateSize, token_shares};
use super::tests::algorithm;
use super::{Objective, Ratios, SequenceTerms};
use crate::advantage::advantages;
use recipec_compiler::settings::{Algorithm, Kl, KlEstimator};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Numbers of every token, by prompt and response.
type Tokens = Vec<Vec<Vec<f64>>>;

#[derive(Deserialize)]
struct Fixture {
    kl_coef: f64,
    entropy_coef: f64,
    rewards: Vec<Vec<f64>>,
    masked: Vec<Vec<bool>>,
    behavior: Tokens,
    reference: Tokens,
    entropy: Tokens,
    first: Tokens,
    near: Tokens,
    far: Tokens,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    algorithm: String,
    /// Which log-probabilities the policy has: `first`, `near`, `far`.
    snapshot: String,
    updates: usize,
    part: usize,
    kl: Option<String>,
    loss: f64,
    by_logp: Vec<f64>,
    by_entropy: Option<Vec<f64>>,
}

fn fixture() -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/objectives.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    serde_json::from_str(&text).expect("a fixture")
}

/// What ours says of a case: loss, derivatives by trained log-probabilities and entropies, and how often the clip acted.
struct Said {
    loss: f64,
    by_logp: Vec<f64>,
    by_entropy: Vec<f64>,
    ratios: Ratios,
}

fn ours(fixture: &Fixture, algorithm: &Algorithm, case: &Case) -> Said {
    let policy = match case.snapshot.as_str() {
        "first" => &fixture.first,
        "near" => &fixture.near,
        "far" => &fixture.far,
        other => panic!("no snapshot `{other}`"),
    };
    let all = advantages(&fixture.rewards, algorithm.baseline, algorithm.divide_by_std);
    let prompts = fixture.rewards.len();
    let part = prompts * case.part / case.updates..prompts * (case.part + 1) / case.updates;
    let trained = |group: usize| (0..fixture.masked[group].len()).filter(move |i| !fixture.masked[group][*i]);
    let lengths: Vec<Vec<usize>> =
        part.clone().map(|group| trained(group).map(|i| fixture.behavior[group][i].len()).collect()).collect();
    let per_update = 1.0 / case.updates as f64;
    let rollouts = fixture.rewards.iter().map(Vec::len).sum::<usize>() as f64 * per_update;
    let size = UpdateSize { rollouts, prompts: prompts as f64 * per_update };
    let mut shares = token_shares(algorithm.weight, size, &lengths).expect("tokens").into_iter();
    let estimator = case.kl.as_deref().map(|name| match name {
        "k1" => KlEstimator::K1,
        "k2" => KlEstimator::K2,
        "k3" => KlEstimator::K3,
        other => panic!("no estimator `{other}`"),
    });
    let kl = estimator.map(|estimator| Kl { estimator, coef: fixture.kl_coef, to: "base".into() });
    let entropy_coef = if case.by_entropy.is_some() { fixture.entropy_coef } else { 0.0 };
    let objective = Objective { surrogate: algorithm.surrogate, kl: kl.as_ref(), entropy_coef };
    let narrow = |values: &[f64]| values.iter().map(|value| *value as f32).collect::<Vec<f32>>();
    let mut said = Said { loss: 0.0, by_logp: Vec::new(), by_entropy: Vec::new(), ratios: Ratios::default() };
    for group in part {
        for i in trained(group) {
            let result = objective.sequence(&SequenceTerms {
                logp: &narrow(&policy[group][i]),
                entropy: &narrow(&fixture.entropy[group][i]),
                logp_behavior: &narrow(&fixture.behavior[group][i]),
                logp_reference: Some(&narrow(&fixture.reference[group][i])),
                advantage: all[group][i],
                share: shares.next().expect("a share for each trained response"),
            });
            said.loss += result.loss.loss;
            said.by_logp.extend(result.loss.d_logp.iter().map(|slope| f64::from(*slope)));
            said.by_entropy.extend(result.loss.d_entropy.iter().map(|slope| f64::from(*slope)));
            said.ratios.count += result.ratios.count;
            said.ratios.clipped += result.ratios.clipped;
        }
    }
    said
}

/// The largest difference relative to the expected number. Derivatives are rounded to 32 bits once for the surrogate and once for the
/// KL term, which may nearly cancel: what is below a thousandth of the largest is compared with that thousandth.
fn off(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let size = expected.iter().fold(0.0f64, |most, value| most.max(value.abs()));
    let relative =
        |(found, expected): (&f64, &f64)| (found - expected).abs() / expected.abs().max(1e-3 * size).max(1e-12);
    found.iter().zip(expected).map(relative).fold(0.0, f64::max)
}

#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    let fixture = fixture();
    let (mut worst, mut acted) = (0.0f64, BTreeMap::new());
    for case in &fixture.cases {
        let algorithm = algorithm(&case.algorithm);
        let said = ours(&fixture, &algorithm, case);
        let what = format!(
            "{} at `{}`, part {} of {}, kl {:?}",
            case.algorithm, case.snapshot, case.part, case.updates, case.kl
        );
        let loss = (said.loss - case.loss).abs() / case.loss.abs().max(1e-3);
        assert!(loss < 1e-6, "{what}: loss {} is not {}", said.loss, case.loss);
        let slopes = off(&said.by_logp, &case.by_logp);
        assert!(slopes < 1e-6, "{what}: gradient off by {slopes:e}\n{:?}\n{:?}", said.by_logp, case.by_logp);
        let entropies = off(&said.by_entropy, case.by_entropy.as_deref().unwrap_or_default());
        assert!(entropies < 1e-6, "{what}: gradient by entropy off by {entropies:e}");
        worst = worst.max(loss).max(slopes).max(entropies);
        let (clipped, free) = acted.entry((case.algorithm.clone(), case.snapshot.clone())).or_insert((0, 0));
        *clipped += said.ratios.clipped;
        *free += said.ratios.count - said.ratios.clipped;
    }
    assert!(worst > 0.0, "nothing was compared");
    // The cases are on both sides of every clip, and on policy no ratio is held back.
    for ((name, snapshot), (clipped, free)) in &acted {
        let has_clip = !name.starts_with("rloo");
        assert_eq!(*clipped > 0, has_clip && snapshot != "first", "{name} at `{snapshot}`: {clipped} clipped");
        assert!(*free > 0, "{name} at `{snapshot}`: nothing is free");
    }
}

/// The fixture has every objective under every added term, and batches that are cut into updates.
#[test]
fn the_fixture_is_whole() {
    let fixture = fixture();
    let mut terms: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for case in &fixture.cases {
        let kl = case.kl.as_deref().unwrap_or("none");
        let said = format!("{kl} {} {}", case.by_entropy.is_some(), case.updates);
        terms.entry(&case.algorithm).or_default().insert(said);
    }
    for name in ["gspo", "grpo", "dr_grpo", "dapo", "rloo", "reinforce_plus_plus", "cispo"] {
        assert!(terms.keys().any(|text| text.starts_with(&format!("{name} "))), "no {name}");
    }
    for weight in ["weight = equal", "weight = length"] {
        assert!(terms.keys().any(|text| text.starts_with("gspo") && text.contains(weight)), "no gspo with {weight}");
    }
    for (name, terms) in &terms {
        for term in
            ["none false 1", "k1 false 1", "k2 false 1", "k3 false 1", "none true 1", "none false 2", "k3 true 2"]
        {
            assert!(terms.contains(term), "{name}: no case `{term}`");
        }
    }
    assert!(fixture.masked.iter().flatten().filter(|masked| **masked).count() >= 2);
}

/// On policy the gradients of GSPO by length, GRPO with its parts and REINFORCE with the same baseline are the same numbers in PyTorch,
/// too: the fixture holds the equality, not only our code.
#[test]
fn pytorch_has_the_equalities() {
    let fixture = fixture();
    let first = |start: &str| {
        let wanted = |case: &&Case| case.algorithm.starts_with(start) && case.snapshot == "first" && case.updates == 1;
        fixture
            .cases
            .iter()
            .find(wanted)
            .map(|case| case.by_logp.clone())
            .unwrap_or_else(|| panic!("no case of {start}"))
    };
    let gspo = |weight: &str| {
        first(&format!("gspo {{ clip_low = 0.1, clip_high = 0.2, weight = {weight}, baseline = leave_one_out"))
    };
    assert!(off(&gspo("length"), &first("rloo { weight = length")) < 1e-9, "GSPO by length is REINFORCE");
    assert!(off(&gspo("equal"), &first("rloo { weight = equal")) < 1e-9, "GSPO with equal sequences is REINFORCE");
    let normalised = first("gspo { clip_low = 3e-4, clip_high = 4e-4, weight = equal, baseline = group_mean");
    assert!(off(&first("grpo {"), &normalised) < 1e-9, "GRPO is GSPO with GRPO's parts");
    let dapo = first("dapo { divide_by_std = true }");
    let cispo = first("cispo { clip_high = 0.3, weight = token_mean, divide_by_std = true }");
    assert!(off(&dapo, &cispo) < 1e-9, "DAPO is CISPO");
    assert!(off(&first("dr_grpo"), &first("grpo {")) > 1e-2, "and Dr. GRPO is not GRPO");
}
