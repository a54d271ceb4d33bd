use super::*;
use crate::run_folder::*;

/// A step of a healthy run with 100 rollouts: two domains at 60% and 40%.
fn step(number: u64) -> StepMetrics {
    let domain = |share: f64| DomainMetrics {
        sampled: (100.0 * share) as u64 * number,
        completed: (100.0 * share) as u64 * number,
        trained: (50.0 * share) as u64 * number,
        solve_rate: Some(0.5),
        ..DomainMetrics::default()
    };
    StepMetrics {
        schema: SCHEMA,
        stage: "rewards".into(),
        step: number,
        kind: StepKind::Reinforce,
        loss: Some(0.1),
        grad_norm: Some(1.0),
        lr: Some(1e-4),
        entropy: Some(0.5),
        groups: Some(GroupCounts { sampled: 10, kept: 5, dropped: 5 }),
        tokens: TokenCounts::default(),
        reward: Some(RewardMeans { total: Some(number as f64 / 100.0), outcome: None, terms: BTreeMap::new() }),
        scale_by_solve_rate: Vec::new(),
        truncated: Some(0.1),
        soft_zone: None,
        clip_fraction: None,
        importance_ratio_deviation: None,
        kl: None,
        domains: BTreeMap::from([("code".to_string(), domain(0.4)), ("math".to_string(), domain(0.6))]),
        work: BTreeMap::new(),
        limited_verdicts: 0,
        verifier_errors: 0,
    }
}

fn evaluation(number: u64, pass: f64) -> Evaluation {
    let results = Results {
        pass_at_1: pass,
        pass_at_1_ci: Some([pass - 0.05, pass + 0.05]),
        mean_tokens: 10.0,
        mean_tokens_ci: None,
        truncated: None,
    };
    let suite = SuiteResults { domains: BTreeMap::new(), macro_average: results };
    let suites = BTreeMap::from([("held_out".to_string(), suite)]);
    Evaluation { schema: SCHEMA, stage: "rewards".into(), step: number, when: When::Step, suites }
}

fn watch() -> Health {
    let mut health = Health::default();
    health.aim(BTreeMap::from([("code".to_string(), 0.4), ("math".to_string(), 0.6)]));
    health
}

/// What is found in 100 steps, from step 51 on with a change.
fn found(change: impl Fn(&mut StepMetrics)) -> Vec<(Sickness, u64)> {
    let mut health = watch();
    let mut findings = Vec::new();
    for number in 1..=100 {
        let mut line = step(number);
        if number > 50 {
            change(&mut line);
        }
        findings.extend(health.step(&line));
    }
    for finding in &findings {
        assert!(finding.sentence().contains(finding.sickness.advice()), "{finding:?}");
    }
    findings.into_iter().map(|finding| (finding.sickness, finding.step)).collect()
}

#[test]
fn a_healthy_run_is_left_alone() {
    assert_eq!(found(|_| {}), []);
    // A policy that solves everything may be sure of itself.
    let mut health = watch();
    for number in 1..=100 {
        let mut line = step(number);
        line.domains.values_mut().for_each(|domain| domain.solve_rate = Some(0.99));
        line.entropy = Some(if number > 50 { 0.0 } else { 0.5 });
        assert_eq!(health.step(&line), []);
    }
}

/// A window of 20 steps, of which `n` are sick, has a mean that crosses the line at a step that can be counted.
#[test]
fn each_sickness_is_found_once_and_when_it_is_there() {
    // Mean entropy 0.5 (20 - n) / 20 is below 0.1 from n = 17 on.
    assert_eq!(found(|line| line.entropy = Some(0.0)), [(Sickness::EntropyCollapse, 67)]);
    // (0.5 (20 - n) + 5 n) / 20 is above 1.5 from n = 5 on.
    assert_eq!(found(|line| line.entropy = Some(5.0)), [(Sickness::EntropyBlowUp, 55)]);
    // 0.5 (20 - n) / 20 is below 0.1 from n = 17 on.
    let silent = |line: &mut StepMetrics| line.groups = Some(GroupCounts { sampled: 10, kept: 0, dropped: 10 });
    assert_eq!(found(silent), [(Sickness::NoSignal, 67)]);
    // (0.1 (20 - n) + n) / 20 is above 0.5 from n = 9 on.
    assert_eq!(found(|line| line.truncated = Some(1.0)), [(Sickness::Truncation, 59)]);
    // Two failures among 100 verdicts of a step: above 1% of 2,000 from the eleventh such step on.
    assert_eq!(found(|line| line.verifier_errors = 2), [(Sickness::VerifierErrs, 61)]);
    assert_eq!(found(|line| line.limited_verdicts = 3), [(Sickness::VerifierErrs, 57)]);
}

