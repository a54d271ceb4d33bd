//! The order in which finite data is drawn: another permutation every time through, by address, so that nothing is held in memory
//! and a position is all that a checkpoint needs.

use crate::rng::{Purpose, Stream};

/// Rounds of the Feistel network; four already mix all bits of both halves.
const ROUNDS: u32 = 6;

/// The row that is drawn as number `number` of data with `len` rows: a permutation of `0..len` per time through.
///
/// A Feistel network over the smallest even number of bits that holds `len` permutes that range; values outside of `0..len` are
/// sent through again, which stays a permutation (cycle walking) and takes four tries at most on average.
pub fn shuffled(seed: u64, stage: u32, len: u64, number: u64) -> u64 {
    if len < 2 {
        return 0;
    }
    let (epoch, position) = (number / len, number % len);
    let half = (64 - (len - 1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1u64 << half) - 1;
    let mut row = position;
    loop {
        let (mut left, mut right) = (row >> half, row & mask);
        for round in 0..ROUNDS {
            let stream = Stream::new(seed, Purpose::Order, stage, epoch as u32, round);
            let [low, high, ..] = stream.block2(right);
            let mixed = (u64::from(high) << 32 | u64::from(low)) & mask;
            (left, right) = (right, left ^ mixed);
        }
        row = left << half | right;
        if row < len {
            return row;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shuffled;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_comes_once_each_time_through() {
        for len in [1u64, 2, 3, 7, 64, 100, 1000] {
            for epoch in 0..3 {
                let rows: BTreeSet<u64> = (0..len).map(|at| shuffled(5, 0, len, epoch * len + at)).collect();
                assert_eq!(rows.len() as u64, len, "{len} rows, epoch {epoch}");
                assert!(rows.iter().all(|row| *row < len));
            }
        }
    }

    #[test]
    fn the_order_is_mixed_and_another_one_each_time() {
        let order =
            |seed, epoch: u64| (0..1000u64).map(|at| shuffled(seed, 0, 1000, epoch * 1000 + at)).collect::<Vec<_>>();
        let first = order(1, 0);
        let in_place = first.iter().enumerate().filter(|(at, row)| *at as u64 == **row).count();
        assert!(in_place < 10, "{in_place} rows stayed in place");
        let rising = first.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((420..580).contains(&rising), "{rising} of 999 neighbours rise");
        assert_ne!(first, order(1, 1));
        assert_ne!(first, order(2, 0));
        assert_eq!(first, order(1, 0));
    }
}
