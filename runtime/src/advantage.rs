//! Credit: reward minus baseline. Pure functions over the rewards of the groups that were drawn together.

use recipec_compiler::settings::{Baseline, Deviation, Drop};

/// A spread below this is rounding, and nothing is divided by it.
const NO_SPREAD: f64 = 1e-12;

/// Advantages of all rollouts that were drawn together, from their total rewards by group.
///
/// `LeaveOneOut` (RLOO, arXiv 2402.14740): the baseline of a rollout is the mean of the *others* of its group. `GroupMean` (GRPO,
/// arXiv 2402.03300): the mean of the group, itself included. `BatchMean` (REINFORCE++, arXiv 2501.03262): the mean of all that were
/// drawn together. A group of one has no others: its advantage is 0, so that a raw reward never passes for an advantage.
///
/// `Deviation::Group` divides by the sample standard deviation of the group's rewards; `Deviation::Batch` by that of what is left after
/// the baseline, over all groups, its own mean taken off (`(A - mean(A)) / std(A)`). What has no spread keeps advantages of 0.
///
/// Sums run in the order of the draws. Statistics of the batch are those of what was *drawn*: groups that leave later are in them, so
/// that dropping a group changes no other advantage.
pub fn advantages(groups: &[Vec<f64>], baseline: Baseline, divide_by: Deviation) -> Vec<Vec<f64>> {
    let batch = Spread::of(groups.iter().flatten());
    let mut all: Vec<Vec<f64>> = groups.iter().map(|rewards| group_advantages(rewards, batch.mean, baseline)).collect();
    match divide_by {
        Deviation::None => {}
        Deviation::Group => {
            for (advantages, rewards) in all.iter_mut().zip(groups) {
                let scale = Spread::of(rewards.iter()).scale();
                advantages.iter_mut().for_each(|advantage| *advantage *= scale);
            }
        }
        Deviation::Batch => {
            let left = Spread::of(all.iter().flatten());
            let scale = left.scale();
            all.iter_mut().flatten().for_each(|advantage| *advantage = (*advantage - left.mean) * scale);
        }
    }
    all
}

fn group_advantages(rewards: &[f64], batch_mean: f64, baseline: Baseline) -> Vec<f64> {
    let n = rewards.len() as f64;
    let sum: f64 = rewards.iter().sum();
    let advantage = |reward: &f64| match baseline {
        Baseline::LeaveOneOut if rewards.len() < 2 => 0.0,
        Baseline::LeaveOneOut => reward - (sum - reward) / (n - 1.0),
        Baseline::GroupMean => reward - sum / n,
        Baseline::BatchMean => reward - batch_mean,
        Baseline::None => *reward,
    };
    rewards.iter().map(advantage).collect()
}

/// Mean and sample standard deviation.
struct Spread {
    mean: f64,
    std: f64,
}

impl Spread {
    fn of<'a>(values: impl Iterator<Item = &'a f64> + Clone) -> Self {
        let (n, sum) = values.clone().fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
        let mean = if n > 0.0 { sum / n } else { 0.0 };
        let squares: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
        Self { mean, std: libm::sqrt(squares / (n - 1.0)) }
    }

    /// What to multiply with; 0 where there is no spread, also for a single value, whose deviation is not a number.
    fn scale(&self) -> f64 {
        if self.std.is_finite() && self.std > NO_SPREAD { 1.0 / self.std } else { 0.0 }
    }
}