#[test]
fn it_is_told_again_after_it_was_gone() {
    let mut health = watch();
    let mut told = Vec::new();
    for number in 1..=150 {
        let mut line = step(number);
        if (31..=60).contains(&number) || (101..=130).contains(&number) {
            line.truncated = Some(1.0);
        }
        told.extend(health.step(&line).into_iter().map(|finding| finding.step));
    }
    assert_eq!(told, [39, 109]);
}

#[test]
fn shares_that_leave_their_ratios_are_seen() {
    let mut health = watch();
    let mut told = Vec::new();
    for number in 1..=40 {
        let mut line = step(number);
        if let Some(math) = line.domains.get_mut("math") {
            math.completed += 20 * number;
            math.trained += 60 * number;
        }
        told.extend(health.step(&line));
    }
    // 80 to 40 completed is 66.7%: 6.7% away. 90 to 20 trained is 81.8%: 21.8% away, from 2,000 trained rollouts on.
    let of = |sickness: Sickness| told.iter().find(|finding| finding.sickness == sickness).expect("a finding");
    assert!(of(Sickness::ShareDrift).seen.contains("6.7%"), "{told:?}");
    assert!(of(Sickness::TrainedDrift).seen.contains("21.8%"), "{told:?}");
    assert_eq!((of(Sickness::ShareDrift).step, of(Sickness::TrainedDrift).step), (20, 20));
    assert_eq!(told.len(), 2);
}

/// The reward of these runs rises by 0.01 a step.
#[test]
fn a_reward_that_is_gamed_is_seen() {
    let mut health = watch();
    let mut told = Vec::new();
    for number in 1..=100 {
        told.extend(health.step(&step(number)));
        match number {
            30 => told.extend(health.evaluation(&evaluation(30, 0.6))),
            // Within the intervals, this could be chance.
            60 => told.extend(health.evaluation(&evaluation(60, 0.55))),
            90 => told.extend(health.evaluation(&evaluation(90, 0.4))),
            _ => {}
        }
    }
    let found: Vec<_> = told.iter().map(|finding| (finding.sickness, finding.step)).collect();
    assert_eq!(found, [(Sickness::RewardWithoutAccuracy, 90)]);
    assert!(
        told[0].seen.contains("fell from 55.0% to 40.0%") || told[0].seen.contains("fell from 60.0% to 40.0%"),
        "{told:?}"
    );
}

/// Read from files, a run gives what it gave while it went on; and a run that is resumed in the middle goes on the same way.
#[test]
fn a_run_that_is_read_again_gives_the_same() {
    let sick = |number: u64| {
        let mut line = step(number);
        line.truncated = Some(if number > 30 { 1.0 } else { 0.0 });
        line.entropy = Some(if number > 60 { 0.0 } else { 0.5 });
        line
    };
    let metrics: Vec<StepMetrics> = (1..=100).map(sick).collect();
    let evaluations = [evaluation(0, 0.1), evaluation(30, 0.6), evaluation(90, 0.4), evaluation(100, 0.3)];
    let whole = watch().replay(&metrics, &evaluations);
    assert_eq!(whole.len(), 3, "{whole:?}");
    let mut resumed = watch();
    let mut parts = resumed.replay(&metrics[..47], &evaluations[..2]);
    parts.extend(resumed.replay(&metrics[47..], &evaluations[2..]));
    assert_eq!(parts, whole);
}
