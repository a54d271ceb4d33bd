//! Credit: reward minus baseline, within a group. Pure functions over the rewards of one group.

use recipec_compiler::settings::{Baseline, Drop};

/// Advantages of the rollouts of one group from their total rewards.
///
/// `LeaveOneOut` (RLOO, arXiv 2402.14740): the baseline of a rollout is the mean of the *others*. With `divide_by_std` the
/// difference is divided by the sample standard deviation of the group; a group without spread keeps advantages of 0.
/// A group of one has no others: its advantage is 0, so that a raw reward never passes for an advantage.
pub fn advantages(rewards: &[f64], baseline: Baseline, divide_by_std: bool) -> Vec<f64> {
    let n = rewards.len() as f64;
    let sum: f64 = rewards.iter().sum();
    let mean = sum / n;
    let scale = if divide_by_std {
        let squares: f64 = rewards.iter().map(|r| (r - mean) * (r - mean)).sum();
        let std = libm::sqrt(squares / (n - 1.0));
        if std.is_finite() && std > 1e-12 { 1.0 / std } else { 0.0 }
    } else {
        1.0
    };
    let raw = |reward: &f64| match baseline {
        Baseline::LeaveOneOut if rewards.len() < 2 => 0.0,
        Baseline::LeaveOneOut => reward - (sum - reward) / (n - 1.0),
        Baseline::GroupMean => reward - mean,
        Baseline::None => *reward,
    };
    rewards.iter().map(|reward| raw(reward) * scale).collect()
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

    fn check(actual: &[f64], expected: &[f64]) {
        assert_eq!(actual.len(), expected.len());
        for (a, e) in actual.iter().zip(expected) {
            assert!((a - e).abs() < 1e-12, "{actual:?} is not {expected:?}");
        }
    }

    /// By hand, rewards 1, 0, 0.5: others' means 0.25, 0.75, 0.5.
    #[test]
    fn leave_one_out() {
        check(&advantages(&[1.0, 0.0, 0.5], Baseline::LeaveOneOut, false), &[0.75, -0.75, 0.0]);
    }

    /// By hand: mean 0.5, sample standard deviation 0.5.
    #[test]
    fn group_mean_over_deviation() {
        check(&advantages(&[1.0, 0.0, 0.5], Baseline::GroupMean, true), &[1.0, -1.0, 0.0]);
    }

    #[test]
    fn a_group_of_one_teaches_nothing() {
        check(&advantages(&[1.0], Baseline::LeaveOneOut, false), &[0.0]);
        check(&advantages(&[1.0], Baseline::LeaveOneOut, true), &[0.0]);
    }

    #[test]
    fn equal_rewards_have_no_spread_to_divide_by() {
        check(&advantages(&[0.3; 4], Baseline::GroupMean, true), &[0.0; 4]);
    }

    #[test]
    fn an_all_right_group_of_different_lengths_stays() {
        let spread = advantages(&[1.0, 0.9], Baseline::LeaveOneOut, false);
        assert!(!dropped(&spread, &[true, true], Drop::NoAdvantage));
        assert!(dropped(&spread, &[true, true], Drop::SameOutcome));
        assert!(!dropped(&spread, &[true, false], Drop::SameOutcome));
        assert!(dropped(&[0.0, 0.0], &[true, false], Drop::NoAdvantage));
        assert!(!dropped(&[0.0, 0.0], &[true, true], Drop::Never));
    }
}
