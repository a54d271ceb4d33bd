//! What share of the loss a token has: the aggregation over tokens and sequences.

use recipec_compiler::settings::SequenceWeight;

/// The size of an update by the recipe. Sums are divided by it even when groups were dropped, so that a dropped group changes nothing
/// for the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UpdateSize {
    /// Rollouts.
    pub rollouts: f64,
    /// Prompts: rollouts by the size of a group.
    pub prompts: f64,
}

/// An update without a token to learn from: an error, because a loss of 0 would look like one that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no rollout of this update has a token to learn from")]
pub struct NoTokens;

/// The share of each token of every sequence. `groups` holds the lengths of the trained sequences, in tokens, by group; the shares come
/// back one per sequence, in the same order. Lengths are whole numbers, so their sums are exact and their order does not matter.
pub fn token_shares(weight: SequenceWeight, size: UpdateSize, groups: &[Vec<usize>]) -> Result<Vec<f64>, NoTokens> {
    let sum = |lengths: &[usize]| lengths.iter().map(|n| *n as f64).sum::<f64>();
    let all: f64 = groups.iter().map(|group| sum(group)).sum();
    if all == 0.0 {
        return Err(NoTokens);
    }
    let mut shares = Vec::new();
    for group in groups {
        let of_group = sum(group);
        shares.extend(group.iter().map(|n| match weight {
            SequenceWeight::Equal => 1.0 / (size.rollouts * (*n as f64).max(1.0)),
            SequenceWeight::Length => 1.0 / size.rollouts,
            SequenceWeight::TokenMean => 1.0 / all,
            SequenceWeight::GroupTokenMean => 1.0 / (size.prompts * of_group.max(1.0)),
            SequenceWeight::Constant { tokens } => 1.0 / (size.rollouts * tokens),
        }));
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: UpdateSize = UpdateSize { rollouts: 4.0, prompts: 2.0 };

    /// By hand: two groups, of 2 and 6 tokens and of 4 tokens; the fourth rollout of the recipe is masked.
    #[test]
    fn by_hand() {
        let groups = [vec![2, 6], vec![4]];
        for (weight, expected) in [
            (SequenceWeight::Equal, [1.0 / 8.0, 1.0 / 24.0, 1.0 / 16.0]),
            (SequenceWeight::Length, [0.25, 0.25, 0.25]),
            (SequenceWeight::TokenMean, [1.0 / 12.0; 3]),
            (SequenceWeight::GroupTokenMean, [1.0 / 16.0, 1.0 / 16.0, 1.0 / 8.0]),
            (SequenceWeight::Constant { tokens: 10.0 }, [1.0 / 40.0; 3]),
        ] {
            assert_eq!(token_shares(weight, SIZE, &groups), Ok(expected.to_vec()), "{weight:?}");
        }
    }

    /// All shares of a full update add up to 1 where the weight is a mean.
    #[test]
    fn means_add_up_to_one() {
        let groups = [vec![3, 5], vec![1, 7]];
        for weight in [SequenceWeight::Equal, SequenceWeight::TokenMean, SequenceWeight::GroupTokenMean] {
            let shares = token_shares(weight, SIZE, &groups).expect("tokens");
            let whole: f64 = shares.iter().zip(groups.concat()).map(|(share, n)| share * n as f64).sum();
            assert!((whole - 1.0).abs() < 1e-12, "{weight:?}: {whole}");
        }
    }

    #[test]
    fn an_update_without_tokens_is_an_error() {
        assert_eq!(token_shares(SequenceWeight::TokenMean, SIZE, &[]), Err(NoTokens));
        assert_eq!(token_shares(SequenceWeight::Equal, SIZE, &[vec![], vec![0]]), Err(NoTokens));
    }
}
