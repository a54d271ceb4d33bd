//! The figures of the mix, and laws of the pipeline.

use super::*;
use crate::rng::{Purpose, Stream};

/// Five domains whose times differ tenfold and whose groups are dropped as often as 20 to 70 times in a hundred.
fn five() -> World {
    let rows = [
        ("math", 0.40, 60.0, 0.60),
        ("code", 0.25, 90.0, 0.45),
        ("logic", 0.15, 40.0, 0.40),
        ("instruct", 0.10, 10.0, 0.80),
        ("tools", 0.10, 8.0, 0.30),
    ];
    let domain = |(name, ratio, seconds, kept): (&str, f64, f64, f64)| Domain {
        name: name.into(),
        ratio,
        seconds,
        kept,
        tokens: 10.0 * seconds,
        solved: 0.5,
    };
    World {
        domains: rows.map(domain).into(),
        pipeline: Pipeline { slots: 64, group_size: 8, batch: 16, max_lag: None, train_seconds: 0.0, spread: 0.5 },
        groups: 8_192,
        shock: None,
        seed: 1,
    }
}

fn seeds(world: &World, rule: Rule<'_>) -> Vec<Outcome> {
    (1..=5).map(|seed| simulate(&World { seed, ..world.clone() }, rule).unwrap()).collect()
}

fn mean(outcomes: &[Outcome], of: impl Fn(&Outcome) -> f64) -> f64 {
    outcomes.iter().map(of).sum::<f64>() / outcomes.len() as f64
}

#[test]
fn the_trained_mix_follows_the_ratios_under_the_deficit_rule_only() {
    let world = five();
    let (ratios, published) = (seeds(&world, Rule::Ratios), seeds(&world, Rule::Published));
    let deficit = seeds(&world, Rule::TRAINED_DEFICIT);
    let end = |outcomes: &[Outcome]| mean(outcomes, |outcome| outcome.last().trained);
    let early = |outcomes: &[Outcome]| mean(outcomes, |outcome| outcome.trained_after(1_000));
    println!("after 8,192: ratios {:.4}, published {:.4}, deficit {:.4}", end(&ratios), end(&published), end(&deficit));
    println!(
        "after 1,000: ratios {:.4}, published {:.4}, deficit {:.4}",
        early(&ratios),
        early(&published),
        early(&deficit)
    );
    assert!(deficit.iter().all(|outcome| outcome.last().trained <= 0.003));
    assert!(early(&deficit) <= early(&published) / 10.0);
    assert!(end(&published) > 0.1 && end(&ratios) > 0.1);
    // The published rule does what it is made for.
    assert!(mean(&published, |outcome| outcome.last().completed) < mean(&ratios, |outcome| outcome.last().completed));
}

#[test]
fn a_slower_domain_is_made_up_for() {
    let shock = Some(Shock { domain: 0, factor: 3.0, at: 4_096 });
    let deficit = seeds(&World { shock, ..five() }, Rule::TRAINED_DEFICIT);
    let slowest = deficit.iter().map(|outcome| outcome.recovery.unwrap()).max().unwrap();
    // Where every group is kept, the published rule recovers too, and the two can be compared.
    let mut kept = five();
    kept.shock = shock;
    kept.domains.iter_mut().for_each(|domain| domain.kept = 1.0);
    let never = kept.groups - 4_096;
    let recovery = |rule| mean(&seeds(&kept, rule), |outcome| outcome.recovery.unwrap_or(never) as f64);
    let (published, ours) = (recovery(Rule::Published), recovery(Rule::TRAINED_DEFICIT));
    println!("with drops {slowest} at most; without: published {published}, deficit {ours}");
    assert!(ours * 5.0 <= published);
    assert!(seeds(&World { shock, ..five() }, Rule::Published).iter().all(|outcome| outcome.recovery.is_none()));
}

#[test]
fn nothing_is_lost_or_invented() {
    for (slots, batch, max_lag, train_seconds) in [(64, 16, None, 0.0), (7, 5, Some(0), 3.0), (32, 8, Some(2), 40.0)] {
        let mut world = five();
        world.groups = 600;
        world.pipeline = Pipeline { slots, batch, max_lag, train_seconds, ..world.pipeline };
        for rule in [Rule::Ratios, Rule::Published, Rule::TRAINED_DEFICIT] {
            let outcome = simulate(&world, rule).unwrap();
            assert_eq!(outcome.sampled.iter().sum::<u64>(), 600);
            assert_eq!(outcome.sampled, outcome.completed);
            assert_eq!(outcome.trained.iter().sum::<u64>(), outcome.steps * batch);
            assert!(outcome.trained.iter().zip(&outcome.completed).all(|(trained, completed)| trained <= completed));
            assert_eq!(outcome, simulate(&world, rule).unwrap(), "the same seed");
        }
    }
}

/// One slot, one domain, times without spread: the clock can be computed by hand.
#[test]
fn turns_are_taken_without_lag() {
    let mut world = five();
    world.domains.truncate(1);
    world.domains[0].ratio = 1.0;
    world.domains[0].kept = 1.0;
    world.groups = 6;
    world.pipeline = Pipeline { slots: 2, group_size: 4, batch: 2, max_lag: Some(0), train_seconds: 30.0, spread: 0.0 };
    let outcome = simulate(&world, Rule::Ratios).unwrap();
    // Three times: two groups side by side in 60 s, then 30 s of training.
    assert!((outcome.seconds - 270.0).abs() < 1e-9, "{}", outcome.seconds);
    // Up to the last draw at 180 s both slots wait during 60 s of training; the trainer works 90 of its 210 s.
    assert!((outcome.slots_idle - 60.0 / 180.0).abs() < 1e-9, "{}", outcome.slots_idle);
    assert!((outcome.trainer_idle.unwrap() - 120.0 / 210.0).abs() < 1e-9);
    // With a lag of one the trainer never holds up the slots.
    world.pipeline.max_lag = Some(1);
    let pipelined = simulate(&world, Rule::Ratios).unwrap();
    assert_eq!((pipelined.slots_idle, pipelined.seconds), (0.0, 210.0));
}

#[test]
fn times_have_the_stated_mean_and_spread() {
    let spread: f64 = 0.5;
    let variance = libm::log(1.0 + spread * spread);
    let factor = |n: u32| {
        let stream = Stream::new(5, Purpose::Simulation, 0, n, 0);
        libm::exp(libm::sqrt(variance) * stream.normal(0) - variance / 2.0)
    };
    let factors: Vec<f64> = (0..40_000).map(factor).collect();
    let mean = factors.iter().sum::<f64>() / 40_000.0;
    let square = factors.iter().map(|factor| (factor - mean).powi(2)).sum::<f64>() / 40_000.0;
    // Standard errors of mean and deviation are below 0.003 and 0.004.
    assert!((mean - 1.0).abs() < 0.01 && (square.sqrt() - spread).abs() < 0.015, "{mean} {}", square.sqrt());
}

#[test]
fn distances_by_hand() {
    assert_eq!(variation(&[4, 4], &[0.5, 0.5]), 0.0);
    assert_eq!(variation(&[3, 1], &[0.5, 0.5]), 0.25);
    assert_eq!(variation(&[0, 0], &[0.5, 0.5]), 1.0);
}