/// Whether a group leaves before the batch. `no_advantage` looks at the total reward: a group that is all right but of different
/// lengths has signal through its penalty.
pub fn dropped(advantages: &[f64], correct: &[bool], rule: Drop) -> bool {
    match rule {
        Drop::Never => false,
        Drop::NoAdvantage => advantages.iter().all(|a| a.abs() <= 1e-9),
        Drop::SameOutcome => correct.windows(2).all(|pair| pair[0] == pair[1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(rewards: &[f64], baseline: Baseline, divide_by: Deviation) -> Vec<f64> {
        advantages(&[rewards.to_vec()], baseline, divide_by).concat()
    }

    fn check(actual: &[f64], expected: &[f64]) {
        assert_eq!(actual.len(), expected.len());
        for (a, e) in actual.iter().zip(expected) {
            assert!((a - e).abs() < 1e-12, "{actual:?} is not {expected:?}");
        }
    }

    /// By hand, rewards 1, 0, 0.5: others' means 0.25, 0.75, 0.5.
    #[test]
    fn leave_one_out() {
        check(&one(&[1.0, 0.0, 0.5], Baseline::LeaveOneOut, Deviation::None), &[0.75, -0.75, 0.0]);
    }

    /// By hand: mean 0.5, sample standard deviation 0.5.
    #[test]
    fn group_mean_over_deviation() {
        check(&one(&[1.0, 0.0, 0.5], Baseline::GroupMean, Deviation::Group), &[1.0, -1.0, 0.0]);
    }

    /// By hand, REINFORCE++: rewards 1, 1 and 0, 0: mean 0.5, squares 4 · 0.25, deviation sqrt(1/3). Groups of equal rewards have
    /// advantages here, unlike under a baseline of the group.
    #[test]
    fn normalised_over_the_batch() {
        let groups = [vec![1.0, 1.0], vec![0.0, 0.0]];
        let a = 0.5 * 3f64.sqrt();
        check(&advantages(&groups, Baseline::BatchMean, Deviation::Batch).concat(), &[a, a, -a, -a]);
        check(&advantages(&groups, Baseline::BatchMean, Deviation::None).concat(), &[0.5, 0.5, -0.5, -0.5]);
        check(&advantages(&groups, Baseline::GroupMean, Deviation::Batch).concat(), &[0.0; 4]);
    }

    /// By hand, the variant with a baseline of the group: left 0.5, -0.5, 0, 0; squares 0.5, deviation sqrt(0.5/3).
    #[test]
    fn group_mean_over_the_deviation_of_the_batch() {
        let a = 0.5 / (0.5f64 / 3.0).sqrt();
        let groups = [vec![1.0, 0.0], vec![1.0, 1.0]];
        check(&advantages(&groups, Baseline::GroupMean, Deviation::Batch).concat(), &[a, -a, 0.0, 0.0]);
    }

    /// Groups of one are what REINFORCE++ was made for.
    #[test]
    fn groups_of_one_are_compared_over_the_batch() {
        let groups = [vec![1.0], vec![0.0], vec![0.5]];
        check(&advantages(&groups, Baseline::BatchMean, Deviation::Batch).concat(), &[1.0, -1.0, 0.0]);
    }

    #[test]
    fn a_group_of_one_teaches_nothing() {
        check(&one(&[1.0], Baseline::LeaveOneOut, Deviation::None), &[0.0]);
        check(&one(&[1.0], Baseline::LeaveOneOut, Deviation::Group), &[0.0]);
        check(&one(&[1.0], Baseline::BatchMean, Deviation::Batch), &[0.0]);
        assert!(advantages(&[], Baseline::BatchMean, Deviation::Batch).is_empty());
    }

    #[test]
    fn equal_rewards_have_no_spread_to_divide_by() {
        check(&one(&[0.3; 4], Baseline::GroupMean, Deviation::Group), &[0.0; 4]);
        check(&one(&[0.3; 4], Baseline::BatchMean, Deviation::Batch), &[0.0; 4]);
    }

    /// Identities over many random groups: advantages of a group add up to 0; leave-one-out is the group mean times `n / (n - 1)`;
    /// a constant added to all rewards changes nothing, and a factor changes nothing after a division.
    #[test]
    fn identities() {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1u64 << 24) as f64
        };
        for n in 2..40 {
            let groups: Vec<Vec<f64>> = (0..5).map(|_| (0..n).map(|_| next()).collect()).collect();
            let moved: Vec<Vec<f64>> = groups.iter().map(|g| g.iter().map(|r| 3.0 * r + 2.0).collect()).collect();
            for baseline in [Baseline::LeaveOneOut, Baseline::GroupMean, Baseline::BatchMean] {
                for deviation in [Deviation::None, Deviation::Group, Deviation::Batch] {
                    let all = advantages(&groups, baseline, deviation);
                    if baseline.of_the_group() {
                        assert!(all.iter().all(|group| group.iter().sum::<f64>().abs() < 1e-9));
                    }
                    if deviation != Deviation::Group || baseline.of_the_group() {
                        assert!(all.iter().flatten().sum::<f64>().abs() < 1e-9);
                    }
                    let factor = if deviation == Deviation::None { 3.0 } else { 1.0 };
                    let scaled = advantages(&moved, baseline, deviation).concat();
                    for (a, b) in all.concat().iter().zip(scaled) {
                        assert!((factor * a - b).abs() < 1e-9, "{baseline:?} {deviation:?}: {a} {b}");
                    }
                }
            }
            let mean = advantages(&groups, Baseline::GroupMean, Deviation::None).concat();
            let others = advantages(&groups, Baseline::LeaveOneOut, Deviation::None).concat();
            let factor = n as f64 / (n as f64 - 1.0);
            assert!(mean.iter().zip(others).all(|(mean, others)| (mean * factor - others).abs() < 1e-12));
        }
    }

    #[test]
    fn an_all_right_group_of_different_lengths_stays() {
        let spread = one(&[1.0, 0.9], Baseline::LeaveOneOut, Deviation::None);
        assert!(!dropped(&spread, &[true, true], Drop::NoAdvantage));
        assert!(dropped(&spread, &[true, true], Drop::SameOutcome));
        assert!(!dropped(&spread, &[true, false], Drop::SameOutcome));
        assert!(dropped(&[0.0, 0.0], &[true, false], Drop::NoAdvantage));
        assert!(!dropped(&[0.0, 0.0], &[true, true], Drop::Never));
    }
}
