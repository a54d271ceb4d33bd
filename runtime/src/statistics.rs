//! Averages with 95% intervals, for evaluations and reports.
//!
//! Responses to one problem are alike, so a *problem* is the unit of chance here, never a response: an estimate is the
//! mean over problems of the mean over samples, and its interval comes from the spread between problems. Everything here
//! is in closed form, so the same verdicts give the same interval to the last bit.
//!
//! - Lengths and rewards: Student's interval on the problem means.
//! - Rates: Wilson's interval (1927) with the effective number of trials `p (1 - p) / se^2`, which stays inside 0..1
//!   and does not shrink to a point when every answer was right.
//! - Averages over domains and differences: the recovered-variance method of Zou and Donner (2008), which combines the
//!   distances between means and bounds. It needs published intervals only, so a report can be made from the files.
//!
//! Where all verdicts are at hand, `recipec evaluate` resamples them instead ([`resample`]).

pub mod resample;

/// A mean and its 95% interval; no interval when fewer than two problems were seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean over problems of the mean over samples.
    pub mean: f64,
    /// Lower and upper bound.
    pub interval: Option<[f64; 2]>,
}

/// The arithmetic mean; none for no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Mean of a quantity without bounds (tokens, reward). `problems` holds the samples of each problem, `(P, samples)`;
/// problems without a sample are left out.
pub fn clustered_mean(problems: &[Vec<f64>]) -> Option<Estimate> {
    let spread = Spread::of(problems)?;
    let interval = spread.standard_error.map(|error| {
        let half = student_975(spread.n_problems - 1) * error;
        [spread.mean - half, spread.mean + half]
    });
    Some(Estimate { mean: spread.mean, interval })
}

/// Mean of values in 0..1 (pass@1, truncated). `problems` holds the samples of each problem, `(P, samples)`; problems
/// without a sample are left out.
pub fn clustered_rate(problems: &[Vec<f64>]) -> Option<Estimate> {
    let spread = Spread::of(problems)?;
    let rate = spread.mean;
    let interval = spread.standard_error.map(|error| {
        let binomial = rate * (1.0 - rate);
        // Nothing is known of the spread when all answers agree: then a problem counts once, however often it was asked.
        let trials = if binomial <= 0.0 {
            spread.n_problems as f64
        } else if error > 0.0 {
            (binomial / (error * error)).min(spread.n_samples as f64)
        } else {
            spread.n_samples as f64
        };
        wilson(rate, trials, student_975(spread.n_problems - 1))
    });
    Some(Estimate { mean: rate, interval })
}

/// The unweighted mean over domains that were measured independently; none for no domains. There is an interval when
/// every domain has one.
pub fn macro_average(domains: &[Estimate]) -> Option<Estimate> {
    let count = domains.len() as f64;
    let centre = mean(&domains.iter().map(|domain| domain.mean).collect::<Vec<_>>())?;
    let mut below = 0.0;
    let mut above = 0.0;
    let mut complete = true;
    for domain in domains {
        match domain.interval {
            Some([low, high]) => {
                below += square(domain.mean - low);
                above += square(high - domain.mean);
            }
            None => complete = false,
        }
    }
    let interval = complete.then(|| [centre - libm::sqrt(below) / count, centre + libm::sqrt(above) / count]);
    Some(Estimate { mean: centre, interval })
}

/// `after - before` of two measurements taken as independent. Where both used the same problems the true interval is
/// narrower, so this one errs on the careful side.
pub fn difference(before: Estimate, after: Estimate) -> Estimate {
    let change = after.mean - before.mean;
    let interval = match (before.interval, after.interval) {
        (Some([before_low, before_high]), Some([after_low, after_high])) => Some([
            change - libm::sqrt(square(after.mean - after_low) + square(before_high - before.mean)),
            change + libm::sqrt(square(after_high - after.mean) + square(before.mean - before_low)),
        ]),
        _ => None,
    };
    Estimate { mean: change, interval }
}

/// Unbiased pass@k of one problem: the chance that `k` responses drawn without replacement from `samples`, of which
/// `correct` are right, hold a right one (Chen et al., 2021, arXiv 2107.03374). None when it is not defined:
/// `k` of 0, fewer samples than `k`, or more right ones than samples.
pub fn pass_at_k(samples: u64, correct: u64, k: u64) -> Option<f64> {
    if k == 0 || samples < k || correct > samples {
        return None;
    }
    if samples - correct < k {
        return Some(1.0);
    }
    // prod over i in n-c+1..=n of (1 - k/i), the same as 1 - C(n-c, k) / C(n, k) without large factorials
    let none_right: f64 = (samples - correct + 1..=samples).map(|i| 1.0 - k as f64 / i as f64).product();
    Some(1.0 - none_right)
}

/// Total variation distance of two mixes: half the sum of absolute differences, 0 (equal) to 1 (disjoint) when both sum
/// to 1. None for lists of different lengths.
pub fn total_variation(mix: &[f64], target: &[f64]) -> Option<f64> {
    (mix.len() == target.len()).then(|| mix.iter().zip(target).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0)
}

