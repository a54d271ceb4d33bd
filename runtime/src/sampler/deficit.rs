//! `mix { strategy = deficit }`: the domain that is furthest behind its share comes next.
//!
//! What counts is what has passed the counting point, and what will: groups that are being generated count as far as the groups of
//! their domain have got through so far. So the rule does not wait for slow domains to return, as a rule over completed groups
//! does, and domains whose groups are dropped are drawn as much more often as it takes.
//!
//! Nothing is drawn at random, and nothing depends on time. With counts that are whole groups no domain is ever a whole group
//! ahead of its share: the one that is drawn is behind it, since all deficits together are what is drawn next.

use crate::counters::{Counters, Passed};
use recipec_compiler::settings::{Count, CountPoint, CountUnit};
use std::collections::BTreeMap;

/// Groups that were kept and wait for their batch to be full, by domain: they will reach the optimizer.
pub type Waiting<'a> = BTreeMap<&'a str, u64>;

/// The domain that is furthest behind, a position in `domains`; the first of several that are equally far.
pub fn furthest_behind(
    domains: &[(&str, f64)],
    count: Count,
    group_size: u64,
    counters: &Counters,
    waiting: &Waiting<'_>,
) -> usize {
    let sizes = GroupSizes::of(domains, count, group_size, counters);
    let expected: Vec<f64> = domains.iter().map(|(name, _)| sizes.expected(name, counters, waiting)).collect();
    let shares: f64 = domains.iter().map(|(_, ratio)| ratio).sum();
    // What there will be when one more group has been drawn.
    let total = expected.iter().sum::<f64>() + sizes.mean;
    let deficit = |at: usize| domains[at].1 / shares * total - expected[at];
    let mut furthest = 0;
    for at in 1..domains.len() {
        if deficit(at) > deficit(furthest) {
            furthest = at;
        }
    }
    furthest
}

/// What one group is worth in the unit that is counted.
struct GroupSizes {
    count: Count,
    /// Over all domains.
    mean: f64,
    group_size: f64,
}

impl GroupSizes {
    fn of(domains: &[(&str, f64)], count: Count, group_size: u64, counters: &Counters) -> Self {
        let mut all = Passed::default();
        for passed in domains.iter().filter_map(|(name, _)| Some(counters.domains.get(*name)?.completed)) {
            all.groups += passed.groups;
            all.rollouts += passed.rollouts;
            all.tokens += passed.tokens;
        }
        let group_size = group_size as f64;
        let mut sizes = Self { count, mean: 1.0, group_size };
        // Before the first group has returned, nothing is known of tokens: every group counts alike.
        sizes.mean = sizes.size(all, group_size);
        sizes
    }

    /// The mean size of the groups that passed a point; `otherwise` where none has.
    fn size(&self, passed: Passed, otherwise: f64) -> f64 {
        match (self.count.of, passed.groups) {
            (CountUnit::Groups, _) => 1.0,
            (CountUnit::Rollouts, _) => self.group_size,
            (CountUnit::Tokens, 0) => otherwise,
            (CountUnit::Tokens, groups) => passed.tokens as f64 / groups as f64,
        }
    }

