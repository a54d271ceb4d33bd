//! The events: a group returns, a batch is trained.

use super::figures::{Outcome, Point, RECOVERED, variation};
use super::{Rule, World};
use crate::counters::{Counters, Passed};
use crate::error::RunError;
use crate::rng::{Purpose, Stream};
use crate::sampler::Sampler;
use crate::sampler::deficit::{self, Waiting};
use crate::sampler::history::BatchMeans;
use recipec_compiler::settings::{Count, CountPoint, CountUnit};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How many points of the way are kept.
const POINTS: u64 = 256;
/// Rollouts that return before the published rule adjusts.
const PUBLISHED_WARMUP: u64 = 50;

/// Runs a rule on a world.
///
/// Fails when the recipe's weights are no weights.
pub fn simulate(world: &World, rule: Rule<'_>) -> Result<Outcome, RunError> {
    let mut state = State::new(world, rule);
    loop {
        state.fill()?;
        let returned = state.flight.peek().map(|Reverse(next)| next.at);
        match (returned, state.training) {
            (None, None) => break,
            (Some(at), Some(end)) if end <= at => state.trained(end)?,
            (Some(at), _) => state.returned(at),
            (None, Some(end)) => state.trained(end)?,
        }
        state.begin_training()?;
    }
    Ok(state.outcome())
}

/// A group on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Flight {
    /// When it returns.
    at: f64,
    draw: u64,
}

impl Eq for Flight {}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.total_cmp(&other.at).then(self.draw.cmp(&other.draw))
    }
}

/// What is known of a group that was drawn.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    domain: usize,
    tokens: u64,
    solved: f64,
    kept: bool,
    returned: bool,
}

struct State<'a> {
    world: &'a World,
    rule: Rule<'a>,
    ratios: Vec<f64>,
    targets: Vec<(&'a str, f64)>,
    counters: Counters,
    /// Groups by domain that were kept and are not trained.
    waiting: Waiting<'a>,
    /// Numbers of groups of each domain, for their random numbers.
    numbers: Vec<u32>,
    now: f64,
    flight: BinaryHeap<Reverse<Flight>>,
    /// The groups behind the last batch that was trained, from the first that may be in the next one.
    open: VecDeque<Drawn>,
    /// The draw at the front of `open`.
    front: u64,
    drawn: u64,
    /// Groups in `open` that are not known to be dropped.
    possible: u64,
    /// When the batch in training is done.
    training: Option<f64>,
    batch: Vec<Drawn>,
    slots_idle: f64,
    slots_time: f64,
    busy: f64,
    first_batch: Option<f64>,
    points: Vec<Point>,
    /// Trained groups when the shock came, and the last draw at which what was trained since was off.
    shocked: Option<(Vec<u64>, Option<u64>)>,
}

impl<'a> State<'a> {
    fn new(world: &'a World, rule: Rule<'a>) -> Self {
        let mut counters = Counters::default();
        for domain in &world.domains {
            counters.domain(&domain.name);
        }
        Self {
            world,
            rule,
            ratios: world.domains.iter().map(|domain| domain.ratio).collect(),
            targets: world.domains.iter().map(|domain| (domain.name.as_str(), domain.ratio)).collect(),
            counters,
            waiting: Waiting::new(),
            numbers: vec![0; world.domains.len()],
            now: 0.0,
            flight: BinaryHeap::new(),
            open: VecDeque::new(),
            front: 0,
            drawn: 0,
            possible: 0,
            training: None,
            batch: Vec::new(),
            slots_idle: 0.0,
            slots_time: 0.0,
            busy: 0.0,
            first_batch: None,
            points: Vec::new(),
            shocked: None,
        }
    }

    fn progress(&self) -> f64 {
        self.drawn as f64 / self.world.groups.max(1) as f64
    }

    /// Whether the next group may start.
    fn may_draw(&self) -> bool {
        let pipeline = &self.world.pipeline;
        let bound = pipeline.max_lag.map_or(u64::MAX, |lag| lag.saturating_add(1).saturating_mul(pipeline.batch));
        self.drawn < self.world.groups && self.flight.len() < pipeline.slots && self.possible < bound
    }

    /// Draws groups into the free slots.
    fn fill(&mut self) -> Result<(), RunError> {
        while self.may_draw() {
            let domain = self.next_domain()?;
            self.draw(domain);
        }
        Ok(())
    }

