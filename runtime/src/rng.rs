//! Random numbers by address: Philox4x32-10 (Salmon et al., 2011) keyed by the seed, counted by what the number is for.
//! There is no state to save, and no order in which numbers must be drawn.

/// What a random number is for; each purpose has numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// A token of a training rollout: (stage, draw, rollout, position).
    Rollout = 0,
    /// A token of an evaluation: (suite, problem, sample, position).
    Evaluation = 1,
    /// The domain of a draw: (stage, draw, 0, 0).
    Domain = 2,
    /// A generated problem: (split and generator, index, 0, position).
    Problem = 3,
    /// A demonstration of a problem: (generator, index, 0, position).
    Demonstration = 4,
    /// Initial weights: (parameter, 0, 0, position).
    Weights = 5,
    /// Anything in tests.
    Other = 6,
    /// The order of shuffled rewards: (stage, draw, 0, position).
    Shuffle = 7,
    /// The order of the rows of data: (stage, time through, round, half of the row number).
    Order = 8,
    /// A token of the probe before the first step: (domain or suite, row, rollout, position).
    Probe = 9,
    /// Times and yields of a simulation: (domain, number of the group, 0, position).
    Simulation = 10,
    /// A resampled problem or a flipped sign: (what for, replicate, stratum, position).
    Resampling = 11,
}

/// An address of a stream of random numbers; the position in the stream is the last part of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    high: [u32; 3],
}

impl Stream {
    /// The stream `(seed, purpose, stage, draw, rollout)`. `stage` uses 16 bits.
    pub fn new(seed: u64, purpose: Purpose, stage: u32, draw: u32, rollout: u32) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            high: [rollout, draw, (purpose as u32) << 16 | (stage & 0xffff)],
        }
    }

    /// 128 random bits at a position.
    pub fn block(&self, position: u32) -> [u32; 4] {
        philox([position, self.high[0], self.high[1], self.high[2]], self.key)
    }

    /// 128 random bits at a position of more than 32 bits: both halves are mixed, one after the other.
    pub fn block2(&self, position: u64) -> [u32; 4] {
        let [a, b, c, d] = self.block(position as u32);
        philox([a ^ (position >> 32) as u32, b, c, d], self.key)
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn uniform(&self, position: u32) -> f64 {
        let [a, b, ..] = self.block(position);
        let bits = (u64::from(a) << 32 | u64::from(b)) >> 11;
        bits as f64 / (1u64 << 53) as f64
    }

    /// An integer in `0..n` (multiply and shift; the bias is below n / 2^64). 0 when `n` is 0.
    pub fn below(&self, position: u32, n: u64) -> u64 {
        let [a, b, ..] = self.block(position);
        let bits = u64::from(a) << 32 | u64::from(b);
        ((u128::from(bits) * u128::from(n)) >> 64) as u64
    }

    /// A standard normal number (Box-Muller over one block).
    pub fn normal(&self, position: u32) -> f64 {
        let [a, b, c, d] = self.block(position);
        let unit = |hi: u32, lo: u32| ((u64::from(hi) << 32 | u64::from(lo)) >> 11) as f64 / (1u64 << 53) as f64;
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - unit(a, b)));
        radius * libm::cos(2.0 * std::f64::consts::PI * unit(c, d))
    }
}

/// Draws one number after the other from a stream.
#[derive(Debug, Clone)]
pub struct Draws {
    stream: Stream,
    next: u32,
}

impl Draws {
    /// From the start of a stream.
    pub fn new(stream: Stream) -> Self {
        Self { stream, next: 0 }
    }

    /// The next number in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        self.next += 1;
        self.stream.uniform(self.next - 1)
    }

    /// The next integer in `0..n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next += 1;
        self.stream.below(self.next - 1, n)
    }

    /// The next integer in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    /// Puts a list into a random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for idx in (1..items.len()).rev() {
            let other = self.below(idx as u64 + 1) as usize;
            items.swap(idx, other);
        }
    }
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let first = u64::from(counter[0]) * 0xD251_1F53;
        let second = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers published with the generator (Random123, `kat_vectors`).
    #[test]
    fn agrees_with_the_published_vectors() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    }

    #[test]
    fn streams_do_not_share_numbers() {
        let a = Stream::new(1, Purpose::Rollout, 0, 0, 0);
        let b = Stream::new(1, Purpose::Rollout, 0, 0, 1);
        assert!((0..100).all(|at| a.block(at) != b.block(at)));
    }
}
