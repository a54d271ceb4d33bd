//! Executes a plan: rollouts, rewards and training on candle.
pub mod data;
pub mod rng;
pub mod verify;