    fn next_domain(&mut self) -> Result<usize, RunError> {
        let seed = self.world.seed;
        let by_chance = |weights: Vec<f64>, draw: u64| {
            let total: f64 = weights.iter().sum();
            let probabilities: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
            Sampler::domain(&probabilities, seed, 0, draw)
        };
        let group_size = self.world.pipeline.group_size;
        match self.rule {
            Rule::Ratios => Ok(by_chance(self.ratios.clone(), self.drawn)),
            Rule::Published => Ok(by_chance(self.published(), self.drawn)),
            Rule::Deficit(count) => {
                Ok(deficit::furthest_behind(&self.targets, count, group_size, &self.counters, &self.waiting))
            }
            Rule::Recipe(sampler) => {
                let (progress, draw) = (self.progress(), self.drawn);
                sampler.next(&mut self.counters, &self.waiting, progress, (seed, 0, draw))
            }
        }
    }

    fn published(&self) -> Vec<f64> {
        let completed = Count { at: CountPoint::Completed, of: CountUnit::Rollouts };
        let counted: Vec<u64> = self.targets.iter().map(|(name, _)| self.counters.counted(name, completed)).collect();
        let total: u64 = counted.iter().sum();
        if total < PUBLISHED_WARMUP {
            return self.ratios.clone();
        }
        let weight = |(ratio, n): (&f64, &u64)| {
            let alpha = if *n == 0 { 10.0 } else { (ratio * total as f64 / *n as f64).clamp(0.1, 10.0) };
            ratio * alpha
        };
        self.ratios.iter().zip(&counted).map(weight).collect()
    }

    fn draw(&mut self, domain: usize) {
        let Some(what) = self.world.domains.get(domain) else { return };
        let number = &mut self.numbers[domain];
        let stream = Stream::new(self.world.seed, Purpose::Simulation, domain as u32, *number, 0);
        *number += 1;
        if let Some(shock) = self.world.shock.filter(|shock| shock.at == self.drawn) {
            let trained = self.counts(|counts| counts.trained.groups);
            self.shocked = Some((trained, Some(shock.at)));
        }
        let slower = self.world.shock.filter(|shock| shock.domain == domain && self.drawn >= shock.at);
        // A log-normal time with the stated mean and spread.
        let spread = self.world.pipeline.spread;
        let variance = libm::log(1.0 + spread * spread);
        let factor = libm::exp(libm::sqrt(variance) * stream.normal(0) - variance / 2.0);
        let seconds = what.seconds * factor * slower.map_or(1.0, |shock| shock.factor);
        let group_size = self.world.pipeline.group_size;
        let solved = (0..group_size).filter(|at| stream.uniform(2 + *at as u32) < what.solved).count();
        self.flight.push(Reverse(Flight { at: self.now + seconds, draw: self.drawn }));
        self.open.push_back(Drawn {
            domain,
            tokens: (what.tokens * factor * group_size as f64) as u64,
            solved: solved as f64 / group_size.max(1) as f64,
            kept: stream.uniform(1) < what.kept,
            returned: false,
        });
        self.counters.domain(&what.name).sampled.groups += 1;
        self.counters.draw += 1;
        self.possible += 1;
        self.drawn += 1;
        self.point();
    }

    /// Moves the clock, and counts slots without a group.
    fn pass(&mut self, to: f64) {
        let passed = to - self.now;
        if self.drawn < self.world.groups {
            let slots = self.world.pipeline.slots;
            self.slots_time += passed * slots as f64;
            self.slots_idle += passed * (slots - self.flight.len()) as f64;
        }
        self.now = to;
    }

    /// The next group returns.
    fn returned(&mut self, at: f64) {
        self.pass(at);
        let Some(Reverse(flight)) = self.flight.pop() else { return };
        let Some(drawn) = self.open.get_mut((flight.draw - self.front) as usize) else { return };
        drawn.returned = true;
        let (domain, tokens, kept) = (drawn.domain, drawn.tokens, drawn.kept);
        let name = self.targets[domain].0;
        let rollouts = self.world.pipeline.group_size;
        let counts = self.counters.domain(name);
        // A group counts as sampled when it is drawn; its rollouts and tokens do when they are there.
        counts.sampled.rollouts += rollouts;
        counts.sampled.tokens += tokens;
        pass(&mut counts.completed, rollouts, tokens);
        if kept {
            *self.waiting.entry(name).or_insert(0) += 1;
        } else {
            self.possible -= 1;
        }
    }