/// Counts as shares of their sum; all 0 when nothing was counted.
pub fn shares(counts: &[f64]) -> Vec<f64> {
    let total: f64 = counts.iter().sum();
    counts.iter().map(|count| if total > 0.0 { count / total } else { 0.0 }).collect()
}

struct Spread {
    mean: f64,
    standard_error: Option<f64>,
    n_problems: usize,
    n_samples: usize,
}

impl Spread {
    fn of(problems: &[Vec<f64>]) -> Option<Self> {
        let means: Vec<f64> = problems.iter().filter_map(|samples| mean(samples)).collect();
        let centre = mean(&means)?;
        let squares: f64 = means.iter().map(|value| square(value - centre)).sum();
        let n_problems = means.len();
        let standard_error =
            (n_problems > 1).then(|| libm::sqrt(squares / (n_problems - 1) as f64 / n_problems as f64));
        Some(Self { mean: centre, standard_error, n_problems, n_samples: problems.iter().map(Vec::len).sum() })
    }
}

fn square(value: f64) -> f64 {
    value * value
}

fn wilson(rate: f64, trials: f64, z: f64) -> [f64; 2] {
    let z2 = z * z;
    let scale = 1.0 + z2 / trials;
    let centre = (rate + z2 / (2.0 * trials)) / scale;
    let half = z / scale * libm::sqrt(rate * (1.0 - rate) / trials + z2 / (4.0 * trials * trials));
    // At 0 and 1 the bound is exact, and rounding must not put the estimate outside of its own interval.
    [(centre - half).max(0.0).min(rate), (centre + half).min(1.0).max(rate)]
}

