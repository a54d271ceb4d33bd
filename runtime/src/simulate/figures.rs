//! What a simulation gives.

/// What is trained after a shock counts as made up for when it stays within this total variation of the ratios.
pub const RECOVERED: f64 = 0.02;

/// Distances from the ratios at one moment, as total variation of the shares in groups.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Point {
    /// Groups drawn so far.
    pub groups: u64,
    /// Seconds so far.
    pub seconds: f64,
    /// Of what was drawn.
    pub sampled: f64,
    /// Of what has returned.
    pub completed: f64,
    /// Of what has reached the optimizer.
    pub trained: f64,
}

/// What a rule did.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// Groups by domain that were drawn.
    pub sampled: Vec<u64>,
    /// Groups by domain that returned.
    pub completed: Vec<u64>,
    /// Groups by domain that reached the optimizer.
    pub trained: Vec<u64>,
    /// Distances on the way, at growing numbers of groups, and at the end.
    pub points: Vec<Point>,
    /// Seconds until the last group had returned and the last batch was trained.
    pub seconds: f64,
    /// Groups drawn from the shock on until what is trained from then on stays within [`RECOVERED`] of the ratios. None when it never
    /// does, or where there is no shock.
    pub recovery: Option<u64>,
    /// Share of the slots' time without a group, up to the last draw.
    pub slots_idle: f64,
    /// Share of the trainer's time without a batch, from its first batch to the end. None when training takes no time.
    pub trainer_idle: Option<f64>,
    /// Optimizer steps.
    pub steps: u64,
}

impl Outcome {
    /// The last point.
    pub fn last(&self) -> Point {
        let none = Point { groups: 0, seconds: 0.0, sampled: 1.0, completed: 1.0, trained: 1.0 };
        self.points.last().copied().unwrap_or(none)
    }

    /// The distance of what was trained when so many groups had been drawn: that of the first point from there on.
    pub fn trained_after(&self, groups: u64) -> f64 {
        self.points.iter().find(|point| point.groups >= groups).map_or(self.last().trained, |point| point.trained)
    }
}

/// Total variation between counts and target shares: half the sum of the absolute differences; 1 when nothing was counted.
pub fn variation(counts: &[u64], ratios: &[f64]) -> f64 {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return 1.0;
    }
    counts.iter().zip(ratios).map(|(n, ratio)| (*n as f64 / total as f64 - ratio).abs()).sum::<f64>() / 2.0
}
