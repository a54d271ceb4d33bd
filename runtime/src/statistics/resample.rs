//! Resampling: bootstrap intervals, and a paired test. Problems are the unit of chance, as everywhere; domains are strata of which an
//! average has one each. Random numbers come from a stream with a fixed address, so the same verdicts give the same figures.

use crate::rng::{Draws, Purpose, Stream};

/// Replicates of a bootstrap.
pub const REPLICATES: usize = 2_000;

/// Random choices of signs in a paired test: its p-value is good to 0.002 near 0.05.
pub const CHOICES: usize = 10_000;

/// The 95% percentile interval of the average over strata of the mean over problems. `strata` holds one value per problem: its mean over
/// samples. None where a stratum has fewer than two problems.
pub fn bootstrap(strata: &[Vec<f64>], seed: u64) -> Option<[f64; 2]> {
    if strata.is_empty() || strata.iter().any(|values| values.len() < 2) {
        return None;
    }
    let mut means: Vec<f64> = (0..REPLICATES)
        .map(|replicate| {
            average(strata.iter().enumerate().map(|(stratum, values)| {
                let mut draws = stream(seed, 0, replicate, stratum);
                let n = values.len() as u64;
                let sum: f64 =
                    values.iter().map(|_| values.get(draws.below(n) as usize).copied().unwrap_or_default()).sum();
                sum / n as f64
            }))
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means.get(((means.len() - 1) as f64 * share).round() as usize).copied();
    Some([at(0.025)?, at(0.975)?])
}

/// The two-sided p-value of "no difference", from values of the same problems before and after: the share of random choices of which of
/// the two was before whose average over strata is at least as far from 0 as the one that was seen (Fisher's randomization test). The
/// choice that was seen counts as one of them, so the value is never 0. None without a pair.
pub fn paired_p_value(strata: &[Vec<(f64, f64)>], seed: u64) -> Option<f64> {
    let strata: Vec<Vec<f64>> =
        strata.iter().map(|pairs| pairs.iter().map(|(before, after)| after - before).collect()).collect();
    if strata.is_empty() || strata.iter().any(Vec::is_empty) {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let seen = average(strata.iter().map(|values| mean(values))).abs();
    let as_far = (0..CHOICES)
        .filter(|replicate| {
            let flipped = average(strata.iter().enumerate().map(|(stratum, values)| {
                let mut draws = stream(seed, 1, *replicate, stratum);
                let sum: f64 = values.iter().map(|value| if draws.below(2) == 0 { *value } else { -value }).sum();
                sum / values.len() as f64
            }));
            // Sums of the same terms in another order of signs differ in their last bits.
            flipped.abs() >= seen - 1e-12
        })
        .count();
    Some((as_far + 1) as f64 / (CHOICES + 1) as f64)
}

/// The quantile of values by linear interpolation between ranks (type 7 of Hyndman and Fan, 1996); none of no values.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted.get(rank.floor() as usize)?, sorted.get(rank.ceil() as usize)?);
    Some(low + (high - low) * rank.fract())
}

fn average(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

fn stream(seed: u64, what: u32, replicate: usize, stratum: usize) -> Draws {
    Draws::new(Stream::new(seed, Purpose::Resampling, what, replicate as u32, stratum as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 problems, half of them solved: the standard error of the mean is 0.05, so the interval is close to 0.5 -+ 0.098.
    #[test]
    fn the_bootstrap_agrees_with_the_normal_interval() {
        let values: Vec<f64> = (0..100).map(|n| f64::from(n % 2)).collect();
        let [low, high] = bootstrap(std::slice::from_ref(&values), 1).unwrap();
        assert!((low - 0.402).abs() < 0.011 && (high - 0.598).abs() < 0.011, "{low} {high}");
        assert_eq!(bootstrap(std::slice::from_ref(&values), 1), Some([low, high]));
        // Two strata of the same spread: narrower by the square root of two.
        let [low, high] = bootstrap(&[values.clone(), values], 1).unwrap();
        assert!((high - low - 0.196 / 2f64.sqrt()).abs() < 0.015, "{low} {high}");
        assert_eq!(bootstrap(&[vec![1.0]], 1), None);
        assert_eq!(bootstrap(&[], 1), None);
    }

    /// Six of six problems are better: all signs alike has a chance of 2 in 64.
    #[test]
    fn the_paired_test_agrees_with_counting() {
        let better = vec![(0.0, 1.0); 6];
        let p = paired_p_value(&[better], 1).unwrap();
        assert!((p - 2.0 / 64.0).abs() < 0.006, "{p}");
        // As many better as worse: every choice is at least as far.
        assert_eq!(paired_p_value(&[vec![(0.0, 1.0), (1.0, 0.0)]], 1), Some(1.0));
        assert_eq!(paired_p_value(&[vec![(0.5, 0.5); 10]], 1), Some(1.0));
        assert_eq!(paired_p_value(&[vec![]], 1), None);
        // Many problems: the exact binomial chance of 15 or more, or 5 or fewer, of 20 is 0.0414.
        let mixed: Vec<(f64, f64)> = (0..20).map(|n| if n < 15 { (0.0, 1.0) } else { (1.0, 0.0) }).collect();
        let p = paired_p_value(&[mixed], 3).unwrap();
        assert!((p - 0.0414).abs() < 0.007, "{p}");
    }

    #[test]
    fn quantiles_are_between_ranks() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(&values, 0.5), Some(2.5));
        assert_eq!(quantile(&values, 0.0), Some(1.0));
        assert_eq!(quantile(&values, 1.0), Some(4.0));
        assert_eq!(quantile(&values, 0.9), Some(3.7));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