/// The 97.5% quantile of Student's distribution: a table for few degrees of freedom, else the expansion around the
/// normal quantile (Abramowitz and Stegun 26.7.5), good to 1.2e-4 from six degrees on.
fn student_975(degrees: usize) -> f64 {
    match degrees {
        0 | 1 => 12.7062,
        2 => 4.30265,
        3 => 3.18245,
        4 => 2.77645,
        5 => 2.57058,
        _ => {
            let z: f64 = 1.959_963_984_540_054;
            let n = degrees as f64;
            let z2 = z * z;
            let first = z * (z2 + 1.0) / 4.0;
            let second = z * (3.0 + z2 * (16.0 + z2 * 5.0)) / 96.0;
            let third = z * (-15.0 + z2 * (17.0 + z2 * (19.0 + z2 * 3.0))) / 384.0;
            let fourth = z * (-945.0 + z2 * (-1920.0 + z2 * (1482.0 + z2 * (776.0 + z2 * 79.0)))) / 92160.0;
            z + (first + (second + (third + fourth / n) / n) / n) / n
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "found {found}, expected {expected}");
    }

    /// Problem means 0.5, 1, 0: mean 0.5, variance 0.25, se = sqrt(0.25 / 3) = 0.288675, t(2) = 4.30265.
    #[test]
    fn the_problem_is_the_unit() {
        let problems = vec![vec![0.0, 1.0], vec![1.0, 1.0, 1.0, 1.0], vec![0.0], vec![]];
        let found = clustered_mean(&problems).unwrap();
        close(found.mean, 0.5, 1e-15);
        let [low, high] = found.interval.unwrap();
        close(low, 0.5 - 4.30265 * 0.288_675, 1e-5);
        close(high, 0.5 + 4.30265 * 0.288_675, 1e-5);
    }

    /// Asking a deterministic policy the same problem ten times must not narrow the interval.
    #[test]
    fn repeated_answers_add_nothing() {
        let once: Vec<Vec<f64>> = (0..40).map(|idx| vec![f64::from(idx % 4 == 0)]).collect();
        let often: Vec<Vec<f64>> = once.iter().map(|samples| vec![samples[0]; 10]).collect();
        assert_eq!(clustered_rate(&once), clustered_rate(&often));
        assert_eq!(clustered_mean(&once), clustered_mean(&often));
    }

    /// Wilson by hand: p = 0.25, s^2 = 0.25 * 0.75 * 40 / 39, so n = p (1 - p) / (s^2 / 40) = 39; t(39) = 2.02269;
    /// centre (0.25 + 4.09127 / 78) / 1.104905 = 0.273736, half 2.02269 / 1.104905 * sqrt(0.1875 / 39 + 4.09127 / 6084)
    /// = 1.830646 * sqrt(0.00480769 + 0.00067246) = 0.135519.
    #[test]
    fn rates_use_wilson() {
        let problems: Vec<Vec<f64>> = (0..40).map(|idx| vec![f64::from(idx % 4 == 0)]).collect();
        let [low, high] = clustered_rate(&problems).unwrap().interval.unwrap();
        close(low, 0.273_736 - 0.135_519, 2e-5);
        close(high, 0.273_736 + 0.135_519, 2e-5);
    }

    /// All right: the upper bound is 1, the lower one n / (n + t^2) = 20 / (20 + 2.09302^2) = 0.82032.
    #[test]
    fn agreement_is_not_certainty() {
        let all = vec![vec![1.0, 1.0]; 20];
        let found = clustered_rate(&all).unwrap();
        assert_eq!(found.mean, 1.0);
        let [low, high] = found.interval.unwrap();
        assert_eq!(high, 1.0);
        close(low, 0.820_32, 2e-5);
        let none = clustered_rate(&vec![vec![0.0, 0.0]; 20]).unwrap();
        close(none.interval.unwrap()[1], 1.0 - 0.820_32, 2e-5);
        // Each problem half right: no spread between problems, so the samples count as trials.
        let half = clustered_rate(&vec![vec![1.0, 0.0]; 20]).unwrap().interval.unwrap();
        assert!(half[0] > 0.3 && half[1] < 0.7 && half[0] < half[1]);
    }

    #[test]
    fn one_problem_has_no_interval() {
        assert_eq!(clustered_rate(&[vec![1.0, 0.0]]), Some(Estimate { mean: 0.5, interval: None }));
        assert_eq!(clustered_mean(&[]), None);
        assert_eq!(clustered_mean(&[vec![]]), None);
        assert_eq!(mean(&[]), None);
    }

    /// Half widths 0.03 and 0.04 combine to sqrt(9 + 16) / 2 = 2.5 points over two domains, and to 5 points in a
    /// difference.
    #[test]
    fn independent_intervals_combine() {
        let a = Estimate { mean: 0.4, interval: Some([0.37, 0.43]) };
        let b = Estimate { mean: 0.6, interval: Some([0.56, 0.64]) };
        let found = macro_average(&[a, b]).unwrap();
        close(found.mean, 0.5, 1e-15);
        close(found.interval.unwrap()[0], 0.475, 1e-12);
        close(found.interval.unwrap()[1], 0.525, 1e-12);
        let change = difference(a, b);
        close(change.mean, 0.2, 1e-15);
        close(change.interval.unwrap()[0], 0.15, 1e-12);
        close(change.interval.unwrap()[1], 0.25, 1e-12);
        let open = Estimate { mean: 0.5, interval: None };
        assert_eq!(macro_average(&[a, open]).unwrap().interval, None);
        assert_eq!(difference(a, open).interval, None);
        assert_eq!(macro_average(&[]), None);
    }

    /// C(4, 2) / C(6, 2) = 6 / 15, so pass@2 of 2 right in 6 is 0.6.
    #[test]
    fn pass_at_k_is_unbiased() {
        close(pass_at_k(6, 2, 2).unwrap(), 0.6, 1e-15);
        close(pass_at_k(6, 2, 1).unwrap(), 1.0 / 3.0, 1e-15);
        assert_eq!(pass_at_k(6, 0, 3), Some(0.0));
        assert_eq!(pass_at_k(6, 5, 2), Some(1.0));
        assert_eq!(pass_at_k(6, 2, 0), None);
        assert_eq!(pass_at_k(2, 1, 3), None);
        assert_eq!(pass_at_k(2, 3, 1), None);
        // The mean over all draws of two from (right, right, wrong, wrong, wrong, wrong) is the same number.
        let right = [true, true, false, false, false, false];
        let pairs: Vec<bool> = (0..6).flat_map(|i| (i + 1..6).map(move |j| right[i] || right[j])).collect();
        let share = pairs.iter().filter(|hit| **hit).count() as f64 / pairs.len() as f64;
        close(pass_at_k(6, 2, 2).unwrap(), share, 1e-15);
    }

    /// |0.5 - 0.4| + |0.2 - 0.35| + |0.3 - 0.25| = 0.3, half of it is 0.15.
    #[test]
    fn total_variation_is_half_the_differences() {
        close(total_variation(&[0.5, 0.2, 0.3], &[0.4, 0.35, 0.25]).unwrap(), 0.15, 1e-15);
        assert_eq!(total_variation(&[1.0, 0.0], &[0.0, 1.0]), Some(1.0));
        assert_eq!(total_variation(&[1.0], &[0.5, 0.5]), None);
        assert_eq!(shares(&[30.0, 10.0]), [0.75, 0.25]);
        assert_eq!(shares(&[0.0, 0.0]), [0.0, 0.0]);
    }

    /// Printed tables: 2.5706 (5), 2.4469 (6), 2.2281 (10), 2.0423 (30), 1.9840 (100).
    #[test]
    fn student_agrees_with_the_tables() {
        for (degrees, expected) in
            [(1, 12.7062), (4, 2.7764), (5, 2.5706), (6, 2.4469), (10, 2.2281), (30, 2.0423), (100, 1.9840)]
        {
            close(student_975(degrees), expected, 1.5e-4);
        }
    }
}