    /// What a domain has counted, and is expected to count of what was drawn.
    fn expected(&self, name: &str, counters: &Counters, waiting: &Waiting<'_>) -> f64 {
        let counts = counters.domains.get(name).copied().unwrap_or_default();
        let in_flight = counts.sampled.groups.saturating_sub(counts.completed.groups) as f64;
        let size = self.size(counts.completed, self.mean);
        let coming = match self.count.at {
            // A group counts as sampled when it is drawn; its rollouts and tokens do when they are there.
            CountPoint::Sampled if self.count.of == CountUnit::Groups => 0.0,
            CountPoint::Sampled | CountPoint::Completed => in_flight,
            CountPoint::Trained => {
                // One group is taken as kept before there is one, so that a domain that has kept none is not drawn for ever.
                let yielded = (counts.trained.groups + 1) as f64 / (counts.completed.groups + 1) as f64;
                in_flight * yielded.min(1.0) + waiting.get(name).copied().unwrap_or(0) as f64
            }
        };
        counters.counted(name, self.count) as f64 + coming * size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(at: CountPoint, of: CountUnit) -> Count {
        Count { at, of }
    }

    /// Draws a group and lets it return at once.
    fn draw(counters: &mut Counters, name: &str, size: u64, kept: bool) {
        let domain = counters.domain(name);
        let add = |passed: &mut Passed| {
            passed.groups += 1;
            passed.rollouts += size;
            passed.tokens += 10 * size;
        };
        add(&mut domain.sampled);
        add(&mut domain.completed);
        if kept {
            add(&mut domain.trained);
        }
    }

    #[test]
    fn by_hand() {
        // Behind after one draw: a 1.0 - 1 = 0, b 0.6, c 0.4; after two: a 1.5 - 1, b 0.9 - 1, c 0.6.
        let domains = [("a", 0.5), ("b", 0.3), ("c", 0.2)];
        let mut counters = Counters::default();
        let mut drawn = String::new();
        for _ in 0..10 {
            let at = furthest_behind(
                &domains,
                count(CountPoint::Completed, CountUnit::Rollouts),
                8,
                &counters,
                &Waiting::new(),
            );
            drawn.push_str(domains[at].0);
            draw(&mut counters, domains[at].0, 8, true);
        }
        assert_eq!(["a", "b", "c"].map(|name| drawn.matches(name).count()), [5, 3, 2]);
        assert!(drawn.starts_with("abc"), "{drawn}");
    }

    #[test]
    fn groups_in_flight_count_as_far_as_they_have_got_through() {
        let domains = [("hard", 0.5), ("easy", 0.5)];
        let mut counters = Counters::default();
        // Of ten groups of each, hard kept four and easy nine: ten counted, and one in flight of each.
        for at in 0..10 {
            draw(&mut counters, "hard", 8, at < 4);
            draw(&mut counters, "easy", 8, at < 9);
        }
        let trained = count(CountPoint::Trained, CountUnit::Groups);
        let next =
            |counters: &Counters, waiting: &Waiting<'_>| furthest_behind(&domains, trained, 8, counters, waiting);
        assert_eq!(next(&counters, &Waiting::new()), 0);
        // Hard is behind by 5 groups that count 5/11 each: eleven in flight make up for it.
        counters.domain("hard").sampled.groups += 11;
        assert_eq!(next(&counters, &Waiting::new()), 0, "4 + 11 * 5 / 11 = 9 is a tie, and hard is first");
        counters.domain("hard").sampled.groups += 1;
        assert_eq!(next(&counters, &Waiting::new()), 1);
        // Groups that wait for a full batch are sure to count.
        assert_eq!(next(&counters, &Waiting::from([("easy", 5)])), 0);
    }

    /// The mix that is trained, as total variation from the ratios after 8,192 groups in waves of 64: five domains of which 40, 55,
    /// 60, 20 and 70% of the groups are dropped. The figures are in the book, on the page of the mix.
    #[test]
    fn the_trained_mix_under_three_rules() {
        let domains = [("a", 0.40), ("b", 0.25), ("c", 0.15), ("d", 0.10), ("e", 0.10)];
        let dropped = [0.40, 0.55, 0.60, 0.20, 0.70];
        let chance = |n: u64, salt: u64| {
            let digest = blake3::hash(&[n.to_le_bytes(), salt.to_le_bytes()].concat());
            let bytes: [u8; 8] = digest.as_bytes()[..8].try_into().expect("eight bytes");
            (u64::from_le_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64
        };
        let by_weight = |weights: &[f64], n: u64| {
            let mut left = chance(n, 1) * weights.iter().sum::<f64>();
            weights
                .iter()
                .position(|weight| {
                    left -= weight;
                    left < 0.0
                })
                .unwrap_or(weights.len() - 1)
        };
        let run = |rule: &str| {
            let mut counters = Counters::default();
            let mut wave = Vec::new();
            for n in 0..8192u64 {
                let at = match rule {
                    "static" => by_weight(&domains.map(|(_, ratio)| ratio), n),
                    "published" => {
                        let completed = count(CountPoint::Completed, CountUnit::Groups);
                        let all: u64 = domains.iter().map(|(name, _)| counters.counted(name, completed)).sum();
                        let weight = |(name, ratio): (&str, f64)| {
                            let share = counters.counted(name, completed) as f64 / all.max(1) as f64;
                            ratio * (ratio / share.max(1e-9)).clamp(0.1, 10.0)
                        };
                        by_weight(&domains.map(weight), n)
                    }
                    _ => {
                        let trained = count(CountPoint::Trained, CountUnit::Groups);
                        furthest_behind(&domains, trained, 8, &counters, &Waiting::new())
                    }
                };
                counters.domain(domains[at].0).sampled.groups += 1;
                wave.push((at, chance(n, 2) >= dropped[at]));
                if wave.len() == 64 {
                    for (at, kept) in wave.drain(..) {
                        let domain = counters.domain(domains[at].0);
                        domain.completed.groups += 1;
                        domain.trained.groups += u64::from(kept);
                    }
                }
            }
            let trained = |name: &str| counters.counted(name, count(CountPoint::Trained, CountUnit::Groups)) as f64;
            let all: f64 = domains.iter().map(|(name, _)| trained(name)).sum();
            domains.iter().map(|(name, ratio)| (trained(name) / all - ratio).abs()).sum::<f64>() / 2.0
        };
        let found = ["static", "published", "deficit"].map(run);
        println!("static {:.3}, published {:.3}, deficit {:.3}", found[0], found[1], found[2]);
        assert!(found[2] < 0.005 && found[0] > 0.08 && found[1] > 0.08, "{found:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Shares follow the ratios within one group. Ahead that is a theorem; behind it holds to a tenth of a group for as many
        /// domains as are tried here.
        #[test]
        fn shares_follow_the_ratios(
            ratios in prop::collection::vec(0.001f64..1.0, 2..12),
            flight in 1usize..40,
            at in prop::sample::select(vec![CountPoint::Sampled, CountPoint::Completed, CountPoint::Trained]),
            of in prop::sample::select(vec![CountUnit::Groups, CountUnit::Rollouts, CountUnit::Tokens]),
        ) {
            let names: Vec<String> = (0..ratios.len()).map(|at| format!("d{at:02}")).collect();
            let total: f64 = ratios.iter().sum();
            let domains: Vec<(&str, f64)> = names.iter().map(String::as_str).zip(ratios.iter().copied()).collect();
            let mut counters = Counters::default();
            let mut in_flight: Vec<usize> = Vec::new();
            let mut drawn = vec![0u64; domains.len()];
            for n in 1..=300u64 {
                let next = furthest_behind(&domains, count(at, of), 4, &counters, &Waiting::new());
                drawn[next] += 1;
                counters.domain(domains[next].0).sampled.groups += 1;
                in_flight.push(next);
                if in_flight.len() == flight {
                    // A wave returns as a whole, and every group is kept.
                    for back in in_flight.drain(..) {
                        let domain = counters.domain(domains[back].0);
                        domain.sampled.rollouts += 4;
                        domain.sampled.tokens += 40;
                        for passed in [&mut domain.completed, &mut domain.trained] {
                            passed.groups += 1;
                            passed.rollouts += 4;
                            passed.tokens += 40;
                        }
                    }
                }
                for (idx, (_, ratio)) in domains.iter().enumerate() {
                    let target = ratio / total * n as f64;
                    let ahead = drawn[idx] as f64 - target;
                    prop_assert!(ahead < 1.0 + 1e-9 && ahead > -1.1, "domain {idx}: {} of {n}, target {target}", drawn[idx]);
                }
            }
        }

        /// Where groups are dropped, it is the trained share that follows.
        #[test]
        fn trained_shares_follow_where_groups_are_dropped(
            keep in prop::collection::vec(1u64..10, 3..6),
            seed in 0u64..1000,
        ) {
            let names: Vec<String> = (0..keep.len()).map(|at| format!("d{at}")).collect();
            let share = 1.0 / keep.len() as f64;
            let domains: Vec<(&str, f64)> = names.iter().map(|name| (name.as_str(), share)).collect();
            let mut counters = Counters::default();
            let trained = count(CountPoint::Trained, CountUnit::Groups);
            for n in 0..4000u64 {
                let at = furthest_behind(&domains, trained, 8, &counters, &Waiting::new());
                let luck = blake3::hash(&(seed, n).0.wrapping_mul(1_000_003).wrapping_add(n).to_le_bytes());
                let kept = u64::from(luck.as_bytes()[0]) % 10 < keep[at];
                draw(&mut counters, domains[at].0, 8, kept);
            }
            let of = |name: &str| counters.counted(name, trained);
            let all: u64 = domains.iter().map(|(name, _)| of(name)).sum();
            for (name, share) in &domains {
                let distance = of(name) as f64 - share * all as f64;
                prop_assert!(distance.abs() <= 1.1, "{name}: {} of {all}", of(name));
            }
        }
    }
}