    /// Trains the next batch when it is full and the trainer is free: the next kept groups in draw order.
    fn begin_training(&mut self) -> Result<(), RunError> {
        while self.training.is_none() {
            while let Some(next) = self.open.front().copied().filter(|next| next.returned) {
                if (self.batch.len() as u64) >= self.world.pipeline.batch {
                    break;
                }
                self.open.pop_front();
                self.front += 1;
                if next.kept {
                    self.batch.push(next);
                }
            }
            if (self.batch.len() as u64) < self.world.pipeline.batch.max(1) {
                return Ok(());
            }
            self.first_batch.get_or_insert(self.now);
            self.busy += self.world.pipeline.train_seconds;
            self.training = Some(self.now + self.world.pipeline.train_seconds);
            if self.world.pipeline.train_seconds == 0.0 {
                self.trained(self.now)?;
            }
        }
        Ok(())
    }

    /// The batch in training is done.
    fn trained(&mut self, at: f64) -> Result<(), RunError> {
        self.pass(at);
        self.training = None;
        let rollouts = self.world.pipeline.group_size;
        let batch = std::mem::take(&mut self.batch);
        let mut means: Vec<Option<(BatchMeans, f64)>> = vec![None; self.world.domains.len()];
        for group in &batch {
            let name = self.targets[group.domain].0;
            pass(&mut self.counters.domain(name).trained, rollouts, group.tokens);
            if let Some(waiting) = self.waiting.get_mut(name) {
                *waiting = waiting.saturating_sub(1);
            }
            self.possible -= 1;
            let (sums, n) = means[group.domain].get_or_insert_default();
            sums.total += group.solved;
            sums.solve_rate += group.solved;
            sums.length += group.tokens as f64 / rollouts.max(1) as f64;
            *n += 1.0;
        }
        self.counters.step += 1;
        if let Rule::Recipe(sampler) = self.rule {
            let mean = |(sums, n): (BatchMeans, f64)| BatchMeans {
                total: sums.total / n,
                solve_rate: sums.solve_rate / n,
                length: sums.length / n,
            };
            let means = means.into_iter().map(|sums| sums.map(mean)).collect();
            let progress = self.progress();
            sampler.observe_means(means, &mut self.counters, progress)?;
        }
        self.since_shock();
        Ok(())
    }

    /// Looks at what was trained since the shock.
    fn since_shock(&mut self) {
        let trained = self.counts(|counts| counts.trained.groups);
        let Some((before, off)) = &mut self.shocked else { return };
        let since: Vec<u64> = trained.iter().zip(before.iter()).map(|(now, then)| now - then).collect();
        if variation(&since, &self.ratios) > RECOVERED {
            *off = Some(self.drawn);
        }
    }

    fn counts(&self, of: impl Fn(&crate::counters::DomainCounts) -> u64) -> Vec<u64> {
        self.targets.iter().map(|(name, _)| self.counters.domains.get(*name).map_or(0, &of)).collect()
    }

    /// Keeps the distances at some draws.
    fn point(&mut self) {
        let every = (self.world.groups / POINTS).max(1);
        if self.drawn.is_multiple_of(every) {
            self.keep_point();
        }
    }

    fn keep_point(&mut self) {
        let variation = |counts: Vec<u64>| variation(&counts, &self.ratios);
        let point = Point {
            groups: self.drawn,
            seconds: self.now,
            sampled: variation(self.counts(|counts| counts.sampled.groups)),
            completed: variation(self.counts(|counts| counts.completed.groups)),
            trained: variation(self.counts(|counts| counts.trained.groups)),
        };
        self.points.push(point);
    }

    fn outcome(mut self) -> Outcome {
        self.keep_point();
        let since_first = self.first_batch.map_or(0.0, |first| self.now - first);
        let shock = self.world.shock.map(|shock| shock.at);
        // Off at the last look is off for good.
        let looked = self.counters.step;
        let recovery = match (&self.shocked, shock) {
            (Some((before, Some(off))), Some(at)) if looked > 0 => {
                let trained = self.counts(|counts| counts.trained.groups);
                let since: Vec<u64> = trained.iter().zip(before).map(|(now, then)| now - then).collect();
                (variation(&since, &self.ratios) <= RECOVERED).then(|| off - at)
            }
            _ => None,
        };
        Outcome {
            sampled: self.counts(|counts| counts.sampled.groups),
            completed: self.counts(|counts| counts.completed.groups),
            trained: self.counts(|counts| counts.trained.groups),
            seconds: self.now,
            recovery,
            slots_idle: if self.slots_time > 0.0 { self.slots_idle / self.slots_time } else { 0.0 },
            trainer_idle: (self.busy > 0.0 && since_first > 0.0).then(|| 1.0 - (self.busy / since_first).min(1.0)),
            steps: self.counters.step,
            points: self.points,
        }
    }
}

fn pass(passed: &mut Passed, rollouts: u64, tokens: u64) {
    passed.groups += 1;
    passed.rollouts += rollouts;
    passed.tokens += tokens;
}
